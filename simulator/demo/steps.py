"""Runs the demo's programs one after the other, each with a log of its own."""

import ctypes
import json
import os
import signal
import subprocess
import time

USAGE, ENVIRONMENT = 2, 3
SERVER_SECONDS = 60  # how long a server may take to start or to drain


class StepError(Exception):
    """A step failed. `code` is what the demo exits with."""

    def __init__(self, step, why, log, code=ENVIRONMENT):
        super().__init__(f"step '{step}' failed: {why}")
        self.log = log
        self.code = code


INTERRUPTS = {signal.SIGTERM, signal.SIGINT}


def end_with_parent():
    """In a child: the kernel ends it when this program is gone, however that happened."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
    signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)


class Steps:
    """Runs programs one after the other, each with a log of its own, and ends all that are left."""

    def __init__(self, out, programs):
        self.logs = out / "logs"
        self.programs = programs
        self.running = []
        self.count = 0
        self.log = None  # of the step that ran last
        self.code = 0  # with which it ended

    def log_of(self, name):
        self.count += 1
        return self.logs / f"{self.count:02d}-{name.replace(' ', '-')}.log"

    def start(self, command, **streams):
        command = [str(self.programs / command[0]), *map(str, command[1:])]
        # An interrupt waits until the process is known here, so that it is ended with the others.
        signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
        try:
            process = subprocess.Popen(command, preexec_fn=end_with_parent, **streams)
            self.running.append(process)
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
        return process

    def run(self, name, *pipeline, good=(0,)):
        """Runs commands connected by pipes; what the last one printed, and in what time. `good`: its exit codes that are
        answers; `code` is the one that it gave."""
        log = self.log = self.log_of(name)
        begin = time.monotonic()
        print(f"  {name} ...", end="", flush=True)
        with open(log, "w+") as errors:
            processes, source = [], subprocess.DEVNULL
            for command in pipeline:
                process = self.start(command, stdin=source, stdout=subprocess.PIPE, stderr=errors)
                if processes:
                    source.close()  # so that a writer notices when its reader is gone
                source = process.stdout
                processes.append(process)
            printed = source.read().decode()
            errors.write(printed)
            codes = [process.wait() for process in processes]
            self.running = [process for process in self.running if process not in processes]
        self.code = codes[-1]
        failed = next((code for code in reversed(codes[:-1]) if code != 0), 0)
        failed = self.code if self.code not in good else failed
        if failed:
            print(" failed")
            raise StepError(name, error_in(log, failed), log, failed if failed > 0 else ENVIRONMENT)
        seconds = time.monotonic() - begin
        print(f" {seconds:.1f} s")
        return printed, seconds

    def serve(self, *flags):
        """Starts a server; where it listens."""
        log = self.log_of("serve")
        print("  serve ...", end="", flush=True)
        begin = time.monotonic()
        with open(log, "w") as errors:
            server = self.start(["vickrey", "serve", *flags], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=errors)
        line = server.stdout.readline().decode()
        if not line:
            print(" failed")
            raise StepError("serve", error_in(log, server.wait()), log)
        print(f" {time.monotonic() - begin:.1f} s")
        return server, json.loads(line)["address"], log

    def stop(self, server, log):
        server.terminate()
        try:
            code = server.wait(SERVER_SECONDS)
        except subprocess.TimeoutExpired:
            raise StepError("stop the server", f"it did not end within {SERVER_SECONDS} s", log)
        if code != 0:
            raise StepError("stop the server", error_in(log, code), log)
        self.running.remove(server)

    def end_all(self):
        for process in self.running:
            process.terminate()
        deadline = time.monotonic() + 10
        for process in self.running:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.running = []


def error_in(log, code):
    """What a program said when it ended: its error line, or its last one."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    for line in reversed(lines):
        if line.startswith('{"error"'):
            return json.loads(line)["error"]["message"]
    ended = f"exit code {code}" if code >= 0 else f"ended by {signal.Signals(-code).name}"
    return f"{ended}; {lines[-1]}" if lines else ended


def epochs_in(log, model):
    """How a model's training stood after each epoch; not its teacher's."""
    lines = [line for line in log.read_text().splitlines() if line.startswith('{"epoch"')]
    epochs = [json.loads(line)["epoch"] for line in lines]
    return [{key: value for key, value in epoch.items() if key != "model"} for epoch in epochs if epoch["model"] == model]
