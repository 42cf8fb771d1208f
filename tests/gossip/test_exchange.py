"""Numbers in whole networks: weights, rings, steps, differences and bounds, through real peers."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from gossip.network import Network
from gossip.studies import training
from gossip.studies.context import StudyContext
from protocol.envelope import parse
from tests.gossip.exchanges import DIFF, Make, bodies, exchange, outcomes, round_of

HOUSE = {"topology": "edges", "graphs": [[[0, 1], [0, 2], [0, 3], [1, 2], [1, 4], [2, 3], [3, 4]]]}  # degrees 3 and 2


def hashes(net: Network) -> dict[str, str]:
    return {n: hashlib.sha256(v.tobytes()).hexdigest() for n, v in net.models.items()}


def mean_of(net: Network) -> Any:
    return np.mean([net.models[n].astype(np.float64) for n in net.names], axis=0)


def mean_after(worker: Any, rounds: int) -> Any:
    """Where the mean is after so many rounds in which nothing of it was lost."""
    return worker.optimum + (1 - worker.rate) ** rounds * (worker.initial - worker.optimum)


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
