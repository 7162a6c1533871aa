"""Files that the user takes away."""

import io
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gaussmix.app.pictures.lines import command_line, model_command, model_lines, python_lines, stem_of
from gaussmix.app.pictures.merged import merged
from gaussmix.app.pictures.segments import groups_of
from gaussmix.imaging.export import write_segmentation
from gaussmix.imaging.files import write_labels, write_picture
from gaussmix.imaging.overview import is_flat, overview
from gaussmix.imaging.seed_display import seed_colors
from gaussmix.imaging.segmentation import named_mixture
from gaussmix.plots import write_figure

if TYPE_CHECKING:
    from gaussmix.app.pictures.session import PictureSession
    from gaussmix.imaging.segmentation import Segmentation


@dataclass(frozen=True)
class Download:
    """A file for the user.

    Attributes
    ----------
    name : str
        Name of the file.
    content : bytes
        Its content.
    """

    name: str
    content: bytes


def download(session: "PictureSession", what: str, segments: Sequence[int] = ()) -> Download:
    """Return a file made of the full result, or of the hints.

    Parameters
    ----------
    session : PictureSession
        What the room keeps about the picture.
    what : {"labels", "cutout", "probabilities", "uncertainty", "figure", "model", "all", "hints"}
        The file.
    segments : sequence of int
        For a cut-out, the numbers of the segments.

    Returns
    -------
    Download
        The file. Merged segments have one label and one probability; files keep the geometry of the picture.

    Raises
    ------
    ValueError
        If the result is not complete, there is no such file, or a segment does not exist.
    """
    if what not in _MAKERS:
        raise ValueError(f"There is no download {what!r}")
    return _MAKERS[what](session, segments)


def lines_of(session: "PictureSession") -> dict[str, str]:
    """Return the command line and the lines of Python that give the labels."""
    suffix = session.picture.suffix
    hints = "" if session.used_hints is None else f"{stem_of(session.name)}-hints{suffix}"
    groups = groups_of(session.segments)
    groups = () if all(len(group) == 1 for group in groups) else groups
    if session.with_model:
        model = f"{stem_of(session.name)}-model.json"
        return {
            "command": model_command(session.name, model, volume=session.volume),
            "python": model_lines(session.name, suffix, model, groups, volume=session.volume),
        }
    parameters = session.parameters
    return {
        "command": command_line(session.name, parameters, hints, volume=session.volume),
        "python": python_lines(session.name, suffix, parameters, hints, groups, volume=session.volume),
    }


def _segmentation(session: "PictureSession") -> "Segmentation":
    return merged(session.full_result().segmentation, groups_of(session.segments))


def _labels(session: "PictureSession", segments: Sequence[int]) -> Download:
    segmentation, picture = _segmentation(session), session.picture
    return _written(
        f"{stem_of(session.name)}-labels{picture.suffix}",
        lambda path: write_labels(path, picture, segmentation.labels),
    )


def _cut_out(session: "PictureSession", segments: Sequence[int]) -> Download:
    segmentation = _segmentation(session)
    if not is_flat(segmentation):
        raise ValueError("Cut-outs are made of flat pictures only; the labels have the segments of all slices")
    if not segments or not set(segments) <= set(range(segmentation.n_classes)):
        raise ValueError(f"segments must be numbers from 0 to {segmentation.n_classes - 1}; got {list(segments)}")
    chosen = tuple(sorted(set(segments)))
    rest = tuple(number for number in range(segmentation.n_classes) if number not in chosen)
    union = merged(segmentation, (chosen, rest)) if rest else merged(segmentation, (chosen,))
    name = f"{stem_of(session.name)}-cut-out-{'-'.join(map(str, chosen))}.png"
    return _written(name, lambda path: write_picture(path, union.cut_out(0)))


def _probabilities(session: "PictureSession", segments: Sequence[int]) -> Download:
    return _from_folder(session, "probabilit", "probabilities")


def _uncertainty(session: "PictureSession", segments: Sequence[int]) -> Download:
    return _from_folder(session, "uncertainty", "uncertainty")


def _figure(session: "PictureSession", segments: Sequence[int]) -> Download:
    segmentation = _segmentation(session)
    return _written(f"{stem_of(session.name)}-segments-figure.png", lambda path: _draw(path, session, segmentation))


def _model(session: "PictureSession", segments: Sequence[int]) -> Download:
    segmentation = session.full_result().segmentation
    return _written(f"{stem_of(session.name)}-model.json", lambda path: _save_model(path, segmentation))


def _hints(session: "PictureSession", segments: Sequence[int]) -> Download:
    if session.known is None:
        raise ValueError("There are no hints yet")
    picture, known = session.picture, session.known
    labels = np.where(known < 0, 255, known).astype(np.uint8)
    name = f"{stem_of(session.name)}-hints{picture.suffix}"
    return _written(name, lambda path: write_labels(path, picture, labels))


def _all(session: "PictureSession", segments: Sequence[int]) -> Download:
    segmentation = _segmentation(session)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder)
        write_segmentation(target, segmentation)
        _draw(target / "figure.png", session, segmentation)
        _save_model(target / "model.json", session.full_result().segmentation)
        if session.known is not None:
            hints = _hints(session, ())
            (target / hints.name).write_bytes(hints.content)
        lines = lines_of(session)
        (target / "segment.sh").write_text(f"{lines['command']}\n", encoding="utf-8")
        (target / "segment.py").write_text(lines["python"], encoding="utf-8")
        return Download(f"{stem_of(session.name)}-segments.zip", _zipped(sorted(target.iterdir())))


def _draw(path: Path, session: "PictureSession", segmentation: "Segmentation") -> None:
    title = f"{session.name}: {segmentation.n_classes} segments"
    write_figure(path, overview(segmentation, title, _painted(session)))


def _painted(session: "PictureSession") -> Any:
    """Return the colors of the segments, where the user gave one."""
    colors = seed_colors(len(session.segments))
    for number, segment in enumerate(session.segments):
        if segment.color:
            colors[number] = np.frombuffer(bytes.fromhex(segment.color[1:]), dtype=np.uint8)
    return colors


def _save_model(path: Path, segmentation: "Segmentation") -> None:
    segmenter = segmentation.segmenter
    segmenter.save(path, feature_names=named_mixture(segmenter, segmentation.picture).feature_names)


def _from_folder(session: "PictureSession", begins: str, what: str) -> Download:
    """Return the files of `write_segmentation` whose names begin so: one file, or several in an archive."""
    with tempfile.TemporaryDirectory() as folder:
        write_segmentation(folder, _segmentation(session))
        found = sorted(path for path in Path(folder).iterdir() if path.name.startswith(begins))
        stem = stem_of(session.name)
        if len(found) == 1:
            suffix = found[0].name[found[0].name.index(".") :]
            return Download(f"{stem}-{what}{suffix}", found[0].read_bytes())
        return Download(f"{stem}-{what}.zip", _zipped(found))


def _zipped(paths: Sequence[Path]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for path in paths:
            archive.write(path, path.name)
    return target.getvalue()


def _written(name: str, write: Callable[[Path], None]) -> Download:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        return Download(name, path.read_bytes())


_MAKERS: dict[str, Callable[["PictureSession", Sequence[int]], Download]] = {
    "labels": _labels,
    "cutout": _cut_out,
    "probabilities": _probabilities,
    "uncertainty": _uncertainty,
    "figure": _figure,
    "model": _model,
    "hints": _hints,
    "all": _all,
}
