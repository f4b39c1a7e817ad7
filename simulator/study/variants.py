"""Files that name losses with settings: --variants, written by people, and --tuned, written by `vickrey study tune`."""

import contextlib
import json
import re

import files
import yaml_file
from faults import Fault
from grid import Contestant, check_key, contestant


def read_variants(path):
    """Name -> Contestant."""
    found = {}
    document = yaml_file.read(path, "--variants")
    for name, entry in document.items():
        line = document.lines[name]
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 .,_@+-]{0,63}", name):
            raise Fault(f"{path}: '{name}' cannot be a name: at most 64 letters, digits, blanks and .,_@+-", "--variants", line)
        if not isinstance(entry, dict):
            raise Fault(f"{path}: {name}: is not a mapping with the keys loss and set", "--variants", line)
        yaml_file.check_keys(entry, ("loss", "set"), f"{path}: {name}", "--variants")
        if not isinstance(entry.get("loss"), str):
            raise Fault(f"{path}: {name}: loss is required: NAME or NAME@LABELS", "--variants", line)
        base = contestant(entry["loss"], "--variants")
        settings = entry.get("set", {})
        if not isinstance(settings, dict):
            raise Fault(f"{path}: {name}.set: is not a mapping of keys to values", "--variants", line)
        for key in settings:
            check_key(key, "--variants", settings.lines[key])
        if name == base.name and settings:
            raise Fault(f"{path}: '{name}' is the name of the loss without settings; name it otherwise", "--variants", line)
        found[name] = Contestant(name, base.loss, base.labels, dict(settings))
    return found


class Tuned:
    """What `vickrey study tune` found."""

    def __init__(self, path):
        self.document = self._read(path)
        if self.document.get("kind") != "tune" or self.document.get("format") != 1:
            raise Fault(f"{path}: kind '{self.document.get('kind')}' and format {self.document.get('format')} were found; "
                        "kind 'tune' and format 1 are read, as `vickrey study tune` writes them", "--tuned")
        self.path = path
        try:
            self.settings = {(scenario["name"], loss["name"]): loss["settings"]
                             for scenario in self.document["scenarios"] for loss in scenario["losses"]}
            for settings in self.settings.values():
                for key in settings:
                    check_key(key, "--tuned")
            self.seeds = {*self.document["config"]["seeds"], *self.document["config"]["test_seeds"]}
        except (KeyError, TypeError, AttributeError) as error:
            raise Fault(f"{path}: is not as `vickrey study tune` wrote it: {error!r} is missing or wrong", "--tuned") from error

    @staticmethod
    def _read(path):
        found = None
        if path.is_file():  # a pipe or a device may never end
            with contextlib.suppress(OSError, ValueError, RecursionError):
                read = json.loads(path.read_text(encoding="utf-8"))
                files.digest(read)  # no NaN, no half of a character
                found = read
        if not isinstance(found, dict):
            raise Fault(f"{path} is not there or is not JSON with an object; `vickrey study tune` writes such a file", "--tuned")
        return found

    def check(self, scenarios, contestants, seeds):
        used = sorted(self.seeds & set(seeds))
        if used:
            raise Fault(f"seed {used[0]} was seen by the tuning of {self.path}; take others than "
                        f"{', '.join(map(str, sorted(self.seeds)))}", "--seeds")
        for scenario in scenarios:
            for one in contestants:
                if not one.settings and (scenario.name, one.name) not in self.settings:
                    raise Fault(f"{self.path} has not tuned '{one.name}' on '{scenario.name}': all must be tuned, or none", "--tuned")

    def apply(self, scenario, one):
        if one.settings:  # a variant says itself what it is
            return one
        return Contestant(one.name, one.loss, one.labels, self.settings[scenario.name, one.name], tuned=True)
