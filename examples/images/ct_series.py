"""
Three phases in a CT series
===========================

A porous stone holds water in some of its pores and air in the others. Its CT is made here, written as DICOM slices,
read as one volume and segmented. The segmenter is kept in a file, and labels a second CT of the stone, which has dried.
"""

# %%
# The stone
# ---------
#
# Pores are where a smooth random field is low. A second field divides them between water and air. The scanner blurs the
# stone, so that voxels at a border have values between those of the phases, and adds noise. Hounsfield units are -1000
# in air and 0 in water. Outside of the round field of view, scanners write a number that is no measurement.

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pydicom
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from scipy.ndimage import gaussian_filter

from gaussmix.imaging import (
    GaussianMixtureSegmenter,
    Segmentation,
    read_picture,
    segment_picture,
    write_segmentation,
)

PHASES = ("air", "water", "stone")
HOUNSFIELD = np.array([-1000, 0, 1800])
SHAPE = (96, 96, 40)
SPACING = (0.5, 0.5, 1.0)  # millimeters
NOISE = 180  # Hounsfield units
PADDING = -2000
PORES, WET, STILL_WET = (
    0.3,
    0.6,
    0.25,
)  # share of pores in the stone, and of water in the pores

rng = np.random.default_rng(0)


def smooth_field(size: float) -> np.ndarray:
    """Return a random field that varies over a length in millimeters."""
    return gaussian_filter(
        rng.normal(size=SHAPE), [size / step for step in SPACING], mode="wrap"
    )


pore_field, water_field = smooth_field(2.0), smooth_field(4.0)
pores = pore_field < np.quantile(pore_field, PORES)
center = (np.array(SHAPE[:2]) - 1) / 2
x, y = np.indices(SHAPE[:2])
inside = np.hypot(x - center[0], y - center[1]) < SHAPE[0] / 2
inside = np.repeat(inside[:, :, None], SHAPE[2], axis=2)


def stone(share_of_water: float) -> np.ndarray:
    """Return the phase of each voxel."""
    wet = water_field > np.quantile(water_field[pores], 1 - share_of_water)
    return np.where(pores, np.where(wet, 1, 0), 2)


def scan(phases: np.ndarray) -> np.ndarray:
    """Return the Hounsfield units of each voxel."""
    blurred = gaussian_filter(HOUNSFIELD[phases].astype(float), (0.5, 0.5, 0.25))
    values = blurred + rng.normal(scale=NOISE, size=SHAPE)
    return np.where(inside, np.rint(values), PADDING).astype(np.int16)


# %%
# DICOM slices
# ------------
#
# Each slice is a file with its position. Values are stored with an offset of 1024, which ``RescaleIntercept`` states.
# The files have names in no order.

INTERCEPT = -1024


def write_slices(folder: Path, values: np.ndarray) -> None:
    """Write a volume as DICOM slices."""
    folder.mkdir()
    series, names = generate_uid(), rng.permutation(values.shape[2])
    for number, name in enumerate(names):
        meta = pydicom.dataset.FileMetaDataset()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        file = pydicom.Dataset()
        file.file_meta, file.SOPClassUID, file.SOPInstanceUID = (
            meta,
            CTImageStorage,
            generate_uid(),
        )
        file.Modality, file.SeriesInstanceUID = "CT", series
        file.ImagePositionPatient = [0, 0, number * SPACING[2]]
        file.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        file.PixelSpacing, file.SliceThickness = list(SPACING[:2]), SPACING[2]
        file.Rows, file.Columns = values.shape[1], values.shape[0]
        file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
        file.BitsAllocated = file.BitsStored = 16
        file.HighBit, file.PixelRepresentation = 15, 1
        file.RescaleSlope, file.RescaleIntercept = 1, INTERCEPT
        file.PixelPaddingValue = PADDING - INTERCEPT
        stored = values[:, :, number].T - np.int16(INTERCEPT)
        file.PixelData = np.ascontiguousarray(stored).tobytes()
        file.save_as(folder / f"IM{name:04}", enforce_file_format=True)


folder = Path(tempfile.mkdtemp())
wet = stone(WET)
write_slices(folder / "wet", scan(wet))

# %%
# Segmentation
# ------------
#
# The folder is one picture: slices are in the order of their positions, values are Hounsfield units, and padding is no
# part of it. The labels are written as NIfTI with the affine of the series.

picture = read_picture(folder / "wet")
print(picture.shape, picture.spacing, f"{picture.n_visible:,} voxels")
segmenter = GaussianMixtureSegmenter(3, random_state=0)
segmentation = segment_picture(picture, segmenter)
write_segmentation(folder / "segments", segmentation)
print(*sorted(path.name for path in (folder / "segments").iterdir()))


def compare(labels: np.ndarray, truth: np.ndarray) -> None:
    """Print the shares of the phases, and how many voxels have the label of their phase."""
    print(f"{'phase':8}{'true share':>12}{'found':>8}{'correct':>10}")
    for number, phase in enumerate(PHASES):
        is_phase = (truth == number) & inside
        share, found = (
            is_phase.sum() / inside.sum(),
            (labels == number).sum() / inside.sum(),
        )
        correct = (labels[is_phase] == number).mean()
        print(f"{phase:8}{share:12.3f}{found:8.3f}{correct:10.3f}")


compare(segmentation.labels, wet)
print(
    *(
        f"{phase}: {mean[0]:.0f} HU"
        for phase, mean in zip(PHASES, segmenter.mixture_.means, strict=True)
    )
)

# %%
# A border between stone and air has the values of water where they are blurred. The random field corrects most of these
# voxels, because a film of water one voxel thick has few neighbors of its own class.

figure, axes = plt.subplots(1, 3, figsize=(9, 3.5), layout="constrained")
middle = SHAPE[2] // 2
shown = np.where(inside, picture.pixels[..., 0], HOUNSFIELD[0])[:, :, middle].T
axes[0].imshow(shown, cmap="gray")
for ax, values, title in (
    (axes[1], segmentation.labels, "labels"),
    (axes[2], wet, "truth"),
):
    phases = np.ma.masked_where(~inside, values)[:, :, middle].T
    ax.imshow(phases, cmap="viridis", vmin=0, vmax=2, interpolation="nearest")
    ax.set_title(title)
axes[0].set_title("CT")
for ax in axes:
    ax.set_axis_off()
plt.show()

# %%
# The next scan
# -------------
#
# The segmenter is kept as JSON. It labels the CT of the dried stone without a fit, by the same classes. The command for
# this is ``gaussmix segment dry/ --with model.json -o segments``.

segmentation.segmenter.save(folder / "model.json")
dry = stone(STILL_WET)
write_slices(folder / "dry", scan(dry))
kept = GaussianMixtureSegmenter.load(folder / "model.json")
later = Segmentation.of(read_picture(folder / "dry"), kept)
compare(later.labels, dry)
for name, labels, truth in (("wet", segmentation.labels, wet), ("dry", later.labels, dry)):
    found, true = (
        100 * (phases[inside] == 1).sum() / (phases[inside] <= 1).sum()
        for phases in (labels, truth)
    )
    print(f"{name}: water in {found:.0f} % of the pores, in truth {true:.0f} %")
