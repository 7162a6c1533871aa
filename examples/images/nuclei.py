"""
Nuclei in a stained tissue section
==================================

The image is a section of the colon under the microscope. Nuclei are stained blue, and a protein in the glands is
stained brown. A mixture of colors finds the blue pixels, and smoothing removes small specks that would be counted as
nuclei.
"""

# %%
# Color features
# --------------
#
# In RGB, blue and dark colors are hard to separate. CIE L*a*b* has a separate axis for blue: *b* ranges from blue to
# yellow. The features of a pixel are its lightness and its *b*.
#
# The figure shows the section, and each pixel in the mean color of its class.

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import label
from skimage.color import rgb2lab
from skimage.data import immunohistochemistry

from gaussmix.imaging import GaussianMixtureSegmenter
from gaussmix.plots import MixtureDisplay

section = immunohistochemistry()
features = rgb2lab(section)[..., [0, 2]].astype(np.float32)
settings = {"without smoothing": 0, "with smoothing": "auto"}
fitted = {
    name: GaussianMixtureSegmenter(4, smoothing=smoothing, random_state=0).fit(features)
    for name, smoothing in settings.items()
}
labels_by_name = {name: segmenter.predict(features) for name, segmenter in fitted.items()}

smoothed, labels = fitted["with smoothing"], labels_by_name["with smoothing"]
means = np.stack([section[labels == number].mean(axis=0) for number in range(4)])
figure, panels = plt.subplots(1, 2, figsize=(9, 4.5), layout="constrained")
for axes, picture in zip(panels, (section, means[labels] / 255), strict=True):
    axes.imshow(picture)
    axes.set_axis_off()
plt.show()

# %%
# The next figure shows the mixture with its four classes.

display = MixtureDisplay.from_estimator(smoothed, features.reshape(-1, 2))
display.ax_.set_xlabel("lightness")
display.ax_.set_ylabel("b (blue to yellow)")
plt.show()
print(f"the bluest class is class {smoothed.mixture_.means[:, 1].argmin()}")

# %%
# The bluest class misses the blue pixels of the glands. In the glands, brown covers blue, and the result is a gray that
# belongs to another class. The pixels counted below are therefore purely blue. Most of them are nuclei of the tissue
# around the glands.
#
# Objects and specks
# ------------------
#
# Connected pixels of the bluest class form an object. Objects of fewer than twenty pixels are called specks here. They
# are orange in the figure.

SPECK = 20  # pixels
figure, panels = plt.subplots(1, 2, figsize=(9, 4.8), layout="constrained")
for axes, (name, segmenter) in zip(panels, fitted.items(), strict=True):
    blue = labels_by_name[name] == segmenter.mixture_.means[:, 1].argmin()
    objects, n_objects = label(blue)
    sizes = np.bincount(objects.ravel())
    large = sizes >= SPECK
    large[0] = False  # label 0 is the background
    shown = 255 - 0.45 * (255 - section.mean(axis=2, keepdims=True).repeat(3, axis=2))
    shown[large[objects]], shown[blue & ~large[objects]] = (0, 114, 178), (230, 159, 0)
    axes.imshow(shown / 255)
    axes.set_title(name, loc="left")
    axes.set_axis_off()
    print(
        f"{name + ':':18} {100 * blue.mean():5.1f} % of the section is blue; "
        f"{large.sum():4} objects, median {np.median(sizes[large]):.0f} pixels; "
        f"{n_objects - large.sum():5} specks"
    )
plt.show()

# %%
# Smoothing hardly changes the blue area, but it removes nearly all specks. An object is one nucleus or several touching
# nuclei. Separating touching nuclei is another task. It requires information about shapes, which a mixture of colors
# does not have.
