"""Running the programs as their users do."""

import json
import os
import pathlib
import subprocess

BIN = pathlib.Path(os.environ["VICKREY_BIN"])
ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLES = ROOT.parent / "shared/data"


def vickrey(*args, lines=None, text=None, timeout=120):
    """Runs `vickrey ARGS` with lines of JSON (or any text) on stdin."""
    if lines is not None:
        text = "".join(json.dumps(line) + "\n" for line in lines)
    return subprocess.run([BIN / "vickrey", *map(str, args)], input=text or "", capture_output=True, text=True, timeout=timeout)


def replies(*args, **kwargs):
    """The answers of a command that must succeed."""
    done = vickrey(*args, **kwargs)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def error_of(done):
    """The one line of JSON on stderr, progress aside."""
    return next(json.loads(line)["error"] for line in done.stderr.splitlines() if line.startswith('{"error"'))
