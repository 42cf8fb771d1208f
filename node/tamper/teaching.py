"""An auditor's lesson: one run, one lie in it, and what the audit says; or all lies, as a table.

The run stays as it is: what is changed are copies of its bundles. The audit is the one that everybody has
(``node.audit.verify``); nothing tells it who lied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crypto.keys import PrivateKeys
from node.audit import Finding, Report, Severity, verify
from node.cli.output import table
from node.tamper.play import Play
from node.tamper.ways import WAYS, Case, Way

ALL = "all"
DP = ("3", "0.001")


@dataclass(frozen=True)
class Run:
    """A study that has ended, and what is needed to tell it again.

    Attributes:
        keys: Of all regions: a run of one's own.
        liar: The region that will cheat.
    """

    study: bytes
    bundles: Mapping[str, Path]
    keys: Mapping[str, PrivateKeys]
    liar: str
    private: bool


@dataclass(frozen=True)
class Lesson:
    """One way, and what came of it."""

    way: Way
    did: str
    liar: str
    report: Report
    bundles: tuple[Path, ...]

    @property
    def grave(self) -> list[Finding]:
        """Findings above info, the gravest first."""
        return [finding for finding in self.report.findings if finding.severity is not Severity.INFO]

    @property
    def named(self) -> list[str]:
        """Regions that are named in them."""
        return sorted({finding.subject for finding in self.grave if finding.subject is not None})

    @property
    def is_as_expected(self) -> bool:
        """Whether the code is among the findings, and nobody else than the liar is named."""
        codes = {finding.code for finding in self.grave if (finding.subject == self.liar) is self.way.names}
        return self.way.code in codes and self.named == ([self.liar] if self.way.names else [])

    def to_json(self) -> dict[str, Any]:
        """Return it as ``demo --json`` holds it."""
        return {
            "way": self.way.name,
            "did": self.did,
            "expected": {"code": self.way.code, "named": [self.liar] if self.way.names else []},
            "found": [{"code": f.code, "severity": f.severity.label, "subject": f.subject} for f in self.grave],
            "named": self.named,
            "as_expected": self.is_as_expected,
            "verdict": self.report.verdict,
            "exit_code": self.report.exit_code,
            "sentence": self.report.sentence,
        }


def is_private(name: str) -> bool:
    """Return whether a way (or all of them) needs a run with differential privacy."""
    return name == ALL or WAYS[name].private


def teach(run: Run, name: str, folder: Path) -> list[Lesson]:
    """Return the lesson of one way, or of all that the run allows; changed bundles go to folders named by the ways.

    Raises:
        PlayError: The run has no step that this way changes.
    """
    ways = [way for way in WAYS.values() if run.private or not way.private] if name == ALL else [WAYS[name]]
    return [_lesson(run, way, folder / way.name) for way in ways]


def _lesson(run: Run, way: Way, folder: Path) -> Lesson:
    folder.mkdir(parents=True)
    case = Case(Play(run.bundles, run.keys), dict(run.bundles), run.liar, run.study, folder)
    bundles = tuple(way.act(case))
    did = way.did.format(liar=run.liar, other=case.others[0])
    return Lesson(way, did, run.liar, verify(list(bundles), study=run.study), bundles)


def in_words(lessons: Sequence[Lesson]) -> str:
    """Return one lesson as a story, several as a table."""
    if len(lessons) == 1:
        return _story(lessons[0])
    rows = [
        [one.way.name, one.did, " ".join(dict.fromkeys(f.code for f in one.grave)) or "nothing",
         ", ".join(one.named) or "nobody", "" if one.is_as_expected else f"expected {one.way.code}"]
        for one in lessons
    ]  # fmt: skip
    good = sum(one.is_as_expected for one in lessons)
    wronged = sum(bool(set(one.named) - {one.liar}) for one in lessons)
    shown = table(rows, ["way", "what was done", "code found", "named", ""])
    return f"{shown}\n\n{good} of {len(lessons)} found as expected; an innocent region is named in {wronged}."


def _story(lesson: Lesson) -> str:
    found = []
    for finding in sorted(lesson.grave, key=lambda one: one.code != lesson.way.code):  # what it is about comes first
        told = finding.to_json("en")
        found += [f"  {finding.code:<18} {told['title']}", f"  {'':<18} {told['plain']}"]
    return "\n".join([
        f"The lie: {lesson.did}.",
        "The same audit reads all logs again:",
        f"  {lesson.report.sentence}",
        "",
        *found,
        "",
        f"Named: {', '.join(lesson.named) or 'nobody; whoever held the file may have changed it'}. "
        f"Read more: landsting audit explain {lesson.way.code}",
    ])  # fmt: skip
