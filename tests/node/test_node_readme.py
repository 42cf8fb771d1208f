"""What node/README.md says, held to the code."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

import node.links.listener
import node.links.transfer
from node import config
from node.config import Limits, Links, read_config
from node.home import FOLDERS

FOLDER = Path(node.__file__).parent
TEXT = (FOLDER / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(block("python"), "README.md", "exec"), {})
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("landsting-card/v1 ")
    assert out[1] == "1"


def test_the_settings_are_all_there_and_are_read(tmp_path: Path) -> None:
    text = block("toml")
    (tmp_path / "home.toml").write_text(text)
    found = read_config(tmp_path / "home.toml")
    assert found.limits == Limits()
    shown = tomllib.loads(text)
    assert set(shown["links"]) == {one.name for one in fields(Links)}
    assert set(shown["limits"]) == {one.name for one in fields(Limits)}
    assert set(shown) == set(config._TOP)


def test_every_module_has_its_story() -> None:
    story = TEXT[TEXT.index("| module |") : TEXT.index("## Three regions")]
    rooms = [FOLDER, *(FOLDER / room for room in ("links", "store", "pages", "tamper"))]
    modules = {path.stem for room in rooms for path in room.glob("*.py")} - {"__init__", "__main__", "errors"}
    assert {one for one in modules if f"`{one}`" not in story} == set()


def test_every_folder_of_a_home_is_described() -> None:
    named = TEXT[TEXT.index("| in the home |") : TEXT.index("`home.toml`, with")]
    assert [one for one in FOLDERS if f"`{one}/" not in named] == []


def test_sizes_are_those_of_the_code() -> None:
    assert f"1 to {node.links.transfer.MAX_HEADER} bytes" in TEXT
    assert node.links.transfer.CHUNK == 2 * 2**20
    assert node.links.transfer.MAX_CHUNK == 4 * 2**20
    assert f"for which {node.links.transfer.MAX_QUEUED} messages wait" in TEXT
