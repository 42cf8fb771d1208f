"""SIIM-ISIC 2020: ``train.csv`` with ``jpeg/train/<image_name>.jpg`` or ``train/<image_name>.dcm`` beside it.

Rows of one patient (2 to 115 images) share ``patient_id`` and never part. ``diagnosis``, which some copies do not
have, and ``benign_malignant`` say the label in other words and are never inputs.

Source: Rotemberg et al. (2021), doi 10.34970/2020-ds01, CC BY-NC 4.0.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from node.learning.data.adapters.folder import listing_hash
from node.learning.data.images import open_picture
from node.learning.data.manifest import Manifest
from node.learning.data.picture import Picture
from node.learning.data.readers import Chunk, TableFile
from node.learning.errors import ConfigError, GateError

PLACES = (
    ("jpeg/train", ".jpg"),
    ("train", ".dcm"),
    ("train", ".jpg"),
    ("images", ".jpg"),
    (".", ".jpg"),
    (".", ".dcm"),
)
COLUMNS = (
    "image_name", "patient_id", "sex", "age_approx", "anatom_site_general_challenge", "diagnosis", "benign_malignant",
    "target",
)  # fmt: skip
SITES = ("head/neck", "lower extremity", "oral/genital", "palms/soles", "torso", "upper extremity")


class IsicSource:
    """The rows of ``train.csv`` (the first [[file]]), whose images lie in the folder of the second, or beside it."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        if not 1 <= len(manifest.file) <= 2:
            raise ConfigError(
                f"manifest {manifest.id} names {len(manifest.file)} files",
                "train.csv, and the folder of images where it is another one",
                "landsting data init train.csv --layout siim-isic writes such a manifest.",
            )
        self.left_out: list[str] = []
        self._table = manifest.file[0]
        self._folder = folder
        self._images = manifest.file[1] if len(manifest.file) > 1 else None
        self._root = folder / self._images.path if self._images else (folder / self._table.path).parent
        self._digests: dict[str, str] = {}
        self._hashes: dict[str, str] = {}
        self._place: tuple[Path, str] | None = None
        self._with_images = manifest.schema_().image is not None

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows of ``train.csv``."""
        table = TableFile(self._folder / self._table.path, self._table)
        for chunk in table.chunks():
            if "image_name" not in chunk.cells or "patient_id" not in chunk.cells:
                raise GateError(
                    f"{table.name} is not train.csv of SIIM-ISIC", f"columns {', '.join(COLUMNS)}", "Check it."
                )
            gone: dict[str, list[str]] = {name: [""] * len(chunk) for name in COLUMNS if name not in chunk.cells}
            yield Chunk(chunk.first, {**gone, **chunk.cells})
        self._hashes[self._table.path] = table.sha256().hex()

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of the table, and one hash for the images that were read."""
        if self._images is not None and self._with_images:
            return {**self._hashes, self._images.path: listing_hash(self._digests)}
        return dict(self._hashes)

    def picture(self, cell: str) -> Picture:
        """Return the image of a name."""
        if not cell.replace("_", "").isalnum():
            raise GateError("an image's name is no name", "such as ISIC_0000001", "Check train.csv.")
        if self._place is None:
            self._place = self._find(cell)
        folder, ending = self._place
        picture = open_picture(folder / f"{cell}{ending}", self._root)
        self._digests[cell] = picture.sha256.hex()
        return picture

    def _find(self, cell: str) -> tuple[Path, str]:
        for place, ending in PLACES:
            if (self._root / place / f"{cell}{ending}").is_file():
                return self._root / place, ending
        raise GateError(
            f"{cell} lies in none of {', '.join(f'{place}/*{ending}' for place, ending in PLACES[:3])}",
            "an image for each row",
            "Name the folder of images in a second [[file]].",
        )


def draft(path: Path) -> dict[str, Any]:
    """Return a manifest's plain values for a ``train.csv``, or the folder that holds it."""
    table = path / "train.csv" if path.is_dir() else path
    return {
        "id": "isic",
        "licence": "CC BY-NC 4.0",
        "purposes": ["research"],
        "layout": "siim-isic",
        "patient": "patient_id",
        "file": [{"path": str(table)}, {"path": str(table.parent)}],
        "column": [
            {"name": "image_name", "kind": "image", "role": "feature", "shape": [64, 64, 3]},
            {"name": "patient_id", "kind": "text", "role": "ignore"},
            {"name": "sex", "kind": "category", "role": "quasi_identifier", "missing": [""],
             "categories": ["female", "male"]},
            {"name": "age_approx", "kind": "number", "role": "quasi_identifier", "unit": "years", "range": [0, 90],
             "band": 10, "missing": [""]},
            {"name": "anatom_site_general_challenge", "kind": "category", "role": "feature", "missing": [""],
             "categories": list(SITES)},
            {"name": "diagnosis", "kind": "text", "role": "ignore"},
            {"name": "benign_malignant", "kind": "text", "role": "ignore"},
            {"name": "target", "kind": "category", "role": "label", "categories": ["0", "1"]},
        ],
    }  # fmt: skip
