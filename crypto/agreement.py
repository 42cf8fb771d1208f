"""X25519 (RFC 7748) and HKDF-SHA256 (RFC 5869): two keys become one shared secret for one use."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto.errors import CryptoError
from crypto.hashing import tagged


def x25519_public(private: bytes) -> bytes:
    """Return the public key, 32 bytes, of a private one."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def x25519(private: bytes, public: bytes) -> bytes:
    """Return the shared secret, 32 bytes.

    Raises:
        CryptoError: The other key agrees on nothing (a point of small order), or has a wrong length.
    """
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise CryptoError("the other public key agrees on no secret") from error


def derive(ikm: bytes, salt: bytes, tag: str, info: bytes) -> bytes:
    """Return 32 bytes by HKDF-SHA256 with ``info = tagged(tag, info)``."""
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=tagged(tag, info)).derive(ikm)
