"""Copies of images without what identifies: DICOM tags, EXIF and comments. Pixels stay as they are.

A list of what stays, not of what goes: of DICOM the tags that an image needs, with new identifiers; of JPEG the
segments that a decoder needs; of PNG the pixels. What is burnt into pixels is not removed: a file that says of
itself that text is burnt in is not copied.

Source: DICOM PS3.15, table E.1-1; ITU-T T.81, annex B.
"""

from __future__ import annotations

import hashlib
import hmac
import io
from dataclasses import dataclass, field
from pathlib import Path

from node.learning.data import dicom
from node.learning.data.images import MAX_FILE_BYTES
from node.learning.data.picture import picture_of
from node.learning.errors import ConfigError, GateError

ENDINGS = (".dcm", ".jpg", ".jpeg", ".png")
_JPEG_START, _JPEG_SCAN, _JPEG_COMMENT = 0xD8, 0xDA, 0xFE
_JPEG_KEPT = (0xE0, 0xEE)  # APP0 (JFIF) and APP14 (Adobe: which colours); colour profiles name devices


@dataclass(slots=True)
class Scrubbed:
    """What was done: files copied; files not copied, with the reason."""

    copied: int = 0
    left: dict[str, list[str]] = field(default_factory=dict)


def scrub(source: Path, target: Path, key: bytes) -> Scrubbed:
    """Copy the images of a folder, and of the folders in it, without what identifies.

    Args:
        key: Of the region: the same file gets the same new identifiers, which nobody else can compute.

    Raises:
        ConfigError: There is no image in ``source``, or ``target`` is there already.
    """
    names = sorted(one.relative_to(source) for one in source.rglob("*") if one.suffix.lower() in ENDINGS)
    if not names:
        raise ConfigError(f"{source} holds no images", f"files that end in {', '.join(ENDINGS)}", "Check the path.")
    if target.exists():
        raise ConfigError(f"{target} is there already", "a new folder", "Choose another name.")
    done = Scrubbed()
    for name in names:
        try:
            if (source / name).stat().st_size > MAX_FILE_BYTES:
                raise GateError("over the bound", "", "")
            data = clean((source / name).read_bytes(), name.name, key)
        except GateError as error:
            done.left.setdefault(error.found.replace(name.name, "a file"), []).append(name.as_posix())
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(data)
        done.copied += 1
    return done


def clean(data: bytes, name: str, key: bytes) -> bytes:
    """Return a file's bytes without what identifies.

    Raises:
        GateError: It does not open, or says of itself that text is burnt in.
    """
    if data[128:132] == b"DICM" or name.lower().endswith(".dcm"):
        with dicom.in_words(name):
            return _dicom(data, name, key)
    picture_of(data, name)  # what does not open is not copied
    return _jpeg(data) if data[:2] == b"\xff\xd8" else _png(data)


def _dicom(data: bytes, name: str, key: bytes) -> bytes:
    import pydicom

    dataset = dicom.read(data, name)
    if "burned_in" in dicom.marks_of(dataset):
        raise GateError(
            f"{name} says of itself that text is burnt in", "BurnedInAnnotation = NO", "Mask the text first."
        )
    out = dicom.scrubbed(dataset)
    old = str(dataset.get("SOPInstanceUID", "")) or hashlib.sha256(data).hexdigest()
    number = int.from_bytes(hmac.digest(key, old.encode(), "sha256")[:16], "big")
    out.SOPInstanceUID = f"2.25.{number}"  # a UUID as an identifier: PS3.5, annex B.2
    out.file_meta = pydicom.dataset.FileMetaDataset()
    out.file_meta.MediaStorageSOPClassUID = dataset.file_meta.MediaStorageSOPClassUID
    out.file_meta.MediaStorageSOPInstanceUID = out.SOPInstanceUID
    out.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    written = io.BytesIO()
    out.save_as(written, enforce_file_format=True)
    return written.getvalue()


def _jpeg(data: bytes) -> bytes:
    """Return a JPEG with only the segments that a decoder needs; the coded pixels are the same bytes."""
    out, at = bytearray(b"\xff\xd8"), 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill
            at += 1
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == _JPEG_SCAN:
            end = data.rfind(b"\xff\xd9")
            return bytes(out + data[at : end + 2 if end > at else None])
        if marker in _JPEG_KEPT or not (0xE0 <= marker <= 0xEF or marker == _JPEG_COMMENT):
            out += data[at : at + 2 + length]
        at += 2 + length
    raise GateError("a JPEG without a scan", "a whole JPEG", "Export it again.")


def _png(data: bytes) -> bytes:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        plain = Image.frombytes(image.mode, image.size, image.tobytes())
        if image.mode == "P" and (palette := image.getpalette()) is not None:
            plain.putpalette(palette)
    written = io.BytesIO()
    plain.save(written, "png")
    return written.getvalue()
