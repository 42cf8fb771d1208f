"""Sealing between two regions: one key for each pair and cohort, one message in each direction.

The key comes from two agreements at once, of ephemeral and of lasting X25519 keys: it falls only to who has
both. The cipher is ChaCha20-Poly1305 (RFC 8439). A nonce may never be used twice under a key; here it says
the direction, and a key seals once in each.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from crypto.agreement import derive
from crypto.errors import CryptoError

OVERHEAD_BYTES = 16
_KEY_BYTES = 32


def channel_key(ephemeral: bytes, lasting: bytes, salt: bytes, info: bytes) -> bytes:
    """Return the 32-byte key of a share channel.

    Args:
        ephemeral, lasting: The two X25519 results, 32 bytes each.
        salt: Digest of the COHORT.
        info: Canonical bytes of both names and both ephemeral public keys, the lower name first.

    Raises:
        ValueError: A result of another length.
    """
    if len(ephemeral) != _KEY_BYTES or len(lasting) != _KEY_BYTES:
        raise ValueError(f"agreements of {len(ephemeral)} and {len(lasting)} bytes; expected {_KEY_BYTES} each")
    return derive(ephemeral + lasting, salt, "share-channel", info)


def seal(key: bytes, from_low: bool, aad: bytes, data: bytes) -> bytes:
    """Return the sealed bytes, 16 longer than ``data``; at most once for a key and direction.

    Args:
        key: 32 bytes.
        from_low: Whether the sender's name is the lower of the two.
        aad: Bound to the message and not in it.

    Raises:
        ValueError: A key of another length.
    """
    return ChaCha20Poly1305(key).encrypt(_nonce(from_low), data, aad)


def unseal(key: bytes, from_low: bool, aad: bytes, sealed: bytes) -> bytes:
    """Return what was sealed.

    Raises:
        ValueError: A key of another length.
        CryptoError: Sealed under another key, for another direction or use, or changed.
    """
    try:
        return ChaCha20Poly1305(key).decrypt(_nonce(from_low), sealed, aad)
    except InvalidTag as error:
        raise CryptoError(
            f"{len(sealed)} sealed bytes do not open; expected what this pair sealed for this use"
        ) from error


def _nonce(from_low: bool) -> bytes:
    return bytes((0 if from_low else 1,)) + bytes(11)
