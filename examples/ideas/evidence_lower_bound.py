"""
The evidence lower bound in EM
==============================

EM never decreases the log-likelihood, because both of its steps increase the same function: the evidence lower bound.
This bound depends on the responsibilities and on the parameters. It never exceeds the log-likelihood, and it equals
the log-likelihood after every E-step. This page computes the bound in every step of a fit.
"""

# %%
# The log-likelihood as a sum of bound and divergence
# ---------------------------------------------------
#
# For any responsibilities :math:`q` and any parameters, the log-likelihood of a row is the sum of two terms (Bishop
# 2006, equations 9.70 to 9.72):
#
# .. math::
#
#    \log p(x) = \sum_k q_k \log \frac{w_k \, N(x \mid \mu_k, \Sigma_k)}{q_k}
#    + \sum_k q_k \log \frac{q_k}{p(k \mid x)}
#
# The second term is the Kullback-Leibler divergence between the responsibilities and the probabilities of the
# components given the row. It is never negative, and it is zero only if both are equal. The first term is therefore a
# lower bound of the log-likelihood, the evidence lower bound (ELBO).
#
# The E-step keeps the parameters and sets :math:`q_k = p(k \mid x)`. The divergence becomes zero, and the bound rises
# to the log-likelihood, which does not change. The M-step keeps :math:`q` and chooses the parameters that maximize the
# bound. The log-likelihood increases by as much as the bound, plus the new divergence.
#
# The terms of a fit
# ------------------
#
# `~gaussmix.trace_em` computes the bound, the divergence and the log-likelihood from separate formulas, before and
# after each step. The table shows their means over the rows. Bound and divergence add up to the log-likelihood.

import matplotlib.pyplot as plt
import numpy as np

from gaussmix import Mixture, trace_em
from gaussmix.datasets import load_old_faithful
from gaussmix.plots import TraceDisplay

X, names = load_old_faithful()
k = 3
start = Mixture.from_parameters(
    np.full(k, 1 / k), X[[220, 23, 48]], [np.cov(X.T)] * k, feature_names=names
)
trace = trace_em(X, start, n_iter=300)

before, after = trace.log_likelihood[:-1], trace.log_likelihood[1:]
# columns: before the E-step, after the E-step, after the M-step
log_likelihood = np.stack([before, before, after], axis=1)
print("iteration  step      bound   divergence   log-likelihood")
for iteration in range(3):
    for column, step in enumerate(("", "E", "M")):
        if iteration > 0 and step == "":  # the same values as after the last M-step
            continue
        print(
            f"{iteration + 1:9d}  {step:4s} {trace.bound[iteration, column]:10.6f} "
            f"{trace.divergence[iteration, column]:12.6f} "
            f"{log_likelihood[iteration, column]:16.6f}"
        )

# %%
# The sum is correct to 1e-10 at every step of all 300 iterations. The divergence is zero after each E-step, and the
# bound never decreases.

assert np.allclose(trace.bound + trace.divergence, log_likelihood, rtol=0, atol=1e-10)
assert np.allclose(trace.divergence[:, 1], 0, rtol=0, atol=1e-10)
assert (np.diff(trace.bound.ravel()) > -1e-10).all()
error = np.abs(trace.bound + trace.divergence - log_likelihood).max()
print(f"largest error of the sum: {error:.0e} nats per row")

# %%
# The bound over the iterations
# -----------------------------
#
# The next figure combines figures 9.11 to 9.14 of Bishop. A pass is one iteration of EM. Each E-step raises the bound
# to the log-likelihood. Each M-step raises both and opens a divergence between them, which is shaded.

figure, axes = plt.subplots(figsize=(8, 4.6), layout="constrained")
TraceDisplay.from_trace(trace, ax=axes)
plt.show()

# %%
# The next figure shows the distance from the final log-likelihood on a log scale, so that later steps remain visible.
# EM is fast at first and slow later.

figure, axes = plt.subplots(figsize=(8, 4.6), layout="constrained")
TraceDisplay.from_trace(trace, ax=axes, distance=True, passes=12)
plt.show()

# %%
# The table shows how this distance decreases. The ratio is the distance after an iteration divided by the distance
# before it. The last column is the divergence opened by the M-step of the iteration, divided by the distance after the
# iteration. Both ratios vary at first and become constant near the maximum.

distances = trace.log_likelihood[-1] - trace.log_likelihood
print("iteration   distance, nats per row   ratio   divergence / distance")
for iteration in (1, 2, 5, 10, 20, 40, 60, 80, 100):
    ratio = distances[iteration] / distances[iteration - 1]
    divergence = trace.divergence[iteration - 1, 2] / distances[iteration]
    print(f"{iteration:9d} {distances[iteration]:24.1e} {ratio:7.3f} {divergence:23.3f}")
assert np.allclose(
    distances[61:101] / distances[60:100], distances[100] / distances[99], atol=0.01
)

# %%
# The rate of convergence
# -----------------------
#
# The rate of convergence is the ratio by which an iteration reduces the distance of the parameters from their limit. It
# equals the share of the information about the parameters that is missing because the labels are unknown, in the
# direction in which this share is largest (Dempster, Laird and Rubin 1977, section 3). If the clusters are far apart,
# the labels are practically known, and a few iterations are enough. If the clusters overlap, EM is slow. The
# log-likelihood is quadratic near its maximum, so each iteration multiplies its distance from the maximum by the square
# of the rate.

print("distance of the means   rate   iterations for a factor of 1000")
for separation in (6.0, 4.0, 3.0, 2.5):
    truth = Mixture.from_parameters(
        [0.5, 0.5], [[0.0], [separation]], [1.0, 1.0], covariance_type="spherical"
    )
    rows, _ = truth.sample(2000, random_state=0)
    values = trace_em(rows, truth, n_iter=600).log_likelihood
    distances = values[-1] - values
    tail = distances[(distances > 1e-10) & (distances < 1e-6)]
    rate = np.sqrt((tail[-1] / tail[0]) ** (1 / (len(tail) - 1)))
    print(f"{separation:21.1f} {rate:6.2f} {np.log(1e-3) / np.log(rate):33.0f}")

# %%
# Partial E-steps
# ---------------
#
# Neither step needs to maximize the bound. It is enough to increase the bound, because the log-likelihood cannot fall
# below it. An E-step can therefore update only some of the rows, or only some of the components (Neal and Hinton 1998).
# In the code below, each iteration updates the responsibilities of one half of the rows, alternating between the
# halves.


def bound(q: np.ndarray, mixture: Mixture) -> float:
    """Return the evidence lower bound in nats per row."""
    r = mixture.responsibilities(X)
    return float(mixture.log_density(X).mean() - np.sum(q * np.log(q / r), axis=1).mean())


def m_step(q: np.ndarray) -> Mixture:
    counts = q.sum(axis=0)
    means = q.T @ X / counts[:, None]
    covariances = [
        (q[:, c] * (X - means[c]).T) @ (X - means[c]) / counts[c] for c in range(k)
    ]
    return Mixture.from_parameters(counts / len(X), means, covariances)


q, mixture, bounds = (
    start.responsibilities(X),
    start,
    [bound(start.responsibilities(X), start)],
)
for iteration in range(300):
    half = slice(iteration % 2, None, 2)
    q[half] = mixture.responsibilities(X[half])
    bounds.append(bound(q, mixture))
    mixture = m_step(q)
    bounds.append(bound(q, mixture))
assert (np.diff(bounds) > -1e-10).all()
print(f"300 iterations over half the rows: {mixture.log_density(X).mean():.9f}")
print(f"300 iterations over all rows:      {trace.log_likelihood[-1]:.9f}")
