"""What a server tells about itself: metrics, health and the lines on stderr, as those who look after it read them."""

import hashlib
import json
import os
import pathlib
import queue
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import grpc

from tool import BIN, ROOT, Server, error_of, replies, vickrey, wait_until

DEPLOY = ROOT / "deploy"


def get(address, path):
    """Status and body of an answer over HTTP."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()


def samples(text):
    """The numbers of an exposition by `name{labels}`."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert name not in found, f"twice: {line}"
            found[name] = float(value)
    return found


def said(server):
    """What a server has written to stderr so far; reading moves no offset of its own."""
    return os.pread(server.stderr.fileno(), 1 << 24, 0).decode()


def auctions(count, prefix):
    return [{"auction_id": f"{prefix}{i}", "event_time": 1704067200000000 + i, "currency_code": "USD", "candidates": [
        {"ad_id": ad, "bid_micros": 1000000, "features": {"x": x, "k": ad}} for ad, x in (("a", -3.0), ("b", -4.0), ("c", 0.5))]}
            for i in range(count)]


def call(address, method, request=b"", **metadata):
    """A unary call with bytes that need no generated code; its status."""
    with grpc.insecure_channel(address) as channel:
        try:
            channel.unary_unary(f"/vickrey.v1.{method}")(request, metadata=[(k.replace("_", "-"), v) for k, v in metadata.items()],
                                                         timeout=30)
            return "OK"
        except grpc.RpcError as error:
            return error.code().name


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.models = pathlib.Path(folder.name)
        subprocess.run([BIN / "yardstick/write_artifact", cls.models], check=True)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def with_two_versions(self):
        """A folder of this test's own, with written/2 beside written/1."""
        shutil.copytree(self.models, self.folder / "models")
        self.models = self.folder / "models"
        model = json.loads((self.models / "written/1/model.json").read_text())
        second = {key: model[key] for key in ("name", "spec", "schema", "calibration")} | {"version": "2"}
        (self.folder / "second.json").write_text(json.dumps(second))
        subprocess.run([BIN / "yardstick/write_artifact", self.models, self.folder / "second.json"], check=True)

    def serve(self, *flags):
        server = Server("--artifact-root", self.models, "--model", "written/1", *flags)
        server.__enter__()
        self.addCleanup(server.__exit__)
        return server

    def metrics_of(self, server):
        status, text = get(server.line["metrics_address"], "/metrics")
        self.assertEqual(status, 200)
        return samples(text)

    def run_auctions(self, server, count, prefix):
        """Runs and logs auctions, and reports a click on every second ad that was shown."""
        outcomes = replies("auction", "--address", server.address, "--model", "written", "--log", lines=auctions(count, prefix))
        clicks = [{"feedback_id": f"{outcome['auction_id']}-click", "impression_token": outcome["impression_tokens"][0],
                   "kind": "CLICK", "event_time": 1704067300000000} for outcome in outcomes[::2]]
        replies("log", "feedback", "--address", server.address, lines=clicks)
        return outcomes


class TelemetryTest(Case):
    def test_metrics_are_off_unless_asked_for_and_stay_on_this_machine(self):
        self.assertIsNone(self.serve().line["metrics_address"])
        server = self.serve("--metrics-address", "127.0.0.1:0")
        taken = server.line["metrics_address"]
        for address, code, field in (("0.0.0.0:0", 2, "--metrics-address"), ("127.0.0.1", 2, "--metrics-address"),
                                     (taken, 3, None)):
            done = vickrey("serve", "--artifact-root", self.models, "--address", "127.0.0.1:0", "--metrics-address", address,
                           timeout=20)
            self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
            self.assertEqual(error_of(done)["field"], field, done.stderr)
        self.assertIn(taken, error_of(done)["message"])
        everywhere = self.serve("--metrics-address", "0.0.0.0:0", "--insecure").line["metrics_address"]
        self.assertEqual(get(everywhere, "/healthz")[0], 200)
        for path in ("/", "/metric", "/metrics/x", "/healthz2", "/../etc/passwd"):
            self.assertEqual(get(taken, path)[0], 404, path)

    def test_shadows_are_counted_and_told_of(self):
        self.with_two_versions()
        server = self.serve("--metrics-address", "127.0.0.1:0", "--stderr-format", "json", "--stderr-shadows")
        self.assertFalse([name for name in self.metrics_of(server) if "shadow" in name])
        replies("models", "register", "--address", server.address, "written/2")
        replies("models", "label", "--address", server.address, "written", "shadow", "2")
        lines = auctions(30, "s")
        answers = replies("predict", "--address", server.address, "--model", "written", lines=lines)
        self.assertEqual({answer["version"] for answer in answers}, {"1"})
        others = replies("predict", "--address", server.address, "--model", "written@2", lines=lines)
        name = 'vickrey_shadow_auctions_total{model="written@2",outcome="%s"}'
        wait_until(lambda: self.metrics_of(server).get(name % "scored") == 30, "the shadow has caught up")
        numbers = self.metrics_of(server)
        self.assertEqual((numbers[name % "dropped"], numbers[name % "failed"]), (0, 0))
        one = [pctr for answer in answers for pctr in answer["pctr"]]
        two = [pctr for answer in others for pctr in answer["pctr"]]
        for name, expected in (("candidates", 90), ("pctr", sum(two)), ("answered_pctr", sum(one)),
                               ("absolute_difference", sum(abs(a - b) for a, b in zip(one, two)))):
            self.assertAlmostEqual(numbers['vickrey_shadow_%s_total{model="written@2"}' % name], expected, delta=1e-4)
        self.assertGreater(sum(abs(a - b) for a, b in zip(one, two)), .1)
        self.assertEqual(server.end(), 0)
        told = [line for line in map(json.loads, said(server).splitlines()) if line["event"] == "shadow"]
        self.assertEqual([(line["about"], line["model"], line["pctr"], line["answered"]) for line in told],
                         [(a["auction_id"], "written@2", b["pctr"], a["pctr"]) for a, b in zip(answers, others)])

    def test_it_is_not_ready_while_models_load(self):
        fields = [{"name": "x", "side": "AD", "kind": "CATEGORICAL", "buckets": 3000000, "embedding_width": 16}]
        (self.folder / "large.json").write_text(json.dumps({
            "name": "large", "version": "1", "spec": {"architecture": "mlp", "hidden": [2]}, "schema": {"fields": fields},
            "calibration": {"multiplier": 1}}))
        subprocess.run([BIN / "yardstick/write_artifact", self.folder, self.folder / "large.json"], check=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = "127.0.0.1:%d" % free.getsockname()[1]
        server = Server("--artifact-root", self.folder, "--model", "large/1", "--metrics-address", address)
        seen = []
        started = threading.Event()
        def watch():
            while not started.is_set():
                try:
                    seen.append((get(address, "/readyz"), get(address, "/healthz")[0]))
                except OSError:
                    pass  # it does not listen yet
        watching = threading.Thread(target=watch)
        watching.start()
        try:
            server.__enter__()
        finally:
            started.set()
            watching.join()
        self.addCleanup(server.__exit__)
        self.assertIn(((503, "it starts or drains\n"), 200), seen)
        # No 503 comes after a 200, and whoever reads the line on stdout finds it ready.
        self.assertEqual([answer[0][0] for answer in seen], sorted((answer[0][0] for answer in seen), reverse=True))
        self.assertEqual(get(address, "/readyz"), (200, "ok\n"))

    def test_metrics_count_what_was_done(self):
        server = self.serve("--metrics-address", "127.0.0.1:0", "--log", self.folder / "log")
        outcomes = self.run_auctions(server, 40, "a")
        replies("predict", "--address", server.address, "--model", "written", lines=auctions(10, "p"))
        for name in ("nobody", "x" * 100, "evil\n{}"):
            self.assertEqual(call(server.address, "PredictionService/Predict", b"\n%c\n%c%s" % (len(name) + 2, len(name), name.encode())),
                             "NOT_FOUND" if name != "evil\n{}" else "INVALID_ARGUMENT")
        vickrey("models", "register", "--address", server.address, "written/2")
        found = self.metrics_of(server)
        of = lambda method, code: found[f'vickrey_calls_total{{method="{method}",code="{code}"}}']
        self.assertEqual(of("AuctionService.RunAuction", "OK"), 40)
        self.assertEqual(of("PredictionService.Predict", "OK"), 10)
        self.assertEqual(of("PredictionService.Predict", "NOT_FOUND"), 2)
        self.assertEqual(of("PredictionService.Predict", "INVALID_ARGUMENT"), 1)
        self.assertEqual(found['vickrey_calls_in_flight{method="AuctionService.RunAuction"}'], 0)
        self.assertEqual(found['vickrey_candidates_scored_total{model="written@1"}'], 150)
        took = 'vickrey_call_duration_seconds_%s{method="AuctionService.RunAuction",model="written@1"%s}'
        self.assertEqual(found[took % ("count", "")], 40)
        self.assertEqual(found[took % ("bucket", ',le="+Inf"')], 40)
        self.assertGreater(found[took % ("sum", "")], 0)
        self.assertEqual({m for name in found for m in re.findall(r'model="([^"]*)"', name)}, {"", "written@1"})
        self.assertEqual(found['vickrey_model_versions{state="READY"}'], 1)
        self.assertEqual(found['vickrey_log_records_total{kind="auction",status="stored"}'], 40)
        self.assertEqual(found['vickrey_log_records_total{kind="feedback",status="stored"}'], 20)
        self.assertGreater(found['vickrey_log_bytes_total{kind="auction"}'], 40 * 50)
        self.assertGreater(found["vickrey_log_sync_duration_seconds_count"], 1)
        self.assertEqual(found['vickrey_model_impressions_total{model="written@1"}'], 40)
        self.assertEqual(found['vickrey_model_clicks_total{model="written@1"}'], 20)
        expected = sum(outcome["pctr"][outcome["placements"][0]["index"]] for outcome in outcomes)
        self.assertAlmostEqual(found['vickrey_model_expected_clicks_total{model="written@1"}'], expected)
        self.assertEqual(found["vickrey_log_unattributed_clicks_total"], 0)
        self.assertEqual(found["vickrey_ready"], 1)
        pid_start = found["process_start_time_seconds"]
        self.assertLess(abs(pid_start - time.time()), 300)

    def test_a_model_that_cannot_be_loaded_is_counted(self):
        root = self.folder / "models"
        shutil.copytree(self.models, root)
        shutil.copytree(root / "written/1", root / "written/2")  # the wrong name
        server = Server("--artifact-root", root, "--metrics-address", "127.0.0.1:0")
        with server:
            self.assertEqual(get(server.line["metrics_address"], "/readyz")[0], 200)  # no model was asked for
            self.assertNotEqual(vickrey("models", "register", "--address", server.address, "written/2").returncode, 0)
            found = self.metrics_of(server)
        self.assertEqual(found['vickrey_model_versions{state="FAILED"}'], 1)
        self.assertEqual(found["vickrey_model_load_failures_total"], 1)
        self.assertEqual(found["vickrey_model_load_duration_seconds_count"], 1)

    def test_a_server_that_drains_is_healthy_but_not_ready(self):
        server = self.serve("--metrics-address", "127.0.0.1:0", "--log", self.folder / "log", "--drain-seconds", "20")
        address = server.line["metrics_address"]
        self.assertEqual((get(address, "/healthz")[0], get(address, "/readyz")[0]), (200, 200))
        channel = grpc.insecure_channel(server.address)
        requests = queue.Queue()
        stream = channel.stream_stream("/vickrey.v1.ImpressionLogService/AppendFeedback")(iter(requests.get, None))
        flying = 'vickrey_calls_in_flight{method="ImpressionLogService.AppendFeedback"}'
        wait_until(lambda: self.metrics_of(server).get(flying) == 1, "the stream is open")
        server.process.terminate()
        wait_until(lambda: get(address, "/readyz")[0] == 503, "it is not ready", seconds=10)
        self.assertEqual(get(address, "/healthz")[0], 200)
        self.assertEqual(self.metrics_of(server)["vickrey_ready"], 0)
        requests.put(None)
        list(stream)
        self.assertEqual(server.process.wait(timeout=30), 0)
        channel.close()

    def test_lines_on_stderr(self):
        tokens = self.folder / "tokens.json"
        digest = hashlib.sha256(b"secret").hexdigest()
        tokens.write_text(json.dumps({"tokens": [{"name": "alice", "sha256": digest, "roles": ["administer", "predict"]}]}))
        server = self.serve("--stderr-format", "json", "--tokens", tokens, "--slow-call-seconds", "3600")
        alice = {"authorization": "Bearer secret"}
        label = b"\x0a\x07written\x12\x06canary\x1a\x011"
        self.assertEqual(call(server.address, "ModelService/SetModelLabel", label, x_request_id="admin-1", **alice), "OK")
        self.assertEqual(call(server.address, "PredictionService/Predict", x_request_id="bad-1", **alice), "INVALID_ARGUMENT")
        self.assertEqual(call(server.address, "PredictionService/Predict", x_request_id="nobody-1"), "UNAUTHENTICATED")
        self.assertEqual(call(server.address, "ModelService/RegisterModel", b"\n\x09written/7", x_request_id="no-7", **alice),
                         "NOT_FOUND")
        self.assertEqual(server.end(), 0)
        lines = [json.loads(line) for line in said(server).splitlines()]
        self.assertEqual([line["event"] for line in lines], ["load", "start", "admin", "call", "call", "admin", "drain", "end"])
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        admin, bad, nobody, missing = lines[2:6]
        self.assertEqual({**admin, "time": "", "took_seconds": 0}, {
            "time": "", "level": "INFO", "event": "admin", "method": "ModelService.SetModelLabel", "code": "OK",
            "request_id": "admin-1", "caller": "alice", "model": "", "about": "written:canary -> 1", "took_seconds": 0,
            "message": ""})
        self.assertEqual([bad[key] for key in ("level", "method", "code", "request_id", "caller")],
                         ["WARNING", "PredictionService.Predict", "INVALID_ARGUMENT", "bad-1", "alice"])
        self.assertIn("model.name", bad["message"])
        self.assertGreater(bad["took_seconds"], 0)
        self.assertEqual([nobody[key] for key in ("code", "request_id", "caller")], ["UNAUTHENTICATED", "nobody-1", ""])
        self.assertEqual([missing[key] for key in ("code", "request_id", "about")], ["NOT_FOUND", "no-7", "written/7"])
        self.assertNotIn("secret", said(server))

    def test_what_is_said_is_chosen_by_flags(self):
        def events(*flags):
            if "--slow-call-seconds" not in flags:
                flags = (*flags, "--slow-call-seconds", "3600")  # a busy machine may make any call slow
            server = self.serve(*flags)
            replies("auction", "--address", server.address, "--model", "written", lines=auctions(1, "a"))
            self.assertEqual(call(server.address, "PredictionService/Predict"), "INVALID_ARGUMENT")
            self.assertEqual(server.end(), 0)
            return [line.split()[2] for line in said(server).splitlines()]
        self.assertEqual(events(), ["load", "start", "call", "drain", "end"])
        self.assertEqual(events("--stderr-calls"), ["load", "start", "call", "call", "drain", "end"])
        self.assertEqual(events("--slow-call-seconds", "0"), ["load", "start", "slow", "call", "drain", "end"])
        self.assertEqual(events("--stderr-level", "warning"), ["call"])
        self.assertEqual(events("--stderr-level", "off", "--stderr-calls"), [])
        done = vickrey("serve", "--artifact-root", self.models, "--stderr-format", "xml", timeout=20)
        self.assertEqual((done.returncode, error_of(done)["field"]), (2, "--stderr-format"))


class PrometheusTest(Case):
    """The files of deploy/, with Prometheus itself."""

    @classmethod
    def setUpClass(cls):
        if not (shutil.which("prometheus") and shutil.which("promtool")):
            raise unittest.SkipTest("no prometheus or no promtool on the PATH: ./dev setup installs them")
        super().setUpClass()

    def prometheus(self, target):
        """Starts one that scrapes `target` each second, as deploy/prometheus.yml says otherwise; its address."""
        config = (DEPLOY / "prometheus.yml").read_text()
        for old, new in (("15s", "1s"), ("localhost:9464", target), ("prometheus.rules.yml", str(DEPLOY / "prometheus.rules.yml"))):
            self.assertIn(old, config)
            config = config.replace(old, new)
        (self.folder / "prometheus.yml").write_text(config)
        log = self.folder / "prometheus.log"
        with open(log, "w") as stderr:
            process = subprocess.Popen(["prometheus", f"--config.file={self.folder}/prometheus.yml",
                                        f"--storage.tsdb.path={self.folder}/data", "--web.listen-address=127.0.0.1:0"],
                                       stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, cwd=self.folder)
        def end():
            process.kill()
            process.wait()
        self.addCleanup(end)
        listening = re.compile(r'msg="Listening on" address=(127\.0\.0\.1:[1-9]\d*)')
        def address():
            self.assertIsNone(process.poll(), log.read_text())
            return listening.search(log.read_text())
        wait_until(address, "Prometheus listens")
        wait_until(lambda: get(address().group(1), "/-/ready")[0] == 200, "Prometheus is ready")
        return address().group(1)

    def ask(self, prometheus, path, **parameters):
        text = get(prometheus, f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")[1]
        answer = json.loads(text)
        self.assertEqual(answer["status"], "success", (parameters, text))
        return answer["data"]

    def test_the_files_are_sound(self):
        for args in (("check", "config", DEPLOY / "prometheus.yml"), ("check", "rules", DEPLOY / "prometheus.rules.yml"),
                     ("test", "rules", ROOT / "tests/e2e/prometheus_rules_test.yml")):
            done = subprocess.run(["promtool", *args], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        # promtool reads names and help of metrics as their users do.
        server = self.serve("--metrics-address", "127.0.0.1:0", "--log", self.folder / "log")
        self.run_auctions(server, 2, "a")
        text = get(server.line["metrics_address"], "/metrics")[1]
        documented = (ROOT / "docs/telemetry.md").read_text()
        for name in re.findall(r"^# TYPE (\S+)", text, re.MULTILINE):
            self.assertIn(f"`{name}`", documented)
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_every_query_of_the_dashboard_has_data(self):
        self.with_two_versions()
        server = self.serve("--metrics-address", "127.0.0.1:0", "--log", self.folder / "log")
        prometheus = self.prometheus(server.line["metrics_address"])
        replies("models", "register", "--address", server.address, "written/2")
        stop = threading.Event()
        def traffic():
            for round in range(1000):
                if stop.is_set():
                    return
                self.run_auctions(server, 20, f"r{round}-")
                call(server.address, "PredictionService/Predict")
                replies("models", "register", "--address", server.address, "written/1")
                replies("models", "label", "--address", server.address, "written", "shadow", "2")
        busy = threading.Thread(target=traffic)
        busy.start()
        self.addCleanup(busy.join)
        self.addCleanup(stop.set)

        dashboard = json.loads((DEPLOY / "grafana/vickrey.json").read_text())
        self.assertEqual({v["name"] for v in dashboard["templating"]["list"]}, {"datasource", "job", "instance", "model", "window"})
        values = {"$__rate_interval": "10s", "$window": "1m", "$job": "vickrey", "$instance": ".*", "$model": ".*"}
        def query(text):
            for name, value in values.items():
                text = text.replace(name, value)
            self.assertNotIn("$", text)
            return text
        queries = [query(target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", [])]
        self.assertGreater(len(queries), 25)
        rules = self.ask(prometheus, "rules")["groups"]
        queries += [rule["query"] for group in rules for rule in group["rules"] if rule["type"] == "recording"]
        queries += [rule["name"] for group in rules for rule in group["rules"] if rule["type"] == "recording"]
        # An alert that compares has nothing to show as long as all is well; what it looks at must be there.
        alerts = [rule for group in rules for rule in group["rules"] if rule["type"] == "alerting"]
        queries += sorted({name for rule in alerts for name in re.findall(r"(?:vickrey|process)[a-z0-9_:]*_[a-z0-9_:]+", rule["query"])})
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                queries.append(query(re.fullmatch(r"label_values\((.*), \w+\)", variable["definition"]).group(1)))

        def good(text):
            result = self.ask(prometheus, "query", query=text)["result"]
            return result and all(series["value"][1] not in ("NaN", "+Inf", "-Inf") for series in result)
        missing = queries
        def all_good():
            nonlocal missing
            missing = [text for text in missing if not good(text)]
            return not missing
        try:
            wait_until(all_good, "every query has data", seconds=60)
        except AssertionError as error:
            raise AssertionError("no data:\n" + "\n".join(missing)) from error
        def healthy():
            rules = [rule for group in self.ask(prometheus, "rules")["groups"] for rule in group["rules"]]
            return all(rule["health"] == "ok" for rule in rules)
        wait_until(healthy, "every rule was evaluated", seconds=20)
        self.assertEqual([alert["labels"] for alert in self.ask(prometheus, "alerts")["alerts"]
                          if alert["labels"]["alertname"] != "VickreyModelMiscalibrated"], [])


if __name__ == "__main__":
    unittest.main()
