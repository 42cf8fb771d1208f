"""``topology`` and the plan say the same of a graph: two implementations, one rule."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.plan_graphs import may_be_away as plan_away
from protocol.plan_graphs import neighbourhoods
from topologies import build, fitting, may_be_away, unmaskable


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 20), st.integers(2, 3), st.sampled_from([None, 0, 1]), st.data())
def test_a_plan_says_the_same(n: int, hidden: int, colluders: int | None, data: st.DataObject) -> None:
    # With an odd number one rests in each round: nothing to hide, says the graph; no neighbours, says the plan.
    label = data.draw(st.sampled_from([one for one in fitting(n) if one != "matchings" or n % 2 == 0]))
    graphs = build(label, n)
    names = [f"r{i:02}" for i in range(n)]
    turn = [neighbourhoods(names, graph, colluders, hidden, False) for graph in graphs]
    away, critical = may_be_away(graphs, n, hidden, colluders)
    assert plan_away(turn) == (away, tuple(names[i] for i in critical))
    seen = {(graph, name) for graph, around in enumerate(turn) for name, one in around.items() if not one.is_maskable}
    assert seen == {(found.graph, names[found.region]) for found in unmaskable(graphs, n, hidden, colluders)}
