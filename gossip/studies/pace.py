"""When a region goes on, and where to: judged from what is heard of the others, never from what they send.

Rules kept here, and nowhere else:
  * training begins together: nobody opens round P before all are heard in it (or one beyond it); who has left the
    study, contradicts itself, or answers nothing for five timeouts is not waited for. After sums, one that answers
    is waited for as long as it takes, since a cut line in the last stage must not cost it the study; without sums
    it has five timeouts too;
  * *catch-up*: the round to enter is what min(c + 2, heard) neighbours have reached, if that is two or more ahead;
    one liar moves nobody while two are heard;
  * sums need everybody: once a participant has left the study, or c + 2 of them train, they can never be opened.
"""

from __future__ import annotations

from gossip.studies.context import StudyContext

PATIENCE = 5


def caught_up(context: StudyContext, own: int, now_ms: int) -> int | None:
    """Return the round to enter for a region whose round is ``own``; None if it is at most one behind."""
    common = _common(context, own, now_ms)
    if common is None or common < own + 2:
        return None
    return min(common, context.plan.end_round)


def is_passed(context: StudyContext, own: int, now_ms: int) -> bool:
    """Whether as many neighbours as catch-up asks for have left round ``own`` behind."""
    common = _common(context, own, now_ms)
    return common is not None and common > own


def common_round(context: StudyContext, now_ms: int) -> int | None:
    """Return the round that as many neighbours as catch-up asks for have reached; None if none is heard."""
    return _common(context, context.last + 1, now_ms)


def _common(context: StudyContext, own: int, now_ms: int) -> int | None:
    plan = context.plan
    at = min(max(own, plan.sum_rounds), plan.end_round - 1)
    witnesses = plan.colluders(context.me, at) + 2
    return context.presence.common_round(plan.neighbours(context.me, at), witnesses, now_ms)


def may_begin(context: StudyContext, waiting_since_ms: int, now_ms: int) -> bool:
    """Whether round P may be opened; who is given up is absent from then on."""
    presence, first = context.presence, context.plan.sum_rounds
    if any(presence.of(n).reached > first for n in context.others):
        return True
    given_up = []
    for name in context.others:
        if presence.of(name).reached >= first:
            continue
        heard_ms = max(presence.of(name).answered_ms or 0, waiting_since_ms) if first > 0 else waiting_since_ms
        is_out = has_left(context, name) or name in context.blame.suspended
        if is_out or now_ms - heard_ms >= PATIENCE * context.timeout_ms:
            given_up.append(name)
        else:
            return False
    context.absent.update(given_up)
    return True


def cannot_open(context: StudyContext, now_ms: int) -> tuple[str, str] | None:
    """Return (reason, words) if the sums of this study can never be opened here any more."""
    for name in context.others:
        if name in context.blame.suspended:
            return "conflict", f"{name} contradicted itself: without it no sum can be opened"
        if has_left(context, name):
            return "left", f"{name} has left this study or ended it: without it no sum can be opened"
    first = context.plan.sum_rounds
    witnesses = context.plan.colluders(context.me, 0) + 2
    common = context.presence.common_round(context.others, witnesses, now_ms)
    if common is not None and common > first:
        return "left", "the others train already: the sums that this region lacks are answered no longer"
    return None


def has_left(context: StudyContext, name: str) -> bool:
    """Whether the region says that this study is over for it."""
    neighbour = context.presence.of(name)
    return neighbour.study == context.study and neighbour.state == "done"
