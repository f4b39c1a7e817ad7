"""`vickrey study bidders`."""

import argparse
import fractions
import pathlib
import re

import arguments as shared
import bidders
import bidders_text
import files
from faults import Fault
from price_settings import Settings
from verb import Verb


def share(text):
    """As it was written: a float would round it."""
    if not re.fullmatch(r"[0-9]*\.?[0-9]{1,12}", text) or not 0 < fractions.Fraction(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a share above 0 and below 1, such as 0.25")
    return text


def arguments(parser):
    shared.add_out(parser)
    parser.add_argument("--log", type=pathlib.Path, required=True, metavar="FILE",
                        help="impressions that somebody won, in order of time, as `vickrey price --train` reads them")
    parser.add_argument("--test", type=pathlib.Path, metavar="FILE", help="a newer log, which is judged on; default: the newest rows of --log")
    parser.add_argument("--test-share", type=share, metavar="SHARE", help="of the rows of --log, where there is no --test; default: 0.25")
    shared.add_seeds(parser, "Each trains every head anew")
    parser.add_argument("--settings", type=pathlib.Path, metavar="FILE", help="YAML: a PriceConfig, heads and bidders in it (docs/bidding.md)")
    shared.add_working(parser)


def check(options):
    shared.check_jobs(options)
    if options.test is not None and options.test_share is not None:
        raise Fault("is for a log without --test, whose newest rows are judged on", "--test-share")
    if options.test is None:
        options.test_share = options.test_share or "0.25"
    shared.check_places(options)
    of = lambda path, flag: None if path is None else {"file": path.name, "sha256": files.sha256(path, flag)}
    options.logs = {"log": of(options.log, "--log"), "test": of(options.test, "--test"), "test_share": options.test_share}
    path, options.settings = options.settings, Settings(options.settings)
    options.command = shared.command_of(options, [
        ("--log", options.log), ("--test", options.test), ("--test-share", options.test_share), ("--seeds", options.seeds), ("--settings", path)])


VERB = Verb(
    name="bidders", help="compare losses of price forecasts by the forecasts and by what bidders earn with them",
    description="Trains heads that forecast the market price of an impression, on each seed, judges them on a newer log, and plays bidders there. "
    "Writes OUT/study.json and OUT/study.md (docs/formats.md).",
    file="study.json", programs=("vickrey-price",), arguments=arguments, check=check, run=bidders.run, markdown=bidders_text.of_bidders)
