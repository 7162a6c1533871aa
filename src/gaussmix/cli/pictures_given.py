"""The pictures that a command was given: files, and what folders hold of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gaussmix.imaging import SUFFIXES, Picture, read_mask, read_picture


@dataclass(frozen=True)
class Given:
    """A file, and what else there is to it.

    Attributes
    ----------
    path : Path
    name : str
        Of the folder of its results, where there are several.
    mask : Path or None
    volume : bool
        Whether nameless pages of a TIFF are slices.
    """

    path: Path
    name: str
    mask: Path | None
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


def pictures_given(files: Sequence[Path], mask: Path | None, *, volume: bool) -> list[Given]:
    """The files, in the order given; those of a folder by name, leaving out files that are no pictures by theirs.

    Raises
    ------
    ValueError
        If a folder has no pictures, a file was given twice, or a mask is missing.
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
    masks = [mask] * len(paths) if mask is None or not mask.is_dir() else [_of_name(mask, path) for path in paths]
    return [Given(path, name, its_mask, volume) for path, name, its_mask in zip(paths, names, masks, strict=True)]


def _pictures_in(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if _suffix(path) and path.is_file() and path.name[0] != ".")
    if not found:
        raise ValueError(f"The folder {folder} has no pictures ({', '.join(SUFFIXES)})")
    return found


def _of_name(folder: Path, picture: Path) -> Path:
    """The file in a folder that has the name of a picture, up to the suffix."""
    found = [path for path in _pictures_in(folder) if _stem(path) == _stem(picture)]
    if len(found) != 1:
        raise ValueError(f"The folder {folder} has {len(found)} masks for {picture}; it needs one, {_stem(picture)}.*")
    return found[0]


def _suffix(path: Path) -> str:
    """The suffix in its case, if it is one of a picture."""
    known = [suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)]
    return path.name[-len(max(known, key=len)) :] if known else ""


def _stem(path: Path) -> str:
    return path.name.removesuffix(_suffix(path)) if _suffix(path) else path.stem
