"""Result of a comparison of segmentation methods, as tables and as a figure."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.text import align_columns
from gaussmix.core.typing import FloatArray, IntArray, Rows
from gaussmix.imaging.images.colors import to_color_space

_NOTES = """\
distance: root mean squared distance of a pixel to the mean color of its class
log-likelihood: nats per pixel; for methods, of the mixture of one Gaussian for each class
labels that change: relative to the first seed; in order: with classes sorted by brightness
warned: fits with collapsed, empty or spurious components, or without convergence"""

_INCOMPARABLE = """\
? higher is not better here: fits are warned, and a component that collapsed on one color, such as black, raises the
  log-likelihood by an amount that only its least variance limits, which is not the same for all starts"""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Result of `compare`, with classes ordered by brightness. ``str`` returns its tables.

    Attributes
    ----------
    n_pixels : int
        Number of visible pixels.
    sample : (n, channels) array
        Pixels from which the numbers are computed.
    n_colors : int
        Number of distinct colors in the sample.
    mixture : Mixture
        The default fit with the first seed.
    gray_mixture : Mixture or None
        The default fit of the gray image; None if the image is gray or has fewer gray levels than classes.
    ways : tuple of str
        Names of the methods: mixture and k-means, of the colors and of the gray image.
    distances : (w,) array
        Root mean squared distance of a pixel to the mean color of its class, in units of the channels.
    log_likelihoods : (w,) array
        Log-likelihood, in nats per pixel, of the mixture of one Gaussian for each class.
    agreements : (w,) array
        Adjusted Rand index with the labels of the first method: 1 for the same classes, 0 for chance.
    starts : tuple of str
        Names of the starts of EM: three of scikit-learn, and the default search.
    passes : (m, s) array of int
        Number of EM passes over the sample for each seed, summed over all runs of the search.
    start_log_likelihoods : (m, s) array
        Log-likelihood of the mixture for each seed, in nats per pixel.
    changed, changed_in_order : (m, s - 1) arrays
        Share of pixels whose label differs from that of the first seed: with classes in the order of the fit, and
        with classes ordered by brightness.
    n_warned : (m,) array of int
        Number of fits with a warning of degenerate components or of no convergence.
    uncertain : float
        Share of pixels whose most probable class has a probability below 0.9.
    entropy : float
        Mean entropy of the classes of a pixel, in bits.
    hard_distance, soft_distance : float
        Root mean squared distance of a pixel to the mean of its class, and to its expected color.
    pictures : tuple of (str, array of uint8)
        Panels of the figure with their names: the image, the classes of each method in their mean colors, the expected
        colors, the entropy; with opacity in the last channel. For a volume, the middle slice.
    """

    n_pixels: int
    sample: Rows
    n_colors: int
    mixture: Mixture
    gray_mixture: Mixture | None
    ways: tuple[str, ...]
    distances: FloatArray
    log_likelihoods: FloatArray
    agreements: FloatArray
    starts: tuple[str, ...]
    passes: IntArray
    start_log_likelihoods: FloatArray
    changed: FloatArray
    changed_in_order: FloatArray
    n_warned: IntArray
    uncertain: float
    entropy: float
    hard_distance: float
    soft_distance: float
    pictures: tuple[tuple[str, Rows], ...]

    def __str__(self) -> str:
        notes = f"{_NOTES}\n{_INCOMPARABLE}" if self.n_warned.any() else _NOTES
        return "\n\n".join([self._heading(), self._ways_table(), self._starts_table(), self._soft_table(), notes])

    @underflow_to_zero
    def figure(self, title: str | None = None) -> Any:
        """Draw the classes of each method, histograms with component densities, and the fits of each start.

        Parameters
        ----------
        title : str, optional
            Title of the figure.

        Returns
        -------
        matplotlib.figure.Figure
            Write it with ``figure.savefig(path)``.

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        from gaussmix.plots.comparison_figures import comparison_figure

        histograms = [(self.mixture, self.sample)]
        if self.gray_mixture is not None:
            histograms.append((self.gray_mixture, to_color_space(self.sample, "gray")))
        return comparison_figure(
            self.pictures,
            histograms,
            self.starts,
            self.start_log_likelihoods,
            self.passes,
            self.changed,
            self.changed_in_order,
            title=title or f"{self.mixture.n_components} classes of pixels, by method and by start",
        )

    def _heading(self) -> str:
        n_sampled, n_seeds = len(self.sample), self.passes.shape[1]
        drawn = "" if n_sampled == self.n_pixels else f", {n_sampled:,} of them drawn at random for the numbers"
        return (
            f"{self.mixture.n_components} classes of {self.n_pixels:,} pixels{drawn} "
            f"({self.n_colors:,} different values), {n_seeds} seeds"
        )

    def _ways_table(self) -> str:
        lines = [["Methods", "distance", "log-likelihood", "agreement with the first"]]
        found = zip(self.ways, self.distances, self.log_likelihoods, self.agreements, strict=True)
        lines += [
            [name, f"{distance:.4g}", f"{value:.4f}", f"{agreement:.3f}"] for name, distance, value, agreement in found
        ]
        return align_columns(lines)

    def _starts_table(self) -> str:
        lines = [
            ["Starts", "passes", "most", "log-likelihood", "worst", "best", "labels that change", "in order", "warned"]
        ]
        mark = "?" if self.n_warned.any() else ""
        for method, name in enumerate(self.starts):
            passes, values = self.passes[method], self.start_log_likelihoods[method]
            lines.append(
                [name, f"{passes.mean():.1f}", str(passes.max())]
                + [f"{value:.4f}{mark}" for value in (values.mean(), values.min(), values.max())]
                + [f"{100 * shares[method].mean():.1f} %" for shares in (self.changed, self.changed_in_order)]
                + [f"{self.n_warned[method]} of {passes.size}"]
            )
        return align_columns(lines)

    def _soft_table(self) -> str:
        most = np.log2(self.mixture.n_components)
        return align_columns(
            [
                ["Hard and soft", ""],
                ["best class below 0.9", f"{100 * self.uncertain:.1f} % of pixels"],
                ["mean entropy", f"{self.entropy:.3f} of {most:.3f} bits"],
                ["distance to the mean of the best class", f"{self.hard_distance:.4g}"],
                ["distance to the expected color", f"{self.soft_distance:.4g}"],
            ]
        )
