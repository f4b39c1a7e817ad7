"""A TrainConfig as the trainer's own reader takes it."""

import json
import pathlib
import subprocess
import tempfile

import files
from faults import Fault
from programs import about_config


def effective(programs, config):
    """With every default filled in. What the reader refuses is a fault with the field that it is about; nothing is trained."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "config.json")
        files.write_json(path, {"name": "student", **config})
        done = subprocess.run([programs.folder / "vickrey-train", "--config", path, "--db", pathlib.Path(folder, "none"), "--snapshot",
                               "s0-0-000000000000", "--out", pathlib.Path(folder, "models")], capture_output=True, text=True)
    for line in done.stderr.splitlines():
        said = json.loads(line)
        if "config" in said:
            return said["config"]  # it was read; what is missing is the log
        if "error" in said:
            raise Fault(about_config(said["error"]["message"], path), said["error"]["field"])
    raise Fault("the trainer said nothing of its configuration")
