"""What is said of directional losses, whatever a study finds, as rows with what was found; and how much of it chance would find."""

import intervals

DIRECTIONAL = ("madl", "gmadl")  # what a loss trains by, whatever its name
RATIOS = (("ir", "IR*"), ("ir2", "IR**"))
VARIED = "gmadl"  # the loss whose parameters are said to set the number of trades


def _claim(result, text, metric, against, found, verdict):
    return {"claim": text, "cost": result["cost"], "model": result["model"], "loss": result["loss"], "against": against, "metric": metric,
            "value": found["mean"], "t95": found["t95"], "seeds": found["seeds"], "verdict": verdict}


def _higher(found):
    """Not told apart, too, where it is known of fewer than two seeds."""
    return intervals.OPEN if found["t95"] is None else intervals.verdict(found["t95"], True)


def _trades(result, other):
    """The difference, seed by seed; a claim without a direction holds on either side of 0."""
    found = intervals.over_seeds([a["trades"] - b["trades"] for a, b in zip(result["seeds"], other["seeds"])])
    outside = found["t95"] is not None and (found["t95"][0] > 0 or found["t95"][1] < 0)
    return found, intervals.HOLDS if outside else intervals.OPEN


def claims(results, bases):
    """`bases`: what each name trains by."""
    rows = []
    for result in results:
        if bases[result["loss"]] not in DIRECTIONAL:
            continue
        if result["against"] is not None:
            rows += [_claim(result, f"a higher {name}", metric, result["against"]["loss"], result["against"][metric], _higher(result["against"][metric]))
                     for metric, name in RATIOS]
        over = result["over_seeds"]["ir_over_hold"]
        rows.append(_claim(result, "a higher IR*", "ir", "buy and hold", over, _higher(over)))
        if bases[result["loss"]] == VARIED and result["loss"] != VARIED:
            plain = next((one for one in results if (one["cost"], one["model"], one["loss"]) == (result["cost"], result["model"], VARIED)), None)
            if plain is not None:
                rows.append(_claim(result, "other parameters, another number of trades", "trades", VARIED, *_trades(result, plain)))
    return rows


def chance(results):
    """Of the differences in IR* to the loss that others are compared with."""
    return intervals.chance(result["against"]["ir"]["t95"] for result in results if result["against"] is not None)
