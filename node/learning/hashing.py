"""Tagged hashes of what a study fixes, and streams of chance that words name.

As ``crypto.hashing``, written again here: learning imports nothing of ours that knows keys.
"""

from __future__ import annotations

import hashlib
import json

import msgpack
import numpy as np
from numpy.typing import NDArray

CONTEXT = b"landsting/v1/"


def tagged_hash(tag: str, data: bytes) -> bytes:
    """Return SHA-256 over the context, the tag, a zero byte and the data."""
    return hashlib.sha256(CONTEXT + tag.encode() + b"\0" + data).digest()


def json_hash(tag: str, value: object) -> bytes:
    """Return the tagged hash of the sorted, blank-free ASCII JSON of a value."""
    return tagged_hash(tag, json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def stream(tag: str, *parts: int | str | bytes) -> np.random.PCG64:
    """Return the numpy PCG64 stream that these words name; the same everywhere."""
    digest = tagged_hash(tag, msgpack.packb(list(parts), use_bin_type=True))
    return np.random.PCG64(int.from_bytes(digest[:16], "big"))


def uniform(bits: np.random.PCG64, count: int) -> NDArray[np.float64]:
    """Return numbers in [0, 1) from the raw words of a stream.

    Raw words are what numpy promises to keep; its distributions may change with a version.
    """
    words = bits.random_raw(count) if count else np.empty(0, np.uint64)
    return (np.asarray(words, np.uint64) >> np.uint64(11)).astype(np.float64) * 2.0**-53
