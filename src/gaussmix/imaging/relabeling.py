"""A fitted segmenter with another smoothing."""

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sklearn.utils.validation import check_is_fitted

from gaussmix.estimators.parameter_checks import require_nonnegative

if TYPE_CHECKING:
    from gaussmix.imaging.segmenter import GaussianMixtureSegmenter


def with_smoothing(segmenter: "GaussianMixtureSegmenter", smoothing: float) -> "GaussianMixtureSegmenter":
    """Return a fitted segmenter with the same classes that labels pictures with another smoothing.

    A fit with this smoothing would change the classes, too; for a quick look they are close enough.

    Parameters
    ----------
    segmenter : GaussianMixtureSegmenter
        A fitted segmenter.
    smoothing : float
        Interaction strength of neighboring pixels.

    Returns
    -------
    GaussianMixtureSegmenter
        Another segmenter.

    Raises
    ------
    ValueError
        If the smoothing is negative or not finite.
    """
    check_is_fitted(segmenter)
    require_nonnegative("smoothing", smoothing)
    changed: Any = copy.copy(segmenter)
    changed.smoothing = float(smoothing)
    changed._set_fit(replace(changed._fit_result, smoothing=float(smoothing), free_energies=()))
    return changed
