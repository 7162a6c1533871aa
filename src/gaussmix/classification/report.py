"""Report on the choice of a classifier."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from gaussmix.classification.choice import Choice, Compared
from gaussmix.classification.classifier import MixtureClassifier
from gaussmix.core.covariance import display_name
from gaussmix.core.text import Entry, align_columns, counted, format_entries
from gaussmix.core.typing import FloatArray

_SHOWN = 6
_BINS = 10


@dataclass(frozen=True, eq=False)
class ClassificationReport:
    """What was chosen, what else was tried, and how good it is on held-out rows; ``str`` gives the text.

    Attributes
    ----------
    choice : Choice
        The compared models.
    classifier : MixtureClassifier
        The chosen one.
    """

    choice: Choice
    classifier: MixtureClassifier

    @property
    def reason(self) -> str:
        """What was chosen and why, in a sentence."""
        best, d = self.choice.best, self.classifier.mixture.n_features
        what, n = best.candidate.model.describe(d), len(self.choice.compared)
        match self.choice.criterion:
            case "cv":
                least = min(self.choice.compared, key=lambda one: one.loss)
                why = f"{best.loss:.4f} nats of held-out log loss, "
                if least is best:
                    why += f"the least of {counted(n, 'model')}"
                elif best.uses_unlabeled:
                    why += f"from {least.loss:.4f} on among {counted(n, 'model')}, and a high density of all rows"
                else:
                    why += f"and the least BIC of those near {least.loss:.4f}, the least loss of {counted(n, 'model')}"
            case "bic":
                why = f"the least BIC among {counted(n, 'model')}, {best.fit.bic:.2f}"
            case _:
                why = "the only model that was asked for"
        return f"{what}: {why}"

    def confusion(self) -> FloatArray | None:
        """Return the weights of held-out rows by true class (rows) and predicted class (columns).

        Returns
        -------
        (c, c) array or None
            None without cross-validation.
        """
        held_out = self.choice.best.held_out
        if held_out is None:
            return None
        table = np.zeros((len(self.classifier.classes),) * 2)
        np.add.at(table, (held_out.codes, held_out.scores.argmax(axis=1)), held_out.weights)
        return table

    def calibration_error(self, temperature: float | None = None) -> float:
        """Return the mean difference between the probability of the predicted class and how often it is right.

        Naeini, Cooper and Hauskrecht, AAAI 2015, in ten bins of equal width, on held-out rows.

        Parameters
        ----------
        temperature : float, optional
            Temperature of the probabilities; by default that of the classifier.

        Returns
        -------
        float
            NaN without cross-validation.
        """
        held_out = self.choice.best.held_out
        if held_out is None:
            return float("nan")
        shares = softmax(held_out.scores / (temperature or self.classifier.temperature), axis=1)
        sure, right = shares.max(axis=1), shares.argmax(axis=1) == held_out.codes
        bins = np.minimum((sure * _BINS).astype(np.int64), _BINS - 1)
        gaps = np.bincount(bins, held_out.weights * (sure - right), _BINS)
        return float(np.abs(gaps).sum() / held_out.weights.sum())

    def __str__(self) -> str:
        best, d = self.choice.best, self.classifier.mixture.n_features
        entries = [
            Entry("model", self.reason),
            Entry("BIC", f"{best.fit.bic:.2f} of rows and labels (lower is better)"),
        ]
        if best.held_out is not None:
            held_out, temperature = best.held_out, self.classifier.temperature
            entries += [
                Entry("held-out accuracy", f"{100 * (1 - held_out.error):.2f} % in {self.choice.n_folds} folds"),
                Entry(
                    "held-out log loss",
                    f"{held_out.log_loss(temperature):.4f} nats at temperature {temperature:.3g}, "
                    f"{held_out.log_loss():.4f} by Bayes' rule",
                ),
                Entry(
                    "calibration error",
                    f"{100 * self.calibration_error():.1f} % at this temperature, "
                    f"{100 * self.calibration_error(1.0):.1f} % by Bayes' rule",
                ),
            ]
        parts = [format_entries(entries)]
        if len(self.choice.compared) > 1:
            parts.append(_table(self.choice.compared[:_SHOWN], d))
        return "\n\n".join(parts)


def _table(compared: tuple[Compared, ...], n_features: int) -> str:
    lines = [("components", "covariances", "structure of", "shrinkage", "unlabeled", "BIC", "log loss", "accuracy")]
    for one in compared:
        model, held_out = one.candidate.model, one.held_out
        losses = ("", "") if held_out is None else (f"{one.loss:.4f}", f"{100 * (1 - held_out.error):.2f} %")
        lines.append(
            (
                _listed(model.n_components),
                _listed([display_name(name, n_features) for name in model.covariance_types]),
                "all classes" if model.is_shared else "each class",
                f"{model.shrinkage:g}" if model.shrinkage else "",
                "used" if one.uses_unlabeled else "",
                f"{one.fit.bic:.1f}",
                *losses,
            )
        )
    kept = [at for at in range(len(lines[0])) if any(line[at] for line in lines[1:])]
    return align_columns([[line[at] for at in kept] for line in lines], left=(0, 1, 2))


def _listed(values: Sequence[object]) -> str:
    """Return the values of the classes, or the one of all."""
    return str(values[0]) if len(set(values)) == 1 else ", ".join(map(str, values))
