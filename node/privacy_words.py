"""A privacy report in words and as JSON: the sentence with names first, figures after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from node.privacy import PrivacyReport, Subject
from topologies.coalitions import Found

MOST_NAMED = 6


def value(report: PrivacyReport) -> dict[str, Any]:
    """Return the report as JSON holds it: seven keys, no more."""
    subject, searches = report.subject, {"fresh": report.fresh, "const": report.const}
    names = subject.names
    open_ = [found.searched_to for found in searches.values() if found.least is None]
    return {
        "topology": subject.title,
        "n": subject.n,
        "min_in_degree": report.in_degree,
        "least_coalition": {
            "fresh": report.fresh.least,
            "const": report.const.least,
            "searched_to": min(open_) if open_ else max(report.fresh.searched_to, report.const.searched_to),
            "examples": {
                kind: {"coalition": [names[i] for i in found.coalition], "sees": [names[i] for i in found.sees]}
                for kind, found in searches.items()
                if found.coalition
            },
        },
        "exposed_to_one": {
            "masked": round(report.exposed[0], 6),
            "clear": round(report.exposed[1], 6),
            "of": subject.n - 1,
            "left_out": report.left_out,
        },
        "r2": _rounded(report.r2),
        "away": subject.away,
    }


def failing_value(report: PrivacyReport) -> dict[str, Any] | None:
    """Return what failures and lies change, as JSON holds it; None where it was not computed."""
    found, names = report.failing, report.subject.names
    if found is None:
        return None
    away, lone, pair = found.away_example, found.lone_example, found.pair
    return {
        "one_away": {
            "least_coalition_fresh": found.away_fresh,
            "searched_to": found.away_searched,
            "exposed_to_one": found.away_const,
            "example": away and {"curious": names[away[0]], "away": names[away[1]], "sees": _these(away[2], names)},
        },
        "change_budget": report.subject.budget,
        "left_out": {
            "exposed_to_one": found.lone_liar,
            "example": lone
            and {"liar": names[lone[0]], "left_out": _these(lone[1], names), "sees": _these(lone[2], names)},
        },
        "two_in_league": pair and {"coalition": _these(pair[:2], names), "sees": [names[pair[2]]]},
        "thinned": found.thinned,
    }


def _these(regions: Sequence[int], names: Sequence[str]) -> list[str]:
    return [names[i] for i in regions]


def sentences(report: PrivacyReport) -> list[str]:
    """Return what people are shown before a study starts: privacy, then availability."""
    subject, fresh, const = report.subject, report.fresh, report.const
    tried = [f"Of the coalitions of {size} only some were tried." for size in sorted({*fresh.sampled, *const.sampled})]
    if report.left_out:
        tried.append(f"Not every region was tried as the curious one: {report.left_out} were left out.")
    away = [] if subject.observed else [_away_sentence(subject)]
    return [_sentence(fresh, subject), _lasting_sentence(const, fresh, subject.names, report.rounds), *away, *tried]


def failing_sentences(report: PrivacyReport) -> list[str]:
    """Return what absent regions and lying receivers change; nothing where it was not computed."""
    found, names = report.failing, report.subject.names
    if found is None:
        return []
    lines = []
    fresh = report.fresh.least if report.fresh.least is not None else report.fresh.searched_to + 1
    if found.away_fresh is not None and found.away_fresh < fresh:
        word = "one region alone sees another's" if found.away_fresh == 1 else f"{found.away_fresh} together see one"
        lines.append(
            f"While one region is away, {word} update."
            if found.away_fresh == 1
            else f"While one region is away, {word} region's update."
        )
    if found.away_example is not None:
        curious, away, sees = found.away_example
        lines.append(
            f"Lasting contributions: with {names[away]} away for one turn, {names[curious]} alone would work out "
            f"{len(sees)} of {len(names) - 1}, among them {names[sees[0]]}."
        )
    budget = report.subject.budget
    if found.lone_liar is None:
        why = "a change budget of 1 answers nobody who leaves a sender out" if budget == 1 else "too few would be left"
        lines.append(f"No receiver can leave a sender out of its sum unexcused: {why}.")
    elif found.lone_example is not None:
        liar, out, sees = found.lone_example
        who = listed([names[i] for i in dict.fromkeys(out)])
        seen = f"would work out {listed([names[i] for i in sees], most=MOST_NAMED)}" if sees else "still sees nobody"
        lines.append(
            f"A change budget of {budget} lets a receiver leave senders out of {budget - 1} sums in 32 rounds. "
            f"Lasting contributions: {names[liar]}, leaving out {who}, {seen}."
        )
    if found.pair is not None:
        first, second, target = found.pair
        lines.append(
            f"Two receivers in league can open one value in a round, by leaving it out of one of two sums: "
            f"{names[first]} and {names[second]} then see {possessive(names[target])} update. "
            "masking.change_budget = 1 closes it."
        )
    if found.thinned:
        lines.append("Of the failures that may happen only some were computed.")
    return lines


def figures(report: PrivacyReport) -> list[tuple[str, str]]:
    """Return the figures as rows of a table."""
    subject, r2 = report.subject, report.r2
    away = "cannot be masked" if subject.away is None else f"any {subject.away}" if subject.away else "none"
    return [
        ("least values in a sum", str(report.in_degree)),
        *([] if subject.observed else [("may be away", away)]),
        ("least coalition, fresh contributions", _size(report.fresh)),
        ("least coalition, the same in every round", _size(report.const)),
        (
            "one curious region then works out",
            f"{_mean(report.exposed[0])} of {subject.n - 1} (unmasked: {_mean(report.exposed[1])})",
        ),
        ("R2, fresh", f"{r2['fresh']:.2f}"),
        *(
            (f"R2, lasting + {key} x new", f"{r2['masked'][key]:.2f} (unmasked: {r2['clear'][key]:.2f})")
            for key in r2["masked"]
        ),
    ]


def _rounded(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: _rounded(inner) for key, inner in found.items()}
    return round(found, 6) if isinstance(found, float) else found


def _sentence(found: Found, subject: Subject) -> str:
    names = subject.names
    # What follows says "acting together": those who follow the protocol and pool what they see.
    if found.least == 1:
        return f"One region alone sees {possessive(names[found.sees[0]])} update: {names[found.coalition[0]]}."
    if found.least is not None:
        return (
            f"It takes at least {found.least} of these regions acting together to see "
            f"{possessive(names[found.sees[0]])} update, for instance {_some(found.coalition, names)}."
        )
    if found.at_most is None:
        return f"It takes more than {found.searched_to} of these regions acting together to see anybody's update."
    return (
        f"It takes more than {found.searched_to} of these regions acting together to see anybody's update; "
        f"{found.at_most} can see {possessive(names[found.sees[0]])}, for instance {_some(found.coalition, names)}."
    )


def _lasting_sentence(const: Found, fresh: Found, names: Sequence[str], rounds: int) -> str:
    kept = "the one round" if rounds == 1 else f"all {rounds} rounds"
    start = (
        f"Updates resemble each other from round to round, and whoever kept the sums of {kept} could set them against "
        "each other. "
    )
    same = "every region sent exactly the same in each of them, with no noise"
    if const.least is not None and const.least == fresh.least:
        still = "one region alone is enough" if const.least == 1 else f"it still takes {const.least} acting together"
        return f"{start}Even if {same}, that would change nothing: {still}."
    if const.least is None:
        more = f"; {const.at_most} would do" if const.at_most is not None else ""
        return f"{start}Even if {same}, it would take more than {const.searched_to} acting together{more}."
    who, seen = _some(const.coalition, names), names[const.sees[0]]
    alone = "one alone would" if const.least == 1 else f"{const.least} together would"
    return f"{start}If {same}, {alone} be enough: {who} would work out {possessive(seen)}."


def _away_sentence(subject: Subject) -> str:
    if subject.away is None:
        return "It cannot be masked: daemons refuse it, unless the plan says disclose and has differential privacy."
    if subject.away:
        some = (
            ""
            if len(subject.critical) == subject.n
            else (
                f"; one more missing around one receiver, of {_some(subject.critical, subject.names, MOST_NAMED)}, "
                "and that one trains alone"
            )
        )
        return f"Any {subject.away} of the regions may be away, and all others go on mixing{some}."
    return "None may be away: one region absent, and its neighbours train alone until it is back."


def _size(found: Found) -> str:
    if found.least is not None:
        return str(found.least)
    return f"more than {found.searched_to}" + (f", at most {found.at_most}" if found.at_most is not None else "")


def _some(regions: Sequence[int], names: Sequence[str], most: int | None = None) -> str:
    return listed([names[i] for i in regions], most=most)


def listed(known: Sequence[str], *, most: int | None = None) -> str:
    """Return names as a sentence has them; of many only the first, and how many more."""
    if most is not None and len(known) > most:
        return f"{', '.join(known[:most])} and {len(known) - most} more"
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} and {known[-1]}" if known else ""


def possessive(name: str) -> str:
    """Return whose."""
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def _mean(found: float) -> str:
    return f"{found:.1f}".removesuffix(".0")
