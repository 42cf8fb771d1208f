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
@common
def restore(home: Path, wait_s: float, as_json: bool) -> None:
    """Bring back what was lost when a home was put back to an earlier state.

    The node must be stopped. Neighbours keep verified copies of this region's log; what they give back counts
    only if it leads to the largest head that anybody can prove.
    """
    from node.cli.start import check_installation
    from node.restoring import restore as ask_back

    check_installation()
    found = ask_back(home, wait_s=wait_s)
    if as_json:
        emit({
            "restored": found is not None,
            "before": found.before if found else None, "after": found.after if found else None,
            "from": found.sources if found else {}, "hash_only": found.hash_only if found else 0,
        })  # fmt: skip
    elif found is None:
        say("Nothing is lost: no neighbour knows of more entries than there are here.")
    else:
        say(fact("entries", f"{found.before} before, {found.after} now"))
        say(fact("from", ", ".join(f"{name} ({size})" for name, size in sorted(found.sources.items()))))
        if found.hash_only:
            say(fact("hashes", f"of {found.hash_only} entries only the hash came back"))
        say(f"Start the node again: landsting run --home {home}")
