"""
A volume whose truth is known
=============================

Balls with a core and a coat, in a volume full of noise: what neighbors in three dimensions are worth, and how much of
each class a voxel holds.
"""

# %%
# Making it
# ---------
#
# The balls are drawn on a grid of points half a millimeter apart. A voxel is 1 by 1 by 3 millimeters and has many of
# its points: at a border it holds some of both sides, and these shares are the truth. The classes have the gray levels
# 0 (outside), 1 (coat) and 2 (core); noise is added.

import matplotlib.pyplot as plt
import numpy as np

from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.imaging.metrics import dice

SPACING = (3.0, 1.0, 1.0)  # millimeters
POINTS = (6, 2, 2)  # of the fine grid in a voxel
SIZE = 192  # points along each axis, half a millimeter apart
NOISE = 0.2

rng = np.random.default_rng(1)
axes = np.meshgrid(*[(np.arange(SIZE) + 0.5) / SIZE] * 3, indexing="ij", sparse=True)
materials = np.zeros((SIZE,) * 3, dtype=np.int8)
for center, radius in zip(
    rng.uniform(0.1, 0.9, size=(16, 3)), rng.uniform(0.1, 0.22, size=16), strict=True
):
    distance = np.sqrt(sum((axis - at) ** 2 for axis, at in zip(axes, center, strict=True)))
    np.maximum(
        materials,
        (distance < radius).astype(np.int8) + (distance < radius - 0.06),
        out=materials,
    )

depth, height, width = (SIZE // points for points in POINTS)
blocks = materials.reshape(depth, POINTS[0], height, POINTS[1], width, POINTS[2])
shares = np.stack(
    [(blocks == material).mean(axis=(1, 3, 5)) for material in range(3)], axis=-1
)
truth = shares.argmax(axis=-1)
noise = np.random.default_rng(0).normal(scale=NOISE, size=truth.shape)
volume = (shares @ [0, 1, 2] + noise).astype(np.float32)
print(
    f"{depth} x {height} x {width} = {volume.size:,} voxels",
    f"of {np.prod(POINTS)} points each",
    end=", ",
)
print(f"{100 * (shares.max(axis=-1) < 1).mean():.0f} % with more than one class in them")

# %%
# Labels
# ------
#
# ``spacing`` says that slices are farther apart than lines, so that neighbors in other slices count less. With 26
# neighbors the diagonal ones count too. The Dice coefficient is twice what a class has in common with the truth,
# divided by the sum of both.

ways = {
    "voxels alone": {"smoothing": 0},
    "6 neighbors": {},
    "26 neighbors": {"n_neighbors": 26},
}
found = {}
print(f"{'Dice':14}{'outside':>10}{'coats':>10}{'cores':>10}{'strength':>12}")
for name, how in ways.items():
    segmenter = GaussianMixtureSegmenter(
        3, channel_axis=None, spacing=SPACING, random_state=0, **how
    ).fit(volume)
    found[name] = segmenter, segmenter.predict(volume)
    overlaps = "".join(f"{value:10.3f}" for value in dice(found[name][1], truth))
    print(f"{name:14}{overlaps}{segmenter.smoothing_:12.2f}")

# %%
# How large?
# ----------
#
# The volume of a class is the sum of its shares. Labels count a voxel for one class alone. Probabilities say how sure
# the label is. Fractions are estimates of the shares.

segmenter, labels = found["6 neighbors"]
estimates = {
    "labels": np.eye(3)[labels],
    "probabilities": segmenter.predict_proba(volume),
    "fractions": segmenter.predict_fractions(volume),
}
print(
    f"{'6 neighbors':16}{'error in a voxel':>18}   error of the volume of outside, coats, cores"
)
errors = {
    name: np.sqrt(((estimate - shares) ** 2).mean()) for name, estimate in estimates.items()
}
for name, estimate in estimates.items():
    volumes = 100 * (estimate.sum(axis=(0, 1, 2)) / shares.sum(axis=(0, 1, 2)) - 1)
    print(
        f"{name:16}{errors[name]:18.3f}   "
        + "".join(f"{value:+10.1f} %" for value in volumes)
    )
assert errors["fractions"] < errors["probabilities"] < errors["labels"]

# %%
# In a voxel fractions are much nearer to the truth. In the sums over the volume nothing is gained here: a border of a
# ball takes about as much from one side as it gives to the other, so the errors of labels cancel, and fractions have
# small errors of their own. Where borders are not so fair, as in the folds of :doc:`brain_slice`, labels do not cancel.
#
# Two cuts through the middle
# ---------------------------
#
# Above along the slices, below across them, where a voxel is three times as tall as wide. Neighbors mend the specks;
# fractions keep what is blurred.

shown = {
    "Volume": volume,
    "Truth": shares @ [0, 1, 2],
    **{name[0].upper() + name[1:]: labels for name, (_, labels) in found.items()},
    "Fractions": estimates["fractions"] @ [0, 1, 2],
}
figure, places = plt.subplots(4, 3, figsize=(9, 12), layout="constrained")
for place, (name, values) in enumerate(shown.items()):
    column = places[2 * (place // 3) : 2 * (place // 3) + 2, place % 3]
    cuts = values[depth // 2], values[:, height // 2]
    for axes, cut, aspect in zip(column, cuts, (1, SPACING[0]), strict=True):
        axes.imshow(cut, cmap="gray", vmin=-0.5, vmax=2.5, aspect=aspect)
        axes.set_axis_off()
    column[0].set_title(name, loc="left", fontsize=11)
plt.show()
