"""Histograms of the channels of a picture with the densities of its classes."""

from typing import Any

import numpy as np

from gaussmix.imaging.segmentation import Segmentation, named_mixture
from gaussmix.plots.histogram import HistogramDisplay, histogram_of

MOST_CHANNELS = 8
"""Greatest number of channels shown."""

_MOST_PIXELS = 1 << 16
_STEP = 4  # between the points of a curve that are sent


def channel_histograms(segmentation: Segmentation) -> list[dict[str, Any]]:
    """Return the histogram of each channel, at most `MOST_CHANNELS`.

    Parameters
    ----------
    segmentation : Segmentation
        A segmentation; its channels are those of the segmenter's color space.

    Returns
    -------
    list of dict
        Name, range, edges and heights of the bars, and for each class the points of its density.
    """
    mixture = named_mixture(segmentation.segmenter, segmentation.picture)
    rows = segmentation.features(_MOST_PIXELS)
    per_class = mixture.n_components // segmentation.segmenter.n_components_
    found = []
    for feature in range(min(rows.shape[1], MOST_CHANNELS)):
        display = histogram_of(mixture, rows, feature)
        densities = display.densities.copy()
        densities[display.spikes] = 0.0
        grouped = densities.reshape(-1, per_class, densities.shape[1]).sum(axis=1)[:, ::_STEP]
        found.append(
            {
                "name": display.name,
                "view": [float(end) for end in display.view],
                "edges": display.edges.tolist(),
                "heights": display.heights.tolist(),
                "grid": display.grid[::_STEP].tolist(),
                "densities": np.round(grouped, 8).tolist(),
                "spikes": _spikes(display, per_class),
            }
        )
    return found


def _spikes(display: HistogramDisplay, per_class: int) -> list[dict[str, Any]]:
    """Return class and position of components that are too narrow for a curve."""
    means = display.mixture.means[:, 0]
    return [{"class": int(number) // per_class, "at": float(means[number])} for number in display.spikes]
