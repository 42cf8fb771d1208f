"""What a plan may say, but this version cannot do yet.

Each key has its values that work; any other is refused with the words "not in this version". A later
version takes lines away here and changes nothing else in a plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol.errors import PlanError
from protocol.plan_checks import show

if TYPE_CHECKING:
    from protocol.plan import Plan

MAX_RECOVERABLE = 64
"""Planned senders of a recoverable session: what ROUTED carries for them must fit into a control payload."""

STAGES = ("count", "moment", "bin", "bin2", "category", "score")


def check_version(plan: Plan) -> None:
    """Refuse what this version cannot do, naming the value that works.

    Raises:
        PlanError: Rule ``not-in-version``.
    """
    dp = plan.dp
    works: list[tuple[str, object, tuple[object, ...]]] = [
        ("robustness", plan.robustness, ("none", "clip_sum", "buckets", "clear", "clear-nearest", "clear-trimmed")),
    ]
    if dp is not None:
        works.append(("dp.noise_rng", dp["noise_rng"], ("torch",)))
    for key, value, able in works:
        if value not in able:
            raise _later(key, value, able[0])
    if plan.retention["sample_bp"] and not plan.witness["mirror"] and plan.witness["quorum"] == 0:
        raise PlanError(
            rule="sample-witness",
            found="retention.sample_bp above 0 without witnesses: nothing would draw the rounds",
            expected="neighbours that confirm each other's logs, or no rounds that are drawn",
            fix="Set witness.mirror = true, or retention.sample_bp = 0.",
        )
    mode, most = plan.masking["mode"], plan.most_senders
    if mode in ("auto", "recoverable") and most > MAX_RECOVERABLE:
        raise PlanError(
            rule="not-in-version",
            found=f"sessions that survive losses with {most} neighbours, which are not in this version",
            expected=f"at most {MAX_RECOVERABLE} neighbours, or strict sessions",
            fix='Set masking.mode = "strict", or choose a topology with fewer neighbours.',
        )
    if any(stage not in STAGES for stage in plan.sums):
        raise _later("sums", list(plan.sums), [stage for stage in plan.sums if stage in STAGES])
    if dp is not None and plan.sums and not dp["preprocess_bp"]:
        raise PlanError(
            rule="sums-need-noise",
            found="sums beside [dp] with dp.preprocess_bp = 0: they would be opened without noise",
            expected="a share of epsilon for them, or no sums",
            fix="Set dp.preprocess_bp = 1000 (a tenth; landsting study new --preprocess 0.1), or set sums = [].",
        )


def _later(key: str, value: object, works: object) -> PlanError:
    return PlanError(
        rule="not-in-version",
        found=f"{key} = {_toml(value)}, which is not in this version",
        expected=f"{key} = {_toml(works)}",
        fix=f"Set {key} = {_toml(works)}.",
    )


def _toml(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return show(value)
