"""
Color against gray
==================

A red saucer stands on a brown table. In color they are two things. In gray they run together, because a gray level says
how bright a pixel is and nothing else. Here the same photograph is segmented both ways, and the loss is measured.
"""

# %%
# The gray level of a pixel is its luma, a weighted mean of its three channels (ITU-R recommendation BT.601):
#
# .. math:: Y = 0.299\,R + 0.587\,G + 0.114\,B
#
# Look at the saucer on the right: a deep red and a light brown have become neighbors.

import matplotlib.pyplot as plt
import numpy as np
from skimage.data import coffee
from sklearn.datasets import load_sample_image
from sklearn.metrics import adjusted_rand_score

from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.plots import HistogramDisplay, SegmentationDisplay

photo = coffee()
gray = photo @ [0.299, 0.587, 0.114]
figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.3), layout="constrained")
left.imshow(photo)
right.imshow(gray, cmap="gray", vmin=0, vmax=255)
for axes, name in ((left, "Photograph"), (right, "Its gray levels")):
    axes.set_title(name, loc="left", fontsize=11)
    axes.set_axis_off()
plt.show()

# %%
# Four classes each way
# ---------------------
#
# Both mixtures have four components. ``smoothing=0`` leaves the neighbors out, so that nothing but the channels
# differs. Each pixel is shown in the mean color of its class.


def segment(image: np.ndarray, color_space: str) -> GaussianMixtureSegmenter:
    return GaussianMixtureSegmenter(
        4, color_space=color_space, smoothing=0, random_state=0
    ).fit(image)


figure, places = plt.subplots(1, 2, figsize=(9, 3.3), layout="constrained")
of_colors, of_grays = segment(photo, "rgb"), segment(photo, "gray")
by_color = SegmentationDisplay.from_estimator(of_colors, photo, ax=places[0])
by_gray = SegmentationDisplay.from_estimator(of_grays, photo, ax=places[1])
places[0].set_title("Four classes of colors", loc="left", fontsize=11)
places[1].set_title("Four classes of grays", loc="left", fontsize=11)
plt.show()

# %%
# With colors, the saucer is a class of its own. With grays it has gone over to the table, and what brightness can see
# is cut finer instead: two kinds of shadow, and the rim of the cup apart from the rest.
#
# Two numbers say it. The *distance* is that of a pixel to the mean color of its class, root mean square, in levels of
# 256. The *agreement* is the adjusted Rand index: 1 where two ways to cut the picture are the same, 0 where they have
# no more in common than chance.


def distance(image: np.ndarray, segmenter: GaussianMixtureSegmenter) -> float:
    labels = segmenter.predict(image)
    means = np.stack([image[labels == number].mean(axis=0) for number in range(4)])
    return np.sqrt(((image - means[labels]) ** 2).sum(axis=-1).mean())


print(
    "distance to the mean color of the class:",
    f"{distance(photo, of_colors):.1f} with colors,",
    end=" ",
)
print(f"{distance(photo, of_grays):.1f} with grays")
agreement = adjusted_rand_score(by_color.labels.ravel(), by_gray.labels.ravel())
print(f"agreement of the two: {agreement:.2f}")

# %%
# One channel at a time
# ---------------------
#
# The pixels of each channel, the densities of the four components, and their sum. Class 1 is the saucer and class 2 the
# table. In red they share one range; in green and in blue they part. Gray is mostly green, but the red that it contains
# blurs what green has seen. (On the last picture the numbers are those of the classes of grays.)

figure, places = plt.subplots(2, 2, figsize=(9, 5), layout="constrained")
for axes, feature, name in zip(
    places.ravel(), range(3), ("red", "green", "blue"), strict=False
):
    HistogramDisplay.from_estimator(
        of_colors, photo.reshape(-1, 3), feature=feature, ax=axes
    )
    axes.set_xlabel(name)
HistogramDisplay.from_estimator(of_grays, gray.reshape(-1, 1), ax=places[1, 1])
places[1, 1].set_xlabel("gray")
plt.show()

# %%
# What gray cannot tell apart
# ---------------------------
#
# Where do the pixels of the saucer and of the table, as colors have found them, go in the segmentation of grays?

means, weights = of_colors.mixture_.means, of_colors.mixture_.weights
saucer, table = (
    (means[:, 0] - means[:, 1]).argmax(),
    weights.argmax(),
)  # the reddest class, the largest one
assert (saucer, table) == (1, 2)
print("percent in gray class   0     1     2     3")
for name, number in {"the saucer": saucer, "the table": table}.items():
    shares = (
        np.bincount(by_gray.labels[by_color.labels == number], minlength=4)
        / (by_color.labels == number).sum()
    )
    print(f"{name:18}" + "".join(f"{100 * share:6.1f}" for share in shares))

# %%
# All into the same class. Is the gray level blind, then? Think of a reader who sees one channel only and knows, for
# each of its levels, whether more pixels of the saucer or of the table have it. No rule that sees this channel alone is
# right more often.

either = np.isin(by_color.labels, (saucer, table))
truth = by_color.labels[either] == saucer
channels = {
    "red": photo[..., 0],
    "green": photo[..., 1],
    "blue": photo[..., 2],
    "gray": gray.round().astype(int),
}
print(f"right by always saying table: {100 * (1 - truth.mean()):5.1f} %")
for name, channel in channels.items():
    counts = np.stack(
        [
            np.bincount(channel[either][truth == each], minlength=256)
            for each in (True, False)
        ]
    )
    best = counts.max(axis=0).sum() / counts.sum()
    print(f"right at best by {name + ':':13}{100 * best:5.1f} %")

# %%
# Red alone says next to nothing, although the saucer is red: the table reflects as much of it. Gray knows more than
# nothing, and less than green. But even what it knows does not help the mixture of grays: the saucer is a bump on the
# slope of the table's hill, and the likelihood has better uses for four components than to fit it.
#
# Color is not always better by the distance. A mixture looks for the most probable classes, not for the least distance,
# and where a photograph has little color, its channels repeat each other:

china = load_sample_image("china.jpg")
for color_space, name in {"rgb": "colors", "gray": "grays"}.items():
    apart = distance(china, segment(china, color_space))
    print(f"{name} of the Summer Palace: distance {apart:.1f}")

# %%
# :doc:`hard_against_soft` and :doc:`neighbors` go on from here.
