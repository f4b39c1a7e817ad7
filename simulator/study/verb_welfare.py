"""`vickrey study welfare`."""

import pathlib

import grid
import market_arguments
import variants
import welfare
import welfare_text
from arguments import whole
from faults import Fault
from verb import Verb


def arguments(parser):
    market_arguments.add(parser, grid.DEFAULT_LOSSES)
    parser.add_argument("--test", type=whole(16), default=10_000, metavar="N", help="auctions of the log that the bound is checked on; default: 10000")
    parser.add_argument("--control-auctions", type=whole(0), default=2_000_000, metavar="N",
                        help="fresh auctions of a control over all seeds, at least; default: 2000000")
    parser.add_argument("--variants", type=pathlib.Path, metavar="FILE", help="YAML: NAME: {loss: LOSS, set: {KEY: VALUE}}; more losses, all of them played")
    parser.add_argument("--tuned", type=pathlib.Path, metavar="FILE", help="tune.json of `vickrey study tune`: each loss with its settings")
    parser.add_argument("--check", action="store_true", help="exit code 1 if a claim or a goal that is not heroic is not met")


def check(options):
    named = market_arguments.check(options)
    extra = {} if options.variants is None else variants.read_variants(options.variants)
    for name in extra:
        if name in named and extra[name] != named[name]:
            raise Fault(f"'{name}' of {options.variants} is a loss of --losses, too; name it otherwise", "--variants")
    options.from_file = set(extra) - set(named)
    options.losses = [*{**named, **extra}.values()]
    tuned = options.tuned
    if tuned is not None:
        options.tuned = variants.Tuned(tuned)
        options.tuned.check(options.scenarios, options.losses, options.seeds)
    options.command = market_arguments.command_of(options, [
        ("--test", options.test), ("--control-auctions", options.control_auctions), ("--variants", options.variants), ("--tuned", tuned)])


def passed(options, found):
    return not options.check or not any(claim["holds"] is False and claim["kind"] != "heroic" for claim in found["claims"])


VERB = Verb(
    name="welfare", help="compare losses by the welfare that their students make",
    description="Trains a student for each scenario, loss and seed, plays fresh auctions with it, and writes "
    "OUT/study.json and OUT/study.md (docs/formats.md).",
    file="study.json", programs=market_arguments.PROGRAMS, arguments=arguments, check=check, inspect=market_arguments.inspect,
    run=welfare.run, markdown=welfare_text.of_study, passed=passed)
