#!/usr/bin/env python3
"""Compares losses on synthetic markets: a run for each (scenario, loss, seed), by the programs of the demo.

  ./dev recipe search --out OUT --seeds 1 2     every variant below on seeds that nobody reports
  ./dev recipe report --out OUT --seeds 101 102 103 104 105 106 107 108 109 110
                                                the recipe and the baselines that the search chose

Each seed is a market with its log: 40,000 auctions to train on, 10,000 to validate, the rest to judge by the true click
probabilities. Students of a scenario have the same network, steps and seed. What is there already in OUT is not run
again, so an interrupted study goes on where it was.
"""

import argparse
import concurrent.futures
import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

TRAIN, VALIDATION = 40_000, 10_000
TEST = {"search": 30_000, "report": 50_000}
MLP = {"architecture": "mlp", "hidden": [64, 64]}
LOGISTIC = {"architecture": "logistic"}

# Scenario -> the student's network.
SCENARIOS = {
    "two_segments": LOGISTIC,
    "brand_queries": LOGISTIC,
    "intent_bids": LOGISTIC,
    "thin_tower": {"architecture": "two_tower", "hidden": [1]},
    "hash_collisions": LOGISTIC,
    "linear": LOGISTIC,
}

# Student's t, the quantile of 97.5 %, by degrees of freedom.
T975 = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306, 9: 2.262, 14: 2.145, 19: 2.093}


def loss(name, **fields):
    return {"loss": {"loss": name, **fields}}


def tuned(base, **optimizer):
    return {**base, "optimizer": optimizer}


def taught(base, **teacher):
    return {**base, "teacher": teacher}


def baselines():
    """Each of the simple losses, with the same number of choices for all."""
    variants = {}
    for name in ("logloss", "bid_logloss"):
        for labels in ("click", "teacher"):
            base = loss(name, labels=labels)
            variants[f"{name}@{labels}"] = base
            for rate in (0.01, 0.1):
                variants[f"{name}@{labels} lr {rate}"] = tuned(base, learning_rate=rate)
            variants[f"{name}@{labels} 16 epochs"] = tuned(base, epochs=16)
            variants[f"{name}@{labels} batch 128"] = tuned(base, batch_auctions=128)
    return variants


def rank_losses():
    """The recipe, and what differs from it in one or two respects."""
    variants = {"welfare_rank": loss("welfare_rank")}
    w = lambda **fields: loss("welfare_rank", **fields)
    for pairs in ("all", "top"):
        variants[f"pairs {pairs}"] = w(pairs=pairs)
    for surrogate in ("hinge", "tanh"):
        for pairs in ("ppi", "top", "all"):
            variants[f"{surrogate} {pairs}"] = w(surrogate=surrogate, pairs=pairs)
    variants["ecpm ppi"] = w(margin="ecpm")
    variants["ecpm all sigma 4"] = w(margin="ecpm", pairs="all", sigma=4)
    for first, last in ((1, 20), (2, 20), (4, 10), (4, 40), (8, 40), (20, 20), (4, 4), (10, 100)):
        variants[f"sigma {first} to {last}"] = w(sigma=first, sigma_end=last)
    for first, last in ((0.1, 0.1), (0, 0), (0.3, 0.01), (0.03, 0.003), (0.5, 0.05)):
        variants[f"alpha {first} to {last}"] = w(alpha=first, alpha_end=last)
    for warm in (0, 0.2, 0.6, 0.8):
        variants[f"warm {warm}"] = w(warm_phase=warm)
    variants["labels click"] = w(labels="click")
    for rate in (0.01, 0.1):
        variants[f"lr {rate}"] = tuned(w(), learning_rate=rate)
    variants["16 epochs"] = tuned(w(), epochs=16)
    variants["batch 128"] = tuned(w(), batch_auctions=128)
    for first, last in ((0.3, 0.05), (0.5, 0.1), (0.3, 0.1), (0.3, 0.02), (0.1, 0.05), (0.2, 0.2)):
        variants[f"soft_winner tau {first} to {last}"] = loss("soft_winner", tau=first, tau_end=last)
    variants["soft_winner alpha 0.3 to 0.03"] = loss("soft_winner", alpha=0.3, alpha_end=0.03)
    for a in (1, 4, 16):
        for pairs in ("ppi", "top"):
            variants[f"gmadl a {a} {pairs}"] = loss("gmadl", a=a, pairs=pairs)
    for name in ("ranknet", "softmax", "jrc", "calibrated_softmax"):
        for labels in ("click", "teacher"):
            variants[f"{name}@{labels}"] = loss(name, labels=labels)
    variants["known_market"] = loss("known_market")
    # What looked best, together; and a teacher of more folds, each trained on more of the log.
    low = {"alpha": 0.03, "alpha_end": 0.003}
    variants["low alpha, hinge"] = w(surrogate="hinge", **low)
    variants["low alpha, batch 128"] = tuned(w(**low), batch_auctions=128)
    variants["low alpha, sigma 4 to 10"] = w(sigma=4, sigma_end=10, **low)
    variants["low alpha, warm 0.2"] = w(warm_phase=0.2, **low)
    for folds in (5, 10):
        variants[f"{folds} folds"] = taught(w(), cross_fit=folds)
        variants[f"{folds} folds, low alpha"] = taught(w(**low), cross_fit=folds)
        variants[f"{folds} folds, logloss@teacher"] = taught(loss("logloss", labels="teacher"), cross_fit=folds)
    return variants


VARIANTS = {**baselines(), **rank_losses()}


class Study:
    def __init__(self, programs, out, test):
        self.programs, self.out, self.test = programs, out, test

    def call(self, *command, **streams):
        done = subprocess.run([str(self.programs / command[0]), *map(str, command[1:])], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, **streams)
        if done.returncode != 0:
            raise SystemExit(f"recipe: {' '.join(map(str, command))}\n{done.stderr.strip().splitlines()[-1]}")
        return done.stdout

    def log(self, scenario, seed):
        """A log of a market, with a snapshot of it."""
        folder = self.out / "logs" / f"{scenario}-{seed}"
        if not (folder / "snapshot").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            auctions = TRAIN + VALIDATION + self.test
            generate = subprocess.Popen([str(self.programs / "vickrey"), "market", "generate", "--scenario", scenario,
                                         "--auctions", str(auctions), "--seed", str(seed)], stdout=subprocess.PIPE)
            self.call("vickrey", "log", "append", "--db", folder / "db", stdin=generate.stdout)
            if generate.wait() != 0:
                raise SystemExit(f"recipe: {scenario} could not be generated")
            snapshot = json.loads(self.call("vickrey", "log", "snapshot", "create", "--db", folder / "db"))
            (folder / "snapshot").write_text(snapshot["snapshot_id"])
        return folder

    def config(self, scenario, seed, variant):
        auctions = TRAIN + VALIDATION + self.test
        config = {"name": "student", "seed": seed, "threads": 1, "model": SCENARIOS[scenario], **variant,
                  "data": {"train": TRAIN / auctions, "validation": VALIDATION / auctions}}
        needs_teacher = variant["loss"].get("labels", "teacher") == "teacher"
        if needs_teacher:
            config["teacher"] = {"model": MLP, "optimizer": {}, **variant.get("teacher", {})}
            if scenario == "hash_collisions":  # it sees which ad it is, where students see one of 64 buckets
                config["teacher"]["schema"] = str(self.fine_schema())
        return config

    def fine_schema(self):
        path = self.out / "fine_schema.json"
        if not path.exists():
            schema = json.loads(self.call("vickrey", "market", "schema", "--scenario", "hash_collisions"))
            del schema["schema_id"]
            next(f for f in schema["fields"] if f["name"] == "ad")["buckets"] = 16384
            aside = path.with_suffix(f".{os.getpid()}")
            aside.write_text(json.dumps(schema))
            aside.rename(path)
        return path

    def runs(self, scenario, seed, names):
        """Metrics of each variant on one market."""
        kept = self.out / "runs" / f"{scenario}-{seed}.json"
        kept.parent.mkdir(parents=True, exist_ok=True)
        results = json.loads(kept.read_text()) if kept.exists() else {}
        missing = [name for name in names if name not in results]
        if not missing:
            return results
        folder = self.log(scenario, seed)
        for name in missing:
            config = folder / "config.json"
            config.write_text(json.dumps(self.config(scenario, seed, VARIANTS[name])))
            line = self.call("vickrey", "train", "--config", config, "--db", folder / "db", "--snapshot",
                             (folder / "snapshot").read_text(), "--out", folder / "models").splitlines()[-1]
            results[name] = json.loads(line)["metrics"]
            aside = kept.with_suffix(".part")
            aside.write_text(json.dumps(results))
            aside.rename(kept)
            shutil.rmtree(folder / "models" / "student")
        shutil.rmtree(folder)  # logs are large, and are made again in seconds
        return results


def regret_removed(results, name, baseline):
    return 100 * (1 - results[name]["test.regret"] / results[baseline]["test.regret"])


def welfare_gain(results, name, baseline):
    return 100 * (results[name]["test.welfare"] / results[baseline]["test.welfare"] - 1)


def better_logloss(results, names=("logloss@click", "logloss@teacher")):
    """The better of the log-loss students on validation."""
    return max(names, key=lambda name: results[name]["validation.welfare"])


def mean_interval(values):
    """As text: the mean and its interval over seeds by Student's t."""
    mean = statistics.mean(values)
    n = len(values)
    if n < 2 or n - 1 not in T975:
        return f"{mean:.1f}"
    half = T975[n - 1] * statistics.stdev(values) / math.sqrt(n)
    return f"{mean:.1f} ({mean - half:.1f} to {mean + half:.1f})"


def search_table(results, seeds, scenarios):
    """Regret removed against the better log-loss student, the mean over seeds; of linear, welfare gained."""
    print("| variant | " + " | ".join(f"{s} (welfare %)" if s == "linear" else s for s in scenarios) + " |")
    print("|---" * (len(scenarios) + 1) + "|")
    for name in VARIANTS:
        cells = []
        for scenario in scenarios:
            measure = welfare_gain if scenario == "linear" else regret_removed
            values = [measure(r, name, better_logloss(r)) for r in (results[scenario, seed] for seed in seeds)]
            cells.append(f"{statistics.mean(values):.3f}" if scenario == "linear" else f"{statistics.mean(values):.1f}")
        print(f"| {name} | " + " | ".join(cells) + " |")


def report_table(results, seeds, scenarios, names, rival):
    print("| scenario | loss | regret removed % against the better log loss | worst seed | seeds above 0 | "
          "of the regret of tuned bid_logloss % | welfare % | revenue % | AUC | log loss % | winners |")
    print("|---" * 11 + "|")
    for scenario in scenarios:
        runs = [results[scenario, seed] for seed in seeds]
        for name in [*names, rival[scenario]]:
            against = [(r, better_logloss(r)) for r in runs]
            removed = [regret_removed(r, name, b) for r, b in against]
            of = lambda key, r: r[name][f"test.{key}"]
            print(f"| {scenario} | {name} | {mean_interval(removed)} | {min(removed):.1f} | "
                  f"{sum(v > 0 for v in removed)} of {len(removed)} | "
                  f"{mean_interval([regret_removed(r, name, rival[scenario]) for r in runs])} | "
                  f"{statistics.mean([welfare_gain(r, name, b) for r, b in against]):+.3f} "
                  f"(worst {min(welfare_gain(r, name, b) for r, b in against):+.3f}) | "
                  f"{statistics.mean([100 * (of('revenue', r) / r[b]['test.revenue'] - 1) for r, b in against]):+.1f} | "
                  f"{statistics.mean([of('auc', r) - r[b]['test.auc'] for r, b in against]):+.4f} | "
                  f"{statistics.mean([100 * (of('logloss', r) / r[b]['test.logloss'] - 1) for r, b in against]):+.1f} | "
                  f"{statistics.mean([of('winner_calibration', r) for r in runs]):.2f} |")


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev recipe", description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["search", "report"])
    parser.add_argument("--out", type=pathlib.Path, required=True, help="where runs are kept")
    parser.add_argument("--seeds", type=int, nargs="+", required=True)
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS, default=list(SCENARIOS))
    parser.add_argument("--losses", nargs="+", choices=VARIANTS, metavar="VARIANT", help="report: beside the baselines")
    parser.add_argument("--rival", action="append", default=[], metavar="SCENARIO=VARIANT",
                        help="report: which bid_logloss the search chose (default bid_logloss@click)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--programs", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    return parser.parse_args()


def main():
    options = parse_arguments()
    study = Study(options.programs, options.out / options.what, TEST[options.what])
    rival = {scenario: "bid_logloss@click" for scenario in options.scenarios}
    rival.update(text.split("=", 1) for text in options.rival)
    losses = options.losses or ["welfare_rank"]
    names = {scenario: list(VARIANTS) if options.what == "search" else
             list(dict.fromkeys(["logloss@click", "logloss@teacher", rival[scenario], *losses]))
             for scenario in options.scenarios}
    markets = [(scenario, seed) for seed in options.seeds for scenario in options.scenarios]
    results = {}
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        waiting = {pool.submit(study.runs, *market, names[market[0]]): market for market in markets}
        for done in concurrent.futures.as_completed(waiting):
            results[waiting[done]] = done.result()
            print(f"{len(results)} of {len(markets)}: {waiting[done][0]} seed {waiting[done][1]}", file=sys.stderr)
    if options.what == "search":
        search_table(results, options.seeds, options.scenarios)
    else:
        report_table(results, options.seeds, options.scenarios, losses, rival)


if __name__ == "__main__":
    main()
