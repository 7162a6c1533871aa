"""``gaussmix select``."""

import csv
import re
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from gaussmix.cli.console import command, print_text, run_fit
from gaussmix.cli.options import (
    FactorName,
    HeaderFlag,
    NoHeaderFlag,
    RegCovar,
    SeedOption,
    TablePath,
    TimeBudget,
    flag,
    header_given,
    number_or_name,
    options_given,
)
from gaussmix.cli.outputs import check_output
from gaussmix.cli.summary import mixture_summary, print_apart
from gaussmix.cli.table_input import ColumnsOption, WeightsOption, as_frame, read_rows
from gaussmix.core.output_files import complete_file
from gaussmix.core.text import Entry, entry_grid

_RANGE = re.compile(r"\s*(\d+)\s*(?::\s*(\d+)\s*)?")
_MOST = 10_000  # components; more are probably a typo


class Criterion(StrEnum):
    """Names of `gaussmix.selection.table.CRITERIA`."""

    BIC = "bic"
    ICL = "icl"
    AIC = "aic"
    AICC = "aicc"
    CV = "cv"


@command
def select(
    table: TablePath,
    components: Annotated[
        str, typer.Option("--components", "-k", metavar="RANGE", help="Numbers of components, such as 1:9 or 2,4,8.")
    ] = "1:9",
    covariance_type: Annotated[
        str,
        typer.Option(
            metavar="all|sklearn|A,B,C",
            help="Covariance structures: EII to VVV, scikit-learn's four, or names, also of factor, as all,factor.",
        ),
    ] = "all",
    n_factors: Annotated[
        str | None,
        typer.Option(metavar="RANGE", help="Numbers of factors of the structure factor, such as 1:4 or 2,5."),
    ] = None,
    criterion: Annotated[
        Criterion, typer.Option(help="Criterion; the best model has the lowest value.")
    ] = Criterion.BIC,
    reg_covar: RegCovar = None,
    time_budget: TimeBudget = None,
    noise: Annotated[bool, flag("--noise", help="Compare each model also with uniform noise.")] = False,
    tails: Annotated[bool, flag("--tails", help="Compare each model also with t distributions.")] = False,
    seed: SeedOption = 0,
    jobs: Annotated[int | None, typer.Option(help="Number of threads; one per processor if not given.")] = None,
    columns: ColumnsOption = None,
    weights: WeightsOption = None,
    header: HeaderFlag = False,
    no_header: NoHeaderFlag = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the table of models to this .csv or .json file.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Write the best model to this file (JSON).")] = None,
    as_json: Annotated[bool, flag("--json", help="Print JSON instead of the table and the explanation.")] = False,
) -> None:
    """Compare numbers of components and covariance structures, and explain the choice."""
    check_output(output, table)
    check_output(model, table)
    if output is not None and output.suffix.lower() not in (".csv", ".json"):
        raise ValueError(f"{output} must end in .csv or .json")
    if output is not None and model is not None and output.absolute() == model.absolute():
        raise ValueError(f"{output} cannot be both the table (-o) and the model (--model)")
    numbers, types = numbers_in(components), _types_in(covariance_type)
    factors = _factors_in(n_factors, types)
    rows = read_rows(table, columns, weights, header_given(header, no_header))
    if rows.n_rows < 2:
        raise ValueError(f"{table} has 1 row; a comparison of models requires at least 2")
    from gaussmix.estimators import GaussianMixtureIC

    options: dict[str, Any] = options_given(
        n_factors=factors, reg_covar=number_or_name(reg_covar), time_budget=time_budget, n_jobs=jobs
    )
    if noise:
        options["noise"] = (False, True)
    if tails:
        options["family"] = ("gaussian", "student")
    search = GaussianMixtureIC(
        numbers, covariance_types=types, criterion=criterion.value, random_state=seed, progress=True, **options
    )
    interrupt = run_fit(search, lambda: search.fit(as_frame(rows), sample_weight=rows.weights))
    mixture = replace(search.mixture_, feature_names=rows.names)
    results, explanation = search.results_, search.why()
    content = results.to_json(reason=search.reason_, warnings=list(explanation.warnings))
    written = []
    try:
        if output is not None:
            with complete_file(output) as partial:
                text = results.to_csv() if output.suffix.lower() == ".csv" else content
                partial.write_text(text, encoding="utf-8")
            written.append(Entry("models", str(output)))
        if model is not None:
            mixture.save(model)
            written.append(Entry("model", str(model)))
    finally:  # the search is done: it is shown even if it cannot be written
        if as_json:
            print_text(content)
        else:
            print_apart(results, explanation, mixture_summary(mixture), *([entry_grid(written)] if written else []))
    if interrupt:
        raise interrupt


def numbers_in(text: str, option: str = "-k", what: str = "numbers of components") -> tuple[int, ...]:
    """Return the numbers in "1:9" (inclusive), "2,4,8", or a combination of both."""
    numbers: set[int] = set()
    for part in text.split(","):
        found = _RANGE.fullmatch(part)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= first <= last <= _MOST:
            raise ValueError(f"{option} must be {what}, at least 1, such as 1:9 or 2,4,8; got {text!r}")
        numbers.update(range(first, last + 1))
    return tuple(sorted(numbers))


def _types_in(text: str) -> list[str]:
    return [name.strip() for name in next(csv.reader([text]), [])]


def _factors_in(text: str | None, types: list[str]) -> tuple[int, ...] | None:
    if text is None:
        if any(name in list(FactorName) for name in types):
            raise ValueError("the structure factor needs --n-factors, such as --n-factors 1:4")
        return None
    if not any(name in list(FactorName) for name in types):
        raise ValueError('--n-factors is for the structure factor: add it, as in "--covariance-type all,factor"')
    return numbers_in(text, "--n-factors", "numbers of factors")
