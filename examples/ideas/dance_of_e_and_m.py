"""
The dance of E and M
====================

EM asks two questions in turn. Given the components, which rows are whose? That is the E-step. Given whose the rows
are, where should the components be? That is the M-step. Each answer changes the other question, and neither step
makes the fit worse. At the bottom of this page the dance can be played step by step.
"""

# %%
# The two steps
# -------------
#
# The E-step gives every row to all components, in shares that add up to one. A share, the responsibility of a
# component for a row, is the probability of the component given the row (Bishop 2006, equation 9.13):
#
# .. math::
#
#    r_{nk} = \frac{w_k \, N(x_n \mid \mu_k, \Sigma_k)}{\sum_j w_j \, N(x_n \mid \mu_j, \Sigma_j)}
#
# The M-step takes weights, means and covariances of the rows that each component has, every row counted by its share
# (equations 9.24 to 9.27):
#
# .. math::
#
#    N_k = \sum_n r_{nk}, \qquad w_k = \frac{N_k}{n}, \qquad \mu_k = \frac{1}{N_k} \sum_n r_{nk} x_n, \qquad
#    \Sigma_k = \frac{1}{N_k} \sum_n r_{nk} (x_n - \mu_k)(x_n - \mu_k)^T
#
# A poor start
# ------------
#
# The rows are eruptions of the Old Faithful geyser: how long one lasted, and how long the next was waited for. The
# start puts both components where no rows are, one above the data and one below (much as in figure 9.8 of Bishop).
# The function `~gaussmix.trace_em` takes plain EM steps from there and keeps every mixture on the way.

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
dance = EMAnimation(trace, X)

# %%
# Six moments
# -----------
#
# Rows have the color of the component that is most probable for them, the paler the less sure it is. Ellipses hold
# half of each component, and all but its tails. The first E-step cuts through both clusters, and the first M-step
# makes two long ellipses of that, which share most rows. But small differences are enough: each component moves
# toward the rows that are a little more its own, which makes them still more its own.

figure, places = plt.subplots(
    2, 3, figsize=(9, 6.4), layout="constrained", sharex=True, sharey=True
)
for axes, frame in zip(places.flat, (0, 1, 2, 6, 14, 40), strict=True):
    dance.draw(frame, axes)
    step, log_likelihood = dance.title(frame).split(": ")
    axes.set_title(f"{step}\n{log_likelihood}", loc="left", fontsize=10)
for axes in places.flat:
    axes.label_outer()
plt.show()

# %%
# Never down
# ----------
#
# The log-likelihood rises in every pass, fast or slowly, until nothing moves any more. The table has its mean over the
# rows, in nats (the unit of natural logarithms), and how far the means went in the pass, in standard deviations of the
# data.

print("pass   log-likelihood    means moved   rows the first component has")
for at in (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20):
    mixture, before = trace.mixtures[at], trace.mixtures[max(at - 1, 0)]
    moved = np.abs((mixture.means - before.means) / spread).max()
    print(
        f"{at:4d} {trace.log_likelihood[at]:16.6f} {moved:14.6f} "
        f"{len(X) * mixture.weights[0]:18.1f}"
    )
assert (np.diff(trace.log_likelihood) > -1e-12).all()

# %%
# Where it ends, one more pass changes nothing: weights, means and covariances are those of the rows that each component
# has, and the rows are whose they are by those weights, means and covariances.

end = trace_em(X, trace.mixtures[-1], n_iter=200).mixtures[-1]
responsibilities = end.responsibilities(X)
counts = responsibilities.sum(axis=0)
assert np.allclose(end.weights, counts / len(X), rtol=1e-10)
assert np.allclose(end.means, responsibilities.T @ X / counts[:, None], rtol=1e-10)
for shares, count, mean, covariance in zip(
    responsibilities.T, counts, end.means, end.covariance.dense(), strict=True
):
    assert np.allclose(covariance, (shares * (X - mean).T) @ (X - mean) / count, rtol=1e-8)
print(
    f"log-likelihood after 20 passes: {trace.log_likelihood[-1]:.10f}, "
    f"at the end: {end.log_density(X).mean():.10f}"
)

# %%
# Why no step can make the fit worse is the subject of :doc:`the_bound`. That EM climbs does not mean that it finds the
# highest top: another start may lead to another one, which is why `~gaussmix.GaussianMixture` races several.
#
# The dance, step by step
# -----------------------
#
# An `~gaussmix.plots.EMAnimation` shows itself in notebooks and on pages such as this one; ``dance.save("dance.gif")``
# and ``dance.save("dance.html")`` write files.

dance
