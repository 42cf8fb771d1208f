"""Errors of the gossip folder: whose fault is it?"""

from __future__ import annotations

from gossip.mailbox import Contradiction


class RemoteError(Exception):
    """Another region broke the protocol; it is logged and counted, and stops nothing here."""

    def __init__(self, region: str, code: str, reason: str) -> None:
        super().__init__(f"{region}: {reason}")
        self.region = region
        self.code = code
        self.reason = reason


class SessionRefused(Exception):
    """A member does not answer what a receiver asks; ``code`` is the fault it logs.

    Attributes:
        contradiction: Two statements of a member that came inside and exclude each other: the receiver is not to blame.
    """

    def __init__(self, code: str, reason: str, contradiction: Contradiction | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.contradiction = contradiction


class FrozenLog(Exception):
    """Something would be appended to a log that is not known to be the newest, or is known not to be."""


class Refusal(Exception):
    """What an operator asked for cannot be done; says what was found, expected and what to do."""

    def __init__(self, code: str, found: str, expected: str, fix: str) -> None:
        super().__init__(f"{found}; expected {expected}. {fix}")
        self.code = code
        self.found = found
        self.expected = expected
        self.fix = fix

    def to_dict(self) -> dict[str, str]:
        """The four fields as they travel to whoever asked."""
        return {"code": self.code, "found": self.found, "expected": self.expected, "fix": self.fix}
