#!/usr/bin/env python3
"""Draws the surrogates of welfare_rank beside this file, as surrogates.svg. Needs matplotlib and numpy."""

import pathlib

import matplotlib
import numpy

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "vickrey"  # the same file each time
from matplotlib import pyplot  # noqa: E402

SIGMA = 4


def main():
    d = numpy.linspace(-1, 1, 401)
    curves = [("zero_one", numpy.where(d <= 0, 1.0, 0.0), "black"),
              ("logistic", numpy.log2(1 + numpy.exp(-SIGMA * d)), "tab:blue"),
              ("hinge", numpy.maximum(1 - SIGMA * d, 0), "tab:orange"),
              ("tanh (+1, halved)", (1 - numpy.tanh(SIGMA * d / 2)) / 2, "tab:green"),
              ("gmadl a D = 8 (+1, halved)", (1 - numpy.tanh(8 * d / 2)) / 2, "tab:red")]
    figure, axes = pyplot.subplots(1, len(curves), figsize=(15, 3.2), sharey=True)
    for axis, (name, values, colour) in zip(axes, curves):
        axis.plot(d, numpy.where(d <= 0, 1.0, 0.0), color="0.75", linewidth=1, drawstyle="steps-mid")
        axis.plot(d, values, color=colour, linewidth=2)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("d, score of the better less that of the worse")
        axis.xaxis.label.set_size(7)
        axis.set_ylim(-0.1, 4)
        axis.grid(alpha=0.3)
    axes[0].set_ylabel(f"loss of a pair with D = 1, sigma {SIGMA}")
    figure.tight_layout()
    figure.savefig(pathlib.Path(__file__).with_name("surrogates.svg"), metadata={"Date": None})


if __name__ == "__main__":
    main()
