"""Logs against each other (level L2, without mirrors): every signed head is a claim on a history.

The longest sound log handed over of an origin is its *reference*, of equals the one that withholds least. Each
message that anybody holds names the place it has in its sender's log and the root before it; what does not fit the
reference, or another such statement, convicts its signer, and nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from node.audit.bundle import Bundle
from node.audit.checks import epochs
from node.audit.checks.logs import CheckedLog
from node.audit.checks.witness import Head, against, heads
from node.audit.claims import slot
from node.audit.context import Context
from node.audit.evidence import consistency_piece, note_piece
from node.audit.findings import Finding, Json, Severity
from node.audit.statements import Statement
from protocol.epochs import epoch_of
from protocol.messages import TYPES


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


def cross(
    context: Context,
    logs: Sequence[CheckedLog],
    bundles: Sequence[Bundle] = (),
    as_of: int | None = None,
    also: Sequence[Head] = (),
) -> Crossing:
    """Return what the logs, messages and copies of all regions, and other heads, say against each other."""
    crossing = Crossing()
    seen, false = heads(context, logs, bundles)
    seen += also
    crossing.findings += false
    statements = context.true()
    origins: dict[str, list[Statement]] = {log.origin: [] for log in logs}
    for statement in statements:
        origins.setdefault(statement.log, []).append(statement)
    for head in seen:
        origins.setdefault(head.checkpoint.origin, [])
    over = epochs.over(logs)
    for origin in sorted(origins):
        mine = [head for head in seen if head.checkpoint.origin == origin]
        found = [log for log in logs if log.origin == origin]
        _Origin(context, origin, found, origins[origin], mine, crossing, as_of, is_over=origin in over).run()
    crossing.findings += epochs.forks(context, logs, seen, origins)
    crossing.findings += epochs.missing(context, logs, statements, as_of)
    crossing.findings += _equivocations(context, statements)
    return crossing


class _Origin:
    """All that is signed about one log."""

    def __init__(
        self,
        context: Context,
        origin: str,
        logs: Sequence[CheckedLog],
        statements: Iterable[Statement],
        seen: Sequence[Head],
        crossing: Crossing,
        as_of: int | None,
        *,
        is_over: bool = False,
    ) -> None:
        self._context = context
        self._is_over = is_over
        self._region = origin.split("/")[1]
        self._signed = sorted((log for log in logs if log.is_signed), key=_size)
        self._reference = next((log for log in reversed(self._signed) if log.is_sound), None)
        self._statements = _in_order(statements)
        self._crossing = crossing
        self._as_of = as_of
        self._seen = sorted(seen, key=lambda head: (head.checkpoint.size, head.checkpoint.root, head.holder))
        self._roots: dict[int, bytes] = {}

    def run(self) -> None:
        match = self._crossing.matches.setdefault(self._region, Match())
        match.held += sum(bool(s.shown_by) for s in self._statements)
        reference = self._reference
        if reference is None:
            self._pairs(self._statements)
            self._copies()
            return
        size = reference.tree.size
        forks: list[Statement] = []
        omitted: list[Statement] = []
        withheld: list[Statement] = []
        beyond: list[Statement] = []
        known = self._context.statements.all
        for statement in self._statements:
            place = statement.size
            own = reference.sent(place)
            is_there = own is not None and known[own].header == statement.header
            if is_there and place not in reference.faulty and place not in reference.raw.misplaced:
                match.matched += bool(statement.shown_by)  # its head was compared with its place already
                continue
            if not statement.shown_by and statement.at in reference.faulty:
                continue  # said already: LS-HEAD-SELF
            if place <= size and self._root(place) != statement.root:
                forks.append(statement)
            elif place >= size + (not TYPES[statement.type].logged):
                beyond.append(statement)
            elif not TYPES[statement.type].logged:
                continue  # a claim on a prefix, not on a place
            elif reference.raw.leaves[place] is None:
                withheld.append(statement)
            elif is_there:
                match.matched += bool(statement.shown_by)
            else:
                omitted.append(statement)
        self._against_reference(reference, forks, omitted, withheld)
        self._later(reference, beyond)

    def _against_reference(
        self,
        reference: CheckedLog,
        forks: list[Statement],
        omitted: list[Statement],
        withheld: list[Statement],
    ) -> None:
        if forks:
            first = forks[0]
            place = first.size
            detail = f"a message that {first.holder} holds names another history of its first {place} entries"
            pieces = [first.piece, reference.note, reference.earlier(place)]
            since = self._since(reference, place, first.holder)
            self._find("LS-FORK", first, detail + _agree(since), pieces, len(forks), values={"since": since})
        else:
            self._checkpoints(reference)
        self._confirmed(reference)
        if omitted:
            first = omitted[0]
            place = first.size
            pieces = [first.piece, reference.note, reference.proof(place)]
            self._find("LS-OMITTED", first, f"{first.holder} holds the message", pieces, len(omitted))
        named = [s for s in withheld if s.study in self._context.studies]
        if named:
            self._find(
                "LS-LEAF-WITHHELD",
                named[0],
                f", among them a message of this study that {named[0].holder} holds",
                [named[0].piece, reference.note],
                len(named),
                grave=Severity.MAJOR,
                lacking=reference,
            )

    def _confirmed(self, reference: CheckedLog) -> None:
        """Heads that others were shown are of the history that was handed over; the first difference is told."""
        # Many were shown one head; mirrors hold more than a head each.
        distinct = {(head.checkpoint.size, head.checkpoint.root, id(head.tree)): head for head in reversed(self._seen)}
        forks = [(found, head) for head in distinct.values() if (found := against(self._context, reference, head))]
        if not forks:
            return
        fork, head = min(reversed(forks), key=lambda pair: pair[0].seq or 0)
        if head.tree is None:  # only the roots before the place are known to differ
            since = self._since(reference, head.checkpoint.size, head.holder)
            fork = replace(fork, values={"detail": f"{fork.values['detail']}{_agree(since)}", "since": since})
        self._crossing.findings.append(fork)

    def _since(self, reference: CheckedLog, place: int, holder: str) -> int:
        """Return the last entry before a place up to which what the same holder has fits the reference."""
        shown = {head.checkpoint for head in self._seen if head.holder == holder and head.checkpoint.size < place}
        fits = [point.size - 1 for point in shown if self._root(point.size) == point.root]
        for statement in self._statements:
            own = reference.sent(statement.size) if statement.shown_by == holder and statement.size < place else None
            if own is not None and self._context.statements.all[own].header == statement.header:
                fits.append(statement.size)
        return max(fits, default=0)

    def _copies(self) -> None:
        """With no log at hand, what others were shown must be one history."""
        longest = max((head for head in self._seen if head.tree), key=lambda h: h.checkpoint.size, default=None)
        if longest is None or longest.tree is None:
            return
        point, tree = longest.checkpoint, longest.tree
        for head in self._seen:
            size, root = head.checkpoint.size, head.checkpoint.root
            if size <= point.size and tree.root_at(size) != root:
                earlier = consistency_piece(size, tree.root_at(size), tree.consistency_path(size))
                detail = f"{head.holder} and {longest.holder} were shown two histories of its first {size} entries"
                self._add("LS-FORK", size, detail, [note_piece(head.note), note_piece(longest.note), earlier])
                return
        for statement in self._statements:
            size = statement.size
            if size <= point.size and tree.root_at(size) != statement.root:
                earlier = consistency_piece(size, tree.root_at(size), tree.consistency_path(size))
                detail = f"{statement.holder} holds a message of another history than {longest.holder} copied"
                self._find("LS-FORK", statement, detail, [statement.piece, note_piece(longest.note), earlier], 1)
                return

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
        if self._is_over:
            return  # its region has said that the end is lost: LS-EPOCH-GAP
        missing = [s for s in beyond if s.shown_by and s.study in self._context.studies and self._is_asked(s)]
        if missing:
            last = missing[-1]
            pieces = [last.piece, reference.note]
            values = {"n": last.size + 1 - reference.tree.size}
            self._find("LS-TRUNCATED", last, "", pieces, 1, values=values, lacking=reference)
            return
        size, studies = reference.tree.size, self._context.studies
        later = [
            head for head in self._seen
            if head.checkpoint.size > size and (head.study in studies or self._is_missing(reference, head))
        ]  # fmt: skip
        later = [head for head in later if self._as_of is None or (head.round or 0) <= self._as_of]
        if later:
            head = later[-1]
            subject, source = reference.lacking
            filled: dict[str, str | int] = {"n": head.checkpoint.size - size, "detail": ""}
            self._crossing.findings.append(
                Finding(
                    "LS-TRUNCATED",
                    subject=subject,
                    source=source,
                    study=head.study,
                    round=head.round,
                    seq=head.checkpoint.size,
                    values=filled,
                    evidence=[note_piece(head.note), reference.note],
                    roster=self._context.roster_hash,
                )
            )

    def _is_missing(self, reference: CheckedLog, head: Head) -> bool:
        """Whether an outside witness saw entries that a log must hold, which says that it was handed over later."""
        times = reference.raw.times
        return self._as_of is None and head.t_s is not None and bool(times) and times[-1] >= head.t_s * 1000

    def _is_asked(self, statement: Statement) -> bool:
        return epochs.is_within(statement, self._as_of)

    def _pairs(self, statements: Iterable[Statement]) -> None:
        """Without a reference for them, two statements about one place must be one."""
        first: dict[int, Statement] = {}
        for statement in statements:
            place = statement.size
            other = first.setdefault(place, statement)
            if other is not statement:
                detail = f"{other.holder} and {statement.holder} hold different messages signed as entry {place}"
                self._find("LS-FORK", statement, detail, [other.piece, statement.piece], 1)
                return
        points = {log.checkpoint.size: log for log in self._signed if log.checkpoint and log is not self._reference}
        for place in sorted(points.keys() & first.keys()):
            point, statement = points[place].checkpoint, first[place]
            if point is not None and point.root != statement.root:
                detail = f"a message that {statement.holder} holds and a checkpoint are of different histories"
                self._find("LS-FORK", statement, detail, [statement.piece, points[place].note], 1)
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
        lacking: CheckedLog | None = None,
    ) -> None:
        if count > 1:
            detail += f"; {count} messages say so"
        filled: dict[str, str | int] = {"detail": detail, "n": count, **(values or {})}
        subject, source = (self._region, None) if lacking is None else lacking.lacking
        self._crossing.findings.append(
            Finding(
                code,
                subject=subject,
                source=source,
                study=statement.study,
                round=statement.round,
                seq=statement.size,
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


def _agree(since: int) -> str:
    return f"; up to entry {since} they agree" if since else ""


def _equivocations(context: Context, statements: Iterable[Statement]) -> list[Finding]:
    """Two messages of one type for one session, by one sender: the first such pair of each region."""
    # Hashes of the places keep this small; where two are equal, the places are compared themselves.
    seen: dict[int, Statement] = {}
    rivals: list[tuple[Statement, Statement]] = []
    for statement in statements:
        place = slot(statement)
        if place is None:
            continue
        other = seen.setdefault(hash(place), statement)
        if other is not statement and not _is_signed(context, other):
            seen[hash(place)] = statement  # agreed upon without its signature (``--fast``): it stands for nobody
        elif other.header != statement.header and slot(other) == place and _is_signed(context, statement):
            rivals.append((min(other, statement, key=_order), max(other, statement, key=_order)))
    found: dict[str, Finding] = {}
    for one, two in sorted(rivals, key=lambda pair: (_order(pair[1]), _order(pair[0]))):
        holders = " and ".join(sorted({one.holder, two.holder}))
        if two.sender not in found:
            found[two.sender] = Finding(
                "LS-EQUIVOCATION",
                subject=two.sender,
                study=two.study,
                round=two.round,
                seq=two.size,
                values={"detail": f"two {two.type} for one session, held by {holders}"},
                evidence=[one.piece, two.piece],
                roster=context.roster_hash,
            )
    return list(found.values())


def _is_signed(context: Context, statement: Statement) -> bool:
    """Whether its signature holds: with ``--fast`` nobody has looked yet."""
    sets = context.sets_at(statement.sender, statement.size, epoch_of(statement.log))
    return any(context.signatures.statement(statement, keys.sign) for keys in sets)


def _order(statement: Statement) -> tuple[int, bytes]:
    return statement.size, statement.eid


def _in_order(statements: Iterable[Statement]) -> list[Statement]:
    """Return statements by ``_order``; where no two are of one place, nobody needs their hash."""
    ordered = sorted(statements, key=lambda statement: statement.size)
    is_once = all(one.size != two.size for one, two in pairwise(ordered))
    return ordered if is_once else sorted(ordered, key=_order)


def _size(log: CheckedLog) -> tuple[int, int]:
    """Order logs by length, and those of one length by how much of them is at hand."""
    return log.checkpoint.size if log.checkpoint else 0, -log.withheld
