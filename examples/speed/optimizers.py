"""
EM, accelerated EM, ADAM and L-BFGS
===================================

The log-likelihood is a smooth function, so any optimizer can climb it. Why EM, then, and not the methods that train
neural networks? Here all climb the same two hills from the same start. What is counted are passes over the data: in
each of them every method computes the responsibilities of all rows and a few sums.
"""

# %%
# Two hills
# ---------
#
# Three components each: in the first table far apart, in the second overlapping. The start is the same for all
# methods: three rows as means, the covariance of the data for all components.

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
    """A table and a start."""
    means = distance * np.array([[0.0, 0.0], [1.0, 0.2], [0.4, 1.0]])
    X, _ = Mixture.from_parameters([0.5, 0.3, 0.2], means, shapes).sample(n, seed)
    return X, Mixture.from_parameters(np.full(k, 1 / k), X[:k], [np.cov(X.T)] * k)


problems, starts = {}, {}
for name, distance in distances.items():
    problems[name], starts[name] = draw(distance, seed=0)

figure, places = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
for axes, name in zip(places, problems, strict=True):
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
# ADAM and L-BFGS take steps in numbers without constraints. So weights become logits, and a covariance becomes its
# Cholesky factor :math:`L_k` with the logarithms of its diagonal. The gradient of the log-likelihood then needs what EM
# needs, the responsibilities. With :math:`y = L_k^{-1} (x - \mu_k)`:
#
# .. math::
#
#    \frac{\partial}{\partial \text{logit}_k} = \sum_n r_{nk} - n w_k, \qquad
#    \frac{\partial}{\partial \mu_k} = L_k^{-T} \sum_n r_{nk} y_{nk}, \qquad
#    \frac{\partial}{\partial L_k} = L_k^{-T} \sum_n r_{nk} \left( y_{nk} y_{nk}^T - I \right)
#
# of which the lower triangle counts, times :math:`L_{ii}` on the diagonal.

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
    """Both in nats per row."""
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
    print(f"{name}: gradient of length {length:.3f}, off from differences by {error:.0e}")
    assert error < 1e-6
    value = starts[name].log_density(X).mean()
    assert np.isclose(
        log_likelihood_and_gradient(pack(starts[name]), X)[0], value, rtol=1e-12
    )

# %%
# The climbers
# ------------
#
# Each returns the log-likelihood that every pass has found. An engine is what passes over the rows in this package;
# this one also writes down what it finds, steps that were tried and refused included.


class Recorder(NativeEngine):
    def __init__(self, X: np.ndarray) -> None:
        super().__init__(X)
        self.path: list[float] = []

    def accumulate(self, *arguments: Any, **options: Any) -> Moments:
        moments = super().accumulate(*arguments, **options)
        self.path.append(moments.mean_log_likelihood)
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
    return engine.path[:passes]


def adam(X: np.ndarray, start: Mixture, passes: int, rate: float) -> list[float]:
    """Kingma and Ba (2015), algorithm 1, with its default settings, on all rows at once."""
    theta, path = pack(start), []
    mean, square = np.zeros_like(theta), np.zeros_like(theta)
    for step in range(1, passes + 1):
        value, gradient = log_likelihood_and_gradient(theta, X)
        path.append(value)
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        theta = theta + rate * (mean / (1 - 0.9**step)) / (
            np.sqrt(square / (1 - 0.999**step)) + 1e-8
        )
    return path


def lbfgs(X: np.ndarray, start: Mixture, passes: int) -> list[float]:
    """SciPy's, with a longer memory than its default."""
    path = []

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = log_likelihood_and_gradient(theta, X)
        path.append(value)
        return -value, -gradient

    options = {"maxfun": passes, "maxiter": passes, "maxcor": 20, "ftol": 0, "gtol": 0}
    minimize(objective, pack(start), jac=True, method="L-BFGS-B", options=options)
    return path


RATES = (0.01, 0.03, 0.1, 0.3)


def run_to_the_top(
    X: np.ndarray, start: Mixture, passes: int = 400
) -> dict[str, np.ndarray]:
    """For each method, how far the best of its first passes is below the top: nats, over all rows."""
    paths = {
        "EM": em(X, start, passes),
        "accelerated EM": em(X, start, passes, accelerated=True),
    }
    paths |= {"L-BFGS": lbfgs(X, start, passes)} | {
        f"ADAM {rate}": adam(X, start, passes, rate) for rate in RATES
    }
    top = max(max(path) for path in paths.values())
    return {
        name: len(X) * (top - np.maximum.accumulate(path)) for name, path in paths.items()
    }


gaps_by_problem = {name: run_to_the_top(X, starts[name]) for name, X in problems.items()}

# %%
# The race
# --------
#
# How far each is below the top after so many passes. ADAM is shown with four learning rates: small ones are slow, and
# the largest is not always the fastest.

figure, places = plt.subplots(
    1, 2, figsize=(9, 4.4), layout="constrained", sharex=True, sharey=True
)
styles = {
    "EM": (PALETTE[0], "-"),
    "accelerated EM": (PALETTE[2], "-"),
    "L-BFGS": (PALETTE[3], "--"),
}
for axes, (name, gaps) in zip(places, gaps_by_problem.items(), strict=True):
    quiet_axes(axes)
    for method, gap in gaps.items():
        color, line = styles.get(method, (PALETTE[4], ":"))
        label = (
            method
            if method in styles
            else "ADAM, four rates"
            if method.endswith(" 0.1")
            else None
        )
        drawn = np.where(gap > 1e-9, gap, np.nan)
        axes.plot(
            np.arange(1, len(gap) + 1), drawn, line, color=color, linewidth=1.6, label=label
        )
    axes.set(xscale="log", yscale="log", ylim=(1e-7, None), xlabel="passes over the data")
    axes.set_title(name, loc="left")
places[0].set_ylabel("nats below the top")
places[0].legend(loc="lower left", frameon=False)
plt.show()


def passes_until(gap: np.ndarray, nats: float) -> str:
    return str(int(np.argmax(gap < nats)) + 1) if (gap < nats).any() else "more"


nearness = (1, 0.01, 1e-4)
print("passes until so many nats are left:")
print(f"{'':16s}" + "   ".join(f"{name:>20s}" for name in gaps_by_problem))
print(
    f"{'':16s}"
    + "   ".join("".join(f"{nats:>7g}" for nats in nearness) for _ in gaps_by_problem)
)
for method in gaps_by_problem["overlapping"]:
    cells = [
        "".join(f"{passes_until(gaps[method], nats):>7s}" for nats in nearness)
        for gaps in gaps_by_problem.values()
    ]
    print(f"{method:16s}" + "   ".join(cells))
for name, gaps in gaps_by_problem.items():
    near = {
        method: int(np.argmax(gap < 0.01)) if (gap < 0.01).any() else np.inf
        for method, gap in gaps.items()
    }
    assert min(near, key=near.get) == "accelerated EM"
    assert (near["EM"] < near["L-BFGS"]) == (name == "far apart")
    assert near["EM"] < min(near[f"ADAM {rate}"] for rate in RATES)

# %%
# EM's steps need no learning rate: the M-step knows how far to go. Where components are far apart, only accelerated EM
# is faster. Where they overlap, EM creeps in the end, and L-BFGS overtakes it, because it learns the curvature of the
# hill. Accelerated EM, which `~gaussmix.GaussianMixture` uses by default, learns it along EM's own path.
#
# Other tables
# ------------
#
# That was one table of each kind. Here are five more of each, drawn and started in the same way. A method has arrived
# when it comes within 0.01 nats of the highest top that any of them has found. The passes are the median of those that
# have arrived.

more = {
    name: [run_to_the_top(*draw(distance, seed)) for seed in range(1, 6)]
    for name, distance in distances.items()
}
arrivals = {}
print(f"{'':16s}" + "   ".join(f"{name:>20s}" for name in more))
print(f"{'':16s}" + "   ".join(f"{'arrived':>10s}{'passes':>10s}" for _ in more))
for method in gaps_by_problem["overlapping"]:
    cells = []
    for name, races in more.items():
        passes = [
            np.argmax(gaps[method] < 0.01) + 1 for gaps in races if gaps[method][-1] < 0.01
        ]
        arrivals[method, name] = passes
        typical = f"{np.median(passes):.0f}" if passes else "-"
        cells.append(f"{len(passes):>5d} of 5{typical:>10s}")
    print(f"{method:16s}" + "   ".join(cells))
assert all(
    len(arrivals[method, "overlapping"]) < 5 for method in gaps_by_problem["overlapping"]
)
for name in more:
    assert np.median(arrivals["accelerated EM", name]) < np.median(arrivals["EM", name])
    assert np.median(arrivals["accelerated EM", name]) < np.median(arrivals["L-BFGS", name])

# %%
# Accelerated EM is the fastest again. But where components overlap, no method always arrives within 400 passes: each
# climbs the hill on which it stands, and from a poor start any of them may end on a lower top. Another optimizer does
# not help there, and other starts do (:doc:`/starting-and-stopping`).
#
# Other units
# -----------
#
# The same hill again, with the second column in other units, ten times larger. For EM nothing has changed: its path is
# the same to rounding. A gradient does depend on units, and so do all methods that know nothing else.

units = np.array([1.0, 10.0])
X, start = problems["overlapping"], starts["overlapping"]
scaled = Mixture.from_parameters(
    start.weights, start.means * units, start.covariance.dense() * units[:, None] * units
)
others = run_to_the_top(X * units, scaled)
print("                 as before:               in other units:")
print("                 passes to 0.01   left    passes to 0.01   left after 400")
for method, gap in others.items():
    was = gaps_by_problem["overlapping"][method]
    cells = [f"{passes_until(gaps, 0.01):>14s} {gaps[-1]:8.2f}" for gaps in (was, gap)]
    print(f"{method:16s} {cells[0]}  {cells[1]}")
assert np.allclose(others["EM"], gaps_by_problem["overlapping"]["EM"], rtol=1e-6, atol=1e-6)

# %%
# What is left is in nats. Those that have not arrived are still on their way, or have ended on a lower top.
# Standardized columns help, but which scales a component needs is what the fit has to find out.
#
# What gradients are for
# ----------------------
#
# ADAM is made for other hills: millions of parameters, no M-step in closed form, gradients from a few rows at a time. A
# mixture that is one layer of such a model has to be trained that way. A mixture on its own does not.
