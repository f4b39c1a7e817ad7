"""`vickrey features schema` and `statistics` as their users run them."""

import json
import math
import pathlib
import random
import statistics
import struct
import tempfile
import unittest

from formats_test import xxh64
from tool import error_of, market, replies, vickrey

SCHEMA = """
fields:
  - {name: age, side: CONTEXT, kind: DENSE, transform: STANDARDIZE}
  - {name: price, side: AD, kind: DENSE, transform: BUCKETIZE, buckets: 10, embedding_width: 4}
  - {name: seen, side: AD, kind: DENSE, transform: SIGNED_LOG1P}
  - {name: brand, side: AD, kind: CATEGORICAL, buckets: 64, embedding_width: 4}
  - {name: tags, side: AD, kind: BAG, buckets: 64, embedding_width: 4}
"""


def as_float(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def quantile(values, k, n):
    """The least value that at least k of n parts of the values are not above, by counting."""
    return next(v for v in sorted(values) if sum(w <= v for w in values) * n >= k * len(values))


def auctions(count):
    """Auctions with values that are missing here and there, prices of which many are the same."""
    dice = random.Random(7)

    def some(**values):
        return {name: value for name, value in values.items() if dice.random() < 0.9}
    return [{"auction_id": f"a{i}", "context": some(age=dice.randrange(18, 80)), "candidates": [
        {"ad_id": "x", "features": some(price=round(dice.expovariate(1), 1), seen=dice.gauss(0, 1e3),
                                        brand=f"b{dice.randrange(9)}",
                                        tags=[f"t{dice.randrange(30)}" for _ in range(dice.randrange(4))])}
        for _ in range(dice.randrange(1, 4))]} for i in range(count)]


class FeaturesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.schema = self.file("schema.yaml", SCHEMA)
        self.frozen = self.folder / "frozen.json"

    def file(self, name, text):
        file = self.folder / name
        file.write_text(text)
        return file

    def refused(self, field, *args, **kwargs):
        """The message of a command that is bad input because of `field`."""
        done = vickrey("features", *args, **kwargs)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        error = error_of(done)
        self.assertEqual(error["field"], field, error)
        return error["message"]


class SchemaTest(FeaturesTest):
    def test_what_is_printed_is_a_schema_file(self):
        for preset in ("criteo", "ipinyou", "open_bandit", "outbrain", "synthetic", "synthetic_ads", "synthetic_tower"):
            printed = replies("features", "schema", preset)[0]
            file = self.file(f"{preset}.json", json.dumps(printed))
            self.assertEqual(replies("features", "schema", file), [printed])
            encoded = replies("features", "encode", "--schema", file, lines=[{"auction_id": "a"}])[0]
            self.assertEqual(encoded["schema_id"], printed["schema_id"])

    def test_of_a_file(self):
        fields = replies("features", "schema", self.schema)[0]["fields"]
        self.assertEqual([(f["name"], f["transform"], f["buckets"]) for f in fields],
                         [("age", "STANDARDIZE", "0"), ("price", "BUCKETIZE", "10"), ("seen", "SIGNED_LOG1P", "0"),
                          ("brand", "NONE", "64"), ("tags", "NONE", "64")])

    def test_of_a_table(self):
        csv = self.file("csv.yaml", "click: click\nfeatures: {fields: [{name: hour, side: CONTEXT, kind: DENSE}]}\n")
        printed = replies("features", "schema", csv, "--csv")[0]
        number = xxh64(b"hour\x1fDENSE\x1fCONTEXT\x1e")
        self.assertEqual(printed["schema_id"], f"{number:016x}")
        self.assertEqual([(f["name"], f["transform"]) for f in printed["fields"]], [("hour", "NONE")])
        self.assertIn("click", self.refused("click", "schema", csv))  # it is no schema itself
        self.assertIn("known keys: delimiter", self.refused("fields", "schema", self.schema, "--csv"))
        bad = self.file("bad.yaml", "features: {fields: [{name: a b, side: AD, kind: DENSE}]}\n")
        self.assertIn(f"{bad}: features: fields[0].name: 'a b'", self.refused("fields[0].name", "schema", bad, "--csv"))
        self.refused(None, "schema", self.folder / "none", "--csv")

    def test_bad_input(self):
        self.assertIn("'avazu' is neither a file nor a preset; presets: criteo, ipinyou, open_bandit, outbrain, ",
                      self.refused("NAME_OR_FILE", "schema", "avazu"))
        for verb in ("encode", "statistics"):
            self.assertIn("presets: criteo, ipinyou", self.refused("--schema", verb, "--schema", "avazu"))
            self.assertIn("criteo, ipinyou, open_bandit", vickrey("features", verb, "--help").stdout)
        for change, field in (("transform: STANDARDIZE, mean: 1", "fields[0].deviation"),
                              ("transform: STANDARDIZE, mean: 1, deviation: 0", "fields[0].deviation"),
                              ("mean: 1, deviation: 1", "fields[0].mean"),
                              ("transform: BUCKETIZE, buckets: 2", "fields[0].buckets"),
                              ("transform: BUCKETIZE, buckets: 9, boundaries: [1, 1]", "fields[0].boundaries[1]"),
                              ("transform: BUCKETIZE, buckets: 9, boundaries: [1e40]", "fields[0].boundaries[0]")):
            file = self.file("bad.yaml", f"fields: [{{name: x, side: AD, kind: DENSE, {change}}}]\n")
            self.assertIn(str(file), self.refused(field, "schema", file))


class StatisticsTest(FeaturesTest):
    def test_of_mixed_fields(self):
        lines = auctions(300)
        age, price, seen, brand, tags = replies("features", "statistics", "--schema", self.schema, lines=lines)
        ads = [c["features"] for line in lines for c in line["candidates"]]
        for field, rows in ((age, [line["context"] for line in lines]), (price, ads), (seen, ads)):
            values = [as_float(row[field["name"]]) for row in rows if field["name"] in row]
            self.assertEqual((int(field["rows"]), int(field["missing"])), (len(rows), len(rows) - len(values)))
            dense = field["dense"]
            self.assertTrue(math.isclose(dense["mean"], statistics.fmean(values), rel_tol=1e-12, abs_tol=1e-9))
            self.assertTrue(math.isclose(dense["deviation"], statistics.pstdev(values), rel_tol=1e-12))
            self.assertEqual([as_float(dense["min"]), as_float(dense["max"])], [min(values), max(values)])
            self.assertEqual([as_float(q) for q in dense["quantiles"]],
                             [quantile(values, k, 20) for k in range(1, 20)])
            self.assertEqual(field["fingerprint_bins"], [])
        for field, of in ((brand, lambda row: [row["brand"]] if "brand" in row else []),
                          (tags, lambda row: row.get("tags", []))):
            bins, missing = [0] * 64, 0
            for row in ads:
                missing += not of(row)
                for value in of(row):
                    bins[xxh64(f"{field['name']}\x1f{value}".encode()) >> 58] += 1
            self.assertEqual((int(field["rows"]), int(field["missing"])), (len(ads), missing))
            self.assertEqual([int(b) for b in field["fingerprint_bins"]], bins)
            self.assertIsNone(field["dense"])

    def test_named_and_encoded_are_the_same(self):
        lines = auctions(20)
        encoded = [{"auction_id": line["auction_id"], "encoded_context": line["context"], "candidates": [
            {"ad_id": "x", "encoded_features": c} for c in line["candidates"]]}
            for line in replies("features", "encode", "--schema", self.schema, lines=lines)]
        both = [replies("features", "statistics", "--schema", self.schema, lines=given) for given in (lines, encoded)]
        self.assertEqual(*both)

    def test_frozen(self):
        lines = auctions(300)
        age, *_ = replies("features", "statistics", "--schema", self.schema, "--frozen", self.frozen, lines=lines)
        before, after = replies("features", "schema", self.schema)[0], replies("features", "schema", self.frozen)[0]
        self.assertEqual(json.loads(self.frozen.read_text()), after)
        self.assertEqual(after["schema_id"], before["schema_id"])
        fields = after["fields"]
        self.assertEqual((fields[0]["mean"], fields[0]["deviation"]), (age["dense"]["mean"], age["dense"]["deviation"]))
        ads = [c["features"] for line in lines for c in line["candidates"]]
        prices = [as_float(ad["price"]) for ad in ads if "price" in ad]
        self.assertEqual([as_float(b) for b in fields[1]["boundaries"]],
                         sorted({quantile(prices, k, 9) for k in range(1, 9)}))
        self.assertEqual(fields[2:], before["fields"][2:])
        # What is frozen stays, whatever comes: here an auction without features.
        again = self.folder / "again.json"
        replies("features", "statistics", "--schema", self.frozen, "--frozen", again, lines=[{"auction_id": "a"}])
        self.assertEqual(again.read_bytes(), self.frozen.read_bytes())

    def test_of_nothing(self):
        for field in replies("features", "statistics", "--schema", self.schema):
            self.assertEqual({**field, "name": ""}, {"name": "", "rows": "0", "missing": "0", "dense": None,
                                                     "fingerprint_bins": []})
        done = vickrey("features", "statistics", "--schema", self.schema, "--frozen", self.frozen)
        self.assertEqual((done.returncode, error_of(done)["field"]), (2, "--frozen"))
        self.assertFalse(self.frozen.exists())

    def test_the_seed_decides_which_of_many_values_are_looked_at(self):
        text = market(2500, scenario="linear")  # with more than 16,384 candidates
        seeds = [replies("features", "statistics", "--schema", "synthetic", "--seed", seed, text=text)
                 for seed in (1, 1, 2)]
        self.assertGreater(int(seeds[0][-1]["rows"]), 16384)
        self.assertEqual(seeds[0], seeds[1])
        self.assertNotEqual(seeds[0], seeds[2])
        self.assertEqual([f["dense"]["mean"] for f in seeds[0]], [f["dense"]["mean"] for f in seeds[2]])

    def test_bad_input(self):
        good = {"auction_id": "a", "candidates": [{"ad_id": "x", "features": {"price": 1}}]}
        bad = {"auction_id": "b", "candidates": [{"ad_id": "x", "features": {"price": "much"}}]}
        self.frozen.write_text("as it was")
        done = vickrey("features", "statistics", "--schema", self.schema, "--frozen", self.frozen, lines=[good, bad])
        error = error_of(done)
        self.assertEqual((done.returncode, done.stdout, error["line"], error["field"]),
                         (2, "", "2", "candidates[0].features.price"))
        open_ended = self.file("open.yaml", "fields: [{name: x, side: AD, kind: DENSE, transform: BUCKETIZE}]\n")
        self.assertIn("'x'; 3 to 65536", self.refused("fields[0].buckets", "statistics", "--schema", open_ended,
                                                      "--frozen", self.frozen))
        replies("features", "statistics", "--schema", open_ended)  # which is no fault where nothing is frozen
        self.refused("--seed", "statistics", "--schema", self.schema, "--seed", "x")
        self.assertEqual(self.frozen.read_text(), "as it was")
        nowhere = vickrey("features", "statistics", "--schema", self.schema, "--frozen", self.folder / "none/f.json")
        self.assertEqual((nowhere.returncode, nowhere.stdout), (2, ""), nowhere.stderr)

    def test_a_frozen_schema_that_no_file_may_hold_is_refused(self):
        schema = self.file("large.yaml", "fields:\n" + "".join(
            f"- {{name: {name}, side: AD, kind: DENSE, transform: BUCKETIZE, buckets: 65536}}\n" for name in "ab"))
        dice = random.Random(1)
        lines = [{"auction_id": f"a{i}", "candidates": [
            {"ad_id": "x", "features": {"a": dice.random(), "b": dice.random()}} for _ in range(700)]}
            for i in range(100)]
        message = self.refused("--frozen", "statistics", "--schema", schema, "--frozen", self.frozen, lines=lines)
        self.assertIn("at most 1048576", message)
        self.assertFalse(self.frozen.exists())


if __name__ == "__main__":
    unittest.main()
