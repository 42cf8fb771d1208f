"""What a region lets out: a file and its card, judged on the region's own rows, signed, handed over, released.

A *card* is the file that says where data or a model come from: of synthetic data the manifest that ``synth generate``
wrote beside them, of a model the description beside its safetensors file. Both are known by their SHA-256.

The judgement is made anew each time, from rows that stay here; a report that lies somewhere is not believed.
Nothing is signed, and nothing written, unless every test of the plan holds.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crypto.hashing import tagged_hash
from node.cli.output import Refusal
from protocol.codec import encode
from protocol.release import DATA, MODEL, MODEL_TESTS, USE, failing, shown

if TYPE_CHECKING:
    from node.learning.synth.measure.gate import Report
    from protocol.plan import Plan

FORMAT = "landsting-release/v1"
FEWEST_ROWS = 20
MICRO = 1_000_000
_ALL = {"en": "nothing was signed; all figures: {see}", "sv": "inget skrevs under; alla värden: {see}"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may be let out, and its card.

    Attributes:
        what: ``data`` or ``model``.
        study: 64 hex digits.
        file_sha256, card_sha256: 32 bytes; of a folder of images that of its listing, without the card.
        size: Bytes of the file, of a folder of all in it but the card.
        model: SHA-256 (hex) of the safetensors file that the data come from, or that is let out.
    """

    what: str
    file: Path
    card: Path
    study: str
    file_sha256: bytes
    card_sha256: bytes
    size: int
    model: str

    def args(self) -> dict[str, Any]:
        """Return what the node is told of it."""
        return {
            "study": bytes.fromhex(self.study), "kind": self.what, "file": self.file_sha256, "card": self.card_sha256,
            "bytes": self.size,
        }  # fmt: skip


def candidate_data(file: Path, card: Path | None = None) -> Candidate:
    """Return synthetic data, with the manifest that was written beside them.

    Raises:
        Refusal: The file or its card is missing, the card is of other data, or says of no study where they come from.
    """
    from node.learning.data.manifest import load
    from node.synthetic import INDEX, Origin, data_sha256, manifest_of

    card = card or manifest_of(file)
    _there(file, card)
    if card.resolve() != manifest_of(file).resolve():
        raise Refusal(
            "FILE",
            f"the card of {file.name} lies in {card}",
            f"it beside the data, {manifest_of(file)}",
            f"cp {card} {manifest_of(file)}",
        )
    manifest = load(card)
    origin = Origin.of_text(manifest.source_system or "")
    if not manifest.synthetic or origin is None or not origin.study:
        raise Refusal(
            "FILE",
            f"{card.name} does not say which study's generator made these data",
            "the manifest that was written beside them",
            "landsting synth generate STUDY --rows N -o FILE.csv",
        )
    sha256 = data_sha256(file)
    listed = file / INDEX if file.is_dir() else file
    named = [(row.path, row.sha256) for row in manifest.file]
    if named != [(listed.name, data_sha256(listed) if listed.exists() else None)]:
        raise Refusal(
            "FILE",
            f"{file.name} is not the file that {card.name} is the card of",
            "both as they were written",
            "Get both files again, or generate them anew.",
        )
    return Candidate(
        DATA, file, card, origin.study, bytes.fromhex(sha256), _sha256(card), _size(file, card), origin.model
    )


def candidate_model(file: Path, card: Path | None = None) -> Candidate:
    """Return an exported model, with the description that was written beside it; errors as ``candidate_data``."""
    card = card or file.with_suffix(".json")
    _there(file, card)
    try:
        study = str(json.loads(card.read_text(encoding="utf-8"))["study"])
        bytes.fromhex(study)
    except (ValueError, KeyError, TypeError) as error:
        raise Refusal(
            "FILE",
            f"{card.name} does not say of which study the model is",
            "the description that was written beside it",
            "landsting model export -o FILE.safetensors",
        ) from error
    return Candidate(MODEL, file, card, study, _sha256(file), _sha256(card), _size(file, card), _sha256(file).hex())


def _there(file: Path, card: Path) -> None:
    for one, words in ((file, "the file"), (card, "its card")):
        if not one.exists():
            raise Refusal(
                "FILE", f"{one} is not there", f"{words}", "Name it, and --card where the card lies elsewhere."
            )


def _sha256(path: Path) -> bytes:
    from node.learning.data.readers import file_sha256

    return file_sha256(path)


def _size(file: Path, card: Path) -> int:
    files = [one for one in file.rglob("*") if one.is_file() and one != card] if file.is_dir() else [file]
    return sum(one.stat().st_size for one in files)


# ---------------------------------------------------------------- judging


def figures_of(report: Report) -> dict[str, int]:
    """Return the figures of a report's tests that are asked, in 1e-6, under the names of ``protocol.release``."""
    found: dict[str, int] = {}
    for one in report.tests:
        if one.value is None or (one.threshold is None and one.name not in ("dp", "frechet")):
            continue
        found[one.name] = round(one.value * MICRO)
        if (one.name == "shapes" or one.name in USE) and one.against is not None:
            found[f"{one.name}/real"] = round(one.against * MICRO)
        if one.name == "dcr_share" and one.upper is not None:
            found["dcr_share/upper"] = round(one.upper * MICRO)
    return found


Judge = Callable[[Path, Candidate, "Path | None", str], Mapping[str, int]]


def judge_data(home: Path, one: Candidate, page: Path | None = None, lang: str = "en") -> dict[str, int]:
    """Return the figures of synthetic data on this region's own rows.

    Args:
        page: Where the report's page goes; it is written whatever the verdict.
        lang: Of the page, and of what is said of a test that does not hold.

    Raises:
        Refusal: Tests of the plan do not hold; of each the sentence of the page, with figure and threshold.
    """
    from node.learning.synth.measure.advice import refusal
    from node.made_rows import check_form
    from node.synthetic_report import made_by, measured, of_study, write

    # Another region's own newest model differs a little from the one that made these rows.
    beside = replace(of_study(home, one.study, None), model=one.model)
    check_form(one.file, one.card, beside.schema, made_by(one.file)[1])
    report = measured(one.file, beside)
    if bytes.fromhex(report.data) != one.file_sha256:
        raise Refusal("FILE", f"{one.file.name} changed while it was read", "a file at rest", "Do it again.")
    if page is not None:
        write(report, page, one.file.stem, lang)
    if not report.passed:
        found, expected, do = refusal(report, lang)
        see = page if page is not None else f"landsting synth approve {one.file} --home {home} --page PAGE.html"
        raise Refusal("GATE", f"{one.file.name}: {found}", expected, f"{do} ({_ALL[lang].format(see=see)})")
    return figures_of(report)


def judge_model(home: Path, one: Candidate, page: Path | None = None, lang: str = "en") -> dict[str, int]:
    """Return accuracy and AUROC of a model on this region's own validation rows, where the plan asks for them.

    What is undefined, or of fewer than 20 rows, is left out; a model has no page here.
    """
    from node.learning.evaluate import read_model
    from node.models import held_model

    if not set(MODEL_TESTS) & set(plan_of(home, one.study).release["tests"]):
        return {}  # a generator's model has none
    rows = held_model(home, one.study).trainer.validation
    if rows is None or len(rows) < FEWEST_ROWS:
        return {}
    found = read_model(one.file).figures(rows)
    return {name: round(value * MICRO) for name in MODEL_TESTS if (value := found.get(name)) is not None}


def _judged(home: Path, one: Candidate, plan: Plan, page: Path | None = None, lang: str = "en") -> dict[str, int]:
    figures = dict(JUDGES[one.what](home, one, page, lang))
    failed = failing(plan, one.what, figures)
    if failed is not None:
        found, _, expected = failed.partition("; the plan asks for ")
        raise Refusal("GATE", found, expected, "nothing was signed, and nothing written")
    return figures


JUDGES: Mapping[str, Judge] = {DATA: judge_data, MODEL: judge_model}

# ---------------------------------------------------------------- signing, handing over, releasing


def approve(
    home: Path, one: Candidate, *, role: str, ref: str | None, page: Path | None = None, lang: str = "en"
) -> dict[str, Any]:
    """Judge a file on own rows and sign it; figures stay here, behind a commitment.

    Args:
        page, lang: As ``judge_data``.

    Raises:
        Refusal: It does not pass, or the study is none of this region's.
    """
    from node.cli.asking import ask

    figures = _judged(home, one, plan_of(home, one.study), page, lang)
    again = _again(home, one) if one.what == DATA else {"away": _own_form(home, one)}
    salt, value = os.urandom(32), encode(dict(figures))
    committed = {"salt": salt, "value": value, "hash": tagged_hash("commit", salt + value)} if figures else None
    done = ask(home, "release_approve", {**one.args(), "role": role, "ref": ref, "figures": committed})
    return done | {"figures": figures} | again


def _again(home: Path, one: Candidate) -> dict[str, Any]:
    """Return ``rows``, ``other_rows`` (that this region's newest model does not make) and ``same_model``.

    Rows that differ are refused where the model is the one that the card names; another's prove nothing.
    """
    from node.made_rows import check_made_again, unlike
    from node.synthetic import model_file
    from node.synthetic_report import made_by

    origin = made_by(one.file)[1]
    with model_file(home, one.study) as path:
        same = _sha256(path).hex() == one.model
        other = check_made_again(path, one.file, origin, here=False) if same else unlike(path, one.file, origin)
    return {"rows": origin.rows, "other_rows": other, "same_model": same}


def _own_form(home: Path, one: Candidate) -> float:
    """Refuse a model that holds more than this home's export; return how far a weight lies from the own one at most."""
    from node.made_models import check_exported
    from node.models import export_model

    with tempfile.TemporaryDirectory() as name:
        own = Path(name) / "model.safetensors"
        export_model(home, one.study, own)
        return check_exported(one.file, one.card, own)


def offer(home: Path, one: Candidate, to: tuple[str, ...], *, role: str, ref: str | None) -> dict[str, Any]:
    """Write down that a file is handed to other regions, which are to judge it."""
    from node.cli.asking import ask

    return ask(home, "release_offer", {**one.args(), "to": list(to), "role": role, "ref": ref})


def release(home: Path, one: Candidate, folder: Path, lang: str = "en") -> dict[str, Any]:
    """Judge a file once more, log its release, and write file, card and record of the release into a folder.

    Raises:
        Refusal: A figure fails, signatures are missing, the data are of another model than the study's newest here,
            or the folder holds files of these names. Nothing is written then.
    """
    from node.cli.asking import ask

    record = folder / f"{one.file.stem}.release.json"
    for path in (record, folder / one.file.name, folder / one.card.name):
        if path.exists() and path.resolve() not in (one.file.resolve(), one.card.resolve()):
            raise Refusal("FILE", f"{path} is there already", "a folder without it", "Name another with -o.")
    known = next((row for row in requests(home, one.study) if _is(row, one)), None)
    plan, region = plan_of(home, one.study), region_of(home)
    if known is not None and region in known["signed"] and len(known["signed"]) < plan.release["min_approvals"]:
        raise Refusal(  # without judging again what was judged when it was signed here
            "GATE",
            f"signed by {', '.join(known['signed'])}; not by {', '.join(known['unsigned'])}",
            f"the signatures of {plan.release['min_approvals']} regions, as the plan says",
            f"landsting {'synth' if one.what == DATA else 'model'} approve {one.file.name}, at one of these",
        )
    figures = _judged(home, one, plan, None, lang)
    model, round_ = _lineage(home, one)
    if known is None or region not in known["released"]:
        args = {**one.args(), "model": model, "round": round_, "tests": figures}
        known = ask(home, "release", args)
    return _write(one, folder, record, plan, region, known, figures, model, round_)


def _lineage(home: Path, one: Candidate) -> tuple[bytes, int]:
    """Return hash and round of the study's newest model here, once it is seen to be the one that was used."""
    from gossip.exchange.mixing import model_hash
    from node.made_rows import check_made_again
    from node.models import held_model
    from node.synthetic_report import made_by

    held = held_model(home, one.study)
    with tempfile.TemporaryDirectory() as name:
        sha256 = held.trainer.export(held.vector, held.totals, Path(name) / "model.safetensors")
        if sha256 == one.model and one.what == DATA:
            check_made_again(Path(name) / "model.safetensors", one.file, made_by(one.file)[1], here=True)
    if sha256 != one.model:
        raise Refusal(
            "GATE", f"{one.file.name} comes from a model with sha256 {one.model[:16]}…",
            f"the study's newest model in this home, {sha256[:16]}…",
            f"landsting synth generate {one.study[:12]} --rows N -o FILE.csv, or release where that model is held",
        )  # fmt: skip
    if one.what == MODEL:
        _own_form(home, one)
    return model_hash(held.vector), held.round


def _write(
    one: Candidate, folder: Path, record: Path, plan: Plan, region: str, known: Mapping[str, Any],
    figures: Mapping[str, int], model: bytes, round_: int,
) -> dict[str, Any]:  # fmt: skip
    told = {
        "format": FORMAT, "study": one.study, "kind": one.what, "file": one.file.name, "card": one.card.name,
        "file_sha256": one.file_sha256.hex(), "card_sha256": one.card_sha256.hex(), "bytes": one.size,
        "model": model.hex(), "round": round_, "region": region, "entry": known["released"][region],
        "signed": known["signed"], "needed": plan.release["min_approvals"],
        "tests": {name: shown(value) for name, value in sorted(figures.items())}, "lab": plan.lab,
    }  # fmt: skip
    _at_rest(one, one.file, one.card)
    folder.mkdir(parents=True, exist_ok=True)
    for path in (one.file, one.card):
        target = folder / path.name
        if target.resolve() == path.resolve() or (
            path == one.card and one.file.is_dir() and path.is_relative_to(one.file)
        ):
            continue
        if path.is_dir():
            shutil.copytree(path, target)
        else:
            shutil.copyfile(path, target)
    card = one.card.relative_to(one.file.parent) if one.card.is_relative_to(one.file) else Path(one.card.name)
    _at_rest(one, folder / one.file.name, folder / card)
    record.write_text(json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    return told | {"record": str(record)}


def _at_rest(one: Candidate, file: Path, card: Path) -> None:
    """Refuse files that are no longer the ones that were judged and signed: a copy of such is nobody's release."""
    from node.synthetic import data_sha256

    found = bytes.fromhex(data_sha256(file)) if one.what == DATA else _sha256(file)
    if (found, _sha256(card)) != (one.file_sha256, one.card_sha256):
        raise Refusal(
            "FILE", f"{file.name} or its card changed while they were let out", "files at rest",
            "Remove what was written; put the judged files back, and do the same again.",
        )  # fmt: skip


def requests(home: Path, study: str | None = None) -> list[dict[str, Any]]:
    """Return files that somebody has signed, as this region knows of them."""
    from node.cli.asking import ask

    rows: list[dict[str, Any]] = ask(home, "releases", {})["releases"]
    return [row for row in rows if study in (None, row["study"])]


def plan_of(home: Path, study: str) -> Plan:
    """Return the plan of a study that this region knows."""
    from node.cli.asking import ask
    from protocol.plan import Plan

    return Plan.decode(bytes.fromhex(ask(home, "study", {"study": bytes.fromhex(study)})["plan"]))


def region_of(home: Path) -> str:
    """Return whose home it is."""
    from node.home import Home

    return Home.open(home).name


def _is(row: Mapping[str, Any], one: Candidate) -> bool:
    return (row["kind"], row["file_sha256"], row["card_sha256"]) == (
        one.what, one.file_sha256.hex(), one.card_sha256.hex(),
    )  # fmt: skip
