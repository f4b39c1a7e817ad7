"""What examples buy: the loss of a model after so many of them, and with a rate and a price after so many seconds and dollars.

A curve is measured once for a model, batch and optimizer of tables, and holds for every point that trains these, wherever and how fast.
"""

import dataclasses
import math
import statistics

METRIC = "validation log loss, nats"
BUDGETS = 4  # where none are given


@dataclasses.dataclass(frozen=True)
class Curve:
    """Straight between what was measured, and never rising: of a training the best network so far is kept."""

    start: float  # of a network that was not trained
    points: tuple  # ((examples, loss), ...), both in order

    @classmethod
    def of(cls, measured):
        """Of the losses after so many examples, of which the first are none."""
        (_, best), *others = measured
        start, points = best, []
        for examples, loss in others:
            best = min(best, loss)
            points.append((examples, best))
        return cls(start, tuple(points))

    @property
    def end(self):
        """(examples, loss) that it ends with."""
        return self.points[-1]

    def loss(self, examples):
        """After so many; behind its end what it was there."""
        left, before = 0, self.start
        for right, after in self.points:
            if examples < right:
                return before + (after - before) * (examples - left) / (right - left)
            left, before = right, after
        return before

    def examples_to(self, loss):
        """How many it takes; None where it never gets there."""
        left, before = 0, self.start
        if before <= loss:
            return 0.0
        for right, after in self.points:
            if after <= loss:
                return left + (right - left) * (before - loss) / (before - after)
            left, before = right, after
        return None

    def document(self):
        return {"start": self.start, "points": [{"examples": examples, "loss": loss} for examples, loss in self.points]}


def default_target(curves):
    """The median of the least losses of the curves: half of them get there. None without any."""
    return statistics.median(curve.end[1] for curve in curves) if curves else None


def to_target(curve, target, examples_per_second, dollars_per_hour):
    """What it takes to get to a loss; None where the curve does not."""
    examples = None if curve is None or target is None else curve.examples_to(target)
    if examples is None:
        return None
    seconds = examples / examples_per_second
    return {"examples": examples, "seconds": seconds, "dollars": seconds * dollars_per_hour / 3600}


def loss_per_dollar(curve, examples_per_dollar):
    """Loss that a dollar takes away, over the whole curve."""
    examples, loss = curve.end
    return (curve.start - loss) * examples_per_dollar / examples


# Of many points. `trained`: of each point with a curve its (id, curve, examples per second, examples per dollar).


def default_budgets(trained):
    """From a tenth of the cheapest curve to the dearest whole one, evenly by their ratio, to two digits."""
    if not trained:
        return []
    whole = [curve.end[0] / per_dollar for _, curve, _, per_dollar in trained]
    least, most = min(whole) / 10, max(whole)
    found = [least * (most / least) ** (step / (BUDGETS - 1)) for step in range(BUDGETS)]
    return [*dict.fromkeys(float(f"{dollars:.1e}") for dollars in found)]


def best_for(dollars, trained):
    """The point whose loss is least after so many dollars; of several the fastest."""
    found = []
    for point, curve, per_second, per_dollar in trained:
        examples = min(dollars * per_dollar, curve.end[0])
        found.append((curve.loss(examples), examples / per_second, point, dollars * per_dollar > curve.end[0]))
    if not found:
        return {"dollars": dollars, "point": None, "loss": None, "seconds": None, "clipped": False}
    loss, seconds, point, clipped = min(found)
    return {"dollars": dollars, "point": point, "loss": loss, "seconds": seconds, "clipped": clipped}


def not_dominated(costs):
    """Of (id, seconds, dollars) the ids of those that no other is at most as slow and as dear as, and one of it less; by seconds."""
    found, last = [], (math.inf, math.inf)
    for point, seconds, dollars in sorted(costs, key=lambda one: (one[1], one[2], one[0])):
        if dollars < last[1] or (seconds, dollars) == last:
            found.append(point)
            last = seconds, dollars
    return found


def envelope(trained):
    """The least loss for the dollars, of what was measured of all curves: where more of them first bring less."""
    reached = sorted((examples / per_dollar, loss, point) for point, curve, _, per_dollar in trained for examples, loss in curve.points)
    found, best = [], math.inf
    for dollars, loss, point in reached:
        if loss < best:
            found.append({"dollars": dollars, "loss": loss, "point": point})
            best = loss
    return found
