#!/usr/bin/env bash
# scikit-learn 1.6.1, Pillow 11.2.1: JPEG moves the optimum of a color mixture from the objects to the blocks.
# A picture of a bright disc in noise is nearly gray. Saved at Pillow's default quality, its decoded colors lie on lines
# and planes, a few for each block of the compression. A mixture of two full covariances that starts at the truth keeps
# the disc (accuracy 0.999). Of 20 random starts the most likely fit is 0.58 nats per pixel better and is wrong for a
# fifth of the pixels. Of the same picture without JPEG the truth is the optimum. A floor of 1/12 for the variances, that
# of rounding to whole levels, is in both fits.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "scikit-learn==1.6.1" "numpy==2.2.6" "pillow==11.2.1"
OMP_NUM_THREADS=1 "$folder/venv/bin/python" - <<'P'
import io

import numpy as np
from PIL import Image
from sklearn.mixture import GaussianMixture

rng = np.random.default_rng(1)
disc = np.hypot(*np.mgrid[-32:32, -40:40]) < 20
gray = np.where(disc, 170, 60) + rng.normal(0, 15, disc.shape)
plain = (gray[..., None] * [1.0, 0.8, 0.5]).clip(0, 255).astype(np.uint8)
file = io.BytesIO()
Image.fromarray(plain).save(file, "jpeg", quality=75)
truth = disc.ravel().astype(int)


def accuracy(fit, rows):
    agreement = (fit.predict(rows) == truth).mean()
    return max(agreement, 1 - agreement)


gaps = {}
for name, picture in (("plain", plain), ("JPEG", np.array(Image.open(file)))):
    rows = picture.reshape(-1, 3).astype(float)
    classes = [rows[truth == each] for each in (0, 1)]
    options = {"reg_covar": 1 / 12, "max_iter": 2000, "tol": 1e-6}
    start = {
        "weights_init": [len(each) / len(rows) for each in classes],
        "means_init": [each.mean(axis=0) for each in classes],
        "precisions_init": [np.linalg.inv(np.cov(each.T) + np.eye(3) / 12) for each in classes],
    }
    near = GaussianMixture(2, **options, **start).fit(rows)
    fits = [
        GaussianMixture(2, init_params="random_from_data", random_state=seed, **options).fit(rows) for seed in range(20)
    ]
    best = max(fits, key=lambda fit: fit.lower_bound_)
    gaps[name] = best.lower_bound_ - near.lower_bound_
    print(f"{name}: from the truth {near.lower_bound_:.3f} nats per pixel, accuracy {accuracy(near, rows):.3f};", end=" ")
    print(f"best of 20 starts {best.lower_bound_:.3f}, accuracy {accuracy(best, rows):.3f}")
    if name == "JPEG":
        assert accuracy(near, rows) > 0.99 and accuracy(best, rows) < 0.9, "the optimum is no longer in the blocks"
assert abs(gaps["plain"]) < 1e-3 and gaps["JPEG"] > 0.3, gaps
P
