#!/usr/bin/env python3
"""Checks that every #include follows the arrows of docs/architecture.md, which point down only.

usage: layering.py ROOT         exit 0: clean; 1: an include against the arrows, one line each
"""

import pathlib
import re
import sys

# Folder -> the folders that it may include, beside itself. A name stands for the folder and all below it.
ALLOWED = {
    "vickrey/base": [],
    "vickrey/auction": ["vickrey/base"],
    "vickrey/metric": ["vickrey/base", "vickrey/auction"],
    "vickrey/features": ["vickrey/base"],
    "vickrey/market": ["vickrey/base", "vickrey/features"],
    "vickrey/log": ["vickrey/base", "vickrey/features"],
    "vickrey/model": ["vickrey/base", "vickrey/features"],
    "vickrey/decision": ["vickrey/base", "vickrey/auction", "vickrey/features", "vickrey/model"],
    "vickrey/series": ["vickrey/base", "vickrey/log"],
    "vickrey/price": ["vickrey/base"],
    "vickrey/torch": ["vickrey/base", "vickrey/features", "vickrey/model"],
    "trainer": ["vickrey"],
    "server": ["vickrey"],
    "client": ["vickrey/base"],
    "simulator": ["vickrey", "client"],
    "tools": ["vickrey", "client"],
    "tests": ["vickrey", "trainer", "server", "client", "simulator", "tools"],
}
# Who may include LibTorch at all, and who in a header.
TORCH_SOURCES = ["vickrey/torch", "trainer", "server", "tests"]
TORCH_HEADERS = ["vickrey/torch", "trainer", "tests"]
# Includes that only some folders may have: pattern -> folders.
RESTRICTED = {
    r"^(torch|ATen|c10|caffe2)/": TORCH_SOURCES,
    r"^vickrey/torch/": ["vickrey/torch", "trainer", "server", "tests"],
    r"^rocksdb/": ["vickrey/log", "tests"],
    r"^(arrow|parquet)/": ["vickrey/log"],
    r"^yaml-cpp/": ["vickrey/base"],
    r"^(prometheus|spdlog)/|^(CivetServer|civetweb)\.h$": ["server/telemetry"],
    r"^vickrey/storage/v1/(?!checkpoint|dataset|event|part)": ["vickrey/features", "vickrey/log", "vickrey/model", "vickrey/torch",
                                      "tests"],
    r"^vickrey/storage/v1/(checkpoint|dataset|event)": ["trainer", "tests"],
    r"^vickrey/storage/v1/part": ["simulator", "tests"],
    r"\.grpc\.pb\.h$": ["server", "client", "tests"],
    r"^client/cli/": ["client", "tests"],
    r"^(grpcpp|grpc)/": ["vickrey/base", "server", "client", "tests"],
}
GENERATED = re.compile(r"^vickrey/(v1|storage/v1|config/v1)/")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)


SKIPPED = ["build", ".deps", "out", ".git"]


def proto_faults(path, text):
    """The wire knows neither disk nor configuration; both may hold its messages (a schema is one), and not each other's."""
    own = path.rsplit("/", 1)[0]
    for imported in re.findall(r'^import "(vickrey/[^"]+)"', text, re.MULTILINE):
        package = imported.rsplit("/", 1)[0]
        if package not in (own, "vickrey/v1"):
            yield f"proto/{path}: {own} must not import {imported}"


def within(path, folders):
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def folder_of(path):
    """The key of ALLOWED that `path` lies in."""
    return next((folder for folder in ALLOWED if within(path, [folder])), None)


def faults(path, text):
    """Yields what is wrong with the includes of one file, given its path from the root."""
    own = folder_of(path)
    if own is None:
        yield f"{path}: lies in no folder of the architecture"
        return
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start(1)) + 1
        included = match.group(1)
        place = f"{path}:{line}: {own} must not include {included}"
        for pattern, folders in RESTRICTED.items():
            if re.search(pattern, included) and not within(path, folders):
                yield f"{place}: only {', '.join(folders)} may"
        if re.match(r"^(torch|ATen|c10|caffe2|vickrey/torch)/", included) and path.endswith(".h") and not within(path, TORCH_HEADERS):
            yield f"{place} in a header: it would bring LibTorch to everyone who includes it"
        target = None if GENERATED.match(included) else folder_of(included)
        if target and target != own and not within(target, ALLOWED[own]):
            yield f"{place}: it may include {', '.join(ALLOWED[own]) or 'nothing else of the project'}"
        if included.startswith(".") or (match.group(0).rstrip().endswith('"') and "/" not in included):
            yield f"{place}: give the path from the root"


def check(root):
    found = []
    for file in root.rglob("*"):
        if file.suffix in (".cpp", ".cxx", ".hpp", ".inc") and not within(file.relative_to(root).as_posix(), SKIPPED):
            found.append(f"{file.relative_to(root)}: sources end in .cc and .cu, headers in .h and .cuh")
    for file in sorted((root / "proto").rglob("*.proto")) if (root / "proto").exists() else []:
        found.extend(proto_faults(file.relative_to(root / "proto").as_posix(), file.read_text()))
    for pattern in ("*.h", "*.cc", "*.cu", "*.cuh"):
        for file in sorted(root.rglob(pattern)):
            path = file.relative_to(root).as_posix()
            if not within(path, SKIPPED):
                found.extend(faults(path, file.read_text()))
    return found


def main():
    found = check(pathlib.Path(sys.argv[1]))
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
