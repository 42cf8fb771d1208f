"""``landsting log export``: the log as one file for an auditor."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import click

from node.cli.asking import ask, study_id
from node.cli.output import Refusal, emit, say
from node.cli.root import common, home_option


def _rounds(_ctx: click.Context, _param: click.Parameter, text: str | None) -> range | None:
    return span(text)


def span(text: str | None) -> range | None:
    """Return the rounds that ``A`` or ``A-B`` names; None for None.

    Raises:
        click.UsageError: It is neither.
    """
    if text is None:
        return None
    first, dash, last = text.partition("-")
    if not first.isdigit() or (dash and not last.isdigit()) or int(last or first) < int(first):
        raise click.UsageError(f"--rounds is A or A-B, for instance 2-5; found {text[:40]!r}")
    return range(int(first), int(last or first) + 1)


@click.command()
@home_option
@click.option("--study", metavar="ID", help="Entries of this study; those of others only as fingerprints.")
@click.option(
    "--payloads",
    type=click.Choice(["none", "kept", "all"]),
    default="kept",
    show_default=True,
    help="Stored payloads to go with it; all: with the masked values that the plan lets this region keep.",
)
@click.option(
    "--openings",
    type=click.Choice(["none", "masks", "drawn"]),
    default="none",
    show_default=True,
    help="masks: seeds of the masks that this region took away; drawn: also its own models of the drawn rounds.",
)
@click.option("--rounds", metavar="A-B", callback=_rounds, help="Masked values and openings of these rounds only.")
@click.option("--with-mirrors", is_flag=True, help="Copies of the neighbours' logs with their entries' bytes.")
@click.option("--requester", metavar="REF", help="Diary number of who asked for it.")
@click.option("--yes", is_flag=True, help="Yes: with --openings drawn, models of this region leave in plain form.")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where the bundle goes."
)
@common
def export(
    home: Path,
    study: str | None,
    payloads: str,
    openings: str,
    rounds: range | None,
    with_mirrors: bool,
    requester: str | None,
    yes: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Write the log as one file for an auditor. The hand-over itself is the log's last entry.

    Copies of the neighbours' logs go with it as fingerprints, which show whether those were changed later.
    With --payloads all it says first how many regions' bundles together uncover one region's update.
    """
    if openings != "none" and payloads != "all":
        raise Refusal(
            "VALUE", f"--openings {openings} without --payloads all", "both: openings are of payloads that go along",
            f"landsting log export --payloads all --openings {openings} --home {home} -o {output}",
        )  # fmt: skip
    if openings == "drawn" and not yes:
        raise Refusal(
            "VALUE", "--openings drawn hands over this region's own models of the drawn rounds, in plain form",
            "--yes, or an audit inside the region: landsting audit verify --inside HOME BUNDLE…",
            f"landsting log export --payloads all --openings drawn --yes --home {home} -o {output}",
        )  # fmt: skip
    result = export_bundle(
        home,
        output,
        study=study_id(home, study) if study else None,
        payloads=payloads,
        requester=requester,
        with_mirrors=with_mirrors,
        openings=openings,
        rounds=rounds,
    )
    if as_json:
        emit(result)
        return
    for line in result["warnings"]:
        say(line)
    say(f"{output}: {result['entries']} entries of {result['origin']}")
    say(f"Check it: landsting audit verify {output}")


def export_bundle(
    home: Path,
    output: Path,
    *,
    study: str | None,
    payloads: str,
    requester: str | None,
    with_mirrors: bool = False,
    openings: str = "none",
    rounds: range | None = None,
) -> dict[str, Any]:
    """Append the entry of the hand-over, then write the bundle; whole or not at all.

    Raises:
        Refusal: The node refuses, the log cannot be read, or the files together would uncover a region's update.
    """
    from crypto.merkle import Tree
    from crypto.note import Checkpoint, checkpoint_body, sign_note
    from node.audit.bundle import UnmaskableError, write_bundle
    from node.home import Home
    from node.store.storage import StoreReader
    from node.store.vault import Vault

    if not output.parent.is_dir():
        raise Refusal("FILE", f"there is no folder {output.parent}", "one that exists", f"mkdir -p {output.parent}")
    whole = bytes.fromhex(study) if study else None
    args = {"study": whole, "payloads": payloads, "requester": requester, "mirrors": with_mirrors}
    size: int = ask(home, "export", args)["size"]
    opened = Home.open(home)
    with StoreReader(opened) as reader, Vault(opened.path) as vault:
        # A running node may have written more since: the bundle ends with the entry of the hand-over. Its
        # checkpoint is the one that this log has signed for that size, for the signature leaves no choice.
        leaves = list(islice(reader.entries(), size))
        checkpoint = Checkpoint(opened.origin, size, Tree(hashed for _, hashed in leaves).root())
        key = opened.keys().log
        extra, words = _from_vault(reader, vault, leaves, opened.name, whole, payloads, requester, openings, rounds)
        try:
            write_bundle(
                output,
                origin=opened.origin,
                note_key=key,
                leaves=leaves,
                checkpoint=sign_note(checkpoint_body(checkpoint), opened.origin, key),
                payload=lambda sha: reader.kept(sha) or (vault.payload(sha) if payloads == "all" else None),
                study=whole,
                payloads=payloads,
                mirrors=reader.copies.copies(),
                with_mirrors=with_mirrors,
                rounds=rounds,
                openings=extra,
                earlier=list(reader.past()),
                protected=reader.copies.protected(),
            )
        except UnmaskableError as error:
            raise Refusal(
                "REFUSED", f"LS-EXPORT-UNMASKABLE: {error}", "files that do not uncover a region's update together",
                f"landsting log export --payloads all --home {home} -o {output}",
            ) from error  # fmt: skip
        except ValueError as error:
            raise Refusal(
                "LIMIT", str(error), "fewer rounds in one bundle",
                f"landsting log export --payloads {payloads} --rounds 0-9 --home {home} -o {output}",
            ) from error  # fmt: skip
    return {
        "bundle": str(output), "origin": opened.origin, "entries": size, "study": study, "payloads": payloads,
        "openings": len(extra), "warnings": words,
    }  # fmt: skip


def _from_vault(
    reader: Any,
    vault: Any,
    leaves: list[tuple[bytes | None, bytes]],
    region: str,
    study: bytes | None,
    payloads: str,
    requester: str | None,
    kind: str,
    rounds: range | None,
) -> tuple[dict[tuple[int, str], bytes], list[str]]:
    """Return the openings that go along, and what is said before they do."""
    if payloads != "all":
        return {}, []
    from node.store.vault_export import Outline, openings_of, warnings
    from protocol.entries import decode_entry
    from protocol.plan import Plan

    outline, studies = Outline(), set[bytes]()
    for leaf, _ in leaves[:-1]:
        if leaf is None:
            continue
        entry = decode_entry(leaf)
        outline.take(entry)
        if entry.kind == "study.start" and entry.study is not None and study in (None, entry.study):
            studies.add(entry.study)
    plans = [Plan.decode(data) for name in sorted(studies) if (data := reader.kept(name)) is not None]
    extra: dict[tuple[int, str], bytes] = {}
    for plan in plans:
        extra |= openings_of(vault, reader.copies, outline, plan, region, kind, rounds)
    return extra, warnings(plans, outline, requester, extra)
