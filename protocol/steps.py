"""The steps of a round: which parameter is sent in which steps.

A line [round, prefix, k] of ``step_log2`` says: from that round on, parameters whose name begins with the prefix
are sent as whole numbers of steps 2^-k. Of two lines that fit, the later one wins. Where each parameter lies in
the vector follows from the task's layout; without prefixes nobody needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

Line = tuple[int, str, int]
Layout = Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Part:
    """A run of the vector with one step.

    Attributes:
        start, stop: First index, and the one after the last.
        step_log2: k; one step is 2^-k.
    """

    start: int
    stop: int
    step_log2: int

    @property
    def slice(self) -> slice:
        """The run as a slice."""
        return slice(self.start, self.stop)


def parts_of(lines: Sequence[Line], round: int, layout: Layout, dim: int) -> tuple[Part, ...]:
    """Return the runs of a vector in a round, in order; neighbours with one step are one run.

    Args:
        lines: Of the plan, in the order of their rounds.
        round: Counted as the plan counts, sum rounds first.
        layout: (name, size) of each parameter in the order of the vector; only used where a prefix asks for it.
        dim: Length of the vector.

    Raises:
        ValueError: Prefixes are in force and the layout does not say where names lie.
    """
    now = [line for line in lines if line[0] <= round]
    if not any(prefix for _, prefix, _ in now):
        return (Part(0, dim, now[-1][2]),)
    if sum(size for _, size in layout) != dim:
        raise ValueError(
            f"steps by prefix over {sum(size for _, size in layout)} parameters in names; expected all {dim}"
        )
    parts: list[Part] = []
    at = 0
    for name, size in layout:
        k = next(k for _, prefix, k in reversed(now) if name.startswith(prefix))
        if parts and parts[-1].step_log2 == k:
            parts[-1] = Part(parts[-1].start, at + size, k)
        elif size:
            parts.append(Part(at, at + size, k))
        at += size
    return tuple(parts)


def finest(lines: Sequence[Line]) -> int:
    """Return f: the study's finest step is 2^-f."""
    return max(k for _, _, k in lines)
