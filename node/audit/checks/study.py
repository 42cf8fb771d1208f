"""What a study's plan asks, against what each region's log and messages say (level L3).

The entries are picked here, in the order of the log; what the plan thinks of them is in ``rules``. Only a
sound log accuses its region of what it holds; messages accuse their signer wherever they were found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from node.audit.checks import epochs
from node.audit.checks.epochs import Ended
from node.audit.checks.logs import CheckedLog
from node.audit.checks.region import RegionCheck, message_item
from node.audit.context import Context
from node.audit.evidence import plan_piece
from node.audit.findings import Finding, Json
from node.audit.openings import Opened, Place
from node.audit.openings_study import Again
from node.audit.releases import Released
from node.audit.rules import RULES, Item, Sessions, sessions_of
from node.audit.statements import Statement
from protocol.plan import Plan
from protocol.roster import Roster

_SESSION_TYPES = frozenset({"ADVERT", "SHARES", "MASKED", "DELTA", "CONFIRM", "REVEAL", "COHORT", "ROUTED"})


@dataclass(slots=True)
class StudyRecord:
    """What the checks of one study came to, for the report.

    Attributes:
        begun: Whether a log or a message shows that the study began.
        rounds: By region, rounds that ended, by outcome.
        sums: How many sums of training rounds were looked at; those of sum rounds are never opened.
        recomputed: How many of them were computed again from their payloads, and agree.
        mixes, remixed: How many mixes there are, and how many were computed again, and agree.
        drawn, opened: How many rounds the beacon drew, and how many of them were opened.
        matched: Sums to which all opened values were seen to add up.
        absent: By region, how many sums could not be, since payloads are not at hand.
        epsilon_u: By region, the largest epsilon stated for the study, in 1e-6.
        released: What was let out, by logs and in their order.
        disputes: By (receiver, sender), rounds in which a sent value is said never to have come.
    """

    begun: bool = False
    rounds: dict[str, dict[str, int]] = field(default_factory=dict)
    sums: int = 0
    recomputed: int = 0
    mixes: int = 0
    remixed: int = 0
    drawn: int = 0
    opened: int = 0
    matched: int = 0
    absent: dict[str, int] = field(default_factory=dict)
    epsilon_u: dict[str, int] = field(default_factory=dict)
    released: list[Released] = field(default_factory=list)
    disputes: dict[tuple[str, str], int] = field(default_factory=dict)


class StudyCheck:
    """Checks one study under one context."""

    def __init__(
        self,
        context: Context,
        study: bytes,
        logs: Sequence[CheckedLog],
        payloads: Mapping[bytes, bytes],
        as_of: int | None = None,
        openings: Mapping[Place, Sequence[Opened]] | None = None,
        signed: Mapping[str, bool] | None = None,
        inside: Callable[[bytes], bytes | None] = lambda _: None,
    ) -> None:
        self.findings: list[Finding] = []
        self.record = StudyRecord()
        self._context = context
        self._plan: Plan = context.plans[study]
        self._study = study
        self._logs = logs
        self._as_of = as_of
        self.payloads = payloads
        self._sessions = sessions_of(self._plan)
        self.said: set[tuple[str, str]] = set()
        self.ended = Ended()
        self._statements = [s for s in context.true() if s.study == study]
        self._said_as: dict[str, list[Statement]] = {}
        for statement in self._statements:
            self._said_as.setdefault(statement.type, []).append(statement)
        self.again = Again(self, openings or {}, signed or {}, inside)

    def run(self) -> list[Finding]:
        """Return what was found."""
        for log in sorted(self._logs, key=lambda log: log.epoch):
            if log.is_sound:
                RegionCheck(self, log).run()
        self.findings += epochs.twice(self._context, self._study, self._logs)
        self._messages()
        self._disputes()
        self.again.finish(self._statements)
        return self.findings

    # ------------------------------------------------------------ messages, whoever holds them

    def _messages(self) -> None:
        plan = self._plan
        by_sender: dict[str, list[Statement]] = {}
        places: set[tuple[str, bytes, int | None]] = set()
        for statement in self._statements:
            sender = statement.sender
            self.record.begun = self.record.begun or statement.session is not None
            if sender not in plan.regions:
                if statement.session is not None:
                    detail = f"a {statement.type} of a region that does not take part"
                    self.accuse("LS-MEMBER", sender, detail, statement.size, [], statement, statement.round)
                continue
            if statement.type in ("RECEIPT", "SURVIVORS", "COHORT", "PARTIAL"):
                by_sender.setdefault(sender, []).append(statement)
            key = sender, statement.session or b"", statement.round
            if statement.type in _SESSION_TYPES and key not in places:
                places.add(key)
                self.apply("LS-EDGE", sender, [message_item(statement)], [], [statement])
        for sender, statements in sorted(by_sender.items()):
            sessions: dict[bytes | None, list[Statement]] = {}
            for statement in sorted(statements, key=lambda s: s.size):
                sessions.setdefault(statement.session, []).append(statement)
            for several in sessions.values():
                items = [message_item(statement) for statement in several]
                if any(item.message and item.message.type in ("SURVIVORS", "PARTIAL") for item in items):
                    self.apply("LS-FALSE-DROPOUT", sender, items, [], several)
                for item, statement in zip(items, several, strict=True):
                    if statement.type == "COHORT":
                        self.apply("LS-COHORT", sender, [item], [], [statement])
                        self.apply("LS-MEMBER", sender, [item], [], [statement])

    def _disputes(self) -> None:
        """A value that its sender logged as sent, and whose receiver, handing over its log of that round, knows not of.

        A log that ends earlier may have had the value in what was not handed over: that decides nothing.
        """
        logs = {log.region for log in self._logs if log.is_sound and not log.withheld}
        ended = {
            (log.region, told.body["round"])
            for log in self._logs
            for told in (log.raw.told if log.region in logs and log.is_sound else ())
            if told.kind == "round.end" and told.study == self._study
        }
        for statement in self._statements:
            if statement.type not in ("MASKED", "DELTA") or statement.shown_by or statement.at is None:
                continue
            place = self._sessions.place(statement.session or b"", statement.round)
            if place is None or place.receiver not in logs or statement.sender not in logs:
                continue
            if (place.receiver, statement.round) not in ended:
                continue
            pair = place.receiver, statement.sender
            self.record.disputes[pair] = self.record.disputes.get(pair, 0) + 1
            if self.record.disputes[pair] == 1:
                self.findings.append(
                    Finding(
                        "LS-DISPUTE-DELIVERY",
                        subject=place.receiver,
                        study=self._study,
                        round=statement.round,
                        seq=statement.size,
                        values={"holder": statement.sender, "detail": f"round {statement.round}"},
                        evidence=[statement.piece],
                        roster=self._context.roster_hash,
                    )
                )

    # ------------------------------------------------------------ findings

    def apply(
        self,
        code: str,
        region: str,
        items: Sequence[Item],
        pieces: Sequence[dict[str, Json]],
        statements: Sequence[Statement] = (),
    ) -> bool:
        """Apply a rule; return whether it found a fault."""
        if (code, region) in self.said:
            return False
        detail = RULES[code](self._plan, region, items)
        if detail is None:
            return False
        evidence = [*pieces, *(statement.piece for statement in statements), plan_piece(self._plan)]
        self.accuse(code, region, detail, items[-1].seq, evidence, None, _round(items[-1]))
        return True

    def accuse(
        self,
        code: str,
        region: str,
        detail: str,
        seq: int,
        evidence: Sequence[dict[str, Json]],
        statement: Statement | None = None,
        round: int | None = None,
    ) -> None:
        """Add a finding, the first of its code about a region."""
        if (code, region) in self.said:
            return
        self.said.add((code, region))
        pieces = [*evidence]
        if statement is not None:
            pieces += [statement.piece, plan_piece(self._plan)]
        self.findings.append(
            Finding(
                code,
                subject=region,
                study=self._study,
                round=round,
                seq=seq,
                values={"detail": detail},
                evidence=pieces,
                roster=self._context.roster_hash,
            )
        )

    def own(self, region: str, *types: str) -> Iterator[Statement]:
        """Yield what a region said in this study, of some types."""
        for type in types:
            yield from (statement for statement in self._said_as.get(type, ()) if statement.sender == region)

    @property
    def plan(self) -> Plan:
        """The plan of the study."""
        return self._plan

    @property
    def roster_hash(self) -> bytes | None:
        """Hash of the roster that it is checked under."""
        return self._context.roster_hash

    @property
    def study(self) -> bytes:
        """Its id."""
        return self._study

    @property
    def as_of(self) -> int | None:
        """The last round that is looked at; None: all."""
        return self._as_of

    @property
    def roster(self) -> Roster | None:
        """The roster that it is checked under."""
        return self._context.roster

    def epochs_of(self, region: str) -> set[str]:
        """Return the logs of a region that its messages in this study are from."""
        return {statement.log for statement in self._statements if statement.sender == region}

    def said_nowhere(self, region: str, eid: bytes, before: tuple[str, int]) -> bool:
        """Whether a region's whole log is at hand and goes on, and neither it nor anybody else holds a message.

        Args:
            before: Log and entry that name the message: the region has heard of later ones, so it has said it or not.
        """
        for log in self._logs:
            if log.region != region or not log.is_sound or log.withheld or log.epoch > 1:
                continue
            heard = [self.message(index) for _, index, received in log.raw.messages() if received]
            if any(one is not None and one.log == before[0] and one.size > before[1] for one in heard):
                return not any(statement.eid == eid for statement in self._statements)
        return False

    def serials(self, statement: Statement) -> set[int]:
        """Return the key sets of its sender by whose key a statement holds."""
        return {keys.serial for keys in self._context.sets(statement.sender) if keys.sign == statement.key}

    @property
    def sessions(self) -> Sessions:
        """What session ids stand for."""
        return self._sessions

    def message(self, index: int) -> Statement | None:
        """Return a message by its index; None where its signature does not hold."""
        return self._context.statements.all[index] if self._context.judge(index) else None


def _round(item: Item) -> int | None:
    if item.message is not None:
        return item.message.round
    round = item.body.get("round")
    return round if isinstance(round, int) else None
