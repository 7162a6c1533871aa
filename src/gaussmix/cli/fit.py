"""``gaussmix fit``."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gaussmix.cli.console import command, fit_progress, notes, run_fit
from gaussmix.cli.options import (
    AnyModelOption,
    Checkpoint,
    Components,
    FactorName,
    FactorsOption,
    Family,
    FamilyOption,
    HeaderFlag,
    Init,
    MaxVarianceRatio,
    MemoryLimit,
    NoHeaderFlag,
    NoiseFlag,
    RegCovar,
    SeedOption,
    Starts,
    TablePath,
    TimeBudget,
    Trim,
    Truncation,
    flag,
    header_given,
    integer_or_name,
    number_or_name,
    options_given,
)
from gaussmix.cli.outputs import check_output
from gaussmix.cli.summary import fit_summary, mixture_summary, print_apart
from gaussmix.cli.table_input import ColumnsOption, WeightsOption, as_frame, limit_given, read_rows
from gaussmix.core.text import Entry, counted, entry_grid
from gaussmix.diagnostics import FitRecord, inspect_fit

if TYPE_CHECKING:
    from gaussmix.estimators import GaussianMixture


@command
def fit(
    table: TablePath,
    components: Components,
    covariance_type: AnyModelOption = "full",
    n_factors: FactorsOption = None,
    n_init: Starts = None,
    max_iter: Annotated[
        int | None, typer.Option(min=0, help="Maximum number of iterations; 10,000 if not given.")
    ] = None,
    tol: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Stop when the mean log-likelihood changes by less; if not given, within 1e-4 nats of the maximum.",
        ),
    ] = None,
    reg_covar: RegCovar = None,
    init: Annotated[
        Init | None,
        typer.Option(
            metavar="METHOD",
            help="kmeans, k-means++, random or random_from_data; if not given, several starts are tried.",
        ),
    ] = None,
    time_budget: TimeBudget = None,
    checkpoint: Checkpoint = None,
    trim: Trim = None,
    max_variance_ratio: MaxVarianceRatio = None,
    noise: NoiseFlag = False,
    truncation: Truncation = None,
    family: FamilyOption = Family.GAUSSIAN,
    seed: SeedOption = 0,
    columns: ColumnsOption = None,
    weights: WeightsOption = None,
    header: HeaderFlag = False,
    no_header: NoHeaderFlag = False,
    memory_limit: MemoryLimit = None,
    report: Annotated[bool, flag("--report", help="Print diagnostics of the rows and the fit.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write the model to this file (JSON).")] = None,
) -> None:
    """Fit a mixture to a table, print a summary and write the model."""
    check_output(output, table)
    check_output(checkpoint, table, *([] if output is None else [output]))
    rows = read_rows(table, columns, weights, header_given(header, no_header), limit=limit_given(memory_limit))
    _require_enough(table, rows.n_rows, components)
    others = {"--trim": trim, "--max-variance-ratio": max_variance_ratio, "--truncation": truncation}
    kind = _kind_of(family, covariance_type, noise, others | {"--n-factors": n_factors})
    with fit_progress(notes(), n_starts=None if init is None else n_init or 1) as callback:
        estimator = kind(
            components,
            covariance_type=covariance_type,
            random_state=seed,
            callback=callback,
            **options_given(
                n_factors=n_factors,
                n_init=n_init,
                max_iter=max_iter,
                tol=tol,
                reg_covar=number_or_name(reg_covar),
                init_params=init and init.value,
                time_budget=time_budget,
                trim=trim,
                max_variance_ratio=max_variance_ratio,
                noise="uniform" if noise else None,
                truncation=integer_or_name(truncation),
            ),
        )
        interrupt = run_fit(
            estimator, lambda: estimator.fit(as_frame(rows), sample_weight=rows.weights, checkpoint=checkpoint)
        )
    mixture = replace(estimator.mixture_, feature_names=rows.names)
    entries = fit_summary(estimator, rows)
    reports = [inspect_fit(mixture, FitRecord.of(estimator.fit_result_), rows.values, rows.weights)] if report else []
    try:
        if output is not None:
            mixture.save(output)
            entries.append(Entry("model", str(output)))
    finally:  # the fit is done: it is shown even if it cannot be written
        print_apart(mixture_summary(mixture), entry_grid(entries), *reports)
    if interrupt:
        raise interrupt


def _kind_of(family: Family, covariance_type: str, noise: bool, others: dict[str, Any]) -> "type[GaussianMixture]":
    """Return the estimator of a family; ValueError for options that it does not have, if they have a value."""
    from gaussmix.estimators import GaussianMixture, StudentMixture

    if family is Family.GAUSSIAN:
        return GaussianMixture
    if noise:
        raise ValueError("t distributions and uniform noise cannot be combined: leave out --noise or --family")
    if covariance_type in list(FactorName):
        raise ValueError(
            f"--covariance-type {covariance_type} is not defined for t distributions: choose another structure, or "
            "leave out --family"
        )
    for name, value in others.items():
        if value is not None:
            raise ValueError(f"{name} is not defined for t distributions: leave out {name} or --family")
    return StudentMixture


def _require_enough(table: Path, n_rows: int, components: int) -> None:
    least = max(2, components)
    if n_rows < least:
        raise ValueError(f"{table} has {counted(n_rows, 'row')}; {components} components need at least {least}")
