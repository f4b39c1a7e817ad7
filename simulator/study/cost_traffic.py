"""What a worker sends in a step, of how the workers talk to each other (docs/training.md, trainer/exchange.h).

With D bytes of dense parameters, R workers, and L lookups of rows of B bytes that its part of a batch makes:

    ddp     2 D (R - 1) / R + L B (R - 1)                          gradients, added up; rows of gradients, to all
    zero1   2 D (R - 1) / R + L B (R - 1) / R + u L B (R - 1)      the same; rows to their owner; rows that have changed, to all

u is the share of rows among lookups: a row that a batch looks up twice changes once. It is taken from points that were measured.
"""

import statistics

DENSE, INDEX = 4, 8  # bytes of a number, and of the number of a row


def _parts(point):
    """(bytes that are known, bytes of all lookups to all others) of a point."""
    workers = point["workers"]
    dense = 2 * DENSE * point["dense_parameters"] * (workers - 1) / workers
    rows = point["candidates_per_step"] / workers * (INDEX * point["rows_per_candidate"] + DENSE * point["embedding_values_per_candidate"])
    every = rows * (workers - 1)
    return (dense + every / workers, every) if point["communication"] == "zero1" else (dense + every, 0.0)


def _changed(point):
    """u of a point that was measured."""
    known, every = _parts(point)
    return min(1.0, max(0.0, (point["communication_bytes_per_step"] - known) / every)) if every else 1.0


def sent(point, measured):
    known, every = _parts(point)
    if not every:
        return known
    zero1 = [one for one in measured if one["communication"] == "zero1"]
    same = [one for one in zero1 if one["model"] == point["model"]]
    nearest = min((abs(one["batch_auctions"] - point["batch_auctions"]) for one in same), default=None)
    like = [one for one in same if abs(one["batch_auctions"] - point["batch_auctions"]) == nearest] or zero1
    return known + every * (statistics.median(map(_changed, like)) if like else 1.0)


CALLS = {"ddp": 5, "zero1": 8}  # where none was measured: those of a model whose tables have one width


def rounds(point, calls_):
    """Exchanges, each of all workers at once, that come one behind the other: three for a sum, of which `ddp` has three and `zero1` two
    in a step, and two for any other call."""
    return 2 * calls_ + (3 if point["communication"] == "ddp" else 2)


def calls(point, measured):
    """Calls of a step: as many as other points with this communication make."""
    found = [one["communication_calls_per_step"] for one in measured if one["communication"] == point["communication"]]
    same = [one["communication_calls_per_step"] for one in measured
            if one["communication"] == point["communication"] and one["architecture"] == point["architecture"]]
    return statistics.median(same or found or [CALLS[point["communication"]]])
