"""Whole-network rounds with real peers: the exact mean, the same bytes everywhere, a loss that costs only itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gossip.effects import Send
from gossip.network import Network
from gossip.studies.network_round import adopted, falls_back
from gossip.tree.shape import counts_rightly, root_of, tree_of
from protocol.entries import decode_entry
from protocol.envelope import Envelope, parse
from protocol.evidence import encode_evidence, excludes, verify_evidence
from protocol.plan import Plan
from protocol.steps import Part
from tests.gossip.conftest import Hostile
from tests.gossip.test_schedules import Make, _mixes, _once, make_network

__all__ = ["make_network"]
NETWORK = {"aggregation": "network", "masking": {"mode": "auto"}}


def _history(net: Network, name: str) -> list[tuple[int, str, object, list[str]]]:
    study = net.peer(name).current
    assert study is not None
    rows: list[Any] = study.history
    return [(row["round"], row["outcome"], row["reason"], row["missing"]) for row in rows]


def _fields(send: Send) -> Any:
    return parse(send.header, send.signature).fields


def _dropping(net: Network, drop: Callable[[str, Any], bool]) -> None:
    """Let messages of some sender vanish."""
    net.on_send = lambda who, send: [] if drop(who, _fields(send)) else [send]


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
    assert all(row[1] == "mixed" for name in net.names for row in _history(net, name))


def test_each_region_is_root_in_its_turn_and_sends_one_vector_up_and_one_down(make_network: Make) -> None:
    net, _, plan = make_network(7, rounds=7, **NETWORK)
    sent: dict[str, int] = {}

    def count(who: str, send: Send) -> list[Send]:
        fields = _fields(send)
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


def _places(plan: Plan, round: int) -> Any:
    root = root_of(plan, round)
    return tree_of(plan.study, round, root, plan.regions)


def test_a_lost_leaf_costs_its_own_value_and_learns_the_mean_all_the_same(make_network: Make) -> None:
    net, worker, plan = make_network(8, rounds=2, **NETWORK)
    _once(worker)
    leaf = _places(plan, 0).order[-1]
    _dropping(net, lambda who, fields: who == leaf and fields.type == "MASKED" and fields.round == 0)
    assert net.run()
    others = [name for name in net.names if name != leaf]
    assert {str(_history(net, name)[0]) for name in others} == {str((0, "mixed", None, [leaf]))}
    assert _history(net, leaf)[0][1] == "mixed"
    assert _agree(net, 0, net.names)
    assert _agree(net, 1, net.names)
    assert all(mix["den"] == 7 for mix in (_mixes(net, name)[0] for name in net.names))


def test_a_lost_inner_node_loses_those_below_it_and_the_root_tells_them(make_network: Make) -> None:
    net, worker, plan = make_network(8, rounds=2, **NETWORK)
    _once(worker)
    tree = _places(plan, 0)
    inner = next(name for name in reversed(tree.order) if tree.is_inner(name))
    lost = set(tree.subtree(inner))
    assert len(lost) == 2
    _dropping(net, lambda who, fields: who == inner and fields.type in ("MASKED", "PARTIAL") and fields.round == 0)
    assert net.run()
    taking = set(_mixes(net, net.names[0])[0]["weights"])
    assert taking == set(net.names) - lost
    assert _agree(net, 0, net.names)


def test_too_many_lost_is_void_and_everybody_keeps_its_own_model(make_network: Make) -> None:
    net, worker, plan = make_network(8, rounds=3, **NETWORK)
    _once(worker)
    lost = _places(plan, 0).order[-3:]
    _dropping(net, lambda who, fields: who in lost and fields.type in ("MASKED", "PARTIAL") and fields.round == 0)
    assert net.run()
    for name in net.names:
        assert _history(net, name)[0][1:3] == ("kept", "missing")
        assert [row[1] for row in _history(net, name)[1:]] == ["mixed", "mixed"]
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
        assert [row[1] for row in _history(net, name)] == ["mixed", "kept", "mixed", "mixed"]
    assert _agree(net, 3, alive)
    # Not heard for 10 s; the cohort of the next round waits T_adv (6 s) once.
    assert net.now_ms - begun_ms < 25_000


def test_a_region_that_trains_long_adopts_what_the_others_have_come_to(make_network: Make) -> None:
    net, worker, plan = make_network(8, rounds=3, **NETWORK)
    _once(worker)
    slow = _places(plan, 0).order[-1]
    net._train_ms = lambda name, round: 13_000 if (name, round) == (slow, 0) else 20
    assert net.run()
    assert _history(net, slow)[0][1] == "mixed"
    assert slow not in _mixes(net, slow)[0]["weights"]
    assert _agree(net, 0, net.names)


def test_a_region_whose_training_fails_goes_on_with_the_mean(make_network: Make) -> None:
    net, worker, plan = make_network(8, rounds=2, **NETWORK)
    _once(worker)
    failing, train = _places(plan, 0).order[-1], worker.train

    def fails(region: str, plan: Plan, round: int, *rest: Any) -> Any:
        if (region, round) == (failing, 0):
            raise ValueError("memory")
        return train(region, plan, round, *rest)

    worker.train = fails  # type: ignore[method-assign, assignment]
    assert net.run()
    assert _history(net, failing)[0][1] == "mixed"
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
    _dropping(net, lambda who, fields: fields.type == "PARTIAL" and fields.round < 2)
    assert net.run()
    for name in net.names:
        history = _history(net, name)
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
    _dropping(net, lambda who, fields: fields.type == "PARTIAL" and fields.round < 2)
    net.run(lambda: (net.names[0], 2) in net.adopted)
    net.kill(net.names[0])
    net.start(net.names[0], bytes(32))
    assert net.run()
    assert [row[1] for row in _history(net, net.names[0])][-2:] == ["mixed", "mixed"]


# Lies


@pytest.mark.attack("S28")
def test_a_root_that_sends_two_results_is_convicted(make_network: Make) -> None:
    net, _, plan = make_network(5, rounds=3, round_min_s=2, **NETWORK)
    root, victim = root_of(plan, 0), net.names[3]
    net.run(lambda: (victim, 0) in net.adopted)
    liar = Hostile.liar(net, root)
    net.kill(root)
    first = net.peer(victim).mailbox.said(
        plan.study,
        net.peer(victim).current.context.sid(0, root),
        "RESULT",
        root,  # type: ignore[union-attr]
    )
    assert first is not None
    body = {**first.fields.body, "sum": bytes(32)}
    liar.say(victim, "RESULT", body, b"x" * first.fields.bytes, study=plan.study, round=0, session=first.fields.session)
    assert root in net.peer(victim).blame.suspended
    assert (root, "LS-EQUIVOCATION") in Hostile.faults(net, victim)


@pytest.mark.attack("S28")
def test_an_honest_parent_can_account_for_its_sum_and_a_false_one_cannot(make_network: Make) -> None:
    net, worker, plan = make_network(7, rounds=1, **NETWORK)
    _once(worker)
    parent = _places(plan, 0).order[1]
    said: list[Envelope] = []

    def keep(who: str, send: Send) -> list[Send]:
        envelope = parse(send.header, send.signature)
        if who == parent and envelope.fields.type == "PARTIAL":
            said.append(envelope)
        return [send]

    net.on_send = keep
    net.run(lambda: bool(said))
    kept = net.peer(parent).current.context.trees[0].kept  # type: ignore[union-attr]
    assert len(kept) == 3
    assert counts_rightly(said[0], kept, plan.ring_at(0))
    assert not counts_rightly(said[0], kept[:2], plan.ring_at(0))


@pytest.mark.attack("S28")
def test_a_parent_that_leaves_out_whom_it_gave_a_receipt_accuses_itself(make_network: Make) -> None:
    net, worker, plan = make_network(7, rounds=1, **NETWORK)
    _once(worker)
    parent = _places(plan, 0).order[1]
    child = _places(plan, 0).children(parent)[0]
    said: dict[str, list[Envelope]] = {"RECEIPT": [], "PARTIAL": []}

    def keep(who: str, send: Send) -> list[Send]:
        envelope = parse(send.header, send.signature)
        if who == parent and envelope.fields.type in said:
            said[envelope.fields.type].append(envelope)
        return [send]

    net.on_send = keep
    assert net.run()
    (receipt,) = [one for one in said["RECEIPT"] if one.fields.body["about"] == child]
    (honest,) = said["PARTIAL"]
    assert excludes(receipt, honest) is None
    liar = Hostile.liar(net, parent)
    rows: Any = honest.fields.body["members"]
    body = {"view": honest.fields.body["view"], "members": [row for row in rows if row[0] != child]}
    false = liar.log.seal(
        "PARTIAL", body, to=[root_of(plan, 0)], now_ms=net.now_ms, study=plan.study, round=0,
        session=honest.fields.session, payload=bytes(48),
    )  # fmt: skip
    key = net.regions[parent].card.keys.sign
    code, first, second = verify_evidence(encode_evidence(receipt, false), lambda _: key)
    assert (code, first.fields.sender, second.fields.sender) == ("LS-FALSE-DROPOUT", parent, parent)


@pytest.mark.attack("S28")
def test_a_leaf_whose_header_never_reaches_the_root_costs_its_branch_and_convicts_nobody(make_network: Make) -> None:
    net, worker, plan = make_network(10, rounds=2, **NETWORK)
    _once(worker)
    tree, root = _places(plan, 0), root_of(plan, 0)
    leaf = tree.children(tree.order[2])[0]

    def lose(who: str, send: Send) -> list[Send]:
        fields = parse(send.header, send.signature).fields
        is_bare = (who, send.link, fields.type, fields.round) == (leaf, root, "MASKED", 0)
        return [] if is_bare else [send]

    net.on_send = lose
    assert net.run()
    branch = set(tree.subtree(tree.order[2]))
    for name in net.names:
        assert not net.peer(name).blame.suspended
        assert _history(net, name)[0][1:] == ("mixed", None, sorted(branch - {name}))


def test_a_result_over_others_than_were_shown_as_survivors_is_not_adopted(make_network: Make) -> None:
    net, _, plan = make_network(5, rounds=2, round_min_s=2, **NETWORK)
    root, victim = root_of(plan, 0), net.names[3]
    _dropping(net, lambda who, fields: fields.type == "RESULT" and fields.round == 0)
    Hostile.until_round(net, root, 1)
    liar = Hostile.liar(net, root)
    liar.fork(_after_result(net, root))
    net.kill(root)
    sid = net.peer(victim).current.context.sid(0, root)  # type: ignore[union-attr]
    body = {"outcome": "done", "reason": None, "members": [victim], "sum": bytes(32)}
    liar.say(victim, "RESULT", body, bytes(4 * 12), study=plan.study, round=0, session=sid)
    net.run(lambda: (victim, 0) in net.adopted)
    assert _history(net, victim)[0][1:3] == ("kept", "conflict")


def _after_result(net: Network, root: str) -> int:
    """How many of the newest entries follow the root's own RESULT, it included."""
    entries = [decode_entry(leaf) for leaf in net.regions[root].store.leaves]
    for back, entry in enumerate(reversed(entries), start=1):
        if entry.kind == "env.sent":
            fields = parse(entry.body["header"], entry.body["sig"]).fields  # type: ignore[arg-type]
            if fields.type == "RESULT":
                return back
    raise AssertionError("no RESULT was sent")


def test_an_announcement_to_a_region_that_is_not_the_root_is_a_fault(make_network: Make) -> None:
    net, _, plan = make_network(5, rounds=2, round_min_s=2, **NETWORK)
    victim = next(name for name in net.names if name != root_of(plan, 1))
    Hostile.until_round(net, victim, 1)
    name = next(name for name in net.names if name not in (victim, root_of(plan, 1)))
    liar = Hostile.liar(net, name)
    net.kill(name)
    sid = net.peer(victim).current.context.sid(1, victim)  # type: ignore[union-attr]
    body = {"mask_key": b"\x09" + bytes(31), "eph": b"\x09" + bytes(31), "need_state": False, "stats": None}
    liar.say(victim, "ADVERT", body, study=plan.study, round=1, session=sid)
    assert (name, "STATE") in Hostile.faults(net, victim)


def test_one_window_of_the_change_budget_holds_for_all_roots(make_network: Make) -> None:
    net, worker, _ = make_network(6, rounds=6, aggregation="network", masking={"mode": "auto", "change_budget": 1})
    _once(worker)
    net.run(lambda: all((name, 1) in net.adopted for name in net.names))
    net.kill(net.names[5])
    net.run(limit_ms=600_000)
    # Nobody excused it: cohorts without it are not answered, whoever is root.
    assert {row[1] for row in _history(net, net.names[1])[2:]} == {"kept"}


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
