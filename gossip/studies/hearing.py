"""What a study may hear from others right now.

Rules kept here, and nowhere else:
  * a message is checked whole before anything of it counts, and before a byte of its payload is taken;
  * a message names the round and session that it is for, and what is asked of it is asked now: a COHORT for an
    announcement of ours, a value for a COHORT of ours;
  * what was right once and comes too late is no fault.
"""

from __future__ import annotations

from crypto.errors import CryptoError
from gossip.blame import UNTIMELY
from gossip.errors import RemoteError
from gossip.sessions.sender import Sender
from gossip.sessions.session import check_mask_key
from gossip.sessions.variant import is_recoverable
from gossip.studies.context import StudyContext
from gossip.studies.inbox import FROM_RECEIVERS, Inbox
from gossip.studies.sum_rounds import SumRounds
from gossip.tree.shape import root_of
from protocol.envelope import Envelope

# What this region has said before a receiver, in its session, may say a thing to it.
_SAID_TO = {
    "COHORT": "ADVERT", "ROUTED": "SHARES", "RECEIPT": "MASKED", "SURVIVORS": "SHARES", "CONFIRMS": "SHARES",
}  # fmt: skip
# The field in which a member names what it answers, and what that is.
_SAID_BY: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "SHARES": ("cohort", ("COHORT",)),
    "MASKED": ("view", ("ROUTED", "COHORT")),
    "COMPLAINT": (None, ("ROUTED",)),
    "PARTIAL": ("view", ("ROUTED", "COHORT")),
    "RESULT": (None, ()),
    "CONFIRM": ("survivors", ("SURVIVORS",)),
    "REVEAL": ("survivors", ("SURVIVORS",)),
}


class Hearing:
    """The checks of one study."""

    def __init__(self, context: StudyContext, sender: Sender, sums: SumRounds, inbox: Inbox) -> None:
        self._context = context
        self._sender = sender
        self._sums = sums
        self._inbox = inbox

    def payload_bytes(self, envelope: Envelope) -> int | None:
        """Exact length of the payload that this MASKED or DELTA must have; None if nothing is awaited."""
        round, stage = envelope.fields.round, self._sums.stage
        if round is None:
            return None
        if round < self._context.plan.sum_rounds:
            return stage.payload_bytes() if stage is not None and stage.number == round else None
        exchange = self._context.exchange
        return exchange.payload_bytes(round) if exchange is not None else self._context.plan.payload_bytes(round)

    def is_bare(self, envelope: Envelope) -> bool:
        """Whether the header of a MASKED counts by itself, its payload going to another region."""
        return self._inbox.is_bare(envelope)

    def check(self, envelope: Envelope) -> None:
        """Refuse what round, session or step do not allow; nothing changes.

        Raises:
            RemoteError: With code UNTIMELY where it was right once, and comes too late.
        """
        match envelope.fields.type:
            case "ABSENT":
                self._context.check_absent(envelope)
            case "ADVERT" | "DELTA":
                self._check_announcement(envelope)
            case type if type in FROM_RECEIVERS:
                if self._sender.answers(envelope) is None:
                    raise self._not_awaited(envelope, self._own(_SAID_TO[type], envelope) is not None)
            case type if type in _SAID_BY:
                if self._inbox.awaiting(envelope) is None:
                    # In whole-network mode it is no fault to come late to a parent: who it is depends on who is there.
                    is_late = self._was_asked(envelope) or self._context.plan.aggregation == "network"
                    raise self._not_awaited(envelope, is_late)
            case _:
                raise self._not_awaited(envelope, False)

    def _was_asked(self, envelope: Envelope) -> bool:
        """Whether a member answers what this region, as receiver, has said in its session."""
        field, types = _SAID_BY[envelope.fields.type]
        asked = [own for own in (self._own(type, envelope) for type in types) if own is not None]
        return any(field is None or envelope.fields.body[field] == own.eid for own in asked)

    def _own(self, type: str, envelope: Envelope) -> Envelope | None:
        """What this region itself has said in the session of another's envelope."""
        context = self._context
        return context.mailbox.said(context.study, envelope.fields.session or b"", type, context.me)

    def _check_announcement(self, envelope: Envelope) -> None:
        fields, context = envelope.fields, self._context
        round, plan, name = fields.round, context.plan, fields.sender
        assert round is not None
        assert fields.session is not None
        if round >= plan.end_round or name not in plan.neighbours(context.me, round):
            raise RemoteError(name, "STATE", f"{fields.type} of round {round} is not for this region")
        place = context.place_of(round, fields.session)
        is_training = round >= plan.sum_rounds
        if is_training and plan.aggregation == "network" and root_of(plan, round) != context.me:
            raise RemoteError(name, "STATE", f"{fields.type} of round {round} to a region that is not its root")
        if place is None or place[0] != context.me or name not in plan.part(context.me, round, place[1]).names:
            raise RemoteError(name, "STATE", f"{fields.type} of round {round} names another session")
        is_sum = round < plan.sum_rounds
        if is_sum and place[1] > self._sums.asked(round):
            raise RemoteError(name, "STATE", f"{fields.type} for attempt {place[1]}, which nobody has asked for")
        if (fields.type == "DELTA") != (not is_sum and plan.is_disclosed(context.me, round)):
            raise RemoteError(name, "STATE", f"the plan does not allow {fields.type} in round {round}")
        if fields.type == "ADVERT":
            try:
                check_mask_key(bytes(fields.body["mask_key"]))  # type: ignore[arg-type]
                if is_recoverable(plan, context.me, round, place[1]):
                    check_mask_key(bytes(fields.body["eph"]))  # type: ignore[arg-type]
            except CryptoError as error:
                raise RemoteError(name, "STATE", str(error)) from error

    def _not_awaited(self, envelope: Envelope, is_late: bool) -> RemoteError:
        fields = envelope.fields
        # An answer to what this region has said under a log that it lost: right, and of no use.
        is_lost = fields.round is not None and fields.round <= self._context.forgotten
        code = UNTIMELY if is_late or is_lost else "STATE"
        return RemoteError(fields.sender, code, f"{fields.type} of round {fields.round} is not awaited")
