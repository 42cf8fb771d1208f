"""What a region says of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Make = Callable[..., Any]


def test_a_region_that_hears_nobody_raises_an_alarm_until_the_line_is_back(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=30, round_min_s=2)
    alone, *others = net.names
    net.run(lambda: net.peer(alone).current is not None and net.peer(alone).current.round >= 2)
    assert net.ask(alone, "status")["alarms"] == []
    for other in others:
        net.cut(alone, other)
    net.run(lambda: False, limit_ms=1_000)
    assert "CUT-OFF" in [alarm["code"] for alarm in net.ask(alone, "status")["alarms"]]
    assert "CUT-OFF" not in [alarm["code"] for alarm in net.ask(others[0], "status")["alarms"]]
    for other in others:
        net.heal(alone, other)
    net.run(lambda: False, limit_ms=5_000)
    assert "CUT-OFF" not in [alarm["code"] for alarm in net.ask(alone, "status")["alarms"]]


def test_a_status_names_whom_a_study_waits_for(make_network: Make) -> None:
    net, _, _ = make_network(3, rounds=5, sums=["count"])
    mute = net.names[2]
    net.run(lambda: all(net.peer(n).current is not None for n in net.names))
    net.kill(mute)
    net.run(lambda: False, limit_ms=5_000)
    waiting = net.ask(net.names[0], "status")["waiting_for"]
    assert [w["region"] for w in waiting] == [mute]
