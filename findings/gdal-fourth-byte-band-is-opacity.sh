#!/usr/bin/env bash
# rasterio 1.4.4 (with its GDAL 3.10.3): a fourth band of bytes is declared to be opacity, unless one says otherwise.
# GDAL writes a GeoTIFF of four bands of bytes as red, green, blue and alpha (ExtraSamples 2), whatever the fourth band is.
# A picture of red, green, blue and near infrared then counts as without data where the infrared is 0, as over deep water.
# Four bands of 16 bits, and five bands of bytes, have no opacity; nor has the same
# file with the creation options PHOTOMETRIC=RGB and ALPHA=NO.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "rasterio==1.4.4" "tifffile==2025.5.10" "numpy==2.4.6"
cd "$folder"
"$folder/venv/bin/python" -W ignore - <<'P'
import numpy as np
import rasterio
import tifffile

print("GDAL", rasterio.__gdal_version__)
found = {}
for name, dtype, n_bands, options in (
    ("4 bands of bytes", "uint8", 4, {}),
    ("4 bands of bytes, ALPHA=NO", "uint8", 4, {"photometric": "RGB", "alpha": "NO"}),
    ("5 bands of bytes", "uint8", 5, {}),
    ("4 bands of 16 bits", "uint16", 4, {}),
):
    bands = np.full((n_bands, 20, 30), 90, dtype=dtype)
    bands[3, :, :10] = 0  # no near infrared over water
    profile = {"driver": "GTiff", "count": n_bands, "height": 20, "width": 30, "dtype": dtype, **options}
    with rasterio.open("bands.tif", "w", **profile) as file:
        file.write(bands)
    with rasterio.open("bands.tif") as file:
        kinds, valid = [kind.name for kind in file.colorinterp], file.dataset_mask().astype(bool).mean()
    with tifffile.TiffFile("bands.tif") as file:
        extra = [int(kind) for kind in file.pages.first.extrasamples]
    found[name] = extra[0], kinds[3], valid
    print(f"{name}: {', '.join(kinds)}; ExtraSamples {extra}; {100 * valid:.0f} % of the pixels are valid")
kind, color, valid = found.pop("4 bands of bytes")
assert (kind, color) == (2, "alpha"), "the fourth band is no longer opacity"
assert abs(valid - 2 / 3) < 1e-9, "infrared of 0 is no longer invalid"
assert all(kind == 0 and color != "alpha" and valid == 1 for kind, color, valid in found.values())
P
