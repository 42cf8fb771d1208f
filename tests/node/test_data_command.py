"""``landsting data``: binding, versions, opt-outs, decisions, reports. Nothing is copied but the manifest."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from node.__main__ import main
from node.cli.data import fitting
from node.cli.output import Refusal
from node.cli.study_new import keep_columns
from node.datasets import Datasets
from node.learning.baselines import own_totals
from node.learning.data.manifest import load, parse, to_toml
from node.learning.errors import ConfigError, GateError
from node.learning.trainer import Agreed, Trainer
from tests.node.data_tables import LABEL, column, shared, write

N = 240
SECRET = "777.125"


@pytest.fixture
def home(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Path:
    """A home, and beside it ``clinic.csv`` with its manifest."""
    words = ["init", "--home", str(tmp_path / "vgr"), "--network", "test.example", "--name", "vgr"]
    assert main([*words, "--advertise", "tcp://127.0.0.1:7700"]) == 0
    table(tmp_path)
    schema(tmp_path)
    return tmp_path / "vgr"


def table(folder: Path, shift: float = 0.0, seed: int = 0, name: str = "clinic.csv") -> Path:
    rng = np.random.default_rng(seed)
    values = {
        "pid": [f"p{i}" for i in range(N)],
        "age": rng.integers(20, 80, N),
        "x": (rng.normal(shift, 1, N)).round(3),
        "ill": [i % 2 for i in range(N)],
    }
    return write(folder, values, name)


def schema(folder: Path, name: str = "clinic.toml", **changes: Any) -> Path:
    age = column("age", "integer", "quasi_identifier", range=[0, 120], band=20)
    columns = [column("pid", "text", "ignore"), age, column("x", range=[-500, 500]), LABEL]
    raw = {"id": "clinic", "patient": "pid", "approval": "RS 2026-0117", "file": [{"path": "clinic.csv"}]}
    (folder / name).write_text(to_toml({**raw, **changes, "column": changes.get("column", columns)}))
    return folder / name


def run(capfd: pytest.CaptureFixture[str], *words: str | Path, code: int = 0) -> Any:
    """Run a command with --json; return what it printed."""
    capfd.readouterr()
    assert main([*map(str, words), "--json"]) == code
    printed = capfd.readouterr()
    return json.loads(printed.out if code == 0 else printed.err)


def add(capfd: pytest.CaptureFixture[str], home: Path, *more: str | Path, code: int = 0) -> Any:
    return run(capfd, "data", "add", home.parent / "clinic.csv", "--home", home, *more, code=code)


def test_what_is_bound_has_a_sheet_and_its_secrets_are_the_regions_alone(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    [one] = add(capfd, home)["data"]

    names = {str(path.relative_to(home / "data")) for path in (home / "data").rglob("*") if path.is_file()}
    assert names == {"clinic.toml", "key", "sheets/clinic-1.json", "sheets/clinic-1.private"}
    assert all((home / "data" / name).stat().st_mode & 0o777 == 0o600 for name in names)
    assert (one["version"], one["passed"], one["anonymity"]["columns"]) == (1, True, ["age"])
    shown = run(capfd, "data", "show", "clinic", "--home", home)
    assert (shown["rows"], shown["approval"], shown["version"]) == (N, "RS 2026-0117", 1)
    assert Datasets(home).log_value("clinic")["sheet_sha256"].hex() == one["sheet"]
    assert Datasets(home).sheet_sha256("clinic") == bytes.fromhex(one["sheet"])


def test_every_version_of_a_sheet_is_in_the_log_before_it_is_bound(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sheets = [add(capfd, home)["data"][0]["sheet"]]
    add(capfd, home)  # the same again
    table(home.parent, seed=5)
    sheets.append(run(capfd, "data", "update", "clinic", "--home", home)["data"][0]["sheet"])

    capfd.readouterr()
    assert main(["log", "show", "--home", str(home), "--kind", "data.sheet", "--json"]) == 0
    entries = [json.loads(line)["entry"] for line in capfd.readouterr().out.splitlines()]

    assert [entry["body"]["sheet_sha256"].removeprefix("0x") for entry in entries] == sheets
    assert {entry["body"]["rows_bucket"] for entry in entries} == {"100-999"}
    assert entries[0]["body"]["anonymity"]["method"] == "generalised"


def test_what_cannot_be_logged_is_not_bound(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no log")

    with pytest.raises(RuntimeError, match="no log"):
        Datasets(home, record=refuse).add(home.parent / "clinic.toml", None, {})

    assert Datasets(home).all() == []
    assert Datasets(home).add(home.parent / "clinic.toml", None, {}).version == 1


def test_the_same_data_again_change_nothing(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    add(capfd, home)

    [again] = add(capfd, home)["data"]

    assert again["version"] == 1
    assert run(capfd, "data", "update", "clinic", "--home", home, code=1)["found"] == "'clinic' is as it was"


def test_another_file_under_a_taken_name_is_refused(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    add(capfd, home)
    bound = (home / "data" / "clinic.toml").read_text()
    other = table(home.parent, seed=9, name="other.csv")

    error = run(capfd, "data", "add", other, "--schema", home.parent / "clinic.toml", "--home", home, code=1)

    assert (error["code"], "is taken by" in error["found"]) == ("DATA", True)
    assert "landsting data update clinic" in error["fix"]
    assert (home / "data" / "clinic.toml").read_text() == bound


def test_a_file_that_changed_stops_until_it_is_updated(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    add(capfd, home)
    table(home.parent, seed=5)

    for words in (["data", "check"], ["data", "add", str(home.parent / "clinic.csv")]):
        assert run(capfd, *words, "--home", home, code=1)["code"] in ("DATA_CHANGED", "DATA")
    assert "clinic.csv has changed" in run(capfd, "data", "check", "--home", home, code=1)["found"]
    [one] = run(capfd, "data", "update", "clinic", "--home", home)["data"]

    assert one["version"] == 2
    assert run(capfd, "data", "check", "--home", home)["data"][0]["passed"]
    assert run(capfd, "data", "show", "clinic", "--version", "1", "--home", home)["version"] == 1


def test_a_study_that_runs_stops_at_data_that_changed_without_an_update(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    add(capfd, home)
    agreed = Agreed("classifier", "1", {"hidden": 0}, seed=1)
    trainer = Trainer(agreed, study="s", region="vgr", manifest=home / "data" / "clinic.toml")
    totals: list[np.ndarray] = []
    for stage in trainer.sums:
        totals.append(trainer.measure(stage, totals))
    vector, _ = trainer.train(0, trainer.initial(), totals)

    table(home.parent, seed=5)

    with pytest.raises(GateError, match=r"clinic.csv has changed.*landsting data update") as caught:
        trainer.train(1, vector, totals)
    assert caught.value.code == "DATA_CHANGED"
    run(capfd, "data", "update", "clinic", "--home", home)
    trainer.train(1, vector, totals)  # with the rows that it began with


@pytest.mark.parametrize(("data_update", "rows"), [("keep", N), ("next_round", N - 2)])
def test_who_opts_out_is_left_out_of_the_next_round_where_the_plan_says_so(
    home: Path, capfd: pytest.CaptureFixture[str], data_update: str, rows: int
) -> None:
    add(capfd, home)
    agreed = Agreed("classifier", "1", {"hidden": 0}, seed=1, data_update=data_update)
    trainer = Trainer(agreed, study="s", region="vgr", manifest=home / "data" / "clinic.toml")
    totals = own_totals(trainer, trainer.sums)
    vector, _ = trainer.train(2, trainer.initial(), totals)
    (home.parent / "no.txt").write_text("p3\np4\n")
    run(capfd, "data", "exclude", "clinic", "--patients", home.parent / "no.txt", "--home", home)

    trainer.train(3, vector, totals)

    assert trainer.rows is not None
    assert len(trainer.rows) == rows
    assert {"p3", "p4"} & set(trainer.rows.patients) == (set() if rows < N else {"p3", "p4"})


def test_a_version_of_another_schema_stops_a_study_that_would_take_it_up(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    add(capfd, home)
    agreed = Agreed("classifier", "1", {"hidden": 0}, seed=1, data_update="next_round")
    trainer = Trainer(agreed, study="s", region="vgr", manifest=home / "data" / "clinic.toml")
    totals = own_totals(trainer, trainer.sums)
    columns = [column("pid", "text", "ignore"), column("age", "integer", "ignore"), column("x", range=[-50, 50]), LABEL]
    other = schema(home.parent, "other.toml", column=columns)
    run(capfd, "data", "update", "clinic", "--schema", other, "--home", home)

    with pytest.raises(ConfigError, match="another schema than the plan"):
        trainer.train(2, trainer.initial(), totals)


def test_a_new_extract_is_compared_with_the_one_before(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    add(capfd, home)
    moved = table(home.parent, shift=3.0, seed=7, name="next.csv")

    [one] = run(capfd, "data", "update", "clinic", moved, "--home", home)["data"]

    assert [finding["column"] for finding in one["findings"] if finding["check"] == "drift"] == ["x"]
    assert run(capfd, "data", "list", "--home", home)["data"][0]["file"] == str(moved.resolve())


def test_a_new_extract_that_a_check_blocks_leaves_the_old_one_bound(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    add(capfd, home)
    bad = table(home.parent, shift=900.0, name="bad.csv")

    error = run(capfd, "data", "update", "clinic", bad, "--home", home, code=1)

    assert (error["code"], "column x" in error["found"]) == ("GATE", True)
    assert run(capfd, "data", "check", "--home", home)["data"][0]["version"] == 1


def test_a_manifest_is_corrected_by_an_update(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = add(capfd, home)["data"][0]["schema"]
    text = schema(home.parent).read_text().replace("[-500, 500]", "[-50, 50]")
    (home.parent / "new.toml").write_text(text)

    words: list[str | Path] = ["data", "update", "clinic", "--schema", home.parent / "new.toml", "--home", home]
    [one] = run(capfd, *words)["data"]

    assert one["version"] == 2
    assert one["schema"] != before
    capfd.readouterr()
    assert main(["data", "compare", "clinic", str(schema(home.parent, "old.toml")), "--home", str(home)]) == 1
    assert capfd.readouterr().out == "column x has another range in old.toml than at vgr\n"


def test_a_plans_columns_are_written_so_that_another_region_finds_the_one_that_differs(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The plan itself holds only the schema's hash."""
    add(capfd, home)
    written = keep_columns(home / "data" / "clinic.toml", home.parent / "plan.columns.toml")

    assert load(written).schema_().hash == load(home / "data" / "clinic.toml").schema_().hash
    assert "p1" not in written.read_text()
    assert "clinic.csv" not in written.read_text()
    assert run(capfd, "data", "compare", "clinic", written, "--home", home)["differences"] == []


def test_patients_who_opt_out_are_left_out_and_the_list_is_not_copied(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    add(capfd, home)
    (home.parent / "no.txt").write_text("p1\np2\n")

    [one] = run(capfd, "data", "exclude", "clinic", "--patients", home.parent / "no.txt", "--home", home)["data"]

    assert (one["version"], one["rows"], one["patients"]) == (2, N - 2, N - 2)
    assert one["left_out"] == ["2 rows of patients who opted out"]
    assert not [path for path in (home / "data").rglob("*") if path.is_file() and b"p1\n" in path.read_bytes()]


def test_a_decision_needs_its_diary_number_and_stays(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    columns = [column("pid", "text", "ignore"), column("city", "text", "ignore"), column("x"), LABEL]
    values = {"pid": range(N), "city": ["Lund"] * N, "x": range(N), "ill": [i % 2 for i in range(N)]}
    write(home.parent, values)
    schema(home.parent, column=columns)

    blocked = add(capfd, home, code=1)
    alone = add(capfd, home, "--override", "identifiers", code=1)
    add(capfd, home, "--override", "identifiers:city", "--ref", "RS 2026-0117")
    [again] = run(capfd, "data", "check", "--home", home)["data"]

    assert "column city: by its name it holds addresses" in blocked["found"]
    assert alone["code"] == "USAGE"
    assert [finding["decision"] for finding in again["findings"] if finding["decision"]] == ["RS 2026-0117"]
    assert [one["decision_ref"] for one in Datasets(home).log_value("clinic")["overrides"]] == ["RS 2026-0117"]


def test_small_groups_block_where_the_policy_says_so(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    schema(home.parent, k=100)
    add(capfd, home)
    (home / "policy.toml").write_text('anonymity = "block"\n')

    assert "the smallest group has" in run(capfd, "data", "check", "--home", home, code=1)["found"]


def test_a_study_for_a_purpose_that_the_manifest_does_not_name_is_refused(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    schema(home.parent, purposes=["quality", "research"])
    hashed = bytes.fromhex(add(capfd, home)["data"][0]["schema"])

    assert fitting(home, None, hashed, "quality") == "clinic"
    with pytest.raises(Refusal, match="the study is for planning, and 'clinic' may be used for quality, research"):
        fitting(home, "clinic", hashed, "planning")


# ---------------------------------------------------------------- report


class Page(HTMLParser):
    """Tags, and what they load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]


def test_the_report_of_blocked_data_is_written_and_is_one_page_without_script_or_cells(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = (home.parent / "clinic.csv").read_text().splitlines()
    text[1:6] = [line.replace(line.split(",")[2], SECRET) for line in text[1:6]]
    (home.parent / "clinic.csv").write_text("\n".join(text) + "\n")
    report = home.parent / "report.html"

    add(capfd, home, "--report", report, code=1)

    html, page = report.read_text(), Page()
    page.feed(html)
    assert "Not to be trained on: one thing holds it back." in html
    assert page.loads == []
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert not re.search(r"\bon\w+=|url\(|@import", html)
    assert SECRET not in html
    assert len(html) < 50_000


def test_names_in_a_manifest_cannot_write_into_the_page(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    evil = "<img src=x onerror=alert(1)>"
    write(home.parent, {"pid": range(N), evil: range(N), "ill": [i % 2 for i in range(N)]})
    schema(home.parent, column=[column("pid", "text", "ignore"), column(evil, unit="<b>"), LABEL])

    add(capfd, home, "--report", home.parent / "report.html")

    html, page = (home.parent / "report.html").read_text(), Page()
    page.feed(html)
    assert "img" not in page.tags
    assert "b" not in page.tags[page.tags.index("table") :]


def test_the_report_for_programs_is_the_sheet(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    add(capfd, home)
    run(capfd, "data", "check", "--home", home, "--report", home.parent / "r.json")

    [sheet] = json.loads((home.parent / "r.json").read_text())
    assert sheet["format"] == "landsting-sheet/v1"
    assert {"range", "identifiers", "k", "drift", "images", "dicom"} <= set(sheet["checks"])


def test_a_layout_is_told_from_its_files_and_its_draft_binds(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    hospital = shared("heart-disease-uci") / "processed.hungarian.data"
    written = home.parent / "heart.toml"

    run(capfd, "data", "init", hospital, "-o", written)
    [one] = run(capfd, "data", "add", written, "--home", home)["data"]

    assert (one["name"], one["rows"], one["anonymity"]["k"]) == ("heart", 294, 2)
    assert run(capfd, "data", "init", hospital, "-o", written, code=1)["code"] == "FILE"  # never overwritten


def test_the_help_shows_a_manifest_that_is_one(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    assert main(["data", "--help"]) == 0
    text = capfd.readouterr().out

    example = text[text.index('id = "heart"') : text.index("'data init FILE'")]

    lines = [line.strip() for line in example.splitlines() if line.strip()]
    pid = '[[column]]\nname = "pid"\nkind = "text"\nrole = "ignore"'
    assert parse("\n".join([*lines, pid]), Path("heart.toml")).schema_().classes == ("0", "1")


def test_a_home_of_an_older_release_without_sheets_is_read(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    add(capfd, home)
    for path in (home / "data" / "sheets").iterdir():
        path.unlink()

    [one] = run(capfd, "data", "check", "--home", home)["data"]
    table(home.parent, seed=3)

    assert one["version"] == 1
    with pytest.raises(GateError, match="has changed"):
        Datasets(home).inspect("clinic")
    assert run(capfd, "data", "update", "clinic", "--home", home)["data"][0]["version"] == 1
