"""Who is blamed, for what, and how much of it is written down.

Rules kept here, and nowhere else:
  * what nobody signed accuses nobody: it is counted by link, and makes no entry;
  * what a member signed but may not say now makes at most four ``fault`` entries of one code a member and round;
    what is right but comes too early or too late makes none, the first thousand times;
  * two signed statements that exclude each other suspend their signer: one entry with the evidence, whatever
    else it contradicts later, and one EVIDENCE to everybody else;
  * what convicts somebody while nothing may be written (a start that asks) suspends at once, and is written down and
    told as soon as it may be;
  * a new roster in force ends all suspensions: it says who is a member from here on. What was said up to then is
    settled, and suspends nobody again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gossip.effects import CloseLink, Suspect
from gossip.errors import RemoteError
from gossip.mailbox import Contradiction, Mailbox
from gossip.step import Step
from protocol.codec import Value
from protocol.entries import Entry
from protocol.envelope import Envelope
from protocol.evidence import CODES

MAX_FAULTS = 4
MAX_UNTIMELY = 1_000
MAX_REFUSED = 20
UNTIMELY = "UNTIMELY"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where a region is when it accuses: the study at hand, its round (both or neither), all other members."""

    study: bytes | None = None
    round: int | None = None
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Conviction:
    """What is to be written down of one that was caught; ``is_shown``: others are told by EVIDENCE."""

    region: str
    code: str
    payload: bytes
    study: bytes | None
    round: int | None
    is_shown: bool


class Blame:
    """What this region holds against others.

    Args:
        surroundings: Where the region is now.
        is_revoked: Whether a statement is signed by a key set that has been revoked.

    Attributes:
        suspended: Regions caught in a contradiction; nothing of theirs is used in a study.
        codes: What each of them was caught in.
        evidence: This region's own EVIDENCE against them, with its payload; sent again when a link comes up.
    """

    def __init__(
        self,
        surroundings: Callable[[], Surroundings] = Surroundings,
        is_revoked: Callable[[Envelope], bool] = lambda _: False,
    ) -> None:
        self.suspended: set[str] = set()
        self.codes: dict[str, str] = {}
        self.evidence: dict[str, tuple[Envelope, bytes]] = {}
        self._surroundings = surroundings
        self._is_revoked = is_revoked
        self._roster: bytes | None = None
        self._settled: dict[str, int] = {}
        self._round: int | None = None
        self._faults: dict[tuple[str, str], int] = {}
        self._refused: dict[str, int] = {}
        self._unsaid: dict[str, _Conviction] = {}

    def drop(self, step: Step, link: str, code: str, reason: str) -> None:
        """Refuse what no member signed; a link over which twenty such come is closed."""
        step.do(Suspect(link, code, reason))
        self._refused[link] = self._refused.get(link, 0) + 1
        if self._refused[link] % MAX_REFUSED == 0:
            step.do(CloseLink(link, f"{self._refused[link]} messages refused; the last: {reason}"))

    def refuse(self, step: Step, error: RemoteError, study: bytes | None, round: int | None) -> None:
        """Refuse what a member signed but may not say in this round of the study at hand."""
        step.do(Suspect(error.region, error.code, error.reason))
        if error.region in self.suspended:
            return
        if round != self._round:
            self._round = round
            self._faults.clear()
        code, key = error.code, (error.region, error.code)
        self._faults[key] = count = self._faults.get(key, 0) + 1
        if code == UNTIMELY:
            if count <= MAX_UNTIMELY:
                return
            code, count = "LIMIT", count - MAX_UNTIMELY
        if count <= MAX_FAULTS:
            step.add("fault", {"round": round, "region": error.region, "code": code, "evidence": []}, study)

    def convict(self, step: Step, contradiction: Contradiction, study: bytes | None) -> None:
        """Suspend the signer of two statements that exclude each other; both are kept, neither is used."""
        region, last = contradiction.region, contradiction.second.fields
        if self._is_revoked(contradiction.first) or self._is_revoked(contradiction.second):
            step.do(Suspect(region, "LS-KEY-REVOKED", "two statements exclude each other, one by a revoked key set"))
            return
        step.do(Suspect(region, contradiction.code, "two signed statements exclude each other"))
        if region in self.suspended or self.is_settled(contradiction):
            return
        code, payload = contradiction.code, contradiction.statement()
        self._conclude(step, _Conviction(region, code, payload, study, last.round, is_shown=True))

    def suspend(self, step: Step, region: str, code: str, payload: bytes) -> None:
        """Suspend whoever signed two things that exclude each other, one of which is no envelope: shown to nobody."""
        step.do(Suspect(region, code, "two signed checkpoints, or a checkpoint and a message, exclude each other"))
        if region in self.suspended:
            return
        around = self._surroundings()
        self._conclude(step, _Conviction(region, code, payload, around.study, around.round, is_shown=False))

    def _conclude(self, step: Step, one: _Conviction) -> None:
        """Suspend, and write down what convicts."""
        self._suspend(one.region, one.code)
        if not step.may_append:
            self._unsaid[one.region] = one
            return
        body: dict[str, Value] = {
            "round": one.round, "region": one.region, "code": one.code, "evidence": [step.keep(one.payload)]
        }  # fmt: skip
        step.add("fault", body, one.study)
        if one.is_shown:
            around = self._surroundings()
            envelope = step.seal(
                "EVIDENCE",
                {"region": one.region, "code": one.code},
                to=[n for n in around.others if n != one.region],
                study=around.study,
                round=around.round,
                payload=one.payload,
            )
            self.evidence[one.region] = envelope, one.payload

    def go_on(self, step: Step) -> None:
        """Write down what was noticed while nothing could be written."""
        unsaid, self._unsaid = self._unsaid, {}
        for _, one in sorted(unsaid.items()):
            self._conclude(step, one)

    def _suspend(self, region: str, code: str) -> None:
        self.suspended.add(region)
        self.codes.setdefault(region, code)

    def is_settled(self, contradiction: Contradiction) -> bool:
        """Whether both statements are from before the roster that took the region up again."""
        until = self._settled.get(contradiction.first.fields.log, -1)
        return max(contradiction.first.fields.head_size, contradiction.second.fields.head_size) <= until

    def follow(self, roster: bytes | None, mailbox: Mailbox) -> None:
        """Take note of the roster in force: a new one ends all suspensions."""
        if roster == self._roster:
            return
        if self._roster is not None:
            for region in self.suspended:
                self._settled.update(mailbox.newest_of(region))
            self.suspended.clear()
            self.codes.clear()
            self.evidence.clear()
            self._unsaid.clear()
        self._roster = roster

    # ---------------------------------------------------------------- an earlier run

    def replay(self, entry: Entry) -> None:
        """Take one ``fault`` of an earlier run."""
        if entry.body["code"] in CODES:
            self._suspend(str(entry.body["region"]), str(entry.body["code"]))

    def recall(self, envelope: Envelope, payload: bytes) -> None:
        """Take this region's own EVIDENCE of an earlier run."""
        self.evidence[str(envelope.fields.body["region"])] = envelope, payload
