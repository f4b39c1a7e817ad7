"""Every loss against what PyTorch made of it: losses.json, recorded by losses.py."""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
RECORDED = json.loads((HERE / "losses.json").read_text())
PROGRAM = pathlib.Path(os.environ["VICKREY_BIN"], "vickrey")
os.environ["OMP_NUM_THREADS"] = "1"  # for auctions this small, more threads only wait for each other


def evaluate(verb, config, lines, *flags):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        done = subprocess.run([PROGRAM, "eval", verb, *flags, "--config", file.name], capture_output=True, text=True,
                              input="".join(json.dumps(line) + "\n" for line in lines), timeout=60)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


class RecordedTest(unittest.TestCase):
    def expect_near(self, got, expected, tolerance=1e-12):
        self.assertLessEqual(abs(got - expected), tolerance * max(1, abs(expected)), (got, expected))

    def expect_all_near(self, got, expected):
        self.assertEqual(len(got), len(expected))
        largest = max([abs(g) for g in expected], default=0)
        for a, b in zip(got, expected):
            self.assertLessEqual(abs(a - b), 1e-11 * largest + 1e-13, (got, expected))

    def test_losses_of_auctions(self):
        cases = RECORDED["auction_losses"]
        self.assertGreater(len(cases), 90)
        self.assertEqual(len({case["config"]["loss"] for case in cases}), 11)

        def run(case):
            one = case["config"]["loss"] != "jrc"  # has one output
            return evaluate("loss", case["config"], [{k: v for k, v in line.items() if not one or k != "no_click_logits"}
                                                     for line in RECORDED["inputs"]])
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            runs = list(pool.map(run, cases))
        for case, (*got, last) in zip(cases, runs):
            with self.subTest(**case["config"]):
                for line, expected in zip(got, case["expected"], strict=True):
                    self.expect_near(line["train_value"], expected["train_value"])
                    self.expect_all_near(line["gradient"], expected["gradient"])
                    self.expect_all_near(line["no_click_gradient"], expected.get("no_click_gradient", []))
                self.expect_near(last["summary"]["train_value"], case["summary"])

    def test_losses_of_forecasts(self):
        theirs = 0
        for case in RECORDED["pointwise_losses"]:
            with self.subTest(case["loss"], **case["config"]):
                *got, last = evaluate("pointwise-loss", case["config"], case["lines"], "--loss", case["loss"])
                for line, expected in zip(got, case["expected"], strict=True):
                    self.expect_all_near(line["gradient"], expected["gradient"])
                    for key in expected.keys() - {"gradient", "ntloss"}:
                        self.expect_near(line[key], expected[key])
                    if "ntloss" in expected:  # the authors' own package, which looks values up in float
                        theirs += 1
                        self.expect_near(line["distance"], expected["ntloss"], 1e-6)
                mean = sum(line["value"] for line in got) / len(got)
                self.expect_near(last["summary"]["value"], mean)
        self.assertEqual(theirs, 16)


if __name__ == "__main__":
    unittest.main()
