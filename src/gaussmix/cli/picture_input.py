"""The pictures that a command was given: files, and what folders hold of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gaussmix.core.typing import IntArray
from gaussmix.imaging import SUFFIXES, Picture, read_labels, read_mask, read_picture


@dataclass(frozen=True)
class Given:
    """A file, and what else there is to it.

    Attributes
    ----------
    path : Path
    name : str
        Of the folder of its results, where there are several.
    mask, labels : Path or None
    volume : bool
        Whether nameless pages of a TIFF are slices.
    """

    path: Path
    name: str
    mask: Path | None
    labels: Path | None
    volume: bool

    def read(self) -> Picture:
        """The picture, with nothing visible outside of the mask."""
        picture = read_picture(self.path, volume=self.volume)
        if self.mask is not None:
            try:
                picture = picture.masked(read_mask(self.mask, picture))
            except ValueError as error:
                raise ValueError(f"{self.path}: {error}") from None
        if picture.n_visible == 0:
            raise ValueError(f"{self.path} has no visible pixel: all are transparent or NaN")
        return picture

    def known(self, picture: Picture) -> IntArray | None:
        """The class of each pixel where it is known, -1 elsewhere."""
        return None if self.labels is None else read_labels(self.labels, picture)


def pictures_given(files: Sequence[Path], mask: Path | None, labels: Path | None, *, volume: bool) -> list[Given]:
    """The files, in the order given; those of a folder by name, leaving out files that are no pictures by theirs.

    A folder of masks has one for each file; a folder of labels has at least one.

    Raises
    ------
    ValueError
        If a folder has no pictures, a file was given twice, or a mask or all labels are missing.
    """
    paths = [path for file in files for path in (_pictures_in(file) if file.is_dir() else [file])]
    doubled = [str(path) for path, count in Counter(path.resolve() for path in paths).items() if count > 1]
    if doubled:
        raise ValueError(f"{doubled[0]} was given twice")
    stems = Counter(_stem(path).lower() for path in paths)
    names = [_stem(path) if stems[_stem(path).lower()] == 1 else path.name for path in paths]
    clashes = [name for name, count in Counter(name.lower() for name in names).items() if count > 1]
    if clashes:
        raise ValueError(f"Several files are named {clashes[0]}: their results would have one folder; rename one")
    masks, scribbles = _beside(paths, mask), _beside(paths, labels)
    if labels is not None and len(paths) > 1 and not labels.is_dir():
        raise ValueError(f"{labels} can be of one picture only; for several give a folder of labels named as they are")
    if mask is not None and None in masks:
        lacking = paths[masks.index(None)]
        raise ValueError(f"The folder {mask} has no mask for {lacking}: it would be named {_stem(lacking)}.*")
    if labels is not None and not any(scribbles):
        raise ValueError(f"The folder {labels} has no labels for any of the files: they are named as the files are")
    return [Given(*given, volume) for given in zip(paths, names, masks, scribbles, strict=True)]


def _beside(paths: Sequence[Path], place: Path | None) -> list[Path | None]:
    """For each picture the file itself, or what a folder has of the picture's name."""
    if place is None or not place.is_dir():
        return [place] * len(paths)
    by_name: dict[str, Path] = {}
    for path in _pictures_in(place):
        if _stem(path) in by_name:
            raise ValueError(f"The folder {place} has {by_name[_stem(path)].name} and {path.name}; remove one")
        by_name[_stem(path)] = path
    return [by_name.get(_stem(path)) for path in paths]


def _pictures_in(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if _suffix(path) and path.is_file() and path.name[0] != ".")
    if not found:
        raise ValueError(f"The folder {folder} has no pictures ({', '.join(SUFFIXES)})")
    return found


def _suffix(path: Path) -> str:
    """The suffix in its case, if it is one of a picture."""
    known = [suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)]
    return path.name[-len(max(known, key=len)) :] if known else ""


def _stem(path: Path) -> str:
    return path.name.removesuffix(_suffix(path)) if _suffix(path) else path.stem
