"""What was logged, computed again from what was sent (level L4): sums of a session.

A sum is a sum of whole numbers mod 2^w, so it is the same to the bit or it is another. Masks of a strict session
cancel in it: the payloads that travelled are all that is needed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_DTYPES: Mapping[int, str] = {8: "<u1", 16: "<u2", 32: "<u4", 64: "<u8"}
_PART = 1 << 16


def sum_hash(payloads: Sequence[bytes | memoryview], weights: Sequence[int], ring: int) -> bytes | None:
    """Return SHA-256 of the weighted sum of masked vectors, as ``session.sum`` has it; None if their lengths differ.

    Args:
        payloads: Vectors of little-endian words, one for each survivor.
        weights: Of each; counted mod 2^ring.
        ring: w, bits of one word: 8, 16, 32 or 64.
    """
    dtype = np.dtype(_DTYPES[ring])
    vectors: list[NDArray[Any]] = []
    for payload in payloads:
        if len(payload) % dtype.itemsize or len(payload) != len(payloads[0]):
            return None
        vectors.append(np.frombuffer(payload, dtype))
    if not vectors:
        return None
    digest = hashlib.sha256()
    size = vectors[0].size
    # Part by part: sum and hash of a part are done while it is in the cache.
    total = np.empty(min(_PART, size), dtype)
    scaled = np.empty_like(total)
    for start in range(0, size, _PART):
        part = total[: min(_PART, size - start)]
        part[:] = 0
        for vector, weight in zip(vectors, weights, strict=True):
            piece = vector[start : start + part.size]
            if weight != 1:
                np.multiply(piece, dtype.type(weight % 2**ring), out=scaled[: part.size])
                piece = scaled[: part.size]
            np.add(part, piece, out=part)
        digest.update(part.data)
    return digest.digest()
