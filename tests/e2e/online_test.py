"""Exploration, traffic, the comparison of versions online and off-policy, and the gate that promotes or not."""

import json
import math
import os
import pathlib
import subprocess
import tempfile
import unittest

from tool import BIN, Server, error_of, replies, vickrey

os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin while they wait make a busy machine ten times slower

AUCTIONS, EXPLORE = 6000, 0.3


def write_models(root, versions):
    """Logistic models of the market's features; what they are worth does not matter here."""
    schema = replies("market", "schema", "--scenario", "linear")[0]
    for version in versions:
        model = {"name": "ctr", "version": version, "spec": {"architecture": "logistic"}, "schema": {"fields": schema["fields"]},
                 "calibration": {"multiplier": 0.1}}
        file = root / f"model-{version}.json"
        file.write_text(json.dumps(model))
        subprocess.run([BIN / "yardstick/write_artifact", root, file], check=True)


def worth(candidate):
    """What its click was worth, in currency units."""
    value = candidate.get("value_micros")
    return int(candidate["bid_micros"] if value is None else value) / 1e6 if candidate["click"] else 0


def two_samples(a, b):
    """Relative difference of means of two lists, with its interval by the delta method."""
    mean = [sum(x) / len(x) for x in (a, b)]
    parts = [(x - mean[0]) / len(a) / mean[1] for x in a] + [-(x - mean[1]) / len(b) * mean[0] / mean[1] ** 2 for x in b]
    n = len(parts)
    half = 1.959964 * math.sqrt(n / (n - 1) * sum(part**2 for part in parts))
    relative = mean[0] / mean[1] - 1
    return mean, relative, [relative - half, relative + half]


class OnlineTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        write_models(cls.root, "12")
        (cls.root / "placements.yaml").write_text("placements:\n- {name: top, explore: 1}\n- {name: side}\n")
        cls.server = Server("--artifact-root", cls.root, "--model", "ctr/1", "--log", cls.root / "log", "--placements",
                            cls.root / "placements.yaml").__enter__()
        cls.addClassCleanup(cls.server.__exit__)
        cls.at = ["--address", cls.server.address]
        cls.traffic = cls.send(0, AUCTIONS // 2)
        replies("models", "register", *cls.at, "ctr/2")
        replies("models", "label", *cls.at, "ctr", "canary", "2", "--share", 0.5)
        cls.both = cls.send(AUCTIONS // 2, AUCTIONS)
        cls.snapshot = replies("log", "snapshot", "create", *cls.at)[0]["snapshot_id"]
        cls.log = ["--db", cls.root / "log", "--snapshot", cls.snapshot]
        cls.lines = replies("log", "scan", *cls.log)
        cls.online = replies("eval", "online", "ctr@2", "ctr@1", *cls.log, "--artifact-root", cls.root)[0]

    @classmethod
    def send(cls, first, auctions):
        return replies("traffic", "--market", "linear", "--first", first, "--auctions", auctions, "--seed", 1, *cls.at, "--model",
                       "ctr", "--explore", EXPLORE)[0]

    def labels(self):
        return {model["version"]: set(model["labels"]) for model in replies("models", "list", *self.at)}

    def evidence(self, document=None):
        file = self.root / "evidence.json"
        file.write_text(json.dumps(document or self.online))
        return file

    def promote(self, *conditions, evidence=None, flags=()):
        asked = [part for condition in conditions for part in ("--if", condition)]
        return vickrey("models", "promote", *self.at, "ctr", *asked, "--evidence", evidence or self.evidence(), *flags)

    def test_traffic_is_logged_with_its_clicks_and_propensities(self):
        self.assertEqual([model["ref"] for model in self.traffic["models"]], ["ctr@1"])
        self.assertEqual([model["ref"] for model in self.both["models"]], ["ctr@1", "ctr@2"])
        market = {line["auction_id"]: line for line in replies("market", "generate", "--scenario", "linear", "--auctions",
                                                               AUCTIONS * 3 // 2, "--seed", 1)}
        self.assertEqual(len(self.lines), AUCTIONS * 3 // 2)
        clicks, explored = 0, 0
        for line in self.lines:
            shown = [c for c in line["candidates"] if c["slot"] == 1]
            self.assertEqual(len(shown), 1)
            index = line["candidates"].index(shown[0])
            self.assertEqual(shown[0]["click"], market[line["auction_id"]]["candidates"][index]["click"])
            scores = [int(c["bid_micros"]) * c["pctr"] for c in line["candidates"]]
            best = scores.index(max(scores)) == index
            eligible = len(scores)
            self.assertAlmostEqual(shown[0]["propensity"], EXPLORE / eligible + (1 - EXPLORE if best else 0), places=12)
            self.assertTrue(all(c["click"] is None and c["propensity"] is None for c in line["candidates"] if c is not shown[0]))
            clicks += shown[0]["click"]
            explored += not best
        self.assertEqual(clicks, int(self.traffic["clicks"]) + int(self.both["clicks"]))
        told = sum(int(m["explored"]) for t in (self.traffic, self.both) for m in t["models"])
        self.assertAlmostEqual(told / len(self.lines), EXPLORE, delta=0.03)
        self.assertLess(explored, told)  # the best one is drawn at times
        for model in self.both["models"]:
            self.assertLess(model["welfare"], model["ranked_welfare"])  # exploration costs
            self.assertLess(model["ranked_welfare"], model["ranked_oracle_welfare"])

    def test_the_same_traffic_again_counts_once(self):
        before = replies("log", "stats", *self.at)[0]
        again = replies("traffic", "--market", "linear", "--first", 0, "--auctions", 500, "--seed", 1, *self.at, "--model", "ctr@1",
                        "--explore", EXPLORE)[0]
        self.assertGreater(int(again["clicks"]), 0)
        after = replies("log", "stats", *self.at)[0]
        self.assertEqual((before["auctions"], before["clicks"]), (after["auctions"], after["clicks"]))

    def test_online_numbers_can_be_recomputed_from_the_log(self):
        times = [int(line["event_time"]) for line in self.lines if line["model"] == "ctr@2"]
        during = [line for line in self.lines if min(times) <= int(line["event_time"]) <= max(times)]
        of = {ref: [line for line in during if line["model"] == ref] for ref in ("ctr@2", "ctr@1")}
        self.assertEqual(int(self.online["earlier_or_later"]), len(self.lines) - len(during))
        self.assertEqual((self.online["others"], self.online["unlabelled"]), ("0", "0"))
        for model in self.online["models"]:
            lines = of[model["ref"]]
            shown = [c for line in lines for c in line["candidates"] if c["slot"] == 1]
            self.assertEqual((int(model["auctions"]), int(model["shown"])), (len(lines), len(shown)))
            clicks = sum(c["click"] for c in shown)
            self.assertEqual(int(model["clicks"]), clicks)
            self.assertAlmostEqual(model["welfare"], sum(worth(c) for c in shown) / len(lines), places=9)
            self.assertAlmostEqual(model["revenue"], sum(int(c["price_micros"]) / 1e6 for c in shown if c["click"]) / len(lines), places=9)
            self.assertAlmostEqual(model["calibration"], sum(c["pctr"] for c in shown) / clicks, places=9)
            self.assertTrue(model["calibration_ci95"][0] < model["calibration"] < model["calibration_ci95"][1])
        compared = {c["metric"]: c for c in self.online["comparisons"]}
        self.assertEqual(sorted(compared), ["ctr", "off_policy_welfare", "revenue", "welfare"])
        samples = [[sum(worth(c) for c in line["candidates"] if c["slot"] == 1) for line in of[ref]] for ref in of]
        mean, relative, interval = two_samples(*samples)
        self.assertAlmostEqual(compared["welfare"]["a"], mean[0], places=9)
        self.assertAlmostEqual(compared["welfare"]["relative"], relative, places=9)
        for found, expected in zip(compared["welfare"]["relative_ci95"], interval):
            self.assertAlmostEqual(found, expected, places=4)

    def test_off_policy_is_that_of_the_incumbents_decisions(self):
        # Predictions of both, of the auctions that ctr@1 decided.
        own = [line for line in self.lines if line["model"] == "ctr@1"]
        text = "".join(json.dumps({k: v for k, v in line.items() if k != "cursor"}) + "\n" for line in own)
        ratios = []
        for version in "21":
            predicted = replies("predict", "--artifact", self.root / "ctr" / version, text=text)
            top = bottom = 0
            for line, answer in zip(own, predicted):
                scores = [int(c["bid_micros"]) * p for c, p in zip(line["candidates"], answer["pctr"])]
                c = line["candidates"][scores.index(max(scores))]
                if c["slot"] != 1:
                    continue
                top += worth(c) / c["propensity"]
                bottom += 1 / c["propensity"]
            ratios.append(top / bottom)
        compared = next(c for c in self.online["comparisons"] if c["metric"] == "off_policy_welfare")
        self.assertAlmostEqual(compared["a"], ratios[0], places=9)
        self.assertAlmostEqual(compared["b"], ratios[1], places=9)
        for model, value in zip(self.online["models"], ratios):
            self.assertAlmostEqual(model["off_policy"]["snips"]["value"], value, places=9)

    def test_two_lucky_auctions_promote_nothing_and_a_share_that_moved_is_told(self):
        times = sorted(int(line["event_time"]) for line in self.lines if line["model"] == "ctr@2")
        few = replies("eval", "online", "ctr@2", "ctr@1", *self.log, "--from", times[0], "--to", times[300])[0]
        self.assertTrue(0 < int(few["models"][0]["clicks"]) < 30)
        self.assertTrue(all(c["relative_ci95"] is None for c in few["comparisons"]))
        self.assertIsNone(few["models"][0]["calibration_ci95"])
        self.assertIn("fewer than 30 clicks", " ".join(few["warnings"]))
        done = self.promote("welfare >= -5", evidence=self.evidence(few), flags=["--keep"])
        self.assertEqual((done.returncode, json.loads(done.stdout)["conditions"][0]["holds"]), (1, False), done.stderr)
        self.assertEqual(json.loads(done.stdout)["warnings"], few["warnings"])
        # Of the same log in which the canary came late, compared over all of its time.
        self.assertNotIn("changed from", " ".join(self.online["warnings"]))
        with tempfile.TemporaryDirectory() as folder:
            lines = [dict(line, model="ctr@2" if k < 30 else line["model"]) for k, line in enumerate(self.lines)]
            text = "".join(json.dumps({k: v for k, v in line.items() if k != "cursor"}) + "\n" for line in lines)
            replies("log", "append", "--db", folder + "/log", text=text)
            moved = replies("eval", "online", "ctr@2", "ctr@1", "--db", folder + "/log")[0]
        self.assertIn("share of the auctions changed from", " ".join(moved["warnings"]))

    def test_evidence_is_of_the_artifacts_that_are_held(self):
        other = json.loads(json.dumps(self.online))
        other["models"][0]["sha256"] = "0" * 64
        done = self.promote("welfare >= -5", evidence=self.evidence(other))
        self.assertEqual((done.returncode, error_of(done)["field"]), (2, "--evidence"))
        self.assertIn("is of another artifact of ctr@2", error_of(done)["message"])
        self.assertIn("which is not one of", " ".join(self.online["warnings"]))  # nobody trained these

    def test_the_gate(self):
        done = self.promote("welfare >= 5", "calibration in 0..1000", flags=["--keep"])
        self.assertEqual(done.returncode, 1, done.stderr)
        line = json.loads(done.stdout)
        self.assertEqual((line["candidate"], line["incumbent"]), ("ctr@2", "ctr@1"))
        self.assertEqual((line["promoted"], line["rolled_back"]), (False, False))
        self.assertEqual([c["holds"] for c in line["conditions"]], [False, True])
        self.assertEqual(self.labels(), {"1": {"stable"}, "2": {"canary"}})
        # A condition that nobody looked at, a typo, a file that is none: nothing changes.
        for arguments in (dict(evidence=self.root / "none.json"), dict(evidence=self.root / "placements.yaml")):
            done = self.promote("welfare >= 0", **arguments)
            self.assertEqual((done.returncode, error_of(done)["field"]), (2, "--evidence"))
        done = self.promote("regret <= 0")
        self.assertEqual((done.returncode, error_of(done)["field"]), (2, "--evidence"))
        done = self.promote("welfare > 0")
        self.assertEqual((done.returncode, error_of(done)["field"]), (2, "--if"))
        self.assertEqual(self.labels(), {"1": {"stable"}, "2": {"canary"}})
        # Not good enough: rolled back.
        done = self.promote("welfare >= 5")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertTrue(json.loads(done.stdout)["rolled_back"])
        self.assertEqual(self.labels(), {"1": {"stable"}, "2": set()})
        done = self.promote("welfare >= 0")
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertIn("no version of ctr bears the label canary", error_of(done)["message"])
        # Good enough: promoted.
        replies("models", "label", *self.at, "ctr", "canary", "2")
        done = self.promote("welfare >= -5", "revenue >= -5", "off_policy_welfare >= -5")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.labels(), {"1": set(), "2": {"stable"}})
        replies("models", "label", *self.at, "ctr", "stable", "1")
        replies("models", "label", *self.at, "ctr", "canary", "2", "--share", 0.5)

    def test_exploration_is_asked_for_by_call_or_by_placement(self):
        line = json.dumps(replies("market", "generate", "--scenario", "linear", "--auctions", 1, "--seed", 9)[0]) + "\n"
        run = lambda *flags: vickrey("auction", *self.at, "--model", "ctr@1", *flags, text=line)
        plain = json.loads(run().stdout)
        self.assertEqual((plain["explored"], plain["propensities"]), (False, []))
        drawn = json.loads(run("--explore", 1).stdout)
        self.assertEqual((drawn["explored"], drawn["propensities"], drawn["ranking"]), (True, [0.125], plain["ranking"]))
        self.assertEqual(json.loads(run("--placement", "top").stdout)["explored"], True)
        self.assertEqual(json.loads(run("--placement", "side").stdout)["propensities"], [])
        for flags, what in ((["--explore", 1.5], "explore: 1.5 is out of range"), (["--explore", "nan"], "is not a finite"),
                            (["--placement", "top", "--explore", 0.1], "explore: is given beside a placement")):
            done = run(*flags)
            self.assertEqual(done.returncode, 2, done.stdout)
            self.assertIn(what, error_of(done)["message"])

    def test_wrong_questions_are_refused_by_name(self):
        for arguments, field in (
                (["ctr", "ctr@1", *self.log], "A"), (["ctr@1", "ctr@1", *self.log], "B"), (["ctr@9", "ctr@1", *self.log], "A"),
                (["ctr@1", "ctr@9", *self.log], "B"), (["ctr@2", "ctr@1", *self.log, "--label-window", "soon"], "--label-window"),
                (["ctr@2", "ctr@1", *self.log, "--artifact-root", "/nowhere"], "A"),
                (["ctr@2", "ctr@1", *self.log, "--slots", 0], "slots")):
            done = vickrey("eval", "online", *arguments)
            self.assertIn(done.returncode, (2, 3), arguments)
            self.assertEqual(error_of(done)["field"], field, done.stderr)
        for flags, field in ((["--from", 1704067200], "--from"), (["--from", 1704067200000001, "--to", 1704067200000000], "--to")):
            done = vickrey("eval", "online", "ctr@2", "ctr@1", *self.log, *flags)
            self.assertEqual((done.returncode, error_of(done)["field"]), (2, field))
        young = replies("eval", "online", "ctr@2", "ctr@1", *self.log, "--label-window", "1h")[0]
        self.assertEqual(young["unlabelled"], "0")
        self.assertIsNone(young["models"][0]["off_policy"])
        # Half an hour before the last auction: what is younger than an hour then, clicked or not, is not looked at.
        last = max(int(line["event_time"]) for line in self.lines)
        young = replies("eval", "online", "ctr@2", "ctr@1", *self.log, "--as-of", last + 1800 * 10**6)[0]
        counted = sum(int(m["auctions"]) for m in young["models"]) + int(young["earlier_or_later"])
        self.assertEqual(int(young["unlabelled"]), len(self.lines) - counted)
        half_an_hour = last - 1800 * 10**6
        self.assertEqual(int(young["unlabelled"]), sum(int(line["event_time"]) > half_an_hour for line in self.lines))
        self.assertIn("their clicks may be still to come", young["warnings"][0])
        part = replies("eval", "online", "ctr@2", "ctr@1", *self.log, "--from", last - 100 * 10**6)[0]
        self.assertTrue(0 < int(part["models"][0]["auctions"]) < int(self.online["models"][0]["auctions"]))
        for arguments, what in ((["--market", "nowhere"], "scenario"), (["--explore", 2], "explore"), (["--model", "other"], "model"),
                                (["--auctions", 0], "auctions"), (["--slots", 3], "slots")):
            asked = dict(zip(["--market", "--auctions", "--model", "--explore"], ["linear", 10, "ctr", 0.1]))
            asked[arguments[0]] = arguments[1]
            done = vickrey("traffic", *self.at, *[part for pair in asked.items() for part in pair])
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(what, error_of(done)["message"])


if __name__ == "__main__":
    unittest.main()
