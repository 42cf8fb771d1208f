"""ML-DSA-44 signatures (FIPS 204), for evidence that is to stand when Ed25519 no longer does.

The library's own generator hedges each signature, as the standard advises: two signatures over one message differ.
An older library, or one built without it, has no ML-DSA: then nothing is signed, and a check says so instead
of passing or failing.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from crypto.errors import CryptoError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

SEED_BYTES = 32
PUBLIC_BYTES = 1312
SIGNATURE_BYTES = 2420


class UnavailableError(CryptoError):
    """This installation cannot do ML-DSA-44; it says nothing about any signature."""


class ReleaseKey:
    """An ML-DSA-44 private key.

    Its public key is kept beside it, so that a region's card stays the same under a library that cannot make it.

    Attributes:
        seed: The secret xi of FIPS 204, algorithm 1, 32 bytes. Only ``crypto.keys`` reads it, to write the key file.
        public: The public key, 1312 bytes.
    """

    __slots__ = ("public", "seed")

    def __init__(self, seed: bytes, public: bytes) -> None:
        """Take a key that was made before.

        Raises:
            ValueError: Another length.
            CryptoError: The two do not belong together (looked at where the library can).
        """
        if len(seed) != SEED_BYTES or len(public) != PUBLIC_BYTES:
            raise ValueError(
                f"a key of {len(seed)} and {len(public)} bytes; expected {SEED_BYTES} of seed and {PUBLIC_BYTES} public"
            )
        self.seed, self.public = bytes(seed), bytes(public)
        if is_available() and public_of(self.seed) != self.public:
            raise CryptoError("the public release key is not that of its seed; restore the key file from the backup")

    def sign(self, message: bytes) -> bytes:
        """Return a signature over ``message``, 2420 bytes, with the empty context.

        Raises:
            UnavailableError: The library cannot.
        """
        _require()
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

        return MLDSA44PrivateKey.from_seed_bytes(self.seed).sign(message)

    def __repr__(self) -> str:
        return f"ReleaseKey(public={self.public.hex()[:16]}…)"

    def __reduce__(self) -> str:
        raise TypeError("a release key is not pickled or copied; write PrivateKeys.to_bytes() to a 0600 file")


def make_release_key(seed: bytes) -> ReleaseKey:
    """Return the key of FIPS 204, algorithm 6, from its 32-byte seed.

    Raises:
        ValueError: The seed is not 32 bytes.
        UnavailableError: The library cannot.
    """
    if len(seed) != SEED_BYTES:
        raise ValueError(f"seed of {len(seed)} bytes; expected {SEED_BYTES}")
    return ReleaseKey(seed, public_of(seed))


def public_of(seed: bytes) -> bytes:
    """Return the public key of a seed, 1312 bytes; UnavailableError where the library cannot."""
    _require()
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

    return MLDSA44PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()


def verify(public: bytes, signature: bytes, message: bytes) -> None:
    """Return if ``signature`` over ``message`` is by ``public``.

    Every 1312 bytes are the one encoding of some key, and a signature has one form (FIPS 204, algorithm 21).

    Raises:
        UnavailableError: The library cannot tell.
        CryptoError: Wrong length, or another key or message.
    """
    if len(signature) != SIGNATURE_BYTES:
        raise CryptoError(f"signature of {len(signature)} bytes; expected {SIGNATURE_BYTES}")
    if len(public) != PUBLIC_BYTES:
        raise CryptoError(f"public key of {len(public)} bytes; expected {PUBLIC_BYTES}")
    _require()
    try:
        _loaded(bytes(public)).verify(signature, message)
    except InvalidSignature as error:
        raise CryptoError(f"signature does not match the message and the key {public.hex()[:16]}…") from error


@lru_cache(maxsize=1)
def is_available() -> bool:
    """Whether this installation can sign and verify."""
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

        MLDSA44PrivateKey.from_seed_bytes(bytes(SEED_BYTES))
    except (ImportError, UnsupportedAlgorithm):
        return False
    return True


def _require() -> None:
    if not is_available():
        raise UnavailableError("ML-DSA-44 is not in this installation; expected the package cryptography 48 or newer")


@lru_cache(maxsize=256)
def _loaded(public: bytes) -> MLDSA44PublicKey:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey

    return MLDSA44PublicKey.from_public_bytes(public)
