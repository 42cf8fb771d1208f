"""A model's report: its figures alone, together and pooled, its calibration, and how it does on subgroups.

Rules kept here, and nowhere else:
  * a count under 10 is not shown, and no figure of a group under 20;
  * what is undefined is said in words, with the reason.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.rows import Rows
from node.learning.data.schema import NUMERIC, Column, Schema, Target
from node.learning.evaluate import Model
from node.learning.metrics import FEWEST, Counts
from node.learning.report_plots import confusion, plots, svg

FEWEST_FOR_FIGURES = 20
PARTS = 4  # of a number's range, where the manifest gives no band
WHY_NOT = {
    **dict.fromkeys(("auroc", "auprc", "balanced_accuracy", "auroc_error"), "undefined: not every class has a row"),
    "c_index": "undefined: no two rows tell which was earlier",
    "r2": "undefined: all rows have one value",
}


def shown(name: str, schema: Schema) -> str:
    """Return a figure's name as a page's table has it, errors of a number with their unit."""
    words = {"c_index": "C-index", "r2": "R²", "ece": "ECE", "auroc_error": "AUROC within"}
    if name in ("rmse", "mae"):
        return f"{name.upper()} ({schema.label.unit})" if schema.label.unit else name.upper()
    return words.get(name, name.upper() if name.startswith("au") else name.replace("_", " "))


def in_words(name: str, value: float | None, rows: int | None) -> str:
    """Return a figure, or why there is none."""
    if value is not None:
        return f"{value:.3f}"
    if rows is not None and rows < FEWEST_FOR_FIGURES:
        return f"not shown: fewer than {FEWEST_FOR_FIGURES} rows"
    return WHY_NOT.get(name, "undefined")


def report(
    together: Model,
    rows: Rows,
    *,
    alone: Model | None = None,
    pooled: Model | None = None,
    summed: Counts | None = None,
) -> dict[str, Any]:
    """Return a report as plain values; None is undefined or suppressed.

    Args:
        rows: What no model was trained on.
        alone: Trained on this region's rows only.
        pooled: Trained on all rows in one place, where there is such a place.
        summed: Counts of the same model over all regions' validation rows, opened under masks.
    """
    out: dict[str, Any] = {
        "rows": _count(len(rows)),
        "models": {
            name: None if model is None else _figures(model, rows)
            for name, model in (("alone", alone), ("together", together), ("pooled", pooled))
        },
        "summed": None,
        "calibration": [],
        "plots": [],
        "confusion": None,
        "subgroups": [],
    }
    if summed is not None:
        out["summed"] = {"rows": _count(summed.rows), **_shown(summed.figures(), summed.rows)}
    counts: Counts | None = None
    if together.encoder.schema.target is Target.CLASSES and len(rows):
        counts = summed or Counts.of(together.predict(rows), rows.label)
        out["calibration"] = counts.curve()
        out["confusion"] = [[_count(int(n)) for n in row] for row in counts.confusion]
    out["plots"] = plots(together, rows, counts)
    out["subgroups"] = subgroups(together, rows)
    return out


def _figures(model: Model, rows: Rows) -> dict[str, float | None]:
    return _shown(model.figures(rows), len(rows))


def _shown(figures: Mapping[str, float | None], rows: int) -> dict[str, float | None]:
    return {name: value if rows >= FEWEST_FOR_FIGURES else None for name, value in figures.items()}


def _count(n: int) -> int | None:
    """Return a count, None under 10; 0 is nobody's."""
    return n if n >= FEWEST or n == 0 else None


def subgroups(model: Model, rows: Rows) -> list[dict[str, Any]]:
    """Return the model's figures for each category and each band of a quasi-identifier."""
    out: list[dict[str, Any]] = []
    names = list(model.figures(rows))
    for column in model.encoder.schema.features:
        for name, members in _groups(column, rows.features[column.name]):
            n = int(members.sum())
            if n:
                figures = model.figures(rows.take(members)) if n >= FEWEST_FOR_FIGURES else dict.fromkeys(names)
                out.append({"column": column.name, "group": name, "rows": _count(n), **figures})
    return out


def _groups(column: Column, values: NDArray[np.float64]) -> Sequence[tuple[str, NDArray[np.bool_]]]:
    if column.kind == "category":
        return [(name, values == code) for code, name in enumerate((*column.categories, "other"))]
    if column.kind == "boolean":
        return [("no", values == 0), ("yes", values == 1)]
    if column.kind not in NUMERIC or column.role != "quasi_identifier" or column.range is None:
        return []
    low, high = column.range
    width = column.band or (high - low) / PARTS
    edges = np.arange(low, high + width, width)
    return [(f"{a:g} to {b:g}", (values >= a) & (values < b)) for a, b in pairwise(edges.tolist())]


def text(found: Mapping[str, Any]) -> list[str]:
    """Return a report as lines of words."""
    lines = []
    for name, figures in found["models"].items():
        if figures is None:
            lines.append(f"{name:<10} undefined: {_WHY[name]}")
        else:
            said = ", ".join(f"{key} {in_words(key, value, found['rows'] or 0)}" for key, value in figures.items())
            lines.append(f"{name:<10} {said}")
    if found["summed"] is not None:
        rows = found["summed"]["rows"]
        said = ", ".join(
            f"{key} {in_words(key, value, rows or 0)}" for key, value in found["summed"].items() if key != "rows"
        )
        lines.append(f"{'all':<10} {said} (summed under masks over all regions' validation rows)")
    return lines


_WHY = {
    "alone": "the region has no training of its own to compare with",
    "together": "there is no joint model",
    "pooled": "no place holds the rows of all regions",
}


def page(found: Mapping[str, Any], title: str, schema: Schema) -> str:
    """Return a report as one HTML page that needs nothing else."""
    names = list(next((f for f in found["models"].values() if f is not None), {}))

    def row(cells: Sequence[str], tag: str = "td") -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    models = []
    for name, figures in found["models"].items():
        if figures is None:
            models.append(row([name, f"undefined: {_WHY[name]}", *[""] * (len(names) - 1)]))
        else:
            models.append(row([name, *(in_words(key, figures[key], found["rows"] or 0) for key in names)]))
    groups = [
        row([
            one["column"], one["group"], f"under {FEWEST}" if one["rows"] is None else str(one["rows"]),
            *(in_words(key, one[key], one["rows"] or 0) for key in names),
        ])
        for one in found["subgroups"]
    ]  # fmt: skip
    summed = ""
    if found["summed"] is not None:
        keys = [key for key in found["summed"] if key != "rows"]
        cells = [in_words(key, found["summed"][key], found["summed"]["rows"] or 0) for key in keys]
        heads = row([shown(key, schema) for key in keys], "th")
        summed = f"<h2>All regions together, summed under masks</h2><table>{heads}{row(cells)}</table>"
    seen = "".join(svg(one) for one in found["plots"])
    if found["confusion"] is not None:
        seen += f"<h2>Classes, true and guessed</h2>{confusion(found['confusion'], schema)}"
    head = row(["column", "group", "rows", *(shown(name, schema) for name in names)], "th")
    none = "<p>None: no column of categories, and no quasi-identifier with a range.</p>"
    subgroup_table = f"<table>{head}{''.join(groups)}</table>" if groups else none
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        '<meta name="viewport" content="width=device-width">'
        "<style>body{font:16px system-ui;margin:2rem;max-width:70rem}table{border-collapse:collapse}"
        "td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left}"
        "svg{vertical-align:top;max-width:100%}@media(max-width:40rem){body{margin:1rem}table{display:block;overflow-x:auto}}"
        "</style>"
        f"<h1>{html.escape(title)}</h1><p>Learns {html.escape(', '.join(c.name for c in schema.labels))}; "
        f"{found['rows'] if found['rows'] is not None else f'fewer than {FEWEST}'} rows that no model was trained on. "
        "Figures on real rows carry no epsilon.</p>"
        f"<table>{row(['model', *(shown(name, schema) for name in names)], 'th')}{''.join(models)}</table>{summed}"
        f"{seen}<h2>Subgroups</h2>{subgroup_table}</html>"
    )
