"""
The E-step and the M-step
=========================

EM alternates two steps. The E-step computes the probability of each component for each row, given the components. The
M-step computes the components, given these probabilities. Each step changes the input of the other, and neither step
decreases the likelihood. An animation at the end of this page shows the steps one by one.
"""

# %%
# The two steps
# -------------
#
# The E-step divides each row among all components, in shares that add up to one. The share of a component in a row is
# its responsibility, the probability of the component given the row (Bishop 2006, equation 9.13):
#
# .. math::
#
#    r_{nk} = \frac{w_k \, N(x_n \mid \mu_k, \Sigma_k)}{\sum_j w_j \, N(x_n \mid \mu_j, \Sigma_j)}
#
# The M-step computes the weight, the mean and the covariance of each component. Each row counts by its responsibility
# (equations 9.24 to 9.27):
#
# .. math::
#
#    N_k = \sum_n r_{nk}, \qquad w_k = \frac{N_k}{n}, \qquad \mu_k = \frac{1}{N_k} \sum_n r_{nk} x_n, \qquad
#    \Sigma_k = \frac{1}{N_k} \sum_n r_{nk} (x_n - \mu_k)(x_n - \mu_k)^T
#
# An iteration of EM is an E-step followed by an M-step. The figures on this page call it a pass.
#
# A poor start
# ------------
#
# The rows are eruptions of the Old Faithful geyser. The features are the duration of an eruption and the waiting time
# until the next one. The start places both components away from the data, one above and one below (similar to figure
# 9.8 of Bishop). The function `~gaussmix.trace_em` runs plain EM from this start and keeps the mixture of every
# iteration.

import matplotlib.pyplot as plt
import numpy as np

from gaussmix import Mixture, trace_em
from gaussmix.datasets import load_old_faithful
from gaussmix.plots import EMAnimation

X, names = load_old_faithful()
center, spread = X.mean(axis=0), X.std(axis=0)
start = Mixture.from_parameters(
    [0.5, 0.5],
    center + spread * [[-1.5, 1.0], [1.5, -1.0]],
    [np.diag(spread**2)] * 2,
    feature_names=names,
)
trace = trace_em(X, start, n_iter=20)
animation = EMAnimation(trace, X)

# %%
# Six frames of the animation
# ---------------------------
#
# Each row has the color of its most probable component. Paler rows are less certain. The inner ellipse of each
# component contains half of its probability, the outer ellipse nearly all. The first E-step cuts through both clusters.
# The first M-step then produces two long ellipses that cover mostly the same rows. Small differences between the
# components are enough for EM to separate them: each component moves toward the rows for which it has the higher
# responsibility, and this responsibility grows further.

figure, panels = plt.subplots(
    2, 3, figsize=(9, 6.4), layout="constrained", sharex=True, sharey=True
)
for axes, frame in zip(panels.flat, (0, 1, 2, 6, 14, 40), strict=True):
    animation.draw(frame, axes)
    step, log_likelihood = animation.title(frame).split(": ")
    axes.set_title(f"{step}\n{log_likelihood}", loc="left", fontsize=10)
for axes in panels.flat:
    axes.label_outer()
plt.show()

# %%
# The log-likelihood never decreases
# ----------------------------------
#
# The log-likelihood increases in every iteration, quickly or slowly, until convergence. The table shows its mean over
# the rows in nats (the unit of natural logarithms). It also shows the largest change of a mean in the iteration, in
# standard deviations of the data.

print("iteration   log-likelihood   change of the means   rows of the first component")
for iteration in (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20):
    mixture, previous = trace.mixtures[iteration], trace.mixtures[max(iteration - 1, 0)]
    change = np.abs((mixture.means - previous.means) / spread).max()
    print(
        f"{iteration:9d} {trace.log_likelihood[iteration]:16.6f} {change:21.6f} "
        f"{len(X) * mixture.weights[0]:29.1f}"
    )
assert (np.diff(trace.log_likelihood) > -1e-12).all()

# %%
# At convergence, another iteration changes nothing. The M-step returns the same weights, means and covariances, and the
# E-step returns the same responsibilities.

converged = trace_em(X, trace.mixtures[-1], n_iter=200).mixtures[-1]
responsibilities = converged.responsibilities(X)
counts = responsibilities.sum(axis=0)
assert np.allclose(converged.weights, counts / len(X), rtol=1e-10)
assert np.allclose(converged.means, responsibilities.T @ X / counts[:, None], rtol=1e-10)
for responsibility, count, mean, covariance in zip(
    responsibilities.T, counts, converged.means, converged.covariance.dense(), strict=True
):
    assert np.allclose(
        covariance, (responsibility * (X - mean).T) @ (X - mean) / count, rtol=1e-8
    )
print(
    f"log-likelihood after 20 iterations: {trace.log_likelihood[-1]:.10f}, "
    f"at convergence: {converged.log_density(X).mean():.10f}"
)

# %%
# :doc:`evidence_lower_bound` explains why no step can decrease the likelihood. EM still does not always find the global
# maximum, because another start can lead to another local maximum. `~gaussmix.GaussianMixture` therefore tries several
# starts.
#
# Animation of the steps
# ----------------------
#
# An `~gaussmix.plots.EMAnimation` displays itself in notebooks and on pages such as this one.
# ``animation.save("em.gif")`` and ``animation.save("em.html")`` write files.

animation
