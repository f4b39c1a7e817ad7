"""The installed tree works from wherever it is moved to."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

BUILD = os.environ["VICKREY_BUILD"]


class InstallTest(unittest.TestCase):
    def test_the_tree_can_be_moved(self):
        with tempfile.TemporaryDirectory() as folder:
            first = pathlib.Path(folder, "first")
            moved = pathlib.Path(folder, "some where", "else")
            subprocess.run(["cmake", "--install", BUILD, "--prefix", first], check=True, capture_output=True, timeout=120)
            moved.parent.mkdir()
            shutil.move(first, moved)
            programs = sorted((moved / "bin").iterdir())
            self.assertIn("vickrey", [program.name for program in programs])
            for program in programs:
                done = subprocess.run([program, "--version", "--json"], capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(json.loads(done.stdout)["program"], program.name)
                if program.read_bytes()[:2] == b"#!":
                    self.assertNotIn(str(pathlib.Path(BUILD).parent.parent), program.read_text())
                    continue
                # Nothing of the build's folders is left in what the loader searches.
                dynamic = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True).stdout
                self.assertNotIn(str(pathlib.Path(BUILD).parent.parent), dynamic)
            # What is no program goes along: the page of reports.
            document, page = pathlib.Path(folder, "s.json"), pathlib.Path(folder, "report.html")
            document.write_text('{"models":[{"ref":"only_here@1"}],"comparisons":[]}')
            done = subprocess.run([moved / "bin/vickrey", "report", document, "--out", page], capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("only_here@1", page.read_text())
            # What is written in Python finds its modules, and needs no Python but one with its packages.
            study = subprocess.run([moved / "bin/vickrey", "study", "welfare", "--out", moved / "out", "--seeds", "0"], capture_output=True,
                                   text=True, timeout=60, env={**os.environ, "VICKREY_PYTHON": os.environ["VICKREY_PYTHON"]})
            self.assertEqual(study.returncode, 2, study.stderr)
            self.assertEqual(json.loads(study.stderr)["error"]["field"], "--seeds")


if __name__ == "__main__":
    unittest.main()
