"""``landsting study new``: what is typed wrongly, or would train nothing, is said before a plan is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.cli import study_new
from node.cli.data import data
from node.cli.study_check import check
from node.home import Home
from node.learning.demo_data import write
from protocol.plan import Plan

NAMES = ["east", "north", "south"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A region that no node runs at, with breast cancer bound and a roster in force."""
    made = write(tmp_path / "data", "breast-cancer", NAMES, 1)
    Home.create(tmp_path / "north", "test.example", "north", ["tcp://127.0.0.1:1"], None)
    bind(tmp_path / "north", made.manifests["north"])
    monkeypatch.setattr(study_new, "in_force", lambda _: {"roster": "00" * 32, "regions": NAMES})
    return tmp_path / "north"


def bind(home: Path, manifest: Path) -> None:
    bound = CliRunner().invoke(data, ["add", str(manifest), "--home", str(home)])
    assert bound.exit_code == 0, bound.output


def new(home: Path, *words: str) -> Result:
    plan = home.parent / "plan.toml"
    plan.unlink(missing_ok=True)
    return CliRunner().invoke(study_new.new, ["--home", str(home), "-o", str(plan), "--json", *words])


def refused(home: Path, *words: str) -> str:
    """Return what a command says that writes no plan."""
    result = new(home, *words)
    assert result.exit_code != 0
    assert not (home.parent / "plan.toml").exists()
    return f"{result.exception} {result.output}"


def test_the_only_data_set_is_taken_where_none_is_named(home: Path) -> None:
    result = new(home)

    assert result.exit_code == 0, result.exception
    plan = Plan.from_toml((home.parent / "plan.toml").read_text())
    assert plan.schema.hex()[:16] in CliRunner().invoke(data, ["list", "--home", str(home)]).output


def test_of_several_data_sets_one_is_asked_for_by_name(home: Path) -> None:
    south = home.parent / "data" / "south" / "south.toml"
    second = south.with_name("second.toml")
    second.write_text(south.read_text().replace('id = "breast-cancer"', 'id = "second"'))
    bind(home, second)

    words = refused(home)

    assert "breast-cancer or second" in words
    assert "--data breast-cancer" in words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--score"], "--score without --init", id="score of a model that never learned"),
        pytest.param(["--preprocess", "0.1"], "--preprocess without --dp", id="noise without privacy"),
        pytest.param(["--task", "regression"], "task regression and a label of classes", id="another target"),
        pytest.param(["--task", "survival"], "Choose the task for it, --task classifier", id="the task for this label"),
        pytest.param(["--set", "tst_share=0.3"], "Did you mean test_share?", id="a typing error"),
        pytest.param(["--set", "test_share=3"], "test_share = 3; expected 0 to 0.9", id="no rows to train on"),
        pytest.param(["--set", "batch=0"], "batch = 0; expected 1 to", id="empty batches"),
        pytest.param(["--set", "local_steps=1000000000"], "expected 0 to 100000", id="more steps than memory"),
        pytest.param(["--set", "hidden=1000000000"], "expected 0 to 65536", id="more weights than memory"),
        pytest.param(
            ["--init", "model.safetensors"], "No such file or directory: 'model.safetensors'", id="no such model"
        ),
    ],
)
def test_what_would_train_nothing_is_refused(home: Path, words: list[str], said: str) -> None:
    assert said in refused(home, *words)


def test_a_plan_that_begins_with_a_model_is_checked_with_it_by_a_region_that_has_it_not_yet(home: Path) -> None:
    """``study accept --init`` takes the file; who rehearses the study before needs it as well."""
    model, plan = home.parent / "m.safetensors", home.parent / "plan.toml"
    assert new(home).exit_code == 0
    written(plan, home, model)
    assert new(home, "--init", str(model), "--freeze", "model.0.*", "--lab").exit_code == 0
    for kept in (home / "init").iterdir():
        kept.unlink()

    words = ["--home", str(home), "--json", str(plan)]
    without = CliRunner().invoke(check, words)
    beside = CliRunner().invoke(check, [*words, "--init", str(model)], standalone_mode=False)

    assert "needs it here: --init FILE" in str(without.exception)
    assert json.loads(beside.output)["problems"] == []
    assert list((home / "init").iterdir()) == []  # nothing is kept


def written(plan_file: Path, home: Path, model: Path) -> None:
    """Write the first model of a plan as a file."""
    from node.learning.trainer import Agreed, Trainer

    plan = Plan.from_toml(plan_file.read_text())
    agreed = Agreed("classifier", plan.task["version"], plan.settings, 5)
    trainer = Trainer(agreed, study="s", region="north", manifest=home / "data" / "breast-cancer.toml")
    trainer.export(trainer.initial(), [trainer.measure(stage, []) for stage in trainer.sums[:0]], model)
