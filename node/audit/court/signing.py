"""Ed25519 verification (RFC 8032) in plain Python: takes the place of ``crypto.signing`` in ``landsting-audit.pyz``.

Some hundred signatures a second. It signs nothing and holds no secret, so its time may depend on its input. It
refuses what ``crypto.signing`` refuses: a key that is not the one encoding of its point or of small order, S >= L.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from crypto.errors import CryptoError

KEY_BYTES = 32
SIGNATURE_BYTES = 64

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_D2 = 2 * _D % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
_WINDOW = 4

# A point (X, Y, Z, T) with x = X/Z, y = Y/Z, T = XY/Z.
_Point = tuple[int, int, int, int]
_ZERO: _Point = (0, 1, 1, 0)


class SigningKey:
    """Stands where a node's key would: an auditor has none."""

    def __init__(self, seed: bytes) -> None:
        """Refuse: this file only verifies."""
        raise CryptoError("an auditor signs nothing; expected a node's own software for that")


def verify(public: bytes, signature: bytes, message: bytes) -> None:
    """Return if ``signature`` over ``message`` is by ``public``.

    Raises:
        CryptoError: Wrong length, S >= L, a key that ``check_public`` refuses, or another key or message.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise CryptoError(f"signature of {len(signature)} bytes; expected {SIGNATURE_BYTES}")
    s = int.from_bytes(signature[32:], "little")
    if s >= _L:
        raise CryptoError("signature is not in its one form: S is not below the group order")
    key = _key(bytes(public))
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    k = int.from_bytes(digest, "little") % _L
    # R = S B - k A, compared as bytes: an R that is not the one encoding of its point matches nothing.
    if _encode(_add(_times(s, _base()), _times(k, key))) != signature[:32]:
        raise CryptoError(f"signature does not match the message and the key {public.hex()[:16]}…")


def check_public(public: bytes) -> None:
    """Return if ``public`` is the one encoding of a point of the curve that is not of small order.

    Raises:
        CryptoError: It is not.
    """
    _key(bytes(public))


@lru_cache(maxsize=4096)
def _key(public: bytes) -> tuple[_Point, ...]:
    """Return the multiples 0 … 15 of -A."""
    if len(public) != KEY_BYTES:
        raise CryptoError(f"public key of {len(public)} bytes; expected {KEY_BYTES}")
    y = int.from_bytes(public, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    if y >= _P:
        raise CryptoError("public key is not in its one form: y is not below 2^255 - 19")
    x = _x_of(y, sign)
    point: _Point = (x, y, 1, x * y % _P)
    if _encode(_double(_double(_double(point)))) == _encode(_ZERO):
        raise CryptoError("public key is a point of small order; its signatures would prove nothing")
    return _multiples((_P - x, y, 1, (_P - x) * y % _P))


def _x_of(y: int, sign: int) -> int:
    """RFC 8032, section 5.1.3."""
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    square = v * x * x % _P
    if square == _P - u and u:
        x = x * _ROOT % _P
    elif square != u:
        raise CryptoError("public key is not a point of the curve")
    if x == 0 and sign:
        raise CryptoError("public key is not in its one form: x = 0 with a sign")
    return _P - x if x & 1 != sign else x


@lru_cache(maxsize=1)
def _base() -> tuple[_Point, ...]:
    y = 4 * pow(5, -1, _P) % _P
    x = _x_of(y, 0)
    return _multiples((x, y, 1, x * y % _P))


def _multiples(point: _Point) -> tuple[_Point, ...]:
    out = [_ZERO, point]
    while len(out) < 1 << _WINDOW:
        out.append(_add(out[-1], point))
    return tuple(out)


def _times(scalar: int, table: tuple[_Point, ...]) -> _Point:
    """Return scalar times the point that ``table`` holds the multiples of."""
    result = _ZERO
    for shift in range(252, -1, -_WINDOW):
        result = _double(_double(_double(_double(result))))
        digit = scalar >> shift & 15
        if digit:
            result = _add(result, table[digit])
    return result


def _add(p: _Point, q: _Point) -> _Point:
    """RFC 8032, section 5.1.4."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % _P, (p[1] + p[0]) * (q[1] + q[0]) % _P
    c, d = p[3] * q[3] * _D2 % _P, 2 * p[2] * q[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _double(p: _Point) -> _Point:
    a, b, c = p[0] * p[0] % _P, p[1] * p[1] % _P, 2 * p[2] * p[2] % _P
    h = a + b
    e = (h - (p[0] + p[1]) ** 2) % _P
    g = a - b
    f = c + g
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _encode(p: _Point) -> bytes:
    inverse = pow(p[2], -1, _P)
    x, y = p[0] * inverse % _P, p[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")
