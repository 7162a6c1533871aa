"""Reports: facts as numbers, and sentences about them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gaussmix.core.notebook import entries_html
from gaussmix.core.text import Entry, counted, entry_grid, format_entries, join_clauses, join_words, plural
from gaussmix.diagnostics.advice import ridge_matters, too_few_rows, units_matter
from gaussmix.diagnostics.bounds import bound_entries
from gaussmix.diagnostics.component_shapes import is_small, is_wide
from gaussmix.diagnostics.description.rules import share_text
from gaussmix.diagnostics.posterior_text import posterior_entries
from gaussmix.diagnostics.tables import describe_columns

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN = 5
_MOST_RULES = 8
_GROUPED = 3  # components with the same troubles that share an entry
_OVERLAP, _STRONG_OVERLAP = 0.05, 0.2
_UNCERTAIN = 0.8
_CONDITION = 1e4
_BYTES = 100e6
_INFORMATION = 0.5
_DISTINCT, _ESTIMATED_DISTINCT = 0.9, 0.5

_TROUBLES = {
    "empty": "has no rows",
    "collapsed": "collapsed: its rows do not vary in some direction",
    "ridged": "would have a singular covariance without reg_covar",
    "few": "has too few rows for its own parameters",
    "spurious": "is so thin that its rows may lie close together by chance",
    "unpaid": "is not worth its parameters: {own} parameters gain {loss:.2g} nats",
}

_REPEATS = {
    "equal": "is equal to",
    "rescaled": "is a linear function of",
    "reversed": "is a decreasing linear function of",
}


@dataclass(frozen=True, eq=False)
class Report:
    """Diagnostics of rows or of a fit: ``str`` returns them as text, ``facts`` has the numbers.

    Attributes
    ----------
    facts : dict
        Nested dictionary of strings, numbers, lists and None, which ``json.dumps`` accepts.
    """

    facts: dict[str, Any]

    def entries(self) -> list[Entry]:
        """Return the report as labeled sentences.

        Returns
        -------
        list of Entry
            Facts about the rows, the fit and the components, unusual ones flagged; advice comes last.
        """
        entries: list[Entry] = []
        if "rows" in self.facts:
            entries += _row_entries(self.facts["rows"])
        if "fit" in self.facts:
            entries += _fit_entries(self.facts["fit"])
        if "posterior" in self.facts:
            entries += posterior_entries(self.facts["posterior"])
        if "noise" in self.facts:
            entries.append(Entry("noise", _noise(self.facts["noise"])))
        if "components" in self.facts:
            entries += _component_entries(self.facts)
        if not any(entry.flagged for entry in entries):
            more = "" if "rows" in self.facts else " (report(X) also checks the rows)"
            entries.append(Entry("unusual", f"nothing{more}"))
        if self.facts["advice"]:
            entries.append(Entry("advice", " ".join(self.facts["advice"])))
        return entries

    def __str__(self) -> str:
        return format_entries(self.entries())

    def __rich__(self) -> "RenderableType":
        return entry_grid(self.entries())

    def _repr_html_(self) -> str:
        return entries_html(self.entries())


def _noise(noise: dict[str, Any]) -> str:
    """Return the share of uniform noise, and how many rows are more probably noise than of a component."""
    text = f"uniform noise has the weight {noise['weight']:.4g} (log volume {noise['log_volume']:.4g})"
    if noise["count"] is None:
        return text
    return f"{text}; {noise['count']:,.6g} rows are most probably noise (label -1)"


def _row_entries(rows: dict[str, Any]) -> Iterator[Entry]:
    yield Entry("rows", _size(rows), flagged=too_few_rows(rows))
    if "n_given" in rows:
        yield from (Entry(label, text, flagged=True) for label, text in describe_columns(rows))
    if rows["missing_values"] is not None:
        yield Entry("missing", _missing(rows["missing_values"]), flagged=True)
    clauses = {
        "constant": [join_words(rows["constant"], _SHOWN)] if rows["constant"] else [],
        "ordered": [f"{name} increases or decreases with every row, as a row number does" for name in rows["ordered"]],
        "repeated": [f"{found['column']} {_REPEATS[found['how']]} {found['repeats']}" for found in rows["duplicates"]],
        "collinear": [_collinear(found) for found in rows["collinear"]],
        "products": [_product(found) for found in rows["products"]],
        "few values": [
            f"{found['column']} has {found['n_distinct']} distinct values; {found['share']:.0%} of the rows have "
            f"{found['commonest']:g}"
            for found in rows["discrete"]
        ],
        "skewed": [_skewed(found) for found in rows["skewed"]],
        "heavy tails": [
            f"{found['column']} has tails at least {found['ratio']:.2g} times as long as those of a normal distribution"
            for found in rows["heavy_tails"]
        ],
        "repeated values": [_point_mass(found) for found in rows["point_masses"]],
        "units": [_units(rows["spreads"])] if units_matter(rows) else [],
        "repeated rows": _repeated_rows(rows),
        "outliers": _outliers(rows["outliers"]),
    }
    for label, texts in clauses.items():
        if texts:
            yield Entry(label, join_clauses(texts, _SHOWN), flagged=True)
    memory = rows.get("memory")
    if memory is not None and (memory["copied"] or memory["statistics"] > _BYTES):
        copied = f"copied once to {_bytes(memory['copied'])}" if memory["copied"] else "read in place"
        text = f"rows {_bytes(memory['rows'])}, {copied}; sums and starts {_bytes(memory['statistics'])}"
        yield Entry("memory", text, flagged=memory["statistics"] > _BYTES)


def _size(rows: dict[str, Any]) -> str:
    weight = "" if rows["total_weight"] == rows["n_rows"] else f" (total weight {rows['total_weight']:g})"
    examined = "" if rows["complete"] else f"; {rows['examined']:,} of them were examined"
    ratio = rows["rows_per_parameter"]
    per = f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"
    columns, parameters = counted(rows["n_features"], "column"), counted(rows["n_parameters"], "free parameter")
    complete = "" if rows.get("n_given", rows["n_rows"]) == rows["n_rows"] else f" complete of {rows['n_given']:,}"
    return f"{rows['n_rows']:,}{complete}{weight} with {columns}, {per} for each of {parameters}{examined}"


def _missing(found: dict[str, Any]) -> str:
    columns = sorted(found["columns"], key=lambda each: -each["share"])
    shares = join_words((f"{each['column']} {each['share']:.1%}" for each in columns), _SHOWN)
    empty = f", {counted(found['n_empty'], 'row')} without any value" if found["n_empty"] else ""
    return (
        f"{found['share']:.1%} of the values ({shares}), in {counted(found['n_patterns'], 'pattern')}; "
        f"{counted(found['n_complete'], 'complete row')}{empty}"
    )


def _collinear(found: dict[str, Any]) -> str:
    share = found["unexplained"]
    rest = "up to rounding" if share < 1e-11 else f"except for {share:.2g} of its variance"
    return f"{found['column']} is a linear function of {join_words(found['of'], _SHOWN)}, {rest}"


def _product(found: dict[str, Any]) -> str:
    share = found["unexplained"]
    rest = "up to rounding" if share < 1e-11 else f"except for {share:.2g} of its variance"
    return (
        f"{found['column']} is a product or ratio of {join_words(found['of'], _SHOWN)}: its logarithm is a linear "
        f"function of theirs, {rest}"
    )


def _skewed(found: dict[str, Any]) -> str:
    return (
        f"{found['column']} has skewness {found['skewness']:.2g}, its logarithm {found['skewness_of_logarithm']:.2g}; "
        f"a normal distribution describes the logarithm better, by {found['gain']:.2g} nats per row"
    )


def _point_mass(found: dict[str, Any]) -> str:
    end = "" if found["end"] is None else f", its {found['end']} value,"
    return f"{found['column']} is {found['value']:g}{end} in {found['share']:.1%} of the rows and rarely near it"


def _units(spreads: dict[str, Any]) -> str:
    greatest, least = spreads["standard_deviations"]
    return (
        f"{spreads['greatest']} varies {spreads['ratio']:.3g} times as much as {spreads['least']} (standard deviations "
        f"{greatest:.3g} and {least:.3g}), so it dominates spherical components"
    )


def _repeated_rows(rows: dict[str, Any]) -> list[str]:
    n_rows = rows["examined"] if rows["complete"] else rows["n_rows"]  # rows without weight are not examined
    if rows["n_distinct"] >= (_DISTINCT if rows["complete"] else _ESTIMATED_DISTINCT) * n_rows:
        return []
    about = "" if rows["complete"] else "about "
    return [f"{about}{rows['n_distinct']:,} of {n_rows:,} rows are distinct"]


def _outliers(outliers: dict[str, Any]) -> list[str]:
    if not outliers["n"]:
        return []
    row, column, deviations = (outliers[name] for name in ("worst_row", "column", "deviations"))
    where = f"row {row} (counted from 0), {deviations:.3g} robust standard deviations from the median in {column}"
    return [where if outliers["n"] == 1 else f"{outliers['n']:,} rows; the farthest is {where}"]


def _fit_entries(fit: dict[str, Any]) -> Iterator[Entry]:
    yield Entry("why it stopped", fit["stop_reason"], flagged=not fit["converged"])
    starts = fit["starts"]
    if starts is not None:
        text = f"{starts['n_best']} of {starts['n']} starts that were not abandoned reached the best optimum"
        if starts["n_best"] == 0:
            text += f"; moves of components raised the best of them by {starts['gap']:.3g} nats"
        elif starts["gap"] is not None:
            text += f"; the next optimum is {starts['gap']:.3g} nats lower"
        yield Entry("starts", text, flagged=starts["n_best"] <= 1)
    if fit["passed_over"] is not None:
        found = fit["passed_over"]["components"]
        yield Entry("passed over", _passed_over(fit["passed_over"]), flagged=any(one["is_group"] for one in found))
    if ridge_matters(fit):
        ridge = fit["ridge"]
        text = f"{ridge['value']:g} is {ridge['share']:.0%} of the variance of {ridge['column']} within components"
        yield Entry("reg_covar", text, flagged=True)
    yield from bound_entries(fit)
    if fit["time"] is not None:
        iterations = counted(fit["time"]["iterations"], "iteration")
        yield Entry("time", f"{iterations} in {fit['time']['seconds']:.3g} seconds")


def _passed_over(facts: dict[str, Any]) -> str:
    clauses = []
    for found in facts["components"]:
        equal = [f"{name} = {value:.6g}" for name, value in found["values"].items()]
        rows = f"{found['count']:,.0f} rows" + (f", all with {join_words(equal, _SHOWN)}" if equal else "")
        clauses.append(f"its component {found['component']} ({rows}) {_TROUBLES[found['trouble']]}")
    return f"an optimum {facts['excess']:.3g} nats higher, because {join_clauses(clauses, _SHOWN)}"


def _component_entries(facts: dict[str, Any]) -> Iterator[Entry]:
    components = facts["components"]
    yield _counts(components)
    several_unpaid = sum(found["troubles"] == ["unpaid"] for found in components) > 1
    grouped: dict[str, list[int]] = {}
    for number, found in enumerate(components):
        troubles = [
            _TROUBLES[name].format(loss=found["loss_without"], own=found.get("own_parameters"))
            for name in found["troubles"]
        ]
        if several_unpaid and found["troubles"] == ["unpaid"]:
            troubles.append("remove one and fit again, because the others may then be worth theirs")
        if troubles:
            grouped.setdefault("; ".join(troubles), []).append(number)
    for text, numbers in grouped.items():
        if len(numbers) < _GROUPED:
            yield from (Entry(f"component {number}", text, flagged=True) for number in numbers)
        else:
            yield Entry(f"{len(numbers)} components", f"{number_ranges(numbers)}: each {text}", flagged=True)
    worst = max(range(len(components)), key=lambda number: components[number]["correlation_condition"])
    condition = components[worst]["correlation_condition"]
    if condition > _CONDITION and not components[worst]["troubles"]:
        yield Entry("condition", f"{condition:.1e} for the correlation matrix of component {worst}", flagged=True)
    yield from _missing_entries(components)
    yield from _shape_entries(facts)
    if len(components) > 1:
        overlap = facts["overlap"]
        worst_overlap = max((pair["overlap"] for pair in overlap["pairs"]), default=0.0)
        uncertain = worst_overlap >= _STRONG_OVERLAP or overlap["certainty"] < _UNCERTAIN
        yield Entry("certainty", _certainty(overlap), flagged=uncertain)
        yield from _rule_entries(facts.get("clusters", []))


def _missing_entries(components: list[dict[str, Any]]) -> Iterator[Entry]:
    if "information" not in components[0]:
        return
    left = join_words(f"{found['information']:.0%}" for found in components)
    some = any(found["information"] < _INFORMATION for found in components)
    yield Entry("information", f"missing values leave {left} of that about the mean of each component", flagged=some)
    hardly = [
        f"component {at} has hardly any value of {join_words(found['hardly_observed'], _SHOWN)}"
        for at, found in enumerate(components)
        if found["hardly_observed"]
    ]
    if hardly:
        yield Entry("hardly seen", join_clauses(hardly, _SHOWN), flagged=True)


def _shape_entries(facts: dict[str, Any]) -> Iterator[Entry]:
    components = facts["components"]
    small = [at for at, found in enumerate(components) if is_small(found["weight"], len(components))]
    if small:
        sizes = [f"component {at} has {components[at]['weight']:.2%} of the rows" for at in small]
        yield Entry("small", join_clauses(sizes, _SHOWN), flagged=True)
    wide = [
        f"component {at} is {found['relative_spread']:.2g} times as wide as the others and has "
        f"{found['weight']:.1%} of the rows: it may collect outliers"
        for at, found in enumerate(components)
        if is_wide(found["weight"], found["relative_spread"])
    ]
    if wide:
        yield Entry("wide", join_clauses(wide, _SHOWN), flagged=True)
    shapes = [(at, found["shape"]) for at, found in enumerate(components) if found.get("shape") is not None]
    texts = [
        f"component {at} is skewed in {shape['skewed']} (skewness {shape['skewness']:.2g})"
        for at, shape in shapes
        if shape["skewed"] is not None
    ]
    texts += [
        f"component {at} has {shape['outside']:.1%} of its rows outside the ellipsoid that should hold 99.9%"
        for at, shape in shapes
        if shape["outside"] is not None
    ]
    if texts:
        yield Entry("not normal", join_clauses(texts, _SHOWN), flagged=True)
    sides = [
        f"component {found['component']} has rows on both sides of {_components_named(found['within'])}"
        for found in facts.get("interrupted", [])
    ]
    if sides:
        text = f'{join_clauses(sides, _SHOWN)}; equal variances (covariance_type="tied") give one threshold'
        yield Entry("order", text, flagged=True)


def _rule_entries(clusters: list[dict[str, Any]]) -> Iterator[Entry]:
    """Yield the best short rule of each component."""
    for found in clusters[:_MOST_RULES]:
        for rule in found["rules"][:1]:
            accuracy = f"precision {share_text(rule['precision'])}, recall {share_text(rule['recall'])}"
            yield Entry(f"rule for {found['cluster']}", f"{rule['text']}: {accuracy}")


def _components_named(numbers: list[int]) -> str:
    return f"{plural('component', len(numbers))} {join_words(numbers, _SHOWN)}"


def _certainty(overlap: dict[str, Any]) -> str:
    pairs = [
        f"{pair['components'][0]} and {pair['components'][1]} ({pair['overlap']:.0%})"
        for pair in overlap["pairs"][:3]
        if pair["overlap"] >= _OVERLAP
    ]
    text = f"the most probable component of a row has probability {overlap['certainty']:.1%} on average"
    return f"{text}; overlapping components: {', '.join(pairs)}" if pairs else text


def number_ranges(numbers: list[int]) -> str:
    """Return ascending numbers as text, with ranges for consecutive ones: ``1, 4 to 9``."""
    starts = [at for at, number in enumerate(numbers) if at == 0 or number > numbers[at - 1] + 1]
    ends = [*(start - 1 for start in starts[1:]), len(numbers) - 1]
    ranges = [
        f"{numbers[start]}" if start == end else f"{numbers[start]} to {numbers[end]}"
        for start, end in zip(starts, ends, strict=True)
    ]
    return ", ".join(ranges[:_SHOWN]) + (" and more" if len(ranges) > _SHOWN else "")


def _counts(components: list[dict[str, Any]]) -> Entry:
    without_rows = components[0]["count"] is None
    numbers = [found["weight"] if without_rows else found["count"] for found in components]
    shown = [f"{number:.3g}" if without_rows else f"{number:,.1f}" for number in numbers]
    label = "weights" if without_rows else "rows in each"
    if len(shown) <= 12:
        return Entry(label, "  ".join(shown))
    first, *_, last = sorted(range(len(numbers)), key=numbers.__getitem__)
    return Entry(label, f"{shown[first]} (component {first}) to {shown[last]} (component {last})")


def _bytes(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
