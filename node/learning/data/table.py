"""A region's rows for a study: read strictly, from the layout that the manifest names.

What the gate has passed is read again when a study opens it: the files must be the same to the byte,
and nothing structural may be wrong. What does not fit is said with column, count and first line.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from node.learning.data.manifest import File, Manifest, load
from node.learning.data.readers import file_sha256
from node.learning.data.reading import Reading, changed, read_all
from node.learning.data.rows import Rows, in_validation
from node.learning.data.schema import NUMERIC, Column, Schema
from node.learning.data.source import TableSource
from node.learning.errors import GateError

__all__ = ["Guard", "Rows", "in_validation", "out_of_range", "parse", "read"]


def read(manifest: Manifest, folder: Path) -> tuple[Rows, bytes]:
    """Return the rows that a manifest names and the SHA-256 of the files' bytes.

    Raises:
        GateError: Not what the manifest says; code ``DATA_CHANGED`` if a file is not the one that was added.
        ConfigError: A file cannot be read.
    """
    try:
        reading = read_all(manifest, folder)
    except GateError as error:
        check_unchanged(manifest, folder)  # the better reason, if it is one
        raise error
    if path := changed(manifest, reading.hashes):
        raise has_changed(path, manifest.id)
    return strict(reading, Path(manifest.file[0].path).name if len(manifest.file) == 1 else manifest.id), reading.sha256


def parse(data: bytes, schema: Schema, file: File, name: str, patient: str | None = None) -> Rows:
    """Return the typed rows of a CSV's bytes; ``name`` is for messages."""
    manifest = Manifest(
        id="table", patient=patient, file=(file.model_copy(update={"path": name}),), column=schema.columns
    )
    return strict(read_all(manifest, Path(), source=TableSource(manifest, Path(), data=data)), name)


def strict(reading: Reading, name: str) -> Rows:
    """Return the rows, or raise the first structural finding."""
    for finding in reading.structural:
        raise finding.error(f"{name}: ")
    return reading.rows


def check_unchanged(manifest: Manifest, folder: Path) -> None:
    """Raise if a file of a bound manifest is not the one that was added; files without a hash pass."""
    for file in manifest.file:
        path = folder / file.path
        if file.sha256 is not None and path.is_file() and file_sha256(path).hex() != file.sha256:
            raise has_changed(file.path, manifest.id)


def has_changed(path: str, name: str) -> GateError:
    """Return the error about a file that changed without ``data update``."""
    return GateError(
        f"{Path(path).name} has changed since it was added",
        "the same bytes",
        f"If the new file is right: landsting data update {name}.",
        code="DATA_CHANGED",
    )


class Guard:
    """Notices that a file changed while a study runs, unless ``data update`` has bound what it is now.

    Looks at size and time of change; only a file of which one differs is hashed. A folder of images is looked at
    when a study opens, not here.

    Args:
        path: The manifest as it is bound.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bound = path.read_bytes()
        self._seen = self._now()

    @property
    def is_rebound(self) -> bool:
        """Whether ``data update`` or ``data exclude`` has bound another version since this began."""
        return self._path.read_bytes() != self._bound

    def _now(self) -> dict[str, tuple[int, int] | None]:
        out: dict[str, tuple[int, int] | None] = {}
        for file in load(self._path).file:
            place = self._path.parent / file.path
            if file.sha256 is not None and not place.is_dir():
                stat = place.stat() if place.is_file() else None
                out[file.path] = (stat.st_size, stat.st_mtime_ns) if stat is not None else None
        return out

    def check(self) -> None:
        """Raise if a file is not the one that is bound now.

        Raises:
            GateError: A file changed or is gone; code ``DATA_CHANGED``, and its name.
        """
        now, manifest = self._now(), load(self._path)
        for file in manifest.file:
            stat = now.get(file.path)
            if file.path not in now or stat == self._seen.get(file.path):
                continue
            if stat is None or file_sha256(self._path.parent / file.path).hex() != file.sha256:
                raise has_changed(file.path, manifest.id)
        self._seen = now


def out_of_range(column: Column, values: NDArray[np.float64]) -> int:
    """Return how many values of a column lie outside its range."""
    if column.kind not in NUMERIC or column.range is None:
        return 0
    low, high = column.range
    return int(((values < low) | (values > high)).sum())
