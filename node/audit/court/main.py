"""Command line of ``landsting-audit.pyz``: verify, explain and check-finding, on the standard library alone."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import NoReturn

USAGE, INTERNAL = 64, 70
MAX_FINDING = 4 * 2**20
_STUDY = re.compile(r"(0x)?((?:[0-9a-f]{2}){4,32})")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        sys.exit(USAGE)


def _parser() -> _Parser:
    parser = _Parser(
        prog="landsting-audit.pyz",
        description="Check update logs of a study, offline, with nothing but Python. Exit code: 0 clean, 1 minor,"
        " 2 major, 3 critical, 4 less handed over than asked for, 65 a bundle was refused.",
    )
    commands = parser.add_subparsers(dest="command", required=True, parser_class=_Parser)
    verify = commands.add_parser("verify", help="check bundles and say what they prove")
    verify.add_argument("bundles", nargs="+", type=Path, metavar="BUNDLE")
    verify.add_argument("--study", metavar="ID", help="the study you mean: its id, 64 hex digits")
    verify.add_argument("--require", default="", metavar="WHAT", help="all-logs,replay,openings")
    verify.add_argument("--lang", default="en", choices=("en", "sv"))
    verify.add_argument("--as-of", type=int, metavar="ROUND", help="the last round that is looked at")
    verify.add_argument("--report", type=Path, metavar="FILE", help="write the report as one HTML page, too")
    verify.add_argument("--sarif", type=Path, metavar="FILE", help="write the findings as SARIF 2.1.0, too")
    verify.add_argument("--date", metavar="D", help="a date to print on the page")
    verify.add_argument("--witness", type=Path, action="append", default=[], metavar="FILE", help="what a witness saw")
    verify.add_argument("--witness-key", action="append", default=[], metavar="KEY", help="its public key")
    verify.add_argument("--json", action="store_true")
    explain = commands.add_parser("explain", help="say what a code means")
    explain.add_argument("code")
    explain.add_argument("--lang", default="en", choices=("en", "sv"))
    again = commands.add_parser("check-finding", help="see one finding again from its evidence")
    again.add_argument("finding", type=Path)
    again.add_argument("--roster", type=Path, required=True)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    parser = _parser()
    args = parser.parse_args(argv)
    sys.setrecursionlimit(max(sys.getrecursionlimit(), 2000))
    try:
        match args.command:
            case "verify":
                return _verify(parser, args)
            case "explain":
                return _explain(parser, args)
            case _:
                return _again(args)
    except (OSError, UnicodeError) as error:
        parser.error(str(error))


def _verify(parser: _Parser, args: argparse.Namespace) -> int:
    from crypto.errors import CryptoError
    from node.audit.inputs import inputs_of
    from node.audit.outside import read_files
    from node.audit.page import page
    from node.audit.sarif import sarif
    from node.audit.verification import StudyError, verify

    for path in args.bundles:
        if not path.exists():
            parser.error(f"{path} is not there; expected an evidence bundle")
    match = _STUDY.fullmatch((args.study or "").strip().lower())
    study = bytes.fromhex(match[2]) if match else None
    if args.study is not None and match is None:
        parser.error(f"--study {args.study[:80]!r} is no study id; expected 64 hex digits, as on the annex")
    if args.as_of is not None and args.as_of < 0:
        parser.error(f"--as-of {args.as_of}: rounds are counted from 0")
    required = [word for word in args.require.split(",") if word]
    if set(required) - {"all-logs", "replay", "openings"}:
        parser.error(f"--require {args.require}: it knows all-logs, replay, openings")
    progress = (lambda words: print(f"\r\033[K{words}", end="", file=sys.stderr)) if sys.stderr.isatty() else _quiet
    try:
        outside = read_files(args.witness, args.witness_key)
        report = verify(
            args.bundles, study=study, require=required, lang=args.lang, as_of=args.as_of, progress=progress,
            outside=outside,
        )  # fmt: skip
    except StudyError as error:
        parser.error(f"--study {error}")
    except CryptoError as error:
        parser.error(f"--witness: {error}")
    if args.sarif is not None:
        args.sarif.write_text(json.dumps(sarif(report), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if args.report is not None:
        args.report.write_text(page(report, inputs_of(args.bundles), args.date), encoding="utf-8")
    if args.json:
        print(json.dumps(report.to_json(), indent=2, ensure_ascii=False))
    else:
        print(report.to_text(), end="")
    return report.exit_code


def _explain(parser: _Parser, args: argparse.Namespace) -> int:
    from node.audit.explanation import explain_text
    from node.audit.findings import CODES

    name = args.code.upper() if args.code.upper().startswith("LS-") else f"LS-{args.code.upper()}"
    if name not in CODES:
        parser.error(f"no code {args.code[:40]!r} in this version")
    print(explain_text(name, args.lang), end="")
    return 0


def _again(args: argparse.Namespace) -> int:
    from node.audit.recheck import check_finding

    answer = check_finding(_bytes(args.finding), _bytes(args.roster))
    print(answer.to_text(), end="")
    return answer.exit_code


def _bytes(path: Path) -> bytes:
    """Return a file, or as much of it as is too much already."""
    with path.open("rb") as file:
        return file.read(MAX_FINDING + 1)


def _quiet(words: str) -> None:
    """Say nothing where nobody looks."""
