"""The transcript of hand-checked auctions is what the program writes today."""

import os
import subprocess
import sys
import unittest

from tool import ROOT


class TranscriptTest(unittest.TestCase):
    def test_nothing_has_changed(self):
        self.maxDiff = None
        done = subprocess.run([sys.executable, "-B", ROOT / "tests/golden/transcript.py"], capture_output=True, text=True,
                              env=os.environ)
        self.assertEqual(done.returncode, 0, done.stderr)  # a price is not the one worked out by hand
        self.assertEqual(done.stdout, (ROOT / "tests/golden/auctions.txt").read_text(), "if it should be so: ./dev golden")


if __name__ == "__main__":
    unittest.main()
