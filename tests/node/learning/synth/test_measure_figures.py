"""Likeness, use and risk: each by an example that can be checked by hand, then its law."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.learning.metrics import auroc
from node.learning.synth.measure import attacks, distance, images, likeness, utility
from node.learning.synth.measure.bootstrap import bounds, weighted_auroc, weights
from node.learning.synth.measure.tables import Field, Space, Table, edges_of
from tests.node.learning.synth.made_up import table


def shapes_of(real: list[object], made: list[object]) -> float | None:
    return likeness.shapes(table(x=real), table(x=made), None).value


@pytest.mark.parametrize(
    ("real", "made", "expected"),
    [
        pytest.param([1, 2, 3, 4], [1, 2, 3, 4], 1.0, id="the same"),
        pytest.param([1, 2, 3, 4], [5, 6, 7, 8], 0.0, id="nothing in common"),
        pytest.param([1, 2, 3, 4], [3, 4, 5, 6], 0.5, id="at 2 half of R is done and nothing of S"),
        pytest.param([1, 2, 3, 4], [1, 2, None, None], 0.5, id="missing numbers do not count"),
        pytest.param([1, 2, 3, 4], [None, None], 0.0, id="S has no value at all"),
        pytest.param(["a", "a", "b", "b"], ["a", "b", "b", "b"], 0.75, id="levels: a quarter lies elsewhere"),
        pytest.param(["a", "b", None, None], ["a", "b", "a", "b"], 0.5, id="missing is a level of its own"),
        pytest.param([7, 7, 7], [7, 7], 1.0, id="one value on both sides"),
    ],
)
def test_the_shape_of_a_column(real: list[object], made: list[object], expected: float) -> None:
    assert shapes_of(real, made) == pytest.approx(expected)


def test_a_column_without_any_real_value_is_undefined_and_left_out() -> None:
    found = likeness.shapes(table(x=[None, None], y=[1, 2]), table(x=[1, 2], y=[1, 2]), 0)

    assert found.each[("x",)] is None
    assert (found.value, found.undefined) == (1.0, 1)


def test_two_numbers_are_compared_by_correlation() -> None:
    real, made = table(x=[1, 2, 3, 4], y=[1, 2, 3, 4]), table(x=[1, 2, 3, 4], y=[4, 3, 2, 1])

    assert likeness.pairs(real, made, None).value == pytest.approx(0.0)  # 1 - |1 - (-1)|/2
    assert likeness.pairs(real, real, None).value == pytest.approx(1.0)


def test_a_constant_real_column_has_no_correlation_and_is_counted() -> None:
    found = likeness.pairs(table(x=[1, 1, 1], y=[1, 2, 3]), table(x=[1, 2, 3], y=[1, 2, 3]), 0)

    assert (found.value, found.undefined) == (None, 1)
    assert found.figure(None, "no_columns").why == "no_columns"


def test_mixed_columns_are_compared_by_their_table_with_the_edges_of_the_real_ones() -> None:
    # Bins of R from 0 to 10; S lies beyond, in the last, which is open. By edges of its own S would have no fault.
    real = table(x=[0.0, 0.5, 9.5, 10.0], y=["a", "a", "b", "b"])
    made = table(x=[90.0, 91.0, 99.0, 100.0], y=["a", "a", "b", "b"])

    assert likeness.pairs(real, made, None).value == pytest.approx(0.5)


def test_a_collapsed_number_is_not_praised_for_correlating_with_nothing() -> None:
    real, made = table(x=[1, 2, 3, 4], y=[2, 1, 4, 3]), table(x=[1, 2, 3, 4], y=[2, 2, 2, 2])

    assert likeness.pairs(real, made, None).value == pytest.approx(0.25)  # of R's table one cell in four is hit


columns = st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=2, max_size=30)


@settings(max_examples=40, deadline=None)
@given(columns, columns, st.randoms(use_true_random=False))
def test_likeness_is_within_0_and_1_and_knows_no_order(real, made, chance) -> None:
    n, m = len(real), len(made)
    r = table(x=real, y=["a" if i % 2 else "b" for i in range(n)])
    s = table(x=made, y=["a" if i % 3 else "b" for i in range(m)])
    order = list(range(m))
    chance.shuffle(order)
    mixed = s.take(np.array(order))

    for measure in (likeness.shapes, likeness.pairs):
        value = measure(r, s, None).value
        assert value is None or -1e-9 <= value <= 1 + 1e-9
        assert measure(r, mixed, None).value == pytest.approx(value)
        same = measure(r, r, None).value
        assert same is None or same == pytest.approx(1.0)


def test_rare_levels_must_not_appear_and_common_ones_must() -> None:
    real = table(x=["a"] * 30 + ["b"] * 12 + ["c"] * 3)
    levels = real.fields[0].levels

    def made(*cells: str) -> Table:
        return Table(real.fields, {"x": np.array([levels.index(c) for c in cells], float)}, np.arange(len(cells)))

    assert likeness.broken_by_rarity(real, made("a", "b")) == (0, 0)
    assert likeness.broken_by_rarity(real, made("a")) == (1, 0)  # b has 12 patients
    assert likeness.broken_by_rarity(real, made("a", "b", "c")) == (0, 1)  # c has 3
    assert likeness.broken_by_rarity(real, made("a", "b", "c"), {"x": [True, True, True]}) == (0, 0)  # many elsewhere


def test_ten_rows_of_one_patient_make_no_level_common() -> None:
    real = Table(
        (Field("x", ("a", "b")),), {"x": np.array([0.0] * 12 + [1.0] * 12)}, np.array([*range(12), *[12] * 12])
    )

    assert likeness.broken_by_rarity(real, real) == (0, 1)


def test_levels_are_one_apart_and_numbers_count_in_spreads_of_the_real_rows() -> None:
    real = table(x=[0.0, 10.0], y=["a", "b"])
    places = Space.of(real).place(table(x=[0.0, 5.0, None], y=["a", "b", "a"]))

    gaps = np.sqrt(distance.squared(places, places))
    assert gaps[0, 1] == pytest.approx(np.hypot(1.0, 1.0))  # a spread of 5, and another level
    assert gaps[0, 2] == pytest.approx(np.hypot(1.0, 1.0))  # missing: the mean, 5, and the indicator


def test_the_nearest_row_keeps_the_digits_that_tell_a_copy() -> None:
    real = np.random.default_rng(0).normal(size=(50, 30)) * 1e3
    made = real[:3] + np.array([[0.0], [1e-9], [1e-3]])

    assert distance.exact_copies(made, real) == 2
    assert distance.nearest(made, real)[1].tolist() == [0, 1, 2]


def test_copies_of_training_rows_are_found_by_both_attacks_on_distance() -> None:
    rng = np.random.default_rng(0)
    real, held = rng.normal(size=(60, 4)), rng.normal(size=(40, 4))
    owners = np.arange(60), np.arange(40)

    copied = distance.dcr_share(real + 0.01, real, held, owners, 0)
    near = [-distance.nearest(x, real + 0.01)[0] for x in (real, held)]
    assert copied.value is not None
    assert copied.value > 0.6  # of the 40 real rows that are drawn, each copy is nearest to its own
    assert distance.membership((near[0], near[1]), owners, 0).value == pytest.approx(1.0)


def test_a_synthetic_row_as_near_to_both_counts_half() -> None:
    found = distance.dcr_share(np.zeros((4, 1)), np.ones((3, 1)), -np.ones((3, 1)), (np.arange(3), np.arange(3)), 0)

    assert found.value == 0.5
    assert (found.lower, found.upper) == (0.5, 0.5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=25))
def test_weighted_auroc_is_auroc_of_repeated_rows(rows) -> None:
    scores, positive = np.array([s for s, _ in rows], float), np.array([p for _, p in rows])
    block = next(weights(np.arange(len(rows)), 3))[:5]

    for found, times in zip(weighted_auroc(scores, positive, block), block, strict=True):
        again = np.repeat(np.arange(len(rows)), times.astype(int))
        expected = auroc(scores[again], positive[again])
        assert (np.isnan(found) and expected is None) or found == pytest.approx(expected)


def test_bounds_are_about_the_figure_and_draw_patients_not_rows() -> None:
    one_each = next(weights(np.arange(40), 1))
    together = next(weights(np.repeat([0, 1], 20), 1))

    assert one_each.shape == (1000, 40)
    assert set(np.unique(together.sum(axis=1))) == {40.0}
    assert (together[:, :20] == together[:, :1]).all()  # rows of one patient come and go together
    assert bounds(np.array([0.2, 0.4, np.nan]), 0.5) == pytest.approx((0.405, 0.595))


def test_a_detector_cannot_tell_two_samples_of_one_source_and_tells_two_sources() -> None:
    rng = np.random.default_rng(1)
    real, alike, other = (table(x=rng.normal(m, 1, 60).tolist(), y=rng.normal(size=60).tolist()) for m in (0, 0, 6))

    near, far = utility.detection(real, alike, 0).value, utility.detection(real, other, 0).value
    assert near is not None
    assert far is not None
    assert abs(near - 0.5) < 0.2  # chance: four standard errors of 60 against 60
    assert far > 0.95


def test_a_column_that_follows_from_the_others_in_s_is_guessed_and_the_gain_is_over_other_patients() -> None:
    x = [float(i) for i in range(40)]
    secret = ["a" if (i * 7) % 5 < 2 else "b" for i in range(40)]
    real = table(x=x, secret=secret)
    held = table(x=x, secret=["b" if c == "a" else "a" for c in secret])

    guessed, gain = attacks.attribute_inference(real, held, real, "secret", 0)
    assert (guessed.value, guessed.against) == (1.0, 0.0)
    assert (gain.value, gain.lower, gain.upper) == (1.0, 1.0, 1.0)


def test_k_map_counts_patients_not_rows_and_numbers_by_their_bands() -> None:
    field = Field("age", quasi=True, band=10.0)
    real = Table((field,), {"age": np.array([41.0, 42, 43, 55, 55, 55])}, np.array([0, 1, 2, 3, 3, 3]))
    made = Table((field,), {"age": np.array([48.0, 51, 77])}, np.arange(3))

    few, nobody, count = attacks.k_map(real, made, 3)
    assert (few.value, nobody.value, count) == (pytest.approx(1 / 3), pytest.approx(1 / 3), 1)


def test_edges_are_those_of_real_values_and_none_for_a_constant() -> None:
    found = edges_of(table(x=[0, 10], y=[3, 3], z=[None, None]))

    np.testing.assert_allclose(found["x"], np.arange(1, 10))
    assert len(found["y"]) == len(found["z"]) == 0


# ---------------------------------------------------------------- images


def test_frechet_distance_of_two_normal_samples_is_that_of_the_formula() -> None:
    a = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])  # mean 0, covariance 2/3 I
    moved, wider = a + np.array([3.0, 4.0]), 2 * a

    assert images.frechet_distance(a, a) == pytest.approx(0.0, abs=1e-12)
    assert images.frechet_distance(a, moved) == pytest.approx(25.0)
    assert images.frechet_distance(a, wider) == pytest.approx(2 * (2 / 3 + 8 / 3 - 2 * np.sqrt(2 / 3 * 8 / 3)))
    assert images.frechet_distance(a, a[:1]) is None


def test_diversity_is_that_of_real_images_for_themselves_and_0_for_one_image_again_and_again() -> None:
    real = np.random.default_rng(0).integers(0, 256, (20, 4, 4, 1)).astype(np.uint8)
    y = np.arange(20) % 2

    assert images.diversity(real, real, y, y).value == pytest.approx(1.0)
    same = np.repeat(real[:1], 20, axis=0)
    assert images.diversity(same, real, y, y).value == 0.0
    assert images.diversity(real, same, y, y).why == "alike"
    assert images.nearest_real(real, real).value == 0.0


def test_the_gap_of_missing_shares_does_not_count_what_few_patients_lack() -> None:
    made = table(x=[1.0] * 20, y=[1.0] * 20)
    few, many = [None] * 3 + [1.0] * 17, [None] * 15 + [1.0] * 5

    assert likeness.missing_gap(table(x=few, y=[1.0] * 20), made) == 0.0
    assert likeness.missing_gap(table(x=few, y=many), made) == pytest.approx(0.75)
