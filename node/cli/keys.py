"""``landsting keys``: a new key set for this region, and key sets that count no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from node.cli.asking import ask, fact
from node.cli.output import Refusal, emit, say
from node.cli.root import common, home_option

REASONS = ("stolen", "lost", "misused", "left")
MAX_WORD = 8192


@click.group()
def keys() -> None:
    """New keys, and keys that count no more."""


@keys.command()
@home_option
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where the new card goes."
)
@common
def rotate(home: Path, output: Path, as_json: bool) -> None:
    """Make this region's next key set, and write the card that shows it.

    It is in use as soon as a roster with that card is in force: found it from the new card and the cards of
    all others. Until then nothing changes. A running study goes on.
    """
    found = ask(home, "keys_rotate", {})
    output.write_text(found["card"] + "\n", encoding="ascii")
    if as_json:
        emit({**found, "file": str(output)})
        return
    say(fact("key set", f"{found['serial']}, not in use yet"))
    say(fact("card", output))
    say(f"Send it to the others; all then found the next roster: landsting roster found {output} OTHERS.card")


@keys.command()
@home_option
@click.option("--serial", type=click.IntRange(1), help="Which of this region's own sets; the one before, if not said.")
@click.option("--reason", type=click.Choice(REASONS), default="stolen", show_default=True)
@click.option("--size", type=click.IntRange(1), help="Entries that are still believed; all so far, if not said.")
@click.option(
    "--approvals",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="A member's word (landsting keys approve); two thirds revoke the set of a region that cannot.",
)
@common
def revoke(
    home: Path, serial: int | None, reason: str, size: int | None, approvals: tuple[Path, ...], as_json: bool
) -> None:
    """Revoke a key set: what it signs from that place in the log on counts for nothing.

    An own set by the identity key, once another has followed it; any region's with two thirds of the members.
    """
    lines = [_word(file) for file in approvals]
    args: dict[str, Any] = {"serial": serial, "reason": reason, "size": size, "approvals": lines}
    found = ask(home, "keys_revoke", args)
    if as_json:
        emit(found)
        return
    say(fact("revoked", f"key set {found['serial']} of {found['region']}, from entry {found['size']} on"))
    say("It goes from log to log with each round; running nodes need nothing more.")


@keys.command()
@home_option
@click.option("--region", required=True, help="Whose key set.")
@click.option("--serial", type=click.IntRange(1), help="Which of its sets; the newest, if not said.")
@click.option("--reason", type=click.Choice(REASONS), default="stolen", show_default=True)
@click.option("--size", type=click.IntRange(1), help="Entries that are still believed; all must name the same.")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where the word goes."
)
@common
def approve(
    home: Path, region: str, serial: int | None, reason: str, size: int | None, output: Path, as_json: bool
) -> None:
    """Sign this member's word for revoking another region's key set; nothing else happens yet."""
    found = ask(home, "keys_approve", {"region": region, "serial": serial, "reason": reason, "size": size})
    output.write_text(found["approval"] + "\n", encoding="ascii")
    if as_json:
        emit({**found, "file": str(output)})
    else:
        say(f"{output}: send it to whoever collects two thirds, for landsting keys revoke --approvals")


def _word(file: Path) -> str:
    try:
        if file.stat().st_size <= MAX_WORD:
            return file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal("FILE", f"{file} cannot be read", "a member's word", "landsting keys approve") from error
    raise Refusal("FILE", f"{file} is too long", "a member's word", "landsting keys approve")
