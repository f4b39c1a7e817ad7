"""`vickrey study cost` on models and timings so small that they say nothing; and what it computes of them, by hand."""

import dataclasses
import hashlib
import json
import pathlib
import random
import shutil
import signal
import statistics
import tempfile
import unittest

from study_test import Folders, start, study
from tool import BIN, ROOT, error_of, fill, market, replies, vickrey, wait_until

SETTINGS = """
market:
  scenario: interaction
  auctions: 1500
  seed: 1
  candidates: 8
  extra: {cardinality: 1000, zipf_exponent: 1.1, effect: 1.0}
common: {optimizer.learning_rate: 0.01}
models:
  mlp: {fields: 8, embedding: 4, buckets: 200, model.architecture: mlp, model.hidden: [16]}
  few: {fields: 8, embedding: 8, buckets: 200, model.architecture: autoint, model.attention_layers: 1, model.attention_width: 8}
  many: {fields: 12, embedding: 8, buckets: 200, model.architecture: autoint, model.attention_layers: 1, model.attention_width: 8}
  huge: {fields: 8, embedding: 64, buckets: 3000000, model.architecture: mlp, model.hidden: [16]}
points:
  - {models: [mlp], batch_auctions: [32, 64], workers: [1, 2], communications: [ddp, zero1]}
  - {models: [few, many], batch_auctions: [32, 64], attentions: [fused, composed]}
  - {models: [huge], batch_auctions: [64], workers: [1, 2]}
  - {models: [mlp], batch_auctions: [1], workers: [2]}
  - {models: [mlp], devices: [cpu, cuda], batch_auctions: [64], precisions: [float32, bfloat16], workers: [5000]}
curve: {epochs: 2, most_parameters: 100000}
measure: {seconds: 0.02, repeats: 3, warmup: 1}
"""
NAMES = ["mlp, 32 auctions, cpu x 1", "mlp, 64 auctions, cpu x 1", "mlp, 32 auctions, cpu x 1, 2 workers by ddp",
         "mlp, 64 auctions, cpu x 1, 2 workers by ddp", "mlp, 32 auctions, cpu x 1, 2 workers by zero1",
         "mlp, 64 auctions, cpu x 1, 2 workers by zero1", "few, 32 auctions, cpu x 1", "few, 64 auctions, cpu x 1",
         "few, 32 auctions, cpu x 1, composed", "few, 64 auctions, cpu x 1, composed", "many, 32 auctions, cpu x 1",
         "many, 64 auctions, cpu x 1", "many, 32 auctions, cpu x 1, composed", "many, 64 auctions, cpu x 1, composed",
         "huge, 64 auctions, cpu x 1", "huge, 64 auctions, cpu x 1, 2 workers by ddp"]


class ProgramTest(Folders):
    """`vickrey cost` by itself."""

    CONFIG = {"name": "m", "model": {"architecture": "mlp", "hidden": [16]}, "loss": {"loss": "logloss"}, "threads": 1, "data": {"validation": 0.2},
              "optimizer": {"batch_auctions": 32}}

    def setUp(self):
        super().setUp()
        self.db = self.folder / "db"
        self.args = ["--config", self.file(json.dumps(self.CONFIG), "config.json"), "--db", self.db, "--snapshot", fill(self.db, market(400, "two_segments")),
                     "--out", self.folder / "models"]
        schema = vickrey("market", "schema", "--scenario", "two_segments").stdout
        self.args += ["--set", f"data.schema={self.file(schema, 'schema.json')}"]

    def cost(self, *args):
        return replies("cost", *self.args, *args)[-1]

    def test_it_measures_and_leaves_no_model(self):
        line = self.cost("--seconds", 0.05, "--repeats", 3)
        self.assertEqual((line["device"], line["processes"], line["communication"], line["threads"], line["batch_auctions"]), ("cpu", 1, "", 1, 32))
        self.assertEqual(int(line["parameters"]), int(line["dense_parameters"]) + int(line["table_parameters"]))
        steps = {int(one["steps"]) for one in line["repeats"]}
        self.assertEqual((len(line["repeats"]), len(steps)), (3, 1))
        rates = [int(one["candidates"]) / one["seconds"] for one in line["repeats"]]
        self.assertAlmostEqual(line["candidates_per_second"] / statistics.median(rates), 1)
        # One hidden layer of 16 units, of 4 numbers of the context, once for an auction, and 9 of each of 8 candidates; each number comes
        # with whether it is missing. A product for the output; the backward pass has two for each.
        self.assertEqual(line["flops_per_candidate"], 3 * 2 * (16 * 2 * self.numbers("CONTEXT") / 8 + 16 * 2 * self.numbers("AD") + 16))
        self.assertGreater(int(line["host_peak_bytes"]), 2**20)
        self.assertIsNone(line["device_peak_bytes"])
        self.assertEqual([path.name for path in (self.folder / "models").iterdir()], ["datasets"])

    def numbers(self, side):
        return sum(field["side"] == side for field in json.loads((self.folder / "schema.json").read_text())["fields"])

    def test_devices_and_plan(self):
        (cpu, *gpus) = replies("cost", "--devices")
        self.assertEqual((cpu["device"], cpu["index"]), ("cpu", None))
        self.assertGreater(cpu["cores"], 0)
        self.assertGreater(int(cpu["memory_bytes"]), 2**28)
        self.assertTrue(all(one["device"] == "cuda" for one in gpus))
        line = self.cost("--plan")
        self.assertEqual((line["batch_auctions"], line["repeats"], line["parameters"], line["candidates_per_second"]), (32, [], None, None))

    def test_a_curve_is_what_a_training_learns(self):
        points = self.cost("--curve", 2560, "--set", "optimizer.learning_rate=0.02")["points"]
        self.assertEqual([int(point["candidates"]) for point in points], [0, 256, 512, 1024, 2048, 2560])
        losses = [point["validation_logloss"] for point in points]
        self.assertLess(losses[-1], losses[0])
        self.assertTrue(all(point["validation_regret"] >= 0 for point in points))
        self.assertEqual(self.cost("--curve", 2560, "--set", "optimizer.learning_rate=0.02")["points"], points)

    def test_refusals(self):
        for args, field, says, code in (
                (["--set", "optimizer.batch_auctions=400"], "optimizer.batch_auctions", "400 is more than the 320 auctions to train on", 2),
                (["--curve", 100, "--set", "data.validation=0"], "data.validation", "needs auctions to validate on", 2),
                (["--curve", 100, "--seconds", 1], "--seconds", "excludes --curve", 2),
                (["--seconds", "nan"], "--seconds", "", 2),
                (["--repeats", 0], "--repeats", "not in range", 2),
                (["--set", "device=cuda"], "device", "there is no cuda", 3),
                (["--memory-mib", 1, "--set", "model.hidden=[4096, 4096]"], None, "parameters and the optimizer's state alone take", 3)):
            with self.subTest(args=args):
                if args[0] == "--set" and args[1] == "device=cuda" and len(replies("cost", "--devices")) > 1:
                    continue
                self.refused_by("cost", *self.args, *args, field=field, says=says, code=code)
        self.refused_by("cost", "--db", self.db, field="--config", says="is required, unless --devices is given", code=2)
        args = [self.db if word == self.folder / "models" else word for word in self.args]
        self.refused_by("cost", *args, field="--out", says="is the log's folder", code=2)

    def refused_by(self, *words, field, says, code):
        done = vickrey(*words)
        error = error_of(done)
        self.assertEqual((done.returncode, error["field"], done.stdout), (code, field, ""), error)
        self.assertIn(says, error["message"])


class CostStudyTest(Folders):
    @classmethod
    def setUpClass(cls):
        """A study that is interrupted on its way and goes on; tests read what came of it."""
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.whole = pathlib.Path(folder.name).resolve()
        (cls.whole / "settings.yaml").write_text(SETTINGS)
        cls.args = ["--settings", cls.whole / "settings.yaml", "--devices", "cpu", "--memory-mib", 1500, "--no-seconds"]
        args = ["--out", cls.whole / "out", *cls.args]
        process = start("cost", *args)
        kept = lambda: sorted((cls.whole / "out/stages").glob("point/*.json"))
        wait_until(lambda: len(kept()) >= 2, "two points are kept", seconds=120)
        process.send_signal(signal.SIGTERM)
        cls.interrupted = (process.communicate(timeout=60), process.returncode)
        cls.first = {path: path.read_bytes() for path in kept()}
        cls.done = study("cost", *args, timeout=300)
        assert cls.done.returncode == 0, cls.done.stderr
        cls.found = json.loads((cls.whole / "out/study.json").read_text())

    def again(self, *flags):
        """The same study with other flags, in a copy of its folder; it measures nothing that is kept."""
        shutil.copytree(self.whole / "out", self.out, dirs_exist_ok=True)
        done = study("cost", "--out", self.out, *self.args, *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("progress", done.stderr)
        return json.loads((self.out / "study.json").read_text())

    def test_a_signal_ends_it_resumably(self):
        (stdout, stderr), code = self.interrupted
        self.assertEqual((code, stdout), (4, ""), stderr)
        self.assertGreaterEqual(len(self.first), 2)
        for path, before in self.first.items():
            self.assertEqual(path.read_bytes(), before)
        self.again()
        for name in ("study.json", "study.md"):
            self.assertEqual((self.out / name).read_bytes(), (self.whole / "out" / name).read_bytes())
        self.assertFalse(list((self.whole / "out/work").glob("logs/*/db")))  # what is large is gone

    def test_every_point_is_there_once(self):
        self.assertEqual((self.found["format"], self.found["kind"], self.found["seconds"]), (1, "cost", None))
        points = self.found["points"]
        self.assertEqual([(one["id"], one["name"]) for one in points], [*enumerate(NAMES)])
        self.assertEqual([one["status"] for one in points], ["measured"] * 14 + ["does not fit"] * 2, [one["error"] for one in points])
        self.assertIn("memory", points[-2]["error"])
        self.assertIsNone(points[-2]["examples_per_second"])
        self.assertEqual({one["point"]: one["why"] for one in self.found["left_out"]}, {
            "mlp, 1 auctions, cpu x 1, 2 workers by ddp": "a batch of 1 auctions cannot be shared by 2 workers",
            "mlp, 64 auctions, cpu x 1, 5000 workers by ddp": "a batch of 64 auctions cannot be shared by 5000 workers",
            "mlp, 64 auctions, cpu x 1, 5000 workers by ddp, bfloat16": "bfloat16 is for products on a GPU",
            "mlp, 64 auctions, cuda, 5000 workers by ddp": "--devices does not name cuda",
            "mlp, 64 auctions, cuda, 5000 workers by ddp, bfloat16": "--devices does not name cuda"})
        mlp = points[0]
        self.assertEqual((mlp["model"], mlp["architecture"], mlp["attention"], mlp["fields"], mlp["device"], mlp["threads"], mlp["precision"],
                          mlp["workers"], mlp["communication"], mlp["tables"], mlp["batch_auctions"]),
                         ("mlp", "mlp", None, 8, "cpu", 1, "float32", 1, None, "adam", 32))
        self.assertEqual((mlp["table_parameters"], mlp["parameters"]), (8 * 4 * 200, mlp["table_parameters"] + mlp["dense_parameters"]))
        self.assertEqual((points[5]["workers"], points[5]["communication"], points[8]["attention"]), (2, "zero1", "composed"))
        self.assertGreater(points[2]["communication_share"], 0)
        self.assertLess(points[4]["optimizer_bytes"], points[2]["optimizer_bytes"])
        self.assertEqual(list(self.found["provenance"]["programs"]), ["vickrey-market", "vickrey-log", "vickrey-train", "vickrey-cost"])

    def test_a_point_is_what_the_program_says(self):
        kept = [json.loads(path.read_text()) for path in (self.whole / "out/stages/point").iterdir()]
        for point in self.found["points"][:14]:
            config = lambda one: one["of"]["config"]
            line = next(one["result"]["line"] for one in kept if "line" in one["result"]
                        and (one["of"]["workers"], config(one)["optimizer"]["batch_auctions"], config(one)["model"].get("attention"),
                             config(one).get("parallel", {}).get("communication"), config(one)["data"]["schema"]["fields"],
                             config(one)["model"]["architecture"])
                        == (point["workers"], point["batch_auctions"], point["attention"], point["communication"], point["fields"],
                            point["architecture"]))
            self.assertEqual(point["examples_per_second"], line["candidates_per_second"])
            rates = [int(one["candidates"]) / one["seconds"] for one in line["repeats"]]
            self.assertAlmostEqual(point["spread"], (max(rates) - min(rates)) / statistics.median(rates))
            cores = max(point["workers"], line["cores_used"])
            self.assertAlmostEqual(point["dollars_per_hour"], 0.05 * cores)
            self.assertAlmostEqual(point["examples_per_dollar"] / (line["candidates_per_second"] * 3600 / (0.05 * cores)), 1)
            self.assertAlmostEqual(line["flops_per_second"] / (line["flops_per_candidate"] * line["candidates_per_second"]), 1)
            self.assertAlmostEqual(line["model_flop_utilisation"] * line["product_flops_per_second"] / line["flops_per_second"], 1)
            self.assertTrue(0 <= line["waiting_share"] < 1 and 0 <= line["communication_share"] < 1)

    def test_what_workers_send_is_what_the_planner_says(self):
        from cost_traffic import CALLS, sent

        several = [point for point in self.found["points"][:14] if point["workers"] > 1]
        self.assertEqual({point["communication"] for point in several}, {"ddp", "zero1"})
        for point in several:
            calls = point["communication_calls_per_step"]
            self.assertEqual(calls, CALLS[point["communication"]])
            # How the processes meet, and sums of a few numbers, are not in it; batches of a step and of the first one differ a little.
            measured = point["communication_bytes_per_step"]
            self.assertAlmostEqual(sent(point, several) / measured, 1, delta=0.05 + 100 * calls / measured)

    def test_curves_and_what_they_cost(self):
        curves = self.found["curves"]
        self.assertEqual([(one["model"], one["batch_auctions"], one["tables"]) for one in curves],
                         [(model, batch, "adam") for model in ("mlp", "few", "many") for batch in (32, 64)])
        self.assertEqual(curves[0]["start"], curves[1]["start"])  # of the same log
        for one in curves:
            examples, losses = ([point[name] for point in one["points"]] for name in ("examples", "loss"))
            self.assertEqual(examples[:3], [step * 8 * one["batch_auctions"] for step in (1, 2, 4)])
            self.assertAlmostEqual(examples[-1], 2 * 1200 * 8, delta=8 * one["batch_auctions"])
            self.assertEqual((sorted(examples), sorted(losses, reverse=True)), (examples, losses))
            self.assertLess(losses[-1], one["start"])
        self.assertEqual(self.found["target"], {"loss": statistics.median(one["points"][-1]["loss"] for one in curves), "given": False})
        self.assertEqual([one["curve"] for one in self.found["points"]], [0, 1, 0, 1, 0, 1, 2, 3, 2, 3, 4, 5, 4, 5, None, None])
        for one in self.found["points"][:14]:
            curve = curves[one["curve"]]
            spent = curve["points"][-1]["examples"] / one["examples_per_dollar"]
            self.assertAlmostEqual(one["loss_per_dollar"] * spent, curve["start"] - curve["points"][-1]["loss"])
            if one["to_target"] is None:
                self.assertGreater(curve["points"][-1]["loss"], self.found["target"]["loss"])
                continue
            self.assertAlmostEqual(one["to_target"]["seconds"] * one["examples_per_second"], one["to_target"]["examples"])
            self.assertAlmostEqual(one["to_target"]["dollars"] * one["examples_per_dollar"], one["to_target"]["examples"])

    def test_the_front_and_the_budgets(self):
        points = self.found["points"]
        reached = {one["id"]: (one["to_target"]["seconds"], one["to_target"]["dollars"]) for one in points if one["to_target"] is not None}
        front = [number for number, (seconds, dollars) in reached.items()
                 if not any(s <= seconds and d <= dollars and (s, d) != (seconds, dollars) for s, d in reached.values())]
        self.assertEqual(sorted(self.found["pareto"]["target"]), sorted(front))
        self.assertEqual(len(self.found["budgets"]), 4)
        for budget in self.found["budgets"]:
            least = min(self.loss_for(one, budget["dollars"]) for one in points if one["curve"] is not None)
            self.assertAlmostEqual(budget["loss"], least)
            self.assertAlmostEqual(self.loss_for(points[budget["point"]], budget["dollars"]), least)

    def loss_for(self, point, dollars):
        curve = self.found["curves"][point["curve"]]
        examples, left, before = dollars * point["examples_per_dollar"], 0, curve["start"]
        for one in curve["points"]:
            if examples < one["examples"]:
                return before + (one["loss"] - before) * (examples - left) / (one["examples"] - left)
            left, before = one["examples"], one["loss"]
        return before

    def test_other_prices_measure_nothing_again(self):
        prices = self.file("currency: EUR\ndevices: {cpu: 0.1}\n", "prices.yaml")
        found = self.again("--prices", prices, "--target-loss", 9, "--budget", 5, "--budget", 2, "--budget", 5)
        self.assertEqual(found["prices"], {"currency": "EUR", "placeholder": False, "devices": {"cpu": 0.1}})
        self.assertEqual([one["examples_per_dollar"] for one in found["points"][:14]],
                         [one["examples_per_dollar"] / 2 for one in self.found["points"][:14]])
        self.assertEqual(found["target"], {"loss": 9, "given": True})  # where they begin
        self.assertEqual({one["to_target"]["examples"] for one in found["points"][:14]}, {0})
        self.assertEqual([(one["dollars"], one["clipped"]) for one in found["budgets"]], [(2, True), (5, True)])
        self.assertIn("--budget 2.0 --budget 5.0", found["command"])
        self.assertNotIn("placeholders", (self.out / "study.md").read_text())

    def test_predictions_are_labelled(self):
        found = self.again("--predict", "workers=64", "--predict", "workers=2,communication=zero1", "--link", "50,10")
        predicted = found["planner"]["predictions"]
        self.assertEqual((found["config"]["predict"], found["config"]["link"]), (["workers=64", "workers=2,communication=zero1"], "50,10"))
        names = [one["name"] for one in predicted]
        self.assertEqual(len(set(names)), len(names))
        self.assertFalse(set(names) & set(NAMES))
        many = {one["name"]: one for one in predicted}
        small = many["mlp, 32 auctions, cpu x 1, 64 workers by ddp"]
        self.assertEqual((small["status"], small["from"], small["error"], small["step_seconds"]),
                         ("error", "workers=64", "a batch of 32 auctions cannot be shared by 64 workers", None))
        good = many["mlp, 64 auctions, cpu x 1, 64 workers by zero1"]
        self.assertEqual((good["status"], good["workers"], good["error"], good["curve"]), ("predicted", 64, None, 1))
        self.assertAlmostEqual(good["examples_per_second"] * good["step_seconds"] / good["candidates_per_step"], 1)
        self.assertEqual(good["dollars_per_hour"], 64 * 0.05)
        self.assertAlmostEqual(good["to_target"]["seconds"] * good["examples_per_second"] / good["to_target"]["examples"], 1)
        self.assertIn("few, 32 auctions, cpu x 1, 2 workers by zero1, composed", names)
        text = (self.out / "study.md").read_text()
        self.assertIn("**Predicted, not measured**, by a network of 50 microseconds and 10 GB/s", text)
        self.assertIn("| mlp, 64 auctions, cpu x 1, 64 workers by zero1 | workers=64 |", text)

    def test_the_planner_says_its_error(self):
        planner = self.found["planner"]
        self.assertEqual([(one["group"], one["points"]) for one in planner["groups"]], [
            ("cpu, float32, mlp, adam", 6), ("cpu, float32, autoint, fused, adam", 4), ("cpu, float32, autoint, composed, adam", 4)])
        self.assertIsNotNone(planner["groups"][0]["coefficients"])
        self.assertGreater(planner["groups"][0]["held_out"]["points"], 0)
        self.assertEqual((planner["groups"][1]["coefficients"], planner["groups"][1]["why"]),
                         (None, "4 points are too few for 4 coefficients and to see how far they are off: it takes 6"))
        self.assertEqual(planner["held_out"]["points"], sum(one["held_out"]["points"] for one in planner["groups"]))

    def test_sentences_are_what_the_table_says(self):
        said = " ".join(self.found["sentences"])
        for words in ("The cheapest way to a loss of", "Most examples for the money", "Fused attention is", "at 8 fields beside the scenario's own and ",
                      "2 workers by ddp are", "2 workers by zero1 are", "With 2 workers zero1 is",
                      "huge, 64 auctions, cpu x 1 and huge, 64 auctions, cpu x 1, 2 workers by ddp do not fit"):
            self.assertIn(words, said)
        text = (self.whole / "out/study.md").read_text()
        self.assertIn("**Prices are placeholders**", text)
        for sentence in self.found["sentences"]:
            self.assertIn(f"- {sentence}\n", text)
        self.assertIn("| huge, 64 auctions, cpu x 1 | **does not fit**: ", text)

    def test_hostile_input(self):
        from command import VERBS, parser
        from faults import Fault

        good = ["cost", "--out", self.out, *self.args]
        bad = lambda text: ["--settings", self.file(text, f"bad-{hashlib.sha256(text.encode()).hexdigest()[:8]}.yaml")]
        change = lambda before, after: bad(SETTINGS.replace(before, after))
        priced = lambda text: ["--prices", self.file(text, f"prices-{hashlib.sha256(text.encode()).hexdigest()[:8]}.yaml")]
        for flags, field, says, line in (
                (["--devices", "tpu"], "--devices", "there is no device 'tpu'; there are cpu, cuda", None),
                (["--target-loss", "0"], "--target-loss", "is not a number above 0", None),
                (["--budget", "x"], "--budget", "is not a number above 0", None),
                (["--memory-mib", "0"], "--memory-mib", "whole number", None),
                (["--jobs", "0"], "--jobs", "whole number", None),
                (["--link", "5"], "--link", "LATENCY_US,GB_PER_S", None),
                (["--link", "5,0"], "--link", "gigabytes a second above 0", None),
                (["--predict", "workers"], "--predict", "is not KEY=VALUE", None),
                (["--predict", "workers=2,workers=3"], "--predict", "each key once", None),
                (["--predict", "wokers=2"], "--predict", "there is no 'wokers'; there are model, device, threads", None),
                (["--predict", "workers=0"], "--predict", "workers: '0' is not a whole number from 1 to 65536", None),
                (["--predict", "model=lstm"], "--predict", "model: 'lstm' is not one of mlp, few, many, huge", None),
                (["--predict", "communication=mpi"], "--predict", "communication: 'mpi' is not one of ddp, zero1", None),
                (["--settings", self.folder / "none.yaml"], "--settings", "cannot read", None),
                (bad("market: {}\n"), "--settings", "models is required", None),
                (change("curve:", "curv:"), "--settings", "unknown key 'curv'", "20"),
                (change("auctions: 1500", "auctions: 8"), "--settings", "market.auctions: 8 is not a whole number from 100 to", "4"),
                (change("{cardinality", "{categorical: 3, cardinality"), "--settings", "market.extra.categorical: is the study's own", "7"),
                (change("optimizer.learning_rate", "loss.loss"), "--settings", "is the study's own", "8"),
                (change("  mlp:", "  m+p:"), "--settings", "'m+p' cannot be a name", "10"),
                (change("mlp: {fields: 8, ", "mlp: {"), "--settings", "models.mlp: fields is required: a whole number from 0 to 1000", "10"),
                (change("embedding: 4", "embedding: 0"), "--settings", "models.mlp.embedding: 0 is not a whole number from 1 to", "10"),
                (change("buckets: 3000000", "buckets: many"), "--settings", 'models.huge.buckets: "many" is not a whole number from 2', "13"),
                (change("model.architecture: mlp, model.hidden: [16]}\n  few", "model.hidden: [16]}\n  few"), "--settings",
                 "models.mlp: model.architecture is required", "10"),
                (change("- {models: [mlp], batch_auctions: [1]", "- {models: [nlp], batch_auctions: [1]"), "--settings",
                 'points[3].models: "nlp" is not one of mlp, few, many, huge', "18"),
                (change("attentions: [fused, composed]", "attentions: []"), "--settings", "points[1].attentions: is not a list of values", "16"),
                (change("batch_auctions: [1], ", ""), "--settings", "points[3]: batch_auctions is required", "18"),
                (change("workers: [1, 2], comm", "workers: [1, true], comm"), "--settings", "points[0].workers: true is not a whole",
                 "15"),
                (change("attentions", "attention"), "--settings", "points[1]: unknown key 'attention'; known keys: models, devices", "16"),
                (change("repeats: 3", "repeats: 0"), "--settings", "measure.repeats: 0 is not a whole number from 1 to 1000", "21"),
                (change("epochs: 2,", "epochs: 2, models: [mlp],"), "--settings", "both say which models get a curve", "20"),
                (priced("devices: {cpu: 0}\n"), "--prices", "devices.cpu: 0 is not a price of an hour: a number above 0", "1"),
                (priced("devices:\n  cpu: free\n"), "--prices", 'devices.cpu: "free" is not a price', "2"),
                (priced("currency: 3\ndevices: {cpu: 1}\n"), "--prices", "currency: 3 is not a text", "1"),
                (priced("placeholder: maybe\ndevices: {cpu: 1}\n"), "--prices", "is neither true nor false", "1"),
                (priced("device: {cpu: 1}\n"), "--prices", "unknown key 'device'; known keys: currency, placeholder, devices", "1"),
                (priced("currency: USD\n"), "--prices", "is not a mapping of devices to prices", None)):
            with self.subTest(says), self.assertRaises(Fault) as refused:
                VERBS["cost"].check(parser().parse_args([*map(str, [*good, *flags]), "--programs", str(BIN)]))
            fault = refused.exception
            self.assertEqual((fault.field, None if fault.line is None else str(fault.line), fault.exit_code), (field, line, 2), fault.message)
            self.assertIn(says, fault.message)
        for flags, field, says, line in (  # what the programs' own readers say
                (change("interaction", "auction"), "--settings", "market: scenario: 'auction' is not one of linear,", "3"),
                (change("zipf_exponent: 1.1", "zipf_exponent: -1"), "--settings", "zipf_exponent", "7"),
                (change("optimizer.learning_rate: 0.01", "optimizer.learning_rate: 11"), "--settings", "models.mlp: optimizer.learning_rate: 11",
                 "8"),
                (change("architecture: mlp, model.hidden: [16]}\n  few", "architecture: nlp}\n  few"), "--settings",
                 "models.mlp: model.architecture: 'nlp' is not one of", "10"),
                (change("model.attention_width: 8}\n  many", "model.cross_layers: 8}\n  many"), "--settings", "models.few: ", "11"),
                (bad("\n".join(line for line in SETTINGS.splitlines() if not line.startswith("  - ") or "5000" in line)), "--settings",
                 "this machine can measure none of the points", None),
                (priced("devices: {cuda: 3}\n"), "--prices", "has no price of cpu", None)):
            with self.subTest(says):
                code = 3 if "measure none" in says else 2
                self.assertEqual(self.refused(*good, *flags, field=field, says=says, code=code)["line"], line, says)
        self.assertFalse((self.out / "stages").exists())
        self.out.mkdir()
        precious = self.file('{"my":"precious"}', "out/study.json")
        self.refused(*good, field="--out", says=f"{precious} is not what `vickrey study cost` writes")


class GroupTest(unittest.TestCase):
    """Processes that are started beside each other, of a program that does what its words say."""

    PROGRAM = """#!/bin/sh
eval "$*"
"""

    def setUp(self):
        from programs import Programs
        from progress import Progress
        from schedule import Schedule

        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "program").write_text(self.PROGRAM)
        (self.folder / "program").chmod(0o755)
        self.schedule = Schedule(Programs(self.folder, ()), 1, None, Progress("test", 1))

    def run_group(self, script, processes=3, **environment):
        """What the group printed, or the fault."""
        from faults import Fault
        from programs import Command
        from schedule import Task

        found = []

        def body():
            try:
                done = yield Command((["program", script],), self.folder / "group.log", 1, processes=processes, environment=environment)
                found.append(done.stdout)
            except Fault as fault:
                found.append(fault)

        self.schedule.run([Task("group", body, counts=False)])
        return found[0]

    def test_each_knows_its_place_and_the_first_one_speaks(self):
        said = self.run_group('echo $RANK $LOCAL_RANK $WORLD_SIZE $MASTER_ADDR $OMP_NUM_THREADS $OTHER ${OMP_WAIT_POLICY-none} >&2; cat >/dev/null; '
                              'test $MASTER_PORT -gt 1023 && echo $RANK', OTHER="7", OMP_WAIT_POLICY=None)
        self.assertEqual(said, "0\n")
        for rank in range(3):
            log = self.folder / ("group.log" if rank == 0 else f"group.{rank}.log")
            self.assertEqual(log.read_text(), f"{rank} {rank} 3 127.0.0.1 1 7 none\n")

    def test_one_alone_is_no_group(self):
        self.assertEqual(self.run_group("echo ${RANK-none} $OMP_WAIT_POLICY", processes=1), "none passive\n")

    def test_the_reason_of_the_one_that_had_one(self):
        error = lambda code: f"""echo '{{"error":{{"code":"{code}","message":"says {code}","field":null,"line":null}}}}' >&2; exit 3"""
        gone, memory, own = "UNAVAILABLE", "RESOURCE_EXHAUSTED", "INTERNAL"
        for first, later, code in ((memory, gone, memory), (gone, memory, memory), (gone, own, own), (own, gone, own), (own, memory, memory)):
            fault = self.run_group(f"if test $RANK = 1; then {error(first)}; else sleep 0.2; {error(later)}; fi")
            self.assertEqual((fault.code, fault.exit_code), (code, 3))
            self.assertIn(f"group: says {code}", fault.message)

    def test_what_lacked_memory_and_what_was_killed(self):
        gone = """echo '{"error":{"code":"UNAVAILABLE","message":"rank 1 is gone","field":null,"line":null}}' >&2; exit 3"""
        fault = self.run_group(f"if test $RANK = 1; then echo std::bad_alloc >&2; kill -ABRT $$; else sleep 0.2; {gone}; fi")
        self.assertEqual(fault.code, "RESOURCE_EXHAUSTED", fault.message)
        for end in ("kill -KILL $$", "echo what >&2; kill -ABRT $$"):  # by whoever: tried again
            self.assertEqual(self.run_group(end).code, "UNAVAILABLE")


class CurveTest(unittest.TestCase):
    def setUp(self):
        from cost_curve import Curve

        self.curve = Curve.of([(0, 0.7), (100, 0.5), (200, 0.6), (300, 0.4)])

    def test_of_the_best_so_far(self):
        self.assertEqual(self.curve.document(), {"start": 0.7, "points": [{"examples": 100, "loss": 0.5}, {"examples": 200, "loss": 0.5},
                                                                          {"examples": 300, "loss": 0.4}]})

    def test_straight_between(self):
        for examples, loss in ((0, 0.7), (50, 0.6), (100, 0.5), (150, 0.5), (250, 0.45), (300, 0.4), (1e9, 0.4)):
            self.assertAlmostEqual(self.curve.loss(examples), loss)
        for loss, examples in ((0.8, 0), (0.7, 0), (0.6, 50), (0.5, 100), (0.45, 250), (0.4, 300)):
            self.assertAlmostEqual(self.curve.examples_to(loss), examples)
        self.assertIsNone(self.curve.examples_to(0.39))

    def test_what_it_costs(self):
        from cost_curve import default_target, loss_per_dollar, to_target

        found = to_target(self.curve, 0.6, 10, 36)  # 50 examples, 10 a second, a cent a second
        self.assertEqual({name: round(value, 9) for name, value in found.items()}, {"examples": 50, "seconds": 5, "dollars": 0.05})
        self.assertIsNone(to_target(self.curve, 0.1, 10, 36))
        self.assertIsNone(to_target(None, 0.6, 10, 36))
        self.assertAlmostEqual(loss_per_dollar(self.curve, 1000), 1)  # 0.3 for 300 examples, of which a dollar buys 1000
        self.assertEqual((default_target([self.curve]), default_target([])), (0.4, None))

    def test_budgets(self):
        from cost_curve import Curve, best_for, default_budgets

        slow = Curve.of([(0, 0.7), (1000, 0.3)])
        trained = [(4, self.curve, 10, 100), (7, slow, 5, 200)]  # for a dollar 100 and 200 examples
        self.assertEqual(best_for(1, trained), {"dollars": 1, "point": 4, "loss": 0.5, "seconds": 10, "clipped": False})
        found = best_for(4, trained)  # 0.4 where the curve ends, after 300; 0.7 - 0.4 x 800 / 1000
        self.assertEqual((found["point"], round(found["loss"], 9), found["seconds"], found["clipped"]), (7, 0.38, 160, False))
        self.assertEqual(best_for(10, trained), {"dollars": 10, "point": 7, "loss": 0.3, "seconds": 200, "clipped": True})
        self.assertEqual(best_for(1, [])["point"], None)
        self.assertEqual(default_budgets(trained), [0.3, 0.77, 2.0, 5.0])  # of 3 and 5, each (5 / 0.3) ^ (1/3) times the one before
        self.assertEqual(default_budgets([]), [])

    def test_fronts(self):
        from cost_curve import Curve, envelope, not_dominated

        self.assertEqual(not_dominated([(0, 5, 1), (1, 1, 5), (2, 2, 5), (3, 3, 3), (4, 3, 4), (5, 6, 1), (6, 1, 6), (7, 3, 3)]), [1, 3, 7, 0])
        self.assertEqual(not_dominated([]), [])
        slow = Curve.of([(0, 0.7), (1000, 0.3)])
        self.assertEqual(envelope([(4, self.curve, 10, 100), (7, slow, 5, 200)]), [
            {"dollars": 1, "loss": 0.5, "point": 4}, {"dollars": 3, "loss": 0.4, "point": 4}, {"dollars": 5, "loss": 0.3, "point": 7}])


class GridTest(unittest.TestCase):
    def point(self, **values):
        from cost_grid import DEFAULTS, Point

        return Point.of({**DEFAULTS, "model": "m", "batch_auctions": 8, **values}, lambda model: "autoint" if model == "attends" else "mlp")

    def test_axes_that_a_point_has_not(self):
        self.assertEqual((self.point().communication, self.point().attention), (None, None))
        self.assertEqual(self.point(communication="zero1", attention="composed"), self.point())
        self.assertEqual(self.point(workers=2, communication=None).communication, "ddp")
        self.assertEqual(self.point(model="attends").attention, "fused")
        self.assertEqual(self.point(device="cuda", threads=7), self.point(device="cuda"))
        self.assertEqual(self.point(device="cuda", model="attends", attention="composed", workers=2, tables="sgd", precision="bfloat16").name(),
                         "attends, 8 auctions, cuda, 2 workers by ddp, bfloat16, sgd, composed")

    def test_machines(self):
        from cost_grid import Machine

        gpu = lambda index: {"device": "cuda", "device_name": f"GPU {index}", "index": index}
        machine = Machine([{"device": "cpu", "device_name": "CPU", "cores": 4}, gpu(0), gpu(1)], None)
        self.assertEqual(machine.why_not(self.point(threads=2, workers=2)), None)
        self.assertEqual(machine.why_not(self.point(threads=2, workers=3)), "takes 6 cores, and this machine gives 4")
        self.assertEqual(machine.why_not(self.point(device="cuda", workers=3)), "takes 3 GPUs, and this machine has 2")
        self.assertEqual([(one.gpu, machine.name(one), one.name()) for one in machine.places(self.point(device="cuda"))],
                         [(0, "GPU 0", "m, 8 auctions, cuda 0"), (1, "GPU 1", "m, 8 auctions, cuda 1")])
        self.assertEqual([one.gpu for one in machine.places(self.point(device="cuda", workers=2))], [None])
        alone = Machine([{"device": "cpu", "device_name": "CPU", "cores": 4}], None)
        self.assertEqual(alone.why_not(self.point(device="cuda")), "takes 1 GPU, and this machine has none")
        self.assertEqual(Machine([gpu(0)], ["cuda"]).why_not(self.point()), "--devices does not name cpu")

    def test_prices(self):
        from cost_prices import Prices

        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            file.write("devices: {cpu: 0.5, cuda: 3, NVIDIA H100: 4, NVIDIA H100 PCIe: 2}\n")
            file.flush()
            prices = Prices(pathlib.Path(file.name))
        for device, name, threads, workers, dollars in (("cpu", "AMD EPYC", 2, 3, 3), ("cuda", "NVIDIA L4", 1, 2, 6),
                                                        ("cuda", "NVIDIA H100 80GB HBM3", 1, 1, 4), ("cuda", "NVIDIA H100 PCIe", 8, 1, 2)):
            self.assertEqual(prices.dollars_per_hour(device, name, threads, workers), dollars)


class RatesTest(Folders):
    def test_rates_grow_with_the_square_root_of_the_batch(self):
        from cost_settings import Settings

        for line, rate, of_tables in (("", 0.01, None), (", rate_batch: 64", 0.02, None), (", rate_batch: 1024", 0.005, None)):
            text = SETTINGS.replace("most_parameters: 100000", f"most_parameters: 100000{line}")
            settings = Settings(self.file(text, "settings.yaml"))
            point = dataclasses.replace(next(iter(settings.points)), batch_auctions=256)
            optimizer = settings.train_config(point, "")["optimizer"]
            self.assertAlmostEqual(optimizer["learning_rate"], rate)
            self.assertEqual(optimizer.get("tables_learning_rate"), of_tables)


class ShippedTest(unittest.TestCase):
    def test_the_shipped_files_are_read(self):
        from cost_prices import Prices
        from cost_settings import Settings

        small, gpu = Settings(None), Settings(ROOT / "simulator/study/cost_gpu.yaml")
        self.assertEqual({point.device for point in small.points}, {"cpu"})
        self.assertEqual({point.device for point in gpu.points}, {"cpu", "cuda"})
        for settings in (small, gpu):
            self.assertEqual(settings.models.keys(), {point.model for point in settings.points})
            self.assertEqual({point.attention for point in settings.points}, {None, "fused", "composed"})
            self.assertEqual(settings.rate_batch, 256)
        self.assertTrue(Prices(None).placeholder)
        self.assertEqual(Prices(None).dollars_per_hour("cpu", "any", 1, 1), 0.05)
        self.assertEqual(Prices(None).dollars_per_hour("cpu", "any", 2, 3, 4.0), 0.05 * 6)
        self.assertAlmostEqual(Prices(None).dollars_per_hour("cpu", "any", 1, 1, 1.5), 0.075)


class PlannerTest(unittest.TestCase):
    """On steps that are made by its own formula, of coefficients that are known."""

    OVERHEAD, CANDIDATE, FLOP, PARAMETER, VALUE, EXPONENT, LATENCY, BYTE = 2e-3, 3e-6, 2e-11, 4e-9, 5e-9, 0.75, 6e-5, 2e-10
    MODELS = {"small": (10_000, 8, 64, 3e4), "middle": (400_000, 39, 312, 2e6), "wide": (500_000, 39, 1248, 4e6), "deep": (3_000_000, 20, 160, 9e6),
              "other": (100_000, 30, 960, 3e5)}

    def point(self, model, batch, threads=1, workers=1, communication=None, noise=0.0):
        dense, rows, values, flops = self.MODELS[model]
        candidates = 8.0 * batch
        shards = workers if communication == "zero1" else 1
        sent = calls = 0.0
        if workers > 1:  # what the processes tell each other, written down once more
            lookups = candidates / workers * (8 * rows + 4 * values)
            sent = 8 * dense * (workers - 1) / workers + (lookups * (workers - 1) if communication == "ddp" else
                                                          lookups * (workers - 1) / workers + 0.25 * lookups * (workers - 1))
            calls = 5 if communication == "ddp" else 8
        compute = self.OVERHEAD + threads ** -self.EXPONENT * (self.CANDIDATE * candidates / workers + self.FLOP * flops * candidates / workers
                                                              + self.PARAMETER * dense / shards + self.VALUE * candidates * values / shards)
        talk = (2 * calls + (3 if communication == "ddp" else 2)) * self.LATENCY * (workers > 1) + sent * self.BYTE
        seconds = (compute + talk) * (1 + noise)
        return {"name": f"{model} {batch} {threads} {workers} {communication}", "status": "measured", "model": model, "device": "cpu",
                "device_name": "CPU", "precision": "float32", "architecture": "mlp", "attention": None, "tables": "adam", "threads": threads,
                "workers": workers, "communication": communication, "batch_auctions": batch, "parameters": dense, "dense_parameters": dense,
                "rows_per_candidate": rows, "embedding_values_per_candidate": values, "candidates_per_step": candidates, "flops_per_example": flops,
                "step_seconds": seconds, "communication_share": talk / (compute + talk), "communication_bytes_per_step": sent,
                "communication_calls_per_step": calls}

    def grid(self, noise=lambda: 0.0):
        return [self.point(model, batch, *rest, noise=noise()) for model in self.MODELS for batch in (32, 256, 1024)
                for rest in ((1,), (2,), (1, 2, "ddp"), (1, 2, "zero1"), (1, 4, "ddp"))]

    def plan(self, points, link=None):
        from planner import Plan

        return Plan(points, link)

    def asked(self, *args, **more):
        """The identity of a point, with nothing that was measured."""
        from planner import IDENTITY as names

        point = self.point(*args)
        return {**{name: point[name] for name in names}, **more}

    def test_known_coefficients_are_found(self):
        document = self.plan(self.grid()).document()
        (group,) = document["groups"]
        for name, value in (("overhead_seconds", self.OVERHEAD), ("seconds_per_candidate", self.CANDIDATE), ("seconds_per_flop", self.FLOP),
                            ("seconds_per_parameter", self.PARAMETER), ("seconds_per_row_value", self.VALUE), ("threads_exponent", self.EXPONENT),
                            ("latency_seconds", self.LATENCY), ("seconds_per_byte", self.BYTE)):
            self.assertAlmostEqual(group["coefficients"][name] / value, 1, places=6, msg=name)
        self.assertEqual((group["group"], group["points"], group["held_out"]["points"]), ("cpu, float32, mlp, adam", 75, 75))
        self.assertLess(group["held_out"]["p90_error"], 1e-6)
        self.assertEqual(group["extrapolation"]["points"], 25)
        self.assertLess(group["extrapolation"]["p90_error"], 1e-6)
        self.assertEqual(document["held_out"], group["held_out"])

    def test_a_noise_of_the_measurements_is_the_error(self):
        chance = random.Random(1)
        document = self.plan(self.grid(lambda: chance.uniform(-0.1, 0.1))).document()
        self.assertAlmostEqual(document["held_out"]["median_error"], 0.05, delta=0.02)
        self.assertAlmostEqual(document["held_out"]["p90_error"], 0.09, delta=0.03)

    def test_sizes_that_no_machine_has(self):
        plan = self.plan(self.grid())
        for args in (("middle", 1024, 1, 64, "ddp"), ("wide", 4096, 4, 64, "zero1"), ("small", 64, 1, 64, "ddp"), ("deep", 512, 1, 1, None)):
            found, true = plan.predict(self.asked(*args)), self.point(*args)
            self.assertEqual((found["error"], found["note"]), (None, None))
            self.assertAlmostEqual(found["step_seconds"] / true["step_seconds"], 1, places=5, msg=args)
            self.assertAlmostEqual(found["communication_share"], true["communication_share"], places=5)
            self.assertAlmostEqual(found["examples_per_second"] / (true["candidates_per_step"] / true["step_seconds"]), 1, places=5)

    def test_a_network_of_ones_own(self):
        found = self.plan(self.grid(), {"latency_seconds": 0.0, "seconds_per_byte": 0.0}).predict(self.asked("middle", 1024, 1, 64, "ddp"))
        true = self.point("middle", 1024, 1, 64, "ddp")
        self.assertEqual(found["communication_share"], 0)
        self.assertAlmostEqual(found["step_seconds"] / (true["step_seconds"] * (1 - true["communication_share"])), 1, places=5)

    def test_what_is_not_predicted(self):
        for points, asked, why in (
                (self.grid(), self.asked("small", 32, 1, 64, "ddp"), "a batch of 32 auctions cannot be shared by 64 workers"),
                (self.grid(), self.asked("small", 32, model="none"), "none was measured nowhere"),
                (self.grid(), self.asked("small", 32, tables="sgd"), "nothing with its device, precision"),
                ([one for one in self.grid() if one["threads"] == 1], self.asked("small", 32, 2), "its group was measured with 1 threads alone"),
                ([one for one in self.grid() if one["workers"] == 1], self.asked("small", 64, 1, 64, "ddp"), "--link is not given"),
                ([self.point("small", batch) for batch in (32, 64)], self.asked("small", 128), 
                 "2 points are too few for 2 coefficients and to see how far they are off: it takes 4"),
                ([*(self.point("small", batch) for batch in (32, 64, 128, 256)), {**self.point("deep", 64), "tables": "sgd"}],
                 self.asked("deep", 128), "the points of its group lack its model")):
            found = self.plan(points).predict(asked)
            self.assertEqual((found["status"], found["step_seconds"]), ("error", None))
            self.assertIn(why, found["error"])

    def test_a_group_of_one_model_predicts_it(self):
        found = self.plan([self.point("small", batch) for batch in (32, 64, 128, 256)]).predict(self.asked("small", 512))
        self.assertAlmostEqual(found["step_seconds"] / self.point("small", 512)["step_seconds"], 1, places=6)

    def test_models_that_one_worker_trained_are_predicted_for_several(self):
        # What its rows take counts with the candidates then: in ddp, where each worker changes all rows, that is too little, and said.
        from planner import UNSEEN

        link = {"latency_seconds": self.LATENCY, "seconds_per_byte": self.BYTE}
        plan = self.plan([one for one in self.grid() if one["workers"] == 1 and one["model"] in ("small", "middle")], link)
        found, true = plan.predict(self.asked("middle", 1024, 1, 8, "zero1")), self.point("middle", 1024, 1, 8, "zero1")
        self.assertEqual((found["error"], found["note"]), (None, None))
        self.assertAlmostEqual(found["step_seconds"] / true["step_seconds"], 1, delta=0.1)
        found, true = plan.predict(self.asked("middle", 1024, 1, 8, "ddp")), self.point("middle", 1024, 1, 8, "ddp")
        self.assertEqual((found["error"], found["note"]), (None, UNSEEN))
        self.assertTrue(0.6 < found["step_seconds"] / true["step_seconds"] < 1)


class SentencesTest(unittest.TestCase):
    def point(self, number, rate, spread=0.0, **other):
        point = {"id": number, "name": f"point {number}", "status": "measured", "model": "m", "device": "cpu", "device_name": "CPU", "threads": 1,
                 "precision": "float32", "workers": 1, "communication": None, "tables": "adam", "attention": None, "batch_auctions": 64, "fields": 8,
                 "examples_per_second": rate, "spread": spread, "examples_per_dollar": rate * 10, "model_flop_utilisation": 0.1,
                 "optimizer_bytes": 100, "communication_share": 0.25, "to_target": None, "curve": None}
        return {**point, **other}

    def said(self, *points):
        from cost_sentences import sentences

        return sentences({"points": [*points], "prices": {"currency": "USD"}, "pareto": {"target": []}, "curves": [], "target": None,
                          "planner": {"held_out": {"points": 0}}})[2:]

    def test_pairs_that_differ_in_one_axis(self):
        attends = lambda number, rate, attention, **other: self.point(number, rate, attention=attention, **other)
        self.assertEqual(self.said(attends(0, 100, "composed"), attends(1, 140, "fused"), attends(2, 50, "composed", model="n", fields=39),
                                   attends(3, 105, "fused", model="n", fields=39), attends(4, 999, "fused", model="o")),
                         ["Fused attention is 1.4x as fast as composed at 8 fields beside the scenario's own and 2.1x at 39 fields beside the scenario's own "
                          "(cpu, 64 auctions in a step, 2 pairs)."])

    def test_within_the_spread_is_no_difference(self):
        self.assertEqual(self.said(self.point(0, 100, 0.3), self.point(1, 125, 0.3, tables="rowwise_adagrad", optimizer_bytes=25)),
                         ["rowwise_adagrad for tables is 1.0x (no difference) as fast as adam for m; the state of its optimizer takes 0.25x the "
                          "memory (cpu, 64 auctions in a step)."])

    def test_ratios_on_both_sides_of_1_are_no_mean(self):
        self.assertEqual(self.said(self.point(0, 100, batch_auctions=64), self.point(1, 160, tables="sgd", batch_auctions=64),
                                   self.point(2, 100, model="m", batch_auctions=16), self.point(3, 60, tables="sgd", batch_auctions=16))[0],
                         "sgd for tables is 0.60x (16 auctions) to 1.6x (64 auctions) as fast as adam for m; the state of its optimizer takes "
                         "1.0x the memory (cpu, 16 to 64 auctions in a step, 2 pairs).")

    def test_as_many_cores(self):
        said = self.said(self.point(0, 100, threads=2), self.point(1, 150, workers=2, communication="ddp"))
        self.assertEqual(said, ["On as many cores 2 workers of 1 thread by ddp are 1.5x as fast as one of 2 for m (cpu, 64 auctions in a step)."])

    def test_workers_and_batches(self):
        self.assertEqual(self.said(self.point(0, 100), self.point(1, 150, workers=2, communication="ddp", examples_per_dollar=750),
                                   self.point(2, 300, batch_auctions=512)),
                         ["2 workers by ddp are 1.5x as fast as 1 for m; 25 % of the time goes into communication; for the same money it trains on "
                          "0.75x the examples (cpu, 64 auctions in a step).",
                          "With 512 auctions in a step training is 3.0x as fast as with 64 for m (cpu)."])

    def test_nothing_is_said_of_one_point(self):
        self.assertEqual(self.said(self.point(0, 100)), [])


if __name__ == "__main__":
    unittest.main()
