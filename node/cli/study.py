"""``landsting study``: plan, propose, accept. Any region may propose; every region answers for itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from node.cli.asking import ask, fact, plan_of_file, studies, study_id
from node.cli.demo import parse_dp
from node.cli.following import follow
from node.cli.output import Refusal, emit, say, table
from node.cli.root import common, home_option
from node.cli.study_check import check

REASONS = ("data", "purpose", "privacy", "law", "time", "cost", "technical", "other")
ROLES = ("technical", "controller", "dpo")
ARRIVAL_S = 20.0  # how long a command waits for a proposal that is on its way


@click.group()
def study() -> None:
    """Plan, propose, accept and follow a study."""


@study.command()
@home_option
@click.option(
    "--task",
    default="classifier",
    show_default=True,
    help="classifier, regression, survival, gan, idle, or one's own module:factory.",
)
@click.option("--data", "data_name", help="A data set bound with 'data add'.")
@click.option("--rounds", type=click.IntRange(1, 10**6), default=20, show_default=True)
@click.option("--topology", help="complete, torus:3x3, cliques:4x4, edges:FILE …  [default: topology compare's]")
@click.option(
    "--min-coalition",
    type=click.IntRange(1, 32),
    default=1,
    show_default=True,
    metavar="K",
    help="How many regions together it must take to see one's update.",
)
@click.option("--dp", metavar="epsilon=E,delta=D", help="Differential privacy for every region's patients.")
@click.option(
    "--preprocess",
    type=click.FloatRange(0, 0.9),
    default=0.0,
    show_default=True,
    help="With --dp: share of epsilon for noise on sums over all regions; 0: no sums, public ranges scale.",
)
@click.option("--init", "init", metavar="FILE|STUDY", help="Begin with this model; every region needs the same file.")
@click.option(
    "--score",
    is_flag=True,
    help="Train nothing: judge the model of --init on all regions' validation rows, summed under masks.",
)
@click.option("--freeze", multiple=True, metavar="PATTERN", help="Parameters that neither train nor travel: model.0.*")
@click.option("--disclose", is_flag=True, help="Allow what cannot be masked to be shown to its neighbour; needs --dp.")
@click.option(
    "--masking",
    type=click.Choice(["auto", "strict", "recoverable"]),
    default="auto",
    show_default=True,
    help="Sums of all or nothing (strict), or of those who are left (recoverable); auto: the latter from 4 neighbours.",
)
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the task, for instance lr=0.05."
)
@click.option(
    "--number",
    "numbers",
    multiple=True,
    metavar="KEY=VALUE",
    help="How models travel and are weighed: exchange=diff, ring=16, step_log2=14, weights=metropolis, clip=1.5 …",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--title", default="", help="What it is called on pages and reports.")
@click.option(
    "--purpose", default="research", show_default=True, help="research, quality, planning, statistics, education."
)
@click.option(
    "--timeout",
    "timeout_s",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Longest a round waits, in seconds.",
)
@click.option("--lab", is_flag=True, help="A trial on data that is not real patients'; printed everywhere.")
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Where the plan goes."
)
@common
def new(
    home: Path,
    task: str,
    data_name: str | None,
    rounds: int,
    topology: str | None,
    min_coalition: int,
    dp: str | None,
    preprocess: float,
    init: str | None,
    score: bool,
    freeze: tuple[str, ...],
    disclose: bool,
    masking: str,
    settings: tuple[str, ...],
    numbers: tuple[str, ...],
    seed: int,
    title: str,
    purpose: str,
    timeout_s: int,
    lab: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Write a plan: what is learned, by whom, over which graph, how private.

    It is a text file; read it, change it, then 'study propose'. Nothing is sent yet.
    """
    from gossip.plan_privacy import check_min_coalition
    from node.cli.data import manifest_of
    from node.draft import Draft, draft_plan
    from node.plan_privacy import privacy_of
    from node.policy import Policy

    if output.exists():
        raise Refusal("FILE", f"{output} is there already", "a new file", f"choose another name, or remove {output}")
    known = in_force(home)
    manifest = manifest_of(home, data_name) if data_name is not None else None
    Policy.load(home).admit()
    model = None if init is None else model_of(home, init)
    text = None
    if topology and topology.startswith("edges:"):
        text = Path(topology.removeprefix("edges:")).read_text(encoding="utf-8")
        topology = "edges"
    plan = draft_plan(
        Draft(
            roster=bytes.fromhex(known["roster"]),
            regions=known["regions"],
            task=task,
            settings=dict(_setting(one) for one in settings) | ({"local_steps": 0} if score else {}),
            manifest=manifest,
            rounds=1 if score else rounds,
            topology=topology,
            min_coalition=min_coalition,
            edges_text=text,
            seed=seed,
            masking=masking,
            disclose=disclose,
            dp=parse_dp(dp) if dp else None,
            preprocess_bp=round(preprocess * 10_000),
            init=model,
            freeze=freeze,
            score=score,
            lab=lab,
            numbers=dict(_number(one) for one in numbers),
            title=title,
            purpose=purpose,
            round_timeout_s=timeout_s,
        )
    )
    plan.check()
    check_min_coalition(plan)
    figures, words = privacy_of(plan)
    if model is not None:
        keep_model(home, plan, model)
    output.write_text(plan.to_toml(), encoding="utf-8")
    if as_json:
        emit(
            {
                "study": plan.study.hex(),
                "plan": str(output),
                "may_be_away": plan.may_be_away,
                "disclosures": plan.disclosures(),
                "privacy": figures,
            }
        )
        return
    say(f"{output}: {rounds} rounds of '{task}' at {', '.join(plan.regions)} on {plan.topology}")
    for line in words:
        say(line)
    say(f"Next: landsting study propose {output} --home {home}")


def model_of(home: Path, init: str) -> Path:
    """Return the safetensors file that ``--init`` names: a file, or this home's newest model of a study."""
    if Path(init).is_file():
        return Path(init)
    from node.models import export_model

    whole = study_id(home, init)
    path = home / "init" / f"from-{whole[:12]}.safetensors"
    return export_model(home, whole, path).path


def keep_model(home: Path, plan: Any, model: Path) -> None:
    """Keep the model that a plan begins with where the training worker finds it."""
    folder = home / "init"
    folder.mkdir(mode=0o700, exist_ok=True)
    part = folder / f"{plan.init.hex()}.part"
    part.write_bytes(model.read_bytes())
    part.replace(folder / f"{plan.init.hex()}.safetensors")


def _setting(text: str) -> tuple[str, object]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise click.UsageError(f"--set is KEY=VALUE; found {text!r}")
    if value in ("true", "false"):
        return name, value == "true"
    return name, int(value) if value.lstrip("-").isdigit() else value


def _number(text: str) -> tuple[str, object]:
    """Return one value of the plan, as ``--number`` gives it."""
    from node.draft import NUMBERS
    from protocol.reals import Real

    name, sign, value = text.partition("=")
    if not sign or name not in NUMBERS:
        raise click.UsageError(f"--number is KEY=VALUE with one of {', '.join(NUMBERS)}; found {text!r}")
    if name == "clip":
        return name, Real(value)
    return name, int(value) if value.lstrip("-").isdigit() else value


def in_force(home: Path) -> dict[str, Any]:
    """Return the roster in force at a home.

    Raises:
        Refusal: There is none yet; names who must sign.
    """
    rosters: list[dict[str, Any]] = ask(home, "roster_show", {})["rosters"]
    for one in rosters:
        if one["in_force"]:
            return one
    if not rosters:
        raise Refusal(
            "ROSTER",
            "there is no roster yet",
            "one that all regions have signed",
            f"landsting roster found --home {home} *.card",
        )
    raise Refusal(
        "ROSTER",
        f"the roster is not in force here: not heard that {', '.join(rosters[0]['missing'])} signed it",
        "the signatures of all regions",
        f"landsting run --home {home}  (running nodes exchange them), then landsting roster show --home {home}",
    )


@study.command()
@click.argument("plan_file", metavar="PLAN", type=click.Path(dir_okay=False, path_type=Path))
@home_option
@common
def propose(plan_file: Path, home: Path, as_json: bool) -> None:
    """Send the plan in file PLAN to all regions. Each accepts or rejects for itself."""
    from gossip.plan_privacy import check_min_coalition

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
    from node.cli.data import datasets, fitting, manifest_of
    from node.draft import check_facts
    from node.learning.describe import NO_SCHEMA
    from node.policy import Policy
    from node.training import first_model
    from protocol.plan import Plan

    whole = study_id(home, study, patience_s=ARRIVAL_S)
    args: dict[str, Any] = {"study": bytes.fromhex(whole), "role": role, "ref": ref}
    known = ask(home, "study", {"study": bytes.fromhex(whole)})
    plan = Plan.decode(bytes.fromhex(known["plan"]))
    if data_name is not None or plan.schema != NO_SCHEMA:
        args["data"] = fitting(home, data_name, plan.schema, plan.purpose)
        args["sheet"] = datasets(home).sheet_sha256(args["data"])
    policy = Policy.load(home)
    policy.check(plan, known.get("proposer"), args.get("data"))
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
    from node.home import Home

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


study.add_command(follow)
study.add_command(check)
