"""``gaussmix bayes``."""

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gaussmix.cli.console import command, fit_progress, notes, run_fit
from gaussmix.cli.options import (
    CovarianceType,
    CovarianceTypeOption,
    HeaderFlag,
    NoHeaderFlag,
    SeedOption,
    TablePath,
    TimeBudget,
    flag,
    header_given,
    options_given,
)
from gaussmix.cli.outputs import check_output
from gaussmix.cli.summary import mixture_summary, print_apart
from gaussmix.cli.table_input import ColumnsOption, WeightsOption, as_frame, read_rows
from gaussmix.core.covariance import display_name
from gaussmix.core.text import Entry, counted, entry_grid
from gaussmix.diagnostics.posterior_text import posterior_entries


class WeightPrior(StrEnum):
    """Names of ``weight_concentration_prior_type``, in short."""

    PROCESS = "process"
    DIRICHLET = "dirichlet"


_KINDS = {WeightPrior.PROCESS: "dirichlet_process", WeightPrior.DIRICHLET: "dirichlet_distribution"}


@command
def bayes(
    table: TablePath,
    components: Annotated[
        int, typer.Option("--components", "-k", min=1, metavar="NUMBER", help="Greatest number of components.")
    ] = 30,
    covariance_type: CovarianceTypeOption = CovarianceType.FULL,
    prior: Annotated[
        WeightPrior, typer.Option(help="Prior of the weights: a Dirichlet process or a Dirichlet distribution.")
    ] = WeightPrior.PROCESS,
    concentration: Annotated[
        float | None,
        typer.Option(help="Concentration of the weights: smaller values favor fewer components; default: 1 / NUMBER."),
    ] = None,
    time_budget: TimeBudget = None,
    seed: SeedOption = 0,
    columns: ColumnsOption = None,
    weights: WeightsOption = None,
    header: HeaderFlag = False,
    no_header: NoHeaderFlag = False,
    report: Annotated[bool, flag("--report", help="Print diagnostics of the rows and the fit.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the mixture of the expected parameters (JSON).")
    ] = None,
    posterior: Annotated[Path | None, typer.Option(help="Write the posterior to this file (JSON).")] = None,
) -> None:
    """Fit a Bayesian mixture to a table: the number of components follows from the rows."""
    check_output(output, table)
    check_output(posterior, table)
    if output is not None and posterior is not None and output.absolute() == posterior.absolute():
        raise ValueError(f"{output} cannot be both the model (-o) and the posterior (--posterior)")
    rows = read_rows(table, columns, weights, header_given(header, no_header))
    if rows.n_rows < 2:
        raise ValueError(f"{table} has {counted(rows.n_rows, 'row')}; a fit needs at least 2")
    from gaussmix.estimators import BayesianGaussianMixture

    with fit_progress(notes(), objective="mean evidence lower bound") as callback:
        estimator = BayesianGaussianMixture(
            n_components=min(components, rows.n_positive),
            covariance_type=covariance_type.value,
            weight_concentration_prior_type=_KINDS[prior],
            random_state=seed,
            callback=callback,
            **options_given(weight_concentration_prior=concentration, time_budget=time_budget),
        )
        interrupt = run_fit(estimator, lambda: estimator.fit(as_frame(rows), sample_weight=rows.weights))
    mixture = replace(estimator.mixture_, feature_names=rows.names)
    facts = estimator.report(as_frame(rows), rows.weights) if report else estimator.report()
    entries = [
        Entry("rows", f"{rows.n_rows:,}" + ("" if rows.weights is None else f" (total weight {rows.total:g})")),
        Entry("covariances", display_name(mixture.covariance_type, mixture.n_features)),
        *posterior_entries(facts.facts["posterior"]),
        Entry("why it stopped", estimator.stop_reason_),
    ]
    try:
        if output is not None:
            mixture.save(output)
            entries.append(Entry("model", str(output)))
        if posterior is not None:
            replace(estimator.posterior_, feature_names=rows.names).save(posterior)
            entries.append(Entry("posterior", str(posterior)))
    finally:  # the fit is done: it is shown even if it cannot be written
        print_apart(mixture_summary(mixture), entry_grid(entries), *([facts] if report else []))
    if interrupt:
        raise interrupt
