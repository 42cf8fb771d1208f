"""Direct identifiers: by a column's name, by what its cells look like, never by showing one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.learning.data.check import Rules
from node.learning.data.identifiers import is_free_text, is_personal_number, luhn, named
from node.learning.data.schema import Column
from node.learning.errors import GateError
from tests.node.data_tables import column, found, sheet_of

N = 40


def with_checksum(day: date, serial: int, *, coordination: bool = False) -> str:
    """Return a personal number of ten digits for a day of birth: YYMMDDNNNC."""
    nine = f"{day:%y%m}{day.day + 60 * coordination:02d}{serial:03d}"
    return next(nine + str(last) for last in range(10) if luhn(nine + str(last)))


@pytest.mark.parametrize(
    "cell",
    [
        # Numbers that Skatteverket publishes for tests.
        pytest.param("191212121212", id="twelve digits"),
        pytest.param("121212-1212", id="with a hyphen"),
        pytest.param("121212+1212", id="a hundred years old"),
        pytest.param("19701063-2391", id="samordningsnummer, day + 60"),
        pytest.param("701063-2391", id="samordningsnummer of ten"),
    ],
)
def test_a_personal_number_is_known(cell: str) -> None:
    assert is_personal_number(cell)


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param("121212-1213", id="checksum"),
        pytest.param("121312-1211", id="month 13"),
        pytest.param("121232-1219", id="day 32"),
        pytest.param("12121212", id="too short"),
        pytest.param("221212121212", id="a century to come"),
        pytest.param("10000032", id="a number of MIMIC-IV"),
    ],
)
def test_what_is_no_personal_number_is_not_taken_for_one(cell: str) -> None:
    assert not is_personal_number(cell)


@given(st.dates(date(1900, 1, 1), date(2026, 11, 24)), st.integers(0, 999), st.booleans())
def test_every_personal_number_is_known_in_all_its_spellings(day: date, serial: int, coordination: bool) -> None:
    ten = with_checksum(day, serial, coordination=coordination)
    for cell in (ten, f"{ten[:6]}-{ten[6:]}", f"{day.year // 100}{ten}", f"{day.year // 100}{ten[:6]}-{ten[6:]}"):
        assert is_personal_number(cell)


@given(st.dates(date(1900, 1, 1), date(2026, 11, 24)), st.integers(0, 999), st.integers(0, 9), st.integers(1, 9))
def test_one_wrong_digit_is_no_personal_number(day: date, serial: int, place: int, step: int) -> None:
    ten = with_checksum(day, serial)
    wrong = ten[:place] + str((int(ten[place]) + step) % 10) + ten[place + 1 :]
    assert not luhn(wrong)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Personnummer", "personal numbers"), ("pnr", "personal numbers"), ("ssn", "personal numbers"),
        ("förnamn", "names"), ("lastName", "names"), ("patient_name", "names"), ("adress", "addresses"),
        ("hemkommun_kommun", None), ("kommun", "addresses"), ("telefonnr", "telephone numbers"), ("fax", "fax numbers"),
        ("e-post", "e-mail addresses"), ("journalnr", "record numbers"), ("MRN", "record numbers"),
        ("kontonr", "account numbers"), ("licence number", "licence numbers"), ("regnr", "vehicles"),
        ("serialNo", "devices"), ("url", "web addresses"), ("ip_address", "IP addresses"), ("dob", "dates of birth"),
        ("fingerprint", "biometrics"), ("photo", "photographs"), ("insurance_id", "health plan numbers"),
        ("drug_name", None), ("image_name", None), ("chol", None), ("age", None), ("latency", None),
    ],
)  # fmt: skip
def test_a_columns_name_says_what_it_holds(name: str, kind: str | None) -> None:
    assert named(Column(name=name, kind="text")) == kind


@pytest.mark.parametrize(
    ("cell", "check"),
    [
        pytest.param("anna.berg@example.se", "identifiers", id="mail"),
        pytest.param("https://example.se/p/17", "identifiers", id="url"),
        pytest.param("192.168.0.17", "identifiers", id="ip"),
        pytest.param("2001:db8::17", "identifiers", id="ip of six"),
        pytest.param("070-123 45 67", "identifiers", id="phone"),
        pytest.param("+46701234567", "identifiers", id="phone abroad"),
        pytest.param("123-45-6789", "identifiers", id="ssn"),
        pytest.param("ABC 12D", "identifiers", id="plate"),
        pytest.param("00:1a:2b:3c:4d:5e", "identifiers", id="mac"),
        pytest.param("Anna Berg", "identifiers", id="name"),
        pytest.param("2024-02-29", "dates", id="full date"),
        pytest.param("24/12/2025", "dates", id="full date in another order"),
        pytest.param("feels much better today than before", "free_text", id="free text"),
    ],
)
def test_cells_that_identify_block_and_are_not_shown(tmp_path: Path, cell: str, check: str) -> None:
    columns = column("x", "text", "ignore"), column("z")
    few = sheet_of(tmp_path, {"x": [cell] * 4 + ["ab"] * (N - 4), "z": range(N)}, *columns)
    one = sheet_of(tmp_path, {"x": [cell] + ["ab"] * (N - 1), "z": range(N)}, *columns)

    [blocking] = found(few, check)
    assert blocking.blocks
    assert f"4 of {N} cells" in blocking.words
    assert cell not in few.text()
    assert [finding.severity for finding in found(one, check)] == ["warn"]  # under 5 %, without a checksum


def test_one_personal_number_blocks_in_any_column_even_the_patients(tmp_path: Path) -> None:
    cells = [f"p{i}" for i in range(N - 1)] + ["19121212-1212"]
    values = {"pid": cells, "z": range(N)}
    sheet = sheet_of(tmp_path, values, column("pid", "text", "ignore"), column("z"), patient="pid")

    assert [finding.words.split(" (")[0] for finding in found(sheet, "identifiers")] == [
        f"1 of {N} cells look like Swedish personal numbers with a right checksum"
    ]


def test_the_patient_column_may_be_called_what_it_is(tmp_path: Path) -> None:
    values = {"mrn": [f"p{i}" for i in range(N)], "z": range(N)}
    sheet = sheet_of(tmp_path, values, column("mrn", "text", "ignore"), column("z"), patient="mrn")

    assert found(sheet, "identifiers") == []


def test_public_categories_are_no_free_text(tmp_path: Path) -> None:
    unit = "Medical Intensive Care Unit of the North"
    sheet = sheet_of(tmp_path, {"unit": [unit] * N}, column("unit", "category", categories=[unit, "other"]))

    assert is_free_text(unit)
    assert found(sheet, "free_text") == []


def test_a_declared_date_is_no_finding_and_may_count_days(tmp_path: Path) -> None:
    values = {"admitted": ["2024-01-01"] * N, "operated": ["2024-01-03"] * N}
    columns = column("admitted", "date", "ignore"), column("operated", "date", since="admitted", range=[0, 30])
    sheet = sheet_of(tmp_path, values, *columns)

    assert found(sheet, "dates") == []
    assert found(sheet, "range") == []
    assert sheet.columns == ("operated",)


def test_postcodes_keep_three_digits_and_ages_over_89_are_one_group(tmp_path: Path) -> None:
    values = {"postnummer": ["41345"] * N, "age": [95] * 10 + [50] * (N - 10)}
    columns = column("postnummer", "text", "ignore"), column("age", "integer", "quasi_identifier", range=[0, 120])
    sheet = sheet_of(tmp_path, values, *columns)

    assert [one.words for one in found(sheet, "identifiers")] == [f"{N} postcodes have more than 3 digits"]
    assert [one.words for one in found(sheet, "age")] == [f"10 of {N} ages are over 89 and become 90, one group"]


def test_an_age_that_nobody_has_is_out_of_range_and_not_ninety(tmp_path: Path) -> None:
    """999 means that nobody asked; it would be learned as the age of the oldest."""
    age = column("age", "integer", range=[0, 90])

    sheet = sheet_of(tmp_path, {"age": [*range(20, 88), 91, 105, 300, 999]}, age)

    [one] = found(sheet, "age")
    assert (one.count, one.of) == (2, 72)
    [outside] = found(sheet, "range")
    assert (outside.severity, outside.count) == ("block", 2)
    assert sheet.facts[0].missing == 2


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param("pnr: 19701063-2391", id="after a word"),
        pytest.param("1212121212 ring anhörig", id="before words"),
        pytest.param("(121212-1212)", id="in brackets"),
    ],
)
def test_a_personal_number_within_a_text_is_found(tmp_path: Path, cell: str) -> None:
    values = {"x": [cell, *["a"] * (N - 1)], "y": range(N)}

    [one] = found(sheet_of(tmp_path, values, column("x", "text", "ignore"), column("y")), "identifiers")

    assert (one.severity, one.count) == ("block", 1)


def test_a_personal_number_within_a_longer_number_is_none(tmp_path: Path) -> None:
    ten = [with_checksum(date(1950, 1, 1), i) for i in range(N)]
    cells = [f"{['9', '1.', '-', 'id'][i % 4]}{one}{'7' if i % 4 == 0 else ''}" for i, one in enumerate(ten)]

    sheet = sheet_of(tmp_path, {"x": cells, "y": range(N)}, column("x", "text", "ignore"), column("y"))

    assert found(sheet, "identifiers") == []


def test_a_list_of_categories_excuses_no_personal_number_and_no_address(tmp_path: Path) -> None:
    cells = ["19701063-2391", "anna@example.com"] * (N // 2)
    listed = column("x", "category", categories=["19701063-2391", "anna@example.com"])

    assert {one.words for one in found(sheet_of(tmp_path, {"x": cells}, listed), "identifiers")} == {
        "20 of 40 cells look like Swedish personal numbers with a right checksum"
        " (of ten-digit numbers made by chance 0.4 % do)",
        "20 of 40 cells look like e-mail addresses",
    }


def test_a_decision_lets_a_check_through_and_stays_in_sheet_and_log(tmp_path: Path) -> None:
    values, columns = {"city": ["Lund"] * N, "z": range(N)}, (column("city", "text", "ignore"), column("z"))
    sheet = sheet_of(tmp_path, values, *columns, rules=Rules(key=bytes(32), overrides={"identifiers:city": "RS-17"}))

    assert sheet.passed
    assert [one.decision for one in sheet.overridden] == ["RS-17"]
    assert '"decision": "RS-17"' in sheet.text()
    assert sheet.log_value(bytes(32))["overrides"] == [{"check": "identifiers", "decision_ref": "RS-17"}]


def test_a_decision_about_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GateError, match="nothing that may be overridden is called range"):
        sheet_of(tmp_path, {"z": range(N)}, column("z"), rules=Rules(overrides={"range": "RS-17"}))
