"""A model of each synthetic market is as good as it should be: metrics within margins that came from other seeds.

The margins are in tests/golden/quality.json: the mean and four standard deviations over twelve seeds that this test
does not use. `python3 quality_test.py --find` makes them anew, after a change that is meant to change models.
"""

import json
import pathlib
import statistics
import sys
import tempfile
import unittest

from tool import ROOT, fill, market, replies, trained

MARGINS = ROOT / "tests/golden/quality.json"
# What a loss is for: one of welfare gives up AUC and log loss where no money is decided, more or less of them by chance.
METRICS = {"logloss": ("auc", "normalized_entropy", "calibration", "welfare_share"),
           "welfare_rank": ("calibration", "welfare_share")}
AUCTIONS, SEEDS = 2500, range(101, 113)
SEED = 2  # of the test: one that is not at an edge, where the last digits of another processor would decide
DEVIATIONS = 4
# What a student of each market sees is in its schema; of these the network is not a logistic one.
STUDENTS = {"thin_tower": {"architecture": "two_tower", "hidden": [1]}, "interaction": {"architecture": "mlp", "hidden": [8]}}
LOSSES = {"logloss": {"loss": "logloss"}, "welfare_rank": {"loss": "welfare_rank", "labels": "truth"}}


def scenarios():
    return [line["scenario"] for line in replies("market", "list")]


def quality(scenario, loss, seed, folder):
    """Metrics on the test part; `welfare_share`: of what an oracle would create."""
    db = folder / f"{scenario}-{seed}"
    snapshot = json.loads((db / "snapshot").read_text()) if (db / "snapshot").exists() else None
    if snapshot is None:
        snapshot = fill(db, market(AUCTIONS, scenario, seed))
        (db / "snapshot").write_text(json.dumps(snapshot))
    schema = folder / f"{scenario}.json"
    schema.write_text(json.dumps(replies("market", "schema", "--scenario", scenario)[0]))
    config = {"name": f"{scenario}-{loss}", "seed": seed, "model": STUDENTS.get(scenario, {"architecture": "logistic"}),
              "loss": LOSSES[loss], "data": {"schema": str(schema), "train": 0.6, "validation": 0.15},
              "optimizer": {"batch_auctions": 100, "epochs": 6}}
    metrics = trained(config, db, snapshot, folder / f"models-{seed}")["metrics"]
    found = {name: metrics[f"test.{name}"] for name in METRICS[loss] if name != "welfare_share"}
    return {**found, "welfare_share": metrics["test.welfare"] / metrics["test.oracle_welfare"]}


def find():
    margins = {}
    with tempfile.TemporaryDirectory() as folder:
        for scenario in scenarios():
            for loss in LOSSES:
                runs = [quality(scenario, loss, seed, pathlib.Path(folder)) for seed in SEEDS]
                margins[f"{scenario} {loss}"] = {
                    name: [round(statistics.mean(run[name] for run in runs), 4),
                           round(DEVIATIONS * statistics.stdev(run[name] for run in runs), 4)] for name in METRICS[loss]}
                print(scenario, loss, margins[f"{scenario} {loss}"], file=sys.stderr)
    text = ",\n".join(f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in margins.items())
    MARGINS.write_text(f"{{\n{text}\n}}\n")


class QualityTest(unittest.TestCase):
    def test_models_are_within_the_margins(self):
        margins = json.loads(MARGINS.read_text())
        self.assertEqual(sorted(margins), sorted(f"{s} {loss}" for s in scenarios() for loss in LOSSES))
        with tempfile.TemporaryDirectory() as folder:
            for entry, of_metrics in margins.items():
                scenario, loss = entry.split()
                found = quality(scenario, loss, SEED, pathlib.Path(folder))
                for metric, (mean, margin) in of_metrics.items():
                    with self.subTest(entry, metric=metric):
                        self.assertAlmostEqual(found[metric], mean, delta=margin)


if __name__ == "__main__":
    find() if "--find" in sys.argv else unittest.main()
