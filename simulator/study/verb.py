"""What a verb of `vickrey study` is. A file verb_NAME.py makes one of it, and command.py lists it."""

import dataclasses
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Verb:
    """In the order in which its parts are used. OUT's lock, the files of the result and where tables are put are the same
    for all; for its work there are store.py, schedule.py, progress.py and provenance.py."""

    name: str  # and the `kind` of its result
    help: str  # in the list of verbs
    description: str
    file: str  # of OUT, that holds the result; the tables stand beside it as .md
    programs: tuple  # that it starts; their versions are the provenance
    arguments: Callable  # (parser): adds them, those of arguments.py included
    check: Callable  # (options): refuses what is wrong before anything starts; makes of texts what `run` needs, and options.command
    run: Callable  # (options, programs) -> the result: does what is not kept yet
    markdown: Callable  # (result) -> its tables
    inspect: Callable = lambda options, programs: None  # refuses what only the programs' own readers can tell
    passed: Callable = lambda options, result: True  # whether a check that the user asked for holds
