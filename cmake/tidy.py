#!/usr/bin/env python3
"""Runs clang-tidy, with the lock annotations, over every source of a build's compile_commands.json.

usage: tidy.py BUILD [JOBS]        exit 0: clean

What was clean once is not read again: a file is remembered by the digest of what the preprocessor makes of it, of the
checks, of the flags and of clang-tidy's version, in ~/.cache/vickrey-tidy (or below XDG_CACHE_HOME).
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"), "vickrey-tidy")
VERSION = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout


def digest(entry):
    """What the file means to clang; None if clang cannot preprocess it."""
    arguments = shlex.split(entry["command"])
    arguments = arguments[next(i for i, a in enumerate(arguments) if "ccache" not in a) + 1:]
    for flag in ("-o", "-MF", "-MT"):
        if flag in arguments:
            at = arguments.index(flag)
            del arguments[at:at + 2]
    arguments = [a for a in arguments if a not in ("-c", "-MD", "-fopenmp")]
    done = subprocess.run(["clang++", "-E", "-w", *arguments], capture_output=True, cwd=entry["directory"])
    if done.returncode != 0:
        return None
    text = done.stdout.replace(str(ROOT).encode(), b"")
    flags = " ".join(arguments).replace(str(ROOT), "").encode()
    own = pathlib.Path(entry["file"]).read_bytes()  # comments too: they may suppress a check
    rules = (ROOT / ".clang-tidy").read_bytes() + pathlib.Path(__file__).read_bytes()
    return hashlib.sha256(b"\0".join([VERSION, rules, flags, own, text])).hexdigest()


def tidy(build, entry):
    """The complaints about one file, empty if there are none."""
    mark = digest(entry)
    if mark and (CACHE / mark).exists():
        return ""
    done = subprocess.run(["clang-tidy", "--quiet", "-p", build, "--extra-arg=-Wthread-safety",
                           "--extra-arg=-fno-openmp", entry["file"]],  # whose header is GCC's
                          capture_output=True, text=True)
    if done.returncode != 0:
        return done.stdout + ("" if done.stdout.strip() else done.stderr)
    if mark:
        CACHE.mkdir(parents=True, exist_ok=True)
        (CACHE / mark).touch()
    return ""


def main():
    build = sys.argv[1]
    jobs = int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count()
    entries = json.loads(pathlib.Path(build, "compile_commands.json").read_text())
    generated = str(pathlib.Path(build).resolve())
    entries = [e for e in entries if not e["file"].startswith(generated)]
    complaints = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for found in pool.map(lambda entry: tidy(build, entry), entries):
            if found:
                complaints.append(found)
                print(found, flush=True)
    print(f"clang-tidy: {len(entries)} files, {len(complaints)} with complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
