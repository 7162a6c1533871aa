"""
Smoothing with neighboring pixels
=================================

A mixture classifies each pixel separately, although neighboring pixels mostly belong to the same class. This page
compares segmentation with and without smoothing, first on a synthetic image with known classes, then on a photograph.
"""

# %%
# A synthetic image
# -----------------
#
# The image has three classes with the gray levels 0, 1 and 2. It contains lines of one to eight pixels in width. Normal
# noise is added.
#
# With ``smoothing``, each of the four nearest neighbors increases the log-probability of its own class by the same
# number of nats (a Potts model). ``smoothing=0`` ignores the neighbors. The default ``"auto"`` estimates the strength
# from the image (Celeux, Forbes and Peyrard 2003).

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm
from skimage.data import coffee

from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.plots.drawing import quiet_axes

down, across = np.mgrid[:192, :192]
truth = np.zeros((192, 192), dtype=int)
truth[(down > 120) & (across > 20) & (down + across < 220)] = 1
for row, column, radius, level in ((60, 60, 46, 1), (60, 60, 24, 2), (144, 140, 34, 2)):
    truth[np.hypot(down - row, across - column) < radius] = level
lines = dict(
    zip((1, 2, 3, 4, 6, 8), (118, 126, 135, 145, 156, 169), strict=True)
)  # width -> first column
for width, column in lines.items():
    truth[20:100, column : column + width] = 1


def observe(noise: float) -> np.ndarray:
    """Return the image with normal noise."""
    return truth + np.random.default_rng(1).normal(scale=noise, size=truth.shape)


def show(axes: plt.Axes, picture: np.ndarray, name: str, **options: object) -> None:
    axes.imshow(picture, interpolation="nearest", **options)
    axes.set_title(name, loc="left")
    axes.set_axis_off()


noise = 0.5
image = observe(noise)
settings = {"without smoothing": 0, "with smoothing": "auto"}
fitted = {
    name: GaussianMixtureSegmenter(3, smoothing=smoothing, random_state=0).fit(image)
    for name, smoothing in settings.items()
}
labels_by_name = {name: segmenter.predict(image) for name, segmenter in fitted.items()}

figure, panels = plt.subplots(2, 2, figsize=(9, 9), layout="constrained")
for axes, (name, picture) in zip(
    panels.ravel(),
    {"true classes": truth, "image with noise": image, **labels_by_name}.items(),
    strict=True,
):
    show(axes, picture, name, cmap="gray", vmin=-0.5, vmax=2.5)
plt.show()
for name, labels in labels_by_name.items():
    print(f"{name}: {100 * (labels == truth).mean():.1f} % of pixels are correct")
print(f"estimated strength: {fitted['with smoothing'].smoothing_:.2f} nats per neighbor")

# %%
# Thin lines
# ----------
#
# Smoothing removes structures that are thinner than the reach of the neighbors, as if they were noise. For each line,
# the table shows the share of its pixels that are found. The last column shows the share of background pixels that are
# assigned to the class of the lines.

print("width of the line " + "".join(f"{width:8}" for width in lines) + "   background")
for name, labels in labels_by_name.items():
    hits = [
        (labels[20:100, column : column + width] == 1).mean()
        for width, column in lines.items()
    ]
    hits.append((labels[truth == 0] == 1).mean())
    print(f"{name:18}" + "".join(f"{100 * hit:7.1f}%" for hit in hits))

# %%
# Accuracy and noise
# ------------------
#
# The accuracy of classifying single pixels has a limit. Even if the classes, their shares and the noise are known, no
# rule is better than choosing the most probable class. The mixture without smoothing is close to this limit if the
# noise is weak, and fails to identify the classes if it is strong. Smoothing exceeds the limit. For regions as large as
# these, the estimated strength is high; its upper bound is three nats per neighbor.

noises = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
limit_name = "limit without smoothing"
accuracy = {name: [] for name in (*settings, limit_name)}
print("noise   without smoothing   limit without smoothing   with smoothing   strength")
for noise in noises:
    image = observe(noise)
    for name, smoothing in settings.items():
        segmenter = GaussianMixtureSegmenter(3, smoothing=smoothing, random_state=0)
        segmenter.fit(image)
        accuracy[name].append(100 * (segmenter.predict(image) == truth).mean())
    density = np.bincount(truth.ravel()) * norm.pdf(image[..., None], [0, 1, 2], noise)
    accuracy[limit_name].append(100 * (density.argmax(axis=-1) == truth).mean())
    without, smoothed, limit = (values[-1] for values in accuracy.values())
    print(
        f"{noise:5}{without:18.1f} %{limit:24.1f} %{smoothed:15.1f} %"
        f"{segmenter.smoothing_:11.2f}"
    )
    assert smoothed > limit > without - 0.1

figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
quiet_axes(axes)
styles = {
    "without smoothing": ("#D55E00", "--o"),
    "with smoothing": ("#0072B2", "-o"),
    limit_name: ("black", ":"),
}
for name, (color, style) in styles.items():
    axes.plot(noises, accuracy[name], style, color=color)
    axes.annotate(
        name,
        (0.7, accuracy[name][-1]),
        (8, 0),
        textcoords="offset points",
        va="center",
        color=color,
    )
axes.set_xlabel("standard deviation of the noise (classes differ by 1)")
axes.set_ylabel("correct pixels, %")
plt.show()

# %%
# A photograph
# ------------
#
# A photograph has little noise but a lot of texture, and texture does not always mark the border of a region. Without
# smoothing, the grain of the wood produces specks. The estimated strength assumes flat regions. It removes the specks,
# and thin highlights as well. A value in between is a choice, not an estimate.

photo = coffee()
figure, panels = plt.subplots(2, 2, figsize=(9, 6.4), layout="constrained")
show(panels[0, 0], photo, "photograph")
print("smoothing   strength   neighbors with different labels")
for axes, smoothing in zip(panels.ravel()[1:], (0, 0.5, "auto"), strict=True):
    segmenter = GaussianMixtureSegmenter(4, smoothing=smoothing, random_state=0).fit(photo)
    labels = segmenter.predict(photo)
    show(axes, segmenter.mixture_.means[labels] / 255, f"smoothing={smoothing!r}")
    print(
        f"{smoothing!s:12}{segmenter.smoothing_:8.2f}"
        f"{100 * (labels[:, 1:] != labels[:, :-1]).mean():15.1f} %"
    )
plt.show()

# %%
# :doc:`/images` explains further options: more neighbors, voxels that are not cubes, smoothing that stops at edges
# (``contrast=True``), and pixels with known labels. :doc:`nuclei` counts objects with and without smoothing.
