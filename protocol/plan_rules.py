"""Which plans are refused, by name of the rule, and what to do instead.

Three kinds, in this order: what contradicts itself, what would not hide or not mix, and what this
version cannot do yet. The same function is asked when a plan is written, proposed and accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from protocol.errors import PlanError
from protocol.names import closest
from protocol.plan_buckets import check_buckets
from protocol.plan_checks import show
from protocol.plan_graphs import nearest_maskable, pieces
from protocol.plan_labels import check_label
from protocol.plan_numbers import check_numbers, check_range
from protocol.plan_version import check_version
from protocol.release import check_release

if TYPE_CHECKING:
    from protocol.plan import Plan
    from protocol.roster import Roster

MOST_PLACES = 2**18  # a proposal comes from another region: what its check costs is bounded
MOST_IN_SUMS = 20
MOST_IN_NETWORK = 32
TWO_CANNOT_HIDE = "two regions cannot hide from each other: the sum minus one's own value is the other's"
WAY_OUT = 'masking.on_unmaskable = "disclose" with [dp]'


def check(plan: Plan) -> None:
    """Refuse a plan that breaks a rule.

    Raises:
        PlanError: The first rule that it breaks.
    """
    _contradictions(plan)
    check_numbers(plan)
    _sums(plan)
    if plan.aggregation == "network":
        _network(plan)
    along = plan.fallen_back() if plan.aggregation == "network" else plan
    if along is plan or plan.fallback == "neighbourhood":
        check_label(along)
        _connected(along)
        _maskable(along)
    check_buckets(plan)
    check_range(plan)
    check_release(plan)
    check_version(plan)


def check_graphs(plan: Plan) -> None:
    """Refuse an edge that points beyond the list of regions, and more graphs than can be looked at quickly."""
    if len(plan.graphs) * plan.n > MOST_PLACES:
        raise PlanError(
            rule="size",
            found=f"{len(plan.graphs)} graphs over {plan.n} regions",
            expected=f"at most {MOST_PLACES} graphs times regions",
            fix="Use fewer graphs; they come round again.",
        )
    for number, edges in enumerate(plan.graphs):
        for i, j in edges:
            if j >= plan.n:
                raise PlanError(
                    rule="graphs",
                    found=f"edge [{i}, {j}] in graphs[{number}]",
                    expected=f"places in `regions`, 0 to {plan.n - 1}",
                    fix="Draw the graphs for these regions: `landsting study new --topology …`.",
                )


def check_roster(plan: Plan, roster: Roster) -> None:
    """Refuse a plan made for another roster, or with a region that is not in it."""
    if plan.roster != roster.hash:
        raise PlanError(
            rule="roster",
            found=f"the plan names roster {plan.roster.hex()[:16]}…",
            expected=f"the one in force, {roster.hash.hex()[:16]}… (serial {roster.serial})",
            fix="Make the plan anew with `landsting study new`, or ask for the roster that it was made for.",
        )
    for name in plan.regions:
        if name not in roster.names:
            near = closest(name, roster.names)
            raise PlanError(
                rule="regions",
                found=f"{name} is not in the roster",
                expected="only regions of " + ", ".join(roster.names),
                fix=f"Did you mean {near}?" if near else f"Take {name} out, or found a roster with its card.",
            )


# ---------------------------------------------------------------- what contradicts itself


def _contradictions(plan: Plan) -> None:
    masking = plan.masking
    if masking["mode"] == "off" and not plan.lab:
        raise PlanError(
            rule="off-needs-lab",
            found='masking.mode = "off" in a plan that is not a lab plan',
            expected="masks, wherever the data may be real",
            fix='Set masking.mode = "strict"; only a demonstration, simulation or test may say lab = true.',
        )
    if masking["on_unmaskable"] == "disclose" and plan.dp is None:
        raise PlanError(
            rule="disclose-needs-dp",
            found='masking.on_unmaskable = "disclose" without [dp]',
            expected="noise on what is shown to others in the clear",
            fix="Add a [dp] table (`landsting study new --dp epsilon=3,delta=1e-3`), or leave on_unmaskable at refuse.",
        )
    if plan.aggregation == "network" and not 3 <= plan.n <= MOST_IN_NETWORK:
        found = f'aggregation = "network" with {plan.n} regions'
        raise PlanError(
            rule="network-size",
            found=found + (f": {TWO_CANNOT_HIDE}" if plan.n == 2 else ""),
            expected=f"3 to {MOST_IN_NETWORK} regions",
            fix=f"Add a third region, or use {WAY_OUT}." if plan.n == 2 else 'Use aggregation = "neighbourhood".',
        )


def _sums(plan: Plan) -> None:
    if not plan.sums:
        return
    if len(set(plan.sums)) < len(plan.sums):
        raise PlanError(
            rule="sums", found=f"a stage twice in sums = {show(list(plan.sums))}", expected="each stage once",
            fix="A sum that opens twice can give a region away; remove the second.",
        )  # fmt: skip
    if plan.sums[0] != "count":
        raise PlanError(
            rule="sums", found=f"sums begins with {plan.sums[0]!r}", expected='"count" as the first stage',
            fix="The bound of every other sum follows from the number of rows: put count first.",
        )  # fmt: skip
    if plan.n > MOST_IN_SUMS:
        raise PlanError(
            rule="sums-size" if plan.n > MOST_IN_NETWORK else "not-in-version",
            found=f"sums over {plan.n} regions" + ("" if plan.n > MOST_IN_NETWORK else ", not in this version"),
            expected=f"at most {MOST_IN_SUMS}",
            fix="Set sums = [] and use the public ranges of the task.",
        )
    around = plan.neighbourhood(plan.regions[0], 0)
    if not around.is_maskable and not (plan.dp is not None and plan.masking["on_unmaskable"] == "disclose"):
        why = f": {TWO_CANNOT_HIDE}" if plan.n == 2 else ""
        raise PlanError(
            rule="sums-unmaskable",
            found=f"sums over {plan.n} regions{why}",
            expected=f"at least {around.needed + 1} regions, so that {around.needed} others hide each other",
            fix="Set sums = [] and use the public ranges of the task, or add regions; with dp,"
            " --disclose and --preprocess 0.1 open sums under noise.",
        )


# ---------------------------------------------------------------- what would not mix, or not hide


def _network(plan: Plan) -> None:
    _maskable(plan)
    if plan.masking["survivors"] == "group_atomic":
        raise PlanError(
            rule="network-groups",
            found='masking.survivors = "group_atomic" with aggregation = "network"',
            expected='"free": in one sum of all there are no groups',
            fix='Set masking.survivors = "free".',
        )
    if plan.masking["on_unmaskable"] == "disclose":
        raise PlanError(
            rule="network-disclose",
            found='masking.on_unmaskable = "disclose" with aggregation = "network"',
            expected='"refuse": one sum of all is always masked',
            fix='Set masking.on_unmaskable = "refuse", or aggregation = "neighbourhood".',
        )


def _connected(plan: Plan) -> None:
    found = pieces(plan.n, plan.graphs)
    if len(found) > 1:
        cut_off = ", ".join(plan.regions[i] for i in found[-1])
        raise PlanError(
            rule="disconnected",
            found=f"the graphs of a turn, laid over each other, are in {len(found)} pieces;"
            f" {cut_off} cannot be reached from {plan.regions[found[0][0]]}",
            expected="one piece: regions in different pieces never mix",
            fix='Use topology = "ring" or "complete", or add an edge between the pieces.',
        )


def _maskable(plan: Plan) -> None:
    if (plan.is_clear or plan.masking["on_unmaskable"] == "disclose") and plan.aggregation != "network":
        return
    for number, graph in enumerate(plan.turn):
        for name, around in graph.items():
            if around.is_maskable:
                continue
            found = f"{name} has {_count(around.degree, 'neighbour')} in round {plan.first_round + number}" + (
                f" ({', '.join(around.names)})" if around.names else ""
            )
            raise PlanError(
                rule="unmaskable",
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
    command = f"`landsting study new --topology {label}`"
    return f'The nearest topology that hides: "{label}" ({command}). Or use {WAY_OUT}.'


def _count(number: int, word: str) -> str:
    return f"no {word}" if number == 0 else f"{number} {word}" + ("s" if number != 1 else "")
