"""What an operator types into a log must name nobody."""

from __future__ import annotations

import pytest

from protocol.personal import looks_personal


@pytest.mark.parametrize(
    "given",
    [
        "19121212-1212", "191212121212", "121212-1212", "1212121212", "121212+1212", "19 121212 1212",
        "1912-12-12-1212", "12.12.12-1212", "dnr 121212-1212", "RS/20121212-1212", "pnr121212-1212x",
        "701063-2391", "19701063-2391", "7010632391", "701091-2391",
    ],
)  # fmt: skip
def test_personal_and_coordination_numbers_are_seen(given: str) -> None:
    assert looks_personal(given) == "a personal or coordination number"


@pytest.mark.parametrize("given", ["eva@region.se", "svar till eva@region.se", "a@b"])
def test_mail_addresses_are_seen(given: str) -> None:
    assert looks_personal(given) == "an e-mail address"


@pytest.mark.parametrize(
    "given",
    [
        "070-123 45 67", "0729994567", "08-123 456 78", "+46 70 123 45 67", "+46701234567", "0046701234567",
        "tel 031-12 34 56", "070 123 45 67", "+1 555 123 4567", "070.123.45.67", "08) 123 456 78",
    ],
)  # fmt: skip
def test_phone_numbers_are_seen(given: str) -> None:
    assert looks_personal(given) == "a phone number"


@pytest.mark.parametrize(
    "given",
    [
        "RS 2026-01234", "RS 2026-01234-5", "HSN 2026/0456", "LTV-2026/123", "dnr 2026:1234", "DI-2026-0345678",
        "IMY 2026-77", "DI-2026-10234", "SLL 2026-0512", "EPM 2026-01234-01", "26-0512", "A1", "vgr", "region-10",
        "RS 2026-0512 12", "landsting.example", "RSK 26/00123", "20260512", "2026-05-12", "protokoll 2026-05-12 p 7",
        "HSN 2026-1313-1234",
    ],
)  # fmt: skip
def test_diary_numbers_names_and_dates_are_let_through(given: str) -> None:
    assert looks_personal(given) is None
