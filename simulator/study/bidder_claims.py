"""What a study of bidders was made to find out, as rows: the same claims whatever the log, and whatever comes out.

A claim is that one of two does better, seed by seed. It holds where the whole interval of the difference says so, does not
hold where the whole interval says the contrary, and is not told apart where the interval has 0 inside. Intervals are over
seeds: a difference that is the same in every seed, as where nothing is trained, is one observation, and judged by none.
"""

import intervals

SAME = "the same in every seed"


def verdict(found, higher):
    """Of a difference over seeds; None without an interval."""
    if found["t95"] is None:
        return None
    return SAME if found["least"] == found["greatest"] else intervals.verdict(found["t95"], higher)


def _claim(claim, kind, where, who, against, metric, higher, found, relative):
    return {"claim": claim, "kind": kind, "where": where, "who": who, "against": against, "metric": metric,
            "better": "higher" if higher else "lower", "value": found["mean"], "t95": found["t95"], "relative": relative, "seeds": found["seeds"],
            "verdict": verdict(found, higher), "note": _note(found)}


def _note(found):
    if found["mean"] is None:
        return "not known"
    return "one seed: no interval" if found["t95"] is None else None


def _against(row, unpaced=False, **wanted):
    """The comparison of a bidder with one that has these fields, in the same setting, or with itself `unpaced`."""
    return next((one for one in row["against"] if one["unpaced"] == unpaced and all(one[key] == value for key, value in wanted.items())), None)


def _ratio(value, of):
    return value / of if value is not None and of else None


LOWER = (("mae", "MAE"), ("rmse", "RMSE"), ("crps", "CRPS"))  # what number-token losses are said to improve


def _forecasts(document):
    """Number-token losses forecast numbers better than cross-entropy; a trained distribution knows more than a constant one."""
    kinds = {head["head"]: head for head in document["heads"]}
    for head in document["heads"]:
        for one in head["against"]:
            other = kinds[one["head"]]
            claim = lambda text, metric: _claim(text, "forecast", head["encoding"], head["head"], other["head"], metric, False, one[metric],
                                                _ratio(one[metric]["mean"], other["over_seeds"][metric]["mean"]))
            if other["loss"] == "ce":
                yield from (claim(f"{head['loss']} beats cross-entropy in {name}", metric) for metric, name in LOWER)
            elif head["encoding"] in ("bins", "digits"):
                yield claim("a trained distribution knows more than a constant one", "crps")


def where(bidder):
    """A setting in words."""
    share, fee = bidder["budget_share"], bidder["fee"]
    return ", ".join(filter(None, ("no budget" if share is None else f"budget {share:g}", "paced" if bidder["paced"] else "",
                                   f"fee {fee:g}" if fee else "")))


def _settings(document):
    """Where money is claimed to be earned: without a budget, and with the tightest, paced; at the first fee."""
    bidders = document["bidders"]
    fee = min((bidder["fee"] for bidder in bidders), default=0)
    shares = [bidder["budget_share"] for bidder in bidders if bidder["budget_share"] is not None]
    return fee, [(None, False)] + ([(min(shares), True)] if shares else [])


def _decisions(bidder, mse):
    gmadl = mse is not None and _against(bidder, bidder="decision", head=mse)
    if gmadl and bidder["loss"] == "gmadl":
        yield "gmadl's decisions earn more than mse's", gmadl
    chance = _against(bidder, bidder="random")
    if chance:
        yield "decisions by a forecast earn more than random purchases, at most as many", chance
    truth = _against(bidder, bidder="truthful")
    if truth:
        yield "deciding by a forecast of value - price earns more than bidding the value", truth


def _bids(bidder, kinds):
    head = kinds[bidder["head"]]
    marginal = _against(bidder, bidder="optimal", head="marginal")
    if marginal:
        yield "a trained distribution earns more at the first price than a constant one", marginal
    ce = next((one["head"] for one in kinds.values() if (one["encoding"], one["loss"]) == (head["encoding"], "ce")), None)
    ce = ce and _against(bidder, bidder="optimal", head=ce)
    if ce and head["loss"].startswith("ntl_"):
        yield f"bids by {head['loss']} earn more than by cross-entropy", ce
    shaded = _against(bidder, bidder="shaded")
    if shaded and head["encoding"] == "marginal":
        yield "bidding by a distribution earns more at the first price than a constant share of the value", shaded


def _money(document):
    kinds = {head["head"]: head for head in document["heads"]}
    mse = next((head["head"] for head in document["heads"] if (head["encoding"], head["loss"]) == ("decision", "mse")), None)
    fee, settings = _settings(document)
    for share, paced in settings:
        for bidder in document["bidders"]:
            if (bidder["fee"], bidder["budget_share"], bidder["paced"]) != (fee, share, paced):
                continue
            name = f"{bidder['bidder']} {bidder['head']}".strip()
            found = []
            if bidder["bidder"] == "decision":
                found = [("decision", *one) for one in _decisions({**bidder, "loss": kinds[bidder["head"]]["loss"]}, mse)]
            elif bidder["bidder"] == "optimal":
                found = [("bid", *one) for one in _bids(bidder, kinds)]
            elif bidder["bidder"] == "truthful" and _against(bidder, unpaced=True):
                found = [("pacing", "pacing earns more with a tight budget", _against(bidder, unpaced=True))]
            for kind, text, one in found:
                against = f"{one['bidder']} {one['head']}".strip() + (", not paced" if one["unpaced"] else "")
                relative = None if one["bidder"] == "random" else one["profit_relative"]["mean"]  # of next to nothing
                yield _claim(text, kind, where(bidder), name, against, "profit", True, one["profit"], relative)


def claims(document):
    return [*_forecasts(document), *_money(document)]
