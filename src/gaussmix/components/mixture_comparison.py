"""What has changed between two fits: which component became which, and how far it went."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from gaussmix.components.distances import (
    MixtureDistance,
    bhattacharyya,
    mixture_jeffreys,
    require_comparable,
    total_variation,
)
from gaussmix.core.mixture import Mixture
from gaussmix.core.text import align_columns
from gaussmix.core.typing import FloatArray

if TYPE_CHECKING:
    from rich.console import RenderableType

_LEAST_OVERLAP = 0.05  # of equal covariances, means 4.9 standard deviations apart
_ERRORS = 3.0  # standard errors that chance does not explain


@dataclass(frozen=True, eq=False)
class Match:
    """A component of the old mixture and what it has become.

    Attributes
    ----------
    old, new : int
        Their positions.
    overlap : float
        The integral of sqrt(p q): 1 when nothing has changed.
    weights : tuple of two floats
        Before and after.
    shift : float
        The length of the move of the mean, in standard deviations of the old component in its direction (a Mahalanobis
        distance).
    feature_shifts : (d,) array
        The same feature by feature: the move over the old standard deviation, with its sign.
    log_volume_ratio : float
        Half the difference of the log determinants: positive when the component has grown.
    """

    old: int
    new: int
    overlap: float
    weights: tuple[float, float]
    shift: float
    feature_shifts: FloatArray
    log_volume_ratio: float


@dataclass(frozen=True, eq=False)
class MixtureComparison:
    """What has changed between two mixtures: ``str`` has it in words, ``facts`` as numbers.

    Attributes
    ----------
    matches : tuple of Match
        By the old components, in order.
    vanished, appeared : tuple of int
        Components of the old and of the new mixture that match none of the other.
    old_weights, new_weights : (k,) arrays
        Those of the two mixtures.
    divergence : MixtureDistance
        The symmetric Kullback-Leibler divergence, in nats.
    chance_divergence : float or None
        What it would be on average if only the rows that were fitted were others; None without rows.
    variation : MixtureDistance
        The total variation, 0 for equals to 1.
    density_change : MixtureDistance or None
        The mean log density of the new rows under the old mixture less that of the old rows, in nats per row.
    density_levels : tuple of two floats, or None
        That of the old rows (as expected of rows that were not fitted), and that of the new ones.
    names : tuple of str
        The features.
    """

    matches: tuple[Match, ...]
    vanished: tuple[int, ...]
    appeared: tuple[int, ...]
    old_weights: FloatArray
    new_weights: FloatArray
    divergence: MixtureDistance
    chance_divergence: float | None
    variation: MixtureDistance
    density_change: MixtureDistance | None
    density_levels: tuple[float, float] | None
    names: tuple[str, ...]

    @property
    def has_changed(self) -> bool | None:
        """Whether the rows have left the old mixture by more than three standard errors; None without rows."""
        change = self.density_change
        return None if change is None else abs(change.value) > _ERRORS * change.standard_error

    @property
    def facts(self) -> dict[str, Any]:
        """All of it, nested, of strings, numbers, lists and None: ``json.dumps`` takes it."""
        density = None
        if self.density_change is not None and self.density_levels is not None:
            density = {
                "old_rows": self.density_levels[0],
                "new_rows": self.density_levels[1],
                "change": self.density_change.value,
                "standard_error": self.density_change.standard_error,
                "has_changed": self.has_changed,
            }
        return {
            "matches": [
                {
                    "old": match.old,
                    "new": match.new,
                    "overlap": match.overlap,
                    "weights": list(match.weights),
                    "shift": match.shift,
                    "feature_shifts": dict(zip(self.names, map(float, match.feature_shifts), strict=True)),
                    "log_volume_ratio": match.log_volume_ratio,
                }
                for match in self.matches
            ],
            "vanished": [{"old": at, "weight": float(self.old_weights[at])} for at in self.vanished],
            "appeared": [{"new": at, "weight": float(self.new_weights[at])} for at in self.appeared],
            "divergence": {**asdict(self.divergence), "by_chance": self.chance_divergence},
            "variation": asdict(self.variation),
            "density": density,
        }

    def table(self) -> list[tuple[str, ...]]:
        """The table of components, cell by cell.

        Returns
        -------
        list of tuple of str
            Lines, the first with the headings.
        """
        lines: list[tuple[str, ...]] = [("old", "new", "weight", "mean moved", "most in", "volume", "overlap")]
        for match in self.matches:
            most = int(np.abs(match.feature_shifts).argmax())
            lines.append(
                (
                    str(match.old),
                    str(match.new),
                    f"{match.weights[0]:.3g} -> {match.weights[1]:.3g}",
                    f"{match.shift:.2f} sd",
                    f"{self.names[most]} {match.feature_shifts[most]:+.2f} sd",
                    _times(match.log_volume_ratio),
                    f"{match.overlap:.3f}",
                )
            )
        lines += [(str(at), "-", f"{self.old_weights[at]:.3g} -> 0", "vanished", "", "", "") for at in self.vanished]
        lines += [("-", str(at), f"0 -> {self.new_weights[at]:.3g}", "appeared", "", "", "") for at in self.appeared]
        return lines

    def sentences(self) -> list[str]:
        """What is said below the table.

        Returns
        -------
        list of str
            The divergences, and what rows say of them.
        """
        chance = "" if self.chance_divergence is None else f"; about {self.chance_divergence:.2g} by chance"
        said = [
            f"total variation {self.variation}: 0 for equals, 1 for mixtures that never meet",
            f"symmetric Kullback-Leibler divergence {self.divergence} nats{chance}",
        ]
        if self.density_change is not None and self.density_levels is not None:
            change, (before, after) = self.density_change, self.density_levels
            verdict = "more than chance explains" if self.has_changed else "no more than chance explains"
            said.append(
                f"mean log density under the old mixture: {after:.4g} of the new rows, {before:.4g} of the old ones; "
                f"change {change.value:+.3g} ± {change.standard_error:.1g} nats, {verdict}"
            )
        return said

    def __str__(self) -> str:
        lines = self.table()
        return "\n".join([align_columns(lines, left=range(len(lines[0]))), *self.sentences()])

    def __rich__(self) -> "RenderableType":
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        headings, *lines = self.table()
        table = Table(*headings, box=None, padding=(0, 2, 0, 0), header_style="dim")
        for line in lines:
            table.add_row(*map(Text, line), style="yellow" if "-" in line[:2] else "")
        *plain, last = map(Text, self.sentences())
        if self.has_changed:
            last.stylize("yellow")
        return Group(table, *plain, last)


def compare_mixtures(
    old: Mixture,
    new: Mixture,
    *,
    rows_old: npt.ArrayLike | None = None,
    rows_new: npt.ArrayLike | None = None,
    held_out: bool = False,
    names: Sequence[str] | None = None,
) -> MixtureComparison:
    """What has changed from one mixture to another.

    Components are matched so that the sum of their Bhattacharyya distances is least (Hungarian method). Those that
    overlap by less than 0.05 with every free one have vanished or appeared; numbers of components may differ.

    Rows show whether the world has left the old mixture. The rows that it was fitted to are more probable under it than
    new ones by about n_parameters / n nats per row (Akaike 1973), which is taken off. Two fits to different rows of one
    world diverge by the sum of both n_parameters / n on average.

    Parameters
    ----------
    old, new : Mixture
        Of the same features.
    rows_old, rows_new : (n, d) array-like, optional
        Both or none: rows of the time of each mixture.
    held_out : bool, default=False
        Whether ``rows_old`` are other rows than those that ``old`` was fitted to.
    names : sequence of d str, optional
        Of the features; by default those of the mixtures.

    Returns
    -------
    MixtureComparison
        ``print`` it for a table and sentences.

    Raises
    ------
    TypeError, ValueError
        Names the argument: not a mixture, other features, rows of one mixture without those of the other.

    Examples
    --------
    >>> from gaussmix import Mixture, compare_mixtures
    >>> old = Mixture.from_parameters([0.5, 0.5], [[0.0], [9.0]], [1.0, 1.0], covariance_type="spherical")
    >>> new = Mixture.from_parameters([0.4, 0.6], [[9.0], [0.5]], [1.0, 1.0], covariance_type="spherical")
    >>> [(match.old, match.new, match.shift) for match in compare_mixtures(old, new).matches]
    [(0, 1, 0.5), (1, 0, 0.0)]
    """
    require_comparable(old, new)
    if (rows_old is None) != (rows_new is None):
        raise ValueError("rows_old and rows_new go together: pass both or none")
    chance, change, levels = None, None, None
    if rows_old is not None and rows_new is not None:
        before, after = old.log_density(rows_old), old.log_density(rows_new)
        if min(len(before), len(after)) < 2:
            raise ValueError("rows_old and rows_new must have two rows at least")
        chance = old.n_parameters / len(before) + new.n_parameters / len(after)
        expected = float(before.mean()) - (0 if held_out else old.n_parameters / len(before))
        levels = expected, float(after.mean())
        error = math.sqrt(before.var(ddof=1) / len(before) + after.var(ddof=1) / len(after))
        change = MixtureDistance(levels[1] - expected, error)
    matches = _match(old, new)
    return MixtureComparison(
        matches,
        tuple(sorted(set(range(old.n_components)) - {match.old for match in matches})),
        tuple(sorted(set(range(new.n_components)) - {match.new for match in matches})),
        old.weights,
        new.weights,
        mixture_jeffreys(old, new),
        chance,
        total_variation(old, new),
        change,
        levels,
        _names(old, new, names),
    )


def _match(old: Mixture, new: Mixture) -> tuple[Match, ...]:
    distances, limit = bhattacharyya(old, new), -math.log(_LEAST_OVERLAP)
    pairs = zip(*linear_sum_assignment(np.minimum(distances, limit)), strict=True)
    spread = np.sqrt(old.covariance.variances())
    volumes = old.covariance.log_det(), new.covariance.log_det()  # of the factors: minus the log volumes
    matches = []
    for one, other in pairs:
        if distances[one, other] > limit:
            continue
        moved = new.means[other] - old.means[one]
        rows = np.zeros(old.means.shape)
        rows[one] = moved
        matches.append(
            Match(
                int(one),
                int(other),
                math.exp(-distances[one, other]),
                (float(old.weights[one]), float(new.weights[other])),
                float(np.linalg.norm(old.covariance.whiten_each(rows)[one])),
                moved / spread[one],
                float(volumes[0][one] - volumes[1][other]),
            )
        )
    return tuple(matches)


def _names(old: Mixture, new: Mixture, names: Sequence[str] | None) -> tuple[str, ...]:
    known = old.feature_names or new.names
    chosen = known if names is None else tuple(map(str, names))
    if len(chosen) != old.n_features:
        raise ValueError(f"names must name {old.n_features} features, got {len(chosen)}")
    return chosen


def _times(log_ratio: float) -> str:
    return f"x {math.exp(log_ratio):.3g}" if abs(log_ratio) < 50 else f"x e^{log_ratio:.0f}"
