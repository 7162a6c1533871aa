"""
EM, accelerated EM, Adam and L-BFGS
===================================

The log-likelihood is a smooth function, so general optimizers can maximize it as well. This page compares EM with
optimizers that are used for neural networks, on the same two problems and from the same starts. The unit of cost is a
pass over the data. In each pass, every method computes the responsibilities of all rows and a few sums.
"""

# %%
# Two problems
# ------------
#
# Both problems have three components. In the first problem they are far apart, in the second they overlap. All methods
# use the same start: three rows as means, and the covariance of the data for all components.

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import check_grad, minimize
from scipy.special import logsumexp

from gaussmix import Mixture
from gaussmix.core.engines import NativeEngine
from gaussmix.core.moments import Moments
from gaussmix.fitting.acceleration import Accelerator
from gaussmix.fitting.em import fit_em
from gaussmix.fitting.m_step import MaximumLikelihood
from gaussmix.plots import MixtureDisplay
from gaussmix.plots.drawing import PALETTE, quiet_axes

k, d, n = 3, 2, 2000
shapes = [[[1.0, 0.6], [0.6, 1.0]], [[0.5, 0.0], [0.0, 2.0]], [[1.5, -0.7], [-0.7, 0.8]]]
distances = {"far apart": 5.0, "overlapping": 2.0}


def draw(distance: float, seed: int) -> tuple[np.ndarray, Mixture]:
    """Draw a data set and a start."""
    means = distance * np.array([[0.0, 0.0], [1.0, 0.2], [0.4, 1.0]])
    X, _ = Mixture.from_parameters([0.5, 0.3, 0.2], means, shapes).sample(n, seed)
    return X, Mixture.from_parameters(np.full(k, 1 / k), X[:k], [np.cov(X.T)] * k)


problems, starts = {}, {}
for name, distance in distances.items():
    problems[name], starts[name] = draw(distance, seed=0)

figure, panels = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for axes, name in zip(panels, problems, strict=True):
    fitted = fit_em(
        NativeEngine(problems[name]), MaximumLikelihood(), starts[name], None, max_iter=2000
    ).mixture
    MixtureDisplay.from_estimator(
        fitted, problems[name], ax=axes, density=False, axes=False, boundaries=False
    )
    axes.set_title(name, loc="left")
plt.show()

# %%
# The gradient
# ------------
#
# Adam and L-BFGS need parameters without constraints. The weights are therefore expressed by logits, and each
# covariance by its Cholesky factor :math:`L_k` with the logarithms of its diagonal. The gradient of the log-likelihood
# uses the responsibilities, like EM. With :math:`y = L_k^{-1} (x - \mu_k)`, it is
#
# .. math::
#
#    \frac{\partial}{\partial \text{logit}_k} = \sum_n r_{nk} - n w_k, \qquad
#    \frac{\partial}{\partial \mu_k} = L_k^{-T} \sum_n r_{nk} y_{nk}, \qquad
#    \frac{\partial}{\partial L_k} = L_k^{-T} \sum_n r_{nk} \left( y_{nk} y_{nk}^T - I \right)
#
# Only the lower triangle of the last expression is used. Its diagonal is multiplied by :math:`L_{ii}`.

lower, diagonal = np.tril_indices(d), np.arange(d)


def pack(mixture: Mixture) -> np.ndarray:
    roots = np.linalg.cholesky(mixture.covariance.dense())
    roots[:, diagonal, diagonal] = np.log(roots[:, diagonal, diagonal])
    return np.concatenate(
        [np.log(mixture.weights), mixture.means.ravel(), roots[:, *lower].ravel()]
    )


def log_likelihood_and_gradient(
    theta: np.ndarray, X: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the log-likelihood and its gradient in nats per row."""
    logits, means = theta[:k], theta[k : k + k * d].reshape(k, d)
    roots = np.zeros((k, d, d))
    roots[:, *lower] = theta[k + k * d :].reshape(k, -1)
    logs = roots[:, diagonal, diagonal]
    roots[:, diagonal, diagonal] = np.exp(logs)
    inverses = np.linalg.inv(roots)
    y = np.einsum("kij,kjn->kin", inverses, X.T - means[:, :, None])
    log_weights = logits - logsumexp(logits)
    scores = (
        (log_weights - logs.sum(axis=1))[:, None]
        - 0.5 * (y**2).sum(axis=1)
        - 0.5 * d * np.log(2 * np.pi)
    )
    log_density = logsumexp(scores, axis=0)
    r = np.exp(scores - log_density)
    counts, shifts, scatter = (
        r.sum(axis=1),
        np.einsum("kn,kin->ki", r, y),
        np.einsum("kin,kjn->kij", r[:, None] * y, y),
    )
    by_mean = np.einsum("kji,kj->ki", inverses, shifts)
    by_root = np.einsum(
        "kji,kjl->kil", inverses, scatter - counts[:, None, None] * np.eye(d)
    )
    by_root[:, diagonal, diagonal] *= np.exp(logs)
    gradient = np.concatenate(
        [counts - len(X) * np.exp(log_weights), by_mean.ravel(), by_root[:, *lower].ravel()]
    )
    return float(log_density.mean()), gradient / len(X)


for name, X in problems.items():
    theta = pack(starts[name]) + 0.1 * np.random.default_rng(0).normal(
        size=k + k * d + k * len(lower[0])
    )
    error = check_grad(
        lambda t, X=X: log_likelihood_and_gradient(t, X)[0],
        lambda t, X=X: log_likelihood_and_gradient(t, X)[1],
        theta,
    )
    length = np.linalg.norm(log_likelihood_and_gradient(theta, X)[1])
    print(
        f"{name}: length of the gradient {length:.3f}, "
        f"difference from finite differences {error:.0e}"
    )
    assert error < 1e-6
    value = starts[name].log_density(X).mean()
    assert np.isclose(
        log_likelihood_and_gradient(pack(starts[name]), X)[0], value, rtol=1e-12
    )

# %%
# The optimizers
# --------------
#
# Each function returns the log-likelihood of every pass. In this package, an engine computes the passes over the rows.
# The engine below also records the log-likelihood of each pass, including the passes of rejected steps.


class Recorder(NativeEngine):
    def __init__(self, X: np.ndarray) -> None:
        super().__init__(X)
        self.history: list[float] = []

    def accumulate(self, *arguments: Any, **options: Any) -> Moments:
        moments = super().accumulate(*arguments, **options)
        self.history.append(moments.mean_log_likelihood)
        return moments


def em(
    X: np.ndarray, start: Mixture, passes: int, accelerated: bool = False
) -> list[float]:
    engine, update = Recorder(X), MaximumLikelihood()
    fit_em(
        engine,
        update,
        start,
        None,
        max_iter=passes,
        accelerator=Accelerator(update) if accelerated else None,
    )
    return engine.history[:passes]


def adam(X: np.ndarray, start: Mixture, passes: int, rate: float) -> list[float]:
    """Run algorithm 1 of Kingma and Ba (2015) with its default settings, on all rows."""
    theta, history = pack(start), []
    mean, square = np.zeros_like(theta), np.zeros_like(theta)
    for step in range(1, passes + 1):
        value, gradient = log_likelihood_and_gradient(theta, X)
        history.append(value)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        theta = theta + rate * (mean / (1 - 0.9**step)) / (
            np.sqrt(square / (1 - 0.999**step)) + 1e-8
        )
    return history


def lbfgs(X: np.ndarray, start: Mixture, passes: int) -> list[float]:
    """Run SciPy's L-BFGS-B with a longer memory than its default."""
    history = []

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = log_likelihood_and_gradient(theta, X)
        history.append(value)
        return -value, -gradient

    options = {"maxfun": passes, "maxiter": passes, "maxcor": 20, "ftol": 0, "gtol": 0}
    minimize(objective, pack(start), jac=True, method="L-BFGS-B", options=options)
    return history


RATES = (0.01, 0.03, 0.1, 0.3)


def run_all(X: np.ndarray, start: Mixture, passes: int = 400) -> dict[str, np.ndarray]:
    """Return the distance of each method from the highest log-likelihood, in nats over all rows.

    The distance after a pass is that of the best log-likelihood so far.
    """
    histories = {
        "EM": em(X, start, passes),
        "accelerated EM": em(X, start, passes, accelerated=True),
    }
    histories |= {"L-BFGS": lbfgs(X, start, passes)} | {
        f"Adam {rate}": adam(X, start, passes, rate) for rate in RATES
    }
    maximum = max(max(history) for history in histories.values())
    return {
        name: len(X) * (maximum - np.maximum.accumulate(history))
        for name, history in histories.items()
    }


gaps_by_problem = {name: run_all(X, starts[name]) for name, X in problems.items()}

# %%
# Convergence
# -----------
#
# The figure shows the distance from the maximum after each pass. Adam is shown with four learning rates. Small rates
# are slow, and the largest rate is not always the fastest.

figure, panels = plt.subplots(
    1, 2, figsize=(9, 4.4), layout="constrained", sharex=True, sharey=True
)
styles = {
    "EM": (PALETTE[0], "-"),
    "accelerated EM": (PALETTE[2], "-"),
    "L-BFGS": (PALETTE[3], "--"),
}
for axes, (name, gaps) in zip(panels, gaps_by_problem.items(), strict=True):
    quiet_axes(axes)
    for method, gap in gaps.items():
        color, style = styles.get(method, (PALETTE[4], ":"))
        label = (
            method
            if method in styles
            else "Adam, four rates"
            if method.endswith(" 0.1")
            else None
        )
        drawn = np.where(gap > 1e-9, gap, np.nan)
        axes.plot(
            np.arange(1, len(gap) + 1),
            drawn,
            style,
            color=color,
            linewidth=1.6,
            label=label,
        )
    axes.set(xscale="log", yscale="log", ylim=(1e-7, None), xlabel="passes over the data")
    axes.set_title(name, loc="left")
panels[0].set_ylabel("distance from the maximum, nats")
panels[0].legend(loc="lower left", frameon=False)
plt.show()


def passes_until(gap: np.ndarray, nats: float) -> str:
    return str(int(np.argmax(gap < nats)) + 1) if (gap < nats).any() else "-"


tolerances = (1, 0.01, 1e-4)
print("passes until the distance is below 1, 0.01 and 0.0001 nats (-: not reached)")
print(f"{'':16s}" + "   ".join(f"{name:>20s}" for name in gaps_by_problem))
print(
    f"{'':16s}"
    + "   ".join("".join(f"{nats:>7g}" for nats in tolerances) for _ in gaps_by_problem)
)
for method in gaps_by_problem["overlapping"]:
    cells = [
        "".join(f"{passes_until(gaps[method], nats):>7s}" for nats in tolerances)
        for gaps in gaps_by_problem.values()
    ]
    print(f"{method:16s}" + "   ".join(cells))
for name, gaps in gaps_by_problem.items():
    passes = {
        method: int(np.argmax(gap < 0.01)) if (gap < 0.01).any() else np.inf
        for method, gap in gaps.items()
    }
    assert min(passes, key=passes.get) == "accelerated EM"
    assert (passes["EM"] < passes["L-BFGS"]) == (name == "far apart")
    assert passes["EM"] < min(passes[f"Adam {rate}"] for rate in RATES)

# %%
# EM needs no learning rate, because the M-step determines the length of a step. If the components are far apart, only
# accelerated EM is faster. If they overlap, EM is slow near the maximum, and L-BFGS overtakes it, because it estimates
# the curvature of the log-likelihood. Accelerated EM, the default of `~gaussmix.GaussianMixture`, estimates this
# curvature from the steps of EM.
#
# Other data sets
# ---------------
#
# The next comparison uses five more data sets of each kind, drawn and started in the same way. A method has converged
# if it comes within 0.01 nats of the highest log-likelihood of all methods. The number of passes is the median over the
# data sets on which the method converged.

runs_by_problem = {
    name: [run_all(*draw(distance, seed)) for seed in range(1, 6)]
    for name, distance in distances.items()
}
converged = {}
print(f"{'':16s}" + "   ".join(f"{name:>20s}" for name in runs_by_problem))
print(
    f"{'':16s}" + "   ".join(f"{'converged':>10s}{'passes':>10s}" for _ in runs_by_problem)
)
for method in gaps_by_problem["overlapping"]:
    cells = []
    for name, runs in runs_by_problem.items():
        passes = [
            np.argmax(gaps[method] < 0.01) + 1 for gaps in runs if gaps[method][-1] < 0.01
        ]
        converged[method, name] = passes
        typical = f"{np.median(passes):.0f}" if passes else "-"
        cells.append(f"{len(passes):>5d} of 5{typical:>10s}")
    print(f"{method:16s}" + "   ".join(cells))
assert all(
    len(converged[method, "overlapping"]) < 5 for method in gaps_by_problem["overlapping"]
)
for name in runs_by_problem:
    accelerated = np.median(converged["accelerated EM", name])
    assert accelerated < np.median(converged["EM", name])
    assert accelerated < np.median(converged["L-BFGS", name])

# %%
# Accelerated EM is the fastest again. If the components overlap, no method converges to the highest maximum on all data
# sets within 400 passes. Each method converges to a maximum near its start, and from a poor start this can be a lower
# one. Another optimizer does not solve this problem, but other starts do (:doc:`/starting-and-stopping`).
#
# Other units
# -----------
#
# The second problem is repeated with its second column in other units, in which its values are ten times larger. EM is
# not affected: its log-likelihoods are the same up to rounding error. A gradient depends on the units, and so does
# every method that uses only gradients.

units = np.array([1.0, 10.0])
X, start = problems["overlapping"], starts["overlapping"]
scaled = Mixture.from_parameters(
    start.weights, start.means * units, start.covariance.dense() * units[:, None] * units
)
other_units = run_all(X * units, scaled)
original_units = gaps_by_problem["overlapping"]
print("passes until the distance is below 0.01 nats, and distance after 400 passes")
print(f"{'':16s}{'original units':>22s}   {'other units':>22s}")
print(f"{'':16s}" + "   ".join(f"{'passes':>10s}{'distance':>12s}" for _ in range(2)))
for method in other_units:
    cells = [
        f"{passes_until(gaps[method], 0.01):>10s}{gaps[method][-1]:12.2f}"
        for gaps in (original_units, other_units)
    ]
    print(f"{method:16s}" + "   ".join(cells))
assert np.allclose(other_units["EM"], original_units["EM"], rtol=1e-6, atol=1e-6)

# %%
# The remaining distance is in nats. Methods that have not converged need more passes or have reached a lower maximum.
# Standardizing the columns helps, but each component has its own scale, which is unknown before the fit.
#
# Uses of gradient methods
# ------------------------
#
# Adam was designed for other problems: millions of parameters, no M-step in closed form, and gradients from a few rows
# at a time. A mixture that is one layer of such a model has to be trained with gradients. A mixture on its own does
# not.
