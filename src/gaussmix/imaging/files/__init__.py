"""Pictures and volumes on disk: PNG, JPEG and what else pillow reads, TIFF, NIfTI, and arrays of NumPy.

Results are written in the format that keeps the geometry: NIfTI beside NIfTI, TIFF beside TIFF, .npy beside .npy, and
PNG beside all other pictures.
"""

from gaussmix.imaging.files.annotations import read_labels, read_mask
from gaussmix.imaging.files.reading import SUFFIXES, read_picture
from gaussmix.imaging.files.writing import write_labels, write_maps, write_picture

__all__ = ["SUFFIXES", "read_labels", "read_mask", "read_picture", "write_labels", "write_maps", "write_picture"]
