"""MedMNIST: one ``.npz`` with ``train_images, train_labels, val_images, …``; ``part`` of [[file]] says which set.

The arrays are read with ``allow_pickle=False``: a file that wants more is refused. The set has no patients, so
each image is its own.

Source: Yang et al. (2023), MedMNIST v2.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.manifest import Manifest
from node.learning.data.picture import Picture
from node.learning.data.readers import ROWS, Chunk, file_sha256
from node.learning.errors import ConfigError, GateError

PARTS = ("train", "val", "test")


class MedmnistSource:
    """Columns ``image`` (its number) and ``label``, or ``label_0``, … where an image has several."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        if len(manifest.file) != 1 or manifest.file[0].part not in PARTS:
            raise ConfigError(
                f"manifest {manifest.id} names {len(manifest.file)} files, or no part",
                'one [[file]] with part = "train", "val" or "test"',
                "landsting data init FILE.npz writes such a manifest.",
            )
        self.left_out: list[str] = []
        self._file = manifest.file[0]
        self._path = folder / self._file.path
        self._images = np.empty((0, 1, 1), np.uint8)

    def chunks(self) -> Iterator[Chunk]:
        """Yield the images' numbers and labels."""
        self._images, labels = load(self._path, self._file.part)
        several = labels.shape[1] > 1
        for start in range(0, len(labels), ROWS):
            part = labels[start : start + ROWS]
            names = [f"label_{k}" for k in range(labels.shape[1])] if several else ["label"]
            cells = {name: [str(one) for one in part[:, k].tolist()] for k, name in enumerate(names)}
            yield Chunk(start + 1, {"image": [str(start + i) for i in range(len(part))], **cells})

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of the file."""
        return {self._file.path: file_sha256(self._path).hex()}

    def picture(self, cell: str) -> Picture:
        """Return image number ``cell``."""
        pixels = self._images[int(cell)]
        pixels = pixels.reshape(*pixels.shape[:2], -1)
        mode = "L" if pixels.shape[2] == 1 else "RGB"
        return Picture(pixels, mode, hashlib.sha256(pixels.tobytes()).digest())


def load(path: Path, part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return images uint8 (n, height, width[, 3]) and labels int64 (n, labels) of one part.

    Raises:
        ConfigError: The file cannot be read.
        GateError: It is no MedMNIST file.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images, labels = arrays[f"{part}_images"], arrays[f"{part}_labels"]
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})", "a .npz file", "Check the path.") from error
    except (ValueError, KeyError, zipfile.BadZipFile) as error:
        raise GateError(
            f"{path.name} is not MedMNIST", f"arrays {part}_images and {part}_labels", "Check the download."
        ) from error
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or len(images) != len(labels):
        raise GateError(
            f"{path.name} holds images of {images.dtype} {images.shape}", "uint8, one for each label", "Check the file."
        )
    return images, labels.reshape(len(labels), -1).astype(np.int64)


def draft(path: Path) -> dict[str, Any]:
    """Return a manifest's plain values for the training images of a MedMNIST file."""
    images, labels = load(path, "train")
    several, channels = labels.shape[1] > 1, 3 if images.ndim == 4 else 1
    targets: list[dict[str, Any]]
    if several:
        targets = [{"name": f"label_{k}", "kind": "boolean", "role": "label"} for k in range(labels.shape[1])]
    else:
        classes = [str(k) for k in range(int(labels.max()) + 1)]
        targets = [{"name": "label", "kind": "category", "role": "label", "categories": classes}]
    return {
        "id": path.stem.lower(),
        "licence": "CC BY 4.0",
        "purposes": ["research", "education"],
        "layout": "medmnist",
        "file": [{"path": str(path), "part": "train"}],
        "column": [
            {"name": "image", "kind": "image", "role": "feature", "shape": [*images.shape[1:3], channels]},
            *targets,
        ],
    }
