"""Segmentation of one or several files for ``gaussmix segment``."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from gaussmix.cli.console import notes
from gaussmix.cli.outputs import check_output_folder
from gaussmix.cli.picture_input import PictureInput
from gaussmix.cli.summary import files_summary, print_apart, segments_summary
from gaussmix.core.errors import MissingDependencyError
from gaussmix.core.mixture import Mixture
from gaussmix.core.output_files import complete_folder
from gaussmix.core.progress import progress_bar
from gaussmix.core.text import Entry, counted, entry_grid, printable
from gaussmix.core.typing import FloatArray, IntArray, Rows
from gaussmix.core.warning_values import collected_warnings
from gaussmix.imaging import (
    Picture,
    Segmentation,
    View,
    fit_pictures,
    named_mixture,
    segment_picture,
    segmentation_files,
    write_segmentation,
)
from gaussmix.imaging.images.inputs import MAX_CLASSES
from gaussmix.imaging.overview import has_histograms, is_flat, overview, views_of
from gaussmix.plots import contact_sheet, write_figure

if TYPE_CHECKING:
    from gaussmix.imaging import GaussianMixtureSegmenter

UNREADABLE = (ValueError, OSError, MemoryError, FloatingPointError, MissingDependencyError)
"""Errors of a file for which it is left out; the other files are segmented."""

MODEL, FIGURE = "model.json", "figure.png"
"""Names of output files."""

_SHEET = "contact-sheet.png"
_MOST_FITTED = 1 << 30  # greatest size in bytes of the pictures that one model is fitted to
_PER_CLASS = 5  # components of a class of colors with seeds, as in GrabCut (Rother, Kolmogorov, Blake 2004)
_MOST = 0.5  # share of the pixels that must be like some class of a kept model
_FEW = 8  # files up to which the contact sheet shows several pages or slices of each
_STEPS = 3  # of the work on a file: fitting, labeling, writing
_SHOWN_PIXELS = 900  # along the longer side of a picture on a contact sheet


@dataclass(frozen=True)
class Settings:
    """Options of ``gaussmix segment``.

    Attributes
    ----------
    output : Path
        Folder of the results.
    segmenter : dict
        Parameters of `GaussianMixtureSegmenter`.
    each : bool
        Whether each file has its own model.
    maps, fractions : bool
        Which optional files to write.
    background : int
        Label of ignored pixels, 255 or 0.
    model : Path or None
        Model file of the segmenter to use instead of fitting one.
    """

    output: Path
    segmenter: dict[str, Any]
    each: bool
    maps: bool
    fractions: bool
    background: int
    model: Path | None = None

    @cached_property
    def kept(self) -> "GaussianMixtureSegmenter | None":
        """Segmenter of the model file; None if one is to be fitted."""
        from gaussmix.imaging import GaussianMixtureSegmenter

        return None if self.model is None else GaussianMixtureSegmenter.load(self.model)

    def new_segmenter(self, picture: Picture, labeled: bool) -> "GaussianMixtureSegmenter":
        """Return a segmenter for pictures of one kind, with or without seeds."""
        from gaussmix.imaging import GaussianMixtureSegmenter

        in_color = picture.pixels.shape[-1] == 3
        per_class = {"components_per_class": _PER_CLASS} if labeled and in_color else {}
        return GaussianMixtureSegmenter(**(per_class | self.segmenter))

    def write(self, folder: Path, segmentation: Segmentation) -> None:
        """Write the files of a segmentation to a folder."""
        write_segmentation(folder, segmentation, maps=self.maps, fractions=self.fractions, background=self.background)


@dataclass(frozen=True)
class _Done:
    """Results of a file: its row of the table and its pictures on the contact sheet."""

    name: str
    model: Mixture
    shares: FloatArray
    colors: Rows
    views: list[View]
    painted: Rows | None = None


def segment_one(given: PictureInput, settings: Settings) -> list[RenderableType]:
    """Segment a file, write the results, and return the parts of the text to print."""
    kept, picture = settings.kept, given.read()
    names = segmentation_files(picture, MAX_CLASSES, maps=settings.maps, fractions=settings.fractions)
    models = [MODEL] if kept is None else []
    check_output_folder(settings.output, [*names, *models, FIGURE, _SHEET], *_inputs(given))
    with progress_bar("Fitting" if kept is None else "Reading", _STEPS, console=notes()) as update:
        segmentation = _fitted(given, picture, settings)
        update("Labeling")
        painted = given.painted_colors(picture, segmentation.known)
        summary = segments_summary(segmentation, fractions=settings.fractions, painted=painted)
        segmenter = segmentation.segmenter
        entries = [Entry("pixels", f"{picture.n_visible:,}"), _smoothing(segmenter)]
        update("Writing")
        try:
            with complete_folder(settings.output) as partial:
                settings.write(partial, segmentation)
                if kept is None:
                    _save_model(partial / MODEL, segmenter, picture)
                drawn = _draw(partial, given, segmentation, painted)
                written = sorted(path.name for path in partial.iterdir())
        except OSError:  # the fit is done: it is shown even if it cannot be written
            print_apart(summary, entry_grid(entries))
            raise
    _warn_of_older(settings.output, written)
    entries.append(Entry("written", f"{settings.output}: {', '.join([drawn, *models])}, {_shortened(written, drawn)}"))
    return [summary, entry_grid(entries)]


def segment_several(given: Sequence[PictureInput], settings: Settings) -> tuple[list[RenderableType], list[str]]:
    """Segment files one by one; return the parts of the text to print, and the errors of files that failed."""
    shared = settings.kept
    check_output_folder(settings.output, [MODEL, _SHEET] if shared is None else [_SHEET])
    for item in given:
        check_output_folder(settings.output, [item.name], *_inputs(item))
    wrong: dict[str, str] = {}
    done: list[_Done] = []
    fits_one = shared is None and not settings.each
    with progress_bar("Fitting" if shared is None else "Labeling", len(given), console=notes()) as update:
        if fits_one:
            shared, fitted = _fit_shared(given, settings, wrong)
        settings.output.mkdir(exist_ok=True)
        for item in given:
            update(item.name[:30], 0)
            if str(item.path) not in wrong:
                try:
                    done.append(_segment_into(settings.output / item.name, item, settings, shared, len(given)))
                except UNREADABLE as error:
                    wrong[str(item.path)] = str(error)
            update()
    if not done:
        raise ValueError(f"None of the {len(given)} files could be segmented: {next(iter(wrong.values()))}")
    table = files_summary([item.name for item in done], [item.shares for item in done], [item.colors for item in done])
    try:
        with complete_folder(settings.output) as partial:
            if fits_one and shared is not None:
                shared.save(partial / MODEL, feature_names=done[0].model.feature_names)
            subtitle = f"{len(done)} files, {'one model for each' if settings.each else 'one model'}"
            write_figure(partial / _SHEET, _sheet(done, "Segments in their mean colors", subtitle))
    except OSError:
        print_apart(table)
        raise
    entries = [Entry("files", f"{len(done):,}")]
    if fits_one:
        entries.append(Entry("fitted to", fitted))
    if shared is not None:
        entries.append(_smoothing(shared))
    entries += _painted(done)
    what = [*(["a model"] if settings.each else []), "labels", *(["maps"] if settings.maps else [])]
    what += ["fractions"] if settings.fractions else []
    common = f"{_SHEET}, {MODEL}" if fits_one else _SHEET
    entries.append(Entry("written", f"{settings.output}: {common}; for each file a folder with {', '.join(what)}"))
    return [table, entry_grid(entries)], list(wrong.values())


def _fit_shared(
    given: Sequence[PictureInput], settings: Settings, wrong: dict[str, str]
) -> tuple["GaussianMixtureSegmenter", str]:
    """Fit one model to all readable files, or to evenly spaced ones that fit in memory; return it and the files used.

    All files with annotations are used.
    """
    pictures: list[Picture] = []
    known: list[IntArray | None] = []
    paths: list[Path] = []
    step = 1
    for number, item in enumerate(given):
        if number % step and item.labels is None:
            continue
        try:
            picture = item.read()
            labels = item.read_seeds(picture)
        except UNREADABLE as error:
            wrong[str(item.path)] = str(error)
            continue
        if pictures and _kind(picture) != _kind(pictures[0]):
            raise ValueError(
                f"{item.path} has {_describe(picture)}, {paths[0]} {_describe(pictures[0])}; one model needs pictures "
                "of one kind: segment them separately, or use --each"
            )
        if not pictures:
            step = max(1, -(-len(given) * picture.pixels.nbytes // _MOST_FITTED))
        pictures.append(picture)
        known.append(labels)
        paths.append(item.path)
    if not pictures:
        raise ValueError(f"None of the {len(given)} files could be read: {next(iter(wrong.values()))}")
    labeled = any(labels is not None for labels in known)
    segmenter = fit_pictures(pictures, settings.new_segmenter(pictures[0], labeled), known)
    return segmenter, counted(len(pictures), "file") if step > 1 else "all files"


def _segment_into(
    folder: Path, given: PictureInput, settings: Settings, shared: "GaussianMixtureSegmenter | None", n_files: int
) -> _Done:
    picture = given.read()
    segmentation = _fitted(given, picture, settings) if shared is None else _labeled(given, picture, shared)
    if settings.kept is not None:
        _warn_of_unlike(given, segmentation)
    model = named_mixture(segmentation.segmenter, picture)
    with complete_folder(folder) as partial:
        try:
            settings.write(partial, segmentation)
        except ValueError as error:
            raise ValueError(f"{given.path}: {error}") from None
        if shared is None:
            _save_model(partial / MODEL, segmentation.segmenter, picture)
    painted = given.painted_colors(picture, segmentation.known)
    views = [_small(view) for view in views_of(segmentation, painted, 3 if n_files <= _FEW else 1)]
    return _Done(given.name, model, segmentation.shares, segmentation.colors, views, painted)


def _fitted(given: PictureInput, picture: Picture, settings: Settings) -> Segmentation:
    """Segment a picture with its own model, or with the kept one; errors and warnings name the file."""
    if settings.kept is not None:
        segmentation = _labeled(given, picture, settings.kept)
        _warn_of_unlike(given, segmentation)
        return segmentation
    known = given.read_seeds(picture)
    with collected_warnings() as caught:
        try:
            segmentation = segment_picture(picture, settings.new_segmenter(picture, known is not None), known)
        except ValueError as error:
            raise ValueError(f"{given.path}: {error}") from None
    for warning in caught:
        warnings.warn(f"{given.path.name}: {warning}", stacklevel=2)
    return segmentation


def _labeled(given: PictureInput, picture: Picture, segmenter: "GaussianMixtureSegmenter") -> Segmentation:
    """Segment a picture with a fitted segmenter; errors name the file."""
    segmentation = Segmentation.of(picture, segmenter, given.read_seeds(picture))
    try:
        _ = segmentation.labels  # computed here, where an error can name the file
    except ValueError as error:
        raise ValueError(f"{given.path}: {error}") from None
    return segmentation


def _warn_of_unlike(given: PictureInput, segmentation: Segmentation) -> None:
    """Warn if most pixels are far from all classes of a kept model."""
    share = segmentation.far_share
    if share > _MOST:
        warnings.warn(
            f"{given.path.name}: {100 * share:.0f} % of the pixels are far from every class of the model: are the "
            "values in the unit of the pictures that it was fitted to?",
            stacklevel=2,
        )


def _save_model(path: Path, segmenter: "GaussianMixtureSegmenter", picture: Picture) -> None:
    segmenter.save(path, feature_names=named_mixture(segmenter, picture).feature_names)


def _inputs(given: PictureInput) -> list[Path]:
    return [path for path in (given.path, given.mask, given.labels) if path is not None]


def _draw(folder: Path, given: PictureInput, segmentation: Segmentation, painted: Rows | None) -> str:
    """Draw a figure of a flat picture, or a contact sheet of pages or slices, and return its name."""
    whole = is_flat(segmentation) and (segmentation.known is not None or has_histograms(segmentation))
    name = FIGURE if whole else _SHEET
    title = f"{printable(given.path.name)}: {segmentation.n_classes} segments"
    write_figure(folder / name, overview(segmentation, title, painted))
    return name


def _sheet(done: Sequence[_Done], title: str, subtitle: str) -> Any:
    named = [
        (view.caption if len(done) == 1 else f"{printable(item.name)} {view.caption}".strip(), view)
        for item in done
        for view in item.views
    ]
    names, views = [name for name, _ in named], [view for _, view in named]
    return contact_sheet(
        names,
        [view.picture for view in views],
        [view.segments for view in views],
        [view.aspect for view in views],
        title=title,
        subtitle=subtitle,
    )


def _small(view: View) -> View:
    step = -(-max(view.picture.shape[:2]) // _SHOWN_PIXELS)
    return replace(view, picture=view.picture[::step, ::step].copy(), segments=view.segments[::step, ::step].copy())


def _painted(done: Sequence[_Done]) -> list[Entry]:
    """Return a line with the painted color of each class, if all annotated files have the same."""
    palettes = {
        tuple(f"{number} #{bytes(color).hex()}" for number, color in enumerate(item.painted))
        for item in done
        if item.painted is not None
    }
    return [Entry("painted", ", ".join(*palettes))] if len(palettes) == 1 else []


def _smoothing(segmenter: "GaussianMixtureSegmenter") -> Entry:
    return Entry("smoothing", f"{segmenter.smoothing_:.3g}")


def _kind(picture: Picture) -> tuple[int, int, bool]:
    return picture.n_axes, picture.pixels.shape[-1], picture.stacked


def _describe(picture: Picture) -> str:
    stacked, channels = " in a stack" if picture.stacked else "", counted(picture.pixels.shape[-1], "channel")
    return f"{picture.n_axes} axes{stacked} and {channels}"


def _shortened(names: Sequence[str], drawn: str) -> str:
    """Return the names of files on one line, with numbered files as one."""
    kinds = dict.fromkeys(_unnumbered(name) for name in names if name not in (drawn, MODEL))
    return ", ".join(kinds)


def _unnumbered(name: str) -> str:
    stem, dot, suffix = name.partition(".")
    head, dash, number = stem.rpartition("-")
    return f"{head}-*{dot}{suffix}" if dash and number.isdigit() else name


def _warn_of_older(folder: Path, names: Sequence[str]) -> None:
    """Warn about numbered files of an earlier run with more segments, which are not deleted."""
    kinds = {_unnumbered(name) for name in names}
    older = sorted(path.name for path in folder.iterdir() if path.name not in names and _unnumbered(path.name) in kinds)
    if older:
        warnings.warn(f"{folder} still has files of an earlier run: {', '.join(older)}", stacklevel=2)
