"""The example configurations of trainer/configs, on small logs of the kind that each is for."""

import csv
import math
import os
import pathlib
import random
import tempfile
import unittest

from tool import ROOT, fill, market, replies, vickrey

os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin while they wait make a busy machine ten times slower

CONFIGS = ROOT / "trainer/configs"


def odds(x):
    return 1 / (1 + math.exp(-x))


def write_criteo(file, rows):
    """Clicks follow from one name and one number; the others are noise, a tenth of all values missing."""
    dice = random.Random(1)
    some = lambda value: "" if dice.random() < 0.1 else str(value)
    with open(file, "w") as out:
        for _ in range(rows):
            number, name = dice.randrange(50), dice.randrange(20)
            click = int(dice.random() < odds(-2 + 0.04 * number + (name % 2)))
            numbers = [some(number), *(some(dice.randrange(-2, 1000)) for _ in range(12))]
            names = [f"{name:08x}", *(some(f"{dice.randrange(30):08x}") for _ in range(25))]
            out.write("\t".join([str(click), *numbers, *names]) + "\n")


def write_outbrain(file, requests):
    """One click a request, of an ad whose appeal is its own."""
    dice = random.Random(1)
    with open(file, "w") as out:
        table = csv.writer(out)
        table.writerow("uuid display_id ad_id document_id timestamp_view platform geo_location clicked day".split())
        for request in range(requests):
            ads = dice.sample(range(40), dice.randrange(2, 8))
            clicked, = dice.choices(ads, [math.exp(ad % 4) for ad in ads])
            for ad in ads:
                time = f"2016-06-14 {request // 3600:02}:{request // 60 % 60:02}:{request % 60:02}.000"
                place = dice.choice(["US>SC>519", "US>CA", "DE"])
                table.writerow([f"u{dice.randrange(500)}", request, ad, dice.randrange(30), time, dice.randrange(1, 4),
                                place, int(ad == clicked), 14])


class ConfigsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.db = self.folder / "log"

    def imported(self, form, file, *flags):
        replies("log", "import", "--db", self.db, "--format", form, *flags, file)
        return replies("log", "snapshot", "create", "--db", self.db)[0]["snapshot_id"]

    def check(self, name, snapshot, metric, least, *settings):
        """Trains by the file, but for `settings`; the metric of the test set is at least so large."""
        flags = [flag for setting in settings for flag in ("--set", setting)]
        line = replies("train", "--config", CONFIGS / f"{name}.yaml", "--db", self.db, "--snapshot", snapshot, "--out",
                       self.folder / "models", *flags)[-1]
        self.assertEqual(pathlib.Path(line["artifact"]).parts[-2:], (name, "1"))
        self.assertGreater(line["metrics"][f"test.{metric}"], least)
        return line

    def test_every_file_is_tested(self):
        tested = {method.removeprefix("test_config_") for method in dir(self) if method.startswith("test_config_")}
        self.assertEqual({file.stem for file in CONFIGS.iterdir()}, tested)

    # On so small a log a step must be small, or there are too few. The AUC of four seeds of market and training was 0.63
    # to 0.68, 0.71 to 0.75, 0.77 to 0.80 and 0.76 to 0.79; what has learnt nothing has 0.5.

    def test_config_criteo(self):
        file = self.folder / "train.tsv"
        write_criteo(file, 8000)
        self.check("criteo", self.imported("criteo", file, "--group-size", 8), "auc", 0.6,
                   "optimizer.batch_auctions=8", "data.max_buckets=64")

    def test_config_outbrain(self):
        file = self.folder / "train.csv"
        write_outbrain(file, 2000)
        self.check("outbrain", self.imported("outbrain", file), "auction_auc", 0.65,
                   "optimizer.batch_auctions=16", "data.max_buckets=64")

    def test_config_synthetic(self):
        self.check("synthetic", fill(self.db, market(3000)), "auc", 0.7)

    def test_config_teacher_student(self):
        line = self.check("teacher_student", fill(self.db, market(3000)), "auc", 0.7)
        self.assertEqual(line["g4"], "certified")
        folds = list((self.folder / "models" / line["teacher"]["name"]).iterdir())
        self.assertEqual(len(folds), 5)  # as cross_fit says


if __name__ == "__main__":
    unittest.main()
