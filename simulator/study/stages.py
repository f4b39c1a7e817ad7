"""The stages of a study, and what is kept of them.

    market, log -> teacher -> students -> play        for each (scenario, seed)

Each is a function of its inputs and of the programs that make it; its result is kept under the digest of both, in a file
that appears whole. So a study that is ended at any point, and however, goes on from its last finished stage, and one with
more losses or seeds makes only what is new. Logs and datasets are large and made again in seconds: they go when a market's
students are trained.
"""

import dataclasses
import json
import pathlib
import shutil
import tempfile

import files
import market_log
import trainer_config
from faults import Fault
from grid import TEACHER, put
from market_log import MarketLog
from programs import Command
from store import Store

PART_AUCTIONS = 100_000  # played by one process: 230 MB with eight models, and what an end or a kill can lose


@dataclasses.dataclass(frozen=True)
class Sizes:
    train: int
    validation: int
    test: int  # of the log: what the bound is checked on
    epochs: int | None  # None: the trainer's default
    batch_auctions: int | None

    @classmethod
    def of(cls, options):
        return cls(options.train, options.validation, options.test, options.epochs, options.batch_auctions)

    def log(self):
        return self.train + self.validation + self.test

    def optimizer(self):
        return {key: value for key, value in (("epochs", self.epochs), ("batch_auctions", self.batch_auctions)) if value}


def parts(first, auctions):
    """[(first, number)]: auctions as they are played, by processes of which none has too many."""
    return [(first + done, min(PART_AUCTIONS, auctions - done)) for done in range(0, auctions, PART_AUCTIONS)]


class Market:
    """One (scenario, seed): its log, its teachers, its students."""

    def __init__(self, programs, store, out, scenario, seed, sizes):
        self.programs, self.store, self.scenario, self.seed, self.sizes = programs, store, scenario, seed, sizes
        self.log_of = {"scenario": scenario.name, "seed": seed, "auctions": sizes.log(), "programs": programs.identity(*MarketLog.PROGRAMS)}
        self.name = f"{scenario.name}-{seed}"
        self.folder = out / "markets" / f"{self.name}-{files.digest(self.log_of, 8)}"
        self.models = self.folder / "models"
        self.logs = out / "logs"
        self.schema = self.folder / "teacher_schema.json"
        self.log = MarketLog(store, self.name, self.folder, self.logs, self.log_of,
                             ["--scenario", scenario.name, "--auctions", sizes.log(), "--seed", seed])

    # Configurations.

    def teacher(self, one):
        """The teacher of a contestant, as TrainConfig has it; None where it needs none."""
        if one.labels != "teacher":
            return None
        config = {"model": TEACHER, "optimizer": self.sizes.optimizer()}
        if self.scenario.teacher_buckets:
            config["schema"] = str(self.schema)
        for key, value in one.settings.items():
            if key.startswith("teacher."):
                put(config, key.removeprefix("teacher."), value)
        return config

    def config(self, one):
        """A TrainConfig, without its name."""
        auctions = self.sizes.log()
        config = {"seed": self.seed, "threads": 1, "model": dict(self.scenario.network),
                  "loss": {"loss": one.loss, "labels": one.labels}, "optimizer": self.sizes.optimizer(),
                  "data": {"train": self.sizes.train / auctions, "validation": self.sizes.validation / auctions}}
        for key, value in one.settings.items():
            put(config, key, value)
        teacher = self.teacher(one)
        if teacher is not None:
            config["teacher"] = teacher
        return config

    def _train_of(self, config):
        """What a training is a function of: of the schema's file what is in it, wherever that lies."""
        config = json.loads(json.dumps(config))
        if "schema" in config.get("teacher", {}):
            config["teacher"]["schema"] = self.scenario.teacher_buckets
        return {"log": self.log_of, "config": config, "programs": self.programs.identity("vickrey-train")}

    def student_of(self, one):
        return self._train_of(self.config(one))

    def teacher_of(self, one):
        """The teacher's own stage trains a student of one epoch, the cheapest that asks for it."""
        config = self.config(dataclasses.replace(one, loss="logloss", settings={
            key: value for key, value in one.settings.items() if key.startswith("teacher.")}))
        config["optimizer"] = {**config["optimizer"], "epochs": 1}
        return self._train_of(config), config

    def student(self, one):
        return self.store.get("train", self.student_of(one))

    def artifact(self, one):
        return self.models / self.student(one)["result"]["ref"].replace("@", "/")

    def kept_teacher(self, one):
        return self.store.get("teacher", self.teacher_of(one)[0])

    # Stages: bodies of tasks.

    def make_log(self):
        if not self.log.made() and self.scenario.teacher_buckets:
            self._write_schema()
        yield from self.log.make()

    def make_teacher(self, one):
        of, config = self.teacher_of(one)
        done, _ = yield from self._train(f"teaching-{files.digest(of, 8)}", config)
        self.store.put("teacher", of, {}, done.cpu_seconds)

    def make_student(self, one):
        """Kept of a training: its metrics and its bound, and under which name its artifact lies."""
        of = self.student_of(one)
        name = f"{one.slug()}-{files.digest(of, 8)}"
        done, line = yield from self._train(name, self.config(one))
        result = {"ref": f"{name}@{line['version']}", "metrics": line["metrics"], "teacher_reused": (line["teacher"] or {}).get("reused"),
                  **{key: line[key] for key in ("eps_b", "g4_bound", "g4")}}
        self.store.put("train", of, result, done.cpu_seconds)

    def make_trial(self, one):
        """As make_student; that a training fails for its settings is a result, too."""
        of = self.student_of(one)
        try:
            yield from self.make_student(one)
        except Fault as fault:
            if fault.code != "INTERNAL":  # an objective, a gradient or weights that are not finite
                raise
            self.store.put("train", of, {"error": fault.message.split("; the last checkpoint")[0]}, 0)

    def play_of(self, one, base, first, auctions):
        return {"student": files.digest(self.student_of(one)), "base": files.digest(self.student_of(base)), "first": first,
                "auctions": auctions, "programs": self.programs.identity("vickrey-sim")}

    def play(self, contestants, base, first, auctions):
        """Plays the same auctions against all; keeps, for each, its metrics and how it compares with `base`."""
        missing = [one for one in contestants
                   if one != base and self.store.get("play", self.play_of(one, base, first, auctions)) is None]
        if not missing:
            return
        refs = {one: self.student(one)["result"]["ref"] for one in [base, *missing]}
        done = yield self._command(f"play-{first}", [
            "vickrey-sim", "--market", self.scenario.name, "--seed", self.seed, "--first", first, "--auctions", auctions, "--models",
            ",".join(refs.values()), "--scorer", "inprocess", "--artifact-root", self.models, "--json"])
        summary = json.loads(done.stdout)
        metrics = {model["ref"]: model for model in summary["models"]}
        welfare = {c["b_model"]: c for c in summary["comparisons"] if c["metric"] == "welfare"}
        for one in missing:
            self.store.put("play", self.play_of(one, base, first, auctions), {
                "base": metrics[refs[base]], "own": metrics[refs[one]], "base_over_own": welfare[refs[one]]},
                done.cpu_seconds / len(missing))

    def tidy(self):
        """Artifacts and labels stay; what is large goes. A teacher is not needed where its labels are."""
        self.log.delete()
        for folder in ("models/datasets", "models/runs"):
            shutil.rmtree(self.folder / folder, ignore_errors=True)
        for teacher in self.models.glob("teacher-*"):
            shutil.rmtree(teacher, ignore_errors=True)
        return
        yield

    # Parts of them.

    def _command(self, what, *pipeline):
        return Command(pipeline, self.logs / f"{self.folder.name}-{what}.log", threads=1)

    def _write_schema(self):
        schema = market_log.schema(self.programs, "--scenario", self.scenario.name)
        for field in schema["fields"]:
            if field["name"] in self.scenario.teacher_buckets:
                field["buckets"] = self.scenario.teacher_buckets[field["name"]]
        files.write_json(self.schema, schema)

    def _train(self, name, config):
        # An artifact that is there was written by a process that was ended before its result was kept.
        if (self.models / name).exists():
            for folder in (name, f"runs/{name}"):
                shutil.rmtree(self.models / folder, ignore_errors=True)
        path = self.folder / "configs" / f"{name}.json"
        files.write_json(path, {"name": name, **config})
        done = yield self._command(name, ["vickrey-train", "--config", path, *self.log.words(), "--out", self.models])
        return done, json.loads(done.stdout.splitlines()[-1])


def check_config(programs, options, scenario, one, flag):
    """The effective configuration of a training, from the trainer's own reader; what that refuses is a fault of `flag`."""
    with tempfile.TemporaryDirectory() as folder:
        market = Market(programs, Store(pathlib.Path(folder)), pathlib.Path(folder), scenario, options.seeds[0], Sizes.of(options))
        config = market.config(one)
    try:
        return trainer_config.effective(programs, config)
    except Fault as fault:
        raise Fault(f"{one.name} on {scenario.name}: {fault.message}", flag) from None
