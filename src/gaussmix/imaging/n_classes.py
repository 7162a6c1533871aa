"""Choice of the number of classes by a criterion that allows for the correlation of neighboring pixels."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.fft
from scipy.special import entr

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import FloatArray, Rows
from gaussmix.core.warning_values import collected_warnings
from gaussmix.estimators import GaussianMixture
from gaussmix.imaging.images.features import Features
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.images.saturation import Saturation

FEWEST, MOST = 2, 8
"""Smallest and greatest number of classes compared."""

GRID_PIXELS = 1 << 18
"""Greatest number of pixels used of an image: larger ones are thinned to every second, third, ... along all axes."""

SAMPLE_PIXELS = 5_000
"""Number of pixels to which the mixtures are fitted."""

N_STARTS = 4
"""Number of starts of each mixture."""

# means are correlated over longer distances than variances; chosen on Berkeley's validation photographs
_MEAN_SHARE = 0.5


@underflow_to_zero
def estimate_n_classes(
    images: Sequence[Pixels], features: Features, *, covariance_type: str = "full", random_state: Any = None
) -> int:
    """Return the number of components, from 2 to 8, with the greatest integrated completed likelihood.

    The criterion is ``2 m (l - h) - p log m``, with l the mean log-likelihood, h the mean entropy of the
    responsibilities, p the number of parameters and m the number of pixels. Neighboring pixels are correlated, so m is
    half the number of `independent_pixels` in the residuals of the mixture with the most components. Noise of the width
    of their rounding is added to the colors, so that all densities are finite. Saturated values are moved beyond the
    end of the range.

    Parameters
    ----------
    images : sequence of Pixels
        Images of one kind.
    features : Features
        Features of a pixel.
    covariance_type : str
        Structure of the covariances.
    random_state : int, RandomState instance or None
        Seed or generator for the starts of the mixtures.

    Returns
    -------
    int
        Number of components; 2 if there are too few pixels for more.

    References
    ----------
    Biernacki, Celeux and Govaert, Assessing a mixture model for clustering with the integrated completed likelihood,
    IEEE Transactions on Pattern Analysis and Machine Intelligence 22 (2000), 719-725. Lebreton, Burnham, Clobert and
    Anderson, Modeling survival and testing biological hypotheses using marked animals, Ecological Monographs 62 (1992),
    67-118: a likelihood divided by its overdispersion, which is estimated from the model with the most parameters.
    """
    rng = np.random.default_rng(0)
    saturation = Saturation.of(images)
    grids = [_blurred(_thinned(pixels), saturation, rng) for pixels in images]
    features = replace(features, is_bounded=False)  # noise and tails are outside
    rows = [features.rows(grid) for grid in grids]
    sample = np.concatenate(rows).astype(np.float64)
    if len(sample) > SAMPLE_PIXELS:
        sample = sample[rng.choice(len(sample), SAMPLE_PIXELS, replace=False)]
    most = min(MOST, len(sample) // (2 * sample.shape[1] + 2))
    if most <= FEWEST:
        return FEWEST
    mixtures = [_fit_mixture(sample, k, covariance_type, random_state) for k in range(FEWEST, most + 1)]
    m = _MEAN_SHARE * sum(
        _independent_residuals(grid, its, mixtures[-1]) for grid, its in zip(grids, rows, strict=True)
    )
    penalty = max(2.0, math.log(m))  # 2 as in AIC, for very few pixels
    values = [
        2 * m * _mean_completed_likelihood(mixture, sample) - mixture.n_parameters * penalty for mixture in mixtures
    ]
    return FEWEST + int(np.argmax(values))


@underflow_to_zero
def independent_pixels(image: FloatArray) -> float:
    """Return the number of independent pixels that determine a variance as precisely as an image does.

    If ``r(v)`` is the correlation of two pixels a vector v apart, it is ``n / (sum over v of r(v)^2)``.

    Parameters
    ----------
    image : array
        Values of mean zero, with 0 at excluded pixels; n is the number of all other pixels.

    Returns
    -------
    float
        Number from 1 to n.

    References
    ----------
    Bartlett, On the theoretical specification and sampling properties of autocorrelated time-series, Supplement to the
    Journal of the Royal Statistical Society 8 (1946), 27-41: the variance of a variance. The squares of estimated
    correlations add up to twice those of the true ones, because the mean square of a periodogram is twice the square of
    the spectrum.

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
    """Return every pixel of a small image, every second one along each axis of a larger one, and so on."""
    n = math.prod(pixels.shape)
    step = math.ceil((n / GRID_PIXELS) ** (1 / sum(length > 1 for length in pixels.shape))) if n > GRID_PIXELS else 1
    return pixels.part(tuple(slice(None, None, step) for _ in pixels.shape))


def _blurred(pixels: Pixels, saturation: Saturation | None, rng: np.random.Generator) -> Pixels:
    """Add uniform noise of the width of their rounding to the values; integers are scaled to the range 0 to 1.

    Floats get noise of a hundredth of their standard deviation.
    """
    values = pixels.values
    shape, is_whole = values.shape, values.dtype.kind == "u"
    noise = (1.0 if is_whole else 0.01 * pixels.rows.std(axis=0)) * rng.uniform(-0.5, 0.5, shape)
    scale = np.iinfo(values.dtype).max if is_whole else 1.0
    if saturation is not None:
        rows = values.reshape(-1, pixels.n_channels)
        values = saturation.extended(rows, rng.random(len(rows))).reshape(shape)
    return Pixels((values + noise) / scale, pixels.visible)


def _fit_mixture(sample: FloatArray, k: int, covariance_type: str, random_state: Any) -> Mixture:
    estimator = GaussianMixture(k, covariance_type=covariance_type, n_init=N_STARTS, random_state=random_state)
    with collected_warnings():
        return estimator.fit(sample).mixture_


def _mean_completed_likelihood(mixture: Mixture, sample: FloatArray) -> float:
    """Return the mean log-likelihood minus the mean entropy of the responsibilities."""
    shares = mixture.responsibilities(sample)
    return float((mixture.log_density(sample) - entr(shares).sum(axis=1)).mean())


def _independent_residuals(pixels: Pixels, rows: Rows, mixture: Mixture) -> float:
    """Return the number of independent pixels in the residuals of a mixture, the smallest over the channels."""
    n_coordinates = len(pixels.shape) if rows.shape[1] > pixels.n_channels else 0
    colors = rows[:, : rows.shape[1] - n_coordinates]
    shares = mixture.responsibilities(rows)
    residuals = np.zeros(colors.shape)
    for k, covariance in enumerate(mixture.marginal(range(colors.shape[1])).covariance.dense()):
        root = np.linalg.cholesky(covariance)
        residuals += shares[:, k, None] * np.linalg.solve(root, (colors - mixture.means[k, : colors.shape[1]]).T).T
    residuals -= residuals.mean(axis=0)
    return min(independent_pixels(pixels.placed(column, 0.0)) for column in residuals.T)
