"""From images to classes: a mixture of colors, and what neighbors make of it."""

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gaussmix.core.errors import DegenerateComponentWarning, RidgeWarning
from gaussmix.core.typing import IntArray, Rows
from gaussmix.estimators import GaussianMixture
from gaussmix.imaging.images.features import Features
from gaussmix.imaging.images.pixels import UNLABELED, Pixels
from gaussmix.imaging.partial_volume.estimate import tissue_of, without_field
from gaussmix.imaging.random_field.classes import Classes
from gaussmix.imaging.random_field.grid import Grid
from gaussmix.imaging.random_field.labeling import Labeler
from gaussmix.imaging.random_field.mean_field import fit_field, troubles
from gaussmix.imaging.random_field.neighborhood import Neighborhood
from gaussmix.imaging.random_field.smoothing import COMPONENT_PIXELS, STRENGTH_PIXELS, clustered, estimate_field
from gaussmix.imaging.sampling import MOST_PIXELS, colors_of, lattices_of, n_colors


@dataclass(frozen=True, eq=False)
class Fitted:
    """Classes, and how they were found.

    Attributes
    ----------
    classes : Classes
    strength : float
        Of the neighbors.
    free_energies : tuple of float
        Where a given strength was fitted with, after each iteration.
    messages : tuple of warnings
        What to warn of; components are classes.
    """

    classes: Classes
    strength: float
    free_energies: tuple[float, ...]
    messages: tuple[Any, ...]

    def reordered(self, order: IntArray) -> "Fitted":
        """The same with the classes in another order."""
        rank = np.argsort(order)
        messages = tuple(
            DegenerateComponentWarning(sorted(rank[list(message.components)]), message.trouble, "Class")
            if isinstance(message, DegenerateComponentWarning)
            else message
            for message in self.messages
        )
        return replace(self, classes=self.classes.reordered(order), messages=messages)


def fit_classes(
    images: list[Pixels],
    features: Features,
    estimator: GaussianMixture,
    neighborhood: Neighborhood,
    smoothing: float | str,
    *,
    stack: bool,
    seed: int,
    contrast: float | None = None,
) -> Fitted:
    """Fit a mixture to the colors of the pixels, then to the pixels among their neighbors.

    Parameters
    ----------
    images : list of Pixels
    features : Features
    estimator : GaussianMixture
        Is fitted to the colors.
    neighborhood : Neighborhood
        Of one image.
    smoothing : "auto" or float
    stack : bool
        Whether the first axis numbers images.
    seed : int
        For draws.
    contrast : float, optional
        `contrast_scale` of the images, where neighbors that differ count less.

    Raises
    ------
    ValueError
        When there are fewer colors than components.
    """
    messages = _fit_colors(images, features, estimator)
    if smoothing == 0:
        return Fitted(Classes(estimator.mixture_), 0.0, (), messages)
    energies: tuple[float, ...] = ()
    narrowed, update = estimator._data_range, estimator._update  # columns that tell nothing new stay out

    def lattices(most: int) -> list[Grid]:
        found = lattices_of(images, features, neighborhood, stack=stack, seed=0, most=most, contrast=contrast)
        if narrowed is None:
            return found
        return [replace(lattice, rows=narrowed.reduce(lattice.rows)) for lattice in found]

    start = Classes(estimator.mixture_ if narrowed is None else estimator._reduced)
    if isinstance(smoothing, str):
        many = lattices(COMPONENT_PIXELS)
        few = many if sum(len(lattice.rows) for lattice in many) <= STRENGTH_PIXELS else lattices(STRENGTH_PIXELS)
        estimate = estimate_field(few, many, (start, clustered(few, start, update, seed)), update, seed)
        classes, strength = estimate.classes, estimate.strength
    else:
        fit = fit_field(lattices(MOST_PIXELS), start, float(smoothing), update)
        classes, strength, energies = fit.classes, float(smoothing), fit.free_energies
        messages += tuple(troubles(fit))
    if narrowed is not None:
        classes = Classes(narrowed.lift(classes.mixture))
    return Fitted(classes, strength, energies, messages)


def _fit_colors(images: list[Pixels], features: Features, estimator: GaussianMixture) -> tuple[Any, ...]:
    """Fit a mixture to the colors of all pixels; what it warns of."""
    rows = colors_of(images, features)
    require_colors(rows.values, estimator.n_components)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(rows.values, sample_weight=rows.weights)
    # a class of one color is one
    return tuple(warning.message for warning in caught if not issubclass(warning.category, RidgeWarning))


def require_colors(rows: Rows, n_classes: int) -> None:
    """ValueError when there are fewer colors than classes, or one only."""
    found = n_colors(rows)
    if found == 1:
        raise ValueError("image has one color only: there is nothing to tell apart")
    if found < n_classes:
        raise ValueError(f"image has {found} different colors; n_components={n_classes} classes need at least as many")


def fields_of(
    images: list[Pixels], features: Features, estimator: GaussianMixture, spacing: Any, *, stack: bool
) -> list[Rows]:
    """For each image the smooth field (shape, channels) that multiplies it, from a first mixture of all pixels.

    Parameters
    ----------
    images : list of Pixels
    features : Features
    estimator : GaussianMixture
        Is fitted to the colors.
    spacing : sequence of float or None
    stack : bool
    """
    _fit_colors(images, features, estimator)  # the mixture that is fitted without the fields has its own warnings
    labeler = Labeler(features, Classes(estimator.mixture_), None, 0.0)
    return [field_of(pixels, labeler, spacing, stack=stack) for pixels in images]


def field_of(pixels: Pixels, labeler: Labeler, spacing: Any, *, stack: bool) -> Rows:
    """(shape, channels) the smooth field of an image, from the labels of its pixels, each alone."""
    labels = labeler.labels(pixels, elsewhere=UNLABELED)
    tissue = tissue_of(pixels, labels, labeler.classes.n_classes, spacing, stack=stack, bias_field=True)
    assert tissue.field is not None
    return tissue.field


def without_fields(images: list[Pixels], fields: list[Rows]) -> list[Pixels]:
    """Each image divided by its field."""
    return [without_field(pixels, field) for pixels, field in zip(images, fields, strict=True)]
