"""Ways to cheat in exchanging differences, and steps that differ by tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gossip.effects import Send
from gossip.events import TrainReport
from gossip.network import Network
from gossip.studies.study import Study
from protocol.plan import Plan
from tests.gossip.exchanges import DIFF, Make, bodies, exchange, outcomes, round_of

DP = {"eps_max_u": 10**6, "delta_u12": 10**6, "clip_u": 10**6, "q_u": 10**4, "sigma_min_u": 10**6}


# ---------------------------------------------------------------- ways to be cheated


@pytest.mark.attack("S15")
@pytest.mark.parametrize("plan", [{}, DIFF], ids=["full", "diff"])
def test_a_wrapped_sum_moves_nobody(make_network: Make, plan: dict[str, Any]) -> None:
    """One member sends what it likes: the ring wraps, the length gives it away, every receiver keeps its model."""
    net, _, _ = make_network(4, rounds=4, clip="0.5", **plan)
    liar = "region-d"
    assert net.run(lambda: liar in net.models)
    poison(net, liar, lambda code: np.full_like(code, np.iinfo(code.dtype).max))
    assert net.run()
    for name in set(net.names) - {liar}:
        ends = bodies(net, name, "round.end")
        assert [(e["outcome"], e["reason"]) for e in ends[1:]] == [("kept", "clip")] * 3
        assert not np.isnan(net.models[name]).any()


@pytest.mark.attack("S16")
def test_one_false_value_moves_its_neighbours_by_the_clip_at_most(make_network: Make) -> None:
    """The model of the victim is all that the liar cares for: it still moves by no more than tau."""
    net, _, _ = make_network(4, rounds=3, clip="0.5")
    liar = "region-d"
    before: dict[tuple[str, int], Any] = {}
    worker_of(net).train = recording(net, before)
    poison(net, liar, lambda code: code + np.int32(3 * 2**23))
    assert net.run()
    for name in set(net.names) - {liar}:
        assert set(outcomes(net, name)) == {"mixed"}
        for round in range(3):
            moved = net.adopted[(name, round)].astype(np.float64) - before[(name, round)]
            assert np.linalg.norm(moved) <= 0.5 + 1e-5  # the rounding of the model to float32


@pytest.mark.attack("S16")
def test_a_mean_of_all_that_moves_too_far_is_adopted_by_nobody(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=4, aggregation="network", fallback="neighbourhood", clip="0.5")
    liar = "region-d"
    assert net.run(lambda: all(round_of(net, name) >= 1 for name in net.names))
    before = {name: outcomes(net, name)[:1] for name in net.names}
    poison(net, liar, lambda code: code + np.int32(8 * 2**24))
    assert net.run(lambda: all(round_of(net, name) >= 3 for name in net.names))
    for name in set(net.names) - {liar}:
        assert before[name] == ["mixed"]
        assert [(b["outcome"], b["reason"]) for b in bodies(net, name, "round.end")][1][0] == "kept"
        assert np.abs(net.models[name]).max() < 4


def worker_of(net: Network) -> Any:
    return net._worker


def recording(net: Network, into: dict[tuple[str, int], Any]) -> Any:
    """The worker's local update, kept: what the region had before it mixed."""
    train = worker_of(net).train

    def trained(region: str, plan: Plan, round: int, vector: Any, totals: Any) -> tuple[Any, TrainReport]:
        after, report = train(region, plan, round, vector, totals)
        into[(region, round)] = after.astype(np.float64)
        return after, report

    return trained


def poison(net: Network, liar: str, false: Callable[[Any], Any]) -> None:
    """From now on a region puts other integers under its masks."""
    study = net.peer(liar).current
    held = study.context if study is not None else None

    def spoil(exchange: Any) -> None:
        honest = exchange.integers
        exchange.integers = lambda *args: false(honest(*args))

    if held is not None and held.exchange is not None:
        spoil(held.exchange)
        return
    sent = net.on_send

    def watch(sender: str, send: Send) -> list[Send]:
        now = net.peer(liar).current
        if now is not None and now.context.exchange is not None and "integers" not in vars(now.context.exchange):
            spoil(now.context.exchange)
        return sent(sender, send)

    net.on_send = watch


@pytest.mark.attack("S16")
@pytest.mark.parametrize(
    "rule", [{"robustness": "clear", "clip": "0.5"}, {"robustness": "clear-nearest"}, {"robustness": "clear-trimmed"}],
    ids=lambda rule: str(rule["robustness"]),
)  # fmt: skip
def test_in_the_clear_one_liar_of_five_does_not_carry_the_mean_away(make_network: Make, rule: dict[str, Any]) -> None:
    net, worker, plan = make_network(5, rounds=40, dp=DP, **rule)
    poison(net, "region-d", lambda code: np.full_like(code, 40 * 2**24))
    assert net.run()
    honest = [n for n in net.names if n != "region-d"]
    centre = np.mean([worker.targets[n] for n in honest], axis=0)
    reach = max(float(np.linalg.norm(worker.targets[n] - centre)) for n in honest)
    for name in honest:
        assert outcomes(net, name) == ["mixed"] * 40
        assert np.linalg.norm(net.models[name] - centre) <= reach
    if "clip" in rule:
        assert {(who, s.region) for who, s in net.suspects} == {(name, "region-d") for name in honest}
    assert "region-a sees every update of region-b" in plan.sentences()


@pytest.mark.attack("S26")
@pytest.mark.parametrize("lie", ["uneven", "older", "nil", "kind"])
def test_a_receiver_that_counts_some_and_not_others_is_not_answered(make_network: Make, lie: str) -> None:
    net, _, _ = make_network(4, rounds=8, **DIFF)
    assert net.run(lambda: round_of(net, "region-a") >= 3)
    liar = exchange(net, "region-a")
    honest = liar.kind_of

    def lying(round: int, announced: Any) -> Any:
        kind, counted = honest(round, announced)
        since = dict(counted or {})
        match lie:
            case "uneven":
                since = {**since, "region-b": since["region-b"] - 1}
            case "older":
                since = dict.fromkeys(since, 0)
            case "nil":
                since = {}
            case "kind":
                kind = "sum"
        return kind, since

    liar.kind_of = lying  # type: ignore[method-assign]
    heard = len(bodies(net, "region-b", "fault"))
    assert net.run()
    faults = [f for f in bodies(net, "region-b", "fault")[heard:] if f["region"] == "region-a"]
    assert faults
    assert {f["code"] for f in faults} == {"LS-COHORT"}
    assert outcomes(net, "region-c")[-3:].count("mixed") >= 2  # the others go on


# ---------------------------------------------------------------- steps by tensor


BY_NAME = [[0, "", 24], [0, "model.b", 4]]


def test_steps_go_by_names_where_the_worker_says_where_they_lie(
    make_network: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, layout = Study.opened, (("model.a", 8), ("model.b", 4))
    monkeypatch.setattr(Study, "opened", lambda study, step, vector, _: opened(study, step, vector, layout))
    net, _, _ = make_network(4, rounds=4, step_log2=BY_NAME)
    assert net.run(lambda: round_of(net, "region-a") >= 2)
    study = net.peer("region-a").current
    assert study is not None
    code = next(iter(study.context.code.values()))
    assert np.abs(code[:8]).max() > 1000 > np.abs(code[8:]).max() > 0
    assert net.run()
    assert {e.outcome for e in net.ended.values()} == {"done"}


def test_without_that_the_study_stops_and_says_why(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=4, step_log2=BY_NAME)
    assert net.run()
    assert {(e.outcome, e.reason) for e in net.ended.values()} == {("stopped", "code")}
