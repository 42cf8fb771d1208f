"""``landsting card``: who a region is, in one line that can be mailed, and read aloud as words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.output import Refusal, emit, say
from node.cli.root import common

if TYPE_CHECKING:
    from protocol.roster import Card

MAX_CARD = 64 * 1024


@click.group(invoke_without_command=True)
@click.option(
    "--home",
    envvar="LANDSTING_HOME",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The region's home (or set LANDSTING_HOME).",
)
@common
@click.pass_context
def card(ctx: click.Context, home: Path | None, as_json: bool) -> None:
    """Print this region's card: public keys and address, signed by itself.

    Give it to the other regions by any way you like, then compare the fingerprint over the phone:
    'landsting card show FILE' prints it as words.
    """
    if ctx.invoked_subcommand is not None:
        return
    if home is None:
        raise click.UsageError("whose card? Add --home DIR, or 'landsting card show FILE' for another region's.", ctx)
    from node.home import Home
    from protocol.roster import card_line

    own = Home.open(home).card()
    if as_json:
        emit({**described(own), "card": card_line(own)})
    else:
        say(card_line(own))


@card.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@common
def show(file: Path, as_json: bool) -> None:
    """Say whose card FILE is, and its fingerprint as words to read aloud over the phone."""
    facts = described(read_card(file))
    if as_json:
        emit(facts)
        return
    say(f"region       {facts['name']}")
    say(f"network      {facts['network']}")
    say(f"reached at   {', '.join(facts['addresses']) or 'nowhere: it only dials out'}")
    say(f"long term    {'a release key (ML-DSA-44)' if facts['release_key'] else 'no release key'}")
    say(f"fingerprint  {facts['words']}")
    say("Ask the region to read its words to you; the same words mean the same card.")


def read_card(file: Path) -> Card:
    """Return the card in a file.

    Raises:
        Refusal: It cannot be read, or is no sound card.
    """
    from protocol.errors import RosterError
    from protocol.roster import parse_card

    try:
        text = card_text(file)
        return parse_card(text)
    except RosterError as error:
        raise Refusal(
            "CARD", f"{file}: {error}", "a card as 'landsting card' prints it", "ask that region for its card again"
        ) from error


def card_text(file: Path) -> str:
    """Return the one line of a card file."""
    with file.open("rb") as stream:
        data = stream.read(MAX_CARD + 1)
    try:
        text = data.decode("ascii").strip()
    except UnicodeDecodeError:
        text = ""
    if len(data) > MAX_CARD or not text.startswith("landsting-card/") or "\n" in text:
        raise Refusal(
            "CARD", f"{file} is not a card", "one line 'landsting-card/v1 …'", "ask that region for its card again"
        )
    return text


def described(card: Card) -> dict[str, Any]:
    """Return what people want to know of a card."""
    from crypto.words import words

    return {
        "name": card.name,
        "network": card.network,
        "addresses": list(card.addresses),
        "serial": card.keys.serial,
        "release_key": card.keys.release is not None,
        "identity": card.identity.hex(),
        "fingerprint": card.fingerprint.hex(),
        "words": words(card.fingerprint),
    }
