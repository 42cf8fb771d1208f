"""What a plan means, in sentences for people: pages and reports print them as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol.buckets import BUCKETS

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
    if plan.masking["mode"] == "off" and plan.robustness != BUCKETS:
        return ["The masks are off: every neighbour sees every update. Nothing bounds a false one but the plan's clip."]
    if plan.robustness == "clip_sum":
        return [
            f"{UNSEEN} Poisoning is bounded, not attributed.",
            f"A round moves a region's model by at most {plan.clip} (L2), whoever sends what; a sum more than ten times"
            " as long is not used and raises an alarm.",
        ]
    if plan.robustness == BUCKETS:
        unseen = UNSEEN if plan.masking["mode"] != "off" else "The masks are off: every neighbour sees every update."
        return [
            f"{unseen} Poisoning is bounded, not attributed.",
            "A region sums its neighbours in at least three fixed parts and goes by the middle of their means: false"
            " values in fewer than half of the parts leave it within what the other parts say.",
            "The price: a value hides among the few of its part, not among all neighbours, and the mean of all regions"
            " is only nearly kept.",
        ]
    return [f"{UNSEEN} Poisoning is neither bounded nor attributed: give clip to bound it."]
