"""What the study was made to find out, as rows that are met or not."""

import math

import intervals
from grid import BASELINES

SHARE_OF_SEEDS = 0.9  # "in 9 of 10 seeds"
STUDENT = "welfare_rank@teacher"

# Goals that were set before the study; regret removed against the better log loss, of STUDENT.
REGRET_GOALS = {"two_segments": 0.38, "intent_bids": 0.48, "brand_queries": 0.25, "thin_tower": 0.0, "hash_collisions": 0.0}
HARD = ("thin_tower", "hash_collisions")
BRAND_RIVAL = 0.25
HEROIC_HARD, HEROIC_RIVAL = 0.25, 0.10
CONTROL_LOSS = 0.0003  # of the welfare, at most, in every seed
MARGIN = -0.0005  # of the welfare: non-inferior where the interval is above it
WINNERS = (0.9, 1.1)


class Study:
    """The records of a study, by scenario and loss."""

    def __init__(self, document):
        self.scenarios = {scenario["name"]: scenario for scenario in document["scenarios"]}

    def records(self, where, name):
        for loss in self.scenarios[where]["losses"]:
            if loss["name"] == name:
                return loss["seeds"]
        return None

    def tuned(self, where, names):
        return all(loss["tuned"] for loss in self.scenarios[where]["losses"] if loss["name"] in names)

    def values(self, where, name, metric):
        """Of each seed; None if the loss is not in the study, or some seed does not know it."""
        records = self.records(where, name)
        if records is None:
            return None
        values = [record[metric] for record in records]
        return None if None in values else values


def _claim(claim, kind, where, loss, against, value, unit, ci95, goal, holds, auctions=None, note=None):
    return {"claim": claim, "kind": kind, "where": where, "loss": loss, "against": against, "value": value, "unit": unit,
            "ci95": ci95, "goal": goal, "holds": holds, "auctions": auctions, "note": note}


def _mean(values):
    return None if values is None else sum(values) / len(values)


def _above(ci95, least):
    return None if ci95 is None else ci95[0] > least


def _enough(values, least, strict):
    """Whether nine tenths of the seeds reach it."""
    if values is None:
        return None
    reached = sum(value > least if strict else value >= least for value in values)
    return reached >= math.ceil(SHARE_OF_SEEDS * len(values) - 1e-9)


def _auctions(study, where, name):
    records = study.records(where, name)
    return None if records is None else sum(record["auctions"] for record in records)


def _interval(study, where, name, metric):
    """Over seeds; with one seed over its auctions, where that is known."""
    values = study.values(where, name, metric)
    if values is None:
        return None
    if len(values) == 1:
        return study.records(where, name)[0]["relative_ci95"] if metric == "relative" else None
    return intervals.t_interval(values)


def _welfare(study, where):
    ci95 = _interval(study, where, STUDENT, "relative")
    yield _claim("welfare-weighted rank loss creates more welfare than the better log loss", "paper", where, STUDENT, "baseline",
                 _mean(study.values(where, STUDENT, "relative")), "share", ci95, "ci95 above 0", _above(ci95, 0),
                 _auctions(study, where, STUDENT))


def _teacher_labels(study, where):
    taught, clicks = (study.values(where, f"welfare_rank@{labels}", "welfare") for labels in ("teacher", "click"))
    if taught is None or clicks is None:
        return
    gains = [a / b - 1 for a, b in zip(taught, clicks)]
    ci95 = intervals.t_interval(gains)
    yield _claim("a teacher's labels help the rank loss: more welfare than on clicks", "paper", where, STUDENT, "welfare_rank@click",
                 _mean(gains), "share", ci95, "ci95 above 0", _above(ci95, 0), _auctions(study, where, STUDENT))


def _winners(study, where):
    values = study.values(where, STUDENT, "winners_calibration")
    mean = _mean(values)
    yield _claim("predictions of winners stay near their clicks", "paper", where, STUDENT, None, mean, "factor",
                 None if values is None else intervals.t_interval(values), f"mean between {WINNERS[0]} and {WINNERS[1]}",
                 None if mean is None else WINNERS[0] <= mean <= WINNERS[1], _auctions(study, where, STUDENT))


def _bound(study, where):
    records = study.records(where, STUDENT) or []
    held = [record["g4"]["holds"] for record in records if record["g4"] and record["g4"]["holds"] is not None]
    note = None if len(held) == len(records) else f"certified in {len(held)} of {len(records)} seeds only"
    yield _claim("the regret is below the bound G4", "paper", where, STUDENT, None, sum(held) if held else None, "seeds", None,
                 f"all {len(held)} seeds where it is certified", all(held) if held else None, note=note)


def _non_inferior(study, where):
    ci95 = _interval(study, where, STUDENT, "relative")
    auctions = _auctions(study, where, STUDENT)
    note = "fewer than 2,000,000 paired test auctions" if auctions is not None and auctions < 2_000_000 else None
    yield _claim("where the student is the truth, nothing is lost", "paper", where, STUDENT, "baseline",
                 _mean(study.values(where, STUDENT, "relative")), "share", ci95, "ci95 at least -.0005",
                 None if ci95 is None else ci95[0] >= MARGIN, auctions, note)
    values = study.values(where, STUDENT, "relative")
    yield _claim("where the student is the truth, the worst seed loses little", "goal", where, STUDENT, "baseline",
                 None if values is None else min(values), "share", None, "at least -.0003 in every seed",
                 None if values is None else min(values) >= -CONTROL_LOSS, auctions)


def _regret_goal(study, where, least):
    values = study.values(where, STUDENT, "regret_removed")
    goal = f"at least {least} in 9 of 10 seeds" if least > 0 else "above 0 in 9 of 10 seeds"
    yield _claim("regret removed against the better log loss", "goal", where, STUDENT, "baseline", _mean(values), "share",
                 _interval(study, where, STUDENT, "regret_removed"), goal, _enough(values, least, strict=least == 0),
                 _auctions(study, where, STUDENT))


def _heroic_regret(study, where):
    mean = _mean(study.values(where, STUDENT, "regret_removed"))
    yield _claim("regret removed against the better log loss", "heroic", where, STUDENT, "baseline", mean, "share",
                 _interval(study, where, STUDENT, "regret_removed"), f"mean at least {HEROIC_HARD}",
                 None if mean is None else mean >= HEROIC_HARD, _auctions(study, where, STUDENT))


def _rival_goal(study, where, least, kind):
    values = study.values(where, STUDENT, "regret_removed_of_rival")
    mean = _mean(values)
    tuned = study.tuned(where, (STUDENT, "bid_logloss@click", "bid_logloss@teacher"))
    goal = f"mean at least {least}" if least > 0 else "mean not below 0"
    yield _claim("regret removed against bid_logloss", kind, where, STUDENT, "rival", mean, "share",
                 _interval(study, where, STUDENT, "regret_removed_of_rival"), goal, None if mean is None else mean >= least,
                 _auctions(study, where, STUDENT), None if tuned else "neither was tuned: both have their defaults")


def _revenue(study, where):
    values = study.values(where, STUDENT, "revenue_relative")
    mean = _mean(values)
    yield _claim("revenue does not fall", "heroic", where, STUDENT, "baseline", mean, "share",
                 _interval(study, where, STUDENT, "revenue_relative"), "mean not below 0", None if mean is None else mean >= 0,
                 _auctions(study, where, STUDENT))


def _cost(study, where, name):
    """What removing a hundredth of the regret costs: training this student, its teacher included."""
    removed, seconds = study.values(where, name, "regret_removed"), study.values(where, name, "cpu_seconds")
    if removed is None or seconds is None or name in BASELINES:
        return
    teachers = [record["teacher_cpu_seconds"] or 0 for record in study.records(where, name)]
    points = 100 * _mean(removed)
    note = "no regret was removed" if points <= 0 else "with the teacher, which other students of the seed share" if any(teachers) else None
    yield _claim("CPU seconds of training for a point of regret removed", "cost", where, name, "baseline",
                 (_mean(seconds) + _mean(teachers)) / points if points > 0 else None, "cpu seconds per point", None, None, None,
                 _auctions(study, where, name), note)


def claims(document):
    study, rows = Study(document), []
    for where, scenario in study.scenarios.items():
        if study.records(where, STUDENT) is None:
            continue
        if scenario["control"]:
            rows += _non_inferior(study, where)
        else:
            rows += _welfare(study, where)
        rows += _teacher_labels(study, where)
        rows += _winners(study, where)
        rows += _bound(study, where)
        if where in REGRET_GOALS:
            rows += _regret_goal(study, where, REGRET_GOALS[where])
            rows += _rival_goal(study, where, 0.0, "goal")
            if where == "brand_queries":
                rows += _rival_goal(study, where, BRAND_RIVAL, "goal")
            if where in HARD:
                rows += _heroic_regret(study, where)
            rows += _rival_goal(study, where, HEROIC_RIVAL, "heroic")
        rows += _revenue(study, where)
        if not scenario["control"]:
            for loss in scenario["losses"]:
                rows += _cost(study, where, loss["name"])
    return rows
