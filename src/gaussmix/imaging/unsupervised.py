"""Unsupervised segmentation by a mixture of colors and then a random field."""

from dataclasses import replace
from typing import Any

from gaussmix.core.typing import Rows
from gaussmix.estimators import GaussianMixture
from gaussmix.imaging.fit_warnings import fit_estimator
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.images.saturation import Saturation
from gaussmix.imaging.partial_volume.estimate import estimate_fractions
from gaussmix.imaging.random_field.classes import Classes
from gaussmix.imaging.random_field.grid import Grid
from gaussmix.imaging.random_field.labeling import Labeler
from gaussmix.imaging.random_field.mean_field import fit_mean_field
from gaussmix.imaging.random_field.neighborhood import Neighborhood
from gaussmix.imaging.random_field.smoothing import (
    COMPONENT_PIXELS,
    SMOOTHING_PIXELS,
    estimate_smoothing,
    k_means_classes,
)
from gaussmix.imaging.sampling import SampledImages
from gaussmix.imaging.segmentation_fit import SegmentationFit


def fit_unsupervised(
    sample: SampledImages,
    estimator: GaussianMixture,
    neighborhood: Neighborhood,
    smoothing: float | str,
    *,
    seed: int,
    contrast: float | None = None,
) -> SegmentationFit:
    """Fit a mixture to the colors of the pixels, and then a random field to the pixels.

    Parameters
    ----------
    sample : SampledImages
        Images without seeds.
    estimator : GaussianMixture
        Estimator to fit to the colors.
    neighborhood : Neighborhood
        Neighbors on the axes of one image.
    smoothing : "auto" or float
        Interaction strength of neighboring pixels; "auto" estimates it.
    seed : int
        Seed of the draws.
    contrast : float, optional
        The `contrast_scale`, if neighbors that differ in color get lower weights.

    Returns
    -------
    SegmentationFit
        Fit with the classes in the order of the mixture.

    Raises
    ------
    ValueError
        If there are fewer colors than components.
    """
    units = sample.fitting_units(estimator.covariance_type)
    sample = replace(sample, units=units, saturation=Saturation.of(sample.images))
    warnings = _fit_colors(sample, estimator)
    if smoothing == 0:
        fit = SegmentationFit(Classes(estimator.mixture_), 0.0, (), warnings, contrast)
    else:
        fit = _fit_neighbors(sample, estimator, neighborhood, smoothing, seed, contrast)
        fit = replace(fit, warnings=warnings + fit.warnings)
    return replace(fit, classes=Classes(units.lift(fit.classes.mixture)))


def _fit_neighbors(
    sample: SampledImages,
    estimator: GaussianMixture,
    neighborhood: Neighborhood,
    smoothing: float | str,
    seed: int,
    contrast: float | None,
) -> SegmentationFit:
    """Fit the classes of a fitted estimator to the pixels with their neighbors."""
    result = estimator.fit_result_
    columns, update, start = result.columns, result.update, Classes(result.reduced)

    def grids(max_pixels: int | None = None) -> list[Grid]:
        return [grid.reduced(columns) for grid in sample.grids(neighborhood, max_pixels, contrast)]

    if isinstance(smoothing, str):
        component_grids = grids(COMPONENT_PIXELS)
        n_pixels = sum(len(grid.rows) for grid in component_grids)
        smoothing_grids = component_grids if n_pixels <= SMOOTHING_PIXELS else grids(SMOOTHING_PIXELS)
        starts = (start, k_means_classes(smoothing_grids, start, update, seed))
        estimate = estimate_smoothing(smoothing_grids, component_grids, starts, update, seed)
        fit = SegmentationFit(estimate.classes, estimate.smoothing, contrast=contrast)
    else:
        found = fit_mean_field(grids(), start, float(smoothing), update)
        warnings = found.degenerate_classes()
        fit = SegmentationFit(found.classes, float(smoothing), found.free_energies, warnings, contrast)
    return fit if columns is None else replace(fit, classes=Classes(columns.lift(fit.classes.mixture)))


def estimate_bias_fields(sample: SampledImages, estimator: GaussianMixture, spacing: Any) -> list[Rows]:
    """Return the bias field (shape, channels) of each image, from a first mixture of all pixels.

    Parameters
    ----------
    sample : SampledImages
        The images.
    estimator : GaussianMixture
        Estimator to fit to the colors.
    spacing : sequence of float, optional
        Distance of neighboring pixels along the axes of an image.

    Returns
    -------
    list of arrays of float32
        Bias fields with geometric mean one over the visible pixels.
    """
    units = sample.fitting_units(estimator.covariance_type)
    _fit_colors(replace(sample, units=units), estimator)  # warnings are left to the later fit
    labeler = Labeler(sample.features, Classes(units.lift(estimator.mixture_)), None, 0.0)
    return [estimate_bias_field(pixels, labeler, spacing, stack=sample.stack) for pixels in sample.images]


def estimate_bias_field(pixels: Pixels, labeler: Labeler, spacing: Any, *, stack: bool) -> Rows:
    """Return the bias field (shape, channels) of an image, from pixel labels without neighbors."""
    labels = labeler.labels(pixels)
    n_classes = labeler.classes.n_classes
    estimate = estimate_fractions(pixels, labels, n_classes, spacing, stack=stack, bias_field=True)
    assert estimate.bias_field is not None
    return estimate.bias_field


def _fit_colors(sample: SampledImages, estimator: GaussianMixture) -> tuple[Warning, ...]:
    """Fit a mixture to the colors of all pixels; return its warnings."""
    sample.require_colors(estimator.n_components)
    estimator.set_params(reg_covar=sample.units.reg_covar, tol=sample.units.tol)
    return fit_estimator(estimator, sample.colors, sample.names)
