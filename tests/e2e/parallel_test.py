"""`vickrey train` in several processes on this machine, by torchrun and by hand: the same training as in one, whichever
way they communicate, and what is left when a process ends before its time."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from tool import BIN, fill, market, wait_until

os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin while they wait make a busy machine ten times slower
os.environ["OMP_NUM_THREADS"] = "1"        # as torchrun sets it

PYTHON, TORCH = os.environ["VICKREY_PYTHON"], os.environ["VICKREY_TORCH_PYTHONPATH"]
PEER_SECONDS = 20  # one may start that much later than another on a busy machine
NET = {"architecture": "mlp", "hidden": [8]}
OPTIMIZER = {"batch_auctions": 32, "epochs": 4}
COMMON = {"model": NET, "optimizer": OPTIMIZER, "threads": 1, "peer_seconds": PEER_SECONDS}
PLAIN = {"name": "plain", "loss": {"loss": "logloss"}, **COMMON}
STUDENT = {"name": "student", "loss": {"loss": "welfare_rank"}, "teacher": {"model": NET, "cross_fit": 2}, **COMMON}
# Long enough to be ended half way; dropout, so that the processes' random numbers matter.
LONG = {**PLAIN, "name": "long", "optimizer": {**OPTIMIZER, "epochs": 20, "dropout": 0.2}}
WAYS = ("ddp", "zero1")
AT_EPOCH_3 = '"model":"long","epoch":3,'


def by(communication, config):
    return {**config, "parallel": {"communication": communication}}


def command(config, db, snapshot, out):
    file = out.parent / f"{config['name']}.json"
    file.write_text(json.dumps(config))
    return [BIN / "vickrey", "train", "--config", file, "--db", db, "--snapshot", snapshot, "--out", out]


def torchrun(*flags):
    return [PYTHON, "-m", "torch.distributed.run", "--no-python", "--standalone", "--local-addr", "127.0.0.1",
            "--nproc-per-node", "2", *flags]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def curve(said):
    """(model, epoch) -> mean objective of the training set, of what a run said."""
    epochs = [json.loads(line)["epoch"] for line in said.splitlines() if line.startswith('{"epoch"')]
    return {(epoch["model"], epoch["epoch"]): epoch["train_value"] for epoch in epochs}


def last_line(output):
    return json.loads(output.splitlines()[-1])


def weights(out, name, version="1"):
    return (out / name / version / "weights.safetensors").read_bytes()


def steps_of(run):
    return sorted(int(path.name) for path in (run / "checkpoints").glob("[0-9]*"))


class Process:
    """One that was started, what it says going to files."""

    def __init__(self, words, folder, name, **more):
        self.files = folder / f"{name}.out", folder / f"{name}.err"
        with self.files[0].open("w") as out, self.files[1].open("w") as err:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                            env={**os.environ, **more})

    output = property(lambda self: self.files[0].read_text())
    said = property(lambda self: self.files[1].read_text())

    def wait(self, seconds=60):
        return self.process.wait(timeout=seconds)

    def end(self, number):
        self.process.send_signal(number)


class ParallelTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.shared.cleanup)
        cls.root = pathlib.Path(cls.shared.name)
        cls.db = cls.root / "log"
        cls.snapshot = fill(cls.db, market(400, "hash_collisions"))
        cls.whole, cls.output_of_the_other = {}, {}
        for way in WAYS:
            with contextlib.ExitStack() as stack:
                ranks = cls.start(2, stack, by(way, LONG), cls.root, cls.root / f"whole-{way}")
                assert [rank.wait() for rank in ranks] == [0, 0], ranks[0].said + ranks[1].said
                cls.whole[way] = last_line(ranks[0].output)
                cls.output_of_the_other[way] = ranks[1].output

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "models"
        self.stack = contextlib.ExitStack()
        self.addCleanup(self.stack.close)

    @staticmethod
    def begin(stack, *args, **more):
        process = Process(*args, **more)
        stack.callback(process.wait)
        stack.callback(process.process.kill)
        return process

    @classmethod
    def start(cls, size, stack, config, folder, out):
        """Processes by hand, as torchrun would start them."""
        port = str(free_port())
        return [cls.begin(stack, command(config, cls.db, cls.snapshot, out), folder, f"rank{rank}", RANK=str(rank),
                          LOCAL_RANK=str(rank), WORLD_SIZE=str(size), MASTER_ADDR="127.0.0.1", MASTER_PORT=port)
                for rank in range(size)]

    def two(self, config):
        return self.start(2, self.stack, config, self.folder, self.out)

    def by_torchrun(self, config, *flags):
        if not TORCH:
            self.skipTest("no Python of LibTorch's version here: VICKREY_TORCH_PYTHONPATH is empty")
        words = torchrun(*flags) + command(config, self.db, self.snapshot, self.out)
        return self.begin(self.stack, words, self.folder, "torchrun", PYTHONPATH=TORCH)

    def assert_goes_on_to_the_same_end(self, config=LONG, way="ddp"):
        """The same command goes on from a checkpoint and comes to what it had come to at once."""
        step = steps_of(self.out / "runs/long/1")[-1]
        self.assertFalse((self.out / "long").exists())
        ranks = self.two(config)
        self.assertEqual([rank.wait() for rank in ranks], [0, 0], ranks[0].said)
        self.assertIn(f"training long goes on from step {step}", ranks[0].said)
        self.assert_the_same(last_line(ranks[0].output), way)

    def assert_the_same(self, line, way="ddp"):
        self.assertEqual(weights(self.out, "long"), weights(self.root / f"whole-{way}", "long"))
        self.assertEqual((line["metrics"], line["version"]), (self.whole[way]["metrics"], "1"))

    def assert_nearly_the_same(self, two, one):
        """Lines that agree up to rounding."""
        self.assertEqual(set(two["metrics"]), set(one["metrics"]))
        for name, value in one["metrics"].items():
            self.assertAlmostEqual(two["metrics"][name], value, delta=1e-5 * abs(value), msg=name)

    def test_rank_0_alone_says_what_it_made(self):
        for way in WAYS:
            speed = self.whole[way]["speed"]
            self.assertEqual((speed["processes"], speed["communication"], self.output_of_the_other[way]), (2, way, ""))

    def test_the_ways_to_communicate_differ_in_memory_and_not_in_what_they_come_to(self):
        ddp, zero1 = (self.whole[way] for way in WAYS)
        self.assert_nearly_the_same(zero1, ddp)
        clipped = {**PLAIN, "optimizer": {**OPTIMIZER, "clip_norm": 0.05}}
        lines = {}
        for way, size in (("ddp", 1), ("ddp", 3), ("zero1", 3)):
            with self.subTest(way=way, size=size), contextlib.ExitStack() as stack:
                ranks = self.start(size, stack, by(way, clipped), self.folder, self.folder / f"{way}{size}")
                self.assertEqual([rank.wait() for rank in ranks], [0] * size, ranks[0].said)
                lines[way, size] = last_line(ranks[0].output)
        one, ddp, zero1 = lines.values()
        self.assert_nearly_the_same(ddp, one)
        self.assert_nearly_the_same(zero1, one)
        memory = [int(line["speed"]["optimizer_bytes"]) for line in (one, ddp, zero1)]
        self.assertEqual(memory[0], memory[1])
        self.assertAlmostEqual(memory[2] / memory[0], 1 / 3, delta=0.01)
        for line in (ddp, zero1):
            speed = line["speed"]
            self.assertGreater(int(speed["communication_bytes"]), 0)
            self.assertTrue(0 < speed["communication_seconds"] < speed["seconds"], speed)
        self.assertEqual([one["speed"][key] for key in ("communication", "communication_bytes", "communication_seconds")],
                         ["", "0", 0])

    def test_another_way_to_communicate_is_another_run(self):
        ranks = self.two(LONG)
        wait_until(lambda: AT_EPOCH_3 in ranks[0].said, "the third epoch")
        for rank in ranks:
            rank.end(signal.SIGTERM)
        self.assertEqual([rank.wait() for rank in ranks], [4, 4], ranks[0].said)
        ranks = self.two({**by("zero1", LONG), "version": "1"})
        self.assertEqual([rank.wait(PEER_SECONDS + 5) for rank in ranks], [3, 3], ranks[0].said)
        self.assertIn("version", last_line(ranks[0].said)["error"]["message"])
        self.assert_goes_on_to_the_same_end()

    def test_by_torchrun_two_processes_train_as_one(self):
        for config in (PLAIN, STUDENT):
            words = command(config, self.db, self.snapshot, self.folder / "alone")
            alone = self.begin(self.stack, words, self.folder, "alone")
            self.assertEqual(alone.wait(), 0, alone.said)
            both = self.by_torchrun(config)
            self.assertEqual(both.wait(), 0, both.said)
            one, two = curve(alone.said), curve(both.said)
            models = 3 if config is STUDENT else 1
            self.assertEqual((list(two), len(one)), (list(one), models * OPTIMIZER["epochs"]))
            for point, value in one.items():
                self.assertAlmostEqual(two[point], value, delta=1e-5 * abs(value), msg=point)
            one, two = last_line(alone.output), last_line(both.output)
            self.assertEqual((one["speed"]["processes"], two["speed"]["processes"]), (1, 2))
            self.assert_nearly_the_same(two, one)

    def test_when_a_peer_is_killed_the_other_ends_and_both_go_on(self):
        for number, way in ((1, "ddp"), (0, "ddp"), (1, "zero1")):
            with self.subTest(killed=number, way=way):
                self.out = self.folder / f"models{number}{way}"
                ranks = self.two(by(way, LONG))
                wait_until(lambda: AT_EPOCH_3 in ranks[0].said, "the third epoch")
                ranks[number].end(signal.SIGKILL)
                other = ranks[1 - number]
                self.assertEqual(other.wait(PEER_SECONDS), 3, other.said)
                self.assertIn(f"rank {number}", other.said.splitlines()[-1])
                self.assert_goes_on_to_the_same_end(by(way, LONG), way)

    def test_a_peer_that_hangs_is_waited_for_so_long_and_no_longer(self):
        impatient = {**LONG, "peer_seconds": 5}
        ranks = self.two(impatient)
        wait_until(lambda: AT_EPOCH_3 in ranks[0].said, "the third epoch")
        ranks[1].end(signal.SIGSTOP)
        begin = time.monotonic()
        self.assertEqual(ranks[0].wait(5 + 5), 3, ranks[0].said)
        self.assertGreater(time.monotonic() - begin, 5 - 1)
        self.assertIn("rank 1", ranks[0].said.splitlines()[-1])
        ranks[1].end(signal.SIGKILL)
        ranks[1].wait()
        self.assert_goes_on_to_the_same_end(impatient)

    def test_a_signal_to_any_of_them_ends_all_with_a_checkpoint(self):
        for told, way in (((0, 1), "ddp"), ((1,), "ddp"), ((1,), "zero1")):
            with self.subTest(told=told, way=way):
                self.out = self.folder / f"models{told}{way}"
                ranks = self.two(by(way, LONG))
                wait_until(lambda: AT_EPOCH_3 in ranks[0].said, "the third epoch")
                for rank in told:
                    ranks[rank].end(signal.SIGTERM)
                self.assertEqual([rank.wait() for rank in ranks], [4, 4], ranks[0].said + ranks[1].said)
                self.assertIn(f"after step {steps_of(self.out / 'runs/long/1')[-1]} of long", ranks[0].said)
                self.assert_goes_on_to_the_same_end(by(way, LONG), way)

    def test_torchrun_restarts_them_when_one_is_killed(self):
        both = self.by_torchrun(LONG, "--max-restarts", "1")
        wait_until(lambda: AT_EPOCH_3 in both.said, "the third epoch")
        pid = both.process.pid
        workers = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        second, = (worker for worker in workers
                   if "RANK=1" in pathlib.Path(f"/proc/{worker}/environ").read_text().split("\0"))
        os.kill(int(second), signal.SIGKILL)
        self.assertEqual(both.wait(), 0, both.said)
        self.assertIn("training long goes on from step", both.said)
        self.assert_the_same(last_line(both.output))

    def test_torchrun_that_is_ended_leaves_a_checkpoint(self):
        both = self.by_torchrun(LONG)
        wait_until(lambda: AT_EPOCH_3 in both.said, "the third epoch")
        both.end(signal.SIGTERM)
        self.assertNotEqual(both.wait(), 0)
        self.assertIn(f"after step {steps_of(self.out / 'runs/long/1')[-1]} of long", both.said)
        self.assert_goes_on_to_the_same_end()

    def test_when_rank_0_cannot_label_the_other_does_not_wait_for_ever(self):
        ranks = self.two(STUDENT)
        self.assertEqual([rank.wait() for rank in ranks], [0, 0], ranks[0].said)
        # A folder without its file, which rank 0 finds last of all.
        pathlib.Path(last_line(ranks[0].output)["teacher"]["labels"]).unlink()
        ranks = self.two(STUDENT)
        self.assertEqual(ranks[0].wait(), 3, ranks[0].said)
        self.assertEqual(ranks[1].wait(PEER_SECONDS + 5), 3, ranks[1].said)

    def test_what_is_wrong_is_wrong_for_all(self):
        ranks = self.two({**PLAIN, "data": {"train": 0.8, "validation": 0.3}})
        self.assertEqual([rank.wait() for rank in ranks], [2, 2], ranks[0].said)
        for way in WAYS:
            ranks = self.two(by(way, {**PLAIN, "optimizer": {**OPTIMIZER, "learning_rate": 10, "dense": "sgd",
                                                             "tables": "sgd", "momentum": 0.99}}))
            self.assertEqual([rank.wait() for rank in ranks], [3, 3], ranks[0].said)
            for rank in ranks:
                self.assertIn("which explodes", rank.said)


if __name__ == "__main__":
    unittest.main()
