"""`vickrey study` as its users run it, on markets that are small enough to say nothing."""

import json
import math
import os
import pathlib
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

from tool import BIN, ROOT, error_of, fill, market, replies, trained, wait_until

sys.path.insert(0, str(ROOT / "simulator/study"))

SMALL = ["--train", 600, "--validation", 200, "--auctions", 300, "--epochs", 1, "--batch-auctions", 64]
WELFARE = ["--scenarios", "two_segments,linear", "--losses", "welfare_rank,bid_logloss@click", "--seeds", "7,8", *SMALL, "--test", 200,
           "--control-auctions", 1000, "--no-seconds"]
SPACE = """
common:
  optimizer.learning_rate: {log: [0.003, 0.3]}
losses:
  welfare_rank:
    loss.sigma: {uniform: [1, 8]}
"""
TUNE = ["--scenarios", "two_segments", "--losses", "welfare_rank", "--seeds", "1,2", *SMALL]


def start(verb, *args, **streams):
    return subprocess.Popen([BIN / "vickrey", "study", verb, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **streams)


def study(verb, *args, timeout=120):
    process = start(verb, *args)
    stdout, stderr = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


class Folders(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()
        self.out = self.folder / "out"

    def good(self, verb, *args, out=None):
        done = study(verb, "--out", out or self.out, *args)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(pathlib.Path(done.stdout.splitlines()[0]).read_text())

    def refused(self, *args, field, says, code=2):
        done = study(*args)
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        error = error_of(done)
        self.assertEqual(error["field"], field, error)
        for part in [says] if isinstance(says, str) else says:
            self.assertIn(part, error["message"])
        return error

    def file(self, text, name="file.yaml"):
        path = self.folder / name
        path.write_text(text)
        return path


class WelfareTest(Folders):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.shared = pathlib.Path(folder.name).resolve() / "out"
        cls.done = study("welfare", "--out", cls.shared, *WELFARE, "--jobs", 1)
        assert cls.done.returncode == 0, cls.done.stderr
        cls.bytes = (cls.shared / "study.json").read_bytes()
        cls.study = json.loads(cls.bytes)

    def losses(self, scenario):
        found = next(s for s in self.study["scenarios"] if s["name"] == scenario)
        return {loss["name"]: loss for loss in found["losses"]}

    def test_the_grid_is_whole(self):
        self.assertEqual((self.study["format"], self.study["kind"]), (1, "welfare"))
        self.assertEqual([s["name"] for s in self.study["scenarios"]], ["two_segments", "linear"])
        self.assertEqual([s["control"] for s in self.study["scenarios"]], [False, True])
        for scenario in self.study["scenarios"]:
            self.assertEqual([loss["name"] for loss in scenario["losses"]],
                             ["logloss@click", "logloss@teacher", "welfare_rank@teacher", "bid_logloss@click"])
            self.assertEqual(sum(scenario["baselines"].values()), 2)
            for loss in scenario["losses"]:
                self.assertEqual([record["seed"] for record in loss["seeds"]], [7, 8])

    def test_a_record_is_what_its_programs_say(self):
        """The same by hand: log, student, baseline, simulation."""
        record = self.losses("two_segments")["welfare_rank@teacher"]["seeds"][0]
        db, models = self.folder / "db", self.folder / "models"
        snapshot = fill(db, market(1000, seed=7))
        optimizer = {"epochs": 1, "batch_auctions": 64}
        base = {"seed": 7, "threads": 1, "model": {"architecture": "logistic"}, "optimizer": optimizer,
                "data": {"train": 0.6, "validation": 0.2}}
        teacher = {"model": {"architecture": "mlp", "hidden": [64, 64]}, "optimizer": optimizer}
        line = trained({**base, "name": "w", "loss": {"loss": "welfare_rank"}, "teacher": teacher}, db, snapshot, models)
        logloss = {"click": trained({**base, "name": "click", "loss": {"loss": "logloss"}}, db, snapshot, models),
                   "teacher": trained({**base, "name": "teacher", "loss": {"loss": "logloss", "labels": "teacher"}, "teacher": teacher},
                                      db, snapshot, models)}
        best = max(logloss, key=lambda name: logloss[name]["metrics"]["validation.welfare"])
        self.assertEqual(record["baseline"], f"logloss@{best}")
        self.assertEqual(record["validation_welfare"], line["metrics"]["validation.welfare"])
        self.assertEqual(record["g4"], {"verdict": "certified", "bound": line["g4_bound"], "regret": line["metrics"]["test.regret"],
                                        "eps_b": line["eps_b"], "holds": True})
        outcomes = self.folder / "outcomes.jsonl"
        summary = replies("simulate", "--market", "two_segments", "--seed", 7, "--first", 1000, "--auctions", 300, "--models",
                          f"w@1,{best}@1", "--scorer", "inprocess", "--artifact-root", models, "--outcomes", outcomes)[0]
        own, other = summary["models"]
        for field in ("welfare", "oracle_welfare", "regret", "revenue", "surplus", "auc", "logloss", "calibration"):
            self.assertAlmostEqual(record[field], own[field], places=12, msg=field)
        self.assertAlmostEqual(record["winners_calibration"], own["winner_calibration"], places=12)
        self.assertAlmostEqual(record["regret_removed"], 1 - own["regret"] / other["regret"], places=10)
        self.assertAlmostEqual(record["auc_difference"], own["auc"] - other["auc"], places=12)
        # The paired interval is that of `vickrey eval compare`, which had the models the other way round.
        compared = replies("eval", "compare", outcomes, outcomes, "--models", f"w@1,{best}@1", "--margin=-1000")[0]
        self.assertAlmostEqual(record["relative"], compared["relative"], places=10)
        for found, expected in zip(record["relative_ci95"], compared["relative_ci95"]):
            self.assertAlmostEqual(found, expected, places=9)

    def test_means_and_intervals_are_over_seeds(self):
        loss = self.losses("two_segments")["welfare_rank@teacher"]
        values = [record["regret_removed"] for record in loss["seeds"]]
        found = loss["over_seeds"]["regret_removed"]
        self.assertAlmostEqual(found["mean"], statistics.fmean(values), places=12)
        half = 12.706204736 * statistics.stdev(values) / math.sqrt(2)  # Student's t with one degree of freedom
        self.assertAlmostEqual(found["t95"][1] - found["mean"], half, delta=1e-8 * half)
        self.assertEqual((found["least"], found["greatest"]), (min(values), max(values)))

    def test_a_control_plays_more_and_has_no_ratio_of_regrets(self):
        for loss in self.losses("linear").values():
            self.assertEqual([record["auctions"] for record in loss["seeds"]], [500, 500])
            self.assertEqual([record["regret_removed"] for record in loss["seeds"]], [None, None])
        rows = [claim for claim in self.study["claims"] if claim["where"] == "linear" and claim["unit"] == "share"]
        self.assertEqual((rows[0]["claim"], rows[0]["auctions"]), ("where the student is the truth, nothing is lost", 1000))
        self.assertEqual(rows[0]["holds"], rows[0]["ci95"][0] >= -0.0005)
        self.assertIn("fewer than 2,000,000", rows[0]["note"])

    def test_claims_are_rows(self):
        for claim in self.study["claims"]:
            self.assertEqual(set(claim), {"claim", "kind", "where", "loss", "against", "value", "unit", "ci95", "goal", "holds",
                                          "auctions", "note"})
            self.assertIn(claim["kind"], ("paper", "goal", "heroic", "cost"))
            self.assertIn(claim["holds"], (True, False, None))
        goal = next(c for c in self.study["claims"] if c["goal"] == "at least 0.38 in 9 of 10 seeds")
        values = [record["regret_removed"] for record in self.losses("two_segments")["welfare_rank@teacher"]["seeds"]]
        self.assertEqual(goal["holds"], all(value >= 0.38 for value in values))

    def test_the_format_is_as_its_document_says(self):
        """Every field of the tables, and no other."""
        text = (ROOT / "docs/formats.md").read_text()
        text = text[text.index("## Studies"):text.index("## The impression log")]
        documented = set(re.findall(r"`([a-z0-9_]+)`", text))
        record = self.losses("linear")["welfare_rank@teacher"]["seeds"][0]
        for name in {*self.study, *self.study["config"], *self.study["scenarios"][0], *self.study["scenarios"][0]["losses"][0], *record,
                     *record["g4"], *self.study["claims"][0]}:
            self.assertIn(name, documented)

    def test_the_same_bytes_for_any_jobs_and_from_what_is_kept(self):
        self.good("welfare", *WELFARE, "--jobs", min(2, len(os.sched_getaffinity(0))))
        self.assertEqual((self.out / "study.json").read_bytes(), self.bytes)
        self.assertEqual((self.out / "study.md").read_bytes(), (self.shared / "study.md").read_bytes())
        begin = time.monotonic()
        done = study("welfare", "--out", self.out, *WELFARE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((self.out / "study.json").read_bytes(), self.bytes)
        self.assertEqual(list((self.out / "logs").glob("*.out")), [])
        self.assertNotIn("progress", done.stderr)  # nothing was left to do
        self.assertLess(time.monotonic() - begin, 20)
        for large in ("db", "models/datasets", "models/runs", "models/teacher-*"):
            self.assertEqual(list(self.out.glob(f"markets/*/{large}")), [])

    def test_a_study_grows(self):
        """More losses and seeds are added to what is there, and are what they are alone."""
        fewer = [*WELFARE[:WELFARE.index("--seeds")], "--seeds", "7,", *WELFARE[WELFARE.index("--seeds") + 2:]]
        fewer[fewer.index("--losses") + 1] = "bid_logloss@click"
        fewer[fewer.index("--control-auctions") + 1] = 500
        self.good("welfare", *fewer)
        kept = {path.name for path in (self.out / "stages/train").iterdir()}
        self.good("welfare", *WELFARE)
        self.assertEqual((self.out / "study.json").read_bytes(), self.bytes)
        self.assertLess(kept, {path.name for path in (self.out / "stages/train").iterdir()})
        # Labels of a teacher that is gone were taken; another seed had to make its own.
        results = [json.loads(path.read_text()) for path in (self.out / "stages/train").iterdir()]
        taught = [one["result"]["teacher_reused"] for one in results if "teacher" in one["of"]["config"]]
        self.assertEqual(taught, [True] * 8)

    def test_killed_at_any_moment_it_comes_to_the_same_bytes(self):
        chance = random.Random(3)
        for _ in range(int(os.environ.get("VICKREY_KILLS", 6))):
            process = start("welfare", "--out", self.out, *WELFARE)
            time.sleep(chance.uniform(0.3, 2.5))
            process.kill()
            process.communicate()
        self.good("welfare", *WELFARE)
        self.assertEqual((self.out / "study.json").read_bytes(), self.bytes)
        self.assertEqual(self.left_behind(), [])  # what it had started ended with it

    def left_behind(self):
        found = []
        for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if str(self.out).encode() in file.read_bytes():
                    found.append(file)
            except OSError:
                pass
        return found

    def test_a_signal_ends_it_resumably(self):
        process = start("welfare", "--out", self.out, *WELFARE)
        wait_until(lambda: list((self.out / "stages").glob("*/*.json")), "the first stage is kept")
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=60)
        self.assertEqual((process.returncode, stdout), (4, ""), stderr)
        error = json.loads(stderr.splitlines()[-1])["error"]
        self.assertEqual(error["code"], "CANCELLED")
        self.assertIn("interrupted by SIGTERM; the same command goes on", error["message"])
        self.assertEqual(self.left_behind(), [])
        self.assertFalse((self.out / "study.json").exists())
        paused = study("welfare", "--out", self.out, *WELFARE, "--max-seconds", 0.5)
        self.assertEqual(paused.returncode, 4, paused.stderr)
        self.assertIn("--max-seconds is up", error_of(paused)["message"])
        self.good("welfare", *WELFARE)
        self.assertEqual((self.out / "study.json").read_bytes(), self.bytes)

    def test_a_damaged_result_is_made_again(self):
        self.good("welfare", *WELFARE)
        for stage in ("train", "play", "log"):
            for path, damaged in zip((self.out / "stages" / stage).iterdir(), (lambda text: text[:50], lambda text: "[]")):
                path.write_text(damaged(path.read_text()))
        for artifact in list(self.out.glob("markets/*/models/welfare_rank*"))[:1]:
            shutil.rmtree(artifact)
        self.good("welfare", *WELFARE)
        self.assertEqual((self.out / "study.json").read_bytes(), self.bytes)

    def test_what_is_no_result_of_a_stage_is_none(self):
        from store import Store
        store = Store(self.folder / "stages")
        store.put("play", {"a": 1}, {"b": 2}, 1.5)
        store.put("play", {"a": 2}, {"b": 3}, 2.5)
        path = store._path("play", {"a": 2})
        for text in ("[]", "{}", "3", "null", "", "{", '{"of": {"a": 2}}', '{"of": {"a": 2}, "result": {}, "cpu_seconds": "x"}', "[" * 100_000):
            path.write_text(text)
            self.assertIsNone(store.get("play", {"a": 2}), text[:50])
            self.assertEqual(store.seconds(), {"total": 1.5, "stages": {"play": {"cpu": 1.5, "number": 1, "mean": 1.5}}}, text[:50])
        store._path("play", {"a": 1}).write_text("[]")
        self.assertEqual(store.seconds(), {"total": 0, "stages": {}})

    def test_a_file_of_somebody_else_is_not_overwritten(self):
        self.out.mkdir()
        verbs = (("welfare", "study.json", WELFARE), ("tune", "tune.json", ["--space", self.file(SPACE), "--budget", 1, *TUNE]))
        for verb, name, args in verbs:
            path = self.out / name
            for text in ('{"my":"precious"}', '{"kind": "walkforward"}', "[]", "not JSON", ""):
                path.write_text(text)
                self.refused(verb, "--out", self.out, *args, field="--out", says=(str(path), f"is not what `vickrey study {verb}` writes"))
                self.assertEqual(path.read_text(), text)
            path.unlink()
            path.mkdir()
            self.refused(verb, "--out", self.out, *args, field="--out", says=f"is not what `vickrey study {verb}` writes")
        self.assertEqual({path.name for path in self.out.iterdir()}, {"study.json", "tune.json"})

    def test_the_line_of_a_field(self):
        import yaml_file
        found = yaml_file.read(self.file("""
a.b: 1
a:
  c: {d: 2,
      e: 3}
list:
- x: 1
  y: 2
- {x: 3, z.w: [1,
   {q: 5}]}
"""), "--settings")
        for field, line in (("a.b", 2), ("a.c", 4), ("a.c.e", 5), ("a.c.none", 4), ("list[0].y", 8), ("list[1].z.w", 9), ("list[1].z.w[1].q", 10),
                            ("list[1].x.more", 9), ("list[7]", 6), ("none", None), ("a.bc", 3), ("list[1].z", 9), ("", None), (None, None)):
            self.assertEqual(yaml_file.line_of(found, field), line, field)

    def test_seconds_are_measured_unless_they_are_not_wanted(self):
        self.assertIsNone(self.study["seconds"])
        self.assertIsNone(self.losses("linear")["logloss@click"]["seeds"][0]["cpu_seconds"])
        self.assertFalse([claim for claim in self.study["claims"] if claim["kind"] == "cost"])
        found = self.good("welfare", *WELFARE[:-1], out=self.shared)
        self.assertGreater(found["seconds"]["total"], 0)
        loss = found["scenarios"][0]["losses"][2]
        self.assertGreater(loss["seeds"][0]["cpu_seconds"], 0)
        self.assertGreater(loss["seeds"][0]["teacher_cpu_seconds"], 0)
        self.assertTrue([claim for claim in found["claims"] if claim["kind"] == "cost" and claim["loss"] == "welfare_rank@teacher"])

    def test_check_says_whether_all_is_met(self):
        done = study("welfare", "--out", self.shared, *WELFARE, "--check")
        unmet = [claim for claim in self.study["claims"] if claim["holds"] is False and claim["kind"] != "heroic"]
        self.assertTrue(unmet)  # on so few auctions
        self.assertEqual(done.returncode, 1)

    def test_tables_go_between_their_marks(self):
        page = self.file("Before.\n\n<!-- begin: written by `vickrey study welfare` -->\nold\n<!-- end -->\nBehind.\n", "page.md")
        done = study("welfare", "--out", self.shared, *WELFARE, "--markdown", page)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = page.read_text()
        self.assertTrue(text.startswith("Before.\n") and text.endswith("<!-- end -->\nBehind.\n"))
        self.assertNotIn("old", text)
        self.assertIn("### two_segments: logistic", text)
        self.assertIn("| **welfare_rank@teacher** |", text)
        nothing = self.file("no marks\n", "nothing.md")
        self.refused("welfare", "--out", self.out, *WELFARE, "--markdown", nothing, field="--markdown", says="has no lines")

    def test_variants_have_their_settings(self):
        file = self.file("slow: {loss: welfare_rank, set: {optimizer.learning_rate: 0.001, teacher.cross_fit: 2}}\n")
        args = [*WELFARE, "--variants", file]
        args[args.index("--scenarios") + 1] = "two_segments"
        found = self.good("welfare", *args)
        loss = next(loss for loss in found["scenarios"][0]["losses"] if loss["name"] == "slow")
        self.assertEqual(loss["settings"], {"optimizer.learning_rate": 0.001, "teacher.cross_fit": 2})
        plain = self.losses("two_segments")["welfare_rank@teacher"]["seeds"][0]
        self.assertNotEqual(loss["seeds"][0]["welfare"], plain["welfare"])
        kept = [json.loads(path.read_text()) for path in (self.out / "stages/train").iterdir()]
        self.assertIn({"model": {"architecture": "mlp", "hidden": [64, 64]}, "optimizer": {"batch_auctions": 64, "epochs": 1}, "cross_fit": 2},
                      [one["of"]["config"].get("teacher") for one in kept])

    def test_the_shipped_files_are_read(self):
        import space
        import variants
        self.assertGreater(len(variants.read_variants(ROOT / "simulator/study/ablations.yaml")), 50)
        self.assertTrue(space.Space(ROOT / "simulator/study/space.yaml").common)


class StatisticsTest(unittest.TestCase):
    """Numbers that come from elsewhere."""

    def test_an_interval_is_students(self):
        import intervals
        # NIST's table: t(.975, 4) = 2.776; the mean of 1..5 is 3, their deviation sqrt(2.5).
        low, high = intervals.t_interval([1, 2, 3, 4, 5])
        self.assertAlmostEqual(high - 3, 2.776445 * math.sqrt(2.5 / 5), places=5)
        self.assertAlmostEqual(low + high, 6, places=12)
        self.assertIsNone(intervals.t_interval([1.0]))

    def test_a_ratio_is_turned_over(self):
        import intervals
        # base / own = 1.25 +- .05 is own / base = .8 +- .05 x .8^2.
        value, error = intervals.inverted(0.25, [0.25 - 0.05 * 1.959963984540054, 0.25 + 0.05 * 1.959963984540054])
        self.assertAlmostEqual(value, -0.2, places=12)
        self.assertAlmostEqual(error, 0.05 * 0.64, places=9)
        self.assertEqual(intervals.inverted(0.25, None), (-0.19999999999999996, None))

    def test_parts_are_pooled(self):
        import intervals
        # Two halves: own 3 and 5, base 2 and 4: 8 / 6 - 1; errors .1 x 1/2 x 2/3 and .2 x 1/2 x 4/3.
        value, (low, high) = intervals.pooled([(10, 3, 2, 0.1), (10, 5, 4, 0.2)])
        self.assertAlmostEqual(value, 1 / 3, places=12)
        error = math.hypot(0.1 * 0.5 * 2 / 3, 0.2 * 0.5 * 4 / 3)
        self.assertAlmostEqual(high - value, 1.959963984540054 * error, places=9)
        self.assertAlmostEqual(value - low, 1.959963984540054 * error, places=9)

    def test_goals_are_met_or_not(self):
        import claims
        def rows(removed, relative):
            record = lambda k: {"relative": relative[k], "relative_ci95": None, "regret_removed": removed[k], "regret_removed_of_rival": 0.01,
                                "revenue_relative": 0.0, "winners_calibration": 1.0, "welfare": 1.0, "auctions": 1000, "cpu_seconds": 2.0,
                                "teacher_cpu_seconds": 8.0, "g4": {"holds": True}}
            loss = {"name": "welfare_rank@teacher", "tuned": False, "seeds": [record(k) for k in range(10)]}
            return claims.claims({"scenarios": [{"name": name, "control": name == "linear", "losses": [loss]}
                                                for name in ("two_segments", "linear")]})
        def holds(found, where, goal):
            return next(claim for claim in found if claim["where"] == where and claim["goal"] == goal)["holds"]
        nine = rows([0.39] * 9 + [0.1], [0.01 + 1e-5 * k for k in range(10)])
        eight = rows([0.39] * 8 + [0.1] * 2, [-0.0004 + 1e-9 * k for k in range(10)])
        goal = "at least 0.38 in 9 of 10 seeds"
        self.assertEqual((holds(nine, "two_segments", goal), holds(eight, "two_segments", goal)), (True, False))
        self.assertEqual((holds(nine, "two_segments", "ci95 above 0"), holds(eight, "two_segments", "ci95 above 0")), (True, False))
        goal = "ci95 at least -.0005"
        self.assertEqual((holds(nine, "linear", goal), holds(eight, "linear", goal)), (True, True))
        goal = "at least -.0003 in every seed"
        self.assertEqual((holds(nine, "linear", goal), holds(eight, "linear", goal)), (True, False))
        cost = next(claim for claim in nine if claim["kind"] == "cost")
        self.assertAlmostEqual(cost["value"], 10 / 36.1, places=9)  # 36.1 points on average

    def test_budgets(self):
        import tuning
        self.assertEqual(tuning.rungs("random", 7, 8), [(7, 8)])
        for budget in (1, 2, 3, 5, 8, 20, 100):
            for epochs in (1, 2, 8, 27):
                plan = tuning.rungs("halving", budget, epochs)
                spent = sum(n * length for n, length in plan) / epochs
                self.assertLessEqual(spent, budget)
                self.assertEqual(plan[-1][1], epochs)
                self.assertEqual([n for n, _ in plan], sorted((n for n, _ in plan), reverse=True))
                if budget >= 8 and epochs >= 8:
                    self.assertGreater(plan[0][0], budget)  # it sees more than as many as random search
                    self.assertGreater(spent, budget - 1.5)


class TuneTest(Folders):
    def setUp(self):
        super().setUp()
        self.space = self.file(SPACE, "space.yaml")

    def test_every_loss_has_the_same_budget(self):
        for method, budget in (("random", 3), ("halving", 4)):
            found = self.good("tune", *TUNE[:-4], "--epochs", 3, "--batch-auctions", 64, "--space", self.space, "--method", method, "--budget",
                              budget, "--no-seconds", out=self.folder / method)
            losses = found["scenarios"][0]["losses"]
            self.assertEqual([loss["name"] for loss in losses], ["logloss@click", "logloss@teacher", "welfare_rank@teacher"])
            self.assertEqual(len({loss["spent"] for loss in losses}), 1)
            self.assertLessEqual(losses[0]["spent"], budget)
            kept = [json.loads(path.read_text())["of"] for path in (self.folder / method / "stages/train").iterdir()]
            for loss in losses:
                self.assertEqual(loss["spent"], sum(rung["epochs"] for trial in loss["trials"] for rung in trial["rungs"]) / 3)
                # That is what was trained, on each of the seeds that tune.
                epochs = sum(of["config"]["optimizer"]["epochs"] for of in kept if of["config"]["seed"] in (1, 2)
                             and (of["config"]["loss"]["loss"], of["config"]["loss"]["labels"]) == (loss["loss"], loss["labels"]))
                self.assertEqual(epochs / 3 / 2, loss["spent"])
                self.assertEqual(loss["trials"][0]["settings"], {})
                whole = [trial for trial in loss["trials"] if trial["rungs"][-1]["epochs"] == 3]
                best = max(whole, key=lambda trial: trial["rungs"][-1]["score"])
                self.assertEqual(loss["selected"], best["trial"])
                self.assertEqual(loss["settings"], best["settings"])
            # What losses have in common is drawn alike.
            rates = [[trial["settings"].get("optimizer.learning_rate") for trial in loss["trials"]] for loss in losses]
            self.assertEqual(rates[0], rates[2])
            self.assertTrue(all(0.003 <= rate <= 0.3 for rate in rates[0][1:]))

    def test_it_goes_on_and_its_result_is_used(self):
        args = [*TUNE, "--space", self.space, "--budget", 3, "--no-seconds"]
        whole = self.good("tune", *args, "--jobs", 1, out=self.folder / "whole")
        chance = random.Random(5)
        for _ in range(3):
            process = start("tune", "--out", self.out, *args)
            time.sleep(chance.uniform(0.5, 2.5))
            process.kill()
            process.communicate()
        self.good("tune", *args)
        tuned = self.out / "tune.json"
        self.assertEqual(tuned.read_bytes(), (self.folder / "whole/tune.json").read_bytes())
        self.assertEqual(whole["config"]["test_seeds"], [3, 4])
        rest = ["--scenarios", "two_segments", "--losses", "welfare_rank", *SMALL, "--test", 200, "--no-seconds", "--tuned", tuned]
        found = self.good("welfare", *rest, "--seeds", "5,", out=self.folder / "study")
        for loss, expected in zip(found["scenarios"][0]["losses"], whole["scenarios"][0]["losses"]):
            self.assertEqual((loss["name"], loss["settings"], loss["tuned"]), (expected["name"], expected["settings"], True))
        self.refused("welfare", "--out", self.folder / "study", *rest, "--seeds", "2,3", field="--seeds", says="seed 2 was seen by the tuning")
        self.refused("welfare", "--out", self.folder / "study", *rest, "--seeds", "5,", "--losses", "soft_winner", field="--tuned",
                     says="has not tuned 'soft_winner@teacher' on 'two_segments'")
        self.refused("welfare", "--out", self.folder / "study", *rest[:-1], self.space, "--seeds", "5,", field="--tuned", says="is not JSON")
        for text in ("[]", '{"kind": "tune", "format": NaN}', '{"kind": "\\ud800"}', "[" * 100000):
            self.refused("welfare", "--out", self.folder / "study", *rest[:-1], self.file(text, "bad.json"), "--seeds", "5,", field="--tuned",
                         says="is not JSON with an object")
        self.refused("welfare", "--out", self.folder / "study", *rest[:-1], "/dev/zero", "--seeds", "5,", field="--tuned", says="is not JSON")

    def test_every_end_is_shown_to_the_trainer(self):
        space = self.file("common: {optimizer.learning_rate: {choice: [10.0]}, optimizer.dense: {choice: [sgd]}, "
                          "optimizer.momentum: {choice: [0.999]}}\n", "wild.yaml")
        # One by one: momentum belongs to sgd.
        self.refused("tune", "--out", self.out, *TUNE, "--space", space, "--budget", 2, field="--space", says="only sgd has momentum")

    def test_a_training_that_fails_is_a_trial(self):
        space = self.file("common:\n  optimizer.learning_rate: {log: [0.01, 0.1]}\nlosses:\n  welfare_rank:\n    loss.scale: {choice: [1e300]}\n")
        for method in ("random", "halving"):
            found = self.good("tune", *TUNE[:-4], "--epochs", 3, "--batch-auctions", 64, "--space", space, "--method", method, "--budget", 4,
                              out=self.folder / method)
            fine, _, wild = found["scenarios"][0]["losses"]
            self.assertEqual((wild["selected"], wild["settings"]), (0, {}))
            self.assertEqual(wild["spent"], fine["spent"])
            for trial in wild["trials"][1:]:
                self.assertIsNone(trial["rungs"][0]["score"])
                self.assertRegex(trial["rungs"][0]["error"], r"step \d+ .*has the objective (nan|inf)$")

    def test_hostile_spaces(self):
        tune = ["tune", "--out", self.out, *TUNE, "--budget", 2, "--space"]
        for text, line, says in (
                ("common: [1]\n", 1, "common: is not a mapping of keys to ranges"),
                ("comon: {}\n", 1, "unknown key 'comon'; known keys: common, losses"),
                ("common:\n  optimizer.learning_rate: {log: [0, 1]}\n", 2, "log is [0, 1]; LOW must be above 0"),
                ("common:\n  optimizer.learning_rate: {log: [0.3, 0.1]}\n", 2, "with numbers LOW < HIGH"),
                ("common:\n  optimizer.learning_rate: {log: [.nan, 1]}\n", 2, "log: nan is not a finite number"),
                ("common:\n  optimizer.learning_rate: {log: [1e-300, 1e300]}\n", 2, "that is too wide"),
                ("common:\n  optimizer.learning_rate: {uniform: [-1.7e308, 1.7e308]}\n", 2, "that is too wide"),
                ("common:\n  loss.sigma: {choice: [1, .inf]}\n", 2, "choice: inf is not a finite number"),
                ("common:\n  optimizer.learning_rate: 3\n", 2, "it must be one of {choice: [...]}"),
                ("common:\n  optimizer.learning_rate: {log: [1e-3, 20]}\n", 2, "20 is out of range"),
                ("common:\n  optimizer.lr: {log: [0.1, 1]}\n", 2, "unknown key; known keys: learning_rate"),
                ("common:\n  optimizer.epochs: {choice: [8, 16]}\n", 2, "epochs are what the budget is counted in"),
                ("common:\n  seed: {choice: [8, 16]}\n", 2, "is the study's own"),
                ("common:\n  a: {choice: [1]}\n  a: {choice: [2]}\n", 3, "the key 'a' comes twice"),
                ("common: {}\nlosses:\n  welfare: {}\n", 3, "there is no loss 'welfare'; losses: welfare_rank"),
                ("losses:\n  welfare_rank:\n    loss.sigma: {choice: [1]}\n", None, "there is nothing to search for 'logloss@click'"),
                ("common:\n  loss.pairs: {choice: [ppi]}\n", 2, "logloss@click on two_segments"),
                ("{", 1, "is not YAML"), ("!!python/object:os.system {}\n", 1, "is not YAML"), ("- 1\n", None, "is not a mapping"),
                ("a: &a [*a]\n", 1, "is not YAML")):
            error = self.refused(*tune, self.file(text, "bad.yaml"), field="--space", says=says)
            self.assertEqual(error["line"], None if line is None else str(line), text)
        self.refused(*tune, self.folder / "none.yaml", field="--space", says="cannot read")
        self.refused(*tune, self.space, "--test-seeds", "2,9", field="--test-seeds", says="seed 2 is one of --seeds")
        self.assertFalse((self.out / "stages").exists())


class HostileTest(Folders):
    def test_flags(self):
        good = ["welfare", "--out", self.out, "--seeds", 2]
        for flags, field, says in (
                (["--scenarios", "moon"], "--scenarios", "there is no scenario 'moon'; scenarios: two_segments"),
                (["--losses", "welfare"], "--losses", "there is no loss 'welfare'; losses: welfare_rank"),
                (["--losses", "logloss@guess"], "--losses", "there are no labels 'guess'; labels: click, teacher, truth"),
                (["--losses", "logloss,,softmax"], "--losses", "is not NAME[,NAME...]"),
                (["--seeds", "0"], "--seeds", "'0' is neither how many"),
                (["--seeds", "1,1"], "--seeds", "without repetitions"), (["--seeds", "9-2"], "--seeds", "nor FIRST-LAST"),
                (["--seeds", "18446744073709551616,"], "--seeds", "is neither"),
                (["--train", "-5"], "--train", "is not a whole number from 16"), (["--auctions", "1e3"], "--auctions", "is not a whole number"),
                (["--jobs", "0"], "--jobs", "from 1 to"), (["--jobs", "1000"], "--jobs", "cores"),
                (["--max-seconds", "nan"], "--max-seconds", "above 0"), (["--max-seconds", "-1"], "--max-seconds", "above 0")):
            self.refused(*good, *flags, field=field, says=says)
        self.refused("welfare", "--seeds", 2, field=None, says="--out")
        self.refused("dance", field="VERB", says="'dance'")
        self.refused(*good, "--dance", field=None, says="--dance")
        self.refused(*good[:2], self.file("x"), "--seeds", 2, field="--out", says="is not a folder")
        self.assertFalse(self.out.exists())

    def test_variants(self):
        good = ["welfare", "--out", self.out, "--seeds", 1, "--variants"]
        for text, says in (("a: {}\n", "loss is required"), ("a: {loss: x}\n", "there is no loss 'x'"), ("a: 1\n", "is not a mapping"),
                           ("a: {loss: logloss, sets: {}}\n", "unknown key 'sets'; known keys: loss, set"),
                           ("../a: {loss: logloss}\n", "cannot be a name"),
                           ("a: {loss: logloss, set: {loss.sigma: 4}}\n", "sigma"),
                           ("a: {loss: welfare_rank, set: {loss.sigma: -4}}\n", "-4 is out of range"),
                           ("a: {loss: welfare_rank, set: {loss.loss: x}}\n", "is the study's own"),
                           ("a: {loss: welfare_rank, set: {../x: 1}}\n", "is not a key of a training configuration"),
                           ("a: {loss: welfare_rank, set: {loss.sigma: .nan}}\n", "loss.sigma: nan is not a finite number"),
                           ("a: {loss: welfare_rank, set: {loss.sigma: [1, -.inf]}}\n", "-inf is not a finite number"),
                           ("a: {loss: welfare_rank, set: {loss.sigma: 2024-01-02}}\n", "2024-01-02 is date, neither a number nor a text"),
                           ("a: {loss: welfare_rank, set: {loss.sigma: 1%s}}\n" % ("0" * 400), "has more than 64 bits")):
            self.refused(*good, self.file(text, "bad.yaml"), field="--variants", says=says)
        self.refused(*good, "/dev/zero", field="--variants", says="has more than 1048576 bytes")
        self.refused(*good[:-1], "--markdown", "/dev/zero", field="--markdown", says="is not a plain file")
        self.assertFalse((self.out / "stages").exists())

    def test_two_studies_do_not_share_a_folder(self):
        self.out.mkdir()
        with open(self.out / "lock", "a+") as held:
            import fcntl
            fcntl.flock(held, fcntl.LOCK_EX)
            held.write("4711")
            held.flush()
            self.refused("welfare", "--out", self.out, *WELFARE, field="--out", says="(process 4711)", code=3)

    def test_a_program_that_fails_is_named_with_its_log(self):
        """A disk that is full is played by a folder that nothing can be written into."""
        process = start("welfare", "--out", self.out, *WELFARE)
        wait_until(lambda: list(self.out.glob("markets/*")), "a market is begun")
        process.kill()
        process.communicate()
        with open(self.out / "lock", "a+") as held:
            import fcntl
            fcntl.flock(held, fcntl.LOCK_EX)  # when what it had started has ended
        for folder in self.out.glob("markets/*"):
            subprocess.run(["rm", "-rf", folder])
            folder.write_text("a file where a folder should be")
        done = study("welfare", "--out", self.out, *WELFARE)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertIn("markets", error_of(done)["message"])

    def test_help_and_version(self):
        import command
        for args in (["--help"], *([verb, "--help"] for verb in command.VERBS)):
            done = study(*args)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("usage: vickrey study", done.stdout)
        listed = study("--help").stdout
        for name, verb in command.VERBS.items():
            self.assertEqual(name, verb.name)
            self.assertRegex(listed, rf"(?m)^    {name}\s")
            self.assertTrue(verb.help in " ".join(listed.split()), verb.help)
        self.assertEqual(json.loads(study("--version", "--json").stdout)["program"], "vickrey-study")
        self.assertEqual(subprocess.run([BIN / "vickrey", "study"], capture_output=True).returncode, 2)

    def test_without_its_packages_it_says_what_is_missing(self):
        bare = self.file(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n', "python")  # without site-packages
        bare.chmod(0o755)
        process = start("welfare", "--out", self.out, *WELFARE, env={**os.environ, "VICKREY_PYTHON": str(bare)})
        stdout, stderr = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 3, stderr)
        self.assertIn("needs the Python package", json.loads(stderr)["error"]["message"])


if __name__ == "__main__":
    unittest.main()
