"""A data sheet as one HTML page, English or Swedish: nothing runs or is loaded; counts and names of columns only."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from node.pages.annex_words import CHECKS, COLUMN_ROLES, PURPOSES
from node.pages.sheet_details import said
from node.pages.sheet_words import KINDS, PAGE

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
@media (max-width: 40rem) { code { white-space: normal; overflow-wrap: anywhere; } section { padding: 1rem; } }
@page { size: A4; margin: 16mm; }
@media print { :root { --ink: #1c2730; --soft: #5d6b76; --line: #dde3e7; --paper: #fff; --wash: #fff; --good: #1d7a4c;
  --bad: #b3261e; --warn: #8a5a00; } body { background: #fff; font-size: 10pt; } main { max-width: none; padding: 0; }
  section { border: 0; padding: 0; } tr, .facts { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .scroll { overflow: visible; } }
"""


def page(sheets: Sequence[dict[str, Any]], lang: str = "en") -> str:
    """Return a page of data sheets, each as ``Sheet.value()`` gives it.

    Args:
        lang: ``en`` or ``sv``; the sheets themselves are the same in both.
    """
    say = PAGE[lang]
    title = escape(say["title"])
    body = "".join(_Sheet(one, lang).html() for one in sheets) or f"<section><p>{escape(say['none'])}</p></section>"
    return (
        f'<!doctype html>\n<html lang="{lang}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{_STYLE}</style></head><body><main>"
        f'<h1>{title}</h1><p class="soft">{escape(say["about"], quote=False)}</p>'
        f"{body}</main></body></html>\n"
    )


class _Sheet:
    def __init__(self, sheet: dict[str, Any], lang: str) -> None:
        self._sheet = sheet
        self._lang = lang
        self._say = PAGE[lang]

    def html(self) -> str:
        sheet, say = self._sheet, self._say
        findings = sheet["findings"]
        held = [one for one in findings if one["severity"] == "block" and not one["decision"]]
        decided = [one for one in findings if one["decision"]]
        warned = [one for one in findings if one["severity"] != "block"]
        purposes = ", ".join(PURPOSES[self._lang].get(one, one) for one in sheet["purposes"])
        meta = say["meta"].format(version=sheet["version"], layout=sheet["layout"], purposes=purposes)
        meta += say["approval"].format(approval=sheet["approval"]) if sheet["approval"] else ""
        parts = [
            f'<section><h2>{escape(sheet["id"])}</h2><p class="soft">{escape(meta)}</p>',
            self._verdict(held, decided, warned),
            self._facts(),
            self._classes(),
            self._findings("h.held", held),
            self._findings("h.decided", decided),
            self._findings("h.look", warned),
            self._anonymity(),
            self._left_out(),
            self._columns(),
            self._checks(),
            "</section>",
        ]
        return "".join(parts)

    # ------------------------------------------------------------ figures

    def _whole(self, n: int) -> str:
        """A count with its thousands apart."""
        return f"{n:,}".replace(",", "\u00a0" if self._lang == "sv" else ",")

    def _share(self, part: float) -> str:
        return f"{100 * part:.1f}\u00a0%".replace(".", ",") if self._lang == "sv" else f"{part:.1%}"

    def _figure(self, value: float) -> str:
        return f"{value:.2f}".replace(".", "," if self._lang == "sv" else ".")

    def _heads(self, *keys: str) -> str:
        """The head of a table; a key with a star stands over figures, "" over nothing."""
        cells = (
            f"<th{' class=n' if key.endswith('*') else ''}>{escape(self._say[key.rstrip('*')]) if key else ''}"
            for key in keys
        )
        return f"<tr>{''.join(cells)}</tr>"

    # ------------------------------------------------------------ parts

    def _verdict(self, held: list[Any], decided: list[Any], warned: list[Any]) -> str:
        say = self._say
        if held:
            words = say["blocked.one"] if len(held) == 1 else say["blocked"].format(n=len(held))
            return f'<p class="verdict blocked">{words}</p>'
        words = say["passed"] + (say["decided"].format(n=len(decided)) if decided else "")
        return f'<p class="verdict">{words}{say["look"].format(n=len(warned)) if warned else ""}.</p>'

    def _facts(self) -> str:
        sheet, say = self._sheet, self._say
        inputs = sum(one["missing"] is not None for one in sheet["columns"])
        facts = [
            (self._whole(sheet["rows"]), say["rows"]),
            (self._whole(sheet["patients"]), say["patients"]),
            (str(inputs), say["inputs"]),
            (sheet["schema"][:12], say["schema"]),
        ]
        return _cells(facts)

    def _classes(self) -> str:
        classes: dict[str, int] = self._sheet["classes"]
        total = sum(classes.values())
        if not total:
            return ""
        rows = "".join(
            f"<tr><td>{escape(name)}</td><td class=n>{self._whole(count)}</td>"
            f"<td class=n>{self._share(count / total)}</td><td>{_bar(count / total)}</td></tr>"
            for name, count in classes.items()
        )
        head = self._heads("t.class", "t.rows*", "t.share*", "")
        return f"<h3>{self._say['h.classes']}</h3><table>{head}{rows}</table>"

    def _findings(self, title: str, findings: list[dict[str, Any]]) -> str:
        if not findings:
            return ""
        rows = "".join(self._finding(one) for one in findings)
        head = self._heads("t.check", "t.column", "t.found")
        return f'<h3>{self._say[title]}</h3><div class="scroll"><table>{head}{rows}</table></div>'

    def _finding(self, one: dict[str, Any]) -> str:
        column = f"<code>{escape(one['column'])}</code>" if one["column"] else ""
        words = escape(said(one["words"], self._lang))
        if one["fix"]:
            words += f'<br><span class="soft">{escape(said(one["fix"], self._lang))}</span>'
        if one["decision"]:
            words += f"<br>{escape(self._say['decision'].format(ref=one['decision']))}"
        return f"<tr><td>{self._tag(one['check'], one['severity'])}</td><td>{column}</td><td>{words}</td></tr>"

    def _tag(self, check: str, kind: str) -> str:
        """A check by its id, which an override names; in Swedish with what it looks for."""
        words = f"<br>{self._about(check)}" if self._lang != "en" else ""
        return f'<span class="tag {kind}" title="{self._about(check)}">{escape(check)}</span>{words}'

    def _about(self, check: str) -> str:
        return escape(CHECKS[self._lang].get(check, check))

    def _anonymity(self) -> str:
        say, groups = self._say, self._sheet["anonymity"]
        if groups is None:
            return f"<h3>{say['h.alike']}</h3><p class=soft>{escape(say['alike.none'])}</p>"
        facts = [
            (str(groups["k"]), say["k"]),
            (self._figure(groups["k_p5"]) if isinstance(groups["k_p5"], float) else str(groups["k_p5"]), say["k5"]),
            (say["undefined"] if groups["l"] is None else str(groups["l"]), say["l"]),
            (say["undefined"] if groups["t"] is None else self._figure(groups["t"]), say["t"]),
            (self._share(groups["alone"]), say["alone"]),
        ]
        names = ", ".join(f"<code>{escape(one)}</code>" for one in groups["columns"])
        about = escape(say["alike"]).format(names=names, patients=self._whole(groups["patients"]))
        return f"<h3>{say['h.alike']}</h3><p>{about}</p>{_cells(facts)}"

    def _left_out(self) -> str:
        words: list[str] = self._sheet["left_out"]
        rows = "".join(f"<li>{escape(said(one, self._lang))}</li>" for one in words)
        return f"<h3>{self._say['h.left']}</h3><ul>{rows}</ul>" if words else ""

    def _columns(self) -> str:
        sheet, lang = self._sheet, self._lang

        def share(one: dict[str, Any]) -> str:
            if one["missing"] is None:
                return '<td class="n soft">–</td><td></td><td class="n soft">–</td>'
            part = one["missing"] / sheet["rows"] if sheet["rows"] else 0
            outside = self._whole(one["outside"])
            return f"<td class=n>{self._share(part)}</td><td>{_bar(part)}</td><td class=n>{outside}</td>"

        rows = "".join(
            f"<tr><td><code>{escape(one['name'])}</code></td><td>{KINDS[lang][one['kind']]}</td>"
            f"<td>{escape(COLUMN_ROLES[lang][one['role']])}</td><td>{escape(one['unit'])}</td>{share(one)}</tr>"
            for one in sheet["columns"]
        )
        head = self._heads("t.name", "t.kind", "t.role", "t.unit", "t.missing*", "", "t.outside*")
        return f'<h3>{self._say["h.columns"]}</h3><div class="scroll"><table>{head}{rows}</table></div>'

    def _checks(self) -> str:
        findings = self._sheet["findings"]
        worst = {one["check"]: "warn" for one in findings if one["severity"] != "block"}
        worst |= {one["check"]: "block" for one in findings if one["severity"] == "block"}
        tags = " ".join(
            f'<span class="tag {worst.get(id, "pass")}" title="{escape(id)}">{self._about(id)}</span>'
            for id in self._sheet["checks"]
        )
        return f"<h3>{self._say['h.checks']}</h3><p>{tags}</p>"


def _cells(facts: Sequence[tuple[str, str]]) -> str:
    return (
        '<div class="facts">' + "".join(f"<div><b>{a}</b><span>{escape(b)}</span></div>" for a, b in facts) + "</div>"
    )


def _bar(part: float) -> str:
    return f'<div class="bar"><i style="width:{100 * part:.1f}%"></i></div>'
