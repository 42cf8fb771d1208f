"""``landsting synth``: rows that a generator makes up, what they are worth and what they risk."""

from __future__ import annotations

from pathlib import Path

import click

from node.cli.output import Refusal, emit, say
from node.cli.root import common

_EPILOG = "What a region lets out goes through 'synth approve' and 'synth release': its report must pass the gate."


@click.group(epilog=_EPILOG)
def synth() -> None:
    """Make synthetic data, and measure them against real rows."""


_home = click.option(
    "--home",
    envvar="LANDSTING_HOME",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="The region's home, for a study's newest model (or set LANDSTING_HOME).",
)


def conditions(given: tuple[str, ...]) -> dict[str, str]:
    """Return ``COLUMN=VALUE`` options as a map."""
    out: dict[str, str] = {}
    for one in given:
        name, sign, value = one.partition("=")
        if not sign or not name:
            raise Refusal("USAGE", f"--where {one}", "COLUMN=VALUE", "for example --where ill=1", status=2)
        if name in out:
            raise Refusal("USAGE", f"--where {name} given twice", "each column once", "Leave one out.", status=2)
        out[name] = value
    return out


@synth.command()
@click.argument("model", metavar="[STUDY|MODEL]", required=False)
@_home
@click.option("--rows", type=click.IntRange(1, 10_000_000), required=True, help="How many.")
@click.option("--seed", type=click.IntRange(0, 2**53 - 1), default=0, show_default=True, help="Of the chance.")
@click.option(
    "--where",
    "given",
    multiple=True,
    metavar="COLUMN=VALUE",
    help="Only such rows: a class, a category, of a number VALUE or LOW..HIGH. May be repeated.",
)
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="FILE.csv, FILE.parquet; of images a folder."
)
@common
def generate(
    model: str | None, home: Path | None, rows: int, seed: int, given: tuple[str, ...], output: Path, as_json: bool
) -> None:
    """Make up rows: by a study's newest model in this home, or by MODEL.safetensors.

    Every row is marked in the column __synthetic. A manifest is written beside, with the study's schema, so
    that 'data add' takes the file. The rows are for this region's eyes until they are released.
    """
    from node.synthetic import generate as make
    from node.synthetic import model_file

    with model_file(home, model) as path:
        made = make(path, output, rows=rows, seed=seed, condition=conditions(given))
    if as_json:
        emit({
            "data": str(made.data), "manifest": str(made.manifest), "rows": rows, "seed": seed,
            "sha256": made.sha256, "model": made.origin.model, "study": made.origin.study or None,
        })  # fmt: skip
        return
    say(f"{made.data}: {rows} synthetic rows, seed {seed}")
    say(f"sha256 {made.sha256}")
    say(f"manifest {made.manifest}; before anybody else gets them: landsting synth report")
