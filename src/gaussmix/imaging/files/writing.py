"""Writing of pictures, and of labels and maps that keep the geometry of a picture."""

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import numpy as np

from gaussmix.core.display import UNLABELED
from gaussmix.core.output_files import complete_file, complete_store
from gaussmix.core.typing import Rows
from gaussmix.imaging.files.formats import writer_for
from gaussmix.imaging.files.ome_zarr import SUFFIX as OME_ZARR
from gaussmix.imaging.files.ome_zarr import is_zarr, list_among_labels, make_labels_group
from gaussmix.imaging.files.raster import write_raster
from gaussmix.imaging.images.picture import Picture


def write_picture(path: str | PathLike[str], pixels: Rows) -> None:
    """Write gray levels or colors in one of the formats of pillow.

    Parameters
    ----------
    path : str or path
        File to write; its suffix determines the format.
    pixels : (height, width) or (height, width, 3 or 4) array
        Gray levels of 8 or 16 bits, or colors of 8 bits.

    Raises
    ------
    ValueError
        If the pixels have another shape or type, or the suffix is unknown.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from gaussmix.imaging import read_picture, write_picture
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_picture(Path(folder) / "gray.png", np.zeros((4, 6), dtype=np.uint8))
    ...     read_picture(Path(folder) / "gray.png").shape
    (4, 6)
    """
    kinds = {2: (np.uint8, np.uint16), 3: (np.uint8,)}
    if pixels.dtype not in kinds.get(pixels.ndim, ()) or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise ValueError(
            "pixels must be gray levels (height, width) of uint8 or uint16, or colors (height, width, 3 or 4) of "
            f"uint8; got the shape {pixels.shape} of {pixels.dtype}"
        )
    with complete_file(path) as partial:
        write_raster(partial, pixels)


def write_labels(path: str | PathLike[str], picture: Picture, labels: Rows, *, background: int = UNLABELED) -> None:
    """Write labels with the geometry of a picture.

    Bytes in PNG and TIFF have a color for each number, for programs that show them; the numbers are kept. The number of
    pixels without a class is transparent in PNG, and in TIFF is GDAL's number for "no data". OME-Zarr has a color for
    each class, and as many levels as the picture; labels written to ``IMAGE/labels/NAME`` are listed in the image.

    Parameters
    ----------
    path : str or path
        File to write; its name ends with `Picture.suffix`.
    picture : Picture
        The labeled picture, which provides the geometry.
    labels : (shape) array of uint8 or uint16
        The class of each pixel.
    background : int, default=255
        The number of pixels without a class.

    Raises
    ------
    ValueError
        If the labels have another shape or type, or the background is no number of their type.
    """
    if labels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"labels must be of uint8 or uint16; got {labels.dtype}")
    if labels.shape != picture.shape:
        raise ValueError(f"labels has the shape {labels.shape}; the picture has {picture.shape}")
    if not 0 <= background <= np.iinfo(labels.dtype).max:
        raise ValueError(f"background must be a number of {labels.dtype}; got {background}")
    with complete_result(path, picture) as partial:
        writer_for(picture)(partial, picture, labels, background=background)


def write_maps(path: str | PathLike[str], picture: Picture, values: Rows) -> None:
    """Write maps with the geometry of a picture.

    Parameters
    ----------
    path : str or path
        File to write; its name ends with `Picture.suffix`.
    picture : Picture
        The picture of the maps, which provides the geometry.
    values : (shape) or (shape, maps) array
        One number for each pixel or, except in PNG, several.

    Raises
    ------
    ValueError
        If the values have another shape.
    """
    if picture.shape not in (values.shape, values.shape[:-1]):
        raise ValueError(f"values has the shape {values.shape}; the picture has {picture.shape}")
    with complete_result(path, picture) as partial:
        writer_for(picture)(partial, picture, values)


@contextmanager
def complete_result(path: str | PathLike[str], picture: Picture) -> Iterator[Path]:
    """Yield a temporary path, whose content becomes the given file or, of OME-Zarr, the given folder.

    Parameters
    ----------
    path : str or path
        The result.
    picture : Picture
        The picture, whose format the result has.

    Raises
    ------
    ValueError
        If a folder would be replaced that is no OME-Zarr image.
    """
    if picture.suffix != OME_ZARR:
        with complete_file(path) as partial:
            yield partial
        return
    target = Path(path)
    if target.exists() and not is_zarr(target):
        raise ValueError(f"{target} is not an OME-Zarr image, which would be replaced; give another name")
    make_labels_group(target)
    with complete_store(target) as partial:
        yield partial
    list_among_labels(target)
