"""``landsting study new``: a plan from a few wishes, written to a file; nothing is sent yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.asking import ask, study_id
from node.cli.demo import parse_dp
from node.cli.output import Refusal, emit, say
from node.cli.root import common, home_option

if TYPE_CHECKING:
    from protocol.errors import PlanError

PRIVATE_LR = 0.1  # below it a clipped step of a tabvae is lost in its noise: measured, node/learning/synth/README.md


@click.command()
@home_option
@click.option(
    "--task",
    default="classifier",
    show_default=True,
    help="classifier, regression, survival, tabgan, tabvae, imagegan, idle, or one's own module:factory.",
)
@click.option("--data", "data_name", help="A data set bound with 'data add'; left out, the only one.")
@click.option("--rounds", type=click.IntRange(1, 10**6), default=20, show_default=True)
@click.option("--topology", help="complete, torus:3x3, cliques:4x4, edges:FILE …  [default: topology compare's]")
@click.option(
    "--aggregation",
    type=click.Choice(["neighbourhood", "network"]),
    default="neighbourhood",
    show_default=True,
    help="Sums at each neighbour, or one of all at a root that changes every round.",
)
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
@click.option(
    "--data-update",
    type=click.Choice(["keep", "next_round"]),
    default="keep",
    show_default=True,
    help="A new version of a region's data (data update, data exclude): not for this study, or from its next round.",
)
@click.option(
    "--keep-payloads",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Masked values of the last N rounds stay in each home, so that an audit can compute sums again.",
)
@click.option(
    "--draw",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of rounds, drawn by nobody's choice, whose values each region keeps open to an audit.",
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
    aggregation: str,
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
    data_update: str,
    keep_payloads: int,
    draw: float,
    lab: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Write a plan: what is learned, by whom, over which graph, how private.

    It is a text file; read it, change it, then 'study propose'. Nothing is sent yet.
    """
    from gossip.consent.plan_privacy import check_min_coalition
    from node.draft import Draft, draft_plan
    from node.plan_privacy import privacy_of
    from node.policy import Policy
    from protocol.errors import PlanError

    if score and init is None:
        raise Refusal("USAGE", "--score without --init", "the model to judge", "--init FILE|STUDY beside it", status=2)
    if preprocess and dp is None:
        raise Refusal("USAGE", "--preprocess without --dp", "both", "--dp epsilon=3,delta=1e-3 beside it", status=2)
    if output.exists():
        raise Refusal("FILE", f"{output} is there already", "a new file", f"choose another name, or remove {output}")
    known = in_force(home)
    Policy.load(home).admit()
    manifest = manifest_for(home, data_name, task)
    model = None if init is None else model_of(home, init)
    text = None
    if topology and topology.startswith("edges:"):
        text = Path(topology.removeprefix("edges:")).read_text(encoding="utf-8")
        topology = "edges"
    retention = {"payload_rounds": keep_payloads, "sample_bp": round(draw * 10_000)}
    plan = draft_plan(
        Draft(
            roster=bytes.fromhex(known["roster"]),
            regions=known["regions"],
            task=task,
            settings=dict(setting_of(one) for one in settings) | ({"local_steps": 0} if score else {}),
            manifest=manifest,
            rounds=1 if score else rounds,
            topology=topology,
            aggregation=aggregation,
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
            numbers=dict(number_of(one) for one in numbers) | {"data_update": data_update, "retention": retention},
            title=title,
            purpose=purpose,
            round_timeout_s=timeout_s,
        )
    )
    try:
        plan.check()
    except PlanError as error:
        raise with_flag(error) from error
    check_min_coalition(plan)
    figures, words = privacy_of(plan)
    if model is not None:
        keep_model(home, plan, model)
    output.write_text(plan.to_toml(), encoding="utf-8")
    columns = None if manifest is None else keep_columns(manifest, output.with_suffix(".columns.toml"))
    if as_json:
        emit(
            {
                "study": plan.study.hex(),
                "plan": str(output),
                "columns": None if columns is None else str(columns),
                "may_be_away": plan.may_be_away,
                "disclosures": plan.disclosures(),
                "privacy": figures,
            }
        )
        return
    say(f"{output}: {rounds} rounds of '{task}' at {', '.join(plan.regions)} on {plan.topology}")
    for line in words:
        say(line)
    if columns is not None:
        say(f"{columns}: the columns; where another region's do not fit: landsting data compare NAME {columns.name}")
    for line in advice(task, plan.settings, private=dp is not None, draw=draw):
        say(line)
    say(f"Next: landsting study propose {output} --home {home}")


def advice(task: str, settings: Mapping[str, Any], *, private: bool, draw: float = 0.0) -> list[str]:
    """Return what a generator's plan had better say, in sentences; nothing for other tasks.

    Args:
        draw: Share of rounds that are kept open to an audit.
    """
    if "share" not in settings:
        return []
    lines = []
    if draw:
        lines.append(
            "Drawn rounds are kept open to an audit, but 'audit repeat' can train only the newest of them again: what "
            "a region's generator keeps to itself (a discriminator, moments) is in the home of the last three rounds"
        )
    if not settings["test_share"]:
        lines.append(
            "No rows are kept back, so nothing that it makes up can be measured or released: --set test_share=0.3"
        )
    if private and task == "tabgan":
        lines.append(
            "Under privacy --task tabvae keeps columns and pairs better and knows small regions' patients less: on "
            "four hospitals at epsilon 3 shapes .87 and pairs .77 to .79, tabgan .82 and .71; rows of both teach about "
            "alike (node/learning/synth/README.md)"
        )
        if settings.get("judge") != "columns":
            lines.append(
                "A discriminator of layers is lost in the noise: --set judge=columns --set lr=0.002 --set lr_d=0.2 "
                "--set schedule=constant --set maker_steps=5 --set full_patients=200 --set local_steps=5"
            )
    if private and task == "tabvae" and float(settings["lr"]) < PRIVATE_LR:
        lines.append(
            f"Under privacy every gradient is clipped, and steps of lr {settings['lr']} lead nowhere: "
            "--set lr=1 --set hidden=16 --set noise=8 --set full_patients=200"
        )
    return lines


def keep_columns(manifest: Path, path: Path) -> Path:
    """Write the public part of a manifest, from which the plan's schema hash follows, for regions to compare with."""
    from node.learning.data.manifest import load, to_toml

    found = load(manifest)
    columns = [{key: value for key, value in one.value().items() if value not in ("", [])} for one in found.column]
    path.write_text(to_toml({"id": found.id, "column": columns}), encoding="utf-8")
    return path


def manifest_for(home: Path, name: str | None, task: str) -> Path | None:
    """Return the manifest of the data set that is named, or of the only one; None for a task without data.

    Raises:
        Refusal: Several are bound.
    """
    from node.cli.data import datasets, manifest_of
    from node.learning.registry import get_task, plan_name

    if name is not None:
        return manifest_of(home, name)
    if not get_task(plan_name(task)).needs_data:
        return None
    names = [one.name for one in datasets(home).all() if not one.manifest.synthetic]
    if len(names) > 1:
        raise Refusal("DATA", f"{len(names)} data sets are bound", f"--data {' or '.join(names)}", f"--data {names[0]}")
    return manifest_of(home, names[0]) if names else None


def model_of(home: Path, init: str) -> Path:
    """Return the safetensors file that ``--init`` names: a file, or this home's newest model of a study."""
    if Path(init).is_file():
        return Path(init)
    from node.models import export_model

    if init.endswith(".safetensors") or "/" in init:
        raise FileNotFoundError(2, "No such file or directory", init)
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


def setting_of(text: str) -> tuple[str, object]:
    """Return one setting of a task, as ``--set`` gives it."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise click.UsageError(f"--set is KEY=VALUE; found {text!r}")
    if value in ("true", "false"):
        return name, value == "true"
    return name, int(value) if value.lstrip("-").isdigit() else value


def number_of(text: str) -> tuple[str, object]:
    """Return one value of the plan, as ``--number`` gives it."""
    from node.draft import NUMBERS
    from protocol.reals import Real

    name, sign, value = text.partition("=")
    if not sign or name not in NUMBERS:
        raise click.UsageError(f"--number is KEY=VALUE with one of {', '.join(NUMBERS)}; found {text!r}")
    if name == "clip":
        return name, Real(value)
    return name, int(value) if value.lstrip("-").isdigit() else value


def with_flag(error: PlanError) -> PlanError:
    """Return a refusal whose remedy names the option to type, where it is a value of ``--number``."""
    import re

    from node.draft import NUMBERS
    from protocol.errors import PlanError

    found = re.match(r'Set (\w+) = "?([\w.]+)', error.fix)
    if found is None or found[1] not in NUMBERS:
        return error
    flag = f"--number {found[1]}={found[2].rstrip('.')}"
    return PlanError(rule=error.rule, found=error.found, expected=error.expected, fix=f"Type {flag}. {error.fix}")


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
