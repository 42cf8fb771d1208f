"""What the page of a report says of its figures: in which order, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from node.learning.synth.measure.gate import Circumstances, Figure, Report, Thresholds, judge
from node.learning.synth.measure.page import page
from node.learning.synth.measure.words import exact


def report(figures: Mapping[str, Figure], counts: Mapping[str, int | None]) -> Report:
    tests = judge(figures, Thresholds(), Circumstances())
    return Report("", "a" * 64, "b" * 64, "c" * 64, "north", "table", 1, 486, tests, counts=counts, figures=figures)


@pytest.mark.parametrize("lang", ["en", "sv"])
def test_each_figure_stands_under_its_own_and_what_went_astray_is_said(lang: str) -> None:
    names = ("tstr_auroc", "tstr_auroc_forest", "trtr_auroc", "trtr_auroc_forest", "trts_auroc", "trts_auroc_forest")
    figures = {name: Figure(0.5 + at / 100) for at, name in enumerate(sorted(names))}
    found = report(figures, {"backs": 21})

    html = page(found, "clinic", lang)
    places = [html.rindex(f">{0.5 + sorted(names).index(name) / 100:.3f}<".replace(".", "," if lang == "sv" else "."))
              for name in names]  # fmt: skip
    assert places == sorted(places)
    assert "21 gånger" in html if lang == "sv" else "21 times" in html
    assert "gånger:" not in page(replace(found, counts={"backs": 0}), "clinic", "sv")


@pytest.mark.parametrize(
    ("epsilon", "en", "sv"),
    [
        (0.5, "1.7", "1,7"),
        (1.0, "2.8", "2,8"),
        (3.0, "21", "21"),
        (8.0, "3,000", "3\u00a0000"),
        (50.0, "10²²", "10²²"),
    ],
)
def test_an_epsilon_is_told_as_what_it_bounds(epsilon: float, en: str, sv: str) -> None:
    found = replace(
        report({}, {}),
        dp={"epsilon": epsilon, "delta": 1e-3, "accountant": "rdp", "sigma": 3.81, "q": 0.13, "steps": 600},
    )
    assert f"at most a factor of {en} (ε {epsilon:g}), but for a chance of 0.001 (δ)" in page(found, "clinic", "en")
    told = f"{epsilon:g}".replace(".", ",")
    assert f"högst {sv} gånger (ε {told}), utom med chansen 0,001 (δ)" in page(found, "clinic", "sv")


@pytest.mark.parametrize(
    ("value", "en", "sv"), [(1e-5, "0.00001", "0,00001"), (3.0, "3", "3"), (3.81, "3.81", "3,81"), (600, "600", "600")]
)
def test_what_a_training_states_is_told_without_an_exponent_or_empty_decimals(value: float, en: str, sv: str) -> None:
    assert (exact(value, "en"), exact(value, "sv")) == (en, sv)
