"""What a result was made by and on."""

import os
import platform


def _machine():
    """What seconds depend on."""
    model = platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), model)
    except OSError:
        pass
    return {"processor": model, "cores": os.cpu_count(), "system": platform.system()}


def provenance(programs):
    return {"programs": programs.versions, "machine": _machine()}
