"""What a study of costs is a grid of: axes, the points of their grids, and which of them a machine can measure."""

import dataclasses
import itertools
import re

DEVICES = ("cpu", "cuda")


@dataclasses.dataclass(frozen=True)
class Axis:
    name: str  # in a point
    plural: str  # in a grid of the settings
    default: object  # where a grid does not name it; None: it must
    allowed: tuple | None = None  # its values; None: whole numbers from 1
    most: int = 0  # to this


AXES = (
    Axis("model", "models", None, ()),  # those of the settings
    Axis("device", "devices", "cpu", DEVICES),
    Axis("threads", "threads", 1, most=1024),
    Axis("precision", "precisions", "float32", ("float32", "bfloat16")),
    Axis("workers", "workers", 1, most=65536),
    Axis("communication", "communications", "ddp", ("ddp", "zero1")),
    Axis("tables", "tables", "adam", ("adam", "rowwise_adagrad", "sgd")),
    Axis("attention", "attentions", "fused", ("fused", "composed")),
    Axis("batch_auctions", "batch_auctions", None, most=1_000_000),
)
DEFAULTS = {axis.name: axis.default for axis in AXES}


@dataclasses.dataclass(frozen=True)
class Point:
    """A value of each axis; None where a point has none of that."""

    model: str
    device: str
    threads: int
    precision: str
    workers: int
    communication: str | None
    tables: str
    attention: str | None
    batch_auctions: int
    gpu: int | None = None  # which, where the machine has several and the point is on one

    @classmethod
    def of(cls, values, architecture):
        """Of a value for each axis. One process talks to nobody, only autoint attends, and on a GPU the threads of the CPU are as good as idle."""
        values = dict(values)
        values["communication"] = (values["communication"] or DEFAULTS["communication"]) if values["workers"] > 1 else None
        values["attention"] = (values["attention"] or DEFAULTS["attention"]) if architecture(values["model"]) == "autoint" else None
        if values["device"] == "cuda":
            values["threads"] = 1
        return cls(**values)

    @classmethod
    def product(cls, values, architecture):
        """Of lists of values, each once."""
        products = (dict(zip(values, chosen)) for chosen in itertools.product(*values.values()))
        return [*dict.fromkeys(cls.of(one, architecture) for one in products)]

    def name(self):
        """Short, and another for another point."""
        words = [self.model, f"{self.batch_auctions} auctions", self.device + ("" if self.gpu is None else f" {self.gpu}")
                 + (f" x {self.threads}" if self.device == "cpu" else "")]
        if self.workers > 1:
            words.append(f"{self.workers} workers by {self.communication}")
        words += [getattr(self, name) for name in ("precision", "tables") if getattr(self, name) != DEFAULTS[name]]
        return ", ".join(words + ([self.attention] if self.attention == "composed" else []))

    def slug(self):
        return re.sub(r"[^A-Za-z0-9._-]+", "_", self.name())

    def axes(self):
        return {axis.name: getattr(self, axis.name) for axis in AXES}


class Machine:
    """The devices that the program finds here."""

    def __init__(self, devices, chosen):
        """`devices`: what the program says of each. `chosen`: which kinds of them are to be measured on; None: all."""
        self.chosen = chosen
        self.devices = [one for one in devices if chosen is None or one["device"] in chosen]
        self.gpus = [one for one in self.devices if one["device"] == "cuda"]
        self.cores = next((one["cores"] for one in self.devices if one["device"] == "cpu"), 0)

    def name(self, point):
        """Of the device that a point is on; None where there is none."""
        if point.device == "cuda":
            return next((one["device_name"] for one in self.gpus if one["index"] == (point.gpu or 0)), None)
        return next((one["device_name"] for one in self.devices if one["device"] == point.device), None)

    def places(self, point):
        """The point on each device that it can be measured on: with one worker on every GPU."""
        if point.device == "cuda" and point.workers == 1 and len(self.gpus) > 1:
            return [dataclasses.replace(point, gpu=one["index"]) for one in self.gpus]
        return [point]

    def why_not(self, point):
        """Why a point is left out; None where it is measured."""
        if self.chosen is not None and point.device not in self.chosen:
            return f"--devices does not name {point.device}"
        if point.precision == "bfloat16" and point.device == "cpu":
            return "bfloat16 is for products on a GPU"
        if point.workers > point.batch_auctions:
            return f"a batch of {point.batch_auctions} auctions cannot be shared by {point.workers} workers"
        if point.device == "cuda" and point.workers > len(self.gpus):
            return f"takes {_number(point.workers, 'GPU')}, and this machine has {len(self.gpus) or 'none'}"
        if point.device == "cpu" and point.workers * point.threads > self.cores:
            return f"takes {_number(point.workers * point.threads, 'core')}, and this machine gives {self.cores}"
        return None


def _number(count, what):
    return f"{count} {what}{'' if count == 1 else 's'}"
