"""Input of picture commands: files and folders with their masks and annotations."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gaussmix.core.typing import IntArray, Rows
from gaussmix.imaging import SUFFIXES, Picture, read_labels, read_mask
from gaussmix.imaging.files.converters import converter_for
from gaussmix.imaging.files.formats import format_of
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.files.reading import read_for


@dataclass(frozen=True)
class PictureInput:
    """Picture file with its mask and annotations.

    Attributes
    ----------
    path : Path
        File of the picture.
    name : str
        Name of the folder of its results, if there are several pictures.
    mask, labels : Path or None
        Files of masks and annotations of the same shape.
    reading : ReadOptions
        How the picture is read.
    """

    path: Path
    name: str
    mask: Path | None
    labels: Path | None
    reading: ReadOptions

    def read(self) -> Picture:
        """Read the picture; only pixels of the mask are visible.

        Raises
        ------
        ValueError, OSError
            If a file cannot be read or no pixel is visible.
        """
        picture = read_for(self.path, self.reading)
        if self.mask is not None:
            try:
                picture = picture.masked(read_mask(self.mask, picture, max_bytes=self.reading.max_bytes))
            except ValueError as error:
                raise ValueError(f"{self.path}: {error}") from None
        if picture.n_visible == 0:
            raise ValueError(f"{self.path} has no visible pixel: all are transparent, no data or NaN")
        return picture

    def read_seeds(self, picture: Picture) -> IntArray | None:
        """Read the annotations: known classes of pixels, -1 elsewhere."""
        if self.labels is None:
            return None
        return read_labels(self.labels, picture, max_bytes=self.reading.max_bytes)

    def painted_colors(self, picture: Picture, known: IntArray | None) -> Rows | None:
        """Return the color in which each class was painted, ``(k, 3)``; None if the annotations are numbers."""
        if self.labels is None or known is None:
            return None
        options = ReadOptions(picture.n_axes == 3, purpose="labels", max_bytes=self.reading.max_bytes)
        found = read_for(self.labels, options)
        if found.pixels.shape[-1] != 3:
            return None
        shown = np.broadcast_to(found.shown()[..., :3], (*known.shape, 3))
        return np.array([shown[known == number][0] for number in range(known.max() + 1)], dtype=np.uint8)


def find_pictures(
    files: Sequence[Path], mask: Path | None, labels: Path | None, reading: ReadOptions
) -> list[PictureInput]:
    """Find the pictures in files and folders, with their masks and annotations.

    Parameters
    ----------
    files : sequence of Path
        Files and folders. Files of a folder are ordered by name; files without the suffix of a picture are ignored.
    mask : Path or None
        Mask for all pictures, or folder with a mask for each.
    labels : Path or None
        Annotations of the picture, or folder with annotations of at least one.
    reading : ReadOptions
        How the pictures are read.

    Returns
    -------
    list of PictureInput
        Pictures in the order of the files.

    Raises
    ------
    ValueError
        If a folder has no pictures, a file is given twice, or a mask or all annotations are missing.
    """
    paths = [path for file in files for path in ([file] if _is_picture(file) else _pictures_in(file))]
    doubled = [str(path) for path, count in Counter(path.resolve() for path in paths).items() if count > 1]
    if doubled:
        raise ValueError(f"{doubled[0]} was given twice; give it once")
    stems = Counter(_stem(path).lower() for path in paths)
    names = [_stem(path) if stems[_stem(path).lower()] == 1 else path.name for path in paths]
    clashes = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if clashes:
        raise ValueError(f"Several files are named {clashes[0]}: their results would be in the same folder; rename one")
    masks, annotations = _match_files(paths, mask), _match_files(paths, labels)
    if labels is not None and len(paths) > 1 and _is_picture(labels):
        raise ValueError(f"{labels} is for one picture only; for several, give a folder of labels with their names")
    if mask is not None and None in masks:
        lacking = paths[masks.index(None)]
        raise ValueError(f"The folder {mask} has no mask for {lacking}; name it {_stem(lacking)}.*")
    if labels is not None and not any(annotations):
        raise ValueError(f"The folder {labels} has no labels for any file; give them the names of the pictures")
    return [PictureInput(*parts, reading) for parts in zip(paths, names, masks, annotations, strict=True)]


def _match_files(paths: Sequence[Path], file_or_folder: Path | None) -> list[Path | None]:
    """Return, for each picture, the file itself or the file of the same name in a folder."""
    if file_or_folder is None or _is_picture(file_or_folder):
        return [file_or_folder] * len(paths)
    by_name: dict[str, Path] = {}
    for path in _pictures_in(file_or_folder):
        if _stem(path) in by_name:
            raise ValueError(f"The folder {file_or_folder} has {by_name[_stem(path)].name} and {path.name}; remove one")
        by_name[_stem(path)] = path
    return [by_name.get(_stem(path)) for path in paths]


def _pictures_in(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if _suffix(path) and _is_picture(path) and path.name[0] != ".")
    if not found:
        foreign = next((path for path in sorted(folder.iterdir()) if converter_for(path)), None)
        hint = f"; {foreign.name} is {converter_for(foreign)}" if foreign is not None else ""
        raise ValueError(f"The folder {folder} has no pictures ({', '.join(SUFFIXES)}){hint}")
    return found


def _is_picture(path: Path) -> bool:
    """Return whether a path is to be read as a picture, and not as a folder of pictures."""
    return not path.is_dir() or format_of(path) is not None


def _suffix(path: Path) -> str:
    """Return the suffix, with its case, if it is that of a picture."""
    known = [suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)]
    return path.name[-len(max(known, key=len)) :] if known else ""


def _stem(path: Path) -> str:
    return path.name.removesuffix(_suffix(path)) if _suffix(path) else path.stem
