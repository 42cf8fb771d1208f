"""Shared secrets: X25519 (RFC 7748) and HKDF-SHA256 (RFC 5869).

A shared secret is never used as it is; ``derive`` makes a key of it that is bound to a tag.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto.errors import CryptoError
from crypto.hashing import tagged

KEY_BYTES = 32


def x25519_public(private: bytes) -> bytes:
    """Return the public key, 32 bytes, of a 32-byte private key.

    Raises:
        ValueError: ``private`` is not 32 bytes.
    """
    return _private(private).public_key().public_bytes_raw()


def x25519(private: bytes, public: bytes) -> bytes:
    """Return the 32 bytes that both ends of (private, public) arrive at.

    Raises:
        ValueError: ``private`` is not 32 bytes.
        CryptoError: ``public`` is not 32 bytes, or is of small order, so that the result is all zeros
            (RFC 7748, section 6.1) and known to everybody.
    """
    key = _private(private)
    if len(public) != KEY_BYTES:
        raise CryptoError(f"X25519 public key of {len(public)} bytes; expected {KEY_BYTES}")
    try:
        return key.exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise CryptoError("X25519 public key is of small order: the shared secret would be all zeros") from error


def derive(ikm: bytes, salt: bytes, tag: str, info: bytes) -> bytes:
    """Return the 32-byte key HKDF-SHA256(ikm, salt, info = tagged(tag, info)).

    Args:
        ikm: The secret to derive from; at least 1 byte.
        salt: Public; binds the key to a session or cohort.
        tag: The use of the key, lower case.
        info: Canonical bytes of what else the key is bound to.

    Raises:
        ValueError: ``ikm`` is empty, or the tag is not one.
    """
    if not ikm:
        raise ValueError("no key material to derive from: ikm is empty")
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=tagged(tag, info)).derive(ikm)


def _private(private: bytes) -> X25519PrivateKey:
    if len(private) != KEY_BYTES:
        raise ValueError(f"X25519 private key of {len(private)} bytes; expected {KEY_BYTES}")
    return X25519PrivateKey.from_private_bytes(private)
