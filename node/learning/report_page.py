"""A model's report as one HTML page: no script, nothing from outside, every string escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from node.learning.data.schema import Schema
from node.learning.metrics import FEWEST
from node.learning.report import UNDEFINED, in_words
from node.learning.report_plots import confusion, svg

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


def shown(name: str, schema: Schema) -> str:
    """Return a figure's name as a page's table has it, errors of a number with their unit."""
    words = {"c_index": "C-index", "r2": "R²", "ece": "ECE", "auroc_error": "AUROC within"}
    if name in ("rmse", "mae"):
        return f"{name.upper()} ({schema.label.unit})" if schema.label.unit else name.upper()
    return words.get(name, name.upper() if name.startswith("au") else name.replace("_", " "))


def page(found: Mapping[str, Any], title: str, schema: Schema) -> str:
    """Return a report (``report.report``) as one page."""
    names = list(next((f for f in found["models"].values() if f is not None), {}))
    heads = [shown(name, schema) for name in names]
    rows = found["rows"] if found["rows"] is not None else f"fewer than {FEWEST}"
    learns = html.escape(", ".join(column.name for column in schema.labels))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head><body><main><h1>{html.escape(title)}</h1>"
        f'<p class="soft">Learns {learns}; {rows} rows that no model was trained on. Figures on real rows carry no'
        f" epsilon.</p>{_models(found, names, heads)}{_summed(found, schema)}"
        f"{_seen(found, schema)}{_subgroups(found, names, heads)}</main></body></html>\n"
    )


def _models(found: Mapping[str, Any], names: Sequence[str], heads: Sequence[str]) -> str:
    body = ""
    for name, figures in found["models"].items():
        if figures is None:
            cells = f'<td class="soft" colspan="{len(names)}">undefined: {html.escape(UNDEFINED[name])}</td>'
        else:
            cells = _figures([in_words(key, figures[key], found["rows"] or 0) for key in names])
        body += f'<tr class="{name}"><td>{html.escape(name)}</td>{cells}</tr>'
    return _table(["model"], heads, body)


def _summed(found: Mapping[str, Any], schema: Schema) -> str:
    if found["summed"] is None:
        return ""
    keys = [key for key in found["summed"] if key != "rows"]
    cells = [in_words(key, found["summed"][key], found["summed"]["rows"] or 0) for key in keys]
    told = _table([], [shown(key, schema) for key in keys], f"<tr>{_figures(cells)}</tr>")
    return f"<h2>All regions together, summed under masks</h2>{told}"


def _seen(found: Mapping[str, Any], schema: Schema) -> str:
    drawn = "".join(svg(one) for one in found["plots"])
    said = f"<h2>Predicted and observed</h2>{drawn}" if drawn else ""
    if found["confusion"] is not None:
        said += f'<h2>Classes, true and guessed</h2><div class="wide">{confusion(found["confusion"], schema)}</div>'
    return said


def _subgroups(found: Mapping[str, Any], names: Sequence[str], heads: Sequence[str]) -> str:
    if not found["subgroups"]:
        return "<h2>Subgroups</h2><p>None: no column leaves two groups of ten rows.</p>"
    body, before = "", None
    for one in found["subgroups"]:
        cells = _figures([in_words(key, one[key], one["rows"]) for key in names])
        if all(one[key] is None for key in names):
            cells = f'<td class="soft" colspan="{len(names)}">{html.escape(in_words(names[0], None, one["rows"]))}</td>'
        first = "" if one["column"] == before else one["column"]
        body += (
            f"<tr{' class=first' if first else ''}><td>{html.escape(first)}</td><td>{html.escape(one['group'])}</td>"
            f'<td class="n">{one["rows"]}</td>{cells}</tr>'
        )
        before = one["column"]
    note = f"<p class=soft>Groups under {FEWEST} rows are put together with others.</p>"
    return f"<h2>Subgroups</h2>{note}{_table(['column', 'group'], ['rows', *heads], body)}"


def _figures(cells: Sequence[str]) -> str:
    return "".join(f'<td class="n">{html.escape(cell)}</td>' for cell in cells)


def _table(words: Sequence[str], figures: Sequence[str], body: str) -> str:
    head = "".join(f"<th>{html.escape(word)}</th>" for word in words)
    head += "".join(f'<th class="n">{html.escape(word)}</th>' for word in figures)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
