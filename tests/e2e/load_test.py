"""`vickrey load` against real servers: what it counts, what it says, how it ends."""

import json
import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

from tool import BIN, Server, error_of, fill, market, replies, vickrey

YARDSTICK = BIN / "yardstick"


def write_model(folder, name, version, schema):
    """A logistic model of a scenario's features, of random weights."""
    file = pathlib.Path(folder, f"{name}-{version}.json")
    file.write_text(json.dumps({"name": name, "version": version, "spec": {"architecture": "logistic"}, "schema": schema,
                                "calibration": {"multiplier": 1}}))
    subprocess.run([YARDSTICK / "write_artifact", pathlib.Path(folder, "models"), file], check=True, timeout=60)


class LoadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        schema = replies("market", "schema", "--scenario", "two_segments")[0]
        for version in ("1", "2"):
            write_model(cls.folder, "net", version, schema)
        cls.server = cls.class_server()

    @classmethod
    def class_server(cls):
        server = Server("--artifact-root", cls.folder / "models", "--model", "net/1")
        server.__enter__()
        cls.addClassCleanup(server.__exit__)
        return server

    def serve(self, *flags):
        server = Server("--artifact-root", self.folder / "models", "--model", "net/1", *flags)
        server.__enter__()
        self.addCleanup(server.__exit__)
        return server

    def command(self, *flags, server=None, address=None, model="net", source=("--market", "two_segments")):
        return ["load", "--address", address or (server or self.server).address, "--model", model, *source, *map(str, flags)]

    def load(self, *flags, code=0, text=None, **kwargs):
        """The line that a load came to, looked over."""
        done = vickrey(*self.command(*flags, **kwargs), text=text)
        self.assertEqual(done.returncode, code, done.stderr)
        return self.looked_over(json.loads(done.stdout))

    def looked_over(self, line):
        number = {key: int(line[key]) for key in ("sent", "ok", "unsent", "uncounted")}
        self.assertEqual(number["sent"], number["ok"] + sum(int(n) for n in line["errors"].values()))
        self.assertEqual(sum(int(n) for n in line["versions"].values()), number["ok"])
        self.assertGreaterEqual(number["uncounted"], 1)
        percentiles = [line[key] for key in ("p50_ms", "p90_ms", "p99_ms", "p99_9_ms", "p99_99_ms", "max_ms")]
        if number["ok"] > 0:
            self.assertEqual(percentiles, sorted(percentiles))
            self.assertGreater(percentiles[0], 0)
            self.assertTrue(0 < line["mean_ms"] <= line["max_ms"])
            self.assertAlmostEqual(line["rate_reached"], number["ok"] / line["seconds"])
            self.assertGreater(line["answer_bytes"], 0)
        else:
            self.assertEqual(percentiles, [None] * 6)
        return {**line, **number}

    def starts(self, *flags, **kwargs):
        """A load that runs on while the test goes on."""
        process = subprocess.Popen([BIN / "vickrey", *self.command(*flags, **kwargs)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait, 60)
        self.addCleanup(process.kill)
        while True:  # the first report says that it is under way
            line = process.stderr.readline()
            self.assertTrue(line, "it ended before it said how far it is")
            if int(json.loads(line)["progress"]["done"]) > 0:
                return process

    def ends(self, process, code=0):
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, code, err)
        return self.looked_over(json.loads(out))

    def test_a_closed_loop_counts_every_call(self):
        line = self.load("--concurrency", 4, "--connections", 3, "--calls", 500)
        self.assertEqual((line["sent"], line["ok"], line["errors"], line["unsent"]), (500, 500, {}, 0))
        self.assertEqual((line["method"], line["model"], line["versions"]), ("predict", "net", {"1": "500"}))
        self.assertEqual((line["concurrency"], line["connections"]), (4, 3))
        self.assertIsNone(line["rate_asked"])
        self.assertEqual(line["uncounted"], 1)
        self.assertFalse(line["interrupted"])

    def test_an_open_loop_sends_what_is_due_whatever_the_clock(self):
        line = self.load("--rate", 200, "--duration", 1)
        self.assertEqual((line["sent"], line["rate_asked"], line["concurrency"]), (200, 200, None))
        self.assertGreaterEqual(line["seconds"], 1)
        self.assertEqual(self.load("--rate", 500, "--calls", 50)["sent"], 50)
        drawn = [self.load("--rate", 200, "--poisson", "--duration", 1, "--seed", seed)["sent"] for seed in (1, 1, 2, 3)]
        self.assertEqual(drawn[0], drawn[1])
        self.assertGreater(len(set(drawn)), 1)

    def test_the_warm_up_is_not_counted(self):
        # A rate that grows from 0 to 200 in a second: 100 calls, and one before the clock starts.
        line = self.load("--rate", 200, "--warm-up", 1, "--calls", 60)
        self.assertEqual(line["sent"], 60)
        self.assertAlmostEqual(line["uncounted"], 101, delta=1)
        line = self.load("--concurrency", 2, "--warm-up", 0.3, "--calls", 60)
        self.assertEqual(line["sent"], 60)
        self.assertGreater(line["uncounted"], 1)

    def test_what_could_not_be_sent_is_said(self):
        line = self.load("--rate", 20000, "--duration", 0.5, "--max-outstanding", 1)
        self.assertEqual(line["sent"] + line["unsent"], 10000)
        self.assertGreater(line["unsent"], 0)
        self.load("--rate", 20000, "--duration", 0.5, "--max-outstanding", 1, "--max-errors", 0, code=1)

    def test_what_waits_in_the_generator_is_part_of_the_latency(self):
        process = self.starts("--rate", 200, "--duration", 5)
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        subprocess.run(["sleep", "1"], check=True)
        process.send_signal(signal.SIGCONT)
        line = self.ends(process)
        self.assertEqual(line["sent"], 1000)  # all that were due meanwhile
        # A fifth of the calls waited for .5 s in the mean, and every tenth for more than .5 s.
        self.assertGreater(line["max_lag_ms"], 900)
        self.assertGreater(line["max_ms"], 900)
        self.assertGreater(line["p90_ms"], 300)

    def test_a_server_that_stands_still_is_not_spared(self):
        server = self.serve()
        process = self.starts("--rate", 200, "--duration", 5, server=server)
        server.process.send_signal(signal.SIGSTOP)
        subprocess.run(["sleep", "1"], check=True)
        server.process.send_signal(signal.SIGCONT)
        line = self.ends(process)
        self.assertEqual((line["sent"], line["errors"]), (1000, {}))
        self.assertGreater(line["p90_ms"], 300)

    def test_a_call_ends_at_its_deadline(self):
        server = self.serve()
        process = self.starts("--rate", 200, "--duration", 4, "--deadline", 200, server=server)
        server.process.send_signal(signal.SIGSTOP)
        subprocess.run(["sleep", "1"], check=True)
        server.process.send_signal(signal.SIGCONT)
        line = self.ends(process)
        self.assertEqual(set(line["errors"]), {"DEADLINE_EXCEEDED"})
        self.assertEqual(line["sent"], 800)

    def test_auctions_are_logged_under_ids_of_their_own(self):
        db = self.folder / "served"
        server = self.serve("--log", db)
        lines = [self.load("--method", "auction", "--log", "--concurrency", 8, "--calls", 300, "--requests", 7, server=server),
                 self.load("--method", "auction", "--log", "--rate", 300, "--calls", 100, server=server)]
        self.assertEqual([line["ok"] for line in lines], [300, 100])
        self.assertEqual(lines[0]["versions"], {"1": "300"})
        plain = self.load("--method", "auction", "--concurrency", 1, "--calls", 20, server=server)
        self.assertEqual(plain["ok"], 20)
        self.assertEqual(server.end(), 0)
        stats = replies("log", "stats", "--db", db)[0]
        self.assertEqual(int(stats["auctions"]), sum(line["ok"] + line["uncounted"] for line in lines))

    def test_auctions_are_run_by_the_rules_asked_for(self):
        db, file = self.folder / "ruled", self.folder / "placements.yaml"
        file.write_text("placements:\n- {name: top, mechanism: vcg, slots: 2, position_multipliers: [1, 0.5]}\n")
        server = self.serve("--log", db, "--placements", file)
        flags = ("--method", "auction", "--log", "--concurrency", 1, "--calls", 20, "--candidates", 8)
        self.load(*flags, "--mechanism", "gsp", "--slots", 3, "--position-multipliers", "1,0.7,0.2",
                  "--reserve-click-micros", 7, server=server)
        self.load(*flags, "--placement", "top", server=server)
        self.load(*flags, server=server)
        refused = vickrey(*self.command(*flags, "--placement", "side", server=server))
        self.assertEqual((refused.returncode, error_of(refused)["code"]), (2, "NOT_FOUND"))
        self.assertEqual(server.end(), 0)
        seen = {}
        for line in replies("log", "scan", "--db", db):
            shown = tuple(c["examination"] for c in sorted(line["candidates"], key=lambda c: c["slot"]) if c["slot"])
            rules = (shown, line["reserve_click_micros"])
            seen[rules] = seen.get(rules, 0) + 1
        # 20 and the one before the clock starts; fewer slots are sold where a candidate has no score.
        self.assertEqual(seen, {((1, .7, .2), "7"): 21, ((1, .5), None): 21, ((1,), None): 21})

    def test_requests_come_from_a_market_a_log_or_stdin(self):
        text = market(20)
        snapshot = fill(self.folder / "log", text)
        flags = ("--concurrency", 1, "--calls", 20)
        size = self.load(*flags)["request_bytes"]
        from_log = self.load(*flags, source=("--db", self.folder / "log", "--snapshot", snapshot))
        from_stdin = self.load(*flags, source=(), text=text)
        # One and the same auctions; the one before the clock starts is the first.
        self.assertEqual(from_log["request_bytes"], from_stdin["request_bytes"])
        self.assertAlmostEqual(from_stdin["request_bytes"] / size, 1, delta=.1)
        self.assertLess(self.load(*flags, "--encoded")["request_bytes"], size)
        eight, many = (self.load("--concurrency", 1, "--calls", 200, "--candidates", n)["request_bytes"] for n in ("8", "80"))
        self.assertGreater(many, 8 * eight)
        mixed = self.load("--concurrency", 1, "--calls", 200, "--candidates", "8,80")["request_bytes"]
        self.assertTrue(1.5 * eight < mixed < .9 * many, (eight, mixed, many))

    def test_versions_are_counted_as_they_answer(self):
        server = self.serve()
        replies("models", "register", "--address", server.address, "net/2")
        process = self.starts("--rate", 200, "--duration", 5, server=server)
        replies("models", "label", "--address", server.address, "net", "stable", "2")
        line = self.ends(process)
        self.assertEqual(set(line["versions"]), {"1", "2"})
        self.assertEqual(line["errors"], {})

    def test_a_killed_server_is_errors_and_no_end(self):
        for flags in (("--rate", 200), ("--concurrency", 2, "--connections", 2)):
            server = self.serve()
            process = self.starts(*flags, "--duration", 4, "--max-errors", 0, server=server)
            server.process.kill()
            line = self.ends(process, code=1)
            self.assertGreater(int(line["errors"]["UNAVAILABLE"]), 0)
            self.assertGreater(line["ok"], 0)

    def test_what_has_to_be_met_is_an_exit_code(self):
        flags = ("--concurrency", 1, "--calls", 50)
        self.load(*flags, "--max-p99", 60000, "--max-errors", 0)
        self.load(*flags, "--max-p99", 0.0001, code=1)

    def test_a_signal_ends_it_with_what_was_done(self):
        for flags in (("--rate", 100), ("--concurrency", 2)):
            process = self.starts(*flags, "--duration", 1000)
            process.send_signal(signal.SIGINT)
            line = self.ends(process, code=4)
            self.assertTrue(line["interrupted"])
            self.assertGreater(line["ok"], 0)
            self.assertEqual(line["errors"], {})

    def test_the_percentiles_are_written_for_hdr_histograms_tools(self):
        file = self.folder / "latency.hgrm"
        line = self.load("--concurrency", 2, "--calls", 300, "--histogram", file)
        rows = [row.split() for row in file.read_text().splitlines() if row and row.strip()[0].isdigit()]
        self.assertEqual([float(rows[-1][0]), float(rows[-1][1]), int(rows[-1][2])], [round(line["max_ms"], 3), 1, 300])
        self.assertEqual([float(row[0]) for row in rows], sorted(float(row[0]) for row in rows))
        median = next(float(row[0]) for row in rows if float(row[1]) == .5)
        self.assertAlmostEqual(median, line["p50_ms"], delta=.001)

    def test_bad_input_is_named(self):
        closed = ("--concurrency", 1, "--calls", 1)
        cases = [(("--calls", 1), "--rate"),
                 (("--concurrency", 1, "--rate", 1, "--calls", 1), "--rate"),
                 (("--concurrency", 1), "--duration"),
                 ((*closed, "--poisson"), "--poisson"),
                 ((*closed, "--log"), "--log"),
                 ((*closed, "--slots", 2), "--slots"),
                 ((*closed, "--placement", "top"), "--placement"),
                 ((*closed, "--method", "auction", "--mechanism", "dance"), "--mechanism"),
                 ((*closed, "--method", "dance"), "--method"),
                 ((*closed, "--candidates", "8,0"), "--candidates"),
                 ((*closed, "--snapshot", "x"), "--db"),
                 ((*closed, "--connections", 0), "--connections"),
                 (("--rate", "nan", "--calls", 1), "--rate"),
                 (("--rate", 0, "--calls", 1), "--rate")]
        for flags, field in cases:
            done = vickrey(*self.command(*flags))
            self.assertEqual((done.returncode, done.stdout, error_of(done)["field"]), (2, "", field), flags)
        done = vickrey(*self.command(*closed, source=()), text="")
        self.assertEqual((done.returncode, error_of(done)["code"]), (2, "INVALID_ARGUMENT"))
        done = vickrey(*self.command(*closed, source=()), text=market(1) + '{"auction_id":7}\n')
        self.assertEqual((done.returncode, error_of(done)["line"]), (2, "2"))
        done = vickrey(*self.command(*closed, source=("--market", "dance")))
        self.assertEqual(done.returncode, 2)

    def test_a_request_that_the_server_refuses_ends_it_before_it_starts(self):
        done = vickrey(*self.command("--concurrency", 1, "--calls", 1, model="net@7"))
        self.assertEqual((done.returncode, error_of(done)["code"]), (2, "NOT_FOUND"))
        done = vickrey(*self.command("--concurrency", 1, "--calls", 1, source=("--market", "thin_tower")))
        self.assertEqual((done.returncode, error_of(done)["code"]), (2, "INVALID_ARGUMENT"))
        self.assertIn("auction.", error_of(done)["message"])

    def test_no_server_is_an_error_of_the_environment(self):
        server = self.serve()
        self.assertEqual(server.end(), 0)
        done = vickrey(*self.command("--concurrency", 1, "--calls", 1, server=server))
        self.assertEqual((done.returncode, done.stdout), (3, ""))
        self.assertIn(f"no server at {server.address}", error_of(done)["message"])

    def test_other_machines_are_not_put_under_load_by_accident(self):
        port = self.server.address.rsplit(":", 1)[1]
        flags = ("--concurrency", 1, "--calls", 5)
        for host in ("0.0.0.0", "10.1.2.3", "127.0.0.1.example.com", "[::]"):
            done = vickrey(*self.command(*flags, address=f"{host}:{port}"))
            self.assertEqual((done.returncode, error_of(done)["field"]), (2, "--address"), host)
        self.assertEqual(self.load(*flags, "--yes-i-own-this-server", address=f"0.0.0.0:{port}")["ok"], 5)


if __name__ == "__main__":
    unittest.main()
