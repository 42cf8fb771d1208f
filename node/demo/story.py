"""The demo from cards to verdict, told with the same requests that the command line makes.

No region has a special role: each has its own home, keys, data and process; the one that proposes
is whichever the seed points at. This process only types, waits and counts.
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from types import FrameType
from typing import TYPE_CHECKING, Any

from node.cli.output import Refusal, emit, note, say
from node.demo.faults import Faults
from node.demo.following import follow
from node.demo.network import agree, make_homes, start
from node.demo.nodes import Node, stop_all
from node.demo.outcome import Baselines, audit, export_bundles, export_models
from node.demo.progress import Progress, progress_for
from node.demo.table import in_words, result_of
from node.demo.wish import PACED_S, PATIENT_S, PRIVATE_TIMEOUT_S, TIMEOUT_S, Wish, check, kills
from node.home import Home
from node.tamper import teaching
from protocol.errors import PlanError
from protocol.plan import Plan

if TYPE_CHECKING:
    from node.learning.demo_data import DemoData


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
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ended)  # else its nodes would outlive it
    with play(wish, as_json=as_json) as played:
        lessons = _lessons(wish, played)
        if lessons:
            played.result["tamper"] = [lesson.to_json() for lesson in lessons]
        if as_json:
            emit(played.result)
        else:
            say(in_words(played.result, wish, played.plan, played.nodes))
            if lessons:
                say()
                say(teaching.in_words(lessons))
        if wish.keep or wish.stay:
            where = f"homes, data, models and bundles are in {played.nodes[0].home.parent.parent}"
            note(where if wish.keep or wish.directory else f"{where}; they are removed at the end (--keep keeps them)")
        if wish.stay:
            _stay(played.nodes)
    good = played.result["audit"]["verdict"] in ("clean", "minor")
    return 0 if good and all(lesson.is_as_expected for lesson in lessons) else 1


def _lessons(wish: Wish, played: Played) -> list[teaching.Lesson]:
    """Let the first region cheat, if the wish says so, and return what the audit says of it."""
    if wish.tamper is None:
        return []
    folder = played.nodes[0].home.parent.parent
    run = teaching.Run(
        study=bytes.fromhex(played.result["study"]),
        bundles={node.name: folder / "bundles" / f"{node.name}.bundle" for node in played.nodes},
        keys={node.name: Home.open(node.home).keys() for node in played.nodes},
        liar=wish.names[0],
        private=wish.dp is not None,
    )
    return teaching.teach(run, wish.tamper, folder / "tampered")


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
        files = cleanup.enter_context(ExitStack())
        files.callback(rmtree, folder, ignore_errors=True)
        cleanup.callback(stop_all, nodes)
        try:
            with progress_for(wish.names, as_json=as_json) as progress:
                played = _play(wish, folder, nodes, progress, cleanup)
        except Exception:
            if nodes:  # before that there is nothing to read
                files.pop_all()
                if not as_json:
                    note(f"what happened can be read in {folder}")
            raise
        played.result["seconds"] = round(time.monotonic() - began, 1)
        if wish.keep:
            files.pop_all()
        yield played


def _ended(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _play(wish: Wish, folder: Path, nodes: list[Node], progress: Progress, cleanup: ExitStack) -> Played:
    from node.cli.data import bind
    from node.learning.demo_data import write

    data = write(folder / "data", wish.data, wish.names, wish.seed)
    _check_plan(_plan(wish, data, bytes(32)), wish)
    nodes += make_homes(folder / "homes", wish.names)
    for node in nodes:
        manifest = data.manifests[node.name]
        name = bind(node.home, manifest.with_suffix(".csv"), manifest)["name"]
    fewest, most = min(data.rows.values()), max(data.rows.values())
    progress.say(f"{wish.regions} regions have a home, keys and data of their own ({fewest} to {most} rows)")
    plan = _plan(wish, data, start(nodes))
    progress.say("all have signed the roster; the nodes talk over ZeroMQ with CURVE, and nobody else gets in")
    baselines = Baselines(folder, data.manifests, data.pooled, data.test, plan)
    cleanup.callback(baselines.close)
    proposer = nodes[wish.seed % len(nodes)]
    study = agree(nodes, proposer, plan, name)
    progress.say(f"{proposer.name} has proposed a study and all have accepted it: {study[:16]}")
    follow(nodes, study, plan, Faults(kills(wish), {node.name: node for node in nodes}), progress)
    progress.say("training has ended; models and logs are exported, and the audit reads the logs")
    if not wish.stay:
        stop_all(nodes)
    together = export_models(nodes, study, folder / "models", data.test)
    report = audit(export_bundles(nodes, folder / "bundles", opened=wish.draw > 0), study)
    return Played(result_of(wish, study, plan, nodes, baselines.wait(), together, report), plan, nodes)


def _folder(wish: Wish) -> Path:
    if wish.directory is None:
        return Path(tempfile.mkdtemp(prefix="landsting-demo-"))
    if wish.directory.exists() and any(wish.directory.iterdir()):
        fix = f"landsting demo --dir {wish.directory}-2"
        raise Refusal("FILE", f"{wish.directory} is not empty", "a new or empty folder", fix)
    wish.directory.mkdir(parents=True, exist_ok=True)
    return wish.directory.resolve()


def _plan(wish: Wish, data: DemoData, roster: bytes) -> Plan:
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
            manifest=data.pooled,
            rounds=wish.rounds,
            topology=topology,
            edges_text=text,
            seed=wish.seed,
            masking=wish.mode,
            disclose=wish.disclose,
            aggregation=wish.aggregation,
            dp=wish.dp,
            lab=True,
            title=f"demo: {data.name}",
            round_timeout_s=PATIENT_S if not wish.kills else PRIVATE_TIMEOUT_S if wish.dp else TIMEOUT_S,
            round_min_s=PACED_S if wish.kills else 0,
            numbers={"retention": {"sample_bp": round(wish.draw * 10_000)}} if wish.draw else {},
        )
    )


def _check_plan(plan: Plan, wish: Wish) -> None:
    """Refuse before a process is started what every node would refuse."""
    from node.cli.faults import refusal_of

    try:
        plan.check()
    except PlanError as error:
        known = refusal_of(error)
        assert known is not None
        fix = known.fix
        if known.code == "UNMASKABLE":
            fix = wish.command(topology="complete" if wish.regions <= 8 else "ring", regions=max(3, wish.regions))
        raise Refusal(known.code, known.found, known.expected, fix) from error


def _stay(nodes: list[Node]) -> None:
    note("The nodes stay up until Ctrl-C. In another terminal:")
    for node in nodes:
        note(f"  landsting status --home {node.home}")
    try:
        while any(node.is_running for node in nodes):
            time.sleep(1)
    except KeyboardInterrupt:
        note("stopping")
