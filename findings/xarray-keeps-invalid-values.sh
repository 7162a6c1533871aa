#!/usr/bin/env bash
# xarray 2026.9.0, netCDF4 1.7.5: the two read different values from one NetCDF file.
# The conventions call values outside valid_range, and cells that were never written, missing. netCDF4 masks both. xarray, which
# reads through netCDF4 with its masks off, knows only the attributes _FillValue and missing_value: packed values outside
# valid_range are scaled like any other, and unwritten cells without _FillValue are 9.97e36. notnull and dropna keep them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check "xarray==2026.9.0" "netCDF4==1.7.5.1.post1" "numpy==2.4.6"
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import netCDF4
import numpy as np
import xarray as xr

with netCDF4.Dataset("grid.nc", "w") as file:
    file.createDimension("cell", 5)
    packed = file.createVariable("temperature", "i2", ("cell",))
    packed.set_auto_maskandscale(False)
    packed.scale_factor, packed.add_offset, packed.valid_range = 0.01, 20.0, np.array([-1000, 1000], "i2")
    packed[:] = np.array([0, 10, -999, 32000, -32000], "i2")
    partial = file.createVariable("salinity", "f4", ("cell",))
    partial[:3] = [35.0, 34.0, 36.0]

with netCDF4.Dataset("grid.nc") as file:
    masked = {name: file[name][:] for name in ("temperature", "salinity")}
opened = xr.open_dataset("grid.nc")
for name, expected in masked.items():
    found = opened[name]
    print(f"{name}: netCDF4 {expected}, xarray {found.values}")
    assert list(np.ma.getmaskarray(expected)) == [False] * 3 + [True] * 2, "netCDF4 masks others"
    assert found.notnull().all() and found.dropna("cell").size == 5, "xarray takes the values for missing now"
    assert np.allclose(found[:3], expected[:3])
assert np.allclose(opened["temperature"][3:], [340, -300]) and (opened["salinity"][3:] > 9e36).all()
P
