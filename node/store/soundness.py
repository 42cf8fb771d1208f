"""Is the log on disk the one that was written? Asked at every start, before anything is appended.

Three questions: do the entries hash to the last signed checkpoint, and to each at the end of a round?
Does every message that was sent sit at the place it claims? Has this region shown a longer log before?
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from crypto.errors import CryptoError
from crypto.merkle import Tree
from crypto.note import checkpoint_body, note_with, open_note
from node.errors import ConfigError, StoreError
from node.store.storage import Store
from protocol.entries import decode_entry
from protocol.envelope import parse
from protocol.epochs import epoch_of
from protocol.errors import CodecError

RECHECKED = 1000
CLOCK_SLACK_MS = 5 * 60_000
_RESTORE = "keep the home as it is, and restore it from its backup"


def check_log(
    store: Store,
    tree: Tree,
    leaves: Sequence[bytes | None],
    origin: str,
    log_public: bytes,
    *,
    put_back: bool = False,
) -> None:
    """Refuse a log that is not what was written, or that was put back to an earlier state.

    Args:
        tree: The tree over ``leaves``, all that the store holds; None where only a hash is left.
        put_back: Whether an earlier state is taken, for one who asks for what is lost.

    Raises:
        StoreError: Says LS-LOG-ROOT, LS-HEAD-SELF or ROLLED-BACK, and what to do.
    """
    _check_roots(store, tree, origin, log_public)
    _check_lost(leaves)
    _check_sent(tree, leaves)
    if not put_back:
        _check_head(store, tree, origin)


def _check_roots(store: Store, tree: Tree, origin: str, log_public: bytes) -> None:
    count = -1
    for count, digest in enumerate(store.hashes()):
        if count >= tree.size or tree.hash_at(count) != digest:
            raise _damaged(f"entry {count} is not the one that was written")
    newest = store.checkpoint()
    if newest is None or count + 1 != tree.size:
        raise _damaged("there is no signed checkpoint" if newest is None else "entries are missing")
    checkpoint, signature = newest
    if checkpoint.size != tree.size or checkpoint.root != tree.root():
        raise _damaged(f"{tree.size} entries do not give the root of the checkpoint over {checkpoint.size}")
    try:
        open_note(note_with(checkpoint_body(checkpoint), origin, log_public, signature), origin, log_public)
    except CryptoError as error:
        raise _damaged("the newest checkpoint is not signed by this region's log key") from error
    for one in store.round_checkpoints():
        if one.size > tree.size or tree.root_at(one.size) != one.root:
            raise _damaged(f"the first {one.size} entries do not give the root that was published for them")


def _check_lost(leaves: Sequence[bytes | None]) -> None:
    """An entry of which only the hash is left must have been erased, or not have come back, by the log's own word."""
    lost = {seq for seq, leaf in enumerate(leaves) if leaf is None}
    if not lost:
        return
    for leaf in leaves:
        if leaf is None or not (b"redact" in leaf or b"log.recover" in leaf):
            continue
        entry = decode_entry(leaf)
        match entry.kind, entry.body:
            case "redact", {"seq": int(seq)}:
                lost.discard(seq)
            case "log.recover", {"from_size": int(first), "to_size": int(end)}:
                lost -= set(range(first, end))
    if lost:
        raise _damaged(f"entry {min(lost)} is missing, and no entry says why")


def _check_sent(tree: Tree, leaves: Sequence[bytes | None]) -> None:
    left = RECHECKED
    for seq in range(len(leaves) - 1, -1, -1):
        leaf = leaves[seq]
        if leaf is None or b"env.sent" not in leaf:
            continue
        try:
            entry = decode_entry(leaf)
            if entry.kind != "env.sent":
                continue
            header, signature = entry.body["header"], entry.body["sig"]
            assert isinstance(header, bytes)
            assert isinstance(signature, bytes)
            fields = parse(header, signature).fields
        except CodecError as error:
            raise _damaged(f"entry {seq} cannot be read: {error}") from error
        if fields.head_size != seq or tree.root_at(seq) != fields.head_root:
            raise StoreError(
                f"LS-HEAD-SELF: the message in entry {seq} claims place {fields.head_size}", "its own place", _RESTORE
            )
        left -= 1
        if not left:
            return


def _check_head(store: Store, tree: Tree, origin: str) -> None:
    head = store.head()
    if head is None or epoch_of(head.origin) < epoch_of(origin):
        return  # of before the log was begun anew: a stop came between the two
    if epoch_of(head.origin) > epoch_of(origin):
        raise StoreError(
            f"ROLLED-BACK: this log is {origin}, but has been begun anew since as {head.origin} (file HEAD)",
            "the log as it was; going on from here would be a second history, and neighbours would see it",
            "landsting restore asks the neighbours for what is lost; do not delete HEAD",
        )
    if head.size > tree.size:
        raise StoreError(
            f"ROLLED-BACK: this log has {tree.size} entries, but has had {head.size} (file HEAD)",
            "the log as it was; going on from here would be a second history, and neighbours would see it",
            "landsting restore asks the neighbours for what is lost; do not delete HEAD",
        )
    if tree.root_at(head.size) != head.root:
        raise StoreError(
            f"ROLLED-BACK: the first {head.size} entries are not those that the file HEAD is signed over",
            "the log as it was",
            "put back the newest copy of the home; do not delete HEAD",
        )


def erased(leaves: Sequence[bytes | None]) -> list[int]:
    """Return the entries that a ``redact`` names and whose bytes are still there."""
    named = [decode_entry(leaf) for leaf in leaves if leaf is not None and b"redact" in leaf]
    seqs = [entry.body["seq"] for entry in named if entry.kind == "redact"]
    return [seq for seq in seqs if isinstance(seq, int) and leaves[seq] is not None]


def check_clock(last_ms: int, now_ms: int, home: Path) -> None:
    """Refuse a clock that is far behind the log.

    Raises:
        ConfigError: The last entry lies minutes in the future.
    """
    if last_ms > now_ms + CLOCK_SLACK_MS:
        raise ConfigError(
            f"the clock says {_time(now_ms)}, but the last entry of {home} is dated {_time(last_ms)}",
            "a clock that does not go back",
            "set this machine's clock (timedatectl), then start again",
        )


def stopped_cleanly(leaves: Sequence[bytes]) -> bool:
    """Whether the last run ended in good order; True where there was none."""
    for leaf in reversed(leaves):
        if b"node.st" in leaf:
            kind = decode_entry(leaf).kind
            if kind in ("node.start", "node.stop"):
                return kind == "node.stop"
    return True


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _damaged(found: str) -> StoreError:
    return StoreError(f"LS-LOG-ROOT: {found}; nothing is appended to this log", "the log as it was written", _RESTORE)
