"""Shamir sharing: a secret in n shares, any t of which give it back and fewer say nothing.

Field of 2^255 - 19 elements. The secret is the constant term of a polynomial of degree t - 1 whose other
coefficients are uniform; share x is its value at x = 1 … n. Secrets are 31 bytes and shares 32, big-endian,
so every secret is a field element, and a joined value that is too large for a secret is noticed.

Python's integers are not constant-time. That is acceptable here: each secret is random, used once, and
nobody can ask for it to be shared again. Source: Shamir, "How to share a secret" (1979).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from crypto.errors import CryptoError

PRIME = 2**255 - 19
SECRET_BYTES = 31
SHARE_BYTES = 32
_COEFFICIENT_BYTES = 64


def split(secret: bytes, threshold: int, count: int, entropy: Callable[[int], bytes]) -> list[bytes]:
    """Return the shares for x = 1 … ``count``, 32 bytes each.

    Args:
        secret: 31 bytes.
        threshold: t, shares that are needed to join; 1 to ``count``.
        count: n.
        entropy: Returns that many unpredictable bytes; asked t - 1 times for 64, from the linear coefficient
            upwards. 64 bytes mod the prime are uniform up to 2^-257.

    Raises:
        ValueError: A secret of another length, or no such threshold.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a secret of {len(secret)} bytes to share; expected {SECRET_BYTES}")
    if not 1 <= threshold <= count:
        raise ValueError(f"{threshold} of {count} shares to join; expected 1 to {count}")
    rising = [int.from_bytes(entropy(_COEFFICIENT_BYTES), "big") % PRIME for _ in range(threshold - 1)]
    falling = [*reversed(rising), int.from_bytes(secret, "big")]
    shares = []
    for x in range(1, count + 1):
        value = 0
        for coefficient in falling:
            value = (value * x + coefficient) % PRIME
        shares.append(value.to_bytes(SHARE_BYTES, "big"))
    return shares


def join(shares: Mapping[int, bytes]) -> bytes:
    """Return the secret of 31 bytes that all these shares, by x, lie on.

    With fewer shares than the threshold, or one false, the result is another value: whoever joins compares it
    with a commitment.

    Raises:
        CryptoError: No share, an x that no share has, one of another form, or a value too large for a secret.
    """
    if not shares or min(shares) < 1:
        raise CryptoError("shares to join: expected at least one, with x from 1")
    ordered = sorted(shares)
    total = 0
    for x, weight in zip(ordered, _at_zero(tuple(ordered)), strict=True):
        check_share(shares[x])
        total += weight * int.from_bytes(shares[x], "big")
    value = total % PRIME
    if value >= 1 << (8 * SECRET_BYTES):
        raise CryptoError(
            f"the shares join to more than {SECRET_BYTES} bytes: one of them is false, or too few are here"
        )
    return value.to_bytes(SECRET_BYTES, "big")


def check_share(share: bytes) -> None:
    """Refuse bytes that are no share.

    Raises:
        CryptoError: Not 32 bytes, or not below the prime: a share has one form.
    """
    if len(share) != SHARE_BYTES or int.from_bytes(share, "big") >= PRIME:
        raise CryptoError(f"a share of {len(share)} bytes; expected {SHARE_BYTES}, below 2^255 - 19")


@lru_cache(maxsize=64)
def _at_zero(xs: Sequence[int]) -> tuple[int, ...]:
    """Lagrange's weights at 0 for these x; public, so they may be kept."""
    weights = []
    for x in xs:
        above = below = 1
        for other in xs:
            if other != x:
                above = above * other % PRIME
                below = below * (other - x) % PRIME
        weights.append(above * pow(below, -1, PRIME) % PRIME)
    return tuple(weights)
