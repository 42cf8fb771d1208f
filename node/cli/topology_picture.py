"""The picture of ``landsting topology compare --plot``: each topology as a circle of regions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from topologies import Overview

INK, ACCENT, ALARM, LINE = "#1d2a3a", "#0b6e77", "#a63d2f", "#9fb4bd"
COLUMNS = 4
TURN_COLOURS = (LINE, "#d08c3f", "#7b6fa8")  # graphs of a turn, in order


def draw(found: Sequence[Overview], path: Path) -> None:
    """Write one panel for each topology; PNG, SVG or PDF by the file's ending. Regions that see an update are red."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    columns = min(COLUMNS, len(found))
    rows = math.ceil(len(found) / columns)
    style = {"svg.hashsalt": "landsting", "font.family": "DejaVu Sans"}
    with mpl.rc_context(style):  # type: ignore[arg-type]
        figure, panels = plt.subplots(rows, columns, figsize=(3.1 * columns, 3.5 * rows), squeeze=False)
        for axes in panels.flat:
            axes.axis("off")
        for axes, one in zip(panels.flat, found, strict=False):
            _panel(axes, one)
        figure.tight_layout()
        figure.savefig(path, dpi=130, metadata={"Date": None} if path.suffix == ".svg" else None)
        plt.close(figure)


def _panel(axes: Axes, one: Overview) -> None:
    places = [(math.sin(2 * math.pi * i / one.n), math.cos(2 * math.pi * i / one.n)) for i in range(one.n)]
    width = max(0.3, min(1.5, 40 / sum(len(graph) for graph in one.graphs)))
    for graph, edges in enumerate(one.graphs):
        for i, j in edges:
            (x0, y0), (x1, y1) = places[i], places[j]
            axes.plot([x0, x1], [y0, y1], color=TURN_COLOURS[graph % len(TURN_COLOURS)], linewidth=width, zorder=1)
    seeing = {seen.region for seen in one.shown}
    colours = [ALARM if i in seeing else ACCENT for i in range(one.n)]
    x, y = zip(*places, strict=True)
    axes.scatter(x, y, s=max(6, min(60, 900 / one.n)), c=colours, zorder=2)
    away = "cannot be masked" if one.shown else f"any {one.away} may be away" if one.away else "none may be away"
    rounds = "never mixes" if one.rounds is None else f"{one.rounds} round{'s' if one.rounds > 1 else ''}"
    axes.set_title(f"{one.label}\ngap {one.gap:.3f}, {rounds}\n{away}", color=INK, fontsize=9)
    axes.set_xlim(-1.15, 1.15)
    axes.set_ylim(-1.15, 1.15)
    axes.set_aspect("equal")
