#!/usr/bin/env bash
# The GPU path on a machine with a GPU, a CUDA toolkit and the packages of cmake/debian-packages.txt: builds the trainer
# with the LibTorch of this machine's Python, runs the tests that need a GPU, then what costs are, then the benchmark.
#
#   tests/gpu/run.sh [OUT [PART...]]   # OUT: where results go, default build/cuda; PART: tests, cost, bench; default: all
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=${1:-build/cuda}
parts=" ${*:2} "
[[ $# -gt 1 ]] || parts=" tests cost bench "
jobs=${JOBS:-$(nproc)}
LIBTORCH=${LIBTORCH:-$(python3 -c 'import torch; print(torch.utils.cmake_prefix_path)')}
export LIBTORCH
mkdir -p "$out"

started=$SECONDS
# Another compiler's warnings are not what is looked for here.
cmake --preset cuda -DVICKREY_WERROR=OFF
targets=(vickrey vickrey-train vickrey-cost vickrey-log vickrey-features vickrey-market)
tests=(torch_network_test trainer_test trainer_optim_test trainer_parallel_test)
[[ $parts != *" tests "* ]] || targets+=("${tests[@]}")
cmake --build build/cuda -j "$jobs" --target "${targets[@]}"
echo "built in $((SECONDS - started)) s with $jobs jobs"

if [[ $parts == *" tests "* ]]; then
  for name in "${tests[@]}"; do
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
fi

# Points do not share the GPU: they are timed. `vickrey study` needs scipy and PyYAML. The link, which no one GPU has, is a
# network of 200 Gbit/s.
if [[ $parts == *" cost "* ]]; then
  VICKREY_PYTHON=python3 build/cuda/bin/vickrey-study cost --settings simulator/study/cost_gpu.yaml --out "$out/cost" \
    --predict workers=8,batch_auctions=8192 --link 30,25 --max-seconds "${COST_SECONDS:-1800}"
fi

if [[ $parts == *" bench "* ]]; then
  python3 tests/gpu/gpu_bench.py --programs build/cuda/bin --json "$out/gpu_bench.json"
fi
