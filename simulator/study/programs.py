"""The programs of Vickrey that do the work: where they are, which they are, what they say when they fail."""

import dataclasses
import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess

from faults import ENVIRONMENT, FAILED, MEMORY, UNAVAILABLE, USAGE, Fault, environment


# A launcher that started this process tells it of a group which those that it starts are none of.
ALONE = dict.fromkeys(("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_USE_AGENT_STORE",
                       "TORCHELASTIC_RESTART_COUNT"))


@dataclasses.dataclass(frozen=True)
class Command:
    """Programs connected by pipes. All see the end of this process as a SIGTERM to them, however it comes."""

    pipeline: tuple  # of lists of words; the first word of each names a program
    log: pathlib.Path  # where stderr goes
    threads: int
    stdin: pathlib.Path | None = None  # what the first of them reads; None: nothing
    processes: int = 1  # that are started beside each other, to work together as torchrun's do; the first one's output counts
    environment: dict = dataclasses.field(default_factory=dict)  # over that of this process; None: without the variable

    def log_of(self, rank):
        """Each process of a group has its own, so that it can be told which of them failed why."""
        return self.log if rank == 0 else self.log.with_name(f"{self.log.stem}.{rank}.log")


@dataclasses.dataclass(frozen=True)
class Done:
    stdout: str
    cpu_seconds: float  # user and system, of all processes of the pipeline


class Programs:
    def __init__(self, folder, names):
        self.folder = pathlib.Path(folder)
        self.held = ()  # descriptors that what is started holds, too: the study's lock
        self.versions = {name: self._identity(name) for name in names}

    def _identity(self, name):
        file = self.folder / name
        try:
            said = json.loads(subprocess.run([file, "--version", "--json"], capture_output=True, text=True, check=True).stdout)
            with open(file, "rb") as program:
                sha256 = hashlib.file_digest(program, "sha256").hexdigest()
        except (OSError, subprocess.CalledProcessError, ValueError) as error:
            raise environment(f"the program {file} is not part of this version or was not installed: {error}") from error
        return {"version": said["version"], "commit": said["commit"], "libtorch": said["libtorch"], "sha256": sha256}

    def identity(self, *names):
        """What a stage that these programs make is a function of, beside its inputs."""
        return {name: self.versions[name] for name in names}

    def ask(self, *command):
        """The output of a program that answers at once."""
        done = subprocess.run([self.folder / command[0], *map(str, command[1:])], capture_output=True, text=True)
        if done.returncode != 0:
            raise fault_of(" ".join(map(str, command)), done.returncode, done.stderr)
        return done.stdout

    def start(self, command):
        """Starts the processes of a command; the last one's stdout (of a group: the first one's) goes to a file beside its log."""
        command.log.parent.mkdir(parents=True, exist_ok=True)
        # LibTorch's threads spin while they wait, which where others work too makes small steps many times slower.
        environment_ = {**os.environ, **ALONE, "OMP_NUM_THREADS": str(command.threads), "OMP_WAIT_POLICY": "passive", **command.environment}
        environment_ = {name: value for name, value in environment_.items() if value is not None}
        if command.processes == 1:
            return self._pipeline(command, command.log, command.log.with_suffix(".out"), environment_)
        place = {"WORLD_SIZE": str(command.processes), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port())}
        started = []
        for rank in range(command.processes):
            output = os.devnull if rank else command.log.with_suffix(".out")
            started += self._pipeline(command, command.log_of(rank), output,
                                      {**environment_, **place, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        return started

    def _pipeline(self, command, log, output, environment_):
        processes, source = [], open(command.stdin, "rb") if command.stdin else subprocess.DEVNULL
        with open(log, "w") as errors, open(output, "w") as output_:
            for number, words in enumerate(command.pipeline, 1):
                last = number == len(command.pipeline)
                words = [str(self.folder / words[0]), *map(str, words[1:])]
                process = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", "--", *words], stdin=source,
                                           stdout=output_ if last else subprocess.PIPE, stderr=errors, env=environment_,
                                           pass_fds=self.held)
                if source != subprocess.DEVNULL:
                    source.close()  # so that a writer notices when its reader is gone
                source = process.stdout
                processes.append(process)
        return processes


def _free_port():
    """Of this machine, at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def about_config(message, path):
    """What a program that was asked for its --plan says of a configuration that the study wrote for it: without the command, and where in
    that file it is."""
    return re.sub(rf"^{re.escape(str(path))}:\s*([0-9]+:\s*)?", "", message.split("--plan: ", 1)[-1])


def fault_of(what, code, said):
    """Why a program failed: its error line, or how it ended."""
    for line in reversed(said.splitlines()):
        if line.startswith('{"error"'):
            error = json.loads(line)["error"]
            code = code if code in (FAILED, USAGE, ENVIRONMENT) else ENVIRONMENT
            return Fault(f"{what}: {error['message']}", error["field"], error.get("line"), code=error["code"], exit_code=code)
    ended = f"exit code {code}" if code >= 0 else f"ended by {signal.Signals(-code).name}"
    last = (said.strip().splitlines() or ["it said nothing"])[-1]
    fault = environment(f"{what}: {ended}; {last}")
    if code == -signal.SIGABRT and "bad_alloc" in said:
        fault.code = MEMORY
    return fault


def fault_of_group(command, what, ended):
    """Why processes that work together failed. `ended`: [(rank, exit code)] of those that did, in this order. The others of a process that
    is gone only say so."""
    faults = [fault_of(what, code, command.log_of(rank).read_text(errors="replace")) for rank, code in ended]
    return min(faults, key=lambda fault: (fault.code != MEMORY, fault.code == UNAVAILABLE))
