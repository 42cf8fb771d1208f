"""Shares of a session's two secrets: dealt by each member, opened by each other, joined by the receiver.

A member deals seed_c (its mask key) and seed_b (its self mask) together: for each member of the cohort one pair,
sealed, and two commitments that everybody sees. So a share that was spoilt is told from the one that was dealt,
whoever hands it on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from crypto.agreement import x25519_public
from crypto.errors import CryptoError
from crypto.shamir import SHARE_BYTES, check_share, join, split
from gossip.sessions.carried import PAIR_BYTES, Shares
from gossip.sessions.derived import (
    MASK_KEY,
    SELF,
    Channel,
    mask_key,
    pair_seed,
    self_commitment,
    self_seed,
    share_commitment,
)
from gossip.sessions.session import Entropy, Statement
from protocol.codec import Value, encode

Pair = tuple[bytes, bytes]
"""One member's share of a mask key and of a self seed."""


@dataclass(frozen=True, slots=True)
class OpenedSeed:
    """A seed that was opened: of ``region``'s self mask, or of its pair mask with ``of``. Stays in the vault."""

    kind: str
    region: str
    of: str | None
    seed: bytes = field(repr=False)


class BadShare(Exception):
    """A share that a member may complain about; ``reason`` is a code of COMPLAINT."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def deal(
    seed_c: bytes,
    seed_b: bytes,
    t: int,
    me: str,
    channels: Mapping[str, Channel],
    members: Sequence[str],
    cohort: bytes,
    entropy: Entropy,
) -> tuple[Statement, Pair]:
    """Return SHARES, and the pair that stays here.

    Args:
        t: Shares that open a secret.
        channels: To every other member.
        members: The cohort, ascending, ``me`` among them.
        cohort: Digest of the COHORT.
    """  # fmt: skip
    pairs = zip(split(seed_c, t, len(members), entropy), split(seed_b, t, len(members), entropy), strict=True)
    commits: list[Value] = []
    sealed: list[Value] = []
    own = (b"", b"")
    for name, (c, b) in zip(members, pairs, strict=True):
        commits.append([
            share_commitment(cohort, me, name, MASK_KEY, c), share_commitment(cohort, me, name, SELF, b),
        ])  # fmt: skip
        if name == me:
            own = (c, b)
        sealed.append(b"" if name == me else channels[name].seal("SHARES", c + b))
    return Statement("SHARES", {"cohort": cohort, "commits": commits}, encode(sealed)), own


def open_pair(channel: Channel, shares: Shares, at: int) -> Pair:
    """Return the pair that another member dealt to this end of the channel.

    Args:
        at: This member's place in the cohort.

    Raises:
        BadShare: It does not open (``sealing``), or is not what was committed to (``commitment``).
    """
    try:
        data = channel.unseal("SHARES", shares.sealed[at])
    except CryptoError as error:
        raise BadShare("sealing") from error
    c, b = data[:SHARE_BYTES], data[SHARE_BYTES:]
    committed = (
        share_commitment(channel.cohort, channel.other, channel.me, MASK_KEY, c),
        share_commitment(channel.cohort, channel.other, channel.me, SELF, b),
    )
    if len(data) != PAIR_BYTES or shares.commits[at] != committed:
        raise BadShare("commitment")
    try:
        check_share(c)
        check_share(b)
    except CryptoError as error:
        raise BadShare("commitment") from error
    return c, b


def joined_self(name: str, shares: Mapping[int, bytes], cohort: bytes, committed: bytes) -> list[OpenedSeed]:
    """Return the seed of a survivor's self mask.

    Args:
        shares: t shares of seed_b, by x.
        committed: ``self_commit`` of its MASKED.

    Raises:
        CryptoError: They do not join to the seed that was committed to.
    """
    own = self_seed(join(shares), cohort, name)
    if self_commitment(cohort, name, own) != committed:
        raise CryptoError(f"the self seed of {name} is not the one that it committed to")
    return [OpenedSeed("self", name, None, own)]


def joined_pairs(
    name: str, shares: Mapping[int, bytes], sid: bytes, cohort: bytes, keys: Mapping[str, bytes], others: Sequence[str]
) -> list[OpenedSeed]:
    """Return the seeds that one who was left out shares with each of ``others``.

    Args:
        shares: t shares of its seed_c, by x.
        keys: Announced mask keys.

    Raises:
        CryptoError: They do not join to the mask key that it announced.
    """
    private = mask_key(join(shares), sid, name)
    if x25519_public(private) != keys[name]:
        raise CryptoError(f"the mask key of {name} is not the one that it announced")
    return [
        OpenedSeed("pair", name, other, pair_seed(private, keys[name], cohort, name, other, keys[other]))
        for other in others
    ]
