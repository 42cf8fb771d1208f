"""What is derived from the secrets of a session: mask keys, seeds, commitments, share channels.

Every derivation has its own tag and is bound to the session or, by the digest of its COHORT, to all that the
members have been shown: members who are shown different cohorts have unrelated masks, and what they send
cannot be combined. No state; secrets come in and go out as bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from crypto.agreement import derive, x25519
from crypto.sealing import channel_key, seal, unseal
from protocol.codec import encode, hash_of

MASK_KEY, SELF = "c", "b"
"""The two kinds of share: of a member's mask key, and of the seed of its self mask."""


def mask_key(seed: bytes, sid: bytes, name: str) -> bytes:
    """Return the X25519 private key c_j of a member, from its 31-byte seed_c."""
    return derive(seed, sid, "mask-key", encode([name]))


def pair_seed(private: bytes, public: bytes, cohort: bytes, name: str, other: str, other_public: bytes) -> bytes:
    """Return s_jk, the seed that two members share: 32 bytes, the same at both ends.

    Args:
        private, public: Mask key of ``name``.
        cohort: Digest of the COHORT.

    Raises:
        CryptoError: The other key is of small order.
    """
    (lo, lo_key), (hi, hi_key) = sorted([(name, public), (other, other_public)])
    return derive(x25519(private, other_public), cohort, "pair-mask", encode([lo, hi, lo_key, hi_key]))


def self_seed(seed: bytes, cohort: bytes, name: str) -> bytes:
    """Return b_j, the seed of a member's self mask, from its 31-byte seed_b."""
    return derive(seed, cohort, "self-mask", encode([name]))


def self_commitment(cohort: bytes, name: str, seed: bytes) -> bytes:
    """Return the hash by which a MASKED commits to b_j, so that a false opening is noticed."""
    return hash_of("self-mask-commit", [cohort, name, seed])


def share_commitment(cohort: bytes, sender: str, to: str, kind: str, share: bytes) -> bytes:
    """Return the hash by which a SHARES commits to one share; ``kind`` is ``MASK_KEY`` or ``SELF``."""
    return hash_of("share", [cohort, sender, to, kind, share])


@dataclass(frozen=True, slots=True)
class Channel:
    """The share channel between this region and another in one session: at most one message each way.

    Attributes:
        me, other: Names of the two ends.
        cohort: Digest of the COHORT.
    """

    me: str
    other: str
    cohort: bytes
    _key: bytes = field(repr=False)

    @staticmethod
    def between(
        me: str, ephemeral: bytes, public: bytes, other: str, other_public: bytes, lasting: bytes, cohort: bytes
    ) -> Channel:
        """Return the channel of two ends.

        Args:
            ephemeral, public: This region's X25519 key of the session.
            other_public: The other's.
            lasting: X25519 of the lasting keys of both, 32 bytes.

        Raises:
            CryptoError: The other key is of small order.
        """
        (lo, lo_key), (hi, hi_key) = sorted([(me, public), (other, other_public)])
        info = encode([lo, hi, lo_key, hi_key])
        return Channel(me, other, cohort, channel_key(x25519(ephemeral, other_public), lasting, cohort, info))

    def seal(self, type: str, data: bytes) -> bytes:
        """Seal the payload of a message of this type to the other end."""
        return seal(self._key, self.me < self.other, encode([self.cohort, self.me, self.other, type]), data)

    def unseal(self, type: str, sealed: bytes) -> bytes:
        """Open what the other end has sealed in a message of this type.

        Raises:
            CryptoError: It was not sealed by the other end for this use.
        """
        return unseal(self._key, self.other < self.me, encode([self.cohort, self.other, self.me, type]), sealed)
