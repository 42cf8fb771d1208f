"""What the plan asks of a region's own entries and messages, one rule for each code.

A rule looks at a few entries and messages of one region and says in words what in them the plan does not
allow, or None. Used twice: by ``checks.study``, which picks the entries, and by ``proofs``, which sees the
fault again from a finding. So a rule needs nothing but the plan and what stands in the evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gossip.sessions.variant import groups_of
from node.audit.claims import Claim
from node.audit.rdp import epsilon
from protocol.buckets import BUCKETS, LEAST_PARTS
from protocol.codec import hash_of
from protocol.messages import MAX_ATTEMPTS
from protocol.plan import Plan
from protocol.release import lacking, said, unlike

MICRO = 1_000_000


class Item(NamedTuple):
    """One entry of the region, with the message in it, or a message alone (``kind`` None).

    Attributes:
        seq: Place in the region's log.
        eid: Of the message, where a rule asks for it.
    """

    seq: int
    kind: str | None
    body: Mapping[str, Any]
    message: Claim | None = None
    eid: bytes | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """What a session id stands for: who sums, in which round, in which attempt or which of its buckets."""

    round: int
    receiver: str
    bucket: int


class Sessions:
    """The session ids of one study; made as they are asked for."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._known: dict[int, dict[bytes, Place]] = {}

    def place(self, session: bytes, round: int | None) -> Place | None:
        """Return what a session of a round stands for; None if that round has none of this id."""
        if round is None or not 0 <= round < self._plan.end_round:
            return None
        if round not in self._known:
            plan = self._plan
            self._known[round] = {
                hash_of("sid", [plan.study, round, name, plan.roster, bucket]): Place(round, name, bucket)
                for name in plan.regions
                for bucket in range(MAX_ATTEMPTS if round < plan.sum_rounds else len(plan.parts(name, round)))
            }
        return self._known[round].get(session)


_SESSIONS: dict[bytes, Sessions] = {}
_MOST = 16


def sessions_of(plan: Plan) -> Sessions:
    """Return the session ids of a plan; those of the last few plans are kept, since every rule asks for them."""
    known = _SESSIONS.get(plan.study)
    if known is None:
        if len(_SESSIONS) >= _MOST:
            _SESSIONS.clear()
        known = _SESSIONS[plan.study] = Sessions(plan)
    return known


Rule = Callable[[Plan, str, Sequence[Item]], str | None]


def settings(plan: Plan, region: str, items: Sequence[Item]) -> str | None:
    """A ``study.start`` or ``round.train`` names what the plan names."""
    for item in items:
        body = item.body
        if item.kind == "round.train":
            if body["settings_sha256"] != plan.settings_sha256:
                return f"round {body['round']} was trained with other settings"
            if body["code_sha256"] not in plan.code_sha256s:
                return f"round {body['round']} was trained with code that the plan does not name"
            if (body["dp"] is None) is not (plan.dp is None):
                return f"round {body['round']} {'has' if body['dp'] else 'lacks'} a statement of privacy"
            if plan.dp is not None and body["dp"]["sigma_u"] < plan.dp["sigma_min_u"]:
                return f"round {body['round']} was trained with less noise than the plan's least"
            if plan.dp is not None and body["dp"]["delta_u12"] != plan.dp["delta_u12"]:
                return f"round {body['round']} states another delta"
        if item.kind == "study.start":
            for field, value in (("init", plan.init), ("roster", plan.roster), ("regions", list(plan.regions))):
                if body[field] != value:
                    return f"the study was begun with another {field}"
            if (body["masking"], body["lab"]) != (plan.masking["mode"], plan.lab):
                return f"the study was begun with masking {body['masking']}"
    return None


def weights(plan: Plan, region: str, items: Sequence[Item]) -> str | None:
    """A ``round.mix`` weighs everybody as the plan does."""
    for item in items:
        if item.kind != "round.mix" or not _is_training(plan, item.body["round"]):
            continue
        if plan.aggregation == "network":
            continue
        sums = len({used["session"] for used in item.body["in"]})
        if plan.robustness == BUCKETS and sums < LEAST_PARTS:
            return f"round {item.body['round']}: a mean of {sums} buckets; at least {LEAST_PARTS} are needed"
        body, round = item.body, item.body["round"]
        row = plan.row(region, round)
        senders = [name for name in body["weights"] if name != region]
        if any(name not in row.of for name in senders):
            continue  # that is LS-COHORT or LS-MEMBER
        expected = {name: row.of[name] for name in senders} | {region: row.own(senders)}
        if body["den"] != row.den:
            return f"round {round}: weights over {body['den']}, by the plan {row.den}"
        for name in sorted(expected):
            found = body["weights"].get(name)
            if found != expected[name]:
                return f"round {round}: {name} weighs {found}, by the plan {expected[name]}"
    return None


def cohort(plan: Plan, region: str, items: Sequence[Item]) -> str | None:
    """A sum, or the cohort or survivors named for it, is over those whom the plan lets send, and enough of them."""
    sessions = sessions_of(plan)
    messages = [item.message for item in items if item.message is not None]
    rounds = {message.session: message.round for message in messages}
    # How many shares there are in a recoverable session; a strict one has none.
    sizes = {
        message.session: len(message.body["members"])
        for message in messages
        if message.type == "COHORT" and message.body["variant"] == "recoverable"
    }
    for item in items:
        names, session = _summed(item)
        if names is None or session is None:
            continue
        place = sessions.place(session, rounds.get(session))
        if place is None or place.receiver != region:
            continue
        fault = _unfit(plan, place, names, item, sizes.get(session))
        if fault is not None:
            return f"round {place.round}: {fault}"
    return None


def _summed(item: Item) -> tuple[list[str] | None, bytes | None]:
    if item.kind == "session.sum":
        return list(item.body["survivors"]), item.body["session"]
    if item.message is not None and item.message.type in ("COHORT", "SURVIVORS"):
        return [row[0] for row in item.message.body["members"]], item.message.session
    return None, None


def _unfit(plan: Plan, place: Place, names: list[str], item: Item, size: int | None) -> str | None:
    others = set(plan.regions) - {place.receiver}
    if place.round < plan.sum_rounds:
        return None if set(names) == others else f"a sum over {len(names)} of {len(others)} others; all are needed"
    part = plan.part(place.receiver, place.round, place.bucket)
    allowed = others if plan.aggregation == "network" else set(part.names)
    strange = sorted(set(names) & set(plan.regions) - allowed)
    if strange:
        return f"{strange[0]} is not among those who send to {place.receiver}"
    if plan.is_disclosed(place.receiver, place.round) or plan.robustness == "clear":
        return None
    needed = part.needed
    if size is not None and item.kind == "session.sum":
        needed = max((size + part.colluders) // 2 + 1, needed)
    if len(names) < needed:
        return f"a sum over {len(names)}; at least {needed} are needed"
    for group in (groups_of(plan) or ()) if item.kind == "session.sum" else ():
        mine = group & allowed
        if mine & set(names) and mine - set(names):
            return f"{min(mine - set(names))} was left out without its whole group"
    return None


def member(plan: Plan, region: str, items: Sequence[Item]) -> str | None:
    """Nobody outside the plan's regions takes part."""
    known = set(plan.regions)
    for item in items:
        names, _ = _summed(item)
        if item.kind == "round.mix":
            names = list(item.body["weights"])
        strange = sorted(set(names or ()) - known)
        if strange:
            return f"entry {item.seq}: {strange[0]} does not take part in this study"
        if item.kind == "env.sent" and item.message is not None and item.message.session is not None:
            outside = sorted(set(item.body["to"]) - known)
            if outside:
                return f"entry {item.seq}: a {item.message.type} went to {outside[0]}, which does not take part"
    return None


def edge(plan: Plan, region: str, items: Sequence[Item]) -> str | None:
    """A message of a training session goes along an edge of that round's graph."""
    sessions = sessions_of(plan)
    for item in items:
        message = item.message
        if message is None or message.session is None or plan.aggregation == "network":
            continue
        place = sessions.place(message.session, message.round)
        if place is None or place.round < plan.sum_rounds:
            continue
        if region != place.receiver and region not in plan.part(place.receiver, place.round, place.bucket).names:
            return f"round {place.round}: a {message.type} for {place.receiver}, which is no neighbour"
    return None


def stale(plan: Plan, region: str, items: Sequence[Item]) -> str | None:
    """A sum is used in its own round; a message names the round of its session."""
    sessions = sessions_of(plan)
    for item in items:
        if item.kind == "round.mix":
            for used in item.body["in"]:
                if sessions.place(used["session"], item.body["round"]) is None:
                    return f"round {item.body['round']} mixed a sum of another round"
        if item.kind == "stats.open" and sessions.place(item.body["session"], item.body["round"]) is None:
            return f"round {item.body['round']} opened a sum of another round"
    return None


def match(plan: Plan, region: str, items: Sequence[Item]) -> str | None:
    """A mix uses the sum that its session gave."""
    sums = {item.body["session"]: item.body["sum"] for item in items if item.kind == "session.sum"}
    for item in items:
        for used in item.body["in"] if item.kind == "round.mix" else ():
            if used["session"] in sums and sums[used["session"]] != used["sum"]:
                return f"round {item.body['round']} mixed another sum than its session gave"
    return None


def twice(plan: Plan, region: str, items: Sequence[Item]) -> str | None:
    """A round ends, mixes and trains once."""
    seen: dict[tuple[str, int], int] = {}
    for item in items:
        if item.kind in ("round.end", "round.mix", "round.train", "stats.open", "round.start"):
            key = item.kind, item.body["round"]
            if key in seen:
                return f"round {item.body['round']} has {item.kind} at entries {seen[key]} and {item.seq}"
            seen[key] = item.seq
    return None


def false_dropout(plan: Plan, region: str, items: Sequence[Item]) -> str | None:
    """Whoever got a RECEIPT is not called lost afterwards, nor missing from what its parent adds up."""
    receipts = {
        (_message(item).session, _message(item).body["about"]): item.seq
        for item in items
        if item.message is not None and item.message.type == "RECEIPT"
    }
    for item in items:
        message = item.message
        if message is None:
            continue
        if message.type == "PARTIAL":
            listed = {row[0] for row in message.body["members"]}
            for (session, about), at in receipts.items():
                if session == message.session and at < item.seq and about not in listed:
                    return f"round {message.round}: {about} has a receipt (entry {at}), and was not added up"
        if message.type != "SURVIVORS":
            continue
        for name, why in message.body["left_out"]:
            given = receipts.get((message.session, name))
            if why == "lost" and given is not None and given < item.seq:
                return f"round {message.round}: {name} has a receipt (entry {given}) and was then called lost"
    return None


def unmask_both(plan: Plan, region: str, items: Sequence[Item]) -> str | None:
    """Self masks are opened of survivors only, pair masks of those who dropped out only."""
    for item in items:
        if item.kind != "session.sum":
            continue
        survivors = set(item.body["survivors"])
        for row in item.body["opened"]:
            name = row["region"]
            if row["kind"] == "self" and name not in survivors:
                return f"entry {item.seq}: the self mask of {name}, which is no survivor, was opened"
            if row["kind"] == "pair" and (name in survivors or row["of"] not in survivors):
                return f"entry {item.seq}: a pair mask of {name} was opened, which is a survivor"
    return None


def lineage(plan: Plan, region: str, items: Sequence[Item]) -> str | None:
    """A round trains from what the round before mixed, the first one from the plan's initial model."""
    mixed: tuple[int, bytes] | None = None
    for item in items:
        if item.kind == "round.mix":
            mixed = item.body["round"], item.body["model"]
        elif item.kind == "round.train":
            round, base = item.body["round"], item.body["base"]
            if mixed is None and round == plan.first_round and base != plan.init:
                return f"round {round} began from another model than the plan's"
            if mixed is not None and mixed[0] == round - 1 and base != mixed[1]:
                return f"round {round} began from another model than round {mixed[0]} gave"
    return None


def budget(plan: Plan, region: str, items: Sequence[Item]) -> str | None:
    """The stated epsilon of the study stays within the plan's."""
    for item in items:
        dp = item.body.get("dp") if item.kind == "round.train" else None
        if dp is not None and plan.dp is not None and dp["eps_study_u"] > plan.dp["eps_max_u"]:
            spent, most = dp["eps_study_u"] / MICRO, plan.dp["eps_max_u"] / MICRO
            return f"round {item.body['round']}: epsilon {spent:g}, by the plan at most {most:g}"
    return None


def dp_math(plan: Plan, region: str, items: Sequence[Item]) -> str | None:
    """The stated epsilon is not smaller than that of the logged steps; more may have been paid and lost."""
    steps: dict[tuple[float, float], int] = {}
    for item in items:
        dp = item.body.get("dp") if item.kind == "round.train" else None
        if dp is None:
            continue
        key, delta = (dp["q_u"] / MICRO, dp["sigma_u"] / MICRO), dp["delta_u12"] / 1e12
        if not 0 < delta < 1:
            return f"round {item.body['round']}: delta {delta:g}"
        steps[key] = steps.get(key, 0) + dp["steps"]
        rows = (
            ("eps_round_u", epsilon([(*key, dp["steps"])], delta)),
            ("eps_study_u", epsilon(steps, delta)),
            ("eps_data_u", epsilon(steps, delta)),
        )
        for field, value in rows:
            if math.isinf(value) or dp[field] < value * MICRO * (1 - 1e-6):
                what = {"eps_round_u": "the round", "eps_study_u": "the study", "eps_data_u": "the data"}[field]
                return f"round {item.body['round']}: epsilon of {what} is stated as {dp[field] / MICRO:g}, is {value:g}"
    return None


def release(plan: Plan, region: str, items: Sequence[Item]) -> str | None:
    """A release has the approvals and the test results that the plan asks for, each approval for just this."""
    for item in items:
        if item.kind not in ("model.release", "data.release"):
            continue
        words = lacking(plan, item.kind, item.body)
        named = {row["eid"]: row["region"] for row in item.body["approvals"]}
        for message, eid in [(other.message, other.eid) for other in items]:
            if words is None and message is not None and eid in named and message.type == "APPROVE":
                approved = said(message.sender, message.study, message.body)
                words = unlike(item.kind, plan.study, item.body, named[eid], approved)
        if words is not None:
            return f"entry {item.seq}: {words}"
    return None


def _is_training(plan: Plan, round: int) -> bool:
    return plan.first_round <= round < plan.end_round


def _message(item: Item) -> Claim:
    assert item.message is not None
    return item.message


RULES: Mapping[str, Rule] = {
    "LS-SETTINGS": settings,
    "LS-WEIGHT": weights,
    "LS-COHORT": cohort,
    "LS-MEMBER": member,
    "LS-EDGE": edge,
    "LS-STALE": stale,
    "LS-MATCH": match,
    "LS-ROUND-DUP": twice,
    "LS-FALSE-DROPOUT": false_dropout,
    "LS-UNMASK-BOTH": unmask_both,
    "LS-LINEAGE": lineage,
    "LS-DP-BUDGET": budget,
    "LS-DP-MATH": dp_math,
    "LS-RELEASE-RULE": release,
}
"""Rules that convict from positive evidence: what stands in the entries is enough."""

ABSENCES = frozenset({"LS-STUDY-ACCEPT", "LS-ROUND-GAP", "LS-RELEASE-LINEAGE"})
"""Codes about what a log does not hold: the whole log is the evidence."""
