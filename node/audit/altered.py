"""What was altered, as far as it can be told: what stands at the place that a finding is about.

A finding that two records exclude each other has a place, and often more: a neighbour's copy tells the first entry that
differs, a message tells what was signed for that place. What the log that was handed over has there is read from it. So
the reader is told "two different records for the same place: entry 117, the model of round 4".

What a fingerprint alone stands for cannot be told: of a copy only its hashes are at hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from node.audit.checks.logs import CheckedLog
from node.audit.findings import Finding, Json
from protocol.codec import MAX_HEADER, decode
from protocol.entries import decode_entry
from protocol.errors import CodecError


@dataclass(frozen=True, slots=True)
class Stand:
    """One record in the words of a log.

    Attributes:
        kind: Of the entry, or the type of the message that it holds.
        round: None where it belongs to none.
    """

    kind: str
    round: int | None = None


@dataclass(frozen=True, slots=True)
class Altered:
    """What a finding says was altered.

    Attributes:
        way: ``place`` (two records for entry ``seq``), ``moved`` (one was signed for it, another is there), ``twice``
            (two messages where one may be), ``before`` (the histories part somewhere before entry ``seq``).
        has: What the log that was handed over has there; None where it cannot be read or was not handed over.
        signed: What was signed for that place; None where only a fingerprint tells of it.
        since: Of ``before``: the last entry up to which what others hold agrees; 0 where that is not known.
    """

    way: str
    seq: int
    has: Stand | None = None
    signed: Stand | None = None
    since: int = 0


def altered(findings: Sequence[Finding], logs: Sequence[CheckedLog]) -> dict[str, Altered]:
    """Return what was altered, by the fingerprint of each finding that tells it."""
    told: dict[str, Altered] = {}
    for finding in findings:
        if finding.subject is None or finding.seq is None:
            continue
        found = _altered(finding, logs)
        if found is not None:
            told[finding.fingerprint] = found
    return told


def _altered(finding: Finding, logs: Sequence[CheckedLog]) -> Altered | None:
    messages = [_message(piece) for piece in finding.evidence if piece.get("type") == "envelope"]
    signed, seq = messages[0] if messages else None, finding.seq or 0
    if finding.code == "LS-EQUIVOCATION":
        return Altered("twice", seq, signed=signed)
    if finding.code == "LS-OMITTED":
        return Altered("moved", seq, _at(finding, logs), signed)
    if finding.code != "LS-FORK":
        return None
    types = [piece.get("type") for piece in finding.evidence]
    if types.count("hash") == 2:
        return Altered("place", seq, _at(finding, logs))
    if types.count("envelope") == 2:
        return Altered("place", seq)
    return Altered("before", seq, since=_number(finding.values.get("since")) or 0)


def _at(finding: Finding, logs: Sequence[CheckedLog]) -> Stand | None:
    """What the log that was handed over has at the place; the evidence names the log by its checkpoint."""
    notes = [str(piece["text"]) for piece in finding.evidence if piece.get("type") == "note"]
    origins = {note.partition("\n")[0] for note in notes}
    seq = finding.seq or 0
    for log in logs:
        if log.region != finding.subject or not log.is_sound or log.origin not in origins or seq >= log.tree.size:
            continue
        leaf = log.raw.leaves[seq]
        if leaf is None:
            return None
        try:
            entry = decode_entry(leaf)
        except CodecError:
            return None
        if entry.kind in ("env.sent", "env.recv"):
            header = entry.body["header"]
            stand = _header(header) if isinstance(header, bytes) else None
            return stand if entry.kind == "env.sent" else Stand("env.recv", stand.round if stand else None)
        return Stand(entry.kind, _number(entry.body.get("round")))
    return None


def _message(piece: Mapping[str, Json]) -> Stand | None:
    return _header(bytes.fromhex(str(piece["header"]).removeprefix("0x")))


def _header(header: bytes) -> Stand | None:
    try:
        value: Any = decode(header, max_bytes=MAX_HEADER)
        return Stand(str(value["type"]), _number(value["round"]))
    except (CodecError, KeyError, TypeError):
        return None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


# ---------------------------------------------------------------- in words

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "of": "{what} of round {round}",
        "round.mix": "the model", "round.train": "what was trained", "round.start": "the beginning",
        "round.end": "the end", "round.eval": "the test figures", "round.heads": "what it saw of others",
        "session.sum": "a sum that it received", "session.void": "a sum that was given up",
        "stats.open": "a shared count", "env.recv": "a message that it received",
        "data.sheet": "what it says of its data",
        "study.accept": "its yes to a study", "study.reject": "its no to a study",
        "study.start": "the start of a study",
        "study.end": "the end of a study", "model.release": "the release of a model",
        "data.release": "the release of made-up patients", "audit.export": "a hand-over to an auditor",
        "payload.prune": "a deletion under the plan", "node.start": "a start of its program",
        "node.stop": "a stop of its program", "key.rotate": "a change of keys", "key.revoke": "keys declared invalid",
        "MASKED": "its update", "DELTA": "its update", "PARTIAL": "a sum that it sent on",
        "RESULT": "a result that it sent",
        "COHORT": "who takes part in a sum", "SURVIVORS": "whose values are in a sum", "RECEIPT": "a receipt",
        "ACCEPT": "its yes to a study", "ABSENT": "that it is away", "message": "a message that it sent ({kind})",
        "record": "a record ({kind})",
        "place": "{subject} has signed two different versions of one record in its log: entry {seq}{has}.",
        "has": ", {has}",
        "moved": "As entry {seq} {subject} has signed {signed}; what was handed over has {has} there.",
        "lost": "As entry {seq} {subject} has signed {signed}, which is not there in what was handed over.",
        "twice": "{subject} has signed two different versions of one message: {signed}.",
        "before": "{subject} has signed two different versions of what it recorded before entry {seq}.",
        "between": "{subject} has signed two different versions of what it recorded between entry {since} and entry"
        " {seq}.",
    },
    "sv": {
        "of": "{what} i runda {round}",
        "round.mix": "modellen", "round.train": "det som tränades fram", "round.start": "början",
        "round.end": "slutet", "round.eval": "testmåtten", "round.heads": "det som den sett av andra",
        "session.sum": "en summa som den tog emot", "session.void": "en summa som gavs upp",
        "stats.open": "en gemensam räkning", "env.recv": "ett meddelande som den tog emot",
        "data.sheet": "det den säger om sina data", "study.accept": "dess ja till en studie",
        "study.reject": "dess nej till en studie", "study.start": "en studies början", "study.end": "en studies slut",
        "model.release": "utlämnandet av en modell", "data.release": "utlämnandet av påhittade patienter",
        "audit.export": "ett överlämnande till en granskare", "payload.prune": "en radering enligt planen",
        "node.start": "en start av dess program", "node.stop": "ett stopp av dess program",
        "key.rotate": "ett byte av nycklar", "key.revoke": "spärrade nycklar",
        "MASKED": "dess uppdatering", "DELTA": "dess uppdatering", "PARTIAL": "en summa som den sände vidare",
        "RESULT": "ett resultat som den sände", "COHORT": "vilka som deltar i en summa",
        "SURVIVORS": "vilkas värden som ingår i en summa", "RECEIPT": "ett kvitto", "ACCEPT": "dess ja till en studie",
        "ABSENT": "att den är borta", "message": "ett meddelande som den sände ({kind})", "record": "en post ({kind})",
        "place": "{subject} har skrivit under två olika versioner av en och samma anteckning i sin logg: post"
        " {seq}{has}.",
        "has": ", {has}",
        "moved": "Som post {seq} har {subject} skrivit under {signed}; det överlämnade har {has} där.",
        "lost": "Som post {seq} har {subject} skrivit under {signed}, som inte finns där i det överlämnade.",
        "twice": "{subject} har skrivit under två olika versioner av ett meddelande: {signed}.",
        "before": "{subject} har skrivit under två olika versioner av det som antecknats före post {seq}.",
        "between": "{subject} har skrivit under två olika versioner av det som antecknats mellan post {since} och post"
        " {seq}.",
    },
}  # fmt: skip


def sentence(subject: str, found: Altered, lang: str) -> str:
    """Return what was altered in one sentence that names nobody but the region that did it."""
    say = WORDS[lang]
    has, signed = (named(stand, lang) if stand is not None else "" for stand in (found.has, found.signed))
    way = "between" if found.way == "before" and found.since else found.way
    if way == "moved" and (not has or not signed or has == signed):
        way = "lost" if signed and not has else "place"
    if way == "twice" and not signed:
        way = "place"
    shown = say["has"].format(has=has) if has and way == "place" else has
    return say[way].format(subject=subject, seq=found.seq, has=shown, signed=signed, since=found.since)


def named(stand: Stand, lang: str) -> str:
    """Return in words what a record is: ``the model of round 4``."""
    say = WORDS[lang]
    what = say.get(stand.kind)
    if what is None:
        what = say["record" if "." in stand.kind else "message"].format(kind=stand.kind)
    return what if stand.round is None else say["of"].format(what=what, round=stand.round)
