"""Model files: arrays written to JSON and read back without rounding (docs/model-file.md).

Numbers are written with the fewest digits that identify the double, so any JSON reader gets the same bits.
Syntax, types, shapes and numbers are checked when a file is read.
"""

import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from gaussmix.core.background import Background
from gaussmix.core.covariance import AbstractConstrained, AbstractCovariance, covariance_class
from gaussmix.core.errors import ModelFileError
from gaussmix.core.output_files import complete_file
from gaussmix.core.student import log_constants
from gaussmix.core.typing import BoolArray, FloatArray
from gaussmix.core.validation import LARGEST

FORMAT = "gaussmix mixture"
VERSION = 1

EXTENDED_VERSION = 2
"""Version of a file with parts that readers of version 1 do not know, which they must not ignore."""

LEAST_ROOT, LARGEST_ROOT = 1e-154, 1e153
"""Between them the square of a standard deviation and its inverse are finite."""


@dataclass(frozen=True, eq=False)
class StoredMixture:
    """Content of a model file."""

    weights: FloatArray
    means: FloatArray
    covariance: AbstractCovariance
    feature_names: tuple[str, ...] | None
    background: Background | None = None
    degrees_of_freedom: FloatArray | None = None

    @property
    def extensions(self) -> dict[str, Any]:
        """The parts that readers of version 1 do not know."""
        parts: dict[str, Any] = {}
        if self.background is not None:
            noise = self.background
            region = {"center": noise.center.tolist(), "edges": noise.edges.tolist()}
            parts["noise"] = {"weight": noise.weight, "log_lengths": noise.log_lengths.tolist(), **region}
        if self.degrees_of_freedom is not None:
            degrees = self.degrees_of_freedom
            parts["degrees_of_freedom"] = [None if np.isinf(nu) else nu for nu in degrees.tolist()]
            parts["log_constants"] = log_constants(degrees, self.means.shape[1]).tolist()
        return parts


def write_model(
    path: str | PathLike[str],
    model: StoredMixture,
    vectors: dict[str, Any] | None,
    parts: dict[str, Any] | None = None,
) -> None:
    """Write a model file with test vectors and further parts; an existing file is replaced only by a complete one."""
    document = {
        "format": FORMAT,
        "version": EXTENDED_VERSION if model.extensions or model.covariance.form == "factor" else VERSION,
        "covariance_type": model.covariance.name,
        "n_components": model.covariance.n_components,
        "n_features": model.covariance.n_features,
        "feature_names": None if model.feature_names is None else list(model.feature_names),
        "weights": model.weights.tolist(),
        "means": model.means.tolist(),
        **_covariances_of(model.covariance),
        "roots": model.covariance.roots.tolist(),
        **model.extensions,
        "test_vectors": vectors,
        **(parts or {}),
    }
    text = json.dumps(document, allow_nan=False, indent=1)
    with complete_file(path) as partial:
        partial.write_text(f"{text}\n", encoding="utf-8")


def _covariances_of(covariance: AbstractCovariance) -> dict[str, Any]:
    """Return the covariances of a document; those of factors follow from the roots, and would have d x d numbers."""
    return {} if covariance.form == "factor" else {"covariances": covariance.covariances.tolist()}


def read_model(path: str | PathLike[str]) -> StoredMixture:
    """Read a model file.

    Raises
    ------
    FileNotFoundError
    ModelFileError
        If the file is invalid; the message gives the reason.
    """
    try:
        with np.errstate(all="ignore"):  # what overflows or underflows is found by its result
            return model_of(document_in(path, versions=(VERSION, EXTENDED_VERSION)))
    except ModelFileError as error:
        raise ModelFileError(f"{path} is not a gaussmix model: {error}") from error


def document_in(
    path: str | PathLike[str], kind: str = FORMAT, *, versions: tuple[int, ...] = (VERSION,)
) -> dict[str, Any]:
    """Return the content of a JSON file of a kind, whose names and numbers are not yet checked."""
    path = Path(path)
    try:
        document = json.loads(path.read_bytes().decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise ModelFileError("it is not text") from error
    except RecursionError as error:
        raise ModelFileError("it is nested too deeply") from error
    except ValueError as error:
        raise ModelFileError(f"it is not JSON ({error})") from error
    if not isinstance(document, dict) or document.get("format") != kind:
        said = f', but "{document["format"]}"' if isinstance(document, dict) and "format" in document else ""
        raise ModelFileError(f'it does not say "format": "{kind}"{said}')
    if document.get("version") not in versions:
        known = " and ".join(map(str, versions))
        raise ModelFileError(f"its version is {document.get('version')!r}, this gaussmix reads version {known}")
    return document


def _refuse_constant(name: str) -> float:
    raise ModelFileError(f"it contains {name}")


def model_of(document: dict[str, Any]) -> StoredMixture:
    """Return the mixture of a document, after checks."""
    structure, n_components, n_features = sizes_of(document)
    weights = numbers_of(document, "weights", (n_components,))
    background = _background_of(document, n_features)
    noise_weight = 0.0 if background is None else background.weight
    if (weights < 0).any() or noise_weight < 0 or abs(weights.sum() + noise_weight - 1.0) > 1e-9:
        raise ModelFileError("its weights are not nonnegative numbers with sum one")
    means, covariance = components_of(document, structure, n_components, n_features)
    names, degrees = names_of(document, n_features), _degrees_of(document, n_components, n_features)
    return StoredMixture(weights, means, covariance, names, background, degrees)


def _degrees_of(document: dict[str, Any], n_components: int, n_features: int) -> FloatArray | None:
    """Return the degrees of freedom of a document, after checks."""
    part = document.get("degrees_of_freedom")
    if part is None:
        return None
    if document.get("version") != EXTENDED_VERSION:
        raise ModelFileError(f"it has degrees_of_freedom, which files of version {EXTENDED_VERSION} have")
    listed = part if isinstance(part, list) else [part]
    infinite = np.array([value is None for value in listed], dtype=np.bool_)
    finite = {"degrees_of_freedom": [1.0 if value is None else value for value in listed]}
    degrees = np.where(infinite, np.inf, numbers_of(finite, "degrees_of_freedom", (n_components,)))
    _refuse("degrees_of_freedom", degrees, degrees <= 0, "degrees of freedom are positive, or null if infinite")
    stated = numbers_of(document, "log_constants", (n_components,))
    if not np.allclose(stated, log_constants(degrees, n_features), rtol=1e-9, atol=1e-9):
        raise ModelFileError("its log_constants do not agree with its degrees_of_freedom")
    return degrees


def _background_of(document: dict[str, Any], n_features: int) -> Background | None:
    """Return the noise of a document, after checks."""
    part = document.get("noise")
    if part is None:
        return None
    if document.get("version") != EXTENDED_VERSION:
        raise ModelFileError(f"it has noise, which files of version {EXTENDED_VERSION} have")
    if not isinstance(part, dict):
        raise ModelFileError("noise is not an object")
    background = Background(
        float(numbers_of(part, "weight", ())),
        numbers_of(part, "center", (n_features,)),
        numbers_of(part, "edges", (n_features, n_features)),
    )
    if not np.isfinite(background.log_volume):
        raise ModelFileError("the edges of its noise do not span a volume")
    stated = numbers_of(part, "log_lengths", (n_features,))
    if not np.allclose(stated, background.log_lengths, rtol=1e-9, atol=1e-9):
        raise ModelFileError("the log_lengths of its noise do not agree with its edges")
    return background


def sizes_of(document: dict[str, Any]) -> tuple[type[AbstractCovariance], int, int]:
    """Return the structure and the numbers of components and features of a document."""
    try:
        structure = covariance_class(document.get("covariance_type"))  # type: ignore[arg-type]
    except ValueError as error:
        raise ModelFileError(str(error)) from error
    return structure, _size(document, "n_components"), _size(document, "n_features")


def components_of(
    document: dict[str, Any], structure: type[AbstractCovariance], n_components: int, n_features: int
) -> tuple[FloatArray, AbstractCovariance]:
    """Return the means and covariances of a document, after checks."""
    shape = structure.root_shape(n_components, n_features)
    means = numbers_of(document, "means", (n_components, n_features))
    _refuse("means", means, np.abs(means) >= LARGEST, f"squares of numbers from {LARGEST:g} on overflow")
    covariance = structure(numbers_of(document, "roots", shape), n_components, n_features)
    if structure.form in ("full", "tied") and np.triu(covariance.roots, 1).any():
        raise ModelFileError("its roots are not lower triangular")
    _require_usable(covariance)
    if isinstance(covariance, AbstractConstrained) and not covariance.is_kept():
        raise ModelFileError(f"its covariances do not obey the constraint of {covariance.name}")
    if covariance.form == "factor":
        return means, covariance
    stated = numbers_of(document, "covariances", shape)
    scale = np.abs(covariance.covariances).max()
    if not np.allclose(stated, covariance.covariances, rtol=1e-9, atol=1e-12 * scale):
        raise ModelFileError("its covariances do not agree with its roots")
    return means, covariance


def _require_usable(covariance: AbstractCovariance) -> None:
    """Raise a ModelFileError unless roots have positive diagonals, and all that follows from them is finite."""
    roots = covariance.roots
    on_diagonal: BoolArray | bool = True
    if covariance.form in ("full", "tied"):
        on_diagonal = np.eye(roots.shape[-1], dtype=np.bool_)
    elif covariance.form == "factor":  # the deviations of the noise
        on_diagonal = np.arange(roots.shape[-1]) == 0
    if (on_diagonal & (roots <= 0)).any():
        raise ModelFileError("its roots do not have a positive diagonal")
    _refuse("roots", roots, np.abs(roots) >= LARGEST_ROOT, f"squares of numbers from {LARGEST_ROOT:g} on overflow")
    _refuse("roots", roots, on_diagonal & (roots < LEAST_ROOT), f"squares of numbers below {LEAST_ROOT:g} underflow")
    if not (np.isfinite(covariance.factors()).all() and np.isfinite(covariance.log_det()).all()):
        raise ModelFileError("roots has columns so unequal that their inverse overflows")
    if covariance.form != "factor" and not np.isfinite(covariance.covariances).all():
        raise ModelFileError("roots has numbers whose products overflow")


def _refuse(name: str, values: FloatArray, bad: BoolArray, reason: str) -> None:
    """Raise a ModelFileError that names the first bad entry, if there is one."""
    where = np.argwhere(bad)
    if len(where):
        place = "".join(f"[{position}]" for position in where[0])
        raise ModelFileError(f"{name}{place} is {values[tuple(where[0])]}: {reason}")


def _size(document: dict[str, Any], name: str) -> int:
    value = document.get(name)
    if type(value) is not int or value < 1:
        raise ModelFileError(f"{name} is {value!r}, not a positive whole number")
    return value


def numbers_of(document: dict[str, Any], name: str, shape: tuple[int, ...]) -> FloatArray:
    """Return an array of a document, after checks of its shape and its numbers."""
    values = document.get(name)
    _require_shape(values, name, shape, shape)
    try:
        array = np.array(values, dtype=np.float64)
    except OverflowError as error:
        raise ModelFileError(f"{name} has a number too large") from error
    if not np.isfinite(array).all():
        raise ModelFileError(f"{name} has a number too large")
    return array


def _require_shape(values: Any, name: str, shape: tuple[int, ...], whole: tuple[int, ...]) -> None:
    if not shape:
        if type(values) not in (int, float):
            raise ModelFileError(f"{name} has {str(values)[:40]!r} where a number belongs")
    elif not isinstance(values, list) or len(values) != shape[0]:
        raise ModelFileError(f"{name} does not have the shape {whole}")
    else:
        for value in values:
            _require_shape(value, name, shape[1:], whole)


def names_of(document: dict[str, Any], n_features: int) -> tuple[str, ...] | None:
    """Return the names of the columns of a document, after checks."""
    names = document.get("feature_names")
    if names is None:
        return None
    if not isinstance(names, list) or len(names) != n_features or not all(isinstance(name, str) for name in names):
        raise ModelFileError(f"feature_names is not a list of {n_features} names")
    return tuple(names)
