"""``landsting log export``: the log as one file for an auditor."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import click

from node.cli.asking import ask, study_id
from node.cli.output import Refusal, emit, say
from node.cli.root import common, home_option


@click.command()
@home_option
@click.option("--study", metavar="ID", help="Entries of this study; those of others only as fingerprints.")
@click.option(
    "--payloads",
    type=click.Choice(["none", "kept"]),
    default="kept",
    show_default=True,
    help="Stored payloads to go with it.",
)
@click.option("--with-mirrors", is_flag=True, help="Copies of the neighbours' logs with their entries' bytes.")
@click.option("--requester", metavar="REF", help="Diary number of who asked for it.")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where the bundle goes."
)
@common
def export(
    home: Path,
    study: str | None,
    payloads: str,
    with_mirrors: bool,
    requester: str | None,
    output: Path,
    as_json: bool,
) -> None:
    """Write the log as one file for an auditor. The hand-over itself is the log's last entry.

    Copies of the neighbours' logs go with it as fingerprints, which show whether those were changed later.
    """
    result = export_bundle(
        home,
        output,
        study=study_id(home, study) if study else None,
        payloads=payloads,
        requester=requester,
        with_mirrors=with_mirrors,
    )
    if as_json:
        emit(result)
    else:
        say(f"{output}: {result['entries']} entries of {result['origin']}")
        say(f"Check it: landsting audit verify {output}")


def export_bundle(
    home: Path, output: Path, *, study: str | None, payloads: str, requester: str | None, with_mirrors: bool = False
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
    args = {"study": whole, "payloads": payloads, "requester": requester, "mirrors": with_mirrors}
    size: int = ask(home, "export", args)["size"]
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
            with_mirrors=with_mirrors,
        )
    return {"bundle": str(output), "origin": opened.origin, "entries": size, "study": study, "payloads": payloads}
