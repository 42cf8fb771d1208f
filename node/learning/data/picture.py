"""One image as it lies in its file, opened with a bound on its pixels: a small file cannot ask for all memory."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from node.learning.errors import GateError

MAX_PIXELS = 64 * 2**20  # 8192 x 8192
_EXIF_GPS = 0x8825
_EXIF_BYTES = 8  # an empty block of EXIF has fewer


@dataclass(frozen=True, slots=True)
class Picture:
    """One image as it lies in its file.

    Attributes:
        pixels: uint8 (height, width, channels), channels 1 or 3.
        mode: As the file says, such as ``RGB``.
        sha256: Of the file's bytes.
        marks: What else was noticed: ``exif``, ``gps``, ``burned_in``, ``no_burned_in``, ``identifying_tags``,
            ``private_tags``.
    """

    pixels: NDArray[np.uint8]
    mode: str
    sha256: bytes
    marks: tuple[str, ...] = ()


def picture_of(data: bytes, name: str) -> Picture:
    """Return the image in a JPEG's, PNG's or TIFF's bytes.

    Raises:
        GateError: It does not open, or has more than ``MAX_PIXELS``.
    """
    from PIL import Image  # only where there are images

    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise GateError(
                    f"{name} has {image.width} x {image.height} pixels", f"at most {MAX_PIXELS}", "Export it smaller."
                )
            marks = _marks(image.info.get("exif", b""), dict(image.getexif()))
            mode = image.mode
            grey = mode in ("1", "L", "I", "F", "I;16", "LA")
            pixels = np.asarray(image.convert("L" if grey else "RGB"), np.uint8)
    except GateError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds on broken files
        raise GateError(f"{name} does not open as an image", "a whole JPEG or PNG", "Export it again.") from error
    return Picture(pixels.reshape(*pixels.shape[:2], -1), mode, hashlib.sha256(data).digest(), marks)


def _marks(block: bytes, exif: dict[int, object]) -> tuple[str, ...]:
    marks = ["exif"] if exif or len(block) > _EXIF_BYTES else []
    return tuple([*marks, "gps"] if _EXIF_GPS in exif else marks)
