"""Synthetic rows as an extra source of a study: which, how many, and where they do not count.

A plan agrees on them by two settings: ``synthetic`` is the SHA-256 of the synthetic file, the same everywhere, and
``synthetic_share`` how many of its rows a region adds to each of its own (1 doubles them, as far as the file goes).
A region binds the file as data; it is found among them by its hash. Rules kept here, and nowhere else:

  * synthetic rows are trained on and nothing else: no sum round counts them, no validation row is one, no figure is
    of them, no patient count holds them;
  * under differential privacy each made-up row is drawn and clipped like a patient of its own. A real patient is still
    drawn at q, moves the sum by one clip at most, and the sum has the whole noise, so epsilon is what it is without
    them. They cost nothing: the file is the same at every region, and what it tells was told when it was released.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from node.learning.data.manifest import Manifest, load
from node.learning.data.rows import Rows
from node.learning.data.schema import Schema
from node.learning.data.table import read
from node.learning.errors import ConfigError
from node.learning.hashing import stream
from node.learning.task import Encoded

DEFAULTS: Mapping[str, object] = {"synthetic": "", "synthetic_share": 1.0}
_HEX = 64


def check_settings(settings: Mapping[str, Any]) -> None:
    """Check what a plan says of synthetic rows.

    Raises:
        ConfigError: Not a hash.
    """
    wanted = settings.get("synthetic", "")
    if not wanted:
        return
    if len(wanted) != _HEX or set(wanted) - set("0123456789abcdef"):
        raise ConfigError(
            "settings.synthetic is no hash", "the SHA-256 of a synthetic file, 64 hex digits",
            "landsting synth generate prints it.",
        )  # fmt: skip


def refuse_synthetic(manifest: Manifest) -> None:
    """Refuse made-up rows as the data that a region takes part with.

    Raises:
        ConfigError: The manifest says that they are synthetic.
    """
    if manifest.synthetic:
        raise ConfigError(
            f"'{manifest.id}' is synthetic", "real rows; synthetic ones only beside them",
            "Accept with real data; the plan names the synthetic file: --set synthetic=SHA256.",
        )  # fmt: skip


def bound(manifest: Path, schema: Schema, settings: Mapping[str, Any]) -> tuple[Path, Manifest] | None:
    """Return the bound manifest of the synthetic file that a plan names; None where it names none.

    Args:
        manifest: Of the region's own data; the synthetic file is bound beside it.

    Raises:
        ConfigError: No file of that hash is bound here, or it has another schema.
    """
    wanted = settings.get("synthetic", "")
    if not wanted:
        return None
    found = _bound(manifest, wanted)
    if found is None:
        raise ConfigError(
            f"no synthetic data with SHA-256 {wanted[:16]}… is bound here", "the file that the plan names",
            "landsting data add FILE.csv, with the manifest that lies beside it.",
        )  # fmt: skip
    if found[1].schema_().hash != schema.hash:
        raise ConfigError(f"'{found[1].id}' has another schema than the study", "the same columns", "Ask who made it.")
    return found


def extra_rows(
    manifest: Path, schema: Schema, settings: Mapping[str, Any], *, own: int, seed: int, region: str
) -> Rows | None:
    """Return the synthetic rows that a region adds to its own; None where the plan names none.

    Args:
        manifest, schema: Of the region's own data.
        own: The region's own training rows.

    Raises:
        ConfigError: See ``bound``.
        GateError: The file is not what its manifest says.
    """
    found = bound(manifest, schema, settings)
    if found is None:
        return None
    path, other = found
    rows, _ = read(other, path.parent)
    count = min(len(rows), round(settings["synthetic_share"] * own))
    order = np.argsort(stream("synthetic", seed, region).random_raw(len(rows)), kind="stable")
    kept = np.zeros(len(rows), bool)
    kept[order[:count]] = True
    return rows.take(kept)


def _bound(manifest: Path, sha256: str) -> tuple[Path, Manifest] | None:
    """Return the bound manifest whose file has that hash."""
    for path in sorted(manifest.parent.glob("*.toml")):
        if path != manifest and sha256 in path.read_text(encoding="utf-8"):
            other = load(path)
            if other.synthetic and len(other.file) == 1 and other.file[0].sha256 == sha256:
                return path, other
    return None


def beside(rows: Encoded, extra: Encoded | None) -> Encoded:
    """Return rows with synthetic ones after them."""
    if extra is None or not len(extra):
        return rows
    return Encoded(
        np.concatenate([rows.x, extra.x]),
        np.concatenate([rows.y, extra.y]),
        None if rows.target is None or extra.target is None else np.concatenate([rows.target, extra.target]),
        None if rows.images is None or extra.images is None else np.concatenate([rows.images, extra.images]),
        rows.coding,
    )
