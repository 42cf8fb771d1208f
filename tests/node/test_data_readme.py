"""The examples of ``node/learning/data/README.md`` run, and its table of checks is the gate's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from node.learning.data.check import CHECKS
from node.learning.data.manifest import Manifest, load
from node.learning.data.source import ADAPTERS

FOLDER = Path(__file__).resolve().parents[2] / "node" / "learning" / "data"
TEXT = (FOLDER / "README.md").read_text(encoding="utf-8")


def block(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL)
    assert found
    return found[1]


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path("heart.toml").write_text(block("toml"), encoding="utf-8")
    lines = [f"p{i},{30 + i % 50},{'?' if i == 3 else 180 + i},{i % 2}" for i in range(120)]
    Path("heart.csv").write_text("pid,age,chol,ill\n" + "\n".join(lines) + "\n", encoding="utf-8")

    exec(compile(block("python"), "README.md", "exec"), {})

    assert capsys.readouterr().out.splitlines()[-1] == "120 ['age', 'chol'] 60"


def test_the_example_names_every_key_of_a_manifest_or_the_rules_do(tmp_path: Path) -> None:
    (tmp_path / "heart.toml").write_text(block("toml"), encoding="utf-8")

    assert load(tmp_path / "heart.toml").purposes == ("research",)
    assert [key for key in Manifest.model_fields if not re.search(rf"\b{key}\b", TEXT)] == []


def test_every_check_every_layout_and_every_module_is_described() -> None:
    assert [check for check in CHECKS if f"`{check}`" not in TEXT] == []
    assert [layout for layout in ADAPTERS if f"| `{layout}`" not in TEXT] == []
    modules = [path.name for path in FOLDER.glob("*.py") if path.name != "__init__.py"]
    assert [name for name in modules if f"`{name}`" not in TEXT] == []
