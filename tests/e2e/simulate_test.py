"""`vickrey simulate` as its users run it."""

import array
import hashlib
import json
import math
import os
import pathlib
import resource
import signal
import subprocess
import tempfile
import time
import unittest

from tool import BIN, SAMPLES, Server, error_of, fill, market, replies, trained, vickrey, wait_until

os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin while they wait make a busy machine ten times slower

FAST = {"batch_auctions": 64, "epochs": 3}
LOGISTIC = {"name": "plain", "model": {"architecture": "logistic"}, "loss": {"loss": "logloss"}, "optimizer": FAST}
STUDENT = {"name": "student", "model": {"architecture": "logistic"}, "loss": {"loss": "welfare_rank", "labels": "truth"},
           "optimizer": FAST}
MODELS = "student@1,plain@1,plain@2"
AUCTIONS = 5000  # more than a block, of 4096


class SimulateTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.shared = pathlib.Path(folder.name)
        cls.models = cls.shared / "models"
        cls.db = cls.shared / "log"
        cls.snapshot = fill(cls.db, market(1000))
        for config in (LOGISTIC, {**LOGISTIC, "seed": 2}, STUDENT):
            trained(config, cls.db, cls.snapshot, cls.models)
        cls.server = Server("--artifact-root", cls.models, "--model", "plain/2", "--model", "plain/1", "--model", "student/1")
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__)
        cls.grpc = ("--address", cls.server.address)
        cls.inprocess = ("--scorer", "inprocess", "--artifact-root", cls.models)
        cls.market = ("--market", "two_segments", "--first", 1000, "--auctions", AUCTIONS)
        cls.whole = cls.shared / "whole.jsonl"
        cls.summary = cls.simulate(*cls.market, "--models", MODELS, *cls.inprocess, "--outcomes", cls.whole, "--summary",
                                   cls.shared / "summary.json")

    @classmethod
    def simulate(cls, *flags):
        """The summary of a simulation that must succeed."""
        return replies("simulate", *flags)[0]

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def outcomes(self, file=None):
        """Model -> its outcomes, in order."""
        by_model = {}
        for line in (file or self.whole).read_text().splitlines():
            outcome = json.loads(line)
            by_model.setdefault(outcome["model"], []).append(outcome)
        return by_model

    def split(self, file):
        """A file of outcomes for each model, as `eval compare` wants them."""
        files = {}
        for model, outcomes in self.outcomes(file).items():
            files[model] = self.folder / f"{model}.jsonl"
            files[model].write_text("".join(json.dumps(outcome) + "\n" for outcome in outcomes))
        return files

    def test_the_summary_has_what_it_promises(self):
        summary = self.summary
        self.assertEqual(set(summary), {"format", "seed", "config", "auctions", "missing", "outcomes_sha256", "versions",
                                        "seconds", "models", "comparisons", "shard", "warnings"})
        self.assertEqual(summary["warnings"], [])
        self.assertIsNone(summary["shard"])
        self.assertEqual(json.loads((self.shared / "summary.json").read_text()), summary)
        self.assertEqual((summary["format"], summary["seed"], summary["auctions"], summary["missing"]), (1, "1", "5000", "0"))
        self.assertEqual(summary["config"]["models"], MODELS.split(","))
        self.assertEqual(summary["config"]["market"]["scenario"], "two_segments")
        self.assertIn("vickrey", summary["versions"])
        self.assertGreater(summary["seconds"]["total"], 0)
        self.assertEqual([(m["ref"], m["loss"], m["labels"]) for m in summary["models"]],
                         [("student@1", "welfare_rank", "truth"), ("plain@1", "logloss", "click"),
                          ("plain@2", "logloss", "click")])
        self.assertEqual([(c["a_model"], c["b_model"], c["metric"]) for c in summary["comparisons"]],
                         [("student@1", b, metric) for b in ("plain@1", "plain@2") for metric in ("welfare", "revenue", "regret")])
        metrics = set(replies("eval", "metrics")[0])
        for model in summary["models"]:
            self.assertEqual(set(model), metrics)
            self.assertEqual((model["auctions"], model["rows"], model["reference"]), ("5000", "40000", "truth"))
            self.assertEqual((model["welfare_source"], model["off_policy"]), ("truth", None))
            for buckets in (model["by_prediction"], model["by_bid"]):
                self.assertEqual((len(buckets), sum(int(b["rows"]) for b in buckets)), (20, 40000))

    def test_the_outcomes_have_what_they_promise(self):
        lines = self.outcomes()
        self.assertEqual(list(lines), MODELS.split(","))
        played = [json.loads(line) for line in market(6000).splitlines()[1000:]]
        for outcomes in lines.values():
            for outcome, auction in zip(outcomes, played, strict=True):
                self.assertEqual(set(outcome), {
                    "auction_id", "cluster_key", "model", "index", "ad_id", "score", "pctr", "price_micros", "welfare",
                    "oracle_welfare", "revenue", "clicked", "missing"})
                self.assertEqual((outcome["auction_id"], outcome["missing"]), (auction["auction_id"], False))
                winner = auction["candidates"][outcome["index"]]
                bid = int(winner["bid_micros"])
                self.assertEqual(outcome["ad_id"], winner["ad_id"])
                self.assertEqual(outcome["clicked"], winner["click"] == 1)
                self.assertTrue(0 < int(outcome["price_micros"]) <= bid)
                self.assertAlmostEqual(outcome["score"], bid * outcome["pctr"], delta=1e-9 * bid)
                self.assertAlmostEqual(outcome["welfare"], bid / 1e6 * winner["ctr"], delta=1e-12)
                self.assertAlmostEqual(outcome["revenue"], int(outcome["price_micros"]) / 1e6 * winner["ctr"], delta=1e-12)
                best = max(int(c["bid_micros"]) / 1e6 * c["ctr"] for c in auction["candidates"])
                self.assertAlmostEqual(outcome["oracle_welfare"], best, delta=1e-12)

    def test_every_number_can_be_found_again_from_the_outcomes(self):
        self.assertEqual(self.summary["outcomes_sha256"], hashlib.sha256(self.whole.read_bytes()).hexdigest())
        for model in self.summary["models"]:
            outcomes = self.outcomes()[model["ref"]]
            mean = lambda key: math.fsum(o[key] for o in outcomes) / len(outcomes)
            for key in ("welfare", "revenue", "oracle_welfare"):
                self.assertAlmostEqual(model[key], mean(key), delta=1e-9, msg=key)
            self.assertAlmostEqual(model["regret"], mean("oracle_welfare") - mean("welfare"), delta=1e-9)
            self.assertAlmostEqual(model["surplus"], mean("welfare") - mean("revenue"), delta=1e-9)
            self.assertEqual(model["sold"], str(sum(o["index"] is not None for o in outcomes)))
            clicks = sum(o["clicked"] for o in outcomes)
            self.assertAlmostEqual(model["winner_calibration"], math.fsum(o["pctr"] for o in outcomes) / clicks, delta=1e-9)

    def test_eval_compare_finds_each_comparison_again(self):
        both = self.split(self.whole)
        for expected in self.summary["comparisons"]:
            a, b = expected["a_model"], expected["b_model"]
            whole = vickrey("eval", "compare", self.whole, self.whole, "--models", f"{a},{b}", "--metric", expected["metric"])
            self.assertIn(whole.returncode, (0, 1), whole.stderr)
            self.assertEqual(json.loads(whole.stdout), expected)
            self.assertEqual(whole.returncode, 0 if expected["pass"] else 1)
            parts = json.loads(vickrey("eval", "compare", both[a], both[b], "--metric", expected["metric"]).stdout)
            for key in ("a", "b", "difference", "ci95", "relative", "relative_ci95", "auctions", "clusters", "pass"):
                self.assertEqual(parts[key], expected[key])
        welfare = self.summary["comparisons"][0]
        for side, ref in (("a", "student@1"), ("b", "plain@1")):
            outcomes = self.outcomes()[ref]
            self.assertAlmostEqual(welfare[side], math.fsum(o["welfare"] for o in outcomes) / len(outcomes), delta=1e-9)
        self.assertAlmostEqual(welfare["difference"], welfare["a"] - welfare["b"], delta=1e-12)
        self.assertAlmostEqual(welfare["relative"], welfare["difference"] / welfare["b"], delta=1e-12)
        self.assertLessEqual(welfare["relative_ci95"][0], welfare["relative"])

    def test_outcomes_are_the_same_however_they_are_asked_for(self):
        rest = {key: value for key, value in self.summary.items() if key not in ("seconds", "config")}
        file = self.folder / "outcomes.jsonl"
        for flags in (self.grpc, (*self.grpc, "--in-flight", 7)):
            summary = self.simulate(*self.market, "--models", MODELS, *flags, "--outcomes", file)
            self.assertEqual(file.read_bytes(), self.whole.read_bytes(), flags)
            self.assertEqual({key: summary[key] for key in rest}, rest)
        one = self.simulate("--market", "two_segments", "--first", 1000, "--auctions", 700, "--models", MODELS, *self.grpc,
                            "--in-flight", 1, "--outcomes", file)
        self.assertEqual(file.read_bytes(), b"".join(self.whole.read_bytes().splitlines(keepends=True)[:3 * 700]))
        self.assertEqual(one["outcomes_sha256"], hashlib.sha256(file.read_bytes()).hexdigest())

    def test_the_bytes_are_the_same_for_more_threads_than_blocks_and_for_many_blocks(self):
        result = lambda summary: {key: summary[key] for key in summary if key not in ("seconds", "config")}
        for auctions, ways in ((10000, [(*self.inprocess, "--threads", 3), (*self.inprocess, "--threads", 5), (*self.grpc, "--threads", 5)]),
                               (40 * 4096, [(*self.inprocess, "--threads", 3), (*self.inprocess, "--threads", 5)])):
            flags = ("--market", "two_segments", "--auctions", auctions, "--models", "student@1,plain@1")
            file = self.folder / "one.jsonl"
            one = self.simulate(*flags, *self.inprocess, "--threads", 1, "--outcomes", file)
            self.assertEqual(one["auctions"], str(auctions))
            ids = [json.loads(line)["auction_id"] for line in file.read_text().splitlines()[::2]]
            self.assertEqual(ids, [f"two_segments-1-{number}" for number in range(auctions)])
            for way in ways:
                self.assertEqual(result(self.simulate(*flags, *way)), result(one), (auctions, way))

    def test_the_bytes_are_the_same_for_every_mechanism_scorer_thread_and_shard(self):
        mechanisms = ("second_price", "gsp", "vcg", "first_price")
        slots = (("--slots", 1), ("--slots", 3, "--position-multipliers", "1,.6,.36"))
        reserves = ((), ("--reserve-click-micros", 900000), ("--reserve-mille-micros", 60000000))
        asked = ("--market", "two_segments", "--first", 1000, "--auctions", AUCTIONS, "--models", "student@1,plain@1")
        number = 0
        for mechanism in mechanisms:
            for slot in slots:
                if mechanism == "second_price" and slot[1] > 1:
                    continue  # is for one slot
                for reserve in reserves:
                    flags = (*asked, "--mechanism", mechanism, *slot, *reserve)
                    with self.subTest(flags=flags[8:]):
                        whole, file = self.folder / "whole.jsonl", self.folder / "other.jsonl"
                        one = self.simulate(*flags, *self.inprocess, "--threads", 1, "--outcomes", whole)
                        self.assertEqual(one["outcomes_sha256"], hashlib.sha256(whole.read_bytes()).hexdigest())
                        result = lambda s: {key: s[key] for key in s if key not in ("seconds", "config")}
                        ways = [(*self.inprocess, "--threads", (2, 4)[number % 2])]
                        if number % 3 == 0:
                            ways.append((*self.grpc, "--threads", 1 + number % 4))
                        for way in ways:
                            other = self.simulate(*flags, *way, "--outcomes", file)
                            self.assertEqual(file.read_bytes(), whole.read_bytes(), way)
                            self.assertEqual(result(other), result(one), way)
                        shards = (1, 2, 3, 7)[number % 4]
                        for i in range(shards):
                            self.simulate(*flags, *self.inprocess, "--shard", f"{i}/{shards}", "--threads", 1 + i % 2, "--summary",
                                          self.folder / f"{i}.json")
                        if shards > 1:
                            merged = replies("eval", "merge", *(self.folder / f"{i}.json" for i in range(shards)), "--outcomes", file)[0]
                            self.assertEqual(file.read_bytes(), whole.read_bytes(), shards)
                            self.assertEqual(result(merged), result(one), shards)
                    number += 1
        self.assertEqual(number, 21)

    def test_the_launcher_says_which_shard_it_is(self):
        command = [BIN / "vickrey", "simulate", *map(str, (*self.market, "--models", "plain@1", *self.inprocess))]
        def run(*flags, **variables):
            return subprocess.run([*command, *map(str, flags)], env={**os.environ, **variables}, capture_output=True, text=True)
        whole = json.loads(run().stdout)
        array = {"SLURM_ARRAY_TASK_COUNT": "2", "SLURM_ARRAY_TASK_MIN": "5"}
        for number, variables in enumerate([{**array, "SLURM_ARRAY_TASK_ID": "5"},
                                            {"JOB_COMPLETION_INDEX": "1", "JOB_COMPLETIONS": "2"}]):
            done = run("--summary", self.folder / f"{number}.json", **variables)
            self.assertEqual(json.loads(done.stdout)["shard"], f"{number}/2")
            self.assertIn(f"shard {number}/2, by the environment", done.stderr)
        merged = replies("eval", "merge", self.folder / "0.json", self.folder / "1.json")[0]
        self.assertEqual((merged["outcomes_sha256"], merged["models"]), (whole["outcomes_sha256"], whole["models"]))
        self.assertEqual(json.loads(run("--shards", 3, JOB_COMPLETION_INDEX="2").stdout)["shard"], "2/3")
        # The flag goes over the environment.
        self.assertIsNone(json.loads(run("--shard", "0/1", **array, SLURM_ARRAY_TASK_ID="6").stdout)["shard"])
        for variables, field in (({"JOB_COMPLETION_INDEX": "1"}, "JOB_COMPLETIONS"),
                                 ({"SLURM_ARRAY_TASK_ID": "1"}, "SLURM_ARRAY_TASK_COUNT"),
                                 ({**array, "SLURM_ARRAY_TASK_ID": "7"}, "SLURM_ARRAY_TASK_ID")):
            done = run(**variables)
            self.assertEqual((done.returncode, done.stdout, error_of(done)["field"]), (2, "", field))

    def test_every_market_is_played(self):
        for scenario in (s["scenario"] for s in replies("market", "list")):
            with self.subTest(scenario):
                db = self.folder / scenario
                snapshot = fill(db, market(300, scenario))
                trained({**LOGISTIC, "name": scenario.replace("_", "-")}, db, snapshot, self.folder / "models")
                flags = ("--market", scenario, "--first", 300, "--auctions", 200, "--models", scenario.replace("_", "-") + "@1",
                         "--scorer", "inprocess", "--artifact-root", self.folder / "models")
                file = self.folder / "o.jsonl"
                summary = self.simulate(*flags, "--outcomes", file)
                self.assertEqual((summary["auctions"], summary["missing"]), ("200", "0"))
                # What it predicts of encoded features is what it predicts of the lines, named.
                lines = market(500, scenario).splitlines()[300:]
                named = replies("predict", "--artifact", self.folder / "models" / scenario.replace("_", "-") / "1",
                                text="".join(line + "\n" for line in lines))
                for outcome, said in zip((json.loads(o) for o in file.read_text().splitlines()), named, strict=True):
                    self.assertEqual(outcome["pctr"], said["pctr"][outcome["index"]])

    def test_a_model_of_another_schema_is_refused_by_name(self):
        for way in (self.inprocess, self.grpc):
            done = vickrey("simulate", "--market", "thin_tower", "--auctions", 10, "--models", "plain@1", *way)
            self.assertEqual((done.returncode, done.stdout, error_of(done)["field"]), (2, "", "models"), done.stderr)
            self.assertIn("plain@1 was trained on another schema: market 'thin_tower' has the feature c4", error_of(done)["message"])

    def test_what_it_played_is_what_it_plays_again_from_its_own_summary(self):
        config = self.folder / "config.json"
        config.write_text(json.dumps(self.summary["config"]))
        again = self.simulate("--config", config)
        self.assertEqual(again["outcomes_sha256"], self.summary["outcomes_sha256"])
        other = self.simulate("--config", config, "--seed", 2, "--auctions", 100)
        self.assertNotEqual(other["outcomes_sha256"], self.summary["outcomes_sha256"])
        self.assertEqual((other["seed"], other["auctions"]), ("2", "100"))

    def test_shards_are_the_whole(self):
        parts, auctions = b"", 0
        for i in range(2):
            file = self.folder / f"{i}.jsonl"
            summary = self.simulate(*self.market, "--models", MODELS, *self.inprocess, "--shard", f"{i}/2", "--outcomes", file)
            parts += file.read_bytes()
            auctions += int(summary["auctions"])
        self.assertEqual(parts, self.whole.read_bytes())
        self.assertEqual(auctions, AUCTIONS)

    def test_a_merge_of_shards_is_the_whole_to_the_byte(self):
        flags = (*self.market, "--models", MODELS, *self.inprocess)
        for i in range(2):
            shard = self.simulate(*flags, "--shard", f"{i}/2", "--summary", self.folder / f"{i}.json")
            self.assertEqual(shard["shard"], f"{i}/2")
        outcomes, summary = self.folder / "merged.jsonl", self.folder / "merged.json"
        # In any order.
        done = vickrey("eval", "merge", self.folder / "1.json", self.folder / "0.json", "--outcomes", outcomes, "--summary", summary)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(outcomes.read_bytes(), self.whole.read_bytes())
        merged, whole = summary.read_text(), (self.shared / "summary.json").read_text()
        self.assertEqual(done.stdout, merged)
        without_seconds = [text.replace(json.dumps(json.loads(text)["seconds"], separators=(",", ":")), "")
                           for text in (merged, whole)]
        self.assertEqual(*without_seconds)
        self.assertIn('"seconds":,', without_seconds[0])

    def test_a_merge_refuses_what_does_not_fit(self):
        flags = ("--market", "two_segments", "--auctions", 300, "--models", "plain@1", *self.inprocess)
        for i in range(2):
            self.simulate(*flags, "--shard", f"{i}/2", "--summary", self.folder / f"{i}.json")
        self.simulate(*flags, "--seed", 5, "--shard", "1/2", "--summary", self.folder / "other.json")
        self.simulate(*flags, "--shard", "1/3", "--summary", self.folder / "third.json")
        part = self.folder / "1.json.part"
        (self.folder / "cut.json.part").write_bytes(part.read_bytes()[:-3])
        damaged = bytearray(part.read_bytes())
        damaged[len(damaged) // 2] ^= 1
        (self.folder / "bit.json.part").write_bytes(damaged)
        (self.folder / "noise.json.part").write_bytes(b"\x05hello")
        for others, code, message in ((["1.json", "1.json"], 2, "are both of shard 1/2"), ([], 2, "that of shard 1/2 is missing"),
                                      (["other.json"], 2, "the configurations differ"), (["third.json"], 2, "numbers of shards"),
                                      (["nowhere.json"], None, "cannot open"), (["cut.json"], None, "cut off or damaged"),
                                      (["bit.json"], None, "cut off or damaged"), (["noise.json"], None, "part")):
            outcomes = self.folder / "merged.jsonl"
            done = vickrey("eval", "merge", self.folder / "0.json", *(self.folder / other for other in others), "--outcomes", outcomes)
            self.assertIn(message, error_of(done)["message"], others)
            self.assertEqual(done.returncode, code or done.returncode)
            self.assertNotEqual(done.returncode, 0)
            self.assertFalse(outcomes.exists())

    def test_a_merge_keeps_all_that_was_logged(self):
        # Values that are not bids, users, slots that were looked at less, a teacher's labels: all count.
        lines = []
        for number, text in enumerate(market(600).splitlines()):
            line = json.loads(text)
            line["cluster_key"] = f"user-{number % 200}"
            for i, candidate in enumerate(line["candidates"]):
                shown = i == number % 8
                candidate.update(ctr=None, slot=1 + number % 3 if shown else 0, propensity=1 / 8 if shown else None,
                                 examination=(1, .6, .36)[number % 3] if shown else None,
                                 value_micros=int(candidate["bid_micros"]) * (1 + i % 2))
                if not shown and number % 2:
                    candidate["click"] = None
            lines.append(line)
        db = self.folder / "log"
        snapshot = fill(db, "".join(json.dumps(line) + "\n" for line in lines))
        labels = self.folder / "labels.safetensors"
        header = json.dumps({"teacher": {"dtype": "F32", "shape": [4800], "data_offsets": [0, 4 * 4800]}}).encode()
        header += b" " * (-len(header) % 8)
        labels.write_bytes(len(header).to_bytes(8, "little") + header + array.array("f", (.01 + i % 97 / 200 for i in range(4800))).tobytes())
        played = ("--db", db, "--snapshot", snapshot, "--models", "student@1,plain@1", *self.inprocess)
        for flags in (played, (*played, "--labels", labels)):
            file = self.folder / "merged.jsonl"
            whole = self.simulate(*flags)
            for i in range(2):
                self.simulate(*flags, "--shard", f"{i}/2", "--summary", self.folder / f"{i}.json")
            merged = replies("eval", "merge", self.folder / "0.json", self.folder / "1.json", "--outcomes", file)[0]
            for key in ("outcomes_sha256", "models", "comparisons", "warnings", "auctions", "missing"):
                self.assertEqual(merged[key], whole[key], key)
            model = whole["models"][0]
            self.assertEqual(model["off_policy"]["clusters"], "200")
            self.assertEqual(model["welfare_source"], "model_based" if "--labels" in flags else "off_policy")
        self.assertIsNotNone(model["off_policy"]["dr"]["value"])

    def test_a_merge_of_shards_with_missing_auctions_says_so(self):
        whole = ("--market", "two_segments", "--models", "plain@1,plain@2", "--auctions", 20000)
        with self.own_server() as server:
            process = self.begin(server, 20000, retry=0, more=("--shard", "0/2"))
            self.wait_for_a_block(process)
            server.end(signal.SIGKILL)
            printed, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, errors)
        self.simulate(*whole, *self.grpc, "--shard", "1/2", "--summary", self.folder / "1.json", "--outcomes", self.folder / "1.jsonl")
        file = self.folder / "merged.jsonl"
        done = vickrey("eval", "merge", self.folder / "summary.json", self.folder / "1.json", "--outcomes", file)
        self.assertEqual(done.returncode, 1, done.stderr)
        merged, shard = json.loads(done.stdout), json.loads(printed)
        self.assertGreater(int(shard["missing"]), 0)
        self.assertEqual((merged["missing"], merged["auctions"]), (shard["missing"], "20000"))
        self.assertEqual(file.read_bytes(), (self.folder / "outcomes.jsonl").read_bytes() + (self.folder / "1.jsonl").read_bytes())
        answered = [o for o in self.outcomes(file)["plain@2"] if not o["missing"]]
        self.assertEqual(merged["models"][1]["auctions"], str(len(answered)))

    def test_a_merge_spares_what_it_reads(self):
        flags = ("--market", "two_segments", "--auctions", 300, "--models", "plain@1", *self.inprocess)
        for i in range(2):
            self.simulate(*flags, "--shard", f"{i}/2", "--summary", self.folder / f"{i}.json")
        before = {file: file.read_bytes() for file in self.folder.iterdir()}
        for flag in ("--outcomes", "--summary"):
            for name in ("0.json.part", "1.json"):
                done = vickrey("eval", "merge", self.folder / "0.json", self.folder / "1.json", flag, self.folder / "." / name)
                self.assertEqual((done.returncode, done.stdout, error_of(done)["field"]), (2, "", flag), done.stderr)
                self.assertIn("one of the files that are read", error_of(done)["message"])
        self.assertEqual({file: file.read_bytes() for file in self.folder.iterdir()}, before)
        os.mkfifo(self.folder / "pipe.part")
        done = vickrey("eval", "merge", self.folder / "pipe.part", timeout=20)
        self.assertEqual((done.returncode, error_of(done)["field"]), (2, "PART"), done.stderr)

    def test_a_merge_that_is_ended_leaves_nothing(self):
        flags = ("--market", "two_segments", "--auctions", 300000, "--models", "plain@1", *self.inprocess)
        for i in range(2):
            self.simulate(*flags, "--shard", f"{i}/2", "--summary", self.folder / f"{i}.json")
        out = self.folder / "out"
        out.mkdir()
        with subprocess.Popen([BIN / "vickrey", "eval", "merge", self.folder / "0.json", self.folder / "1.json", "--outcomes", out / "o.jsonl",
                               "--summary", out / "s.json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            wait_until(lambda: any(file.stat().st_size > 0 for file in out.glob(f".o.jsonl.part-{process.pid}")), "it has begun to write")
            process.terminate()
            printed, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, printed), (4, ""), errors)
        self.assertEqual(list(out.iterdir()), [])

    def test_several_slots(self):
        rules = ("--mechanism", "gsp", "--slots", 3, "--position-multipliers", "1,.6,.36")
        flags = ("--market", "two_segments", "--auctions", 200, "--models", "plain@1,student@1", *rules)
        ours, theirs = self.folder / "ours.jsonl", self.folder / "theirs.jsonl"
        summary = self.simulate(*flags, *self.inprocess, "--outcomes", ours)
        self.simulate(*flags, *self.grpc, "--outcomes", theirs)
        self.assertEqual(ours.read_bytes(), theirs.read_bytes())
        self.assertEqual(summary["config"]["position_multipliers"], [1, 0.6, 0.36])
        for outcomes, model in zip(self.outcomes(ours).values(), summary["models"], strict=True):
            for outcome, line in zip(outcomes, market(200).splitlines(), strict=True):
                worth = sorted((int(c["bid_micros"]) / 1e6 * c["ctr"] for c in json.loads(line)["candidates"]), reverse=True)
                self.assertAlmostEqual(outcome["oracle_welfare"], worth[0] + .6 * worth[1] + .36 * worth[2], places=12)
                self.assertLessEqual(outcome["welfare"], outcome["oracle_welfare"] + 1e-12)
            lost = model["lost"]
            self.assertAlmostEqual(lost["ranking"], model["regret"], places=12)
            self.assertAlmostEqual(model["welfare"], math.fsum(o["welfare"] for o in outcomes) / len(outcomes), places=12)
        bad = vickrey("simulate", *flags[:-1], "1,.6", *self.inprocess)
        self.assertEqual((bad.returncode, error_of(bad)["field"]), (2, "position_multipliers"))

    def test_labels_stand_for_the_versions_that_bear_them(self):
        summary = self.simulate("--market", "two_segments", "--auctions", 50, *self.grpc, "--models",
                                "plain,plain:stable,plain@2")
        self.assertEqual([m["ref"] for m in summary["models"]], ["plain@1", "plain@1", "plain@2"])
        self.assertEqual(summary["comparisons"][0]["difference"], 0)

    def test_a_snapshot_is_played_again(self):
        replay = ("--db", self.db, "--snapshot", self.snapshot, "--models", "student@1,plain@1", *self.inprocess)
        file = self.folder / "outcomes.jsonl"
        summary = self.simulate(*replay, "--skip", 0.9, "--outcomes", file)
        auctions = [json.loads(line) for line in market(1000).splitlines()]
        self.assertEqual([o["auction_id"] for o in self.outcomes(file)["plain@1"]], [a["auction_id"] for a in auctions[900:]])
        self.assertEqual(summary["models"][0]["reference"], "truth")
        kept = json.loads((self.models / "plain/1/model.json").read_text())["metrics"]
        self.assertAlmostEqual(summary["models"][1]["welfare"], kept["test.welfare"], places=6)  # the same 100 auctions
        self.assertEqual(self.simulate(*replay, "--skip", 0.9, "--auctions", 30)["auctions"], "30")
        self.assertEqual(self.simulate(*replay)["auctions"], "1000")
        skipped = vickrey("simulate", *replay, "--skip", 1)
        self.assertEqual((skipped.returncode, error_of(skipped)["field"]), (2, "replay.skip"))

    def test_a_snapshot_without_the_truth_is_judged_by_clicks(self):
        lines = [json.loads(line) for line in market(500).splitlines()]
        for line in lines:
            for candidate in line["candidates"]:
                candidate["ctr"] = None
        db = self.folder / "log"
        snapshot = fill(db, "".join(json.dumps(line) + "\n" for line in lines))
        file = self.folder / "outcomes.jsonl"
        summary = self.simulate("--db", db, "--snapshot", snapshot, "--models", "student@1,plain@1", *self.grpc, "--outcomes",
                                file)
        for model in summary["models"]:
            self.assertEqual((model["reference"], model["regret"], model["oracle_welfare"]), ("clicks", None, None))
            outcomes = self.outcomes(file)[model["ref"]]
            bids = [int(line["candidates"][o["index"]]["bid_micros"]) for line, o in zip(lines, outcomes, strict=True)]
            won = sum(bid / 1e6 * o["clicked"] for bid, o in zip(bids, outcomes))
            self.assertAlmostEqual(model["welfare"], won / 500, delta=1e-9)
            self.assertEqual({o["oracle_welfare"] for o in outcomes}, {None})
        self.assertIsNotNone(summary["comparisons"][0]["difference"])

    def test_auctions_that_are_judged_differently_are_told(self):
        lines = [json.loads(line) for line in market(400).splitlines()]
        for line in lines[1::2]:
            for candidate in line["candidates"]:
                candidate["ctr"] = None
        db, file = self.folder / "log", self.folder / "outcomes.jsonl"
        snapshot = fill(db, "".join(json.dumps(line) + "\n" for line in lines))
        summary = self.simulate("--db", db, "--snapshot", snapshot, "--models", "student@1,plain@1", *self.inprocess, "--outcomes", file)
        self.assertEqual(summary["warnings"], ["comparisons mix what auctions are judged by: 200 by the truth, 0 by a teacher, 200 by clicks"])
        self.assertEqual([c["auctions"] for c in summary["comparisons"]], ["400", "400", "200"])  # regret: by the truth alone
        for model in summary["models"]:  # by what is known of all; each outcome by the best that is known of it
            self.assertEqual((model["welfare_source"], model["regret"]), ("clicks", None))
            outcomes = self.outcomes(file)[model["ref"]]
            winners = [line["candidates"][o["index"]] for line, o in zip(lines, outcomes, strict=True)]
            self.assertAlmostEqual(model["welfare"], math.fsum(int(w["bid_micros"]) / 1e6 * w["click"] for w in winners) / 400, delta=1e-9)
            for outcome, winner in zip(outcomes, winners):
                worth = winner["click"] if winner["ctr"] is None else winner["ctr"]
                self.assertAlmostEqual(outcome["welfare"], int(winner["bid_micros"]) / 1e6 * worth, delta=1e-12)

    def logged(self, count, propensity):
        """Lines of a market's auctions as a log has them that showed one of the candidates, and knows its click alone."""
        lines = []
        for number, text in enumerate(market(count).splitlines()):
            line = json.loads(text)
            for i, candidate in enumerate(line["candidates"]):
                shown = i == number % len(line["candidates"])
                candidate.update(ctr=None, slot=int(shown), propensity=propensity if shown else None)
                if not shown:
                    candidate["click"] = None
            lines.append(line)
        db = self.folder / "shown"
        return db, fill(db, "".join(json.dumps(line) + "\n" for line in lines)), lines

    def test_where_not_all_clicks_are_known_logged_propensities_speak(self):
        db, snapshot, lines = self.logged(1000, 1 / 8)
        file = self.folder / "outcomes.jsonl"
        summary = self.simulate("--db", db, "--snapshot", snapshot, "--models", "student@1,plain@1", *self.inprocess, "--outcomes", file)
        for model in summary["models"]:
            self.assertEqual((model["welfare"], model["reference"], model["welfare_source"]), (None, None, "off_policy"))
            outcomes = self.outcomes(file)[model["ref"]]
            rewards, weights = [], []
            for outcome, line in zip(outcomes, lines, strict=True):
                shown = next(i for i, c in enumerate(line["candidates"]) if c["slot"] == 1)
                weights.append(8 * (outcome["index"] == shown))
                rewards.append(int(line["candidates"][shown]["bid_micros"]) / 1e6 * (line["candidates"][shown]["click"] or 0))
                self.assertEqual((outcome["welfare"], outcome["revenue"]), (None, None))
            found = model["off_policy"]
            self.assertEqual((found["n"], found["clusters"]), ("1000", "1000"))
            self.assertAlmostEqual(found["ips"]["value"], math.fsum(w * r for w, r in zip(weights, rewards)) / 1000, places=12)
            self.assertAlmostEqual(found["snips"]["value"], math.fsum(w * r for w, r in zip(weights, rewards)) / sum(weights), places=12)
            self.assertAlmostEqual(found["ess"], sum(weights) ** 2 / sum(w * w for w in weights), places=6)
            self.assertIsNone(found["dr"])
            self.assertTrue(found["ips"]["ci95"][0] < found["ips"]["value"] < found["ips"]["ci95"][1])
            self.assertTrue(any("other than 0" in warning for warning in found["warnings"]), found["warnings"])
        self.assertIsNone(summary["comparisons"][0]["difference"])
        self.assertIn("of 1000 of the 1000 auctions welfare is not known", summary["warnings"][0])
        # The same from shards.
        flags = ("--db", db, "--snapshot", snapshot, "--models", "student@1,plain@1", *self.inprocess)
        for i in range(2):
            self.simulate(*flags, "--shard", f"{i}/2", "--summary", self.folder / f"{i}.json")
        merged = replies("eval", "merge", self.folder / "0.json", self.folder / "1.json")[0]
        self.assertEqual((merged["models"], merged["warnings"]), (summary["models"], summary["warnings"]))

    def test_a_log_without_exploration_says_nothing_of_another_policy(self):
        db, snapshot, _ = self.logged(200, 1)
        model = self.simulate("--db", db, "--snapshot", snapshot, "--models", "plain@1", *self.inprocess)
        self.assertEqual((model["models"][0]["off_policy"], model["models"][0]["welfare_source"]), (None, None))
        self.assertTrue(any("took its action with certainty" in warning for warning in model["warnings"]), model["warnings"])

    def test_a_teachers_labels_are_model_based(self):
        db, snapshot, lines = self.logged(1500, 1 / 8)
        teacher = {"name": "taught", "model": {"architecture": "logistic"}, "loss": {"loss": "logloss", "labels": "teacher"},
                   "teacher": {"model": {"architecture": "logistic"}}, "optimizer": FAST}
        report = trained(teacher, db, snapshot, self.folder / "models")["teacher"]
        flags = ("--db", db, "--snapshot", snapshot, "--models", "student@1,plain@1", *self.inprocess, "--skip", 0.5)
        file = self.folder / "outcomes.jsonl"
        summary = self.simulate(*flags, "--labels", report["labels"], "--outcomes", file)
        self.assertEqual(summary["warnings"], [])
        size = int.from_bytes(pathlib.Path(report["labels"]).read_bytes()[:8], "little")
        labels = memoryview(pathlib.Path(report["labels"]).read_bytes()[8 + size:]).cast("f")
        for model in summary["models"]:
            self.assertEqual((model["reference"], model["welfare_source"]), ("teacher", "model_based"))
            worth = [int(c["bid_micros"]) / 1e6 * labels[8 * (750 + a) + i]
                     for a, line in enumerate(lines[750:]) for i, c in enumerate(line["candidates"])]
            outcomes = self.outcomes(file)[model["ref"]]
            won = math.fsum(worth[8 * a + o["index"]] for a, o in enumerate(outcomes))
            self.assertAlmostEqual(model["welfare"], won / 750, places=9)
            self.assertIsNotNone(model["regret"])
            self.assertIsNotNone(model["off_policy"]["dr"]["value"])  # the teacher is its reward model
            self.assertAlmostEqual(model["off_policy"]["dm"]["value"], won / 750, places=9)
        gone = vickrey("simulate", *flags, "--labels", self.folder / "none")
        self.assertEqual((gone.returncode, error_of(gone)["field"]), (2, "replay.labels"), gone.stderr)
        other = vickrey("simulate", "--db", self.db, "--snapshot", self.snapshot, "--models", "plain@1", *self.inprocess, "--labels",
                        report["labels"])
        self.assertEqual((other.returncode, error_of(other)["field"]), (2, "replay.labels"), other.stderr)
        self.assertIn("they are of another snapshot", error_of(other)["message"])

    def test_auctions_without_a_choice_are_told(self):
        lines = [json.loads(line) for line in market(50).splitlines()]
        for line in lines:
            line["candidates"] = [{**line["candidates"][0], "ctr": None}]
        db = self.folder / "log"
        snapshot = fill(db, "".join(json.dumps(line) + "\n" for line in lines))
        summary = self.simulate("--db", db, "--snapshot", snapshot, "--models", "plain@1,plain@2", *self.inprocess)
        self.assertEqual(summary["models"][0]["welfare_source"], "clicks")
        self.assertIn("every auction has one candidate", summary["warnings"][0])

    def test_open_bandits_policies_are_found_from_each_others_logs(self):
        data = SAMPLES / "open_bandit"
        if not data.is_dir():
            self.skipTest("sample not present")
        logs = {}
        for name in ("random", "bts"):
            logs[name] = self.folder / name
            replies("log", "import", "--db", logs[name], "--format", "open_bandit", "--items", data / f"{name}_men_item_context.csv",
                    data / f"{name}_men.csv")
        for logged, target, clicks in (("random", "bts", 69), ("bts", "random", 46)):
            found = replies("eval", "off-policy", "--db", logs[logged], "--target-db", logs[target])[0]
            own = found["target_log"]
            self.assertAlmostEqual(own["value"], clicks / 10000, places=12)
            for estimate in (found["ips"], found["snips"]):
                self.assertTrue(estimate["ci95"][0] <= own["value"] <= estimate["ci95"][1], (estimate, own))
            self.assertEqual((found["n"], found["method"]), ("10000", "gamma"))
            self.assertLess(own["ci95"][0], 0.0001 * clicks * 0.8)  # about two of its standard errors, and more
            self.assertTrue(any("approximated by the frequencies" in warning for warning in found["warnings"]))
            # A clip is for weights: the target's own average has none.
            clipped = replies("eval", "off-policy", "--db", logs[logged], "--target-db", logs[target], "--clip", .5)[0]
            self.assertEqual(clipped["target_log"], own)

    def test_a_target_that_never_explores_is_found_from_the_log_of_one_that_does(self):
        logs, rate = {}, 0
        for name, propensity in (("explores", 1 / 8), ("certain", 1), ("silent", None)):
            lines = []
            for number, text in enumerate(market(800).splitlines()):
                line = json.loads(text)
                shown = number % 8 if name == "explores" else 3
                for i, candidate in enumerate(line["candidates"]):
                    candidate.update(ad_id=f"ad-{i}", ctr=None, slot=int(i == shown), propensity=propensity if i == shown else None)
                    candidate["click"] = candidate["click"] if i == shown else None
                rate += name == "certain" and line["candidates"][3]["click"]
                lines.append(json.dumps(line) + "\n")
            logs[name] = self.folder / name
            replies("log", "append", "--db", logs[name], text="".join(lines))
        for target in ("certain", "silent"):  # what it would do is read from what it did
            found = replies("eval", "off-policy", "--db", logs["explores"], "--target-db", logs[target])[0]
            self.assertEqual((found["max_weight"], found["ess"]), (8, 100))
            self.assertAlmostEqual(found["target_log"]["value"], rate / 800, places=12)
        for logged in ("certain", "silent"):
            done = vickrey("eval", "off-policy", "--db", logs[logged], "--target-db", logs["explores"])
            self.assertEqual((done.returncode, error_of(done)["field"]), (2, "--db"), done.stderr)
            self.assertIn(str(logs[logged]), error_of(done)["message"])

    def test_a_reserve_changes_what_is_sold(self):
        played = ("--market", "two_segments", "--first", 1000, "--auctions", 400, "--models", "student@1,plain@1")
        free = self.simulate(*played, *self.inprocess)
        self.assertEqual(free["models"][0]["sold"], "400")
        for flag, reserve in (("--reserve-click-micros", 2000000), ("--reserve-mille-micros", 150000000)):
            file = self.folder / "outcomes.jsonl"
            reserved = self.simulate(*played, *self.inprocess, flag, reserve, "--outcomes", file)
            self.assertNotEqual(reserved["outcomes_sha256"], free["outcomes_sha256"])
            self.assertEqual(self.simulate(*played, *self.grpc, flag, reserve)["outcomes_sha256"], reserved["outcomes_sha256"])
            for model in reserved["models"]:
                outcomes = self.outcomes(file)[model["ref"]]
                sold = [o for o in outcomes if o["index"] is not None]
                self.assertEqual(model["sold"], str(len(sold)))
                self.assertTrue(0 < len(sold) < 400)
                for o in outcomes:
                    if o["index"] is None:
                        self.assertEqual((o["welfare"], o["revenue"], o["price_micros"], o["missing"]), (0, 0, None, False))
                    elif flag == "--reserve-click-micros":
                        self.assertGreaterEqual(int(o["price_micros"]), reserve)
                    else:
                        self.assertGreaterEqual(1000 * o["score"], reserve)

    def begin(self, server, auctions, in_flight=64, retry=10, more=()):
        """Starts a simulation of which something will be ended."""
        process = subprocess.Popen([BIN / "vickrey", "simulate", "--market", "two_segments", "--models", "plain@1,plain@2",
                                    "--address", server.address, "--auctions", str(auctions), "--in-flight", str(in_flight),
                                    "--retry-seconds", str(retry), *more,
                                    "--summary", self.folder / "summary.json", "--outcomes", self.folder / "outcomes.jsonl"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        return process

    def own_server(self, address="127.0.0.1:0"):
        return Server("--artifact-root", self.models, "--model", "plain/1", "--model", "plain/2", address=address)

    def wait_for_a_block(self, process):
        aside = lambda: [file.stat().st_size for file in self.folder.glob(f".outcomes*part-{process.pid}")]
        wait_until(lambda: sum(aside()) > 0, "the first block is played")

    def test_a_server_that_dies_is_not_taken_for_complete(self):
        for number in (signal.SIGKILL, signal.SIGTERM):
            with self.own_server() as server:
                process = self.begin(server, 100000, retry=1)
                self.wait_for_a_block(process)
                server.end(number)
                printed, errors = process.communicate(timeout=60)
            # The rest cannot be played: it is missing, all of it is counted, and the exit code says so.
            self.assertEqual(process.returncode, 1, errors)
            result = json.loads(printed)
            lines = self.outcomes(self.folder / "outcomes.jsonl")
            missing = sum(o["missing"] for model in lines.values() for o in model)
            self.assertEqual((result["auctions"], result["missing"]), ("100000", str(missing)))
            self.assertTrue(100000 < missing < 200000, missing)
            self.assertEqual([len(model) for model in lines.values()], [100000, 100000])
            answered = [o for o in lines["plain@1"] if not o["missing"]]
            self.assertEqual(result["models"][0]["auctions"], str(len(answered)))
            self.assertIn(f"the server at {server.address} does not answer", errors)
            self.assertIn("is given up", errors)

    def test_a_server_that_comes_back_in_time_costs_nothing(self):
        with self.own_server() as server:
            process = self.begin(server, 30000, retry=30)
            self.wait_for_a_block(process)
            server.end(signal.SIGKILL)
            time.sleep(1)
            with self.own_server(server.address):
                printed, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 0, errors)
        result = json.loads(printed)
        self.assertEqual(result["missing"], "0")
        whole = self.simulate("--market", "two_segments", "--models", "plain@1,plain@2", "--auctions", 30000, *self.inprocess)
        self.assertEqual(result["outcomes_sha256"], whole["outcomes_sha256"])
        self.assertEqual(result["models"], whole["models"])

    def test_a_simulation_that_is_ended_leaves_nothing(self):
        process = self.begin(self.server, 1000000)
        self.wait_for_a_block(process)
        process.terminate()
        printed, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, printed), (4, ""), errors)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_calls_that_are_lost_are_missing_and_the_exit_code_says_so(self):
        with self.own_server() as server:
            stat = pathlib.Path(f"/proc/{server.process.pid}/stat")
            ticks = lambda: int(stat.read_text().rsplit(")")[1].split()[11])  # of 10 ms, spent in the program
            idle = ticks()
            process = self.begin(server, 4000, in_flight=4, retry=0)
            wait_until(lambda: ticks() >= idle + 5, "the server has answered some calls")
            server.end(signal.SIGKILL)
        time.sleep(1.5)  # longer than a call is tried again
        with self.own_server(server.address):
            printed, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, errors)
        result = json.loads(printed)
        self.assertEqual(json.loads((self.folder / "summary.json").read_text()), result)
        lines = self.outcomes(self.folder / "outcomes.jsonl")
        missing = sum(o["missing"] for model in lines.values() for o in model)
        self.assertTrue(0 < missing < 100, missing)
        self.assertEqual((result["auctions"], result["missing"]), ("4000", str(missing)))
        for model in result["models"]:
            answered = [o for o in lines[model["ref"]] if not o["missing"]]
            self.assertEqual(model["auctions"], str(len(answered)))
            self.assertAlmostEqual(model["welfare"], math.fsum(o["welfare"] for o in answered) / len(answered), delta=1e-9)
            self.assertLessEqual({o["welfare"] for o in lines[model["ref"]] if o["missing"]}, {None})
        both = [pair for pair in zip(*lines.values()) if not (pair[0]["missing"] or pair[1]["missing"])]
        self.assertEqual(result["comparisons"][0]["auctions"], str(len(both)))  # where both have an outcome

    def test_a_disk_that_is_full_ends_it_at_once(self):
        for flags in (("--outcomes", self.folder / "o.jsonl"), ("--summary", self.folder / "s.json", "--shard", "0/2")):
            limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))  # files may not grow, as on a full disk
            command = [BIN / "vickrey", "simulate", "--market", "two_segments", "--models", "plain@1", *self.inprocess, "--auctions",
                       10**9, *flags]
            done = subprocess.run([*map(str, command)], preexec_fn=limit, capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stdout), (3, ""), done.stderr)
            self.assertIn("is the disk full?", error_of(done)["message"])
            self.assertEqual(list(self.folder.iterdir()), [])

    def test_bad_flags_name_the_field(self):
        market_flags = ("--market", "two_segments", "--auctions", 10)
        plain = ("--models", "plain@1")
        cases = [
            ((*market_flags, "--models", "nope", *self.grpc), "models"),
            ((*market_flags, "--models", "plain@9", *self.grpc), "models"),
            ((*market_flags, "--models", "plain:nope", *self.grpc), "models"),
            ((*market_flags, "--models", "plain@", *self.grpc), None),
            ((*market_flags, "--models", "plain", *self.inprocess), "models"),
            ((*market_flags, "--models", "plain:stable", *self.inprocess), "models"),
            ((*market_flags, "--models", "plain@9", *self.inprocess), None),
            ((*market_flags, *self.grpc), "models"),
            ((*market_flags, *plain), "address"),
            ((*market_flags, *plain, "--scorer", "inprocess"), "artifact_root"),
            ((*market_flags, *plain, "--scorer", "telepathy"), "scorer"),
            ((*plain, *self.inprocess), None),
            ((*plain, *self.inprocess, "--market", "lunar"), "market.scenario"),
            ((*plain, *self.inprocess, "--market", "linear", "--db", self.db, "--snapshot", self.snapshot), None),
            ((*plain, *self.inprocess, "--db", self.db), "replay.snapshot_id"),
            ((*plain, *self.inprocess, "--db", self.db, "--snapshot", "nope"), None),
            ((*plain, *self.inprocess, "--db", self.folder / "none", "--snapshot", "x"), None),
            ((*market_flags, *plain, *self.inprocess, "--mechanism", "lottery"), "mechanism"),
            ((*market_flags, *plain, *self.inprocess, "--reserve-click-micros", 0), "reserve_click_micros"),
            ((*market_flags, *plain, *self.inprocess, "--reserve-click-micros", 1, "--reserve-mille-micros", 1), None),
            ((*market_flags, *plain, *self.inprocess, "--auctions", 0), None),
            ((*market_flags, *plain, *self.inprocess, "--seed", "x"), None),
            ((*market_flags, *plain, *self.inprocess, "--in-flight", 0), "in_flight"),
            ((*market_flags, *plain, *self.inprocess, "--shard", "2/2"), "shard"),
            ((*market_flags, *plain, *self.inprocess, "--outcomes", self.folder), "--outcomes"),
        ]
        for flags, field in cases:
            with self.subTest(flags):
                done = vickrey("simulate", *flags)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                if field:
                    self.assertEqual(error_of(done)["field"], field, done.stderr)
        gone = vickrey("simulate", *market_flags, *plain, "--address", "127.0.0.1:1")
        self.assertEqual((gone.returncode, gone.stdout), (3, ""))
        self.assertIn("127.0.0.1:1", error_of(gone)["message"])
        for flag in ("--outcomes", "--summary"):
            unwritable = vickrey("simulate", *market_flags, *plain, *self.inprocess, flag, self.folder / "none/file")
            self.assertEqual((unwritable.returncode, unwritable.stdout), (2, ""), flag)
            self.assertIn(str(self.folder / "none"), error_of(unwritable)["message"])
            self.assertEqual(error_of(unwritable)["field"], flag)
            # Found out before the work, which would take a while.
            for file in (self.whole / "file", pathlib.Path("/proc/file"), self.folder / ("x" * 300), self.folder / ("x" * 250)):
                unwritable = vickrey("simulate", *market_flags[:-1], 10**9, *plain, *self.inprocess, flag, file)
                self.assertIn(unwritable.returncode, (2, 3))
                self.assertEqual((unwritable.stdout, error_of(unwritable)["field"]), ("", flag), file)
        self.assertEqual(list(self.folder.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
