"""The privacy ledger under others' hands: two that write it, one that cuts it, lines that would give back."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from node.learning import BudgetError, ConfigError
from node.learning.ledger import Ledger, Line
from node.learning.privacy import Terms

TERMS = Terms(eps_max_u=3_000_000, delta_u12=10**9, clip_u=1_000_000, q_u=200_000, sigma_u=2_490_000)


def line(round: int, study: str = "ab") -> Line:
    return Line(study, round, "base", "data", TERMS.q_u, TERMS.sigma_u, 5, TERMS.delta_u12)


def test_two_studies_that_are_open_at_once_see_what_the_other_has_paid(tmp_path: Path) -> None:
    one, other = Ledger(tmp_path / "ledger"), Ledger(tmp_path / "ledger")
    one.charge(line(0), TERMS)

    with pytest.raises(BudgetError, match="the budget of the region"):
        other.charge(line(0, "other"), TERMS, budget_u=700_000)

    other.charge(line(0, "other"), TERMS, budget_u=900_000)
    one.charge(line(1), TERMS)
    assert Ledger(tmp_path / "ledger").lines == [line(0), line(0, "other"), line(1)]


@pytest.mark.parametrize("left", [None, 0, 1], ids=["deleted", "emptied", "put back"])
def test_a_ledger_that_is_cut_while_it_is_open_pays_for_nothing(left: int | None, tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    ledger = Ledger(path)
    ledger.charge(line(0), TERMS)
    ledger.charge(line(1), TERMS)
    kept = path.read_bytes().splitlines(keepends=True)[: left or 0]
    path.unlink()
    if left is not None:
        path.write_bytes(b"".join(kept))

    for _ in range(2):
        with pytest.raises(ConfigError, match="was cut or put back while it was open; expected the 2 lines"):
            ledger.charge(line(2), TERMS)
    assert not path.exists() or path.read_bytes() == b"".join(kept)


def test_a_ledger_whose_lines_are_others_pays_for_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger")
    ledger.charge(line(0), TERMS)
    (tmp_path / "ledger").unlink()
    for round in range(3):
        Ledger(tmp_path / "ledger").charge(line(round, "other"), TERMS)

    with pytest.raises(ConfigError, match="was cut or put back"):
        ledger.charge(line(1), TERMS)


@pytest.mark.parametrize(
    "change",
    [{"steps": -5}, {"steps": 0.5}, {"q_u": True}, {"delta_u12": -1}, {"study": 7}, {"sigma_u": "2490000"}],
    ids=lambda change: next(iter(change)),
)
def test_a_line_that_would_give_back_is_damage(change: dict[str, object], tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_text(json.dumps(asdict(line(0)) | change) + "\n")

    with pytest.raises(ConfigError, match=r"line 1 of the privacy ledger .* is damaged"):
        Ledger(path)
