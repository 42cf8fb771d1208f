"""Masks: expand and add, in GB of keystream a second of one core, beside the cipher alone.

A figure ``masks.u32.d4`` adds the streams of 4 seeds to a vector of 40 MB of 32-bit words. The floor is the
cipher alone (AES-256-CTR; ChaCha20 where the figure says so), over as many bytes in the same chunks, measured
in turn with it. CPU time, so that a neighbour on the machine costs less; ``value`` is the median of the
repeats, ``spread`` the slowest and fastest, and ``ratio`` the median over the repeats of ours to the floor
beside it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from crypto.masking import CHUNK_BYTES, add_masks

VECTOR_BYTES = 40_000_000
LIMIT_GB_S = 2.5
REPEATS = 9
AES, CHACHA = "aes256ctr", "chacha20"
CASES = (
    ("u8", 4, AES), ("u16", 4, AES), ("u32", 2, AES), ("u32", 4, AES), ("u32", 8, AES), ("u64", 4, AES),
    ("u32", 4, CHACHA),
)  # fmt: skip


def run(seed: int) -> list[dict[str, Any]]:
    """Return a figure for each width and number of masks."""
    return [_figure(seed, *case) for case in CASES]


def _figure(seed: int, width: str, masks: int, prg: str) -> dict[str, Any]:
    dtype = np.dtype(f"<u{int(width[1:]) // 8}")
    seeds = [sha256(f"{seed}/{i}".encode()).digest() for i in range(masks)]
    vector = np.ones(VECTOR_BYTES // dtype.itemsize, dtype)
    gigabytes = vector.nbytes * masks / 1e9
    ours, plain = [], []
    for _ in range(REPEATS + 1):
        plain.append(gigabytes / _cpu_s(lambda: _bare(prg, seeds, vector.nbytes)))
        ours.append(gigabytes / _cpu_s(lambda: add_masks(vector, seeds[::2], seeds[1::2], prg=prg)))
    # The first turn touches fresh memory and is left out.
    ours, plain = ours[1:], plain[1:]
    return {
        "name": f"masks.{width}.d{masks}" + (".chacha20" if prg == CHACHA else ""),
        "value": statistics.median(ours),
        "unit": "GB/s",
        "limit": LIMIT_GB_S if prg == AES else None,
        "direction": "more",
        "floor": statistics.median(plain),
        "ratio": statistics.median(one / bare for one, bare in zip(ours, plain, strict=True)),
        "seeds": [seed],
        "spread": [min(ours), max(ours)],
    }


def _bare(prg: str, seeds: list[bytes], size: int) -> None:
    zeros, buffer = memoryview(bytes(CHUNK_BYTES)), bytearray(CHUNK_BYTES + 15)
    for seed in seeds:
        encryptor: Any = (
            Cipher(algorithms.AES256(seed), modes.CTR(bytes(16))).encryptor()
            if prg == AES
            else Cipher(algorithms.ChaCha20(seed, bytes(16)), mode=None).encryptor()
        )
        for start in range(0, size, CHUNK_BYTES):
            encryptor.update_into(zeros[: min(CHUNK_BYTES, size - start)], buffer)


def _cpu_s(act: Callable[[], None]) -> float:
    start = time.process_time()
    act()
    return time.process_time() - start
