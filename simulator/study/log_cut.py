"""A log of lines in order of time, cut into an older and a newer part: files that appear whole."""

import fractions
import gzip
import os
import shutil
import subprocess
import zlib

import files
from faults import Fault, environment

GZIP, ZSTD = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"


def _blocks(path, field):
    """The unpacked bytes, as blocks."""
    with open(path, "rb") as file:
        begin = file.read(4)
        file.seek(0)
        if begin.startswith(ZSTD):
            yield from _zstd_blocks(path, field)
            return
        source = gzip.GzipFile(fileobj=file) if begin.startswith(GZIP) else file
        try:
            while block := source.read(1 << 20):
                yield block
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise Fault(f"{path} cannot be unpacked: {error}", field, code="DATA_LOSS", exit_code=3) from error


def _zstd_blocks(path, field):
    """Python has no zstd; the program does."""
    program = shutil.which("zstd")
    if program is None:
        raise environment(f"to cut {path} the program zstd is needed, which is not installed; or unpack the log yourself", field)
    with subprocess.Popen([program, "-dcq", "--", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while block := process.stdout.read(1 << 20):
            yield block
        said = process.stderr.read().decode(errors="replace").strip()
    if process.returncode != 0:
        raise Fault(f"{path} cannot be unpacked: {said}", field, code="DATA_LOSS", exit_code=3)


def rows_in(path, field):
    """Its lines; the last may lack its end."""
    ends, last = 0, b"\n"
    for block in _blocks(path, field):
        ends += block.count(b"\n")
        last = block[-1:]
    return ends + (last != b"\n")


def newest(share, rows):
    """How many of the rows the newest share is: rounded down, of the number as it was written (.29 of 100 are 29)."""
    return int(fractions.Fraction(share) * rows)


class Cut:
    """LOG as two files in `folder`, under names that say of what: rows [0, older) and the others, each byte for byte."""

    def __init__(self, path, digest, share, folder, field):
        self.path, self.field, self.share = path, field, share
        name = files.digest({"log": digest, "share": share})
        self.parts = [folder / f"{name}.{part}.txt" for part in ("older", "newer")]

    def make(self):
        rows = rows_in(self.path, self.field)
        self.older = rows - newest(self.share, rows)
        if not 0 < self.older < rows:
            raise Fault(f"{self.path} has {rows} rows; the newest {self.share} of them are {rows - self.older}, and both parts need some",
                        "--test-share")
        if not all(part.exists() for part in self.parts):
            self._write()

    def _write(self):
        asides = [part.with_name(f".{part.name}.part") for part in self.parts]
        try:
            self.parts[0].parent.mkdir(parents=True, exist_ok=True)
            with open(asides[0], "wb") as older, open(asides[1], "wb") as newer:
                left = self.older  # line ends that still belong to the older part
                for block in _blocks(self.path, self.field):
                    at = 0
                    if left > 0:
                        at, left = _after(block, left)
                        older.write(block[:at])
                    newer.write(block[at:])
                for file in (older, newer):
                    file.flush()
                    os.fsync(file.fileno())
            for aside, part in zip(asides, self.parts):
                os.replace(aside, part)
        except OSError as error:
            raise environment(f"cannot write {self.parts[0].parent}: {error.strerror}", "--out") from error


def _after(block, ends):
    """Where the line that has the `ends`-th line end of the block ends, and how many are still to come behind the block."""
    inside = block.count(b"\n")
    if inside < ends:
        return len(block), ends - inside
    at = 0
    for _ in range(ends):
        at = block.index(b"\n", at) + 1
    return at, 0
