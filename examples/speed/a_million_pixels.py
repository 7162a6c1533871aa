"""
Fitting a million pixels
========================

A photograph is a data set with one row per pixel. This page fits a photograph of more than a million pixels with
gaussmix and with scikit-learn, from the same start and with the same number of iterations. All times were measured
when this page was built.
"""

# %%
# The photograph
# --------------
#
# scikit-learn's photograph of the Summer Palace is enlarged. Noise with a standard deviation of one and a half levels
# imitates the noise of a sensor, so that the number of different colors is typical of a photograph of this size.

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
# The same fit with both libraries
# --------------------------------
#
# The mixture has five components with full covariances. Both libraries start from a fit to a small sample of the
# pixels. Both use the stopping rule of scikit-learn: stop when an iteration gains less than ``tol`` per row. With these
# settings, gaussmix takes the same steps, so both stop after the same number of iterations.

start = GaussianMixture(5, random_state=0).fit(pixels[::2000])
settings = {
    "weights_init": start.weights_,
    "means_init": start.means_,
    "precisions_init": start.precisions_,
    "tol": 1e-3,
    "reg_covar": 1e-6,
}
floats = pixels.astype(np.float64)


def median_times(
    tasks: dict[str, Callable[[], object]], rounds: int = 3
) -> dict[str, float]:
    """Time every task once per round, so that other load on the machine affects all tasks."""
    times = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            started = perf_counter()
            task()
            times[name].append(perf_counter() - started)
    return {name: median(seconds) for name, seconds in times.items()}


sklearn_fit = ScikitLearnMixture(5, **settings)
gaussmix_fit = GaussianMixture(5, acceleration="none", **settings)
bytes_fit = GaussianMixture(5, acceleration="none", **settings)
times = median_times(
    {
        "scikit-learn": lambda: sklearn_fit.fit(floats),
        "gaussmix": lambda: gaussmix_fit.fit(floats),
        "gaussmix, bytes": lambda: bytes_fit.fit(pixels),
    }
)
assert sklearn_fit.n_iter_ == gaussmix_fit.n_iter_ == bytes_fit.n_iter_
assert np.allclose(sklearn_fit.means_, gaussmix_fit.means_, rtol=1e-9)
assert np.allclose(sklearn_fit.means_, bytes_fit.means_, rtol=1e-6)
print(f"iterations of each fit: {gaussmix_fit.n_iter_}")
ratio = times["scikit-learn"] / times["gaussmix"]
print(f"scikit-learn took {ratio:.0f} times as long as gaussmix")

figure, axes = plt.subplots(figsize=(8, 2), layout="constrained")
axes.barh(
    list(times), list(times.values()), color=["#5f6368", "#0072B2", "#56B4E9"], height=0.6
)
for y, seconds in enumerate(times.values()):
    axes.annotate(
        f"{seconds:.3f} s", (seconds, y), (5, 0), textcoords="offset points", va="center"
    )
axes.margins(x=0.12)
axes.invert_yaxis()
quiet_axes(axes)
axes.set_xlabel("median time of a fit, seconds")
plt.show()

# %%
# Reasons for the difference
# --------------------------
#
# * **One pass over the rows.** scikit-learn computes a table of log probabilities, then a table of responsibilities,
#   then sums, each over all rows. gaussmix scores, normalizes and sums a block of rows while it is in the cache, and
#   never stores the tables.
# * **Vector instructions.** In double precision, gaussmix processes eight rows at a time if the processor has
#   ``AVX-512``, and four if it has ``AVX2``.
# * **No copies.** gaussmix reads bytes directly. It processes repeated colors once, weighted by their count.

for name, size in (
    ("rows as numbers of 8 bytes", floats.nbytes),
    ("rows as bytes", pixels.nbytes),
    ("table of rows by components, never stored", len(pixels) * 5 * 8),
):
    print(f"{name}: {size / 1e6:.1f} MB")

# %%
# Default settings
# ----------------
#
# The default fit does more than run EM from one start. It compares several kinds of starts on a sample, merges and
# splits components, and iterates until the estimated distance from the maximum is one ten-thousandth of a nat.

default = GaussianMixture(5, random_state=0)
default_times = median_times(
    {"fit": lambda: default.fit(pixels), "labels": lambda: default.predict(pixels)}
)
for name, seconds in default_times.items():
    print(f"default {name}: {seconds:.3f} s")
print(
    f"log-likelihood per pixel: {default.lower_bound_:.4f}; "
    f"of the fits above: {gaussmix_fit.lower_bound_:.4f}"
)
assert default.lower_bound_ > gaussmix_fit.lower_bound_

figure, panels = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
shown = {
    "A million pixels": photo,
    "Five classes": (default.means_ / 255)[default.predict(pixels)].reshape(photo.shape),
}
for axes, (name, picture) in zip(panels, shown.items(), strict=True):
    axes.imshow(picture)
    axes.set_title(name, loc="left", fontsize=11)
    axes.set_axis_off()
plt.show()

# %%
# Twelve million pixels
# ---------------------
#
# The starts use only a sample of the pixels, and repeated colors are processed once per iteration. The time therefore
# grows more slowly than the number of pixels.

large = enlarged(4000, 3000)
large_times = median_times(
    {"segment": lambda: segment_image(large, 5, smoothing=0, random_state=0)}, rounds=1
)
for n_pixels, seconds in (
    (len(pixels), default_times["fit"] + default_times["labels"]),
    (large.shape[0] * large.shape[1], large_times["segment"]),
):
    print(
        f"{n_pixels:10,} pixels, fit and labels: {seconds:.2f} s, "
        f"{n_pixels / seconds / 1e6:.1f} million per second"
    )

# %%
# :doc:`/speed` has more measurements and explains how to make a fit faster.
