"""DICOM files made by pydicom, as scanners write them."""

import numpy as np

AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
CORONAL = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0))
SAGITTAL = ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0))
OBLIQUE = ((0.8, 0.6, 0.0), (-0.36, 0.48, 0.8))


def dataset(pixels, **fields):
    """A file of one picture (height, width), or (height, width, 3); fields are DICOM keywords."""
    import pydicom
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    one = pydicom.Dataset()
    one.file_meta = pydicom.dataset.FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID = CTImageStorage
    one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID = generate_uid()
    one.PatientName, one.PatientID, one.Modality = "Phantom", "0", "CT"
    one.StudyInstanceUID, one.SeriesInstanceUID = generate_uid(), "1.2.3.4"
    one.SeriesNumber, one.SeriesDescription = 2, "phantom"
    one.Rows, one.Columns = pixels.shape[-2:] if pixels.shape[-1] != 3 else pixels.shape[-3:-1]
    one.SamplesPerPixel = 3 if pixels.shape[-1] == 3 else 1
    one.PhotometricInterpretation = "RGB" if pixels.shape[-1] == 3 else "MONOCHROME2"
    if one.SamplesPerPixel == 3:
        one.PlanarConfiguration = 0
    one.BitsAllocated = one.BitsStored = 8 * pixels.dtype.itemsize
    one.HighBit = one.BitsStored - 1
    one.PixelRepresentation = int(pixels.dtype.kind == "i")
    for keyword, value in fields.items():
        setattr(one, keyword, value)
    one.PixelData = np.ascontiguousarray(pixels).tobytes()
    return one


def write(path, pixels, **fields):
    """Write a file of one picture and return its path."""
    dataset(pixels, **fields).save_as(path, enforce_file_format=True)
    return path


def write_series(
    folder, stored, *, directions=AXIAL, spacing=(0.5, 0.75, 2.5), origin=(-10, -20, -30), tilt=0, **fields
):
    """Write slices of stored numbers (x, y, z), with names in no order, and return the steps along the axes."""
    rows, columns = np.array(directions)
    across = np.cross(rows, columns) * spacing[2] + tilt * columns
    folder.mkdir(exist_ok=True)
    names = np.random.default_rng(0).permutation(stored.shape[2])
    for number, name in enumerate(names):
        place = {
            "ImagePositionPatient": [float(at) for at in np.array(origin) + number * across],
            "ImageOrientationPatient": [float(at) for at in (*rows, *columns)],
            "PixelSpacing": [spacing[1], spacing[0]],
            "SliceThickness": spacing[2],
            "InstanceNumber": int(name),
        }
        write(folder / f"IM{name:04}", stored[:, :, number].T, **(place | fields))
    return np.column_stack([rows * spacing[0], columns * spacing[1], across])
