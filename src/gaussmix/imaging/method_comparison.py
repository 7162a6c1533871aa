"""Comparison of several methods and starts on one image."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.utils import check_random_state
from sklearn.utils.random import sample_without_replacement

from gaussmix.core.covariance import covariance_class
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray, FloatArray, IntArray, Rows
from gaussmix.core.warning_values import collected_warnings
from gaussmix.estimators import GaussianMixture
from gaussmix.estimators.parameter_checks import require_integer
from gaussmix.fitting.em import Progress
from gaussmix.fitting.initialization import Membership, mixture_from_membership
from gaussmix.fitting.kmeans import nearest
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.imaging.comparison_panels import PanelPainter, entropy_in_bits
from gaussmix.imaging.comparison_result import Comparison
from gaussmix.imaging.images.class_order import class_order
from gaussmix.imaging.images.colors import to_color_space
from gaussmix.imaging.images.inputs import MAX_CLASSES, as_pixels
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.segmenter import GaussianMixtureSegmenter

SAMPLE_PIXELS = 20_000
"""Greatest number of pixels used; from larger images a sample is drawn."""

_SEARCH = "search (default)"
_STARTS = {"random": "random responsibilities", "random_from_data": "random pixels", "kmeans": "k-means"}
_SKLEARN_SETTINGS: dict[str, Any] = {
    "tol": 1e-3,
    "reg_covar": 1e-6,
    "max_iter": 1000,
    "n_init": 1,
    "acceleration": "none",
}


@underflow_to_zero
def compare(
    image: Any, n_components: int = 3, *, mask: Any = None, n_seeds: int = 10, random_state: Any = None
) -> Comparison:
    """Compare methods and starts of EM on the pixels of one image, without neighbors.

    Compared are color and gray, k-means and the mixture, random starts and k-means starts, and hard labels
    and probabilities. Models are fitted to the distinct colors with counts; of more than 20,000 pixels, a random sample
    of 20,000 is used. Starts are compared with the settings of scikit-learn: its ``tol`` and ``reg_covar``, without
    acceleration.

    Parameters
    ----------
    image : array-like
        Gray or RGB, two or three axes of pixels; a fourth channel of uint8 is opacity.
    n_components : int, default=3
        Number of classes, at least 2.
    mask : array-like, optional
        Array of the shape of the image: nonzero at pixels to use.
    n_seeds : int, default=10
        Number of seeds for each kind of start, at least 2.
    random_state : int, RandomState instance or None, default=None
        Seed or generator for the sample and the seeds of the fits.

    Returns
    -------
    Comparison
        Result to print, with a method ``figure()``.

    Raises
    ------
    ValueError
        If an argument is not valid.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_image
    >>> from gaussmix.imaging import compare
    >>> found = compare(load_sample_image("china.jpg"), 3, n_seeds=2, random_state=0)
    >>> found.ways
    ('mixture of colors', 'k-means of colors', 'mixture of gray', 'k-means of gray')
    >>> figure = found.figure()
    """
    pixels = _check_input(image, mask, n_components, n_seeds)
    random = check_random_state(random_state)
    sample = _ColorSample.draw(pixels, n_components, random)
    seeds = [int(seed) for seed in random.randint(2**31 - 1, size=n_seeds)]
    runs = {name: _Runs(sample, n_components, method, seeds) for method, name in _STARTS.items()}
    runs[_SEARCH] = _Runs(sample, n_components, None, seeds)
    mixture = runs[_SEARCH].mixtures[0].reordered(runs[_SEARCH].orders[0])
    methods, gray_mixture = _fit_methods(sample, mixture, n_components, seeds[0])
    labels = [method.labels(sample.colors.values) for method in methods.values()]
    partitions = [_fit_partition(sample, each, n_components) for each in labels]
    responsibilities = mixture.responsibilities(sample.colors.values)
    return Comparison(
        n_pixels=pixels.n_visible,
        sample=sample.rows,
        n_colors=sample.colors.n_rows,
        mixture=mixture,
        gray_mixture=gray_mixture,
        ways=tuple(methods),
        distances=np.array([sample.distance(part.means[each]) for part, each in zip(partitions, labels, strict=True)]),
        log_likelihoods=np.array([sample.mean(part.log_density(sample.colors.values)) for part in partitions]),
        agreements=np.array([adjusted_rand_score(labels[0][sample.inverse], each[sample.inverse]) for each in labels]),
        starts=tuple(runs),
        passes=np.array([run.passes for run in runs.values()]),
        start_log_likelihoods=np.array([run.log_likelihoods for run in runs.values()]),
        changed=np.array([run.changed_shares(in_order=False) for run in runs.values()]),
        changed_in_order=np.array([run.changed_shares(in_order=True) for run in runs.values()]),
        n_warned=np.array([run.n_warned for run in runs.values()]),
        uncertain=sample.mean(responsibilities.max(axis=1) < 0.9),
        entropy=sample.mean(entropy_in_bits(responsibilities)),
        hard_distance=sample.distance(mixture.means[labels[0]]),
        soft_distance=sample.distance(responsibilities @ mixture.means),
        pictures=_paint(PanelPainter.of(pixels, sample.rows), methods, partitions, mixture, gray_mixture),
    )


@dataclass(frozen=True, eq=False)
class _ColorSample:
    """Sampled pixels, and their distinct colors with counts; ``inverse`` is the color of each pixel."""

    rows: Rows
    colors: WeightedRows
    inverse: IntArray

    @classmethod
    def draw(cls, pixels: Pixels, n_components: int, random: np.random.RandomState) -> Self:
        """Return all visible pixels or a sample of them."""
        rows = pixels.rows
        if len(rows) > SAMPLE_PIXELS:
            rows = rows[sample_without_replacement(len(rows), SAMPLE_PIXELS, random_state=random)]
        colors, inverse, counts = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
        if len(colors) < n_components:
            raise ValueError(
                f"image has {len(colors)} different values among {len(rows):,} pixels; {n_components} classes need at "
                "least as many: use a smaller n_components"
            )
        return cls(rows, WeightedRows(colors, counts.astype(np.float64)), inverse.reshape(-1))

    def mean(self, values: FloatArray | BoolArray) -> float:
        """Return the mean over the pixels of values given for each color."""
        return float(self.colors.explicit_weights @ values / self.colors.total)

    def distance(self, to: FloatArray) -> float:
        """Return the root mean squared distance of the pixels to a point for each color."""
        return float(np.sqrt(self.mean(((self.colors.values - to) ** 2).sum(axis=1))))


class _Runs:
    """Fits of one sample from several seeds, with a start of scikit-learn or (None) the default search."""

    def __init__(self, sample: _ColorSample, n_components: int, method: str | None, seeds: list[int]) -> None:
        self._sample = sample
        self.mixtures: list[Mixture] = []
        self.orders: list[IntArray] = []
        self.passes: list[int] = []
        self.log_likelihoods: list[float] = []
        self.n_warned = 0
        settings = {} if method is None else {"init_params": method, **_SKLEARN_SETTINGS}
        for seed in seeds:
            steps: list[Progress] = []
            estimator = GaussianMixture(n_components, random_state=seed, callback=steps.append, **settings)
            with collected_warnings() as caught:
                estimator.fit(sample.colors.values, sample_weight=sample.colors.weights)
            self.mixtures.append(estimator.mixture_)
            self.orders.append(class_order(estimator.mixture_, "brightness", "rgb", sample.colors.n_features))
            self.passes.append(sum(step.n_iter > 0 for step in steps))
            self.log_likelihoods.append(estimator.lower_bound_)
            self.n_warned += bool(caught)

    def changed_shares(self, *, in_order: bool) -> list[float]:
        """Return the share of pixels with another label than for the first seed, for each later seed."""
        labels = [
            (mixture.reordered(order) if in_order else mixture).labels(self._sample.colors.values)
            for mixture, order in zip(self.mixtures, self.orders, strict=True)
        ]
        return [self._sample.mean(each != labels[0]) for each in labels[1:]]


@dataclass(frozen=True, eq=False)
class _Method:
    """Classifier of pixels in a color space: a mixture, or centers (k, d)."""

    color_space: str
    classes: Mixture | FloatArray

    def labels(self, colors: Rows) -> IntArray:
        """Return the class of each color, (n,): the most probable one, or that of the nearest center."""
        rows = to_color_space(colors, self.color_space)
        if isinstance(self.classes, Mixture):
            return self.classes.labels(rows)
        return nearest(rows.astype(np.float64), self.classes)


def _check_input(image: Any, mask: Any, n_components: int, n_seeds: int) -> Pixels:
    """Check all arguments and return the image."""
    require_integer("n_components", n_components, 2)
    require_integer("n_seeds", n_seeds, 2)
    if n_components > MAX_CLASSES:
        raise ValueError(f"n_components must be at most {MAX_CLASSES}; got {n_components}")
    pixels = as_pixels(image, mask, channel_axis="auto", stack=False)
    if pixels.n_channels not in (1, 3):
        raise ValueError(f"image must be gray or RGB; got {pixels.n_channels} channels: compare each channel alone")
    return pixels


def _fit_methods(
    sample: _ColorSample, mixture: Mixture, n_components: int, seed: int
) -> tuple[dict[str, _Method], Mixture | None]:
    """Return the methods by name, and the mixture of the gray image if it has enough gray levels."""
    n_channels = sample.colors.n_features
    what = "gray" if n_channels == 1 else "colors"
    methods = {
        f"mixture of {what}": _Method("rgb", mixture),
        f"k-means of {what}": _Method("rgb", _fit_centers(sample.colors, n_components, seed)),
    }
    if n_channels == 1:
        return methods, None
    grays, inverse = np.unique(to_color_space(sample.colors.values, "gray"), axis=0, return_inverse=True)
    if len(grays) < n_components:
        return methods, None
    counts = np.bincount(inverse.reshape(-1), weights=sample.colors.weights).astype(np.float64)
    segmenter = GaussianMixtureSegmenter(
        n_components, color_space="gray", smoothing=0, channel_axis=-1, random_state=seed
    )
    gray_mixture = segmenter.fit(sample.rows[None]).mixture_
    methods["mixture of gray"] = _Method("gray", gray_mixture)
    methods["k-means of gray"] = _Method("gray", _fit_centers(WeightedRows(grays, counts), n_components, seed))
    return methods, gray_mixture


def _fit_centers(rows: WeightedRows, n_components: int, seed: int) -> FloatArray:
    """Return the centers of scikit-learn's k-means, (k, d), in order of brightness."""
    values = rows.values.astype(np.float64)
    fitted = KMeans(n_components, n_init=4, random_state=seed).fit(values, sample_weight=rows.weights)
    centers = fitted.cluster_centers_
    spheres = Mixture.from_parameters(
        np.full(n_components, 1 / n_components), centers, np.ones(n_components), covariance_type="spherical"
    )
    return centers[class_order(spheres, "brightness", "rgb", rows.n_features)]


def _fit_partition(sample: _ColorSample, labels: IntArray, n_components: int) -> Mixture:
    """Return the mixture of one Gaussian for each class, with scikit-learn's ridge."""
    membership = Membership(sample.colors, n_components, labels=labels)
    update = MaximumLikelihood(ridge=_SKLEARN_SETTINGS["reg_covar"])
    return mixture_from_membership(membership, covariance_class("full"), update)


def _paint(
    painter: PanelPainter,
    methods: dict[str, _Method],
    partitions: list[Mixture],
    mixture: Mixture,
    gray_mixture: Mixture | None,
) -> tuple[tuple[str, Rows], ...]:
    """Return the panels of the figure with their names."""
    first, *others = [
        (name, painter.classes(method.labels(painter.rows), partition.means))
        for (name, method), partition in zip(methods.items(), partitions, strict=True)
    ]
    gray = [] if gray_mixture is None else [("the image in gray", painter.gray())]
    return (
        ("the image", painter.image()),
        first,
        ("expected colors of the mixture", painter.expected_colors(mixture)),
        ("entropy (black: highest)", painter.entropy(mixture)),
        *others,
        *gray,
    )
