"""Inline SVG of a report: bars of groups, heat maps, curves, the gate. No script, no font, nothing loaded.

Real and synthetic differ in shape as well as in colour, so that a page printed in grey says the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from node.learning.synth.measure.gate import Outcome

Curve = Sequence[Sequence[float]]


def _svg(width: float, height: float, label: str, body: str, kind: str = "") -> str:
    return (
        f'<svg class="{kind}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label, quote=True)}">'
        f"{body}</svg>"
    )


def _text(x: float, y: float, text: str, kind: str = "tick", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}"{more}>{escape(text)}</text>'


# ---------------------------------------------------------------- a column


def bars(
    names: Sequence[str], ticks: Sequence[str], real: Sequence[float], synthetic: Sequence[float], label: str
) -> str:
    """Return one column's groups: a filled bar for the real share, an outline with a dot for the synthetic one.

    Args:
        names: Of each group, for whoever points at it.
        ticks: What stands below each group; "" for nothing.
    """
    width, height, base, top = 280.0, 140.0, 112.0, 18.0
    most = max([*real, *synthetic, 0.01])
    step = width / max(1, len(names))
    parts = [f'<path d="M0 {base}H{width}" class="axis"/><path d="M0 {top}H{width}" class="grid"/>']
    for i, (name, tick) in enumerate(zip(names, ticks, strict=True)):
        x, wide = i * step + 0.12 * step, 0.76 * step
        hr, hs = ((base - top) * v / most for v in (real[i], synthetic[i]))
        title = f"<title>{escape(name)}: {real[i]:.1%} / {synthetic[i]:.1%}</title>"
        mark = min(4.0, wide / 2)
        parts.append(
            f'<g>{title}<rect x="{x:.1f}" y="{base - hr:.1f}" width="{wide:.1f}" height="{hr:.1f}" class="real"/>'
            f'<path d="M{x - 0.06 * step:.1f} {base - hs:.1f}h{wide + 0.12 * step:.1f}" class="made"/>'
            f'<circle cx="{x + wide / 2:.1f}" cy="{base - hs:.1f}" r="{mark:.1f}" class="madedot"/></g>'
        )
        if tick:
            long = len(tick) > 9 and len(names) > 3
            shown = tick[:8] + "…" if long else tick
            parts.append(_text(x + wide / 2, base + 15, shown, "tick mid"))
    parts.append(_text(width, 10, f"{most:.0%}", "tick end"))
    return _svg(width, height - 8, label, "".join(parts), "bars")


# ---------------------------------------------------------------- two by two


def heat(
    names: Sequence[str], values: Sequence[Sequence[float | None]], kind: str, label: str, most: float = 1.0
) -> str:
    """Return a square of values from 0 to ``most``, the darker the larger; columns are numbered as the rows are."""
    n = len(names)
    left, top = (84.0 if n <= 16 else 20.0), 18.0
    size = (300.0 - left) / max(1, n)
    parts = []
    for i, row in enumerate(values):
        if n <= 16:
            shown = names[i] if len(names[i]) <= 11 else names[i][:10] + "…"
            parts.append(_text(left - 5, top + size * (i + 0.5) + 3.5, f"{shown} {i + 1}", "tick end"))
            parts.append(_text(left + size * (i + 0.5), top - 5, str(i + 1), "tick mid"))
        for j, value in enumerate(row):
            x, y = left + size * j, top + size * i
            if value is None:
                if i != j:
                    parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{size:.1f}" height="{size:.1f}" class="void"/>')
                continue
            shade = max(0.03, min(1.0, value / most))
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{size:.1f}" height="{size:.1f}" class="{kind}" '
                f'fill-opacity="{shade:.2f}"><title>{escape(names[i])}, {escape(names[j])}: {value:.2f}</title></rect>'
            )
    return _svg(304, top + size * max(1, n) + 4, label, "".join(parts), "heat")


# ---------------------------------------------------------------- curves


def curves(
    lines: Mapping[str, Curve],
    say: Mapping[str, str],
    label: str,
    x: str,
    y: str,
    *,
    diagonal: str = "",
    point: str = ".",
) -> str:
    """Return some curves in one square; each has its own dash, and its name stands in the legend below.

    Args:
        lines: By class of the stroke (``c-real``, ``c-made``, …): points (x, y), y from 0 to 1.
        diagonal: Name of the dotted diagonal; "" for none.
        point: The language's decimal sign.
    """
    width, height, left, top, side = 300.0, 252.0, 30.0, 8.0, 212.0
    far = 1.0 if diagonal else max([p[0] for points in lines.values() for p in points] or [1.0]) or 1.0
    wide = width - left - 8
    body = [f'<rect x="{left}" y="{top}" width="{wide}" height="{side}" class="frame"/>']
    for share in (0.25, 0.5, 0.75):
        body.append(f'<path d="M{left} {top + side * share}h{wide}" class="grid"/>')
        body.append(f'<path d="M{left + wide * share} {top}v{side}" class="grid"/>')
    if diagonal:
        body.append(f'<path d="M{left} {top + side}L{left + wide} {top}" class="coin"/>')
    for kind, points in lines.items():
        if points:
            at = " ".join(f"{left + wide * min(1, a / far):.1f},{top + side * (1 - b):.1f}" for a, b in points)
            body.append(f'<polyline points="{at}" class="{kind}"/>')
    end = f"{far:.3g}".replace(".", point)
    body += [
        _text(left - 4, top + 9, "1", "tick end"), _text(left - 4, top + side, "0", "tick end"),
        _text(left, top + side + 14, "0", "tick"), _text(left + wide, top + side + 14, end, "tick end"),
        _text(left + wide / 2, top + side + 26, x, "tick mid"),
        _text(10, top + side / 2, y, "tick mid", f' transform="rotate(-90 10 {top + side / 2:.0f})"'),
    ]  # fmt: skip
    names = [(kind, say[kind]) for kind, points in lines.items() if points]
    if diagonal:
        names.append(("coin", diagonal))
    legend = "".join(
        f'<li><svg class="key" viewBox="0 0 28 10"><path d="M1 5h26" class="{kind}"/></svg>{escape(name)}</li>'
        for kind, name in names
    )
    return _svg(width, height, label, "".join(body), "curve") + f'<ul class="legend">{legend}</ul>'


# ---------------------------------------------------------------- the gate


def gauge(test: Outcome, label: str) -> str:
    """Return one test's figure on its scale: a dot with bounds, the threshold as a mark, the right side shaded."""
    if test.value is None:
        return ""
    low, high = _scale(test)
    width, mid = 240.0, 11.0

    def at(value: float) -> float:
        return 6 + (width - 12) * (min(high, max(low, value)) - low) / (high - low)

    parts = [f'<path d="M6 {mid}H{width - 6}" class="axis"/>']
    if test.threshold is not None:
        x = at(test.threshold)
        a, b = (x, width - 6) if test.direction == "least" else (6.0, x)
        parts.insert(0, f'<rect x="{a:.1f}" y="3" width="{max(0.0, b - a):.1f}" height="16" class="right"/>')
        parts.append(f'<path d="M{x:.1f} 1v20" class="limit"/>')
    kind = "good" if test.passed else "bad"
    if test.lower is not None and test.upper is not None:
        parts.append(f'<path d="M{at(test.lower):.1f} {mid}H{at(test.upper):.1f}" class="span {kind}"/>')
    parts.append(f'<circle cx="{at(test.value):.1f}" cy="{mid}" r="5" class="dot {kind}"/>')
    return _svg(width, 22, label, "".join(parts), "gauge")


def _scale(test: Outcome) -> tuple[float, float]:
    ends = [x for x in (test.value, test.lower, test.upper, test.threshold, test.against) if x is not None]
    if test.name in ("exact_copies", "rare", "dp", "frechet"):
        return 0.0, max(*ends, 1.0) * 1.25
    if test.name == "diversity":
        return 0.0, max(*ends, 1.0) * 1.1
    return min([*ends, 0.5]) - 0.05, max([*ends, 0.5 if test.direction == "most" else 1.0]) + 0.02


def legend(real: str, synthetic: str) -> str:
    """Return the legend of the bars."""
    made = '<path d="M1 5h22" class="made"/><circle cx="12" cy="5" r="3.5" class="madedot"/>'
    keys: list[tuple[str, Any]] = [('<rect x="4" y="0" width="16" height="10" class="real"/>', real), (made, synthetic)]
    return (
        '<ul class="legend">'
        + "".join(f'<li><svg class="key" viewBox="0 0 24 10">{body}</svg>{escape(name)}</li>' for body, name in keys)
        + "</ul>"
    )
