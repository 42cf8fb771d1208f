"""Releases in the copies of others' logs: what a region lets out is judged by everybody who holds its log.

Rules kept here, and nowhere else:
  * a release is judged by what stands before it in that log, as the audit does: what it lacks is a fault of its
    region, written down at most four times a region;
  * where entries before it are held as hashes only, an approval that is not among the rest accuses nobody.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from crypto.errors import CryptoError
from gossip.effects import Suspect
from gossip.step import Step
from protocol.codec import Value
from protocol.entries import Entry, decode_entry
from protocol.envelope import Envelope, is_signed, parse
from protocol.epochs import Origin, epoch_of, read_origin
from protocol.errors import CodecError, RosterError
from protocol.keys import check_revocation
from protocol.release import lacking, said, unlike

if TYPE_CHECKING:
    from gossip.peer import Peer

RULE = "LS-RELEASE-RULE"
MAX_FAULTS = 4
KINDS = ("data.release", "model.release")

Read = Callable[[int], bytes | None]


@dataclass(slots=True)
class _Before:
    """What stands in the first ``stop`` entries of a log.

    Attributes:
        approvals: eid of an APPROVE to its place.
        revoked: (region, serial) of a key set to the size from which on it counts no longer.
        is_whole: No entry is held as a hash only, and none stands in a log of an earlier epoch.
    """

    stop: int = 0
    approvals: dict[bytes, int] = field(default_factory=dict)
    revoked: dict[tuple[str, int], int] = field(default_factory=dict)
    is_whole: bool = True


def _approval(leaf: bytes | None) -> Envelope | None:
    """Return the APPROVE that an entry holds as said or heard; None where it holds none."""
    if leaf is None or b"APPROVE" not in leaf:
        return None
    try:
        entry = decode_entry(leaf)
        if entry.kind not in ("env.sent", "env.recv"):
            return None
        envelope = parse(bytes(entry.body["header"]), bytes(entry.body["sig"]))  # type: ignore[arg-type]
    except CodecError:
        return None
    return envelope if envelope.fields.type == "APPROVE" else None


class ReleasedElsewhere:
    """What the copies of others' logs say of releases.

    Args:
        note: Is told of every release: whose log, its place, and the entry.

    Attributes:
        broken: Region to what its release lacks, in words.
    """

    def __init__(self, peer: Peer, note: Callable[[str, int, Entry], None]) -> None:
        self._peer = peer
        self._note = note
        self._seen: dict[str, int] = {}  # up to where each copy has been looked through
        self._logs: dict[str, _Before] = {}
        self._faults: dict[str, int] = {}
        self.broken: dict[str, str] = {}

    def look_through(self) -> None:
        """Note the releases of an earlier run; what is judged then is written down then."""
        for origin, mirror in sorted(self._peer.witness.mirrors.items()):
            first, self._seen[origin] = self._seen.get(origin, 0), mirror.size
            for position in range(first, mirror.size):
                leaf = self._peer.witness.held.records.mirrored(origin, position)
                self._release(origin.split("/")[1], position, leaf)

    def mirrored(self, step: Step, origin: str, position: int, read: Read) -> None:
        """A verified entry of another's log that may be a release: judge it by what stands before it there.

        Args:
            read: Place to the entry in that log; None where only its hash is held.
        """
        name = origin.split("/")[1]
        entry = self._release(name, position, read(position))
        if entry is None or entry.study is None:
            return
        words = self._judge(origin, position, entry, read)
        if words is not None:
            self.broken.setdefault(name, words)
            step.do(Suspect(name, RULE, f"entry {position}: {words}"))
            self._faults[name] = self._faults.get(name, 0) + 1
            if self._faults[name] <= MAX_FAULTS:
                body: dict[str, Value] = {"round": None, "region": name, "code": RULE, "evidence": []}
                step.add("fault", body, entry.study)

    def _release(self, name: str, position: int, leaf: bytes | None) -> Entry | None:
        """Note a release, and return its entry; None for any other entry, and one of a study that is not known."""
        if leaf is None or b".release" not in leaf:
            return None
        try:
            entry = decode_entry(leaf)
        except CodecError:
            return None  # the audit's to judge
        if entry.kind not in KINDS or entry.study not in self._peer.agreement.proposals:
            return None
        self._note(name, position, entry)
        return entry

    def _judge(self, origin: str, position: int, entry: Entry, read: Read) -> str | None:
        assert entry.study is not None
        plan, body = self._peer.agreement.proposals[entry.study].plan, entry.body
        if origin.split("/")[1] not in plan.regions:
            return "it takes no part in the study"
        words = lacking(plan, entry.kind, body)
        if words is not None:
            return words
        before = self._before(origin, position, read)
        rows: Any = body["approvals"]
        for row in rows:
            region, at = row["region"], before.approvals.get(row["eid"])
            found = _approval(read(at)) if at is not None else None
            if found is None:
                if before.is_whole:
                    return f"the approval of {region} that it names does not stand before it in its log"
                continue
            approved = said(found.fields.sender, found.fields.study, found.fields.body)
            words = unlike(entry.kind, entry.study, body, region, approved) or self._unsigned(found, before)
            if words is not None:
                return words
        return None

    def _unsigned(self, approval: Envelope, before: _Before) -> str | None:
        """Return what is wrong with the signature of an approval, as that log could have known it."""
        region, place, ring = approval.fields.sender, approval.fields.head_size, self._peer.membership.ring
        sets = [(serial, keys) for serial in ring.serials(region) if (keys := ring.keys(region, serial)) is not None]
        signers = [serial for serial, keys in sets if is_signed(approval, keys.sign)]
        if sets and not signers:
            return f"{region} did not sign the approval that it names"
        later = any(o.region == region and o.epoch > epoch_of(approval.fields.log) for o in self._logs_known())
        if not later and any(before.revoked.get((region, serial), place + 1) <= place for serial in signers):
            return f"the approval of {region} is by a key that had been revoked"
        return None

    def _logs_known(self) -> list[Origin]:
        """Logs of which there are copies; a revocation does not say of which of a region's logs its size is."""
        return [read_origin(origin) for origin in self._peer.witness.mirrors]

    def _before(self, origin: str, position: int, read: Read) -> _Before:
        """What stands before a place in a log; each entry is looked at once, releases come in ascending order."""
        before = self._logs.setdefault(origin, _Before(is_whole=epoch_of(origin) == 1))
        roster = self._peer.membership.in_force
        for seq in range(before.stop, position):
            leaf = read(seq)
            before.is_whole = before.is_whole and leaf is not None
            if leaf is None:
                continue
            if (approval := _approval(leaf)) is not None:
                before.approvals[approval.eid] = seq
            elif b"key.revoke" in leaf and roster is not None:
                with contextlib.suppress(CodecError, CryptoError, RosterError):
                    entry = decode_entry(leaf)
                    one = check_revocation(entry.body, roster) if entry.kind == "key.revoke" else None
                    if one is not None:
                        known = before.revoked.get((one.region, one.serial), one.size)
                        before.revoked[one.region, one.serial] = min(one.size, known)
        before.stop = max(before.stop, position)
        return before

    def replay(self, entry: Entry) -> None:
        """Take one ``fault`` of an earlier run."""
        if entry.body["code"] == RULE:
            region = str(entry.body["region"])
            self._faults[region] = self._faults.get(region, 0) + 1
            self.broken.setdefault(region, "what, its node said in an earlier run: landsting log show --kind fault")
