"""Input of picture commands: files and folders with their masks and annotations."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gaussmix.core.typing import IntArray, Rows
from gaussmix.imaging import SUFFIXES, Picture, read_labels, read_mask
from gaussmix.imaging.files.converters import converter_for
from gaussmix.imaging.files.dicom import is_dicom, series_of
from gaussmix.imaging.files.formats import format_of
from gaussmix.imaging.files.options import ReadOptions
from gaussmix.imaging.files.reading import read_for


@dataclass(frozen=True)
class PictureInput:
    """Picture file with its mask and annotations.

    Attributes
    ----------
    path : Path
        File of the picture, folder of a DICOM series, or the first of its files.
    name : str
        Name of the folder of its results, if there are several pictures.
    mask, labels : Path or None
        Files of masks and annotations of the same shape.
    reading : ReadOptions
        How the picture is read.
    slices : tuple of Path
        All files of a DICOM series, if they were given one by one.
    """

    path: Path
    name: str
    mask: Path | None
    labels: Path | None
    reading: ReadOptions
    slices: tuple[Path, ...] = ()

    def read(self) -> Picture:
        """Read the picture; only pixels of the mask are visible.

        Raises
        ------
        ValueError, OSError
            If a file cannot be read or no pixel is visible.
        """
        picture = read_for(self.slices or self.path, self.reading)
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
        Files and folders. Files of a folder are ordered by name; files without the suffix of a picture are ignored. The
        DICOM files of a series, or a folder of them, are one picture.
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
    series = series_of(paths)
    paths, short = [group[0] for group in series], _short_names(series)
    stems = Counter(name.lower() for name in short)
    names = [name if stems[name.lower()] == 1 else path.name for name, path in zip(short, paths, strict=True)]
    clashes = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if clashes:
        raise ValueError(f"Several files are named {clashes[0]}: their results would be in the same folder; rename one")
    masks, annotations = _match_files(short, mask), _match_files(short, labels)
    if labels is not None and len(paths) > 1 and _is_picture(labels):
        raise ValueError(f"{labels} is for one picture only; for several, give a folder of labels with their names")
    if mask is not None and None in masks:
        lacking = masks.index(None)
        raise ValueError(f"The folder {mask} has no mask for {paths[lacking]}; name it {short[lacking]}.*")
    if labels is not None and not any(annotations):
        raise ValueError(f"The folder {labels} has no labels for any file; give them the names of the pictures")
    slices = [tuple(group) if len(group) > 1 else () for group in series]
    return [
        PictureInput(path, name, its_mask, its_labels, reading, its_slices)
        for path, name, its_mask, its_labels, its_slices in zip(paths, names, masks, annotations, slices, strict=True)
    ]


def _short_names(series: Sequence[Sequence[Path]]) -> list[str]:
    """Return the name of each picture without a suffix; that of the folder for the files of its only series."""
    folders = Counter(group[0].parent.resolve() for group in series)
    return [
        group[0].parent.resolve().name
        if len(group) > 1 and folders[group[0].parent.resolve()] == 1
        else _stem(group[0])
        for group in series
    ]


def _match_files(names: Sequence[str], file_or_folder: Path | None) -> list[Path | None]:
    """Return, for each picture, the file itself or the file of the same name in a folder."""
    if file_or_folder is None or _is_picture(file_or_folder):
        return [file_or_folder] * len(names)
    by_name: dict[str, Path] = {}
    for path in _pictures_in(file_or_folder):
        if _stem(path) in by_name:
            raise ValueError(f"The folder {file_or_folder} has {by_name[_stem(path)].name} and {path.name}; remove one")
        by_name[_stem(path)] = path
    return [by_name.get(name) for name in names]


def _pictures_in(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.iterdir() if path.name[0] != "." and _is_picture(path))
    found = [path for path in files if _suffix(path) or is_dicom(path)]
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
    if _suffix(path):
        return path.name.removesuffix(_suffix(path))
    return path.resolve().name if path.is_dir() else path.stem
