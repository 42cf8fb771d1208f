"""The demo from cards to verdict, told with the same requests that the command line makes.

No region has a special role: each has its own home, keys, data and process; the one that proposes
is whichever comes first by the seed. This process only types, waits and counts.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Any

from node.cli.output import GAVE_UP, Refusal, emit, note, say
from node.demo.faults import Faults
from node.demo.nodes import Node, free_ports, stop_all
from node.demo.progress import Bars, Lines, Silent, progress_for
from node.demo.table import in_words, result_of
from node.demo.wish import PACED_S, TIMEOUT_S, Wish, check, kills
from protocol.plan import Plan

NETWORK = "demo.landsting.example"
LOOK_S = 0.2
STUCK_S = 120.0
BASELINES_S = 600.0


@dataclass(slots=True)
class Played:
    """A demo that has run.

    Attributes:
        result: The object of ``demo --json``.
    """

    result: dict[str, Any]
    plan: Plan
    nodes: list[Node]


def show(wish: Wish, *, as_json: bool) -> int:
    """Play the demo, print its result, clean up; return the exit code."""
    with play(wish, as_json=as_json) as played:
        emit(played.result) if as_json else say(in_words(played.result, wish, played.plan, played.nodes))
        if wish.keep or wish.stay:
            note(f"homes, data, models and bundles are in {played.nodes[0].home.parent.parent}")
        if wish.stay:
            _stay(played.nodes)
    return 0 if played.result["audit"]["verdict"] in ("clean", "minor") else 1


@contextmanager
def play(wish: Wish, *, as_json: bool = True) -> Iterator[Played]:
    """Run the whole demo; on leaving, stop what still runs and delete the files unless they are kept.

    Raises:
        Refusal: The wish cannot be had, a node stopped, or nothing moved any more.
    """
    check(wish)
    began = time.monotonic()
    folder = _folder(wish)
    nodes: list[Node] = []
    with ExitStack() as cleanup:
        if not wish.keep:
            cleanup.callback(rmtree, folder, ignore_errors=True)
        cleanup.callback(stop_all, nodes)
        with progress_for(wish.names, as_json=as_json) as progress:
            played = _play(wish, folder, nodes, progress, cleanup)
        played.result["seconds"] = round(time.monotonic() - began, 1)
        yield played


def _play(wish: Wish, folder: Path, nodes: list[Node], progress: Silent | Lines | Bars, cleanup: ExitStack) -> Played:
    from node.learning.demo_data import write

    data = write(folder / "data", wish.data, wish.names, wish.seed)
    _check_plan(_plan(wish, data, bytes(32)), wish)
    nodes += _homes(wish, folder)
    fewest, most = min(data.rows.values()), max(data.rows.values())
    progress.say(f"{wish.regions} regions get a home, keys and data of their own ({fewest} to {most} rows)")
    _found(nodes)
    for node in nodes:
        _bind(node, data.manifests[node.name])
        node.start()
    for node in nodes:
        node.wait_until_up()
    roster = _wait_for_roster(nodes)
    progress.say("all have signed the roster; the nodes talk over ZeroMQ with CURVE, and nobody else gets in")
    plan = _plan(wish, data, roster)
    baselines = _start_baselines(wish, folder, data, plan, cleanup)
    proposer = nodes[wish.seed % len(nodes)]
    study = proposer.ask("propose", {"plan": plan.encode()})["study"]
    _accept(nodes, study, _data_name(data))
    progress.say(f"{proposer.name} has proposed a study and all have accepted it: {study[:16]}")
    _follow(nodes, study, plan, Faults(kills(wish), {node.name: node for node in nodes}), progress)
    progress.say("training has ended; models and logs are exported, and the audit reads the logs")
    if not wish.stay:
        stop_all(nodes)
    together, bundles = _export(nodes, study, folder, data.test)
    compared = _wait_for_baselines(baselines)
    return Played(result_of(wish, study, plan, nodes, compared, together, _audit(bundles, study)), plan, nodes)


# ---------------------------------------------------------------- before the study


def _folder(wish: Wish) -> Path:
    if wish.directory is None:
        return Path(tempfile.mkdtemp(prefix="landsting-demo-"))
    if wish.directory.exists() and any(wish.directory.iterdir()):
        raise Refusal(
            "FILE",
            f"{wish.directory} is not empty",
            "a new or empty folder",
            f"landsting demo --dir {wish.directory}-2",
        )
    wish.directory.mkdir(parents=True, exist_ok=True)
    return wish.directory.resolve()


def _plan(wish: Wish, data: Any, roster: bytes) -> Plan:
    from node.draft import Draft, draft_plan

    text = None
    topology = wish.topology
    if topology.startswith("edges:"):
        text = Path(topology.removeprefix("edges:")).read_text(encoding="utf-8")
        topology = "edges"
    return draft_plan(
        Draft(
            roster=roster,
            regions=wish.names,
            settings=data.private_settings if wish.dp else data.settings,
            manifest=next(iter(data.manifests.values())),
            rounds=wish.rounds,
            topology=topology,
            edges_text=text,
            seed=wish.seed,
            masking=wish.mode,
            disclose=wish.disclose,
            dp=wish.dp,
            lab=True,
            title=f"demo: {data.name}",
            round_timeout_s=TIMEOUT_S,
            round_min_s=PACED_S if wish.kills else 0,
        )
    )


def _check_plan(plan: Plan, wish: Wish) -> None:
    from node.cli.faults import refusal_of
    from protocol.errors import PlanError

    try:
        plan.check()
    except PlanError as error:
        known = refusal_of(error)
        assert known is not None
        fix = wish.command(topology="complete" if wish.regions <= 8 else "ring", regions=max(3, wish.regions))
        raise Refusal(
            known.code, known.found, known.expected, fix if known.code == "UNMASKABLE" else known.fix
        ) from error


def _homes(wish: Wish, folder: Path) -> list[Node]:
    from node.home import Home

    nodes = []
    (folder / "homes").mkdir()
    for name, port in zip(wish.names, free_ports(wish.regions), strict=True):
        address = f"tcp://127.0.0.1:{port}"
        Home.create(folder / "homes" / name, NETWORK, name, [address], None)
        nodes.append(Node(name, folder / "homes" / name, address))
    return nodes


def _found(nodes: Sequence[Node]) -> None:
    from node.home import Home
    from protocol.roster import card_line

    lines = [card_line(Home.open(node.home).card()) for node in nodes]
    for node in nodes:
        node.ask("roster_found", {"cards": lines, "role": "technical", "ref": None})


def _bind(node: Node, manifest: Path) -> None:
    from node.cli.data import bind

    bind(node.home, manifest.with_suffix(".csv"), manifest)


def _wait_for_roster(nodes: Sequence[Node]) -> bytes:
    """Return the roster's hash when it is in force everywhere."""

    def missing() -> list[str]:
        out = []
        for node in nodes:
            rosters = node.ask("roster_show")["rosters"]
            if not rosters[0]["in_force"]:
                out.append(node.name)
        return out

    _wait(nodes, missing, "the signed roster")
    return bytes.fromhex(nodes[0].ask("roster_show")["rosters"][0]["roster"])


def _data_name(data: Any) -> str:
    """Return the manifest's id, the name under which each region has bound its table."""
    from node.learning.data.manifest import load

    return load(data.pooled).id


def _accept(nodes: Sequence[Node], study: str, data: str) -> None:
    """Each region accepts for itself, once the proposal has reached it."""

    def unheard() -> list[str]:
        return [node.name for node in nodes if study not in [one["study"] for one in node.ask("studies")["studies"]]]

    _wait(nodes, unheard, "the proposal")
    for node in nodes:
        node.ask("accept", {"study": bytes.fromhex(study), "role": "technical", "ref": "demo/1", "data": data})


def _wait(nodes: Sequence[Node], missing: Callable[[], list[str]], what: str) -> None:
    end = time.monotonic() + STUCK_S
    while names := missing():
        for node in nodes:
            node.check_alive()
        if time.monotonic() > end:
            raise Refusal(
                "TIMEOUT",
                f"gave up after {STUCK_S:.0f} s; waited for {', '.join(names)}",
                what,
                "landsting demo",
                status=GAVE_UP,
            )
        time.sleep(0.05)


# ---------------------------------------------------------------- while it runs


def _follow(nodes: Sequence[Node], study: str, plan: Plan, faults: Faults, progress: Silent | Lines | Bars) -> None:
    """Return when every region that is to end has ended."""
    last: object = None
    moved = time.monotonic()
    while True:
        now = {node.name: node.look() for node in nodes}
        for line in faults.act(now):
            progress.say(line)
        progress.rounds(now, plan.end_round)
        waited = [node for node in nodes if node.name not in faults.gone_for_good]
        for node in waited:
            if node.name not in faults.down:
                node.check_alive()
        if all(
            one.last.get("study") == study and one.last.get("state") == "done" and one.name not in faults.down
            for one in waited
        ):
            stopped = [one for one in waited if one.last.get("outcome") != "done"]
            if stopped:
                why = stopped[0].last.get("reason")
                words = next((a["fix"] for a in stopped[0].last.get("alarms") or [] if a["code"] == "STOPPED"), why)
                raise Refusal(
                    "STOPPED",
                    f"{stopped[0].name} stopped the study: {words}",
                    "its last round",
                    "landsting demo --keep, then read the logs",
                )
            return
        seen = [(one.get("round"), one.get("state")) for one in now.values()]
        if seen != last:
            last, moved = seen, time.monotonic()
        if time.monotonic() - moved > STUCK_S + plan.round_timeout_s * 5:
            waits = sorted({w["region"] for one in now.values() for w in one.get("waiting_for") or []})
            still = f"nothing has moved for {time.monotonic() - moved:.0f} s"
            raise Refusal(
                "TIMEOUT",
                f"{still}; waited for {', '.join(waits) or 'nobody by name'}",
                "a next round",
                "landsting demo --keep, then read the logs",
                status=GAVE_UP,
            )
        time.sleep(LOOK_S)


def _stay(nodes: Sequence[Node]) -> None:
    note("The nodes stay up until Ctrl-C. In another terminal:")
    for node in nodes:
        note(f"  landsting status --home {node.home}")
    try:
        while any(node.is_running for node in nodes):
            time.sleep(1)
    except KeyboardInterrupt:
        note("stopping")


# ---------------------------------------------------------------- afterwards


def _export(nodes: Sequence[Node], study: str, folder: Path, test: Path) -> tuple[list[dict[str, Any]], list[Path]]:
    """Export every region's model and log; score the models on the test rows."""
    from node.cli.log import export_bundle
    from node.learning.evaluate import read_model, score
    from node.models import export_model

    (folder / "models").mkdir(exist_ok=True)
    (folder / "bundles").mkdir(exist_ok=True)
    together, bundles = [], []
    for node in nodes:
        path = folder / "models" / f"{node.name}.safetensors"
        export_model(node.home, study, path)
        model = read_model(path)
        figures = score(model, test)
        together.append(
            {
                "region": node.name,
                "accuracy": figures.accuracy,
                "auroc": figures.auroc,
                "model_sha256": model.sha256,
                "vector": model.vector,
            }
        )
    for node in nodes:
        bundle = folder / "bundles" / f"{node.name}.bundle"
        export_bundle(node.home, bundle, study=None, payloads="kept", requester="demo/1")
        bundles.append(bundle)
    return together, bundles


def _audit(bundles: Sequence[Path], study: str) -> dict[str, Any]:
    from node.audit import verify

    report: dict[str, Any] = verify(list(bundles), study=bytes.fromhex(study)).to_json()
    return report


def _start_baselines(
    wish: Wish, folder: Path, data: Any, plan: Plan, cleanup: ExitStack
) -> tuple[subprocess.Popen[bytes], Path]:
    """Train alone and pooled in a process of their own, while the nodes are at it."""
    path = folder / "baselines.json"
    (folder / "alone").mkdir(exist_ok=True)
    task = {
        "manifests": {name: str(one) for name, one in data.manifests.items()},
        "pooled": str(data.pooled),
        "test": str(data.test),
        "out": str(folder / "alone"),
        "settings": dict(plan.settings),
        "rounds": plan.rounds,
        "seed": wish.seed,
        "dp": dict(plan.dp) if plan.dp else None,
    }
    path.write_text(json.dumps(task), encoding="utf-8")
    with (folder / "baselines.log").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "node.demo.baselines", str(path)], stdin=subprocess.DEVNULL, stdout=out, stderr=out
        )
    cleanup.callback(_end, process)
    return process, path


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def _wait_for_baselines(baselines: tuple[subprocess.Popen[bytes], Path]) -> dict[str, Any]:
    process, path = baselines
    try:
        code = process.wait(BASELINES_S)
    except subprocess.TimeoutExpired as error:
        raise Refusal(
            "TIMEOUT",
            f"training alone and pooled took over {BASELINES_S:.0f} s",
            "an end",
            "landsting demo",
            status=GAVE_UP,
        ) from error
    if code != 0:
        words = path.with_suffix(".log").read_text(encoding="utf-8", errors="replace").splitlines()[-1:]
        raise Refusal(
            "DATA", f"training alone failed: {' '.join(words)}", "a table that can be trained on", "correct the data"
        )
    found: dict[str, Any] = json.loads(path.with_suffix(".done.json").read_text(encoding="utf-8"))
    return found
