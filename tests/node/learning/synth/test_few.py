"""What an exported generator's coding says of few rows: nothing that fewer than ten share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.learning.baselines import own_totals
from node.learning.preprocessing import RARE, encoder
from node.learning.synth import tables
from node.learning.synth.coding import TableCoding
from node.learning.synth.sampling import Generator, correction
from node.learning.synth.segments import segments, widened
from node.learning.trainer import Agreed, Trainer
from tests.node.learning.synth.test_coding import SCHEMA, N, coding, part, rows
from tests.node.learning.synth.test_tabgan import AGE, GAP, SMALL, ages, table

FEW = RARE - 1


def shares(found: TableCoding) -> Iterator[float]:
    """Yield every share that the exported file would hold."""
    yield from found.prior
    for one in found.parts:
        yield from one.shares or ()
        for segs in one.bins if one.shares else ():
            yield from (share for _, _, share in segs)


def gone(values: Any, n: int) -> Any:
    """Return values of which the first n are missing."""
    return np.where(np.arange(N) < n, np.nan, values)


@given(st.integers(0, 25), st.integers(0, 25), st.integers(0, 25))
@settings(max_examples=30, deadline=None)
def test_no_share_stands_for_one_to_nine_rows(missing: int, other: int, ones: int) -> None:
    """Property: a place is closed, or at least ten rows of all regions have it."""
    found = coding(
        rows(
            lab=gone(np.arange(N) % 100 / 10, missing),
            site=np.where(np.arange(N) < other, 2, 0),
            smokes=gone(np.arange(N) < N - ones, FEW),
        )
    )

    assert all(share == 0 or share * N >= RARE - 1e-6 for share in shares(found))
    for one in found.parts:
        assert one.shares is None or sum(one.shares) == pytest.approx(1)
        assert one.shares is None or one.open == tuple(share > 0 for share in one.shares)
    assert part(found, "lab").open[-1] == (missing >= RARE)
    assert part(found, "site").open[2] == (other >= RARE)
    assert part(found, "smokes").open == (ones >= RARE, True, False)


def test_what_few_rows_have_does_not_change_the_file() -> None:
    """Between 1 and 9 rows without a value of ``smokes``, its part is the same, byte for byte."""
    smokes = np.where(np.arange(N) < 150, 1, 0)

    def said(n: int) -> str:
        at = np.where((np.arange(N) < n) | ((np.arange(N) >= 150) & (np.arange(N) < 150 + n)), np.nan, smokes)
        return json.dumps(part(coding(rows(smokes=at)), "smokes").value())

    assert said(1) == said(2) == said(4)


def test_a_class_of_few_counts_as_ten() -> None:
    labels = np.where(np.arange(N) < 3, 1, 0)
    given_rows = rows()
    few = type(given_rows)(given_rows.features, labels, given_rows.patients)

    assert coding(few).prior[1] == pytest.approx(RARE / (N - 3 + RARE))


def test_regions_agree_where_only_one_has_the_few() -> None:
    whole = rows(lab=gone(np.arange(N) % 100 / 10, FEW), site=np.where(np.arange(N) < FEW, 2, 0))
    half = np.arange(N) < 120

    assert coding(whole).hash == coding(whole.take(half), whole.take(~half)).hash


def test_a_row_whose_place_is_closed_is_as_all_rows_are() -> None:
    given_rows = rows(smokes=gone(np.arange(N) % 2, FEW))
    found = coding(given_rows)
    one = part(found, "smokes")

    np.testing.assert_allclose(found.encode(given_rows)[0, one.at : one.until], one.shares, atol=1e-6)


def test_a_column_that_few_have_is_missing_everywhere() -> None:
    found = coding(rows(lab=gone(np.full(N, 5.0), N - FEW)))

    assert part(found, "lab").open == (False,) * 10 + (True,)
    x = found.encode(rows(lab=np.full(N, 5.0)))
    assert found.decode(x, np.zeros(N, np.int64))["lab"].isna().all()


@pytest.mark.parametrize("largest", [92.0, 95.0, 99.0])
def test_one_patients_extreme_does_not_move_the_outer_ends(largest: float) -> None:
    """One row alone at the top: the last segment is as wide as its neighbours, not as far as that row."""
    counts = [4] * 60 + [0] * 40
    counts[int(largest)] = 1
    without = [4] * 60 + [0] * 40

    found, same = widened(counts, 0, 100, 0, 100), widened(without, 0, 100, 0, 100)
    assert found[-1][:2] == same[-1][:2]
    assert found[0][0] == 0.0


@given(st.lists(st.integers(0, 30), min_size=64, max_size=64))
@settings(max_examples=60, deadline=None)
def test_segments_stay_in_order_and_within_the_public_range(counts: list[int]) -> None:
    """Property: only the outer ends move; an end that ten rows share stays."""
    plain, found = segments(counts, 0, 64), widened(counts, 0, 64, -10, 80)

    assert [one[2] for one in found] == [one[2] for one in plain]
    assert all(a[1] <= b[0] for a, b in pairwise(found))
    assert all(-10 <= low < high <= 80 for low, high, _ in found)
    if plain and counts[int(plain[0][0])] >= RARE:
        assert found[0][0] == plain[0][0]
    if plain and counts[int(plain[-1][1]) - 1] >= RARE:
        assert found[-1][1] == plain[-1][1]


def test_what_is_made_has_the_shares_that_the_file_says(tmp_path: Path) -> None:
    """The correction and the closed places agree: columns by themselves are as the sums, without the few."""
    given_rows = rows(
        lab=gone(np.arange(N) % 100 / 10, 90),
        site=np.arange(N) % 2,
        smokes=gone(np.where(np.arange(N) < 200, 1, 0), FEW),
    )
    found = coding(given_rows)
    shapes = tables.generator_shapes(8 + len(found.classes), 16, found.width)
    weights = tables.initial(shapes, "ema", 1)
    made = Generator(found, weights, 8, correction(weights, found, 8), "", {})
    rng = np.random.default_rng(0)
    labels = tables.drawn_labels(found.prior, 8000, rng)
    x = made.rows(labels, rng)

    assert SCHEMA.label.name == found.label
    for one in found.parts:
        np.testing.assert_allclose(x[:, one.at : one.until].mean(axis=0), np.array(one.shares), atol=0.02)
    assert not found.decode(x, labels)["smokes"].isna().any()


def test_the_exported_file_holds_nothing_of_sums_but_the_coding(tmp_path: Path) -> None:
    """Means and knots, of which the outer are near one patient's value in a small table, are not in it."""
    path = table(tmp_path / "t", ages(40, "3.7"), age=AGE, gap=GAP)
    node = Trainer(Agreed("tabvae", "1", SMALL, 1), study="ab", region="north", manifest=path)
    totals = own_totals(node, node.sums)
    node.export(node.initial(), totals, tmp_path / "m.safetensors")
    about = json.loads((tmp_path / "m.json").read_text())

    assert node.encoder(totals).knots  # the region itself knows them
    assert node.schema is not None
    assert about["encoder"] == json.loads(json.dumps(encoder(node.schema, None).value()))
    assert TableCoding.of_value(about["coding"]) == node.coding(totals)
