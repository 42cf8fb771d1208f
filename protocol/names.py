"""Names of regions, networks and addresses: what they may be, and which look too much alike."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

from protocol import schema

REGION = re.compile(schema.REGION)
NETWORK = re.compile(schema.NETWORK)
MAX_ADDRESS = 128
_ADDRESS = re.compile(r"tcp://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?):([1-9][0-9]{0,4})")
_ANYWHERE = ("0.0.0.0", "[::]")  # noqa: S104 - refused, not bound

# What a reader takes for something else, in the order in which it is replaced.
_ALIKE = (("-", ""), ("0", "o"), ("1", "l"), ("i", "l"), ("rn", "m"), ("vv", "w"))


def address_problem(address: str) -> str | None:
    """Return what is wrong with an advertised address, in words; None if others can dial it."""
    match = _ADDRESS.fullmatch(address)
    if match is None or len(address) > MAX_ADDRESS:
        return f"address {address[:60]!r} is not of the form tcp://HOST:PORT"
    if int(match[3]) > 65535:
        return f"address {address!r} has a port above 65535"
    if match[1] in _ANYWHERE:
        return f"address {address!r} is one to bind to; others cannot dial it"
    return None


def skeleton(name: str) -> str:
    """Return a name with everything that is easily confused made equal: 0/o, 1/l/i, rn/m, vv/w, hyphens."""
    for part, seen_as in _ALIKE:
        name = name.replace(part, seen_as)
    return name


def look_alike(names: Iterable[str]) -> tuple[str, str] | None:
    """Return the first two different names that a reader may take for each other, or None."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(skeleton(name), name)
        if other != name:
            return other, name
    return None


def closest(word: str, known: Collection[str]) -> str | None:
    """Return the known word that was probably meant, or None."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return found[0] if found else None
