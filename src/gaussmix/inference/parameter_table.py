"""Table of parameters with standard errors and intervals, as text and as HTML for notebooks."""

from collections.abc import Sequence
from typing import Protocol

from gaussmix.core.markup import Markup
from gaussmix.core.mixture import Mixture
from gaussmix.core.notebook import table_html
from gaussmix.core.text import align_columns
from gaussmix.core.typing import FloatArray


class PerParameter(Protocol):
    """Object with values for weights (k,), means (k, d), covariances (k, d, d) and the weight of noise, or None."""

    @property
    def weights(self) -> FloatArray: ...
    @property
    def means(self) -> FloatArray: ...
    @property
    def covariances(self) -> FloatArray: ...
    @property
    def noise_weight(self) -> float | None: ...


def parameter_text(title: str, lines: Sequence[Sequence[str]]) -> str:
    """Return the lines of `parameter_lines` as text below a title."""
    return f"{title}\n{align_columns(lines, left=(0, 1))}"


def parameter_html(title: str, lines: Sequence[Sequence[str]]) -> Markup:
    """Return the lines of `parameter_lines` as a table for notebooks."""
    return table_html(title, lines[0], lines[1:], left=(0, 1))


def parameter_lines(
    mixture: Mixture, errors: PerParameter, lower: PerParameter, upper: PerParameter
) -> list[tuple[str, ...]]:
    """Return headings, and a line with estimate, standard error and interval of each weight, mean and variance."""
    lines: list[tuple[str, ...]] = [("component", "", "estimate", "error", "from", "to")]
    variances = mixture.covariance.variances()
    for k in range(mixture.n_components):
        at: tuple[int, ...] = (k,)
        lines.append(
            _line(f"{k}", "weight", mixture.weights[k], *(part.weights[at] for part in (errors, lower, upper)))
        )
        for d, name in enumerate(mixture.names):
            values = (part.means[k, d] for part in (errors, lower, upper))
            lines.append(_line("", f"mean {name}", mixture.means[k, d], *values))
        for d, name in enumerate(mixture.names):
            values = (part.covariances[k, d, d] for part in (errors, lower, upper))
            lines.append(_line("", f"variance {name}", variances[k, d], *values))
    noise = [part.noise_weight for part in (errors, lower, upper) if part.noise_weight is not None]
    if mixture.background is not None and noise:
        lines.append(_line("noise", "weight", mixture.background.weight, *noise))
    return lines


def _line(first: str, second: str, *numbers: float) -> tuple[str, str, str, str, str, str]:
    estimate, error, lower, upper = (f"{number:.4g}" for number in numbers)
    return first, second, estimate, error, lower, upper
