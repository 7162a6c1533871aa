"""Diagnostics of a fitted posterior."""

from gaussmix.core.rows import WeightedRows
from gaussmix.diagnostics.fit import FitRecord, inspect_fit
from gaussmix.diagnostics.report import Report
from gaussmix.fitting.fit_posterior import PosteriorFit


def inspect_posterior(result: PosteriorFit, rows: WeightedRows | None = None) -> Report:
    """Report on a fitted posterior: that of its mixture, and facts about the posterior itself.

    Parameters
    ----------
    result : PosteriorFit
        The fit.
    rows : WeightedRows, optional
        Rows of the fit.

    Returns
    -------
    Report
        ``facts["posterior"]`` has the evidence lower bound, the distribution of the number of components with rows,
        and the number of components that were removed.
    """
    fit, posterior = result.fit, result.posterior
    record = FitRecord(result.reason, fit.stop.is_converged, fit.n_iter, start_log_likelihoods=None)
    given = (None, None, None) if rows is None else (rows.values, rows.weights, rows.noise)
    report = inspect_fit(posterior.mixture, record, *given)
    facts = {
        "lower_bound": result.bound,
        "n_components": posterior.n_components.tolist(),
        "n_pruned": result.n_pruned,
        "most_components": len(posterior.means) + result.n_pruned,
    }
    return Report(report.facts | {"posterior": facts})
