"""Table of parameters with standard errors and intervals, as text."""

from typing import Protocol

from gaussmix.core.mixture import Mixture
from gaussmix.core.text import align_columns
from gaussmix.core.typing import FloatArray


class PerParameter(Protocol):
    """Object with values for weights (k,), means (k, d) and covariances (k, d, d)."""

    @property
    def weights(self) -> FloatArray: ...
    @property
    def means(self) -> FloatArray: ...
    @property
    def covariances(self) -> FloatArray: ...


def table_of_parameters(
    title: str, mixture: Mixture, errors: PerParameter, lower: PerParameter, upper: PerParameter
) -> str:
    """Return a table with estimate, standard error and interval of each weight, mean and variance."""
    lines = [("component", "", "estimate", "error", "from", "to")]
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
    return f"{title}\n{align_columns(lines, left=(0, 1))}"


def _line(first: str, second: str, *numbers: float) -> tuple[str, str, str, str, str, str]:
    estimate, error, lower, upper = (f"{number:.4g}" for number in numbers)
    return first, second, estimate, error, lower, upper
