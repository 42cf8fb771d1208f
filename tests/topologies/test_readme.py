"""The table in the folder's README is what the code computes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from topologies import LABELS, Label, overview

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
    from topologies import build

    text = README.read_text(encoding="utf-8")
    shown = re.findall(r'^(build\(.*?\))\s+# (\[\[.*?\]\])', text, re.M)
    assert len(shown) == 2
    for call, result in shown:
        assert repr(eval(call, {"build": build})) == result
    assert round(overview("torus:3x3", 9).gap, 9) == 0.6
