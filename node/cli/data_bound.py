"""Which data a home has bound, as commands want them: by name, or the only ones that fit a plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.cli.data_words import rows_read
from node.cli.output import Refusal

if TYPE_CHECKING:
    from node.datasets import Datasets


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

    return Datasets(path, k_blocks=Policy.load(path).anonymity == "block", record=record, progress=rows_read())


def manifests(home: Path) -> list[Path]:
    """Return the manifests bound in a home, by name."""
    return [one.path for one in datasets(home).all()]


def manifest_of(home: Path, name: str) -> Path:
    """Return the manifest of a bound data set.

    Raises:
        ConfigError: There is none of that name.
    """
    return datasets(home).get(name).path


def bound_to(home: Path, study: bytes) -> str | None:
    """Return the data set that a study was accepted with here; None where it was with none, or not yet."""
    path = home / "studies" / f"{study.hex()}.json"
    name = json.loads(path.read_text(encoding="utf-8")).get("data") if path.is_file() else None
    return None if name is None else str(name)


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
