"""The privacy section of a plan's report: what ``study new`` and ``study show`` print, and a page can carry."""

from __future__ import annotations

from typing import Any

from node.privacy import report_of, subject_of_plan
from node.privacy_words import failing_sentences, failing_value, sentences, value
from protocol.plan import Plan


def privacy_of(plan: Plan) -> tuple[dict[str, Any], list[str]]:
    """Return a plan's privacy section: its figures, and the sentences that a page or report must carry.

    Bounded by counting: coalitions of up to three (two beyond 20 regions), up to 2000 of each search.
    """
    subject = subject_of_plan(plan)
    size = 3 if plan.n <= 20 else 2 if plan.n <= 40 else 1
    report = report_of(subject, max_size=size, tick=lambda _what, _size, done, _total: done < 2000)
    found = value(report) | {"failures": failing_value(report)}
    return found, [*_shown(plan), *sentences(report), *failing_sentences(report)]


def _shown(plan: Plan) -> list[str]:
    """Return who sees whose updates as they are, and by whose leave."""
    if plan.masking["mode"] == "off":
        return ["The masks are off: every neighbour sees every update. For a laboratory only."]
    if shown := plan.sentences():
        return [f"{one}." for one in shown] + ["What is shown is protected by differential privacy alone."]
    return []
