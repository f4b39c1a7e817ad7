"""`vickrey study arithmetic`."""

import pathlib

import arguments as shared
import arithmetic
import arithmetic_text
from arithmetic_settings import LOSSES, TASKS, Settings
from verb import Verb


def arguments(parser):
    shared.add_out(parser)
    parser.add_argument("--tasks", type=shared.names, default=[*TASKS], metavar="NAME[,NAME...]", help=f"default: {','.join(TASKS)}")
    parser.add_argument("--losses", type=shared.names, default=[*LOSSES], metavar="NAME[,NAME...]", help=f"default: {','.join(LOSSES)}")
    shared.add_seeds(parser, "Each is other problems, batches and first weights, the same for all losses")
    parser.add_argument("--settings", type=pathlib.Path, metavar="FILE", help="YAML: problems, network, training (docs/studies.md)")
    shared.add_working(parser)


def check(options):
    shared.check_jobs(options)
    options.tasks = shared.known(options.tasks, TASKS, "task", "--tasks")
    options.losses = shared.known(options.losses, LOSSES, "loss", "--losses")
    shared.check_places(options)
    path, options.settings = options.settings, Settings(options.settings)
    options.command = shared.command_of(options, [
        ("--tasks", options.tasks), ("--losses", options.losses), ("--seeds", options.seeds), ("--settings", path)])


def inspect(options, programs):
    """The program reads the settings of every task with every loss."""
    for task in options.tasks:
        for loss in options.losses:
            arithmetic.plan(options, programs, task, loss)


VERB = Verb(
    name="arithmetic", help="compare number-token losses by the answers of a digit transformer",
    description="Trains a small digit transformer on generated arithmetic for each task, loss and seed, and compares its answers with those "
    "after cross-entropy alone. Writes OUT/study.json and OUT/study.md (docs/formats.md).",
    file="study.json", programs=(arithmetic.PROGRAM,), arguments=arguments, check=check, inspect=inspect, run=arithmetic.run,
    markdown=arithmetic_text.of_arithmetic)
