"""What outside witnesses saw of the logs, beside what was handed over.

A note that a witness keeps is a statement of the log's own key: it convicts that log or nobody, whoever the witness
is. What the witness itself says, that it saw the note at a time, counts by the key that the auditor has from it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from crypto.errors import CryptoError
from crypto.note import parse_checkpoint, parse_note
from node.audit.checks.logs import CheckedLog
from node.audit.checks.witness import Head
from node.audit.context import Context
from node.audit.findings import Finding, Json
from node.audit.reading import label_of
from protocol.outside import MAX_HELD_BYTES, read_held, read_vkey, seen_at

_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "head": "What an outside witness saw",
        "line": "{witness} saw {log} with {n} entries{date}: {fit}{key}",
        "fits": "they are the first of those handed over",
        "more": "{more} more than were handed over",
        "other": "NOT those handed over, see the findings",
        "absent": "this log was not handed over",
        "unknown": " (the witness's key was not confirmed: --witness-key)",
    },
    "sv": {
        "head": "Vad ett utomstående vittne såg",
        "line": "{witness} såg {log} med {n} poster{date}: {fit}{key}",
        "fits": "de är de första av dem som lämnats",
        "more": "{more} fler än de som lämnats",
        "other": "INTE de som lämnats, se fynden",
        "absent": "den loggen har inte lämnats",
        "unknown": " (vittnets nyckel är inte bekräftad: --witness-key)",
    },
}


@dataclass(frozen=True, slots=True)
class Witnessed:
    """One witness's file, read.

    Attributes:
        label: Name of the file.
        name, public: Of the witness, as the file says.
        is_known: Whether the auditor has named this key.
        notes: Checkpoints, signed by their logs' keys, as it says.
    """

    label: str
    name: str
    public: bytes
    is_known: bool
    notes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Sighting:
    """The largest head of one log that a witness saw.

    Attributes:
        t_s: When, Unix seconds, by a line of the witness that holds; None without one.
        fit: ``fits``, ``more`` (than was handed over), ``other`` (another history), ``absent``.
        more: How many entries more than were handed over.
    """

    witness: str
    origin: str
    size: int
    t_s: int | None
    is_known: bool
    fit: str
    more: int = 0


def read_files(paths: Iterable[Path], keys: Iterable[str] = ()) -> list[Witnessed]:
    """Return what witnesses' files hold.

    Args:
        keys: Public keys of witnesses that the auditor has from themselves.

    Raises:
        CryptoError: A file or a key is in another form.
    """
    known = {read_vkey(key) for key in keys}
    found = []
    for path in sorted(paths, key=lambda path: (label_of(path), str(path))):
        with path.open("rb") as file:
            name, public, notes = read_held(file.read(MAX_HELD_BYTES + 1))
        found.append(Witnessed(label_of(path), name, public, (name, public) in known, tuple(notes)))
    return found


def heads(context: Context, witnesses: Sequence[Witnessed]) -> tuple[list[Head], list[Finding]]:
    """Return the heads in witnesses' files that their logs signed, and what is wrong with others of this network."""
    found: list[Head] = []
    findings: list[Finding] = []
    for one in witnesses:
        for note in one.notes:
            try:
                point = parse_checkpoint(parse_note(note).body)
                network, region, _ = point.origin.split("/")
            except (CryptoError, ValueError):
                findings.append(_false(one, "a note cannot be read"))
                continue
            sets = context.sets(region) if network == context.network else []
            if not sets:
                continue
            if not any(context.signatures.note(note, point.origin, keys.log) for keys in sets):
                findings.append(_false(one, f"a note: the checkpoint is not signed by {point.origin}"))
                continue
            try:
                t_s = seen_at(note, one.name, one.public)
            except CryptoError:
                t_s = None
                findings.append(_false(one, f"a note: the line of {one.name} does not hold"))
            found.append(Head(point, one.name, mirror=note, t_s=t_s if one.is_known else None))
    return found, findings[:20]


def _false(one: Witnessed, detail: str) -> Finding:
    return Finding("LS-COSIG", source=one.label, values={"detail": detail})


def sightings(
    witnesses: Sequence[Witnessed], signed: Collection[bytes], logs: Sequence[CheckedLog]
) -> tuple[Sighting, ...]:
    """Return the largest head of each log that each witness saw, beside what was handed over.

    Args:
        signed: Notes that their logs signed (``heads``); of others nothing is said, anybody can write them.
    """
    longest: dict[str, CheckedLog] = {}
    for sound in sorted((log for log in logs if log.is_sound), key=lambda log: log.tree.size):
        longest[sound.origin] = sound
    rows: dict[tuple[str, str], Sighting] = {}
    for one in witnesses:
        for note in one.notes:
            if note not in signed:
                continue
            try:
                point = parse_checkpoint(parse_note(note).body)
                t_s = seen_at(note, one.name, one.public)
            except CryptoError:
                continue
            log = longest.get(point.origin)
            fit, more = "absent", 0
            if log is not None:
                more = max(0, point.size - log.tree.size)
                fit = "more" if more else "fits" if log.tree.root_at(point.size) == point.root else "other"
            row = Sighting(one.name, point.origin, point.size, t_s, one.is_known, fit, more)
            known = rows.get((one.name, point.origin))
            if known is None or (fit == "other", row.size) > (known.fit == "other", known.size):
                rows[one.name, point.origin] = row
    return tuple(rows[key] for key in sorted(rows))


def to_json(one: Sighting) -> dict[str, Json]:
    """Return it as JSON values."""
    return {
        "witness": one.witness, "log": one.origin, "size": one.size, "t_s": one.t_s, "key_known": one.is_known,
        "fit": one.fit, "more": one.more,
    }  # fmt: skip


def head(lang: str) -> str:
    """Return the heading."""
    return _WORDS[lang]["head"]


def line(one: Sighting, lang: str) -> str:
    """Return one sighting in one line."""
    say = _WORDS[lang]
    fit = say[one.fit].format(more=one.more)
    date = "" if one.t_s is None else ", " + _date(one.t_s)
    key = "" if one.is_known else say["unknown"]
    return say["line"].format(witness=one.witness, log=one.origin, n=one.size, date=date, fit=fit, key=key)


def section(rows: Sequence[Sighting], lang: str) -> str:
    """Return the rows as a section of the page; "" without one."""
    if not rows:
        return ""
    said = "".join(f"<li>{escape(line(one, lang))}</li>" for one in rows)
    return f'<section id="outside"><h2>{escape(head(lang))}</h2><ul>{said}</ul></section>'


def _date(t_s: int) -> str:
    try:
        return datetime.fromtimestamp(t_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return str(t_s)
