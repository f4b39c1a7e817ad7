"""How far a study is, on stderr: a line that redraws itself on a terminal, lines of JSON anywhere else."""

import json
import sys
import time


class Progress:
    def __init__(self, task, total, done=0):
        self.task, self.total, self.done, self.before = task, total, done, done
        self.begin = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def skip_to(self, done):
        """So many were done before, by an earlier run."""
        self.before += done - self.done
        self.done = done

    def expect(self, total):
        self.total = total

    def started(self, what):
        if self.terminal:
            self._write(f"\r\033[K{self.task}: {self.done} of {self.total}, {what} ...")

    def finished(self, what):
        self.done += 1
        left = (time.monotonic() - self.begin) / max(1, self.done - self.before) * (self.total - self.done)
        if self.terminal:
            self._write(f"\r\033[K{self.task}: {self.done} of {self.total}, about {left:.0f} s left" + "\n" * (self.done == self.total))
        else:
            self._write(json.dumps({"progress": {"task": self.task, "done": str(self.done), "total": str(self.total),
                                                 "unit": "stages", "what": what, "seconds_left": round(left, 1)}}) + "\n")

    def note(self, text):
        self._write(f"\r\033[K{text}\n" if self.terminal else json.dumps({"note": text}) + "\n")

    def _write(self, text):
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            pass  # a courtesy: a stderr that nobody reads is no error
