"""`vickrey study tune`: the same search for every loss."""

import dataclasses
import statistics

import files
import intervals
from faults import Fault
from grid import TEACHER
from progress import Progress
from provenance import provenance
from schedule import Schedule, Task
from stages import Market, Sizes, check_config, parts
from store import Store

ETA = 3  # successive halving keeps the best third of a rung, and trains it three times as long


def check_space(options, programs):
    """Every end and every choice is something that can be trained. How many epochs a full training has goes to options.full_epochs."""
    networks = set()
    for scenario in options.scenarios:
        if files.digest(scenario.network) in networks:
            continue
        networks.add(files.digest(scenario.network))
        for one in options.losses:
            for key, found in options.space.of(one).items():
                for value in found.values:
                    try:
                        effective = check_config(programs, options, scenario, dataclasses.replace(one, settings={key: value}), "--space")
                    except Fault as fault:
                        raise Fault(f"{found.where}: {fault.message}", "--space", found.line) from None
    options.full_epochs = options.epochs or effective["optimizer"]["epochs"]


def rungs(method, budget, epochs):
    """[(trials, epochs)]: how many are trained for how long, one rung after the other, for a budget of full trainings."""
    if method == "random":
        return [(budget, epochs)]
    lengths = [epochs]
    while round(epochs / ETA ** len(lengths)) >= 1:
        lengths.insert(0, round(epochs / ETA ** len(lengths)))
    while len(lengths) > 1:
        # The defaults stay to the end, so two at least do.
        plan = lambda first: [(first if k == 0 else max(2, first // ETA ** k), length) for k, length in enumerate(lengths)]
        cost = lambda first: sum(n * length for n, length in plan(first)) / epochs
        first = ETA ** (len(lengths) - 1)
        if cost(first) <= budget:
            while cost(first + 1) <= budget:
                first += 1
            return plan(first)
        lengths.pop(0)  # too little for so many rungs
    return [(budget, epochs)]


class Search:
    """Of one loss on one scenario."""

    def __init__(self, tuning, scenario, one):
        self.tuning, self.scenario, self.one = tuning, scenario, one
        self.plan = rungs(tuning.options.method, tuning.options.budget, tuning.options.full_epochs)
        self.trials = [{"trial": trial, "settings": tuning.space.draw(one, trial, tuning.options.search_seed), "rungs": []}
                       for trial in range(self.plan[0][0])]
        self.alive = list(self.trials)

    def contestant(self, trial, epochs):
        """Its settings for so many epochs. The full number is not a setting: it is what everybody has."""
        full = epochs == self.tuning.options.full_epochs
        return dataclasses.replace(self.one, settings=trial["settings"] if full else {**trial["settings"], "optimizer.epochs": epochs})

    def contestants(self, rung):
        return [self.contestant(trial, self.plan[rung][1]) for trial in self.alive] if rung < len(self.plan) else []

    def judge(self, rung):
        """Scores those that were trained, and keeps the best for the next rung; the defaults stay."""
        epochs = self.plan[rung][1]
        for trial in self.alive:
            results = [self.tuning.market(self.scenario, seed).student(self.contestant(trial, epochs))["result"]
                       for seed in self.tuning.options.seeds]
            error = next((result["error"] for result in results if "error" in result), None)
            score = None if error else statistics.fmean(
                result["metrics"]["validation.welfare"] / result["metrics"]["validation.oracle_welfare"] for result in results)
            trial["rungs"].append({"epochs": epochs, "score": score, **({"error": error} if error else {})})
        if rung + 1 < len(self.plan):
            others = sorted(self.alive[1:], key=lambda trial: (-_score(trial), trial["trial"]))
            self.alive = [self.alive[0], *sorted(others[:self.plan[rung + 1][0] - 1], key=lambda trial: trial["trial"])]

    def selected(self):
        """The best of those trained in full; of equals the first, so the defaults."""
        return max(self.alive, key=lambda trial: (_score(trial), -trial["trial"]))

    def spent(self):
        return sum(rung["epochs"] for trial in self.trials for rung in trial["rungs"]) / self.tuning.options.full_epochs


def _score(trial):
    score = trial["rungs"][-1]["score"]
    return -1.0 if score is None else score


class Tuning:
    def __init__(self, options, programs):
        self.options, self.space = options, options.space
        self.store = Store(options.out / "stages")
        sizes = Sizes.of(options)
        self.markets = {(scenario.name, seed): Market(programs, self.store, options.out, scenario, seed, sizes)
                        for scenario in options.scenarios for seed in [*options.seeds, *options.test_seeds]}
        self.searches = [Search(self, scenario, one) for scenario in options.scenarios for one in options.losses]

    def market(self, scenario, seed):
        return self.markets[scenario.name, seed]

    def trainings(self):
        """In all, those of the test apart."""
        return sum(n for search in self.searches for n, _ in search.plan) * len(self.options.seeds)

    def tasks(self, wanted, tolerant):
        """Trainings of (market, contestants) that are not kept, and what they need."""
        tasks = []
        for market, contestants in wanted:
            missing = [one for one in dict.fromkeys(contestants) if market.student(one) is None]
            if not missing:
                continue
            log = Task(f"log {market.name}", market.make_log, counts=False)
            tasks.append(log)
            needs = [log]
            taught = next((one for one in missing if one.labels == "teacher"), None)
            if taught is not None and market.kept_teacher(taught) is None:
                needs = [Task(f"teacher {market.name}", lambda market=market, one=taught: market.make_teacher(one), [log],
                              counts=False)]
                tasks += needs
            make = (lambda market, one: market.make_trial(one)) if tolerant else (lambda market, one: market.make_student(one))
            tasks += [Task(f"train {market.name} {one.name}", lambda market=market, one=one: make(market, one),
                           needs if one.labels == "teacher" else [log]) for one in missing]
        return tasks

    def tested(self, scenario):
        """The defaults and what was selected, by loss."""
        found = {}
        for search in self.searches:
            if search.scenario == scenario:
                found[search.one] = (search.one, dataclasses.replace(search.one, name=f"{search.one.name} tuned",
                                                                     settings=search.selected()["settings"]))
        return found

    def test_shares(self, scenario):
        """Loss -> (selected, default): welfare on fresh auctions as a share of the best possible, mean over the test seeds."""
        pairs = self.tested(scenario)
        players = _distinct(pairs)
        shares = {one: [] for one in players}
        for seed in self.options.test_seeds:
            market = self.market(scenario, seed)
            for one in players:
                plays = [market.store.get("play", market.play_of(one if one != players[0] else players[1], players[0], *part))["result"]
                         for part in ranges(self.options)]
                own = "base" if one == players[0] else "own"
                welfare = sum(n * play[own]["welfare"] for (_, n), play in zip(ranges(self.options), plays))
                best = sum(n * play[own]["oracle_welfare"] for (_, n), play in zip(ranges(self.options), plays))
                shares[one].append(welfare / best)
        mean = {one: statistics.fmean(values) for one, values in shares.items()}
        return {one: (mean[tuned if tuned.settings else default], mean[default],
                      intervals.t_interval([a - b for a, b in zip(shares[tuned if tuned.settings else default], shares[default])]))
                for one, (default, tuned) in pairs.items()}


def _distinct(pairs):
    """Who plays: the defaults, and what differs from them."""
    return [*(default for default, _ in pairs.values()), *(tuned for _, tuned in pairs.values() if tuned.settings)]


def ranges(options):
    """Of fresh auctions, behind the log's."""
    return parts(Sizes.of(options).log(), options.auctions)


def run(options, programs):
    tuning = Tuning(options, programs)
    progress = Progress("tune", tuning.trainings())
    schedule = Schedule(programs, options.jobs, options.max_seconds, progress)
    for rung in range(max(len(search.plan) for search in tuning.searches)):
        wanted = [(tuning.market(scenario, seed), [one for search in tuning.searches if search.scenario == scenario
                                                   for one in search.contestants(rung)])
                  for scenario in options.scenarios for seed in options.seeds]
        tasks = tuning.tasks(wanted, tolerant=True)
        progress.skip_to(sum(n for search in tuning.searches for n, _ in search.plan[:rung + 1]) * len(options.seeds)
                         - sum(task.counts for task in tasks))
        schedule.run(tasks)
        for search in tuning.searches:
            search.judge(rung)
    test(tuning, schedule)
    schedule.run([Task(f"tidy {market.name}", market.tidy, counts=False) for market in tuning.markets.values()])
    return document(tuning, programs)


def test(tuning, schedule):
    """Trains the defaults and what was selected on other seeds, and plays them on fresh auctions."""
    wanted, plays = [], []
    for scenario in tuning.options.scenarios:
        players = _distinct(tuning.tested(scenario))
        for seed in tuning.options.test_seeds:
            market = tuning.market(scenario, seed)
            wanted.append((market, players))
            plays += [Task(f"play {market.name} {part[0]}",
                           lambda market=market, players=players, part=part: market.play(players, players[0], *part))
                      for part in ranges(tuning.options)]
    tasks = tuning.tasks(wanted, tolerant=False)
    schedule.progress.expect(schedule.progress.total + sum(task.counts for task in tasks) + len(plays))
    schedule.run(tasks)
    schedule.run(plays)


def document(tuning, programs):
    options = tuning.options
    scenarios = []
    for scenario in options.scenarios:
        shares, losses = tuning.test_shares(scenario), []
        for search in (search for search in tuning.searches if search.scenario == scenario):
            selected = search.selected()
            mine, default, t95 = shares[search.one]
            losses.append({"name": search.one.name, "loss": search.one.loss, "labels": search.one.labels, "spent": search.spent(),
                           "trials": search.trials, "selected": selected["trial"], "settings": selected["settings"],
                           "test": {"selected": mine, "default": default, "difference_t95": t95,
                                    "auctions": options.auctions * len(options.test_seeds)}})
        scenarios.append({"name": scenario.name, "network": scenario.network, "losses": losses})
    return {"format": 1, "kind": "tune", "command": options.command,
            "config": {"scenarios": [scenario.name for scenario in options.scenarios], "losses": [one.name for one in options.losses],
                       "seeds": options.seeds, "test_seeds": options.test_seeds, "search_seed": options.search_seed, "metric": options.metric,
                       "method": options.method, "budget": options.budget, "rungs": [list(rung) for rung in tuning.searches[0].plan],
                       "space": tuning.space.document, "train": options.train, "validation": options.validation,
                       "auctions": options.auctions, "epochs": options.full_epochs, "batch_auctions": options.batch_auctions,
                       "teacher": TEACHER},
            "provenance": provenance(programs), "seconds": tuning.store.seconds() if options.seconds else None, "scenarios": scenarios}


def markdown(found):
    """For people."""
    config = found["config"]
    lines = [f"    {found['command']} --out OUT", "",
             f"{config['method']}: for every loss {config['budget']} full trainings of {config['epochs']} epochs on each of the seeds "
             f"{', '.join(map(str, config['seeds']))}; chosen by welfare on validation, as a share of the best possible. Tested on "
             f"{config['auctions']:,} fresh auctions of each of the seeds {', '.join(map(str, config['test_seeds']))}, which chose nothing.", ""]
    for scenario in found["scenarios"]:
        lines += [f"### {scenario['name']}", "", "| loss | spent | trials | selected | validation % | test % | with its defaults % | settings |",
                  "|---|---|---|---|---|---|---|---|"]
        for loss in scenario["losses"]:
            score = loss["trials"][loss["selected"]]["rungs"][-1]["score"]
            show = lambda value: "" if value is None else f"{100 * value:.2f}"
            settings = ", ".join(f"{key} {value}" for key, value in loss["settings"].items()) or "the defaults"
            lines.append(f"| {loss['name']} | {loss['spent']:.2f} | {len(loss['trials'])} | {loss['selected']} | {show(score)} | "
                         f"{show(loss['test']['selected'])} | {show(loss['test']['default'])} | {settings} |")
        lines.append("")
    return "\n".join(lines)
