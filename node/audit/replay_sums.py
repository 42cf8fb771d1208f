"""Which of a log's sums follow from what travelled (level L4): computed again where payloads and seeds are at hand.

A strict sum needs the payloads of its survivors. One that survives losses also needs the seeds that its receiver has
opened, each of which must be the one that ``session.sum`` commits to. In a whole-network round values come added up:
each region's PARTIAL is judged by what was signed to it, and the root's sum, which holds its own integers, where the
root has opened its value. What cannot be computed is told, with why: deleted under the plan, or not handed over.

What is opened beyond sums, models and metrics, is the business of ``openings``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crypto.hashing import tagged_hash
from node.audit.checks.logs import CheckedLog
from node.audit.evidence import log_piece, payload_piece, plan_piece
from node.audit.findings import Finding
from node.audit.leaves import Told
from node.audit.openings import open_commitment
from node.audit.replay import sum_hash, total
from node.audit.statements import Statement

if TYPE_CHECKING:
    from node.audit.checks.study import StudyCheck

VALUES = ("MASKED", "DELTA", "PARTIAL")
HELD = (*VALUES, "RESULT")


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that a sum is made of.

    Attributes:
        names: Whose values are in it.
        whole: The sum holds the receiver's own integers, too (whole-network rounds).
    """

    round: int
    ring: int
    names: tuple[str, ...]
    payloads: tuple[bytes, ...]
    weights: tuple[int, ...]
    plus: tuple[bytes, ...] = ()
    minus: tuple[bytes, ...] = ()
    prg: str = "aes256ctr"
    whole: bool = False

    def hash(self) -> bytes | None:
        """SHA-256 of the sum."""
        return sum_hash(self.payloads, self.weights, self.ring, self.plus, self.minus, self.prg)

    def total(self) -> bytes | None:
        """The sum itself."""
        return total(self.payloads, self.weights, self.ring, self.plus, self.minus, self.prg)


class Heard:
    """Values that a log holds, sent or received, by session."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self.values: dict[tuple[str, bytes, str], Statement] = {}
        self.partials: dict[bytes, list[Statement]] = {}
        self.results: set[tuple[str, bytes]] = set()
        for statement in statements:
            session = statement.session
            if session is None:
                continue
            if statement.type in VALUES:
                self.values.setdefault((statement.type, session, statement.sender), statement)
                if statement.type == "PARTIAL":
                    self.partials.setdefault(session, []).append(statement)
            elif statement.type == "RESULT":
                self.results.add((statement.sender, session))

    def parts(self, session: bytes, names: frozenset[str], above: str = "") -> list[Statement] | None:
        """Return what adds up to the values of these: the largest PARTIALs within, and the MASKED of who is in none.

        Args:
            above: Whose own PARTIAL it is that is to be made up.

        Returns:
            None where a value is in no message.
        """
        inside = [p for p in self.partials.get(session, ()) if p.sender != above and members(p) <= names]
        inside.sort(key=lambda p: (-len(members(p)), p.sender))
        taken: list[Statement] = []
        covered: set[str] = set()
        for partial in inside:
            if not members(partial) & covered:
                taken.append(partial)
                covered |= members(partial)
        for name in sorted(names - covered):
            masked = self.values.get(("MASKED", session, name))
            if masked is None:
                return None
            taken.append(masked)
        return taken


def members(partial: Statement) -> frozenset[str]:
    """Return whose values a PARTIAL holds."""
    rows = partial.body["members"]
    assert isinstance(rows, list)
    return frozenset(str(row[0]) for row in rows if isinstance(row, list))


@dataclass(slots=True)
class _Lacking:
    """Sums of one kind that could not be computed: the first of them, and how many payloads they are of."""

    told: Told | None = None
    rounds: list[int] = field(default_factory=list)
    payloads: int = 0

    def add(self, told: Told, round: int, payloads: int) -> None:
        self.told = self.told or told
        self.rounds.append(round)
        self.payloads += payloads


class SumReplay:
    """The sums of one sound log.

    Attributes:
        inputs: By session, all that its sum is made of, where that is at hand and gives it.
    """

    def __init__(self, check: StudyCheck, log: CheckedLog, told: Sequence[Told], heard: Heard) -> None:
        self.inputs: dict[bytes, Inputs] = {}
        self._check = check
        self._log = log
        self._heard = heard
        self._region = log.region
        self._pruned = [each.body["rounds"] for each in told if each.kind == "payload.prune"]
        self._lacks = {"LS-PAYLOAD-PRUNED": _Lacking(), "LS-PAYLOAD-ABSENT": _Lacking()}

    def sum(self, told: Told, named: Sequence[Statement]) -> None:
        """Compute one ``session.sum`` again, and say so where it is another.

        Args:
            named: The COHORT and SURVIVORS of its session, as far as they are there.
        """
        check = self._check
        cohort = next((statement for statement in named if statement.type == "COHORT"), None)
        if told.body["receiver"] != self._region:
            return
        round = self._round(told, cohort)
        if round is not None and round < check.plan.first_round:
            return  # sums of sum rounds are committed to, never opened
        check.record.sums += 1
        if (self._region, told.body["session"]) in self._heard.results:
            self._came(told, round)
        inputs = self._inputs(told, cohort, round) if round is not None else None
        if inputs is None:
            check.record.absent[self._region] = check.record.absent.get(self._region, 0) + 1
            return
        if inputs.whole:
            self.inputs[told.body["session"]] = inputs  # judged once the root's own value is opened
            return
        if inputs.hash() == told.body["sum"]:
            self.inputs[told.body["session"]] = inputs
            check.record.recomputed += 1
            return
        self.differs(told, inputs)

    def _came(self, told: Told, round: int | None) -> None:
        """The root of a whole-network round has heard each survivor's own MASKED."""
        session = told.body["session"]
        missing = [name for name in told.body["survivors"] if ("MASKED", session, name) not in self._heard.values]
        if missing and not self._log.withheld:
            pieces = [self._log.note, self._log.proof(told.seq), log_piece(self._log.tree.size)]
            detail = f"the sum of round {round} holds a value of {missing[0]} that never came"
            pieces.append(plan_piece(self._check.plan))
            self._check.accuse("LS-MATCH", self._region, detail, told.seq, pieces, None, round)

    def differs(self, told: Told, inputs: Inputs) -> None:
        """Say that a sum is another than that of its inputs."""
        names = [payload_piece(s.sha256) for s in self._statements(told, inputs) if s.sha256 is not None]
        pieces = [self._log.note, self._log.proof(told.seq), *names]
        detail = f"round {inputs.round}: another sum than that of the {len(inputs.payloads)} payloads"
        self._check.accuse("LS-RECOMPUTE-SUM", self._region, detail, told.seq, pieces, None, inputs.round)

    def _round(self, told: Told, cohort: Statement | None) -> int | None:
        if cohort is not None:
            return cohort.round
        # Values that travel in the clear have no cohort; their own messages name the round.
        session = told.body["session"]
        said = (self._heard.values.get(("DELTA", session, name)) for name in told.body["survivors"])
        return next((statement.round for statement in said if statement is not None), None)

    def _statements(self, told: Told, inputs: Inputs) -> list[Statement]:
        session, names = told.body["session"], told.body["survivors"]
        if inputs.whole:
            return self._heard.parts(session, frozenset(names)) or []
        return [said for name in names if (said := self._value(session, name)) is not None]

    def _value(self, session: bytes, name: str) -> Statement | None:
        values = self._heard.values
        return values.get(("MASKED", session, name)) or values.get(("DELTA", session, name))

    def _inputs(self, told: Told, cohort: Statement | None, round: int) -> Inputs | None:
        check, session, plan = self._check, told.body["session"], self._check.plan
        names = list(told.body["survivors"])
        whole = (self._region, session) in self._heard.results
        if plan.aggregation == "network" and not whole:
            plan = plan.fallen_back()
        parts: list[Statement] | None
        if whole:
            parts, weights = self._heard.parts(session, frozenset(names)), None
        else:
            row = plan.row(self._region, round)
            if any(name not in row.of for name in names):
                return None  # that is LS-COHORT
            found = [self._value(session, name) for name in names]
            parts = [said for said in found if said is not None] if None not in found else None
            weights = tuple(row.of[name] for name in names)
        if parts is None:
            return None
        payloads = [data for s in parts if (data := check.again.payload(s.sha256)) is not None]
        if len(payloads) < len(parts):
            self._lack(told, round, len(parts) - len(payloads))
            return None
        seeds = self._seeds(told)
        if seeds is None:
            self._lack(told, round, 0)
            return None
        ring = 64 if cohort is not None and cohort.body["kind"] == "state" else plan.ring_at(round)
        return Inputs(
            round, ring, tuple(names), tuple(payloads), weights or (1,) * len(payloads), *seeds, plan.prg, whole
        )

    def _seeds(self, told: Told) -> tuple[tuple[bytes, ...], tuple[bytes, ...]] | None:
        """Return the seeds whose streams are added and taken; None where one is not at hand or not the one named."""
        plus: list[bytes] = []
        minus: list[bytes] = []
        for index, row in enumerate(told.body["opened"]):
            seed = open_commitment(self._check, self._log, told, f"opened.{index}", row["c"], 32)
            if seed is None:
                return None
            # A member adds its self mask, and that of a pair where the other name is the greater one: of a pair whose
            # one end is lost, the sum holds the other end's.
            adds = row["of"] is not None and row["of"] > row["region"]
            (plus if adds else minus).append(seed)
        return tuple(plus), tuple(minus)

    # ------------------------------------------------------------ what was added up on the way

    def partials(self) -> None:
        """Judge the PARTIALs that this region has sent by what it was sent, and what it says it added."""
        for partial in self._check.own(self._region, "PARTIAL"):
            session, round = partial.session, partial.round
            if session is None or round is None or round < self._check.plan.first_round:
                continue
            parts = self._heard.parts(session, members(partial), above=self._region)
            found_of = [self._check.again.payload(s.sha256) for s in parts or ()]
            payloads = [data for data in found_of if data is not None]
            if parts is None or len(payloads) < len(parts):
                continue
            found = sum_hash(payloads, [1] * len(payloads), self._check.plan.ring_at(round))
            if found == partial.sha256:
                continue
            pieces = [partial.piece, *(payload_piece(s.sha256) for s in parts if s.sha256 is not None)]
            pieces.append(plan_piece(self._check.plan))
            detail = f"round {round}: its PARTIAL is another sum than that of the {len(parts)} payloads in it"
            self._check.accuse("LS-RECOMPUTE-SUM", self._region, detail, partial.size, pieces, None, round)

    def _lost(self) -> None:
        """Whoever got a RECEIPT for a PARTIAL has had all that it lists counted: none of them is lost afterwards.

        That the PARTIAL came is in the log alone, since it is another's word.
        """
        if not self._heard.partials:
            return
        receipts = {(s.session, s.body["about"]): s for s in self._check.own(self._region, "RECEIPT")}
        for survivors in self._check.own(self._region, "SURVIVORS"):
            rows = survivors.body["left_out"]
            assert isinstance(rows, list)
            lost = {str(row[0]) for row in rows if isinstance(row, list) and row[1] == "lost"}
            for partial in self._heard.partials.get(survivors.session or b"", ()) if lost else ():
                receipt = receipts.get((survivors.session, partial.sender))
                named = sorted(lost & members(partial))
                if receipt is None or not named or receipt.size > survivors.size or partial.sender == self._region:
                    continue
                detail = (
                    f"round {survivors.round}: {named[0]} was called lost, and {partial.sender} has a receipt for it"
                )
                pieces = [receipt.piece, survivors.piece, log_piece(self._log.tree.size), plan_piece(self._check.plan)]
                self._check.accuse(
                    "LS-FALSE-DROPOUT", self._region, detail, survivors.size, pieces, None, survivors.round
                )

    # ------------------------------------------------------------ what is not at hand

    def _lack(self, told: Told, round: int, payloads: int) -> None:
        """Note a sum that cannot be computed, where the plan has payloads kept at all."""
        retention = self._check.plan.retention
        if not retention["payload_rounds"] and not retention["sample_bp"]:
            return
        code = "LS-PAYLOAD-ABSENT"
        if any(first <= round <= last for first, last in self._pruned):
            code = "LS-PAYLOAD-PRUNED"
        self._lacks[code].add(told, round, payloads)

    def finish(self) -> None:
        """Tell what could not be computed, in one finding for each reason."""
        self.partials()
        self._lost()
        for code, lacking in self._lacks.items():
            if lacking.told is None:
                continue
            first, last = min(lacking.rounds), max(lacking.rounds)
            where = f"round {first}" if first == last else f"{len(lacking.rounds)} sums of rounds {first} to {last}"
            if not lacking.payloads:
                where = f"seeds of masks, {where}"
            self._check.findings.append(
                Finding(
                    code,
                    subject=self._region,
                    study=self._check.study,
                    round=first,
                    seq=lacking.told.seq,
                    values={"n": lacking.payloads, "detail": f" ({where})"},
                    evidence=[self._log.note, self._log.proof(lacking.told.seq)],
                    roster=self._check.roster_hash,
                )
            )


def unmaskable(check: StudyCheck, logs: Sequence[CheckedLog], statements: Iterable[Statement]) -> list[Finding]:
    """Return where the files at hand would together uncover a region that a sum left out."""
    found: dict[str, Finding] = {}
    if not check.again.openings:
        return []
    here: dict[tuple[bytes | None, str], Statement] = {
        (s.session, s.sender): s for s in statements if s.type == "MASKED" and s.sha256 in check.payloads
    }
    for log in logs:
        for told in log.raw.told:
            if told.kind != "session.sum" or told.study != check.study:
                continue
            for index, row in enumerate(told.body["opened"]):
                if row["kind"] != "pair":
                    continue
                masked = here.get((told.body["session"], row["region"]))
                held = check.again.openings.get((log.region, log.epoch, told.seq, f"opened.{index}"), ())
                if masked is not None and any(tagged_hash("commit", one.data) == row["c"] for one in held):
                    detail = f"the value of {row['region']} in round {masked.round}"
                    found.setdefault(
                        log.bundle.label,
                        Finding(
                            "LS-EXPORT-UNMASKABLE",
                            source=log.bundle.label,
                            study=check.study,
                            round=masked.round,
                            seq=told.seq,
                            values={"detail": detail},
                            roster=check.roster_hash,
                        ),
                    )
    return [found[label] for label in sorted(found)]
