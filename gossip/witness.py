"""A region's side of witnessing: after each round, what it says of its log, and what it signs of its neighbours'.

Rules kept here, and nowhere else:
  * a cosignature is given for the largest size verified, never for a smaller one, and never for two roots of a size;
  * verified means: the signed checkpoint goes on from all that is held of that log: verified entries, every head,
    every envelope at its place;
  * what is verified is on disk before the cosignature leaves;
  * an entry of a study that a neighbour takes no part in travels to it as its hash.

Copies of logs are ``mirror``'s; who is told at a start that its log is not the newest: ``waking``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crypto.errors import CryptoError
from crypto.merkle import leaf_hash, verify_consistency, verify_inclusion
from crypto.note import Checkpoint, checkpoint_body, parse_checkpoint, parse_note
from gossip.errors import RemoteError
from gossip.events import Buffer, CosigRow, ErasedRow, HeadRow, MirrorRow, Suspect
from gossip.mirror import Mirror
from gossip.step import Step
from protocol.codec import Value, encode
from protocol.cosignature import (
    Cosignature,
    checkpoint_note,
    cosign,
    cosignature_line,
    log_signature,
    read_line,
    verify_cosignature,
    witness_name,
)
from protocol.entries import decode_entry
from protocol.envelope import Envelope
from protocol.errors import CodecError
from protocol.messages import TYPES
from protocol.witnessing import Behind, Heads, Proof, decode_heads, decode_mirror, decode_proof, encode_mirror

if TYPE_CHECKING:
    from gossip.peer import Peer
    from gossip.study import Study

WITNESS_TYPES = ("HEADS", "COSIGN", "PROVE", "PROOF", "MIRROR", "HELLO", "BEHIND")
CHUNK = 3 * 2**20
MAX_CHUNKS = 8
MAX_ASKED = 64


@dataclass(frozen=True, slots=True)
class Records:
    """What is on disk of logs.

    Attributes:
        own: (first, stop) -> entries of the own log: (leaf or None where only the hash is left, hash).
        mirrored: (origin, seq) -> leaf of another's log; None if it is not there.
    """

    own: Callable[[int, int], list[tuple[bytes | None, bytes]]] = lambda _first, _stop: []
    mirrored: Callable[[str, int], bytes | None] = lambda _origin, _seq: None


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint of another log with the signature of its key."""

    checkpoint: Checkpoint
    signature: bytes


def quorum_of(study: Study, round: int) -> int:
    """How many neighbours confirm a region's log after a round; 0 where the plan does not ask."""
    wanted = study.context.plan.witness["quorum"]
    around = len(neighbours_of(study, round))
    return min(around, max(1, -(-around // 2)) if wanted is None else int(wanted))


def neighbours_of(study: Study, round: int) -> tuple[str, ...]:
    """Who witnesses a round: the neighbours in its graph, in sum rounds everybody."""
    plan, me = study.context.plan, study.context.me
    return study.context.others if round < plan.sum_rounds else tuple(plan.neighbours(me, round))


def is_witnessed(study: Study) -> bool:
    """Whether a study's plan asks for witnesses at all."""
    witness = study.context.plan.witness
    return bool(witness["mirror"]) or witness["quorum"] != 0


class Witness:
    """Checkpoints, copies and cosignatures as one region holds them.

    Attributes:
        mirrors: Verified copies by origin.
        cosigned: Newest cosignature on the own log, by region.
        relayed: Newest checkpoint of each other log that came through a third region.
        told: Size of the own log at the last HEADS.
    """

    def __init__(self, peer: Peer, records: Records) -> None:
        self._peer = peer
        self.records = records
        self.mirrors: dict[str, Mirror] = {}
        self.cosigned: dict[str, Cosignature] = {}
        self.relayed: dict[str, Seen] = {}
        self.told = 0
        self._proved: dict[str, Seen] = {}
        self._awaited: dict[str, tuple[Seen, str, bool]] = {}  # the checkpoint, whose it is, whether entries come
        self._since: dict[str, int] = {}

    def load(self, mirrors: list[Mirror], cosignatures: list[Cosignature]) -> None:
        """Take what an earlier run has verified and been given."""
        for mirror in mirrors:
            self.mirrors[mirror.origin] = mirror
        for one in cosignatures:
            if one.size >= self._since.get(one.by, 0):
                self.cosigned[one.by], self._since[one.by] = one, one.size

    @property
    def confirmed_by(self) -> list[str]:
        """Regions that have cosigned the log as it was told last."""
        return sorted(name for name, one in self.cosigned.items() if one.size >= self.told > 0)

    # ---------------------------------------------------------------- after a round

    def round_ended(self, step: Step, study: Study, round: int) -> None:
        """Log what the round before showed, and tell the neighbours of the log as it is now."""
        if not is_witnessed(study):
            return
        self._log_heads(step, study, round - 1)
        log = self._peer.log
        checkpoint, signature = log.signed()
        own = checkpoint_note(checkpoint, log.log_public, signature)
        self.told = checkpoint.size
        others = [checkpoint_note(s.checkpoint, self._log_key(s), s.signature) for _, s, _ in self._known()]
        for name in neighbours_of(study, round):
            since = min(self._since.get(name, 0), checkpoint.size)
            payload = Heads(round, own, since, tuple(others)).encode()
            step.seal("HEADS", {}, to=[name], study=study.id, round=round, payload=payload)
            if study.context.plan.witness["mirror"]:
                self._mirror_to(step, name, since)

    def _log_heads(self, step: Step, study: Study, round: int) -> None:
        if round < 0:
            return
        seen: list[Value] = [
            {"origin": origin, "size": s.checkpoint.size, "root": s.checkpoint.root, "sig": s.signature, "how": how}
            for origin, s, how in self._known()
        ]
        given = sorted(self.cosigned.items())
        cosigned: list[Value] = [{"by": by, "size": c.size, "t_s": c.t_s, "sig": c.sig} for by, c in given]
        if seen or cosigned:
            step.add("round.heads", {"round": round, "seen": seen, "cosigned": cosigned}, study.id)

    def _known(self) -> list[tuple[str, Seen, str]]:
        """Newest checkpoint of each other log, with how it is known, ascending by origin."""
        found: dict[str, tuple[Seen, str]] = {origin: (seen, "relayed") for origin, seen in self.relayed.items()}
        for origin, seen in self._proved.items():
            found[origin] = (seen, "verified")
        for origin, mirror in self.mirrors.items():
            if mirror.checkpoint is not None:
                found[origin] = (Seen(mirror.checkpoint, mirror.signature), "verified")
        for origin, seen in self.relayed.items():
            if seen.checkpoint.size > found[origin][0].checkpoint.size:
                found[origin] = (seen, "relayed")
        return [(origin, *found[origin]) for origin in sorted(found)]

    def _log_key(self, seen: Seen) -> bytes:
        """Whose key of that log has signed: also one that was revoked since, for what it signed before."""
        name, ring = seen.checkpoint.origin.split("/")[1], self._peer.membership.ring
        sets = [keys for serial in ring.serials(name) if (keys := ring.keys(name, serial)) is not None]
        for keys in sets:
            try:
                log_signature(
                    checkpoint_note(seen.checkpoint, keys.log, seen.signature), seen.checkpoint.origin, keys.log
                )
            except CryptoError:
                continue
            return keys.log
        raise CryptoError(f"a checkpoint of {name} that none of its keys has signed")

    def _mirror_to(self, step: Step, name: str, since: int) -> None:
        """Send the own log's entries from ``since`` on, in pieces."""
        for first, items in self._pieces(self._items(name, since)):
            step.seal(
                "MIRROR", {"log": self._peer.log.origin}, to=[name], payload=encode_mirror(since + first, items)
            )

    def _items(self, name: str, since: int) -> list[bytes]:
        log, items = self._peer.log, []
        pending = log.pending_leaves
        stored = self.records.own(since, log.size - len(pending))
        for leaf, digest in [*stored, *((one.leaf, one.hash) for one in pending if one.seq >= since)]:
            items.append(leaf if leaf is not None and self._may_read(name, leaf) else digest)
        return items

    def _may_read(self, name: str, leaf: bytes) -> bool:
        study = decode_entry(leaf).study
        proposal = self._peer.agreement.proposals.get(study) if study is not None else None
        return study is None or (proposal is not None and name in proposal.plan.regions)

    @staticmethod
    def _pieces(items: list[bytes]) -> Iterator[tuple[int, list[bytes]]]:
        first, size, count = 0, 0, 0
        for at, one in enumerate(items):
            if size + len(one) > CHUNK and at > first:
                yield first, items[first:at]
                first, size, count = at, 0, count + 1
                if count == MAX_CHUNKS:
                    return
            size += len(one) + 5
        if items[first:]:
            yield first, items[first:]

    # ---------------------------------------------------------------- what comes in

    def hear(self, step: Step, envelope: Envelope, payload: Buffer | None) -> None:
        """Take in HEADS, MIRROR, COSIGN, PROVE or PROOF; nothing of it is an entry.

        Raises:
            RemoteError: It is not what it says.
        """
        fields, name = envelope.fields, envelope.fields.sender
        self._peer.mailbox.remember(envelope)
        if name in self._peer.blame.suspended:
            return
        try:
            match fields.type:
                case "HEADS":
                    self._heads(step, envelope, decode_heads(bytes(payload or b"")))
                case "MIRROR":
                    first, items = decode_mirror(bytes(payload or b""))
                    if fields.body["log"] == self._peer.log.origin:
                        self._peer.waking.recovered(step, name, first, items)
                    elif fields.body["log"] == fields.log:
                        mirror = self.mirrors.setdefault(fields.log, Mirror(fields.log))
                        if not mirror.take(first, items):
                            self._ask(step, name, fields.log)
                        self._progress(step, fields.log)
                case "COSIGN":
                    self._cosigned(step, envelope)
                case "PROVE":
                    self._prove(step, envelope)
                case "PROOF":
                    self._proof(step, envelope, decode_proof(bytes(payload or b"")))
        except (CodecError, CryptoError) as error:
            raise RemoteError(name, "STATE", f"{fields.type}: {error}") from error

    def _heads(self, step: Step, envelope: Envelope, heads: Heads) -> None:
        fields, name = envelope.fields, envelope.fields.sender
        study = self._peer.studies.get(fields.study or b"")
        if study is None or name not in study.context.plan.regions or not is_witnessed(study):
            return
        own = self.read(heads.own)
        if own is None or own.checkpoint.origin != fields.log:
            raise RemoteError(name, "STATE", "HEADS without a checkpoint that its log has signed")
        for note in heads.others:
            self._relayed(step, note)
        mirror = self.mirrors.setdefault(fields.log, Mirror(fields.log))
        held = self._proved.get(fields.log)
        largest = max(mirror.size, held.checkpoint.size if held is not None else 0)
        if self._contradicts(step, name, own):
            return
        if own.checkpoint.size < largest:
            step.do(Suspect(name, "LS-ROLLBACK", f"shows {own.checkpoint.size} entries after {largest}"))
            self.tell_behind(step, name, fields.log, own.checkpoint.size)
        elif own.checkpoint.size == mirror.size:
            self._cosign(step, name, own.checkpoint)
        elif study.context.plan.witness["mirror"]:
            self._awaited[fields.log] = own, name, True
            if mirror.size + len(mirror.coming) < heads.since:
                self._ask(step, name, fields.log)
            self._progress(step, fields.log)
        else:
            self._awaited[fields.log] = own, name, False
            self._ask(step, name, fields.log)

    def read(self, note: bytes) -> Seen | None:
        """A note of a log of this network, if the log's key has signed it."""
        checkpoint = parse_checkpoint(parse_note(note).body)
        parts = checkpoint.origin.split("/")
        if len(parts) != 3 or checkpoint.size < 1:
            return None
        for keys in self._peer.membership.ring.at(parts[1], checkpoint.size - 1):
            try:
                return Seen(*log_signature(note, checkpoint.origin, keys.log))
            except CryptoError:
                continue
        return None

    def _progress(self, step: Step, origin: str) -> None:
        """Verify and cosign once all entries up to the checkpoint at hand are here."""
        if origin not in self._awaited:
            return
        (seen, name, _), mirror = self._awaited[origin], self.mirrors[origin]
        if mirror.size + len(mirror.coming) < seen.checkpoint.size:
            return
        del self._awaited[origin]
        before = mirror.size
        new = mirror.verify(seen.checkpoint, seen.signature)
        if new is None:
            raise RemoteError(name, "STATE", "entries that do not give the checkpoint it has signed")
        leaves = {before + at: leaf for at, (leaf, _) in enumerate(new)}
        for envelope in self._peer.mailbox.heads_of(origin):
            if envelope.fields.head_size > before and self._is_foreign(envelope, leaves):
                self._fork(step, name, [envelope], seen)
                return
        for at, (leaf, digest) in enumerate(new):
            step.row(MirrorRow(origin, before + at, leaf, digest))
            if leaf is not None and b"redact" in leaf:
                self._erased(step, origin, leaf)
            if leaf is not None and b"key." in leaf:
                self._peer.rotation.mirrored(step, name, before + at, leaf)
        note = checkpoint_note(seen.checkpoint, self._log_key(seen), seen.signature)
        step.row(HeadRow(origin, seen.checkpoint.size, seen.checkpoint.root, note, "verified"))
        self._cosign(step, name, seen.checkpoint)

    def _erased(self, step: Step, origin: str, leaf: bytes) -> None:
        """An owner has erased an entry of its log: the copy keeps its hash alone."""
        entry = decode_entry(leaf)
        mirror, seq = self.mirrors[origin], entry.body.get("seq")
        is_here = entry.kind == "redact" and isinstance(seq, int) and seq < mirror.size
        if is_here and isinstance(seq, int) and mirror.hash_at(seq) == entry.body["leaf"]:
            step.row(ErasedRow(origin, seq))

    def judge(self, step: Step, envelope: Envelope) -> bool:
        """Whether an envelope fits the verified copy of its sender's log; if not, its sender is suspended."""
        if not self._is_foreign(envelope, {}):
            return True
        mirror = self.mirrors[envelope.fields.log]
        assert mirror.checkpoint is not None
        self._fork(step, envelope.fields.sender, [envelope], Seen(mirror.checkpoint, mirror.signature))
        return False

    def _is_foreign(self, envelope: Envelope, leaves: dict[int, bytes | None]) -> bool:
        """Whether the verified copy of its log has another root, or another entry, where an envelope stands."""
        fields = envelope.fields
        mirror = self.mirrors.get(fields.log)
        if mirror is None or fields.head_size > mirror.size:
            return False
        if mirror.root_at(fields.head_size) != fields.head_root:
            return True
        if not TYPES[fields.type].logged or fields.head_size >= mirror.size:
            return False
        leaf = leaves.get(fields.head_size) or self.records.mirrored(fields.log, fields.head_size)
        if leaf is None:
            return False  # only its hash is here: of a study that this region takes no part in
        entry = decode_entry(leaf)
        return entry.kind != "env.sent" or entry.body["header"] != envelope.header

    def _contradicts(self, step: Step, name: str, seen: Seen) -> bool:
        """Whether a checkpoint has another root than one that is held for its size; then its log is forked."""
        origin, size = seen.checkpoint.origin, seen.checkpoint.size
        mirror, envelopes = self.mirrors.get(origin), self._peer.mailbox.heads_of(origin, size)
        others = [s for s in (self.relayed.get(origin), self._proved.get(origin)) if s is not None]
        root = mirror.root_at(size) if mirror is not None else None
        if root is not None and root != seen.checkpoint.root:
            assert mirror is not None
            assert mirror.checkpoint is not None
            self._fork(step, name, [], seen, Seen(mirror.checkpoint, mirror.signature))
            return True
        for other in others:
            if other.checkpoint.size == size and other.checkpoint.root != seen.checkpoint.root:
                self._fork(step, name, [], seen, other)
                return True
        for envelope in envelopes:
            if envelope.fields.head_root != seen.checkpoint.root:
                self._fork(step, name, [envelope], seen)
                return True
        return False

    def _relayed(self, step: Step, note: bytes) -> None:
        seen = self.read(note)
        if seen is None:
            return
        origin, name = seen.checkpoint.origin, seen.checkpoint.origin.split("/")[1]
        if origin == self._peer.log.origin:
            self._peer.waking.shown(step, seen.checkpoint)
        elif name in self._peer.membership.names and not self._contradicts(step, name, seen):
            held = self.relayed.get(origin)
            if held is None or held.checkpoint.size < seen.checkpoint.size:
                self.relayed[origin] = seen

    def _fork(self, step: Step, region: str, envelopes: list[Envelope], *notes: Seen) -> None:
        """Suspend a region whose log has two histories; both are kept, as ``[signed bytes, signature, nil]``."""
        shown: list[Value] = [[e.header, e.signature, None] for e in envelopes]
        shown += [[checkpoint_body(one.checkpoint), one.signature, None] for one in notes]
        self._peer.blame.suspend(step, region, "LS-FORK", encode(shown))

    # ---------------------------------------------------------------- cosignatures

    def _cosign(self, step: Step, name: str, checkpoint: Checkpoint) -> None:
        keys = self._peer.keys
        made = cosign(checkpoint, self._peer.me, keys.witness, step.now_ms // 1000)
        line = cosignature_line(witness_name(self._peer.network, self._peer.me), keys.witness.public, made)
        step.row(CosigRow(checkpoint.origin, made.size, made.by, made.t_s, made.sig))
        step.seal("COSIGN", {"size": made.size, "t_s": made.t_s, "line": line}, to=[name])

    def _cosigned(self, step: Step, envelope: Envelope) -> None:
        name, body, log = envelope.fields.sender, envelope.fields.body, self._peer.log
        size, t_s, line = body["size"], body["t_s"], body["line"]
        assert isinstance(size, int)
        assert isinstance(line, bytes)
        if size > log.size:
            raise RemoteError(name, "STATE", "cosigns more entries than this log has")
        checkpoint = Checkpoint(log.origin, size, log.tree.root_at(size))
        keys = self._peer.membership.ring.at(name)
        if not keys:
            return
        stated, sig = read_line(line, witness_name(self._peer.network, name), keys[0].witness)
        made = Cosignature(name, size, stated, sig)
        verify_cosignature(checkpoint, made, keys[0].witness)
        if stated != t_s:
            raise RemoteError(name, "STATE", "a cosignature of another time than it says")
        self._since[name] = size
        if size >= (self.cosigned[name].size if name in self.cosigned else 0):
            self.cosigned[name] = made
        step.row(CosigRow(log.origin, size, name, stated, sig))

    # ---------------------------------------------------------------- proofs asked for

    def _ask(self, step: Step, name: str, origin: str) -> None:
        """Ask for what is missing: entries from where the copy ends, or the paths from all that is held."""
        if origin not in self._awaited:
            return
        seen, _, by_entries = self._awaited[origin]
        size = seen.checkpoint.size
        held = self.mirrors[origin].size
        sizes, places = ([held] if held else [], []) if by_entries else self._wanted(origin, size)
        heads: list[Value] = list(sizes)
        at: list[Value] = list(places)
        step.seal("PROVE", {"size": size, "places": at, "heads": heads}, to=[name])

    def _wanted(self, origin: str, size: int) -> tuple[list[int], list[int]]:
        """Heads and places that a proof for ``size`` must cover: the last verified, and the newest held since."""
        proved = self._proved.get(origin)
        held = sorted((e for e in self._peer.mailbox.heads_of(origin)), key=lambda e: -e.fields.head_size)
        fitting = [e for e in held if e.fields.head_size <= size][: MAX_ASKED - 1]
        known = {e.fields.head_size for e in fitting} | ({proved.checkpoint.size} if proved is not None else set())
        placed = {e.fields.head_size for e in fitting if TYPES[e.fields.type].logged and e.fields.head_size < size}
        return sorted(known), sorted(placed)

    def _prove(self, step: Step, envelope: Envelope) -> None:
        fields, log = envelope.fields, self._peer.log
        size, places, heads = fields.body["size"], fields.body["places"], fields.body["heads"]
        assert isinstance(size, int)
        assert isinstance(places, list)
        assert isinstance(heads, list)
        if size > log.size:
            raise RemoteError(fields.sender, "STATE", "asks for proofs of more entries than this log has")
        consistency = {n: log.tree.consistency_path(n, size) for n in heads if isinstance(n, int) and n <= size}
        shown: dict[int, tuple[bytes, list[bytes]]] = {}
        for n in places:
            if isinstance(n, int) and n < size:
                leaf = next((leaf for leaf, _ in self.records.own(n, n + 1)), None)
                if leaf is not None and self._may_read(fields.sender, leaf):
                    shown[n] = leaf, log.tree.inclusion_path(n, size)
        step.seal("PROOF", {}, to=[fields.sender], payload=Proof(size, consistency, shown).encode())
        if any(is_witnessed(s) and s.context.plan.witness["mirror"] for s in self._peer.studies.values()):
            self._since[fields.sender] = max((n for n in heads if isinstance(n, int)), default=0)
            self._mirror_to(step, fields.sender, min(self._since[fields.sender], log.size))

    def _proof(self, step: Step, envelope: Envelope, proof: Proof) -> None:
        """Without a copy: every head and place that is held must lie on the way to the checkpoint."""
        origin, name = envelope.fields.log, envelope.fields.sender
        seen, _, by_entries = self._awaited.get(origin, (None, "", True))
        if seen is None or by_entries or seen.checkpoint.size != proof.size:
            return
        sizes, places = self._wanted(origin, proof.size)
        roots = {e.fields.head_size: e.fields.head_root for e in self._peer.mailbox.heads_of(origin)}
        if origin in self._proved:
            roots[self._proved[origin].checkpoint.size] = self._proved[origin].checkpoint.root
        for n in sizes:
            verify_consistency(n, proof.size, roots[n], seen.checkpoint.root, proof.consistency.get(n, []))
        held = {e.fields.head_size: e for e in self._peer.mailbox.heads_of(origin) if TYPES[e.fields.type].logged}
        for n in places:
            leaf, path = proof.places.get(n, (b"", []))
            verify_inclusion(n, proof.size, leaf_hash(leaf), path, seen.checkpoint.root)
            if decode_entry(leaf).body.get("header") != held[n].header:
                self._fork(step, name, [held[n]], seen)
                return
        del self._awaited[origin]
        self._proved[origin] = seen
        note = checkpoint_note(seen.checkpoint, self._log_key(seen), seen.signature)
        step.row(HeadRow(origin, seen.checkpoint.size, seen.checkpoint.root, note, "verified"))
        self._cosign(step, name, seen.checkpoint)

    # ---------------------------------------------------------------- another's start

    def tell_behind(self, step: Step, name: str, origin: str, size: int, root: bytes | None = None) -> None:
        """Answer who asks whether its log is the newest: the largest head of it that is held here, and its entries."""
        mirror = self.mirrors.get(origin)
        notes = [Seen(mirror.checkpoint, mirror.signature)] if mirror and mirror.checkpoint else []
        notes += [s for s in (self._proved.get(origin), self.relayed.get(origin)) if s is not None]
        note = max(notes, key=lambda s: s.checkpoint.size, default=None)
        placed = [e for e in self._peer.mailbox.heads_of(origin) if TYPES[e.fields.type].logged]
        last = max(placed, key=lambda e: e.fields.head_size, default=None)
        answer = Behind()
        noted = note.checkpoint.size if note is not None else 0
        if last is not None and last.fields.head_size + 1 > max(noted, size):
            answer = Behind(envelope=(last.header, last.signature))
        elif note is not None and (noted > size or (noted == size and root not in (None, note.checkpoint.root))):
            answer = Behind(note=checkpoint_note(note.checkpoint, self._log_key(note), note.signature))
        step.seal("BEHIND", {}, to=[name], payload=answer.encode())
        if answer != Behind() and mirror is not None and mirror.size > size:
            items = [
                self.records.mirrored(origin, seq) or mirror.hash_at(seq) for seq in range(size, mirror.size)
            ]
            for first, piece in self._pieces(items):
                step.seal("MIRROR", {"log": origin}, to=[name], payload=encode_mirror(size + first, piece))
