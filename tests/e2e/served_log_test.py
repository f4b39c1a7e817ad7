"""`vickrey log` on a server's log, as its users run it."""

import json
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from tool import BIN, Server, error_of, market, replies, vickrey, wait_until

KILLS = int(os.environ.get("VICKREY_KILLS", "3"))  # rounds of the test that kills a server


def auction(i, size=0):
    line = {"auction_id": f"a{i}", "event_time": 1704067200000000 + i,
            "candidates": [{"ad_id": "x", "bid_micros": 1000000, "slot": 1}]}
    if size:
        line["context"] = {"text": "x" * size}
    return line


class ServedLogTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.db = self.folder / "log"
        (self.folder / "models").mkdir()

    def serve(self, *flags):
        server = Server("--artifact-root", self.folder / "models", "--log", self.db, *flags)
        server.__enter__()
        self.addCleanup(server.__exit__)
        return server

    def both(self, server, *args):
        """What a verb writes, which is the same for the folder and for the server."""
        local, served = (vickrey("log", *args, *place) for place in (("--db", self.db), ("--address", server.address)))
        self.assertEqual(local.returncode, 0, local.stderr)
        self.assertEqual((served.returncode, served.stderr), (0, ""))
        self.assertEqual(served.stdout, local.stdout)
        return [json.loads(line) for line in served.stdout.splitlines()]

    def test_the_same_lines_by_folder_and_by_address(self):
        server = self.serve()
        there = ("--address", server.address)
        answers = replies("log", "append", *there, text=market(300))
        self.assertEqual({answer["status"] for answer in answers}, {"STORED"})
        ids = [answer["auction_id"] for answer in answers]
        snapshot = replies("log", "snapshot", "create", *there)[0]
        self.assertEqual(snapshot["auctions"], "300")
        of = ("--snapshot", snapshot["snapshot_id"])
        lines = self.both(server, "scan", *of)
        self.assertEqual(len(lines), 300)
        self.assertEqual(sorted(line["auction_id"] for line in lines), sorted(ids))
        times = [line["event_time"] for line in lines]
        self.assertEqual(len(self.both(server, "scan", *of, "--from", times[10], "--to", times[20])), 10)
        self.assertEqual(self.both(server, "scan", *of, "--cursor", lines[99]["cursor"], "--limit", 5), lines[100:105])
        unlabelled = self.both(server, "scan", *of, "--as-of", times[0], "--label-window", "90m30s1us")
        self.assertEqual(len(unlabelled), 300)
        self.assertEqual(len(self.both(server, "scan")), 300)
        self.assertEqual(self.both(server, "stats", *of)[0]["auctions"], "300")
        self.both(server, "stats")
        more = replies("log", "append", *there, lines=[auction(1)])
        self.assertEqual(more[0]["sequence"], "301")
        second = replies("log", "snapshot", "create", *there)[0]
        self.assertEqual(self.both(server, "snapshot", "list"), [snapshot, second])
        self.assertEqual(replies("log", "snapshot", "delete", *there, snapshot["snapshot_id"]), [snapshot])
        self.assertEqual(self.both(server, "snapshot", "list"), [second])

    def test_exactly_one_place(self):
        for verb in (["scan"], ["stats"], ["snapshot", "create"], ["snapshot", "list"], ["snapshot", "delete", "s1"]):
            neither = vickrey("log", *verb)
            self.assertEqual((neither.returncode, error_of(neither)["field"]), (2, "--db"), verb)
            self.assertEqual(vickrey("log", *verb, "--db", self.db, "--address", "127.0.0.1:1").returncode, 2, verb)

    def test_errors_of_the_server(self):
        server = self.serve()
        there = ("--address", server.address)
        for args, code, field in ((("scan", "--cursor", "x"), 2, "cursor"), (("scan", "--from", "x"), 2, "--from"),
                                  (("scan", "--snapshot", "s0"), None, "snapshot_id"),
                                  (("stats", "--snapshot", "s0"), None, "snapshot_id"),
                                  (("snapshot", "delete", "s0"), None, "snapshot_id")):
            done = vickrey("log", *args, *there)
            if code is None:  # as it is where the log is in a folder
                code = vickrey("log", *args, "--db", self.db).returncode
            self.assertEqual((done.returncode, error_of(done)["field"], done.stdout), (code, field, ""), args)
        server.end()
        gone = vickrey("log", "scan", *there)
        self.assertEqual(gone.returncode, 3)
        self.assertIn(f"no server at {server.address}", error_of(gone)["message"])

    def test_what_a_killed_server_acknowledged_is_there(self):
        dice = random.Random(3)
        acknowledged = set()
        for number in range(KILLS):
            server = self.serve()
            text = "".join(json.dumps(auction(number * 100000 + i)) + "\n" for i in range(20000))
            with subprocess.Popen([BIN / "vickrey", "log", "append", "--address", server.address], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
                feeder = threading.Thread(target=self.feed, args=(process.stdin, text))
                feeder.start()
                answers = [process.stdout.readline() for _ in range(dice.randrange(1, 3000))]
                server.process.kill()
                answers += process.stdout.read().splitlines()
                feeder.join()
                self.assertEqual(process.wait(timeout=60), 3)
            answers = [json.loads(line) for line in answers if line]
            self.assertEqual({answer["status"] for answer in answers}, {"STORED"})
            self.assertLess(len(answers), 20000)
            acknowledged.update(answer["auction_id"] for answer in answers)
            with Server("--artifact-root", self.folder / "models", "--log", self.db) as again:
                stored = {line["auction_id"] for line in replies("log", "scan", "--address", again.address)}
            self.assertLessEqual(acknowledged, stored)
            self.assertEqual(replies("log", "verify", "--db", self.db)[0]["problem_count"], "0")

    @staticmethod
    def feed(pipe, text):
        try:
            pipe.write(text)
            pipe.close()
        except BrokenPipeError:
            pass

    def test_a_server_ends_in_time_whatever_streams_are_open(self):
        server = self.serve("--drain-seconds", 2)
        for begin in range(0, 200, 20):
            replies("log", "append", "--address", server.address, lines=[auction(begin + i, 200000) for i in range(20)])
        with subprocess.Popen([BIN / "vickrey", "log", "scan", "--address", server.address], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as scan, \
             subprocess.Popen([BIN / "vickrey", "log", "append", "--address", server.address], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as append:
            scan.stdout.read(1)  # it has begun, and nobody takes the rest
            append.stdin.write(json.dumps(auction(1000)) + "\n")
            append.stdin.flush()
            self.assertEqual(json.loads(append.stdout.readline())["status"], "STORED")
            begin = time.monotonic()
            self.assertEqual(server.end(signal.SIGTERM), 0)
            self.assertLess(time.monotonic() - begin, 10)
            append.stdin.close()
            scan.stdout.close()
            scan.wait(timeout=60)
        with Server("--artifact-root", self.folder / "models", "--log", self.db) as again:
            self.assertEqual(replies("log", "stats", "--address", again.address)[0]["auctions"], "201")

    def test_a_reader_that_is_killed_frees_its_place(self):
        server = self.serve()
        for begin in range(0, 200, 20):
            replies("log", "append", "--address", server.address, lines=[auction(begin + i, 200000) for i in range(20)])
        scans = []
        for _ in range(8):  # as many as a server has places
            scan = subprocess.Popen([BIN / "vickrey", "log", "scan", "--address", server.address], stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL)
            self.addCleanup(scan.stdout.close)
            self.addCleanup(scan.wait)
            self.addCleanup(scan.kill)
            scans.append(scan)
            scan.stdout.read(1)
        full = vickrey("log", "scan", "--address", server.address, "--limit", 1)
        self.assertNotEqual(full.returncode, 0)
        self.assertEqual(error_of(full)["code"], "RESOURCE_EXHAUSTED")
        scans[0].kill()
        wait_until(lambda: vickrey("log", "scan", "--address", server.address, "--limit", 1).returncode == 0, "a place is free")


if __name__ == "__main__":
    unittest.main()
