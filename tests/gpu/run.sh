#!/usr/bin/env bash
# The GPU path on a machine with a GPU, a CUDA toolkit and the packages of cmake/debian-packages.txt: builds the trainer
# with the LibTorch of this machine's Python, runs the tests that need a GPU, then the benchmark.
#
#   tests/gpu/run.sh [OUT]     # OUT: where gpu_bench.json goes; default: build/cuda
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=${1:-build/cuda}
jobs=${JOBS:-$(nproc)}
LIBTORCH=${LIBTORCH:-$(python3 -c 'import torch; print(torch.utils.cmake_prefix_path)')}
export LIBTORCH
mkdir -p "$out"

started=$SECONDS
# Another compiler's warnings are not what is looked for here.
cmake --preset cuda -DVICKREY_WERROR=OFF
cmake --build build/cuda -j "$jobs" --target \
  vickrey vickrey-train vickrey-log vickrey-features vickrey-market torch_network_test trainer_test trainer_optim_test \
  trainer_parallel_test
echo "built in $((SECONDS - started)) s with $jobs jobs"

for name in torch_network_test trainer_test trainer_optim_test trainer_parallel_test; do
  # No test may pass by skipping what it is here for.
  log="$out/$name.log"
  if ! "build/cuda/bin/test/$name" --gtest_brief=1 >"$log" 2>&1; then
    tail -n 60 "$log"
    echo "$name failed"
    exit 1
  fi
  tail -n 3 "$log"
  if [[ $name == torch_network_test ]] && grep -q SKIPPED "$log"; then
    echo "$name skipped its GPU tests: is there a GPU?"
    exit 1
  fi
done

python3 tests/gpu/gpu_bench.py --programs build/cuda/bin --json "$out/gpu_bench.json"
