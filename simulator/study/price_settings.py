"""The settings of a study of bidders: `vickrey study bidders --settings FILE`, a PriceConfig as `vickrey price --config` reads it,
without what the study sets itself."""

import yaml_file
from faults import Fault

OWN_KEYS = ("seed", "threads")


class Settings:
    """Without a file: the program's own defaults."""

    def __init__(self, path):
        self.path = path
        self.document = {} if path is None else yaml_file.read(path, "--settings")
        for key in self.document:
            if key in OWN_KEYS:
                raise Fault(f"{path}: '{key}' is the study's own; not to be set: {', '.join(OWN_KEYS)}", "--settings", self.document.lines[key])

    def config(self, seed):
        """A PriceConfig."""
        return {"seed": seed, "threads": 1, **self.document}

    def line_of(self, field):
        """Where a field such as heads[2].loss stands, or what holds it; None where nothing of it does."""
        return yaml_file.line_of(self.document, field)
