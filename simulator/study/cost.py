"""`vickrey study cost`: what training costs on the devices of this machine, and which way to a loss is the cheapest.

Points are timings: they run one after the other, whatever --jobs. Everything in the result is computed from what the stages
keep, so it is the same bytes until a stage is made anew.
"""

import json

from cost_document import document
from cost_grid import Machine
from cost_points import PROGRAM, CurveRun, Data, Measurement
from faults import environment
from progress import Progress
from schedule import Schedule, Task
from store import Store

PROGRAMS = ("vickrey-market", "vickrey-log", "vickrey-train", PROGRAM)


def inspect(options, programs):
    """What machine this is, and what the programs' own readers say of the settings."""
    said = [json.loads(line) for line in programs.ask(PROGRAM, "--devices").splitlines()]
    devices = [{**one, "memory_bytes": int(one["memory_bytes"])} for one in said]
    for device in options.devices or ():
        if all(one["device"] != device for one in devices):
            raise environment(f"this machine has no {device}", "--devices")
    options.machine = Machine(devices, options.devices)
    options.prices.check(options.machine)
    if not any(options.machine.why_not(point) is None for point in options.settings.points):
        point = next(iter(options.settings.points))
        raise environment(f"{options.settings.path}: this machine can measure none of the points; {point.name()}: {options.machine.why_not(point)}",
                          "--settings")
    study = Cost(options, programs)
    if study.tasks():
        study.data.check()


class Cost:
    def __init__(self, options, programs):
        self.options, self.settings, self.programs = options, options.settings, programs
        self.store = Store(options.out / "stages")
        self.data = Data(options.settings, programs, self.store, options.out)
        machine = options.machine
        self.left_out = [(point, why) for point in self.settings.points if (why := machine.why_not(point)) is not None]
        self.measurements = [Measurement(self.data, place, machine.name(place), options.memory_mib)
                             for point in self.settings.points if machine.why_not(point) is None for place in machine.places(point)]
        device = machine.devices[-1]["device"]  # a GPU, where there is one to be measured on
        runs = (CurveRun(self.data, measurement.point, device) for measurement in self.measurements)
        self.curves = [*{run.key: run for run in runs if self._may_have_curve(run.point.model)}.values()]

    # What is to be done.

    def tasks(self):
        """Points need each other only so that no two run at once."""
        points = [one for one in self.measurements if one.is_due()]
        curves = [one for one in self.curves if one.kept() is None and (points or self.has_curve(one.point.model))]
        logs = {fields: Task(f"{fields} fields", lambda fields=fields: self.data.make_log(fields))
                for fields in dict.fromkeys(one.fields for one in [*points, *curves])}
        tasks = [*logs.values()]
        for one in points:
            tasks.append(Task(one.name, one.make, [*logs.values()] if len(tasks) == len(logs) else [tasks[-1]]))
        last = tasks[-1:]
        tasks += [Task(one.name, lambda one=one: self._make_curve(one), [*last, logs[one.fields]]) for one in curves]
        return tasks

    def _make_curve(self, run):
        if self.has_curve(run.point.model):  # which its points have said by now
            yield from run.make()

    def _may_have_curve(self, model):
        return self.settings.curve_models is None or model in self.settings.curve_models

    def has_curve(self, model):
        """A model that was measured nowhere has none."""
        sizes = [int(line["parameters"]) for one in self.measurements if one.point.model == model and (line := self.line(one)) is not None]
        return bool(sizes) and self._may_have_curve(model) and (self.settings.curve_models is not None or sizes[0] <= self.settings.most_parameters)

    # What has come of it.

    @staticmethod
    def line(measurement):
        """What the program said of a point; None where it is not measured."""
        kept = measurement.kept()
        return None if kept is None else kept["result"].get("line")


def run(options, programs):
    study = Cost(options, programs)
    tasks = study.tasks()
    progress = Progress("cost", len(tasks))
    Schedule(programs, options.jobs, options.max_seconds, progress).run(tasks)
    failed = [one for one in study.measurements if one.failed is not None]
    if failed and all(study.line(one) is None for one in study.measurements):
        raise environment(f"{failed[0].name}: {failed[0].failed}")
    if failed:
        progress.note(f"{len(failed)} of {len(study.measurements)} points failed; the same command tries them again")
    else:
        study.data.delete()
    return document(study)
