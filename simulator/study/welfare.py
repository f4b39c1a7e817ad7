"""`vickrey study welfare`: every loss on every market, and what it comes to."""

import math

import cells
import claims
import files
import intervals
from grid import BASELINES, TEACHER
from progress import Progress
from provenance import provenance
from schedule import Schedule, Task
from stages import Market, Sizes, parts
from store import Store


class Plan:
    """The grid: markets, and who is trained and played on each."""

    def __init__(self, options, programs):
        self.options, self.programs = options, programs
        self.store = Store(options.out / "stages")
        self.sizes = Sizes.of(options)
        self.markets = [(Market(programs, self.store, options.out, scenario, seed, self.sizes), self.contestants(scenario))
                        for seed in options.seeds for scenario in options.scenarios]

    def contestants(self, scenario):
        if self.options.tuned is None:
            return self.options.losses
        return [self.options.tuned.apply(scenario, one) for one in self.options.losses]

    def auctions(self, scenario):
        """Played for a market. The seeds of a control together have what its narrow interval needs."""
        if not scenario.control:
            return self.options.auctions
        return max(self.options.auctions, math.ceil(self.options.control_auctions / len(self.options.seeds)))

    def ranges(self, scenario):
        """(first, number) of the parts, behind the log's auctions."""
        return parts(self.sizes.log(), self.auctions(scenario))

    def tasks(self):
        """Those that have something to do, and how many there are in all."""
        tasks, total = [], 0
        for market, contestants in self.markets:
            teachers = {files.digest(market.teacher_of(one)[0]): one for one in contestants if one.labels == "teacher"}
            total += 1 + len(teachers) + len(contestants) + len(self.ranges(market.scenario))
            tasks += self._market_tasks(market, contestants, teachers)
        return tasks, total

    def _market_tasks(self, market, contestants, teachers):
        students = [one for one in contestants if market.student(one) is None]
        if students or not all(self._is_played(market, contestants, part) for part in self.ranges(market.scenario)):
            # Who plays needs an artifact; somebody may have deleted it.
            students = [one for one in contestants if market.student(one) is None or not market.artifact(one).exists()]
        missing = {key: one for key, one in teachers.items()
                   if market.kept_teacher(one) is None and any(files.digest(market.teacher_of(s)[0]) == key for s in students
                                                               if s.labels == "teacher")}
        tasks = []
        if students:
            log = Task(f"log {market.name}", market.make_log)
            taught = {key: Task(f"teacher {market.name}", lambda one=one: market.make_teacher(one), [log]) for key, one in missing.items()}
            trained = []
            for one in students:
                key = files.digest(market.teacher_of(one)[0]) if one.labels == "teacher" else None
                needs = [taught[key]] if key in taught else [log]
                trained.append(Task(f"train {market.name} {one.name}", lambda one=one: market.make_student(one), needs))
            tasks += [log, *taught.values(), *trained]
        needs = list(tasks)
        for part in self.ranges(market.scenario):
            if not students and self._is_played(market, contestants, part):
                continue
            tasks.append(Task(f"play {market.name} {part[0]}",
                              lambda part=part: market.play(contestants, cells.baseline(market, contestants), *part), needs))
        if students:
            tasks.append(Task(f"tidy {market.name}", market.tidy, needs, counts=False))
        return tasks

    def _is_played(self, market, contestants, part):
        base = cells.baseline(market, contestants)
        return all(market.store.get("play", market.play_of(one, base, *part)) for one in contestants if one != base)


def _scenario(plan, scenario):
    """A scenario of the document."""
    found = {}
    for market, contestants in plan.markets:
        if market.scenario == scenario:
            for one, record in cells.records(market, contestants, plan.ranges(scenario), plan.options.seconds).items():
                found.setdefault(one, []).append(record)
    losses = [{"name": one.name, "loss": one.loss, "labels": one.labels, "settings": one.settings, "tuned": one.tuned,
               "seeds": found[one],
               "over_seeds": {metric: intervals.over_seeds([record[metric] for record in found[one]]) for metric in cells.METRICS}}
              for one in plan.contestants(scenario)]
    chosen = [record["baseline"] for record in losses[0]["seeds"]]
    return {"name": scenario.name, "control": scenario.control, "network": scenario.network,
            "baselines": {name: chosen.count(name) for name in BASELINES}, "losses": losses}


def document(plan):
    options = plan.options
    found = {
        "format": 1, "kind": "welfare", "command": options.command,
        "config": {"scenarios": [scenario.name for scenario in options.scenarios], "losses": [one.name for one in options.losses],
                   "seeds": options.seeds, "train": options.train, "validation": options.validation, "test": options.test,
                   "auctions": options.auctions, "control_auctions": options.control_auctions, "epochs": options.epochs,
                   "batch_auctions": options.batch_auctions, "teacher": TEACHER,
                   "tuned": None if options.tuned is None else files.digest(options.tuned.document)},
        "provenance": provenance(plan.programs),
        "seconds": plan.store.seconds() if options.seconds else None,
        "scenarios": [_scenario(plan, scenario) for scenario in options.scenarios],
    }
    found["claims"] = claims.claims(found)
    return found


def run(options, programs):
    plan = Plan(options, programs)
    tasks, total = plan.tasks()
    progress = Progress("study", total, total - sum(task.counts for task in tasks))
    Schedule(programs, options.jobs, options.max_seconds, progress).run(tasks)
    return document(plan)
