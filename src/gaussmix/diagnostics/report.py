"""The facts in words: lines without anything to say are left out."""

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gaussmix.diagnostics.advice import in_words, ridge_matters, too_few_rows, unequal

if TYPE_CHECKING:
    from rich.console import RenderableType

_WIDTH = 100
_SHOWN = 5
_ALIKE = 3  # components that are told together
_OVERLAP = 0.05
_CONDITION = 1e4
_BYTES = 100e6
_DISTINCT, _ESTIMATED_DISTINCT = 0.9, 0.5

_TROUBLES = {
    "empty": "has no rows",
    "collapsed": "collapsed: its rows do not vary in some direction",
    "ridged": "is kept regular by reg_covar alone",
    "few": "has fewer rows than its own parameters need",
    "spurious": "is thin, and rows that lie so close together are found by chance",
    "unpaid": "does not pay for itself: with {own} parameters it gains {loss:.2g} nats",
}


@dataclass(frozen=True)
class Line:
    """A name, a sentence, and whether it is about something unusual."""

    name: str
    text: str
    unusual: bool = True


@dataclass(frozen=True, eq=False)
class Report:
    """What is to be known about rows or a fit: ``str`` has it in words, ``facts`` as numbers.

    Attributes
    ----------
    facts : dict
        Nested, of strings, numbers, lists and None: ``json.dumps`` takes it.
    """

    facts: dict[str, Any]

    def lines(self) -> list[Line]:
        """All that is worth saying, in order.

        Returns
        -------
        list of Line
            Each with a name, a sentence, and whether it is about something unusual.
        """
        lines = _row_lines(self.facts["rows"]) if "rows" in self.facts else []
        if "fit" in self.facts:
            lines += _fit_lines(self.facts)
        if "components" in self.facts:
            lines += _component_lines(self.facts)
        if not any(line.unusual for line in lines):
            seen = "" if "rows" in self.facts else " (report(X) also looks at the rows)"
            lines.append(Line("unusual", f"nothing{seen}", unusual=False))
        if self.facts["advice"]:
            lines.append(Line("what would help", " ".join(self.facts["advice"]), unusual=False))
        return lines

    def __str__(self) -> str:
        lines = self.lines()
        margin = max(len(line.name) for line in lines) + 2
        return "\n".join(
            textwrap.fill(
                line.text,
                _WIDTH,
                initial_indent=line.name.ljust(margin),
                subsequent_indent=" " * margin,
                break_on_hyphens=False,
            )
            for line in lines
        )

    def __rich__(self) -> "RenderableType":
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for line in self.lines():
            table.add_row(Text(line.name, style="dim"), Text(line.text, style="yellow" if line.unusual else ""))
        return table


def _row_lines(rows: dict[str, Any]) -> list[Line]:
    lines = [Line("rows", _size(rows), unusual=too_few_rows(rows))]

    def say(name: str, texts: list[str], separator: str = "; ") -> None:
        if texts:
            more = [] if len(texts) <= _SHOWN else [f"and {len(texts) - _SHOWN} more"]
            lines.append(Line(name, separator.join(texts[:_SHOWN] + more)))

    say("constant", [in_words(rows["constant"])] if rows["constant"] else [])
    say(
        "ordered",
        [f"{name} ascends or descends from row to row, as a number of the row does" for name in rows["ordered"]],
    )
    say("repeated", [f"{found['column']} is {_as(found)} {found['repeats']}" for found in rows["duplicates"]])
    say(
        "collinear",
        [
            f"{found['column']} is a linear function of {in_words(found['of'])} but for "
            f"{_share(found['unexplained'])} of its variance"
            for found in rows["collinear"]
        ],
    )
    say(
        "few values",
        [
            f"{found['column']} has {found['n_distinct']} different values, {found['commonest']:g} in "
            f"{found['share']:.0%} of the rows"
            for found in rows["discrete"]
        ],
    )
    if unequal(rows):
        spreads = rows["spreads"]
        great, least = spreads["standard_deviations"]
        say(
            "units",
            [
                f"{spreads['greatest']} varies {spreads['ratio']:.3g} times as much as {spreads['least']} (standard "
                f"deviations {great:.3g} and {least:.3g}): spherical components see little but the first"
            ],
        )
    if rows["n_distinct"] < (_DISTINCT if rows["complete"] else _ESTIMATED_DISTINCT) * rows["n_rows"]:
        about = "" if rows["complete"] else "about "
        say("repeated rows", [f"{about}{rows['n_distinct']:,} of {rows['n_rows']:,} rows are different"])
    say("far away", _far(rows["outliers"]))
    memory = rows.get("memory")
    if memory is not None and (memory["copied"] or memory["statistics"] > _BYTES):
        copied = f", copied once to {_size_of(memory['copied'])}" if memory["copied"] else ", read in place"
        text = f"rows {_size_of(memory['rows'])}{copied}; sums and starts {_size_of(memory['statistics'])}"
        lines.append(Line("memory", text, unusual=memory["statistics"] > _BYTES))
    return lines


def _size(rows: dict[str, Any]) -> str:
    weight = "" if rows["total_weight"] == rows["n_rows"] else f" (total weight {rows['total_weight']:g})"
    seen = "" if rows["complete"] else f"; {rows['looked_at']:,} of them were looked at"
    columns = f"{rows['n_features']} column" + ("s" if rows["n_features"] > 1 else "")
    ratio = rows["rows_per_parameter"]
    per = f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"
    return f"{rows['n_rows']:,}{weight} of {columns}, {per} for each of {rows['n_parameters']:,} free parameters{seen}"


def _as(found: dict[str, str]) -> str:
    return "equal to" if found["how"] == "equal" else f"{found['how']} as"


def _far(outliers: dict[str, Any]) -> list[str]:
    if not outliers["n"]:
        return []
    row, column, deviations = (outliers[name] for name in ("worst_row", "column", "deviations"))
    where = f"row {row} (counted from 0), {deviations:.3g} robust standard deviations from the median in {column}"
    return [where if outliers["n"] == 1 else f"{outliers['n']:,} rows, the worst {where}"]


def _fit_lines(facts: dict[str, Any]) -> list[Line]:
    fit = facts["fit"]
    lines = [Line("why it stopped", fit["stop_reason"], unusual=not fit["converged"])]
    starts = fit["starts"]
    if starts is not None:
        gap = "" if starts["gap"] is None else f"; the next optimum is {starts['gap']:.3g} nats below"
        text = f"{starts['n_best']} of {starts['n']} reached the best optimum{gap}"
        lines.append(Line("starts", text, unusual=starts["n_best"] == 1))
    if ridge_matters(fit):
        ridge = fit["ridge"]
        text = f"{ridge['value']:g} is {ridge['share']:.0%} of the variance of {ridge['column']} within components"
        lines.append(Line("reg_covar", text))
    if fit["time"] is not None:
        n_iter = fit["time"]["iterations"]
        text = f"{n_iter:,} iteration{'s' if n_iter != 1 else ''} in {fit['time']['seconds']:.3g} seconds"
        lines.append(Line("time", text, unusual=False))
    return lines


def _component_lines(facts: dict[str, Any]) -> list[Line]:
    components = facts["components"]
    lines = [_counts(components)]
    alike: dict[str, list[int]] = {}
    for at, found in enumerate(components):
        why = [
            _TROUBLES[name].format(loss=found["loss_without"], own=found.get("own_parameters"))
            for name in found["troubles"]
        ]
        if why:
            alike.setdefault("; ".join(why), []).append(at)
    for text, which in alike.items():
        if len(which) < _ALIKE:
            lines += [Line(f"component {at}", text) for at in which]
        else:
            lines.append(Line(f"{len(which)} components", f"{_runs(which)}, each {text}"))
    worst = max(range(len(components)), key=lambda at: components[at]["correlation_condition"])
    condition = components[worst]["correlation_condition"]
    if condition > _CONDITION and not components[worst]["troubles"]:
        lines.append(Line("condition", f"{condition:.1e} of the correlations within component {worst}"))
    overlap = facts["overlap"]
    if len(components) > 1:
        pairs = [
            f"{pair['components'][0]} and {pair['components'][1]} {pair['overlap']:.0%}"
            for pair in overlap["pairs"][:3]
            if pair["overlap"] >= _OVERLAP
        ]
        text = f"{overlap['certainty']:.1%} is the mean probability of a row's most probable component"
        if pairs:
            text += f"; taken for each other: {', '.join(pairs)}"
        lines.append(Line("certainty", text, unusual=False))
    return lines


def _runs(numbers: list[int]) -> str:
    """Ascending numbers, those in a row by the first and the last: 1, 4 to 9."""
    starts = [at for at, number in enumerate(numbers) if at == 0 or number > numbers[at - 1] + 1]
    ends = [*(start - 1 for start in starts[1:]), len(numbers) - 1]
    shown = [
        str(numbers[start]) if start == end else f"{numbers[start]} to {numbers[end]}"
        for start, end in zip(starts, ends, strict=True)
    ]
    return ", ".join(shown[:_SHOWN]) + (" and more" if len(shown) > _SHOWN else "")


def _counts(components: list[dict[str, Any]]) -> Line:
    weighed = components[0]["count"] is None
    numbers = [found["weight"] if weighed else found["count"] for found in components]
    shown = [f"{number:.3g}" if weighed else f"{number:,.1f}" for number in numbers]
    name = "weights" if weighed else "rows in each"
    if len(shown) <= 12:
        return Line(name, "  ".join(shown), unusual=False)
    order = sorted(range(len(numbers)), key=numbers.__getitem__)
    return Line(
        name, f"{shown[order[0]]} (component {order[0]}) to {shown[order[-1]]} (component {order[-1]})", unusual=False
    )


def _share(share: float) -> str:
    return "rounding" if share < 1e-11 else f"{share:.2g}"


def _size_of(size: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
