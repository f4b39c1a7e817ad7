"""The loop closed in one command: what `./dev demo --live` decided is what its own evidence says."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from tool import BIN, ROOT, replies

os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin while they wait make a busy machine ten times slower


def demo(*flags):
    return subprocess.run([sys.executable, "-B", ROOT / "simulator/demo/demo.py", "--programs", BIN, *map(str, flags)],
                          capture_output=True, text=True, timeout=280)


class LiveTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.out = pathlib.Path(folder.name).resolve() / "live"
        cls.done = demo("--live", "--quick", "--out", cls.out)
        assert cls.done.returncode == 0, cls.done.stdout + cls.done.stderr
        cls.summary = json.loads((cls.out / "summary.json").read_text())
        cls.rounds = cls.summary["live"]["rounds"]

    def test_two_candidates_were_judged_and_one_serves(self):
        self.assertEqual([r["candidate"] for r in self.rounds], ["ctr@2", "ctr@3"])
        serving = "ctr@1"
        for r in self.rounds:
            decision = r["decision"]
            self.assertEqual((decision["candidate"], decision["incumbent"]), (r["candidate"], serving))
            self.assertEqual([c["condition"] for c in decision["conditions"]], self.summary["live"]["conditions"])
            self.assertEqual(decision["promoted"], all(c["holds"] for c in decision["conditions"]))
            self.assertNotEqual(decision["promoted"], decision["rolled_back"])
            serving = r["candidate"] if decision["promoted"] else serving
            self.assertIn(f"{r['candidate']} is {'promoted' if decision['promoted'] else 'rolled back'}", self.done.stdout)
        self.assertEqual(self.summary["live"]["serving"], serving)
        # 300 auctions teach nothing: whatever the clicks' luck, welfare is not shown to be kept.
        self.assertFalse(self.rounds[0]["decision"]["promoted"])

    def test_the_evidence_is_that_of_the_servers_log(self):
        of_ref = {}
        for traffic in (r["traffic"] for r in self.rounds):
            for model in traffic["models"]:
                of_ref[model["ref"]] = of_ref.get(model["ref"], 0) + int(model["clicks"])
        snapshots = replies("log", "snapshot", "list", "--db", self.out / "log")
        last = snapshots[-1]["snapshot_id"]
        again = replies("eval", "online", "ctr@3", self.rounds[1]["decision"]["incumbent"], "--db", self.out / "log", "--snapshot", last,
                        "--artifact-root", self.out / "models")[0]
        self.assertEqual(again, self.rounds[1]["online"])
        self.assertEqual(int(again["models"][0]["clicks"]), of_ref["ctr@3"])
        # The log knows propensities of what was shown, and nothing of the truth.
        line = replies("log", "scan", "--db", self.out / "log", "--snapshot", last, "--limit", 1)[0]
        self.assertEqual([c["ctr"] for c in line["candidates"]], [None] * len(line["candidates"]))
        self.assertEqual([c["propensity"] is not None for c in line["candidates"]], [c["slot"] == 1 for c in line["candidates"]])

    def test_the_report_tells_it(self):
        page = (self.out / "report.html").read_text()
        for text in ("Promotion on live traffic", self.rounds[1]["candidate"], self.rounds[0]["decision"]["conditions"][0]["condition"]):
            self.assertIn(text, page)

    def test_a_real_log_cannot_be_live(self):
        done = demo("--live", "--log", __file__, "--format", "jsonl")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--log is not for --live", done.stderr)


if __name__ == "__main__":
    unittest.main()
