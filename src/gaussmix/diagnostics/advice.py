"""Advice: small changes that may help, based on the facts of a report."""

from typing import Any

from gaussmix.core.covariance import covariance_class
from gaussmix.core.text import join_words

_ROWS_PER_PARAMETER, _ROWS_PER_PARAMETER_IF_ORIENTED = 1.0, 3.0  # the latter for orientations that differ
_RIDGE_SHARE = 0.01
_SPREADS = 3.0  # ratio of the standard deviations of two columns
_RARE = 0.3  # share of the starts
_MOST = 2
_MOST_COLUMNS = 5


def advice_for_rows(rows: dict[str, Any]) -> list[str]:
    """Return at most two sentences of advice about rows before a fit."""
    return (_columns(rows) + _logarithms(rows) + _shape(rows) + _outliers(rows))[:_MOST]


def advice_for_fit(facts: dict[str, Any]) -> list[str]:
    """Return at most two sentences of advice about a fit."""
    rows, fit = facts.get("rows"), facts.get("fit")
    columns = [] if rows is None else _columns(rows)
    advice = columns + ([] if fit is None or fit["converged"] else ["Increase max_iter."])
    if fit is not None and ridge_matters(fit):
        advice.append(f"Use a smaller reg_covar, or multiply {fit['ridge']['column']} by a constant.")
    if not columns:  # redundant columns make components singular
        advice += _components(facts["components"])
    if rows is not None and not advice:
        advice += _logarithms(rows) + _shape(rows)
    starts = None if fit is None else fit["starts"]
    if starts is not None and starts["share_best"] < _RARE:
        advice.append("Use more starts: few of them reached the best optimum, so there may be a better one.")
    if rows is not None:
        advice += _outliers(rows)
    return advice[:_MOST]


def _columns(rows: dict[str, Any]) -> list[str]:
    dropped = [*rows["constant"], *(found["column"] for found in rows["duplicates"])]
    dropped = dropped or [found["column"] for kind in ("collinear", "products") for found in rows[kind]]
    others = [found["column"] for found in rows.get("not_numbers", [])]
    dropped = others + dropped + rows["ordered"]
    return [f"Leave out {join_words(dropped, _MOST_COLUMNS)}."] if dropped else []


def _logarithms(rows: dict[str, Any]) -> list[str]:
    skewed = [found["column"] for found in rows["skewed"]]
    return [f"Fit the logarithm of {join_words(skewed, _MOST_COLUMNS)}."] if skewed else []


def _components(components: list[dict[str, Any]]) -> list[str]:
    bad = [found for found in components if found["troubles"]]
    if not bad:
        return []
    causes = {trouble for found in bad for trouble in found["troubles"]}
    if causes <= {"collapsed", "ridged"}:
        return ["Check the rows and the units of components that do not vary, or use a simpler covariance_type."]
    surely = sum(found["troubles"] != ["unpaid"] for found in bad)
    fewer = len(components) - surely - (len(bad) > surely)  # removing one may suffice
    if fewer < 1:
        return ["Use a simpler covariance_type, or more rows."]
    return [f"Use fewer components: n_components={fewer}."]


def _shape(rows: dict[str, Any]) -> list[str]:
    advice = []
    if too_few_rows(rows):
        full = rows["covariance_type"] == "full" and rows["n_features"] > 1
        change = 'covariance_type="diag" or "tied"' if full else "fewer components"
        if full or rows["n_components"] > 1:
            advice.append(f"Use {change}: there are {rows['rows_per_parameter']:.2g} rows per free parameter.")
    if units_matter(rows):
        advice.append('Divide each column by its standard deviation, or use covariance_type="diag".')
    return advice


def _outliers(rows: dict[str, Any]) -> list[str]:
    row = rows["outliers"]["worst_row"]
    return [] if row is None else [f"Check row {row}: it is far from all others."]


def too_few_rows(rows: dict[str, Any]) -> bool:
    """Return whether there are too few rows for the number of parameters."""
    oriented = covariance_class(rows["covariance_type"]).letters[2] == "V"
    return bool(rows["rows_per_parameter"] < (_ROWS_PER_PARAMETER_IF_ORIENTED if oriented else _ROWS_PER_PARAMETER))


def ridge_matters(fit: dict[str, Any]) -> bool:
    """Return whether the variance added by ``reg_covar`` is not negligible."""
    return bool(fit["ridge"]["share"] > _RIDGE_SHARE)


def units_matter(rows: dict[str, Any]) -> bool:
    """Return whether a column dominates spherical components because of its standard deviation."""
    spreads = rows["spreads"]
    return rows["covariance_type"] == "spherical" and spreads is not None and spreads["ratio"] > _SPREADS
