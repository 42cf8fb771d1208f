"""Which software this is: name, version and a hash over its sources, as the log states it."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from protocol.codec import Value

FOLDERS = ("crypto", "gossip", "node", "protocol", "topologies")


@cache
def source_sha256() -> bytes:
    """Return a hash over the sources of the five folders, in sorted order."""
    root = Path(__file__).resolve().parents[1]
    total = hashlib.sha256()
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            data = path.read_bytes()
            total.update(f"{path.relative_to(root).as_posix()} {len(data)}\n".encode() + data)
    return total.digest()


@cache
def version_text() -> str:
    """Return the version of the installed distribution."""
    try:
        return version("landsting")
    except PackageNotFoundError:
        return "0+source"


def software() -> dict[str, Value]:
    """Return ``{name, version, source_sha256}``."""
    return {"name": "landsting", "version": version_text(), "source_sha256": source_sha256()}
