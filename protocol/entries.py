"""The entries of an update log: how they are written, read, and shown to people.

What each kind holds is in ``protocol.kinds``. The few strings that an operator gives are refused, in
writing, when they look like a person (``protocol.personal``): a log cannot be erased.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from crypto.merkle import leaf_hash
from protocol.codec import MAX_ENTRY, MAX_HEADER, Value, decode, encode
from protocol.errors import CodecError, LogError, SchemaError
from protocol.kinds import (
    END_REASONS,
    EPOCH_REASONS,
    EXPORTS,
    FAULT_CODES,
    KINDS,
    ROLES,
    ROUND_REASONS,
    STOP_REASONS,
    VOID_REASONS,
    Kind,
)
from protocol.personal import looks_personal
from protocol.schema import hash32, integer, optional, origin, record, require, text

__all__ = [
    "END_REASONS", "EPOCH_REASONS", "EXPORTS", "FAULT_CODES", "KINDS", "ROLES", "ROUND_REASONS", "STOP_REASONS",
    "VOID_REASONS", "Entry", "Kind", "decode_entry", "encode_entry", "view",
]  # fmt: skip

VERSION = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry.

    Attributes:
        log: Origin of the log.
        seq: Its place, from 0.
        t_ms: Unix time in milliseconds, as the writer claims; never less than its predecessor's.
        kind: A key of ``KINDS``.
        study: Study id, 32 bytes, or None.
        body: Fields of the kind.
    """

    log: str
    seq: int
    t_ms: int
    kind: str
    study: bytes | None
    body: dict[str, Value]


def encode_entry(entry: Entry) -> bytes:
    """Return the leaf: the canonical bytes of an entry.

    Raises:
        LogError: Kind, study or body are not what the format allows, or a field looks like a person.
    """
    where = f"{entry.log}: {entry.kind}"
    value: Value = {
        "v": VERSION, "log": entry.log, "seq": entry.seq, "t_ms": entry.t_ms,
        "kind": entry.kind, "study": entry.study, "body": entry.body,
    }  # fmt: skip
    try:
        kind = _check(value)
        for field in kind.given:
            given = entry.body[field]
            if isinstance(given, str):
                _refuse_person(where, field, given)
        leaf = encode(value)
    except (SchemaError, ValueError) as error:
        raise LogError(f"{where} cannot be written: {error}") from error
    if len(leaf) > MAX_ENTRY:
        raise LogError(f"{where} cannot be written: {len(leaf)} bytes; at most {MAX_ENTRY} are allowed")
    return leaf


def decode_entry(leaf: bytes) -> Entry:
    """Return the entry of a leaf.

    Raises:
        SchemaError: A field, kind or value that the format does not have.
        CodecError: Too long, or not canonical.
    """
    value: Any = decode(leaf, max_bytes=MAX_ENTRY)
    _check(value)
    return Entry(value["log"], value["seq"], value["t_ms"], value["kind"], value["study"], value["body"])


def view(seq: int, leaf: bytes) -> str:
    """Return the reading view of a leaf: one line of JSON with its newline; no check but its own ever reads it.

    Bytes are shown as ``0x`` and hex digits, a field named ``header`` as the map that it encodes. It is made of
    every canonical leaf, also of one that no schema allows.

    Raises:
        CodecError: The leaf is not canonical.
    """
    shown = {"at": seq, "entry": _shown(decode(leaf, max_bytes=MAX_ENTRY)), "leaf": leaf_hash(leaf).hex()}
    return json.dumps(shown, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"


def _shown(value: Value, field: str = "") -> object:
    match value:
        case bytes():
            if field == "header":
                try:
                    header = decode(value, max_bytes=MAX_HEADER)
                except CodecError:
                    header = None
                if isinstance(header, dict):
                    return _shown(header)
            return "0x" + value.hex()
        case list():
            return [_shown(item) for item in value]
        case dict():
            return {key: _shown(item, key) for key, item in value.items()}
        case _:
            return value


def _refuse_person(where: str, field: str, given: str) -> None:
    what = looks_personal(given)
    if what is not None:
        raise LogError(
            f"{where} cannot be written: {field} looks like {what}; expected a diary number or a name that is no "
            "person's, since a log cannot be erased"
        )


_frame = record(
    {
        "v": integer(VERSION, VERSION), "log": origin, "seq": integer(), "t_ms": integer(),
        "kind": text(r"[a-z]+(\.[a-z]+)?", "a kind"), "study": optional(hash32),
        "body": lambda value: None if type(value) is dict else ": expected a map",
    }
)  # fmt: skip


def _check(value: Any) -> Kind:
    """Return the kind of an entry after checking its frame and body."""
    require(_frame, value, "entry")
    kind = KINDS.get(value["kind"])
    if kind is None:
        raise SchemaError(f"entry: kind {value['kind']!r:.40} is not in this version")
    if kind.study is not None and (value["study"] is not None) is not kind.study:
        raise SchemaError(f"{kind.name}: the study must be {'set' if kind.study else 'nil'}")
    body = value["body"]
    require(kind.schema, body, f"{kind.name}: body")
    if "plan" in body and body["plan"] != value["study"]:
        raise SchemaError(f"{kind.name}: body.plan is another study than the entry's")
    return kind
