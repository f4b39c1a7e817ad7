"""The README's tour, run as a newcomer would at a terminal: every command in order, every answer as the README shows it."""

import functools
import os
import pathlib
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
from fcntl import ioctl

from tool import BIN, ROOT

HEADING = "### A five-minute tour"
ADDRESS = "127.0.0.1:50051"
ELLIPSIS = "..."
FRACTION = re.compile(r"\d+\.\d+(?:e-?\d+)?")  # what another kind of processor may compute in other last digits
TOLERANCE = 0.05


def tour(text):
    """The tour's commands with the lines that answer each: what is indented, or fenced, below HEADING up to the next heading."""
    section = re.split(r"\n#+ ", text.split(f"\n{HEADING}\n", 1)[1])[0]
    steps = []
    fenced = False
    for line in section.splitlines():
        if line.startswith("```"):
            fenced = not fenced
            continue
        within = bool(steps) and is_open(steps[-1][0])
        if not fenced:
            if not line.startswith("    ") and (line or not within):
                continue  # what the README says, and the space around it
            line = line[4:]
        if within:
            steps[-1] = (f"{steps[-1][0]}\n{line}", [])
        elif line.startswith("$ "):
            steps.append((line.removeprefix("$ "), []))
        else:
            steps[-1][1].append(line)
    return steps


@functools.cache
def is_open(command):
    """Whether a shell would wait for more: a backslash or a bar at the end, an open quotation, a document without its end."""
    if command.endswith("\\"):
        return True
    done = subprocess.run(["bash", "-n"], input=command, capture_output=True, text=True)
    return done.returncode != 0 or bool(done.stderr)


def same_line(shown, line):
    parts = []
    numbers = []
    for i, text in enumerate(shown.split(ELLIPSIS)):
        place = 0
        parts.append(".*" if i else "")
        for number in FRACTION.finditer(text):
            # A number whose digits go on behind an ellipsis has more of them there.
            parts.append(re.escape(text[place:number.start()]) + r"(\d+(?:\.\d+)?(?:e-?\d+)?)")
            numbers.append(float(number[0]))
            place = number.end()
        parts.append(re.escape(text[place:]))
    match = re.fullmatch("".join(parts), line)
    return match is not None and all(abs(float(found) - number) <= TOLERANCE * number
                                     for found, number in zip(match.groups(), numbers))


def same(shown, lines):
    """Whether the lines are those shown, where `...` stands for any text in a line, and alone on it for any lines."""
    if not shown:
        return not lines
    if shown[0] == ELLIPSIS:
        return any(same(shown[1:], lines[i:]) for i in range(len(lines) + 1))
    return bool(lines) and same_line(shown[0], lines[0]) and same(shown[1:], lines[1:])


class Terminal:
    """A shell whose output goes to a terminal, ended with all that it started."""

    def __init__(self):
        self.master, slave = pty.openpty()
        ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
        self.shell = subprocess.Popen(["bash"], stdin=subprocess.PIPE, stdout=slave, stderr=slave, text=True, cwd=ROOT,
                                      start_new_session=True)
        os.close(slave)
        self.text = ""

    def close(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.shell.pid, number)
                self.shell.wait(timeout=20)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
        self.shell.stdin.close()
        os.close(self.master)

    def read(self, deadline):
        ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError(f"nothing but:\n{self.text}")
        self.text += os.read(self.master, 1 << 16).decode()

    def run(self, file, shown, seconds=300):
        """The lines that the commands of a file leave on the terminal, and their exit code. Of one that goes on behind the
        scenes (&), those that come until they are `shown`."""
        self.text = ""
        self.shell.stdin.write(f". {file} </dev/null; printf '\\n--- %s ---\\n' $?\n")
        self.shell.stdin.flush()
        deadline = time.monotonic() + seconds
        while not (end := re.search(r"\n--- (\d+) ---\r?\n", self.text)):
            self.read(deadline)
        if file.read_text().rstrip().endswith("&"):
            deadline = time.monotonic() + 30
            try:
                while not same(shown, self.lines()):
                    self.read(deadline)
            except TimeoutError:
                pass
        return self.lines(), int(end[1])

    def lines(self):
        """What can be seen at the end: a line that was drawn over is what was drawn last."""
        text = re.sub(r"\n--- \d+ ---\r?\n", "\n", self.text)
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r\n", "\n")
        lines = [line.rstrip("\r").rsplit("\r", 1)[-1].rstrip() for line in text.split("\n")]
        return [line for line in lines if line]


def free_address():
    """The README's, or another one where it is taken."""
    for port in (int(ADDRESS.rsplit(":", 1)[1]), 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return "127.0.0.1:%d" % probe.getsockname()[1]
            except OSError:
                continue
    raise AssertionError("no port is free")


class TourTest(unittest.TestCase):
    def test_every_command_answers_as_the_readme_shows(self):
        steps = tour((ROOT / "README.md").read_text())
        self.assertGreaterEqual(len(steps), 10, "the tour is not where this test looks")
        folder = tempfile.TemporaryDirectory(prefix="vickrey-tour-")
        self.addCleanup(folder.cleanup)
        # Not the newcomer's folder, programs, Python and port, but this test's.
        places = {"/tmp/tour": f"{folder.name}/tour", "$PWD/build/release/bin": str(BIN),
                  ".deps/python-*/bin/python": sys.executable, ADDRESS: free_address()}
        terminal = Terminal()
        self.addCleanup(terminal.close)
        for number, (command, shown) in enumerate(steps):
            here = command
            for readme, mine in places.items():
                here = here.replace(readme, mine)
            file = pathlib.Path(folder.name, f"{number}.sh")
            file.write_text(here + "\n")
            mine = [self.renamed(line, places) for line in shown]
            lines, code = terminal.run(file, mine)
            with self.subTest(command=command):
                self.assertTrue(same(mine, lines), "\n".join(["README.md shows:", *shown, "", "the program writes:", *lines]))
                self.assertEqual(code, 0, lines)
            if code or (command.endswith("&") and not lines):
                break  # what comes next needs what this command should have left

    def renamed(self, text, places):
        for readme, mine in places.items():
            text = text.replace(readme, mine)
        return text


class MatchTest(unittest.TestCase):
    """What the test above would let pass."""

    def test_lines(self):
        for shown, line in [("a ... c", "a b c"), ('{"x":0.034...,...}', '{"x":0.03412345,"y":[1]}'),
                            ("auc 0.7265", "auc 0.7501"), ("+15.63 %", "+15.60 %")]:
            self.assertTrue(same_line(shown, line), (shown, line))
        for shown, line in [("a ... c", "a b d"), ("auc 0.7265", "auc 0.6265"), ("stored 12", "stored 13"),
                            ("+15.63 %", "-15.63 %"), ("a", "ab")]:
            self.assertFalse(same_line(shown, line), (shown, line))

    def test_left_out_lines(self):
        self.assertTrue(same(["...", "b", "..."], ["a", "b", "c", "d"]))
        self.assertTrue(same(["...", "b"], ["b"]))
        self.assertFalse(same(["...", "b"], ["a"]))
        self.assertFalse(same(["a"], ["a", "b"]))
        self.assertFalse(same(["a"], []))

    def test_commands_of_several_lines(self):
        text = f"""
{HEADING}

    $ echo a |
        cat
    a
    $ cat <<'END'
    b

    END
    b

Fenced, too:

```sh
$ echo 'c
  d'
...
```

## Next

    $ e
"""
        self.assertEqual(tour(text), [("echo a |\n    cat", ["a"]), ("cat <<'END'\nb\n\nEND", ["b"]), ("echo 'c\n  d'", ["..."])])


if __name__ == "__main__":
    unittest.main()
