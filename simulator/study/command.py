"""The command line of `vickrey study`."""

import sys

import files
import intervals
import markdown_text
import verb_arithmetic
import verb_bidders
import verb_cost
import verb_tune
import verb_walkforward
import verb_welfare
from arguments import Parser
from faults import FAILED, GOOD, USAGE, Fault
from programs import Programs

VERBS = {verb.name: verb for verb in (
    verb_welfare.VERB, verb_tune.VERB, verb_walkforward.VERB, verb_bidders.VERB, verb_arithmetic.VERB, verb_cost.VERB)}


def parser():
    top = Parser(prog="vickrey study", description="Markets, teachers, students and simulations over a grid, and what they come to.",
                 epilog="Exit codes: 0 good, 1 a check failed, 2 usage or bad input, 3 environment, 4 interrupted: the same command goes on.")
    top.add_argument("--version", action="store_true", help="what it is made of")
    verbs = top.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    for verb in VERBS.values():
        verb.arguments(verbs.add_parser(verb.name, help=verb.help, description=verb.description))
    return top


def check_result(path, verb):
    """What the result would take the place of is an earlier one of the same verb, or nothing."""
    if path.is_symlink() or path.exists():
        try:
            found = files.read_json(path) if path.is_file() else None
        except OSError as error:
            raise Fault(f"cannot read {path}: {error.strerror}", "--out") from error
        if not isinstance(found, dict) or found.get("kind") != verb.name:
            raise Fault(f"{path} is not what `vickrey study {verb.name}` writes there, and would be overwritten; name another folder, or move it",
                        "--out")


def put_markdown(options, section):
    """The file was checked before the work; hours later it may be another."""
    try:
        begin = markdown_text.begin_of(options.verb, options.section)
        text = markdown_text.replace_section(options.markdown.read_text(encoding="utf-8"), begin, section)
    except UnicodeDecodeError as error:
        raise Fault(f"cannot read {options.markdown}: {error}", "--markdown") from error
    if text is None:
        raise Fault(f"{options.markdown} has no longer the lines that the tables stand between", "--markdown")
    files.write(options.markdown, text)


def main(arguments):
    options = parser().parse_args(arguments)
    if options.verb is None:
        parser().print_help(sys.stderr)
        return USAGE
    verb = VERBS[options.verb]
    verb.check(options)
    check_result(options.out / verb.file, verb)
    programs = Programs(options.programs, verb.programs)
    verb.inspect(options, programs)
    lock = files.Lock(options.out)
    programs.held = (lock.file.fileno(),)
    intervals.load()
    found = verb.run(options, programs)
    result = options.out / verb.file
    files.write_json(result, found)
    tables = verb.markdown(found)
    files.write(result.with_suffix(".md"), tables)
    print(result)
    if options.markdown is not None:
        put_markdown(options, tables)
    return GOOD if verb.passed(options, found) else FAILED
