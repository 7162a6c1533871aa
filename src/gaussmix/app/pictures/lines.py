"""The command line and the lines of Python that give the same result."""

import shlex
from collections.abc import Sequence
from typing import Any

from gaussmix.app.pictures.settings import PER_CLASS

_OPTIONS = {
    "n_components": "-k",
    "color_space": "--color",
    "smoothing": "--smoothing",
    "components_per_class": "--components-per-class",
}


def command_line(name: str, parameters: dict[str, Any], hints: str, *, volume: bool) -> str:
    """Return the command that segments the picture in the same way.

    Parameters
    ----------
    name : str
        File of the picture.
    parameters : dict
        Parameters of the segmenter.
    hints : str
        File of the hints; empty without hints.
    volume : bool
        Whether unnamed pages are the slices of a volume.

    Returns
    -------
    str
        The command. It does not merge segments.
    """
    words = ["gaussmix", "segment", name, "-o", f"{stem_of(name)}-segments"]
    for parameter, option in _OPTIONS.items():
        value = parameters.get(parameter)
        if value is not None and not (parameter == "components_per_class" and value == PER_CLASS):
            words += [option, _plain(value)]
    words += ["--labels", hints] if hints else []
    words += ["--connected"] if parameters.get("connected") else []
    words += ["--volume"] if volume else []
    return shlex.join(words)


def model_command(name: str, model: str, *, volume: bool) -> str:
    """Return the command that segments the picture with a model file."""
    words = ["gaussmix", "segment", name, "--with", model, "-o", f"{stem_of(name)}-segments"]
    return shlex.join(words + (["--volume"] if volume else []))


def model_lines(name: str, suffix: str, model: str, groups: Sequence[tuple[int, ...]], *, volume: bool) -> str:
    """Return lines of Python that segment the picture with a model file; the arguments are those of `python_lines`."""
    return "\n".join([
        *(["import numpy as np", ""] if groups else []),
        "from gaussmix.imaging import GaussianMixtureSegmenter, Segmentation, read_picture, write_labels",
        "",
        f"picture = read_picture({name!r}{', volume=True' if volume else ''})",
        f"segmentation = Segmentation.of(picture, GaussianMixtureSegmenter.load({model!r}))",
        *_writing(name, suffix, groups),
    ]) + "\n"  # fmt: skip


def python_lines(
    name: str, suffix: str, parameters: dict[str, Any], hints: str, groups: Sequence[tuple[int, ...]], *, volume: bool
) -> str:
    """Return lines of Python that segment the picture in the same way.

    Parameters
    ----------
    name : str
        File of the picture.
    suffix : str
        Suffix of the files that are written.
    parameters : dict
        Parameters of the segmenter.
    hints : str
        File of the hints; empty without hints.
    groups : sequence of tuples of int
        The classes of each segment, if some are merged; else empty.
    volume : bool
        Whether unnamed pages are the slices of a volume.

    Returns
    -------
    str
        Lines that write the labels.
    """
    names = ["GaussianMixtureSegmenter", *(["read_labels"] if hints else []), "read_picture", "segment_picture"]
    given = ", ".join(f"{key}={value!r}" for key, value in parameters.items())
    lines = [
        *(["import numpy as np", ""] if groups else []),
        f"from gaussmix.imaging import {', '.join([*names, 'write_labels'])}",
        "",
        f"picture = read_picture({name!r}{', volume=True' if volume else ''})",
        *([f"hints = read_labels({hints!r}, picture)"] if hints else []),
        f"segmenter = GaussianMixtureSegmenter({given})",
        f"segmentation = segment_picture(picture, segmenter{', hints' if hints else ''})",
    ]
    return "\n".join([*lines, *_writing(name, suffix, groups)]) + "\n"


def _writing(name: str, suffix: str, groups: Sequence[tuple[int, ...]]) -> list[str]:
    """Return the lines that merge segments and write the labels."""
    lines, labels = [], "segmentation.labels"
    if groups:
        lines.append("merged = np.arange(256, dtype=np.uint8)")
        lines += [f"merged[{list(group)}] = {number}" for number, group in enumerate(groups)]
        labels = "merged[segmentation.labels]"
    return [*lines, f"write_labels({f'{stem_of(name)}-labels{suffix}'!r}, picture, {labels})"]


def stem_of(name: str) -> str:
    """Return the name of a file without its suffix."""
    lower = name.lower()
    if lower.endswith(".nii.gz"):
        return name[: -len(".nii.gz")]
    stem, dot, _ = name.rpartition(".")
    return stem if dot and stem else name


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
