"""Which neighbours are summed together under ``robustness = "buckets"``: a receiver's senders, cut in parts.

    d >= 9 senders, B = floor(d / 3) parts of at least 3, in the order of a hash of study, round 0 and name

Nobody chooses with whom it is summed, and the cut is the same in every round: sums over other parts would say more
than those of one cut. Regions that go together (twins under ``group_atomic``) stay in one part; there may then be
fewer parts. Each part is a session of its own: c, h + c and the variant follow from how many it has.

Pure functions of the plan's values.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from protocol.codec import hash_of

BUCKETS = "buckets"
LEAST_DEGREE = 9
LEAST_PARTS = 3
LEAST_MEMBERS = 3


def tree_key(study: bytes, round: int, name: str) -> bytes:
    """Return the 32 bytes by which a region's place among others is found."""
    return hash_of("tree", [study, round, name])


def cut(study: bytes, names: Collection[str], groups: Collection[frozenset[str]] = ()) -> tuple[tuple[str, ...], ...]:
    """Return the parts of a neighbourhood, each ascending; ``groups`` stay whole.

    A part is closed as soon as it has its share of those who are left, and never with fewer than 3. Without groups
    there are floor(d / 3) parts that differ by one at most.
    """
    group_of = {name: group for group in groups for name in group}
    units: dict[frozenset[str], bytes] = {}
    for name in names:
        unit = group_of.get(name, frozenset({name})).intersection(names)
        key = tree_key(study, 0, name)
        units[unit] = min(key, units.get(unit, key))
    left, parts_left = len(names), max(1, len(names) // LEAST_MEMBERS)
    parts: list[tuple[str, ...]] = []
    part: list[str] = []
    for unit in sorted(units, key=lambda one: units[one]):
        part += unit
        if len(part) >= max(LEAST_MEMBERS, left // max(1, parts_left)):
            parts.append(tuple(sorted(part)))
            left, parts_left, part = left - len(part), parts_left - 1, []
    if part:
        parts.append(tuple(sorted(part)))
    return tuple(parts)


def twin_groups(graphs: Sequence[Mapping[str, tuple[str, ...]]]) -> tuple[frozenset[str], ...]:
    """Return the groups of regions that may be exchanged for each other in every graph, each of two or more.

    Two regions are twins where each has the same neighbours, themselves left out: then swapping them changes no
    weight, and no sum of others tells one from the other. Being twins in every graph is an equivalence.

    Args:
        graphs: Region to its neighbours, for each graph of a turn.
    """
    groups: list[list[str]] = []
    for name in sorted(graphs[0]):
        for group in groups:
            if all(set(g[name]) - {group[0]} == set(g[group[0]]) - {name} for g in graphs):
                group.append(name)
                break
        else:
            groups.append([name])
    return tuple(frozenset(group) for group in groups if len(group) > 1)
