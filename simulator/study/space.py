"""What `vickrey study tune` searches: a file of keys of TrainConfig with what each may be.

    common:                                        for every loss
      optimizer.learning_rate: {log: [0.003, 0.3]}
      optimizer.batch_auctions: {choice: [128, 256, 512]}
    losses:
      welfare_rank:                                for this one, on any labels; or NAME@LABELS
        loss.sigma: {uniform: [1, 8]}
"""

import math
import random

import yaml_file
from faults import Fault
from grid import check_key, contestant

RANGES = ("choice", "uniform", "log", "whole")


class Range:
    def __init__(self, where, mapping, line):
        self.where, self.line = where, line
        if not isinstance(mapping, dict) or len(mapping) != 1 or next(iter(mapping)) not in RANGES:
            self._refuse(f"is {mapping!r}; it must be one of {', '.join('{%s: [...]}' % kind for kind in RANGES)}")
        self.kind, self.values = next(iter(mapping.items()))
        if not isinstance(self.values, list) or not self.values:
            self._refuse(f"{self.kind} is {self.values!r}; it must be a list")
        if self.kind != "choice":
            self._check_ends()
        elif any(isinstance(value, dict) or value is None for value in self.values):
            self._refuse("choice holds a mapping or nothing; it must hold values or lists of them")

    def _refuse(self, why):
        raise Fault(f"{self.where}: {why}", "--space", self.line)

    def _check_ends(self):
        numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) for value in self.values)
        if not numbers or len(self.values) != 2 or self.values[0] >= self.values[1]:
            self._refuse(f"{self.kind} is {self.values}; it must be [LOW, HIGH] with numbers LOW < HIGH")
        if self.kind == "log" and self.values[0] <= 0:
            self._refuse(f"log is {self.values}; LOW must be above 0")
        low, high = map(float, self.values)
        if not math.isfinite(high / low if self.kind == "log" else high - low):
            self._refuse(f"{self.kind} is {self.values}; that is too wide")
        if self.kind == "whole" and not all(isinstance(value, int) for value in self.values):
            self._refuse(f"whole is {self.values}; both must be whole numbers")

    def value(self, u):
        """The value at u in [0, 1), by its law."""
        if self.kind == "choice":
            return self.values[int(u * len(self.values))]
        low, high = self.values
        if self.kind == "whole":
            return low + int(u * (high - low + 1))
        drawn = low * (high / low) ** u if self.kind == "log" else low + u * (high - low)
        return float(f"{drawn:.6g}")  # few digits, so that people can repeat it


class Space:
    def __init__(self, path):
        self.path = path
        self.document = yaml_file.read(path, "--space")
        yaml_file.check_keys(self.document, ("common", "losses"), str(path), "--space")
        self.common = self._ranges(self.document.get("common", {}), "common", self.document.lines.get("common"))
        losses = self.document.get("losses", {})
        if not isinstance(losses, dict):
            raise Fault(f"{path}: losses: is not a mapping of losses to keys", "--space", self.document.lines["losses"])
        self.losses = {}
        for name in losses:
            try:
                contestant(name, "--space")
            except Fault as fault:
                raise Fault(f"{path}: losses: {fault.message}", "--space", losses.lines[name]) from None
            self.losses[name] = self._ranges(losses[name], f"losses.{name}", losses.lines[name])

    def _ranges(self, mapping, where, line):
        if not isinstance(mapping, dict):
            raise Fault(f"{self.path}: {where}: is not a mapping of keys to ranges", "--space", line)
        found = {}
        for key, value in mapping.items():
            check_key(key, "--space", mapping.lines[key])
            if key == "optimizer.epochs" or key.startswith("teacher."):
                why = "epochs are what the budget is counted in" if key == "optimizer.epochs" else "the teacher is shared by all losses"
                raise Fault(f"{self.path}: {where}.{key}: cannot be searched: {why}", "--space", mapping.lines[key])
            found[key] = Range(f"{self.path}: {where}.{key}", value, mapping.lines[key])
        return found

    def of(self, one):
        """Key -> Range of a loss."""
        return {**self.common, **self.losses.get(one.loss, {}), **self.losses.get(one.name, {})}

    def check_losses(self, contestants):
        for one in contestants:
            if not self.of(one):
                raise Fault(f"{self.path}: there is nothing to search for '{one.name}': neither common, nor losses.{one.loss} or "
                            f"losses.{one.name} has a key", "--space")

    def draw(self, one, trial, search_seed):
        """The settings of a trial; 0 is the defaults. What losses have in common is drawn alike for all of them."""
        if trial == 0:
            return {}
        return {key: found.value(random.Random(f"{search_seed}/{trial}/{key}").random()) for key, found in self.of(one).items()}
