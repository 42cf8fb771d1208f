"""A file and its card: judged on own rows each time, and nothing signed or written that does not pass."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gossip.exchange.mixing import model_hash
from node import release
from node.__main__ import main
from node.cli import asking
from node.cli.output import Refusal
from node.learning.data.manifest import to_toml
from node.learning.synth.measure.gate import Circumstances, Figure, Report, Thresholds, judge
from node.synthetic import Origin, data_sha256
from protocol.release import THRESHOLDS, failing
from tests.protocol.test_release import GOOD, plan

STUDY, MODEL = "51" * 32, "77" * 32
ROWS = "age,ill,__synthetic\n40,1,1\n51,0,1\n"


def made(folder: Path, *, rows: str = ROWS, study: str = STUDY, **changes: Any) -> Path:
    """Synthetic rows and their manifest, as ``synth generate`` writes them."""
    file = folder / "s.csv"
    file.write_text(rows, encoding="utf-8")
    raw: dict[str, Any] = {
        "id": "s-synthetic", "source_system": Origin(study, MODEL, 1, 2).text(), "synthetic": True,
        "file": [{"path": "s.csv", "sha256": data_sha256(file)}],
        "column": [
            {"name": "age", "kind": "number", "role": "feature", "range": [0, 120]},
            {"name": "ill", "kind": "category", "role": "label", "categories": ["0", "1"]},
        ],
    }  # fmt: skip
    (folder / "s.toml").write_text(to_toml(raw | changes), encoding="utf-8")
    return file


# ---------------------------------------------------------------- file and card


def test_data_and_their_card_are_known_by_their_bytes(tmp_path: Path) -> None:
    file = made(tmp_path)
    one = release.candidate_data(file)
    assert (one.what, one.study, one.model, one.size) == ("data", STUDY, MODEL, len(ROWS))
    assert one.file_sha256.hex() == data_sha256(file)
    assert one.card_sha256 != one.file_sha256


@pytest.mark.attack("L27")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda f: f.write_text(ROWS + "1,1,1\n"), "is not the file that", id="a row more"),
        pytest.param(lambda f: f.with_suffix(".toml").unlink(), "s.toml is not there", id="no card"),
        pytest.param(lambda f: made(f.parent, source_system="a hospital"), "which study's generator", id="no origin"),
        pytest.param(lambda f: made(f.parent, synthetic=False), "which study's generator", id="called real"),
        pytest.param(lambda f: made(f.parent, study=""), "which study's generator", id="of no study"),
        pytest.param(
            lambda f: made(f.parent, file=[{"path": "t.csv", "sha256": data_sha256(f)}]),
            "is not the file that", id="a card that names another file",
        ),
        pytest.param(lambda f: made(f.parent, file=[]), "is not the file that", id="a card that names none"),
    ],
)  # fmt: skip
def test_a_card_of_something_else_is_refused(tmp_path: Path, change: Any, words: str) -> None:
    file = made(tmp_path)
    change(file)
    with pytest.raises(Refusal, match=words):
        release.candidate_data(file)


def test_the_card_lies_beside_the_data(tmp_path: Path) -> None:
    file = made(tmp_path)
    other = file.with_suffix(".toml").rename(tmp_path / "card.toml")
    with pytest.raises(Refusal, match="lies in"):
        release.candidate_data(file, other) if made(tmp_path) else None
    assert release.candidate_data(file, file.with_suffix(".toml")).card == file.with_suffix(".toml")


def test_a_model_and_its_description(tmp_path: Path) -> None:
    file = tmp_path / "m.safetensors"
    file.write_bytes(b"weights")
    with pytest.raises(Refusal, match="is not there"):
        release.candidate_model(file)
    file.with_suffix(".json").write_text(json.dumps({"study": STUDY}), encoding="utf-8")
    one = release.candidate_model(file)
    assert (one.what, one.study, one.model) == ("model", STUDY, one.file_sha256.hex())
    file.with_suffix(".json").write_text("[]", encoding="utf-8")
    with pytest.raises(Refusal, match="does not say of which study"):
        release.candidate_model(file)


# ---------------------------------------------------------------- figures


def report(**changes: Figure) -> Report:
    figures = {
        "shapes": Figure(0.884, against=0.961), "pairs": Figure(0.843), "tstr_auroc": Figure(0.852, against=0.881),
        "exact_copies": Figure(0.0), "dcr_share": Figure(0.531, upper=0.57), "mia_distance": Figure(0.492),
        "mia_discriminator": Figure(0.543), "rare": Figure(0.0),
    }  # fmt: skip
    tests = judge(figures | changes, Thresholds(), Circumstances())
    return Report(STUDY, MODEL, "0" * 64, "0" * 64, "vgr", "table", 1, 486, tests)


def test_a_report_becomes_figures_of_what_is_asked() -> None:
    found = release.figures_of(report())
    assert found == GOOD
    assert "mia_discriminator" not in found  # private here, so nothing is asked of it


def test_report_and_entry_agree_on_every_default() -> None:
    asked = Thresholds()
    for name, value in THRESHOLDS.items():
        stated = getattr(asked, name)
        assert value == (None if stated is None else round(stated * 1_000_000)), name


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"shapes": Figure(0.86, against=0.98)},
        {"shapes": Figure(0.86, against=0.9801)},
        {"shapes": Figure(0.8599, against=0.9)},
        {"pairs": Figure(0.7799)},
        {"tstr_auroc": Figure(0.831, against=0.881)},
        {"tstr_auroc": Figure(0.8309, against=0.881)},
        {"tstr_auroc": Figure(None, against=0.881)},
        {"dcr_share": Figure(0.55, upper=0.601)},
        {"dcr_share": Figure(0.551)},
        {"mia_distance": Figure(0.5501)},
        {"exact_copies": Figure(1.0)},
        {"rare": Figure(2.0)},
    ],
    ids=str,
)
def test_the_gate_and_the_log_pass_and_fail_the_same_reports(changes: dict[str, Figure]) -> None:
    found = report(**changes)
    assert (failing(plan(), "data", release.figures_of(found)) is None) is found.passed


# ---------------------------------------------------------------- signing and releasing


class Node:
    """What a node would answer; keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.released: dict[str, int] = {}
        self.signed = ["skane", "vgr"]
        self.waits = False

    def __call__(self, _home: Path, op: str, args: dict[str, Any], *_: Any) -> dict[str, Any]:
        self.asked.append((op, args))
        match op:
            case "study":
                return {"plan": plan().encode().hex()}
            case "releases":
                return {"releases": [self._row()] if self.released or self.waits else []}
            case "release":
                self.released["vgr"] = 41
        return self._row()

    def _row(self) -> dict[str, Any]:
        one = self.args
        return {
            "study": STUDY, "kind": one.what, "file_sha256": one.file_sha256.hex(),
            "card_sha256": one.card_sha256.hex(), "signed": self.signed, "needed": 2, "released": self.released,
            "unsigned": ["halland", "skane"],
            "roles_needed": ["technical"], "approved_here": ["technical"], "state": "signed here", "offered": [],
        }  # fmt: skip

    args: release.Candidate


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Node:
    (tmp_path / "in").mkdir()
    found = Node()
    found.args = release.candidate_data(made(tmp_path / "in"))
    monkeypatch.setattr(asking, "ask", found)
    monkeypatch.setattr(release, "region_of", lambda _home: "vgr")
    monkeypatch.setattr(release, "_again", lambda _home, _one: {"rows": 2, "other_rows": 0, "same_model": True})
    monkeypatch.setattr(release, "_lineage", lambda _home, _one: (model_hash(np.zeros(3, np.float32)), 9))
    judged(monkeypatch, GOOD)
    return found


def judged(monkeypatch: pytest.MonkeyPatch, figures: Mapping[str, int]) -> None:
    monkeypatch.setattr(release, "JUDGES", dict.fromkeys(("data", "model"), lambda *_: figures))


def test_what_passes_is_signed_and_its_figures_go_behind_a_commitment(node: Node, tmp_path: Path) -> None:
    found = release.approve(tmp_path, node.args, role="dpo", ref="RS 1")
    op, args = node.asked[-1]
    assert op == "release_approve"
    assert (args["role"], args["ref"], args["bytes"]) == ("dpo", "RS 1", len(ROWS))
    assert args["figures"]["hash"] not in (args["figures"]["value"], args["figures"]["salt"])
    assert len(args["figures"]["salt"]) == 32
    assert found["figures"] == GOOD


@pytest.mark.attack("L27")
def test_what_fails_is_neither_signed_nor_released(node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged(monkeypatch, GOOD | {"pairs": 700_000})
    with pytest.raises(Refusal, match=r"the test pairs gave 0\.7; expected at least 0\.78"):
        release.approve(tmp_path, node.args, role="dpo", ref=None)
    with pytest.raises(Refusal, match=r"the test pairs gave 0\.7"):
        release.release(tmp_path, node.args, tmp_path / "out")
    assert {op for op, _ in node.asked} <= {"study", "releases"}
    assert not (tmp_path / "out").exists()


def test_a_release_writes_file_card_and_record(node: Node, tmp_path: Path) -> None:
    done = release.release(tmp_path, node.args, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["s.csv", "s.release.json", "s.toml"]
    assert (tmp_path / "out" / "s.csv").read_text(encoding="utf-8") == ROWS
    told = json.loads((tmp_path / "out" / "s.release.json").read_text(encoding="utf-8"))
    assert (told["entry"], told["signed"], told["tests"]["shapes"]) == (41, ["skane", "vgr"], "0.884")
    assert done["record"].endswith("s.release.json")


def test_without_enough_signatures_it_is_not_even_judged_again(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.signed, node.waits = ["vgr"], True
    judged(monkeypatch, {})  # would fail
    with pytest.raises(Refusal, match=r"signed by vgr; not by halland, skane; expected the signatures of 2"):
        release.release(tmp_path, node.args, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_release_whose_files_were_lost_is_written_again_and_logged_once(node: Node, tmp_path: Path) -> None:
    release.release(tmp_path, node.args, tmp_path / "out")
    release.release(tmp_path, node.args, tmp_path / "again")
    assert [op for op, _ in node.asked].count("release") == 1
    assert (tmp_path / "again" / "s.csv").exists()


@pytest.mark.attack("L27")
def test_a_file_that_changed_after_it_was_judged_has_no_record_of_a_release(
    node: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swapped(_from: Path, to: Path) -> None:
        to.write_text(ROWS + "1912,1,1\n", encoding="utf-8")

    monkeypatch.setattr(shutil, "copyfile", swapped)
    with pytest.raises(Refusal, match=r"s\.csv or its card changed while they were let out"):
        release.release(tmp_path, node.args, tmp_path / "out")
    assert not (tmp_path / "out" / "s.release.json").exists()


def test_nothing_is_written_over(node: Node, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "s.csv").write_text("mine", encoding="utf-8")
    with pytest.raises(Refusal, match="is there already"):
        release.release(tmp_path, node.args, tmp_path / "out")
    assert [op for op, _ in node.asked if op == "release"] == []
    assert (tmp_path / "out" / "s.csv").read_text(encoding="utf-8") == "mine"


def test_the_commands_say_who_has_signed(node: Node, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(node.args.file)
    assert main(["synth", "approve", file, "--home", str(tmp_path), "--ref", "RS 1"]) == 0
    assert "signed by skane, vgr: 2 of the 2 that the plan asks for" in capsys.readouterr().out
    assert main(["synth", "offer", file, "--home", str(tmp_path), "--to", "skane"]) == 0
    assert "go to skane" in capsys.readouterr().out
    assert main(["synth", "release", file, "--home", str(tmp_path), "-o", str(tmp_path / "out")]) == 0
    assert "entry 41 of the log" in capsys.readouterr().out
    assert main(["synth", "requests", "--home", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["requests"][0]["released"] == {"vgr": 41}
