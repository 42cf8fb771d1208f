"""``landsting run``: the node itself."""

from __future__ import annotations

import logging
import socket
import sys
import time
from pathlib import Path

import click

from node.cli.output import Refusal
from node.cli.root import common, home_option

logger = logging.getLogger(__name__)

PATIENCE_S = 5.0


@click.command()
@home_option
@click.option("--alone", is_flag=True, help="Not in this version, which starts without asking the neighbours.")
@click.option("--verbose", is_flag=True, help="Write each event to standard error.")
@common
def run(home: Path, alone: bool, verbose: bool, as_json: bool) -> int:
    """Run this region's node until Ctrl-C or SIGTERM.

    Answers to other regions of the roster only. What it does is in 'landsting status'; what it
    said and heard is in its signed log.
    """
    if alone:
        found = (
            "--alone: this version never asks the neighbours whether its log is the newest, so there is nothing to skip"
        )
        raise Refusal("NOT_IN_VERSION", found, "no --alone", f"landsting run --home {home}")
    logging.basicConfig(
        level=logging.DEBUG if verbose else logging.INFO,
        format="%(asctime)s %(levelname)-7s %(name)s %(message)s",
        stream=sys.stderr,
    )
    from node.cli.faults import refusal_of
    from node.cli.start import check_installation
    from node.daemon import run as run_daemon
    from node.errors import BusyError

    check_installation()
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            return run_daemon(home)
        except BusyError:
            # A command that is at work in the home is through in a moment; another node is not.
            if is_answered(home) or time.monotonic() > end:
                raise
            time.sleep(0.1)
        except Exception as error:
            if refusal_of(error) is None:
                # A node runs unattended: what went wrong must be in its log, not only with --debug.
                logger.exception("the node stops: a fault of its own")
            raise


def is_answered(home: Path) -> bool:
    """Whether a node of this home answers on its control socket."""
    from node.control import SOCKET, socket_path

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, socket_path(home.absolute()) as path:
        connection.settimeout(1.0)
        try:
            connection.connect(path)
        except OSError:
            return False
    return (home / SOCKET).exists()
