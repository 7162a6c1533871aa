"""`GaussianMixtureSegmenter`: images in, classes of pixels out. No algorithm lives here."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from gaussmix.errors import DegenerateComponentWarning
from gaussmix.estimators import GaussianMixture
from gaussmix.estimators.checks import require_integer, require_nonnegative
from gaussmix.imaging.arrays import Pixels, as_pixels
from gaussmix.imaging.classes import Classes
from gaussmix.imaging.colors import COLOR_SPACES
from gaussmix.imaging.features import Features
from gaussmix.imaging.hidden_field import fit_field, troubles
from gaussmix.imaging.labeling import Labeler
from gaussmix.imaging.lattice import Lattice
from gaussmix.imaging.neighborhood import Neighborhood
from gaussmix.imaging.number import number_of_classes
from gaussmix.imaging.ordering import class_order
from gaussmix.imaging.sampling import colors_of, lattices_of, n_colors
from gaussmix.imaging.strength import COMPONENT_PIXELS, STRENGTH_PIXELS, clustered, estimate_field
from gaussmix.imaging.tissue import Tissue, tissue_of, without_field
from gaussmix.typing import Rows

UNLABELED = 255
"""The label of pixels that do not count."""

MOST_CLASSES = 255
"""A label is one byte, and `UNLABELED` takes one of the 256."""


class GaussianMixtureSegmenter(BaseEstimator):  # type: ignore[misc]
    """Segments images and volumes by a Gaussian mixture of their pixels' colors, and by their neighbors.

    An image is an array (height, width), (depth, height, width), or either with channels last; uint8, uint16 or any
    other numbers. A list or tuple is several images, to which one model is fitted. Pixels that a mask leaves out, that
    are transparent (a fourth channel of uint8) or NaN do not count, and have the label 255.

    Parameters
    ----------
    n_components : int or "auto", default=3
        Classes. "auto" chooses from 2 to 8 by a criterion that knows how alike neighboring pixels are.
    color_space : {"rgb", "gray", "lab"}, default="rgb"
        What three channels are turned into; "rgb" leaves them as they are, and so do other numbers of channels.
    position : float, default=0.0
        When not zero, a pixel's coordinates are features too, from 0 to this along the longer side of the image.
        Covariances adapt to the unit, so that its size matters for ``covariance_type="spherical"`` alone.
    smoothing : "auto" or float, default="auto"
        Strength of the neighbors: how much more probable a class is, in nats, for each neighbor that has it. "auto"
        estimates it from the images; 0 leaves neighbors out.
    n_neighbors : int, optional
        4 or 8 in two dimensions, 6, 18 or 26 in three; by default the fewest.
    spacing : sequence of float, optional
        Distance of neighboring pixels along each axis: farther ones count less.
    bias_field : bool, default=False
        Whether each image, each channel on its own, is multiplied by a smooth field (as in magnetic resonance): it is
        estimated along with the shares of `predict_fractions`, and divided out before anything else.
    order : "brightness", "weight", int or array-like, default="brightness"
        How classes are numbered: by the brightness of their means (luma of RGB, the mean of other channels), the
        brightest last; by weight, the heaviest first; by the means of a channel; or (k, channels) means that each class
        is matched to.
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
    channel_axis : int, None or "auto", default="auto"
        "auto" takes a last axis of at most four entries for channels.
    stack : bool, default=False
        Whether the first axis numbers images that are not neighbors.
    random_state : int, RandomState instance or None, default=None

    Attributes
    ----------
    mixture_ : Mixture
        One component for each class, in order; its features are those of ``color_space``. Where neighbors count, its
        weights are what a class has beside them.
    n_components_ : int
    smoothing_ : float
        The strength in use.
    bias_ : (shape) or (shape, channels) array of float32, or a list of them
        With ``bias_field=True``: the fields of the images of the fit, of geometric mean one.
    free_energies_ : tuple of float
        Where neighbors count, after each iteration; it never falls.

    References
    ----------
    Zhang, Brady and Smith, Segmentation of brain MR images through a hidden Markov random field model and the
    expectation-maximization algorithm, IEEE Transactions on Medical Imaging 20 (2001), 45-57.

    Examples
    --------
    >>> import numpy as np
    >>> from gaussmix.imaging import GaussianMixtureSegmenter
    >>> rng = np.random.default_rng(0)
    >>> truth = np.repeat([[0, 1], [1, 0]], 32, axis=0).repeat(32, axis=1)
    >>> image = truth + rng.normal(scale=0.4, size=truth.shape)
    >>> labels = GaussianMixtureSegmenter(2, random_state=0).fit_predict(image)
    >>> bool((labels == truth).mean() > 0.97)
    True
    """

    def __init__(
        self,
        n_components: int | str = 3,
        *,
        color_space: str = "rgb",
        position: float = 0.0,
        smoothing: float | str = "auto",
        n_neighbors: int | None = None,
        spacing: Sequence[float] | None = None,
        bias_field: bool = False,
        order: Any = "brightness",
        covariance_type: str = "full",
        channel_axis: int | str | None = "auto",
        stack: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_components = n_components
        self.color_space = color_space
        self.position = position
        self.smoothing = smoothing
        self.n_neighbors = n_neighbors
        self.spacing = spacing
        self.bias_field = bias_field
        self.order = order
        self.covariance_type = covariance_type
        self.channel_axis = channel_axis
        self.stack = stack
        self.random_state = random_state

    def fit(self, image: Any, mask: Any = None) -> Self:
        """Estimate the classes.

        Parameters
        ----------
        image : array-like, or a list or tuple of them
        mask : array-like, or a list or tuple of them, optional
            Of the shape of the image without channels: nonzero where pixels count.

        Returns
        -------
        GaussianMixtureSegmenter
            Itself.

        Raises
        ------
        ValueError
            Names the argument, what was found and the remedy.

        Warns
        -----
        ConvergenceWarning, DegenerateComponentWarning, DegenerateDataWarning
        """
        self._check_parameters()
        images = self._all_pixels(image, mask)
        features = Features(self.color_space, self.position)
        rows, row_weights = colors_of(images, features)
        found = n_colors(rows)
        if found == 1:
            raise ValueError("image has one color only: there is nothing to tell apart")
        n_classes = self._number_of_classes(images, features)
        if found < n_classes:
            raise ValueError(
                f"image has {found} different colors; n_components={n_classes} classes need at least as many"
            )
        estimator = GaussianMixture(n_classes, covariance_type=self.covariance_type, random_state=self.random_state)
        if self.bias_field:
            images, self.bias_ = self._without_fields(images, image, rows, row_weights, n_classes)
            rows, row_weights = colors_of(images, features)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            estimator.fit(rows, sample_weight=row_weights)
        messages: list[Any] = [warning.message for warning in caught]
        classes, strength = Classes(estimator.mixture_), 0.0
        energies: tuple[float, ...] = ()
        n_axes = len(images[0].shape) - self.stack
        if self.smoothing != 0:
            neighborhood = Neighborhood.of(n_axes, self.n_neighbors, self.spacing)
            narrowed = estimator._data_range

            def narrow_lattices(most: int | None = None) -> list[Lattice]:
                lattices = lattices_of(images, features, neighborhood, stack=self.stack, seed=0, most=most)
                if narrowed is None:
                    return lattices
                return [replace(lattice, rows=narrowed.reduce(lattice.rows)) for lattice in lattices]

            if narrowed is not None:
                classes = Classes(estimator._reduced)
            if isinstance(self.smoothing, str):
                lattices = narrow_lattices(COMPONENT_PIXELS)
                large = sum(len(lattice.rows) for lattice in lattices) > STRENGTH_PIXELS
                few = narrow_lattices(STRENGTH_PIXELS) if large else lattices
                seed = int(check_random_state(self.random_state).randint(1 << 31))
                starts = classes, clustered(few, classes, estimator._update, seed)
                estimate = estimate_field(few, lattices, starts, estimator._update, seed)
                classes, strength = estimate.classes, estimate.strength
            else:
                strength = float(self.smoothing)
                fitted = fit_field(narrow_lattices(), classes, strength, estimator._update)
                classes, energies = fitted.classes, fitted.free_energies
                messages += troubles(fitted)
            if narrowed is not None:
                classes = Classes(narrowed.lift(classes.mixture))
        n_channels = rows.shape[1] - (n_axes + self.stack if self.position else 0)
        order = class_order(classes.mixture, self.order, self.color_space, n_channels)
        self._classes, self._n_axes = classes.reordered(order), n_axes
        self.mixture_ = self._classes.mixture
        self.n_components_ = n_classes
        self.smoothing_ = strength
        self.free_energies_ = energies
        self._n_channels = images[0].n_channels
        for message in messages:
            _warn_again(message, order)
        return self

    def _number_of_classes(self, images: list[Pixels], features: Features) -> int:
        if not isinstance(self.n_components, str):
            return self.n_components
        return number_of_classes(images, features, covariance_type=self.covariance_type, random_state=self.random_state)

    def predict(self, image: Any, mask: Any = None) -> Any:
        """(shape) array of uint8: the class of each pixel, 255 where it does not count; a list for several images."""
        return self._each(
            image, mask, lambda labeler, pixels: labeler.labels(self._flat(labeler, pixels), elsewhere=UNLABELED)
        )

    def predict_proba(self, image: Any, mask: Any = None) -> Any:
        """(shape, k) array of float32: the probability of each class, 0 where a pixel does not count."""
        return self._each(image, mask, lambda labeler, pixels: labeler.probabilities(self._flat(labeler, pixels)))

    def predict_fractions(self, image: Any, mask: Any = None) -> Any:
        """How much of each class is in each pixel: its expected share, which a probability is not.

        A pixel at the border of two classes holds some of both (partial volume). Means and noise of the classes, with
        mixed pixels between classes that are next to each other in color, and how alike neighbors are, are estimated
        from the image itself, from the labels of the model on; pixels at the edge of a mask do not enter the estimates.
        Shares sum to one. They are unbiased where noise is Gaussian and mixing linear, so that their sum is a volume.

        Returns
        -------
        (shape, k) array of float32
            0 where a pixel does not count; a list for several images.
        """
        return self._each(image, mask, lambda labeler, pixels: self._tissue(labeler, pixels).fractions)

    def fit_predict(self, image: Any, mask: Any = None) -> Any:
        """`fit`, then `predict`."""
        return self.fit(image, mask).predict(image, mask)

    def score(self, image: Any, mask: Any = None) -> float:
        """Mean log-likelihood of the pixels that count, each alone, in nats."""
        check_is_fitted(self)
        total = weight = 0.0
        features = Features(self.color_space, self.position)
        labeler = Labeler(features, self._classes, None, 0.0)
        for pixels in self._all_pixels(image, mask):
            rows = features.rows(self._flat(labeler, pixels))
            total += float(self.mixture_.log_density(rows).sum())
            weight += len(rows)
        return total / weight

    def _tissue(self, labeler: Labeler, pixels: Pixels) -> Tissue:
        labels = replace(labeler, neighborhood=None).labels(pixels, elsewhere=UNLABELED)
        n_classes = labeler.classes.n_classes
        return tissue_of(pixels, labels, n_classes, self.spacing, stack=self.stack, bias_field=self.bias_field)

    def _flat(self, labeler: Labeler, pixels: Pixels) -> Pixels:
        field = self._tissue(labeler, pixels).field if self.bias_field else None
        return pixels if field is None else without_field(pixels, field)

    def _without_fields(
        self, images: list[Pixels], image: Any, rows: Rows, row_weights: Any, n_classes: int
    ) -> tuple[list[Pixels], Any]:
        """The images divided by their fields, and these as `bias_` has them; from a first mixture of all pixels."""
        guess = GaussianMixture(n_classes, covariance_type=self.covariance_type, random_state=self.random_state)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the mixture that follows has its own
            guess.fit(rows, sample_weight=row_weights)
        labeler = Labeler(Features(self.color_space, self.position), Classes(guess.mixture_), None, 0.0)
        fields = [self._tissue(labeler, pixels).field for pixels in images]
        flat = [without_field(pixels, field) for pixels, field in zip(images, fields, strict=True) if field is not None]
        shown = [field[..., 0] if field.shape[-1] == 1 else field for field in fields if field is not None]
        return flat, shown if isinstance(image, list | tuple) else shown[0]

    def _each(self, image: Any, mask: Any, use: Any) -> Any:
        check_is_fitted(self)
        neighborhood = None
        if self.smoothing_ > 0:
            neighborhood = Neighborhood.of(self._n_axes, self.n_neighbors, self.spacing)
            neighborhood = neighborhood.stacked() if self.stack else neighborhood
        labeler = Labeler(Features(self.color_space, self.position), self._classes, neighborhood, self.smoothing_)
        images = self._all_pixels(image, mask)
        for pixels in images:
            if (pixels.n_channels, len(pixels.shape) - self.stack) != (self._n_channels, self._n_axes):
                raise ValueError(
                    f"the model is of {self._n_axes} axes and {self._n_channels} channels; got an image of "
                    f"{len(pixels.shape) - self.stack} axes and {pixels.n_channels} channels"
                )
        results = [use(labeler, pixels) for pixels in images]
        return results if isinstance(image, list | tuple) else results[0]

    def _all_pixels(self, image: Any, mask: Any) -> list[Pixels]:
        """The images, each with its mask."""
        several = isinstance(image, list | tuple)
        images = list(image) if several else [image]
        masks = [None] * len(images) if mask is None else list(mask) if several else [mask]
        if not images:
            raise ValueError("image is an empty list: give at least one image")
        if len(masks) != len(images):
            raise ValueError(f"there are {len(images)} images and {len(masks)} masks: give a mask, or None, for each")
        found = [
            as_pixels(
                one, its_mask, channel_axis=self.channel_axis, stack=self.stack, colors=self.color_space in COLOR_SPACES
            )
            for one, its_mask in zip(images, masks, strict=True)
        ]
        if len({(pixels.n_channels, len(pixels.shape)) for pixels in found}) > 1:
            raise ValueError("the images differ in their numbers of axes or channels: fit a model to each kind")
        return found

    def _check_parameters(self) -> None:
        if isinstance(self.n_components, str):
            if self.n_components != "auto":
                raise ValueError(f'n_components must be "auto" or a number of classes; got {self.n_components!r}')
        else:
            require_integer("n_components", self.n_components, 1)
        if not isinstance(self.n_components, str) and self.n_components > MOST_CLASSES:
            raise ValueError(
                f"n_components must be at most {MOST_CLASSES} (a label is one byte); got {self.n_components}"
            )
        if self.color_space not in COLOR_SPACES:
            raise ValueError(f"color_space must be one of {COLOR_SPACES}; got {self.color_space!r}")
        require_nonnegative("position", self.position)
        if self.bias_field and self.stack:
            raise ValueError("bias_field=True is for images that have one field each: in place of a stack give a list")
        if isinstance(self.smoothing, str):
            if self.smoothing != "auto":
                raise ValueError(f'smoothing must be "auto" or a number, at least 0; got {self.smoothing!r}')
        else:
            require_nonnegative("smoothing", self.smoothing)


def _warn_again(message: Any, order: Any) -> None:
    """The estimator's warning, with the numbers of the classes in place of the components'."""
    if isinstance(message, DegenerateComponentWarning):
        rank = np.argsort(order)
        message = DegenerateComponentWarning(sorted(rank[list(message.components)]), message.trouble, "Class")
    warnings.warn(message, stacklevel=3)


def segment_image(image: Any, n_components: int | str = 3, *, mask: Any = None, **parameters: Any) -> Rows:
    """The class of each pixel of an image: `GaussianMixtureSegmenter` in one call.

    Parameters
    ----------
    image : array-like
    n_components : int or "auto", default=3
    mask : array-like, optional
    **parameters
        Of `GaussianMixtureSegmenter`.

    Returns
    -------
    (shape) array of uint8
        255 where a pixel does not count.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_image
    >>> segment_image(load_sample_image("china.jpg"), 3, smoothing=0, random_state=0).shape
    (427, 640)
    """
    return GaussianMixtureSegmenter(n_components, **parameters).fit_predict(image, mask)
