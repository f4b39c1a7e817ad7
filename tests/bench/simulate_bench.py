#!/usr/bin/env python3
"""Speed and memory of `vickrey simulate`, as the tables of docs/benchmarks.md.

    python3 tests/bench/simulate_bench.py --programs build/release/bin [--rounds 3] [--only parts,threads,grpc,memory]
        [--memory 100000,1000000,10000000]

Trains a `logistic` on a market of 8 candidates first. Every program is a process of its own, run on an otherwise idle
machine; ratios are within one round.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

MARKET = ("--market", "two_segments")
CONFIG = {"model": {"architecture": "logistic"}, "loss": {"loss": "logloss"}, "optimizer": {"batch_auctions": 64, "epochs": 2}}


def spread(ratios):
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


class Bench:
    def __init__(self, programs, folder):
        self.bin, self.folder = programs.resolve(), folder
        # Nothing passes through this process: the memory of a child counts what its parent held when it was started.
        generate = subprocess.Popen([self.bin / "vickrey", "market", "generate", "--scenario", "two_segments", "--auctions", "20000"],
                                    stdout=subprocess.PIPE)
        subprocess.run([self.bin / "vickrey", "log", "append", "--db", folder / "log"], stdin=generate.stdout,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        assert generate.wait() == 0
        snapshot = json.loads(self.run("log", "snapshot", "create", "--db", folder / "log"))["snapshot_id"]
        for number, name in enumerate(("a", "b"), 1):
            (folder / "train.yaml").write_text(json.dumps({**CONFIG, "name": name, "seed": number}))
            self.run("train", "--config", folder / "train.yaml", "--db", folder / "log", "--snapshot", snapshot, "--out",
                     folder / "models")

    def run(self, *args):
        return subprocess.run([self.bin / "vickrey", *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=True).stdout

    def simulate(self, auctions, models, *flags):
        """Seconds of the playing itself, and the greatest resident memory in MB."""
        command = [self.bin / "vickrey-sim", *MARKET, "--first", "20000", "--auctions", auctions, "--models", models, *flags]
        process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL)
        summary = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        assert status == 0, command
        return summary["seconds"]["total"], usage.ru_maxrss / 1024

    def inprocess(self, auctions, models, *flags):
        return self.simulate(auctions, models, "--scorer", "inprocess", "--artifact-root", self.folder / "models", *flags)

    def parts(self, rounds):
        print("| generate | score | settle | accumulate | sum | whole | ratio |\n|---|---|---|---|---|---|---|")
        for _ in range(rounds):
            done = subprocess.run([self.bin / "yardstick/simulate_parts", self.folder / "models", "a@1", "50"], check=True,
                                  capture_output=True)
            t = json.loads(done.stdout)
            accumulate = t["accumulate"] - t["settle"]  # judging settles, too
            total = t["generate"] + t["score"] + t["settle"] + accumulate
            row = [t["generate"], t["score"], t["settle"], accumulate, total, t["whole"]]
            print("| " + " | ".join(f"{x:.0f} ns" for x in row) + f" | {t['whole'] / total:.2f} |", flush=True)

    def threads(self, rounds):
        print("\n| models | one thread | auctions/s | two threads | ratio |\n|---|---|---|---|---|")
        for models in ("a@1", "a@1,b@1"):
            ones, twos, ratios = [], [], []
            for _ in range(rounds):
                one = self.inprocess(1_000_000, models, "--threads", 1)[0]
                two = self.inprocess(1_000_000, models, "--threads", 2)[0]
                ones, twos, ratios = ones + [one], twos + [two], ratios + [one / two]
            one, two = statistics.median(ones), statistics.median(twos)
            print(f"| {models.count(',') + 1} | {one:.2f} s | {1e6 / one:,.0f} | {two:.2f} s | {spread(ratios)} |", flush=True)

    def grpc(self, rounds):
        server = subprocess.Popen([self.bin / "vickrey", "serve", "--address", "127.0.0.1:0", "--artifact-root",
                                   self.folder / "models", "--model", "a/1"], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)
        try:
            address = json.loads(server.stdout.readline())["address"]
            print("\n| in flight | `vickrey load`, auctions/s | `vickrey simulate` | ratio |\n|---|---|---|---|")
            for in_flight in (64, 256):
                loads, plays, ratios = [], [], []
                for _ in range(rounds):
                    load = json.loads(self.run("load", "--address", address, "--model", "a", "--method", "auction", *MARKET,
                                               "--encoded", "--concurrency", in_flight, "--warm-up", 1, "--duration", 5,
                                               "--json"))["rate_reached"]
                    play = 30_000 / self.simulate(30_000, "a@1", "--address", address, "--in-flight", in_flight)[0]
                    loads, plays, ratios = loads + [load], plays + [play], ratios + [play / load]
                print(f"| {in_flight} | {statistics.median(loads):,.0f} | {statistics.median(plays):,.0f} | {spread(ratios)} |", flush=True)
        finally:
            server.kill()
            server.wait()

    def memory(self, sizes):
        print("\n| auctions | two models, summary only | auctions/s | with an outcomes file | its size |\n|---|---|---|---|---|")
        for auctions in sizes:
            seconds, small = self.inprocess(auctions, "a@1,b@1", "--summary", self.folder / "summary.json")
            text = "- | - |"
            if auctions <= 1_000_000:
                outcomes = self.folder / "outcomes.jsonl"
                _, large = self.inprocess(auctions, "a@1,b@1", "--outcomes", outcomes)
                text = f"{large:.0f} MB | {outcomes.stat().st_size / 1e6:,.0f} MB |"
                outcomes.unlink()
            print(f"| {auctions:,} | {small:.0f} MB | {auctions / seconds:,.0f} | {text}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="parts,threads,grpc,memory")
    parser.add_argument("--memory", default="100000,1000000,10000000")
    args = parser.parse_args()
    os.environ["OMP_WAIT_POLICY"] = "passive"
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(args.programs, pathlib.Path(folder))
        for part in args.only.split(","):
            if part == "memory":
                bench.memory([int(size) for size in args.memory.split(",")])
            else:
                getattr(bench, part)(args.rounds)


if __name__ == "__main__":
    main()
