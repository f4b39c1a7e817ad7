"""A study of arithmetic for people: tables in Markdown."""

from markdown_text import number, percent, table


def _digits(found, metric):
    """(task, split) -> decimals of an error: none where the errors of some loss are large."""
    large = {(result["task"], result["split"]) for result in found["results"] if (result["over_seeds"][metric]["mean"] or 0) >= 100}
    return lambda one: 0 if (one["task"], one["split"]) in large else 1


def _difference(summary, scale, digits):
    """Bold where the interval does not hold 0."""
    if summary["mean"] is None:
        return ""
    text = f"{scale * summary['mean']:+.{digits}f}"
    if summary["t95"] is None:
        return text
    lo, hi = summary["t95"]
    text += f" ± {scale * (hi - lo) / 2:.{digits}f}"
    return f"**{text}**" if lo > 0 or hi < 0 else text


def _rows(found):
    rows, mae_digits, median_digits = [], _digits(found, "mae"), _digits(found, "median_absolute_error")
    for result in found["results"]:
        over, against = result["over_seeds"], result["against"]
        rows.append([
            f"{result['task']}, `{result['split']}`", f"`{result['loss']}`", percent(over["accuracy"]["mean"]),
            "" if against is None else _difference(against["accuracy"], 100, 1), number(over["mae"]["mean"], mae_digits(result)),
            "" if against is None else _difference(against["mae"], 1, mae_digits(result)),
            number(over["median_absolute_error"]["mean"], median_digits(result)), percent(over["no_number"]["mean"])])
    return rows


def _claims(found):
    rows, mae_digits = [], _digits(found, "mae")
    for claim in found["claims"]:
        summary = {"mean": claim["value"], "t95": claim["t95"]}
        share = claim["metric"] == "accuracy"
        shown = _difference(summary, 100 if share else 1, 1 if share else mae_digits(claim))
        verdict = claim["verdict"] if claim["verdict"] == "not told apart" else f"**{claim['verdict']}**"
        rows.append([f"{claim['task']}, `{claim['split']}`", f"`{claim['loss']}` {claim['claim']}", shown + (" points" if share and shown else ""),
                     verdict])
    return rows


def _chance(chance):
    miss = chance["miss_zero"]
    return (f"Of {chance['intervals']} intervals of differences in accuracy and mean error, those of all splits, "
            f"{miss or 'none'} {'misses' if miss < 2 else 'miss'} 0; {chance['by_chance']:.1f} would by chance if no loss differed. Differences that are 0 in "
            "every seed are not among them.")


def of_arithmetic(found):
    config, seeds = found["config"], len(found["config"]["seeds"])
    failed = sum(record["error"] is not None for result in found["results"] if result["split"] == "train" for record in result["seeds"])
    lines = [f"    {found['command']} --out OUT", "",
             f"Seeds {', '.join(map(str, config['seeds']))}. " + (
                 "Means over the seeds; differences to `cross_entropy` of the same seed (the same problems, batches and first weights) with "
                 "Student's t of 95 % over the seeds, bold where they do not hold 0: they say what other seeds would give." if seeds > 1
                 else "One seed: nothing is said of others.")
             + (f" {failed} of {seeds * len(config['tasks']) * len(config['losses'])} trainings exploded, and count nowhere." if failed else ""), ""]
    if found["claims"]:
        lines += [*table(["task, split", "claim", "difference", "found"], _claims(found))]
    if found["chance"]["intervals"]:
        lines += [_chance(found["chance"]), ""]
    lines += table(["task, split", "loss", "accuracy, %", "difference, points", "MAE", "difference", "median error", "no number, %"], _rows(found))
    return "\n".join(lines)
