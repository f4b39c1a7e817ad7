"""`vickrey study cost`."""

import pathlib
import re
from argparse import ArgumentTypeError

import arguments as shared
import cost
import cost_text
from arguments import above_zero, whole
from cost_grid import AXES, DEVICES
from cost_prices import Prices
from cost_settings import Settings
from faults import Fault
from verb import Verb


def link(text):
    """Of LATENCY_US,GB_PER_S the seconds of an exchange of all processes, and of a byte."""
    try:
        latency, rate = map(float, text.split(","))
    except ValueError:
        latency, rate = -1.0, -1.0
    if not 0 <= latency < 1e9 or not 0 < rate < 1e9:
        raise ArgumentTypeError(f"'{text}' is not LATENCY_US,GB_PER_S: microseconds from 0, gigabytes a second above 0")
    return {"text": text, "latency_seconds": latency * 1e-6, "seconds_per_byte": 1e-9 / rate}


def assignments(text):
    """Of K=V[,K=V...]; what they may be is known later."""
    found = dict(part.partition("=")[::2] for part in text.split(","))
    if not all(re.fullmatch(r"[a-z_]+=[A-Za-z0-9._+-]+", part) for part in text.split(",")) or len(found) < len(text.split(",")):
        raise ArgumentTypeError(f"'{text}' is not KEY=VALUE[,KEY=VALUE...], each key once")
    return text, found


def arguments(parser):
    shared.add_out(parser)
    parser.add_argument("--settings", type=pathlib.Path, metavar="FILE",
                        help="YAML: market, models, points, curves (docs/cost.md); default: cost.yaml, for a small machine without a GPU")
    parser.add_argument("--prices", type=pathlib.Path, metavar="FILE", help="YAML: of an hour of each device; default: prices.yaml, placeholders")
    parser.add_argument("--devices", type=shared.names, metavar="NAME[,NAME...]", help=f"of {','.join(DEVICES)}; default: those of this machine")
    parser.add_argument("--target-loss", type=above_zero, metavar="L", help="validation log loss; default: the median of what the curves end with")
    parser.add_argument("--budget", type=above_zero, action="append", metavar="D",
                        help="in the currency of the prices; may be repeated; default: four")
    parser.add_argument("--predict", type=assignments, action="append", default=[], metavar="K=V[,K=V...]",
                        help="every point with these values in place of its own, predicted; may be repeated")
    parser.add_argument("--link", type=link, metavar="LATENCY_US,GB_PER_S", help="of the network that predictions are for; default: as measured here")
    parser.add_argument("--memory-mib", type=whole(1, 10**9), metavar="N",
                        help="that each process of a point on the CPU may take; default: its part of four fifths of what the machine has")
    shared.add_working(parser)


def _replaced(texts, settings):
    """What --predict puts in place, with each value as its axis has it."""
    axes, found = {axis.name: axis for axis in AXES}, {}
    for key, text in texts.items():
        if key not in axes:
            raise Fault(f"there is no '{key}'; there are {', '.join(axes)}", "--predict")
        allowed = tuple(settings.models) if key == "model" else axes[key].allowed
        if allowed is None:
            try:
                found[key] = whole(1, axes[key].most)(text)
            except ArgumentTypeError as error:
                raise Fault(f"{key}: {error}", "--predict") from None
        elif text in allowed:
            found[key] = text
        else:
            raise Fault(f"{key}: '{text}' is not one of {', '.join(allowed)}", "--predict")
    return found


def check(options):
    shared.check_jobs(options)
    if options.devices is not None:
        options.devices = shared.known(options.devices, DEVICES, "device", "--devices")
    shared.check_places(options)
    settings, prices = options.settings, options.prices
    options.settings, options.prices = Settings(settings), Prices(prices)
    options.budget = sorted({*(options.budget or [])})
    predict = dict(options.predict)
    options.predict_texts, options.predict = [*predict], [_replaced(texts, options.settings) for texts in predict.values()]
    options.link_text = None if options.link is None else options.link["text"]
    options.command = shared.command_of(options, [
        ("--settings", settings), ("--prices", prices), ("--devices", options.devices), ("--target-loss", options.target_loss),
        *(("--budget", budget) for budget in options.budget), *(("--predict", text) for text in options.predict_texts),
        ("--link", options.link_text), ("--memory-mib", options.memory_mib)])


VERB = Verb(
    name="cost", help="measure what training costs, and find the cheapest way to a loss",
    description="Measures steps of training over devices, threads, batches, models, precision, workers and optimizers, and the loss that examples "
    "buy; finds which point gets to a loss for the least money, and predicts points that this machine cannot measure. Writes OUT/study.json and "
    "OUT/study.md (docs/formats.md).",
    file="study.json", programs=cost.PROGRAMS, arguments=arguments, check=check, inspect=cost.inspect, run=cost.run, markdown=cost_text.of_cost)
