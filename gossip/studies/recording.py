"""What a region keeps of its rounds beside the log, so that an audit can compute them again: ``retention`` of the plan.

Kept are the payloads that went into a sum (masked, or in the clear where the plan has no masks), the seeds by which a
receiver took masks away and, where rounds are drawn (``sample_bp``), what opens the region's commitments. How long:

    the last ``payload_rounds`` rounds; rounds that the beacon draws and rounds that a release names, for good

Rules kept here, and nowhere else:
  * payloads of sum rounds are never kept;
  * what did not go into a sum is dropped when its round ends: a value that came too late or was left out, beside the
    seeds that were opened for the others, is what masks are there to hide;
  * who adds values up keeps them; who has sent one keeps it only where it adds up itself (whole-network rounds);
  * what goes by the plan's rule is named by one ``payload.prune``, written before anything is removed.

All of it follows from the log, entry by entry, so a restart changes nothing. The node stores and removes: ``Retain``,
``Deposit``, ``Sift``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from crypto.merkle import Tree, leaf_hash
from gossip.effects import Deposit, Retain, Sift
from gossip.events import Buffer
from gossip.step import Step
from protocol.beacon import is_drawn
from protocol.codec import Value
from protocol.entries import Entry
from protocol.envelope import Envelope
from protocol.plan import Plan

BULK = ("MASKED", "PARTIAL", "DELTA")
ALWAYS = -1
"""In place of a round: kept as long as any round of the study is."""


class Recording:
    """What is kept of one study.

    Attributes:
        held: Round to the SHA-256 of each payload kept of it; only rounds that are over.
        drawn: Whether values are committed to, since rounds may be drawn.
    """

    def __init__(self, plan: Plan, me: str) -> None:
        self.held: dict[int, frozenset[bytes]] = {}
        self.drawn = int(plan.retention["sample_bp"]) > 0
        self._plan = plan
        self._me = me
        self._rounds = int(plan.retention["payload_rounds"])
        self._heard: dict[int, dict[bytes, frozenset[str]]] = {}
        self._roots: dict[int, dict[str, bytes]] = {}
        self._released: set[int] = set()
        self._start: int | None = None

    @property
    def is_on(self) -> bool:
        """Whether the plan asks for anything to be kept."""
        return self._rounds > 0 or self.drawn

    # ---------------------------------------------------------------- what happens in a round

    def heard(self, step: Step, envelope: Envelope, payload: Buffer) -> None:
        """A value is here, or one's own is on its way: keep it until its round shows whether it counts."""
        if self.recall(envelope) and envelope.fields.round is not None and envelope.fields.sha256 is not None:
            step.do(Retain(self._plan.study, envelope.fields.round, envelope.fields.sha256, payload))

    def recall(self, envelope: Envelope) -> bool:
        """Take a value's header; whether its payload is one to keep."""
        fields = envelope.fields
        if not self.is_on or fields.type not in BULK or fields.round is None or fields.sha256 is None:
            return False
        if fields.round < self._plan.sum_rounds or fields.round in self.held:
            return False
        if fields.sender == self._me and self._plan.aggregation != "network":
            return False
        names = frozenset({fields.sender})
        if fields.type == "PARTIAL":
            rows = fields.body["members"]
            assert isinstance(rows, list)
            names = frozenset(str(row[0]) for row in rows if isinstance(row, list))
        self._heard.setdefault(fields.round, {})[fields.sha256] = names
        return True

    def deposit(self, step: Step, entry: Entry, round: int, field: str, salt: bytes, value: Buffer) -> None:
        """Keep what opens a commitment that an entry holds, as long as its round is kept."""
        if self.is_on:
            step.do(Deposit(self._plan.study, round, entry.seq, field, salt, value))

    def begin(self, step: Step, reference: Buffer) -> None:
        """The study's initial model is here: what every integer is a difference to, and public."""
        if self.drawn and self._start is not None:
            step.do(Deposit(self._plan.study, ALWAYS, self._start, "init", bytes(32), reference))

    # ---------------------------------------------------------------- what the log says

    def take(self, entry: Entry) -> None:
        """Take one of the region's own entries, of this run or an earlier one."""
        if not self.is_on:
            return
        body, round = entry.body, entry.body.get("round")
        match entry.kind, body:
            case "study.start", _:
                self._start = entry.seq
            case "round.heads", {"seen": list(seen)} if isinstance(round, int):
                rows = [row for row in seen if isinstance(row, dict) and row["how"] == "verified"]
                self._roots[round] = {str(row["origin"]): bytes(row["root"]) for row in rows}  # type: ignore[arg-type]
            case "round.mix", {"weights": dict(weights)} if isinstance(round, int):
                heard = self._heard.pop(round, {})
                self.held[round] = frozenset(sha for sha, names in heard.items() if names <= weights.keys())
            case "round.end", {"outcome": "kept"} if isinstance(round, int):
                self._heard.pop(round, None)
                if self.drawn:
                    self.held[round] = frozenset()
            case "payload.prune", {"rounds": [int(first), int(last)]}:
                self._drop(number for number in range(first, last + 1))
            case (("model.release" | "data.release"), _) if isinstance(round, int):
                self._released.add(round)

    def _drop(self, rounds: Iterable[int]) -> None:
        for number in rounds:
            self.held.pop(number, None)
            self._roots.pop(number, None)

    # ---------------------------------------------------------------- what goes

    def round_ended(self, step: Step, round: int) -> None:
        """Let go what the plan no longer asks for, once ``round`` is over."""
        if not self.is_on:
            return
        # Whether a round is drawn follows from the entry that comes with the end of the next one.
        due = [number for number in sorted(self.held) if number <= min(round - self._rounds, round - 1)]
        gone = [number for number in due if not self._stays(number)]
        for first, last in _runs([number for number in gone if self.held[number]]):
            shas = sorted(sha for number in range(first, last + 1) for sha in self.held.get(number, ()))
            body: dict[str, Value] = {
                "rounds": [first, last], "count": len(shas), "hashes_root": Tree(map(leaf_hash, shas)).root(),
                "rule": "payload_rounds",
            }  # fmt: skip
            step.add("payload.prune", body, self._plan.study)
        self._drop(gone)
        self._heard = {number: heard for number, heard in self._heard.items() if number > round}
        self.sift(step, round)

    def _stays(self, round: int) -> bool:
        if round in self._released:
            return True
        sample = int(self._plan.retention["sample_bp"])
        return is_drawn(self._plan.study, round, self._me, self._roots.get(round, {}), sample)

    def sift(self, step: Step, until: int | None) -> None:
        """Have nothing but ``held`` in the store, of rounds up to ``until``; of all where that is None."""
        if self.is_on:
            step.do(Sift(self._plan.study, until, dict(self.held)))

    def end(self, step: Step) -> Mapping[int, frozenset[bytes]]:
        """The years of the plan are over: nothing is kept; returns what was."""
        was, self.held = self.held, {}
        self.sift(step, None)
        return was


def _runs(rounds: list[int]) -> list[tuple[int, int]]:
    """Return rounds as runs without a gap, first and last."""
    runs: list[tuple[int, int]] = []
    for number in rounds:
        if runs and runs[-1][1] == number - 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    return runs
