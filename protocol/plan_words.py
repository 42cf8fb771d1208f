"""What a plan means, in sentences for people: pages and reports print them as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protocol.plan import Plan

UNSEEN = "Neighbours cannot see your update; you cannot see theirs."


def false_updates(plan: Plan) -> list[str]:
    """Return what the plan does against false updates, and what it costs: always both sides."""
    if plan.is_clear:
        rule = {
            "clear": f"Each neighbour moves this region by at most {plan.clip} a round, weighted; one that is ten times"
            " farther away is not counted, and is named.",
            "clear-nearest": "The neighbours farthest from this region are left out of its mean.",
            "clear-trimmed": "In each parameter the largest and smallest values are left out of the mean.",
        }[plan.robustness]
        return ["Neighbours see your update, with the noise of differential privacy alone; you see theirs.", rule]
    if plan.masking["mode"] == "off":
        return ["The masks are off: every neighbour sees every update. Nothing bounds a false one but the plan's clip."]
    if plan.robustness == "clip_sum":
        return [
            f"{UNSEEN} Poisoning is bounded, not attributed.",
            f"A round moves a region's model by at most {plan.clip} (L2), whoever sends what; a sum more than ten times"
            " as long is not used and raises an alarm.",
        ]
    return [f"{UNSEEN} Poisoning is neither bounded nor attributed: give clip to bound it."]
