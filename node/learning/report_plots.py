"""What a model's report draws, for each kind of target: points as plain values, and one SVG of them.

| target | drawn |
|---|---|
| classes | calibration of the positive class, of more than two of each class |
| labels | calibration of each label |
| a number | observed over predicted, in the label's unit: means of ten groups by what was predicted |
| survival | the share without the event over time (Kaplan and Meier 1958) of three groups by predicted risk |

Groups of fewer than ten rows have no point. A survival curve is read at ten places of the time's range, and ends where
fewer than ten are left: its steps would be single patients' times.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.learning.data.rows import Rows
from node.learning.data.schema import Schema, Target
from node.learning.evaluate import Model
from node.learning.metrics import FEWEST, Counts
from node.learning.report_words import PAGE, figure, plot_in

GROUPS, RISKS, TIMES = 10, ("lowest", "middle", "highest"), 10
NAME = 14  # height of a line's name under a plot
INKS = ("#135", "#b40", "#084", "#829", "#a70", "#057")
SIDE, EDGE = 240, 34  # of a plot, and of its margin, in units of the SVG


def plots(model: Model, rows: Rows, counts: Counts | None) -> list[dict[str, Any]]:
    """Return what is drawn of a model on rows.

    Args:
        counts: Of a classifier of classes, over whatever rows they are of; None otherwise.

    Returns:
        ``title, x, y`` (what the axes say), ``from, to`` (their ranges, [x, y] each), ``diagonal`` (whether the
        diagonal is where a perfect model lies), ``lines``: ``name`` and ``points`` {x, y, rows}.
    """
    if not len(rows):
        return []
    schema = model.encoder.schema
    match schema.target:
        case Target.CLASSES:
            assert counts is not None
            of = range(1, 2) if len(schema.classes) == 2 else range(len(schema.classes))
            return [_calibration(f"{schema.label.name} = {schema.classes[k]}", counts, k) for k in of]
        case Target.LABELS:
            assert rows.target is not None
            return [
                _calibration(column.name, Counts.of(_two(said), (true > 0.5).astype(np.int64)), 1)
                for column, said, true in zip(schema.labels, model.predict(rows).T, rows.target.T, strict=True)
            ]
        case Target.NUMBER:
            return [_number(model, rows)]
        case Target.SURVIVAL:
            return [_survival(model, rows)]
    return []


def _two(said: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([1 - said, said], axis=1)


def _calibration(name: str, counts: Counts, k: int) -> dict[str, Any]:
    points = [
        {"x": one["predicted"], "y": one["observed"], "rows": one["rows"]}
        for one in counts.curve(k)
        if one["rows"] is not None
    ]
    return {
        "title": f"Calibration of {name}", "x": "predicted share", "y": "observed share", "from": [0, 0], "to": [1, 1],
        "diagonal": True, "lines": [{"name": name, "points": points}],
    }  # fmt: skip


def _number(model: Model, rows: Rows) -> dict[str, Any]:
    column = model.encoder.schema.label
    assert rows.target is not None
    said, true = model.numbers(rows), rows.target[:, 0].astype(np.float64)
    points = []
    for at in np.array_split(np.argsort(said, kind="stable"), GROUPS):
        if len(at) >= FEWEST:
            points.append({"x": float(said[at].mean()), "y": float(true[at].mean()), "rows": len(at)})
    unit = f" ({column.unit})" if column.unit else ""
    ends = [float(value) for point in points for value in (point["x"], point["y"])] or [0.0, 1.0]
    low, high = min(ends), max(ends)
    space = 0.05 * (high - low) or 1.0
    return {
        "title": f"{column.name}: observed over predicted", "x": f"predicted{unit}", "y": f"observed{unit}",
        "from": [low - space] * 2, "to": [high + space] * 2, "diagonal": True,
        "lines": [{"name": column.name, "points": points}],
    }  # fmt: skip


def _survival(model: Model, rows: Rows) -> dict[str, Any]:
    assert rows.target is not None
    time, event = rows.target[:, 0].astype(np.float64), rows.label > 0
    column = next(one for one in model.encoder.schema.labels if one.kind == "time_to_event")
    end = float(column.range[1]) if column.range is not None else float(model.settings.get("horizon") or 1)
    risk = model.predict(rows)[:, 0]
    lines = [
        {"name": f"{name} third of risk", "points": survived(time[at], event[at], np.linspace(0, end, TIMES + 1))}
        for name, at in zip(RISKS, np.array_split(np.argsort(risk, kind="stable"), len(RISKS)), strict=True)
    ]
    unit = f" ({column.unit})" if column.unit else ""
    return {
        "title": "Survival by predicted risk", "x": f"{column.name}{unit}", "y": "share without the event",
        "from": [0, 0], "to": [end, 1], "diagonal": False, "lines": lines,
    }  # fmt: skip


def survived(
    time: NDArray[np.float64], event: NDArray[np.bool_], places: NDArray[np.float64]
) -> list[dict[str, float | int]]:
    """Return the product-limit estimate at places in time, as far as ten rows are still seen there."""
    out: list[dict[str, float | int]] = []
    for place in places:
        left = int((time >= place).sum())
        if left < FEWEST:
            break
        share = 1.0
        for at in np.unique(time[event & (time <= place)]):
            share *= 1 - float((event & (time == at)).sum()) / float((time >= at).sum())
        out.append({"x": float(place), "y": share, "rows": left})
    return out


def svg(plot: Mapping[str, Any], lang: str = "en") -> str:
    """Return a plot as SVG: a dot a point, lines where there are several, the ends of both axes in figures."""
    say, plot = PAGE[lang], plot_in(plot, lang)
    (x0, y0), (x1, y1) = plot["from"], plot["to"]
    inner = SIDE - 2 * EDGE

    def place(x: float, y: float) -> tuple[float, float]:
        return EDGE + inner * (x - x0) / (x1 - x0), SIDE - EDGE - inner * (y - y0) / (y1 - y0)

    parts, several = [], len(plot["lines"]) > 1
    for ink, line in zip(INKS * (1 + len(plot["lines"]) // len(INKS)), plot["lines"], strict=False):
        at = [place(one["x"], one["y"]) for one in line["points"]]
        if several and at:
            joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
            parts.append(f'<polyline points="{joined}" fill="none" stroke="{ink}"/>')
        for (x, y), one in zip(at, line["points"], strict=True):
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{ink}">'
                f"<title>{say['dot'].format(n=one['rows'])}</title></circle>"
            )
    if several:
        for i, line in enumerate(plot["lines"]):
            ink, y = INKS[i % len(INKS)], SIDE + 8 + NAME * i
            name = html.escape(line["name"]) + ("" if line["points"] else f": {say['too.few']}")
            parts.append(f'<text x="{EDGE + 6}" y="{y}" font-size="11" fill="{ink}">{name}</text>')
    elif not plot["lines"][0]["points"]:
        few = say["too.few"]
        parts.append(f'<text x="{SIDE / 2}" y="{SIDE / 2}" font-size="12" text-anchor="middle">{few}</text>')
    corner = place(x0, y0), place(x1, y1)
    if plot["diagonal"]:
        (ax, ay), (bx, by) = corner
        parts.insert(0, f'<line x1="{ax}" y1="{ay}" x2="{bx}" y2="{by}" stroke="#bbb" stroke-dasharray="4"/>')
    low, high = SIDE - EDGE + 13, SIDE - EDGE
    ticks = (
        f'<text x="{EDGE}" y="{low}" text-anchor="middle">{figure(x0, lang, ".3g")}</text>'
        f'<text x="{SIDE - EDGE}" y="{low}" text-anchor="middle">{figure(x1, lang, ".3g")}</text>'
        f'<text x="{EDGE - 4}" y="{high}" text-anchor="end">{figure(y0, lang, ".3g")}</text>'
        f'<text x="{EDGE - 4}" y="{EDGE + 4}" text-anchor="end">{figure(y1, lang, ".3g")}</text>'
    )
    tall = SIDE + (NAME * len(plot["lines"]) if several else 0)
    along, up, title = (html.escape(plot[key]) for key in ("x", "y", "title"))
    label = f"{title}: {say['over'].format(up=up, along=along)}"
    turned = f'font-size="11" text-anchor="middle" transform="rotate(-90 12 {SIDE / 2})"'
    return (
        f'<svg viewBox="0 0 {SIDE} {tall}" width="330" role="img" aria-label="{label}">'
        f'<text x="{SIDE / 2}" y="18" font-size="12" text-anchor="middle">{title}</text>'
        f'<rect x="{EDGE}" y="{EDGE}" width="{inner}" height="{inner}" fill="none" stroke="#999"/>'
        f'<g font-size="10" fill="#555">{ticks}</g>{"".join(parts)}'
        f'<text x="{SIDE / 2}" y="{SIDE - 6}" font-size="11" text-anchor="middle">{along}</text>'
        f'<text x="12" y="{SIDE / 2}" {turned}>{up}</text>'
        "</svg>"
    )


def confusion(table: Sequence[Sequence[int | None]], schema: Schema, lang: str = "en") -> str:
    """Return the table of true classes by guessed ones as HTML; a cell under ten says so."""
    say = PAGE[lang]
    head = "".join(f"<th>{html.escape(say['guessed'].format(name=name))}</th>" for name in schema.classes)
    body = "".join(
        f"<tr><th>{html.escape(say['is'].format(name=name))}</th>"
        + "".join(f"<td>{say['under'].format(n=FEWEST) if n is None else n}</td>" for n in row)
        + "</tr>"
        for name, row in zip(schema.classes, table, strict=True)
    )
    return f"<table><tr><th></th>{head}</tr>{body}</table>"
