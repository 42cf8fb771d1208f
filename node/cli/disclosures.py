"""``landsting log disclosures``: what left this region, for those who answer for its patients."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.output import Refusal, emit, note, say, table
from node.cli.root import common, home_option

if TYPE_CHECKING:
    from node.pages.disclosures import Disclosures, Line
    from node.pages.disclosures_groups import Part

WIDTH = 100


def _since(_ctx: click.Context, _param: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise click.UsageError(f"--since is a day, for instance 2026-11-24; found {text!r}") from error


@click.command()
@home_option
@click.option("--to", metavar="REGION", help="Only what went to this region.")
@click.option("--since", metavar="DATE", callback=_since, help="Only from this day on (UTC), for instance 2026-11-24.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page to this file.")
@click.option("--csv", "csv_", type=click.Path(dir_okay=False, path_type=Path), help="Write a table to this file.")
@click.option("--lang", type=click.Choice(["sv", "en"]), default="en", show_default=True, help="Language.")
@common
def disclosures(
    home: Path, to: str | None, since: datetime | None, html: Path | None, csv_: Path | None, lang: str, as_json: bool
) -> None:
    """List what left this region: when, to whom, in what form, on whose approval.

    One line for each thing and receiver, read from the log; works beside a running node. The counts and bytes
    are those of the log's entries.
    """
    from node.pages.disclosures_page import to_csv, to_html
    from node.pages.disclosures_words import PAGE

    whole = _read(home)
    found = whole.only(to=to, since_ms=None if since is None else int(since.timestamp() * 1000))
    chosen = [PAGE[lang]["filter.to"].format(to=to)] if to is not None else []
    if since is not None:
        chosen.append(PAGE[lang]["filter.since"].format(since=since.strftime("%Y-%m-%d")))
    if html is not None:
        _write(html, to_html(found, lang, chosen))
    if csv_ is not None:
        _write(csv_, "\ufeff" + to_csv(found, lang))  # the mark tells a spreadsheet that it is UTF-8
    if as_json:
        emit(in_json(found, lang))
    elif html is None and csv_ is None:
        say(in_words(found, lang, chosen))
    for path in (html, csv_):
        if path is not None:
            note(f"written: {path}")


def _read(home: Path) -> Disclosures:
    from node.home import Home
    from node.pages.disclosures import disclosed
    from node.store.storage import StoreReader

    with StoreReader(Home.open(home)) as reader:
        return disclosed((leaf for leaf, _ in reader.whole()), reader.kept)


def _write(path: Path, text: str) -> None:
    if not path.parent.is_dir():
        raise Refusal("FILE", f"there is no folder {path.parent}", "one that exists", f"mkdir -p {path.parent}")
    from node.files import write

    write(path, text.encode("utf-8"), durable=False)  # 0600, whole or not at all


def in_json(found: Disclosures, lang: str) -> dict[str, Any]:
    """Return the JSON of the command: lines, and totals by form."""
    from node.pages.disclosures import totals

    sums = {form: {"count": total.count, "bytes": total.size} for form, total in totals(found.lines).items()}
    return {
        "region": found.region,
        "origin": found.origin,
        "unreadable": found.unreadable,
        "lines": [_line_value(line, lang) for line in found.lines],
        "totals": sums,
    }


def _line_value(line: Line, lang: str) -> dict[str, Any]:
    from node.pages.disclosures_page import when
    from node.pages.disclosures_words import learns

    return {
        "at": line.at,
        "t_ms": line.t_ms,
        "when": when(line.t_ms),
        "to": line.to,
        "requester": line.requester,
        "form": line.form,
        "type": line.type,
        "bytes": line.size,
        "study": line.study.hex() if line.study else None,
        "round": line.round,
        "approvals": [{"role": one.role, "ref": one.ref, "check": one.check} for one in line.approvals],
        "learns": learns(line, lang),
    }


def in_words(found: Disclosures, lang: str, chosen: list[str]) -> str:
    """Return the list as plain text, no wider than a terminal: by study and approval, then the sums."""
    from node.pages.disclosures import totals
    from node.pages.disclosures_groups import parts
    from node.pages.disclosures_words import FORMS, PAGE

    words = PAGE[lang]
    title = ", ".join([words["title"].format(region=found.region), *chosen])
    if not found.lines:
        return f"{title}\n{words['nothing']}"
    sums = totals(found.lines)
    total = [words["all"], sum(one.count for one in sums.values()), sum(one.size for one in sums.values())]
    below = [[FORMS[lang][form], one.count, one.size] for form, one in sums.items()]
    lost = [words["unreadable"].format(count=found.unreadable)] if found.unreadable else []
    return "\n".join([
        title,
        *(line for part in parts(found) for line in _part_words(part, found, lang)),
        "",
        table([*below, total], [words["form"], words["count"], words["bytes"]], right=(1, 2)),
        "",
        *lost,
        *_wrapped(words["limits"], ""),
    ])  # fmt: skip


def _part_words(part: Part, found: Disclosures, lang: str) -> Iterator[str]:
    """Yield the lines of one part: what each group could tell its receivers, and who they were."""
    from node.pages.disclosures_page import figures, title_of
    from node.pages.disclosures_words import FORMS, PAGE, approved, group_learns

    words = PAGE[lang]
    yield ""
    yield title_of(part, found.titles, lang)
    yield from _wrapped(f"{words['approval']}: {approved(part.approvals, lang)}", "  ")
    for group in part.groups:
        rows = [figures(row, lang) for row in group.rows()]
        yield ""
        yield from _wrapped(f"{FORMS[lang][group.form]}: {group_learns(group, lang)}", "  ")
        shown = table([list(row.values()) for row in rows], [words[column] for column in rows[0]], right=(1, 2, 3))
        yield from (f"    {line}" for line in shown.splitlines())


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent and indent + "  ")
