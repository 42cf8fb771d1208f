"""What the machines of one study share: the plan, who is there, who is excused, what was opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from crypto.errors import CryptoError
from gossip.mailbox import Contradiction, Mailbox
from gossip.presence import Presence
from gossip.session import Entropy, session_id
from protocol.codec import Value, decode, encode, hash_of
from protocol.envelope import Envelope, verify
from protocol.errors import CodecError
from protocol.plan import Plan
from protocol.roster import Roster

MAX_TOTAL = 1 << 23
Columns = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Opened:
    """One opened stage: int64 totals (m,) and the columns they belong to."""

    total: NDArray[np.int64]
    columns: Columns

    def encode(self) -> bytes:
        """The form in which it waits in the region's own state."""
        columns: list[Value] = [[name, width] for name, width in self.columns]
        return encode({"columns": columns, "total": self.total.astype("<i8").tobytes()}, wide_text=True)

    @staticmethod
    def decode(data: bytes) -> Opened:
        """Read what ``encode`` wrote; CodecError on anything else."""
        value = decode(data, max_bytes=MAX_TOTAL, wide_text=True)
        if not isinstance(value, dict) or set(value) != {"columns", "total"}:
            raise CodecError("a stored stage holds columns and total")
        total, rows = value["total"], value["columns"]
        assert isinstance(total, bytes)
        assert isinstance(rows, list)
        columns: list[tuple[str, int]] = []
        for row in rows:
            assert isinstance(row, list)
            assert isinstance(row[1], int)
            columns.append((str(row[0]), row[1]))
        return Opened(np.frombuffer(total, dtype="<i8").copy(), tuple(columns))


@dataclass(slots=True)
class StudyContext:
    """State that outlives a round.

    Attributes:
        absent: Missed a T_adv and not announced since; nobody waits for them.
        excused: Region to (first, last) rounds of its own ABSENTs.
        absents: Newest ABSENT envelope of each region.
        suspended: Regions caught in a contradiction; no cohort is formed with them.
        opened: Opened stages, in order.
        code: Round to X_i, this region's own integers, as long as a receiver may still ask for them.
    """

    me: str
    plan: Plan
    roster: Roster
    presence: Presence
    mailbox: Mailbox
    entropy: Entropy
    blob: Callable[[str], bytes | None]
    suspended: set[str]
    absent: set[str] = field(default_factory=set)
    excused: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    absents: dict[str, Envelope] = field(default_factory=dict)
    opened: list[Opened] = field(default_factory=list)
    code: dict[int, NDArray[np.signedinteger]] = field(default_factory=dict)

    @property
    def study(self) -> bytes:
        """The study id."""
        return self.plan.study

    @property
    def others(self) -> tuple[str, ...]:
        """All other participants, ascending."""
        return tuple(r for r in self.plan.regions if r != self.me)

    @property
    def timeout_ms(self) -> int:
        """``round_timeout_s`` in ms."""
        return int(self.plan.round_timeout_s) * 1000

    @property
    def is_masked(self) -> bool:
        """False only under ``masking.mode = "off"``."""
        return bool(self.plan.masking["mode"] != "off")

    def sid(self, round: int, receiver: str, bucket: int = 0) -> bytes:
        """Session of one receiver in one round."""
        return session_id(self.study, round, receiver, self.plan.roster, bucket)

    def is_excused(self, name: str, round: int) -> bool:
        """Whether the region's own ABSENT names this round."""
        return any(first <= round <= last for first, last in self.excused.get(name, ()))

    def waits_for(self, name: str, round: int) -> bool:
        """Whether a receiver in this round waits for the region's announcement."""
        return not (
            name in self.absent
            or name in self.suspended
            or self.presence.of(name).reached > round
            or self.is_excused(name, round)
        )

    def take_absent(self, envelope: Envelope) -> None:
        """An ABSENT excuses rounds in which its sender announced nothing."""
        first, last = envelope.fields.body["first"], envelope.fields.body["last"]
        assert isinstance(first, int)
        assert isinstance(last, int)
        spans = self.excused.setdefault(envelope.fields.sender, [])
        if (first, last) not in spans:
            spans.append((first, last))
        newest = self.absents.get(envelope.fields.sender)
        if newest is None or newest.fields.head_size < envelope.fields.head_size:
            self.absents[envelope.fields.sender] = envelope

    def check_carried(self, envelope: Envelope) -> Contradiction | None:
        """Admit an envelope that came inside another: study, member, log, signature, contradictions.

        Raises:
            CodecError: It is not of this study, or not of a participant.
            CryptoError: Its signature is not by the key in the roster.
        """
        fields = envelope.fields
        if fields.study != self.study or fields.sender not in self.plan.regions:
            raise CodecError(f"carried {fields.type} of {fields.sender} is not of this study")
        if fields.log != f"{self.roster.network}/{fields.sender}/1":
            raise CodecError(f"carried {fields.type} of {fields.sender} names the log {fields.log}")
        if self.mailbox.knows(envelope.eid):
            return None
        try:
            verify(envelope, self.roster.card(fields.sender).keys.sign)
        except CryptoError as error:
            raise CryptoError(f"carried {fields.type} is not signed by {fields.sender}") from error
        return self.mailbox.judge(envelope)

    def stats(self, round: int) -> bytes | None:
        """What an ADVERT of this round says about the stages opened before it; None where nothing is said.

        H over all integers opened so far, then the first two bytes of the hash of each column, which only
        serve to name the column that differs.
        """
        if not 1 <= round <= self.plan.sum_rounds:
            return None
        stages = self.opened[:round]
        parts = [hash_of("stats", [s.total.astype("<i8").tobytes() for s in stages])]
        for stage in stages:
            start = 0
            for _, width in stage.columns:
                column = stage.total[start : start + width].astype("<i8").tobytes()
                parts.append(hash_of("stats", [column])[:2])
                start += width
        return b"".join(parts)

    def differing_column(self, round: int, theirs: bytes) -> str:
        """Name of the first column in which another's stats differ from ours."""
        ours = self.stats(round) or b""
        names = [name for stage in self.opened[:round] for name, _ in stage.columns]
        for index, name in enumerate(names):
            at = 32 + 2 * index
            if ours[at : at + 2] != theirs[at : at + 2]:
                return name
        return "(none by name)"

    def totals(self) -> tuple[NDArray[np.int64], ...]:
        """Opened totals in order, for the worker."""
        return tuple(stage.total for stage in self.opened)
