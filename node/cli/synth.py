"""``landsting synth``: rows that a generator makes up, what they are worth and what they risk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from node.cli.output import Refusal, emit, figure, say, table
from node.cli.root import common

if TYPE_CHECKING:
    from node.synthetic_report import Real
from node.cli.synth_release import add_commands
from protocol.release import DATA

HOLDS = {"en": ("holds   ", "DOES NOT"), "sv": ("håller     ", "HÅLLER INTE")}
_EPILOG = "What a region lets out goes through 'synth approve' and 'synth release': its report must pass the gate."


@click.group(epilog=_EPILOG)
def synth() -> None:
    """Make synthetic data, and measure them against real rows."""


add_commands(synth, DATA)

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


_manifest = click.Path(exists=True, dir_okay=False, path_type=Path)


@synth.command()
@click.argument("model", metavar="[STUDY|MODEL]", required=False)
@_home
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="What 'synth generate' wrote; its manifest lies beside it.",
)
@click.option("--real", type=_manifest, metavar="MANIFEST.toml", help="Rows that MODEL was trained on.")
@click.option("--held-out", "held", type=_manifest, metavar="MANIFEST.toml", help="Real rows that it never saw.")
@click.option("--sensitive", multiple=True, metavar="COLUMN", help="A column that somebody may want to guess.")
@click.option("--lang", type=click.Choice(["sv", "en"]), default="en", show_default=True, help="Language of the page.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Of draws and bounds.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="FILE.html; FILE.json beside it.")
@common
def report(
    model: str | None,
    home: Path | None,
    data: Path,
    real: Path | None,
    held: Path | None,
    sensitive: tuple[str, ...],
    lang: str,
    seed: int,
    output: Path | None,
    as_json: bool,
) -> int:
    """Measure synthetic data against real rows: likeness, use, risk, and the release gate.

    With a study, the real rows are its own in this home: those it was trained on, and those it kept back.
    With MODEL.safetensors, name both. The report holds figures of groups, never a real row. Exit code 1 if a
    test does not hold.
    """
    from node.synthetic_report import measured, write

    beside = _beside(model, home, data, real, held)
    found = measured(data, beside, sensitive=sensitive, seed=seed)
    page = output if output is not None else data.with_name(f"{data.stem}.report.html")
    written = write(found, page, data.stem, lang)
    if as_json:
        emit(found.to_json() | {"page": str(page), "report": str(written)})
    else:
        for test in found.tests:
            say(f"{HOLDS[lang][not test.passed]}  {test.words[lang]}")
        say(f"{page}: the page; {written}: the same for a program")
    return 0 if found.passed else 1


def _beside(model: str | None, home: Path | None, data: Path, real: Path | None, held: Path | None) -> Real:
    """Return the real rows that the options name."""
    from node.synthetic_report import made_by, of_files, of_study

    if real is not None:
        if model is None or held is None:
            raise Refusal("USAGE", "--real alone", "MODEL.safetensors and --held-out too", "Name them.", status=2)
        return of_files(Path(model), real, held, _region(home))
    if home is None:
        fix = "--home HOME, or MODEL.safetensors with --real and --held-out"
        raise Refusal("USAGE", "no real rows to compare with", "a home, or two manifests", fix, status=2)
    from node.cli.asking import study_id

    named = model if model is not None else made_by(data)[1].study or None
    return of_study(home, study_id(home, named), held)


def _region(home: Path | None) -> str:
    if home is None:
        return ""
    from node.home import Home

    return Home.open(home).name


@synth.command()
@click.argument("model", metavar="[STUDY|MODEL]", required=False)
@_home
@click.option(
    "--data", required=True, type=click.Path(exists=True, path_type=Path), help="What 'synth generate' wrote."
)
@click.option("--real", type=_manifest, metavar="MANIFEST.toml", help="Rows that MODEL was trained on.")
@click.option("--held-out", "held", type=_manifest, metavar="MANIFEST.toml", help="Real rows that it never saw.")
@click.option("--repeats", type=click.IntRange(1, 100), default=5, show_default=True)
@click.option("--real-rows", type=click.IntRange(2), help="Draw so many real patients; left out, as many as there are.")
@click.option(
    "--share", type=click.FloatRange(0, 100, min_open=True), default=1.0, show_default=True,
    help="Synthetic rows for each real one.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**31), default=0, show_default=True)
@common
def compare(
    model: str | None,
    home: Path | None,
    data: Path,
    real: Path | None,
    held: Path | None,
    repeats: int,
    real_rows: int | None,
    share: float,
    seed: int,
    as_json: bool,
) -> None:
    """Train the same models on real rows, on synthetic rows and on both; test all on the same real rows.

    Median over repeats, least and largest: AUROC of a class or labels, R2 of a number, the C-index of survival.
    In each repeat patients are drawn anew, with repeats.
    """
    from node.learning.synth.measure.comparing import compare as run
    from node.learning.synth.measure.words import WHY
    from node.synthetic_report import synthetic_rows

    beside = _beside(model, home, data, real, held)
    rows = synthetic_rows(data, beside)
    found = run(
        beside.real, beside.held, rows, beside.schema, repeats=repeats, seed=seed, real_rows=real_rows, share=share
    )  # fmt: skip
    values = [one.to_json() for one in found]
    if as_json:
        emit({"compared": values, "held_out": len(beside.held), "repeats": repeats, "seed": seed})
        return
    lines = [
        (
            one["model"], one["trained_on"], one["rows"], figure(one["median"]),
            f"undefined: {WHY['en'][one['why']]}" if one["why"] else f"{one['least']:.3f} to {one['largest']:.3f}",
        )
        for one in values
    ]  # fmt: skip
    used = {"auroc": "AUROC", "r2": "R2", "c_index": "C-index"}[found[0].figure]
    say(table(lines, ["model", "trained on", "rows", used, f"over {repeats} repeats"], right=(2, 3)))
    say(f"tested on {len(beside.held)} real rows that neither had")
