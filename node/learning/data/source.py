"""Where rows come from: each layout on disk has a source, and all of them give the same stream.

A source yields chunks of text cells under the names of the manifest's columns, in one pass, and says
afterwards what it has read: the files' hashes, and anything it left out. Images are asked for by cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Protocol

from node.learning.data.findings import some
from node.learning.data.manifest import Manifest
from node.learning.data.picture import Picture
from node.learning.data.readers import Chunk, TableFile
from node.learning.errors import ConfigError, GateError

MARK = "__synthetic"  # the column by which made-up rows say that they are


class Source(Protocol):
    """One layout's reader.

    Attributes:
        left_out: What the layout's own rules left out, in words with counts.
    """

    left_out: list[str]

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows' cells by column, once."""
        ...

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 (hex) of each file of the manifest by its ``path``, once the rows are read."""
        ...

    def picture(self, cell: str) -> Picture:
        """Return the image that a cell names.

        Raises:
            GateError: It is missing, does not open, or is over the pixel bound.
        """
        ...


class TableSource:
    """CSV and Parquet tables with the manifest's columns, found by name; several files are read one after the other."""

    def __init__(self, manifest: Manifest, folder: Path, *, data: bytes | None = None) -> None:
        if not manifest.file:
            raise GateError(f"manifest {manifest.id} names 0 files", "one [[file]] or more", "Add [[file]], path = ...")
        self.left_out: list[str] = []
        self._manifest, self._folder, self._data = manifest, folder, data
        self._hashes: dict[str, str] = {}
        self._pictures: Source | None = None

    def chunks(self) -> Iterator[Chunk]:
        """Yield the rows' cells; a column that is not declared is refused."""
        names = [column.name for column in self._manifest.column]
        for file in self._manifest.file:
            table = TableFile(self._folder / file.path, file, names, data=self._data)
            checked = False
            for chunk in table.chunks():
                if not checked:
                    self._check(table)
                    checked = True
                yield self._unmarked(chunk, table.name) if self._manifest.synthetic else chunk
            if not checked:
                self._check(table)
            self._hashes[file.path] = table.sha256().hex()

    def _check(self, table: TableFile) -> None:
        columns = self._manifest.column
        also = {self._manifest.patient, self._manifest.hospital, *(c.since for c in columns if c.is_input)}
        needed = {c.name for c in columns if c.role not in ("ignore", "direct_identifier")} | {n for n in also if n}
        if missing := sorted(needed - set(table.header)):
            raise GateError(
                f"{table.name} has no column {some(missing)}",
                "every column of the manifest",
                "Check header and delimiter.",
            )
        marked = MARK in table.header
        if marked is not self._manifest.synthetic:
            raise GateError(
                f"{table.name} has {'the' if marked else 'no'} column {MARK}, and its manifest says "
                f"synthetic = {str(self._manifest.synthetic).lower()}",
                "made-up rows marked in both, real rows in neither",
                "Use the manifest that landsting synth generate wrote beside the file.",
            )
        if unknown := sorted(set(table.header) - {column.name for column in columns} - {MARK}):
            raise GateError(
                f"{table.name} has the unknown column {some(unknown)}",
                "columns of the manifest only",
                'Remove it, or declare it with role = "ignore".',
            )

    def _unmarked(self, chunk: Chunk, name: str) -> Chunk:
        """Return a chunk of made-up rows without the column that says so."""
        if real := sum(cell.strip() != "1" for cell in chunk.cells[MARK]):
            raise GateError(f"{name}: {real} rows are not marked as synthetic", f"{MARK} 1 in each", "Separate them.")
        return Chunk(chunk.first, {column: cells for column, cells in chunk.cells.items() if column != MARK})

    def hashes(self) -> dict[str, str]:
        """Return the SHA-256 of each file."""
        return dict(self._hashes)

    def picture(self, cell: str) -> Picture:
        """Return the image in the file that a cell names, counted from the manifest's folder, else from the table's."""
        from node.learning.data.images import open_picture

        beside = (self._folder / self._manifest.file[0].path).parent
        root = self._folder if (self._folder / cell).is_file() else beside
        return open_picture(root / cell, root)


# Layout -> module:class, imported where it is used.
ADAPTERS = {
    "uci-heart": "heart:HeartSource",
    "mimic-iv": "mimic:MimicSource",
    "omop": "omop:OmopSource",
    "meds": "meds:MedsSource",
    "siim-isic": "isic:IsicSource",
    "medmnist": "medmnist:MedmnistSource",
    "image-folder": "folder:FolderSource",
    "fhir": "fhir:FhirSource",
}


def source_of(manifest: Manifest, folder: Path) -> Source:
    """Return the reader of a manifest's layout; paths in it count from ``folder``.

    Raises:
        ConfigError, GateError: A file of the layout is missing or cannot be read.
    """
    if manifest.layout == "table":
        return TableSource(manifest, folder)
    module, _, name = ADAPTERS[manifest.layout].partition(":")
    try:
        made: Source = getattr(import_module(f"node.learning.data.adapters.{module}"), name)(manifest, folder)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"layout {manifest.layout} needs the Python package {error.name}", "it", 'pip install "landsting[node]"'
        ) from error
    return made
