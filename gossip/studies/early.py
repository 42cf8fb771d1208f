"""Announcements that came before their round: kept until it begins, of each neighbour the newest two rounds.

The value of a DELTA waits in a state file of its own: it is sent but once, and a restart must not lose it.
"""

from __future__ import annotations

from gossip.events import Buffer
from protocol.envelope import Envelope

Announcement = tuple[Envelope, Buffer | None]
MAX_ROUNDS = 2


class Early:
    """ADVERTs and DELTAs by sender and round."""

    def __init__(self, study: bytes) -> None:
        self._study = study
        self._kept: dict[str, dict[int, Announcement]] = {}
        self._gone: list[str] = []

    def file_of(self, envelope: Envelope) -> str:
        """Name of the state file with the value of a DELTA."""
        return f"early/{self._study.hex()}/{envelope.fields.sender}/{envelope.fields.round}"

    def gone(self) -> list[str]:
        """Hand over the names of state files that nobody needs any more."""
        gone, self._gone = self._gone, []
        return gone

    def keep(self, envelope: Envelope, payload: Buffer | None) -> None:
        """Keep one that belongs to a later round."""
        assert envelope.fields.round is not None
        kept = self._kept.setdefault(envelope.fields.sender, {})
        kept[envelope.fields.round] = (envelope, payload)
        for old in sorted(kept)[:-MAX_ROUNDS]:
            self._drop(kept, old)

    def _drop(self, kept: dict[int, Announcement], round: int) -> None:
        envelope, payload = kept.pop(round)
        if payload is not None:
            self._gone.append(self.file_of(envelope))

    def take(self, round: int) -> list[Announcement]:
        """Hand over those of a round that begins, by sender; older ones are forgotten."""
        found = [kept[round] for _, kept in sorted(self._kept.items()) if round in kept]
        for kept in self._kept.values():
            for old in [r for r in kept if r <= round]:
                self._drop(kept, old)
        return found
