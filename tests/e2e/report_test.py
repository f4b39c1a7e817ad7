"""The report: what `vickrey report` makes of a run, a study and a search, looked at in headless Chromium at two widths.

Needs Chromium (chromium-headless-shell of Debian, or VICKREY_CHROMIUM=PROGRAM); what needs it is skipped without.
"""

import copy
import datetime
import json
import math
import os
import pathlib
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

import bidders_test
import browser
from arithmetic_study_test import SETTINGS as ARITHMETIC
from demo_test import SMALL
from study_test import SPACE, TUNE, WELFARE
from tool import BIN, ROOT, error_of, vickrey
from walkforward_test import SETTINGS, prices

os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin while they wait make a busy machine ten times slower

WIDE, NARROW = 1280, 390
HOSTILE = """</script><img src=x onerror="window.hurt=1"><b>'"&amp;{{data}}`${alert(1)}`"""
WALK_CHARTS = ["IR* less that of mse", "IR** less that of mse", "IR* less that of buy and hold", "IR** less that of buy and hold", "Equity out of sample",
               "Drawdown out of sample", "Trades by loss and costs", "The windows of the series"]
RUN_CHARTS = ["How much more welfare", "How much of each model's regret", "What each model loses", "Who gets the welfare",
              "How much more revenue", "AUC and welfare", "Log loss and welfare", "How often what was predicted came true",
              "How far predictions are off, by bid", "Welfare on validation", "Log loss on validation", "The training objective"]
STUDY_CHARTS = ["How much more welfare", "How much more welfare each loss", "How much of the better log loss's regret",
                "How much of it each loss", "Calibration of winners", "AUC", "Regret removed for CPU seconds"]
TUNE_CHARTS = ["What tuning gained for each loss", "What tuning gained for welfare_rank@teacher", "Welfare of each loss on fresh auctions",
               "The best score so far", "Scores of all trials", "Trials of welfare_rank@teacher"]
ARITHMETIC_CHARTS = [*(f"How many more answers to problems of {task}" for task in ("addition", "multiplication")),
                     *(f"Mean absolute error of {task}, {split}" for task in ("addition", "multiplication")
                       for split in ("train", "interpolation", "extrapolation", "longer"))]
POINTS = '.holder [role="graphics-symbol"][aria-label]:not([aria-roledescription="axis"])'
COST_CHARTS = ["Examples per second against the batch", "Examples per second against the size", "Loss per USD against the batch",
               "Loss per USD against the size", "Loss against examples", "Loss against USD", "Time and money to a loss of 0.1920"]
BIDDERS_CHARTS = ["CRPS of number-token losses", "CRPS of each head", "P(price ≤ bid) against", "How far P(price ≤ bid) is off", "Where prices fall",
                  "Profit of each bidder", "Profit compared with"]
MARKS = '[...f.querySelectorAll(".holder svg .mark-symbol path, .holder svg .mark-rect path, .holder svg .mark-line path")]'


def demo(folder):
    """A demo's summary, of a small market: what every part of the page is drawn of."""
    programs = folder / "programs"
    programs.mkdir()
    script = programs / "vickrey"
    script.write_text(f'{SMALL}exec {shlex.quote(str(BIN / "vickrey"))} "$@"\n')
    script.chmod(0o755)
    done = subprocess.run([sys.executable, "-B", ROOT / "simulator/demo/demo.py", "--programs", programs, "--out", folder / "demo"],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "demo/summary.json").read_text())


def study(scenarios=3, losses=4, seeds=5):
    """A study as docs/formats.md has it, with numbers by a rule."""
    names = ["logloss@click", "logloss@teacher", "bid_logloss@click", "welfare_rank@teacher"][:losses]
    names += [f"variant_{i}@teacher" for i in range(losses - len(names))]
    seed_of = lambda s, l, i: {
        "seed": i, "baseline": "logloss@click", "auctions": 1000, "welfare": .5 + .01 * l, "oracle_welfare": .7, "regret": .2 - .01 * l,
        "relative": .02 * l - .01 * s + .003 * i, "relative_ci95": None, "regret_removed": None if s == 1 else .1 * l + .01 * i,
        "regret_removed_of_rival": None, "auc": .75 - .01 * l + .001 * i, "auc_difference": -.01 * l, "logloss": .18,
        "calibration": 1, "winners_calibration": 1 + .02 * l + .01 * i, "cpu_seconds": 1 + l, "teacher_cpu_seconds": None if l % 2 else 3}

    def over(values):
        known = [v for v in values if isinstance(v, (int, float))]
        if not known:
            return {"mean": None, "t95": None, "seeds": 0}
        mean = sum(known) / len(known)
        half = 2 * math.sqrt(sum((v - mean) ** 2 for v in known)) / len(known)
        return {"mean": mean, "t95": [mean - half, mean + half] if len(known) > 1 else None, "seeds": len(known)}

    def loss_of(s, l, name):
        rows = [seed_of(s, l, i) for i in range(seeds)]
        metrics = [key for key, value in rows[0].items() if not isinstance(value, (str, list))]
        return {"name": name, "loss": name.split("@")[0], "labels": name.split("@")[1], "settings": {}, "tuned": False, "seeds": rows,
                "over_seeds": {key: over([row[key] for row in rows]) for key in metrics}}

    claim = {"claim": "more welfare than the better log loss", "kind": "paper", "where": "market_0", "loss": "welfare_rank@teacher",
             "against": "baseline", "value": .05, "unit": "share", "ci95": [.02, .08], "goal": "ci95 above 0", "holds": True,
             "auctions": 5000, "note": None}
    return {"format": 1, "kind": "welfare", "command": "vickrey study welfare",
            "config": {"scenarios": [], "losses": names, "seeds": list(range(seeds)), "auctions": 1000},
            "provenance": {"programs": {"vickrey-sim": {"version": "0.0.1", "commit": "c", "libtorch": "", "sha256": "00"}},
                           "machine": {"processor": "p", "system": "s"}},
            "seconds": {"total": 1.5, "stages": {}},
            "scenarios": [{"name": f"market_{s}", "control": s == 1, "network": {}, "baselines": {},
                           "losses": [loss_of(s, l, name) for l, name in enumerate(names)]} for s in range(scenarios)],
            "claims": [claim, {**claim, "kind": "goal", "holds": False}, {**claim, "kind": "goal", "holds": None, "value": None},
                       {**claim, "kind": "cost", "unit": "cpu seconds per point", "value": .4, "goal": None, "holds": None}]}


def walk(models=2, losses=3, costs=2, seeds=3, points=60, windows=4):
    """A study.json of a walk-forward as docs/formats.md has it, by a rule: gmadl is above mse and, without costs, above buy and hold;
    mae is below mse."""
    names = ["mse", "gmadl", "mae", *(f"variant_{i}" for i in range(3, losses))][:losses]
    prices = [.001, 0.0, *(i / 1000 for i in range(2, costs))][:costs]
    day = lambda n: (datetime.date(2001, 1, 1) + datetime.timedelta(days=n)).isoformat()
    metrics = ("arc", "asd", "ir", "ir2", "max_drawdown", "trades", "share_long", "share_short", "share_flat", "final_equity")

    def over(values):
        mean = sum(values) / len(values)
        half = 2 * math.sqrt(sum((v - mean) ** 2 for v in values)) / len(values)
        return {"mean": mean, "t95": [mean - half, mean + half] if len(values) > 1 else None, "least": min(values), "greatest": max(values),
                "positive": sum(v > 0 for v in values), "seeds": len(values)}

    def seed_of(m, l, c, i):
        ir = .1 + .2 * (l == 1) - .1 * (l == 2) + .01 * i + .01 * m - .15 * (c == 0)
        held = {"arc": .02, "ir": .2, "ir2": .01}
        mine = {"arc": ir / 5, "asd": .2, "ir": ir, "ir2": ir / 10, "max_drawdown": .4, "trades": 100 * (l + 1) + 10 * i, "share_long": .5,
                "share_short": .3, "share_flat": .2, "final_equity": 1 + ir}
        return {"seed": i + 1, **mine, "periods": 5 * points, "bankrupt": None, **{f"{key}_over_hold": mine[key] - held[key] for key in held},
                "random": {}, "chosen": [0] * windows, "validation_metric": [.1] * windows, "diverged": 0}

    def curve(rise, spread):
        equity = [math.exp(rise * n / points + .2 * math.sin(n / 5)) for n in range(points)]
        drawdown = [.2 + .1 * math.sin(n / 4) for n in range(points)]
        found = {"equity": equity, "drawdown": drawdown}
        return found if spread is None else {**found, "equity_least": [e / spread for e in equity], "equity_greatest": [e * spread for e in equity],
                                             "drawdown_greatest": [min(1, d * spread) for d in drawdown]}

    results = []
    for c, cost in enumerate(prices):
        for m, model in enumerate(["perceptron", "lstm", *(f"model_{i}" for i in range(2, models))][:models]):
            rows = {l: [seed_of(m, l, c, i) for i in range(seeds)] for l in range(losses)}
            for l, name in enumerate(names):
                results.append({"model": model, "loss": name, "cost": cost, "seeds": rows[l],
                                "over_seeds": {key: over([row[key] for row in rows[l]]) for key in (*metrics, "arc_over_hold", "ir_over_hold", "ir2_over_hold")},
                                "against": None if l == 0 else {"loss": "mse", **{key: over([a[key] - b[key] for a, b in zip(rows[l], rows[0])])
                                                                                 for key in ("arc", "ir", "ir2")}},
                                "curve": curve(.5 * (l == 1) - .3 * (l == 2), 1.2)})
    part = lambda first, rows: {"first": day(first), "last": day(first + rows - 1), "rows": rows}
    return {"format": 1, "kind": "walkforward", "command": "vickrey study walkforward",
            "config": {"series": {"file": "prices.csv", "sha256": "00", "price": "Close", "date": None}, "models": [], "losses": names, "costs": prices,
                       "seeds": [*range(1, seeds + 1)], "periods_per_year": 252.0,
                       "settings": {"common": {}, "models": {}, "losses": {"gmadl": {"loss.a": 3}}, "variants": {}}},
            "provenance": {"programs": {"vickrey-forecast": {"version": "0.0.1", "commit": "c", "libtorch": "", "sha256": "00"}},
                           "machine": {"processor": "p", "system": "s"}},
            "seconds": None,
            "windows": [{"window": w, "in_sample": part(100 * w, 200), "validation": part(100 * w + 200, 50),
                         "out_of_sample": part(100 * w + 250, 100)} for w in range(windows)],
            "curves": {"every": 5, "time": [day(250 + 5 * n) for n in range(points)]},
            "buy_and_hold": [{"cost": cost, **{key: .2 for key in metrics}, "trades": 1, "periods": 5 * points, "bankrupt": None,
                              "curve": curve(.1, None)} for cost in prices],
            "results": results}


def search(scenarios=2, losses=3, trials=6):
    """A tune.json as docs/formats.md has it, by halving: trials of 2 epochs, the best third of 6. The last trial fails; of the
    second loss the defaults stay."""
    names = ["logloss@click", "logloss@teacher", "welfare_rank@teacher", *(f"loss_{i}@click" for i in range(3, losses))][:losses]

    def loss_of(s, l, name):
        score = lambda t: .6 + .03 * l - .01 * s + (-.002 * t if l == 1 else .002 * t if t < trials - 1 else 0)
        settings = lambda t: {"optimizer.learning_rate": .01 * t, "loss.pairs": ["ppi", "top"][t % 2], "model.hidden": [t, 2]} if t else {}
        made = [{"trial": t, "settings": settings(t), "rungs": [{"epochs": 2, "score": score(t) - .05}]} for t in range(trials - 1)]
        best = [0, *range(max(1, trials - trials // 3), trials - 1)]
        for t in best:
            made[t]["rungs"].append({"epochs": 6, "score": score(t)})
        made.append({"trial": trials - 1, "settings": settings(trials - 1), "rungs": [
            {"epochs": 2, "score": None, "error": f"train market_{s}-1 {name}: training x: step 7 has the objective nan"}]})
        selected = 0 if l == 1 else best[-1]
        gain = 0 if l == 1 else .02 - .04 * s
        return {"name": name, "loss": name.split("@")[0], "labels": name.split("@")[1], "spent": 4.0, "trials": made, "selected": selected,
                "settings": settings(selected), "test": {"selected": .6 + gain, "default": .6, "auctions": 2000,
                                                         "difference_t95": [0, 0] if l == 1 else [gain - .01, gain + .01]}}

    return {"format": 1, "kind": "tune", "command": "vickrey study tune",
            "config": {"losses": names, "seeds": [1, 2], "test_seeds": [3, 4], "search_seed": 1, "metric": "welfare", "method": "halving",
                       "budget": 4, "rungs": [[trials, 2], [2, 6]], "auctions": 1000, "epochs": 6,
                       "space": {"common": {"optimizer.learning_rate": {"log": [.005, .2]}}, "losses": {"welfare_rank": {
                           "loss.pairs": {"choice": ["ppi", "top"]}}}}},
            "provenance": {"programs": {"vickrey-train": {"version": "0.0.1", "commit": "c", "libtorch": "", "sha256": "00"}},
                           "machine": {"processor": "p", "system": "s"}},
            "seconds": None,
            "scenarios": [{"name": f"market_{s}", "network": {}, "losses": [loss_of(s, l, name) for l, name in enumerate(names)]}
                          for s in range(scenarios)]}


def arithmetic(tasks=("addition", "multiplication"), losses=("cross_entropy", "ntl_mse", "ntl_was"), seeds=5):
    """A study of arithmetic as docs/formats.md has it, with numbers by a rule: in every seed ntl_was has 2 points more exact answers than
    cross_entropy and half its error, but on longer problems, where all are alike; ntl_mse one point less or more, and a larger error."""
    mean = lambda values: {"mean": sum(values) / len(values), "t95": [min(values) - .001, max(values) + .001] if any(values) else [0, 0],
                           "seeds": len(values)} if None not in values else {"mean": None, "t95": None, "seeds": 0}
    splits = ("train", "interpolation", "extrapolation", "longer")

    def record(seed, split, loss):
        size, alike = 10 ** splits.index(split), split == "longer"
        accuracy = 0 if alike else .5 + .01 * seed + (.02 if loss == "ntl_was" else .01 * (-1) ** seed if loss == "ntl_mse" else 0)
        factor = 1 if alike or loss == "cross_entropy" else .5 if loss == "ntl_was" else 1.5
        return {"seed": seed, "problems": 1000, "accuracy": accuracy, "mae": factor * size * (3 + .1 * seed), "median_absolute_error": size,
                "no_number": .3 if alike else 0, "mae_of_numbers": size, "error": None}

    metrics = ("accuracy", "mae", "median_absolute_error", "no_number")
    results, claims = [], []
    for task in tasks:
        for split in splits:
            base = [record(seed, split, "cross_entropy") for seed in range(1, seeds + 1)]
            for loss in losses:
                mine = [record(seed, split, loss) for seed in range(1, seeds + 1)]
                against = {metric: mean([a[metric] - b[metric] for a, b in zip(mine, base)]) for metric in metrics}
                results.append({"task": task, "split": split, "loss": loss, "lambda": None if loss == "cross_entropy" else .3, "seeds": mine,
                                "over_seeds": {metric: mean([one[metric] for one in mine]) for metric in metrics},
                                "against": None if loss == "cross_entropy" else {"loss": "cross_entropy", **against}})
                if loss != "cross_entropy" and split in splits[1:3]:
                    for metric, sign in (("mae", -1), ("accuracy", 1)):
                        lo, hi = against[metric]["t95"]
                        claims.append({"claim": f"makes {metric} better", "task": task, "split": split, "loss": loss, "against": "cross_entropy",
                                       "metric": metric, "value": against[metric]["mean"], "t95": [lo, hi],
                                       "verdict": "not told apart" if lo <= 0 <= hi else "holds" if sign * lo > 0 else "does not hold"})
    return {"format": 1, "kind": "arithmetic", "command": "vickrey study arithmetic --seeds 5",
            "config": {"tasks": list(tasks), "losses": list(losses), "seeds": list(range(1, seeds + 1)), "settings": {}},
            "provenance": {"programs": {"vickrey-arithmetic": {"version": "0.0.1", "commit": "c", "libtorch": "", "sha256": "00"}},
                           "machine": {"processor": "p", "system": "s"}},
            "seconds": None, "results": results, "claims": claims, "chance": {"intervals": 24, "miss_zero": 18, "by_chance": 1.2}}


def cost(models=("small", "large"), batches=(64, 512), threads=(1, 2), more=2):
    """A study.json of what training costs as docs/formats.md has it, by a rule: the large model is a tenth as fast and learns twice as fast
    from an example, two threads are 1.5 times as fast as one, and a batch of 512 twice as fast as one of 64. `more`: points without numbers."""
    size = {model: 10 ** (5 + m) for m, model in enumerate(models)}
    curves, points = [], []

    def named(**other):
        point = {"model": "small", "architecture": "mlp", "attention": None, "fields": 8, "device": "cpu", "device_name": "a processor", "threads": 1,
                 "precision": "float32", "workers": 1, "communication": None, "tables": "adam", "batch_auctions": 512, "error": None, **other}
        return {"name": f"{point['model']}, {point['batch_auctions']} auctions, cpu x {point['threads']}, workers {point['workers']}", **point}

    unknown = dict.fromkeys(("parameters", "dense_parameters", "table_parameters", "candidates_per_step", "examples_per_second", "spread", "step_seconds",
                             "waiting_share", "communication_share", "communication_bytes_per_step", "cores_used", "flops_per_example", "flops_per_second",
                             "product_flops_per_second", "model_flop_utilisation", "host_peak_bytes", "device_peak_bytes", "optimizer_bytes",
                             "dollars_per_hour", "examples_per_dollar", "curve", "loss_per_dollar", "to_target"))
    for m, model in enumerate(models):
        for b, batch in enumerate(batches):
            falls = .002 * (1 + m)
            curves.append({"model": model, "batch_auctions": batch, "tables": "adam", "metric": "validation log loss, nats", "start": .2,
                           "points": [{"examples": k * 1_000_000, "loss": .2 - falls * k} for k in range(1, 6)]})
            for count in threads:
                rate, hour = 1e5 / 10 ** m * 2 ** b * 1.5 ** (count - 1), .05 * count
                reached = 1e6 * (4 if m == 0 else 2)
                points.append({**unknown, **named(model=model, threads=count, batch_auctions=batch), "id": len(points), "status": "measured",
                               "parameters": size[model], "dense_parameters": 1000, "table_parameters": size[model] - 1000, "candidates_per_step": 8. * batch,
                               "examples_per_second": rate, "spread": .03, "step_seconds": 8 * batch / rate, "waiting_share": .01, "communication_share": 0.,
                               "cores_used": 1. * count, "model_flop_utilisation": .1, "host_peak_bytes": 2 ** 28, "optimizer_bytes": 8 * size[model],
                               "dollars_per_hour": hour, "examples_per_dollar": rate * 3600 / hour, "curve": len(curves) - 1,
                               "loss_per_dollar": 5 * falls / (5e6 / (rate * 3600 / hour)),
                               "to_target": {"examples": reached, "seconds": reached / rate, "dollars": reached / (rate * 3600 / hour)}})
    measured = len(points)
    for i in range(more):
        status, error = [("does not fit", "RESOURCE_EXHAUSTED: out of memory"), ("failed", "INVALID_ARGUMENT: no such table")][i % 2]
        points.append({**unknown, **named(batch_auctions=10 ** 6 + i, error=error), "id": len(points), "status": status})
    predicted = {**named(workers=64, communication="zero1"), "status": "predicted", "from": "workers=64", "step_seconds": .25, "examples_per_second": 1e6,
                 "communication_share": .3, "dollars_per_hour": 3.2, "examples_per_dollar": 1.125e9,
                 "to_target": {"examples": 4e6, "seconds": 4., "dollars": .0036}}
    return {"format": 1, "kind": "cost", "command": "vickrey study cost --predict workers=64", "config": {"market": {"auctions": 1000}},
            "provenance": {"programs": {"vickrey-cost": {"version": "0.0.1", "commit": "c", "libtorch": "", "sha256": "00"}},
                           "machine": {"processor": "p", "system": "s"}},
            "seconds": None, "prices": {"currency": "USD", "placeholder": True, "devices": {"cpu": .05}},
            "devices": [{"device": "cpu", "device_name": "a processor", "cores": 2, "memory_bytes": str(2 ** 34)}], "points": points, "curves": curves,
            "target": {"loss": .192, "given": False},
            "budgets": [{"dollars": 1e-6, "point": None, "loss": None, "seconds": None, "clipped": False},
                        {"dollars": 1e-4, "point": 2, "loss": .198, "seconds": 7.2, "clipped": False},
                        {"dollars": 1, "point": 6, "loss": .18, "seconds": 250., "clipped": True}],
            "pareto": {"target": [2, 3][:measured], "loss": [{"dollars": .0001 * (k + 1), "loss": .198 - .002 * k, "point": 2} for k in range(4)]},
            "sentences": ["2 threads are 1.5x as fast as 1 (small, 512 auctions).", "the large model is a tenth as fast."],
            "left_out": [{"point": "small, 512 auctions, cpu x 4", "why": "4 threads are more than 2 cores"}],
            "planner": {"formula": "step_seconds = overhead + a * candidates",
                        "groups": [{"group": "cpu, float32, mlp, adam", "points": 8, "coefficients": {"overhead_seconds": .001, "seconds_per_flop": 2e-11},
                                    "held_out": {"points": 8, "median_error": .06, "p90_error": .15},
                                    "extrapolation": {"points": 2, "median_error": .11, "what": "the largest batch of each model held out"}}],
                        "held_out": {"points": 8, "median_error": .06, "p90_error": .15},
                        "predictions": [predicted, {**predicted, **dict.fromkeys(("step_seconds", "examples_per_second", "to_target")), "error": "no link"}]}}


class Report(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def report(self, document, *flags):
        file, out = self.folder / "document.json", self.folder / "report.html"
        file.write_text(document if isinstance(document, str) else json.dumps(document))
        return vickrey("report", file, "--out", out, *flags), out


class VerbTest(Report):
    """What the verb says, without a look at the page."""

    RUN = {"models": [{"ref": "a@1"}], "comparisons": []}

    def test_it_writes_one_file_and_prints_its_path(self):
        done, out = self.report(self.RUN, "--title", "Mine & <yours>")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, f"{out}\n", ""))
        page = out.read_text()
        self.assertIn('"title":"Mine & \\u003cyours>"', page)
        self.assertLess(len(page), 1_200_000)
        for package in ("vega", "vega-lite", "d3-scale"):
            self.assertIn(package, page[page.index("The libraries in this page"):])
        self.assertIn("Redistributions of source code must retain", page)  # BSD: vega's
        self.assertEqual(sorted(self.folder.iterdir()), [self.folder / "document.json", out])

    def test_the_page_may_ask_for_nothing(self):
        _, out = self.report(self.RUN)
        page = out.read_text()
        policy = re.search(r'http-equiv="Content-Security-Policy"\s+content="([^"]*)"', page).group(1)
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe-eval", policy)
        self.assertNotRegex(policy, r"https?:|\*|connect-src")
        for pattern in (r"""<[a-z][^<>]*\s(src|href|srcset|data|action|poster)\s*=\s*["']?\s*(https?:)?//[^<>]*""",
                        r"""(@import|url\()\s*["']?\s*(https?:)?//.{9}"""):
            found = re.search(pattern, page, re.IGNORECASE)
            self.assertIsNone(found, found and found.group())

    def test_errors_say_what_is_wrong_and_leave_the_file(self):
        out = self.folder / "report.html"
        out.write_text("mine")
        for document, words in (("{", "document.json"), ('{"auction_id":"1"}\n{"auction_id":"2"}\n', "JSON Lines"), ("[]", "must be an object"),
                                ('{"auction_id":"1"}', "--summary"), ('{"models":[{}],"comparisons":[]}', "models[0].ref: is missing"),
                                ('{"models":[],"comparisons":[]}', "models: is empty"), ("", "document.json"),
                                ('{"kind":"walkforward","results":[]}', "results: is empty"),
                                ('{"kind":"walkforward","results":[{"model":"lstm"}]}', "results[0].loss: is missing"),
                                ('{"format":9,"models":[{"ref":"a"}],"comparisons":[]}', "format: 9 is not known"),
                                ('{"scenarios":[{"name":"x"}],"claims":[]}', "scenarios[0].losses: is missing"),
                                ('{"kind":"tune","scenarios":[{"name":"x"}]}', "scenarios[0].losses: is missing"),
                                ('{"kind":"tune"}', "scenarios: is missing"),
                                ('{"kind":"arithmetic","claims":[]}', "results: is missing"),
                                ('{"kind":"arithmetic","claims":[],"results":[{"task":"addition","loss":"x"}]}', "results[0].split: is missing"),
                                ('{"kind":"cost","points":[],"curves":[]}', "points: is empty"),
                                ('{"kind":"cost","points":[{"name":"a"}],"curves":[]}', "points[0].status: is missing"),
                                ('{"kind":"bidders","heads":[{"head":"a"}]}', "bidders: is missing")):
            done, _ = self.report(document)
            self.assertEqual((done.returncode, done.stdout), (2, ""), document)
            self.assertIn(words, error_of(done)["message"], document)
            self.assertEqual(out.read_text(), "mine")
        (self.folder / "document.json").write_text(json.dumps(self.RUN))
        os.mkfifo(self.folder / "pipe")
        for arguments, word in (([self.folder / "none.json"], "none.json"), ([], "DOCUMENT"),
                                ([self.folder / "document.json", "--out", self.folder], "--out"),
                                ([self.folder / "document.json", "--out", self.folder / "pipe"], "--out"),
                                ([self.folder / "document.json", "--out", self.folder / "document.json"], "--out"),
                                ([self.folder / "document.json", "--out", self.folder / "no/folder/x.html"], "x.html")):
            done = vickrey("report", *arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertIn(word, done.stderr)

    def test_without_the_page_it_says_what_builds_it(self):
        alone = self.folder / "bin"
        alone.mkdir()
        shutil.copy(BIN / "vickrey-report", alone)
        (self.folder / "document.json").write_text(json.dumps(self.RUN))
        done = subprocess.run([alone / "vickrey-report", self.folder / "document.json", "--out", self.folder / "x.html"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 3)
        self.assertIn("./dev setup", error_of(done)["message"])
        self.assertFalse((self.folder / "x.html").exists())


@unittest.skipUnless(browser.find(), "no Chromium: install chromium-headless-shell, or name one in VICKREY_CHROMIUM")
class Pages(Report):
    """Reports in one browser, and what is asked of them."""

    @classmethod
    def setUpClass(cls):
        cls.browser = cls.enterClassContext(browser.Browser())

    def open(self, document, width=WIDE, **looks):
        done, out = self.report(document)
        self.assertEqual(done.returncode, 0, done.stderr)
        page = self.browser.page(width, touch=width == NARROW, **looks)
        page.open(out)
        page.wait("document.documentElement.dataset.drawn === 'true'", seconds=60)
        return page

    def check(self, page, width):
        """What must hold of every page."""
        self.assertEqual(page.said, [])
        self.assertEqual(page.asked, [])
        self.assertLessEqual(page.evaluate("document.documentElement.scrollWidth"), width)
        # Every chart has its drawing, with marks in it, inside the page; a chart without data says so instead.
        for figure in page.evaluate(f"""[...document.querySelectorAll('figure.chart')].map((f) => ({{
              title: f.querySelector('h3').textContent, missing: f.querySelector('.missing')?.textContent,
              marks: {MARKS}.length, right: f.querySelector('.holder svg')?.getBoundingClientRect().right,
              label: f.querySelector('.holder svg')?.getAttribute('aria-label'),
              named: f.querySelectorAll('{POINTS}').length,
              buttons: [...f.querySelectorAll('.tools button')].map((b) => b.textContent)}}))"""):
            if figure.get("missing"):
                self.assertEqual(figure["marks"], 0, figure)
                continue
            self.assertGreater(figure["marks"], 0, figure)
            self.assertGreater(figure["named"], 0, figure)
            self.assertLessEqual(figure["right"], width, figure)
            self.assertTrue(figure["label"], figure)
            self.assertEqual(figure["buttons"][-2:], ["PNG", "SVG"], figure)

    def titles(self, page):
        return page.evaluate("[...document.querySelectorAll('figure.chart')].filter((f) => f.querySelector('.holder svg')).map((f) => f.dataset.title)")

    def check_titles(self, page, expected):
        titles = self.titles(page)
        self.assertEqual(len(titles), len(expected), titles)
        for title, start in zip(titles, expected):
            self.assertTrue(title.startswith(start), f"{title!r} does not start with {start!r}")

    def copied(self, page, table, name):
        page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }; 0")
        page.evaluate(f"""[...document.querySelectorAll('button')].find((b) => b.getAttribute('aria-label') ===
            'Copy the table "{table}" as {name}').click()""")
        page.wait("window.copied !== undefined")
        text = page.evaluate("window.copied")
        page.evaluate("delete window.copied; 0")
        return text


class PageTest(Pages):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.run_of_demo = demo(pathlib.Path(folder.name))

    def test_a_run_at_both_widths_and_in_the_dark(self):
        for width, dark in ((WIDE, False), (NARROW, False), (WIDE, True)):
            with self.subTest(width=width, dark=dark):
                page = self.open(self.run_of_demo, width, dark=dark)
                self.check(page, width)
                self.check_titles(page, RUN_CHARTS)
                self.assertIn(self.run_of_demo["demo"]["verdict"], page.evaluate("document.body.innerText"))
                # Each comparison of welfare is a row with a point and the interval's bar.
                welfare = [c for c in self.run_of_demo["comparisons"] if c["metric"] == "welfare"]
                points = f"document.querySelectorAll('#welfare {POINTS}').length"
                self.assertEqual(page.evaluate(points), len(welfare))
                light = page.evaluate("getComputedStyle(document.body).backgroundColor")
                self.assertEqual(light == "rgb(255, 255, 255)", not dark)

    def test_a_window_that_changes_its_width_is_drawn_anew(self):
        page = self.open(self.run_of_demo)
        page.call("Emulation.setDeviceMetricsOverride", width=NARROW, height=800, deviceScaleFactor=1, mobile=False)
        page.wait(f"[...document.querySelectorAll('.holder svg')].every((s) => s.viewBox.baseVal.width <= {NARROW})")
        self.check(page, NARROW)

    def test_charts_are_saved_as_images(self):
        page = self.open(self.run_of_demo)
        for index, title in enumerate(self.titles(page)):
            if index % 4 == 3:  # a page may hand over ten files, then the browser asks a person
                self.assertEqual((page.said, page.asked), ([], []))
                page = self.open(self.run_of_demo)
            name = re.sub(r"^-+|-+$", "", re.sub("[^a-z0-9]+", "-", title.lower()))[:60]
            press = f"[...document.querySelectorAll('figure.chart')].filter((f) => f.querySelector('.holder svg'))[{index}]" \
                    ".querySelectorAll('.below > .tools button')"
            page.evaluate(f"{press}[0].click()")
            png = page.downloaded(f"{name}.png")
            self.assertEqual(png[:8], b"\x89PNG\r\n\x1a\n")
            width, height = struct.unpack(">II", png[16:24])
            self.assertGreater(width, 2000)
            self.assertGreater(height, 200)
            self.assertGreater(len(png), 5000, title)
            page.evaluate(f"{press}[1].click()")
            text = page.downloaded(f"{name}.svg").decode()
            root = xml.etree.ElementTree.fromstring(text)
            self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
            self.assertGreater(len(root.findall(".//{http://www.w3.org/2000/svg}path")), 3, title)
            self.assertNotIn("var(", text)  # it stands alone
            self.assertNotRegex(text, r'(href|src)="')
        self.assertEqual((page.said, page.asked), ([], []))

    def test_tables_are_copied_for_programs_and_papers(self):
        page = self.open(self.run_of_demo)
        rows = [line.split("\t") for line in self.copied(page, "Models", "TSV").splitlines()]
        models = self.run_of_demo["models"]
        self.assertEqual([row[0] for row in rows[1:]], [model["ref"] for model in models])
        column = rows[0].index("Welfare")
        self.assertEqual([float(row[column]) for row in rows[1:]], [model["welfare"] for model in models])  # all digits
        markdown = self.copied(page, "Models", "Markdown").splitlines()
        self.assertEqual((markdown[0].split("|")[1].strip(), len(markdown)), ("Model", len(models) + 2))
        latex = self.copied(page, "Models", "LaTeX")
        self.assertIn(r"welfare\_rank@1 & welfare\_rank & teacher &", latex)
        self.assertIn("\\toprule", latex)

    def test_points_are_read_by_pointer_and_by_keys(self):
        page = self.open(self.run_of_demo)
        first = self.run_of_demo["comparisons"][0]["b_model"]
        page.evaluate("document.querySelector('#welfare .holder').focus()")
        page.press("ArrowRight")
        bubble = "document.querySelector('.bubble:not([hidden])')?.textContent"
        self.assertIn(first, page.evaluate(bubble))
        self.assertIn("95 % interval", page.evaluate("document.querySelector('[aria-live]').textContent"))
        page.press("Escape")
        self.assertIsNone(page.evaluate(bubble))
        page.evaluate("document.querySelector('#welfare').scrollIntoView({behavior: 'instant'})")
        middle = f"""(() => {{ const r = document.querySelector('#welfare {POINTS}').getBoundingClientRect();
            return [r.x + r.width / 2, r.y + r.height / 2]; }})()"""
        deadline = time.monotonic() + 30
        while not (said := page.evaluate(bubble)):  # scrolling hides what is shown, and ends late on a busy machine
            self.assertLess(time.monotonic(), deadline)
            x, y = page.evaluate(middle)
            for offset in (40, 0):
                page.point(x + offset, y)
            page.evaluate("new Promise((done) => setTimeout(done, 100))")
        self.assertIn(first, said)

    def test_a_legend_hides_and_shows_a_model_in_all_charts(self):
        page = self.open(self.run_of_demo)
        points = f"document.querySelectorAll('#calibration {POINTS}').length"
        before = page.evaluate(points)
        page.evaluate("document.querySelector('#prediction .legend button').click()")
        page.wait(f"{points} < {before}")
        self.assertEqual(page.evaluate("document.querySelector('#training .legend button').getAttribute('aria-pressed')"), "false")
        page.evaluate("document.querySelector('#training .legend button').click()")
        page.wait(f"{points} === {before}")

    def test_it_prints(self):
        page = self.open(self.run_of_demo)
        self.assertEqual(page.pdf()[:5], b"%PDF-")
        self.assertTrue(page.evaluate("[...document.querySelectorAll('details.box')].every((d) => d.open)"))

    def test_nothing_in_the_data_becomes_markup(self):
        def hostile(value):
            if isinstance(value, dict):
                return {HOSTILE + key if key in ("vickrey", "scenario") else key: hostile(each) for key, each in value.items()}
            if isinstance(value, list):
                return [hostile(each) for each in value]
            return HOSTILE + value if isinstance(value, str) and not value.isdigit() and value not in METRICS else value

        METRICS = {"welfare", "revenue", "regret", "truth", "tune", "arithmetic", "walkforward", "bidders", "cost", "measured"}
        for document in (self.run_of_demo, study(), search(), arithmetic(), walk(), bidders_test.document(), cost()):
            bad = hostile(document)
            page = self.open(bad)
            self.check(page, WIDE)
            self.assertEqual(page.evaluate("[document.querySelectorAll('img, b').length, window.hurt]"), [0, None])
            self.assertIn("</script><img", page.evaluate("document.body.innerText"))
            page.evaluate("document.querySelectorAll('details').forEach((d) => d.open = true)")
            page.evaluate("document.querySelector('.below .tools button:last-of-type').click()")
            page.evaluate("new Promise((done) => setTimeout(done, 300))")
            self.assertEqual(page.evaluate("document.querySelectorAll('img, b').length"), 0)
            self.assertEqual(page.said, [])

    def test_values_of_another_type_are_written_out(self):
        odd = study()
        odd["command"], odd["config"]["tuned"] = {"of": "a command"}, {"of": ["a file"]}
        odd["provenance"] = {"machine": {"processor": ["two", "kinds"]}, "programs": {"vickrey-train": {"version": {"of": 1}}}}
        page = self.open(odd)
        self.check(page, WIDE)
        made = page.evaluate("document.querySelector('#configuration').innerText")
        for text in ('{"of":"a command"}', '{"of":["a file"]}', '["two","kinds"]', '{"of":1}'):
            self.assertIn(text, made)
        self.assertNotIn("[object Object]", page.evaluate("document.body.innerText"))

    def test_large_documents_are_bounded(self):
        large = copy.deepcopy(self.run_of_demo)
        model, comparisons = large["models"][0], large["comparisons"][:3]
        large["models"] = [{**model, "ref": f"{'a_long_name_of_a_model_' * 4}{i}@1", "auc": .7 + i / 1000,
                            "lost": {"ranking": .1, "reserve": .02, "calibration": -.01},
                            "by_bid": [{"lo": str(10 ** 5 + 1000 * b), "hi": str(10 ** 5 + 1000 * b + 900), "rows": "4000", "mean_pctr": .05,
                                        "ctr": .04 + b / 1e4} for b in range(300)],
                            "by_prediction": [{"rows": "4000", "mean_pctr": (b + 1) / 400, "ctr": (b + 1) / 410} for b in range(300)]}
                           for i in range(60)]
        large["comparisons"] = [{**c, "a_model": large["models"][0]["ref"], "b_model": m["ref"]} for m in large["models"][1:] for c in comparisons]
        for width in (WIDE, NARROW):
            page = self.open(large, width)
            self.check(page, width)
            text = page.evaluate("document.body.innerText")
            self.assertIn("Of 60 models the first 50 are shown.", text)
            self.assertIn("Of 300 buckets of a model, 200 are drawn.", text)
            self.assertLess(page.evaluate("document.querySelectorAll('*').length"), 40_000)
        for large in (study(scenarios=55, losses=55, seeds=5), search(scenarios=55, losses=55)):
            page = self.open(large, NARROW)
            self.check(page, NARROW)
            self.assertIn("Of 55 scenarios the first 50 are shown.", page.evaluate("document.querySelector('#overview').innerText"))
            self.assertLess(page.evaluate("document.querySelectorAll('*').length"), 40_000)
        page = self.open(walk(models=3, losses=12, costs=3, seeds=5, points=600, windows=150), NARROW)
        self.check(page, NARROW)
        self.assertIn("Of 150 windows the first 100 are drawn.", page.evaluate("document.querySelector('#windows').innerText"))
        self.assertIn("Of 600 points of a curve the first 400 are drawn.", page.evaluate("document.querySelector('#curves').innerText"))
        self.assertLess(page.evaluate("document.querySelectorAll('*').length"), 40_000)
        page = self.open(search(scenarios=1, trials=900))
        self.check(page, WIDE)
        self.assertIn("Of 900 trials, 500 are drawn.", page.evaluate("document.querySelector('#search').innerText"))
        self.assertLess(page.evaluate("document.querySelectorAll('*').length"), 40_000)

    def test_what_is_missing_is_said(self):
        bare = {"models": [{"ref": "a@1", "welfare": None, "regret": None, "by_prediction": [], "by_bid": [], "lost": None}], "comparisons": []}
        page = self.open(bare, NARROW)
        self.check(page, NARROW)
        self.assertEqual(self.titles(page), [])
        said = page.evaluate("[...document.querySelectorAll('.missing')].map((m) => m.textContent)")
        self.assertGreaterEqual(len(said), 8)
        self.assertEqual(len([text for text in said if len(text) < 20]), 0, said)
        # A walk-forward of which little is said, and one whose parts are of other types.
        result = {"model": "lstm", "loss": "mse"}
        odd = walk(points=3)
        for one in odd["results"]:
            one.update(seeds=[None, 3, {"seed": None}], over_seeds=[], against={"loss": None, "ir": 3}, curve={"equity": [None, "1", {}], "drawdown": 3})
        odd.update(buy_and_hold=[None, {"cost": "0"}], windows=[None, {}, {"in_sample": {"first": "?"}}], config=[], curves={"time": [None, 1, {}]})
        for document in ({"kind": "walkforward", "results": [result]}, odd,
                         {"kind": "walkforward", "results": [{**result, "cost": None, "seeds": None, "over_seeds": None, "against": None, "curve": None}],
                          "windows": None, "curves": None, "buy_and_hold": None, "config": None, "provenance": None}):
            page = self.open(document, NARROW)
            self.check(page, NARROW)
            self.assertEqual(self.titles(page), [])
            self.assertGreaterEqual(len(page.evaluate("[...document.querySelectorAll('.missing')].map((m) => m.textContent)")), 6)
            self.assertNotIn("could not be drawn", page.evaluate("document.body.innerText"))
            self.assertIn("nothing can be told from chance", page.evaluate("document.querySelector('.verdict').innerText"))
        # A search of which little is said.
        for losses in ([], [{"name": "a@click"}], [None, {"name": "a@click", "selected": 3, "trials": [None, {}, {"rungs": [{}]}], "test": {}}]):
            page = self.open({"kind": "tune", "scenarios": [{"name": "market", "losses": losses}]}, NARROW)
            self.check(page, NARROW)
            self.assertEqual(self.titles(page), [])
            self.assertGreaterEqual(len(page.evaluate("[...document.querySelectorAll('.missing')].map((m) => m.textContent)")), 5)
            self.assertNotIn("could not be drawn", page.evaluate("document.body.innerText"))
        # A study of arithmetic without anything to compare, and one of which little is said.
        page = self.open(arithmetic(losses=["ntl_was"]) | {"results": [one | {"against": None} for one in arithmetic(losses=["ntl_was"])["results"]],
                                                           "claims": []}, NARROW)
        self.check(page, NARROW)
        self.assertEqual(self.titles(page), [])
        self.assertIn("cross_entropy", page.evaluate("document.querySelector('#accuracy .missing').textContent"))
        for more in ({}, {"seeds": [None, {"seed": 1}], "over_seeds": {}, "against": {"loss": "x"}}):
            page = self.open({"kind": "arithmetic", "claims": [], "results": [{"task": "t", "split": "s", "loss": "l", **more}]}, NARROW)
            self.check(page, NARROW)
            self.assertEqual(self.titles(page), [])
            self.assertNotIn("could not be drawn", page.evaluate("document.body.innerText"))
        # A log that is judged by clicks: no regret, everything else is there.
        logged = copy.deepcopy(self.run_of_demo)
        for model in logged["models"]:
            model.update(reference="clicks", regret=None, oracle_welfare=None, lost={"ranking": None, "reserve": None, "calibration": None})
        logged["comparisons"] = [c for c in logged["comparisons"] if c["metric"] != "regret"]
        page = self.open(logged)
        self.check(page, WIDE)
        self.check_titles(page, [title for title in RUN_CHARTS if "regret" not in title and "loses" not in title])
        self.assertIn("Regret is not known here", page.evaluate("document.querySelector('#regret').textContent"))

    def test_the_policy_forbids_the_network(self):
        page = self.open(self.run_of_demo)
        self.assertEqual(page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')"), "refused")
        self.assertEqual(page.evaluate("(() => { try { return eval('1'); } catch { return 'refused'; } })()"), "refused")
        self.assertTrue(any("Content Security Policy" in line for line in page.said), page.said)

    def test_a_study_at_both_widths(self):
        for width, dark in ((WIDE, False), (NARROW, False), (WIDE, True)):
            with self.subTest(width=width, dark=dark):
                page = self.open(study(), width, dark=dark)
                self.check(page, width)
                self.check_titles(page, STUDY_CHARTS)
                # Three scenarios: a point for each of five seeds, and the mean.
                points = f"document.querySelectorAll('#welfare figure:first-of-type {POINTS}').length"
                self.assertEqual(page.evaluate(points), 3 * (5 + 1))
                self.assertIn("1 of 1", page.evaluate("document.querySelector('#overview').innerText"))
                holds = page.evaluate("[...document.querySelectorAll('#claims tbody tr')].map((r) => r.innerText)")
                self.assertEqual(["does not hold" in row for row in holds], [False, True, False])

    def test_a_study_says_how_its_markets_and_losses_differ(self):
        says = lambda document: self.open(document).evaluate("document.querySelector('#overview').innerText").replace("\n", " ")
        same = study()
        text = says(same)
        self.assertIn("5 seeds, 1,000 fresh auctions played in each market.", text)
        self.assertIn("every loss trains the same network for as many steps.", text)
        other = copy.deepcopy(same)
        other["scenarios"][0]["losses"][2]["settings"] = {"loss.sigma": 3, "model": {"hidden": [4]}}
        other["scenarios"][2]["losses"][3]["settings"] = {"optimizer.epochs": 16}
        for loss in other["scenarios"][1]["losses"]:  # the control
            for i, seed in enumerate(loss["seeds"]):
                seed["auctions"] = 400_000 + i
        text = says(other)
        self.assertIn("1,000 fresh auctions played in each market, 400,000 to 400,004 where it is a control.", text)
        self.assertIn("but where their settings say otherwise: another network for bid_logloss@click; other epochs or batches for "
                      "welfare_rank@teacher.", text)
        self.assertNotIn("every loss", text)

    def test_a_study_that_was_run(self):
        """What `vickrey study` writes today, and not only what the rule above makes of its format."""
        done = vickrey("study", "welfare", "--out", self.folder / "study", *(flag for flag in WELFARE if flag != "--no-seconds"))
        self.assertEqual(done.returncode, 0, done.stderr)
        text = (self.folder / "study/study.json").read_text()
        written = json.loads(text)
        page = self.open(text)
        self.check(page, WIDE)
        self.check_titles(page, STUDY_CHARTS)
        self.assertEqual(page.evaluate("[...document.querySelectorAll('.missing')].map((m) => m.textContent)"), [])
        # Two scenarios: a point for each of two seeds, and the mean.
        self.assertEqual(page.evaluate(f"document.querySelectorAll('#welfare figure:first-of-type {POINTS}').length"), 2 * (2 + 1))
        kinds = [("paper", "Claims of the paper"), ("goal", "Goals"), ("heroic", "Heroic goals")]
        judged = {name: [claim["holds"] for claim in written["claims"] if claim["kind"] == kind and claim["holds"] is not None]
                  for kind, name in kinds}
        self.assertEqual(page.evaluate("[...document.querySelectorAll('#overview .tile')].map((t) => [t.querySelector('dt').innerText, "
                                       "t.querySelector('strong').innerText])"),
                         [[name, f"{sum(holds)} of {len(holds)}"] for name, holds in judged.items()])
        rows = page.evaluate("[...document.querySelectorAll('#claims tbody th')].map((r) => r.innerText)")
        claims = [claim for claim in written["claims"] if claim["kind"] != "cost"]
        self.assertEqual(len(rows), len(claims))
        for row, claim in zip(rows, claims):
            self.assertIn(claim["claim"], row)
        self.assertIn(written["command"], page.evaluate("document.querySelector('#configuration').innerText"))

    def test_a_walkforward_at_both_widths(self):
        for width, dark in ((WIDE, False), (NARROW, False), (WIDE, True)):
            with self.subTest(width=width, dark=dark):
                page = self.open(walk(), width, dark=dark)
                self.check(page, width)
                self.check_titles(page, WALK_CHARTS)
                verdict = page.evaluate("[...document.querySelectorAll('.verdict p')].map((p) => p.innerText.replaceAll('\u00a0', ' '))")
                # gmadl is above mse and mae below, by either model; buy and hold has 0.2 and 0.01.
                self.assertEqual(verdict, [
                    "Costs of 0.10 %: by IR*, 2 of 4 are above mse and 2 below; by IR**, 2 above and 2 below. "
                    "Above buy and hold, over seeds, on this one path: none of 6 by IR*, 2 of 6 by IR**.",
                    "No costs: by IR*, 2 of 4 are above mse and 2 below; by IR**, 2 above and 2 below. "
                    "Above buy and hold, over seeds, on this one path: 2 of 6 by IR*, 4 of 6 by IR**."])
                # Two losses, models, costs and metrics each are compared with mse; what is beside buy and hold is not counted.
                notes = page.evaluate("document.querySelector('#overview').innerText")
                self.assertIn("The table holds 16 intervals of differences to mse: if no loss differed, about 0.8 of them would leave out 0", notes)
                self.assertIn("agree on the luck of this path", notes)
                rows = page.evaluate("[...document.querySelectorAll('#overview tbody tr')].map((r) => r.innerText.split('\t'))")
                self.assertEqual(rows[0][1:], ["IR*", "gmadl (every model)", "mae (every model)", "none", "all 6"])
                self.assertEqual(rows[3][4:], ["mse (every model), gmadl (every model)", "mae (every model)"])
                # Two losses of one model at one of the costs: a point for each of three seeds, and the mean.
                self.assertEqual(page.evaluate(f"document.querySelectorAll('#differences figure:first-of-type {POINTS}').length"), 2 * (3 + 1))
                # Every point of three losses and of buy and hold can be read; both charts have their time axis in the same place.
                points = page.evaluate(f"[...document.querySelectorAll('#curves figure')].map((f) => f.querySelectorAll('{POINTS}').length)")
                self.assertEqual(points, [60 * 4, 60 * 4])
                ends = page.evaluate("""[...document.querySelectorAll('#curves figure')].map((f) => {
                    const b = f.querySelector('.mark-line path').getBoundingClientRect(); return [Math.round(b.left), Math.round(b.right)]; })""")
                self.assertEqual(ends[0], ends[1])
                self.assertGreater(ends[0][1] - ends[0][0], width / 2)

    def test_a_walkforward_shows_the_model_and_costs_that_are_picked(self):
        page = self.open(walk())
        page.evaluate("""(() => { const [model, cost] = document.querySelectorAll('#differences select');
            model.value = 'lstm'; model.dispatchEvent(new Event('change'));
            cost.value = '0'; cost.dispatchEvent(new Event('change')); })()""")
        page.wait("[...document.querySelectorAll('.holder')].every((h) => h.dataset.drawn)")
        self.check(page, WIDE)
        titles = self.titles(page)
        self.assertEqual([title for title in titles if not title.endswith(": lstm, no costs")],
                         ["Trades by loss and costs: lstm", "The windows of the series"])
        self.assertEqual(page.evaluate("[...document.querySelectorAll('#curves select')].map((s) => s.value)"), ["lstm", "0"])
        # IR* of gmadl is .2 above mse for every seed.
        page.evaluate("document.querySelector('#differences figure details').open = true")
        page.wait("document.querySelector('#differences figure .table') !== null")
        row = page.evaluate("document.querySelector('#differences figure .table tbody tr').innerText.split('\t')")
        self.assertEqual([row[0], row[1], row[3]], ["gmadl", "+0.200", "3"])
        # A legend hides a loss in both curves.
        page.evaluate("[...document.querySelectorAll('#curves .legend button')].find((b) => b.innerText === 'mae').click()")
        page.wait(f"[...document.querySelectorAll('#curves figure')].every((f) => f.querySelectorAll('{POINTS}').length === 60 * 3)")

    def test_a_walkforward_of_one_seed_one_loss_and_no_costs(self):
        page = self.open(walk(models=1, losses=1, costs=1, seeds=1), NARROW)
        self.check(page, NARROW)
        self.check_titles(page, WALK_CHARTS[2:])
        text = page.evaluate("document.body.innerText")
        self.assertIn("nothing can be told from chance", text)
        self.assertIn("With one seed there are no intervals", text)
        self.assertIn("the study has no other loss beside mse", text)
        # A seed that lost everything: no line where a logarithm has no place.
        lost = walk(models=1, seeds=1)
        lost["results"][1]["curve"]["equity"][30:] = [0.0] * 30
        lost["results"][1]["seeds"][0]["bankrupt"] = "2002-01-01"
        page = self.open(lost)
        self.check(page, WIDE)
        self.assertEqual(page.evaluate(f"document.querySelectorAll('#curves figure:first-of-type {POINTS}').length"), 60 * 4 - 30)
        self.assertIn("Where a seed has lost everything the mean is 0, and no line: gmadl.", page.evaluate("document.querySelector('#curves').innerText"))
        self.assertIn("Bankrupt, with an equity of 0 from there on: 1 of 6 runs.", page.evaluate("document.body.innerText"))

    def test_a_walkforward_that_was_run(self):
        """What `vickrey study walkforward` writes today."""
        series, settings = self.folder / "prices.csv", self.folder / "settings.yaml"
        series.write_text(prices())
        settings.write_text(SETTINGS)
        done = vickrey("study", "walkforward", "--out", self.folder / "walk", "--series", series, "--price", "Close", "--models", "perceptron",
                       "--losses", "mse,gmadl", "--cost", "0.001", "--cost", "0", "--seeds", "1,2", "--settings", settings)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = (self.folder / "walk/study.json").read_text()
        written = json.loads(text)
        page = self.open(text)
        self.check(page, WIDE)
        self.check_titles(page, WALK_CHARTS)
        self.assertEqual(page.evaluate("[...document.querySelectorAll('.missing')].map((m) => m.textContent)"), [])
        head, *rows = [line.split("\t") for line in self.copied(page, "Results", "TSV").splitlines()]
        expected = [row for cost in (0.001, 0) for row in
                    (next(hold for hold in written["buy_and_hold"] if hold["cost"] == cost),
                     *({key: over["mean"] for key, over in one["over_seeds"].items()} for one in written["results"] if one["cost"] == cost))]
        for name, metric in (("ARC", "arc"), ("IR*", "ir"), ("IR**", "ir2"), ("Maximum drawdown", "max_drawdown"), ("Trades", "trades")):
            self.assertEqual([float(row[head.index(name)]) for row in rows], [row[metric] for row in expected], name)
        self.assertEqual([row[:2] for row in rows[:3]], [["buy and hold", ""], ["perceptron", "mse"], ["perceptron", "gmadl"]])
        # Curves: buy and hold and two losses, of 99 periods each; the last equity is the document's.
        page.evaluate("document.querySelectorAll('#curves figure details')[0].open = true")
        page.wait("document.querySelector('#curves figure .table') !== null")
        seen = page.evaluate("[...document.querySelector('#curves figure .table').querySelectorAll('tbody tr')].map((r) => r.innerText.split('\t'))")
        curves = [written["buy_and_hold"][0]["curve"], *(one["curve"] for one in written["results"][:2])]
        self.assertEqual([float(row[2]) for row in seen], [float(f"{value:.4g}") for curve in curves for value in curve["equity"]])
        self.assertEqual([row[1] for row in seen[:99]], written["curves"]["time"])
        self.assertIn(written["command"], page.evaluate("document.querySelector('#configuration').innerText"))

    def test_bidders_at_both_widths(self):
        for width, dark in ((WIDE, False), (NARROW, False), (WIDE, True)):
            with self.subTest(width=width, dark=dark):
                page = self.open(bidders_test.document(), width, dark=dark)
                self.check(page, width)
                self.check_titles(page, BIDDERS_CHARTS)
                self.assertEqual(page.evaluate("[...document.querySelectorAll('.missing')].map((m) => m.textContent)"), [])
                tiles = page.evaluate("[...document.querySelectorAll('#overview .tile')].map((t) => ['dt', 'strong', '.range'].map((s) => "
                                      "t.querySelector(s).innerText))")
                self.assertEqual(tiles, [["Forecasts", "1 of 2", "hold; 1 not"], ["Decisions", "1 of 1", "hold; 1 the same in every seed"],
                                         ["Bids", "0 of 1", "hold; 1 not told apart"], ["Pacing", "–", "not judged"]])
                overview = page.evaluate("document.querySelector('#overview').innerText")
                self.assertIn("5 heads, 8 bidders in 3 settings of fee, budget and pacing, 3 seeds", overview)
                self.assertIn("judged on. 303 are left out of the newer log, since the training log goes on after them. 1 is counted as paid at their floor", overview)
                verdicts = page.evaluate("[...document.querySelectorAll('#claims tbody tr')].map((r) => r.cells[1].innerText)")
                self.assertEqual(verdicts, ["✗ does not hold", "✓ holds", "✓ holds", "the same in every seed", "not told apart", "not judged"])
                # A number-token loss against cross-entropy: a mean and a point for each seed; curves of ten bids for three heads.
                marks = lambda figure: page.evaluate(f"document.querySelectorAll('{figure} {POINTS}').length")
                self.assertEqual(marks("#forecasts figure:first-of-type"), 1 + 3)
                self.assertEqual(marks("#calibration figure:first-of-type"), 3 * 10)
                # Random purchases aside; what is the same in every seed is a mean alone: truthful, shaded, the marginal.
                self.assertEqual(marks("#profit figure:first-of-type"), 7 + 3 * 4)
                # CRPS of distributions against the marginal; numbers and decisions are in the table.
                self.assertEqual(marks("#forecasts figure:nth-of-type(2)"), 2 * (1 + 3))

    def test_bidders_show_what_is_picked(self):
        document = bidders_test.document()
        page = self.open(document)
        select = lambda section, index, value: page.evaluate(
            f"(() => {{ const s = document.querySelectorAll('#{section} select')[{index}]; s.value = {json.dumps(value)}; s.dispatchEvent(new Event('change')); }})()")
        drawn = lambda: page.wait("[...document.querySelectorAll('.holder')].every((h) => h.dataset.drawn)")
        select("forecasts", 0, "log_likelihood")
        drawn()
        self.assertTrue(self.titles(page)[0].startswith("log likelihood of number-token losses"))
        self.assertIn("Right of the line is better", page.evaluate("document.querySelector('#forecasts figcaption').innerText"))
        select("profit", 0, json.dumps([0, .1, True], separators=(",", ":")))
        drawn()
        options = page.evaluate("[...document.querySelectorAll('#profit select')[1].options].map((o) => o.value)")
        self.assertEqual(options, ["truthful", "mse", "marginal", "ce", "shaded", "random", "unpaced"])
        select("profit", 1, "mse")
        drawn()
        self.check(page, WIDE)
        self.assertEqual(self.titles(page)[-2:], ["Profit of each bidder: budget 0.1, paced, no fee",
                                                  "Profit compared with decisions by mse: budget 0.1, paced, no fee"])
        page.evaluate("[...document.querySelectorAll('#profit figure details')].at(-1).open = true")
        page.wait("document.querySelectorAll('#profit figure .table').length > 0")
        rows = [line.split("\t") for line in self.copied(page, self.titles(page)[-1], "TSV").splitlines()[1:]]
        wise = next(row for row in document["bidders"] if (row["head"], row["bidder"], row["paced"]) == ("wise", "decision", True))
        found = next(one for one in wise["against"] if one["head"] == "decision_mse")["profit_relative"]
        self.assertEqual([row[0] for row in rows], ["decision wise less decision decision_mse"])
        self.assertAlmostEqual(float(rows[0][1]), 100 * found["mean"])
        for end, expected in zip(rows[0][2].split(), found["t95"]):
            self.assertAlmostEqual(float(end), 100 * expected)
        table = [line.split("\t") for line in self.copied(page, "Bidders: budget 0.1, paced, no fee", "TSV").splitlines()]
        column = table[0].index("Profit")
        self.assertEqual({row[0]: float(row[column]) for row in table[1:]}["optimal bins_ce"], .4 * 13100)

    def test_bidders_that_were_run(self):
        """What `vickrey study bidders` writes today."""
        log, settings = self.folder / "log.tsv", self.folder / "settings.yaml"
        log.write_text("".join(bidders_test.rows_of(700)))
        settings.write_text(bidders_test.SETTINGS)
        done = vickrey("study", "bidders", "--out", self.folder / "bidders", "--log", log, "--seeds", 2, "--settings", settings)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = (self.folder / "bidders/study.json").read_text()
        written = json.loads(text)
        page = self.open(text)
        self.check(page, WIDE)
        self.check_titles(page, BIDDERS_CHARTS)
        self.assertEqual(page.evaluate("[...document.querySelectorAll('.missing')].map((m) => m.textContent)"), [])
        rows = page.evaluate("[...document.querySelectorAll('#claims tbody tr')].map((r) => [r.cells[0].innerText, r.cells[1].innerText])")
        self.assertEqual(len(rows), len(written["claims"]))
        for (claim, verdict), expected in zip(rows, written["claims"]):
            self.assertIn(expected["claim"], claim)
            self.assertIn(expected["verdict"], verdict)
        self.assertIn(written["command"], page.evaluate("document.querySelector('#configuration').innerText"))

    def test_a_search_at_both_widths(self):
        for width, dark in ((WIDE, False), (NARROW, False), (WIDE, True)):
            with self.subTest(width=width, dark=dark):
                page = self.open(search(), width, dark=dark)
                self.check(page, width)
                self.check_titles(page, TUNE_CHARTS)
                overview = page.evaluate("document.querySelector('#overview').innerText")
                # Of two losses in each of two scenarios; they gain in market_0, and lose in market_1.
                self.assertIn("found in 4 of 6 searches; on fresh auctions 2 of these gain more than chance gives, and 2 lose.", overview)
                self.assertIn("6 trainings of them failed", overview)
                # All trainings of a loss: 5 of 2 epochs, 2 of all 6, and one that failed.
                self.assertEqual(page.evaluate(f"document.querySelectorAll('#search figure:nth-of-type(2) {POINTS}').length"), 8)
                self.assertEqual(page.evaluate("[...document.querySelectorAll('#search figure:nth-of-type(2) .legend li')].map((l) => l.innerText)"),
                                 ["2 epochs", "6 epochs", "failed"])
                rows = page.evaluate("[...document.querySelectorAll('#search .table tbody tr')].map((r) => r.lastChild.innerText)")
                self.assertEqual(rows, ["trained in full", *["left after 2 epochs"] * 3, "selected", "failed: step 7 has the objective nan"])
                settings = page.evaluate("[...document.querySelectorAll('#selected .chosen tbody tr')].map((r) => r.innerText.split('\\t'))")
                self.assertEqual(settings[3:], [["welfare_rank@teacher", "optimizer.learning_rate", "0.04", "0.005 to 0.2, log"],
                                                ["welfare_rank@teacher", "loss.pairs", "ppi", "ppi, top"],
                                                ["welfare_rank@teacher", "model.hidden", "[4,2]", ""]])

    def test_the_numbers_of_a_search(self):
        document = search()
        page = self.open(document)
        head, *rows = [line.split("\t") for line in self.copied(page, "Selected", "TSV").splitlines()]
        expected = [(scenario["name"], loss) for scenario in document["scenarios"] for loss in scenario["losses"]]
        self.assertEqual(len(rows), len(expected))
        for row, (scenario, loss) in zip(rows, expected):
            trial = loss["trials"][loss["selected"]]
            self.assertEqual(row[:3], [scenario, loss["name"], f"trial {loss['selected']}" if loss["selected"] else "defaults"])
            self.assertEqual([float(x) for x in row[3:8]], [trial["rungs"][-1]["score"], loss["trials"][0]["rungs"][-1]["score"],
                                                            loss["test"]["selected"], loss["test"]["default"],
                                                            loss["test"]["selected"] - loss["test"]["default"]])
            self.assertEqual([float(x) for x in row[8].split()], loss["test"]["difference_t95"])
            self.assertEqual(row[9:], ["4", "6", "1"])
        # Gains are in points, with their interval, and the defaults gain nothing.
        gains = page.evaluate("[...document.querySelectorAll('#selected > .table tbody tr')].map((r) => [r.cells[7].innerText, r.cells[8].innerText])")
        self.assertEqual([[text.replace("\u00a0", " ") for text in row] for row in gains[:3]],
                         [["+2.0 points", "+1.0 to +3.0 points"], ["the defaults", "nothing to gain"], ["+2.0 points", "+1.0 to +3.0 points"]])
        # The best so far: trial 0 to 4 of 2 epochs, each better than all before it, then the defaults in full and the selected.
        page.evaluate("document.querySelectorAll('#search figure details')[0].open = true")
        page.wait("document.querySelector('#search figure .table') !== null")
        best = page.evaluate("[...document.querySelectorAll('#search figure .table')][0].innerText.split('\\n').map((r) => r.split('\\t'))")
        mine = [row for row in best if row[0] == "welfare_rank@teacher"]
        self.assertEqual([float(row[1]) for row in mine], [0.333, 0.667, 1, 1.33, 1.67, 3, 4])
        self.assertEqual(mine[-1][3], "trial 4, 6 epochs")

    def test_a_search_shows_the_scenario_and_loss_that_are_picked(self):
        page = self.open(search())
        page.evaluate("""(() => { const [scenario, loss] = document.querySelectorAll('#test select');
            loss.value = 'logloss@teacher'; loss.dispatchEvent(new Event('change'));
            scenario.value = 'market_1'; scenario.dispatchEvent(new Event('change')); })()""")
        page.wait("[...document.querySelectorAll('.holder')].every((h) => h.dataset.drawn)")
        self.check(page, WIDE)
        titles = self.titles(page)
        self.assertEqual(titles[4], "Scores of all trials of logloss@teacher in market_1")
        rows = page.evaluate("[...document.querySelectorAll('#search .table tbody tr')].map((r) => r.lastChild.innerText)")
        self.assertEqual(rows[0], "selected")
        # A chart that was drawn anew is one that the legend of all charts still moves.
        best = "document.querySelector('#search figure')"
        page.evaluate(f"{best}.querySelector('.legend button').click()")
        page.wait(f"{best}.querySelector('.legend [aria-pressed=false]') !== null")
        lines = f"{best}.querySelectorAll('.holder svg .mark-line path').length"
        page.wait(f"{lines} === {best}.querySelectorAll('.legend [aria-pressed=true]').length")
        self.check(page, WIDE)

    def test_a_search_that_was_run(self):
        """What `vickrey study tune` writes today."""
        space = self.folder / "space.yaml"
        space.write_text(SPACE)
        done = vickrey("study", "tune", "--out", self.folder / "tune", *TUNE, "--space", space, "--budget", 3)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = (self.folder / "tune/tune.json").read_text()
        written = json.loads(text)
        page = self.open(text)
        self.check(page, WIDE)
        self.check_titles(page, TUNE_CHARTS[:-1])  # random search has no rungs
        losses = written["scenarios"][0]["losses"]
        better = sum(loss["selected"] != 0 for loss in losses)
        self.assertIn(f"found in {better} of 3 searches", page.evaluate("document.querySelector('.verdict').innerText"))
        rows = [line.split("\t") for line in self.copied(page, "Selected", "TSV").splitlines()[1:]]
        for row, loss in zip(rows, losses):
            self.assertEqual(float(row[3]), loss["trials"][loss["selected"]]["rungs"][-1]["score"])
            self.assertEqual((float(row[5]), float(row[6])), (loss["test"]["selected"], loss["test"]["default"]))
        self.assertIn(written["command"], page.evaluate("document.querySelector('#configuration').innerText"))

    def test_a_study_of_arithmetic_at_both_widths(self):
        document = arithmetic()
        for width, dark in ((WIDE, False), (NARROW, False), (WIDE, True)):
            with self.subTest(width=width, dark=dark):
                page = self.open(document, width, dark=dark)
                self.check(page, width)
                self.check_titles(page, ARITHMETIC_CHARTS)
                self.assertEqual(page.evaluate("document.querySelector('.verdict').innerText"),
                                 "Of 16 claims 8 hold, of 4 the opposite was found, 4 cannot be told from chance.")
                tiles = page.evaluate("[...document.querySelectorAll('#overview .tile')].map((t) => [t.querySelector('strong').innerText, "
                                      "t.querySelector('.range').innerText])")
                self.assertEqual(tiles, [["8 of 16", ""], ["4 of 16", ""], ["18 of 24", "1.2 by chance"]])
                # Four splits of two losses, and two losses: a point for each of five seeds, and the mean.
                points = lambda where: page.evaluate(f"document.querySelectorAll('{where} figure:first-of-type {POINTS}').length")
                self.assertEqual((points("#accuracy"), points("#errors")), (4 * 2 * 6, 2 * 6))
                found = page.evaluate("[...document.querySelectorAll('#claims tbody tr')].map((r) => r.cells[1].innerText)")
                self.assertEqual([text.removeprefix("✓ ").removeprefix("✗ ") for text in found], [claim["verdict"] for claim in document["claims"]])

    def test_the_numbers_of_a_study_of_arithmetic(self):
        document = arithmetic()
        page = self.open(document)
        rows = [line.split("\t") for line in self.copied(page, "Answers to problems of addition", "TSV").splitlines()[1:]]
        expected = [one for one in document["results"] if one["task"] == "addition"]
        self.assertEqual([row[:2] for row in rows], [[one["split"], one["loss"]] for one in expected])
        for row, one in zip(rows, expected):
            self.assertEqual([float(cell) for cell in row[2:]],
                             [one["over_seeds"][metric]["mean"] for metric in ("accuracy", "mae", "median_absolute_error", "no_number")])
        rows = [line.split("\t") for line in self.copied(page, "Claims", "TSV").splitlines()[1:]]
        for row, claim in zip(rows, document["claims"]):
            self.assertEqual((float(row[2]), [float(x) for x in row[3].split()]), (claim["value"], claim["t95"]))
        cells = page.evaluate("[...document.querySelectorAll('#claims tbody tr')].map((r) => [r.cells[2].innerText, r.cells[3].innerText])")
        self.assertEqual([[text.replace("\u00a0", " ") for text in row] for row in cells[2:4]],
                         [["−16.5", "−17.5 to −15.5"], ["+2.0 points", "+1.9 to +2.1 points"]])
        # What a seed's point says is the difference of that seed.
        said = page.evaluate(f"[...document.querySelectorAll('#errors figure:first-of-type {POINTS}')].map((p) => p.getAttribute('aria-label'))")
        self.assertIn("ntl_was, addition, train, seed 4", " ".join(said))
        self.assertIn("−1.7", next(text for text in said if "ntl_was" in text and "seed 4" in text))

    def test_a_study_of_arithmetic_that_was_run(self):
        """What `vickrey study arithmetic` writes today."""
        settings = self.folder / "settings.yaml"
        settings.write_text(ARITHMETIC)
        done = vickrey("study", "arithmetic", "--out", self.folder / "study", "--seeds", 2, "--settings", settings)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = (self.folder / "study/study.json").read_text()
        written = json.loads(text)
        page = self.open(text)
        self.check(page, WIDE)
        self.check_titles(page, ARITHMETIC_CHARTS)
        self.assertEqual(page.evaluate("[...document.querySelectorAll('.missing')].map((m) => m.textContent)"), [])
        hold = sum(claim["verdict"] == "holds" for claim in written["claims"])
        self.assertEqual(page.evaluate("document.querySelector('#overview .tile strong').innerText"), f"{hold} of {len(written['claims'])}")
        self.assertIn(written["command"], page.evaluate("document.querySelector('#configuration').innerText"))

    def test_a_study_shows_the_scenario_and_loss_that_are_picked(self):
        page = self.open(study())
        self.assertTrue(self.titles(page)[0].startswith("How much more welfare welfare_rank@teacher"))
        page.evaluate("""(() => { const [loss, scenario] = document.querySelectorAll('#welfare select');
            loss.value = 'bid_logloss@click'; loss.dispatchEvent(new Event('change'));
            scenario.value = 'market_2'; scenario.dispatchEvent(new Event('change')); })()""")
        page.wait("[...document.querySelectorAll('.holder')].every((h) => h.dataset.drawn)")
        titles = self.titles(page)
        self.assertTrue(titles[0].startswith("How much more welfare bid_logloss@click"), titles)
        self.assertTrue(titles[-1].endswith("market_2"), titles)
        self.assertEqual(page.evaluate("document.querySelector('#cost select').value"), "market_2")
        self.check(page, WIDE)


class CostTest(Pages):
    """Pages of what training costs."""

    def said(self, page, selector):
        return [text.replace("\u00a0", " ") for text in page.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})].map((n) => n.innerText)")]

    def test_it_at_both_widths(self):
        for width, dark in ((WIDE, False), (NARROW, False), (WIDE, True)):
            with self.subTest(width=width, dark=dark):
                page = self.open(cost(), width, dark=dark)
                self.check(page, width)
                self.check_titles(page, COST_CHARTS)
                self.assertEqual(self.said(page, ".missing"), [])
                # 4 million examples: 20 s of one core, or 13.3 s of two; a core is 0.05 an hour.
                self.assertEqual(self.said(page, ".verdict"), [
                    "small, 512 auctions, cpu x 1, workers 1 is the cheapest way to a loss of 0.1920: 0.000278 USD and 20 s. "
                    "The fastest is small, 512 auctions, cpu x 2, workers 1: 0.00037 USD and 13.3 s."])
                self.assertEqual(self.said(page, ".tile strong"), ["0.000278", "13.3 s", "0.0694", "300,000"])
                overview = " ".join(self.said(page, "#overview"))
                for sentence in cost()["sentences"]:
                    self.assertIn(sentence, overview)
                self.assertIn("Measured: 8 of 10 points; 1 does not fit; 1 failed; 2 models; a processor; 4 loss curves.", overview)
                self.assertIn("Prices are placeholders", overview)
                # Two ways to train at two batches, or of two models; four curves with their starts; five samples of eight points and the envelope.
                counts = page.evaluate(f"[...document.querySelectorAll('figure.chart')].map((f) => f.querySelectorAll('{POINTS}').length)")
                self.assertEqual(counts, [4, 4, 4, 4, 4 * 6, 8 * 5 + 4, 8])
                self.assertEqual(self.said(page, "#speed figure:first-of-type .legend li"), ["cpu x 1", "cpu x 2"])
                self.assertEqual(self.said(page, "#front .table tbody th"), [f"small, 512 auctions, cpu x {n}, workers 1" for n in (2, 1)])

    def test_its_numbers(self):
        document = cost()
        page = self.open(document)
        head, *rows = [line.split("\t") for line in self.copied(page, "Points", "TSV").splitlines()]
        self.assertEqual([row[0] for row in rows], [point["name"] for point in document["points"]])
        for name, field in (("Examples/s", "examples_per_second"), ("Step", "step_seconds"), ("MFU", "model_flop_utilisation"), ("Waiting", "waiting_share"),
                            ("Communication", "communication_share"), ("Memory", "host_peak_bytes"), ("Loss for the money", "loss_per_dollar")):
            self.assertEqual([float(row[head.index(name)]) if row[head.index(name)] else None for row in rows],
                             [point[field] for point in document["points"]], name)
        status = [row[head.index("Status")] for row in rows]
        self.assertEqual(status, ["measured"] * 8 + ["does not fit: RESOURCE_EXHAUSTED: out of memory", "failed: INVALID_ARGUMENT: no such table"])
        self.assertEqual(len(self.said(page, "#points tr.primary")), 2)
        head, *rows = [line.split("\t") for line in self.copied(page, "Predictions", "TSV").splitlines()]
        self.assertEqual([row[1:4] for row in rows], [["predicted", "workers=64", "0.25"], ["not predicted: no link", "workers=64", ""]])
        self.assertIn("Of 8 points that the fit has not seen, half of the predicted times of a step are off by less than 6 %, nine of ten by less than 15 %.",
                      " ".join(self.said(page, "#planner")))
        self.assertEqual([row.split("\t") for row in self.said(page, "#budgets tbody tr")],
                         [["0.000001 USD", "nothing is known for so little money", "–", "–", ""],
                          ["0.0001 USD", "small, 512 auctions, cpu x 1, workers 1", "0.1980", "7.2 s", ""],
                          ["1 USD", "large, 512 auctions, cpu x 1, workers 1", "0.1800", "4.17 min", "yes"]])
        configuration = " ".join(self.said(page, "#configuration"))
        for text in (document["command"], "4 threads are more than 2 cores", "0.05 USD", "16 GiB"):
            self.assertIn(text, configuration)

    def test_it_shows_what_is_picked(self):
        page = self.open(cost())
        pick = lambda section, index, value: page.evaluate(
            f"(() => {{ const s = document.querySelectorAll('#{section} select')[{index}]; s.value = '{value}'; s.dispatchEvent(new Event('change')); }})()")
        pick("speed", 0, "large")
        pick("speed", 1, "512")
        pick("front", 0, "setup")
        page.wait("[...document.querySelectorAll('.holder')].every((h) => h.dataset.drawn)")
        self.check(page, WIDE)
        self.assertEqual([title.split(": ")[-1] for title in self.titles(page)[:4]], ["large", "a batch of 512 auctions"] * 2)
        self.assertEqual(self.said(page, "#front .legend li"), ["cpu x 1", "cpu x 2"])
        said = page.evaluate(f"[...document.querySelectorAll('#speed figure:first-of-type {POINTS}')].map((p) => p.getAttribute('aria-label'))")
        self.assertIn("large, 512 auctions, cpu x 2, workers 1\n30,000 examples/s", said[-1].replace("\u00a0", " "))

    def test_little_and_odd_and_much(self):
        point = {"name": "a", "status": "failed"}
        odd = cost()
        for key in odd.keys() - {"kind", "points", "curves", "format"}:
            odd[key] = [None, 3, "x", [], {}]
        odd["curves"] = [None, {"points": 3}, {"start": "1", "points": [None, {"examples": "1", "loss": 1e308}]}]
        for one in odd["points"]:
            one.update(curve=7, to_target=[1], examples_per_second=1e308, parameters="x", loss_per_dollar=-1, threads="2", model=None, error={})
        nothing = {key: value if key in ("kind", "format", "points") else [] if key == "curves" else None for key, value in cost().items()}
        nothing["points"] = [{key: value if key in ("name", "status") else None for key, value in one.items()} for one in nothing["points"]]
        for document in ({"kind": "cost", "points": [point], "curves": []}, odd, nothing):
            page = self.open(document, NARROW)
            self.check(page, NARROW)
            self.assertEqual(self.titles(page), [])
            self.assertGreaterEqual(len(self.said(page, ".missing")), 9)
            body = " ".join(self.said(page, "body"))
            self.assertIn("No point is known to reach", body)
            for word in ("could not be drawn", "undefined", "NaN", "[object Object]"):
                self.assertNotIn(word, body)
        large = cost(models=[f"model_{m}" for m in range(40)], batches=range(1, 17), more=900)
        for key, part, times in (("planner", "predictions", 300), ("planner", "groups", 300)):
            large[key][part] *= times
        large["sentences"] *= 100
        page = self.open(large, NARROW)
        self.check(page, NARROW)
        body = " ".join(self.said(page, "body"))
        for text in ("Of 2,180 points the first 500 are shown.", "Of 640 loss curves the first 60 are shown.", "Of 200 sentences the first 40 are shown.",
                     "Of 600 rows the first 200 are shown."):
            self.assertIn(text, body)
        self.assertLess(page.evaluate("document.querySelectorAll('*').length"), 40_000)


if __name__ == "__main__":
    unittest.main()
