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
from protocol.reals import Real, is_decimal

Check = Callable[[str, Any], None]

MAX_INT = 2**53 - 1
PURPOSES = ("research", "quality", "planning", "statistics", "education")
_CODE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_KEY = re.compile(r"[a-z0-9_./-]{1,64}")
_PREFIX = re.compile(r"[\x21-\x7e]{0,128}")


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


def show(value: object) -> str:
    """Return a value as a message shows it: short, and bytes as hex."""
    if isinstance(value, bytes):
        text = value.hex()
        return text if len(text) <= 16 else f"{text[:16]}… ({len(value)} bytes)"
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value) if isinstance(value, Real) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _wrong(where: str, value: object, expected: str, fix: str = "") -> PlanError:
    return PlanError(
        rule="VALUE", found=f"{where} is {show(value)}", expected=expected, fix=fix or f"Correct {where} in the plan."
    )


def integer(low: int, high: int = MAX_INT) -> Check:
    """Check for a whole number from ``low`` to ``high``."""
    bounds = f"a whole number of at least {low}" if high == MAX_INT else f"a whole number from {low} to {high}"

    def check(where: str, value: Any) -> None:
        if type(value) is not int or not low <= value <= high:
            raise _wrong(where, value, bounds)

    return check


def one_of(*choices: object) -> Check:
    """Check for one of a closed list of words or numbers."""

    def check(where: str, value: Any) -> None:
        if not any(type(value) is type(choice) and value == choice for choice in choices):
            near = closest(value, [c for c in choices if isinstance(c, str)]) if isinstance(value, str) else None
            fix = f"Did you mean {near!r}?" if near else ""
            raise _wrong(where, value, "one of " + ", ".join(str(c) for c in choices), fix)

    return check


def boolean(where: str, value: Any) -> None:
    """Check for true or false."""
    if type(value) is not bool:
        raise _wrong(where, value, "true or false")


def text(where: str, value: Any) -> None:
    """Check for a line of at most 200 bytes in Latin letters."""
    if type(value) is not str or len(value.encode(errors="replace")) > 200 or not all(_is_wide(c) for c in value):
        raise _wrong(where, value, "one line of Latin text, at most 200 bytes")
    if value.startswith("0x"):
        raise _wrong(where, value, "text that does not start with 0x (that is how bytes are shown)")


def _is_wide(character: str) -> bool:
    return " " <= character <= "~" or ("\u00a1" <= character <= "\u024f" and character != "\u00ad")


def matching(pattern: re.Pattern[str], expected: str) -> Check:
    """Check for a string of one pattern."""

    def check(where: str, value: Any) -> None:
        if type(value) is not str or pattern.fullmatch(value) is None:
            raise _wrong(where, value, expected)

    return check


def hash32(where: str, value: Any) -> None:
    """Check for 32 bytes."""
    if type(value) is not bytes or len(value) != 32:
        raise _wrong(where, value, "a SHA-256: 32 bytes, in TOML 64 hex digits")


def maybe(check: Check) -> Check:
    """Check for nil or what another check allows."""

    def either(where: str, value: Any) -> None:
        if value is not None:
            check(where, value)

    return either


def positive_decimal(where: str, value: Any) -> None:
    """Check for a decimal string above 0."""
    if type(value) is not str or not is_decimal(value) or value.startswith("-") or value == "0":
        raise _wrong(where, value, 'a decimal above 0, such as "1.5"')


def array(item: Check, *, least: int = 0, is_set: bool = False) -> Check:
    """Check for an array; ``is_set``: ascending without repeats."""

    def check(where: str, value: Any) -> None:
        if type(value) is not list:
            raise _wrong(where, value, "an array")
        for index, one in enumerate(value):
            item(f"{where}[{index}]", one)
        if len(value) < least:
            raise _wrong(where, value, f"at least {least} of them")
        if is_set:
            for before, after in zip(value, value[1:], strict=False):
                if not before < after:
                    raise _wrong(where, after, f"ascending order without repeats; it stands after {show(before)}")

    return check


def settings(where: str, value: Any) -> None:
    """Check for the task's own map: names to whole numbers, booleans, strings."""
    if type(value) is not dict:
        raise _wrong(where, value, "a table")
    for key, one in value.items():
        _KEY.fullmatch(key) or _raise(_wrong(f"a key of {where}", key, "a name of [a-z0-9_./-], at most 64"))
        if type(one) is str:
            text(f"{where}.{key}", one)
        elif type(one) is not bool:
            if type(one) is not int or abs(one) > MAX_INT:
                raise _wrong(f"{where}.{key}", one, "a whole number, true or false, or a string (a real is a decimal string)")


def tests(where: str, value: Any) -> None:
    """Check for names of release tests with their thresholds in 1e-6."""
    if type(value) is not dict:
        raise _wrong(where, value, "a table")
    for key, one in value.items():
        _KEY.fullmatch(key) or _raise(_wrong(f"a key of {where}", key, "a name of [a-z0-9_./-], at most 64"))
        integer(-MAX_INT)(f"{where}.{key}", one)


def steps(where: str, value: Any) -> None:
    """Check for lines [round, prefix, k]: from that round on, names with that prefix have the step 2^-k."""
    if type(value) is not list or not value:
        raise _wrong(where, value, 'lines such as [[0, "", 24]], or in TOML the bare 24')
    for index, line in enumerate(value):
        at = f"{where}[{index}]"
        if type(line) is not list or len(line) != 3:
            raise _wrong(at, line, "[round, prefix of parameter names, k]")
        integer(0)(f"{at} (round)", line[0])
        matching(_PREFIX, "the beginning of a parameter's name, or the empty string")(f"{at} (prefix)", line[1])
        integer(-32, 52)(f"{at} (k)", line[2])
    if value[0][:2] != [0, ""]:
        raise _wrong(f"{where}[0]", value[0], 'a first line for all names from round 0 on: [0, "", k]')
    if [line[0] for line in value] != sorted(line[0] for line in value):
        raise _wrong(where, value, "lines in the order of their rounds; of two that fit, the later wins")


def graphs(where: str, value: Any) -> None:
    """Check for edge lists: pairs i < j, ascending, each once."""
    if type(value) is not list or not value:
        raise _wrong(where, value, "at least one list of edges")
    for number, edges in enumerate(value):
        if type(edges) is not list:
            raise _wrong(f"{where}[{number}]", edges, "a list of edges")
        last = [-1, -1]
        for edge in edges:
            if type(edge) is not list or len(edge) != 2 or any(type(end) is not int for end in edge):
                raise _wrong(f"an edge of {where}[{number}]", edge, "[i, j], two places in `regions`")
            if not 0 <= edge[0] < edge[1]:
                raise _wrong(f"an edge of {where}[{number}]", edge, "[i, j] with 0 <= i < j")
            if not last < edge:
                raise _wrong(f"an edge of {where}[{number}]", edge, f"ascending order without repeats; it stands after {last}")
            last = edge


def table(fields: Mapping[str, Field]) -> Check:
    """Check for a map with exactly these keys."""

    def check(where: str, value: Any) -> None:
        if type(value) is not dict:
            raise _wrong(where or "the plan", value, "a table")
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
        raise PlanError(rule="KEY_UNKNOWN", found=f"unknown key {name!r}", expected="only keys of the plan's table", fix=fix)


def missing(name: str) -> PlanError:
    """Return the error for a key that cannot be left out."""
    return PlanError(
        rule="KEY_MISSING",
        found=f"{name!r} is missing",
        expected="a value, since it has no default",
        fix="`landsting study new` writes a whole plan; change that one.",
    )


def _raise(error: PlanError) -> None:
    raise error


_code = matching(_CODE, "a word of letters, digits and . _ -, at most 64")

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
    "on_unmaskable": Field(one_of("refuse", "disclose"), "refuse", "disclose: sends updates in the clear there; needs [dp]"),
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
    "quorum": Field(maybe(integer(0)), 0, "cosignatures a checkpoint needs; 0: not checked"),
    "max_lag_rounds": Field(integer(0), 3),
    "mirror": Field(boolean, False),
}
RELEASE = {
    "min_approvals": Field(integer(0), 2, "other regions that must approve a model's release"),
    "tests": Field(tests, {}, "names of tests and their thresholds, in 1e-6"),
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
    "regions": Field(array(matching(REGION, "a region's name: [a-z0-9-], at most 40"), least=2, is_set=True), REQUIRED, "who takes part, sorted"),
    "seed": Field(integer(0), 0, "public: graphs, splits, initial model"),
    "task": Field(table(TASK), REQUIRED),
    "schema": Field(hash32, REQUIRED, "what each region's data must look like"),
    "layout": Field(hash32, REQUIRED, "where each parameter lies in the vector"),
    "dim": Field(integer(1, 2**31), REQUIRED, "parameters that travel"),
    "init": Field(hash32, REQUIRED, "the initial vector, the same everywhere"),
    "freeze": Field(array(text, is_set=True), [], "patterns of parameters that neither train nor travel"),
    "settings": Field(settings, {}, "the task's own"),
    "code_sha256s": Field(array(hash32, least=1, is_set=True), REQUIRED, "builds of the training code that may take part"),
    "weighting": Field(one_of("region", "patient"), "region", "whose mean is optimised"),
    "weighting_max_u": Field(integer(1), 4_000_000),
    "data_update": Field(one_of("keep", "next_round"), "keep"),
    "sums": Field(array(matching(_KEY, "a stage's name")), [], "stages of the sums before training"),
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
    "robustness": Field(one_of("none", "clip_sum", "buckets", "clear"), "none"),
    "clip": Field(maybe(positive_decimal), None),
    "dp": Field(maybe(table(DP)), None),
    "witness": Field(table(WITNESS), {}),
    "release": Field(table(RELEASE), {}),
    "retention": Field(table(RETENTION), {}),
    "skew_ms": Field(integer(0, 86_400_000), 300_000, "how far clocks may differ"),
}  # fmt: skip

check_form: Callable[[str, Any], None] = table(PLAN)
