"""Settings of a study: a file with keys of a configuration, for everybody and for some names of what is compared.

    common: {KEY: VALUE}                 for everybody
    losses:                              a group: for one of its names; groups come one over the other, in their order
      gmadl: {KEY: VALUE}
"""

import dataclasses
import re

import yaml_file
from faults import Fault
from grid import put
from programs import about_config


@dataclasses.dataclass(frozen=True)
class Rules:
    configuration: str  # the message whose keys they are
    example: str  # a key of it
    groups: dict  # name of a group -> the names in it
    own: tuple  # keys that are the study's
    shared: dict  # name of a group -> (keys that its names must have alike, why not there)
    rest: tuple = ()  # mappings of the file that the study itself reads
    others: tuple = ()  # keys of the file that hold something else, which the study itself reads from `given`


class KeyedSettings:
    """Without a file: the program's own defaults."""

    def __init__(self, path, rules):
        self.path, self.rules = path, rules
        self.given = document = {} if path is None else yaml_file.read(path, "--settings")
        if path is not None:
            yaml_file.check_keys(document, ("common", *rules.groups, *rules.rest, *rules.others), str(path), "--settings")
        self.document = {"common": self._keys(document, "common", document.get("common", {}), None)}
        for group, names in rules.groups.items():
            self.document[group] = self._each(document, group, names)
        self.rest = {name: self._mapping(document, name, "names") for name in rules.rest}

    def over(self, config, **chosen):
        """Puts the keys over a configuration: those of all, then those of the name that was chosen of each group."""
        for keys in self._layers(chosen):
            for key, value in keys.items():
                put(config, key, value)
        return config

    def line_of(self, field, **chosen):
        """Where the value of a field of a configuration stands that is so made, or what holds it; None where it is a default."""
        return next((line for keys in reversed(self._layers(chosen)) if (line := yaml_file.line_of(keys, field)) is not None), None)

    def fault(self, what, fault, path, line):
        """What a program refused of a configuration that was so made and lies at `path`, as a fault of the file."""
        message = f"{what}: {about_config(fault.message, path)}"
        return Fault(message if self.path is None else f"{self.path}: {message}", "--settings", line, code=fault.code, exit_code=fault.exit_code)

    def _layers(self, chosen):
        return [self.document["common"], *(self.document[group].get(chosen[group], {}) for group in self.rules.groups)]

    def _mapping(self, document, key, of):
        found = document.get(key, {})
        if not isinstance(found, dict):
            raise Fault(f"{self.path}: {key}: is not a mapping of {of} to keys", "--settings", document.lines[key])
        return found

    def _each(self, document, group, known):
        found = self._mapping(document, group, group)
        if found:
            yaml_file.check_keys(found, known, f"{self.path}: {group}", "--settings")
        return {name: self._keys(found, f"{group}.{name}", found[name], group, name) for name in found}

    def _keys(self, holder, where, mapping, group, name=None):
        if not isinstance(mapping, dict):
            raise Fault(f"{self.path}: {where}: is not a mapping of keys to values", "--settings", holder.lines[name or where])
        shared, why = self.rules.shared.get(group, ((), ""))
        for key in mapping:
            own = next((own for own in self.rules.own if key == own or key.startswith(own + ".") or own.startswith(key + ".")), None)
            line = mapping.lines[key]
            if not re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*", key):
                raise Fault(f"{self.path}: {where}: '{key}' is not a key of {self.rules.configuration}, such as {self.rules.example}",
                            "--settings", line)
            if own is not None:
                raise Fault(f"{self.path}: {where}: '{key}' is the study's own; not to be set: {', '.join(self.rules.own)}", "--settings", line)
            if key.split(".")[0] in shared:
                raise Fault(f"{self.path}: {where}: '{key}' {why}", "--settings", line)
        return mapping
