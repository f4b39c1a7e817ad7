#!/usr/bin/env python3
"""A training step of `vickrey train` against PyTorch, in the shape of Criteo's log: ratios within one run.

usage: train_bench.py --programs build/release/bin [--networks mlp,dcn] [--buckets 38461] [--threads 2]
                      [--rounds 5]

13 numbers and 26 categoricals, tables of width 16, 4,096 candidates a step (512 auctions of 8), networks `mlp` 400-400
and `dcn` of 3 whole cross layers beside 400-400, log loss. The same rows on both sides; the names of a categorical are
Zipf-distributed. "1 M buckets a field group" is taken as 26 tables with 1,000,000 rows in all, the default;
`--buckets` N gives each of them N rows. With 1,000,000 each `users` alone takes 7 GB, the others up to 5: measure them
one by one by --variants then.

What is measured, in turns, --rounds times each:

  ours       `vickrey train`, a process of its own on a log imported from those rows: the rate that it reports
  users      PyTorch as users write it: a module of nn.Embedding and nn.Linear, torch.optim.Adam over all of it
  sparse     one merged table with sparse=True and SparseAdam, fused Adam for the dense layers
  row_wise   as fast as eager PyTorch was found to be: a step's distinct rows are looked up, reduced and updated by hand
             with row-wise Adagrad (one number of state a row), fused Adam for the dense layers
  compiled   row_wise with the dense part, forward and backward, under torch.compile; needs a C++ compiler
  gemms      the matrix products alone: of each layer the forward and the two of the backward, into ready memory

PyTorch is flattered: its rows lie in memory as tensors, shuffled, transformed and hashed before; nobody reads, decodes,
checks or gathers them during a step, which is all part of ours. Of ours the median of a round's steps is known, of the
others each step. Where other programs run too, threads that spin while they wait make any step several times slower: start
it with OMP_WAIT_POLICY=passive then, and look at the least of the steps beside their median.

To be run by a Python that has torch of the version of cmake/torch-version.txt, so that both sides multiply with the
same library, and numpy:

  python3 -m venv /tmp/torch && /tmp/torch/bin/pip install torch==$(cat cmake/torch-version.txt) numpy
  /tmp/torch/bin/python tests/bench/train_bench.py --programs build/release/bin
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # else the time to compile is that of the first run only

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

DENSE, TABLES, WIDTH = 13, 26, 16
GROUP, AUCTIONS = 8, 512
BATCH = GROUP * AUCTIONS
INPUTS = 2 * DENSE + TABLES * WIDTH  # every number comes with whether it is missing
HIDDEN = [400, 400]
CROSS_LAYERS = 3
NETWORKS = {"mlp": {"architecture": "mlp", "hidden": HIDDEN},
            "dcn": {"architecture": "dcn", "hidden": HIDDEN, "cross_layers": CROSS_LAYERS, "cross_rank": 0}}
RATE = 1e-3


class Rows:
    """Rows of a log: `clicks` (n), `numbers` (n, 13), where -1 is missing, `names` (n, 26), ranks of a Zipf law."""

    def __init__(self, count, vocabulary, exponent):
        dice = np.random.default_rng(1)
        self.clicks = (dice.random(count) < 0.25).astype(np.int64)
        self.numbers = dice.exponential(50, (count, DENSE)).astype(np.int64)
        self.numbers[dice.random((count, DENSE)) < 0.1] = -1
        law = np.cumsum(np.arange(1, vocabulary + 1, dtype=np.float64) ** -exponent)
        self.names = np.searchsorted(law, dice.random((count, TABLES)) * law[-1]).astype(np.int64)

    def write(self, path):
        """In Criteo's form. The texts are a bijection of the ranks, so that both sides hash as many values."""
        texts = (self.names.astype(np.uint64) * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)
        with open(path, "w") as out:
            for click, numbers, names in zip(self.clicks.tolist(), self.numbers.tolist(), texts.tolist()):
                out.write("\t".join([str(click), *("" if x < 0 else str(x) for x in numbers),
                                     *(f"{name:08x}" for name in names)]) + "\n")

    def batches(self, buckets):
        """A step's (numbers as the network takes them, rows of the merged table, clicks), for each step of an epoch."""
        missing = self.numbers < 0  # becomes log(1 + 0) = 0, and the flag
        ready = np.concatenate([np.log1p(np.maximum(self.numbers, 0)), missing], 1).astype(np.float32)
        with np.errstate(over="ignore"):
            mixed = (self.names + np.arange(TABLES) * 1_000_003 + 1).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
        rows = 1 + ((mixed >> np.uint64(16)) % np.uint64(buckets - 1)).astype(np.int64) + np.arange(TABLES) * buckets
        parts = map(torch.from_numpy, (ready, rows, self.clicks.astype(np.float32)))
        return list(zip(*(part.split(BATCH) for part in parts)))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(INPUTS, HIDDEN[0]), nn.ReLU(), nn.Linear(HIDDEN[0], HIDDEN[1]), nn.ReLU(),
                                    nn.Linear(HIDDEN[1], 1))

    def forward(self, x):
        return self.layers(x).squeeze(1)


class Dcn(nn.Module):
    def __init__(self):
        super().__init__()
        self.cross = nn.ModuleList(nn.Linear(INPUTS, INPUTS) for _ in range(CROSS_LAYERS))
        self.deep = nn.Sequential(nn.Linear(INPUTS, HIDDEN[0]), nn.ReLU(), nn.Linear(HIDDEN[0], HIDDEN[1]), nn.ReLU())
        self.output = nn.Linear(INPUTS + HIDDEN[1], 1)

    def forward(self, x0):
        x = x0
        for layer in self.cross:
            x = x0 * layer(x) + x
        return self.output(torch.cat([x, self.deep(x0)], 1)).squeeze(1)


DENSE_PART = {"mlp": Mlp, "dcn": Dcn}


# Each variant: (network's name, rows of a table) -> a function that trains one step on a batch.


def users(network, buckets):
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embeddings = nn.ModuleList(nn.Embedding(buckets, WIDTH) for _ in range(TABLES))
            self.dense_part = DENSE_PART[network]()

        def forward(self, numbers, ids):
            looked_up = [table(ids[:, k]) for k, table in enumerate(self.embeddings)]
            return self.dense_part(torch.cat([numbers, *looked_up], 1))

    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    first_rows = torch.arange(TABLES) * buckets

    def step(numbers, rows, clicks):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(numbers, rows - first_rows), clicks)
        loss.backward()
        optimizer.step()

    return step


def sparse(network, buckets):
    table = nn.Embedding(TABLES * buckets, WIDTH, sparse=True)
    dense_part = DENSE_PART[network]()
    of_table = torch.optim.SparseAdam(table.parameters(), lr=RATE)
    of_dense_part = torch.optim.Adam(dense_part.parameters(), lr=RATE, fused=True)

    def step(numbers, rows, clicks):
        of_table.zero_grad()
        of_dense_part.zero_grad()
        x = torch.cat([numbers, table(rows).flatten(1)], 1)
        loss = F.binary_cross_entropy_with_logits(dense_part(x), clicks)
        loss.backward()
        of_table.step()
        of_dense_part.step()

    return step


def row_wise(network, buckets, wrap=lambda function: function):
    table = torch.empty(TABLES * buckets, WIDTH).normal_(0, 0.05)
    state = torch.zeros(TABLES * buckets, 1)  # of row-wise Adagrad: the sum of mean squares of a row's gradients
    dense_part = DENSE_PART[network]()
    optimizer = torch.optim.Adam(dense_part.parameters(), lr=RATE, fused=True)

    @wrap
    def loss_of(numbers, looked_up, clicks):
        return F.binary_cross_entropy_with_logits(dense_part(torch.cat([numbers, looked_up.flatten(1)], 1)), clicks)

    def step(numbers, rows, clicks):
        optimizer.zero_grad()
        looked_up = F.embedding(rows, table).requires_grad_()
        loss_of(numbers, looked_up, clicks).backward()
        distinct, place = torch.unique(rows, return_inverse=True)
        gradient = torch.zeros(len(distinct), WIDTH).index_add_(0, place.flatten(), looked_up.grad.view(-1, WIDTH))
        now = state[distinct] + gradient.square().mean(1, keepdim=True)
        state[distinct] = now
        table.index_add_(0, distinct, gradient.mul_(now.sqrt_().add_(1e-8).reciprocal_()), alpha=-RATE)
        optimizer.step()

    return step


def compiled(network, buckets):
    return row_wise(network, buckets, lambda function: torch.compile(function, fullgraph=True, dynamic=False))


def products(network):
    """(inputs, outputs) of each layer."""
    deep = list(zip([INPUTS, *HIDDEN], HIDDEN))
    if network == "mlp":
        return [*deep, (HIDDEN[-1], 1)]
    return [*[(INPUTS, INPUTS)] * CROSS_LAYERS, *deep, (INPUTS + HIDDEN[-1], 1)]


def gemms(network, _):
    layers = []
    for inputs, outputs in products(network):
        x, w, dy = torch.randn(BATCH, inputs), torch.randn(outputs, inputs), torch.randn(BATCH, outputs)
        layers.append((x, w, dy, torch.empty(BATCH, outputs), torch.empty(BATCH, inputs), torch.empty(outputs, inputs)))

    @torch.no_grad()
    def step(*_):
        for x, w, dy, y, dx, dw in layers:
            torch.mm(x, w.t(), out=y)
            torch.mm(dy, w, out=dx)
            torch.mm(dy.t(), x, out=dw)

    return step


PYTORCH = {function.__name__: function for function in (users, sparse, row_wise, compiled, gemms)}


class Ours:
    """`vickrey train` on a log of these rows."""

    def __init__(self, programs, rows, buckets, threads, folder):
        self.vickrey, self.threads, self.folder = programs / "vickrey", threads, folder
        self.steps_per_epoch = len(rows.clicks) // BATCH
        rows.write(folder / "rows.tsv")
        self.run("log", "import", "--db", folder / "db", "--format", "criteo", "--group-size", GROUP, "--encode",
                 folder / "rows.tsv")
        self.snapshot = self.run("log", "snapshot", "create", "--db", folder / "db")[0]["snapshot_id"]
        schema = self.run("features", "schema", "criteo")[0]
        for field in schema["fields"]:
            if field["kind"] == "CATEGORICAL":
                field.update(buckets=buckets, embedding_width=WIDTH)
        (folder / "schema.json").write_text(json.dumps(schema))

    def run(self, *args, lines="stdout"):
        done = subprocess.run([self.vickrey, *map(str, args)], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{args[0]}: {done.stderr}")
        return [json.loads(line) for line in getattr(done, lines).splitlines() if line.startswith("{")]

    def seconds_of_steps(self, network, epochs):
        """The median of the seconds of its steps, as the program tells it, waiting for data and all."""
        config = {"name": "bench", "model": NETWORKS[network], "loss": {"loss": "logloss"}, "threads": self.threads,
                  "data": {"schema": str(self.folder / "schema.json"), "train": 1, "validation": 0},
                  "optimizer": {"learning_rate": RATE, "batch_auctions": AUCTIONS, "epochs": epochs}}
        (self.folder / "config.yaml").write_text(json.dumps(config))
        told = self.run("train", "--config", self.folder / "config.yaml", "--db", self.folder / "db", "--snapshot",
                        self.snapshot, "--out", self.folder / "models")
        shutil.rmtree(self.folder / "models")
        return [told[-1]["speed"]["median_step_seconds"]]


def seconds_of_pytorch(step, batches, seconds):
    """Seconds of each step, after two that are not counted."""
    found, start = [], None
    for k in range(10**9):
        before = time.perf_counter()
        step(*batches[k % len(batches)])
        after = time.perf_counter()
        if k == 1:
            start = after
        if k > 1:
            found.append(after - before)
        if k > 3 and after - start > seconds:
            return found


def measure(network, variants, batches, our_program, flags):
    """variant -> a list of seconds of steps for each round, and seconds that torch.compile took."""
    steps, compile_seconds = {}, None
    for name in variants:
        if name == "ours":
            continue
        torch.manual_seed(1)
        steps[name] = PYTORCH[name](network, flags.buckets)
        start = time.perf_counter()
        steps[name](*batches[0])
        if name == "compiled":
            compile_seconds = time.perf_counter() - start
    epochs = 1
    if "ours" in variants:  # how many epochs fill the time
        step = statistics.median(our_program.seconds_of_steps(network, 1))
        epochs = max(1, round(flags.seconds / step / our_program.steps_per_epoch))
    found = {name: [] for name in variants}
    for k in range(flags.rounds):
        for name in variants:
            found[name].append(our_program.seconds_of_steps(network, epochs) if name == "ours"
                               else seconds_of_pytorch(steps[name], batches, flags.seconds))
            print(f"{network} round {k + 1} {name}: {statistics.median(found[name][-1]) * 1e3:.1f} ms", file=sys.stderr)
    return found, compile_seconds


def summary(network, found, compile_seconds):
    """JSON of one network: quartiles of all steps, ratios of the rounds' medians to ours (above 1: ours is faster)."""
    flops = 6 * BATCH * sum(inputs * outputs for inputs, outputs in products(network))
    result = {"network": network, "gemm_gflop": flops / 1e9, "compile_seconds": compile_seconds, "variants": {}}
    medians = {name: [statistics.median(steps) for steps in rounds] for name, rounds in found.items()}
    for name, rounds in found.items():
        low, middle, high = np.percentile(sum(rounds, []), [25, 50, 75]).tolist()
        entry = {"ms": middle * 1e3, "ms_25": low * 1e3, "ms_75": high * 1e3, "ms_least": min(sum(rounds, [])) * 1e3,
                 "round_ms": [m * 1e3 for m in medians[name]]}
        if "ours" in found:
            entry["ratio_rounds"] = [theirs / own for theirs, own in zip(medians[name], medians["ours"])]
            entry["ratio"] = statistics.median(entry["ratio_rounds"])
        result["variants"][name] = entry
    return result


def table(result):
    print(f"\n{result['network']}: {result['gemm_gflop']:.1f} GFLOP of products a step"
          + (f", compiled in {result['compile_seconds']:.1f} s" if result["compile_seconds"] else ""))
    print("| variant | ms a step | quartiles | least | of ours | the same, of the rounds | steps/s |")
    print("|---|---|---|---|---|---|---|")
    for name, entry in result["variants"].items():
        ratio = (f"{entry['ratio']:.2f} | {min(entry['ratio_rounds']):.2f} to {max(entry['ratio_rounds']):.2f}"
                 if "ratio" in entry else "- | -")
        quartiles = f"{entry['ms_25']:.1f} to {entry['ms_75']:.1f}"
        print(f"| {name} | {entry['ms']:.1f} | {quartiles} | {entry['ms_least']:.1f} | {ratio} | "
              f"{1e3 / entry['ms']:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, help="build/release/bin; without, PyTorch alone")
    parser.add_argument("--networks", default="mlp,dcn")
    parser.add_argument("--variants", default="ours,users,sparse,row_wise,compiled,gemms")
    parser.add_argument("--buckets", type=int, default=1_000_000 // TABLES, help="rows of each table")
    parser.add_argument("--exponent", type=float, default=1.05, help="of the Zipf law")
    parser.add_argument("--batches", type=int, default=48, help="steps of an epoch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8, help="for each variant and round, about")
    parser.add_argument("--folder", help="where the log is written; default: the system's for temporary files")
    parser.add_argument("--json", type=pathlib.Path, help="where the numbers are written")
    flags = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(flags.threads)
    torch.set_num_threads(flags.threads)
    variants = [name for name in flags.variants.split(",") if name != "ours" or flags.programs is not None]
    for name in variants:
        if name != "ours" and name not in PYTORCH:
            parser.error(f"--variants: no '{name}', but ours, {', '.join(PYTORCH)}")

    rows = Rows(flags.batches * BATCH, flags.buckets - 1, flags.exponent)
    batches = rows.batches(flags.buckets)
    distinct = statistics.mean(len(torch.unique(rows_of)) for _, rows_of, _ in batches)
    report = {"torch": torch.__version__, "threads": flags.threads, "buckets": flags.buckets, "batch": BATCH,
              "distinct_rows": distinct, "load_before": os.getloadavg()[0], "networks": []}
    print(f"torch {torch.__version__}, {flags.threads} threads, {TABLES} tables of {flags.buckets} rows; of the "
          f"{BATCH * TABLES} rows that a step reads {distinct:.0f} are distinct; load of the machine before: "
          f"{report['load_before']:.2f}")
    with tempfile.TemporaryDirectory(dir=flags.folder) as folder:
        our_program = None
        if "ours" in variants:
            our_program = Ours(flags.programs.resolve(), rows, flags.buckets, flags.threads, pathlib.Path(folder))
        for network in flags.networks.split(","):
            result = summary(network, *measure(network, variants, batches, our_program, flags))
            report["networks"].append(result)
            table(result)
    if flags.json:
        flags.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
