#!/usr/bin/env bash
# SciPy 1.17.1: the units decide whether multivariate_normal takes a covariance for singular, and allow_singular changes densities.
# An eigenvalue below 2.2e-10 times the greatest counts as zero: for independent columns, standard deviations of 1 and 1e-5 are
# enough. By default this is an error ("must be symmetric positive definite"), although the matrix has a Cholesky factor. With
# allow_singular=True, which is often set for mixtures, the density becomes that of one column where the other is exactly at its
# mean (here e^11.8 times too small), and zero half a standard deviation from it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check "scipy==1.17.1" "numpy==2.4.6"
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import numpy as np
from scipy.stats import Covariance, multivariate_normal, norm

for small in (1e-4, 3e-6):
    covariance = np.diag([1.0, small**2])
    factor = np.linalg.cholesky(covariance)
    rows = np.array([[0.3, 0.0], [0.3, 0.5 * small]])
    exact = norm.logpdf(rows, scale=[1.0, small]).sum(axis=1)
    try:
        plain = multivariate_normal(cov=covariance).logpdf(rows)
    except np.linalg.LinAlgError as error:
        plain = str(error)
    allowed = multivariate_normal(cov=covariance, allow_singular=True).logpdf(rows)
    by_factor = multivariate_normal(cov=Covariance.from_cholesky(factor)).logpdf(rows)
    print(f"standard deviations 1 and {small}: exact {exact.round(3)}, from a Cholesky factor {by_factor.round(3)},", end=" ")
    print(f"default {plain}, allow_singular {allowed.round(3)}")
    assert np.allclose(by_factor, exact)
    if small == 1e-4:
        assert np.allclose(plain, exact) and np.allclose(allowed, exact)
assert isinstance(plain, str), "the covariance is no longer refused"
assert np.isclose(allowed[0], norm.logpdf(0.3)), "the density is no longer that of one column"
assert np.isneginf(allowed[1]), "the density is no longer zero half a standard deviation from the mean"
P
