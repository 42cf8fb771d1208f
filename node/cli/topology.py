"""``landsting topology``: who may talk to whom, what it costs, and how many may be away.

Everything is computed from the graph; nothing is read but an edge list.
"""

from __future__ import annotations

import os
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
@click.option(
    "--min-coalition",
    type=click.IntRange(1, 5),
    default=1,
    show_default=True,
    metavar="K",
    help="Recommend only what fewer than K regions cannot see through.",
)
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw them (.svg, .png).")
@common
def compare(nodes: int, seed: int, min_coalition: int, plot: Path | None, as_json: bool) -> None:
    """Show the topologies that fit N regions, side by side, and recommend one."""
    from topologies import fitting, overview
    from topologies.recommend import recommended

    if plot is not None and plot.suffix not in PICTURES:
        raise Refusal("FILE", f"--plot {plot}", f"a name that ends in {', '.join(PICTURES)}", f"--plot {plot.stem}.svg")
    best = recommended(nodes, seed=seed, min_coalition=min_coalition)
    found = [overview(label, nodes, seed=seed) for label in dict.fromkeys([*fitting(nodes), best.label])]
    if plot is not None:
        _draw(found, plot)
    if as_json:
        figures = [_value(one) for one in found]
        emit({"nodes": nodes, "seed": seed, "topologies": figures, "recommended": best.label})
        return
    say(table(map(_cells, found), HEADER, right=RIGHT))
    say(f"\n{LEGEND}\n\n{_recommendation(best, min_coalition)}")


@topology.command()
@click.argument("subject", nargs=-1, metavar="[LABEL|PLAN] [BUNDLE...]")
@click.option("--nodes", type=click.IntRange(2, 10_000), metavar="N", help="How many regions, for a label.")
@_seed
@click.option("--weights", type=click.Choice(["uniform", "metropolis"]), default="uniform", show_default=True)
@click.option("--weight-den", type=click.IntRange(2, 2**20), default=256, show_default=True, metavar="Q")
@click.option("--observed", is_flag=True, help="Of a run that happened, from its regions' evidence bundles.")
@click.option("--coalition", metavar="A,B", help="What these regions see together: names or numbers.")
@click.option("--rounds", type=click.IntRange(1, 10_000), metavar="T", help="Rounds that are run.  [default: 2 N]")
@click.option("--rho", default="0,1,3", show_default=True, metavar="R,...", help="New beside lasting, for R2.")
@click.option("--max-size", type=click.IntRange(1), default=3, show_default=True, metavar="K", help="Search so far.")
@click.option("--failures", "with_failures", is_flag=True, help="With --json: what absence and lies change, too.")
@common
def privacy(
    subject: tuple[str, ...],
    nodes: int | None,
    seed: int,
    weights: str,
    weight_den: int,
    observed: bool,
    coalition: str | None,
    rounds: int | None,
    rho: str,
    max_size: int,
    with_failures: bool,
    as_json: bool,
) -> None:
    """Show how many regions acting together see another's update.

    LABEL is one of `landsting topology list`, or edges:FILE, and needs --nodes. PLAN is a plan.toml.
    With --observed: the bundles of a run, a plan before them if they hold several studies.
    """
    # Matrices of a hundred rows: threads of the linear algebra would only wait for each other. Before numpy is loaded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from node.cli.asking import plan_of_file
    from node.cli.topology_privacy import of_label, of_plan, of_run, privacy_report

    plan = plan_of_file(Path(subject[0])) if subject and subject[0].endswith(".toml") else None
    run = None
    if observed:
        bundles = [Path(one) for one in subject[plan is not None :]]
        if not bundles:
            raise click.UsageError("--observed needs bundles: landsting topology privacy --observed *.bundle")
        about, run = of_run(bundles, plan)
    elif len(subject) != 1:
        raise click.UsageError(f"one LABEL or PLAN is needed; found {' '.join(subject) or 'none'}")
    elif plan is not None:
        about = of_plan(plan)
    elif nodes is None:
        raise click.UsageError(f"a label needs --nodes N: landsting topology privacy {subject[0]} --nodes 9")
    else:
        one = _overview(subject[0], nodes, seed)
        about = of_label(one, metropolis=weights == "metropolis", den=weight_den)
    privacy_report(
        about, run=run, coalition=coalition, rounds=rounds, rho=rho, max_size=max_size,
        with_failures=with_failures, as_json=as_json,
    )  # fmt: skip


def _recommendation(best: Overview, min_coalition: int) -> str:
    fewer = "" if min_coalition == 1 else f", fewer than {min_coalition} regions together see nobody's update"
    if not best.is_maskable or not best.away:
        return f"Recommended: {best.label}, though no region may be away; with {best.n} regions nothing is better."
    return (
        f"Recommended: {best.label}. Of those in which any region may be away{fewer}, it sends the fewest models "
        "until all regions agree."
    )


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
