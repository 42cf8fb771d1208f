"""X25519 (RFC 7748) in plain Python: takes the place of ``crypto.agreement`` in ``landsting-audit.pyz``.

The audit uses it to refuse keys of small order, and nothing else: no secret ever comes here.
"""

from __future__ import annotations

from crypto.errors import CryptoError
from node.audit.court.absent import __getattr__

__all__ = ["__getattr__", "x25519"]

_P = 2**255 - 19
_A24 = 121665


def x25519(private: bytes, public: bytes) -> bytes:
    """Return the 32 bytes that both ends of (private, public) arrive at.

    Raises:
        ValueError: ``private`` is not 32 bytes.
        CryptoError: ``public`` is not 32 bytes, or is of small order, so that the result is all zeros.
    """
    if len(private) != 32:
        raise ValueError(f"X25519 private key of {len(private)} bytes; expected 32")
    if len(public) != 32:
        raise CryptoError(f"X25519 public key of {len(public)} bytes; expected 32")
    k = int.from_bytes(private, "little") & ~7 & ~(1 << 255) | 1 << 254
    u = int.from_bytes(public, "little") & (1 << 255) - 1
    # RFC 7748, section 5: the ladder.
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % _P, b * b % _P, d * a % _P, c * b % _P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % _P, u * (da - cb) ** 2 % _P
        x2, z2 = aa * bb % _P, e * (aa + _A24 * e) % _P
    if swap:
        x2, z2 = x3, z3
    shared = x2 * pow(z2, -1, _P) % _P if z2 % _P else 0
    if shared == 0:
        raise CryptoError("X25519 public key is of small order: the shared secret would be all zeros")
    return shared.to_bytes(32, "little")
