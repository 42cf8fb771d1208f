"""What an audit read and with what, by SHA-256: for the end of a report."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from node.audit import pyz
from node.audit.page import Inputs
from node.audit.reading import label_of

_CHUNK = 1 << 20


def inputs_of(bundles: Sequence[Path]) -> Inputs:
    """Return the sums of the files that were read, of this tool's source, and of its ``landsting-audit.pyz``.

    An unpacked bundle stands there by its list of files, ``manifest.txt``; the tool by the sum over its modules'
    names and sums, in order. Inside ``landsting-audit.pyz`` that file is the tool.
    """
    files = []
    for path in sorted(bundles, key=lambda path: (label_of(path), str(path))):
        listed = path / "manifest.txt" if path.is_dir() else path
        files.append((f"{label_of(path)}/manifest.txt" if path.is_dir() else label_of(path), _sum(listed)))
    if pyz.ROOT.is_file():
        return Inputs(tuple(files), court=_sum(pyz.ROOT))
    return Inputs(tuple(files), tool_sum(), pyz.sha256())


def tool_sum() -> str:
    """Return the SHA-256 over the modules that verify, 64 hex digits."""
    total = hashlib.sha256()
    for folder in ("crypto", "protocol", "node/audit"):
        for path in sorted((pyz.ROOT / folder).rglob("*.py")):
            total.update(f"{path.relative_to(pyz.ROOT).as_posix()} {_sum(path)}\n".encode())
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
