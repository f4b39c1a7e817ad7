"""`vickrey study walkforward`: losses and models that forecast a price, by what trading on their forecasts comes to.

    windows of the series -> a forecast for each (model, loss, seed, window) -> what its positions come to, joined over windows

A window is one run of `vickrey forecast`, which trains on its in-sample part, chooses on validation, and says positions out of
sample; `vickrey eval walkforward` judges those of all windows behind one another, and says their equity. Windows need nothing of
each other. Curves are kept apart from what is judged.
"""

import json
import pathlib
import tempfile

import equity_curves
import files
import intervals
import walkforward_claims
from faults import Fault, environment
from progress import Progress
from programs import Command, about_config
from provenance import provenance
from schedule import Schedule, Task
from store import Store

METRICS = ("arc", "asd", "ir", "ir2", "max_drawdown", "trades", "share_long", "share_short", "share_flat", "final_equity")
OVER_HOLD = ("arc", "ir", "ir2")  # what is compared with buy and hold
AGAINST = "mse"  # the loss that others are compared with, seed by seed
DRAWS_SEED = 1  # of the random trades


class Walk:
    """One (model, loss, seed): its windows, and what they come to."""

    def __init__(self, study, model, loss, seed):
        self.study, self.model, self.loss, self.seed = study, model, loss, seed
        self.name = f"{model}-{loss}-{seed}"
        self.config = study.options.settings.config(model, loss, seed)

    def forecast_of(self, window):
        return {"series": self.study.options.series_of, "window": window, "config": self.config, "costs": self.study.options.cost,
                "programs": self.study.programs.identity("vickrey-forecast")}

    def forecast(self, window):
        return self.study.store.get("forecast", self.forecast_of(window))

    def make_forecast(self, window):
        path = self.study.folder / "configs" / f"{self.name}.json"
        files.write_json(path, self.config)
        done = yield self._command(f"window-{window}", ["vickrey-forecast", "--config", path, *series_flags(self.study.options), "--window",
                                                        window, *(word for cost in self.study.options.cost for word in ("--cost", cost))])
        *lines, last = map(json.loads, done.stdout.splitlines())
        kept = [line for line in lines if line["part"] == "out_of_sample"]
        self.study.store.put("forecast", self.forecast_of(window), {
            "time": [line["time"] for line in kept], "return": [line["return"] for line in kept],
            "forecast": [line["forecast"] for line in kept], "positions": [line["positions"] for line in kept],
            "summary": last["summary"]}, done.cpu_seconds)

    def judge_of(self, index):
        """Of all that its windows are functions of: their digests say it."""
        return {"forecasts": [files.digest(self.forecast_of(window)) for window in self.study.windows()], "cost": index,
                "periods_per_year": self.study.options.periods_per_year, "seed": DRAWS_SEED,
                "programs": self.study.programs.identity("vickrey-eval")}

    def judged(self, index):
        """What the positions at a cost come to, with buy and hold and random trades beside it."""
        return self.study.store.get("judge", self.judge_of(index))

    def make_judged(self, index):
        path, periods = self._write_positions(index, "judge")
        done = yield self._command(f"judge-{index}", [*evaluation(self.study.options, self.study.options.cost[index]), "--baselines", "--seed",
                                                      DRAWS_SEED, "--json"], stdin=path)
        found = {line["strategy"]: line for line in map(json.loads, done.stdout.splitlines())}
        if int(found["given"]["periods"]) != periods:
            raise environment(f"{self.name}: {found['given']['periods']} of {periods} periods were judged")
        self.study.store.put("judge", self.judge_of(index), found, done.cpu_seconds)
        path.unlink()

    def curve_of(self, index):
        return {**self.judge_of(index), "points": equity_curves.MOST_POINTS}

    def curve(self, index):
        """Equity and drawdown at a cost, thinned."""
        return self.study.store.get("curve", self.curve_of(index))

    def make_curve(self, index):
        path, periods = self._write_positions(index, "curve")
        done = yield self._command(f"curve-{index}", [*evaluation(self.study.options, self.study.options.cost[index]), "--curve", "--json"],
                                   stdin=path)
        self.study.store.put("curve", self.curve_of(index), curve_said(self.name, done.stdout, periods), done.cpu_seconds)
        path.unlink()

    def periods(self):
        """What it was forecast for: all periods out of sample, in order, with the positions at each cost."""
        for window in self.study.windows():
            kept = self.forecast(window)["result"]
            yield from zip(kept["time"], kept["return"], kept["positions"])

    def _write_positions(self, index, what):
        path = self.study.folder / "positions" / f"{self.name}-{index}-{what}.jsonl"
        return path, write_positions(path, ((time, value, positions[index]) for time, value, positions in self.periods()))

    def _command(self, what, words, stdin=None):
        return Command((words,), self.study.options.out / "logs" / f"{self.name}-{what}.log", threads=1, stdin=stdin)


class Hold:
    """Buy and hold over the same periods, at a cost: its curve. What it comes to is said wherever positions are judged."""

    def __init__(self, study, cost):
        self.study, self.cost = study, cost

    def curve_of(self):
        return {"series": self.study.options.series_of, "windows": self.study.options.plan, "cost": self.cost, "hold": True,
                "points": equity_curves.MOST_POINTS, "programs": self.study.programs.identity("vickrey-forecast", "vickrey-eval")}

    def curve(self):
        return self.study.store.get("curve", self.curve_of())

    def make_curve(self):
        path = self.study.folder / "positions" / f"hold-{self.cost}.jsonl"
        periods = write_positions(path, ((time, value, 1) for time, value, _ in self.study.walks[0].periods()))
        done = yield Command(([*evaluation(self.study.options, self.cost), "--curve", "--json"],),
                             self.study.options.out / "logs" / f"hold-curve-{self.cost}.log", threads=1, stdin=path)
        self.study.store.put("curve", self.curve_of(), curve_said("buy and hold", done.stdout, periods), done.cpu_seconds)
        path.unlink()


class Walkforward:
    def __init__(self, options, programs):
        self.options, self.programs = options, programs
        self.store, self.folder = Store(options.out / "stages"), options.out / "work"
        self.holds = [Hold(self, cost) for cost in options.cost]
        self.walks = [Walk(self, model, loss, seed) for seed in options.seeds for model in options.models for loss in options.losses]

    def windows(self):
        return range(len(self.options.plan))

    def tasks(self):
        """What is not kept yet, and how many stages there are in all."""
        tasks = []
        for walk in self.walks:
            # Windows are kept, too, but of no use where all that they come to is.
            windows = [Task(f"{walk.name} window {window}", lambda walk=walk, window=window: walk.make_forecast(window))
                       for window in self.windows() if walk.forecast(window) is None]
            tasks += windows
            for index, cost in enumerate(self.options.cost):
                if walk.judged(index) is None:
                    tasks.append(Task(f"{walk.name} at {cost}", lambda walk=walk, index=index: walk.make_judged(index), windows))
                if walk.curve(index) is None:
                    tasks.append(Task(f"{walk.name} at {cost}: curve", lambda walk=walk, index=index: walk.make_curve(index), windows))
            if walk is self.walks[0]:
                tasks += [Task(f"buy and hold at {hold.cost}: curve", hold.make_curve, windows) for hold in self.holds if hold.curve() is None]
        return tasks, len(self.walks) * (len(self.windows()) + 2 * len(self.options.cost)) + len(self.holds)

    def curves(self, model, loss, index):
        """A curve for each seed."""
        return [walk.curve(index)["result"] for walk in self.walks if (walk.model, walk.loss) == (model, loss)]

    def records(self, model, loss, index):
        """A record for each seed."""
        found = []
        for walk in self.walks:
            if (walk.model, walk.loss) != (model, loss):
                continue
            lines = walk.judged(index)["result"]
            summaries = [walk.forecast(window)["result"]["summary"] for window in self.windows()]
            given, hold, chance = _performance(lines["given"]), _performance(lines["buy_and_hold"]), lines["random_trades"]
            found.append({
                "seed": walk.seed, **given, **{f"{metric}_over_hold": _minus(given[metric], hold[metric]) for metric in OVER_HOLD},
                "random": {key: chance["random"][key] for key in ("arc_quantile", "ir_quantile", "ir2_quantile")},
                "chosen": [int(summary["chosen"]) for summary in summaries],
                "validation_metric": [summary["validation_metric"][index] for summary in summaries],
                "diverged": sum(trial["diverged"] for summary in summaries for trial in summary["candidates"])})
        return found


def evaluation(options, cost):
    return ["vickrey-eval", "walkforward", "--cost", cost, "--periods-per-year", options.periods_per_year]


def write_positions(path, periods):
    """As `vickrey eval walkforward` reads them; how many there are."""
    lines = [json.dumps({"time": time, "return": value, "position": position}) + "\n" for time, value, position in periods]
    files.write(path, "".join(lines))
    return len(lines)


def curve_said(name, text, periods):
    lines = [line for line in map(json.loads, text.splitlines()) if "strategy" not in line]
    if len(lines) != periods:
        raise environment(f"{name}: {len(lines)} of {periods} periods have an equity")
    return equity_curves.curve(lines)


def series_flags(options):
    return ["--series", options.series, "--price", options.price, *(["--date", options.date] if options.date else [])]


def plan(options, programs, model, loss):
    """The windows, as the program has them; what it refuses of the series or of the settings of this network is a fault."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "config.json")
        files.write_json(path, options.settings.config(model, loss, options.seeds[0]))
        try:
            said = programs.ask("vickrey-forecast", "--config", path, *series_flags(options), "--plan")
        except Fault as fault:
            if f"--plan: {path}:" in fault.message:
                raise options.settings.fault(f"{model} by {loss}", fault, path, options.settings.line_of(fault.field, model, loss)) from None
            raise Fault(about_config(fault.message, path), "--series", fault.line, code=fault.code, exit_code=fault.exit_code) from None
    return [{"window": int(line["window"]), **{part: {**line[part], "rows": int(line[part]["rows"])}
                                               for part in ("in_sample", "validation", "out_of_sample")}}
            for line in map(json.loads, said.splitlines())]


def _performance(line):
    return {**{metric: int(line[metric]) if metric == "trades" else line[metric] for metric in METRICS}, "periods": int(line["periods"]),
            "bankrupt": line["bankrupt"]}


def _minus(a, b):
    return None if a is None or b is None else a - b


def _over_seeds(records):
    found = {metric: intervals.over_seeds([record[metric] for record in records])
             for metric in (*METRICS, *(f"{metric}_over_hold" for metric in OVER_HOLD))}
    for key in ("arc_quantile", "ir_quantile", "ir2_quantile"):
        found[f"random_{key}"] = intervals.over_seeds([record["random"][key] for record in records])
    return found


def _against(records, others):
    """The difference to another loss with the same model, seed by seed."""
    return {metric: intervals.over_seeds([_minus(a[metric], b[metric]) for a, b in zip(records, others)]) for metric in OVER_HOLD}


def document(study):
    options = study.options
    results, hold = [], []
    for index, cost in enumerate(options.cost):
        line = study.walks[0].judged(index)["result"]["buy_and_hold"]
        hold.append({"cost": cost, **_performance(line), "curve": equity_curves.of_one(study.holds[index].curve()["result"])})
        for model in options.models:
            records = {loss: study.records(model, loss, index) for loss in options.losses}
            results += [{"model": model, "loss": loss, "cost": cost, "seeds": mine, "over_seeds": _over_seeds(mine),
                         "against": None if loss == AGAINST or AGAINST not in records
                         else {"loss": AGAINST, **_against(mine, records[AGAINST])},
                         "curve": equity_curves.over_seeds(study.curves(model, loss, index))} for loss, mine in records.items()]
    times = [time for time, _, _ in study.walks[0].periods()]
    return {
        "format": 1, "kind": "walkforward", "command": options.command,
        "config": {"series": options.series_of, "models": options.models, "losses": options.losses, "costs": options.cost,
                   "seeds": options.seeds, "periods_per_year": options.periods_per_year, "settings": options.settings.document},
        "provenance": provenance(study.programs), "seconds": study.store.seconds() if options.seconds else None,
        "windows": options.plan, "curves": {"every": equity_curves.every(len(times)), "time": equity_curves.thinned(times)},
        "buy_and_hold": hold, "results": results, "claims": walkforward_claims.claims(results, options.settings.bases),
        "chance": walkforward_claims.chance(results)}


def run(options, programs):
    study = Walkforward(options, programs)
    tasks, total = study.tasks()
    progress = Progress("walkforward", total, total - len(tasks))
    Schedule(programs, options.jobs, options.max_seconds, progress).run(tasks)
    return document(study)
