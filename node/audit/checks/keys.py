"""Key sets that followed those of the roster, and key sets that were revoked.

A set counts only with the identity key's signature; the roster fixes the identity key. From the position of its
``key.rotate`` on, a log's messages are signed with the new set. Who was told of a revocation holds it in its log.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crypto.errors import CryptoError
from node.audit.bundle import Bundle
from node.audit.checks.logs import CheckedLog
from node.audit.context import Context, KeySet, Later
from node.audit.evidence import revocation_piece
from node.audit.findings import Finding
from node.audit.statements import Statement
from protocol.epochs import epoch_of
from protocol.errors import RosterError
from protocol.keys import Revocation, check_revocation, check_rotation
from protocol.roster import Roster


def follow(context: Context, bundles: Iterable[Bundle], rosters: Iterable[Roster]) -> None:
    """Learn which key sets followed, from the logs themselves and from later rosters."""
    roster = context.roster
    if roster is None:
        return
    found: dict[tuple[str, int], Later] = {}
    for bundle in bundles:
        for (region, epoch), raw in sorted(bundle.logs.items()):
            for told in raw.told if region in roster.names else ():
                if told.kind == "key.rotate":
                    try:
                        keys = KeySet.of(check_rotation(told.body, roster.card(region).identity))
                    except CryptoError:
                        continue  # nobody is bound by it; what it signs will not verify
                    found.setdefault((region, keys.serial), Later(keys, told.seq, told.body, epoch))
    for other in rosters:
        for card in other.cards if other.network == roster.network else ():
            if card.name in roster.names:
                known = roster.card(card.name)
                if known.identity == card.identity and known.keys != card.keys:
                    found.setdefault((card.name, card.keys.serial), Later(KeySet.of(card.keys), None, None))
    for (region, serial), later in sorted(found.items()):
        if serial > roster.card(region).keys.serial:
            context.later.setdefault(region, []).append(later)


def revoked(context: Context, logs: Sequence[CheckedLog]) -> list[Finding]:
    """Return the first statement that each revoked key set signed from its last good size on."""
    roster = context.roster
    if roster is None:
        return []
    said = _said(roster, logs)
    findings = []
    for (region, serial), (one, body) in sorted(said.items()):
        signer = next((keys.sign for keys in context.sets(region) if keys.serial == serial), None)
        last = _of_epoch(logs, one)
        place = (last.epoch if last is not None else 1), one.size
        late = [s for s in context.true() if s.sender == region and s.key == signer and _place(s) >= place]
        if late:
            first = min(late, key=lambda statement: (_place(statement), statement.eid))
            before = [last.note, last.earlier(one.size)] if last is not None and _place(first)[0] > place[0] else []
            findings.append(
                Finding(
                    "LS-KEY-REVOKED",
                    subject=region,
                    study=first.study,
                    round=first.round,
                    seq=first.size,
                    values={"detail": f"key set {serial}: {one.reason}"},
                    evidence=[first.piece, revocation_piece(body), *before],
                    roster=context.roster_hash,
                )
            )
    return findings


def revocations(context: Context, logs: Sequence[CheckedLog]) -> dict[tuple[str, int], tuple[int, int]]:
    """Return the last good place (epoch, size) of each revoked key set, by region and serial."""
    if context.roster is None:
        return {}
    found = {}
    for key, (one, _) in _said(context.roster, logs).items():
        last = _of_epoch(logs, one)
        found[key] = (last.epoch if last is not None else 1), one.size
    return found


def _said(roster: Roster, logs: Sequence[CheckedLog]) -> dict[tuple[str, int], tuple[Revocation, dict[str, object]]]:
    """Return what sound logs hold of revocations that who may has signed; of each set the earliest."""
    said: dict[tuple[str, int], tuple[Revocation, dict[str, object]]] = {}
    for log in logs:
        for told in log.raw.told if log.is_sound else ():
            if told.kind == "key.revoke":
                try:
                    one = check_revocation(told.body, roster)
                except (CryptoError, RosterError):
                    continue
                known = said.get((one.region, one.serial))
                if known is None or one.size < known[0].size:
                    said[one.region, one.serial] = one, told.body
    return said


def _place(statement: Statement) -> tuple[int, int]:
    return epoch_of(statement.log), statement.size


def _of_epoch(logs: Sequence[CheckedLog], one: Revocation) -> CheckedLog | None:
    """Return the log on which the last good head of a revocation lies; None where none at hand has it."""
    for log in logs:
        is_long = log.region == one.region and log.is_sound and log.tree.size >= one.size
        if is_long and log.tree.root_at(one.size) == one.root:
            return log
    return None
