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

FEWEST_FOR_FIGURES = 20
PARTS = 4  # of a number's range, where the manifest gives no band
NEEDS_CLASSES = ("auroc", "auprc", "balanced_accuracy", "auroc_error")


def in_words(name: str, value: float | None, rows: int | None) -> str:
    """Return a figure, or why there is none."""
    if value is not None:
        return f"{value:.3f}"
    if rows is not None and rows < FEWEST_FOR_FIGURES:
        return f"not shown: fewer than {FEWEST_FOR_FIGURES} rows"
    if name in NEEDS_CLASSES:
        return "undefined: not every class has a row"
    return "undefined"


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
        "confusion": None,
        "subgroups": [],
    }
    if summed is not None:
        out["summed"] = {"rows": _count(summed.rows), **_shown(summed.figures(), summed.rows)}
    if together.encoder.schema.target is Target.CLASSES and len(rows):
        said = together.predict(rows)
        counts = summed or Counts.of(said, rows.label)
        out["calibration"] = counts.curve()
        out["confusion"] = [[_count(int(n)) for n in row] for row in counts.confusion]
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


def curve_svg(curve: Sequence[Mapping[str, Any]]) -> str:
    """Return the calibration plot as SVG: observed over predicted share, a dot a bin, the diagonal is perfect."""
    dots = "".join(
        f'<circle cx="{20 + 200 * one["predicted"]:.1f}" cy="{220 - 200 * one["observed"]:.1f}" r="4"'
        f"><title>{one['rows']} rows</title></circle>"
        for one in curve
        if one["rows"] is not None
    )
    return (
        '<svg viewBox="0 0 240 240" width="360" role="img" aria-label="Calibration: observed over predicted share">'
        '<rect x="20" y="20" width="200" height="200" fill="none" stroke="#999"/>'
        '<line x1="20" y1="220" x2="220" y2="20" stroke="#bbb" stroke-dasharray="4"/>'
        f'<g fill="#135">{dots}</g>'
        '<text x="120" y="236" font-size="11" text-anchor="middle">predicted</text>'
        '<text x="12" y="120" font-size="11" text-anchor="middle" transform="rotate(-90 12 120)">observed</text></svg>'
    )


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
        summed = f"<h2>All regions together, summed under masks</h2><table>{row(keys, 'th')}{row(cells)}</table>"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        "<style>body{font:16px system-ui;margin:2rem;max-width:70rem}table{border-collapse:collapse}"
        "td,th{border:1px solid #ccc;padding:.3rem .6rem;text-align:left}</style>"
        f"<h1>{html.escape(title)}</h1><p>Learns {html.escape(', '.join(c.name for c in schema.labels))}; "
        f"{found['rows'] if found['rows'] is not None else f'fewer than {FEWEST}'} rows that no model was trained on. "
        "Figures on real rows carry no epsilon.</p>"
        f"<table>{row(['model', *names], 'th')}{''.join(models)}</table>{summed}"
        f"<h2>Calibration</h2>{curve_svg(found['calibration'])}"
        f"<h2>Subgroups</h2><table>{row(['column', 'group', 'rows', *names], 'th')}{''.join(groups)}</table></html>"
    )
