"""The models of classes that a choice compares."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gaussmix.classification.candidates import Candidate
from gaussmix.classification.class_model import ClassModel, ClassRows
from gaussmix.classification.class_search import ClassCells
from gaussmix.classification.separate_fit import joined
from gaussmix.core.covariance import MODELS
from gaussmix.selection.model_names import ONE_COLUMN

MOST_COMPONENTS = 5
"""Greatest number of components of a class that "auto" tries."""

_SHRINKAGES = (0.05, 0.2, 0.5)
_SHRINKAGES_OF_PARTS = (0.1, 0.3)
_SHARED_SIZES = (2, 3)  # components of each class, with one covariance for all
_WIDE = 20  # features from which structures with common axes or orientations are left out
_WIDE_TYPES = ("EII", "VII", "EEI", "VEI", "EVI", "VVI", "EEE", "VEE", "EVV", "VVV")
_SLOW_TYPES = ("VEE",)  # of many columns: left out where EM alternates with rows without a label
_SEARCHED_TYPES = ("EII", "VII", "EEI", "VEI", "VVI", "EEE", "VEE", "EEV", "VEV", "VVV")
_ROWS_PER_PART = 2  # times the features; a component of a class with fewer rows is not tried


@dataclass(frozen=True)
class Asked:
    """What the user asks of the models.

    Attributes
    ----------
    n_components : tuple of c int, or None
        Number of components of each class; None for "auto".
    covariance_types : tuple of c str, or None
        Structure of each class; None for "auto".
    is_shared : bool or None
        Whether the classes share one structure; None for "auto".
    shrinkage : float or None
        Share of the pooled covariance; None for "auto".
    unlabeled_weight : float or None
        Weight of rows without a label; None for "auto".
    by_criterion : bool
        Whether models are compared by BIC, for which a shrinkage is not chosen.
    random_state : int
        Seed of the searches.
    n_jobs : int or None
        Number of threads.
    """

    n_components: tuple[int, ...] | None
    covariance_types: tuple[str, ...] | None
    is_shared: bool | None
    shrinkage: float | None
    unlabeled_weight: float | None
    by_criterion: bool
    random_state: int
    n_jobs: int | None

    @property
    def tries_shared(self) -> bool:
        """Whether models in which the classes share a structure are tried."""
        if self.is_shared is not None:
            return self.is_shared
        same = self.covariance_types is None or len(set(self.covariance_types)) == 1
        return same and (self.n_components is None or max(self.n_components) == 1)

    @property
    def tries_separate(self) -> bool:
        """Whether models in which each class has a structure of its own are tried."""
        if self.is_shared is not None:
            return not self.is_shared
        return self.n_components is None or not self.tries_shared

    def shrinkages(self, choices: Sequence[float]) -> tuple[float, ...]:
        """Return the shares of the pooled covariance to try: the given one, or none and some choices."""
        if self.shrinkage is not None:
            return (self.shrinkage,)
        is_open = not self.by_criterion and (self.n_components is None or self.covariance_types is None)
        return (0.0, *choices) if is_open else (0.0,)


def propose(data: ClassRows, asked: Asked) -> Iterator[Candidate]:
    """Yield the candidates that fit what is asked, the simplest first."""
    weight = 1.0 if asked.unlabeled_weight is None else asked.unlabeled_weight
    found: list[Candidate] = []
    if asked.tries_shared:
        found += _shared(data, asked)
    if asked.tries_separate and not (asked.tries_shared and data.is_unlabeled.any()):
        found += _separate(data, asked)
    for candidate in found:
        yield with_unlabeled_weight(candidate, weight)


def _types(data: ClassRows, asked: Asked) -> tuple[str, ...]:
    d, known = data.rows.n_features, data.known.rows
    if asked.covariance_types is not None:
        return (asked.covariance_types[0],)
    if d == 1:
        return ONE_COLUMN
    types = _WIDE_TYPES if d > _WIDE else tuple(MODELS)
    if d > _WIDE and data.is_unlabeled.any() and not asked.by_criterion:
        types = tuple(name for name in types if name not in _SLOW_TYPES)
    if len(np.unique(known.values, axis=0)) <= d + data.n_classes:
        types = tuple(name for name in types if name[2] == "I")  # too few rows for correlations
    if data.fewest_different < 2:
        types = tuple(name for name in types if "V" not in name)  # a class has no covariance of its own
    return types


def _shared(data: ClassRows, asked: Asked) -> Iterator[Candidate]:
    c, d = data.n_classes, data.rows.n_features
    sizes = asked.n_components or (1,) * c
    for name in _types(data, asked):
        most = name in ("VVV", "full", "V")
        for shrinkage in asked.shrinkages(_SHRINKAGES if most else ()):
            yield Candidate(ClassModel(sizes, (name,) * c, True, shrinkage))
    if asked.n_components is not None or asked.by_criterion:
        return
    for size in _SHARED_SIZES:
        if size > _most_parts(data):
            return
        names = (asked.covariance_types[0],) if asked.covariance_types else ("EEE",) if d > 1 else ("E",)
        for name in names:
            yield Candidate(ClassModel((size,) * c, (name,) * c, True, asked.shrinkage or 0.0))


def _most_parts(data: ClassRows) -> int:
    """Return the number of components for which each class has enough rows, the smallest by its labels."""
    counts = [data.known.of_class(at).n_positive for at in range(data.n_classes)]
    rows = min(counts) * data.rows.n_positive // sum(counts)
    return max(1, rows // (_ROWS_PER_PART * data.rows.n_features))


def _separate(data: ClassRows, asked: Asked) -> Iterator[Candidate]:
    """Yield the model whose mixture of each class has the least BIC, with the shrinkages to try."""
    known, d = data.known, data.rows.n_features
    if data.fewest_different < 2:
        return
    names: list[str] = []
    mixtures = []
    for at in range(data.n_classes):
        if asked.n_components is not None:
            sizes: Sequence[int] = (asked.n_components[at],)
        else:
            sizes = range(1, min(MOST_COMPONENTS, max(1, _rows_of(known, at) // (_ROWS_PER_PART * d))) + 1)
        if asked.covariance_types is not None:
            types: Sequence[str] = (asked.covariance_types[at],)
        elif d == 1:
            types = ONE_COLUMN
        elif asked.by_criterion:
            types = tuple(MODELS)
        else:
            types = [name for name in _SEARCHED_TYPES if d <= _WIDE or name in _WIDE_TYPES]
        seed = asked.random_state
        best = ClassCells.search(known.of_class(at), sizes, types, seed, asked.n_jobs).best(known.rows.total)
        if best is None or best.mixture is None:
            return
        names.append(best.covariance_type)
        mixtures.append(best.mixture)
    counts = tuple(mixture.n_components for mixture in mixtures)
    if asked.covariance_types is not None:
        names = list(asked.covariance_types)
    parts = joined(mixtures, np.full(data.n_classes, 1 / data.n_classes), data.rows.names)
    for shrinkage in asked.shrinkages(_SHRINKAGES_OF_PARTS):
        yield Candidate(ClassModel(counts, tuple(names), False, shrinkage), parts)


def _rows_of(known: ClassRows, position: int) -> int:
    return known.of_class(position).n_positive


def with_unlabeled_weight(candidate: Candidate, weight: float) -> Candidate:
    """Return the same candidate with another weight of the rows without a label."""
    return replace(candidate, model=replace(candidate.model, unlabeled_weight=weight))
