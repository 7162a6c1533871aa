"""
Segmentation of a synthetic volume
==================================

The volume contains balls with a core and a coat, and noise. The true classes are known. This page evaluates smoothing
in three dimensions, and estimates how much of each class a voxel contains.
"""

# %%
# The synthetic volume
# --------------------
#
# The balls are drawn on a fine grid whose points are half a millimeter apart. A voxel measures 1 by 1 by 3 millimeters
# and contains several points of the fine grid. The true shares of the classes in a voxel are their shares of these
# points. The classes have the gray levels 0 (outside), 1 (coat) and 2 (core). Noise is added.

import matplotlib.pyplot as plt
import numpy as np

from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.imaging.metrics import dice

SPACING = (3.0, 1.0, 1.0)  # millimeters
POINTS = (6, 2, 2)  # points of the fine grid per voxel, along each axis
SIZE = 192  # points of the fine grid along each axis, half a millimeter apart
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
    f"{depth} x {height} x {width} = {volume.size:,} voxels "
    f"of {np.prod(POINTS)} points each; "
    f"{100 * (shares.max(axis=-1) < 1).mean():.0f} % contain more than one class"
)

# %%
# Labels
# ------
#
# ``spacing`` contains the distances between slices, rows and columns. The slices are farther apart, so neighbors in
# other slices have less influence. With 26 neighbors, diagonal neighbors count as well. The Dice coefficient is twice
# the size of the intersection of a class with the truth, divided by the sum of both sizes.

settings = {
    "no smoothing": {"smoothing": 0},
    "6 neighbors": {},
    "26 neighbors": {"n_neighbors": 26},
}
found = {}
print(f"{'Dice':14}{'outside':>10}{'coats':>10}{'cores':>10}{'strength':>12}")
for name, options in settings.items():
    segmenter = GaussianMixtureSegmenter(
        3, channel_axis=None, spacing=SPACING, random_state=0, **options
    ).fit(volume)
    found[name] = segmenter, segmenter.predict(volume)
    overlaps = "".join(f"{value:10.3f}" for value in dice(found[name][1], truth))
    print(f"{name:14}{overlaps}{segmenter.smoothing_:12.2f}")

# %%
# Volumes of the classes
# ----------------------
#
# The volume of a class is the sum of its shares. Labels count each voxel for a single class. Probabilities measure how
# certain the label is. Fractions are estimates of the shares.

segmenter, labels = found["6 neighbors"]
estimates = {
    "labels": np.eye(3)[labels],
    "probabilities": segmenter.predict_proba(volume),
    "fractions": segmenter.predict_fractions(volume),
}
print(
    f"{'6 neighbors':16}{'error per voxel':>18}   errors of the volumes of outside, coats, cores"
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
# In single voxels, fractions are much more accurate. For the sums over the volume, they are not better here. At the
# border of a ball, labels take about as much from one class as they give to the other, so their errors cancel.
# Fractions have small errors of their own. In the folds of :doc:`brain_slice`, the errors of labels do not cancel.
#
# Sections through the center
# ---------------------------
#
# The first and third rows of the figure show a section along the slices. The second and fourth rows show a section
# across the slices, where a voxel is three times as high as wide. Smoothing removes the specks. Fractions preserve the
# blurred borders.

shown = {
    "Volume": volume,
    "Truth": shares @ [0, 1, 2],
    **{name[0].upper() + name[1:]: labels for name, (_, labels) in found.items()},
    "Fractions": estimates["fractions"] @ [0, 1, 2],
}
figure, panels = plt.subplots(4, 3, figsize=(9, 12), layout="constrained")
for index, (name, values) in enumerate(shown.items()):
    pair = panels[2 * (index // 3) : 2 * (index // 3) + 2, index % 3]
    sections = values[depth // 2], values[:, height // 2]
    for axes, section, aspect in zip(pair, sections, (1, SPACING[0]), strict=True):
        axes.imshow(section, cmap="gray", vmin=-0.5, vmax=2.5, aspect=aspect)
        axes.set_axis_off()
    pair[0].set_title(name, loc="left", fontsize=11)
plt.show()
