#!/usr/bin/env bash
# SimpleITK 2.5.2 ignores the scale of a MetaImage.
# ElementToIntensityFunctionSlope and -Offset are fields of the format: they turn stored elements into intensities. SimpleITK
# returns the stored numbers, without a word, and does not list the fields among the metadata of the image. When the image is
# written again, they are lost. (For NIfTI it applies the same kind of scale, scl_slope.)
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "SimpleITK==2.5.2" "numpy==2.3.4" "nibabel==5.3.2"
cd "$folder"
"$folder/venv/bin/python" - <<'P'
import nibabel
import numpy as np
import SimpleITK

stored = np.arange(8, dtype="<i2").reshape(2, 2, 2)
head = (
    "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nDimSize = 2 2 2\n"
    "ElementSpacing = 1 1 1\nElementToIntensityFunctionSlope = 2\nElementToIntensityFunctionOffset = -1000\n"
    "ElementType = MET_SHORT\nElementDataFile = LOCAL\n"
)
with open("scaled.mha", "wb") as file:
    file.write(head.encode() + stored.tobytes())
image = SimpleITK.ReadImage("scaled.mha")
found = SimpleITK.GetArrayFromImage(image)
print("stored 0 to 7, slope 2, offset -1000; read:", found.ravel())
print("fields:", [key for key in image.GetMetaDataKeys() if "Element" in key])
SimpleITK.WriteImage(image, "again.mha")
with open("again.mha", "rb") as file:
    kept = b"ElementToIntensityFunction" in file.read()
print("fields kept when written:", kept)
assert np.array_equal(found, stored), "the scale counts now"
assert not kept, "the fields are kept now"

volume = nibabel.Nifti1Image(stored, np.eye(4))
volume.header.set_slope_inter(2, -1000)
volume.to_filename("scaled.nii")
nifti = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage("scaled.nii"))
print("the same in NIfTI:", np.sort(nifti.ravel()))
assert nifti.min() == -1000, "the scale of NIfTI does not count"
P
