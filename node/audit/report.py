"""The report: one sentence, questions with one of four answers, findings, coverage.

Same inputs give the same bytes: no clock, no path, no host. JSON is ``landsting-report/v1``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from node.audit import longterm, outside, releases
from node.audit.altered import Altered, altered
from node.audit.catalogue import phrase
from node.audit.checks.cross import Match
from node.audit.checks.logs import CheckedLog
from node.audit.checks.protected import Protection
from node.audit.checks.study import StudyRecord
from node.audit.chronicle import Course, courses
from node.audit.exceptions import Exempted, exceptions, head, line
from node.audit.findings import Finding, Json, Severity
from node.audit.leading import led
from node.audit.page_words import PAGE
from node.audit.telling import Budget, Question, StudyRow, Teller, place_of

FORMAT = "landsting-report/v1"


@dataclass(frozen=True, slots=True)
class LogRow:
    """Coverage of one region: its log, if handed over, and what others hold of it."""

    region: str
    bundle: str | None
    epoch: int | None
    entries: int
    withheld: int
    sound: bool
    held: int
    matched: int


@dataclass(frozen=True, slots=True)
class Report:
    """What one audit says.

    Attributes:
        verdict: ``clean``, ``minor``, ``major``, ``critical``, or ``incomplete`` (nothing above info,
            but less was there than required, or a bundle was refused).
        exit_code: Of the command, see README.md.
        entries, signatures: How many were checked; each distinct valid signature counts once.
        unchecked: Messages of senders for whom no key is at hand (other rosters).
        courses: The rounds of each study at each region, for pictures; not in the JSON.
        budget: What was spent of the privacy budget.
        exceptions: Gates of data that were let through by decision.
        released: What was let out, by region and place.
        protected: How far each log is protected for the long term.
        sightings: What outside witnesses saw.
        altered: What was altered, by the fingerprint of the finding that tells it; not in the JSON.
    """

    verdict: str
    sentence: str
    masking: str | None
    lab: bool
    studies: tuple[StudyRow, ...]
    questions: tuple[Question, ...]
    findings: tuple[Finding, ...]
    coverage: tuple[LogRow, ...]
    entries: int
    signatures: int
    unchecked: int
    exit_code: int
    lang: str = "en"
    courses: tuple[Course, ...] = ()
    budget: Budget = field(default_factory=Budget)
    exceptions: tuple[Exempted, ...] = ()
    released: tuple[releases.Released, ...] = ()
    protected: tuple[Protection, ...] = ()
    sightings: tuple[outside.Sighting, ...] = ()
    altered: Mapping[str, Altered] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """Return the report as JSON values, ``landsting-report/v1``."""
        return {
            "format": FORMAT,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "masking": self.masking,
            "lab": self.lab,
            "studies": [
                {
                    "study": row.study.hex(),
                    "roster": row.roster.hex(),
                    "regions": list(row.regions),
                    "rounds": row.rounds,
                    "masking": row.masking,
                    "lab": row.lab,
                    "accepted": list(row.accepted),
                    "confirmed": row.confirmed,
                }
                for row in self.studies
            ],
            "questions": [{"question": q.question, "answer": q.answer, "note": q.note or None} for q in self.questions],
            "findings": [finding.to_json(self.lang) for finding in self.findings],
            "coverage": {
                "regions": [
                    {
                        "region": row.region,
                        "bundle": row.bundle,
                        "epoch": row.epoch,
                        "entries": row.entries,
                        "withheld": row.withheld,
                        "sound": row.sound,
                        "statements_held_by_others": row.held,
                        "found_at_their_place": row.matched,
                    }
                    for row in self.coverage
                ],
                "unchecked": self.unchecked,
            },
            "exceptions": [one.to_json() for one in self.exceptions],
            "releases": [one.to_json() for one in self.released],
            "long_term": [longterm.to_json(one) for one in self.protected],
            "witnesses": [outside.to_json(one) for one in self.sightings],
            "entries": self.entries,
            "signatures": self.signatures,
        }

    def to_text(self) -> str:
        """Return the report for a terminal."""

        def say(key: str, **values: str | int) -> str:
            return phrase(key, self.lang).format_map(values)

        lines = [self.sentence, ""]
        if self.studies:
            lines += [say("head.studies"), *(study_line(row, self.lang) for row in self.studies), ""]
        lines.append(say("head.findings"))
        for finding in led(self.findings):
            text = finding.to_json(self.lang)
            lines.append(f"  {finding.severity.label:<8}  {finding.code}  {place_of(finding, self.lang)}")
            lines.append(f"    {text['plain']}")
            if finding.severity is not Severity.INFO:
                lines.append("    " + say("next", next=str(text["next"])))
        if not self.findings:
            lines.append("  " + say("none"))
        lines += ["", say("head.questions")]
        answers = [PAGE[self.lang][question.answer] for question in self.questions]
        width = max([12, *map(len, answers)])
        for question, answer in zip(self.questions, answers, strict=True):
            note = f"  ({question.note})" if question.note else ""
            lines.append(f"  {answer:<{width}}  {question.question}{note}")
        lines += ["", say("head.coverage")]
        for log in self.coverage:
            key = "coverage.absent" if log.bundle is None else "coverage.log"
            lines.append("  " + say(key, region=log.region, entries=log.entries, matched=log.matched, held=log.held))
        if self.released:
            told = [releases.line(one, self.lang) for one in self.released]
            lines += ["", releases.head(self.lang), *(f"  {one}" for one in told)]
        if self.sightings:
            lines += ["", outside.head(self.lang), *(f"  {outside.line(one, self.lang)}" for one in self.sightings)]
        if any(one.has_key for one in self.protected):
            lines += ["", longterm.head(self.lang), *(f"  {longterm.line(one, self.lang)}" for one in self.protected)]
        if self.exceptions:
            lines += ["", head(self.lang), *(f"  {line(one, self.lang)}" for one in self.exceptions)]
        lines += ["", say("head.limits"), "  " + say("limits")]
        return "\n".join(lines) + "\n"


def study_line(row: StudyRow, lang: str) -> str:
    """Return one study in one line, with its whole id."""
    return phrase("study.row", lang).format(
        study=row.study.hex(),
        task=row.task,
        regions=len(row.regions),
        rounds=row.rounds,
        masking=row.masking,
        lab=phrase("study.lab", lang) if row.lab else "",
        accepted=len(row.accepted),
        proposed="" if row.begun else phrase("study.proposed", lang),
    )


def report(
    *,
    findings: Sequence[Finding],
    bundles: int,
    logs: Sequence[CheckedLog],
    matches: Mapping[str, Match],
    absent: Sequence[str],
    studies: Sequence[StudyRow],
    confirmed: bool,
    records: Mapping[bytes, StudyRecord],
    signatures: int,
    unchecked: int,
    protected: Sequence[Protection] = (),
    witnesses: Sequence[outside.Witnessed] = (),
    seen: Collection[bytes] = (),
    require: Sequence[str] = (),
    lang: str = "en",
) -> Report:
    """Put an audit's outcome into words and a verdict; see ``Report`` for what is what."""
    entries = sum({(log.origin, log.tree.size, log.tree.root()): log.tree.size for log in logs}.values())
    teller = Teller(lang, findings, logs, absent, studies, confirmed, entries, signatures, bundles, records)
    lacking = teller.lacking(require)
    verdict, code = _verdict(findings, lacking)
    modes = sorted({row.masking for row in studies})
    return Report(
        verdict=verdict,
        sentence=teller.sentence(verdict, lacking),
        masking=None if not modes else modes[0] if len(modes) == 1 else ", ".join(modes),
        lab=any(row.lab for row in studies),
        studies=tuple(studies),
        questions=tuple(teller.questions(matches)),
        findings=tuple(findings),
        coverage=tuple(_coverage(logs, matches, absent)),
        entries=entries,
        signatures=signatures,
        unchecked=unchecked,
        exit_code=code,
        lang=lang,
        courses=courses([row.study for row in studies], logs),
        budget=teller.budget(),
        exceptions=exceptions(logs),
        protected=longterm.together(protected),
        sightings=outside.sightings(witnesses, seen, logs),
        released=releases.releases(one for record in records.values() for one in record.released),
        altered=altered(findings, logs),
    )


def _verdict(findings: Sequence[Finding], lacking: Sequence[str]) -> tuple[str, int]:
    grave = {finding.severity for finding in findings}
    if Severity.CRITICAL in grave:
        return "critical", 3
    if Severity.MAJOR in grave:
        return "major", 2
    if Severity.REFUSED in grave:
        return "incomplete", 65
    if Severity.MINOR in grave:
        return "minor", 1
    return ("incomplete", 4) if lacking else ("clean", 0)


def _coverage(logs: Sequence[CheckedLog], matches: Mapping[str, Match], absent: Sequence[str]) -> list[LogRow]:
    rows = []
    for log in logs:
        match = matches.get(log.region, Match())
        rows.append(
            LogRow(
                log.region,
                log.bundle.label,
                log.epoch,
                log.tree.size,
                log.withheld,
                log.is_sound,
                match.held,
                match.matched,
            )
        )
    for region in absent:
        rows.append(LogRow(region, None, None, 0, 0, False, matches.get(region, Match()).held, 0))
    return sorted(rows, key=lambda row: (row.region, row.epoch or 0, row.bundle or ""))
