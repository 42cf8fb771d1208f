"""The one error of this folder."""

from __future__ import annotations


class TopologyError(Exception):
    """A graph that cannot be drawn, or that is not one over which regions can mix.

    Attributes:
        found, expected, fix: Plain words; ``str(error)`` joins them.
    """

    def __init__(self, found: str, expected: str, fix: str) -> None:
        super().__init__(f"{found}; expected {expected}; {fix}")
        self.found = found
        self.expected = expected
        self.fix = fix
