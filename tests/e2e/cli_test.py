"""`vickrey` as its user runs it."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

BIN = pathlib.Path(os.environ["VICKREY_BIN"])


def run(*args, program=BIN / "vickrey", **kwargs):
    return subprocess.run([program, *args], capture_output=True, text=True, timeout=60, **kwargs)


class CliTest(unittest.TestCase):
    def test_version(self):
        done = run("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^vickrey \d+\.\d+\.\d+\n")
        self.assertIn("LibTorch", done.stdout)

    def test_version_json(self):
        version = json.loads(run("--version", "--json").stdout)
        self.assertEqual(version["program"], "vickrey")
        self.assertIn("gRPC", version["libraries"])
        text = run("--version").stdout
        self.assertIn(version["libtorch"] or "none", text)

    def test_help_is_not_an_error_but_no_verb_is(self):
        self.assertEqual(run("--help").returncode, 0)
        self.assertIn("usage: vickrey VERB", run("--help").stdout)
        nothing = run()
        self.assertEqual((nothing.returncode, nothing.stdout), (2, ""))
        self.assertIn("usage: vickrey VERB", nothing.stderr)

    def test_an_unknown_verb_names_the_known_ones(self):
        done = run("dance")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        error = json.loads(done.stderr)["error"]
        self.assertEqual((error["code"], error["field"]), ("INVALID_ARGUMENT", "VERB"))
        self.assertIn("'dance' is not known; known: serve, train", error["message"])
        self.assertEqual(run("--version", "--yaml").returncode, 2)

    def test_a_full_disk_is_an_error(self):
        for argument in ("--version", "--help"):
            with open("/dev/full", "w") as full:
                done = subprocess.run([BIN / "vickrey", argument], stdout=full, stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(done.returncode, 3)

    def test_what_is_not_text_is_still_answered_in_json(self):
        done = subprocess.run([BIN / "vickrey", b"\xff"], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 2)
        json.loads(done.stderr)

    def test_a_verb_becomes_its_program(self):
        with tempfile.TemporaryDirectory() as folder:
            vickrey = pathlib.Path(shutil.copy(BIN / "vickrey", folder))
            missing = run("eval", program=vickrey)
            self.assertEqual(missing.returncode, 3)
            self.assertIn("vickrey-eval", json.loads(missing.stderr)["error"]["message"])
            helper = vickrey.with_name("vickrey-eval")
            helper.write_text('#!/bin/sh\nprintf "%s|" "$@"\ncat\nexit 7\n')
            helper.chmod(0o755)
            done = run("eval", "--a", "b c", "", program=vickrey, input="in")
            self.assertEqual((done.returncode, done.stdout), (7, "--a|b c||in"))


if __name__ == "__main__":
    unittest.main()
