"""The private keys of a region, and Z85 for the one that ZeroMQ uses.

Where they are kept and with which file mode is the business of ``node``; chance arrives as a parameter.
Python cannot wipe memory for certain, so a key that was once loaded may stay in memory until the process ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from crypto.agreement import x25519_public
from crypto.errors import CryptoError
from crypto.mldsa import PUBLIC_BYTES, SEED_BYTES, ReleaseKey, make_release_key
from crypto.signing import SigningKey

_KEY_BYTES = 32
_COUNT = 6
_SIX = _KEY_BYTES * _COUNT
_SEVEN = _SIX + SEED_BYTES + PUBLIC_BYTES
# ZeroMQ RFC 32, Z85.
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_Z85_VALUE = {character: value for value, character in enumerate(_Z85)}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PrivateKeys:
    """All secrets of a region; ``repr`` shows none of them.

    Attributes:
        identity: Signs the card, key sets and roster; wanted offline.
        sign: Signs envelopes.
        log: Signs checkpoints.
        witness: Signs cosignatures on neighbours' checkpoints.
        x25519: X25519 private key of the share channel, 32 bytes.
        curve: X25519 private key of the ZeroMQ connections (CURVE), 32 bytes.
        release: Signs checkpoints once more at a release and at the end of a study (ML-DSA-44); None where there is
            none.
    """

    identity: SigningKey
    sign: SigningKey
    log: SigningKey
    witness: SigningKey
    x25519: bytes
    curve: bytes
    release: ReleaseKey | None = None

    @staticmethod
    def generate(entropy: Callable[[int], bytes], *, with_release: bool = False) -> PrivateKeys:
        """Return new keys.

        Args:
            entropy: Returns that many unpredictable bytes, as ``os.urandom`` does.
            with_release: Make the ``release`` key as well.

        Raises:
            CryptoError: It gave too few bytes, or the same ones twice.
            UnavailableError: A ``release`` key was asked of a library that cannot make one.
        """
        six = b"".join(entropy(_KEY_BYTES) for _ in range(_COUNT))
        if not with_release:
            return PrivateKeys.from_bytes(six)
        seed = entropy(SEED_BYTES)
        if len(seed) != SEED_BYTES:
            raise CryptoError(f"{len(seed)} bytes of entropy for the release key; expected {SEED_BYTES}")
        return PrivateKeys.from_bytes(six + seed + make_release_key(seed).public)

    @staticmethod
    def from_bytes(data: bytes) -> PrivateKeys:
        """Return the keys that ``to_bytes`` wrote.

        Raises:
            CryptoError: Neither 192 nor 1536 bytes, or two of the keys are equal: each has one use.
        """
        if len(data) not in (_SIX, _SEVEN):
            raise CryptoError(f"private keys of {len(data)} bytes; expected {_SIX}, or {_SEVEN} with a release key")
        parts = [data[start : start + _KEY_BYTES] for start in range(0, min(len(data), _SIX + SEED_BYTES), _KEY_BYTES)]
        if len(set(parts)) != len(parts):
            count = "seven" if len(parts) > _COUNT else "six"
            raise CryptoError(f"two of the {count} private keys are equal; make them anew, each has one use")
        identity, sign, log, witness = (SigningKey(part) for part in parts[:4])
        release = ReleaseKey(parts[_COUNT], data[-PUBLIC_BYTES:]) if len(parts) > _COUNT else None
        return PrivateKeys(identity, sign, log, witness, parts[4], parts[5], release)

    def to_bytes(self) -> bytes:
        """Return the content of the key file: the secrets, 32 bytes each, in the order of the attributes.

        Behind the seed of ``release`` stands its public key, which an older library could not make from it.
        """
        signing = b"".join(key.seed for key in (self.identity, self.sign, self.log, self.witness))
        last = self.release.seed + self.release.public if self.release is not None else b""
        return signing + self.x25519 + self.curve + last

    @property
    def x25519_public(self) -> bytes:
        """Public key of ``x25519``, 32 bytes."""
        return x25519_public(self.x25519)

    @property
    def curve_public(self) -> bytes:
        """Public key of ``curve``, 32 bytes: what ZeroMQ knows a region by."""
        return x25519_public(self.curve)

    def __repr__(self) -> str:
        return f"PrivateKeys(identity={self.identity.public.hex()[:16]}…)"


def z85_encode(data: bytes) -> str:
    """Return Z85 text, 5 characters for 4 bytes: a 32-byte key is 40 characters.

    Raises:
        ValueError: The length is not a multiple of 4.
    """
    if len(data) % 4:
        raise ValueError(f"{len(data)} bytes for Z85; expected a multiple of 4")
    text = []
    for start in range(0, len(data), 4):
        value = int.from_bytes(data[start : start + 4], "big")
        text += [_Z85[value // 85**power % 85] for power in (4, 3, 2, 1, 0)]
    return "".join(text)


def z85_decode(text: str) -> bytes:
    """Return the bytes of Z85 text; no other text decodes to them.

    Raises:
        CryptoError: Another length, a character outside the alphabet, or a group above 2^32 - 1.
    """
    if len(text) % 5:
        raise CryptoError(f"Z85 text of {len(text)} characters; expected a multiple of 5")
    data = bytearray()
    for start in range(0, len(text), 5):
        value = 0
        for character in text[start : start + 5]:
            if character not in _Z85_VALUE:
                raise CryptoError(f"Z85 text holds {character!r}, which is not in its alphabet")
            value = value * 85 + _Z85_VALUE[character]
        if value >= 2**32:
            raise CryptoError("Z85 text holds a group above 2^32 - 1")
        data += value.to_bytes(4, "big")
    return bytes(data)
