"""`vickrey study walkforward`."""

import pathlib

import arguments as shared
import files
import walkforward
import walkforward_text
from arguments import above_zero
from argparse import ArgumentTypeError
from forecast_settings import LOSSES, MODELS, Settings
from verb import Verb


def share(text):
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"'{text}' is not a share from 0 to 1")
    return value


def arguments(parser):
    shared.add_out(parser)
    parser.add_argument("--series", type=pathlib.Path, required=True, metavar="FILE", help="CSV with a header row, in rising time")
    parser.add_argument("--price", required=True, metavar="COLUMN", help="of prices")
    parser.add_argument("--date", metavar="COLUMN", help="of times; default: the first")
    parser.add_argument("--models", type=shared.names, default=[*MODELS], metavar="NAME[,NAME...]", help=f"default: {','.join(MODELS)}")
    parser.add_argument("--losses", type=shared.names, metavar="NAME[,NAME...]",
                        help=f"default: {','.join(LOSSES)} and the variants of --settings")
    parser.add_argument("--cost", type=share, action="append", metavar="C",
                        help="of each unit that a position changes by, as a share of the equity; may be repeated, candidates are chosen at the "
                        "first; default: 0.001")
    shared.add_seeds(parser, "Each trains every network anew")
    parser.add_argument("--periods-per-year", type=above_zero, default=252.0, metavar="N", help="of the series; default: 252")
    parser.add_argument("--settings", type=pathlib.Path, metavar="FILE", help="YAML: windows, networks, candidates (docs/studies.md)")
    shared.add_working(parser)


def check(options):
    shared.check_jobs(options)
    options.models = shared.known(options.models, MODELS, "model", "--models")
    options.cost = [*dict.fromkeys(options.cost or [0.001])]
    shared.check_places(options)
    options.series_of = {"file": options.series.name, "sha256": files.sha256(options.series, "--series"), "price": options.price, "date": options.date}
    path, options.settings = options.settings, Settings(options.settings, options.periods_per_year)
    options.losses = shared.known(options.losses or options.settings.bases, options.settings.bases, "loss", "--losses")
    options.command = shared.command_of(options, [
        ("--series", options.series), ("--price", options.price), ("--date", options.date), ("--models", options.models),
        ("--losses", options.losses), *(("--cost", cost) for cost in options.cost), ("--seeds", options.seeds),
        ("--periods-per-year", options.periods_per_year), ("--settings", path)])


def inspect(options, programs):
    """The program reads the series, and the settings of every model with every loss; the windows are those it says."""
    for model in options.models:
        for loss in options.losses:
            found = walkforward.plan(options, programs, model, loss)
    options.plan = found


VERB = Verb(
    name="walkforward", help="compare losses by what trading on their forecasts of a price comes to",
    description="Trains a forecaster for each window of a price series, model, loss and seed, chooses on validation, and judges the positions "
    "out of sample. Writes OUT/study.json and OUT/study.md (docs/formats.md).",
    file="study.json", programs=("vickrey-forecast", "vickrey-eval"), arguments=arguments, check=check, inspect=inspect,
    run=walkforward.run, markdown=walkforward_text.of_walkforward)
