"""A model's report in Swedish and English: every word has its pair, and what is drawn is called what it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.learning import report_plots, subgroups
from node.learning.data.schema import Column, Schema, Target
from node.learning.report_page import page
from node.learning.report_plots import RISKS
from node.learning.report_words import PAGE, PLOTS, REST, drawn, group_in, plot_in
from tests.node.readable import faults

HOLE = re.compile(r"{(\w+)}")
SOURCE = Path(report_plots.__file__)


def schema(label: Column) -> Schema:
    age = Column(name="age", kind="number", role="quasi_identifier", range=(20, 80))
    sex = Column(name="sex", kind="category", categories=("f", "m"))
    return Schema("t", (age, sex, label))


ILL = schema(Column(name="ill", kind="category", role="label", categories=("0", "1")))
SBP = schema(Column(name="sbp", kind="number", role="label", unit="mmHg", range=(60, 250)))


def plot(title: str, x: str, y: str, *names: str) -> dict[str, object]:
    lines = [{"name": name, "points": [{"x": 0.25, "y": 0.5, "rows": 40}]} for name in names]
    return {"title": title, "x": x, "y": y, "from": [0, 0], "to": [1, 0.5], "diagonal": True, "lines": lines}


def of_classes() -> dict[str, object]:
    figures = {"accuracy": 0.8125, "auroc": None}
    return {
        "rows": None,
        "models": {"alone": None, "together": figures, "pooled": None},
        "summed": {"rows": 400, "accuracy": 0.75, "auroc": 0.5, "auroc_error": 0.25},
        "calibration": [],
        "plots": [plot("Calibration of ill = 1", "predicted share", "observed share", "ill = 1")],
        "confusion": [[None, 12], [0, 30]],
        "subgroups": [
            {"column": "age", "group": "20 to 42.5", "rows": 40, "accuracy": 0.625, "auroc": 0.5},
            {"column": "sex", "group": "f or other", "rows": 12, "accuracy": None, "auroc": None},
        ],
    }


def of_a_number() -> dict[str, object]:
    found = of_classes()
    drawn_ = plot("sbp: observed over predicted", "predicted (mmHg)", "observed (mmHg)", "sbp")
    figures = {"rmse": 11.5, "mae": 9.25, "r2": None}
    return found | {
        "rows": 200, "models": {"together": figures}, "summed": None, "plots": [drawn_], "confusion": None,
        "subgroups": [],
    }  # fmt: skip


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"(?s)<style>.*</style>|<[^>]+>", " ", html))


def test_every_word_of_the_page_has_its_pair() -> None:
    assert PAGE["en"].keys() == PAGE["sv"].keys()
    for key, english in PAGE["en"].items():
        assert sorted(HOLE.findall(english)) == sorted(HOLE.findall(PAGE["sv"][key])), key
    for english, swedish in PLOTS:
        assert sorted(HOLE.findall(english)) == sorted(HOLE.findall(swedish)), english


def test_the_page_in_swedish_says_everything_in_swedish_with_a_decimal_comma() -> None:
    html = page(of_classes(), "405ba6ec1234", ILL, "sv")
    assert not faults(html)
    assert '<html lang="sv">' in html
    told = text(html)
    for words in (
        "Modell ur studien 405ba6ec1234", "färre än 10 rader som ingen modell har tränats på", "träffsäkerhet", "0,812",
        "odefinierat: regionen har ingen egen träning att jämföra med", "Alla regioner tillsammans", "0,750",
        "visas inte: färre än 20 rader", "Kalibrering", "Kalibrering av ill = 1", "förutsagd andel", "observerad andel",
        "gissad 0", "är 1", "under 10", "20 till 42,5", "f eller övriga", "40 rader", "0,5",
    ):  # fmt: skip
        assert words in told, words
    assert 'aria-label="Kalibrering av ill = 1: observerad andel mot förutsagd andel"' in html
    assert not re.search(r"\b(the|and|of|rows|share|model|guessed|not|accuracy|undefined|\d+\.\d+)\b", told)


def test_the_page_in_english_is_what_it_was() -> None:
    told = text(page(of_classes(), "405ba6ec1234", ILL))
    for words in (
        "Model of study 405ba6ec1234", "fewer than 10 rows that no model was trained on", "0.812", "20 to 42.5",
        "undefined: no place holds the rows of all regions", "Calibration of ill = 1", "guessed 0", "f or other",
        "AUROC within",
    ):  # fmt: skip
        assert words in told, words


@pytest.mark.parametrize(
    ("lang", "title", "axis"),
    [
        ("en", "Predicted and observed", "predicted (mmHg)"),
        ("sv", "Förutsagt och observerat", "förutsagt (mmHg)"),
    ],
)
def test_what_is_drawn_of_a_number_is_not_called_calibration(lang: str, title: str, axis: str) -> None:
    html = page(of_a_number(), "405ba6ec1234", SBP, lang)
    assert f"<h2>{title}</h2>" in html
    assert axis in html
    assert "RMSE (mmHg)" in html
    assert "alibr" not in html


@pytest.mark.parametrize(
    ("target", "english"),
    [
        (Target.CLASSES, "Calibration"),
        (Target.LABELS, "Calibration"),
        (Target.NUMBER, "Predicted and observed"),
        (Target.SURVIVAL, "Survival by predicted risk"),
    ],
)
def test_each_kind_of_target_is_drawn_under_its_own_name(target: Target, english: str) -> None:
    assert PAGE["en"][drawn(target)] == english


def test_survival_is_drawn_over_a_column_whose_name_stays() -> None:
    found = plot("Survival by predicted risk", "predicted share", "share without the event", "lowest third of risk")
    said = plot_in(found, "sv")
    assert (said["title"], said["x"]) == ("Överlevnad efter förutsagd risk", "predicted share")
    assert (said["y"], said["lines"][0]["name"]) == ("andel utan händelsen", "tredjedelen med lägst risk")
    assert plot_in(found, "en") is found


@pytest.mark.parametrize(
    ("column", "english", "swedish"),
    [
        (Column(name="age", kind="number", range=(0, 9)), "-1.5 to 1e+06", "-1,5 till 1e+06"),
        (Column(name="age", kind="number", range=(0, 9)), "1 to 3 or none of these", "1 till 3 eller inget av dessa"),
        (Column(name="ill", kind="boolean"), "no or yes", "nej eller ja"),
        (Column(name="sex", kind="category", categories=("no", "x")), "no or other", "no eller övriga"),
        (Column(name="organ", kind="category", categories=("heart or lung", "x")), "heart or lung", "heart or lung"),
    ],
)
def test_a_group_is_named_in_swedish_and_a_category_by_its_own_name(column: Column, english: str, swedish: str) -> None:
    assert group_in(english, column, "sv") == swedish
    assert group_in(english, column, "en") == english
    assert subgroups.REST == REST


def _texts(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.JoinedStr(values=parts):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in parts)


def test_every_title_axis_and_name_that_a_plot_may_have_has_its_pair() -> None:
    keys, told = {"title", "x", "y", "name"}, [f"{name} third of risk" for name in RISKS]
    for node in ast.walk(ast.parse(SOURCE.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in keys:
                    told += [text for text in _texts(value) if re.search("[a-z]", text)]
    assert "Survival by predicted risk" in told
    for words in told:
        if words != "7 third of risk":
            assert plot_in(plot(words, "", words, words), "sv")["title"] != words, words
