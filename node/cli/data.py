"""``landsting data``: which data a region trains on. Nothing is copied; manifest and data sheet are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.data_files import example, init, scrub
from node.cli.data_words import MANIFEST, done, facts, in_words, write_report
from node.cli.output import Refusal, emit, say, table
from node.cli.root import common, home_option

if TYPE_CHECKING:
    from node.datasets import Datasets
    from node.learning.data.sheet import Sheet
    from protocol.plan import Plan


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
@common
def add(
    file: Path,
    home: Path,
    schema: Path | None,
    overrides: tuple[str, ...],
    ref: str | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Read FILE, check it against its manifest, and bind it to this home.

    FILE is a table, or a manifest that names its files. The data stay where they are; the home keeps the
    manifest with the files' fingerprints, and the data sheet. A file that changes later stops its
    studies here until 'data update'.
    """
    sheet = _added(home, file, schema, decisions(overrides, ref))
    done([sheet], report, as_json)
    if as_json:
        return
    if datasets(home).get(sheet.id).manifest.synthetic:
        say(f"bound as '{sheet.id}', which is synthetic; a plan may name it beside real rows:")
        say(f"  landsting study new … --set synthetic={next(iter(sheet.files.values()))}")
    else:
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
@common
def update(
    name: str,
    file: Path | None,
    home: Path,
    schema: Path | None,
    overrides: tuple[str, ...],
    ref: str | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Take a new extract of NAME: from FILE, or from where the old one lay. Makes a new version of its sheet."""
    sheet = datasets(home).update(name, file, decisions(overrides, ref), schema)
    done([sheet], report, as_json)
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
@home_option
@_report
@common
def exclude(name: str, patients: Path, home: Path, report: Path | None, as_json: bool) -> None:
    """Leave out patients of NAME from now on. Makes a new version of its sheet."""
    done([datasets(home).exclude(name, patients)], report, as_json)


@data.command()
@home_option
@click.option(
    "--study",
    metavar="ID",
    help="Also compare each column with all regions of this study together, as its histograms have them.",
)
@_report
@common
def check(home: Path, study: str | None, report: Path | None, as_json: bool) -> None:
    """Read all bound data again and run every check. Exit code 1 if one blocks.

    With --study a column that is unlike the sum of all regions' (PSI over .25) is noted: another unit, another
    method, other patients. The study needs scaling=quantile, which opens histograms.
    """
    store = datasets(home)
    if study is None:
        done([store.inspect(one.name) for one in store.all()], report, as_json)
        return
    from node.shared_statistics import inner_knots, opened

    plan = plan_of_study(home, study)
    name = fitting(home, bound_to(home, plan.study), plan.schema)
    knots = inner_knots(opened(home, plan, store.get(name).manifest.schema_()))
    done([store.inspect(name, knots, f"all regions of study {plan.study.hex()[:12]}")], report, as_json)


def plan_of_study(home: Path, study: str) -> Plan:
    """Return the plan of a study that a home knows."""
    from node.cli.asking import ask, study_id
    from protocol.plan import Plan

    whole = study_id(home, study)
    return Plan.decode(bytes.fromhex(ask(home, "study", {"study": bytes.fromhex(whole)})["plan"]))


def bound_to(home: Path, study: bytes) -> str | None:
    """Return the data set that a study was accepted with here; None where it was with none, or not yet."""
    path = home / "studies" / f"{study.hex()}.json"
    name = json.loads(path.read_text(encoding="utf-8")).get("data") if path.is_file() else None
    return None if name is None else str(name)


@data.command()
@click.argument("name")
@home_option
@click.option("--version", type=click.IntRange(1), help="An earlier version; left out, the newest.")
@_report
@common
def show(name: str, home: Path, version: int | None, report: Path | None, as_json: bool) -> None:
    """Show the data sheet of NAME as it was written, without reading the data."""
    store = datasets(home)
    store.get(name)
    value = store.sheet(name, version)
    write_report(report, [value])
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
    rows = [
        {
            "name": one.name,
            "file": one.files[0],
            "files": one.files,
            "schema": one.manifest.schema_().hash.hex(),
            "version": one.version,
            "purposes": list(one.manifest.purposes),
            "synthetic": one.manifest.synthetic,
        }
        for one in datasets(home).all()
    ]
    if as_json:
        emit({"data": rows})
        return
    kind = {True: "synthetic", False: "real"}
    lines = [(r["name"], r["version"], kind[bool(r["synthetic"])], str(r["schema"])[:16], r["file"]) for r in rows]
    say(table(lines, ["name", "version", "rows", "schema", "file"]) if rows else "No data is bound.")


def datasets(home: Path) -> Datasets:
    """Return what a home has bound; small groups block if its policy says ``anonymity = "block"``."""
    from node.cli.asking import ask
    from node.datasets import Datasets
    from node.home import Home
    from node.policy import Policy

    path = Home.open(home).path

    def record(body: dict[str, Any], salt: bytes, root: bytes) -> None:
        opening = {"field": "fingerprint", "salt": salt, "value": root}
        ask(home, "record", {"kind": "data.sheet", "body": body, "study": None, "openings": [opening]})

    return Datasets(path, k_blocks=Policy.load(path).anonymity == "block", record=record)


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
    return dict.fromkeys(overrides, ref or "")


def manifests(home: Path) -> list[Path]:
    """Return the manifests bound in a home, by name."""
    return [one.path for one in datasets(home).all()]


def fitting(home: Path, name: str | None, schema: bytes, purpose: str | None = None) -> str:
    """Return the data set to accept a study with: the one named, or the only one of the plan's schema; read again.

    Raises:
        Refusal: None or several fit, the named one has another schema, or its manifest does not allow the purpose.
        ConfigError, GateError: Its files have changed or are not what they should be.
    """
    from node.datasets import first_error

    store = datasets(home)
    names = [name] if name is not None else [
        one.name for one in store.all() if one.manifest.schema_().hash == schema and not one.manifest.synthetic
    ]  # fmt: skip
    if len(names) != 1:
        raise Refusal(
            "DATA",
            f"{len(names) or 'no'} bound data set{'s' if names else ''} with the plan's schema",
            f"the name of one: --data {' or '.join(names)}" if names else "one",
            f"type the same again with --data {names[0]}" if names else _which_columns(store, home),
        )
    if store.get(names[0]).manifest.synthetic:
        raise Refusal(
            "DATA", f"'{names[0]}' is synthetic", "real rows; the plan may name synthetic ones beside them",
            f"landsting study accept ID --home {home} --data NAME, of real data",
        )  # fmt: skip
    mine = store.get(names[0]).manifest.schema_().hash
    if mine != schema:
        raise Refusal(
            "DATA",
            f"'{names[0]}' has another schema than the plan ({mine.hex()[:16]}, not {schema.hex()[:16]})",
            "the same columns, kinds, units, ranges and categories in every region",
            _which_columns(store, home, names[0]),
        )
    allowed = store.get(names[0]).manifest.purposes
    if purpose is not None and purpose not in allowed:
        raise Refusal(
            "DATA",
            f"the study is for {purpose}, and '{names[0]}' may be used for {', '.join(allowed)}",
            "a purpose of the manifest",
            f"landsting study reject ID --home {home} --reason purpose",
        )
    sheet = store.inspect(names[0])
    if not sheet.passed:
        raise first_error(sheet)
    return names[0]


def _which_columns(store: Datasets, home: Path, name: str | None = None) -> str:
    """Return what to type where a plan has another schema than what is bound, or than anything that is."""
    bound = [one.name for one in store.all()]
    if not bound:
        return f"landsting data add FILE.csv --home {home} --schema FILE.toml"
    return (
        "ask the proposer for PLAN.columns.toml, which says in which columns: "
        f"landsting data compare {name or bound[0]} PLAN.columns.toml --home {home}"
    )


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


def manifest_of(home: Path, name: str) -> Path:
    """Return the manifest of a bound data set.

    Raises:
        ConfigError: There is none of that name.
    """
    return datasets(home).get(name).path


for _command in (init, scrub, example):
    data.add_command(_command)
