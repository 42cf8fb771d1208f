"""``landsting``, the command: runs it and turns whatever goes wrong into words and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from node.cli.output import BUG, USAGE, Refusal, complain

AUDIT_USAGE = 64  # the audit's own code for a command typed wrongly


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    from node.cli.root import cli

    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    try:
        result = cli.main(args=words, prog_name="landsting", standalone_mode=False)
    except click.UsageError as error:
        if as_json:
            complain(Refusal("USAGE", error.format_message(), "", _help(error)), as_json=True)
        else:
            error.show()
        return AUDIT_USAGE if _family(words) == "audit" else USAGE
    except SystemExit as error:  # the audit has exit codes of its own
        return error.code if isinstance(error.code, int) else 0
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("\nstopped by you\n")
        return 130
    except BrokenPipeError:
        # The reader of our output has gone (`landsting log show | head`): that is no fault.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last place that can turn a fault into words
        if "--debug" in words or os.environ.get("LANDSTING_DEBUG"):
            import traceback

            traceback.print_exc()
        refusal = _refusal(error)
        complain(refusal, as_json=as_json)
        return refusal.status
    return result if isinstance(result, int) and not isinstance(result, bool) else 0


def _family(words: Sequence[str]) -> str:
    return next((word for word in words if not word.startswith("-")), "")


def _help(error: click.UsageError) -> str:
    return f"{error.ctx.command_path} --help" if error.ctx else "landsting --help"


def _refusal(error: Exception) -> Refusal:
    """Return the error as a refusal: a stated reason, or a bug."""
    from node.cli.faults import refusal_of

    known = refusal_of(error)
    if known is not None:
        return known
    return Refusal(
        "BUG",
        f"landsting met a fault of its own: {type(error).__name__}",
        "",
        "run the same command with --debug and report what it prints",
        status=BUG,
    )


if __name__ == "__main__":
    sys.exit(main())
