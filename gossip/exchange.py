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

from gossip.mixing import mix
from gossip.step import Step
from protocol.fixed_point import quantise
from protocol.plan import Plan

Integers = NDArray[np.signedinteger]
Model = NDArray[np.float32]
STATE_RING = 64


class Exchange(ABC):
    """What rounds and senders ask; errors as each method says.

    Args:
        reference: The study's initial model, float32 (dim,), which integers are differences to.
    """

    def __init__(self, plan: Plan, me: str, reference: Model) -> None:
        self.plan = plan
        self.me = me
        self.reference = reference

    @abstractmethod
    def ready(self, step: Step, round: int, value: Model) -> None:
        """Make this region's integers of a round.

        Raises:
            ValueError: The value holds NaN or infinity; nothing has changed and nothing may be sent.
        """

    @abstractmethod
    def integers(self, step: Step, round: int, receiver: str) -> Integers:
        """Return X_ij of a round, as it goes under the masks; asked once for each session, when it is sent."""

    def needs_state(self, receiver: str) -> bool:
        """Whether this region no longer knows what a receiver holds of it, and says so in its next ADVERT."""
        return False

    def kind_of(self, announced: Mapping[str, bool]) -> tuple[str, Mapping[str, int] | None]:
        """Return the kind of this region's own sum, and for each member since when it is counted.

        Args:
            announced: Member to whether it asks for its whole state to be taken.
        """
        return "mix", None

    def admit(self, round: int, receiver: str, kind: str, since: Mapping[str, int | None]) -> None:
        """Take in what a receiver asks for in its COHORT.

        Raises:
            ValueError: It may not be answered, in words.
        """
        if kind != "mix":
            raise ValueError(f"a sum of kind {kind}; expected mix")
        if any(one is not None for one in since.values()):
            raise ValueError("COHORT says since when it counts a member; there is no such thing in exchange = full")

    @abstractmethod
    def survived(self, round: int, receiver: str, members: Sequence[str]) -> None:
        """Take in whom a receiver will open the sum of, where that is fewer than its cohort."""

    def ring(self, kind: str) -> int:
        """Return w, the bits of one masked number."""
        return STATE_RING if kind == "state" else self.plan.ring

    def payload_bytes(self, round: int, kind: str) -> int:
        """Return the exact length of one masked vector."""
        return self.plan.payload_bytes(round)

    @abstractmethod
    def mix(self, step: Step, round: int, kind: str, value: Model, total: Integers, senders: Sequence[str]) -> Model:
        """Return the new model, float32 (dim,).

        Args:
            value: The region's own after its local update.
            total: S, the opened sum of a_ij X_ij over ``senders``.
        """


class Full(Exchange):
    """``exchange = "full"``: X = round((x - ref) 2^k) for every receiver, each round anew.

    Args:
        codes: Round to X, as long as a receiver may still ask for it; whoever made it forgets it.
    """

    def __init__(self, plan: Plan, me: str, reference: Model, codes: dict[int, Integers]) -> None:
        super().__init__(plan, me, reference)
        self._codes = codes

    def ready(self, step: Step, round: int, value: Model) -> None:
        plan = self.plan
        self._codes[round] = quantise(
            value, self.reference, plan.step_log2_at(round), plan.x_max(round), plan.ring_at(round)
        )

    def integers(self, step: Step, round: int, receiver: str) -> Integers:
        return self._codes[round]

    def survived(self, round: int, receiver: str, members: Sequence[str]) -> None:
        return  # nothing is remembered between rounds

    def mix(self, step: Step, round: int, kind: str, value: Model, total: Integers, senders: Sequence[str]) -> Model:
        row = self.plan.row(self.me, round)
        return mix(value, total, self._codes[round], row.total(senders), self.plan.step_log2_at(round), row.den)
