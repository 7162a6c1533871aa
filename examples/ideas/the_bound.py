"""
The bound below the log-likelihood
==================================

Why can no step of EM make the fit worse? Because both steps climb one function of two arguments: the responsibilities
and the parameters. It lies below the log-likelihood and touches it after every E-step. This page takes the two apart,
number by number.
"""

# %%
# Log-likelihood = bound + divergence
# -----------------------------------
#
# For any responsibilities :math:`q`, whatever the parameters, the log-likelihood of a row is the sum of two terms
# (Bishop 2006, equations 9.70 to 9.72):
#
# .. math::
#
#    \log p(x) = \sum_k q_k \log \frac{w_k \, N(x \mid \mu_k, \Sigma_k)}{q_k}
#    + \sum_k q_k \log \frac{q_k}{p(k \mid x)}
#
# The second is the Kullback-Leibler divergence between the responsibilities and the probabilities of the components
# given the row. It is never negative, and zero only where both are equal. So the first is a lower bound, the evidence
# lower bound or ELBO.
#
# The E-step keeps the parameters and sets :math:`q_k = p(k \mid x)`: the divergence becomes zero, and the bound rises
# to the log-likelihood, which stays. The M-step keeps :math:`q` and chooses the parameters that raise the bound most.
# The log-likelihood rises by as much, and by the divergence that opens again on top of it.
#
# The numbers of a fit
# --------------------
#
# `~gaussmix.trace_em` computes the three from their own formulas, before and after each step, as means over the rows.
# They add up.

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
# before the E-step, after it, after the M-step
log_likelihood = np.stack([before, before, after], axis=1)
print("pass  step      bound   divergence   log-likelihood")
for number in range(3):
    for step, at in (("", 0), ("E", 1), ("M", 2)) if number == 0 else (("E", 1), ("M", 2)):
        below, gap = trace.bound[number, at], trace.divergence[number, at]
        total = log_likelihood[number, at]
        print(f"{number + 1:4d}  {step:4s} {below:10.6f} {gap:12.6f} {total:16.6f}")

# %%
# The identity holds to 1e-10 at every point of all 300 passes, the E-step closes the gap, and the bound never falls.

assert np.allclose(trace.bound + trace.divergence, log_likelihood, rtol=0, atol=1e-10)
assert np.allclose(trace.divergence[:, 1], 0, rtol=0, atol=1e-10)
assert (np.diff(trace.bound.ravel()) > -1e-10).all()
error = np.abs(trace.bound + trace.divergence - log_likelihood).max()
print(f"largest error of the sum: {error:.0e} nats per row")

# %%
# A staircase
# -----------
#
# The bound climbs in two kinds of steps (figures 9.11 to 9.14 of Bishop in one). At each E it rises to the
# log-likelihood. At each M both rise, and between them the divergence opens, the shaded area.

figure, axes = plt.subplots(figsize=(8, 4.6), layout="constrained")
TraceDisplay.from_trace(trace, ax=axes)
plt.show()

# %%
# On a log scale of what is left to the top, the stairs go on where the eye sees none any more. EM runs at first, and
# then it creeps.

figure, axes = plt.subplots(figsize=(8, 4.6), layout="constrained")
TraceDisplay.from_trace(trace, ax=axes, distance=True, passes=12)
plt.show()

# %%
# In the table is the share of what is left that a pass leaves behind. It differs as long as the fit turns corners. Near
# the top it settles, and the divergence that an M-step opens becomes a fixed share of what is left, too.

left = trace.log_likelihood[-1] - trace.log_likelihood
print("pass   nats left per row   left behind   divergence")
for number in (1, 2, 5, 10, 20, 40, 60, 80, 100):
    behind, gap = (
        left[number] / left[number - 1],
        trace.divergence[number - 1, 2] / left[number],
    )
    print(f"{number:4d} {left[number]:19.1e} {behind:13.3f} {gap:12.3f}")
assert np.allclose(left[61:101] / left[60:100], left[100] / left[99], atol=0.01)

# %%
# How slow EM is
# --------------
#
# The share of the remaining way of the parameters that a pass leaves behind is the rate of convergence. It is the share
# of the information about them that the unknown labels hide, in the direction in which they hide the most (Dempster,
# Laird and Rubin 1977, section 3). With clusters far apart the labels are as good as known, and a few passes are
# enough; with clusters that overlap, EM is slow. The log-likelihood is flat at its top, so what is left of it falls
# with the square of that rate.

print("distance of the means   rate   passes for a factor of 1000")
for distance in (6.0, 4.0, 3.0, 2.5):
    truth = Mixture.from_parameters(
        [0.5, 0.5], [[0.0], [distance]], [1.0, 1.0], covariance_type="spherical"
    )
    rows, _ = truth.sample(2000, random_state=0)
    left = trace_em(rows, truth, n_iter=600).log_likelihood
    left = left[-1] - left
    part = left[(left > 1e-10) & (left < 1e-6)]
    rate = np.sqrt((part[-1] / part[0]) ** (1 / (len(part) - 1)))
    print(f"{distance:21.1f} {rate:6.2f} {np.log(1e-3) / np.log(rate):29.0f}")

# %%
# A smaller step still climbs
# ---------------------------
#
# Neither step has to go all the way: whatever raises the bound raises what the log-likelihood cannot fall below. An
# E-step for some of the rows, or for some of the components, does (Neal and Hinton 1998). Here each pass renews the
# responsibilities of one half of the rows only, in turn.


def bound(q: np.ndarray, mixture: Mixture) -> float:
    """In nats per row."""
    r = mixture.responsibilities(X)
    return float(mixture.log_density(X).mean() - np.sum(q * np.log(q / r), axis=1).mean())


def m_step(q: np.ndarray) -> Mixture:
    counts = q.sum(axis=0)
    means = q.T @ X / counts[:, None]
    parts = [(q[:, c] * (X - means[c]).T) @ (X - means[c]) / counts[c] for c in range(k)]
    return Mixture.from_parameters(counts / len(X), means, parts)


q, mixture, bounds = (
    start.responsibilities(X),
    start,
    [bound(start.responsibilities(X), start)],
)
for number in range(300):
    half = slice(number % 2, None, 2)
    q[half] = mixture.responsibilities(X[half])
    bounds.append(bound(q, mixture))
    mixture = m_step(q)
    bounds.append(bound(q, mixture))
assert (np.diff(bounds) > -1e-10).all()
print(f"300 passes over half the rows: {mixture.log_density(X).mean():.9f}")
print(f"300 passes over all rows:      {trace.log_likelihood[-1]:.9f}")
