"""Whole-network rounds with real peers: the exact mean, the same bytes everywhere, a loss that costs only itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gossip.effects import Send
from gossip.network import Network
from gossip.studies.network_round import adopted, falls_back
from gossip.tree.shape import root_of
from protocol.entries import decode_entry
from protocol.plan import Plan
from protocol.steps import Part
from tests.gossip.test_schedules import Make, _mixes, _once, make_network
from tests.gossip.trees import NETWORK, dropping, fields_of, history_of, places_of

__all__ = ["make_network"]


def _agree(net: Network, round: int, names: tuple[str, ...] | list[str]) -> bool:
    return len({net.adopted[(name, round)].tobytes() for name in names}) == 1


# The mean


def test_the_mean_is_that_of_the_integers_over_all() -> None:
    reference = np.array([1.0, -2.0, 0.5], dtype=np.float32)
    total = np.array([9, -3, 0], dtype=np.int32)
    mixed = adopted(reference, total, [Part(0, 2, 0), Part(2, 3, 4)], 3)
    np.testing.assert_array_equal(mixed, np.array([4.0, -3.0, 0.5], dtype=np.float32))


@pytest.mark.parametrize("n", [3, 4, 5, 8], ids=["strict", "strict, with an inner node", "recoverable", "three levels"])
def test_all_regions_hold_the_exact_mean_in_the_same_bytes(make_network: Make, n: int) -> None:
    net, worker, _ = make_network(n, rounds=2, **NETWORK)
    own = _once(worker)
    assert net.run()
    assert net.ended[net.names[0]].outcome == "done"
    for round in range(2):
        assert _agree(net, round, net.names)
    mean = worker.initial + np.mean(list(own.values()), axis=0)
    # One rounding of each code to 2^-24, and one of the result to float32.
    np.testing.assert_allclose(net.models[net.names[0]], mean, atol=2.0**-22)


@pytest.mark.parametrize("mode", ["strict", "recoverable"])
def test_either_variant_can_be_asked_for(make_network: Make, mode: str) -> None:
    net, worker, _ = make_network(5, rounds=2, aggregation="network", masking={"mode": mode})
    _once(worker)
    assert net.run()
    assert all(row[1] == "mixed" for name in net.names for row in history_of(net, name))


def test_each_region_is_root_in_its_turn_and_sends_one_vector_up_and_one_down(make_network: Make) -> None:
    net, _, plan = make_network(7, rounds=7, **NETWORK)
    sent: dict[str, int] = {}

    def count(who: str, send: Send) -> list[Send]:
        fields = fields_of(send)
        if fields.type in ("MASKED", "PARTIAL", "RESULT") and send.payload is not None:
            sent[fields.type] = sent.get(fields.type, 0) + 1
        return [send]

    net.on_send = count
    assert net.run()
    assert [root_of(plan, round) for round in range(7)] == list(net.names)
    # Six vectors go up in a round and six come down: four leaves send MASKED, two inner nodes PARTIAL.
    assert sent == {"MASKED": 28, "PARTIAL": 14, "RESULT": 42}


def test_masked_and_clear_runs_end_with_the_same_bytes(make_network: Make) -> None:
    models = []
    for mode in ("auto", "off"):
        net, worker, _ = make_network(5, rounds=2, aggregation="network", masking={"mode": mode})
        _once(worker)
        assert net.run()
        models.append(net.models[net.names[0]].tobytes())
    assert models[0] == models[1]


def test_the_log_says_whose_values_are_in_the_mean(make_network: Make) -> None:
    net, _, _ = make_network(5, rounds=1, **NETWORK)
    assert net.run()
    for name in net.names:
        (mix,) = _mixes(net, name)
        assert mix["weights"] == dict.fromkeys(net.names, 1)
        assert mix["den"] == 5
    sums = [
        entry.body for name in net.names for entry in map(decode_entry, net.regions[name].store.leaves)
        if entry.kind == "session.sum"
    ]  # fmt: skip
    assert [one["receiver"] for one in sums] == [net.names[0]]
    assert sums[0]["sum"] == _mixes(net, net.names[3])[0]["in"][0]["sum"]


# Losses


def test_a_lost_leaf_costs_its_own_value_and_learns_the_mean_all_the_same(make_network: Make) -> None:
    net, worker, plan = make_network(8, rounds=2, **NETWORK)
    _once(worker)
    leaf = places_of(plan, 0).order[-1]
    dropping(net, lambda who, fields: who == leaf and fields.type == "MASKED" and fields.round == 0)
    assert net.run()
    others = [name for name in net.names if name != leaf]
    assert {str(history_of(net, name)[0]) for name in others} == {str((0, "mixed", None, [leaf]))}
    assert history_of(net, leaf)[0][1] == "mixed"
    assert _agree(net, 0, net.names)
    assert _agree(net, 1, net.names)
    assert all(mix["den"] == 7 for mix in (_mixes(net, name)[0] for name in net.names))


def test_a_lost_inner_node_loses_those_below_it_and_the_root_tells_them(make_network: Make) -> None:
    net, worker, plan = make_network(8, rounds=2, **NETWORK)
    _once(worker)
    tree = places_of(plan, 0)
    inner = next(name for name in reversed(tree.order) if tree.is_inner(name))
    lost = set(tree.subtree(inner))
    assert len(lost) == 2
    dropping(net, lambda who, fields: who == inner and fields.type in ("MASKED", "PARTIAL") and fields.round == 0)
    assert net.run()
    taking = set(_mixes(net, net.names[0])[0]["weights"])
    assert taking == set(net.names) - lost
    assert _agree(net, 0, net.names)


def test_too_many_lost_is_void_and_everybody_keeps_its_own_model(make_network: Make) -> None:
    net, worker, plan = make_network(8, rounds=3, **NETWORK)
    _once(worker)
    lost = places_of(plan, 0).order[-3:]
    dropping(net, lambda who, fields: who in lost and fields.type in ("MASKED", "PARTIAL") and fields.round == 0)
    assert net.run()
    for name in net.names:
        assert history_of(net, name)[0][1:3] == ("kept", "missing")
        assert [row[1] for row in history_of(net, name)[1:]] == ["mixed", "mixed"]
    # The rounds after bring all together again.
    assert _agree(net, 1, net.names)


def test_a_dead_root_costs_one_round_and_nobody_waits_for_its_end(make_network: Make) -> None:
    net, worker, plan = make_network(6, rounds=4, round_timeout_s=60, **NETWORK)
    _once(worker)
    root = root_of(plan, 1)
    net.run(lambda: all((name, 0) in net.adopted for name in net.names))
    begun_ms = net.now_ms
    net.kill(root)
    assert net.run()
    alive = [name for name in net.names if name != root]
    for name in alive:
        assert [row[1] for row in history_of(net, name)] == ["mixed", "kept", "mixed", "mixed"]
    assert _agree(net, 3, alive)
    # Not heard for 10 s; the cohort of the next round waits T_adv (6 s) once.
    assert net.now_ms - begun_ms < 25_000


def test_a_region_that_trains_long_adopts_what_the_others_have_come_to(make_network: Make) -> None:
    net, worker, plan = make_network(8, rounds=3, **NETWORK)
    _once(worker)
    slow = places_of(plan, 0).order[-1]
    net._train_ms = lambda name, round: 13_000 if (name, round) == (slow, 0) else 20
    assert net.run()
    assert history_of(net, slow)[0][1] == "mixed"
    assert slow not in _mixes(net, slow)[0]["weights"]
    assert _agree(net, 0, net.names)


def test_a_region_whose_training_fails_goes_on_with_the_mean(make_network: Make) -> None:
    net, worker, plan = make_network(8, rounds=2, **NETWORK)
    _once(worker)
    failing, train = places_of(plan, 0).order[-1], worker.train

    def fails(region: str, plan: Plan, round: int, *rest: Any) -> Any:
        if (region, round) == (failing, 0):
            raise ValueError("memory")
        return train(region, plan, round, *rest)

    worker.train = fails  # type: ignore[method-assign, assignment]
    assert net.run()
    assert history_of(net, failing)[0][1] == "mixed"
    assert _agree(net, 1, net.names)


# Fallback


def test_two_void_rounds_in_a_row_are_what_the_fallback_is_for() -> None:
    def rows(*outcomes: tuple[int, str, str | None]) -> list[dict[str, object]]:
        return [{"round": round, "outcome": outcome, "reason": reason} for round, outcome, reason in outcomes]

    assert falls_back(rows((0, "kept", "missing"), (1, "kept", "too-few")))
    assert not falls_back(rows((0, "kept", "missing"), (1, "mixed", None), (2, "kept", "missing")))
    assert not falls_back(rows((0, "kept", "missing"), (2, "kept", "missing")))
    assert not falls_back(rows((0, "kept", "training"), (1, "kept", "catch-up")))


@pytest.mark.parametrize("fallback", ["stop", "neighbourhood"])
def test_after_two_void_rounds_the_plan_decides(make_network: Make, fallback: str) -> None:
    net, worker, _ = make_network(5, rounds=5, fallback=fallback, **NETWORK)
    _once(worker)
    dropping(net, lambda who, fields: fields.type == "PARTIAL" and fields.round < 2)
    assert net.run()
    for name in net.names:
        history = history_of(net, name)
        assert [row[1] for row in history[:2]] == ["kept", "kept"]
        if fallback == "stop":
            assert (net.ended[name].outcome, len(history)) == ("stopped", 2)
        else:
            assert [row[1] for row in history[2:]] == ["mixed"] * 3
            # Along the graph again: every region is receiver of a sum of its own.
            assert _mixes(net, name)[0]["den"] == 5


def test_a_region_that_fell_back_is_there_after_a_restart(make_network: Make) -> None:
    net, worker, _ = make_network(5, rounds=6, fallback="neighbourhood", round_min_s=2, **NETWORK)
    _once(worker)
    dropping(net, lambda who, fields: fields.type == "PARTIAL" and fields.round < 2)
    net.run(lambda: (net.names[0], 2) in net.adopted)
    net.kill(net.names[0])
    net.start(net.names[0], bytes(32))
    assert net.run()
    assert [row[1] for row in history_of(net, net.names[0])][-2:] == ["mixed", "mixed"]


# Lies


# ---------------------------------------------------------------- any losses


def test_one_window_of_the_change_budget_holds_for_all_roots(make_network: Make) -> None:
    net, worker, _ = make_network(6, rounds=6, aggregation="network", masking={"mode": "auto", "change_budget": 1})
    _once(worker)
    net.run(lambda: all((name, 1) in net.adopted for name in net.names))
    net.kill(net.names[5])
    net.run(limit_ms=600_000)
    # Nobody excused it: cohorts without it are not answered, whoever is root.
    assert {row[1] for row in history_of(net, net.names[1])[2:]} == {"kept"}


# Storms


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 12))])
def test_whatever_is_cut_or_killed_those_who_mixed_hold_the_same_bytes(make_network: Make, seed: int) -> None:
    net, worker, plan = make_network(6, rounds=8, fallback="neighbourhood", round_min_s=2, **NETWORK)
    _once(worker)
    draw = np.random.default_rng(seed)
    for _ in range(5):
        net.run(lambda: False, limit_ms=int(draw.integers(500, 4_000)))
        a, b = (str(name) for name in draw.choice(net.names, 2, replace=False))
        if draw.random() < 0.5:
            net.cut(a, b)
            net.run(lambda: False, limit_ms=int(draw.integers(500, 15_000)))
            net.heal(a, b)
        else:
            net.kill(a)
            net.run(lambda: False, limit_ms=int(draw.integers(500, 20_000)))
            net.start(a, bytes(32))
    assert net.run()
    assert {ended.outcome for ended in net.ended.values()} == {"done"}
    for round in range(plan.end_round):
        roots = {
            name: mix["in"][0]["session"] for name in net.names for mix in _mixes(net, name) if mix["round"] == round
        }
        for session in set(roots.values()):
            together = [name for name, one in roots.items() if one == session and (name, round) in net.adopted]
            assert len({net.adopted[(name, round)].tobytes() for name in together}) <= 1
