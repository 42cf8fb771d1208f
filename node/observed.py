"""A run that really happened, as far as exported bundles show it: which values were in which sum.

Read from what regions signed: the COHORT (or, with losses recovered, the SURVIVORS) that a receiver
sent names the members of its sum, and its own log says whether the sum was opened. A receiver whose log was not handed
over is taken to have opened whatever it named. Nothing here judges the logs; ``landsting audit
verify`` does, and should be asked first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crypto.errors import CryptoError
from node.audit.archive import BundleError
from node.audit.bundle import Bundle
from node.audit.reading import read_bundle
from node.errors import Refused
from protocol.entries import Entry, decode_entry
from protocol.envelope import Envelope, parse, verify
from protocol.errors import CodecError, PlanError, RosterError
from protocol.plan import Plan
from protocol.roster import Roster, decode_roster

NAMING = ("COHORT", "SURVIVORS")
Sets = dict[tuple[int, str], frozenset[str]]  # round and receiver to the members of its sum


@dataclass(slots=True)
class Run:
    """The sums of a study's training rounds.

    Attributes:
        plan: What was agreed.
        logs: Regions whose log was handed over, sorted.
        sums: Each training round's receivers (from 0, sum rounds not counted) and the members of their sums.
        unsigned: Messages that their sender did not sign; they count for nothing.
    """

    plan: Plan
    logs: tuple[str, ...]
    sums: list[dict[str, frozenset[str]]] = field(default_factory=list)
    unsigned: int = 0

    def missing(self) -> list[tuple[int, str, tuple[str, ...]]]:
        """Return (round, receiver, senders of the plan that were not in its sum), where there were such."""
        found = []
        for place, sums in enumerate(self.sums):
            round = place + self.plan.first_round
            for receiver, members in sorted(sums.items()):
                planned = self._planned(receiver, round)
                if out := tuple(sorted(planned - members)):
                    found.append((round, receiver, out))
        return found

    def shown(self) -> list[dict[int, list[int]]]:
        """Return the sums with regions as numbers, as ``topologies.integers.as_run`` takes them."""
        index = {name: i for i, name in enumerate(self.plan.regions)}
        return [
            {index[receiver]: sorted(index[name] for name in members) for receiver, members in sums.items()}
            for sums in self.sums
        ]

    def _planned(self, receiver: str, round: int) -> set[str]:
        if self.plan.aggregation == "network":
            return set(self.plan.regions) - {receiver}
        return set(self.plan.neighbours(receiver, round))


def observed(paths: Iterable[Path], study: bytes | None = None) -> Run:
    """Return the run that bundles show.

    Args:
        study: Which study; None where the bundles hold one only.

    Raises:
        Refused: A bundle cannot be read, none holds the study's plan and roster, or several studies are there.
    """
    bundles = [_read(path) for path in paths]
    plan = _plan(bundles, study)
    roster = _roster(bundles, plan)
    run = Run(plan, tuple(sorted({region for bundle in bundles for region, _ in bundle.logs} & set(plan.regions))))
    named: dict[tuple[int, str], dict[bytes, frozenset[str]]] = {}
    mixed: Sets = {}
    opened: dict[tuple[int, str], bool] = {}
    for region, entry in _entries(bundles, plan.study):
        body = entry.body
        match entry.kind:
            case "env.sent" | "env.recv":
                envelope = _signed(run, roster, body)
                if envelope is not None and envelope.fields.round is not None:
                    fields = envelope.fields
                    sessions = named.setdefault((envelope.fields.round, fields.sender), {})
                    known = sessions.get(fields.session or b"")
                    if known is None or fields.type == "SURVIVORS":
                        sessions[fields.session or b""] = _members(envelope)
            case "round.end" if isinstance(body["round"], int):
                opened[(body["round"], region)] = body["outcome"] == "mixed"
            case "round.mix" if isinstance(body["round"], int) and isinstance(body["weights"], dict):
                mixed[(body["round"], region)] = frozenset(body["weights"]) - {region}
    # Of several sums, one for each bucket, the region's own log says which were opened.
    shown = {
        at: mixed[at] if len(sums) > 1 and at in mixed else frozenset[str]().union(*sums.values())
        for at, sums in named.items()
    }
    _gather(run, shown, opened, mixed)
    return run


def _entries(bundles: Iterable[Bundle], study: bytes) -> Iterator[tuple[str, Entry]]:
    """Yield (region, entry) of one study; what cannot be read is passed over."""
    for bundle in bundles:
        for (region, _), log in bundle.logs.items():
            for leaf in log.leaves:
                try:
                    entry = decode_entry(leaf) if leaf is not None else None
                except CodecError:
                    continue
                if entry is not None and entry.study == study:
                    yield region, entry


def _gather(run: Run, named: Sets, opened: Mapping[tuple[int, str], bool], mixed: Sets) -> None:
    plan = run.plan
    last = max((round for round, _ in [*named, *opened, *mixed]), default=-1)
    for round in range(plan.first_round, min(last + 1, plan.end_round)):
        sums: dict[str, frozenset[str]] = {}
        for receiver in plan.regions:
            at = (round, receiver)
            members = named.get(at, mixed.get(at))
            if members is not None and opened.get(at, True):
                sums[receiver] = members & set(plan.regions)
        if plan.aggregation == "network" and sums:  # one root opens it for all
            root, members = next(iter(sums.items()))
            whole = members | {root}
            sums = {name: whole - {name} for name in plan.regions if opened.get((round, name), True)}
        run.sums.append(sums)


def _members(envelope: Envelope) -> frozenset[str]:
    rows = envelope.fields.body["members"]
    assert isinstance(rows, list)
    return frozenset(str(row[0]) for row in rows if isinstance(row, list))


def _signed(run: Run, roster: Roster, body: Mapping[str, object]) -> Envelope | None:
    header, signature = body["header"], body["sig"]
    assert isinstance(header, bytes)
    assert isinstance(signature, bytes)
    try:
        envelope = parse(header, signature)
    except CodecError:
        return None
    if envelope.fields.type not in NAMING or envelope.fields.sender not in run.plan.regions:
        return None
    try:
        verify(envelope, roster.card(envelope.fields.sender).keys.sign)
    except CryptoError:
        run.unsigned += 1
        return None
    return envelope


def _read(path: Path) -> Bundle:
    try:
        return read_bundle(path)
    except BundleError as error:
        fix = f"landsting audit verify {path}"
        raise Refused("FILE", f"{path}: {error}", "an evidence bundle", fix) from error


def _plan(bundles: Sequence[Bundle], study: bytes | None) -> Plan:
    found: dict[bytes, Plan] = {}
    for bundle in bundles:
        for data in bundle.plans.values():
            try:
                plan = Plan.decode(data)
            except PlanError:
                continue
            found[plan.study] = plan
    if study is not None and study in found:
        return found[study]
    if study is None and len(found) == 1:
        return next(iter(found.values()))
    here = ", ".join(sorted(one.hex()[:12] for one in found)) or "none"
    wanted = f"no plan of study {study.hex()[:12]}" if study is not None else f"plans of {len(found)} studies"
    raise Refused(
        "STUDY", f"{wanted} in these bundles (there: {here})", "bundles that hold one study, or its plan file first",
        "landsting topology privacy plan.toml --observed *.bundle",
    )  # fmt: skip


def _roster(bundles: Sequence[Bundle], plan: Plan) -> Roster:
    for bundle in bundles:
        data = bundle.rosters.get(plan.roster)
        if data is not None:
            try:
                return decode_roster(data)
            except RosterError:
                continue
    raise Refused(
        "ROSTER", "the roster of the study is in none of these bundles", "the bundle of a region that took part",
        "landsting log export --home HOME",
    )  # fmt: skip
