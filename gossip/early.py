"""Announcements that came before their round: kept until it begins, of each neighbour the newest two rounds."""

from __future__ import annotations

from gossip.events import Buffer
from protocol.envelope import Envelope

Announcement = tuple[Envelope, Buffer | None]
MAX_ROUNDS = 2


class Early:
    """ADVERTs and DELTAs by sender and round."""

    def __init__(self) -> None:
        self._kept: dict[str, dict[int, Announcement]] = {}

    def keep(self, envelope: Envelope, payload: Buffer | None) -> None:
        """Keep one that belongs to a later round."""
        assert envelope.fields.round is not None
        kept = self._kept.setdefault(envelope.fields.sender, {})
        kept[envelope.fields.round] = (envelope, payload)
        for old in sorted(kept)[:-MAX_ROUNDS]:
            del kept[old]

    def take(self, round: int) -> list[Announcement]:
        """Hand over those of a round that begins, by sender; older ones are forgotten."""
        found = [kept[round] for _, kept in sorted(self._kept.items()) if round in kept]
        for kept in self._kept.values():
            for old in [r for r in kept if r <= round]:
                del kept[old]
        return found
