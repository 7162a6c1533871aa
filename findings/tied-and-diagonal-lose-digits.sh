#!/usr/bin/env bash
# scikit-learn 1.9.1: GaussianMixture loses digits of rows far from zero with tied, diagonal and spherical
# covariances, and not with full ones, which have the most parameters.
# The three take variances as a difference of mean squares, full ones from centered rows. In double precision they are wrong
# without a warning at 1e7 standard deviations from zero; at 1.7e9, as of seconds since 1970, the fit fails and blames singletons
# or collapsed samples. In single precision 1,000 standard deviations are enough.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check "scikit-learn==1.9.1" "numpy==2.4.6" "scipy==1.17.1"
cd "$folder"
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 "$folder/venv/bin/python" -W ignore - <<'P'
import numpy as np
from sklearn.mixture import GaussianMixture

rng = np.random.default_rng(0)
near = np.concatenate([rng.normal(0, 1, (300, 2)), rng.normal(6, 1, (300, 2))])


def covariances(rows, kind):
    try:
        return GaussianMixture(2, covariance_type=kind, random_state=0).fit(rows).covariances_
    except ValueError as error:
        assert "ill-defined empirical covariance" in str(error)
        return None


for dtype, offset in ((np.float64, 1e7), (np.float64, 1.7e9), (np.float32, 1e3)):
    moved = (near + offset).astype(dtype)
    rows = moved.astype(float) - offset  # the same rows as stored, near zero, in double precision
    errors = {}
    for kind in ("full", "tied", "diag", "spherical"):
        exact, found = covariances(rows, kind), covariances(moved, kind)
        errors[kind] = np.inf if found is None else np.abs(np.sort(found, axis=0) - np.sort(exact, axis=0)).max()
        if kind == "tied" and offset == 1e7:
            print(f"tied at 1e7: {found.round(3).tolist()}, near zero {exact.round(3).tolist()}")
    shown = ", ".join(f"{kind} " + ("fails" if np.isinf(error) else f"{error:.1e}") for kind, error in errors.items())
    print(f"{np.dtype(dtype)}, offset {offset:g}: error of variances near 1: {shown}")
    assert errors.pop("full") < 1e-5, "full covariances lose digits as well"
    assert min(errors.values()) > 1e-3, "the others are accurate now"
P
