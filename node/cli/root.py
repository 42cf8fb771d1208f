"""The root command and its lazy groups: ``--help`` imports none of them.

A family is named here with its one line of help and the place where it lives; the module is
imported when one of its commands is used. (``--help`` of the whole is measured to stay under
0.3 s; numpy alone would take half of that.)
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from node.cli.output import Refusal

FAMILIES: dict[str, tuple[str, str]] = {
    "demo": ("node.cli.demo:demo", "Regions train together on this machine, and an audit checks it."),
    "init": ("node.cli.init:init", "Make a region's home: its keys and its update log."),
    "card": ("node.cli.card:card", "Print this region's card, or read another's."),
    "roster": ("node.cli.roster:roster", "The list of regions: found it, show it, sign it."),
    "keys": ("node.cli.keys:keys", "New keys, and keys that count no more."),
    "data": ("node.cli.data:data", "Bind a table to this home and check it."),
    "task": ("node.cli.task:task", "Write a task of one's own, and check it."),
    "policy": ("node.cli.policy:policy", "What this region lets itself be asked."),
    "study": ("node.cli.study:study", "Plan, propose, accept and follow a study."),
    "run": ("node.cli.run:run", "Run this region's node."),
    "restore": ("node.cli.restore:restore", "Ask the neighbours for what this log has lost."),
    "status": ("node.cli.status:status", "What this region's node is doing."),
    "log": ("node.cli.log:log", "Read and export the signed update log."),
    "model": ("node.cli.model:model", "List and export trained models."),
    "synth": ("node.cli.synth:synth", "Make synthetic data, measure them, and let them out."),
    "witness": ("node.cli.witness:witness", "An outside witness: signs heads of logs that it has seen."),
    "audit": ("node.cli.audit:audit", "Check update logs, offline, trusting nobody."),
    "topology": ("node.cli.topology:topology", "Who may talk to whom, and what it costs."),
    "bench": ("node.cli.bench:bench", "Our figures beside their limits."),
}
EXTRA = 'this command needs more than the auditor\'s installation: pip install "landsting[node]"'


class LazyGroup(click.Group):
    """A group that imports a command when it is used, and not to print its one line of help."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which a newcomer meets them."""
        return list(FAMILIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one family."""
        if cmd_name not in FAMILIES:
            return None
        module, _, attribute = FAMILIES[cmd_name][0].partition(":")
        try:
            command = getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            if error.name and error.name.split(".")[0] in ("node", "gossip", "protocol", "crypto", "topologies"):
                if error.name == module:
                    raise Refusal(
                        "NOT_IN_VERSION", f"landsting {cmd_name} is not in this version", "", "landsting --help"
                    ) from error
                raise
            raise Refusal(
                "INSTALL", f"the Python package {error.name} is not installed", "the node's installation", EXTRA
            ) from error
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of families without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_, words) in FAMILIES.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an unknown one gets the nearest name as a hint."""
        if args and args[0] not in FAMILIES and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], FAMILIES, 1)
            hint = f"did you mean 'landsting {near[0]}'?" if near else "'landsting --help' lists all."
            raise click.UsageError(f"no command '{args[0]}'; {hint}", ctx)
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"landsting {version('landsting')}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with 'landsting demo'. Every command takes --help and --json.",
)
@click.option("--debug", is_flag=True, help="Print the traceback of a bug.")
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Print the version."
)
def cli(debug: bool) -> None:
    """Health regions train models together, with nobody in the middle.

    Each region runs a node with its own data and keys. Nodes exchange masked updates,
    mix them, and keep a signed log that anybody can audit.
    """


def common(function: Any) -> Any:
    """Give a command ``--json`` (passed on as ``as_json``) and a hidden ``--debug``."""
    function = click.option("--json", "as_json", is_flag=True, help="Print JSON, nothing else.")(function)
    return click.option("--debug", is_flag=True, hidden=True, expose_value=False)(function)


def home_option(function: Any) -> Any:
    """Give a command ``--home`` (or ``LANDSTING_HOME``) as ``home``, a path."""
    from pathlib import Path

    return click.option(
        "--home",
        envvar="LANDSTING_HOME",
        required=True,
        metavar="DIR",
        type=click.Path(file_okay=False, path_type=Path),
        help="The region's home (or set LANDSTING_HOME).",
    )(function)
