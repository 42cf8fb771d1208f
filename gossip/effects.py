"""What a region wants done about what it heard.

``gossip.peer.Peer.handle(event) -> list[Effect]`` is the one way in and out. Effects are carried out in order. At most
one ``Commit`` is among them, and it is the first: what hangs on it (``Send`` …) happens only after it is on disk.
Payloads pass by reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gossip.events import Buffer

if TYPE_CHECKING:
    from crypto.note import Checkpoint
    from protocol.log import Leaf
    from protocol.plan import Plan
    from protocol.roster import Roster


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of the region's own state; ``data`` None removes it.

    Attributes:
        name: Like ``model/<study hex>``, ``sum/<study hex>/<round>``; characters ``[a-z0-9/.-]``.
        durable: fsync it before the transaction that comes with it.
    """

    name: str
    data: Buffer | None
    durable: bool = False


@dataclass(frozen=True, slots=True)
class MirrorRow:
    """One verified entry of another region's log; ``leaf`` None where only its hash is known."""

    origin: str
    seq: int
    leaf: bytes | None
    hash: bytes


@dataclass(frozen=True, slots=True)
class HeadRow:
    """A checkpoint of another region's log: ``proof`` is the signed note, ``how`` is ``verified`` or ``claimed``."""

    origin: str
    size: int
    root: bytes
    proof: bytes
    how: str


@dataclass(frozen=True, slots=True)
class CosigRow:
    """A cosignature that was given or received: ``by`` signed ``size`` of ``origin`` at ``t_s`` (Unix seconds)."""

    origin: str
    size: int
    by: str
    t_s: int
    sig: bytes


@dataclass(frozen=True, slots=True)
class ProtectedRow:
    """A checkpoint of a log, own or copied, with the line of a release key: ``note`` holds both signatures.

    Of each key (its 4-byte id) the largest is enough: it protects all before it.
    """

    origin: str
    key: bytes
    size: int
    note: bytes


@dataclass(frozen=True, slots=True)
class OpeningRow:
    """What opens a salted commitment in entry ``seq`` of the own log; it never leaves by itself."""

    seq: int
    field: str
    salt: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class ErasedRow:
    """An entry of another's log that its owner has erased: only the hash stays here too."""

    origin: str
    seq: int


Row = MirrorRow | HeadRow | CosigRow | ProtectedRow | OpeningRow | ErasedRow


@dataclass(frozen=True, slots=True)
class Commit:
    """Entries of one step, with one signed checkpoint over the new size: one transaction.

    Attributes:
        rows: What is known of other logs from this step on; in the same transaction.
        recovered: Own entries that neighbours gave back, before ``leaves``: (seq, leaf or None, hash).
        kept: (sha256, bytes) of payloads that live as long as entries; on disk before the transaction.
        publish: Replace the file ``HEAD`` after the transaction.
    """

    leaves: tuple[Leaf, ...]
    checkpoint: Checkpoint | None
    signature: bytes
    kept: tuple[tuple[bytes, bytes], ...] = ()
    blobs: tuple[Blob, ...] = ()
    publish: bool = False
    rows: tuple[Row, ...] = ()
    recovered: tuple[tuple[int, bytes | None, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Send:
    """One envelope to one region's link; lost silently if the link is down."""

    link: str
    header: bytes
    signature: bytes
    payload: Buffer | None
    eid: bytes


@dataclass(frozen=True, slots=True)
class Admit:
    """The transport may take chunks for this header from this link."""

    link: str
    eid: bytes
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class SetTimer:
    """The next wake-up wanted; it replaces the former."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Open:
    """Build the study's modules; answered by ``Opened`` or ``Failed``."""

    study: bytes
    plan: Plan


@dataclass(frozen=True, slots=True)
class Measure:
    """Count stage ``stage`` on own rows; answered by ``Measured``."""

    study: bytes
    round: int
    stage: str
    totals: tuple[NDArray[np.int64], ...]


@dataclass(frozen=True, slots=True)
class Train:
    """Train one local round from ``vector``; answered by ``Trained`` or ``Failed``."""

    study: bytes
    round: int
    vector: NDArray[np.float32]
    totals: tuple[NDArray[np.int64], ...]


@dataclass(frozen=True, slots=True)
class Adopt:
    """The model after ``round``; ``mixed`` with these others, or kept (``senders`` empty)."""

    study: bytes
    round: int
    vector: NDArray[np.float32]
    senders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ended:
    """A study is over here: ``done``, ``stopped`` or ``left``."""

    study: bytes
    outcome: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Links:
    """Whom to dial and admit from now on."""

    roster: Roster


@dataclass(frozen=True, slots=True)
class Erase:
    """Drop the bytes of an own entry; the commit before it says so."""

    origin: str
    seq: int


@dataclass(frozen=True, slots=True)
class Forget:
    """Remove a kept payload; the commit before it says so."""

    sha256: bytes


@dataclass(frozen=True, slots=True)
class Retain:
    """Keep a payload of a training round beside the log: it need not be flushed, and may be lost."""

    study: bytes
    round: int
    sha256: bytes
    data: Buffer = field(repr=False)


@dataclass(frozen=True, slots=True)
class Deposit:
    """Keep what opens a salted commitment of the own log: a value of this region, sealed, and as long as its round.

    Attributes:
        seq, name: The entry, and the field of it that holds the commitment.
    """

    study: bytes
    round: int
    seq: int
    name: str
    salt: bytes = field(repr=False)
    value: Buffer = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sift:
    """Have nothing else of a study beside the log than this, of rounds up to ``until``; None: of all.

    Attributes:
        held: Round to the payloads that stay; of these rounds what opens commitments stays, too.
    """

    study: bytes
    until: int | None
    held: Mapping[int, frozenset[bytes]]


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """The region's own key set ``serial`` is in use from this step's commit on."""

    serial: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """Something a neighbour did, for the program log."""

    region: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class CloseLink:
    """Drop a link; it may come again."""

    region: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer to ``Asked``: ``result``, or ``error`` with code, found, expected, fix."""

    ticket: int
    result: dict[str, object] | None
    error: dict[str, str] | None = field(default=None)


Effect = (
    Commit
    | Send
    | Admit
    | SetTimer
    | Open
    | Measure
    | Train
    | Adopt
    | Ended
    | Links
    | Erase
    | Forget
    | Retain
    | Deposit
    | Sift
    | Rekeyed
    | Suspect
    | CloseLink
    | Reply
)
