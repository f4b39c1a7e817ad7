#!/usr/bin/env bash
# Submits a training, a simulation of what comes of it in shards, and their merge, each after the one before has succeeded.
# Prints the number of each job.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: submit.sh [--processes N] SHARDS FOLDER TRAIN_ARGUMENTS -- SIMULATE_ARGUMENTS

  deploy/slurm/submit.sh 16 /shared/simulations/ctr \
    --config ctr.yaml --db /shared/ads --snapshot ID --out /shared/models -- \
    --market two_segments --first 20000 --auctions 3000000 --models ctr@1 --scorer inprocess --artifact-root /shared/models

--processes N trains in N processes. SBATCH_PARTITION, SBATCH_ACCOUNT, SBATCH_TIMELIMIT and the like are sbatch's. The version
that the training writes must be the one to simulate: name it by --set version=1.
TEXT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
training=("$here/train.sbatch")
if [[ ${1:-} == -h || ${1:-} == --help ]]; then usage; exit 0; fi
if [[ ${1:-} == --processes && $# -ge 2 ]]; then
  training=(--ntasks="$2" "$here/train_parallel.sbatch")
  shift 2
fi
[[ $# -ge 2 && $1 =~ ^[1-9][0-9]*$ ]] || { usage >&2; exit 2; }
shards=$1 folder=$2
shift 2
train=()
while [[ $# -gt 0 && $1 != -- ]]; do train+=("$1"); shift; done
[[ $# -gt 1 && ${#train[@]} -gt 0 ]] || { usage >&2; exit 2; }
shift

after=(--parsable --kill-on-invalid-dep=yes)
trained=$(sbatch --parsable "${training[@]}" "${train[@]}")
echo "train $trained"
simulated=$(sbatch "${after[@]}" --dependency=afterok:"$trained" --array=0-$((shards - 1)) "$here/simulate.sbatch" "$folder" "$@")
echo "simulate $simulated"
merged=$(sbatch "${after[@]}" --dependency=afterok:"$simulated" "$here/merge.sbatch" "$folder" "$shards")
echo "merge $merged"
