"""Ed25519 (RFC 8032): one key signs, everybody can check."""

from __future__ import annotations

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from crypto.errors import CryptoError

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P


class SigningKey:
    """A private Ed25519 key made from a 32-byte seed; its repr shows the public half only."""

    __slots__ = ("_key", "_seed", "public")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != 32:
            raise ValueError(f"a signing seed has 32 bytes, not {len(seed)}")
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public: bytes = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature of a message."""
        return self._key.sign(message)

    def seed(self) -> bytes:
        """Return the secret seed, for the key file alone."""
        return self._seed

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public.hex()})"


@lru_cache(maxsize=4096)
def _public(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


def verify(public: bytes, signature: bytes, message: bytes) -> None:
    """Check one signature.

    Raises:
        CryptoError: It is not by this key, S >= L, or a length is wrong.
    """
    if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= _L:
        raise CryptoError("the signature is not in canonical form")
    try:
        _public(public).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise CryptoError("the signature is not by this key") from error


def check_public(public: bytes) -> None:
    """Check that 32 bytes are a usable Ed25519 key: canonical, on the curve, not of small order.

    Raises:
        CryptoError: Wrong length, y >= p, no such point, or a point of order dividing 8.
    """
    if len(public) != 32:
        raise CryptoError(f"a public key has 32 bytes, not {len(public)}")
    number = int.from_bytes(public, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    if y >= _P:
        raise CryptoError("the public key is not in canonical form")
    x2 = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(x2, (_P + 3) // 8, _P)
    if (x * x - x2) % _P:
        x = x * pow(2, (_P - 1) // 4, _P) % _P
    if (x * x - x2) % _P or (x == 0 and sign):
        raise CryptoError("the public key is no point of the curve")
    point = (x, y)
    for _ in range(3):
        point = _double(point)
    if point == (0, 1):
        raise CryptoError("the public key is a point of small order")


def _double(point: tuple[int, int]) -> tuple[int, int]:
    x, y = point
    c = _D * x * x * y * y % _P
    return (2 * x * y * pow(1 + c, -1, _P) % _P, (y * y + x * x) * pow(1 - c, -1, _P) % _P)
