"""What regions have opened of their commitments (level L5), and whether it is what they committed to.

An opening is 32 bytes of salt and a value; the commitment is the tagged hash of both. Two are of plain hashes, with a
salt of zeros: ``base``, the model that a round began from, and ``init``, the study's initial model. A bundle holds what
its region chose to hand over; an audit inside a region reads the region's own vault.

What does not open accuses the region whose signed note names the file; without that note nobody: the file's bundle is
defective. Which rounds a region had to open: ``protocol.beacon``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crypto.hashing import tagged_hash
from node.audit.bundle import Bundle
from node.audit.checks.logs import CheckedLog
from node.audit.evidence import payload_piece, plan_piece
from node.audit.findings import Finding, Severity
from node.audit.leaves import Told

if TYPE_CHECKING:
    from node.audit.checks.study import StudyCheck

SALT = 32
Place = tuple[str, int, int, str]
"""Region, epoch, entry and field of a commitment."""


def _nothing(_sha256: bytes) -> bytes | None:
    return None


@dataclass(frozen=True, slots=True)
class Inside:
    """What an audit inside a region reads beside the bundles: the region's own vault.

    Attributes:
        openings: Salt and value, by the place of the commitment.
        payload: Gives a payload by its SHA-256; None if there is none.
    """

    openings: Mapping[Place, bytes] = field(default_factory=dict)
    payload: Callable[[bytes], bytes | None] = _nothing


@dataclass(frozen=True, slots=True)
class Opened:
    """One opening as handed over.

    Attributes:
        label: The bundle that holds it; None: the region's own vault.
    """

    label: str | None
    data: bytes

    @property
    def value(self) -> bytes:
        """What was committed to."""
        return self.data[SALT:]


def gathered(bundles: Iterable[Bundle], inside: Inside) -> dict[Place, list[Opened]]:
    """Return all openings at hand, by the place of their commitment."""
    found: dict[Place, list[Opened]] = {}
    for bundle in bundles:
        for place, data in bundle.openings.items():
            if place[:2] in bundle.logs:  # nobody opens for another: what lies beside no log of its own shows nothing
                found.setdefault(place, []).append(Opened(bundle.label, data))
    for place, data in inside.openings.items():
        found.setdefault(place, []).append(Opened(None, data))
    return found


def open_commitment(
    check: StudyCheck, log: CheckedLog, told: Told, name: str, commitment: bytes, size: int | None = None
) -> bytes | None:
    """Return the value of one commitment; None where nothing at hand opens it.

    Args:
        size: Bytes that the value must have; None: any.
    """
    held = check.again.openings.get((log.region, log.epoch, told.seq, name), ())
    for one in held:
        if len(one.data) >= SALT and (size is None or len(one.value) == size) and _is(one, name, commitment):
            return one.value
    if held:
        blame(check, log, told, f"{name} of entry {told.seq} does not open what was committed to", held)
    return None


def _is(one: Opened, name: str, commitment: bytes) -> bool:
    if name in ("base", "init"):
        return one.data[:SALT] == bytes(SALT) and hashlib.sha256(one.value).digest() == commitment
    return tagged_hash("commit", one.data) == commitment


def blame(
    check: StudyCheck, log: CheckedLog, told: Told, detail: str, held: Sequence[Opened], code: str = "LS-OPENING"
) -> None:
    """Say what an opening shows: of its region where that has signed the file, else of the bundle alone."""
    round = told.body.get("round")
    pieces = [log.note, log.proof(told.seq), *(payload_piece(hashlib.sha256(one.data).digest()) for one in held)]
    if any(one.label is None or check.again.signed.get(one.label, False) for one in held):
        check.accuse(
            code, log.region, detail, told.seq, [*pieces, plan_piece(check.plan)], None,
            round if isinstance(round, int) else None,
        )  # fmt: skip
        return
    source = held[0].label
    if (code, source) not in check.again.said_of:
        check.again.said_of.add((code, source))
        finding = Finding(
            code, source=source, study=check.study, seq=told.seq, values={"detail": detail}, roster=check.roster_hash,
            round=round if isinstance(round, int) else None, grave=Severity.MAJOR,
        )  # fmt: skip
        check.findings.append(finding)
