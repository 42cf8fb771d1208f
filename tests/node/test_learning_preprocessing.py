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
    SCALE,
    STAGES,
    columns_of,
    encoder,
    global_stats,
    measure,
    width_of,
)

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


def test_without_sums_public_ranges_scale_to_within_one() -> None:
    rows = table([-10, 10, 99], [0, 0, 0], [0, 0, 0])

    np.testing.assert_array_equal(encoder(SCHEMA, None).encode(rows).x[:, 0], [-1, 0, 1])


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
