"""The settings of a walk-forward: `vickrey study walkforward --settings FILE`, keys of ForecastConfig.

    common: {walk_forward.in_sample: 1000, optimizer.epochs: 20}   for everybody
    models:                                                       for a model, whatever it is trained by
      lstm: {model.width: 16}
    losses:                                                       for a loss, whatever model it trains
      gmadl: {loss.b: 0.5, candidates: [{settings: {loss.a: 1}}, {settings: {loss.a: 3}}]}
    variants:                                                     losses under names of their own, over those of the loss
      steep: {loss: gmadl, loss.a: 10}
"""

import re

import yaml_file
from faults import Fault
from grid import put
from keyed_settings import KeyedSettings, Rules

MODELS = ("perceptron", "lstm", "transformer")
LOSSES = ("mse", "mae", "madl", "gmadl")
COMMON_ONLY = (("walk_forward", "strategy", "selection"),  # or else what is compared would not be the same periods
               "must be the same for all, so it belongs to common")
RULES = Rules("ForecastConfig", "optimizer.epochs", {"models": MODELS, "losses": LOSSES},
              own=("seed", "threads", "model.architecture", "loss.loss", "strategy.periods_per_year"),
              shared={"models": COMMON_ONLY, "losses": COMMON_ONLY}, rest=("variants",))


class Settings(KeyedSettings):
    def __init__(self, path, periods_per_year):
        super().__init__(path, RULES)
        self.periods_per_year = periods_per_year
        self.bases = {name: name for name in LOSSES}  # what each name trains by
        self.variants = self._variants(self.rest["variants"])
        self.document["variants"] = {name: {"loss": self.bases[name], **keys} for name, keys in self.variants.items()}

    def _variants(self, found):
        variants = {}
        for name, mapping in found.items():
            line = found.lines[name]
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}", name) or name in LOSSES:
                raise Fault(f"{self.path}: variants: '{name}' cannot be a name: at most 64 letters, digits and ._+-, and not that of a loss",
                            "--settings", line)
            self.bases[name] = mapping.pop("loss", None) if isinstance(mapping, dict) else None
            if self.bases[name] not in LOSSES:
                raise Fault(f"{self.path}: variants.{name}: loss is required: one of {', '.join(LOSSES)}", "--settings", line)
            variants[name] = self._keys(found, f"variants.{name}", mapping, "losses", name)
        return variants

    def line_of(self, field, model, loss):
        line = yaml_file.line_of(self.variants.get(loss), field)
        return line if line is not None else super().line_of(field, models=model, losses=self.bases[loss])

    def config(self, model, loss, seed):
        """A ForecastConfig. `loss`: one, or a variant."""
        base = self.bases[loss]
        found = self.over({"seed": seed, "threads": 1, "model": {"architecture": model}, "loss": {"loss": base},
                           "strategy": {"periods_per_year": self.periods_per_year}}, models=model, losses=base)
        for key, value in self.variants.get(loss, {}).items():
            put(found, key, value)
        return found
