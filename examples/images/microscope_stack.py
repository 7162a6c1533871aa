"""
Cells in a microscope stack with two channels
=============================================

A confocal microscope records a stack of slices in several channels, in pixels of known size. This page makes such a
stack as an OME-TIFF, finds nuclei and cytoplasm in three dimensions, and measures them in micrometers.
"""

# %%
# The stack
# ---------
#
# The cells are balls, each with a nucleus. One dye stains the nuclei, the other the cytoplasm; a little of its light
# leaks into the first channel. Slices are farther apart than pixels. Photons are counted, so the noise grows with the
# brightness.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tifffile

from gaussmix.imaging import (
    GaussianMixtureSegmenter,
    read_picture,
    segment_picture,
    write_segmentation,
)
from gaussmix.imaging.metrics import dice

SIZES = (1.0, 0.4, 0.4)  # micrometers between slices, rows and columns
SHAPE = (32, 160, 160)
# photons in the two channels: outside, in the cytoplasm, in a nucleus
BRIGHTNESS = np.array([[2.0, 1.5], [2.5, 6.0], [9.0, 4.0]])

rng = np.random.default_rng(0)
places = [size * np.arange(length) for size, length in zip(SIZES, SHAPE, strict=True)]
truth = np.zeros(SHAPE, dtype=np.uint8)
for center in rng.uniform(0.08, 0.92, size=(28, 3)):
    axes = np.meshgrid(*places, indexing="ij", sparse=True)
    middle = center * [axis[-1] for axis in places]
    radius = rng.uniform(4.5, 7.0)
    distance = np.sqrt(sum((axis - at) ** 2 for axis, at in zip(axes, middle, strict=True)))
    np.maximum(truth, (distance < radius).astype(np.uint8), out=truth)
    truth[distance < 0.55 * radius] = 2
photons = np.moveaxis(rng.poisson(BRIGHTNESS[truth]), -1, 1).astype(np.uint16)

folder = Path(tempfile.mkdtemp())
sizes = {f"PhysicalSize{axis}": size for axis, size in zip("ZYX", SIZES, strict=True)}
tifffile.imwrite(
    folder / "cells.ome.tif",
    photons,
    photometric="minisblack",
    metadata={"axes": "ZCYX", "Channel": {"Name": ["nuclei", "cytoplasm"]}, **sizes},
)

# %%
# The file names its axes: channels are features of a voxel, and slices are neighbors. The distances between voxels are
# read as well, so that neighbors in the next slice have less influence than those in the next column.

picture = read_picture(folder / "cells.ome.tif")
print(picture.shape, picture.channels, picture.spacing)

# %%
# Classes
# -------
#
# The classes are ordered by the channel of the nuclei. A channel alone cannot tell all of them apart: in the channel of
# the cytoplasm, nuclei are between the other two.

segmenter = GaussianMixtureSegmenter(3, order=0, random_state=0)
segmentation = segment_picture(picture, segmenter)
for name, mean in zip(
    ("outside", "cytoplasm", "nucleus"), segmentation.mixture.means, strict=True
):
    print(f"{name:10}", *(f"{value:5.1f}" for value in mean))

found = segmentation.labels
for name, number in (("cytoplasm", 1), ("nuclei", 2)):
    print(f"Dice coefficient of {name}: {dice(found == number, truth == number)[1]:.3f}")

slice_number = SHAPE[0] // 2
figure, panels = plt.subplots(1, 4, figsize=(9, 2.6), layout="constrained")
images = (
    *np.moveaxis(picture.pixels[slice_number], -1, 0),
    found[slice_number],
    truth[slice_number],
)
titles = (*picture.channels, "classes found", "true classes")
for axes, image, title in zip(panels, images, titles, strict=True):
    axes.imshow(image, cmap="cividis", interpolation="nearest")
    axes.set_title(title, loc="left")
    axes.set_axis_off()
plt.show()

# %%
# Measured in micrometers
# -----------------------
#
# The size of a voxel turns numbers of voxels into volumes.

voxel = np.prod(picture.spacing)
for name, number in (("cytoplasm", 1), ("nuclei", 2)):
    volumes = [voxel * (labels == number).sum() for labels in (found, truth)]
    print(f"{name}: {volumes[0]:,.0f} cubic micrometers, in truth {volumes[1]:,.0f}")

# %%
# The labels are an OME-TIFF with the axes and the sizes of the stack, so that other programs show them in its place.

write_segmentation(folder / "classes", segmentation, maps=False)
with tifffile.TiffFile(folder / "classes" / "labels.ome.tif") as file:
    described = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    print(file.series[0].axes, *(described[f"PhysicalSize{axis}"] for axis in "ZYX"))
