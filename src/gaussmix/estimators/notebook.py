"""What a notebook shows of an estimator: scikit-learn's diagram, and below it the results once it is fitted."""

from typing import Any

from gaussmix.core.markup import Markup
from gaussmix.core.mixture import Mixture
from gaussmix.core.mixture_text import mixture_html
from gaussmix.core.notebook import entries_html, stacked_html
from gaussmix.core.text import Entry


class NotebookMixin:
    """HTML representation of a `BaseEstimator` that has ``mixture_`` once it is fitted."""

    mixture_: Mixture

    def _result_entries(self) -> list[Entry]:
        """Return labeled sentences about the fit."""
        return []

    def _results_html(self) -> Markup:
        """Return what is shown below the diagram."""
        tables = [Markup(self.results_._repr_html_())] if hasattr(self, "results_") else []
        return stacked_html(entries_html(self._result_entries()), *tables, mixture_html(self.mixture_))

    def _with_results(self, diagram: str) -> str:
        return f"{diagram}{self._results_html()}" if hasattr(self, "mixture_") else diagram

    def _repr_html_inner(self) -> str:
        """Extend the representation that scikit-learn returns for ``_repr_html_``."""
        return self._with_results(super()._repr_html_inner())  # type: ignore[misc]

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        """Extend the representation that scikit-learn returns to notebooks; without diagrams there is none."""
        bundle: dict[str, str] = super()._repr_mimebundle_(**options)  # type: ignore[misc]
        if "text/html" in bundle:
            bundle["text/html"] = self._with_results(bundle["text/html"])
        return bundle
