"""Output files of a segmentation."""

from os import PathLike
from pathlib import Path

import numpy as np

from gaussmix.core.display import UNLABELED
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.typing import Rows
from gaussmix.imaging.files import write_labels, write_maps, write_picture
from gaussmix.imaging.images.picture import Picture
from gaussmix.imaging.segmentation import Segmentation


def segmentation_files(picture: Picture, n_classes: int, *, maps: bool = True, fractions: bool = False) -> list[str]:
    """Return the names of the files that `write_segmentation` writes.

    Parameters
    ----------
    picture : Picture
        The segmented picture.
    n_classes : int
        Number of classes.
    maps : bool, default=True
        Whether to include uncertainty, probabilities and cut-outs.
    fractions : bool, default=False
        Whether to include the fractions of the classes in each pixel.

    Returns
    -------
    list of str
        File names without the folder.
    """
    suffix, flat = picture.suffix, _is_flat(picture)
    names = [f"labels{suffix}"]
    names += ["segments.png"] if flat else []
    if maps:
        names += [f"uncertainty{suffix}", *_map_files("probability", "probabilities", suffix, n_classes)]
        names += [f"segment-{number}.png" for number in range(n_classes)] if flat else []
    if fractions:
        names += _map_files("fraction", "fractions", suffix, n_classes)
    return names


@underflow_to_zero
def write_segmentation(
    folder: str | PathLike[str],
    segmentation: Segmentation,
    *,
    maps: bool = True,
    fractions: bool = False,
    background: int = UNLABELED,
) -> None:
    """Write a segmentation to a folder, in files that keep the geometry of the picture.

    ``labels`` has the class of each pixel, `background` where the picture is not visible. For flat pictures,
    ``segments.png`` shows each class in its mean color, and ``segment-0.png`` and so on are the cut-outs.
    ``uncertainty`` is 0 where one class is certain and 1 where all classes are equally probable. ``probability-0.png``
    and so on, or ``probabilities`` with the classes along the last axis (TIFF: as channels), have the probability of
    each class; the ``fraction`` files have its fraction of the pixel. PNG files store 0 to 1 as 0 to 255.

    Parameters
    ----------
    folder : path
        Folder of the files; created if it does not exist.
    segmentation : Segmentation
        The segmentation to write.
    maps : bool, default=True
        Write the uncertainty, the probabilities and the cut-outs.
    fractions : bool, default=False
        Write the fractions of the classes in each pixel.
    background : {255, 0}, default=255
        Label of pixels that are not visible. With 0 the labels of the classes are counted from 1, as in many programs
        for NIfTI; the other files keep the numbers from 0.

    Raises
    ------
    ValueError
        If `background` is another number.
    """
    if background not in (0, UNLABELED):
        raise ValueError(f"background must be 255, or 0 for classes from 1; got {background}")
    target, picture = Path(folder), segmentation.picture
    target.mkdir(exist_ok=True)
    flat = _is_flat(picture)
    labels = segmentation.labels if background else segmentation.labels + np.uint8(1)  # 255 becomes 0
    write_labels(target / f"labels{picture.suffix}", picture, labels, background=background)
    if flat:
        write_picture(target / "segments.png", segmentation.recolored())
    if maps:
        _write_shares(target / f"uncertainty{picture.suffix}", picture, segmentation.uncertainty)
        _write_maps(target, picture, segmentation.probabilities, ("probability", "probabilities"))
        for segment in range(segmentation.n_classes if flat else 0):
            write_picture(target / f"segment-{segment}.png", segmentation.cut_out(segment))
    if fractions:
        _write_maps(target, picture, segmentation.fractions, ("fraction", "fractions"))


def _is_flat(picture: Picture) -> bool:
    return picture.n_axes == 2 and not picture.stacked


def _map_files(single: str, together: str, suffix: str, n_classes: int) -> list[str]:
    return [f"{single}-{number}.png" for number in range(n_classes)] if suffix == ".png" else [f"{together}{suffix}"]


def _write_maps(folder: Path, picture: Picture, maps: Rows, names: tuple[str, str]) -> None:
    files = _map_files(*names, picture.suffix, maps.shape[-1])
    if picture.suffix == ".png":
        for number, name in enumerate(files):
            _write_shares(folder / name, picture, maps[..., number])
    else:
        _write_shares(folder / files[0], picture, maps)


def _write_shares(path: Path, picture: Picture, shares: Rows) -> None:
    """Write numbers between 0 and 1."""
    if picture.suffix == ".png":
        shares = np.rint(255 * shares).astype(np.uint8)
    write_maps(path, picture, shares)
