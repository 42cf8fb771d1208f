"""The streams of masks in plain Python, for ``landsting-audit.pyz``: AES-256 in counter mode and ChaCha20.

Some hundred thousand bytes a second. Only seeds that a region has opened come here, so time may depend on them.
Sources: FIPS 197; RFC 8439, section 2.3.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

PRGS = ("aes256ctr", "chacha20")


def stream(seed: bytes, size: int, prg: str) -> bytes:
    """Return the first ``size`` bytes of a seed's stream.

    Raises:
        ValueError: A seed of another length than 32, or another name.
    """
    if len(seed) != 32:
        raise ValueError(f"mask seed of {len(seed)} bytes; expected 32")
    if prg not in PRGS:
        raise ValueError(f"streams by {prg!r:.40}; expected one of {', '.join(PRGS)}")
    block, width = (_aes256(seed), 16) if prg == "aes256ctr" else (_chacha20(seed), 64)
    return b"".join(block(at) for at in range(-(-size // width)))[:size]


# ---------------------------------------------------------------- AES-256, FIPS 197


def _double(x: int) -> int:
    return (x << 1) ^ (0x11B if x & 0x80 else 0)


def _times(x: int, y: int) -> int:
    out = 0
    while y:
        out ^= x if y & 1 else 0
        x, y = _double(x), y >> 1
    return out


def _boxes() -> tuple[list[int], list[list[int]]]:
    """Return the S-box, and for each column of a state the table that does SubBytes and MixColumns at once."""
    inverse = [0] * 256
    x = y = 1
    while True:  # 3 generates the field; its inverse is 0xF6
        inverse[x] = y
        x, y = x ^ _double(x), _times(y, 0xF6)
        if x == 1:
            break
    sbox = []
    for value in inverse:
        rotated = value
        for shift in range(1, 5):
            rotated ^= (value << shift | value >> 8 - shift) & 0xFF
        sbox.append(rotated ^ 0x63)
    first = [_double(s) << 24 | s << 16 | s << 8 | _double(s) ^ s for s in sbox]
    tables = [[t >> 8 * n | (t << 32 - 8 * n) & 0xFFFFFFFF for t in first] for n in range(4)]
    return sbox, tables


_SBOX, (_T0, _T1, _T2, _T3) = _boxes()
_ROUNDS = 14


def _schedule(key: bytes) -> list[int]:
    words, constant = list(struct.unpack(">8I", key)), 1
    while len(words) < 4 * (_ROUNDS + 1):
        word = words[-1]
        if len(words) % 8 == 0:
            word = _sub(word << 8 & 0xFFFFFFFF | word >> 24) ^ constant << 24
            constant = _double(constant)
        elif len(words) % 8 == 4:
            word = _sub(word)
        words.append(words[-8] ^ word)
    return words


def _sub(word: int) -> int:
    s = _SBOX
    return s[word >> 24] << 24 | s[word >> 16 & 255] << 16 | s[word >> 8 & 255] << 8 | s[word & 255]


def _aes256(key: bytes) -> Callable[[int], bytes]:
    k = _schedule(key)
    t0, t1, t2, t3, s = _T0, _T1, _T2, _T3, _SBOX

    def block(counter: int) -> bytes:
        a, b, c, d = (word ^ k[n] for n, word in enumerate(struct.unpack(">4I", counter.to_bytes(16, "big"))))
        for at in range(4, 4 * _ROUNDS, 4):
            a, b, c, d = (
                t0[a >> 24] ^ t1[b >> 16 & 255] ^ t2[c >> 8 & 255] ^ t3[d & 255] ^ k[at],
                t0[b >> 24] ^ t1[c >> 16 & 255] ^ t2[d >> 8 & 255] ^ t3[a & 255] ^ k[at + 1],
                t0[c >> 24] ^ t1[d >> 16 & 255] ^ t2[a >> 8 & 255] ^ t3[b & 255] ^ k[at + 2],
                t0[d >> 24] ^ t1[a >> 16 & 255] ^ t2[b >> 8 & 255] ^ t3[c & 255] ^ k[at + 3],
            )
        at = 4 * _ROUNDS
        out = []
        for n, (w, x, y, z) in enumerate(((a, b, c, d), (b, c, d, a), (c, d, a, b), (d, a, b, c))):
            last = s[w >> 24] << 24 | s[x >> 16 & 255] << 16 | s[y >> 8 & 255] << 8 | s[z & 255]
            out.append(last ^ k[at + n])
        return struct.pack(">4I", *out)

    return block


# ---------------------------------------------------------------- ChaCha20, RFC 8439

_QUARTERS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip


def _chacha20(key: bytes) -> Callable[[int], bytes]:
    head = struct.unpack("<4I", b"expand 32-byte k") + struct.unpack("<8I", key)

    def block(counter: int) -> bytes:
        start = [*head, counter & 0xFFFFFFFF, 0, 0, 0]
        x = list(start)
        for _ in range(10):
            for a, b, c, d in _QUARTERS:
                for shift, (to, plus, turned) in ((16, (a, b, d)), (12, (c, d, b)), (8, (a, b, d)), (7, (c, d, b))):
                    x[to] = (x[to] + x[plus]) & 0xFFFFFFFF
                    word = x[turned] ^ x[to]
                    x[turned] = (word << shift | word >> 32 - shift) & 0xFFFFFFFF
        return struct.pack("<16I", *((one + two) & 0xFFFFFFFF for one, two in zip(x, start, strict=True)))

    return block
