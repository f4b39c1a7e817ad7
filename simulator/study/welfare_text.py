"""A study of welfare for people: tables in Markdown."""

from claims import STUDENT
from markdown_text import interval, number, percent, table


def _seeds(study):
    seeds = study["config"]["seeds"]
    return f"seed {seeds[0]}" if len(seeds) == 1 else f"{len(seeds)} seeds ({', '.join(map(str, seeds))})"


def _losses(study, scenario):
    rows = []
    costs = {claim["loss"]: claim["value"] for claim in study["claims"] if claim["kind"] == "cost" and claim["where"] == scenario["name"]}
    for loss in scenario["losses"]:
        over = loss["over_seeds"]
        removed = over["regret_removed"]
        gain = lambda value: percent(value, 3, sign=True)
        rows.append([
            f"**{loss['name']}**" if loss["name"] == STUDENT else loss["name"],
            interval(over["relative"], gain), interval(removed, percent), percent(removed["least"]),
            "" if removed["mean"] is None else f"{removed['positive']} of {removed['seeds']}",
            interval(over["regret_removed_of_rival"], percent), percent(over["revenue_relative"]["mean"], 1, sign=True),
            number(over["auc"]["mean"], 4), percent(over["logloss_relative"]["mean"], 1, sign=True),
            number(over["calibration"]["mean"]), number(over["winners_calibration"]["mean"]),
            number(over["cpu_seconds"]["mean"], 1), number(costs.get(loss["name"]))])
    return table(["loss", "welfare %", "regret removed %", "worst seed", "above 0", "of the regret of bid_logloss %", "revenue %", "AUC",
                   "log loss %", "calibration", "winners", "CPU s", "with its teacher, a point removed"], rows)


def _shown(claim, value):
    if value is None:
        return ""
    if claim["unit"] == "share":
        small = max(abs(claim["value"] or 0), abs((claim["ci95"] or [0])[0])) < 0.02
        return percent(value, 3 if small else 1, sign=True) + " %"
    return number(value, 0 if claim["unit"] == "seeds" else 2)


def _claims(study):
    verdict = {True: "met", False: "**not met**", None: "-"}
    rows = []
    for claim in study["claims"]:
        if claim["kind"] == "cost":
            continue  # a column of the scenario's table
        found = "" if claim["ci95"] is None else " to ".join(_shown(claim, end) for end in claim["ci95"])
        against = {"baseline": "better log loss", "rival": "best bid_logloss"}.get(claim["against"], claim["against"] or "")
        rows.append([claim["where"], claim["claim"], claim["loss"], against, _shown(claim, claim["value"]), found, claim["goal"] or "",
                     verdict[claim["holds"]], claim["note"] or ""])
    return table(["scenario", "claim", "loss", "against", "found", "95 % interval", "goal", "", "note"], rows)


def _settings(study):
    own = any(loss["settings"] and not loss["tuned"] for scenario in study["scenarios"] for loss in scenario["losses"])
    if study["config"]["tuned"]:
        return " Losses were tuned with the same budget, but for those with settings of their own." if own else \
            " All losses were tuned with the same budget."
    return " No loss was tuned: they have their defaults, or settings of their own." if own else " No loss was tuned: all have their defaults."


def of_study(study):
    config = study["config"]
    seeds = len(config["seeds"])
    program = study["provenance"]["programs"]["vickrey-train"]
    lines = [f"    {study['command']} --out OUT", "",
             f"{_seeds(study)}; for each a market, {config['train']:,} auctions to train on, {config['validation']:,} for validation, and fresh "
             f"ones to play: {config['auctions']:,}, and of controls {config['control_auctions']:,} over all seeds. Version {program['version']}, "
             f"commit {program['commit'] or 'unknown'}, LibTorch {program['libtorch']}; {study['provenance']['machine']['processor']}.",
             "Compared with the better of `logloss` on clicks and on the teacher's labels, chosen on validation for each seed. Intervals are "
             + ("Student's t over the seeds, 95 %." if seeds > 1 else "over the auctions of the one seed, where there are any: nothing is said of "
                "other seeds.")
             + _settings(study), ""]
    lines += ["### Claims and goals", "", *_claims(study)]
    for scenario in study["scenarios"]:
        network = scenario["network"]["architecture"] + (f" {scenario['network']['hidden']}" if "hidden" in scenario["network"] else "")
        chosen = ", ".join(f"{name} {number}" for name, number in scenario["baselines"].items())
        lines += [f"### {scenario['name']}: {network}" + (", the truth (control)" if scenario["control"] else ""), "",
                  f"The baseline was, in so many seeds: {chosen}.", "", *_losses(study, scenario)]
    if study["seconds"] is not None:
        lines += [f"CPU time: {study['seconds']['total']:,.0f} s in all; " + ", ".join(
            f"{name} {stage['number']} x {stage['mean']:.1f} s" for name, stage in study["seconds"]["stages"].items()) + ".", ""]
    return "\n".join(lines)
