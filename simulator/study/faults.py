"""What ends a study, and with which exit code: those of the other programs."""

import json

GOOD, FAILED, USAGE, ENVIRONMENT, INTERRUPTED = 0, 1, 2, 3, 4
UNAVAILABLE, MEMORY = "UNAVAILABLE", "RESOURCE_EXHAUSTED"  # codes that are told apart: of what is not there, of memory that does not suffice


class Fault(Exception):
    """An error that is shown as the other programs show theirs: a line of JSON on stderr."""

    def __init__(self, message, field=None, line=None, code="INVALID_ARGUMENT", exit_code=USAGE):
        super().__init__(message)
        self.message, self.field, self.line, self.code, self.exit_code = message, field, line, code, exit_code

    def text(self):
        line = None if self.line is None else str(self.line)
        return json.dumps({"error": {"code": self.code, "message": self.message, "line": line, "field": self.field}},
                          separators=(",", ":"))


def environment(message, field=None):
    return Fault(message, field, code=UNAVAILABLE, exit_code=ENVIRONMENT)


def interrupted(message):
    return Fault(message, code="CANCELLED", exit_code=INTERRUPTED)
