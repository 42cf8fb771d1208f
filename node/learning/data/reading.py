"""One pass over a region's data: typed rows for a task, and what was noticed on the way.

The gate and a study read the same way, so that what the gate has passed is what is trained on. A study
stops at the first structural finding; the gate collects them all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from node.learning.data.cells import ColumnReader
from node.learning.data.findings import BLOCK, Finding
from node.learning.data.manifest import Manifest
from node.learning.data.picture import Picture
from node.learning.data.readers import Chunk
from node.learning.data.rows import Rows
from node.learning.data.schema import Column, Schema, Target
from node.learning.data.source import Source, source_of
from node.learning.errors import ConfigError, GateError
from node.learning.files import file_bytes
from node.learning.hashing import json_hash

OPTED_OUT = "of patients who opted out"
Watch = Callable[[Chunk, Sequence[str]], None]


@dataclass(slots=True)
class Reading:
    """What one pass gave.

    Attributes:
        rows: Typed; what did not fit is missing in them.
        structural: Why the data are not what the manifest says; a study does not start with any of them.
        noticed: What reading changed: ages over 89.
        left_out: In words with counts: opted out, other hospitals, incomplete, the layout's own rules.
        hashes: SHA-256 (hex) of each file by its path in the manifest.
        sha256: Of all of them: that of the one file, or of the sorted list of several.
        extra: Values of quasi-identifiers that are no inputs, as text.
        raw: Values of inputs and labels before ranges were applied; only with ``keep``.
    """

    rows: Rows
    structural: list[Finding] = field(default_factory=list)
    noticed: list[Finding] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    sha256: bytes = b""
    extra: dict[str, list[str]] = field(default_factory=dict)
    raw: dict[str, NDArray[np.float64]] = field(default_factory=dict)


def read_all(
    manifest: Manifest,
    folder: Path,
    *,
    source: Source | None = None,
    watch: Watch | None = None,
    look: Callable[[str, Picture], None] | None = None,
    keep: bool = False,
) -> Reading:
    """Return a manifest's rows and findings; paths count from ``folder``.

    Args:
        source: Instead of the manifest's own.
        watch: Sees every chunk that is kept, with the patients of its rows.
        look: Sees every image with its cell.
        keep: Also return values as they were before ranges were applied.

    Raises:
        GateError: What is there is no table (or no such layout) at all.
        ConfigError: A file is missing.
    """
    return _Pass(manifest, folder, source or source_of(manifest, folder), watch, look, keep).run()


class _Pass:
    def __init__(
        self,
        manifest: Manifest,
        folder: Path,
        source: Source,
        watch: Watch | None,
        look: Callable[[str, Picture], None] | None,
        keep: bool,
    ) -> None:
        self.manifest, self.schema, self.source = manifest, manifest.schema_(), source
        self.watch, self.look = watch, look
        decimal = manifest.file[0].decimal if manifest.file else "."
        by_name = {column.name: column for column in manifest.column}
        self.inputs = {
            c.name: ColumnReader(c, decimal, by_name[c.since] if c.since else None, keep=keep)
            for c in self.schema.features
        }
        self.labels = {c.name: ColumnReader(c, decimal, keep=keep) for c in self.schema.labels}
        self.extra: dict[str, list[str]] = {
            c.name: [] for c in manifest.column if c.role == "quasi_identifier" and not c.is_input
        }
        self.folder = folder
        self.rules = self._rules()
        self.patients: list[str] = []
        self.pictures: list[NDArray[np.uint8]] = []
        self.broken: list[tuple[int, str]] = []
        self.out: dict[str, int] = {}
        self.seen = 0

    def run(self) -> Reading:
        for chunk in self.source.chunks():
            if len(chunk):
                self._take(chunk)
        readers = [*self.inputs.values(), *self.labels.values()]
        structural = [finding for reader in readers for finding in reader.structural()]
        if self.broken:
            image = self.schema.image
            assert image is not None
            at, why = self.broken[0]
            words = f"{len(self.broken)} of {len(self.patients)} images do not open"
            words += f" (the first is image {at} in the order of reading: {why})"
            structural.append(
                Finding("images", image.name, words, BLOCK, "images that open", "Export them again.", len(self.broken))
            )
        left_out = [f"{count} rows {words}" for words, count in self.out.items() if count]
        hashes = self.source.hashes()
        return Reading(
            self._rows(),
            structural,
            [finding for reader in readers for finding in reader.ages()],
            [*self.source.left_out, *left_out],
            hashes,
            sha256_of(hashes),
            self.extra,
            {reader.column.name: reader.raw() for reader in readers},
        )

    def _take(self, chunk: Chunk) -> None:
        patients = self._ids(chunk)
        self.seen += len(patients)
        for words, keeps in self.rules:
            keep = keeps(chunk, patients)
            if not all(keep):
                self.out[words] = self.out.get(words, 0) + keep.count(False)
                chunk = chunk.take(keep)
                patients = [p for p, kept in zip(patients, keep, strict=True) if kept]
        if not patients:
            return
        for name, reader in (*self.inputs.items(), *self.labels.items()):
            since = reader.column.since
            reader.take(chunk.cells[name], chunk.first, chunk.cells[since] if since else None)
        for name, texts in self.extra.items():
            texts.extend(chunk.cells[name])
        if self.schema.image is not None:
            self._take_images(chunk.cells[self.schema.image.name], self.schema.image)
        self.patients.extend(patients)
        if self.watch is not None:
            self.watch(chunk, patients)

    def _ids(self, chunk: Chunk) -> list[str]:
        at = self.seen
        if self.manifest.patient is None:
            return [f"row {at + i}" for i in range(len(chunk))]
        cells = [cell.strip() for cell in chunk.cells[self.manifest.patient]]
        return [cell or f"row {at + i}" for i, cell in enumerate(cells)]

    def _rules(self) -> list[tuple[str, Callable[[Chunk, list[str]], list[bool]]]]:
        """Return which rows are read: words for those left out, and a test."""
        manifest, rules = self.manifest, list[tuple[str, Callable[[Chunk, list[str]], list[bool]]]]()
        if manifest.hospital is not None and manifest.only:
            column, only = manifest.hospital, set(manifest.only)
            rules.append(
                ("of other hospitals", lambda chunk, _: [cell.strip() in only for cell in chunk.cells[column]])
            )
        if manifest.opt_out is not None:
            gone = listed_patients(self.folder / manifest.opt_out)
            rules.append((OPTED_OUT, lambda _, patients: [one not in gone for one in patients]))
        if manifest.complete:
            rules.append(("that are not complete", lambda chunk, _: self._complete(chunk)))
        return rules

    def _complete(self, chunk: Chunk) -> list[bool]:
        keep = np.ones(len(chunk), bool)
        for column in self.schema.features:
            gone = set(column.missing) | {""}
            keep &= [cell.strip() not in gone for cell in chunk.cells[column.name]]
        return [bool(one) for one in keep]

    def _take_images(self, cells: Sequence[str], column: Column) -> None:
        from node.learning.data.images import fit

        assert column.shape is not None
        for cell in cells:
            try:
                picture = self.source.picture(cell)
            except GateError as error:
                self.broken.append((len(self.pictures) + 1, _unnamed(error.found, cell)))
                self.pictures.append(np.zeros(column.shape, np.uint8))
                continue
            if self.look is not None:
                self.look(cell, picture)
            self.pictures.append(fit(picture.pixels, column.shape))

    def _rows(self) -> Rows:
        values = {name: reader.values() for name, reader in self.labels.items()}
        label, target = _label(self.schema, values, len(self.patients))
        images = None
        if self.schema.image is not None:
            shape = self.schema.image.shape
            assert shape is not None
            images = np.stack(self.pictures) if self.pictures else np.empty((0, *shape), np.uint8)
        return Rows(
            {name: reader.values() for name, reader in self.inputs.items()},
            label,
            tuple(self.patients),
            target,
            images,
            {name: reader.outside for name, reader in self.inputs.items() if reader.outside},
        )


def _label(
    schema: Schema, values: dict[str, NDArray[np.float64]], count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
    """Return label and target as ``Rows`` has them; a label that is missing is -1 or NaN."""
    kind = schema.target
    if kind is Target.CLASSES:
        return np.nan_to_num(values[schema.label.name], nan=-1.0).astype(np.int64), None
    if kind is Target.SURVIVAL:
        event = np.nan_to_num(values[schema.label.name], nan=-1.0).astype(np.int64)
        time = next(column.name for column in schema.labels if column.kind == "time_to_event")
        return event, values[time][:, None]
    columns = [values[column.name] for column in schema.labels]
    return np.zeros(count, np.int64), np.stack(columns, axis=1)


def _unnamed(words: str, cell: str) -> str:
    """Return why an image does not open without its name, which is a cell and may be a patient's."""
    name = Path(cell.strip()).name
    for one in (name, Path(name).stem):
        if one:
            words = re.sub(rf"{re.escape(one)}(\.\w+)?", "it", words)
    return words


def listed_patients(path: Path) -> frozenset[str]:
    """Return the patients of an opt-out file, one a line."""
    try:
        lines = file_bytes(path, "opt-out file").decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is not UTF-8", "one patient id a line", "Save it as UTF-8.") from error
    return frozenset(line.strip() for line in lines if line.strip())


def sha256_of(hashes: dict[str, str]) -> bytes:
    """Return one hash for all files: the file's own, or that of the sorted list of several."""
    if len(hashes) == 1:
        return bytes.fromhex(next(iter(hashes.values())))
    return json_hash("FILES", sorted(hashes.items()))


def changed(manifest: Manifest, hashes: dict[str, str]) -> str | None:
    """Return the path of the first file whose hash is not the manifest's; None if all are."""
    for file in manifest.file:
        if file.sha256 is not None and hashes.get(file.path) != file.sha256:
            return file.path
    return None
