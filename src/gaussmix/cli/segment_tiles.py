"""Segmentation of a picture that may be larger than the memory, for ``gaussmix segment``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.console import RenderableType

from gaussmix.cli.console import notes
from gaussmix.cli.outputs import check_output_folder
from gaussmix.cli.picture_input import PictureInput
from gaussmix.cli.segment_files import FIGURE, MODEL, Settings
from gaussmix.cli.segment_options import options_of_wholes
from gaussmix.cli.summary import segments_summary
from gaussmix.core.output_files import complete_folder
from gaussmix.core.progress import progress_bar
from gaussmix.core.text import Entry, entry_grid, printable
from gaussmix.core.warning_values import collected_warnings
from gaussmix.imaging import named_mixture
from gaussmix.imaging.files.band_files import can_be_windowed, label_suffix, open_windows
from gaussmix.imaging.files.damage import UnreadableError
from gaussmix.imaging.images.picture import Picture
from gaussmix.imaging.tile_plan import TilePlan
from gaussmix.plots import contact_sheet, write_figure

if TYPE_CHECKING:
    from gaussmix.imaging import FileSegmentation

TILED_ABOVE = 1_000_000_000
"""Size in bytes of the decoded pixels above which a picture is segmented tile by tile."""


_READING = ("volume", "channels", "nodata", "alpha", "level")


def is_for_tiles(context: typer.Context, given: Sequence[PictureInput], tiles: bool | None) -> bool:
    """Return whether a picture is to be segmented tile by tile.

    Parameters
    ----------
    context : typer.Context
        The options that were given.
    given : sequence of PictureInput
        The pictures.
    tiles : bool or None
        Whether that was asked for; None: if it is one large picture, and no option needs the whole.

    Raises
    ------
    ValueError
        If it was asked for, but there are several files, or options that need the whole picture.
    """
    of_wholes = options_of_wholes(context)
    if tiles and len(given) > 1:
        raise ValueError(f"--tiles is for one file; got {len(given)}: segment them one by one, or omit it")
    if tiles and of_wholes:
        raise ValueError(f"{of_wholes[0]} needs the whole picture in memory: omit it, or --tiles")
    return tiles or (tiles is None and len(given) == 1 and not of_wholes and _is_large(given[0]))


def _is_large(given: PictureInput) -> bool:
    """Return whether a picture is larger than `TILED_ABOVE`, and can be read in parts."""
    if not can_be_windowed(given.path):
        return False
    with collected_warnings():  # they are given when the picture is segmented
        try:
            with open_windows(given.path, given.reading) as picture:
                return picture.n_bytes > TILED_ABOVE
        except UnreadableError:
            return False


def segment_tiles(given: PictureInput, settings: Settings) -> list[RenderableType]:
    """Segment a file tile by tile, write the labels, and return the parts of the text to print."""
    from gaussmix.imaging import GaussianMixtureSegmenter, label_file, segment_file

    with open_windows(given.path, given.reading) as picture:
        layout = picture.layout
        n_bands = TilePlan.of(layout.shape, picture.blocks, 0).n_bands
    kept, labels = settings.kept, f"labels{label_suffix(layout)}"
    models = [MODEL] if kept is None else []
    check_output_folder(settings.output, [labels, FIGURE, *models], given.path)
    n_steps = n_bands + (kept is None)
    with (
        progress_bar("Fitting" if kept is None else "Labeling", n_steps, console=notes()) as update,
        complete_folder(settings.output) as partial,
    ):
        common: dict[str, Any] = {name: getattr(given.reading, name) for name in _READING}
        common["background"] = settings.background
        common["callback"] = lambda n_done, n_all: update("Labeling")
        if kept is None:
            segmenter = GaussianMixtureSegmenter(**settings.segmenter)
            result = segment_file(given.path, partial / labels, segmenter, **common)
            segmenter.save(partial / MODEL, feature_names=named_mixture(segmenter, layout).feature_names)
        else:
            result = label_file(given.path, partial / labels, kept, **common)
        write_figure(partial / FIGURE, _figure(given, result))
    entries = [
        Entry("pixels", f"{result.n_visible:,} of {result.n_pixels:,}, tile by tile"),
        Entry("smoothing", f"{result.segmenter.smoothing_:.3g}"),
        Entry("written", f"{settings.output}: {', '.join([FIGURE, *models, labels])}"),
    ]
    return [segments_summary(result.thumbnail), entry_grid(entries)]


def _figure(given: PictureInput, result: "FileSegmentation") -> Any:
    [view] = result.thumbnail.views(1)
    title = f"{printable(given.path.name)}: {len(result.counts)} segments"
    subtitle = f"Segments in their mean colors, {_described(result.thumbnail.picture)}"
    return contact_sheet([""], [view.picture], [view.segments], [view.aspect], title=title, subtitle=subtitle)


def _described(picture: Picture) -> str:
    return f"thinned to {picture.shape[1]} x {picture.shape[0]} pixels"
