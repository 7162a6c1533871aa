#!/usr/bin/env bash
# OpenCV 4.14.0: with spherical covariances, cv2.ml.EM counts the variance once in the determinant, not once for each column.
# The log-likelihood of one component in d columns is too great by (d - 1) log(standard deviation), and changes with the units
# otherwise than it should. With several components this changes the posterior: the wide component gets rows of
# the narrow one, and EM ends elsewhere. Covariances that it returns look right, and diagonal ones are right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check "opencv-python-headless==4.14.0.94" "numpy==2.4.6" "scipy==1.17.1"
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import cv2
import numpy as np
from scipy.stats import norm

rng = np.random.default_rng(0)


def em(kind, k):
    model = cv2.ml.EM_create()
    model.setClustersNumber(k)
    model.setCovarianceMatrixType(kind)
    model.setTermCriteria((cv2.TERM_CRITERIA_MAX_ITER + cv2.TERM_CRITERIA_EPS, 1000, 1e-10))
    return model


for d, unit in ((1, 0.01), (2, 0.01), (5, 0.01), (5, 100.0)):
    rows = unit * rng.normal(size=(1000, d))
    excess = {}
    for name, kind in (("spherical", cv2.ml.EM_COV_MAT_SPHERICAL), ("diagonal", cv2.ml.EM_COV_MAT_DIAGONAL)):
        model = em(kind, 1)
        found = model.trainEM(rows)[1].mean()
        scale = np.sqrt(np.diag(model.getCovs()[0]))
        assert np.allclose(scale, unit, rtol=0.1), "the covariance is wrong"
        excess[name] = found - norm.logpdf(rows, model.getMeans(), scale).sum(axis=1).mean()
        if name == "spherical":
            predicted = (d - 1) * np.log(scale[0])
    print(f"{d} columns, scale {unit}: log-likelihood minus the true one: ", end="")
    print(f"spherical {excess['spherical']:+.4f} (predicted {predicted:+.4f}), diagonal {excess['diagonal']:+.4f}")
    assert abs(excess["diagonal"]) < 1e-4 and abs(excess["spherical"] - predicted) < 1e-4, "the determinant has changed"

truth = np.repeat([0, 1], 1000)
rows = rng.normal(size=(2000, 6)) * np.where(truth == 0, 0.3, 1.0)[:, None]
accuracy = {}
for name, kind in (("spherical", cv2.ml.EM_COV_MAT_SPHERICAL), ("diagonal", cv2.ml.EM_COV_MAT_DIAGONAL)):
    model = em(kind, 2)
    labels = model.trainM(rows, np.eye(2)[truth])[2].ravel()  # starts with an M-step
    accuracy[name] = (labels == truth).mean()
    print(f"two components, started at the truth, {name}: accuracy {accuracy[name]:.3f}, weights {model.getWeights().round(3)}")
assert accuracy["diagonal"] > 0.95 and accuracy["spherical"] < accuracy["diagonal"] - 0.1, accuracy
P
