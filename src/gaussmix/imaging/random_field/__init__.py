"""The hidden Potts random field: classes of pixels that depend on their neighbors."""
