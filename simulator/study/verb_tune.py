"""`vickrey study tune`."""

import pathlib

import grid
import market_arguments
import tuning
from arguments import MAX_SEED, seeds, whole
from faults import Fault
from space import Space
from verb import Verb


def arguments(parser):
    market_arguments.add(parser, ["welfare_rank", *grid.RIVALS])
    parser.add_argument("--space", type=pathlib.Path, required=True, metavar="FILE", help="YAML: what is searched (docs/studies.md)")
    parser.add_argument("--metric", choices=["welfare"], default="welfare", help="what is chosen by, on validation; default: welfare")
    parser.add_argument("--method", choices=["random", "halving"], default="random", help="default: random")
    parser.add_argument("--budget", type=whole(1, 100_000), required=True, metavar="N", help="full trainings for each loss, on each seed")
    parser.add_argument("--test-seeds", type=seeds, metavar="N", help="default: as many as --seeds, behind its greatest")
    parser.add_argument("--search-seed", type=whole(0, MAX_SEED), default=1, metavar="N", help="of the draws; default: 1")


def check(options):
    options.losses, options.from_file = [*market_arguments.check(options).values()], set()
    options.test = 0
    path, options.space = options.space, Space(options.space)
    options.space.check_losses(options.losses)
    if options.test_seeds is None:
        options.test_seeds = list(range(max(options.seeds) + 1, max(options.seeds) + 1 + len(options.seeds)))
    both = sorted(set(options.seeds) & set(options.test_seeds))
    if both:
        raise Fault(f"seed {both[0]} is one of --seeds, too: what is chosen must be judged elsewhere", "--test-seeds")
    options.command = market_arguments.command_of(options, [
        ("--space", path), ("--method", options.method), ("--budget", options.budget), ("--search-seed", options.search_seed),
        ("--test-seeds", options.test_seeds)])


VERB = Verb(
    name="tune", help="search settings of each loss, with the same budget for all",
    description="Draws settings from a space, trains them on the seeds given, chooses by validation, and judges what was "
    "chosen on fresh auctions of other seeds. Writes OUT/tune.json, for `vickrey study welfare --tuned`.",
    file="tune.json", programs=market_arguments.PROGRAMS, arguments=arguments, check=check, inspect=tuning.check_space,
    run=tuning.run, markdown=tuning.markdown)
