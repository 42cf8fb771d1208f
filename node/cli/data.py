"""``landsting data``: which data a region trains on. Nothing is copied; manifest and data sheet are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.data_bound import bound_to, datasets, fitting, manifest_of, manifests
from node.cli.data_files import example, init, scrub
from node.cli.data_words import MANIFEST, compared, done, facts, in_words, unstated, write_report
from node.cli.output import Refusal, emit, say, table
from node.cli.root import common, home_option

if TYPE_CHECKING:
    from node.learning.data.sheet import Sheet
    from protocol.plan import Plan


__all__ = ["bind", "bound_to", "data", "datasets", "decisions", "fitting", "manifest_of", "manifests"]


@click.group(epilog=MANIFEST)
def data() -> None:
    """Check data, bind them to this home, and keep their data sheets."""


_override = click.option(
    "--override",
    "overrides",
    multiple=True,
    metavar="CHECK[:COLUMN]",
    help="Go on in spite of a blocking check; needs --ref, and stays in data sheet and log.",
)
_ref = click.option("--ref", metavar="DIARY", help="Diary number of the decision to override.")
_report = click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write the data sheet to this file: .html for people, .json for programs.",
)
_lang = click.option(
    "--lang", type=click.Choice(["sv", "en"]), default="en", show_default=True, help="Language of the page."
)
_file = click.Path(path_type=Path)


@data.command()
@click.argument("file", type=_file)
@home_option
@click.option(
    "--schema",
    "schema",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The manifest; left out, FILE.toml beside FILE.csv, or FILE itself.",
)
@_override
@_ref
@_report
@_lang
@common
def add(
    file: Path,
    home: Path,
    schema: Path | None,
    overrides: tuple[str, ...],
    ref: str | None,
    report: Path | None,
    lang: str,
    as_json: bool,
) -> None:
    """Read FILE, check it against its manifest, and bind it to this home.

    FILE is a table, or a manifest that names its files. The data stay where they are; the home keeps the
    manifest with the files' fingerprints, and the data sheet. A file that changes later stops its
    studies here until 'data update'.
    """
    sheet = _added(home, file, schema, decisions(overrides, ref))
    done([sheet], report, as_json, lang)
    if as_json:
        return
    if datasets(home).get(sheet.id).manifest.synthetic:
        say(f"bound as '{sheet.id}', which is synthetic; a plan may name it beside real rows:")
        say(f"  landsting study new … --set synthetic={next(iter(sheet.files.values()))}")
    else:
        if lacking := unstated(datasets(home).get(sheet.id).manifest):
            say(f"the manifest states no {', '.join(lacking)}: the annex will say so")
        say(f"bound as '{sheet.id}'; accept a study on it with:")
        say(f"  landsting study accept ID --home {home} --data {sheet.id}")


def bind(home: Path, file: Path, schema: Path) -> dict[str, Any]:
    """Bind a table to a home by its manifest, once both have been checked; return what was found.

    Raises:
        ConfigError, GateError: The manifest or the table is not what it should be; nothing is written.
    """
    from node.datasets import first_error

    sheet = _added(home, file, schema, {})
    if not sheet.passed:
        raise first_error(sheet)
    return facts(sheet)


def _added(home: Path, file: Path, schema: Path | None, overrides: dict[str, str]) -> Sheet:
    store = datasets(home)
    if not file.exists():
        raise FileNotFoundError(2, "No such file or directory", str(file))  # not reported as a missing manifest
    if file.suffix == ".toml" and schema is None:
        return store.add(file, None, overrides)
    schema = schema or file.with_suffix(".toml")
    if not schema.exists():
        found, expected = f"no manifest {schema}", "a manifest that says what the columns hold"
        raise Refusal("DATA", found, expected, f"landsting data init {file} -o {schema}; read that file, and add again")
    return store.add(schema, file, overrides)


@data.command()
@click.argument("name")
@click.argument("file", type=_file, required=False)
@home_option
@click.option(
    "--schema", type=click.Path(dir_okay=False, path_type=Path), help="A corrected manifest; left out, the bound one."
)
@_override
@_ref
@_report
@_lang
@common
def update(
    name: str,
    file: Path | None,
    home: Path,
    schema: Path | None,
    overrides: tuple[str, ...],
    ref: str | None,
    report: Path | None,
    lang: str,
    as_json: bool,
) -> None:
    """Take a new extract of NAME: from FILE, or from where the old one lay. Makes a new version of its sheet."""
    sheet = datasets(home).update(name, file, decisions(overrides, ref), schema)
    done([sheet], report, as_json, lang)
    if not as_json:
        say(f"bound as '{sheet.id}', version {sheet.version}")


@data.command()
@click.argument("name")
@click.option(
    "--patients",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Everybody who opted out so far, one patient id a line; the file stays where it is.",
)
@click.option("--readmit", is_flag=True, help="Somebody who was left out takes part again, and is read again.")
@home_option
@_report
@_lang
@common
def exclude(
    name: str, patients: Path, readmit: bool, home: Path, report: Path | None, lang: str, as_json: bool
) -> None:
    """Leave out patients of NAME from now on. Makes a new version of its sheet."""
    from node.datasets import opted_out
    from node.learning.data.reading import listed_patients

    sheet = datasets(home).exclude(name, patients, readmit=readmit)
    done([sheet], report, as_json, lang)
    if not as_json and not opted_out(sheet.left_out):
        ids = len(listed_patients(patients))
        say(f"none of the {ids} ids in {patients.name} is a patient of '{name}': are they as in its patient column?")


@data.command()
@home_option
@click.option(
    "--study",
    metavar="ID",
    help="Also compare each column with all regions of this study together, as its histograms have them.",
)
@_report
@_lang
@common
def check(home: Path, study: str | None, report: Path | None, lang: str, as_json: bool) -> None:
    """Read all bound data again and run every check. Exit code 1 if one blocks.

    With --study a column that is unlike the sum of all regions' (PSI over .25) is noted: another unit, another
    method, other patients. The study needs scaling=quantile, which opens histograms.
    """
    from node.learning.errors import GateError

    store = datasets(home)
    if study is None:
        sheets, changed = [], dict[str, GateError]()
        for one in store.all():
            try:
                sheets.append(store.inspect(one.name))
            except GateError as error:
                changed[one.name] = error
        for one_name, why in changed.items() if not as_json else ():
            say(f"{one_name}: {why.found}")
        if changed and as_json:
            raise next(iter(changed.values()))
        if sheets or not changed:
            done(sheets, report, as_json, lang)
        if changed:
            raise next(iter(changed.values()))
        return
    from node.shared_statistics import inner_knots, opened

    plan = plan_of_study(home, study)
    name = fitting(home, bound_to(home, plan.study), plan.schema)
    knots = inner_knots(opened(home, plan, store.get(name).manifest.schema_()))
    everybody = f"all regions of study {plan.study.hex()[:12]}"
    sheet = store.inspect(name, knots, everybody)
    done([sheet], report, as_json, lang)
    for line in [] if as_json else compared(sheet, knots, everybody):
        say(line)


def plan_of_study(home: Path, study: str) -> Plan:
    """Return the plan of a study that a home knows."""
    from node.cli.asking import ask, study_id
    from protocol.plan import Plan

    whole = study_id(home, study)
    return Plan.decode(bytes.fromhex(ask(home, "study", {"study": bytes.fromhex(whole)})["plan"]))


@data.command()
@click.argument("name")
@home_option
@click.option("--version", type=click.IntRange(1), help="An earlier version; left out, the newest.")
@_report
@_lang
@common
def show(name: str, home: Path, version: int | None, report: Path | None, lang: str, as_json: bool) -> None:
    """Show the data sheet of NAME as it was written, without reading the data."""
    store = datasets(home)
    store.get(name)
    value = store.sheet(name, version)
    write_report(report, [value], lang)
    if as_json:
        emit(value)
        return
    say(f"{value['id']}, version {value['version']}: {value['rows']} rows of {value['patients']} patients")
    groups = value["anonymity"]
    if groups is not None:
        say(f"  k {groups['k']} by {', '.join(groups['columns'])}; {groups['alone']:.1%} of patients are alone")
    for words in value["left_out"]:
        say(f"  left out: {words}")
    for one in value["findings"]:
        say(f"  {in_words(one)}")


@data.command("list")
@home_option
@common
def list_(home: Path, as_json: bool) -> None:
    """List what is bound, without reading the data."""
    store = datasets(home)
    rows = [
        {
            "name": one.name,
            "file": one.files[0],
            "files": one.files,
            "schema": one.manifest.schema_().hash.hex(),
            "version": one.version,
            "purposes": list(one.manifest.purposes),
            "synthetic": one.manifest.synthetic,
            "rows": store.sheet(one.name)["rows"] if one.version else None,
        }
        for one in store.all()
    ]
    if as_json:
        emit({"data": rows})
        return
    kind = {True: "nobody: synthetic", False: "real patients"}
    lines = [
        (r["name"], r["version"], r["rows"] or "", kind[bool(r["synthetic"])], str(r["schema"])[:16], r["file"])
        for r in rows
    ]
    say(table(lines, ["name", "version", "rows", "of", "schema", "file"], right=[2]) if rows else "No data is bound.")


def decisions(overrides: tuple[str, ...], ref: str | None) -> dict[str, str]:
    """Return the diary number of each overridden check.

    Raises:
        Refusal: One is given without the other, or the reference is none.
    """
    import re

    if bool(overrides) != bool(ref):
        raise Refusal(
            "USAGE", "--override without --ref, or the other way round", "both",
            "name the check, and the diary number of the decision",
        )  # fmt: skip
    if ref is not None and not re.fullmatch(r"[A-Za-z0-9 ./:-]{1,40}", ref):
        raise Refusal(
            "USAGE", "--ref is no diary number", "letters, digits and ./:-, at most 40", "for example RS-2026-117"
        )
    refuse_personal(ref)
    return dict.fromkeys(overrides, ref or "")


def refuse_personal(ref: str | None) -> None:
    """Refuse a diary number that is a person's number: it would stand in log, annex and audit for good."""
    from node.learning.data.identifiers import holds_personal_number

    if ref is not None and holds_personal_number(ref.strip()):
        raise Refusal("USAGE", "--ref looks like a personal number", "a diary number", "for example RS-2026-117")


@data.command()
@click.argument("name")
@click.argument("other", type=click.Path(dir_okay=False, path_type=Path))
@home_option
@common
def compare(name: str, other: Path, home: Path, as_json: bool) -> int:
    """Say in which columns the schema of NAME differs from another region's manifest. Exit code 1 if it does."""
    from node.home import Home
    from node.learning.data.manifest import load
    from node.learning.data.schema import differences

    here, there = f"at {Home.open(home).name}", f"in {other.name}"
    found = differences(datasets(home).get(name).manifest.schema_(), load(other).schema_(), here, there)
    if as_json:
        emit({"name": name, "differences": found})
    else:
        for one in found:
            say(one)
        if not found:
            say("the schemas are the same")
    return 1 if found else 0


for _command in (init, scrub, example):
    data.add_command(_command)
