"""Every plan that is refused, by the name of the rule, with words that help."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from crypto.keys import PrivateKeys
from protocol.errors import PlanError
from protocol.plan import Plan
from protocol.roster import Roster, found, make_card
from topologies.generators import build

HASH = bytes(32)
DP = {"eps_max_u": 3_000_000, "delta_u12": 10**9, "clip_u": 10**6, "q_u": 200_000, "sigma_min_u": 2_490_000}
DISCLOSE = {"on_unmaskable": "disclose"}
STRICT = {"mode": "strict"}
ATOMIC = {"survivors": "group_atomic"}


def plan_of(n: int = 4, **changes: Any) -> Plan:
    """A plan of n regions, complete, everything else at its default."""
    values: dict[str, Any] = {
        "roster": HASH, "regions": [f"{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(n)],
        "task": {"name": "classifier", "version": "1"}, "schema": HASH, "layout": HASH, "dim": 10, "init": HASH,
        "code_sha256s": [HASH], "topology": "complete", "graphs": build("complete", n),
    }  # fmt: skip
    return Plan.make(**(values | changes))


def drawn(label: str, n: int, **changes: Any) -> Plan:
    """A plan on a topology drawn by its label."""
    return plan_of(n, topology=label, graphs=build(label, n), **changes)


def refusal(plan: Plan) -> PlanError:
    """What the plan is refused with."""
    with pytest.raises(PlanError) as caught:
        plan.check()
    return caught.value


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(plan_of(3), id="complete of 3"),
        pytest.param(plan_of(4), id="complete of 4 under auto"),
        pytest.param(plan_of(8, masking=STRICT), id="complete of 8, strict"),
        pytest.param(drawn("ring", 9), id="ring"),
        pytest.param(drawn("torus:3x3", 9, masking=STRICT), id="torus"),
        pytest.param(drawn("regular:3", 8), id="3-regular under auto"),
        pytest.param(drawn("cliques:3x3", 9), id="cliques"),
        pytest.param(drawn("groups:4", 8, masking=STRICT), id="groups"),
        pytest.param(plan_of(4, ring=64, step_log2=30), id="ring 64"),
        pytest.param(plan_of(4, ring=16, step_log2=12), id="ring 16"),
        pytest.param(plan_of(4, exchange="diff", ring=16, step_log2=12), id="differences in 16 bits"),
        pytest.param(
            plan_of(4, exchange="diff", ring=8, step_log2=9, dp=DP, gamma_u=500_000, block_share_bp=2500),
            id="differences in 8 bits, some of the blocks, half the way",
        ),
        pytest.param(plan_of(4, step_log2=[[0, "", 24], [5, "", 20], [5, "model.0.", 22]]), id="steps by tensor"),
        pytest.param(plan_of(4, weights="metropolis"), id="metropolis"),
        pytest.param(plan_of(4, clip=1.5), id="clip"),
        pytest.param(plan_of(4, aggregation="network", clip="1.5"), id="clip over the network"),
        pytest.param(plan_of(4, weighting="patient", sums=["count"]), id="patients count"),
        pytest.param(plan_of(4, robustness="clear", clip=1, dp=DP), id="clear"),
        pytest.param(plan_of(4, robustness="clear-trimmed", dp=DP), id="trimmed in the clear"),
        pytest.param(plan_of(10, robustness="buckets"), id="buckets"),
        pytest.param(plan_of(13, robustness="buckets", dp=DP, ring=16, step_log2=8), id="buckets of 16 bits and noise"),
        pytest.param(drawn("groups:4:closed", 16, robustness="buckets", masking=ATOMIC), id="buckets of whole groups"),
        pytest.param(plan_of(4, lab=True, masking={"mode": "off"}), id="masks off in the lab"),
        pytest.param(plan_of(2, masking=DISCLOSE, dp=DP), id="two regions that disclose"),
        pytest.param(drawn("star", 6, masking=DISCLOSE | STRICT, dp=DP), id="a star that discloses"),
        pytest.param(plan_of(20, sums=["count", "moment"], masking=STRICT), id="sums over 20"),
    ],
)
def test_plans_that_this_version_runs(plan: Plan) -> None:
    plan.check()


# ---------------------------------------------------------------- what would not hide


@pytest.mark.attack("S10")
def test_two_regions_cannot_hide_from_each_other() -> None:
    error = refusal(plan_of(2))

    assert error.rule == "unmaskable"
    assert "aa has 1 neighbour in round 0 (ab)" in error.found
    assert "two regions cannot hide from each other: the sum minus one's own value is the other's" in error.found
    assert error.expected.startswith("at least 2")
    assert 'masking.on_unmaskable = "disclose" with [dp]' in error.fix


@pytest.mark.attack("S10")
def test_a_leaf_is_refused_naming_region_round_and_the_nearest_topology() -> None:
    path = refusal(drawn("path", 5))
    star = refusal(drawn("star", 4))

    assert path.rule == star.rule == "unmaskable"
    assert path.found == "aa has 1 neighbour in round 0 (ab)"
    assert '"ring"' in path.fix
    assert '"complete" (`landsting study new --topology complete`)' in star.fix


def test_a_topology_with_many_neighbours_is_named_as_it_is() -> None:
    error = refusal(plan_of(5, topology="edges", graphs=[[[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3], [2, 4]]]))

    assert '"complete" (' in error.fix


@pytest.mark.parametrize("masking", [{"mode": "recoverable"}, {"mode": "auto"}, {"survivors": "group_atomic"}])
def test_sums_that_survive_losses_need_no_word_more(masking: dict[str, str]) -> None:
    plan_of(6, masking=masking).check()


def test_the_round_is_counted_after_the_sum_rounds() -> None:
    graphs = [[[0, 1], [0, 2], [1, 2], [1, 3], [2, 3]], [[0, 1], [2, 3]]]

    error = refusal(plan_of(4, sums=["count"], topology="edges", graphs=graphs))

    assert error.found == "aa has 1 neighbour in round 2 (ab)"


def test_a_region_without_neighbours_in_a_round_is_refused() -> None:
    error = refusal(plan_of(4, topology="edges", graphs=[[[0, 1], [0, 2], [1, 2]], [[0, 3], [1, 3], [2, 3]]]))

    assert error.found == "ad has no neighbour in round 0"


def test_more_colluders_than_neighbours_are_refused() -> None:
    error = refusal(plan_of(5, masking=STRICT | {"colluders": 3}))

    assert error.rule == "unmaskable"
    assert error.expected == "at least 5 to hide among, 3 of whom may be in league with aa"
    assert error.fix.startswith("Lower masking.min_hidden or masking.colluders")


def test_masks_that_are_off_are_held_to_the_same_rule() -> None:
    assert refusal(drawn("path", 4, lab=True, masking={"mode": "off"})).rule == "unmaskable"


def test_disclosing_without_noise_is_refused() -> None:
    error = refusal(plan_of(2, masking=DISCLOSE))

    assert error.rule == "disclose-needs-dp"
    assert "Add a [dp] table" in error.fix


@pytest.mark.attack("S33")
def test_masks_cannot_be_off_in_a_real_plan() -> None:
    error = refusal(plan_of(4, masking={"mode": "off"}))

    assert error.rule == "off-needs-lab"
    assert error.found == 'masking.mode = "off" in a plan that is not a lab plan'


def test_clear_updates_without_noise_are_refused() -> None:
    assert refusal(plan_of(4, robustness="clear")).rule == "clear-needs-dp"


def test_graphs_in_pieces_are_refused_naming_who_is_cut_off() -> None:
    error = refusal(plan_of(6, topology="edges", graphs=[[[0, 1], [0, 2], [1, 2], [3, 4], [3, 5], [4, 5]]]))

    assert error.rule == "disconnected"
    assert "2 pieces; ad, ae, af cannot be reached from aa" in error.found


def test_graphs_need_to_be_connected_over_a_turn_only() -> None:
    drawn("cliques:4x4", 16).check()


# ---------------------------------------------------------------- what contradicts itself


@pytest.mark.parametrize(
    ("plan", "rule", "words"),
    [
        pytest.param(plan_of(10, ring=8, dp=DP), "range", "leaves 14 steps on either side of 0.*at least 15",
                     id="range"),
        pytest.param(plan_of(4, ring=8, weights="metropolis", weight_den=16, dp=DP), "range",
                     "leaves 14 steps.*smaller weight_den", id="range of weights"),
        pytest.param(plan_of(4, exchange="diff", ring=16), "reach",
                     "moved 0.00065 in a round.*Set step_log2 = 19 or less", id="steps that a round outruns"),
        pytest.param(plan_of(4, ring=16), "reach",
                     "moved 0.00065 from where the study began.*Set step_log2 = 14 or less", id="steps too fine"),
        pytest.param(plan_of(4, ring=8), "ring-8", "noise whose size says", id="ring 8 without dp"),
        pytest.param(plan_of(4, exchange="diff", ring=64), "diff-ring", "Set ring = 16", id="diff in 64 bits"),
        pytest.param(plan_of(4, exchange="diff", aggregation="network"), "diff-network", 'Set exchange = "full"',
                     id="diff over the network"),
        pytest.param(plan_of(2, exchange="diff", masking=DISCLOSE, dp=DP), "diff-disclose",
                     "aa sees every update of ab.*masks at every receiver", id="diff in the clear"),
        pytest.param(plan_of(4, exchange="diff", step_log2=41), "diff-steps", "none finer than", id="diff too fine"),
        pytest.param(plan_of(4, exchange="diff", step_log2=[[0, "", 30], [9, "", 5]]), "diff-steps",
                     r"from 2\^-5 to 2\^-30", id="diff too wide"),
        pytest.param(plan_of(4, gamma_u=500_000), "diff-only", "gamma_u = 500000.*Set gamma_u = 1000000", id="gamma"),
        pytest.param(plan_of(4, block_share_bp=5000), "diff-only", "sent later", id="blocks"),
        pytest.param(plan_of(4, weights="metropolis", aggregation="network"), "network-weights", "uniform",
                     id="weights of the network"),
        pytest.param(plan_of(4, clip=1, aggregation="network", ring=64), "network-clip", "compared exactly",
                     id="clip of a wide mean"),
        pytest.param(plan_of(4, clip=1.5, robustness="none"), "clip", "clips nothing", id="clip of nothing"),
        pytest.param(plan_of(10, clip=1.5, robustness="buckets"), "clip", "clips nothing", id="clip of buckets"),
        pytest.param(plan_of(9, robustness="buckets"), "buckets-degree",
                     "aa has 8 neighbours in round 0.*at least 9.*3 buckets of 3", id="buckets of 8"),
        pytest.param(plan_of(10, robustness="buckets", exchange="diff", ring=16, step_log2=10), "buckets-full",
                     'Set exchange = "full"', id="buckets of differences"),
        pytest.param(plan_of(10, robustness="buckets", aggregation="network"), "buckets-full",
                     'aggregation = "neighbourhood"', id="buckets of one sum of all"),
        pytest.param(plan_of(10, robustness="buckets", weights="metropolis"), "buckets-weights", "uniform",
                     id="weights of buckets"),
        pytest.param(plan_of(10, robustness="buckets", masking=DISCLOSE, dp=DP), "buckets-disclose",
                     "every bucket is masked", id="buckets in the clear"),
        pytest.param(drawn("cliques:10x10", 100, robustness="buckets"), "buckets-graphs", "buckets.* with 2 graphs",
                     id="buckets of several graphs"),
        pytest.param(plan_of(10, robustness="buckets", masking=ATOMIC), "buckets-groups",
                     'buckets of 9.*no group being cut.*survivors = "free"', id="buckets of one group"),
        pytest.param(plan_of(10, robustness="buckets", masking={"colluders": 2}), "unmaskable",
                     "a bucket of aa has 3 regions.*at least 4 to hide among, 2 of whom", id="small buckets"),
        pytest.param(plan_of(4, clip="0.00000001"), "clip-range", "Use finer steps", id="clip below a step"),
        pytest.param(plan_of(4, clip=100, ring=64), "clip-range", "coarser steps", id="clip beyond 32 bits"),
        pytest.param(plan_of(4, robustness="clear", dp=DP), "clip", "clear.* without clip", id="clear without clip"),
        pytest.param(plan_of(4, robustness="clear", clip=1, dp=DP, exchange="diff"), "clear-full",
                     'exchange = "full" between neighbours', id="clear differences"),
        pytest.param(plan_of(4, robustness="clear", clip=1, dp=DP, ring=64), "clear-ring", "Set ring = 32",
                     id="clear in 64 bits"),
        pytest.param(plan_of(4, robustness="clear-nearest", weights="metropolis", dp=DP), "clear-weights",
                     "counts whom it keeps alike", id="clear weights"),
        pytest.param(drawn("cliques:3x3", 9, exchange="diff"), "diff-graphs", "diff.* with 2 graphs", id="diff"),
        pytest.param(plan_of(2, aggregation="network"), "network-size", "two regions cannot hide", id="network of 2"),
        pytest.param(plan_of(33, aggregation="network"), "network-size", "expected 3 to 32", id="network of 33"),
        pytest.param(plan_of(4, aggregation="network", masking={"survivors": "group_atomic"}), "network-groups",
                     'masking.survivors = "free"', id="groups in one sum of all"),
        pytest.param(plan_of(4, aggregation="network", fallback="neighbourhood", topology="path",
                             graphs=[[[0, 1], [1, 2], [2, 3]]]), "unmaskable", "1 neighbour", id="fallback to a path"),
        pytest.param(plan_of(8, weights="metropolis", weight_den=7), "weight-den", "weight_den = 7", id="weight_den"),
        pytest.param(plan_of(4, robustness="clip_sum"), "clip", "the bound that it clips to", id="clip"),
        pytest.param(plan_of(4, weighting="patient"), "weighting", "without the stage count", id="weighting"),
        pytest.param(plan_of(4, sums=["count", "count"]), "sums", "each stage once", id="a stage twice"),
        pytest.param(plan_of(4, sums=["moment"]), "sums", '"count" as the first stage', id="moment before count"),
        pytest.param(plan_of(33, sums=["count"]), "sums-size", "at most 20", id="sums over 33"),
        pytest.param(plan_of(4, sums=["count"], masking={"min_hidden": 4}), "sums-unmaskable",
                     "at least 5 regions", id="sums of too few"),
    ],
)  # fmt: skip
def test_a_plan_that_contradicts_itself_is_refused(plan: Plan, rule: str, words: str) -> None:
    error = refusal(plan)

    assert error.rule == rule
    with pytest.raises(PlanError, match=words):
        plan.check()


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        pytest.param(plan_of(4, topology="cmplete"), "Did you mean 'complete'?", id="misspelt"),
        pytest.param(plan_of(4, topology="torus"), "one of complete, ring", id="a torus without its sides"),
        pytest.param(plan_of(4, topology="ring"), "topology = 'ring', but regions have 3 neighbours", id="not a ring"),
        pytest.param(plan_of(4, topology="regular:2"), "but regions have 3 neighbours", id="not 2-regular"),
        pytest.param(plan_of(4, topology="torus:3x3"), "but there are 4 regions, not 9", id="not 9 regions"),
        pytest.param(plan_of(4, topology="star"), "but there are 6 edges, not 3", id="not a star"),
    ],
)
def test_a_label_that_the_graphs_contradict_is_refused(plan: Plan, words: str) -> None:
    error = refusal(plan)

    assert error.rule == "topology"
    assert words in str(error)


# ---------------------------------------------------------------- not in this version


@pytest.mark.parametrize(
    ("plan", "fix"),
    [
        pytest.param(plan_of(4, dp=DP | {"noise_rng": "system"}), 'Set dp.noise_rng = "torch"', id="noise_rng"),
        pytest.param(plan_of(4, sums=["count", "median"]), 'Set sums = ["count"]', id="unknown stage"),
        pytest.param(plan_of(21, sums=["count"], masking=STRICT), "Set sums = []", id="sums over 21"),
        pytest.param(plan_of(66), 'Set masking.mode = "strict"', id="recoverable among 66"),
    ],
)
def test_what_this_version_cannot_do_is_refused_with_the_value_that_works(plan: Plan, fix: str) -> None:
    error = refusal(plan)

    assert error.rule == "not-in-version"
    assert "not in this version" in error.found
    assert fix in error.fix


def test_rounds_are_drawn_only_where_neighbours_confirm_each_others_logs() -> None:
    unwitnessed = {"quorum": 0, "max_lag_rounds": 3, "mirror": False}
    error = refusal(plan_of(4, retention={"sample_bp": 100}, witness=unwitnessed))
    assert error.rule == "sample-witness"
    plan_of(4, retention={"sample_bp": 100}).check()
    plan_of(4, retention={"payload_rounds": 3}, witness=unwitnessed).check()


# ---------------------------------------------------------------- the roster


@pytest.fixture
def roster() -> Roster:
    def keys(name: str) -> PrivateKeys:
        return PrivateKeys.from_bytes(b"".join(hashlib.sha256(f"{name}/{i}".encode()).digest() for i in range(6)))

    return found(make_card("landsting.example", name, [], keys(name)) for name in ("halland", "skane", "vgr"))


def test_a_plan_fits_the_roster_in_force(roster: Roster) -> None:
    plan_of(3, roster=roster.hash, regions=list(roster.names)).check_roster(roster)


def test_a_plan_for_another_roster_is_refused(roster: Roster) -> None:
    with pytest.raises(PlanError, match=r"the plan names roster 0000.* \(serial 1\)") as caught:
        plan_of(3, regions=list(roster.names)).check_roster(roster)

    assert caught.value.rule == "roster"


def test_a_region_that_is_not_in_the_roster_is_refused(roster: Roster) -> None:
    with pytest.raises(PlanError, match=r"skaane is not in the roster.*Did you mean skane\?") as caught:
        plan_of(3, roster=roster.hash, regions=["halland", "skaane", "vgr"]).check_roster(roster)

    assert caught.value.rule == "regions"


def test_sums_beside_dp_need_a_share_of_epsilon_for_their_noise() -> None:
    plan_of(4, sums=["count", "moment", "bin", "bin2", "category"], dp=DP | {"preprocess_bp": 1000}).check()

    error = refusal(plan_of(4, sums=["count"], dp=DP | {"preprocess_bp": 0}))

    assert error.rule == "sums-need-noise"
    assert "opened without noise" in str(error)


def test_two_regions_open_sums_only_where_they_disclose_under_dp() -> None:
    plan_of(2, sums=["count"], masking=DISCLOSE, dp=DP | {"preprocess_bp": 1000}).check()

    assert refusal(plan_of(2, sums=["count"])).rule in ("sums-unmaskable", "unmaskable")
