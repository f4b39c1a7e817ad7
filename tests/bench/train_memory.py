#!/usr/bin/env python3
"""The memory that `vickrey train` takes, which must not grow with the log.

usage: train_memory.py --programs build/release/bin [--auctions 10000,1000000] [--judged 1000]
                       [--scenario hash_collisions] [--folder /tmp]

Makes a log of each size and trains on it for one epoch of log loss:

  encode     a logistic model where nothing is there yet: first the data is written as training reads it
  logistic   the same again, when the data is there
  mlp        a network of 64-32 on it, too

An evaluation holds a number for each candidate that it judges: --judged is evaluation.auctions, of which the least log
has as many, so that what is left of a difference is the log's. Each run is a process of its own. `peak` is the most
memory it ever held (ru_maxrss); `at encode` what that was when the data was written (VmHWM): of it up to 32 MiB are
RocksDB's cache of blocks, which a small log does not fill. `encode s` is how long the two passes over the log took,
`train s` the steps. Log and data are deleted afterwards. Prints a table, then a line of JSON.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

MODELS = {"encode": {"architecture": "logistic"}, "logistic": {"architecture": "logistic"},
          "mlp": {"architecture": "mlp", "hidden": [64, 32]}}


def make_log(programs, scenario, auctions, db):
    """The id of a snapshot of all of it, and how long it took."""
    start = time.monotonic()
    generate = subprocess.Popen([programs / "vickrey", "market", "generate", "--scenario", scenario, "--seed", "1",
                                 "--auctions", str(auctions)], stdout=subprocess.PIPE)
    append = subprocess.run([programs / "vickrey", "log", "append", "--db", db], stdin=generate.stdout,
                            stdout=subprocess.DEVNULL)
    generate.stdout.close()
    if generate.wait() != 0 or append.returncode != 0:
        sys.exit("the log could not be made")
    made = subprocess.run([programs / "vickrey", "log", "snapshot", "create", "--db", db], stdout=subprocess.PIPE,
                          check=True)
    return json.loads(made.stdout)["snapshot_id"], time.monotonic() - start


def memory(pid):
    """The greatest resident set so far, in MiB."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return None  # it has just ended


def measure(programs, name, db, snapshot, out, judged):
    """One run: its memory in MiB, its times in seconds."""
    config = out.parent / "config.json"
    config.write_text(json.dumps({"name": name, "model": MODELS[name], "loss": {"loss": "logloss"},
                                  "optimizer": {"epochs": 1}, "evaluation": {"auctions": judged},
                                  "device": "cpu"}))
    # The program itself and not `vickrey`, so that the process is the one that trains.
    process = subprocess.Popen([programs / "vickrey-train", "--config", config, "--db", db, "--snapshot", snapshot,
                                "--out", out], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)
    row = {"run": name, "encode_seconds": 0, "at_encode_mib": None}
    said = []
    for line in process.stderr:
        said.append(line)
        progress = json.loads(line).get("progress", {})
        if progress.get("finished") and progress["task"] in ("statistics", "encode"):
            row["encode_seconds"] += int(progress["done"]) / progress["rate"]
            row["at_encode_mib"] = memory(process.pid)
    answer = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    process.stderr.close()
    if process.returncode != 0:
        sys.exit("".join(said))
    speed = json.loads(answer)["speed"]
    return {**row, "peak_mib": usage.ru_maxrss / 1024, "train_seconds": speed["seconds"],
            "candidates_per_second": speed["candidates_per_second"]}


def size_of(folder):
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 2**20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--auctions", default="10000,1000000")
    parser.add_argument("--judged", type=int, default=1000)
    parser.add_argument("--scenario", default="hash_collisions")
    parser.add_argument("--folder", type=pathlib.Path, default=tempfile.gettempdir())
    args = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # threads that spin slow down a busy machine
    sizes = [int(size) for size in args.auctions.split(",")]
    rows = []
    for size in sizes:
        folder = pathlib.Path(tempfile.mkdtemp(dir=args.folder))
        try:
            snapshot, seconds = make_log(args.programs, args.scenario, size, folder / "log")
            for name in MODELS:
                row = measure(args.programs, name, folder / "log", snapshot, folder / "out", args.judged)
                rows.append({"auctions": size, **row})
            rows[-len(MODELS)].update(log_seconds=seconds, log_mib=size_of(folder / "log"),
                                      data_mib=size_of(folder / "out/datasets"))
        finally:
            shutil.rmtree(folder)
    number = lambda x: "" if x is None else f"{x:,.1f}"  # noqa: E731
    print(f"{'auctions':>10} {'run':9} {'peak MiB':>9} {'at encode':>9} {'encode s':>9} {'train s':>9} {'log MiB':>9} "
          f"{'data MiB':>9}")
    for row in rows:
        print(f"{row['auctions']:10,} {row['run']:9} {number(row['peak_mib']):>9} {number(row['at_encode_mib']):>9} "
              f"{number(row['encode_seconds'] or None):>9} {number(row['train_seconds']):>9} "
              f"{number(row.get('log_mib')):>9} {number(row.get('data_mib')):>9}")
    print(json.dumps({"scenario": args.scenario, "judged": args.judged, "cores": os.cpu_count(), "rows": rows}))


if __name__ == "__main__":
    main()
