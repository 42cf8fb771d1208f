"""One whole-network round: one secure sum of all regions at a root that changes every round, and its result for all.

Everybody trains and announces itself to the root; the root names the cohort; masked values are added up along the
tree below it (``tree``, ``tree_node``, ``tree_receiver``); the root adds its own integers and sends RESULT down the
same tree. Who adopts it, adopts the exact mean: bit-identical everywhere,

    x <- float32(float64(ref) + float64(S) 2^-k / (|U| + 1))

Rules kept here, and nowhere else:
  * a region without a value this time adopts what the others have come to; its own training is never cut short;
  * without a RESULT a region keeps its model;
  * after two void rounds in a row the plan's fallback holds: the study stops, or goes on along its graphs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gossip.events import Buffer
from gossip.exchange.mixing import model_hash
from gossip.sessions.receiver import StrictReceiver
from gossip.sessions.receiver_recoverable import SurvivingReceiver
from gossip.sessions.sender import Sender
from gossip.sessions.session import ReceiverState
from gossip.sessions.variant import is_recoverable
from gossip.step import Step
from gossip.studies.context import StudyContext
from gossip.studies.round import TrainingRound
from gossip.tree.node import TreeNode
from gossip.tree.receiver import StrictTreeRoot, TreeRoot
from gossip.tree.result import ResultAwaited, ends_ms, members_of
from gossip.tree.shape import root_of
from protocol.codec import Value
from protocol.envelope import Envelope
from protocol.messages import RESULT_REASONS
from protocol.steps import Part

KEEP_TREES = 3  # rounds whose places are still known: a late COHORT may ask for a value of one
OWN_REASONS = ("catch-up", "restart", "training")  # this region's own: the network's round may have been a good one


def falls_back(history: Sequence[Mapping[str, object]]) -> bool:
    """Whether two rounds in a row were void, and not for this region's own sake."""
    last = None
    for row in history:
        is_void = row["outcome"] == "kept" and row["reason"] not in OWN_REASONS
        number = row["round"] if isinstance(row["round"], int) else -1
        if is_void and last is not None and number == last + 1:
            return True
        last = number if is_void else None
    return False


def adopted(
    reference: NDArray[np.float32], total: NDArray[np.signedinteger], parts: Sequence[Part], count: int
) -> NDArray[np.float32]:
    """Return ref + S 2^-k / n, each operation rounded once: the mean of n regions, the same bytes everywhere.

    Args:
        total: S, the sum of all their integers, shape (p,).
        parts: Runs of the vector with one step each.
    """
    out = np.empty_like(reference)
    for part in parts:
        change = total[part.slice].astype(np.float64)
        change *= 2.0**-part.step_log2
        change /= count
        change += reference[part.slice]
        out[part.slice] = change
    return out


class NetworkRound(TrainingRound):
    """One round P … P + rounds - 1 of ``aggregation = "network"``."""

    def __init__(
        self, context: StudyContext, sender: Sender, number: int, opened_ms: int, model: NDArray[np.float32]
    ) -> None:
        super().__init__(context, sender, number, opened_ms, model)
        plan = context.plan
        self.root = root_of(plan, number)
        recoverable = is_recoverable(plan, self.root, number)
        self._node: TreeNode | None = None
        self._announced: tuple[Envelope, Buffer | None, tuple[str, ...]] | None = None
        if self.root == context.me:
            self._planned = ()
            self._receiver = (TreeRoot if recoverable else StrictTreeRoot)(context, self._exchange, number, opened_ms)
            return
        self._planned = (self.root,)
        self._receiver = ResultAwaited(context, self._exchange, number, opened_ms)
        mask = (SurvivingReceiver if recoverable else StrictReceiver).MASK_PERCENT
        self._node = context.trees[number] = TreeNode(
            context,
            number,
            self.root,
            mask_ms=opened_ms + context.timeout_ms * mask // 100,
            late_ms=context.timeout_ms * 15 // 100,
        )
        for old in [round for round in context.trees if round <= number - KEEP_TREES]:
            del context.trees[old]

    @property
    def _is_root(self) -> bool:
        return self._node is None

    # ---------------------------------------------------------------- deadlines

    def _member_ends_ms(self, receiver: str) -> int:
        return ends_ms(self._context.plan, receiver, self.number, self.opened_ms)

    def wake_ms(self) -> int | None:
        times = [super().wake_ms()]
        if self._node is not None and self.outcome is None:
            times.append(self._node.wake_ms())
        return min((one for one in times if one is not None), default=None)

    # ---------------------------------------------------------------- what happens

    def give_up(self, reason: str) -> None:
        self.value, self.reason = self.model, reason
        if self._is_root:
            self._receiver.void(reason)

    def is_bare(self, envelope: Envelope) -> bool:
        """Whether the payload of a MASKED goes to another region, and its header counts by itself."""
        receiver = self._receiver
        return (
            isinstance(receiver, TreeRoot | StrictTreeRoot)
            and envelope.fields.type == "MASKED"
            and envelope.fields.session == receiver.sid
            and receiver.is_bare(envelope)
        )

    def awaits(self, envelope: Envelope) -> bool:
        return self._receiver.awaits(envelope) or (self._node is not None and self._node.awaits(envelope))

    def take(self, step: Step, envelope: Envelope, payload: Buffer) -> None:
        if self._node is not None and self._node.awaits(envelope):
            self._node.take(step, envelope, payload)
            return
        self._receiver.take(step, envelope, payload)
        if self._node is not None and envelope.fields.type == "RESULT":
            tree = self._node.tree
            to = () if tree is None else tree.tells(self._context.me, members_of(envelope), self._context.plan.regions)
            self._tell(step, envelope, payload if envelope.fields.bytes else None, to)
            step.send(envelope, payload if envelope.fields.bytes else None, to)

    def _tell(self, step: Step, envelope: Envelope, payload: Buffer | None, to: tuple[str, ...]) -> None:
        self._announced = self._context.told = (envelope, payload, to)

    def progress(self, step: Step) -> None:
        if self._node is not None and self.outcome is None:
            self._node.progress(step)
        super().progress(step)

    def resend(self, step: Step, link: str) -> None:
        super().resend(step, link)
        if self._node is not None:
            self._node.resend(step, link)
        if self._context.told is not None and link in self._context.told[2]:
            step.send(self._context.told[0], self._context.told[1], [link])

    # ---------------------------------------------------------------- the end

    def _finish(self, step: Step) -> None:
        receiver, context, plan = self._receiver, self._context, self._context.plan
        if receiver.state is ReceiverState.VOID:
            self.keep(step, self.reason or receiver.reason or "missing")
            return
        total = receiver.total()
        if self._is_root:
            own = self._exchange.integers(step, self.number, context.me)
            # |S| <= N X_max: the ring holds it.
            total = total + own.astype(total.dtype)
            members = receiver.senders
            if not self._may_adopt(step, total, len(members) + 1):
                return
            data = np.ascontiguousarray(total, dtype=f"<i{total.dtype.itemsize}").data.cast("B")
            self._result(step, "done", None, members, data)
        else:
            assert isinstance(receiver, ResultAwaited)
            assert receiver.result is not None
            members, data = tuple(sorted(members_of(receiver.result[0]))), memoryview(receiver.result[1])
            if not self._may_adopt(step, total, len(members) + 1):
                return
        sum_hash = hashlib.sha256(data).digest()
        model = adopted(self._exchange.reference, total, self._exchange.parts(self.number), len(members) + 1)
        if self._is_root:
            entry = step.add(
                "session.sum",
                {
                    "session": receiver.sid,
                    "receiver": context.me,
                    "survivors": list(members),
                    "sum": sum_hash,
                    "opened": receiver.opened(),
                },
                context.study,
            )
            self._deposit_seeds(step, entry, receiver)
        taking = sorted({*members, self.root})
        weights: dict[str, Value] = dict.fromkeys(taking, 1)
        value = np.ascontiguousarray(self.value, dtype="<f4").data.cast("B")
        salt, committed = self._committed(value)
        entry = step.add(
            "round.mix",
            {
                "round": self.number,
                "in": [{"session": receiver.sid, "sum": sum_hash}],
                "missing": [name for name in plan.regions if name not in taking],
                "weights": weights,
                "den": len(taking),
                "own": committed,
                "model": model_hash(model),
            },
            context.study,
        )
        if committed is not None:
            context.recording.deposit(step, entry, self.number, "own", salt, value)
        self._end(step, "mixed", None, model)

    def _may_adopt(self, step: Step, total: NDArray[np.signedinteger], count: int) -> bool:
        """Whether the mean of all moves by at most the plan's ``clip``; if not, the round is ``kept``."""
        if self._exchange.may_adopt(self.number, self.model, total, count):
            return True
        self._context.warn("a mean of all moved by more than clip: somebody sent false values; it was not used")
        self.keep(step, "clip")
        return False

    def _result(
        self, step: Step, outcome: str, reason: str | None, members: Sequence[str], data: Buffer | None
    ) -> None:
        """Say to all what came of it: down the tree, and to who does not stand in it."""
        context, receiver = self._context, self._receiver
        assert isinstance(receiver, TreeRoot | StrictTreeRoot)
        everybody = context.plan.regions
        others = tuple(name for name in everybody if name != context.me)
        tree = receiver.tree
        to = others if tree is None or outcome == "void" else tree.tells(context.me, members, everybody)
        rows: list[Value] = sorted(members)  # type: ignore[assignment]
        sum_hash = hashlib.sha256(data).digest() if data is not None else None
        envelope = step.seal(
            "RESULT",
            {"outcome": outcome, "reason": reason, "members": rows, "sum": sum_hash},
            to=to,
            study=context.study,
            round=self.number,
            session=receiver.sid,
            payload=data,
        )
        self._tell(step, envelope, data, to)

    def keep(self, step: Step, reason: str) -> None:
        if self._is_root:
            said = self._receiver.reason or reason
            self._result(step, "void", said if said in RESULT_REASONS else "missing", (), None)
            super().keep(step, reason)
            return
        if self._receiver.state is not ReceiverState.VOID:
            self._receiver.void(reason)
        self._end(step, "kept", reason, self.value if self.value is not None else self.model)

    # ---------------------------------------------------------------- words

    def waiting_for(self) -> list[tuple[str, str]]:
        below = self._node.waiting_for() if self._node is not None else []
        return [*super().waiting_for(), *below]

    @property
    def missing(self) -> tuple[str, ...]:
        me = self._context.me
        return tuple(name for name in self._context.plan.regions if name != me and name not in self.senders)
