"""The tables in the folder's README are what the code computes."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from topologies import LABELS, Label, Schedule, build, overview
from topologies.coalitions import attackers, exposed_to_one, least_coalition
from topologies.integers import uniform_mixing
from topologies.privacy import Lasting, fresh_share, seen_in_one_round

README = Path(__file__).parents[2] / "topologies" / "README.md"


def _rows() -> dict[str, list[str]]:
    lines = README.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| `")]
    return {row[0].strip().strip("`"): [cell.strip() for cell in row[1:]] for row in rows}


@pytest.mark.parametrize("label", [label for label in LABELS if label.example], ids=lambda label: label.form)
def test_a_row_of_the_table_is_true(label: Label) -> None:
    regions, degree, gap, rounds, away, _picture = _rows()[label.example]
    one = overview(label.example, int(regions))
    low, high = one.degree
    assert degree == (str(low) if low == high else f"{low}-{high}")
    assert gap == f"{one.gap:.3f}"
    assert rounds == str(one.rounds)
    assert away == ("cannot be masked" if one.shown else f"any {one.away}" if one.away else "none")


def test_the_examples_at_the_top_are_true() -> None:
    text = README.read_text(encoding="utf-8")
    shown = re.findall(r"^(build\(.*?\))\s+# (\[\[.*?\]\])", text, re.M)
    assert len(shown) == 2
    for call, result in shown:
        assert repr(eval(call, {"build": build})) == result
    assert round(overview("torus:3x3", 9).gap, 9) == 0.6


def _privacy_rows() -> list[list[str]]:
    lines = README.read_text(encoding="utf-8").partition("alone, masked")[2].partition("Random graphs")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| [a-z]", line)]


@pytest.mark.parametrize("row", _privacy_rows(), ids=lambda row: f"{row[0]} of {row[1]}")
def test_a_row_of_the_privacy_table_is_true(row: list[str]) -> None:
    label, n, fresh, const, masked, unmasked, r2 = row[0], int(row[1]), *row[2:]
    mixing = uniform_mixing(Schedule(n, build(label, n)))
    lasting, alone = Lasting(mixing, 2 * n), attackers(mixing)
    largest = 4 if n <= 12 else 3
    for cell, sees in ((fresh, lambda members: seen_in_one_round(mixing, members)), (const, lasting.exposes)):
        found = least_coalition(mixing, sees, max_size=largest)
        assert cell == (f"> {found.searched_to}" if found.least is None else str(found.least))
    assert float(masked) == exposed_to_one(lasting, alone)
    assert float(unmasked) == exposed_to_one(lasting, alone, clear=True)
    share = max(np.delete(fresh_share(mixing, [i], 32), i).max() for i, _ in alone)
    assert abs(float(r2) - share) <= 0.005 + 1e-9  # some are 1/8, which the last bit rounds to one side or the other


def test_the_privacy_table_has_rows() -> None:
    assert len(_privacy_rows()) == 9
