"""Rows from an exported generator: the same for a seed, in any pieces, under conditions, corrected to the sums."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from node.learning.baselines import own_totals
from node.learning.data.manifest import to_toml
from node.learning.errors import ConfigError
from node.learning.synth.sampling import generate, read_generator
from node.learning.trainer import Agreed, Trainer


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator after one round: it knows little, and its columns are right all the same."""
    folder = tmp_path_factory.mktemp("model")
    rng = np.random.default_rng(3)
    ill = rng.random(400) < 0.3
    table = pd.DataFrame(
        {
            "age": np.where(ill, rng.normal(70, 9, 400), rng.normal(50, 9, 400)).clip(0, 100).round().astype(int),
            "site": np.where(rng.random(400) < 0.75, "a", "b"),
            "lab": np.where(rng.random(400) < 0.5, 0.0, rng.exponential(2, 400).clip(0, 10).round(1)),
            "ill": ill.astype(int),
        }
    )
    table.to_csv(folder / "t.csv", index=False)
    columns = [
        {"name": "age", "kind": "integer", "role": "feature", "range": [0, 100]},
        {"name": "site", "kind": "category", "role": "feature", "categories": ["a", "b", "c"]},
        {"name": "lab", "kind": "number", "role": "feature", "range": [0, 10], "decimals": 1},
        {"name": "ill", "kind": "boolean", "role": "label"},
    ]
    (folder / "t.toml").write_text(to_toml({"id": "t", "file": [{"path": "t.csv"}], "column": columns}))
    agreed = Agreed("tabgan", "1", {"hidden": 32, "noise": 8, "local_steps": 20}, 1)
    node = Trainer(agreed, study="ab", region="north", manifest=folder / "t.toml")
    totals = own_totals(node, node.sums)
    vector, _ = node.train(len(node.sums), node.initial(), totals)
    node.export(vector, totals, folder / "m.safetensors")
    return folder / "m.safetensors"


def all_of(model: Path, rows: int, seed: int = 1, chunk: int = 10_000, **condition: str) -> pd.DataFrame:
    return pd.concat(generate(model, rows=rows, seed=seed, chunk=chunk, condition=condition), ignore_index=True)


def test_the_same_seed_gives_the_same_rows_in_any_pieces(model: Path) -> None:
    whole = all_of(model, 9000)

    pd.testing.assert_frame_equal(whole, all_of(model, 9000, chunk=777))
    pd.testing.assert_frame_equal(whole.iloc[:5000], all_of(model, 5000))
    assert not whole.equals(all_of(model, 9000, seed=2))
    assert [len(piece) for piece in generate(model, rows=2500, seed=1, chunk=1000)] == [1000, 1000, 500]
    assert list(generate(model, rows=0, seed=1)) == []


def test_columns_by_themselves_are_those_of_the_sums(model: Path) -> None:
    """A hardly trained generator: the correction by the opened shares makes its columns right."""
    real, made = pd.read_csv(model.parent / "t.csv"), all_of(model, 20_000)

    for name in ("age", "lab"):
        values = np.unique(real[name])
        gaps = [(real[name] <= v).mean() - (made[name] <= v).mean() for v in values]
        assert np.abs(gaps).max() < 0.05
    assert abs((made["site"] == "a").mean() - (real["site"] == "a").mean()) < 0.02
    assert abs(made["ill"].mean() - real["ill"].mean()) < 0.02
    assert set(made["site"]) == {"a", "b"}


def test_conditions_on_label_and_columns_hold_for_every_row(model: Path) -> None:
    frame = all_of(model, 300, ill="1", age="60..75", site="b")

    assert len(frame) == 300
    assert set(frame["ill"]) == {1}
    assert frame["age"].between(60, 75).all()
    assert set(frame["site"]) == {"b"}


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        pytest.param({"ill": "2"}, "ill=2; expected one of 0, 1", id="class"),
        pytest.param({"weight": "80"}, "a condition on 'weight'; expected one of the columns", id="column"),
        pytest.param({"site": "c"}, "site=c; expected one of a, b", id="category that nobody has"),
        pytest.param({"age": "old"}, "a number or LOW..HIGH", id="no number"),
        pytest.param({"age": "9..3"}, "LOW no more than HIGH", id="empty"),
        pytest.param({"age": "0..1"}, "0 of .* candidates with age=0..1", id="hardly ever"),
    ],
)
def test_a_condition_that_cannot_be_met_is_refused_in_words(model: Path, condition: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        list(generate(model, rows=5, seed=1, condition=condition))


def test_a_model_that_makes_no_table_is_refused(model: Path, tmp_path: Path) -> None:
    (tmp_path / "m.safetensors").write_bytes(model.read_bytes()[:-8])
    (tmp_path / "m.json").write_text(model.with_suffix(".json").read_text())
    with pytest.raises(ConfigError, match="damaged"):
        read_generator(tmp_path / "m.safetensors")

    about = model.with_suffix(".json").read_text().replace('"tabgan"', '"classifier"')
    (tmp_path / "m.safetensors").write_bytes(model.read_bytes())
    (tmp_path / "m.json").write_text(about)
    with pytest.raises(ConfigError, match="a model of task classifier"):
        read_generator(tmp_path / "m.safetensors")


def test_a_hundred_thousand_rows_take_little_time_and_memory(model: Path) -> None:
    before, rows = time.process_time(), 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # of all that this process has run
    for frame in generate(model, rows=100_000, seed=1):
        rows += len(frame)

    assert rows == 100_000
    assert time.process_time() - before < 10
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - most) * 1024 < 1e9  # a few megabytes
