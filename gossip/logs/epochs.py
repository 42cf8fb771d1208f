"""Which log of a region counts: its current epoch, and what may still be said under an earlier one.

Rules kept here, and nowhere else:
  * a logged message counts under the current epoch; under an earlier one only at a place before the head with
    which the next epoch began: what lies there is history that was declared, and others may still pass it on;
  * a later epoch counts from the moment that its first entry was verified here (``following``), never before:
    until then only service messages of it are heard;
  * an epoch is never given up for an earlier one.
"""

from __future__ import annotations

from protocol.envelope import Envelope, Header
from protocol.epochs import Previous, epoch_of
from protocol.messages import TYPES


class Epochs:
    """The epochs of all regions, as this one follows them."""

    def __init__(self) -> None:
        self._current: dict[str, int] = {}
        self._began: dict[str, dict[int, Previous]] = {}

    def current(self, region: str) -> int:
        """Epoch of the log that a region writes now; 1 for who never began anew."""
        return self._current.get(region, 1)

    def began(self, region: str) -> dict[int, Previous]:
        """Epochs after the first that were followed, with what each says of the log before it."""
        return self._began.get(region, {})

    def follow(self, region: str, epoch: int, previous: Previous) -> None:
        """Take a region's new log for its own from here on."""
        self._began.setdefault(region, {})[epoch] = previous
        self._current[region] = max(epoch, self.current(region))

    def is_current(self, origin: str) -> bool:
        """Whether a log is the one that its region writes now."""
        return epoch_of(origin) == self.current(origin.split("/")[1])

    def admits(self, fields: Header) -> bool:
        """Whether a message of this log, at this place, counts."""
        if not TYPES[fields.type].logged or self.is_current(fields.log):
            return True
        # The earliest epoch that says where the log ended: one that was begun anew twice ended where it did first.
        ends = [p.size for _, p in sorted(self.began(fields.sender).items()) if p.origin == fields.log]
        return bool(ends) and fields.head_size < ends[0]


def is_anew(held: Envelope, again: Envelope) -> bool:
    """Whether a region says once more, under a later log, what it said under one that it may have lost since: it does
    not know that it has said it, so that is no fault. What was held first stands."""
    return epoch_of(again.fields.log) > epoch_of(held.fields.log)
