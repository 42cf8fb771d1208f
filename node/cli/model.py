"""``landsting model``: which models a home holds, and one of them as a file."""

from __future__ import annotations

from pathlib import Path

import click

from node.cli.asking import studies, study_id
from node.cli.output import emit, say, table
from node.cli.root import common, home_option
from node.cli.synth_release import add_commands
from protocol.release import MODEL


@click.group()
def model() -> None:
    """List and export trained models."""


add_commands(model, MODEL)


@model.command("list")
@home_option
@common
def list_(home: Path, as_json: bool) -> None:
    """List the studies of which this home holds a model."""
    from node.cli.asking import ask
    from node.home import Home
    from node.store.storage import StoreReader
    from protocol.plan import Plan

    rows = []
    with StoreReader(Home.open(home)) as reader:
        for one in studies(home):
            plan = Plan.decode(bytes.fromhex(ask(home, "study", {"study": one["study"]})["plan"]))
            held = [
                n
                for n in range(plan.first_round, plan.end_round)
                if reader.blob(f"model/{one['study']}/{n}") is not None
            ]
            if held:
                rows.append(
                    {
                        "study": one["study"],
                        "task": plan.task["name"],
                        "round": held[-1],
                        "state": one["state"],
                        "parameters": plan.dim,
                    }
                )
    if as_json:
        emit({"models": rows})
    elif not rows:
        say("This home holds no model yet.")
    else:
        say(
            table(
                [(r["study"][:12], r["task"], r["round"], r["state"], r["parameters"]) for r in rows],
                ["study", "task", "after round", "study is", "parameters"],
                right=(2, 4),
            )
        )


@model.command()
@click.argument("study", metavar="[ID]", required=False)
@home_option
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="FILE.safetensors")
@common
def export(study: str | None, home: Path, output: Path, as_json: bool) -> None:
    """Write the newest model of a study: FILE.safetensors, and FILE.json beside it.

    The second file says how a table becomes the model's inputs. Neither is ever unpickled.
    """
    from node.models import export_model

    done = export_model(home, study_id(home, study), output)
    if as_json:
        about = str(done.path.with_suffix(".json"))
        emit({"model": str(done.path), "about": about, "study": done.study, "round": done.round, "sha256": done.sha256})
    else:
        say(f"{done.path}: the model after round {done.round}")
        say(f"{done.path.with_suffix('.json')}: how a table becomes its inputs; keep both together")
        say(f"sha256 {done.sha256}")


@model.command()
@click.argument("study", metavar="[ID]", required=False)
@home_option
@click.option(
    "--test",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Rows to judge on; left out, the region's own validation rows (settings.test_share).",
)
@click.option(
    "--pooled",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.safetensors",
    help="A model trained on all rows in one place, where there is such a place.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="An HTML page too.")
@click.option("--lang", type=click.Choice(["sv", "en"]), default="en", show_default=True, help="Language of the page.")
@common
def report(
    study: str | None, home: Path, test: Path | None, pooled: Path | None, output: Path | None, lang: str, as_json: bool
) -> None:
    """Judge a study's model: alone, together, pooled; on subgroups; in a study that scores, over all regions.

    Trains as many local steps on this region's rows alone. The page also draws what was predicted beside what was
    observed: calibration of classes and labels, a number's values, survival by predicted risk. Counts under 10 and
    figures of groups under 20 are not shown; what is undefined says why.
    """
    from node.judging import judge
    from node.learning.report import text
    from node.learning.report_page import page
    from node.learning.report_words import PAGE, drawn

    whole = study_id(home, study)
    found, schema = judge(home, whole, test=test, pooled=pooled)
    if output is not None:
        output.write_text(page(found, whole[:12], schema, lang), encoding="utf-8")
    if as_json:
        emit({"study": whole, **found})
        return
    for line in text(found):
        say(line)
    if output is not None:
        say(f"{output}: subgroups, and: {PAGE['en'][drawn(schema.target)].lower()}")


@model.command()
@click.argument("study", metavar="[ID]", required=False)
@home_option
@click.option("--steps", type=click.IntRange(1), default=100, show_default=True, help="Local steps on own rows.")
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="FILE.safetensors")
@common
def tune(study: str | None, home: Path, steps: int, output: Path, as_json: bool) -> None:
    """Go on training a study's model on this region's rows alone, and write that model; nothing is sent.

    It knows this region's patients without noise: keep it at home.
    """
    from node.judging import tuned

    sha256 = tuned(home, study_id(home, study), steps, output)
    if as_json:
        emit({"model": str(output), "steps": steps, "sha256": sha256})
    else:
        say(f"{output}: tuned by {steps} steps on this region's rows; keep it at home")
