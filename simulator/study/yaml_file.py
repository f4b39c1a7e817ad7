"""YAML (or JSON) files, read as strictly as the other programs read theirs: no key twice, errors with their line."""

import math
import re

import yaml

from faults import Fault

MAX_BYTES = 1 << 20


class _Mapping(dict):
    """A mapping that knows the lines of its keys."""

    def __init__(self):
        super().__init__()
        self.lines = {}


def _why_not(value):
    """Why a value of a mapping, which may be a list, is none that the other programs read; None where it is one."""
    if isinstance(value, list):
        return next((why for why in map(_why_not, value) if why is not None), None)
    if value is None or isinstance(value, (bool, str, _Mapping)):
        return None
    if isinstance(value, int):
        return None if -2**63 <= value < 2**64 else f"{str(value)[:30]} has more than 64 bits"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{value} is not a finite number"
    return f"{value!s:.30} is {type(value).__name__}, neither a number nor a text; in quotes it is a text"


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node, deep=False):
        mapping = _Mapping()
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if not isinstance(key, str):
                raise Fault(f"the key '{key}' is not a text", line=line)
            if key in mapping:
                raise Fault(f"the key '{key}' comes twice", line=line)
            mapping[key] = self.construct_object(value_node, deep=True)
            why = _why_not(mapping[key])
            if why is not None:
                raise Fault(f"{key}: {why}", line=line)
            mapping.lines[key] = line
        return mapping


# 1e-3 is a number to everybody but YAML 1.1.
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+"), "-+.0123456789")
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, lambda loader, node: loader.construct_mapping(node))


def read(path, field):
    """The mapping that a file holds; .lines of it and of every mapping in it tell where a key stands."""
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Fault(f"cannot read {path}: {error.strerror}", field, code="NOT_FOUND") from error
    if len(text) > MAX_BYTES:
        raise Fault(f"{path} has more than {MAX_BYTES} bytes, which are all that is read", field)
    try:
        value = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
        raise Fault(f"{path} is not YAML: {problem}", field, None if mark is None else mark.line + 1) from error
    except RecursionError:
        raise Fault(f"{path} is nested too deeply", field) from None
    except Fault as fault:
        raise Fault(f"{path}: {fault.message}", field, fault.line) from None
    if not isinstance(value, _Mapping):
        raise Fault(f"{path} is not a mapping of keys to values", field)
    return value


def line_of(document, field):
    """Where a field such as heads[2].loss stands in what `read` found, or what holds it, or the first of its parts; None where none
    of these is there. A key may be several names, as optimizer.epochs."""
    value, line, rest = document, None, field or ""
    while rest:
        if isinstance(value, dict):
            key = max((key for key in value if rest == key or rest.startswith((f"{key}.", f"{key}["))), key=len, default=None)
            if key is None:
                return min((getattr(value, "lines", {}).get(key) for key in value if key.startswith(f"{rest}.")), default=line)
            value, line, rest = value[key], getattr(value, "lines", {}).get(key, line), rest[len(key):]
        else:
            index = re.match(r"\[(\d+)\]", rest)
            if not index or not isinstance(value, list) or int(index[1]) >= len(value):
                break
            value, rest = value[int(index[1])], rest[index.end():]
            line = min(getattr(value, "lines", {}).values(), default=line)
        rest = rest.removeprefix(".")
    return line


def check_keys(mapping, known, where, field):
    for key in mapping:
        if key not in known:
            raise Fault(f"{where}: unknown key '{key}'; known keys: {', '.join(known)}", field, mapping.lines[key])
