#!/usr/bin/env bash
# scikit-learn 1.9.1: lower_bound_ of BayesianGaussianMixture lacks the constants of the prior, and cannot choose a model.
# On two clusters with a Dirichlet prior of 1e-3 it rises with every additional component, although the
# additional ones have no rows; the complete evidence lower bound is greatest at two. With one component, lower_bound_ is
# not the log evidence, which has a closed form. With tied covariances it is an array of one number.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "scikit-learn==1.9.1" "numpy==2.4.6" "scipy==1.17.1"
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'P'
import numpy as np
from scipy.special import multigammaln
from sklearn.mixture import BayesianGaussianMixture

rng = np.random.default_rng(0)
rows = np.concatenate([rng.normal(-1, 0.3, (100, 2)), rng.normal(1, 0.5, (170, 2))])
rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
n, d = rows.shape


def fit(k, **options):
    options = {"weight_concentration_prior": 1e-3, "reg_covar": 0.0, "n_init": 3, "max_iter": 2000} | options
    kind = "dirichlet_distribution"
    return BayesianGaussianMixture(n_components=k, weight_concentration_prior_type=kind, random_state=0, **options).fit(rows)


bounds, occupied = [], []
for k in (1, 2, 3, 6):
    model = fit(k)
    bounds.append(float(model.lower_bound_))
    occupied.append(int((model.mean_precision_ > 2).sum()))
    print(f"k={k}: lower_bound_ {bounds[-1]:.3f}, components with rows {occupied[-1]}")
assert np.all(np.diff(bounds) > 0), "lower_bound_ no longer rises with k"
assert occupied[1:] == [2, 2, 2], "the additional components have rows"

scale = np.cov(rows.T)
after = scale + n * np.cov(rows.T, bias=True)
evidence = (
    multigammaln(0.5 * (d + n), d) - multigammaln(0.5 * d, d) - 0.5 * n * d * np.log(np.pi)
    + 0.5 * d * np.linalg.slogdet(scale)[1] - 0.5 * (d + n) * np.linalg.slogdet(after)[1] + 0.5 * d * np.log(1 / (1 + n))
)
print(f"one component: lower_bound_ {bounds[0]:.3f}, log evidence {evidence:.3f}")
assert abs(bounds[0] - evidence) > 100, "lower_bound_ is now the evidence"

tied = fit(2, covariance_type="tied").lower_bound_
print(f"tied covariances: lower_bound_ has the shape {np.shape(tied)}")
assert np.shape(tied) == (1,), "lower_bound_ of tied covariances is now a number"
P
