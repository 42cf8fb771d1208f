"""Sums, statistics and the encoder, against pooled rows as the oracle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.learning import ConfigError
from node.learning.data.manifest import Schema, parse
from node.learning.data.table import Rows
from node.learning.preprocessing import (
    ALL_STAGES,
    SCALE,
    STAGES,
    columns_of,
    encoder,
    global_stats,
    measure,
    quantiles,
    width_of,
)
from node.learning.stages import BINS, first_rows, noise, sensitivity, spread, unit

SCHEMA: Schema = parse(
    """
id = "t"
[[column]]
name = "x"
kind = "number"
range = [-10, 30]
missing = ["?"]
[[column]]
name = "ward"
kind = "category"
categories = ["a", "b"]
[[column]]
name = "y"
kind = "category"
role = "label"
categories = ["0", "1"]
""",
    Path("t.toml"),
).schema_()


def table(x: list[float], ward: list[float], y: list[int]) -> Rows:
    """Return typed rows."""
    features = {"x": np.array(x, np.float64), "ward": np.array(ward, np.float64)}
    return Rows(features, np.array(y, np.int64), tuple(f"row {i}" for i in range(len(y))))


def summed(parts: list[Rows]) -> list[np.typing.NDArray[np.int64]]:
    """Return each stage's total."""
    return [np.sum([measure(SCHEMA, part, stage) for part in parts], axis=0) for stage in STAGES]


@pytest.mark.parametrize("place", [0, 2, -1], ids=["patients", "values present", "a class"])
@pytest.mark.parametrize("lie", [-(10**6), 10**6])
def test_counts_that_no_honest_sum_could_give_are_refused(place: int, lie: int) -> None:
    totals = summed([table([1, 2, 3], [0, 1, 2], [0, 1, 1])])
    totals[0][place] += lie

    with pytest.raises(ConfigError, match="counts that do not fit each other"):
        global_stats(SCHEMA, STAGES, totals)


def test_the_vectors_of_three_rows_by_hand() -> None:
    rows = table([10, 30, np.nan], [0, 1, 2], [0, 1, 1])  # c = 10, h = 20, so q = 0 and 2^20

    assert measure(SCHEMA, rows, "count").tolist() == [3, 3, 2, 0, 3, 0, 1, 2]
    assert measure(SCHEMA, rows, "moment").tolist() == [SCALE, SCALE**2]
    assert columns_of(SCHEMA, "count") == (("rows", 2), ("x", 2), ("ward", 2), ("y", 2))
    assert columns_of(SCHEMA, "moment") == (("x", 2),)


def test_the_encoder_of_three_rows_by_hand() -> None:
    rows = table([0, 20, np.nan], [0, 2, np.nan], [0, 1, 1])

    encode = encoder(SCHEMA, global_stats(SCHEMA, STAGES, summed([rows])))
    encoded = encode.encode(rows)

    root = float(np.sqrt(0.5))  # mean 10, standard deviation 10 * sqrt(2)
    assert encode.names == ("x", "x?", "ward=a", "ward=b", "ward=__other__")
    expected = np.array([[-root, 0, 1, 0, 0], [root, 0, 0, 0, 1], [0, 1, 0, 0, 0]], np.float32)
    np.testing.assert_allclose(encoded.x, expected, rtol=1e-6)


values = st.lists(st.floats(-10, 30) | st.just(np.nan), min_size=1, max_size=20)


@given(st.lists(values, min_size=1, max_size=4))
@settings(max_examples=50)
def test_statistics_are_those_of_the_pooled_rows(parts: list[list[float]]) -> None:
    regions = [table(x, [0] * len(x), [0] * len(x)) for x in parts]

    totals = summed(regions)
    stats = global_stats(SCHEMA, STAGES, totals)

    pooled = table([v for x in parts for v in x], [0] * sum(map(len, parts)), [0] * sum(map(len, parts)))
    for stage, total in zip(STAGES, totals, strict=True):
        np.testing.assert_array_equal(total, measure(SCHEMA, pooled, stage))  # to the bit
    assert stats is not None
    x = pooled.features["x"][np.isfinite(pooled.features["x"])]
    step = 20 * 2.0**-20  # one unit of fixed point, h * 2^-20
    if len(x):
        assert abs(stats.mean["x"] - x.mean()) <= step
    if len(x) > 1:
        # Rounding moves each value by half a step, so the deviation by at most sqrt(n / (n - 1)) of it.
        assert abs(stats.std["x"] - x.std(ddof=1)) <= step


def test_a_constant_column_encodes_to_zero_and_is_named() -> None:
    rows = table([7, 7, 7], [0, 0, 0], [0, 1, 1])
    stats = global_stats(SCHEMA, STAGES, summed([rows]))

    assert stats is not None
    assert stats.constant == ("x",)
    assert not encoder(SCHEMA, stats).encode(rows).x[:, 0].any()


def test_width_depends_on_the_schema_alone() -> None:
    rows = table([7, 7], [0, 0], [0, 0])
    with_sums = encoder(SCHEMA, global_stats(SCHEMA, STAGES, summed([rows]))).encode(rows).x
    without = encoder(SCHEMA, None).encode(rows).x

    assert with_sums.shape == without.shape == (2, width_of(SCHEMA))


def test_without_sums_a_public_range_is_taken_for_four_standard_deviations() -> None:
    rows = table([-10, 10, 99], [0, 0, 0], [0, 0, 0])

    np.testing.assert_array_equal(encoder(SCHEMA, None).encode(rows).x[:, 0], [-2, 0, 2])


def test_without_sums_a_boolean_stays_0_or_1_as_the_places_of_a_category_do() -> None:
    schema = parse(
        """
id = "t"
[[column]]
name = "smokes"
kind = "boolean"
missing = ["?"]
[[column]]
name = "y"
kind = "boolean"
role = "label"
""",
        Path("t.toml"),
    ).schema_()
    rows = Rows({"smokes": np.array([0.0, 1.0, np.nan])}, np.zeros(3, np.int64), ("a", "b", "c"))

    np.testing.assert_array_equal(encoder(schema, None).encode(rows).x, [[0, 0], [1, 0], [0, 1]])


def test_class_weights_are_bounded_and_zero_without_rows() -> None:
    many = table([0.0] * 100, [0] * 100, [0] * 99 + [1])
    one = table([0.0] * 10, [0] * 10, [0] * 10)

    few = global_stats(SCHEMA, STAGES, summed([many]))
    none = global_stats(SCHEMA, STAGES, summed([one]))

    assert few is not None
    assert none is not None
    assert few.class_weights() == [100 / 198, 20]
    assert none.class_weights() == [0.5, 0.0]


def test_totals_of_another_schema_are_refused() -> None:
    with pytest.raises(ConfigError, match="stage count opened 3 integers"):
        global_stats(SCHEMA, STAGES, [np.zeros(3, np.int64), np.zeros(2, np.int64)])


# ---------------------------------------------------------------- histograms, knots, vocabulary


def all_summed(parts: list[Rows], fewest: int = 3) -> list[np.typing.NDArray[np.int64]]:
    """Return the total of every stage, each measured with what the earlier ones opened."""
    totals: list[np.typing.NDArray[np.int64]] = []
    for i, stage in enumerate(ALL_STAGES):
        before = global_stats(SCHEMA, ALL_STAGES[:i], totals)
        totals.append(np.sum([measure(SCHEMA, part, stage, before, fewest=fewest) for part in parts], axis=0))
    return totals


@given(st.lists(values, min_size=1, max_size=4))
@settings(max_examples=30)
def test_every_stages_total_is_that_of_the_pooled_rows(parts: list[list[float]]) -> None:
    regions = [table(x, [i % 3 for i in range(len(x))], [0] * len(x)) for x in parts]
    x = [v for part in parts for v in part]
    ward = [i % 3 for part in parts for i in range(len(part))]

    totals = all_summed(regions, fewest=0)

    pooled = Rows(table(x, ward, [0] * len(x)).features, np.zeros(len(x), np.int64), tuple(map(str, range(len(x)))))
    for one, other in zip(totals, all_summed([pooled], fewest=0), strict=True):
        np.testing.assert_array_equal(one, other)  # to the bit
    stats = global_stats(SCHEMA, ALL_STAGES, totals)
    assert stats is not None
    knots = stats.knots["x"]
    assert list(knots) == sorted(knots)


def test_knots_lie_within_a_bin_of_the_pooled_quantiles() -> None:
    x = np.random.default_rng(1).gamma(2.0, 3.0, 4000).clip(-10, 30)
    rows = table(x.tolist(), [0] * 4000, [0] * 4000)

    stats = global_stats(SCHEMA, ALL_STAGES, all_summed([rows]))

    assert stats is not None
    first, last = np.quantile(x, [0.005, 0.995])
    expected = np.quantile(x, np.linspace(0, 1, 11)).clip(first, last)
    # Ends within a bin of the range, 40 / 256; the others within a bin between the ends.
    np.testing.assert_allclose(stats.knots["x"], expected, atol=40 / BINS)


def test_numbers_encoded_by_rank_have_variance_near_one_and_keep_their_order() -> None:
    x = np.random.default_rng(1).gamma(2.0, 3.0, 4000).clip(-10, 30)
    rows = table(x.tolist(), [0] * 4000, [0] * 4000)

    z = encoder(SCHEMA, global_stats(SCHEMA, ALL_STAGES, all_summed([rows]))).encode(rows).x[:, 0]

    assert np.var(z) == pytest.approx(1, abs=0.1)  # inside an outer bin values are not uniform
    assert (np.diff(z[np.argsort(x)]) >= 0).all()


def test_many_equal_values_are_one_knot_and_no_jump() -> None:
    rows = table([0.0] * 60 + [5.0] * 20 + [9.0] * 20, [0] * 100, [0] * 100)

    z = encoder(SCHEMA, global_stats(SCHEMA, ALL_STAGES, all_summed([rows]))).encode(rows).x[:, 0]

    assert np.isfinite(z).all()
    assert z[0] < z[70] < z[99]


def test_quantiles_interpolate_in_the_bin_and_of_nothing_are_the_ends() -> None:
    counts = [0] * BINS
    counts[0], counts[128] = 10, 10

    # Bins of width 1: half of the values end with bin 0, three quarters in the middle of bin 128.
    assert quantiles(counts, 0, 256, [0.25, 0.5, 0.75, 1]) == (0.5, 1.0, 128.5, 129.0)
    assert quantiles([0] * BINS, 0, 256, [0, 1]) == (0, 256)


def test_a_rare_category_is_other_and_keeps_its_slot() -> None:
    rows = table([0] * 30, [0] * 21 + [1] * 9, [0] * 30)

    encode = encoder(SCHEMA, global_stats(SCHEMA, ALL_STAGES, all_summed([rows])))

    assert encode.names == ("x", "x?", "ward=a", "ward=b", "ward=__other__")
    np.testing.assert_array_equal(encode.encode(rows).x[[0, 29], 2:], [[1, 0, 0], [0, 0, 1]])


def test_a_category_of_two_patients_is_reported_as_none() -> None:
    rows = table([0] * 5, [0, 0, 0, 1, 1], [0] * 5)

    assert measure(SCHEMA, rows, "category").tolist() == [3, 0]


def test_stages_in_another_order_are_refused() -> None:
    with pytest.raises(ConfigError, match="count first, bin before bin2"):
        global_stats(SCHEMA, ("moment", "count"), [])


def test_equal_encoders_have_one_hash_and_another_total_another() -> None:
    rows, other = table([7, 8], [0, 0], [0, 1]), table([7, 9], [0, 0], [0, 1])
    one, two, three = (encoder(SCHEMA, global_stats(SCHEMA, STAGES, summed([r]))) for r in (rows, rows, other))

    assert one.hash == two.hash != three.hash


# ---------------------------------------------------------------- noise


@given(values, st.integers(0, 19))
@settings(max_examples=40)
def test_one_patient_moves_a_stage_by_no_more_than_its_sensitivity(x: list[float], out: int) -> None:
    rows = table(x, [i % 3 for i in range(len(x))], [i % 2 for i in range(len(x))])
    rest = rows.take(np.arange(len(x)) != out % len(x))
    totals: list[np.typing.NDArray[np.int64]] = []
    for i, stage in enumerate(ALL_STAGES):
        before = global_stats(SCHEMA, ALL_STAGES[:i], totals)
        totals.append(measure(SCHEMA, rows, stage, before, fewest=0))
        moved = (totals[-1] - measure(SCHEMA, rest, stage, before, fewest=0)) / unit(SCHEMA, stage)
        assert np.linalg.norm(moved) <= sensitivity(SCHEMA, stage) + 1e-9


def test_a_patient_counts_with_its_first_row() -> None:
    rows = Rows(table([1, 2, 3], [0] * 3, [0] * 3).features, np.zeros(3, np.int64), ("a", "b", "a"))

    assert first_rows(rows).tolist() == [True, True, False]


def test_noise_is_a_function_of_the_key_and_has_the_stated_spread() -> None:
    one = noise(SCHEMA, "bin", 5.0, b"k" * 32)

    np.testing.assert_array_equal(one, noise(SCHEMA, "bin", 5.0, b"k" * 32))
    assert (one != noise(SCHEMA, "bin", 5.0, b"l" * 32)).any()
    assert one.std() == pytest.approx(spread(SCHEMA, "bin", 5.0)[0], rel=0.2)  # 256 draws: four and a half times


def test_statistics_with_noise_stay_near_and_never_fail() -> None:
    x = np.random.default_rng(1).normal(10, 4, 3000)
    rows = table(x.tolist(), [0] * 3000, [i % 2 for i in range(3000)])
    totals: list[np.typing.NDArray[np.int64]] = []
    for i, stage in enumerate(ALL_STAGES):
        before = global_stats(SCHEMA, ALL_STAGES[:i], totals, noise=(10.0, 2))
        totals.append(measure(SCHEMA, rows, stage, before, fewest=0) + noise(SCHEMA, stage, 10.0, bytes(32)))

    stats = global_stats(SCHEMA, ALL_STAGES, totals, noise=(10.0, 2))

    assert stats is not None
    assert stats.mean["x"] == pytest.approx(10, abs=0.5)
    assert stats.std["x"] == pytest.approx(4, abs=1)
    assert stats.rare["ward"] == (1,)  # nobody was there, and noise is no patient
