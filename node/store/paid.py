"""Whether the privacy ledger holds what the region's own log says was trained.

A round is in ``ledger.jsonl`` before it trains, and in the log after. A ledger that lacks a round of the log was
deleted, cut or put back, and would let epsilon be spent twice: nothing trains until it is the old one again. It is
looked at when a node starts, before it accepts a private study, and when it begins one.

A home that was put back has lost lines of its ledger with the end of its log. What of the log comes back from the
neighbours brings its lines back (``recover``); rounds that may have been trained under what is lost for good are paid
for as if they had been (``pay_lost``), and so are sums that were opened (``pay_sums``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from node.errors import StoreError
from node.files import disk_error, sync_folder
from protocol.codec import MAX_ENTRY, decode
from protocol.plan import Plan

NAME = "ledger.jsonl"
_MARK, _SUM = b"round.train", b"stats.open"


def check_ledger(home: Path, leaves: Iterable[bytes | None]) -> None:
    """Refuse a ledger that lacks a private round of the log.

    Args:
        leaves: Of the region's own log, in order; None for those that were pruned.

    Raises:
        StoreError: It names the first round that is missing.
    """
    check_rounds(home, private_rounds(leaves))


def private_rounds(leaves: Iterable[bytes | None]) -> list[tuple[str, int]]:
    """Return (study, round) of each private round that entries of the region's own log say was trained, in order."""
    return [one for leaf in leaves if leaf is not None and _MARK in leaf and (one := _private_round(leaf))]


def check_rounds(home: Path, trained: Collection[tuple[str, int]]) -> None:
    """Refuse a ledger that lacks one of these private rounds.

    Raises:
        StoreError: It names the first that is missing.
    """
    if not trained:
        return
    paid: set[tuple[str, int]] = set()
    try:
        for line in (home / NAME).read_bytes().splitlines():
            one = json.loads(line)
            paid.add((str(one["study"]), int(one["round"])))
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _bad(f"it cannot be read ({type(error).__name__})") from error
    for study, round in trained:
        if (study, round) not in paid:
            raise _bad(f"it lacks round {round} of study {study[:12]}, which the log says was trained under privacy")


def recover(home: Path, leaves: Iterable[bytes | None]) -> int:
    """Write the ledger's lines of private rounds that came back with the log; returns how many were missing.

    Raises:
        StoreError: It could not be written.
    """
    known, lines = {(one["study"], one["round"]) for one in _read(home)}, []
    for leaf in leaves:
        value = decode(leaf, max_bytes=MAX_ENTRY) if leaf is not None and _MARK in leaf else None
        match value:
            case {"kind": "round.train", "study": bytes(study), "body": {"round": int(round), "dp": dict(dp), **rest}}:
                if (study.hex(), round) not in known:
                    base = rest["base"]
                    lines.append(_line(study, round, dp, base.hex() if isinstance(base, bytes) else ""))
    _append(home, lines)
    return len(lines)


def pay_lost(home: Path, study: bytes, rounds: Iterable[int], plan: Plan) -> int:
    """Pay for private rounds of which nobody knows whether they were trained; returns for how many.

    Raises:
        StoreError: What a round costs is not known, or it could not be written.
    """
    if plan.dp is None:
        return 0
    before = [one for one in _read(home) if one["study"] == study.hex()]
    known = {one["round"] for one in before}
    missing = [round for round in rounds if round not in known]
    trained = [one for one in before if one["round"] >= plan.sum_rounds]
    _append(home, [_line(study, round, _cost(plan, round, study, trained), "") for round in missing])
    return len(missing)


def pay_sums(home: Path, leaves: Iterable[bytes | None], plans: Mapping[bytes, Plan]) -> int:
    """Pay for sums of private studies that the log says were opened and that the ledger lacks; returns for how many.

    What a sum costs stands in the plan, so that a ledger which was put back before its first round of training, or
    a log that came back without it, is mended instead of refused.

    Args:
        plans: By study; of other studies nothing is known and nothing is paid.

    Raises:
        StoreError: As ``pay_lost``.
    """
    opened: dict[bytes, set[int]] = {}
    for leaf in leaves:
        value = decode(leaf, max_bytes=MAX_ENTRY) if leaf is not None and _SUM in leaf else None
        match value:
            case {"kind": "stats.open", "study": bytes(study), "body": {"round": int(round)}} if study in plans:
                opened.setdefault(study, set()).add(round)
    return sum(pay_lost(home, study, sorted(rounds), plans[study]) for study, rounds in opened.items())


def _cost(plan: Plan, round: int, study: bytes, trained: list[dict[str, Any]]) -> Mapping[str, Any]:
    """What a round of a plan with privacy costs: one of its sums, or training as in the rounds that were paid for."""
    assert plan.dp is not None
    found: Mapping[str, Any]
    if round < plan.sum_rounds:
        from node.learning.accounting import MICRO, statistics_sigma_u

        share = int(plan.dp.get("preprocess_bp", 0))
        sigma = statistics_sigma_u(int(plan.dp["eps_max_u"]), int(plan.dp["delta_u12"]), share, plan.sum_rounds)
        found = {"q_u": MICRO, "sigma_u": sigma, "steps": 1 if sigma else None}
    else:
        planned = {"q_u": plan.dp["q_u"], "sigma_u": plan.dp["sigma_min_u"], "steps": plan.settings.get("local_steps")}
        found = trained[-1] if trained else planned
    if not isinstance(found["steps"], int):
        raise _bad(f"round {round} of study {study.hex()[:12]} may have been trained, and its cost is not known")
    return {**found, "delta_u12": plan.dp["delta_u12"]}


def _line(study: bytes, round: int, dp: Mapping[str, Any], base: str) -> dict[str, Any]:
    cost = {key: int(dp[key]) for key in ("q_u", "sigma_u", "steps", "delta_u12")}
    return {"study": study.hex(), "round": round, "base": base, "data": "", "chance": "lost", **cost}


def _read(home: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in (home / NAME).read_bytes().splitlines()]
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise _bad(f"it cannot be read ({type(error).__name__})") from error


def _append(home: Path, lines: Iterable[dict[str, Any]]) -> None:
    data = b"".join(json.dumps(line, sort_keys=True).encode() + b"\n" for line in lines)
    if not data:
        return
    try:
        descriptor = os.open(home / NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        sync_folder(home)
    except OSError as error:
        raise disk_error(error, home) from error


def _private_round(leaf: bytes) -> tuple[str, int] | None:
    value = decode(leaf, max_bytes=MAX_ENTRY)
    if not isinstance(value, dict) or value.get("kind") != "round.train":
        return None
    body, study = value["body"], value["study"]
    if not isinstance(body, dict) or not isinstance(study, bytes) or body.get("dp") is None:
        return None
    round = body["round"]
    return (study.hex(), round) if isinstance(round, int) else None


def _bad(found: str) -> StoreError:
    return StoreError(
        f"the privacy ledger {NAME} of this home is not the one that was written: {found}",
        "every private round of the log in it",
        "restore ledger.jsonl from a backup that is as new as the log",
    )
