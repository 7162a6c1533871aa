"""Classification by Gaussian mixtures whose components belong to classes."""

from gaussmix.classification.classifier import MixtureClassifier

__all__ = ["MixtureClassifier"]
