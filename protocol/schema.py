"""Closed schemas: which fields a canonical value must have, exactly.

A ``Check`` takes a value and returns None, or one sentence that begins with the path to what is wrong,
as ``body.members[2]: found bytes of length 31, expected 32``. Checks are made by the functions here and
nest. Nothing is optional or defaulted: a field that may be missing is nil, never left out.

Types are compared with ``is``, so a boolean is no integer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from protocol.codec import MAX_INT, Value
from protocol.errors import SchemaError

Check = Callable[[Value], str | None]

REGION = r"[a-z0-9-]{1,40}"
NETWORK = r"[A-Za-z0-9._-]{1,64}"
ORIGIN = rf"{NETWORK}/{REGION}/[1-9][0-9]{{0,5}}"


def require(check: Check, value: Value, what: str) -> None:
    """Refuse a value that does not pass.

    Raises:
        SchemaError: ``what`` and the path, with what was found and expected.
    """
    problem = check(value)
    if problem is not None:
        raise SchemaError(what + problem)


def show(value: Value) -> str:
    """Return a value as an error message shows it: its type and size, and small values themselves."""
    match value:
        case None:
            return "nil"
        case bool() | int():
            return str(value).lower()
        case str():
            return repr(value) if len(value) <= 48 else f"{value[:45]!r}…"
        case bytes():
            return f"bytes of length {len(value)}"
        case list():
            return f"an array of {len(value)}"
        case dict():
            return f"a map of {len(value)}"
        case _:  # a caller's, not one of the format
            return f"a value of type {type(value).__name__}"


def integer(low: int = 0, high: int = MAX_INT) -> Check:
    """An integer from ``low`` to ``high``."""
    bounds = f"an integer from {low} to {high}" if high != MAX_INT else f"an integer of at least {low}"

    def check(value: Value) -> str | None:
        if type(value) is int and low <= value <= high:
            return None
        return f": found {show(value)}, expected {bounds}"

    return check


def boolean(value: Value) -> str | None:
    """True or false."""
    return None if type(value) is bool else f": found {show(value)}, expected true or false"


def binary(low: int, high: int | None = None) -> Check:
    """Bytes of exactly ``low``, or of ``low`` to ``high`` bytes."""
    high = low if high is None else high
    bounds = f"{low}" if low == high else f"{low} to {high}"

    def check(value: Value) -> str | None:
        if type(value) is bytes and low <= len(value) <= high:
            return None
        return f": found {show(value)}, expected bytes of length {bounds}"

    return check


def text(pattern: str, words: str) -> Check:
    """A string that a pattern matches in full; ``words`` say it to people."""
    fullmatch = re.compile(pattern).fullmatch

    def check(value: Value) -> str | None:
        if type(value) is str and fullmatch(value) is not None:
            return None
        return f": found {show(value)}, expected {words}"

    return check


def code(*allowed: str) -> Check:
    """One of a closed list of strings."""
    known = frozenset(allowed)

    def check(value: Value) -> str | None:
        if type(value) is str and value in known:
            return None
        return f": found {show(value)}, expected one of {', '.join(allowed)}"

    return check


def optional(inner: Check) -> Check:
    """Nil, or what another check takes."""

    def check(value: Value) -> str | None:
        if value is None:
            return None
        problem = inner(value)
        return None if problem is None else f"{problem} (or nil)"

    return check


def array(item: Check, low: int = 0, high: int = MAX_INT) -> Check:
    """An array of ``low`` to ``high`` items, each of which passes."""
    bounds = f"{low} to {high}" if high != MAX_INT else f"at least {low}"

    def check(value: Value) -> str | None:
        if type(value) is not list or not low <= len(value) <= high:
            return f": found {show(value)}, expected an array of {bounds}"
        for index, one in enumerate(value):
            problem = item(one)
            if problem is not None:
                return f"[{index}]{problem}"
        return None

    return check


def ascending(item: Check, low: int = 0, high: int = MAX_INT, *, by: str | int | None = None) -> Check:
    """A set: an array in ascending order without repeats.

    Args:
        item: Check of each item.
        low, high: Bounds of its length.
        by: Field (of maps) or place (of arrays) that orders and may not repeat; None: the item itself.
    """
    inner = array(item, low, high)

    def check(value: Value) -> str | None:
        problem = inner(value)
        if problem is not None:
            return problem
        items: Any = value
        keys = items if by is None else [one[by] for one in items]
        for index in range(1, len(keys)):
            if not keys[index - 1] < keys[index]:
                found = f"{show(keys[index])} after {show(keys[index - 1])}"
                return f"[{index}]: found {found}, expected ascending order without repeats"
        return None

    return check


def row(*items: Check) -> Check:
    """An array of fixed length, each place with its own check."""

    def check(value: Value) -> str | None:
        if type(value) is not list or len(value) != len(items):
            return f": found {show(value)}, expected an array of {len(items)}"
        for index, item in enumerate(items):
            problem = item(value[index])
            if problem is not None:
                return f"[{index}]{problem}"
        return None

    return check


def record(fields: Mapping[str, Check]) -> Check:
    """A map with exactly these keys."""
    names = frozenset(fields)
    pairs = tuple(fields.items())

    def check(value: Value) -> str | None:
        if type(value) is not dict:
            return f": found {show(value)}, expected a map"
        if value.keys() != names:
            unknown = sorted(value.keys() - names)
            missing = sorted(names - value.keys())
            parts = [f"unknown field {name!r}" for name in unknown] + [f"field {name!r} is missing" for name in missing]
            return ": " + ", ".join(parts)
        for name, item in pairs:
            problem = item(value[name])
            if problem is not None:
                return f".{name}{problem}"
        return None

    return check


def mapping(key: Check, item: Check, low: int = 0) -> Check:
    """A map of any keys that pass, with values that pass."""

    def check(value: Value) -> str | None:
        if type(value) is not dict or len(value) < low:
            return f": found {show(value)}, expected a map of at least {low}"
        for name, one in value.items():
            problem = key(name)
            if problem is not None:
                return f": key{problem}"
            problem = item(one)
            if problem is not None:
                return f".{name}{problem}"
        return None

    return check


region = text(REGION, "a region's name of [a-z0-9-], 1 to 40 long")
network = text(NETWORK, "a network's name of [A-Za-z0-9._-], 1 to 64 long")
origin = text(ORIGIN, "the origin of a log, <network>/<region>/<epoch>")
hash32 = binary(32)
signature = binary(64)
