"""What the audit can say: codes, how grave each is, who may be named, and one finding.

Rules kept here, and nowhere else:
  * a code has one severity, and one answer to "whom may it name";
  * a finding that names nobody says which bundle presented the defect instead;
  * the fingerprint of a finding does not depend on words, language or evidence.

Words are in ``catalogue``; how evidence convinces is in ``evidence``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from node.audit.catalogue import words
from node.audit.details import said
from protocol.codec import Value, hash_of

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


class Severity(Enum):
    """How grave a finding is; ``exit_code`` is what the command answers when it is the worst."""

    REFUSED = ("refused", 65)
    CRITICAL = ("critical", 3)
    MAJOR = ("major", 2)
    MINOR = ("minor", 1)
    INFO = ("info", 0)

    def __init__(self, label: str, exit_code: int) -> None:
        self.label = label
        self.exit_code = exit_code


class Status(Enum):
    """What kind of statement a finding is."""

    CONTRADICTED = "CONTRADICTED"
    DEFECTIVE = "DEFECTIVE"
    UNDECIDABLE = "UNDECIDABLE"
    NOT_CHECKED = "NOT CHECKED"


class Who(Enum):
    """Whom a code may name as its subject."""

    BUNDLE = "bundle"
    REGION = "region"
    EITHER = "region where its own signed root covers it, else bundle"


@dataclass(frozen=True, slots=True)
class Code:
    """Severity of a code and whom it may name."""

    severity: Severity
    who: Who


_R, _C, _M, _m, _i = Severity.REFUSED, Severity.CRITICAL, Severity.MAJOR, Severity.MINOR, Severity.INFO

CODES: Mapping[str, Code] = {
    "LS-BUNDLE-FORMAT": Code(_R, Who.BUNDLE),
    "LS-BUNDLE-PATH": Code(_R, Who.BUNDLE),
    "LS-BUNDLE-LIMIT": Code(_R, Who.BUNDLE),
    "LS-BUNDLE-MANIFEST": Code(_R, Who.BUNDLE),
    "LS-BUNDLE-SIG": Code(_M, Who.BUNDLE),
    "LS-STUDY-ID": Code(_C, Who.BUNDLE),
    "LS-ROSTER": Code(_C, Who.BUNDLE),
    "LS-VIEW": Code(_m, Who.BUNDLE),
    "LS-PAYLOAD-HASH": Code(_M, Who.BUNDLE),
    "LS-ENTRY-FORMAT": Code(_C, Who.EITHER),
    "LS-ENTRY-SCHEMA": Code(_C, Who.EITHER),
    "LS-ENTRY-SEQ": Code(_C, Who.EITHER),
    "LS-LOG-ROOT": Code(_C, Who.BUNDLE),
    "LS-CHECKPOINT-FORMAT": Code(_C, Who.BUNDLE),
    "LS-CHECKPOINT-SIG": Code(_C, Who.BUNDLE),
    "LS-KEY-UNKNOWN": Code(_M, Who.BUNDLE),
    "LS-COSIG": Code(_M, Who.BUNDLE),
    "LS-HEAD-SELF": Code(_C, Who.REGION),
    "LS-ENV-SIG": Code(_C, Who.REGION),
    "LS-FORK": Code(_C, Who.REGION),
    "LS-OMITTED": Code(_C, Who.REGION),
    "LS-TRUNCATED": Code(_M, Who.REGION),
    "LS-EQUIVOCATION": Code(_C, Who.REGION),
    "LS-LEAF-WITHHELD": Code(_i, Who.REGION),
    "LS-TIME-ORDER": Code(_M, Who.REGION),
    "LS-EXPORT-UNLOGGED": Code(_M, Who.REGION),
    "LS-LOG-ABSENT": Code(_i, Who.REGION),
    "LS-LINE-MISSING": Code(_i, Who.REGION),
    "LS-LAB": Code(_i, Who.BUNDLE),
    "LS-ROLLBACK": Code(_M, Who.REGION),
    "LS-EPOCH-GAP": Code(_m, Who.REGION),
    "LS-LEAF-LOST": Code(_m, Who.REGION),
    "LS-REDACTED": Code(_i, Who.REGION),
    "LS-COSIG-LAG": Code(_m, Who.REGION),
    "LS-BACKDATED": Code(_M, Who.REGION),
    "LS-CLOCK": Code(_i, Who.REGION),
    "LS-KEY-REVOKED": Code(_C, Who.REGION),
    "LS-STUDY-ACCEPT": Code(_C, Who.REGION),
    "LS-MEMBER": Code(_C, Who.REGION),
    "LS-EDGE": Code(_C, Who.REGION),
    "LS-SETTINGS": Code(_M, Who.REGION),
    "LS-WEIGHT": Code(_C, Who.REGION),
    "LS-COHORT": Code(_C, Who.REGION),
    "LS-ROUND-GAP": Code(_M, Who.REGION),
    "LS-ROUND-DUP": Code(_C, Who.REGION),
    "LS-STALE": Code(_C, Who.REGION),
    "LS-MATCH": Code(_C, Who.REGION),
    "LS-FALSE-DROPOUT": Code(_C, Who.REGION),
    "LS-UNMASK-BOTH": Code(_C, Who.REGION),
    "LS-DISPUTE-DELIVERY": Code(_i, Who.REGION),
    "LS-LINEAGE": Code(_C, Who.REGION),
    "LS-RELEASE-LINEAGE": Code(_C, Who.REGION),
    "LS-RELEASE-RULE": Code(_C, Who.REGION),
    "LS-DP-BUDGET": Code(_C, Who.REGION),
    "LS-DP-MATH": Code(_C, Who.REGION),
    "LS-RECOMPUTE-SUM": Code(_C, Who.REGION),
    "LS-RECOMPUTE-MIX": Code(_C, Who.REGION),
    "LS-OPENING": Code(_C, Who.REGION),
    "LS-EXPORT-UNMASKABLE": Code(_C, Who.BUNDLE),
    "LS-PAYLOAD-PRUNED": Code(_i, Who.REGION),
    "LS-PAYLOAD-ABSENT": Code(_i, Who.REGION),
}
"""Every code of this version; later versions add to it."""

UNDECIDABLE = frozenset({"LS-CLOCK", "LS-DISPUTE-DELIVERY"})
"""Codes of two statements of which logs cannot show which is right."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing the audit found.

    Attributes:
        code: Key of ``CODES``.
        subject: Region that the evidence convicts, or None: then nobody is blamed.
        source: Label of the bundle that presents the defect; None where a subject is named.
        source_signed: Whether that bundle's ``manifest.note`` verifies (then no courier did it).
        study: 32 bytes, where the finding belongs to one study.
        seq: Position in the subject's (or the bundle's) log.
        values: What the words of the catalogue are filled with; ASCII only.
        evidence: JSON objects, see ``evidence``; enough to see that the subject did it.
        roster: SHA-256 of the roster whose keys the evidence was checked with.
        severity: Set where it differs from the code's own.
    """

    code: str
    subject: str | None = None
    source: str | None = None
    source_signed: bool | None = None
    study: bytes | None = None
    round: int | None = None
    seq: int | None = None
    values: Mapping[str, str | int] = field(default_factory=dict)
    evidence: Sequence[Mapping[str, Json]] = ()
    roster: bytes | None = None
    grave: Severity | None = None

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return self.grave or CODES[self.code].severity

    @property
    def status(self) -> Status:
        """CONTRADICTED where a region is named for a fault, DEFECTIVE where a bundle is."""
        if self.code in UNDECIDABLE:
            return Status.UNDECIDABLE
        if self.severity is Severity.INFO:
            return Status.NOT_CHECKED
        return Status.DEFECTIVE if self.subject is None else Status.CONTRADICTED

    @property
    def fingerprint(self) -> str:
        """64 hex digits over code, subject, source, round and seq."""
        value: list[Value] = [self.code, self.subject, self.source, self.round, self.seq]
        return hash_of("finding", value).hex()

    @property
    def place(self) -> str:
        """Region or bundle, with the position in the log: ``vgr, entry 17``."""
        where = self.subject or self.source or "all bundles"
        return where if self.seq is None else f"{where}, entry {self.seq}"

    def filled(self, lang: str = "en") -> dict[str, str | int]:
        """Everything the catalogue's words may ask for; the detail in a language."""
        base: dict[str, str | int] = {
            "subject": self.subject or self.source or "?",
            "source": self.source or "?",
            "seq": "?" if self.seq is None else self.seq,
            "round": "?" if self.round is None else self.round,
            "n": 1,
            "detail": "",
            "holder": "?",
        }
        filled = base | dict(self.values)
        return filled | {"detail": said(str(filled["detail"]), lang)}

    def to_json(self, lang: str = "en") -> dict[str, Json]:
        """Return the finding as the report prints it."""
        text = words(self.code, lang)
        filled = self.filled(lang)
        return {
            "code": self.code,
            "severity": self.severity.label,
            "status": self.status.value,
            "subject": self.subject,
            "source": self.source,
            "source_signed": self.source_signed,
            "study": _hex(self.study),
            "round": self.round,
            "seq": self.seq,
            "title": text.title.format_map(filled),
            "plain": text.plain.format_map(filled).strip(),
            "detail": str(filled["detail"]) or None,
            "evidence": [dict(item) for item in self.evidence],
            "roster": _hex(self.roster),
            "next": text.next.format_map(filled),
            "fingerprint": self.fingerprint,
        }


_GRAVITY = list(Severity)


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings by severity, code, region and position, each fingerprint once."""
    once: dict[str, Finding] = {}
    for finding in findings:
        once.setdefault(finding.fingerprint, finding)
    return sorted(
        once.values(),
        key=lambda f: (_GRAVITY.index(f.severity), f.code, f.subject or "", f.source or "", f.seq or 0, f.fingerprint),
    )


def _hex(data: bytes | None) -> str | None:
    return None if data is None else "0x" + data.hex()
