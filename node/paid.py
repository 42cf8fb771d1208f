"""Whether the privacy ledger holds what the region's own log says was trained.

A round is in ``ledger.jsonl`` before it trains, and in the log after. A ledger that lacks a round of the log was
deleted, cut or put back, and would let epsilon be spent twice: nothing trains until it is the old one again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from node.errors import StoreError
from protocol.codec import MAX_ENTRY, decode

NAME = "ledger.jsonl"
_MARK = b"round.train"


def check_ledger(home: Path, leaves: Iterable[bytes | None]) -> None:
    """Refuse a ledger that lacks a private round of the log.

    Args:
        leaves: Of the region's own log, in order; None for those that were pruned.

    Raises:
        StoreError: It names the first round that is missing.
    """
    trained = [one for leaf in leaves if leaf is not None and _MARK in leaf and (one := _private_round(leaf))]
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
