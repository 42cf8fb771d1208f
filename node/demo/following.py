"""Following a study at several regions until all that are to end have ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from node.cli.output import GAVE_UP, Refusal
from node.demo.faults import Faults
from node.demo.nodes import Node
from node.demo.progress import Progress
from protocol.plan import Plan

LOOK_S = 0.2
STUCK_S = 120.0
READ_ON = "landsting demo --keep, then read the logs"


def follow(nodes: Sequence[Node], study: str, plan: Plan, faults: Faults, progress: Progress) -> None:
    """Return when every region that is to end has ended with its last round.

    Raises:
        Refusal: A node stopped, a region stopped the study, or nothing moved any more.
    """
    last: object = None
    moved = time.monotonic()
    while True:
        now = {node.name: node.look() for node in nodes}
        for line in faults.act(now):
            progress.say(line)
        progress.rounds(now, plan.end_round)
        up = [node for node in nodes if node.name not in faults.down]
        for node in up:
            node.check_alive()
        to_come = faults.down - faults.gone_for_good
        if not to_come and all(_has_ended(node.last, study) for node in up):
            for node in up:
                _check_outcome(node)
            return
        seen = [(one.get("round"), one.get("state")) for one in now.values()]
        if seen != last:
            last, moved = seen, time.monotonic()
        if time.monotonic() - moved > STUCK_S + 5 * plan.round_timeout_s:
            waits = sorted({wait["region"] for one in now.values() for wait in one.get("waiting_for") or []})
            found = f"nothing has moved for {time.monotonic() - moved:.0f} s; waited for {', '.join(waits) or 'nobody'}"
            raise Refusal("TIMEOUT", found, "a next round", READ_ON, status=GAVE_UP)
        time.sleep(LOOK_S)


def _has_ended(status: dict[str, Any], study: str) -> bool:
    return status.get("study") == study and status.get("state") == "done"


def _check_outcome(node: Node) -> None:
    if node.last.get("outcome") == "done":
        return
    words = [alarm["fix"] for alarm in node.last.get("alarms") or [] if alarm["code"] == "STOPPED"]
    why = words[0] if words else node.last.get("reason") or node.last.get("outcome")
    raise Refusal("STOPPED", f"{node.name} stopped the study: {why}", "its last round", READ_ON)
