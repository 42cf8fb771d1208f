"""Disclosures as a table in a file: HTML that needs nothing from outside, and CSV that no spreadsheet computes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from node.disclosures import Disclosures, Line, totals
from node.disclosures_words import FORMS, PAGE, approved, learns, receiver

COLUMNS = ("at", "when", "to", "form", "type", "bytes", "study", "round", "approval", "learns")
_SHOWN = tuple(column for column in COLUMNS if column != "type")  # on a page the sentence says it
_SHORT = 12
# Characters that turn the direction of what is read after them, and what no page shows.
_TURNING = re.compile("[\x00-\x08\x0b-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# What a spreadsheet takes for the beginning of a formula, in the wide forms of East Asian writing too.
_FORMULA = re.compile(r"\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_STYLE = (
    "body{margin:0;background:#f3f5f8;color:#1c2430;font:15px/1.5 system-ui,sans-serif}main{max-width:1320px;"
    "margin:0 auto;background:#fff;padding:28px 28px 48px}h1{font-size:1.5rem;margin:0 0 4px}h2{font-size:1.15rem;"
    "margin:32px 0 10px}p{margin:6px 0;max-width:80ch}.soft{color:#5b6675}.wide{overflow-x:auto}table{"
    "border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:6px 10px;border-bottom:"
    "1px solid #d8dee6}.wide table{min-width:1000px}td.n,th.n{text-align:right;white-space:nowrap}td.t{"
    "white-space:nowrap}.wide td:last-child{min-width:19em}td{overflow-wrap:break-word}"
    ".clear{background:#fbeeed}tfoot th{border-top:2px solid #1c2430}@media(max-width:600px){main{padding:18px 12px}}"
    "@media print{@page{size:landscape}body{background:#fff;font-size:8pt}main{max-width:none;padding:0}.wide table{"
    "min-width:0}thead{display:table-header-group}"
    "tr{break-inside:avoid}}"
)


def when(t_ms: int) -> str:
    """Return a time of the log as people read it, UTC; the bare number for one that no calendar has."""
    try:
        return datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return str(t_ms)


def cells(line: Line, lang: str) -> dict[str, str]:
    """Return the columns of one line, by ``COLUMNS``."""
    return {
        "at": str(line.at),
        "when": when(line.t_ms),
        "to": receiver(line, lang),
        "form": FORMS[lang][line.form],
        "type": line.type,
        "bytes": "" if line.size is None else str(line.size),
        "study": line.study.hex() if line.study else "",
        "round": "" if line.round is None else str(line.round),
        "approval": approved(line.approvals, lang),
        "learns": learns(line, lang),
    }


def to_csv(found: Disclosures, lang: str) -> str:
    """Return all lines as CSV with a header; a cell that begins like a formula gets an apostrophe before it."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([PAGE[lang][column] for column in COLUMNS])
    for line in found.lines:
        writer.writerow([_plain(cell) for cell in cells(line, lang).values()])
    return out.getvalue()


def _plain(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def to_html(found: Disclosures, lang: str, chosen: Sequence[str] = ()) -> str:
    """Return one page: sums first, then every line; no script, nothing from outside, every string escaped.

    Args:
        chosen: What the list was narrowed down to, in words.
    """
    say = PAGE[lang]
    title = say["title"].format(region=found.region)
    notes = [say["about"], *chosen]
    if found.unreadable:
        notes.append(say["unreadable"].format(count=found.unreadable))
    messages = [line for line in found.lines if line.form == "organisation"]
    values = [line for line in found.lines if line.form != "organisation"]
    parts = [
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1>",
        *(f'<p class="soft">{escape(note)}</p>' for note in notes),
        _totals(found.lines, lang),
        _studies(found, lang),
        *(_table(say[name], lines, lang) for name, lines in (("values", values), ("messages", messages)) if lines),
        f'<p class="soft">{escape(say["limits"])}</p></main></body></html>\n',
    ]
    return _TURNING.sub("\ufffd", "".join(parts))


def _totals(lines: Sequence[Line], lang: str) -> str:
    say, rows = PAGE[lang], totals(lines)
    if not rows:
        return f"<p>{escape(say['nothing'])}</p>"
    body = "".join(
        f'<tr class="{form}"><td>{escape(FORMS[lang][form])}</td><td class="n">{total.count}</td>'
        f'<td class="n">{total.size}</td></tr>'
        for form, total in rows.items()
    )
    count, size = sum(one.count for one in rows.values()), sum(one.size for one in rows.values())
    return (
        f"<h2>{escape(say['sums'])}</h2><table><thead><tr><th>{escape(say['form'])}</th>"
        f'<th class="n">{escape(say["count"])}</th><th class="n">{escape(say["bytes"])}</th></tr></thead>'
        f'<tbody>{body}</tbody><tfoot><tr><th>{escape(say["all"])}</th><th class="n">{count}</th>'
        f'<th class="n">{size}</th></tr></tfoot></table>'
    )


def _studies(found: Disclosures, lang: str) -> str:
    shown = dict.fromkeys(line.study for line in found.lines)
    titles = [(study, found.titles.get(study)) for study in shown if study is not None]
    return "".join(
        f'<p class="soft">{escape(PAGE[lang]["study"])} {study.hex()[:_SHORT]}…: {escape(title)}</p>'
        for study, title in titles
        if title
    )


def _table(title: str, lines: Sequence[Line], lang: str) -> str:
    say = PAGE[lang]
    head = "".join(f"<th{_kind(column)}>{escape(say[column])}</th>" for column in _SHOWN)
    body = "".join(_row(line, lang) for line in lines)
    return (
        f'<h2>{escape(title)}</h2><div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(line: Line, lang: str) -> str:
    shown = cells(line, lang)
    if line.study is not None:
        shown["study"] = line.study.hex()[:_SHORT] + "…"
    columns = "".join(f"<td{_kind(column)}>{escape(shown[column])}</td>" for column in _SHOWN)
    return f'<tr class="{line.form}">{columns}</tr>'


def _kind(column: str) -> str:
    if column in ("at", "bytes", "round"):
        return ' class="n"'
    return ' class="t"' if column in ("when", "form", "study") else ""
