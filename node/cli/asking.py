"""Asking a home's node: through its daemon if one runs, else by the command itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from node.cli.output import Refusal

ANSWER_S = 60.0


def ask(home: Path, op: str, args: dict[str, Any], timeout_s: float = ANSWER_S) -> dict[str, Any]:
    """Return the node's answer to an operator's request.

    Raises:
        Refusal: The node says no, or does not answer; with the home put into the command to type.
    """
    from node.control import Refused
    from node.control import ask as control_ask

    if not home.is_dir():
        raise Refusal(
            "HOME",
            f"there is no home in {home}",
            "a folder made by landsting init",
            f"landsting init --home {home} --network NETWORK --name REGION --advertise tcp://HOST:PORT",
        )
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


def study_id(home: Path, text: str | None) -> str:
    """Return the study id (64 hex digits) that a text begins, is the words of, or that is the only one.

    Raises:
        Refusal: None fits, or several do.
    """
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


def studies(home: Path) -> list[dict[str, Any]]:
    """Return all studies that a home knows."""
    found: list[dict[str, Any]] = ask(home, "studies", {})["studies"]
    return found


def fact(name: str, value: object) -> str:
    """Return one line of a card of facts."""
    return f"{name:<12}{value}"
