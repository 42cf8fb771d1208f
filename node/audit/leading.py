"""Which finding a reader is told first, and what the findings together say of a region's records.

The order of the JSON is by severity and code, for tools. A reader wants first what is understood without knowing how
logs work, so within one severity:

1. what names a region comes before what names only a file, since a file may have been damaged on its way;
2. two versions of one log, or a record that is not where it was signed for;
3. what touches patients or the agreement: budget, masks, acceptance, release;
4. a result that does not follow from its inputs;
5. dates, and what is missing;
6. the rest: signatures, heads, keys and forms of single records.

A refused file comes after what is grave and before what is minor. Whoever is named first is the region that the
finding convicts, never one that holds the proof.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from node.audit.findings import Finding, Severity

_LEADS: Sequence[Sequence[str]] = (
    ("LS-FORK", "LS-OMITTED", "LS-EQUIVOCATION"),
    (
        "LS-STUDY-ACCEPT", "LS-DP-BUDGET", "LS-DP-MATH", "LS-UNMASK-BOTH", "LS-FALSE-DROPOUT", "LS-EXPORT-UNMASKABLE",
        "LS-MEMBER", "LS-EDGE", "LS-RELEASE-RULE", "LS-RELEASE-LINEAGE", "LS-STUDY-ID",
    ),
    (
        "LS-RECOMPUTE-MIX", "LS-RECOMPUTE-SUM", "LS-OPENING", "LS-LINEAGE", "LS-MATCH", "LS-STALE", "LS-WEIGHT",
        "LS-COHORT", "LS-SETTINGS", "LS-ROUND-DUP",
    ),
    ("LS-TIME-ORDER", "LS-BACKDATED", "LS-ROUND-GAP", "LS-TRUNCATED", "LS-LEAF-WITHHELD", "LS-EXPORT-UNLOGGED"),
)  # fmt: skip
_RANK = {code: (rank, index) for rank, codes in enumerate(_LEADS) for index, code in enumerate(codes)}
_LAST = (len(_LEADS), 0)
_GRAVITY = (Severity.CRITICAL, Severity.MAJOR, Severity.REFUSED, Severity.MINOR, Severity.INFO)

ALTERED = frozenset(
    {
        "LS-FORK", "LS-OMITTED", "LS-HEAD-SELF", "LS-EQUIVOCATION", "LS-ENV-SIG", "LS-ENTRY-FORMAT", "LS-ENTRY-SCHEMA",
        "LS-ENTRY-SEQ", "LS-TIME-ORDER", "LS-BACKDATED", "LS-RECOMPUTE-SUM", "LS-RECOMPUTE-MIX", "LS-OPENING",
        "LS-MATCH", "LS-STALE", "LS-KEY-REVOKED",
    }
)  # fmt: skip
"""Codes by which a region's own signatures contradict each other, or what it signed contradicts itself."""

MISSING = frozenset(
    {"LS-TRUNCATED", "LS-LEAF-WITHHELD", "LS-EXPORT-UNLOGGED", "LS-LEAF-LOST", "LS-EPOCH-GAP", "LS-ROUND-GAP"}
)
"""Codes of what is not there; for that nobody is at fault."""


def led(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings in the order in which a reader is told them."""
    return sorted(findings, key=_order)


def _order(finding: Finding) -> tuple[object, ...]:
    return (
        _GRAVITY.index(finding.severity), finding.subject is None, _RANK.get(finding.code, _LAST), finding.code,
        finding.subject or "", finding.source or "", finding.seq or 0, finding.fingerprint,
    )  # fmt: skip


def grave(findings: Iterable[Finding]) -> list[Finding]:
    """Return what is more than information, in that order."""
    return [finding for finding in led(findings) if finding.severity is not Severity.INFO]


def liars(findings: Iterable[Finding]) -> list[str]:
    """Return the regions whose records contradict each other: their logs show what they claim, and no more."""
    return sorted({f.subject for f in findings if f.subject and f.code in ALTERED and f.severity is not Severity.INFO})
