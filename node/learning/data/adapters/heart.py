"""UCI heart disease: ``processed.*.data`` of four hospitals, 14 columns without a header, ``?`` for missing.

The label ``ill`` is ``num > 0``. The drafted manifest leaves out slope, ca and thal, which two hospitals hardly have,
and takes a cholesterol or blood pressure of 0 for not measured: all of Switzerland's are 0. The published federated
benchmark instead keeps 0 as a value and leaves out rows that are not complete (740 of 920): ``complete = true``.

Source: Janosi, Steinbrunn, Pfisterer, Detrano (1988), UCI, CC BY 4.0; FLamby (2022), Fed-Heart-Disease.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from node.learning.data.cells import number
from node.learning.data.manifest import Manifest
from node.learning.data.picture import Picture
from node.learning.data.readers import Chunk, TableFile
from node.learning.errors import ConfigError, GateError

COLUMNS = (
    "age", "sex", "cp", "trestbps", "chol", "fbs", "restecg", "thalach", "exang", "oldpeak", "slope", "ca",
    "thal", "num",
)  # fmt: skip


NOT_MEASURED = ("?", "0", "0.0")  # nobody lives with either at 0


class HeartSource:
    """Rows of one hospital's file."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        if not manifest.file:
            raise ConfigError(f"manifest {manifest.id} names no file", "[[file]]", "Name processed.<hospital>.data.")
        self.left_out: list[str] = []
        self._files, self._folder = manifest.file, folder
        self._hashes: dict[str, str] = {}

    def chunks(self) -> Iterator[Chunk]:
        """Yield the 14 columns and ``ill``."""
        for file in self._files:
            table = TableFile(self._folder / file.path, file.model_copy(update={"header": False}), COLUMNS)
            for chunk in table.chunks():
                ill = [_ill(cell.strip()) for cell in chunk.cells["num"]]
                yield Chunk(chunk.first, {**chunk.cells, "ill": ill})
            self._hashes[file.path] = table.sha256().hex()

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of each file."""
        return dict(self._hashes)

    def picture(self, cell: str) -> Picture:
        """Refuse: there are no images here."""
        raise GateError(f"{cell} is no image", "a table", "Remove the image column.")


def _ill(cell: str) -> str:
    """Return the class of a ``num``; a cell that is no number stays as it is, and is then no class."""
    value = number(cell)
    return "" if cell == "?" else cell if value != value else str(int(value > 0))


def draft(path: Path) -> dict[str, Any]:
    """Return a manifest's plain values for one hospital's file."""

    def column(name: str, kind: str, missing: tuple[str, ...] = ("?",), **more: Any) -> dict[str, Any]:
        return {"name": name, "kind": kind, "role": "feature", **more, "missing": list(missing)}

    return {
        "id": "heart",
        "licence": "CC BY 4.0",
        "purposes": ["research", "education"],
        "layout": "uci-heart",
        "file": [{"path": str(path)}],
        "column": [
            {"name": "age", "kind": "integer", "role": "quasi_identifier", "unit": "years", "range": [18, 100],
             "band": 10},
            {"name": "sex", "kind": "boolean", "role": "quasi_identifier"},
            column("cp", "category", categories=["1", "2", "3", "4"]),
            column("trestbps", "number", NOT_MEASURED, unit="mmHg", range=[60, 260]),
            column("chol", "number", NOT_MEASURED, unit="mg/dL", range=[50, 700]),
            column("fbs", "boolean"),
            column("restecg", "category", categories=["0", "1", "2"]),
            column("thalach", "number", unit="1/min", range=[40, 230]),
            column("exang", "boolean"),
            column("oldpeak", "number", unit="mm", range=[-4, 8]),
            *({"name": name, "kind": "text", "role": "ignore"} for name in ("slope", "ca", "thal", "num")),
            {"name": "ill", "kind": "category", "role": "label", "categories": ["0", "1"]},
        ],
    }  # fmt: skip
