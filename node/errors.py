"""What can go wrong around a node, in words: what was found, what was expected, what to do.

No message holds a patient's value, a key or a weight.
"""

from __future__ import annotations


class NodeError(Exception):
    """A stated reason why something was not done.

    Attributes:
        code: Short name from a closed list, for programs.
        found, expected, fix: Plain words, for people.
    """

    code = "REFUSED"

    def __init__(self, found: str, expected: str, fix: str, *, code: str | None = None) -> None:
        super().__init__(f"{found}; expected {expected}; {fix}")
        self.found = found
        self.expected = expected
        self.fix = fix
        if code is not None:
            self.code = code


class ConfigError(NodeError):
    """A home, a setting or a machine that a node cannot work with."""

    code = "CONFIG"


class BusyError(NodeError):
    """Another process owns the home."""

    code = "BUSY"


class StoreError(NodeError):
    """The update log on disk is not what was written, or cannot be written; nothing is appended."""

    code = "LOG"


class Refused(NodeError):
    """The node says no to an operator's request; nothing is half-done."""

    def __init__(self, code: str, found: str, expected: str, fix: str) -> None:
        super().__init__(found, expected, fix, code=code)
