"""Tables in Markdown, and where they are put."""


def percent(value, digits=1, sign=False):
    return "" if value is None else f"{100 * value:{'+' if sign else ''}.{digits}f}"


def number(value, digits=2):
    return "" if value is None else f"{value:.{digits}f}"


def interval(summary, show):
    if summary["mean"] is None:
        return ""
    if summary["t95"] is None:
        return show(summary["mean"])
    return f"{show(summary['mean'])} ({show(summary['t95'][0])} to {show(summary['t95'][1])})"


def known_columns(head, rows):
    """Both, without columns in which nothing is known."""
    known = [column for column in range(len(head)) if any(row[column] for row in rows)]
    return [head[column] for column in known], [[row[column] for column in known] for row in rows]


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *("| " + " | ".join(row) + " |" for row in rows), ""]


BEGIN, END = "<!-- begin: written by `vickrey study", "<!-- end -->"


def begin_of(verb, name):
    """The mark that tables of a verb begin behind. `name`: of several sections of a file, else None."""
    return f"{BEGIN} {verb}`{'' if name is None else f': {name}'} -->"


def replace_section(text, begin, section):
    """Puts a section between its two marks; None where they are not there once each, in order."""
    if text.count(begin) != 1:
        return None
    before, after = text.split(begin)
    if END not in after:
        return None
    return f"{before}{begin}\n\n{section}\n{END}{after.split(END, 1)[1]}"
