"""
Anomaly detection by density
============================

A mixture estimates the density of the data. Rows with a low density are unusual; they may come from faulty parts,
broken sensors or fraud. If the threshold is a quantile of the density of ordinary rows, the expected share of false
alarms can be chosen.
"""

# %%
# Ordinary rows and anomalies
# ---------------------------
#
# The ordinary rows come from three elongated clusters. A mixture is fitted to 2000 of them. The new rows are 1900
# ordinary rows and 100 anomalies, which are uniformly distributed over the range of the ordinary rows. The labels of
# the new rows are used for evaluation only.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score

from gaussmix import (
    GaussianMixture,
    GaussianMixtureIC,
    GaussianMixtureOutlierDetector,
    Mixture,
)
from gaussmix.plots.drawing import PALETTE, quiet_axes

truth = Mixture.from_parameters(
    [0.45, 0.35, 0.2],
    [[0.0, 0.0], [5.0, 4.0], [1.0, 6.0]],
    [[[2.0, 1.8], [1.8, 2.0]], [[1.5, -1.2], [-1.2, 1.5]], [[0.8, 0.0], [0.0, 0.1]]],
)
rng = np.random.default_rng(0)
training = truth.sample(2000, rng)[0]
low, high = training.min(axis=0), training.max(axis=0)
new = np.concatenate([truth.sample(1900, rng)[0], rng.uniform(low, high, (100, 2))])
is_anomaly = np.arange(len(new)) >= 1900
search = GaussianMixtureIC(range(1, 7), covariance_types="full", random_state=0).fit(
    training
)
print(f"components selected by BIC: {search.best_n_components_}")
assert search.best_n_components_ == 3

# %%
# The threshold
# -------------
#
# The threshold is the 2 % quantile of the log density of the training rows. About 2 % of the new ordinary rows should
# be below it, provided that they have the same distribution and the model does not overfit.

rate = 0.02
threshold = np.quantile(search.score_samples(training), rate)
flagged = search.score_samples(new) < threshold
false_alarms = np.mean(flagged[~is_anomaly])
print(f"threshold: log density {threshold:.2f}")
print(f"flagged: {flagged.sum()} of {len(new)} new rows ({flagged.mean():.1%})")
print(f"false alarms: {false_alarms:.2%} of the new ordinary rows; chosen rate {rate:.0%}")

# %%
# A single count is subject to chance. Both the rows that determine the threshold and the new rows are random. If the
# density were known, the standard error of the share of false alarms would be
#
# .. math:: \sqrt{p \, (1 - p) \left(\frac{1}{n} + \frac{1}{m}\right)}
#
# for a threshold from :math:`n` rows and a count among :math:`m` rows. The following code repeats the fit, the
# threshold and the count for 50 other data sets. The mean is close to the chosen rate. A single data set can deviate
# from it by half or more.

shares = np.empty(50)
for data_set in range(50):
    rows, new_rows = truth.sample(2000, rng)[0], truth.sample(1900, rng)[0]
    model = GaussianMixture(3, random_state=0).fit(rows)
    limit = np.quantile(model.score_samples(rows), rate)
    shares[data_set] = np.mean(model.score_samples(new_rows) < limit)
error = np.sqrt(rate * (1 - rate) * (1 / 2000 + 1 / 1900))
deviation = shares.std(ddof=1)
print(
    f"false alarms in 50 data sets: mean {shares.mean():.2%}, "
    f"from {shares.min():.2%} to {shares.max():.2%}"
)
print(f"standard deviation: {deviation:.2%}; by the formula: {error:.2%}")
assert abs(shares.mean() - rate) < 4 * deviation / np.sqrt(50)

# %%
# Comparison with an isolation forest
# -----------------------------------
#
# An anomaly can lie inside a cluster of ordinary rows, where it cannot be detected. Even the true density therefore
# misses some anomalies. The last line of the table shows it for comparison. The table also contains scikit-learn's
# ``IsolationForest``, which splits random features until each row is isolated. Its threshold is the same quantile of
# its own scores.
#
# *Precision* is the share of anomalies among the flagged rows, *recall* the share of the anomalies that are flagged.
# The last two columns measure how well the scores rank the rows, independent of a threshold. Both are 1 if all
# anomalies have lower scores than all ordinary rows. For random scores, the area under the ROC curve is one half, and
# the average precision is the share of anomalies.


HEADER = (
    "                  precision   recall   average precision   area under the ROC curve"
)


def evaluate(
    name: str, training_scores: np.ndarray, scores: np.ndarray, is_anomaly: np.ndarray
) -> tuple[float, float]:
    """Print the performance of the threshold and of the ranking; low scores are unusual."""
    flagged = scores < np.quantile(training_scores, rate)
    precision, recall = is_anomaly[flagged].mean(), flagged[is_anomaly].mean()
    area = roc_auc_score(is_anomaly, -scores)
    average = average_precision_score(is_anomaly, -scores)
    print(f"{name:17s} {precision:9.1%} {recall:8.1%} {average:19.3f} {area:26.3f}")
    return recall, area


forest = IsolationForest(n_estimators=300, random_state=0).fit(training)
print(HEADER)
models = {
    "mixture": search.score_samples,
    "isolation forest": forest.score_samples,
    "true density": truth.log_density,
}
recalls = {
    name: evaluate(name, score(training), score(new), is_anomaly)[0]
    for name, score in models.items()
}
assert recalls["mixture"] > recalls["isolation forest"]

# %%
# The curve in each panel is the threshold. The threshold of the mixture follows the slanted clusters, so anomalies
# between the clusters are found. The forest splits parallel to the axes and represents slanted clusters less well.

figure, panels = plt.subplots(
    1, 2, figsize=(9, 4.4), layout="constrained", sharex=True, sharey=True
)
x, y = np.linspace(low[0] - 1, high[0] + 1, 300), np.linspace(low[1] - 1, high[1] + 1, 300)
grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
for axes, (name, score) in zip(panels, list(models.items())[:2], strict=True):
    inks = quiet_axes(axes)
    limit = np.quantile(score(training), rate)
    flagged = score(new) < limit
    axes.scatter(*new[~flagged & ~is_anomaly].T, s=5, color=inks.line, linewidths=0)
    for which, color, marker, legend in (
        (flagged & is_anomaly, PALETTE[2], "o", "found"),
        (~flagged & is_anomaly, PALETTE[3], "x", "missed"),
        (flagged & ~is_anomaly, inks.ink, "+", "false alarms"),
    ):
        axes.scatter(
            *new[which].T,
            s=26,
            color=color,
            marker=marker,
            linewidths=1.2,
            label=f"{which.sum()} {legend}",
        )
    axes.contour(
        x, y, score(grid).reshape(300, 300), levels=[limit], colors=inks.quiet, linewidths=1
    )
    axes.set_title(name, loc="left", fontsize=11)
    axes.legend(
        frameon=False,
        fontsize=9,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.08),
        ncols=3,
        handletextpad=0.1,
    )
plt.show()

# %%
# P-values
# --------
#
# ``GaussianMixtureOutlierDetector`` replaces the quantile by a p-value: the probability that a row drawn from the
# mixture has a density at most as low. It needs no training rows near the threshold, and it is precise far in the tail,
# so that many rows can be tested at once. The procedure of Benjamini and Hochberg flags the rows below the last
# crossing of the sorted p-values and a line. The slope of the line bounds the expected share of ordinary rows among the
# flagged ones, here 10 %.

detector = GaussianMixtureOutlierDetector(
    3, covariance_type="full", control="fdr", alpha=0.1, random_state=0
).fit(training)
flagged = detector.predict(new) == -1
print(f"flagged: {flagged.sum()}, of which ordinary: {np.mean(~is_anomaly[flagged]):.1%}")
print(detector.explain(new[-3:], control="each"))

p_values = detector.p_values(new)
order, ranks = np.argsort(p_values), np.arange(1, len(new) + 1)
figure, axes = plt.subplots(figsize=(7, 4.4), layout="constrained")
inks = quiet_axes(axes)
for which, color, legend in (
    (~is_anomaly[order], inks.line, "ordinary rows"),
    (is_anomaly[order], PALETTE[2], "anomalies"),
):
    axes.scatter(ranks[which], p_values[order][which], s=9, color=color, label=legend)
axes.plot(ranks, 0.1 * ranks / len(new), color=inks.ink, linewidth=1, label="line of 10 %")
axes.set(
    xscale="log",
    yscale="log",
    ylim=(1e-16, 2),
    xlabel="rank of the p-value",
    ylabel="p-value",
)
axes.legend(frameon=False)
plt.show()

# %%
# The bound is for the mean over data sets, and for the true mixture. In a single data set the share can be twice as
# large or much smaller. A mixture that is estimated from few rows is too tight, so that the mean is somewhat larger.

rates, draws = np.empty(20), np.random.default_rng(1)
for data_set in range(20):
    ordinary, anomalies = truth.sample(1900, draws)[0], draws.uniform(low, high, (100, 2))
    flagged = detector.fit(truth.sample(2000, draws)[0]).predict(
        np.concatenate([ordinary, anomalies])
    )
    rates[data_set] = np.mean(~is_anomaly[flagged == -1])
error = rates.std(ddof=1) / np.sqrt(20)
print(f"ordinary rows among the flagged ones: mean {rates.mean():.1%} ± {error:.1%}")
print(f"from {rates.min():.1%} to {rates.max():.1%}")
assert abs(rates.mean() - 0.1) < 4 * error

# %%
# Real data
# ---------
#
# Clusters from normal distributions favor a mixture. The distribution of the next data set is unknown: its features are
# measurements of cell nuclei. The models are fitted to 200 benign tumors. The new rows are the remaining benign tumors
# and, as anomalies, the malignant ones. The two methods rank the rows about equally well (last two columns).

X, benign = load_breast_cancer(return_X_y=True)
assert X.shape[1] == 30
shuffled = rng.permutation(np.flatnonzero(benign))
training, new = X[shuffled[:200]], np.concatenate([X[shuffled[200:]], X[benign == 0]])
malignant = np.arange(len(new)) >= len(shuffled) - 200
cells = GaussianMixtureIC(
    range(1, 5), covariance_types=["VVI", "EEE", "EEV", "VVV"], random_state=0
).fit(training)
forest = IsolationForest(n_estimators=300, random_state=0).fit(training)
print(f"selected by BIC: {cells.results_.name_of(cells.results_.best)}")
print(HEADER)
models = {"mixture": cells.score_samples, "isolation forest": forest.score_samples}
areas = [
    evaluate(name, score(training), score(new), malignant)[1]
    for name, score in models.items()
]
assert abs(areas[0] - areas[1]) < 0.05

# %%
# A threshold from held-out rows
# ------------------------------
#
# The mixture gives more false alarms than the chosen rate. Its density is higher at the training rows than at new rows
# of the same kind, and 200 rows are few for so many features. The threshold should come from rows that were not used
# for the fit. In the following code, each tenth of the rows is scored by a model fitted to the other nine tenths. The
# standard error is that of the formula above. It is large, because only a few rows determine the quantile.

selected = GaussianMixture(
    cells.best_n_components_, covariance_type=cells.best_covariance_type_, random_state=0
)
held_out = np.empty(200)
for fold in range(10):
    inside = np.arange(200) % 10 == fold
    held_out[inside] = (
        clone(selected).fit(training[~inside]).score_samples(training[inside])
    )
benign_scores = cells.score_samples(new[~malignant])
scores = {"training rows": cells.score_samples(training), "held-out rows": held_out}
alarms = [np.mean(benign_scores < np.quantile(each, rate)) for each in scores.values()]
error = np.sqrt(rate * (1 - rate) * (1 / 200 + 1 / len(benign_scores)))
print(f"{X.shape[1]} features; {rate * 200:.0f} of 200 rows are below the quantile")
print(f"false alarms expected:                 {rate:.0%} ± {error:.1%}")
for name, share in zip(scores, alarms, strict=True):
    print(f"with a threshold from {name}:   {share:.1%}")
assert alarms[1] < alarms[0]
assert alarms[0] > rate + 3 * error
assert abs(alarms[1] - rate) < 3 * error
