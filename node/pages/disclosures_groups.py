"""Disclosures put together for people: by study and approval, and in it what lets a receiver learn the same.

What the receiver could learn is said once for a group, not on each line; below it stands, for each receiver, how
often, how many bytes, in which rounds and when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.pages.disclosures import FORMS, Approval, Disclosures, Line


@dataclass(frozen=True, slots=True)
class Row:
    """All of one group that one receiver got.

    Attributes:
        to, requester: As in ``Line``.
        count, size: How many, and their bytes as far as the log says.
        rounds: First and last round; None where they belong to none.
        since_ms, until_ms: When the first and the last left.
    """

    to: str | None
    requester: str | None
    count: int
    size: int
    rounds: tuple[int, int] | None
    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True)
class Group:
    """Things of one form of which a receiver could learn the same."""

    form: str
    what: str
    among: int
    lines: tuple[Line, ...]

    def rows(self) -> list[Row]:
        """Return one row for each receiver, by name; files and auditors last."""
        receivers = {(line.to, line.requester) for line in self.lines}
        return [
            self._row(*one) for one in sorted(receivers, key=lambda one: (one[0] is None, one[0] or "", one[1] or ""))
        ]

    def _row(self, to: str | None, requester: str | None) -> Row:
        mine = [line for line in self.lines if (line.to, line.requester) == (to, requester)]
        rounds = [line.round for line in mine if line.round is not None]
        times = [line.t_ms for line in mine]
        return Row(
            to,
            requester,
            len(mine),
            sum(line.size or 0 for line in mine),
            (min(rounds), max(rounds)) if rounds else None,
            min(times),
            max(times),
        )


@dataclass(frozen=True, slots=True)
class Part:
    """What left under one study and one set of approvals, values first, organisational messages last."""

    study: bytes | None
    approvals: tuple[Approval, ...]
    groups: tuple[Group, ...]


def parts(found: Disclosures) -> list[Part]:
    """Return all lines in groups: studies in the order of the log, what belongs to none last."""
    keys = dict.fromkeys((line.study, line.approvals) for line in found.lines)
    return [_part(found.lines, *key) for key in sorted(keys, key=lambda key: key[0] is None)]


def _part(lines: Sequence[Line], study: bytes | None, approvals: tuple[Approval, ...]) -> Part:
    mine = [line for line in lines if (line.study, line.approvals) == (study, approvals)]
    kinds = dict.fromkeys((line.form, line.what, line.among) for line in mine)
    groups = (
        Group(*kind, tuple(line for line in mine if (line.form, line.what, line.among) == kind))
        for kind in sorted(kinds, key=lambda kind: FORMS.index(kind[0]))
    )
    return Part(study, approvals, tuple(groups))
