"""What a region can hear.

``gossip.peer.Peer.handle(event) -> list[Effect]`` is the one way in and out. Events carry the
time; effects are in ``gossip.effects``. Payloads pass by reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Buffer = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Started:
    """The node is up; the log has been replayed before.

    Attributes:
        config_sha256: SHA-256 of the home's configuration, for ``node.start``.
        clean: Whether the last run ended in good order.
        alone: Do not ask the neighbours whether this log is the newest.
        recovering: The log is known to have been put back: only ask for what is lost.
        moved: The home seems to have been copied or put back since it last ran: ask everybody.
    """

    now_ms: int
    config_sha256: bytes = bytes(32)
    clean: bool = True
    alone: bool = False
    recovering: bool = False
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Stopping:
    """The node is about to stop in good order."""

    now_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class LinkUp:
    """An authenticated connection with a region of the roster exists."""

    now_ms: int
    region: str


@dataclass(frozen=True, slots=True)
class LinkDown:
    """It is gone."""

    now_ms: int
    region: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """Two frames came over the link of a region."""

    now_ms: int
    link: str
    header: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Payload:
    """All chunks of an admitted header are here, and their SHA-256 is the header's."""

    now_ms: int
    link: str
    eid: bytes
    data: Buffer


@dataclass(frozen=True, slots=True)
class PayloadFailed:
    """The payload of an admitted header did not come, or was another."""

    now_ms: int
    link: str
    eid: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Opened:
    """The worker has built the study's modules; ``vector`` float32 (dim,) is the initial model.

    Attributes:
        layout: (name, size) of each parameter in the order of the vector; asked for where steps go by names.
    """

    now_ms: int
    study: bytes
    vector: NDArray[np.float32]
    layout: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """The worker's integers for one stage of the sum rounds.

    Attributes:
        vector: int64 (m,).
        columns: (name, width) in the manifest's order; widths sum to m.
    """

    now_ms: int
    study: bytes
    round: int
    vector: NDArray[np.int64]
    columns: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class TrainReport:
    """Facts about one local round.

    Attributes:
        steps: Local steps done.
        norm: L2 norm of the change.
        loss: Mean training loss, None where there is none.
        dp: The map of ``round.train``'s ``dp``, None without DP.
    """

    steps: int
    norm: float
    loss: float | None = None
    dp: dict[str, int | str] | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """The worker's answer to ``Train``: float32 (dim,) and its facts."""

    now_ms: int
    study: bytes
    round: int
    vector: NDArray[np.float32]
    report: TrainReport


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker could not do what was asked (round None: it could not open the study)."""

    now_ms: int
    study: bytes
    round: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Tick:
    """The wake-up that ``SetTimer`` asked for, or any other look at the clock."""

    now_ms: int


@dataclass(frozen=True, slots=True)
class Asked:
    """An operator's request; answered by ``Reply`` with the same ticket."""

    now_ms: int
    ticket: int
    op: str
    args: dict[str, object]


Event = (
    Started
    | Stopping
    | LinkUp
    | LinkDown
    | Arrived
    | Payload
    | PayloadFailed
    | Opened
    | Measured
    | Trained
    | Failed
    | Tick
    | Asked
)
