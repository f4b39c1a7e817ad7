"""Files that are there as a whole or not at all, whenever the program or the machine stops."""

import fcntl
import hashlib
import json
import os
import time

from faults import Fault, environment


def canonical(value):
    """One text for one value: what digests are taken of."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value, digits=16):
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:digits]


def sha256(path, field):
    """Of a file as it lies there, packed or not. What is no plain file is refused: it may have no end, or be another when it is read again."""
    try:
        if path.exists() and not path.is_file():
            raise Fault(f"cannot read {path}: is not a plain file", field)
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise Fault(f"cannot read {path}: {error.strerror}", field, code="NOT_FOUND") from error


def write(path, text):
    """Writes aside, and puts the file in its place when it is on disk."""
    aside = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(aside, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise environment(f"cannot write {path}: {error.strerror}") from error


def write_json(path, value):
    write(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path):
    """What a file of ours holds; None where there is none, or where a disk damaged it: it is made again then."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return None


class Lock:
    """Held by the one study that works in a folder, and by the programs that it has started: the kernel lets go of it when
    the last of them ends. Those of a study that was killed do so in a moment, which is waited for."""

    SECONDS = 15

    def __init__(self, folder):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.file = open(folder / "lock", "a+")
            deadline = time.monotonic() + self.SECONDS
            while not self._take():
                if time.monotonic() > deadline:
                    raise BlockingIOError
                time.sleep(0.1)
        except BlockingIOError:
            self.file.seek(0)
            holder = self.file.read().strip() or "unknown"
            raise environment(f"another study works in {folder} (process {holder})", "--out") from None
        except OSError as error:
            raise environment(f"cannot work in {folder}: {error.strerror}", "--out") from error
        self.file.truncate(0)
        self.file.write(str(os.getpid()))
        self.file.flush()

    def _take(self):
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
