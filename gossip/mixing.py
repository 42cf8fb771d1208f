"""The weighted average of own and received values, exact in its integers.

``D = S - A X_i`` is an integer vector whose sum over all regions is zero when everybody heard
everybody, so the network's mean is kept whatever quantising and clipping do: their error stays in
each region's own model.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

_CHUNK = 1 << 15


def mix(
    own: NDArray[np.float32],
    total: NDArray[np.signedinteger],
    own_code: NDArray[np.signedinteger],
    weight: int,
    step_log2: int,
    den: int,
) -> NDArray[np.float32]:
    """Return x + (S - A X) 2^-k / Q, each operation rounded once.

    Args:
        own: x_i, shape (p,).
        total: S, the sum of the senders' codes, shape (p,).
        own_code: X_i, the region's own code, shape (p,).
        weight: A, the sum of the senders' weights; what is missing stays with the region itself.
        step_log2: k; one code step is 2^-k.
        den: Q.
    """
    out = np.empty_like(own)
    step = 2.0**-step_log2
    for start in range(0, own.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        d = own_code[part].astype(np.int64)
        d *= -weight
        d += total[part]
        change = d.astype(np.float64)
        change *= step
        change /= den
        change += own[part]
        out[part] = change
    return out


def model_hash(vector: NDArray[np.float32]) -> bytes:
    """Return SHA-256 of a flat model, float32 little-endian."""
    return hashlib.sha256(np.ascontiguousarray(vector, dtype="<f4").data.cast("B")).digest()
