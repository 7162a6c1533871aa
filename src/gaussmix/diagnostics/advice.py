"""The smallest change that would help, chosen by the facts."""

from typing import Any

from gaussmix.core.covariance import covariance_class

_FEW_ROWS, _FEW_ROWS_TO_TURN = 1.0, 3.0  # per free parameter, where components do not and do turn their own way
_RIDGE_SHARE = 0.01
_SPREADS = 3.0  # ratio that makes balls of columns in different units
_RARE = 0.3  # of the starts
_MOST = 2


def advice_for_rows(rows: dict[str, Any]) -> list[str]:
    """At most two sentences about rows that are to be fitted; none when there is nothing to change."""
    return (_columns(rows) + _shape(rows) + _worst(rows))[:_MOST]


def advice_for_fit(facts: dict[str, Any]) -> list[str]:
    """At most two sentences about a fit; none when there is nothing to change."""
    rows, fit = facts.get("rows"), facts.get("fit")
    columns = [] if rows is None else _columns(rows)
    advice = columns + ([] if fit is None or fit["converged"] else ["More iterations: a larger max_iter."])
    if fit is not None and ridge_matters(fit):
        advice.append(f"A smaller reg_covar, or larger numbers in {fit['ridge']['column']}: multiply the column.")
    if not columns:  # they make components singular
        advice += _components(facts["components"])
    if rows is not None and not advice:
        advice += _shape(rows)
    starts = None if fit is None else fit["starts"]
    if starts is not None and starts["share_best"] < _RARE:
        advice.append("More starts: few found the best optimum, and there may be a better one.")
    if rows is not None:
        advice += _worst(rows)
    return advice[:_MOST]


def _columns(rows: dict[str, Any]) -> list[str]:
    dropped = [*rows["constant"], *(found["column"] for found in rows["duplicates"])]
    dropped = dropped or [found["column"] for found in rows["collinear"]]
    dropped += rows["ordered"]
    return [f"Leave out {in_words(dropped)}."] if dropped else []


def _components(components: list[dict[str, Any]]) -> list[str]:
    bad = [found for found in components if found["troubles"]]
    if not bad:
        return []
    causes = {trouble for found in bad for trouble in found["troubles"]}
    if causes <= {"collapsed", "ridged"}:
        return ["Look at the rows and units of the components that do not vary, or use a simpler covariance_type."]
    surely = sum(found["troubles"] != ["unpaid"] for found in bad)
    fewer = len(components) - surely - (len(bad) > surely)  # without one of them, the others may pay
    if fewer < 1:
        return ["A simpler covariance_type, or more rows."]
    return [f"Fewer components: n_components={fewer}."]


def _shape(rows: dict[str, Any]) -> list[str]:
    advice = []
    if too_few_rows(rows):
        full = rows["covariance_type"] == "full" and rows["n_features"] > 1
        change = 'covariance_type="diag" or "tied"' if full else "Fewer components"
        if full or rows["n_components"] > 1:
            advice.append(f"{change}: there are {rows['rows_per_parameter']:.2g} rows per free parameter.")
    if unequal(rows):
        advice.append('Divide each column by its standard deviation, or use covariance_type="diag".')
    return advice


def _worst(rows: dict[str, Any]) -> list[str]:
    row = rows["outliers"]["worst_row"]
    return [] if row is None else [f"Look at row {row}: it is far from all others."]


def too_few_rows(rows: dict[str, Any]) -> bool:
    """Whether there are too few rows for what is estimated from them."""
    turns = covariance_class(rows["covariance_type"]).letters[2] == "V"
    return bool(rows["rows_per_parameter"] < (_FEW_ROWS_TO_TURN if turns else _FEW_ROWS))


def ridge_matters(fit: dict[str, Any]) -> bool:
    """Whether what is added to the variances is more than a detail."""
    return bool(fit["ridge"]["share"] > _RIDGE_SHARE)


def unequal(rows: dict[str, Any]) -> bool:
    """Whether the units of the columns matter: to balls they do."""
    spreads = rows["spreads"]
    return rows["covariance_type"] == "spherical" and spreads is not None and spreads["ratio"] > _SPREADS


def in_words(names: list[str], most: int = 5) -> str:
    """``a, b and c``; of many the first."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
