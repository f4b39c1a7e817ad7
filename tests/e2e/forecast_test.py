"""`vickrey forecast` as its users run it: plans, lines, positions, hostile input, signals, the same bytes again."""

import json
import math
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time
import unittest

from tool import BIN, error_of, vickrey

os.environ["OMP_NUM_THREADS"] = "1"

CONFIG = """\
model: {architecture: perceptron, window: 4, hidden: [8]}
loss: {loss: gmadl}
walk_forward: {in_sample: 200, validation: 60, out_of_sample: 50}
optimizer: {epochs: 3, learning_rate: 0.01}
candidates:
  - settings: {}
  - settings: {optimizer.learning_rate: 0.03, model.hidden: [4, 4]}
"""


def prices(count, seed=1, strength=0.7):
    """Prices whose returns tend to go on in the direction of the last."""
    dice, price, last = random.Random(seed), 100.0, 1
    for _ in range(count):
        yield price
        change = 0.01 * (strength * (1 if last > 0 else -1) + dice.gauss(0, 1))
        last, price = change, price * (1 + change)


def day(i):
    return f"{2001 + i // 336}-{i // 28 % 12 + 1:02d}-{i % 28 + 1:02d}"


def position_of(thresholds, forecasts):
    """By the definition: four levels, strict comparisons, the opposite before 0."""
    positions, held = [], 0
    for f in forecasts:
        if f > thresholds["enter_long"]:
            held = 1
        elif f < thresholds["enter_short"]:
            held = -1
        elif (held == 1 and f < thresholds["exit_long"]) or (held == -1 and f > thresholds["exit_short"]):
            held = 0
        positions.append(held)
    return positions


def ratio(lines, positions, cost, periods_per_year=252):
    """IR**, by its definition."""
    equity, peak, drawdown, changes, last = 1, 1, 0, [], 0
    for line, p in zip(lines, positions):
        changes.append(p * line["return"] - cost * abs(p - last))
        last, equity = p, equity * (1 + changes[-1])
        peak = max(peak, equity)
        drawdown = max(drawdown, 1 - equity / peak)
    mean = sum(changes) / len(changes)
    asd = math.sqrt(sum((x - mean) ** 2 for x in changes) / (len(changes) - 1) * periods_per_year)
    arc = equity ** (periods_per_year / len(changes)) - 1
    return arc / asd * abs(arc) / drawdown


class ForecastTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.config = self.write("forecast.yaml", CONFIG)
        self.series = self.write("prices.csv", self.csv(prices(401)))

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    @staticmethod
    def csv(values):
        return "Day,Close\n" + "".join(f"{day(i)},{value!r}\n" for i, value in enumerate(values))

    def run_it(self, *flags, config=None, series=None, price="Close"):
        return vickrey("forecast", "--config", config or self.config, "--series", series or self.series, "--price", price, *flags)

    def good(self, *flags, **kwargs):
        done = self.run_it(*flags, **kwargs)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def refused(self, *flags, code=2, **kwargs):
        done = self.run_it(*flags, **kwargs)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stdout, "")
        return error_of(done)

    def test_plan(self):
        windows = self.good("--plan")
        self.assertEqual([w["window"] for w in windows], ["0", "1", "2"])
        self.assertEqual(windows[1], {
            "window": "1",
            "in_sample": {"first": day(51), "last": day(250), "rows": "200"},
            "validation": {"first": day(251), "last": day(310), "rows": "60"},
            "out_of_sample": {"first": day(311), "last": day(360), "rows": "50"}})
        self.assertEqual(windows[2]["out_of_sample"], {"first": day(361), "last": day(400), "rows": "40"})
        anchored = self.write("anchored.yaml", CONFIG.replace("{in_sample", "{begin: anchored, last: dropped, in_sample"))
        windows = self.good("--plan", config=anchored)
        self.assertEqual([w["in_sample"]["rows"] for w in windows], ["200", "250"])

    def test_lines_and_summary(self):
        costs = [0.001, 0.02]
        *lines, last = self.good("--window", 1, "--cost", costs[0], "--cost", costs[1], "--seed", 7)
        summary = last["summary"]
        values = list(prices(401))
        self.assertEqual([line["part"] for line in lines], ["validation"] * 60 + ["out_of_sample"] * 50)
        for t, line in enumerate(lines, 250):
            self.assertEqual((line["window"], line["index"], line["time"]), ("1", str(t), day(t + 1)))
            self.assertEqual(line["return"], values[t + 1] / values[t] - 1)
            self.assertTrue(math.isfinite(line["forecast"]))
        inside = [values[t + 1] / values[t] - 1 for t in range(50, 250)]
        mean = sum(inside) / 200
        self.assertAlmostEqual(summary["scale"], math.sqrt(sum((x - mean) ** 2 for x in inside) / 199), delta=1e-15)
        self.assertEqual((summary["window"], summary["model"], summary["loss"], summary["seed"], summary["costs"], summary["metric"]),
                         ("1", "perceptron", "gmadl", "7", costs, "ir2"))
        self.assertEqual([c["settings"] for c in summary["candidates"]],
                         [{}, {"model.hidden": "[4, 4]", "optimizer.learning_rate": "0.03"}])
        self.assertEqual([c["parameters"] for c in summary["candidates"]], ["49", "45"])
        self.assertEqual(summary["steps"], str(2 * 3 * 4))  # 196 periods in batches of 64
        metrics = [c["validation_metric"] for c in summary["candidates"]]
        self.assertEqual(summary["chosen"], str(metrics.index(max(metrics))))
        self.assertEqual(summary["validation_metric"][0], max(metrics))
        for k, (cost, thresholds) in enumerate(zip(costs, summary["thresholds"])):
            for part in (lines[:60], lines[60:]):
                self.assertEqual([line["positions"][k] for line in part], position_of(thresholds, [line["forecast"] for line in part]))
        self.assertAlmostEqual(ratio(lines[:60], [line["positions"][0] for line in lines[:60]], costs[0]), summary["validation_metric"][0],
                               delta=1e-9 * abs(summary["validation_metric"][0]))
        trades = [sum(a["positions"][k] != b["positions"][k] for a, b in zip(lines, lines[1:60])) for k in (0, 1)]
        self.assertGreaterEqual(trades[0], trades[1])

    def test_without_trades_the_metric_is_null(self):
        flat = self.write("flat.csv", self.csv([100.0] * 401))
        *lines, last = self.good("--window", 0, series=flat)
        self.assertEqual(last["summary"]["validation_metric"], [None])
        self.assertEqual([c["validation_metric"] for c in last["summary"]["candidates"]], [None, None])
        self.assertTrue(all(math.isfinite(line["forecast"]) for line in lines))

    def test_the_same_bytes(self):
        for model in ("{architecture: lstm, window: 4, width: 6}", "{architecture: transformer, window: 4, width: 8, heads: 2}"):
            config = self.write("m.yaml", CONFIG.split("candidates")[0].replace("{architecture: perceptron, window: 4, hidden: [8]}", model))
            once, again = (self.run_it("--window", 0, config=config) for _ in range(2))
            self.assertEqual(once.returncode, 0, once.stderr)
            self.assertEqual(once.stdout, again.stdout)
            other = self.run_it("--window", 0, "--seed", 2, config=config)
            self.assertNotEqual(once.stdout, other.stdout)

    def test_what_comes_later_in_the_file_changes_nothing(self):
        short = self.write("short.csv", self.csv(list(prices(401))[:281]))  # 20 days into the out-of-sample part
        spiked = self.write("spiked.csv", self.csv([p * (1 if i < 281 else 5) for i, p in enumerate(prices(401))]))
        whole, cut, spike = (self.good("--window", 0, "--cost", 0.001, series=s) for s in (None, short, spiked))
        self.assertEqual(whole[:80], cut[:80])
        self.assertEqual(whole[:80], spike[:80])
        self.assertNotEqual(whole[80]["return"], spike[80]["return"])
        self.assertEqual(whole[80]["forecast"], spike[80]["forecast"])
        self.assertNotEqual(whole[81]["forecast"], spike[81]["forecast"])
        for key in ("thresholds", "chosen", "candidates", "scale"):
            self.assertEqual(whole[-1]["summary"][key], cut[-1]["summary"][key])

    def test_effective_configuration_trains_the_same(self):
        done = self.run_it("--window", 0, "--seed", 3)
        effective = next(json.loads(line)["config"] for line in done.stderr.splitlines() if line.startswith('{"config"'))
        self.assertEqual(effective["seed"], "3")
        again = self.run_it("--window", 0, config=self.write("effective.json", json.dumps(effective)))
        self.assertEqual(again.stdout, done.stdout, again.stderr)

    def test_hostile_input(self):
        error = self.refused("--window", 0, config=self.write("bad.yaml", CONFIG.replace("epochs: 3", "epochs: 0")))
        self.assertIn("bad.yaml:4: optimizer.epochs: 0 is out of range", error["message"])
        error = self.refused("--window", 0, config=self.write("bad.yaml", CONFIG.replace("0.03", "much")))
        self.assertEqual(error["field"], "candidates[1].settings.optimizer.learning_rate")
        self.assertIn("bad.yaml:7: ", error["message"])
        self.assertEqual(self.refused("--window", 3)["field"], "--window")
        self.assertIn("3 is not one of the walk-forward's windows, 0 to 2", self.refused("--window", 3)["message"])
        self.assertEqual(self.refused()["field"], "--window")
        self.assertEqual(self.refused("--window", 0, "--cost", 1.5)["field"], "--cost")
        self.assertEqual(self.refused("--window", 0, "--set", "epochs")["field"], "--set")
        self.assertEqual(self.run_it("--window", "x").returncode, 2)
        self.assertEqual(self.run_it("--window", 0, "--plan").returncode, 2)
        self.assertIn("no window fits", self.refused("--plan", series=self.write("few.csv", self.csv(prices(50))))["message"])
        self.refused("--window", 0, price="Open")
        self.refused("--window", 0, series=self.folder / "nowhere.csv")
        self.refused("--window", 0, config=self.folder / "nowhere.yaml")
        error = self.refused("--window", 0, series=self.write("text.csv", "Day,Close\n2001-01-01,1\n2001-01-02,much\n"))
        self.assertEqual((error["line"], error["field"]), ("3", "Close"))
        huge = list(prices(401))
        huge[230] = 1e90
        self.assertIn("times the in-sample deviation", self.refused("--window", 0, series=self.write("huge.csv", self.csv(huge)))["message"])

    def long_run(self):
        config = self.write("long.yaml", CONFIG.split("candidates")[0].replace("epochs: 3", "epochs: 400"))
        args = [BIN / "vickrey", "forecast", "--config", config, "--series", self.series, "--price", "Close", "--window", "0"]
        return args

    def test_a_signal_ends_it_and_the_same_command_begins_anew(self):
        args = self.long_run()
        whole = subprocess.run(args, capture_output=True, timeout=300)
        self.assertEqual(whole.returncode, 0, whole.stderr)
        for number, code in ((signal.SIGTERM, 4), (signal.SIGINT, 4), (signal.SIGKILL, -signal.SIGKILL)):
            process = subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            process.stderr.readline()  # the configuration: training begins
            time.sleep(0.05)
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, code, err)
            self.assertEqual(out, b"")
            if code == 4:
                self.assertIn(b"the same command begins it anew", err)
        again = subprocess.run(args, capture_output=True, timeout=300)
        self.assertEqual(again.stdout, whole.stdout)


if __name__ == "__main__":
    unittest.main()
