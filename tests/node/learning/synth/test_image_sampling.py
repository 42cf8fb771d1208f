"""Images out of a generator: the same for the same seed, of the wanted class; and the sheet of a round."""

from __future__ import annotations

import io
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from node.learning.baselines import own_totals
from node.learning.data.manifest import to_toml
from node.learning.errors import ConfigError
from node.learning.synth.image_sampling import BATCH, generate
from node.learning.synth.sheets import KEPT, keep_sheet
from node.learning.trainer import Agreed, Trainer
from node.learning.worker import Worker


def region(folder: Path, channels: int = 1) -> Trainer:
    """Return a study at a region with six drawn images: black ones, of no patient."""
    folder.mkdir(exist_ok=True)
    np.savez(folder / "x.npz", train_images=np.zeros((6, 16, 20, channels), np.uint8), train_labels=np.arange(6) % 2)
    shape = [16, 20, channels]
    columns = [
        {"name": "image", "kind": "image", "role": "feature", "shape": shape},
        {"name": "label", "kind": "category", "role": "label", "categories": ["0", "1"]},
    ]
    raw = {"id": "d", "purposes": ["research"], "layout": "medmnist", "file": [{"path": "x.npz", "part": "train"}]}
    (folder / "x.toml").write_text(to_toml({**raw, "column": columns}))
    settings = {"width": 8, "noise": 4, "local_steps": 1, "batch": 2}
    return Trainer(Agreed("imagegan", "1", settings, 1), study="ab", region="north", manifest=folder / "x.toml")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported generator as it begins."""
    folder = tmp_path_factory.mktemp("model")
    trainer = region(folder)
    trainer.export(trainer.initial(), own_totals(trainer, trainer.sums), folder / "m.safetensors")
    return folder / "m.safetensors"


def test_images_are_the_same_for_the_same_seed_and_the_first_ones_whatever_their_number(model: Path) -> None:
    few = list(generate(model, rows=BATCH + 3, seed=7))
    many = list(islice(generate(model, rows=1_000_000, seed=7), BATCH + 3))
    other = list(generate(model, rows=2, seed=8))

    assert len(few) == BATCH + 3
    assert [k for k, _ in few] == [k for k, _ in many]
    assert all((a == b).all() for (_, a), (_, b) in zip(few, many, strict=True))
    assert not (few[0][1] == other[0][1]).all()


def test_classes_come_in_turn_and_a_condition_wants_one(model: Path) -> None:
    assert [k for k, _ in generate(model, rows=4, seed=1)] == ["0", "1", "0", "1"]
    assert {k for k, _ in generate(model, rows=4, seed=1, condition={"label": "1"})} == {"1"}
    assert list(generate(model, rows=0, seed=1)) == []


def test_an_image_has_the_shape_of_the_manifest(model: Path) -> None:
    [(_, image)] = generate(model, rows=1, seed=1)

    assert image.shape == (16, 20, 1)
    assert image.dtype == np.uint8


@pytest.mark.parametrize("condition", [{"label": "2"}, {"age": "40"}])
def test_a_condition_that_the_model_does_not_know_is_refused(model: Path, condition: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="label = 0 or 1"):
        next(generate(model, rows=1, seed=1, condition=condition))


def test_fewer_than_no_images_are_refused(model: Path) -> None:
    with pytest.raises(ConfigError, match="-1 images"):
        next(generate(model, rows=-1, seed=1))


# ---------------------------------------------------------------- sheets


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_shows_both_classes_and_is_the_same_each_time(tmp_path: Path, channels: int) -> None:
    trainer = region(tmp_path / "data", channels)
    totals, samples = own_totals(trainer, trainer.sums), tmp_path / "home" / "samples"

    first = keep_sheet(trainer, 3, trainer.initial(), totals, samples)
    second = keep_sheet(trainer, 4, trainer.initial(), totals, samples)

    assert first == tmp_path / "home" / "samples" / "ab" / "round-000003.png"
    assert second is not None
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_mode & 0o777 == 0o600
    with Image.open(io.BytesIO(first.read_bytes())) as picture:
        assert picture.size == (8 * 20 * 2, 2 * 2 * 16 * 2)


def test_only_the_newest_sheets_are_kept(tmp_path: Path) -> None:
    trainer = region(tmp_path / "data")
    folder = tmp_path / "samples" / "ab"
    folder.mkdir(parents=True)
    for round in range(KEPT + 5):
        (folder / f"round-{round:06d}.png").write_bytes(b"")

    keep_sheet(trainer, 100, trainer.initial(), own_totals(trainer, trainer.sums), tmp_path / "samples")

    kept = sorted(path.name for path in folder.iterdir())
    assert len(kept) == KEPT
    assert kept[-1] == "round-000100.png"


def test_the_training_worker_leaves_a_sheet_of_each_round(tmp_path: Path) -> None:
    trainer = region(tmp_path / "data")
    worker, home = Worker(), tmp_path / "home"
    totals = [total.tobytes() for total in own_totals(trainer, trainer.sums)]
    named = {"task": "imagegan", "version": "1", "settings": dict(trainer.agreed.settings), "seed": 1}
    where = {"region": "north", "manifest": str(tmp_path / "data" / "x.toml"), "state": str(home / "state" / "private")}
    where["samples"] = str(home / "samples")

    opened = worker.answer({"id": 1, "op": "open", "study": "ab", **named, **where})
    trained = worker.answer(
        {"id": 2, "op": "train", "study": "ab", "round": 1, "vector": opened["vector"], "totals": totals}
    )

    assert trained["ok"]
    assert [path.name for path in (tmp_path / "home" / "samples" / "ab").iterdir()] == ["round-000001.png"]
