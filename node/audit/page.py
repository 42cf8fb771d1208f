"""The report as one page of HTML: no script, nothing from outside, every string escaped; Swedish and English.

The first screen answers seven questions in plain words; a word that needs explaining leads to the glossary at the
end. Same report, same bytes: a date stands on it only if it is given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from node.audit import longterm, outside, releases
from node.audit.altered import sentence
from node.audit.catalogue import phrase
from node.audit.exceptions import section
from node.audit.findings import Finding, Severity
from node.audit.leading import ALTERED, MISSING, grave, liars
from node.audit.page_findings import cards, next_step
from node.audit.page_glossary import GLOSSARY
from node.audit.page_style import STYLE
from node.audit.page_use import may_use, open_before_use
from node.audit.page_words import PAGE
from node.audit.pictures import legend, lineage, rounds
from node.audit.report import Report, study_line
from node.audit.telling import CONTRADICTED, PROVEN, in_short, judged

# Characters that turn the direction of what is read after them.
_TURNING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_BUDGET = frozenset({"LS-DP-BUDGET", "LS-DP-MATH"})
_RELEASED = frozenset({"LS-RELEASE-RULE", "LS-RELEASE-LINEAGE"})


@dataclass(frozen=True, slots=True)
class Inputs:
    """What was read and with what, by SHA-256 in hex: (name, sum) of each file, of this tool, of the court tool."""

    files: Sequence[tuple[str, str]] = ()
    tool: str | None = None
    court: str | None = None


@dataclass(frozen=True, slots=True)
class _Steps:
    """What to do, one after the other, and what is said after it."""

    steps: Sequence[str]
    after: str


def page(report: Report, inputs: Inputs | None = None, date: str | None = None) -> str:
    """Return the report as HTML.

    Args:
        inputs: Files and tool, for the end of the page.
        date: Printed as it is, if given.
    """
    return _Page(report, inputs or Inputs(), date).html()


class Linker:
    """Escapes text, and links each word of a glossary where it stands."""

    def __init__(self, lang: str) -> None:
        self._anchors = {form: name for name, (forms, _) in GLOSSARY[lang].items() for form in forms}
        if lang == "sv":
            self._anchors |= {f"{form}s": name for form, name in self._anchors.items() if not form.endswith("s")}
        longest = sorted(self._anchors, key=len, reverse=True)
        self._words = re.compile(rf"(?<![\w.-])({'|'.join(map(re.escape, longest))})(?![\w-]|\.\w)", re.IGNORECASE)

    def __call__(self, text: str) -> str:
        """Return the text as HTML; what stands in backticks is a command, and is not linked."""
        parts = text.split("`")
        if len(parts) % 2 == 0:
            return self._linked(text)
        return "".join(
            f"<code>{escape(part)}</code>" if index % 2 else self._linked(part) for index, part in enumerate(parts)
        )

    def _linked(self, text: str) -> str:
        out, at = [], 0
        for match in self._words.finditer(text):
            out.append(escape(text[at : match.start()]))
            out.append(f'<a href="#w-{self._anchors[match[1].lower()]}">{escape(match[1])}</a>')
            at = match.end()
        return "".join([*out, escape(text[at:])])


class _Page:
    def __init__(self, report: Report, inputs: Inputs, date: str | None) -> None:
        self._report = report
        self._inputs = inputs
        self._date = date
        self._say: Mapping[str, str] = PAGE[report.lang]
        self._link = Linker(report.lang)
        self._grave = grave(report.findings)
        self._known = [finding for finding in report.findings if finding.severity is Severity.INFO]
        self._liars = liars(report.findings)
        self._labs: set[bytes | None] = {row.study for row in report.studies if row.lab}
        if report.studies and all(row.lab for row in report.studies):
            self._labs.add(None)  # what is found of no study in particular, too

    def html(self) -> str:
        title = escape(self._say["title"])
        parts = [
            f'<!doctype html><html lang="{self._report.lang}"><head><meta charset="utf-8"><title>{title}</title>',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            '<meta http-equiv="Content-Security-Policy"'
            " content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">",
            f"<style>{STYLE}</style></head><body><main>",
            self._first(), self._findings("findings", self._grave), self._questions(), self._pictures(),
            self._findings("known", self._known), self._coverage(),
            self._studies(), releases.section(self._report.released, self._report.lang),
            outside.section(self._report.sightings, self._report.lang),
            longterm.section(self._report.protected, self._report.lang, self._link),
            section(self._report.exceptions, self._report.lang), self._limits(), self._glossary(),
            self._files(),
            "</main></body></html>\n",
        ]  # fmt: skip
        return _TURNING.sub("\ufffd", "".join(parts))

    # ------------------------------------------------------------ first screen

    def _verdict(self) -> str:
        report = self._report
        is_open = report.verdict == "clean" and not any(row.confirmed for row in report.studies)
        return "unconfirmed" if is_open else report.verdict

    def _first(self) -> str:
        say, verdict = self._say, self._verdict()
        lab = f'<p class="lab">{self._link(say["lab"])}</p>' if self._report.lab else ""
        date = f'<p class="soft">{escape(say["date"].format(date=self._date))}</p>' if self._date else ""
        rows = "".join(
            f'<tr><th scope="row">{self._link(say[f"q.{key}"])}</th><td>{self._told(answer)}</td></tr>'
            for key, answer in self._answers()
        )
        return (
            f'<section id="first"><h1>{escape(say["title"])}</h1>{self._named()}{date}{lab}'
            f'<div class="verdict {verdict}"><b>{escape(self._badge(verdict))}</b>'
            f'{self._link(say[self._said(verdict)])}{self._what()}</div><table class="asked">{rows}</table></section>'
        )

    def _named(self) -> str:
        """Which studies the report is about, by the first digits of their ids."""
        rows = judged(self._report.studies)[:_FEW]
        told = [
            self._say["study"].format(
                study=f"{row.study.hex()[:8]}…", task=row.task or "?", regions=len(row.regions), rounds=row.rounds
            )
            for row in rows
        ]
        return "".join(f'<p class="soft">{self._link(words)}</p>' for words in told)

    def _said(self, verdict: str) -> str:
        """Key of the sentence below the verdict: only where no region is named may it have been the files."""
        first = self._grave[0] if self._grave else None
        return "say.files" if verdict == "critical" and first is not None and not first.subject else f"say.{verdict}"

    def _what(self) -> str:
        """What was found, in a sentence for each code and region, the gravest first."""
        said = [f"{in_short(finding, self._report.lang)}." for finding in self._counted()]
        more = [self._say["more"].format(n=len(said) - _STEPS)] if len(said) > _STEPS else []
        return "".join(f"<p>{self._link(words)}</p>" for words in [*said[:_STEPS], *more])

    def _counted(self) -> list[Finding]:
        """The defects as a reader counts them: one of each code and region."""
        first: dict[tuple[str, str | None], Finding] = {}
        for finding in self._grave:
            first.setdefault((finding.code, finding.subject or finding.source), finding)
        return list(first.values())

    def _badge(self, verdict: str) -> str:
        """The verdict, with the number of defects where there are several."""
        defects = [finding for finding in self._counted() if finding.severity is not Severity.REFUSED]
        worst = sum(finding.severity.label == verdict for finding in defects)
        if len(defects) < 2 or not worst:
            return self._say[f"verdict.{verdict}"]
        return self._say[f"verdict.{verdict}.{'many' if worst == len(defects) else 'some'}"].format(n=len(defects))

    def _told(self, answer: str | _Steps) -> str:
        """An answer as HTML: a sentence or two, or steps to take."""
        if isinstance(answer, str):
            return self._link(answer)
        steps = "".join(f"<li>{self._link(step)}</li>" for step in answer.steps)
        return f"<ol>{steps}</ol>" + (f"<p>{self._link(answer.after)}</p>" if answer.after else "")

    def _answers(self) -> list[tuple[str, str | _Steps]]:
        grave = self._grave
        return [
            ("agree", self._agreed()),
            ("altered", self._altered(grave)),
            ("who", self._who(grave)),
            ("budget", self._budget(grave)),
            ("data", self._data()),
            ("use", may_use(self._report, self._say, self._verdict(), self._liars)),
            ("now", self._now(grave)),
        ]

    def _agreed(self) -> str:
        studies = judged(self._report.studies)
        missing = sorted({name for row in studies for name in row.missing})
        if not studies:
            return self._say["a.agree.none"]
        if missing:
            return self._say["a.agree.no"].format(regions=_and(missing))
        regions = sorted({name for row in studies for name in row.regions})
        return self._say["a.agree.yes"].format(regions=_and(regions))

    def _who(self, grave: Sequence[Finding]) -> str:
        named = sorted({f.subject for f in grave if f.subject})
        if not named:
            return self._say["a.who.none"]
        guilty = sorted({f.subject for f in grave if f.subject and f.code not in MISSING})
        return self._say["a.who" if guilty else "a.who.missing"].format(regions=_and(guilty or named))

    def _altered(self, grave: Sequence[Finding]) -> str:
        say = self._say
        lies = [finding for finding in grave if finding.subject and finding.code in ALTERED]
        if lies:
            told = next((f for f in lies if f.fingerprint in self._report.altered), None)
            if told is None:
                return say["a.altered.yes"].format(regions=_and(self._liars))
            what = sentence(told.subject or "?", self._report.altered[told.fingerprint], self._report.lang)
            more = any((f.code, f.subject) != (told.code, told.subject) for f in grave if f.subject)
            return say["a.altered.what"].format(what=what) + (f" {say['a.altered.more']}" if more else "")
        if any(finding.subject is None for finding in grave):
            return say["a.altered.files"].format(files=_and(sorted({f.source or "?" for f in grave if not f.subject})))
        missing = sorted({f.subject for f in grave if f.subject and f.code in MISSING})
        if missing:
            is_lost = all(f.code == "LS-EPOCH-GAP" for f in grave if f.subject and f.code in MISSING)
            return say["a.altered.lost" if is_lost else "a.altered.missing"].format(regions=_and(missing))
        if grave:
            return say["a.altered.rule"]
        absent = [row.region for row in self._report.coverage if row.bundle is None]
        if absent:
            return say["a.altered.part"].format(regions=_and(absent))
        return say["a.altered.no"]

    def _budget(self, grave: Sequence[Finding]) -> str:
        say, budget = self._say, self._report.budget
        spent = sorted({f.subject for f in grave if f.code == "LS-DP-BUDGET" and f.subject})
        if spent and budget.most_u is not None:
            most, limit = self._figure(budget.most_u), self._figure(budget.limit_u or 0)
            told = say["a.budget.no"].format(regions=_and(spent), most=most, limit=limit)
            open_too = budget.missing or self._liars or any(f.code == "LS-DP-MATH" for f in grave)
            return told if open_too else f"{told} {say['a.budget.others']}"
        less = sorted({f.subject for f in grave if f.code in _BUDGET and f.subject})
        if less:
            return say["a.budget.less"].format(regions=_and(less))
        if not budget.is_set:
            return say["a.budget.none"]
        if budget.missing or budget.most_u is None:
            return say["a.budget.open"].format(regions=_and(budget.missing) or "?")
        key = "a.budget.claim" if self._liars else "a.budget.yes"
        most, limit = self._figure(budget.most_u), self._figure(budget.limit_u or 0)
        return say[key].format(most=most, limit=limit, regions=_and(self._liars))

    def _data(self) -> str:
        """Whether raw data left: never to be seen from records, and of false records not even what they say."""
        absent = {row.region for row in self._report.coverage if row.bundle is None or not row.sound}
        missing = sorted(absent | {f.subject for f in self._grave if f.subject and f.code in MISSING})
        key = "a.data.lie" if self._liars else "a.data.missing" if missing else "a.data"
        is_clear = any(row.masking == "off" for row in self._report.studies)
        what = self._say["data.clear" if is_clear else "data.masked"]
        told = self._say[key].format(regions=_and(self._liars or missing), what=what)
        out = sorted({f.subject for f in self._grave if f.subject and f.code in _RELEASED})
        return f"{told} {self._say['a.data.released'].format(regions=_and(out))}" if out else told

    def _figure(self, millionths: int) -> str:
        """A number without empty decimals, which readers of another language take for thousands."""
        return f"{millionths / 1e6:.3f}".rstrip("0").rstrip(".").replace(".", self._say["comma"])

    def _now(self, grave: Sequence[Finding]) -> str | _Steps:
        if not grave:
            return self._calm()
        steps: list[str] = []
        for finding in grave:
            step = next_step(finding, self._report.lang, self._say, self._labs)
            if step not in steps:
                steps.append(step)
        more = [self._say["a.now.more"]] if len(steps) > _STEPS else []
        is_bad = self._verdict() in _BAD and any(finding.subject for finding in grave)
        after = " ".join([*([self._say["a.now.ask"]] if is_bad else []), *more])
        return _Steps(steps[:_STEPS], after) if len(steps) > 1 else f"{steps[0]} {after}".strip()

    def _calm(self) -> str:
        """What now, where no defect was found: file it, ask for what is missing, confirm the study."""
        verdict = self._verdict()
        is_open = bool(open_before_use(self._report, self._say, verdict))
        calm = {"clean": "clean.open" if is_open else "clean", "incomplete": "incomplete"}
        steps = [calm[verdict]] if verdict in calm else []
        sample = next((one.sample for one in self._report.questions if one.sample), None)
        if verdict == "clean" and sample is not None:
            steps.append("sample")
        if not any(row.confirmed for row in self._report.studies):
            steps.append("unconfirmed")
        again, sums = sample or (0, 0)
        return " ".join(self._say[f"a.now.{step}"].format(again=again, sums=sums) for step in steps)

    # ------------------------------------------------------------ below

    def _findings(self, key: str, findings: Sequence[Finding]) -> str:
        if findings:
            report = self._report
            return self._section(key, cards(findings, report.altered, report.lang, self._say, self._link, self._labs))
        return self._section(key, f"<p>{escape(self._say['no.faults'])}</p>") if key == "findings" else ""

    def _questions(self) -> str:
        say = self._say
        rows = "".join(
            f"<tr><td>{self._link(q.question)}</td><td class='w {q.answer if q.answer in _COLOURED else ''}'>"
            f"{escape(say[q.shown])}</td><td>{self._link(q.note)}</td></tr>"
            for q in self._report.questions
        )
        heads = "".join(f"<th scope='col'>{escape(say[f't.{key}'])}</th>" for key in ("question", "answer", "note"))
        return self._section(
            "questions",
            f"<table class='stacked'><tr>{heads}</tr>{rows}</table><p class='soft'>{escape(say['answers'])}</p>",
        )

    def _pictures(self) -> str:
        say, out = self._say, []
        for row in self._report.studies:
            mine = [course for course in self._report.courses if course.study == row.study]
            claimed = [name for name in self._liars if any(course.region == name for course in mine)]
            warned = f"<p class='CONTRADICTED'>{escape(say['svg.claimed'].format(regions=_and(claimed)))}</p>"
            shown = rounds(mine, say, claimed)
            if shown:
                line = f"<p class='soft'>{escape(say['svg.rounds'])}</p>{warned if claimed else ''}"
                out.append(
                    self._section("rounds", f"{line}<div class='wide'>{shown}</div>{legend(say, bool(claimed))}")
                )
            shown = lineage(mine, say, claimed)
            if shown:
                line = f"<p class='soft'>{escape(say['svg.lineage'])}</p>{warned if claimed else ''}"
                out.append(self._section("lineage", f"{line}<div class='wide'>{shown}</div>"))
        return "".join(out)

    def _coverage(self) -> str:
        say = self._say
        rows = "".join(
            f"<tr><td>{escape(row.region)}</td><td>{escape(row.bundle or say['t.absent'])}</td><td>{row.entries}</td>"
            f"<td>{row.matched} / {row.held}</td></tr>"
            for row in self._report.coverage
        )
        heads = "".join(
            f"<th scope='col'>{escape(say[f't.{key}'])}</th>" for key in ("region", "bundle", "entries", "found")
        )
        return self._section("coverage", f"<table><tr>{heads}</tr>{rows}</table>")

    def _studies(self) -> str:
        rows = "".join(
            f"<p>{self._link(study_line(row, self._report.lang).strip())}</p>" for row in self._report.studies
        )
        return self._section("studies", rows or f"<p>{escape(self._say['none'])}</p>")

    def _limits(self) -> str:
        return self._section("limits", f"<p>{self._link(phrase('limits', self._report.lang))}</p>")

    def _glossary(self) -> str:
        entries = "".join(
            f'<dt id="w-{name}">{escape(forms[0])}</dt><dd>{escape(meaning)}</dd>'
            for name, (forms, meaning) in sorted(GLOSSARY[self._report.lang].items(), key=lambda item: item[1][0][0])
        )
        return self._section("glossary", f"<dl>{entries}</dl>")

    def _files(self) -> str:
        say, inputs = self._say, self._inputs
        named = [*inputs.files]
        named += [(say["t.tool"], inputs.tool)] if inputs.tool else []
        named += [(say["t.court"], inputs.court)] if inputs.court else []
        rows = "".join(f"<tr><td>{escape(name)}</td><td><code>{escape(sum)}</code></td></tr>" for name, sum in named)
        heads = "".join(f"<th scope='col'>{escape(say[key])}</th>" for key in ("t.file", "t.sum"))
        alone = f"<p>{self._link(say['files.alone'])}</p>" if inputs.files else ""
        return self._section("inputs", f"{alone}<table><tr>{heads}</tr>{rows}</table>") if named else ""

    def _section(self, key: str, inner: str) -> str:
        return f'<section id="{key}"><h2>{escape(self._say[f"h.{key}"])}</h2>{inner}</section>'


_COLOURED = (PROVEN, CONTRADICTED)
_FEW = 3
_STEPS = 5
_BAD = ("major", "critical")


def _and(names: Sequence[str]) -> str:
    return ", ".join(names)
