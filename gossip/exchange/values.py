"""How a region's model becomes integers for each receiver, and how an opened sum becomes its new model.

One object for one study at one region: ``full`` here (every round sends the whole difference to the study's
initial model, and nothing is remembered between rounds), ``diff`` in ``diff``. Rounds, senders and sessions ask
it and know nothing else of numbers:

    ready      the local update is done: make this round's integers
    integers   X_ij, what one receiver gets
    kind_of    which sum a receiver asks for, and since when it counts each member
    admit      whether what a receiver asks for may be answered
    mix        S over those who took part becomes the new model

No sockets, clock or disk.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from gossip.events import Buffer
from gossip.exchange.mixing import difference, mix_median, mix_parts, move
from gossip.exchange.robust import Verdict, clip, clipped, moves_too_far, nearest, threshold, trimmed
from gossip.step import Step
from protocol.fixed_point import quantise_parts
from protocol.plan import Plan
from protocol.steps import Layout, Part, parts_of

Integers = NDArray[np.signedinteger]
Model = NDArray[np.float32]
STATE_RING = 64


class Exchange(ABC):
    """What rounds and senders ask; errors as each method says.

    Args:
        reference: The study's initial model, float32 (dim,), which integers are differences to.
        layout: (name, size) of each parameter; needed where the plan's steps depend on names.

    Attributes:
        kind, kind_round: What this region's newest COHORT has asked for, and in which round.
    """

    def __init__(self, plan: Plan, me: str, reference: Model, layout: Layout = ()) -> None:
        self.plan = plan
        self.me = me
        self.reference = reference
        self.kind, self.kind_round = "mix", -1
        self._layout = tuple(layout)

    def parts(self, round: int) -> tuple[Part, ...]:
        """Return the runs of the vector with one step each."""
        return parts_of(self.plan.step_log2, round, self._layout, self.plan.dim)

    @abstractmethod
    def ready(self, step: Step, round: int, value: Model) -> None:
        """Make this region's integers of a round.

        Raises:
            ValueError: The value holds NaN or infinity; nothing has changed and nothing may be sent.
        """

    @abstractmethod
    def integers(self, step: Step, round: int, receiver: str) -> Integers:
        """Return X_ij of a round, as it goes under the masks; asked once for each session, when it is sent.

        Raises:
            ValueError: The receiver has asked for a later round meanwhile, or not for this one.
        """

    def needs_state(self, receiver: str) -> bool:
        """Whether this region no longer knows what a receiver holds of it, and says so in its next ADVERT."""
        return False

    def kind_of(self, round: int, announced: Mapping[str, bool]) -> tuple[str, Mapping[str, int] | None]:
        """Return the kind of this region's own sum, and for each member since when it is counted.

        Args:
            announced: Member to whether it asks for its whole state to be taken.
        """
        return "mix", None

    def admit(
        self, round: int, receiver: str, kind: str, since: Mapping[str, int | None], is_whole: bool = True
    ) -> None:
        """Take in what a receiver asks for in its COHORT.

        Args:
            since: Member to the last round that the receiver counts of it.
            is_whole: Whether the sum is over all of the cohort or void; if not, ``survived`` says who is in it.

        Raises:
            ValueError: It may not be answered, in words.
        """
        if kind != "mix":
            raise ValueError(f"a sum of kind {kind}; expected mix")
        if any(one is not None for one in since.values()):
            raise ValueError("COHORT says since when it counts a member; there is no such thing in exchange = full")

    @abstractmethod
    def survived(self, round: int, receiver: str, members: Sequence[str]) -> None:
        """Take in whom a receiver will open the sum of, where that may be fewer than its cohort."""

    @abstractmethod
    def leave(self, step: Step) -> None:
        """The study is over: nothing is kept on disk any more; sessions that are open may still be answered."""

    def ring(self, kind: str) -> int:
        """Return w, the bits of one masked number."""
        return STATE_RING if kind == "state" else self.plan.ring

    def payload_bytes(self, round: int) -> int:
        """Return the exact length of one masked vector for this region's own sum of a round."""
        return self.plan.payload_bytes(round, self.kind if round == self.kind_round else "mix")

    @abstractmethod
    def mix(
        self, step: Step, round: int, kind: str, value: Model, total: Integers, senders: Sequence[str]
    ) -> Model | None:
        """Return the new model, float32 (dim,); None if the sum is far beyond ``clip``: it counts for nothing.

        Args:
            value: The region's own after its local update.
            total: S, the opened sum of a_ij X_ij over ``senders``.
        """

    def may_adopt(self, round: int, model: Model, total: Integers, count: int) -> bool:
        """Whether the mean of the whole network may become the model: it moves by at most ``clip``, if there is one.

        Args:
            model: The region's, before its local update.
            total, count: S of all regions, and how many they are.
        """
        return True

    def mix_buckets(self, round: int, value: Model, sums: Sequence[tuple[Integers, int]]) -> Model:
        """Return the new model from the sums of buckets.

        Args:
            sums: S of each bucket that was opened, and how many values are in it.

        Raises:
            ValueError: The plan cuts no neighbourhood in buckets.
        """
        raise ValueError("sums of buckets are there only where the plan says buckets")

    def mix_each(self, round: int, value: Model, each: Mapping[str, Buffer]) -> tuple[Model, list[str]]:
        """Return the new model from values that came in the clear, and whose values were too far off to count.

        Args:
            each: Sender to X_j, words of the ring.

        Raises:
            ValueError: The plan has masks: nobody sees a single value.
        """
        raise ValueError("single values are seen only where the plan says clear")


class Full(Exchange):
    """``exchange = "full"``: X = round((x - ref) 2^k) for every receiver, each round anew.

    Args:
        codes: Round to X, as long as a receiver may still ask for it; whoever made it forgets it.
    """

    def __init__(self, plan: Plan, me: str, reference: Model, codes: dict[int, Integers], layout: Layout = ()) -> None:
        super().__init__(plan, me, reference, layout)
        self._codes = codes
        self._mean: tuple[NDArray[np.int64], int] | None = None

    def ready(self, step: Step, round: int, value: Model) -> None:
        plan = self.plan
        self._codes[round] = quantise_parts(
            value, self.reference, self.parts(round), plan.x_max(round), plan.ring_at(round)
        )

    def integers(self, step: Step, round: int, receiver: str) -> Integers:
        return self._codes[round]

    def survived(self, round: int, receiver: str, members: Sequence[str]) -> None:
        return  # nothing is remembered between rounds

    def leave(self, step: Step) -> None:
        return  # values of rounds whose sessions are open are forgotten with them

    def mix(
        self, step: Step, round: int, kind: str, value: Model, total: Integers, senders: Sequence[str]
    ) -> Model | None:
        plan, own, parts = self.plan, self._codes[round], self.parts(round)
        row = plan.row(self.me, round)
        weight = row.total(senders)
        if plan.robustness != "clip_sum":
            return mix_parts(value, total, own, weight, parts, row.den)
        fine = max(k for start, _, k in plan.step_log2 if start <= round)
        change = in_steps(difference(total, own, weight), parts, fine)
        change, verdict = clip(change, plan.clip_threshold(round))
        return None if verdict is Verdict.ALARM else move(value, change, fine, row.den)

    def mix_buckets(self, round: int, value: Model, sums: Sequence[tuple[Integers, int]]) -> Model:
        return mix_median(value, sums, self._codes[round], self.parts(round), self.plan.den(round))

    def may_adopt(self, round: int, model: Model, total: Integers, count: int) -> bool:
        fine = self.plan.step_log2_at(round)
        if self._mean is None:  # the first one, or a restart: as near as steps tell
            self._mean = np.rint((model.astype(np.float64) - self.reference) * 2.0**fine).astype(np.int64), 1
        now = total.astype(np.int64)
        if self.plan.clip is not None and moves_too_far(now, count, *self._mean, self.plan.clip, fine):
            return False
        self._mean = now, count
        return True

    def mix_each(self, round: int, value: Model, each: Mapping[str, Buffer]) -> tuple[Model, list[str]]:
        plan, parts, row = self.plan, self.parts(round), self.plan.row(self.me, round)
        if not plan.is_clear:
            return super().mix_each(round, value, each)
        fine = max(k for start, _, k in plan.step_log2 if start <= round)
        own = in_steps(self._codes[round].astype(np.int64), parts, fine)
        dtype = np.dtype(f"<i{plan.ring // 8}")
        names = sorted(each)
        others = [in_steps(np.frombuffer(each[name], dtype).astype(np.int64), parts, fine) for name in names]
        colluders = plan.colluders(self.me, round)
        far: list[int] = []
        den = row.den
        match plan.robustness:
            case "clear":
                assert plan.clip is not None
                most = threshold(plan.clip, 1, fine)
                change, far = clipped(own, others, [row.of[name] for name in names], most)
            case "clear-nearest":
                change, den, _ = nearest(own, others, colluders)
            case _:
                change, den = trimmed(own, others, min(colluders, len(others) // 2))
        return move(value, change, fine, den), [names[place] for place in far]


def in_steps(change: NDArray[np.int64], parts: Sequence[Part], fine: int) -> NDArray[np.int64]:
    """Return D in steps of 2^-f, right up to 2^32; beyond that only that it is beyond."""
    if all(part.step_log2 == fine for part in parts):
        return change
    out = change.copy()
    for part in parts:
        shift = min(fine - part.step_log2, 33)
        most = np.iinfo(np.int64).max >> shift
        run = out[part.slice]
        np.clip(run, -most, most, out=run)
        run <<= shift
    return out
