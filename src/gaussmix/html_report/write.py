"""`write_report`, which writes a report on a model and rows to a single HTML file."""

import platform
from collections.abc import Iterable
from os import PathLike
from typing import Any

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.environment import installed_version
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.markup import Markup, joined
from gaussmix.core.output_files import complete_file, require_possible_output
from gaussmix.core.student import refuse_degrees
from gaussmix.core.text import counted
from gaussmix.diagnostics import inspect_fit
from gaussmix.diagnostics.description import describe
from gaussmix.estimators import GaussianMixtureIC
from gaussmix.html_report import figures, sections
from gaussmix.html_report.elements import page, paragraph
from gaussmix.html_report.model_and_rows import ModelAndRows
from gaussmix.html_report.model_comparison import (
    FitCriteria,
    ModelComparison,
    compare_models,
    compare_with_search,
    default_n_components,
    was_fitted_to,
)
from gaussmix.html_report.row_scores import score_rows


@underflow_to_zero
def write_report(
    path: str | PathLike[str],
    model: Any,
    X: Any,
    *,
    sample_weight: Any = None,
    n_components: Iterable[int] | int | None = None,
    title: str | None = None,
    random_state: Any = 0,
    n_jobs: int | None = None,
    progress: bool = False,
) -> None:
    """Write a report on a mixture and rows to a self-contained HTML file.

    The report has the parameters of the components, what sets them apart, figures, the certainty of the component of
    each row, the rows of lowest density, the diagnostics of the fit, the overlap of the components, and a comparison
    with other numbers of components and covariance structures. It contains no date and no path: the same model, rows
    and versions give the same file.

    Parameters
    ----------
    path : str or path
        File to write; an existing file is replaced.
    model : Mixture or fitted estimator
        `GaussianMixture`, `GaussianMixtureIC` (its best model, and its table if it was fitted to these rows), or
        scikit-learn's ``GaussianMixture`` or ``BayesianGaussianMixture``.
    X : (n, d) array-like or table
        Rows; the columns of a table are selected by the names of the features.
    sample_weight : (n,) array-like, optional
        Weights of the rows, as in a fit. Figures show each row once, and omit rows of weight 0.
    n_components : iterable of int or int, optional
        Numbers of components to compare with; by default 1 to three more than the model has, and for models with
        many components 1 and the numbers nearby. An empty iterable omits the comparison.
    title : str, optional
        Title of the page.
    random_state : int, RandomState instance or None, default=0
        Seed or generator for the starts of the search.
    n_jobs : int, optional
        Number of threads of the search; by default one per processor.
    progress : bool, default=False
        Whether to show a progress bar for the search.

    Raises
    ------
    ValueError
        If an argument is invalid; the message names the parameter, the row or the column. If the mixture is one of t
        distributions.
    MissingDependencyError
        If matplotlib is not installed.
    KeyboardInterrupt
        On Ctrl-C. If the search has results by then, the file contains them.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from gaussmix import GaussianMixture
    >>> from gaussmix.datasets import load_old_faithful
    >>> from gaussmix.html_report import write_report
    >>> eruptions, _ = load_old_faithful()
    >>> gm = GaussianMixture(2, random_state=0).fit(eruptions)
    >>> with TemporaryDirectory() as folder:
    ...     write_report(Path(folder, "report.html"), gm, eruptions, n_components=range(1, 4))
    """
    require_possible_output(path)
    data = ModelAndRows.of(model, X, sample_weight)
    refuse_degrees(data.mixture.degrees_of_freedom, "a report in HTML")
    mixture, rows = data.mixture, data.rows
    scores = score_rows(mixture, rows.disregarding_empty())
    fit_criteria = FitCriteria.of("", mixture.n_parameters, scores.moments)
    report = inspect_fit(mixture, data.record, rows.values, rows.weights)
    mixture_figure = figures.mixture_figure(data)
    certainty_figure = figures.certainty_figure(data, scores) if mixture.n_components > 1 else ""
    comparison, interrupt = _compare(data, model, n_components, random_state, n_jobs, progress)
    described = describe(mixture, rows.values, sample_weight=rows.weights)
    parts = [
        ("summary", "Summary", sections.summary(scores, fit_criteria, report, comparison)),
        ("mixture", "Mixture", mixture_figure),
        ("components", "Components", sections.components(data, scores)),
        ("clusters", "What sets components apart", sections.clusters(described)),
        ("certainty", "Certainty", joined([certainty_figure, sections.certainty(data, scores)])),
        ("unusual", "Unusual rows", sections.unusual_rows(data, scores)),
        ("diagnostics", "Diagnostics", sections.diagnostics(report, data.record is not None)),
        ("overlap", "Overlap", sections.overlap(data, report)),
    ]
    if comparison is not None:
        compared = sections.other_models(comparison, data.names, scores.n_rows)
        parts.append(("models", "Other models", joined([figures.criterion_figure(comparison.search), compared])))
    heading = title or f"A mixture of {counted(mixture.n_components, 'component')}"
    text = page(heading, sections.lead(data, scores), parts, _provenance())
    with complete_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
    if interrupt is not None:
        raise interrupt


def _compare(
    data: ModelAndRows, model: Any, n_components: Any, random_state: Any, n_jobs: int | None, progress: bool
) -> tuple[ModelComparison | None, KeyboardInterrupt | None]:
    """Compare with the user's search if it was fitted to these rows, else with a new one from `compare_models`."""
    mixture, rows = data.mixture, data.rows
    if n_components is None and isinstance(model, GaussianMixtureIC) and was_fitted_to(model, rows):
        return compare_with_search(mixture, model, rows), None
    numbers = default_n_components(mixture.n_components) if n_components is None else n_components
    if np.size(numbers) == 0 or rows.n_rows < 2:
        return None, None
    return compare_models(mixture, rows, numbers, random_state=random_state, n_jobs=n_jobs, progress=progress)


def _provenance() -> Markup:
    packages = ", ".join(f"{name} {installed_version(name)}" for name in ("numpy", "scipy", "scikit-learn"))
    return paragraph(
        f"gaussmix {installed_version('gaussmix')} ({_native.selected_instruction_set()}), "
        f"Python {platform.python_version()}, {packages}, matplotlib {installed_version('matplotlib')}. "
        "The same model, rows and versions give the same file."
    )
