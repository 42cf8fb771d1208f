"""``landsting topology privacy``: what the sums themselves give away, in one sentence and its figures.

Everything is computed from the graph. The clock that ends a long search and the bar that shows it
are here; the algebra is in ``topologies.privacy`` and ``topologies.coalitions``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from node.cli.output import Refusal, emit, say, table
from node.demo.wish import REGIONS
from topologies import Overview, Schedule
from topologies.coalitions import (
    Found,
    attackers,
    exposed_to_one,
    least_coalition,
    least_in_degree,
)
from topologies.integers import Mixing, uniform_mixing
from topologies.privacy import Lasting, fresh_share, lasting_share, seen_in_one_round

MOST_REGIONS = 200
SEARCH_S = 60  # for each of the two searches
SOFT_ROUNDS = 32  # more change no digit that is shown
MOST_ATTACKERS = 40  # regions tried for R2 and exposure; more are thinned out evenly


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of one topology; regions as numbers."""

    one: Overview
    rounds: int
    in_degree: int
    fresh: Found
    const: Found
    exposed: tuple[float, float]
    r2: dict[str, Any]
    left_out: int


def privacy_report(
    one: Overview,
    *,
    coalition: str | None,
    rounds: int | None,
    rho: str,
    max_size: int,
    as_json: bool,
) -> None:
    """Print what coalitions of one topology's regions learn from sums alone.

    Raises:
        Refusal: Too many regions, or an option that cannot be read.
    """
    if one.n > MOST_REGIONS:
        raise Refusal(
            "NOT_IN_VERSION", f"privacy of {one.n} regions", f"at most {MOST_REGIONS}", f"--nodes {MOST_REGIONS}"
        )
    names = region_names(one.n)
    rhos = _rhos(rho)
    members = None if coalition is None else _coalition(coalition, names)
    mixing = uniform_mixing(Schedule(one.n, one.graphs))
    rounds = rounds or max(2 * one.n, 2 * one.turn)
    lasting = Lasting(mixing, rounds)
    report = _report(one, mixing, lasting, rounds, rhos, max_size, quiet=as_json)
    asked = None if members is None else _asked(mixing, lasting, members, rounds, rhos)
    if as_json:
        emit(_value(report, names) | ({} if asked is None else {"coalition": _named(asked, names)}))
        return
    say(_words(report, names))
    if asked is not None:
        say("\n" + _asked_words(asked, names))


def region_names(n: int) -> tuple[str, ...]:
    """Return names for n regions in order: real ones as stand-ins while there are enough."""
    if n <= len(REGIONS):
        return tuple(sorted(REGIONS[:n]))
    return tuple(f"region-{i:0{len(str(n - 1))}}" for i in range(n))


def _report(
    one: Overview, mixing: Mixing, lasting: Lasting, rounds: int, rhos: Sequence[float], max_size: int, *, quiet: bool
) -> Report:
    with _Bar("fresh contributions", quiet) as bar:
        fresh = least_coalition(mixing, lambda a: seen_in_one_round(mixing, a), max_size=max_size, keep_going=bar.tick)
    with _Bar("lasting contributions", quiet) as bar:
        const = least_coalition(mixing, lasting.exposes, max_size=max_size, keep_going=bar.tick)
    every = attackers(mixing)
    alone = every if len(every) <= MOST_ATTACKERS else every[:: -(-len(every) // MOST_ATTACKERS)]
    exposed = (exposed_to_one(lasting, alone), exposed_to_one(lasting, alone, clear=True))
    soft = min(rounds, SOFT_ROUNDS)
    r2: dict[str, Any] = {"rounds": soft, "fresh": 0.0} | {kind: {_key(r): 0.0 for r in rhos} for kind in _KINDS}
    with _Bar("shares explained", quiet) as bar:
        for done, (region, _) in enumerate(alone):
            bar.tick(1, done, len(alone))
            others = [i for i in range(mixing.n) if i != region]
            r2["fresh"] = max(r2["fresh"], float(fresh_share(mixing, [region], soft)[others].max()))
            for kind in _KINDS:
                for value in rhos:
                    share = lasting_share(mixing, [region], soft, value, clear=kind == "clear")[others].max()
                    r2[kind][_key(value)] = max(r2[kind][_key(value)], float(share))
    return Report(one, rounds, least_in_degree(mixing), fresh, const, exposed, r2, len(every) - len(alone))


_KINDS = ("masked", "clear")


def _asked(
    mixing: Mixing, lasting: Lasting, members: Sequence[int], rounds: int, rhos: Sequence[float]
) -> dict[str, Any]:
    """Return what one coalition that was asked for sees; regions as numbers."""
    others = [i for i in range(mixing.n) if i not in members]
    soft = min(rounds, SOFT_ROUNDS)
    shares = {_key(r): float(lasting_share(mixing, members, soft, r)[others].max()) for r in rhos}
    return {
        "members": list(members),
        "fresh": sorted(seen_in_one_round(mixing, members)),
        "const": sorted(lasting.exposes(members)),
        "r2": {key: round(value, 6) for key, value in shares.items()},
    }


def _named(asked: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return asked | {key: [names[i] for i in asked[key]] for key in ("members", "fresh", "const")}


def _value(report: Report, names: Sequence[str]) -> dict[str, Any]:
    """Return the report as JSON holds it."""
    one, searches = report.one, {"fresh": report.fresh, "const": report.const}
    open_ = [found.searched_to for found in searches.values() if found.least is None]
    return {
        "topology": one.label,
        "n": one.n,
        "regions": list(names),
        "rounds": report.rounds,
        "min_in_degree": report.in_degree,
        "least_coalition": {
            "fresh": report.fresh.least,
            "const": report.const.least,
            "searched_to": min(open_) if open_ else max(report.fresh.searched_to, report.const.searched_to),
            "sampled": sorted({*report.fresh.sampled, *report.const.sampled}),
            "at_most": {kind: found.at_most for kind, found in searches.items()},
            "examples": {
                kind: {"coalition": [names[i] for i in found.coalition], "sees": [names[i] for i in found.sees]}
                for kind, found in searches.items()
                if found.coalition
            },
        },
        "exposed_to_one": {
            "masked": round(report.exposed[0], 6),
            "clear": round(report.exposed[1], 6),
            "of": one.n - 1,
            "left_out": report.left_out,
        },
        "r2": _rounded(report.r2),
        "away": one.away if one.is_maskable else None,
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return round(value, 6) if isinstance(value, float) else value


def _words(report: Report, names: Sequence[str]) -> str:
    one, fresh, const = report.one, report.fresh, report.const
    away = "cannot be masked" if not one.is_maskable else f"any {one.away}" if one.away else "none"
    r2 = report.r2
    rows = [
        ("least values in a sum", str(report.in_degree)),
        ("may be away", away),
        ("least coalition, fresh contributions", _size(fresh)),
        ("least coalition, the same in every round", _size(const)),
        (
            "one curious region then works out",
            f"{_mean(report.exposed[0])} of {one.n - 1} (unmasked: {_mean(report.exposed[1])})",
        ),
        ("R2, fresh", f"{r2['fresh']:.2f}"),
        *(
            (f"R2, lasting + {key} x new", f"{r2['masked'][key]:.2f} (unmasked: {r2['clear'][key]:.2f})")
            for key in r2["masked"]
        ),
    ]
    some = [f"Of the coalitions of {size} only some were tried." for size in sorted({*fresh.sampled, *const.sampled})]
    if report.left_out:
        some.append(f"Not every region was tried as the curious one: {report.left_out} were left out.")
    lines = [
        _sentence(fresh, names),
        _lasting_sentence(const, fresh, names, report.rounds),
        _away_sentence(one),
        *some,
        "",
        table(rows, (f"{one.label} of {one.n}", "uniform weights")),
        "",
        f"R2: the share of the variance of one region's contribution that one curious region explains, at worst, over "
        f"{r2['rounds']} rounds.",
        f"Names stand for regions 0 to {one.n - 1} in their order. Computed without failures; masks cannot help here.",
    ]
    return "\n".join(lines)


def _sentence(found: Found, names: Sequence[str]) -> str:
    """Return the one sentence that people are shown before a study starts."""
    if found.least == 1:
        seen = names[found.sees[0]]
        return f"One region alone sees {_possessive(seen)} update: {names[found.coalition[0]]}."
    if found.least is not None:
        return (
            f"It takes at least {found.least} of these regions acting together to see "
            f"{_possessive(names[found.sees[0]])} update, for instance {_list(found.coalition, names)}."
        )
    if found.at_most is None:
        return f"It takes more than {found.searched_to} of these regions acting together to see anybody's update."
    return (
        f"It takes more than {found.searched_to} of these regions acting together to see anybody's update; "
        f"{found.at_most} can see {_possessive(names[found.sees[0]])}, for instance {_list(found.coalition, names)}."
    )


def _lasting_sentence(const: Found, fresh: Found, names: Sequence[str], rounds: int) -> str:
    start = f"Were every region's contribution the same in all of {rounds} rounds, with no noise at all, "
    if const.least is not None and const.least == fresh.least:
        return start + "it would take as many."
    if const.least is None:
        more = f"; {const.at_most} would do" if const.at_most is not None else ""
        return start + f"it would take more than {const.searched_to}{more}."
    who, seen = _list(const.coalition, names), names[const.sees[0]]
    alone = "one alone would" if const.least == 1 else f"{const.least} together would"
    return start + f"{alone} be enough: {who} would work out {_possessive(seen)}."


def _away_sentence(one: Overview) -> str:
    if not one.is_maskable:
        return "It cannot be masked: daemons refuse it, unless the plan says disclose and has differential privacy."
    if one.away:
        return f"Any {one.away} of the regions may be away, and all others go on mixing."
    return "None may be away: one region absent, and its neighbours train alone until it is back."


def _asked_words(asked: dict[str, Any], names: Sequence[str]) -> str:
    who = _list(asked["members"], names)
    verb = "together see" if len(asked["members"]) > 1 else "sees"
    lines = [
        f"{who} {verb}, with fresh contributions: {_list(asked['fresh'], names) or 'nobody'}.",
        f"With the same contribution in every round: {_list(asked['const'], names) or 'nobody'}.",
    ]
    lines += [f"R2, lasting + {key} x new: {value:.2f} at worst." for key, value in asked["r2"].items()]
    return "\n".join(lines)


def _size(found: Found) -> str:
    if found.least is not None:
        return str(found.least)
    return f"more than {found.searched_to}" + (f", at most {found.at_most}" if found.at_most is not None else "")


def _list(regions: Sequence[int], names: Sequence[str]) -> str:
    known = [names[i] for i in regions]
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} and {known[-1]}" if known else ""


def _possessive(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def _mean(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _key(value: float) -> str:
    return f"{value:g}"


def _rhos(text: str) -> tuple[float, ...]:
    try:
        found = tuple(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError:
        found = ()
    if not found or not all(value == 0 or 1e-3 <= value <= 1e3 for value in found):
        raise Refusal(
            "VALUE", f"--rho {text}", "numbers with commas between, each 0 or from 0.001 to 1000", "--rho 0,1,3"
        )
    return found


def _coalition(text: str, names: Sequence[str]) -> tuple[int, ...]:
    index = {name: i for i, name in enumerate(names)} | {str(i): i for i in range(len(names))}
    found = set()
    for part in text.split(","):
        if part not in index:
            some = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
            raise Refusal(
                "VALUE",
                f"--coalition {text}: {part!r} is no region",
                f"numbers from 0 to {len(names) - 1}, or {some}",
                f"--coalition {names[0]},{names[1]}",
            )
        found.add(index[part])
    if len(found) == len(names):
        raise Refusal("VALUE", f"--coalition {text} is everybody", "one region left outside", f"--coalition {names[0]}")
    return tuple(sorted(found))


class _Bar:
    """A bar on standard error for work that lasts, and the end of a search that lasts too long."""

    def __init__(self, words: str, quiet: bool) -> None:
        self._words = words
        self._shown = not quiet and sys.stderr.isatty()
        self._begun = self._last = time.monotonic()

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._shown and self._last > self._begun:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def tick(self, size: int, done: int, total: int) -> bool:
        """Show how far it is; return False once the time is up."""
        now = time.monotonic()
        if self._shown and now - self._last > 0.2:
            self._last = now
            full = 30 * done // max(1, total)
            bar = "#" * full + "." * (30 - full)
            sys.stderr.write(f"\r\x1b[K{self._words}: {size} together [{bar}] {done} of {total}")
            sys.stderr.flush()
        return now - self._begun < SEARCH_S
