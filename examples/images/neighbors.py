"""
Neighbors on and off
====================

A mixture looks at each pixel alone. In a picture that wastes what is best known: the pixels next to it are mostly of
the same class. Here neighbors are asked too, first where the truth is known, then in a photograph.
"""

# %%
# A drawing under noise
# ---------------------
#
# Three classes, at the gray levels 0, 1 and 2, among them lines from one pixel in width to eight. Normal noise lies on
# it.
#
# With ``smoothing`` a class is so many nats more probable for each of the four nearest neighbors that has it (a Potts
# field). ``smoothing=0`` leaves neighbors out. The default, ``"auto"``, estimates the strength from the image (Celeux,
# Forbes and Peyrard 2003).

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm
from skimage.data import coffee

from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.plots.drawing import quiet_axes

down, across = np.mgrid[:192, :192]
truth = np.zeros((192, 192), dtype=int)
truth[(down > 120) & (across > 20) & (down + across < 220)] = 1
for line, column, radius, level in ((60, 60, 46, 1), (60, 60, 24, 2), (144, 140, 34, 2)):
    truth[np.hypot(down - line, across - column) < radius] = level
lines = dict(
    zip((1, 2, 3, 4, 6, 8), (118, 126, 135, 145, 156, 169), strict=True)
)  # width, where it begins
for width, column in lines.items():
    truth[20:100, column : column + width] = 1


def observe(noise: float) -> np.ndarray:
    """The drawing under normal noise."""
    return truth + np.random.default_rng(1).normal(scale=noise, size=truth.shape)


def show(axes: plt.Axes, picture: np.ndarray, name: str, **options: object) -> None:
    axes.imshow(picture, interpolation="nearest", **options)
    axes.set_title(name, loc="left")
    axes.set_axis_off()


noise = 0.5
image = observe(noise)
ways = {"pixels alone": 0, "with neighbors": "auto"}
fitted = {
    name: GaussianMixtureSegmenter(3, smoothing=how, random_state=0).fit(image)
    for name, how in ways.items()
}
found = {name: segmenter.predict(image) for name, segmenter in fitted.items()}

figure, places = plt.subplots(2, 2, figsize=(9, 9), layout="constrained")
for axes, (name, picture) in zip(
    places.ravel(), {"truth": truth, "seen": image, **found}.items(), strict=True
):
    show(axes, picture, name, cmap="gray", vmin=-0.5, vmax=2.5)
plt.show()
for name, labels in found.items():
    print(f"{name}: {100 * (labels == truth).mean():.1f} % of pixels are right")
print(
    "strength of the neighbors, as estimated: "
    f"{fitted['with neighbors'].smoothing_:.2f} nats"
)

# %%
# The price
# ---------
#
# What is thinner than the neighbors' reach looks like noise to them. Of the pixels of each line, so many are found. The
# last column has the pixels of the background that are called a line, too.

print("width of the line " + "".join(f"{width:8}" for width in lines) + "   background")
for name, labels in found.items():
    hits = [
        (labels[20:100, column : column + width] == 1).mean()
        for width, column in lines.items()
    ]
    hits.append((labels[truth == 0] == 1).mean())
    print(f"{name:18}" + "".join(f"{100 * hit:7.1f}%" for hit in hits))

# %%
# Accuracy against noise
# ----------------------
#
# Pixels alone have a limit. Whoever knows the true classes, their shares and the noise, and sees one pixel, can do no
# better than to name the class with the greatest probability. The mixture of pixels comes close to this limit where
# noise is little, and loses sight of the classes where it is much. Neighbors go beyond the limit. Regions as large as
# these want neighbors to count for much: three nats each is the most that the estimate goes to.

noises = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
accuracy = {name: [] for name in (*ways, "the limit of pixels alone")}
print("noise    alone    limit  neighbors  strength")
for noise in noises:
    image = observe(noise)
    for name, how in ways.items():
        segmenter = GaussianMixtureSegmenter(3, smoothing=how, random_state=0).fit(image)
        accuracy[name].append(100 * (segmenter.predict(image) == truth).mean())
    density = np.bincount(truth.ravel()) * norm.pdf(image[..., None], [0, 1, 2], noise)
    accuracy["the limit of pixels alone"].append(
        100 * (density.argmax(axis=-1) == truth).mean()
    )
    alone, neighbors, limit = (values[-1] for values in accuracy.values())
    print(
        f"{noise:5}{alone:8.1f}%{limit:8.1f}%{neighbors:9.1f}%{segmenter.smoothing_:11.2f}"
    )
    assert neighbors > limit > alone - 0.1

figure, axes = plt.subplots(figsize=(8, 4), layout="constrained")
quiet_axes(axes)
styles = {
    "pixels alone": ("#D55E00", "--o"),
    "with neighbors": ("#0072B2", "-o"),
    "the limit of pixels alone": ("black", ":"),
}
for name, (color, line) in styles.items():
    axes.plot(noises, accuracy[name], line, color=color)
    axes.annotate(
        name,
        (0.7, accuracy[name][-1]),
        (8, 0),
        textcoords="offset points",
        va="center",
        color=color,
    )
axes.set_xlabel("noise, of classes that are 1 apart")
axes.set_ylabel("% of pixels right")
plt.show()

# %%
# A photograph
# ------------
#
# A photograph has hardly any noise, but texture, and that is not always what a region should end at. Without neighbors
# the grain of the wood makes specks. The estimated strength is that of a world of flat regions: it takes the specks,
# and thin lights with them. A number in between is a choice, not an estimate.

photo = coffee()
figure, places = plt.subplots(2, 2, figsize=(9, 6.4), layout="constrained")
show(places[0, 0], photo, "photograph")
print("smoothing   strength   neighbors with different labels")
for axes, how in zip(places.ravel()[1:], (0, 0.5, "auto"), strict=True):
    segmenter = GaussianMixtureSegmenter(4, smoothing=how, random_state=0).fit(photo)
    labels = segmenter.predict(photo)
    show(axes, segmenter.mixture_.means[labels] / 255, f"smoothing={how!r}")
    print(
        f"{how!s:12}{segmenter.smoothing_:8.2f}"
        f"{100 * (labels[:, 1:] != labels[:, :-1]).mean():15.1f} %"
    )
plt.show()

# %%
# More is in :doc:`/images`: more neighbors, voxels that are not cubes, edges that neighbors respect
# (``contrast=True``), and known pixels. :doc:`nuclei` counts with and without neighbors.
