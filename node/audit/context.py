"""Whose keys count: one roster with the studies that name it, and the signatures checked by it.

The auditor's one trust input is the study id: it fixes the plan, the plan fixes the roster, the
roster holds all keys. Bundles of networks without a study are checked by the roster they hold, or
by the keys their own first entry names; that shows that they agree with themselves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from crypto.errors import CryptoError
from crypto.note import open_note
from crypto.signing import verify as verify_signature
from protocol.envelope import Envelope, parse, verify
from protocol.plan import Plan
from protocol.roster import Roster


@dataclass(frozen=True, slots=True)
class KeySet:
    """The public keys of one region that sign statements."""

    sign: bytes
    log: bytes
    witness: bytes


class Signatures:
    """Checks signatures, each distinct one once; ``valid`` is how many held."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes, bytes], bool] = {}

    @property
    def valid(self) -> int:
        """How many distinct signatures were checked and hold."""
        return sum(self._known.values())

    def envelope(self, envelope: Envelope, public: bytes) -> bool:
        """Whether the envelope is signed by this key."""
        key = (public, envelope.eid, envelope.signature)
        if key not in self._known:
            self._known[key] = _holds(lambda: verify(envelope, public))
        return self._known[key]

    def note(self, note: bytes, name: str, public: bytes) -> bool:
        """Whether the note has a valid signature of this name and key."""
        key = (public, hashlib.sha256(note).digest(), name.encode())
        if key not in self._known:
            self._known[key] = _holds(lambda: open_note(note, name, public))
        return self._known[key]

    def plain(self, public: bytes, signature: bytes, message: bytes) -> bool:
        """Whether the signature over the message holds."""
        key = (public, hashlib.sha256(message).digest(), signature)
        if key not in self._known:
            self._known[key] = _holds(lambda: verify_signature(public, signature, message))
        return self._known[key]


def _holds(check: object) -> bool:
    try:
        check()  # type: ignore[operator]
    except CryptoError:
        return False
    return True


@dataclass(slots=True, eq=False)
class Context:
    """One roster and what is audited under it.

    Attributes:
        network: Network of the roster; None where a log's own first entry is all there is.
        keys: By region.
        plans: Every plan at hand that names this roster, by study id.
        studies: Ids of those that are audited.
        accepts: By study, the regions whose signed ACCEPT was seen.
        unchecked: Envelopes whose sender this context has no key for.
        inside: What carriers' payloads hold, by their SHA-256; each is read once.
        read: Every message once, by its header: sender and receivers hold the same bytes.
    """

    signatures: Signatures
    roster: Roster | None = None
    network: str | None = None
    keys: Mapping[str, KeySet] = field(default_factory=dict)
    plans: Mapping[bytes, Plan] = field(default_factory=dict)
    studies: frozenset[bytes] = frozenset()
    accepts: dict[bytes, set[str]] = field(default_factory=dict)
    unchecked: set[bytes] = field(default_factory=set)
    inside: dict[bytes, list[Envelope]] = field(default_factory=dict)
    read: dict[bytes, Envelope] = field(default_factory=dict)

    @property
    def roster_hash(self) -> bytes | None:
        """SHA-256 of the roster; findings carry it."""
        return self.roster.hash if self.roster else None

    @property
    def regions(self) -> list[str]:
        """Regions whose logs are asked for: those of the audited studies, else of the roster."""
        named = {name for study in self.studies for name in self.plans[study].regions}
        return sorted(named or self.keys)

    def parse(self, header: bytes, signature: bytes) -> Envelope:
        """Return the message of a header and a signature.

        Raises:
            CodecError: It is in no allowed form.
        """
        known = self.read.get(header)
        if known is None:
            known = self.read[header] = parse(header, signature)
        return known if known.signature == signature else parse(header, signature)

    def judge(self, envelope: Envelope) -> bool | None:
        """Return whether an envelope is its sender's; None where this context cannot tell."""
        fields = envelope.fields
        keys = self.keys.get(fields.sender)
        if keys is None or fields.log.rpartition("/")[0] != f"{self.network}/{fields.sender}":
            return None
        if self.signatures.envelope(envelope, keys.sign):
            return True
        return False if self._is_ours(envelope) else None

    def _is_ours(self, envelope: Envelope) -> bool:
        """Whether it speaks of this roster or a study under it; else its sender may have had other keys then.

        Keys of any other roster in a bundle are worth nothing: whoever made the bundle can have made them.
        """
        fields = envelope.fields
        if fields.study is not None:
            return fields.study in self.plans
        return self.roster is None or fields.body.get("roster") == self.roster.hash


def keys_of(roster: Roster) -> dict[str, KeySet]:
    """Return the key sets of a roster's cards, by region."""
    return {card.name: KeySet(card.keys.sign, card.keys.log, card.keys.witness) for card in roster.cards}


def contexts(
    signatures: Signatures,
    plans: Mapping[bytes, Plan],
    rosters: Mapping[bytes, Roster],
    study: bytes | None,
    rivals: Collection[bytes] = (),
) -> list[Context]:
    """Return one context for each roster that an audited plan names; without a plan, for each roster.

    Args:
        rivals: Rosters of one network that do not follow from each other: with no study named, nobody
            can say which is the true one, and none is used.
    """
    audited = {study: plans[study]} if study in plans and study is not None else dict(plans)
    named = sorted({plan.roster for plan in audited.values()} & rosters.keys()) or sorted(rosters)
    return [_context(signatures, rosters[name], plans, audited) for name in named if name not in rivals]


def _context(
    signatures: Signatures,
    roster: Roster,
    plans: Mapping[bytes, Plan],
    audited: Iterable[bytes],
) -> Context:
    mine = {name: plan for name, plan in plans.items() if plan.roster == roster.hash}
    return Context(
        signatures,
        roster,
        roster.network,
        keys_of(roster),
        mine,
        frozenset(name for name in audited if name in mine),
    )
