"""From nothing to a study that everybody has accepted, on one machine: homes, roster, proposal, answers.

The steps are those of the command line (``init``, ``card``, ``roster found``, ``run``, ``study
propose``, ``study accept``), made through the same requests. The benchmarks raise their networks here too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from node.cli.output import GAVE_UP, Refusal
from node.demo.nodes import Node, free_ports
from protocol.plan import Plan

NETWORK = "demo.landsting.example"
PATIENCE_S = 120.0
LOOK_S = 0.05


def make_homes(folder: Path, names: Sequence[str]) -> list[Node]:
    """Make a home for each region in ``folder``, and found the same roster from their cards in each."""
    from node.home import Home
    from protocol.roster import card_line

    folder.mkdir(parents=True, exist_ok=True)
    nodes = []
    for name, port in zip(names, free_ports(len(names)), strict=True):
        Home.create(folder / name, NETWORK, name, [f"tcp://127.0.0.1:{port}"], None)
        nodes.append(Node(name, folder / name))
    cards = [card_line(Home.open(node.home).card()) for node in nodes]
    for node in nodes:
        node.ask("roster_found", {"cards": cards, "role": "technical", "ref": None})
    return nodes


def start(nodes: Sequence[Node]) -> bytes:
    """Start all nodes; return the roster's hash once it is in force everywhere."""
    for node in nodes:
        node.start()
    for node in nodes:
        node.wait_until_up()

    def unsigned() -> list[str]:
        return [node.name for node in nodes if not node.ask("roster_show")["rosters"][0]["in_force"]]

    wait(nodes, unsigned, "the roster signed by all")
    return bytes.fromhex(nodes[0].ask("roster_show")["rosters"][0]["roster"])


def agree(nodes: Sequence[Node], proposer: Node, plan: Plan, data: str | None) -> str:
    """Propose a plan at one region, accept it at each once it has got there; return the study's id."""
    study: str = proposer.ask("propose", {"plan": plan.encode()})["study"]

    def unheard() -> list[str]:
        return [node.name for node in nodes if study not in [one["study"] for one in node.ask("studies")["studies"]]]

    wait(nodes, unheard, "the proposal")
    for node in nodes:
        node.ask("accept", {"study": bytes.fromhex(study), "role": "technical", "ref": "demo/1", **_bound(node, data)})
    return study


def _bound(node: Node, data: str | None) -> dict[str, object]:
    """Return the data set that a study is accepted with, and the hash of its sheet, as the log has it."""
    from node.datasets import Datasets

    return {} if data is None else {"data": data, "sheet": Datasets(node.home).sheet_sha256(data)}


def wait(nodes: Sequence[Node], missing: Callable[[], list[str]], what: str) -> None:
    """Return when nobody is missing.

    Raises:
        Refusal: A node stopped, or somebody was missing for too long; names them.
    """
    end = time.monotonic() + PATIENCE_S
    while names := missing():
        for node in nodes:
            node.check_alive()
        if time.monotonic() > end:
            found = f"gave up after {PATIENCE_S:.0f} s; waited for {', '.join(names)}"
            raise Refusal("TIMEOUT", found, what, "landsting demo --keep", status=GAVE_UP)
        time.sleep(LOOK_S)
