#!/usr/bin/env bash
# pydicom 3.0.2, tifffile 2025.5.10: 9 of the 163 DICOM files that pydicom brings begin with the signature of TIFF.
# The standard leaves the first 128 bytes to applications (PS3.10, 7.1), and some write the header of a TIFF there. Who tells
# formats apart by their first bytes takes these files for TIFF: tifffile opens them, and says that they have no page.
# DICOM is known by the four letters after the first 128 bytes only.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "pydicom==3.0.2" "tifffile==2025.5.10"
cd "$folder"
"$folder/venv/bin/python" - 2>/dev/null <<'P'
from pathlib import Path

import pydicom
import tifffile

folder = Path(pydicom.__file__).parent / "data" / "test_files"
files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.read_bytes()[128:132] == b"DICM"]
begin_as_tiff = [path for path in files if path.read_bytes()[:4] in (b"II*\0", b"MM\0*")]
print(f"{len(files)} DICOM files, {len(begin_as_tiff)} of them begin as TIFF")
for path in begin_as_tiff:
    modality = pydicom.dcmread(path).Modality
    with tifffile.TiffFile(path) as opened:
        print(f"{path.name}: {modality}; as TIFF it has {len(opened.pages)} pages")
        assert len(opened.pages) == 0, "tifffile finds pages now"
assert len(begin_as_tiff) == 9, "another number of files begins as TIFF"
P
