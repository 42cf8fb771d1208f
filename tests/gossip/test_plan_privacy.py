"""A plan's own bound on coalitions: the same answer where it is written, proposed and accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gossip.consent.plan_privacy import check_min_coalition, mixing_of
from gossip.errors import Refusal
from protocol.errors import PlanError
from protocol.plan import Plan
from topologies import build
from topologies.coalitions import least_in_degree
from topologies.privacy import seen_in_one_round

NAMES = ("halland", "orebro", "skane", "vgr")


def _plan(label: str = "complete", n: int = 4, bound: int = 1, **changes: object) -> Plan:
    names = NAMES if n == 4 else tuple(f"region-{i:02}" for i in range(n))
    values: dict[str, object] = {
        "roster": bytes(32), "regions": list(names), "task": {"name": "idle", "version": "1"}, "schema": bytes(32),
        "layout": bytes(32), "dim": 4, "init": bytes(32), "code_sha256s": [bytes(32)], "sums": [],
        "topology": label, "graphs": [[list(edge) for edge in graph] for graph in build(label, n)],
        "masking": {"mode": "strict", "min_coalition": bound},
    }  # fmt: skip
    return Plan.make(**values | changes)


def test_complete_of_four_keeps_a_bound_of_three_and_no_more() -> None:
    check_min_coalition(_plan(bound=3))
    with pytest.raises(PlanError, match="min-coalition: found halland, orebro and skane together see"):
        check_min_coalition(_plan(bound=4))


def test_a_ring_does_not_keep_a_bound_of_three() -> None:
    with pytest.raises(PlanError, match="expected at least 3"):
        check_min_coalition(_plan("ring", bound=3))


def test_two_neighbours_at_most_can_be_searched_for_in_a_large_plan() -> None:
    check_min_coalition(_plan("torus:10x10", 100, bound=2))
    with pytest.raises(PlanError, match="cannot be shown in good time"):
        check_min_coalition(_plan("regular:5", 100, bound=5))


@pytest.mark.attack("S11")
def test_a_plan_below_its_own_bound_is_neither_proposed_nor_taken_in(make_network: Callable[..., Any]) -> None:
    net, _, plan = make_network(4)
    below = Plan.make(**{**plan.value(), "masking": {"mode": "strict", "min_coalition": 4}})
    with pytest.raises(ValueError, match="a coalition of 3"):
        net.ask("region-a", "propose", plan=below.encode())
    receiver = net.peer("region-b")
    assert below.study not in receiver.agreement.proposals
    with pytest.raises(Refusal, match="together see"):
        receiver.agreement._read(below.encode(), receiver.membership.in_force)


def test_weights_are_those_that_the_plan_mixes_by() -> None:
    uniform = mixing_of(_plan("star", 4, masking={"on_unmaskable": "disclose"}, dp=_DP))
    np.testing.assert_array_equal(uniform.weights[0], [[1, 1, 1, 1], [1, 3, 0, 0], [1, 0, 3, 0], [1, 0, 0, 3]])
    metropolis = mixing_of(_plan("ring", weights="metropolis", weight_den=256))
    assert metropolis.weights[0][0].tolist() == [86, 85, 0, 85]


def test_who_is_disclosed_to_sees_each_value_and_the_rest_see_sums() -> None:
    mixing = mixing_of(_plan("star", 4, masking={"on_unmaskable": "disclose"}, dp=_DP))
    assert seen_in_one_round(mixing, [1]) == {0}
    assert seen_in_one_round(mixing, [0]) == set()


def test_with_masks_off_everybody_sees_each_neighbour() -> None:
    assert seen_in_one_round(mixing_of(_plan("ring", masking={"mode": "off"}, lab=True)), [0]) == {1, 3}


def test_one_sum_of_all_hides_from_all_but_one() -> None:
    mixing = mixing_of(_plan("ring", 7, aggregation="network"))
    assert seen_in_one_round(mixing, range(5)) == set()
    assert seen_in_one_round(mixing, range(6)) == {6}


def test_of_buckets_each_sum_is_seen_by_itself() -> None:
    plan = _plan("complete", 10, robustness="buckets")
    plan.check()
    mixing = mixing_of(plan)
    assert least_in_degree(mixing) == 3
    number = {name: i for i, name in enumerate(plan.regions)}
    for name in plan.regions:
        assert seen_in_one_round(mixing, [number[name]]) == set()
        first, second, third = (number[one] for one in plan.parts(name, 0)[0].names)
        assert third in seen_in_one_round(mixing, {number[name], first, second})
        assert seen_in_one_round(mixing_of(_plan("complete", 10)), {number[name], first, second}) == set()
    with pytest.raises(PlanError, match=r"min-coalition: found region.* the update of"):
        check_min_coalition(_plan("complete", 10, bound=4, robustness="buckets"))


_DP = {
    "accountant": "rdp", "eps_max_u": 3_000_000, "delta_u12": 10**9, "clip_u": 1_000_000, "q_u": 100_000,
    "sigma_min_u": 1_000_000,
}  # fmt: skip
