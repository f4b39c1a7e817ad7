"""The log of a synthetic market: a stage that others train on. It is large and made again in seconds."""

import json
import shutil

import files
from faults import environment
from programs import Command


def schema(programs, *market):
    """The fields of a market's log as a schema that a training may take them by, when they are changed."""
    found = json.loads(programs.ask("vickrey-market", "schema", *market))
    del found["schema_id"]
    return found


class MarketLog:
    """Lies in `folder`; that it is whole is what a file beside it says. What is kept is the name of its snapshot."""

    PROGRAMS = ("vickrey-market", "vickrey-log")

    def __init__(self, store, name, folder, logs, of, market):
        """`of`: what it is a function of, its programs included; `market`: the words that say so to the generator."""
        self.store, self.name, self.folder, self.logs, self.of, self.market = store, name, folder, logs, of, market
        self.marker = folder / "log.json"

    def made(self):
        kept = self.store.get("log", self.of)
        return kept is not None and files.read_json(self.marker) == kept["result"]

    def words(self):
        """That tell a program of it."""
        return ["--db", self.folder / "db", "--snapshot", self.store.get("log", self.of)["result"]["snapshot_id"]]

    def make(self):
        """The body of a task."""
        if self.made():
            return
        self.delete()
        self.folder.mkdir(parents=True, exist_ok=True)
        filled = yield self._command("log", ["vickrey-market", "generate", *self.market], ["vickrey-log", "append", "--db", self.folder / "db"])
        frozen = yield self._command("snapshot", ["vickrey-log", "snapshot", "create", "--db", self.folder / "db"])
        result = {"snapshot_id": json.loads(frozen.stdout)["snapshot_id"]}
        kept = self.store.get("log", self.of)
        if kept is not None and result != kept["result"]:
            raise environment(f"the log of {self.name} came out as {result['snapshot_id']}, and was {kept['result']['snapshot_id']}: "
                              "something on this machine is not repeatable")
        if kept is None:
            self.store.put("log", self.of, result, filled.cpu_seconds + frozen.cpu_seconds)
        files.write_json(self.marker, result)

    def delete(self):
        self.marker.unlink(missing_ok=True)  # it says that the log is there, so it goes first
        shutil.rmtree(self.folder / "db", ignore_errors=True)

    def _command(self, what, *pipeline):
        return Command(pipeline, self.logs / f"{self.folder.name}-{what}.log", threads=1)
