"""A walk-forward for people: tables in Markdown."""

from markdown_text import interval, number, percent, table

_share = lambda value: percent(value, 2)
_plain = lambda value: number(value, 3)
_more = lambda value: percent(value, 2, sign=True)


def _hold(found, cost):
    return next(line for line in found["buy_and_hold"] if line["cost"] == cost)


def _rows(found, cost):
    rows = []
    for result in found["results"]:
        if result["cost"] != cost:
            continue
        over, against = result["over_seeds"], result["against"]
        rows.append([
            result["model"], result["loss"], interval(over["arc"], _share), _share(over["asd"]["mean"]), interval(over["ir"], _plain),
            interval(over["ir2"], _plain), _share(over["max_drawdown"]["mean"]), number(over["trades"]["mean"], 0),
            _share(over["share_long"]["mean"]), _share(over["share_short"]["mean"]), interval(over["arc_over_hold"], _more),
            "" if against is None else interval(against["ir2"], lambda value: f"{value:+.3f}"),
            _share(over["random_ir_quantile"]["mean"])])
    hold = _hold(found, cost)
    rows.append(["buy and hold", "", _share(hold["arc"]), _share(hold["asd"]), _plain(hold["ir"]), _plain(hold["ir2"]),
                 _share(hold["max_drawdown"]), str(hold["trades"]), _share(hold["share_long"]), _share(hold["share_short"]), "", "", ""])
    return rows


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
    for cost in config["costs"]:
        lines += [f"### Costs of {percent(cost, 2)} % for each unit that the position changes by", "",
                  *table(["model", "loss", "ARC %", "ASD %", "IR*", "IR**", "maximum drawdown %", "trades", "long %", "short %",
                          "ARC over buy and hold, points", "IR** over mse", "of random trades it beats, by IR*, %"], _rows(found, cost))]
    return "\n".join(lines)
