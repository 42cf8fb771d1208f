"""Primitives: keys, signatures, key agreement, masks, Merkle trees, signed notes. Specification: README.md."""

from crypto.errors import CryptoError
from crypto.hashing import tagged, tagged_hash
from crypto.keys import PrivateKeys
from crypto.signing import SigningKey, verify

__all__ = ["CryptoError", "PrivateKeys", "SigningKey", "tagged", "tagged_hash", "verify"]
