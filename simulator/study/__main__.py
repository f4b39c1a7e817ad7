"""`vickrey study`: see command.py. The launcher gives the folder of the other programs as --programs, last."""

import importlib.util
import json
import os
import subprocess
import sys

from faults import Fault, environment


def version(programs, as_json):
    """That of the programs, which it is a part of."""
    said = json.loads(subprocess.run([os.path.join(programs, "vickrey"), "--version", "--json"], capture_output=True, check=True).stdout)
    said["program"] = "vickrey-study"
    print(json.dumps(said, separators=(",", ":")) if as_json else f"vickrey-study {said['version']}\ncommit    {said['commit']}")
    return 0


def main():
    *arguments, _, programs = sys.argv[1:]
    try:
        if arguments[:1] == ["--version"]:
            return version(programs, arguments[1:] == ["--json"])
        for package in ("scipy", "yaml"):
            if importlib.util.find_spec(package) is None:
                raise environment(f"needs the Python package {package}, which {sys.executable} has not: install scipy and PyYAML "
                                  "(python3-scipy and python3-yaml of Debian), or name another Python in VICKREY_PYTHON")
        import command
        if arguments and not arguments[0].startswith("-") and "--help" not in arguments and "-h" not in arguments:
            arguments += ["--programs", programs]
        return command.main(arguments)
    except Fault as fault:
        print(fault.text(), file=sys.stderr)
        return fault.exit_code
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(environment(f"{error.filename or 'stdout'}: {error.strerror}").text(), file=sys.stderr)
        return 3


if __name__ == "__main__":
    sys.exit(main())
