"""What the stages of one (scenario, seed) come to: a record for each loss."""

import intervals
from grid import BASELINES, RIVALS

METRICS = ("welfare", "oracle_welfare", "regret", "revenue", "surplus", "relative", "regret_removed", "regret_removed_of_rival",
           "revenue_relative", "surplus_relative", "logloss_relative", "auc_difference", "auc", "logloss", "calibration",
           "winners_calibration", "validation_welfare", "cpu_seconds", "teacher_cpu_seconds")


def better(market, contestants, names):
    """Of those of some names, the one with the most welfare on validation; None without any."""
    known = [one for one in contestants if one.name in names]
    return max(known, key=lambda one: market.student(one)["result"]["metrics"]["validation.welfare"], default=None)


def baseline(market, contestants):
    return better(market, contestants, BASELINES)


def _mean(parts, field, weight="auctions"):
    """Of a metric over parts that were played one by one; of `weight` as many as say something of it."""
    if any(part[field] is None for part in parts):
        return None
    total = sum(int(part[weight]) for part in parts)
    return sum(int(part[weight]) * part[field] for part in parts) / total if total else None


def _played(parts):
    """The metrics of all parts. AUC and the winners' calibration are means over the parts."""
    metrics = {field: _mean(parts, field) for field in ("welfare", "oracle_welfare", "regret", "revenue", "surplus", "auc")}
    metrics["logloss"] = _mean(parts, "logloss", "rows")
    metrics["calibration"] = _mean(parts, "calibration", "clicks")
    metrics["winners_calibration"] = _mean(parts, "winner_calibration", "sold")
    return metrics


def _ratio(a, b):
    return None if a is None or b is None or b <= 0 else a / b


def _minus(a, b):
    return None if a is None or b is None else a - b


def _g4(result):
    """The bound and what it is of: both on the test auctions of the log."""
    if result["g4"] is None:
        return None
    certified = result["g4"] == "certified"
    regret = result["metrics"].get("test.regret")
    bound = result["g4_bound"]
    return {"verdict": result["g4"], "bound": bound, "regret": regret, "eps_b": result["eps_b"],
            "holds": regret <= bound if certified and None not in (regret, bound) else None}


def records(market, contestants, ranges, seconds):
    """Contestant -> its record. REQUIRES: all stages are kept."""
    base = baseline(market, contestants)
    plays = {one: [market.store.get("play", market.play_of(one, base, *part))["result"] for part in ranges]
             for one in contestants if one != base}
    played = {one: _played([part["own"] for part in parts]) for one, parts in plays.items()}
    played[base] = _played([part["base"] for part in next(iter(plays.values()))])
    auctions = sum(n for _, n in ranges)
    rival = better(market, contestants, RIVALS)
    found = {}
    for one in contestants:
        own, of_base = played[one], played[base]
        kept = market.student(one)
        teacher = market.kept_teacher(one) if one.labels == "teacher" else None
        relative, ci95 = 0.0, None
        if one != base:
            parts = []
            for (_, n), part in zip(ranges, plays[one]):
                _, error = intervals.inverted(part["base_over_own"]["relative"], part["base_over_own"]["relative_ci95"])
                parts.append((n, part["own"]["welfare"], part["base"]["welfare"], error))
            relative, ci95 = intervals.pooled(parts)
        against = lambda other: None if market.scenario.control else _minus(1, _ratio(own["regret"], other["regret"]))
        found[one] = {
            "seed": market.seed, "baseline": base.name, "auctions": auctions, **own, "relative": relative, "relative_ci95": ci95,
            "regret_removed": against(of_base),
            "regret_removed_of_rival": None if rival is None else against(played[rival]),
            "revenue_relative": _minus(_ratio(own["revenue"], of_base["revenue"]), 1),
            "surplus_relative": _minus(_ratio(own["surplus"], of_base["surplus"]), 1),
            "logloss_relative": _minus(_ratio(own["logloss"], of_base["logloss"]), 1),
            "auc_difference": _minus(own["auc"], of_base["auc"]),
            "validation_welfare": kept["result"]["metrics"]["validation.welfare"],
            "cpu_seconds": kept["cpu_seconds"] if seconds else None,
            "teacher_cpu_seconds": teacher["cpu_seconds"] if seconds and teacher else None,
            "g4": _g4(kept["result"])}
    return found
