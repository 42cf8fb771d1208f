"""Checks of single values in a plan.

A check takes the value's name and the value, returns nothing, and raises ``PlanError`` with the rule
VALUE if the form is wrong. What values may be together is in ``plan_rules``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from protocol.errors import PlanError
from protocol.names import closest
from protocol.reals import Real, is_decimal

Check = Callable[[str, Any], None]

MAX_INT = 2**53 - 1


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


def wrong(where: str, value: object, expected: str, fix: str = "") -> PlanError:
    """Return the error for a value that has not the form of its key."""
    return PlanError(
        rule="value", found=f"{where} = {show(value)}", expected=expected, fix=fix or f"Correct {where} in the plan."
    )


def integer(low: int, high: int = MAX_INT) -> Check:
    """Check for a whole number from ``low`` to ``high``."""
    bounds = f"a whole number of at least {low}" if high == MAX_INT else f"a whole number from {low} to {high}"

    def check(where: str, value: Any) -> None:
        if type(value) is not int or not low <= value <= high:
            raise wrong(where, value, bounds)

    return check


def one_of(*choices: object) -> Check:
    """Check for one of a closed list of words or numbers."""

    def check(where: str, value: Any) -> None:
        if not any(type(value) is type(choice) and value == choice for choice in choices):
            near = closest(value, [c for c in choices if isinstance(c, str)]) if isinstance(value, str) else None
            fix = f"Did you mean {near!r}?" if near else ""
            raise wrong(where, value, "one of " + ", ".join(str(c) for c in choices), fix)

    return check


def boolean(where: str, value: Any) -> None:
    """Check for true or false."""
    if type(value) is not bool:
        raise wrong(where, value, "true or false")


def text(where: str, value: Any) -> None:
    """Check for a line of at most 200 bytes in Latin letters."""
    if type(value) is not str or len(value.encode(errors="replace")) > 200 or not all(_is_wide(c) for c in value):
        raise wrong(where, value, "one line of Latin text, at most 200 bytes")
    if value.startswith("0x"):
        raise wrong(where, value, "text that does not start with 0x (that is how bytes are shown)")


def _is_wide(character: str) -> bool:
    return " " <= character <= "~" or ("\u00a1" <= character <= "\u024f" and character != "\u00ad")


def matching(pattern: re.Pattern[str], expected: str) -> Check:
    """Check for a string of one pattern."""

    def check(where: str, value: Any) -> None:
        if type(value) is not str or pattern.fullmatch(value) is None:
            raise wrong(where, value, expected)

    return check


_key = matching(re.compile(r"[a-z0-9_./-]{1,64}"), "a name of a-z, 0-9 and _ . / -, at most 64")
_prefix = matching(re.compile(r"[\x21-\x7e]{0,128}"), "the beginning of a parameter's name, or the empty string")


def hash32(where: str, value: Any) -> None:
    """Check for 32 bytes."""
    if type(value) is not bytes or len(value) != 32:
        raise wrong(where, value, "a SHA-256: 32 bytes, in TOML 64 hex digits")


def maybe(check: Check) -> Check:
    """Check for nil or what another check allows."""

    def either(where: str, value: Any) -> None:
        if value is not None:
            check(where, value)

    return either


def positive_decimal(where: str, value: Any) -> None:
    """Check for a decimal string above 0."""
    if type(value) is not str or not is_decimal(value) or value.startswith("-") or value == "0":
        raise wrong(where, value, 'a decimal above 0, such as "1.5"')


def array(item: Check, *, least: int = 0, is_set: bool = False) -> Check:
    """Check for an array; ``is_set``: ascending without repeats."""

    def check(where: str, value: Any) -> None:
        if type(value) is not list:
            raise wrong(where, value, "an array")
        for index, one in enumerate(value):
            item(f"{where}[{index}]", one)
        if len(value) < least:
            raise wrong(where, value, f"at least {least} of them")
        if is_set:
            for before, after in pairwise(value):
                if not before < after:
                    raise wrong(where, after, f"ascending order without repeats; it stands after {show(before)}")

    return check


def settings(where: str, value: Any) -> None:
    """Check for the task's own map: names to whole numbers, booleans, strings."""
    if type(value) is not dict:
        raise wrong(where, value, "a table")
    for key, one in value.items():
        _key(f"a key of {where}", key)
        if type(one) is str:
            text(f"{where}.{key}", one)
        elif type(one) is not bool and (type(one) is not int or abs(one) > MAX_INT):
            raise wrong(f"{where}.{key}", one, "a whole number, a real, true or false, or a string")


def tests(where: str, value: Any) -> None:
    """Check for names of release tests with their thresholds in 1e-6."""
    if type(value) is not dict:
        raise wrong(where, value, "a table")
    for key, one in value.items():
        _key(f"a key of {where}", key)
        integer(-MAX_INT)(f"{where}.{key}", one)


def steps(where: str, value: Any) -> None:
    """Check for lines [round, prefix, k]: from that round on, names with that prefix have the step 2^-k."""
    if type(value) is not list or not value:
        raise wrong(where, value, 'lines such as [[0, "", 24]], or in TOML the bare 24')
    for index, line in enumerate(value):
        at = f"{where}[{index}]"
        if type(line) is not list or len(line) != 3:
            raise wrong(at, line, "[round, prefix of parameter names, k]")
        integer(0)(f"{at} (round)", line[0])
        _prefix(f"{at} (prefix)", line[1])
        integer(-32, 52)(f"{at} (k)", line[2])
    if value[0][:2] != [0, ""]:
        raise wrong(f"{where}[0]", value[0], 'a first line for all names from round 0 on: [0, "", k]')
    if [line[0] for line in value] != sorted(line[0] for line in value):
        raise wrong(where, value, "lines in the order of their rounds; of two that fit, the later wins")


def graphs(where: str, value: Any) -> None:
    """Check for edge lists: pairs i < j, ascending, each once."""
    if type(value) is not list or not value:
        raise wrong(where, value, "at least one list of edges")
    for number, edges in enumerate(value):
        if type(edges) is not list:
            raise wrong(f"{where}[{number}]", edges, "a list of edges")
        last = [-1, -1]
        for edge in edges:
            if type(edge) is not list or len(edge) != 2 or any(type(end) is not int for end in edge):
                raise wrong(f"an edge of {where}[{number}]", edge, "[i, j], two places in `regions`")
            if not 0 <= edge[0] < edge[1]:
                raise wrong(f"an edge of {where}[{number}]", edge, "[i, j] with 0 <= i < j")
            if not last < edge:
                order = f"ascending order without repeats; it stands after {last}"
                raise wrong(f"an edge of {where}[{number}]", edge, order)
            last = edge
