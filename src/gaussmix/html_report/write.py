"""`write_report`: a model and rows in, one HTML file out."""

import platform
from collections.abc import Iterable
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

import gaussmix.core._native as _native
from gaussmix.core.environment import installed_version
from gaussmix.core.text import counted
from gaussmix.diagnostics import inspect_fit
from gaussmix.estimators import GaussianMixtureIC
from gaussmix.html_report import figures as pictures
from gaussmix.html_report import sections
from gaussmix.html_report.elements import Markup, joined, page, paragraph
from gaussmix.html_report.model_and_rows import ModelAndRows
from gaussmix.html_report.model_comparison import (
    Alternatives,
    Fitness,
    beside,
    default_numbers,
    find_alternatives,
    was_made_of,
)
from gaussmix.html_report.row_scores import look_at_rows


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
    """Write what is to be known of a mixture and of some rows into one HTML file that refers to no other.

    The parameters of the components, pictures, how sure it is which component each row is of, the least dense rows,
    the report of the fit, the overlap of components, and a search over other numbers of components and structures. No
    date and no path: the same model, rows and versions give the same file.

    Parameters
    ----------
    path : str or path
        Of the file; one that is there is replaced.
    model : Mixture or fitted estimator
        `GaussianMixture`, `GaussianMixtureIC` (its best model, and its table where it was fitted to these rows), or
        scikit-learn's ``GaussianMixture`` and ``BayesianGaussianMixture``.
    X : (n, d) array-like or table
        Of a table the columns that have the names of the features.
    sample_weight : (n,) array-like, optional
        Numbers of rows, as in a fit. Pictures show each row once, and those of weight 0 not at all.
    n_components : iterable of int or int, optional
        The numbers of components to compare with; by default 1 to three more than the model has, and for many
        components those nearby. Empty: nothing is compared.
    title : str, optional
        Of the page.
    random_state : int, RandomState instance or None, default=0
        For the starts of the search.
    n_jobs : int, optional
        How many threads search; by default as many as there are processors.
    progress : bool, default=False
        Whether a bar is shown for the search.

    Raises
    ------
    ValueError
        Names the parameter, the row or the column.
    MissingDependencyError
        Without matplotlib.
    KeyboardInterrupt
        On Ctrl-C. When the search had results by then, the file has been written with them.

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
    subject = ModelAndRows.of(model, X, sample_weight)
    mixture, rows = subject.mixture, subject.rows
    seen = look_at_rows(mixture, rows)
    fitness = Fitness.of("", mixture.n_parameters, seen.moments)
    report = inspect_fit(mixture, subject.record, rows.values, rows.weights)
    mixture_picture = pictures.of_mixture(subject)
    certainty_picture = pictures.of_certainty(subject, seen) if mixture.n_components > 1 else ""
    found, interrupt = _alternatives(subject, model, n_components, random_state, n_jobs, progress)
    parts = [
        ("short", "In short", sections.in_short(seen, fitness, report, found)),
        ("picture", "Picture", mixture_picture),
        ("components", "Components", sections.components(subject, seen)),
        ("certainty", "How sure", joined([certainty_picture, sections.certainty(subject, seen)])),
        ("anomalies", "Unusual rows", sections.anomalies(subject, seen)),
        ("fit", "Rows and fit", sections.fit_report(report, subject.record is not None)),
        ("overlap", "Overlap", sections.overlap(subject, report)),
    ]
    if found is not None:
        compared = sections.alternatives(found, subject.names, seen.n_rows)
        parts.append(("models", "Other models", joined([pictures.of_criterion(found.search), compared])))
    heading = title or f"A mixture of {counted(mixture.n_components, 'component')}"
    text = page(heading, sections.lead(subject, seen), parts, _provenance())
    Path(path).write_text(text, encoding="utf-8")
    if interrupt is not None:
        raise interrupt


def _alternatives(
    subject: ModelAndRows, model: Any, n_components: Any, random_state: Any, n_jobs: int | None, progress: bool
) -> tuple[Alternatives | None, KeyboardInterrupt | None]:
    """The search of the user's if it is one of these rows, or a new one; with what interrupted it."""
    mixture, rows = subject.mixture, subject.rows
    if n_components is None and isinstance(model, GaussianMixtureIC) and was_made_of(model, rows):
        return beside(mixture, model, rows), None
    numbers = default_numbers(mixture.n_components) if n_components is None else n_components
    if np.size(numbers) == 0 or rows.n_rows < 2:
        return None, None
    return find_alternatives(mixture, rows, numbers, random_state=random_state, n_jobs=n_jobs, progress=progress)


def _provenance() -> Markup:
    packages = ", ".join(f"{name} {installed_version(name)}" for name in ("numpy", "scipy", "scikit-learn"))
    return paragraph(
        f"gaussmix {installed_version('gaussmix')} ({_native.selected_instruction_set()}), "
        f"Python {platform.python_version()}, {packages}, matplotlib {installed_version('matplotlib')}. "
        "The same model, rows and versions give the same file."
    )
