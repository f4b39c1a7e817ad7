"""`vickrey serve` and its clients as their users run them."""

import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

from tool import BIN, Server, error_of, fill, market, replies, trained, vickrey, wait_until

os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin while they wait make a busy machine ten times slower

LOGISTIC = {"name": "plain", "model": {"architecture": "logistic"}, "loss": {"loss": "logloss"}, "optimizer": {"epochs": 2}}
MLP = {**LOGISTIC, "name": "net", "model": {"architecture": "mlp", "hidden": [8]}}


def changed(line, **changes):
    """A copy of an auction with other fields; those of its second candidate begin with `_`."""
    line = json.loads(json.dumps(line))
    for key, value in changes.items():
        if key.startswith("_"):
            line["candidates"][1][key[1:]] = value
        else:
            line[key] = value
    return line


class ServeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.models = pathlib.Path(folder.name, "models")
        db = pathlib.Path(folder.name, "log")
        snapshot = fill(db, market(1000))
        for config in (LOGISTIC, {**LOGISTIC, "seed": 2}, {**LOGISTIC, "seed": 3}, MLP):
            trained(config, db, snapshot, cls.models)
        cls.text = market(200, seed=7)
        cls.lines = [json.loads(line) for line in cls.text.splitlines()]
        cls.server = Server("--artifact-root", cls.models, "--model", "plain/1", "--model", "net/1")
        cls.server.__enter__()
        cls.addClassCleanup(cls.server.__exit__)
        cls.address = cls.server.address

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.db = self.folder / "log"

    def own_root(self):
        return shutil.copytree(self.models, self.folder / "models")

    def serve(self, *flags, root=None):
        server = Server("--artifact-root", root or self.models, *flags)
        server.__enter__()
        self.addCleanup(server.__exit__)
        return server

    def auction(self, server, lines, *flags):
        return replies("auction", "--address", server.address, "--model", "plain", *flags, lines=lines)

    def test_it_says_where_it_listens_and_what_it_holds(self):
        self.assertEqual(self.server.line["models"], ["plain@1", "net@1"])
        self.assertIsNone(self.server.line["log"])
        self.assertRegex(self.address, r"^127\.0\.0\.1:[1-9][0-9]*$")

    def test_health_is_an_exit_code(self):
        self.assertEqual(replies("health", "--address", self.address), [{"address": self.address, "status": "SERVING"}])
        server = self.serve()
        self.assertEqual(vickrey("health", "--address", server.address).returncode, 0)
        self.assertEqual(server.end(), 0)
        gone = vickrey("health", "--address", server.address)
        self.assertEqual((gone.returncode, gone.stdout), (3, ""))
        self.assertIn(f"no server at {server.address}", error_of(gone)["message"])

    def test_a_server_and_an_artifact_predict_the_same_bytes(self):
        for name in ("plain", "net"):
            files = self.folder / "server", self.folder / "artifact"
            files[0].write_text(vickrey("predict", "--address", self.address, "--model", f"{name}@1", text=self.text).stdout)
            files[1].write_text(vickrey("predict", "--artifact", self.models / name / "1", text=self.text).stdout)
            self.assertEqual(len(files[0].read_text().splitlines()), 200)
            self.assertEqual(subprocess.run(["cmp", *files], timeout=60).returncode, 0)

    def test_named_and_encoded_features_predict_the_same_bytes(self):
        encoded = replies("features", "encode", "--schema", "synthetic", text=self.text)
        lines = json.loads(json.dumps(self.lines))
        for line, codes in zip(lines, encoded):
            line.update(context=None, encoded_context=codes["context"])
            for candidate, code in zip(line["candidates"], codes["candidates"]):
                candidate.update(features=None, encoded_features=code)
        for source in (["--address", self.address, "--model", "net"], ["--artifact", self.models / "net/1"]):
            named = vickrey("predict", *source, text=self.text)
            self.assertEqual(named.returncode, 0, named.stderr)
            self.assertEqual(vickrey("predict", *source, lines=lines).stdout, named.stdout)

    def test_an_auction_comes_out_as_eval_auction_says(self):
        for flags in ((), ("--reserve-click-micros", 1000000), ("--reserve-mille-micros", 150000000)):
            outcomes = self.auction(self.server, self.lines, *flags)
            lines = json.loads(json.dumps(self.lines))
            for line, outcome in zip(lines, outcomes):
                self.assertEqual((outcome["model_name"], outcome["model_version"]), ("plain", "1"))
                self.assertEqual(outcome["ad_ids"], [c["ad_id"] for c in line["candidates"]])
                for candidate, pctr in zip(line["candidates"], outcome["pctr"]):
                    candidate["pctr"] = pctr
            sold = 0
            for outcome, expected in zip(outcomes, replies("eval", "auction", *flags, lines=lines), strict=True):
                for key in ("auction_id", "ranking", "placements"):
                    self.assertEqual(outcome[key], expected[key])
                self.assertEqual(outcome["impression_tokens"], [])
                sold += len(outcome["placements"])
            self.assertTrue(sold == 200 if not flags else 0 < sold < 200, sold)

    def test_bad_requests_name_the_field(self):
        good = self.lines[0]
        features = good["candidates"][1]["features"]
        cases = [
            (changed(good, _bid_micros=0), (), "auction.candidates[1].bid.micros"),
            (changed(good, _bid_micros=-1), (), "auction.candidates[1].bid.micros"),
            (changed(good, _bid_micros=10**15 + 1), (), "auction.candidates[1].bid.micros"),
            (changed(good, _value_micros=-1), (), "auction.candidates[1].value_micros"),
            (changed(good, _ad_id="a b"), (), "auction.candidates[1].ad_id"),
            (changed(good, _ad_id=""), (), "auction.candidates[1].ad_id"),
            (changed(good, _advertiser_id="é"), (), "auction.candidates[1].advertiser_id"),
            (changed(good, _features={**features, "zz": 1}), (), "auction.candidates[1].features.zz"),
            (changed(good, _features={**features, "a0": "inf"}), (), "auction.candidates[1].features.a0"),
            (changed(good, _features={**features, "a0": "Infinity"}), (), "auction.candidates[1].features.a0"),
            (changed(good, _features={**features, "a0": 1e39}), (), "auction.candidates[1].features.a0"),
            (changed(good, _features={**features, "a0": ["x"]}), (), "auction.candidates[1].features.a0"),
            (changed(good, context={"a0": 1}), (), "auction.context.a0"),
            (changed(good, auction_id="a b"), (), "auction.auction_id"),
            (changed(good, auction_id=""), (), "auction.auction_id"),
            (changed(good, auction_id="x" * 129), (), "auction.auction_id"),
            (changed(good, currency_code="usd"), (), "auction.currency_code"),
            (changed(good, candidates=[]), (), "auction.candidates"),
            (good, ("--slots", 2), "rules.slots"), (good, ("--slots", -1), "rules.slots"),
            (good, ("--position-multipliers", "1,0.5"), "rules.position_multipliers"),
            (good, ("--reserve-click-micros", 10**15 + 1), "--reserve-click-micros"),
        ]
        for line, flags, field in cases:
            with self.subTest(field, flags=flags):
                done = vickrey("auction", "--address", self.address, "--model", "plain", *flags, lines=[self.lines[1], line])
                error = error_of(done)
                self.assertEqual((done.returncode, error["code"]), (2, "INVALID_ARGUMENT"), error)
                self.assertIn(error["field"], (field, field.removeprefix("auction.").replace(".bid.micros", ".bid_micros")), error)
                if not flags:  # what was right before it is answered
                    self.assertEqual((error["line"], len(done.stdout.splitlines())), ("2", 1))
        for model in ("", "a/b", "plain@", "plain:", "@1", "plain:S table"):
            done = vickrey("predict", "--address", self.address, "--model", model, lines=[good])
            self.assertEqual((done.returncode, done.stdout), (2, ""), model)
        for model in ("nope", "plain@9", "plain:nope"):
            done = vickrey("predict", "--address", self.address, "--model", model, lines=[good])
            self.assertEqual((done.returncode, error_of(done)["code"]), (2, "NOT_FOUND"), model)

    def test_a_logged_auction_is_in_the_log_with_its_outcome(self):
        server = self.serve("--model", "plain/1", "--log", self.db)
        self.assertEqual(server.line["log"], str(self.db))
        outcomes = self.auction(server, self.lines[:20], "--log", "--reserve-mille-micros", 120000000)
        again = self.auction(server, self.lines[:20], "--log", "--reserve-mille-micros", 120000000)
        self.assertEqual(again, outcomes)  # a retry: the same answer, the same token
        other = vickrey("auction", "--address", server.address, "--model", "plain", "--log",
                        lines=[changed(self.lines[3], _bid_micros=77)])
        self.assertEqual((other.returncode, error_of(other)["code"]), (2, "ALREADY_EXISTS"))
        self.assertIn(self.lines[3]["auction_id"], error_of(other)["message"])
        self.assertEqual(vickrey("auction", "--address", server.address, "--model", "plain", "--log",
                                 lines=[changed(self.lines[50], event_time=0)]).returncode, 2)
        self.assertEqual(server.end(), 0)

        scanned = replies("log", "scan", "--db", self.db)
        self.assertEqual([s["auction_id"] for s in scanned], [line["auction_id"] for line in self.lines[:20]])
        sold = [o for o in outcomes if o["placements"]]
        self.assertTrue(0 < len(sold) < 20)
        for line, outcome, kept in zip(self.lines, outcomes, scanned):
            self.assertEqual((kept["model"], kept["schema_id"]), ("plain@1", line["schema_id"]))
            self.assertEqual([c["pctr"] for c in kept["candidates"]], outcome["pctr"])
            self.assertEqual([c["features"] for c in kept["candidates"]], [c["features"] for c in line["candidates"]])
            self.assertEqual(len(outcome["impression_tokens"]), len(outcome["placements"]))
            shown = {p["index"]: p for p in outcome["placements"]}
            for i, candidate in enumerate(kept["candidates"]):
                self.assertEqual(candidate["slot"], 1 if i in shown else 0)
                self.assertEqual(candidate["price_micros"], shown[i]["price_micros"] if i in shown else None)
                self.assertIsNone(candidate["ctr"])  # no server knows it

        click = {"feedback_id": "f", "impression_token": sold[0]["impression_tokens"][0], "kind": "CLICK",
                 "event_time": int(scanned[0]["event_time"]) + 10**6}
        self.assertEqual([f["status"] for f in replies("log", "feedback", "--db", self.db, lines=[click, click])],
                         ["STORED", "DUPLICATE"])
        clicked = {s["auction_id"]: [c["ad_id"] for c in s["candidates"] if c["click"]] for s in
                   replies("log", "scan", "--db", self.db)}
        self.assertEqual({a: ads for a, ads in clicked.items() if ads},
                         {sold[0]["auction_id"]: [sold[0]["placements"][0]["ad_id"]]})

    def test_nothing_that_was_answered_is_lost_by_kill_9(self):
        answered = set()
        dice = random.Random(1)
        for number in range(4):
            server = self.serve("--model", "plain/1", "--log", self.db)
            lines = [{**line, "auction_id": f"{number}-{line['auction_id']}"} for line in self.lines]
            command = [BIN / "vickrey", "auction", "--address", server.address, "--model", "plain", "--log"]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  text=True) as client:
                for line in lines[:dice.randrange(1, 40)]:
                    client.stdin.write(json.dumps(line) + "\n")
                    client.stdin.flush()
                    answered.add(json.loads(client.stdout.readline())["auction_id"])
                server.end(signal.SIGKILL)
                client.kill()
            stored = {line["auction_id"] for line in replies("log", "scan", "--db", self.db)}
            self.assertLessEqual(answered, stored)

    def test_sigterm_finishes_the_calls_under_way(self):
        server = self.serve("--model", "plain/1", "--log", self.db)
        answers = [self.folder / f"{number}.answers" for number in range(4)]
        clients = []
        for number, file in enumerate(answers):
            lines = self.folder / f"{number}.jsonl"
            lines.write_text("".join(json.dumps({**line, "auction_id": f"{number}-{k}-{line['auction_id']}"}) + "\n"
                                     for k in range(200) for line in self.lines[:20]))
            with lines.open() as stdin, file.open("w") as stdout:
                clients.append(subprocess.Popen([BIN / "vickrey", "auction", "--address", server.address, "--model", "plain",
                                                 "--log"], stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, text=True))
        wait_until(lambda: all(file.stat().st_size for file in answers), "all clients at work")
        self.assertEqual(server.end(signal.SIGTERM), 0)
        answered = []
        for file, client in zip(answers, clients):
            error = json.loads(client.communicate(timeout=60)[1].splitlines()[-1])["error"]
            self.assertEqual((client.returncode, error["code"]), (3, "UNAVAILABLE"), error)
            answered += [json.loads(line)["auction_id"] for line in file.read_text().splitlines()]
        # Each call was either answered and kept, or refused and not kept.
        stored = [line["auction_id"] for line in replies("log", "scan", "--db", self.db)]
        self.assertEqual(sorted(stored), sorted(answered))
        self.assertLess(len(stored), 4 * 4000)

    def test_only_one_server_has_a_port_and_a_log(self):
        server = self.serve("--model", "plain/1", "--log", self.db)
        port = vickrey("serve", "--artifact-root", self.models, "--address", server.address)
        self.assertEqual((port.returncode, port.stdout), (3, ""))
        self.assertIn(server.address, error_of(port)["message"])
        log = vickrey("serve", "--artifact-root", self.models, "--address", "127.0.0.1:0", "--log", self.db)
        self.assertEqual((log.returncode, log.stdout), (3, ""))
        self.assertIn(str(self.db), error_of(log)["message"])
        self.assertIn(f"pid {server.process.pid}", error_of(log)["message"])
        self.assertEqual(vickrey("health", "--address", server.address).returncode, 0)

    def test_bad_flags_name_the_flag(self):
        (self.folder / "mine").write_text("mine")
        cases = [
            (("--address", "0.0.0.0:0"), "--address"), (("--address", "[::]:0"), "--address"),
            (("--address", "192.0.2.1:5"), "--address"), (("--address", "127.0.0.1"), "--address"),
            (("--address", "127.0.0.1:70000"), "--address"), (("--model", "plain"), "--model"),
            (("--model", "plain/9"), "--model"), (("--model", "../models/plain/1"), "--model"),
            (("--artifact-root", self.folder / "none"), "--artifact-root"), (("--log", self.folder), "--log"),
            (("--drain-seconds", "-1"), "--drain-seconds"),
        ]
        for flags, field in cases:
            given = {"--address": "127.0.0.1:0", "--artifact-root": self.models, **dict([flags])}
            with self.subTest(flags):
                done = vickrey("serve", *(x for pair in given.items() for x in pair), timeout=20)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertEqual(error_of(done)["field"], field, done.stderr)
        for flags in ([], ["--artifact", self.models / "plain/1", "--address", self.address], ["--address", self.address]):
            self.assertEqual(vickrey("predict", *flags).returncode, 2, flags)

    def test_models_are_registered_listed_and_labelled(self):
        server = self.serve()
        self.assertEqual(replies("models", "list", "--address", server.address), [])
        register = lambda path: replies("models", "register", "--address", server.address, path)[0]
        first = register("plain/1")
        self.assertEqual((first["state"], first["labels"]), ("READY", []))
        local = replies("models", "verify", self.models / "plain/1")[0]
        for key in ("name", "version", "state", "sha256", "architecture", "schema", "provenance"):
            self.assertEqual(first[key], local[key], key)
        self.assertEqual(register("plain/1"), first)  # again is no error
        register("plain/2")
        register("net/1")
        done = vickrey("predict", "--address", server.address, "--model", "plain", lines=self.lines[:1])
        self.assertEqual((done.returncode, error_of(done)["code"]), (2, "NOT_FOUND"))  # nothing is `stable` yet
        label = lambda *args: vickrey("models", "label", "--address", server.address, *args)
        self.assertEqual(label("plain", "stable", 1).returncode, 0)
        self.assertEqual(label("plain", "canary", 2).returncode, 0)
        listed = replies("models", "list", "--address", server.address)
        self.assertEqual([(m["name"], m["version"], m["labels"]) for m in listed],
                         [("net", "1", []), ("plain", "1", ["stable"]), ("plain", "2", ["canary"])])
        self.assertEqual(len(replies("models", "list", "--address", server.address, "--name", "plain")), 2)
        def version(ref):
            return replies("predict", "--address", server.address, "--model", ref, lines=self.lines[:1])[0]["version"]
        self.assertEqual([version(ref) for ref in ("plain", "plain:stable", "plain:canary", "plain@2")], ["1", "1", "2", "2"])
        etag = listed[1]["etag"]
        self.assertEqual(label("plain", "stable", 2, "--etag", etag).returncode, 0)
        self.assertEqual(version("plain"), "2")
        late = label("plain", "stable", 1, "--etag", etag)
        self.assertEqual(error_of(late)["code"], "ABORTED")
        self.assertNotEqual(late.returncode, 0)
        self.assertEqual(version("plain"), "2")
        self.assertEqual(label("plain", "canary").returncode, 0)  # none: it is removed
        self.assertEqual(vickrey("predict", "--address", server.address, "--model", "plain:canary",
                                 lines=self.lines[:1]).returncode, 2)
        for args in (("plain", "stable", 9), ("nope", "stable", 1), ("plain", "No Label", 1)):
            self.assertEqual(label(*args).returncode, 2, args)

    def test_artifacts_are_read_only_from_under_the_root(self):
        root = self.own_root()
        outside = shutil.copytree(root / "plain/1", self.folder / "outside/evil/1")
        (root / "evil").mkdir()
        (root / "evil/1").symlink_to(outside)
        (root / "bad").symlink_to(outside.parent)
        (root / "plain/3/weights.safetensors").unlink()
        (root / "plain/3/weights.safetensors").symlink_to(self.models / "plain/3/weights.safetensors")
        server = self.serve(root=root)
        for path in ("../outside/evil/1", "plain/../../outside", str(outside), str(root / "plain/1"), "plain/..", "../models",
                     "plain/1/../1", "plain", "/", "evil/1", "bad/1", "plain/3"):
            done = vickrey("models", "register", "--address", server.address, path)
            self.assertEqual((done.returncode, error_of(done)["field"]), (2, "path"), path)
            self.assertEqual(done.stdout, "")
        done = vickrey("models", "register", "--address", server.address, "plain/9")
        self.assertEqual((done.returncode, error_of(done)["code"]), (2, "NOT_FOUND"))
        self.assertEqual(replies("models", "list", "--address", server.address), [])

    def test_a_tampered_artifact_is_refused_and_the_others_are_served(self):
        root = self.own_root()
        def flip(data):
            return data[:-2] + bytes([data[-2] ^ 1]) + data[-1:]
        for version, name, change in (("2", "weights.safetensors", flip), ("3", "SHA256SUMS", lambda data: b"")):
            file = root / "plain" / version / name
            file.write_bytes(change(file.read_bytes()))
        server = self.serve("--model", "plain/1", root=root)
        for version in ("2", "3"):
            done = vickrey("models", "register", "--address", server.address, f"plain/{version}")
            self.assertEqual(error_of(done)["code"], "FAILED_PRECONDITION")
            self.assertNotEqual(done.returncode, 0)
            self.assertNotEqual(vickrey("models", "verify", root / "plain" / version).returncode, 0)
        states = {m["version"]: m for m in replies("models", "list", "--address", server.address)}
        self.assertEqual({v: m["state"] for v, m in states.items()}, {"1": "READY", "2": "FAILED", "3": "FAILED"})
        for version in ("2", "3"):
            self.assertIn(f"{version}/SHA256SUMS", states[version]["why"])
        self.assertNotEqual(vickrey("models", "label", "--address", server.address, "plain", "stable", 2).returncode, 0)
        done = vickrey("predict", "--address", server.address, "--model", "plain@2", lines=self.lines[:1])
        self.assertEqual((done.returncode, error_of(done)["code"]), (3, "UNAVAILABLE"))
        self.assertEqual(len(self.auction(server, self.lines)), 200)
        # Mended, it can be registered.
        shutil.rmtree(root / "plain/2")
        shutil.copytree(self.models / "plain/2", root / "plain/2")
        self.assertEqual(replies("models", "register", "--address", server.address, "plain/2")[0]["state"], "READY")
        # One that is held is not replaced by another of the same version.
        shutil.rmtree(root / "plain/1")
        shutil.copytree(self.models / "plain/3", root / "plain/1")
        done = vickrey("models", "register", "--address", server.address, "plain/1")
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(self.auction(server, self.lines[:1]), self.auction(self.server, self.lines[:1]))
        done = vickrey("serve", "--artifact-root", root, "--address", "127.0.0.1:0", "--model", "plain/3", timeout=20)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(error_of(done)["field"], "--model")

    def test_labels_move_under_live_calls_and_no_call_fails(self):
        server = self.serve("--model", "plain/1")
        replies("models", "register", "--address", server.address, "plain/2")
        lines = "".join(json.dumps(line) + "\n" for _ in range(15) for line in self.lines)
        expected = {v: replies("predict", "--artifact", self.models / "plain" / v, text=self.text) for v in ("1", "2", "3")}
        done = []
        clients = [threading.Thread(target=lambda: done.append(vickrey("predict", "--address", server.address, "--model",
                                                                       "plain", text=lines))) for _ in range(3)]
        for client in clients:
            client.start()
        moves, registered = 0, False
        while any(client.is_alive() for client in clients):
            moves += 1
            replies("models", "label", "--address", server.address, "plain", "stable", "21"[moves % 2])
            if moves == 3:
                registered = replies("models", "register", "--address", server.address, "plain/3")[0]["state"] == "READY"
        for client in clients:
            client.join()
        self.assertTrue(registered)
        self.assertGreater(moves, 5)
        seen = set()
        for client in done:
            self.assertEqual((client.returncode, client.stderr), (0, ""))
            answers = [json.loads(line) for line in client.stdout.splitlines()]
            self.assertEqual(len(answers), 3000)
            for k, answer in enumerate(answers):
                seen.add(answer["version"])
                self.assertEqual(answer, expected[answer["version"]][k % 200])
        self.assertEqual(seen, {"1", "2"})


if __name__ == "__main__":
    unittest.main()
