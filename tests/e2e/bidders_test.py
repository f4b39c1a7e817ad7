"""`vickrey study bidders` on a made-up log that is short enough to say nothing."""

import gzip
import hashlib
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
import tempfile
import time
import unittest

from study_test import Folders, start, study
from tool import ROOT, replies, wait_until

SETTINGS = """
hidden: [8]
training: {epochs: 2, batch: 64, learning_rate: 0.01}
tokens: {bins: 12}
bidders: {fees: [0, 3], budgets: [0.1]}
heads:
  - {kind: regression, loss: mse}
  - {kind: bins, loss: ce}
  - {kind: bins, loss: ntl_was}
  - {kind: digits, loss: ce}
  - {kind: decision, loss: mse}
  - {kind: decision, loss: gmadl, a: 30, name: wise}
"""
FORECAST = ("mae", "rmse", "crps", "log_likelihood", "calibration_error", "marginal_error")


def rows_of(count, seed=5):
    """Prices rise with the click probability, with noise."""
    chance = random.Random(seed)
    lines = []
    for i in range(count):
        pctr = math.exp(chance.uniform(-8, -5))
        price = min(999, round(chance.lognormvariate(4 + (math.log(pctr) + 6.5) / 3, 0.4)))
        lines.append(f"{int(chance.random() < pctr)}\t{price}\t{pctr:.6f}\t{i // 20}\n")
    return lines


def document(seeds=3):
    """A study.json of bidders as docs/formats.md has it, with numbers by a rule: profits of `wise` are above those of mse in every
    seed, bins_ntl_was has more CRPS than bins_ce, and optimal bids by it cannot be told from those by bins_ce."""
    def over(values):
        known = [v for v in values if v is not None]
        if not known:
            return {"mean": None, "t95": None, "least": None, "greatest": None, "positive": 0, "seeds": 0}
        mean = sum(known) / len(known)
        half = 2 * math.sqrt(sum((v - mean) ** 2 for v in known)) / len(known)
        return {"mean": mean, "t95": [mean - half, mean + half] if len(known) > 1 else None, "least": min(known), "greatest": max(known),
                "positive": sum(v > 0 for v in known), "seeds": len(known)}

    metrics = ("mae", "rmse", "crps", "log_likelihood", "calibration_error", "marginal_error")
    heads, players = {}, {}
    for h, (name, encoding, loss) in enumerate((("marginal", "marginal", ""), ("bins_ce", "bins", "ce"), ("bins_ntl_was", "bins", "ntl_was"),
                                                ("decision_mse", "decision", "mse"), ("wise", "decision", "gmadl"))):
        curved = h < 3
        value = {"mae": 40, "rmse": 50, "crps": 30, "log_likelihood": -4, "calibration_error": .01, "marginal_error": .01}
        rows = [{"seed": s, **{m: None if not curved and m not in ("mae", "rmse", "crps") else value[m] * (1 + .01 * h + (.001 * s * h))
                               for m in metrics}} for s in range(1, seeds + 1)]
        heads[name] = {"head": name, "encoding": encoding, "loss": loss, "lambda": None, "a": None, "b": None, "tokens": 8 if curved else None,
                       "rows": 100, "seeds": rows, "over_seeds": {m: over([row[m] for row in rows]) for m in metrics}, "against": [],
                       "curve": [{"bid": 10 * (i + 1), "observed": (i + 1) / 12, "predicted": (i + 1) / 12 + .01 * h, "least": (i + 1) / 12,
                                  "greatest": (i + 1) / 12 + .02 * h} for i in range(10)] if curved else [],
                       "pit": [.1] * 10 if curved else []}
    minus = lambda a, b: None if a is None or b is None else a - b
    for name, other in (("bins_ce", "marginal"), ("bins_ntl_was", "bins_ce"), ("bins_ntl_was", "marginal"), ("decision_mse", "marginal"),
                        ("wise", "marginal")):
        pairs = [*zip(heads[name]["seeds"], heads[other]["seeds"])]
        heads[name]["against"].append({"head": other, **{m: over([minus(a[m], b[m]) for a, b in pairs]) for m in metrics}})
    for setting in ((0, None, False), (0, .1, False), (0, .1, True)):
        for bidder, head, mechanism, profit in (("truthful", "", "second_price", lambda s: 20000), ("random", "wise", "second_price", lambda s: 10 * s),
                                                ("decision", "decision_mse", "second_price", lambda s: 15000 + 100 * s),
                                                ("decision", "wise", "second_price", lambda s: 15300 + 120 * s),
                                                ("shaded", "", "first_price", lambda s: 9000), ("optimal", "marginal", "first_price", lambda s: 12000),
                                                ("optimal", "bins_ce", "first_price", lambda s: 13000 + 50 * s),
                                                ("optimal", "bins_ntl_was", "first_price", lambda s: 13000 + 50 * (s % 2 * 3))):
            scale = 1 if setting[1] is None else .4 if setting[2] else .2
            rows = [{"seed": s, "profit": scale * profit(s), "click_profit": 7.0 * s, "spend": 300.0, "value": 500.0, "buys": 40, "win_rate": .4,
                     "clicks": 2, "threshold": 1.5, "lambda": None} for s in range(1, seeds + 1)]
            players[bidder, head, *setting] = {
                "bidder": bidder, "head": head, "mechanism": mechanism, "fee": setting[0], "budget": None, "budget_share": setting[1],
                "paced": setting[2], "auctions": 100, "seeds": rows, "against": [],
                "over_seeds": {key: over([row[key] for row in rows]) for key in rows[0] if key != "seed"}}
    for (bidder, head, *setting), row in players.items():
        rivals = {"decision": [("truthful", ""), ("decision", "decision_mse"), ("random", "wise")],
                  "optimal": [("optimal", "bins_ce"), ("optimal", "marginal"), ("shaded", "")]}.get(bidder, [])
        for other in [(*rival, *setting) for rival in rivals if rival != (bidder, head)] + ([(bidder, head, *setting[:2], False)] if setting[2] else []):
            pairs = [*zip(row["seeds"], players[other]["seeds"])]
            row["against"].append({"bidder": other[0], "head": other[1], "unpaced": other[2:] != (*setting,),
                                   **{m: over([a[m] - b[m] for a, b in pairs]) for m in ("profit", "click_profit")},
                                   "profit_relative": over([a["profit"] / b["profit"] - 1 for a, b in pairs])})
    claim = {"claim": "ntl_was beats cross-entropy in CRPS", "kind": "forecast", "where": "bins", "who": "bins_ntl_was", "against": "bins_ce",
             "metric": "crps", "better": "lower", "value": .3, "t95": [.29, .31], "relative": .01, "seeds": seeds, "verdict": "does not hold", "note": None}
    money = {**claim, "kind": "decision", "metric": "profit", "better": "higher", "where": "no budget"}
    return {"format": 1, "kind": "bidders", "command": "vickrey study bidders --log prices.txt --seeds 3",
            "config": {"log": {"file": "prices.txt", "sha256": "00"}, "test": None, "test_share": "0.25", "seeds": [*range(1, seeds + 1)], "settings": {}},
            "provenance": {"programs": {"vickrey-price": {"version": "0.0.1", "commit": "c", "libtorch": "", "sha256": "00"}},
                           "machine": {"processor": "p", "system": "s"}},
            "seconds": None, "log": {"train_rows": 1000, "validation_rows": 100, "test_rows": 300, "left_out": 303, "raised": 1, "features": ["log_pctr"], "value_per_click": 5.5},
            "heads": [*heads.values()], "bidders": [*players.values()],
            "claims": [claim, {**claim, "claim": "a trained distribution knows more", "verdict": "holds", "value": -.3, "t95": [-.31, -.29]},
                       {**money, "claim": "gmadl's decisions earn more than mse's", "value": 340, "t95": [330, 350], "verdict": "holds"},
                       {**money, "claim": "a bid by nothing that is trained earns more", "value": 340, "t95": [340, 340], "verdict": "the same in every seed"},
                       {**money, "kind": "bid", "claim": "bids by ntl_was earn more", "value": 3, "t95": [-40, 46], "verdict": "not told apart"},
                       {**money, "kind": "pacing", "claim": "pacing earns more", "t95": None, "verdict": None, "note": "one seed: no interval"}]}


class BiddersTest(Folders):
    @classmethod
    def setUpClass(cls):
        """A study that tests look at."""
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        folder = pathlib.Path(folder.name).resolve()
        for name, text in (("log.tsv", "".join(rows_of(700))), ("settings.yaml", SETTINGS)):
            (folder / name).write_text(text)
        done = study("bidders", "--log", folder / "log.tsv", "--seeds", "1-3", "--settings", folder / "settings.yaml", "--no-seconds",
                     "--out", folder / "out")
        assert done.returncode == 0, done.stderr
        cls.study = json.loads((folder / "out/study.json").read_text())

    def setUp(self):
        super().setUp()
        self.rows = rows_of(700)
        self.log = self.file("".join(self.rows), "log.tsv")
        self.settings = self.file(SETTINGS, "settings.yaml")
        self.rest = ["--seeds", "1-3", "--settings", self.settings, "--no-seconds"]
        self.args = ["--log", self.log, *self.rest]

    def parts(self, older=525):
        return self.file("".join(self.rows[:older]), "older.tsv"), self.file("".join(self.rows[older:]), "newer.tsv")

    def test_the_document_is_whole(self):
        found = self.study
        self.assertEqual((found["format"], found["kind"]), (1, "bidders"))
        self.assertEqual(found["config"]["log"], {"file": "log.tsv", "sha256": hashlib.sha256(self.log.read_bytes()).hexdigest()})
        self.assertEqual((found["config"]["test"], found["config"]["test_share"]), (None, "0.25"))
        self.assertEqual([found["log"][part] for part in ("train_rows", "validation_rows", "test_rows")], [472, 53, 175])
        self.assertEqual([head["head"] for head in found["heads"]],
                         ["marginal", "regression_mse", "bins_ce", "bins_ntl_was", "digits_ce", "decision_mse", "wise"])
        for row in (*found["heads"], *found["bidders"]):
            self.assertEqual([record["seed"] for record in row["seeds"]], [1, 2, 3])
        # 2 fees x (no budget; one, paced or not): always cannot be paced; three without heads, one for each distribution, and
        # two with a random one for each decision.
        number = lambda bidder: sum(row["bidder"] == bidder for row in found["bidders"])
        self.assertEqual([number(bidder) for bidder in ("always", "truthful", "shaded", "optimal", "decision", "random")], [4, 6, 6, 24, 12, 18])
        text = (ROOT / "docs/formats.md").read_text()
        documented = set(re.findall(r"`([a-z0-9_]+)`", text[text.index("## Studies"):text.index("## The impression log")]))
        for fields in (found, found["config"], found["heads"][2], found["heads"][2]["curve"][0], found["heads"][3]["against"][0],
                       found["bidders"][0], found["bidders"][0]["seeds"][0], found["bidders"][-1]["against"][0], found["claims"][0]):
            self.assertLessEqual(set(fields), documented)

    def test_a_record_is_what_the_program_says(self):
        """The same by hand: the log cut, a run for each seed."""
        found = self.study
        older, newer = self.parts()
        runs = [replies("price", "--config", self.settings, "--set", "threads=1", "--seed", seed, "--train", older, "--test", newer)
                for seed in (1, 2, 3)]
        for head in found["heads"]:
            lines = [next(line for line in run if line.get("head") == head["head"] and "encoding" in line) for run in runs]
            for metric in FORECAST:
                self.assertEqual([record[metric] for record in head["seeds"]], [line[metric] for line in lines])
            for i, point in enumerate(head["curve"]):
                curve = [line["curve"][i] for line in lines]
                self.assertEqual((point["bid"], point["observed"]), (curve[0]["bid"], curve[0]["observed"]))
                self.assertAlmostEqual(point["predicted"], statistics.fmean(one["predicted"] for one in curve), places=12)
                self.assertEqual([point["least"], point["greatest"]], [pick(one["predicted"] for one in curve) for pick in (min, max)])
        for row in found["bidders"]:
            same = lambda line: all(line.get(key) == row[key] for key in ("bidder", "head", "mechanism", "fee", "budget", "paced"))
            lines = [line for run in runs for line in run if same(line)]
            self.assertEqual([(r["profit"], r["buys"], r["clicks"], r["spend"], r["click_profit"]) for r in row["seeds"]],
                             [(l["profit"], int(l["buys"]), int(l["clicks"]), l["spend"], l["click_profit"]) for l in lines])

    def test_differences_and_intervals_are_over_seeds(self):
        found = self.study
        heads = {head["head"]: head for head in found["heads"]}
        self.assertEqual({name: [one["head"] for one in head["against"]] for name, head in heads.items()},
                         {"marginal": [], "regression_mse": ["marginal"], "bins_ce": ["marginal"], "bins_ntl_was": ["bins_ce", "marginal"],
                          "digits_ce": ["marginal"], "decision_mse": ["marginal"], "wise": ["marginal"]})
        pairs = [(record["crps"], other["crps"]) for record, other in zip(heads["bins_ntl_was"]["seeds"], heads["bins_ce"]["seeds"])]
        self.differs(heads["bins_ntl_was"]["against"][0]["crps"], [a - b for a, b in pairs])
        self.assertIsNone(heads["wise"]["against"][0]["log_likelihood"]["mean"])  # it has no distribution
        pick = lambda bidder, head="", fee=0, share=None, paced=False: next(
            row for row in found["bidders"] if [row[key] for key in ("bidder", "head", "fee", "budget_share", "paced")] == [bidder, head, fee, share, paced])
        rivals = lambda row: [(one["bidder"], one["head"], one["unpaced"]) for one in row["against"]]
        wise = pick("decision", "wise", 3, 0.1, True)
        self.assertEqual(rivals(wise), [("truthful", "", False), ("decision", "decision_mse", False), ("random", "wise", False), ("decision", "wise", True)])
        self.assertEqual(rivals(pick("decision", "decision_mse")), [("truthful", "", False), ("random", "decision_mse", False)])
        self.assertEqual(rivals(pick("optimal", "bins_ntl_was")), [("optimal", "bins_ce", False), ("optimal", "marginal", False), ("shaded", "", False)])
        self.assertEqual(rivals(pick("optimal", "digits_ce")), [("optimal", "marginal", False), ("shaded", "", False)])
        self.assertEqual(rivals(pick("optimal", "marginal")), [("optimal", "bins_ce", False), ("shaded", "", False)])
        for one, other in zip(wise["against"], (pick("truthful", "", 3, 0.1, True), pick("decision", "decision_mse", 3, 0.1, True),
                                                pick("random", "wise", 3, 0.1, True), pick("decision", "wise", 3, 0.1, False))):
            for metric in ("profit", "click_profit"):
                self.differs(one[metric], [a[metric] - b[metric] for a, b in zip(wise["seeds"], other["seeds"])])
        self.differs(wise["against"][0]["profit_relative"],
                     [a["profit"] / b["profit"] - 1 for a, b in zip(wise["seeds"], pick("truthful", "", 3, 0.1, True)["seeds"])])

    def differs(self, found, values):
        self.assertAlmostEqual(found["mean"], statistics.fmean(values), delta=1e-9 * max(1, abs(found["mean"])))
        half = 4.302652729911 * statistics.stdev(values) / math.sqrt(3)  # Student's t with two degrees of freedom
        self.assertAlmostEqual(found["t95"][1] - found["mean"], half, delta=1e-7 * max(half, 1e-6))
        self.assertAlmostEqual(found["mean"] - found["t95"][0], half, delta=1e-7 * max(half, 1e-6))
        self.assertEqual((found["least"], found["greatest"]), (min(values), max(values)))

    def test_claims_are_judged_by_their_intervals(self):
        found = self.study
        claims = found["claims"]
        texts = {(claim["claim"], claim["who"], claim["where"]) for claim in claims}
        self.assertEqual(len(texts), len(claims))
        for expected in (("ntl_was beats cross-entropy in CRPS", "bins_ntl_was", "bins"), ("ntl_was beats cross-entropy in MAE", "bins_ntl_was", "bins"),
                         ("gmadl's decisions earn more than mse's", "decision wise", "no budget"),
                         ("gmadl's decisions earn more than mse's", "decision wise", "budget 0.1, paced"),
                         ("a trained distribution earns more at the first price than a constant one", "optimal bins_ce", "no budget"),
                         ("pacing earns more with a tight budget", "truthful", "budget 0.1, paced")):
            self.assertIn(expected, texts)
        for claim in claims:
            if claim["t95"][0] == claim["t95"][1]:
                self.assertEqual(claim["verdict"], "the same in every seed", claim)
                continue
            low, high = claim["t95"] if claim["better"] == "higher" else [-end for end in reversed(claim["t95"])]
            self.assertEqual(claim["verdict"], "holds" if low > 0 else "does not hold" if high < 0 else "not told apart", claim)
        # Nothing beats the truthful bid at the second price, and the claim that something does is said not to hold.
        for claim in claims:
            if claim["against"] == "truthful" and claim["where"] == "no budget":
                self.assertEqual(claim["verdict"], "does not hold", claim)
        same = [claim for claim in claims if claim["verdict"] == "the same in every seed"]
        self.assertIn("pacing", {claim["kind"] for claim in same})
        self.assertIn(("optimal marginal", "shaded"), {(claim["who"], claim["against"]) for claim in same})
        self.assertEqual({claim["note"] for claim in claims}, {None})
        one = self.good("bidders", "--log", self.log, "--seeds", "1,", *self.rest[2:], out=self.folder / "one")
        self.assertEqual({(claim["verdict"], claim["note"]) for claim in one["claims"]}, {(None, "one seed: no interval")})

    def test_verdicts_by_hand(self):
        from bidder_claims import verdict
        found = lambda least, greatest, t95: {"least": least, "greatest": greatest, "t95": t95}
        for one, higher, says in ((found(1, 2, [0.5, 2.5]), True, "holds"), (found(1, 2, [0.5, 2.5]), False, "does not hold"),
                                  (found(-2, -1, [-2.5, -0.5]), False, "holds"), (found(-2, -1, [-2.5, -0.5]), True, "does not hold"),
                                  (found(1, 2, [-1, 4]), True, "not told apart"), (found(0, 1, [0, 1]), True, "not told apart"),
                                  (found(-1, 0, [-1, 0]), True, "not told apart"), (found(3, 3, [3, 3]), True, "the same in every seed"),
                                  (found(0, 0, [0, 0]), True, "the same in every seed"), (found(3, 3, None), True, None)):
            self.assertEqual(verdict(one, higher), says, (one, higher))

    def test_rows_that_are_left_out_or_raised_are_said(self):
        import bidders_text
        text = bidders_text.of_bidders(document())
        self.assertIn("300 judged on (303 more left out, since the training log goes on after them; 1 of all counted as paid at their floor, ", text)
        self.assertIn("the same in every seed", text)
        plain = document()
        plain["log"].update(left_out=0, raised=0)
        self.assertIn("300 judged on; seeds", bidders_text.of_bidders(plain))

    def test_a_log_is_cut_by_time_exactly_packed_or_not(self):
        whole = self.good("bidders", *self.args, "--test-share", "0.35")  # 245 of 700; as a float .35 * 700 is below it
        older, newer = self.parts(455)
        for name, part in (("older", older), ("newer", newer)):
            kept = next((self.out / "work/logs").glob(f"*.{name}.txt"))
            self.assertEqual(kept.read_bytes(), part.read_bytes())
        self.assertEqual(whole["log"]["test_rows"], 245)
        given = self.good("bidders", "--log", older, "--test", newer, *self.rest, out=self.folder / "given")
        self.assertEqual([given[part] for part in ("heads", "bidders", "claims", "log")], [whole[part] for part in ("heads", "bidders", "claims", "log")])
        packed = [self.folder / "log.gz"]
        packed[0].write_bytes(gzip.compress("".join(self.rows).encode().rstrip(b"\n")))  # and the last row without an end
        if shutil.which("zstd"):
            packed.append(self.folder / "log.zst")
            subprocess.run(["zstd", "-q", self.log, "-o", packed[1]], check=True)
        for log in packed:
            again = self.good("bidders", "--log", log, *self.rest, "--test-share", ".35", out=self.folder / f"out-{log.name}")
            self.assertEqual([again[part] for part in ("heads", "bidders")], [whole[part] for part in ("heads", "bidders")])
        broken = self.file("", "broken.gz")
        broken.write_bytes(packed[0].read_bytes()[:-40])
        self.refused("bidders", "--out", self.folder / "broken", "--log", broken, *self.rest, field="--log", says="cannot be unpacked", code=3)

    def test_the_same_bytes_for_any_jobs_and_however_it_was_killed(self):
        self.good("bidders", *self.args, "--jobs", 1, out=self.folder / "whole")
        chance = random.Random(2)
        for _ in range(4):
            process = start("bidders", "--out", self.out, *self.args)
            time.sleep(chance.uniform(0.2, 1.2))
            process.kill()
            process.communicate()
        self.good("bidders", *self.args, "--jobs", min(2, len(os.sched_getaffinity(0))))
        for name in ("study.json", "study.md"):
            self.assertEqual((self.out / name).read_bytes(), (self.folder / "whole" / name).read_bytes())
        done = study("bidders", "--out", self.out, *self.args)
        self.assertNotIn("progress", done.stderr)  # nothing was left to do
        # Another seed makes only its own stage; another log makes all of them anew.
        stages = lambda: {path.name for path in (self.out / "stages/price").iterdir()}
        kept = stages()
        more = self.good("bidders", "--log", self.log, "--seeds", "1-4", *self.rest[2:])
        self.assertEqual((len(stages() - kept), [len(head["seeds"]) for head in more["heads"]]), (1, [4] * 7))
        self.log.write_text("".join(self.rows[1:]))
        self.good("bidders", *self.args)
        self.assertEqual(len(stages()), len(kept) + 4)

    def test_a_signal_ends_it_resumably(self):
        args = ["--log", self.log, "--seeds", "1-6", *self.rest[2:], "--jobs", 1]
        process = start("bidders", "--out", self.out, *args)
        wait_until(lambda: list((self.out / "stages").glob("price/*.json")), "the first seed is kept")
        process.send_signal(signal.SIGTERM)
        stdout, stderr = process.communicate(timeout=60)
        self.assertEqual((process.returncode, stdout), (4, ""), stderr)
        self.good("bidders", *args)

    def test_the_settings_that_come_with_it_are_read(self):
        older, newer = self.parts()
        for name in ("ipinyou_prices", "ipinyou_log"):
            settings = ROOT / f"simulator/study/{name}.yaml"
            self.assertEqual(replies("price", "--config", settings, "--train", older, "--test", newer, "--plan")[0]["summary"]["test_rows"], "175")

    def test_tables(self):
        page = self.file("<!-- begin: written by `vickrey study bidders` -->\n<!-- end -->\n", "page.md")
        found = self.good("bidders", *self.args, "--markdown", page)
        text = page.read_text()
        for claim in found["claims"]:
            self.assertIn(f"| {claim['claim']} | {claim['where']} | {claim['who']} | {claim['against']} |", text)
        self.assertEqual(text.count("**does not hold**"), sum(claim["verdict"] == "does not hold" for claim in found["claims"]))
        for part in ("| bins_ntl_was | bins_ce |", "### Profit, at a fee of 3", "they stop when the money is gone", "| random, at most as many as wise | second price |",
                     "| optimal digits_ce | first price |"):
            self.assertIn(part, text)

    def test_hostile_input(self):
        good = ["bidders", "--out", self.out, *self.args]
        log = lambda text: ["--log", self.file(text, f"bad-{hashlib.sha256(text.encode()).hexdigest()[:8]}.tsv")]
        bad = lambda text: ["--settings", self.file(text, f"bad-{hashlib.sha256(text.encode()).hexdigest()[:8]}.yaml")]
        rows = [*self.rows]
        rows[600] = "0\t-3\t0.1\t30\n"  # of the newest quarter
        for flags, field, says, line in (
                (["--log", self.folder / "none.tsv"], "--log", "cannot read", None), (["--test", self.folder / "none.tsv"], "--test", "cannot read", None),
                (["--log", self.folder], "--log", "cannot read", None),
                (["--test", self.log, "--test-share", "0.5"], "--test-share", "without --test", None),
                (["--test-share", "1"], "--test-share", "is not a share", None), (["--test-share", "nan"], "--test-share", "is not a share", None),
                (["--test-share", "0.001"], "--test-share", "700 rows; the newest 0.001 of them are 0", None),
                (log(""), "--test-share", "0 rows", None), (log("one\nrow\n" * 4), "--log", "has 1 columns", 1),
                (log("".join(rows)), "--log", (".tsv:601: ", "'-3' is not"), 601),
                (["--test", self.log], "--test", "before the training log ends", None),
                (log("".join([*self.rows[175:], *self.rows[:175]])), "--log", ("without --test the rows of", "in order of time", "its newest 0.25"), None),
                (bad("seed: 3\n"), "--settings", "is the study's own", 1), (bad("hidden: [4]\nthreads: 2\n"), "--settings", "is the study's own", 2),
                (bad("training:\n  batch: 64\n  epochs: 0\n"), "--settings", ("training.epochs", "bad-"), 3),
                (bad("trainng: {epochs: 1}\n"), "--settings", "trainng", None), (bad("[1]\n"), "--settings", "is not a mapping", None),
                (bad("hidden: [4]\nheads:\n  - {kind: bins, loss: ce}\n  - {kind: bins, loss: mse}\n"), "--settings", "'mse' is no loss of kind bins", 4)):
            error = self.refused(*good, *flags, field=field, says=says)
            if line is not None:
                self.assertEqual(error["line"], str(line), error)
        self.assertFalse((self.out / "stages").exists())
        os.mkfifo(self.folder / "fifo")
        for flag in ("--log", "--test"):
            for path in (self.folder / "fifo", "/dev/zero", self.folder):
                self.refused(*good, flag, path, field=flag, says=f"cannot read {path}: is not a plain file")
        precious = self.out / "study.json"
        precious.write_text('{"kind": "walkforward"}')
        self.refused(*good, field="--out", says=f"{precious} is not what `vickrey study bidders` writes")


if __name__ == "__main__":
    unittest.main()
