"""
Nuclei in a stained section
===========================

A section of the colon under the microscope: nuclei are blue, a protein in the glands is brown. A mixture of colors
finds what is blue, and neighbors keep specks from being taken for nuclei.
"""

# %%
# What is blue?
# -------------
#
# In RGB, what is blue and what is dark are hard to tell apart. CIE L*a*b* has an axis for it: *b* goes from blue to
# yellow. The features of a pixel are its lightness and its *b*, and nothing else.
#
# The section, and each pixel in the mean color of its class:

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import label
from skimage.color import rgb2lab
from skimage.data import immunohistochemistry

from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.plots import MixtureDisplay

section = immunohistochemistry()
lightness_and_blue = rgb2lab(section)[..., [0, 2]].astype(np.float32)
ways = {"pixels alone": 0, "with neighbors": "auto"}
fitted = {
    name: GaussianMixtureSegmenter(4, smoothing=how, random_state=0).fit(lightness_and_blue)
    for name, how in ways.items()
}
found = {name: segmenter.predict(lightness_and_blue) for name, segmenter in fitted.items()}

neighbors, labels = fitted["with neighbors"], found["with neighbors"]
means = np.stack([section[labels == number].mean(axis=0) for number in range(4)])
figure, places = plt.subplots(1, 2, figsize=(9, 4.5), layout="constrained")
for axes, picture in zip(places, (section, means[labels] / 255), strict=True):
    axes.imshow(picture)
    axes.set_axis_off()
plt.show()

# %%
# And the mixture of the four classes:

display = MixtureDisplay.from_estimator(neighbors, lightness_and_blue.reshape(-1, 2))
display.ax_.set_xlabel("lightness")
display.ax_.set_ylabel("b: blue below, yellow above")
plt.show()
print(f"the class with the least b is class {neighbors.mixture_.means[:, 1].argmin()}")

# %%
# Blue pixels of the glands are missing from the bluest class. There brown lies over blue, and the two together are the
# gray of a class between. What is counted below is what is blue and nothing else: mostly nuclei of the tissue around
# the glands.
#
# Objects and specks
# ------------------
#
# Pixels of the bluest class that touch make an object. Those of fewer than twenty pixels are called specks here; they
# are orange in the pictures.

SPECK = 20  # pixels
figure, places = plt.subplots(1, 2, figsize=(9, 4.8), layout="constrained")
for axes, (name, segmenter) in zip(places, fitted.items(), strict=True):
    blue = found[name] == segmenter.mixture_.means[:, 1].argmin()
    objects, n_objects = label(blue)
    sizes = np.bincount(objects.ravel())
    large = sizes >= SPECK
    large[0] = False  # what is not blue
    shown = 255 - 0.45 * (255 - section.mean(axis=2, keepdims=True).repeat(3, axis=2))
    shown[large[objects]], shown[blue & ~large[objects]] = (0, 114, 178), (230, 159, 0)
    axes.imshow(shown / 255)
    axes.set_title(name, loc="left")
    axes.set_axis_off()
    print(f"{name:14} {100 * blue.mean():5.1f} % of the section is blue;", end=" ")
    print(
        f"{large.sum():4} objects, median {np.median(sizes[large]):.0f} pixels; "
        f"{n_objects - large.sum():5} specks"
    )
plt.show()

# %%
# Neighbors change little about how much is blue, and nearly everything about the specks. An object is a nucleus or
# several that touch: cutting clumps apart is another task, for which a mixture of colors knows nothing of shapes.
