"""From values as people and callers give them to the canonical map of a plan.

Fills what was left out, turns reals into decimal strings, 64 hex digits into hashes, tuples into
lists, and a bare ``step_log2`` into its line. What it returns has the right keys; ``plan_form``
then checks every value.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from protocol.errors import PlanError
from protocol.plan_form import PLAN, REQUIRED, TABLES, keys_of, missing
from protocol.reals import Real, decimal

HASHES = ("roster", "schema", "layout", "init", "code_sha256s")
REALS = ("settings", "clip")
LARGEST_DEFAULT_COMPLETE = 8
MOST_COMPLETE = 600  # more would not fit into the bytes of a plan


def canonical(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the canonical map of a plan, defaults filled in; values are not checked yet.

    Raises:
        PlanError: A key is unknown, or missing without a default; a real or a hash cannot be read.
    """
    given = {key: plain(key, value) for key, value in values.items()}
    keys_of("", given, PLAN)
    for name in HASHES:
        if name in given:
            given[name] = _hashes(name, given[name])
    for name in ("freeze", "code_sha256s"):
        if isinstance(given.get(name), list) and all(isinstance(one, str | bytes) for one in given[name]):
            given[name] = sorted(set(given[name]))
    if type(given.get("step_log2")) is int:
        given["step_log2"] = [[0, "", given["step_log2"]]]
    if type(given.get("clip")) is int:
        given["clip"] = str(given["clip"])
    _fill_topology(given)
    if given.get("clip") is not None:
        given.setdefault("robustness", "clip_sum")
    filled = {}
    for key, field in PLAN.items():
        value = given.get(key, field.default)
        if value is REQUIRED:
            raise missing(key)
        if key in TABLES and isinstance(value, dict):
            value = _table(key, value)
        filled[key] = value
    return filled


def plain(where: str, value: Any) -> Any:
    """Return a value without tuples and read-only maps; reals become decimal strings where a plan may hold them."""
    if isinstance(value, Real | float) and where.partition(".")[0] in REALS:
        try:
            return decimal(value if isinstance(value, str) else repr(float(value)))
        except ValueError as error:
            raise PlanError(
                rule="value",
                found=f"{where}: {error}",
                expected="a finite number that can be written out",
                fix=f"Correct {where} in the plan.",
            ) from error
    if isinstance(value, Real | float) and where.startswith("release.tests."):
        return _millionths(where, value if isinstance(value, str) else repr(float(value)))
    if isinstance(value, Mapping):
        return {key: plain(f"{where}.{key}", one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(where, one) for one in value]
    return value


def _millionths(where: str, text: str) -> int:
    try:
        number = Decimal(decimal(text)) * 1_000_000
    except ValueError:
        number = Decimal("0.5")
    if number != number.to_integral_value():
        raise PlanError(
            rule="value",
            found=f"{where} = {text[:40]}",
            expected="a number with at most 6 digits after the point",
            fix=f"Correct {where} in the plan, for instance 0.86.",
        )
    return int(number)


def frozen(value: Any) -> Any:
    """Return a canonical value that nobody can change: tuples and read-only maps."""
    if isinstance(value, dict):
        return MappingProxyType({key: frozen(one) for key, one in value.items()})
    if isinstance(value, list):
        return tuple(frozen(one) for one in value)
    return value


def complete(n: int) -> list[list[int]]:
    """Return the edges of the complete graph on n regions."""
    return [[i, j] for i in range(n) for j in range(i + 1, n)]


def _fill_topology(given: dict[str, Any]) -> None:
    regions = given.get("regions")
    n = len(regions) if isinstance(regions, list) else 0
    if "topology" not in given and n > LARGEST_DEFAULT_COMPLETE:
        raise PlanError(
            rule="key-missing",
            found=f"no topology for {n} regions",
            expected=f"a topology; only up to {LARGEST_DEFAULT_COMPLETE} regions is `complete` taken without asking",
            fix="Name one in which each region has at least 3 neighbours: `landsting topology compare` shows them.",
        )
    if "graphs" in given:
        return
    label = given.get("topology", "complete")
    if label != "complete":
        raise PlanError(
            rule="key-missing",
            found=f"no value for 'graphs' with topology = {label!r}",
            expected="the edges; only `complete` follows from its name",
            fix=f"`landsting study new --topology {label}` draws them.",
        )
    if n > MOST_COMPLETE:
        raise PlanError(
            rule="size",
            found=f"the complete graph on {n} regions",
            expected=f"at most {MOST_COMPLETE}",
            fix="Name a topology with fewer neighbours: `landsting topology list`.",
        )
    if n:
        given["graphs"] = [complete(n)]


def _table(where: str, value: dict[str, Any]) -> dict[str, Any]:
    fields = TABLES[where]
    keys_of(where, value, fields)
    filled = {}
    for key, field in fields.items():
        filled[key] = value.get(key, field.default)
        if filled[key] is REQUIRED:
            raise missing(f"{where}.{key}")
    return filled


def _hashes(where: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_hashes(where, one) for one in value]
    if isinstance(value, str):
        try:
            if len(value) == 64:
                return bytes.fromhex(value)
        except ValueError:
            pass
        raise PlanError(
            rule="value",
            found=f"{where} holds {value[:70]!r}",
            expected="64 hex digits",
            fix="Copy the whole hash; `landsting study new` fills it in.",
        )
    return value
