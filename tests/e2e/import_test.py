"""`vickrey log import` and `export` as their users run them."""

import gzip
import json
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from tool import BIN, ROOT, SAMPLES, error_of, replies, vickrey

ARROW = ROOT / ".deps" / f"arrow-{(ROOT / 'cmake/arrow-version.txt').read_text().strip()}"

PRICES = r"""
delimiter: "\t"
columns: [click, price, pctr, hour]
click: click
pctr: pctr
price_mille: {column: price, micros: 10000}
currency_code: CNY
time: {column: hour, format: hours, start: 2013-06-06T00:00:00Z}
features:
  fields:
    - {name: hour, side: CONTEXT, kind: DENSE}
"""


def auction(i, **more):
    return {"auction_id": f"a{i}", "event_time": 1704067200000000 + i,
            "candidates": [{"ad_id": "x", "bid_micros": 1000000, "slot": 1}], **more}


def criteo_row(i):
    return "\t".join([str(i % 2), *map(str, range(13)), *[f"{i % 7}{c:07x}" for c in range(26)]]) + "\n"


class Folder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.db = self.folder / "log"

    def write(self, name, text):
        (self.folder / name).write_text(text)
        return self.folder / name


class ImportTest(Folder):
    def test_too_many_rejects_store_nothing_and_it_goes_on_with_a_larger_share(self):
        bad = self.write("bad.jsonl", json.dumps(auction(1)) + "\nnonsense\n")
        done = vickrey("log", "import", "--db", self.db, "--format", "jsonl", bad)
        self.assertEqual((done.returncode, error_of(done)["field"]), (2, None))  # of the row, which comes first
        self.assertIn("--max-rejects: 1 of 2 rows were rejected", done.stderr)
        self.assertEqual(replies("log", "scan", "--db", self.db), [])
        result = replies("log", "import", "--db", self.db, "--format", "jsonl", "--max-rejects", 0.5, bad)[0]
        self.assertEqual((result["stored"], result["rejected"]), ("1", "1"))
        self.assertTrue(result["first_error"].startswith("line 2: "))

    def test_rejected_rows_are_in_a_file_with_line_and_reason(self):
        text = "".join(criteo_row(i) if i not in (3, 7) else "junk\n" for i in range(1, 11))
        result = replies("log", "import", "--db", self.db, "--format", "criteo", "--max-rejects", 0.5, self.write("c.tsv", text))[0]
        self.assertEqual((result["read"], result["stored"], result["rejected"]), ("10", "8", "2"))
        rejects = [json.loads(line) for line in pathlib.Path(result["rejects"]).read_text().splitlines()]
        self.assertEqual([reject["line"] for reject in rejects], ["3", "7"])
        self.assertIn("has 1 columns", rejects[0]["reason"])
        elsewhere = replies("log", "import", "--db", self.db, "--format", "criteo", "--max-rejects", 0.5, "--rejects",
                            self.folder / "r.jsonl", self.folder / "c.tsv")[0]
        self.assertEqual((elsewhere["duplicate"], elsewhere["rejects"]), ("8", str(self.folder / "r.jsonl")))
        self.assertEqual(len((self.folder / "r.jsonl").read_text().splitlines()), 2)

    def test_a_stop_for_rejects_commits_whole_batches_only_and_is_gone_on_with(self):
        rows = [criteo_row(i) for i in range(5000)]
        file = self.write("c.tsv", "".join(rows[:4000] + ["junk\n"] * 200 + rows[4000:]))
        done = vickrey("log", "import", "--db", self.db, "--format", "criteo", file)
        self.assertEqual(done.returncode, 2)
        stored = int(replies("log", "stats", "--db", self.db)[0]["auctions"])
        self.assertEqual(stored, 3072)  # three batches of 1024: the fourth holds the rejects
        result = replies("log", "import", "--db", self.db, "--format", "criteo", "--max-rejects", 0.1, file)[0]
        self.assertEqual((result["stored"], result["duplicate"]), (str(5000 - stored), str(stored)))
        self.assertTrue(replies("log", "verify", "--db", self.db)[0]["ok"])

    def test_rejected_rows_are_counted_as_rows_and_conflicts_too(self):
        schema = self.write("s.yaml", "auction: q\npropensity: p\nfeatures: {fields: [{name: x, side: AD, kind: DENSE}]}\n")
        rows = "x,q,p\n" + "".join(f"1,{i // 50},{2.5 if i < 100 else 0.5}\n" for i in range(200))
        done = vickrey("log", "import", "--db", self.db, "--format", "csv", "--schema", schema, self.write("t.csv", rows))
        self.assertEqual(done.returncode, 2)
        self.assertIn("--max-rejects: 100 of 200 rows were rejected", done.stderr)
        result = replies("log", "import", "--db", self.db, "--format", "csv", "--schema", schema, "--max-rejects", 0.5,
                         self.folder / "t.csv")[0]
        self.assertEqual((result["read"], result["stored"], result["rejected"]), ("200", "2", "100"))
        one, other = self.write("1.jsonl", json.dumps(auction(1))), self.write("2.jsonl", json.dumps(auction(1, model="m@1")))
        replies("log", "import", "--db", self.db, "--format", "jsonl", one)
        done = vickrey("log", "import", "--db", self.db, "--format", "jsonl", "--max-rejects", 0, other)
        self.assertEqual(done.returncode, 2)
        self.assertIn("another auction 'a1' is in the log already", done.stderr)

    def test_a_file_of_the_wrong_kind_is_left_soon(self):
        bad = self.write("bad.tsv", "x\n" * 200000)
        done = vickrey("log", "import", "--db", self.db, "--format", "criteo", bad)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--max-rejects: 1024 of 1024 rows were rejected", done.stderr)
        replies("log", "import", "--db", self.db, "--format", "criteo", "--max-rejects", 1, "--group-size", 3, bad)

    def test_nothing_else_is_overwritten(self):
        file = self.write("c.tsv", "junk\n" + "".join(map(criteo_row, range(200))))
        for target in (file, self.folder, "/dev/null/x"):
            done = vickrey("log", "import", "--db", self.db, "--format", "criteo", "--rejects", target, file)
            self.assertEqual((done.returncode, error_of(done)["field"]), (2, "--rejects"), target)
        self.assertEqual(len(file.read_text().splitlines()), 201)
        replies("log", "append", "--db", self.db, lines=[auction(1)])
        (self.folder / "link").symlink_to(file)
        for target in (self.folder, self.folder / "link"):
            done = vickrey("log", "export", "--db", self.db, "--format", "parquet", "--out", target)
            self.assertEqual((done.returncode, error_of(done)["field"]), (2, "--out"), target)

    def test_compressed_copies_are_the_same_file(self):
        file = self.write("c.tsv", "".join(map(criteo_row, range(20))))
        with gzip.open(self.folder / "c.tsv.gz", "wb") as out:
            out.write(file.read_bytes())
        self.assertEqual(replies("log", "import", "--db", self.db, "--format", "criteo", file)[0]["stored"], "20")
        packed = replies("log", "import", "--db", self.db, "--format", "criteo", self.folder / "c.tsv.gz")[0]
        self.assertEqual((packed["stored"], packed["duplicate"]), ("0", "20"))
        cut = self.folder / "cut.gz"
        cut.write_bytes((self.folder / "c.tsv.gz").read_bytes()[:-20])
        done = vickrey("log", "import", "--db", self.folder / "other", "--format", "criteo", cut)
        self.assertEqual((done.returncode, error_of(done)["field"]), (2, "FILE"))
        self.assertIn(str(cut), error_of(done)["message"])
        self.assertFalse((self.folder / "other").exists())

    def test_encoded_and_named_features_are_scored_alike(self):
        file = self.write("c.tsv", "".join(map(criteo_row, range(20))))
        replies("log", "import", "--db", self.db, "--format", "criteo", file)
        encoded = self.folder / "encoded"
        replies("log", "import", "--db", encoded, "--format", "criteo", "--encode", file)
        named = replies("features", "encode", "--schema", "criteo", text=vickrey("log", "export", "--db", self.db).stdout)
        arrays = [line["candidates"][0]["encoded_features"] for line in replies("log", "export", "--db", encoded)]
        self.assertEqual([line["candidates"][0] for line in named], arrays)
        done = vickrey("log", "import", "--db", self.db, "--format", "criteo", "--encode", file)
        self.assertEqual((done.returncode, error_of(done)["field"]), (2, "FILE"))  # in another way before

    def test_bad_flags_name_themselves(self):
        file = self.write("c.tsv", criteo_row(1))
        schema = self.write("s.yaml", PRICES)
        for flags, field in ((["--format", "avazu"], "format"), (["--format", "csv"], "schema"),
                             (["--format", "criteo", "--schema", schema], "schema"),
                             (["--format", "criteo", "--items", file], "items"),
                             (["--format", "jsonl", "--encode"], "encode"), (["--format", "jsonl", "--bids", "lognormal:0,1"], "bids"),
                             (["--format", "outbrain", "--group-size", 3], "group_size"),
                             (["--format", "criteo", "--bids", "uniform"], "bids"),
                             (["--format", "open_bandit", "--items", self.folder / "none"], "--items"),
                             (["--format", "parquet"], None)):
            done = vickrey("log", "import", "--db", self.db, *flags, file)
            self.assertEqual((done.returncode, error_of(done)["field"]), (2, field), flags)
            self.assertFalse(self.db.exists(), flags)

    def test_sigterm_ends_it_and_it_goes_on(self):
        file = self.write("c.tsv", "".join(map(criteo_row, range(60000))))
        command = [BIN / "vickrey", "log", "import", "--db", self.db, "--format", "criteo", file]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            while not list((self.db / "data").glob("*.log")) and process.poll() is None:
                pass
            process.send_signal(signal.SIGTERM)
            process.communicate()
        self.assertIn(process.returncode, (0, 4))
        result = replies("log", "import", "--db", self.db, "--format", "criteo", file)[0]
        self.assertEqual(int(result["stored"]) + int(result["duplicate"]), 60000)
        self.assertEqual(replies("log", "stats", "--db", self.db)[0]["auctions"], "60000")

    def test_parquet_there_and_back(self):
        lines = [auction(1, currency_code="USD", reserve_mille_micros=5), auction(2, context={"site": "x", "tags": ["a", "b"]}),
                 auction(3, candidates=[{"ad_id": "y", "bid_micros": 7, "click": 1, "slot": 2, "features": {"price": 1.5},
                                         "conversions": 2, "price_mille_micros": 9}])]
        replies("log", "append", "--db", self.db, lines=lines)
        replies("log", "feedback", "--db", self.db, lines=[
            {"feedback_id": "f", "auction_id": "a1", "ad_id": "x", "kind": "CLICK", "event_time": 1704067200000009}])
        for flag in ("--out", "--format"):
            self.assertEqual(vickrey("log", "export", "--db", self.db, flag, "parquet").returncode, 2)
        for join in ([], ["--join"]):
            file = self.folder / "x.parquet"
            vickrey("log", "export", "--db", self.db, "--format", "parquet", "--out", file, *join)
            copy = self.folder / f"copy{len(join)}"
            replies("log", "import", "--db", copy, "--format", "parquet", file)
            self.assertEqual(vickrey("log", "export", "--db", copy).stdout, vickrey("log", "export", "--db", self.db, *join).stdout)
        self.assertEqual(replies("log", "export", "--db", self.folder / "copy1")[0]["candidates"][0]["click"], 1)
        rows = self.read_parquet(file)
        self.assertEqual([row["auction_id"] for row in rows], ["a1", "a2", "a3"])
        self.assertEqual(rows[2]["candidates"][0]["features"], {"price": 1.5})
        self.assertEqual(rows[1]["context"], {"site": "x", "tags": ["a", "b"]})
        self.assertIn("timestamp[us", self.read_parquet(file, "str(table.schema.field('event_time').type)"))

    @staticmethod
    def read_parquet(file, expression="table.drop(['event_time']).to_pylist()"):
        """What stock pyarrow makes of a file."""
        script = f"import json, pyarrow.parquet; table = pyarrow.parquet.read_table({str(file)!r}); print(json.dumps({expression}))"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={"PYTHONPATH": str(ARROW)})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


class SampleTest(Folder):
    """Public logs, imported, verified, exported in both formats and imported again."""

    def check(self, file_format, name, *flags, read=None, digits=12):
        sample = SAMPLES / name
        if not sample.exists():
            self.skipTest("sample not present")
        imported = ["log", "import", "--format", file_format, *flags, sample]
        first = replies(*imported, "--db", self.db)[0]
        self.assertEqual((first["read"], first["rejected"]), (read, "0"))
        again = replies(*imported, "--db", self.db)[0]
        self.assertEqual((again["stored"], again["duplicate"]), ("0", first["stored"]))
        other = vickrey(*imported, "--seed", 9, "--db", self.db)
        self.assertEqual((other.returncode, error_of(other)["field"]), (2, "FILE"))  # the same rows, priced otherwise
        self.assertTrue(replies("log", "verify", "--db", self.db)[0]["ok"])
        snapshot = replies("log", "snapshot", "create", "--db", self.db)[0]
        self.assertTrue(replies("log", "verify", "--db", self.db, "--snapshot", snapshot["snapshot_id"])[0]["ok"])
        jsonl, parquet = self.folder / "x.jsonl", self.folder / "x.parquet"
        with open(jsonl, "w") as out:
            subprocess.run([BIN / "vickrey", "log", "export", "--db", self.db], stdout=out, check=True)
        self.assertEqual(vickrey("log", "export", "--db", self.db, "--format", "parquet", "--out", parquet).returncode, 0)
        for exported in (jsonl, parquet):
            copy = self.folder / "copy"
            replies("log", "import", "--db", copy, "--format", exported.suffix[1:], exported)
            self.assertEqual(replies("log", "snapshot", "create", "--db", copy)[0]["digest"], snapshot["digest"], exported)
            shutil.rmtree(copy)
        self.assertEqual(ImportTest.read_parquet(parquet, "table.num_rows"), int(first["stored"]))
        stats = replies("log", "stats", "--db", self.db)[0]
        return stats["auctions"], stats["candidates"], stats["clicks"]

    def test_criteo(self):
        counts = self.check("criteo", "criteo/criteo_train_full39.tsv", "--group-size", 8, "--bids", "lognormal:0,1", read="6583")
        self.assertEqual(counts, ("823", "6583", "1649"))
        replies("features", "encode", "--schema", "criteo", text=vickrey("log", "export", "--db", self.db).stdout)

    def test_criteo_encoded(self):
        counts = self.check("criteo", "criteo/criteo_train_full39.tsv", "--group-size", 8, "--encode", read="6583")
        self.assertEqual(counts, ("823", "6583", "1649"))

    def test_outbrain(self):
        counts = self.check("outbrain", "outbrain/sample_train_dat.csv", "--bids", "lognormal:0,1", read="9999")
        self.assertEqual(counts, ("1959", "9999", "1959"))
        replies("features", "encode", "--schema", "outbrain", text=vickrey("log", "export", "--db", self.db).stdout)

    def test_ipinyou_of_27_columns(self):
        counts = self.check("ipinyou", "ipinyou_log/train.log.txt", "--bids", "lognormal:0,1", read="8355")
        self.assertEqual(counts, ("8355", "8355", "5"))
        first = replies("log", "export", "--db", self.db, "--to", "2013-10-19T00:00:00Z")
        paid = [int(line["candidates"][0]["price_mille_micros"]) for line in first]
        self.assertTrue(all(0 <= p <= int(line["candidates"][0]["bid_mille_micros"]) for p, line in zip(paid, first)))
        replies("features", "encode", "--schema", "ipinyou", text="".join(json.dumps(line) + "\n" for line in first))

    def test_ipinyou_of_29_columns(self):
        self.assertEqual(self.check("ipinyou", "ipinyou_log/test.log.txt", read="4171"), ("4171", "4171", "0"))
        self.assertEqual({line["candidates"][0]["conversions"] for line in replies("log", "export", "--db", self.db)}, {"0"})

    def test_ipinyou_prices(self):
        schema = self.write("prices.yaml", PRICES)
        counts = self.check("csv", "ipinyou_prices/1458.test.txt", "--schema", schema, read="80000")
        self.assertEqual(counts, ("80000", "80000", "51"))

    def check_open_bandit(self, campaign, clicks):
        items = ["--items", SAMPLES / f"open_bandit/{campaign}_item_context.csv"]
        counts = self.check("open_bandit", f"open_bandit/{campaign}.csv", *items, read="10000")
        self.assertEqual(counts, ("10000", "340000", clicks))
        scan = subprocess.Popen([BIN / "vickrey", "log", "scan", "--db", self.db], stdout=subprocess.PIPE, text=True)
        shown = next(c for c in json.loads(scan.stdout.readline())["candidates"] if c["propensity"] is not None)
        scan.kill()
        scan.communicate()
        return shown

    def test_open_bandit_random(self):
        shown = self.check_open_bandit("random_men", "46")
        self.assertAlmostEqual(shown["propensity"], 1 / 34)  # uniform over the items
        self.assertEqual(len(shown["features"]), 6)

    def test_open_bandit_thompson(self):
        self.check_open_bandit("bts_men", "69")


if __name__ == "__main__":
    unittest.main()
