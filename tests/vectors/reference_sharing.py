"""A second implementation of ChaCha20-Poly1305, Shamir sharing and sessions, on the standard library alone.

Written from RFC 8439, Shamir (1979) and the words of gossip/README.md for plainness, and slow. Like ``reference`` it
imports nothing that is checked with it. Not constant-time: test keys only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from tests.vectors import reference as r
from tests.vectors.reference_codec import encode

FIELD = 2**255 - 19

# ChaCha20 and Poly1305, RFC 8439, section 2.


def chacha20_block(key: bytes, counter: int, nonce: bytes) -> bytes:
    """64 bytes of keystream; ``counter`` is 32 bits and ``nonce`` 12 bytes."""
    constants = b"expand 32-byte k"
    start = [
        int.from_bytes(word, "little")
        for part in (constants, key, counter.to_bytes(4, "little"), nonce)
        for word in (part[i : i + 4] for i in range(0, len(part), 4))
    ]
    state = list(start)
    for _ in range(10):
        for a, b, c, d in (
            (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
            (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
        ):  # fmt: skip
            _quarter(state, a, b, c, d)
    return b"".join(((x + y) % 2**32).to_bytes(4, "little") for x, y in zip(state, start, strict=True))


def _quarter(s: list[int], a: int, b: int, c: int, d: int) -> None:
    for x, y, z, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        s[x] = (s[x] + s[y]) % 2**32
        s[z] ^= s[x]
        s[z] = (s[z] << turn | s[z] >> 32 - turn) % 2**32


def chacha20_stream(seed: bytes, start: int, end: int) -> bytes:
    """Bytes start..end of the mask stream of a seed: counter from zero, nonce zero."""
    first = start // 64
    blocks = b"".join(chacha20_block(seed, i, bytes(12)) for i in range(first, -(-end // 64)))
    return blocks[start - 64 * first : end - 64 * first]


def poly1305(key: bytes, message: bytes) -> bytes:
    """The tag of 16 bytes."""
    factor = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for i in range(0, len(message), 16):
        total = (total + int.from_bytes(message[i : i + 16] + b"\1", "little")) * factor % (2**130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def aead(key: bytes, nonce: bytes, aad: bytes, data: bytes) -> bytes:
    """Ciphertext and tag."""
    blocks = [chacha20_block(key, 1 + i, nonce) for i in range(-(-len(data) // 64))]
    sealed = bytes(x ^ y for x, y in zip(data, b"".join(blocks), strict=False))
    lengths = len(aad).to_bytes(8, "little") + len(sealed).to_bytes(8, "little")
    message = _padded(aad) + _padded(sealed) + lengths
    return sealed + poly1305(chacha20_block(key, 0, nonce)[:32], message)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 16)


# Shamir.


def share(secret: bytes, coefficients: Sequence[int], x: int) -> bytes:
    """The value at x of secret + c_1 x + c_2 x^2 …, by powers."""
    value = int.from_bytes(secret, "big") + sum(c * x ** (i + 1) for i, c in enumerate(coefficients))
    return (value % FIELD).to_bytes(32, "big")


def joined(shares: Mapping[int, bytes]) -> int:
    """The polynomial through all shares at 0, by Neville's scheme."""
    xs = sorted(shares)
    values = [int.from_bytes(shares[x], "big") for x in xs]
    for width in range(1, len(xs)):
        values = [
            (xs[i + width] * values[i] - xs[i] * values[i + 1]) * pow(xs[i + width] - xs[i], FIELD - 2, FIELD) % FIELD
            for i in range(len(xs) - width)
        ]
    return values[0] % FIELD


# What a session derives.


def tagged(tag: str, data: bytes) -> bytes:
    """The bytes under a context."""
    return b"landsting/v1/" + tag.encode() + b"\0" + data


def hashed(tag: str, value: Any) -> bytes:
    """H(tag, x)."""
    return hashlib.sha256(tagged(tag, encode(value))).digest()


def kdf(ikm: bytes, salt: bytes, tag: str, value: Any) -> bytes:
    """KDF(ikm, salt, tag, x)."""
    return r.hkdf(ikm, salt, tagged(tag, encode(value)))


class Person:
    """One end of a session and its secrets, all from named bytes."""

    def __init__(self, name: str, sign: bytes, lasting: bytes) -> None:
        self.name, self.sign, self.lasting = name, sign, lasting
        self.seed_c = self.seed_b = self.eph = b""

    def mask_key(self, sid: bytes) -> bytes:
        """c_j."""
        return kdf(self.seed_c, sid, "mask-key", [self.name])

    def self_seed(self, cohort: bytes) -> bytes:
        """b_j."""
        return kdf(self.seed_b, cohort, "self-mask", [self.name])

    def pair_seed(self, other: Person, sid: bytes, cohort: bytes) -> bytes:
        """s_jk."""
        lo, hi = sorted((self, other), key=lambda one: one.name)
        keys = [r.x25519_public(one.mask_key(sid)) for one in (lo, hi)]
        secret = r.x25519(self.mask_key(sid), r.x25519_public(other.mask_key(sid)))
        return kdf(secret, cohort, "pair-mask", [lo.name, hi.name, *keys])

    def channel(self, other: Person, cohort: bytes) -> bytes:
        """Key of the share channel."""
        lo, hi = sorted((self, other), key=lambda one: one.name)
        keys = [r.x25519_public(one.eph) for one in (lo, hi)]
        secrets = r.x25519(self.eph, r.x25519_public(other.eph)), r.x25519(self.lasting, r.x25519_public(other.lasting))
        return kdf(secrets[0] + secrets[1], cohort, "share-channel", [lo.name, hi.name, *keys])

    def seal(self, other: Person, cohort: bytes, type: str, data: bytes) -> bytes:
        """What goes sealed to the other end."""
        nonce = bytes([0 if self.name < other.name else 1]) + bytes(11)
        return aead(self.channel(other, cohort), nonce, encode([cohort, self.name, other.name, type]), data)


def words(stream: bytes, size: int) -> list[int]:
    """Little-endian words of a stream."""
    return [int.from_bytes(stream[i : i + size], "little") for i in range(0, len(stream), size)]
