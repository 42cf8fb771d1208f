"""``landsting topology``: who may talk to whom, what it costs, and how many may be away.

Everything is computed from the graph; nothing is read but an edge list.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.output import Refusal, emit, say, table
from node.cli.root import EXTRA, common

if TYPE_CHECKING:
    from topologies import Overview

HEADER = ("topology", "degree", "gap", "rounds to 1e-6", "sent a round", "may be away", "masks, and who runs it")
RIGHT = (1, 2, 3, 4)
LEGEND = """degree          neighbours of a region in a round
gap             spectral gap a round: 1 mixes at once, 0 never
rounds to 1e-6  until a millionth of any disagreement between regions is left, with uniform weights
sent a round    models that a region sends, mean
may be away     regions that may be absent before somebody has too few neighbours to hide behind, and trains alone"""
PICTURES = (".svg", ".png", ".pdf")
MOST_DRAWN = 32
MOST_SHOWN = 5


@click.group()
def topology() -> None:
    """Who may talk to whom, and what it costs."""


_nodes = click.option("--nodes", type=click.IntRange(2, 10_000), required=True, metavar="N", help="How many regions.")
_seed = click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="For regular:K.")


@topology.command("list")
@common
def list_(as_json: bool) -> None:
    """Show every kind of topology, each with figures of a small one."""
    from topologies import LABELS, overview

    found = [(label, overview(label.example, label.nodes) if label.example else None) for label in LABELS]
    if as_json:
        emit(
            [
                {"form": label.form, "words": label.words, "daemons": label.daemons, "example": one and _value(one)}
                for label, one in found
            ]
        )
        return
    say(table(((label.form, label.words) for label, _ in found), ("topology", "what it is")))
    say("\nFor example")
    rows = [(f"{one.label} of {one.n}", *_cells(one)[1:]) for _, one in found if one is not None]
    say(table(rows, HEADER, right=RIGHT))
    say(f"\n{LEGEND}\n\nAll that fit your number of regions: landsting topology compare --nodes N")


@topology.command()
@click.argument("label")
@_nodes
@_seed
@common
def show(label: str, nodes: int, seed: int, as_json: bool) -> None:
    """Show one topology: its figures, its picture, and what masks cannot hide.

    LABEL is one of `landsting topology list`, or edges:FILE.
    """
    one = _overview(label, nodes, seed)
    if as_json:
        emit(_value(one) | {"graphs": one.graphs})
        return
    say(table([_cells(one)], HEADER, right=RIGHT))
    say(f"\n{_words(one)}")
    if nodes <= MOST_DRAWN:
        say("\n" + "\n\n".join(_picture(one, graph) for graph in range(one.turn)))


@topology.command()
@_nodes
@_seed
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw them (.svg, .png).")
@common
def compare(nodes: int, seed: int, plot: Path | None, as_json: bool) -> None:
    """Show the topologies that fit N regions, side by side."""
    from topologies import fitting, overview

    if plot is not None and plot.suffix not in PICTURES:
        raise Refusal("FILE", f"--plot {plot}", f"a name that ends in {', '.join(PICTURES)}", f"--plot {plot.stem}.svg")
    found = [overview(label, nodes, seed=seed) for label in fitting(nodes)]
    if plot is not None:
        _draw(found, plot)
    if as_json:
        emit({"nodes": nodes, "seed": seed, "topologies": [_value(one) for one in found]})
        return
    say(table(map(_cells, found), HEADER, right=RIGHT))
    say(f"\n{LEGEND}")


@topology.command()
@click.argument("label")
@_nodes
@_seed
@click.option("--coalition", metavar="A,B", help="What these regions see together: names or numbers.")
@click.option("--rounds", type=click.IntRange(1, 10_000), metavar="T", help="Rounds that are run.  [default: 2 N]")
@click.option("--rho", default="0,1,3", show_default=True, metavar="R,...", help="New beside lasting, for R2.")
@click.option("--max-size", type=click.IntRange(1), default=3, show_default=True, metavar="K", help="Search so far.")
@common
def privacy(
    label: str,
    nodes: int,
    seed: int,
    coalition: str | None,
    rounds: int | None,
    rho: str,
    max_size: int,
    as_json: bool,
) -> None:
    """Show how many regions acting together see another's update.

    LABEL is one of `landsting topology list`, or edges:FILE.
    """
    from node.cli.topology_privacy import privacy_report

    if label.endswith(".toml"):
        fix = f"landsting topology privacy groups:4 --nodes {nodes}"
        raise Refusal("NOT_IN_VERSION", "the privacy of a plan file", "a label, or edges:FILE", fix)
    one = _overview(label, nodes, seed)
    privacy_report(one, coalition=coalition, rounds=rounds, rho=rho, max_size=max_size, as_json=as_json)


def _overview(label: str, nodes: int, seed: int) -> Overview:
    """Return the figures of a label; ``edges:FILE`` reads the file."""
    from topologies import overview

    family, _, file = label.partition(":")
    if family != "edges":
        return overview(label, nodes, seed=seed)
    if not file:
        fix = f"landsting topology show edges:FILE --nodes {nodes}"
        raise Refusal("TOPOLOGY", "edges without a file", "a file with one edge a line", fix)
    try:
        text = Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Refusal("FILE", f"{file} is not UTF-8 text", "an edge list, one edge a line", f"file {file}") from error
    return overview("edges", nodes, edges_text=text)


def _draw(found: list[Overview], plot: Path) -> None:
    from node.cli.topology_picture import draw

    try:
        draw(found, plot)
    except ModuleNotFoundError as error:
        raise Refusal("INSTALL", f"{error.name} is not installed", "the node's installation", EXTRA) from error


def _cells(one: Overview) -> tuple[str, ...]:
    low, high = one.degree
    return (
        one.label,
        str(low) if low == high else f"{low}-{high}",
        f"{one.gap:.3f}",
        "never" if one.rounds is None else f"{one.rounds}" + (" exact" if one.gap == 1.0 else ""),
        f"{one.vectors:.1f}".removesuffix(".0"),
        _away(one),
        "masked; daemons" if one.is_maskable else f"cannot be masked; {one.daemons}",
    )


def _away(one: Overview) -> str:
    if not one.is_maskable:
        return "-"
    words = f"any {one.away}" if one.away else "none"
    if len(one.critical) < one.n:
        few = ", ".join(map(str, one.critical[:6])) + (", ..." if len(one.critical) > 6 else "")
        words += f" (too many: {one.away + 1} of {few})"
    return words


def _value(one: Overview) -> dict[str, Any]:
    """Return the figures as JSON holds them."""
    return {
        "topology": one.label,
        "nodes": one.n,
        "turn": one.turn,
        "degree": {"least": one.degree[0], "most": one.degree[1]},
        "diameter": one.diameter,
        "gap": round(one.gap, 9),
        "rounds_to_1e_6": one.rounds,
        "vectors_sent": one.vectors,
        "may_be_away": one.away if one.is_maskable else None,
        "loss_that_does_it": one.critical if one.is_maskable else None,
        "maskable": one.is_maskable,
        "daemons": one.daemons,
        "cannot_be_masked": [
            {"graph": seen.graph, "region": seen.region, "neighbours": seen.degree, "needed": seen.needed}
            for seen in one.shown
        ],
    }


def _words(one: Overview) -> str:
    """Return in sentences what the figures mean."""
    turn = f"{one.turn} graphs in turn. " if one.turn > 1 else ""
    lines = [f"{turn}Everybody has heard of everybody after {_rounds(one.diameter)}."]
    if one.gap == 1.0:
        lines.append(f"After {_rounds(one.turn)} all regions hold the exact mean.")
    if one.is_maskable and one.away:
        lines.append(f"Any {one.away} of the regions may be absent, and all others go on mixing.")
    elif one.is_maskable:
        lines.append("One region absent, and its neighbours train alone until it is back.")
    for seen in one.shown[:MOST_SHOWN]:
        where = f" in graph {seen.graph}" if one.turn > 1 else ""
        have = "1 neighbour" if seen.degree == 1 else f"{seen.degree} neighbours"
        lines.append(f"Region {seen.region} has {have}{where}; it sees what they send (hidden from {seen.needed} on).")
    if len(one.shown) > MOST_SHOWN:
        lines.append(f"So do {len(one.shown) - MOST_SHOWN} more.")
    if one.shown:
        lines.append("Daemons refuse it, unless the plan says disclose and has differential privacy.")
    return "\n".join(lines)


def _rounds(count: int | None) -> str:
    return "1 round" if count == 1 else f"{count} rounds"


def _picture(one: Overview, graph: int) -> str:
    """Return a graph as a square of dots: a mark where row and column are neighbours."""
    edges = set(one.graphs[graph])
    width = len(str(one.n - 1))
    lines = [f"graph {graph} of {one.turn}" if one.turn > 1 else "neighbours"]
    for i in range(one.n):
        marks = ("\\" if i == j else "o" if (min(i, j), max(i, j)) in edges else "." for j in range(one.n))
        lines.append(f"{i:>{width}}  " + " ".join(marks))
    return "\n".join(lines)
