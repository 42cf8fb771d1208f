"""This region's own log, begun anew: told to the others, confirmed, and what it must not sign a second time.

A log that lost its tail does not know what it has said in it. Rules kept here, and nowhere else:
  * nothing follows the first entry of a new epoch before ``quorum`` neighbours have cosigned it (``waking``);
  * everybody on the roster is shown it until it has cosigned something of this log, and again where it asks: its home
    may have been put back to before that;
  * in a study that may have been under way, nothing is said before all who may hold something of it have answered
    which round they know this region in; up to the latest of these rounds it is ``kept``, and entered no more;
  * a study whose sums were still open in what is left of the log is over: they cannot be counted a second time.

What has been answered waits in a state file: it is asked once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gossip.step import Step
from gossip.studies.pace import common_round
from gossip.studies.study import Study
from protocol.codec import Value, decode, encode
from protocol.cosignature import checkpoint_note
from protocol.entries import Entry
from protocol.envelope import Envelope
from protocol.epochs import Previous, epoch_of
from protocol.errors import CodecError
from protocol.witnessing import Behind, Heads, encode_mirror

if TYPE_CHECKING:
    from gossip.peer import Peer

MAX_STATE = 1 << 20
ANSWER_MS = 2_000
_MARKS = ("round.start", "round.end", "stats.open", "session.sum", "study.end")


class Reentry:
    """What follows from a log that was begun anew.

    Attributes:
        previous: The head with which it began; None for a first epoch.
        answered: Regions that have said what they hold of earlier epochs.
        shown: Latest round, by study, in which anybody holds a message of an earlier epoch.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.epoch = epoch_of(peer.log.origin)
        self.previous: Previous | None = None
        self.answered: set[str] = set()
        self.shown: dict[bytes, int] = {}
        self._first: bytes | None = None
        self._begun: set[bytes] = set()
        self._taken_up: set[bytes] = set()
        self._asked_ms = 0

    @property
    def is_new(self) -> bool:
        """Whether this log is not the region's first."""
        return self.epoch > 1

    @property
    def is_fresh(self) -> bool:
        """Whether there is nothing but its first entry."""
        return self.is_new and self._peer.log.size == 1

    # ---------------------------------------------------------------- an earlier run

    def replay(self, entry: Entry, leaf: bytes) -> None:
        """Take one entry of the own logs, this epoch's or an earlier one's."""
        if epoch_of(entry.log) != self.epoch:
            return
        prev = entry.body.get("prev") if entry.kind == "log.genesis" else None
        if isinstance(prev, dict):
            self.previous = Previous(prev["origin"], prev["size"], prev["root"], prev["reason"])  # type: ignore[arg-type]
            self._first = leaf
        elif entry.kind == "study.start" and entry.study is not None:
            self._begun.add(entry.study)
        elif entry.kind in _MARKS and entry.study is not None:
            self._taken_up.add(entry.study)

    def load(self) -> None:
        """Read back what others have answered; nothing where it is lost: then they are asked again."""
        data = self._peer.blob(self._name)
        try:
            match decode(data, max_bytes=MAX_STATE) if data is not None else None:
                case {"answered": list(names), "shown": list(rows)}:
                    self.answered = {name for name in names if isinstance(name, str)}
                    for row in rows:
                        match row:
                            case [bytes(study), int(round)]:
                                self.shown[study] = round
        except CodecError:
            self.answered.clear()

    @property
    def _name(self) -> str:
        return f"epoch/{self.epoch}"

    def _keep(self, step: Step) -> None:
        rows: list[Value] = [[study, round] for study, round in sorted(self.shown.items())]
        names: list[Value] = [*sorted(self.answered)]
        step.blob(self._name, encode({"answered": names, "shown": rows}), durable=True)

    # ---------------------------------------------------------------- told to the others

    def tell(self, step: Step, name: str) -> None:
        """Show one region the first entry of this log, until it has confirmed something of it."""
        if name not in self._peer.witness.held.since:
            self.show(step, name)

    def show(self, step: Step, name: str) -> None:
        """Show one region the first entry of this log."""
        log, study = self._peer.log, self._peer.current
        if not self.is_new or self._first is None:
            return
        point, signature = log.signed(1)
        note = checkpoint_note(point, log.log_public, signature)
        round = max(study.round, 0) if study is not None else 0
        heads = Heads(round, note, 0, ()).encode()
        step.seal(
            "HEADS",
            {},
            to=[name],
            payload=heads,
            study=study.id if study is not None else None,
            round=round if study is not None else None,
        )
        step.seal("MIRROR", {"log": log.origin}, to=[name], payload=encode_mirror(0, [self._first]))

    def ask(self, step: Step) -> None:
        """Show and ask again, every 2 s, whoever has not confirmed or not answered."""
        if not self.is_new or step.now_ms < self._asked_ms:
            return
        self._asked_ms = step.now_ms + ANSWER_MS
        for name in self._peer.presence.links():
            self.tell(step, name)
            if name not in self.answered and not self._peer.waking.is_asking:
                self._peer.waking.hello(step, name)

    @property
    def wake_ms(self) -> int | None:
        """When it next wants to show or ask; None where everybody has answered."""
        names = [n for n in self._peer.presence.links() if n not in self.answered]
        return self._asked_ms if self.is_new and names else None

    # ---------------------------------------------------------------- what they hold

    def told(self, step: Step, name: str, envelope: Envelope | None, place: tuple[int, int]) -> None:
        """A region shows something of this region's earlier epochs; a head beyond the known one is shown back."""
        if envelope is not None and envelope.fields.study is not None and envelope.fields.round is not None:
            fields = envelope.fields
            last = fields.body["last"] if fields.type == "ABSENT" else fields.round
            known = self.shown.get(envelope.fields.study, -1)
            if isinstance(last, int) and last > known:
                self.shown[envelope.fields.study] = last
                self._keep(step)
        if self.previous is not None and place > self.previous.place and envelope is not None:
            shown = Behind(envelope=(envelope.header, envelope.signature))
            step.seal("BEHIND", {}, to=[name], payload=shown.encode())

    def told_note(self, step: Step, name: str, note: bytes, place: tuple[int, int]) -> None:
        """The same of a checkpoint."""
        if self.previous is not None and place > self.previous.place:
            step.seal("BEHIND", {}, to=[name], payload=Behind(note=note).encode())

    def has_answered(self, step: Step, name: str) -> None:
        """A region has shown what it holds of earlier epochs."""
        if self.is_new and name not in self.answered:
            self.answered.add(name)
            self._keep(step)

    # ---------------------------------------------------------------- studies

    def waits_for(self, study: Study) -> list[str]:
        """Who must answer before this region says anything in a study."""
        if not self.is_new or study.id in self._taken_up:
            return []
        return sorted(_heard_by(study) - self.answered)

    def bound(self, study: Study, now_ms: int) -> int | None:
        """Latest round that this region may have spoken in; None where nothing of the study can have been lost.

        Of a study that began under an earlier epoch, where the others are counts too: one of them may keep back what
        it holds.
        """
        is_carried = study.id not in self._begun
        if not self.is_new or study.id in self._taken_up or not (is_carried or study.id in self.shown):
            return None
        shown, common = self.shown.get(study.id, -1), common_round(study.context, now_ms) if is_carried else None
        last = study.context.plan.end_round - 1
        return min(max(shown, common if common is not None else -1), last)

    def begins(self, study: bytes) -> None:
        """A study begins under this epoch."""
        self._begun.add(study)

    def taken_up(self, study: bytes) -> None:
        """A study goes on under this epoch."""
        self._taken_up.add(study)

    def lacks(self, regions: Iterable[str]) -> bool:
        """Whether one of these has not said yet what it holds."""
        return self.is_new and not set(regions) - {self._peer.me} <= self.answered


def _heard_by(study: Study) -> set[str]:
    """Regions that this one may have said something to in a study."""
    context = study.context
    if context.plan.aggregation == "network" or context.plan.sum_rounds:
        return set(context.others)
    rounds = range(context.plan.first_round, context.plan.first_round + max(1, len(context.plan.graphs)))
    return {name for round in rounds for name in context.plan.neighbours(context.me, round)}
