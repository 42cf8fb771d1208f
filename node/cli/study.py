"""``landsting study``: plan, propose, accept. Any region may propose; every region answers for itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from node.cli.asking import ask, fact, plan_of_file, studies, study_id
from node.cli.following import follow
from node.cli.output import emit, say, table
from node.cli.root import common, home_option
from node.cli.study_annex import annex
from node.cli.study_check import check
from node.cli.study_new import keep_model, new

REASONS = ("data", "purpose", "privacy", "law", "time", "cost", "technical", "other")
ROLES = ("technical", "controller", "dpo")
ARRIVAL_S = 20.0  # how long a command waits for a proposal that is on its way


@click.group()
def study() -> None:
    """Plan, propose, accept and follow a study."""


@study.command()
@click.argument("plan_file", metavar="PLAN", type=click.Path(dir_okay=False, path_type=Path))
@home_option
@common
def propose(plan_file: Path, home: Path, as_json: bool) -> None:
    """Send the plan in file PLAN to all regions. Each accepts or rejects for itself."""
    from gossip.consent.plan_privacy import check_min_coalition

    plan = plan_of_file(plan_file)
    plan.check()
    check_min_coalition(plan)
    result = ask(home, "propose", {"plan": plan.encode()})
    if as_json:
        emit(result)
        return
    say(fact("study", result["study"]))
    say(fact("in words", result["words"]))
    say("It reaches the other regions as soon as their nodes run. Each, this one too, answers with:")
    say(f"  landsting study accept {result['study'][:12]} --home HOME --data NAME")


@study.command("id")
@click.argument("plan_file", metavar="PLAN", type=click.Path(dir_okay=False, path_type=Path))
@common
def id_(plan_file: Path, as_json: bool) -> None:
    """Print the id of the study in file PLAN: what a region signs for and an auditor asks for."""
    from crypto.words import words

    plan = plan_of_file(plan_file)
    if as_json:
        emit({"study": plan.study.hex(), "words": words(plan.study)})
    else:
        say(plan.study.hex())


@study.command("list")
@home_option
@common
def list_(home: Path, as_json: bool) -> None:
    """List the studies that this region knows."""
    known = studies(home)
    if as_json:
        emit({"studies": known})
    elif not known:
        say("No study is known here. Propose one: landsting study new --help")
    else:
        rows = [
            (one["study"][:12], _state(one), one["proposer"], ", ".join(one["regions"]), one["title"]) for one in known
        ]
        say(table(rows, ["study", "state", "proposed by", "regions", "title"]))


@study.command()
@click.argument("study", metavar="[ID|PLAN]", required=False)
@home_option
@common
def show(study: str | None, home: Path, as_json: bool) -> None:
    """Show one study: what it learns, who has answered, who is missing."""
    from node.plan_privacy import privacy_of
    from protocol.plan import Plan
    from protocol.plan_words import false_updates

    result = ask(home, "study", {"study": bytes.fromhex(study_id(home, study))})
    plan = Plan.decode(bytes.fromhex(result["plan"]))
    figures, words = privacy_of(plan)
    _show(result | {"privacy": figures, "false_updates": false_updates(plan)}, as_json)
    for line in [] if as_json else words:
        say(fact("privacy", line))
    for line in [] if as_json else false_updates(plan):
        say(fact("false updates", line))


def _state(one: dict[str, Any]) -> str:
    """Return a study's state; one that ended early says so, and why."""
    if one["state"] != "ended" or one.get("outcome") in (None, "done"):
        return str(one["state"])
    return f"ended early: {one['outcome']} ({one.get('reason') or 'no reason given'})"


def _show(one: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit(one)
        return
    say(fact("study", one["study"]))
    say(fact("in words", one["words"]))
    if one.get("title"):
        say(fact("title", one["title"]))
    say(fact("learns", f"{one['task']['name']}, {one['rounds']} rounds, for {one['purpose']}"))
    say(fact("regions", f"{', '.join(one['regions'])} on {one['topology']}, masking {one['masking']}"))
    if one.get("lab"):
        say(fact("laboratory", "yes: not for patients"))
    say(fact("state", _state(one)))
    for region in one["regions"]:
        say(fact("answer", f"{region}: {one['answers'].get(region, 'none yet')}"))


@study.command()
@click.argument("study", metavar="ID|PLAN")
@home_option
@click.option("--role", type=click.Choice(ROLES), default="technical", show_default=True)
@click.option("--ref", metavar="DIARY", help="Diary number of the decision.")
@click.option(
    "--data",
    "data_name",
    metavar="NAME",
    help="The data set that this region trains on; left out, the only one with the plan's schema.",
)
@click.option(
    "--init",
    "init",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The model that the plan begins with, where it begins with one.",
)
@common
def accept(
    study: str, home: Path, role: str, ref: str | None, data_name: str | None, init: Path | None, as_json: bool
) -> None:
    """Accept a study for this region. Training begins when every region has accepted.

    ID is the study's id or its first digits; the plan's file does as well, and then exactly that
    plan is accepted. A proposal that is named in full and still on its way is waited for.
    """
    from node.cli.data import datasets, fitting, manifest_of, refuse_personal
    from node.draft import check_facts
    from node.learning.describe import NO_SCHEMA
    from node.policy import Policy, patients_of
    from node.training import first_model
    from protocol.plan import Plan

    refuse_personal(ref)
    whole = study_id(home, study, patience_s=ARRIVAL_S)
    args: dict[str, Any] = {"study": bytes.fromhex(whole), "role": role, "ref": ref}
    known = ask(home, "study", {"study": bytes.fromhex(whole)})
    plan = Plan.decode(bytes.fromhex(known["plan"]))
    if data_name is not None or plan.schema != NO_SCHEMA:
        args["data"] = fitting(home, data_name, plan.schema, plan.purpose)
        args["sheet"] = datasets(home).sheet_sha256(args["data"])
    policy = Policy.load(home)
    patients = patients_of(home, args["data"]) if "data" in args else None
    policy.check(plan, known.get("proposer"), args.get("data"), patients)
    policy.admit()
    if init is not None:
        keep_model(home, plan, init)
    check_facts(plan, manifest_of(home, args["data"]) if "data" in args else None, first_model(home, plan))
    result = ask(home, "accept", args)
    if as_json:
        emit(result)
        return
    say(f"accepted: study {result['study'][:12]}")
    if roles := sorted(set(result.get("roles_needed") or ()) - set(result.get("accepted_here") or ())):
        say(f"this region's policy asks for more: landsting study accept … --role {roles[0]}")
    if missing := result.get("waiting_for"):
        say(f"still to answer: {', '.join(missing)}")


@study.command()
@click.argument("study", metavar="ID|PLAN")
@home_option
@click.option("--reason", required=True, type=click.Choice(REASONS), help="A code; others see it.")
@click.option("--role", type=click.Choice(ROLES), default="technical", show_default=True)
@click.option("--ref", metavar="DIARY", help="Diary number of the decision.")
@click.option("--note", "words", metavar="TEXT", help="In your own words; it stays in this home.")
@common
def reject(study: str, home: Path, reason: str, role: str, ref: str | None, words: str | None, as_json: bool) -> None:
    """Reject a study. That ends the proposal for everybody; a changed plan is a new study."""
    from node.cli.data import refuse_personal
    from node.home import Home

    refuse_personal(ref)
    whole = study_id(home, study)
    result = ask(home, "reject", {"study": bytes.fromhex(whole), "reason": reason, "role": role, "ref": ref})
    if words:
        folder = Home.open(home).path / "studies"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / f"{whole}.note").write_text(words + "\n", encoding="utf-8")
    if as_json:
        emit(result)
        return
    say(f"rejected: study {result['study'][:12]}; the proposal has ended for everybody")


@study.command()
@click.argument("study", metavar="ID|PLAN")
@home_option
@common
def leave(study: str, home: Path, as_json: bool) -> None:
    """Leave a running study: it ends here for good, and the others go on where enough of them are left.

    What this region has sent stays in their model. To take no part in a study that has not begun, reject it.
    """
    whole = study_id(home, study)
    result = ask(home, "leave", {"study": bytes.fromhex(whole)})
    if as_json:
        emit(result)
        return
    say(f"left: study {result['study'][:12]}; this region trains and sends nothing more in it")


study.add_command(new)
study.add_command(annex)
study.add_command(follow)
study.add_command(check)
