#!/usr/bin/env python3
"""Importing a log of Criteo's form, against a plain read-and-split of the same file, and the memory that it takes.

usage: import_bench.py --programs build/release/bin [--rows 1000000] [--group-size 8] [--folder /tmp]

Prints a table: seconds (the least of three, in turns with the yardstick), the ratio of the yardstick to it, greatest
resident memory, bytes on disk for each candidate.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import time


def write_log(path, rows):
    """Rows of small counts and of categories of which few are frequent, as in the real log."""
    dice = random.Random(1)
    numbers = [str(int(dice.expovariate(1 / 50))) for _ in range(4096)]
    categories = [f"{dice.getrandbits(32):08x}" for _ in range(1 << 17)]
    with open(path, "w") as out:
        for row in range(rows):
            values = [str(int(dice.random() < 0.25))]
            values += ["" if dice.random() < 0.1 else dice.choice(numbers) for _ in range(13)]
            values += [categories[int(len(categories) * dice.random() ** 3)] for _ in range(26)]
            out.write("\t".join(values) + "\n")


def run(command):
    """Seconds and greatest resident memory in MB of a command that must succeed, and what it printed."""
    start = time.monotonic()
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return time.monotonic() - start, usage.ru_maxrss / 1024, printed


def size_of(db):
    return sum(file.stat().st_size for file in (db / "data").glob("*.sst"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--group-size", type=int, default=8)
    parser.add_argument("--folder", default=None)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=flags.folder) as folder:
        folder = pathlib.Path(folder)
        print("| rows | what | seconds | views / it | texts / it | MB resident | bytes on disk a row |\n|---|---|---|---|---|---|---|")
        for rows in (max(1, flags.rows // 100), flags.rows):
            log = folder / "log.tsv"
            write_log(log, rows)
            db = folder / "db"
            best = {}
            memory = {}
            for _ in range(3):
                for name in ("views", "texts"):
                    _, _, printed = run([flags.programs / "yardstick/split_lines", name, log])
                    best[name] = min(best.get(name, 1e9), json.loads(printed)["seconds"])
                for name, extra in (("import", []), ("import --encode", ["--encode"])):
                    shutil.rmtree(db, ignore_errors=True)
                    seconds, memory[name], _ = run(
                        [flags.programs / "vickrey-log", "import", "--db", db, "--format", "criteo", "--group-size",
                         flags.group_size, *extra, log])
                    best[name] = min(best.get(name, 1e9), seconds)
                    run([flags.programs / "vickrey-log", "prune", "--db", db, "--before", "1970-01-01T00:00:01Z"])  # compacts
                    memory[name + " size"] = size_of(db) / rows
                    scan = name.replace("import", "stats")
                    seconds, memory[scan], _ = run([flags.programs / "vickrey-log", "stats", "--db", db])
                    best[scan] = min(best.get(scan, 1e9), seconds)
            for name in ("views", "texts", "import", "import --encode", "stats", "stats --encode"):
                ratios = [f"{best[yard] / best[name]:.0%}" if name.startswith("import") else "-" for yard in ("views", "texts")]
                cells = [str(rows), name, f"{best[name]:.3f}", *ratios, f"{memory[name]:.0f}" if name in memory else "-",
                         f"{memory[name + ' size']:.0f}" if name + " size" in memory else "-"]
                print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
