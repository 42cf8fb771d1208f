"""Masks: a 32-byte seed becomes a vector in Z_2^w.

AES-256-CTR keystream from counter 0, read as little-endian words. Chunks are the outer loop and seeds the
inner one, so that zeros, keystream and sum stay in the cache. No numpy generator ever makes a mask.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from numpy.typing import DTypeLike, NDArray

CHUNK_BYTES = 128 * 1024
_ZEROS = bytes(CHUNK_BYTES)


def _stream(seed: bytes) -> CipherContext:
    if len(seed) != 32:
        raise ValueError(f"a mask seed has 32 bytes, not {len(seed)}")
    # A zero counter block is right: each seed makes one stream, once.
    return Cipher(AES(seed), CTR(bytes(16))).encryptor()


def add_masks(vector: NDArray[np.unsignedinteger], plus: Sequence[bytes], minus: Sequence[bytes]) -> None:
    """Add the streams of ``plus`` and subtract those of ``minus``, in place, mod 2^w of the dtype.

    Args:
        vector: Shape (m,), little-endian unsigned words, C-contiguous.
        plus: 32-byte seeds.
        minus: 32-byte seeds.
    """
    streams = [(_stream(seed), np.add) for seed in plus] + [(_stream(seed), np.subtract) for seed in minus]
    keystream = bytearray(CHUNK_BYTES + 15)
    view = memoryview(keystream)
    width = vector.dtype.itemsize
    words = np.frombuffer(keystream, dtype=vector.dtype, count=CHUNK_BYTES // width)
    zeros = memoryview(_ZEROS)
    per_chunk = CHUNK_BYTES // width
    for start in range(0, vector.size, per_chunk):
        part = vector[start : start + per_chunk]
        size = part.size * width
        for encryptor, operate in streams:
            encryptor.update_into(zeros[:size], view)
            operate(part, words[: part.size], out=part)


def expand(seed: bytes, count: int, dtype: DTypeLike) -> NDArray[np.unsignedinteger]:
    """Return the first ``count`` words of a seed's stream, shape (count,)."""
    out: NDArray[np.unsignedinteger] = np.zeros(count, dtype=dtype)
    add_masks(out, [seed], [])
    return out
