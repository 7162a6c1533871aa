"""Files of pictures and volumes: PNG, JPEG and other formats of pillow, TIFF, NIfTI, and arrays of NumPy.

Results are written in a format that keeps the geometry of the picture: NIfTI for NIfTI, TIFF for TIFF, .npy for .npy,
and PNG for all other pictures.
"""

from gaussmix.imaging.files.annotations import read_labels, read_mask
from gaussmix.imaging.files.reading import SUFFIXES, read_picture
from gaussmix.imaging.files.writing import write_labels, write_maps, write_picture

__all__ = ["SUFFIXES", "read_labels", "read_mask", "read_picture", "write_labels", "write_maps", "write_picture"]
