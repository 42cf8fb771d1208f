"""Bundles opened, changed and packed again, as a courier, a disk or a liar may do; the owner's note stays."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from node.audit.bundle import MANIFEST, NOTE, write_archive
from protocol.codec import Value, encode
from protocol.entries import decode_entry

Files = dict[str, bytes]


def contents(bundle: Path) -> Files:
    """Return all files of a bundle."""
    with zipfile.ZipFile(bundle) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def rewrite(
    bundle: Path,
    change: Callable[[Files], None],
    *,
    note: Callable[[Files, bytes], bytes] | None = None,
    out: Path | None = None,
) -> Path:
    """Change files of a bundle and write the manifest anew.

    Args:
        note: Makes ``manifest.note`` of the files and the new manifest; None: the old note stays, and is false.
        out: Where it goes; None: in its old place.
    """
    files = contents(bundle)
    change(files)
    files.pop(MANIFEST, None)
    old = files.pop(NOTE, None)
    manifest = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)).encode()
    files[MANIFEST] = manifest
    kept = old if note is None else note(files, manifest)
    if kept is not None:
        files[NOTE] = kept
    target = out or bundle
    write_archive(target, files)
    return target


def records(leaves: Sequence[bytes]) -> bytes:
    """Return the bytes of ``leaves.bin`` for any leaves, sound or not."""
    return b"".join(len(leaf).to_bytes(4, "big") + leaf for leaf in leaves)


def edited(leaf: bytes, **changes: Value) -> bytes:
    """Return the same entry with other fields of its frame (``t_ms``, ``seq``, …)."""
    entry = decode_entry(leaf)
    value: dict[str, Value] = {
        "v": 1, "log": entry.log, "seq": entry.seq, "t_ms": entry.t_ms,
        "kind": entry.kind, "study": entry.study, "body": entry.body,
    }  # fmt: skip
    return encode(value | changes)
