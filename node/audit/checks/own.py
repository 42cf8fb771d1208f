"""Checks of one log by itself (level L1): its entries, and the messages in it.

A log is *sound* when its checkpoint is signed by its key and covers just these entries. Only then
does anything in it accuse its region: what an unsound one shows may be a courier's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from crypto.merkle import Tree
from node.audit.bundle import Bundle
from node.audit.checks.bundles import ascii_words
from node.audit.checks.checkpoint import judge_checkpoint
from node.audit.checks.logs import CheckedLog, Statement, Statements
from node.audit.claims import head_fault, place_fault
from node.audit.context import Context
from node.audit.evidence import envelope_piece, payload_piece
from node.audit.findings import Finding, Json, Severity
from protocol.entries import Entry, decode_entry
from protocol.envelope import Envelope, decode_carried
from protocol.errors import CodecError, SchemaError
from protocol.messages import TYPES


class LogCheck:
    """Checks one log under one context; ``run`` returns it with what was found."""

    def __init__(
        self,
        context: Context,
        bundle: Bundle,
        region: str,
        epoch: int,
        payloads: Mapping[bytes, bytes],
        statements: Statements,
    ) -> None:
        raw = bundle.logs[region, epoch]
        origin = f"{context.network}/{region}/{epoch}"
        self.log = CheckedLog(bundle, region, epoch, origin, raw, Tree(raw.hashes))
        self.findings: list[Finding] = []
        self._context = context
        self._payloads = payloads
        self._statements = statements
        self._counts: dict[str, int] = {}

    def run(self) -> tuple[CheckedLog, list[Finding]]:
        """Return the checked log and the findings about it."""
        for code, detail in judge_checkpoint(self.log, self._context):
            self._defect(code, detail)
        self._entries()
        if self.log.is_sound:
            self._ending()
        if self.log.withheld:
            values: dict[str, str | int] = {"n": self.log.withheld, "detail": " (other studies)"}
            self.findings.append(Finding("LS-LEAF-WITHHELD", subject=self.log.region, values=values))
        return self.log, [self._counted(finding) for finding in self.findings]

    # ------------------------------------------------------------ entries

    def _entries(self) -> None:
        raw, last_ms = self.log.raw, 0
        for seq, leaf in enumerate(raw.leaves):
            if leaf is None:
                self.log.withheld += 1
                continue
            try:
                entry = decode_entry(leaf)
            except SchemaError as error:
                self._covered("LS-ENTRY-SCHEMA", seq, ascii_words(error))
                continue
            except CodecError as error:
                self._covered("LS-ENTRY-FORMAT", seq, ascii_words(error))
                continue
            self._entry(seq, entry)
            if entry.t_ms < last_ms and self.log.is_sound and raw.leaves[seq - 1] is not None:
                pieces = [self.log.note, self.log.proof(seq - 1), self.log.proof(seq)]
                self._accuse("LS-TIME-ORDER", seq, f"by {last_ms - entry.t_ms} ms", pieces)
            last_ms = entry.t_ms
        if raw.broken is not None:
            self._defect("LS-ENTRY-FORMAT", raw.broken, seq=len(raw.leaves))

    def _entry(self, seq: int, entry: Entry) -> None:
        envelope: Envelope | None = None
        if entry.kind in ("env.sent", "env.recv"):
            try:
                envelope = self._context.parse(_bin(entry, "header"), _bin(entry, "sig"))
            except CodecError as error:
                self._covered("LS-ENTRY-FORMAT", seq, f"the message in it: {ascii_words(error)}")
                return
            if entry.kind == "env.sent":
                self.log.sent[seq] = envelope.eid
        fault = place_fault(entry, self.log.origin, seq, envelope)
        if fault is not None:
            self._covered("LS-ENTRY-SEQ", seq, fault)
        if seq == 0 and entry.kind == "log.genesis":
            self._genesis(entry)
        if entry.kind == "fault":
            self._evidence(entry)
        if envelope is not None and (fault is None or entry.kind == "env.recv"):
            self._message(seq, entry.kind, envelope)

    def _genesis(self, entry: Entry) -> None:
        keys: Any = entry.body["keys"]
        known = self._context.keys.get(self.log.region)
        if known is not None and (keys["sign"], keys["log"], keys["witness"]) != (known.sign, known.log, known.witness):
            self._defect("LS-KEY-UNKNOWN", "the first entry names other keys than the roster", seq=0)

    def _message(self, seq: int, kind: str, envelope: Envelope) -> None:
        log, context, sender = self.log, self._context, envelope.fields.sender
        match context.judge(envelope):
            case None:
                context.unchecked.add(envelope.eid)
                if envelope.fields.study in context.studies:
                    self._defect("LS-KEY-UNKNOWN", f"a message of {sender}, log {envelope.fields.log}", seq=seq)
            case False:
                if log.is_sound:
                    pieces = [log.note, log.proof(seq)]
                    self._accuse("LS-ENV-SIG", seq, "", pieces, envelope, holder=sender)
            case True:
                statement = self._statements.setdefault(envelope.eid, Statement(envelope))
                if kind == "env.sent":
                    statement.at = seq
                    self._head(seq, envelope)
                elif sender != log.region:
                    statement.holders.add(log.region)
                self._accept(envelope)
                self._carried(envelope)

    def _head(self, seq: int, envelope: Envelope) -> None:
        log = self.log
        fault = head_fault(envelope, log.origin, seq, log.tree.root_at(seq))
        if fault is None or not log.is_sound:
            return
        log.faulty.add(seq)
        self._accuse("LS-HEAD-SELF", seq, fault, [log.note, log.earlier(seq), log.proof(seq)], envelope)

    def _accept(self, envelope: Envelope) -> None:
        if envelope.fields.type == "ACCEPT" and envelope.fields.study is not None:
            self._context.accepts.setdefault(envelope.fields.study, set()).add(envelope.fields.sender)

    def _carried(self, carrier: Envelope) -> None:
        """Messages inside a carrier's payload are statements too; a false one blames the carrier's signer."""
        sha = carrier.fields.sha256
        if sha is None or not TYPES[carrier.fields.type].carrier or sha not in self._payloads:
            return
        for envelope in self._inside(sha):
            match self._context.judge(envelope):
                case True:
                    self._statements.setdefault(envelope.eid, Statement(envelope)).holders.add(self.log.region)
                case False:
                    values: dict[str, str | int] = {"holder": envelope.fields.sender}
                    finding = Finding(
                        "LS-ENV-SIG",
                        subject=carrier.fields.sender,
                        study=carrier.fields.study,
                        round=carrier.fields.round,
                        seq=carrier.fields.head_size,
                        values=values,
                        evidence=[envelope_piece(carrier, self.log.region), payload_piece(sha)],
                        roster=self._context.roster_hash,
                    )
                    self.findings.append(finding)

    def _evidence(self, entry: Entry) -> None:
        """Two statements kept because they exclude each other are judged like any others."""
        hashes: Any = entry.body["evidence"]
        for sha in hashes:
            for envelope in self._inside(sha) if sha in self._payloads else ():
                if self._context.judge(envelope):
                    self._statements.setdefault(envelope.eid, Statement(envelope)).holders.add(self.log.region)

    def _inside(self, sha: bytes) -> list[Envelope]:
        inside = self._context.inside
        if sha not in inside:
            try:
                inside[sha] = [envelope for envelope, _ in decode_carried(self._payloads[sha])]
            except CodecError:
                inside[sha] = []
        return inside[sha]

    def _ending(self) -> None:
        last = self.log.raw.leaves[-1] if self.log.raw.leaves else None
        if last is None:
            return
        try:
            kind = decode_entry(last).kind
        except CodecError:
            return
        if kind != "audit.export":
            seq = self.log.tree.size - 1
            self._accuse("LS-EXPORT-UNLOGGED", seq, "", [self.log.note, self.log.proof(seq)])

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
        envelope: Envelope | None = None,
        holder: str = "?",
    ) -> None:
        if self._first(code):
            self.findings.append(
                Finding(
                    code,
                    subject=self.log.region,
                    study=envelope.fields.study if envelope else None,
                    round=envelope.fields.round if envelope else None,
                    seq=seq,
                    values={"detail": detail, "holder": holder},
                    evidence=pieces,
                    roster=self._context.roster_hash,
                )
            )

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


def _bin(entry: Entry, name: str) -> bytes:
    value = entry.body[name]
    assert isinstance(value, bytes)
    return value
