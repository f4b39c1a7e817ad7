"""`vickrey train` as its users run it, its artifacts read without any code of Vickrey's."""

import bisect
import concurrent.futures
import copy
import hashlib
import json
import math
import os
import pathlib
import random
import signal
import statistics
import struct
import subprocess
import tempfile
import unittest

from tool import BIN, error_of, fill, market, replies, train, trained, vickrey

os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin while they wait make a busy machine ten times slower

FAST = {"batch_auctions": 64, "epochs": 3}
LOGISTIC = {"name": "plain", "model": {"architecture": "logistic"}, "loss": {"loss": "logloss"}, "optimizer": FAST}
MLP = {"name": "net", "model": {"architecture": "mlp", "hidden": [6, 4]}, "loss": {"loss": "logloss"}, "optimizer": FAST}
STUDENT = {"name": "student", "model": {"architecture": "logistic"}, "loss": {"loss": "welfare_rank"}, "optimizer": FAST,
           "teacher": {"model": {"architecture": "mlp", "hidden": [8]}, "cross_fit": 2}}
DCN = {"name": "crossed", "model": {"architecture": "dcn", "cross_layers": 3, "hidden": [6, 4]}, "loss": {"loss": "logloss"},
       "optimizer": FAST}
DCN_OF_LOW_RANK = {"name": "low", "model": {"architecture": "dcn", "cross_rank": 2}, "loss": {"loss": "logloss"},
                   "optimizer": FAST}
AUTOINT = {"name": "attentive", "model": {"architecture": "autoint", "attention_layers": 2, "attention_width": 9, "field_width": 7},
           "loss": {"loss": "logloss"}, "optimizer": FAST}
AUTOINT_WITH_HIDDEN = {"name": "attentive-deep", "loss": {"loss": "logloss"}, "optimizer": FAST,
                       "model": {"architecture": "autoint", "attention_layers": 1, "attention_heads": 3, "attention_width": 4,
                                 "field_width": 2, "attention": "composed", "hidden": [6, 4]}}
# One field of each kind, every transform.
SCHEMA = {"fields": [
    {"name": "hour", "side": "CONTEXT", "kind": "DENSE"},
    {"name": "age", "side": "CONTEXT", "kind": "DENSE", "transform": "STANDARDIZE"},
    {"name": "site", "side": "CONTEXT", "kind": "CATEGORICAL", "buckets": 17, "embedding_width": 3},
    {"name": "price", "side": "AD", "kind": "DENSE", "transform": "SIGNED_LOG1P"},
    {"name": "brand", "side": "AD", "kind": "CATEGORICAL", "buckets": 11, "embedding_width": 2},
    {"name": "size", "side": "AD", "kind": "DENSE", "transform": "BUCKETIZE", "buckets": 5, "embedding_width": 3},
    {"name": "likes", "side": "AD", "kind": "BAG", "buckets": 13, "embedding_width": 2}]}


def read_tensors(file):
    """name -> (shape, values) of a safetensors file: 8 bytes of length, a JSON header, little-endian data."""
    data = file.read_bytes()
    length, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    tensors, end = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, after = entry["data_offsets"]
        assert (entry["dtype"], begin) == ("F32", end), name  # no gaps
        assert after - begin == 4 * math.prod(entry["shape"]), name
        tensors[name] = entry["shape"], struct.unpack_from(f"<{(after - begin) // 4}f", data, 8 + length + begin)
        end = after
    assert 8 + length + end == len(data)
    return tensors


def side_by_side(run, *cases):
    """The results of run(case), in order: most of a run is loading LibTorch."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(run, cases))


class Network:
    """A prediction by docs/formats.md, from the files of an artifact and encoded features."""

    def __init__(self, folder):
        self.file = json.loads((folder / "model.json").read_text())
        self.tensors = read_tensors(folder / "weights.safetensors")

    def rows(self, name):
        (_, width), values = self.tensors[name]
        return [values[i:i + width] for i in range(0, len(values), width)]

    def inputs(self, side, encoded):
        """The dense inputs, and the row that each table contributes."""
        dense, tables = [], []
        numbers, names, bags = iter(encoded["dense"]), iter(encoded["fingerprints"]), iter(encoded["bag_fingerprints"])
        lengths = iter(encoded["bag_lengths"])
        for field in (f for f in self.file["schema"]["fields"] if f["side"] == side):
            if field["kind"] == "DENSE":
                x = next(numbers)
                missing = x == "NaN"
                if field["transform"] == "BUCKETIZE":
                    row = 0 if missing else 1 + bisect.bisect_right(field["boundaries"], x)
                    tables.append(list(self.rows("table." + field["name"])[row]))
                elif missing:
                    dense += [0, 1]
                else:
                    dense += [self.transformed(field, x), 0]
                continue
            prints = [next(names)] if field["kind"] == "CATEGORICAL" else [next(bags) for _ in range(next(lengths))]
            rows = self.rows("table." + field["name"])
            chosen = [rows[0 if p == "0" else 1 + int(p) % (len(rows) - 1)] for p in prints]
            tables.append([sum(row[k] for row in chosen) / max(len(chosen), 1) for k in range(len(rows[0]))])
        return dense, tables

    @staticmethod
    def transformed(field, x):
        if field["transform"] == "SIGNED_LOG1P":
            return math.copysign(math.log1p(abs(x)), x)
        return (x - field["mean"]) / field["deviation"] if field["transform"] == "STANDARDIZE" else x

    def product(self, name, x):
        return [sum(w * v for w, v in zip(row, x, strict=True)) for row in self.rows(name)]

    def hidden(self, x, y):
        """The last hidden layer's output."""
        now = [sum(parts) for parts in zip(self.tensors["layer.0.bias"][1], self.product("layer.0.context", x),
                                           self.product("layer.0.ad", y))]
        for layer in range(1, len(self.file["spec"]["hidden"])):
            now = [max(v, 0) for v in now]
            now = [sum(parts) for parts in zip(self.tensors[f"layer.{layer}.bias"][1],
                                               self.product(f"layer.{layer}.weight", now))]
        return [max(v, 0) for v in now]

    def crossed(self, x, y):
        """The last cross layer's output."""
        spec, x0 = self.file["spec"], x + y
        now = x0
        for layer in range(spec["cross_layers"]):
            matrix = f"cross.{layer}" + (".down" if spec["cross_rank"] else "")
            gate = ([a + b for a, b in zip(self.product(matrix + ".context", x), self.product(matrix + ".ad", y))]
                    if layer == 0 else self.product(matrix + ".weight", now))
            if spec["cross_rank"]:
                gate = self.product(f"cross.{layer}.up.weight", gate)
            now = [a * (g + b) + v for a, g, b, v in zip(x0, gate, self.tensors[f"cross.{layer}.bias"][1], now)]
        return now

    def fields(self, side, dense, tables):
        """The vector of every field of a side, by its inputs: two for each dense field."""
        vectors = self.rows(side + ".dense")
        numbers = [[sum(x * w for x, w in zip(dense[i:i + 2], column)) for column in zip(*vectors[i:i + 2])]
                   for i in range(0, len(dense), 2)]
        return numbers + tables

    def attended(self, fields):
        """The last attention layer's output, of one field after the other."""
        spec = self.file["spec"]
        width = spec["attention_width"]
        for layer in range(spec["attention_layers"]):
            query, key, value, residual = ([self.product(f"attention.{layer}.{part}", x) for x in fields]
                                           for part in ("query", "key", "value", "residual"))
            mixed = [[] for _ in fields]
            for begin in range(0, spec["attention_heads"] * width, width):
                head = slice(begin, begin + width)
                for m, row in enumerate(mixed):
                    powers = [math.exp(sum(a * b for a, b in zip(query[m][head], k[head]))) for k in key]
                    row += [sum(p * v for p, v in zip(powers, column)) / sum(powers) for column in zip(*(v[head] for v in value))]
            fields = [[max(a + b, 0) for a, b in zip(*rows)] for rows in zip(mixed, residual)]
        return sum(fields, [])

    def dot(self, name, x):
        return sum(w * v for w, v in zip(self.tensors[name][1], x, strict=True))

    def logit(self, context, ad):
        (context, context_tables), (ad, ad_tables) = self.inputs("CONTEXT", context), self.inputs("AD", ad)
        if self.file["spec"]["architecture"] == "logistic":
            products = zip(self.tensors["context.weight"][1] + self.tensors["ad.weight"][1], context + ad)
            of_tables = sum(sum(row) for row in context_tables + ad_tables)
            return sum(w * x for w, x in products) + of_tables + self.tensors["bias"][1][0]
        x, y = context + sum(context_tables, []), ad + sum(ad_tables, [])
        layers = len(self.file["spec"]["hidden"])
        if self.file["spec"]["architecture"] == "dcn":
            deep = self.dot("output.deep", self.hidden(x, y)) if layers > 0 else 0
            return self.dot("output.cross", self.crossed(x, y)) + deep + self.tensors["output.bias"][1][0]
        if self.file["spec"]["architecture"] == "autoint":
            deep = self.dot("output.deep", self.hidden(x, y)) if layers > 0 else 0
            fields = self.fields("context", context, context_tables) + self.fields("ad", ad, ad_tables)
            return self.dot("output.attention", self.attended(fields)) + deep + self.tensors["output.bias"][1][0]
        return self.dot(f"layer.{layers}.weight", self.hidden(x, y)) + self.tensors[f"layer.{layers}.bias"][1][0]

    def pctr(self, logit):
        calibration = self.file["calibration"]
        return min(1, calibration["multiplier"] / (1 + math.exp(-logit - calibration["logit_offset"])))


def mixed_auctions(count, seed):
    """Auctions for SCHEMA, some values missing."""
    dice = random.Random(seed)
    some = lambda **values: {key: value for key, value in values.items() if dice.random() < 0.8}
    return [{"auction_id": f"a{i}", "event_time": 1704067200000000 + i,
             "context": some(hour=dice.randrange(24), age=dice.randrange(18, 90), site=f"site{dice.randrange(40)}"),
             "candidates": [{"ad_id": f"ad{k}", "bid_micros": dice.randrange(1, 5000000), "click": int(dice.random() < 0.3),
                             "features": some(price=round(dice.gauss(0, 50), 3), brand=f"b{dice.randrange(30)}", size=dice.randrange(6),
                                              likes=[f"l{dice.randrange(99)}" for _ in range(dice.randrange(4))])}
                            for k in range(3)]} for i in range(count)]


class TrainTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.shared.cleanup)
        cls.db = pathlib.Path(cls.shared.name, "log")
        cls.text = market(1000)
        cls.auctions = [json.loads(line) for line in cls.text.splitlines()]
        cls.snapshot = fill(cls.db, cls.text)
        cls.models = pathlib.Path(cls.shared.name, "models")
        cls.plain, cls.net, cls.student = side_by_side(
            lambda config: trained(config, cls.db, cls.snapshot, cls.models), LOGISTIC, MLP, STUDENT)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "models"

    def weights(self, line):
        return pathlib.Path(line["artifact"], "weights.safetensors").read_bytes()

    def labels(self, line):
        (shape, values), = read_tensors(pathlib.Path(line["teacher"]["labels"])).values()
        self.assertEqual(shape, [len(values)])
        return values

    def test_the_last_line_says_what_it_made(self):
        keys = {"artifact", "version", "sha256", "metrics", "teacher", "eps", "g4_bound", "g4", "eps_b", "speed", "intervals"}
        for line in (self.plain, self.net, self.student):
            self.assertEqual(set(line), keys)
            self.assertGreater(int(line["speed"]["steps"]), 0)
            self.assertEqual(line["version"], "1")
            for metric in ("auctions", "logloss", "auc", "calibration", "welfare", "oracle_welfare", "regret", "revenue"):
                for part in ("validation", "test"):
                    self.assertTrue(math.isfinite(line["metrics"][f"{part}.{metric}"]), metric)
        for key in ("teacher", "eps", "g4_bound", "g4", "eps_b"):
            self.assertIsNone(self.plain[key])
        self.assertEqual(self.plain["metrics"]["test.auctions"], 100)
        self.assertAlmostEqual(self.plain["metrics"]["validation.calibration"], 1)  # it was calibrated there

    def test_the_metrics_are_those_of_the_predictions(self):
        predictions = replies("predict", "--artifact", self.plain["artifact"], text=self.text)
        for part, begin, end in (("validation", 800, 900), ("test", 900, 1000)):
            lines = copy.deepcopy(self.auctions[begin:end])
            for line, prediction in zip(lines, predictions[begin:end]):
                for candidate, pctr in zip(line["candidates"], prediction["pctr"]):
                    candidate["pctr"] = pctr
            expected = replies("eval", "metrics", lines=lines)[0]
            for metric in ("logloss", "auc", "calibration", "welfare", "oracle_welfare", "regret", "revenue"):
                self.assertAlmostEqual(self.plain["metrics"][f"{part}.{metric}"], expected[metric], places=5, msg=metric)

    def test_the_artifact_can_be_checked_with_common_tools(self):
        for line in (self.plain, self.net, self.student):
            folder = pathlib.Path(line["artifact"])
            self.assertEqual({file.name for file in folder.iterdir()}, {"model.json", "weights.safetensors", "SHA256SUMS"})
            done = subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True, text=True,
                                  timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout.splitlines(), ["model.json: OK", "weights.safetensors: OK"])
            self.assertEqual(line["sha256"], hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest())
            file = json.loads((folder / "model.json").read_text())
            self.assertEqual((file["name"], file["version"]), (folder.parent.name, folder.name))
            self.assertEqual(file["metrics"], line["metrics"])
            self.assertEqual(file["provenance"]["snapshot_id"], self.snapshot)
        self.assertEqual(file["provenance"]["teacher_sha256"], self.student["teacher"]["sha256"])
        info = replies("models", "verify", self.plain["artifact"])[0]
        self.assertEqual((info["sha256"], info["state"]), (self.plain["sha256"], "READY"))
        shown = replies("models", "show", self.plain["artifact"])[0]
        self.assertEqual(shown, json.loads(pathlib.Path(self.plain["artifact"], "model.json").read_text()))

    def test_predictions_follow_from_the_weights_by_the_documented_formula(self):
        schema = self.folder / "schema.json"
        schema.write_text(json.dumps(SCHEMA))
        auctions = mixed_auctions(300, seed=1)
        snapshot = fill(self.folder / "log", "".join(json.dumps(a) + "\n" for a in auctions))
        asked = mixed_auctions(40, seed=2)
        encoded = replies("features", "encode", "--schema", schema, lines=asked)
        for config in (LOGISTIC, MLP, DCN, DCN_OF_LOW_RANK, AUTOINT, AUTOINT_WITH_HIDDEN):
            config = {**config, "data": {"schema": str(schema)}}
            line = trained(config, self.folder / "log", snapshot, self.out)
            network = Network(pathlib.Path(line["artifact"]))
            largest = 0
            answers = replies("predict", "--artifact", line["artifact"], lines=asked)
            for auction, features, answer in zip(asked, encoded, answers):
                self.assertEqual(set(answer), {"auction_id", "model", "version", "logits", "pctr"})
                self.assertEqual((answer["auction_id"], answer["model"]), (auction["auction_id"], config["name"]))
                for ad, logit, pctr in zip(features["candidates"], answer["logits"], answer["pctr"], strict=True):
                    expected = network.logit(features["context"], ad)
                    self.assertAlmostEqual(logit, expected, delta=1e-5)
                    self.assertAlmostEqual(pctr, network.pctr(logit), delta=1e-12)
                    largest = max(largest, abs(logit - answers[0]["logits"][0]))
            self.assertGreater(largest, 0.05, config["name"])  # more than a constant
            self.check_frozen(network.file, auctions[:240])

    def test_attention_is_the_same_function_however_it_is_computed(self):
        lines = [trained(AUTOINT, self.db, self.snapshot, self.out, "--set", f"model.attention={how}") for how in ("composed", "fused")]
        (composed, fused), files = ([Network(pathlib.Path(line["artifact"])) for line in lines],
                                    [json.loads(pathlib.Path(line["artifact"], "model.json").read_text()) for line in lines])
        self.assertEqual(files[0]["spec"], files[1]["spec"])
        self.assertEqual([file["training"]["model"]["attention"] for file in files], ["composed", "fused"])
        self.assertEqual(list(composed.tensors), list(fused.tensors))
        self.assertNotEqual(composed.tensors, fused.tensors)  # rounded otherwise, so that both were computed
        answers = [replies("predict", "--artifact", line["artifact"], text=self.text) for line in lines]
        for one, other in zip(*answers):
            for a, b in zip(one["logits"], other["logits"], strict=True):
                self.assertAlmostEqual(a, b, delta=1e-2)
        default = trained(AUTOINT, self.db, self.snapshot, self.out)
        self.assertEqual(self.weights(default), self.weights(lines[1]))

    def check_frozen(self, file, auctions):
        """The statistics, and what was frozen from them, are those of the training set."""
        ages = [a["context"]["age"] for a in auctions if "age" in a["context"]]
        sizes = [c["features"]["size"] for a in auctions for c in a["candidates"] if "size" in c["features"]]
        found = {s["name"]: s for s in file["statistics"]}
        fields = {f["name"]: f for f in file["schema"]["fields"]}
        self.assertEqual(list(found), [f["name"] for f in SCHEMA["fields"]])
        self.assertEqual((int(found["age"]["rows"]), int(found["age"]["missing"])), (len(auctions), len(auctions) - len(ages)))
        self.assertEqual((int(found["size"]["rows"]), int(found["size"]["missing"])),
                         (3 * len(auctions), 3 * len(auctions) - len(sizes)))
        self.assertAlmostEqual(found["age"]["dense"]["mean"], statistics.fmean(ages))
        self.assertAlmostEqual(found["age"]["dense"]["deviation"], statistics.pstdev(ages))
        self.assertEqual((fields["age"]["mean"], fields["age"]["deviation"]),
                         (found["age"]["dense"]["mean"], found["age"]["dense"]["deviation"]))
        quarters = [sorted(sizes)[math.ceil(k * len(sizes) / 4) - 1] for k in (1, 2, 3)]
        self.assertEqual(fields["size"]["boundaries"], sorted({max(q, 1) for q in quarters}))  # 0 is the least

    def test_the_same_configuration_gives_the_same_bytes_and_another_seed_does_not(self):
        configs = LOGISTIC, MLP, STUDENT
        lines = side_by_side(lambda config: trained(config, self.db, self.snapshot, self.out), *configs)
        for again, line in zip(lines, (self.plain, self.net, self.student)):
            self.assertEqual(self.weights(again), self.weights(line))
            self.assertEqual(again["metrics"], line["metrics"])
        other = trained(MLP, self.db, self.snapshot, self.out, "--set", "seed=2")
        self.assertNotEqual(self.weights(other), self.weights(self.net))

    def test_a_teachers_labels_are_reused_by_those_who_want_the_same(self):
        file = pathlib.Path(self.student["teacher"]["labels"])
        before, stamp = file.read_bytes(), file.stat().st_mtime_ns
        self.assertFalse(self.student["teacher"]["reused"])
        shared = trained({**STUDENT, "name": "distilled", "loss": {"loss": "logloss", "labels": "teacher"}}, self.db,
                         self.snapshot, self.models)
        self.assertTrue(shared["teacher"]["reused"])
        self.assertEqual((file.read_bytes(), file.stat().st_mtime_ns), (before, stamp))
        for change in ("seed=2", "teacher.cross_fit=3", "teacher.model.hidden=[4]", "data.train=0.7"):
            other = trained({**STUDENT, "name": "other"}, self.db, self.snapshot, self.models, "--set", change)
            self.assertFalse(other["teacher"]["reused"], change)
            self.assertNotEqual(other["teacher"]["name"], self.student["teacher"]["name"], change)

    def test_a_student_is_the_same_whether_its_teacher_was_trained_or_found(self):
        found = trained(STUDENT, self.db, self.snapshot, self.models)
        self.assertTrue(found["teacher"]["reused"])
        self.assertEqual({**found["teacher"], "reused": False}, self.student["teacher"])
        self.assertEqual(self.weights(found), self.weights(self.student))
        self.assertEqual(found["g4_bound"], self.student["g4_bound"])

    def test_a_teachers_labels_are_a_file_by_teacher_and_snapshot(self):
        teacher = self.student["teacher"]
        self.assertEqual(pathlib.Path(teacher["labels"]),
                         self.models / "labels" / teacher["name"] / self.snapshot / "labels.safetensors")
        labels = self.labels(self.student)
        self.assertEqual(len(labels), 8000)
        self.assertTrue(all(0 <= label <= 1 for label in labels))
        clicks = [c["click"] for a in self.auctions for c in a["candidates"]]
        held_out = sum((t - y) ** 2 for t, y in zip(labels[:6400], clicks)) / 6400
        self.assertAlmostEqual(teacher["brier_held_out"], held_out, delta=1e-6)
        self.assertLess(teacher["brier_in_sample"], held_out)  # it has seen those
        digests = ""
        for fold in ("1", "2"):
            info = replies("models", "verify", self.models / teacher["name"] / fold)[0]
            self.assertEqual(info["provenance"]["labels"], "click")
            digests += info["sha256"] + "\n"
        self.assertEqual(teacher["sha256"], hashlib.sha256(digests.encode()).hexdigest())
        # Auctions behind the training set have the mean of all folds' estimates.
        means = zip(*(sum((a["pctr"] for a in replies("predict", "--artifact", self.models / teacher["name"] / fold,
                                                      text=self.text)), []) for fold in ("1", "2")))
        for k, (first, second) in enumerate(means):
            if k >= 6400:
                self.assertAlmostEqual(labels[k], (first + second) / 2, delta=1e-5)
            else:
                self.assertLess(min(abs(labels[k] - first), abs(labels[k] - second)), 1e-5)

    def test_no_label_has_seen_its_own_auctions_clicks(self):
        # The clicks of one auction are turned round in a copy of the log. The auctions that were labelled by the network
        # that did not learn from it keep their labels to the bit, it among them; all the others' change.
        def by_auction(line):
            labels = self.labels(line)
            return [labels[8 * a:8 * a + 8] for a in range(800)]
        def turn_round(turned):
            lines = copy.deepcopy(self.auctions)
            for candidate in lines[turned]["candidates"]:
                candidate["click"] = 1 - candidate["click"]
            db = self.folder / f"log{turned}"
            snapshot = fill(db, "".join(json.dumps(line) + "\n" for line in lines))
            self.assertNotEqual(snapshot, self.snapshot)
            return trained({**STUDENT, "name": f"student{turned}"}, db, snapshot, self.out)
        turned_round = 5, 6, 7
        before = by_auction(self.student)
        folds = set()
        for turned, line in zip(turned_round, side_by_side(turn_round, *turned_round)):
            after = by_auction(line)
            same = frozenset(a for a in range(800) if after[a] == before[a])
            self.assertIn(turned, same)
            self.assertTrue(300 < len(same) < 500, len(same))
            folds.add(same)
        self.assertEqual(len(folds), 2)
        self.assertEqual(sum(map(len, folds)), 800)

    def test_the_bound_on_regret_is_certified_where_the_truth_is_known(self):
        self.assertEqual(self.student["g4"], "certified")
        self.assertGreaterEqual(self.student["g4_bound"], self.student["metrics"]["test.regret"])
        # It is what `vickrey eval loss` finds on the test auctions.
        labels = self.labels(self.student)
        lines = []
        predictions = replies("predict", "--artifact", self.student["artifact"], text=self.text)
        for a, (auction, prediction) in list(enumerate(zip(self.auctions, predictions)))[900:]:
            lines.append({"auction_id": auction["auction_id"], "logits": prediction["logits"],
                          "bids": [int(c["bid_micros"]) / 1e6 for c in auction["candidates"]],
                          "teacher": labels[8 * a:8 * a + 8], "truth": [c["ctr"] for c in auction["candidates"]]})
        config = self.folder / "loss.json"
        config.write_text(json.dumps({"loss": "welfare_rank", "labels": "teacher", "sigma": 20}))
        summary = replies("eval", "loss", "--config", config, lines=lines)[-1]["summary"]
        for key in ("eps", "eps_b", "g4_bound"):
            self.assertAlmostEqual(self.student[key], summary[key], delta=1e-5 * summary[key], msg=key)

    def test_the_bound_on_regret_is_not_certified_where_the_truth_is_not_known(self):
        lines = copy.deepcopy(self.auctions)
        for line in lines:
            for candidate in line["candidates"]:
                candidate["ctr"] = None
        db = self.folder / "log"
        snapshot = fill(db, "".join(json.dumps(line) + "\n" for line in lines))
        line = trained(STUDENT, db, snapshot, self.out)
        self.assertEqual((line["g4"], line["g4_bound"], line["eps_b"]), ("lower bound, not certified", None, None))
        self.assertGreaterEqual(line["eps"], 0)
        self.assertNotIn("test.regret", line["metrics"])  # the best of those clicked would be hindsight
        self.assertIn("test.welfare", line["metrics"])
        done = train({**LOGISTIC, "loss": {"loss": "logloss", "labels": "truth"}}, db, snapshot, self.out)
        self.assertEqual((done.returncode, error_of(done)["field"]), (2, "loss.labels"))
        self.assertFalse((self.out / "plain").exists())

    def test_every_loss_trains(self):
        losses = [{"loss": name} for name in ("soft_winner", "gmadl", "known_market", "ranknet", "softmax", "jrc",
                                              "calibrated_softmax", "bid_logloss")]
        losses += [{"loss": "welfare_rank", "surrogate": s, "pairs": p, "margin": m}
                   for s, p, m in (("hinge", "all", "ecpm"), ("tanh", "top", "log_ecpm"))]
        configs = []
        for number, loss in enumerate(losses):
            money = loss["loss"] in ("soft_winner", "gmadl", "known_market", "welfare_rank")
            configs.append({**(STUDENT if money else LOGISTIC), "name": f"loss-{number}", "loss": loss})
        configs.append({**MLP, "name": "two-heads", "loss": {"loss": "jrc"}})
        for config, line in zip(configs, side_by_side(lambda c: trained(c, self.db, self.snapshot, self.models), *configs)):
            with self.subTest(config["loss"]):
                training = json.loads((pathlib.Path(line["artifact"]) / "model.json").read_text())["training"]
                self.assertEqual(training["loss"]["loss"], config["loss"]["loss"])
                self.assertGreater(line["metrics"]["test.auc"], 0.6)
                if config["loss"]["loss"] == "known_market":
                    self.assertTrue(-10 < training["loss"]["mu"] < 0 < training["loss"]["omega"] < 10)

    def test_a_teacher_may_see_finer_features(self):
        db = self.folder / "ads"
        snapshot = fill(db, market(800, "hash_collisions"))
        schema = replies("market", "schema", "--scenario", "hash_collisions")[0]
        del schema["schema_id"]
        next(field for field in schema["fields"] if field["name"] == "ad")["buckets"] = 4096
        fine = self.folder / "fine.json"
        fine.write_text(json.dumps(schema))
        seeing = {**STUDENT, "teacher": {**STUDENT["teacher"], "schema": str(fine)}}
        line = trained(seeing, db, snapshot, self.out)
        rows = lambda folder: read_tensors(folder / "weights.safetensors")["table.ad"][0][0]
        self.assertEqual(rows(pathlib.Path(line["artifact"])), 64)
        self.assertEqual(rows(self.out / line["teacher"]["name"] / "1"), 4096)
        done = train({**seeing, "name": "x", "teacher": {**seeing["teacher"], "schema": "nothing"}}, db, snapshot, self.out)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("teacher.schema", error_of(done)["message"])

    def test_knowing_bids_makes_more_welfare(self):
        # Of seeds 1 to 6 the least gain was 6.5 %.
        db = self.folder / "log"
        snapshot = fill(db, market(12000))
        common = {"data": {"train": 0.7}, "optimizer": {"batch_auctions": 128}}
        teacher = {"model": {"architecture": "mlp", "hidden": [32]}}
        plain, student = side_by_side(lambda config: trained({**config, **common}, db, snapshot, self.out)["metrics"], LOGISTIC,
                                      {**STUDENT, "teacher": teacher})
        self.assertEqual(student["test.oracle_welfare"], plain["test.oracle_welfare"])
        self.assertGreater(student["test.welfare"], 1.03 * plain["test.welfare"])
        self.assertLess(student["test.welfare"], student["test.oracle_welfare"])

    def test_settings_go_over_the_file_and_the_effective_configuration_is_printed_first(self):
        done = train(LOGISTIC, self.db, self.snapshot, self.out, "--set", "optimizer.epochs=2", "--set",
                     "optimizer.learning_rate=0.01", "--set", "version=v7", "--set", "loss.base_rate=0.5")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        config = next(line["config"] for line in lines if "config" in line)
        optimizer = {"learning_rate": 0.01, "beta1": 0.9, "beta2": 0.99, "batch_auctions": 64, "epochs": 2, "dense": "adam",
                     "tables": "adam", "schedule": "cosine", "warmup": 0.1, "dropout": 0, "clip_norm": None}
        self.assertEqual({key: config["optimizer"][key] for key in optimizer}, optimizer)
        self.assertEqual((config["name"], config["seed"], config["version"], config["threads"]), ("plain", "1", "v7", 2))
        self.assertEqual(config["data"], {"schema": None, "train": 0.8, "validation": 0.1, "max_buckets": None,
                                          "split": "time"})
        self.assertEqual(config["loss"]["base_rate"], 0.5)
        epochs = [line["epoch"]["epoch"] for line in lines if "epoch" in line]
        self.assertEqual(epochs, [1, 2])
        line = json.loads(done.stdout)
        self.assertEqual(pathlib.Path(line["artifact"]), self.out / "plain/v7")
        kept = json.loads((self.out / "plain/v7/model.json").read_text())["training"]
        self.assertEqual((kept["optimizer"], kept["version"]), (config["optimizer"], "v7"))

        done = train(STUDENT, self.db, self.snapshot, self.out)
        lines = [json.loads(line) for line in done.stderr.splitlines()]
        loss = next(line["config"] for line in lines if "config" in line)["loss"]
        self.assertEqual(list(lines[0]), ["config"])
        recipe = {"labels": "teacher", "sigma": 4, "sigma_end": 20, "alpha": 0.03, "alpha_end": 0.003, "warm_phase": 0.4}
        self.assertEqual({key: loss[key] for key in recipe}, recipe)  # the recipe of docs/losses.md

    def test_what_it_printed_trains_the_same_again(self):
        done = train(LOGISTIC, self.db, self.snapshot, self.out)
        config = next(json.loads(line)["config"] for line in done.stderr.splitlines() if line.startswith('{"config"'))
        again = trained({**config, "version": "again"}, self.db, self.snapshot, self.out)
        self.assertEqual(self.weights(again), self.weights(self.plain))

    def test_bad_configurations_name_the_field(self):
        rank = lambda **more: {**STUDENT, "loss": {"loss": "welfare_rank", **more}}
        without_teacher = lambda config: {key: value for key, value in config.items() if key != "teacher"}
        cases = [
            (rank(weight="signed", surrogate="logistic"), (), "loss.weight"),
            (rank(surrogate="zero_one"), (), "loss.surrogate"),
            (without_teacher(STUDENT), (), "teacher.model"),
            (rank(labels="click"), (), "teacher"),
            ({**LOGISTIC, "teacher": STUDENT["teacher"]}, (), "teacher"),
            ({**LOGISTIC, "data": {"train": 0.8, "validation": 0.3}}, (), "data.validation"),
            ({**LOGISTIC, "model": {"architecture": "logistic", "cross_layers": 2}}, (), "model.cross_layers"),
            ({**MLP, "model": {**MLP["model"], "cross_rank": 2}}, (), "model.cross_rank"),
            ({**DCN, "model": {**DCN["model"], "cross_rank": 60000}}, (), "model.cross_rank"),
            ({**STUDENT, "teacher": {"model": {"architecture": "logistic", "cross_rank": 2}}}, (), "teacher.model.cross_rank"),
            *(({**MLP, "model": {**MLP["model"], key: value}}, (), "model." + key) for key, value in (
                ("attention_layers", 2), ("attention_heads", 2), ("attention_width", 2), ("field_width", 2),
                ("attention", "composed"))),
            *(({**AUTOINT, "model": {**AUTOINT["model"], key: value}}, (), "model." + key) for key, value in (
                ("attention_layers", 17), ("attention_heads", 0), ("attention_width", 1025), ("field_width", 0),
                ("attention", "flash"), ("cross_layers", 2))),
            ({**AUTOINT, "optimizer": {**FAST, "dropout": 0.5}}, (), "optimizer.dropout"),  # without hidden layers
            ({**LOGISTIC, "data": {"train": 0}}, (), "data.train"),
            ({**LOGISTIC, "model": {"architecture": "logistic", "hidden": [3]}}, (), "model.hidden"),
            ({**MLP, "model": {"architecture": "mlp"}}, (), "model.hidden"),
            ({**STUDENT, "teacher": {"model": {"architecture": "mlp"}}}, (), "teacher.model.hidden"),
            ({**LOGISTIC, "model": {"architecture": "forest"}}, (), "model.architecture"),
            ({**LOGISTIC, "loss": {"loss": "magic"}}, (), "loss.loss"),
            ({**LOGISTIC, "loss": {"loss": "madl"}}, (), "loss.loss"),
            ({**LOGISTIC, "loss": {"loss": "softmax", "surrogate": "hinge"}}, (), "loss.surrogate"),
            ({**LOGISTIC, "loss": {"loss": "logloss", "sigma": 3}}, (), "loss.sigma"),
            ({**LOGISTIC, "loss": {"loss": "known_market", "labels": "click", "mu": 1}}, (), "loss.omega"),
            ({**LOGISTIC, "name": "a/b"}, (), "name"),
            ({**LOGISTIC, "version": "../x"}, (), "version"),
            ({**LOGISTIC, "data": {"schema": "avazu"}}, (), "data.schema"),
            ({"model": LOGISTIC["model"], "loss": LOGISTIC["loss"]}, (), "name"),
            (LOGISTIC, ("--set", "optimizer.epochs=0"), "optimizer.epochs"),
            (LOGISTIC, ("--set", "optimizer.epoch=3"), "optimizer.epoch"),
            (LOGISTIC, ("--set", "optimizer.epochs"), "--set"),
            (LOGISTIC, ("--set", "loss.sigma=-1"), "loss.sigma"),
        ]
        runs = side_by_side(lambda case: train(case[0], self.db, self.snapshot, self.out, *case[1]), *cases)
        for (config, flags, field), done in zip(cases, runs):
            with self.subTest(field, config=config, flags=flags):
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertEqual(error_of(done)["field"], field, done.stderr)
        # At most the data as training reads it, which does not depend on what was wrong.
        self.assertLessEqual({path.name for path in self.out.glob("*")}, {"datasets", "runs"})
        self.assertEqual(list(self.out.glob("runs/*/*")), [])

    def test_an_unknown_key_names_file_line_and_known_keys(self):
        done = train("name: a\nmodel: {architecture: logistic}\nloss:\n  loss: logloss\n  lables: click\n", self.db,
                     self.snapshot, self.out)
        error = error_of(done)
        self.assertEqual((done.returncode, error["field"]), (2, "loss.lables"))
        self.assertRegex(error["message"], r"\.yaml:5")
        self.assertIn("labels", error["message"])

    def test_what_is_not_there_or_there_already_is_named(self):
        cases = [
            (self.folder / "none", self.snapshot, self.out, "--db"), (self.db, "nope", self.out, "--snapshot"),
            (self.db, "../x", self.out, "--snapshot"),
        ]
        for db, snapshot, out, field in cases:
            done = train(LOGISTIC, db, snapshot, out)
            self.assertEqual((done.returncode, error_of(done)["field"]), (2, field), done.stderr)
        self.assertEqual(vickrey("train", "--config", self.folder / "none", "--db", self.db, "--snapshot", self.snapshot,
                                 "--out", self.out).returncode, 2)
        before = self.weights(self.plain)
        done = train({**LOGISTIC, "version": "1"}, self.db, self.snapshot, self.models, "--set", "optimizer.epochs=1")
        self.assertEqual((done.returncode, error_of(done)["field"]), (2, "version"))
        self.assertEqual(self.weights(self.plain), before)
        empty = self.folder / "empty"
        replies("log", "feedback", "--db", empty, lines=[
            {"feedback_id": "f", "auction_id": "a", "ad_id": "x", "kind": "CLICK", "event_time": 5}])
        snapshot = replies("log", "snapshot", "create", "--db", empty)[0]["snapshot_id"]
        done = train(LOGISTIC, empty, snapshot, self.out)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn(f"'{snapshot}' holds no auctions", error_of(done)["message"])
        self.assertFalse(self.out.exists() and any(self.out.iterdir()))

    def test_a_schema_that_does_not_fit_names_auction_and_field(self):
        db = self.folder / "log"
        lines = mixed_auctions(5, seed=1)
        lines[3]["candidates"][1]["features"] = {"price": 3, "colour": "red"}
        snapshot = fill(db, "".join(json.dumps(line) + "\n" for line in lines))
        schema = self.folder / "schema.json"
        schema.write_text(json.dumps(SCHEMA))
        done = train({**LOGISTIC, "data": {"schema": str(schema)}}, db, snapshot, self.out)
        error = error_of(done)
        self.assertEqual((done.returncode, error["field"]), (2, "candidates[1].features.colour"), error)
        self.assertIn("auction a3", error["message"])
        self.assertFalse((self.out / "plain").exists())
        done = train(LOGISTIC, db, snapshot, self.out)  # these lines do not say what schema they are of
        self.assertEqual((done.returncode, error_of(done)["field"]), (2, "data.schema"))

    def end_at(self, wanted, config, number=signal.SIGTERM):
        """Trains until a line with `wanted` is on stderr, then sends a signal."""
        file = self.folder / "config.json"
        file.write_text(json.dumps(config))
        command = [BIN / "vickrey", "train", "--config", file, "--db", self.db, "--snapshot", self.snapshot, "--out", self.out]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process:
            for line in process.stderr:
                if wanted in line:
                    break
            process.send_signal(number)
            self.assertEqual(process.communicate(timeout=60)[0], "")
            self.assertEqual(process.returncode, 4 if number == signal.SIGTERM else -number)

    def test_a_run_that_is_ended_leaves_no_artifact(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.end_at('"model":"plain","epoch":2', {**LOGISTIC, "optimizer": {"epochs": 100000}}, number)
            self.assertFalse((self.out / "plain").exists())
        # The version is that run's, which may still go on.
        self.assertEqual(trained(LOGISTIC, self.db, self.snapshot, self.out)["version"], "2")

    def test_a_teacher_that_was_ended_half_way_is_finished_by_the_next_run(self):
        config = {**STUDENT, "teacher": {**STUDENT["teacher"], "optimizer": {"batch_auctions": 64, "epochs": 40}}}
        self.end_at('"model":"teacher/2","epoch":1', config, signal.SIGKILL)
        self.assertEqual(len(list(self.out.glob("teacher-*/1/SHA256SUMS"))), 1)
        self.assertEqual(list(self.out.glob("teacher-*/2")) + list(self.out.glob("labels/*/*")), [])
        resumed = trained(config, self.db, self.snapshot, self.out)
        self.assertFalse(resumed["teacher"]["reused"])
        fresh = trained(config, self.db, self.snapshot, self.folder / "fresh")
        self.assertEqual(self.labels(resumed), self.labels(fresh))
        self.assertEqual(self.weights(resumed), self.weights(fresh))


if __name__ == "__main__":
    unittest.main()
