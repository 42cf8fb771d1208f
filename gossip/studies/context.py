"""What the machines of one study share: the plan, who is there, who is excused, what was opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crypto.errors import CryptoError
from gossip.blame import Blame
from gossip.consent.keyring import KeyRing
from gossip.errors import RemoteError
from gossip.events import Buffer
from gossip.exchange.values import Exchange
from gossip.mailbox import Contradiction, Mailbox
from gossip.sessions.session import Entropy, session_id
from gossip.studies.presence import Presence
from gossip.studies.recording import Recording
from protocol.buckets import BUCKETS
from protocol.codec import Value, decode, encode, hash_of
from protocol.envelope import Envelope, verify
from protocol.epochs import epoch_of
from protocol.errors import CodecError
from protocol.messages import MAX_ATTEMPTS, MAX_STATS
from protocol.plan import Plan
from protocol.roster import Roster

if TYPE_CHECKING:
    from gossip.tree.node import TreeNode

MAX_TOTAL = 1 << 23
_ROUNDS_KEPT = 8
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
        match decode(data, max_bytes=MAX_TOTAL, wide_text=True):
            case {"columns": list(rows), "total": bytes(total), **rest} if not rest and len(total) % 8 == 0:
                columns: list[tuple[str, int]] = []
                for row in rows:
                    match row:
                        case [str(name), int(width)]:
                            columns.append((name, width))
                        case _:
                            raise CodecError("a column of a stored stage is a name and a width")
                return Opened(np.frombuffer(total, dtype="<i8").copy(), tuple(columns))
        raise CodecError("a stored stage holds columns and total")


@dataclass
class StudyContext:
    """State that outlives a round.

    Attributes:
        code_sha256: The training code installed here.
        lasting: X25519 of the lasting keys of this region and another, 32 bytes: for share channels.
        last: Latest round that is behind this region, sum rounds counted; -1 if none.
        absent: Missed a T_adv and not announced since; nobody waits for them.
        excused: Region to (first, last) rounds of its own ABSENTs.
        absents: Newest ABSENT envelope of each region.
        opened: Opened stages, in order.
        code: Round to X_i, this region's own integers, as long as a receiver may still ask for them.
        layout: (name, size) of each parameter, as the worker says it; empty where it does not.
        exchange: Between models and integers, from the first training round on.
        trees: Round to this region's place below the root, in whole-network mode.
        told: The newest RESULT that this region has passed on, and to whom.
        warnings: What the operator should know of this study, in words, each once.
        stored_models: Rounds whose model is among the region's state files, ascending.
        forgotten: Latest round in which this region may have said what its log has lost; -1 if none.
        given_up: The rounds that it gave up for that, when its log was begun anew.
    """

    me: str
    plan: Plan
    roster: Roster
    code_sha256: bytes
    presence: Presence
    mailbox: Mailbox
    blame: Blame
    entropy: Entropy
    blob: Callable[[str], bytes | None]
    lasting: Callable[[str], bytes]
    last: int = -1
    absent: set[str] = field(default_factory=set)
    excused: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    absents: dict[str, Envelope] = field(default_factory=dict)
    opened: list[Opened] = field(default_factory=list)
    code: dict[int, NDArray[np.signedinteger]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    stored_models: list[int] = field(default_factory=list)
    layout: tuple[tuple[str, int], ...] = ()
    exchange: Exchange | None = None
    trees: dict[int, TreeNode] = field(default_factory=dict)
    told: tuple[Envelope, Buffer | None, tuple[str, ...]] | None = None
    ring: KeyRing | None = None
    forgotten: int = -1
    given_up: range = range(0)
    _buckets: dict[int, dict[bytes, tuple[str, int]]] = field(default_factory=dict)

    @property
    def study(self) -> bytes:
        """The study id."""
        return self.plan.study

    @cached_property
    def recording(self) -> Recording:
        """What is kept of the rounds for an audit."""
        return Recording(self.plan, self.me)

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

    def warn(self, words: str) -> None:
        """Say something to the operator, once."""
        if words not in self.warnings:
            self.warnings.append(words)

    def stored_stage(self, name: str) -> Opened | None:
        """A stage among the region's state files; None if it is missing or damaged."""
        data = self.blob(name)
        try:
            return Opened.decode(data) if data is not None else None
        except CodecError:
            return None

    # ---------------------------------------------------------------- sessions

    def sid(self, round: int, receiver: str, bucket: int = 0) -> bytes:
        """Session of one receiver in one round."""
        return session_id(self.study, round, receiver, self.plan.roster, bucket)

    @cached_property
    def _sum_sessions(self) -> dict[bytes, tuple[int, str, int]]:
        return {
            self.sid(round, receiver, bucket): (round, receiver, bucket)
            for round in range(self.plan.sum_rounds)
            for receiver in self.plan.regions
            for bucket in range(MAX_ATTEMPTS)
        }

    def place_of(self, round: int, session: bytes) -> tuple[str, int] | None:
        """(receiver, attempt or bucket) of a session of a round; None if it is of none of this region's neighbours."""
        if round < self.plan.sum_rounds:
            found = self._sum_sessions.get(session)
            return found[1:] if found is not None and found[0] == round else None
        around = (self.me, *self.plan.neighbours(self.me, round))
        if self.plan.robustness == BUCKETS:
            return self._places(round, around).get(session)
        return next(((name, 0) for name in around if self.sid(round, name) == session), None)

    def _places(self, round: int, around: tuple[str, ...]) -> dict[bytes, tuple[str, int]]:
        """The sessions of all buckets of a round; those of a few rounds are kept."""
        if round not in self._buckets:
            if len(self._buckets) >= _ROUNDS_KEPT:
                self._buckets.clear()
            self._buckets[round] = {
                self.sid(round, name, bucket): (name, bucket)
                for name in around
                for bucket in range(len(self.plan.parts(name, round)))
            }
        return self._buckets[round]

    # ---------------------------------------------------------------- who is away

    def is_excused(self, name: str, round: int) -> bool:
        """Whether the region's own ABSENT names this round."""
        return any(first <= round <= last for first, last in self.excused.get(name, ()))

    def waits_for(self, name: str, round: int) -> bool:
        """Whether a receiver in this round waits for the region's announcement."""
        return not (
            name in self.absent
            or name in self.blame.suspended
            or self.presence.of(name).reached > round
            or self.is_excused(name, round)
        )

    def check_absent(self, envelope: Envelope) -> None:
        """Refuse an ABSENT that says nothing new: a region has at most one a round to say.

        Raises:
            RemoteError: It excuses no round of the study, the same rounds again, or there are too many.
        """
        name, spans = envelope.fields.sender, self.excused.get(envelope.fields.sender, [])
        first, last = span_of(envelope)
        if first >= self.plan.end_round:
            raise RemoteError(name, "STATE", f"excuses itself from round {first}, which the study does not have")
        if (first, last) in spans:
            raise RemoteError(name, "STATE", f"excuses itself from rounds {first} to {last} again")
        if len(spans) >= self.plan.end_round:
            raise RemoteError(name, "LIMIT", f"more than {self.plan.end_round} absences in one study")

    def take_absent(self, envelope: Envelope) -> None:
        """An ABSENT excuses rounds in which its sender announced nothing."""
        name, span = envelope.fields.sender, span_of(envelope)
        spans = self.excused.setdefault(name, [])
        if span not in spans and len(spans) < self.plan.end_round:
            spans.append(span)
        newest = self.absents.get(name)
        if newest is None or newest.fields.head_size < envelope.fields.head_size:
            self.absents[name] = envelope

    # ---------------------------------------------------------------- what comes inside another envelope

    def check_carried(self, envelope: Envelope) -> Contradiction | None:
        """Check an envelope that came inside another: study, member, log, signature, contradictions.

        Raises:
            CodecError: It is not of this study, or not of a participant.
            CryptoError: Its signature is not by the key in the roster.
        """
        fields = envelope.fields
        if fields.study != self.study or fields.sender not in self.plan.regions:
            raise CodecError(f"carried {fields.type} of {fields.sender} is not of this study")
        # Of whatever epoch: what was said under one that has been begun anew may still be passed on.
        if fields.log.rpartition("/")[0] != f"{self.roster.network}/{fields.sender}":
            raise CodecError(f"carried {fields.type} of {fields.sender} names the log {fields.log}")
        if self.mailbox.knows(envelope.eid):
            return None
        try:
            self._verify(envelope)
        except CryptoError as error:
            raise CryptoError(f"carried {fields.type} is not signed by {fields.sender}") from error
        return self.mailbox.judge(envelope)

    def _verify(self, envelope: Envelope) -> None:
        """Check a signature with the key sets that count at the envelope's place in its sender's log."""
        fields = envelope.fields
        keys = [self.roster.card(fields.sender).keys]
        if self.ring is not None and self.ring.serials(fields.sender):
            keys = self.ring.at(fields.sender, fields.head_size, epoch_of(fields.log))  # none where all are revoked
        for one in keys:
            try:
                verify(envelope, one.sign)
            except CryptoError:
                continue
            return
        raise CryptoError("signed by none of its key sets")

    # ---------------------------------------------------------------- opened sums

    def stats(self, round: int) -> bytes | None:
        """What an ADVERT of this round says about the stages opened before it; None where nothing is said.

        H over all integers opened so far, then the first two bytes of the hash of each column, which only
        serve to name the column that differs (as many as an ADVERT has room for).
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
        return b"".join(parts)[:MAX_STATS]

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


def span_of(absent: Envelope) -> tuple[int, int]:
    """The rounds, first and last, that an ABSENT excuses."""
    first, last = absent.fields.body["first"], absent.fields.body["last"]
    assert isinstance(first, int)
    assert isinstance(last, int)
    return first, last
