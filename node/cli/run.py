"""``landsting run``: the node itself."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import click

from node.cli.root import common, home_option

logger = logging.getLogger(__name__)


@click.command()
@home_option
@click.option(
    "--alone", is_flag=True, help="Do not ask the neighbours whether this log is the newest; that stays in the log."
)
@click.option("--verbose", is_flag=True, help="Write each event to standard error.")
@common
def run(home: Path, alone: bool, verbose: bool, as_json: bool) -> int:
    """Run this region's node until Ctrl-C or SIGTERM.

    Answers to other regions of the roster only. What it does is in 'landsting status'; what it
    said and heard is in its signed log.
    """
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s %(message)s",
        stream=sys.stderr,
    )
    from node.cli.faults import refusal_of
    from node.cli.start import check_installation
    from node.daemon import run as run_daemon

    check_installation()
    try:
        return run_daemon(home, alone=alone)
    except Exception as error:
        if refusal_of(error) is None:
            # A node runs unattended: what went wrong must be in its log, not only with --debug.
            logger.exception("the node stops: a fault of its own")
        raise
