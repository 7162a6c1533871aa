"""Checks of the parameters of a segmenter."""

from typing import Any

from gaussmix.core.covariance import refuse_factor_type
from gaussmix.estimators import GaussianMixture, StudentMixture
from gaussmix.estimators.parameter_checks import require_flag, require_integer, require_nonnegative
from gaussmix.imaging.images.colors import COLOR_SPACES
from gaussmix.imaging.images.inputs import MAX_CLASSES

FAMILIES = {"gaussian": GaussianMixture, "student": StudentMixture}
"""Estimators of the colors of classes, by family."""


def check_parameters(segmenter: Any, *, seeded: bool) -> None:
    """Raise a ValueError if a parameter of a segmenter is not valid.

    Parameters
    ----------
    segmenter : GaussianMixtureSegmenter
        Segmenter with the parameters of its constructor.
    seeded : bool
        Whether the segmenter will be fitted with seeds.

    Raises
    ------
    ValueError
        If a parameter is not valid.
    """
    if not isinstance(segmenter.n_components, str):
        require_integer("n_components", segmenter.n_components, 1)
        if segmenter.n_components > MAX_CLASSES:
            raise ValueError(
                f"n_components must be at most {MAX_CLASSES} (a label is one byte); got {segmenter.n_components}"
            )
    elif segmenter.n_components != "auto":
        raise ValueError(f'n_components must be "auto" or a number of classes; got {segmenter.n_components!r}')
    if segmenter.color_space not in COLOR_SPACES:
        raise ValueError(f"color_space must be one of {COLOR_SPACES}; got {segmenter.color_space!r}")
    if segmenter.family not in FAMILIES:
        raise ValueError(f"family must be one of {tuple(FAMILIES)}; got {segmenter.family!r}")
    if seeded and segmenter.family != "gaussian":
        raise ValueError(f"family={segmenter.family!r} is for images without labels: leave out one of them")
    refuse_factor_type(segmenter.covariance_type, "segmentation")
    require_nonnegative("position", segmenter.position)
    if segmenter.contrast not in ("auto", True, False):
        raise ValueError(f'contrast must be "auto", True or False; got {segmenter.contrast!r}')
    require_integer("components_per_class", segmenter.components_per_class, 1)
    for name in ("stack", "connected", "bias_field"):
        require_flag(name, getattr(segmenter, name))
    if segmenter.bias_field and segmenter.stack:
        raise ValueError("bias_field=True estimates one field for each image: give a list of images instead of a stack")
    if not isinstance(segmenter.smoothing, str):
        require_nonnegative("smoothing", segmenter.smoothing)
    elif segmenter.smoothing != "auto":
        raise ValueError(f'smoothing must be "auto" or a number, at least 0; got {segmenter.smoothing!r}')
    if not seeded and segmenter.components_per_class != 1:
        raise ValueError(
            f"components_per_class={segmenter.components_per_class} requires labels; without labels use n_components"
        )
