"""How many classes an image has: a criterion that knows that neighboring pixels repeat each other."""

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.fft
from scipy.special import entr

from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.estimators import GaussianMixture
from gaussmix.imaging.images.features import Features
from gaussmix.imaging.images.pixels import Pixels

FEWEST, MOST = 2, 8
"""Numbers of classes that are tried."""

_GRID = 1 << 18  # of each image no more pixels: every second, third, ... along all axes
_SAMPLE = 5_000  # pixels that the mixtures are fitted to
_STARTS = 4
_SHARE = 0.5  # means vary with longer waves than variances; from the Berkeley benchmark's validation photographs


def number_of_classes(
    images: Sequence[Pixels], features: Features, *, covariance_type: str = "full", random_state: Any = None
) -> int:
    """The number of components, from 2 to 8, with the greatest integrated completed likelihood.

    That is ``2 m (l - h) - p log m`` for a mean log-likelihood l, a mean entropy of the responsibilities h, p
    parameters and m pixels. Neighboring pixels are alike, so m is not their number: it is half of the
    `independent_pixels` of what the mixture with the most components leaves unexplained. Colors are blurred by their
    rounding, so that no density is infinite.

    Parameters
    ----------
    images : sequence of Pixels
    features : Features
    covariance_type : str
    random_state : int, RandomState instance or None

    References
    ----------
    Biernacki, Celeux and Govaert, Assessing a mixture model for clustering with the integrated completed likelihood,
    IEEE Transactions on Pattern Analysis and Machine Intelligence 22 (2000), 719-725. Lebreton, Burnham, Clobert and
    Anderson, Modeling survival and testing biological hypotheses using marked animals, Ecological Monographs 62 (1992),
    67-118: a likelihood divided by its overdispersion, which is taken from the richest model.
    """
    rng = np.random.default_rng(0)
    grids = [_blurred(_thinned(pixels), rng) for pixels in images]
    rows = [features.rows(grid) for grid in grids]
    sample = np.concatenate(rows).astype(np.float64)
    if len(sample) > _SAMPLE:
        sample = sample[rng.choice(len(sample), _SAMPLE, replace=False)]
    most = min(MOST, len(sample) // (2 * sample.shape[1] + 2))
    if most <= FEWEST:
        return FEWEST
    mixtures = [_fitted(sample, k, covariance_type, random_state) for k in range(FEWEST, most + 1)]
    m = _SHARE * sum(_independent(grid, its, mixtures[-1]) for grid, its in zip(grids, rows, strict=True))
    penalty = max(2.0, math.log(m))  # Akaike's, where there is next to nothing
    values = [2 * m * _completed(mixture, sample) - mixture.n_parameters * penalty for mixture in mixtures]
    return FEWEST + int(np.argmax(values))


def independent_pixels(image: FloatArray) -> float:
    """As many independent pixels would tell as much of a variance as those of an image.

    With correlation ``r(v)`` of pixels a vector v apart that is ``n / (sum over v of r(v)^2)``.

    Parameters
    ----------
    image : array
        Zero on average, and where a pixel does not count; n is the number of all others.

    Returns
    -------
    float
        From 1 to n.

    References
    ----------
    Bartlett, On the theoretical specification and sampling properties of autocorrelated time-series, Supplement to the
    Journal of the Royal Statistical Society 8 (1946), 27-41: the variance of a variance. The squares of estimated
    correlations add up to twice those of true ones, because the square of a periodogram is on average twice that of the
    spectrum.

    Examples
    --------
    >>> import numpy as np
    >>> noise = np.random.default_rng(0).normal(size=(64, 64))
    >>> round(independent_pixels(noise) / 64**2, 1)
    1.0
    >>> round(independent_pixels(noise.repeat(2, axis=0).repeat(2, axis=1)) / 64**2, 1)
    1.8
    """
    n = np.count_nonzero(image)
    padded = [scipy.fft.next_fast_len(2 * length - 1) for length in image.shape]
    power = np.abs(scipy.fft.fftn(image, padded)) ** 2
    total = power.sum()
    if total == 0:
        return 1.0
    area = power.size * float((power / total * power / total).sum()) / 2
    return float(np.clip(n / max(area, 1.0), 1.0, None))


def _thinned(pixels: Pixels) -> Pixels:
    """Every pixel of a small image, every second one along each axis of a larger one, and so on."""
    n = math.prod(pixels.shape)
    step = math.ceil((n / _GRID) ** (1 / sum(length > 1 for length in pixels.shape))) if n > _GRID else 1
    return pixels.part(tuple(slice(None, None, step) for _ in pixels.shape))


def _blurred(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Floats from 0 to 1 where there were integers, each anywhere in its rounding; others moved by a hundredth."""
    values = pixels.values
    if values.dtype.kind == "u":
        blurred = (values + rng.uniform(-0.5, 0.5, values.shape)) / np.iinfo(values.dtype).max
    else:
        blurred = values + 0.01 * pixels.rows.std(axis=0) * rng.uniform(-0.5, 0.5, values.shape)
    return Pixels(blurred, pixels.visible)


def _fitted(sample: FloatArray, k: int, covariance_type: str, random_state: Any) -> Mixture:
    estimator = GaussianMixture(k, covariance_type=covariance_type, n_init=_STARTS, random_state=random_state)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(sample).mixture_


def _completed(mixture: Mixture, sample: FloatArray) -> float:
    """Mean log-likelihood, less the mean entropy of the responsibilities."""
    shares = mixture.responsibilities(sample)
    return float((mixture.log_density(sample) - entr(shares).sum(axis=1)).mean())


def _independent(pixels: Pixels, rows: Rows, mixture: Mixture) -> float:
    """Independent pixels in what a mixture leaves of the colors; the color that has the fewest decides."""
    n_places = len(pixels.shape) if rows.shape[1] > pixels.n_channels else 0
    colors = rows[:, : rows.shape[1] - n_places]
    shares = mixture.responsibilities(rows)
    left = np.zeros(colors.shape)
    for k, covariance in enumerate(mixture.marginal(range(colors.shape[1])).covariance.dense()):
        root = np.linalg.cholesky(covariance)
        left += shares[:, k, None] * np.linalg.solve(root, (colors - mixture.means[k, : colors.shape[1]]).T).T
    left -= left.mean(axis=0)
    return min(independent_pixels(pixels.placed(column, 0.0)) for column in left.T)
