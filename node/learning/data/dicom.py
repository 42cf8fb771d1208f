"""DICOM by pydicom: what identifies a patient in its tags, and its pixels as an image.

Pixels that are not compressed, and baseline JPEG by Pillow; other compressions need a decoder under another
licence and are refused in words.

Source: DICOM PS3.15, table E.1-1 (Basic Profile); PS3.3, C.7.6.1.1.4 (Burned In Annotation).
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.picture import MAX_PIXELS, Picture, picture_of
from node.learning.errors import GateError

# Direct identifiers of the Basic Profile: where these hold anything, the file is not de-identified.
IDENTIFYING = (
    "PatientName", "PatientBirthDate", "PatientBirthTime", "PatientAddress", "PatientTelephoneNumbers",
    "PatientMotherBirthName", "PatientBirthName", "OtherPatientNames", "OtherPatientIDs", "OtherPatientIDsSequence",
    "MedicalRecordLocator", "MilitaryRank", "BranchOfService", "CountryOfResidence", "RegionOfResidence",
    "PatientInsurancePlanCodeSequence", "IssuerOfPatientID", "AccessionNumber", "InstitutionName",
    "InstitutionAddress", "InstitutionalDepartmentName", "StationName", "DeviceSerialNumber",
    "ReferringPhysicianName", "ReferringPhysicianAddress", "ReferringPhysicianTelephoneNumbers",
    "PerformingPhysicianName", "PhysiciansOfRecord", "NameOfPhysiciansReadingStudy", "OperatorsName",
    "RequestingPhysician", "PersonName", "StudyID", "PatientComments", "ImageComments", "AdmissionID",
    "ResponsiblePerson", "ResponsibleOrganization", "EthnicGroup", "Occupation", "AdditionalPatientHistory",
)  # fmt: skip
# What a scrubbed file still needs to be read as an image, and to be told from others.
KEPT = (
    "SOPClassUID", "SOPInstanceUID", "Modality", "Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation",
    "PlanarConfiguration", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData",
    "NumberOfFrames", "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth", "BurnedInAnnotation",
    "PixelSpacing", "BodyPartExamined", "Laterality", "ViewPosition", "LossyImageCompression",
)  # fmt: skip
_NOBODY = ("", "anonymous", "anonymized", "anonymised", "removed", "none", "unknown", "deidentified", "de-identified")
_JPEG_BASELINE = "1.2.840.10008.1.2.4.50"


def read(data: bytes, name: str) -> Any:
    """Return a pydicom data set.

    Raises:
        GateError: The bytes are no DICOM.
    """
    import pydicom  # only where there is DICOM

    with in_words(name):
        dataset = pydicom.dcmread(io.BytesIO(data), force=False)
        for _ in dataset.iterall():  # elements are decoded when they are looked at: now, not later
            pass
        return dataset


def identifying(dataset: Any) -> list[str]:
    """Return the names of the identifying tags that hold something, also within sequences."""
    found = set()
    for element in dataset.iterall():
        if element.keyword in IDENTIFYING and str(element.value).strip(" ^").lower() not in (*_NOBODY, "[]"):
            found.add(element.keyword)
    return sorted(found)


def scrubbed(dataset: Any) -> Any:
    """Return a copy that holds only what an image needs: a list of what stays, not of what goes."""
    import pydicom

    out = pydicom.Dataset()
    for keyword in KEPT:
        if keyword in dataset:
            out[keyword] = dataset[keyword]
    out.file_meta = dataset.file_meta
    return out


def marks_of(dataset: Any) -> tuple[str, ...]:
    """Return what the gate wants to know of a file's tags."""
    burned = str(dataset.get("BurnedInAnnotation", "")).strip().upper()
    marks = ["identifying_tags"] if identifying(dataset) else []
    marks += ["burned_in"] if burned == "YES" else ["no_burned_in"] if burned != "NO" else []
    marks += ["private_tags"] if any(element.tag.is_private for element in dataset) else []
    return tuple(marks)


def dicom_picture(data: bytes, name: str) -> Picture:
    """Return the first frame of a DICOM file as an image of 8 bits.

    Raises:
        GateError: No DICOM, no pixels, or a compression that is not read here.
    """
    with in_words(name):
        return _picture(data, name)


@contextmanager
def in_words(name: str) -> Iterator[None]:
    """Turn whatever pydicom raises on broken tags into one sentence; keep its warnings, which hold values, to itself.

    Raises:
        GateError: The file does not open.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except GateError:
            raise
        except Exception as error:
            raise GateError(f"{name} does not open as DICOM", "a whole DICOM file", "Export it again.") from error


def _picture(data: bytes, name: str) -> Picture:
    dataset = read(data, name)
    marks, sha256 = marks_of(dataset), hashlib.sha256(data).digest()
    if "PixelData" not in dataset:
        raise GateError(f"{name} holds no pixels", "an image", "Remove it from the table.")
    if int(dataset.Rows) * int(dataset.Columns) > MAX_PIXELS:
        raise GateError(f"{name} is over the pixel bound", f"at most {MAX_PIXELS} pixels", "Export it smaller.")
    syntax = dataset.file_meta.TransferSyntaxUID
    if str(syntax) == _JPEG_BASELINE:
        from pydicom.encaps import generate_frames

        inner = picture_of(next(generate_frames(dataset.PixelData, number_of_frames=1)), name)
        return Picture(inner.pixels, inner.mode, sha256, marks)
    if syntax.is_compressed and str(syntax) != "1.2.840.10008.1.2.1.99":
        raise GateError(
            f"{name} is compressed as {syntax.name}",
            "no compression, or baseline JPEG",
            "Decompress it, for instance with dcmdjpeg or gdcmconv --raw.",
        )
    try:
        pixels = np.asarray(dataset.pixel_array)
    except Exception as error:  # pydicom raises many kinds on broken pixels
        raise GateError(f"{name} has pixels that do not open", "a whole image", "Export it again.") from error
    frames = int(dataset.get("NumberOfFrames", 1) or 1)
    pixels = pixels[0] if frames > 1 else pixels
    colour = int(dataset.get("SamplesPerPixel", 1)) == 3
    eight = pixels.astype(np.uint8) if colour else _window(dataset, pixels)
    return Picture(eight.reshape(*eight.shape[:2], -1), "RGB" if colour else "L", sha256, marks)


def _window(dataset: Any, pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return grey values of 8 bits: the file's window where it states one, else its own least and greatest."""
    values = pixels.astype(np.float64) * float(dataset.get("RescaleSlope", 1) or 1)
    values += float(dataset.get("RescaleIntercept", 0) or 0)
    centre, width = dataset.get("WindowCenter"), dataset.get("WindowWidth")
    if centre is not None and width is not None:
        one = float(np.ravel(np.asarray(centre, float))[0]), float(np.ravel(np.asarray(width, float))[0])
        low, high = one[0] - one[1] / 2, one[0] + one[1] / 2
    else:
        low, high = float(values.min()), float(values.max())
    scaled = (values - low) / (high - low) if high > low else np.zeros_like(values)
    grey = np.clip(scaled, 0, 1)
    if dataset.get("PhotometricInterpretation") == "MONOCHROME1":
        grey = 1 - grey
    return np.rint(255 * grey).astype(np.uint8)
