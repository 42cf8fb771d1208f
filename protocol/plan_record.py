"""The values of a plan, their one encoding, and the study's id.

What follows from them for a region and a round is in ``plan``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from protocol import codec
from protocol.plan_values import plain


@dataclass(frozen=True, eq=False, repr=False)
class PlanRecord:
    """The values of a plan: the keys of the table in README.md, arrays as tuples, maps read-only.

    Equal plans have equal bytes.
    """

    v: int
    title: str
    purpose: str
    lab: bool
    roster: bytes
    regions: tuple[str, ...]
    seed: int
    task: Mapping[str, str]
    schema: bytes
    layout: bytes
    dim: int
    init: bytes
    freeze: tuple[str, ...]
    settings: Mapping[str, int | bool | str]
    code_sha256s: tuple[bytes, ...]
    weighting: str
    weighting_max_u: int
    data_update: str
    sums: tuple[str, ...]
    rounds: int
    round_timeout_s: int
    round_min_s: int
    topology: str
    graphs: tuple[tuple[tuple[int, int], ...], ...]
    weights: str
    weight_den: int
    aggregation: str
    fallback: str
    exchange: str
    ring: int
    step_log2: tuple[tuple[int, str, int], ...]
    gamma_u: int
    block_share_bp: int
    prg: str
    masking: Mapping[str, Any]
    robustness: str
    clip: str | None
    dp: Mapping[str, Any] | None
    witness: Mapping[str, Any]
    release: Mapping[str, Any]
    retention: Mapping[str, Any]
    skew_ms: int

    def value(self) -> dict[str, Any]:
        """Return the canonical map, in new lists and dictionaries."""
        return {field.name: plain(field.name, getattr(self, field.name)) for field in fields(self)}

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return self._bytes

    @cached_property
    def _bytes(self) -> bytes:
        return codec.encode(self.value(), wide_text=True)

    @cached_property
    def study(self) -> bytes:
        """The study's id: SHA-256 of the canonical bytes."""
        return hashlib.sha256(self._bytes).digest()

    @cached_property
    def settings_sha256(self) -> bytes:
        """Tagged hash of the settings, as each round's log entry names it."""
        return codec.hash_of("settings", dict(self.settings))

    def __eq__(self, other: object) -> bool:
        return self.study == other.study if isinstance(other, PlanRecord) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.study)
