"""`vickrey log` as its users run it."""

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

from tool import BIN, error_of, replies, vickrey

KILLS = int(os.environ.get("VICKREY_KILLS", "5"))  # rounds of the tests that kill a writer


def auction(i, **more):
    return {"auction_id": f"a{i}", "event_time": 1704067200000000 + i,
            "candidates": [{"ad_id": "x", "bid_micros": 1000000, "slot": 1}], **more}


class LogTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.db = self.folder / "log"

    def test_generate_append_stats_snapshot_scan_metrics(self):
        generated = vickrey("market", "generate", "--scenario", "interaction", "--auctions", 500, "--seed", 1).stdout
        answers = replies("log", "append", "--db", self.db, text=generated)
        self.assertEqual([a["status"] for a in answers], ["STORED"] * 500)
        self.assertEqual([a["sequence"] for a in answers], [str(i) for i in range(1, 501)])
        stats = replies("log", "stats", "--db", self.db)[0]
        self.assertEqual((stats["auctions"], stats["candidates"]), ("500", "4000"))
        snapshot = replies("log", "snapshot", "create", "--db", self.db)[0]
        self.assertEqual(snapshot["auctions"], "500")
        self.assertEqual(replies("log", "snapshot", "list", "--db", self.db), [snapshot])
        scan = vickrey("log", "scan", "--db", self.db, "--snapshot", snapshot["snapshot_id"]).stdout
        self.assertEqual(replies("eval", "metrics", text=scan), replies("eval", "metrics", text=generated))
        self.assertEqual({a["status"] for a in replies("log", "append", "--db", self.db, text=generated)}, {"DUPLICATE"})

    def test_a_line_is_answered_before_the_next_is_sent(self):
        with subprocess.Popen([BIN / "vickrey", "log", "append", "--db", self.db], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as process:
            for i in range(3):
                process.stdin.write(json.dumps(auction(i)) + "\n")
                process.stdin.flush()
                self.assertEqual(json.loads(process.stdout.readline())["auction_id"], f"a{i}")
            process.stdin.close()
            self.assertEqual(process.wait(timeout=60), 0)

    def verify(self):
        self.assertEqual(replies("log", "verify", "--db", self.db)[0]["problem_count"], "0")

    def feed_and_kill(self, verb, lines, answers):
        """Runs `log VERB` on lines and kills it after so many answers; the answers that it wrote."""
        answered = []
        with subprocess.Popen([BIN / "vickrey", "log", verb, "--db", self.db], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as process:
            text = "".join(json.dumps(line) + "\n" for line in lines)
            writer = threading.Thread(target=self.feed, args=(process.stdin, text))
            writer.start()
            for _ in range(answers):
                answered.append(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            # What it had written to the pipe before it died was acknowledged too.
            answered += process.stdout.read().splitlines(keepends=True)
            writer.join()
        return [json.loads(line) for line in answered if line.endswith("\n")]

    @staticmethod
    def feed(pipe, text):
        try:
            pipe.write(text)
            pipe.close()
        except BrokenPipeError:
            pass

    def test_nothing_acknowledged_is_lost_by_kill_9(self):
        dice = random.Random(1)
        auctions, reports = set(), set()
        for number in range(KILLS):
            first = number * 100000
            lines = [auction(first + i) for i in range(10000)]
            answers = self.feed_and_kill("append", lines, dice.randrange(1, 2000))
            self.assertEqual({answer["status"] for answer in answers}, {"STORED"})
            auctions.update(answer["auction_id"] for answer in answers)
            lines = [{"feedback_id": f"f{first + i}", "auction_id": f"a{first + i}", "ad_id": "x", "kind": "CLICK",
                      "event_time": 1704067200000000 + first + i} for i in range(10000)]
            answers = self.feed_and_kill("feedback", lines, dice.randrange(1, 2000))
            self.assertLessEqual({answer["status"] for answer in answers}, {"STORED", "ORPHAN"})
            reports.update(answer["feedback_id"] for answer in answers)
            self.verify()
            stored = {line["auction_id"]: line for line in replies("log", "scan", "--db", self.db)}
            self.assertLessEqual(auctions, set(stored))
            exported = {line["feedback_id"] for line in replies("log", "export", "--feedback", "--db", self.db)}
            self.assertLessEqual(reports, exported)
            for line in stored.values():  # every report whose auction is there is joined to it
                clicked = line["candidates"][0]["click"] == 1
                self.assertEqual(clicked, "f" + line["auction_id"][1:] in exported, line)
        self.assertGreater(min(len(auctions), len(reports)), 0)

    def test_an_import_that_was_killed_is_finished_by_another(self):
        dice = random.Random(2)
        file = self.folder / "x.jsonl"
        for number in range(KILLS):
            lines = [auction(number * 100000 + i) for i in range(20000)]
            file.write_text("".join(json.dumps(line) + "\n" for line in lines))
            command = ["log", "import", "--db", self.db, "--format", "jsonl", file]
            with subprocess.Popen([BIN / "vickrey", *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  text=True) as process:
                time.sleep(dice.random() * 0.4)  # somewhere in it, or before or after; any place is good
                process.send_signal(signal.SIGKILL)
            done = vickrey("log", "verify", "--db", self.db)
            if done.returncode != 0:  # it had not yet made all of the log
                self.assertEqual(number, 0, done.stdout)
                self.assertRegex(error_of(done)["message"], "there is no log|not complete")
            done = replies(*command)[0]
            self.assertEqual(int(done["stored"]) + int(done["duplicate"]), len(lines))
            self.assertEqual((done["read"], done["rejected"]), (str(len(lines)), "0"))
            self.verify()
            self.assertEqual(replies("log", "stats", "--db", self.db)[0]["auctions"], str((number + 1) * len(lines)))

    def test_a_bad_line_stops_it_after_the_good_ones(self):
        done = vickrey("log", "append", "--db", self.db, lines=[auction(1), auction(2, sampling_rate=2), auction(3)])
        self.assertEqual(done.returncode, 2)
        error = error_of(done)
        self.assertEqual((error["line"], error["field"]), ("2", "sampling_rate"))
        self.assertEqual(len(done.stdout.splitlines()), 1)
        self.assertEqual([line["auction_id"] for line in replies("log", "scan", "--db", self.db)], ["a1"])

    def test_feedback_joins_and_waits(self):
        click = {"feedback_id": "f", "auction_id": "a1", "ad_id": "x", "kind": "CLICK", "event_time": 5}
        self.assertEqual(replies("log", "feedback", "--db", self.db, lines=[click])[0]["status"], "ORPHAN")
        replies("log", "append", "--db", self.db, lines=[auction(1), auction(2)])
        self.assertEqual(replies("log", "feedback", "--db", self.db, lines=[click])[0]["status"], "DUPLICATE")
        clicks = [line["candidates"][0]["click"] for line in replies("log", "scan", "--db", self.db)]
        self.assertEqual(clicks, [1, 0])
        later = {**click, "feedback_id": "g", "auction_id": "a2", "event_time": 1704067200000000 + 10**10}
        replies("log", "feedback", "--db", self.db, lines=[later])
        before = replies("log", "scan", "--db", self.db, "--as-of", 1704067200000000 + 10**10 - 1, "--label-window", "0")
        self.assertEqual(before[1]["candidates"][0]["click"], 0)  # not known yet
        early = replies("log", "scan", "--db", self.db, "--as-of", "2024-01-01T00:30:00Z")
        self.assertEqual([line["candidates"][0]["click"] for line in early], [1, None])
        bad = vickrey("log", "feedback", "--db", self.db, lines=[{**click, "kind": "SMILE"}])
        self.assertEqual((bad.returncode, error_of(bad)["field"]), (2, "kind"))

    def test_what_is_exported_imports_to_the_same_log(self):
        click = {"feedback_id": "f", "auction_id": "a1", "ad_id": "x", "kind": "CLICK", "event_time": 5}
        replies("log", "append", "--db", self.db, lines=[auction(1), auction(2)])
        replies("log", "feedback", "--db", self.db, lines=[click, {**click, "auction_id": "later"}])
        exported = self.folder / "x.jsonl"
        exported.write_text(vickrey("log", "export", "--db", self.db).stdout)
        reports = vickrey("log", "export", "--feedback", "--db", self.db).stdout
        again = replies("log", "import", "--db", self.db, "--format", "jsonl", exported)[0]
        self.assertEqual((again["duplicate"], again["rejected"]), ("2", "0"))
        copy = self.folder / "copy"
        replies("log", "import", "--db", copy, "--format", "jsonl", exported)
        answers = replies("log", "feedback", "--db", copy, text=reports)
        self.assertEqual([answer["status"] for answer in answers], ["STORED", "ORPHAN"])
        self.assertEqual(replies("log", "snapshot", "create", "--db", copy), replies("log", "snapshot", "create", "--db", self.db))

    def test_what_the_log_refuses_is_named_by_line_and_the_lines_before_are_stored(self):
        lines = [auction(1, currency_code="EUR"), auction(2), auction(3, currency_code="USD"), auction(4)]
        done = vickrey("log", "append", "--db", self.db, lines=lines)
        self.assertEqual((done.returncode, error_of(done)["line"], error_of(done)["field"]), (2, "3", "currency_code"))
        self.assertEqual([json.loads(line)["status"] for line in done.stdout.splitlines()], ["STORED", "STORED"])
        click = {"feedback_id": "f", "auction_id": "a1", "ad_id": "x", "kind": "CLICK", "event_time": 5}
        done = vickrey("log", "feedback", "--db", self.db, lines=[click, {**click, "ad_id": "nope"}, click])
        self.assertEqual((done.returncode, error_of(done)["line"], error_of(done)["field"]), (2, "2", "ad_id"))
        self.assertEqual(len(done.stdout.splitlines()), 1)

    def test_bytes_that_are_not_utf8_are_rejected(self):
        row = b"0" + b"\t1" * 13 + b"\tc" * 25 + b"\t\xff\xfe\n"
        (self.folder / "bad.tsv").write_bytes(row)
        done = replies("log", "import", "--db", self.db, "--format", "criteo", "--max-rejects", 1, self.folder / "bad.tsv")[0]
        self.assertEqual((done["stored"], done["rejected"]), ("0", "1"))
        self.assertIn("C26: is not UTF-8", done["first_error"])

    def test_a_log_is_not_made_in_someone_elses_folder(self):
        (self.folder / "file").touch()
        for db in (self.folder, self.folder / "file", ""):
            done = vickrey("log", "append", "--db", db, lines=[auction(1)])
            self.assertEqual(done.returncode, 2, db)
        self.assertEqual(vickrey("log", "snapshot", "create", "--db", self.db).returncode, 2)
        self.assertFalse(self.db.exists())

    def test_a_cursor_goes_on(self):
        replies("log", "append", "--db", self.db, lines=[auction(i) for i in range(5)])
        cursor = replies("log", "scan", "--db", self.db)[1]["cursor"]
        rest = replies("log", "scan", "--db", self.db, "--cursor", cursor)
        self.assertEqual([line["auction_id"] for line in rest], ["a2", "a3", "a4"])

    def test_a_second_writer_is_told_who_holds_the_log(self):
        with subprocess.Popen([BIN / "vickrey", "log", "append", "--db", self.db], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as process:
            process.stdin.write(json.dumps(auction(1)) + "\n")
            process.stdin.flush()
            process.stdout.readline()
            done = vickrey("log", "append", "--db", self.db)
            self.assertEqual(done.returncode, 3)
            self.assertIn(f"pid {process.pid}", error_of(done)["message"])
            process.stdin.close()
            process.wait(timeout=60)

    def test_bad_flags(self):
        for args in (["scan", "--db", self.folder / "none"], ["stats", "--db", self.folder / "none"], ["append"],
                     ["import", "--db", self.db, "--format", "criteo", self.folder / "none"], ["scan", "--nonsense"], [],
                     ["snapshot"], ["snapshot", "delete", "--db", self.db, "../x"]):
            done = vickrey("log", *args)
            self.assertEqual(done.returncode, 2, args)
            error_of(done)
        replies("log", "append", "--db", self.db, lines=[auction(1)])
        for flag, value in (("--from", "yesterday"), ("--label-window", "soon"), ("--cursor", "x"), ("--as-of", "-1")):
            done = vickrey("log", "scan", "--db", self.db, flag, value)
            self.assertEqual(done.returncode, 2, flag)
            self.assertIn(flag.strip("-"), error_of(done)["field"])


if __name__ == "__main__":
    unittest.main()
