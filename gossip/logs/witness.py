"""A region's side of witnessing: after each round, what it says of its log, and what it signs of its neighbours'.

Rules kept here, and nowhere else:
  * a cosignature is given for the largest size verified, never for a smaller one, and never for two roots of a size;
  * verified means: the signed checkpoint goes on from all that is held of that log: verified entries, every head,
    every envelope at its place;
  * what is verified is on disk before the cosignature leaves.

What is held: ``holdings``; whether statements fit it: ``standing``; entries and proofs on their way: ``copying``;
a start that asks first: ``waking``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from crypto.errors import CryptoError
from crypto.note import Checkpoint
from gossip.blame import UNTIMELY
from gossip.effects import CosigRow, HeadRow, MirrorRow, Suspect
from gossip.errors import RemoteError
from gossip.events import Buffer
from gossip.logs.copying import Copying
from gossip.logs.holdings import Holdings, Records, Seen
from gossip.logs.mirror import Mirror
from gossip.logs.protecting import Protecting
from gossip.logs.standing import Standing
from gossip.step import Step
from protocol.codec import Value
from protocol.cosignature import (
    Cosignature,
    checkpoint_note,
    cosign,
    cosignature_line,
    read_line,
    verify_cosignature,
    witness_name,
)
from protocol.envelope import Envelope
from protocol.errors import CodecError
from protocol.witnessing import Heads, Proof, decode_heads, decode_mirror, decode_proof

if TYPE_CHECKING:
    from gossip.peer import Peer
    from gossip.studies.study import Study

MAX_RELAYED = 64
MAX_KEEPERS = 8
MAX_SEEN = 200
SETTLE_MS = 3_000
PROOFS = 12
ENTRIES_MS = 5_000  # between two times that entries are sent to who asks for proofs
WITNESS_TYPES = ("HEADS", "COSIGN", "PROVE", "PROOF", "MIRROR", "HELLO", "BEHIND")


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


def _within(study: Study) -> int:
    """The round at hand, or the last one."""
    return min(max(study.round, 0), study.context.plan.end_round - 1)


class Witness:
    """One region's witnessing.

    Attributes:
        held: Checkpoints, copies and cosignatures.
        standing: Whether what is signed fits them.
        copying: Entries and proofs on their way.
        protecting: Checkpoints with a line for the long term.
        told: Size of the own log at the last HEADS.
        told_to: The same by region, since its link came up.
    """

    def __init__(self, peer: Peer, records: Records) -> None:
        self._peer = peer
        self.held = Holdings(peer, records)
        self.standing = Standing(peer, self.held)
        self.copying = Copying(peer, self.held)
        self.protecting = Protecting(peer, self.held)
        self.told = 0
        self.told_to: dict[str, int] = {}
        self._told_ms = 0
        self._grown = 0, 0  # size of the own log, and since when
        self._proofs: dict[str, int] = {}  # by region: how often it may ask until it is told again
        self._entries_ms: dict[str, int] = {}  # by region: from when on entries are sent to it again
        self._awaited: dict[str, tuple[Seen, str, bool]] = {}  # the checkpoint, whose it is, whether entries come

    @property
    def mirrors(self) -> dict[str, Mirror]:
        """Verified copies by origin."""
        return self.held.mirrors

    @property
    def confirmed_by(self) -> list[str]:
        """Regions that have cosigned the log as it was told last."""
        return sorted(name for name, one in self.held.cosigned.items() if one.size >= self.told > 0)

    def round_ended(self, step: Step, study: Study, round: int) -> None:
        """Log what the round before showed, and tell the neighbours of the log as it is now."""
        if not is_witnessed(study):
            return
        self._log_heads(step, study, round - 1)
        self._tell(step, study, round, neighbours_of(study, round))

    def keepers(self) -> tuple[str, ...]:
        """Who is told of the log where no round tells it: who witnesses the study at hand.

        As long as there was none, the next members in the order of their names that are linked.
        """
        study, me = self._peer.current, self._peer.me
        if study is not None:
            return neighbours_of(study, _within(study)) if is_witnessed(study) else ()
        linked = [n for n in self._peer.presence.links() if n in self._peer.membership.names]
        return tuple(sorted(linked, key=lambda n: (n < me, n))[:MAX_KEEPERS])

    def settle(self, step: Step) -> None:
        """Tell what no round tells, once nothing more has come for a moment: else no copy would have it.

        That is what follows the last round of a study, and what is written while none runs.
        """
        log, study = self._peer.log, self._peer.current
        if log.size != self._grown[0]:
            self._grown = log.size, step.now_ms
        still_ms = step.now_ms - max(self._told_ms, self._grown[1])
        if still_ms < SETTLE_MS or (study is not None and study.outcome is None):
            return
        linked, held = self._peer.presence.links(), self.held.since
        names = [n for n in self.keepers() if n in linked and max(held.get(n, 0), self.told_to.get(n, 0)) < log.size]
        if names:
            self._tell(step, study, study.context.plan.end_round - 1 if study is not None else 0, names)

    def stopping(self, step: Step) -> None:
        """Tell the log as it is when the node stops: what no copy has could not be given back."""
        study, names = self._peer.current, self.keepers()
        if names:
            self._tell(step, study, _within(study) if study is not None else 0, names)

    def lacks_copy(self) -> bool:
        """Whether fewer neighbours than are linked (or than the quorum) have confirmed the log as it was told last."""
        study = self._peer.current
        if self.told < self._peer.log.size:
            return False
        linked = set(self.keepers()) & set(self._peer.presence.links())
        wanted = quorum_of(study, _within(study)) if study is not None else -(-len(linked) // 2)
        return len(linked & set(self.confirmed_by)) < min(len(linked), max(1, wanted))

    def _tell(self, step: Step, study: Study | None, round: int, names: Iterable[str]) -> None:
        log = self._peer.log
        self._told_ms = step.now_ms
        checkpoint, signature = log.signed()
        own = checkpoint_note(checkpoint, log.log_public, signature)
        self.told = checkpoint.size
        known = [seen for _, seen, _ in self.held.known()]
        first = round * MAX_RELAYED % len(known) if len(known) > MAX_RELAYED else 0  # of many, others each round
        told = sorted((known[first:] + known[:first])[:MAX_RELAYED], key=lambda seen: seen.checkpoint.origin)
        others = [self.held.note(seen) for seen in told]
        at = (study.id, round) if study is not None else (None, None)
        for name in names:
            since = min(self.held.since.get(name, 0), checkpoint.size)
            self.told_to[name], self._proofs[name] = checkpoint.size, PROOFS
            payload = Heads(round, own, since, (*others, *self.protecting.told_to(name))).encode()
            step.seal("HEADS", {}, to=[name], study=at[0], round=at[1], payload=payload)
            if study is None or study.context.plan.witness["mirror"]:
                self.copying.mirror_to(step, name, since)

    def _log_heads(self, step: Step, study: Study, round: int) -> None:
        if round < 0:
            return
        seen: list[Value] = [
            {"origin": origin, "size": s.checkpoint.size, "root": s.checkpoint.root, "sig": s.signature, "how": how}
            for origin, s, how in self._told_of()
        ]
        given = sorted(self.held.cosigned.items())
        cosigned: list[Value] = [{"by": by, "size": c.size, "t_s": c.t_s, "sig": c.sig} for by, c in given]
        if seen or cosigned:
            step.add("round.heads", {"round": round, "seen": seen, "cosigned": cosigned}, study.id)

    def _told_of(self) -> list[tuple[str, Seen, str]]:
        """What is known of others' logs, as much of it as one entry holds: their current epochs first."""
        known, epochs = self.held.known(), self._peer.membership.epochs
        first = [one for one in known if epochs.is_current(one[0])]
        rest = [one for one in known if not epochs.is_current(one[0])]
        return sorted([*first, *rest][:MAX_SEEN], key=lambda one: one[0])

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
                        self._peer.waking.recovered(name, first, items)
                    elif self._peer.following.is_new(fields.log):
                        if fields.body["log"] == fields.log and self._peer.following.awaits(name, fields.log):
                            self.mirrors[fields.log].take(first, items[:1])
                            self._peer.following.progress(step, name)
                    elif fields.body["log"] == fields.log and self._peer.membership.epochs.is_current(fields.log):
                        mirror = self.mirrors.setdefault(fields.log, Mirror(fields.log))
                        if not mirror.take(first, items) and fields.log in self._awaited:
                            self.copying.ask(step, name, self._awaited[fields.log][0], by_entries=True)
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
        own = self.held.read(heads.own)
        if own is not None and own.checkpoint.origin == fields.log and self._peer.following.is_new(fields.log):
            self._peer.following.offered(step, name, own)
            return
        study = self._peer.studies.get(fields.study or b"")
        if study is None and (fields.study is not None or name not in self._peer.membership.names):
            return
        if study is not None and (name not in study.context.plan.regions or not is_witnessed(study)):
            return
        if own is None or own.checkpoint.origin != fields.log:
            raise RemoteError(name, "STATE", "HEADS without a checkpoint that its log has signed")
        if not self._peer.membership.epochs.is_current(fields.log):
            raise RemoteError(name, "STATE", f"HEADS of {fields.log}, which it has begun anew since")
        for note in heads.others:
            self.standing.relayed(step, note)
        self.protecting.heard(step, name, fields.log, heads.others)
        mirror = self.mirrors.setdefault(fields.log, Mirror(fields.log))
        largest = self.held.largest(fields.log)
        if self.standing.contradicts(step, name, own):
            return
        if own.checkpoint.size < largest:
            step.do(Suspect(name, "LS-ROLLBACK", f"shows {own.checkpoint.size} entries after {largest}"))
            self.copying.tell_behind(step, name, fields.log, own.checkpoint.size)
        elif own.checkpoint.size == mirror.size:
            self.confirm(step, name, own.checkpoint)
        elif study is None or study.context.plan.witness["mirror"]:
            self._awaited[fields.log] = own, name, True
            end = mirror.size + len(mirror.coming)
            if end < heads.since or (mirror.coming and end > heads.since):  # a lost copy; one that comes in parts
                self.copying.ask(step, name, own, by_entries=True)
            self._progress(step, fields.log)
        else:
            self._awaited[fields.log] = own, name, False
            self.copying.ask(step, name, own, by_entries=False)

    def _progress(self, step: Step, origin: str) -> None:
        """Verify and cosign once all entries up to the checkpoint at hand are here.

        Not before this region may write: what others' entries lead to (revocations, erasures) is written down too.
        """
        if origin not in self._awaited or self._peer.waking.is_asking:
            return
        (seen, name, _), mirror = self._awaited[origin], self.mirrors[origin]
        if mirror.size + len(mirror.coming) < seen.checkpoint.size:
            return
        del self._awaited[origin]
        before, held = mirror.size, (mirror.checkpoint, mirror.signature)
        new = mirror.verify(seen.checkpoint, seen.signature)
        if new is None:
            raise RemoteError(name, "STATE", "entries that do not give the checkpoint it has signed")
        leaves = {before + at: leaf for at, (leaf, _) in enumerate(new)}
        # From the end of the copy on: a message over that head is the first of the new entries, or a second story.
        for envelope in self._peer.mailbox.heads_between(origin, before, seen.checkpoint.size):
            if self.standing.is_foreign(envelope, leaves) and self.standing.fork(step, name, [envelope], seen):
                mirror.back_to(*held)
                return
        for at, (leaf, digest) in enumerate(new):
            step.row(MirrorRow(origin, before + at, leaf, digest))
            if leaf is not None and b"key." in leaf:
                self._peer.rotation.mirrored(step, name, before + at, leaf)
            if leaf is not None and b".release" in leaf:
                self._peer.releasing.copies.mirrored(step, origin, before + at, self._reading(origin, leaves))
        redactions = [leaf for leaf in leaves.values() if leaf is not None and b"redact" in leaf]
        self.standing.erased(step, origin, redactions, self._reading(origin, leaves))
        self._verified(step, name, seen)

    def go_on(self, step: Step) -> None:
        """Verify what came while nothing could be written."""
        for origin in list(self._awaited):
            try:
                self._progress(step, origin)
            except RemoteError as error:
                self._peer.refuse(step, error)

    def _reading(self, origin: str, new: dict[int, bytes | None]) -> Callable[[int], bytes | None]:
        """Entries of a copy: those that have just come, and those on disk."""
        return lambda seq: new[seq] if seq in new else self.held.records.mirrored(origin, seq)

    def _verified(self, step: Step, name: str, seen: Seen) -> None:
        point = seen.checkpoint
        step.row(HeadRow(point.origin, point.size, point.root, self.held.note(seen), "verified"))
        self.confirm(step, name, point)

    def confirm(self, step: Step, name: str, checkpoint: Checkpoint) -> None:
        """Cosign what was verified; it is written down in the same step."""
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
        self.held.since[name] = size
        if size >= (self.held.cosigned[name].size if name in self.held.cosigned else 0):
            self.held.cosigned[name] = made
        step.row(CosigRow(log.origin, size, name, stated, sig))
        self._peer.waking.confirmed(name)

    def _prove(self, step: Step, envelope: Envelope) -> None:
        """Answer who asks for proofs; where copies are kept, with the entries from where its copy ends as well."""
        name, left = envelope.fields.sender, self._proofs.get(envelope.fields.sender, PROOFS)
        if not left:
            raise RemoteError(name, UNTIMELY, f"asks for proofs more than {PROOFS} times of one state of this log")
        self._proofs[name] = left - 1
        if envelope.fields.body["size"] == 1 and self._peer.reentry.is_new:  # who does not follow this log (any more)
            self._peer.reentry.show(step, name)
            return
        heads, studies = self.copying.prove(step, envelope), self._peer.studies.values()
        is_due = step.now_ms >= self._entries_ms.get(name, 0)
        if is_due and (not studies or any(is_witnessed(s) and s.context.plan.witness["mirror"] for s in studies)):
            self._entries_ms[name] = step.now_ms + ENTRIES_MS
            self.held.since[name] = min(max(heads, default=0), self._peer.log.size)
            self.copying.mirror_to(step, name, self.held.since[name])

    def _proof(self, step: Step, envelope: Envelope, proof: Proof) -> None:
        """Without a copy: every head and place that is held must lie on the way to the checkpoint."""
        origin, name = envelope.fields.log, envelope.fields.sender
        seen, _, by_entries = self._awaited.get(origin, (None, "", True))
        if seen is None or by_entries or seen.checkpoint.size != proof.size:
            return
        foreign = self.copying.foreign(proof, seen)
        if foreign is not None:
            self.standing.fork(step, name, [foreign], seen)
            return
        del self._awaited[origin]
        self.held.proved[origin] = seen
        self._verified(step, name, seen)
