#!/usr/bin/env python3
"""Off-policy estimates on Open Bandit's samples against the truth that the other log holds, as the table of docs/results.md.

    python3 tests/bench/open_bandit.py --programs build/release/bin --data DIR

DIR has random_men.csv, bts_men.csv and their item tables (..._item_context.csv). What it runs, users run as well: `vickrey
log import`, then `vickrey eval off-policy --db A --target-db B`.
"""

import argparse
import collections
import csv
import json
import math
import pathlib
import random as random_module
import subprocess
import tempfile

POLICIES = {"random": "uniform random", "bts": "Thompson sampling"}


def decisions(file):
    """(position, item, propensity) of each row."""
    with open(file) as rows:
        return [(r["position"], r["item_id"], float(r["propensity_score"])) for r in csv.DictReader(rows)]


def coverage(programs, logged, target, runs):
    """How often intervals hold the truth: logs drawn from the decisions of one policy, where every click has probability .5 %."""
    shown, of_slot = collections.Counter((p, i) for p, i, _ in target), collections.Counter(p for p, _, _ in target)
    weights = [(q, shown[p, i] / of_slot[p]) for p, i, q in logged]
    rate = 0.005
    truth = rate * sum(t / q for q, t in weights) / len(weights)
    random, held, normal = random_module.Random(1), 0, 0
    for _ in range(runs):
        rows = [(1 if random.random() < rate else 0, *w) for w in random.choices(weights, k=len(weights))]
        text = "".join(f'{{"reward":{r},"propensity":{q!r},"target_probability":{t!r}}}\n' for r, q, t in rows)
        found = json.loads(subprocess.run([programs / "vickrey", "eval", "off-policy"], input=text, capture_output=True, text=True,
                                          check=True).stdout)["ips"]
        low, high = found["ci95"]
        held += low <= truth <= high
        half = 1.96 * math.sqrt(sum((r * t / q - found["value"]) ** 2 for r, q, t in rows)) / len(rows)
        normal += abs(found["value"] - truth) <= half
    return f"of {runs} logs drawn so, the interval of IPS holds the truth in {held}, a normal one in {normal}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--coverage", type=int, default=0, metavar="N", help="also draw N logs, and see how often intervals hold")
    args = parser.parse_args()

    def vickrey(*flags):
        done = subprocess.run([args.programs / "vickrey", *map(str, flags)], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    percent = lambda e: f"{100 * e['value']:.3f} ({100 * e['ci95'][0]:.3f} to {100 * e['ci95'][1]:.3f})"
    with tempfile.TemporaryDirectory() as folder:
        logs = {name: pathlib.Path(folder) / name for name in POLICIES}
        for name, log in logs.items():
            vickrey("log", "import", "--db", log, "--format", "open_bandit", "--items", args.data / f"{name}_men_item_context.csv",
                    args.data / f"{name}_men.csv")
        print("| log | target | clip | IPS, % | SNIPS, % | in the target's own log, % | ESS | rewards | max weight |\n|" + "---|" * 9)
        warnings = []
        for logged, target, clip in (("random", "bts", None), ("bts", "random", None), ("bts", "random", 20)):
            r = vickrey("eval", "off-policy", "--db", logs[logged], "--target-db", logs[target], *(("--clip", clip) if clip else ()))
            print(f"| {POLICIES[logged]} | {POLICIES[target]} | {clip or '-'} | {percent(r['ips'])} | {percent(r['snips'])} | "
                  f"{percent(r['target_log'])} | {r['ess']:,.0f} of {int(r['n']):,} | {r['telling']} | {r['max_weight']:.1f} |")
            warnings += r["warnings"]
        print()
        for warning in dict.fromkeys(warnings):
            print(f"- {warning}")
    if args.coverage > 0:
        read = {name: decisions(args.data / f"{name}_men.csv") for name in POLICIES}
        for logged, target in (("random", "bts"), ("bts", "random")):
            print(f"- {POLICIES[logged]} to {POLICIES[target]}: "
                  f"{coverage(args.programs, read[logged], read[target], args.coverage)}")


if __name__ == "__main__":
    main()
