"""An outside witness: somebody who is no region, sees heads of logs and nothing else, and signs what it has seen.

A region asks for a cosignature with a text of C2SP tlog-witness (the body of ``add-checkpoint``): the size that the
witness has, a consistency proof from it, the region's signed checkpoint. The witness signs (C2SP cosignature/v1) what
goes on from all that it has seen of that log, and keeps every checkpoint, also those that it would not sign: each is
a statement of the log's own key. No entry, payload or value is in any of it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from crypto.errors import CryptoError
from crypto.merkle import HASH_BYTES, verify_consistency
from crypto.note import MAX_NOTE_BYTES, Checkpoint, note_key_id, parse_checkpoint, parse_note
from crypto.signing import KEY_BYTES, SIGNATURE_BYTES, SigningKey, check_public
from protocol.cosignature import (
    WITNESS,
    Cosignature,
    checkpoint_note,
    cosign,
    cosignature_line,
    log_signature,
    verify_cosignature,
)
from protocol.epochs import read_origin
from protocol.errors import CodecError

MAX_PROOF = 63
MAX_REQUEST = MAX_NOTE_BYTES + 64 * (MAX_PROOF + 1)
MAX_HELD = 100_000
MAX_HELD_BYTES = 64 * 2**20
HELD = b"landsting-witness/v1\n"
_OLD = re.compile(r"old (0|[1-9][0-9]{0,15})")
_RECORD = re.compile(rb"note ([1-9][0-9]{0,4})\n")
_NAME = re.compile(r"[A-Za-z0-9._/-]{1,64}")


class NotSeenError(Exception):
    """What a witness does not sign, and may not know: it is not counted as seen."""


class OldError(NotSeenError):
    """The proof is not from the size that the witness has, ``size``."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the proof is from another size; this witness has seen {size} entries")
        self.size = size


class ContradictionError(Exception):
    """A checkpoint that the log's key has signed and that is not shown to go on from what was seen: it is kept.

    Attributes:
        note: The checkpoint under the log's signature, without what others may have added to it.
        is_fork: Whether its log has signed another root for a size that was seen. Else the proof does not hold. That
            accuses nobody: a proof is signed by nobody, and whoever holds a checkpoint can make up a wrong one.
    """

    def __init__(self, words: str, note: bytes, *, is_fork: bool) -> None:
        super().__init__(words)
        self.note = note
        self.is_fork = is_fork


@dataclass(frozen=True, slots=True)
class Request:
    """What a region asks a witness to sign.

    Attributes:
        old: Size that the witness has, 0 for none.
        path: Consistency proof from it.
        note: The checkpoint, signed by the log's key.
    """

    old: int
    path: tuple[bytes, ...]
    note: bytes

    def encode(self) -> bytes:
        """Return the text."""
        lines = [f"old {self.old}", *(base64.b64encode(one).decode("ascii") for one in self.path), ""]
        return "".join(f"{line}\n" for line in lines).encode("ascii") + self.note


def read_request(data: bytes) -> Request:
    """Return what a text asks.

    Raises:
        NotSeenError: It is in another form.
    """
    head, gap, note = data.partition(b"\n\n")
    try:
        lines = head.decode("ascii").split("\n")
        old = _OLD.fullmatch(lines[0])
        path = tuple(base64.b64decode(line, validate=True) for line in lines[1:])
    except (UnicodeDecodeError, binascii.Error, ValueError):
        old, path = None, ()
    if len(data) > MAX_REQUEST or old is None or not gap or len(path) > MAX_PROOF:
        raise NotSeenError("this is no request to a witness; `landsting log head --for-witness FILE` writes one")
    if any(len(one) != HASH_BYTES for one in path) or Request(int(old[1]), path, note).encode() != data:
        raise NotSeenError("the request is cut or changed; ask the region to write it again")
    return Request(int(old[1]), path, note)


def origin_of(request: Request) -> str:
    """Return of which log a request shows a checkpoint; nothing is verified.

    Raises:
        NotSeenError: It shows none.
    """
    try:
        origin = parse_checkpoint(parse_note(request.note).body).origin
        return str(read_origin(origin))
    except (CryptoError, CodecError) as error:
        raise NotSeenError(f"the checkpoint cannot be read: {error}") from error


def judge(
    request: Request, origin_keys: Sequence[bytes], newest: Checkpoint | None, seen: Callable[[int], Checkpoint | None]
) -> tuple[Checkpoint, bytes]:
    """Return the checkpoint of a request, which goes on from what was seen, and its note.

    The note holds the line of the log's key alone: lines that others added are none of the witness's business.

    Args:
        origin_keys: Log keys of the region's cards.
        newest: The largest checkpoint of this log that the witness has signed.
        seen: Size to the checkpoint of that size that it has signed; None where there is none.

    Raises:
        NotSeenError: No checkpoint of this log's key, or (``OldError``) the proof is from another size.
        ContradictionError: The log's key has signed another history, or the proof shows nothing.
    """
    origin = origin_of(request)
    for key in origin_keys:
        try:
            point, signature = log_signature(request.note, origin, key)
        except CryptoError:
            continue
        break
    else:
        raise NotSeenError(f"no key of a card that this witness has signed the checkpoint of {origin}")
    if not point.size:
        raise NotSeenError(f"{origin} has no entry yet")
    note = checkpoint_note(point, key, signature)
    size, same = newest.size if newest is not None else 0, seen(point.size)
    if same is not None and same.root != point.root:
        words = f"{origin} has signed two histories of its first {point.size} entries"
        raise ContradictionError(words, note, is_fork=True)
    if point.size < size or request.old != size:
        raise OldError(size)
    if newest is not None:
        try:
            verify_consistency(size, point.size, newest.root, point.root, request.path)
        except CryptoError as error:
            words = f"the checkpoint of {origin} over {point.size} entries is not shown to go on from the {size} seen"
            raise ContradictionError(words, note, is_fork=False) from error
    elif request.path:
        raise NotSeenError("a proof from size 0 is empty")
    return point, note


# ---------------------------------------------------------------- names, keys and lines


def vkey(name: str, public: bytes) -> str:
    """Return a witness's key as C2SP signed-note writes it: name, key id, kind and key."""
    key_id = note_key_id(name, WITNESS, public).hex()
    return f"{name}+{key_id}+{base64.b64encode(bytes((WITNESS,)) + public).decode('ascii')}"


def read_vkey(text: str) -> tuple[str, bytes]:
    """Return name and public key.

    Raises:
        CryptoError: It is none of a witness.
    """
    name, _, rest = text.strip().partition("+")
    _, _, encoded = rest.partition("+")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not is_name(name) or len(data) != 1 + KEY_BYTES or data[0] != WITNESS or vkey(name, data[1:]) != text.strip():
        raise CryptoError(f"{text[:60]!r} is no key of a witness; expected NAME+8 hex digits+base64")
    check_public(data[1:])
    return name, data[1:]


def is_name(name: str) -> bool:
    """Whether a witness may be called so."""
    return _NAME.fullmatch(name) is not None


def signed(point: Checkpoint, note: bytes, name: str, key: SigningKey, t_s: int) -> bytes:
    """Return the note with the witness's line behind the others'."""
    return note + cosignature_line(name, key.public, cosign(point, name, key, t_s))


def seen_at(note: bytes, name: str, public: bytes) -> int | None:
    """Return the time (Unix seconds) at which a witness signed a note; None where it has no line in it.

    Raises:
        CryptoError: Its line does not hold, or there are two.
    """
    parsed = parse_note(note)
    key_id = note_key_id(name, WITNESS, public)
    lines = [line.signature for line in parsed.signatures if (line.name, line.key_id) == (name, key_id)]
    if not lines:
        return None
    if len(lines) > 1 or len(lines[0]) != 8 + SIGNATURE_BYTES:
        raise CryptoError(f"the line of {name} is not in its form")
    point, t_s = parse_checkpoint(parsed.body), int.from_bytes(lines[0][:8], "big")
    verify_cosignature(point, Cosignature(name, point.size, t_s, lines[0][8:]), public)
    return t_s


# ---------------------------------------------------------------- what a witness hands to an auditor


def encode_held(key: str, notes: Sequence[bytes]) -> bytes:
    """Return the file: the witness's key, and every note that it keeps."""
    return HELD + key.encode("ascii") + b"\n" + b"".join(b"note %d\n" % len(note) + note for note in notes)


def read_held(data: bytes) -> tuple[str, bytes, list[bytes]]:
    """Return name, public key and notes of such a file; no note is looked into.

    Raises:
        CryptoError: It is in another form, or too long.
    """
    if len(data) > MAX_HELD_BYTES or not data.startswith(HELD):
        raise CryptoError("this is no file of a witness; `landsting witness export` writes one")
    end = data.find(b"\n", len(HELD))
    name, public = read_vkey(data[len(HELD) : max(end, len(HELD))].decode("ascii", "replace"))
    notes: list[bytes] = []
    at = end + 1
    while at < len(data):
        record = _RECORD.match(data, at)
        stop = record.end() + int(record[1]) if record is not None else 0
        if record is None or stop > len(data) or int(record[1]) > MAX_NOTE_BYTES or len(notes) >= MAX_HELD:
            raise CryptoError(f"note {len(notes)} of the witness's file is cut or in another form")
        notes.append(data[record.end() : stop])
        at = stop
    return name, public, notes
