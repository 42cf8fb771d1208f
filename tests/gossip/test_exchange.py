"""Numbers in whole networks: weights, rings, steps, differences and bounds, through real peers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gossip.effects import Send
from gossip.events import TrainReport
from gossip.exchange.diff import Diff
from gossip.network import Network
from gossip.studies import training
from gossip.studies.context import StudyContext
from gossip.studies.study import Study
from protocol.entries import decode_entry
from protocol.envelope import parse
from protocol.plan import Plan

Make = Callable[..., tuple[Network, Any, Plan]]
HOUSE = {"topology": "edges", "graphs": [[[0, 1], [0, 2], [0, 3], [1, 2], [1, 4], [2, 3], [3, 4]]]}  # degrees 3 and 2
DP = {"eps_max_u": 10**6, "delta_u12": 10**6, "clip_u": 10**6, "q_u": 10**4, "sigma_min_u": 10**6}
DIFF = {"exchange": "diff", "ring": 16, "step_log2": 10}


def hashes(net: Network) -> dict[str, str]:
    return {n: hashlib.sha256(v.tobytes()).hexdigest() for n, v in net.models.items()}


def bodies(net: Network, name: str, kind: str) -> list[dict[str, Any]]:
    entries = [decode_entry(leaf) for leaf in net.regions[name].store.leaves]
    return [e.body for e in entries if e.kind == kind]


def outcomes(net: Network, name: str) -> list[str]:
    return [str(b["outcome"]) for b in bodies(net, name, "round.end")]


def mean_of(net: Network) -> Any:
    return np.mean([net.models[n].astype(np.float64) for n in net.names], axis=0)


def mean_after(worker: Any, rounds: int) -> Any:
    """Where the mean is after so many rounds in which nothing of it was lost."""
    return worker.optimum + (1 - worker.rate) ** rounds * (worker.initial - worker.optimum)


def round_of(net: Network, name: str) -> int:
    study = net.peer(name).current
    return -1 if study is None else study.round


def cohorts(net: Network, name: str) -> list[tuple[int | None, str]]:
    """(round, kind) of every COHORT that a region has sent."""
    sent = [parse(b["header"], b["sig"]).fields for b in bodies(net, name, "env.sent")]
    return [(f.round, str(f.body["kind"])) for f in sent if f.type == "COHORT"]


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param({**HOUSE, "weights": "metropolis"}, id="metropolis"),
        pytest.param({**HOUSE, "weights": "metropolis", "weight_den": 16, "ring": 16, "step_log2": 7}, id="16 bits"),
        pytest.param({"ring": 64, "step_log2": 40}, id="64 bits"),
        pytest.param({**DIFF}, id="differences"),
        pytest.param({**DIFF, **HOUSE, "weights": "metropolis", "weight_den": 16}, id="weighted differences"),
        pytest.param({**DIFF, "step_log2": [[0, "", 8], [3, "", 10]], "gamma_u": 500_000}, id="finer steps later"),
        pytest.param({"clip": "0.5"}, id="clipped"),
    ],
)
def test_masked_and_clear_give_each_region_the_same_bytes(
    make_network: Make, plan: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One plan, so that the public rounding stream is the same, once with all masks zero."""
    n = 5 if "graphs" in plan else 4
    masked, _, _ = make_network(n, rounds=6, **plan)
    assert masked.run()
    monkeypatch.setattr(StudyContext, "is_masked", False)
    clear, _, _ = make_network(n, rounds=6, **plan)
    assert clear.run()
    assert {tuple(outcomes(masked, name)) for name in masked.names} == {("mixed",) * 6}
    assert hashes(masked) == hashes(clear)


def test_metropolis_weights_keep_the_mean_where_degrees_differ_and_stand_in_the_log(make_network: Make) -> None:
    net, worker, plan = make_network(5, rounds=25, weights="metropolis", **HOUSE)
    assert net.run()
    np.testing.assert_allclose(mean_of(net), mean_after(worker, 25), atol=1e-6)
    first = bodies(net, "region-c", "round.mix")[0]
    assert (first["den"], first["weights"]) == (
        256, {"region-a": 63, "region-b": 63, "region-c": 67, "region-d": 63}
    )  # fmt: skip
    assert dict(plan.row("region-c", 0).of) == {"region-a": 63, "region-b": 63, "region-d": 63}


def test_differences_lead_where_whole_values_lead(make_network: Make) -> None:
    small, worker, _ = make_network(4, rounds=25, **DIFF)
    whole, _, _ = make_network(4, rounds=25)
    assert small.run()
    assert whole.run()
    np.testing.assert_allclose(mean_of(small), mean_after(worker, 25), atol=1e-6)
    for name in small.names:
        np.testing.assert_allclose(small.models[name], whole.models[name], atol=4 * 2.0**-10)
        assert cohorts(small, name) == [(round, "mix") for round in range(25)]


def test_a_share_of_the_blocks_leads_there_too_and_costs_that_share(make_network: Make) -> None:
    part, worker, plan = make_network(4, dim=8192, rounds=40, block_share_bp=2500, **DIFF)
    assert plan.payload_bytes(0) == 2 * 2048
    assert part.run()
    np.testing.assert_allclose(mean_of(part), mean_after(worker, 40), atol=1e-5)
    apart = np.mean([np.linalg.norm(part.models[n] - mean_of(part)) for n in part.names])
    alone = np.mean([np.linalg.norm(worker.targets[n] - worker.optimum) for n in part.names])
    assert apart <= 0.4 * alone  # between two mixings of a block every region goes four steps its own way
    assert outcomes(part, "region-a") == ["mixed"] * 40


def test_a_region_that_lost_all_it_has_said_is_taken_back_by_a_whole_state(make_network: Make) -> None:
    net, worker, _ = make_network(5, rounds=45, **DIFF)
    assert net.run(lambda: round_of(net, "region-b") >= 9)
    net.kill("region-b")
    for name in [n for n in net.regions["region-b"].store.blobs if n.startswith("diff/")]:
        del net.regions["region-b"].store.blobs[name]
    assert net.run(lambda: round_of(net, "region-a") >= 12)
    net.start("region-b")
    assert net.run()
    for name in net.names:
        kinds = [kind for _, kind in cohorts(net, name)]
        assert 1 <= kinds.count("state") <= 3
        assert kinds[-10:] == ["mix"] * 10
        np.testing.assert_allclose(net.models[name], worker.optimum, atol=0.05)


def test_a_region_that_was_only_down_goes_on_with_what_it_has_kept(make_network: Make) -> None:
    net, worker, _ = make_network(5, rounds=45, **DIFF)
    assert net.run(lambda: round_of(net, "region-b") >= 9)
    net.kill("region-b")
    assert net.run(lambda: round_of(net, "region-a") >= 12)
    net.start("region-b")
    assert net.run()
    for name in net.names:
        assert {kind for _, kind in cohorts(net, name)} == {"mix"}
        np.testing.assert_allclose(net.models[name], worker.optimum, atol=0.05)


def test_nothing_of_the_exchange_is_left_on_disk_when_the_study_ends(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=3, **DIFF)
    assert net.run()
    for name in net.names:
        assert not [n for n in net.regions[name].store.blobs if n.startswith("diff/")]


@pytest.mark.parametrize("mode", ["strict", "recoverable"])
def test_what_each_holds_is_what_the_others_have_said_less_what_is_pending(make_network: Make, mode: str) -> None:
    """Lines that break and regions that die: the sums of all, to the integer, in the middle of the study."""
    net, _, plan = make_network(
        5, rounds=30, **DIFF, masking={"mode": mode}, network={"train_ms": lambda _region, _round: 3000}
    )
    rng = np.random.default_rng(3)
    for round in range(3, 21, 3):
        net.run(lambda at=round: any(s is not None and s.round >= at for s in studies(net).values()))  # type: ignore[misc]
        a, b = rng.choice(net.names, 2, replace=False)
        if round % 2:
            net.cut(a, b)
        else:
            net.kill(a)
            net.run(limit_ms=9_000)
            net.start(a)
        net.run(limit_ms=5_000)
        net.heal(a, b)
    assert net.run(lambda: all(s is not None and s.round >= 26 for s in studies(net).values()))
    assert all(net.regions[name].peer is not None for name in net.names)
    for receiver in net.names:
        held = exchange(net, receiver).held
        row, expected = plan.row(receiver, 0), np.zeros(plan.dim, np.int64)
        assert held.since
        assert not any(exchange(net, n).edges[receiver].unknown for n in held.since)
        for name in held.since:
            part = exchange(net, name)
            edge = part.edges[receiver]
            counted = edge.open >= 0 and held.since[name] == edge.open
            waits = edge.counted if counted else edge.base
            total = np.zeros(plan.dim, np.int64) if waits is None else waits.copy()
            for owed in [*edge.owed, *([edge.open] if edge.open >= 0 and not counted else [])]:
                total += part._fine(owed, part._rounds[owed])
            assert part.said is not None
            expected += row.of[name] * (part.said - total)
        np.testing.assert_array_equal(held.total, expected)


def studies(net: Network) -> dict[str, Any]:
    return {n: r.peer.current for n, r in net.regions.items() if r.peer is not None}


def exchange(net: Network, name: str) -> Diff:
    study = next(iter(net.peer(name).studies.values()))
    assert isinstance(study.context.exchange, Diff)
    return study.context.exchange


# ---------------------------------------------------------------- patients


def test_patients_count_alike_wherever_they_are(make_network: Make) -> None:
    """Regions of 1, 2, 3 and 4 patients: all settle near the mean over patients, not over regions."""
    net, worker, _ = make_network(4, rounds=45, sums=["count"], weighting="patient")
    assert net.run()
    sizes = np.arange(1, 5)
    by_patient = sum(n * worker.targets[name] for n, name in zip(sizes, worker.names, strict=True)) / sizes.sum()
    for name in net.names:
        np.testing.assert_allclose(net.models[name], by_patient, atol=0.15)
    assert np.linalg.norm(by_patient - worker.optimum) > 0.2


def test_a_weight_beyond_the_bound_is_cut_and_said(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=3, sums=["count"], weighting="patient", weighting_max_u=1_500_000)
    assert net.run(lambda: len(net.models) == 4)
    warned = {name: net.peer(name).current.context.warnings for name in net.names}  # type: ignore[union-attr]
    assert [name for name, words in warned.items() if words] == ["region-d"]
    assert warned["region-d"] == ["this region's weight by patients is cut to 1.5 times the mean"]


def test_a_region_whose_count_is_gone_sends_nothing_it_cannot_weigh(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=6, sums=["count"], weighting="patient")
    assert net.run(lambda: round_of(net, "region-b") >= 3)
    net.kill("region-b")
    for name in [n for n in net.regions["region-b"].store.blobs if n.startswith("patients/")]:
        del net.regions["region-b"].store.blobs[name]
    net.start("region-b")
    assert net.run()
    assert "training" in [str(b["reason"]) for b in bodies(net, "region-b", "round.end")]


def test_a_value_that_is_ready_late_enters_the_later_round_weighted(
    make_network: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = "region-b"
    sent: list[Any] = []
    late = {"train_ms": lambda r, _t: 15_000 if r == slow else 20}
    net, _, _ = make_network(4, rounds=40, round_min_s=2, network=late)

    def weighted(context: Any, before: Any, after: Any) -> Any:
        return np.full_like(after, 0.25)

    ready = training.TrainingRound.ready

    def keep(self: Any, step: Any, value: Any) -> None:
        if self._context.me == slow:
            sent.append(value)
        ready(self, step, value)

    monkeypatch.setattr(training, "weighted", weighted)
    monkeypatch.setattr(training.TrainingRound, "ready", keep)
    net.run(lambda: bool(sent))
    assert any(h["reason"] == "catch-up" for h in net.peer(slow).current.history)  # type: ignore[union-attr]
    assert sent
    assert all((value == 0.25).all() for value in sent)


@pytest.mark.attack("S17")
def test_a_region_that_alone_has_a_class_is_warned(make_network: Make) -> None:
    """Column ``outcome`` counts two classes; only region-c has the second."""
    net, worker, _ = make_network(4, rounds=1, sums=["count"])
    columns = (("rows", 1), ("outcome", 2))
    worker.measure = lambda region, *_: (np.array([9, 5, 4 if region == "region-c" else 0], np.int64), columns)
    assert net.run(lambda: len(net.models) == 4)
    warned = {name: net.peer(name).current.context.warnings for name in net.names}  # type: ignore[union-attr]
    assert [name for name, words in warned.items() if words] == ["region-c"]
    assert "no other region has what this one counts in column outcome" in warned["region-c"][0]


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
