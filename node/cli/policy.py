"""``landsting policy``: what this region lets itself be asked, in ``policy.toml`` of its home."""

from __future__ import annotations

import os
from pathlib import Path

import click

from node.cli.output import Refusal, emit, say
from node.cli.root import common, home_option


@click.group()
def policy() -> None:
    """Show or change who may propose, what may be learned on what data, who must accept, how much epsilon and delta."""


@policy.command()
@home_option
@common
def show(home: Path, as_json: bool) -> None:
    """Print the policy in force here, defaults included."""
    from node.home import Home
    from node.policy import Policy

    found = Policy.load(Home.open(home).path)
    if not as_json:
        say(found.to_toml().rstrip())
        return
    emit(
        {
            "proposers": list(found.proposers),
            "tasks": list(found.tasks),
            "roles": list(found.roles),
            "anonymity": found.anonymity,
            "eps_max": None if found.eps_max_u is None else found.eps_max_u / 1e6,
            "delta_max": found.delta_max_u12 / 1e12,
            "budget": None if found.budget_u is None else found.budget_u / 1e6,
            "device": found.device,
            "data": None if found.data is None else {name: list(one) for name, one in found.data.items()},
            "code": {name: {"path": str(one.path), "sha256": one.sha256} for name, one in found.code.items()},
        }
    )


@policy.command()
@home_option
@click.option("--file", "file", type=click.Path(dir_okay=False, path_type=Path), help="Take this text instead.")
@common
def edit(home: Path, file: Path | None, as_json: bool) -> None:
    """Open the policy in $EDITOR and keep it if it can be read; or take it from --file.

    A running node goes by it from the next study it opens, and from the next acceptance: roles count as they are
    then. A study whose ACCEPT has left stays accepted.
    """
    from node.home import Home
    from node.policy import NAME, Policy

    path = Home.open(home).path / NAME
    before = path.read_text(encoding="utf-8") if path.is_file() else Policy().to_toml()
    if file is not None:
        after: str | None = file.read_text(encoding="utf-8")
    else:
        after = click.edit(before, extension=".toml")
    if after is None or (path.is_file() and after == before):
        raise Refusal(
            "CONFIG", "the policy was left as it was", "a change that is saved", f"landsting policy show --home {home}"
        )
    Policy.parse(after)
    part = path.with_name(f".{path.name}.part")
    part.write_text(after, encoding="utf-8")
    part.chmod(0o600)
    os.replace(part, path)
    if as_json:
        emit({"policy": str(path)})
    else:
        say(f"{path}: in force")
