"""Classification by Gaussian mixtures whose components belong to classes (README.md in the folder)."""

from gaussmix.classification.classifier import MixtureClassifier

__all__ = ["MixtureClassifier"]
