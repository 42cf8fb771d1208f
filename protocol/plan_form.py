"""The table of a plan: every key, what it may hold, and what a key left out takes.

A canonical plan is a map with exactly these keys. What single values may be is here; what they may
be *together*, and what this version can do, is in ``plan_rules``. Comments are those that the TOML
form prints beside each key.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from protocol.errors import PlanError
from protocol.names import REGION, closest
from protocol.plan_checks import (
    Check,
    array,
    boolean,
    graphs,
    hash32,
    integer,
    matching,
    maybe,
    one_of,
    positive_decimal,
    settings,
    steps,
    tests,
    text,
    wrong,
)

PURPOSES = ("research", "quality", "planning", "statistics", "education")


class _Required:
    """Marks a key that cannot be left out."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


@dataclass(frozen=True, slots=True)
class Field:
    """One key: its check, its default (``REQUIRED`` if there is none) and a comment for people."""

    check: Check
    default: Any
    comment: str = ""


def table(fields: Mapping[str, Field]) -> Check:
    """Check for a map with exactly these keys."""

    def check(where: str, value: Any) -> None:
        if type(value) is not dict:
            raise wrong(where or "the plan", value, "a table")
        keys_of(where, value, fields)
        for key, field in fields.items():
            name = f"{where}.{key}" if where else key
            if key not in value:
                raise missing(name)
            field.check(name, value[key])

    return check


def keys_of(where: str, value: Mapping[str, Any], fields: Mapping[str, Field]) -> None:
    """Refuse a key that the table does not have, and say which was probably meant."""
    for key in value:
        if key in fields:
            continue
        name = f"{where}.{key}" if where else str(key)
        near = closest(str(key), fields)
        if near is not None:
            near = f"{where}.{near}" if where else near
        elif not where:
            near = next((f"{outer}.{key}" for outer, inner in TABLES.items() if key in inner), None)
        elif key in PLAN:
            near = key
        fix = f"Did you mean {near!r}?" if near else "Remove it; the task's own values stand under [settings]."
        raise PlanError(
            rule="key-unknown", found=f"unknown key {name!r}", expected="only keys of the plan's table", fix=fix
        )


def missing(name: str) -> PlanError:
    """Return the error for a key that cannot be left out."""
    return PlanError(
        rule="key-missing",
        found=f"no value for {name!r}",
        expected="one, since it has no default",
        fix="`landsting study new` writes a whole plan; change that one.",
    )


_code = matching(re.compile(r"[A-Za-z0-9._-]{1,64}"), "a word of letters, digits and . _ -, at most 64")
_stage = matching(re.compile(r"[a-z0-9_-]{1,32}"), "a stage's name, such as count")
_region = matching(REGION, "a region's name: a-z, 0-9 and -, at most 40")

TASK = {
    "name": Field(_code, REQUIRED),
    "version": Field(_code, REQUIRED),
}
MASKING = {
    "mode": Field(one_of("auto", "strict", "recoverable", "off"), "auto", "off: no masks, only with lab = true"),
    "colluders": Field(maybe(integer(0)), None, "left out: a third of a receiver's neighbours, less one, rounded down"),
    "min_hidden": Field(integer(2), 2, "honest values that a sum hides at the least"),
    "min_coalition": Field(integer(1), 1, "fewest regions that together may see one region's update"),
    "survivors": Field(one_of("free", "group_atomic"), "free"),
    "change_budget": Field(integer(1), 4, "different cohorts one receiver may show in 32 rounds"),
    "on_unmaskable": Field(one_of("refuse", "disclose"), "refuse", "disclose: in the clear there; needs [dp]"),
}
DP = {
    "accountant": Field(one_of("rdp"), "rdp"),
    "eps_max_u": Field(integer(1), REQUIRED, "epsilon of the whole study, in 1e-6"),
    "delta_u12": Field(integer(1, 10**12 - 1), REQUIRED, "delta, in 1e-12; below 1 / (number of records)"),
    "clip_u": Field(integer(1), REQUIRED, "bound of one record's gradient, in 1e-6"),
    "q_u": Field(integer(1, 10**6), REQUIRED, "sampling rate, in 1e-6"),
    "sigma_min_u": Field(integer(1), REQUIRED, "least noise multiplier, in 1e-6"),
    "preprocess_bp": Field(integer(0, 10_000), 1000, "share of epsilon for the sums before training, in 1e-4"),
    "noise_rng": Field(one_of("torch", "system"), "torch"),
}
WITNESS = {
    "quorum": Field(maybe(integer(0)), None, "cosignatures a checkpoint needs; half the neighbours; 0: not checked"),
    "max_lag_rounds": Field(integer(0), 3),
    "mirror": Field(boolean, True, "neighbours keep a verified copy of the log"),
}
RELEASE = {
    "min_approvals": Field(integer(0), 2, "regions that must sign a release, its own among them"),
    "tests": Field(tests, {}, "thresholds unlike the defaults: {shapes = 0.85, tstr_gap = 0.1}; 850000 is 0.85 too"),
}
RETENTION = {
    "payload_rounds": Field(integer(0), 0),
    "sample_bp": Field(integer(0, 10_000), 0),
    "years": Field(integer(0, 1000), 10, "how long logs are kept"),
}
TABLES: dict[str, dict[str, Field]] = {
    "task": TASK, "masking": MASKING, "dp": DP, "witness": WITNESS, "release": RELEASE, "retention": RETENTION,
}  # fmt: skip

PLAN: dict[str, Field] = {
    "v": Field(one_of(1), 1),
    "title": Field(text, ""),
    "purpose": Field(one_of(*PURPOSES), "research", "what the data's owners must have allowed"),
    "lab": Field(boolean, False, "true only in demonstrations, simulations and tests; printed on every page"),
    "roster": Field(hash32, REQUIRED, "hash of the roster in force"),
    "regions": Field(array(_region, least=2, is_set=True), REQUIRED, "who takes part, sorted"),
    "seed": Field(integer(0), 0, "public: graphs, splits, initial model"),
    "task": Field(table(TASK), REQUIRED),
    "schema": Field(hash32, REQUIRED, "what each region's data must look like"),
    "layout": Field(hash32, REQUIRED, "where each parameter lies in the vector"),
    "dim": Field(integer(1, 2**31), REQUIRED, "parameters that travel"),
    "init": Field(hash32, REQUIRED, "the initial vector, the same everywhere"),
    "freeze": Field(array(text, is_set=True), [], "patterns of parameters that neither train nor travel"),
    "settings": Field(settings, {}, "the task's own"),
    "code_sha256s": Field(array(hash32, least=1, is_set=True), REQUIRED, "training code that may take part"),
    "weighting": Field(one_of("region", "patient"), "region", "whose mean is optimised"),
    "weighting_max_u": Field(integer(1), 4_000_000),
    "data_update": Field(one_of("keep", "next_round"), "keep"),
    "sums": Field(array(_stage), [], "stages of the sums before training"),
    "rounds": Field(integer(1, 10**6), 20, "training rounds"),
    "round_timeout_s": Field(integer(1, 7 * 86_400), 60, "how long a round waits for others, at most"),
    "round_min_s": Field(integer(0, 7 * 86_400), 0, "how long a round takes at least"),
    "topology": Field(text, "complete", "label that the graphs were drawn by"),
    "graphs": Field(graphs, REQUIRED, "who talks to whom: places in `regions`; one list for each round, in turn"),
    "weights": Field(one_of("uniform", "metropolis"), "uniform"),
    "weight_den": Field(integer(2, 2**31), 256),
    "aggregation": Field(one_of("neighbourhood", "network"), "neighbourhood"),
    "fallback": Field(one_of("stop", "neighbourhood"), "stop"),
    "exchange": Field(one_of("full", "diff"), "full"),
    "ring": Field(one_of(8, 16, 32, 64), 32, "bits of one masked parameter"),
    "step_log2": Field(steps, [[0, "", 24]], "a parameter is sent in steps of 2^-k"),
    "gamma_u": Field(integer(1, 10**6), 10**6),
    "block_share_bp": Field(integer(1, 10_000), 10_000),
    "prg": Field(one_of("aes256ctr", "chacha20"), "aes256ctr"),
    "masking": Field(table(MASKING), {}),
    "robustness": Field(one_of("none", "clip_sum", "buckets", "clear", "clear-nearest", "clear-trimmed"), "none"),
    "clip": Field(maybe(positive_decimal), None),
    "dp": Field(maybe(table(DP)), None),
    "witness": Field(table(WITNESS), {}),
    "release": Field(table(RELEASE), {}),
    "retention": Field(table(RETENTION), {}),
    "skew_ms": Field(integer(0, 86_400_000), 300_000, "how far clocks may differ"),
}  # fmt: skip

check_form: Callable[[str, Any], None] = table(PLAN)
