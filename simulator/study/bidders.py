"""`vickrey study bidders`: losses of price forecasts, by the forecasts and by what bidders earn with them.

    an older log, a newer one -> heads that are trained, judged and bid by, for each seed -> what they come to over seeds

A seed is one run of `vickrey price`, so that a record is what that program says. Seeds need nothing of each other. Of the
lines only the names below are known: other metrics that the program says are taken over as they are.
"""

import json
import re

import files
import intervals
from bidder_claims import claims
from faults import Fault, environment
from log_cut import Cut
from progress import Progress
from programs import Command
from provenance import provenance
from schedule import Schedule, Task
from store import Store

# What tells a line from the others of its seed; texts and truths tell it, too.
NAMES = ("head", "encoding", "loss", "bidder", "mechanism")
OF_HEAD = ("lambda", "a", "b", "tokens", "rows")
OF_BIDDER = ("fee", "budget", "budget_share", "auctions")
FORECAST = ("mae", "rmse", "crps", "log_likelihood", "calibration_error", "marginal_error")  # what heads are compared by
CONFIG = ("validation", "features", "hidden", "training", "tokens", "heads", "bidders", "floors", "floor_tolerance")  # keys of PriceConfig
TIMES = ("timestamp", "hour")  # fields of a log that say when
MONEY = ("profit", "click_profit")  # what bidders are compared by


class Bidders:
    def __init__(self, options, programs):
        self.options, self.programs = options, programs
        self.store, self.folder = Store(options.out / "stages"), options.out / "work"
        self.cut = None
        self.older, self.newer = options.log, options.test
        if options.test is None:
            self.cut = Cut(options.log, options.logs["log"]["sha256"], options.test_share, self.folder / "logs", "--log")
            self.older, self.newer = self.cut.parts

    def prepare(self):
        """Cuts the log where it must be, and has the program read all: what it refuses is a fault of ours before anything
        is trained."""
        if self.cut is not None:
            self.cut.make()
        config = self._write_config(self.options.seeds[0])
        try:
            self.programs.ask("vickrey-price", *self._words(config)[1:], "--plan")
        except Fault as fault:
            raise self._named(fault, config) from None

    def price_of(self, seed):
        return {"logs": {key: value["sha256"] if isinstance(value, dict) else value for key, value in self.options.logs.items()},
                "config": self.options.settings.config(seed), "programs": self.programs.identity("vickrey-price")}

    def price(self, seed):
        return self.store.get("price", self.price_of(seed))

    def make_price(self, seed):
        done = yield Command((self._words(self._write_config(seed)),), self.options.out / "logs" / f"seed-{seed}.log", threads=1)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        if not lines or "summary" not in lines[-1]:
            raise environment(f"seed {seed}: vickrey-price ended without its summary")
        self.store.put("price", self.price_of(seed), {
            "heads": [line for line in lines if "encoding" in line], "bidders": [line for line in lines if "bidder" in line],
            "summary": {**lines[-1]["summary"], **next((line["log"] for line in lines if "log" in line), {})}}, done.cpu_seconds)

    def tasks(self):
        """What is not kept yet."""
        return [Task(f"seed {seed}", lambda seed=seed: self.make_price(seed)) for seed in self.options.seeds if self.price(seed) is None]

    def _write_config(self, seed):
        path = self.folder / "configs" / f"{seed}.json"
        files.write_json(path, self.options.settings.config(seed))
        return path

    def _words(self, config):
        return ["vickrey-price", "--config", config, "--train", self.older, "--test", self.newer]

    def _named(self, fault, config):
        """What the program refused, by the flags of this one and the lines of its files."""
        message = fault.message.split(" --plan: ", 1)[-1]
        flag, line = "--settings", None
        for path, name, shown, before in ((self.older, "--log", self.options.log, 0),
                                          (self.newer, "--test" if self.cut is None else "--log", self.options.test or self.options.log,
                                           0 if self.cut is None else self.cut.older)):
            found = re.search(re.escape(str(path)) + r"(?::(\d+))?", message)
            if found:
                flag, line = name, None if found[1] is None else int(found[1]) + before
                message = message.replace(found[0], str(shown) if line is None else f"{shown}:{line}")
                break
        else:
            message, of_config = re.subn(re.escape(str(config)) + r":?(\d+:)? ?", "", message)
            if not of_config and (fault.field or "").split(".")[0].split("[")[0] not in CONFIG:
                flag = "--log" if self.cut is not None or fault.field == "click" else "--test"  # the two do not go together
                if self.cut is not None and fault.field in TIMES:
                    message = (f"without --test the rows of {self.options.log} must be in order of time, so that its newest "
                               f"{self.options.test_share} can be judged on: {message}")
            else:
                line = self.options.settings.line_of(fault.field)
                message = message if self.options.settings.path is None else f"{self.options.settings.path}: {message}"
        return Fault(message, flag, line, code=fault.code, exit_code=fault.exit_code)


# From lines to records.


def _is_count(value):
    """int64 are texts in JSON."""
    return isinstance(value, str) and re.fullmatch(r"-?[0-9]+", value) is not None


def split(line, telling):
    """(what tells the line, its metrics): numbers, and null for a number that is not known."""
    told, metrics = {}, {}
    for key, value in line.items():
        if isinstance(value, list):
            continue
        if key in NAMES:
            told[key] = value
        elif key in telling or isinstance(value, bool) or (isinstance(value, str) and not _is_count(value)):
            told[key] = int(value) if _is_count(value) else value
        else:
            metrics[key] = int(value) if _is_count(value) else value
    return told, metrics


def joined(study, part, telling):
    """The lines of all seeds: [what tells it, with `seeds`, `over_seeds`, and `lines`, which the document leaves out]."""
    found = {}
    for seed in study.options.seeds:
        for line in study.price(seed)["result"][part]:
            told, metrics = split(line, telling)
            row = found.setdefault(files.canonical(told), {**told, "seeds": [], "lines": []})
            row["seeds"].append({"seed": seed, **metrics})
            row["lines"].append(line)
    for row in found.values():
        if len(row["seeds"]) != len(study.options.seeds):
            name = " ".join(str(row[key]) for key in NAMES if row.get(key))
            raise environment(f"{name}: {len(row['seeds'])} lines for {len(study.options.seeds)} seeds; vickrey-price says other lines than are known")
        row["over_seeds"] = {key: intervals.over_seeds([record[key] for record in row["seeds"]]) for key in row["seeds"][0] if key != "seed"}
    return [*found.values()]


def _differences(row, other, metrics):
    """Seed by seed; null where one of both is."""
    minus = lambda a, b: None if a is None or b is None else a - b
    return {metric: intervals.over_seeds([minus(a[metric], b[metric]) for a, b in zip(row["seeds"], other["seeds"])]) for metric in metrics}


def _relative(row, other, metric):
    ratios = [a[metric] / b[metric] - 1 if b[metric] > 0 else None for a, b in zip(row["seeds"], other["seeds"])]
    return intervals.over_seeds(ratios)


def _first(rows, **wanted):
    return next((row for row in rows if all(row.get(key) == value for key, value in wanted.items())), None)


def head_rivals(heads, head):
    """What a head is compared with: cross-entropy alone in the same encoding, and the marginal distribution."""
    found = [_first(heads, encoding=head["encoding"], loss="ce")] if head["loss"].startswith("ntl_") else []
    if head["encoding"] != "marginal":
        found.append(_first(heads, encoding="marginal"))
    return [other for other in found if other is not None]


def setting_of(bidder):
    """What a bidder played: all that tells a row but who it is."""
    return {key: value for key, value in bidder.items() if key not in (*NAMES, "seeds", "over_seeds", "lines", "against")}


def bidder_rivals(bidders, heads, bidder):
    """What a bidder is compared with, of those who played the same."""
    same = [row for row in bidders if setting_of(row) == setting_of(bidder)]
    head = _first(heads, head=bidder["head"])
    named = lambda encoding, loss: (_first(heads, encoding=encoding, loss=loss) or {}).get("head")
    found = []
    if bidder["bidder"] == "decision":
        found = [_first(same, bidder="truthful"), _first(same, bidder="decision", head=named("decision", "mse")),
                 _first(same, bidder="random", head=bidder["head"])]
    elif bidder["bidder"] == "optimal":
        ce = named(head["encoding"], "ce") or named("bins", "ce") or named("digits", "ce")
        found = [_first(same, bidder="optimal", head=ce), _first(same, bidder="optimal", head="marginal"), _first(same, bidder="shaded")]
    return [other for other in found if other is not None and other is not bidder]


def _pacing_rival(bidders, bidder):
    """The same without pacing."""
    if not bidder["paced"]:
        return None
    return _first(bidders, **{**setting_of(bidder), "paced": False}, **{key: bidder[key] for key in ("bidder", "head", "mechanism")})


def _curve(head, seeds):
    """P(price <= bid) at each bid, over seeds: the log, and so `observed`, is the same for all."""
    points = []
    for at in zip(*(line["curve"] for line in head["lines"])):
        predicted = intervals.over_seeds([point["predicted"] for point in at])
        points.append({"bid": at[0]["bid"], "observed": at[0]["observed"], "predicted": predicted["mean"], "least": predicted["least"],
                       "greatest": predicted["greatest"]})
    return points


def _pit(head):
    return [sum(heights) / len(heights) for heights in zip(*(line["pit"] for line in head["lines"]))]


def document(study):
    options = study.options
    heads, bidders = joined(study, "heads", OF_HEAD), joined(study, "bidders", OF_BIDDER)
    for head in heads:
        head["against"] = [{"head": other["head"], **_differences(head, other, FORECAST)} for other in head_rivals(heads, head)]
        head["curve"], head["pit"] = _curve(head, options.seeds), _pit(head)
    for bidder in bidders:
        compared = [(other, False) for other in bidder_rivals(bidders, heads, bidder)]
        unpaced = _pacing_rival(bidders, bidder)
        compared += [] if unpaced is None else [(unpaced, True)]
        bidder["against"] = [{"bidder": other["bidder"], "head": other["head"], "unpaced": unpaced, **_differences(bidder, other, MONEY),
                              "profit_relative": _relative(bidder, other, "profit")} for other, unpaced in compared]
    for row in (*heads, *bidders):
        del row["lines"]
    summary = study.price(options.seeds[0])["result"]["summary"]
    found = {
        "format": 1, "kind": "bidders", "command": options.command,
        "config": {**options.logs, "seeds": options.seeds, "settings": options.settings.document},
        "provenance": provenance(study.programs), "seconds": study.store.seconds() if options.seconds else None,
        "log": {key: int(value) if _is_count(value) else value for key, value in summary.items() if key != "seed"},
        "heads": heads, "bidders": bidders}
    return {**found, "claims": claims(found)}


def run(options, programs):
    study = Bidders(options, programs)
    study.prepare()
    tasks = study.tasks()
    progress = Progress("bidders", len(options.seeds), len(options.seeds) - len(tasks))
    Schedule(programs, options.jobs, options.max_seconds, progress).run(tasks)
    return document(study)
