"""The one error of this folder."""

from __future__ import annotations


class CryptoError(Exception):
    """Bytes, a key or a proof that is not what it must be; the message says which, never a secret."""
