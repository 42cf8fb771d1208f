"""Context strings: bytes made for one use are worthless in another."""

from __future__ import annotations

import hashlib

CONTEXT = b"landsting/v1/"


def tagged(tag: str, data: bytes) -> bytes:
    """Return what is signed or hashed for one use: ``landsting/v1/<tag>``, a zero byte, the data."""
    return CONTEXT + tag.encode("ascii") + b"\0" + data


def tagged_hash(tag: str, data: bytes) -> bytes:
    """Return SHA-256 of ``tagged(tag, data)``, 32 bytes."""
    return hashlib.sha256(tagged(tag, data)).digest()
