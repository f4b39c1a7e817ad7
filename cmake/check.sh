#!/usr/bin/env bash
# ./dev check: everything about the source that can be said without running it. All checks run; the first line of each
# says what it is, and one that fails makes the exit code 1. Needs the release
# build, for generated headers, compile commands and what each object was made of.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 3
jobs=${JOBS:-$(nproc)}
failed=()

check() {
  local name=$1
  shift
  printf '== %s\n' "$name"
  "$@" || failed+=("$name")
}

files() { git ls-files --cached --others --exclude-standard -- "$@"; }
sources() { files '*.h' '*.cc' '*.cu' '*.cuh'; }

format() { sources | xargs clang-format --dry-run --Werror; }

scripts() { files dev .ci/run '*.sh' | xargs shellcheck; }

python_syntax() { files '*.py' | xargs -r python3 -c 'import ast, sys
for name in sys.argv[1:]: ast.parse(open(name).read(), name)'; }

protocols() {
  local buf=$PWD/.deps/npm/node_modules/.bin/buf
  (cd proto && "$buf" lint && "$buf" format --diff --exit-code)
}

layering() { python3 tests/layering/layering.py .; }

tidy() { python3 cmake/tidy.py build/release "$jobs"; }

check 'clang-format' format
check 'shellcheck' scripts
check 'python' python_syntax
check 'buf' protocols
check 'layering' layering
check 'deploy' deploy/check.sh
check 'clang-tidy and lock annotations' tidy

if [[ ${#failed[@]} -gt 0 ]]; then
  printf 'check: FAILED: %s\n' "${failed[*]}"
  exit 1
fi
echo 'check: all good'
