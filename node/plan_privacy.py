"""The privacy section of a plan's report: what ``study new`` and ``study show`` print, and a page can carry."""

from __future__ import annotations

from typing import Any

from node import privacy_words, privacy_words_sv
from node.privacy import MOST_ROUNDS, PrivacyReport, report_of, subject_of_plan
from node.privacy_words import failing_value, value
from protocol.buckets import BUCKETS
from protocol.plan import Plan

MOST_REGIONS = 64


def privacy_of(plan: Plan) -> tuple[dict[str, Any], list[str]]:
    """Return a plan's privacy section: its figures, and the sentences that a page or report must carry."""
    report = plan_report(plan)
    found = {} if report is None else value(report) | {"failures": failing_value(report)}
    return found, plan_sentences(plan, report)


def plan_report(plan: Plan) -> PrivacyReport | None:
    """Return what coalitions learn; None for more than ``MOST_REGIONS``.

    Bounded by counting, so that a plan is written in seconds: coalitions of up to three (two beyond 16 regions,
    one beyond 40), a few regions as the curious one, 2 n rounds if the study has as many.
    ``landsting topology privacy PLAN`` looks further.
    """
    if plan.n > MOST_REGIONS:
        return None
    return report_of(
        subject_of_plan(plan),
        rounds=min(plan.rounds, 2 * plan.n, MOST_ROUNDS),
        max_size=3 if plan.n <= 16 else 2 if plan.n <= 40 else 1,
        with_failures=plan.n <= 20 and plan.robustness != BUCKETS,
        most_attackers=max(2, 80 // plan.n),
        tick=lambda _what, _size, done, _total: done < 1000,
    )


def plan_sentences(plan: Plan, report: PrivacyReport | None, lang: str = "en") -> list[str]:
    """Return the sentences on who could learn what; ``lang`` is en or sv."""
    shown = _shown(plan, lang)
    if report is None:
        return [*shown, _WORDS[lang]["many"].format(most=MOST_REGIONS)]
    words = privacy_words_sv if lang == "sv" else privacy_words
    return [*shown, *words.sentences(report), *words.failing_sentences(report)]


_WORDS = {
    "en": {
        "off": "The masks are off: every neighbour sees every update. For a laboratory only.",
        "shown": "{receiver} sees every update of {member}.",
        "dp": "What is shown is protected by differential privacy alone.",
        "buckets": "A region opens a sum of each bucket of its neighbours: an update hides among those of its bucket."
        " What is said of many rounds is computed as if regions mixed the mean of their buckets; they mix the median.",
        "many": "What coalitions of more than {most} regions see is not computed.",
    },
    "sv": {
        "off": "Maskerna är av: varje granne ser varje uppdatering. Endast för laboratorier.",
        "shown": "{receiver} ser varje uppdatering från {member}.",
        "dp": "Det som visas skyddas enbart av differentiell integritet.",
        "buckets": "En region öppnar en summa för varje del av sina grannar: en uppdatering döljs bland dem i sin del."
        " Det som sägs om många rundor är räknat som om regioner blandade medelvärdet av delarna; de blandar"
        " medianen.",
        "many": "Vad sammanslutningar av fler än {most} regioner ser är inte beräknat.",
    },
}


def _shown(plan: Plan, lang: str) -> list[str]:
    """Return who sees whose updates as they are, and by whose leave."""
    words = _WORDS[lang]
    if plan.masking["mode"] == "off":
        return [words["off"]]
    if pairs := plan.disclosures():
        return [*(words["shown"].format(receiver=r, member=m) for r, m in pairs), words["dp"]]
    return [words["buckets"]] if plan.robustness == BUCKETS else []
