"""Images: found and read, looked at for what should not be in them, fitted to what a model sees.

JPEG and PNG by Pillow (``picture``), DICOM by pydicom (``dicom``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from node.learning.data.picture import Picture, picture_of
from node.learning.errors import GateError

MAX_FILE_BYTES = 2**29
BORDER = 0.12  # share of the height at top and bottom where machines write names
EDGE = 48
LINES, DENSE = 6, 0.06


def open_picture(path: Path, root: Path) -> Picture:
    """Return the image in a file under ``root``.

    Raises:
        GateError: Missing, outside ``root``, over the bound, or not an image that opens.
    """
    if not path.resolve().is_relative_to(root.resolve()):
        raise GateError(f"{path.name} lies outside the data's folder", "a file in it", "Correct the column.")
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise GateError(f"{path.name} is over the bound", f"at most {MAX_FILE_BYTES} bytes", "Export it smaller.")
        data = path.read_bytes()
    except OSError as error:
        raise GateError(f"{path.name} cannot be read ({error.strerror})", "an image", "Export it again.") from error
    if data[128:132] == b"DICM" or path.suffix.lower() == ".dcm":
        from node.learning.data.dicom import dicom_picture

        return dicom_picture(data, path.name)
    return picture_of(data, path.name)


def fit(pixels: NDArray[np.uint8], shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return an image as a model sees it: the middle square scaled (area average) to ``shape``."""
    height, width, channels = shape
    if pixels.shape == shape:
        return pixels
    from PIL import Image

    image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    image = image.convert("L" if channels == 1 else "RGB")
    scale = min(image.width / width, image.height / height)
    wide, high = width * scale, height * scale
    left, top = (image.width - wide) / 2, (image.height - high) / 2
    image = image.resize((width, height), Image.Resampling.BOX, box=(left, top, left + wide, top + high))
    return np.asarray(image, np.uint8).reshape(shape)


def dhash(pixels: NDArray[np.uint8]) -> int:
    """Return a 64-bit difference hash: images that look alike differ in few bits.

    Source: Krawetz (2013), "Kind of like that": 9 x 8 grey values, each against its right neighbour.
    """
    small = fit(pixels, (8, 9, 1))[:, :, 0].astype(np.int16)
    bits = (small[:, 1:] > small[:, :-1]).reshape(-1)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def has_text_at_border(pixels: NDArray[np.uint8]) -> bool:
    """Whether sharp short strokes stand at the top or bottom, as burnt-in names and dates do.

    Counts, in the strips at top and bottom, rows of pixels with many strong horizontal steps: text makes several
    neighbouring rows of them, while skin, lungs and a frame's edge make few. A hint, not a proof: it is a
    warning for a person to look, and text in the middle of an image is not found.
    """
    grey = pixels.astype(np.int16).mean(axis=2)
    height, width = grey.shape
    strip = max(8, round(BORDER * height))
    if width < 48 or height < 48:
        return False  # too small to hold letters that could be read
    for part in (grey[:strip], grey[-strip:]):
        steps = np.abs(np.diff(part, axis=1)) > EDGE
        many = (steps.sum(axis=1) >= max(8, DENSE * width)).astype(np.int8)
        run = best = 0
        for one in many:
            run = run + 1 if one else 0
            best = max(best, run)
        if best >= LINES:
            return True
    return False
