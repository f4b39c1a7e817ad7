#!/usr/bin/env python3
"""The native scorer against ONNX Runtime: a 429-400-400-1 network with ReLU, on one core.

usage: onnx_bench.py --programs build/release/bin [--rounds 5] [--core 0]

ONNX Runtime is given the ready inputs of all candidates and writes into memory that is bound to it; the native scorer
looks its inputs up in tables first, those of the context once for an auction. In turns, the least of the rounds. What
Python adds to a call is measured by a network of one input, and not subtracted. Installs onnxruntime, onnx and numpy
into a virtual environment under .deps, once.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = ["onnxruntime==1.32.0", "onnx==1.23.0", "numpy==2.4.0"]
ENVIRONMENT = ROOT / ".deps" / "onnx-bench"
SIZES = [429, 400, 400, 1]
CANDIDATES = [8, 32, 200]


def run_inside_environment():
    python = ENVIRONMENT / "bin" / "python"
    if pathlib.Path(sys.prefix) == ENVIRONMENT:
        return
    if not (ENVIRONMENT / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (ENVIRONMENT / "complete").touch()
    os.execv(python, [python, *sys.argv])


def session(sizes):
    """A network of these layers, of random weights, on one thread."""
    import numpy as np
    import onnx
    import onnxruntime as ort
    from onnx import helper, numpy_helper

    dice = np.random.default_rng(1)
    nodes, weights, last = [], [], "x"
    for layer, (inputs, outputs) in enumerate(zip(sizes, sizes[1:])):
        weights.append(numpy_helper.from_array((dice.normal(size=(inputs, outputs)) / 20).astype("float32"), f"w{layer}"))
        weights.append(numpy_helper.from_array(np.zeros(outputs, "float32"), f"b{layer}"))
        nodes.append(helper.make_node("Gemm", [last, f"w{layer}", f"b{layer}"], [f"u{layer}"]))
        last = f"u{layer}"
        if layer + 2 < len(sizes):
            nodes.append(helper.make_node("Relu", [last], [f"h{layer}"]))
            last = f"h{layer}"
    floats = onnx.TensorProto.FLOAT
    graph = helper.make_graph(nodes, "network", [helper.make_tensor_value_info("x", floats, ["n", sizes[0]])],
                              [helper.make_tensor_value_info(last, floats, ["n", sizes[-1]])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]), last


def seconds_of_onnx(sizes, rows, seconds=0.3):
    """The least mean of a call in five parts of the time."""
    import numpy as np
    import onnxruntime as ort

    network, output = session(sizes)
    x = ort.OrtValue.ortvalue_from_numpy(np.random.default_rng(2).normal(size=(rows, sizes[0])).astype("float32"))
    y = ort.OrtValue.ortvalue_from_numpy(np.zeros((rows, sizes[-1]), "float32"))
    binding = network.io_binding()
    binding.bind_ortvalue_input("x", x)
    binding.bind_ortvalue_output(output, y)
    least = float("inf")
    for _ in range(5):
        calls, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds / 5:
            for _ in range(10):
                network.run_with_iobinding(binding)
            calls += 10
        least = min(least, (time.perf_counter() - start) / calls)
    return least


def seconds_of_native(programs):
    """Of a call, by (candidates, whether 60 % of the inputs are the context's)."""
    done = subprocess.run([programs / "bench" / "scorer_bench", "--benchmark_filter=^NativeMlp/", "--benchmark_format=json",
                           "--benchmark_min_time=0.2"], check=True, capture_output=True)
    found = {}
    for result in json.loads(done.stdout)["benchmarks"]:
        _, candidates, context = result["name"].split("/")
        found[int(candidates), context == "1"] = result["real_time"] / 1e9
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core", type=int, default=0)
    options = parser.parse_args()
    run_inside_environment()
    os.sched_setaffinity(0, {options.core})
    onnx = dict.fromkeys(CANDIDATES, float("inf"))
    native = {}
    for _ in range(options.rounds):
        for key, seconds in seconds_of_native(options.programs.resolve()).items():
            native[key] = min(seconds, native.get(key, seconds))
        for rows in CANDIDATES:
            onnx[rows] = min(onnx[rows], seconds_of_onnx(SIZES, rows))
    print(f"{'candidates':>10} {'ONNX Runtime':>13} {'native':>10} {'ratio':>6} {'60 % context':>13} {'ratio':>6}")
    for rows in CANDIDATES:
        none, most = native[rows, False], native[rows, True]
        print(f"{rows:>10} {onnx[rows] * 1e6:>10.1f} us {none * 1e6:>7.1f} us {onnx[rows] / none:>6.2f} "
              f"{most * 1e6:>10.1f} us {onnx[rows] / most:>6.2f}")
    print(f"a call of ONNX Runtime from Python with a network of one input: {seconds_of_onnx([1, 1], 1) * 1e6:.1f} us")


if __name__ == "__main__":
    main()
