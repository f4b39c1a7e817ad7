"""The demo's orchestration: what it leaves, what it says when a step fails, what is left running when it is ended.

The report's page is looked into by report_test.py.
"""

import hashlib
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import unittest

from tool import BIN, ROOT, market, vickrey, wait_until

os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin while they wait make a busy machine ten times slower

STUDENTS = ["logloss_click", "logloss_teacher", "bid_logloss_click", "welfare_rank"]
SMALL = """#!/bin/sh
# Whatever the number of auctions, there are 400.
for argument; do
  shift
  [ "$last" = --auctions ] && argument=400
  last=$argument
  set -- "$@" "$argument"
done
"""
FAIL = """if [ "$1" = "$FAILING" ]; then
  echo '{"progress":{"task":"x"}}' >&2
  echo '{"error":{"code":"UNAVAILABLE","message":"the market is closed","line":null,"field":null}}' >&2
  exit 3
fi
"""


class DemoTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.shared = pathlib.Path(folder.name).resolve()
        # The same programs behind a script that keeps markets small and can fail.
        cls.small = cls.shared / "programs"
        cls.small.mkdir()
        script = cls.small / "vickrey"
        script.write_text(f'{SMALL}{FAIL}exec {shlex.quote(str(BIN / "vickrey"))} "$@"\n')
        script.chmod(0o755)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()
        self.out = self.folder / "out"
        self.addCleanup(lambda: [os.kill(pid, signal.SIGKILL) for pid in self.left_behind()])

    def begin(self, *flags, programs=None, **environment):
        process = subprocess.Popen([sys.executable, "-B", ROOT / "simulator/demo/demo.py", "--programs", programs or self.small,
                                    "--out", self.out, *map(str, flags)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        return process

    def demo(self, *flags, timeout=60, **kwargs):
        process = self.begin(*flags, **kwargs)
        stdout, stderr = process.communicate(timeout=timeout)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def left_behind(self):
        """The processes that work in this test's folder: pid -> command line."""
        found = {}
        for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # gone meanwhile
                continue
            if str(self.folder) in line:
                found[int(file.parent.name)] = line
        return found

    def check_result(self, done, auctions):
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        summary = json.loads((self.out / "summary.json").read_text())
        self.assertLessEqual({"format", "seed", "config", "auctions", "missing", "outcomes_sha256", "versions", "seconds",
                              "models", "comparisons", "demo"}, set(summary))
        self.assertEqual((summary["format"], summary["auctions"], summary["missing"]), (1, str(auctions), "0"))
        self.assertEqual(summary["outcomes_sha256"], hashlib.sha256((self.out / "outcomes.jsonl").read_bytes()).hexdigest())
        self.assertLessEqual({"auctions", "candidates", "ctr", "source"}, set(summary["demo"]["log"]))
        self.assertEqual([t["ref"] for t in summary["demo"]["training"]], [f"{name}@1" for name in STUDENTS])
        for training in summary["demo"]["training"]:
            self.assertGreater(training["seconds"], 0)
            self.assertIn("validation.welfare", training["metrics"])
            self.assertEqual([e["epoch"] for e in training["epochs"]], list(range(1, 9)))
            kept, = [e for e in training["epochs"] if e["epoch"] == training["metrics"]["epoch"]]
            self.assertAlmostEqual(kept["validation_welfare"], training["metrics"]["validation.welfare"], places=12)
        self.assertEqual({m["ref"] for m in summary["models"]}, {f"{name}@1" for name in STUDENTS})
        self.assertEqual(summary["models"][0]["ref"], "welfare_rank@1")
        verdict = summary["demo"]["verdict"]
        self.assertIn(verdict, done.stdout)
        for note in summary["demo"]["notes"]:
            self.assertIn(note, done.stdout)
        self.check_verdict(summary)
        self.check_page((self.out / "report.html").read_text(), summary)
        self.assertEqual(self.left_behind(), {})
        return summary

    def check_verdict(self, summary):
        """It says no more than its comparison, which is with the better baseline on validation."""
        welfare = {t["ref"]: t["metrics"]["validation.welfare"] for t in summary["demo"]["training"]}
        baselines = ["logloss_click@1", "logloss_teacher@1"]
        primary = summary["demo"]["primary"]
        self.assertEqual((primary["student"], primary["baseline"]), ("welfare_rank@1", max(baselines, key=welfare.get)))
        comparison, = [c for c in summary["comparisons"] if c["metric"] == "welfare" and c["b_model"] == primary["baseline"]]
        lo, hi = comparison["relative_ci95"]
        words = "more welfare" if lo > 0 else "less welfare" if hi < 0 else "No difference"
        self.assertIn(words, summary["demo"]["verdict"])
        self.assertIn(f"{100 * comparison['relative']:+.2f} %", summary["demo"]["verdict"])

    def check_page(self, page, summary):
        """The report loads nothing, and holds the summary's numbers."""
        for pattern in (r"""<[a-z][^<>]*\s(src|href|srcset|data|action|poster)\s*=\s*["']?\s*(https?:)?//[^<>]*""",
                        r"""(@import|url\()\s*["']?\s*(https?:)?//.{9}"""):
            found = re.search(pattern, page, re.IGNORECASE)
            self.assertIsNone(found, found and found.group())
        self.assertIn("default-src 'none'", page)  # nor may it
        self.assertTrue(summary["outcomes_sha256"] in page)

    def test_a_quick_demo_with_nothing_changed(self):
        done = self.demo("--quick", programs=BIN, timeout=300)
        summary = self.check_result(done, 10000)
        self.assertEqual((summary["demo"]["quick"], summary["demo"]["log"]["auctions"]), (True, "20000"))
        # On this market, with this seed, knowing bids pays.
        self.assertIn("creates more welfare", summary["demo"]["verdict"])
        for comparison in summary["comparisons"]:
            again = vickrey("eval", "compare", self.out / "outcomes.jsonl", self.out / "outcomes.jsonl", "--models",
                            f"{comparison['a_model']},{comparison['b_model']}", "--metric", comparison["metric"])
            self.assertEqual(json.loads(again.stdout), comparison)
        logs = sorted(file.name for file in (self.out / "logs").iterdir())
        self.assertEqual([re.sub(r"^\d+-|\.log$", "", name) for name in logs],
                         ["log", "snapshot", "stats", *(f"train-{name}" for name in STUDENTS), "serve",
                          *(f"register-{name}" for name in STUDENTS), "simulate", "report"])

    def test_a_second_demo_replaces_the_first(self):
        first = self.check_result(self.demo(), 400)
        (self.out / "notes.txt").write_text("mine")
        second = self.check_result(self.demo("--seed", 2), 400)
        self.assertEqual((first["seed"], second["seed"]), ("1", "2"))
        self.assertNotEqual(first["outcomes_sha256"], second["outcomes_sha256"])
        self.assertEqual((self.out / "notes.txt").read_text(), "mine")
        again = self.check_result(self.demo(), 400)
        self.assertEqual(again["outcomes_sha256"], first["outcomes_sha256"])

    def test_a_log_of_ones_own_is_judged_by_its_clicks(self):
        lines = [json.loads(line) for line in market(1000).splitlines()]
        for line in lines:
            for candidate in line["candidates"]:
                candidate["ctr"] = None
        log = self.folder / "mine.jsonl"
        log.write_text("".join(json.dumps(line) + "\n" for line in lines))
        done = self.demo("--log", log, "--format", "jsonl", programs=BIN)
        summary = self.check_result(done, 200)  # the newest fifth
        self.assertEqual(summary["demo"]["log"]["auctions"], "1000")
        for model in summary["models"]:
            self.assertEqual((model["reference"], model["regret"]), ("clicks", None))

    def test_a_step_that_fails_is_named_with_its_error_and_its_log(self):
        for verb, step in (("simulate", "simulate"), ("market", "log"), ("serve", "serve"), ("train", "train logloss_click")):
            with self.subTest(verb):
                done = self.demo(FAILING=verb)
                self.assertEqual(done.returncode, 3, done.stderr)
                first, second = done.stderr.splitlines()
                self.assertEqual(first, f"demo: step '{step}' failed: the market is closed")
                log = pathlib.Path(second.removeprefix("demo: its log: "))
                self.assertEqual(log.parent, self.out / "logs")
                self.assertIn("the market is closed", log.read_text())
                self.assertFalse((self.out / "report.html").exists())
                self.assertEqual(self.left_behind(), {})

    def end_at(self, log, number, programs=None):
        """Begins a demo and ends it at a step."""
        self.out = self.folder / f"{log}-{number}"
        process = self.begin(programs=programs)
        wait_until(lambda: list(self.out.glob(f"logs/*-{log}.log")), f"step {log}")
        if log == "simulate":  # the server is at work for it
            wait_until(lambda: any("vickrey-sim " in line for line in self.left_behind().values()), "the simulation runs")
        process.send_signal(number)
        return process, process.communicate(timeout=60)

    def slow_simulation(self):
        """Programs of which the simulation has no end."""
        slow = self.folder / "slow"
        slow.mkdir()
        script = slow / "vickrey"
        sim, rest = shlex.quote(str(BIN / "vickrey-sim")), shlex.quote(str(self.small / "vickrey"))
        script.write_text(SMALL.replace("=400", "=100000000") +
                          f'[ "$1" = simulate ] && shift && exec {sim} "$@"\nexec {rest} "$@"\n')
        script.chmod(0o755)
        return slow

    def test_what_is_ended_leaves_no_process_behind(self):
        slow = self.slow_simulation()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
            with self.subTest(number):
                process, (_, stderr) = self.end_at("simulate", number, programs=slow)
                if number == signal.SIGKILL:
                    wait_until(lambda: not self.left_behind(), "all ended by the kernel", seconds=10)
                else:
                    self.assertEqual((process.returncode, stderr.strip()), (4, "demo: interrupted"))
                    self.assertEqual(self.left_behind(), {})
                self.assertFalse((self.out / "summary.json").exists())
        process, _ = self.end_at("train-logloss_click", signal.SIGTERM)
        self.assertEqual((process.returncode, self.left_behind()), (4, {}))

    def test_a_folder_that_no_demo_made_is_refused_and_left_as_it_is(self):
        self.out.mkdir()
        (self.out / "summary.json").write_text("mine")
        (self.out / "logs").mkdir()
        done = self.demo()
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn(str(self.out), done.stderr)
        self.assertEqual((self.out / "summary.json").read_text(), "mine")
        self.assertEqual(sorted(file.name for file in self.out.iterdir()), ["logs", "summary.json"])
        self.out = self.out / "summary.json"
        done = self.demo()
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(self.out.read_text(), "mine")

    def test_bad_flags(self):
        for flags, word in ((["--seed", "-1"], "--seed"), (["--seed", "x"], "--seed"), (["--market", "lunar"], "--market"),
                            (["--log", self.folder / "none", "--format", "jsonl"], "--log"), (["--nonsense"], "--nonsense"),
                            (["--log", __file__], "--format"), (["--format", "criteo"], "--log"),
                            (["--bids", "lognormal:0,1"], "--log"), (["--group-size", "8"], "--log"), (["extra"], "extra")):
            done = self.demo(*flags)
            self.assertEqual((done.returncode, done.stdout), (2, ""), flags)
            self.assertIn(word, done.stderr)
            self.assertFalse(self.out.exists(), flags)
        # What only the importer knows ends the step, with its exit code.
        for name, word in (("avazu", "avazu"), ("jsonl", "line 1")):
            done = self.demo("--log", __file__, "--format", name)
            self.assertEqual(done.returncode, 2, name)
            self.assertIn(word, done.stderr)
            self.assertIn("step 'log'", done.stderr)


if __name__ == "__main__":
    unittest.main()
