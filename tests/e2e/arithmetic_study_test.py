"""`vickrey study arithmetic` on trainings of a moment, which say nothing."""

import hashlib
import json
import math
import random
import signal
import statistics
import time
import unittest

from study_test import Folders, start, study
from tool import replies, wait_until

SETTINGS = """
common: {width: 16, layers: 1, heads: 2, batch: 16, steps: 60, judged: 60}
tasks:
  addition: {digits: 2}
losses:
  ntl_was: {lambda: 0.5}
"""
T95 = {2: 12.706204736, 3: 4.302652730}  # Student's t, 97.5 %, for so many seeds
KEPT = {"accuracy": "accuracy", "mae": "mae", "median_absolute_error": "median_absolute_error", "mae_of_numbers": "mae_of_numbers"}


class ArithmeticStudyTest(Folders):
    def setUp(self):
        super().setUp()
        self.settings = self.file(SETTINGS, "settings.yaml")
        self.args = ["--tasks", "addition,multiplication", "--losses", "cross_entropy,ntl_was", "--seeds", "1,2", "--settings", self.settings,
                     "--no-seconds"]

    def result(self, found, task, split, loss):
        return next(one for one in found["results"] if (one["task"], one["split"], one["loss"]) == (task, split, loss))

    def test_the_grid_is_whole(self):
        found = self.good("arithmetic", *self.args)
        self.assertEqual((found["format"], found["kind"]), (1, "arithmetic"))
        self.assertEqual([(one["task"], one["split"], one["loss"], one["lambda"]) for one in found["results"]],
                         [(task, split, loss, weight) for task in ("addition", "multiplication")
                          for split in ("train", "interpolation", "extrapolation", "longer")
                          for loss, weight in (("cross_entropy", None), ("ntl_was", 0.5))])
        for result in found["results"]:
            self.assertEqual([record["seed"] for record in result["seeds"]], [1, 2])
            self.assertEqual(result["against"] is None, result["loss"] == "cross_entropy")
        self.assertEqual(found["config"]["settings"]["tasks"], {"addition": {"digits": 2}})
        self.assertEqual(list(found["provenance"]["programs"]), ["vickrey-arithmetic"])

    def test_a_record_is_what_the_program_says(self):
        """The same by hand: runs of the program, means, and differences of the same seed."""
        args = [*self.args]
        args[args.index("--seeds") + 1] = "1-3"
        found = self.good("arithmetic", *args)
        lines = {}
        for loss, more in (("cross_entropy", {}), ("ntl_was", {"lambda": 0.5})):
            config = {"task": "addition", "loss": loss, "digits": 2, "width": 16, "layers": 1, "heads": 2, "batch": 16, "steps": 60, "judged": 60,
                      **more}
            file = self.file(json.dumps(config), "config.json")
            lines[loss] = [replies("arithmetic", "--config", file, "--seed", seed) for seed in (1, 2, 3)]
        for place, split in enumerate(("train", "interpolation", "extrapolation", "longer")):
            values = {}
            for loss, runs in lines.items():
                result = self.result(found, "addition", split, loss)
                for record, run in zip(result["seeds"], runs):
                    said = run[place]
                    self.assertEqual(said["split"], split)
                    for field, name in KEPT.items():
                        self.assertEqual(record[field], said[name], field)
                    self.assertEqual((record["problems"], record["error"]), (int(said["problems"]), None))
                    self.assertEqual(record["no_number"], int(said["not_numbers"]) / int(said["problems"]))
                for metric in ("accuracy", "mae", "median_absolute_error"):
                    values[loss, metric] = [run[place][metric] for run in runs]
                    self.check_over(result["over_seeds"][metric], values[loss, metric])
            against = self.result(found, "addition", split, "ntl_was")["against"]
            self.assertEqual(against["loss"], "cross_entropy")
            for metric in ("accuracy", "mae", "median_absolute_error"):
                self.check_over(against[metric], [a - b for a, b in zip(values["ntl_was", metric], values["cross_entropy", metric])])

    def check_over(self, found, values):
        self.assertEqual(found["seeds"], len(values))
        self.assertAlmostEqual(found["mean"], statistics.fmean(values), places=9)
        half = T95[len(values)] * statistics.stdev(values) / math.sqrt(len(values))
        for end, expected in zip(found["t95"], (found["mean"] - half, found["mean"] + half)):
            self.assertAlmostEqual(end, expected, delta=1e-7 * max(half, 1))

    def test_claims_say_what_their_intervals_say(self):
        args = [*self.args]
        args[args.index("--losses") + 1] = "cross_entropy,ntl_mse,ntl_was"
        found = self.good("arithmetic", *args)
        self.assertEqual([(one["task"], one["split"], one["loss"], one["metric"]) for one in found["claims"]],
                         [(task, split, loss, metric) for task in ("addition", "multiplication") for split in ("interpolation", "extrapolation")
                          for loss in ("ntl_was", "ntl_mse") for metric in ("mae", "accuracy")])
        for claim in found["claims"]:
            against = self.result(found, claim["task"], claim["split"], claim["loss"])["against"][claim["metric"]]
            self.assertEqual((claim["value"], claim["t95"]), (against["mean"], against["t95"]))
            lo, hi = claim["t95"]
            wanted = hi < 0 if claim["metric"] == "mae" else lo > 0
            self.assertEqual(claim["verdict"], "holds" if wanted else "not told apart" if lo <= 0 <= hi else "does not hold", claim)
        known = [one["against"][metric]["t95"] for one in found["results"] if one["against"] for metric in ("accuracy", "mae")]
        known = [t95 for t95 in known if t95 != [0, 0]]
        self.assertEqual(found["chance"]["intervals"], len(known))
        self.assertEqual(found["chance"]["miss_zero"], sum(lo > 0 or hi < 0 for lo, hi in known))
        self.assertAlmostEqual(found["chance"]["by_chance"], 0.05 * len(known))

    def test_verdicts_by_hand(self):
        from arithmetic_claims import chance, claims

        made = lambda split, mae, accuracy: {"task": "addition", "split": split, "loss": "ntl_was", "against": {
            "loss": "cross_entropy", "mae": {"mean": None if mae is None else sum(mae) / 2, "t95": mae},
            "accuracy": {"mean": sum(accuracy) / 2, "t95": accuracy}}}
        for mae, accuracy, verdicts in (([-2, -1], [0.1, 0.2], ["holds", "holds"]), ([1, 2], [-0.2, -0.1], ["does not hold", "does not hold"]),
                                        ([-1, 1], [0, 0], ["not told apart", "not told apart"]), (None, [0, 0.1], ["not told apart"] * 2)):
            self.assertEqual([claim["verdict"] for claim in claims([made("interpolation", mae, accuracy)])], verdicts)
        self.assertEqual(claims([made("train", [-2, -1], [0, 1])]), [])  # nothing was claimed of it
        self.assertEqual(chance([made("train", [-2, -1], [0, 0]), made("longer", None, [0, 1])]),
                         {"intervals": 2, "miss_zero": 1, "by_chance": 0.1})

    def test_the_same_bytes_for_any_jobs_and_however_it_was_killed(self):
        args = [*self.args, "--settings", self.file(SETTINGS.replace("steps: 60", "steps: 200"), "longer.yaml")]
        self.good("arithmetic", *args, "--jobs", 1, out=self.folder / "whole")
        chance = random.Random(1)
        for _ in range(3):
            process = start("arithmetic", "--out", self.out, *args)
            time.sleep(chance.uniform(0.5, 1.5))
            process.kill()
            process.communicate()
        self.good("arithmetic", *args)
        for name in ("study.json", "study.md"):
            self.assertEqual((self.out / name).read_bytes(), (self.folder / "whole" / name).read_bytes())
        done = study("arithmetic", "--out", self.out, *args)
        self.assertNotIn("progress", done.stderr)  # nothing was left to do
        # Another seed makes only its own runs.
        kept = {path.name: path.stat().st_mtime_ns for path in (self.out / "stages/run").iterdir()}
        args[args.index("--seeds") + 1] = "1-3"
        self.good("arithmetic", *args)
        now = {path.name: path.stat().st_mtime_ns for path in (self.out / "stages/run").iterdir()}
        self.assertEqual(len(now), len(kept) + 4)
        self.assertLessEqual(kept.items(), now.items())

    def test_a_signal_ends_it_resumably(self):
        args = [*self.args, "--settings", self.file(SETTINGS.replace("steps: 60", "steps: 500"), "longer.yaml"), "--jobs", 1]
        process = start("arithmetic", "--out", self.out, *args)
        wait_until(lambda: list((self.out / "stages").glob("run/*.json")), "the first run is kept")
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=60)
        self.assertEqual((process.returncode, stdout), (4, ""), stderr)
        self.good("arithmetic", *args)

    def test_a_training_that_explodes_is_a_result(self):
        """As it is kept when the program says so: no record of that seed, and the study is whole."""
        args = [*self.args, "--tasks", "addition"]
        whole = self.good("arithmetic", *args)
        says = "addition-ntl_was-2: step 7 of 60 has an objective or a gradient that is not finite"
        for path in (self.out / "stages/run").iterdir():
            kept = json.loads(path.read_text())
            if (kept["of"]["config"]["loss"], kept["of"]["config"]["seed"]) == ("ntl_was", 2):
                path.write_text(json.dumps({**kept, "result": {"error": says}}))
        found = self.good("arithmetic", *args)
        for before, after in zip(whole["results"], found["results"]):
            if after["loss"] == "cross_entropy":
                self.assertEqual(after, before)
                continue
            self.assertEqual(after["seeds"][0], before["seeds"][0])
            self.assertEqual(after["seeds"][1], {**dict.fromkeys(before["seeds"][1]), "seed": 2, "error": says})
            self.assertEqual((after["over_seeds"]["mae"]["mean"], after["against"]["mae"]["seeds"]), (before["seeds"][0]["mae"], 1))
            self.assertEqual(after["lambda"], 0.5)
        self.assertEqual({claim["verdict"] for claim in found["claims"]}, {"not told apart"})
        self.assertIn("1 of 4 trainings exploded", (self.out / "study.md").read_text())

    def test_tables(self):
        page = self.file("<!-- begin: written by `vickrey study arithmetic` -->\n<!-- end -->\n", "page.md")
        found = self.good("arithmetic", *self.args, "--markdown", page)
        text = page.read_text()
        over = self.result(found, "multiplication", "longer", "ntl_was")["over_seeds"]
        line = next(line for line in text.splitlines() if line.startswith("| multiplication, `longer` | `ntl_was` |"))
        self.assertIn(f"| {over['mae']['mean']:.0f} |", line)
        self.assertIn("± ", line)
        self.assertEqual(text.count("| `cross_entropy` |"), 8)
        self.assertEqual(text.count("`ntl_was` lowers the mean absolute error"), 4)
        # One seed: no interval, and nothing is told.
        args = [*self.args]
        args[args.index("--seeds") + 1] = "1,"
        alone = self.good("arithmetic", *args)
        self.assertEqual({claim["verdict"] for claim in alone["claims"]}, {"not told apart"})
        self.assertEqual(alone["chance"], {"intervals": 0, "miss_zero": 0, "by_chance": 0})
        self.assertIn("One seed: nothing is said of others", (self.out / "study.md").read_text())

    def test_without_cross_entropy_nothing_is_compared(self):
        found = self.good("arithmetic", "--tasks", "addition", "--losses", "ntl_was", "--seeds", "1,", "--settings", self.settings)
        self.assertEqual((found["claims"], {one["against"] for one in found["results"]}), ([], {None}))
        self.assertGreater(found["seconds"]["total"], 0)

    def test_hostile_input(self):
        good = ["arithmetic", "--out", self.out, *self.args]
        bad = lambda text: ["--settings", self.file(text, f"bad-{hashlib.sha256(text.encode()).hexdigest()[:8]}.yaml")]
        for flags, field, says in (
                (["--tasks", "division"], "--tasks", "there is no task 'division'; there are addition, multiplication"),
                (["--losses", "mse"], "--losses", "there is no loss 'mse'; there are cross_entropy, ntl_mse, ntl_was"),
                (["--seeds", "0"], "--seeds", "neither how many"), (["--jobs", "0"], "--jobs", "whole number"),
                (["--settings", self.folder / "none.yaml"], "--settings", "cannot read"),
                (bad("commn: {}\n"), "--settings", "unknown key 'commn'"), (bad("tasks: {division: {}}\n"), "--settings", "unknown key 'division'"),
                (bad("common: {seed: 3}\n"), "--settings", "is the study's own"), (bad("tasks: {addition: {loss: x}}\n"), "--settings", "study's own"),
                (bad("losses: {ntl_was: {digits: 2}}\n"), "--settings", "belongs to common or tasks"),
                (bad("common: [1]\n"), "--settings", "is not a mapping"), (bad("losses: 3\n"), "--settings", "is not a mapping"),
                (bad("common: {Steps: 3}\n"), "--settings", "is not a key of ArithmeticConfig, such as steps"),
                (bad("common: {lambda: 0.3}\n"), "--settings", "addition by cross_entropy: "),
                (bad("tasks: {multiplication: {steps: 0}}\n"), "--settings", "multiplication by cross_entropy: steps: 0"),
                (bad("losses: {ntl_was: {heads: 3}}\n"), "--settings", "addition by ntl_was: ")):
            self.refused(*good, *flags, field=field, says=says)
        self.assertEqual(self.refused(*good, *bad("common:\n  steps: 10\n  seed: 3\n"), field="--settings", says="study's own")["line"], "3")
        for text, line in (("common: {width: 16}\ntasks:\n  multiplication:\n    steps: 0\n", "4"),
                           ("common:\n  steps: 0\nlosses:\n  ntl_was: {steps: 1}\n", "2"), ("losses:\n  ntl_was:\n    width: 15\n", "3")):
            self.assertEqual(self.refused(*good, *bad(text), field="--settings", says=str(self.folder / "bad-"))["line"], line, text)
        self.assertFalse((self.out / "stages").exists())
        self.out.mkdir()
        precious = self.file('{"my":"precious"}', "out/study.json")
        self.refused(*good, field="--out", says=f"{precious} is not what `vickrey study arithmetic` writes")
        precious.unlink()
        self.good("arithmetic", *self.args, "--tasks", "addition", "--seeds", "1,", "--markdown",
                  self.file("<!-- begin: written by `vickrey study arithmetic` -->\n<!-- end -->\n", "page.md"))
        self.refused(*good, "--markdown", self.file("nothing\n", "empty.md"), field="--markdown", says="has no lines")


if __name__ == "__main__":
    unittest.main()
