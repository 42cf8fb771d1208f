"""A data sheet as one HTML page: no script, nothing loaded from elsewhere, counts and names of columns only."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

_STYLE = """
:root { --ink: #1c2730; --soft: #5d6b76; --line: #dde3e7; --paper: #fff; --wash: #f5f7f8;
  --good: #1d7a4c; --goodwash: #e8f5ee; --bad: #b3261e; --badwash: #fcecea; --warn: #8a5a00; --warnwash: #fdf4e0;
  --accent: #1f5f8b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6ebee; --soft: #9fadb7; --line: #34414b; --paper: #151d23;
  --wash: #1b252c; --good: #6fd3a0; --goodwash: #16332a; --bad: #ff9d94; --badwash: #3b1f1d; --warn: #f0c56b;
  --warnwash: #362b14; --accent: #7cbce6; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--wash); color: var(--ink); font: 16px/1.55 "Segoe UI", "Helvetica Neue",
  "DejaVu Sans", Arial, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1, h2 { font-size: 1.7rem; margin: 0 0 .25rem; letter-spacing: -.01em; }
h3 { font-size: 1.05rem; margin: 2.2rem 0 .7rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: 1.4rem 1.6rem;
  margin: 1.4rem 0; }
.verdict { border-left: 5px solid var(--good); background: var(--goodwash); padding: .8rem 1.1rem; border-radius: 6px;
  margin: 1rem 0; font-weight: 600; }
.verdict.blocked { border-color: var(--bad); background: var(--badwash); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .8rem; margin: 1.1rem 0 0; }
.facts div { background: var(--wash); border-radius: 8px; padding: .65rem .9rem; }
.facts b { display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.facts span { color: var(--soft); font-size: .84rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th { text-align: left; color: var(--soft); font-weight: 600; font-size: .8rem; }
th, td { padding: .42rem .7rem .42rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
.tag { display: inline-block; border-radius: 999px; padding: .05rem .6rem; font-size: .78rem; font-weight: 600;
  white-space: nowrap; }
.block { color: var(--bad); background: var(--badwash); } .warn { color: var(--warn); background: var(--warnwash); }
.pass { color: var(--good); background: var(--goodwash); }
.bar { height: .5rem; border-radius: 4px; background: var(--line); min-width: 5rem; overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--accent); }
td .bar { margin-top: .5rem; }
code { font: .86em ui-monospace, "DejaVu Sans Mono", monospace; white-space: nowrap; }
.scroll { overflow-x: auto; }
@page { size: A4; margin: 16mm; }
@media print { :root { --ink: #1c2730; --soft: #5d6b76; --line: #dde3e7; --paper: #fff; --wash: #fff; --good: #1d7a4c;
  --bad: #b3261e; --warn: #8a5a00; } body { background: #fff; font-size: 10pt; } main { max-width: none; padding: 0; }
  section { border: 0; padding: 0; } tr, .facts { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .scroll { overflow: visible; } }
"""


def page(sheets: Sequence[dict[str, Any]], title: str = "Data sheet") -> str:
    """Return a page of data sheets, each as ``Sheet.value()`` gives it."""
    body = "".join(_sheet(one) for one in sheets) or "<section><p>No data is bound.</p></section>"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>"
        f"<h1>{escape(title)}</h1>"
        '<p class="soft">Counts and names of columns only; no cell of the data stands on this page. '
        "Counts are for the region's own eyes.</p>"
        f"{body}</main></body></html>\n"
    )


def _sheet(sheet: dict[str, Any]) -> str:
    findings = sheet["findings"]
    held = [one for one in findings if one["severity"] == "block" and not one["decision"]]
    decided = [one for one in findings if one["decision"]]
    warned = [one for one in findings if one["severity"] != "block"]
    parts = [
        f"<section><h2>{escape(sheet['id'])}</h2>",
        f'<p class="soft">version {sheet["version"]} · layout {escape(sheet["layout"])}'
        f" · purposes {escape(', '.join(sheet['purposes']))}"
        + (f" · approval {escape(sheet['approval'])}" if sheet["approval"] else "")
        + "</p>",
        _verdict(held, decided, warned),
        _facts(sheet),
        _classes(sheet["classes"]),
        _findings("What holds it back", held),
        _findings("What was decided to be let through", decided),
        _findings("What to look at", warned),
        _anonymity(sheet["anonymity"]),
        _left_out(sheet["left_out"]),
        _columns(sheet),
        _checks(sheet),
        "</section>",
    ]
    return "".join(parts)


def _verdict(held: list[Any], decided: list[Any], warned: list[Any]) -> str:
    if held:
        count = "one thing holds" if len(held) == 1 else f"{len(held)} things hold"
        return f'<p class="verdict blocked">Not to be trained on: {count} it back.</p>'
    words = "Passed" + (f", {len(decided)} by a decision" if decided else "")
    more = f"; {len(warned)} to look at" if warned else ""
    return f'<p class="verdict">{words}{more}.</p>'


def _facts(sheet: dict[str, Any]) -> str:
    inputs = sum(one["missing"] is not None for one in sheet["columns"])
    facts = [(f"{sheet['rows']:,}", "rows"), (f"{sheet['patients']:,}", "patients"), (str(inputs), "tabular inputs")]
    facts += [(sheet["schema"][:12], "schema; the same in every region")]
    return '<div class="facts">' + "".join(f"<div><b>{a}</b><span>{b}</span></div>" for a, b in facts) + "</div>"


def _classes(classes: dict[str, int]) -> str:
    total = sum(classes.values())
    if not total:
        return ""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td class=n>{count:,}</td><td class=n>{count / total:.1%}</td>"
        f'<td><div class="bar"><i style="width:{100 * count / total:.1f}%"></i></div></td></tr>'
        for name, count in classes.items()
    )
    return f"<h3>What is learned</h3><table><tr><th>class<th class=n>rows<th class=n>share<th></tr>{rows}</table>"


def _findings(title: str, findings: list[dict[str, Any]]) -> str:
    if not findings:
        return ""
    rows = "".join(_finding(one) for one in findings)
    head = "<tr><th>check<th>column<th>what was found</tr>"
    return f'<h3>{title}</h3><div class="scroll"><table>{head}{rows}</table></div>'


def _finding(one: dict[str, Any]) -> str:
    column = f"<code>{escape(one['column'])}</code>" if one["column"] else ""
    words = escape(one["words"])
    if one["fix"]:
        words += f'<br><span class="soft">{escape(one["fix"])}</span>'
    if one["decision"]:
        words += f"<br>decision {escape(one['decision'])}"
    tag = f'<span class="tag {one["severity"]}">{escape(one["check"])}</span>'
    return f"<tr><td>{tag}</td><td>{column}</td><td>{words}</td></tr>"


def _anonymity(groups: dict[str, Any] | None) -> str:
    if groups is None:
        return "<h3>How alike patients are</h3><p class=soft>No quasi-identifiers are declared.</p>"
    facts = [
        (str(groups["k"]), "k: patients in the smallest group"),
        (str(groups["k_p5"]), "5th percentile of group size"),
        ("undefined" if groups["l"] is None else str(groups["l"]), "l: fewest classes in a group"),
        ("undefined" if groups["t"] is None else f"{groups['t']:.2f}", "t: most that a group tells of the label"),
        (f"{groups['alone']:.1%}", "patients alone in their group"),
    ]
    cells = "".join(f"<div><b>{a}</b><span>{b}</span></div>" for a, b in facts)
    names = ", ".join(f"<code>{escape(one)}</code>" for one in groups["columns"])
    return (
        f"<h3>How alike patients are</h3><p>By {names}, over {groups['patients']:,} patients. Training data stay in "
        f'the region; what leaves it is made coarser until k is reached.</p><div class="facts">{cells}</div>'
    )


def _left_out(words: list[str]) -> str:
    rows = "".join(f"<li>{escape(one)}</li>" for one in words)
    return f"<h3>Left out on reading</h3><ul>{rows}</ul>" if words else ""


def _columns(sheet: dict[str, Any]) -> str:
    def share(one: dict[str, Any]) -> str:
        if one["missing"] is None:
            return '<td class="n soft">–</td><td></td><td class="n soft">–</td>'
        part = one["missing"] / sheet["rows"] if sheet["rows"] else 0
        bar = f'<div class="bar"><i style="width:{100 * part:.1f}%"></i></div>'
        return f"<td class=n>{part:.1%}</td><td>{bar}</td><td class=n>{one['outside']:,}</td>"

    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code></td><td>{one['kind'].replace('_', ' ')}</td>"
        f"<td>{one['role'].replace('_', ' ')}</td><td>{escape(one['unit'])}</td>{share(one)}</tr>"
        for one in sheet["columns"]
    )
    head = "<tr><th>name<th>kind<th>role<th>unit<th class=n>missing<th><th class=n>out of range</tr>"
    return f'<h3>Columns</h3><div class="scroll"><table>{head}{rows}</table></div>'


def _checks(sheet: dict[str, Any]) -> str:
    worst = {one["check"]: "warn" for one in sheet["findings"] if one["severity"] != "block"}
    worst |= {one["check"]: "block" for one in sheet["findings"] if one["severity"] == "block"}
    tags = " ".join(f'<span class="tag {worst.get(id, "pass")}">{id}</span>' for id in sheet["checks"])
    return f"<h3>Checks that were run</h3><p>{tags}</p>"
