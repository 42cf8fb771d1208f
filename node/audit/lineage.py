"""``audit prove-model FILE``: where a model comes from, entry by entry, each with a proof that stands alone.

The way back: the file's own hash or that of the numbers in it → the mix (or checkpoint, or release) that names it →
the sums that went into the mix → the messages of those sums → the round before, down to the plan's initial model. It is
whole only if each round also began from what the round before gave.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from node.audit.archive import BundleError
from node.audit.checks.bundles import gather
from node.audit.checks.logs import CheckedLog
from node.audit.checks.own import LogCheck
from node.audit.context import Context, contexts
from node.audit.findings import Json
from node.audit.leaves import Told
from node.audit.reading import Register, label_of, read_bundle
from node.audit.rules import Item
from node.audit.rules import lineage as chained
from node.audit.signatures import Signatures
from node.audit.statements import Statements
from protocol.plan import Plan

MAX_HEADER = 2**20


@dataclass(frozen=True, slots=True)
class Link:
    """One entry on the way back, in a soundly signed log."""

    region: str
    seq: int
    kind: str
    round: int | None
    words: str


@dataclass(slots=True)
class Lineage:
    """What was found.

    Attributes:
        found: Whether an entry names the file.
        whole: Whether every round back to the initial model is there, and each began where the one before ended.
        links: Newest first.
        proofs: C2SP tlog-proof of each entry named, by file name.
    """

    found: bool = False
    whole: bool = False
    words: str = ""
    links: list[Link] = field(default_factory=list)
    proofs: dict[str, bytes] = field(default_factory=dict)

    def to_json(self) -> dict[str, Json]:
        """Return it as JSON values."""
        rows: list[Json] = [
            {"region": link.region, "seq": link.seq, "kind": link.kind, "round": link.round, "words": link.words}
            for link in self.links
        ]
        return {"found": self.found, "whole": self.whole, "words": self.words, "links": rows}


def hashes_of(data: bytes) -> list[bytes]:
    """Return what logs may call a model file: its SHA-256, and that of the numbers of a safetensors file."""
    found = [hashlib.sha256(data).digest()]
    if len(data) > 8:
        (size,) = struct.unpack("<Q", data[:8])
        if size <= min(MAX_HEADER, len(data) - 8):
            try:
                header = json.loads(data[8 : 8 + size])
            except ValueError:
                return found
            if isinstance(header, dict):
                found.append(hashlib.sha256(data[8 + size :]).digest())
    return found


def prove_model(data: bytes, bundles: Sequence[Path], study: bytes) -> Lineage:
    """Return the way from a model file back to the study's initial model.

    Args:
        data: The file's bytes.
        bundles: Those that can be read are used.
        study: Whole id.
    """
    logs, plan, refused = _logs(bundles, study)
    lineage = Lineage()
    unused = "".join(f"; {label} could not be used ({code})" for label, code in refused)
    if plan is None:
        lineage.words = f"the bundles hold no plan of this study{unused}"
        return lineage
    wanted = hashes_of(data)
    for log in logs:
        start = next((told for told in reversed(_own(log, study)) if _names(told, wanted)), None)
        if start is not None:
            lineage.found = True
            _back(lineage, log, start, plan)
            lineage.words += unused
            return lineage
    lineage.words = (
        f"no entry of {len(logs)} logs names {wanted[0].hex()[:16]}: the file is no model of this study, it was changed"
        f" since, or the region that mixed it has handed over no sound log{unused}"
    )
    return lineage


def _logs(bundles: Sequence[Path], study: bytes) -> tuple[list[CheckedLog], Plan | None, list[tuple[str, str]]]:
    """Return the sound logs, the plan, and (label, code) of each bundle that could not be used."""
    statements, signatures = Statements(), Signatures()
    register = Register(statements, check=signatures.own)
    read, refused = [], []
    for path in sorted(bundles, key=label_of):
        try:
            read.append(read_bundle(path, register))
        except BundleError as error:
            refused.append((label_of(path), error.code))
    signatures.settle()
    held, _ = gather(read, study)
    plan = held.plans.get(study)
    found: list[CheckedLog] = []
    under: list[Context] = contexts(signatures, statements, held.plans, held.rosters, study) if plan else []
    for context in under:
        for bundle in read:
            for region, epoch in sorted(bundle.logs):
                if region in context.keys:
                    log, _ = LogCheck(context, bundle, region, epoch, held.payloads).run()
                    if log.is_sound:
                        found.append(log)
    return found, plan, refused


def _own(log: CheckedLog, study: bytes) -> list[Told]:
    return [told for told in log.raw.told if told.study == study]


def _names(told: Told, wanted: Sequence[bytes]) -> bool:
    if told.kind not in ("round.mix", "model.checkpoint", "model.release", "study.end"):
        return False
    return told.body.get("model") in wanted or told.body.get("file_sha256") in wanted


def _back(lineage: Lineage, log: CheckedLog, start: Told, plan: Plan) -> None:
    told = _own(log, plan.study)
    if start.kind != "round.mix":
        _add(lineage, log, start, f"names the file in round {start.body['round']}")
    mixes = [each for each in told if each.kind == "round.mix" and each.seq <= start.seq]
    sums = {each.body["session"]: each for each in told if each.kind == "session.sum"}
    model = start.body["model"]
    mixes = mixes[: next((n + 1 for n, each in reversed(list(enumerate(mixes))) if each.body["model"] == model), 0)]
    rounds = set()
    for mix in reversed(mixes):
        rounds.add(mix.body["round"])
        _add(lineage, log, mix, f"model {mix.body['model'].hex()[:16]} of round {mix.body['round']}")
        for used in mix.body["in"]:
            if used["session"] in sums:
                each = sums[used["session"]]
                names = ", ".join(each.body["survivors"])
                _add(lineage, log, each, f"a sum over {names}")
                _messages(lineage, log, used["session"])
    kept = {each.body["round"] for each in told if each.kind == "round.end" and each.body["outcome"] == "kept"}
    asked = set(range(plan.first_round, (max(rounds) if rounds else plan.first_round - 1) + 1))
    lineage.whole = bool(rounds) and asked <= rounds | kept
    begin = next((each for each in told if each.kind == "study.start"), None)
    if begin is not None:
        _add(lineage, log, begin, f"begun from the initial model {plan.init.hex()[:16]}")
    missing = sorted(asked - rounds - kept)
    broken = chained(plan, log.region, [Item(each.seq, each.kind, each.body) for each in told if each.seq <= start.seq])
    if lineage.whole and broken is None:
        lineage.words = f"{log.region} logged this model; {len(rounds)} mixes lead back to the initial model"
    elif broken is not None:
        lineage.whole = False
        lineage.words = f"{log.region} logged this model, but not from the initial model on: {broken}"
    else:
        listed = ", ".join(map(str, missing))
        lineage.words = f"{log.region} logged this model; rounds {listed or 'all'} are missing on the way back"


def _messages(lineage: Lineage, log: CheckedLog, session: bytes) -> None:
    """The values that went into a sum, as the log received them."""
    for seq, told in _received(log, session):
        _prove(lineage, log, seq)
        lineage.links.append(Link(log.region, seq, "env.recv", told[1], f"the value of {told[0]}"))


def _received(log: CheckedLog, session: bytes) -> Iterator[tuple[int, tuple[str, int | None]]]:
    import msgpack

    for seq, _, received in log.raw.messages():
        leaf = log.raw.leaves[seq]
        if received and leaf is not None and session in leaf:
            header = msgpack.unpackb(msgpack.unpackb(leaf)["body"]["header"])
            if header["session"] == session and header["type"] in ("MASKED", "DELTA", "PARTIAL"):
                yield seq, (header["from"], header["round"])


def _add(lineage: Lineage, log: CheckedLog, told: Told, words: str) -> None:
    round = told.body.get("round")
    lineage.links.append(Link(log.region, told.seq, told.kind, round if isinstance(round, int) else None, words))
    _prove(lineage, log, told.seq)


def _prove(lineage: Lineage, log: CheckedLog, seq: int) -> None:
    """Write a C2SP tlog-proof: index, inclusion path, the signed checkpoint."""
    path = "".join(base64.b64encode(node).decode() + "\n" for node in log.tree.inclusion_path(seq))
    head = f"c2sp.org/tlog-proof@v1\nindex {seq}\n{path}\n"
    lineage.proofs[f"{log.region}.{log.epoch}-{seq}.tlog-proof"] = head.encode() + (log.raw.checkpoint or b"")
