"""The words of a report: the verdict in one sentence, and the questions with one of four answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.audit.catalogue import phrase, words
from node.audit.checks.cross import Match
from node.audit.checks.logs import CheckedLog
from node.audit.checks.study import StudyRecord
from node.audit.findings import Finding, Severity
from node.audit.leading import MISSING, grave, liars

PROVEN, CONTRADICTED, NOT_CHECKED, UNDECIDABLE = "PROVEN", "CONTRADICTED", "NOT CHECKED", "UNDECIDABLE"

_HISTORY = {"LS-FORK", "LS-OMITTED", "LS-HEAD-SELF", "LS-EQUIVOCATION"}
_MODEL = {"LS-RECOMPUTE-SUM", "LS-RECOMPUTE-MIX", "LS-MATCH", "LS-STALE", "LS-WEIGHT", "LS-LINEAGE", "LS-OPENING"}
_ENTRIES = {"LS-LOG-ROOT", "LS-CHECKPOINT-FORMAT", "LS-CHECKPOINT-SIG", "LS-ENTRY-FORMAT", "LS-ENTRY-SCHEMA"}
_ENTRIES |= {"LS-ENTRY-SEQ", "LS-ENV-SIG", "LS-TIME-ORDER"}
_MISSING = {"LS-TRUNCATED", "LS-LEAF-WITHHELD"}


@dataclass(frozen=True, slots=True)
class StudyRow:
    """One study that was audited.

    Attributes:
        task: Its task's name in the plan.
        accepted: Regions whose ACCEPT was seen.
        confirmed: It is the one that the auditor named.
        begun: A log or a message shows that it did begin; else it is a proposal.
        payload_rounds: Of how many last rounds the plan has kept what sums are made of.
        sample_bp: Which share of the rounds it draws by lot, in 1e-4.
    """

    study: bytes
    roster: bytes
    regions: tuple[str, ...]
    rounds: int
    masking: str
    lab: bool
    accepted: tuple[str, ...]
    confirmed: bool
    dp: bool = False
    epsilon_max_u: int | None = None
    task: str = ""
    begun: bool = True
    payload_rounds: int = 0
    sample_bp: int = 0

    @property
    def name(self) -> str:
        """How people call it: the first digits of its id, and what is learned."""
        return f"{_short(self.study)} ({self.task})" if self.task else _short(self.study)

    @property
    def missing(self) -> tuple[str, ...]:
        """Regions whose ACCEPT was not seen."""
        return tuple(sorted(set(self.regions) - set(self.accepted)))


@dataclass(frozen=True, slots=True)
class Budget:
    """What was spent of the privacy budget, in 1e-6 of epsilon.

    Attributes:
        is_set: Whether a study sets one.
        limit_u: The smallest that a study sets; None where none does.
        most_u: The most that a region stated; None where none did.
        missing: Regions that state nothing, or whose log proves nothing.
    """

    is_set: bool = False
    limit_u: int | None = None
    most_u: int | None = None
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the report, its answer in one of four words, and a note.

    Attributes:
        key: Which question it is, whatever the language.
        is_partly: NOT CHECKED of a part only; what was checked holds.
        is_unset: NOT CHECKED, for there is nothing to check: the plan sets none.
        sample: Of the model: (sums computed again, all sums), where some were and the plan keeps few; None otherwise.
    """

    question: str
    answer: str
    note: str
    key: str = ""
    is_partly: bool = False
    is_unset: bool = False
    sample: tuple[int, int] | None = None

    @property
    def shown(self) -> str:
        """The answer as a page shows it, which has two words more."""
        return "PART" if self.is_partly else "NONE SET" if self.is_unset else self.answer


class Teller:
    """Finds the words for an outcome."""

    def __init__(
        self,
        lang: str,
        findings: Sequence[Finding],
        logs: Sequence[CheckedLog],
        absent: Sequence[str],
        studies: Sequence[StudyRow],
        confirmed: bool,
        entries: int,
        signatures: int,
        bundles: int,
        records: Mapping[bytes, StudyRecord],
    ) -> None:
        self._lang = lang
        self._findings = findings
        self._logs = logs
        self._absent = absent
        self._studies = studies
        self._confirmed = confirmed
        self._entries = entries
        self._signatures = signatures
        self._bundles = bundles
        self._records = records

    def _say(self, key: str, **values: str | int) -> str:
        return phrase(key, self._lang).format_map(values)

    def sentence(self, verdict: str, lacking: Sequence[str]) -> str:
        """Return the verdict in one sentence; it says so when masks were off."""
        refused = [f for f in self._findings if f.severity is Severity.REFUSED]
        if verdict in ("critical", "major", "minor"):
            text = self._bad(verdict)
        elif refused:
            what = f"{refused[0].place}: {refused[0].code}, {refused[0].values.get('detail', '')}"
            text = self._say("refused", n=len(refused), of=self._bundles, what=what)
        elif lacking:
            text = self._say("incomplete", what="; ".join(lacking))
        elif self._confirmed:
            text = self._clean()
        else:
            text = self._unconfirmed()
        if any(row.masking == "off" for row in self._studies):
            text += self._say("masks.off")
        elif any(row.lab for row in self._studies):
            text += self._say("lab")
        return text

    def _clean(self) -> str:
        row = next(row for row in self._studies if row.confirmed)
        name = _short(row.study)
        key = "accepted.not" if row.missing else "accepted"
        accepted = self._say(key, regions=_and(row.missing), study=name)
        text = self._say("clean.short" if self._absent else "clean", counts=self._counts(), accepted=accepted)
        return text + (self._say("absent", regions=_and(self._absent)) if self._absent else "")

    def _unconfirmed(self) -> str:
        names = _and([row.name for row in self._studies])
        key = "none" if not self._studies else "one" if len(self._studies) == 1 else "many"
        text = self._say("unconfirmed", counts=self._counts(), studies=self._say(f"unconfirmed.{key}", list=names))
        return text + (self._say("absent", regions=_and(self._absent)) if self._absent else "")

    def _bad(self, verdict: str) -> str:
        told = grave(self._findings)
        first = next(finding for finding in told if finding.severity is not Severity.REFUSED)
        more = len(told) - 1
        count = "" if not more else self._say("bad.more.one") if more == 1 else self._say("bad.more", n=more)
        plain = in_short(first, self._lang)
        where = f"{first.source}: " if first.subject is None and first.source else ""
        what = f"{where}{plain[0].lower() if where else plain[0]}{plain[1:]} ({first.code})"
        text = self._say("bad", verdict=self._say(f"verdict.{verdict}"), what=what, more=count)
        return text if self._confirmed else text + self._say("bad.unconfirmed")

    def _counts(self) -> str:
        return self._say(
            "counts",
            logs=self._number("log", len({(log.origin, log.tree.size, log.tree.root()) for log in self._logs})),
            entries=self._number("entr", self._entries, "y", "ies"),
            signatures=self._number("signature", self._signatures),
        )

    def _number(self, stem: str, n: int, one: str = "", many: str = "s") -> str:
        return self._say(stem + one) if n == 1 else self._say(stem + many, n=n)

    def questions(self, matches: Mapping[str, Match]) -> list[Question]:
        """Return the questions of a report with their answers."""
        codes = {f.code for f in self._findings if f.severity is not Severity.INFO}
        defective = any(f.subject is None and f.severity is Severity.CRITICAL for f in self._findings)
        compared = sum(match.matched for match in matches.values())
        blamed = any(f.subject and f.code in _ENTRIES for f in self._findings)
        if blamed:
            entries = CONTRADICTED
        elif self._logs and all(log.is_sound for log in self._logs) and not codes & _ENTRIES:
            entries = PROVEN
        else:
            entries = NOT_CHECKED
        return [
            self._accepted(),
            self._histories(codes, defective, sum(match.held for match in matches.values()), compared),
            Question(self._say("question.entries"), entries, ""),
            self._model(codes),
            self._budget(codes),
            self._data(),
        ]

    def lacking(self, require: Sequence[str]) -> list[str]:
        """Return in words what of ``require`` could not be done, and what would make it possible."""
        lacking = []
        if "all-logs" in require and self._absent:
            lacking.append(self._say("lacking.logs", regions=_and(self._absent)))
        if "replay" in require:
            lacking += self._replay()
        if "openings" in require:
            lacking += self._openings()
        return lacking

    def _replay(self) -> list[str]:
        """What of the sums could not be computed again; where no bundle could help, the plan is named."""
        sums = sum(record.sums for record in self._records.values())
        again = sum(record.recomputed for record in self._records.values())
        if not sums:
            return [self._say("lacking.sums")]
        if again >= sums:
            return []
        kept = self._kept()
        return [self._say("lacking.replay.plan" if kept else "lacking.replay", again=again, sums=sums, **kept)]

    def _kept(self) -> dict[str, str | int]:
        """What a plan keeps of its sums, for a sentence; empty where it keeps everything."""
        for row in self._studies:
            if row.payload_rounds < row.rounds and row.sample_bp < 10_000:
                way = (
                    ("both" if row.sample_bp else "last")
                    if row.payload_rounds
                    else "drawn"
                    if row.sample_bp
                    else "none"
                )
                kept = self._say(f"kept.{way}", kept=row.payload_rounds, rounds=row.rounds)
                return {"kept": kept, "rounds": row.rounds}
        return {}

    def _openings(self) -> list[str]:
        drawn = sum(record.drawn for record in self._records.values())
        opened = sum(record.opened for record in self._records.values())
        if not drawn:
            is_drawing = any(row.sample_bp for row in self._studies)
            return [self._say("lacking.openings.none" if is_drawing else "lacking.openings.plan")]
        return [self._say("lacking.openings", opened=opened, drawn=drawn)] if opened < drawn else []

    def _model(self, codes: set[str]) -> Question:
        """Whether sums and mixes follow: contradicted, recomputed as a whole, or in part."""
        question = self._say("question.model")
        again = sum(record.recomputed for record in self._records.values())
        sums = sum(record.sums for record in self._records.values())
        mixes = sum(record.mixes for record in self._records.values())
        remixed = sum(record.remixed for record in self._records.values())
        if codes & _MODEL:
            return Question(question, CONTRADICTED, "", "model")
        if not sums and not mixes:
            return Question(question, NOT_CHECKED, self._say("lacking.sums"), "model")
        some, sample = again + remixed > 0, None
        note = self._say(
            "note.model" if some else "note.model.none", again=again, sums=sums, remixed=remixed, mixes=mixes
        )
        if again < sums and (kept := self._kept()):
            note += self._say("note.model.plan", **kept)
            sample = (again, sums) if again else None
        if 0 < sums <= again and 0 < mixes <= remixed and not self._absent:
            return Question(question, PROVEN, note, "model")
        return Question(question, NOT_CHECKED, note, "model", is_partly=some, sample=sample)

    def _budget(self, codes: set[str]) -> Question:
        question = self._say("question.budget")
        if codes & {"LS-DP-BUDGET", "LS-DP-MATH"}:
            return Question(question, CONTRADICTED, "")
        budget = self.budget()
        if not budget.is_set:
            return Question(question, NOT_CHECKED, self._say("note.budget.none"), is_unset=True)
        if budget.missing or budget.most_u is None:
            return Question(question, NOT_CHECKED, self._say("note.budget.missing", regions=_and(budget.missing)))
        note = self._say("note.budget", most=f"{budget.most_u / 1e6:.3f}".replace(".", self._say("comma")))
        claimed = [
            name for name in liars(self._findings) if any(row.dp and name in row.regions for row in self._studies)
        ]
        if claimed:
            note += self._say("note.budget.claim", regions=_and(claimed))
            return Question(question, NOT_CHECKED, note, is_partly=True)
        return Question(question, PROVEN, note)

    def _data(self) -> Question:
        """Never to be seen; what is shown all the same does not hold of a liar, nor where records are missing."""
        note = self._say("note.data.clear" if any(row.masking == "off" for row in self._studies) else "note.data")
        lied = liars(self._findings)
        gone = {*self._absent, *(log.region for log in self._logs if not log.is_sound), *self._shortened()}
        gone |= {f.subject for f in grave(self._findings) if f.subject and f.code in MISSING}
        if lied:
            note += self._say("note.data.lie", regions=_and(lied))
        if missing := sorted(gone - set(lied)):
            note += self._say("note.data.missing", regions=_and(missing))
        return Question(self._say("question.data"), UNDECIDABLE, note)

    def budget(self) -> Budget:
        """Return what was spent of the privacy budget; what is stated too small or beyond it is a finding."""
        private = [row for row in self._studies if row.dp]
        stated = {name: value for record in self._records.values() for name, value in record.epsilon_u.items()}
        unsound = {log.region for log in self._logs if not log.is_sound}
        unsound |= self._shortened()
        return Budget(
            is_set=bool(private),
            limit_u=min((row.epsilon_max_u for row in private if row.epsilon_max_u is not None), default=None),
            most_u=max(stated.values(), default=None),
            missing=tuple(sorted({name for row in private for name in row.regions} - (set(stated) - unsound))),
        )

    def _histories(self, codes: set[str], defective: bool, held: int, compared: int) -> Question:
        """Whether the logs agree: proven only of what was compared, and where nothing is known to be missing."""
        note = self._say("note.histories", held=held, matched=compared)
        missing = sorted(self._shortened())
        if missing:
            note += self._say("note.histories.missing", regions=_and(missing))
        if codes & _HISTORY:
            answer = CONTRADICTED
        else:
            answer = NOT_CHECKED if defective or missing or not compared else PROVEN
        return Question(self._say("question.histories"), answer, note)

    def _shortened(self) -> set[str]:
        """Return the regions of which entries are known to be missing, whether they or a courier left them out."""
        found = [finding for finding in grave(self._findings) if finding.code in _MISSING]
        carried = {log.bundle.label: log.region for log in self._logs}
        return {f.subject or carried[f.source or ""] for f in found if f.subject or f.source in carried}

    def _accepted(self) -> Question:
        """Whether all regions accepted; a mere proposal is not counted beside studies that did begin."""
        question = self._say("question.accept")
        if not self._studies:
            return Question(question, NOT_CHECKED, self._say("note.accept.none"))
        counted = judged(self._studies)
        missing = sorted({name for row in counted for name in row.missing})
        if missing:
            return Question(question, NOT_CHECKED, self._say("note.accept.missing", regions=_and(missing)))
        apart = [row.name for row in self._studies if row not in counted]
        return Question(question, PROVEN, self._say("note.accept.proposed", list=_and(apart)) if apart else "")


def without_detail(finding: Finding, lang: str) -> str:
    """Return what was found in plain words, without the detail: a rule gives that in English."""
    filled = finding.filled() | {"detail": ""}
    return words(finding.code, lang).plain.format_map(filled).replace(" ()", "").strip()


def in_short(finding: Finding, lang: str) -> str:
    """Return the first sentence of that, without its full stop."""
    return without_detail(finding, lang).split(". ")[0].rstrip(".")


def place_of(finding: Finding, lang: str) -> str:
    """Return region or bundle with the position in the log, in words."""
    where = finding.subject or finding.source or phrase("all.bundles", lang)
    return where if finding.seq is None else phrase("place", lang).format(where=where, seq=finding.seq)


def judged(studies: Sequence[StudyRow]) -> list[StudyRow]:
    """Return the studies whose acceptance is asked for: those that began; where none did, all."""
    return [row for row in studies if row.begun] or list(studies)


def _short(study: bytes) -> str:
    return study.hex()[:8] + "…"


def _and(names: Sequence[str]) -> str:
    return ", ".join(names)
