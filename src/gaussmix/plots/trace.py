"""`TraceDisplay`: log-likelihood of each iteration, or bound and divergence of each step of EM."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gaussmix.core.floating_point import underflow_to_zero
from gaussmix.core.typing import ArrayLike, FloatArray
from gaussmix.diagnostics.em_trace import EMTrace
from gaussmix.plots.drawing import PALETTE, Inks, color_of, new_axes, quiet_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

_E_STEP, _M_STEP = 0.25, 0.75  # within a pass
_ROUNDING = 64 * float(np.finfo(np.float64).eps)  # relative rounding error of a log-likelihood
_SEEN = 0.98  # share of the total rise after which passes are too flat to be visible
_MOST_LETTERS = 12  # passes labeled E and M
_MANY = 60  # iterations; more have smaller points
_GAP = PALETTE[1]
_NAMED_AT = 0.8  # position of the names, as a share of the passes shown
_LABELS = {  # by whether there is a bound, and whether distances are shown
    (False, False): "Log-likelihood, nats per row",
    (False, True): "Log-likelihood below its maximum, nats per row",
    (True, False): "Nats per row",
    (True, True): "Below the maximum, nats per row",
}


class TraceDisplay:
    """Plot of the log-likelihood during a fit. Build it with `from_estimator` or `from_trace`.

    Parameters
    ----------
    log_likelihood : (m + 1,) array-like
        Log-likelihood at the start and after each of m iterations, in nats per row.
    bound, divergence : (m, 3) array-like, optional
        Values before the E-step, after the E-step and after the M-step, as in `gaussmix.diagnostics.em_trace.EMTrace`.
    accelerated : (m,) array-like of bool, optional
        Whether each iteration was accelerated; by default none was.

    Attributes
    ----------
    log_likelihood, bound, divergence, accelerated : array, or None
        The parameters as arrays.
    ax_ : matplotlib Axes
        Axes of the plot.
    figure_ : matplotlib Figure
        Figure of these axes.

    Examples
    --------
    >>> from gaussmix import GaussianMixture
    >>> from gaussmix.datasets import load_old_faithful
    >>> from gaussmix.plots import TraceDisplay
    >>> gm = GaussianMixture(2, random_state=0).fit(load_old_faithful()[0])
    >>> display = TraceDisplay.from_estimator(gm)
    >>> display.ax_.get_xlabel()
    'Iteration'
    """

    ax_: "Axes"
    figure_: "Figure | SubFigure"

    def __init__(
        self,
        *,
        log_likelihood: ArrayLike,
        bound: ArrayLike | None = None,
        divergence: ArrayLike | None = None,
        accelerated: ArrayLike | None = None,
    ) -> None:
        self.log_likelihood = np.asarray(log_likelihood, dtype=np.float64)
        self.bound = None if bound is None else np.asarray(bound, dtype=np.float64)
        self.divergence = None if divergence is None else np.asarray(divergence, dtype=np.float64)
        none = np.zeros(max(len(self.log_likelihood) - 1, 0), dtype=np.bool_)
        self.accelerated = none if accelerated is None else np.asarray(accelerated, dtype=np.bool_)

    @classmethod
    @underflow_to_zero
    def from_estimator(cls, model: Any, *, ax: "Axes | None" = None, **shown: Any) -> Self:
        """Draw the iterations of the run that gave the result of a fit.

        Parameters
        ----------
        model : fitted estimator
            `GaussianMixture` of gaussmix or scikit-learn, or `GaussianMixtureIC`, of which the best model is used.
        ax : matplotlib Axes, optional
            Axes to draw on; by default those of a new figure.
        **shown
            Arguments of `plot`.

        Returns
        -------
        TraceDisplay
            The drawn display; its attributes have the numbers.

        Raises
        ------
        sklearn.exceptions.NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator has no history.
        """
        if not hasattr(model, "fit"):
            raise TypeError(
                f"model must be a fitted estimator; got {type(model).__name__}: use trace_em and from_trace for EM "
                "from a Mixture"
            )
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(model)
        fitted = getattr(model, "best_estimator_", model)
        history = getattr(fitted, "history_", None)
        if history is None or "log_likelihood" not in history:
            if not hasattr(fitted, "lower_bounds_") or hasattr(fitted, "weight_concentration_prior_"):
                raise TypeError(f"{type(model).__name__} keeps no log-likelihoods of its iterations")
            return cls(log_likelihood=fitted.lower_bounds_).plot(ax, **shown)
        # only runs with acceleration request gains; the short runs of the search are plain EM
        accelerated = ~np.isnan(history["gain"][:-1]) & (fitted.acceleration == "auto")
        return cls(log_likelihood=history["log_likelihood"], accelerated=accelerated).plot(ax, **shown)

    @classmethod
    @underflow_to_zero
    def from_trace(cls, trace: EMTrace, *, ax: "Axes | None" = None, **shown: Any) -> Self:
        """Draw the bound, the divergence and the log-likelihood of each step.

        Parameters
        ----------
        trace : EMTrace
            Result of `gaussmix.trace_em`.
        ax : matplotlib Axes, optional
            Axes to draw on; by default those of a new figure.
        **shown
            Arguments of `plot`.

        Returns
        -------
        TraceDisplay
            The drawn display; its attributes have the numbers.
        """
        display = cls(log_likelihood=trace.log_likelihood, bound=trace.bound, divergence=trace.divergence)
        return display.plot(ax, **shown)

    @underflow_to_zero
    def plot(self, ax: "Axes | None" = None, *, distance: bool | None = None, passes: int | None = None) -> Self:
        """Draw the display.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Axes to draw on; by default those of a new figure.
        distance : bool, optional
            Whether to show differences from the greatest log-likelihood of the run, on a log scale. By default only
            without a bound; the steps of EM shrink like a geometric series, which is a straight line on this scale.
        passes : int, optional
            Number of passes to show, from the first. By default all; for a bound without the log scale, those
            whose steps are visible.

        Returns
        -------
        TraceDisplay
            This display.
        """
        ax = new_axes() if ax is None else ax
        inks = quiet_axes(ax)
        logarithmic = self.bound is None if distance is None else distance
        m = len(self.log_likelihood) - 1
        n_passes = min(m, m if passes is None else max(int(passes), 1))
        if self.bound is not None and passes is None and not logarithmic:
            n_passes = self._n_seen()
        top = float(self.log_likelihood.max())
        if self.bound is None:
            self._draw_iterations(ax, inks, n_passes, top if logarithmic else None)
            ax.set_xlabel("Iteration", color=inks.ink)
        else:
            self._draw_steps(ax, inks, n_passes, top if logarithmic else None)
            ax.set_xlabel("Pass", color=inks.ink)
        ax.tick_params(axis="y", which="minor", colors=inks.quiet, labelsize=9)
        ax.set_ylabel(_LABELS[self.bound is not None, logarithmic], color=inks.ink)
        self.ax_, self.figure_ = ax, ax.figure
        return self

    def steps(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the positions of the steps, and the values between them.

        Returns
        -------
        edges : (2 m + 2,) array
            Edges: 0, the positions of each E-step and each M-step, and m.
        log_likelihood, bound : (2 m + 1,) array
            Values between consecutive edges.
        """
        assert self.bound is not None
        m = len(self.bound)
        inside = (np.arange(m)[:, None] + [_E_STEP, _M_STEP]).ravel()
        edges = np.concatenate([[0.0], inside, [float(m)]])
        log_likelihood = np.repeat(self.log_likelihood, 2)[:-1]
        bound = np.append(self.bound[:, :2].ravel(), self.bound[-1, 2])
        return edges, log_likelihood, bound

    def _n_seen(self) -> int:
        risen = self.log_likelihood - self.log_likelihood[0]
        return int(np.clip(np.argmax(risen >= _SEEN * risen[-1]), min(3, len(risen) - 1), len(risen) - 1))

    def _draw_iterations(self, axes: "Axes", inks: Inks, n_passes: int, top: float | None) -> None:
        values = self.log_likelihood[: n_passes + 1]
        numbers = np.arange(len(values))
        if top is not None:
            values = top - values
            below = values > _ROUNDING * abs(top)
            numbers, values = numbers[below], values[below]
            axes.set_yscale("log")
        accelerated = np.append(False, self.accelerated)[numbers]  # for the step that leads to each point
        axes.plot(numbers, values, color=inks.line, linewidth=1.2, zorder=1)
        for which, color, name, marker in (
            (~accelerated, inks.quiet, "plain EM", "o"),
            (accelerated, color_of(0, inks), "accelerated", "D"),
        ):
            if not which.any():
                continue
            axes.plot(
                numbers[which], values[which], linestyle="none", marker=marker, color=color, zorder=3,
                markersize=5 if len(numbers) <= _MANY else 3,
            )  # fmt: skip
            if self.accelerated.any():
                middle = np.flatnonzero(which)[int(which.sum()) // 2]
                axes.annotate(
                    name, (numbers[middle], values[middle]), xytext=(9, 7 if top is not None else -7),
                    textcoords="offset points", color=color, fontsize=10.5,
                    va="bottom" if top is not None else "top",
                )  # fmt: skip
        _whole_numbers(axes)

    def _draw_steps(self, axes: "Axes", inks: Inks, n_passes: int, top: float | None) -> None:
        edges, log_likelihood, bound = self.steps()
        if top is not None:
            log_likelihood, bound = top - log_likelihood, top - bound
            axes.set_yscale("log")
        kept = edges[:-1] < n_passes
        x = np.stack([edges[:-1], np.minimum(edges[1:], n_passes)], axis=1)[kept].ravel()
        upper, lower = np.repeat(log_likelihood[kept], 2), np.repeat(bound[kept], 2)
        if top is not None:
            floor = _ROUNDING * abs(top)
            upper, lower = (np.where(line > floor, line, np.nan) for line in (upper, lower))
        axes.fill_between(x, lower, upper, color=_GAP, alpha=0.3, linewidth=0, zorder=1)
        axes.plot(x, upper, color=inks.ink, linewidth=1.4, zorder=3)
        axes.plot(x, lower, color=color_of(0, inks), linewidth=2.2, zorder=2, solid_joinstyle="miter")
        axes.set_xlim(0, n_passes)
        if top is None:
            low, high = float(lower[x > _E_STEP].min()), float(upper.max())
            room = 0.08 * (high - low) or 0.5
            axes.set_ylim(max(low - 2.5 * room, float(lower.min()) - room), high + 1.6 * room)
        else:
            axes.yaxis.set_inverted(True)  # up is better
        _name_lines(axes, inks, x, upper, lower)
        _name_steps(axes, inks, n_passes)


def _name_lines(axes: "Axes", inks: Inks, x: FloatArray, upper: FloatArray, lower: FloatArray) -> None:
    """Write names above and below the lines, and beside the largest gap after an M-step."""
    shown = np.flatnonzero(np.isfinite(upper) & np.isfinite(lower))
    if not shown.size:
        return  # the start is the maximum
    place = shown[int(_NAMED_AT * (len(shown) - 1))]
    for line, name, color, up in (
        (upper, "log-likelihood", inks.ink, True),
        (lower, "bound", color_of(0, inks), False),
    ):
        axes.annotate(
            name, (x[place], line[place]), xytext=(-6, 4) if up else (6, -5), textcoords="offset points", color=color,
            fontsize=10.5, ha="right" if up else "left", va="bottom" if up else "top",
        )  # fmt: skip
    ends = np.arange(5, len(x) - 1, 4)  # ends of the gaps: every other state, with two points each
    ends = ends[np.isfinite(upper[ends]) & np.isfinite(lower[ends])]
    if ends.size:
        heights = [axes.transData.transform(np.column_stack([x, line]))[ends, 1] for line in (upper, lower)]
        widest = ends[(heights[0] - heights[1]).argmax()]
        axes.annotate(
            "divergence", (x[widest], upper[widest]), xytext=(6, -4), textcoords="offset points", color=inks.quiet,
            fontsize=10.5, va="top",
        )  # fmt: skip


def _name_steps(axes: "Axes", inks: Inks, n_passes: int) -> None:
    """Write the numbers of passes, and for few passes the letters of the steps."""
    if n_passes > _MOST_LETTERS:
        _whole_numbers(axes)
        return
    numbers = np.arange(n_passes)
    axes.set_xticks(numbers + 0.5, [f"\n{number + 1}" for number in numbers])
    axes.set_xticks(
        np.concatenate([numbers + _E_STEP, numbers + _M_STEP]), ["E"] * n_passes + ["M"] * n_passes, minor=True
    )
    axes.tick_params(axis="x", which="major", length=0)
    axes.tick_params(axis="x", which="minor", colors=inks.quiet, labelsize=9, length=3)


def _whole_numbers(axes: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
