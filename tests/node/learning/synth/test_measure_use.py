"""Of what use synthetic rows are, for everything that can be learned: classes, labels, a number, survival."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.learning.data.rows import Rows
from node.learning.data.schema import Schema, Target
from node.learning.metrics import c_index, number_figures
from node.learning.synth.measure import targets, utility
from node.learning.synth.measure.comparing import compare
from node.learning.synth.measure.cox import fit_cox, residuals
from node.learning.synth.measure.gate import Circumstances, Report, Thresholds
from node.learning.synth.measure.measuring import About, Sides, measure, report_of
from node.learning.synth.measure.page import page
from node.learning.synth.measure.targets import Truth

ABOUT = About("ab" * 32, "cd" * 32, "ef" * 32, "01" * 32, "north", 1, 100)
LABELS: dict[str, list[dict[str, Any]]] = {
    "classes": [{"name": "kind", "kind": "category", "role": "label", "categories": ["a", "b", "c"]}],
    "labels": [{"name": one, "kind": "boolean", "role": "label"} for one in ("heart", "lung")],
    "number": [{"name": "stay", "kind": "number", "role": "label", "range": [-20, 20]}],
    "survival": [
        {"name": "days", "kind": "time_to_event", "role": "label", "range": [0, 100]},
        {"name": "died", "kind": "boolean", "role": "label"},
    ],
}
FIGURE = {"classes": "auroc", "labels": "auroc", "number": "r2", "survival": "c_index"}


@pytest.fixture(autouse=True)
def _small_forests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(utility, "TREES", 10)


def rows_of(kind: str, n: int, seed: int, *, blind: bool = False) -> tuple[Rows, Schema]:
    """Rows drawn by a seed, in which two columns tell what is learned; ``blind``: labels in another order."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n)).round(3)
    law = x - 0.5 * z + 0.5 * rng.normal(size=n)
    label, target = np.zeros(n, np.int64), None
    match kind:
        case "classes":
            label = np.digitize(law, [-0.5, 0.5]).astype(np.int64)
        case "labels":
            target = np.stack([law > 0, z + 0.5 * rng.normal(size=n) > 0.5], axis=1).astype(np.float64)
        case "number":
            target = law[:, None].round(3)
        case "survival":
            time, lost = 20 * np.exp(-law), rng.uniform(5, 80, n)
            label, target = (time <= lost).astype(np.int64), np.minimum(time, lost)[:, None].round(2)
    if blind:
        order = rng.permutation(n)
        label, target = label[order], None if target is None else target[order]
    columns = [{"name": name, "kind": "number", "range": [-10, 10]} for name in ("x", "z")]
    schema = Schema.of_value(kind, [*columns, *LABELS[kind]])
    return Rows({"x": x, "z": z}, label, tuple(f"{seed}.{i}" for i in range(n)), target), schema


def report(kind: str, n: int = 150, *, blind: bool = False, **held: Any) -> Report:
    (real, schema), (kept, _), (made, _) = (rows_of(kind, n, seed, blind=blind and seed == 3) for seed in (1, 2, 3))
    found = measure(Sides(real, replace(kept, **held), made, schema))
    return report_of(found, ABOUT, Thresholds(), Circumstances(continuous=found.continuous))


def use(found: Report) -> Any:
    return next(one for one in found.tests if one.name.startswith("tstr"))


@pytest.mark.parametrize("kind", LABELS)
def test_rows_of_the_same_law_are_of_use_and_the_reverse_is_measured_too(kind: str) -> None:
    found = report(kind)

    one, name = use(found), FIGURE[kind]
    assert one.name == f"tstr_{name}"
    assert one.passed, one
    assert one.lower <= one.value <= one.upper
    for other in ("trtr", "trts"):
        for end in ("", "_forest"):
            assert found.figures[f"{other}_{name}{end}"].value == pytest.approx(one.against, abs=0.15)  # 150 rows


@pytest.mark.parametrize("kind", LABELS)
def test_rows_whose_labels_are_of_other_rows_are_refused_for_use(kind: str) -> None:
    one = use(report(kind, blind=True))

    assert not one.passed
    assert one.value < one.threshold < one.against
    assert one.words["en"].endswith("This does not hold.")
    assert f"{one.value:.3f}".replace("-", "−") in one.words["en"]


@pytest.mark.parametrize("kind", LABELS)
def test_the_page_says_of_what_use_they_are_in_one_sentence(kind: str) -> None:
    found = report(kind, 60)
    for lang, sign in (("en", "."), ("sv", ",")):
        text = page(found, "clinic", lang)
        assert f"{use(found).against:.3f}".replace(".", sign) in text
        assert "nan" not in text.lower().replace("finans", "")


def few_events(kind: str) -> dict[str, Any]:
    """Held-out rows in which hardly anybody has what is learned."""
    rows, _ = rows_of(kind, 150, 2)
    label, target = rows.label.copy(), None if rows.target is None else rows.target.copy()
    if kind in ("classes", "survival"):
        label[:] = 0
        label[:9] = 1
    else:
        assert target is not None
        target[:] = 0
        target[:9] = float(kind == "labels")
    return {"label": label, "target": target}


@pytest.mark.parametrize(
    ("kind", "why"),
    [("classes", "few_cases"), ("labels", "few_cases"), ("number", "constant"), ("survival", "few_events")],
)
def test_too_few_to_test_on_is_refused_in_words_and_never_nan(kind: str, why: str) -> None:
    found = report(kind, **few_events(kind))

    one = use(found)
    assert (one.value, one.threshold, one.passed) == (None, None, False)
    assert found.figures[one.name].why == why
    assert one.words["en"].startswith("Undefined: ")
    assert one.words["sv"].startswith("Odefinierat: ")
    assert "NaN" not in json.dumps(found.to_json())


@pytest.mark.parametrize("kind", LABELS)
def test_synthetic_rows_without_an_event_teach_no_more_than_a_guess(kind: str) -> None:
    (real, schema), (kept, _), (made, _) = (rows_of(kind, 60, seed) for seed in (1, 2, 3))
    nothing = replace(made, label=made.label * 0, target=None if made.target is None else made.target * 0)
    if kind == "survival":
        nothing = replace(nothing, target=made.target)
    found = measure(Sides(real, kept, nothing, schema))

    value = found.figures[f"tstr_{FIGURE[kind]}"].value
    assert value is not None
    assert value <= targets.GUESS[FIGURE[kind]]


def test_a_rare_class_is_left_out_of_the_mean_and_the_others_still_count() -> None:
    y = np.array([0] * 20 + [1] * 20 + [2] * 9, float)[:, None]
    truth, everybody = Truth(Target.CLASSES, y, 3), np.arange(49)
    said = np.zeros((49, 3))
    said[:20, 0] = said[20:40, 1] = 1.0  # and nothing of the third class

    assert targets.lacking(truth, everybody) == ""
    assert targets.score(said, truth, everybody) == 1.0


def test_twenty_rows_of_one_patient_are_one_patient() -> None:
    truth = Truth(Target.CLASSES, np.array([0, 1] * 20, float)[:, None], 2)

    assert targets.lacking(truth, np.arange(40)) == ""
    assert targets.lacking(truth, np.arange(40) % 2) == "few_cases"


@pytest.mark.parametrize("kind", ["number", "survival"])
def test_real_synthetic_and_both_are_compared_by_the_figure_of_what_is_learned(kind: str) -> None:
    (real, schema), (kept, _), (made, _) = (rows_of(kind, 80, seed) for seed in (1, 2, 3))
    found = compare(real, kept, made, schema, repeats=2)

    assert {one.figure for one in found} == {FIGURE[kind]}
    assert [(one.model, one.trained_on) for one in found] == [
        (model, rows) for model in utility.MODELS for rows in ("real", "synthetic", "both")
    ]
    assert all(min(one.values) > targets.GUESS[FIGURE[kind]] + 0.1 for one in found)  # the law is plain
    few = compare(real, replace(kept, **{k: v[:80] for k, v in few_events(kind).items()}), made, schema, repeats=1)
    assert {one.why for one in few} == {"constant" if kind == "number" else "few_events"}


# ---------------------------------------------------------------- oracles

small = st.integers(0, 4)


@settings(max_examples=40)
@given(st.lists(st.tuples(small, small, st.booleans(), st.integers(0, 3)), min_size=2, max_size=12))
def test_weighted_figures_are_those_of_rows_repeated(rows: list[tuple[int, int, bool, int]]) -> None:
    said, true, event, times = (np.array(one) for one in zip(*rows, strict=True))
    again = np.repeat(np.arange(len(rows)), times)
    weights = times[None].astype(float)
    a, b = said[again].astype(float), true[again].astype(float)

    survival = Truth(Target.SURVIVAL, np.stack([true, event], axis=1).astype(float), 1)
    found = targets.drawn(said[:, None].astype(float), survival, np.arange(len(rows)), weights)[0]
    expected = c_index(a, b, event[again])
    assert (np.isnan(found) and expected is None) or found == pytest.approx(expected)

    number = Truth(Target.NUMBER, true[:, None].astype(float), 1)
    found = targets.drawn(said[:, None].astype(float), number, np.arange(len(rows)), weights)[0]
    r2 = number_figures(a, b)["r2"]
    assert (np.isnan(found) and r2 is None) or found == pytest.approx(max(-1.0, r2 or 0.0))


def plain_likelihood(beta: np.ndarray, z: np.ndarray, time: np.ndarray, event: np.ndarray) -> float:
    """Breslow's partial likelihood less the penalty, as the formula reads."""
    out = -float(beta @ beta) / 2
    for i in np.flatnonzero(event):
        out += float(z[i] @ beta - np.log(np.exp(z[time >= time[i]] @ beta).sum()))
    return out


@pytest.mark.parametrize("seed", range(3))
def test_no_other_model_has_a_larger_partial_likelihood_than_the_fitted_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(40, 3))
    time, event = np.ceil(4 * np.exp(-x[:, 0]) * rng.exponential(size=40)), rng.random(40) < 0.7  # with ties
    model = fit_cox(x, time, event)

    z = (x - x.mean(axis=0)) / x.std(axis=0)
    best = plain_likelihood(model.beta, z, time, event)
    for step in (*np.eye(3), *-np.eye(3), *rng.normal(size=(4, 3))):
        assert plain_likelihood(model.beta + 1e-3 * step, z, time, event) < best
    assert model.beta[0] > 0.3


def test_a_constant_input_and_an_input_twice_are_fitted_too() -> None:
    x = np.random.default_rng(1).normal(size=30)
    inputs = np.stack([x, x, np.full(30, 7.0)], axis=1)
    beta = fit_cox(inputs, np.exp(-x), np.ones(30, bool)).beta

    assert beta[0] == pytest.approx(beta[1])
    assert beta[2] == 0.0


def test_residuals_are_events_less_what_was_to_be_expected() -> None:
    # Of three: one event among three at risk (1/3), one lost, one event alone at risk (1/3 + 1).
    found = residuals(np.array([1.0, 2.0, 3.0]), np.array([True, False, True]))

    np.testing.assert_allclose(found, [1 - 1 / 3, -1 / 3, 1 - 4 / 3])
    assert found.sum() == pytest.approx(0.0)
