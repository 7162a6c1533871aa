"""Comparison of two mixtures by matched components."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from gaussmix.components.distances import (
    MixtureDistance,
    bhattacharyya,
    mixture_jeffreys,
    require_comparable,
    require_components_only,
    total_variation,
)
from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.mixture import Mixture
from gaussmix.core.notebook import stacked_html, table_html
from gaussmix.core.text import align_columns
from gaussmix.core.typing import ArrayLike, FloatArray

if TYPE_CHECKING:
    from rich.console import RenderableType

_LEAST_OVERLAP = 0.05  # for equal covariances, means 4.9 standard deviations apart
_ERRORS = 3.0  # standard errors of a significant change


@dataclass(frozen=True, eq=False)
class Match:
    """Pair of matching components of the old and the new mixture.

    Attributes
    ----------
    old, new : int
        Positions of the components.
    overlap : float
        The integral of sqrt(p q): 1 if the component has not changed.
    weights : tuple of two floats
        The old and the new weight.
    shift : float
        The Mahalanobis distance of the new mean from the old component.
    feature_shifts : (d,) array
        The shift of the mean in each feature, in standard deviations of the old component.
    log_volume_ratio : float
        Half the difference of the log determinants: positive if the component has grown.
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
    """Comparison of two mixtures: ``str`` returns a table and sentences, ``facts`` has the numbers.

    Attributes
    ----------
    matches : tuple of Match
        The matched components, in the order of the old ones.
    vanished, appeared : tuple of int
        Components of the old and of the new mixture without a match.
    old_weights, new_weights : (k,) arrays
        The weights of the two mixtures.
    divergence : MixtureDistance
        The symmetric Kullback-Leibler divergence, in nats.
    chance_divergence : float or None
        The divergence that is expected between fits to different rows of the same distribution; None without rows.
    variation : MixtureDistance
        The total variation distance: 0 for equal mixtures, 1 for mixtures without overlap.
    density_change : MixtureDistance or None
        The difference of the mean log densities under the old mixture, new rows minus old rows, in nats per row.
    density_levels : tuple of two floats, or None
        The mean log density of the old rows, corrected for the fit, and that of the new rows.
    names : tuple of str
        Names of the features.
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
        """Whether the density of the rows has changed by more than three standard errors; None without rows."""
        change = self.density_change
        return None if change is None else abs(change.value) > _ERRORS * change.standard_error

    @property
    def facts(self) -> dict[str, Any]:
        """Comparison as nested dictionaries of strings, numbers, lists and None, for ``json.dumps``."""
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
        """Return the table of components.

        Returns
        -------
        list of tuple of str
            The cells of each line; the first line has the headings.
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
        """Return the sentences below the table.

        Returns
        -------
        list of str
            The distances between the mixtures, and the change of the density if there are rows.
        """
        expected = "" if self.chance_divergence is None else f"; {self.chance_divergence:.2g} expected by chance"
        sentences = [
            f"total variation {self.variation} (0: equal, 1: no overlap)",
            f"symmetric Kullback-Leibler divergence {self.divergence} nats{expected}",
        ]
        if self.density_change is not None and self.density_levels is not None:
            change, (before, after) = self.density_change, self.density_levels
            verdict = "more than chance" if self.has_changed else "no more than chance"
            sentences.append(
                f"mean log density under the old mixture: {after:.4g} for the new rows, {before:.4g} for the old ones; "
                f"change {change.value:+.3g} ± {change.standard_error:.1g} nats, {verdict}"
            )
        return sentences

    def __str__(self) -> str:
        lines = self.table()
        return "\n".join([align_columns(lines, left=range(len(lines[0]))), *self.sentences()])

    def _repr_html_(self) -> str:
        headings, *lines = self.table()
        return stacked_html(table_html("", headings, lines, left=range(len(headings))), *self.sentences())

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


@underflow_to_zero
def compare_mixtures(
    old: Mixture,
    new: Mixture,
    *,
    rows_old: ArrayLike | None = None,
    rows_new: ArrayLike | None = None,
    held_out: bool = False,
    names: Sequence[str] | None = None,
) -> MixtureComparison:
    """Compare two mixtures: match their components, and measure how each and how the density has changed.

    Components are matched so that the sum of their Bhattacharyya distances is smallest (Hungarian method). Components
    that overlap by less than 0.05 with every unmatched one have vanished or appeared; the numbers of components may
    differ.

    Rows show whether the distribution has changed. The rows that a mixture was fitted to have a mean log density that
    is higher than that of new rows by about n_parameters / n nats (Akaike 1973); this is subtracted. Two fits to
    different rows of the same distribution have an average divergence of the sum of both n_parameters / n.

    Parameters
    ----------
    old, new : Mixture
        Two mixtures with the same features.
    rows_old, rows_new : (n, d) array-like, optional
        Rows from the time of each mixture; both or none.
    held_out : bool, default=False
        Whether ``old`` was fitted to rows other than ``rows_old``.
    names : sequence of d str, optional
        Names of the features; by default those of the mixtures.

    Returns
    -------
    MixtureComparison
        ``print`` shows a table and sentences.

    Raises
    ------
    TypeError, ValueError
        If an argument is not a mixture, the features differ, or rows are given for one mixture only.

    Examples
    --------
    >>> from gaussmix import Mixture, compare_mixtures
    >>> old = Mixture.from_parameters([0.5, 0.5], [[0.0], [9.0]], [1.0, 1.0], covariance_type="spherical")
    >>> new = Mixture.from_parameters([0.4, 0.6], [[9.0], [0.5]], [1.0, 1.0], covariance_type="spherical")
    >>> [(match.old, match.new, match.shift) for match in compare_mixtures(old, new).matches]
    [(0, 1, 0.5), (1, 0, 0.0)]
    """
    require_comparable(old, new)
    require_components_only(old, new)
    if (rows_old is None) != (rows_new is None):
        raise ValueError("rows_old and rows_new go together: pass both or none")
    chance, change, levels = None, None, None
    if rows_old is not None and rows_new is not None:
        before, after = old.log_density(rows_old), old.log_density(rows_new)
        if min(len(before), len(after)) < 2:
            raise ValueError("rows_old and rows_new must have at least two rows")
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
    volumes = old.covariance.log_det(), new.covariance.log_det()  # of the factors, i.e. minus the log volumes
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
