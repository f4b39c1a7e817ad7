"""`vickrey arithmetic`: its numbers computed again from its answers, its promises, and what it refuses."""

import json
import os
import pathlib
import signal
import statistics
import subprocess
import tempfile
import unittest

from tool import BIN, error_of, vickrey

os.environ["OMP_NUM_THREADS"] = "1"

SMALL = {"task": "addition", "digits": 1, "width": 16, "layers": 1, "heads": 2, "batch": 32, "steps": 60,
         "learning_rate": 0.01, "judged": 200}
SPLITS = ["train", "interpolation", "extrapolation", "longer"]


class ArithmeticTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.config = pathlib.Path(folder.name) / "arithmetic.yaml"

    def run_on(self, config, *flags):
        self.config.write_text(config if isinstance(config, str) else json.dumps(config))
        return vickrey("arithmetic", "--config", self.config, *flags)

    def lines(self, config, *flags):
        done = self.run_on(config, *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_every_number_follows_from_the_answers(self):
        for order in ("most_significant_first", "least_significant_first"):
            config = {**SMALL, "task": "multiplication", "order": order, "loss": "ntl_mse"}
            *lines, last = self.lines(config, "--answers")
            splits = [line for line in lines if "accuracy" in line]
            self.assertEqual([line["split"] for line in splits], SPLITS)
            self.assertEqual(last["summary"]["splits"], splits)
            self.assertEqual((last["summary"]["loss"], last["summary"]["lambda"]), ("ntl_mse", 0.3))
            asked = set()
            for split in splits:
                answers = [line for line in lines if line["split"] == split["split"] and "answer" in line]
                self.assertEqual(len(answers), int(split["problems"]))
                errors, numbers = [], []
                for line in answers:
                    a, b = line["question"].removesuffix("=").split("*")
                    right = int(a) * int(b)
                    forward = slice(None, None, 1 if order == "most_significant_first" else -1)
                    self.assertEqual((line["right"], line["right_number"]), (str(right)[forward], str(right)))
                    self.assertNotIn(line["question"], asked)  # in no other split, and once
                    asked.add(line["question"])
                    number = int(line["answer"][forward]) if line["answer"].isdecimal() else None
                    if len(line["answer"]) <= 4:  # digits of 99 x 99
                        self.assertEqual(line["number"], None if number is None else str(number))
                    numbers += [] if line["number"] is None else [abs(int(line["number"]) - right)]
                    errors.append(abs(int(line["number"] or 0) - right))
                self.assertEqual(split["accuracy"], sum(x["answer"] == x["right"] for x in answers) / len(answers))
                self.assertAlmostEqual(split["mae"], statistics.fmean(errors), places=9)
                self.assertEqual(split["median_absolute_error"], statistics.median(errors))
                self.assertEqual(int(split["not_numbers"]), len(errors) - len(numbers))
                if numbers:
                    self.assertAlmostEqual(split["mae_of_numbers"], statistics.fmean(numbers), places=9)

    def test_it_learns_and_repeats_itself(self):
        config = {**SMALL, "width": 32, "batch": 64, "steps": 300, "loss": "ntl_was"}
        first = self.run_on(config)
        self.assertEqual(first.returncode, 0, first.stderr)
        learned = json.loads(first.stdout.splitlines()[0])
        self.assertGreater(learned["accuracy"], 0.95)
        self.assertEqual(first.stdout, self.run_on(config).stdout)
        self.assertNotEqual(first.stdout, self.run_on(config, "--seed", 2).stdout)
        self.assertEqual(self.run_on(config, "--set", "steps=5").stdout, self.run_on({**config, "steps": 5}).stdout)
        self.assertTrue(any("progress" in json.loads(line) for line in first.stderr.splitlines()), first.stderr)

    def test_a_plan_trains_nothing(self):
        """As many problems as a run judges, of a configuration that would train for days."""
        judged = [(line["split"], line["problems"]) for line in map(json.loads, self.run_on(SMALL).stdout.splitlines()) if "split" in line]
        done = self.run_on({**SMALL, "steps": 10_000_000}, "--plan")
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(line["split"], line["problems"]) for line in lines], judged)
        self.assertEqual({line["accuracy"] for line in lines}, {None})
        self.assertEqual(self.run_on({**SMALL, "width": 18, "heads": 4}, "--plan").returncode, 2)
        self.assertEqual(self.run_on(SMALL, "--plan", "--answers").returncode, 2)

    def test_a_signal_ends_it(self):
        self.config.write_text(json.dumps({**SMALL, "steps": 10_000_000}))
        with subprocess.Popen([BIN / "vickrey", "arithmetic", "--config", self.config], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            process.stderr.readline()  # the first report: it trains
            process.send_signal(signal.SIGTERM)
            stdout, _ = process.communicate(timeout=60)
        self.assertEqual((process.returncode, stdout), (4, ""))

    def test_what_is_wrong_is_refused_by_name(self):
        for change, field, says in (
                ({"task": "division"}, "task", "addition, multiplication"),
                ({"task": None}, "task", None),
                ({"digits": 0}, "digits", "0 is out of range"),
                ({"digits": 7}, "digits", "7 is out of range"),
                ({"largest": 9}, "largest", "4 to 8 are allowed"),
                ({"largest": 2**63 - 1}, "largest", "9223372036854775807 is out of range"),
                ({"loss": "mse"}, "loss", "ntl_was"),
                ({"lambda": 0.3}, "lambda", "not read by cross_entropy"),
                ({"loss": "ntl_was", "lambda": -1}, "lambda", "-1 is out of range"),
                ({"loss": "ntl_was", "lambda": float("nan")}, "lambda", None),
                ({"width": 18, "heads": 4}, "width", "no multiple of heads, 4"),
                ({"batch": 65536, "width": 1024}, "batch", "1048576"),
                ({"steps": 0}, "steps", "0 is out of range"),
                ({"steps": 1.5}, "steps", "1.5"),
                ({"learning_rate": 0}, "learning_rate", "0 is out of range"),
                ({"learning_rate": "fast"}, "learning_rate", "fast"),
                ({"seed": -1}, "seed", "-1"),
                ({"threads": 100000}, "threads", "100000 is out of range"),
                ({"judged": 0}, "judged", "0 is out of range"),
                ({"order": "reverse"}, "order", "least_significant_first"),
                ({"digit": 3}, "digit", "unknown key")):
            config = {key: value for key, value in {**SMALL, **change}.items() if value is not None}
            done = self.run_on(config)
            self.assertEqual((done.returncode, done.stdout), (2, ""), (change, done.stderr))
            error = error_of(done)
            self.assertIn(field, error["message"] + str(error["field"]), change)
            self.assertIn(says or "", error["message"], change)
        for text in ("", "[1, 2]", "task: [addition]", "task: addition\ntask: addition", "{", "\0"):
            self.assertEqual(self.run_on(text).returncode, 2, text)
        for flags in (["--seed", "-1"], ["--seed", "010"], ["--set", "steps"], ["--set", "=1"], ["--set", "stepz=1"],
                      ["more"]):
            self.assertEqual(self.run_on(SMALL, *flags).returncode, 2, flags)
        self.assertEqual(vickrey("arithmetic").returncode, 2)
        self.assertIn(vickrey("arithmetic", "--config", "/nowhere").returncode, (2, 3))

    def test_a_rate_that_is_far_too_high_is_an_error_or_a_bad_model_never_a_crash(self):
        done = self.run_on({**SMALL, "learning_rate": 1, "clip_norm": 1e9, "steps": 100, "judged": 5})
        self.assertIn(done.returncode, (0, 3), done.stderr)
        if done.returncode:
            self.assertIn("not finite", error_of(done)["message"])


if __name__ == "__main__":
    unittest.main()
