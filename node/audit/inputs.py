"""What an audit read and with what, by SHA-256: for the end of a report."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from node.audit.page import Inputs
from node.audit.reading import label_of

_CHUNK = 1 << 20


def inputs_of(bundles: Sequence[Path]) -> Inputs:
    """Return the sums of the files that were read, and of this tool's own source.

    An unpacked bundle stands there by its list of files, ``manifest.txt``; the tool by the sum over its modules'
    names and sums, in order.
    """
    files = []
    for path in sorted(bundles, key=lambda path: (label_of(path), str(path))):
        listed = path / "manifest.txt" if path.is_dir() else path
        files.append((f"{label_of(path)}/manifest.txt" if path.is_dir() else label_of(path), _sum(listed)))
    return Inputs(tuple(files), tool_sum())


def tool_sum() -> str:
    """Return the SHA-256 over the modules that verify, 64 hex digits."""
    root = Path(__file__).resolve().parents[2]
    total = hashlib.sha256()
    for folder in ("crypto", "protocol", "node/audit"):
        for path in sorted((root / folder).rglob("*.py")):
            total.update(f"{path.relative_to(root).as_posix()} {_sum(path)}\n".encode())
    return total.hexdigest()


def _sum(path: Path) -> str:
    total = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_CHUNK):
                total.update(block)
    except OSError:
        return "-"
    return total.hexdigest()
