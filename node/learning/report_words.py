"""The words of a model's report, English and Swedish: equal keys in both, as a test sees to.

The report itself (``report.report``, its JSON) keeps its titles and names of groups in English; ``plot_in`` and
``group_in`` say them in a language. What is drawn has its own name for each kind of target: calibration is of shares,
of classes and labels; a number is predicted and observed; survival is told by predicted risk.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from node.learning.data.schema import Column, Target

Words = Mapping[str, Mapping[str, str]]

PAGE: Words = {
    "en": {
        "title": "Model of study {study}",
        "about": "Learns {names}; {rows} rows that no model was trained on. Figures on real rows carry no epsilon.",
        "few": "fewer than {n}",
        "hidden": "not shown: fewer than {n} rows",
        "t.model": "model", "t.column": "column", "t.group": "group", "t.rows": "rows",
        "m.alone": "alone", "m.together": "together", "m.pooled": "pooled",
        "undefined": "undefined",
        "undefined.why": "undefined: {why}",
        "why.alone": "the region has no training of its own to compare with",
        "why.together": "there is no joint model",
        "why.pooled": "no place holds the rows of all regions",
        "not.classes": "not every class has a row",
        "not.c_index": "no two rows tell which was earlier",
        "not.r2": "all rows have one value",
        "h.summed": "All regions together, summed under masks",
        "h.classes": "Classes, true and guessed", "guessed": "guessed {name}", "is": "is {name}", "under": "under {n}",
        "h.subgroups": "Subgroups",
        "subgroups.none": "None: no column leaves two groups of ten rows.",
        "subgroups.few": "Groups under {n} rows are put together with others.",
        "accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "auroc": "AUROC", "auprc": "AUPRC",
        "auroc_error": "AUROC within", "ece": "ECE", "rmse": "RMSE", "mae": "MAE", "r2": "R²", "c_index": "C-index",
        "drawn.calibration": "Calibration",
        "drawn.number": "Predicted and observed",
        "drawn.survival": "Survival by predicted risk",
        "over": "{up} over {along}", "dot": "{n} rows", "too.few": "too few rows",
    },
    "sv": {
        "title": "Modell ur studien {study}",
        "about": "Lär sig {names}; {rows} rader som ingen modell har tränats på. Mått på riktiga rader skyddas inte av"
        " något epsilon.",
        "few": "färre än {n}",
        "hidden": "visas inte: färre än {n} rader",
        "t.model": "modell", "t.column": "kolumn", "t.group": "grupp", "t.rows": "rader",
        "m.alone": "ensam", "m.together": "gemensam", "m.pooled": "allt på ett ställe",
        "undefined": "odefinierat",
        "undefined.why": "odefinierat: {why}",
        "why.alone": "regionen har ingen egen träning att jämföra med",
        "why.together": "det finns ingen gemensam modell",
        "why.pooled": "inget ställe har alla regioners rader",
        "not.classes": "inte varje klass har en rad",
        "not.c_index": "inga två rader visar vad som kom först",
        "not.r2": "alla rader har samma värde",
        "h.summed": "Alla regioner tillsammans, summerat under masker",
        "h.classes": "Klasser, sanna och gissade", "guessed": "gissad {name}", "is": "är {name}", "under": "under {n}",
        "h.subgroups": "Undergrupper",
        "subgroups.none": "Inga: ingen kolumn ger två grupper om tio rader.",
        "subgroups.few": "Grupper under {n} rader är sammanslagna med andra.",
        "accuracy": "träffsäkerhet", "balanced_accuracy": "balanserad träffsäkerhet", "auroc": "AUROC",
        "auprc": "AUPRC", "auroc_error": "AUROC inom", "ece": "ECE", "rmse": "RMSE", "mae": "MAE", "r2": "R²",
        "c_index": "C-index",
        "drawn.calibration": "Kalibrering",
        "drawn.number": "Förutsagt och observerat",
        "drawn.survival": "Överlevnad efter förutsagd risk",
        "over": "{up} mot {along}", "dot": "{n} rader", "too.few": "för få rader",
    },
}  # fmt: skip

# What ``report_plots`` writes on a plot, English and Swedish.
PLOTS = (
    ("Calibration of {name}", "Kalibrering av {name}"),
    ("{name}: observed over predicted", "{name}: observerat mot förutsagt"),
    ("Survival by predicted risk", "Överlevnad efter förutsagd risk"),
    ("predicted share", "förutsagd andel"),
    ("observed share", "observerad andel"),
    ("share without the event", "andel utan händelsen"),
    ("predicted{name}", "förutsagt{name}"),
    ("observed{name}", "observerat{name}"),
    ("lowest third of risk", "tredjedelen med lägst risk"),
    ("middle third of risk", "den mellersta tredjedelen"),
    ("highest third of risk", "tredjedelen med högst risk"),
)
# What ``subgroups`` calls a group, beside the words of a manifest.
REST, OTHER = "none of these", "other"
GROUPS = {REST: "inget av dessa", OTHER: "övriga", "no": "nej", "yes": "ja"}
_BAND = re.compile(r"^(-?[\d.e+-]+) to (-?[\d.e+-]+)$")


def drawn(target: Target) -> str:
    """Return the key of what is drawn for a kind of target."""
    return {Target.NUMBER: "drawn.number", Target.SURVIVAL: "drawn.survival"}.get(target, "drawn.calibration")


def figure(value: float, lang: str, form: str = ".3f") -> str:
    """Return a figure with the language's decimal sign."""
    text = format(value, form)
    return text.replace(".", ",").replace("-", "−") if lang == "sv" else text


def plot_in(plot: Mapping[str, Any], lang: str) -> Mapping[str, Any]:
    """Return a plot of ``report_plots`` with its words in a language."""
    if lang == "en":
        return plot
    lines = [{**line, "name": _plot_words(line["name"], whole=True)} for line in plot["lines"]]
    # Only survival is drawn over a column, whose name is the manifest's.
    along = plot["x"] if plot["title"] == PLOTS[2][0] else _plot_words(plot["x"])
    return {**plot, "title": _plot_words(plot["title"]), "x": along, "y": _plot_words(plot["y"]), "lines": lines}


def _plot_words(text: str, *, whole: bool = False) -> str:
    for english, swedish in PLOTS:
        if whole and "{name}" in english:
            continue
        found = re.fullmatch(re.escape(english).replace(r"\{name\}", "(?P<name>.*)"), text, re.DOTALL)
        if found:
            return swedish.format_map(found.groupdict())
    return text


def group_in(group: str, column: Column, lang: str) -> str:
    """Return the name of a group of a column's rows in a language; names of categories are the manifest's."""
    if lang == "en":
        return group
    parts, own = group.split(" or "), set(column.categories)
    if own and not own.issuperset(set(parts) - {REST, OTHER}):
        return group  # a category's own name has the word in it
    said = [name if name in own else GROUPS.get(name, name) for name in parts]
    return " eller ".join(name if name in own else _BAND.sub(_band, name) for name in said)


def _band(found: re.Match[str]) -> str:
    return f"{found[1]} till {found[2]}".replace(".", ",")
