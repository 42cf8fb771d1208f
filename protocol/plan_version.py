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

STRICT_BY_ITSELF = 3  # largest planned degree at which `auto` means strict
STAGES = ("count", "moment", "bin", "bin2", "category")


def check_version(plan: Plan) -> None:
    """Refuse what this version cannot do, naming the value that works.

    Raises:
        PlanError: Rule ``not-in-version``.
    """
    masking, dp = plan.masking, plan.dp
    works: list[tuple[str, object, tuple[object, ...]]] = [
        ("aggregation", plan.aggregation, ("neighbourhood",)),
        ("exchange", plan.exchange, ("full",)),
        ("ring", plan.ring, (32, 64)),
        ("weights", plan.weights, ("uniform",)),
        ("weighting", plan.weighting, ("region",)),
        ("data_update", plan.data_update, ("keep",)),
        ("clip", plan.clip, (None,)),
        ("robustness", plan.robustness, ("none",)),
        ("freeze", list(plan.freeze), ([],)),
        ("gamma_u", plan.gamma_u, (1_000_000,)),
        ("block_share_bp", plan.block_share_bp, (10_000,)),
        ("prg", plan.prg, ("aes256ctr",)),
        ("masking.mode", masking["mode"], ("strict", "auto", "off")),
        ("masking.survivors", masking["survivors"], ("free",)),
        ("witness.quorum", plan.witness["quorum"], (0,)),
        ("witness.mirror", plan.witness["mirror"], (False,)),
        ("retention.payload_rounds", plan.retention["payload_rounds"], (0,)),
        ("retention.sample_bp", plan.retention["sample_bp"], (0,)),
    ]
    if dp is not None:
        works.append(("dp.noise_rng", dp["noise_rng"], ("torch",)))
    for key, value, able in works:
        if value not in able:
            raise _later(key, value, able[0])
    if len(plan.step_log2) > 1:
        lines = [list(line) for line in plan.step_log2]
        raise _later("step_log2", lines, lines[0][2], "more than one line of ")
    if any(stage not in STAGES for stage in plan.sums):
        raise _later("sums", list(plan.sums), [stage for stage in plan.sums if stage in STAGES])
    if dp is not None and plan.sums and not dp["preprocess_bp"]:
        raise PlanError(
            rule="sums-need-noise",
            found="sums beside [dp] with dp.preprocess_bp = 0: they would be opened without noise",
            expected="a share of epsilon for them, or no sums",
            fix="Set dp.preprocess_bp = 1000 (a tenth; landsting study new --preprocess 0.1), or set sums = [].",
        )
    if masking["mode"] == "auto":
        _auto(plan)


def _auto(plan: Plan) -> None:
    for graph in plan.turn:
        for name, around in graph.items():
            if around.degree > STRICT_BY_ITSELF and not around.disclosed:
                raise PlanError(
                    rule="not-in-version",
                    found=f'masking.mode = "auto" with {around.degree} neighbours at {name}: from 4 on it means sums'
                    " that survive a loss, which are not in this version",
                    expected="at most 3 neighbours under auto; strict sums work with any number",
                    fix='With 4 neighbours or more use masking.mode = "strict".',
                )


def _later(key: str, value: object, works: object, what: str = "") -> PlanError:
    extra = {"clip": ' and robustness = "none"'}.get(key, "")
    if works is None:
        fix = f"Leave {key} out{extra}."
    else:
        fix = f"Set {key} = {_toml(works)}{extra}."
    return PlanError(
        rule="not-in-version",
        found=f"{what}{key} = {_toml(value)}, which is not in this version",
        expected=f"{key} = {_toml(works)}" if works is not None else f"no {key}",
        fix=fix,
    )


def _toml(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return show(value)
