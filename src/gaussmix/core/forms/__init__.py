"""The forms that factors and scatter can have."""

from gaussmix.core.forms.base import AbstractForm
from gaussmix.core.forms.diagonal import DiagonalForm
from gaussmix.core.forms.factor import FactorForm
from gaussmix.core.forms.full import FullForm
from gaussmix.core.forms.spherical import SphericalForm
from gaussmix.core.forms.tied import TiedForm
from gaussmix.core.typing import Form

_ALL: tuple[AbstractForm, ...] = (FullForm(), TiedForm(), DiagonalForm(), SphericalForm(), FactorForm())

FORMS: dict[Form, AbstractForm] = {form.name: form for form in _ALL}
"""Each form by its name."""

__all__ = ["FORMS", "AbstractForm"]
