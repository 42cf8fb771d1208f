"""What the gate says of values: ranges, units, swapped columns, codes for missing, outliers, drift, k, l and t."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.learning.data.check import Rules, check
from node.learning.data.fingerprint import RowHashes, commitment
from node.learning.data.groups import groups
from node.learning.data.quality import psi, quantile_knots, units
from node.learning.data.readers import Chunk
from node.learning.data.rows import Rows
from node.learning.data.schema import Column, Schema
from node.learning.data.values import violations
from node.learning.errors import GateError
from protocol.kinds import KINDS
from tests.node.data_tables import LABEL, column, found, manifest, sheet_of

N = 400


def drawn(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ---------------------------------------------------------------- ranges


def test_one_percent_out_of_range_warns_and_more_blocks(tmp_path: Path) -> None:
    inside = list(drawn().uniform(0, 10, N - 8).round(2))
    x = column("x", range=[0, 10])

    few = sheet_of(tmp_path, {"x": [99, 98, 97, 96, *inside, *inside[:4]]}, x)
    many = sheet_of(tmp_path, {"x": [99, 98, 97, 96, 95, *inside[:-1], *inside[:4]]}, x)

    assert [(one.severity, one.count) for one in found(few, "range")] == [("warn", 4)]
    assert [(one.severity, one.count) for one in found(many, "range")] == [("block", 5)]
    assert few.facts[0].missing == 4  # they become missing


def test_values_out_of_range_that_are_all_one_are_said_to_be_a_code(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, {"chol": [0] * 20 + list(range(200, 200 + N - 20))}, column("chol", range=[50, 700]))

    [one] = found(sheet, "range")
    assert one.words == "20 of 400 values lie outside its range, all the same one"
    assert "list it in `missing`" in one.fix


def test_swapped_columns_are_named(tmp_path: Path) -> None:
    rng = drawn()
    values = {"systolic": rng.normal(75, 5, N).round(), "diastolic": rng.normal(135, 10, N).round()}
    columns = column("systolic", range=[95, 260]), column("diastolic", range=[40, 94])

    [one] = found(sheet_of(tmp_path, values, *columns), "swapped")

    assert one.blocks
    assert one.sentence.startswith("column systolic: looks swapped with column diastolic")


def test_a_column_out_of_range_is_told_which_one_it_may_have_been_taken_for(tmp_path: Path) -> None:
    """Cholesterol under the name of a blood pressure breaks its range; the pressure under the other's does not."""
    rng = drawn()
    values = {"chol": rng.normal(130, 12, N).round(), "sbp": rng.normal(220, 30, N).round(), "age": [60] * N}
    columns = column("chol", range=[50, 700]), column("sbp", range=[70, 230]), column("age", range=[0, 110])

    [one] = found(sheet_of(tmp_path, values, *columns), "swapped")

    assert one.sentence.startswith("column sbp: may have been swapped with column chol")
    assert not one.blocks  # the range does


PRESSURES = [
    column("sbp", range=[60, 260], unit="mmHg"), column("dbp", range=[30, 140], unit="mmHg"),
    column("pulse", range=[30, 220], unit="/min"), column("age", range=[0, 110], unit="a"),
]  # fmt: skip


def pressures() -> dict[str, object]:
    """Return blood pressures under each other's name, beside a pulse and an age that fit their ranges as well."""
    rng = drawn()
    return {
        "sbp": rng.normal(78, 5, N).round(), "dbp": rng.normal(134, 14, N).round(),
        "pulse": rng.normal(75, 6, N).round(), "age": rng.normal(60, 6, N).round(),
    }  # fmt: skip


def test_of_several_columns_that_it_may_have_been_swapped_with_that_of_its_unit_is_named(tmp_path: Path) -> None:
    """Wide ranges: only the diastolic one is broken, and a pulse fits as well as the other pressure."""
    [one] = found(sheet_of(tmp_path, pressures(), *PRESSURES), "swapped")

    assert one.sentence.startswith("column dbp: may have been swapped with column sbp: each one's values fit")


def test_of_several_columns_without_a_unit_all_are_named(tmp_path: Path) -> None:
    unitless = [column(str(one["name"]), range=one["range"]) for one in PRESSURES]

    [one] = found(sheet_of(tmp_path, pressures(), *unitless), "swapped")

    assert one.sentence.startswith("column dbp: may have been swapped with column sbp or pulse: each one's values fit")


def test_cells_that_are_mostly_of_another_kind_are_another_columns(tmp_path: Path) -> None:
    [one] = found(sheet_of(tmp_path, {"x": ["f", "m"] * (N // 2)}, column("x")), "type")

    assert one.fix.startswith("Check that the header's names stand over their own columns")


@given(st.lists(st.floats(-5, 15) | st.just(math.nan), min_size=1, max_size=30))
@settings(max_examples=25, deadline=None)
def test_pandera_counts_what_a_plain_loop_counts(values: list[float]) -> None:
    schema = Schema("s", (Column(name="x", kind="number", range=(0, 10)),))

    counts = violations(schema, {"x": np.array(values)})

    assert counts["x", "range"] == sum(not 0 <= v <= 10 for v in values if not math.isnan(v))
    assert counts["x", "missing"] == sum(math.isnan(v) for v in values)


# ---------------------------------------------------------------- units


@pytest.mark.parametrize(
    ("unit", "values", "factor", "offset", "share", "word"),
    [
        pytest.param("kg", drawn().normal(75, 12, 1000), 2.20462, 0, 0.1, "lb", id="pounds"),
        pytest.param("°C", drawn().normal(37, 0.7, 1000), 1.8, 32, 0.03, "°F", id="fahrenheit"),
        pytest.param("mg/dL", drawn().normal(220, 45, 1000), 1 / 38.67, 0, 0.05, "mmol/L", id="cholesterol"),
        pytest.param("g/dL", drawn().normal(13.5, 1.8, 1000), 10, 0, 0.03, "g/L", id="haemoglobin"),
        pytest.param("kg", drawn().normal(75, 12, 1000), 2.20462, 0, 0.6, "lb", id="most are in the other unit"),
        pytest.param("beats", drawn().normal(75, 9, 1000), 10, 0, 0.03, "ten times", id="a slipped point"),
    ],
)
def test_mixed_units_block(
    unit: str, values: np.ndarray, factor: float, offset: float, share: float, word: str
) -> None:
    other = drawn(1).random(len(values)) < share
    mixed = np.where(other, values * factor + offset, values)

    [one] = units(Column(name="x", kind="number", unit=unit, range=(0, 1e4)), mixed)

    assert one.blocks
    assert word in one.words
    assert abs(one.count - min(other.sum(), (~other).sum())) <= 0.2 * min(other.sum(), (~other).sum())


@pytest.mark.parametrize("unit", ["mg/dL", "mmol/L", "kg", "K/µL"])
@pytest.mark.parametrize("seed", range(5))
def test_skewed_values_of_one_unit_do_not_block(unit: str, seed: int) -> None:
    for values in (drawn(seed).lognormal(0.5, 0.6, 1000), np.exp(0.4 * drawn(seed).standard_t(4, 1000))):
        found = units(Column(name="x", kind="number", unit=unit, range=(0, 1e4)), values)
        assert not any(one.blocks for one in found)


# ---------------------------------------------------------------- missing, outliers, label, duplicates


def test_what_is_odd_about_a_column_is_a_warning(tmp_path: Path) -> None:
    rng = drawn()
    values = {
        "half": ["" if i % 2 else i for i in range(N)],
        "same": [7] * N,
        "code": [-9] * 20 + list(rng.normal(50, 5, N - 20).round(3)),
        "tail": [900, *rng.normal(50, 5, N - 1).round(3)],
    }
    columns = [column("half", missing=[""]), column("same"), column("code"), column("tail")]

    sheet = sheet_of(tmp_path, values, *columns)

    assert sheet.passed
    assert [(one.check, one.column) for one in sheet.warnings if one.check != "outliers"] == [
        ("missing", "half"), ("constant", "same"), ("missing", "code"),
    ]  # fmt: skip
    assert [one.column for one in found(sheet, "outliers")] == ["code", "tail"]
    assert "one number apart from all others" in found(sheet, "missing")[1].words


def test_labels_missing_in_one_region_block(tmp_path: Path) -> None:
    rows = [f"{i},{'' if i < 30 else i % 2}" for i in range(N)]
    (tmp_path / "clinic.csv").write_text("\n".join(["x,ill", *rows]) + "\n")

    with pytest.raises(GateError, match=r"column ill: the label is missing in 30 rows \(first in line 2\)"):
        check(manifest(column("x"), LABEL), tmp_path)


def test_equal_rows_are_counted(tmp_path: Path) -> None:
    [one] = found(sheet_of(tmp_path, {"x": [0, 1] * (N // 2)}, column("x")), "duplicates")

    assert one.words == f"{N - 2} of {N} rows are the same as an earlier one"


# ---------------------------------------------------------------- drift


def test_psi_by_hand() -> None:
    knots = [float(i) for i in range(1, 10)]
    same, moved = np.arange(0.5, 10), np.full(10, 0.5)

    assert psi(same, knots) == pytest.approx(0)
    # All in the first bin: (1 - .1) ln 10 and nine times (0 - .1) ln .001, each share with 1e-4 added.
    expected = (1 - 0.1) * math.log(1.0001 / 0.1001) + 9 * (0 - 0.1) * math.log(0.0001 / 0.1001)
    assert psi(moved, knots) == pytest.approx(expected)


def test_an_extract_that_moved_is_said_and_holds_nothing_back(tmp_path: Path) -> None:
    rng = drawn()
    knots = {"x": quantile_knots(rng.normal(0, 1, 1000))}
    x = column("x")

    still = sheet_of(tmp_path, {"x": rng.normal(0, 1, N)}, x, rules=Rules(knots=knots))
    moved = sheet_of(tmp_path, {"x": rng.normal(1, 1, N)}, x, rules=Rules(knots=knots))

    assert found(still, "drift") == []
    assert [one.severity for one in found(moved, "drift")] == ["warn"]


# ---------------------------------------------------------------- k, l, t


def rows_of(age: list[float], label: list[int], patients: list[str] | None = None) -> Rows:
    ids = tuple(patients or [f"p{i}" for i in range(len(age))])
    return Rows({"age": np.array(age)}, np.array(label, np.int64), ids)


AGE = Column(name="age", kind="number", role="quasi_identifier", range=(0, 100), band=10)
SCHEMA = Schema("s", (AGE, Column(name="ill", kind="category", role="label", categories=("0", "1"))))


def test_k_l_and_t_of_six_patients_by_hand() -> None:
    # Bands: 30s have three patients (labels 0 0 1), 40s have two (1 1), 50s one (0). Of all labels half are 1.
    found = groups(SCHEMA, rows_of([31, 35, 39, 40, 49, 50], [0, 0, 1, 1, 1, 0]), {})

    assert found is not None
    assert (found.patients, found.k, found.l) == (6, 1, 1)
    assert found.t == pytest.approx(0.5)
    assert found.alone == pytest.approx(1 / 6)


def test_groups_count_patients_and_not_rows() -> None:
    found = groups(SCHEMA, rows_of([31, 31, 31, 45], [0, 1, 0, 1], ["a", "a", "b", "c"]), {})

    assert found is not None
    assert (found.patients, found.k) == (3, 1)


def test_a_missing_value_is_a_group_of_its_own() -> None:
    found = groups(SCHEMA, rows_of([math.nan, math.nan, 31], [0, 1, 1]), {})

    assert found is not None
    assert found.k == 1
    assert found.alone == pytest.approx(1 / 3)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40))
def test_k_is_the_least_count(bands: list[int]) -> None:
    found = groups(SCHEMA, rows_of([10 * band + 5 for band in bands], [0] * len(bands)), {})

    assert found is not None
    assert found.k == min(bands.count(band) for band in bands)


def test_small_groups_block_only_where_the_policy_says_so(tmp_path: Path) -> None:
    values = {"age": [30] * (N - 1) + [88], "x": range(N)}
    columns = column("age", "integer", "quasi_identifier", range=[0, 120]), column("x")

    shown = sheet_of(tmp_path, values, *columns)
    strict = sheet_of(tmp_path, values, *columns, rules=Rules(k_blocks=True))

    assert (shown.passed, [one.check for one in shown.warnings]) == (True, ["k"])
    assert [one.check for one in strict.blocking] == ["k"]


# ---------------------------------------------------------------- sheet, fingerprint, log


def test_the_logs_entry_is_one_that_the_protocol_takes(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, {"x": range(N)}, column("x"), rules=Rules(key=b"k" * 32))

    body = sheet.log_value(b"s" * 32)

    assert KINDS["data.sheet"].schema(body) is None
    assert body["rows_bucket"] == "100-999"
    assert body["fingerprint"] == commitment(sheet.fingerprint, b"s" * 32)
    assert str(N) not in str({key: value for key, value in body.items() if not isinstance(value, bytes)})


@given(st.permutations(range(5)))
@settings(max_examples=20)
def test_the_fingerprint_knows_rows_and_not_their_order(order: list[int]) -> None:
    def root(rows: list[int], key: bytes = bytes(32)) -> bytes:
        hashes = RowHashes(["x"], key)
        hashes.take(Chunk(1, {"x": [str(i) for i in rows]}), ["p"] * len(rows))
        return hashes.root()

    assert root(order) == root([0, 1, 2, 3, 4])
    assert root([*order[:-1], 9]) != root(order)
    assert root(order, b"k" * 32) != root(order)  # nobody without the key can try rows out


def test_no_sheet_holds_a_cell(tmp_path: Path) -> None:
    secret = "777.125"
    values = {"x": [secret, *range(N - 1)], "note": ["qqzzyy"] * N}
    sheet = sheet_of(tmp_path, values, column("x", range=[0, 500]), column("note", "text", "ignore"))

    assert secret not in sheet.text()
    assert "qqzzyy" not in sheet.text()


def test_a_region_without_any_label_is_told_so_and_no_decision_lets_it_through(tmp_path: Path) -> None:
    (tmp_path / "clinic.csv").write_text("\n".join(["x,ill", *(f"{i}," for i in range(N))]) + "\n")

    with pytest.raises(GateError, match=f"the label is missing in all {N} rows.*takes no part"):
        check(manifest(column("x"), LABEL), tmp_path)
    with pytest.raises(GateError, match="nothing that may be overridden is called label"):
        check(manifest(column("x"), LABEL), tmp_path, Rules(overrides={"label": "D 1"}))
