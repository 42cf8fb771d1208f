"""The evidence bundle: what a region hands to an auditor, and how it is written.

``write_bundle`` gives the same bytes for the same log; ``reading`` takes no bundle in another form.

Members are stored, not deflated: packed bytes can be changed without changing what they unpack to
(another distance that finds the same text), and then a flipped bit would go unseen.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgpack

from crypto.errors import CryptoError
from crypto.merkle import leaf_hash
from crypto.note import parse_checkpoint, parse_note, sign_note
from crypto.signing import SigningKey
from node.audit.leaves import RawLog
from node.audit.records import hash_only_line, record
from node.audit.shapes import Shapes, read_leaf
from protocol.errors import CodecError, PlanError
from protocol.messages import TYPES

MANIFEST, NOTE, README = "manifest.txt", "manifest.note", "README.txt"
MAX_PAYLOADS = 2**30  # payloads and openings together: they are held while the audit runs

_README_TEXT = """\
This file is part of an evidence bundle of landsting: the signed update log of one region.

  landsting audit verify FILE.bundle --study ID

checks it offline; the study id stands on the annex that the region signed for. The names in
manifest.txt can be checked with sha256sum -c as well. leaves.jsonl is for reading only: what
counts are leaves.bin and checkpoint.note.

Den här filen hör till ett bevispaket från landsting: en regions underskrivna uppdateringslogg.

  landsting audit verify FIL.bundle --study ID

granskar det utan nät; studiens id står på den bilaga som regionen skrivit under. Namnen i
manifest.txt kan också granskas med sha256sum -c. leaves.jsonl är bara till för läsning: det som
gäller är leaves.bin och checkpoint.note.
"""


class SignedForLong(Protocol):
    """A checkpoint with the line of a release key: whose log, the key's id, the size, and the note."""

    @property
    def origin(self) -> str: ...
    @property
    def key(self) -> bytes: ...
    @property
    def size(self) -> int: ...
    @property
    def note(self) -> bytes: ...


class MirrorCopy(Protocol):
    """A verified copy of a neighbour's log: (leaf or None, hash) of each entry, and its signed checkpoint."""

    @property
    def origin(self) -> str: ...
    @property
    def note(self) -> bytes: ...
    @property
    def records(self) -> Iterable[tuple[bytes | None, bytes]]: ...


@dataclass(slots=True)
class Bundle:
    """What one sound bundle holds.

    Attributes:
        label: Name of the file without directory, made printable: how findings call it.
        manifest: Bytes of ``manifest.txt``.
        note: Bytes of ``manifest.note``, None if missing.
        plans, rosters, payloads: File contents by the hash in their name, right or not.
        logs: By (region, epoch).
        mirrors: Copies of neighbours' logs, by (region, epoch): hashes, perhaps bytes, and a checkpoint.
        openings: Salt (32 bytes) and value of commitments, by (region, epoch, entry, field), right or not.
    """

    label: str
    manifest: bytes = b""
    note: bytes | None = None
    plans: dict[bytes, bytes] = field(default_factory=dict)
    rosters: dict[bytes, bytes] = field(default_factory=dict)
    payloads: dict[bytes, bytes] = field(default_factory=dict)
    logs: dict[tuple[str, int], RawLog] = field(default_factory=dict)
    mirrors: dict[tuple[str, int], RawLog] = field(default_factory=dict)
    openings: dict[tuple[str, int, int, str], bytes] = field(default_factory=dict)


def write_bundle(
    out: Path,
    *,
    origin: str,
    note_key: SigningKey,
    leaves: Iterable[bytes | tuple[bytes | None, bytes]],
    checkpoint: bytes,
    payload: Callable[[bytes], bytes | None],
    study: bytes | None = None,
    payloads: str = "kept",
    mirrors: Iterable[MirrorCopy] = (),
    with_mirrors: bool = False,
    rounds: range | None = None,
    openings: Mapping[tuple[int, str], bytes] | None = None,
    earlier: Iterable[MirrorCopy] = (),
    protected: Iterable[SignedForLong] = (),
) -> None:
    """Write the evidence of one log; the same arguments give the same bytes.

    The file appears under its name only when it is whole.

    Args:
        out: Where; its directory must exist.
        origin: ``<network>/<region>/<epoch>`` of the log.
        note_key: The log key; it signs ``manifest.note``.
        leaves: All leaves, from position 0, ``audit.export`` last; or (leaf, hash), with None for a leaf of which only
            the hash is left.
        checkpoint: The signed note over just these leaves.
        payload: Gives kept bytes by their SHA-256, None where there are none.
        study: Only this study's entries as bytes, those of others as hashes; None: all.
        payloads: ``none``, ``kept`` (carriers, rosters, plans, evidence) or ``all``: masked values of training
            rounds too, as far as ``payload`` still gives them. Those of sum rounds never leave.
        mirrors: Verified copies of neighbours' logs.
        with_mirrors: Their entries as bytes, not as hashes alone.
        rounds: Masked values of these rounds only; None: of all.
        openings: Salt and value of commitments, by entry and field.
        earlier: The region's own logs of epochs before this one, each with its last checkpoint.
        protected: Checkpoints that release keys signed, own and of copies; those of logs that do not go along, and
            of more entries of the own log than do, are left out.

    Raises:
        UnmaskableError: Together the files would uncover one region's update.
        ValueError: Leaves and checkpoint are not of one log, another word for ``payloads``, or too many bytes of them.
        OSError: The file cannot be written.
    """
    if payloads not in ("none", "kept", "all"):
        raise ValueError(f"payloads is {payloads!r}; expected none, kept or all")
    _, region, epoch = origin.split("/")
    head = parse_checkpoint(parse_note(checkpoint).body)
    if head.origin != origin:
        raise ValueError(f"the checkpoint is of {head.origin}, the log of {origin}")
    files, wanted = _log_files(f"logs/{region}.{epoch}", leaves, study, head.size)
    files[f"logs/{region}.{epoch}/checkpoint.note"] = checkpoint
    for log in earlier:
        folder = f"logs/{region}.{log.origin.split('/')[2]}"
        before, also = _log_files(folder, log.records, study, parse_checkpoint(parse_note(log.note).body).size)
        files |= {**before, f"{folder}/checkpoint.note": log.note}
        wanted.join(also)
    files[README] = _README_TEXT.encode()
    for copy in mirrors:
        _, whose, its_epoch = copy.origin.split("/")
        folder = f"mirrors/{whose}.{its_epoch}"
        rows = ((leaf if with_mirrors else None, hashed) for leaf, hashed in copy.records)
        files[f"{folder}/leaves.bin"] = b"".join(record(leaf, hashed) for leaf, hashed in rows)
        files[f"{folder}/checkpoint.note"] = copy.note
    for one in protected:
        _, whose, its_epoch = one.origin.split("/")
        folder = f"{'logs' if whose == region else 'mirrors'}/{whose}.{its_epoch}"
        if f"{folder}/leaves.bin" in files and (one.origin != origin or one.size <= head.size):
            files[f"{folder}/release/{one.key.hex()}.note"] = one.note
    files |= _named(wanted, payload, study, payloads, rounds)
    for (seq, name), data in (openings or {}).items():
        files[f"openings/{region}.{epoch}/{seq}-{name}.bin"] = data
    _check_together(wanted, files, {} if openings is None else openings)
    manifest = "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)).encode()
    note = manifest_body(origin, study, checkpoint, manifest)
    files[MANIFEST] = manifest
    files[NOTE] = sign_note(note, origin, note_key)
    write_archive(out, files)


def manifest_body(origin: str, study: bytes | None, checkpoint: bytes, manifest: bytes) -> bytes:
    """Return the five lines that ``manifest.note`` signs."""
    _, size, root = parse_note(checkpoint).body.decode("ascii").splitlines()[:3]
    lines = (
        "landsting-bundle/v1",
        origin,
        f"study {study.hex() if study else 'all'}",
        f"head {size} {root}",
        f"files {hashlib.sha256(manifest).hexdigest()}",
    )
    return "".join(line + "\n" for line in lines).encode()


def write_archive(out: Path, files: dict[str, bytes]) -> None:
    """Write files as an archive in the one form that ``read_bundle`` takes; whole or not at all, mode 0600."""
    part = out.with_name(f".{out.name}.part")
    try:
        part.unlink(missing_ok=True)
        with open(part, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
                for name in sorted(files):
                    info = zipfile.ZipInfo(name)
                    info.create_system = 3
                    info.external_attr = 0o100644 << 16
                    archive.writestr(info, files[name])
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)


class UnmaskableError(ValueError):
    """Files that together would uncover one region's update."""


def _check_together(wanted: _Wanted, files: Mapping[str, bytes], openings: Mapping[tuple[int, str], bytes]) -> None:
    large = [len(data) for name, data in files.items() if name.startswith(("payloads/", "openings/"))]
    if sum(large) > MAX_PAYLOADS:
        raise ValueError(f"payloads of {sum(large)} bytes; a bundle holds at most {MAX_PAYLOADS}: choose fewer rounds")
    for seq, name, session, region in wanted.pairs:
        sha = wanted.masked.get((session, region))
        if (seq, name) in openings and sha is not None and f"payloads/{sha.hex()}" in files:
            raise UnmaskableError(f"the value of {region}, left out of entry {seq}, beside the seeds of its masks")


@dataclass(slots=True)
class _Wanted:
    """Hashes that the entries name, by the folder they go to.

    Attributes:
        ended: Studies with their rounds that are over. Of others no masked value leaves: one that comes too late, or is
            left out, still lies beside those that count.
        pairs: Entry, field, session and region of every opened pair seed.
        masked: Hash of a region's masked value, by session.
    """

    studies: set[bytes] = field(default_factory=set)
    rosters: set[bytes] = field(default_factory=set)
    kept: set[bytes] = field(default_factory=set)
    bulk: set[tuple[bytes, int, bytes]] = field(default_factory=set)
    ended: set[tuple[bytes | None, int]] = field(default_factory=set)
    pairs: list[tuple[int, str, bytes, str]] = field(default_factory=list)
    masked: dict[tuple[bytes, str], bytes] = field(default_factory=dict)

    def join(self, earlier: _Wanted) -> None:
        """Take over what the log of an earlier epoch names; its openings do not leave."""
        self.studies |= earlier.studies
        self.rosters |= earlier.rosters
        self.kept |= earlier.kept
        self.bulk |= earlier.bulk
        self.ended |= earlier.ended
        self.masked = earlier.masked | self.masked


def _log_files(
    folder: str, leaves: Iterable[bytes | tuple[bytes | None, bytes]], study: bytes | None, size: int
) -> tuple[dict[str, bytes], _Wanted]:
    records, lines = bytearray(), list[bytes]()
    shapes = Shapes()
    wanted = _Wanted()
    count = 0
    for seq, one in enumerate(leaves):
        leaf, hashed = one if isinstance(one, tuple) else (one, leaf_hash(one))
        count += 1
        if leaf is None:
            records += record(None, hashed)
            lines.append(hash_only_line(seq, hashed).encode())
            continue
        form, _, _, line = read_leaf(shapes, leaf, seq, hashed)
        if study is not None and form.study not in (None, study):
            records += record(None, hashed)
            lines.append(hash_only_line(seq, hashed).encode())
            continue
        records += record(leaf, b"")
        lines.append(line)
        _collect(wanted, seq, form.study, form.kind, msgpack.unpackb(leaf)["body"])
    if count != size:
        raise ValueError(f"{count} leaves and a checkpoint over {size}; a bundle needs the checkpoint over its leaves")
    return {f"{folder}/leaves.bin": bytes(records), f"{folder}/leaves.jsonl": b"".join(lines)}, wanted


def _collect(wanted: _Wanted, seq: int, study: bytes | None, kind: str, body: Mapping[str, object]) -> None:
    match kind, body:
        case "round.end", {"round": int(round)}:
            wanted.ended.add((study, round))
        case "session.sum", {"session": bytes(session), "opened": list(opened)}:
            rows = [(index, row["region"]) for index, row in enumerate(opened) if row["kind"] == "pair"]
            wanted.pairs += [(seq, f"opened.{index}", session, name) for index, name in rows]
        case "roster.accept", {"roster": bytes(roster)}:
            wanted.rosters.add(roster)
        case "study.accept", {"plan": bytes(plan)}:
            wanted.studies.add(plan)
        case "fault", {"evidence": list(evidence)}:
            wanted.kept.update(sha for sha in evidence if isinstance(sha, bytes))
        case "env.sent" | "env.recv", {"header": bytes(header)}:
            fields = msgpack.unpackb(header)
            row = TYPES[fields["type"]]
            if fields["sha256"] is not None and (row.carrier or row.flooded):
                wanted.kept.add(fields["sha256"])
            if fields["type"] in ("MASKED", "PARTIAL", "DELTA"):
                wanted.bulk.add((fields["study"], fields["round"], fields["sha256"]))
                if fields["type"] == "MASKED":
                    wanted.masked[fields["session"], fields["from"]] = fields["sha256"]
            if fields["type"] == "PROPOSE":
                wanted.studies.add(fields["study"])


def _following(anchors: set[bytes], held: Mapping[bytes, bytes]) -> list[bytes]:
    """Return the anchors and the rosters that follow from them, link by link."""
    from protocol.errors import RosterError
    from protocol.roster import decode_roster

    old: dict[bytes, bytes | None] = {}
    for name, data in held.items():
        try:
            old[name] = decode_roster(data).old
        except (CodecError, RosterError, CryptoError):
            continue
    joined = set(anchors)
    while grown := {name for name, before in old.items() if before in joined and name not in joined}:
        joined |= grown
    return sorted(joined)


def _named(
    wanted: _Wanted,
    payload: Callable[[bytes], bytes | None],
    study: bytes | None,
    payloads: str,
    rounds: range | None,
) -> dict[str, bytes]:
    """Return plans, the rosters they name, and kept payloads."""
    from protocol.plan import Plan  # here: only a bundle with a study needs the plan's machinery

    files: dict[str, bytes] = {}
    rosters: set[bytes] = set()
    bulk: set[bytes] = set()
    for name in sorted(wanted.studies if study is None else wanted.studies & {study}):
        data = payload(name)
        if data is None:
            continue
        try:
            plan = Plan.decode(data)
            rosters.add(plan.roster)
            bulk |= {
                sha
                for study_, round, sha in wanted.bulk
                if study_ == name and round >= plan.first_round and (rounds is None or round in rounds)
                if (study_, round) in wanted.ended
            }
        except PlanError:  # a proposal that this version cannot read started nothing
            continue
        files[f"plans/{name.hex()}.bin"] = data
    # Without a plan, the rosters that this region signed; with one, those that follow from the plan's as well: they
    # tell of new keys. One that was founded in error follows from none.
    held = {name: data for name in sorted(rosters | wanted.rosters) if (data := payload(name)) is not None}
    for name in _following(rosters, held) if rosters else held:
        if name in held:
            files[f"rosters/{name.hex()}.bin"] = held[name]
    if payloads != "none":
        for sha in sorted(wanted.kept | (bulk if payloads == "all" else set())):
            data = payload(sha)
            if data is not None:
                files[f"payloads/{sha.hex()}"] = data
    return files
