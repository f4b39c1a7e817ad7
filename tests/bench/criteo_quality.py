#!/usr/bin/env python3
"""Models of `vickrey train` against scikit-learn's LogisticRegression on a real log in Criteo's form.

usage: criteo_quality.py --programs build/release/bin --log train.tsv [--models logistic,mlp,dcn] [--seeds 3]

The log, in order of time, is cut into ten parts. **Rolling**: each of the last five is predicted by models of all
parts before it, as an ad server is always asked about days that it has not seen; folds with the future among their
training rows would count what no server can know, such as the names that come up later. What is compared are the
predictions of the five parts, pooled.

Both sides are tuned alike and from the past alone: for each tested part that setting of a grid is taken which has the
least log loss, pooled, of the three parts before it, each predicted by models of all parts before that one.

scikit-learn: OneHotEncoder with rare names of a column put together, log(1 + x) of numbers, standardised, with flags
for missing ones, L2 with tuned C. Ours: the preset `criteo`, one row an auction, by `vickrey log import`, `vickrey
train` and `vickrey predict`. Networks begin at random: the AUC of a model is the mean over --seeds, each of them a
model by itself.

Intervals are DeLong's, of the paired difference, over the tested rows with the models as they are: how much another
training set would change is not in them. E. DeLong et al., "Comparing the areas under two or more correlated receiver
operating characteristic curves", Biometrics 44, 1988.

To be run by a Python that has numpy and scikit-learn: python3 -m venv /tmp/sk && /tmp/sk/bin/pip install scikit-learn
"""

import argparse
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

NUMBERS = [f"I{k}" for k in range(1, 14)]
NAMES = [f"C{k}" for k in range(1, 27)]
os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin while they wait make a busy machine ten times slower
PARTS, FIRST_TESTED, TUNING = 10, 5, 3  # TUNING: on so many parts before the one that is tested
NORMAL_95 = 1.959964


def grid(**choices):
    return [dict(zip(choices, values)) for values in itertools.product(*choices.values())]


# Low rates and few epochs are what keeps a small log from being learnt by heart. Keys are of TrainConfig; and
# `embedding_width`, of all tables of the schema.
NETWORK = {"model.hidden": [[32, 16]], "optimizer.batch_auctions": [128], "data.max_buckets": [65536],
           "embedding_width": [2, 8], "optimizer.tables": ["sgd"], "optimizer.tables_learning_rate": [0.3, 1, 4, 10],
           "optimizer.learning_rate": [0.003, 0.01], "optimizer.epochs": [4, 8]}
GRIDS = {
    "sklearn": grid(C=[0.003, 0.01, 0.03, 0.1, 0.3, 1.0], min_frequency=[2, 5, 10]),
    # A name's weight after few epochs of plain gradient steps is about what an L2 penalty leaves of it: proportional to
    # the sum of its residuals. Adam would move a rare name as far as a common one.
    "logistic": grid(**{"optimizer.batch_auctions": [128], "data.max_buckets": [65536], "optimizer.tables": ["sgd"],
                        "optimizer.tables_learning_rate": [0.1, 0.2, 0.4, 0.8], "optimizer.learning_rate": [0.003, 0.01],
                        "optimizer.epochs": [4, 8]}),
    "mlp": grid(**NETWORK),
    "dcn": grid(**NETWORK, **{"model.cross_layers": [2]}),
    "autoint": grid(**{key: values for key, values in NETWORK.items() if key not in ("model.hidden", "embedding_width")},
                    **{"model.field_width": [2, 8], "model.attention_layers": [2], "model.attention_width": [8]}),
}


class Rows:
    """Lines of the log, and what scikit-learn reads of them."""

    def __init__(self, lines):
        self.lines = lines
        columns = [line.rstrip("\n").split("\t") for line in lines]
        self.clicks = np.array([int(row[0]) for row in columns])
        self.table = np.array([row[1:] for row in columns], dtype=object)


class SkLearn:
    def predict(self, train, test, settings, seed):
        """Probabilities of clicks of the rows of `test`."""
        del seed  # it is convex
        signed_log = FunctionTransformer(lambda x: np.sign(x) * np.log1p(np.abs(x)))
        to_numbers = FunctionTransformer(lambda x: np.where(x == "", "nan", x).astype(float))
        fill = SimpleImputer(strategy="mean", add_indicator=True)
        numbers = make_pipeline(to_numbers, signed_log, fill, StandardScaler())
        names = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=settings["min_frequency"])
        model = make_pipeline(ColumnTransformer([("numbers", numbers, slice(0, 13)), ("names", names, slice(13, 39))]),
                              LogisticRegression(C=settings["C"], max_iter=1000))
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            model.fit(train.table, train.clicks)
        return model.predict_proba(test.table)[:, 1]


class Ours:
    def __init__(self, programs, folder, architecture):
        self.vickrey, self.folder, self.architecture = programs / "vickrey", folder, architecture

    def run(self, *args, text=""):
        done = subprocess.run([self.vickrey, *map(str, args)], input=text, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"vickrey {' '.join(map(str, args))}: {done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def snapshot(self, rows):
        """The log of these rows and a snapshot of it, made once."""
        db = self.folder / f"log{len(rows.lines)}"  # training sets all begin with the first row
        if not db.exists():
            file = self.folder / "rows.tsv"
            file.write_text("".join(rows.lines))
            self.run("log", "import", "--db", db, "--format", "criteo", "--group-size", 1, file)
            self.run("log", "snapshot", "create", "--db", db)
        return db, next((db / "snapshots").iterdir()).name

    def schema(self, width):
        """A file of the preset with tables of this width."""
        schema = self.run("features", "schema", "criteo")[0]
        for field in schema["fields"]:
            field["embedding_width"] = width if field["kind"] == "CATEGORICAL" else 0
        file = self.folder / "schema.json"
        file.write_text(json.dumps(schema))
        return file

    def predict(self, train, test, settings, seed):
        db, snapshot = self.snapshot(train)
        config = {"name": self.architecture, "seed": seed, "model": {"architecture": self.architecture},
                  "loss": {"loss": "logloss"}, "data": {"train": 1, "validation": 0}, "optimizer": {}}
        for key, value in settings.items():
            if key == "embedding_width":
                config["data"]["schema"] = str(self.schema(value))
            else:
                section, name = key.split(".")
                config[section][name] = value
        file = self.folder / "config.yaml"
        file.write_text(json.dumps(config))
        line = self.run("train", "--config", file, "--db", db, "--snapshot", snapshot, "--out",
                        self.folder / "models")[-1]
        answers = self.run("predict", "--artifact", line["artifact"], text="".join(map(auction, test.table)))
        return np.array([answer["pctr"][0] for answer in answers])


def auction(row):
    """A row as a line of one candidate, as the importer reads it."""
    features = {name: float(value) for name, value in zip(NUMBERS, row[:13]) if value != ""}
    features |= {name: value for name, value in zip(NAMES, row[13:]) if value != ""}
    return json.dumps({"auction_id": "a", "event_time": 0, "candidates": [{"ad_id": "x", "features": features}]}) + "\n"


def text_of(settings):
    return ", ".join(f"{key.split('.')[-1]} {value}" for key, value in settings.items())


def logloss(clicks, p):
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return -np.mean(clicks * np.log(p) + (1 - clicks) * np.log(1 - p))


def placements(clicks, scores):
    """For each clicked row the share of the others that it is above, and for each other row of the clicked above it."""
    order = np.argsort(scores, kind="stable")
    result = np.empty(len(scores))
    distinct, place = np.unique(scores[order], return_inverse=True)
    clicked = np.bincount(place, clicks[order], len(distinct))
    others = np.bincount(place, 1 - clicks[order], len(distinct))
    below = np.cumsum(others) - others / 2
    above = clicked.sum() - np.cumsum(clicked) + clicked / 2
    result[order] = np.where(clicks[order] == 1, below[place] / others.sum(), above[place] / clicked.sum())
    return result


def mean_auc(clicks, predictions):
    """The mean AUC of some models, and the mean of their placements, from which DeLong's variance follows."""
    mean = np.mean([placements(clicks, p) for p in predictions], axis=0)
    return mean[clicks == 1].mean(), mean


def difference(clicks, ours, theirs):
    """(Difference of mean AUCs, half of its 95 % interval)."""
    d = mean_auc(clicks, ours)[1] - mean_auc(clicks, theirs)[1]
    clicked, others = d[clicks == 1], d[clicks == 0]
    return clicked.mean(), NORMAL_95 * np.sqrt(clicked.var(ddof=1) / len(clicked) + others.var(ddof=1) / len(others))


class Rolling:
    """The predictions of a model for parts of the log, each from all parts before it; none is made twice."""

    def __init__(self, model, parts):
        self.model, self.parts, self.made = model, parts, {}

    def predict(self, k, settings, seed):
        key = k, json.dumps(settings), seed
        if key not in self.made:
            before = Rows([line for part in self.parts[:k] for line in part.lines])
            self.made[key] = self.model.predict(before, self.parts[k], settings, seed)
        return self.made[key]

    def loss(self, k, settings):
        """The log loss of the parts before part k."""
        some = range(k - TUNING, k)
        return logloss(np.concatenate([self.parts[i].clicks for i in some]),
                       np.concatenate([self.predict(i, settings, seed=1) for i in some]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--log", type=pathlib.Path, required=True, help="a file of Criteo's form, in order of time")
    parser.add_argument("--models", default="logistic,mlp,dcn")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path, help="where the numbers are written")
    flags = parser.parse_args()
    lines = flags.log.read_text().splitlines(keepends=True)
    cuts = [len(lines) * k // PARTS for k in range(PARTS + 1)]
    parts = [Rows(lines[begin:end]) for begin, end in zip(cuts, cuts[1:])]
    clicks = np.concatenate([part.clicks for part in parts[FIRST_TESTED:]])

    report = {"rows": len(lines), "tested": len(clicks), "clicks": int(clicks.sum()), "models": {}}
    predictions = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ["sklearn", *flags.models.split(",")]:
            start = time.monotonic()
            model = SkLearn() if name == "sklearn" else Ours(flags.programs.resolve(), pathlib.Path(folder), name)
            rolling = Rolling(model, parts)
            chosen = []
            for k in range(FIRST_TESTED, PARTS):
                chosen.append(min(GRIDS[name], key=lambda settings: rolling.loss(k, settings)))
                print(f"{name}: part {k + 1} by {text_of(chosen[-1])}", file=sys.stderr)
            predictions[name] = [
                np.concatenate([rolling.predict(k, settings, seed) for k, settings in enumerate(chosen, FIRST_TESTED)])
                for seed in range(1, 2 if name == "sklearn" else flags.seeds + 1)]
            report["models"][name] = {
                "chosen": chosen, "seconds": time.monotonic() - start,
                "tried": [{"settings": settings,
                           "logloss": [rolling.loss(k, settings) for k in range(FIRST_TESTED, PARTS)]}
                          for settings in GRIDS[name]]}
    of_part = [slice(begin - cuts[FIRST_TESTED], end - cuts[FIRST_TESTED])
               for begin, end in zip(cuts[FIRST_TESTED:], cuts[FIRST_TESTED + 1:])]
    for name, some in predictions.items():
        auc, _ = mean_auc(clicks, some)
        entry = report["models"][name]
        entry.update(auc=auc, auc_seeds=[mean_auc(clicks, [p])[0] for p in some],
                     auc_parts=[mean_auc(clicks[part], [p[part] for p in some])[0] for part in of_part],
                     logloss=float(np.mean([logloss(clicks, p) for p in some])),
                     calibration=float(np.mean([p.sum() / clicks.sum() for p in some])))
        entry["difference"], entry["half_interval"] = difference(clicks, some, predictions["sklearn"])
    print(f"{len(clicks)} rows tested, {clicks.sum()} clicks; differences to sklearn with 95 % intervals\n")
    print("| model | AUC | difference | of seeds | of parts | log loss | predicted / clicks |")
    print("|---|---|---|---|---|---|---|")
    for name, entry in report["models"].items():
        spread = f"{min(entry['auc_seeds']):.4f} to {max(entry['auc_seeds']):.4f}"
        change = "-" if name == "sklearn" else f"{entry['difference']:+.4f} +- {entry['half_interval']:.4f}"
        of_parts = ", ".join(f"{a:.3f}" for a in entry["auc_parts"])
        print(f"| {name} | {entry['auc']:.4f} | {change} | {spread} | {of_parts} | {entry['logloss']:.4f} | "
              f"{entry['calibration']:.3f} |")
    if flags.json:
        flags.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
