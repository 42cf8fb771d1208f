"""What can go wrong in learning, in words: what was found, what was expected, what to do.

No message holds a cell's value, a key or a weight: columns, counts and line numbers only.
"""

from __future__ import annotations


class LearningError(Exception):
    """A stated reason why something was not done.

    Attributes:
        code: Short name from a closed list, for programs.
        found, expected, fix: Plain words, for people.
    """

    code = "LEARNING"

    def __init__(self, found: str, expected: str, fix: str, *, code: str | None = None) -> None:
        super().__init__(f"{found}; expected {expected}. {fix}")
        self.found = found
        self.expected = expected
        self.fix = fix
        if code is not None:
            self.code = code


class ConfigError(LearningError):
    """A manifest, a setting or a plan that this folder cannot work with."""

    code = "CONFIG"


class GateError(LearningError):
    """Data that a blocking check holds back."""

    code = "GATE"


class BudgetError(LearningError):
    """A step that would pass the privacy budget; it does not run."""

    code = "BUDGET"
