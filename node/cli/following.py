"""``landsting study follow``: a study as one region sees it, until it ends."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from node.cli.asking import ask, study_id
from node.cli.output import GAVE_UP, REFUSED, Refusal, emit, note, say
from node.cli.root import common, home_option

LOOK_S = 0.5
ARRIVAL_S = 20.0
OVER = ("ended", "rejected")
# Other states come and go within a round; these are worth a line of their own.
TELLING = ("waiting", "sum", "alone", "paused", "done")


@click.command()
@click.argument("study", metavar="[ID|PLAN]", required=False)
@home_option
@click.option("--timeout", "timeout_s", type=click.FloatRange(0, min_open=True), help="Give up after so many seconds.")
@common
def follow(study: str | None, home: Path, timeout_s: float | None, as_json: bool) -> int:
    """Follow a study until it ends, a line for each round.

    Exit code 0 if it ran to its last round here, 1 if it was rejected or stopped, 3 if --timeout
    passed.
    """
    whole = study_id(home, study, patience_s=ARRIVAL_S)
    end = None if timeout_s is None else time.monotonic() + timeout_s
    last: tuple[object, ...] | None = None
    told: list[str] = []  # notes that were shown
    backs = 0
    while True:
        one, now = ask(home, "study", {"study": bytes.fromhex(whole)}), ask(home, "status", {})
        current = now if now.get("study") == whole else {}
        doing, waits = current.get("state"), _waits(one, current)
        seen = (one["state"], current.get("round"), doing if doing in TELLING else None)
        if seen != last:
            last = seen
            line = {"study": whole, "state": one["state"], "round": seen[1], "doing": doing, "waiting_for": waits}
            line |= _sheet(home, whole)
            fresh = [words for words in current.get("notes") or [] if words not in told]
            told += fresh
            line |= {"notes": fresh} if fresh else {}
            backs = current.get("backs") or backs
            line |= {"backs": backs} if backs else {}
            emit(line) if as_json else say("\n".join([in_words(line), *fresh]))
        if one["state"] in OVER:
            return _over(one, home, as_json)
        if end is not None and time.monotonic() > end:
            found = f"gave up after {timeout_s:g} s; waited for {', '.join(waits) or 'nobody by name'}"
            fix = f"landsting status --home {home}"
            raise Refusal("TIMEOUT", found, "the end of the study", fix, status=GAVE_UP)
        time.sleep(LOOK_S)


def _waits(one: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return the regions that hold a study up."""
    return [wait["region"] for wait in now.get("waiting_for") or []] or list(one.get("waiting_for") or [])


def _sheet(home: Path, study: str) -> dict[str, str]:
    """Return where the newest sheet of made-up samples lies; nothing for studies that make none."""
    newest = max((home / "samples" / study).glob("round-*.*"), default=None)
    return {} if newest is None else {"samples": str(newest)}


def in_words(line: dict[str, Any]) -> str:
    """Return one step of a study for people."""
    from node.cli.status import STATES, times

    waits = f"; waits for {', '.join(line['waiting_for'])}" if line["waiting_for"] else ""
    if line["round"] is None:
        return f"{line['state']}{waits}"
    doing = STATES.get(line["doing"], line["doing"])
    sheet = f"; made-up samples: {line['samples']}" if "samples" in line else ""
    sheet += f"; put back here {times(line['backs'])} so far" if line.get("backs") else ""
    return f"round {line['round']}: {doing}" + (waits if line["doing"] == "waiting" else "") + sheet


def _over(one: dict[str, Any], home: Path, as_json: bool) -> int:
    if one["state"] == "rejected":
        found = f"rejected by {', '.join(one['rejected_by'])}"
        raise Refusal("STOPPED", found, "acceptance by every region", "landsting study new --help")
    if one["outcome"] != "done":
        note(f"the study ended early: {one['outcome']} ({one['reason'] or 'no reason given'})")
        return REFUSED
    if not as_json:
        say("The study has run to its last round. Next:")
        say(f"  landsting model export {one['study'][:12]} --home {home} -o FILE.safetensors")
        if sheet := _sheet(home, one["study"]):  # it trained a generator
            into = "FOLDER" if sheet["samples"].endswith(".png") else "FILE.csv"
            say(f"  landsting synth generate {one['study'][:12]} --home {home} --rows N -o {into}")
        say(f"  landsting log export --home {home} -o FILE.bundle")
    return 0
