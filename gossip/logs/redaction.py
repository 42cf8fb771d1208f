"""What an erasure takes with it: kept payloads that hold the message of the erased entry.

A carrier (COHORT, ROUTED …) holds others' messages whole, and is kept where it was said and where it was heard.
When the entry of such a message, or of the carrier itself, is erased, those payloads go as well, with one
``payload.prune`` that names them. Rules kept here, and nowhere else:
  * nothing goes while its study is under way;
  * what convicts stays: evidence is not in the hands of whom it accuses.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from crypto.merkle import Tree, leaf_hash
from gossip.step import Step
from protocol.codec import MAX_CONTROL, decode
from protocol.entries import decode_entry
from protocol.envelope import Header, parse
from protocol.errors import CodecError
from protocol.messages import TYPES

if TYPE_CHECKING:
    from gossip.peer import Peer


def carriers_leave(peer: Peer, step: Step, *leaves: bytes) -> None:
    """Remove the kept payloads that hold messages of erased entries.

    However many are erased at once, the own log is read once, and each study gets one entry that names what went.

    Args:
        leaves: The entries, from before they are erased: this region's own or another's.
    """
    erased: dict[bytes, list[tuple[Header, bytes]]] = {}
    for fields, header in map(_message, leaves):
        proposal = peer.agreement.proposals.get(fields.study) if fields is not None and fields.study else None
        if fields is not None and fields.type != "EVIDENCE" and proposal is not None and proposal.has_ended:
            erased.setdefault(proposal.plan.study, []).append((fields, header))
    if not erased:
        return
    carriers, convicting = _kept(peer, erased)
    for study, messages in sorted(erased.items()):
        headers, own = {header for _, header in messages}, {fields.sha256 for fields, _ in messages}
        gone = {
            sha for sha in carriers[study] - convicting
            if (held := peer.kept(sha)) is not None and (sha in own or headers & _inside(held))
        }  # fmt: skip
        if gone:
            rounds = [fields.round for fields, _ in messages if fields.round is not None] or [0]
            root = Tree(map(leaf_hash, sorted(gone))).root()
            step.add(
                "payload.prune",
                {"rounds": [min(rounds), max(rounds)], "count": len(gone), "hashes_root": root, "rule": "redact"},
                study,
            )
            for sha in sorted(gone):
                step.forget(sha)


def _kept(peer: Peer, studies: Collection[bytes]) -> tuple[dict[bytes, set[bytes]], set[bytes]]:
    """Return the carriers' payloads that the own log names, by study, and those that convict somebody."""
    carriers: dict[bytes, set[bytes]] = {study: set() for study in studies}
    convicting: set[bytes] = set()
    for leaf, _ in peer.witness.held.records.own(0, peer.log.size):
        if leaf is None:
            continue
        if b"fault" in leaf:
            entry = decode_entry(leaf)
            named = entry.body["evidence"] if entry.kind == "fault" else None
            convicting.update(sha for sha in named if isinstance(sha, bytes)) if isinstance(named, list) else None
        if any(study in leaf for study in studies):
            said, _ = _message(leaf)
            is_carrier = said is not None and TYPES[said.type].carrier and said.type != "EVIDENCE"
            if is_carrier and said is not None and said.sha256 is not None and said.study in carriers:
                carriers[said.study].add(said.sha256)
    return carriers, convicting


def _inside(payload: bytes) -> set[bytes]:
    """Return the headers of the messages that a carrier holds."""
    try:
        rows = decode(payload, max_bytes=MAX_CONTROL)
    except CodecError:
        return set()
    found = rows if isinstance(rows, list) else []
    return {row[0] for row in found if isinstance(row, list) and row and isinstance(row[0], bytes)}


def _message(leaf: bytes) -> tuple[Header | None, bytes]:
    """The message in an entry; (None, nothing) where there is none."""
    try:
        entry = decode_entry(leaf)
        if entry.kind not in ("env.sent", "env.recv"):
            return None, b""
        header, sig = entry.body["header"], entry.body["sig"]
        assert isinstance(header, bytes)
        assert isinstance(sig, bytes)
        return parse(header, sig).fields, header
    except CodecError:
        return None, b""
