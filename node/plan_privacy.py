"""The privacy section of a plan's report: what ``study new`` and ``study show`` print, and a page can carry."""

from __future__ import annotations

from typing import Any

from node.privacy import MOST_ROUNDS, report_of, subject_of_plan
from node.privacy_words import failing_sentences, failing_value, sentences, value
from protocol.buckets import BUCKETS
from protocol.plan import Plan

MOST_REGIONS = 64


def privacy_of(plan: Plan) -> tuple[dict[str, Any], list[str]]:
    """Return a plan's privacy section: its figures, and the sentences that a page or report must carry.

    Bounded by counting, so that a plan is written in seconds: coalitions of up to three (two beyond 16 regions,
    one beyond 40), a few regions as the curious one. ``landsting topology privacy PLAN`` looks further.
    """
    if plan.n > MOST_REGIONS:
        return {}, [*_shown(plan), f"What coalitions of more than {MOST_REGIONS} regions see is not computed."]
    report = report_of(
        subject_of_plan(plan),
        rounds=min(2 * plan.n, MOST_ROUNDS),
        max_size=3 if plan.n <= 16 else 2 if plan.n <= 40 else 1,
        with_failures=plan.n <= 20 and plan.robustness != BUCKETS,
        most_attackers=max(2, 80 // plan.n),
        tick=lambda _what, _size, done, _total: done < 1000,
    )
    found = value(report) | {"failures": failing_value(report)}
    return found, [*_shown(plan), *sentences(report), *failing_sentences(report)]


def _shown(plan: Plan) -> list[str]:
    """Return who sees whose updates as they are, and by whose leave."""
    if plan.masking["mode"] == "off":
        return ["The masks are off: every neighbour sees every update. For a laboratory only."]
    if shown := plan.sentences():
        return [f"{one}." for one in shown] + ["What is shown is protected by differential privacy alone."]
    if plan.robustness == BUCKETS:
        return [
            "A region opens a sum of each bucket of its neighbours: an update hides among those of its bucket. What is"
            " said of many rounds is computed as if regions mixed the mean of their buckets; they mix the median."
        ]
    return []
