"""Drift against all regions together: a region's columns beside the histograms that a study has opened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gossip.studies.context import Opened
from node.__main__ import main
from node.cli.data_words import compared
from node.cli.output import Refusal
from node.draft import Draft, draft_plan
from node.home import Home
from node.learning.data.check import Rules, inspect
from node.learning.data.manifest import load, to_toml
from node.learning.preprocessing import GlobalStats
from node.learning.trainer import Agreed, Trainer
from node.shared_statistics import inner_knots, opened
from node.store import storage
from protocol.plan import Plan
from tests.node.data_tables import LABEL, column, write

N = 400


def region(folder: Path, seed: int, factor: float = 1.0) -> Path:
    """A clinic that measures x in mmol/L, or by ``factor`` in another unit."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    values = {"x": (rng.normal(5, 1, N) * factor).round(3), "z": rng.normal(0, 1, N).round(3), "ill": np.arange(N) % 2}
    write(folder, values, "clinic.csv")
    columns = [column("x", range=[0, 20]), column("z", range=[-9, 9]), LABEL]
    (folder / "clinic.toml").write_text(to_toml({"id": "c", "file": [{"path": "clinic.csv"}], "column": columns}))
    return folder / "clinic.toml"


@pytest.fixture
def held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Plan, Path]:
    """A home that holds the totals of a study over three alike clinics, its plan, and one clinic's manifest."""
    manifests = [region(tmp_path / str(i), i) for i in range(3)]
    settings = {"scaling": "quantile"}
    nodes = [
        Trainer(Agreed("classifier", "1", settings, 1), study="s", region=str(i), manifest=one)
        for i, one in enumerate(manifests)
    ]
    totals: list[Any] = []
    for stage in nodes[0].sums:
        totals.append(np.sum([node.measure(stage, totals) for node in nodes], axis=0, dtype=np.int64))
    plan = draft_plan(
        Draft(
            roster=bytes(32), regions=("a", "b", "c"), settings=settings, manifest=manifests[0], seed=1,
            topology="complete",
        )
    )  # fmt: skip
    study = plan.study.hex()
    kept = {f"total/{study}/{i}": Opened(total, (("x", len(total)),)).encode() for i, total in enumerate(totals)}
    monkeypatch.setattr(storage.StoreReader, "blob", lambda _self, name: kept.get(name))
    Home.create(tmp_path / "home", "test.example", "a", ["tcp://127.0.0.1:1"], None)
    return tmp_path / "home", plan, manifests[0]


def test_a_column_unlike_all_regions_is_noted_and_one_like_them_is_not(
    held: tuple[Path, Plan, Path], tmp_path: Path
) -> None:
    home, plan, alike = held
    knots = inner_knots(opened(home, plan, load(alike).schema_()))
    other = region(tmp_path / "mg", 9, factor=1.8)

    def drifted(manifest: Path) -> list[str]:
        sheet = inspect(load(manifest), manifest.parent, Rules(knots=knots, reference="all regions of study ab12"))
        return [one.sentence for one in sheet.findings if one.check == "drift"]

    assert drifted(alike) == []
    [words] = drifted(other)
    assert words.startswith("column x: its distribution is not that of all regions of study ab12: PSI ")


@pytest.mark.parametrize(
    ("factor", "said"),
    [(1.0, "x, z; none differs"), (1.8, "x, z; x differs")],
    ids=["alike", "another unit"],
)
def test_the_command_says_what_it_compared_also_where_nothing_differs(
    held: tuple[Path, Plan, Path], tmp_path: Path, factor: float, said: str,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    home, plan, _ = held
    mine = region(tmp_path / "mine", 9, factor)
    assert main(["data", "add", str(mine.with_suffix(".csv")), "--home", str(home)]) == 0
    monkeypatch.setattr("node.cli.data.plan_of_study", lambda _home, _study: plan)
    capsys.readouterr()

    assert main(["data", "check", "--study", "ab", "--home", str(home)]) == 0

    assert f"compared with all regions of study {plan.study.hex()[:12]}: {said}\n" in capsys.readouterr().out


def test_what_could_not_be_compared_is_named(held: tuple[Path, Plan, Path], tmp_path: Path) -> None:
    sheet = inspect(load(held[2]), held[2].parent, Rules())
    knots = {"x": tuple(range(1, 10))}

    assert compared(sheet, knots, "all")[1].startswith("not compared: z (fewer than 200 values here, or many equal")
    assert compared(replace(sheet, rows=199), knots, "all") == [
        "not compared: x, z (fewer than 200 values here, or many equal ones among all regions)"
    ]
    assert compared(replace(sheet, columns=()), knots, "all") == ["no column of numbers to compare with all"]


def test_a_study_that_opened_no_histograms_says_which_setting_does(
    tmp_path: Path, held: tuple[Path, Plan, Path]
) -> None:
    home, plan, manifest = held
    bare = Plan.make(**(plan.value() | {"sums": []}))

    with pytest.raises(Refusal, match="opened no sums, and no histograms") as refused:
        opened(home, bare, load(manifest).schema_())
    assert refused.value.fix.endswith("--set scaling=quantile")


def test_a_column_in_which_many_values_are_equal_is_not_compared() -> None:
    """The knots of a boolean lie within the two bins that have any rows."""
    flag = (0, 0.001, 0.0015, 0.002, 0.0025, 0.003, 0.997, 0.998, 0.999, 0.9995, 1)
    ends = {"a": (0.0, 10.0), "flag": (0.0, 1.0)}
    stats = GlobalStats(9, 9, (), {}, {}, {}, ends=ends, knots={"a": tuple(range(11)), "flag": flag})

    assert list(inner_knots(stats)) == ["a"]
