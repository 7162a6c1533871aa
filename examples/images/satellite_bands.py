"""
Land cover from the bands of a satellite
========================================

A GeoTIFF has many bands, stored as integers with a scale, pixels without data, and a place on earth. This page makes
such a file, finds classes of land cover in it, and writes labels that lie in the same place.
"""

# %%
# The scene
# ---------
#
# The scene has fields of four covers: water, forest, bare soil and grass. A cover reflects a different share of the
# light in each band; plants are bright in the near infrared. The satellite stores reflectances times ten thousand. The
# scene is turned, as the path of a satellite is, so the corners of the file have no data.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import tifffile
from scipy.spatial import cKDTree

from gaussmix.imaging import (
    GaussianMixtureSegmenter,
    read_picture,
    segment_file,
    segment_picture,
    write_segmentation,
)

BANDS = ["blue", "green", "red", "near infrared"]
COVERS = ["water", "forest", "grass", "bare soil"]
REFLECTANCE = np.array(
    [
        [0.070, 0.060, 0.040, 0.020],
        [0.030, 0.055, 0.035, 0.280],
        [0.055, 0.095, 0.075, 0.420],
        [0.110, 0.140, 0.180, 0.240],
    ]
)
NOISE = 0.08
SCALE = 1e-4
NO_DATA = 0

rng = np.random.default_rng(0)
rows, columns = np.mgrid[:320, :420]
centers = rng.uniform(0, 1, size=(90, 2)) * rows.shape
field = cKDTree(centers).query(np.stack([rows, columns], axis=-1))[1]
truth = rng.integers(0, len(COVERS), len(centers))[field]
reflectance = REFLECTANCE[truth] + rng.normal(0, NOISE, (*truth.shape, len(BANDS)))
stored = np.rint(reflectance.clip(0.0001) / SCALE).astype(np.uint16)
outside = (columns + 0.25 * rows < 60) | (columns + 0.25 * rows > 440)
stored[outside] = NO_DATA

# %%
# The file is written with the tags of GeoTIFF: the size of a pixel, the position of the first one, and the number of
# the coordinate system. GDAL's tags have the number that means "no data", and a name and a scale for each band.

notes = "".join(
    f'<Item name="DESCRIPTION" sample="{band}" role="description">{name}</Item>'
    f'<Item name="SCALE" sample="{band}" role="scale">{SCALE}</Item>'
    for band, name in enumerate(BANDS)
)
keys = (1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32632)  # UTM zone 32 north
tags = [
    (33550, 12, 3, (10.0, 10.0, 0.0), True),
    (33922, 12, 6, (0.0, 0.0, 0.0, 4e5, 5.3e6, 0.0), True),
    (34735, 3, len(keys), keys, True),
    (42112, 2, 0, f"<GDALMetadata>{notes}</GDALMetadata>", True),
    (42113, 2, 0, str(NO_DATA), True),
]
folder = Path(tempfile.mkdtemp())
tifffile.imwrite(
    folder / "scene.tif",
    stored,
    photometric="minisblack",
    planarconfig="contig",
    tile=(128, 128),
    metadata=None,
    extratags=tags,
)

# %%
# Reading applies the scales, names the channels after the bands, and leaves out the pixels without data.

picture = read_picture(folder / "scene.tif")
print(picture.channels, picture.pixels.dtype, f"{picture.pixels.max():.2f}")
print(
    f"pixels of {picture.spacing[0]:g} m; {picture.n_visible:,} of {truth.size:,} visible"
)

# %%
# Classes
# -------
#
# The classes differ in the shape of their spectrum, not only in brightness, so the mixture has full covariances. Noise
# makes single pixels ambiguous, and smoothing uses their neighbors. Classes are ordered by a channel here: by the near
# infrared, in which water is dark and grass is bright.

segmenter = GaussianMixtureSegmenter(4, order=BANDS.index("near infrared"), random_state=0)
segmentation = segment_picture(picture, segmenter)
order = np.argsort(np.argsort(REFLECTANCE[:, 3]))
right = segmentation.labels[~outside] == order[truth[~outside]]
print(f"{100 * right.mean():.1f} % of the pixels have the right cover")

single = GaussianMixtureSegmenter(4, order=3, smoothing=0, random_state=0)
alone = segment_picture(picture, single).labels
print(f"{100 * (alone == order[truth])[~outside].mean():.1f} % without neighbors")

figure, panels = plt.subplots(1, 3, figsize=(9, 2.9), layout="constrained")
false_color = (picture.pixels[..., [3, 2, 1]] / [0.5, 0.25, 0.2]).clip(0, 1)
shown = np.ma.masked_equal(segmentation.labels, 255)
for axes, values, title in zip(
    panels,
    (np.where(outside[..., None], 1.0, false_color), np.ma.masked_equal(alone, 255), shown),
    ("near infrared as red", "without neighbors", "with neighbors"),
    strict=True,
):
    axes.imshow(values, cmap="cividis", interpolation="nearest")
    axes.set_title(title, loc="left")
    axes.set_axis_off()
plt.show()

# %%
# The means of the classes are reflectances, because the scales were applied.

names = [COVERS[cover] for cover in np.argsort(REFLECTANCE[:, 3])]
width = max(map(len, BANDS))
print(" " * 10, *(f"{band:>{width}}" for band in segmentation.mixture.feature_names))
for name, mean in zip(names, segmentation.mixture.means, strict=True):
    print(f"{name:10}", *(f"{value:{width}.3f}" for value in mean))

# %%
# Labels in the same place
# ------------------------
#
# The labels are a GeoTIFF with the tags of the scene. Pixels without data have the label that the file declares to mean
# just that.

write_segmentation(folder / "cover", segmentation, maps=False)
with tifffile.TiffFile(folder / "cover" / "labels.tif") as file:
    page = file.pages.first
    print(page.tags[33922].value[3:5], page.tags[34735].value[-1], page.tags[42113].value)

# %%
# A scene that does not fit into memory is segmented from file to file: the mixture is fitted to a sample of tiles, and
# the labels are computed and written tile by tile. They are those of the whole scene.

result = segment_file(folder / "scene.tif", folder / "labels.tif", segmenter)
found = tifffile.imread(folder / "labels.tif")
print(f"{100 * (found == segmentation.labels).mean():.1f} % of the labels are the same")
