"""Hidden Potts random field: classes of pixels that depend on their neighbors (README.md has the model)."""
