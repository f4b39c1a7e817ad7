"""Training of forecasters beside PyTorch's, and the time of a whole walk-forward.

usage: forecast_bench.py --programs build/release/bin [--rounds 5] [--seconds 2] [--no-walk]

Steps: 64 windows of 20 returns, forward, gmadl, backward, Adam, one thread, in turns, --rounds times each; of every
round the median step. Ours is the code that `vickrey forecast` trains with, PyTorch's what its users write: nn.LSTM or
nn.TransformerEncoder with nn.Linear, torch.optim.Adam in its fastest form (fused), batches that lie ready in memory.

The walk-forward: 6 windows of a series of 5,000 days (2,000 in sample, 500 validation, 400 out of sample), losses mse,
mae and gmadl, lstm of 32 units over 20 days, 30 epochs, two windows at a time.

To be run by a Python that has torch of the version of cmake/torch-version.txt:

  PYTHONPATH=$(echo .deps/torch-*-py) $(echo .deps/python-*/bin/python) tests/bench/forecast_bench.py --programs build/release/bin
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import torch
from torch import nn

BATCH, WINDOW, STEPS = 64, 20, 16


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(WINDOW, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.layers(x).squeeze(1)


class Lstm(nn.Module):
    def __init__(self, width, layers):
        super().__init__()
        self.lstm, self.output = nn.LSTM(1, width, layers, batch_first=True), nn.Linear(width, 1)

    def forward(self, x):
        return self.output(self.lstm(x)[0][:, -1]).squeeze(1)


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.input, self.positions = nn.Linear(1, 32), nn.Parameter(0.01 * torch.randn(WINDOW, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0, norm_first=True, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(32), enable_nested_tensor=False)
        self.output = nn.Linear(32, 1)

    def forward(self, x):
        return self.output(self.encoder(self.input(x) + self.positions)[:, -1]).squeeze(1)


NETWORKS = {"perceptron": Perceptron, "lstm": lambda: Lstm(32, 1), "lstm_2": lambda: Lstm(64, 2), "transformer": Transformer}


def seconds_of_pytorch(name, seconds):
    """The median of the seconds of a step."""
    torch.manual_seed(1)
    network = NETWORKS[name]()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.003, fused=True)
    batches = [(torch.randn(BATCH, WINDOW, 1), torch.randn(BATCH)) for _ in range(STEPS)]
    found, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds or len(found) < 3 * STEPS:
        windows, returns = batches[len(found) % STEPS]
        before = time.perf_counter()
        optimizer.zero_grad()
        loss = (-(torch.sigmoid(returns * network(windows)) - 0.5) * returns.abs()).mean()
        loss.backward()
        optimizer.step()
        found.append(time.perf_counter() - before)
    return statistics.median(found[STEPS:])


def seconds_of_ours(programs, name, seconds):
    done = subprocess.run([programs / "bench/forecaster_bench", f"--benchmark_filter=BM_Epoch/{name}$", "--benchmark_format=json",
                           f"--benchmark_min_time={seconds / 5}", "--benchmark_repetitions=5"], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    times = [run["real_time"] for run in json.loads(done.stdout)["benchmarks"] if run["run_type"] == "iteration"]
    return statistics.median(times) / 1e3 / STEPS


def steps(flags):
    print("| network | ours, ms a step | PyTorch | ratio | of the rounds |\n|---|---|---|---|---|")
    for name in NETWORKS:
        ours, theirs = [], []
        for _ in range(flags.rounds):
            ours.append(seconds_of_ours(flags.programs, name, flags.seconds))
            theirs.append(seconds_of_pytorch(name, flags.seconds))
        ratios = sorted(b / a for a, b in zip(ours, theirs))
        print(f"| {name} | {statistics.median(ours) * 1e3:.3f} | {statistics.median(theirs) * 1e3:.3f} | "
              f"{statistics.median(ratios):.2f} | {ratios[0]:.2f} to {ratios[-1]:.2f} |", flush=True)


def walk(flags):
    with tempfile.TemporaryDirectory() as folder:
        dice, price, lines = random.Random(1), 100.0, ["Day,Close"]
        for i in range(5000):
            lines.append(f"{1990 + i // 336}-{i // 28 % 12 + 1:02d}-{i % 28 + 1:02d},{price!r}")
            price *= 1 + 0.01 * dice.gauss(0, 1)
        series = pathlib.Path(folder, "prices.csv")
        series.write_text("\n".join(lines) + "\n")
        config = pathlib.Path(folder, "forecast.yaml")
        config.write_text("model: {architecture: lstm}\nloss: {loss: mse}\n"
                          "walk_forward: {in_sample: 2000, validation: 500, out_of_sample: 400}\n")

        def one(job):
            window, loss = job
            return subprocess.run([flags.programs / "vickrey-forecast", "--config", config, "--series", series, "--price", "Close", "--window",
                                   str(window), "--cost", "0.001", "--set", f"loss.loss={loss}"], capture_output=True, check=True).stdout

        jobs = [(window, loss) for loss in ("mse", "mae", "gmadl") for window in range(6)]
        start = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            outputs = list(pool.map(one, jobs))
        seconds = time.perf_counter() - start
        trained = sum(int(json.loads(out.splitlines()[-1])["summary"]["steps"]) for out in outputs)
        print(f"\nwalk-forward: {len(jobs)} trainings, {trained} steps, {seconds:.1f} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True, help="build/release/bin")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of a round, each side")
    parser.add_argument("--no-walk", action="store_true", help="steps alone")
    flags = parser.parse_args()
    torch.set_num_threads(1)
    steps(flags)
    if not flags.no_walk:
        walk(flags)


if __name__ == "__main__":
    main()
