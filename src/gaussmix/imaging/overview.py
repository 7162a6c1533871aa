"""Figure of a segmentation: a flat picture with its segments, or a sheet of pages or slices."""

from typing import Any

from gaussmix.core.typing import Rows
from gaussmix.imaging.seed_display import seed_colors, seeded_views
from gaussmix.imaging.segmentation import Segmentation, View
from gaussmix.plots import contact_sheet, seeded_figure, segmentation_figure
from gaussmix.plots.seeded_figures import MOST_CUT_OUTS

_MOST_PLANES = 6


def overview(segmentation: Segmentation, title: str, painted: Rows | None = None) -> Any:
    """Draw a flat picture with its segments, or a sheet of pages or slices.

    Parameters
    ----------
    segmentation : Segmentation
        The segmentation to draw.
    title : str
        Title of the figure.
    painted : (m, 3) array of uint8, optional
        Colors in which the first m classes were painted, for a segmentation with known pixels.

    Returns
    -------
    matplotlib.figure.Figure
        Figure for `write_figure`.
    """
    picture = segmentation.picture
    if is_flat(segmentation) and segmentation.known is not None:
        return _seeded(segmentation, painted, title)
    if has_histograms(segmentation):
        return segmentation_figure(
            picture.shown(),
            segmentation.recolored(),
            segmentation.maps,
            segmentation.mixture,
            segmentation.features(),
            segmentation.colors,
            title=title,
        )
    views = views_of(segmentation, painted, 1 if is_flat(segmentation) else _MOST_PLANES)
    return contact_sheet(
        [view.caption for view in views],
        [view.picture for view in views],
        [view.segments for view in views],
        [view.aspect for view in views],
        title=title,
        subtitle="Segments in their mean colors" if segmentation.known is None else "Known pixels, and the classes",
    )


def is_flat(segmentation: Segmentation) -> bool:
    """Return whether the picture is one plane."""
    return segmentation.picture.n_axes == 2 and not segmentation.picture.stacked


def has_histograms(segmentation: Segmentation) -> bool:
    """Return whether the figure of a segmentation without known pixels has histograms of the channels."""
    mixture = segmentation.segmenter.mixture_
    is_small = mixture.n_features <= 3 and mixture.n_components == segmentation.n_classes
    return is_flat(segmentation) and is_small


def views_of(segmentation: Segmentation, painted: Rows | None, most: int) -> list[View]:
    """Return planes with their segments, or with known pixels and the classes that grew from them."""
    if segmentation.known is None:
        return segmentation.views(most)
    return seeded_views(segmentation, seed_colors(segmentation.n_classes, painted), most)


def _seeded(segmentation: Segmentation, painted: Rows | None, title: str) -> Any:
    [view] = views_of(segmentation, painted, 1)
    numbers = range(segmentation.n_classes)
    cut_outs = [segmentation.cut_out(number) for number in numbers[:MOST_CUT_OUTS]]
    names = [f"Segment {number}, {100 * segmentation.shares[number]:.0f} %" for number in numbers]
    return seeded_figure(view.picture, view.segments, cut_outs, names, title=title)
