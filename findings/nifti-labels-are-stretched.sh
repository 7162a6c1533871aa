#!/usr/bin/env bash
# nibabel 5.4.2: labels in an array of floats are stretched over the range of an integer type when they are saved.
# With set_data_dtype(np.int16), 1.0, 2.0 and 3.0 need no scale. nibabel chooses one all the same, from the least and the
# greatest value: 0 and 3 become -32768 and 32767. The labels come back a little below whole numbers, and astype(int) moves
# three of four classes down by one, without a warning. The labels -1, 0, 2 come back with a zero below zero. The same labels in
# an array of integers have no scale.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check "nibabel==5.4.2" "numpy==2.4.6"
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import nibabel
import numpy as np

found = {}
for classes, dtype in (([0, 1, 2, 3], float), ([0, 1, 2, 3], np.int16), ([-1, 0, 2], float)):
    labels = np.resize(classes, (4, 3, 2))
    image = nibabel.Nifti1Image(labels.astype(dtype), np.eye(4))
    image.set_data_dtype(np.int16)
    image.to_filename("labels.nii")
    again = nibabel.load("labels.nii")
    values, stored = again.get_fdata(), np.asarray(again.dataobj.get_unscaled())
    wrong = (values.astype(int) != labels).mean()
    print(f"{classes} as {np.dtype(dtype)}: stored {np.unique(stored)}, read {np.unique(values).tolist()},", end=" ")
    print(f"{100 * wrong:.0f} % wrong after astype(int)")
    found[len(classes), dtype] = np.unique(stored), np.unique(values), wrong
stored, values, wrong = found[4, float]
assert list(stored[[0, -1]]) == [-32768, 32767] and wrong > 0.7, "labels are no longer stretched"
stored, values, wrong = found[4, np.int16]
assert list(stored) == [0, 1, 2, 3] and wrong == 0, "integers are stretched as well"
stored, values, wrong = found[3, float]
assert values[1] < 0, "zero is no longer below zero"
P
