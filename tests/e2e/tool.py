"""Running the programs as their users do."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

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


def market(auctions, scenario="two_segments", seed=1):
    """Auctions of a synthetic market, as lines of text."""
    done = vickrey("market", "generate", "--scenario", scenario, "--auctions", auctions, "--seed", seed)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fill(db, text):
    """Appends lines of auctions to a log; the id of a snapshot of all of it."""
    replies("log", "append", "--db", db, text=text)
    return replies("log", "snapshot", "create", "--db", db)[0]["snapshot_id"]


def train(config, db, snapshot, out, *flags):
    """Runs `vickrey train` on a configuration, a dictionary or text."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(config if isinstance(config, str) else json.dumps(config))
        file.flush()
        return vickrey("train", "--config", file.name, "--db", db, "--snapshot", snapshot, "--out", out, *flags)


def trained(*args):
    """The last line of a training run that must succeed."""
    done = train(*args)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def wait_until(condition, what, seconds=60):
    """Waits for what another process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds} s still not: {what}"
        time.sleep(0.01)


class Server:
    """`vickrey serve` on this machine, by default on a free port, ended with the block."""

    def __init__(self, *flags, address="127.0.0.1:0"):
        self.flags = ["--address", address, *map(str, flags)]

    def __enter__(self):
        self.stderr = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([BIN / "vickrey", "serve", *self.flags], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.stderr, text=True)
        line = self.process.stdout.readline()
        if not line:
            self.stderr.seek(0)
            why = self.stderr.read()
            self.__exit__()
            raise AssertionError(why)
        self.line = json.loads(line)
        self.address = self.line["address"]
        return self

    def end(self, number=signal.SIGTERM):
        """Sends a signal; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(timeout=60)
        self.process.stdout.close()
        self.stderr.close()
