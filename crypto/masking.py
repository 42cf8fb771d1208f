"""Masks: a 32-byte seed becomes a stream of words, added to or taken from a vector mod 2^w.

The stream is AES-256-CTR with the seed as key and a counter that starts at zero, read as little-endian
words of the vector's width. A zero counter is right because a seed is used for one stream and never again.
No numpy generator ever makes a mask: those are fast, and predictable.

How seeds come about and who adds and who subtracts is the business of ``gossip``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import DTypeLike, NDArray

SEED_BYTES = 32
CHUNK_BYTES = 128 * 1024
"""Zeros, keystream and a chunk of the vector together stay in a core's second-level cache."""

_DTYPES = ("|u1", "<u2", "<u4", "<u8")
_ZEROS = memoryview(bytes(CHUNK_BYTES))
# update_into asks for room for one block less a byte beyond its input.
_SLACK_BYTES = 15


def add_masks(vector: NDArray[np.unsignedinteger[Any]], plus: Sequence[bytes], minus: Sequence[bytes]) -> None:
    """Add the streams of ``plus`` to ``vector`` and take away those of ``minus``, in place, mod 2^w.

    The vector is walked once, in chunks, and every stream is applied to a chunk before the next one:
    several times faster than one stream after the other, since the chunk stays in cache.

    Args:
        vector: Shape (n,), contiguous, writeable; dtype ``<u1``, ``<u2``, ``<u4`` or ``<u8`` sets w.
        plus: Seeds of 32 bytes.
        minus: Seeds of 32 bytes.

    Raises:
        ValueError: The vector or a seed has another form. The vector is unchanged.
    """
    _check_vector(vector)
    streams = [(_stream(seed), np.add) for seed in plus] + [(_stream(seed), np.subtract) for seed in minus]
    if not streams:
        return
    width = vector.dtype.itemsize
    chunk_words = CHUNK_BYTES // width
    buffer = np.empty(CHUNK_BYTES + _SLACK_BYTES, dtype=np.uint8)
    keystream = buffer[:CHUNK_BYTES].view(vector.dtype)
    for start in range(0, vector.size, chunk_words):
        part = vector[start : start + chunk_words]
        words = keystream[: part.size]
        zeros = _ZEROS[: part.size * width]
        for encryptor, operation in streams:
            encryptor.update_into(zeros, buffer)
            operation(part, words, out=part)


def expand(seed: bytes, count: int, dtype: DTypeLike) -> NDArray[Any]:
    """Return the first ``count`` words of a seed's stream.

    Args:
        seed: 32 bytes.
        count: Words, from 0.
        dtype: ``<u1``, ``<u2``, ``<u4`` or ``<u8``.

    Raises:
        ValueError: The seed, count or dtype has another form.
    """
    words: NDArray[Any] = np.zeros(count, dtype=dtype)
    add_masks(words, (seed,), ())
    return words


def _check_vector(vector: NDArray[np.unsignedinteger[Any]]) -> None:
    if vector.dtype.str not in _DTYPES:
        raise ValueError(f"vector of dtype {vector.dtype.str}; expected one of {', '.join(_DTYPES)}")
    if vector.ndim != 1 or not vector.flags.c_contiguous or not vector.flags.writeable:
        raise ValueError(f"vector of shape {vector.shape}; expected one dimension, contiguous and writeable")


def _stream(seed: bytes) -> Any:
    if len(seed) != SEED_BYTES:
        raise ValueError(f"mask seed of {len(seed)} bytes; expected {SEED_BYTES}")
    return Cipher(algorithms.AES256(seed), modes.CTR(bytes(16))).encryptor()
