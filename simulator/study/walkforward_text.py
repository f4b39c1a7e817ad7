"""A walk-forward for people: tables in Markdown."""

from intervals import OPEN
from markdown_text import interval, known_columns, number, percent, table

_share = lambda value: percent(value, 2)
_plain = lambda value: number(value, 3)
_more = lambda value: percent(value, 2, sign=True)
_signed = lambda value: f"{value:+.3f}"


def _interval(summary, seeds, show):
    """Where it is not known of every seed, as of one that never trades, of how many it is."""
    said = interval(summary, show)
    return said if summary["seeds"] == seeds else f"{said or '-'} [{summary['seeds']} of {seeds} seeds]"


def _hold(found, cost):
    return next(line for line in found["buy_and_hold"] if line["cost"] == cost)


def _rows(found, cost):
    """A heading of columns and the rows below it, without columns in which nothing is known: no loss is `mse`."""
    head = ["model", "loss", "ARC %", "ASD %", "IR*", "IR**", "maximum drawdown %", "trades", "long %", "short %",
            "ARC over buy and hold, points", "IR* over mse", "IR** over mse", "of random trades it beats, by IR*, %"]
    rows, seeds = [], len(found["config"]["seeds"])
    for result in found["results"]:
        if result["cost"] != cost:
            continue
        over, against = result["over_seeds"], result["against"]
        rows.append([
            result["model"], result["loss"], interval(over["arc"], _share), _share(over["asd"]["mean"]), _interval(over["ir"], seeds, _plain),
            _interval(over["ir2"], seeds, _plain), _share(over["max_drawdown"]["mean"]), number(over["trades"]["mean"], 0),
            _share(over["share_long"]["mean"]), _share(over["share_short"]["mean"]), interval(over["arc_over_hold"], _more),
            *("" if against is None else _interval(against[metric], seeds, _signed) for metric in ("ir", "ir2")),
            _share(over["random_ir_quantile"]["mean"])])
    hold = _hold(found, cost)
    rows.append(["buy and hold", "", _share(hold["arc"]), _share(hold["asd"]), _plain(hold["ir"]), _plain(hold["ir2"]),
                 _share(hold["max_drawdown"]), str(hold["trades"]), _share(hold["share_long"]), _share(hold["share_short"]), "", "", "", ""])
    return known_columns(head, rows)


def _claims(found):
    rows, seeds = [], len(found["config"]["seeds"])
    for claim in found["claims"]:
        show = (lambda value: f"{value:+.1f}") if claim["metric"] == "trades" else _signed
        summary = {"mean": claim["value"], "t95": claim["t95"], "seeds": claim["seeds"]}
        verdict = claim["verdict"] if claim["verdict"] == OPEN else f"**{claim['verdict']}**"
        rows.append([f"{percent(claim['cost'], 2)} %", claim["model"], claim["loss"], claim["claim"], claim["against"],
                     _interval(summary, seeds, show), verdict])
    return table(["costs", "model", "loss", "claim", "against", "difference", ""], rows) if rows else []


def _chance(chance, against):
    miss = chance["miss_zero"]
    return (f"Of {chance['intervals']} intervals of differences in IR* to {against}, of all losses, {miss or 'none'} {'misses' if miss < 2 else 'miss'} 0; "
            f"{chance['by_chance']:.1f} would by chance if no loss differed.")


def of_walkforward(found):
    config, windows = found["config"], found["windows"]
    first, last = windows[0]["out_of_sample"], windows[-1]["out_of_sample"]
    seeds = len(config["seeds"])
    lines = [f"    {found['command']} --out OUT", "",
             f"{len(windows)} windows; out of sample from {first['first']} to {last['last']}, {found['buy_and_hold'][0]['periods']:,} periods; "
             f"seeds {', '.join(map(str, config['seeds']))}. Candidates, epochs and thresholds were chosen on each window's validation part. "
             + ("Means over the seeds, with Student's t of 95 % where there are brackets: they say what other seeds would give on this series, "
                "nothing of other series or times. Buy and hold has no seeds: networks without skill, too, agree on the luck of this one path, so that "
                "an interval beside it says less than one between losses." if seeds > 1 else "One seed: nothing is said of others."), ""]
    if rows := _claims(found):
        lines += ["### Claims", "", *rows]
    if found["chance"]["intervals"]:
        lines += [_chance(found["chance"], next(result["against"]["loss"] for result in found["results"] if result["against"])), ""]
    for cost in config["costs"]:
        lines += [f"### Costs of {percent(cost, 2)} % for each unit that the position changes by", "",
                  *table(*_rows(found, cost))]
    return "\n".join(lines)
