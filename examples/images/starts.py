"""
Random starts and k-means starts
================================

EM converges from any start, but different starts can lead to different local maxima, take different numbers of
iterations, and number the classes differently. This page segments one photograph many times and varies only the seed
and the kind of start.
"""

# %%
# Label switching
# ---------------
#
# The order of its components does not affect a mixture. Two starts can therefore find the same classes with different
# numbers. The upper row shows the result of plain EM, with scikit-learn's settings, from three random starts. Each
# class number has one color. In the lower row, the classes are sorted by the brightness of their means. The seeds are
# 0, 1 and 2. The similar results are shown first.

import matplotlib.pyplot as plt
from matplotlib.colors import ListedColormap
from sklearn.datasets import load_sample_image

from gaussmix import GaussianMixture
from gaussmix.imaging import compare
from gaussmix.plots.drawing import PALETTE

photo = load_sample_image("china.jpg")
pixels = photo.reshape(-1, 3)
plain = {
    "tol": 1e-3,
    "reg_covar": 1e-6,
    "max_iter": 1000,
    "n_init": 1,
    "acceleration": "none",
}
fits = [
    GaussianMixture(5, init_params="random", random_state=seed, **plain).fit(pixels)
    for seed in (1, 2, 0)
]
unsorted = [fit.mixture_ for fit in fits]
sorted_by_brightness = [
    mixture.reordered((mixture.means @ [0.299, 0.587, 0.114]).argsort())
    for mixture in unsorted
]

classes = ListedColormap(PALETTE[:5])
figure, panels = plt.subplots(2, 3, figsize=(11, 5.1), layout="constrained")
for panel_row, mixtures, order in zip(
    panels, (unsorted, sorted_by_brightness), ("unsorted", "sorted"), strict=True
):
    for axes, mixture, name in zip(
        panel_row, mixtures, ("first", "second", "third"), strict=True
    ):
        axes.imshow(
            mixture.labels(pixels).reshape(photo.shape[:2]),
            cmap=classes,
            interpolation="nearest",
        )
        axes.set_title(f"{name} start, {order}", loc="left")
        axes.set_axis_off()
plt.show()

# %%
# The first two starts reach the same maximum, up to the tolerance of the stopping rule. The third start reaches another
# maximum, and no reordering makes its classes the same.

differ = {
    (order, name): 100 * (mixtures[0].labels(pixels) != mixture.labels(pixels)).mean()
    for order, mixtures in {"unsorted": unsorted, "sorted": sorted_by_brightness}.items()
    for name, mixture in zip(("second", "third"), mixtures[1:], strict=True)
}
for (order, name), percent in differ.items():
    print(f"labels that differ between first and {name} start, {order}: {percent:.1f} %")
for name, mixture in zip(("first", "second", "third"), unsorted, strict=True):
    print(
        f"log-likelihood of the {name} start: "
        f"{mixture.log_density(pixels).mean():.4f} nats per pixel"
    )
assert differ["sorted", "second"] < 5 < 10 < differ["sorted", "third"]

# %%
# Ten seeds for each kind of start
# --------------------------------
#
# :func:`~gaussmix.imaging.compare` measures these effects. The second block of its table has a row for each kind of
# start. A pass is one iteration of EM. The columns show
#
# * the mean and the largest number of passes,
# * the mean, the lowest and the highest log-likelihood,
# * the share of labels that differ from those of the first seed, unsorted and sorted by brightness,
# * the number of fits that warned about degenerate components.

compared = compare(photo, 5, n_seeds=10, random_state=0)
print(compared)

# %%
# The bottom row of the figure has a dot for each seed. The hollow dots on the right show unsorted labels.

plt.figure(compared.figure())
plt.show()

# %%
# The figure leads to four conclusions:
#
# * **Class numbers mean nothing without an order.** For every kind of start except the search, most labels depend on
#   the seed, and most of this dependence is label switching.
# * **Random starts end at several local maxima.** Sorting the classes does not make their labels agree.
# * **k-means starts agree with each other, but not with the best result.** They reach a maximum that is lower than the
#   best one found from a random start.
# * **The search reaches the highest maximum.** All seeds of the search end at the same maximum. The search takes more
#   passes, but a pass over an image is fast (:doc:`/auto_examples/speed/a_million_pixels`).

random, from_pixels, from_kmeans, searched = compared.start_log_likelihoods
assert compared.changed[:3].mean() > 0.5 > compared.changed_in_order[:3].mean()
assert from_kmeans.max() < max(random.max(), from_pixels.max()) < searched.min()
assert compared.changed_in_order[2].max() < 0.05

# %%
# In practice, sort the classes, as :class:`~gaussmix.imaging.GaussianMixtureSegmenter` does by default, and use the
# default start.
