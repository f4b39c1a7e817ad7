"""What number-token losses promise, whatever a study finds, as rows with what was found; and how much of it chance would find."""

from intervals import OPEN, verdict

CLAIMS = (("mae", -1, "lowers the mean absolute error"), ("accuracy", 1, "raises the share of exact answers"))
LOSSES = ("ntl_was", "ntl_mse")
SPLITS = ("interpolation", "extrapolation")  # what was not trained on, and can be answered
COUNTED = ("accuracy", "mae")  # differences that count among those that chance may tell apart
OUTSIDE = 0.05  # of intervals of 95 % miss 0 where there is no difference


def claims(results):
    rows = []
    for task in dict.fromkeys(result["task"] for result in results):
        for split in SPLITS:
            for loss in LOSSES:
                for result in results:
                    if (result["task"], result["split"], result["loss"]) == (task, split, loss) and result["against"] is not None:
                        rows += [_claim(result, *claim) for claim in CLAIMS]
    return rows


def _claim(result, metric, sign, text):
    found = result["against"][metric]
    return {"claim": text, "task": result["task"], "split": result["split"], "loss": result["loss"], "against": result["against"]["loss"],
            "metric": metric, "value": found["mean"], "t95": found["t95"], "verdict": OPEN if found["t95"] is None else verdict(found["t95"], sign > 0)}


def chance(results):
    """Of the intervals of differences: how many miss 0, and how many would where losses did not differ at all. Differences that
    are 0 in every seed are not counted: they can miss nothing."""
    known = [result["against"][metric]["t95"] for result in results if result["against"] is not None for metric in COUNTED]
    known = [t95 for t95 in known if t95 is not None and t95 != [0, 0]]
    return {"intervals": len(known), "miss_zero": sum(lo > 0 or hi < 0 for lo, hi in known), "by_chance": OUTSIDE * len(known)}
