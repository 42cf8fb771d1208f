"""Checks before a node does anything: is the installation what it should be?"""

from __future__ import annotations

from node.cli.output import Refusal

FOLDERS = ("crypto", "gossip", "node", "protocol", "topologies")


def check_installation() -> None:
    """Refuse to run where another distribution owns one of our five package names.

    Two distributions that own one name overwrite each other silently, so the code that runs
    could be anybody's.

    Raises:
        Refusal: One does.
    """
    from importlib.metadata import packages_distributions

    owners = packages_distributions()
    for folder in FOLDERS:
        others = sorted({name for name in owners.get(folder, ()) if name.casefold() != "landsting"})
        if others:
            raise Refusal(
                "INSTALL",
                f"the package {', '.join(others)} also owns the name '{folder}'",
                "an environment with landsting alone",
                "python3 -m venv .venv && .venv/bin/pip install landsting",
            )
