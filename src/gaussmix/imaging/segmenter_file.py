"""Model files of segmenters: that of the mixture, with what else labels other pictures (docs/model-file.md)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from gaussmix.core.covariance import covariance_class
from gaussmix.core.errors import ModelFileError
from gaussmix.core.mixture import Mixture
from gaussmix.core.model_file import EXTENDED_VERSION, StoredMixture, document_in, model_of, numbers_of, write_model
from gaussmix.core.model_file import VERSION as MIXTURE_VERSION
from gaussmix.core.saving import vectors_of
from gaussmix.imaging.images.inputs import MAX_CLASSES
from gaussmix.imaging.parameter_checks import check_parameters
from gaussmix.imaging.random_field.classes import Classes
from gaussmix.imaging.random_field.neighborhood import Neighborhood
from gaussmix.imaging.segmentation_fit import SegmentationFit

VERSION = 1
"""Version of the part "segmenter"."""

_ABSENT = type(None)
_KINDS: dict[str, tuple[type, ...]] = {
    "n_components": (int, str),
    "color_space": (str,),
    "position": (int, float),
    "smoothing": (int, float, str),
    "n_neighbors": (int, float, _ABSENT),
    "spacing": (list, _ABSENT),
    "bias_field": (bool,),
    "order": (str, int, float, list, _ABSENT),
    "covariance_type": (str,),
    "family": (str,),
    "components_per_class": (int,),
    "contrast": (bool, int, str),
    "connected": (bool,),
    "channel_axis": (int, str, _ABSENT),
    "stack": (bool,),
    "alpha": (bool, int, str),
    "random_state": (int, _ABSENT),
}


@dataclass(frozen=True, eq=False)
class StoredSegmenter:
    """Content of the model file of a segmenter.

    Attributes
    ----------
    parameters : dict
        Parameters of the constructor of `GaussianMixtureSegmenter`.
    n_axes, n_channels : int
        Numbers of spatial axes and of channels of an image.
    fit : SegmentationFit
        The fitted classes, without warnings.
    """

    parameters: dict[str, Any]
    n_axes: int
    n_channels: int
    fit: SegmentationFit


class SavingMixin:
    """Saving and loading of a segmenter."""

    def save(self, path: str | PathLike[str], *, feature_names: Sequence[str] | None = None) -> None:
        """Write the fitted segmenter to a JSON file without rounding (docs/model-file.md).

        The file has the mixture, which `Mixture.load` reads as well, and what else `predict` needs for other images.
        The bias fields of the fitted images are not kept, and ``random_state`` only if it is a number.

        Parameters
        ----------
        path : str or path
            The file to write.
        feature_names : sequence of str, optional
            Names of the features in the file.

        Raises
        ------
        ValueError
            If there are more or fewer names than features.
        """
        check_is_fitted(self)
        segmenter: Any = self
        mixture = segmenter.mixture_
        if feature_names is not None:
            if len(feature_names) != mixture.n_features:
                raise ValueError(
                    f"feature_names must name {mixture.n_features} features, got {len(feature_names)} names"
                )
            mixture = replace(mixture, feature_names=tuple(feature_names))
        parameters = segmenter.get_params(deep=False)
        stored = StoredSegmenter(parameters, segmenter._n_axes, segmenter._n_channels, segmenter._fit_result)
        write_segmenter(path, stored, mixture)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a segmenter that `save` wrote.

        Parameters
        ----------
        path : str or path
            The file to read.

        Returns
        -------
        GaussianMixtureSegmenter
            A fitted segmenter with the same parameters, which gives the same labels and probabilities, bit for bit.

        Raises
        ------
        ModelFileError
            If the file is not a valid model file of a segmenter; the message gives the reason.
        """
        stored = read_segmenter(path)
        segmenter: Any = cls(**stored.parameters)
        try:
            check_parameters(segmenter, seeded=stored.fit.seeded)
        except ValueError as error:
            raise ModelFileError(f"{path} is not the model of a segmenter: {error}") from error
        segmenter._n_axes, segmenter._n_channels = stored.n_axes, stored.n_channels
        segmenter._set_fit(stored.fit)
        return segmenter


def write_segmenter(path: str | PathLike[str], stored: StoredSegmenter, mixture: Mixture) -> None:
    """Write a model file with a part "segmenter"; the mixture is that of the classes, with names of its features."""
    fit, outliers = stored.fit, stored.fit.classes.outliers
    part = {
        "version": VERSION,
        "parameters": {name: _plain(value) for name, value in stored.parameters.items()},
        "n_axes": stored.n_axes,
        "n_channels": stored.n_channels,
        "seeded": fit.seeded,
        "smoothing": fit.smoothing,
        "contrast_scale": fit.contrast if fit.contrast is None or math.isfinite(fit.contrast) else None,
        "free_energies": list(fit.free_energies),
        "outliers": None if outliers is None else _document_of(outliers),
    }
    moments = (mixture.weights, mixture.means, mixture.covariance)
    model = StoredMixture(*moments, mixture.feature_names, degrees_of_freedom=mixture.degrees_of_freedom)
    write_model(path, model, vectors_of(mixture), {"segmenter": part})


def read_segmenter(path: str | PathLike[str]) -> StoredSegmenter:
    """Read the model file of a segmenter; whether its parameters are possible is checked where they are used.

    Raises
    ------
    FileNotFoundError
    ModelFileError
        If the file is invalid, or is that of a mixture without a segmenter; the message gives the reason.
    """
    try:
        with np.errstate(all="ignore"):
            document = document_in(path, versions=(MIXTURE_VERSION, EXTENDED_VERSION))
            if "segmenter" not in document:
                raise ModelFileError("it is that of a mixture without a segmenter; gaussmix.load reads it")
            return _segmenter_of(document)
    except ModelFileError as error:
        raise ModelFileError(f"{path} is not the model of a segmenter: {error}") from error


def _segmenter_of(document: dict[str, Any]) -> StoredSegmenter:
    part, mixture = document["segmenter"], _mixture_of(document)
    if not isinstance(part, dict) or part.get("version") != VERSION:
        raise ModelFileError(f"the version of its segmenter is not {VERSION}, which this gaussmix reads")
    parameters = _parameters_of(part)
    n_axes, n_channels = (_whole(part, name) for name in ("n_axes", "n_channels"))
    if n_axes not in (2, 3):
        raise ModelFileError(f"n_axes is {n_axes}, not 2 or 3")
    if parameters["family"] == "gaussian" and mixture.degrees_of_freedom is not None:
        raise ModelFileError("its family is 'gaussian', but its mixture has degrees of freedom")
    is_seeded, per_class = part.get("seeded"), parameters["components_per_class"]
    if not isinstance(is_seeded, bool):
        raise ModelFileError("seeded is not true or false")
    if per_class < 1 or mixture.n_components % per_class or (per_class > 1 and not is_seeded):
        raise ModelFileError(f"{per_class} components per class do not fit to {mixture.n_components} components")
    n_classes = mixture.n_components // per_class
    if n_classes > MAX_CLASSES or parameters["n_components"] not in ("auto", n_classes):
        raise ModelFileError(f"n_components is {parameters['n_components']!r}, but its mixture has {n_classes} classes")
    n_colors = 1 if parameters["color_space"] == "gray" and n_channels == 3 else n_channels
    n_features = n_colors + (n_axes + parameters["stack"] if parameters["position"] else 0)
    if mixture.n_features != n_features:
        raise ModelFileError(f"its mixture has {mixture.n_features} features; its pictures give {n_features}")
    classes = Classes(mixture, per_class, _outliers_of(part, mixture, is_seeded=is_seeded))
    energies = part.get("free_energies")
    free_energies = numbers_of(part, "free_energies", (len(energies) if isinstance(energies, list) else 0,))
    smoothing = _positive(part, "smoothing", or_zero=True)
    contrast = None if part.get("contrast_scale") is None else _positive(part, "contrast_scale")
    if contrast is None and parameters["contrast"] is True and not is_seeded:
        contrast = math.inf  # no neighbors differed, or none were visible
    try:
        Neighborhood.of(n_axes, parameters["n_neighbors"], parameters["spacing"])
    except ValueError as error:
        raise ModelFileError(str(error)) from error
    fit = SegmentationFit(classes, smoothing, tuple(free_energies.tolist()), contrast=contrast, seeded=is_seeded)
    return StoredSegmenter(parameters, n_axes, n_channels, fit)


def _parameters_of(part: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters, which are complete and of the right types."""
    parameters = part.get("parameters")
    if not isinstance(parameters, dict) or parameters.keys() != _KINDS.keys():
        raise ModelFileError(f"its parameters are not {', '.join(_KINDS)}")
    for name, kinds in _KINDS.items():
        if type(parameters[name]) not in kinds:
            raise ModelFileError(f"its parameter {name} is {str(parameters[name])[:40]!r}")
    for name in ("channel_axis", "alpha"):
        if isinstance(parameters[name], str) and parameters[name] != "auto":
            raise ModelFileError(f"its parameter {name} is {parameters[name]!r}")
    try:
        covariance_class(parameters["covariance_type"])
    except ValueError as error:
        raise ModelFileError(str(error)) from error
    if parameters["spacing"] is not None:
        numbers_of(parameters, "spacing", (len(parameters["spacing"]),))
    return parameters


def _outliers_of(part: dict[str, Any], mixture: Mixture, *, is_seeded: bool) -> Mixture | None:
    given = part.get("outliers")
    if not is_seeded:
        return None
    if not isinstance(given, dict):
        raise ModelFileError("it has no outliers, although it was fitted with known pixels")
    outliers = _mixture_of(given)
    if (outliers.n_components, outliers.n_features) != (1, mixture.n_features):
        raise ModelFileError(f"its outliers are not one component with {mixture.n_features} features")
    return outliers


def _mixture_of(document: dict[str, Any]) -> Mixture:
    stored = model_of(document)
    moments = (stored.weights, stored.means, stored.covariance)
    return Mixture(*moments, stored.feature_names, degrees_of_freedom=stored.degrees_of_freedom)


def _document_of(mixture: Mixture) -> dict[str, Any]:
    return {
        "covariance_type": mixture.covariance_type,
        "n_components": mixture.n_components,
        "n_features": mixture.n_features,
        "weights": mixture.weights.tolist(),
        "means": mixture.means.tolist(),
        "covariances": mixture.covariance.covariances.tolist(),
        "roots": mixture.covariance.roots.tolist(),
    }


def _plain(value: Any) -> Any:
    """Return a parameter as JSON has it; null for a random generator."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, str | int | float) else None


def _whole(part: dict[str, Any], name: str) -> int:
    value = part.get(name)
    if type(value) is not int or value < 1:
        raise ModelFileError(f"{name} is {value!r}, not a positive whole number")
    return value


def _positive(part: dict[str, Any], name: str, *, or_zero: bool = False) -> float:
    value = float(numbers_of(part, name, ()))
    if value < 0 or (value == 0 and not or_zero):
        raise ModelFileError(f"{name} is {value}, not a positive number")
    return value
