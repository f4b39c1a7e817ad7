"""What a point would take that was not measured: a model of a step, fitted to those that were.

    step = compute + communication
    compute = overhead + threads^-e (candidates a + FLOP b + dense parameters c + values of rows d)
    communication = rounds latency + bytes / bandwidth

all of one worker: FLOP of products; dense parameters, and values of rows of tables, that its optimizer changes; bytes that it sends
(cost_traffic.py); rounds, in each of which all workers exchange at once. Coefficients are not negative, and make the sum of squares of relative errors least. Points with the same device,
precision, architecture, attention and optimizer of tables are a group, with coefficients of compute of its own; those of
communication are a device's. A group that has too few points for what its formula asks predicts nothing. What its points cannot tell
apart has one coefficient: with one worker the rows that an optimizer changes grow with the candidates, and count with them. Of another
model than those of its points it predicts what these span: a group that has one model knows nothing of another.

What that is worth is said by points that a fit has not seen.
"""

import math
import statistics

import cost_traffic

FORMULA = ("step = overhead + threads^-e (candidates a + FLOP b + dense parameters c + values of rows d) + rounds latency "
           "+ bytes / bandwidth, all of one worker")
COMPUTE = ("overhead_seconds", "seconds_per_candidate", "seconds_per_flop", "seconds_per_parameter", "seconds_per_row_value")
COMMUNICATION = ("latency_seconds", "seconds_per_byte")
LARGEST = "the largest batch of each model held out"
EXPONENTS = [step / 20 for step in range(21)]  # of threads: 0: more of them bring nothing; 1: each brings as much as the first
GROUP = ("device", "device_name", "precision", "architecture", "attention", "tables")
FACTS = ("parameters", "dense_parameters", "rows_per_candidate", "embedding_values_per_candidate", "flops_per_example")
IDENTITY = ("model", *GROUP, "threads", "workers", "communication", "batch_auctions")
UNSEEN = "no point of its group tells what its optimizer takes apart from what its candidates do: too fast where several workers change all rows"
SAME = 1e-9  # relative: what rounding leaves of a row that others make up


class NotPredicted(Exception):
    """Why."""


class Least:
    """Non-negative coefficients of rows, by least squares. A column that those before it make up gets none."""

    def __init__(self, rows, values, weights, spare=0, more=1):
        """`spare`: of what else is chosen by the points. `more`: points than there are coefficients, at least."""
        import numpy  # with scipy they take longer to load than the rest of the program
        from scipy import optimize

        self.numpy = numpy
        self.rows = numpy.array(rows, dtype=float)
        self.scale = numpy.abs(self.rows).max(axis=0)
        self.scale[self.scale == 0] = 1
        self.columns = []
        for column in range(self.rows.shape[1]):
            if self._rank(self.rows[:, [*self.columns, column]], [*self.columns, column]) > len(self.columns):
                self.columns.append(column)
        asked = len(self.columns) + spare
        if len(rows) < asked + more:
            raise NotPredicted(f"{len(rows)} points are too few for {asked} coefficients and to see how far they are off: it takes {asked + more}")
        weights = numpy.array(weights)
        scaled = (self.rows / self.scale)[:, self.columns] * weights[:, None]
        found, self.residual = optimize.nnls(scaled, numpy.array(values) * weights)
        self.coefficients = [0.0] * self.rows.shape[1]
        for column, value in zip(self.columns, found):
            self.coefficients[column] = float(value / self.scale[column])

    def spans(self, row):
        every = [*range(len(row))]
        return self._rank(self.numpy.vstack([self.rows, row]), every) == self._rank(self.rows, every)

    def value(self, row):
        return sum(coefficient * value for coefficient, value in zip(self.coefficients, row))

    def _rank(self, rows, columns):
        rows = rows / self.scale[columns]
        return int(self.numpy.linalg.matrix_rank(rows, tol=SAME * max(1.0, self.numpy.abs(rows).max()) * len(rows)))


def _work(point):
    """What the coefficients of compute are of, but for threads."""
    workers, all_candidates = point["workers"], point["candidates_per_step"]
    shards = workers if point["communication"] == "zero1" else 1
    candidates = all_candidates / workers
    values = all_candidates * point["embedding_values_per_candidate"]
    return [1.0, candidates, candidates * point["flops_per_example"], point["dense_parameters"] / shards, values / shards]


class Compute:
    """Of the points of a group."""

    def __init__(self, points, more):
        if not points:
            raise NotPredicted("nothing with its device, precision, architecture, attention and optimizer of tables was measured")
        self.models = {point["model"] for point in points}
        self.threads = sorted({point["threads"] for point in points})
        seconds = [point["step_seconds"] * (1 - point["communication_share"]) for point in points]
        several = len(self.threads) > 1
        fits = []
        for self.exponent in EXPONENTS if several else [0.0]:
            rows = [self._row(point) for point in points]
            fits.append((Least(rows, seconds, [1 / value for value in seconds], spare=int(several), more=more), self.exponent))
        self.least, self.exponent = min(fits, key=lambda fit: fit[0].residual)

    def _row(self, point):
        overhead, *others = _work(point)
        return [overhead, *(value * point["threads"] ** -self.exponent for value in others)]

    def seconds(self, point):
        if len(self.threads) == 1 and point["threads"] != self.threads[0]:
            raise NotPredicted(f"its group was measured with {self.threads[0]} threads alone")
        if point["model"] not in self.models and not self.spans(point):
            raise NotPredicted("the points of its group lack its model, and do not tell what it takes")
        return self.least.value(self._row(point))

    def spans(self, point):
        """Whether its points tell what it takes of each part."""
        return self.least.spans(self._row(point))


class Communication:
    """Of the points of a device with several workers."""

    def __init__(self, points):
        rows = [_traffic(point, point["communication_calls_per_step"], point["communication_bytes_per_step"]) for point in points]
        if not rows:
            raise NotPredicted("no point with several workers was measured on its device, and --link is not given")
        self.coefficients = Least(rows, [point["step_seconds"] * point["communication_share"] for point in points],
                                  [1 / point["step_seconds"] for point in points]).coefficients


def _traffic(point, calls, sent):
    return [cost_traffic.rounds(point, calls), sent]


class Fit:
    """To some points; groups and devices are fitted when they are first asked for."""

    def __init__(self, points, link=None, more=2):
        """`more`: points that a group needs beyond its coefficients. With two each of them can be held out."""
        self.points, self.link, self.more, self.fitted = points, link, more, {}

    def compute(self, group):
        return self._once(("compute", group), lambda: Compute([point for point in self.points if group_of(point) == group], self.more))

    def communication(self, device_name):
        """Its two coefficients."""
        if self.link is not None:
            return [self.link[name] for name in COMMUNICATION]
        points = [point for point in self.points if point["workers"] > 1 and point["device_name"] == device_name]
        return self._once(("communication", device_name), lambda: Communication(points)).coefficients

    def step(self, point):
        """(seconds, share of them in communication) of a point of which `facts` are known."""
        compute = self.compute(group_of(point)).seconds(point)
        if point["workers"] == 1:
            return compute, 0.0
        traffic = _traffic(point, cost_traffic.calls(point, self.points), cost_traffic.sent(point, self.points))
        talk = sum(coefficient * value for coefficient, value in zip(self.communication(point["device_name"]), traffic))
        return compute + talk, talk / (compute + talk)

    def _once(self, key, make):
        if key not in self.fitted:
            try:
                self.fitted[key] = make()
            except NotPredicted as why:
                self.fitted[key] = why
        if isinstance(self.fitted[key], NotPredicted):
            raise self.fitted[key]
        return self.fitted[key]


def group_of(point):
    return tuple(point[name] for name in GROUP)


def _with_facts(points):
    """What is a model's is one for all of its points: auctions of varying size would else make it another in each."""
    found = {}
    for point in points:
        found.setdefault(point["model"], []).append(point)
    facts = {model: {name: statistics.median(one[name] for one in some) for name in FACTS} for model, some in found.items()}
    return [{**point, **facts[point["model"]]} for point in points]


def _identity_of(point):
    return tuple(point[name] for name in IDENTITY)


def _errors(found):
    """Relative ones, of [(measured, predicted)]."""
    if not found:
        return {"points": 0, "median_error": None, "p90_error": None}
    errors = sorted(abs(predicted / measured - 1) for measured, predicted in found)
    return {"points": len(errors), "median_error": statistics.median(errors), "p90_error": errors[math.ceil(0.9 * len(errors)) - 1]}


class Plan:
    def __init__(self, points, link):
        """`points`: those of the document. `link`: coefficients of communication for predictions; None: as measured."""
        self.points = _with_facts([point for point in points if point["status"] == "measured"])
        self.predicting = Fit(self.points, link)
        self.groups = {}
        for point in self.points:
            self.groups.setdefault(group_of(point), []).append(point)

    # What is said of it.

    def document(self):
        fit, held_out = Fit(self.points), {group: self._held_out(points) for group, points in self.groups.items()}
        return {"formula": FORMULA, "groups": [self._group(fit, group, held_out[group]) for group in self.groups],
                "held_out": _errors([pair for pairs in held_out.values() for pair in pairs])}

    def _group(self, fit, group, held_out):
        found = {"group": ", ".join(group[i] for i in (0, 2, 3, 4, 5) if group[i] is not None), "device_name": group[1],
                 "points": len(self.groups[group])}
        try:
            compute = fit.compute(group)
        except NotPredicted as why:
            return {**found, "coefficients": None, "why": str(why), "held_out": _errors([]), "extrapolation": None}
        try:
            talk = dict(zip(COMMUNICATION, fit.communication(group[1])))
        except NotPredicted:
            talk = dict.fromkeys(COMMUNICATION)
        return {**found, "coefficients": {**dict(zip(COMPUTE, compute.least.coefficients)),
                                          "threads_exponent": compute.exponent if len(compute.threads) > 1 else None, **talk},
                "why": None, "held_out": _errors(held_out), "extrapolation": self._extrapolation(self.groups[group])}

    def _held_out(self, points):
        """Each by a fit to all the others; (measured, predicted) of those that these can say something of."""
        found = []
        for point in points:
            others = [one for one in self.points if _identity_of(one) != _identity_of(point)]
            found += self._tried(Fit(others, more=1), [point])
        return found

    def _extrapolation(self, points):
        largest = {}
        for point in points:
            largest[point["model"]] = max(largest.get(point["model"], 0), point["batch_auctions"])
        held = [point for point in points if point["batch_auctions"] == largest[point["model"]]]
        names = {_identity_of(point) for point in held}
        found = _errors(self._tried(Fit([one for one in self.points if _identity_of(one) not in names], more=1), held))
        return {**found, "what": LARGEST} if found["points"] else None

    @staticmethod
    def _tried(fit, points):
        found = []
        for point in points:
            try:
                found.append((point["step_seconds"], fit.step(point)[0]))
            except NotPredicted:
                pass
        return found

    # Predictions.

    def predict(self, point):
        """What is predicted of a point that was not measured: of its identity. `error`: why nothing is."""
        try:
            facts = self._facts(point)
            seconds, share = self.predicting.step({**point, **facts})
        except NotPredicted as why:
            return {"status": "error", **dict.fromkeys(("parameters", "candidates_per_step", "step_seconds", "examples_per_second",
                                                        "communication_share", "note")), "error": str(why)}
        return {"parameters": facts["parameters"], "candidates_per_step": facts["candidates_per_step"], "step_seconds": seconds,
                "examples_per_second": facts["candidates_per_step"] / seconds, "communication_share": share, "error": None,
                "note": None if self.predicting.compute(group_of(point)).spans({**point, **facts}) else UNSEEN}

    def _facts(self, point):
        """What a step of it is made of, of points that have the same model."""
        if point["batch_auctions"] < point["workers"]:
            raise NotPredicted(f"a batch of {point['batch_auctions']} auctions cannot be shared by {point['workers']} workers")
        same = [one for one in self.points if one["model"] == point["model"]]
        if not same:
            raise NotPredicted(f"{point['model']} was measured nowhere")
        batch = [one for one in same if one["batch_auctions"] == point["batch_auctions"]] or same
        an_auction = statistics.median(one["candidates_per_step"] / one["batch_auctions"] for one in batch)
        return {**{name: same[0][name] for name in FACTS}, "candidates_per_step": an_auction * point["batch_auctions"]}
