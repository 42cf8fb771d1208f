"""``landsting study check``: a plan rehearsed here, before anybody accepts it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.asking import accepted_plans, fact, plan_of_file
from node.cli.output import Refusal, emit, say, size_words
from node.cli.root import common, home_option

if TYPE_CHECKING:
    from node.rehearsal import Forecast
    from protocol.plan import Plan


@click.command("check")
@click.argument("plan_file", metavar="PLAN", type=click.Path(dir_okay=False, path_type=Path))
@home_option
@click.option(
    "--data", "data_name", metavar="NAME", help="The data set to try it on; left out, the only one that fits."
)
@click.option(
    "--init",
    "init",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The model that the plan begins with, where it begins with one; not kept.",
)
@click.option("--mbit", type=click.FloatRange(0.01), default=100.0, show_default=True, help="What a link carries.")
@common
def check(plan_file: Path, home: Path, data_name: str | None, init: Path | None, mbit: float, as_json: bool) -> int:
    """Rehearse the study in file PLAN on this region's data; nothing is sent, kept or paid.

    Seconds a round, hours in all, bytes over each link, memory, disk, epsilon at the end. Exit code 1 with the
    first thing that does not fit.
    """
    from gossip.consent.plan_privacy import check_min_coalition
    from node.cli.data import fitting, manifest_of
    from node.home import Home
    from node.learning.describe import NO_SCHEMA
    from node.plan_privacy import privacy_of
    from node.policy import Policy, patients_of

    plan = plan_of_file(plan_file)
    plan.check()
    check_min_coalition(plan)
    opened = Home.open(home)
    if opened.name not in plan.regions:
        raise Refusal(
            "PLAN", f"{opened.name} takes no part in it", f"{', '.join(plan.regions)}", "a plan with this region"
        )
    data = None
    if data_name is not None or plan.schema != NO_SCHEMA:
        data = fitting(home, data_name, plan.schema, plan.purpose)
    policy = Policy.load(opened.path)
    policy.check(plan, None, data, None if data is None else patients_of(opened.path, data))
    policy.admit()
    manifest = manifest_of(home, data) if data is not None else None
    found = _rehearsed(opened.path, opened.name, plan, manifest, init, mbit)
    _, words = privacy_of(plan)
    if as_json:
        emit({"study": plan.study.hex(), **asdict(found), "privacy": words})
    else:
        _say(plan, found, words)
    return 1 if found.problems else 0


def _rehearsed(home: Path, region: str, plan: Plan, manifest: Path | None, init: Path | None, mbit: float) -> Forecast:
    """Return the forecast; a model that is given lies in the home only as long as the rehearsal."""
    from node.cli.study_new import keep_model
    from node.draft import check_facts
    from node.errors import NodeError
    from node.rehearsal import rehearse
    from node.training import first_model

    given = init is not None and first_model(home, plan) is None
    if given:
        assert init is not None
        keep_model(home, plan, init)
    try:
        check_facts(plan, manifest, first_model(home, plan))
        return rehearse(home, region, plan, manifest, mbit_s=mbit, accepted=accepted_plans(home, plan))
    except NodeError as error:
        raise Refusal(error.code, error.found, error.expected, error.fix) from error
    finally:
        if given and (path := first_model(home, plan)) is not None:
            path.unlink()


def _time(hours: float) -> str:
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{hours * 60:.1f} min" if hours * 60 >= 1 else f"{hours * 3600:.1f} s"


def _say(plan: Plan, found: Forecast, words: list[str]) -> None:
    say(fact("a round", f"{found.round_s:.2f} s, of which training {found.train_s:.2f} s"))
    say(fact("in all", f"{_time(found.hours)} for {plan.rounds} rounds"))
    say(fact("each link", f"{size_words(found.link_bytes)} each way"))
    say(fact("memory", f"{found.memory_bytes / 2**20:.0f} MiB in the training worker"))
    say(fact("disk", f"{found.disk_bytes / 2**20:.1f} MiB"))
    if found.epsilon is not None:
        prv = "undefined" if found.epsilon_prv is None else f"{found.epsilon_prv:.3f}"
        say(fact("epsilon", f"{found.epsilon:.3f} at the end by RDP, which counts; {prv} by PRV, shown beside"))
        say(fact("of these rows", f"epsilon {found.epsilon_data:.3f} with all that was paid and accepted before"))
    for line in [*words, *found.warnings]:
        say(line)
    say(
        f"does not fit: {found.problems[0]}" if found.problems else "It fits. Next: landsting study propose, or accept."
    )
