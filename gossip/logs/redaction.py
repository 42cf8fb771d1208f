"""What an erasure takes with it: kept payloads that hold the message of the erased entry.

A carrier (COHORT, ROUTED …) holds others' messages whole, and is kept where it was said and where it was heard.
When the entry of such a message, or of the carrier itself, is erased, those payloads go as well, with one
``payload.prune`` that names them. Rules kept here, and nowhere else:
  * nothing goes while its study is under way;
  * what convicts stays: evidence is not in the hands of whom it accuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto.merkle import Tree, leaf_hash
from gossip.step import Step
from protocol.entries import decode_entry
from protocol.envelope import Header, parse
from protocol.errors import CodecError
from protocol.messages import TYPES

if TYPE_CHECKING:
    from gossip.peer import Peer


def carriers_leave(peer: Peer, step: Step, leaf: bytes) -> int:
    """Remove the kept payloads that hold the message of an erased entry; returns how many there were.

    Args:
        leaf: The entry, from before it is erased: this region's own or another's.
    """
    fields, header = _message(leaf)
    if fields is None or fields.study is None or fields.type == "EVIDENCE":
        return 0
    proposal = peer.agreement.proposals.get(fields.study)
    if proposal is None or not proposal.has_ended:
        return 0
    gone, standing = set[bytes](), set[bytes]()
    own = [one for one, _ in peer.witness.held.records.own(0, peer.log.size) if one is not None]
    for one in own:
        if b"fault" in one:
            entry = decode_entry(one)
            named = entry.body["evidence"] if entry.kind == "fault" else None
            standing.update(sha for sha in named if isinstance(sha, bytes)) if isinstance(named, list) else None
    for one in own:
        said, _ = _message(one) if fields.study in one else (None, b"")
        if said is None or said.sha256 is None or said.type == "EVIDENCE" or not TYPES[said.type].carrier:
            continue
        held = peer.kept(said.sha256) if said.sha256 not in standing else None
        if held is not None and (said.sha256 == fields.sha256 or header in held):
            gone.add(said.sha256)
    if gone:
        round = fields.round if fields.round is not None else 0
        root = Tree(map(leaf_hash, sorted(gone))).root()
        step.add(
            "payload.prune", {"rounds": [round, round], "count": len(gone), "hashes_root": root, "rule": "redact"},
            fields.study,
        )  # fmt: skip
        for sha in sorted(gone):
            step.forget(sha)
    return len(gone)


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
