"""Runs of `vickrey train` that are killed, interrupted, or find no room, and what the same command makes of them."""

import concurrent.futures
import json
import logging
import os
import pathlib
import random
import re
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
LONG = {**PLAIN, "name": "long", "optimizer": {**PLAIN["optimizer"], "epochs": 60}, "checkpoint": {"seconds": 300}}
STEPS_OF_AN_EPOCH = 10  # 320 auctions of 400 are for training


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


def scalars(run):
    """{tag: [(step, value), ...]} as TensorBoard gives it."""
    accumulator = event_accumulator.EventAccumulator(str(run)).Reload()
    return {tag: [(event.step, event.value) for event in accumulator.Scalars(tag)]
            for tag in accumulator.Tags()["scalars"]}


def written(message):
    """The kind of file that could not be written."""
    name = re.search("cannot write ([^:]*)", message).group(1).split("/")[-1]
    return re.sub(r"^\.|\.tmp-.*|\.out\..*|-\d+", "", name)


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

    def start(self, config):
        return subprocess.Popen(command(config, self.db, self.snapshot, self.out), stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end_at(self, wanted, config, number):
        """Trains until `wanted` is on stderr, then sends a signal; the exit code and the rest of stderr."""
        with self.start(config) as process:
            for line in process.stderr:
                if wanted in line:
                    break
            process.send_signal(number)
            rest = process.stderr.read()
            self.assertEqual(process.stdout.read(), "")
            process.wait(timeout=60)
        return process.returncode, rest

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
        return (run / "run.json").exists() and json.loads((run / "run.json").read_text())["content"]["finished"]

    def run_for(self, config, out, seconds=None, number=signal.SIGKILL, from_start=False):
        """Trains, and ends it by a signal so many seconds after it has begun to work, or after its start, if it is not
        done before. Its last line, or None; what it said; how long it worked."""
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
                    process.send_signal(number)
                    output, _ = process.communicate(timeout=60)
                took = time.monotonic() - begin
            said.seek(0)
            text = said.read()
        ended = 4 if number == signal.SIGTERM and text else -number  # LibTorch is loaded before a signal is noted
        if output and number == signal.SIGKILL:  # it may be killed when it has said all
            self.assertIn(process.returncode, (0, ended), text)
        else:
            self.assertEqual(process.returncode, 0 if output else ended, text)
        return json.loads(output) if output else None, text, took

    def test_killed_or_interrupted_at_any_moment_it_comes_to_the_same_end(self):
        dice = random.Random(1)
        expected = made(self.student)
        line, _, seconds = self.run_for(STUDENT, self.out)
        self.assertEqual(made(line), expected)
        events = scalars(self.out / "runs/student/1")
        kills, resumed = 0, set()
        for each in range(ROUNDS):
            out = self.folder / f"models{each}"
            line = None
            # A run that was killed when it had nothing left to do but say so is not gone on with.
            while line is None and not self.is_finished(out / "runs/student/1"):
                number = signal.SIGTERM if dice.random() < 0.25 else signal.SIGKILL
                fresh = not out.exists()
                moment = dice.uniform(0, 0.6 * seconds)
                line, said, took = self.run_for(STUDENT, out, moment, number, from_start=dice.random() < 0.1)
                kills += line is None
                if fresh and line is not None:
                    seconds = took  # the machine is less busy than it was
                self.assert_whole(out)
                resumed.update(what for what in ("teacher/1", "teacher/2", "student")
                               if f"training {what} goes on from step" in said)
            if line is None:
                self.assertEqual((out / "student/1/weights.safetensors").read_bytes(), expected["weights"])
            else:
                self.assertEqual(made(line), expected)
                self.assertEqual({path.name.split(".")[0] for path in (out / "runs/student/1").iterdir()},
                                 {"run", "lock", "events"})
            self.assertEqual(scalars(out / "runs/student/1"), events)
            self.assertEqual({path.name for path in (out / "student").glob("[!.]*")}, {"1"})
        print(f"{kills} kills; gone on with: {sorted(resumed)}", end=" ... ", flush=True)
        self.assertGreater(kills, 0)
        if kills >= 12:  # fewer may all come before the first checkpoint
            self.assertIn("student", resumed)
            self.assertTrue(resumed & {"teacher/1", "teacher/2"}, resumed)

    def test_interrupted_it_goes_on_from_the_very_step(self):
        expected = trained(LONG, self.db, self.snapshot, self.folder / "whole")
        steps = LONG["optimizer"]["epochs"] * STEPS_OF_AN_EPOCH
        self.assertEqual(int(expected["speed"]["steps"]), steps)
        run = self.out / "runs/long/1"
        step = 0
        for epoch in (2, 20):
            code, said = self.end_at(f'"model":"long","epoch":{epoch},', LONG, signal.SIGTERM)
            self.assertEqual(code, 4, said)
            error = next(json.loads(line)["error"] for line in said.splitlines() if line.startswith('{"error"'))
            self.assertEqual(error["code"], "CANCELLED")
            before, step = step, steps_of(run)[-1]
            self.assertGreater(step, max(before, STEPS_OF_AN_EPOCH * epoch - 1))
            self.assertIn(f"after step {step} of long; the same command goes on", error["message"])
            self.assertLess(step, steps)
            self.assertFalse((self.out / "long").exists())
            self.assertEqual(len(steps_of(run)), 2)  # checkpoint.keep
        done = train(LONG, self.db, self.snapshot, self.out)
        self.assertIn(f"training long goes on from step {step}", done.stderr)
        line = json.loads(done.stdout)
        self.assertEqual(int(line["speed"]["steps"]), steps - step)
        self.assertEqual(made(line), made(expected))
        # TensorBoard shows one run, each step once.
        events = scalars(run)
        self.assertEqual(events, scalars(self.folder / "whole/runs/long/1"))
        self.assertLessEqual({"train/objective", "train/learning_rate", "train/epoch_objective", "validation/welfare",
                              "validation/logloss", "validation/auc"}, set(events))
        epochs = [STEPS_OF_AN_EPOCH * (epoch + 1) for epoch in range(LONG["optimizer"]["epochs"])]
        for tag, series in events.items():
            shown = [step for step, _ in series]
            if tag in ("train/objective", "train/learning_rate"):
                self.assertEqual(shown, list(range(1, steps + 1)), tag)
            else:  # a metric is not known of every epoch: calibration, say, where no winner was clicked
                self.assertEqual(shown, [epoch for epoch in epochs if epoch in shown], tag)
        self.assertEqual([step for step, _ in events["validation/welfare"]], epochs)

    def test_how_often_and_how_many_changes_nothing_but_what_is_there(self):
        line = trained({**PLAIN, "checkpoint": {"seconds": 300}}, self.db, self.snapshot, self.folder / "rarely")
        self.assertEqual(made(line), made(self.plain))
        kept = {**LONG, "checkpoint": {"seconds": 0, "keep": 3}}
        code, said = self.end_at('"model":"long","epoch":3,', kept, signal.SIGTERM)
        self.assertEqual(code, 4, said)
        run = self.out / "runs/long/1"
        last = steps_of(run)[-1]
        self.assertEqual(steps_of(run), [last - 2, last - 1, last])
        best = {json.loads((run / "checkpoints" / str(step) / "state.json").read_text())["content"]["best"]["weights"]
                for step in steps_of(run)}
        there = {path.name for path in run.glob("best-*")}
        self.assertLessEqual(best, there)
        self.assertLessEqual(len(there), 4)

    def test_a_damaged_checkpoint_is_passed_over(self):
        expected = trained(LONG, self.db, self.snapshot, self.folder / "whole")
        self.end_at('"model":"long","epoch":3,', LONG, signal.SIGTERM)
        before, last = steps_of(self.out / "runs/long/1")
        tensors = self.out / f"runs/long/1/checkpoints/{last}/tensors.safetensors"
        damaged = bytearray(tensors.read_bytes())
        damaged[-1] ^= 1
        tensors.write_bytes(damaged)
        done = train(LONG, self.db, self.snapshot, self.out)
        self.assertIn(f"checkpoints/{last} is passed over", done.stderr)
        self.assertIn(f"goes on from step {before}", done.stderr)
        line = json.loads(done.stdout)
        self.assertEqual(made(line), made(expected))

    def test_another_configuration_does_not_take_it_up(self):
        self.end_at('"model":"long","epoch":2,', LONG, signal.SIGTERM)
        other = {**LONG, "seed": 2, "optimizer": {**LONG["optimizer"], "epochs": 1}}
        line = trained(other, self.db, self.snapshot, self.out)
        self.assertEqual((line["version"], line["speed"]["steps"]), ("2", str(STEPS_OF_AN_EPOCH)))
        done = train({**other, "version": "1"}, self.db, self.snapshot, self.out)
        self.assertEqual((done.returncode, error_of(done)["field"]), (3, "version"), done.stderr)
        self.assertIn("another configuration that was interrupted", error_of(done)["message"])
        alone = {**LONG, "parallel": {"communication": "zero1"}}  # how processes share the work is nothing to one
        self.assertEqual(trained(alone, self.db, self.snapshot, self.out)["version"], "1")

    def test_a_number_that_was_taken_for_nothing_is_taken_again(self):
        """As by a run that is killed before it can say whose its folder is; a number with events is another's."""
        for number, name in (("1", "events.of.another"), ("2", ".run.json.tmp-abcdef")):
            folder = self.out / "runs/long" / number
            folder.mkdir(parents=True)
            (folder / "lock").touch()
            (folder / name).touch()
        short = {**LONG, "optimizer": {**LONG["optimizer"], "epochs": 1}}
        self.assertEqual(trained(short, self.db, self.snapshot, self.out)["version"], "2")
        self.assertEqual({path.name.split(".")[0] for path in (self.out / "runs/long/2").iterdir()}, {"run", "lock", "events"})
        self.assertEqual(trained(short, self.db, self.snapshot, self.out)["version"], "3")

    def limited(self, config, size):
        """A run that can make no file larger than that; a pipe is none."""
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that a write fails
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        return subprocess.run(command(config, self.db, self.snapshot, self.out), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, preexec_fn=limit)

    def test_files_cannot_grow_then_they_can(self):
        """Every write beyond a size fails, of one kind of file after the other."""
        failed, data_is_there = set(), False
        size = 100
        while True:
            done = self.limited(STUDENT, size)
            self.assert_whole(self.out)
            if done.returncode == 0:
                break
            self.assertEqual((done.returncode, done.stdout), (3, ""), done.stderr)
            self.assertFalse((self.out / "student").exists())
            message = error_of(done)["message"]
            self.assertRegex(message, f"^cannot write {self.out}/.*: File too large$")
            failed.add(written(message))
            size = size * 3 // 2
            if not data_is_there:  # the greatest file, but the first that is written
                trained({**STUDENT, "name": "data"}, self.db, self.snapshot, self.out, "--set", "optimizer.epochs=1")
                data_is_there = True
        self.assertEqual(made(json.loads(done.stdout)), made(self.student))
        self.assertLessEqual({"index", "tensors.safetensors", "labels.safetensors"}, failed)

    def test_events_cannot_grow_then_they_can(self):
        expected = trained(LONG, self.db, self.snapshot, self.folder / "whole")
        events = scalars(self.folder / "whole/runs/long/1")
        trained({**PLAIN, "name": "data"}, self.db, self.snapshot, self.out)
        done = self.limited(LONG, 40000)  # they come to more, a checkpoint to less
        self.assertEqual((done.returncode, written(error_of(done)["message"])), (3, "events"), done.stderr)
        line = trained(LONG, self.db, self.snapshot, self.out)
        self.assertLess(int(line["speed"]["steps"]), int(expected["speed"]["steps"]))
        self.assertEqual(made(line), made(expected))
        self.assertEqual(scalars(self.out / "runs/long/1"), events)

    def test_a_disk_that_is_full_and_then_is_not(self):
        # A file system of its own, of so many KiB, which ends with the shell.
        script = """mount -t tmpfs -o size=$1k none "$2" && shift && out=$1 && shift || exit 99
"$@" >"$out.first" 2>"$out.said"; echo $? >"$out.code"
find "$out/student" -name '[!.]*' -print 2>/dev/null | grep -v '/student$' >"$out.visible"
mount -o remount,size=64m "$out" && "$@" && cp "$out/student/1/weights.safetensors" "$out.weights"
"""
        probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", self.folder]
        if subprocess.run(probe, capture_output=True).returncode != 0:
            self.skipTest("file systems cannot be mounted here, not even by unshare")
        disk = self.folder / "disk"
        disk.mkdir()
        failed = set()
        for kib in (16, 64, 128, 160, 176, 192, 208, 224, 256, 320):
            done = subprocess.run(["unshare", "-rm", "sh", "-c", script, "sh", str(kib), disk,
                                   *command(STUDENT, self.db, self.snapshot, disk)],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            read = lambda what: pathlib.Path(f"{disk}.{what}").read_text()  # noqa: E731
            if read("code") == "0\n":
                break
            self.assertEqual((read("code"), read("first"), read("visible")), ("3\n", "", ""), read("said"))
            error = next(json.loads(line)["error"] for line in read("said").splitlines() if line.startswith('{"error"'))
            self.assertEqual(error["code"], "RESOURCE_EXHAUSTED")
            self.assertIn("No space left on device", error["message"])
            failed.add(written(error["message"]))
            self.assertEqual(pathlib.Path(f"{disk}.weights").read_bytes(), weights(self.student))
        self.assertLessEqual({"records", "tensors.safetensors"}, failed)

    def test_jobs_at_the_same_time(self):
        """Of the same configuration each makes a version of its own; the teacher that all want is trained once."""
        other = {**STUDENT, "name": "other", "loss": {"loss": "logloss", "labels": "teacher"}}
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            first, second, third = pool.map(lambda config: trained(config, self.db, self.snapshot, self.out),
                                            (STUDENT, STUDENT, other))
        self.assertEqual({first["version"], second["version"]}, {"1", "2"})
        self.assertEqual(sorted(line["teacher"]["reused"] for line in (first, second, third)), [False, True, True])
        for line in (first, second):
            self.assertEqual({**made(line), "version": "1"}, made(self.student))
        self.assertEqual(made(third)["labels"], made(self.student)["labels"])
        self.assertEqual(sorted(path.parent.name for path in self.out.glob("teacher-*/*/model.json")), ["1", "2"])

    def test_an_objective_that_explodes_says_where(self):
        wild = {**PLAIN, "optimizer": {"batch_auctions": 32, "epochs": 6, "dense": "sgd", "tables": "sgd",
                                       "learning_rate": 10, "momentum": 0.99}}
        done = train(wild, self.db, self.snapshot, self.out)
        self.assertEqual((done.returncode, done.stdout), (3, ""), done.stderr)
        error = error_of(done)
        self.assertEqual(error["code"], "INTERNAL")
        step = steps_of(self.out / "runs/plain/1")[-1]
        epoch, batch = divmod(step, STEPS_OF_AN_EPOCH)
        self.assertIn(f"step {step + 1} (batch {batch + 1} of epoch {epoch + 1})", error["message"])
        self.assertIn(f"checkpoints/{step}", error["message"])
        self.assertIn("optimizer.learning_rate", error["message"])
        self.assertFalse((self.out / "plain").exists())


if __name__ == "__main__":
    unittest.main()
