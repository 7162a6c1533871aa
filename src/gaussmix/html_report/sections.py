"""The parts of the page, each from numbers to markup."""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.special import chdtrc

from gaussmix.components.merging import merge_components
from gaussmix.core.mixture import Mixture
from gaussmix.core.text import counted, join_words
from gaussmix.core.typing import FloatArray
from gaussmix.diagnostics import Report
from gaussmix.diagnostics.means import format_means
from gaussmix.html_report.elements import (
    Markup,
    bullets,
    data_table,
    element,
    joined,
    names_and_values,
    paragraph,
)
from gaussmix.html_report.model_and_rows import ModelAndRows
from gaussmix.html_report.model_comparison import Alternatives, Fitness
from gaussmix.html_report.row_scores import CERTAINTIES, RARE, RowScores
from gaussmix.plots.drawing import color_of
from gaussmix.selection.rendering import BEST, DOUBTFUL, FAILED, grid, legend, parts, title

_MOST_ACROSS = 8  # columns of numbers in one table
_MOST_MEANS = 5  # columns of means with their deviations
_MOST_FEATURES = 100
_MOST_NOTES = 8
_FAR, _CHANCE = 2.0, 0.05  # standard deviations, and the probability of as great a distance, of an unusual row
_LONG = 1e12
_SHADES = (0.5, 1.25)  # standard deviations of a feature, from which a mean is shaded and shaded more
_MARKS = {BEST: "best", DOUBTFUL: "doubtful", FAILED: "failed"}
_LETTERS = {
    "volume": {"E": "equal volumes", "V": "volumes of their own"},
    "shape": {"I": "spheres", "E": "equal shapes", "V": "shapes of their own"},
    "orientation": {"I": "axes along the columns", "E": "equal orientations", "V": "orientations of their own"},
}


def structurejoin_words(mixture: Mixture) -> str:
    """What the components' covariances share."""
    structure = type(mixture.covariance)
    volume, shape, orientation = tuple(structure.letters)
    said = [_LETTERS["volume"][volume]]
    if mixture.n_features > 1:
        said.append(_LETTERS["shape"][shape])
        if shape != "I":
            said.append(_LETTERS["orientation"][orientation])
    name = structure.name if structure.name == structure.letters else f"{structure.name} ({structure.letters})"
    return f"{name}: {', '.join(said)}"


def lead(subject: ModelAndRows, seen: RowScores) -> Markup:
    """Below the title: how much of what."""
    mixture = subject.mixture
    k, d = mixture.n_components, mixture.n_features
    weight = "" if seen.weight == seen.n_rows else f" (total weight {seen.weight:g})"
    return paragraph(
        f"{counted(seen.n_rows, 'row')}{weight}, {counted(d, 'feature')}, {counted(k, 'component')} "
        f"of structure {structurejoin_words(mixture)}"
    )


def in_short(seen: RowScores, fitness: Fitness, report: Report, found: Alternatives | None) -> Markup:
    """What to know when nothing else is read."""
    unusual = [entry for entry in report.entries() if entry.flagged]
    rows_each = seen.weight / fitness.n_parameters
    total, mean = fitness.log_likelihood, fitness.log_likelihood / seen.weight
    facts: list[tuple[object, object]] = [
        (
            "log-likelihood",
            f"{_fixed(total, 4)} ({_fixed(mean, 6)} per row)",
        ),
        ("parameters", f"{fitness.n_parameters:,} free, {rows_each:,.1f} rows for each"),
        ("BIC", f"{_fixed(fitness.bic, 3)} (lower is better, as of all criteria here)"),
        ("ICL", _fixed(fitness.icl, 3)),
        ("AIC", _fixed(fitness.aic, 3)),
    ]
    if found is not None:
        facts.append(("best found", found.search.reason_))
    if not unusual:
        return names_and_values([*facts, ("unusual", "nothing")])
    said = [f"{entry.label}: {entry.text}" for entry in unusual]
    rest = [] if len(said) <= _MOST_NOTES else [f"and {len(said) - _MOST_NOTES} more, below"]
    notes = bullets(said[:_MOST_NOTES] + rest)
    advice = paragraph("What would help: " + " ".join(report.facts["advice"])) if report.facts["advice"] else ""
    return joined([names_and_values(facts), element("div", paragraph("Unusual:"), notes, advice, class_="note")])


def components(subject: ModelAndRows, seen: RowScores) -> Markup:
    """Weights, means and standard deviations: components are lines, or columns where features are many."""
    mixture, separation = subject.mixture, subject.separation
    k, d = mixture.n_components, mixture.n_features
    words, shades = format_means(mixture), _shades(subject.standardized_means)
    cells = [list(zip(*lines, strict=True)) for lines in zip(words, shades, strict=True)]
    caption = (
        "Mean ± standard deviation. Shaded: the mean lies above (orange) or below (blue) that of the mixture, by more "
        f"than {_SHADES[0]:g} or {_SHADES[1]:g} of its standard deviations. "
    )
    between = "variance between"
    explained = "Variance between: the share of a feature's variance that lies between the components."
    lines: list[list[object]]
    if d <= _MOST_MEANS:
        lines = [[component(at), f"{mixture.weights[at]:.4f}", _number(seen.counts[at]), *cells[at]] for at in range(k)]
        if k > 1:
            caption += explained
            lines.append([between, "", "", *(f"{100 * share:.0f} %" for share in separation)])
        return data_table(caption, ["component", "weight", "rows", *subject.names], lines)
    shown = subject.most_separate(_MOST_FEATURES)
    tables = []
    caption += explained
    for part in parts(k, _MOST_MEANS):
        lines = [
            ["weight", "", *(f"{mixture.weights[at]:.4f}" for at in part)],
            ["rows", "", *(_number(seen.counts[at]) for at in part)],
        ]
        lines += [
            [subject.names[feature], f"{100 * separation[feature]:.0f} %", *(cells[at][feature] for at in part)]
            for feature in shown
        ]
        tables.append(data_table(caption, ["feature", between, *map(component, part)], lines))
        caption = f"Components from {part[-1] + 1} on"
    if len(shown) < d:
        tables.append(
            paragraph(f"The {len(shown)} of {d} features that tell the components apart most are shown.", quiet=True)
        )
    return joined(tables)


def certainty(subject: ModelAndRows, seen: RowScores) -> Markup:
    """How sure it is which component a row is of, and the rows of which it is not."""
    k = subject.mixture.n_components
    if k == 1:
        return paragraph("There is one component, and all rows are its own.")
    first, *others = CERTAINTIES
    columns = [f"{100 * first:g}\N{NO-BREAK SPACE}% or more"]
    columns += [f"{100 * low:g} to {100 * high:g} %" for low, high in zip(others, CERTAINTIES, strict=False)]
    columns.append(f"below {100 * CERTAINTIES[-1]:g} %")
    lines: list[list[object]] = [
        [component(at), *(_number(count) for count in counts)] for at, counts in enumerate(seen.certainty_counts)
    ]
    total = seen.certainty_counts.sum(axis=0)
    lines.append(["all", *(f"{_number(count)} ({100 * count / seen.weight:.1f} %)" for count in total)])
    table = data_table("Rows by their most probable component, and by its probability", ["component", *columns], lines)
    if not seen.doubtful.size:
        return joined([table, paragraph(f"No row is doubtful: all are of their component by {CERTAINTIES[1]:.0%}.")])
    order = np.argsort(-seen.doubtful_responsibilities, axis=1, kind="stable")[:, :2]
    shares = np.take_along_axis(seen.doubtful_responsibilities, order, axis=1)
    doubtful = [
        [f"{row}", component(int(one)), f"{100 * share:.1f} %", component(int(other)), f"{100 * next_:.1f} %"]
        for row, (one, other), (share, next_) in zip(seen.doubtful, order, shares, strict=True)
    ]
    return joined(
        [
            table,
            data_table(
                "The most doubtful rows, counted from 0",
                ["row", "most probable", "probability", "next", "probability"],
                doubtful,
                words=(1, 3),
            ),
        ]
    )


def anomalies(subject: ModelAndRows, seen: RowScores) -> Markup:
    """The least dense rows, and whether there are more of them than the mixture expects."""
    lines = []
    for row, log_density, share, label in zip(
        seen.unlikely, seen.unlikely_log_density, seen.unlikely_shares, seen.unlikely_labels.tolist(), strict=True
    ):
        values = np.asarray(subject.rows.values[row], dtype=np.float64)
        below = f"{100 * share:.3g} %" if share else f"< {100 / seen.n_draws:g} %"
        lines.append([f"{row}", _fixed(log_density, 3), below, component(label), _what_is_far(subject, values, label)])
    table = data_table(
        "The least dense rows, counted from 0. Beside them the share of rows drawn from the mixture that is less "
        "dense, and the feature that is farthest from the mean of the row's most probable component.",
        ["row", "log density", "less dense", "component", "what is unusual"],
        lines,
        words=(3, 4),
    )
    expected = (
        f"{100 * RARE:g} % of rows drawn from the mixture have a log density below {seen.rare_log_density:.3f}, "
        f"and {100 * seen.rare_share:.2g} % of these rows."
    )
    if seen.rare_share > 3 * RARE:
        expected += " So many more than expected: the mixture does not describe all of the rows."
    return joined([table, paragraph(expected)])


def _what_is_far(subject: ModelAndRows, values: FloatArray, label: int) -> str:
    """The feature in which a row lies far from the mean of its component; or that it is several together, or none."""
    mixture = subject.mixture
    covariance, away = mixture.covariance.dense()[label], values - mixture.means[label]
    distances = away / np.sqrt(np.diagonal(covariance))
    worst = int(np.abs(distances).argmax())
    if abs(distances[worst]) >= _FAR:
        side = "above" if distances[worst] > 0 else "below"
        far = _fixed(abs(distances[worst]), 1)
        return f"{subject.names[worst]} is {values[worst]:.6g}, {far} standard deviations {side}"
    if chdtrc(mixture.n_features, away @ np.linalg.solve(covariance, away)) < _CHANCE:
        return "no feature alone: their combination"
    return "little: it lies well within its component"


def fit_report(report: Report, recorded: bool) -> Markup:
    """The lines of the report, unusual ones marked."""
    lines = [
        (entry.label, element("span", entry.text, class_="warn") if entry.flagged else entry.text)
        for entry in report.entries()
    ]
    note = paragraph(
        "A model file does not tell how the fit went: gaussmix fit --report, or write_report with the estimator, does.",
        quiet=True,
    )
    return joined([names_and_values(lines), "" if recorded else note])


def overlap(subject: ModelAndRows, report: Report) -> Markup:
    """Pairs that are taken for each other, and components that have one peak together."""
    mixture, facts = subject.mixture, report.facts["overlap"]
    if mixture.n_components == 1:
        return paragraph("There is one component.")
    parts_: list[object] = []
    if facts["pairs"]:
        lines = [
            [
                joined([component(pair["components"][0]), " and ", component(pair["components"][1])]),
                f"{100 * pair['overlap']:.1f} %",
                *(f"{100 * taken:.1f} %" for taken in pair["taken"]),
            ]
            for pair in facts["pairs"]
        ]
        parts_.append(
            data_table(
                "Overlap of two components: the sum of the probabilities that a row of one is more probably of the "
                f"other (Maitra and Melnykov 2010), from {facts['draws']:,} rows drawn of each",
                ["components", "overlap", "the first taken for the second", "the second for the first"],
                lines,
            )
        )
    else:
        parts_.append(paragraph("No two components are taken for each other as often as once in a hundred rows."))
    held = np.flatnonzero(mixture.weights)
    clusters = merge_components(mixture.take(held), method="ridgeline-unimodal").cut().component_clusters
    groups = [held[clusters == cluster].tolist() for cluster in range(int(clusters.max()) + 1)]
    merged = [group for group in groups if len(group) > 1]
    if merged:
        said = "; ".join(join_words(group) for group in merged)
        parts_.append(
            element(
                "div",
                paragraph(
                    f"One peak together: components {said}. Such components may be one cluster that is not normal in "
                    f"shape: {len(groups)} clusters in place of {mixture.n_components} components. ",
                    element("code", "gaussmix.merge_components"),
                    " gathers them and leaves the density as it is.",
                ),
                class_="note",
            )
        )
    else:
        parts_.append(paragraph("No components have a single peak together: each is a cluster of its own."))
    return joined(parts_)


def alternatives(found: Alternatives, names: Sequence[str], n_rows: int) -> Markup:
    """Other numbers of components and structures on the same rows."""
    table = found.search.results_
    content: list[object] = [paragraph(found.search.reason_)]
    if found.n_rows < n_rows:
        content.append(paragraph(f"Compared on {found.n_rows:,} of the {n_rows:,} rows, drawn at random.", quiet=True))
    best = [Fitness.in_table(table, int(line)) for line in table.ranked[:5]]
    lines: list[list[object]] = [[(cell, "this") for cell in _fitness_line("this model", found.model)]]
    lines += [_fitness_line("", each) for each in best]
    content.append(
        data_table(
            "This model, and the best five of the search; lower is better but for the log-likelihood",
            ["", "model", "log-likelihood", "parameters", "BIC", "ICL", "AIC"],
            lines,
            words=(1,),
        )
    )
    if found.refit is not None:
        behind = found.refit.log_likelihood - found.model.log_likelihood
        if behind > max(0.01, 1e-9 * abs(found.refit.log_likelihood)):
            content.append(
                element(
                    "div",
                    paragraph(
                        f"A fit of {found.refit.name} to these rows has a log-likelihood {behind:.4g} nats higher than "
                        "this model. It may have been fitted to other rows, with a stronger reg_covar, or have ended "
                        "at a lower optimum."
                    ),
                    class_="note",
                )
            )
    content += _cells(found)
    if found.dropped:
        left_out = join_words([names[column] for column in found.dropped])
        content.append(paragraph(f"Compared without {left_out}: constant, or a function of other columns.", quiet=True))
    content += [paragraph(note, quiet=True) for note in found.notes]
    return joined(content)


def _cells(found: Alternatives) -> Iterable[Markup]:
    """The criterion of all cells as its difference from the best."""
    table = found.search.results_
    ks, types, cells = grid(table)
    marked = [[(f"{number}{mark}".strip(), _MARKS.get(mark)) for number, mark in line] for line in cells]
    for part in parts(len(types), _MOST_ACROSS):
        lines = [[f"{k}", *(line[at] for at in part)] for k, line in zip(ks, marked, strict=True)]
        yield data_table(f"{title(table)}. {legend(table)}.", ["K", *(types[at] for at in part)], lines)


def _fitness_line(what: str, fitness: Fitness) -> list[object]:
    numbers = [_fixed(fitness.log_likelihood, 3), f"{fitness.n_parameters:,}"]
    numbers += [_fixed(value, 2) for value in (fitness.bic, fitness.icl, fitness.aic)]
    return [what, fitness.name, *numbers]


def component(number: int) -> Markup:
    """Its number beside its color."""
    return joined([element("span", class_="dot", style=f"background:{color_of(number)}", aria_hidden="true"), number])


def _shades(standardized: np.ndarray) -> list[list[str | None]]:
    """(k, d) classes of cells."""
    steps = np.searchsorted(_SHADES, np.abs(standardized))
    return [
        [f"{'above' if value > 0 else 'below'}{step}" if step else None for value, step in zip(*line, strict=True)]
        for line in zip(standardized, steps, strict=True)
    ]


def _fixed(value: float, digits: int) -> str:
    """With so many digits after the point, unless it is too long to be read."""
    return f"{value:.{digits}f}" if abs(value) < _LONG else f"{value:.6g}"


def _number(count: float) -> str:
    """Of rows, or of their weights."""
    return f"{count:,.0f}" if float(count).is_integer() else f"{count:,.1f}"
