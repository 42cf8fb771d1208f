"""What ``landsting status`` says beyond what ``Peer`` knows: process, version, disk, traffic, metrics."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from node.home import Home
from node.software import version_text

DISK_FRESH_MS = 5_000


class Disk:
    """Bytes that a home takes, and how many each round has added; looked up at most every five seconds."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._at_ms: int | None = None
        self._bytes = 0
        self._first: tuple[int, int] | None = None  # (round, bytes) when a study was first seen

    def value(self, now_ms: int, round: int | None) -> dict[str, int | None]:
        """Return ``{bytes, bytes_per_round}``; the latter is None before two rounds."""
        if self._at_ms is None or now_ms - self._at_ms >= DISK_FRESH_MS:
            self._at_ms, self._bytes = now_ms, folder_bytes(self._home)
        per_round = None
        if round is not None:
            if self._first is None or self._first[0] > round:
                self._first = (round, self._bytes)
            if round > self._first[0]:
                per_round = max(0, self._bytes - self._first[1]) // (round - self._first[0])
        return {"bytes": self._bytes, "bytes_per_round": per_round}


class Traffic:
    """Bytes on the wire, in all and for each round."""

    MAX_ROUNDS = 1000

    def __init__(self) -> None:
        self._round: int | None = None
        self._from = (0, 0)
        self._rounds: list[tuple[int, int, int]] = []

    def at(self, round: int | None, sent: int, received: int) -> None:
        """Note the counters; a round ends when the next one is seen."""
        if round == self._round:
            return
        if self._round is not None:
            self._rounds.append((self._round, sent - self._from[0], received - self._from[1]))
            del self._rounds[: -self.MAX_ROUNDS]
        self._round, self._from = round, (sent, received)

    def value(self, sent: int, received: int) -> dict[str, object]:
        """Return ``{sent, received, rounds: [[round, sent, received]…]}``."""
        return {"sent": sent, "received": received, "rounds": [list(one) for one in self._rounds]}


def completed(
    status: Mapping[str, object],
    home: Home,
    *,
    pid: int | None = None,
    disk: dict[str, int | None] | None = None,
    more: Mapping[str, object] | None = None,
    complaint: str | None = None,
) -> dict[str, object]:
    """Return ``Peer``'s status with what the process knows; without a daemon ``pid`` is None.

    Args:
        complaint: What the training worker could not do last, in its words.
    """
    alarms = status.get("alarms")
    assert isinstance(alarms, list)
    return {
        "pid": pid,
        "version": version_text(),
        **status,
        "alarms": [*alarms, *training_alarms(status, complaint)],
        "disk": disk if disk is not None else {"bytes": folder_bytes(home.path), "bytes_per_round": None},
        "traffic": {"sent": 0, "received": 0, "rounds": []},
        "metrics": {},
        **(more or {}),
    }


def training_alarms(status: Mapping[str, object], complaint: str | None) -> list[dict[str, object]]:
    """Return the alarms of the training of the study at hand: its privacy budget is spent, or the worker complains.

    That the budget is spent is known from the log as well, after a new start.

    Args:
        status: As ``Peer`` has it.
        complaint: As ``completed``.
    """
    if status.get("reason") == "budget":
        passed = complaint or (
            "one more round would have passed it. Propose a study with a smaller epsilon, or agree on a larger budget."
        )
        fix = (
            f"the privacy budget is spent: {passed} This study has ended here for good: the region trains, sends and"
            " mixes nothing more in it. What it has sent stays in the others' model, and they go on where enough of"
            " them are left; the model that it mixed last is its own (landsting model export). The region's own budget"
            " stands in its policy (landsting policy show)"
        )
        return [{"code": "BUDGET", "since": None, "fix": fix}]
    return [{"code": "WORKER", "since": None, "fix": complaint}] if complaint is not None else []


def folder_bytes(path: Path) -> int:
    """Return the bytes of all files under a folder; what vanishes meanwhile does not count."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            try:
                total += os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue
    return total
