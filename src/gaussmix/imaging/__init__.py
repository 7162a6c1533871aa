"""Pictures as rows of pixels: read them, segment them, write the segments."""

from gaussmix.imaging.files import read_picture, segmentation_files, write_picture, write_segmentation
from gaussmix.imaging.segmenter import GaussianMixtureSegmenter, segment_image
from gaussmix.imaging.segments import MOST_SEGMENTS, Picture, Segmentation, fit_picture, segment_picture

__all__ = [
    "MOST_SEGMENTS",
    "GaussianMixtureSegmenter",
    "Picture",
    "Segmentation",
    "fit_picture",
    "read_picture",
    "segment_image",
    "segment_picture",
    "segmentation_files",
    "write_picture",
    "write_segmentation",
]
