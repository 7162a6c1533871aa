"""A segmentation whose labels are known and whose classes may be merged."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np

from gaussmix.core.typing import IntArray, Rows
from gaussmix.imaging.images.picture import Picture
from gaussmix.imaging.segmentation import Segmentation

if TYPE_CHECKING:
    from gaussmix.imaging.segmenter import GaussianMixtureSegmenter


@dataclass(frozen=True, eq=False)
class Labeled(Segmentation):
    """Segmentation whose labels were computed before.

    Attributes
    ----------
    found : (shape) array of uint8
        The labels.
    """

    found: Rows | None = None

    @classmethod
    def by(
        cls, picture: Picture, segmenter: "GaussianMixtureSegmenter", known: IntArray | None, found: Rows | None = None
    ) -> Self:
        """Return the segmentation of a picture by a fitted segmenter; labels that are not given are computed."""
        plain = Segmentation.of(picture, segmenter, known)
        return cls(picture, plain.segmenter, known, plain.labels if found is None else found)

    @cached_property
    def labels(self) -> Rows:
        """Class of each pixel."""
        assert self.found is not None
        return self.found


@dataclass(frozen=True, eq=False)
class Merged(Segmentation):
    """Segmentation in which several classes are one.

    Attributes
    ----------
    whole : Segmentation
        The segmentation with all classes.
    groups : tuple of tuples of int
        Classes of each new class.
    """

    whole: Segmentation | None = None
    groups: tuple[tuple[int, ...], ...] = ()

    @cached_property
    def labels(self) -> Rows:
        """New class of each pixel."""
        assert self.whole is not None
        return group_table(self.groups)[self.whole.labels]

    @property
    def n_classes(self) -> int:
        """Number of new classes."""
        return len(self.groups)

    @cached_property
    def probabilities(self) -> Rows:
        """Probability of each new class."""
        assert self.whole is not None
        return np.stack([self.whole.probabilities[..., list(group)].sum(axis=-1) for group in self.groups], axis=-1)


def merged(segmentation: Segmentation, groups: Sequence[tuple[int, ...]]) -> Segmentation:
    """Return a segmentation with merged classes; the same if nothing is merged or moved."""
    if [*groups] == [(number,) for number in range(segmentation.n_classes)]:
        return segmentation
    known = None if segmentation.known is None else _with_groups(segmentation.known, groups)
    return Merged(segmentation.picture, segmentation.segmenter, known, segmentation, tuple(groups))


def group_table(groups: Sequence[tuple[int, ...]]) -> Rows:
    """Return the new label of each label, (256,) of uint8; a label without a group stays."""
    table = np.arange(256, dtype=np.uint8)
    for number, group in enumerate(groups):
        table[list(group)] = number
    return table


def _with_groups(known: IntArray, groups: Sequence[tuple[int, ...]]) -> IntArray:
    return np.where(known < 0, known, group_table(groups)[np.maximum(known, 0)])
