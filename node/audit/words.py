"""What a language has to say about one code."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """What is said about one code.

    Attributes:
        title: A few words for a table.
        plain: What was found, in one or two sentences.
        next: What to do about it.
        who: Whom the finding may name, and why nobody else.
        shows: What evidence the finding carries.
        example: How it comes about.
    """

    title: str
    plain: str
    next: str
    who: str
    shows: str
    example: str


_NOBODY = "Nobody: a courier, a disk or a liar may have done it. The finding says which bundle presents it."
