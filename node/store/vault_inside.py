"""An audit inside a region: its own vault opened to the audit, a signed note of what came of it, and rounds repeated.

Values of a region need not leave it to be checked. Its data protection officer runs the audit on the region's own
machine with ``--inside HOME``: commitments are opened out of the home's vault. The report is then vouched for by a note
that the region's log key signs:

    landsting-inside/v1
    <origin of the log>
    <study, 64 hex digits>
    <SHA-256 of the report's JSON, 64 hex digits>

``repeat`` trains a kept round again, in a worker of its own, on copies of the ledger and of what the task keeps:
nothing is paid, sent or changed. The same round from the same model on the same rows gives the same bytes; else
the data, the code or the machine are others, or the round was not trained like this.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crypto.hashing import tagged_hash
from crypto.note import sign_note
from gossip.studies.context import Opened
from node.audit.openings import Inside, Place
from node.errors import NodeError
from node.home import Home
from node.rehearsal import AskedWorker
from node.store.storage import StoreReader
from node.store.vault import Vault
from node.training import open_fields
from protocol.entries import decode_entry
from protocol.plan import Plan

HEAD = "landsting-inside/v1"


def inside(home: Home, vault: Vault, studies: Sequence[bytes]) -> Inside:
    """Return a home's vault as the audit reads it: openings of these studies, payloads as they are asked for."""
    _, region, epoch = home.origin.split("/")
    found: dict[Place, bytes] = {}
    for study in studies:
        for _, seq, name in list(vault.openings(study)):
            data = vault.opening(seq, name)
            if data is not None:
                found[(region, int(epoch), seq, name)] = data
    return Inside(found, vault.payload)


def report_bytes(report: Mapping[str, Any]) -> bytes:
    """Return a report's JSON as ``--json`` prints it: what the note is about."""
    return (json.dumps(report, indent=2, ensure_ascii=False) + "\n").encode()


def signed_note(home: Home, study: bytes, report: bytes) -> bytes:
    """Return the region's note on a report that it made inside."""
    body = f"{HEAD}\n{home.origin}\n{study.hex()}\n{hashlib.sha256(report).hexdigest()}\n".encode()
    return sign_note(body, home.origin, home.keys().log)


@dataclass(frozen=True, slots=True)
class Repeated:
    """One round trained again.

    Attributes:
        seq: The entry ``round.train`` with the commitment.
        same: To the bit; None where it cannot be trained again, since what the task keeps to itself (a discriminator,
            moments) is no longer here as it was before that round.
        off: Distance of the two results, in lengths of the update; None where they are the same or there is one only.
    """

    round: int
    seq: int
    same: bool | None
    off: float | None


def repeat(home: Home, plan: Plan, manifest: Path | None, rounds: range | None = None) -> list[Repeated]:
    """Train again every round of a study that the home has kept open; of ``rounds`` only, if given.

    Raises:
        NodeError: The worker says no: other data, other code, or the home lacks what the study began with.
    """
    kept: list[tuple[int, int]] = []
    with Vault(home.path) as vault, StoreReader(home) as reader:
        for round, seq, name in vault.openings(plan.study):
            if name == "delta" and (rounds is None or round in rounds):
                kept.append((round, seq))
        totals = _totals(reader, plan)
        return _repeated(home, plan, manifest, sorted(kept), vault, reader, totals) if kept else []


def _totals(reader: StoreReader, plan: Plan) -> list[bytes]:
    totals: list[bytes] = []
    for stage in range(plan.sum_rounds):
        stored = reader.blob(f"total/{plan.study.hex()}/{stage}")
        if stored is None:
            raise NodeError(
                f"the opened sums of study {plan.study.hex()[:12]} are gone from this home", "its state/ folder", ""
            )
        totals.append(Opened.decode(stored).total.astype("<i8").tobytes())
    return totals


def _repeated(
    home: Home,
    plan: Plan,
    manifest: Path | None,
    kept: Sequence[tuple[int, int]],
    vault: Vault,
    reader: StoreReader,
    totals: list[bytes],
) -> list[Repeated]:
    found: list[Repeated] = []
    worker = AskedWorker(home.path, plan.study.hex())
    try:
        with tempfile.TemporaryDirectory(prefix="landsting-repeat-") as name:
            folder = Path(name)
            fields = open_fields(home.path, home.name, plan, manifest)
            private, ledger = home.path / "state" / "private" / plan.study.hex(), home.path / "ledger.jsonl"
            fields |= {"state": str(folder / "state"), "ledger": str(folder / "ledger")}
            if ledger.exists():
                shutil.copyfile(ledger, folder / "ledger")
            _fresh(private, folder / "state" / plan.study.hex())
            saved = [int(path.stem) for path in private.glob("*.safetensors") if path.stem.isdigit()]
            worker.ask("open", **{**fields, "budget_u": None, "samples": None})
            for round, seq in kept:
                base, delta = vault.opening(seq, "base"), vault.opening(seq, "delta")
                if base is None or delta is None:
                    continue
                _check(reader, seq, delta)
                if saved and min(saved) >= round != plan.first_round:
                    found.append(Repeated(round, seq, None, None))
                    continue
                _fresh(private, folder / "state" / plan.study.hex())  # not what the round repeated before left there
                answer, _ = worker.ask("train", round=round, vector=base[32:], totals=totals)
                found.append(_compared(round, seq, base[32:], delta[32:], answer["vector"]))
    finally:
        worker.close()
    return found


def _fresh(source: Path, copy: Path) -> None:
    shutil.rmtree(copy, ignore_errors=True)
    if source.is_dir():
        shutil.copytree(source, copy)


def _check(reader: StoreReader, seq: int, delta: bytes) -> None:
    leaf, _ = next(iter(reader.entries(seq, seq + 1)))
    body = decode_entry(leaf).body if leaf is not None else {}
    if body.get("delta") != tagged_hash("commit", delta):
        raise NodeError(
            f"what the vault holds of entry {seq} is not what the log committed to", "the value of that round",
            "landsting audit verify --inside HOME BUNDLE",
        )  # fmt: skip


def _compared(round: int, seq: int, base: bytes, before: bytes, again: bytes) -> Repeated:
    if before == again:
        return Repeated(round, seq, True, None)
    start, one, two = _floats(base), _floats(before), _floats(again)
    length = float(np.linalg.norm(one - start))
    off = float(np.linalg.norm(two - one))
    return Repeated(round, seq, False, off / length if length else float("inf"))


def _floats(data: bytes) -> NDArray[np.float64]:
    return np.frombuffer(data, "<f4").astype(np.float64)
