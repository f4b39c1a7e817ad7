"""Models on a server as their operators handle them: upload, try, swap, delete; and auctions by placement."""

import hashlib
import json
import os
import pathlib
import pty
import random
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from tool import BIN, Server, error_of, replies, vickrey, wait_until

os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin while they wait make a busy machine ten times slower

PLACEMENTS = """
placements:
- name: top
  mechanism: gsp
  slots: 2
  position_multipliers: [1, 0.4]
  reserve_click_micros: 1000
- name: side
  reserve_mille_micros: 5000
"""


def write_logistic(folder, bias, pad=0):
    """An artifact NAME/VERSION of a logistic model: logit = bias + x, of one feature x of the ad; with blanks at the end."""
    fields = [{"name": "x", "side": "AD", "kind": "DENSE", "transform": "NONE"}]
    model = {"format": 1, "name": folder.parent.name, "version": folder.name, "spec": {"architecture": "logistic"},
             "schema": {"fields": fields}, "calibration": {"multiplier": 1}}
    values = {"ad.weight": [1, 0], "bias": [bias], "context.weight": []}  # of x, and of x where it is missing
    header, data = {}, b""
    for name, tensor in sorted(values.items()):
        packed = struct.pack(f"<{len(tensor)}f", *tensor)
        header[name] = {"dtype": "F32", "shape": [len(tensor)], "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header, separators=(",", ":"))
    text += " " * (-len(text) % 8)
    files = {"model.json": (json.dumps(model) + " " * pad).encode(),
             "weights.safetensors": struct.pack("<Q", len(text)) + text.encode() + data}
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in files.items())
    (folder / "SHA256SUMS").write_text(sums)


def auctions(count):
    """Lines of auctions with three candidates each."""
    dice = random.Random(1)
    return [{"auction_id": f"a{k}", "event_time": 1704067200000000 + k, "currency_code": "USD",
             "candidates": [{"ad_id": f"ad{i}", "bid_micros": dice.randrange(1, 10**6), "features": {"x": dice.gauss(0, 1)}}
                            for i in range(3)]} for k in range(count)]


def tree(folder):
    """Everything below a folder."""
    return sorted(str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob("*"))


class ServedModelsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.away = pathlib.Path(folder.name, "away")
        for version in (1, 2, 3):
            write_logistic(cls.away / "plain" / str(version), -version)
        cls.lines = auctions(200)
        cls.text = "".join(json.dumps(line) + "\n" for line in cls.lines)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.root = self.folder / "models"
        shutil.copytree(self.away / "plain/1", self.root / "plain/1")

    def serve(self, *flags):
        server = Server("--artifact-root", self.root, "--model", "plain/1", *flags)
        server.__enter__()
        self.addCleanup(server.__exit__)
        return server

    def models(self, server, verb, *args):
        return replies("models", verb, "--address", server.address, *args)

    def answers(self, server, lines=None):
        return replies("predict", "--address", server.address, "--model", "plain", lines=lines or self.lines)

    def test_an_upload_is_served_as_it_was_sent(self):
        server = self.serve()
        info = self.models(server, "upload", self.away / "plain/2", "--label", "stable")[0]
        self.assertEqual((info["name"], info["version"], info["state"], info["labels"]), ("plain", "2", "READY", ["stable"]))
        self.assertEqual(self.answers(server), replies("predict", "--artifact", self.away / "plain/2", text=self.text))
        for file in (self.away / "plain/2").iterdir():
            self.assertEqual((self.root / "plain/2" / file.name).read_bytes(), file.read_bytes())
        self.assertEqual(self.models(server, "upload", self.away / "plain/2")[0]["state"], "READY")
        self.assertEqual(self.models(server, "get", "plain", "2")[0]["sha256"], info["sha256"])

        other = self.folder / "other/plain"
        write_logistic(other / "2", -7)
        done = vickrey("models", "upload", "--address", server.address, other / "2")
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("another artifact", error_of(done)["message"])
        self.assertEqual(self.models(server, "get", "plain", "2")[0]["sha256"], info["sha256"])

    def test_a_bad_upload_leaves_nothing(self):
        server = self.serve()
        before = tree(self.root)
        bad = self.folder / "plain/2"
        shutil.copytree(self.away / "plain/2", bad)
        with open(bad / "weights.safetensors", "r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"\xff")
        self.assertNotEqual(vickrey("models", "upload", "--address", server.address, bad).returncode, 0)
        self.assertEqual(tree(self.root), before)

    def test_a_version_is_deleted_with_or_without_its_files(self):
        server = self.serve()
        self.models(server, "upload", self.away / "plain/2")
        done = vickrey("models", "delete", "--address", server.address, "plain", "1")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("stable", error_of(done)["message"])
        self.assertEqual(self.models(server, "delete", "plain", "2")[0]["state"], "UNLOADING")
        wait_until(lambda: vickrey("models", "get", "--address", server.address, "plain", "2").returncode != 0, "freed")
        self.assertTrue((self.root / "plain/2").exists())
        self.models(server, "register", "plain/2")
        self.models(server, "delete", "plain", "2", "--files")
        self.assertFalse((self.root / "plain/2").exists())
        self.assertEqual([info["version"] for info in self.models(server, "list")], ["1"])
        self.assertNotEqual(vickrey("models", "delete", "--address", server.address, "plain", "..", "--files").returncode, 0)
        self.assertTrue((self.root / "plain/1").exists())

    def test_a_canary_gets_its_share_and_every_auction_always_goes_the_same_way(self):
        server = self.serve()
        self.models(server, "upload", self.away / "plain/2")
        infos = self.models(server, "label", "plain", "canary", "2", "--share", "0.3")
        self.assertEqual([info["canary_share"] for info in infos], [None, 0.3])
        ways = [[answer["version"] for answer in self.answers(server)] for _ in range(2)]
        self.assertEqual(ways[0], ways[1])
        self.assertTrue(30 <= ways[0].count("2") <= 90, ways[0].count("2"))  # 60, five standard deviations to each side
        auctions = replies("auction", "--address", server.address, "--model", "plain", lines=self.lines)
        self.assertEqual([outcome["model_version"] for outcome in auctions], ways[0])
        expected = {v: replies("predict", "--artifact", self.away / "plain" / v, text=self.text) for v in ("1", "2")}
        for k, answer in enumerate(self.answers(server)):
            self.assertEqual(answer, expected[answer["version"]][k])
        for share in ("0", "1.5", "-1", "nan"):
            done = vickrey("models", "label", "--address", server.address, "plain", "canary", "2", "--share", share)
            self.assertEqual(done.returncode, 2, done.stderr)
        etag = infos[0]["etag"]
        self.models(server, "label", "plain", "canary", "--etag", etag)
        self.assertEqual({answer["version"] for answer in self.answers(server)}, {"1"})
        stale = vickrey("models", "label", "--address", server.address, "plain", "canary", "2", "--etag", etag)
        self.assertNotEqual(stale.returncode, 0)

    def test_a_shadow_is_compared_and_never_answers(self):
        server = self.serve()
        before = self.answers(server)
        self.models(server, "upload", self.away / "plain/2", "--label", "shadow")
        self.assertEqual(self.answers(server), before)
        asked = lambda: self.models(server, "get", "plain", "2")[0]["shadow"] or {"auctions": 0, "dropped": 0}
        wait_until(lambda: int(asked()["auctions"]) + int(asked()["dropped"]) == 200, "every auction was counted")
        shadow = asked()
        self.assertEqual(shadow["failed"], "0")
        if shadow["dropped"] == "0":
            mine = replies("predict", "--artifact", self.away / "plain/2", text=self.text)
            pairs = [(a, b) for one, two in zip(mine, before) for a, b in zip(one["pctr"], two["pctr"])]
            self.assertEqual(int(shadow["candidates"]), len(pairs))
            self.assertAlmostEqual(shadow["mean_pctr"], sum(a for a, _ in pairs) / len(pairs), 9)
            self.assertAlmostEqual(shadow["mean_answered_pctr"], sum(b for _, b in pairs) / len(pairs), 9)
            self.assertAlmostEqual(shadow["mean_absolute_difference"], sum(abs(a - b) for a, b in pairs) / len(pairs), 9)

    def test_swaps_under_load_fail_no_call(self):
        server = self.serve()
        self.models(server, "upload", self.away / "plain/2")
        expected = {v: replies("predict", "--artifact", self.away / "plain" / v, text=self.text) for v in ("1", "2", "3")}
        end = time.monotonic() + 3
        done, moves = [], 0

        def call():
            while time.monotonic() < end or moves < 3:  # however long they take
                done.append(vickrey("predict", "--address", server.address, "--model", "plain", text=self.text * 5))

        clients = [threading.Thread(target=call, daemon=True) for _ in range(2)]
        for client in clients:
            client.start()
        while any(client.is_alive() for client in clients):
            moves += 1
            self.models(server, "label", "plain", "stable", "21"[moves % 2])
            self.models(server, "upload", self.away / "plain/3", "--label", "canary")
            self.models(server, "label", "plain", "canary", "3", "--share", ".5")
            self.models(server, "label", "plain", "canary")
            self.models(server, "delete", "plain", "3", "--files")
        for client in clients:
            client.join()
        for client in done:
            self.assertEqual((client.returncode, client.stderr), (0, ""))
            answers = [json.loads(line) for line in client.stdout.splitlines()]
            self.assertEqual(len(answers), 1000)
            for k, answer in enumerate(answers):
                self.assertEqual(answer, expected[answer["version"]][k % 200])

    def test_a_server_that_is_killed_in_an_upload_leaves_what_the_next_start_removes(self):
        before = tree(self.root)
        big = self.folder / "plain/2"
        write_logistic(big, -2, pad=30 << 20)
        server = self.serve()
        client = subprocess.Popen([BIN / "vickrey", "models", "upload", "--address", server.address, big],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        hidden = lambda: [path for path in tree(self.root) if path.startswith(".")]
        wait_until(lambda: hidden() or client.poll() is not None, "the upload has begun")
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(timeout=60)
        client.wait(timeout=60)
        left = [path for path in tree(self.root) if not path.startswith(".")]
        self.assertIn(left, (before, before + ["plain/2"] + [f"plain/2/{f}" for f in ("SHA256SUMS", "model.json",
                                                                                     "weights.safetensors")]))
        self.serve()
        self.assertEqual(hidden(), [])

    def test_a_placement_fixes_the_rules(self):
        file = self.folder / "placements.yaml"
        file.write_text(PLACEMENTS)
        server = self.serve("--placements", file)
        run = lambda *flags: vickrey("auction", "--address", server.address, "--model", "plain", *flags, lines=self.lines)
        rules = ("--mechanism", "gsp", "--slots", "2", "--position-multipliers", "1,.4", "--reserve-click-micros", "1000")
        named = run("--placement", "top")
        self.assertEqual(named.returncode, 0, named.stderr)
        self.assertEqual(named.stdout, run(*rules).stdout)
        unknown = run("--placement", "bottom")
        self.assertEqual(unknown.returncode, 2, unknown.stderr)
        self.assertIn("known: side, top", error_of(unknown)["message"])
        self.assertEqual(run("--placement", "top", "--slots", "2").returncode, 2)

        server = self.serve("--placements", file, "--placements-only")
        self.assertNotEqual(run(*rules).returncode, 0)
        self.assertNotEqual(run().returncode, 0)
        self.assertEqual(run("--placement", "side").returncode, 0)
        file.write_text(PLACEMENTS + "  slot: 1\n")
        done = vickrey("serve", "--artifact-root", self.root, "--address", "127.0.0.1:0", "--placements", file)
        self.assertEqual(done.returncode, 2)
        self.assertIn("slot: unknown key", error_of(done)["message"])

    def test_a_terminal_gets_a_table_and_json_where_it_asks(self):
        server = self.serve()
        self.models(server, "upload", self.away / "plain/2")
        self.models(server, "label", "plain", "canary", "2", "--share", "0.25")

        def on_terminal(*flags):
            master, slave = pty.openpty()
            done = subprocess.run([BIN / "vickrey", "models", "list", "--address", server.address, *flags], stdout=slave,
                                  timeout=60)
            os.close(slave)
            self.assertEqual(done.returncode, 0)
            text = os.read(master, 1 << 16).decode()
            os.close(master)
            return text.splitlines()

        table = on_terminal()
        self.assertEqual([line.split()[0] for line in table], ["MODEL", "plain@1", "plain@2"])
        self.assertRegex(table[2], r"READY +canary \(canary 25 %\)")
        self.assertEqual(json.loads(on_terminal("--json")[0])["version"], "1")


if __name__ == "__main__":
    unittest.main()
