"""A real study told again, with one region lying in it: every log, message and signature is made anew.

``Play`` takes the bundles and keys of a run of daemons. A lesson or a test changes the steps of one region; ``write``
then seals everything again in the order in which it happened: what the liar says differently is what its neighbours
hear, answer and log. So nothing but the lie itself is out of place, as if the daemon had told it. It takes the keys of
all regions, so it is for runs of one's own: ``landsting demo --tamper``, tests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from crypto.hashing import tagged, tagged_hash
from crypto.keys import PrivateKeys
from crypto.merkle import Tree, leaf_hash
from crypto.mldsa import is_available
from crypto.note import Checkpoint, checkpoint_body, note_key_id, parse_checkpoint, parse_note, sign_note
from gossip.effects import ProtectedRow
from node.audit import read_bundle, write_bundle
from protocol.codec import MAX_CONTROL, MAX_HEADER, decode, encode
from protocol.cosignature import cosign
from protocol.entries import Entry, decode_entry, encode_entry
from protocol.messages import TYPES
from protocol.release_line import RELEASE, cosigned_message, line_of, lines_in, release_name


class PlayError(LookupError):
    """A step that is not in the run, or a story that cannot go on."""


@dataclass
class Step:
    """One entry to be.

    Attributes:
        header: That of the message in it, as a map.
        eid: How other steps name that message.
        was: Its place in the real log.
        is_hidden: The message is sent, and its entry left out of the log.
        claims: Place that its head claims; None: its own.
    """

    kind: str
    study: bytes | None
    t_ms: int
    body: dict[str, Any]
    header: dict[str, Any] | None = None
    eid: bytes | None = None
    was: int | None = None
    payload: bytes | None = None
    is_hidden: bool = False
    claims: int | None = None


@dataclass
class Made:
    """One log as it is made anew."""

    tree: Tree = field(default_factory=Tree)
    leaves: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class Copy:
    """What a neighbour copied of a log."""

    origin: str
    note: bytes
    records: Sequence[tuple[bytes | None, bytes]]


class Play:
    """A run of daemons, to be told again.

    Attributes:
        steps: By region, what its log will hold.
        next_keys: By region, the keys that its step ``key.rotate`` takes into use.
        inventor: Region that writes a cosignature which nobody gave.
        openings: By region, what opens its commitments, by place in the real log and field.
    """

    def __init__(self, bundles: Mapping[str, Path], keys: Mapping[str, PrivateKeys]) -> None:
        self._keys = dict(keys)
        self.next_keys: dict[str, PrivateKeys] = {}
        self.inventor: str | None = None
        self._read = {name: read_bundle(path) for name, path in bundles.items()}
        self.payloads: dict[bytes, bytes] = {}
        self.openings: dict[str, dict[tuple[int, str], bytes]] = {
            name: {(seq, field): data for (_, _, seq, field), data in bundle.openings.items()}
            for name, bundle in self._read.items()
        }
        self.steps: dict[str, list[Step]] = {}
        self.origins: dict[str, str] = {}
        for name, bundle in self._read.items():
            self.payloads |= bundle.payloads | bundle.plans | bundle.rosters
            log = bundle.logs[name, 1]
            self.origins[name] = log.origin
            self.steps[name] = [_step(seq, leaf) for seq, leaf in enumerate(log.leaves) if leaf is not None]
        self._made: dict[str, Made] = {}
        self._new: dict[bytes, tuple[bytes, bytes, bytes]] = {}
        self._sha: dict[bytes, bytes] = {}
        self._sizes: dict[str, dict[int, int]] = {}

    # ------------------------------------------------------------ finding steps

    def find(self, region: str, kind: str, type: str | None = None, round: int | None = None, start: int = 0) -> int:
        """Return the first step of a kind (and type, and round) in a region's log.

        Raises:
            PlayError: There is none.
        """
        for at, step in enumerate(self.steps[region]):
            source = step.header or step.body
            fits = step.kind == kind and at >= start and (type is None or (step.header or {}).get("type") == type)
            if fits and round in (None, source.get("round")):
                return at
        raise PlayError(f"{region} has no {kind} {type} {round}")

    def say(self, region: str, at: int, type: str, body: dict[str, Any], to: str, **more: Any) -> Step:
        """Let a region say one message more, before its step ``at``; ``to`` hears it at the end of its log."""
        like = self.steps[region][at]
        header: dict[str, Any] = {
            "v": 1, "type": type, "from": region, "log": self.origins[region], "head": [1, bytes(32)],
            "study": like.study, "round": None, "session": None, "body": body, "bytes": 0, "sha256": None,
        } | {key: more.pop(key) for key in ("study", "round", "session") if key in more}  # fmt: skip
        eid = hashlib.sha256(repr((region, at, type, body, to)).encode()).digest()
        sent = Step("env.sent", header["study"], like.t_ms, {"to": [to]}, header, eid, **more)
        self.steps[region].insert(at, sent)
        last = self.steps[to][-1]
        heard = Step("env.recv", header["study"], last.t_ms, {"via": None, "sig": bytes(64)}, header, eid)
        self.steps[to].insert(len(self.steps[to]) - 1, heard)
        return sent

    def add(self, region: str, at: int, kind: str, body: dict[str, Any], study: bytes | None = None) -> None:
        """Let a region write one entry more, before its step ``at``."""
        self.steps[region].insert(at, Step(kind, study, self.steps[region][at].t_ms, body))

    # ------------------------------------------------------------ telling it again

    def play(self) -> dict[str, Made]:
        """Make all logs anew, and return them by region."""
        at = dict.fromkeys(self.steps, 0)
        self._made = {name: Made() for name in self.steps}
        for name, steps in self.steps.items():
            # How long the new log is where the real one had a size.
            self._sizes[name] = {}
            for index, step in enumerate(steps):
                if step.was is not None:
                    self._sizes[name][step.was + 1] = index + 1
        while any(at[name] < len(steps) for name, steps in self.steps.items()):
            moved = False
            for name, steps in sorted(self.steps.items()):
                while at[name] < len(steps) and self._may(name, steps[at[name]]):
                    self._do(name, steps[at[name]])
                    at[name] += 1
                    moved = True
            if not moved:
                waits = ", ".join(f"{name}: {steps_left(self.steps[name], n)}" for name, n in sorted(at.items()))
                raise PlayError(f"nobody can go on; {waits}")
        return self._made

    def _may(self, name: str, step: Step) -> bool:
        if step.kind == "env.recv":
            return step.eid in self._new
        if step.kind == "round.heads":
            return all(self._has(row["origin"].split("/")[1], row["size"]) for row in step.body["seen"])
        return True

    def _has(self, name: str, size: int) -> bool:
        return name not in self._made or self._made[name].tree.size >= self._size(name, size)

    def _size(self, name: str, size: int) -> int:
        return self._sizes[name].get(size) or size

    def _do(self, name: str, step: Step) -> None:
        made, body = self._made[name], self._renewed(step.body)
        if step.kind == "env.sent" and step.header is not None:
            header, signature = self._seal(name, step)
            body |= {"header": header, "sig": signature}
            if step.is_hidden:
                return
        elif step.kind == "env.recv" and step.eid is not None:
            header, signature, _ = self._new[step.eid]
            body |= {"header": header, "sig": body["sig"] if step.payload == b"forged" else signature}
        elif step.kind == "round.heads":
            body = self._heads(name, body)
        entry = Entry(self.origins[name], made.tree.size, step.t_ms, step.kind, step.study, body)
        leaf = encode_entry(entry)
        if step.kind == "key.rotate":
            self._keys[name] = self.next_keys[name]
        made.leaves.append(leaf)
        made.tree.append(leaf_hash(leaf))

    def _seal(self, name: str, step: Step) -> tuple[bytes, bytes]:
        made, fields = self._made[name], self._renewed(dict(step.header or {}))
        size = made.tree.size if step.claims is None else step.claims
        fields["head"] = [size, made.tree.root_at(size)]
        old = fields["sha256"]
        payload = step.payload
        if payload is None and old is not None and TYPES[fields["type"]].carrier and old in self.payloads:
            payload = self._carrier(self.payloads[old])
        if payload is not None:
            fields["sha256"], fields["bytes"] = hashlib.sha256(payload).digest(), len(payload)
            self.payloads[fields["sha256"]] = payload
            if old is not None:
                self._sha[old] = fields["sha256"]
        header = encode(fields)
        signature = self._keys[name].sign.sign(tagged(fields["type"], header))
        eid = tagged_hash(fields["type"], header)
        if step.eid is not None:
            self._new[step.eid] = header, signature, eid
        return header, signature

    def _carrier(self, payload: bytes) -> bytes:
        rows = []
        carried: Any = decode(payload, max_bytes=MAX_CONTROL)
        for header, signature, inner in carried:
            fields: Any = decode(header, max_bytes=MAX_HEADER)
            new = self._new.get(tagged_hash(fields["type"], header))
            row = [new[0], new[1], inner] if new is not None else [header, signature, inner]
            fields = decode(row[0], max_bytes=MAX_HEADER)
            rows.append(((fields["from"], fields["type"], fields["head"][0], row[0]), row))
        return encode([row for _, row in sorted(rows, key=lambda each: each[0])])

    def _heads(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        seen = []
        for row in body["seen"]:
            whose = row["origin"].split("/")[1]
            size = self._size(whose, row["size"])
            root = self._made[whose].tree.root_at(size)
            note = checkpoint_body(Checkpoint(row["origin"], size, root))
            seen.append({**row, "size": size, "root": root, "sig": self._keys[whose].log.sign(note)})
        cosigned: list[dict[str, Any]] = []
        for row in body["cosigned"]:
            size = self._size(name, row["size"])
            point = Checkpoint(self.origins[name], size, self._made[name].tree.root_at(size))
            again = cosign(point, row["by"], self._keys[row["by"]].witness, row["t_s"])
            invented = name == self.inventor and not cosigned
            cosigned.append({**row, "size": size, "sig": bytes(64) if invented else again.sig})
        return {**body, "seen": seen, "cosigned": cosigned}

    def _renewed(self, value: Any) -> Any:
        """The same value with the new names of messages in it."""
        match value:
            case bytes() if value in self._new:
                return self._new[value][2]
            case bytes() if value in self._sha:
                return self._sha[value]
            case list():
                return [self._renewed(one) for one in value]
            case dict():
                return {key: self._renewed(one) for key, one in value.items()}
        return value

    # ------------------------------------------------------------ handing over

    def write(self, folder: Path, *, change: Callable[[str, list[bytes]], list[bytes]] | None = None) -> list[Path]:
        """Write all bundles; ``change`` may give a region's leaves another form just before it hands them over."""
        if not self._made:
            self.play()
        return [self.bundle(name, folder, change=change) for name in sorted(self.steps)]

    def bundle(
        self, name: str, folder: Path, *, change: Callable[[str, list[bytes]], list[bytes]] | None = None
    ) -> Path:
        """Write one region's bundle."""
        leaves = self._made[name].leaves
        leaves = change(name, list(leaves)) if change is not None else leaves
        origin, key = self.origins[name], self._keys[name].log
        tree = Tree(leaf_hash(leaf) for leaf in leaves)
        out = folder / f"{name}.bundle"
        told = [step for step in self.steps[name] if not step.is_hidden]
        places = {step.was: at for at, step in enumerate(told) if step.was is not None}
        write_bundle(
            out,
            origin=origin,
            note_key=key,
            leaves=leaves,
            checkpoint=sign_note(checkpoint_body(Checkpoint(origin, tree.size, tree.root())), origin, key),
            payload=self.payloads.get,
            mirrors=self._copies(name),
            protected=self._lines(name),
            payloads="all" if self.openings[name] else "kept",
            openings={(places[seq], field): data for (seq, field), data in self.openings[name].items()},
        )
        return out

    def _lines(self, name: str) -> list[ProtectedRow]:
        """What release keys signed of the real log, signed of this one."""
        release, found = self._keys[name].release, list[ProtectedRow]()
        for (whose, _), raw in sorted(self._read[name].logs.items()):
            for note in raw.lines.values() if release is not None and is_available() else ():
                size = self._size(whose, parse_checkpoint(parse_note(note).body).size)
                point = Checkpoint(self.origins[whose], size, self._made[whose].tree.root_at(size))
                signer = release_name(self.origins[whose].split("/")[0], whose)
                assert release is not None
                old, _ = lines_in(parse_note(note), signer, [release.public])
                t_s = old[0][1].t_s if old else 0  # the line is made anew, and says the time of the real one
                line = line_of(signer, release.public, t_s, release.sign(cosigned_message(point, signer, t_s)))
                signed = sign_note(checkpoint_body(point), point.origin, self._keys[whose].log) + line
                found.append(ProtectedRow(point.origin, note_key_id(signer, RELEASE, release.public), size, signed))
        return found

    def _copies(self, name: str) -> list[Copy]:
        copies = []
        for (whose, _), raw in sorted(self._read[name].mirrors.items()):
            size = self._size(whose, parse_checkpoint(parse_note(raw.checkpoint or b"").body).size)
            tree = self._made[whose].tree
            size = min(size, tree.size)
            body = checkpoint_body(Checkpoint(self.origins[whose], size, tree.root_at(size)))
            note = sign_note(body, self.origins[whose], self._keys[whose].log)
            copies.append(Copy(self.origins[whose], note, [(None, tree.hash_at(at)) for at in range(size)]))
        return copies


def _step(seq: int, leaf: bytes) -> Step:
    entry = decode_entry(leaf)
    body: dict[str, Any] = dict(entry.body)
    if entry.kind not in ("env.sent", "env.recv"):
        return Step(entry.kind, entry.study, entry.t_ms, body, was=seq)
    header: Any = decode(body["header"], max_bytes=MAX_HEADER)
    return Step(entry.kind, entry.study, entry.t_ms, body, header, tagged_hash(header["type"], body["header"]), was=seq)


def steps_left(steps: Sequence[Step], at: int) -> str:
    """Return what a region waits with, for the message of a play that cannot go on."""
    return f"{steps[at].kind} {(steps[at].header or {}).get('type')}" if at < len(steps) else "done"
