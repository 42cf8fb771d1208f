"""The watch: what counts as gone astray, that it goes back, that it says so, and what it does not look at."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from node.learning.baselines import own_totals
from node.learning.demo_data import DemoData, write
from node.learning.privacy import plan_values
from node.learning.synth import watch
from node.learning.synth.coding import TableCoding
from node.learning.synth.watch import CALM, Look
from node.learning.task import Encoded
from node.learning.trainer import Agreed, Trainer
from tests.node.learning.synth.test_coding import SCHEMA

FINE = Look(0.0, 1.0, 0.0, 0.9)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    return write(tmp_path_factory.mktemp("demo"), "breast-cancer", ("north", "south"), 1)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        pytest.param(Look(0.5, 1.0, 0.0, 0.9), "50% of the bins and categories are never made", id="coverage"),
        pytest.param(Look(0.0, 0.4, 0.0, 0.9), "0.40 of the distance of real ones", id="collapse"),
        pytest.param(Look(0.0, 1.0, 0.3, 0.9), "30% of made rows repeat others", id="repeats"),
        pytest.param(Look(0.0, 1.0, 0.0, 0.7), "fell to 0.70 from 0.90", id="worse"),
        pytest.param(FINE, None, id="fine"),
    ],
)
def test_what_counts_as_gone_astray(found: Look, words: str | None) -> None:
    private: dict[str, Any] = {}
    assert watch.astray(FINE, private, [], CALM) is None

    said = watch.astray(found, private, [], CALM + 10)

    assert said is None if words is None else said is not None and words in said
    assert watch.astray(found, {}, [], CALM - 1) is None  # too early to tell


def test_a_discriminator_that_wins_for_fifty_steps_counts_only_where_rows_draw_together() -> None:
    private: dict[str, Any] = {}
    close = Look(0.0, 0.8, 0.0, None)
    for _ in range(4):
        assert watch.astray(close, private, [True] * 10, CALM) is None
    assert "for 50 steps" in (watch.astray(close, private, [True] * 10, CALM) or "")
    assert watch.astray(Look(0.0, 1.0, 0.0, None), private, [True] * 10, CALM) is None
    assert watch.astray(close, private, [False] * 10, CALM) is None


def test_collapse_goes_back_to_the_last_good_generator_at_half_the_rate_and_says_so(
    demo: DemoData, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    agreed = Agreed("tabgan", "1", {"hidden": 16, "noise": 8}, 1)
    node = Trainer(agreed, study="ab", region="north", manifest=demo.manifests["north"], state=tmp_path)
    good, report = node.train(20, node.initial())
    assert report.notes == ()

    monkeypatch.setattr(watch, "look", lambda *a, **b: Look(0.9, 0.1, 0.9, None))
    after, report = node.train(21, good)
    again, same = Trainer(agreed, study="ab", region="north", manifest=demo.manifests["north"], state=tmp_path).train(
        21, good
    )

    ema = slice(node.layout.offsets[node.layout.names.index("ema.0.bias")], None)
    assert report.notes == same.notes
    assert len(report.notes) == 1
    assert "90% of the bins and categories are never made: back to the last good generator" in report.notes[0]
    assert "times 0.5" in report.notes[0]
    np.testing.assert_array_equal(after[ema], good[ema])
    np.testing.assert_array_equal(after[: ema.start], good[ema])  # the generator becomes its mean
    assert again.tobytes() == after.tobytes()
    assert watch.rate_here(node.kept()) == 0.5
    assert report.backs == same.backs == 1
    assert node.train(22, after)[1].backs == 2  # counted over the study, and kept with what stays
    assert node.kept()["watch.backs"].tolist() == [170, 180]  # steps done before these rounds


def test_under_privacy_no_real_row_decides_whether_a_round_goes_back(
    demo: DemoData, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is sent would else say something of validation rows, which carry no epsilon."""
    seen: list[tuple[int, object]] = []

    def looked(made: Any, labels: Any, real: Any, *, judged: Any = None) -> Look:
        seen.append((len(real), judged))
        return FINE

    monkeypatch.setattr(watch, "look", looked)
    for terms in (None, plan_values("8", "1e-3", rounds=1, local_steps=2)):
        agreed = Agreed("tabgan", "1", {"hidden": 8, "noise": 4, "local_steps": 2, "test_share": "0.3"}, 1, dp=terms)
        node = Trainer(agreed, study="ab", region="north", manifest=demo.manifests["north"], ledger=tmp_path / "ledger")
        node.train(len(node.sums), node.initial(), own_totals(node, node.sums))

    assert seen[0][0] > 0
    assert seen[0][1] is not None
    assert seen[1] == (0, None)


@pytest.mark.parametrize(("alike", "missed"), [(False, 0.0), (True, 1.0)])
def test_without_shares_a_column_made_with_one_value_alone_is_what_is_missed(alike: bool, missed: float) -> None:
    coding = TableCoding.of(SCHEMA, None)
    made = np.zeros((64, coding.width), np.float32)
    for part in coding.parts:
        made[np.arange(64), part.at + (0 if alike else np.arange(64) % len(part.names))] = 1
    none = Encoded(made[:0], np.zeros(0, np.int64), coding=coding)

    assert watch.look(made, np.zeros(64, np.int64), none) == Look(missed, None, None, None)


def test_weights_that_are_not_finite_never_leave(demo: DemoData, monkeypatch: pytest.MonkeyPatch) -> None:
    node = Trainer(
        Agreed("tabgan", "1", {"hidden": 16, "noise": 8, "lr": "1e30", "lr_d": "1e30"}, 1),
        study="ab", region="north", manifest=demo.manifests["north"],
    )  # fmt: skip

    after, report = node.train(0, node.initial())

    assert np.isfinite(after).all()
    np.testing.assert_array_equal(after, node.initial())
    assert "no longer finite" in report.notes[0]


def test_what_the_watch_says_reaches_status_journal_and_follow_and_a_sheet_lies_in_the_home(
    demo: DemoData, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from gossip.effects import Open, Train
    from node.cli import following, status
    from node.learning.describe import describe
    from node.learning.worker import Worker
    from node.training import Training
    from node.worker import Answer

    monkeypatch.setattr(watch, "look", lambda *a, **b: Look(0.9, 0.1, 0.9, None))
    monkeypatch.setattr(watch, "CALM", 0)
    facts = describe("tabgan", {"hidden": 16, "noise": 8}, demo.manifests["north"])
    plan: Any = SimpleNamespace(
        task={"name": "tabgan", "version": "1"}, settings=facts["settings"], schema=None, layout=None, dim=facts["dim"],
        seed=0, dp=None, sums=(), n=2, rounds=5, freeze=(), init=None, data_update="keep",
    )  # fmt: skip
    worker, jobs = Worker(), list[Any]()
    queue: Any = SimpleNamespace(put=lambda job, now_ms: jobs.append(job))
    training = Training(tmp_path, "north", queue, lambda study: demo.manifests["north"])
    study = b"\x01" * 32

    monkeypatch.setattr("node.training.first_model", lambda home, plan: None)
    training.do(Open(study, plan), 0)
    opened = worker.answer({"op": "open", "study": study.hex(), **jobs[0].fields})
    vector = np.frombuffer(opened["vector"], "<f4")
    training.do(Train(study, 3, vector, ()), 0)
    request = {**jobs[1].fields, "vector": vector.tobytes()}
    answer = Answer(jobs[1], worker.answer({"op": "train", "study": study.hex(), **request}), seconds=0.1)
    with caplog.at_level("WARNING"):
        training.event(answer, 0)

    (said,) = training.metrics(study)["notes"]
    assert training.metrics(study)["backs"] == 1
    assert "once" in status.in_words({"state": "train", "backs": 1})
    assert following.in_words({"state": "running", "round": 4, "doing": "mix", "waiting_for": [], "backs": 2}).endswith(
        "put back here 2 times so far"
    )
    assert said.startswith("round 3: 90% of the bins and categories are never made: back to the last good generator")
    assert said.removeprefix("round 3: ") in caplog.text
    assert said in status.in_words({"state": "train", "notes": [said]})
    (sheet,) = (tmp_path / "samples" / study.hex()).iterdir()
    assert sheet.name == "round-000003.html"
    assert sheet.stat().st_mode & 0o777 == 0o600
    assert sheet.read_text().count("<tr>") == 21
