"""What a comparison of ways to segment an image found: a table and a figure."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, IntArray, Rows

_NOTES = """\
distance: root mean square, of pixels to the mean color of their class
log-likelihood: nats per pixel; of ways, with a Gaussian for each class
labels that change: against the first seed; in order: with classes sorted by brightness"""


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare` found: ``str`` is a table, `figure` a picture. Classes are ordered by brightness.

    Attributes
    ----------
    n_pixels : int
        That count.
    sample : (n, channels) array
        Those from which the numbers are.
    n_colors : int
        Different ones among them.
    mixture : Mixture
        The default fit with the first seed.
    gray_mixture : Mixture or None
        The same of the gray image; None where the image is gray, or has fewer gray levels than classes.
    ways : tuple of str
        To classes: the mixture, k-means, and both of the gray image.
    distances : (w,) array
        Root of the mean squared distance of a pixel to the mean color of its class, in units of the channels.
    log_likelihoods : (w,) array
        Nats per pixel under the mixture in which every class has its own share, mean and covariance.
    agreements : (w,) array
        Adjusted Rand index with the labels of the first way: 1 for the same classes, 0 for no more than chance.
    starts : tuple of str
        Of EM: three methods of scikit-learn, and the default search.
    passes : (m, s) array of int
        Of EM over the sample, for each seed; of the search those of all its runs.
    start_log_likelihoods : (m, s) array
        Of the mixture in nats per pixel.
    changed, changed_in_order : (m, s - 1) arrays
        Share of pixels whose label differs from that with the first seed, with the numbers that the fit gave and with
        classes ordered by brightness.
    n_warned : (m,) array of int
        Fits that warned: components without sense, or no convergence.
    uncertain : float
        Share of pixels whose best class has a probability below 0.9.
    entropy : float
        Mean of the pixels' entropy of the class, in bits.
    hard_distance, soft_distance : float
        Root of the mean squared distance of a pixel to the mean of its class, and to its expected color.
    pictures : tuple of (str, array of uint8)
        What the figure shows: the image, its classes each way in their mean colors, its expected colors, its entropy;
        with opacity in the last channel. Of a volume, the slice in the middle.
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
        return "\n\n".join([self._about(), self._ways_table(), self._starts_table(), self._soft_table(), _NOTES])

    def figure(self, title: str | None = None) -> Any:
        """Pictures of the classes each way, histograms with component densities, and what starts lead to.

        Parameters
        ----------
        title : str, optional
            What stands above; by default the question that is asked.

        Returns
        -------
        matplotlib.figure.Figure
            ``figure.savefig(path)`` writes it.

        Raises
        ------
        MissingDependencyError
            Without matplotlib.
        """
        from gaussmix.imaging.images.colors import to_color_space
        from gaussmix.plots.comparison_figure import comparison_figure

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
            title=title or f"{self.mixture.n_components} classes of pixels: what difference does it make?",
        )

    def _about(self) -> str:
        n_sampled, n_seeds = len(self.sample), self.passes.shape[1]
        drawn = "" if n_sampled == self.n_pixels else f", the numbers from {n_sampled:,} drawn at random"
        return (
            f"{self.mixture.n_components} classes of {self.n_pixels:,} pixels{drawn} "
            f"({self.n_colors:,} different values), {n_seeds} seeds"
        )

    def _ways_table(self) -> str:
        lines = [["Ways to classes", "distance", "log-likelihood", "agreement with the first"]]
        found = zip(self.ways, self.distances, self.log_likelihoods, self.agreements, strict=True)
        lines += [
            [name, f"{distance:.4g}", f"{value:.4f}", f"{agreement:.3f}"] for name, distance, value, agreement in found
        ]
        return _aligned(lines)

    def _starts_table(self) -> str:
        lines = [
            ["Starts", "passes", "most", "log-likelihood", "worst", "best", "labels that change", "in order", "warned"]
        ]
        for method, name in enumerate(self.starts):
            passes, values = self.passes[method], self.start_log_likelihoods[method]
            lines.append(
                [name, f"{passes.mean():.1f}", str(passes.max())]
                + [f"{value:.4f}" for value in (values.mean(), values.min(), values.max())]
                + [f"{100 * shares[method].mean():.1f} %" for shares in (self.changed, self.changed_in_order)]
                + [f"{self.n_warned[method]} of {passes.size}"]
            )
        return _aligned(lines)

    def _soft_table(self) -> str:
        most = np.log2(self.mixture.n_components)
        return _aligned(
            [
                ["Hard and soft", ""],
                ["best class below 0.9", f"{100 * self.uncertain:.1f} % of pixels"],
                ["mean entropy", f"{self.entropy:.3f} of {most:.3f} bits"],
                ["distance to the mean of the best class", f"{self.hard_distance:.4g}"],
                ["distance to the expected color", f"{self.soft_distance:.4g}"],
            ]
        )


def _aligned(lines: list[list[str]]) -> str:
    """Columns of text: the first starts at the left, the others end at the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
