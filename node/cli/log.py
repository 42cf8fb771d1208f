"""``landsting log``: the signed update log, as people read it, and as evidence for an auditor."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import click

from node.cli.asking import ask, study_id
from node.cli.output import Refusal, emit, say
from node.cli.root import common, home_option


@click.group()
def log() -> None:
    """Read and export the signed update log."""


def _span(_ctx: click.Context, _param: click.Parameter, text: str | None) -> tuple[int, int | None] | None:
    if text is None:
        return None
    first, dash, last = text.partition("-")
    if not first.isdigit() or (dash and last and not last.isdigit()):
        raise click.UsageError(f"--seq is A or A-B, for instance 0-20; found {text!r}")
    return int(first), (int(last) if last else None) if dash else int(first)


@log.command()
@home_option
@click.option("--seq", metavar="A-B", callback=_span, help="Entries from A to B.")
@click.option("--kind", metavar="K", help="Only this kind, for instance round.mix.")
@click.option("--round", "round_", type=click.IntRange(0), metavar="R", help="Only this round.")
@common
def show(home: Path, seq: tuple[int, int | None] | None, kind: str | None, round_: int | None, as_json: bool) -> None:
    """Print the log's entries. Works beside a running node.

    With --json each line is the reading view of one entry, as it stands in a bundle.
    """
    from node.home import Home
    from node.storage import StoreReader
    from protocol.entries import KINDS, view

    if kind is not None and kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise Refusal("VALUE", f"no entry is of kind {kind!r}", known, "landsting log show --kind KIND")
    first, last = seq or (0, None)
    with StoreReader(Home.open(home)) as reader:
        for at, leaf in enumerate(islice(reader.leaves(), None if last is None else last + 1)):
            if at < first:
                continue
            line = view(at, leaf)
            entry = json.loads(line)["entry"]
            if not isinstance(entry, dict) or not isinstance(entry.get("body"), dict):
                damaged = f"{at:>6}  not an entry: the log is damaged; see landsting status"
                say(line.rstrip("\n") if as_json else damaged)
                continue
            if (kind is None or entry["kind"] == kind) and (round_ is None or _round(entry) == round_):
                say(line.rstrip("\n") if as_json else in_words(at, entry))


def _round(entry: dict[str, Any]) -> int | None:
    body = entry["body"]
    header = body.get("header")
    found = body.get("round", header.get("round") if isinstance(header, dict) else None)
    return found if isinstance(found, int) else None


def in_words(at: int, entry: dict[str, Any]) -> str:
    """Return one entry as a line for people."""
    from datetime import UTC, datetime

    when = datetime.fromtimestamp(entry["t_ms"] / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    body = entry["body"]
    header = body.get("header")
    parts: list[str] = []
    if isinstance(header, dict):
        parts.append(str(header["type"]))
        parts.append(f"to {', '.join(body['to'])}" if "to" in body else f"from {header['from']}")
        body = {"round": header.get("round")}
    for key in (
        "round",
        "outcome",
        "reason",
        "role",
        "stage",
        "regions",
        "survivors",
        "missing",
        "code",
        "region",
        "steps",
    ):
        value = body.get(key)
        if value is not None and value != []:
            parts.append(f"{key} {', '.join(map(str, value)) if isinstance(value, list) else value}")
    return f"{at:>6}  {when}  {entry['kind']:<14}  {'; '.join(parts)}".rstrip()


@log.command()
@home_option
@common
def head(home: Path, as_json: bool) -> None:
    """Print the newest signed checkpoint: the log's size and root, under the log key's signature."""
    from node.home import Home
    from node.storage import StoreReader

    with StoreReader(Home.open(home)) as reader:
        text = reader.checkpoint_note().decode("utf-8")
    if as_json:
        origin, size, root = text.split("\n")[:3]
        emit({"origin": origin, "size": int(size), "root": root, "note": text})
    else:
        say(text.rstrip("\n"))


@log.command()
@home_option
@click.option("--study", metavar="ID", help="Entries of this study; those of others only as fingerprints.")
@click.option(
    "--payloads",
    type=click.Choice(["none", "kept"]),
    default="kept",
    show_default=True,
    help="Stored payloads to go with it.",
)
@click.option("--requester", metavar="REF", help="Diary number of who asked for it.")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where the bundle goes."
)
@common
def export(home: Path, study: str | None, payloads: str, requester: str | None, output: Path, as_json: bool) -> None:
    """Write the log as one file for an auditor. The hand-over itself is the log's last entry."""
    result = export_bundle(
        home, output, study=study_id(home, study) if study else None, payloads=payloads, requester=requester
    )
    if as_json:
        emit(result)
    else:
        say(f"{output}: {result['entries']} entries of {result['origin']}")
        say(f"Check it: landsting audit verify {output}")


def export_bundle(
    home: Path, output: Path, *, study: str | None, payloads: str, requester: str | None
) -> dict[str, Any]:
    """Append the entry of the hand-over, then write the bundle; whole or not at all.

    Raises:
        Refusal: The node refuses, or the log cannot be read.
    """
    from crypto.merkle import Tree
    from crypto.note import Checkpoint, checkpoint_body, sign_note
    from node.audit.bundle import write_bundle
    from node.home import Home
    from node.storage import StoreReader

    if not output.parent.is_dir():
        raise Refusal("FILE", f"there is no folder {output.parent}", "one that exists", f"mkdir -p {output.parent}")
    whole = bytes.fromhex(study) if study else None
    size: int = ask(home, "export", {"study": whole, "payloads": payloads, "requester": requester})["size"]
    opened = Home.open(home)
    with StoreReader(opened) as reader:
        # A running node may have written more since: the bundle ends with the entry of the hand-over. Its
        # checkpoint is the one that this log has signed for that size, for the signature leaves no choice.
        leaves = list(islice(reader.entries(), size))
        checkpoint = Checkpoint(opened.origin, size, Tree(hashed for _, hashed in leaves).root())
        key = opened.keys().log
        write_bundle(
            output,
            origin=opened.origin,
            note_key=key,
            leaves=leaves,
            checkpoint=sign_note(checkpoint_body(checkpoint), opened.origin, key),
            payload=reader.kept,
            study=whole,
            payloads=payloads,
            mirrors=reader.copies.copies(),
        )
    return {"bundle": str(output), "origin": opened.origin, "entries": size, "study": study, "payloads": payloads}
