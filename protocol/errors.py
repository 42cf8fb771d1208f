"""Errors of this folder: bytes, rosters, plans and logs that are not in the one allowed form."""

from __future__ import annotations


class CodecError(Exception):
    """Bytes, or a value, are not in the one form that the format allows."""


class SchemaError(CodecError):
    """The bytes are canonical, but a field, type or kind is not what the format allows."""


class RosterError(Exception):
    """A card or a roster contradicts itself or its signatures."""


class LogError(Exception):
    """An entry cannot be written, or a log does not go on from what is stored."""


class PlanError(Exception):
    """A plan breaks a rule.

    Attributes:
        rule: Name of the rule, a word or two with hyphens.
        found: What the plan says.
        expected: What the rule asks for.
        fix: What to change, as a sentence.
    """

    def __init__(self, rule: str, found: str, expected: str, fix: str) -> None:
        super().__init__(rule, found, expected, fix)
        self.rule = rule
        self.found = found
        self.expected = expected
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.rule}: found {self.found}; expected {self.expected}. {self.fix}".rstrip()
