"""What neighbours' signatures in a ``round.heads`` say: heads that were seen, and when a log was confirmed.

An entry is older than a cosignature on a log that holds it, and younger than one that an entry before it
cites. Used by the checks and, again, by ``proofs``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crypto.note import Checkpoint, checkpoint_body
from node.audit.context import KeySet
from protocol.plan import Plan

Holds = Callable[[bytes, bytes, bytes], bool]
Judged = dict[tuple[str, int, bytes, bytes], KeySet | None]
"""Origin, size, root and signature of a head to the key set that signed it."""


def judge_heads(
    body: Mapping[str, Any],
    origin: str,
    keys: Mapping[str, Sequence[KeySet]],
    roots: Mapping[int, bytes],
    holds: Holds,
    judged: Judged | None = None,
) -> Iterator[tuple[Mapping[str, Any], KeySet | None]]:
    """Yield each row of a ``round.heads`` with the key set that signed it; None where it is not signed.

    Args:
        origin: The log that the entry stands in; cosignatures are on this log.
        keys: All sets by region; rows of others are passed over.
        roots: Root of this log by size; sizes that are missing are passed over.
        holds: (public key, signature, message) to whether it verifies.
        judged: Heads that were judged already, with the same keys: several neighbours see one head.
    """
    judged = {} if judged is None else judged
    for seen in body["seen"]:
        sets = keys.get(seen["origin"].split("/")[1])
        if sets:
            head = seen["origin"], seen["size"], seen["root"], seen["sig"]
            if head not in judged:
                message = checkpoint_body(Checkpoint(*head[:3]))
                judged[head] = next((each for each in sets if holds(each.log, seen["sig"], message)), None)
            yield seen, judged[head]
    mine: dict[int, bytes] = {}
    for cosigned in body["cosigned"]:
        sets, size = keys.get(cosigned["by"]), cosigned["size"]
        if sets and size in roots:
            if size not in mine:
                mine[size] = checkpoint_body(Checkpoint(origin, size, roots[size]))
            message = b"cosignature/v1\ntime %d\n" % cosigned["t_s"] + mine[size]
            yield cosigned, next((each for each in sets if holds(each.witness, cosigned["sig"], message)), None)


def signed_what(row: Mapping[str, Any]) -> str:
    """Return in words what a row of a ``round.heads`` is."""
    return f"a head of {row['origin']}" if "origin" in row else f"a cosignature of {row['by']}"


@dataclass(frozen=True, slots=True)
class TimeFault:
    """An entry whose date some signed times do not allow.

    Attributes:
        seq: The entry.
        witnesses: Who says so.
    """

    seq: int
    witnesses: tuple[str, ...]
    words: str


def time_fault(body: Mapping[str, Any], at: int, times: Mapping[int, int] | Any, skew_ms: int) -> TimeFault | None:
    """Return what the cosignatures in one ``round.heads`` say against the log's own dates, or None.

    Args:
        at: Place of the entry; it cites the times, so it is younger than they.
        times: Milliseconds by place; places that are missing are passed over.
    """
    early: dict[str, int] = {}
    late: dict[str, tuple[int, int]] = {}
    for cosigned in body["cosigned"]:
        signed_ms, last = cosigned["t_s"] * 1000, cosigned["size"] - 1
        mine = _at(times, at)
        if mine is not None and mine < signed_ms - skew_ms:
            early[cosigned["by"]] = signed_ms - mine
        before = _at(times, last)
        # A cosigner's clock counts whole seconds.
        if before is not None and before > signed_ms + 999 + skew_ms:
            late[cosigned["by"]] = last, before - signed_ms
    if not early and not late:
        return None
    if len(early) >= len(late):
        ms = min(early.values())
        return TimeFault(at, tuple(sorted(early)), f"entry {at} is dated {ms} ms before a time that it cites")
    last, ms = min(late.values())
    return TimeFault(last, tuple(sorted(late)), f"entry {last} is dated {ms} ms after others confirmed it")


def _at(times: Any, seq: int) -> int | None:
    if isinstance(times, Mapping):
        return times.get(seq)
    return times[seq] if 0 <= seq < len(times) else None


def quorum(plan: Plan, region: str, round: int) -> int:
    """Return how many neighbours a plan asks to confirm a log: half of them, at least one; 0: it does not ask."""
    asked = plan.witness["quorum"]
    if asked is not None:
        return int(asked)
    if region not in plan.regions:
        return 1
    return max(1, -(-plan.degree(region, min(round, plan.end_round - 1)) // 2))
