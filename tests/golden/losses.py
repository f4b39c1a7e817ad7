#!/usr/bin/env python3
"""Records what PyTorch makes of every loss, in float64 with autograd: the other side of losses_test.py.

usage: losses.py > losses.json        with torch, numpy and ntloss (0.3.2) installed

Every loss is written here anew from docs/losses.md, an auction at a time, pairs by broadcasting. Number-token losses are
also computed by the package of their authors, for the tokens 0 to 9 and a vocabulary of other numbers.
"""

import json
import math
import random
import sys

import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


# ---- Inputs.

def auctions(seed, count, most):
    dice = random.Random(seed)
    lines = []
    for number in range(count):
        n = 1 if number == 0 else dice.randint(2, most)
        clicks = [dice.choices([0, 1, None], [6, 3, 1])[0] for _ in range(n)]
        lines.append({"auction_id": f"r{number}", "bids": [round(math.exp(dice.gauss(0, 1)), 6) for _ in range(n)],
                      "logits": [round(dice.gauss(-1.5, 1.5), 6) for _ in range(n)],
                      "no_click_logits": [round(dice.gauss(0, 0.7), 6) for _ in range(n)], "clicks": clicks,
                      "teacher": [round(1 / (1 + math.exp(-dice.gauss(-1, 1))), 6) for _ in range(n)],
                      "truth": [round(1 / (1 + math.exp(-dice.gauss(-1, 1))), 6) for _ in range(n)]})
    lines[1]["weight"] = 2.5
    return lines


def awkward():
    """Ties, equal targets, nothing labelled, extreme logits, bids far apart."""
    line = lambda bids, logits, clicks: {"auction_id": "x", "bids": bids, "logits": logits, "clicks": clicks,
                                         "no_click_logits": [0.25 * i for i in range(len(bids))],
                                         "teacher": [0.1 + 0.2 * (c or 0) for c in clicks],
                                         "truth": [0.15 + 0.1 * (c or 0) for c in clicks]}
    return [line([2, 2, 2], [-1, -1, 0.5], [1, 0, 1]), line([1, 2, 4], [0, -1, -2], [1, 1, 0]),
            line([3, 4], [0, 0], [None, None]), line([1, 1, 2], [40, -40, 0], [0, 1, 1]),
            line([0.001, 10000, 1], [-2, -3, -1], [1, 0, 1])]


# ---- Losses of one auction: tensors of its labelled candidates.

def selection(config, log_ecpm):
    """The weight of each pair, from the model as it is."""
    s = log_ecpm.detach()
    n = len(s)
    kind = config.get("pairs", "ppi")
    if kind == "all":
        return torch.ones(n, n)
    if kind == "top":
        top = torch.arange(n) == int(torch.argmax(s))
        return (top[:, None] | top[None, :]).double()
    pi = torch.softmax(s / 0.1, 0)
    return 4 * pi[:, None] * pi[None, :]


def of_pairs(config, a):
    c = config.get("scale", 1)
    f = torch.sigmoid(a["u"])
    log_ecpm = torch.log(a["b"]) + torch.nn.functional.logsigmoid(a["u"])
    s = c * a["b"] * f if config.get("margin") == "ecpm" else log_ecpm
    v = c * a["b"] * a["q"]
    target, d = v[:, None] - v[None, :], s[:, None] - s[None, :]
    w = selection(config, log_ecpm)
    off_diagonal = 1 - torch.eye(len(s))
    above = torch.triu(torch.ones(len(s), len(s)), 1)
    if config["loss"] == "gmadl":
        power = target.abs() ** config.get("b", 1)
        return (above * w * -(torch.sigmoid(config.get("a", 1) * target * d) - 0.5) * power).sum()
    if config["loss"] == "madl":
        return (above * w * -torch.sign(target * d.detach()) * target.abs()).sum() + 0 * d.sum()
    sigma, surrogate = config.get("sigma", 4), config.get("surrogate", "logistic")
    if surrogate == "tanh":
        return (above * w * -target * torch.tanh(sigma * d / 2)).sum()
    amount = w * off_diagonal * (target if config.get("weight") == "signed" else torch.clamp(target, min=0))
    if surrogate == "zero_one":
        return (amount * (d.detach() <= 0).double()).sum() + 0 * d.sum()
    phi = torch.relu(1 - sigma * d) if surrogate == "hinge" else \
        torch.logaddexp(torch.zeros(()), -sigma * d) / math.log(2)
    return (amount * phi).sum()


def soft_winner(config, a):
    s = torch.log(a["b"]) + torch.nn.functional.logsigmoid(a["u"])
    return -(torch.softmax(s / config.get("tau", 0.3), 0) * config.get("scale", 1) * a["b"] * a["q"]).sum()


def ranknet(config, a):
    more = torch.clamp(a["q"][:, None] - a["q"][None, :], min=0)
    d = a["u"][:, None] - a["u"][None, :]
    return (more * torch.logaddexp(torch.zeros(()), -config.get("sigma", 4) * d)).sum()


def softmax(config, a):
    return -(a["q"] * torch.log_softmax(a["u"], 0)).sum()


def jrc(config, a):
    return -(a["q"] * torch.log_softmax(a["click"], 0) + (1 - a["q"]) * torch.log_softmax(a["no_click"], 0)).sum()


def calibrated_softmax(config, a):
    scores = torch.cat([torch.nn.functional.logsigmoid(a["u"]), torch.zeros(1)])  # the last is the virtual item
    labels = torch.cat([a["q"], torch.ones(1)])
    return -(labels * torch.log_softmax(scores, 0)).sum()


def known_market(config, a):
    mu, omega = config["mu"], config["omega"]
    normal = torch.distributions.Normal(0.0, 1.0)
    z = (torch.log(a["b"]) + torch.nn.functional.logsigmoid(a["u"]) - mu) / omega
    won = a["b"] * a["q"] * normal.cdf(z) - math.exp(mu + omega * omega / 2) * normal.cdf(z - omega)
    return -config.get("scale", 1) * won.sum()


LOSSES = {"welfare_rank": of_pairs, "gmadl": of_pairs, "madl": of_pairs, "soft_winner": soft_winner, "ranknet": ranknet,
          "softmax": softmax, "jrc": jrc, "calibrated_softmax": calibrated_softmax, "known_market": known_market}


def part_of(config, line, click, no_click):
    """L, and the cross-entropies of the labelled candidates."""
    q = {"click": "clicks", "teacher": "teacher", "truth": "truth"}[config.get("labels", "click")]
    labelled = [i for i, label in enumerate(line[q]) if label is not None]
    u = click - no_click
    a = {"b": tensor([line["bids"][i] for i in labelled]), "q": tensor([float(line[q][i]) for i in labelled]),
         "u": u[labelled], "click": click[labelled], "no_click": no_click[labelled]}
    amount = a["b"] if config["loss"] == "bid_logloss" else 1
    entropies = amount * (torch.nn.functional.softplus(a["u"], threshold=700) - a["q"] * a["u"])
    loss = LOSSES[config["loss"]](config, a) if config["loss"] in LOSSES and labelled else 0 * u.sum()
    return loss, entropies


def train_value(config, parts, weights):
    alpha = config.get("alpha", 0) if config["loss"] in LOSSES else 1
    total = sum(weights)
    ranks = sum(w * loss for w, (loss, _) in zip(weights, parts)) / total
    count = sum(w * len(e) for w, (_, e) in zip(weights, parts))
    entropy = sum(w * e.sum() for w, (_, e) in zip(weights, parts)) / max(count, 1e-300)
    return (1 - alpha) * ranks + alpha * entropy / config.get("base_rate", 1)


def leaves(config, line):
    click = tensor(line["logits"]).requires_grad_()
    second = line["no_click_logits"] if config["loss"] == "jrc" else [0.0] * len(line["logits"])
    return click, tensor(second).requires_grad_()


def check_slopes(config, line, gradient):
    """Central differences agree: nothing here is wrong in the same way twice."""
    for i in range(len(line["logits"])):
        moved = [{**line, "logits": [u + sign * 1e-6 * (k == i) for k, u in enumerate(line["logits"])]} for sign in (1, -1)]
        up, down = (train_value(config, [part_of(config, m, *leaves(config, m))], [1]).item() for m in moved)
        assert abs((up - down) / 2e-6 - gradient[i]) < 1e-5 * max(1, abs(gradient[i])), (config, line, i)


def record(config, lines, smooth):
    expected, parts = [], []
    for number, line in enumerate(lines):
        click, no_click = leaves(config, line)
        part = part_of(config, line, click, no_click)
        value = train_value(config, [part], [1]) + 0 * (click.sum() + no_click.sum())
        gradient, other = torch.autograd.grad(value, [click, no_click])
        if smooth and number < 4:  # the awkward ones are where slopes break
            check_slopes(config, line, gradient.tolist())
        entry = {"train_value": value.item(), "gradient": gradient.tolist()}
        if config["loss"] == "jrc":
            entry["no_click_gradient"] = other.tolist()
        expected.append(entry)
        parts.append(part)
    summary = train_value(config, parts, [line.get("weight", 1) for line in lines])
    return {"expected": expected, "summary": summary.item()}


def configurations():
    mixed = [{}, {"scale": 2.5, "alpha": 0.3, "base_rate": 0.25, "labels": "teacher"}]
    for loss in ("logloss", "bid_logloss"):
        yield from ({"loss": loss}, {"loss": loss, "labels": "truth", "base_rate": 0.2})
    for margin in ("ecpm", "log_ecpm"):
        for pairs in ("all", "top", "ppi"):
            axes = {"margin": margin, "pairs": pairs}
            for more in mixed:
                for surrogate in ("logistic", "hinge", "tanh", "zero_one"):
                    yield {"loss": "welfare_rank", "surrogate": surrogate, "sigma": 3 if more else 1, **axes, **more}
                yield {"loss": "welfare_rank", "surrogate": "zero_one", "weight": "signed", **axes, **more}
                yield {"loss": "gmadl", "a": 2, "b": 2 if more else 1, **axes, **more}
            yield {"loss": "gmadl", "a": 0.5, "b": 0.5, **axes}
            yield {"loss": "madl", **axes}
    for more in mixed:
        plain = {key: value for key, value in more.items() if key != "scale"}
        yield {"loss": "soft_winner", **more}
        yield {"loss": "soft_winner", "tau": 1.5, **more}
        yield {"loss": "ranknet", "sigma": 1.5, **plain}
        yield {"loss": "softmax", **plain}
        yield {"loss": "jrc", **plain}
        yield {"loss": "calibrated_softmax", **plain}
        yield {"loss": "known_market", "mu": -1.5, "omega": 0.8, **more}


# ---- Losses of forecasts by themselves.

class Vocabulary:
    """As much of a tokenizer as ntloss asks for."""

    def __init__(self, tokens):
        self.ids = {token: i for i, token in enumerate(tokens)}

    def __len__(self):
        return len(self.ids)

    def get_vocab(self):
        return dict(self.ids)

    def add_tokens(self, tokens):
        new = [token for token in tokens if token not in self.ids]
        assert not new, new
        return 0


def by_ntloss(loss, values, logits, target):
    import ntloss
    digits = values == list(range(10))
    vocabulary = Vocabulary(["word"] + [str(v) if not digits else str(int(v)) for v in values])
    make = ntloss.NTLoss if loss == "ntl_was" else ntloss.NTLossDotProduct
    # Without the weight of all number tokens, which our heads have no others than.
    judge = make(vocabulary, digit_level=digits, reweigh=False)
    all_logits = torch.tensor([[[-1e4] + logits]], dtype=torch.float64)
    return float(judge(all_logits, torch.tensor([[1 + values.index(target)]])))


def number_token(loss, values, logits, target, probabilities, weight):
    l = tensor(logits).requires_grad_()
    x, p = tensor(values), torch.softmax(l, 0)
    q = tensor(probabilities) if probabilities else tensor([float(v == target) for v in values])
    cross_entropy = -(q * torch.log_softmax(l, 0)).sum()
    if loss == "ntl_mse":
        distance = ((q * x).sum() - (p * x).sum()) ** 2
    elif probabilities:
        distance = ((torch.cumsum(p, 0) - torch.cumsum(q, 0)).abs()[:-1] * (x[1:] - x[:-1])).sum()
    else:  # the other way to write it
        distance = (p * (x - target).abs()).sum()
    value = cross_entropy + weight * distance
    gradient, = torch.autograd.grad(value, l)
    return {"value": value.item(), "cross_entropy": cross_entropy.item(), "distance": distance.item(),
            "gradient": gradient.tolist()}


def directional(loss, a, b, observed, forecast):
    f = tensor(forecast).requires_grad_()
    r = tensor(observed)
    value = -torch.sign(r * f.detach()) * r.abs() + 0 * f if loss == "madl" else \
        -(torch.sigmoid(a * r * f) - 0.5) * r.abs() ** b
    gradient, = torch.autograd.grad(value, f)
    return {"value": value.item(), "gradient": [gradient.item()]}


def pointwise():
    dice = random.Random(3)
    for loss, config in (("madl", {}), ("gmadl", {}), ("gmadl", {"a": 7, "b": 2}), ("gmadl", {"a": 0.3, "b": 0.5})):
        lines = [{"observed": round(dice.gauss(0, 1), 6), "forecast": round(dice.gauss(0, 1), 6)} for _ in range(6)]
        yield {"loss": loss, "config": config, "lines": lines, "expected": [
            directional(loss, config.get("a", 1), config.get("b", 1), line["observed"], line["forecast"]) for line in lines]}
    for loss in ("ntl_mse", "ntl_was"):
        for weight in (0.3, 2):
            lines, expected = [], []
            for values in ([float(v) for v in range(10)], [0.5, 1.0, 2.5, 7.0, 40.0]):
                for kind in ("target", "target", "target_probabilities"):
                    logits = [round(dice.gauss(0, 2), 6) for _ in values]
                    line = {"values": values, "logits": logits}
                    if kind == "target":
                        line["target"] = dice.choice(values)
                    else:
                        raw = [dice.randint(0, 9) for _ in values]
                        line[kind] = [x / sum(raw) for x in raw]
                    out = number_token(loss, values, logits, line.get("target"), line.get(kind), weight) if kind != "target" \
                        else number_token(loss, values, logits, line["target"], None, weight)
                    if kind == "target":
                        out["ntloss"] = by_ntloss(loss, [int(v) for v in values] if len(values) == 10 else values, logits,
                                                  int(line["target"]) if len(values) == 10 else line["target"])
                    lines.append(line)
                    expected.append(out)
            yield {"loss": loss, "config": {"lambda": weight}, "lines": lines, "expected": expected}


def main():
    lines = auctions(1, 4, 7) + awkward()
    cases = []
    for config in configurations():
        smooth = config.get("surrogate") not in ("hinge", "zero_one") and config["loss"] != "madl" and \
            config.get("pairs") == "all" or config["loss"] not in ("welfare_rank", "gmadl", "madl")
        cases.append({"config": config, **record(config, lines, smooth)})
    out = lambda x: json.dumps(x, separators=(",", ":"))
    print('{"inputs":[\n' + ",\n".join(map(out, lines)) + '\n],\n"auction_losses":[\n' + ",\n".join(map(out, cases)) +
          '\n],\n"pointwise_losses":[\n' + ",\n".join(map(out, pointwise())) + "\n]}")


if __name__ == "__main__":
    sys.exit(main())
