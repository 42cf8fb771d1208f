"""The second signature line of a checkpoint, for the long term: C2SP tlog-cosignature, ML-DSA-44.

A region adds it to its own checkpoint at a release and at the end of a study, by the ``release`` key of its key set,
whose name is ``<network>/<region>/release``. The tree chains all entries, so one line protects every entry before
it. What is signed names the signer and the log, so a line is worth nothing under another name, log, size or use.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from crypto.errors import CryptoError
from crypto.mldsa import PUBLIC_BYTES, SIGNATURE_BYTES
from crypto.note import Checkpoint, Note, NoteSignature, note_key_id
from protocol.cosignature import MAX_TIME_S

RELEASE = 0x06
LABEL = b"subtree/v1\n\0"
PROTECTED = ("model.release", "data.release", "study.end")
"""Kinds of entries whose checkpoint gets the line; that of a ``key.rotate`` gets it by the key before."""


@dataclass(frozen=True, slots=True)
class ReleaseLine:
    """A line of a release key, as it was read: its key id, the time that it states (Unix seconds), its signature."""

    key_id: bytes
    t_s: int
    sig: bytes


def release_name(network: str, region: str) -> str:
    """Return the key name of a region's release key."""
    return f"{network}/{region}/release"


def cosigned_message(checkpoint: Checkpoint, name: str, t_s: int) -> bytes:
    """Return what is signed: the struct ``cosigned_message``, in which start is 0 and end the size.

    Raises:
        ValueError: A name of no or more than 255 bytes.
    """
    out = bytearray(LABEL)
    for text, number in ((name, t_s), (checkpoint.origin, 0)):
        data = text.encode("utf-8")
        if not 0 < len(data) < 256:
            raise ValueError(f"a name of {len(data)} bytes; expected 1 to 255")
        out += bytes((len(data),)) + data + number.to_bytes(8, "big")
    return bytes(out) + checkpoint.size.to_bytes(8, "big") + checkpoint.root


def line_of(name: str, public: bytes, t_s: int, sig: bytes) -> bytes:
    """Return the signature line of a note, with its newline."""
    data = note_key_id(name, RELEASE, public) + t_s.to_bytes(8, "big") + sig
    return f"— {name} {base64.b64encode(data).decode('ascii')}\n".encode()


def lines_in(note: Note, name: str, publics: Sequence[bytes]) -> tuple[list[tuple[bytes, ReleaseLine]], list[str]]:
    """Return the lines of these release keys, each with its key, and what is wrong with others of this name.

    A line of this name under a key id that none of the keys has says nothing: it is ignored, as C2SP asks.
    """
    ids = {note_key_id(name, RELEASE, public): public for public in publics if len(public) == PUBLIC_BYTES}
    found: dict[bytes, tuple[bytes, ReleaseLine]] = {}
    wrong: list[str] = []
    for line in note.signatures:
        public = ids.get(line.key_id) if line.name == name else None
        if public is None:
            continue
        try:
            if public in found:
                raise CryptoError("a second line of one key")
            found[public] = public, read(line)
        except CryptoError as error:
            wrong.append(str(error))
    return list(found.values()), wrong


def read(line: NoteSignature) -> ReleaseLine:
    """Return what a line holds; its signature is not checked.

    Raises:
        CryptoError: Another length, or a time beyond 2^53 s.
    """
    if len(line.signature) != 8 + SIGNATURE_BYTES:
        raise CryptoError(f"{len(line.signature)} bytes after the key id; expected {8 + SIGNATURE_BYTES}")
    t_s = int.from_bytes(line.signature[:8], "big")
    if t_s > MAX_TIME_S:
        raise CryptoError("a time beyond 2^53 s")
    return ReleaseLine(line.key_id, t_s, line.signature[8:])
