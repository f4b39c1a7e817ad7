#!/usr/bin/env python3
"""The server beside its yardsticks: real processes on free ports of loopback, loads by `vickrey load`.

usage: server_bench.py --programs build/release/bin [--parts logistic,mlp,...] [--rounds 5] [--seconds 10] [--quick]
                       [--json FILE]

What is compared is measured in turns, and ratios are those within a round; the table has their median and the worst.
Generator and servers share the machine's cores, on both sides of a ratio. Installs grpcio, onnxruntime, onnx and numpy
into a virtual environment under .deps, once. `--quick` is to see that it works: its numbers mean nothing.

  logistic  Predict, 32 candidates x 39 features, against an empty RPC of the same bytes (echo_server): named and encoded
  mlp       Predict of 429-400-400-1 against what the empty RPC and bare matrix products (scorer_bench) come to
  latency   percentiles at half of the capacity, gaps drawn (Poisson)
  log       RunAuction, logged against not logged at the same rate
  swap      Predict while a model of 16 MiB is replaced every second, against at rest
  overload  ten times the capacity: those that were answered, the others by code, the server's memory
  memory    the server's memory over 200 replacements
  start     from the start of the process to its first answer
  python    the same models behind grpcio and ONNX Runtime in Python (onnx_server.py)
"""

import argparse
import contextlib
import json
import math
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ["grpcio==1.85.3", "onnxruntime==1.32.0", "onnx==1.23.0", "numpy==2.4.0", "protobuf==7.36.2"]
ENVIRONMENT = ROOT / ".deps" / "server-bench"
NUMBERS, NAMES, CANDIDATES = 13, 26, 32
SWAP_BUCKETS = (16 << 20) // 4 // NAMES  # a logistic model whose tables have 16 MiB
SERVICES = ["auction", "model", "prediction"]


def run_inside_environment():
    python = ENVIRONMENT / "bin" / "python"
    if pathlib.Path(sys.prefix) == ENVIRONMENT:
        return
    if not (ENVIRONMENT / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (ENVIRONMENT / "complete").touch()
    os.execv(python, [python, *sys.argv])


def model_file(name, version, architecture, buckets, width=16):
    fields = [{"name": f"I{i + 1}", "side": "AD", "kind": "DENSE", "transform": "SIGNED_LOG1P"} for i in range(NUMBERS)]
    fields += [{"name": f"C{i + 1}", "side": "AD", "kind": "CATEGORICAL", "buckets": buckets, "embedding_width": width}
               for i in range(NAMES)]
    spec = {"architecture": architecture, "hidden": [400, 400] if architecture == "mlp" else []}
    return {"name": name, "version": str(version), "spec": spec, "schema": {"fields": fields}, "calibration": {"multiplier": 1}}


def auctions(count):
    """In the form of Criteo's log: counts, and names of eight hexadecimal digits by a law with a long tail."""
    dice = random.Random(1)
    for k in range(count):
        ads = []
        for i in range(CANDIDATES):
            features = {f"I{n + 1}": int(math.exp(dice.gauss(2, 2))) for n in range(NUMBERS)}
            features |= {f"C{n + 1}": f"{hash((n, int(dice.paretovariate(.4)) % 10**6)) & 0xffffffff:08x}" for n in range(NAMES)}
            ads.append({"ad_id": f"ad{dice.randrange(10**6)}", "bid_micros": dice.randrange(10**5, 10**7), "features": features})
        yield {"auction_id": f"a{k}", "event_time": 1704067200000000 + k * 1000000, "currency_code": "USD", "context": {},
               "candidates": ads}


class Process:
    """A server that says its address in a line of JSON."""

    def __init__(self, *command):
        self.begin = time.monotonic()
        self.process = subprocess.Popen([*map(str, command)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.address = json.loads(self.process.stdout.readline())["address"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(timeout=30)
        finally:
            self.process.kill()
            self.process.stdout.close()

    def rss(self):
        """MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


class Models:
    """Registers and labels versions on a server, without a process for each call."""

    def __init__(self, bench, address):
        import grpc

        self.bench = bench
        self.channel = grpc.insecure_channel(address)

    def call(self, method, **fields):
        request = self.bench.message(f"vickrey.v1.{method}Request")(**fields)
        call = self.channel.unary_unary(f"/vickrey.v1.ModelService/{method}",
                                        request_serializer=lambda message: message.SerializeToString(),
                                        response_deserializer=self.bench.message(f"vickrey.v1.{method}Response").FromString)
        return call(request, timeout=60)

    def swap(self, name, version, drop=None):
        """Registers a version and moves the label; then deletes `drop`, where the server can."""
        self.call("RegisterModel", path=f"{name}/{version}")
        self.call("SetModelLabel", name=name, label="stable", version=str(version))
        if drop is not None and self.can_delete():
            self.call("DeleteModel", name=name, version=str(drop))

    def can_delete(self):
        return "DeleteModel" in self.bench.pool.FindServiceByName("vickrey.v1.ModelService").methods_by_name


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.bin = options.programs.resolve()
        self.folder = pathlib.Path(folder)
        self.models = self.folder / "models"
        self.models.mkdir()
        self.rows = []
        self.make_messages()
        self.texts = self.make_texts(20 if options.quick else 200)
        self.write("logistic", 1, "logistic", 65536)
        self.write("mlp", 1, "mlp", 1000)

    # What is made before anything is measured.

    def make_messages(self):
        from google.protobuf import descriptor_pb2, descriptor_pool

        self.descriptors = self.folder / "descriptors"
        subprocess.run(["protoc", f"-I{ROOT / 'proto'}", "--include_imports", f"--descriptor_set_out={self.descriptors}",
                        *(f"vickrey/v1/{name}_service.proto" for name in SERVICES)], check=True)
        self.pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(self.descriptors.read_bytes()).file:
            self.pool.Add(file)

    def message(self, name):
        from google.protobuf import message_factory

        return message_factory.GetMessageClass(self.pool.FindMessageTypeByName(name))

    def make_texts(self, count):
        lines = list(auctions(count))
        named = "".join(json.dumps(line) + "\n" for line in lines)
        codes = subprocess.run([self.bin / "vickrey-features", "encode", "--schema", "criteo"], input=named, text=True,
                               check=True, capture_output=True).stdout.splitlines()
        for line, code in zip(lines, map(json.loads, codes), strict=True):
            line.update(context=None, encoded_context=code["context"], schema_id=code["schema_id"])
            for candidate, features in zip(line["candidates"], code["candidates"], strict=True):
                candidate.update(features=None, encoded_features=features)
        return {"named": named, "encoded": "".join(json.dumps(line) + "\n" for line in lines)}

    def write(self, name, version, architecture, buckets):
        file = self.folder / "model.json"
        file.write_text(json.dumps(model_file(name, version, architecture, buckets)))
        subprocess.run([self.bin / "yardstick" / "write_artifact", self.models, file], check=True)

    # What is started and measured.

    def server(self, *flags):
        return Process(self.bin / "vickrey-server", "--artifact-root", self.models, "--address", "127.0.0.1:0", *flags)

    def echo(self, answer_bytes):
        return Process(self.bin / "yardstick" / "echo_server", "--answer-bytes", round(answer_bytes))

    def load(self, server, model, *flags, form="encoded", seconds=None):
        command = [self.bin / "vickrey-load", "--address", server.address, "--model", model, "--json", "--warm-up",
                   .2 if self.options.quick else 1, "--duration", seconds or self.options.seconds, "--connections", 2, *flags]
        done = subprocess.run([*map(str, command)], input=self.texts[form], text=True, capture_output=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        line = json.loads(done.stdout)
        return {**line, "sent": int(line["sent"]), "ok": int(line["ok"]), "unsent": int(line["unsent"]),
                "errors": {code: int(count) for code, count in line["errors"].items()}}

    def closed(self, server, model, **kwargs):
        return self.load(server, model, "--concurrency", self.options.concurrency, **kwargs)

    def capacity(self, server, model, *flags):
        return statistics.median(
            self.load(server, model, "--concurrency", self.options.concurrency, *flags)["rate_reached"]
            for _ in range(min(3, self.options.rounds)))

    def rounds(self):
        return range(self.options.rounds)

    # goal: (">=" or "<=", limit) of the median.
    def report(self, part, what, values, goal=None, unit=""):
        values = values if isinstance(values, list) else [values]
        median = statistics.median(values)
        worst = None
        met = None
        if goal:
            worst = min(values) if goal[0] == ">=" else max(values)
            met = median >= goal[1] if goal[0] == ">=" else median <= goal[1]
        self.rows.append({"part": part, "what": what, "median": median, "worst": worst, "values": values, "unit": unit,
                          "goal": f"{goal[0]} {goal[1]}" if goal else None, "met": met})
        print(f"{part}: {what}: {median:.4g} {unit}", file=sys.stderr)

    def part_logistic(self):
        for form in ("named", "encoded"):
            with self.server("--model", "logistic/1") as ours:
                first = self.closed(ours, "logistic", form=form, seconds=.3)
                with self.echo(first["answer_bytes"]) as echo:
                    lines = [(self.closed(ours, "logistic", form=form), self.closed(echo, "logistic", form=form))
                             for _ in self.rounds()]
            pairs = [(a["rate_reached"], b["rate_reached"]) for a, b in lines]
            size = f"{first['request_bytes']:.0f} bytes asked, {first['answer_bytes']:.0f} answered"
            self.report("logistic", f"Predict, {form} ({size})", [a for a, _ in pairs], unit="calls/s")
            self.report("logistic", f"empty RPC, {form}", [b for _, b in pairs], unit="calls/s")
            self.report("logistic", f"the generator's processor time a call, {form}",
                        [1e6 * b["cpu_seconds"] / b["sent"] for _, b in lines], unit="us")
            self.report("logistic", f"Predict / empty RPC, {form}", [a / b for a, b in pairs], (">=", .7))

    def bare_products(self):
        """Seconds of the three products of the mlp for an auction, on one core: the faster of oneDNN and MKL."""
        done = subprocess.run([self.bin / "bench" / "scorer_bench", "--benchmark_filter=^ProductsOf(OneDnn|Mkl)/32$",
                               "--benchmark_format=json", f"--benchmark_min_time={.02 if self.options.quick else .3}"],
                              check=True, capture_output=True)
        return min(result["real_time"] for result in json.loads(done.stdout)["benchmarks"]) / 1e9

    def part_mlp(self):
        cores = len(os.sched_getaffinity(0))
        ours_rates, ratios, bare = [], [], []
        with self.server("--model", "mlp/1") as ours:
            first = self.closed(ours, "mlp", seconds=.3)
            with self.echo(first["answer_bytes"]) as echo:
                for _ in self.rounds():
                    ours_rates.append(self.closed(ours, "mlp")["rate_reached"])
                    empty = self.closed(echo, "mlp")["rate_reached"]
                    bare.append(self.bare_products())
                    ratios.append(ours_rates[-1] * (1 / empty + bare[-1] / cores))
        self.report("mlp", "Predict, 429-400-400-1, encoded", ours_rates, unit="calls/s")
        self.report("mlp", "bare products of an auction", [1e6 * seconds for seconds in bare], unit="us")
        self.report("mlp", "Predict / what empty RPC and bare products come to", ratios, (">=", .7))

    def part_latency(self):
        for model in ("logistic", "mlp"):
            with self.server("--model", f"{model}/1") as server:
                rate = self.capacity(server, model) / 2
                lines = [self.load(server, model, "--rate", rate, "--poisson", "--seed", k) for k in self.rounds()]
            for key in ("p50_ms", "p99_ms", "p99_9_ms"):
                self.report("latency", f"{model}, {key[:-3].replace('_', '.')} at {rate:.0f} calls/s", [line[key] for line in lines], unit="ms")

    def part_log(self):
        with self.server("--model", "logistic/1", "--log", self.folder / "log") as server:
            rate = self.capacity(server, "logistic", "--method", "auction", "--log") / 2
            flags = ("--method", "auction", "--rate", rate, "--poisson")
            pairs = [(self.load(server, "logistic", *flags, "--seed", k, "--log"),
                      self.load(server, "logistic", *flags, "--seed", k)) for k in self.rounds()]
        for name, k in (("logged", 0), ("not logged", 1)):
            self.report("log", f"RunAuction, {name}, p99 at {rate:.0f} calls/s", [pair[k]["p99_ms"] for pair in pairs], unit="ms")
        self.report("log", "p99 logged / not logged", [a["p99_ms"] / b["p99_ms"] for a, b in pairs], ("<=", 1.2))

    @contextlib.contextmanager
    def swapping(self, server, versions):
        """Meanwhile a version is registered and labelled every second."""
        done, failures, models = threading.Event(), [], Models(self, server.address)

        def go():
            last = None
            while not done.wait(.5 if self.options.quick else 1):
                version = next(versions, None)
                if version is None:
                    failures.append("there were too few versions")
                    return
                try:
                    models.swap("big", version, drop=last)
                    last = version
                except Exception as error:  # told when the measurement is over
                    failures.append(error)

        thread = threading.Thread(target=go)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
        if failures:
            raise RuntimeError(failures[0])

    def part_swap(self):
        with self.server("--model", "logistic/1") as server:
            rate = self.capacity(server, "logistic") / 2
        seconds = max(self.options.seconds, 0 if self.options.quick else 200_000 / rate / self.options.rounds)
        count = math.ceil((seconds + 3) * (2 if self.options.quick else 1)) * self.options.rounds
        for version in range(count + 1):
            self.write("big", version, "logistic", SWAP_BUCKETS)
        pairs = []
        with self.server("--model", "big/0") as server:
            versions = iter(range(1, count + 1))
            for k in self.rounds():
                flags = ("--rate", rate, "--poisson", "--seed", k)
                rest = self.load(server, "big", *flags, seconds=seconds)
                with self.swapping(server, versions):
                    pairs.append((self.load(server, "big", *flags, seconds=seconds), rest))
        self.report("swap", f"p99 while 16 MiB are replaced every second, at {rate:.0f} calls/s", [a["p99_ms"] for a, _ in pairs], unit="ms")
        self.report("swap", "p99 at rest", [b["p99_ms"] for _, b in pairs], unit="ms")
        self.report("swap", "p99 replaced / at rest", [a["p99_ms"] / b["p99_ms"] for a, b in pairs], ("<=", 1.5))
        self.report("swap", "versions that answered", sum(len(a["versions"]) for a, _ in pairs))
        self.report("swap", "calls while replaced", sum(a["sent"] for a, _ in pairs))
        self.report("swap", "of them failed or unsent", sum(a["sent"] - a["ok"] + a["unsent"] for a, _ in pairs), ("<=", 0))

    def part_overload(self):
        with self.server("--model", "mlp/1") as server:
            rate = self.capacity(server, "mlp")
            before = server.rss()
            line = self.load(server, "mlp", "--rate", 10 * rate, "--poisson", "--max-outstanding", 20000, "--deadline", 2000)
            after = server.rss()
        self.report("overload", "capacity", rate, unit="calls/s")
        self.report("overload", "offered, asked for", 10 * rate, unit="calls/s")
        self.report("overload", "offered, sent", line["sent"] / (self.options.seconds + 1e-3 * line["max_lag_ms"]), unit="calls/s")
        self.report("overload", "answered", line["rate_reached"], unit="calls/s")
        self.report("overload", "p99 of those, from when they were due", line["p99_ms"] or math.nan, unit="ms")
        self.report("overload", "lag of the generator, part of it, at most", line["max_lag_ms"], unit="ms")
        self.report("overload", "unsent: 20,000 under way", line["unsent"], unit="calls")
        for code, count in sorted(line["errors"].items()):
            self.report("overload", code, count, unit="calls")
        self.report("overload", "memory before", before, unit="MiB")
        self.report("overload", "memory after", after, unit="MiB")

    def part_memory(self):
        swaps, each = (8, 2) if self.options.quick else (200, 20)
        for version in range(swaps + 1):
            self.write("small", version, "logistic", 65536)
        with self.server("--model", "small/0") as server:
            models, curve = Models(self, server.address), []
            # Where versions cannot be deleted they stay, so that labels move between four.
            name = (lambda k: k) if models.can_delete() else (lambda k: k % 4)
            for k in range(1, swaps + 1):
                models.swap("small", name(k), drop=k - 1)
                if k % each == 0:
                    self.load(server, "small", "--concurrency", 4, seconds=.2)
                    curve.append(server.rss())
        how = "deleted after" if models.can_delete() else "four versions, as none can be deleted"
        for k, rss in enumerate(curve):
            self.report("memory", f"after {(k + 1) * each} replacements of 6.5 MiB ({how})", rss, unit="MiB")
        half = curve[len(curve) // 2:]
        self.report("memory", "growth in the second half", half[-1] / half[0], ("<=", 1.05))

    def part_start(self):
        import grpc

        self.write("start", 1, "logistic", SWAP_BUCKETS)
        for what, flags in (("no model", ()), ("16 MiB", ("--model", "start/1")), ("mlp", ("--model", "mlp/1"))):
            times = []
            for _ in self.rounds():
                with self.server(*flags) as server, grpc.insecure_channel(server.address) as channel:
                    # A health check of the server as a whole is an empty message; SERVING is field 1 with value 1.
                    answer = channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=20, wait_for_ready=True)
                    assert answer == b"\x08\x01", answer
                    times.append(1e3 * (time.monotonic() - server.begin))
            self.report("start", f"from the start to SERVING, {what}", times, unit="ms")

    def part_python(self):
        for model, buckets in (("logistic", 65536), ("mlp", 1000)):
            with self.server("--model", f"{model}/1") as ours, \
                 Process(sys.executable, ROOT / "tests/bench/onnx_server.py", model, self.descriptors, "--buckets", buckets) as python:
                pairs = [(self.closed(ours, model)["rate_reached"], self.closed(python, model)["rate_reached"]) for _ in self.rounds()]
            self.report("python", f"{model}, grpcio and ONNX Runtime", [b for _, b in pairs], unit="calls/s")
            self.report("python", f"{model}, ours / that", [a / b for a, b in pairs], (">=", 5))


PARTS = [name.removeprefix("part_") for name in vars(Bench) if name.startswith("part_")]


def table(rows):
    print("| part | what | median | worst | goal |\n|---|---|---|---|---|")
    for row in rows:
        worst = "" if row["worst"] is None else f"{row['worst']:.4g}"
        verdict = "" if row["met"] is None else f"{row['goal']} {'met' if row['met'] else 'NOT met'}"
        print(f"| {row['part']} | {row['what']} | {row['median']:.4g} {row['unit']} | {worst} | {verdict} |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--parts", default=",".join(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=10, help="of each load")
    parser.add_argument("--concurrency", type=int, default=16, help="of the closed loops")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    options = parser.parse_args()
    parts = options.parts.split(",")
    if not set(parts) <= set(PARTS):
        parser.error(f"--parts: known are {','.join(PARTS)}")
    run_inside_environment()
    if options.quick:
        options.rounds, options.seconds = 2, .5
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, folder)
        try:
            for part in parts:
                getattr(bench, f"part_{part}")()
        finally:
            table(bench.rows)
            if options.json:
                options.json.write_text(json.dumps({"quick": options.quick, "rounds": options.rounds, "seconds": options.seconds,
                                                    "cores": len(os.sched_getaffinity(0)), "rows": bench.rows}, indent=1))


if __name__ == "__main__":
    main()
