"""From float vectors to signed integers of the ring Z_2^w, and how large these may be.

X = clip(round(v 2^k), -X_max, X_max) with v = x - ref in float64, halves to even. Steps are powers of
two, so scaling is exact and every platform gives the same integers. With X_max = floor((2^(w-1) - 1) / A)
a sum of such vectors whose weights add up to at most A cannot wrap. ``stochastic`` rounds up as often as the
fraction says, by a public stream of words: the mean of the codes is then the value itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from protocol.steps import Part

RING_DTYPES = {8: "<u1", 16: "<u2", 32: "<u4", 64: "<u8"}

_CHUNK = 1 << 15  # two float64 buffers of this length stay in a second-level cache


def largest(ring: int, bound: int) -> int:
    """Return X_max, the largest code of one region.

    Args:
        ring: Width w in bits, a key of ``RING_DTYPES``.
        bound: A, the most that the weights of one sum add up to, at least 1.

    Raises:
        ValueError: Another width or bound.
    """
    if ring not in RING_DTYPES:
        raise ValueError(f"a ring of {ring} bits; expected one of {', '.join(map(str, RING_DTYPES))}")
    if bound < 1:
        raise ValueError(f"a sum with weights of at most {bound}; expected at least 1")
    return ((1 << (ring - 1)) - 1) // bound


def quantise(
    x: NDArray[np.float32], ref: NDArray[np.float32], step_log2: int, x_max: int, ring: int
) -> NDArray[np.signedinteger]:
    """Return the codes of x - ref, shape (p,), signed little-endian integers of ``ring`` bits.

    Args:
        x, ref: Float vectors, shape (p,).
        step_log2: k; one step is 2^-k.
        x_max: Codes are clipped to this size; see ``largest``.
        ring: Width w in bits.

    Raises:
        ValueError: NaN or infinity in the difference, shapes that differ, or a bound the ring cannot hold.
    """
    if x.ndim != 1 or x.shape != ref.shape:
        raise ValueError(f"vectors of shape {x.shape} and {ref.shape}; expected two of one length")
    if not 0 <= x_max <= largest(ring, 1):
        raise ValueError(f"codes up to {x_max} in a ring of {ring} bits; expected 0 to {largest(ring, 1)}")
    codes = np.empty(x.size, dtype=f"<i{ring // 8}")
    scale = math.ldexp(1.0, step_log2)
    # The largest float that is not above x_max; beyond 53 bits the two differ, and the last step is done in integers.
    edge = float(x_max)
    if int(edge) > x_max:
        edge = math.nextafter(edge, 0.0)
    size = min(_CHUNK, x.size)
    values, other = np.empty(size), np.empty(size)
    for start in range(0, x.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        out = codes[part]
        v, r = values[: out.size], other[: out.size]
        np.copyto(v, x[part])
        np.copyto(r, ref[part])
        with np.errstate(invalid="ignore"):
            np.subtract(v, r, out=v)
        v *= scale
        low, high = float(v.min()), float(v.max())
        if not (math.isfinite(low) and math.isfinite(high)):  # min and max hand on any NaN
            raise ValueError("NaN or infinity in the vector; nothing may be sent")
        np.rint(v, out=v)
        if -edge <= low and high <= edge:
            out[:] = v
            continue
        out[:] = np.clip(v, -edge, edge, out=r)
        if int(edge) != x_max:
            out[v > edge] = x_max
            out[v < -edge] = -x_max
    return codes


def quantise_parts(
    x: NDArray[np.float32], ref: NDArray[np.float32], parts: Sequence[Part], x_max: int, ring: int
) -> NDArray[np.signedinteger]:
    """Return the codes where each run of the vector has its own step; errors as ``quantise``."""
    if len(parts) == 1:
        return quantise(x, ref, parts[0].step_log2, x_max, ring)
    return np.concatenate([quantise(x[p.slice], ref[p.slice], p.step_log2, x_max, ring) for p in parts])


def stochastic(values: NDArray[np.float64], words: NDArray[np.uint16], x_max: int) -> NDArray[np.int64]:
    """Return clip(floor(v + u / 2^16), -X_max, X_max), shape (p,).

    Args:
        values: v, in steps, shape (p,).
        words: u, 16 public random bits each, shape (p,).
        x_max: At most 2^53.

    Raises:
        ValueError: NaN or infinity among the values, or shapes that differ.
    """
    if values.shape != words.shape:
        raise ValueError(f"{values.shape} values and {words.shape} words; expected one word each")
    if not np.isfinite(values).all():
        raise ValueError("NaN or infinity in the vector; nothing may be sent")
    rounded = words.astype(np.float64)
    rounded *= 2.0**-16
    rounded += values
    np.floor(rounded, out=rounded)
    np.clip(rounded, -float(x_max), float(x_max), out=rounded)
    return rounded.astype(np.int64)
