#!/usr/bin/env bash
# Runs the tests that need Slurm on a cluster of this one machine: slurm.sh PYTHON. Needs root.
# Exit status 77: within two minutes no cluster could be started here.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
dir="$(mktemp -d)"
trap '"$here/slurm_cluster.sh" stop "$dir"' EXIT
SLURM_CONF="$(timeout 120 "$here/slurm_cluster.sh" start "$dir" 4)" || exit 77
export SLURM_CONF BENCH_TEST_SLURM=1
"$1" -m pytest -n 0 "$here/test_slurm.py"
