#!/usr/bin/env bash
# tifffile 2025.5.10 and Pillow 11.2.1 read the same TIFF file of WhiteIsZero as negatives of each other.
# Pillow turns WhiteIsZero (PhotometricInterpretation 0) into pictures where large means bright, for 1 and 8 bits alike.
# tifffile returns what is stored, where large means dark, and leaves the tag to its caller. For 1 bit, every fax is such
# a file.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "tifffile==2025.5.10" "pillow==11.2.1"
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import numpy as np
import tifffile
from PIL import Image

page = np.ones((40, 50), bool)  # white paper
page[18:22, 5:45] = False  # a black line
for name, picture, options in (
    ("1 bit", Image.fromarray(page), {}),
    ("8 bits", Image.fromarray(np.where(page, 250, 10).astype(np.uint8)), {}),
):
    picture.save("page.tif", tiffinfo={262: 0}, **options)
    with tifffile.TiffFile("page.tif") as file:
        kind, stored = file.pages.first.photometric.name, file.asarray()
    shown = np.asarray(Image.open("page.tif"))
    top = 1 if name == "1 bit" else 255
    print(f"{name}, {kind}: mean by Pillow {shown.mean():.3f}, by tifffile {stored.mean():.3f}")
    if kind == "MINISWHITE":
        assert np.array_equal(shown.astype(int), top - stored.astype(int)), "no longer negatives of each other"
    else:
        print("   Pillow did not write the tag")
P
