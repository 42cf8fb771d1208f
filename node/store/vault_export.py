"""What of a home's vault goes along with an export, and what whoever reads it can learn.

Two kinds of openings leave, each only if it is asked for:

    masks   the seeds by which this region, as receiver, took masks away: they show a sum to be what it is, and of no
            single value more than the sum does
    drawn   the same, and what opens this region's commitments of the rounds that the beacon drew: its models of
            those rounds, as they were before they were mixed. They are as telling as any model trained on its patients

Nothing leaves of a round that is not over: neither masked values (``node.audit.bundle``) nor openings; and this
region's own models of a round only once the next one is over too, since until then nobody knows whether it is drawn.

No sockets; the log is read beside the daemon.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from node.plan_privacy import plan_report
from node.store.copies import Copies
from node.store.vault import Vault
from protocol.beacon import is_drawn
from protocol.entries import Entry
from protocol.plan import Plan

KINDS = ("none", "masks", "drawn")
METRICS = ("set", "metrics")


@dataclass(slots=True)
class Outline:
    """What a log says that decides what may go along.

    Attributes:
        roots: By study and round, the verified roots that the region saw then.
        evaluated: Entries ``round.eval`` by study, with their round.
        asked: By requester, how many bundles with all payloads were handed over.
        begun, ended: Rounds of each study that have begun, and those that are over.
        done: Studies that are over.
    """

    roots: dict[bytes, dict[int, dict[str, bytes]]] = field(default_factory=dict)
    evaluated: dict[bytes, list[tuple[int, int]]] = field(default_factory=dict)
    asked: dict[str | None, int] = field(default_factory=dict)
    begun: dict[bytes, set[int]] = field(default_factory=dict)
    ended: dict[bytes, set[int]] = field(default_factory=dict)
    done: set[bytes] = field(default_factory=set)

    def open_rounds(self, study: bytes) -> list[int]:
        """Return the rounds of a study that have begun and are not over."""
        return sorted(self.begun.get(study, set()) - self.ended.get(study, set()))

    def take(self, entry: Entry) -> None:
        """Take one of the region's own entries."""
        body, study = entry.body, entry.study
        match entry.kind, body:
            case "round.heads", {"round": int(round), "seen": list(seen)} if study is not None:
                rows = [row for row in seen if isinstance(row, dict) and row["how"] == "verified"]
                found = {str(row["origin"]): bytes(row["root"]) for row in rows}  # type: ignore[arg-type]
                self.roots.setdefault(study, {})[round] = found
            case "round.start", {"round": int(round)} if study is not None:
                self.begun.setdefault(study, set()).add(round)
            case "round.end", {"round": int(round)} if study is not None:
                self.ended.setdefault(study, set()).add(round)
            case "study.end", _ if study is not None:
                self.done.add(study)
            case "round.eval", {"round": int(round)} if study is not None:
                self.evaluated.setdefault(study, []).append((round, entry.seq))
            case "audit.export", {"payloads": "all", "requester_ref": requester}:
                name = requester if isinstance(requester, str) else None
                self.asked[name] = self.asked.get(name, 0) + 1


def openings_of(
    vault: Vault, copies: Copies, outline: Outline, plan: Plan, region: str, kind: str, rounds: range | None
) -> dict[tuple[int, str], bytes]:
    """Return salt and value of the openings that go along, by entry and field.

    Args:
        kind: One of ``KINDS``.
        rounds: Of these rounds only; None: of all that are here.
    """
    if kind not in KINDS:
        raise ValueError(f"openings {kind!r}; expected one of {', '.join(KINDS)}")
    if kind == "none":
        return {}
    study, roots, ended = plan.study, outline.roots.get(plan.study, {}), outline.ended.get(plan.study, set())
    sample = int(plan.retention["sample_bp"])

    def goes(round: int, name: str) -> bool:
        if rounds is not None and round >= 0 and round not in rounds:
            return False
        if round >= 0 and round not in ended:
            return False
        if name.startswith("opened."):
            return True
        if round >= 0 and round + 1 not in ended and study not in outline.done:
            return False
        return kind == "drawn" and (round < 0 or is_drawn(study, round, region, roots.get(round, {}), sample))

    found: dict[tuple[int, str], bytes] = {}
    for round, seq, name in list(vault.openings(study)):
        opened = vault.opening(seq, name) if goes(round, name) else None
        if opened is not None:
            found[(seq, name)] = opened
    for round, seq in outline.evaluated.get(study, ()):
        for name, (salt, value) in copies.openings(seq).items() if goes(round, "metrics") else ():
            if name in METRICS:
                found[(seq, name)] = salt + value
    return found


def coalition_words(plan: Plan) -> str:
    """Return in words how many receivers' payloads together uncover one region's update."""
    report = plan_report(plan)
    if report is None:
        return "how many regions' payloads together uncover one update is not computed for so many regions"
    least, coalition = report.fresh.least, report.fresh.coalition
    if least is None:
        return f"no {report.fresh.searched_to} regions' payloads together uncover one region's update of a round"
    *first, last = (plan.regions[place] for place in coalition)
    names = f"{', '.join(first)} and {last}" if first else last
    return f"the payloads of {least} regions ({names}, for instance) together uncover one region's update of a round"


def warnings(
    plans: Iterable[Plan], outline: Outline, requester: str | None, opened: Mapping[tuple[int, str], bytes]
) -> list[str]:
    """Return what the operator is told before such a bundle leaves."""
    lines = []
    for plan in plans:
        name = plan.study.hex()[:12]
        lines.append(f"study {name}: {coalition_words(plan)}.")
        if plan.is_clear or plan.masking["on_unmaskable"] == "disclose" or plan.masking["mode"] == "off":
            lines.append(f"study {name}: values that travelled without masks are among them as they are.")
        if rounds := outline.open_rounds(plan.study):
            lines.append(
                f"study {name}: round {rounds[-1]} is not over, so none of its masked values are in the file. "
                "Export again once it is."
            )
    before = outline.asked.get(requester, 0)
    who = f"requester {requester}" if requester else "a requester without a diary number"
    lines.append(f"Bundles with all payloads that this region has handed to {who} before: {before}.")
    if any(not field.startswith("opened.") for _, field in opened):
        lines.append("This region's own models of the drawn rounds are in the file in plain form.")
    return lines
