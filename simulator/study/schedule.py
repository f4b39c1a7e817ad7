"""Runs tasks that wait for programs, so many at a time, in one thread.

A task is a generator that yields Commands and is sent what each came to (Done); it runs when the tasks that it needs
are finished. Tasks are started in the order in which they were added, so that what was begun is finished first. When a
signal arrives or the time is up nothing new is started, and what runs is asked to end where it can go on later.
"""

import os
import select
import signal
import time

from faults import INTERRUPTED, environment, interrupted
from programs import Done, fault_of, fault_of_group

END_SECONDS = 60  # how long a program may take to leave a checkpoint


class Task:
    def __init__(self, name, body, needs=(), counts=True):
        self.name, self.body, self.needs, self.counts = name, body, list(needs), counts
        self.finished = False


class Running:
    def __init__(self, task, generator, command, processes):
        self.task, self.generator, self.command, self.processes = task, generator, command, processes
        self.left = {os.pidfd_open(process.pid): process for process in processes}
        self.codes, self.cpu_seconds = {}, 0.0


class Schedule:
    def __init__(self, programs, jobs, max_seconds, progress):
        self.programs, self.jobs, self.progress = programs, jobs, progress
        self.deadline = None if max_seconds is None else time.monotonic() + max_seconds
        self.running, self.why_ended = [], None

    def run(self, tasks):
        """Until all are finished. INTERRUPTED where it was ended before, and the fault of a task that failed."""
        wake, self.wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        handlers = {number: signal.signal(number, self._interrupt) for number in (signal.SIGTERM, signal.SIGINT)}
        self.poll = select.poll()
        self.poll.register(wake, select.POLLIN)
        waiting = list(tasks)
        try:
            while waiting or self.running:
                while self.why_ended is None and len(self.running) < self.jobs:
                    task = next((t for t in waiting if all(need.finished for need in t.needs)), None)
                    if task is None:
                        break
                    waiting.remove(task)
                    self._advance(task, task.body(), None)
                if self.why_ended is not None:
                    raise interrupted(f"{self.why_ended}; the same command goes on from there")
                if self.running:
                    self._wait()
        finally:
            self._end_all()
            for number, handler in handlers.items():
                signal.signal(number, handler)
            os.close(wake)
            os.close(self.wake)

    def _interrupt(self, number, frame):
        self.why_ended = f"interrupted by {signal.Signals(number).name}"
        try:
            os.write(self.wake, b".")  # poll goes on waiting after a handler
        except BlockingIOError:
            pass  # it is awake

    def _advance(self, task, generator, done):
        """Has a task go on until its next command, or its end."""
        try:
            command = generator.send(done)
        except StopIteration:
            self._finish(task)
            return
        try:
            self.progress.started(task.name)
            running = Running(task, generator, command, self.programs.start(command))
        except OSError as error:
            raise environment(f"{task.name}: cannot start {command.pipeline[0][0]}: {error.strerror}") from error
        self.running.append(running)
        for fd in running.left:
            self.poll.register(fd, select.POLLIN)

    def _finish(self, task):
        task.finished = True
        if task.counts:
            self.progress.finished(task.name)

    def _wait(self):
        """Until a process ends, the time is up, or a signal arrives."""
        timeout = None
        if self.deadline is not None:
            timeout = max(0, self.deadline - time.monotonic()) * 1000
        ready = {fd for fd, _ in self.poll.poll(timeout)}
        if self.deadline is not None and time.monotonic() >= self.deadline and self.why_ended is None:
            self.why_ended = "the time of --max-seconds is up"
        for running in list(self.running):
            for fd in ready & set(running.left):
                self._reap(running, fd)
            if not running.left:
                self.running.remove(running)
                self._ended(running)

    def _reap(self, running, fd):
        process = running.left.pop(fd)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)  # Popen need not wait for it again
        running.codes[process.pid] = process.returncode
        running.cpu_seconds += usage.ru_utime + usage.ru_stime
        self.poll.unregister(fd)
        os.close(fd)

    def _ended(self, running):
        fault, interrupted_ = self._fault(running)
        if interrupted_:
            self.why_ended = self.why_ended or f"{running.task.name} was interrupted"
            return
        if fault is not None:
            fault.message += f" (its log: {running.command.log})"
            try:
                running.generator.throw(fault)  # a task may live with it
            except StopIteration:
                self._finish(running.task)
            return
        output = running.command.log.with_suffix(".out")
        done = Done(output.read_text(), running.cpu_seconds)
        output.unlink()
        self._advance(running.task, running.generator, done)

    def _fault(self, running):
        """(why the processes failed, or None; whether they were ended on the way, which is no failure)."""
        ranks = {process.pid: rank for rank, process in enumerate(running.processes)}
        ended = [(ranks[pid], code) for pid, code in running.codes.items() if code != 0]  # in the order in which they ended
        if not ended:
            return None, False
        group = running.command.processes > 1
        last = max(ended)[1]  # of a pipeline the last program knows best
        if self.why_ended is not None or last == INTERRUPTED or group and any(code == INTERRUPTED for _, code in ended):
            return None, True
        if group:
            return fault_of_group(running.command, running.task.name, ended), False
        return fault_of(running.task.name, last, running.command.log.read_text(errors="replace")), False

    def _end_all(self):
        # Not Popen.terminate, which would itself wait for a process that has just ended.
        for running in self.running:
            for fd in running.left:
                signal.pidfd_send_signal(fd, signal.SIGTERM)
        deadline = time.monotonic() + END_SECONDS
        for running in self.running:
            for fd in list(running.left):
                gone = select.poll()
                gone.register(fd, select.POLLIN)
                if not gone.poll(max(0, deadline - time.monotonic()) * 1000):
                    signal.pidfd_send_signal(fd, signal.SIGKILL)
                self._reap(running, fd)
        self.running = []
