"""`vickrey eval walkforward`: against numpy, by hand, on hostile input, and on real prices."""

import csv
import datetime
import json
import math
import unittest

import numpy
from tool import ROOT, SAMPLES, error_of, replies, vickrey

START = datetime.date(2001, 5, 3)
NUMBERS = ("arc", "asd", "ir", "ir2", "max_drawdown", "share_long", "share_short", "share_flat", "final_equity")


def day(t):
    return (START + datetime.timedelta(t)).isoformat()


def lines_of(returns, positions):
    return [{"time": day(t), "return": float(r), "position": float(p)} for t, (r, p) in enumerate(zip(returns, positions))]


def by_numpy(returns, positions, cost=0.0, year=252.0):
    """The same numbers, of whole arrays."""
    returns, positions = numpy.asarray(returns), numpy.asarray(positions)
    changes = numpy.abs(numpy.diff(positions, prepend=0))
    gains = positions * returns - cost * changes
    curve = numpy.concatenate([[1], numpy.cumprod(1 + gains)])
    arc = curve[-1] ** (year / len(gains)) - 1
    asd = numpy.std(gains, ddof=1) * math.sqrt(year)
    drawdown = numpy.max(1 - curve / numpy.maximum.accumulate(curve))
    return {"arc": arc, "asd": asd, "ir": arc / asd, "ir2": arc / asd * arc * numpy.sign(arc) / drawdown,
            "max_drawdown": drawdown, "final_equity": curve[-1], "trades": numpy.count_nonzero(changes),
            "share_long": numpy.mean(positions > 0), "share_short": numpy.mean(positions < 0),
            "share_flat": numpy.mean(positions == 0)}


class EvalWalkForwardTest(unittest.TestCase):
    def assert_same(self, line, expected):
        for name in NUMBERS:
            self.assertTrue(math.isclose(line[name], expected[name], rel_tol=1e-9, abs_tol=1e-12),
                            f"{name}: {line[name]} and {expected[name]}")
        self.assertEqual(line["trades"], str(expected["trades"]))

    def test_the_example_of_its_documentation(self):
        said = (ROOT / "docs/forecasting.md").read_text().split("--cost 0.01 --periods-per-year 3 --curve\n")[1].split("\n\n")[0].splitlines()
        lines = [{"time": f"2001-05-{day}", "return": value, "position": position} for day, value, position in
                 (("03", 0.1, 1), ("04", -0.2, 1), ("05", 0.05, -1))]
        found = vickrey("eval", "walkforward", "--cost", 0.01, "--periods-per-year", 3, "--curve", lines=lines).stdout.splitlines()
        self.assertEqual(len(said), len(found))
        for line, expected in zip(found, said):
            self.assertTrue(line.startswith(expected.strip().removesuffix("...}")), (line, expected))

    def test_agrees_with_numpy(self):
        random = numpy.random.default_rng(1)
        for cost, year, positions in ((0, 252, random.integers(-1, 2, 700)), (0.001, 252, random.integers(0, 2, 50)),
                                      (0.002, 365, random.uniform(-1, 1, 300)), (0.0005, 12, numpy.ones(20))):
            returns = random.normal(0.0005, 0.012, len(positions))
            found = replies("eval", "walkforward", "--cost", cost, "--periods-per-year", year,
                            lines=lines_of(returns, positions))
            self.assertEqual(len(found), 1)
            self.assert_same(found[0], by_numpy(returns, positions, cost, year))
            self.assertEqual((found[0]["strategy"], found[0]["periods"], found[0]["cost"]),
                             ("given", str(len(positions)), cost))
            self.assertIsNone(found[0]["random"])

    def test_the_curve(self):
        # The numbers of vickrey/series/performance_test.cc, where they are derived.
        found = replies("eval", "walkforward", "--curve", "--cost", "0.01", "--periods-per-year", 3,
                        lines=lines_of([.1, -.2, .05], [1, 1, -1]))
        self.assertEqual([line["time"] for line in found[:3]], ["2001-05-03", "2001-05-04", "2001-05-05"])
        for line, equity, drawdown in zip(found, (1.09, .872, .81096), (0, .2, .256)):
            self.assertAlmostEqual(line["equity"], equity, places=13)
            self.assertAlmostEqual(line["drawdown"], drawdown, places=13)
        self.assertAlmostEqual(found[3]["arc"], -.18904, places=13)
        self.assertAlmostEqual(found[3]["ir2"], -.5548372326306878, places=12)

    def test_baselines(self):
        random = numpy.random.default_rng(2)
        returns = random.normal(0, 0.01, 300)
        positions = numpy.sign(numpy.where(numpy.abs(returns) > 0.004, returns, 0))  # foresight
        flags = ("eval", "walkforward", "--baselines", "--cost", "0.0005", "--draws", 100)
        done = vickrey(*flags, "--seed", 3, lines=lines_of(returns, positions))
        given, hold, chance = map(json.loads, done.stdout.splitlines())
        self.assert_same(given, by_numpy(returns, positions, 0.0005))
        self.assertEqual((hold["strategy"], hold["trades"], hold["share_long"]), ("buy_and_hold", "1", 1))
        self.assert_same(hold, by_numpy(returns, numpy.ones(300), 0.0005))
        self.assertEqual((chance["strategy"], chance["random"]["draws"]), ("random_trades", "100"))
        for name in ("trades", "share_long", "share_short", "share_flat", "periods", "cost"):
            self.assertEqual(chance[name], given[name], name)
        self.assertLess(chance["arc"], 0)  # it pays the costs of foresight
        self.assertEqual([chance["random"][f"{name}_quantile"] for name in ("arc", "ir", "ir2", "profit")], [1] * 4)
        self.assertEqual(vickrey(*flags, "--seed", 3, lines=lines_of(returns, positions)).stdout, done.stdout)
        other = json.loads(vickrey(*flags, "--seed", 4, lines=lines_of(returns, positions)).stdout.splitlines()[2])
        self.assertNotEqual(other["arc"], chance["arc"])

    def test_bankrupt(self):
        lines = lines_of([.1, 1.2, .5, .5], [1, -1, 1, -1])
        curve = replies("eval", "walkforward", "--curve", "--baselines", "--draws", 50, lines=lines)
        self.assertEqual([line["equity"] for line in curve[1:4]], [0, 0, 0])
        given, hold, chance = curve[4:]
        self.assertEqual((given["bankrupt"], given["arc"], given["max_drawdown"], given["final_equity"]), (day(1), -1, 1, 0))
        self.assertLess(given["ir2"], 0)
        self.assertIsNone(hold["bankrupt"])
        self.assertGreater(int(chance["random"]["bankrupt"]), 0)

    def test_what_is_not_defined_is_null(self):
        empty = replies("eval", "walkforward", "--baselines")
        for line in empty:
            self.assertEqual((line["periods"], line["final_equity"], line["trades"]), ("0", 1, "0"))
            self.assertEqual([line[name] for name in ("arc", "asd", "ir", "ir2", "share_flat")], [None] * 5)
        flat = replies("eval", "walkforward", lines=lines_of([.1, -.1], [0, 0]))[0]
        self.assertEqual((flat["arc"], flat["asd"], flat["ir"], flat["ir2"]), (0, 0, None, None))

    def test_bad_input_names_line_and_field(self):
        good = {"time": "5/3/2001", "return": 0.01, "position": 1}
        cases = [({"time": ""}, "time"), ({"time": None}, "time"), ({"time": "yesterday"}, "time"), ({"time": 5}, "time"),
                 ({"time": "2001-05-03"}, "time"), ({"time": "2001-05-02"}, "time"), ({"time": "5/4/01"}, "time"),
                 ({"return": None}, "return"), ({"return": "NaN"}, "return"), ({"return": "Infinity"}, "return"),
                 ({"return": -1.5}, "return"), ({"return": "x"}, "return"), ({"return": [1]}, "return"),
                 ({"position": None}, "position"), ({"position": 1.5}, "position"), ({"position": -2}, "position"),
                 ({"position": "NaN"}, "position"), ({"positions": [1]}, "positions"), ({"forecast": 1}, "forecast")]
        for change, field in cases:
            done = vickrey("eval", "walkforward", "--curve", lines=[good, {**good, "time": "5/4/2001", **change}])
            error = error_of(done)
            self.assertEqual((done.returncode, error["line"], error["field"]), (2, "2", field), change)
            self.assertEqual(len(done.stdout.splitlines()), 1, "what was right before is said, and no summary")
        for text in ("nonsense\n", '{"time":"2001-05-03","return":0.01,"position":1', '{"return":1,"return":2}\n', "[]\n"):
            self.assertEqual(vickrey("eval", "walkforward", text=text).returncode, 2, text)

    def test_bad_flags(self):
        for flags, field in ((("--cost", -1), "--cost"), (("--cost", 2), "--cost"), (("--cost", "nan"), "--cost"),
                             (("--periods-per-year", 0), "--periods-per-year"), (("--draws", 0), "--draws"),
                             (("--seed", -1), "--seed"), (("--unknown",), None)):
            done = vickrey("eval", "walkforward", *flags, lines=lines_of([.1], [1]))
            self.assertEqual(done.returncode, 2, flags)
            if field:
                self.assertIn(field.lstrip("-").replace("-", "_"), done.stderr.replace("-", "_"))


class SampleTest(unittest.TestCase):
    """Buy and hold of real prices. It gains what the last price is over the first, whatever was missing between."""

    def hold(self, file, column):
        path = SAMPLES / "price_series" / file
        if not path.exists():
            self.skipTest("sample not present")
        with path.open(newline="") as text:
            rows = [(row["Date"], float(row[column])) for row in csv.DictReader(text) if row[column] not in ("", ".")]
        prices = numpy.array([price for _, price in rows])
        returns = prices[1:] / prices[:-1] - 1
        lines = [{"time": date, "return": r, "position": 1} for (date, _), r in zip(rows[1:], returns.tolist())]
        given, hold, chance = replies("eval", "walkforward", "--baselines", "--draws", 2, lines=lines)
        self.assertTrue(math.isclose(given["final_equity"], prices[-1] / prices[0], rel_tol=1e-9))
        expected = by_numpy(returns, numpy.ones(len(returns)))
        for line in (given, hold):
            for name in NUMBERS:
                self.assertTrue(math.isclose(line[name], expected[name], rel_tol=1e-9), name)
        # With one run there is one order of it: every draw is the strategy, a tie.
        self.assertEqual((chance["arc"], chance["random"]["arc_quantile"]), (given["arc"], 0.5))
        return given

    def test_wti(self):
        self.assertEqual(self.hold("wti_daily.csv", "DCOILWTICO")["trades"], "1")

    def test_sp500(self):
        self.assertEqual(self.hold("sp500_daily.csv", "Adj Close")["trades"], "1")


if __name__ == "__main__":
    unittest.main()
