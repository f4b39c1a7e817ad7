"""What a study is a grid of: scenarios with their students, and losses with their settings."""

import dataclasses
import re

from faults import Fault

LOGISTIC = {"architecture": "logistic"}
TEACHER = {"architecture": "mlp", "hidden": [64, 64]}


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    network: dict  # the student's
    control: bool = False  # whether that is the truth, so that nothing can be gained
    teacher_buckets: dict = dataclasses.field(default_factory=dict)  # tables of the teacher that are finer than the student's


SCENARIOS = {scenario.name: scenario for scenario in (
    Scenario("two_segments", LOGISTIC),
    Scenario("brand_queries", LOGISTIC),
    Scenario("intent_bids", LOGISTIC),
    Scenario("thin_tower", {"architecture": "two_tower", "hidden": [1]}),
    Scenario("hash_collisions", LOGISTIC, teacher_buckets={"ad": 16384}),  # it sees which ad it is, students a bucket
    Scenario("linear", LOGISTIC, control=True),
    Scenario("interaction", {"architecture": "mlp", "hidden": [8]}),
    Scenario("correlated_bids", LOGISTIC, control=True),
    Scenario("heavy_tail", LOGISTIC, control=True),
    Scenario("drift", LOGISTIC),
)}
DEFAULT_SCENARIOS = ["two_segments", "brand_queries", "intent_bids", "thin_tower", "hash_collisions", "linear"]

# What can be trained, and the labels that each takes where none are named.
LOSSES = {"welfare_rank": "teacher", "soft_winner": "teacher", "gmadl": "teacher", "known_market": "teacher",
          "logloss": "click", "bid_logloss": "click", "ranknet": "click", "softmax": "click", "jrc": "click",
          "calibrated_softmax": "click"}
LABELS = ("click", "teacher", "truth")

BASELINES = ("logloss@click", "logloss@teacher")  # the better of them on validation is what others are compared with
RIVALS = ("bid_logloss@click", "bid_logloss@teacher")  # the strongest simple losses
DEFAULT_LOSSES = ["welfare_rank", "welfare_rank@click", "soft_winner", "known_market", *RIVALS]

# Keys of TrainConfig that are the study's own business.
OWN_KEYS = ("name", "seed", "version", "threads", "data", "checkpoint", "device", "peer_seconds", "loss.loss", "loss.labels",
            "evaluation")


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A loss with its settings: what is trained on every market."""

    name: str
    loss: str
    labels: str
    settings: dict = dataclasses.field(default_factory=dict, hash=False)  # key of TrainConfig -> value
    tuned: bool = False

    def slug(self):
        return re.sub(r"[^A-Za-z0-9._-]+", "_", self.name)


def contestant(text, field):
    """Of NAME or NAME@LABELS."""
    loss, at, labels = text.partition("@")
    if loss not in LOSSES:
        raise Fault(f"'{text}': there is no loss '{loss}'; losses: {', '.join(LOSSES)}", field)
    if at and labels not in LABELS:
        raise Fault(f"'{text}': there are no labels '{labels}'; labels: {', '.join(LABELS)}", field)
    labels = labels or LOSSES[loss]
    return Contestant(f"{loss}@{labels}", loss, labels)


def scenarios(names, field):
    for name in names:
        if name not in SCENARIOS:
            raise Fault(f"there is no scenario '{name}'; scenarios: {', '.join(SCENARIOS)}", field)
    return [SCENARIOS[name] for name in dict.fromkeys(names)]


def check_key(key, where, line=None):
    """A key that may be set."""
    if not isinstance(key, str) or not re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*", key):
        raise Fault(f"'{key}' is not a key of a training configuration, such as loss.sigma", where, line)
    if any(key == own or key.startswith(own + ".") for own in OWN_KEYS):
        raise Fault(f"'{key}' is the study's own; not to be set: {', '.join(OWN_KEYS)}", where, line)


def put(config, key, value):
    """Sets config.a.b of key "a.b"."""
    *folders, last = key.split(".")
    for folder in folders:
        config = config.setdefault(folder, {})
    config[last] = value
