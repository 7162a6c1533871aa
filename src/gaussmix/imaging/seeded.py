"""Seeded segmentation: the classes of some pixels (seeds) are given."""

from dataclasses import replace

import numpy as np

from gaussmix.core.rows import WeightedRows
from gaussmix.core.typing import Random
from gaussmix.estimators import GaussianMixture
from gaussmix.imaging.fit_warnings import fit_estimator
from gaussmix.imaging.random_field.annealing import anneal, grid_pyramid
from gaussmix.imaging.random_field.mean_field import MeanFieldFit
from gaussmix.imaging.random_field.neighborhood import Neighborhood
from gaussmix.imaging.random_field.seed_classes import initial_classes
from gaussmix.imaging.sampling import SampledImages
from gaussmix.imaging.segmentation_fit import SegmentationFit

DEFAULT_SMOOTHING = 15.0
"""Default smoothing. It is large because neighboring pixels of a photograph are dependent given their class."""

_ROUNDS = 3  # rounds of annealing and an M-step


def fit_seeded(
    sample: SampledImages,
    estimator: GaussianMixture,
    neighborhood: Neighborhood,
    *,
    per_class: int,
    smoothing: float,
    contrast: bool,
    rng: Random,
) -> SegmentationFit:
    """Fit classes to pixels and seeds by alternating annealed random fields and M-steps.

    Parameters
    ----------
    sample : SampledImages
        Images with seeds.
    estimator : GaussianMixture
        Estimator with one component for each class. A single component is fitted to all pixels as the outlier density.
    neighborhood : Neighborhood
        Neighbors on the axes of a whole image or stack.
    per_class : int
        Number of components of each class.
    smoothing : float
        Interaction strength of neighboring pixels.
    contrast : bool
        Whether neighbors that differ in color get lower weights.
    rng : numpy RandomState or Generator
        Generator for the initial classes.

    Returns
    -------
    SegmentationFit
        Fit with the classes numbered like the seeds.

    Raises
    ------
    ValueError
        If all pixels have the same color.
    """
    n_classes = estimator.n_components
    units = sample.fitting_units(estimator.covariance_type)
    grids = replace(sample, units=units).seeded_grids(neighborhood, contrast=contrast)
    rows = np.concatenate([grid.rows for grid in grids])
    if (rows == rows[0]).all():
        raise ValueError("image has only one color: there are no classes to distinguish")
    warnings = fit_estimator(
        estimator.set_params(n_components=1, reg_covar=units.reg_covar), WeightedRows(rows), sample.names
    )
    result = estimator.fit_result_
    whole, outliers, columns, update = result.mixture, result.reduced, result.columns, result.update
    if columns is not None:
        rows = columns.reduce(rows)
        grids = [grid.reduced(columns) for grid in grids]
    seeds = np.concatenate([grid.row_seeds() for grid in grids])
    classes = initial_classes(rows, seeds, n_classes, per_class, outliers, update, rng)
    pyramids = [grid_pyramid(grid) for grid in grids]
    energies, step = [], None
    for _ in range(_ROUNDS):
        moments, energy = None, update.log_prior(classes.mixture)
        for grid, levels in zip(grids, pyramids, strict=True):
            field = anneal(grid, levels, classes, smoothing)
            energy += field.free_energy(smoothing)
            for part, probabilities in grid.probabilities(field):
                more = classes.moments(part, classes.scores(part), probabilities)
                moments = more if moments is None else moments + more
        energies.append(energy)
        assert moments is not None
        step = update.maximize(classes.mixture, moments)
        classes = replace(classes, mixture=step.mixture).with_weights(classes.weights)
    if columns is not None:
        classes = replace(classes, mixture=columns.lift(classes.mixture), outliers=whole)
    assert classes.outliers is not None
    classes = replace(classes, mixture=units.lift(classes.mixture), outliers=units.lift(classes.outliers))
    fit = MeanFieldFit(classes, tuple(energies), step)
    return SegmentationFit(classes, smoothing, fit.free_energies, warnings + fit.degenerate_classes(), seeded=True)
