"""A model's report: its figures alone, together and pooled, predicted beside observed, and how it does on subgroups.

Rules:
  * a count under 10 is not shown, and no figure of a group under 20; small groups are put together (``subgroups``);
  * what is undefined is said in words, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from node.learning.data.rows import Rows
from node.learning.data.schema import Target
from node.learning.evaluate import Model
from node.learning.metrics import FEWEST, Counts
from node.learning.report_plots import plots
from node.learning.report_words import PAGE, figure
from node.learning.subgroups import FEWEST_FOR_FIGURES, subgroups

WHY_NOT = {
    **dict.fromkeys(("auroc", "auprc", "balanced_accuracy", "auroc_error"), "not.classes"),
    "c_index": "not.c_index",
    "r2": "not.r2",
}


def in_words(name: str, value: float | None, rows: int | None, lang: str = "en") -> str:
    """Return a figure, or why there is none."""
    say = PAGE[lang]
    if value is not None:
        return figure(value, lang)
    if rows is not None and rows < FEWEST_FOR_FIGURES:
        return say["hidden"].format(n=FEWEST_FOR_FIGURES)
    return say["undefined.why"].format(why=say[WHY_NOT[name]]) if name in WHY_NOT else say["undefined"]


def undefined(model: str, lang: str = "en") -> str:
    """Return why a report has no figures of a model."""
    return PAGE[lang]["undefined.why"].format(why=PAGE[lang][f"why.{model}"])


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


def text(found: Mapping[str, Any]) -> list[str]:
    """Return a report as lines of words."""
    lines = []
    for name, figures in found["models"].items():
        if figures is None:
            lines.append(f"{name:<10} {undefined(name)}")
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
