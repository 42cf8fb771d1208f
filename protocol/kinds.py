"""The kinds of entries: what each holds, and the closed lists of its codes and reasons.

A kind has exactly its fields. No free text, no person, no path. Kinds of later versions are not here: they
are refused by name, in writing and in reading. Forms and meaning: README.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from protocol.codec import MAX_HEADER
from protocol.messages import REJECT_REASONS
from protocol.schema import (
    Check,
    array,
    ascending,
    binary,
    boolean,
    code,
    hash32,
    integer,
    mapping,
    network,
    optional,
    origin,
    record,
    region,
    signature,
    text,
)

ROLES = ("controller", "dpo", "technical")
MASKINGS = ("auto", "strict", "recoverable", "off")
EXPORTS = ("none", "kept", "all")
ACCOUNTANTS = ("rdp",)
EPOCH_REASONS = ("disk", "rollback", "lost")
# Why a node stopped in good order.
STOP_REASONS = ("signal", "command", "done", "disk", "error", "upgrade")
# Why a session opened nothing, and why a round kept the region's own model.
VOID_REASONS = (
    "absent",    # the region excused itself from this round
    "attempts",  # the last attempt of a sum round failed
    "budget",    # the privacy budget allows no further step
    "catch-up",  # the neighbours are rounds ahead
    "conflict",  # two signed statements of one member exclude each other
    "data",      # the region's data do not allow it
    "done",      # the study ended
    "left",      # the region left the study, or the round ended without this session
    "missing",   # a member of the cohort did not send its value in time
    "refused",   # members refused the cohort
    "restart",   # the node was restarted in this round
    "stats",     # the opened sums differ
    "stopped",   # the study was stopped
    "too-few",   # fewer announced themselves than hide one value
    "training",  # the region has no value of its own: training failed or took too long
)  # fmt: skip
ROUND_REASONS = VOID_REASONS
END_REASONS = (
    "attempts",  # a sum round failed in all its attempts
    "budget",    # the privacy budget is used up
    "code",      # the code is not what the plan names
    "conflict",  # regions contradict themselves: too few are left
    "data",      # the region's data do not allow it
    "init",      # the initial model is not the plan's
    "left",      # the region left
    "operator",  # stopped by the region's operator
    "rejected",  # a participant rejected the plan
    "stats",     # the opened sums differ between regions
    "training",  # training cannot go on
)  # fmt: skip
FAULT_CODES = (
    "TIMEOUT", "STATE", "LIMIT",
    "LS-COHORT", "LS-COSIG", "LS-DP-BUDGET", "LS-DP-MATH", "LS-EDGE", "LS-ENV-SIG", "LS-EQUIVOCATION",
    "LS-FALSE-DROPOUT", "LS-FORK", "LS-HEAD-SELF", "LS-KEY-REVOKED", "LS-KEY-UNKNOWN", "LS-LINEAGE", "LS-MATCH",
    "LS-MEMBER", "LS-OMITTED", "LS-OPENING", "LS-PAYLOAD-HASH", "LS-RECOMPUTE-MIX", "LS-RECOMPUTE-SUM", "LS-ROLLBACK",
    "LS-ROSTER", "LS-ROUND-DUP", "LS-ROUND-GAP", "LS-SETTINGS", "LS-STALE", "LS-STUDY-ACCEPT", "LS-STUDY-ID",
    "LS-TRUNCATED", "LS-UNMASK-BOTH", "LS-WEIGHT",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table of kinds.

    Attributes:
        name: Word of the kind.
        study: Whether the frame names a study; None where it may.
        schema: Check of ``body``.
        given: Fields of ``body`` that an operator writes.
    """

    name: str
    study: bool | None
    schema: Check
    given: tuple[str, ...] = ()


_diary = text(r"[A-Za-z0-9 ./:-]{1,40}", "a diary number of [A-Za-z0-9 ./:-], 1 to 40 long")
_stage = text(r"[A-Za-z0-9._-]{1,64}", "the code of a stage")
_software = record(
    {
        "name": text(r"[a-z0-9._-]{1,40}", "a name of [a-z0-9._-], 1 to 40 long"),
        "version": text(r"[0-9A-Za-z.+_-]{1,40}", "a version of [0-9A-Za-z.+_-], 1 to 40 long"),
        "source_sha256": hash32,
    }
)
_keys = record(
    {
        "serial": integer(1), "sign": hash32, "log": hash32, "witness": hash32, "x25519": hash32, "curve": hash32,
        "release": optional(binary(1312)),  # ML-DSA-44
    }
)  # fmt: skip
_positive = integer(1)
_dp = record(
    {
        "q_u": integer(0, 1_000_000), "sigma_u": integer(), "steps": integer(), "clip_u": integer(),
        "delta_u12": integer(), "accountant": code(*ACCOUNTANTS),
        "eps_round_u": integer(), "eps_study_u": integer(), "eps_data_u": integer(),
    }
)  # fmt: skip
_mask = record({"region": region, "kind": code("self", "pair"), "of": optional(region), "c": hash32})


def _opened(value: Any) -> str | None:
    problem = _mask(value)
    if problem is None and (value["kind"] == "pair") is not (value["of"] is not None):
        return ".of: expected a region for a pair mask, nil for a self mask"
    return problem


_header = binary(1, MAX_HEADER)

_TABLE = (
    Kind(
        "log.genesis", False,
        record({
            "network": network, "region": region, "identity": hash32, "keys": _keys, "software": _software,
            "prev": optional(record({
                "origin": origin, "size": _positive, "root": hash32, "reason": code(*EPOCH_REASONS),
            })),
        }),
        given=("network", "region"),
    ),
    Kind(
        "node.start", False,
        record({
            "software": _software, "config_sha256": hash32, "clean": boolean,
            "heard": ascending(record({"region": region, "size": integer()}), by="region"), "alone": boolean,
        }),
    ),
    Kind("node.stop", False, record({"reason": code(*STOP_REASONS)})),
    Kind(
        "roster.accept", False,
        record({
            "roster": hash32, "old": optional(hash32), "role": code(*ROLES), "decision_ref": optional(_diary),
            "sig": signature,
        }),
        given=("decision_ref",),
    ),
    Kind(
        "study.accept", True,
        record({
            "plan": hash32, "role": code(*ROLES), "decision_ref": optional(_diary), "sheet": optional(hash32),
        }),
        given=("decision_ref",),
    ),
    Kind(
        "study.reject", True,
        record({
            "plan": hash32, "role": code(*ROLES), "decision_ref": optional(_diary), "reason": code(*REJECT_REASONS),
        }),
        given=("decision_ref",),
    ),
    Kind(
        "study.start", True,
        record({
            "roster": hash32, "regions": ascending(region, 1), "init": hash32, "masking": code(*MASKINGS),
            "lab": boolean, "accepts": ascending(record({"region": region, "eid": hash32}), 1, by="region"),
        }),
    ),
    Kind(
        "stats.open", True,
        record({"round": integer(), "stage": _stage, "session": hash32, "sum": hash32, "stats": hash32}),
    ),
    Kind(
        "study.end", True,
        record({
            "round": integer(), "outcome": code("done", "stopped", "left"), "reason": optional(code(*END_REASONS)),
            "model": optional(hash32),
        }),
    ),
    Kind(
        "round.train", True,
        record({
            "round": integer(), "base": hash32, "delta": optional(hash32), "settings_sha256": hash32,
            "code_sha256": hash32, "steps": integer(), "norm_bucket": integer(-40, 40), "dp": optional(_dp),
        }),
    ),
    Kind("env.sent", None, record({"header": _header, "sig": signature, "to": ascending(region)})),
    Kind("env.recv", None, record({"header": _header, "sig": signature, "via": optional(region)})),
    Kind(
        "session.sum", True,
        record({
            "session": hash32, "receiver": region, "survivors": ascending(region, 1), "sum": hash32,
            "opened": array(_opened),
        }),
    ),
    Kind("session.void", True, record({"session": hash32, "receiver": region, "reason": code(*VOID_REASONS)})),
    Kind(
        "round.mix", True,
        record({
            "round": integer(), "in": array(record({"session": hash32, "sum": hash32}), 1),
            "missing": ascending(region), "weights": mapping(region, _positive, 1), "den": _positive,
            "own": optional(hash32), "model": hash32,
        }),
    ),
    Kind(
        "round.end", True,
        record({
            "round": integer(), "outcome": code("mixed", "kept", "summed"), "reason": optional(code(*ROUND_REASONS)),
        }),
    ),
    Kind(
        "fault", None,
        record({
            "round": optional(integer()), "region": region, "code": code(*FAULT_CODES),
            "evidence": array(hash32, 0, 4),
        }),
    ),
    Kind(
        "audit.export", False,
        record({
            "requester_ref": optional(_diary), "study": optional(hash32), "payloads": code(*EXPORTS),
            "mirrors": boolean,
        }),
        given=("requester_ref",),
    ),
)  # fmt: skip

KINDS: dict[str, Kind] = {row.name: row for row in _TABLE}
