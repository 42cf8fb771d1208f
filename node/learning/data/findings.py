"""What a check has seen, in counts and names of columns; never a cell's value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from node.learning.errors import GateError

BLOCK, WARN = "block", "warn"
MAX_NAMES = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check has seen.

    Attributes:
        check: Id of the check, such as ``range``.
        column: Name of the column; "" for the table.
        words: What was found; with ``column`` in front it is a sentence.
        severity: ``block`` or ``warn``.
        expected, fix: What a table that passes has, and what to do.
        count, of: How many rows, values or files, of how many; 0 of 0 where that says nothing.
        decision: Diary number of the decision to go on in spite of it; "" without one.
    """

    check: str
    column: str
    words: str
    severity: str = WARN
    expected: str = ""
    fix: str = ""
    count: int = 0
    of: int = 0
    decision: str = ""

    @property
    def blocks(self) -> bool:
        """Whether it holds the table back."""
        return self.severity == BLOCK and not self.decision

    @property
    def sentence(self) -> str:
        """What was found, with the column in front."""
        if not self.column:
            return self.words
        return f"column {self.column}{' ' if self.words.startswith('is ') else ': '}{self.words}"

    def error(self, where: str = "") -> GateError:
        """Return it as the error that stops what wanted to use the table."""
        return GateError(f"{where}{self.sentence}", self.expected or "none", self.fix or "Correct the extract.")

    def decided(self, reference: str) -> Finding:
        """Return it as overridden by a decision."""
        return replace(self, decision=reference)

    def value(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def some(names: list[str]) -> str:
    """Return the first few names, and how many more there are."""
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return ", ".join(names[:MAX_NAMES]) + more
