"""A start: is this log the newest that the others know?

Rules kept here, and nowhere else:
  * until enough others hold nothing larger (``asking``), a region is QUIET: it asks (HELLO) and answers, and appends
    nothing;
  * once a valid larger head of its own log is shown to it, it is ROLLED BACK, and appends nothing ever again: to go
    on would be a second history;
  * a log that was just begun anew (NEW EPOCH) has nothing after its first entry before enough have cosigned that and
    hold nothing larger: it, too, may be an old copy;
  * what the neighbours' copies give back (``returned``) counts only where it leads to the largest head that was shown;
  * who asks is answered, whoever it is: to be shown what it has signed helps an honest region find its mistake.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from crypto.errors import CryptoError
from crypto.note import Checkpoint, parse_checkpoint, parse_note
from gossip.effects import Suspect
from gossip.errors import RemoteError
from gossip.events import Arrived, Buffer, Payload, Started
from gossip.logs.asking import Question, question
from gossip.logs.mirror import Item
from gossip.logs.returned import Returned, unread
from gossip.step import Step
from protocol.entries import decode_entry
from protocol.envelope import Envelope, parse
from protocol.epochs import Origin, epoch_of, read_origin
from protocol.errors import CodecError
from protocol.messages import TYPES
from protocol.witnessing import Behind, decode_behind

if TYPE_CHECKING:
    from gossip.peer import Peer
    from protocol.roster import Roster

MAX_HELD = 512  # of one link: what one member sends without end leaves room for the others
MAX_HEADS = 256
HELLO_MS = 2_000
SAID_MS = 10_000, 600_000  # after how long it is said in words whom a start waits for, and how often from then on
ANSWERED = 4  # HELLOs of one region that are answered at once; from then on one in ANSWER_MS
ANSWER_MS = 1_000


class Mode(Enum):
    """Whether a region may append to its log."""

    DOWN = "down"
    QUIET = "quiet"
    UP = "up"
    ROLLED_BACK = "rolled-back"
    NEW_EPOCH = "new-epoch"


class Waking:
    """Asking at a start, and what follows from the answers.

    Attributes:
        heard: Neighbours that hold nothing larger, with the size they were told.
        answered: Regions that have answered in this run, whatever they hold.
        larger: The largest head of the own log that was shown; None if none was.
        heads: All heads that were shown and are not on this log, each with whether entries up to it were.
        least: How many entries this epoch's log has had at least, by checkpoints and entries that were shown.
        alone: Whether the operator let this region start without asking.
        suspended_by: Regions that have said that they suspended this one, with the code.
    """

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self.mode = Mode.DOWN
        self.heard: dict[str, int] = {}
        self.answered: set[str] = set()
        self.larger: Checkpoint | None = None
        self.heads: dict[Checkpoint, bool] = {}
        self.least = 0
        self.alone = False
        self.hello_ms = 0
        self.suspended_by: dict[str, str] = {}
        self._roster: Roster | None = None
        self._question = Question()
        self._began_ms = self._say_ms = 0
        self._due_ms: dict[str, int] = {}
        self._held: list[Arrived | Payload] = []
        self._held_of: dict[str, int] = {}
        self._returned = Returned()

    def begin(self, step: Step, event: Started) -> None:
        """Decide whether to ask first."""
        self.alone = event.alone
        self._question = question(self._peer, moved=event.moved)
        self.heard.clear()
        self.hello_ms = self._began_ms = step.now_ms
        self._say_ms = step.now_ms + SAID_MS[0]
        if event.recovering:
            self.mode = Mode.ROLLED_BACK
        elif self._peer.reentry.is_fresh and self._question.least and not self._was_confirmed():
            self.mode = Mode.NEW_EPOCH
            if event.moved:  # what was confirmed before may have been gone on with
                self.heard.clear()
        else:
            self.mode = Mode.UP if event.alone or not self._question.least else Mode.QUIET

    def _was_confirmed(self) -> bool:
        """Whether an earlier run has had this new epoch confirmed: then it may have gone on, and asks like any log."""
        self.heard = dict.fromkeys(self._peer.witness.held.cosigned, self._peer.log.size)
        is_confirmed = self._is_confirmed()
        if is_confirmed:
            self.heard.clear()
        return is_confirmed

    def _is_confirmed(self) -> bool:
        return self._question.is_enough(self.heard)

    def decide(self, step: Step) -> None:
        """Go on once the answers that are here are enough."""
        waited_ms = step.now_ms - self._began_ms
        links = self._peer.presence.links()
        if self.mode is Mode.QUIET and self._question.is_answered(self.heard, links, waited_ms):
            self.mode = Mode.UP

    @property
    def is_asking(self) -> bool:
        """Whether neighbours are asked about this log."""
        return self.mode in (Mode.QUIET, Mode.ROLLED_BACK, Mode.NEW_EPOCH)

    @property
    def is_rolled_back(self) -> bool:
        """Whether a larger head of this log was shown."""
        return self.mode is Mode.ROLLED_BACK

    @property
    def word(self) -> str:
        """The state that PING carries while neighbours are asked."""
        return Mode.QUIET.value if self.mode is Mode.NEW_EPOCH else self.mode.value

    @property
    def waits_for(self) -> list[str]:
        """Regions that have not answered."""
        return sorted(self._question.regions - set(self.heard)) if self.mode in (Mode.QUIET, Mode.NEW_EPOCH) else []

    @property
    def question(self) -> str:
        """In words: what this start waits for, and what else can be done."""
        names, q = ", ".join(self.waits_for) or "nobody", self._question
        if q.patience_ms is None:
            why = "this home was copied or put back since it last ran, so it waits for all of them"
            end = ": landsting restore --without NAME asks the others"
        else:
            why = f"{q.least} of {len(q.regions)} answers are enough, with those of all that are linked"
            end = " and this home is no old copy: landsting run --alone"
        asks = f"asks whether this log is the newest; no answer yet from {names} ({why})"
        return f"{asks}. Start them, or, if they are gone for good{end}"

    def confirmed(self, name: str) -> None:
        """A region has cosigned this log, or holds nothing larger; enough of both, and a new epoch is gone on with."""
        if self.mode is Mode.NEW_EPOCH and name in self.answered and name in self._peer.witness.held.cosigned:
            self.heard[name] = self._peer.log.size
            if self._is_confirmed():
                self.mode = Mode.UP

    def hello(self, step: Step, name: str) -> None:
        """Ask one region."""
        log = self._peer.log
        step.seal("HELLO", {"size": log.size, "root": log.root}, to=[name])

    def ask_again(self, step: Step) -> None:
        """Ask all that have not answered, every 2 s."""
        if self.is_asking and step.now_ms >= self.hello_ms:
            self.hello_ms = step.now_ms + HELLO_MS
            for name in self._peer.presence.links():
                if name not in self.heard:
                    self.hello(step, name)
        if self.mode is Mode.QUIET and step.now_ms >= self._say_ms:
            self._say_ms = step.now_ms + SAID_MS[1]
            step.do(Suspect(self._peer.me, "QUIET", self.question))

    def hold(self, event: Arrived | Payload) -> None:
        """Keep what others say in a study until this region may write that it heard it."""
        count = self._held_of.get(event.link, 0)
        if count < MAX_HELD:
            self._held.append(event)
            self._held_of[event.link] = count + 1

    def payloads(self) -> dict[bytes, bytes]:
        """Payloads that came while nothing could be written, by SHA-256: of rosters and proposals."""
        found = [bytes(event.data) for event in self._held if isinstance(event, Payload)]
        return {hashlib.sha256(data).digest(): data for data in found}

    def released(self) -> list[Arrived | Payload]:
        """What was held, in order; once."""
        held, self._held = self._held, []
        self._held_of.clear()
        return held

    # ---------------------------------------------------------------- the answers

    def hear(self, step: Step, envelope: Envelope, payload: Buffer | None) -> None:
        """Take in HELLO or BEHIND.

        Raises:
            RemoteError: It is not what it says.
        """
        fields, name = envelope.fields, envelope.fields.sender
        self._peer.mailbox.remember(envelope)
        if fields.type == "HELLO":
            self.answer(step, envelope)
            return
        try:
            behind = decode_behind(bytes(payload or b""))
            self._is_suspended(step, name, behind.suspended)
            if self._is_of_another(step, name, behind) or self._is_of_earlier(step, name, behind):
                return
            heads = self._heads(behind)
        except (CodecError, CryptoError) as error:
            raise RemoteError(name, "STATE", f"BEHIND: {error}") from error
        for head, least, is_other in heads:
            self.shown(step, head, least, is_other=is_other)
        self.answered.add(name)
        if self._peer.presence.of(name).state == Mode.ROLLED_BACK.value:
            return  # it has lost what it heard as well: its answer counts once its own log is back
        self._peer.reentry.has_answered(step, name)
        if self.mode is Mode.QUIET:
            self.heard[name] = self._peer.log.size
        self.confirmed(name)

    def answer(self, step: Step, hello: Envelope) -> None:
        """Tell who asks what is held of its log; so often at most as an honest region asks."""
        fields, name = hello.fields, hello.fields.sender
        size, root = fields.body["size"], fields.body["root"]
        assert isinstance(size, int)
        assert isinstance(root, bytes)
        due_ms = max(self._due_ms.get(name, 0), step.now_ms - (ANSWERED - 1) * ANSWER_MS)
        if due_ms > step.now_ms:
            return
        self._due_ms[name] = due_ms + ANSWER_MS
        self._peer.following.show_rounds(step, name, fields.log)
        self._peer.witness.copying.tell_behind(step, name, fields.log, size, root)

    def _is_suspended(self, step: Step, name: str, code: str | None) -> None:
        """A region says whether it has suspended this one: the operator should know, nothing else hangs on it."""
        if code is None:
            self.suspended_by.pop(name, None)
        elif self.suspended_by.get(name) != code:
            self.suspended_by[name] = code
            self._roster = self._peer.membership.in_force
            step.do(Suspect(self._peer.me, code, f"{name} has suspended this region until there is a new roster"))

    def follow_roster(self) -> None:
        """A new roster in force ends all suspensions, those of this region too."""
        if self.suspended_by and self._peer.membership.in_force is not self._roster:
            self.suspended_by.clear()

    def _is_of_another(self, step: Step, name: str, behind: Behind) -> bool:
        """A region shows a head of its own log back: one of an earlier epoch, that this region has shown to it."""
        of = _origin(behind)
        if of is None or of.region != name:
            return False
        size = parse(*behind.envelope).fields.head_size if behind.envelope is not None else 0
        seen = self._peer.witness.held.read(behind.note) if behind.note is not None else None
        self._peer.following.acknowledged(step, name, str(of), seen.checkpoint.size if seen is not None else size)
        return True

    def _is_of_earlier(self, step: Step, name: str, behind: Behind) -> bool:
        """What is held of this region's earlier epochs: it must not say that a second time."""
        of, reentry = _origin(behind), self._peer.reentry
        if of is None or of.region != self._peer.me or of.epoch >= reentry.epoch:
            return False
        if behind.note is not None:
            seen = self._peer.witness.held.read(behind.note)
            if seen is None:
                raise CryptoError("a checkpoint that this region has not signed")
            reentry.told_note(step, name, behind.note, (of.epoch, seen.checkpoint.size))
        if behind.envelope is not None:
            envelope = parse(*behind.envelope)
            if not self._peer.membership.ring.has_signed(envelope):
                raise CryptoError("an envelope that this region has not signed")
            reentry.told(step, name, envelope, (of.epoch, envelope.fields.head_size))
        return True

    def _heads(self, behind: Behind) -> list[tuple[Checkpoint, int, bool]]:
        """The heads of this region's log that a BEHIND proves; none: no larger.

        Each with the least size that it shows, and whether it is over a message that this log has another entry for.

        What a revoked key set has signed shows nothing: it may be the thief's, and must keep no start out.

        Raises:
            CodecError, CryptoError: It proves nothing: not of this log, or not signed by its keys.
        """
        found, log = [], self._peer.log
        if behind.note is not None:
            seen = self._peer.witness.held.read(behind.note)
            if seen is None or seen.checkpoint.origin.split("/")[1] != self._peer.me:
                raise CryptoError("a checkpoint that this log has not signed")
            if not self._peer.witness.standing.is_revoked(self._peer.me, seen):
                found.append((seen.checkpoint, seen.checkpoint.size, False))
        if behind.envelope is None:
            return found
        envelope = parse(*behind.envelope)
        fields = envelope.fields
        if fields.sender != self._peer.me or fields.log.rpartition("/")[0] != log.origin.rpartition("/")[0]:
            raise CryptoError(f"an envelope of the log {fields.log}")
        if self._peer.is_by_revoked(envelope):
            return found
        if not self._peer.membership.ring.has_signed(envelope):
            raise CryptoError("an envelope that this region has not signed")
        if fields.head_size >= log.size or not self._peer.mailbox.knows(envelope.eid):
            # An entry stands at its place, after what it was signed over; a service message stands nowhere.
            head = Checkpoint(fields.log, fields.head_size, fields.head_root)
            found.append((head, head.size + 1 if TYPES[fields.type].logged else 0, self._is_other(envelope)))
        return found

    def _is_other(self, envelope: Envelope) -> bool:
        """Whether this log has another entry at the place of a message; False where its bytes have been erased."""
        fields = envelope.fields
        if not TYPES[fields.type].logged or fields.log != self._peer.log.origin:
            return False
        found = self._peer.witness.held.records.own(fields.head_size, fields.head_size + 1)
        leaf = found[0][0] if found else None
        return leaf is not None and decode_entry(leaf).body.get("header") != envelope.header

    def shown(self, step: Step, head: Checkpoint, least: int, *, is_other: bool = False) -> None:
        """A validly signed head of the own log: if it is not on this log, this log has been put back.

        Args:
            least: How many entries the log had at least; 0 where only a service message shows the head.
            is_other: Whether this log went on from that head in another way.
        """
        log = self._peer.log
        epoch, own = epoch_of(head.origin), epoch_of(log.origin)
        is_here = head.size <= log.size and least <= log.size and log.tree.root_at(head.size) == head.root
        if epoch < own or (epoch == own and is_here and not is_other):
            return
        if head in self.heads or len(self.heads) < MAX_HEADS:
            self.heads[head] = self.heads.get(head, False) or least > 0
        self.least = max(self.least, least) if epoch == own else self.least
        if self.larger is None or (epoch, head.size) > (epoch_of(self.larger.origin), self.larger.size):
            self.larger = head
        if self.mode is not Mode.ROLLED_BACK:
            self.mode = Mode.ROLLED_BACK
            had = f"{max(least, head.size)}" if epoch == own else f"{head.size} under a later epoch, {epoch}"
            step.do(Suspect(self._peer.me, "ROLLED-BACK", f"this log has {log.size} entries, but has had {had}"))

    def found_head(self, head: Checkpoint | None) -> None:
        """What a file beside the log says it has had, before anybody is asked."""
        log = self._peer.log
        if head is None or epoch_of(head.origin) < epoch_of(log.origin):
            return
        if head.origin != log.origin or head.size > log.size or log.tree.root_at(head.size) != head.root:
            self.larger = head
            self.heads[head] = True
            self.least = max(self.least, head.size) if head.origin == log.origin else self.least

    # ---------------------------------------------------------------- what comes back

    def recovered(self, name: str, first: int, items: Sequence[Item]) -> None:
        """Entries of the own log from a neighbour's copy; taken only while this region has been rolled back."""
        if self.mode is Mode.ROLLED_BACK:
            self._returned.take(self._peer.log, name, first, items)

    def complete(self) -> tuple[list[Item], dict[str, int]] | None:
        """The lost entries, and up to where each neighbour had them; None as long as they do not reach every head.

        None as well as long as only the hash of one is here.
        """
        found = self.partial()
        if self.larger is None or self.larger.origin != self._peer.log.origin or found is None:
            return None
        items, _ = found
        here = self._peer.log.size
        is_whole = here + len(items) >= (self.least or self.larger.size) and not unread(here, items)
        return found if is_whole else None

    def partial(self) -> tuple[list[Item], dict[str, int]] | None:
        """The lost entries as far as copies lead to a head that this region has signed; None where none do."""
        items = self._returned.leading_to(self._peer.log, self.heads)
        return (items, self.reached) if items is not None else None

    @property
    def reached(self) -> dict[str, int]:
        """Up to where each region's copy of this log came back."""
        return self._returned.reached


def _origin(behind: Behind) -> Origin | None:
    """Whose log, of which epoch, a BEHIND speaks of; None where it shows nothing.

    Raises:
        CodecError, CryptoError: What it shows is in no form.
    """
    if behind.envelope is not None:
        return read_origin(parse(*behind.envelope).fields.log)
    return read_origin(parse_checkpoint(parse_note(behind.note).body).origin) if behind.note is not None else None
