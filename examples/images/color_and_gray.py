"""
Segmentation by color and by gray level
=======================================

A red saucer stands on a brown table. Their colors differ, but their gray levels are similar, because a gray level
measures brightness only. This page segments the same photograph by color and by gray level, and measures how much
information is lost.
"""

# %%
# The gray level of a pixel is its luma, a weighted mean of its three channels (ITU-R recommendation BT.601):
#
# .. math:: Y = 0.299\,R + 0.587\,G + 0.114\,B
#
# In the right image, the dark red of the saucer and the light brown of the table have similar gray levels.

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
for axes, name in ((left, "Photograph"), (right, "Gray levels")):
    axes.set_title(name, loc="left", fontsize=11)
    axes.set_axis_off()
plt.show()

# %%
# Four classes from color and from gray
# -------------------------------------
#
# Both mixtures have four components. ``smoothing=0`` ignores the neighbors of a pixel, so that the two fits differ in
# the channels only. The figure shows each pixel in the mean color of its class.


def segment(image: np.ndarray, color_space: str) -> GaussianMixtureSegmenter:
    return GaussianMixtureSegmenter(
        4, color_space=color_space, smoothing=0, random_state=0
    ).fit(image)


figure, panels = plt.subplots(1, 2, figsize=(9, 3.3), layout="constrained")
by_color, by_gray = segment(photo, "rgb"), segment(photo, "gray")
color_display = SegmentationDisplay.from_estimator(by_color, photo, ax=panels[0])
gray_display = SegmentationDisplay.from_estimator(by_gray, photo, ax=panels[1])
panels[0].set_title("Four classes from color", loc="left", fontsize=11)
panels[1].set_title("Four classes from gray levels", loc="left", fontsize=11)
plt.show()

# %%
# With color, the saucer is a class of its own. With gray levels, it belongs to the same class as the table. The other
# classes divide the range of brightness more finely: there are two kinds of shadow, and the rim of the cup is separate.
#
# Two numbers measure the difference. The *distance* is the root mean square distance of a pixel from the mean color of
# its class, on a scale of 256 levels. The *agreement* is the adjusted Rand index of the two segmentations: 1 if they
# are the same, 0 if they agree no more than by chance.


def distance(image: np.ndarray, segmenter: GaussianMixtureSegmenter) -> float:
    labels = segmenter.predict(image)
    means = np.stack([image[labels == number].mean(axis=0) for number in range(4)])
    return np.sqrt(((image - means[labels]) ** 2).sum(axis=-1).mean())


print(
    "distance from the mean color of the class: "
    f"{distance(photo, by_color):.1f} with color, "
    f"{distance(photo, by_gray):.1f} with gray levels"
)
agreement = adjusted_rand_score(color_display.labels.ravel(), gray_display.labels.ravel())
print(f"agreement of the two segmentations: {agreement:.2f}")

# %%
# The channels
# ------------
#
# The figure shows the pixels of each channel, the densities of the four components, and their sum. Class 1 is the
# saucer and class 2 is the table. They overlap in the red channel, and they are separate in the green and blue
# channels. Gray is mostly green, but its share of red blurs the separation. (In the last panel, the numbers are the
# classes from gray levels.)

figure, panels = plt.subplots(2, 2, figsize=(9, 5), layout="constrained")
for axes, feature, name in zip(
    panels.ravel(), range(3), ("red", "green", "blue"), strict=False
):
    HistogramDisplay.from_estimator(
        by_color, photo.reshape(-1, 3), feature=feature, ax=axes
    )
    axes.set_xlabel(name)
HistogramDisplay.from_estimator(by_gray, gray.reshape(-1, 1), ax=panels[1, 1])
panels[1, 1].set_xlabel("gray")
plt.show()

# %%
# Saucer and table in gray
# ------------------------
#
# The segmentation by color defines the pixels of the saucer and of the table. The output below shows the classes of
# these pixels in the segmentation by gray level.

means, weights = by_color.mixture_.means, by_color.mixture_.weights
saucer = (means[:, 0] - means[:, 1]).argmax()  # the reddest class
table = weights.argmax()  # the largest class
assert (saucer, table) == (1, 2)
print("percent in gray class   0     1     2     3")
for name, number in {"saucer": saucer, "table": table}.items():
    gray_labels = gray_display.labels[color_display.labels == number]
    shares = np.bincount(gray_labels, minlength=4) / len(gray_labels)
    print(f"{name:18}" + "".join(f"{100 * share:6.1f}" for share in shares))

# %%
# The saucer and the table are in the same class. The gray levels still contain some information about them. Consider
# the best classifier that uses a single channel: for each level of the channel, it chooses the object that has more
# pixels with this level. No other rule that uses only this channel is more accurate.

either = np.isin(color_display.labels, (saucer, table))
is_saucer = color_display.labels[either] == saucer
channels = {
    "red": photo[..., 0],
    "green": photo[..., 1],
    "blue": photo[..., 2],
    "gray": gray.round().astype(int),
}
print(f"accuracy of always choosing the table: {100 * (1 - is_saucer.mean()):5.1f} %")
for name, channel in channels.items():
    counts = np.stack(
        [
            np.bincount(channel[either][is_saucer == value], minlength=256)
            for value in (True, False)
        ]
    )
    best = counts.max(axis=0).sum() / counts.sum()
    print(f"best accuracy from {name + ':':20}{100 * best:5.1f} %")

# %%
# The red channel contains almost no information, although the saucer is red, because the table reflects as much red.
# Gray levels contain some information, but less than the green channel. The mixture of gray levels cannot use it. In
# the histogram, the saucer is only a small bump beside the much larger peak of the table. The likelihood increases more
# if the four components fit other parts of the histogram.
#
# Color does not always give the smaller distance. A mixture maximizes the likelihood and does not minimize the
# distance. In addition, the channels of a photograph with little color are nearly redundant. The next photograph is an
# example:

china = load_sample_image("china.jpg")
for color_space, name in {"rgb": "color", "gray": "gray levels"}.items():
    print(
        f"Summer Palace, {name}: distance {distance(china, segment(china, color_space)):.1f}"
    )

# %%
# :doc:`hard_and_soft_labels` and :doc:`neighbors` continue with probabilities and with smoothing.
