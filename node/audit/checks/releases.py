"""What one sound log lets out of a study: the approvals that a release names, each in that log before it.

What the entry says of itself is a rule (``rules.release``). Here is what the log holds of it: the messages that
it names, by whose keys they are, and which keys it knew to be revoked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from crypto.errors import CryptoError
from node.audit.checks.logs import CheckedLog
from node.audit.evidence import log_piece, plan_piece
from node.audit.findings import Json
from node.audit.leaves import Told
from node.audit.releases import Released
from node.audit.rules import RULES, Item
from node.audit.statements import Statement
from protocol.errors import RosterError
from protocol.keys import check_revocation

if TYPE_CHECKING:
    from node.audit.checks.study import StudyCheck

RULE, LINEAGE = "LS-RELEASE-RULE", "LS-RELEASE-LINEAGE"
KINDS = ("model.release", "data.release")


class ReleaseCheck:
    """The releases of one study in one sound log.

    Args:
        told: The log's entries of the study, in order.
    """

    def __init__(self, check: StudyCheck, log: CheckedLog, told: Sequence[Told]) -> None:
        self._check = check
        self._log = log
        self._told = [one for one in told if one.kind in KINDS]
        self._faulty: set[int] = set()
        self._unseen: dict[int, list[str]] = {}
        self._models = {one.body["model"] for one in told if one.kind == "round.mix"} | {check.plan.init}
        self._kept = any(one.kind == "round.end" and one.body["outcome"] == "kept" for one in told)

    def run(self) -> None:
        """Check every release; what it lacks is a finding about the log's region."""
        if not self._told:
            return
        heard = {statement.eid: (seq, statement) for seq, statement in self._approvals()}
        for told in self._told:
            if RULES[RULE](self._check.plan, self._log.region, [Item(told.seq, told.kind, told.body)]) is not None:
                self._faulty.add(told.seq)  # found by itself, as every entry is: see ``region``
            whole = not self._log.withheld and self._log.epoch == 1  # else what is not here may stand elsewhere
            if told.body["model"] not in self._models and whole and not self._kept:
                self._lacks(LINEAGE, f"entry {told.seq}", [told.seq], told)
            for row in told.body["approvals"]:
                found = heard.get(row["eid"])
                if found is not None and found[0] < told.seq:
                    self._judge(told, *found)
                elif whole or self._check.said_nowhere(row["region"], row["eid"], (self._log.origin, told.seq)):
                    detail = f"entry {told.seq}: the approval of {row['region']} that it names does not stand before it"
                    self._lacks(RULE, detail, [told.seq], told)
                else:
                    self._unseen.setdefault(told.seq, []).append(row["region"])
            self._note(told)

    def _approvals(self) -> Iterator[tuple[int, Statement]]:
        """Yield place and message of every APPROVE that the log holds as said or heard; signed ones only."""
        for seq, index, _ in self._log.raw.messages():
            statement = self._check.message(index)
            if statement is not None and statement.type == "APPROVE":
                yield seq, statement

    def _judge(self, told: Told, seq: int, statement: Statement) -> None:
        items = [
            Item(seq, None, {}, statement, statement.eid),
            Item(told.seq, told.kind, told.body),
        ]
        if RULES[RULE](self._check.plan, self._log.region, items) is not None:
            self._faulty.add(told.seq)
        self._check.apply(RULE, self._log.region, items, self._pieces([seq, told.seq]))
        for revoked, serial in self._revoked(told.seq, statement):
            detail = f"entry {told.seq}: the approval of {statement.sender} is by key set {serial}, revoked before it"
            self._lacks(RULE, detail, [revoked, seq, told.seq], told)

    def _revoked(self, before: int, statement: Statement) -> Iterator[tuple[int, int]]:
        """Yield place and serial of revocations that this log knew of and that take the approval's key away.

        A revocation does not say of which epoch its size is: where the signer's log was begun anew, it shows nothing.
        """
        if len(self._check.epochs_of(statement.sender)) > 1:
            return
        roster = self._check.roster
        signers = self._check.serials(statement)
        for told in self._log.raw.told:
            if told.kind != "key.revoke" or told.seq >= before or roster is None:
                continue
            try:
                one = check_revocation(told.body, roster)
            except (CryptoError, RosterError):
                continue
            if one.region == statement.sender and one.serial in signers and one.size <= statement.size:
                yield told.seq, one.serial

    def _pieces(self, seqs: Iterable[int]) -> list[dict[str, Json]]:
        return [self._log.note, *(self._log.proof(seq) for seq in sorted(set(seqs)))]

    def _lacks(self, code: str, detail: str, seqs: Iterable[int], told: Told) -> None:
        self._faulty.add(told.seq)
        pieces = [*self._pieces(seqs), log_piece(self._log.tree.size), plan_piece(self._check.plan)]
        self._check.accuse(code, self._log.region, detail, told.seq, pieces, None, told.body["round"])

    def _note(self, told: Told) -> None:
        body = told.body
        self._check.record.released.append(
            Released(
                self._check.study, self._log.region, told.kind.partition(".")[0], told.seq, told.t_ms,
                body["file_sha256"], body["card_sha256"], tuple(sorted(body["tests"].items())),
                tuple(row["region"] for row in body["approvals"]),
                told.seq not in self._faulty, tuple(self._unseen.get(told.seq, ())),
            )
        )  # fmt: skip
