"""What the folder's README shows runs, and says what the files hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import crypto

README = (Path(crypto.__file__).parent / "README.md").read_text(encoding="utf-8")
VECTORS = Path(__file__).parents[1] / "vectors" / "crypto"


def test_the_example_at_the_top_prints_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    example = re.findall(r"```python\n(.*?)```", README, re.S)[0]
    exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out == "[11 22 33]\n"


def test_every_module_and_vector_file_has_its_row() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", README, re.M))
    modules = {path.stem for path in Path(crypto.__file__).parent.glob("*.py")} - {"__init__"}
    assert modules | {path.stem for path in VECTORS.glob("*.json")} <= rows


def test_the_numbers_of_refused_notes_are_right() -> None:
    made = json.loads((VECTORS / "note.json").read_text(encoding="utf-8"))
    assert f"{len(made['checkpoints_refused'])} checkpoints and {len(made['refused'])} notes to refuse" in README
