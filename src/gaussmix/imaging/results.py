"""The files of a segmentation."""

from os import PathLike
from pathlib import Path

from gaussmix.imaging.files import write_picture
from gaussmix.imaging.segments import Segmentation


def segmentation_files(n_segments: int) -> list[str]:
    """The names of the files that `write_segmentation` writes."""
    numbered = [f"{kind}-{segment}.png" for segment in range(n_segments) for kind in ("segment", "probability")]
    return ["model.json", "labels.png", "segments.png", *numbered]


def write_segmentation(folder: str | PathLike[str], segmentation: Segmentation) -> None:
    """Write a segmentation to an existing folder.

    ``model.json`` is the mixture; ``labels.png`` has the number of its segment in each pixel, 255 where the picture
    is transparent; ``segments.png`` shows each segment in its mean color; ``segment-0.png`` and so on are the
    cut-outs; ``probability-0.png`` and so on have the probability of each component, 255 times.
    """
    target = Path(folder)
    segmentation.mixture.save(target / "model.json")
    write_picture(target / "labels.png", segmentation.labels)
    write_picture(target / "segments.png", segmentation.recolored())
    for segment, probabilities in enumerate(segmentation.probability_maps):
        write_picture(target / f"segment-{segment}.png", segmentation.cut_out(segment))
        write_picture(target / f"probability-{segment}.png", probabilities)
