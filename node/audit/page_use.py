"""The row of the first screen that says whether the model may be used, as far as the records go.

It never gives a permission: what was found may speak against use, or nothing found does; to decide is the region's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from node.audit.leading import MISSING, grave
from node.audit.report import Report
from node.audit.telling import CONTRADICTED, judged

_BAD = ("major", "critical")


def may_use(report: Report, say: Mapping[str, str], verdict: str, liars: Sequence[str]) -> str:
    """Return the answer, and whether the model is what the records give.

    Args:
        say: The page's words of a language.
        verdict: The report's, or ``unconfirmed``.
        liars: Regions whose records contradict each other.
    """
    return " ".join([_allowed(report, say, verdict), *_followed(report, say, liars)])


def _allowed(report: Report, say: Mapping[str, str], verdict: str) -> str:
    if verdict in _BAD:
        return say["a.use.wait"]
    reasons = open_before_use(report, say, verdict)
    if reasons:
        return say["a.use.not"].format(why="; ".join(reasons))
    if verdict == "minor":
        return say["a.use.minor"]
    return say["a.use.lab" if all(row.lab for row in report.studies) else "a.use.yes"]


def open_before_use(report: Report, say: Mapping[str, str], verdict: str) -> list[str]:
    """Why the records do not go far enough to say that nothing speaks against use."""
    studies = judged(report.studies)
    if not studies:
        return [say["why.none"]]
    reasons = []
    gone = {row.region for row in report.coverage if row.bundle is None or not row.sound}
    gone |= {f.subject for f in grave(report.findings) if f.subject and f.code in MISSING}
    if gone:
        reasons.append(say["why.missing"].format(regions=", ".join(sorted(gone))))
    elif verdict == "incomplete":
        reasons.append(say["why.incomplete"])
    if silent := sorted({name for row in studies for name in row.missing} - gone):
        reasons.append(say["why.agree"].format(regions=", ".join(silent)))
    if not any(row.confirmed for row in studies):
        reasons.append(say["why.unconfirmed"])
    if report.budget.is_set and set(report.budget.missing) - gone:
        reasons.append(say["why.budget"])
    if any(not row.dp and not row.lab for row in studies):
        reasons.append(say["why.unlimited"])
    return reasons


def _followed(report: Report, say: Mapping[str, str], liars: Sequence[str]) -> list[str]:
    """Whether the model follows from the records; nothing where there is no study."""
    for asked in report.questions if report.studies else ():
        if asked.key == "model":
            key = "claim" if liars and asked.answer != CONTRADICTED else asked.shown
            return [say[f"a.model.{key}"].format(regions=", ".join(liars))]
    return []
