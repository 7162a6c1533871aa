"""What the page shows, as values of JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from gaussmix.app.tables.em_runs import EMSteps
from gaussmix.app.tables.model_search import FoundModels
from gaussmix.app.tables.open_table import OpenTable
from gaussmix.app.tables.row_scores import RowScores
from gaussmix.app.tables.session import ChosenRows, TableSession, key_of
from gaussmix.app.tables.views import CONTOURS, ELLIPSES, view_of
from gaussmix.core.covariance import display_name

MOST_LISTED = 200
"""Outliers that are listed with reasons."""


def table_answer(table: OpenTable) -> dict[str, Any]:
    """Return the columns of a table."""
    return {
        "n_rows": table.n_rows,
        "header": table.header,
        "is_doubtful": table.is_doubtful,
        "columns": [asdict(column) for column in table.columns],
    }


def chosen_answer(chosen: ChosenRows) -> dict[str, Any]:
    """Return what is known of the chosen columns before any model."""
    return {
        "names": chosen.names,
        "n_rows": len(chosen.rows),
        "n_drawn": len(chosen.drawn),
        "n_incomplete": np.isnan(chosen.rows).any(axis=1).sum(),
        "ranges": chosen.ranges,
    }


def points_answer(chosen: ChosenRows, features: Sequence[int]) -> dict[str, Any]:
    """Return the rows that are drawn: their positions, and the values of some features."""
    return {"rows": chosen.drawn, "values": [chosen.rows[chosen.drawn, feature] for feature in features]}


def models_answer(found: FoundModels, criterion: str) -> dict[str, Any]:
    """Return the table of models by a criterion."""
    results = found.search.results_.by(criterion)
    lines = []
    for line in range(len(results)):
        spec = results.spec_of(line)
        lines.append(
            {
                "key": key_of(spec),
                "n_components": spec.n_components,
                "structure": spec.covariance_type,
                "name": results.name_of(line),
                "value": results.value[line],
                "difference": results.difference[line],
                "status": results.status[line],
                "trouble": results.trouble[line],
                "n_parameters": results.n_parameters[line],
                "log_likelihood": results.log_likelihood[line],
            }
        )
    why = str(found.search.why()) if criterion == found.search.criterion else ""
    structures = [
        {"name": name, "title": display_name(name, results.n_features)}
        for name in dict.fromkeys(results.covariance_type.tolist())
    ]
    return {
        "criterion": criterion,
        "best": key_of(results.spec_of(results.best)),
        "numbers": sorted(set(results.n_components.tolist())),
        "structures": structures,
        "lines": lines,
        "reason": found.search.reason_ if criterion == found.search.criterion else "",
        "why": why,
        "notes": found.notes,
    }


def steps_answer(steps: EMSteps) -> dict[str, Any]:
    """Return the trace of a run of EM."""
    trace = steps.trace
    return {
        "n_components": steps.request.n_components,
        "covariance_type": steps.request.covariance_type,
        "log_likelihood": trace.log_likelihood,
        "bound": trace.bound,
        "titles": [steps.title_of(frame) for frame in range(steps.n_frames)],
        "notes": steps.notes,
    }


def view_answer(session: TableSession, key: str, features: Sequence[int], *, contours: bool) -> dict[str, Any]:
    """Return what is drawn of a model, with the labels of the rows that are drawn."""
    chosen, mixture, scores = session.require_chosen(), session.mixture(key), session.scores(key)
    view = view_of(mixture, chosen.rows, features, contours=contours)
    view |= {"n_components": mixture.n_components, "levels": {"ellipses": ELLIPSES, "contours": CONTOURS}}
    if scores is not None:
        shares = scores.responsibilities[chosen.drawn]
        view |= {
            "labels": scores.labels[chosen.drawn],
            "certainty": shares.max(axis=1),
            "counts": np.bincount(scores.labels, minlength=mixture.n_components),
        }
    return view


def row_answer(session: TableSession, position: int, key: str | None) -> dict[str, Any]:
    """Return the cells of a row, and what a model says of it."""
    answer: dict[str, Any] = {"row": position, "cells": session.opened().row(position)}
    scores = None if key is None else session.scores(key)
    if scores is not None:
        answer |= {
            "label": scores.labels[position],
            "responsibilities": scores.responsibilities[position],
            "log_density": scores.log_density[position],
            "p_value": scores.p_values[position],
        }
    return answer


def outliers_answer(chosen: ChosenRows, scores: RowScores, alpha: float, control: str) -> dict[str, Any]:
    """Return which drawn rows are outliers, and the reasons for those with the lowest p-values."""
    flags = scores.flagged(alpha, control)
    explained = scores.explained(flags, MOST_LISTED)
    return {
        "n_flagged": flags.sum(),
        "n_tested": scores.is_complete.sum(),
        "drawn": flags[chosen.drawn],
        "rows": chosen.drawn[flags[chosen.drawn]],
        "listed": [
            {"row": row, "p_value": p, "component": component, "reason": reason}
            for row, p, component, reason in zip(
                explained.rows, explained.p_values, explained.components, explained.reasons, strict=True
            )
        ],
    }


def selection_answer(session: TableSession) -> dict[str, Any]:
    """Return how many rows are selected, and which of those that are drawn."""
    chosen = session.require_chosen()
    return {"n_selected": session.selected.sum(), "drawn": session.selected[chosen.drawn]}
