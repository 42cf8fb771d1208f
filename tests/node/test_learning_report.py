"""A model's report: small groups say nothing, the undefined says why; and what all regions score together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.learning import ConfigError
from node.learning.baselines import own_totals
from node.learning.data.manifest import load, to_toml
from node.learning.data.rows import Rows
from node.learning.data.table import read
from node.learning.evaluate import Model, read_model
from node.learning.metrics import Counts
from node.learning.report import report, text
from node.learning.report_page import page
from node.learning.report_plots import survived
from node.learning.stages import columns_of
from node.learning.subgroups import Part, merged
from node.learning.trainer import Agreed, Trainer
from tests.node.readable import faults

COLUMNS = [
    {"name": "age", "kind": "number", "role": "quasi_identifier", "range": [20, 100], "band": 20.0},
    {"name": "sex", "kind": "category", "categories": ["f", "m", "x"]},
    {"name": "lab", "kind": "number", "range": [-4, 4]},
    {"name": "ill", "kind": "boolean", "role": "label"},
]


def table(folder: Path, n: int, seed: int, only: int | None = None) -> Path:
    """Write n rows, five of them of sex x; ``only``: all of one class."""
    rng = np.random.default_rng(seed)
    lab = rng.normal(size=n).clip(-4, 4)
    age = rng.integers(20, 79, n)
    sex = np.where(np.arange(n) < 5, "x", rng.choice(["f", "m"], n))
    ill = (lab + rng.normal(size=n) > 0).astype(int) if only is None else np.full(n, only)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"{a},{s},{b:.3f},{y}" for a, s, b, y in zip(age, sex, lab, ill, strict=True)]
    (folder / "t.csv").write_text("\n".join(["age,sex,lab,ill", *lines]) + "\n")
    (folder / "t.toml").write_text(to_toml({"id": "t", "file": [{"path": "t.csv"}], "column": COLUMNS}))
    return folder / "t.toml"


def rows_of(manifest: Path) -> Rows:
    """Return a table's typed rows."""
    return read(load(manifest), manifest.parent)[0]


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """A model that has learned from 300 rows."""
    trainer = Trainer(Agreed("classifier", "1", {"hidden": 0}, 1), study="s", region="a",
                      manifest=table(tmp_path / "train", 300, 1))  # fmt: skip
    totals = own_totals(trainer, trainer.sums)
    vector, _ = trainer.train(2, trainer.initial(), totals)
    trainer.export(vector, totals, tmp_path / "m.safetensors")
    return read_model(tmp_path / "m.safetensors")


def test_a_group_of_few_is_put_together_with_another(model: Model, tmp_path: Path) -> None:
    found = report(model, rows_of(table(tmp_path / "test", 200, 2)))

    groups = {(one["column"], one["group"]): one for one in found["subgroups"]}
    (few,) = (one for (column, name), one in groups.items() if column == "sex" and "x" in name)
    assert few["group"] in ("f or x", "m or x")
    assert few["rows"] > 60
    assert few["auroc"] > 0.6
    assert groups["age", "20 to 40"]["rows"] is not None
    assert ("sex", "other") not in groups  # nobody
    for column in ("age", "sex"):
        assert sum(one["rows"] for (of, _), one in groups.items() if of == column) == 200


@given(sizes=st.lists(st.integers(0, 30), min_size=1, max_size=8), rest=st.integers(0, 15), ordered=st.booleans())
def test_no_group_is_small_or_follows_from_the_others(sizes: list[int], rest: int, ordered: bool) -> None:
    number = np.repeat(np.arange(len(sizes) + 1), [*sizes, rest])
    parts = [Part((f"{i} to {i + 1}",), number == i, (i, i) if ordered else None) for i in range(len(sizes))]
    left = merged([*parts, Part(("none of these",), number == len(sizes))])

    assert len(left) <= 1 or min(map(len, left)) >= 10
    assert sum(map(len, left)) == len(number)
    assert len({name for part in left for name in part.names}) == sum(len(part.names) for part in left)
    for part in left:
        bands = [int(name.split()[0]) for name in part.names if name[0].isdigit()]
        if ordered and bands:  # nothing between them belongs to another
            between = set(range(min(bands), max(bands) + 1)) - set(bands)
            assert all(sizes[i] == 0 for i in between)


def test_small_cells_of_the_confusion_table_are_not_shown(model: Model, tmp_path: Path) -> None:
    found = report(model, rows_of(table(tmp_path / "test", 30, 2)))

    assert all(n is None or n == 0 or n >= 10 for row in found["confusion"] for n in row)


def test_what_is_undefined_says_why(model: Model, tmp_path: Path) -> None:
    found = report(model, rows_of(table(tmp_path / "test", 60, 2, only=1)), alone=model)

    lines = text(found)
    assert "auroc undefined: not every class has a row" in lines[0]
    assert lines[2] == "pooled     undefined: no place holds the rows of all regions"


def test_the_page_stands_alone_and_escapes_what_it_is_given(model: Model, tmp_path: Path) -> None:
    found = report(model, rows_of(table(tmp_path / "test", 200, 2)))

    html = page(found, "<model>", model.encoder.schema)

    assert "<svg" in html
    assert html.count("<circle") == sum(one["rows"] is not None for one in found["calibration"]) > 3
    assert "Calibration of ill = 1" in html
    assert html.count("<th>guessed") == 2
    assert not faults(html)
    assert "&lt;model&gt;" in html
    assert "://" not in html


def test_regions_that_score_together_get_the_figures_of_all_their_validation_rows(tmp_path: Path) -> None:
    settings = {"hidden": 0, "test_share": "0.5", "local_steps": 0}
    sums = ("count", "moment", "score")
    nodes = [
        Trainer(Agreed("classifier", "1", settings, 1, sums=sums), study="s", region=r,
                manifest=table(tmp_path / r, 200, i))
        for i, r in enumerate(("a", "b", "c"))
    ]  # fmt: skip
    totals: list[np.typing.NDArray[np.int64]] = []
    for stage in sums:
        totals.append(np.sum([node.measure(stage, totals) for node in nodes], axis=0))

    counted = Counts.of_vector(totals[2], 2)

    parts = [node._rows(totals) for node in nodes]
    assert counted.rows == sum(len(validation) for _, validation, _ in parts)
    assert len(totals[2]) == sum(width for _, width in columns_of(nodes[0].schema, "score"))  # type: ignore[arg-type]
    x = np.concatenate([validation.x for _, validation, _ in parts])
    y = np.concatenate([validation.y for _, validation, _ in parts])
    from node.learning.classifier import chances
    from node.learning.metrics import figures
    from node.learning.models import mlp

    exact = figures(chances(mlp.forward(nodes[0].split.first()["model"], x)), y)
    summed = counted.figures()
    assert summed["accuracy"] == exact["accuracy"]
    assert abs(summed["auroc"] - exact["auroc"]) <= summed["auroc_error"]  # type: ignore[operator] # all defined
    after, _ = nodes[0].train(3, nodes[0].initial(), totals)
    np.testing.assert_array_equal(after, nodes[0].initial())  # no step is taken


def test_a_score_beside_dp_is_refused(tmp_path: Path) -> None:
    terms = {"eps_max_u": 10**9, "delta_u12": 10**9, "clip_u": 10**6, "q_u": 500_000, "sigma_min_u": 10**6,
             "preprocess_bp": 1000}  # fmt: skip
    node = Trainer(
        Agreed("classifier", "1", {"hidden": 0}, 1, dp=terms, sums=("count", "score")), study="s", region="a",
        manifest=table(tmp_path, 50, 1), ledger=tmp_path / "ledger",
    )  # fmt: skip
    totals = [node.measure("count")]

    with pytest.raises(ConfigError, match="figures on real rows carry no epsilon"):
        node.measure("score", totals)


def test_a_model_tuned_at_home_differs_and_pays_nothing(tmp_path: Path) -> None:
    node = Trainer(Agreed("classifier", "1", {"hidden": 0}, 1), study="s", region="a", manifest=table(tmp_path, 100, 1))
    totals = own_totals(node, node.sums)

    single = node.without_privacy(local_steps=7)
    vector, facts = single.train(9, node.initial(), totals)

    assert facts.steps == 7
    assert facts.dp is None
    assert (vector != node.initial()).any()


# ---------------------------------------------------------------- every kind of target

TARGETS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "classes": ("classifier", [{"name": "stage", "kind": "category", "categories": ["I", "II", "III"]}]),
    "labels": ("classifier", [{"name": "fever", "kind": "boolean"}, {"name": "cough", "kind": "boolean"}]),
    "number": ("regression", [{"name": "sbp", "kind": "number", "range": [60, 240], "unit": "mmHg"}]),
    "survival": (
        "survival",
        [
            {"name": "days", "kind": "time_to_event", "range": [0, 400], "unit": "d"},
            {"name": "dead", "kind": "boolean"},
        ],
    ),
}


def learned(folder: Path, kind: str) -> tuple[Model, Rows]:
    """Return a model of 240 drawn rows whose ``lab`` tells the target, and 200 others."""
    task, labels = TARGETS[kind]
    manifests = []
    for part, n, seed in (("train", 240, 1), ("test", 200, 2)):
        rng = np.random.default_rng(seed)
        lab = rng.normal(size=n).clip(-4, 4)
        told = lab + rng.normal(size=n) / 2
        cells = {
            "classes": ["I" if v < -0.5 else "II" if v < 0.5 else "III" for v in told],
            "labels": [f"{int(v > 0)},{int(v < -0.5)}" for v in told],
            "number": [f"{130 + 20 * v:.1f}" for v in told],
            "survival": [
                f"{min(400, 150 * np.exp(-v)):.1f},{int(d)}" for v, d in zip(told, rng.random(n) < 0.7, strict=True)
            ],
        }[kind]
        (folder / part).mkdir(parents=True)
        head = ",".join(["lab", *(one["name"] for one in labels)])
        lines = [f"{value:.3f},{cell}" for value, cell in zip(lab, cells, strict=True)]
        (folder / part / "t.csv").write_text("\n".join([head, *lines]) + "\n")
        columns = [COLUMNS[2], *({**one, "role": "label"} for one in labels)]
        raw = {"id": "t", "file": [{"path": "t.csv"}], "column": columns}
        (folder / part / "t.toml").write_text(to_toml(raw))
        manifests.append(folder / part / "t.toml")
    settings = {"hidden": 0, "local_steps": 60}
    trainer = Trainer(Agreed(task, "1", settings, 1), study="s", region="a", manifest=manifests[0])
    totals = own_totals(trainer, trainer.sums)
    vector, _ = trainer.train(len(totals), trainer.initial(), totals)
    trainer.export(vector, totals, folder / "m.safetensors")
    return read_model(folder / "m.safetensors"), rows_of(manifests[1])


@pytest.mark.parametrize(
    ("kind", "titles"),
    [
        ("classes", ["Calibration of stage = I", "Calibration of stage = II", "Calibration of stage = III"]),
        ("labels", ["Calibration of fever", "Calibration of cough"]),
        ("number", ["sbp: observed over predicted"]),
        ("survival", ["Survival by predicted risk"]),
    ],
)
def test_every_kind_of_target_has_its_figures_and_its_plot(kind: str, titles: list[str], tmp_path: Path) -> None:
    model, rows = learned(tmp_path, kind)

    found = report(model, rows, alone=model)

    html = page(found, "m", model.encoder.schema)
    assert [one["title"] for one in found["plots"]] == titles
    assert all(point["rows"] >= 10 for plot in found["plots"] for line in plot["lines"] for point in line["points"])
    assert all(title in html for title in titles)
    assert all(value is not None for value in found["models"]["together"].values())
    assert json.loads(json.dumps(found)) == found


def test_a_model_of_a_number_is_judged_in_the_unit_of_its_label(tmp_path: Path) -> None:
    """Rows are 130 + 20 (lab + noise of a half): by lab alone nobody errs less than 10 mmHg at the square root."""
    model, rows = learned(tmp_path, "number")

    found = report(model, rows)

    rmse, mae = (found["models"]["together"][name] for name in ("rmse", "mae"))
    assert 9 < rmse < 13
    assert 0.7 * rmse < mae < rmse
    assert "RMSE (mmHg)" in page(found, "m", model.encoder.schema)
    points = found["plots"][0]["lines"][0]["points"]
    assert [one["rows"] for one in points] == [20] * 10
    assert max(abs(one["x"] - one["y"]) for one in points) < 4 * 10 / 20**0.5


def test_the_third_with_the_highest_risk_dies_first(tmp_path: Path) -> None:
    model, rows = learned(tmp_path, "survival")

    low, middle, high = ([one["y"] for one in line["points"]] for line in report(model, rows)["plots"][0]["lines"])

    assert low[2] > middle[2] > high[2]
    assert all(line == sorted(line, reverse=True) and line[0] == 1 for line in (low, middle, high))


def test_survival_is_that_of_a_table_by_hand() -> None:
    """Twelve rows: one dies at 1, one is lost at 2, one dies at 3, nine are seen to 9; then too few are left."""
    time = np.array([1.0, 2, 3, *[9.0] * 9])
    event = np.array([True, False, True, *[False] * 9])

    found = survived(time, event, np.array([0.0, 1, 2, 2.5, 3, 9]))

    assert [one["rows"] for one in found] == [12, 12, 11, 10, 10]
    np.testing.assert_allclose([one["y"] for one in found], [1, 11 / 12, 11 / 12, 11 / 12, 11 / 12 * 9 / 10])
