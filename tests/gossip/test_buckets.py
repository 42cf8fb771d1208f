"""Rounds of buckets: sums of parts of the neighbourhood, the middle of their means, and what a liar can do to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gossip.effects import Send
from gossip.exchange.mixing import mix_median
from gossip.exchange.robust import median
from gossip.exchange.values import Full
from gossip.network import Network
from gossip.sessions.variant import is_recoverable, rules_of
from protocol.envelope import parse
from protocol.plan import Plan
from protocol.steps import Part
from tests.gossip.conftest import Quadratic, quadratic_plan
from tests.gossip.exact import Codes, count_exact, entries

Make = Callable[..., Any]
BUCKETS: dict[str, Any] = {"robustness": "buckets"}
LIAR = "region-j"


class Seen:
    """The model that every region begins each round with, and what it makes of it."""

    def __init__(self, worker: Any) -> None:
        self.before: dict[tuple[str, int], NDArray[np.float32]] = {}
        self.after: dict[tuple[str, int], NDArray[np.float32]] = {}
        original = worker.train

        def train(region: str, plan: Plan, round: int, vector: NDArray[np.float32], totals: Any) -> Any:
            after, report = original(region, plan, round, vector, totals)
            self.before[(region, round)], self.after[(region, round)] = vector.copy(), after.copy()
            return after, report

        worker.train = train

    def beyond(self, names: list[str], round: int) -> float:
        """How far any of these regions comes out of a round beyond what they went into its mixing with."""
        made = np.stack([self.after[(name, round)] for name in names])
        low, high = made.min(axis=0), made.max(axis=0)
        got = np.stack([self.before[(name, round + 1)] for name in names])
        return float(max((low - got).max(), (got - high).max()))


def outcomes(net: Network, name: str) -> list[tuple[str, str | None]]:
    return [(str(e.body["outcome"]), e.body["reason"]) for e in entries(net, name, "round.end")]  # type: ignore[misc]


def type_of(send: Send) -> str:
    return parse(send.header, send.signature).fields.type


# ---------------------------------------------------------------- the middle of several means


@given(
    st.integers(3, 9).flatmap(
        lambda n: st.tuples(
            st.lists(st.floats(-1e6, 1e6), min_size=n, max_size=n),
            st.lists(st.floats(-1e30, 1e30), min_size=(n - 1) // 2, max_size=(n - 1) // 2),
        )
    )
)
@settings(max_examples=100, deadline=None)
def test_the_median_stays_among_the_honest_while_fewer_than_half_lie(case: tuple[list[float], list[float]]) -> None:
    values, lies = case
    honest = values[len(lies) :]
    found = median([np.array([one]) for one in [*lies, *honest]])[0]
    assert min(honest) <= found <= max(honest)


def test_a_mix_goes_to_the_median_with_the_weight_of_all_who_are_in() -> None:
    own = np.array([1.0, -2.0], np.float32)
    words = [([30, 4], 3), ([8, -8], 2), ([-(2**31), 2**31 - 1], 4)]
    sums = [(np.array(total, np.int32), count) for total, count in words]
    mixed = mix_median(own, sums, np.array([2, 1], np.int32), [Part(0, 1, 3), Part(1, 2, 1)], 10)
    # Means 10, 4, -2^29 and 4/3, -4, 2^29: medians 4 and 4/3; nine of ten parts of the way.
    np.testing.assert_array_equal(mixed, np.float32([1 + 9 * 2 / 8 / 10, -2 + 9 * (4 / 3 - 1) / 2 / 10]))


# ---------------------------------------------------------------- whole networks


@pytest.mark.parametrize("mode", ["auto", "strict", "recoverable"])
def test_masked_and_clear_end_in_the_same_bytes_and_every_sum_is_exact(
    make_network: Make, codes: Codes, mode: str
) -> None:
    net, _, plan = make_network(11, rounds=2, masking={"mode": mode}, seed=1, **BUCKETS)
    assert net.run()
    assert count_exact(net, plan, codes) == 2 * 11 * 3
    for name in net.names:
        assert outcomes(net, name) == [("mixed", None)] * 2
        mix = entries(net, name, "round.mix")[0].body
        cuts = [part.names for part in plan.parts(name, 0)]
        assert [e.body["survivors"] for e in entries(net, name, "session.sum")][:3] == [list(cut) for cut in cuts]
        assert (mix["den"], mix["missing"], len(mix["in"])) == (11, [], 3)
        assert mix["weights"] == dict.fromkeys(net.names, 1)
        # Of the variant of each bucket its own size decides.
        assert [is_recoverable(plan, name, 0, b) for b in range(3)] == [
            mode == "recoverable" or (mode == "auto" and len(cut) > 3) for cut in cuts
        ]
        assert rules_of(plan, name, 0, 1).planned == cuts[1]


def test_masks_change_no_bit_of_the_model(make_network: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from gossip.studies.context import StudyContext

    masked, _, _ = make_network(10, rounds=2, **BUCKETS)
    assert masked.run()
    monkeypatch.setattr(StudyContext, "is_masked", False)
    clear, _, _ = make_network(10, rounds=2, **BUCKETS)
    assert clear.run()
    assert {n: masked.models[n].tobytes() for n in masked.names} == {n: clear.models[n].tobytes() for n in clear.names}


def test_honest_regions_come_near_to_the_mean(make_network: Make) -> None:
    net, worker, _ = make_network(10, rounds=12, **BUCKETS)
    assert net.run()
    mean = np.mean([net.models[n].astype(np.float64) for n in net.names], axis=0)
    expected = worker.optimum + (1 - worker.rate) ** 12 * (worker.initial - worker.optimum)
    spread = np.std([worker.targets[n] for n in net.names], axis=0)
    print("distance from the mean in spreads", np.abs(mean - expected) / spread)
    assert (np.abs(mean - expected) <= spread).all()


@pytest.mark.parametrize("how", ["a far model", "any integers of the ring"])
def test_one_false_region_moves_nobody_beyond_what_honest_ones_have(
    make_network: Make, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The same lies without buckets carry everybody far beyond."""
    rng, original = np.random.default_rng(5), Full.integers

    def integers(exchange: Full, step: Any, round: int, receiver: str) -> Any:
        value = original(exchange, step, round, receiver)
        if exchange.me != LIAR:
            return value
        if how == "a far model":
            return np.full_like(value, exchange.plan.x_max(round))
        return rng.integers(-(2**31), 2**31, value.size, dtype=np.int64).astype(value.dtype)

    monkeypatch.setattr(Full, "integers", integers)
    beyond: dict[str, list[float]] = {}
    for robustness in ("buckets", "none"):
        net, worker, _ = make_network(10, rounds=4, robustness=robustness)
        seen = Seen(worker)
        assert net.run()
        honest = [name for name in net.names if name != LIAR]
        beyond[robustness] = [seen.beyond(honest, round) for round in range(3)]
        for name in honest:
            assert outcomes(net, name) == [("mixed", None)] * 4
    assert max(beyond["buckets"]) <= 2.0**-20  # a step, and float32
    assert min(beyond["none"]) > 0.3


COUNTIES = ["blekinge", "dalarna", "gotland", "halland", "jamtland", "kalmar", "orebro", "skane", "sormland", "uppsala",
            "varmland", "vgr", "vasternorrland"]  # fmt: skip


def lose(net: Network, names: Sequence[str]) -> None:
    """Lose regions for good while all train in round 1."""
    assert net.run(lambda: all((name, 0) in net.adopted for name in net.names))
    for name in names:
        net.kill(name)
    net.run(limit_ms=120_000)


def test_a_bucket_whose_members_are_gone_is_left_out_while_three_are_left(codes: Codes) -> None:
    worker = Quadratic(COUNTIES)
    net = Network(COUNTIES, worker, train_ms=lambda _region, _round: 2000)
    plan = quadratic_plan(net.found(), worker, rounds=2, **BUCKETS)
    plan.check()
    net.agree(plan)
    gone = plan.parts("vgr", 0)[2].names[:2]
    lose(net, gone)
    assert count_exact(net, plan, codes) > 0
    voids = 0
    for name in [n for n in net.names if n not in gone]:
        left = [part for part in plan.parts(name, 0) if len(set(part.names) - set(gone)) >= part.needed]
        assert len(left) >= 3
        voids += 4 - len(left)
        assert outcomes(net, name) == [("mixed", None)] * 2
        assert len(entries(net, name, "session.sum")) == 4 + len(left)
        assert [e.body["reason"] for e in entries(net, name, "session.void")] == ["too-few"] * (4 - len(left))
        mix = entries(net, name, "round.mix")[1].body
        senders = sorted(one for part in left for one in part.names if one not in gone)
        assert len(mix["in"]) == len(left)  # type: ignore[arg-type]
        assert mix["weights"] == dict.fromkeys(senders, 1) | {name: 13 - len(senders)}
    assert voids > 0


def test_where_fewer_than_three_can_be_left_the_round_is_kept_and_nothing_of_it_used(make_network: Make) -> None:
    net, _, plan = make_network(10, rounds=2, network={"train_ms": lambda _region, _round: 2000}, **BUCKETS)
    lose(net, plan.parts("region-a", 0)[0].names[:2])
    assert outcomes(net, "region-a") == [("mixed", None), ("kept", "too-few")]
    assert len(entries(net, "region-a", "round.mix")) == 1
    assert len(entries(net, "region-a", "session.void")) == 3
    assert len(entries(net, "region-a", "session.sum")) == 3


@pytest.mark.parametrize("phase", ["SHARES", "MASKED", "CONFIRM", "REVEAL"])
def test_one_loss_in_a_bucket_that_survives_losses_leaves_exact_sums(
    make_network: Make, codes: Codes, phase: str
) -> None:
    net, _, plan = make_network(10, rounds=2, masking={"mode": "recoverable"}, **BUCKETS)
    net.on_send = lambda sender, send: [] if sender == LIAR and type_of(send) == phase else [send]
    assert net.run(limit_ms=600_000)
    assert count_exact(net, plan, codes) >= 2 * 9 * 3
    for name in [n for n in net.names if n != LIAR]:
        assert outcomes(net, name) == [("mixed", None)] * 2
        survivors = {one for e in entries(net, name, "session.sum") for one in e.body["survivors"]}  # type: ignore[union-attr]
        assert (LIAR in survivors) is (phase in ("CONFIRM", "REVEAL"))


@pytest.mark.parametrize("mode", ["strict", "recoverable"])
def test_a_region_killed_in_the_middle_comes_back_and_nothing_is_said_twice(
    make_network: Make, codes: Codes, mode: str
) -> None:
    net, _, plan = make_network(
        10, rounds=6, masking={"mode": mode}, network={"train_ms": lambda _region, _round: 2000}, **BUCKETS
    )
    back = "region-b"
    assert net.run(lambda: ("region-a", 2) in net.adopted)
    net.run(lambda: False, limit_ms=2050)
    net.kill(back)
    net.run(lambda: False, limit_ms=1500)
    net.start(back)
    assert net.run(limit_ms=600_000)
    assert count_exact(net, plan, codes) > 0
    assert outcomes(net, back)[-1] == ("mixed", None)
    assert [o for o, _ in outcomes(net, back)].count("kept") <= 3
    for name in net.names:
        assert entries(net, name, "fault") == []
        assert outcomes(net, name)[-1] == ("mixed", None)


def test_who_announces_itself_to_another_bucket_is_not_heard(make_network: Make, hostile: Any) -> None:
    net, _, plan = make_network(10, rounds=3, network={"train_ms": lambda _region, _round: 3000}, **BUCKETS)
    hostile.until_round(net, "region-a", 0)
    net.kill(LIAR)
    liar = hostile.liar(net, LIAR)
    own = plan.bucket_of("region-a", 0, LIAR)
    for bucket in range(4):
        sid = net.peer("region-a").current.context.sid(0, "region-a", bucket)  # type: ignore[union-attr]
        body = {"mask_key": bytes([9]) + bytes(31), "eph": bytes([9]) + bytes(31), "need_state": False, "stats": None}
        liar.say("region-a", "ADVERT", body, study=plan.study, round=0, session=sid)
        assert len(hostile.faults(net, "region-a")) == bucket + (bucket < own)
    assert hostile.faults(net, "region-a") == [(LIAR, "STATE")] * 3
