"""``landsting audit``: verify bundles, explain codes, check one finding. Offline, reads files only.

Exit codes are the audit's own: 0 clean, 1 minor, 2 major, 3 critical, 4 less handed over than
``--require`` asks, 64 usage, 65 a bundle was refused, 70 internal error. Works on the base install.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from node.audit.openings import Inside
    from node.audit.report import Report

USAGE, REFUSED, INTERNAL = 64, 65, 70
MAX_MODEL = 2**31
_STUDY = re.compile(r"(0x)?((?:[0-9a-f]{2}){4,32})")
REQUIRE = ("all-logs", "replay", "openings")


class AuditGroup(click.Group):
    """A group whose usage errors exit 64 and whose bugs exit 70, under whatever root it hangs."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            _usage(error)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            _usage(error)
        except (click.exceptions.Exit, click.Abort, click.ClickException, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001 - the last place that can turn a bug into words
            _bug(error)


@click.group(cls=AuditGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def audit() -> None:
    """Check update logs, offline, trusting nobody."""


def _common(function: Any) -> Any:
    function = click.option("--json", "as_json", is_flag=True, help="Print JSON, nothing else.")(function)
    return click.option("--debug", is_flag=True, hidden=True, expose_value=False)(function)


def _study_id(ctx: click.Context, param: click.Parameter, value: str | None) -> bytes | None:
    if value is None:
        return None
    match = _STUDY.fullmatch(value.strip().lower())
    if match is None:
        expected = "expected 64 hex digits, as on the annex, or the first 8 or more of them"
        raise click.BadParameter(f"{value[:80]!r} is no study id; {expected}", ctx, param)
    return bytes.fromhex(match[2])


@audit.command()
@click.argument("bundles", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="BUNDLE...")
@click.option("--study", callback=_study_id, metavar="ID", help="The study you mean: its id, as on the annex.")
@click.option("--require", default="", metavar="WHAT", help="all-logs,replay,openings: exit 4 if it is not there.")
@click.option("--as-of", type=click.IntRange(0), metavar="ROUND", help="The last round that is looked at.")
@click.option("--fast", is_flag=True, help="Do not check signatures of what sender and receiver both logged.")
@click.option("--lang", default="en", show_default=True, metavar="LANG", help="Language of the words.")
@click.option(
    "--report",
    "page",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write the report as one HTML page, too.",
)
@click.option("--date", metavar="D", help="A date to print on the page; none is printed by itself.")
@click.option(
    "--sarif",
    "sarif_",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="Write the findings as SARIF 2.1.0, too.",
)
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes to check with.")
@click.option(
    "--inside",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="HOME",
    help="Open this home's own commitments too, out of its vault; for an audit inside the region.",
)
@click.option(
    "--note",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE",
    help="With --inside and --study: the region's signed note on the report, as --json prints it.",
)
@click.option(
    "--witness",
    "witnesses",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What an outside witness saw (landsting witness export); may be repeated.",
)
@click.option(
    "--witness-key", "witness_keys", multiple=True, metavar="KEY", help="Its public key, from the witness itself."
)
@_common
def verify(
    bundles: Sequence[Path],
    study: bytes | None,
    require: str,
    as_of: int | None,
    fast: bool,
    lang: str,
    page: Path | None,
    date: str | None,
    sarif_: Path | None,
    jobs: int,
    inside: Path | None,
    note: Path | None,
    witnesses: Sequence[Path],
    witness_keys: Sequence[str],
    as_json: bool,
) -> None:
    """Check evidence bundles and say what they prove.

    Without --study every study found is checked, and none is confirmed; the first digits of an id name a
    study, and only the whole id confirms it.
    """
    from crypto.errors import CryptoError
    from node.audit.catalogue import LANGUAGES
    from node.audit.outside import read_files
    from node.audit.verification import StudyError
    from node.audit.verification import verify as run

    asked = [word for word in require.split(",") if word]
    for word in asked:
        if word not in REQUIRE:
            raise click.UsageError(f"--require {word}: it knows {', '.join(REQUIRE)}")
    if lang not in LANGUAGES:
        raise click.UsageError(f"--lang {lang} is not in this version; it knows {', '.join(LANGUAGES)}")
    try:
        outside = read_files(witnesses, witness_keys)
    except CryptoError as error:
        raise click.UsageError(f"--witness: {error}") from error
    options = {
        "outside": outside,
        "require": asked,
        "lang": lang,
        "fast": fast,
        "as_of": as_of,
        "jobs": jobs,
        "progress": _progress,
    }
    if note is not None and (inside is None or study is None or len(study) != 32):
        raise click.UsageError("--note goes with --inside HOME and the whole id in --study")
    try:
        if inside is None:
            report = run(bundles, study=study, **options)  # type: ignore[arg-type]
        else:
            report = _inside(inside, note, lambda vault: run(bundles, study=study, inside=vault, **options))  # type: ignore[arg-type]
    except StudyError as error:
        raise click.UsageError(f"--study {error}") from error
    if page is not None:
        _write_page(page, report, bundles, date)
    if sarif_ is not None:
        _write_sarif(sarif_, report)
    if as_json:
        click.echo(json.dumps(report.to_json(), indent=2, ensure_ascii=False))
    else:
        click.echo(report.to_text(), nl=False)
    sys.exit(report.exit_code)


def _inside(home: Path, note: Path | None, run: Callable[[Inside], Report]) -> Report:
    """Run the audit with a home's own vault; write the region's note on what came of it."""
    from node.errors import NodeError
    from node.home import Home
    from node.store.vault import Vault
    from node.store.vault_inside import inside, report_bytes, signed_note

    try:
        opened = Home.open(home)
        with Vault(opened.path) as vault:
            report = run(inside(opened, vault, vault.studies()))
    except NodeError as error:
        raise click.UsageError(f"--inside {home}: {error}") from error
    if note is not None:
        study = next(row.study for row in report.studies if row.confirmed)
        note.write_bytes(signed_note(opened, study, report_bytes(report.to_json())))
    return report


@audit.command()
@click.option(
    "--home", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="The region's home."
)
@click.option("--study", required=True, callback=_study_id, metavar="ID", help="The whole id of the study.")
@click.option("--rounds", metavar="A-B", help="These rounds only; left out: all that the home has kept open.")
@_common
def repeat(home: Path, study: bytes, rounds: str | None, as_json: bool) -> None:
    """Train kept rounds again, inside the region, and compare with what was committed to.

    Nothing is paid, sent or changed. Exit code: 0 if every round gives the same model to the bit, 2 if one does
    not, 4 if none was kept open or none can be repeated.
    """
    from node.cli.log_export import span
    from node.errors import NodeError
    from node.home import Home
    from node.region import manifest_of
    from node.store.storage import StoreReader
    from node.store.vault_inside import repeat as run
    from protocol.plan import Plan

    try:
        opened = Home.open(home)
        with StoreReader(opened) as reader:
            encoded = reader.kept(study)
        if encoded is None:
            raise click.UsageError(f"--study {study.hex()[:16]}: this home knows no such study")
        found = run(opened, Plan.decode(encoded), manifest_of(opened.path, study), span(rounds))
    except NodeError as error:
        raise click.UsageError(str(error)) from error
    if as_json:
        rows = [{"round": one.round, "entry": one.seq, "same": one.same, "off": one.off} for one in found]
        click.echo(json.dumps({"study": study.hex(), "rounds": rows}, indent=2))
    else:
        for one in found:
            words = (
                "the same to the bit" if one.same else f"another result, {one.off or 0:.2g} of the update's length away"
            )
            if one.same is None:
                words = "cannot be repeated: what the task keeps to itself is here of the last rounds only"
            click.echo(f"round {one.round} (entry {one.seq}): {words}")
        if not found:
            click.echo("No round of this study is kept open: the plan draws none (retention.sample_bp), or none yet.")
    trained = [one for one in found if one.same is not None]
    sys.exit(4 if not trained else 0 if all(one.same for one in trained) else 2)


@audit.command()
@click.argument("code", required=False)
@click.option("--lang", default="en", metavar="LANG", hidden=True)
@_common
def explain(code: str | None, lang: str, as_json: bool) -> None:
    """Say what a finding's CODE means; without one, list them all."""
    from node.audit.catalogue import LANGUAGES, words
    from node.audit.explanation import explain as said
    from node.audit.explanation import explain_text
    from node.audit.findings import CODES

    if lang not in LANGUAGES:
        raise click.UsageError(f"--lang {lang} is not in this version; it knows {', '.join(LANGUAGES)}")
    if code is None:
        if as_json:
            click.echo(json.dumps([said(name, lang) for name in CODES], indent=2, ensure_ascii=False))
        else:
            for name, rule in CODES.items():
                title = words(name, lang).title.replace("{subject}", "a region")
                click.echo(f"{name:<22}{rule.severity.label:<10}{title}")
        return
    name = code.upper() if code.upper().startswith("LS-") else f"LS-{code.upper()}"
    if name not in CODES:
        raise click.UsageError(f"no code {code[:40]!r} in this version; `landsting audit explain` lists them all")
    if as_json:
        click.echo(json.dumps(said(name, lang), indent=2, ensure_ascii=False))
    else:
        click.echo(explain_text(name, lang), nl=False)


@audit.command("prove-model")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE")
@click.argument("bundles", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path), metavar="BUNDLE...")
@click.option("--study", required=True, callback=_study_id, metavar="ID", help="The whole id of the study.")
@click.option("--proofs", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write their proofs.")
@_common
def prove_model(model: Path, bundles: Sequence[Path], study: bytes, proofs: Path | None, as_json: bool) -> None:
    """Show where a model file comes from, back to the study's initial model.

    FILE is an exported model. With --proofs each entry on the way gets a file of its own (C2SP tlog-proof).
    Exit code: 0 if the whole way is there, 4 if a part is missing, 3 if no entry names the model.
    """
    from node.audit.lineage import prove_model as run

    if len(study) != 32:
        raise click.UsageError("--study: prove-model needs the whole id, 64 hex digits")
    lineage = run(_bytes(model, MAX_MODEL), bundles, study)
    if proofs is not None:
        proofs.mkdir(parents=True, exist_ok=True)
        for name, proof in lineage.proofs.items():
            (proofs / name).write_bytes(proof)
    if as_json:
        click.echo(json.dumps(lineage.to_json(), indent=2, ensure_ascii=False))
    else:
        click.echo(lineage.words)
        for link in lineage.links:
            click.echo(f"  {link.region} {link.seq:>6}  {link.kind:<14}{link.words}")
    sys.exit(0 if lineage.whole else 4 if lineage.found else 3)


@audit.command("check-finding")
@click.argument("finding", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="F")
@click.option(
    "--roster",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="R",
    help="The roster: rosters/<hash>.bin of a bundle.",
)
@_common
def check_finding(finding: Path, roster: Path, as_json: bool) -> None:
    """See one finding again from its evidence and the roster alone.

    F is one object of a report's `findings`. Exit code: that of the finding's severity (3, 2, 1)
    if the evidence shows it, 65 if it does not.
    """
    from node.audit.recheck import MAX_FINDING
    from node.audit.recheck import check_finding as run

    answer = run(_bytes(finding, MAX_FINDING), _bytes(roster, MAX_FINDING))
    if as_json:
        click.echo(json.dumps(answer.to_json(), indent=2, ensure_ascii=False))
    else:
        click.echo(answer.to_text(), nl=False)
    sys.exit(answer.exit_code)


def _write_page(page: Path, report: Report, bundles: Sequence[Path], date: str | None) -> None:
    from node.audit.inputs import inputs_of
    from node.audit.page import page as render

    try:
        page.write_text(render(report, inputs_of(bundles), date), encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{page} cannot be written: {error.strerror}") from error


def _progress(words: str) -> None:
    """Say on a terminal how far a long audit is; anywhere else nothing."""
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{words}", err=True, nl=False)


def _bytes(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limit + 1)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be read: {error.strerror}") from error


def _usage(error: click.UsageError) -> NoReturn:
    """Print a usage error as every command does, and exit 64."""
    if "--json" in sys.argv:
        fix = f"{error.ctx.command_path} --help" if error.ctx else "landsting audit --help"
        _complain("USAGE", error.format_message(), "", fix)
    else:
        error.show()
    sys.exit(USAGE)


def _bug(error: Exception) -> NoReturn:
    """Say that the tool itself failed; the traceback only with --debug."""
    if "--debug" in sys.argv:
        import traceback

        traceback.print_exc()
    found = f"the audit met a fault of its own: {type(error).__name__}"
    fix = "run the same command with --debug and report what it prints"
    if "--json" in sys.argv:
        _complain("BUG", found, "", fix)
    else:
        click.echo(f"{found}\n{fix}", err=True)
    sys.exit(INTERNAL)


def _complain(code: str, found: str, expected: str, fix: str) -> None:
    click.echo(json.dumps({"code": code, "found": found, "expected": expected, "fix": fix}), err=True)


def _write_sarif(file: Path, report: Report) -> None:
    from node.audit.sarif import sarif

    try:
        file.write_text(json.dumps(sarif(report), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{file} cannot be written: {error.strerror}") from error
