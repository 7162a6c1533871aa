"""Numbers of TIFF that several modules use."""

NODATA = 42113
"""Tag of GDAL: the number that stands for "no data", as a text."""

COLORMAP = 320
"""Tag of the colors of a palette."""

INK_SET = 332
"""Tag of the inks of separated colors; 1 or none: cyan, magenta, yellow and black."""

MINISWHITE, PALETTE, SEPARATED = 0, 3, 5
"""Photometric interpretations: white is 0, numbers of a palette, and inks."""
