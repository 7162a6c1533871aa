"""`GaussianMixtureSegmenter`: images in, classes of pixels out. No algorithm lives here."""

import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from gaussmix.core.mixture import Mixture
from gaussmix.core.typing import IntArray, Rows
from gaussmix.estimators import GaussianMixture
from gaussmix.estimators.parameter_checks import require_integer, require_nonnegative
from gaussmix.imaging.images.class_order import class_order
from gaussmix.imaging.images.colors import COLOR_SPACES
from gaussmix.imaging.images.features import Features
from gaussmix.imaging.images.pixels import MOST_CLASSES, UNLABELED, Pixels, as_known, as_pixels
from gaussmix.imaging.n_classes import number_of_classes
from gaussmix.imaging.partial_volume.estimate import tissue_of
from gaussmix.imaging.random_field.contrast import contrast_scale
from gaussmix.imaging.random_field.labeling import Labeler
from gaussmix.imaging.random_field.neighborhood import Neighborhood
from gaussmix.imaging.sampling import colors_of, rounding_variance
from gaussmix.imaging.seeded import STRENGTH, GuidedLabeler, fit_guided
from gaussmix.imaging.unsupervised import field_of, fields_of, fit_classes, require_colors, without_fields


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
        estimates it from the images, by simulated fields; with known pixels it is 15. 0 leaves neighbors out.
    n_neighbors : int, optional
        4 or 8 in two dimensions, 6, 18 or 26 in three; by default the fewest, with known pixels 8 in two dimensions.
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
    components_per_class : int, default=1
        With known pixels, each class is a mixture of so many components: figure and ground of a photograph take 5.
    contrast : "auto" or bool, default="auto"
        Whether neighbors count less the more they differ in color; "auto": with known pixels.
    connected : bool, default=False
        Whether a class with known pixels is only where it is connected to one of them: for one object among its like.
    channel_axis : int, None or "auto", default="auto"
        "auto" takes a last axis of at most four entries for channels.
    stack : bool, default=False
        Whether the first axis numbers images that are not neighbors.
    random_state : int, RandomState instance or None, default=None
        Where starts and simulated fields are drawn from; an int makes fits repeat.

    Attributes
    ----------
    mixture_ : Mixture
        One component for each class, in order; its features are those of ``color_space``. Where neighbors count, its
        weights are what a class has beside them.
    n_components_ : int
        How many classes.
    smoothing_ : float
        The strength in use.
    free_energies_ : tuple of float
        With a given strength, after each iteration; it never falls. With known pixels each of three iterations settles
        the field anew.
    bias_ : (shape) or (shape, channels) array of float32, or a list of them
        With ``bias_field=True``: the fields of the images of the fit, of geometric mean one.

    References
    ----------
    Zhang, Brady and Smith, Segmentation of brain MR images through a hidden Markov random field model and the
    expectation-maximization algorithm, IEEE Transactions on Medical Imaging 20 (2001), 45-57.
    Celeux, Forbes and Peyrard, EM procedures using mean field-like approximations for Markov model-based image
    segmentation, Pattern Recognition 36 (2003), 131-144: ``smoothing="auto"``.

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
        components_per_class: int = 1,
        contrast: bool | str = "auto",
        connected: bool = False,
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
        self.components_per_class = components_per_class
        self.contrast = contrast
        self.connected = connected
        self.channel_axis = channel_axis
        self.stack = stack
        self.random_state = random_state

    def fit(self, image: Any, mask: Any = None, labels: Any = None) -> Self:
        """Estimate the classes.

        Parameters
        ----------
        image : array-like, or a list or tuple of them
            At least two pixels that count; finite numbers.
        mask : array-like, or a list or tuple of them, optional
            Of the shape of the image without channels: nonzero where pixels count.
        labels : array-like of int, or a list or tuple of them, optional
            Of the same shape: the class of pixels where it is known, -1 elsewhere. Classes keep these numbers, and
            known pixels their class. A class that no pixel is known of starts from those that others explain worst.

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
        if labels is None and self.components_per_class != 1:
            raise ValueError(
                f"components_per_class={self.components_per_class} needs labels; without them use n_components"
            )
        images = self._all_pixels(image, mask)
        known = None if labels is None else self._all_known(labels, images)
        n_classes = self._number_of_classes(images, known)
        estimator = GaussianMixture(
            n_classes,
            covariance_type=self.covariance_type,
            reg_covar="auto" if known else rounding_variance(images, self._features),
            random_state=self.random_state,
        )
        if self.bias_field:
            fields = fields_of(images, self._features, estimator, self.spacing, stack=self.stack)
            images = without_fields(images, fields)
            shown = [field[..., 0] if field.shape[-1] == 1 else field for field in fields]
            self.bias_ = shown if isinstance(image, list | tuple) else shown[0]
        self._n_axes, self._n_channels = len(images[0].shape) - self.stack, images[0].n_channels
        self._guided = known is not None
        rng = check_random_state(self.random_state)
        if known is None:
            neighborhood = Neighborhood.of(self._n_axes, self.n_neighbors, self.spacing)
            self._contrast = None
            if self.contrast is True:
                self._contrast = contrast_scale(images, self.color_space, self._neighborhood())
            fitted = fit_classes(
                images,
                self._features,
                estimator,
                neighborhood,
                self.smoothing,
                stack=self.stack,
                seed=int(rng.randint(1 << 31)),
                contrast=self._contrast,
            )
            fitted = fitted.reordered(self._order(fitted.classes.mixture))
        else:
            fitted = fit_guided(
                images,
                known,
                self._features,
                self._neighborhood(),
                estimator.set_params(n_components=1),
                n_classes=n_classes,
                per_class=self.components_per_class,
                strength=STRENGTH if isinstance(self.smoothing, str) else float(self.smoothing),
                contrast=bool(self.contrast),
                rng=rng,
            )
        self._classes = fitted.classes
        self.mixture_ = fitted.classes.mixture
        self.n_components_ = n_classes
        self.smoothing_ = fitted.strength
        self.free_energies_ = fitted.free_energies
        for message in fitted.messages:
            warnings.warn(message, stacklevel=2)
        return self

    def predict(self, image: Any, mask: Any = None, labels: Any = None) -> Any:
        """The class of each pixel.

        Parameters
        ----------
        image : array-like, or a list or tuple of them
            As for `fit`.
        mask : array-like, or a list or tuple of them, optional
            As for `fit`.
        labels : array-like of int, or a list or tuple of them, optional
            As for `fit`: known pixels keep their class, if the model was fitted with known pixels too.

        Returns
        -------
        (shape) array of uint8
            255 where a pixel does not count; a list for several images.
        """
        return self._each(image, mask, labels, lambda by, *pixels: by.labels(*pixels, elsewhere=UNLABELED))

    def predict_proba(self, image: Any, mask: Any = None, labels: Any = None) -> Any:
        """The probability of each class for each pixel.

        Parameters
        ----------
        image : array-like, or a list or tuple of them
            As for `fit`.
        mask : array-like, or a list or tuple of them, optional
            As for `fit`.
        labels : array-like of int, or a list or tuple of them, optional
            As for `fit`: known pixels keep their class, if the model was fitted with known pixels too.

        Returns
        -------
        (shape, k) array of float32
            0 where a pixel does not count; a list for several images.
        """
        return self._each(image, mask, labels, lambda by, *pixels: by.probabilities(*pixels))

    def predict_fractions(self, image: Any, mask: Any = None) -> Any:
        """How much of each class is in each pixel: its expected share, which a probability is not.

        A pixel at the border of two classes holds some of both (partial volume). Means and noise of the classes, with
        mixed pixels between classes that are next to each other in color, and how alike neighbors are, are estimated
        from the image itself, from the labels of the model on; pixels at the edge of a mask do not enter the estimates.
        Shares sum to one. They are unbiased where noise is Gaussian and mixing linear, so that their sum is a volume.
        Classes that touch without being next to each other in color are taken for mixtures of those between.
        Where borders take up much of an image, as in brains, the class with the greatest share is a better label than
        `predict`'s, whose classes have no mixed pixels.

        Parameters
        ----------
        image : array-like, or a list or tuple of them
            As for `fit`.
        mask : array-like, or a list or tuple of them, optional
            As for `fit`.

        Returns
        -------
        (shape, k) array of float32
            0 where a pixel does not count; a list for several images.
        """
        check_is_fitted(self)
        alone = self._alone
        results = []
        for pixels in self._alike_pixels(image, mask):
            labels = alone.labels(pixels, elsewhere=UNLABELED)
            tissue = tissue_of(
                pixels, labels, self.n_components_, self.spacing, stack=self.stack, bias_field=self.bias_field
            )
            results.append(tissue.fractions)
        return results if isinstance(image, list | tuple) else results[0]

    def fit_predict(self, image: Any, mask: Any = None, labels: Any = None) -> Any:
        """`fit`, then `predict`.

        Parameters
        ----------
        image : array-like, or a list or tuple of them
            As for `fit`.
        mask : array-like, or a list or tuple of them, optional
            As for `fit`.
        labels : array-like of int, or a list or tuple of them, optional
            As for `fit`.

        Returns
        -------
        (shape) array of uint8
            The class of each pixel, 255 where a pixel does not count; a list for several images.
        """
        return self.fit(image, mask, labels).predict(image, mask, labels)

    def score(self, image: Any, mask: Any = None) -> float:
        """Mean log-likelihood of the pixels that count, each alone.

        Parameters
        ----------
        image : array-like, or a list or tuple of them
            As for `fit`.
        mask : array-like, or a list or tuple of them, optional
            As for `fit`.

        Returns
        -------
        float
            In nats per pixel.
        """
        check_is_fitted(self)
        total = weight = 0.0
        for pixels in self._flat(self._alike_pixels(image, mask)):
            rows = self._features.rows(pixels)
            total += float(self.mixture_.log_density(rows).sum())
            weight += len(rows)
        return total / weight

    @property
    def _features(self) -> Features:
        return Features(self.color_space, self.position)

    @property
    def _alone(self) -> Labeler:
        """Labels pixels without their neighbors."""
        return Labeler(self._features, self._classes, None, 0.0)

    def _labeler(self) -> Labeler | GuidedLabeler:
        if self._guided:
            return GuidedLabeler(
                self._features,
                self._classes,
                self._neighborhood(),
                self.smoothing_,
                bool(self.contrast),
                self.connected,
            )
        neighborhood = self._neighborhood() if self.smoothing_ > 0 else None
        return Labeler(self._features, self._classes, neighborhood, self.smoothing_, self._contrast)

    def _neighborhood(self) -> Neighborhood:
        n_neighbors = 8 if self._guided and self._n_axes == 2 and self.n_neighbors is None else self.n_neighbors
        neighborhood = Neighborhood.of(self._n_axes, n_neighbors, self.spacing)
        return neighborhood.stacked() if self.stack else neighborhood

    def _number_of_classes(self, images: list[Pixels], known: list[IntArray] | None) -> int:
        if not isinstance(self.n_components, str):
            return self.n_components
        if known is not None:
            return 1 + max(int(one.max()) for one in known)
        require_colors(colors_of(images, self._features).values, 2)
        return number_of_classes(
            images, self._features, covariance_type=self.covariance_type, random_state=self.random_state
        )

    def _order(self, mixture: Mixture) -> IntArray:
        n_places = self._n_axes + self.stack if self.position else 0
        return class_order(mixture, self.order, self.color_space, mixture.n_features - n_places)

    def _each(self, image: Any, mask: Any, labels: Any, use: Any) -> Any:
        """What ``use(labeler, pixels, known)`` makes of each image."""
        check_is_fitted(self)
        if labels is not None and not self._guided:
            raise ValueError("labels were not known to fit: give them to fit too, or leave them out here")
        images = self._alike_pixels(image, mask)
        known = [None] * len(images) if labels is None else self._all_known(labels, images)
        labeler = self._labeler()
        results = [use(labeler, pixels, its) for pixels, its in zip(self._flat(images), known, strict=True)]
        return results if isinstance(image, list | tuple) else results[0]

    def _flat(self, images: list[Pixels]) -> list[Pixels]:
        """The images without their fields."""
        if not self.bias_field:
            return images
        fields = [field_of(pixels, self._alone, self.spacing, stack=self.stack) for pixels in images]
        return without_fields(images, fields)

    def _alike_pixels(self, image: Any, mask: Any) -> list[Pixels]:
        """The images, which must be of the kind that the model was fitted to."""
        images = self._all_pixels(image, mask)
        for pixels in images:
            if (pixels.n_channels, len(pixels.shape) - self.stack) != (self._n_channels, self._n_axes):
                raise ValueError(
                    f"the model is of {self._n_axes} axes and {self._n_channels} channels; got an image of "
                    f"{len(pixels.shape) - self.stack} axes and {pixels.n_channels} channels"
                )
        return images

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

    def _all_known(self, labels: Any, images: list[Pixels]) -> list[IntArray]:
        """The known classes of each image."""
        given = list(labels) if isinstance(labels, list | tuple) else [labels]
        if len(given) != len(images):
            raise ValueError(f"there are {len(images)} images and {len(given)} arrays of labels: give one for each")
        most = MOST_CLASSES if isinstance(self.n_components, str) else self.n_components
        known = [as_known(one, pixels, most) for one, pixels in zip(given, images, strict=True)]
        if all((one < 0).all() for one in known):
            raise ValueError("labels has no known pixel that counts: give some pixels the number of their class")
        return known

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
        if self.contrast not in ("auto", True, False):
            raise ValueError(f'contrast must be "auto", True or False; got {self.contrast!r}')
        require_integer("components_per_class", self.components_per_class, 1)
        if self.bias_field and self.stack:
            raise ValueError("bias_field=True is for images that have one field each: in place of a stack give a list")
        if isinstance(self.smoothing, str):
            if self.smoothing != "auto":
                raise ValueError(f'smoothing must be "auto" or a number, at least 0; got {self.smoothing!r}')
        else:
            require_nonnegative("smoothing", self.smoothing)


def segment_image(
    image: Any, n_components: int | str = 3, *, mask: Any = None, labels: Any = None, **parameters: Any
) -> Rows:
    """The class of each pixel of an image: `GaussianMixtureSegmenter` in one call.

    Parameters
    ----------
    image : array-like
        Two or three axes of pixels, channels last.
    n_components : int or "auto", default=3
        How many classes.
    mask : array-like, optional
        Of the shape of the image without channels: nonzero where pixels count.
    labels : array-like of int, optional
        The class of pixels where it is known, -1 elsewhere.
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
    return GaussianMixtureSegmenter(n_components, **parameters).fit_predict(image, mask, labels)
