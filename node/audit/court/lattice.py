"""ML-DSA-44 verification (FIPS 204) in plain Python: takes the place of ``crypto.mldsa`` in ``landsting-audit.pyz``.

Some three hundred signatures a second; an audit has one or two for each region. It signs nothing and holds no secret,
so its time may depend on its input. Names and numbers of algorithms are those of the standard.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from itertools import pairwise

from crypto.errors import CryptoError

PUBLIC_BYTES = 1312
SIGNATURE_BYTES = 2420

_Poly = list[int]

# FIPS 204, table 1, ML-DSA-44.
_Q, _D, _TAU, _GAMMA1, _GAMMA2, _K, _L, _BETA, _OMEGA = 8380417, 13, 39, 1 << 17, 95232, 4, 4, 78, 80
_ZETAS = [pow(1753, int(f"{m:08b}"[::-1], 2), _Q) for m in range(256)]
_Z_BYTES = 32 + _L * 576


class UnavailableError(CryptoError):
    """This installation cannot do ML-DSA-44; never raised here."""


def is_available() -> bool:
    """Whether this installation can verify: always."""
    return True


def verify(public: bytes, signature: bytes, message: bytes) -> None:
    """Return if ``signature`` over ``message`` is by ``public``, with the empty context (algorithms 3 and 8).

    Raises:
        CryptoError: Wrong length, or another key or message.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise CryptoError(f"signature of {len(signature)} bytes; expected {SIGNATURE_BYTES}")
    if len(public) != PUBLIC_BYTES:
        raise CryptoError(f"public key of {len(public)} bytes; expected {PUBLIC_BYTES}")
    if not _holds(bytes(public), bytes(signature), message):
        raise CryptoError(f"signature does not match the message and the key {public.hex()[:16]}…")


def _holds(public: bytes, signature: bytes, message: bytes) -> bool:
    matrix, t1, tr = _key(public)
    z = [[_GAMMA1 - one for one in _unpack(signature[32 + 576 * s : 608 + 576 * s], 18)] for s in range(_L)]
    hint = _hints(signature[_Z_BYTES:])
    if hint is None or max(abs(one) for poly in z for one in poly) >= _GAMMA1 - _BETA:
        return False
    mu = hashlib.shake_256(tr + b"\0\0" + message).digest(64)
    c = _ntt(_ball(signature[:32]))
    z_hat = [_ntt(poly) for poly in z]
    packed = b""
    for r in range(_K):
        row = [-x * y for x, y in zip(c, t1[r], strict=True)]
        for s in range(_L):
            row = [one + x * y for one, x, y in zip(row, matrix[r][s], z_hat[s], strict=True)]
        w = _back([one % _Q for one in row])
        value = 0
        for at in range(255, -1, -1):
            value = value << 6 | _use_hint(w[at], at in hint[r])
        packed += value.to_bytes(192, "little")
    return hashlib.shake_256(mu + packed).digest(32) == signature[:32]


@lru_cache(maxsize=64)
def _key(public: bytes) -> tuple[list[list[_Poly]], list[_Poly], bytes]:
    """Algorithms 23 and 32: the matrix A, t1 times 2^d, both in the NTT domain, and the key's hash."""
    matrix = [[_uniform(public[:32] + bytes((s, r))) for s in range(_L)] for r in range(_K)]
    parts = [_unpack(public[32 + 320 * r : 352 + 320 * r], 10) for r in range(_K)]
    return matrix, [_ntt([one << _D for one in part]) for part in parts], hashlib.shake_256(public).digest(64)


def _uniform(seed: bytes) -> _Poly:
    """Algorithm 30, RejNTTPoly."""
    length = 1024
    while True:
        data = hashlib.shake_128(seed).digest(3 * length)
        found = [data[at] | data[at + 1] << 8 | (data[at + 2] & 127) << 16 for at in range(0, len(data), 3)]
        found = [one for one in found if one < _Q]
        if len(found) >= 256:
            return found[:256]
        length *= 2


def _ball(seed: bytes) -> _Poly:
    """Algorithm 29, SampleInBall."""
    data = hashlib.shake_256(seed).digest(8 + 4096)  # of which some sixty bytes are used
    signs, at = int.from_bytes(data[:8], "little"), 8
    c = [0] * 256
    for i in range(256 - _TAU, 256):
        while data[at] > i:
            at += 1
        j = data[at]
        at += 1
        c[i] = c[j]
        c[j] = 1 - 2 * (signs >> (i + _TAU - 256) & 1)
    return c


def _hints(data: bytes) -> list[set[int]] | None:
    """Algorithm 21, HintBitUnpack; None for what is not the one form of a hint."""
    hint, index = list[set[int]](), 0
    for end in data[_OMEGA:]:
        if not index <= end <= _OMEGA:
            return None
        row = data[index:end]
        if any(one >= two for one, two in pairwise(row)):
            return None
        hint.append(set(row))
        index = end
    return None if any(data[index:_OMEGA]) else hint


def _use_hint(r: int, is_hinted: bool) -> int:
    """Algorithms 36 and 40, Decompose and UseHint."""
    r0 = r % (2 * _GAMMA2)
    if r0 > _GAMMA2:
        r0 -= 2 * _GAMMA2
    r1, r0 = (0, r0 - 1) if r - r0 == _Q - 1 else ((r - r0) // (2 * _GAMMA2), r0)
    return (r1 + (1 if r0 > 0 else -1)) % 44 if is_hinted else r1


def _unpack(data: bytes, bits: int) -> _Poly:
    """Algorithm 18, SimpleBitUnpack: 256 integers of so many bits."""
    value, mask = int.from_bytes(data, "little"), (1 << bits) - 1
    return [value >> bits * at & mask for at in range(256)]


def _ntt(poly: _Poly) -> _Poly:
    """Algorithm 41."""
    w, m, length = list(poly), 0, 128
    while length:
        for start in range(0, 256, 2 * length):
            m += 1
            zeta = _ZETAS[m]
            for j in range(start, start + length):
                t = zeta * w[j + length]
                w[j + length], w[j] = (w[j] - t) % _Q, (w[j] + t) % _Q
        length //= 2
    return w


def _back(poly: _Poly) -> _Poly:
    """Algorithm 42, the inverse."""
    w, m, length = list(poly), 256, 1
    while length < 256:
        for start in range(0, 256, 2 * length):
            m -= 1
            zeta = _ZETAS[m]
            for j in range(start, start + length):
                w[j], w[j + length] = (w[j] + w[j + length]) % _Q, zeta * (w[j + length] - w[j]) % _Q
        length *= 2
    return [8347681 * one % _Q for one in w]
