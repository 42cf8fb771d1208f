"""The kinds of entries: what each holds, and the closed lists of its codes and reasons.

A kind has exactly its fields. No free text, no person, no path. Kinds of later versions are not here: they
are refused by name, in writing and in reading. Forms and meaning: README.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from protocol.codec import MAX_HEADER, MAX_INT
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
    row,
    signature,
    text,
)

ROLES = ("controller", "dpo", "technical")
MASKINGS = ("auto", "strict", "recoverable", "off")
EXPORTS = ("none", "kept", "all")
ACCOUNTANTS = ("rdp",)
EPOCH_REASONS = ("disk", "rollback", "lost")
REVOKE_REASONS = ("stolen", "lost", "misused", "left")
REVOKERS = ("identity", "quorum")
# How a neighbour's checkpoint came to be known: compared with its log, or only as another passed it on.
HEAD_WAYS = ("verified", "relayed")
# Which rule of the plan's ``retention`` let payloads go, and on what ground an entry or a document was erased.
PRUNE_RULES = ("payload_rounds", "redact", "years")
REDACT_BASES = ("erasure", "order", "secrecy", "error")
ANONYMITY_METHODS = ("none", "columns", "generalised", "suppressed")
BUCKETS = ("<10", "10-99", "100-999", "1000-9999", "10000+")
# Why a node stopped in good order.
STOP_REASONS = ("signal", "command", "done", "disk", "error", "upgrade")
# Why a session opened nothing, and why a round kept the region's own model.
VOID_REASONS = (
    "absent",    # the region excused itself from this round
    "attempts",  # the last attempt of a sum round failed
    "budget",    # the privacy budget allows no further step
    "catch-up",  # the neighbours are rounds ahead
    "clip",      # the sum is more than ten times as long as the plan lets a step be: it counts for nothing
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
    "LS-MEMBER", "LS-OMITTED", "LS-OPENING", "LS-PAYLOAD-HASH", "LS-RECOMPUTE-MIX", "LS-RECOMPUTE-SUM",
    "LS-RELEASE-RULE", "LS-ROLLBACK", "LS-ROSTER", "LS-ROUND-DUP", "LS-ROUND-GAP", "LS-SETTINGS", "LS-STALE",
    "LS-STUDY-ACCEPT", "LS-STUDY-ID", "LS-TRUNCATED", "LS-UNMASK-BOTH", "LS-WEIGHT",
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
_bucket = code(*BUCKETS)
_measure = text(r"[a-z0-9_./-]{1,64}", "a name of [a-z0-9_./-], 1 to 64 long")
_values = mapping(_measure, integer(-MAX_INT))
_release = record(
    {
        "model": hash32, "round": integer(), "file_sha256": hash32, "card_sha256": hash32, "tests": _values,
        "approvals": ascending(record({"region": region, "eid": hash32}), by="region"),
    }
)  # fmt: skip
_candidate = {"kind": code("data", "model"), "file_sha256": hash32, "card_sha256": hash32, "bytes": _positive}
_decision = {"role": code(*ROLES), "decision_ref": optional(_diary)}
_revoke = record(
    {
        "region": region, "serial": _positive, "last_good": record({"size": integer(), "root": hash32}),
        "reason": code(*REVOKE_REASONS), "sig": optional(signature), "by": code(*REVOKERS),
        "approvals": ascending(record({"region": region, "sig": signature}), by="region"),
    }
)  # fmt: skip


def _revoked(value: Any) -> str | None:
    problem = _revoke(value)
    if problem is None and (value["by"] == "identity") is not (value["sig"] is not None):
        return ".sig: expected a signature where the identity key revokes, nil for a quorum"
    if problem is None and (value["by"] == "quorum") is not bool(value["approvals"]):
        return ".approvals: expected those of the members for a quorum, none where the identity key revokes"
    return problem


def _span(value: Any) -> str | None:
    problem = row(integer(), integer())(value)
    if problem is None and value[1] < value[0]:
        return f"[1]: found {value[1]}, expected at least the first round, {value[0]}"
    return problem


def _recovered(value: Any) -> str | None:
    problem = _recover(value)
    if problem is None and not value["from_size"] < value["to_size"]:
        return f".to_size: found {value['to_size']}, expected more than from_size, {value['from_size']}"
    return problem


_recover = record(
    {
        "from_size": integer(), "to_size": _positive,
        "from": ascending(record({"region": region, "size": integer()}), 1, by="region"), "hash_only": integer(),
    }
)  # fmt: skip

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
    Kind("log.recover", False, _recovered),
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
        "data.sheet", False,
        record({
            "sheet_sha256": hash32, "fingerprint": hash32, "schema_sha256": hash32, "rows_bucket": _bucket,
            "rules": record({"sha256": hash32, "passed": integer(), "failed": integer()}),
            "anonymity": record({
                "sha256": hash32, "method": code(*ANONYMITY_METHODS), "k": integer(), "l": integer(), "t_u": integer(),
            }),
            "overrides": ascending(record({"check": _measure, "decision_ref": _diary}), by="check"),
        }),
    ),
    Kind("round.start", True, record({"round": integer(), "base": hash32, "edges": ascending(region)})),
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
        "round.eval", True,
        record({"round": integer(), "model": hash32, "set": hash32, "metrics": hash32, "n_bucket": _bucket}),
    ),
    Kind(
        "round.end", True,
        record({
            "round": integer(), "outcome": code("mixed", "kept", "summed"), "reason": optional(code(*ROUND_REASONS)),
        }),
    ),
    Kind(
        "round.heads", True,
        record({
            "round": integer(),
            "seen": ascending(record({
                "origin": origin, "size": _positive, "root": hash32, "sig": signature, "how": code(*HEAD_WAYS),
            }), by="origin"),
            "cosigned": ascending(record({
                "by": region, "size": _positive, "t_s": integer(), "sig": signature,
            }), by="by"),
        }),
    ),
    Kind(
        "model.checkpoint", True,
        record({"round": integer(), "model": hash32, "file_sha256": hash32, "bytes": _positive}),
    ),
    Kind(
        "release.approve", True, record({**_candidate, "figures": optional(hash32), **_decision}),
        given=("decision_ref",),
    ),
    Kind(
        "release.offer", True, record({**_candidate, "to": ascending(region, 1), **_decision}),
        given=("decision_ref",),
    ),
    Kind("model.release", True, _release),
    Kind("data.release", True, _release),
    Kind("key.rotate", False, record({"keys": _keys, "sig": signature, "pop": row(signature, signature, signature)})),
    Kind("key.revoke", False, _revoked),
    Kind(
        "fault", None,
        record({
            "round": optional(integer()), "region": region, "code": code(*FAULT_CODES),
            "evidence": array(hash32, 0, 4),
        }),
    ),
    Kind(
        "payload.prune", True,
        record({"rounds": _span, "count": _positive, "hashes_root": hash32, "rule": code(*PRUNE_RULES)}),
    ),
    Kind("redact", False, record({"seq": integer(), "leaf": hash32, "basis": code(*REDACT_BASES)})),
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
