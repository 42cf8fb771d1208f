"""Folders of images, one for each class: ``<class>/<patient>_<anything>.png``, or a file name without ``_``.

The patient is what stands before the first ``_``; where no file has one, each image is its own patient.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from node.learning.data.images import open_picture
from node.learning.data.manifest import Manifest
from node.learning.data.picture import Picture
from node.learning.data.readers import ROWS, Chunk
from node.learning.errors import ConfigError, GateError

ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".bmp")


class FolderSource:
    """Columns ``image`` (path in the folder), ``label`` (its folder) and ``patient``."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        if len(manifest.file) != 1:
            raise ConfigError(f"manifest {manifest.id} names {len(manifest.file)} files", "one folder", "Correct it.")
        self.left_out: list[str] = []
        self._file = manifest.file[0]
        self._root = folder / self._file.path
        self._digests: dict[str, str] = {}

    def chunks(self) -> Iterator[Chunk]:
        """Yield the images by name."""
        names = images_in(self._root)
        for start in range(0, len(names), ROWS):
            part = names[start : start + ROWS]
            cells = {
                "image": part,
                "label": [name.split("/")[0] for name in part],
                "patient": [Path(name).stem.split("_")[0] if "_" in Path(name).stem else "" for name in part],
            }
            yield Chunk(start + 1, cells)

    def hashes(self) -> dict[str, str]:
        """Return one hash for the folder: of the sorted lines ``sha256 name`` of the images that were read."""
        return {self._file.path: listing_hash(self._digests)}

    def picture(self, cell: str) -> Picture:
        """Return the image at a path in the folder."""
        picture = open_picture(self._root / cell, self._root)
        self._digests[cell] = picture.sha256.hex()
        return picture


def images_in(root: Path) -> list[str]:
    """Return the images in a folder's folders, sorted.

    Raises:
        ConfigError: There are none.
    """
    found = sorted(one for one in root.glob("*/*") if one.suffix.lower() in ENDINGS)
    if not found:
        fix = "Check the path; name a table by its file."
        raise ConfigError(f"{root} holds no folders with images", "one folder a class", fix)
    return [one.relative_to(root).as_posix() for one in found]


def listing_hash(digests: dict[str, str]) -> str:
    """Return the SHA-256 (hex) of the sorted lines ``sha256 name``."""
    lines = "".join(f"{digest} {name}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def _first(root: Path, names: list[str]) -> Picture:
    """Return the first image that opens; those that do not are for the gate to count.

    Raises:
        GateError: None does.
    """
    for name in names:
        with contextlib.suppress(GateError):
            return open_picture(root / name, root)
    raise GateError(f"none of {len(names)} images opens", "JPEG, PNG or DICOM", "Export them again.")


def draft(path: Path) -> dict[str, Any]:
    """Return a manifest's plain values for a folder of folders."""
    names = images_in(path)
    first = _first(path, names)
    side = min(128, *first.pixels.shape[:2])
    with_patients = any("_" in Path(name).stem for name in names)
    classes = sorted({name.split("/")[0] for name in names})
    return {
        "id": "images",
        "layout": "image-folder",
        **({"patient": "patient"} if with_patients else {}),
        "file": [{"path": str(path)}],
        "column": [
            {"name": "patient", "kind": "text", "role": "ignore"},
            {"name": "image", "kind": "image", "role": "feature", "shape": [side, side, first.pixels.shape[2]]},
            {"name": "label", "kind": "category", "role": "label", "categories": classes},
        ],
    }
