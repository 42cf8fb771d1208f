"""Checks of a log's checkpoint: readable, of this log, signed by its key, over just these entries."""

from __future__ import annotations

from collections.abc import Iterator

from crypto.errors import CryptoError
from crypto.note import Note, NoteSignature, note_key_id, parse_checkpoint, parse_note
from node.audit.archive import printable
from node.audit.checks.bundles import ascii_words
from node.audit.checks.logs import CheckedLog
from node.audit.context import Context, KeySet

_COSIGNATURE = 0x04


def judge_checkpoint(log: CheckedLog, context: Context) -> Iterator[tuple[str, str]]:
    """Yield (code, detail) of what is wrong; sets ``checkpoint``, ``is_signed`` and ``is_sound`` of the log."""
    sets = context.sets(log.region)
    if log.raw.checkpoint is None:
        yield "LS-CHECKPOINT-FORMAT", "checkpoint.note is missing"
        return
    try:
        note = parse_note(log.raw.checkpoint)
        point = parse_checkpoint(note.body)
    except CryptoError as error:
        yield "LS-CHECKPOINT-FORMAT", ascii_words(error)
        return
    log.checkpoint = point
    if point.origin != log.origin:
        yield "LS-CHECKPOINT-SIG", f"it is of the log {printable(point.origin)}"
        return
    if not any(context.signatures.note(log.raw.checkpoint, log.origin, keys.log) for keys in sets):
        yield "LS-CHECKPOINT-SIG", f"the key is that of {log.origin}"
        return
    log.is_signed = True
    for name in _false_cosigners(note, context):
        yield "LS-COSIG", f"the line of {name}"
    root = log.tree.root()
    if point.size != log.tree.size:
        yield "LS-LOG-ROOT", f"{log.tree.size} entries, and a checkpoint over {point.size}"
    elif root != point.root:
        yield "LS-LOG-ROOT", f"the entries have the root {root.hex()[:8]}, signed is {point.root.hex()[:8]}"
    else:
        log.is_sound = True


def _false_cosigners(note: Note, context: Context) -> Iterator[str]:
    """Yield witnesses of the roster whose lines do not hold; unknown names are ignored, as C2SP asks."""
    witnesses = {f"{context.network}/{name}/witness": sets for name, sets in context.all_sets().items()}
    for line in note.signatures:
        sets = witnesses.get(line.name)
        if sets is not None and not any(_is_cosigned(note, line, keys, context) for keys in sets):
            yield line.name


def _is_cosigned(note: Note, line: NoteSignature, keys: KeySet, context: Context) -> bool:
    # C2SP tlog-cosignature: u64 time, then Ed25519 over a header with that time and the body.
    if line.key_id != note_key_id(line.name, _COSIGNATURE, keys.witness) or len(line.signature) != 72:
        return False
    time_s = int.from_bytes(line.signature[:8], "big")
    message = b"cosignature/v1\ntime %d\n" % time_s + note.body
    return context.signatures.plain(keys.witness, line.signature[8:], message)
