"""Intervals of 95 %."""

import math
import statistics

Z975 = statistics.NormalDist().inv_cdf(0.975)


def load():
    """Loaded when a study begins: it takes longer than the rest of the program. scipy.stats has the same, and takes seconds."""
    from scipy import special

    return special


def t_interval(values):
    """[lo, hi] of the mean, by Student's t; None for fewer than two values."""
    if len(values) < 2:
        return None
    half = float(load().stdtrit(len(values) - 1, 0.975)) * statistics.stdev(values) / math.sqrt(len(values))
    mean = statistics.fmean(values)
    return [mean - half, mean + half]


HOLDS, NOT, OPEN = "holds", "does not hold", "not told apart"


def verdict(t95, higher):
    """Of the claim that a difference is above 0 (`higher`) or below: it holds or does not where the whole interval says so."""
    low, high = t95 if higher else (-t95[1], -t95[0])
    if low > 0:
        return HOLDS
    return NOT if high < 0 else OPEN


def chance(found):
    """Of intervals of differences: how many miss 0, and how many would where nothing differed. A difference that is 0 in every
    seed is not counted: it can miss nothing."""
    known = [t95 for t95 in found if t95 is not None and t95 != [0, 0]]
    return {"intervals": len(known), "miss_zero": sum(lo > 0 or hi < 0 for lo, hi in known), "by_chance": 0.05 * len(known)}


def over_seeds(values):
    """What is said of a metric over seeds; of None, nothing is known."""
    known = [value for value in values if value is not None]
    if not known:
        return {"mean": None, "t95": None, "least": None, "greatest": None, "positive": 0, "seeds": 0}
    return {"mean": statistics.fmean(known), "t95": t_interval(known), "least": min(known), "greatest": max(known),
            "positive": sum(value > 0 for value in known), "seeds": len(known)}


def inverted(ratio, ci95):
    """Of base / own - 1 with its interval: own / base - 1 with its own, by the delta method, which is exact in this."""
    factor = 1 / (1 + ratio)
    value = factor - 1
    if ci95 is None:
        return value, None
    half = (ci95[1] - ci95[0]) / 2 * factor * factor
    return value, half / Z975


def pooled(parts):
    """The relative difference over parts of the auctions, and its interval: parts are (auctions, own, base, standard
    error of own / base - 1), of auctions that are independent between parts."""
    auctions = sum(part[0] for part in parts)
    own = sum(part[0] * part[1] for part in parts) / auctions
    base = sum(part[0] * part[2] for part in parts) / auctions
    value = own / base - 1
    if any(part[3] is None for part in parts):
        return value, None
    error = math.sqrt(sum((n / auctions * b / base * e) ** 2 for n, _, b, e in parts))
    return value, [value - Z975 * error, value + Z975 * error]
