#!/usr/bin/env python3
"""The main job end to end: a log, a teacher, four students, a server, the same auctions against each, a report.

./dev demo builds what is needed and calls this; `./dev demo --help` shows the options. Every step's output is kept in
OUT/logs; a step that fails ends the demo with the step's name, its error and the place of its log.
"""

import argparse
import json
import math
import os
import pathlib
import shutil
import signal
import sys
import time

from live import close_the_loop, notes as live_notes
from steps import INTERRUPTS, USAGE, StepError, Steps, epochs_in

GOOD = 0
MARKER = ".vickrey-demo"  # a folder with it was made here, and may be replaced
OWN = ["config", "evidence", "history", "log", "logs", "models", "outcomes.jsonl", "summary.json", "report.html"]
STUDENT, BASELINES, RIVAL = "welfare_rank", ["logloss_click", "logloss_teacher"], "bid_logloss_click"
DRAWN_BIDS = "Its bids were drawn at random, so they are unrelated to where a model errs: nothing should be gained by knowing them."


def prepare(out):
    """An empty folder to work in; what an earlier demo left there is replaced."""
    if out.exists() and not out.is_dir():
        print(f"demo: --out: {out} is not a folder", file=sys.stderr)
        raise SystemExit(USAGE)
    if out.exists() and any(out.iterdir()) and not (out / MARKER).exists():
        print(f"demo: --out: {out} holds something that no demo made; name another folder", file=sys.stderr)
        raise SystemExit(USAGE)
    out.mkdir(parents=True, exist_ok=True)
    (out / MARKER).touch()
    for name in OWN:
        path = out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for name in ("config", "evidence", "logs", "models"):
        (out / name).mkdir()


def write_atomically(path, text):
    aside = path.with_name(f".{path.name}.part")
    aside.write_text(text)
    os.replace(aside, path)


# Scenario -> the students' network, and what is to be expected of it.
MARKETS = {
    "two_segments": ("{architecture: logistic}",
                     "The market two_segments was picked because knowing bids pays there: a small student cannot learn both "
                     "segments, and one of them bids more. It shows what can be gained, not how often it is."),
    "linear": ("{architecture: logistic}",
               "The market linear is the control: the students' network is the truth, so nothing can be gained, and as good as "
               "nothing should be lost."),
    "interaction": ("{architecture: mlp, hidden: [8]}",
                    "In the market interaction bids are unrelated to where a small student errs: little can be gained."),
}


class Synthetic:
    """A market of which the truth is known: test auctions are fresh ones behind those of the log."""

    def __init__(self, options):
        self.scenario = options.market
        self.student, self.expectation = MARKETS[options.market]
        self.log_auctions, self.test_auctions = (20_000, 10_000) if options.quick else (50_000, 50_000)
        self.seed = options.seed
        self.source = f"synthetic market {self.scenario}, seed {self.seed}"
        self.teacher = "{architecture: mlp, hidden: [64, 64]}"
        self.data = "{}"

    def fill(self, steps, db):
        steps.run("log", ["vickrey", "market", "generate", "--scenario", self.scenario, "--auctions", self.log_auctions,
                          "--seed", self.seed], ["vickrey", "log", "append", "--db", db])

    def play(self, db, snapshot):
        return ["--market", self.scenario, "--first", self.log_auctions, "--auctions", self.test_auctions, "--seed",
                self.seed]

    def notes(self):
        return ["Welfare is judged by the true click probabilities, which a synthetic market knows; so is the checkpoint that "
                "each training run keeps, on its validation auctions.",
                "The auctions played are fresh: they come after those of the log, from the same market.",
                self.expectation]


class Real:
    """A public log: the oldest auctions train, the next validate, the newest are played."""

    split = {"train": 0.6, "validation": 0.2}
    student = "{architecture: logistic}"

    def __init__(self, options):
        self.options = options
        self.seed = options.seed
        self.source = f"{pathlib.Path(options.log).name} ({options.format})"
        # Small networks for small samples.
        self.teacher = "{architecture: mlp, hidden: [16]}"
        schema = f", schema: {json.dumps(str(options.schema.resolve()))}" if options.schema else ""
        self.data = f"{{train: {self.split['train']}, validation: {self.split['validation']}, max_buckets: 1024{schema}}}"

    def fill(self, steps, db):
        o = self.options
        bids = ["--bids", o.bids, "--seed", o.seed] if o.bids else []
        group = ["--group-size", o.group_size] if o.group_size else []
        steps.run("log", ["vickrey", "log", "import", "--db", db, "--format", o.format, *group, *bids, o.log])

    def play(self, db, snapshot):
        return ["--db", db, "--snapshot", snapshot, "--skip", self.split["train"] + self.split["validation"]]

    def notes(self):
        notes = ["Welfare is judged by recorded clicks: what a winner's click was worth. Its regret is not known, for the best "
                 "of those clicked is hindsight.",
                 "The auctions played are the newest fifth of the log; the oldest three fifths trained the models and the "
                 "fifth between chose their checkpoints."]
        if self.options.bids:
            notes.append(DRAWN_BIDS)
        elif self.options.format != "jsonl":
            notes.append("This log has no bids, so every bid is one unit: welfare is the click rate of the winners.")
        if self.options.format == "criteo":
            notes.append("Criteo's sample has no auctions: consecutive rows stand for the candidates of one.")
        if self.options.format == "outbrain":
            notes.append("In Outbrain's sample every request has exactly one click: click rates are conditional on one.")
        return notes


def configurations(job, auctions):
    """Name -> YAML. All students have the same network, steps and tuning."""
    batch = max(16, min(512, auctions // 64))
    optimizer = f"{{batch_auctions: {batch}, epochs: 8}}"
    losses = {"logloss_click": "{loss: logloss, labels: click}",
              "logloss_teacher": "{loss: logloss, labels: teacher}",
              "bid_logloss_click": "{loss: bid_logloss, labels: click}",
              "welfare_rank": "{loss: welfare_rank, labels: teacher}"}
    configs = {}
    for name, loss in losses.items():
        teacher = f"teacher: {{model: {job.teacher}}}\n" if "teacher" in loss else ""
        configs[name] = (f"name: {name}\nseed: {job.seed}\ndata: {job.data}\nmodel: {job.student}\n"
                         f"loss: {loss}\noptimizer: {optimizer}\n{teacher}")
    return configs


def percent(x):
    return f"{100 * x:+.2f} %"


def interval(comparison):
    lo, hi = comparison["relative_ci95"]
    return f"95 % interval {percent(lo)} to {percent(hi)}"


def find(comparisons, metric, b):
    return next(c for c in comparisons if c["metric"] == metric and c["b_model"] == b)


def sentence(comparison):
    """What a comparison of welfare says, and no more than that."""
    a, b = comparison["a_model"], comparison["b_model"]
    if not comparison["relative_ci95"]:
        return f"The welfare of {a} and {b} cannot be compared: the interval is not defined on these auctions."
    lo, hi = comparison["relative_ci95"]
    if lo > 0:
        return f"{a} creates more welfare than {b}: {percent(comparison['relative'])} ({interval(comparison)})."
    if hi < 0:
        return f"{a} creates less welfare than {b}: {percent(comparison['relative'])} ({interval(comparison)})."
    return (f"No difference in welfare between {a} and {b} can be told from chance: "
            f"{percent(comparison['relative'])} ({interval(comparison)}).")


def size_note(comparison):
    """What the number of auctions can and cannot show."""
    if not comparison["relative_ci95"]:
        return f"{comparison['auctions']} auctions are too few for an interval: nothing can be concluded from them."
    lo, hi = comparison["relative_ci95"]
    half = 50 * (hi - lo)
    few = "" if comparison["auctions"].isdigit() and int(comparison["auctions"]) >= 1000 else \
        " Intervals are of the normal distribution, which is rough for so few."
    return (f"What the size can show: with {comparison['auctions']} auctions a true difference of welfare of {half:.2g} % is told "
            f"from chance every other time, one of {1.43 * half:.2g} % four times of five, and smaller ones rarely.{few}")


def table(summary):
    rows = [("model", "welfare", "regret", "revenue", "AUC", "log loss", "calibr.")]
    for m in summary["models"]:
        show = lambda key, digits: "-" if m[key] is None else f"{m[key]:.{digits}f}"
        rows.append((m["ref"], show("welfare", 5), show("regret", 5), show("revenue", 5), show("auc", 4),
                     show("logloss", 5), show("calibration", 3)))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  " + row[0].ljust(widths[0]) + "".join("  " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:])))


def demonstrate(options, steps):
    out = options.out
    job = Real(options) if options.log else Synthetic(options)
    print(f"Vickrey demo: {job.source}\nEverything goes to {out}\n")
    job.fill(steps, out / "log")
    printed, _ = steps.run("snapshot", ["vickrey", "log", "snapshot", "create", "--db", out / "log"])
    snapshot = json.loads(printed)["snapshot_id"]
    printed, _ = steps.run("stats", ["vickrey", "log", "stats", "--db", out / "log", "--json"])
    stats = json.loads(printed)
    if int(stats["auctions"]) == 0:
        raise StepError("log", f"nothing could be read from {job.source}", steps.logs / "01-log.log", USAGE)

    configs = configurations(job, int(stats["auctions"]))
    training = {}
    for name, text in configs.items():
        config = out / "config" / f"{name}.yaml"
        config.write_text(text)
        printed, seconds = steps.run(f"train {name}", [
            "vickrey", "train", "--config", config, "--db", out / "log", "--snapshot", snapshot, "--out", out / "models"])
        line = json.loads(printed.splitlines()[-1])
        training[name] = {"ref": f"{name}@{line['version']}", "seconds": round(seconds, 3), **line,
                          "epochs": epochs_in(steps.log, name)}

    server, address, log = steps.serve("--artifact-root", out / "models", "--address", "127.0.0.1:0")
    for name, line in training.items():
        steps.run(f"register {name}", ["vickrey", "models", "register", "--address", address, f"{name}/{line['version']}"])
    refs = [training[name]["ref"] for name in [STUDENT, *BASELINES, RIVAL]]
    steps.run("simulate", ["vickrey", "simulate", *job.play(out / "log", snapshot), "--models", ",".join(refs), "--address",
                           address, "--outcomes", out / "outcomes.jsonl", "--summary", out / "summary.json"])
    steps.stop(server, log)

    summary = json.loads((out / "summary.json").read_text())
    summary["demo"] = tell(options, job, stats, training, configs, summary)
    write_atomically(out / "summary.json", json.dumps(summary, indent=1) + "\n")
    steps.run("report", ["vickrey", "report", out / "summary.json", "--out", out / "report.html"])
    print()
    table(summary)
    print("\n" + summary["demo"]["verdict"])
    for note in summary["demo"]["notes"]:
        print(f"- {note}")
    print(f"\nReport: {out / 'report.html'}\nNumbers: {out / 'summary.json'}")


def demonstrate_live(options, steps):
    print(f"Vickrey demo, live: synthetic market {options.market}, seed {options.seed}\nEverything goes to {options.out}\n")
    summary = close_the_loop(Synthetic(options), options, steps)
    write_atomically(options.out / "summary.json", json.dumps(summary, indent=1) + "\n")
    steps.run("report", ["vickrey", "report", options.out / "summary.json", "--out", options.out / "report.html"])
    print()
    table(summary)
    print()
    for b in [model["ref"] for model in summary["models"]][1:]:
        print(sentence(find(summary["comparisons"], "welfare", b)))
    for note in live_notes(summary):
        print(f"- {note}")
    print(f"\nReport: {options.out / 'report.html'}\nNumbers: {options.out / 'summary.json'}, {options.out / 'evidence'}")


def tell(options, job, stats, training, configs, summary):
    """What the demo adds to the simulation's summary."""
    welfare = lambda name: training[name]["metrics"].get("validation.welfare", -math.inf)
    baseline = training[max(BASELINES, key=welfare)]["ref"]
    primary = find(summary["comparisons"], "welfare", baseline)
    rival = find(summary["comparisons"], "welfare", training[RIVAL]["ref"])
    return {
        "quick": options.quick,
        "log": {key: stats[key] for key in ("auctions", "candidates", "clicks", "ctr")} | {"source": job.source},
        "training": list(training.values()),
        "primary": {"student": training[STUDENT]["ref"], "baseline": baseline,
                    "baseline_chosen_by": "its welfare on validation, the higher of the two log-loss students'"},
        "verdict": sentence(primary),
        "notes": ["Against the strongest simple baseline: " + sentence(rival), size_note(primary), *job.notes(),
                  f"Checkpoints, and which log-loss student is the baseline, were chosen on {validation_auctions(training)} validation "
                  "auctions; metrics.epoch of each training says which epoch was kept.",
                  "The training time of logloss_teacher holds that of the teacher, whose labels welfare_rank shares."],
        "train_config": configs[STUDENT],
    }


def validation_auctions(training):
    return int(training[STUDENT]["metrics"].get("validation.auctions", 0))


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer auctions: under 30 s")
    parser.add_argument("--live", action="store_true",
                        help="close the loop: a server's own log trains candidates, and a gate promotes them or not")
    parser.add_argument("--out", type=pathlib.Path, help="default: out/demo, with --live out/live")
    parser.add_argument("--seed", type=int, default=1, help="of the market, the networks and drawn bids; default: 1")
    parser.add_argument("--market", choices=MARKETS, default="two_segments", help="the synthetic market; default: two_segments")
    parser.add_argument("--log", help="a real log instead of a synthetic market")
    parser.add_argument("--format", help="its format: criteo, outbrain or jsonl")
    parser.add_argument("--group-size", type=int, help="rows that stand for one auction, where the log has none")
    parser.add_argument("--bids", help="draw bids: lognormal:MU,SIGMA")
    parser.add_argument("--schema", type=pathlib.Path, help="the schema file of its features; not needed for criteo and outbrain")
    parser.add_argument("--programs", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error("--seed: must be 0 or more")
    if options.log and not options.format:
        parser.error("--format is required with --log: criteo, outbrain or jsonl")
    if not options.log and (options.format or options.group_size or options.bids or options.schema):
        parser.error("--format, --group-size, --bids and --schema belong to --log")
    if options.live and options.log:
        parser.error("--log is not for --live, which has a server log a market's auctions")
    if options.schema and not options.schema.is_file():
        parser.error(f"--schema: there is no file {options.schema}")
    if options.log and not pathlib.Path(options.log).is_file():
        parser.error(f"--log: there is no file {options.log}")
    options.out = (options.out or pathlib.Path("out/live" if options.live else "out/demo")).resolve()
    return options


def interrupted(number, frame):
    raise KeyboardInterrupt


def main():
    options = parse(sys.argv[1:])
    # LibTorch's threads spin while they wait, which on a busy machine makes small steps many times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        prepare(options.out)
    except OSError as error:
        print(f"demo: --out: {error}", file=sys.stderr)
        return USAGE
    signal.signal(signal.SIGTERM, interrupted)
    begin = time.monotonic()
    steps = Steps(options.out, options.programs)
    try:
        demonstrate_live(options, steps) if options.live else demonstrate(options, steps)
    except StepError as error:
        print(f"demo: {error}\ndemo: its log: {error.log}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
        return 4
    finally:
        for number in INTERRUPTS:
            signal.signal(number, signal.SIG_IGN)  # a second one must not stop the tidying
        steps.end_all()
    print(f"Done in {time.monotonic() - begin:.0f} s")
    return GOOD


if __name__ == "__main__":
    sys.exit(main())
