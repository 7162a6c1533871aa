"""Numbers of TIFF that several modules use."""

NODATA = 42113
"""Tag of GDAL: the number that stands for "no data", as a text."""

COLORMAP = 320
"""Tag of the colors of a palette."""

MINISWHITE, PALETTE = 0, 3
"""Photometric interpretations: white is 0, and numbers of a palette."""
