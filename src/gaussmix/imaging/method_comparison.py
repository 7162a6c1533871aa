"""`compare`: the same image segmented in several ways and from several starts."""

import warnings
from typing import Any

import numpy as np
from scipy.special import entr
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.utils import check_random_state
from sklearn.utils.random import sample_without_replacement

from gaussmix.core.covariance import covariance_class
from gaussmix.core.mixture import Mixture
from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import BoolArray, FloatArray, IntArray, Rows
from gaussmix.estimators import GaussianMixture
from gaussmix.estimators.parameter_checks import require_integer
from gaussmix.fitting.em import Progress
from gaussmix.fitting.initialization import Membership, mixture_from_membership
from gaussmix.fitting.kmeans import nearest
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.imaging.comparison_result import Comparison
from gaussmix.imaging.images.class_order import class_order
from gaussmix.imaging.images.colors import to_color_space
from gaussmix.imaging.images.pixels import MOST_CLASSES, Pixels, as_pixels
from gaussmix.imaging.segmenter import GaussianMixtureSegmenter

MOST_SAMPLED = 20_000
"""Pixels from which the numbers are; of more, so many are drawn."""

_SHOWN_PIXELS = 640  # on the longer side of a picture in the figure
_SEARCH = "search (default)"
_STARTS = {"random": "random responsibilities", "random_from_data": "random pixels", "kmeans": "k-means"}
_PLAIN: dict[str, Any] = {"tol": 1e-3, "reg_covar": 1e-6, "max_iter": 1000, "n_init": 1, "acceleration": "none"}


def compare(
    image: Any, n_components: int = 3, *, mask: Any = None, n_seeds: int = 10, random_state: Any = None
) -> Comparison:
    """Segment an image in several ways, without neighbors, to see what difference the choices make.

    Color against gray, k-means against the mixture, random starts against k-means starts, hard labels against
    probabilities. Fits are of the different colors with counts; of more than 20,000 pixels, so many are drawn at
    random. Starts are compared as scikit-learn runs them: its ``tol`` and ``reg_covar``, no acceleration.

    Parameters
    ----------
    image : array-like
        Gray or RGB, two or three axes of pixels; a fourth channel of uint8 is opacity.
    n_components : int, default=3
        Classes, at least 2.
    mask : array-like, optional
        Nonzero where pixels count.
    n_seeds : int, default=10
        For each kind of start, at least 2.
    random_state : int, RandomState instance or None, default=None
        Where pixels and seeds are drawn from.

    Returns
    -------
    Comparison
        ``print`` shows a table, its ``figure()`` the pictures.

    Raises
    ------
    ValueError
        Names the argument, what was found and the remedy.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_image
    >>> from gaussmix.imaging import compare
    >>> found = compare(load_sample_image("china.jpg"), 3, n_seeds=2, random_state=0)
    >>> found.ways
    ('mixture of colors', 'k-means of colors', 'mixture of gray', 'k-means of gray')
    >>> figure = found.figure()
    """
    require_integer("n_components", n_components, 2)
    require_integer("n_seeds", n_seeds, 2)
    if n_components > MOST_CLASSES:
        raise ValueError(f"n_components must be at most {MOST_CLASSES}; got {n_components}")
    pixels = as_pixels(image, mask, channel_axis="auto", stack=False, colors=True)
    if pixels.n_channels not in (1, 3):
        raise ValueError(f"image must be gray or RGB; got {pixels.n_channels} channels: compare them one by one")
    random = check_random_state(random_state)
    sample = pixels.rows
    if len(sample) > MOST_SAMPLED:
        sample = sample[sample_without_replacement(len(sample), MOST_SAMPLED, random_state=random)]
    colors, places, counts = np.unique(sample, axis=0, return_inverse=True, return_counts=True)
    if len(colors) < n_components:
        raise ValueError(
            f"image has {len(colors)} different values among {len(sample):,} pixels; {n_components} classes need at "
            "least as many: use a smaller n_components"
        )
    weights = counts.astype(np.float64)
    table = WeightedRows(colors, weights)
    seeds = [int(seed) for seed in random.randint(2**31 - 1, size=n_seeds)]
    runs = {name: _Runs(table, n_components, method, seeds) for method, name in _STARTS.items()}
    runs[_SEARCH] = _Runs(table, n_components, None, seeds)
    mixture = runs[_SEARCH].mixtures[0]
    mixture = mixture.reordered(runs[_SEARCH].orders[0])

    gray_mixture = None
    what = "gray" if pixels.n_channels == 1 else "colors"
    ways: dict[str, tuple[str, Mixture | FloatArray]] = {
        f"mixture of {what}": ("rgb", mixture),
        f"k-means of {what}": ("rgb", _centers(table, n_components, seeds[0])),
    }
    if pixels.n_channels == 3:
        grays, gray_places = np.unique(to_color_space(colors, "gray"), axis=0, return_inverse=True)
        if len(grays) >= n_components:
            gray_weights = np.bincount(gray_places.reshape(-1), weights=weights).astype(np.float64)
            segmenter = GaussianMixtureSegmenter(
                n_components, color_space="gray", smoothing=0, channel_axis=-1, random_state=seeds[0]
            )
            gray_mixture = segmenter.fit(sample[None]).mixture_
            ways["mixture of gray"] = ("gray", gray_mixture)
            ways["k-means of gray"] = ("gray", _centers(WeightedRows(grays, gray_weights), n_components, seeds[0]))

    labels = [_labels(way, colors) for way in ways.values()]
    partitions = [_partition(table, each, n_components) for each in labels]
    first = labels[0][places.reshape(-1)]
    responsibilities = mixture.responsibilities(colors)
    shown = _Shown(pixels, sample)
    certain = mixture.responsibilities(shown.rows)
    doubt = _bits(certain) * (255 / np.log2(n_components))
    classes = [
        (name, shown.opaque(partition.means[_labels(way, shown.rows)]))
        for (name, way), partition in zip(ways.items(), partitions, strict=True)
    ]
    pictures = [
        ("the image", shown.opaque(shown.values)),
        classes[0],
        ("its expected colors", shown.opaque(certain @ mixture.means)),
        ("entropy: black is most", shown.plain(255 - doubt)),
        *classes[1:],
    ]
    if gray_mixture is not None:
        pictures.append(("the image in gray", shown.opaque(to_color_space(shown.values, "gray"))))
    return Comparison(
        n_pixels=pixels.n_visible,
        sample=sample,
        n_colors=len(colors),
        mixture=mixture,
        gray_mixture=gray_mixture,
        ways=tuple(ways),
        distances=np.array([_distance(table, part.means[each]) for part, each in zip(partitions, labels, strict=True)]),
        log_likelihoods=np.array([weights @ part.log_density(colors) / weights.sum() for part in partitions]),
        agreements=np.array([adjusted_rand_score(first, each[places.reshape(-1)]) for each in labels]),
        starts=tuple(runs),
        passes=np.array([run.passes for run in runs.values()]),
        start_log_likelihoods=np.array([run.log_likelihoods for run in runs.values()]),
        changed=np.array([run.changed(in_order=False) for run in runs.values()]),
        changed_in_order=np.array([run.changed(in_order=True) for run in runs.values()]),
        n_warned=np.array([run.n_warned for run in runs.values()]),
        uncertain=float(weights @ (responsibilities.max(axis=1) < 0.9) / weights.sum()),
        entropy=float(weights @ _bits(responsibilities) / weights.sum()),
        hard_distance=_distance(table, mixture.means[labels[0]]),
        soft_distance=_distance(table, responsibilities @ mixture.means),
        pictures=tuple(pictures),
    )


class _Runs:
    """Fits of the same rows from several seeds; a method of None is the default search."""

    def __init__(self, rows: WeightedRows, n_components: int, method: str | None, seeds: list[int]) -> None:
        self.rows = rows
        self.mixtures: list[Mixture] = []
        self.orders: list[IntArray] = []
        self.passes: list[int] = []
        self.log_likelihoods: list[float] = []
        self.n_warned = 0
        settings = {} if method is None else {"init_params": method, **_PLAIN}
        for seed in seeds:
            steps: list[Progress] = []
            estimator = GaussianMixture(n_components, random_state=seed, callback=steps.append, **settings)
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                estimator.fit(rows.values, sample_weight=rows.weights)
            self.mixtures.append(estimator.mixture_)
            self.orders.append(class_order(estimator.mixture_, "brightness", "rgb", rows.n_features))
            self.passes.append(sum(step.n_iter > 0 for step in steps))
            self.log_likelihoods.append(estimator.lower_bound_)
            self.n_warned += bool(caught)

    def changed(self, *, in_order: bool) -> list[float]:
        """For each seed but the first, the share of rows whose label is not that of the first."""
        labels = [
            (mixture.reordered(order) if in_order else mixture).labels(self.rows.values)
            for mixture, order in zip(self.mixtures, self.orders, strict=True)
        ]
        weights = self.rows.explicit_weights
        return [float(weights @ (each != labels[0]) / self.rows.total) for each in labels[1:]]


class _Shown:
    """An image as in a figure: of a volume the slice in the middle, of many pixels every second, third, ..."""

    def __init__(self, pixels: Pixels, sample: Rows) -> None:
        where: tuple[slice | int, ...] = (pixels.shape[0] // 2,) if len(pixels.shape) == 3 else ()
        step = max(1, -(-max(pixels.shape[-2:]) // _SHOWN_PIXELS))
        where += (slice(None, None, step),) * 2
        self.values = pixels.values[where]
        self.visible: BoolArray | None = None if pixels.visible is None else pixels.visible[where]
        if self.visible is not None:
            self.values = np.where(self.visible[..., None], self.values, sample[0])
        self.rows = np.ascontiguousarray(self.values.reshape(-1, pixels.n_channels))
        self.black, self.white = (0.0, 255.0)
        if sample.dtype != np.uint8:
            self.black, self.white = np.percentile(sample, (0.1, 99.9))

    def opaque(self, values: Rows) -> Rows:
        """(height, width, 4) values in units of the image, as they are shown."""
        scaled = (values.astype(np.float64) - self.black) * (255 / max(self.white - self.black, 1e-300))
        return self.plain(np.broadcast_to(scaled.reshape(len(self.rows), -1), (len(self.rows), 3)))

    def plain(self, values: Rows) -> Rows:
        """(height, width, 4) values from 0 to 255; what is beyond is shown as black or white."""
        colors = np.clip(np.rint(values.reshape(len(self.rows), -1)), 0, 255).astype(np.uint8)
        shown = np.full((*self.values.shape[:2], 4), 255, dtype=np.uint8)
        shown[..., :3] = colors.reshape(*self.values.shape[:2], -1)
        if self.visible is not None:
            shown[..., 3] = 255 * self.visible
        return shown


def _centers(rows: WeightedRows, n_components: int, seed: int) -> FloatArray:
    """(k, d) the centers of scikit-learn's k-means, the darkest first."""
    values = rows.values.astype(np.float64)
    fitted = KMeans(n_components, n_init=4, random_state=seed).fit(values, sample_weight=rows.weights)
    centers = fitted.cluster_centers_
    spheres = Mixture.from_parameters(
        np.full(n_components, 1 / n_components), centers, np.ones(n_components), covariance_type="spherical"
    )
    return centers[class_order(spheres, "brightness", "rgb", rows.n_features)]


def _labels(way: tuple[str, Mixture | FloatArray], colors: Rows) -> IntArray:
    """(n,) the classes of colors, by a mixture or by the nearest center, in a color space."""
    color_space, classes = way
    rows = to_color_space(colors, color_space)
    return classes.labels(rows) if isinstance(classes, Mixture) else nearest(rows.astype(np.float64), classes)


def _partition(rows: WeightedRows, labels: IntArray, n_components: int) -> Mixture:
    """The mixture in which each class has its own share, mean and covariance, with scikit-learn's ridge."""
    membership = Membership(rows, n_components, labels=labels)
    return mixture_from_membership(membership, covariance_class("full"), MaximumLikelihood(ridge=_PLAIN["reg_covar"]))


def _distance(rows: WeightedRows, to: FloatArray) -> float:
    return float(np.sqrt(rows.explicit_weights @ ((rows.values - to) ** 2).sum(axis=1) / rows.total))


def _bits(probabilities: FloatArray) -> FloatArray:
    """(n,) entropy."""
    return entr(probabilities).sum(axis=1) / np.log(2)
