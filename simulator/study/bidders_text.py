"""A study of bidders for people: tables in Markdown."""

import math

import markdown_text
from bidder_claims import SAME, where
from markdown_text import number, percent, table

DIGITS = {"mae": 2, "rmse": 2, "crps": 3, "log_likelihood": 3, "calibration_error": 4, "marginal_error": 4}
TITLES = {"mae": "MAE", "rmse": "RMSE", "crps": "CRPS", "log_likelihood": "log likelihood", "calibration_error": "calibration error",
          "marginal_error": "marginal error"}
RANDOM = "random, at most as many as "


def interval(summary, show):
    """Without brackets where all seeds say the same."""
    return show(summary["mean"]) if summary["mean"] is not None and summary["least"] == summary["greatest"] else markdown_text.interval(summary, show)


def _plain(metric, more=False):
    return lambda value: f"{value:{'+' if more else ''}.{DIGITS[metric]}f}"


def money(value, more=False):
    return "" if value is None else f"{value:{'+' if more else ''},.0f}"


def name(bidder):
    if bidder["bidder"] == "random":
        return RANDOM + (bidder["head"] or "truthful")
    return f"{bidder['bidder']} {bidder['head']}".strip()


def _forecasts(found):
    rows = [[head["head"], *(interval(head["over_seeds"][metric], _plain(metric)) for metric in DIGITS)] for head in found["heads"]]
    lines = ["### Forecasts of the price", "", *table(["head", *TITLES.values()], rows)]
    rows = [[head["head"], one["head"], *(interval(one[metric], _plain(metric, True)) for metric in DIGITS)]
            for head in found["heads"] for one in head["against"]]
    return [*lines, "Differences, seed by seed; less is better, but of log likelihood.", "",
            *table(["head", "less that of", *TITLES.values()], rows)]


def _settings(found):
    """Fee -> the settings that were played with it, as the lines have them."""
    fees = {}
    for bidder in found["bidders"]:
        setting = (bidder["budget_share"], bidder["paced"])
        fees.setdefault(bidder["fee"], {}).setdefault(setting, where({**bidder, "fee": 0}))
    return fees


def _players(found, fee):
    """Of a fee, in the order of the lines: (bidder, head, mechanism) -> setting -> its row."""
    players = {}
    for bidder in found["bidders"]:
        if bidder["fee"] == fee:
            players.setdefault((bidder["mechanism"], name(bidder)), {})[bidder["budget_share"], bidder["paced"]] = bidder
    return dict(sorted(players.items(), key=lambda one: one[0][0] != "second_price"))


def _profits(found, fee, settings):
    rows = [[who, mechanism.replace("_", " "),
             *(interval(row[setting]["over_seeds"]["profit"], money) if setting in row else "-" for setting in settings)]
            for (mechanism, who), row in _players(found, fee).items()]
    return table(["bidder", "pays", *settings.values()], rows)


def _earned(found, fee, setting):
    rows = []
    for (mechanism, who), row in _players(found, fee).items():
        if setting not in row:
            continue
        over = row[setting]["over_seeds"]
        rows.append([who, mechanism.replace("_", " "), *(interval(over[metric], money) for metric in ("profit", "click_profit", "spend", "value", "buys")),
                     percent(over["win_rate"]["mean"], 2), number(over["clicks"]["mean"], 1)])
    return table(["bidder", "pays", "profit", "profit by clicks", "spent", "value", "bought", "of all, %", "clicks"], rows)


def _compared(found, fee, settings):
    """Relative to a rival, where its profit is above 0; else in money."""
    rows = []
    for (mechanism, who), row in _players(found, fee).items():
        rivals = {}
        for setting, bidder in row.items():
            for one in bidder["against"]:
                if not one["unpaced"]:  # what pacing does is seen in the profits
                    rivals.setdefault(name(one), {})[setting] = one
        for rival, by_setting in rivals.items():
            cells = []
            for setting in settings:
                one = by_setting.get(setting)
                relative = None if one is None else one["profit_relative"]
                whole = relative is not None and relative["seeds"] == one["profit"]["seeds"]
                cells.append("-" if one is None else interval(relative, lambda value: percent(value, 2, sign=True) + " %") if whole
                             else interval(one["profit"], lambda value: money(value, True)))
            rows.append([who, rival, *cells])
    return table(["bidder", "against", *settings.values()], rows) if rows else []


def _claims(found):
    rows = []
    for claim in found["claims"]:
        show = (lambda value: money(value, True)) if claim["metric"] == "profit" else _plain(claim["metric"], True)
        shown = "" if claim["value"] is None else show(claim["value"])
        ends = "" if claim["t95"] is None or claim["verdict"] == SAME else " to ".join(map(show, claim["t95"]))
        verdict = claim["verdict"] or "-"
        rows.append([claim["claim"], claim["where"], claim["who"], claim["against"], shown, ends, percent(claim["relative"], 2, sign=True),
                     "holds" if verdict == "holds" else f"**{verdict}**" if verdict == "does not hold" else verdict, claim["note"] or ""])
    return table(["claim", "where", "of", "against", "difference", "95 % interval", "%", "", "note"], rows) if rows else ["None.", ""]


def _aside(log):
    """What a log with floors says of rows that are not taken as they are."""
    said = [f"{log['left_out']:,} more left out, since the training log goes on after them"] if log.get("left_out") else []
    said += [f"{log['raised']:,} of all counted as paid at their floor, a little above what they are said to have paid"] if log.get("raised") else []
    return f" ({'; '.join(said)})" if said else ""


def of_bidders(found):
    config, log = found["config"], found["log"]
    seeds, judged = len(config["seeds"]), config["test"]
    judged = judged["file"] if judged else f"the newest {config['test_share']} of its rows"
    lines = [f"    {found['command']} --out OUT", "",
             f"{config['log']['file']}: {log['train_rows']:,} rows trained on, {log['validation_rows']:,} chosen on; {judged}: {log['test_rows']:,} "
             f"judged on{_aside(log)}; seeds {', '.join(map(str, config['seeds']))}. Prices and money are in the unit of the log's prices. "
             "Random purchases are at most as many as those of whom they are named after: they stop when the money is gone. "
             + ("Means over the seeds, with Student's t of 95 % where there are brackets: they say what other seeds would give on this log, nothing "
                "of other logs or times. Claims are the same for every log; nothing is corrected for how many there are." if seeds > 1 else "One seed: nothing is said "
                "of others."), "",
             "### Claims", "", *_claims(found), *_forecasts(found)]
    fees = _settings(found)
    for fee, settings in fees.items():
        settings = dict(sorted(settings.items(), key=lambda one: (-(one[0][0] or math.inf), one[0][1])))
        least = min((share for share, _ in settings if share is not None), default=None)
        lines += [f"### Profit, at a fee of {fee:g}", "", *_profits(found, fee, settings), "Profit against others, seed by seed:", "",
                  *_compared(found, fee, settings)]
        shown = [(None, False), (least, True)] if fee == min(fees) else []  # as the claims
        for setting in (setting for setting in shown if setting in settings):
            lines += [f"#### {settings[setting].capitalize()}", "", *_earned(found, fee, setting)]
    return "\n".join(lines)
