"""Asking a home's node: through its daemon if one runs, else by the command itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.cli.output import Refusal

if TYPE_CHECKING:
    from protocol.plan import Plan

ANSWER_S = 60.0
FULL = 64  # hex digits of a study id


def ask(home: Path, op: str, args: dict[str, Any], timeout_s: float = ANSWER_S) -> dict[str, Any]:
    """Return the node's answer to an operator's request.

    Raises:
        Refusal: The node says no, or does not answer; with the home put into the command to type.
    """
    if not home.is_dir():
        raise Refusal(
            "HOME",
            f"there is no home in {home}",
            "a folder made by landsting init",
            f"landsting init --home {home} --network NETWORK --name REGION --advertise tcp://HOST:PORT",
        )
    from node.control import ask as control_ask
    from node.errors import Refused

    try:
        return control_ask(home, op, args, timeout_s)
    except Refused as error:
        raise Refusal(error.code, error.found, error.expected, with_home(error.fix, home)) from error


def with_home(fix: str, home: Path) -> str:
    """Return a remedy with this home in its command, so that it can be typed as it stands."""
    if "--home HOME" in fix:
        return fix.replace("--home HOME", f"--home {home}")
    if (
        fix.startswith("landsting ")
        and "--home" not in fix
        and " …" not in fix
        and fix.split()[1] not in ("demo", "init", "topology")
    ):
        return f"{fix} --home {home}"
    return fix


def study_id(home: Path, text: str | None, *, patience_s: float = 0.0) -> str:
    """Return the study id (64 hex digits) that a text stands for.

    Args:
        text: Its first digits, its words, or the plan's file; None stands for the only study there is.
        patience_s: How long to wait for a proposal that is named in full and has not arrived yet.

    Raises:
        Refusal: None fits, or several do.
    """
    if text and (text.endswith(".toml") or len(text) == FULL):
        whole = plan_of_file(Path(text)).study.hex() if text.endswith(".toml") else text
        return _await_study(home, whole, patience_s)
    known = [one["study"] for one in studies(home)]
    wanted = (text or "").lower().removeprefix("0x")
    fitting = [study for study in known if study.startswith(wanted)]
    if text and not fitting:
        fitting = [one["study"] for one in studies(home) if one.get("words") == wanted]
    if len(fitting) == 1:
        return str(fitting[0])
    if not known:
        raise Refusal("STUDY", "no study is known here", "one that was proposed", f"landsting study list --home {home}")
    found = f"{len(fitting)} studies begin with {text}" if text else f"{len(known)} studies are known here"
    raise Refusal(
        "STUDY", found if fitting else f"no study begins with {text}", "one", f"landsting study list --home {home}"
    )


def plan_of_file(file: Path) -> Plan:
    """Return the plan in a file.

    Raises:
        Refusal, PlanError: It cannot be read, or is no plan.
    """
    from protocol.plan import Plan

    try:
        return Plan.from_toml(file.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        fix = "landsting study new --help"
        raise Refusal("PLAN", f"{file} is not text", "a plan made by landsting study new", fix) from error


def _await_study(home: Path, whole: str, patience_s: float) -> str:
    end = time.monotonic() + patience_s
    while whole not in [one["study"] for one in studies(home)]:
        if time.monotonic() > end or not (home / "control.sock").exists():
            raise Refusal(
                "STUDY",
                f"study {whole[:12]} has not arrived here",
                "a proposal; it comes while this node runs and reaches the region that proposed it",
                f"landsting status --home {home}",
            )
        time.sleep(0.2)
    return whole


def studies(home: Path) -> list[dict[str, Any]]:
    """Return all studies that a home knows."""
    found: list[dict[str, Any]] = ask(home, "studies", {})["studies"]
    return found


def accepted_plans(home: Path, but: Plan) -> list[Plan]:
    """Return the plans with privacy that this region has accepted and that have not ended, without one."""
    from node.home import Home
    from protocol.plan import Plan

    if but.dp is None:
        return []
    me = Home.open(home).name
    mine = [
        one["study"]
        for one in studies(home)
        if one["answers"].get(me) == "accept"
        and one["state"] in ("proposed", "agreed", "running")
        and one["study"] != but.study.hex()
    ]
    known = (ask(home, "study", {"study": bytes.fromhex(study)}) for study in mine)
    plans = [Plan.decode(bytes.fromhex(one["plan"])) for one in known]
    return [plan for plan in plans if plan.dp is not None]


def fact(name: str, value: object) -> str:
    """Return one line of a card of facts."""
    return f"{name:<11} {value}"
