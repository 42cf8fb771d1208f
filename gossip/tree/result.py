"""All but the root of a whole-network round: what the root says came of it, and until when it is waited for.

A RESULT counts if the round's root signed it, and over the members that the root has shown to this region as
survivors (strict: as cohort). Without one the region's model stays as it is: at the end, or from T_adv on as soon as
the root has not been heard for 10 s.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gossip.errors import RemoteError
from gossip.events import Buffer
from gossip.exchange.values import Exchange
from gossip.sessions.receiver import Receiver, StrictReceiver
from gossip.sessions.receiver_recoverable import CONFIRM_MS, SurvivingReceiver
from gossip.sessions.session import ReceiverState
from gossip.sessions.variant import is_recoverable
from gossip.step import Step
from gossip.studies.context import StudyContext
from gossip.tree.shape import STEP_MS, root_of
from protocol.envelope import Envelope
from protocol.plan import Plan


class ResultAwaited(Receiver):
    """All but the root: the RESULT is waited for."""

    ADV_PERCENT = 80

    def __init__(self, context: StudyContext, exchange: Exchange, round: int, opened_ms: int) -> None:
        super().__init__(context, exchange, round, opened_ms)
        self.root = root_of(context.plan, round)
        self.sid = context.sid(round, self.root)
        self.result: tuple[Envelope, Buffer] | None = None
        self._state = ReceiverState.OPEN
        self._reason: str | None = None
        recoverable = is_recoverable(context.plan, self.root, round)
        percent = (SurvivingReceiver if recoverable else StrictReceiver).ADV_PERCENT
        self._adv_ms = opened_ms + context.timeout_ms * percent // 100
        self._has_looked = False
        self._ends_ms = ends_ms(context.plan, self.root, round, opened_ms)

    @property
    def state(self) -> ReceiverState:
        return self._state

    @property
    def reason(self) -> str | None:
        return self._reason

    @property
    def adverts(self) -> dict[str, Envelope]:
        return {}

    def total(self) -> NDArray[np.signedinteger]:
        assert self.result is not None
        width = self._context.plan.ring_at(self._round) // 8
        return np.frombuffer(self.result[1], dtype=f"<i{width}")

    def void(self, reason: str) -> None:
        self._state, self._reason = ReceiverState.VOID, reason

    def hear(self, envelope: Envelope, payload: Buffer | None) -> None:
        return  # nobody announces itself to this region

    def awaits(self, envelope: Envelope) -> bool:
        fields = envelope.fields
        is_here = (fields.type, fields.session, fields.round) == ("RESULT", self.sid, self._round)
        return is_here and fields.sender == self.root and self._state is ReceiverState.OPEN

    def take(self, step: Step, envelope: Envelope, payload: Buffer) -> None:
        body = envelope.fields.body
        if body["outcome"] == "void":
            self.void(str(body["reason"]))
            return
        named = members_of(envelope)
        shown = self._shown()
        if shown is not None and shown != named:
            words = f"a RESULT over {', '.join(sorted(named))}; it has shown {', '.join(sorted(shown))}"
            error = RemoteError(self.root, "STATE", words)
            self._context.blame.refuse(step, error, self._context.study, self._round)
            self.void("conflict")
            return
        self.result = (envelope, payload)
        self.senders = tuple(sorted((named | {self.root}) - {self._context.me}))
        self._state = ReceiverState.DONE

    def _shown(self) -> frozenset[str] | None:
        """Whom the root has shown this region to be in the sum; None if nothing."""
        plan = self._context.plan
        type = "SURVIVORS" if is_recoverable(plan, self.root, self._round) else "COHORT"
        shown = self._context.mailbox.said(self._context.study, self.sid, type, self.root)
        if shown is None:
            return None
        rows = shown.fields.body["members"]
        assert isinstance(rows, list)
        return frozenset(str(row[0]) for row in rows if isinstance(row, list))

    def progress(self, step: Step) -> None:
        if self._state is not ReceiverState.OPEN:
            return
        # From T_adv on it is looked at whenever anything is heard, which is every other second at the least.
        self._has_looked = step.now_ms >= self._adv_ms
        is_gone = self._has_looked and not self._context.presence.is_live(self.root, step.now_ms)
        if is_gone or step.now_ms >= self._ends_ms:
            self.void("missing")

    def wake_ms(self) -> int | None:
        if self._state is not ReceiverState.OPEN:
            return None
        return self._ends_ms if self._has_looked else self._adv_ms

    def waiting_for(self) -> list[tuple[str, str]]:
        return [(self.root, "the sum of all")] if self._state is ReceiverState.OPEN else []


def members_of(result: Envelope) -> frozenset[str]:
    """Return U, the members of a RESULT; the root is not among them."""
    rows = result.fields.body["members"]
    assert isinstance(rows, list)
    return frozenset(str(name) for name in rows)


def ends_ms(plan: Plan, root: str, round: int, opened_ms: int) -> int:
    """When a member's session and its waiting end: T_end + T_adv, and 2 s for each level of the tree, up and down."""
    timeout_ms, levels_ms = int(plan.round_timeout_s) * 1000, 2 * STEP_MS * plan.n.bit_length()
    if not is_recoverable(plan, root, round):
        return opened_ms + timeout_ms * 180 // 100 + levels_ms
    share = SurvivingReceiver.MASK_PERCENT + SurvivingReceiver.ADV_PERCENT
    return opened_ms + timeout_ms * share // 100 + 3 * CONFIRM_MS + levels_ms
