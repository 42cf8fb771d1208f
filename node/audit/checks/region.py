"""One sound log against the plan of a study: its entries, rounds, sums and releases.

Only a sound log accuses its region. What the plan thinks of the entries that are picked here is in ``rules``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from node.audit.checks.logs import CheckedLog
from node.audit.checks.releases import ReleaseCheck
from node.audit.evidence import log_piece, plan_piece
from node.audit.findings import Json
from node.audit.leaves import Told
from node.audit.replay_sums import HELD
from node.audit.rules import RULES, Item
from node.audit.statements import Statement

if TYPE_CHECKING:
    from node.audit.checks.study import StudyCheck

# Rules about one entry each.
_SINGLE = {
    "study.start": ("LS-SETTINGS",),
    "round.train": ("LS-SETTINGS", "LS-DP-BUDGET"),
    "round.mix": ("LS-WEIGHT", "LS-MEMBER", "LS-STALE"),
    "session.sum": ("LS-MEMBER", "LS-UNMASK-BOTH"),
    "stats.open": ("LS-STALE",),
    "model.release": ("LS-RELEASE-RULE",),
    "data.release": ("LS-RELEASE-RULE",),
}
_ONCE = ("round.end", "round.mix", "round.train", "stats.open")


class RegionCheck:
    """One sound log against the plan."""

    def __init__(self, check: StudyCheck, log: CheckedLog) -> None:
        self._check = check
        self._log = log
        self._region = log.region
        self._told = [told for told in log.raw.told if told.study == check.study]

    def run(self) -> None:
        self._accepted()
        self._entries()
        self._lineage()
        self._rounds()
        self._sums()
        ReleaseCheck(self._check, self._log, self._told).run()

    def _pieces(self, seqs: Iterable[int]) -> list[dict[str, Json]]:
        return [self._log.note, *(self._log.proof(seq) for seq in sorted(set(seqs)))]

    def _apply(self, code: str, told: Sequence[Told], statements: Sequence[Statement] = ()) -> None:
        items = [entry_item(each) for each in told] + [message_item(statement) for statement in statements]
        items.sort(key=lambda item: item.seq)
        check = self._check
        if (code, self._region) in check.said or RULES[code](check.plan, self._region, items) is None:
            return
        check.apply(code, self._region, items, self._pieces(each.seq for each in told), statements)

    # ------------------------------------------------------------ one entry, and pairs of entries

    def _entries(self) -> None:
        once: dict[tuple[str, int], Told] = {}
        trained: list[Told] = []
        record = self._check.record
        for told in self._told:
            for code in _SINGLE.get(told.kind, ()):
                self._apply(code, [told])
            if told.kind not in _ONCE:
                continue
            body = told.body
            first = once.setdefault((told.kind, body["round"]), told)
            if first is not told:
                self._apply("LS-ROUND-DUP", [first, told])
            if told.kind == "round.train" and body["dp"] is not None:
                trained.append(told)
                stated = body["dp"]["eps_study_u"]
                record.epsilon_u[self._region] = max(stated, record.epsilon_u.get(self._region, 0))
            if told.kind == "round.end":
                rounds = record.rounds.setdefault(self._region, {})
                rounds[body["outcome"]] = rounds.get(body["outcome"], 0) + 1
        if trained:
            self._apply("LS-DP-MATH", trained)

    def _lineage(self) -> None:
        """After a mix the next round begins from it; after a restart a model may be lost, and a round is kept."""
        starts = [told.seq for told in self._log.raw.told if told.kind == "node.start"]
        before: Told | None = None
        for told in self._told:
            if told.kind == "round.mix":
                before = told
            elif told.kind == "round.end" and told.body["outcome"] == "kept":
                before = None
            elif told.kind == "round.train":
                restarted = before is not None and any(before.seq < seq < told.seq for seq in starts)
                if before is not None and not restarted and not self._hides(before.seq, told.seq):
                    self._apply("LS-LINEAGE", [before, told])
                elif before is None and told.body["round"] == self._check.plan.first_round:
                    self._apply("LS-LINEAGE", [told])

    def _hides(self, first: int, last: int) -> bool:
        """Whether somebody else may have hidden an entry between two: a start of the program would explain both."""
        by_others = self._log.unsigned is not None and self._log.withheld
        return bool(by_others) and any(self._log.raw.leaves[seq] is None for seq in range(first + 1, last))

    # ------------------------------------------------------------ what the log lacks

    def _lacks(self, code: str, detail: str, told: Sequence[Told], round: int | None = None) -> None:
        seq = told[-1].seq if told else 0
        pieces = self._pieces(each.seq for each in told)
        pieces += [log_piece(self._log.tree.size), plan_piece(self._check.plan)]
        self._check.accuse(code, self._region, detail, seq, pieces, None, round)

    def _accepted(self) -> None:
        start = next((told for told in self._told if told.kind == "study.start"), None)
        self._check.record.begun = self._check.record.begun or start is not None
        agreed = any(told.kind == "study.accept" for told in self._told if start is None or told.seq < start.seq)
        agreed = self._check.ended.accepted(self._log, agreed)
        if start is not None and not agreed and not self._log.withheld:
            self._lacks("LS-STUDY-ACCEPT", f"it began as entry {start.seq}, no acceptance stands before it", [start])

    def _rounds(self) -> None:
        """Rounds end one after the other, but for those that the region's own ABSENT names."""
        excused: set[int] = set()
        for absent in self._check.own(self._region, "ABSENT"):
            first, last = int(str(absent.body["first"])), int(str(absent.body["last"]))
            excused.update(range(first, min(last, self._check.plan.end_round) + 1))
        expected, before = self._check.ended.until(self._log), None
        for told in self._told:
            end = told.kind == "study.end" and told.body["outcome"] == "done"
            if told.kind != "round.end" and not end:
                continue
            number = self._check.plan.end_round if end else told.body["round"]
            expected = number if expected is None else expected
            if self._check.as_of is not None:
                number = min(number, self._check.as_of + 1)
            missing = [each for each in range(expected, number) if each not in excused]
            if missing and not self._log.withheld:
                around = [each for each in (before, told) if each is not None]
                self._lacks("LS-ROUND-GAP", f"round {missing[0]} has no end and no excuse", around, missing[0])
            expected, before = max(expected, number + 1), told
        self._check.ended.seen(self._log, expected)

    # ------------------------------------------------------------ sums

    def _sums(self) -> None:
        heard, cohorts, survivors, values = self._heard()
        again = self._check.again.log(self._log, self._told, values)
        sums: dict[bytes, Told] = {}
        for told in self._told:
            if told.kind == "session.sum":
                session = told.body["session"]
                sums[session] = told
                named = [s for s in (cohorts.get(session), survivors.get(session)) if s is not None]
                self._apply("LS-COHORT", [told], named)
                self._carried(told, heard, named)
                again.sum(told, named)
            elif told.kind == "round.mix":
                used = [sums[each["session"]] for each in told.body["in"] if each["session"] in sums]
                self._apply("LS-MATCH", [*used, told])
                is_given = all(
                    one["session"] in sums or self._resulted(one["session"]) == one["sum"] for one in told.body["in"]
                )
                if not is_given and not self._log.withheld:
                    self._lacks("LS-MATCH", "it mixed a sum that no session gave", [told], told.body["round"])

    def _resulted(self, session: bytes) -> bytes | None:
        """The sum of a whole-network round that its root sent to this region; None if it sent none."""
        if self._check.plan.aggregation != "network":
            return None
        for _, index, received in self._log.raw.messages():
            statement = self._check.message(index)
            if statement is None or not received:
                continue
            if (statement.type, statement.session) == ("RESULT", session):
                found = statement.body["sum"]
                return found if isinstance(found, bytes) else None
        return None

    def _heard(
        self,
    ) -> tuple[
        dict[tuple[str, bytes], tuple[int, Statement]], dict[bytes, Statement], dict[bytes, Statement], list[Statement]
    ]:
        """Return values received by (sender, session), own COHORTs and SURVIVORS by session, and all values held."""
        heard: dict[tuple[str, bytes], tuple[int, Statement]] = {}
        cohorts: dict[bytes, Statement] = {}
        survivors: dict[bytes, Statement] = {}
        values: list[Statement] = []
        message, study = self._check.message, self._check.study
        for seq, index, received in self._log.raw.messages():
            statement = message(index)
            if statement is None or statement.session is None or statement.study != study:
                continue
            if statement.type in HELD:
                values.append(statement)
            if received:
                if statement.type in ("MASKED", "DELTA", "PARTIAL"):
                    heard.setdefault((statement.sender, statement.session), (seq, statement))
            elif statement.type == "COHORT":
                cohorts[statement.session] = statement
            elif statement.type == "SURVIVORS":
                survivors[statement.session] = statement
        return heard, cohorts, survivors, values

    def _carried(
        self, told: Told, heard: dict[tuple[str, bytes], tuple[int, Statement]], named: Sequence[Statement]
    ) -> None:
        """Each survivor's value stands in the log before the sum, in the sum's own session."""
        plan, session = self._check.plan, told.body["session"]
        if plan.aggregation == "network" or self._log.withheld or told.body["receiver"] != self._region:
            return
        round = next((statement.round for statement in named), None)
        for name in told.body["survivors"]:
            found = heard.get((name, session))
            if found is not None and found[0] < told.seq:
                continue
            others = [s for (sender, other), (seq, s) in heard.items() if sender == name and seq < told.seq]
            if name not in plan.regions or any(s.round == round for s in others if round is not None):
                continue
            last = max(others, key=lambda s: s.round or 0, default=None)
            detail = f"the sum of round {'?' if round is None else round} holds a value of {name}"
            if last is not None:
                self._lacks("LS-STALE", f"{detail}, which sent none in it but in {last.round}", [told], round)
            else:
                self._lacks("LS-MATCH", f"{detail} that never came", [told], round)


def entry_item(told: Told) -> Item:
    return Item(told.seq, told.kind, told.body)


def message_item(statement: Statement) -> Item:
    return Item(statement.size, None, {}, statement)
