"""`CriterionDisplay`: a criterion by number of components, with a line for each covariance structure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.typing import ArrayLike, BoolArray, FloatArray, IntArray
from gaussmix.plots.drawing import Inks, color_of, new_axes, quiet_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from gaussmix.selection import SelectionTable

MOST_NAMED = 4
"""Number of structures with colors and names; the others are gray. If there are only five, all are named."""

_STYLES = ("-", (0, (5, 1.5)), (0, (5, 1.5, 1, 1.5)), (0, (1, 1.2)), (0, (8, 2)))
_MARKERS = ("o", "s", "^", "D", "v")
_LINE_OF_WORDS = 13.0  # points


class CriterionDisplay:
    """Criterion by number of components, relative to the best model, with a line for each covariance structure.

    The best structures have colors and names; the others are gray. Doubtful fits are hollow; failed fits have no point.
    Values far above the best model are cut off; for a number of components without a visible value, an arrow shows the
    smallest difference.

    Parameters
    ----------
    n_components : (m,) array-like of int
        Numbers of components, ascending.
    covariance_types : sequence of s str
        Names of the covariance structures.
    values : (s, m) array-like
        Values of the criterion, lower for better models; NaN where there is no fit.
    is_sound : (s, m) array-like of bool
        Whether each fit is sound; False for doubtful fits.
    criterion : {"bic", "icl", "aic", "aicc", "cv"}
        Name of the criterion.
    best_n_components, best_covariance_type : int, str
        Number of components and covariance structure of the best model.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes of the plot.
    figure_ : matplotlib.figure.Figure
        Figure of these axes.
    named_ : list of str
        Named covariance structures, best first.
    lines_ : dict
        Line of each covariance structure.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from gaussmix import GaussianMixtureIC
    >>> from gaussmix.datasets import load_old_faithful
    >>> from gaussmix.plots import CriterionDisplay
    >>> eruptions, _ = load_old_faithful()
    >>> search = GaussianMixtureIC(range(1, 5), covariance_types="sklearn", random_state=0).fit(eruptions)
    >>> display = CriterionDisplay.from_estimator(search)
    >>> display.named_
    ['tied', 'full', 'diag', 'spherical']
    >>> plt.close()
    """

    ax_: "Axes"
    figure_: "Figure | SubFigure"
    named_: list[str]
    lines_: dict[str, Any]

    def __init__(
        self,
        *,
        n_components: ArrayLike,
        covariance_types: Sequence[str],
        values: ArrayLike,
        is_sound: ArrayLike,
        criterion: str,
        best_n_components: int,
        best_covariance_type: str,
    ) -> None:
        self.n_components: IntArray = np.asarray(n_components)
        self.covariance_types = list(covariance_types)
        self.values: FloatArray = np.asarray(values, dtype=np.float64)
        self.is_sound: BoolArray = np.asarray(is_sound, dtype=bool)
        self.criterion = criterion
        self.best_n_components = int(best_n_components)
        self.best_covariance_type = str(best_covariance_type)

    @classmethod
    @underflow_to_zero
    def from_estimator(
        cls, search: Any, *, criterion: str | None = None, ax: "Axes | None" = None, **shown: Any
    ) -> Self:
        """Draw the results of a search.

        Parameters
        ----------
        search : GaussianMixtureIC
            A fitted search.
        criterion : str, optional
            Criterion to show; by default that of the search.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; by default those of a new figure.
        **shown
            Arguments of `plot`.

        Returns
        -------
        CriterionDisplay
            The drawn display.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(search)
        from gaussmix.selection import SelectionTable  # imports scikit-learn

        if not isinstance(getattr(search, "results_", None), SelectionTable):
            raise TypeError(f"{type(search).__name__} has no results_; pass a fitted GaussianMixtureIC")
        return cls.from_table(search.results_, criterion=criterion, ax=ax, **shown)

    @classmethod
    @underflow_to_zero
    def from_table(
        cls, table: "SelectionTable", *, criterion: str | None = None, ax: "Axes | None" = None, **shown: Any
    ) -> Self:
        """Draw a table of models.

        Parameters
        ----------
        table : SelectionTable
            Table of models, such as the ``results_`` of a search.
        criterion : str, optional
            Criterion to show; by default that of the table.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; by default those of a new figure.
        **shown
            Arguments of `plot`.

        Returns
        -------
        CriterionDisplay
            The drawn display.
        """
        if criterion is not None:
            table = table.by(criterion)
        numbers, columns = np.unique(table.n_components, return_inverse=True)
        types = list(dict.fromkeys(table.models))
        lines = np.array([types.index(name) for name in table.models])
        values = np.full((len(types), len(numbers)), np.nan)
        values[lines, columns] = np.where(np.isfinite(table.value), table.value, np.nan)
        is_sound = np.zeros(values.shape, dtype=bool)
        is_sound[lines, columns] = table.is_sound
        best_n_components, best_covariance_type = int(table.n_components[table.best]), table.models[table.best]
        display = cls(
            n_components=numbers,
            covariance_types=types,
            values=values,
            is_sound=is_sound,
            criterion=table.criterion,
            best_n_components=best_n_components,
            best_covariance_type=best_covariance_type,
        )
        return display.plot(ax, **shown)

    @property
    def best_value(self) -> float:
        """Criterion of the best model."""
        line = self.covariance_types.index(self.best_covariance_type)
        return float(self.values[line, np.flatnonzero(self.n_components == self.best_n_components)[0]])

    @property
    def differences(self) -> FloatArray:
        """Differences from the best model, (s, m); negative for doubtful models with a lower criterion."""
        return self.values - self.best_value

    @underflow_to_zero
    def plot(self, ax: "Axes | None" = None) -> Self:
        """Draw the lines.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        CriterionDisplay
            This display.
        """
        axes = new_axes() if ax is None else ax
        inks = quiet_axes(axes)
        order = self._from_best_to_worst()
        n_named = len(order) if len(order) <= MOST_NAMED + 1 else MOST_NAMED
        low, high = self._range(order[:n_named])
        self.ax_, self.figure_, self.lines_ = axes, axes.figure, {}
        self.named_ = [self.covariance_types[line] for line in order[:n_named]]
        for place, line in reversed(list(enumerate(order))):
            self._draw_line(line, place if place < n_named else None, inks)
        pitch = (self.n_components[-1] - self.n_components[0]) / max(len(self.n_components) - 1, 1)
        axes.set_xlim(self.n_components[0] - 0.35 * (pitch or 1), self.n_components[-1] + 0.2 * (pitch or 1))
        axes.set_ylim(low, high)
        self._set_ticks(low, high)
        axes.set_xlabel("number of components", color=inks.ink)
        from gaussmix.selection.rendering import CRITERION_NAMES

        name = CRITERION_NAMES.get(self.criterion, self.criterion)
        best = f"{self.best_covariance_type} {self.best_n_components}"
        axes.set_ylabel(f"{name} relative to {best}, {self.best_value:.2f} (lower is better)", color=inks.ink)
        axes.axhline(0, color=inks.line, linewidth=0.8, zorder=0)
        axes.plot(
            self.best_n_components, 0, marker="o", markersize=13, markerfacecolor="none", markeredgecolor=inks.ink,
            markeredgewidth=1.3, linestyle="none", zorder=6, label="best",
        )  # fmt: skip
        axes.annotate(
            best, (self.best_n_components, 0), xytext=(0, -10), textcoords="offset points", ha="center", va="top",
            color=inks.ink, fontweight="bold", fontsize=10, zorder=7,
        )  # fmt: skip
        self._write_names(order, n_named, inks)
        self._point_beyond(low, high, inks)
        if (~self.is_sound & np.isfinite(self.values)).any():
            axes.set_title("hollow: doubtful", loc="left", color=inks.quiet, fontsize=9)
        return self

    def _from_best_to_worst(self) -> list[int]:
        """Sort the structures by the lowest value of their sound fits; those without sound fits come last."""

        def rank(line: int) -> tuple[bool, float]:
            sound = self.values[line][self.is_sound[line] & np.isfinite(self.values[line])]
            rest = self.values[line][np.isfinite(self.values[line])]
            name = self.covariance_types[line]
            if name == self.best_covariance_type:
                return False, -np.inf
            return not sound.size, float(min(sound if sound.size else rest, default=np.inf))

        return sorted(range(len(self.covariance_types)), key=rank)

    def _range(self, named: Sequence[int]) -> tuple[float, float]:
        """Return limits 4 times the median difference of named lines above and 2 times below, or the extremes."""
        differences = self.differences
        finite = differences[np.isfinite(differences)]
        reach = 4 * float(np.median(np.abs(differences[named][np.isfinite(differences[named])]))) or 1.0
        high, low = min(float(finite.max()), reach), max(float(finite.min()), -reach / 2)
        room = (high - low) or 1.0
        return low - 0.14 * room, high + 0.06 * room

    def _draw_line(self, line: int, place: int | None, inks: Inks) -> None:
        difference, sound = self.differences[line], self.is_sound[line]
        color = inks.line if place is None else color_of(place, inks)
        marker, size = ("o", 2.6) if place is None else (_MARKERS[place], 5.5)
        depth = 1 if place is None else 4 - 0.1 * place
        (self.lines_[self.covariance_types[line]],) = self.ax_.plot(
            self.n_components, difference, color=color, linewidth=1.0 if place is None else 1.7, zorder=depth,
            linestyle="-" if place is None else _STYLES[place], label=self.covariance_types[line],
        )  # fmt: skip
        for which, face in ((sound, color), (~sound, inks.paper)):
            self.ax_.plot(
                self.n_components[which], difference[which], linestyle="none", marker=marker, markersize=size,
                markerfacecolor=face, markeredgecolor=color, markeredgewidth=1.1, zorder=depth + 0.05,
            )  # fmt: skip

    def _set_ticks(self, low: float, high: float) -> None:
        from matplotlib.ticker import MaxNLocator

        if len(self.n_components) <= 12:
            self.ax_.set_xticks(self.n_components)
        else:
            self.ax_.xaxis.set_major_locator(MaxNLocator(10, integer=True))
        ticks = MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(low, high)
        least = min(0.0, float(np.nanmin(self.differences)))
        self.ax_.set_yticks([tick for tick in ticks if least <= tick <= high])

    def _write_names(self, order: Sequence[int], n_named: int, inks: Inks) -> None:
        """Write names beside the ends of the lines, without overlap."""
        low, high = self.ax_.get_ylim()
        ends = {line: self._end_of(line) for line in order}
        labels = []
        for place, line in enumerate(order[:n_named]):
            name, hidden = self.covariance_types[line], not (self.differences[line] <= high).any()
            labels.append((ends[line], f"{name} ↑" if hidden else name, color_of(place, inks)))
        if rest := [ends[line] for line in order[n_named:]]:
            labels.append((float(np.median(rest)), f"{len(rest)} others", inks.quiet))
        height = self.ax_.get_window_extent().height / self.ax_.figure.dpi * 72
        shares = [(min(max(end, low), high) - low) / (high - low) for end, *_ in labels]
        for share, (_, name, color) in zip(spread_apart(shares, _LINE_OF_WORDS / height), labels, strict=True):
            self.ax_.annotate(
                name, (1, share), xycoords="axes fraction", xytext=(5, 0), textcoords="offset points", va="center",
                color=color, fontsize=10,
                fontweight="bold" if name == self.best_covariance_type else "normal",
            )  # fmt: skip

    def _end_of(self, line: int) -> float:
        """Return the last difference of a line."""
        difference = self.differences[line][np.isfinite(self.differences[line])]
        return float(difference[-1]) if difference.size else np.inf

    def _point_beyond(self, low: float, high: float, inks: Inks) -> None:
        """Draw arrows at numbers of components whose best model is outside the visible range."""
        for column, number in enumerate(self.n_components.tolist()):
            difference = self.differences[:, column]
            difference = difference[np.isfinite(difference)]
            if not difference.size or low <= (least := float(difference.min())) <= high:
                continue
            arrow, place, shift, edge = ("↑", 1, -2, "top") if least > high else ("↓", 0, 2, "bottom")
            self.ax_.annotate(
                f"{arrow} {least:,.0f}", (number, place), xycoords=("data", "axes fraction"), xytext=(0, shift),
                textcoords="offset points", ha="center", va=edge, color=inks.quiet, fontsize=8.5,
            )  # fmt: skip


def spread_apart(places: Sequence[float], apart: float) -> list[float]:
    """Return the places, moved as little as possible, with at least the given distance between neighbors."""
    order = np.argsort(places, kind="stable")
    groups: list[list[float]] = []  # sum of the places wanted for the lowest member, members
    for place in np.asarray(places, dtype=np.float64)[order].tolist():
        groups.append([place, 1.0])
        while len(groups) > 1 and groups[-2][0] / groups[-2][1] + apart * groups[-2][1] > groups[-1][0] / groups[-1][1]:
            wanted, members = groups.pop()
            groups[-1][0] += wanted - members * apart * groups[-1][1]
            groups[-1][1] += members
    moved = [wanted / members + apart * at for wanted, members in groups for at in range(int(members))]
    result = np.empty(len(moved))
    result[order] = moved
    return result.tolist()
