"""The one error of this folder."""

from __future__ import annotations


class CryptoError(Exception):
    """A key, signature, proof, note or other cryptographic bytes are not what they must be.

    Raised for what came from outside. A wrong argument of our own code is a ``ValueError``.
    """
