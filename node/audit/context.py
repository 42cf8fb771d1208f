"""Whose keys count: one roster with the studies that name it, and the signatures checked by it.

The auditor's one trust input is the study id: it fixes the plan, the plan fixes the roster, the
roster holds all keys. Bundles of networks without a study are checked by the roster they hold, or
by the keys their own first entry names; that shows that they agree with themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from node.audit.signatures import Signatures
from node.audit.statements import Statement, Statements
from protocol.card import Keys
from protocol.epochs import epoch_of
from protocol.plan import Plan
from protocol.roster import Roster


@dataclass(frozen=True, slots=True)
class KeySet:
    """The public keys of one region that sign statements; ``release`` where it has one."""

    sign: bytes
    log: bytes
    witness: bytes
    serial: int = 1
    release: bytes | None = None

    @classmethod
    def of(cls, keys: Keys) -> KeySet:
        """Return those of a card or of a rotation."""
        return cls(keys.sign, keys.log, keys.witness, keys.serial, keys.release)


@dataclass(frozen=True, slots=True)
class Later:
    """A key set that followed: signed by the identity key, valid from its ``key.rotate`` on.

    Attributes:
        position: Of that entry; None where only a later roster tells of the set.
        body: Of that entry; None likewise.
        epoch: Of the log that the position is of.
    """

    keys: KeySet
    position: int | None
    body: dict[str, Any] | None
    epoch: int = 1


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
        agreed: Indices of messages that need no check of their signature (``--fast``).
        later: By region, the key sets that followed the roster's, ascending by serial.
        judged: By index in ``statements``, what ``judge`` said.
    """

    signatures: Signatures
    statements: Statements
    roster: Roster | None = None
    network: str | None = None
    keys: Mapping[str, KeySet] = field(default_factory=dict)
    plans: Mapping[bytes, Plan] = field(default_factory=dict)
    studies: frozenset[bytes] = frozenset()
    accepts: dict[bytes, set[str]] = field(default_factory=dict)
    unchecked: set[bytes] = field(default_factory=set)
    inside: dict[bytes, list[int]] = field(default_factory=dict)
    judged: dict[int, bool | None] = field(default_factory=dict)
    agreed: frozenset[int] = frozenset()
    later: dict[str, list[Later]] = field(default_factory=dict)

    @property
    def roster_hash(self) -> bytes | None:
        """SHA-256 of the roster; findings carry it."""
        return self.roster.hash if self.roster else None

    @property
    def regions(self) -> list[str]:
        """Regions whose logs are asked for: those of the audited studies, else of the roster."""
        named = {name for study in self.studies for name in self.plans[study].regions}
        return sorted(named or self.keys)

    def judge(self, index: int) -> bool | None:
        """Return whether a message is its sender's; None where this context cannot tell."""
        try:
            return self.judged[index]
        except KeyError:
            verdict = self.judged[index] = self._judge(self.statements.all[index], index in self.agreed)
            return verdict

    def _judge(self, statement: Statement, is_agreed: bool) -> bool | None:
        keys = self.keys.get(statement.sender)
        if keys is None or not statement.log.startswith(f"{self.network}/"):
            return None
        if is_agreed:
            return True
        statement.judged = True
        if statement.key == keys.sign and statement.valid and statement.sender not in self.later:
            return True
        sets = self.sets_at(statement.sender, statement.size, epoch_of(statement.log))
        if any(self.signatures.statement(statement, keys.sign) for keys in sets):
            return True
        return False if self._is_ours(statement) else None

    def sets_at(self, region: str, position: int, epoch: int = 1) -> list[KeySet]:
        """Return the key sets that may have signed at a position: the one that is valid there, and unplaced ones."""
        later, place = self.later.get(region, ()), (epoch, position)
        begun = [each.keys for each in later if each.position is not None and (each.epoch, each.position) <= place]
        unplaced = [each.keys for each in later if each.position is None]
        return [*(begun[-1:] or [self.keys[region]]), *unplaced]

    def sets(self, region: str) -> list[KeySet]:
        """Return all key sets of a region."""
        return [self.keys[region], *(each.keys for each in self.later.get(region, ()))] if region in self.keys else []

    def all_sets(self) -> dict[str, list[KeySet]]:
        """Return the same for every region."""
        return {region: self.sets(region) for region in self.keys}

    def _is_ours(self, statement: Statement) -> bool:
        """Whether it speaks of this roster or a study under it; else its sender may have had other keys then.

        Keys of any other roster in a bundle are worth nothing: whoever made the bundle can have made them.
        """
        if statement.study is not None:
            return statement.study in self.plans
        return self.roster is None or statement.body.get("roster") == self.roster.hash

    def true(self) -> list[Statement]:
        """Return every message that this context has seen and whose signature holds."""
        return [self.statements.all[index] for index, verdict in self.judged.items() if verdict]


def keys_of(roster: Roster) -> dict[str, KeySet]:
    """Return the key sets of a roster's cards, by region."""
    return {card.name: KeySet.of(card.keys) for card in roster.cards}


def contexts(
    signatures: Signatures,
    statements: Statements,
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
    return [_context(signatures, statements, rosters[name], plans, audited) for name in named if name not in rivals]


def _context(
    signatures: Signatures,
    statements: Statements,
    roster: Roster,
    plans: Mapping[bytes, Plan],
    audited: Iterable[bytes],
) -> Context:
    mine = {name: plan for name, plan in plans.items() if plan.roster == roster.hash}
    return Context(
        signatures,
        statements,
        roster,
        roster.network,
        keys_of(roster),
        mine,
        frozenset(name for name in audited if name in mine),
    )
