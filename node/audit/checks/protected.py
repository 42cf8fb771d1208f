"""Checkpoints with a line for the long term (ML-DSA-44): which lines hold, and how far they protect a log.

Rules kept here, and nowhere else:
  * a line counts by the roster's release key, which the study id fixes by hashes alone, or by one that a ``key.rotate``
    brought and a line that counts covers: a rotation is signed with Ed25519, and must not need to be believed;
  * a line of a revoked key set counts up to the last good size;
  * a line that does not hold says nothing of the region named in it; a missing one is no fault;
  * the checkpoint in such a note is a signed head like any other, and can show a fork.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from crypto.errors import CryptoError
from crypto.merkle import Tree
from crypto.note import Checkpoint, parse_checkpoint, parse_note
from node.audit.bundle import Bundle
from node.audit.checks.keys import revocations
from node.audit.checks.logs import CheckedLog
from node.audit.checks.witness import Head
from node.audit.context import Context
from node.audit.findings import Finding
from protocol.release_line import PROTECTED, cosigned_message, lines_in, release_name


@dataclass(frozen=True, slots=True)
class Line:
    """A line that holds.

    Attributes:
        public: The release key.
        t_s: Time that it states, Unix seconds.
        label: Bundle that shows it.
    """

    region: str
    epoch: int
    public: bytes
    point: Checkpoint
    t_s: int
    label: str


@dataclass(frozen=True, slots=True)
class Protection:
    """How far one log is protected for the long term.

    Attributes:
        entries: How many entries are at hand, as bytes or as hashes.
        size: How many of them, from the first, a line protects; 0: none.
        t_s: Time that this line states, Unix seconds.
        has_key: Whether any key set of the region has a release key.
        label: Bundle that shows the line; None without one.
    """

    region: str
    epoch: int
    entries: int
    size: int = 0
    t_s: int = 0
    has_key: bool = False
    label: str | None = None


def gather(context: Context, bundles: Iterable[Bundle]) -> tuple[list[Line], list[Head], list[Finding]]:
    """Return the lines that hold, the heads that their notes are, and what is wrong with the others."""
    lines: list[Line] = []
    heads: list[Head] = []
    findings: list[Finding] = []
    for bundle in bundles:
        holder = min((name for name, _ in bundle.logs), default=bundle.label)
        for where, region, epoch, name, note in _notes(bundle):
            sets = context.sets(region)
            publics = list(dict.fromkeys(keys.release for keys in sets if keys.release is not None))
            if not sets:
                continue  # another network's
            origin = f"{context.network}/{region}/{epoch}"
            try:
                parsed = parse_note(note)
                point = parse_checkpoint(parsed.body)
            except CryptoError:
                if name is not None:  # what is wrong with checkpoint.note is said elsewhere
                    findings.append(_false(bundle, f"{where} cannot be read"))
                continue
            signer = release_name(str(context.network), region)
            found, wrong = lines_in(parsed, signer, publics)
            held = [
                Line(region, epoch, public, point, line.t_s, bundle.label)
                for public, line in found
                if name in (None, line.key_id.hex())
                and context.signatures.release(public, line.sig, cosigned_message(point, signer, line.t_s))
            ]
            if wrong or len(held) < len(found):
                findings.append(_false(bundle, f"{where}: the line of {signer} does not hold"))
            elif held and (
                point.origin != origin or not any(context.signatures.note(note, origin, k.log) for k in sets)
            ):
                findings.append(_false(bundle, f"{where}: the checkpoint is not signed by {origin}"))
            elif held:
                lines += held
                if name is not None:
                    heads.append(Head(point, holder, mirror=note))
    return lines, heads, findings


def _notes(bundle: Bundle) -> Iterator[tuple[str, str, int, str | None, bytes]]:
    """Yield every note that may hold a line: where it lies, region and epoch, key id of its name, bytes."""
    for folder, logs in (("logs", bundle.logs), ("mirrors", bundle.mirrors)):
        for (region, epoch), raw in sorted(logs.items()):
            if raw.checkpoint is not None:
                yield f"{folder}/{region}", region, epoch, None, raw.checkpoint
            for name, note in sorted(raw.lines.items()):
                yield f"{folder}/{region}/{name}", region, epoch, name, note


def _false(bundle: Bundle, detail: str) -> Finding:
    return Finding("LS-COSIG", source=bundle.label, values={"detail": detail})


def protection(
    context: Context, logs: Sequence[CheckedLog], bundles: Iterable[Bundle], lines: Sequence[Line]
) -> tuple[list[Protection], list[Finding]]:
    """Return how far each log at hand is protected, and which events of a log no line covers."""
    if context.roster is None:
        return [], []
    trees: dict[tuple[str, int], Tree] = {}
    for bundle in bundles:
        for place, raw in bundle.mirrors.items():
            if place[0] in context.keys and raw.tree.size > trees.get(place, Tree()).size:
                trees[place] = raw.tree
    sound = {(log.region, log.epoch): log for log in sorted(logs, key=lambda log: log.tree.size) if log.is_sound}
    trees |= {place: log.tree for place, log in sound.items()}
    counting = _counting(context, logs, [one for one in lines if _fits(one, trees.get((one.region, one.epoch)))])
    found: list[Protection] = []
    findings: list[Finding] = []
    for (region, epoch), tree in sorted(trees.items()):
        mine = [one for one in counting if (one.region, one.epoch) == (region, epoch)]
        best = max(mine, key=lambda one: (one.point.size, one.label), default=None)
        has_key = any(keys.release is not None for keys in context.sets(region))
        if best is None:
            found.append(Protection(region, epoch, tree.size, has_key=has_key))
        else:
            found.append(Protection(region, epoch, tree.size, best.point.size, best.t_s, has_key, best.label))
        if (region, epoch) in sound and has_key:
            findings += _uncovered(context, sound[region, epoch], found[-1].size)
    return found, findings


def _fits(line: Line, tree: Tree | None) -> bool:
    size = line.point.size
    return tree is not None and 0 < size <= tree.size and tree.root_at(size) == line.point.root


def _counting(context: Context, logs: Sequence[CheckedLog], lines: Sequence[Line]) -> list[Line]:
    """Return the lines by keys that count, those of later sets once a line that counts covers what brought them."""
    last_good = revocations(context, logs)
    counting: list[Line] = []
    for region in sorted(context.keys):
        rows = [(context.keys[region], (0, 0), True)]
        for each in context.later.get(region, ()):
            rows.append((each.keys, (each.epoch, each.position or 0), False))
        for keys, brought, is_rostered in rows:
            until = last_good.get((region, keys.serial))
            covered = any(
                one.region == region and one.epoch == brought[0] and one.point.size > brought[1] for one in counting
            )
            if keys.release is None or not (is_rostered or (brought[1] and covered)):
                continue
            counting += [
                one for one in lines
                if (one.region, one.public) == (region, keys.release)
                and (until is None or (one.epoch, one.point.size) <= until)
            ]  # fmt: skip
    return counting


def _uncovered(context: Context, log: CheckedLog, size: int) -> list[Finding]:
    """The first event at which a region's key set has a release key, and which no line covers."""
    for told in log.raw.told:
        if told.kind in PROTECTED and told.seq >= size:
            sets = context.sets_at(log.region, told.seq, log.epoch)
            if any(keys.release is not None for keys in sets):
                return [
                    Finding(
                        "LS-LINE-MISSING", subject=log.region, study=told.study, seq=told.seq,
                        values={"detail": told.kind}, roster=context.roster_hash,
                    )
                ]  # fmt: skip
    return []
