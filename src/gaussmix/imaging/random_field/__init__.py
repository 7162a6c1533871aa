"""Hidden Potts random field: class probabilities of pixels depend on their neighbors (model in README.md)."""
