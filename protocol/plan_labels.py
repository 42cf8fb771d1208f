"""Labels of topologies, as far as a plan can be held to them.

The graphs are what holds; the label is what people read. Where a label says something that can be
seen from the graphs without drawing them, it must be true: a plan that was edited by hand, label
changed and graphs not, is refused.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from protocol.errors import PlanError
from protocol.names import closest

if TYPE_CHECKING:
    from protocol.plan import Plan

_NUMBER = r"[1-9]\d{0,5}"
_PRODUCT = rf"{_NUMBER}(?:x{_NUMBER})+"
FORMS = {
    "complete": "complete",
    "ring": "ring",
    "star": "star",
    "path": "path",
    "edges": "edges",
    "one-peer": "one-peer",
    "matchings": "matchings",
    "torus": rf"torus:({_PRODUCT})",
    "regular": rf"regular:({_NUMBER})",
    "groups": rf"groups:({_NUMBER})(?::closed)?",
    "cliques": rf"cliques:({_PRODUCT})",
}
EXAMPLES = (
    "complete, ring, torus:3x3, regular:4, groups:4, groups:4:closed, cliques:4x4, one-peer, matchings, star, path, "
    "edges"
)


def check_label(plan: Plan) -> None:
    """Refuse a label that is unknown, or that the graphs contradict.

    Raises:
        PlanError: Rule ``topology``.
    """
    label = plan.topology
    word = label.partition(":")[0]
    form = FORMS.get(word)
    match = re.fullmatch(form, label) if form else None
    if match is None:
        near = closest(word, FORMS)
        raise PlanError(
            rule="topology",
            found=f"topology = {label!r}",
            expected=f"one of {EXAMPLES}",
            fix=f"Did you mean {near!r}?" if near and near != word else "`landsting topology list` shows them all.",
        )
    argument = match.group(1) if match.groups() else ""
    wrong = _contradiction(plan, word, argument)
    if wrong:
        raise PlanError(
            rule="topology",
            found=f"topology = {label!r}, but {wrong}",
            expected="graphs that were drawn by that label",
            fix=f'Draw them anew: `landsting study new --topology {label}`; or say topology = "edges".',
        )


def _contradiction(plan: Plan, word: str, argument: str) -> str | None:
    n, degrees = plan.n, sorted({around.degree for graph in plan.turn for around in graph.values()})
    spread = f"regions have {' or '.join(str(d) for d in degrees)} neighbours"
    wanted = {"complete": n - 1, "ring": min(2, n - 1)}.get(word, int(argument) if word == "regular" else None)
    if wanted is not None and degrees != [wanted]:
        return spread
    if word in ("torus", "cliques"):
        product = math.prod(int(factor) for factor in argument.split("x"))
        if product != n:
            return f"there are {n} regions, not {product}"
    if word in ("one-peer", "matchings") and degrees[-1] > 1:
        return spread
    if word in ("star", "path") and sum(len(edges) for edges in plan.graphs) != n - 1:
        return f"there are {sum(len(edges) for edges in plan.graphs)} edges, not {n - 1}"
    return None
