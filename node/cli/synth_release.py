"""``landsting synth|model approve, offer, release``: what leaves a study, by the signatures that its plan asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.cli.asking import study_id
from node.cli.output import emit, say, table
from node.cli.root import common, home_option
from protocol.entries import ROLES
from protocol.release import DATA, shown

if TYPE_CHECKING:
    from node.release import Candidate

ALIKE = 0.01  # share of rows that rounding may make another
_role = click.option("--role", type=click.Choice(ROLES), default="technical", show_default=True)
_ref = click.option("--ref", metavar="DIARY", help="Diary number of the decision.")


def add_commands(group: click.Group, what: str) -> None:
    """Give a group (``synth``, ``model``) the commands of what it lets out (``data``, ``model``)."""
    for make in (_requests, _approve, _offer, _release):
        group.add_command(make(what))


def _arguments(what: str) -> Callable[[Any], Any]:
    """FILE and --card, as every command here takes them."""
    card = "its manifest, FILE.toml or manifest.toml in the folder" if what == DATA else "its description, FILE.json"

    def give(function: Any) -> Any:
        function = click.option(
            "--card",
            type=click.Path(dir_okay=False, path_type=Path),
            metavar="CARD",
            help=f"Where it comes from; left out, {card}.",
        )(function)
        return click.argument("file", metavar="FILE", type=click.Path(path_type=Path))(function)

    return give


_LANG = click.option(
    "--lang", type=click.Choice(["sv", "en"]), default="en", show_default=True,
    help="Language of the page, and of what is said of a test that does not hold.",
)  # fmt: skip


def _lang(what: str) -> Callable[[Any], Any]:
    """--lang, of what has a report."""
    return _LANG if what == DATA else lambda function: function


def _page(what: str) -> Callable[[Any], Any]:
    """--page, of what has a report."""
    if what != DATA:
        return lambda function: function
    return click.option(
        "--page",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="PAGE.html",
        help="Write the report on this region's rows as well, whatever the verdict; it stays here.",
    )


def _candidate(what: str, file: Path, card: Path | None) -> Candidate:
    from node.release import candidate_data, candidate_model

    return (candidate_data if what == DATA else candidate_model)(file, card)


def _made_again(done: Mapping[str, Any]) -> str:
    """Say what making the rows again by this region's own model showed."""
    other, rows = done["other_rows"], done["rows"]
    if done["same_model"]:
        return "made again here from the study's model: the same rows"
    if other <= ALIKE * rows:
        return f"made again here: {rows - other} of {rows} are, to rounding, what this region's own model makes too"
    return (
        f"NOT the rows of this region's own model, which makes {other} of {rows} otherwise: models of a study may "
        "differ a little. That a model made these rows, and that none is a patient of the region they come from, is on "
        "that region's word; the gate compares with this region's patients only"
    )


def _words(what: str) -> str:
    return "synthetic data" if what == DATA else "models"


def _command(what: str) -> str:
    return "synth" if what == DATA else "model"


def _requests(what: str) -> click.Command:
    @click.command(
        "requests", help=f"List {_words(what)} that regions have signed.\n\nWhat waits for this one says so."
    )
    @click.argument("study", metavar="[STUDY]", required=False)
    @home_option
    @common
    def requests(study: str | None, home: Path, as_json: bool) -> None:
        from node.release import requests as known

        whole = study_id(home, study) if study else None
        rows = [row for row in known(home, whole) if row["kind"] == what]
        if as_json:
            emit({"requests": rows})
            return
        if not rows:
            say(f"No region has signed {_words(what)} yet.")
            return
        states = {"asked": "waits for this region", "signed here": "signed here", "released": "released"}
        cells = [
            (row["study"][:12], row["file_sha256"][:16], ", ".join(row["signed"]),
             f"{len(row['signed'])} of {row['needed']}", _state(row, states)) for row in rows
        ]  # fmt: skip
        say(table(cells, ["study", "file (sha256)", "signed by", "signatures", "state"]))
        if any(row["state"] == "asked" for row in rows):
            say("Get the file and its card from who has signed it, then:")
            say(f"  landsting {_command(what)} approve FILE --home {home} --ref DIARY")

    return requests


def _state(row: Mapping[str, Any], words: Mapping[str, str]) -> str:
    by = ", ".join(row["released"])
    return f"{words[row['state']]} by {by}" if by else words[row["state"]]


def _approve(what: str) -> click.Command:
    judged = (
        "Its report must pass the tests of the plan." if what == DATA else "It must pass what the plan asks of models."
    )

    @click.command(
        "approve",
        help=f"Judge {_words(what)} on this region's own rows, and sign.\n\n{judged} The figures stay here.",
    )
    @_arguments(what)
    @home_option
    @_role
    @_ref
    @_page(what)
    @_lang(what)
    @common
    def approve(
        file: Path,
        card: Path | None,
        home: Path,
        role: str,
        ref: str | None,
        as_json: bool,
        page: Path | None = None,
        lang: str = "en",
    ) -> None:
        from node.release import approve as sign

        one = _candidate(what, file, card)
        done = sign(home, one, role=role, ref=ref, page=page, lang=lang)
        if as_json:
            emit(done)
            return
        _figures(done["figures"])
        if what == DATA:
            say(_made_again(done))
        else:
            say(f"no weight lies farther than {done['away']:.2g} from this region's own newest model")
        if missing := sorted(set(done["roles_needed"]) - set(done["approved_here"])):
            say(f"passed; this region's policy asks for more: landsting {_command(what)} approve … --role {missing[0]}")
            return
        say(f"signed: {file.name}, sha256 {one.file_sha256.hex()[:16]}…, with its card")
        _signatures(done)

    return approve


def _offer(what: str) -> click.Command:
    @click.command(
        "offer",
        help=f"Log that {_words(what)} are handed to other regions to judge.\n\n"
        "After this region's own approval. File and card themselves go by whatever way you choose.",
    )
    @_arguments(what)
    @home_option
    @click.option("--to", multiple=True, required=True, metavar="REGION", help="To whom; may be repeated.")
    @_role
    @_ref
    @common
    def offer(
        file: Path, card: Path | None, home: Path, to: tuple[str, ...], role: str, ref: str | None, as_json: bool
    ) -> None:
        from node.release import offer as hand_over

        one = _candidate(what, file, card)
        done = hand_over(home, one, to, role=role, ref=ref)
        if as_json:
            emit(done)
            return
        say(f"logged: {file.name} and {one.card.name} go to {', '.join(sorted(set(to)))}, which are to judge them")
        say(f"There: landsting {_command(what)} approve {file.name} --home HOME --ref DIARY")

    return offer


def _release(what: str) -> click.Command:
    @click.command(
        "release",
        help=f"Let {_words(what)} out.\n\n"
        "Judged once more, and with the signatures of as many regions as the plan names: logs the release, then writes "
        "file, card and record into the folder. A refusal writes nothing.",
    )
    @_arguments(what)
    @home_option
    @click.option("-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="A folder.")
    @_lang(what)
    @common
    def release(file: Path, card: Path | None, home: Path, output: Path, as_json: bool, lang: str = "en") -> None:
        from node.release import release as let_out

        done = let_out(home, _candidate(what, file, card), output, lang)
        if as_json:
            emit(done)
            return
        for name, value in done["tests"].items():
            say(f"{name:<18} {value}")
        say(f"signed by {', '.join(done['signed'])}; the plan asks for {done['needed']}")
        say(f"{output}: {done['file']}, {done['card']}, {Path(done['record']).name}; entry {done['entry']} of the log")
        if done["lab"]:
            say("A laboratory study: not patients' data.")

    return release


def _figures(figures: Mapping[str, int]) -> None:
    for name, value in sorted(figures.items()):
        say(f"{name:<18} {shown(value)}")


def _signatures(done: Mapping[str, Any]) -> None:
    say(f"signed by {', '.join(done['signed'])}: {len(done['signed'])} of the {done['needed']} that the plan asks for")
