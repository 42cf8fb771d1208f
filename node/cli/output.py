"""What the command line says: words or JSON, and the exit code.

Rules kept here, and nowhere else:
  * with ``--json`` standard output holds JSON alone, and an error is one JSON object on standard error;
  * an error has a code from ``CODES``, and says what was found, what was expected and what to do;
  * exit codes: 0 done, 1 refused, 2 usage, 3 gave up waiting, 70 a bug.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

DONE, REFUSED, USAGE, GAVE_UP, BUG = 0, 1, 2, 3, 70

# The closed list. A code says what kind of thing is wrong; the words say what.
CODES = frozenset(
    {
        "BUDGET",  # the privacy budget is spent
        "BUG",  # our fault
        "BUSY",  # another process owns the home
        "CODE",  # the training code installed here is not the one that the plan names
        "CARD",  # a card that cannot be read or trusted
        "CONFIG",  # a setting of the home or of a file
        "CRYPTO",  # a key or signature
        "DAEMON",  # the node does not run, or does not answer
        "DATA",  # a data file or its manifest
        "DATA_CHANGED",  # a data file is not the one that was added
        "DISK",  # no room, or no permission
        "FILE",  # a file that cannot be read or written
        "GATE",  # data or a result that a gate holds back
        "HOME",  # no home there, or one of another version
        "INSTALL",  # the installation lacks something, or something stands in its way
        "KEYS",  # a key set that cannot follow, or cannot be revoked so
        "LIMIT",  # a benchmark missed its limit
        "LOG",  # the update log is damaged or was rolled back
        "NETWORK",  # two networks meet that must not
        "NOT_IN_VERSION",  # a later version can do it
        "PLAN",  # the plan breaks a rule
        "POLICY",  # the region's own policy does not allow it
        "PORT",  # the address is in use, or is none
        "QUIET",  # the node still asks its neighbours whether its log is the newest
        "REFUSED",  # the node said no, for the reason it gives
        "ROLLED_BACK",  # the log was put back to an earlier state; nothing is appended
        "ROSTER",  # the list of regions
        "STOPPED",  # a study ended before its last round
        "STUDY",  # no such study, or not in that state
        "TIMEOUT",  # gave up waiting
        "TOPOLOGY",  # the graph cannot be drawn so
        "UNMASKABLE",  # masking would hide nothing
        "USAGE",  # the command was typed wrongly
        "VALUE",  # a value that the node does not take
    }
)


class Refusal(Exception):
    """A stated reason for an exit code that is not 0.

    Attributes:
        code: One of ``CODES``.
        found, expected, fix: Plain words; ``fix`` is a command that works wherever there is one.
        status: Exit code.
    """

    def __init__(self, code: str, found: str, expected: str, fix: str, *, status: int = REFUSED) -> None:
        super().__init__(f"{found}; expected {expected}; {fix}")
        self.code = code if code in CODES else "REFUSED"
        self.found = found
        self.expected = expected
        self.fix = fix
        self.status = status

    def value(self) -> dict[str, str]:
        """The JSON object of standard error."""
        return {"code": self.code, "found": self.found, "expected": self.expected, "fix": self.fix}

    def text(self) -> str:
        """The same for people: one line for what is wrong, one for each of the others."""
        lines = [self.found]
        if self.expected:
            lines.append(f"  expected  {self.expected}")
        if self.fix:
            lines.append(f"  do        {self.fix}")
        return "\n".join(lines)


def emit(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Print one JSON value as one line on standard output; bytes become ``0x`` and hex."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_plain) + "\n")
    sys.stdout.flush()


def say(text: str = "") -> None:
    """Print words on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print words on standard error: progress, hints; never a result."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def complain(refusal: Refusal, *, as_json: bool) -> None:
    """Print an error where errors go."""
    note(json.dumps(refusal.value(), ensure_ascii=False) if as_json else f"landsting: {refusal.text()}")


def table(rows: Iterable[Sequence[object]], header: Sequence[str], *, right: Sequence[int] = ()) -> str:
    """Return rows as aligned plain text: the same on a terminal, in a file and in a README.

    Args:
        right: Columns (from 0) set flush right, for figures.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in [list(header), *cells]) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        parts = [c.rjust(widths[i]) if i in right else c.ljust(widths[i]) for i, c in enumerate(row)]
        return "  ".join(parts).rstrip()

    return "\n".join([line(list(header)), *(line(row) for row in cells)])


def size_words(count: float) -> str:
    """Return a number of bytes as people say it."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError  # the loop always returns


def figure(value: float | None, digits: int = 3) -> str:
    """Return a figure, or "undefined" where there is none."""
    return "undefined" if value is None else f"{value:.{digits}f}"


def _plain(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        return "0x" + bytes(value).hex()
    if isinstance(value, tuple | set | frozenset):
        return sorted(value) if not isinstance(value, tuple) else list(value)
    return str(value)
