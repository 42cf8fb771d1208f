"""What left a region, read from its own log: one line for each thing, each receiver and each approval it went under.

A message is counted once for each region that it was sent to, with its header, its signature and its payload: the
counts and bytes are those of the ``env.sent`` entries. Beside them stand what a neighbour copied of the log (as its
confirmations show), what was handed to an auditor or to another region to judge, and what was released. Words:
``disclosures_words``.

Not in a log, so not here: PING and other service messages that carry no more than heads and confirmations, messages
of others that were only passed on, and copies of the log that a neighbour took and never confirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from protocol.codec import MAX_HEADER, decode
from protocol.entries import Entry, decode_entry
from protocol.errors import PlanError
from protocol.plan import Plan

FORMS = (
    "clear", "masked", "sum", "statistics", "model", "synthetic", "evidence", "copy", "handover", "organisation",
)  # fmt: skip
SIGNATURE = 64
HASH_ONLY = 36  # bytes of an entry of which only the hash is handed over, with its length before it
_VALUES = ("MASKED", "PARTIAL", "DELTA", "RESULT")


@dataclass(frozen=True, slots=True)
class Approval:
    """Who let it go: a role of ``protocol.kinds.ROLES``, and a diary number where one was given.

    Attributes:
        check: Where a gate of the data sheet was overridden: which. Role is then "data".
    """

    role: str
    ref: str | None
    check: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that left the region.

    Attributes:
        at: Place of the entry that shows it.
        t_ms: Unix time in milliseconds, as this region's clock said.
        to: Region; None where nobody is named (a file).
        requester: Diary number of who asked for a file, if there is one.
        form: One of ``FORMS``.
        what: Key of the sentence on what the receiver could learn, see ``disclosures_words.LEARNS``.
        among: How many regions' values a masked value hides among, its own counted; 0 where that does not apply.
        size: Bytes of all that left; None where the log does not say.
        type: TYPE of the message, or kind of the entry.
    """

    at: int
    t_ms: int
    to: str | None
    requester: str | None
    form: str
    what: str
    among: int
    size: int | None
    type: str
    study: bytes | None
    round: int | None
    approvals: tuple[Approval, ...]


@dataclass(frozen=True, slots=True)
class Total:
    """How many lines, and their bytes as far as the log says."""

    count: int
    size: int


@dataclass(frozen=True, slots=True)
class Disclosures:
    """All lines of one log, in the order of their entries.

    Attributes:
        origin: That of the log; "" for an empty one.
        unreadable: Entries of which only a fingerprint is left: what they showed is not here.
        titles: By study, the plan's title; of plans that are at hand.
    """

    origin: str
    lines: tuple[Line, ...]
    unreadable: int
    titles: dict[bytes, str]

    @property
    def region(self) -> str:
        """Whose log it is."""
        return self.origin.split("/")[1] if self.origin else ""

    def only(self, *, to: str | None = None, since_ms: int | None = None) -> Disclosures:
        """Return the lines to one region, or from one time on."""
        kept = tuple(
            line for line in self.lines
            if (to is None or line.to == to) and (since_ms is None or line.t_ms >= since_ms)
        )  # fmt: skip
        return Disclosures(self.origin, kept, self.unreadable, self.titles)


def totals(lines: Sequence[Line]) -> dict[str, Total]:
    """Return count and bytes by form, in the order of ``FORMS``; only forms that occur."""
    out = {}
    for form in FORMS:
        chosen = [line for line in lines if line.form == form]
        if chosen:
            out[form] = Total(len(chosen), sum(line.size or 0 for line in chosen))
    return out


def disclosed(leaves: Iterable[bytes | None], document: Callable[[bytes], bytes | None]) -> Disclosures:
    """Return what left the region that wrote this log.

    Args:
        leaves: Canonical entries in order; None for one of which only the fingerprint is left.
        document: A kept payload by its SHA-256, or None: plans are looked up with it.

    Raises:
        CodecError, SchemaError: A leaf is no entry of this version.
    """
    reader = _Reader(document)
    lines = tuple(line for at, leaf in enumerate(leaves) for line in reader.lines(at, leaf))
    titles = {study: plan.title for study, plan in reader.plans.items() if plan is not None}
    return Disclosures(reader.origin, lines, reader.unreadable, titles)


@dataclass(frozen=True, slots=True)
class _Session:
    """What a COHORT said of its session."""

    kind: str
    variant: str
    members: int


class _Reader:
    """What the entries so far have said."""

    def __init__(self, document: Callable[[bytes], bytes | None]) -> None:
        self.origin = ""
        self.unreadable = 0
        self.plans: dict[bytes, Plan | None] = {}
        self._document = document
        self._sessions: dict[bytes, _Session] = {}
        self._approvals: dict[bytes, list[Approval]] = {}
        self._roster: list[Approval] = []
        self._sheets: dict[bytes, list[Approval]] = {}
        self._regions: dict[bytes, list[str]] = {}
        self._bare: set[bytes | None] = set()  # studies without masks
        self._files: dict[bytes, int] = {}
        self._releasing: dict[bytes, list[Approval]] = {}  # by file
        self._sizes: list[tuple[int, bytes | None]] = []  # of each entry, and its study
        self._copied: dict[str, int] = {}

    def lines(self, at: int, leaf: bytes | None) -> Iterator[Line]:
        if leaf is None:
            self.unreadable += 1
            self._sizes.append((0, None))
            return
        entry = decode_entry(leaf)
        self.origin = entry.log
        self._sizes.append((len(leaf), entry.study))
        body: Any = entry.body
        match entry.kind:
            case "roster.accept":
                self._roster.append(Approval(body["role"], body["decision_ref"]))
            case "data.sheet":
                self._sheets[body["sheet_sha256"]] = [
                    Approval("data", row["decision_ref"], row["check"]) for row in body["overrides"]
                ]
            case "study.accept" if entry.study is not None:
                given = self._approvals.setdefault(entry.study, [])
                given.append(Approval(body["role"], body["decision_ref"]))
                given += [one for one in self._sheets.get(body["sheet"], ()) if one not in given]
            case "study.start" if entry.study is not None:
                self._regions[entry.study] = body["regions"]
                if body["masking"] == "off":
                    self._bare.add(entry.study)
            case "model.checkpoint":
                self._files[body["file_sha256"]] = body["bytes"]
            case "env.recv":
                self._hear(_header(body))
            case "env.sent":
                yield from self._sent(at, entry)
            case "round.heads":
                yield from self._copies(at, entry)
            case "release.approve":
                self._files[body["file_sha256"]] = body["bytes"]
                self._releasing.setdefault(body["file_sha256"], []).append(Approval(body["role"], body["decision_ref"]))
            case "release.offer":
                for name in body["to"]:
                    yield self._let_out(at, entry, name, body["kind"], f"offer.{body['kind']}", None)
            case "model.release" | "data.release":
                what = entry.kind.partition(".")[0]
                yield self._let_out(at, entry, None, what, entry.kind, body["round"])
            case "audit.export":
                yield self._handed_over(at, entry)

    def _line(
        self, at: int, entry: Entry, to: str | None, form: str, what: str, size: int | None, type: str,
        round: int | None = None, *, among: int = 0, requester: str | None = None,
    ) -> Line:  # fmt: skip
        approvals = self._roster if type == "ROSTER" else self._approvals.get(entry.study or b"", [])
        return Line(at, entry.t_ms, to, requester, form, what, among, size, type, entry.study, round, tuple(approvals))

    def _let_out(self, at: int, entry: Entry, to: str | None, kind: str, what: str, round: int | None) -> Line:
        """A file: released, or handed over before that; on the approvals of the study and of the file."""
        body: Any = entry.body
        form = "model" if kind == "model" else "synthetic"
        size = body["bytes"] if "bytes" in body else self._files.get(body["file_sha256"])
        line = self._line(at, entry, to, form, what, size, entry.kind, round)
        own = [Approval(body["role"], body["decision_ref"])] if "role" in body else []
        given = dict.fromkeys([*line.approvals, *self._releasing.get(body["file_sha256"], []), *own])
        return replace(line, approvals=tuple(given))

    # ------------------------------------------------------------ messages

    def _hear(self, header: dict[str, Any]) -> None:
        if header["type"] == "COHORT":
            body = header["body"]
            self._sessions[header["session"]] = _Session(body["kind"], body["variant"], len(body["members"]))

    def _sent(self, at: int, entry: Entry) -> Iterator[Line]:
        body: Any = entry.body
        header = _header(body)
        self._hear(header)
        size = len(body["header"]) + SIGNATURE + header["bytes"]
        form, what, among = self._told(header, entry.study)
        for name in body["to"]:
            yield self._line(at, entry, name, form, what, size, header["type"], header["round"], among=among)

    def _told(self, header: dict[str, Any], study: bytes | None) -> tuple[str, str, int]:
        """Form, key of the sentence, and among how many the value hides."""
        type = header["type"]
        if type == "EVIDENCE":
            return "evidence", type, 0
        if type not in _VALUES:
            return "organisation", type, 0
        plan = self._plan(study)
        session = self._sessions.get(header["session"])
        off = study in self._bare or (session is not None and session.variant == "off")
        if type == "RESULT":
            return ("sum", type, 0) if header["bytes"] else ("organisation", "RESULT.void", 0)
        if type == "DELTA" or off:
            private = plan is not None and plan.dp is not None
            return "clear", "clear.dp" if private else "clear", 0
        # In a neighbourhood the receiver adds its own value to what it has summed: it learns the sum of the others.
        among = session.members if session is not None else 0
        is_sum_round = plan is not None and header["round"] is not None and header["round"] < plan.sum_rounds
        if (session is not None and session.kind == "sum") or is_sum_round:
            return "statistics", "MASKED.sum", among
        if type == "PARTIAL":
            return "masked", type, among
        return "masked", "MASKED.state" if session is not None and session.kind == "state" else "MASKED", among

    def _plan(self, study: bytes | None) -> Plan | None:
        if study is None:
            return None
        if study not in self.plans:
            data = self._document(study)
            try:
                self.plans[study] = Plan.decode(data) if data is not None else None
            except PlanError:
                self.plans[study] = None  # of another version: what the entries say is shown all the same
        return self.plans[study]

    # ------------------------------------------------------------ the log itself

    def _copies(self, at: int, entry: Entry) -> Iterator[Line]:
        """What a neighbour had copied when it confirmed the log: it confirms what it has compared entry by entry."""
        body: Any = entry.body
        plan = self._plan(entry.study)
        if plan is not None and not plan.witness["mirror"]:
            return
        for row in body["cosigned"]:
            first = self._copied.get(row["by"], 0)
            if row["size"] > first:
                size = sum(self._shown(row["by"], seq) for seq in range(first, min(row["size"], at)))
                self._copied[row["by"]] = row["size"]
                yield self._line(at, entry, row["by"], "copy", "copy", size, "MIRROR", body["round"])

    def _shown(self, reader: str, seq: int) -> int:
        """Bytes of an entry as a neighbour gets it: of a study that is not its own, the fingerprint alone."""
        size, study = self._sizes[seq]
        return size if study is None or reader in self._regions.get(study, (reader,)) else HASH_ONLY - 4

    def _handed_over(self, at: int, entry: Entry) -> Line:
        body: Any = entry.body
        one = body["study"]
        size = sum(
            4 + length if length and (one is None or study in (None, one)) else HASH_ONLY
            for length, study in self._sizes
        )
        what = "handover.payloads" if body["payloads"] == "all" else "handover"
        shown = Entry(entry.log, entry.seq, entry.t_ms, entry.kind, one, entry.body)
        return self._line(at, shown, None, "handover", what, size, entry.kind, requester=body["requester_ref"])


def _header(body: Any) -> dict[str, Any]:
    header: Any = decode(body["header"], max_bytes=MAX_HEADER)
    return dict(header)
