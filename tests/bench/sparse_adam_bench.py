#!/usr/bin/env python3
"""What PyTorch takes for the steps of optimizer_bench: SparseAdam on a sparse gradient, and its fused Adam on a dense one.

usage: sparse_adam_bench.py [THREADS]      needs torch and numpy; prints the least time of 20 steps, in microseconds
"""

import sys
import time

import numpy as np
import torch

TABLES, WIDTH, BATCH, BATCHES = 26, 16, 4096, 16


def ids(law, size):
    """Of a batch: (BATCH, TABLES), uniform or of a Zipf law of exponent 1.05, spread over the table as by a hash."""
    if law == "uniform":
        return np.random.randint(0, size, (BATCH, TABLES))
    k = (1 + np.random.rand(BATCH, TABLES) * (size ** -0.05 - 1)) ** (1 / -0.05)
    order = np.clip(k.astype(np.int64) - 1, 0, size - 1).astype(np.uint64)
    return (order * np.uint64(0x9E3779B97F4A7C15) % np.uint64(size)).astype(np.int64)


def least(step):
    taken = []
    for k in range(22):
        begin = time.perf_counter()
        step(k)
        taken.append(time.perf_counter() - begin)
    return min(taken[2:]) * 1e6


def main():
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    gradients = torch.randn(BATCH * TABLES, WIDTH)
    for rows in (1_000_000, 26_000_000):
        size = rows // TABLES
        for law in ("uniform", "zipf"):
            batches = [torch.from_numpy(ids(law, size) + np.arange(TABLES) * size).reshape(-1) for _ in range(BATCHES)]
            weights = torch.nn.Parameter(torch.full((rows, WIDTH), 0.01))
            sparse = torch.optim.SparseAdam([weights], lr=1e-3)

            def sparse_step(k):
                weights.grad = torch.sparse_coo_tensor(batches[k % BATCHES][None], gradients, weights.shape,
                                                       check_invariants=False)
                sparse.step()

            print(f"SparseAdam {law} rows {rows}: {least(sparse_step):.0f}", flush=True)
            if rows > 1_000_000:  # gigabytes a step
                continue
            dense = torch.optim.Adam([weights], lr=1e-3, fused=True)

            def dense_step(k):
                weights.grad = torch.ops.aten.embedding_dense_backward(gradients, batches[k % BATCHES], rows, -1, False)
                dense.step()

            print(f"dense gradient, fused Adam {law} rows {rows}: {least(dense_step):.0f}", flush=True)


if __name__ == "__main__":
    main()
