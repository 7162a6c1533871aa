"""
A million pixels in a moment
============================

A photograph is a table with a row for each pixel. Here is one with more than a million of them, fitted by gaussmix and
by scikit-learn, from the same start and with the same number of passes. All times on this page were taken when it was
built.
"""

# %%
# The photograph
# --------------
#
# scikit-learn's picture of the Summer Palace is enlarged. Noise of one and a half levels stands for that of a sensor,
# so that there are as many different colors as in a photograph of this size.

import os
from collections.abc import Callable
from statistics import median
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image
from sklearn.mixture import GaussianMixture as ScikitLearnMixture

from gaussmix import GaussianMixture
from gaussmix.imaging import segment_image
from gaussmix.plots.drawing import quiet_axes


def enlarged(width: int, height: int) -> np.ndarray:
    small = Image.fromarray(load_sample_image("china.jpg"))
    pixels = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)).astype(
        np.float32
    )
    pixels += 1.5 * np.random.default_rng(0).standard_normal(pixels.shape, dtype=np.float32)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)


photo = enlarged(1280, 854)
pixels = photo.reshape(-1, 3)
n_colors = len(np.unique(pixels @ np.array([65536, 256, 1])))
print(f"{len(pixels):,} pixels, {n_colors:,} different colors; {os.cpu_count()} processors")

# %%
# The same fit, twice
# -------------------
#
# Five components with full covariances. Both start from a fit to few of the pixels and stop by scikit-learn's rule,
# when a pass gains less than ``tol`` per row. With its settings gaussmix makes the same steps, so both stop after the
# same pass.

few = GaussianMixture(5, random_state=0).fit(pixels[::2000])
same = {
    "weights_init": few.weights_,
    "means_init": few.means_,
    "precisions_init": few.precisions_,
    "tol": 1e-3,
    "reg_covar": 1e-6,
}
numbers = pixels.astype(np.float64)


def seconds(works: dict[str, Callable[[], object]], rounds: int = 3) -> dict[str, float]:
    """Medians; each round times every one of them, so that a busy moment meets all."""
    times = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            began = perf_counter()
            work()
            times[name].append(perf_counter() - began)
    return {name: median(taken) for name, taken in times.items()}


theirs = ScikitLearnMixture(5, **same)
ours = GaussianMixture(5, acceleration="none", **same)
of_bytes = GaussianMixture(5, acceleration="none", **same)
times = seconds(
    {
        "scikit-learn": lambda: theirs.fit(numbers),
        "gaussmix": lambda: ours.fit(numbers),
        "gaussmix, bytes": lambda: of_bytes.fit(pixels),
    }
)
assert theirs.n_iter_ == ours.n_iter_ == of_bytes.n_iter_
assert np.allclose(theirs.means_, ours.means_, rtol=1e-9)
assert np.allclose(theirs.means_, of_bytes.means_, rtol=1e-6)
print(f"passes of each: {ours.n_iter_}")
ratio = times["scikit-learn"] / times["gaussmix"]
print(f"scikit-learn took {ratio:.0f} times as long as gaussmix")

figure, axes = plt.subplots(figsize=(8, 2), layout="constrained")
axes.barh(
    list(times), list(times.values()), color=["#5f6368", "#0072B2", "#56B4E9"], height=0.6
)
for place, taken in enumerate(times.values()):
    axes.annotate(
        f"{taken:.3f} s", (taken, place), (5, 0), textcoords="offset points", va="center"
    )
axes.margins(x=0.12)
axes.invert_yaxis()
quiet_axes(axes)
axes.set_xlabel("median time of a fit, seconds")
plt.show()

# %%
# What makes the difference
# -------------------------
#
# * **One sweep.** scikit-learn computes a table of log probabilities, a table of responsibilities, then sums, each over
#   all rows. Here a block of rows is scored, normalized and summed while it is in the cache, and the table is never
#   made.
# * **Wide instructions.** In double precision eight rows at a time where the processor has ``AVX-512``, four where it
#   has ``AVX2``.
# * **No copies.** Bytes are read as they are, and colors that repeat often are passed over once, with their number.

for name, size in (
    ("the rows as numbers of 8 bytes", numbers.nbytes),
    ("the rows as bytes", pixels.nbytes),
    ("a table of rows by components, which is not made", len(pixels) * 5 * 8),
):
    print(f"{name}: {size / 1e6:.1f} MB")

# %%
# Without any settings
# --------------------
#
# The default fit does more than climb from one start: it lets starts of several kinds race on a sample, merges and
# splits components, and goes on until the top is an estimated ten thousandth of a nat ahead.

default = GaussianMixture(5, random_state=0)
default_times = seconds(
    {"fit": lambda: default.fit(pixels), "labels": lambda: default.predict(pixels)}
)
for name, taken in default_times.items():
    print(f"default {name}: {taken:.3f} s")
print(f"log-likelihood per pixel: {default.lower_bound_:.4f};", end=" ")
print(f"of the fits above: {ours.lower_bound_:.4f}")
assert default.lower_bound_ > ours.lower_bound_

figure, places = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
shown = {
    "A million pixels": photo,
    "Five classes": (default.means_ / 255)[default.predict(pixels)].reshape(photo.shape),
}
for axes, (name, picture) in zip(places, shown.items(), strict=True):
    axes.imshow(picture)
    axes.set_title(name, loc="left", fontsize=11)
    axes.set_axis_off()
plt.show()

# %%
# Twelve million
# --------------
#
# The starts need a sample alone, and where colors repeat, a pass looks at each of them once. So the time grows more
# slowly than the picture.

large = enlarged(4000, 3000)
taken = seconds(
    {"large": lambda: segment_image(large, 5, smoothing=0, random_state=0)}, rounds=1
)
for n_pixels, time in (
    (len(pixels), default_times["fit"] + default_times["labels"]),
    (large.shape[0] * large.shape[1], taken["large"]),
):
    print(f"{n_pixels:10,} pixels, fit and labels: {time:.2f} s,", end=" ")
    print(f"{n_pixels / time / 1e6:.1f} million in a second")

# %%
# More measurements, and what can be set when a fit is too slow, are in :doc:`/speed`.
