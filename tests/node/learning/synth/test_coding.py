"""A table's coding: what follows from the schema, what from sums, and that rows come back."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.learning.data.rows import Rows
from node.learning.data.schema import Column, Schema
from node.learning.preprocessing import RARE, global_stats, measure
from node.learning.synth.coding import BINS, SUMS, TableCoding
from node.learning.synth.figures import SHEET_ROWS, sheet
from node.learning.synth.segments import segments
from node.learning.synth.tables import generator_shapes, initial

COLUMNS = (
    Column(name="age", kind="integer", range=(0, 100)),
    Column(name="lab", kind="number", range=(0, 10), decimals=1, missing=("",)),
    Column(name="stay", kind="date", range=(0, 365), since="admitted"),
    Column(name="site", kind="category", categories=("a", "b", "c")),
    Column(name="smokes", kind="boolean", missing=("?",)),
    Column(name="ill", kind="category", role="label", categories=("no", "yes")),
)
SCHEMA = Schema("t", COLUMNS)
N = 300


def rows(n: int = N, seed: int = 0, **changed: Any) -> Rows:
    """Return typed rows; ``changed`` columns take the place of drawn ones."""
    rng = np.random.default_rng(seed)
    features = {
        "age": np.round(rng.normal(60, 15, n).clip(0, 100)),
        "lab": np.where(rng.random(n) < 0.2, np.nan, np.round(rng.exponential(2, n).clip(0, 10), 1)),
        "stay": np.round(rng.integers(0, 40, n)),
        "site": rng.integers(0, 2, n),
        "smokes": rng.integers(0, 2, n),
    }
    features = {name: np.asarray(value, np.float64) for name, value in (features | changed).items()}
    return Rows(features, rng.integers(0, 2, n).astype(np.int64), tuple(map(str, range(n))))


def coding(*regions: Rows) -> TableCoding:
    """Return the coding that regions agree on."""
    totals: list[Any] = []
    for i, stage in enumerate(SUMS):
        before = global_stats(SCHEMA, SUMS[:i], totals)
        totals.append(np.sum([measure(SCHEMA, one, stage, before) for one in regions], axis=0))
    return TableCoding.of(SCHEMA, global_stats(SCHEMA, SUMS, totals))


def part(found: TableCoding, name: str) -> Any:
    return next(one for one in found.parts if one.name == name)


def test_the_width_follows_from_the_schema_alone() -> None:
    bare, summed = TableCoding.of(SCHEMA, None), coding(rows())

    # 10 bins and a place each; missing at lab; three sites and the rest; no, yes and missing of smokes
    assert bare.width == summed.width == 11 + 12 + 11 + 4 + 3
    assert [one.at for one in bare.parts] == [one.at for one in summed.parts]
    assert bare.prior == (0.5, 0.5)


def test_how_rows_are_split_over_regions_changes_no_byte() -> None:
    whole = rows()
    half = np.arange(N) < 120

    assert coding(whole).hash == coding(whole.take(half), whole.take(~half)).hash


def test_the_coding_travels_as_json() -> None:
    import json

    found = coding(rows())
    assert TableCoding.of_value(json.loads(json.dumps(found.value()))) == found


def test_rows_come_back_as_they_were() -> None:
    given_rows = rows()
    found = coding(given_rows)
    frame = found.decode(found.encode(given_rows), given_rows.label)

    assert list(frame.columns) == [column.name for column in COLUMNS]
    assert (frame["site"] == np.array(["a", "b"])[given_rows.features["site"].astype(int)]).all()
    assert (frame["smokes"] == given_rows.features["smokes"]).all()
    assert (frame["ill"] == np.array(["no", "yes"])[given_rows.label]).all()
    assert (frame["lab"].isna() == np.isnan(given_rows.features["lab"])).all()
    assert frame["age"].dtype == frame["stay"].dtype == np.int64
    # Clipped at the .005 and .995 quantiles, a number is back to within a fine bin and a rounding.
    for name, most in (("age", 1.0), ("lab", 0.2), ("stay", 1.0)):
        off = np.abs(frame[name].to_numpy(float) - given_rows.features[name])
        assert np.nanquantile(off, 0.95) <= most


def test_bins_hold_equal_shares_as_far_as_equal_values_allow() -> None:
    found = part(coding(rows(2000, age=np.random.default_rng(1).uniform(0, 100, 2000))), "age")
    np.testing.assert_allclose(found.shares, [0.1] * BINS, atol=0.02)

    heavy = part(coding(rows(lab=np.where(np.arange(N) < 200, 0.0, 5.0 + np.arange(N) % 40 / 10))), "lab")
    assert max(heavy.shares) == pytest.approx(2 / 3)
    assert not all(heavy.open[:BINS])  # the bins that it fills alone are closed


def test_rare_categories_and_places_that_nobody_uses_are_closed() -> None:
    site = np.where(np.arange(N) < RARE - 1, 2, np.where(np.arange(N) < 2 * (RARE - 1), 1, 0))
    found = part(coding(rows(site=site)), "site")

    assert found.open == (True, False, False, True)
    x = coding(rows(site=site)).encode(rows(site=site))
    assert x[0, found.at + 3] == 1  # of the nine at c, beside nine at b: the rest


def test_a_constant_is_decoded_as_itself() -> None:
    constant = rows(lab=np.full(N, 3.7), age=np.full(N, 41.0))
    found = coding(constant)
    frame = found.decode(found.encode(constant), constant.label)

    assert set(frame["lab"]) == {3.7}
    assert set(frame["age"]) == {41}


def test_all_missing_is_made_as_missing() -> None:
    nothing = rows(lab=np.full(N, np.nan))
    found = coding(nothing)

    assert part(found, "lab").open[-1]
    assert found.decode(found.encode(nothing), nothing.label)["lab"].isna().all()


def test_a_sheet_of_made_rows_shows_missing_values_of_every_kind() -> None:
    nothing = rows(lab=np.full(N, np.nan), smokes=np.full(N, np.nan))
    found = coding(nothing)
    generator = initial(generator_shapes(4 + len(found.classes), 8, found.width), "G", 0)

    assert sheet(generator, found, noise=4).count(b'<span class="none">') > SHEET_ROWS  # every lab, and some of smokes


def test_what_is_missing_without_a_place_for_it_is_as_all_rows_are() -> None:
    some = rows()
    found, age = coding(some), part(coding(some), "age")
    x = found.encode(rows(age=np.full(N, np.nan)))

    np.testing.assert_allclose(x[0, age.at : age.until], age.shares, atol=1e-6)


@given(st.lists(st.integers(0, 30), min_size=256, max_size=256))
@settings(max_examples=60, deadline=None)
def test_no_segment_tells_fewer_than_ten_rows_apart(counts: list[int]) -> None:
    """Property: pieces cover all rows, rise, do not overlap, and each has ten rows where there are ten."""
    found = segments(counts, 0.0, 256.0)
    total = sum(counts)

    assert sum(share for _, _, share in found) == pytest.approx(1 if total else 0)
    assert all(low < high for low, high, _ in found)
    assert all(a[1] <= b[0] for a, b in pairwise(found))
    assert all(share * total >= min(RARE, total) - 1e-6 for _, _, share in found)


@given(st.floats(0, 100), st.floats(0, 10))
@settings(max_examples=50, deadline=None)
def test_any_number_in_the_range_has_one_bin_and_a_place(age: float, lab: float) -> None:
    one = rows(age=np.full(N, age), lab=np.full(N, lab))
    found = coding(rows())
    x = found.encode(one)

    for name in ("age", "lab"):
        at = part(found, name)
        assert x[0, at.at : at.until].sum() == 1
        assert np.asarray(at.open)[x[0, at.at : at.until].argmax()]
        assert -1 <= x[0, at.offset] <= 1
