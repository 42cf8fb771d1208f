"""A model that is let out, and its description, hold what the study's export writes and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save, save_file

from node.cli.output import Refusal
from node.made_models import check_exported


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """This region's export."""
    return written(tmp_path / "own.safetensors", 0.0)


def written(path: Path, apart: float) -> Path:
    weights = {"G.a": np.arange(6, dtype=np.float32).reshape(2, 3) + np.float32(apart), "G.b": np.zeros(2, np.float32)}
    save_file(dict(sorted(weights.items())), path)
    about = {"format": "landsting-model/v1", "schema_id": "heart", "study": "51" * 32, "task": "tabgan"}
    path.with_suffix(".json").write_text(json.dumps(about, sort_keys=True, indent=1) + "\n")
    return path


def check(path: Path, own: Path) -> float:
    return check_exported(path, path.with_suffix(".json"), own)


def test_another_region_s_export_of_the_study_is_taken_and_how_far_it_lies_is_told(own: Path) -> None:
    other = written(own.with_name("m.safetensors"), 0.25)
    card = other.with_suffix(".json")
    card.write_text(card.read_text().replace("heart", "clinic-2"))  # bound under another name there
    assert check(other, own) == pytest.approx(0.25)
    assert check(own, own) == 0.0


def json_of(change: Callable[[dict[str, Any]], Any]) -> Callable[[str], str]:
    def changed(text: str) -> str:
        value = json.loads(text)
        change(value)
        return json.dumps(value, sort_keys=True, indent=1) + "\n"

    return changed


@pytest.mark.attack("R04")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(json_of(lambda one: one.update(note="Anna 191212121212")), id="a key more"),
        pytest.param(json_of(lambda one: one.update(schema_id="Anna 191212121212")), id="words as a name"),
        pytest.param(json_of(lambda one: one.update(schema_id=[191212121212])), id="a list as a name"),
        pytest.param(json_of(lambda one: one.pop("schema_id")), id="no name"),
        pytest.param(json_of(lambda one: one.update(task="191212121212")), id="another task"),
        pytest.param(lambda text: text + " " * 40, id="spaces"),
        pytest.param(lambda text: text.replace(": ", ":  "), id="spaces within"),
        pytest.param(lambda _text: "191212121212", id="no map"),
        pytest.param(lambda _text: "{", id="no JSON"),
        pytest.param(lambda text: text + "x" * 10_000, id="much behind"),
    ],
)
def test_a_description_has_no_room(own: Path, change: Callable[[str], str]) -> None:
    other = written(own.with_name("m.safetensors"), 0.0)
    card = other.with_suffix(".json")
    card.write_text(change(card.read_text()))
    with pytest.raises(Refusal, match=r"m\.json has more in it") as refused:
        check(other, own)
    assert "1912" not in refused.value.text()


def with_metadata(path: Path) -> None:
    path.write_bytes(save(load_file(path), metadata={"note": "Anna 191212121212"}))


def with_tensors(**more: Any) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_bytes(save(dict(sorted((load_file(path) | more).items()))))

    return change


@pytest.mark.attack("R04")
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(with_metadata, id="words of the file"),
        pytest.param(with_tensors(rows=np.zeros(12, np.float32)), id="a tensor more"),
        pytest.param(with_tensors(**{"G.b": np.zeros(3, np.float32)}), id="another shape"),
        pytest.param(with_tensors(**{"G.b": np.full(2, np.nan, np.float32)}), id="what is no number"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes() + b"1912"), id="bytes behind"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-4]), id="cut"),
    ],
)
def test_a_file_of_weights_has_no_room(own: Path, change: Callable[[Path], None]) -> None:
    other = written(own.with_name("m.safetensors"), 0.0)
    change(other)
    with pytest.raises(Refusal, match=r"m\.safetensors has more in it"):
        check(other, own)
