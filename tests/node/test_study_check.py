"""A rehearsal: the forecast beside the real run of real nodes, and the first thing that does not fit."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from node.cli.output import Refusal
from node.cli.study import study as command
from node.demo.network import agree, make_homes, start
from node.demo.nodes import Node, stop_all
from node.draft import Draft, draft_plan
from node.home import Home
from node.learning.demo_data import write
from node.rehearsal import LATENCY_S, rehearse
from node.store.storage import StoreReader
from protocol.entries import Entry, decode_entry
from protocol.plan import Plan

NAMES = ("east", "north", "south")
PAUSED = {"dim": 50_000, "pause_ms": 2000}
IDLE = Draft(roster=bytes(32), regions=NAMES, task="idle", settings=PAUSED, rounds=5, lab=True)


def checked(home: Path, plan: Plan, folder: Path, *options: str) -> Result:
    """Run ``study check`` on a plan."""
    file = folder / "plan.toml"
    file.write_text(plan.to_toml())
    args = ["check", str(file), "--home", str(home), "--json", *options]
    return CliRunner().invoke(command, args, standalone_mode=False)


def entries(node: Node) -> list[Entry]:
    with StoreReader(Home.open(node.home)) as reader:
        return [decode_entry(leaf) for leaf in reader.leaves()]


def test_the_forecast_is_within_a_third_of_the_real_run(tmp_path: Path) -> None:
    """A pause of 2 s a round stands for training, and the least of several counts: other work comes on top of it."""
    nodes: list[Node] = []
    try:
        nodes += make_homes(tmp_path / "homes", NAMES)
        plan = draft_plan(replace(IDLE, roster=start(nodes), masking="strict"))
        forecast = min(json.loads(checked(nodes[0].home, plan, tmp_path).output)["round_s"] for _ in range(2))
        agree(nodes, nodes[0], plan, None)
        while nodes[0].look().get("state") != "done":
            time.sleep(0.1)
    finally:
        stop_all(nodes)

    ends = [entry.t_ms for entry in entries(nodes[0]) if entry.kind == "round.end"]
    assert len(ends) == plan.rounds
    real = min(after - before for before, after in pairwise(ends)) / 1000
    assert forecast == pytest.approx(real, rel=0.3)


class Scripted:
    """In the place of a training worker: a round takes ``begin_s`` and ``step_s`` for each of its steps, exactly."""

    def __init__(self, dim: int, begin_s: float, step_s: float) -> None:
        self._vector, self._begin_s, self._step_s = bytes(4 * dim), begin_s, step_s
        self._steps, self.most_steps = 0, 0

    def ask(self, op: str, **fields: Any) -> tuple[dict[str, Any], float]:
        """Answer as a worker does, with the seconds it would have taken."""
        if op == "open":
            self._steps = fields["settings"]["local_steps"]
            return {"vector": self._vector, "warnings": []}, 1.0
        if op == "train":
            self.most_steps = max(self.most_steps, self._steps)
            return {}, self._begin_s + self._steps * self._step_s
        return {"peak_bytes": 2**20, "vector": bytes(16)}, 0.0

    def close(self) -> None:
        """Nothing runs."""


@pytest.mark.parametrize(
    ("begin_s", "step_s", "steps"),
    [
        pytest.param(0.0, 0.02, 1, id="one step"),
        pytest.param(0.1, 0.02, 4, id="fewer steps than are tried"),
        pytest.param(0.1, 0.5, 600, id="long steps"),
        pytest.param(0.002, 0.0004, 20, id="short steps, all of them tried"),
        pytest.param(0.002, 0.0004, 9000, id="short steps, many"),
        pytest.param(0.3, 0.0, 9000, id="steps that take no time beside the beginning"),
    ],
)
def test_from_a_few_steps_follows_what_a_round_of_many_takes(
    begin_s: float, step_s: float, steps: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = drafted(home, settings={"local_steps": steps}, rounds=5)
    worker = Scripted(plan.dim, begin_s, step_s)
    monkeypatch.setattr("node.rehearsal.AskedWorker", lambda _: worker)

    found = rehearse(home, "north", plan, None)

    assert found.train_s == pytest.approx(begin_s + steps * step_s)
    assert worker.most_steps == min(steps, 6) or worker.most_steps * step_s <= 0.3  # seconds, not the whole round


def test_the_whole_study_is_its_rounds_and_the_opening_of_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = drafted(home, settings={"local_steps": 1}, rounds=5)
    monkeypatch.setattr("node.rehearsal.AskedWorker", lambda _: Scripted(plan.dim, 0.5, 0.5))

    found = rehearse(home, "north", plan, None)

    assert plan.sum_rounds == 2
    per_sum = found.round_s - found.train_s + LATENCY_S  # messages there and back
    assert found.hours * 3600 == pytest.approx(1.0 + 5 * found.round_s + 2 * per_sum)  # the script opens in 1 s


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A region that no node runs at, with breast cancer bound."""
    from node.cli.data import data

    made = write(tmp_path / "data", "breast-cancer", NAMES, 1)
    Home.create(tmp_path / "north", "test.example", "north", ["tcp://127.0.0.1:1"], None)
    table = made.manifests["north"].with_suffix(".csv")
    bound = CliRunner().invoke(data, ["add", str(table), "--home", str(tmp_path / "north")])
    assert bound.exit_code == 0, bound.output
    return tmp_path / "north"


def drafted(home: Path, **wish: Any) -> Plan:
    """Return a plan for the data bound there."""
    manifest = next((home / "data").glob("*.toml"))
    return draft_plan(Draft(roster=bytes(32), regions=NAMES, manifest=manifest, lab=True, masking="strict", **wish))


def test_what_a_private_study_will_have_spent_is_told_and_nothing_is_paid(home: Path, tmp_path: Path) -> None:
    plan = drafted(home, dp=("3", "1e-3"), settings={"hidden": 0, "local_steps": 2}, rounds=5)

    result = checked(home, plan, tmp_path)

    assert result.return_value == 0, result.output
    found = json.loads(result.output)
    assert 2.9 < found["epsilon"] <= 3
    assert found["epsilon_prv"] < found["epsilon"]
    assert found["memory_bytes"] > 50 * 2**20
    assert any("third" in words or "sum" in words for words in found["privacy"])
    assert not (home / "ledger.jsonl").exists()
    assert not (home / "state" / "private").exists()


def test_a_round_longer_than_the_plan_waits_does_not_fit(home: Path, tmp_path: Path) -> None:
    plan = draft_plan(replace(IDLE, settings={"dim": 8, "pause_ms": 1500}, round_timeout_s=1, masking="strict"))

    result = checked(home, plan, tmp_path)

    assert result.return_value == 1
    assert "raise round_timeout_s" in json.loads(result.output)["problems"][0]


def test_a_budget_that_will_not_last_does_not_fit(home: Path, tmp_path: Path) -> None:
    (home / "policy.toml").write_text('budget = "1"\n')
    plan = drafted(home, dp=("3", "1e-3"), settings={"hidden": 0, "local_steps": 2}, rounds=5)

    result = checked(home, plan, tmp_path)

    assert result.return_value == 1
    assert "the region's budget is 1" in json.loads(result.output)["problems"][0]


def test_what_the_policy_forbids_is_refused_before_anything_runs(home: Path, tmp_path: Path) -> None:
    (home / "policy.toml").write_text('tasks = ["classifier"]\n')

    result = checked(home, draft_plan(replace(IDLE, masking="strict")), tmp_path)

    assert "task idle; the region's policy does not allow it" in str(result.exception)


def test_a_region_that_takes_no_part_says_so(home: Path, tmp_path: Path) -> None:
    plan = draft_plan(replace(IDLE, regions=("east", "south", "west"), masking="strict"))

    result = checked(home, plan, tmp_path)

    assert isinstance(result.exception, Refusal)
    assert "north takes no part" in str(result.exception)
