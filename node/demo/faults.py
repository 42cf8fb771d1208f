"""``--kill``: SIGKILL to a node in a given round, and its new start in another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node.demo.nodes import Node
from node.demo.wish import Kill


class Faults:
    """Kills and new starts, each when its round has come.

    Attributes:
        done: What has happened, in order.
        down: Regions that are killed at the moment.
    """

    def __init__(self, kills: Sequence[Kill], nodes: dict[str, Node]) -> None:
        self._to_kill = list(kills)
        self._to_start: list[Kill] = []
        self._nodes = nodes
        self._alone: set[str] = set()
        self.done: list[Kill] = []
        self.down: set[str] = set()

    @property
    def gone_for_good(self) -> set[str]:
        """Regions that will not come back."""
        coming = {kill.region for kill in self._to_start}
        return {name for name in self.down if name not in coming}

    def act(self, now: dict[str, dict[str, Any]]) -> list[str]:
        """Do what is due by the regions' statuses; return what there is to tell."""
        lines = []
        for kill in list(self._to_kill):
            if kill.region not in self.down and _reached(now[kill.region], kill.round):
                self._to_kill.remove(kill)
                self._nodes[kill.region].kill()
                self.down.add(kill.region)
                self.done.append(kill)
                if kill.back is not None:
                    self._to_start.append(kill)
                lines.append(f"{kill.region} is killed (SIGKILL) in round {kill.round}")
        for kill in list(self._to_start):
            others = [one for name, one in now.items() if name not in self.down]
            # Not before every other region is that far: each has then ended a round without the killed one.
            if kill.back is not None and all(_reached(one, kill.back) for one in others):
                self._to_start.remove(kill)
                self.down.discard(kill.region)
                self._nodes[kill.region].start()
                lines.append(f"{kill.region} is started again in round {kill.back}")
        return lines + self._loneliness(now)

    def _loneliness(self, now: dict[str, dict[str, Any]]) -> list[str]:
        lines = []
        for name, one in now.items():
            if one.get("state") == "alone" and name not in self._alone:
                self._alone.add(name)
                lines.append(f"{name} is ALONE: too few neighbours to hide behind; it trains on by itself")
            elif name in self._alone and one.get("state") in ("train", "mix", "done") and _mixed_last(one):
                self._alone.discard(name)
                lines.append(f"{name} mixes again")
        return lines


def _reached(status: dict[str, Any], round: int) -> bool:
    at = status.get("round")
    return isinstance(at, int) and at >= round and status.get("study") is not None


def _mixed_last(status: dict[str, Any]) -> bool:
    rounds = status.get("rounds") or []
    return bool(rounds) and rounds[-1]["outcome"] == "mixed"
