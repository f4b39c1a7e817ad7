#!/usr/bin/env python3
"""A training step of `vickrey train` on a GPU, against what the GPU could do at best.

usage: gpu_bench.py --programs build/cuda/bin [--json FILE]

The shape of Criteo's log as in tests/bench/train_bench.py: 13 numbers, 26 tables of width 16 with 1,000,000 rows in all,
`mlp` 400-400 and `dcn`, log loss. The bound of a step is the greater of

  bytes / copy rate     tables: each distinct row of the batch and its two moments, read and written; activations: each
                        layer's output written, read by the next and by the backward pass, its gradient written and read;
                        dense parameters: 7 passes of Adam
  FLOP / matrix rate    6 for each weight and candidate

with the rates that LibTorch reaches on this machine: a copy within the GPU (bytes read and written), and the product of
two square matrices of 8192 of the step's precision. To be run by a Python that has torch with CUDA, and numpy.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))

import torch

import train_bench as bench

BUCKETS = 1_000_000 // bench.TABLES
FEW, MANY = 512, 8192  # auctions of 8 candidates in a batch


def seconds_of(f, repeats=20):
    for _ in range(3):
        f()
    torch.cuda.synchronize()
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        f()
        torch.cuda.synchronize()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def rates():
    """Bytes a second of a copy, FLOP a second of a product by precision."""
    source = torch.empty(1 << 28, device="cuda")
    target = torch.empty_like(source)
    found = {"copy": 2 * source.nbytes / seconds_of(lambda: target.copy_(source))}
    del source, target
    size = 8192
    for name, kind in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        a, b = (torch.randn(size, size, device="cuda").to(kind) for _ in range(2))
        out = torch.empty_like(a)
        found[name] = 2 * size**3 / seconds_of(lambda: torch.mm(a, b, out=out))
    return found


def bound(network, candidates, distinct, precision, rate):
    layers = bench.products(network)
    weights = sum(inputs * outputs for inputs, outputs in layers)
    width = bench.INPUTS + sum(outputs for _, outputs in layers)
    size = 6 * 4 * bench.WIDTH * distinct + 5 * 4 * candidates * width + 7 * 4 * weights
    flop = 6 * candidates * weights
    return max(size / rate["copy"], flop / rate[precision]), size, flop


class Ours(bench.Ours):
    def run(self, *args, lines="stdout"):
        program = self.vickrey.parent / f"vickrey-{args[0]}"
        done = subprocess.run([program, *map(str, args[1:])], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{args[0]}: {done.stderr}")
        return [json.loads(line) for line in getattr(done, lines).splitlines() if line.startswith("{")]

    def speed(self, network, auctions, steps, device, precision="float32", tables="adam", threads=4):
        steps_per_epoch = max(1, self.auctions // auctions)
        config = {"name": "bench", "model": bench.NETWORKS[network], "loss": {"loss": "logloss"}, "threads": threads,
                  "device": device, "precision": precision,
                  "data": {"schema": str(self.folder / "schema.json"), "train": 1, "validation": 0},
                  "optimizer": {"learning_rate": bench.RATE, "batch_auctions": auctions, "tables": tables,
                                "epochs": max(1, steps // steps_per_epoch)}}
        (self.folder / "config.yaml").write_text(json.dumps(config))
        return self.run("train", "--config", self.folder / "config.yaml", "--db", self.folder / "db", "--snapshot",
                        self.snapshot, "--out", self.folder / "models")[-1]["speed"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--json", type=pathlib.Path)
    flags = parser.parse_args()
    rate = rates()
    report = {"gpu": torch.cuda.get_device_name(), "torch": torch.__version__, "rates": rate, "steps": []}
    print(f"{report['gpu']}, torch {torch.__version__}: copy {rate['copy'] / 1e12:.2f} TB/s, products "
          f"{rate['float32'] / 1e12:.0f} (float32), {rate['bfloat16'] / 1e12:.0f} (bfloat16) TFLOP/s")
    rows = bench.Rows(8 * MANY * bench.GROUP, BUCKETS - 1, 1.05)
    distinct = {size: len(torch.unique(rows_of_batch(rows, size))) for size in (FEW, MANY)}
    print("| network | candidates | precision | tables | ms a step | candidates/s | waiting | bound ms | of the bound |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(flags.programs.resolve(), rows, BUCKETS, 4, pathlib.Path(folder))
        ours.auctions = len(rows.clicks) // bench.GROUP
        for network in ("mlp", "dcn"):
            for size, steps in ((FEW, 384), (MANY, 48)):
                for precision, tables in (("float32", "adam"), ("bfloat16", "adam"), ("bfloat16", "rowwise_adagrad")):
                    speed = ours.speed(network, size, steps, "cuda", precision, tables)
                    candidates = size * bench.GROUP
                    least, _, _ = bound(network, candidates, distinct[size], precision, rate)
                    seconds = speed["median_step_seconds"]
                    waiting = speed["waiting_seconds"] / speed["seconds"]
                    report["steps"].append({"network": network, "candidates": candidates, "precision": precision,
                                            "tables": tables, "bound": least, **speed})
                    print(f"| {network} | {candidates} | {precision} | {tables} | {seconds * 1e3:.2f} | "
                          f"{candidates / seconds:,.0f} | {waiting:.0%} | {least * 1e3:.3f} | {seconds / least:.1f} |",
                          flush=True)
        speed = ours.speed("mlp", FEW, 96, "cpu", threads=os.cpu_count())
        print(f"mlp on {os.cpu_count()} threads of the CPU: {speed['median_step_seconds'] * 1e3:.2f} ms a step of "
              f"{FEW * bench.GROUP} candidates")
        report["cpu"] = speed
    if flags.json:
        flags.json.write_text(json.dumps(report, indent=1) + "\n")


def rows_of_batch(rows, size):
    """Rows of the merged table that some batch of so many auctions reads."""
    count = size * bench.GROUP
    return torch.cat([batch[1] for batch in rows.batches(BUCKETS)[:count // bench.BATCH]])


if __name__ == "__main__":
    main()
