#!/usr/bin/env python3
"""Runs clang-tidy, with the lock annotations, over every source of a build's compile_commands.json.

usage: tidy.py BUILD [JOBS]        exit 0: clean

Nearly all of its time goes into headers, so sources are read by the dozen: one unit is the text of those whose names do
not clash, with the folders of them all to include from. Where a unit has a complaint, each of its files is read by
itself, and only what is said then counts. What was clean once is not read again: a file is remembered by the digest of
all that the build made it of, of the checks, of the flags and of clang-tidy's version, in ~/.cache/vickrey-tidy (or
below XDG_CACHE_HOME). So the build must be whole and of these sources.
"""

import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"), "vickrey-tidy")
VERSION = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
UNIT = 12  # files; a unit of more takes so long that the others wait for it at the end

# What a line at the left margin declares: a type, an alias, a test, or else the first name before ( { [ or ; and those
# before a =. The same using-declaration may come twice.
TEST = re.compile(r"(?:TYPED_)?TEST(?:_[FP])?\((\w+), (\w+)\)")
NAMED = re.compile(r"(?:class|struct|union|enum(?: class)?|using|#define) (?:ABSL_\w+ )?(\w+)")
OTHER = re.compile(r"(?<!::)\b([A-Za-z_]\w*)(?:\(|\{|\[|;)")
VALUE = re.compile(r"\b(\w+) =")


def declared(text):
    """The names that the source declares outside of any class, and perhaps a few more."""
    names = set()
    for line in text.splitlines():
        if not re.match(r"(?!namespace|using [\w:]+;|BENCHMARK|INSTANTIATE)[A-Za-z[]|#define", line):
            continue
        if test := TEST.match(line):
            names.add("_".join(test.groups()))
        elif named := NAMED.match(line):
            names.add(named[1])
        else:
            names.update(OTHER.findall(line)[:1], VALUE.findall(line))
    return names


@functools.cache
def content(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def each_source(entry):
    """The entry, or one for each source of those that it compiles together (VICKREY_UNITY)."""
    if "/Unity/unity_" not in entry["file"]:
        return [entry]
    together = pathlib.Path(entry["file"]).read_text()
    return [{**entry, "file": file} for file in re.findall(r'^#include "(.+)"$', together, re.M)]


def includes(build):
    """All that each object was made of, as the last build found; without what has changed since."""
    printed = subprocess.run(["ninja", "-C", build, "-t", "deps"], capture_output=True, text=True, check=True).stdout
    found, stale = {}, set()
    for line in printed.splitlines():
        if line.startswith(" "):
            found[target].append(line.strip())
        elif line:
            target = line.split(":")[0]
            found[target] = []
            if "STALE" in line:
                stale.add(target)
    return {target: parts for target, parts in found.items() if target not in stale}


class Source:
    def __init__(self, entry, build, made_of):
        self.file = os.path.realpath(entry["file"])
        arguments = shlex.split(entry["command"])
        compiler = next(i for i, a in enumerate(arguments) if "++" in pathlib.Path(a).name)
        arguments = arguments[compiler + 1:]
        out = arguments[arguments.index("-o") + 1]
        for flag in ("-o", "-MF", "-MT", "-c"):
            if flag in arguments:
                at = arguments.index(flag)
                del arguments[at:at + 2]
        arguments = re.sub(r"-isystem\0", "-isystem", "\0".join(arguments)).split("\0")
        # OpenMP's header is GCC's.
        self.flags = [a for a in arguments if a not in ("-MD", "-fopenmp")] + ["-fno-openmp", "-Wthread-safety"]
        folder = pathlib.Path(self.file).relative_to(ROOT).parts[0]
        self.kind = any("torch" in flag for flag in self.flags), folder == "tests"  # reads much the same headers
        self.macros = {flag for flag in self.flags if re.match("-[DU]", flag)}
        if out not in made_of:
            sys.exit(f"clang-tidy: {self.file} has not been built, or not since it was changed")
        marks = [VERSION.decode(), content(ROOT / ".clang-tidy"), content(__file__), *self.flags]
        # What is compiled together names its sources by where this checkout lies.
        parts = {os.path.normpath(os.path.join(build, name)) for name in made_of[out] if "/Unity/unity_" not in name}
        marks += sorted(f"{part.removeprefix(str(ROOT))} {content(part)}" for part in parts)  # alike in every checkout
        text = "\0".join(marks).replace(str(ROOT), "")
        self.text = content(self.file)
        self.mark = CACHE / hashlib.sha256(text.encode()).hexdigest()

    def remember(self):
        if hashlib.sha256(pathlib.Path(self.file).read_bytes()).hexdigest() == self.text:  # not edited meanwhile
            CACHE.mkdir(parents=True, exist_ok=True)
            self.mark.touch()


def units(sources):
    """The sources in lists that can be read as one."""
    texts = {source: pathlib.Path(source.file).read_text() for source in sources}
    words = {word for text in texts.values() for word in re.findall(r"\w+", text)}
    made = []  # of what sets the unit apart, names, sources
    for source, text in sorted(texts.items(), key=lambda item: (item[0].kind, item[0].flags)):
        # Macros of packages that our sources do not name are for headers, where nothing is looked for.
        macros = {flag for flag in source.macros if re.match(r"-[DU](\w+)", flag)[1] in words}
        # One that is not used would not be seen beside a file that uses another of the same.
        declarations = re.findall(r"^using [\w:]*\b(\w+);", text, re.M)
        alone = any(len(re.findall(rf"\b{name}\b", text)) == 1 for name in declarations)
        apart = source.kind, macros, source.file if alone else ""
        names = declared(text)
        for of, used, unit in made:
            if of == apart and len(unit) < UNIT and not used & names:
                used |= names
                unit.append(source)
                break
        else:
            made.append((apart, names, [source]))
    return sorted((unit for *_, unit in made), key=len, reverse=True)


def complaints(file, flags):
    done = subprocess.run(["clang-tidy", "--quiet", file, "--", *flags], capture_output=True, text=True, cwd=ROOT)
    return "" if done.returncode == 0 else done.stdout + ("" if done.stdout.strip() else done.stderr)


def tidy(sources):
    """The complaints about each of the files, those without left out; and whether they had to be read one by one."""
    if len(sources) > 1:
        # In a folder of the sources, for that is where clang-tidy looks for its checks. The text itself, for some checks
        # look at a unit's own file alone.
        with tempfile.NamedTemporaryFile("w", suffix=".cc", dir=ROOT / "build") as unit:
            unit.write("\n".join(pathlib.Path(source.file).read_text() for source in sources))
            unit.flush()
            flags = dict.fromkeys(flag for source in sources for flag in source.flags)
            if not complaints(unit.name, flags):
                for source in sources:
                    source.remember()
                return [], False
    said = []
    for source in sources:
        if found := complaints(source.file, source.flags):
            said.append(found)
            print(found, flush=True)
        else:
            source.remember()
    return said, len(sources) > 1


def main():
    build = str(pathlib.Path(sys.argv[1]).resolve())
    jobs = int(sys.argv[2]) if len(sys.argv) > 2 else os.cpu_count()
    entries = json.loads(pathlib.Path(build, "compile_commands.json").read_text())
    # Each once, whoever else compiles it.
    entries = {e["file"]: e for entry in entries for e in each_source(entry)
               if not os.path.realpath(e["file"]).startswith(build)}
    made_of = includes(build)
    sources = [Source(entry, build, made_of) for entry in entries.values()]
    read = [source for source in sources if not source.mark.exists()]
    groups = units(read)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(tidy, groups))
    said = sum(len(found) for found, _ in results)
    alone = sum(len(group) for group, (_, split) in zip(groups, results) if split)
    print(f"clang-tidy: {len(sources)} files, {said} with complaints; {len(read)} read in {len(groups)} units, "
          f"{alone} of them one by one")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
