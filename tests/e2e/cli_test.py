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

    def refused(self, *args, text="", field, says):
        done = run(*args, input=text)
        self.assertEqual((done.returncode, done.stdout), (2, ""), args)
        error = next(json.loads(line)["error"] for line in done.stderr.splitlines() if line.startswith('{"error"'))
        self.assertEqual(error["field"], field, error)
        for part in says:
            self.assertIn(part, error["message"])

    def test_the_first_word_that_there_is_not_is_named_with_what_was_meant(self):
        self.refused("log", "apend", "--db", "/tmp/x", field="apend",
                     says=["'apend' is no verb of `vickrey log`", "did you mean append?", "its verbs: append, feedback"])
        self.refused("log", "snapshot", "make", "--db", "/tmp/x", field="make", says=["no verb of `vickrey log snapshot`", "create, list"])
        self.refused("serve", "--artifact-rot", "x", field="--artifact-rot",
                     says=["no flag of `vickrey serve`", "did you mean --artifact-root?"])
        self.refused("models", "label", "ctr", "--adress=127.0.0.1:1", field="--adress",
                     says=["no flag of `vickrey models label`", "did you mean --address?"])
        self.refused("eval", "metrics", "--bootstrap-colour", "7", field="--bootstrap-colour", says=["no flag of `vickrey eval metrics`"])
        self.assertNotIn("did you mean", run("log", "xyzzy").stderr)

    def test_help_says_vickrey_and_has_an_example_of_its_own(self):
        for verb in (["serve"], ["simulate"], ["log", "snapshot", "prune"], ["models", "label"], ["eval", "merge"], ["predict"]):
            text = run(*verb, "--help").stdout
            self.assertIn(f"vickrey {' '.join(verb)}", text.split("Example:")[0], text)
            self.assertIn(f"vickrey {' '.join(verb)}", text.split("Example:")[1], text)

    def test_what_is_nearly_right_is_told_what_is_right(self):
        self.refused("health", "--address", "127.0.0.1", field="address", says=["'127.0.0.1' is not HOST:PORT"])
        with tempfile.TemporaryDirectory() as folder:
            line = {"auction_id": "a", "event_time": 1704067200, "candidates": [{"ad_id": "x", "bid_micros": 1}]}
            self.refused("log", "append", "--db", folder + "/log", text=json.dumps(line), field="event_time",
                         says=["1704067200 seems to be in seconds", "1704067200000000 say"])
            line["event_time"] *= 1000
            self.refused("log", "append", "--db", folder + "/log", text=json.dumps(line), field="event_time",
                         says=["seems to be in milliseconds", "1704067200000000 say"])
            line["candidates"][0]["feature"] = {}
            self.refused("log", "append", "--db", folder + "/log", text=json.dumps(line), field="candidates[0].feature",
                         says=["no such field; known: ad_id, ", "features"])
            (pathlib.Path(folder) / "ctr/7").mkdir(parents=True)
            (pathlib.Path(folder) / "ctr/7/SHA256SUMS").touch()
            self.refused("models", "verify", folder + "/ctr", field=None, says=["holds the versions 7 of a model; name one, NAME/VERSION"])

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
