"""Opt-outs and odd inputs to ``landsting data``: nobody comes back by mistake, nothing is taken in silence."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.cli.data import data
from node.cli.output import Refusal
from node.datasets import Datasets
from node.errors import ConfigError
from node.home import Home
from node.learning.data.manifest import to_toml
from tests.node.data_tables import LABEL, column, write

N = 60


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two data sets of sixty patients bound."""
    Home.create(tmp_path / "vgr", "test.example", "vgr", ["tcp://127.0.0.1:1"], None)
    for name in ("clinic", "ward"):
        described(tmp_path, name)
        table(tmp_path, name)
        assert run(tmp_path / "vgr", "add", tmp_path / f"{name}.toml").exit_code == 0
    return tmp_path / "vgr"


def table(folder: Path, name: str, rows: int = N) -> None:
    values = {
        "pid": [f"p{i}" for i in range(rows)],
        "x": [i % 1000 for i in range(rows)],
        "ill": [i % 2 for i in range(rows)],
    }
    write(folder, values, f"{name}.csv")


def described(folder: Path, name: str, **more: Any) -> None:
    columns = [column("pid", "text", "ignore"), column("x"), LABEL]
    raw = {"id": name, "patient": "pid", **more, "file": [{"path": f"{name}.csv"}], "column": columns}
    (folder / f"{name}.toml").write_text(to_toml(raw))


def run(home: Path, command: str, *words: str | Path) -> Result:
    return CliRunner().invoke(data, [command, *map(str, words), "--home", str(home)], standalone_mode=False)


def listed(home: Path, *patients: str, name: str = "no.txt") -> Path:
    (home.parent / name).write_text("".join(f"{one}\n" for one in patients))
    return home.parent / name


# ---------------------------------------------------------------- opt-outs


def test_a_list_without_somebody_of_the_former_one_is_refused(home: Path) -> None:
    """The new list is everybody so far; a list of the newest alone would read the earlier ones again."""
    run(home, "exclude", "clinic", "--patients", listed(home, "p1", "p2"))

    result = run(home, "exclude", "clinic", "--patients", listed(home, "p3", name="new.txt"))

    assert isinstance(result.exception, ConfigError)
    assert "2 of 2 patients on the former list are not on new.txt" in str(result.exception)
    assert "p1" not in str(result.exception)
    assert Datasets(home).sheet("clinic")["left_out"] == ["2 rows of patients who opted out"]


def test_a_list_that_was_shortened_in_its_place_is_refused(home: Path) -> None:
    run(home, "exclude", "clinic", "--patients", listed(home, "p1", "p2"))

    result = run(home, "exclude", "clinic", "--patients", listed(home, "p1"))

    assert "1 row that was left out would be read again" in str(result.exception)
    assert Datasets(home).get("clinic").version == 2


def test_who_takes_part_again_is_read_again_where_that_is_said(home: Path) -> None:
    run(home, "exclude", "clinic", "--patients", listed(home, "p1", "p2"))

    result = run(home, "exclude", "clinic", "--patients", listed(home, "p2", name="new.txt"), "--readmit")

    assert result.exception is None
    assert Datasets(home).sheet("clinic")["left_out"] == ["1 rows of patients who opted out"]


def test_a_list_of_nobody_here_is_kept_for_later_and_said(home: Path) -> None:
    """Ids of another form match nobody; so does a list of the whole country, rightly."""
    result = run(home, "exclude", "clinic", "--patients", listed(home, "p1;p2"))

    assert "none of the 1 ids in no.txt is a patient of 'clinic'" in result.output
    assert "p1;p2" not in result.output
    assert Datasets(home).get("clinic").manifest.opt_out == str(home.parent / "no.txt")


def test_an_empty_list_is_refused(home: Path) -> None:
    assert "no.txt holds no patient" in str(run(home, "exclude", "clinic", "--patients", listed(home)).exception)


# ---------------------------------------------------------------- other odd inputs


def test_every_data_set_is_checked_where_one_has_changed(home: Path) -> None:
    table(home.parent, "clinic", 50)

    result = run(home, "check")

    assert "ward: 60 rows" in result.output
    assert "clinic: clinic.csv has changed" in result.output
    assert getattr(result.exception, "code", "") == "DATA_CHANGED"
    assert "landsting data update clinic" in str(result.exception)


def test_what_the_annex_would_miss_is_said_when_data_are_bound(home: Path) -> None:
    described(home.parent, "third", owner="Region", approval="RS 2026-1")
    table(home.parent, "third")

    result = run(home, "add", home.parent / "third.toml")

    assert "the manifest states no legal_basis: the annex will say so" in result.output


def test_a_decision_about_data_that_are_bound_is_an_update(home: Path) -> None:
    result = run(home, "add", home.parent / "clinic.toml", "--override", "range", "--ref", "RS 1")

    assert "landsting data update clinic --override" in str(result.exception)


def test_a_personal_number_is_no_diary_number(home: Path) -> None:
    result = run(home, "update", "clinic", "--override", "range", "--ref", "19701063-2391")

    assert isinstance(result.exception, Refusal)
    assert "--ref looks like a personal number" in str(result.exception)
    assert "2391" not in str(result.exception)


def test_the_list_says_whose_rows_they_are_and_how_many(home: Path) -> None:
    output = run(home, "list").output

    assert output.splitlines()[0].split()[:4] == ["name", "version", "rows", "of"]
    assert output.splitlines()[1].split()[:5] == ["clinic", "1", "60", "real", "patients"]


def test_a_terminal_sees_how_far_a_long_table_is_read(home: Path) -> None:
    """On a terminal alone: in a file or a pipe progress would be noise."""
    described(home.parent, "long")
    table(home.parent, "long", 120_000)
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "node", "data", "add", str(home.parent / "long.toml"), "--home", str(home)]
    root = Path(__file__).resolve().parents[2]

    ran = subprocess.run(words, stderr=theirs, stdout=subprocess.PIPE, timeout=120, cwd=root, check=True)

    os.close(theirs)
    assert b"120000 rows read" in os.read(ours, 65_536)
    os.close(ours)
    assert b"rows read" not in ran.stdout


def test_all_labels_are_named_when_data_are_bound(home: Path) -> None:
    columns = [column("x"), *(column(name, "boolean", "label") for name in ("a", "b"))]
    (home.parent / "two.toml").write_text(to_toml({"id": "two", "file": [{"path": "two.csv"}], "column": columns}))
    write(home.parent, {"x": range(N), "a": [i % 2 for i in range(N)], "b": [i % 3 // 2 for i in range(N)]}, "two.csv")

    assert "learns 'a' and 'b'" in run(home, "add", home.parent / "two.toml").output


def test_json_of_the_list_has_the_rows(home: Path) -> None:
    found = json.loads(CliRunner().invoke(data, ["list", "--home", str(home), "--json"]).output)

    assert [one["rows"] for one in found["data"]] == [N, N]
