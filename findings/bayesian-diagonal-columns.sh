#!/usr/bin/env bash
# scikit-learn 1.9.1: the E-step of BayesianGaussianMixture is not that of its diagonal model.
# With diagonal covariances and a prior that is a product over the columns, one component factorizes: score_samples of two
# columns would be the sum of that of each column. It is lower by 1/2 [digamma(nu/2) - digamma((nu - 1)/2)] for two columns
# (nu degrees of freedom), because the expected log determinant is that of a full Wishart matrix. With the default
# stick-breaking weights the sum differs by another constant: one component has an expected log weight below zero,
# because the last stick is not broken to its end.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "scikit-learn==1.9.1" "numpy==2.4.6" "scipy==1.17.1"
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'P'
import numpy as np
from scipy.special import digamma
from sklearn.mixture import BayesianGaussianMixture

rows = np.random.default_rng(0).normal(size=(40, 3)) * [1.0, 2.0, 0.5]
n, degrees = len(rows), 5.0


def scores(columns, kind):
    d = columns.shape[1]
    model = BayesianGaussianMixture(
        n_components=1, covariance_type="diag", weight_concentration_prior_type=kind, weight_concentration_prior=1.0,
        degrees_of_freedom_prior=degrees, mean_precision_prior=1.0, mean_prior=np.zeros(d), covariance_prior=np.ones(d),
        reg_covar=0.0,
    )
    return model.fit(columns).score_samples(columns)


for d in (2, 3):
    expected = 0.5 * sum(digamma(0.5 * (degrees + n - i)) - digamma(0.5 * (degrees + n)) for i in range(d))
    open_stick = (1 - d) * (digamma(1 + n) - digamma(2 + n))
    for kind, weight in (("dirichlet_distribution", 0.0), ("dirichlet_process", open_stick)):
        difference = scores(rows[:, :d], kind) - sum(scores(rows[:, [j]], kind) for j in range(d))
        print(f"{d} columns, {kind}: the whole minus the sum of the columns {difference.mean():+.6f}")
        assert np.ptp(difference) < 1e-12, "the difference depends on the row"
        assert abs(difference.mean() - (expected + weight)) < 1e-9, "the E-step has changed"
assert abs(open_stick) > 0.04
P
