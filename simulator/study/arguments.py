"""Arguments that verbs have in common: how they are read, checked, and written as a command again."""

import argparse
import os
import pathlib
import re
import shlex

import markdown_text
from faults import Fault

MAX_SEED = 2**64 - 1


class Parser(argparse.ArgumentParser):
    """Errors are those of the other programs: a line of JSON, exit code 2."""

    def error(self, message):
        field = None
        found = re.match(r"argument (--[a-z-]+|VERB): (.*)", message, re.DOTALL)
        if found:
            field, message = found.groups()
        raise Fault(message, field)


# Types.


def whole(least, most=10**12):
    def parse(text):
        if not re.fullmatch(r"[0-9]{1,20}", text) or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {least} to {most}")
        return int(text)
    return parse


def above_zero(text):
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0 and below 1e9")
    return value


def names(text):
    found = text.split(",")
    if "" in found:
        raise argparse.ArgumentTypeError(f"'{text}' is not NAME[,NAME...]")
    return found


def seeds(text):
    """N: 1 to N. A,B,C or A-B: these."""
    if re.fullmatch(r"[0-9]{1,4}", text) and int(text) > 0:
        return list(range(1, int(text) + 1))
    if re.fullmatch(r"[0-9]{1,20}-[0-9]{1,20}", text):
        first, last = map(int, text.split("-"))
        if first <= last <= MAX_SEED and last - first < 1000:
            return list(range(first, last + 1))
    elif "," in text and re.fullmatch(r"[0-9]{1,20}(,[0-9]{1,20})*,?", text):
        found = [int(part) for part in text.split(",") if part]
        if len(set(found)) == len(found) and max(found) <= MAX_SEED:
            return found
    raise argparse.ArgumentTypeError(f"'{text}' is neither how many (N: seeds 1 to N, at most 9999), nor FIRST-LAST (at most 1000 of them), "
                                     "nor a list A,B,C (of one: A,) without repetitions")


# What every verb has.


def add_out(parser):
    parser.add_argument("--out", type=pathlib.Path, required=True, metavar="OUT", help="where everything is kept; the same command goes on there")


def add_seeds(parser, what):
    parser.add_argument("--seeds", type=seeds, required=True, metavar="N", help=f"N: seeds 1 to N; or FIRST-LAST; or A,B,C. {what}")


def add_working(parser):
    parser.add_argument("--jobs", type=whole(1, 1024), default=len(os.sched_getaffinity(0)), metavar="N",
                        help="programs at a time, a thread each; at most the cores of this machine, which is the default")
    parser.add_argument("--max-seconds", type=above_zero, metavar="S", help="stop after so long, with exit code 4; the same command goes on")
    parser.add_argument("--no-seconds", dest="seconds", action="store_false",
                        help="leave out what was measured by a clock: the rest is the same bytes whenever it is made")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE",
                        help="also put the tables into this file, between the marks that it has for them")
    parser.add_argument("--section", metavar="NAME", help="of several such places in the file: the one with this name in its mark")
    parser.add_argument("--programs", type=pathlib.Path, required=True, help=argparse.SUPPRESS)


def check_jobs(options):
    cores = len(os.sched_getaffinity(0))
    if options.jobs > cores:
        raise Fault(f"{options.jobs} programs of a thread each; this machine gives {cores} cores, at most so many are allowed", "--jobs")


def known(names, all_of_them, what, flag):
    """Names without repetitions, all of them known."""
    for name in names:
        if name not in all_of_them:
            raise Fault(f"there is no {what} '{name}'; there are {', '.join(all_of_them)}", flag)
    return [*dict.fromkeys(names)]


def check_places(options):
    """That what is written can be: --markdown and --out."""
    if options.markdown is not None:
        if options.markdown.exists() and not options.markdown.is_file():
            raise Fault(f"{options.markdown} is not a plain file", "--markdown")
        try:
            text = options.markdown.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Fault(f"cannot read {options.markdown}: {error}", "--markdown") from error
        begin = markdown_text.begin_of(options.verb, options.section)
        if markdown_text.replace_section(text, begin, "") is None:
            raise Fault(f"{options.markdown} has no lines '{begin}' and, behind it, '{markdown_text.END}'", "--markdown")
    elif options.section is not None:
        raise Fault(f"'{options.section}' is a place in the file of --markdown, which is missing", "--section")
    options.out = options.out.resolve()
    if options.out.exists() and not options.out.is_dir():
        raise Fault(f"{options.out} is not a folder", "--out")


# The command that gives the result again, in one form.


def listed(values):
    """As `seeds` and `names` read it: a seed alone needs its comma."""
    return ",".join(map(str, values)) + ("," if len(values) == 1 and isinstance(values[0], int) else "")


def command_of(options, pairs):
    """Of (flag, value); a value of None is left out, a list is written with commas."""
    words = ["vickrey", "study", options.verb]
    for flag, value in pairs:
        if value is not None:
            words += [flag, listed(value) if isinstance(value, list) else str(value)]
    return shlex.join(words)
