"""``landsting demo``: options in, a story out (``node.demo`` tells it)."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

from node.cli.output import Refusal
from node.cli.root import common

_KILL = re.compile(r"([a-z0-9-]{1,40})@(\d{1,4})(?::(\d{1,4}))?")


LESSON_ROUNDS = 4


def _is_default(name: str) -> bool:
    source = click.get_current_context().get_parameter_source(name)
    return source is click.core.ParameterSource.DEFAULT


def _dp(_ctx: click.Context, _param: click.Parameter, text: str | None) -> tuple[str, str] | None:
    return None if text is None else parse_dp(text)


def parse_dp(text: str) -> tuple[str, str]:
    """Return (epsilon, delta) as decimal strings from ``epsilon=3,delta=1e-3``.

    Raises:
        click.UsageError: Another form, or figures that promise nothing.
    """
    parts = dict(part.partition("=")[::2] for part in text.replace(" ", "").split(","))
    try:
        if set(parts) != {"epsilon", "delta"}:
            raise InvalidOperation
        epsilon, delta = Decimal(parts["epsilon"]), Decimal(parts["delta"])
        if not (epsilon.is_finite() and delta.is_finite() and 0 < epsilon <= 1000 and Decimal("1e-12") <= delta < 1):
            raise InvalidOperation
    except (InvalidOperation, ValueError) as error:
        raise click.UsageError(
            f"--dp is epsilon=NUMBER,delta=NUMBER, for instance epsilon=3,delta=1e-3; found {text!r}"
        ) from error
    return format(epsilon.normalize(), "f"), format(delta.normalize(), "f")


def _kills(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> list[tuple[str, int, int | None]]:
    out = []
    for text in texts:
        found = _KILL.fullmatch(text)
        if not found:
            raise click.UsageError(f"--kill is REGION@ROUND or REGION@ROUND:ROUND, for instance 2@8:14; found {text!r}")
        name, first, back = found.groups()
        if back is not None and int(back) <= int(first):
            raise click.UsageError(f"--kill {text}: the region returns in a later round than it is killed in")
        out.append((name, int(first), None if back is None else int(back)))
    return out


def _tamper(_ctx: click.Context, _param: click.Parameter, text: str | None) -> str | None:
    if text is None:
        return None
    from node.tamper.teaching import ALL  # brings the auditor: not for --help
    from node.tamper.ways import WAYS

    if text not in (*WAYS, ALL):
        raise click.UsageError(f"--tamper is one of {', '.join(WAYS)}, or {ALL}; found {text!r}")
    return text


@click.command()
@click.option("--regions", type=click.IntRange(1, 32), default=4, show_default=True, help="How many nodes.")
@click.option("--topology", default="complete", show_default=True, help="ring, complete, torus:3x3, regular:4 …")
@click.option("--rounds", type=click.IntRange(1, 10000), default=20, show_default=True)
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Of split, first model, chance."
)
@click.option("--masking", type=click.Choice(["on", "off"]), default="on", show_default=True)
@click.option(
    "--aggregation",
    type=click.Choice(["neighbourhood", "network"]),
    default="neighbourhood",
    show_default=True,
    help="Sums at each neighbour, or one of all at a root that changes every round.",
)
@click.option(
    "--dp", metavar="epsilon=E,delta=D", callback=_dp, help="Differential privacy for every region's patients."
)
@click.option("--disclose", is_flag=True, help="Allow what cannot be masked to be shown to its neighbour; needs --dp.")
@click.option(
    "--data",
    default="breast-cancer",
    show_default=True,
    help="breast-cancer, digits-odd-even or FILE.csv (FILE.toml beside it).",
)
@click.option(
    "--kill",
    "kills",
    multiple=True,
    metavar="REGION@ROUND[:BACK]",
    callback=_kills,
    help="SIGKILL in ROUND, started again in BACK.",
)
@click.option(
    "--tamper",
    metavar="WAY",
    callback=_tamper,
    help="Afterwards cheat in copies of the logs: edit, drop, fork, backdate, omit … or all; what does the audit say?",
)
@click.option(
    "--dir", "directory", type=click.Path(file_okay=False, path_type=Path), help="Where to put the homes; kept."
)
@click.option(
    "--draw",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of rounds, drawn by nobody's choice, that each region opens to the audit.",
)
@click.option("--keep", is_flag=True, help="Keep homes, logs and bundles, and say where.")
@click.option("--stay", is_flag=True, help="Leave the nodes up until Ctrl-C.")
@common
def demo(
    regions: int,
    topology: str,
    rounds: int,
    seed: int,
    masking: str,
    aggregation: str,
    dp: tuple[str, str] | None,
    disclose: bool,
    data: str,
    kills: list[tuple[str, int, int | None]],
    tamper: str | None,
    draw: float,
    directory: Path | None,
    keep: bool,
    stay: bool,
    as_json: bool,
) -> int:
    """Regions on this machine train a model together, with nobody in the middle.

    Starts one real node for each region, with keys, data and log of its own. They agree on a
    study, train, mix masked updates, and an audit checks all their logs. The table shows what
    each region reaches alone, together, and what pooling all data would reach.
    """
    if disclose and dp is None:
        raise Refusal(
            "PLAN",
            "--disclose shows a region's update to a neighbour without a mask",
            "differential privacy to protect the patients behind it",
            f"landsting demo --regions {regions} --disclose --dp epsilon=3,delta=1e-3",
        )
    from node.demo import Wish, show  # brings numpy and the rest: not for --help

    if tamper is not None:
        from node.tamper.teaching import DP, is_private

        dp = dp or (DP if is_private(tamper) else None)
        if _is_default("rounds"):
            rounds = LESSON_ROUNDS
    wish = Wish(
        regions=regions,
        topology=topology,
        rounds=rounds,
        seed=seed,
        masking=masking,
        aggregation=aggregation,
        dp=dp,
        disclose=disclose,
        data=data,
        kills=tuple(kills),
        directory=directory,
        keep=keep or directory is not None,
        stay=stay,
        tamper=tamper,
        draw=draw,
    )
    return show(wish, as_json=as_json)
