"""The loop closed: a server's own log trains the next model, and a gate decides whether it is to serve.

A first model is trained on a little history and serves. From then on nothing is known but what a server logs: auctions of
which a share explores, with propensities, and the clicks that users report. Two candidates are trained on that log. Each
gets a share of the traffic as `canary` and is compared with the version that serves, online and off-policy; `vickrey
models promote` makes it stable, or takes its label away. What the market knows of them is looked up at the very end.
"""

import json

from steps import StepError

EXPLORE = 0.2
CANARY_SHARE = 0.5
NAME = "ctr"


class Sizes:
    """How many auctions: of the history, of traffic before the first candidate, before the second, and to judge each; and
    what a candidate must show. Margins are what intervals of so many clicks can tell."""

    def __init__(self, quick):
        self.conditions = [f"welfare >= {-0.15 if quick else -0.02}", "off_policy_welfare >= -0.25", "calibration in 0.8..1.25"]
        self.history = 2_000
        self.early, self.learning = (300, 15_000) if quick else (300, 40_000)
        self.judging_early, self.judging = (10_000, 40_000) if quick else (20_000, 120_000)
        self.truth = 10_000 if quick else 50_000


def configuration(job, seed, loss, batch):
    teacher = f"teacher: {{model: {job.teacher}}}\n" if "teacher" in loss else ""
    return (f"name: {NAME}\nseed: {seed}\nmodel: {job.student}\nloss: {loss}\n"
            f"optimizer: {{batch_auctions: {batch}, epochs: 8}}\n{teacher}")


class Loop:
    """The server, its traffic, and the candidates."""

    def __init__(self, job, options, steps, conditions):
        self.job = job
        self.conditions = conditions
        self.options = options
        self.out = options.out
        self.steps = steps
        self.next = 0  # the market's next auction
        self.address = None
        
    def market(self, auctions):
        first, self.next = self.next, self.next + auctions
        return ["--market", self.job.scenario, "--seed", self.options.seed, "--first", first, "--auctions", auctions]

    def train(self, name, db, snapshot, text):
        config = self.out / "config" / f"{name}.yaml"
        config.write_text(text)
        printed, seconds = self.steps.run(f"train {name}", [
            "vickrey", "train", "--config", config, "--db", db, "--snapshot", snapshot, "--out", self.out / "models"])
        line = json.loads(printed.splitlines()[-1])
        return {"ref": f"{NAME}@{line['version']}", "seconds": round(seconds, 3), **line}

    def traffic(self, name, auctions):
        printed, _ = self.steps.run(name, ["vickrey", "traffic", *self.market(auctions), "--address", self.address, "--model",
                                           NAME, "--explore", EXPLORE, "--json"])
        line = json.loads(printed.splitlines()[-1])
        of_each = ", ".join(f"{m['ref']} {m['auctions']} auctions, {m['clicks']} clicks" for m in line["models"])
        print(f"    {of_each}")
        return line

    def snapshot(self):
        printed, _ = self.steps.run("snapshot", ["vickrey", "log", "snapshot", "create", "--address", self.address])
        return json.loads(printed)["snapshot_id"]

    def judge(self, candidate, incumbent, auctions):
        """Gives the candidate its share of the traffic, compares, and has the gate decide."""
        version = candidate["version"]
        at = ["--address", self.address]
        self.steps.run(f"register {candidate['ref']}", ["vickrey", "models", "register", *at, f"{NAME}/{version}"])
        self.steps.run(f"canary {candidate['ref']}",
                       ["vickrey", "models", "label", *at, NAME, "canary", version, "--share", CANARY_SHARE])
        sent = self.traffic(f"traffic with {candidate['ref']}", auctions)
        snapshot = self.snapshot()
        printed, _ = self.steps.run(f"compare {candidate['ref']}", [
            "vickrey", "eval", "online", candidate["ref"], incumbent, "--db", self.out / "log", "--snapshot", snapshot,
            "--artifact-root", self.out / "models", "--json"])
        evidence = self.out / "evidence" / f"{NAME}-{version}.json"
        evidence.write_text(printed)
        conditions = [part for condition in self.conditions for part in ("--if", condition)]
        printed, _ = self.steps.run(f"promote {candidate['ref']}", ["vickrey", "models", "promote", *at, NAME, *conditions,
                                                                    "--evidence", evidence], good=(0, 1))
        decision = json.loads(printed)
        if decision["promoted"] != (self.steps.code == 0):
            raise StepError("promote", f"exit code {self.steps.code} is not what it says", self.steps.log)
        for condition in decision["conditions"]:
            print(f"    {'holds' if condition['holds'] else 'fails'}  {condition['condition']}  {shown(condition)}")
        print(f"    {candidate['ref']} is {'promoted' if decision['promoted'] else 'rolled back'}")
        return {"candidate": candidate["ref"], "loss": candidate["loss"], "learned_from": candidate["learned_from"],
                "traffic": sent, "online": json.loads(evidence.read_text()), "decision": decision}


def shown(condition):
    interval = condition["ci95"]
    if not interval:
        return "(its interval is not defined)"
    if " in " in condition["condition"]:
        return f"(95 % interval {interval[0]:.3f} to {interval[1]:.3f})"
    return f"(95 % interval {100 * interval[0]:+.1f} % to {100 * interval[1]:+.1f} %)"


def close_the_loop(job, options, steps):
    """What was decided, and what the market's truth says of it: the document of the report."""
    out, sizes = options.out, Sizes(options.quick)
    loop = Loop(job, options, steps, sizes.conditions)
    steps.run("history", ["vickrey", "market", "generate", "--scenario", job.scenario, "--seed", options.seed, "--auctions",
                          sizes.history], ["vickrey", "log", "append", "--db", out / "history"])
    loop.next = sizes.history
    printed, _ = steps.run("snapshot", ["vickrey", "log", "snapshot", "create", "--db", out / "history"])
    click = "{loss: logloss, labels: click}"
    first = loop.train("first", out / "history", json.loads(printed)["snapshot_id"],
                       configuration(job, options.seed, click, 32))
    server, loop.address, log = steps.serve("--artifact-root", out / "models", "--model", f"{NAME}/{first['version']}",
                                            "--log", out / "log", "--address", "127.0.0.1:0")
    loop.traffic("early traffic", sizes.early)
    early = loop.snapshot()
    loop.traffic("traffic", sizes.learning)
    whole = loop.snapshot()
    hasty = loop.train("too early", out / "log", early, configuration(job, options.seed, click, 16))
    hasty.update(loss=click, learned_from=sizes.early)
    welfare = "{loss: welfare_rank, labels: teacher}"
    student = loop.train("student", out / "log", whole, configuration(job, options.seed, welfare, 128))
    student.update(loss=welfare, learned_from=sizes.early + sizes.learning)

    rounds, serving = [], first["ref"]
    for candidate, auctions in ((hasty, sizes.judging_early), (student, sizes.judging)):
        rounds.append(loop.judge(candidate, serving, auctions))
        if rounds[-1]["decision"]["promoted"]:
            serving = candidate["ref"]
    printed, _ = steps.run("who serves", ["vickrey", "models", "list", "--address", loop.address, "--name", NAME])
    stable = [model for model in map(json.loads, printed.splitlines()) if "stable" in model["labels"]]
    if [f"{model['name']}@{model['version']}" for model in stable] != [serving]:
        raise StepError("who serves", f"stable is {stable}, not {serving}", steps.log)

    refs = [student["ref"], first["ref"], hasty["ref"]]
    steps.run("simulate", ["vickrey", "simulate", *loop.market(sizes.truth), "--models", ",".join(refs), "--address", loop.address,
                           "--outcomes", out / "outcomes.jsonl", "--summary", out / "summary.json"])
    steps.stop(server, log)
    summary = json.loads((out / "summary.json").read_text())
    summary["live"] = {"explore": EXPLORE, "canary_share": CANARY_SHARE, "conditions": sizes.conditions, "serving": serving,
                       "rounds": rounds}
    return summary


def notes(summary):
    """What the numbers can show, and what they cannot."""
    live = summary["live"]
    return [f"{live['serving']} serves at the end. The gate knew clicks only; the table above is the market's truth, of auctions "
            "that nobody had seen.",
            f"{100 * live['explore']:.0f} % of the auctions gave their slot to a candidate drawn at random, and logged with which "
            "probability: that costs welfare, is what the off-policy estimate stands on, and shows the trainer candidates that "
            "no model would have shown.",
            "Online, each version is judged by the auctions that it decided itself, off-policy by the decisions of the version "
            "that served. The latter hangs on few clicks, so that its interval is wide: its condition only keeps out what is "
            "clearly worse."]
