"""The daemon's clock: Unix time that never goes back and never stands still."""

from __future__ import annotations

import time


class Clock:
    """Follows the system's clock forward; when that is set back, time goes on from where it was.

    So a deadline still comes, and no entry is dated before the one that precedes it.
    """

    def __init__(self) -> None:
        self._offset_ms = time.time_ns() // 10**6 - time.monotonic_ns() // 10**6

    def now_ms(self) -> int:
        """Return the time."""
        monotonic_ms = time.monotonic_ns() // 10**6
        self._offset_ms = max(self._offset_ms, time.time_ns() // 10**6 - monotonic_ms)
        return monotonic_ms + self._offset_ms
