"""A server among callers who mean it no good, or who hang: they cost others nothing, and their memory is bounded."""

import hashlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

from served_models_test import auctions, write_logistic
from tool import BIN, Server, replies, vickrey, wait_until

MIB = 1 << 20


class Wire:
    """HTTP/2 by hand, to send what no library sends: calls whose message never ends."""

    def __init__(self, address):
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=5)
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.frame(4, 0, 0, b""))
        self.received, self.window, self.initial, self.streams = b"", 65535, 65535, {}
        self.next, self.sent, self.reset, self.open = 1, 0, 0, True

    @staticmethod
    def frame(kind, flags, stream, payload):
        return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload

    def call(self, path, size):
        """Begins a call whose one message is said to have `size` bytes; returns its stream."""
        headers = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "x",
                   "content-type": "application/grpc", "te": "trailers"}
        block = b"".join(b"\0" + b"".join(bytes([len(text)]) + text.encode() for text in pair) for pair in headers.items())
        prefix = b"\0" + size.to_bytes(4, "big")
        self.socket.sendall(self.frame(1, 4, self.next, block) + self.frame(0, 0, self.next, prefix))
        self.window -= len(prefix)
        self.streams[self.next] = [-len(prefix), size - 1]  # window beside the initial one; bytes to send
        self.next += 2

    def pump(self, seconds):
        """Sends as much of the messages as the server lets it, but for their last byte."""
        end = time.monotonic() + seconds
        while self.open and time.monotonic() < end:
            try:
                self.receive()
                for stream in list(self.streams):
                    window, left = self.streams[stream]
                    size = min(16384, self.window, self.initial + window, left)
                    if size > 0:
                        self.socket.settimeout(5)
                        self.socket.sendall(self.frame(0, 0, stream, b"x" * size))
                        self.window -= size
                        self.streams[stream] = [window - size, left - size]
                        self.sent += size
            except OSError:
                self.open = False

    def receive(self):
        self.socket.settimeout(0.02)
        try:
            self.received += self.socket.recv(1 << 16)
        except TimeoutError:
            return
        while len(self.received) >= 9 + (size := int.from_bytes(self.received[:3], "big")):
            kind, flags, stream = self.received[3], self.received[4], int.from_bytes(self.received[5:9], "big")
            payload, self.received = self.received[9:9 + size], self.received[9 + size:]
            if kind == 8 and stream == 0:
                self.window += int.from_bytes(payload, "big")
            elif kind == 8 and stream in self.streams:
                self.streams[stream][0] += int.from_bytes(payload, "big")
            elif kind == 4 and not flags & 1:
                settings = {int.from_bytes(payload[i:i + 2], "big"): int.from_bytes(payload[i + 2:i + 6], "big")
                            for i in range(0, size, 6)}
                self.initial = settings.get(4, self.initial)
                self.socket.sendall(self.frame(4, 1, 0, b""))
            elif kind == 6 and not flags & 1:
                self.socket.sendall(self.frame(6, 1, 0, payload))
            elif kind == 3:
                self.reset += self.streams.pop(stream, None) is not None
            elif kind == 7:
                self.open = False


class HostileTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.root = self.folder / "models"
        write_logistic(self.root / "plain/1", -1)

    def serve(self, *flags):
        server = Server("--artifact-root", self.root, "--model", "plain/1", *flags)
        server.__enter__()
        self.addCleanup(server.__exit__)
        return server

    def test_messages_that_never_end_take_no_more_memory_than_is_allowed(self):
        tokens = self.folder / "tokens.yaml"
        digest = hashlib.sha256(b"secret").hexdigest()
        tokens.write_text(json.dumps({"tokens": [{"name": "a", "sha256": digest, "roles": ["predict"]}]}))
        (self.folder / "token").write_text("secret")
        server = self.serve("--tokens", tokens, "--max-memory-mib", 64)

        def resident():
            fields = pathlib.Path("/proc", str(server.process.pid), "statm").read_text().split()
            return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / MIB

        before = resident()
        wires = [Wire(server.address) for _ in range(2)]
        for wire in wires:
            self.addCleanup(wire.socket.close)
            for _ in range(40):
                wire.call("/vickrey.v1.PredictionService/Predict", 15 * MIB)
        most = 0
        for _ in range(8):
            for wire in wires:
                wire.pump(0.5)
            most = max(most, resident() - before)
        sent = sum(wire.sent for wire in wires) / MIB
        self.assertGreater(sent, 32)  # else nothing was tried
        self.assertLess(sent, 400)  # of 1200: it reads no further
        # What a sanitizer keeps of memory that was freed is resident, too.
        sanitized = b"__asan_init" in (BIN / "vickrey-server").read_bytes()
        self.assertLess(most, 64 + (256 if sanitized else 64), f"of {sent:.0f} MiB sent")
        env = {**os.environ, "VICKREY_TOKEN_FILE": str(self.folder / "token")}
        text = "".join(json.dumps(line) + "\n" for line in auctions(5))

        def answered():
            done = subprocess.run([BIN / "vickrey", "predict", "--address", server.address, "--model", "plain"], input=text,
                                  capture_output=True, text=True, timeout=60, env=env)
            return done.returncode == 0

        wait_until(answered, "those with a token are answered")
        self.assertEqual(server.end(), 0)

    def test_memory_for_less_than_two_requests_is_refused(self):
        done = vickrey("serve", "--artifact-root", self.root, "--max-request-mb", "16", "--max-memory-mib", "31", timeout=20)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("--max-memory-mib", done.stderr)

    def test_quiet_connections_keep_nobody_from_health(self):
        server = self.serve("--metrics-address", "127.0.0.1:0")
        host, port = server.line["metrics_address"].split(":")
        quiet = [socket.create_connection((host, int(port))) for _ in range(8)]
        for each in quiet:
            self.addCleanup(each.close)
            each.sendall(b"GET /hea")
        begin = time.monotonic()
        with urllib.request.urlopen(f"http://{host}:{port}/healthz", timeout=30) as answer:
            self.assertEqual(answer.status, 200)
        self.assertLess(time.monotonic() - begin, 10)  # quiet ones would be waited for twice as long

    def test_a_load_that_takes_long_does_not_hold_up_the_end(self):
        large = self.root / "plain/2"
        write_logistic(large, -2)
        fields = [{"name": name, "side": "AD", "kind": "CATEGORICAL", "buckets": 2**31 - 2**24, "embedding_width": 1}
                  for name in "xy"]
        (large / "model.json").write_text(json.dumps({
            "format": 1, "name": "plain", "version": "2", "spec": {"architecture": "mlp", "hidden": [1]},
            "schema": {"fields": fields}, "calibration": {"multiplier": 1}}))
        os.truncate(large / "weights.safetensors", 15 << 30)  # sparse: to read it takes its time
        (large / "SHA256SUMS").write_text("".join(
            f"{hashlib.sha256((large / name).read_bytes() if name == 'model.json' else b'').hexdigest()}  {name}\n"
            for name in ("model.json", "weights.safetensors")))
        server = self.serve("--log", self.folder / "log", "--drain-seconds", 1)
        lines = auctions(20)
        replies("auction", "--address", server.address, "--model", "plain", "--log", lines=lines)
        loading = subprocess.Popen([BIN / "vickrey", "models", "register", "plain/2", "--address", server.address],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        def is_loading():
            done = vickrey("models", "get", "--address", server.address, "plain", "2")
            return done.returncode == 0 and json.loads(done.stdout)["state"] == "LOADING"

        wait_until(is_loading, "plain/2 is LOADING")
        self.assertEqual(server.end(), 0)
        server.stderr.seek(0)
        self.assertIn("the time to drain is over, and something still runs", server.stderr.read())  # it was not waited for
        _, stderr = loading.communicate(timeout=60)
        self.assertIn("UNAVAILABLE", stderr)
        os.truncate(large / "weights.safetensors", 0)
        stats = replies("log", "stats", "--db", self.folder / "log", "--json")[0]
        self.assertEqual(stats["auctions"], "20")


if __name__ == "__main__":
    unittest.main()
