"""``landsting init``: a home with keys, and a log that begins with its genesis."""

from __future__ import annotations

from pathlib import Path

import click

from node.cli.output import Refusal, emit, say
from node.cli.root import common, home_option


@click.command()
@home_option
@click.option(
    "--network", required=True, help="The network's name, the same in every region; for instance landsting.example."
)
@click.option("--name", required=True, help="This region's name: lower-case letters, digits and hyphens.")
@click.option(
    "--advertise",
    multiple=True,
    metavar="tcp://HOST:PORT",
    help="Where others reach this node; left out, it only dials out.",
)
@click.option("--bind", metavar="tcp://ADDRESS:PORT", help="Where this node listens, if that is another address.")
@common
def init(home: Path, network: str, name: str, advertise: tuple[str, ...], bind: str | None, as_json: bool) -> None:
    """Make a region's home: its keys and its update log.

    The keys never leave the home. What others need is on the region's card.
    """
    from node.cli.start import check_installation
    from node.home import Home
    from protocol.errors import RosterError

    check_installation()
    try:
        made = Home.create(home, network, name, list(advertise), bind)
    except RosterError as error:
        what = "a name of a-z, 0-9 and hyphens; addresses like tcp://fl.vgr.example:7700"
        raise Refusal("VALUE", str(error), what, "landsting init --help") from error
    card = made.card()
    if as_json:
        emit(
            {
                "home": str(home.resolve()),
                "network": network,
                "name": name,
                "advertise": list(advertise),
                "bind": bind,
                "fingerprint": card.fingerprint.hex(),
            }
        )
        return
    say(f"{name} of {network} has a home in {home}.")
    say(f"Next: landsting card --home {home} > {name}.card   and give that file to the other regions.")
