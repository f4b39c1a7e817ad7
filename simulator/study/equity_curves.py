"""Curves of equity and drawdown, thinned to what a chart can show.

A point is the end of so many periods: its equity is that of the period, its drawdown the deepest of all periods behind the point
before. So the greatest of a curve's drawdowns is its maximum drawdown, which no thinning hides.
"""

import math
import statistics

MOST_POINTS = 200
DIGITS = 6


def every(periods):
    """How many periods a point stands for; the last may stand for fewer."""
    return max(1, math.ceil(periods / MOST_POINTS))


def thinned(values, of=lambda part: part[-1]):
    """A value for each point, by default that of its last period."""
    step = every(len(values))
    return [of(values[first:first + step]) for first in range(0, len(values), step)]


def curve(lines):
    """Of lines with `equity` and `drawdown`, one for each period."""
    return {"equity": thinned([line["equity"] for line in lines]), "drawdown": thinned([line["drawdown"] for line in lines], max)}


def rounded(values):
    return [float(f"{value:.{DIGITS}g}") for value in values]


def of_one(found):
    return {key: rounded(values) for key, values in found.items()}


def over_seeds(curves):
    """The geometric mean of equities, 0 where a seed has lost all, and the mean of drawdowns; with the least and the greatest seed."""
    equities = [*zip(*(one["equity"] for one in curves))]
    drawdowns = [*zip(*(one["drawdown"] for one in curves))]
    return {"equity": rounded(_geometric_mean(values) for values in equities), "equity_least": rounded(map(min, equities)),
            "equity_greatest": rounded(map(max, equities)), "drawdown": rounded(map(statistics.fmean, drawdowns)),
            "drawdown_greatest": rounded(map(max, drawdowns))}


def _geometric_mean(values):
    return math.exp(math.fsum(map(math.log, values)) / len(values)) if min(values) > 0 else 0.0
