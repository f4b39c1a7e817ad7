"""What number-token losses promise, whatever a study finds, as rows with what was found; and how much of it chance would find."""

import intervals

CLAIMS = (("mae", -1, "lowers the mean absolute error"), ("accuracy", 1, "raises the share of exact answers"))
LOSSES = ("ntl_was", "ntl_mse")
SPLITS = ("interpolation", "extrapolation")  # what was not trained on, and can be answered
COUNTED = ("accuracy", "mae")  # differences that count among those that chance may tell apart


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
            "metric": metric, "value": found["mean"], "t95": found["t95"],
            "verdict": intervals.OPEN if found["t95"] is None else intervals.verdict(found["t95"], sign > 0)}


def chance(results):
    return intervals.chance(result["against"][metric]["t95"] for result in results if result["against"] is not None for metric in COUNTED)
