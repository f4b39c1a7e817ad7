"""Arguments of verbs that train losses on markets."""

import arguments
import grid
from arguments import whole
from stages import check_config

PROGRAMS = ("vickrey-market", "vickrey-log", "vickrey-train", "vickrey-sim")


def add(parser, default_losses):
    arguments.add_out(parser)
    parser.add_argument("--scenarios", type=arguments.names, default=grid.DEFAULT_SCENARIOS, metavar="NAME[,NAME...]",
                        help=f"default: {','.join(grid.DEFAULT_SCENARIOS)}")
    parser.add_argument("--losses", type=arguments.names, default=default_losses, metavar="LOSS[,LOSS...]",
                        help=f"NAME or NAME@LABELS; logloss@click and logloss@teacher are always there; default: {','.join(default_losses)}")
    arguments.add_seeds(parser, "Each is a market with its networks")
    parser.add_argument("--train", type=whole(16), default=40_000, metavar="N", help="auctions to train on; default: 40000")
    parser.add_argument("--validation", type=whole(16), default=10_000, metavar="N", help="auctions to choose by; default: 10000")
    parser.add_argument("--auctions", type=whole(2), default=50_000, metavar="N", help="fresh auctions played for each market; default: 50000")
    parser.add_argument("--epochs", type=whole(1, 100_000), metavar="N", help="default: the trainer's")
    parser.add_argument("--batch-auctions", type=whole(1, 1_000_000), metavar="N", help="auctions in a step; default: the trainer's")
    arguments.add_working(parser)


def check(options):
    """Makes scenarios of their names; the losses that were asked for, and those that are always there, by name."""
    arguments.check_jobs(options)
    options.scenarios = grid.scenarios(options.scenarios, "--scenarios")
    named = {one.name: one for one in (grid.contestant(text, "--losses") for text in [*grid.BASELINES, *options.losses])}
    arguments.check_places(options)
    return named


def command_of(options, pairs):
    return arguments.command_of(options, [
        ("--scenarios", [one.name for one in options.scenarios]),
        ("--losses", [one.name for one in options.losses if one.name not in options.from_file]), ("--seeds", options.seeds),
        ("--train", options.train), ("--validation", options.validation), ("--auctions", options.auctions), ("--epochs", options.epochs),
        ("--batch-auctions", options.batch_auctions), *pairs])


def inspect(options, programs):
    """Settings are refused before the work, by the reader that the trainer has."""
    for scenario in options.scenarios:
        for one in options.losses:
            one = one if options.tuned is None else options.tuned.apply(scenario, one)
            if one.settings:
                check_config(programs, options, scenario, one, "--variants" if one.name in options.from_file else "--tuned")
