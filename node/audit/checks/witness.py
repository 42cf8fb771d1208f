"""What neighbours confirmed of each other's logs, and when (level L2): heads, cosignatures, mirrors, times.

A head that somebody else logged is a statement of the log's own key: it convicts that log or nobody. Signatures
in a soundly signed log that do not verify blame the log that holds them: an honest node logs none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from crypto.errors import CryptoError
from crypto.merkle import Tree
from crypto.note import Checkpoint, checkpoint_body, note_with, parse_checkpoint, parse_note
from node.audit.bundle import Bundle
from node.audit.checks.logs import CheckedLog
from node.audit.context import Context, KeySet
from node.audit.evidence import hash_piece, log_piece, note_piece, plan_piece
from node.audit.findings import Finding, Json
from node.audit.leaves import Told
from node.audit.times import Judged, judge_heads, quorum, signed_what, time_fault

Body = Mapping[str, Any]


class Head(NamedTuple):
    """One signed checkpoint of a log that somebody else holds.

    Attributes:
        holder: Whose log or bundle shows it.
        signed: Key of the log and its signature; None for a mirror, which has the whole note.
        study, round: Of the entry that cites it; None for a mirror.
        mirror, tree: Its note, and the tree over the hashes that the holder keeps.
        t_s: When an outside witness whose key is known saw it, Unix seconds.
    """

    checkpoint: Checkpoint
    holder: str
    signed: tuple[bytes, bytes] | None = None
    study: bytes | None = None
    round: int | None = None
    mirror: bytes = b""
    tree: Tree | None = None
    t_s: int | None = None

    @property
    def note(self) -> bytes:
        """The signed checkpoint as a note."""
        if self.signed is None:
            return self.mirror
        return note_with(checkpoint_body(self.checkpoint), self.checkpoint.origin, *self.signed)


def heads(context: Context, logs: Sequence[CheckedLog], bundles: Iterable[Bundle]) -> tuple[list[Head], list[Finding]]:
    """Return every head that others hold and that its log signed, and what is wrong with those that none did."""
    found: list[Head] = []
    findings: list[Finding] = []
    told_of = [(log, told) for log in logs if log.is_sound for told in log.raw.told if told.kind == "round.heads"]
    if context.signatures.has_help:
        _ahead(context, told_of)
    keys, judged = context.all_sets(), Judged()
    for log, told in told_of:
        seen, false = _told(context, log, told, keys, judged)
        found += seen
        findings += false
    for bundle in bundles:
        for (region, epoch), raw in sorted(bundle.mirrors.items()):
            origin = f"{context.network}/{region}/{epoch}"
            fault, head = _mirror(context, bundle, origin, region, raw.checkpoint, raw.tree)
            if head is not None:
                found.append(head)
            elif fault is not None:
                findings.append(Finding(fault[0], source=bundle.label, values={"detail": fault[1]}))
    return found, findings


def _ahead(context: Context, told_of: Iterable[tuple[CheckedLog, Told]]) -> None:
    """Have all signatures in these entries checked together."""
    keys, ask, asked = context.all_sets(), context.signatures.ahead, Judged()
    for log, told in told_of:
        body = told.body
        for _ in judge_heads(body, log.origin, keys, _roots(log, body), ask, asked):
            pass


def _told(
    context: Context, log: CheckedLog, told: Told, keys: Mapping[str, list[KeySet]], judged: Judged
) -> tuple[list[Head], list[Finding]]:
    """Return the heads that one entry cites, and the first signature in it that does not hold."""
    found: list[Head] = []
    findings: list[Finding] = []
    body = told.body
    roots = _roots(log, body)
    for row, signer in judge_heads(body, log.origin, keys, roots, context.signatures.plain, judged):
        if signer is None:
            findings.append(_false(context, log, told, row, sorted(roots)))
        elif "origin" in row:
            network, region, _ = row["origin"].split("/")
            if network == context.network and region != log.region:
                point = Checkpoint(row["origin"], row["size"], row["root"])
                found.append(Head(point, log.region, (signer.log, row["sig"]), told.study, body["round"]))
    return found, findings[:1]


def _false(context: Context, log: CheckedLog, told: Told, row: Body, sizes: Iterable[int]) -> Finding:
    signer = row["origin"].split("/")[1] if "origin" in row else row["by"]
    return Finding(
        "LS-ENV-SIG",
        subject=log.region,
        study=told.study,
        round=told.body["round"],
        seq=told.seq,
        values={"holder": signer, "detail": signed_what(row)},
        evidence=[log.note, log.proof(told.seq), *(log.earlier(size) for size in sizes)],
        roster=context.roster_hash,
    )


def _roots(log: CheckedLog, body: Body) -> dict[int, bytes]:
    """Return the roots of the log that the cosignatures in one entry are about, by size."""
    sizes = {row["size"] for row in body["cosigned"] if row["size"] <= log.tree.size}
    return {size: log.tree.root_at(size) for size in sizes}


def _mirror(
    context: Context, bundle: Bundle, origin: str, region: str, note: bytes | None, tree: Tree
) -> tuple[tuple[str, str] | None, Head | None]:
    where = f"mirrors/{region}: "
    sets = context.sets(region)
    if not sets:
        return None, None  # another network's
    try:
        point = parse_checkpoint(parse_note(note or b"").body)
    except CryptoError:
        return ("LS-CHECKPOINT-FORMAT", f"{where}the checkpoint cannot be read"), None
    signed = note is not None and any(context.signatures.note(note, origin, keys.log) for keys in sets)
    if note is None or point.origin != origin or not signed:
        return ("LS-CHECKPOINT-SIG", f"{where}the checkpoint is not signed by {origin}"), None
    if point.size != tree.size or point.root != tree.root():
        return ("LS-LOG-ROOT", f"{where}its {tree.size} hashes do not add up to the checkpoint over {point.size}"), None
    holder = min((name for name, _ in bundle.logs), default=bundle.label)
    return None, Head(point, holder, mirror=note, tree=tree)


def against(context: Context, reference: CheckedLog, head: Head) -> Finding | None:
    """Return the fork that a head shows against the log that was handed over, or None."""
    point, size = head.checkpoint, reference.tree.size
    if head.tree is not None:
        least = min(point.size, size)
        at = _first_difference(reference.tree, head.tree, least)
        if at is None:
            return None
        return Finding(
            "LS-FORK",
            subject=reference.region,
            seq=at,
            values={"detail": f"what {head.holder} copied differs from what was handed over at entry {at}"},
            evidence=[
                reference.note,
                note_piece(head.note),
                _place(reference.tree, at),
                _place(head.tree, at),
            ],
            roster=context.roster_hash,
        )
    if point.size > size or reference.tree.root_at(point.size) == point.root:
        return None
    return Finding(
        "LS-FORK",
        subject=reference.region,
        study=head.study,
        round=head.round,
        seq=point.size,
        values={"detail": f"{head.holder} was shown another history of its first {point.size} entries"},
        evidence=[note_piece(head.note), reference.note, reference.earlier(point.size)],
        roster=context.roster_hash,
    )


def _place(tree: Tree, at: int) -> dict[str, Json]:
    return hash_piece(tree.hash_at(at), at, tree.size, tree.inclusion_path(at))


def _first_difference(one: Tree, two: Tree, size: int) -> int | None:
    """Return the first place below ``size`` where the trees differ, None if they agree."""
    if one.root_at(size) == two.root_at(size):
        return None
    low, high = 0, size  # the roots over ``low`` leaves agree, those over ``high`` differ
    while high - low > 1:
        middle = (low + high) // 2
        if one.root_at(middle) == two.root_at(middle):
            low = middle
        else:
            high = middle
    return low


def times(context: Context, log: CheckedLog, study: bytes) -> list[Finding]:
    """Return what the cosignatures in one log say of its dates and of how fast it was confirmed."""
    plan = context.plans[study]
    if plan.witness["quorum"] == 0 or not log.is_sound:
        return []
    told = [(each, each.body) for each in log.raw.told if each.study == study and each.kind == "round.heads"]
    findings: list[Finding] = []
    for each, body in told:
        fault = time_fault(body, each.seq, log.raw.times, plan.skew_ms)
        if fault is None or log.raw.leaves[fault.seq] is None:
            continue
        enough = len(fault.witnesses) >= quorum(plan, log.region, body["round"])
        sizes = sorted({row["size"] for row in body["cosigned"] if row["size"] <= log.tree.size})
        pieces = [log.note, *(log.proof(seq) for seq in sorted({fault.seq, each.seq}))]
        pieces += [log.earlier(size) for size in sizes]
        findings.append(
            Finding(
                "LS-BACKDATED" if enough else "LS-CLOCK",
                subject=log.region,
                study=study,
                round=body["round"],
                seq=fault.seq,
                values={"detail": fault.words, "holder": " and ".join(fault.witnesses)},
                evidence=[*pieces, plan_piece(plan)],
                roster=context.roster_hash,
            )
        )
        break
    return findings + _lag(context, log, study, told)


def _lag(context: Context, log: CheckedLog, study: bytes, told: Sequence[tuple[Told, Body]]) -> list[Finding]:
    """A round is confirmed by a quorum within the plan's number of further rounds; its last rounds are exempt."""
    plan = context.plans[study]
    # A log that was begun anew gives up the rounds that were lost before it takes part in one.
    begun = next((each.seq for each in log.raw.told if each.kind == "round.start"), log.tree.size)
    since = begun if log.epoch > 1 else 0
    ends = [e for e in log.raw.told if e.study == study and e.kind == "round.end" and e.seq >= since]
    lag = int(plan.witness["max_lag_rounds"])
    places = [each.seq for each, _ in told]
    for index, end in enumerate(ends[: len(ends) - lag] if lag else ends):
        until = ends[index + lag].seq if index + lag < len(ends) else log.tree.size
        # The entry that tells of a round's cosignatures is written in the next one.
        since_end = told[bisect_right(places, end.seq) : bisect_right(places, until) + 1]
        confirmed = {row["by"] for _, body in since_end for row in body["cosigned"] if row["size"] > end.seq}
        needed = quorum(plan, log.region, end.body["round"])
        if len(confirmed) < needed and not log.withheld:
            detail = f"round {end.body['round']}: {len(confirmed)} of {needed} within {lag} rounds"
            return [
                Finding(
                    "LS-COSIG-LAG",
                    subject=log.region,
                    study=study,
                    round=end.body["round"],
                    seq=end.seq,
                    values={"detail": detail},
                    evidence=[log.note, log.proof(end.seq), log_piece(log.tree.size), plan_piece(plan)],
                    roster=context.roster_hash,
                )
            ]
    return []
