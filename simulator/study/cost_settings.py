"""The settings of a study of costs: `vickrey study cost --settings FILE`, of which cost.yaml, the default, has every part.

    market:                      MarketConfig of the log that is trained on, and its `auctions` and `seed`
    common: {KEY: VALUE}         keys of TrainConfig for every model
    models:                      NAME: `fields`, `embedding`, `buckets`, and keys of TrainConfig
    points: [{AXIS: [VALUES]}]   grids; what is measured is their union (cost_grid.py)
    curve: {epochs: 6, most_parameters: 5000000, rate_batch: 256}   which models get a curve, of so many passes
    measure: {seconds: 1, repeats: 5, warmup: 3}

With `rate_batch` learning rates are those of a batch of so many auctions, and grow with the square root of the batch from there.

Models with the same number of fields are trained on the same log. Losses of others do not compare: `curve: {models: [NAME]}` says
which get a curve.
"""

import math
import pathlib
import re

import files
import yaml_file
from cost_grid import AXES, Point
from faults import Fault
from grid import put
from keyed_settings import KeyedSettings, Rules
from programs import about_config

DEFAULT = pathlib.Path(__file__).with_name("cost.yaml")
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
TRAIN_SHARE, VALIDATION_SHARE, WARMUP_SHARE = 0.8, 0.2, 0.02
CANDIDATES = 8  # of an auction, where the market does not say
RATE, MOST_RATE = 0.03, 10  # of learning: where none is given, and the greatest that the trainer takes
MOST_POINTS = 10_000
JUDGED = 2000  # auctions, the same for every curve
PEER_SECONDS = 60  # by then the others of a process that is gone give up
OWN_KEYS = ("name", "seed", "version", "threads", "device", "precision", "data", "checkpoint", "peer_seconds", "parallel", "evaluation", "teacher",
            "loss", "optimizer.batch_auctions", "optimizer.tables", "optimizer.epochs", "optimizer.schedule", "optimizer.warmup",
            "model.attention")
SHAPE = {"fields": (0, 1000), "embedding": (1, 65536), "buckets": (2, 4 * 10**9)}  # of a model's features: its keys, and from what to what
RULES = Rules("TrainConfig", "optimizer.learning_rate", {}, own=OWN_KEYS, shared={},
              rest=("market", "models", "curve", "measure"), others=("points",))


class Settings(KeyedSettings):
    def __init__(self, path):
        super().__init__(path or DEFAULT, RULES)
        for part in ("market", "models", "points"):
            if part not in self.given:
                raise Fault(f"{self.path}: {part} is required", "--settings")
        self.market = self._market()
        self.models = {name: self._model(name) for name in self.rest["models"]}
        if not self.models:
            raise Fault(f"{self.path}: models: names at least one", "--settings", self.given.lines["models"])
        self.points = self._points()
        curve, measure = self.rest["curve"], self.rest["measure"]
        yaml_file.check_keys(curve, ("epochs", "most_parameters", "models", "rate_batch"), f"{self.path}: curve", "--settings")
        yaml_file.check_keys(measure, ("seconds", "repeats", "warmup"), f"{self.path}: measure", "--settings")
        self.epochs = self._whole(curve, "curve", "epochs", 1, 100_000, 6)
        self.most_parameters = self._whole(curve, "curve", "most_parameters", 0, 10**15, 5_000_000)
        self.curve_models = self._listed(curve, "curve", "models", tuple(self.models)) if "models" in curve else None
        if self.curve_models is not None and "most_parameters" in curve:
            self._refuse(curve, "curve", "models", "and most_parameters both say which models get a curve; name one of them")
        self.rate_batch = self._whole(curve, "curve", "rate_batch", 1, 1_000_000) if "rate_batch" in curve else None
        self.measure = {"seconds": self._number(measure, "measure", "seconds", 0, 3600, 1.0),
                        "repeats": self._whole(measure, "measure", "repeats", 1, 1000, 5),
                        "warmup": self._whole(measure, "measure", "warmup", 1, 100_000, 3)}

    # What is made of them.

    def as_document(self):
        return {"market": self.rest["market"], "common": self.document["common"], "models": self.rest["models"], "points": self.given["points"],
                "curve": {"epochs": self.epochs, "rate_batch": self.rate_batch,
                          **({"most_parameters": self.most_parameters} if self.curve_models is None else {"models": self.curve_models})},
                "measure": self.measure}

    def market_config(self, fields):
        """A MarketConfig."""
        config = {key: value for key, value in self.rest["market"].items() if key not in ("auctions", "seed")}
        config["extra"] = {**config.get("extra", {}), "categorical": fields}
        return config

    def curve_examples(self):
        """How many candidates a curve is trained on: those of so many passes over the training auctions."""
        market = self.rest["market"]
        least = market.get("candidates", CANDIDATES)
        return round(self.epochs * TRAIN_SHARE * self.market["auctions"] * (least + market.get("max_candidates", least)) / 2)

    def shape(self, model):
        """Of its features: what its schema is a function of, beside the market's."""
        return {key: self.models[model][key] for key in SHAPE}

    def architecture(self, model):
        return self.models[model]["model.architecture"]

    def train_config(self, point, schema):
        """A TrainConfig, without its name."""
        config = {"seed": self.market["seed"], "threads": point.threads, "device": point.device, "precision": point.precision,
                  "peer_seconds": PEER_SECONDS, "data": {"schema": schema, "train": TRAIN_SHARE, "validation": VALIDATION_SHARE},
                  "loss": {"loss": "logloss", "labels": "click"},
                  "optimizer": {"batch_auctions": point.batch_auctions, "tables": point.tables, "schedule": "constant", "warmup": WARMUP_SHARE},
                  "evaluation": {"metric": "logloss", "auctions": JUDGED}}
        model = self.models[point.model]
        if self.architecture(point.model) == "autoint":
            put(config, "model.field_width", model["embedding"])
            put(config, "model.attention", point.attention)
        if point.workers > 1:
            put(config, "parallel.communication", point.communication)
        for keys in (self.document["common"], model):
            for key, value in keys.items():
                if key not in SHAPE:
                    put(config, key, value)
        self._scale_rates(config["optimizer"])
        return config

    def _scale_rates(self, optimizer):
        if self.rate_batch is None:
            return
        for key in ("learning_rate", "tables_learning_rate"):
            rate = optimizer.get(key, RATE if key == "learning_rate" else None)
            if isinstance(rate, (int, float)) and not isinstance(rate, bool):  # what else there is, the trainer refuses
                optimizer[key] = min(MOST_RATE, rate * math.sqrt(optimizer["batch_auctions"] / self.rate_batch))

    def refused(self, model, fault):
        """What the trainer refused of a model's configuration, as a fault of the file."""
        mapping = self.rest["models"]
        line = yaml_file.line_of(mapping[model], fault.field) or yaml_file.line_of(self.document["common"], fault.field) or mapping.lines[model]
        return Fault(f"{self.path}: models.{model}: {fault.message}", "--settings", line)

    def market_refused(self, fault, path):
        market = self.rest["market"]
        message = about_config(fault.message.split(f"{path}: ", 1)[-1], path)
        return Fault(f"{self.path}: market: {message}", "--settings", yaml_file.line_of(market, fault.field) or self.given.lines["market"])

    # Its parts.

    def _market(self):
        market = self.rest["market"]
        found = {"auctions": self._whole(market, "market", "auctions", 100, 10**9), "seed": self._whole(market, "market", "seed", 0, 2**64 - 1, 1)}
        for key in ("candidates", "max_candidates"):
            self._whole(market, "market", key, 1, 10_000, CANDIDATES)
        extra = market.get("extra", {})
        if not isinstance(extra, dict):
            self._refuse(market, "market", "extra", "is not a mapping of keys to values")
        if "categorical" in extra:
            self._refuse(extra, "market.extra", "categorical", "is the study's own: each model says its `fields`")
        return found

    def _model(self, name):
        models = self.rest["models"]
        if not re.fullmatch(NAME, name):
            raise Fault(f"{self.path}: models: '{name}' cannot be a name: at most 64 letters, digits and ._-, of which the first is a letter or a "
                        "digit", "--settings", models.lines[name])
        where, mapping = f"models.{name}", self._keys(models, f"models.{name}", models[name], "models", name)
        for key, (least, most) in SHAPE.items():
            self._whole(mapping, where, key, least, most, line=models.lines[name])
        if not isinstance(mapping.get("model.architecture"), str):
            raise Fault(f"{self.path}: {where}: model.architecture is required: a text", "--settings",
                        mapping.lines.get("model.architecture", models.lines[name]))
        return mapping

    def _points(self):
        """Point -> the line where it comes from."""
        grids, line = self.given["points"], self.given.lines["points"]
        if not isinstance(grids, list) or not grids or not all(isinstance(grid, dict) for grid in grids):
            raise Fault(f"{self.path}: points: is not a list of mappings of axes to lists of values", "--settings", line)
        found = {}
        for number, grid in enumerate(grids):
            where = f"points[{number}]"
            line = min(grid.lines.values(), default=line)
            yaml_file.check_keys(grid, [axis.plural for axis in AXES], f"{self.path}: {where}", "--settings")
            for axis in AXES:
                if axis.default is None and axis.plural not in grid:
                    raise Fault(f"{self.path}: {where}: {axis.plural} is required", "--settings", line)
            values = {axis.name: self._listed(grid, where, axis.plural, tuple(self.models) if axis.name == "model" else axis.allowed, axis.most)
                      if axis.plural in grid else [axis.default] for axis in AXES}
            size = math.prod(map(len, values.values()))
            if size > MOST_POINTS:
                raise Fault(f"{self.path}: {where}: is a grid of {size} points; at most {MOST_POINTS} are allowed", "--settings", line)
            for point in Point.product(values, self.architecture):
                found.setdefault(point, line)
        return found

    # Values.

    def _refuse(self, holder, where, key, why):
        raise Fault(f"{self.path}: {where}.{key}: {why}", "--settings", holder.lines[key])

    def _whole(self, holder, where, key, least, most, default=None, line=None):
        if key not in holder and default is None:
            raise Fault(f"{self.path}: {where}: {key} is required: a whole number from {least} to {most}", "--settings",
                        line or self.given.lines.get(where))
        value = holder.get(key, default)
        if not _is_whole(value, least, most):
            self._refuse(holder, where, key, f"{files.canonical(value)} is not a whole number from {least} to {most}")
        return value

    def _number(self, holder, where, key, least, most, default):
        value = holder.get(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or not least <= value <= most:
            self._refuse(holder, where, key, f"{files.canonical(value)} is not a number from {least} to {most}")
        return float(value)

    def _listed(self, holder, where, key, allowed, most=None):
        values = holder[key]
        if not isinstance(values, list) or not values:
            self._refuse(holder, where, key, "is not a list of values, such as [a, b]")
        for value in values:
            if allowed is None and not _is_whole(value, 1, most):
                self._refuse(holder, where, key, f"{files.canonical(value)} is not a whole number from 1 to {most}")
            if allowed is not None and value not in allowed:
                self._refuse(holder, where, key, f"{files.canonical(value)} is not one of {', '.join(allowed)}")
        return [*dict.fromkeys(values)]


def _is_whole(value, least, most):
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most
