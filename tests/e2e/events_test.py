"""Event files, read by stock TensorBoard: what training wrote comes out, damage is noticed, and of a run that was killed
and resumed no step is shown twice."""

import logging
import math
import os
import pathlib
import struct
import subprocess
import tempfile
import unittest

from tensorboard.backend.event_processing import event_accumulator, plugin_event_accumulator
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto import event_pb2
from tensorboard.util import tensor_util

PROGRAM = pathlib.Path(os.environ["VICKREY_BUILD"]) / "bin/yardstick/write_events"
TAIL = 4  # bytes of a record behind its contents: their checksum


def written(folder, lines, *resumed_at_step):
    """The file that a run of these lines wrote before it was killed: nothing was flushed, synced or closed."""
    run = subprocess.Popen([PROGRAM, folder, *map(str, resumed_at_step)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                           text=True)
    with run:
        for line in lines:
            run.stdin.write(line + "\n")
            run.stdin.flush()
            file = run.stdout.readline().strip()
        run.kill()
    return pathlib.Path(file)


def scalars(folder):
    """{tag: [(step, value), ...]} of a folder or a file, as the programs' interface to TensorBoard gives it."""
    accumulator = event_accumulator.EventAccumulator(str(folder), purge_orphaned_data=True).Reload()
    return {tag: [(event.step, event.value) for event in accumulator.Scalars(tag)] for tag in accumulator.Tags()["scalars"]}


def shown(folder):
    """The same as the pages of TensorBoard show it; they are made by another reader."""
    accumulator = plugin_event_accumulator.EventAccumulator(str(folder), purge_orphaned_data=True).Reload()
    return {tag: [(event.step, tensor_util.make_ndarray(event.tensor_proto).item()) for event in accumulator.Tensors(tag)]
            for tag in accumulator.Tags()["tensors"]}


def records(file):
    """The records of a file up to where its reader stops, checksums being right."""
    return [event_pb2.Event.FromString(record) for record in RawEventFileLoader(str(file)).Load()]


class EventsTest(unittest.TestCase):
    def setUp(self):
        logging.disable()  # what it says of damages and of steps that it drops
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name) / "run"

    def assert_shown(self, expected):
        self.assertEqual(scalars(self.folder), expected)
        self.assertEqual(shown(self.folder), expected)

    def test_tags_steps_and_values(self):
        written(self.folder, ["0 loss/train 0.75 loss/größe 0", "1 loss/train -0.1", "5000000000 loss/train 1e-42 auc 1e30"])
        single = lambda value: struct.unpack("f", struct.pack("f", value))[0]  # noqa: E731
        self.assert_shown({
            "loss/train": [(0, 0.75), (1, single(-0.1)), (5_000_000_000, single(1e-42))],
            "loss/größe": [(0, 0.0)], "auc": [(5_000_000_000, single(1e30))]})

    def test_values_that_are_no_numbers(self):
        written(self.folder, ["1 loss inf", "2 loss -inf", "3 loss 1e300", "4 loss nan"])
        for read in (scalars, shown):
            *infinite, (step, value) = read(self.folder)["loss"]
            self.assertEqual(infinite, [(1, math.inf), (2, -math.inf), (3, math.inf)])
            self.assertTrue(step == 4 and math.isnan(value))

    def test_a_record_that_was_cut(self):
        file = written(self.folder, [f"{step} loss {step}" for step in range(1, 4)])
        whole = file.read_bytes()
        self.assertEqual(len(records(file)), 5)
        last = len(records(file)[-1].SerializeToString()) + 12 + TAIL
        for size in range(len(whole) - last, len(whole)):
            file.write_bytes(whole[:size])
            self.assertEqual(len(records(file)), 4, size)
            self.assert_shown({"loss": [(1, 1), (2, 2)]})

    def test_a_byte_that_was_flipped(self):
        file = written(self.folder, [f"{step} loss {step}" for step in range(1, 4)])
        whole = file.read_bytes()
        starts, at = [], 0
        while at < len(whole):
            starts.append(at)
            at += 12 + struct.unpack_from("<Q", whole, at)[0] + TAIL
        for at in range(len(whole)):
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1:])
            self.assertEqual(len(records(file)), sum(start <= at for start in starts) - 1, at)

    def test_a_resumed_run_takes_the_place_of_what_was_lost(self):
        written(self.folder, [f"{step} loss {step} more {step}" for step in range(1, 8)])
        written(self.folder, ["5 loss 50", "6 loss 60", "7 loss 70", "8 loss 80"], 4)
        resumed = {"loss": [(1, 1), (2, 2), (3, 3), (4, 4), (5, 50), (6, 60), (7, 70), (8, 80)],
                   "more": [(1, 1), (2, 2), (3, 3), (4, 4)]}
        self.assert_shown(resumed)
        written(self.folder, ["7 loss 700"], 6)
        self.assert_shown({**resumed, "loss": resumed["loss"][:6] + [(7, 700)]})

    def test_a_run_that_starts_over(self):
        written(self.folder, ["0 loss 1", "1 loss 1"])
        written(self.folder, ["0 loss 2"])
        self.assert_shown({"loss": [(0, 2.0)]})

    def test_the_page_is_kept_up_to_date(self):
        """As a TensorBoard does that was started before."""
        written(self.folder, ["1 loss 1", "2 loss 2", "3 loss 3"])
        accumulator = plugin_event_accumulator.EventAccumulator(str(self.folder), purge_orphaned_data=True).Reload()
        written(self.folder, ["3 loss 30"], 2)
        self.assertEqual([event.step for event in accumulator.Reload().Tensors("loss")], [1, 2, 3])
        self.assertEqual(tensor_util.make_ndarray(accumulator.Tensors("loss")[2].tensor_proto).item(), 30)


if __name__ == "__main__":
    unittest.main()
