"""``landsting status``: what a node is doing, in words, as JSON, or for a monitoring system."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from node.cli.asking import ask, fact
from node.cli.output import emit, say, size_words
from node.cli.root import common, home_option

STATES = {
    "idle": "no study is running",
    "quiet": "asking the neighbours whether this log is the newest",
    "rolled-back": "ROLLED BACK: this log is older than one it has shown; nothing is written until it is restored",
    "waiting": "waiting for another region",
    "sum": "opening the sums that shared preprocessing needs",
    "train": "training on own data",
    "mix": "exchanging masked updates",
    "alone": "ALONE: too few neighbours to hide behind; it trains on by itself and mixes with nobody",
    "paused": "paused",
    "done": "the study has ended",
}
# As monitoring systems read an exit code.
OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
_CRITICAL = ("rolled-back",)
_WARNING = ("alone", "quiet", "paused")
WATCH_S = 1.0


@click.command()
@home_option
@click.option("--watch", is_flag=True, help="Show it again every second until Ctrl-C.")
@click.option(
    "--check",
    is_flag=True,
    help="One line and the exit code of a monitoring plugin: 0 fine, 1 warning, 2 critical, 3 unknown.",
)
@common
def status(home: Path, watch: bool, check: bool, as_json: bool) -> int:
    """Show what this region's node is doing, for whom it waits, and any alarm."""
    if check:
        return _check(home, as_json)
    while True:
        now = ask(home, "status", {})
        if as_json:
            emit(now)
        else:
            if watch:
                click.clear()
            say(in_words(now))
        if not watch:
            return 0
        time.sleep(WATCH_S)


def _check(home: Path, as_json: bool) -> int:
    try:
        now = ask(home, "status", {})
    except Exception as error:  # noqa: BLE001 - whatever it is, monitoring wants "unknown"
        line, code = f"UNKNOWN: {str(error).splitlines()[0]}", UNKNOWN
        now = {}
    else:
        line, code = verdict(now)
    if as_json:
        emit({"code": code, "words": line, "status": now})
    else:
        say(line)
    return code


def verdict(now: dict[str, Any]) -> tuple[str, int]:
    """Return one line and the exit code of a monitoring plugin for a status."""
    state, alarms = now["state"], now.get("alarms") or []
    if state in _CRITICAL or any(alarm["code"].startswith(("LS-", "CONVICTED")) for alarm in alarms):
        return f"CRITICAL: {_alarm(alarms) or STATES[state]}", CRITICAL
    if not now.get("pid"):
        return "CRITICAL: the node does not run", CRITICAL
    if state in _WARNING or alarms:
        return f"WARNING: {_alarm(alarms) or STATES[state]}", WARNING
    mine = [study[:12] for study, missing in (now.get("unanswered") or {}).items() if now.get("region") in missing]
    asked = f"; a proposal waits for this region's answer: {', '.join(mine)}" if mine else ""
    return f"OK: {STATES.get(state, state)}{asked}", OK


def _alarm(alarms: list[dict[str, Any]]) -> str:
    return "; ".join(f"{alarm['code']} ({alarm['fix']})" for alarm in alarms)


def in_words(now: dict[str, Any]) -> str:
    """Return a status for people."""
    state = now["state"]
    rests = state == "idle" and not now.get("pid")  # what it was at is in the log, and goes on when it runs
    lines = [fact("state", "stopped" if rests else STATES.get(state, state))]
    if now.get("pid"):
        lines.append(fact("node", f"running, process {now['pid']}, version {now.get('version', '?')}"))
    else:
        lines.append(fact("node", "not running; start it with: landsting run"))
    if now.get("study"):
        lines.append(
            fact("study", f"{now['study'][:16]}{'  (laboratory: not for patients)' if now.get('lab') else ''}")
        )
        first, end = now.get("first_round"), now.get("end_round")
        of = f" of {end - 1} (training begins with {first})" if isinstance(end, int) else ""
        at = min(now["round"], end - 1) if isinstance(end, int) else now["round"]  # an ended study is past its last
        lines.append(fact("round", f"{at}{of}, mixed in {now.get('rounds_mixed', 0)}"))
    for sentence in now.get("disclosed") or []:
        lines.append(fact("disclosed", f"{sentence}; differential privacy alone protects it"))
    for study, missing in (now.get("unanswered") or {}).items():
        mine = now.get("region") in missing
        whose = "your answer" if mine else f"the answer of {', '.join(missing)}"
        lines.append(fact("proposal", f"{study[:16]} waits for {whose}"))
    for one in now.get("to_judge") or []:
        command = "synth" if one["kind"] == "data" else "model"
        by = ", ".join(one["signed"])
        file = f"{one['kind']} {one['file_sha256'][:16]}"
        lines.append(fact("to judge", f"{file}, signed by {by}: landsting {command} requests"))
    for wait in now.get("waiting_for") or []:
        lines.append(fact("waits for", f"{wait['region']}: {wait['what']}, since {_since(wait)}"))
    for peer in now.get("peers") or []:
        lines.append(fact("neighbour", _peer(peer)))
    if spent := now.get("epsilon"):
        lines.append(fact("epsilon", f"{spent['used']:.3f} used of {spent['budget']:.3f}"))
    if log := now.get("log"):
        lines.append(fact("log", f"{log['size']} entries"))
        if log.get("epoch", 1) > 1:
            by = ", ".join(log.get("confirmed_by") or []) or "nobody yet"
            lines.append(fact("epoch", f"{log['epoch']}, begun anew, confirmed by {by}"))
    if disk := now.get("disk"):
        lines.append(fact("disk", size_words(disk["bytes"])))
    for name, value in sorted((now.get("metrics") or {}).items()):
        lines.append(fact(name, "undefined" if value is None else f"{value:.3f} on own validation rows"))
    if backs := now.get("backs"):
        lines.append(fact("put back", f"the generator here, {times(backs)}: to the last good one, at half the rate"))
    for note in now.get("notes") or []:
        lines.append(fact("noticed", note))
    for alarm in now.get("alarms") or []:
        lines.append(fact("ALARM", f"{alarm['code']}: {alarm['fix']}"))
    return "\n".join(lines)


def times(count: int) -> str:
    """Return how often, in words."""
    return "once" if count == 1 else f"{count} times"


def _since(wait: dict[str, Any]) -> str:
    return f"{wait['since_s']:.0f} s" if isinstance(wait.get("since_s"), int | float) else "a moment"


def _peer(peer: dict[str, Any]) -> str:
    rtt = f", {peer['rtt_ms']:.0f} ms" if isinstance(peer.get("rtt_ms"), int | float) else ""
    seen = peer.get("last_seen_s")
    ago = "never heard" if seen is None else f"heard {seen:.0f} s ago"
    return f"{peer['region']}: {peer['state'] or 'no connection'}, {ago}{rtt}"
