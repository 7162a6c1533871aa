"""Images and volumes: read them, segment them, measure and write the segments."""

from typing import TYPE_CHECKING, Any

from gaussmix.imaging.files import (
    SUFFIXES,
    read_labels,
    read_mask,
    read_picture,
    write_labels,
    write_maps,
    write_picture,
)
from gaussmix.imaging.pictures import Picture
from gaussmix.imaging.results import segmentation_files, write_segmentation
from gaussmix.imaging.segments import Segmentation, View, fit_pictures, segment_picture

if TYPE_CHECKING:
    from gaussmix.imaging.segmenter import GaussianMixtureSegmenter, segment_image

__all__ = [
    "SUFFIXES",
    "GaussianMixtureSegmenter",
    "Picture",
    "Segmentation",
    "View",
    "fit_pictures",
    "read_labels",
    "read_mask",
    "read_picture",
    "segment_image",
    "segment_picture",
    "segmentation_files",
    "write_labels",
    "write_maps",
    "write_picture",
    "write_segmentation",
]


def __getattr__(name: str) -> Any:
    """scikit-learn is imported with the first segmenter."""
    if name in ("GaussianMixtureSegmenter", "segment_image"):
        import gaussmix.imaging.segmenter as segmenter

        return getattr(segmenter, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
