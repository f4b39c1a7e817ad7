"""Runs of `vickrey train` that are killed, interrupted, or find no room, and what the same command makes of them."""

import concurrent.futures
import json
import logging
import os
import pathlib
import random
import resource
import signal
import subprocess
import tempfile
import time
import unittest

from tensorboard.backend.event_processing import event_accumulator

from tool import BIN, error_of, fill, market, train, trained, wait_until

os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin while they wait make a busy machine ten times slower

ROUNDS = int(os.environ.get("VICKREY_KILLS", "4"))  # runs that are killed again and again
STEPS = {"seconds": 0}                              # a checkpoint after every step
NET = {"architecture": "mlp", "hidden": [8]}
# Everything that training keeps between two steps: tables, moments, dropout, two phases, the best epoch.
STUDENT = {"name": "student", "model": NET, "loss": {"loss": "welfare_rank"}, "checkpoint": STEPS,
           "optimizer": {"batch_auctions": 32, "epochs": 6, "dropout": 0.2},
           "teacher": {"model": NET, "cross_fit": 2}}
PLAIN = {"name": "plain", "model": NET, "loss": {"loss": "logloss"}, "checkpoint": STEPS,
         "optimizer": {"batch_auctions": 32, "epochs": 6, "dropout": 0.2}}
# One that no test waits for the end of.
ENDLESS = {**PLAIN, "optimizer": {**PLAIN["optimizer"], "epochs": 100000}}


def command(config, db, snapshot, out):
    """The command of a configuration, which is written beside `out`."""
    file = out.parent / f"{out.name}-{config['name']}.json"
    file.write_text(json.dumps(config))
    return [BIN / "vickrey", "train", "--config", file, "--db", db, "--snapshot", snapshot, "--out", out]


def weights(line):
    return pathlib.Path(line["artifact"], "weights.safetensors").read_bytes()


def made(line):
    """All of a run that must not depend on how often it was interrupted."""
    labels = pathlib.Path(line["teacher"]["labels"]).read_bytes() if line["teacher"] else b""
    # The header of the file names the digest of the teacher's artifacts, which say when they were trained.
    labels = labels[8 + int.from_bytes(labels[:8], "little"):]
    return {"weights": weights(line), "labels": labels, "version": line["version"], "metrics": line["metrics"],
            "intervals": line["intervals"], "eps": line["eps"], "g4_bound": line["g4_bound"],
            "brier": line["teacher"] and line["teacher"]["brier_held_out"]}


def steps_of(folder):
    """The checkpoints of a run's folder."""
    return sorted(int(path.name) for path in (folder / "checkpoints").glob("[0-9]*"))


class ResumeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        logging.disable()  # what TensorBoard says of steps that it drops
        cls.shared = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.shared.cleanup)
        shared = pathlib.Path(cls.shared.name)
        cls.db = shared / "log"
        cls.snapshot = fill(cls.db, market(400, "hash_collisions"))
        cls.student = trained(STUDENT, cls.db, cls.snapshot, shared / "models")
        cls.plain = trained(PLAIN, cls.db, cls.snapshot, shared / "models")

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "models"

    def start(self, config, out=None):
        process = subprocess.Popen(command(config, self.db, self.snapshot, out or self.out), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def end_at(self, wanted, config, number):
        """Trains until `wanted` is on stderr, then sends a signal; the exit code and the rest of stderr."""
        process = self.start(config)
        for line in process.stderr:
            if wanted in line:
                break
        process.send_signal(number)
        output, rest = process.communicate(timeout=60)
        self.assertEqual(output, "")
        return process.returncode, rest

    def scalars(self, run):
        """{tag: [(step, value), ...]} as TensorBoard gives it."""
        accumulator = event_accumulator.EventAccumulator(str(run)).Reload()
        return {tag: [(event.step, event.value) for event in accumulator.Scalars(tag)]
                for tag in accumulator.Tags()["scalars"]}

    def assert_whole(self, out):
        """Whatever can be seen in a folder of artifacts is whole; what is not begins with a dot."""
        for artifact in out.glob("[!.]*/[!.]*"):
            kind = artifact.parent.name
            if kind == "datasets":
                self.assertTrue((artifact / "dataset.json").exists(), artifact)
            elif kind not in ("runs", "labels"):
                self.assertEqual({file.name for file in artifact.iterdir()},
                                 {"model.json", "weights.safetensors", "SHA256SUMS"}, artifact)
                check = subprocess.run(["sha256sum", "-c", "--strict", "--quiet", "SHA256SUMS"], cwd=artifact)
                self.assertEqual(check.returncode, 0, artifact)
        for labels in out.glob("labels/*/[!.]*"):
            self.assertEqual([file.name for file in labels.iterdir()], ["labels.safetensors"])
        for run in out.glob("runs/*/*"):
            if (out / run.relative_to(out / "runs")).exists():
                continue  # its artifact is there, and what was for going on with may be half deleted
            for step in steps_of(run)[-2:]:  # the last ones that are kept; an older one may be half deleted
                self.assertEqual({file.name for file in (run / "checkpoints" / str(step)).iterdir()},
                                 {"state.json", "tensors.safetensors"})

    @staticmethod
    def is_finished(run):
        return (run / "run.json").exists() and json.loads((run / "run.json").read_text())["finished"]

    def run_for(self, config, out, seconds=None, from_start=False):
        """Trains, and kills it so many seconds after it has begun to work, or after its start, if it is not done
        before. Its last line, or None; what it said; how long it worked."""
        with tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(command(config, self.db, self.snapshot, out), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, stderr=said, text=True)
            with process:
                if not from_start:  # most of a short run is loading LibTorch
                    wait_until(lambda: os.fstat(said.fileno()).st_size > 0, "the first line")
                begin = time.monotonic()
                try:
                    output, _ = process.communicate(timeout=seconds)
                except subprocess.TimeoutExpired:
                    process.kill()
                    output, _ = process.communicate()
                took = time.monotonic() - begin
            said.seek(0)
            text = said.read()
        self.assertIn(process.returncode, (0, -signal.SIGKILL), text)
        return json.loads(output) if output else None, text, took

    def test_killed_at_any_moment_it_comes_to_the_same_end(self):
        dice = random.Random(1)
        expected = made(self.student)
        line, _, seconds = self.run_for(STUDENT, self.out)
        self.assertEqual(made(line), expected)
        kills, resumed = 0, set()
        for number in range(ROUNDS):
            out = self.folder / f"models{number}"
            line = None
            # A run that was killed when it had nothing left to do but say so is not gone on with.
            while line is None and not self.is_finished(out / "runs/student/1"):
                line, said, _ = self.run_for(STUDENT, out, dice.uniform(0, 0.6 * seconds), dice.random() < 0.1)
                kills += line is None
                self.assert_whole(out)
                resumed.update(what for what in ("teacher/1", "teacher/2", "student")
                               if f"training {what} goes on from step" in said)
            if line is None:
                self.assertEqual((out / "student/1/weights.safetensors").read_bytes(), expected["weights"])
            else:
                self.assertEqual(made(line), expected)
            self.assertEqual({path.name for path in (out / "student").iterdir()}, {"1"})
            self.assertEqual({path.name.split(".")[0] for path in (out / "runs/student/1").iterdir()},
                             {"run", "lock", "events"})
        print(f"{kills} kills; gone on with: {sorted(resumed)}", end=" ... ", flush=True)
        self.assertGreater(kills, ROUNDS)

if __name__ == "__main__":
    unittest.main()
