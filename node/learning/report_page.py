"""A model's report as one HTML page, English or Swedish: no script, nothing from outside, every string escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from node.learning.data.schema import Schema
from node.learning.metrics import FEWEST
from node.learning.report import in_words, undefined
from node.learning.report_plots import confusion, svg
from node.learning.report_words import PAGE, drawn, group_in

_STYLE = (
    "body{margin:0;background:#f3f5f8;color:#1c2430;font:16px/1.5 system-ui,sans-serif}main{max-width:960px;"
    "margin:0 auto;background:#fff;padding:28px 36px 48px}h1{font-size:1.5rem;margin:0 0 4px}h2{font-size:1.15rem;"
    "margin:36px 0 10px;border-top:1px solid #d8dee6;padding-top:18px}p{margin:6px 0}.soft{color:#5b6675}"
    ".wide{overflow-x:auto}table{border-collapse:collapse;margin:12px 0}th,td{text-align:left;vertical-align:top;"
    "padding:6px 14px 6px 0;border-bottom:1px solid #d8dee6}th{font-weight:600}td.n,th.n{text-align:right;"
    "font-variant-numeric:tabular-nums;white-space:nowrap}tr.first td{border-top:2px solid #9aa4b1}"
    "tr.together td{font-weight:600}svg{max-width:100%;height:auto;vertical-align:top}"
    "@media(max-width:600px){main{padding:18px 12px}}"
    "@media print{body{background:#fff;font-size:10pt}main{max-width:none;padding:0}tr,svg{break-inside:avoid}}"
)


def page(found: Mapping[str, Any], study: str, schema: Schema, lang: str = "en") -> str:
    """Return a report (``report.report``) as one page.

    Args:
        study: How the study is called, for the title.
        lang: ``en`` or ``sv``; the figures are the same in both.
    """
    return _Page(found, schema, lang).html(study)


class _Page:
    def __init__(self, found: Mapping[str, Any], schema: Schema, lang: str) -> None:
        self._found = found
        self._schema = schema
        self._lang = lang
        self._say = PAGE[lang]
        self._names = list(next((f for f in found["models"].values() if f is not None), {}))

    def html(self, study: str) -> str:
        say, found = self._say, self._found
        title = html.escape(say["title"].format(study=study))
        rows = found["rows"] if found["rows"] is not None else say["few"].format(n=FEWEST)
        learns = ", ".join(column.name for column in self._schema.labels)
        return (
            f'<!doctype html><html lang="{self._lang}"><head><meta charset="utf-8"><title>{title}</title>'
            '<meta name="viewport" content="width=device-width,initial-scale=1">'
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
            f"<style>{_STYLE}</style></head><body><main><h1>{title}</h1>"
            f'<p class="soft">{html.escape(say["about"].format(names=learns, rows=rows))}</p>'
            f"{self._models()}{self._summed()}{self._seen()}{self._subgroups()}</main></body></html>\n"
        )

    def _head(self, name: str) -> str:
        """A figure's name as a table has it, errors of a number with their unit."""
        known = self._say.get(name, name.replace("_", " "))
        unit = self._schema.label.unit if name in ("rmse", "mae") else ""
        return f"{known} ({unit})" if unit else known

    def _heads(self) -> list[str]:
        return [self._head(name) for name in self._names]

    def _cells(self, figures: Mapping[str, Any], names: Sequence[str], rows: int | None) -> str:
        return _figures([in_words(name, figures[name], rows, self._lang) for name in names])

    def _models(self) -> str:
        found, names, body = self._found, self._names, ""
        for model, figures in found["models"].items():
            if figures is None:
                why = html.escape(undefined(model, self._lang))
                cells = f'<td class="soft" colspan="{len(names)}">{why}</td>'
            else:
                cells = self._cells(figures, names, found["rows"] or 0)
            body += f'<tr class="{model}"><td>{html.escape(self._say[f"m.{model}"])}</td>{cells}</tr>'
        return _table([self._say["t.model"]], self._heads(), body)

    def _summed(self) -> str:
        summed = self._found["summed"]
        if summed is None:
            return ""
        keys = [key for key in summed if key != "rows"]
        cells = self._cells(summed, keys, summed["rows"] or 0)
        told = _table([], [self._head(key) for key in keys], f"<tr>{cells}</tr>")
        return f"<h2>{self._say['h.summed']}</h2>{told}"

    def _seen(self) -> str:
        say, found = self._say, self._found
        plots = "".join(svg(one, self._lang) for one in found["plots"])
        said = f"<h2>{say[drawn(self._schema.target)]}</h2>{plots}" if plots else ""
        if found["confusion"] is not None:
            told = confusion(found["confusion"], self._schema, self._lang)
            said += f'<h2>{say["h.classes"]}</h2><div class="wide">{told}</div>'
        return said

    def _subgroups(self) -> str:
        say, names, groups = self._say, self._names, self._found["subgroups"]
        if not groups:
            return f"<h2>{say['h.subgroups']}</h2><p>{say['subgroups.none']}</p>"
        columns = {column.name: column for column in self._schema.columns}
        body, before = "", None
        for one in groups:
            cells = self._cells(one, names, one["rows"])
            if all(one[key] is None for key in names):
                why = html.escape(in_words(names[0], None, one["rows"], self._lang))
                cells = f'<td class="soft" colspan="{len(names)}">{why}</td>'
            first = "" if one["column"] == before else one["column"]
            body += (
                f"<tr{' class=first' if first else ''}><td>{html.escape(first)}</td>"
                f"<td>{html.escape(group_in(one['group'], columns[one['column']], self._lang))}</td>"
                f'<td class="n">{one["rows"]}</td>{cells}</tr>'
            )
            before = one["column"]
        note = f"<p class=soft>{say['subgroups.few'].format(n=FEWEST)}</p>"
        told = _table([say["t.column"], say["t.group"]], [say["t.rows"], *self._heads()], body)
        return f"<h2>{say['h.subgroups']}</h2>{note}{told}"


def _figures(cells: Sequence[str]) -> str:
    return "".join(f'<td class="n">{html.escape(cell)}</td>' for cell in cells)


def _table(words: Sequence[str], figures: Sequence[str], body: str) -> str:
    head = "".join(f"<th>{html.escape(word)}</th>" for word in words)
    head += "".join(f'<th class="n">{html.escape(word)}</th>' for word in figures)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
