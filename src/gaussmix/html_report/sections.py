"""Sections of the report as markup."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy.special import chdtrc

from gaussmix.components.merging import merge_components
from gaussmix.core.component_means import format_means
from gaussmix.core.covariance import display_name
from gaussmix.core.markup import Markup, element, joined
from gaussmix.core.mixture import Mixture
from gaussmix.core.text import counted, join_words
from gaussmix.core.typing import FloatArray
from gaussmix.diagnostics import Report
from gaussmix.diagnostics.description import ClusterDescriptions
from gaussmix.diagnostics.description.rules import share_text
from gaussmix.html_report.elements import bullets, data_table, definition_list, note, paragraph
from gaussmix.html_report.model_and_rows import ModelAndRows
from gaussmix.html_report.model_comparison import FitCriteria, ModelComparison
from gaussmix.html_report.row_scores import CERTAINTIES, RARE, RowScores
from gaussmix.plots.drawing import color_of
from gaussmix.selection.rendering import BEST, DOUBTFUL, FAILED, grid, legend, parts, title

_MOST_ACROSS = 8  # columns of numbers in one table
_MOST_MEANS = 5  # columns of means with standard deviations
_MOST_FEATURES = 100
_MOST_NOTES = 8
_MOST_DISTINCT = 3  # features of a component
_FAR, _CHANCE = 2.0, 0.05  # standard deviations of one feature; probability of as great a Mahalanobis distance
_LONG = 1e12
_TOLERANCE = 0.01  # nats between runs that end at the same optimum
_OVERLAP = 0.05
_SHADES = (0.5, 1.25)  # standard deviations of a feature from which a mean is shaded lightly, and darkly
_MARKS = {BEST: "best", DOUBTFUL: "doubtful", FAILED: "failed"}
_LETTERS = {
    "volume": {"E": "equal volume", "V": "variable volume"},
    "shape": {"I": "spherical", "E": "equal shape", "V": "variable shape"},
    "orientation": {"I": "axis-aligned", "E": "equal orientation", "V": "variable orientation"},
}


def describe_structure(mixture: Mixture) -> str:
    """Return the covariance structure in mclust's terms."""
    structure = type(mixture.covariance)
    volume, shape, orientation = tuple(structure.letters)
    words = [_LETTERS["volume"][volume]]
    if mixture.n_features > 1:
        words.append(_LETTERS["shape"][shape])
        if shape != "I":
            words.append(_LETTERS["orientation"][orientation])
    return f"{display_name(structure.name, mixture.n_features)}: {', '.join(words)}"


def lead(data: ModelAndRows, scores: RowScores) -> Markup:
    """Return the line below the title with the numbers of rows, features and components, and the structure."""
    mixture = data.mixture
    weight = "" if scores.weight == scores.n_rows else f" (total weight {scores.weight:g})"
    return paragraph(
        f"{counted(scores.n_rows, 'row')}{weight}, {counted(mixture.n_features, 'feature')}, "
        f"{counted(mixture.n_components, 'component')} of structure {describe_structure(mixture)}"
        f"{'' if mixture.background is None else ', and uniform noise'}"
    )


def summary(scores: RowScores, fit_criteria: FitCriteria, report: Report, comparison: ModelComparison | None) -> Markup:
    """Return likelihood, criteria, the best model found, and flagged diagnostics."""
    unusual = [entry for entry in report.entries() if entry.flagged]
    rows_each = scores.weight / fit_criteria.n_parameters
    total, mean = fit_criteria.log_likelihood, fit_criteria.log_likelihood / scores.weight
    entries: list[tuple[object, object]] = [
        ("log-likelihood", f"{_fixed(total, 4)} ({_fixed(mean, 6)} per row)"),
        ("parameters", f"{fit_criteria.n_parameters:,} free; {rows_each:,.1f} rows per parameter"),
        ("BIC", f"{_fixed(fit_criteria.bic, 3)} (lower is better, for all criteria in this report)"),
        ("ICL", _fixed(fit_criteria.icl, 3)),
        ("AIC", _fixed(fit_criteria.aic, 3)),
    ]
    if comparison is not None:
        entries.append(("best model found", comparison.search.reason_))
    if not unusual:
        return definition_list([*entries, ("unusual", "nothing")])
    texts = [f"{entry.label}: {entry.text}" for entry in unusual]
    rest = [] if len(texts) <= _MOST_NOTES else [f"and {len(texts) - _MOST_NOTES} more, see Diagnostics"]
    advice = paragraph("Advice: " + " ".join(report.facts["advice"])) if report.facts["advice"] else ""
    return joined([definition_list(entries), note(paragraph("Unusual:"), bullets(texts[:_MOST_NOTES] + rest), advice)])


def components(data: ModelAndRows, scores: RowScores) -> Markup:
    """Return weights, means and standard deviations, with a column for each component if there are many features."""
    mixture, separation = data.mixture, data.separation
    k, d = mixture.n_components, mixture.n_features
    texts, shades = format_means(mixture), _shades(data.standardized_means)
    cells = [list(zip(*lines, strict=True)) for lines in zip(texts, shades, strict=True)]
    caption = (
        "Assigned rows: the rows of which the component is the most probable one (the diagnostics sum probabilities). "
        "Mean ± standard deviation. Shaded cells: the mean is above (orange) or below (blue) that of the mixture by "
        f"more than {_SHADES[0]:g} or {_SHADES[1]:g} standard deviations of the mixture. "
    )
    between = "variance between"
    explained = "Variance between: the share of the variance of a feature that is between the components."
    lines: list[list[object]]
    if d <= _MOST_MEANS:
        lines = [
            [component(at), f"{mixture.weights[at]:.4f}", _count(scores.counts[at]), *cells[at]] for at in range(k)
        ]
        if mixture.background is not None:
            lines.append(["noise", f"{mixture.background.weight:.4f}", _count(scores.counts[k]), *[""] * d])
        if k > 1:
            caption += explained
            lines.append([between, "", "", *(f"{100 * share:.0f} %" for share in separation)])
        return data_table(caption, ["component", "weight", "assigned rows", *data.names], lines)
    shown = data.separating_features(_MOST_FEATURES)
    tables = []
    caption += explained
    for part in parts(k, _MOST_MEANS):
        lines = [
            ["weight", "", *(f"{mixture.weights[at]:.4f}" for at in part)],
            ["assigned rows", "", *(_count(scores.counts[at]) for at in part)],
        ]
        lines += [
            [data.names[feature], f"{100 * separation[feature]:.0f} %", *(cells[at][feature] for at in part)]
            for feature in shown
        ]
        tables.append(data_table(caption, ["feature", between, *map(component, part)], lines))
        caption = f"Components from {part[-1] + 1} on"
    if len(shown) < d:
        tables.append(
            paragraph(f"Shown: the {len(shown)} of {d} features that separate the components best.", quiet=True)
        )
    return joined(tables)


def clusters(described: ClusterDescriptions) -> Markup:
    """Return the rules and the most distinct features of each component, and its nearest neighbor."""
    if len(described) == 1:
        return paragraph("The mixture has one component.")
    rules = [
        [component(each.cluster), rule.text, share_text(rule.precision), share_text(rule.recall)]
        for each in described
        for rule in each.rules
    ]
    features = [
        [
            component(each.cluster),
            contrast.name,
            *(f"{value:.4g}" for value in (contrast.mean, contrast.others)),
            f"{contrast.difference:+.1f}",
            share_text(contrast.overlap),
        ]
        for each in described
        for contrast in each.features[:_MOST_DISTINCT]
    ]
    neighbors = [
        [component(each.cluster), component(each.nearest), share_text(each.overlap)]
        for each in described
        if each.nearest is not None and each.overlap is not None
    ]
    return joined(
        [
            data_table(
                "Short rules that select the rows of a component. Precision: the share of the selected rows that "
                "belong to it. Recall: the share of its rows that are selected.",
                ["component", "rule", "precision", "recall"],
                rules,
                words=(1,),
            )
            if rules
            else paragraph("No rule of one or two thresholds selects the rows of a component."),
            data_table(
                "The features that set a component apart. Difference: of the mean from that of the other rows, in "
                "standard deviations within both. Overlap: of the marginal densities, 100% if they are equal.",
                ["component", "feature", "mean", "others", "difference", "overlap"],
                features,
                words=(1,),
            ),
            data_table(
                "The nearest component, and the overlap as in the section on overlap",
                ["component", "nearest", "overlap"],
                neighbors,
                words=(1,),
            ),
        ]
    )


def certainty(data: ModelAndRows, scores: RowScores) -> Markup:
    """Return counts of rows by the certainty of their component, and the least certain rows."""
    if data.mixture.n_components == 1:
        return paragraph("The mixture has one component.")
    first, *others = CERTAINTIES
    columns = [f"{100 * first:g}\N{NO-BREAK SPACE}% or more"]
    columns += [f"{100 * low:g} to {100 * high:g} %" for low, high in zip(others, CERTAINTIES, strict=False)]
    columns.append(f"below {100 * CERTAINTIES[-1]:g} %")
    lines: list[list[object]] = [
        [_source(data, at), *(_count(count) for count in counts)] for at, counts in enumerate(scores.certainty_counts)
    ]
    total = scores.certainty_counts.sum(axis=0)
    lines.append(["all", *(f"{_count(count)} ({100 * count / scores.weight:.1f} %)" for count in total)])
    table = data_table("Rows by their most probable component and its probability", ["component", *columns], lines)
    if not scores.uncertain.size:
        text = f"The most probable component of every row has a probability of at least {CERTAINTIES[1]:.0%}."
        return joined([table, paragraph(text)])
    order = np.argsort(-scores.uncertain_responsibilities, axis=1, kind="stable")[:, :2]
    shares = np.take_along_axis(scores.uncertain_responsibilities, order, axis=1)
    uncertain = [
        [f"{row}", _source(data, int(one)), f"{100 * share:.1f} %", _source(data, int(other)), f"{100 * next_:.1f} %"]
        for row, (one, other), (share, next_) in zip(scores.uncertain, order, shares, strict=True)
    ]
    return joined(
        [
            table,
            data_table(
                "The least certain rows, counted from 0",
                ["row", "most probable", "probability", "second", "probability"],
                uncertain,
                words=(1, 3),
            ),
        ]
    )


def _source(data: ModelAndRows, at: int) -> object:
    """Return the mark of a component, or the word "noise"."""
    return component(at) if at < data.mixture.n_components else "noise"


def unusual_rows(data: ModelAndRows, scores: RowScores) -> Markup:
    """Return the rows of lowest density, and whether they are more than expected."""
    lines = []
    for row, log_density, share, label in zip(
        scores.unlikely,
        scores.unlikely_log_density,
        scores.unlikely_shares,
        scores.unlikely_labels.tolist(),
        strict=True,
    ):
        values = np.asarray(data.rows.values[row], dtype=np.float64)
        lower = f"{100 * share:.3g} %" if share else f"< {100 / scores.n_draws:g} %"
        lines.append(
            [f"{row}", _fixed(log_density, 3), lower, _source(data, label), _unusual_feature(data, values, label)]
        )
    table = data_table(
        "The rows of lowest density, counted from 0. Expected lower: the share of rows drawn from the mixture that "
        "have a lower density. The last column names the feature that is farthest from the mean of the row's most "
        "probable component.",
        ["row", "log density", "expected lower", "component", "unusual feature"],
        lines,
        words=(3, 4),
    )
    expected = (
        f"{100 * RARE:g} % of the rows are expected to have a log density below {scores.rare_log_density:.3f}; "
        f"{100 * scores.rare_share:.2g} % have."
    )
    if scores.rare_share > 3 * RARE:
        expected += " The mixture does not describe all rows well."
    return joined([table, paragraph(expected)])


def _unusual_feature(data: ModelAndRows, values: FloatArray, label: int) -> str:
    """Describe the feature in which a row is far from the mean of its component, if there is a single one."""
    mixture = data.mixture
    if label >= mixture.n_components:
        return "none: the row is noise"
    covariance, away = mixture.covariance.dense()[label], values - mixture.means[label]
    distances = away / np.sqrt(np.diagonal(covariance))
    worst = int(np.abs(distances).argmax())
    if abs(distances[worst]) >= _FAR:
        side = "above" if distances[worst] > 0 else "below"
        far = _fixed(abs(distances[worst]), 1)
        return f"{data.names[worst]} is {values[worst]:.6g}, {far} standard deviations {side} the mean"
    if chdtrc(mixture.n_features, away @ np.linalg.solve(covariance, away)) < _CHANCE:
        return "no single feature but their combination"
    return "none: the row is well within its component"


def diagnostics(report: Report, recorded: bool) -> Markup:
    """Return the entries of the report, flagged ones in color."""
    entries = [
        (entry.label, element("span", entry.text, class_="warn") if entry.flagged else entry.text)
        for entry in report.entries()
    ]
    hint = paragraph(
        "A model file has no record of the fit. gaussmix fit --report prints one, and write_report shows it "
        "if called with the estimator.",
        quiet=True,
    )
    return joined([definition_list(entries), "" if recorded else hint])


def overlap(data: ModelAndRows, report: Report) -> Markup:
    """Return the pairs of components that overlap, and the components that share a mode."""
    mixture, facts = data.mixture, report.facts["overlap"]
    if mixture.n_components == 1:
        return paragraph("The mixture has one component.")
    if facts["pairs"]:
        lines = [
            [
                joined([component(pair["components"][0]), " and ", component(pair["components"][1])]),
                f"{100 * pair['overlap']:.1f} %",
                *(f"{100 * taken:.1f} %" for taken in pair["taken"]),
            ]
            for pair in facts["pairs"]
        ]
        pairs = data_table(
            "Overlap of two components: the sum of their misclassification probabilities (Maitra and Melnykov 2010), "
            f"estimated from {facts['draws']:,} rows drawn from each",
            ["components", "overlap", "first taken for second", "second taken for first"],
            lines,
        )
    else:
        pairs = paragraph("No two components overlap by 1 % or more.")
    held = np.flatnonzero(mixture.weights)
    clusters = (
        merge_components(mixture.without_noise().take(held), method="ridgeline-unimodal").cut().component_clusters
    )
    groups = [held[clusters == cluster].tolist() for cluster in range(int(clusters.max()) + 1)]
    merged = [group for group in groups if len(group) > 1]
    if not merged:
        return joined([pairs, paragraph(_separate_modes(facts["pairs"]))])
    shared = note(
        paragraph(
            f"Components that share a mode: {'; '.join(map(join_words, merged))}. They may describe one cluster that "
            f"is not normal in shape: {counted(len(groups), 'cluster')} instead of {mixture.n_components} components. ",
            element("code", "gaussmix.merge_components"),
            element("code", '(method="ridgeline-unimodal")'),
            " merges them and does not change the density. Other methods may give other clusters.",
        )
    )
    return joined([pairs, shared])


def _separate_modes(pairs: Sequence[dict[str, Any]]) -> str:
    """Say that each component has a mode of its own, which overlap does not exclude."""
    if not pairs or pairs[0]["overlap"] < _OVERLAP:
        return "No two components share a mode."
    return (
        "No two components share a mode: the density has a maximum in each. Components that overlap are still taken "
        "for each other where the table says so."
    )


def other_models(comparison: ModelComparison, names: Sequence[str], n_rows: int) -> Markup:
    """Return the criteria for other numbers of components and covariance structures on the same rows."""
    table = comparison.search.results_
    content: list[object] = [paragraph(comparison.search.reason_)]
    if comparison.n_rows < n_rows:
        text = f"Compared on {comparison.n_rows:,} of the {n_rows:,} rows, drawn at random."
        content.append(paragraph(text, quiet=True))
    best = [FitCriteria.from_table(table, int(line)) for line in table.ranked[:5]]
    this = [(cell, "this") for cell in _criteria_line("this model", comparison.model)]
    lines = [this if _is_same_fit(each, comparison.model) else _criteria_line("", each) for each in best]
    if this not in lines:
        lines.insert(0, this)
    content.append(
        data_table(
            "This model and the five best models of the search; lower is better, except for the log-likelihood",
            ["", "model", "log-likelihood", "parameters", "BIC", "ICL", "AIC"],
            lines,
            words=(1,),
        )
    )
    if comparison.refit is not None:
        behind = comparison.refit.log_likelihood - comparison.model.log_likelihood
        if behind > max(_TOLERANCE, 1e-9 * abs(comparison.refit.log_likelihood)):
            text = (
                f"{comparison.refit.name} fitted to these rows has a log-likelihood {behind:.4g} nats higher than this "
                "model, which may have been fitted to other rows or with a stronger reg_covar, or may have ended at a "
                "lower optimum."
            )
            content.append(note(paragraph(text)))
    content += _criterion_tables(comparison)
    if comparison.dropped:
        left_out = join_words(names[column] for column in comparison.dropped)
        text = f"Left out of the comparison, because constant or determined by other columns: {left_out}."
        content.append(paragraph(text, quiet=True))
    content += [paragraph(warning, quiet=True) for warning in comparison.notes]
    return joined(content)


def _is_same_fit(one: FitCriteria, other: FitCriteria) -> bool:
    """Return whether two fits of a model have the same log-likelihood, up to the tolerance of EM."""
    gap = abs(one.log_likelihood - other.log_likelihood)
    return one.name == other.name and gap <= max(_TOLERANCE, 1e-9 * abs(one.log_likelihood))


def _criterion_tables(comparison: ModelComparison) -> Iterable[Markup]:
    """Yield tables of the criterion, as differences from the best model."""
    table = comparison.search.results_
    ks, types, cells = grid(table)
    marked = [[(f"{number}{mark}".strip(), _MARKS.get(mark)) for number, mark in line] for line in cells]
    for part in parts(len(types), _MOST_ACROSS):
        lines = [[f"{k}", *(line[at] for at in part)] for k, line in zip(ks, marked, strict=True)]
        yield data_table(f"{title(table)}. {legend(table)}.", ["K", *(types[at] for at in part)], lines)


def _criteria_line(heading: str, fit_criteria: FitCriteria) -> list[object]:
    numbers = [_fixed(fit_criteria.log_likelihood, 3), f"{fit_criteria.n_parameters:,}"]
    numbers += [_fixed(value, 2) for value in (fit_criteria.bic, fit_criteria.icl, fit_criteria.aic)]
    return [heading, fit_criteria.name, *numbers]


def component(number: int) -> Markup:
    """Return the number of a component next to its color."""
    return joined([element("span", class_="dot", style=f"background:{color_of(number)}", aria_hidden="true"), number])


def _shades(standardized: FloatArray) -> list[list[str | None]]:
    """Return the CSS classes (k, d) of the cells of means."""
    steps = np.searchsorted(_SHADES, np.abs(standardized))
    return [
        [f"{'above' if value > 0 else 'below'}{step}" if step else None for value, step in zip(*line, strict=True)]
        for line in zip(standardized, steps, strict=True)
    ]


def _fixed(value: float, digits: int) -> str:
    """Return the number with the given number of decimals, or in short form if it is very long."""
    return f"{value:.{digits}f}" if abs(value) < _LONG else f"{value:.6g}"


def _count(count: float) -> str:
    """Return a number of rows, with a decimal if it is not whole."""
    return f"{count:,.0f}" if float(count).is_integer() else f"{count:,.1f}"
