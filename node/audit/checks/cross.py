"""Logs against each other (level L2, without mirrors): every signed head is a claim on a history.

The longest sound log handed over of an origin is its *reference*. Each message that anybody holds
names the place it has in its sender's log and the root before it; what does not fit the reference,
or another such statement, convicts its signer, and nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from node.audit.checks.logs import CheckedLog, Statement, Statements
from node.audit.claims import slot
from node.audit.context import Context
from node.audit.evidence import envelope_piece
from node.audit.findings import Finding, Json, Severity


@dataclass(slots=True)
class Match:
    """How many statements of one region others hold, and how many stand in its own log."""

    held: int = 0
    matched: int = 0


@dataclass(slots=True)
class Crossing:
    """What comparing the logs gave."""

    findings: list[Finding] = field(default_factory=list)
    matches: dict[str, Match] = field(default_factory=dict)


def cross(context: Context, logs: Sequence[CheckedLog], statements: Statements) -> Crossing:
    """Return what the logs and messages of all regions say against each other."""
    crossing = Crossing()
    origins: dict[str, list[Statement]] = {log.origin: [] for log in logs}
    for statement in statements.values():
        origins.setdefault(statement.envelope.fields.log, []).append(statement)
    for origin in sorted(origins):
        _Origin(context, origin, [log for log in logs if log.origin == origin], origins[origin], crossing).run()
    crossing.findings += _equivocations(context, statements.values())
    return crossing


class _Origin:
    """All that is signed about one log."""

    def __init__(
        self,
        context: Context,
        origin: str,
        logs: Sequence[CheckedLog],
        statements: Iterable[Statement],
        crossing: Crossing,
    ) -> None:
        self._context = context
        self._region = origin.split("/")[1]
        self._signed = sorted((log for log in logs if log.is_signed), key=_size)
        self._reference = next((log for log in reversed(self._signed) if log.is_sound), None)
        self._statements = sorted(statements, key=lambda s: (s.envelope.fields.head_size, s.envelope.eid))
        self._crossing = crossing
        self._roots: dict[int, bytes] = {}

    def run(self) -> None:
        match = self._crossing.matches.setdefault(self._region, Match())
        match.held += sum(bool(s.holders) for s in self._statements)
        reference = self._reference
        if reference is None:
            self._pairs(self._statements)
            return
        size = reference.tree.size
        forks: list[Statement] = []
        omitted: list[Statement] = []
        withheld: list[Statement] = []
        beyond: list[Statement] = []
        agreed = 0
        for statement in self._statements:
            fields = statement.envelope.fields
            place = fields.head_size
            if not statement.holders and statement.at in reference.faulty:
                continue  # said already: LS-HEAD-SELF
            if place <= size and self._root(place) != fields.head_root:
                forks.append(statement)
            elif place >= size:
                beyond.append(statement)
            elif reference.raw.leaves[place] is None:
                withheld.append(statement)
            elif reference.sent.get(place) != statement.envelope.eid:
                omitted.append(statement)
            else:
                match.matched += bool(statement.holders)
                agreed = place
        self._against_reference(reference, forks, omitted, withheld, agreed)
        self._later(reference, beyond)

    def _against_reference(
        self,
        reference: CheckedLog,
        forks: list[Statement],
        omitted: list[Statement],
        withheld: list[Statement],
        agreed: int,
    ) -> None:
        if forks:
            first = forks[0]
            place = first.envelope.fields.head_size
            before = max((s for s in range(place) if s in reference.sent and s <= agreed), default=0)
            detail = f"a message that {first.holder} holds names another history of its first {place} entries"
            if before:
                detail += f"; up to entry {before} they agree"
            pieces = [_piece(first), reference.note, reference.earlier(place)]
            self._find("LS-FORK", first, detail, pieces, len(forks))
        else:
            self._checkpoints(reference)
        if omitted:
            first = omitted[0]
            place = first.envelope.fields.head_size
            pieces = [_piece(first), reference.note, reference.proof(place)]
            self._find("LS-OMITTED", first, f"{first.holder} holds the message", pieces, len(omitted))
        named = [s for s in withheld if s.envelope.fields.study in self._context.studies]
        if named:
            self._find(
                "LS-LEAF-WITHHELD",
                named[0],
                f", among them a message of this study that {named[0].holder} holds",
                [_piece(named[0]), reference.note],
                len(named),
                grave=Severity.MAJOR,
            )

    def _checkpoints(self, reference: CheckedLog) -> None:
        """Other checkpoints of the same log must be over the same history."""
        for log in self._signed:
            point = log.checkpoint
            if log is reference or point is None or point.size > reference.tree.size:
                continue
            if self._root(point.size) != point.root:
                detail = f"the checkpoint over {point.size} entries in {log.bundle.label} is of another history"
                pieces = [log.note, reference.note, reference.earlier(point.size)]
                self._add("LS-FORK", point.size, detail, pieces)
                return

    def _later(self, reference: CheckedLog, beyond: list[Statement]) -> None:
        """Statements after the end of what was handed over."""
        self._pairs(beyond)
        missing = [s for s in beyond if s.holders and s.envelope.fields.study in self._context.studies]
        if missing:
            last = missing[-1]
            pieces = [_piece(last), reference.note]
            values = {"n": last.envelope.fields.head_size + 1 - reference.tree.size}
            self._find("LS-TRUNCATED", last, "", pieces, 1, values=values)

    def _pairs(self, statements: Iterable[Statement]) -> None:
        """Without a reference for them, two statements about one place must be one."""
        first: dict[int, Statement] = {}
        for statement in statements:
            place = statement.envelope.fields.head_size
            other = first.setdefault(place, statement)
            if other is not statement:
                detail = f"{other.holder} and {statement.holder} hold different messages signed as entry {place}"
                self._find("LS-FORK", statement, detail, [_piece(other), _piece(statement)], 1)
                return
        points = {log.checkpoint.size: log for log in self._signed if log.checkpoint and log is not self._reference}
        for place in sorted(points.keys() & first.keys()):
            point, statement = points[place].checkpoint, first[place]
            if point is not None and point.root != statement.envelope.fields.head_root:
                detail = f"a message that {statement.holder} holds and a checkpoint are of different histories"
                self._find("LS-FORK", statement, detail, [_piece(statement), points[place].note], 1)
                return

    def _root(self, size: int) -> bytes:
        if size not in self._roots:
            assert self._reference is not None
            self._roots[size] = self._reference.tree.root_at(size)
        return self._roots[size]

    def _find(
        self,
        code: str,
        statement: Statement,
        detail: str,
        pieces: list[dict[str, Json]],
        count: int,
        *,
        values: dict[str, int] | None = None,
        grave: Severity | None = None,
    ) -> None:
        fields = statement.envelope.fields
        if count > 1:
            detail += f"; {count} messages say so"
        filled: dict[str, str | int] = {"detail": detail, "n": count, **(values or {})}
        self._crossing.findings.append(
            Finding(
                code,
                subject=self._region,
                study=fields.study,
                round=fields.round,
                seq=fields.head_size,
                values=filled,
                evidence=pieces,
                roster=self._context.roster_hash,
                grave=grave,
            )
        )

    def _add(self, code: str, seq: int, detail: str, pieces: list[dict[str, Json]]) -> None:
        self._crossing.findings.append(
            Finding(
                code,
                subject=self._region,
                seq=seq,
                values={"detail": detail},
                evidence=pieces,
                roster=self._context.roster_hash,
            )
        )


def _equivocations(context: Context, statements: Iterable[Statement]) -> list[Finding]:
    """Two messages of one type for one session, by one sender: the first such pair of each region."""
    first: dict[tuple[object, ...], Statement] = {}
    found: dict[str, Finding] = {}
    for statement in sorted(statements, key=lambda s: (s.envelope.fields.head_size, s.envelope.eid)):
        place = slot(statement.envelope)
        if place is None:
            continue
        other = first.setdefault(place, statement)
        fields = statement.envelope.fields
        if other is not statement and fields.sender not in found:
            holders = " and ".join(sorted({other.holder, statement.holder}))
            found[fields.sender] = Finding(
                "LS-EQUIVOCATION",
                subject=fields.sender,
                study=fields.study,
                round=fields.round,
                seq=fields.head_size,
                values={"detail": f"two {fields.type} for one session, held by {holders}"},
                evidence=[_piece(other), _piece(statement)],
                roster=context.roster_hash,
            )
    return list(found.values())


def _piece(statement: Statement) -> dict[str, Json]:
    return envelope_piece(statement.envelope, statement.holder)


def _size(log: CheckedLog) -> int:
    return log.checkpoint.size if log.checkpoint else 0
