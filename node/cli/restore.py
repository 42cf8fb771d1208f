"""``landsting restore``: what this region's log has lost, asked back from the neighbours' copies."""

from __future__ import annotations

from pathlib import Path

import click

from node.cli.asking import fact
from node.cli.output import emit, say
from node.cli.root import common, home_option


@click.command()
@home_option
@click.option(
    "--wait", "wait_s", type=click.FloatRange(1), default=60.0, show_default=True, help="Wait so many seconds."
)
@click.option(
    "--new-epoch", is_flag=True, help="Where it does not all come back: begin the log anew. There is no way back."
)
@click.option(
    "--reason",
    type=click.Choice(["disk", "rollback", "lost"]),
    default="lost",
    show_default=True,
    help="Why: a broken disk, a node that went on from an old backup, or entries that are lost.",
)
@click.option("--without", multiple=True, metavar="REGION", help="Do not wait for this region's answer.")
@common
def restore(home: Path, wait_s: float, new_epoch: bool, reason: str, without: tuple[str, ...], as_json: bool) -> None:
    """Bring back what was lost when a home was put back to an earlier state.

    The node must be stopped. Neighbours keep verified copies of this region's log; what they give back counts only
    if it leads to the largest head that anybody can prove. A node that is started on an old log asks as well, and
    appends nothing until this command has run.

    Where no copy holds the last entries, --new-epoch begins the log anew. The gap stays visible to every auditor
    (LS-EPOCH-GAP, minor). The neighbours must confirm the new log before it goes on; studies under way go on, but
    this region takes no part in the rounds in which it may have signed something that is lost.
    """
    from node.cli.start import check_installation
    from node.store.restoring import restore as ask_back

    check_installation()
    found = ask_back(home, wait_s=wait_s, anew=reason if new_epoch else None, without=without)
    if as_json:
        previous = found.previous if found else None
        emit({
            "restored": found is not None,
            "before": found.before if found else None, "after": found.after if found else None,
            "from": found.sources if found else {}, "hash_only": found.hash_only if found else 0,
            "payloads_missing": found.payloads if found else 0,
            "epoch": found.epoch if found else None,
            "previous": {"origin": previous.origin, "size": previous.size} if previous is not None else None,
        })  # fmt: skip
        return
    if found is None:
        say("Nothing is lost: no neighbour knows of more entries than there are here.")
        return
    say(fact("entries", f"{found.before} before, {found.after} now"))
    say(fact("from", ", ".join(f"{name} ({size})" for name, size in sorted(found.sources.items())) or "nobody"))
    if found.hash_only:
        say(fact("hashes", f"of {found.hash_only} entries only the hash came back"))
    if found.payloads:
        say(
            fact(
                "payloads",
                f"{found.payloads} that travelled inside sessions did not come back. The log is whole without them and"
                " nobody is blamed: an audit reads them in the neighbours' bundles",
            )
        )
    if found.previous is not None:
        say(fact("epoch", f"{found.epoch}, after {found.previous.size} entries of {found.previous.origin}"))
        say(
            "The gap stays visible (LS-EPOCH-GAP). The node goes on once enough neighbours have confirmed the new log:"
            " landsting status says who has."
        )
    say(f"Start the node again: landsting run --home {home}")
