"""Disclosures as a table in a file: HTML that needs nothing from outside, and CSV that no spreadsheet computes."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape

from node.pages.disclosures import Disclosures, Line, totals
from node.pages.disclosures_groups import Group, Part, Row, parts
from node.pages.disclosures_words import FORMS, PAGE, approved, group_learns, learns, receiver

COLUMNS = ("at", "when", "to", "form", "type", "bytes", "study", "round", "approval", "learns")
_SHOWN = ("at", "when", "to", "bytes", "round")  # what a group on the page does not say for all
_NUMBERS = frozenset({"at", "bytes", "round", "rounds", "times"})
_SHORT = 12
_DAY = len("2026-11-25 ")
# Characters that turn the direction of what is read after them, and what no page shows.
_TURNING = re.compile("[\x00-\x08\x0b-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# What a spreadsheet takes for the beginning of a formula, in the wide forms of East Asian writing too.
_FORMULA = re.compile(r"\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_STYLE = (
    "body{margin:0;background:#f3f5f8;color:#1c2430;font:15px/1.5 system-ui,sans-serif}main{max-width:960px;"
    "margin:0 auto;background:#fff;padding:28px 36px 48px}h1{font-size:1.5rem;margin:0 0 4px}h2{font-size:1.15rem;"
    "margin:36px 0 4px;border-top:1px solid #d8dee6;padding-top:18px}h3{font-size:1rem;margin:0}p{margin:6px 0}"
    ".soft{color:#5b6675}.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;"
    "vertical-align:top;padding:5px 10px;border-bottom:1px solid #d8dee6}th{font-weight:600}td.n,th.n{"
    "text-align:right;white-space:nowrap}td{overflow-wrap:break-word}td.t{min-width:7em}article{"
    "border:1px solid #d8dee6;border-left:6px solid #8cc4ba;border-radius:6px;padding:10px 16px;margin:12px 0;"
    "break-inside:avoid}article.clear,article.data,article.model,article.synthetic{border-left-color:#a3281f}"
    "article.organisation{border-left-color:#d8dee6}tr.clear{background:#fbeeed}summary{cursor:pointer;"
    "margin-top:8px;color:#154f8a}tfoot th{border-top:2px solid #1c2430}"
    "@media(max-width:600px){main{padding:18px 12px}article{padding:8px}"
    "th,td{padding:4px;font-size:.8rem}td.t{min-width:0}}"
    "@page{size:A4;margin:16mm}@media print{body{background:#fff;font-size:9pt}main{max-width:none;padding:0}"
    "tr{break-inside:avoid}h2,h3{break-after:avoid}h2{margin-top:20px}details{display:none}.wide{overflow:visible}}"
)


def when(t_ms: int) -> str:
    """Return a time of the log as people read it, UTC; the bare number for one that no calendar has."""
    try:
        return datetime.fromtimestamp(t_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return str(t_ms)


def grouped(number: int) -> str:
    """Return a whole number in groups of three digits with spaces that do not break, as ISO 80000-1 writes it."""
    return f"{number:,}".replace(",", "\u00a0")


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
    pieces = [
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<style>{_STYLE}</style></head><body><main><h1>{escape(title)}</h1>",
        *(f'<p class="soft">{escape(note)}</p>' for note in notes),
        _totals(found.lines, lang),
        *(_part(part, found.titles, lang) for part in parts(found)),
        f'<p class="soft">{escape(say["limits"])}</p></main></body></html>\n',
    ]
    return _TURNING.sub("\ufffd", "".join(pieces))


def _totals(lines: Sequence[Line], lang: str) -> str:
    say, rows = PAGE[lang], totals(lines)
    if not rows:
        return f"<p>{escape(say['nothing'])}</p>"
    body = "".join(
        f'<tr class="{form}"><td>{escape(FORMS[lang][form])}</td><td class="n">{total.count}</td>'
        f'<td class="n">{grouped(total.size)}</td></tr>'
        for form, total in rows.items()
    )
    count, size = sum(one.count for one in rows.values()), sum(one.size for one in rows.values())
    return (
        f"<h2>{escape(say['sums'])}</h2><table><thead><tr><th>{escape(say['form'])}</th>"
        f'<th class="n">{escape(say["count"])}</th><th class="n">{escape(say["bytes"])}</th></tr></thead>'
        f'<tbody>{body}</tbody><tfoot><tr><th>{escape(say["all"])}</th><th class="n">{count}</th>'
        f'<th class="n">{grouped(size)}</th></tr></tfoot></table>'
    )


def title_of(part: Part, titles: Mapping[bytes, str], lang: str) -> str:
    """Return how a part is headed: the study by its first digits and its title."""
    if part.study is None:
        return PAGE[lang]["no.study"]
    name = PAGE[lang]["one.study"].format(study=f"{part.study.hex()[:_SHORT]}…")
    title = titles.get(part.study)
    return f"{name}: {title}" if title else name


def figures(row: Row, lang: str) -> dict[str, str]:
    """Return what one receiver got of a group, by column."""
    first, last = row.rounds or (None, None)
    since, until = when(row.since_ms), when(row.until_ms)
    return {
        "to": receiver(row, lang),
        "times": str(row.count),
        "bytes": grouped(row.size),
        "rounds": "" if first is None else str(first) if first == last else f"{first}–{last}",
        "period": since if since == until else f"{since} – {until[_DAY:] if until[:_DAY] == since[:_DAY] else until}",
    }


def _part(part: Part, titles: Mapping[bytes, str], lang: str) -> str:
    approval = f"{PAGE[lang]['approval']}: {approved(part.approvals, lang)}"
    return (
        f"<section><h2>{escape(title_of(part, titles, lang))}</h2><p>{escape(approval[0].upper() + approval[1:])}</p>"
        + "".join(_group(group, lang) for group in part.groups)
        + "</section>"
    )


def _group(group: Group, lang: str) -> str:
    say = PAGE[lang]
    rows = [figures(row, lang) for row in group.rows()]
    each = [cells(line, lang) for line in group.lines]
    form = FORMS[lang][group.form]
    return (
        f'<article class="{group.form}"><h3>{escape(form[0].upper() + form[1:])}</h3>'
        f'<p><span class="soft">{escape(say["could.learn"])}</span> {escape(group_learns(group, lang))}</p>'
        f"{_table(tuple(rows[0]), rows, lang)}<details><summary>{escape(say['each'].format(count=len(each)))}</summary>"
        f"{_table(_SHOWN, each, lang)}</details></article>"
    )


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, str]], lang: str) -> str:
    head = "".join(f"<th{_kind(column)}>{escape(PAGE[lang][column])}</th>" for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td{_kind(column)}>{escape(row[column])}</td>" for column in columns) + "</tr>"
        for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _kind(column: str) -> str:
    return ' class="n"' if column in _NUMBERS else ' class="t"' if column == "period" else ""
