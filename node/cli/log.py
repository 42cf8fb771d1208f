"""``landsting log``: the signed update log, as people read it, and as evidence for an auditor."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from node.cli.asking import ask
from node.cli.disclosures import disclosures
from node.cli.log_export import export
from node.cli.output import Refusal, emit, say
from node.cli.root import common, home_option


@click.group()
def log() -> None:
    """Read and export the signed update log."""


log.add_command(disclosures)
log.add_command(export)


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
@click.option("--epoch", type=click.IntRange(1), metavar="E", help="Of an earlier log, where this one was begun anew.")
@common
def show(
    home: Path,
    seq: tuple[int, int | None] | None,
    kind: str | None,
    round_: int | None,
    epoch: int | None,
    as_json: bool,
) -> None:
    """Print the log's entries. Works beside a running node.

    With --json each line is the reading view of one entry, as it stands in a bundle.
    """
    from node.home import Home
    from node.store.storage import StoreReader
    from protocol.entries import KINDS, view

    if kind is not None and kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise Refusal("VALUE", f"no entry is of kind {kind!r}", known, "landsting log show --kind KIND")
    first, last = seq or (0, None)
    with StoreReader(Home.open(home)) as reader:
        stop = None if last is None else last + 1
        opened = Home.open(home)
        found = reader.entries(first, stop)
        if epoch is not None and epoch != opened.epoch:
            past = {one.origin: one.records for one in reader.past()}
            origin = f"{opened.network}/{opened.name}/{epoch}"
            if origin not in past:
                here = ", ".join([*past, opened.origin])
                raise Refusal("VALUE", f"no log {origin} is here", here, "landsting log show --epoch E")
            found = iter(past[origin][first:stop])
        for at, (leaf, digest) in enumerate(found, first):
            if leaf is None:
                if kind is None and round_ is None:
                    gone = {"at": at, "entry": None, "leaf": digest.hex()}
                    say(json.dumps(gone, sort_keys=True, separators=(",", ":")) if as_json else _gone(at, digest))
                continue
            line = view(at, leaf)
            entry = json.loads(line)["entry"]
            if not isinstance(entry, dict) or not isinstance(entry.get("body"), dict):
                damaged = f"{at:>6}  not an entry: the log is damaged; see landsting status"
                say(line.rstrip("\n") if as_json else damaged)
                continue
            if (kind is None or entry["kind"] == kind) and (round_ is None or _round(entry) == round_):
                say(line.rstrip("\n") if as_json else in_words(at, entry))


def _gone(at: int, digest: bytes) -> str:
    return f"{at:>6}  only the fingerprint is left: {digest.hex()[:16]}…"


def _round(entry: dict[str, Any]) -> int | None:
    body = entry["body"]
    header = body.get("header")
    found = body.get("round", header.get("round") if isinstance(header, dict) else None)
    return found if isinstance(found, int) else None


def _when(t_ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def in_words(at: int, entry: dict[str, Any]) -> str:
    """Return one entry as a line for people."""
    when = _when(entry["t_ms"])
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
@click.option(
    "--for-witness",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write it for an outside witness, with the proof that it goes on from what that one has seen.",
)
@click.option("--since", type=click.IntRange(0), default=0, metavar="N", help="How many entries that witness has seen.")
@common
def head(home: Path, for_witness: Path | None, since: int, as_json: bool) -> None:
    """Print the newest signed checkpoint, and who confirmed the log last, up to where."""
    from node.home import Home
    from node.store.storage import StoreReader

    opened = Home.open(home)
    with StoreReader(opened) as reader:
        text = reader.checkpoint_note().decode("utf-8")
        given = reader.copies.cosignatures(opened.origin)
        lines = [one for one in reader.copies.protected() if one.origin == opened.origin]
    if for_witness is not None:
        _for_witness(opened, text.encode(), since, for_witness)
    newest = {one.by: one for one in given}  # ascending by size: the last one stays
    if as_json:
        origin, size, root = text.split("\n")[:3]
        confirmed = [{"by": one.by, "size": one.size, "t_s": one.t_s} for _, one in sorted(newest.items())]
        emit({"origin": origin, "size": int(size), "root": root, "note": text, "confirmed": confirmed,
              "protected": [{"size": one.size, "note": one.note.decode("utf-8")} for one in lines]})  # fmt: skip
        return
    say(text.rstrip("\n"))
    for name, one in sorted(newest.items()):
        say(f"confirmed by {name} up to {one.size} entries, {_when(one.t_s * 1000)}")
    if lines:
        say(f"protected for the long term (post-quantum) up to entry {max(one.size for one in lines) - 1}")


def _for_witness(home: Any, note: bytes, since: int, out: Path) -> None:
    """Write the request to a witness: a signed head and hashes, no entry."""
    from itertools import islice

    from crypto.merkle import Tree
    from crypto.note import parse_checkpoint, parse_note
    from node.store.storage import StoreReader
    from protocol.outside import Request

    size = parse_checkpoint(parse_note(note).body).size
    if since > size:
        raise Refusal(
            "VALUE", f"--since {since}, and this log has {size} entries", f"at most {size}",
            "a witness that has seen more saw what this log has lost: landsting restore",
        )  # fmt: skip
    with StoreReader(home) as reader:
        tree = Tree(digest for _, digest in islice(reader.entries(), size))
    out.write_bytes(Request(since, tuple(tree.consistency_path(since, size)), note).encode())


@log.command()
@home_option
@common
def prune(home: Path, as_json: bool) -> None:
    """Let stored payloads go whose time is over by their plan; entries and all proofs stay.

    An entry names what went and by which rule.
    """
    found = ask(home, "prune", {})
    if as_json:
        emit(found)
        return
    for one in found["pruned"]:
        say(f"study {one['study'][:12]}: {one['payloads']} payloads, their years are over")
    if not found["pruned"]:
        say("Nothing is due.")


@log.command()
@home_option
@click.argument("seq", type=click.IntRange(1))
@click.option("--basis", required=True, type=click.Choice(["erasure", "order", "secrecy", "error"]), help="The ground.")
@click.option("--yes", is_flag=True, help="Yes, for good: there is no way back.")
@common
def redact(home: Path, seq: int, basis: str, yes: bool, as_json: bool) -> None:
    """Erase the bytes of entry SEQ for good, here and in the neighbours' copies; its fingerprint stays.

    All proofs hold. An entry says what was erased and on what ground.
    """
    if not yes:
        raise Refusal(
            "VALUE", f"entry {seq} would be erased for good", "--yes", f"landsting log show --seq {seq} --home {home}"
        )
    found = ask(home, "redact", {"seq": seq, "basis": basis})
    if as_json:
        emit(found)
    else:
        say(f"entry {seq} is erased ({basis}); its fingerprint {found['leaf'][:16]}… stays")
