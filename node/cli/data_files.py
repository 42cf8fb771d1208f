"""``landsting data init|scrub|example``: files made for a region to read or share inside it; nothing is bound."""

from __future__ import annotations

from pathlib import Path

import click

from node.cli.output import emit, say
from node.cli.root import common, home_option


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--layout", help="How the files are laid out; left out, it is told from PATH.")
@click.option(
    "--columns",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.toml",
    help="Take over the columns that another region's manifest, or PLAN.columns.toml, says.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it here, not to the screen."
)
@common
def init(path: Path, layout: str | None, columns: Path | None, output: Path | None, as_json: bool) -> None:
    """Draft a manifest for a table, or for a folder or file of a known layout.

    What a draft cannot know is left for you: which column is the label, which columns tell who somebody
    is, and the ranges, which regions agree on and which are never taken from the data. Regions whose columns
    are not the same to the letter do not train together: let one write them, and the others take them over.
    """
    from node.learning.data.draft import draft_text

    text, hints = draft_text(path, layout, columns)
    if output is not None:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    if as_json:
        emit({"manifest": text, "to_do": hints, "file": str(output) if output else None})
        return
    if output is None:
        say(text.rstrip())
    else:
        say(f"{output}: a draft; read it, and then landsting data add")
    for hint in hints:
        say(f"{'# ' if output is None else '  '}to do: {hint}")


@click.command()
@click.argument("source", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@home_option
@common
def scrub(source: Path, target: Path, home: Path, as_json: bool) -> int:
    """Copy the images of SOURCE to TARGET without DICOM tags, EXIF and comments that identify.

    Pixels stay as they are: text burnt into them is not removed. Exit code 1 if a file was not copied.
    """
    from node.datasets import Datasets
    from node.home import Home
    from node.learning.data.scrub import scrub as copy

    made = copy(source, target, Datasets(Home.open(home).path).key())
    if as_json:
        emit({"copied": made.copied, "left": made.left})
    else:
        say(f"{made.copied} images copied to {target}")
        for words, names in made.left.items():
            say(f"  not copied, {words}: {len(names)} (first: {names[0]})")
    return 1 if made.left else 0


@click.command()
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
