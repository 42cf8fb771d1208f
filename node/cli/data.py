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
    """Return what a manifest's table holds, in counts only."""
    from node.learning.data import table as tables
    from node.learning.data.manifest import parse
    from node.learning.preprocessing import measure

    manifest = parse(text, where)
    rows, _ = tables.read(manifest, where.parent)
    schema = manifest.schema_()
    measure(schema, rows, "count")  # the plan's own limits on a table
    counts = [int((rows.label == k).sum()) for k in range(len(schema.classes))]
    warnings = []
    if sum(count > 0 for count in counts) < 2:
        warnings.append("one class only: AUROC on these rows alone is undefined")
    return {
        "name": manifest.id,
        "file": manifest.file[0].path,
        "rows": len(rows),
        "patients": len(set(rows.patients)),
        "columns": len(schema.columns),
        "features": len(schema.features),
        "label": schema.label.name,
        "schema": schema.hash.hex(),
        "warnings": warnings,
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
