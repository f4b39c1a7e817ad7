"""`vickrey eval loss` against an independent reference: the definitions, pair by pair, in plain Python."""

import concurrent.futures
import json
import math
import os
import pathlib
import random
import tempfile
import unittest

from tool import error_of, vickrey

os.environ["OMP_NUM_THREADS"] = "1"  # for auctions this small, more threads only wait for each other

DEFAULTS = {"labels": "click", "weight": "positive", "pairs": "ppi", "surrogate": "logistic", "margin": "log_ecpm",
            "sigma": 4, "scale": 1, "alpha": 0, "base_rate": 1}


def softplus(x):
    return max(x, 0) + math.log1p(math.exp(-abs(x)))


def sigmoid(u):
    return 1 / (1 + math.exp(-u))


def log_score(bid, logit):
    return math.log(bid) - softplus(-logit)


def labels_of(config, auction):
    key = {"click": "clicks", "teacher": "teacher", "truth": "truth"}[config["labels"]]
    return auction.get(key) or [None] * len(auction["bids"])


def pair_weights(config, auction, labelled):
    """The weight of a pair (i, j), by the logits of the auction as it is."""
    if config["pairs"] == "all" or not labelled:
        return lambda i, j: 1
    score = [log_score(b, u) for b, u in zip(auction["bids"], auction["logits"])]
    top = max(labelled, key=lambda i: score[i])
    if config["pairs"] == "top":
        return lambda i, j: float(top in (i, j))
    power = {i: math.exp((score[i] - score[top]) / 0.1) for i in labelled}
    total = sum(power.values())
    return lambda i, j: 4 * power[i] / total * power[j] / total


def rank_loss(config, auction, logits):
    """L of one auction at `logits`."""
    bids, q = auction["bids"], labels_of(config, auction)
    labelled = [i for i, label in enumerate(q) if label is not None]
    weight_of = pair_weights(config, auction, labelled)
    if config["margin"] == "log_ecpm":
        s = [log_score(b, u) for b, u in zip(bids, logits)]
    else:
        s = [config["scale"] * b * sigmoid(u) for b, u in zip(bids, logits)]
    total = 0
    for i in labelled:
        for j in labelled:
            if i == j:
                continue
            target = config["scale"] * (bids[i] * q[i] - bids[j] * q[j])
            d, sigma = s[i] - s[j], config["sigma"]
            if config["surrogate"] == "tanh":
                total -= weight_of(i, j) * target * math.tanh(sigma * d / 2) if i < j else 0
                continue
            amount = weight_of(i, j) * (target if config["weight"] == "signed" else max(target, 0))
            total += amount * {"logistic": softplus(-sigma * d) / math.log(2), "hinge": max(0, 1 - sigma * d),
                               "zero_one": float(d <= 0)}[config["surrogate"]]
    return total


def cross_entropies(config, auction, logits):
    """One for each candidate that has a label."""
    weights = auction["bids"] if config["loss"] == "bid_logloss" else [1] * len(logits)
    return [w * (softplus(u) - q * u) / config["base_rate"]
            for w, u, q in zip(weights, logits, labels_of(config, auction)) if q is not None]


def mean(values):
    return sum(values) / max(len(values), 1)


def train_value(config, auctions, logits=None):
    """Of a batch; `logits` of its only auction in place of its own."""
    entropies, ranks = [], []
    for auction in auctions:
        entropies += cross_entropies(config, auction, logits or auction["logits"])
        ranks.append(rank_loss(config, auction, logits or auction["logits"]))
    if config["loss"] != "welfare_rank":
        return mean(entropies)
    return (1 - config["alpha"]) * mean(ranks) + config["alpha"] * mean(entropies)


def bound_value(config, auction):
    return rank_loss({**config, "pairs": "all"}, auction, auction["logits"]) / config["scale"]


def slope(config, auction, i, step=1e-6):
    def moved(by):
        return [u + by * (k == i) for k, u in enumerate(auction["logits"])]
    return (train_value(config, [auction], moved(step)) - train_value(config, [auction], moved(-step))) / (2 * step)


def judgement(auction):
    """Misordering and regret: by truth, else teacher, else clicks if all are known."""
    q = auction.get("truth") or auction.get("teacher")
    by_clicks = q is None
    if by_clicks:
        q = auction.get("clicks") or [None]
        if None in q:
            return None, None
    value = [b * p for b, p in zip(auction["bids"], q)]
    score = [log_score(b, u) for b, u in zip(auction["bids"], auction["logits"])]
    lost = sum(value[i] - value[j] for i in range(len(q)) for j in range(len(q))
               if value[i] > value[j] and score[i] <= score[j])
    return lost, None if by_clicks else max(value) - value[max(range(len(q)), key=lambda i: score[i])]


def random_auctions(count, seed, nulls=0.2):
    rng = random.Random(seed)
    auctions = []
    for a in range(count):
        n = rng.randint(1, 7)
        truth = [sigmoid(rng.gauss(-1, 1)) for _ in range(n)]
        auctions.append({
            "auction_id": f"a{a}", "bids": [math.exp(rng.gauss(0, 1)) for _ in range(n)],
            "logits": [rng.gauss(-1, 1.5) for _ in range(n)],
            "clicks": [None if rng.random() < nulls else int(rng.random() < p) for p in truth],
            "teacher": [min(1, p * math.exp(rng.gauss(0, .3))) for p in truth], "truth": truth})
    # All unknown, none given, and of three a tie in score and one in value.
    auctions.append({**auctions[0], "auction_id": "null", "clicks": [None] * len(auctions[0]["bids"])})
    auctions.append({**auctions[1], "auction_id": "none", "clicks": []})
    auctions.append({"auction_id": "tie", "bids": [1, 2, 2], "logits": [0, -1, -1], "clicks": [1, 0, 1],
                     "teacher": [.5, .25, .75], "truth": [.5, .25, .5]})
    return auctions


def rank(**axes):
    return {"loss": "welfare_rank", **axes}


CONFIGS = [
    {"loss": "logloss"},
    {"loss": "logloss", "labels": "truth", "base_rate": 0.25},
    {"loss": "bid_logloss", "base_rate": 0.1},
    rank(),
    rank(pairs="all"),
    rank(pairs="top", labels="teacher"),
    rank(labels="truth", sigma=0.5, alpha=0.3, base_rate=0.2),
    rank(margin="ecpm", pairs="all", scale=2.5, sigma=1.3),
    rank(margin="ecpm", labels="teacher", scale=0.1, alpha=0.5),
    rank(margin="ecpm", pairs="top", labels="truth"),
    rank(surrogate="hinge", pairs="all", labels="teacher"),
    rank(surrogate="hinge", margin="ecpm", scale=3, labels="truth"),
    rank(surrogate="tanh", pairs="all"),
    rank(surrogate="tanh", weight="signed", labels="teacher", pairs="top", sigma=2),
    rank(surrogate="tanh", margin="ecpm", labels="truth", scale=2, alpha=0.2),
    rank(surrogate="zero_one", pairs="all", labels="truth"),
    rank(surrogate="zero_one", weight="signed", pairs="all"),
    rank(surrogate="zero_one", weight="signed", labels="teacher", alpha=0.4, base_rate=0.3),
    rank(surrogate="zero_one", margin="ecpm", pairs="top", labels="teacher"),
    rank(sigma=3, sigma_end=30, alpha=0.2, alpha_end=0, labels="teacher"),
]


class LossTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_loss(self, config, lines=None, **kwargs):
        handle, file = tempfile.mkstemp(dir=self.folder, suffix=".json")
        with os.fdopen(handle, "w") as out:
            out.write(config if isinstance(config, str) else json.dumps(config))
        return vickrey("eval", "loss", "--config", file, lines=lines, **kwargs)

    def run_each(self, runs):
        """The answers to some (configuration, lines), side by side: most of a run is loading LibTorch."""
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(lambda run: self.run_loss(*run), runs))

    def evaluate_each(self, configs, auctions):
        """For each configuration the answer to each auction, and the summary."""
        for config, done in zip(configs, self.run_each([(config, auctions) for config in configs])):
            self.assertEqual(done.returncode, 0, f"{config}: {done.stderr}")
            *lines, summary = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual([line["auction_id"] for line in lines], [a["auction_id"] for a in auctions])
            yield config, lines, summary["summary"]

    def evaluate(self, config, auctions):
        _, lines, summary = next(self.evaluate_each([config], auctions))
        return lines, summary

    def assertClose(self, got, wanted, relative, what):
        if wanted is None:
            self.assertIsNone(got, what)
            return
        self.assertIsNotNone(got, what)
        self.assertLessEqual(abs(got - wanted), relative * max(1, abs(wanted)), f"{what}: {got} is not {wanted}")

    def test_agrees_with_the_reference(self):
        auctions = random_auctions(25, seed=1)
        for given, lines, summary in self.evaluate_each(CONFIGS, auctions):
            config = {**DEFAULTS, **given}
            with self.subTest(given):
                for auction, line in zip(auctions, lines):
                    name = auction["auction_id"]
                    self.assertClose(line["train_value"], train_value(config, [auction]), 1e-12, f"{name} train_value")
                    self.assertEqual(len(line["gradient"]), len(auction["bids"]))
                    # The tied auction lies on a kink of the hinge; nothing else does.
                    for i, slope_i in enumerate(line["gradient"] if name != "tie" else ()):
                        self.assertClose(slope_i, slope(config, auction, i), 1e-7, f"{name} gradient {i}")
                    if None not in labels_of(config, auction):
                        self.assertClose(line["bound_value"], bound_value(config, auction), 1e-12, f"{name} bound")
                self.assertEqual(summary["auctions"], str(len(auctions)))
                self.assertClose(summary["train_value"], train_value(config, auctions), 1e-12, "train_value of all")

    def test_judgement_and_teacher_error(self):
        auctions = random_auctions(60, seed=2)
        for i, auction in enumerate(auctions):
            for key in {0: (), 1: ("truth",), 2: ("teacher",), 3: ("truth", "teacher")}[i % 4]:
                del auction[key]
        lines, summary = self.evaluate({"loss": "logloss"}, auctions)
        nones = 0
        for auction, line in zip(auctions, lines):
            lost, regret = judgement(auction)
            nones += lost is None
            self.assertClose(line["misordering"], lost, 1e-12, auction["auction_id"])
            self.assertClose(line["regret"], regret, 1e-12, auction["auction_id"])
            if regret is not None:
                self.assertGreaterEqual(line["regret"], 0)
                self.assertLessEqual(line["regret"], line["misordering"] + 1e-12)
            both = "truth" in auction and "teacher" in auction
            term = sum((b * (t - p)) ** 2 for b, t, p in zip(auction["bids"], auction["teacher"], auction["truth"])) \
                if both else None
            self.assertClose(line["g4_term"], term, 1e-12, auction["auction_id"])
        self.assertGreater(nones, 0)
        for key in ("eps", "eps_b", "g4_bound"):  # some auctions lack the truth
            self.assertIsNone(summary[key])

    def test_the_summary_certifies_the_bound(self):
        auctions = random_auctions(80, seed=3)
        squares = [(t - p) ** 2 for a in auctions for t, p in zip(a["teacher"], a["truth"])]
        money = [sum((b * (t - p)) ** 2 for b, t, p in zip(a["bids"], a["teacher"], a["truth"])) for a in auctions]
        certified = (rank(labels="teacher"), {"loss": "logloss", "labels": "teacher"},
                     rank(labels="teacher", surrogate="hinge", margin="ecpm", scale=3, pairs="top"))
        for given, lines, summary in self.evaluate_each(certified, auctions):
            config = {**DEFAULTS, **given}
            bound = mean([bound_value(config, a) for a in auctions]) + math.sqrt(2 * mean(money))
            self.assertClose(summary["eps"], math.sqrt(mean(squares)), 1e-12, "eps")
            self.assertClose(summary["eps_b"], math.sqrt(mean(money)), 1e-12, "eps_b")
            self.assertClose(summary["g4_bound"], bound, 1e-12, "g4_bound")
            self.assertLessEqual(mean([line["regret"] for line in lines]), summary["g4_bound"])
        others = (rank(labels="truth"), rank(labels="teacher", surrogate="tanh"),
                  rank(labels="teacher", surrogate="zero_one", weight="signed"))
        for given, _, summary in self.evaluate_each(others, auctions):
            self.assertIsNone(summary["g4_bound"], given)

    def test_nothing_in(self):
        lines, summary = self.evaluate(rank(), [])
        self.assertEqual((lines, summary["auctions"], summary["train_value"]), ([], "0", None))

    def test_bad_auctions_name_line_and_field(self):
        good = {"auction_id": "a", "bids": [1, 2], "logits": [0, 1], "clicks": [0, 1], "teacher": [.1, .2], "truth": [.1, .2]}
        cases = [
            ({"bids": [1, 0]}, "bids[1]"), ({"bids": [-1, 2]}, "bids[0]"), ({"bids": [1, "NaN"]}, "bids[1]"),
            ({"bids": []}, "bids"), ({"bids": [1]}, "logits"), ({"logits": [0, "NaN"]}, "logits[1]"),
            ({"clicks": [0]}, "clicks"), ({"clicks": [0, 1.5]}, "clicks[1]"), ({"clicks": ["NaN", 0]}, "clicks[0]"),
            ({"teacher": [.1]}, "teacher"), ({"teacher": [.1, 1.5]}, "teacher[1]"), ({"truth": ["NaN", .1]}, "truth[0]"),
            ({"truth": [.1, .2, .3]}, "truth"), ({"teecher": [.1, .2]}, "teecher"),
        ]
        for (change, field), done in zip(cases, self.run_each([(rank(), [good, {**good, **change}]) for change, _ in cases])):
            error = error_of(done)
            self.assertEqual((done.returncode, error["line"], error["field"]), (2, "2", field), change)
            self.assertEqual(len(done.stdout.splitlines()), 1, change)
        for labels in ("teacher", "truth"):
            done = self.run_loss(rank(labels=labels), [{**good, labels: []}])
            self.assertEqual((done.returncode, error_of(done)["field"]), (2, labels))
        self.assertEqual(self.run_loss(rank(), text="nonsense\n").returncode, 2)

    def test_a_loss_of_two_outputs_and_weights_of_auctions(self):
        first = {"auction_id": "a", "bids": [1, 9], "logits": [math.log(3), 0], "clicks": [1, 0], "weight": 3}
        second = {"auction_id": "b", "bids": [1, 2], "logits": [0, 0], "clicks": [1, 1]}
        done = self.run_loss({"loss": "jrc"}, [first, second])
        a, b, last = map(json.loads, done.stdout.splitlines())
        self.assertAlmostEqual(a["train_value"], math.log(4 / 3) + math.log(2), 14)
        for got, expected in zip(a["gradient"] + a["no_click_gradient"], (-0.25, 0.25, 0.5, -0.5)):
            self.assertAlmostEqual(got, expected, 14)
        self.assertAlmostEqual(b["train_value"], 2 * math.log(2), 14)
        self.assertAlmostEqual(last["summary"]["train_value"], (3 * a["train_value"] + b["train_value"]) / 4, 14)
        # Its logit is the difference of the two.
        one = json.loads(self.run_loss({"loss": "jrc", "alpha": 1}, [{**first, "no_click_logits": [1, -1]}]).stdout.splitlines()[0])
        plain = json.loads(self.run_loss({"loss": "logloss"}, [{**first, "logits": [math.log(3) - 1, 1]}]).stdout.splitlines()[0])
        self.assertAlmostEqual(one["train_value"], plain["train_value"], 14)
        for change, field in (({"no_click_logits": [1]}, "no_click_logits"), ({"no_click_logits": [1, 1e10]}, "no_click_logits[1]"),
                              ({"weight": 0}, "weight"), ({"weight": -1}, "weight")):
            done = self.run_loss({"loss": "jrc"}, [{**first, **change}])
            self.assertEqual((done.returncode, error_of(done)["field"]), (2, field))
        done = self.run_loss(rank(), [{**first, "no_click_logits": [0, 0]}])
        self.assertEqual((done.returncode, error_of(done)["field"]), (2, "no_click_logits"))

    def test_bad_configurations(self):
        cases = [
            ({"loss": "luck"}, "loss"), ({}, "loss"), (rank(labels="rumour"), "labels"), (rank(sigma=0), "sigma"),
            (rank(alpha=1.5), "alpha"), (rank(sgima=1), "sgima"), (rank(weight="signed"), "loss.weight"),
            (rank(weight="signed", surrogate="hinge"), "loss.weight"), (rank(tau=1), "loss.tau"),
            ({"loss": "logloss", "sigma": 1}, "loss.sigma"), ({"loss": "softmax", "scale": 2}, "loss.scale"),
            ({"loss": "known_market"}, "loss.mu"), ({"loss": "known_market", "mu": 0}, "loss.omega"),
            ({"loss": "gmadl", "a": 0}, "a"), ({"loss": "gmadl", "b": -1}, "b"), ({"loss": "soft_winner", "tau": 0}, "tau"),
        ]
        for (config, field), done in zip(cases, self.run_each([(config, []) for config, _ in cases])):
            self.assertEqual((done.returncode, error_of(done)["field"]), (2, field), config)
            self.assertEqual(done.stdout, "", config)
        self.assertEqual(self.run_loss("loss: [", []).returncode, 2)
        self.assertEqual(vickrey("eval", "loss", "--config", self.folder / "none").returncode, 2)
        self.assertEqual(vickrey("eval", "loss").returncode, 2)

    def test_what_no_double_holds_is_an_error_not_an_infinity(self):
        pair = {"auction_id": "a", "bids": [1, 1], "logits": [0, 0], "clicks": [0, 1]}
        cases = [({"loss": "logloss"}, {**pair, "weight": 1e-320}, "bound_value"),
                 ({"loss": "bid_logloss"}, {**pair, "bids": [1e308, 1e308], "logits": [1e3, 1e3], "clicks": [0, 0]},
                  "train_value"),
                 ({"loss": "gmadl", "pairs": "all"}, {**pair, "bids": [1e155, 1], "logits": [0, 1], "clicks": [1, 0]},
                  "gradient[0]")]
        for config, line, field in cases:
            with self.subTest(config, line=line), tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                json.dump(config, file)
                file.flush()
                done = vickrey("eval", "loss", "--config", file.name, lines=[line])
                error = error_of(done)
                self.assertEqual((done.returncode, error["line"], error["field"]), (2, "1", field))
                self.assertEqual(done.stdout, "")

    def test_errors_give_numbers_in_full(self):
        line = {"auction_id": "a", "bids": [1], "logits": [1000000001], "clicks": [1]}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump({"loss": "logloss"}, file)
            file.flush()
            error = error_of(vickrey("eval", "loss", "--config", file.name, lines=[line]))
        self.assertIn("1000000001 is out of range", error["message"])



class PointwiseLossTest(unittest.TestCase):
    def run_loss(self, loss, line, config=None):
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
            json.dump(config or {}, file)
            file.flush()
            return vickrey("eval", "pointwise-loss", "--loss", loss, "--config", file.name, lines=[line])

    def test_by_hand(self):
        token = {"target": 4, "values": [3, 4, 5], "logits": [math.log(2), 0, 0]}  # 1/2, 1/4, 1/4
        cases = [
            ("madl", {"observed": 2, "forecast": -0.1}, {}, {"value": 2, "gradient": [0]}),
            ("gmadl", {"observed": 2, "forecast": math.log(3) / 2}, {"b": 2}, {"value": -1, "gradient": [-1.5]}),
            ("ntl_was", token, {"lambda": 2}, {"cross_entropy": math.log(4), "distance": 0.75, "value": math.log(4) + 1.5,
                                               "gradient": [0.75, -1.125, 0.375]}),
            ("ntl_mse", token, {}, {"distance": 0.0625, "value": math.log(4) + 0.3 * 0.0625}),
            ("ntl_was", {"target_probabilities": [0.5, 0, 0.5], "values": [0, 1, 101], "logits": [0, 0, 0]}, {},
             {"distance": 101 / 6}),
        ]
        for loss, line, config, expected in cases:
            with self.subTest(loss, line=line):
                done = self.run_loss(loss, line, config)
                self.assertEqual(done.returncode, 0, done.stderr)
                got, last = map(json.loads, done.stdout.splitlines())
                for key, value in expected.items():
                    for a, b in zip(got[key], value, strict=True) if key == "gradient" else [(got[key], value)]:
                        self.assertAlmostEqual(a, b, 13)
                self.assertEqual(last["summary"], {"lines": "1", "value": got["value"]})

    def test_bad_lines_and_flags_name_the_field(self):
        token = {"target": 4, "values": [3, 4, 5], "logits": [0, 0, 0]}
        cases = [
            ("madl", {"observed": 1}, "forecast"), ("gmadl", {"forecast": 1}, "observed"),
            ("gmadl", {"observed": 1, "forecast": 1, "target": 1}, "target"), ("ntl_was", {**token, "observed": 1}, "observed"),
            ("ntl_was", {**token, "target": 7}, "target"), ("ntl_was", {**token, "values": [3, 4]}, "logits"),
            ("ntl_mse", {**token, "values": [3, 3, 5]}, "values[1]"), ("ntl_mse", {"logits": [1], "target": 1}, "values"),
            ("ntl_was", {**token, "target_probabilities": [1, 0, 0]}, "target"),
            ("ntl_was", {"values": [1, 2], "logits": [0, 0]}, "target"),
            ("ntl_was", {"values": [1, 2], "logits": [0, 0], "target_probabilities": [1]}, "target_probabilities"),
            ("ntl_was", {"values": [1, 2], "logits": [0, 0], "target_probabilities": [0.5, 0.6]}, "target_probabilities"),
            ("ntl_was", {"values": [1, 2], "logits": [0, 0], "target_probabilities": [-0.5, 1.5]}, "target_probabilities[0]"),
        ]
        for loss, line, field in cases:
            with self.subTest(field, line=line):
                done = self.run_loss(loss, line)
                error = error_of(done)
                self.assertEqual((done.returncode, error["line"], error["field"]), (2, "1", field))
        self.assertEqual(vickrey("eval", "pointwise-loss", "--loss", "mse").returncode, 2)
        self.assertEqual(vickrey("eval", "pointwise-loss").returncode, 2)
        self.assertEqual(error_of(self.run_loss("gmadl", {}, {"a": 0}))["field"], "a")

    def test_fields_that_a_loss_does_not_read_are_refused(self):
        forecast = {"observed": 1, "forecast": 1}
        token = {"target": 4, "values": [3, 4, 5], "logits": [0, 0, 0]}
        for loss, line, config in [("madl", forecast, {"a": 7}), ("madl", forecast, {"b": 1}),
                                   ("gmadl", forecast, {"lambda": 1}), ("ntl_mse", token, {"a": 1}),
                                   ("ntl_was", token, {"b": 1})]:
            with self.subTest(loss, config=config):
                done = self.run_loss(loss, line, config)
                self.assertEqual(done.returncode, 2)
                self.assertIn(f"is not read by {loss}", error_of(done)["message"])

    def test_what_no_double_holds_is_an_error_not_an_infinity(self):
        cases = [("ntl_mse", {"target": 4, "values": [3, 4, 5], "logits": [-1.7e308, 1.7e308, 0]}, "value"),
                 ("ntl_mse", {"target": 1e160, "values": [0, 1e160], "logits": [0, 0]}, "value"),
                 ("ntl_was", {"target": -1.7e308, "values": [-1.7e308, 1.7e308], "logits": [0, 0]}, "value")]
        for loss, line, field in cases:
            with self.subTest(loss, line=line):
                done = self.run_loss(loss, line)
                error = error_of(done)
                self.assertEqual((done.returncode, error["line"], error["field"]), (2, "1", field))
                self.assertEqual(done.stdout, "")

    def test_errors_give_numbers_in_full(self):
        done = self.run_loss("ntl_was", {"target": 4.0000001, "values": [3, 4], "logits": [0, 0]})
        self.assertIn("4.0000001 is none of values", error_of(done)["message"])


if __name__ == "__main__":
    unittest.main()
