"""Signed notes and checkpoints as other transparency logs have them: C2SP signed-note and tlog-checkpoint.

A note is a text, an empty line, and signature lines. A checkpoint is a note whose text is
three lines: origin, size, base64 of the root. Everything here is strict: a note has one form, and
what is in another form is refused before any signature is looked at.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256

from crypto.errors import CryptoError
from crypto.merkle import EMPTY_ROOT, HASH_BYTES
from crypto.signing import SIGNATURE_BYTES, SigningKey, verify

ED25519 = 0x01
"""Kind of a log's Ed25519 key in ``note_key_id``; 0x04 is a witness's."""
MAX_NOTE_BYTES = 64 * 1024
MAX_SIGNATURES = 64

_KEY_ID_BYTES = 4
_ORIGIN = re.compile(r"[!-*,-~]{1,255}")  # printable ASCII without space and plus
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}")
# Heads in envelopes and entries carry the same size, and no integer there is larger.
_LARGEST_SIZE = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log claims to be at one moment.

    Attributes:
        origin: Name of the log, ``<network>/<region>/<epoch>``: printable ASCII without space and ``+``.
        size: Number of leaves, 0 to 2^53 - 1.
        root: Root over them, 32 bytes.
    """

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line, not yet verified: key name, 4 bytes of key id, and the rest."""

    name: str
    key_id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A note that is well formed. ``body`` is the signed text with its last newline."""

    body: bytes
    signatures: tuple[NoteSignature, ...]


def checkpoint_body(checkpoint: Checkpoint) -> bytes:
    """Return the three lines of a checkpoint, each with its newline.

    Raises:
        ValueError: Origin, size or root cannot stand in a checkpoint.
    """
    wrong = _wrong_checkpoint(checkpoint)
    if wrong:
        raise ValueError(wrong)
    return f"{checkpoint.origin}\n{checkpoint.size}\n{_base64(checkpoint.root)}\n".encode("ascii")


def parse_checkpoint(body: bytes) -> Checkpoint:
    """Return the checkpoint of a note's body; ``checkpoint_body`` of it is ``body`` again.

    Raises:
        CryptoError: Not exactly three lines, a size like ``007``, a root that is not 32 bytes, ….
    """
    try:
        lines = body.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise CryptoError("checkpoint is not ASCII") from error
    if len(lines) != 4 or lines[3]:
        raise CryptoError(f"checkpoint of {len(lines) - 1} lines; expected origin, size and root, each with a newline")
    origin, size, root, _ = lines
    if not _SIZE.fullmatch(size):
        raise CryptoError(f"checkpoint size {size[:32]!r}; expected a decimal number without leading zeros")
    checkpoint = Checkpoint(origin, int(size), _unbase64(root, "checkpoint root"))
    wrong = _wrong_checkpoint(checkpoint)
    if wrong:
        raise CryptoError(wrong)
    return checkpoint


def note_key_id(name: str, kind: int, public: bytes) -> bytes:
    """Return the 4-byte id of a key: the start of SHA-256(name || 0x0A || kind || public)."""
    return sha256(name.encode("utf-8") + b"\n" + bytes((kind,)) + public).digest()[:_KEY_ID_BYTES]


def sign_note(body: bytes, name: str, key: SigningKey) -> bytes:
    """Return ``body`` as a note with one Ed25519 signature line under the key name ``name``."""
    return note_with(body, name, key.public, key.sign(body))


def note_with(body: bytes, name: str, public: bytes, signature: bytes) -> bytes:
    """Return the note of ``sign_note`` from a signature of 64 bytes made earlier. It is not verified here.

    Raises:
        ValueError: Body, name or signature cannot stand in a note.
    """
    wrong = _wrong_body(body) or _wrong_name(name)
    if wrong:
        raise ValueError(wrong)
    if len(signature) != SIGNATURE_BYTES:
        raise ValueError(f"signature of {len(signature)} bytes; expected {SIGNATURE_BYTES}")
    line = f"— {name} {_base64(note_key_id(name, ED25519, public) + signature)}\n"
    return body + b"\n" + line.encode("utf-8")


def parse_note(note: bytes) -> Note:
    """Return body and signature lines of a note; nothing is verified.

    Raises:
        CryptoError: More than 64 KiB or 64 signature lines, not UTF-8, a control character other than a newline,
            no empty line before the signatures, or a signature line that is not in its one form.
    """
    if len(note) > MAX_NOTE_BYTES:
        raise CryptoError(f"note of {len(note)} bytes; expected at most {MAX_NOTE_BYTES}")
    end = note.rfind(b"\n\n")
    if end < 0:
        raise CryptoError("note has no empty line between text and signatures")
    body, rest = note[: end + 1], note[end + 2 :]
    wrong = _wrong_body(body)
    if wrong:
        raise CryptoError(wrong)
    if not rest.endswith(b"\n"):
        raise CryptoError("note does not end with a signature line and a newline")
    lines = rest[:-1].split(b"\n")
    if len(lines) > MAX_SIGNATURES:
        raise CryptoError(f"note with {len(lines)} signature lines; expected at most {MAX_SIGNATURES}")
    return Note(body, tuple(_signature(line) for line in lines))


def open_note(note: bytes, name: str, public: bytes) -> bytes:
    """Return the body of a note that the Ed25519 key ``public`` signed under ``name``.

    Lines of other keys are ignored, whatever they hold.

    Raises:
        CryptoError: The note is malformed, has not exactly one line of this key, or the signature is wrong.
    """
    parsed = parse_note(note)
    key_id = note_key_id(name, ED25519, public)
    ours = [line.signature for line in parsed.signatures if line.name == name and line.key_id == key_id]
    if len(ours) != 1:
        raise CryptoError(f"note has {len(ours)} signature lines of the key {name}+{key_id.hex()}; expected one")
    verify(public, ours[0], parsed.body)
    return parsed.body


def _signature(line: bytes) -> NoteSignature:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise CryptoError("signature line is not UTF-8") from error
    parts = text.split(" ")
    if len(parts) != 3 or parts[0] != "—":
        raise CryptoError("signature line is not of the form '— name base64'")
    wrong = _wrong_name(parts[1])
    if wrong:
        raise CryptoError(wrong)
    data = _unbase64(parts[2], "signature line")
    if len(data) <= _KEY_ID_BYTES:
        raise CryptoError(f"signature line of {len(data)} bytes; expected a key id of {_KEY_ID_BYTES} and a signature")
    return NoteSignature(parts[1], data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])


def _wrong_body(body: bytes) -> str | None:
    if not body.endswith(b"\n"):
        return "note text does not end with a newline"
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return "note text is not UTF-8"
    if any(character < " " and character != "\n" for character in text):
        return "note text holds a control character other than a newline"
    return None


def _wrong_name(name: str) -> str | None:
    if not name or "+" in name or any(character.isspace() or character < " " for character in name):
        return f"key name {name[:64]!r}; expected at least one character, no space and no '+'"
    return None


def _wrong_checkpoint(checkpoint: Checkpoint) -> str | None:
    if not _ORIGIN.fullmatch(checkpoint.origin):
        return f"checkpoint origin {checkpoint.origin[:64]!r}; expected printable ASCII without space and '+'"
    if not 0 <= checkpoint.size <= _LARGEST_SIZE:
        return f"checkpoint size {checkpoint.size}; expected 0 to 2^53 - 1"
    if len(checkpoint.root) != HASH_BYTES:
        return f"checkpoint root of {len(checkpoint.root)} bytes; expected {HASH_BYTES}"
    if not checkpoint.size and checkpoint.root != EMPTY_ROOT:
        return "checkpoint of size 0 with another root than that of the empty tree"
    return None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _unbase64(text: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise CryptoError(f"{what} is not base64") from error
    # Loose trailing bits decode to the same bytes; a note has one form.
    if _base64(data) != text:
        raise CryptoError(f"{what} is not in the one form of base64")
    return data
