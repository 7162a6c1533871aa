#!/usr/bin/env bash
# xarray 2026.9.0: labels of grid cells do not return to the grid by unstack, nor as integers from a file with a fill value.
# stack, dropna and unstack is the usual way from a grid with missing cells to a table and back; a latitude whose cells are
# all missing is left out of the result, without a warning. Integers that are written with _FillValue=-1 are read as floats, with
# NaN for -1, although no value is missing from the range of the type.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "xarray==2026.9.0" "netCDF4==1.7.5.1.post1" "numpy==2.4.6"
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import numpy as np
import xarray as xr

values = np.arange(12.0).reshape(4, 3)
values[0], values[2, 1] = np.nan, np.nan
grid = xr.DataArray(values, coords={"lat": np.arange(4.0), "lon": np.arange(3.0)})
cells = grid.stack(cell=("lat", "lon")).dropna("cell")
back = cells.unstack("cell")
print(f"grid {dict(grid.sizes)}, after stack, dropna and unstack {dict(back.sizes)}, latitudes {back.lat.values}")
assert back.sizes["lat"] == 3, "unstack now keeps the latitude"

labels = xr.Dataset({"label": ("cell", np.array([0, 1, -1], dtype="int16"))})
labels.to_netcdf("filled.nc", encoding={"label": {"_FillValue": -1}})
labels.to_netcdf("plain.nc")
filled, plain = (xr.open_dataset(name)["label"] for name in ("filled.nc", "plain.nc"))
print(f"labels with a fill value {filled.dtype} {filled.values}, without {plain.dtype} {plain.values}")
assert filled.dtype.kind == "f", "labels with a fill value are now read as integers"
assert plain.dtype == "int16", "labels without a fill value are no longer read as they were written"
P
