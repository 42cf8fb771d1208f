"""Checks of one log by itself (level L1): its entries, and the messages in it.

A log is *sound* when its checkpoint is signed by its key and covers just these entries. Only then
does anything in it accuse its region: what an unsound one shows may be a courier's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from node.audit.bundle import Bundle
from node.audit.checks.bundles import note_fault
from node.audit.checks.checkpoint import judge_checkpoint
from node.audit.checks.logs import CheckedLog
from node.audit.claims import head_fault
from node.audit.context import Context, KeySet
from node.audit.evidence import payload_piece
from node.audit.findings import Finding, Json, Severity
from node.audit.leaves import Told, reread
from node.audit.statements import Statement, Statements
from protocol.codec import MAX_CONTROL, decode
from protocol.envelope import decode_carried
from protocol.errors import CodecError
from protocol.messages import TYPES


class LogCheck:
    """Checks one log under one context; ``run`` returns it with what was found."""

    def __init__(
        self, context: Context, bundle: Bundle, region: str, epoch: int, payloads: Mapping[bytes, bytes]
    ) -> None:
        raw = bundle.logs[region, epoch]
        if raw.network not in (None, context.network):
            raw = reread(raw, str(context.network), context.statements)
        origin = f"{context.network}/{region}/{epoch}"
        self.log = CheckedLog(bundle, region, epoch, origin, raw, raw.tree)
        newest = max(number for _, number in bundle.logs)
        by, over = f"{context.network}/{region}/{newest}", bundle.logs[region, newest].checkpoint
        self.log.unsigned = note_fault(bundle, by, context.sets(region), over, context.signatures)
        self.findings: list[Finding] = []
        self._context = context
        self._payloads = payloads
        self._counts: dict[str, int] = {}

    def run(self) -> tuple[CheckedLog, list[Finding]]:
        """Return the checked log and the findings about it."""
        for code, detail in judge_checkpoint(self.log, self._context):
            self._defect(code, detail)
        self._entries()
        self._messages()
        if self.log.is_sound:
            self._ending()
        self._hashes()
        return self.log, [self._counted(finding) for finding in self.findings]

    # ------------------------------------------------------------ entries

    def _entries(self) -> None:
        log, raw = self.log, self.log.raw
        for fault in raw.faults:
            self._covered(fault.code, fault.seq, fault.detail)
        for seq, ms in raw.backwards if log.is_sound else ():
            self._accuse("LS-TIME-ORDER", seq, f"by {ms} ms", [log.note, log.proof(seq - 1), log.proof(seq)])
        if raw.broken is not None:
            self._defect("LS-ENTRY-FORMAT", raw.broken, seq=len(raw.leaves))
        for told in raw.told:
            if told.kind == "log.genesis" and told.seq == 0:
                self._genesis(told)
            elif told.kind == "fault":
                self._evidence(told)

    def _genesis(self, entry: Told) -> None:
        keys: Any = entry.body["keys"]
        known = self._context.sets(self.log.region) if self.log.epoch > 1 else self._first_set()
        named = keys["sign"], keys["log"], keys["witness"], keys["release"]
        if known and named not in [(one.sign, one.log, one.witness, one.release) for one in known]:
            self._defect("LS-KEY-UNKNOWN", "the first entry names other keys than the roster", seq=0)
        prev: Any = entry.body["prev"]
        if prev is not None and self.log.is_sound:
            detail = f"after {prev['size']} entries of {prev['origin']}: {prev['reason']}"
            self._accuse("LS-EPOCH-GAP", 0, detail, [self.log.note, self.log.proof(0)])

    def _first_set(self) -> list[KeySet]:
        known = self._context.keys.get(self.log.region)
        return [known] if known is not None else []

    # ------------------------------------------------------------ messages

    def _messages(self) -> None:
        raw, context, region = self.log.raw, self._context, self.log.region
        known, judged = context.statements.all, context.judged
        for seq, index, received in raw.messages():
            if seq in raw.misplaced:
                continue
            statement = known[index]
            verdict = judged[index] if index in judged else context.judge(index)
            if verdict:
                if received:
                    statement.show(region)
                else:
                    statement.at = seq
                    self._head(seq, statement)
                if statement.sha256 is not None and TYPES[statement.type].carrier:
                    self._carried(statement)
                elif statement.type == "ACCEPT" and statement.study is not None:
                    context.accepts.setdefault(statement.study, set()).add(statement.sender)
            elif verdict is None:
                context.unchecked.add(statement.eid)
                if statement.study in context.studies:
                    self._defect("LS-KEY-UNKNOWN", f"a message of {statement.sender}, log {statement.log}", seq=seq)
            elif self.log.is_sound:
                pieces = [self.log.note, self.log.proof(seq)]
                self._accuse("LS-ENV-SIG", seq, "", pieces, statement, holder=statement.sender)

    def _head(self, seq: int, statement: Statement) -> None:
        log = self.log
        if statement.size == seq and seq not in log.raw.astray and statement.log == log.origin:
            return
        fault = head_fault(statement.envelope, log.origin, seq, log.tree.root_at(seq))
        if fault is None or not log.is_sound:
            return
        log.faulty.add(seq)
        self._accuse("LS-HEAD-SELF", seq, fault, [log.note, log.earlier(seq), log.proof(seq)], statement)

    def _carried(self, carrier: Statement) -> None:
        """Messages inside a carrier's payload are statements too; a false one blames the carrier's signer."""
        sha = carrier.sha256
        assert sha is not None
        context, known = self._context, self._context.statements.all
        judged = context.judged
        for index in self._inside(sha) if sha in self._payloads else ():
            verdict = judged[index] if index in judged else context.judge(index)
            statement = known[index]
            if verdict:
                statement.show(self.log.region)
            elif verdict is False:
                values: dict[str, str | int] = {"holder": statement.sender}
                finding = Finding(
                    "LS-ENV-SIG",
                    subject=carrier.sender,
                    study=carrier.study,
                    round=carrier.round,
                    seq=carrier.size,
                    values=values,
                    evidence=[carrier.piece, payload_piece(sha)],
                    roster=context.roster_hash,
                )
                self.findings.append(finding)

    def _evidence(self, entry: Told) -> None:
        """Two statements kept because they exclude each other are judged like any others."""
        for sha in entry.body["evidence"]:
            for index in self._inside(sha) if sha in self._payloads else ():
                if self._context.judge(index):
                    self._context.statements.all[index].show(self.log.region)

    def _inside(self, sha: bytes) -> list[int]:
        inside = self._context.inside
        if sha not in inside:
            inside[sha] = carried(self._context.statements, self._payloads[sha])
        return inside[sha]

    def _ending(self) -> None:
        if self.log.raw.leaves and self.log.raw.leaves[-1] is None:
            return
        if any(region == self.log.region and epoch > self.log.epoch for region, epoch in self.log.bundle.logs):
            return  # begun anew since: the hand-over stands in the newest log
        last = self.log.raw.told[-1] if self.log.raw.told else None
        seq = self.log.tree.size - 1
        if (last is None or last.seq != seq or last.kind != "audit.export") and not self._is_faulty(seq):
            self._lacks("LS-EXPORT-UNLOGGED", seq, [self.log.note, self.log.proof(seq)])

    def _hashes(self) -> None:
        """Entries of which only the hash came: of other studies, erased by an entry that says so, or lost."""
        log = self.log
        if not log.withheld:
            return
        note = log.bundle.note or b""
        if note.split(b"\n", 3)[2:3] != [b"study all"]:
            values: dict[str, str | int] = {"n": log.withheld, "detail": " (other studies)"}
            self.findings.append(Finding("LS-LEAF-WITHHELD", subject=log.region, values=values))
            return
        erased = {told.body["seq"]: told for told in log.raw.told if told.kind == "redact"}
        for seq, leaf in enumerate(log.raw.leaves) if log.is_sound else ():
            if leaf is not None:
                continue
            told = erased.get(seq)
            if told is not None and told.body["leaf"] == log.tree.hash_at(seq):
                self._accuse("LS-REDACTED", seq, f" ({told.body['basis']})", [log.note, log.proof(told.seq)])
            else:
                self._lacks("LS-LEAF-LOST", seq, [log.note, log.place(seq)])

    def _is_faulty(self, seq: int) -> bool:
        return any(fault.seq == seq and fault.code != "LS-ENTRY-SEQ" for fault in self.log.raw.faults)

    # ------------------------------------------------------------ findings

    def _covered(self, code: str, seq: int, detail: str) -> None:
        """A fault in an entry: its region's where its signed root covers it, else the bundle's."""
        if self.log.is_sound:
            self._accuse(code, seq, detail, [self.log.note, self.log.proof(seq)])
        else:
            self._defect(code, detail, seq=seq)

    def _accuse(
        self,
        code: str,
        seq: int,
        detail: str,
        pieces: list[dict[str, Json]],
        statement: Statement | None = None,
        holder: str = "?",
    ) -> None:
        if self._first(code):
            self.findings.append(
                Finding(
                    code,
                    subject=self.log.region,
                    study=statement.study if statement else None,
                    round=statement.round if statement else None,
                    seq=seq,
                    values={"detail": detail, "holder": holder},
                    evidence=pieces,
                    roster=self._context.roster_hash,
                )
            )

    def _lacks(self, code: str, seq: int, pieces: list[dict[str, Json]]) -> None:
        """Something that a log should hold is not in it: its region's fault only if that signed the bundle."""
        if self.log.unsigned is None:
            self._accuse(code, seq, "", pieces)
        else:
            self._defect(code, "", seq=seq)

    def _defect(self, code: str, detail: str, *, seq: int | None = None) -> None:
        if self._first(code):
            self.findings.append(Finding(code, source=self.log.bundle.label, seq=seq, values={"detail": detail}))

    def _first(self, code: str) -> bool:
        """One finding a code and log: the first place. How many there are is said in its words."""
        self._counts[code] = self._counts.get(code, 0) + 1
        return self._counts[code] == 1

    def _counted(self, finding: Finding) -> Finding:
        more = self._counts.get(finding.code, 1) - 1
        if not more or finding.severity is Severity.INFO:
            return finding
        detail = str(finding.values.get("detail", ""))
        values = dict(finding.values) | {"detail": f"{detail}{'; ' if detail else ''}and {more} more of this kind"}
        return replace(finding, values=values)


def carried(statements: Statements, payload: bytes) -> list[int]:
    """Return the indices of the messages in a carrier's payload; none where it is not in its form."""
    try:
        value: Any = decode(payload, max_bytes=MAX_CONTROL)
    except CodecError:
        return []
    if type(value) is not list or not all(
        type(item) is list and len(item) == 3 and type(item[0]) is bytes and type(item[1]) is bytes for item in value
    ):
        return []
    known = [statements.known(header, signature) for header, signature, _ in value]
    if None not in known:
        found = [index for index in known if index is not None]
        order = [statements.all[index] for index in found]
        places = [(each.sender, each.type, each.size, item[0]) for each, item in zip(order, value, strict=True)]
        fits = all(
            item[2] is None or (type(item[2]) is bytes and len(item[2]) == each.bytes)
            for each, item in zip(order, value, strict=True)
        )
        if fits and all(one < two for one, two in pairwise(places)):
            return found
    try:
        return [statements.find(each.header, each.signature) for each, _ in decode_carried(payload)]
    except CodecError:
        return []
