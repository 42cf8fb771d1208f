"""What one sees while the demo runs: bars on a terminal, a line now and then elsewhere. On standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol

from node.cli.output import note
from node.cli.status import STATES

EVERY_S = 5.0


class Progress(Protocol):
    """Where the story reports to."""

    def say(self, text: str) -> None:
        """Tell one thing that has happened."""
        ...

    def rounds(self, now: dict[str, dict[str, Any]], end: int) -> None:
        """Show every region's status; ``end`` is the round in which all are done."""
        ...


class Silent(AbstractContextManager["Silent"]):
    """Says nothing: for ``--json`` without a terminal."""

    def say(self, text: str) -> None:
        """Nothing."""

    def rounds(self, now: dict[str, dict[str, Any]], end: int) -> None:
        """Nothing."""

    def __exit__(self, *_: object) -> None:
        return None


class Lines(AbstractContextManager["Lines"]):
    """A line for each thing that happens, and one every few seconds in between."""

    def __init__(self) -> None:
        self._next = 0.0
        self._round = -1

    def say(self, text: str) -> None:
        """Print it."""
        note(text)

    def rounds(self, now: dict[str, dict[str, Any]], end: int) -> None:
        """Print where the regions are, now and then."""
        at = max((one.get("round") or 0 for one in now.values()), default=0)
        if at == self._round or time.monotonic() < self._next:
            return
        self._round, self._next = at, time.monotonic() + EVERY_S
        note(
            f"  round {min(at, end - 1)} of 0 to {end - 1}: "
            + ", ".join(f"{name} {_word(one)}" for name, one in now.items())
        )

    def __exit__(self, *_: object) -> None:
        return None


class Bars(AbstractContextManager["Bars"]):
    """A bar for each region on a terminal."""

    def __init__(self, names: Sequence[str]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as RichProgress

        self._bars = RichProgress(
            TextColumn("  {task.description:<16}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[doing]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks = {name: self._bars.add_task(name, total=None, doing="", visible=False) for name in names}

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def say(self, text: str) -> None:
        """Print it above the bars."""
        self._bars.console.print(text, highlight=False, markup=False)

    def rounds(self, now: dict[str, dict[str, Any]], end: int) -> None:
        """Move the bars."""
        for name, one in now.items():
            doing = one.get("state", "")
            words = "starting" if not doing else STATES.get(doing, doing)
            self._bars.update(
                self._tasks[name], completed=min(one.get("round") or 0, end), total=end, doing=words, visible=True
            )

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()


def progress_for(names: Sequence[str], *, as_json: bool) -> Silent | Lines | Bars:
    """Return what fits where standard error goes."""
    if sys.stderr.isatty():
        return Bars(names)
    return Silent() if as_json else Lines()


def _word(one: dict[str, Any]) -> str:
    state = str(one.get("state") or "starts")
    return "ALONE" if state == "alone" else state
