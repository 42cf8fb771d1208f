"""Which of a region's key sets counts where in its log.

Rules kept here, and nowhere else:
  * a key set is known by a card or a rotation that the region's identity key has signed, and by nothing else;
  * set s counts from the position of its ``key.rotate`` up to the next one; where the position is not known (no
    copy of that log), the newest set and the one before it count;
  * a revoked set counts for positions before its last good size only, and convicts nobody: whoever stole it can
    sign for any place in the past. (A region that forks its log and revokes must still go on with one of the two.)

The rule is by place in the log: not by round, and not by clock. A place is an epoch and a position in its log: what
counted at the end of an epoch counts at the beginning of the next.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocol.card import Card, Keys
from protocol.envelope import Envelope, is_signed
from protocol.epochs import epoch_of

Place = tuple[int, int]  # epoch, position


class KeyRing:
    """Key sets of all regions."""

    def __init__(self) -> None:
        self._identity: dict[str, bytes] = {}
        self._sets: dict[str, dict[int, Keys]] = {}
        self._from: dict[tuple[str, int], Place] = {}
        self._revoked: dict[tuple[str, int], Place] = {}

    def learn(self, cards: Iterable[Card]) -> None:
        """Take in the key sets of cards whose signatures have been checked; another identity is another region."""
        for card in cards:
            if self._identity.setdefault(card.name, card.identity) == card.identity:
                self._sets.setdefault(card.name, {}).setdefault(card.keys.serial, card.keys)

    def rotated(self, region: str, keys: Keys, position: int, epoch: int = 1) -> None:
        """A ``key.rotate`` with sound signatures (or a genesis) stands at this place of the region's log."""
        self._sets.setdefault(region, {}).setdefault(keys.serial, keys)
        self._from.setdefault((region, keys.serial), (epoch, position))

    def revoke(self, region: str, serial: int, last_good: int, epoch: int = 1) -> None:
        """A set counts no longer from size ``last_good`` of that epoch on; the smallest such place stays."""
        place, before = (epoch, last_good), self._revoked.get((region, serial))
        self._revoked[(region, serial)] = place if before is None else min(before, place)

    def is_revoked(self, region: str, serial: int) -> bool:
        """Whether a set has been revoked, from whatever size on."""
        return (region, serial) in self._revoked

    def revoked(self, region: str) -> list[Keys]:
        """Key sets of a region that have been revoked."""
        return [keys for serial, keys in self._sets.get(region, {}).items() if self.is_revoked(region, serial)]

    def serials(self, region: str) -> list[int]:
        """Serials known of a region, ascending."""
        return sorted(self._sets.get(region, {}))

    def keys(self, region: str, serial: int) -> Keys | None:
        """One set."""
        return self._sets.get(region, {}).get(serial)

    def at(self, region: str, position: int | None = None, epoch: int = 1) -> list[Keys]:
        """Key sets by which a statement at a position of the region's log is checked, the likeliest first.

        Args:
            position: None for what has no place in the log.
            epoch: Of the log that the position is of.
        """
        place = None if position is None else (epoch, position)
        sets = self._sets.get(region, {})
        newest_first = sorted(sets, reverse=True)
        chosen = newest_first[:2]
        if place is not None:
            started = [s for s in newest_first if s == 1 or (region, s) in self._from]
            begun = [s for s in started if self._from.get((region, s), (1, 0)) <= place]
            unplaced = [s for s in newest_first if s not in started]
            if begun:
                chosen = [begun[0], *[s for s in unplaced if s > begun[0]][:1]]
        return [sets[s] for s in chosen if not self._is_out(region, s, place)]

    def has_signed(self, envelope: Envelope) -> bool:
        """Whether a key set of its sender that counts at its place in that log has signed an envelope."""
        fields = envelope.fields
        return any(
            is_signed(envelope, one.sign) for one in self.at(fields.sender, fields.head_size, epoch_of(fields.log))
        )

    def _is_out(self, region: str, serial: int, place: Place | None) -> bool:
        last_good = self._revoked.get((region, serial))
        return last_good is not None and (place is None or place >= last_good)
