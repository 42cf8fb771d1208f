"""A region's private keys, made together and used for one thing each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from crypto.agreement import x25519_public
from crypto.errors import CryptoError
from crypto.signing import SigningKey

_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_Z85_AT = {c: i for i, c in enumerate(_Z85)}


@dataclass(frozen=True, repr=False)
class PrivateKeys:
    """The whole set.

    Attributes:
        identity: Signs card, key sets and rosters; kept offline in the end.
        sign: Signs envelopes.
        log: Signs checkpoints.
        witness: Signs what it confirms of others' logs.
        x25519: Long-term agreement, 32 bytes.
        curve: The key of the ZeroMQ connection (CURVE), 32 bytes.
    """

    identity: SigningKey
    sign: SigningKey
    log: SigningKey
    witness: SigningKey
    x25519: bytes
    curve: bytes

    @staticmethod
    def generate(entropy: Callable[[int], bytes]) -> PrivateKeys:
        """Return fresh keys from ``entropy`` (n -> n random bytes)."""
        return PrivateKeys.from_bytes(b"".join(entropy(32) for _ in range(6)))

    def to_bytes(self) -> bytes:
        """Return 6 x 32 secret bytes, in the order of the attributes."""
        seeds = [key.seed() for key in (self.identity, self.sign, self.log, self.witness)]
        return b"".join([*seeds, self.x25519, self.curve])

    @staticmethod
    def from_bytes(data: bytes) -> PrivateKeys:
        """Read what ``to_bytes`` wrote; CryptoError on another length or a repeated key."""
        parts = [data[i : i + 32] for i in range(0, len(data), 32)]
        if len(data) != 192 or len(set(parts)) != 6:
            raise CryptoError(f"a key file holds six different keys of 32 bytes; found {len(data)} bytes")
        identity, sign, log, witness = (SigningKey(seed) for seed in parts[:4])
        return PrivateKeys(identity, sign, log, witness, parts[4], parts[5])

    @property
    def x25519_public(self) -> bytes:
        """Public half of ``x25519``."""
        return x25519_public(self.x25519)

    @property
    def curve_public(self) -> bytes:
        """Public half of ``curve``."""
        return x25519_public(self.curve)

    def __repr__(self) -> str:
        return f"PrivateKeys(identity={self.identity.public.hex()[:16]}…)"


def z85_encode(data: bytes) -> str:
    """Return bytes in ZeroMQ's base 85 (RFC 32/Z85): five characters for four bytes."""
    if len(data) % 4:
        raise ValueError("Z85 takes a multiple of four bytes")
    out = []
    for i in range(0, len(data), 4):
        number = int.from_bytes(data[i : i + 4], "big")
        out.append("".join(_Z85[number // 85**k % 85] for k in (4, 3, 2, 1, 0)))
    return "".join(out)


def z85_decode(text: str) -> bytes:
    """Return the bytes of a Z85 text; CryptoError on any other text."""
    if len(text) % 5 or any(c not in _Z85_AT for c in text):
        raise CryptoError("the text is not Z85")
    out = bytearray()
    for i in range(0, len(text), 5):
        number = 0
        for c in text[i : i + 5]:
            number = number * 85 + _Z85_AT[c]
        if number >= 1 << 32:
            raise CryptoError("the text is not Z85")
        out += number.to_bytes(4, "big")
    return bytes(out)
