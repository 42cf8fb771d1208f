"""Context strings, and the hash that uses them.

Every signature, hash and derived key starts with its own context, so that bytes made for one use are
worthless in another. A tag holds no zero byte and one zero byte ends it: no two contexts run into each other.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

CONTEXT = b"landsting/v1/"
"""Start of everything that is signed or hashed under a tag."""


def tagged(tag: str, data: bytes) -> bytes:
    """Return ``CONTEXT + tag + 0x00 + data``: the bytes that are signed or hashed.

    Args:
        tag: Printable ASCII without a space. UPPER CASE for message types, lower case for all else.
        data: Any bytes.

    Raises:
        ValueError: The tag is empty or holds another character.
    """
    return _prefix(tag) + data


def tagged_hash(tag: str, data: bytes) -> bytes:
    """Return SHA-256 of ``tagged(tag, data)``, 32 bytes."""
    digest = hashlib.sha256(_prefix(tag))
    digest.update(data)
    return digest.digest()


@lru_cache(maxsize=256)
def _prefix(tag: str) -> bytes:
    if not tag or any(not "!" <= character <= "~" for character in tag):
        raise ValueError(f"tag {tag!r}: expected printable ASCII without a space, at least one character")
    return CONTEXT + tag.encode("ascii") + b"\0"
