"""What a study of costs comes to, in sentences: each is computed from the table, of pairs of points that differ in one axis alone.

A ratio is a geometric mean over the pairs, or goes from the least to the greatest where some are below 1 and others above. Where it is
within the spread of the repeats, or would be read as 1.0x, it is said to be no difference.
"""

import dataclasses
import math
import statistics
from collections.abc import Callable

from cost_grid import AXES

NAMES = tuple(axis.name for axis in AXES)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Of points with one value of an axis with those of another, all else alike."""

    axes: tuple  # that differ
    base: Callable  # (point) -> whether others are compared with it
    of: Callable  # (point, base) -> what is compared, by name; None: these two are not
    to: Callable  # (base) -> with what
    by: Callable = lambda point: f"for {point['model']}"  # what it is told apart by
    more: Callable = lambda pairs: ""  # what else is said of the pairs


def _ratio(pairs, field):
    return math.exp(statistics.fmean(math.log(one[field] / base[field]) for one, base in pairs))


def _number(ratio):
    return f"{ratio:.1f}x" if 0.95 <= ratio < 9.95 else f"{ratio:.0f}x" if ratio >= 9.95 else f"{ratio:.2f}x"


def _per_dollar(pairs):
    return f"; for the same money it trains on {_number(_ratio(pairs, 'examples_per_dollar'))} the examples"


def _state(pairs):
    return f"; the state of its optimizer takes {_number(_ratio(pairs, 'optimizer_bytes'))} the memory"


def _share(pairs):
    share = statistics.median(one["communication_share"] for one, _ in pairs)
    return f"; {100 * share:.0f} % of the time goes into communication" + _per_dollar(pairs)


COMPARISONS = (
    Comparison(("attention",), lambda one: one["attention"] == "composed", lambda one, base: "Fused attention is", lambda base: "composed",
               by=lambda one: f"at {one['fields']} fields beside the scenario's own"),
    Comparison(("device", "device_name", "threads"), lambda one: one["device"] == "cpu" and one["workers"] == 1,
               lambda one, base: f"{one['device_name']} is" if one["device"] == "cuda" else None,
               lambda base: f"the CPU with {base['threads']} thread{'s' * (base['threads'] > 1)}", more=_per_dollar),
    Comparison(("threads",), lambda one: one["threads"] == 1, lambda one, base: f"{one['threads']} threads are", lambda base: "1",
               more=_per_dollar),
    Comparison(("workers", "communication"), lambda one: one["workers"] == 1,
               lambda one, base: f"{one['workers']} workers by {one['communication']} are", lambda base: "1", more=_share),
    Comparison(("workers", "communication", "threads"), lambda one: one["device"] == "cpu" and one["workers"] == 1 and one["threads"] > 1,
               lambda one, base: f"On as many cores {one['workers']} workers of {one['threads']} thread{'s' * (one['threads'] > 1)} by "
               f"{one['communication']} are" if one["workers"] > 1 and one["workers"] * one["threads"] == base["threads"] else None,
               lambda base: f"one of {base['threads']}"),
    Comparison(("communication",), lambda one: one["communication"] == "ddp", lambda one, base: f"With {one['workers']} workers zero1 is",
               lambda base: "ddp", more=_state),
    Comparison(("precision",), lambda one: one["precision"] == "float32", lambda one, base: f"{one['precision']} is", lambda base: "float32"),
    Comparison(("tables",), lambda one: one["tables"] == "adam", lambda one, base: f"{one['tables']} for tables is", lambda base: "adam",
               more=_state),
)


def _pairs(points, comparison):
    """(what, with what, device) -> [(point, base)]."""
    alike = [name for name in (*NAMES, "device_name") if name not in comparison.axes]
    bases, found = {}, {}
    for one in points:
        if comparison.base(one):
            bases.setdefault(tuple(one[name] for name in alike), []).append(one)
    for one in points:
        for base in bases.get(tuple(one[name] for name in alike), ()):
            what = None if comparison.base(one) else comparison.of(one, base)
            if what is not None:
                found.setdefault((what, comparison.to(base), one["device"]), []).append((one, base))
    return found


def _said(pairs):
    """A ratio of speeds, or that there is none."""
    noise = max(0.05, statistics.fmean((one["spread"] + base["spread"]) / 2 for one, base in pairs))
    least, *_, most = sorted(pairs * 2, key=lambda pair: _ratio([pair], "examples_per_second"))
    low, high = (_ratio([pair], "examples_per_second") for pair in (least, most))
    if low < 1 - noise and high > 1 + noise:
        return " to ".join(f"{_number(_ratio([pair], 'examples_per_second'))} ({pair[0]['batch_auctions']} auctions)" for pair in (least, most))
    ratio = _ratio(pairs, "examples_per_second")
    return "1.0x (no difference)" if abs(ratio - 1) <= noise else _number(ratio)


def _place(pairs, device):
    batches = sorted({one["batch_auctions"] for one, _ in pairs})
    size = f"{batches[0]} auctions" if len(batches) == 1 else f"{batches[0]} to {batches[-1]} auctions"
    return f"({device}, {size} in a step{f', {len(pairs)} pairs' if len(pairs) > 1 else ''})"


def _listed(texts):
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _comparisons(points):
    for comparison in COMPARISONS:
        for (what, to, device), pairs in _pairs(points, comparison).items():
            by = {}
            for pair in pairs:
                by.setdefault(comparison.by(pair[0]), []).append(pair)
            first, *others = ((_said(some), name) for name, some in by.items())
            texts = [f"{first[0]} as fast as {to} {first[1]}", *(f"{said} {name}" for said, name in others)]
            yield f"{what} {_listed(texts)}{comparison.more(pairs)} {_place(pairs, device)}."


def _batches(points):
    """The largest batch of a model with its smallest."""
    groups = {}
    for one in points:
        groups.setdefault(tuple(one[name] for name in (*NAMES, "device_name") if name != "batch_auctions"), []).append(one)
    found = {}
    for some in groups.values():
        least, most = (choose(some, key=lambda one: one["batch_auctions"]) for choose in (min, max))
        if least["batch_auctions"] < most["batch_auctions"]:
            found.setdefault((most["batch_auctions"], least["batch_auctions"], most["device"]), []).append((most, least))
    for (most, least, device), pairs in found.items():
        models = {}
        for pair in pairs:
            models.setdefault(pair[0]["model"], []).append(pair)
        (first, some), *others = models.items()
        texts = [f"{_said(some)} as fast as with {least} for {first}", *(f"{_said(some)} for {model}" for model, some in others)]
        yield f"With {most} auctions in a step training is {_listed(texts)} ({device})."


def money(dollars, prices):
    return f"{dollars:.2g} {prices['currency']}"


def _cheapest(found, points):
    prices, by_id = found["prices"], {one["id"]: one for one in points}
    reached = [by_id[number] for number in found["pareto"]["target"]]
    if reached:
        cheapest, fastest = min(reached, key=lambda one: one["to_target"]["dollars"]), min(reached, key=lambda one: one["to_target"]["seconds"])
        says = lambda one: f"{one['name']} ({money(one['to_target']['dollars'], prices)}, {one['to_target']['seconds']:.3g} s)"
        yield (f"The cheapest way to a loss of {found['target']['loss']:.4g} is {says(cheapest)}"
               + (", which is the fastest, too." if cheapest is fastest else f"; the fastest is {says(fastest)}."))
    elif found["curves"]:
        yield f"No curve gets to a loss of {found['target']['loss']:.4g}."
    best = max(points, key=lambda one: one["examples_per_dollar"])
    yield f"Most examples for the money: {best['name']}, {best['examples_per_dollar']:.2g} for 1 {prices['currency']}."
    used = max(points, key=lambda one: one["model_flop_utilisation"] or 0)
    if used["model_flop_utilisation"]:
        yield (f"The highest model FLOP utilisation is {100 * used['model_flop_utilisation']:.0f} %, of what one large product reaches there: "
               f"{used['name']}.")


def _logs(points):
    """Models with other fields are trained on other logs, whose clicks are others."""
    fields = sorted({one["fields"] for one in points if one["curve"] is not None})
    if len(fields) > 1:
        yield f"Models with {_listed([*map(str, fields)])} fields are trained on logs of their own: their losses do not compare."


def _too_large(found):
    names = [one["name"] for one in found["points"] if one["status"] == "does not fit"]
    if names:
        yield f"{_listed(names)} {'does' if len(names) == 1 else 'do'} not fit into memory."
    names = [one["name"] for one in found["points"] if one["status"] == "failed"]
    if names:
        yield f"Of {_listed(names)} the measurement failed; the same command tries again."


def _planned(found):
    held = found["planner"]["held_out"]
    if held["points"]:
        measured = sum(one["status"] == "measured" for one in found["points"])
        yield (f"Of {held['points']} of {measured} measured points, each held out, the planner's step is off by {100 * held['median_error']:.2g} % in the median "
               f"and by at most {100 * held['p90_error']:.2g} % in nine of ten.")


def sentences(found):
    """Of a document that has everything else."""
    points = [one for one in found["points"] if one["status"] == "measured"]
    said = [*_cheapest(found, points), *_logs(points), *_comparisons(points), *_batches(points)] if points else []
    return [*said, *_too_large(found), *_planned(found)]
