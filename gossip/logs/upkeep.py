"""What an operator writes into the log or has taken out of it: sheets, releases, pruning, erasure.

Rules kept here, and nowhere else:
  * nothing is erased but bytes: an entry's hash and its place stay, and an entry says what is gone and why;
  * what the log itself stands on (its genesis, keys, rosters, earlier erasures), what says that something was let
    out, and on whose word, and entries of a study under way are not erased;
  * kept payloads go only when the plan's ``retention.years`` are over, with one ``payload.prune`` that names them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crypto.merkle import Tree, leaf_hash
from gossip.effects import Erase, OpeningRow
from gossip.errors import Refusal
from gossip.logs.redaction import carriers_leave
from gossip.step import Step
from protocol.entries import Entry, decode_entry
from protocol.envelope import parse
from protocol.kinds import REDACT_BASES
from protocol.messages import TYPES

if TYPE_CHECKING:
    from gossip.peer import Peer

RECORDED = ("data.sheet", "round.eval", "model.checkpoint")
STANDING = (
    "log.genesis", "log.recover", "key.rotate", "key.revoke", "roster.accept", "redact", "payload.prune",
    "release.approve", "release.offer", "data.release", "model.release",
)  # fmt: skip
YEAR_MS = 31_557_600_000
MAX_OPENINGS = 16


def record(peer: Peer, step: Step, args: dict[str, object]) -> dict[str, object]:
    """Append an entry of a kind that an operator's command makes, with what opens its commitments.

    Args:
        args: ``kind``, ``body``, ``study`` (bytes or None), ``openings`` (list of ``field``, ``salt``, ``value``).

    Raises:
        Refusal: Not such a kind, or openings in another form.
        LogError: The body is not what the kind allows.
    """
    kind, body, study = args.get("kind"), args.get("body"), args.get("study")
    if kind not in RECORDED or not isinstance(body, dict):
        raise Refusal("VALUE", f"an entry of kind {kind!r}", f"one of {', '.join(RECORDED)}", "landsting --help")
    if study is not None and study not in peer.agreement.proposals:
        raise Refusal("STUDY", "a study that is not known here", "one that was proposed", "landsting study list")
    entry = step.add(str(kind), body, study if isinstance(study, bytes) else None)
    openings = args.get("openings") or []
    if not isinstance(openings, list) or len(openings) > MAX_OPENINGS:
        raise Refusal("VALUE", "openings in another form", "a list", "landsting --help")
    for one in openings:
        match one:
            case {"field": str(field), "salt": bytes(salt), "value": bytes(value)} if len(salt) == 32:
                step.row(OpeningRow(entry.seq, field, salt, value))
            case _:
                raise Refusal("VALUE", "an opening in another form", "field, salt of 32 bytes, value", "")
    return {"seq": entry.seq, "leaf": leaf_hash(peer.log.pending_leaves[-1].leaf).hex()}


def redact(peer: Peer, step: Step, args: dict[str, object]) -> dict[str, object]:
    """Erase the bytes of one entry; its hash stays, and all proofs hold.

    Raises:
        Refusal: There is no such entry, it has to stay, or the ground is none.
    """
    seq, basis = args.get("seq"), args.get("basis")
    if basis not in REDACT_BASES:
        raise Refusal(
            "VALUE", f"the ground {basis!r}", f"one of {', '.join(REDACT_BASES)}", "landsting log redact --help"
        )
    found = peer.witness.held.records.own(seq, seq + 1) if isinstance(seq, int) and 0 <= seq < peer.log.size else []
    leaf, digest = found[0] if found else (None, b"")
    if leaf is None or not isinstance(seq, int):
        raise Refusal("VALUE", f"no entry {seq} that could be erased", "one of this log", "landsting log show")
    entry = decode_entry(leaf)
    if _stands(entry) or _is_open(peer, entry):
        why = "it stays on record" if _stands(entry) else "its study is under way"
        raise Refusal("VALUE", f"entry {seq} ({entry.kind}) stays: {why}", "another entry", "landsting log show")
    step.add("redact", {"seq": seq, "leaf": digest, "basis": str(basis)})
    carriers_leave(peer, step, leaf)
    step.do(Erase(peer.log.origin, seq))
    return {"seq": seq, "leaf": digest.hex(), "basis": str(basis)}


def _stands(entry: Entry) -> bool:
    """Whether an entry is of a kind that stays, or a message that does: an APPROVE."""
    if entry.kind in ("env.sent", "env.recv"):
        return parse(bytes(entry.body["header"]), bytes(entry.body["sig"])).fields.type == "APPROVE"  # type: ignore[arg-type]
    return entry.kind in STANDING


def _is_open(peer: Peer, entry: Entry) -> bool:
    proposal = peer.agreement.proposals.get(entry.study) if entry.study is not None else None
    return proposal is not None and not proposal.has_ended and not proposal.rejected_by


def prune(peer: Peer, step: Step) -> dict[str, object]:
    """Let kept payloads of studies go whose years are over; entries, hashes and proofs stay.

    Plans and rosters stay as well: without them nothing else could be read.
    """
    ended: dict[bytes, int] = {}
    shas: dict[bytes, set[bytes]] = {}
    pruned: set[bytes] = set()
    for leaf, _ in peer.witness.held.records.own(0, peer.log.size):
        if leaf is None:
            continue
        entry = decode_entry(leaf)
        if entry.study is None:
            continue
        match entry.kind, entry.body:
            case "study.end", _:
                ended[entry.study] = entry.t_ms
            case "payload.prune", {"rule": "years"}:
                pruned.add(entry.study)
            case "env.sent" | "env.recv", {"header": bytes(header), "sig": bytes(sig)}:
                fields = parse(header, sig).fields
                if TYPES[fields.type].carrier and fields.sha256 is not None:
                    shas.setdefault(entry.study, set()).add(fields.sha256)
    gone: list[dict[str, Any]] = []
    for study, t_ms in sorted(ended.items()):
        plan = peer.agreement.proposals[study].plan
        held = sorted(sha for sha in shas.get(study, ()) if peer.kept(sha) is not None)
        recording = peer.studies[study].context.recording if study in peer.studies else None
        if study in pruned:  # a stop between the entry and the deed left these
            for sha in held:
                step.forget(sha)
            continue
        over = step.now_ms >= t_ms + int(plan.retention["years"]) * YEAR_MS
        if over and recording is not None:
            bulk = {sha for shas_of in recording.end(step).values() for sha in shas_of}
        else:
            bulk = set()
        if not over or not (held or bulk):
            continue
        named = sorted({*held, *bulk})
        body: dict[str, Any] = {
            "rounds": [0, plan.end_round - 1], "count": len(named), "hashes_root": Tree(map(leaf_hash, named)).root(),
            "rule": "years",
        }  # fmt: skip
        step.add("payload.prune", body, study)
        for sha in held:
            step.forget(sha)
        gone.append({"study": study.hex(), "payloads": len(named), "rule": "years"})
    return {"pruned": gone}
