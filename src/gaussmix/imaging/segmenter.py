"""`GaussianMixtureSegmenter`, which validates images, calls the algorithms and stores their results."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.typing import Rows
from gaussmix.estimators import GaussianMixture
from gaussmix.estimators.set_by_fit import set_by_fit
from gaussmix.imaging.images.class_order import class_order
from gaussmix.imaging.images.features import Features
from gaussmix.imaging.images.inputs import MAX_CLASSES, as_images, require_kind, with_all_seeds
from gaussmix.imaging.images.pixels import Pixels
from gaussmix.imaging.n_classes import estimate_n_classes
from gaussmix.imaging.parameter_checks import FAMILIES, check_parameters
from gaussmix.imaging.partial_volume.estimate import divide_by_bias_field, estimate_fractions
from gaussmix.imaging.random_field.labeling import Labeler
from gaussmix.imaging.random_field.neighborhood import Neighborhood
from gaussmix.imaging.random_field.seeded_labeling import SeededLabeler
from gaussmix.imaging.sampling import SampledImages
from gaussmix.imaging.seeded import DEFAULT_SMOOTHING, fit_seeded
from gaussmix.imaging.segmentation_fit import SegmentationFit
from gaussmix.imaging.segmenter_file import SavingMixin
from gaussmix.imaging.unsupervised import estimate_bias_field, estimate_bias_fields, fit_unsupervised


class GaussianMixtureSegmenter(SavingMixin, BaseEstimator):  # type: ignore[misc]
    """Segmentation of images and volumes by a Gaussian mixture of colors and a Potts random field.

    An image is an array (height, width), (depth, height, width), or either with channels last; uint8, uint16 or any
    other numbers. One model is fitted to all images of a list or tuple. Pixels that are masked (by ``mask`` or in a
    masked array of NumPy), transparent, NaN or infinite are excluded; their label is 255.

    Parameters
    ----------
    n_components : int or "auto", default=3
        Number of classes. "auto": that of the seeds or, without seeds, 2 to 8 by a criterion for correlated pixels.
    color_space : {"rgb", "gray", "lab"}, default="rgb"
        Color space to which three channels are converted. "rgb" leaves them unchanged, as are other numbers of
        channels.
    position : float, default=0.0
        If not zero, pixel coordinates are added as features, from 0 to this value along the longer side of the image.
        The value matters for ``covariance_type="spherical"`` only; other covariances adapt to the unit.
    smoothing : "auto" or float, default="auto"
        Interaction strength of the Potts model: the nats that each neighbor in a class adds to the log-probability of
        that class. "auto" estimates it by simulated fields; with seeds, "auto" is 15. With 0, neighbors are ignored.
    n_neighbors : int, optional
        4 or 8 in two dimensions, 6, 18 or 26 in three. By default the fewest; with seeds 8 in two dimensions.
    spacing : sequence of float, optional
        Distance between neighboring pixels along each axis; more distant neighbors have lower weights.
    bias_field : bool, default=False
        Whether each channel of each image has a smooth multiplicative bias field, as in magnetic resonance. It is
        estimated together with the fractions of `predict_fractions`, and images are divided by it before the fit.
    order : "brightness", "weight", int or array-like, default="brightness"
        Order of the classes: by the brightness of their means (luma of RGB, the mean of other channels), darkest first;
        by weight, greatest first; by the means of a channel, smallest first; or that of (k, channels) matching means.
    covariance_type : {"full", "tied", "diag", "spherical"}, default="full"
        Structure of the covariances.
    family : {"gaussian", "student"}, default="gaussian"
        "student": t distributions, for specks and noise with heavy tails; not with seeds.
    components_per_class : int, default=1
        With seeds, the number of components of each class; 5 is suitable for object and background of a photograph.
    contrast : "auto" or bool, default="auto"
        Whether neighbors that differ in color get lower weights. "auto": only with seeds.
    connected : bool, default=False
        Whether a class with seeds is restricted to regions connected to one of them, to select one of several similar
        objects.
    channel_axis : int, None or "auto", default="auto"
        Axis of the channels. "auto": the last axis if it has at most four entries. None: one channel.
    stack : bool, default=False
        Whether the first axis is the images of a stack, which are not neighbors.
    alpha : bool or "auto", default="auto"
        Whether the last channel is opacity; pixels of opacity 0 are excluded. "auto": if there are four of uint8.
    random_state : int, RandomState instance or None, default=None
        Seed or generator for starts and simulated fields; an int makes fits reproducible.

    Attributes
    ----------
    mixture_ : Mixture
        Components ordered by class, one or `components_per_class` of each; the features are those of ``color_space``.
        With smoothing, the weights are prior probabilities of the classes without the influence of neighbors.
    n_components_ : int
        Number of classes.
    smoothing_ : float
        Given or estimated smoothing.
    free_energies_ : tuple of float
        Free energy of the mean-field approximation after each iteration, in nats, if the smoothing is given; higher is
        better, and it never decreases. With seeds: the values after three annealings of the random field.
    bias_ : (shape) or (shape, channels) array of float32, or a list of them
        Bias fields of the fitted images, with geometric mean one, if ``bias_field=True``.

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

    mixture_ = n_components_ = smoothing_ = free_energies_ = bias_ = set_by_fit()

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
        family: str = "gaussian",
        components_per_class: int = 1,
        contrast: bool | str = "auto",
        connected: bool = False,
        channel_axis: int | str | None = "auto",
        stack: bool = False,
        alpha: bool | str = "auto",
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
        self.family = family
        self.components_per_class = components_per_class
        self.contrast = contrast
        self.connected = connected
        self.channel_axis = channel_axis
        self.stack = stack
        self.alpha = alpha
        self.random_state = random_state

    @underflow_to_zero
    def fit(self, image: Any, mask: Any = None, labels: Any = None) -> Self:
        """Fit the classes to one or several images.

        Parameters
        ----------
        image : array-like, or a list or tuple of them
            Images with at least two pixels that are not excluded.
        mask : array-like, or a list or tuple of them, optional
            Array of the shape of the image without channels: nonzero at pixels to use.
        labels : array-like of int, or a list or tuple of them, optional
            Array of the same shape as the mask: known classes of pixels (seeds), -1 elsewhere. Classes keep these
            numbers, and each seed keeps its class. A class without seeds starts from the pixels with the lowest density
            under the other classes.

        Returns
        -------
        GaussianMixtureSegmenter
            The fitted segmenter.

        Raises
        ------
        ValueError
            If a parameter, the image, the mask or the labels are not valid; the message names it.

        Warns
        -----
        ConvergenceWarning, DegenerateComponentWarning, DegenerateDataWarning
        """
        seeded = labels is not None
        check_parameters(self, seeded=seeded)
        sample = SampledImages(images := self._read_images(image, mask, labels), self._features, self.stack)
        n_classes, kind = self._choose_n_classes(sample, seeded=seeded), FAMILIES[self.family]
        estimator = kind(n_classes, covariance_type=self.covariance_type, random_state=self.random_state)
        if self.bias_field:
            bias_fields = estimate_bias_fields(sample, estimator, self.spacing)
            sample = sample.divide_by(bias_fields)
            shown = [field[..., 0] if field.shape[-1] == 1 else field for field in bias_fields]
            self.bias_ = shown if isinstance(image, list | tuple) else shown[0]
        self._n_axes, self._n_channels = len(images[0].shape) - self.stack, images[0].n_channels
        rng = check_random_state(self.random_state)
        fit = self._fit_seeded(sample, estimator, rng) if seeded else self._fit_unsupervised(sample, estimator, rng)
        self._set_fit(fit)
        fit.warn(stacklevel=3)
        return self

    def predict(self, image: Any, mask: Any = None, labels: Any = None) -> Any:
        """Return the class of each pixel.

        Parameters
        ----------
        image : array-like, or a list or tuple of them
            As for `fit`.
        mask : array-like, or a list or tuple of them, optional
            As for `fit`.
        labels : array-like of int, or a list or tuple of them, optional
            As for `fit`; seeds keep their class. Requires a model that was fitted with seeds.

        Returns
        -------
        (shape) array of uint8
            Classes, 255 at excluded pixels; a list for several images.
        """
        return self._predict_each(image, mask, labels, lambda labeler, pixels: labeler.labels(pixels))

    def predict_proba(self, image: Any, mask: Any = None, labels: Any = None) -> Any:
        """Return the probability of each class for each pixel.

        Parameters
        ----------
        image : array-like, or a list or tuple of them
            As for `fit`.
        mask : array-like, or a list or tuple of them, optional
            As for `fit`.
        labels : array-like of int, or a list or tuple of them, optional
            As for `fit`; seeds keep their class. Requires a model that was fitted with seeds.

        Returns
        -------
        (shape, k) array of float32
            Values, 0 at excluded pixels; a list for several images.
        """
        return self._predict_each(image, mask, labels, lambda labeler, pixels: labeler.probabilities(pixels))

    def predict_fractions(self, image: Any, mask: Any = None) -> Any:
        """Return the expected fraction of each class in each pixel (partial volume), which is not its probability.

        A pixel at the border of two classes contains some of both. The model has pure pixels, and mixed pixels of two
        classes that are adjacent in color. The means and the noise of the classes and the interaction strength are
        estimated from the image itself, starting from the labels of the fitted mixture. Pixels at the edge of a mask
        are not used for the estimates. The fractions of a pixel sum to one. They are unbiased for Gaussian noise and
        linear mixing, so the sum of a fraction over a region is a volume. The border of two classes that are not
        adjacent in color is mistaken for the classes between them. If borders are a large part of an image, as in
        brains, the class with the greatest fraction is a better label than that of `predict`, which assumes pure
        pixels.

        Parameters
        ----------
        image : array-like, or a list or tuple of them
            As for `fit`.
        mask : array-like, or a list or tuple of them, optional
            As for `fit`.

        Returns
        -------
        (shape, k) array of float32
            Values, 0 at excluded pixels; a list for several images.
        """
        check_is_fitted(self)
        labeler = self._labeler_without_neighbors()
        results = []
        for pixels in self._read_similar_images(image, mask):
            estimate = estimate_fractions(
                pixels,
                labeler.labels(pixels),
                self.n_components_,
                self.spacing,
                stack=self.stack,
                bias_field=self.bias_field,
            )
            results.append(estimate.fractions)
        return results if isinstance(image, list | tuple) else results[0]

    def fit_predict(self, image: Any, mask: Any = None, labels: Any = None) -> Any:
        """Fit the model and return the class of each pixel.

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
            Classes, 255 at excluded pixels; a list for several images.
        """
        return self.fit(image, mask, labels).predict(image, mask, labels)

    def score(self, image: Any, mask: Any = None) -> float:
        """Return the mean log-likelihood of the pixels under the mixture, without neighbors.

        Parameters
        ----------
        image : array-like, or a list or tuple of them
            As for `fit`.
        mask : array-like, or a list or tuple of them, optional
            As for `fit`.

        Returns
        -------
        float
            Log-likelihood in nats per pixel.
        """
        check_is_fitted(self)
        total = weight = 0.0
        for pixels in self._without_bias_fields(self._read_similar_images(image, mask)):
            rows = self._features.rows(pixels)
            total += float(self.mixture_.log_density(rows).sum())
            weight += len(rows)
        return total / weight

    def _set_fit(self, fit: SegmentationFit) -> None:
        self._fit_result = fit
        self.mixture_, self.n_components_ = fit.classes.mixture, fit.classes.n_classes
        self.smoothing_, self.free_energies_ = fit.smoothing, fit.free_energies

    @property
    def _features(self) -> Features:
        return Features(self.color_space, self.position)

    def _choose_n_classes(self, sample: SampledImages, *, seeded: bool) -> int:
        if not isinstance(self.n_components, str):
            return self.n_components
        if seeded:
            return 1 + max(int(pixels.seeds.max()) for pixels in sample.images if pixels.seeds is not None)
        sample.require_colors(2)
        return estimate_n_classes(
            sample.images, sample.features, covariance_type=self.covariance_type, random_state=self.random_state
        )

    def _fit_unsupervised(
        self, sample: SampledImages, estimator: GaussianMixture, rng: np.random.RandomState
    ) -> SegmentationFit:
        neighborhood = Neighborhood.of(self._n_axes, self.n_neighbors, self.spacing)
        contrast = sample.contrast_scale(self._neighborhood(seeded=False)) if self.contrast is True else None
        fit = fit_unsupervised(
            sample, estimator, neighborhood, self.smoothing, seed=int(rng.randint(1 << 31)), contrast=contrast
        )
        mixture = fit.classes.mixture
        n_coordinates = self._n_axes + self.stack if self.position else 0
        return fit.reordered(class_order(mixture, self.order, self.color_space, mixture.n_features - n_coordinates))

    def _fit_seeded(
        self, sample: SampledImages, estimator: GaussianMixture, rng: np.random.RandomState
    ) -> SegmentationFit:
        return fit_seeded(
            sample,
            estimator,
            self._neighborhood(seeded=True),
            per_class=self.components_per_class,
            smoothing=DEFAULT_SMOOTHING if isinstance(self.smoothing, str) else float(self.smoothing),
            contrast=bool(self.contrast),
            rng=rng,
        )

    def _neighborhood(self, *, seeded: bool) -> Neighborhood:
        """Return the neighbors on the axes of a whole image or stack."""
        n_neighbors = 8 if seeded and self._n_axes == 2 and self.n_neighbors is None else self.n_neighbors
        neighborhood = Neighborhood.of(self._n_axes, n_neighbors, self.spacing)
        return neighborhood.stacked() if self.stack else neighborhood

    def _labeler(self) -> Labeler | SeededLabeler:
        fit, features = self._fit_result, self._features
        if fit.seeded:
            near = self._neighborhood(seeded=True)
            return SeededLabeler(features, fit.classes, near, fit.smoothing, bool(self.contrast), self.connected)
        neighbors = self._neighborhood(seeded=False) if fit.smoothing > 0 else None
        return Labeler(features, fit.classes, neighbors, fit.smoothing, fit.contrast)

    def _labeler_without_neighbors(self) -> Labeler:
        return Labeler(self._features, self._fit_result.classes, None, 0.0)

    @underflow_to_zero
    def _predict_each(
        self, image: Any, mask: Any, labels: Any, predict: Callable[[Labeler | SeededLabeler, Pixels], Rows]
    ) -> Any:
        """Return a prediction for each image."""
        check_is_fitted(self)
        if labels is not None and not self._fit_result.seeded:
            raise ValueError("labels require a model fitted with labels: pass labels to fit, or omit them here")
        images = self._read_similar_images(image, mask, labels)
        labeler = self._labeler()
        results = [predict(labeler, pixels) for pixels in self._without_bias_fields(images)]
        return results if isinstance(image, list | tuple) else results[0]

    def _without_bias_fields(self, images: list[Pixels]) -> list[Pixels]:
        """Return the images divided by their bias fields, if the model has bias fields."""
        if not self.bias_field:
            return images
        labeler = self._labeler_without_neighbors()
        return [
            divide_by_bias_field(pixels, estimate_bias_field(pixels, labeler, self.spacing, stack=self.stack))
            for pixels in images
        ]

    def _read_similar_images(self, image: Any, mask: Any, labels: Any = None) -> list[Pixels]:
        """Return the images, which must have the axes and channels of the fitted ones."""
        images = self._read_images(image, mask, labels)
        require_kind(images, self._n_axes, self._n_channels, stack=self.stack)
        return images

    def _read_images(self, image: Any, mask: Any, labels: Any) -> list[Pixels]:
        """Return the images with their masks and seeds."""
        images = as_images(image, mask, channel_axis=self.channel_axis, stack=self.stack, alpha=self.alpha)
        if labels is None:
            return images
        n_classes = MAX_CLASSES if isinstance(self.n_components, str) else self.n_components
        return with_all_seeds(images, labels, n_classes)


def segment_image(
    image: Any, n_components: int | str = 3, *, mask: Any = None, labels: Any = None, **parameters: Any
) -> Rows:
    """Fit `GaussianMixtureSegmenter` to an image and return the class of each pixel.

    Parameters
    ----------
    image : array-like
        Image of two or three axes of pixels, with channels last.
    n_components : int or "auto", default=3
        Number of classes.
    mask : array-like, optional
        Array of the shape of the image without channels: nonzero at pixels to use.
    labels : array-like of int, optional
        Known classes of pixels, -1 elsewhere.
    **parameters
        Parameters of `GaussianMixtureSegmenter`.

    Returns
    -------
    (shape) array of uint8
        Classes; 255 at excluded pixels.

    Examples
    --------
    >>> from sklearn.datasets import load_sample_image
    >>> segment_image(load_sample_image("china.jpg"), 3, smoothing=0, random_state=0).shape
    (427, 640)
    """
    return GaussianMixtureSegmenter(n_components, **parameters).fit_predict(image, mask, labels)
