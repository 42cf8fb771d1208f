"""``landsting witness``: an outside witness, for somebody who is no region.

Files alone: no network, no node. It sees signed heads of logs and nothing else.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.output import Refusal, emit, say
from node.cli.root import common

if TYPE_CHECKING:
    from node.outside import Outside

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OUT = click.Path(dir_okay=False, path_type=Path)


def _at(function: Any) -> Any:
    return click.option(
        "--at", required=True, metavar="DIR", type=click.Path(file_okay=False, path_type=Path), help="Its folder."
    )(function)


@click.group()
def witness() -> None:
    """An outside witness: sees heads of logs, and signs what goes on from what it has seen.

    For a university, an authority, anybody who is no region. It never sees an entry or a value, and no region waits
    for it.
    """


@witness.command()
@_at
@click.option("--name", required=True, help="What its signatures are called, for instance uni.example/witness.")
@common
def init(at: Path, name: str, as_json: bool) -> None:
    """Make a witness: a folder with a key."""
    from node.outside import Outside

    made = Outside.create(at, name)
    if as_json:
        emit({"folder": str(at.resolve()), "name": name, "key": made.vkey})
        return
    say(f"{name} is a witness, in {at}. Its public key, for auditors:")
    say(made.vkey)
    say(f"Next: landsting witness add --at {at} REGION.card")


@witness.command()
@_at
@click.argument("card", type=_FILE)
@common
def add(at: Path, card: Path, as_json: bool) -> None:
    """Watch the log of the region whose card CARD is. Later keys come with a later card."""
    from crypto.words import words

    added = _open(at).add(_text(card))
    facts = {"network": added.network, "region": added.name, "serial": added.keys.serial}
    if as_json:
        emit({**facts, "fingerprint": added.fingerprint.hex()})
        return
    say(f"{added.name} of {added.network} is watched; fingerprint of its card: {words(added.fingerprint)}")
    say("Ask the region to read its words to you; the same words mean the same card.")


@witness.command()
@_at
@click.argument("request", type=_FILE)
@click.option("-o", "--output", type=_OUT, metavar="FILE", help="Where the cosigned checkpoint goes, for the region.")
@common
def cosign(at: Path, request: Path, output: Path | None, as_json: bool) -> None:
    """Sign the checkpoint in REQUEST, if it goes on from all that was seen of that log.

    A region writes REQUEST with landsting log head --for-witness FILE.
    """
    from protocol.outside import MAX_REQUEST

    with request.open("rb") as file:
        data = file.read(MAX_REQUEST + 1)
    point, note = _open(at).cosign(data)
    if output is not None:
        output.write_bytes(note)
    if as_json:
        emit({"origin": point.origin, "size": point.size, "note": note.decode("utf-8")})
        return
    say(f"{point.origin}: {point.size} entries go on from what was seen; signed and kept")
    if output is None:
        say(note.decode("utf-8").rstrip("\n"))


@witness.command()
@_at
@common
def show(at: Path, as_json: bool) -> None:
    """Say whose logs are watched, and up to where each was seen."""
    from crypto.note import parse_checkpoint, parse_note
    from protocol.outside import seen_at

    opened = _open(at)
    rows = []
    for kept in opened.notes():
        point, t_s = parse_checkpoint(parse_note(kept).body), seen_at(kept, opened.name, opened.key.public)
        rows.append({"origin": point.origin, "size": point.size, "t_s": t_s})
    if as_json:
        emit({"name": opened.name, "key": opened.vkey, "watched": _watched(opened), "seen": rows})
        return
    say(opened.vkey)
    for one in _watched(opened):
        say(f"watches {one}")
    for row in rows:
        when = "not signed: does not go on from what was seen" if row["t_s"] is None else _when(int(str(row["t_s"])))
        say(f"{row['origin']}  {row['size']:>8} entries  {when}")


@witness.command()
@_at
@click.option("-o", "--output", required=True, type=_OUT, metavar="FILE", help="Where the file goes.")
@common
def export(at: Path, output: Path, as_json: bool) -> None:
    """Write all that was seen as one file: landsting audit verify BUNDLE… --witness FILE."""
    opened = _open(at)
    data = opened.export()
    output.write_bytes(data)
    facts = {"file": str(output), "notes": len(opened.notes()), "key": opened.vkey}
    emit(facts) if as_json else say(f"{output}: {facts['notes']} heads seen; key {opened.vkey}")


def _open(at: Path) -> Outside:
    from node.outside import Outside

    return Outside.open(at)


def _watched(opened: Outside) -> list[str]:
    return [f"{card.network}/{card.name}, key set {card.keys.serial}" for card in opened.cards()]


def _text(path: Path) -> str:
    try:
        with path.open(encoding="ascii") as file:
            return file.read(64 * 1024)
    except UnicodeDecodeError as error:
        raise Refusal("CARD", f"{path} is no card", "one line of text", "landsting card, at that region") from error


def _when(t_s: int) -> str:
    return datetime.fromtimestamp(t_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
