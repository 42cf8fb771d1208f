"""Plans: one encoding, and what follows from them for a region and a round."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import codec
from protocol.errors import PlanError
from protocol.plan import Plan
from protocol.plan_form import PLAN
from topologies.generators import build
from topologies.measures import may_be_away

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "protocol" / "plan.json").read_text())
HASH = bytes(32)
DP = {"eps_max_u": 3_000_000, "delta_u12": 10**9, "clip_u": 10**6, "q_u": 200_000, "sigma_min_u": 2_490_000}


def plan_of(n: int = 4, **changes: Any) -> Plan:
    """A plan of n regions a, b, c, … with everything else at its default."""
    values: dict[str, Any] = {
        "roster": HASH, "regions": [f"{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(n)],
        "task": {"name": "classifier", "version": "1"}, "schema": HASH, "layout": HASH, "dim": 10, "init": HASH,
        "code_sha256s": [HASH],
    }  # fmt: skip
    return Plan.make(**(values | changes))


def drawn(label: str, n: int, **changes: Any) -> Plan:
    """A plan on a topology drawn by its label."""
    return plan_of(n, topology=label, graphs=build(label, n), **changes)


# ---------------------------------------------------------------- form


def test_a_plan_holds_every_key_of_its_table_and_the_defaults() -> None:
    value = codec.decode(plan_of().encode(), max_bytes=codec.MAX_PLAN, wide_text=True)

    assert isinstance(value, dict)
    assert set(value) == set(PLAN)
    assert value["step_log2"] == [[0, "", 24]]
    assert value["masking"] == {
        "mode": "auto", "colluders": None, "min_hidden": 2, "min_coalition": 1, "survivors": "free",
        "change_budget": 4, "on_unmaskable": "refuse",
    }  # fmt: skip
    assert value["witness"] == {"quorum": None, "max_lag_rounds": 3, "mirror": True}
    assert value["dp"] is None


def test_the_study_is_the_hash_of_the_canonical_bytes() -> None:
    plan = plan_of()

    assert plan.study == hashlib.sha256(plan.encode()).digest()
    assert Plan.decode(plan.encode()) == plan
    assert plan_of(seed=1) != plan


def test_settings_hold_reals_as_decimal_strings() -> None:
    plan = plan_of(settings={"lr": 1e-3, "steps": 5, "balanced": True, "kind": "sgd"})

    assert dict(plan.settings) == {"lr": "0.001", "steps": 5, "balanced": True, "kind": "sgd"}


def test_a_plan_cannot_be_changed() -> None:
    plan = plan_of()

    with pytest.raises(AttributeError):
        plan.rounds = 5  # type: ignore[misc]  # wrong on purpose
    with pytest.raises(TypeError):
        plan.masking["mode"] = "off"  # type: ignore[index]  # wrong on purpose


@given(st.integers(0, 10**6))
@settings(max_examples=60)
def test_one_flipped_bit_is_refused_or_makes_another_study(position: int) -> None:
    data = bytearray(plan_of().encode())
    bit = position % (8 * len(data))
    data[bit // 8] ^= 1 << bit % 8

    try:
        other = Plan.decode(bytes(data))
    except PlanError:
        return
    assert other.study != plan_of().study
    assert other.encode() == bytes(data)


@given(st.binary(max_size=200))
@settings(max_examples=60)
def test_no_other_bytes_are_a_plan(data: bytes) -> None:
    with pytest.raises(PlanError):
        Plan.decode(data)


def wrong(key: str, value: object, words: str, *, name: str | None = None) -> Any:
    return pytest.param({key: value}, words, id=name or f"{key} {value!r}"[:60])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        wrong("v", 2, "v = 2; expected one of 1"),
        wrong("v", True, "v = true; expected one of 1"),
        wrong("title", "a\nb", "one line of Latin text"),
        wrong("title", "\u4e2d", "one line of Latin text"),
        wrong("title", "é" * 101, "at most 200 bytes", name="a title of 202 bytes"),
        wrong("title", "0xff", "does not start with 0x"),
        wrong("purpose", "marketing", "one of research, quality, planning, statistics, education"),
        wrong("purpose", "qualiti", "Did you mean 'quality'?"),
        wrong("lab", 1, "true or false"),
        wrong("roster", b"\1" * 31, r"roster = 01010.* \(31 bytes\); expected a SHA-256"),
        wrong("regions", ["b", "a"], "ascending order without repeats"),
        wrong("regions", ["a", "a"], "ascending order without repeats"),
        wrong("regions", ["a"], "at least 2 of them"),
        wrong("regions", ["a", "B"], "a region's name"),
        wrong("task", {"name": "", "version": "1"}, "a word of letters"),
        wrong("dim", 0, "a whole number from 1"),
        wrong("dim", True, "a whole number from 1"),
        wrong("code_sha256s", [], "at least 1 of them"),
        wrong("settings", {"Lr": 1}, "a name of a-z"),
        wrong("settings", {"lr": [1]}, "settings.lr"),
        wrong("settings", {"lr": float("nan")}, "not a finite number"),
        wrong("settings", {"lr": float("inf")}, "not a finite number"),
        wrong("rounds", 0, "rounds = 0; expected a whole number from 1"),
        wrong("rounds", 2.0, "rounds = 2.0; expected a whole number"),
        wrong("graphs", [], "at least one list of edges"),
        wrong("graphs", [[[1, 0]]], "0 <= i < j"),
        wrong("graphs", [[[0, 1], [0, 1]]], "without repeats"),
        wrong("graphs", [[[0, 2], [0, 1]]], "ascending order"),
        wrong("graphs", [[[0, 4]]], r"edge \[0, 4\] in graphs\[0\]; expected places in `regions`, 0 to 3"),
        wrong("graphs", [[]] * 70_000, "70000 graphs over 4 regions", name="more graphs than can be checked"),
        wrong("ring", 24, "ring = 24; expected one of 8, 16, 32, 64"),
        wrong("step_log2", [], "lines such as"),
        wrong("step_log2", [[1, "", 24]], "a first line for all names from round 0 on"),
        wrong("step_log2", [[0, "", 24], [5, "", 20], [3, "", 22]], "in the order of their rounds"),
        wrong("step_log2", 53, "a whole number from -32 to 52"),
        wrong("clip", "1.50", "a decimal above 0"),
        wrong("clip", -1.5, "a decimal above 0"),
        wrong("masking", {"min_hidden": 1}, "masking.min_hidden = 1; expected a whole number of at least 2"),
        wrong("masking", {"mode": "strikt"}, "Did you mean 'strict'?"),
        wrong("dp", DP | {"q_u": 0}, "dp.q_u = 0"),
        wrong("release", {"tests": {"tstr": "0.8"}}, "release.tests.tstr"),
    ],
)
def test_a_value_of_another_form_is_refused_by_its_name(change: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        plan_of(**change)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(PlanError, match="no value for 'roster'") as caught:
        Plan.make(regions=["a", "b"])

    assert caught.value.rule == "key-missing"
    assert "landsting study new" in caught.value.fix


def test_a_key_left_out_of_the_canonical_map_is_refused() -> None:
    value = plan_of().value()
    del value["skew_ms"]

    with pytest.raises(PlanError, match="no value for 'skew_ms'"):
        Plan.decode(codec.encode(value, wide_text=True))


def test_a_plan_of_more_than_a_mebibyte_is_refused() -> None:
    with pytest.raises(PlanError, match="at most 1048576"):
        plan_of(670, topology="edges", graphs=build("complete", 670))


def test_a_complete_graph_that_cannot_fit_is_not_drawn() -> None:
    with pytest.raises(PlanError, match="the complete graph on 601 regions; expected at most 600"):
        plan_of(601, topology="complete")


@pytest.mark.attack("S20")
def test_a_proposal_of_many_regions_is_refused_quickly() -> None:
    regions = [f"r{i:05}" for i in range(40_000)]
    graph = [[i, i + 1] for i in range(39_999)]
    plan = plan_of(regions=regions, topology="edges", graphs=[graph])

    began_s = time.process_time()
    with pytest.raises(PlanError, match="r00000 has 1 neighbour"):
        plan.check()

    assert time.process_time() - began_s < 10  # about 0.3 s; what is quadratic in the regions takes minutes


# ---------------------------------------------------------------- neighbours


def test_the_topology_is_complete_up_to_eight_regions() -> None:
    assert plan_of(8, masking={"mode": "strict"}).degree("aa", 0) == 7
    with pytest.raises(PlanError, match="no topology for 9 regions"):
        plan_of(9)


def test_neighbours_follow_the_graphs_in_turn_and_in_sum_rounds_are_everybody() -> None:
    plan = plan_of(4, sums=["count", "moment"], topology="edges", graphs=[[[0, 1], [2, 3]], [[0, 2], [1, 3]]])

    assert [plan.neighbours("aa", t) for t in range(5)] == [
        ("ab", "ac", "ad"), ("ab", "ac", "ad"), ("ab",), ("ac",), ("ab",)
    ]  # fmt: skip
    assert (plan.sum_rounds, plan.first_round, plan.end_round) == (2, 2, 22)


def test_a_stranger_and_a_round_below_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="zz does not take part"):
        plan_of().neighbours("zz", 0)
    with pytest.raises(ValueError, match="round -1"):
        plan_of().neighbours("aa", -1)


@pytest.mark.parametrize(
    ("degree", "colluders"), [(2, 0), (3, 0), (4, 1), (5, 1), (6, 1), (7, 2), (8, 2), (9, 2), (12, 3), (16, 5)]
)
def test_colluders_follow_from_the_planned_degree(degree: int, colluders: int) -> None:
    plan = plan_of(degree + 1, topology="complete")

    assert plan.colluders("aa", 0) == colluders
    assert plan.needed("aa", 0) == 2 + colluders


def test_colluders_and_hidden_values_can_be_set() -> None:
    plan = plan_of(8, masking={"colluders": 3, "min_hidden": 4})

    assert (plan.colluders("aa", 0), plan.needed("aa", 0)) == (3, 7)


@pytest.mark.parametrize(
    ("label", "n", "away"),
    [
        ("ring", 5, 0),
        ("complete", 3, 0),
        ("complete", 4, 1),
        ("torus:3x3", 9, 1),
        ("regular:4", 8, 1),
        ("cliques:4x4", 16, 1),
    ],
)
def test_how_many_may_be_away(label: str, n: int, away: int) -> None:
    plan = drawn(label, n)

    assert plan.may_be_away == away
    assert plan.away_regions == plan.regions


@pytest.mark.parametrize("label", ["ring", "complete", "torus:3x4", "regular:3", "regular:5", "groups:3"])
def test_may_be_away_agrees_with_the_topology_table(label: str) -> None:
    plan = drawn(label, 12)
    number, places = may_be_away([list(graph) for graph in plan.graphs], 12)

    assert plan.may_be_away == number
    assert plan.away_regions == tuple(plan.regions[i] for i in sorted(places))


def test_an_unmaskable_neighbourhood_under_disclose_is_shown() -> None:
    plan = plan_of(3, topology="path", graphs=[[[0, 1], [1, 2]]], masking={"on_unmaskable": "disclose"}, dp=DP)

    assert [plan.is_disclosed(name, 0) for name in plan.regions] == [True, False, True]
    assert plan.disclosures() == [("aa", "ab"), ("ac", "ab")]
    assert plan.sentences() == ["aa sees every update of ab", "ac sees every update of ab"]


def test_a_maskable_plan_shows_nobody() -> None:
    assert plan_of().disclosures() == []


# ---------------------------------------------------------------- numbers


def test_numbers_of_a_training_round() -> None:
    plan = drawn("torus:3x3", 9, dim=1000)

    assert plan.den(0) == 5
    assert plan.weight_bound == 4
    assert plan.x_max(0) == 536_870_911
    assert plan.ring_at(0) == 32
    assert plan.step_log2_at(0) == 24
    assert plan.payload_bytes(0) == 4000


def test_unequal_graphs_have_their_own_denominators_and_one_bound() -> None:
    plan = drawn("cliques:3x4", 12)

    assert {plan.den(0), plan.den(1)} == {3, 4}
    assert plan.weight_bound == 3


def test_numbers_of_a_sum_round() -> None:
    plan = plan_of(5, sums=["count"])

    assert (plan.den(0), plan.ring_at(0), plan.step_log2_at(0)) == (1, 64, 0)
    assert plan.x_max(0) == (2**63 - 1) // 5
    with pytest.raises(ValueError, match="its stage says"):
        plan.payload_bytes(0)


def test_no_sum_of_a_cohort_can_wrap() -> None:
    for ring in (32, 64):
        plan = plan_of(8, ring=ring)
        assert plan.weight_bound * plan.x_max(0) < 2 ** (ring - 1)


def test_later_steps_win() -> None:
    plan = plan_of(step_log2=[[0, "", 24], [0, "bias", 20], [5, "", 22]])

    assert [plan.step_log2_at(t) for t in (0, 4, 5)] == [24, 24, 22]


def test_asking_for_neighbours_is_a_look_up() -> None:
    plan = drawn("regular:4", 64, sums=["count"])
    plan.neighbours("aa", 7)

    calls: list[object] = []
    sys.setprofile(lambda _frame, event, what: calls.append(what) if event.endswith("call") else None)
    try:
        plan.neighbours("aa", 7)
    finally:
        sys.setprofile(None)
    assert len(calls) < 20  # building the graph of 64 again would be thousands


# ---------------------------------------------------------------- vectors


@pytest.mark.parametrize("case", VECTORS["valid"], ids=lambda c: c["comment"])
def test_plan_vectors(case: dict[str, Any]) -> None:
    plan = Plan.decode(bytes.fromhex(case["canonical"]))
    plan.check()

    assert plan.study.hex() == case["study"] == hashlib.sha256(bytes.fromhex(case["canonical"])).hexdigest()
    assert plan.to_toml() == case["toml"]
    assert Plan.from_toml(case["toml"]) == plan
    assert plan.settings_sha256.hex() == case["settings_sha256"]
    assert (plan.sum_rounds, plan.end_round, plan.may_be_away) == (
        case["sum_rounds"], case["end_round"], case["may_be_away"]
    )  # fmt: skip
    assert [list(pair) for pair in plan.disclosures()] == case["disclosures"]
    for at in case["at"]:
        t = at["round"]
        assert (plan.den(t), plan.ring_at(t), plan.x_max(t)) == (at["den"], at["ring"], at["x_max"])
        assert {name: list(plan.neighbours(name, t)) for name in plan.regions} == at["neighbours"]
        assert {name: plan.needed(name, t) for name in plan.regions} == at["needed"]


@pytest.mark.parametrize("case", VECTORS["refused"], ids=lambda c: c["comment"])
def test_refused_plan_vectors(case: dict[str, str]) -> None:
    plan = Plan.decode(bytes.fromhex(case["canonical"]))

    with pytest.raises(PlanError) as caught:
        plan.check()
    assert caught.value.rule == case["rule"]
