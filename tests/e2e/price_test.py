"""`vickrey price` as its user runs it: on synthetic logs of a known law, hostile ones, and the public sample."""

import gzip
import json
import math
import os
import pathlib
import random
import tempfile
import unittest

from tool import SAMPLES, error_of, replies, vickrey

os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin while they wait make a busy machine ten times slower

SIGMA = 0.4
QUICK = ["--set", "training.epochs=6", "--set", "training.batch=128", "--set", "training.learning_rate=0.005",
         "--set", "hidden=[32]", "--set", "tokens.bins=24"]


def heads(*pairs):
    return ["--set", "heads=" + json.dumps([dict(zip(("kind", "loss"), pair)) for pair in pairs])]


def rows_of(seed, count, first_hour):
    """Prices are log-normal, their mean a function of the click probability."""
    dice = random.Random(seed)
    rows = []
    for i in range(count):
        pctr = math.exp(dice.uniform(-9, -5))
        price = min(999, round(dice.lognormvariate(4 + (math.log(pctr) + 7) / 4, SIGMA)))
        rows.append((int(dice.random() < pctr), price, round(pctr, 6), first_hour + 30 * i // count))
    return rows


def text_of(rows):
    return "".join(f"{click}\t{price}\t{pctr:.6f}\t{hour}\n" for click, price, pctr, hour in rows)


class PriceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.train, cls.test = rows_of(1, 5000, 0), rows_of(2, 1500, 40)
        cls.train_file, cls.test_file = cls.folder / "train.tsv", cls.folder / "test.tsv"
        cls.train_file.write_text(text_of(cls.train))
        cls.test_file.write_text(text_of(cls.test))
        cls.command = ["price", "--train", cls.train_file, "--test", cls.test_file, "--seed", 3, *QUICK]
        cls.lines = replies(*cls.command)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def file(self, text):
        file = self.folder / "some.tsv"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return file

    def head(self, name):
        line, = [line for line in self.lines if line.get("head") == name and "encoding" in line]
        return line

    def bidders(self, bidder):
        return [line for line in self.lines if line.get("bidder") == bidder]

    def values(self):
        train = self.train[:4500]  # a tenth is for validation
        per_click = sum(row[1] for row in train) / sum(row[2] for row in train)
        return per_click, [row[2] * per_click for row in self.test]

    def test_a_line_for_each_head_and_bidder_and_a_summary(self):
        names = [line["head"] for line in self.lines if "encoding" in line]
        self.assertEqual(names, ["marginal", "regression_mse", "regression_mae", "bins_ce", "bins_ntl_mse", "bins_ntl_was",
                                 "digits_ce", "digits_ntl_mse", "digits_ntl_was", "decision_mse", "decision_mae",
                                 "decision_gmadl"])
        summary = self.lines[-1]["summary"]
        self.assertEqual((summary["train_rows"], summary["validation_rows"], summary["test_rows"]), ("4500", "500", "1500"))
        self.assertIn("hour_sin", summary["features"])  # the training log has all 24 hours
        self.assertAlmostEqual(summary["value_per_click"], self.values()[0], delta=1e-9 * summary["value_per_click"])
        # 2 fees x (no budget, 2 budgets paced or not) for each; buying all cannot be paced.
        self.assertEqual(len(self.bidders("truthful")), 10)
        self.assertEqual(len(self.bidders("always")), 6)
        self.assertEqual(len(self.bidders("decision")), 30)
        self.assertEqual(len(self.bidders("random")), 40)
        self.assertEqual(len(self.bidders("optimal")), 70)
        self.assertEqual(len(self.bidders("shaded")), 10)

    def test_a_plan_is_the_summary_alone(self):
        self.assertEqual(replies(*self.command, "--plan"), [self.lines[-1]])

    def test_heads_learn_the_law(self):
        for name in ("bins_ce", "digits_ce"):
            head = self.head(name)
            self.assertLess(head["crps"], 0.9 * self.head("marginal")["crps"], name)
            self.assertGreater(head["log_likelihood"], self.head("marginal")["log_likelihood"] + 0.1, name)
            self.assertLess(head["calibration_error"], 0.06, name)
            self.assertAlmostEqual(sum(head["pit"]), 1)
        self.assertLess(self.head("regression_mse")["rmse"], 0.95 * self.head("marginal")["rmse"])
        self.assertLess(self.head("regression_mae")["mae"], 0.95 * self.head("marginal")["mae"])
        self.assertIsNone(self.head("regression_mae")["log_likelihood"])
        self.assertEqual(self.head("bins_ntl_was")["lambda"], 0.3)
        self.assertIsNone(self.head("bins_ce")["lambda"])

    def test_the_curve_of_winning_is_counted_right(self):
        curve = self.head("bins_ce")["curve"]
        self.assertGreater(len(curve), 1)
        for point in curve:
            share = sum(row[1] <= point["bid"] for row in self.test) / len(self.test)
            self.assertAlmostEqual(point["observed"], share)

    def test_bidders_without_a_budget_by_the_definition(self):
        per_click, values = self.values()
        for line in self.bidders("truthful") + self.bidders("always"):
            if line["budget"] is not None:
                continue
            buys = [i for i, row in enumerate(self.test)
                    if line["bidder"] == "always" or values[i] - line["fee"] >= row[1]]
            cost = sum(self.test[i][1] + line["fee"] for i in buys)
            value = sum(values[i] for i in buys)
            self.assertEqual(line["buys"], str(len(buys)))
            self.assertAlmostEqual(line["spend"], cost, places=6)
            self.assertAlmostEqual(line["value"], value, places=3)
            self.assertAlmostEqual(line["profit"], value - cost, places=3)
            self.assertAlmostEqual(line["win_rate"], len(buys) / len(self.test))
            clicks = sum(self.test[i][0] for i in buys)
            self.assertEqual(line["clicks"], str(clicks))
            self.assertAlmostEqual(line["click_profit"], clicks * per_click - cost, places=3)

    def test_at_the_second_price_nothing_beats_truth(self):
        for fee in (0, 5):
            best, = [line["profit"] for line in self.bidders("truthful") if line["fee"] == fee and line["budget"] is None]
            for line in self.lines:
                if line.get("mechanism") == "second_price" and line["fee"] == fee and line["budget"] is None:
                    self.assertLessEqual(line["profit"], best + 1e-6)

    def test_at_the_first_price_a_head_earns_more_than_what_it_must_beat(self):
        profit = {line["head"] or line["bidder"]: line["profit"] for line in self.bidders("optimal") + self.bidders("shaded")
                  if line["fee"] == 0 and line["budget"] is None}
        self.assertGreater(profit["bins_ce"], profit["marginal"])
        self.assertGreater(profit["digits_ce"], profit["marginal"])
        self.assertGreater(profit["bins_ce"], profit["shaded"])

    def test_budgets_hold_and_pacing_pays(self):
        total = sum(row[1] for row in self.test)
        paced = {}
        for line in self.lines:
            if "bidder" not in line or line["budget"] is None:
                continue
            self.assertAlmostEqual(line["budget"], line["budget_share"] * (total + line["fee"] * len(self.test)), places=6)
            self.assertLessEqual(line["spend"], line["budget"])
            self.assertEqual(line["lambda"] is not None, line["paced"])
            if line["bidder"] == "truthful" and line["fee"] == 0:
                paced[line["budget_share"], line["paced"]] = line["profit"]
        self.assertGreater(paced[0.0625, True], paced[0.0625, False])

    def test_random_buys_as_many_where_money_is_no_matter(self):
        lines = [line for line in self.lines if "bidder" in line and line["budget"] is None]
        for line in lines:
            if line["bidder"] == "random":
                like, = [l for l in lines if l["bidder"] == ("decision" if line["head"] else "truthful")
                         and l["head"] == line["head"] and l["fee"] == line["fee"]]
                self.assertEqual(line["buys"], like["buys"])

    def test_the_same_seed_the_same_bytes(self):
        quick = [*self.command, *heads(("bins", "ntl_was"), ("decision", "gmadl"))]
        first = vickrey(*quick)
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertEqual(first.stdout, vickrey(*quick).stdout)
        packed = self.folder / "train.tsv.gz"
        packed.write_bytes(gzip.compress(self.train_file.read_bytes()))
        quick[2] = packed
        self.assertEqual(first.stdout, vickrey(*quick).stdout)
        quick[6] = 4
        self.assertNotEqual(first.stdout, vickrey(*quick).stdout)

    def test_the_last_price_of_the_future_changes_nothing_before_it(self):
        quick = [*self.command, *heads(("regression", "mse"))]
        before = replies(*quick)
        spike = self.test[:-1] + [(self.test[-1][0], 999, *self.test[-1][2:])]
        quick[4] = self.file(text_of(spike))
        after = replies(*quick)
        self.assertEqual(before[1]["validation_loss"], after[1]["validation_loss"])
        # The errors of all other rows are the same: the sum moves by what one row can.
        apart = (after[1]["mae"] - before[1]["mae"]) * len(self.test)
        old = self.test[-1][1]
        self.assertLessEqual(abs(apart), 999 - old + 1e-6)
        self.assertGreater(apart, 999 - old - 2 * 300)

    def refused(self, *flags, train=None, test=None):
        done = vickrey("price", "--train", train or self.train_file, "--test", test or self.test_file, *flags)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        return error_of(done)

    def test_hostile_logs(self):
        good = "0\t51\t0.000154\t0\n"
        for row, field, message in [
            ("2\t51\t0.1\t5", "click", "column 1: '2' is not 0 or 1"),
            ("0\t-1\t0.1\t5", "price", "column 2: '-1' is not a number from 0 to 1e9"),
            ("0\t1e400\t0.1\t5", "price", "column 2"),
            ("0\tinf\t0.1\t5", "price", "column 2"),
            ("0\t0x10\t0.1\t5", "price", "column 2"),
            ("0\t51\t2\t5", "pctr", "column 3: '2' is not a number from 0 to 1"),
            ("0\t51\t0.1\t-5", "hour", "column 4"),
            ("0\t51\t0.1\t99999999999999999999", "hour", "column 4"),
            ("0 51 0.1 5", None, "has 1 columns; 4 are expected"),
            ("0\t51\t0.1\t5\t6", None, "has 5 columns"),
        ]:
            error = self.refused(train=self.file(good + row + "\n"))
            self.assertEqual((error["line"], error["field"]), ("2", field), error)
            self.assertIn(message, error["message"])
            self.assertIn("some.tsv:2", error["message"])
            if field is not None:
                self.assertEqual(error["message"].count(f"{field}: "), 1, error)
        self.assertIn("is not at least that of the row before, 5",
                      self.refused(train=self.file("0\t1\t.1\t5\n0\t1\t.1\t4\n"))["message"])
        self.assertIn("has no rows", self.refused(train=self.file(""))["message"])
        self.assertEqual(self.refused(train=self.file(b"\xff\xfe\t\x00\t1\t1\n"))["field"], "click")
        self.assertEqual(self.refused(train=self.file("0\t" + "9" * (2 << 20)))["line"], "1")
        self.assertIn("the test log begins in hour 0, before", self.refused(test=self.train_file)["message"])
        self.assertEqual(self.refused(train=self.folder)["code"], "INVALID_ARGUMENT")
        self.assertEqual(self.refused(train=self.file(good))["field"], "validation")

    def test_extreme_logs_are_no_crash(self):
        """One price, no click probability, prices of 0, one row."""
        late = text_of([(0, 7, 0.001, 50)])
        for rows in ([(0, 7, 0.001, 1)] * 20, [(1, 0, 0.5, 1)] * 10 + [(0, 999, 1e-6, 1)] * 10):
            train = self.file(text_of(rows))
            test = self.folder / "one.tsv"
            test.write_text(late)
            lines = replies("price", "--train", train, "--test", test, *QUICK)
            self.assertEqual(lines[-1]["summary"]["test_rows"], "1")
        zero = self.file(text_of([(0, 7, 0, 1)] * 20))
        self.assertEqual(self.refused(train=zero)["field"], "bidders.value_per_click")
        replies("price", "--train", zero, "--test", self.test_file, "--set", "bidders.value_per_click=1000", *QUICK,
                *heads(("bins", "ce")))

    def test_hostile_settings(self):
        self.assertIn("known keys", self.refused("--set", "bins=3")["message"])
        self.assertIn("'mse' is no loss of kind bins", self.refused(*heads(("bins", "mse")))["message"])
        self.assertEqual(self.refused("--set", "tokens.digits=1")["field"], "tokens.digits")
        self.assertIn("out of range", self.refused("--set", "validation=0")["message"])
        self.assertIn("out of range", self.refused("--set", "bidders.budgets=[2]")["message"])
        self.assertEqual(vickrey("price", "--train", self.train_file).returncode, 2)
        file = self.folder / "config.yaml"
        file.write_text("seed: 1\ntraining: {epochs: 0}\n")
        self.assertIn("config.yaml:2: training.epochs", self.refused("--config", file)["message"])


class FloorsTest(unittest.TestCase):
    """A raw log of impressions: the price is the higher of a floor, which half of them have, and of what others bid."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        cls.train, cls.test = cls.impressions(1, 3000, 19), cls.impressions(2, 1000, 21)
        cls.train_file, cls.test_file = cls.folder / "train.log.txt", cls.folder / "test.log.txt"
        cls.train_file.write_text(cls.text_of(cls.train))
        cls.test_file.write_text(cls.text_of(cls.test, "\t0\t0"))
        cls.command = ["price", "--train", cls.train_file, "--test", cls.test_file, "--seed", 3, *QUICK,
                       *heads(("regression", "mae"), ("bins", "ce"), ("digits", "ce"), ("decision", "mse"))]
        cls.lines = replies(*cls.command)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @staticmethod
    def impressions(seed, count, day):
        """(time, click, floor, price, exchange), in no order: exchange 2 is dearer."""
        dice = random.Random(seed)
        rows = []
        for i in range(count):
            exchange = dice.choice((1, 2))
            floor = dice.choice((0, dice.randint(10, 150)))
            others = min(299, round(dice.lognormvariate(3.5 + exchange / 2, SIGMA)))
            time = f"201310{day}{i * 24 // count:02d}{i % 60:02d}00{i % 1000:03d}"
            rows.append((time, int(dice.random() < 0.02), floor, max(others, floor), exchange))
        dice.shuffle(rows)
        return rows

    @staticmethod
    def text_of(rows, more=""):
        return "".join(f"{click}\t0\t0\tbid\t{time}\t1\tuser\tos\t1.2.3.*\t216\t220\t{exchange}\tdomain\turl\tnull\tslot\t300\t250"
                       f"\tNa\tNa\t{floor}\t7319\t300\t{price}\tnull\t2259\tnull{more}\n"
                       for time, click, floor, price, exchange in rows)

    def test_what_is_in_the_log_is_said(self):
        train = sorted(self.train, key=lambda row: row[0])[:2700]
        clicks = sum(row[1] for row in train)
        self.assertEqual(self.lines[-2], {"log": {
            "train_floors": str(sum(row[2] > 0 for row in train)), "train_clicks": str(clicks), "click_rate": clicks / 2700,
            "test_floors": str(sum(row[2] > 0 for row in self.test)),
            "test_at_floor": str(sum(row[3] == row[2] > 0 for row in self.test)), "raised": "0", "left_out": "0"}})
        summary = self.lines[-1]["summary"]
        self.assertEqual(summary["features"][-4:], ["log_floor", "has_floor", *(f"adexchange={row}" for row in self.seen())])
        self.assertNotIn("log_pctr", summary["features"])
        # What a click is worth makes the mean value the mean price, and every impression is worth the same.
        self.assertAlmostEqual(summary["test_value_mean"], summary["price_mean"], places=9)

    def seen(self):
        return list(dict.fromkeys(row[4] for row in sorted(self.train, key=lambda row: row[0])))

    def test_no_bid_below_a_floor_wins_and_who_wins_pays_at_least_that(self):
        value = self.lines[-1]["summary"]["test_value_mean"]
        for line in self.lines:
            if "bidder" not in line or line["budget"] is not None:
                continue
            worth = value - line["fee"]
            if line["bidder"] == "truthful":
                buys = [row for row in self.test if worth >= row[3]]
                self.assertEqual(line["buys"], str(len(buys)))
                self.assertAlmostEqual(line["spend"], sum(row[3] + line["fee"] for row in buys), places=6)
            elif line["bidder"] in ("decision", "shaded", "optimal"):
                self.assertLessEqual(int(line["buys"]), sum(worth >= row[2] for row in self.test))
            if line["bidder"] == "shaded":
                bids = [max(line["threshold"] * worth, row[2]) if worth >= row[2] else -1 for row in self.test]
                won = [bid for bid, row in zip(bids, self.test) if bid >= row[3]]
                self.assertEqual(line["buys"], str(len(won)))
                self.assertAlmostEqual(line["spend"], sum(won) + line["fee"] * len(won), places=6)

    def test_floors_that_are_known_pay(self):
        ignored = replies(*self.command, "--set", "floors=ignore")
        self.assertNotIn("log_floor", ignored[-1]["summary"]["features"])

        def of(lines):
            heads_by_name = {line["head"]: line for line in lines if "encoding" in line}
            profit = {line["head"]: line["profit"] for line in lines
                      if line.get("bidder") == "optimal" and line["fee"] == 0 and line["budget"] is None}
            return heads_by_name, profit
        for law in ("condition", "clamp"):
            known, profit = of(replies(*self.command, "--set", "floors=" + law))
            unknown, less = of(ignored)
            for name in ("bins_ce", "digits_ce"):
                self.assertLess(known[name]["crps"], 0.95 * unknown[name]["crps"], name)
                self.assertGreater(profit[name], less[name], name)
            self.assertLess(known["regression_mae"]["mae"], 0.95 * unknown["regression_mae"]["mae"])

    def refused(self, text, *flags, test=None):
        file = self.folder / "some.log"
        file.write_text(text)
        done = vickrey("price", "--train", file, "--test", test or self.test_file, *flags)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        return error_of(done)

    def test_hostile_logs(self):
        good = self.text_of(self.train[:1])
        time, *_ = self.train[0]
        for row, field, message in [
            ((time, 0, 50, 48, 1), "payprice", "column 24: '48' is not at least the floor (slotprice, column 21), 50"),
            ((time, 0, -5, 48, 1), "slotprice", "column 21: '-5'"),
            ((time, 0, "1e9", 48, 1), "slotprice", "column 21: '1e9'"),
            ((time, 0, 0, "null", 1), "payprice", "column 24: 'null'"),
            ((time, 7, 0, 48, 1), "click", "column 1: '7'"),
            ((time[:-1], 0, 0, 48, 1), "timestamp", "column 5"),
            (("2013-10-22 13:51", 0, 0, 48, 1), "timestamp", "column 5"),
        ]:
            error = self.refused(good + self.text_of([row]))
            self.assertEqual((error["line"], error["field"]), ("2", field), error)
            self.assertIn(message, error["message"])
            self.assertIn("some.log:2", error["message"])
        self.assertIn("has 30 columns; 27 or 29", self.refused(good + self.text_of(self.train[:1], "\t1\t2\t3"))["message"])
        self.assertIn("has 28 columns; 4 are expected", self.refused(self.text_of(self.train[:1], "\t1"))["message"])
        self.assertIn("of different formats", self.refused("0\t51\t0.1\t1\n" * 9)["message"])
        text = self.train_file.read_text()
        self.assertIn("before the training log does", self.refused(self.test_file.read_text(), test=self.train_file)["message"])
        no_clicks = self.text_of([(row[0], 0, *row[2:]) for row in self.train[:50]])
        self.assertEqual(self.refused(no_clicks)["field"], "click")
        self.assertIn("condition", self.refused(text, "--set", "floors=maybe")["message"])

    def test_rounded_prices_are_raised_and_what_overlaps_is_left_out(self):
        last = max(row[0] for row in self.train)
        test = [("20131019000000000", 0, 0, 10, 1), (last, 0, 50, 49, 1), ("20131022000000000", 0, 0, 77, 2)]
        file = self.folder / "rounded.log"
        file.write_text(self.text_of(test))
        lines = replies("price", "--train", self.train_file, "--test", file, *QUICK, *heads(("bins", "ce")))
        self.assertEqual((lines[-2]["log"]["raised"], lines[-2]["log"]["left_out"]), ("1", "1"))
        self.assertEqual(lines[-1]["summary"]["test_rows"], "2")
        self.assertAlmostEqual(lines[-1]["summary"]["test_price_mean"], (50 + 77) / 2)


class SampleTest(unittest.TestCase):
    """iPinYou's prices of one advertiser, 220,000 rows to train on and 80,000 to judge on, and the raw log of another."""

    def test_heads_know_more_than_the_marginal_distribution(self):
        folder = SAMPLES / "ipinyou_prices"
        if not folder.exists():
            self.skipTest("sample not present")
        lines = replies("price", "--train", folder / "1458.train.txt", "--test", folder / "1458.test.txt",
                        "--set", "training.epochs=1", *heads(("bins", "ce"), ("decision", "mse")), timeout=300)
        summary = lines[-1]["summary"]
        self.assertEqual((summary["train_rows"], summary["validation_rows"], summary["test_rows"]),
                         ("198000", "22000", "80000"))
        self.assertNotIn("hour_sin", summary["features"])  # the training log has hours 0 to 14 only
        heads_by_name = {line["head"]: line for line in lines if "encoding" in line}
        self.assertLess(heads_by_name["bins_ce"]["crps"], heads_by_name["marginal"]["crps"])
        self.assertGreater(heads_by_name["bins_ce"]["log_likelihood"], heads_by_name["marginal"]["log_likelihood"])
        truthful, = [line for line in lines if line.get("bidder") == "truthful" and line["fee"] == 0
                     and line["budget"] is None]
        self.assertAlmostEqual(truthful["profit"], summary["test_best_profit"], delta=1e-9 * truthful["profit"])

    def test_floors_of_the_raw_log(self):
        folder = SAMPLES / "ipinyou_log"
        if not folder.exists():
            self.skipTest("sample not present")
        command = ["price", "--train", folder / "train.log.txt", "--test", folder / "test.log.txt", *heads(("bins", "ce"))]
        lines = replies(*command)
        log, summary = lines[-2]["log"], lines[-1]["summary"]
        # 55 + 19 rows paid 1 fen less than their floor; 303 test rows lie before the end of the training log.
        self.assertEqual((log["raised"], log["left_out"], log["train_clicks"]), ("74", "303", "4"))
        self.assertEqual((summary["train_rows"], summary["validation_rows"], summary["test_rows"]), ("7519", "836", "3868"))
        known = {line["head"]: line for line in lines if "encoding" in line}
        ignored = {line["head"]: line for line in replies(*command, "--set", "floors=ignore") if "encoding" in line}
        self.assertLess(known["bins_ce"]["crps"], known["marginal"]["crps"])
        self.assertLess(known["marginal"]["crps"], ignored["marginal"]["crps"])
        self.assertLess(known["bins_ce"]["crps"], ignored["bins_ce"]["crps"])


if __name__ == "__main__":
    unittest.main()
