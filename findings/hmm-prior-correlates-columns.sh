#!/usr/bin/env bash
# hmmlearn 0.3.3: the prior of full covariances in GaussianHMM correlates columns, and the result depends on the units.
# The default covars_prior is the number 0.01. A number would be taken for a multiple of the identity matrix, which it is for
# diagonal covariances; for full ones it is added to every element of the scatter matrix. Independent columns with a
# standard deviation of 0.001 become correlated by 0.95 in 600 rows. GMMHMM has another default, and returns the
# covariance of the rows.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check "hmmlearn==0.3.3" "numpy==2.4.6" "scipy==1.17.1" "scikit-learn==1.9.1"
cd "$folder"
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 "$folder/venv/bin/python" - <<'P'
import numpy as np
from hmmlearn.hmm import GMMHMM, GaussianHMM

standard = np.random.default_rng(0).normal(size=(600, 2))
n = len(standard)


def correlation(covariance):
    return covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])


for unit in (1.0, 0.01, 0.001):
    rows = unit * standard
    expected = np.cov(rows.T, bias=True)
    full = GaussianHMM(1, "full").fit(rows).covars_[0]
    diagonal = GaussianHMM(1, "diag").fit(rows).covars_[0]
    mixed = GMMHMM(1, 1, covariance_type="full").fit(rows).covars_[0, 0]
    print(f"standard deviation {unit}: correlation of the rows {correlation(expected):.3f},", end=" ")
    print(f"GaussianHMM {correlation(full):.3f}, GMMHMM {correlation(mixed):.3f}")
    assert np.allclose(full, expected + 0.01 / n * np.ones((2, 2)), rtol=1e-8), "the prior is another one"
    assert np.allclose(diagonal, np.diag(np.diag(expected) + 0.01 / n), rtol=1e-8), "the diagonal prior is another one"
    assert np.allclose(mixed, expected, rtol=1e-8, atol=0), "GMMHMM no longer returns the covariance of the rows"
assert correlation(full) > 0.9 and abs(correlation(expected)) < 0.05
P
