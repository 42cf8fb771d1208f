"""Manifests that adapters draft, as tests read them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from node.learning.data.check import Sheet, inspect
from node.learning.data.manifest import Manifest, parse, to_toml
from node.learning.data.rows import Rows
from node.learning.data.table import read


def drafted(draft: Callable[[Path], dict[str, Any]], path: Path, **changes: Any) -> Manifest:
    """Return the manifest that a layout drafts for a path."""
    return parse(to_toml({**draft(path), **changes}), Path("drafted.toml"))


def read_of(manifest: Manifest) -> Rows:
    return read(manifest, Path("/"))[0]


def sheet_of(manifest: Manifest) -> Sheet:
    return inspect(manifest, Path("/"))
