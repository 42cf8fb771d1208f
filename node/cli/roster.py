"""``landsting roster``: the regions that belong together, founded from their cards and signed by each."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from node.cli.asking import ask, fact
from node.cli.card import card_text, read_card
from node.cli.output import GAVE_UP, Refusal, emit, say
from node.cli.root import common, home_option


@click.group()
def roster() -> None:
    """The list of regions: found it, show it, sign it."""


def _approval(function: Any) -> Any:
    function = click.option("--ref", metavar="DIARY", help="Diary number of the decision.")(function)
    return click.option(
        "--role",
        type=click.Choice(["technical", "controller", "dpo"]),
        default="technical",
        show_default=True,
        help="In which role.",
    )(function)


@roster.command()
@click.argument("cards", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@home_option
@_approval
@common
def found(cards: tuple[Path, ...], home: Path, role: str, ref: str | None, as_json: bool) -> None:
    """Found the roster from the CARDS of all regions, one's own among them, and sign it.

    The same cards give the same roster in every home. It is in force when all have founded or
    signed it; running nodes tell each other.
    """
    for file in cards:
        read_card(file)  # so that a bad one is named by its file
    lines = [card_text(file) for file in sorted(cards)]
    _report(ask(home, "roster_found", {"cards": lines, "role": role, "ref": ref}), home, as_json)


@roster.command()
@home_option
@click.option("--roster", "wanted", metavar="HASH", help="Which one, if several wait: first digits, or its words.")
@_approval
@common
def sign(home: Path, wanted: str | None, role: str, ref: str | None, as_json: bool) -> None:
    """Sign the roster that another region has founded."""
    chosen = _hash(home, wanted) if wanted else None
    _report(ask(home, "roster_sign", {"role": role, "ref": ref, "roster": chosen}), home, as_json)


@roster.command()
@click.argument("wanted", metavar="HASH")
@home_option
@common
def withdraw(wanted: str, home: Path, as_json: bool) -> None:
    """Follow a roster no longer that was founded or signed here and is not in force.

    The signature has been given, and others may still use it; this node no longer dials that roster's regions.
    """
    _report(ask(home, "roster_withdraw", {"roster": _hash(home, wanted)}), home, as_json)


def _hash(home: Path, wanted: str) -> str:
    """Return the hash that a text stands for: its words, or its first digits."""
    known: list[dict[str, Any]] = ask(home, "roster_show", {})["rosters"]
    text = wanted.strip().lower()
    return next((str(one["roster"]) for one in known if one["words"] == text), text.removeprefix("0x"))


@roster.command()
@home_option
@click.option(
    "--wait", "wait_s", type=click.FloatRange(0), default=0.0, help="Wait so many seconds until it is in force."
)
@common
def show(home: Path, wait_s: float, as_json: bool) -> None:
    """Show the roster's hash as words, who has signed, and who is missing."""
    end = time.monotonic() + wait_s
    while True:
        result = ask(home, "roster_show", {})
        if not wait_s or any(one["in_force"] for one in result["rosters"]):
            break
        if time.monotonic() > end:
            missing = [name for one in result["rosters"][:1] for name in one["missing"]]
            raise Refusal(
                "TIMEOUT",
                f"gave up after {wait_s:g} s; waited for {', '.join(missing) or 'a roster'}",
                "the signatures of all regions",
                f"landsting status --home {home}",
                status=GAVE_UP,
            )
        time.sleep(0.2)
    _report(result, home, as_json)


def _report(result: dict[str, Any], home: Path, as_json: bool) -> None:
    rosters: list[dict[str, Any]] = result["rosters"]
    if as_json:
        emit(result)
        return
    if not rosters:
        say("There is no roster yet.")
        say(f"Collect the cards of all regions, then: landsting roster found --home {home} *.card")
        return
    for at, one in enumerate(rosters):
        if at:
            say()
        say(fact("roster", one["words"]))
        say(fact("network", f"{one['network']}, serial {one['serial']}"))
        say(fact("regions", ", ".join(one["regions"])))
        say(fact("signed by", ", ".join(one["signed"]) or "nobody"))
        if one["in_force"]:
            say(fact("in force", "yes"))
        elif one["missing"]:
            say(fact("in force", f"not yet: {', '.join(one['missing'])} must sign (running nodes tell each other)"))
        elif any(other["in_force"] and other["serial"] > one["serial"] for other in rosters):
            say(fact("in force", "no longer: a later one is"))
        else:
            say(fact("in force", "not yet"))
