"""The stages of a study of costs: logs, points, curves. Each is kept as soon as it is done; the same command goes on.

    log (one for each number of fields) -> points, one at a time -> curves
"""

import dataclasses
import json
import os
import pathlib
import shutil
import tempfile

import files
import market_log
import trainer_config
from cost_curve import Curve
from cost_grid import DEFAULTS
from faults import MEMORY, Fault, environment
from market_log import MarketLog
from programs import Command

PROGRAM = "vickrey-cost"
AVAILABLE_SHARE = 0.8  # of the memory that the machine has to give, that a point may take
MORE = 1.1  # times the memory that it had and did not fit into: worth another try


class Data:
    """What models are trained on: a log for each number of fields, a schema for each shape of a model's features."""

    def __init__(self, settings, programs, store, out):
        self.settings, self.programs, self.store, self.out = settings, programs, store, out
        self.folder = out / "work"
        self.models = self.folder / "models"  # and their datasets, which points with the same features share
        self.logs = {}

    def log(self, fields):
        if fields not in self.logs:
            market, size = self.settings.market_config(fields), self.settings.market
            of = {"market": market, **size, "programs": self.programs.identity(*MarketLog.PROGRAMS)}
            folder = self.folder / "logs" / f"{fields}-{files.digest(of, 8)}"
            words = ["--params", folder / "market.json", "--auctions", size["auctions"], "--seed", size["seed"]]
            self.logs[fields] = MarketLog(self.store, f"{fields} fields", folder, self.out / "logs", of, words)
        return self.logs[fields]

    def make_log(self, fields):
        files.write_json(self.log(fields).folder / "market.json", self.settings.market_config(fields))
        yield from self.log(fields).make()

    def schema(self, model):
        """The path of the schema that a model sees the log by."""
        shape = self.settings.shape(model)
        of = {"market": self.settings.market_config(shape["fields"]), "shape": shape}
        path = self.folder / "schemas" / f"{'-'.join(map(str, shape.values()))}-{files.digest(of, 8)}.json"
        if not path.exists():
            files.write_json(path, self._schema(**shape))
        return path

    def _schema(self, fields, embedding, buckets):
        own = {f"k{number}" for number in range(fields)}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "market.json")
            files.write_json(path, self.settings.market_config(fields))
            try:
                found = market_log.schema(self.programs, "--params", path)
            except Fault as fault:
                raise self.settings.market_refused(fault, path) from None
        for field in found["fields"]:
            if field["kind"] != "DENSE":
                field["embedding_width"] = embedding
            if field["name"] in own:
                field["buckets"] = str(buckets)
        return found

    def check(self):
        """What the programs' own readers refuse of the settings is a fault of their file."""
        for fields in {self.settings.shape(model)["fields"] for model in self.settings.models}:
            self._schema(fields, 1, 2)
        for model in self.settings.models:
            here = {"device": "cpu", "precision": "float32"}  # what this machine has is another question
            points = {point.attention: dataclasses.replace(point, **here) for point in self.settings.points if point.model == model}
            for point in points.values():
                try:
                    trainer_config.effective(self.programs, self.settings.train_config(point, "none"))
                except Fault as fault:
                    raise self.settings.refused(model, fault) from None

    def digest_of(self, point, config):
        """What a training is a function of: of the schema's file what is in it, wherever that lies."""
        config = json.loads(json.dumps(config))
        config["data"]["schema"] = self.settings.shape(point.model)
        return {"log": self.log(self.settings.shape(point.model)["fields"]).of, "config": config}

    def train_config(self, point):
        return self.settings.train_config(point, str(self.schema(point.model)))

    def delete(self):
        """What is large: it is made again where it is needed."""
        for log in self.logs.values():
            log.delete()
        shutil.rmtree(self.models, ignore_errors=True)


class Measurement:
    """Of one point."""

    def __init__(self, data, point, device_name, memory_mib):
        """`memory_mib`: what each process may take; None: what the machine has."""
        self.data, self.point, self.memory_mib = data, point, memory_mib
        self.device_name = device_name
        self.name = point.name()
        self.fields = data.settings.shape(point.model)["fields"]
        self.failed = None  # why, where that may be another time: it is tried again by the next command
        of = data.digest_of(point, data.settings.train_config(point, ""))
        self.of = {**of, "device_name": device_name, "gpu": point.gpu, "workers": point.workers, "measure": data.settings.measure,
                   "programs": data.programs.identity(PROGRAM)}

    def kept(self):
        return self.data.store.get("point", self.of)

    def is_due(self):
        """That it did not fit says nothing of more memory than it had, and of a GPU nothing of another time."""
        kept = self.kept()
        if kept is None or "line" in kept["result"]:
            return kept is None
        had = kept["result"]["memory_mib"]
        return had is None or self._memory() > MORE * had

    def make(self):
        point, measure = self.point, self.data.settings.measure
        memory = self._memory()
        path = self.data.folder / "configs" / f"{point.slug()}.json"
        files.write_json(path, {"name": "point", **self.data.train_config(point)})
        words = [PROGRAM, "--config", path, *self.data.log(self.fields).words(), "--out", self.data.models, "--seconds", measure["seconds"],
                 "--repeats", measure["repeats"], "--warmup", measure["warmup"], *([] if memory is None else ["--memory-mib", memory])]
        seconds = 0.0
        try:
            done = yield Command((words,), self.data.out / "logs" / f"point-{point.slug()}.log", point.threads, processes=point.workers,
                                 environment=self._environment())
            result, seconds = {"line": json.loads(done.stdout.splitlines()[-1])}, done.cpu_seconds
        except Fault as fault:
            says = fault.message.removeprefix(f"{self.name}: ").split(" (its log: ")[0]
            if fault.code != MEMORY:
                self.failed = says
                return
            result = {"error": says, "memory_mib": memory}
        self.data.store.put("point", self.of, result, seconds)

    def _memory(self):
        """MiB for each process. On a GPU it is the GPU's that is short, which has a limit by itself."""
        if self.point.device != "cpu":
            return None
        return self.memory_mib or int(AVAILABLE_SHARE * _available_mib() / self.point.workers)

    def _environment(self):
        """Points run alone, so their threads may spin."""
        found = {"OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY")}
        if self.point.device == "cuda":
            visible = [one for one in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if one]
            numbers = range(self.point.workers) if self.point.gpu is None else [self.point.gpu]
            found["CUDA_VISIBLE_DEVICES"] = ",".join(visible[number] if visible else str(number) for number in numbers)
        return found


def key_of_curve(axes):
    """What the loss after so many examples is a function of: not of where and how fast they are trained on."""
    return axes["model"], axes["batch_auctions"], axes["tables"]


class CurveRun:
    """A training of one process on so many examples, judged on the way."""

    def __init__(self, data, point, device):
        """`device`: on which it is trained."""
        self.data = data
        self.point = dataclasses.replace(point, device=device, threads=1, precision="float32", workers=1, communication=None, gpu=None,
                                         attention=point.attention and DEFAULTS["attention"])
        self.key = key_of_curve(self.point.axes())
        self.examples = data.settings.curve_examples()
        self.of = {**data.digest_of(self.point, data.settings.train_config(self.point, "")), "examples": self.examples,
                   "programs": data.programs.identity(PROGRAM)}
        self.name = f"curve-{'-'.join(map(str, self.key))}"
        self.fields = data.settings.shape(point.model)["fields"]

    def kept(self):
        return self.data.store.get("curve", self.of)

    def make(self):
        path = self.data.folder / "configs" / f"{self.name}.json"
        files.write_json(path, {"name": "curve", **self.data.train_config(self.point)})
        seconds = 0.0
        try:
            done = yield Command(([PROGRAM, "--config", path, *self.data.log(self.fields).words(), "--out", self.data.models, "--curve",
                                   self.examples],), self.data.out / "logs" / f"{self.name}.log", threads=1)
            result, seconds = {"points": json.loads(done.stdout.splitlines()[-1])["points"]}, done.cpu_seconds
        except Fault as fault:
            if fault.code not in ("INTERNAL", MEMORY):  # an objective or a gradient that is not finite: that is what this rate comes to
                raise
            result = {"error": fault.message.removeprefix(f"{self.name}: ").split(" (its log: ")[0]}
        self.data.store.put("curve", self.of, result, seconds)

    def curve(self):
        """None where its training failed, or nothing was clicked on."""
        kept = self.kept()
        points = [] if kept is None else kept["result"].get("points", [])
        measured = [(int(point["candidates"]), point["validation_logloss"]) for point in points]
        return Curve.of(measured) if measured and all(loss is not None for _, loss in measured) else None


def _available_mib():
    """Of the machine, or of the container that this runs in."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            machine = next(int(line.split()[1]) // 1024 for line in file if line.startswith("MemAvailable:"))
    except (OSError, StopIteration) as error:
        raise environment("/proc/meminfo does not say how much memory is free; give --memory-mib", "--memory-mib") from error
    try:
        group = pathlib.Path("/sys/fs/cgroup")
        most, used = (int(group.joinpath(name).read_text()) for name in ("memory.max", "memory.current"))
        return min(machine, max(1, (most - used) // 2**20))
    except (OSError, ValueError):  # none, or without a limit
        return machine
