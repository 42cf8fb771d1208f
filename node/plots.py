"""Pictures: the training cycle of the README.

``python -m node.plots docs/training-cycle.svg`` draws it anew; the same call gives the same bytes.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, PAPER, ACCENT, SOFT, LINE = "#1d2a3a", "#ffffff", "#0b6e77", "#e6f1f2", "#9fb4bd"
REGIONS = ("vgr", "skane", "halland", "uppsala")
STEPS = (
    ("1  train", "on the region's own rows,\nwhich never leave it"),
    ("2  mask", "under masks that neighbours\nagree on in pairs"),
    ("3  sum", "the masks cancel in the sum,\nand only there"),
    ("4  mix", "own model and sum become\nthe next model"),
    ("5  log", "every message signed,\nin an append-only log"),
)


def training_cycle(path: Path) -> None:
    """Draw regions without a middle, and one round as one of them lives it (SVG or PNG by the ending)."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    style = {"svg.hashsalt": "landsting", "font.family": "DejaVu Sans", "svg.fonttype": "path"}
    with mpl.rc_context(style):  # type: ignore[arg-type]
        figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5.6), width_ratios=(0.85, 1), facecolor=PAPER)
        _regions(left)
        _cycle(right)
        figure.subplots_adjust(0.01, 0.02, 0.99, 0.92, wspace=0.02)
        figure.savefig(path, dpi=130, metadata={"Date": None} if path.suffix == ".svg" else None)
        plt.close(figure)


def _prepare(axes: Axes, title: str, width: float) -> None:
    axes.set_title(title, color=INK, fontsize=13, pad=8)
    axes.set_xlim(-width, width)
    axes.set_ylim(-1.55, 1.55)
    axes.set_aspect("equal")
    axes.axis("off")


def _regions(axes: Axes) -> None:
    _prepare(axes, "Equals: every region runs the same node", 1.55)
    places = [(0.95 * x, 0.95 * y + 0.1) for x, y in ((-1, 1), (1, 1), (1, -1), (-1, -1))]
    for i, (x0, y0) in enumerate(places):
        for x1, y1 in places[i + 1 :]:
            axes.plot([x0, x1], [y0, y1], color=LINE, linewidth=2, zorder=1)
    for (x, y), name in zip(places, REGIONS, strict=True):
        axes.scatter([x], [y], s=6400, color=SOFT, edgecolors=ACCENT, linewidths=2, zorder=2)
        axes.text(x, y + 0.07, name, ha="center", va="center", color=INK, fontsize=12.5, zorder=3)
        axes.text(x, y - 0.15, "data, model, log", ha="center", va="center", color=INK, fontsize=8, zorder=3)
    axes.text(
        0,
        0.1,
        "nobody\nhere",
        ha="center",
        va="center",
        color=INK,
        fontsize=10.5,
        style="italic",
        zorder=3,
        bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 3},
    )
    axes.text(0, -1.47, "lines: signed messages over ZeroMQ, encrypted", ha="center", color=INK, fontsize=9.5)


def _cycle(axes: Axes) -> None:
    from matplotlib.patches import Arc, FancyBboxPatch

    _prepare(axes, "One round, as each of them lives it", 2.15)
    width, height = 1.5, 1.08
    axes.add_patch(Arc((0, 0), 2 * width, 2 * height, color=LINE, linewidth=2, zorder=1))
    angles = [90 - 72 * i for i in range(5)]

    def at(angle: float) -> tuple[float, float]:
        return width * math.cos(math.radians(angle)), height * math.sin(math.radians(angle))

    for angle in angles:
        head = angle - (40 if angle in (90, 18, -198) else 36)
        arrow = {"arrowstyle": "-|>", "color": ACCENT, "linewidth": 2, "mutation_scale": 20}
        axes.annotate("", xy=at(head - 3), xytext=at(head), arrowprops=arrow, zorder=2)
    for angle, (name, words) in zip(angles, STEPS, strict=True):
        x, y = at(angle)
        box = FancyBboxPatch(
            (x - 0.62, y - 0.26),
            1.24,
            0.52,
            boxstyle="round,pad=0.02,rounding_size=0.12",
            facecolor=SOFT,
            edgecolor=ACCENT,
            linewidth=1.6,
            zorder=2,
        )
        axes.add_patch(box)
        axes.text(x, y + 0.14, name, ha="center", va="center", color=ACCENT, fontsize=12, weight="bold", zorder=3)
        axes.text(x, y - 0.1, words, ha="center", va="center", color=INK, fontsize=7.6, zorder=3, linespacing=1.25)
    axes.text(
        0,
        0,
        "what a neighbour learns:\nthe sum, and nothing\nof one region alone",
        ha="center",
        va="center",
        color=INK,
        fontsize=10.5,
        style="italic",
    )


if __name__ == "__main__":
    training_cycle(Path(sys.argv[1]))
