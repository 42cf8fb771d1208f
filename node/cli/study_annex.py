"""``landsting study annex``: what a data protection officer reads and signs before a study begins."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.asking import ask, plan_of_file, studies, study_id
from node.cli.output import Refusal, emit, say
from node.cli.root import common

if TYPE_CHECKING:
    from node.datasets import Datasets
    from node.pages.annex import Data
    from protocol.plan import Plan


@click.command("annex")
@click.argument("study", metavar="PLAN|ID")
@click.option(
    "--home",
    envvar="LANDSTING_HOME",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The region's home (or set LANDSTING_HOME); without one, the plan alone.",
)
@click.option(
    "-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help="FILE.html, for A4."
)
@click.option("--lang", type=click.Choice(["sv", "en"]), default="sv", show_default=True, help="Language.")
@click.option("--data", "data_name", metavar="NAME", help="The data set; left out, the accepted or only fitting one.")
@click.option("--date", metavar="DATE", help="The day that the page says; left out, today (UTC).")
@common
def annex(
    study: str, home: Path | None, output: Path, lang: str, data_name: str | None, date: str | None, as_json: bool
) -> None:
    """Write what leaves the region, to whom, in what form, and who could learn what: for signatures on paper.

    PLAN is a plan's file, ID a study's id, its first digits or its words. With a region's home also the data set,
    exceptions that were granted, approvals with diary numbers. No count of patients is on it.
    """
    from crypto.words import words
    from node.files import write
    from node.home import Home
    from node.pages.annex import annex_of
    from node.pages.annex_page import to_html

    plan, answers = _plan(home, study)
    region, data = None, None
    if home is not None:
        region = Home.open(home).name
        if region not in plan.regions:
            found, expected = f"{region} takes no part in this study", ", ".join(plan.regions)
            raise Refusal("PLAN", found, expected, f"landsting study annex {study} -o {output}, with another --home")
        data = _data(home, plan, data_name)
    found_annex = annex_of(plan, home=home, region=region, data=data, answers=answers)
    day = date or datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH") or _now()), UTC).strftime("%Y-%m-%d")
    if not output.parent.is_dir():
        raise Refusal("FILE", f"there is no folder {output.parent}", "one that exists", f"mkdir -p {output.parent}")
    write(output, to_html(found_annex, lang, day).encode("utf-8"), durable=False)  # whole or not at all
    if as_json:
        spoken = words(plan.study)
        exceptions = [] if data is None else [[one.check, one.column, one.ref] for one in data.exceptions]
        emit({
            "study": plan.study.hex(), "words": spoken, "region": region, "file": str(output), "lang": lang,
            "data": None if data is None else data.name, "exceptions": exceptions,
            "approvals": [{"role": one.role, "ref": one.ref} for one in found_annex.consents],
        })  # fmt: skip
        return
    say(f"{output}: for signatures; the study's id in words is")
    say(f"  {words(plan.study)}")
    if data is None and region is not None and not found_annex.no_data:
        say("no data set of this region is on it yet: landsting data add, and write it again")


def _now() -> float:
    import time

    return time.time()


def _plan(home: Path | None, study: str) -> tuple[Plan, dict[str, str]]:
    """Return the plan, and what other regions have answered as far as the home has heard."""
    from protocol.plan import Plan

    if study.endswith(".toml"):
        plan = plan_of_file(Path(study))
        plan.check()
        if home is None or plan.study.hex() not in [one["study"] for one in studies(home)]:
            return plan, {}
        whole = plan.study.hex()
    elif home is None:
        raise Refusal(
            "HOME", "a study's id without a home", "the region's home", f"landsting study annex {study} --home DIR"
        )
    else:
        whole = study_id(home, study)
    known: dict[str, Any] = ask(home, "study", {"study": bytes.fromhex(whole)})
    return Plan.decode(bytes.fromhex(known["plan"])), dict(known["answers"])


def _data(home: Path, plan: Plan, name: str | None) -> Data | None:
    """Return the data set that the study was accepted with, or is named, or alone has the plan's schema."""
    from node.cli.data import bound_to, datasets
    from node.learning.hashing import json_hash
    from node.pages.annex import data_of

    store = datasets(home)
    name = name or bound_to(home, plan.study)
    if name is None:
        fitting = [one.name for one in store.all() if one.manifest.schema_().hash == plan.schema]
        if len(fitting) != 1:
            return None
        name = fitting[0]
    bound = store.get(name)
    if not bound.version:
        return None
    sheet = store.sheet(name, _accepted(store, name, home, plan))
    return data_of(bound.manifest, sheet, json_hash("SHEET", sheet).hex())


def _accepted(store: Datasets, name: str, home: Path, plan: Plan) -> int | None:
    """Return the version of the data sheet that the study was accepted on; None for the newest.

    A study that takes up new versions goes by the newest.
    """
    from node.learning.hashing import json_hash
    from node.pages.annex import consents_at

    if plan.data_update != "keep":
        return None
    hashes = {one.sheet for one in consents_at(home, plan.study)}
    versions = range(store.get(name).version, 0, -1)
    return next((one for one in versions if json_hash("SHEET", store.sheet(name, one)) in hashes), None)
