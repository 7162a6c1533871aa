#!/usr/bin/env bash
# threadpoolctl 3.6.0: limits that overlap without being nested, as those of two threads do, are not undone.
# Each limit saves the number of threads that it finds and restores that number. A second limit finds the first one's 1,
# and restores it last, so BLAS stays at one thread for the rest of the process.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "threadpoolctl==3.6.0" "numpy==2.2.6"
OPENBLAS_NUM_THREADS=2 "$folder/venv/bin/python" - <<'P'
import numpy  # loads a BLAS library
import threadpoolctl

def threads():
    return max(each["num_threads"] for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas")

assert threads() == 2
nested_first = threadpoolctl.threadpool_limits(1, "blas")
nested_second = threadpoolctl.threadpool_limits(1, "blas")
nested_second.restore_original_limits()
nested_first.restore_original_limits()
assert threads() == 2, "nested limits are undone"

first = threadpoolctl.threadpool_limits(1, "blas")
second = threadpoolctl.threadpool_limits(1, "blas")
first.restore_original_limits()
second.restore_original_limits()
print("threads before 2, after two overlapping limits of 1:", threads())
assert threads() == 1, "overlapping limits are undone now"
P
