"""What PyTorch's own modules make of the forecasters of vickrey/torch: prints forecasters.json, which its test reads.

    PYTHONPATH=$(echo .deps/torch-*-py) $(echo .deps/python-*/bin/python) tests/golden/forecasters.py >tests/golden/forecasters.json

Parameters and windows are sines of their index, so that they need not be recorded.
"""

import json
import math

import torch
from torch import nn

BATCH = 3


def sines(count, step):
    return torch.tensor([math.sin(step * (i + 1)) for i in range(count)], dtype=torch.float64)


class Perceptron(nn.Module):
    def __init__(self, window, channels, hidden):
        super().__init__()
        widths = [window * channels, *hidden]
        layers = [part for a, b in zip(widths, widths[1:]) for part in (nn.Linear(a, b), nn.ReLU())]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], 1))

    def forward(self, x):
        return self.layers(x.flatten(1)).squeeze(1)

    def in_order(self):
        return list(self.parameters())


class Lstm(nn.Module):
    def __init__(self, window, channels, width, layers):
        super().__init__()
        self.lstm = nn.LSTM(channels, width, layers, batch_first=True)
        self.output = nn.Linear(width, 1)

    def forward(self, x):
        return self.output(self.lstm(x)[0][:, -1]).squeeze(1)

    def in_order(self):
        return [*self.lstm.parameters(), *self.output.parameters()]


class Transformer(nn.Module):
    def __init__(self, window, channels, width, layers, heads, feedforward):
        super().__init__()
        self.input = nn.Linear(channels, width)
        self.positions = nn.Parameter(torch.zeros(window, width))
        layer = nn.TransformerEncoderLayer(width, heads, feedforward, dropout=0, norm_first=True, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.output = nn.Linear(width, 1)

    def forward(self, x):
        return self.output(self.encoder(self.input(x) + self.positions)[:, -1]).squeeze(1)

    def in_order(self):
        found = [*self.input.parameters(), self.positions]
        for layer in self.encoder.layers:
            attention = layer.self_attn
            found += [*layer.norm1.parameters(), attention.in_proj_weight, attention.in_proj_bias,
                      *attention.out_proj.parameters(), *layer.norm2.parameters(), *layer.linear1.parameters(),
                      *layer.linear2.parameters()]
        return [*found, *self.encoder.norm.parameters(), *self.output.parameters()]


KINDS = {"perceptron": Perceptron, "lstm": Lstm, "transformer": Transformer}
SPECS = [
    {"architecture": "perceptron", "window": 4, "channels": 2, "hidden": [5, 3]},
    {"architecture": "perceptron", "window": 6, "channels": 1, "hidden": []},
    {"architecture": "lstm", "window": 1, "channels": 1, "width": 1, "layers": 1},
    {"architecture": "lstm", "window": 7, "channels": 2, "width": 5, "layers": 2},
    {"architecture": "transformer", "window": 5, "channels": 1, "width": 4, "layers": 1, "heads": 2, "feedforward": 6},
    {"architecture": "transformer", "window": 9, "channels": 3, "width": 8, "layers": 3, "heads": 4, "feedforward": 7},
]


def record(spec):
    network = KINDS[spec["architecture"]](**{key: value for key, value in spec.items() if key != "architecture"}).double()
    count = sum(p.numel() for p in network.parameters())
    values = 0.4 * sines(count, 1.7)
    with torch.no_grad():
        for parameter in network.in_order():
            parameter.copy_(values[:parameter.numel()].view_as(parameter))
            values = values[parameter.numel():]
    windows = sines(BATCH * spec["window"] * spec["channels"], 0.9).view(BATCH, spec["window"], spec["channels"])
    forecasts = network(windows)
    (forecasts * torch.tensor([1.0, -2.0, 3.0])).sum().backward()
    gradient = torch.cat([p.grad.flatten() for p in network.in_order()])
    return {**spec, "parameters": count, "forecasts": forecasts.tolist(), "gradient": [float(f"{g:.8g}") for g in gradient.tolist()]}


if __name__ == "__main__":
    print(json.dumps({"torch": torch.__version__, "networks": [record(spec) for spec in SPECS]}))
