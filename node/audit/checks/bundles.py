"""Checks of a bundle by itself (level L0): plans, rosters, payload names, reading view, its own note.

Nothing found here blames a region: whoever carried the file may have done it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from crypto.errors import CryptoError
from crypto.note import parse_checkpoint, parse_note
from node.audit.bundle import Bundle, manifest_body
from node.audit.context import KeySet
from node.audit.findings import Finding
from node.audit.signatures import Signatures
from protocol.errors import CodecError, PlanError, RosterError
from protocol.plan import Plan
from protocol.roster import Roster, decode_roster

_STUDY_LINE = re.compile(rb"study (all|[0-9a-f]{64})")


@dataclass(slots=True)
class Held:
    """What the bundles hold together, read: plans by study id, rosters and payloads by SHA-256.

    ``rivals`` are rosters that plans of one network name and that do not follow from each other.
    """

    plans: dict[bytes, Plan] = field(default_factory=dict)
    rosters: dict[bytes, Roster] = field(default_factory=dict)
    payloads: dict[bytes, bytes] = field(default_factory=dict)
    rivals: set[bytes] = field(default_factory=set)


def gather(bundles: Iterable[Bundle], study: bytes | None) -> tuple[Held, list[Finding]]:
    """Return what the bundles hold, and what is wrong with their plans, rosters, payloads and views."""
    held, findings = Held(), []
    several = list(bundles)
    for bundle in several:
        findings += _plans(bundle, held)
        findings += _rosters(bundle, held)
        findings += _payloads(bundle, held)
        findings += _views(bundle)
    findings += _named_study(several, held, study)
    findings += _chains(several, held)
    if study not in held.plans:
        findings += _rivals(several, held)
    return held, findings


def _plans(bundle: Bundle, held: Held) -> list[Finding]:
    findings = []
    for name, data in bundle.plans.items():
        if hashlib.sha256(data).digest() != name:
            detail = f"the file is called {name.hex()[:8]} and is {hashlib.sha256(data).hexdigest()[:8]}"
            findings.append(_defect("LS-STUDY-ID", bundle, detail))
            continue
        try:
            held.plans[name] = Plan.decode(data)
        except (CodecError, PlanError, ValueError) as error:
            detail = f"plan {name.hex()[:8]} cannot be read: {ascii_words(error)}"
            findings.append(_defect("LS-STUDY-ID", bundle, detail))
    return findings


def _rosters(bundle: Bundle, held: Held) -> list[Finding]:
    findings = []
    for name, data in bundle.rosters.items():
        try:
            roster = decode_roster(data)
        except (CodecError, RosterError, CryptoError, ValueError) as error:
            detail = f"roster {name.hex()[:8]} cannot be read: {ascii_words(error)}"
            findings.append(_defect("LS-ROSTER", bundle, detail))
            continue
        if roster.hash != name:
            detail = f"the file is called {name.hex()[:8]} and is {roster.hash.hex()[:8]}"
            findings.append(_defect("LS-ROSTER", bundle, detail))
            continue
        held.rosters[name] = roster
    return findings


def _payloads(bundle: Bundle, held: Held) -> list[Finding]:
    findings = []
    for name, data in bundle.payloads.items():
        if held.payloads.get(name) is data:  # a neighbour's bundle had it, too
            continue
        if hashlib.sha256(data).digest() != name:
            findings.append(_defect("LS-PAYLOAD-HASH", bundle, f"payloads/{name.hex()[:16]}..."))
        else:
            held.payloads[name] = data
    return findings


def _views(bundle: Bundle) -> list[Finding]:
    findings = []
    for (region, epoch), log in bundle.logs.items():
        where = f"logs/{region}.{epoch}/leaves.jsonl"
        if not log.has_view:
            findings.append(_defect("LS-VIEW", bundle, f"{where} is missing"))
        elif log.view_differs is not None:
            detail = f"{where}, line {log.view_differs + 1}"
            findings.append(_defect("LS-VIEW", bundle, detail, seq=log.view_differs))
    return findings


def _named_study(bundles: list[Bundle], held: Held, study: bytes | None) -> list[Finding]:
    if study is None:
        return []
    findings = []
    nowhere = study not in held.plans
    for bundle in bundles:
        others = bundle.plans.keys() - {study}
        if study not in bundle.plans and (others or nowhere):
            found = ", ".join(sorted(name.hex()[:8] for name in others)) or "no plan"
            detail = f"named {study.hex()[:8]}, found {found}"
            findings.append(_defect("LS-STUDY-ID", bundle, detail, study=study))
    return findings


def _chains(bundles: list[Bundle], held: Held) -> list[Finding]:
    """A plan's roster must be at hand, and every other roster joined to one by its ``old`` links."""
    findings = []
    anchors = {plan.roster for plan in held.plans.values()}
    joined = _joined(anchors, held.rosters)
    for bundle in bundles:
        plans = [held.plans[name] for name in bundle.plans if name in held.plans]
        for wanted in sorted({plan.roster for plan in plans} - held.rosters.keys()):
            detail = f"roster {wanted.hex()[:8]}, which the plan names, is not there"
            findings.append(_defect("LS-ROSTER", bundle, detail))
        if anchors:
            for name in sorted((bundle.rosters.keys() & held.rosters.keys()) - joined):
                findings.append(_defect("LS-ROSTER", bundle, f"roster {name.hex()[:8]} follows from no plan"))
    return findings


def _rivals(bundles: list[Bundle], held: Held) -> list[Finding]:
    """With no study named, two lists of regions that do not follow from each other leave it open which is true."""
    anchors = sorted({plan.roster for plan in held.plans.values()} & held.rosters.keys())
    for one in anchors:
        joined = _joined({one}, held.rosters)
        network = held.rosters[one].network
        held.rivals |= {other for other in anchors if other not in joined and held.rosters[other].network == network}
    names = ", ".join(name.hex()[:8] for name in sorted(held.rivals))
    detail = f"rosters {names} of one network; name the study that you mean"
    return [
        _defect("LS-ROSTER", bundle, detail)
        for bundle in bundles
        if any(name in held.plans and held.plans[name].roster in held.rivals for name in bundle.plans)
    ]


def _joined(anchors: set[bytes], rosters: Mapping[bytes, Roster]) -> set[bytes]:
    joined = anchors & rosters.keys()
    while True:
        older = {rosters[name].old for name in joined} & rosters.keys()
        newer = {name for name, roster in rosters.items() if roster.old in joined}
        grown = joined | newer | {name for name in older if name is not None}
        if grown == joined:
            return joined
        joined = grown


def note_fault(
    bundle: Bundle, origin: str, sets: Sequence[KeySet], checkpoint: bytes | None, signatures: Signatures
) -> str | None:
    """Return why ``manifest.note`` is not its region's signature over this bundle, or None."""
    if bundle.note is None:
        return "manifest.note is missing"
    if not sets:
        return "the key of its log is not known"
    try:
        body = parse_note(bundle.note).body
    except CryptoError as error:
        return f"manifest.note is unreadable: {ascii_words(error)}"
    lines = body.split(b"\n")
    if len(lines) != 6 or _STUDY_LINE.fullmatch(lines[2]) is None:
        return "manifest.note is not in its form"
    study = None if lines[2] == b"study all" else bytes.fromhex(lines[2][6:].decode())
    note = bundle.note
    if not any(signatures.note(note, origin, keys.log) for keys in sets):
        return f"manifest.note is not signed by the log key of {origin}"
    try:
        expected = manifest_body(origin, study, checkpoint or b"", bundle.manifest)
        parse_checkpoint(parse_note(checkpoint or b"").body)
    except (CryptoError, ValueError):
        return "its checkpoint cannot be read"
    if body != expected:
        return "the files are not those that it signs"
    return None


def ascii_words(error: BaseException) -> str:
    """Return an error's words so that a report can print them: printable ASCII, at most 160 characters."""
    text = "".join(character if " " <= character <= "~" else "?" for character in str(error))
    return text if len(text) <= 160 else text[:157] + "..."


def _defect(code: str, bundle: Bundle, detail: str, *, seq: int | None = None, study: bytes | None = None) -> Finding:
    return Finding(code, source=bundle.label, seq=seq, study=study, values={"detail": detail})
