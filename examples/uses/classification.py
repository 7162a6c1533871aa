"""
Labels for a few, and rows for the many
=======================================

Labels are expensive, rows are not. Two classes have five labeled rows each and hundreds without a label. This page fits
:class:`~gaussmix.GaussianMixtureClassifier` with and without the unlabeled rows: once where they help, and once where
they may mislead. :doc:`/classification` explains the classifier.
"""

# %%
# Two tables
# ----------
#
# In the first table, classes are clusters: two long, parallel groups. In the second one, both classes are spread over
# the same two clusters, and the boundary crosses them. A row that is not labeled has the label -1.

import matplotlib.pyplot as plt
import numpy as np

from gaussmix import GaussianMixtureClassifier, Mixture
from gaussmix.plots.drawing import quiet_axes

long = [[6.0, 0.0], [0.0, 0.35]]
table = Mixture.from_parameters([0.5, 0.5], [[0.0, 0.0], [1.0, 2.0]], [long, long])
round_ = [[0.6, 0.0], [0.0, 1.5]]
other = Mixture.from_parameters([0.5, 0.5], [[-3.0, 1.3], [3.0, 1.3]], [round_, round_])


def with_few_labels(classes: np.ndarray, seed: int) -> np.ndarray:
    """Return labels in which all but five rows of each class are -1."""
    rng = np.random.default_rng(seed)
    few = np.full(len(classes), -1)
    for label in (0, 1):
        some = rng.choice(np.flatnonzero(classes == label), 5, replace=False)
        few[some] = label
    return few


def tables(n: int, seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return rows and classes of both tables."""
    clustered = table.sample(n, seed)
    rows, _ = other.sample(n, seed)
    return {
        "classes are clusters": clustered,
        "classes cross the clusters": (rows, (rows[:, 1] > 1.3).astype(int)),
    }


# %%
# Where rows help, and where they mislead
# ---------------------------------------
#
# ``unlabeled_weight=0`` leaves out the rows without labels, and 1 counts them like the others. The figure has one draw
# of the labels: large points have labels, and the line is the boundary between the predicted classes. The numbers are
# shares of right predictions in 20,000 new rows: the mean, and the least of twenty draws.

colors = np.array(["#1f77b4", "#d1495b"])
figure, panels = plt.subplots(
    2, 2, figsize=(9, 6.4), layout="constrained", sharex="row", sharey="row"
)
means, least = {}, {}
for line, (name, (rows, classes)) in zip(panels, tables(400, 1).items(), strict=True):
    fresh, truth = tables(20_000, 2)[name]
    x, y = (np.linspace(values.min() - 0.5, values.max() + 0.5, 150) for values in rows.T)
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    for axes, weight in zip(line, (0.0, 1.0), strict=True):
        shares = []
        for draw in range(20):
            labels = with_few_labels(classes, draw)
            classifier = GaussianMixtureClassifier(
                n_components=1,
                covariance_type="full",
                unlabeled_weight=weight,
                calibrate=False,
            ).fit(rows, labels)
            shares.append(classifier.score(fresh, truth))
            if draw == 5:
                quiet_axes(axes)
                axes.scatter(*rows[labels < 0].T, s=4, color="#c8ccd0")
                known = labels >= 0
                axes.scatter(*rows[known].T, s=26, c=colors[labels[known]])
                second = classifier.predict_proba(grid)[:, 1].reshape(150, 150)
                axes.contour(x, y, second, levels=[0.5], colors="#1a1a1a")
        means[name, weight], least[name, weight] = np.mean(shares), min(shares)
        axes.set_title(
            f"unlabeled_weight={weight:.0f}: mean {np.mean(shares):.0%}, least {min(shares):.0%}",
            loc="left",
            fontsize=10,
        )
    line[0].set_ylabel(name)
plt.show()

for name, weight in means:
    print(
        f"{name:27s} unlabeled_weight={weight:.0f}: "
        f"mean {means[name, weight]:.1%}, least {least[name, weight]:.1%}"
    )

# %%
# Where classes are clusters, rows without labels move the boundary into the gap, whatever rows have labels. In the
# second table they often help, because each class has a simple shape. But with some draws the fit takes the clusters
# for the classes, and half of the predictions are wrong. Rows without labels say where rows are, not to what class they
# belong.
#
# The default ``unlabeled_weight="auto"`` compares predictions of held-out labels, and leaves the other rows out if the
# predictions are clearly better without them. That needs more than a few labels.

clusters, crossed = "classes are clusters", "classes cross the clusters"
assert least[clusters, 1.0] > means[clusters, 0.0]
assert least[crossed, 1.0] < 0.6 < least[crossed, 0.0]
