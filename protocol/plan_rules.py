"""Which plans are refused, by name of the rule, and what to do instead.

Three kinds, in this order: what contradicts itself, what would not hide or not mix, and what this
version cannot do yet. The same function is asked when a plan is written, proposed and accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol.errors import PlanError
from protocol.names import closest
from protocol.plan_form import show
from protocol.plan_graphs import nearest_maskable, pieces
from protocol.plan_labels import check_label

if TYPE_CHECKING:
    from protocol.plan import Plan
    from protocol.roster import Roster

LEAST_X_MAX = 15
MOST_IN_SUMS = 20
MOST_IN_NETWORK = 32
STRICT_BY_ITSELF = 3  # largest planned degree at which `auto` means strict
LATER_STAGES = ("bin", "bin2", "category")
TWO_CANNOT_HIDE = "two regions cannot hide from each other: the sum minus one's own value is the other's"
WAY_OUT = 'masking.on_unmaskable = "disclose" with [dp]'


def check(plan: Plan) -> None:
    """Refuse a plan that breaks a rule.

    Raises:
        PlanError: The first rule that it breaks.
    """
    _contradictions(plan)
    _sums(plan)
    if plan.aggregation == "neighbourhood":
        check_label(plan)
        _connected(plan)
        _maskable(plan)
        _range(plan)
    _not_in_this_version(plan)


def check_indexes(plan: Plan) -> None:
    """Refuse an edge that points beyond the list of regions."""
    for number, edges in enumerate(plan.graphs):
        for i, j in edges:
            if j >= plan.n:
                raise PlanError(
                    rule="GRAPHS",
                    found=f"edge [{i}, {j}] in graphs[{number}]",
                    expected=f"places in `regions`, 0 to {plan.n - 1}",
                    fix="Draw the graphs for these regions: `landsting study new --topology …`.",
                )


def check_roster(plan: Plan, roster: Roster) -> None:
    """Refuse a plan made for another roster, or with a region that is not in it."""
    if plan.roster != roster.hash:
        raise PlanError(
            rule="ROSTER",
            found=f"the plan names roster {plan.roster.hex()[:16]}…",
            expected=f"the one in force, {roster.hash.hex()[:16]}… (serial {roster.serial})",
            fix="Make the plan anew with `landsting study new`, or ask for the roster that it was made for.",
        )
    for name in plan.regions:
        if name not in roster.names:
            near = closest(name, roster.names)
            raise PlanError(
                rule="REGIONS",
                found=f"{name} is not in the roster",
                expected="only regions of " + ", ".join(roster.names),
                fix=f"Did you mean {near}?" if near else f"Take {name} out, or found a roster with its card.",
            )


# ---------------------------------------------------------------- what contradicts itself


def _contradictions(plan: Plan) -> None:
    masking = plan.masking
    if masking["mode"] == "off" and not plan.lab:
        raise PlanError(
            rule="OFF_NEEDS_LAB",
            found='masking.mode = "off" in a plan that is not a lab plan',
            expected="masks, wherever the data may be real",
            fix='Set masking.mode = "strict"; only a demonstration, simulation or test may say lab = true.',
        )
    if masking["on_unmaskable"] == "disclose" and plan.dp is None:
        raise PlanError(
            rule="DISCLOSE_NEEDS_DP",
            found='masking.on_unmaskable = "disclose" without [dp]',
            expected="noise on what is shown to others in the clear",
            fix="Add a [dp] table (`landsting study new --dp epsilon=3,delta=1e-3`), or leave on_unmaskable at refuse.",
        )
    if plan.robustness == "clear" and plan.dp is None:
        raise PlanError(
            rule="CLEAR_NEEDS_DP",
            found='robustness = "clear" without [dp]',
            expected="noise on updates that travel without masks",
            fix='Add a [dp] table, or set robustness = "none".',
        )
    if plan.robustness == "clip_sum" and plan.clip is None:
        raise PlanError(
            rule="CLIP",
            found='robustness = "clip_sum" without clip',
            expected="the bound that it clips to",
            fix='Give clip, such as clip = 1.5, or set robustness = "none".',
        )
    if plan.exchange == "diff" and len(plan.graphs) > 1:
        raise PlanError(
            rule="DIFF_GRAPHS",
            found=f'exchange = "diff" with {len(plan.graphs)} graphs',
            expected="one graph for the whole study, since a region keeps a weighted sum over all rounds",
            fix='Use one graph, or exchange = "full".',
        )
    if plan.aggregation == "network" and not 3 <= plan.n <= MOST_IN_NETWORK:
        found = f'aggregation = "network" with {plan.n} regions'
        raise PlanError(
            rule="NETWORK_SIZE",
            found=found + (f": {TWO_CANNOT_HIDE}" if plan.n == 2 else ""),
            expected=f"3 to {MOST_IN_NETWORK} regions",
            fix=f"Add a third region, or use {WAY_OUT}." if plan.n == 2 else 'Use aggregation = "neighbourhood".',
        )
    if plan.weights == "metropolis" and plan.weight_den < 1 + max(a.degree for g in plan.turn for a in g.values()):
        raise PlanError(
            rule="WEIGHT_DEN",
            found=f"weight_den = {plan.weight_den}",
            expected="at least 1 + the largest number of neighbours",
            fix="Set weight_den = 256.",
        )
    if plan.weighting == "patient" and "count" not in plan.sums:
        raise PlanError(
            rule="WEIGHTING",
            found='weighting = "patient" without the stage count',
            expected="count among `sums`: weights follow from the number of patients",
            fix='Add "count" to sums, or set weighting = "region".',
        )


def _sums(plan: Plan) -> None:
    if not plan.sums:
        return
    if len(set(plan.sums)) < len(plan.sums):
        raise PlanError(
            rule="SUMS", found=f"a stage twice in sums = {show(list(plan.sums))}", expected="each stage once",
            fix="A sum that opens twice can give a region away; remove the second.",
        )  # fmt: skip
    if plan.sums[0] != "count":
        raise PlanError(
            rule="SUMS", found=f"sums begins with {plan.sums[0]!r}", expected='"count" as the first stage',
            fix="The bound of every other sum follows from the number of rows: put count first.",
        )  # fmt: skip
    if plan.n > MOST_IN_SUMS:
        raise PlanError(
            rule="SUMS_SIZE" if plan.n > MOST_IN_NETWORK else "NOT_IN_VERSION",
            found=f"sums over {plan.n} regions" + ("" if plan.n > MOST_IN_NETWORK else ", not in this version"),
            expected=f"at most {MOST_IN_SUMS}",
            fix="Set sums = [] and use the public ranges of the task.",
        )
    around = plan.neighbourhood(plan.regions[0], 0)
    if not around.is_maskable:
        why = f": {TWO_CANNOT_HIDE}" if plan.n == 2 else ""
        raise PlanError(
            rule="SUMS_UNMASKABLE",
            found=f"sums over {plan.n} regions{why}",
            expected=f"at least {around.needed + 1} regions, so that {around.needed} others hide each other",
            fix="Set sums = [] and use the public ranges of the task, or add regions.",
        )


# ---------------------------------------------------------------- what would not mix, or not hide


def _connected(plan: Plan) -> None:
    found = pieces(plan.n, plan.graphs)
    if len(found) > 1:
        cut_off = ", ".join(plan.regions[i] for i in found[-1])
        raise PlanError(
            rule="DISCONNECTED",
            found=f"the graphs of a turn, laid over each other, are in {len(found)} pieces; {cut_off} cannot be reached from {plan.regions[found[0][0]]}",
            expected="one piece: regions in different pieces never mix",
            fix='Use topology = "ring" or "complete", or add an edge between the pieces.',
        )  # fmt: skip


def _maskable(plan: Plan) -> None:
    if plan.masking["on_unmaskable"] == "disclose":
        return
    for number, graph in enumerate(plan.turn):
        for name, around in graph.items():
            if around.is_maskable:
                continue
            found = (
                f"{name} has {_count(around.degree, 'neighbour')} in round {plan.first_round + number}"
                + (f" ({', '.join(around.names)})" if around.names else "")
            )
            raise PlanError(
                rule="UNMASKABLE",
                found=f"{found}; {TWO_CANNOT_HIDE}" if plan.n == 2 else found,
                expected=f"at least {around.needed} to hide among"
                + (f", {around.colluders} of whom may be in league with {name}" if around.colluders else ""),
                fix=_way_out(plan),
            )


def _way_out(plan: Plan) -> str:
    masking = plan.masking
    if plan.n == 2:
        return f"Add a third region, or use {WAY_OUT}: each then sees the other's update, with noise."
    edges = {edge for graph in plan.graphs for edge in graph}
    label = nearest_maskable(plan.n, sorted(edges), masking["colluders"], masking["min_hidden"])
    if label is None:
        return f"Lower masking.min_hidden or masking.colluders, add regions, or use {WAY_OUT}."
    strict = ' with masking.mode = "strict"' if label == "complete" and plan.n - 1 > STRICT_BY_ITSELF else ""
    strict = strict if masking["mode"] == "auto" else ""
    return f'The nearest topology that hides: "{label}"{strict} (`landsting study new --topology {label}`). Or use {WAY_OUT}.'


def _range(plan: Plan) -> None:
    reach = plan.x_max(plan.first_round)
    if reach < LEAST_X_MAX:
        raise PlanError(
            rule="RANGE",
            found=f"ring = {plan.ring} bits shared by weights of up to {plan.weight_bound} leaves {reach} steps on either side of 0",
            expected=f"at least {LEAST_X_MAX}",
            fix="Use a larger ring (32), or a topology with fewer neighbours.",
        )  # fmt: skip


# ---------------------------------------------------------------- what this version cannot do


def _not_in_this_version(plan: Plan) -> None:
    masking, dp = plan.masking, plan.dp
    works: list[tuple[str, object, tuple[object, ...]]] = [
        ("aggregation", plan.aggregation, ("neighbourhood",)),
        ("exchange", plan.exchange, ("full",)),
        ("ring", plan.ring, (32, 64)),
        ("weights", plan.weights, ("uniform",)),
        ("weighting", plan.weighting, ("region",)),
        ("data_update", plan.data_update, ("keep",)),
        ("clip", plan.clip, (None,)),
        ("robustness", plan.robustness, ("none",)),
        ("freeze", list(plan.freeze), ([],)),
        ("gamma_u", plan.gamma_u, (1_000_000,)),
        ("block_share_bp", plan.block_share_bp, (10_000,)),
        ("prg", plan.prg, ("aes256ctr",)),
        ("masking.mode", masking["mode"], ("strict", "auto", "off")),
        ("masking.min_coalition", masking["min_coalition"], (1,)),
        ("masking.survivors", masking["survivors"], ("free",)),
        ("witness.quorum", plan.witness["quorum"], (0,)),
        ("witness.mirror", plan.witness["mirror"], (False,)),
        ("retention.payload_rounds", plan.retention["payload_rounds"], (0,)),
        ("retention.sample_bp", plan.retention["sample_bp"], (0,)),
    ]
    if dp is not None:
        works.append(("dp.noise_rng", dp["noise_rng"], ("torch",)))
        if plan.sums:
            works.append(("dp.preprocess_bp", dp["preprocess_bp"], (0,)))
    for key, value, able in works:
        if value not in able:
            raise _later(key, value, able[0])
    if len(plan.step_log2) > 1:
        raise _later("step_log2", [list(line) for line in plan.step_log2], plan.step_log2_at(plan.first_round), "more than one line of ")
    for stage in plan.sums:
        if stage in LATER_STAGES:
            raise _later("sums", list(plan.sums), [s for s in plan.sums if s not in LATER_STAGES])
    if masking["mode"] == "auto":
        _auto(plan)


def _auto(plan: Plan) -> None:
    for graph in plan.turn:
        for name, around in graph.items():
            if around.degree > STRICT_BY_ITSELF and not around.disclosed:
                raise PlanError(
                    rule="NOT_IN_VERSION",
                    found=f'masking.mode = "auto" with {around.degree} neighbours at {name}: from 4 on it means sums'
                    " that survive a loss, which are not in this version",
                    expected="at most 3 neighbours under auto, or sums that a region lost in mid-sending voids for its round",
                    fix='use masking.mode = "strict"',
                )


def _later(key: str, value: object, works: object, what: str = "") -> PlanError:
    extra = {
        "dp.preprocess_bp": " (the sums are then opened without noise and stand outside of epsilon), or set sums = []",
        "clip": ' and robustness = "none"',
    }.get(key, "")
    if works is None:
        fix = f"Leave {key} out{extra}."
    else:
        fix = f"Set {key} = {_toml(works)}{extra}."
    return PlanError(
        rule="NOT_IN_VERSION",
        found=f"{what}{key} = {_toml(value)} is not in this version",
        expected=f"{key} = {_toml(works)}" if works is not None else f"no {key}",
        fix=fix,
    )


def _toml(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return show(value)


def _count(number: int, word: str) -> str:
    return f"no {word}" if number == 0 else f"{number} {word}" + ("s" if number != 1 else "")
