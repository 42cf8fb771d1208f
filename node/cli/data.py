"""``landsting data``: which table a region trains on. Nothing is copied; the manifest is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from node.cli.output import Refusal, emit, say, table
from node.cli.root import common, home_option


@click.group()
def data() -> None:
    """Bind a table to this home, list what is bound, check it again."""


@data.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@home_option
@click.option(
    "--schema",
    "schema",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The manifest; left out, FILE.toml beside FILE.csv.",
)
@common
def add(file: Path, home: Path, schema: Path | None, as_json: bool) -> None:
    """Read FILE, check it against its manifest, and bind it to this home.

    The table stays where it is; the home keeps the manifest with the file's fingerprint. A file
    that changes later is refused until it is added again.
    """
    facts = bind(home, file, schema or file.with_suffix(".toml"))
    _report([facts], as_json)
    if not as_json:
        say(f"bound as '{facts['name']}'; accept a study on it with:")
        say(f"  landsting study accept ID --home {home} --data {facts['name']}")


def bind(home: Path, file: Path, schema: Path) -> dict[str, Any]:
    """Bind a table to a home by its manifest, once both have been checked; return what was found.

    Raises:
        ConfigError, GateError: The manifest or the table is not what it should be; nothing is written.
    """
    from node.home import Home
    from node.learning.data.manifest import bound_text, parse
    from node.learning.task import file_bytes

    folder = Home.open(home).path / "data"
    with file.open("rb"):
        pass  # so that a missing table is not reported as a missing manifest
    text = file_bytes(schema, "manifest").decode("utf-8", "replace")
    manifest = parse(text, schema)
    bound = bound_text(text, file)
    facts = _read(bound, schema)
    folder.mkdir(mode=0o700, exist_ok=True)
    target = folder / f"{manifest.id}.toml"
    part = target.with_name(f".{target.name}.part")
    part.write_text(bound, encoding="utf-8")
    os.replace(part, target)
    return facts


@data.command()
@home_option
@common
def check(home: Path, as_json: bool) -> None:
    """Read every bound table again and check it against its manifest."""
    _report([_read(path.read_text(encoding="utf-8"), path) for path in manifests(home)], as_json)


@data.command("list")
@home_option
@common
def list_(home: Path, as_json: bool) -> None:
    """List what is bound, without reading the tables."""
    from node.learning.data.manifest import load

    rows = [
        {"name": (m := load(path)).id, "file": m.file[0].path, "schema": m.schema_().hash.hex()}
        for path in manifests(home)
    ]
    if as_json:
        emit({"data": rows})
    else:
        say(
            table([(r["name"], r["schema"][:16], r["file"]) for r in rows], ["name", "schema", "file"])
            if rows
            else "No data is bound."
        )


@data.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--regions", default="vgr,skane,halland", show_default=True, help="Their names, with commas.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@common
def example(folder: Path, regions: str, seed: int, as_json: bool) -> None:
    """Write tables to try with into FOLDER: Wisconsin breast cancer, split unevenly over regions.

    For each region a CSV and its manifest, and test.csv, rows that no region holds.
    """
    from node.learning.demo_data import write

    names = [name.strip() for name in regions.split(",") if name.strip()]
    made = write(folder, "breast-cancer", names, seed)
    if as_json:
        emit({"manifests": {name: str(path) for name, path in made.manifests.items()}, "test": str(made.test)})
        return
    for name, path in made.manifests.items():
        say(f"{path.with_suffix('.csv')}: {made.rows[name]} rows, manifest {path.name} beside it")
    say(f"{made.test}: rows for testing")


def manifests(home: Path) -> list[Path]:
    """Return the manifests bound in a home, by name."""
    from node.home import Home

    return sorted((Home.open(home).path / "data").glob("*.toml"))


def fitting(home: Path, name: str | None, schema: bytes) -> str:
    """Return the data set to accept a study with: the one named, or the only one of the plan's schema; read again.

    Raises:
        Refusal: None or several fit, or the named one has another schema.
        ConfigError, GateError: Its table has changed or is not what it should be.
    """
    from node.learning.data.manifest import load

    if name is not None:
        names = [name]
    else:
        names = [path.stem for path in manifests(home) if load(path).schema_().hash == schema]
    if len(names) != 1:
        raise Refusal(
            "DATA",
            f"{len(names) or 'no'} bound data set{'s' if names else ''} with the plan's schema",
            "one, or its name",
            f"landsting study accept ID --home {home} --data {names[0] if names else 'NAME'}",
        )
    path = manifest_of(home, names[0])
    facts = _read(path.read_text(encoding="utf-8"), path)
    if bytes.fromhex(facts["schema"]) != schema:
        raise Refusal(
            "DATA",
            f"'{names[0]}' has another schema than the plan ({facts['schema'][:16]}, not {schema.hex()[:16]})",
            "the same columns, kinds, units, ranges and categories in every region",
            f"landsting data list --home {home}",
        )
    return names[0]


def manifest_of(home: Path, name: str) -> Path:
    """Return the manifest of a bound data set.

    Raises:
        Refusal: There is none of that name.
    """
    known = {path.stem: path for path in manifests(home)}
    if name in known:
        return known[name]
    raise Refusal(
        "DATA",
        f"no data set is bound as '{name}'",
        ", ".join(known) or "one that was added",
        f"landsting data add FILE.csv --home {home} --schema FILE.toml",
    )


def _read(text: str, where: Path) -> dict[str, Any]:
    """Return the data sheet of a manifest's table, in counts only.

    Raises:
        ConfigError, GateError: A check blocks; the message says what, where and what to do.
    """
    from node.learning.data.check import check as gate
    from node.learning.data.manifest import parse

    manifest = parse(text, where)
    sheet = gate(manifest, where.parent)
    schema = manifest.schema_()
    return {
        "name": sheet.id,
        "file": manifest.file[0].path,
        "rows": sheet.rows,
        "patients": sheet.patients,
        "columns": len(schema.columns),
        "features": len(sheet.columns),
        "label": schema.label.name,
        "schema": sheet.schema.hex(),
        "warnings": [f"{one.column}: {one.words}" if one.column else one.words for one in sheet.warnings],
    }


def _report(found: list[dict[str, Any]], as_json: bool) -> None:
    if as_json:
        emit({"data": found})
        return
    if not found:
        say("No data is bound.")
    for one in found:
        counts = f"{one['rows']} rows of {one['patients']} patients, {one['features']} features"
        say(f"{one['name']}: {counts}, learns '{one['label']}'")
        say(f"  schema {one['schema'][:16]}  (must be the same in every region)")
        for warning in one["warnings"]:
            say(f"  note: {warning}")
