"""Results of stages, kept in files that appear whole."""

import math

import files


class Store:
    """By the digest of what a result is a function of."""

    def __init__(self, folder):
        self.folder = folder

    def get(self, stage, of):
        kept = self._read(self._path(stage, of))
        return kept if kept is not None and kept["of"] == of else None

    def put(self, stage, of, result, cpu_seconds):
        files.write_json(self._path(stage, of), {"stage": stage, "of": of, "result": result, "cpu_seconds": round(cpu_seconds, 3)})

    def seconds(self):
        """CPU seconds of the stages that are kept, those of earlier runs with other losses included."""
        stages = {}
        for folder in sorted(path for path in self.folder.iterdir() if path.is_dir()):
            costs = [kept["cpu_seconds"] for kept in map(self._read, sorted(folder.glob("*.json"))) if kept]
            if not costs:
                continue
            stages[folder.name] = {"cpu": round(math.fsum(costs), 3), "number": len(costs), "mean": round(math.fsum(costs) / len(costs), 3)}
        return {"total": round(math.fsum(stage["cpu"] for stage in stages.values()), 3), "stages": stages}

    @staticmethod
    def _read(path):
        """What `put` wrote; None for anything else, which is made again as what a disk damaged is."""
        kept = files.read_json(path)
        whole = isinstance(kept, dict) and {"of", "result"} <= kept.keys() and isinstance(kept.get("cpu_seconds"), (int, float))
        return kept if whole else None

    def _path(self, stage, of):
        return self.folder / stage / f"{files.digest(of)}.json"
