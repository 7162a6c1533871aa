"""Segmentation of images and volumes, and their files."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gaussmix.imaging.export import segmentation_files, write_segmentation
from gaussmix.imaging.files import (
    SUFFIXES,
    read_labels,
    read_mask,
    read_picture,
    write_labels,
    write_maps,
    write_picture,
)
from gaussmix.imaging.images.picture import Picture
from gaussmix.imaging.picture_fitting import fit_pictures, segment_picture
from gaussmix.imaging.segmentation import Segmentation, View, named_mixture

if TYPE_CHECKING:
    from gaussmix.imaging.comparison_result import Comparison
    from gaussmix.imaging.file_segmentation import FileSegmentation, label_file, segment_file
    from gaussmix.imaging.method_comparison import compare
    from gaussmix.imaging.segmenter import GaussianMixtureSegmenter, segment_image

__all__ = [
    "SUFFIXES",
    "Comparison",
    "FileSegmentation",
    "GaussianMixtureSegmenter",
    "Picture",
    "Segmentation",
    "View",
    "compare",
    "fit_pictures",
    "label_file",
    "named_mixture",
    "read_labels",
    "read_mask",
    "read_picture",
    "segment_file",
    "segment_image",
    "segment_picture",
    "segmentation_files",
    "write_labels",
    "write_maps",
    "write_picture",
    "write_segmentation",
]


_LAZY = {
    "FileSegmentation": "gaussmix.imaging.file_segmentation",
    "label_file": "gaussmix.imaging.file_segmentation",
    "segment_file": "gaussmix.imaging.file_segmentation",
    "Comparison": "gaussmix.imaging.comparison_result",
    "GaussianMixtureSegmenter": "gaussmix.imaging.segmenter",
    "compare": "gaussmix.imaging.method_comparison",
    "segment_image": "gaussmix.imaging.segmenter",
}


def __getattr__(name: str) -> Any:
    """Import scikit-learn with the first name that needs it."""
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
