"""What a region's data protection officer signs for: a study's facts, gathered; words and page are elsewhere.

From the plan alone follows what leaves, to whom and in what form, and who could learn what. From the region's home come
the data set, the exceptions that were granted, and who has accepted under which diary number. No count of patients is
among it: buckets only. Words: ``annex_words``; page: ``annex_page``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.plan_privacy import plan_report
from node.privacy import PrivacyReport
from protocol.entries import decode_entry
from protocol.plan import Plan

BUCKETS = ((10, "<10"), (100, "10-99"), (1000, "100-999"), (10000, "1000-9999"))


@dataclass(frozen=True, slots=True)
class Route:
    """Values that leave in one form.

    Attributes:
        to: Receivers; () for all neighbours of every region, where nobody's own view is asked for.
        form, what: Keys of ``disclosures_words.FORMS`` and ``LEARNS``, or of ``annex_words.LEARNS``.
        rounds: In how many rounds each of them gets such a value.
        among: How many regions' values the sum that is opened has.
        size: Bytes of one value; None where the stage decides.
    """

    to: tuple[str, ...]
    form: str
    what: str
    rounds: int
    among: int
    size: int | None


@dataclass(frozen=True, slots=True)
class Column:
    """One declared column of the data."""

    name: str
    kind: str
    role: str
    unit: str


@dataclass(frozen=True, slots=True)
class Exempted:
    """A blocking check that was let through."""

    check: str
    column: str
    ref: str


@dataclass(frozen=True, slots=True)
class Data:
    """The data set that the region binds to the study; what manifest and data sheet say, without counts."""

    name: str
    version: int
    owner: str
    legal_basis: str
    licence: str
    approval: str
    source: str
    extracted: str
    purposes: tuple[str, ...]
    has_opt_outs: bool
    by_patient: bool
    rows: str
    columns: tuple[Column, ...]
    groups: Mapping[str, Any] | None
    exceptions: tuple[Exempted, ...]
    sheet: str
    schema: str


@dataclass(frozen=True, slots=True)
class Consent:
    """One acceptance of this region, as its log has it; ``sheet`` is the hash of the data sheet it was given on."""

    role: str
    ref: str | None
    t_ms: int
    sheet: bytes | None = None


@dataclass(frozen=True, slots=True)
class Annex:
    """All that the page says.

    Attributes:
        region: Whose annex it is; None for the plan alone.
        needed: Roles that must accept here, by the region's policy.
        answers: Other regions that have answered, and what.
        budget: The region's own limit over all studies, in 1e-6; None without one.
        code_is_here: Whether the training code of this installation is one that the plan names.
        no_data: The task reads no patients' data.
    """

    plan: Plan
    region: str | None
    routes: tuple[Route, ...]
    report: PrivacyReport | None
    data: Data | None = None
    consents: tuple[Consent, ...] = ()
    needed: tuple[str, ...] = ("technical",)
    answers: Mapping[str, str] | None = None
    budget_u: int | None = None
    code_is_here: bool = True
    no_data: bool = False


def routes_of(plan: Plan, region: str | None) -> tuple[Route, ...]:
    """Return what values leave a region in a study; of every region, for None."""
    senders = plan.regions if region is None else (region,)
    found: dict[tuple[str, str, int, int, int | None], set[str]] = {}
    if plan.sums:
        what = "MASKED.sum" if plan.neighbourhood(senders[0], 0).is_maskable else "sum.alone"
        found["statistics", what, plan.sum_rounds, plan.n - 1, None] = set(plan.regions) - {region}
    size = plan.payload_bytes(plan.first_round)
    for sender in senders:
        for (receiver, form, what, among), rounds in _training(plan, sender).items():
            found.setdefault((form, what, rounds, among, size), set()).add(receiver)
    return tuple(
        Route(tuple(sorted(to)) if region is not None else (), form, what, rounds, among, size)
        for (form, what, rounds, among, size), to in found.items()
    )


def _training(plan: Plan, sender: str) -> dict[tuple[str, str, str, int], int]:
    """Return in how many rounds each receiver gets a value: by receiver, form, sentence and regions in the sum."""
    out: dict[tuple[str, str, str, int], int] = {}
    turns = len(plan.turn)
    for place, graph in enumerate(plan.turn):
        at, rounds = plan.first_round + place, plan.rounds // turns + (place < plan.rounds % turns)
        for receiver, around in graph.items():
            if sender not in around.names or not rounds:
                continue
            if plan.masking["mode"] == "off" or around.disclosed:
                key = (receiver, "clear", "clear" if plan.dp is None else "clear.dp", 1)
            elif plan.aggregation == "network":
                key = (receiver, "masked", "PARTIAL", plan.n)
            else:
                part = plan.part(receiver, at, plan.bucket_of(receiver, at, sender))
                key = (receiver, "masked", "MASKED", part.degree)
            out[key] = out.get(key, 0) + rounds
    return out


def data_of(manifest: Any, sheet: Mapping[str, Any], sheet_hash: str) -> Data:
    """Return what manifest and newest data sheet say, without counts of patients."""
    return Data(
        name=str(sheet["id"]),
        version=int(sheet["version"]),
        owner=str(sheet["owner"]),
        legal_basis=manifest.legal_basis,
        licence=str(sheet["licence"]),
        approval=str(sheet["approval"]),
        source=manifest.source_system,
        extracted=str(manifest.extracted or ""),
        purposes=tuple(sheet["purposes"]),
        has_opt_outs=bool(manifest.opt_out),
        by_patient=bool(manifest.patient),
        rows=next((word for limit, word in BUCKETS if sheet["rows"] < limit), "10000+"),
        columns=tuple(Column(c["name"], c["kind"], c["role"], c["unit"]) for c in sheet["columns"]),
        groups=sheet["anonymity"],
        exceptions=tuple(
            Exempted(one["check"], one["column"], one["decision"]) for one in sheet["findings"] if one["decision"]
        ),
        sheet=sheet_hash,
        schema=str(sheet["schema"]),
    )


def consents_of(leaves: Iterable[bytes | None], study: bytes) -> tuple[Consent, ...]:
    """Return this region's acceptances of a study, in the order of its log."""
    found = []
    for leaf in leaves:
        entry = decode_entry(leaf) if leaf is not None else None
        if entry is not None and entry.kind == "study.accept" and entry.study == study:
            body: Any = entry.body
            found.append(Consent(body["role"], body["decision_ref"], entry.t_ms, body["sheet"]))
    return tuple(found)


def consents_at(home: Path, study: bytes) -> tuple[Consent, ...]:
    """Return ``consents_of`` a home's log."""
    from node.home import Home
    from node.store.storage import StoreReader

    with StoreReader(Home.open(home)) as reader:
        return consents_of((leaf for leaf, _ in reader.whole()), study)


def annex_of(
    plan: Plan,
    *,
    home: Path | None,
    region: str | None,
    data: Data | None,
    answers: Mapping[str, str] | None = None,
) -> Annex:
    """Return the annex of a plan at a region.

    Args:
        home: The region's; None for the plan alone.
        data: The data set that it binds.
    """
    routes, told = routes_of(plan, region), plan_report(plan)
    if home is None or region is None:
        return Annex(plan, None, routes, told)
    from node.learning import code_sha256
    from node.learning.describe import NO_SCHEMA
    from node.policy import Policy

    consents = consents_at(home, plan.study)
    policy = Policy.load(home)
    return Annex(
        plan, region, routes, told, data, consents, policy.roles, answers, policy.budget_u,
        code_sha256() in plan.code_sha256s, plan.schema == NO_SCHEMA,
    )  # fmt: skip
