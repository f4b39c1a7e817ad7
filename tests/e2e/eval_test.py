"""`vickrey eval`, `features` and `market` as their users run them."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from tool import BIN, ROOT, error_of, replies, vickrey

PAIR = [{"ad_id": "x", "bid_micros": 2000000, "pctr": 0.1, "ctr": 0.2},
        {"ad_id": "y", "bid_micros": 3000000, "pctr": 0.05, "ctr": 0.05}]


class EvalAuctionTest(unittest.TestCase):
    def test_hand_worked_auctions(self):
        for line in (ROOT / "tests/golden/eval_auction.jsonl").read_text().splitlines():
            case = json.loads(line)
            with self.subTest(case["note"]):
                result = replies("eval", "auction", *case["flags"],
                                 lines=[{"auction_id": "g", "candidates": case["candidates"]}])[0]
                self.assertEqual(result["ranking"], case["ranking"])
                sold = [(p["index"], p["price_micros"]) for p in result["placements"]]
                self.assertEqual(sold, [] if case["index"] is None else [(case["index"], case["price_micros"])])
                for key in ("welfare", "declared_welfare", "revenue", "surplus", "oracle_welfare", "regret"):
                    if key in case and case[key] is not None:
                        self.assertAlmostEqual(result[key], case[key], places=12, msg=key)
                    elif key in case:
                        self.assertIsNone(result[key], key)
                if "reference" in case:
                    self.assertEqual(result["reference"], case["reference"])

    def test_replies_are_in_order(self):
        lines = [{"auction_id": f"a{i}", "candidates": PAIR} for i in range(1000)]
        self.assertEqual([r["auction_id"] for r in replies("eval", "auction", lines=lines)], [f"a{i}" for i in range(1000)])

    def test_bad_input_names_line_and_field(self):
        def pair(**change):
            return {"auction_id": "a", "candidates": [PAIR[0], {**PAIR[1], **change}]}
        cases = [
            (pair(pctr=1.5), "candidates[1].pctr"), (pair(pctr="NaN"), "candidates[1].pctr"),
            (pair(pctr=None), "candidates[1].pctr"), (pair(pctr="x"), "candidates[1].pctr"),
            (pair(bid_micros=0), "candidates[1].bid_micros"), (pair(bid_micros=-1), "candidates[1].bid_micros"),
            (pair(bid_micros=10**15 + 1), "candidates[1].bid_micros"), (pair(bid_micros=1.5), "candidates[1].bid_micros"),
            (pair(ctr=-0.1), "candidates[1].ctr"), (pair(click=2), "candidates[1].click"),
            (pair(value_micros=-1), "candidates[1].value_micros"), (pair(bidd=1), "candidates[1].bidd"),
            ({"auction_id": "a", "candidates": []}, "candidates"), ({"auction": "a"}, "auction"),
        ]
        for line, field in cases:
            done = vickrey("eval", "auction", lines=[{"auction_id": "good", "candidates": PAIR}, line])
            error = error_of(done)
            self.assertEqual((done.returncode, error["line"], error["field"]), (2, "2", field), line)
            self.assertEqual(len(done.stdout.splitlines()), 1)
        self.assertEqual(vickrey("eval", "auction", text="nonsense\n").returncode, 2)

    def test_several_slots(self):
        rules = ("--slots", 2, "--position-multipliers", "1,0.5")
        lines = [{"auction_id": "e", "candidates": [{"ad_id": name, "bid_micros": bid * 10**6, "pctr": 0.1, "ctr": 0.1}
                                                    for name, bid in (("ten", 10), ("four", 4), ("two", 2))]}]
        for mechanism, prices in (("gsp", [4, 2]), ("vcg", [3, 2]), ("first_price", [10, 4])):
            result = replies("eval", "auction", "--mechanism", mechanism, *rules, lines=lines)[0]
            self.assertEqual([(p["slot"], p["ad_id"], int(p["price_micros"]) / 10**6, p["examination"]) for p in result["placements"]],
                             [(1, "ten", prices[0], 1), (2, "four", prices[1], .5)])
            self.assertAlmostEqual(result["welfare"], 1 + .5 * .4)
            self.assertAlmostEqual(result["revenue"], .1 * prices[0] + .5 * .1 * prices[1])
            self.assertEqual(result["regret"], 0)
            m = replies("eval", "metrics", "--mechanism", mechanism, *rules, lines=lines)[0]
            for key in ("welfare", "revenue", "oracle_welfare"):
                self.assertAlmostEqual(m[key], result[key], places=15)

    def test_bad_rules(self):
        for flags in (["--mechanism", "lottery"], ["--slots", 2], ["--position-multipliers", "1,0.5"],
                      ["--mechanism", "gsp", "--slots", 0], ["--mechanism", "gsp", "--slots", 101],
                      ["--mechanism", "vcg", "--slots", 2, "--position-multipliers", "1,1.5"],
                      ["--mechanism", "vcg", "--slots", 2, "--position-multipliers", "1,0"],
                      ["--reserve-click-micros", 0], ["--reserve-click-micros", "x"], ["--reserve-mille-micros", 10**19],
                      ["--reserve-click-micros", 1, "--reserve-mille-micros", 1], ["--unknown"]):
            done = vickrey("eval", "auction", *flags)
            self.assertEqual(done.returncode, 2, flags)
            error_of(done)


class EvalMetricsTest(unittest.TestCase):
    def test_a_worked_example(self):
        lines = [{"auction_id": "1", "candidates": [{**PAIR[0], "click": 1}, {**PAIR[1], "click": 0}]},
                 {"auction_id": "2", "candidates": [{**PAIR[0], "click": 0, "ctr": 0.01}, {**PAIR[1], "click": 0}]}]
        m = replies("eval", "metrics", "--bid-buckets", 2, lines=lines)[0]
        self.assertEqual((m["auctions"], m["rows"], m["clicks"], m["reference"]), ("2", "4", "1", "truth"))
        self.assertAlmostEqual(m["auc"], (1 + 1 + 0.5) / 3)
        self.assertEqual(m["auction_auc"], 1)
        self.assertAlmostEqual(m["calibration"], 0.3)
        self.assertAlmostEqual(m["welfare"], (0.4 + 0.02) / 2)
        self.assertAlmostEqual(m["oracle_welfare"], (0.4 + 0.15) / 2)
        self.assertAlmostEqual(m["regret"], 0.13 / 2)
        self.assertAlmostEqual(m["lost"]["ranking"], 0.13 / 2)
        self.assertAlmostEqual(m["revenue"], 1.5 * (0.2 + 0.01) / 2)
        self.assertAlmostEqual(m["surplus"], m["welfare"] - m["revenue"])
        self.assertEqual([b["rows"] for b in m["by_bid"]], ["2", "2"])

    def test_nothing_in_nothing_out(self):
        m = replies("eval", "metrics")[0]
        self.assertEqual((m["auctions"], m["auc"], m["reference"]), ("0", None, None))


class EvalCompareTest(unittest.TestCase):
    def compare(self, a, b, *flags):
        with tempfile.TemporaryDirectory() as folder:
            files = [pathlib.Path(folder, name) for name in ("a.jsonl", "b.jsonl")]
            for file, lines in zip(files, (a, b)):
                file.write_text("".join(json.dumps(line) + "\n" for line in lines))
            return vickrey("eval", "compare", *files, *flags)

    @staticmethod
    def outcomes(*welfare, **more):
        return [{"auction_id": f"a{i}", "welfare": w, "oracle_welfare": 2, "revenue": (w or 0) / 2, "pctr": 0.1 * (i % 9),
                 "clicked": i % 3 == 0, "cluster_key": f"u{i // 2}", **more} for i, w in enumerate(welfare)]

    def test_the_exit_code_is_the_answer(self):
        a, b = self.outcomes(1.2, .5, .9, 1.7, .3, 1.1, .8, 2.0), self.outcomes(1.0, .6, .7, 1.5, .4, 1.0, .9, 1.6)
        better = self.compare(a, b, "--metric", "welfare")
        result = json.loads(better.stdout)
        self.assertEqual((better.returncode, result["pass"]), (1, False))
        self.assertAlmostEqual(result["relative_ci95"][0], -0.006933099595021849)  # scipy and numpy
        self.assertAlmostEqual(result["ci95"][1], 0.2283097616934579)
        self.assertEqual(self.compare(a, b, "--margin", "-0.01").returncode, 0)
        clustered = json.loads(self.compare(a, b, "--cluster").stdout)
        self.assertEqual(clustered["clusters"], "4")
        for metric in ("revenue", "regret", "calibration", "auc"):
            done = self.compare(a, b, "--metric", metric, "--bootstrap", 50)
            self.assertIn(done.returncode, (0, 1), done.stderr)
            self.assertEqual(json.loads(done.stdout)["method"], "bootstrap")

    def test_regret_removed(self):
        a, b = self.outcomes(1.5, 1.6, 1.4, 1.5), self.outcomes(1.0, 1.1, .9, 1.0)  # regrets of about .5 and 1
        found = json.loads(self.compare(a, b, "--metric", "regret").stdout)
        self.assertAlmostEqual(found["regret_removed"], .5)
        self.assertAlmostEqual(found["regret_removed_ci95"][0], -found["relative_ci95"][1])
        nearly_none = self.outcomes(2, 2, 2, 1.9)  # a regret of .025, one standard error
        found = json.loads(self.compare(a, nearly_none, "--metric", "regret").stdout)
        self.assertEqual((found["regret_removed"], found["regret_removed_ci95"]), (None, None))
        self.assertIsNone(json.loads(self.compare(a, b, "--metric", "welfare").stdout)["regret_removed"])
        same = self.compare(b, b, "--metric", "regret").stdout
        self.assertIn('"regret_removed":0,"regret_removed_ci95":[0,0]', same)

    def test_few_clusters_can_be_resampled(self):
        # Of two clusters a resampling counts none at all in 14 of 100 cases; the metric is not defined then.
        a, b = self.outcomes(1.2, .5, .9, 1.7), self.outcomes(1.0, .6, .7, 1.5)
        found = json.loads(self.compare(a, b, "--cluster", "--bootstrap", 500, "--seed", 3).stdout)
        self.assertEqual(found["clusters"], "2")
        # Either cluster alone, in more than 2.5 %: (1.7 - 1.6) / 1.6 and (2.6 - 2.2) / 2.2.
        self.assertAlmostEqual(found["relative_ci95"][0], .1 / 1.6)
        self.assertAlmostEqual(found["relative_ci95"][1], .4 / 2.2)
        self.assertEqual(found, json.loads(self.compare(a, b, "--cluster", "--bootstrap", 500, "--seed", 3).stdout))

    def test_bad_input(self):
        a = self.outcomes(1, 2, 3)
        self.assertEqual(error_of(self.compare(a, a[:2]))["field"], "auction_id")
        self.assertEqual(error_of(self.compare(a[:2], a))["field"], "auction_id")
        twice = self.compare(a + a[:1], a)
        self.assertEqual((twice.returncode, error_of(twice)["line"]), (2, "4"))
        self.assertEqual(error_of(self.compare(self.outcomes(1, None), a[:2]))["field"], "welfare")
        self.assertEqual(self.compare(a, a, "--metric", "beauty").returncode, 2)
        self.assertEqual(self.compare(a, a, "--margin", "nan").returncode, 2)
        self.assertEqual(self.compare([], []).returncode, 2)
        for field, value in (("pctr", "NaN"), ("pctr", 2), ("welfare", "Infinity"), ("auction_id", "")):
            bad = self.compare(a, [{**a[0], field: value}], "--metric", "auc")
            self.assertEqual((bad.returncode, error_of(bad)["field"]), (2, field))
        self.assertEqual(vickrey("eval", "compare", "no-such", "no-such").returncode, 2)


class OffPolicyTest(unittest.TestCase):
    LINES = [{"reward": i % 3, "propensity": [.5, .2, .3][i % 3], "target_probability": [.1, .6, .3][i % 3], "q_logged": .9,
              "q_target": 1.1, "cluster_key": f"u{i // 2}"} for i in range(60)]

    def test_agrees_with_plain_arithmetic(self):
        m = replies("eval", "off-policy", lines=self.LINES)[0]
        w = [line["target_probability"] / line["propensity"] for line in self.LINES]
        r = [line["reward"] for line in self.LINES]
        n = len(w)
        ips = sum(a * b for a, b in zip(w, r)) / n
        self.assertEqual((m["n"], m["clusters"]), (str(n), "30"))
        self.assertAlmostEqual(m["ess"], sum(w) ** 2 / sum(a * a for a in w))
        self.assertAlmostEqual(m["max_weight"], max(w))
        self.assertAlmostEqual(m["mean_weight"], sum(w) / n)
        self.assertAlmostEqual(m["ips"]["value"], ips)
        snips = ips * n / sum(w)
        self.assertAlmostEqual(m["snips"]["value"], snips)
        self.assertAlmostEqual(m["dm"]["value"], 1.1)
        self.assertIsNone(m["dm"]["ci95"])
        self.assertAlmostEqual(m["dr"]["value"], 1.1 + sum(a * (b - .9) for a, b in zip(w, r)) / n)
        users = [list(zip(w, r))[i:i + 2] for i in range(0, n, 2)]
        errors = {"ips": [sum(a * b - ips for a, b in user) / n for user in users],
                  "snips": [sum(a * (b - snips) for a, b in user) / sum(w) for user in users],
                  "dr": [sum(1.1 + a * (b - .9) - m["dr"]["value"] for a, b in user) / n for user in users]}
        for name, by_user in errors.items():
            half = 1.959963984540054 * (30 / 29 * sum(e * e for e in by_user)) ** .5
            self.assertAlmostEqual(m[name]["ci95"][0], m[name]["value"] - half)
            self.assertAlmostEqual(m[name]["ci95"][1], m[name]["value"] + half)
        clipped = replies("eval", "off-policy", "--clip", 2, lines=self.LINES)[0]
        self.assertEqual((clipped["max_weight"], round(clipped["clipped"], 12)), (2, round(1 / 3, 12)))
        self.assertTrue(any("clipped" in warning for warning in clipped["warnings"]))

    def test_without_a_reward_model(self):
        m = replies("eval", "off-policy", lines=[{"reward": 1, "propensity": .2, "target_probability": .6}] * 3)[0]
        self.assertEqual((m["dr"], m["dm"], m["zero_support"]), (None, None, 0))
        none = replies("eval", "off-policy")[0]
        self.assertEqual((none["n"], none["ips"]["value"]), ("0", None))
        never = replies("eval", "off-policy", lines=[{"reward": 1, "propensity": .2, "target_probability": 0}] * 3)[0]
        self.assertEqual((never["ips"]["value"], never["snips"]["value"], never["ess"], never["zero_support"]), (0, None, 0, 1))

    def test_refuses(self):
        good = self.LINES[0]
        for change, field in (({"reward": None}, "reward"), ({"reward": "NaN"}, "reward"), ({"propensity": 0}, "propensity"),
                              ({"propensity": None}, "propensity"), ({"propensity": 1.5}, "propensity"),
                              ({"propensity": 1e-300}, "propensity"), ({"target_probability": None}, "target_probability"),
                              ({"target_probability": -1}, "target_probability"), ({"q_target": None}, "q_target"),
                              ({"q_logged": None, "q_target": None}, "q_logged"), ({"propensities": 1}, "propensities")):
            done = vickrey("eval", "off-policy", lines=[good, {**good, **change}])
            self.assertEqual((done.returncode, error_of(done)["field"], error_of(done)["line"]), (2, field, "2"), change)
        certain = vickrey("eval", "off-policy", lines=[{**good, "propensity": 1}] * 5)
        self.assertEqual((certain.returncode, error_of(certain)["field"]), (2, "propensity"))
        self.assertIn("with certainty", error_of(certain)["message"])
        for flag in ("--snapshot", "--target-snapshot"):
            lost = vickrey("eval", "off-policy", flag, "x", lines=[good])
            self.assertEqual((lost.returncode, error_of(lost)["field"]), (2, flag))
        for clip in (0, -1, "x", "nan", "inf"):
            self.assertEqual(vickrey("eval", "off-policy", "--clip", clip).returncode, 2)


class MarketTest(unittest.TestCase):
    def generate(self, *flags):
        done = vickrey("market", "generate", *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_shards_are_the_whole(self):
        for scenario in (line["scenario"] for line in replies("market", "list")):
            flags = ("--scenario", scenario, "--auctions", 9000, "--seed", 3)
            whole = self.generate(*flags)
            self.assertEqual("".join(self.generate(*flags, "--shard", f"{i}/3") for i in range(3)), whole)
            self.assertEqual(len(whole.splitlines()), 9000)

    def test_params(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as params:
            params.write("scenario: linear\ncandidates: 3\nmean_ctr: 0.2\n")
            params.flush()
            line = json.loads(self.generate("--auctions", 1, "--params", params.name))
            self.assertEqual(len(line["candidates"]), 3)
            done = vickrey("market", "generate", "--auctions", 1, "--params", params.name, "--scenario", "interaction")
            self.assertEqual((done.returncode, error_of(done)["field"]), (2, "--scenario"))

    def test_more_features_and_their_schema(self):
        with tempfile.TemporaryDirectory() as folder:
            params, schema = pathlib.Path(folder, "market.yaml"), pathlib.Path(folder, "schema.json")
            params.write_text("scenario: two_segments\ncandidates: 2\nmax_candidates: 5\n"
                              "extra: {dense: 2, categorical: 3, cardinality: 50}\n")
            schema.write_text(vickrey("market", "schema", "--params", params).stdout)
            text = self.generate("--auctions", 50, "--params", params)
            lines = [json.loads(line) for line in text.splitlines()]
            self.assertEqual({len(line["candidates"]) for line in lines}, {2, 3, 4, 5})
            self.assertEqual({line["schema_id"] for line in lines}, {json.loads(schema.read_text())["schema_id"]})
            encoded = replies("features", "encode", "--schema", schema, text=text)
            self.assertEqual([len(encoded[0]["candidates"][0][key]) for key in ("dense", "fingerprints")], [9 + 2, 3])

    def test_parameters_of_another_scenario_are_refused(self):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as params:
            params.write("scenario: linear\ncorrelation: 0.5\n")
            params.flush()
            error = error_of(vickrey("market", "generate", "--auctions", 1, "--params", params.name))
            self.assertIn("belongs to the scenario 'correlated_bids'", error["message"])
            self.assertEqual(error["field"], "correlation")

    def test_the_list_says_what_there_is(self):
        listed = replies("market", "list")
        self.assertEqual(len(listed), 10)
        for line in listed:
            self.assertTrue(line["formula"] and line["student"] and line["summary"], line)
            schema = json.loads(vickrey("market", "schema", "--scenario", line["scenario"]).stdout)
            generated = json.loads(self.generate("--scenario", line["scenario"], "--auctions", 1))
            self.assertEqual(generated["schema_id"], schema["schema_id"])

    def test_bad_input(self):
        for flags in (["--scenario", "lunar", "--auctions", 1], ["--scenario", "linear"], ["--auctions", 1],
                      ["--scenario", "linear", "--auctions", -1], ["--scenario", "linear", "--auctions", 1, "--shard", "2/2"],
                      ["--scenario", "linear", "--auctions", 1, "--seed", "x"],
                      ["--scenario", "linear", "--auctions", 1, "--params", "none"]):
            done = vickrey("market", "generate", *flags)
            self.assertEqual(done.returncode, 2, flags)
            self.assertIsNotNone(error_of(done)["field"], flags)
        for number in ("010", "0x10", "-1", "18446744073709551616", " 1", "1e3", ""):
            done = vickrey("market", "generate", "--scenario", "linear", "--auctions", 1, "--seed", number)
            self.assertEqual((done.returncode, error_of(done)["field"]), (2, "--seed"), number)
        far = vickrey("market", "generate", "--scenario", "linear", "--auctions", 2**50, "--shard", "999999/1000000")
        self.assertEqual((far.returncode, error_of(far)["field"]), (2, "--auctions"))


class HelpTest(unittest.TestCase):
    def test_the_example_of_every_verb_works_when_pasted(self):
        # In an order in which later examples find what earlier ones made.
        verbs = {"eval": ["auction", "loss", "pointwise-loss", "metrics", "compare", "off-policy", "walkforward"],
                 "features": ["fingerprint", "encode", "schema", "statistics"],
                 "market": ["list", "generate"], "train": [None], "cost": [None], "arithmetic": [None], "serve": [None], "simulate": [None],
                 "predict": [None], "models": [None], "auction": [None], "health": [None], "load": [None],
                 "price": [None], "forecast": [None],
                 "log": ["append", "feedback", "import", "scan", "export", "stats", "snapshot"]}
        needs_torch = [("eval", "loss"), ("eval", "pointwise-loss"), ("train", None), ("cost", None), ("arithmetic", None), ("simulate", None), ("predict", None),
                       ("models", None), ("price", None), ("forecast", None)]
        with_torch = (BIN / "vickrey-train").exists()
        # A comparison may say no; nobody serves at the address of the others.
        allowed = {("eval", "compare"): (0, 1), ("auction", None): (0, 3), ("health", None): (3,), ("load", None): (3,)}
        with tempfile.TemporaryDirectory() as folder:
            for program, names in verbs.items():
                for name in names:
                    if (program, name) in needs_torch and not with_torch:
                        continue
                    text = vickrey(program, *([name] if name else []), "--help").stdout
                    example = text.split("Example:\n")[1].strip().replace("/tmp/", folder + "/")
                    code, stderr = self.paste(example)
                    self.assertIn(code, allowed.get((program, name), (0,)), f"{example}\n{stderr}")

    def paste(self, example):
        """The exit code and stderr of an example in a shell. One with a time limit ends when it says that it is up
        instead: how long that takes depends on the machine."""
        example = re.sub(r"timeout --preserve-status \d+ ", "exec ", example)
        with subprocess.Popen(["bash", "-c", example], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True,
                              env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}) as process:
            try:
                if "exec " in example:
                    process.stdout.readline()
                    process.terminate()
                stderr = process.communicate(timeout=120)[1]
            finally:
                process.kill()
            return process.returncode, stderr


class FeaturesTest(unittest.TestCase):
    def test_encode(self):
        line = {"auction_id": "a", "candidates": [{"ad_id": "x", "features": {"I1": 3, "C1": "68fd1e64"}}]}
        encoded = replies("features", "encode", "--schema", "criteo", lines=[line])[0]
        ad = encoded["candidates"][0]
        self.assertEqual((ad["dense"][0], ad["dense"][1], len(ad["fingerprints"])), (3, "NaN", 26))
        fingerprint = replies("features", "fingerprint", "--field", "C1", "--buckets", 65536, lines=["68fd1e64"])[0]
        self.assertEqual(int(fingerprint["fingerprint"], 16), int(ad["fingerprints"][0]))

    def test_bad_input(self):
        line = {"auction_id": "a", "candidates": [{"ad_id": "x", "features": {"I99": 3}}]}
        done = vickrey("features", "encode", "--schema", "criteo", lines=[line])
        self.assertEqual((done.returncode, error_of(done)["field"]), (2, "candidates[0].features.I99"))
        self.assertEqual(vickrey("features", "encode", "--schema", "avazu").returncode, 2)
        for lines in ([3], [None], [["a"]]):
            self.assertEqual(vickrey("features", "fingerprint", "--field", "a", "--buckets", 9, lines=lines).returncode, 2)
        self.assertEqual(vickrey("features", "fingerprint", "--field", "a", "--buckets", 1).returncode, 2)
        self.assertEqual(vickrey("features", "fingerprint", "--field", "a b", "--buckets", 9).returncode, 2)


if __name__ == "__main__":
    unittest.main()
