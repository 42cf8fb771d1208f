"""Real daemons over real sockets, and real peers in one process: the same plan and data, the same model bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gossip.network import Network
from node.home import Home
from node.store.storage import StoreReader
from protocol.plan import Plan
from tests.conformance.runs import Run


def test_daemons_and_peers_in_one_process_end_with_the_same_model_bytes(
    make_trainers: Callable[..., Any], masked: Run
) -> None:
    found = masked.result()
    study = found["study"]
    homes = {name: Path(path) for name, path in found["homes"].items()}
    models: dict[str, bytes] = {}
    encoded = b""
    for name, path in homes.items():
        with StoreReader(Home.open(path)) as reader:
            encoded = reader.kept(bytes.fromhex(study)) or b""
            plan = Plan.decode(encoded)
            models[name] = reader.blob(f"model/{study}/{plan.end_round - 1}") or b""
    manifests = {name: next((path / "data").glob("*.toml")) for name, path in homes.items()}
    plan = Plan.decode(encoded)
    net = Network(plan.regions, make_trainers(manifests), network="one.example")
    roster = net.found()
    again = Plan.make(**{**plan.value(), "roster": roster.hash})
    for name in plan.regions:
        net.peer(name).agreement._code_sha256 = plan.code_sha256s[0]
    net.agree(again)
    assert net.run()
    for name in plan.regions:
        assert models[name] == net.models[name].astype("<f4").tobytes(), name
