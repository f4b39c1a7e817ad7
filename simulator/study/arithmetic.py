"""`vickrey study arithmetic`: what number-token losses do for the answers of a digit transformer.

A run of `vickrey arithmetic` for each (task, loss, seed); runs of a seed have the same problems, batches and first weights,
so losses are compared seed by seed. Runs need nothing of each other.
"""

import json
import pathlib
import tempfile

import arithmetic_claims
import files
import intervals
from arithmetic_settings import AGAINST
from faults import Fault
from progress import Progress
from programs import Command
from provenance import provenance
from schedule import Schedule, Task
from store import Store

SPLITS = ("train", "interpolation", "extrapolation", "longer")
METRICS = ("accuracy", "mae", "median_absolute_error", "no_number")
PROGRAM = "vickrey-arithmetic"


class Run:
    """One (task, loss, seed)."""

    def __init__(self, study, task, loss, seed):
        self.study, self.task, self.loss, self.seed = study, task, loss, seed
        self.name = f"{task}-{loss}-{seed}"
        self.config = study.options.settings.config(task, loss, seed)
        self.of = {"config": self.config, "programs": study.programs.identity(PROGRAM)}

    def kept(self):
        return self.study.store.get("run", self.of)

    def make(self):
        path = self.study.folder / "configs" / f"{self.name}.json"
        files.write_json(path, self.config)
        seconds = 0.0
        try:
            done = yield Command(((PROGRAM, "--config", path),), self.study.options.out / "logs" / f"{self.name}.log", threads=1)
            result = {"summary": json.loads(done.stdout.splitlines()[-1])["summary"]}
            seconds = done.cpu_seconds
        except Fault as fault:
            if fault.code != "INTERNAL":  # an objective or a gradient that is not finite: that is what this loss comes to
                raise
            result = {"error": fault.message.split(" (its log: ")[0]}
        self.study.store.put("run", self.of, result, seconds)

    def record(self, split):
        """What the network of this seed answers; null where its training failed."""
        result = self.kept()["result"]
        if "error" in result:
            return {"seed": self.seed, "problems": None, **dict.fromkeys(METRICS), "mae_of_numbers": None, "error": result["error"]}
        line = next(line for line in result["summary"]["splits"] if line["split"] == split)
        problems = int(line["problems"])
        return {"seed": self.seed, "problems": problems, "accuracy": line["accuracy"], "mae": line["mae"],
                "median_absolute_error": line["median_absolute_error"],
                "no_number": int(line["not_numbers"]) / problems if problems else None, "mae_of_numbers": line["mae_of_numbers"],
                "error": None}


class Arithmetic:
    def __init__(self, options, programs):
        self.options, self.programs = options, programs
        self.store, self.folder = Store(options.out / "stages"), options.out / "work"
        self.runs = [Run(self, task, loss, seed) for seed in options.seeds for task in options.tasks for loss in options.losses]

    def tasks(self):
        return [Task(run.name, run.make) for run in self.runs if run.kept() is None]

    def records(self, task, loss, split):
        """A record for each seed."""
        return [run.record(split) for run in self.runs if (run.task, run.loss) == (task, loss)]

    def lambda_of(self, task, loss):
        """Weight of the number-token loss, as its runs say it; None: without, or none finished."""
        results = [run.kept()["result"] for run in self.runs if (run.task, run.loss) == (task, loss)]
        return next((result["summary"]["lambda"] for result in results if "summary" in result), None)


def plan(options, programs, task, loss):
    """What the program refuses of the settings of this task with this loss is a fault."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "config.json")
        files.write_json(path, options.settings.config(task, loss, options.seeds[0]))
        try:
            programs.ask(PROGRAM, "--config", path, "--plan")
        except Fault as fault:
            settings = options.settings
            raise settings.fault(f"{task} by {loss}", fault, path, settings.line_of(fault.field, tasks=task, losses=loss)) from None


def _minus(a, b):
    return None if a is None or b is None else a - b


def _results(study, task, split):
    """A result for each loss."""
    records = {loss: study.records(task, loss, split) for loss in study.options.losses}
    found = []
    for loss, mine in records.items():
        against = None
        if loss != AGAINST and AGAINST in records:
            against = {"loss": AGAINST, **{metric: intervals.over_seeds([_minus(a[metric], b[metric]) for a, b in zip(mine, records[AGAINST])])
                                           for metric in METRICS}}
        found.append({"task": task, "split": split, "loss": loss, "lambda": study.lambda_of(task, loss), "seeds": mine,
                      "over_seeds": {metric: intervals.over_seeds([record[metric] for record in mine]) for metric in METRICS},
                      "against": against})
    return found


def document(study):
    options = study.options
    found = {
        "format": 1, "kind": "arithmetic", "command": options.command,
        "config": {"tasks": options.tasks, "losses": options.losses, "seeds": options.seeds, "settings": options.settings.document},
        "provenance": provenance(study.programs), "seconds": study.store.seconds() if options.seconds else None,
        "results": [result for task in options.tasks for split in SPLITS for result in _results(study, task, split)]}
    found["claims"] = arithmetic_claims.claims(found["results"])
    found["chance"] = arithmetic_claims.chance(found["results"])
    return found


def run(options, programs):
    study = Arithmetic(options, programs)
    tasks, total = study.tasks(), len(study.runs)
    progress = Progress("arithmetic", total, total - len(tasks))
    Schedule(programs, options.jobs, options.max_seconds, progress).run(tasks)
    return document(study)
