"""The sentences of ``privacy_words`` in Swedish, for people of a region; the same cases, the same order."""

from __future__ import annotations

from collections.abc import Sequence

from node.privacy import PrivacyReport, Subject
from node.privacy_words import MOST_NAMED
from topologies.coalitions import Found


def sentences(report: PrivacyReport) -> list[str]:
    """Return what people are shown before a study starts: privacy, then availability."""
    subject, fresh, const = report.subject, report.fresh, report.const
    tried = [
        f"Bland sammanslutningar av {size} har bara några prövats." for size in sorted({*fresh.sampled, *const.sampled})
    ]
    if report.left_out:
        tried.append(f"Alla regioner har inte prövats som den nyfikna: {report.left_out} är inte med.")
    away = [] if subject.observed else [_away(subject)]
    return [_fresh(fresh, subject), _lasting(const, fresh, subject.names, report.rounds), *away, *tried]


def failing_sentences(report: PrivacyReport) -> list[str]:
    """Return what absent regions and lying receivers change; nothing where it was not computed."""
    found, names = report.failing, report.subject.names
    if found is None:
        return []
    lines = []
    fresh = report.fresh.least if report.fresh.least is not None else report.fresh.searched_to + 1
    if found.away_fresh is not None and found.away_fresh < fresh:
        who = "en region ensam" if found.away_fresh == 1 else f"{found.away_fresh} tillsammans"
        lines.append(f"Medan en region är borta ser {who} en annan regions uppdatering.")
    if found.away_example is not None:
        curious, away, sees = found.away_example
        lines.append(
            f"Bestående bidrag: med {names[away]} borta en gång skulle {names[curious]} ensam räkna ut "
            f"{len(sees)} av {len(names) - 1}, bland dem {names[sees[0]]}."
        )
    budget = report.subject.budget
    if found.lone_liar is None:
        why = "ändringsbudgeten 1 svarar ingen som lämnar ut en avsändare" if budget == 1 else "för få skulle bli kvar"
        lines.append(f"Ingen mottagare kan lämna en avsändare utanför sin summa utan skäl: {why}.")
    elif found.lone_example is not None:
        liar, out, sees = found.lone_example
        who = listed([names[i] for i in dict.fromkeys(out)])
        seen = f"skulle räkna ut {listed([names[i] for i in sees], most=MOST_NAMED)}" if sees else "ser ändå ingen"
        lines.append(
            f"Ändringsbudgeten {budget} låter en mottagare lämna avsändare utanför {budget - 1} summor på 32 rundor. "
            f"Bestående bidrag: {names[liar]}, som lämnar ut {who}, {seen}."
        )
    if found.pair is not None:
        first, second, target = found.pair
        lines.append(
            "Två mottagare i maskopi kan öppna ett värde i en runda genom att lämna det utanför en av två summor: "
            f"{names[first]} och {names[second]} ser då {genitive(names[target])} uppdatering. "
            "masking.change_budget = 1 stänger den vägen."
        )
    if found.thinned:
        lines.append("Av de fel som kan inträffa har bara några räknats.")
    return lines


def _fresh(found: Found, subject: Subject) -> str:
    names = subject.names
    # Med "slår sig samman" menas: de följer protokollet och lägger ihop det de ser.
    if found.least == 1:
        return f"En region ensam ser {genitive(names[found.sees[0]])} uppdatering: {names[found.coalition[0]]}."
    if found.least is not None:
        return (
            f"Minst {found.least} av dessa regioner måste slå sig samman för att se {genitive(names[found.sees[0]])} "
            f"uppdatering, till exempel {_some(found.coalition, names)}."
        )
    more = f"Fler än {found.searched_to} av dessa regioner måste slå sig samman för att se någons uppdatering"
    if found.at_most is None:
        return f"{more}."
    seen = genitive(names[found.sees[0]])
    return f"{more}; {found.at_most} kan se {seen}, till exempel {_some(found.coalition, names)}."


def _lasting(const: Found, fresh: Found, names: Sequence[str], rounds: int) -> str:
    kept = "den enda rundan" if rounds == 1 else f"alla {rounds} rundor"
    start = (
        f"Uppdateringar liknar varandra från runda till runda, och den som sparat summorna från {kept} kan jämföra "
        "dem. "
    )
    same = "varje region skickade exakt detsamma i var och en av dem, utan brus"
    if const.least is not None and const.least == fresh.least:
        still = "en region ensam räcker" if const.least == 1 else f"det krävs fortfarande {const.least} tillsammans"
        return f"{start}Även om {same}, skulle det inte ändra något: {still}."
    if const.least is None:
        more = f"; {const.at_most} skulle räcka" if const.at_most is not None else ""
        return f"{start}Även om {same}, skulle det krävas fler än {const.searched_to} tillsammans{more}."
    who, seen = _some(const.coalition, names), names[const.sees[0]]
    alone = "en ensam" if const.least == 1 else f"{const.least} tillsammans"
    return f"{start}Om {same}, skulle {alone} räcka: {who} skulle räkna ut {genitive(seen)}."


def _away(subject: Subject) -> str:
    if subject.away is None:
        return (
            "Det går inte att maskera: noderna vägrar, om inte planen säger disclose och har differentiell integritet."
        )
    if subject.away:
        some = "" if len(subject.critical) == subject.n else (
            f"; saknas en till runt en mottagare, någon av {_some(subject.critical, subject.names, MOST_NAMED)}, "
            "så tränar den ensam"
        )  # fmt: skip
        return f"Vilka {subject.away} som helst av regionerna får vara borta, och alla andra blandar vidare{some}."
    return "Ingen får vara borta: saknas en region tränar dess grannar ensamma tills den är tillbaka."


def _some(regions: Sequence[int], names: Sequence[str], most: int | None = None) -> str:
    return listed([names[i] for i in regions], most=most)


def listed(known: Sequence[str], *, most: int | None = None) -> str:
    """Return names as a sentence has them; of many only the first, and how many more."""
    if most is not None and len(known) > most:
        return f"{', '.join(known[:most])} och {len(known) - most} till"
    return known[0] if len(known) == 1 else f"{', '.join(known[:-1])} och {known[-1]}" if known else ""


def genitive(name: str) -> str:
    """Return whose; a name that ends in s, x or z stays as it is."""
    return name if name.endswith(("s", "x", "z")) else f"{name}s"
