"""What a plan says about learning, as plain values: this folder knows no plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Agreed:
    """What the plan says about learning; hashes and ``dim`` are None where there is no plan to hold them against.

    Attributes:
        sums: Stages of the sum rounds; None for those that the task asks for, under DP for none.
        regions: How many take part: under DP each adds its noise to the sums.
        rounds: Training rounds of the study, for a learning rate that follows them.
        freeze: Patterns of parameters that neither train nor travel.
        init: SHA-256 of the first vector.
        data_update: "keep" the rows that were read when the study was opened, or take up a version of the data that
            was bound since in the "next_round".
    """

    task: str
    version: str
    settings: Mapping[str, object]
    seed: int
    schema: bytes | None = None
    layout: bytes | None = None
    dim: int | None = None
    dp: Mapping[str, Any] | None = None
    sums: Sequence[str] | None = None
    regions: int = 1
    rounds: int | None = None
    freeze: Sequence[str] = ()
    init: bytes | None = None
    data_update: str = "keep"
