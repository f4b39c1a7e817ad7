"""`vickrey study walkforward` on a made-up series that is short enough to say nothing."""

import hashlib
import json
import math
import os
import random
import shutil
import signal
import statistics
import time
import unittest

from study_test import Folders, start, study
from tool import ROOT, replies, wait_until

SETTINGS = """
common:
  walk_forward.in_sample: 60
  walk_forward.validation: 30
  walk_forward.out_of_sample: 40
  model.window: 5
  optimizer.epochs: 3
  strategy.metric: arc
models:
  perceptron: {model.hidden: [4]}
  lstm: {model.width: 4}
losses:
  gmadl: {candidates: [{settings: {loss.a: "1"}}, {settings: {loss.a: "5"}}]}
"""


def prices(periods=190, seed=4):
    """A wave with noise: what is to be had is had by a forecast."""
    chance = random.Random(seed)
    lines, price = ["Date,Close"], 100.0
    for day in range(periods):
        lines.append(f"{2000 + day // 336}-{day // 28 % 12 + 1:02}-{day % 28 + 1:02},{price:.6f}")
        price *= 1 + 0.01 * math.sin(day / 3) + chance.gauss(0, 0.004)
    return "\n".join(lines) + "\n"


class WalkforwardTest(Folders):
    def setUp(self):
        super().setUp()
        self.series = self.file(prices(), "prices.csv")
        self.settings = self.file(SETTINGS, "settings.yaml")
        self.args = ["--series", self.series, "--price", "Close", "--models", "perceptron,lstm", "--losses", "mse,gmadl", "--cost", "0.001",
                     "--cost", "0", "--seeds", "1,2", "--settings", self.settings, "--no-seconds"]

    def test_the_grid_is_whole(self):
        found = self.good("walkforward", *self.args)
        self.assertEqual((found["format"], found["kind"]), (1, "walkforward"))
        self.assertEqual([(one["cost"], one["model"], one["loss"]) for one in found["results"]],
                         [(cost, model, loss) for cost in (0.001, 0.0) for model in ("perceptron", "lstm") for loss in ("mse", "gmadl")])
        self.assertEqual([window["window"] for window in found["windows"]], [0, 1, 2])  # 60 + 30, then 40, 40 and the last 19 of 189
        self.assertEqual([window["out_of_sample"]["rows"] for window in found["windows"]], [40, 40, 19])
        self.assertEqual(found["config"]["series"]["sha256"], hashlib.sha256(self.series.read_bytes()).hexdigest())
        for result in found["results"]:
            self.assertEqual([record["seed"] for record in result["seeds"]], [1, 2])
            for record in result["seeds"]:
                self.assertEqual((record["periods"], len(record["chosen"])), (99, 3))
            self.assertEqual(result["against"] is None, result["loss"] == "mse")
        self.assertEqual([hold["trades"] for hold in found["buy_and_hold"]], [1, 1])

    def test_a_record_is_what_the_programs_say(self):
        """The same by hand: a run for each window, their lines behind one another, judged."""
        found = self.good("walkforward", *self.args)
        config = {"seed": 2, "model": {"architecture": "perceptron", "window": 5, "hidden": [4]}, "loss": {"loss": "gmadl"},
                  "optimizer": {"epochs": 3}, "strategy": {"metric": "arc"}, "walk_forward": {"in_sample": 60, "validation": 30, "out_of_sample": 40},
                  "candidates": [{"settings": {"loss.a": "1"}}, {"settings": {"loss.a": "5"}}]}
        file = self.file(json.dumps(config), "config.json")
        lines, chosen = [], []
        for window in range(3):
            *rows, last = replies("forecast", "--config", file, "--series", self.series, "--price", "Close", "--window", window, "--cost", 0.001,
                                  "--cost", 0)
            lines += [{"time": row["time"], "return": row["return"], "position": row["positions"][1]} for row in rows
                      if row["part"] == "out_of_sample"]
            chosen.append(int(last["summary"]["chosen"]))
        given, hold, _ = replies("eval", "walkforward", "--cost", 0, "--baselines", lines=lines)
        result = next(one for one in found["results"] if (one["cost"], one["model"], one["loss"]) == (0.0, "perceptron", "gmadl"))
        record = result["seeds"][1]
        for field in ("arc", "asd", "ir", "ir2", "max_drawdown", "final_equity", "share_long"):
            self.assertEqual(record[field], given[field], field)
        self.assertEqual((record["trades"], record["chosen"]), (int(given["trades"]), chosen))
        self.assertEqual(record["arc_over_hold"], given["arc"] - hold["arc"])
        values = [one["arc"] for one in result["seeds"]]
        over = result["over_seeds"]["arc"]
        self.assertAlmostEqual(over["mean"], statistics.fmean(values), places=12)
        half = 12.706204736 * statistics.stdev(values) / math.sqrt(2)  # Student's t with one degree of freedom
        self.assertAlmostEqual(over["t95"][1] - over["mean"], half, delta=1e-8 * max(half, 1e-9))
        mse = next(one for one in found["results"] if (one["cost"], one["model"], one["loss"]) == (0.0, "perceptron", "mse"))
        self.assertAlmostEqual(result["against"]["arc"]["mean"], statistics.fmean(a["arc"] - b["arc"] for a, b in zip(result["seeds"], mse["seeds"])),
                               places=12)

    def test_curves_are_those_of_the_positions(self):
        """By hand, of the lines that the windows' stages keep: every period's equity, and of it what a point says."""
        found = self.good("walkforward", *self.args, "--seeds", "1,")
        self.assertEqual((found["curves"]["every"], len(found["curves"]["time"])), (1, 99))  # so few periods are all points
        self.assertEqual(found["curves"]["time"][-1], found["windows"][-1]["out_of_sample"]["last"])
        hold = {one["cost"]: one for one in found["buy_and_hold"]}
        kept = [json.loads(path.read_text()) for path in (self.out / "stages/forecast").iterdir()]
        for result in found["results"]:
            curve, cost = result["curve"], found["config"]["costs"].index(result["cost"])
            mine = sorted((one["of"]["window"], one["result"]) for one in kept if one["of"]["config"]["model"]["architecture"] == result["model"]
                          and one["of"]["config"]["loss"]["loss"] == result["loss"])
            returns = [value for _, one in mine for value in one["return"]]
            positions = [value[cost] for _, one in mine for value in one["positions"]]
            for said, held in ((curve, positions), (hold[result["cost"]]["curve"], [1] * len(returns))):
                equity, peak, before, equities, drawdowns = 1.0, 1.0, 0, [], []
                for value, position in zip(returns, held):
                    equity *= 1 + position * value - result["cost"] * abs(position - before)
                    peak, before = max(peak, equity), position
                    equities.append(float(f"{equity:.6g}"))
                    drawdowns.append(1 - equity / peak)
                self.assertEqual(said["equity"], equities)
                for a, b in zip(said["drawdown"], drawdowns, strict=True):
                    self.assertAlmostEqual(a, b, delta=1e-6)
            # One seed is the mean, the least and the greatest.
            self.assertEqual((curve["equity"], curve["equity"], curve["drawdown"]),
                             (curve["equity_least"], curve["equity_greatest"], curve["drawdown_greatest"]))
            self.assertAlmostEqual(max(curve["drawdown"]), result["seeds"][0]["max_drawdown"], delta=1e-6)

    def test_a_study_of_before_gets_its_curves_without_a_training(self):
        self.good("walkforward", *self.args)
        whole = (self.out / "study.json").read_bytes()
        shutil.rmtree(self.out / "stages/curve")
        before = {path: path.stat().st_mtime_ns for stage in ("forecast", "judge") for path in (self.out / "stages" / stage).iterdir()}
        self.good("walkforward", *self.args)
        self.assertEqual((self.out / "study.json").read_bytes(), whole)
        self.assertEqual({path: path.stat().st_mtime_ns for path in before}, before)
        self.assertEqual(list((self.out / "work/positions").iterdir()), [])

    def test_the_same_bytes_for_any_jobs_and_however_it_was_killed(self):
        self.good("walkforward", *self.args, "--jobs", 1, out=self.folder / "whole")
        chance = random.Random(1)
        for _ in range(3):
            process = start("walkforward", "--out", self.out, *self.args)
            time.sleep(chance.uniform(0.3, 1.5))
            process.kill()
            process.communicate()
        self.good("walkforward", *self.args)
        for name in ("study.json", "study.md"):
            self.assertEqual((self.out / name).read_bytes(), (self.folder / "whole" / name).read_bytes())
        done = study("walkforward", "--out", self.out, *self.args)
        self.assertNotIn("progress", done.stderr)  # nothing was left to do
        # Another seed makes only its own windows.
        kept = {path.name for path in (self.out / "stages/forecast").iterdir()}
        more = [*self.args]
        more[more.index("--seeds") + 1] = "1-3"
        self.good("walkforward", *more)
        self.assertLess(kept, {path.name for path in (self.out / "stages/forecast").iterdir()})

    def test_a_signal_ends_it_resumably(self):
        process = start("walkforward", "--out", self.out, *self.args)
        wait_until(lambda: list((self.out / "stages").glob("forecast/*.json")), "the first window is kept")
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=60)
        self.assertEqual((process.returncode, stdout), (4, ""), stderr)
        self.good("walkforward", *self.args)

    def test_tables(self):
        page = self.file("<!-- begin: written by `vickrey study walkforward` -->\n<!-- end -->\n", "page.md")
        self.good("walkforward", *self.args, "--markdown", page)
        text = page.read_text()
        self.assertIn("### Costs of 0.10 %", text)
        self.assertIn("Buy and hold has no seeds", text)
        self.assertIn("| perceptron | gmadl |", text)
        self.assertIn("| 0.10 % | lstm | gmadl | a higher IR* | mse |", text)
        self.assertRegex(text, r"Of [1-4] intervals of differences in IR\* to mse")  # one that never trades has none
        self.assertEqual(text.count("\n| buy and hold |"), 2)  # a row of each table; claims name it in another column
        before = text + "<!-- begin: written by `vickrey study walkforward`: other -->\n<!-- end -->\n"
        page.write_text(before)
        self.assertEqual(text.count("IR* over mse"), 2)
        less = ["gmadl" if word == "mse,gmadl" else word for word in self.args]
        self.assertNotEqual(less, list(self.args))
        self.good("walkforward", *less, "--markdown", page, "--section", "other")
        text = page.read_text()
        self.assertEqual(text.count("IR* over mse"), 2)  # no column of what nothing is known of
        self.assertTrue(text.startswith(before.removesuffix("<!-- end -->\n")))
        self.assertEqual(text.count("\n| buy and hold |"), 4)

    def test_variants_are_losses_with_settings(self):
        settings = self.file(SETTINGS + 'variants:\n  steep: {loss: gmadl, loss.a: 5, candidates: []}\n  same: {loss: mse}\n', "variants.yaml")
        found = self.good("walkforward", *self.args, "--models", "perceptron", "--losses", "mse,same,gmadl,steep", "--settings", settings)
        mse, same, gmadl, steep = found["results"][:4]
        self.assertEqual((steep["loss"], found["config"]["settings"]["variants"]["steep"]["loss.a"]), ("steep", 5))
        self.assertEqual(same["seeds"], mse["seeds"])
        self.assertEqual(same["against"]["ir"]["mean"], 0)
        self.assertEqual({tuple(record["chosen"]) for record in steep["seeds"]}, {(0, 0, 0)})  # it has one candidate
        self.assertNotEqual(steep["seeds"], gmadl["seeds"])
        whole = ["walkforward", "--out", self.folder / "all", *self.args, "--settings", settings]
        whole = [word for at, word in enumerate(whole) if word != "--losses" and whole[at - 1] != "--losses"]
        self.assertEqual([one["loss"] for one in self.good(*whole[:1], *whole[3:], "--models", "perceptron", "--seeds", "1,",
                                                           out=self.folder / "all")["results"][:6]],
                         ["mse", "mae", "madl", "gmadl", "steep", "same"])

    def test_the_shipped_file_is_read(self):
        import forecast_settings
        found = forecast_settings.Settings(ROOT / "simulator/study/walkforward.yaml", 252.0)
        self.assertEqual(found.config("lstm", "gmadl-b2", 7)["loss"], {"loss": "gmadl", "b": 2})
        self.assertEqual({len(found.config("lstm", loss, 7)["candidates"]) for loss in found.bases}, {2})

    def test_hostile_input(self):
        good = ["walkforward", "--out", self.out, *self.args]
        bad = lambda text: ["--settings", self.file(text, f"bad-{hashlib.sha256(text.encode()).hexdigest()[:8]}.yaml")]
        for flags, field, says in (
                (["--models", "gru"], "--models", "there is no model 'gru'; there are perceptron, lstm, transformer"),
                (["--losses", "logloss"], "--losses", "there is no loss 'logloss'"), (["--cost", "2"], "--cost", "is not a share"),
                (["--price", "Open"], "--series", "Open"), (["--series", self.folder / "none.csv"], "--series", "cannot read"),
                (["--periods-per-year", "0"], "--periods-per-year", "above 0"),
                (bad("commn: {}\n"), "--settings", "unknown key 'commn'"), (bad("models: {gru: {}}\n"), "--settings", "unknown key 'gru'"),
                (bad("common: {seed: 3}\n"), "--settings", "is the study's own"), (bad("common: {model: {}}\n"), "--settings", "is the study's own"),
                (bad("losses: {mse: {walk_forward.in_sample: 3}}\n"), "--settings", "belongs to common"),
                (bad("variants: 3\n"), "--settings", "variants: is not a mapping"),
                (bad("variants: {mse: {loss: mse}}\n"), "--settings", "'mse' cannot be a name"),
                (bad("variants: {../x: {loss: mse}}\n"), "--settings", "'../x' cannot be a name"),
                (bad("variants: {x: {loss.a: 3}}\n"), "--settings", "variants.x: loss is required: one of mse"),
                (bad("variants: {x: {loss: [1]}}\n"), "--settings", "variants.x: loss is required"), (bad("variants: {x: 3}\n"), "--settings", "loss is required"),
                (bad("variants: {x: {loss: mse, strategy.metric: arc}}\n"), "--settings", "belongs to common"),
                ([*bad("variants: {x: {loss: mse, loss.c: 1}}\n"), "--losses", "x"], "--settings", "perceptron by x: "),
                (["--section", "x"], "--section", "--markdown, which is missing"),
                (bad("common: [1]\n"), "--settings", "is not a mapping"), (bad("losses: {mse: 3}\n"), "--settings", "is not a mapping"),
                (bad("models: {perceptron: {model.heads: 2}}\n"), "--settings", "perceptron by mse: "),
                (bad("common: {walk_forward.in_sample: 5000}\n"), "--settings", "perceptron by mse: ")):
            self.refused(*good, *flags, field=field, says=says)
        for text, line in (("common: {optimizer.epochs: 3,\n  optimizer.batch: 1e3}\n", "2"), ("models:\n  perceptron:\n    model.heads: 2\n", "3"),
                           ("losses:\n  mse:\n    candidates:\n      - settings: {loss.q: 1}\n", "4"),
                           ("common: {optimizer.epochs: 3}\nlosses:\n  mse: {optimizer.epochs: -1}\n", "3"),
                           ("common: {optimizer.epochs: 3}\nvariants:\n  mild: {loss: mse}\n  odd: {loss: mse,\n    optimizer.epochs: -1}\n", "5")):
            losses = ["--losses", "odd,mild"] if "odd" in text else []
            error = self.refused(*good, *bad(text), *losses, field="--settings", says=(str(self.folder / "bad-"), "perceptron by "))
            self.assertEqual(error["line"], line, text)
        rows = prices().splitlines()
        rows[7] = rows[7].split(",")[0] + ",-3"
        series = self.file("\n".join(rows) + "\n", "negative.csv")
        self.assertEqual(self.refused(*good, "--series", series, field="--series", says=f"{series}: -3 is not greater than 0")["line"], "8")
        os.mkfifo(self.folder / "fifo")
        for path in (self.folder / "fifo", "/dev/zero", self.folder):
            self.refused(*good, "--series", path, field="--series", says=f"cannot read {path}: is not a plain file")
        self.assertFalse((self.out / "stages").exists())
        self.out.mkdir()
        precious = self.file('{"my":"precious"}', "out/study.json")
        self.refused(*good, field="--out", says=f"{precious} is not what `vickrey study walkforward` writes")


class CurveTest(unittest.TestCase):
    """What is drawn of many periods, by numbers that were worked out by hand."""

    def test_a_point_has_the_last_equity_and_the_deepest_drawdown(self):
        import equity_curves
        self.assertEqual([equity_curves.every(n) for n in (1, 200, 201, 400, 401)], [1, 1, 2, 2, 3])
        lines = [{"equity": 1 + n / 1000, "drawdown": 0.9 if n == 250 else 0.1} for n in range(501)]  # a point for every 3
        found = equity_curves.curve(lines)
        self.assertEqual((len(found["equity"]), found["equity"][:2], found["equity"][-1]), (167, [1.002, 1.005], 1.5))
        self.assertEqual([at for at, value in enumerate(found["drawdown"]) if value == 0.9], [83])  # periods 249 to 251
        self.assertEqual(equity_curves.thinned(["a", "b", "c"]), ["a", "b", "c"])

    def test_seeds_are_joined_by_their_logarithms(self):
        import equity_curves
        found = equity_curves.over_seeds([{"equity": [1, 2, 0], "drawdown": [0, 0.1, 1]}, {"equity": [4, 0.5, 3], "drawdown": [0, 0.2, 1 / 3]}])
        self.assertEqual(found, {"equity": [2, 1, 0], "equity_least": [1, 0.5, 0], "equity_greatest": [4, 2, 3], "drawdown": [0, 0.15, 0.666667],
                                 "drawdown_greatest": [0, 0.2, 1]})


class ClaimTest(unittest.TestCase):
    """By records that were made up, and differences worked out by hand."""

    @staticmethod
    def result(loss, ir, trades, against=True):
        import intervals
        over = lambda values: intervals.over_seeds(values)
        return {"cost": 0.001, "model": "lstm", "loss": loss, "seeds": [{"trades": count} for count in trades],
                "over_seeds": {"ir_over_hold": over([value - 1 for value in ir])},
                "against": {"loss": "mse", "ir": over(ir), "ir2": over([-value for value in ir])} if against else None}

    def test_they_are_of_directional_losses_and_judged_by_whole_intervals(self):
        import walkforward_claims
        results = [self.result("mse", [0, 0, 0], [5, 5, 5], against=False), self.result("gmadl", [0.1, 0.2, 0.3], [4, 5, 6]),
                   self.result("steep", [-0.1, 0.1, 0.0], [14, 15, 18])]
        rows = walkforward_claims.claims(results, {"mse": "mse", "gmadl": "gmadl", "steep": "gmadl"})
        # Half widths: t(2) / sqrt(3) = 2.484 standard deviations, which are .1; of the trades' differences 10, 10, 12 they are 1.155.
        self.assertEqual([(row["loss"], row["against"], row["metric"], row["verdict"]) for row in rows], [
            ("gmadl", "mse", "ir", "not told apart"), ("gmadl", "mse", "ir2", "not told apart"), ("gmadl", "buy and hold", "ir", "does not hold"),
            ("steep", "mse", "ir", "not told apart"), ("steep", "mse", "ir2", "not told apart"), ("steep", "buy and hold", "ir", "does not hold"),
            ("steep", "gmadl", "trades", "holds")])
        self.assertAlmostEqual(rows[-1]["value"], 32 / 3)
        surer = walkforward_claims.claims([self.result("madl", [0.29, 0.3, 0.31], [4, 4, 4])], {"madl": "madl"})
        self.assertEqual([row["verdict"] for row in surer], ["holds", "does not hold", "does not hold"])
        self.assertEqual(walkforward_claims.chance(results), {"intervals": 2, "miss_zero": 0, "by_chance": 0.1})

    def test_one_seed_tells_nothing_apart(self):
        import walkforward_claims
        rows = walkforward_claims.claims([self.result("gmadl", [5], [1]), self.result("b", [5], [9])], {"gmadl": "gmadl", "b": "gmadl"})
        self.assertEqual({row["verdict"] for row in rows}, {"not told apart"})


class TableTest(unittest.TestCase):
    def test_what_is_not_known_of_every_seed_says_of_how_many_it_is(self):
        import intervals
        import walkforward_text
        shown = lambda values: walkforward_text._interval(intervals.over_seeds(values), len(values), lambda value: f"{value:.1f}")
        self.assertEqual(shown([None, 2.0, None]), "2.0 [1 of 3 seeds]")
        self.assertEqual(shown([None, None]), "- [0 of 2 seeds]")
        self.assertEqual(shown([2.0, 2.0]), "2.0 (2.0 to 2.0)")


if __name__ == "__main__":
    unittest.main()
