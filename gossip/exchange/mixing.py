"""The weighted average of own and received values, exact in its integers.

``D = S - A X_i`` is an integer vector whose sum over all regions is zero when everybody heard
everybody, so the network's mean is kept whatever quantising and clipping do: their error stays in
each region's own model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossip.exchange.robust import median
from protocol.steps import Part

_CHUNK = 1 << 15
_MOST = np.iinfo(np.int64).max


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
        total: S, the sum of the senders' codes times their weights, shape (p,).
        own_code: X_i, the region's own code, shape (p,).
        weight: A, the sum of the senders' weights; what is missing stays with the region itself.
        step_log2: k; one code step is 2^-k.
        den: Q.
    """
    out = np.empty_like(own)
    for start in range(0, own.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        _move(own[part], difference(total[part], own_code[part], weight), step_log2, den, 1.0, out[part])
    return out


def mix_parts(
    own: NDArray[np.float32],
    total: NDArray[np.signedinteger],
    own_code: NDArray[np.signedinteger],
    weight: int,
    parts: Sequence[Part],
    den: int,
) -> NDArray[np.float32]:
    """Return the same where each run of the vector has its own step."""
    pieces = [mix(own[p.slice], total[p.slice], own_code[p.slice], weight, p.step_log2, den) for p in parts]
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def mix_median(
    own: NDArray[np.float32],
    sums: Sequence[tuple[NDArray[np.signedinteger], int]],
    own_code: NDArray[np.signedinteger],
    parts: Sequence[Part],
    den: int,
) -> NDArray[np.float32]:
    """Return x + A (M - X) 2^-k / Q, M being in each coordinate the median of the means S_b / n_b.

    Each operation is rounded once, in float64: to a bit the same everywhere.

    Args:
        sums: S_b and n_b of each bucket, at least one; A is the sum of the n_b.
    """
    weight, out = sum(count for _, count in sums), np.empty_like(own)
    for part in parts:
        for start in range(part.slice.start, part.slice.stop, _CHUNK):
            run = slice(start, min(start + _CHUNK, part.slice.stop))
            change = median([total[run].astype(np.float64) / count for total, count in sums])
            change -= own_code[run].astype(np.float64)
            change *= weight
            change *= 2.0**-part.step_log2
            change /= den
            change += own[run]
            out[run] = change
    return out


def move(
    own: NDArray[np.float32], change: NDArray[np.int64], step_log2: int, den: int, gamma_u: int = 1_000_000
) -> NDArray[np.float32]:
    """Return x + gamma D 2^-f / Q, each operation rounded once.

    Args:
        change: D, shape (p,).
        gamma_u: Share of the way that is gone, in 1e-6.
    """
    out = np.empty_like(own)
    for start in range(0, own.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        _move(own[part], change[part], step_log2, den, gamma_u / 1e6, out[part])
    return out


def _move(
    own: NDArray[np.float32], d: NDArray[np.int64], step_log2: int, den: int, gamma: float, out: NDArray[np.float32]
) -> None:
    change = d.astype(np.float64)
    change *= 2.0**-step_log2
    if gamma != 1.0:
        change *= gamma
    change /= den
    change += own
    out[:] = change


def difference(total: NDArray[np.signedinteger], own_code: NDArray[np.signedinteger], weight: int) -> NDArray[np.int64]:
    """Return D = S - A X, shape (p,); in a ring of 64 bits what int64 cannot hold stays at its ends.

    ``weight`` times a code fits in int64: codes are bounded by (2^63 - 1) / A.
    """
    d: NDArray[np.int64] = own_code.astype(np.int64)
    d *= weight
    if total.dtype.itemsize < 8:
        np.subtract(total, d, out=d)
        return d
    s: NDArray[np.int64] = total.astype(np.int64, copy=False)
    wrapped = s - d
    over: NDArray[Any] = ((s ^ d) & (s ^ wrapped)) < 0
    if over.any():
        wrapped[over] = np.where(s[over] < 0, -_MOST, _MOST)
    return wrapped


def model_hash(vector: NDArray[np.float32]) -> bytes:
    """Return SHA-256 of a flat model, float32 little-endian."""
    return hashlib.sha256(np.ascontiguousarray(vector, dtype="<f4").data.cast("B")).digest()
