"""From float vectors to signed integers of the ring Z_2^w, and how large these may be.

X = clip(round(v 2^k), -X_max, X_max) with v = x - ref in float64, halves to even. Steps are powers of
two, so scaling is exact and every platform gives the same integers. With X_max = floor((2^(w-1) - 1) / A)
a sum of such vectors whose weights add up to at most A cannot wrap.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

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
