"""Ed25519 signatures (RFC 8032), with one meaning for every key and signature.

Verification refuses what RFC 8032 leaves open: a public key that is not the one encoding of its point,
one of small order (under which a signature can hold for many messages), and S >= L. So an
auditor and a node, on whatever library, agree about every signature.
"""

from __future__ import annotations

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from crypto.errors import CryptoError

KEY_BYTES = 32
SIGNATURE_BYTES = 64

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_Y_OF_ORDER_8 = 55188659117513257062467267217118295137698188065244968500265048394206261417927
# The y coordinates of the eight points whose order divides 8: 1 (order 1), -1 (2), 0 (4), and +-y (8).
_SMALL_ORDER = frozenset({0, 1, _P - 1, _Y_OF_ORDER_8, _P - _Y_OF_ORDER_8})


class SigningKey:
    """An Ed25519 private key.

    Attributes:
        public: The public key, 32 bytes.
        seed: The secret, 32 bytes. Only ``crypto.keys`` reads it, to write the key file.
    """

    __slots__ = ("_key", "public", "seed")

    def __init__(self, seed: bytes) -> None:
        """Make the key of RFC 8032, section 5.1.5, from its 32-byte seed.

        Raises:
            ValueError: The seed is not 32 bytes.
        """
        if len(seed) != KEY_BYTES:
            raise ValueError(f"seed of {len(seed)} bytes; expected {KEY_BYTES}")
        self.seed = bytes(seed)
        self._key = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.public = self._key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        """Return the 64-byte signature over ``message``. Ed25519 needs no chance: equal messages, equal signatures."""
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public.hex()[:16]}…)"

    def __reduce__(self) -> str:
        raise TypeError("a signing key is not pickled or copied; write PrivateKeys.to_bytes() to a 0600 file")


def verify(public: bytes, signature: bytes, message: bytes) -> None:
    """Return if ``signature`` over ``message`` is by ``public``; the checked key is kept for the next call.

    Raises:
        CryptoError: Wrong length, S >= L, a key that ``check_public`` refuses, or another key or message.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise CryptoError(f"signature of {len(signature)} bytes; expected {SIGNATURE_BYTES}")
    if int.from_bytes(signature[32:], "little") >= _L:
        raise CryptoError("signature is not in its one form: S is not below the group order")
    try:
        _loaded(bytes(public)).verify(signature, message)
    except InvalidSignature as error:
        raise CryptoError(f"signature does not match the message and the key {public.hex()[:16]}…") from error


def check_public(public: bytes) -> None:
    """Return if ``public`` is the one encoding of a point of the curve that is not of small order.

    Raises:
        CryptoError: Wrong length, y >= p, no point of the curve, x = 0 with a sign, or an order that divides 8.

    Source: RFC 8032, section 5.1.3 (decoding); the small orders as in Chalkias, Garillot and Nikolaenko (2020),
    "Taming the many EdDSAs".
    """
    if len(public) != KEY_BYTES:
        raise CryptoError(f"public key of {len(public)} bytes; expected {KEY_BYTES}")
    y = int.from_bytes(public, "little") & (2**255 - 1)
    if y >= _P:
        raise CryptoError("public key is not in its one form: y is not below 2^255 - 19")
    # The two points with x = 0 have y = 1 and y = -1, so a wrong sign of x = 0 is refused here, too.
    if y in _SMALL_ORDER:
        raise CryptoError("public key is a point of small order; its signatures would prove nothing")
    square = y * y % _P
    x_squared = (square - 1) * pow(_D * square + 1, -1, _P) % _P
    if pow(x_squared, (_P - 1) // 2, _P) != 1:
        raise CryptoError("public key is not a point of the curve")


@lru_cache(maxsize=4096)
def _loaded(public: bytes) -> Ed25519PublicKey:
    check_public(public)
    return Ed25519PublicKey.from_public_bytes(public)
