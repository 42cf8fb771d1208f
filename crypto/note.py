"""C2SP signed notes and checkpoints (c2sp.org/signed-note, c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from crypto.errors import CryptoError
from crypto.signing import SigningKey, verify

ED25519 = 0x01
MAX_NOTE = 64 * 1024
MAX_LINES = 64
_NAME = re.compile(r"[^\s+]{1,200}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Size and root of a log at one moment."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: key name, 4-byte key id, the bytes after it."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signature lines; nothing is verified yet."""

    body: bytes
    signatures: tuple[NoteSignature, ...]


def _unbase64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CryptoError("base64 in a note is not sound") from error
    if base64.b64encode(data).decode() != text:
        raise CryptoError("base64 in a note is not in canonical form")
    return data


def checkpoint_body(checkpoint: Checkpoint) -> bytes:
    """Return the three lines of a checkpoint: origin, size, base64 root."""
    root = base64.b64encode(checkpoint.root).decode()
    return f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n".encode()


def parse_checkpoint(body: bytes) -> Checkpoint:
    """Read exactly three lines; CryptoError on any other form."""
    try:
        lines = body.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise CryptoError("a checkpoint is plain ASCII") from error
    if len(lines) != 4 or lines[3] or not _NAME.fullmatch(lines[0]):
        raise CryptoError("a checkpoint has three lines: origin, size, root")
    if not _SIZE.fullmatch(lines[1]) or int(lines[1]) >= 2**53:
        raise CryptoError("the size in a checkpoint is no plain number below 2^53")
    root = _unbase64(lines[2])
    if len(root) != 32:
        raise CryptoError(f"the root in a checkpoint has {len(root)} bytes, not 32")
    return Checkpoint(lines[0], int(lines[1]), root)


def note_key_id(name: str, kind: int, public: bytes) -> bytes:
    """Return the 4-byte key id: SHA-256(name ‖ newline ‖ kind ‖ key)[:4]."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def note_with(body: bytes, name: str, public: bytes, signature: bytes) -> bytes:
    """Return the note of a body and a 64-byte signature made elsewhere."""
    line = base64.b64encode(note_key_id(name, ED25519, public) + signature).decode()
    return body + f"\n\u2014 {name} {line}\n".encode()


def sign_note(body: bytes, name: str, key: SigningKey) -> bytes:
    """Return a signed note: the body, an empty line, one signature line."""
    if not body.endswith(b"\n") or not _NAME.fullmatch(name):
        raise ValueError("a note ends its text with a newline, and its key name has no space or '+'")
    return note_with(body, name, key.public, key.sign(body))


def parse_note(note: bytes) -> Note:
    """Split a note into text and signature lines; CryptoError on any other form."""
    if len(note) > MAX_NOTE:
        raise CryptoError(f"a note has at most {MAX_NOTE} bytes, not {len(note)}")
    try:
        text = note.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CryptoError("a note is UTF-8") from error
    if any(c < " " and c != "\n" for c in text) or not text.endswith("\n"):
        raise CryptoError("a note holds control characters, or does not end its last line")
    body, separator, tail = text.rpartition("\n\n")
    if not separator or not body:
        raise CryptoError("a note needs an empty line between text and signatures")
    lines = tail[:-1].split("\n")
    if not tail or len(lines) > MAX_LINES:
        raise CryptoError(f"a note has 1 to {MAX_LINES} signature lines")
    signatures = []
    for line in lines:
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\u2014" or not _NAME.fullmatch(parts[1]):
            raise CryptoError("a signature line of a note is malformed")
        data = _unbase64(parts[2])
        if len(data) < 5:
            raise CryptoError("a signature line of a note is too short")
        signatures.append(NoteSignature(parts[1], data[:4], data[4:]))
    return Note((body + "\n").encode(), tuple(signatures))


def open_note(note: bytes, name: str, public: bytes) -> bytes:
    """Return the text of a note that carries exactly one signature by this key, and a right one.

    Raises:
        CryptoError: Malformed, not signed by this key, or signed falsely. Lines of unknown keys are ignored.
    """
    parsed = parse_note(note)
    key_id = note_key_id(name, ED25519, public)
    ours = [s for s in parsed.signatures if s.name == name and s.key_id == key_id]
    if len(ours) != 1:
        raise CryptoError(f"the note carries {len(ours)} signatures by {name}; expected one")
    verify(public, ours[0].signature, parsed.body)
    return parsed.body
