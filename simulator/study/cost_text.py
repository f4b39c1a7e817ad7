"""A study of costs for people: tables in Markdown."""

import collections

from cost_sentences import money
from markdown_text import known_columns, number, percent, table


def count(value):
    """Of examples and the like: three digits."""
    if value is None:
        return ""
    for least, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= least:
            return f"{value / least:.3g} {unit}"
    return f"{value:.3g}"


def _mib(value):
    return "" if value is None else f"{value / 2**20:.0f}"


def _seconds(value):
    return "" if value is None else f"{value:.3g}"


def _to_target(one, prices):
    return ["", ""] if one["to_target"] is None else [_seconds(one["to_target"]["seconds"]), money(one["to_target"]["dollars"], prices)]


def _points(found):
    rows = []
    for one in found["points"]:
        if one["status"] != "measured":
            rows.append([one["name"], f"**{one['status']}**: {one['error']}", *[""] * 10])
            continue
        rows.append([one["name"], count(one["parameters"]), count(one["examples_per_second"]), percent(one["spread"], 0),
                     count(one["examples_per_dollar"]), _mib(one["host_peak_bytes"]), _mib(one["device_peak_bytes"]),
                     percent(one["communication_share"], 0), percent(one["model_flop_utilisation"], 1),
                     _seconds(one["loss_per_dollar"]), *_to_target(one, found["prices"])])
    return table(*known_columns(["point", "parameters", "examples/s", "spread, %", f"examples per {found['prices']['currency']}", "host MiB", "device MiB",
                  "communication, %", "MFU, %", f"loss per {found['prices']['currency']}", "to the target, s", "costs"], rows))


def _budgets(found):
    names = {one["id"]: one["name"] for one in found["points"]}
    rows = [[money(one["dollars"], found["prices"]), names.get(one["point"], ""), number(one["loss"], 5),
             _seconds(one["seconds"]) + (", where its curve ends" if one["clipped"] else "")] for one in found["budgets"]]
    return table(["budget", "best point", "loss", "seconds"], rows)


def _pareto(found):
    by_id = {one["id"]: one for one in found["points"]}
    rows = [[one["name"], *_to_target(one, found["prices"])] for one in (by_id[number_] for number_ in found["pareto"]["target"])]
    return table(["no other is both faster and cheaper", "seconds", "costs"], rows)


def _planner(found):
    rows = []
    for one in found["planner"]["groups"]:
        held, ahead = one["held_out"], one["extrapolation"]
        rows.append([one["group"], str(one["points"]), percent(held["median_error"]), percent(held["p90_error"]),
                     "" if ahead is None else percent(ahead["median_error"]), one["why"] or ""])
    return table(["group", "points", "held out: median error, %", "90 %", "largest batches held out, %", ""], rows)


def _predictions(found):
    every, link = found["planner"]["predictions"], found["config"]["link"]
    known = [one for one in every if one["error"] is None]
    rows = [[one["name"], one["from"], count(one["examples_per_second"]), percent(one["communication_share"], 0), count(one["examples_per_dollar"]),
             *_to_target(one, found["prices"])] for one in known]
    network = ("a network as the processes of this machine have among them" if link is None
               else "a network of {} microseconds and {} GB/s (`--link`)".format(*link.split(",")))
    lines = [f"**Predicted, not measured**, by {network}, whether or not it fits into memory:", "",
             *table(*known_columns(
                 ["prediction", "of", "examples/s", "communication, %", f"examples per {found['prices']['currency']}", "to the target, s", "costs"], rows))]
    why, notes = (collections.Counter(one[key] for one in every if one[key] is not None) for key in ("error", "note"))
    said = [*(f"- {number_} not predicted: {error}." for error, number_ in why.items()),
            *(f"- Of {number_} of them: {note}." for note, number_ in notes.items())]
    return lines + said + [""] * bool(said)


def of_cost(found):
    prices, target = found["prices"], found["target"]
    lines = [f"    {found['command']} --out OUT", ""]
    if prices["placeholder"]:
        lines += ["**Prices are placeholders**: give your own by `--prices`. Of an hour, in " + prices["currency"] + ": "
                  + ", ".join(f"{name} {price:g}" for name, price in prices["devices"].items()) + ".", ""]
    lines += [f"- {sentence}" for sentence in found["sentences"]] + [""]
    lines += [*_points(found)]
    if target is not None:
        lines += [f"The target is a validation log loss of {target['loss']:.5f} nats, "
                  + ("as given." if target["given"] else "the median of what the curves end with."), "", *_pareto(found), *_budgets(found)]
    lines += [*_planner(found)]
    if found["planner"]["predictions"]:
        lines += _predictions(found)
    if found["left_out"]:
        lines += [*table(["left out", "why"], [[one["point"], one["why"]] for one in found["left_out"]])]
    return "\n".join(lines)
