"""Cosignatures: what a neighbour signs once it has verified a log up to a checkpoint (C2SP cosignature/v1, Ed25519).

A cosigner's key name is ``<network>/<region>/witness``. Its line stands in the checkpoint's note beside the line of
the log's own key; other transparency tools read both.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from crypto.errors import CryptoError
from crypto.note import Checkpoint, Note, checkpoint_body, note_key_id, note_with, parse_checkpoint, parse_note
from crypto.signing import SIGNATURE_BYTES, SigningKey, verify

WITNESS = 0x04
MAX_TIME_S = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Cosignature:
    """One region's word that it has verified a log up to a size.

    Attributes:
        by: The cosigning region.
        size: Size of the cosigned checkpoint.
        t_s: Unix time in seconds, as the cosigner claims.
        sig: Ed25519, 64 bytes.
    """

    by: str
    size: int
    t_s: int
    sig: bytes


def witness_name(network: str, region: str) -> str:
    """Return the key name of a region's witness key."""
    return f"{network}/{region}/witness"


def cosign(checkpoint: Checkpoint, by: str, key: SigningKey, t_s: int) -> Cosignature:
    """Return a region's cosignature on a checkpoint."""
    return Cosignature(by, checkpoint.size, t_s, key.sign(_message(checkpoint, t_s)))


def verify_cosignature(checkpoint: Checkpoint, cosignature: Cosignature, public: bytes) -> None:
    """Check a cosignature.

    Raises:
        CryptoError: ``public`` did not sign this checkpoint at this time.
    """
    if cosignature.size != checkpoint.size:
        raise CryptoError(f"a cosignature on size {cosignature.size}; expected {checkpoint.size}")
    verify(public, cosignature.sig, _message(checkpoint, cosignature.t_s))


def cosignature_line(name: str, public: bytes, cosignature: Cosignature) -> bytes:
    """Return the signature line of a note, with its newline."""
    data = note_key_id(name, WITNESS, public) + cosignature.t_s.to_bytes(8, "big") + cosignature.sig
    return f"— {name} {base64.b64encode(data).decode('ascii')}\n".encode()


def read_line(line: bytes, name: str, public: bytes) -> tuple[int, bytes]:
    """Return time (s) and signature of one region's cosignature line; the signature is not checked.

    Raises:
        CryptoError: Not a signature line, or not one of this key.
    """
    signatures = parse_note(b"x\n\n" + line).signatures
    if len(signatures) != 1 or signatures[0].name != name or signatures[0].key_id != note_key_id(name, WITNESS, public):
        raise CryptoError(f"not the cosignature line of {name}")
    data = signatures[0].signature
    if len(data) != 8 + SIGNATURE_BYTES:
        raise CryptoError(f"a cosignature line of {len(data)} bytes after the key id; expected {8 + SIGNATURE_BYTES}")
    t_s = int.from_bytes(data[:8], "big")
    if t_s > MAX_TIME_S:
        raise CryptoError("a cosignature of a time beyond 2^53 s")
    return t_s, data[8:]


def log_signature(note: bytes, origin: str, public: bytes) -> tuple[Checkpoint, bytes]:
    """Return the checkpoint of a note and the log's own signature, verified.

    Raises:
        CryptoError: Malformed, of another log, or not signed by the log key ``public``.
    """
    parsed: Note = parse_note(note)
    checkpoint = parse_checkpoint(parsed.body)
    if checkpoint.origin != origin:
        raise CryptoError(f"a checkpoint of {checkpoint.origin}; expected one of {origin}")
    key_id = note_key_id(origin, 0x01, public)
    own = [line.signature for line in parsed.signatures if line.name == origin and line.key_id == key_id]
    if len(own) != 1:
        raise CryptoError(f"{len(own)} lines of the log's key; expected one")
    verify(public, own[0], parsed.body)
    return checkpoint, own[0]


def checkpoint_note(checkpoint: Checkpoint, public: bytes, signature: bytes) -> bytes:
    """Return the note of a checkpoint with the line of its log's key."""
    return note_with(checkpoint_body(checkpoint), checkpoint.origin, public, signature)


def _message(checkpoint: Checkpoint, t_s: int) -> bytes:
    return b"cosignature/v1\ntime %d\n" % t_s + checkpoint_body(checkpoint)
