"""The strict reader of bundles: container (``archive``), names, sizes, manifest, and the bytes it names.

Nothing is extracted to disk, nothing is read twice, and what is refused is refused whole. Whether
the log inside is right is not judged here; that is ``checks``.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from node.audit.archive import BundleError, Member, chunks, members, printable
from node.audit.bundle import MANIFEST, MAX_PAYLOADS, NOTE, Bundle
from node.audit.leaves import Leaves, RawLog, Reader
from node.audit.records import RecordReader, Records
from node.audit.shapes import Shapes
from node.audit.statements import Statement, Statements
from protocol.codec import MAX_PLAN

MAX_NOTE = 64 * 1024
MAX_README = 64 * 1024
MAX_MANIFEST = 16 * 2**20
MAX_LINES = 16  # one for each key set that signed a log
MAX_BULK = 2**28  # one masked vector; carriers are judged by the codec's own limit

_HEX = r"[0-9a-f]{64}"
_LOG = (
    r"(?P<folder>logs|mirrors)/(?P<region>[a-z0-9-]{1,40})\.(?P<epoch>[1-9]\d{0,5})/"
    r"(?P<file>leaves\.bin|leaves\.jsonl|checkpoint\.note|release/(?P<key>[0-9a-f]{8})\.note)"
)
_OPENING = (
    r"openings/(?P<region>[a-z0-9-]{1,40})\.(?P<epoch>[1-9]\d{0,5})/"
    r"(?P<seq>0|[1-9]\d{0,11})-(?P<name>[a-z0-9_.]{1,64})\.bin"
)
_NAMES: tuple[tuple[re.Pattern[str], int], ...] = (  # most members are payloads
    (re.compile(rf"payloads/{_HEX}"), MAX_BULK),
    (re.compile(r"manifest\.txt"), MAX_MANIFEST),
    (re.compile(r"manifest\.note"), MAX_NOTE),
    (re.compile(r"README\.txt"), MAX_README),
    (re.compile(rf"plans/{_HEX}\.bin"), MAX_PLAN),
    (re.compile(rf"rosters/{_HEX}\.bin"), MAX_PLAN),
    (re.compile(_OPENING), MAX_BULK + 32),
    (re.compile(r"logs/[a-z0-9-]{1,40}\.[1-9]\d{0,5}/leaves\.(bin|jsonl)"), 2**30),
    (re.compile(r"(logs|mirrors)/[a-z0-9-]{1,40}\.[1-9]\d{0,5}/checkpoint\.note"), MAX_NOTE),
    (re.compile(r"(logs|mirrors)/[a-z0-9-]{1,40}\.[1-9]\d{0,5}/release/[0-9a-f]{8}\.note"), MAX_NOTE),
    (re.compile(r"mirrors/[a-z0-9-]{1,40}\.[1-9]\d{0,5}/leaves\.bin"), 2**30),
)
_LINE = re.compile(rf"({_HEX})  (\S+)\n")
_LABEL = re.compile(r"[^A-Za-z0-9._-]")


def label_of(path: Path) -> str:
    """Return how a report calls a file: its name without directory, ASCII, at most 64 characters."""
    return _LABEL.sub("_", path.name)[:64] or "_"


@dataclass(frozen=True, slots=True)
class Register:
    """What the bundles of one audit share while they are read.

    Attributes:
        check: Is told each message of a log's own region when it is read first.
        progress: Is told in words how far the reading is; what takes no time says nothing.
    """

    statements: Statements = field(default_factory=Statements)
    shapes: Shapes = field(default_factory=Shapes)
    check: Callable[[RawLog, Statement], None] | None = None
    progress: Callable[[str], None] = lambda _: None
    payloads: dict[bytes, bytes] = field(default_factory=dict)


def read_bundle(path: Path, register: Register | None = None) -> Bundle:
    """Return what a bundle holds; reads the file once, writes nothing.

    Raises:
        BundleError: Not a sound bundle; nothing of it may be used.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BundleError("LS-BUNDLE-FORMAT", "not a regular file")
        with path.open("rb") as file:
            return _read(file, label_of(path), register or Register())
    except OSError as error:
        raise BundleError("LS-BUNDLE-FORMAT", f"the file cannot be read: {error.strerror or 'unknown'}") from error


def _read(file: BinaryIO, label: str, register: Register) -> Bundle:
    found = {member.name: member for member in members(file)}
    for member in found.values():
        _check_name(member)
    if sum(one.size for one in found.values() if one.name.startswith(("payloads/", "openings/"))) > MAX_PAYLOADS:
        raise BundleError("LS-BUNDLE-LIMIT", f"payloads and openings of more than {MAX_PAYLOADS} bytes together")
    bundle = Bundle(label)
    readers: dict[tuple[str, int], tuple[Records, Reader]] = {}
    if MANIFEST not in found:
        raise BundleError("LS-BUNDLE-MANIFEST", "manifest.txt is missing")
    bundle.manifest = b"".join(chunks(file, found.pop(MANIFEST)))
    hashes = _parse_manifest(bundle.manifest)
    if NOTE in found:
        bundle.note = b"".join(chunks(file, found.pop(NOTE)))
    if hashes.keys() != found.keys():
        odd = sorted(hashes.keys() ^ found.keys())[0]
        where = "in manifest.txt and not in the file" if odd in hashes else "in the file and not in manifest.txt"
        raise BundleError("LS-BUNDLE-MANIFEST", f"{printable(odd)} is {where}")
    # In the order of names leaves.bin comes before the leaves.jsonl that is compared with it.
    for name in sorted(found):
        digest = hashlib.sha256()
        _take(bundle, name, _hashed(chunks(file, found[name]), digest.update), register, readers)
        if digest.hexdigest() != hashes[name]:
            raise BundleError("LS-BUNDLE-MANIFEST", f"{name}: its bytes are not those that manifest.txt names")
    for _, reader in readers.values():
        reader.finish()
    for (region, epoch), log in bundle.logs.items():
        if not log.has_leaves:
            raise BundleError("LS-BUNDLE-FORMAT", f"logs/{region}.{epoch}/leaves.bin is missing")
    if len({region for region, _ in bundle.logs}) != 1:
        raise BundleError("LS-BUNDLE-FORMAT", f"{len(bundle.logs)} logs; a bundle holds those of one region")
    return bundle


def _check_name(member: Member) -> None:
    for pattern, limit in _NAMES:
        if pattern.fullmatch(member.name):
            if member.size > limit:
                raise BundleError(
                    "LS-BUNDLE-LIMIT", f"{member.name} has {member.size} bytes; at most {limit} are allowed"
                )
            return
    raise BundleError("LS-BUNDLE-PATH", f"a file of the name {printable(member.name)} belongs to no bundle")


def _parse_manifest(data: bytes) -> dict[str, str]:
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError:
        raise BundleError("LS-BUNDLE-MANIFEST", "manifest.txt is not ASCII") from None
    hashes: dict[str, str] = {}
    at, last = 0, ""
    while at < len(text):
        line = _LINE.match(text, at)
        if line is None or line[2] <= last:
            where = f"line {len(hashes) + 1} of manifest.txt"
            raise BundleError("LS-BUNDLE-MANIFEST", f"{where} is not in its form or order")
        last = line[2]
        hashes[last] = line[1]
        at = line.end()
    return hashes


def _hashed(data: Iterator[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for chunk in data:
        update(chunk)
        yield chunk


def _take(
    bundle: Bundle,
    name: str,
    data: Iterator[bytes],
    register: Register,
    readers: dict[tuple[str, int], tuple[Records, Reader]],
) -> None:
    """Put one member where it belongs; always reads it to its end."""
    folder, _, rest = name.partition("/")
    if folder in ("plans", "rosters", "payloads"):
        key = bytes.fromhex(rest.removesuffix(".bin"))
        content = b"".join(data)
        # Neighbours hold the same payloads: one copy is enough.
        shared = register.payloads.setdefault(key, content)
        content = shared if shared == content else content
        {"plans": bundle.plans, "rosters": bundle.rosters, "payloads": bundle.payloads}[folder][key] = content
        return
    opening = re.fullmatch(_OPENING, name)
    if opening is not None:
        entry = opening["region"], int(opening["epoch"]), int(opening["seq"]), opening["name"]
        bundle.openings[entry] = b"".join(data)
        return
    place = re.fullmatch(_LOG, name)
    if place is None:
        for _ in data:  # README.txt: never parsed
            pass
        return
    where = place["region"], int(place["epoch"])
    folders = bundle.logs if place["folder"] == "logs" else bundle.mirrors
    log = folders.setdefault(where, RawLog(*where, Leaves(register.statements, register.shapes)))
    if place["file"] == "checkpoint.note":
        log.checkpoint = b"".join(data)
        return
    if place["key"] is not None:
        if len(log.lines) >= MAX_LINES:
            raise BundleError("LS-BUNDLE-LIMIT", f"more than {MAX_LINES} lines for the long term of one log")
        log.lines[place["key"]] = b"".join(data)
        return
    if place["folder"] == "mirrors":
        taker: RecordReader | Reader = RecordReader(log, None)
    else:
        if where not in readers:
            records = Records()
            readers[where] = records, Reader(log, records, register.shapes, register.statements, register.check)
        records, reader = readers[where]
        taker = RecordReader(log, records) if place["file"] == "leaves.bin" else reader
    for index, chunk in enumerate(data):
        taker.feed(chunk)
        if index % 64 == 63:
            whole = len(readers[where][0].leaves) if place["folder"] == "logs" else log.tree.size
            register.progress(f"{bundle.label}: {len(log.leaves)} of {whole} entries")
    taker.close()
