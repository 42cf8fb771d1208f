"""Sentences of the audit page that readers outside of the trade had read wrongly, as they are to be read."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from node.audit import Report, verify
from node.audit.catalogue import LANGUAGES, words
from node.audit.findings import Finding
from node.audit.page import page
from node.audit.page_words import PAGE
from node.audit.telling import Question, StudyRow
from tests.node.audit_network import Small


@pytest.fixture(scope="module")
def small_and_bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Small, list[Path]]:
    small = Small().run()
    return small, small.export_all(tmp_path_factory.mktemp("honest"))


def clean(small_and_bundles: tuple[Small, list[Path]], lang: str, *, lab: bool = False) -> Report:
    small, bundles = small_and_bundles
    report = verify(bundles, study=small.study, lang=lang)
    return replace(report, lab=lab, studies=tuple(replace(row, lab=lab) for row in report.studies))


def found(report: Report, *findings: Finding) -> Report:
    return replace(report, verdict="critical", findings=findings)


def text(html: str) -> str:
    """What a reader sees, without tags."""
    return " ".join(unescape(re.sub("<[^>]+>", "\0", html)).replace("\0", "").split())


def first_screen(report: Report) -> str:
    return text(page(report).partition('<section id="first">')[2].partition("</section>")[0])


def asked(report: Report, answer: str, *, is_partly: bool = False) -> Report:
    """The report with this answer to whether the model follows from the records."""
    questions = [
        Question(one.question, answer, "", "model", is_partly) if one.key == "model" else one
        for one in report.questions
    ]
    return replace(report, questions=tuple(questions))


# ---------------------------------------------------------------- a false signature: made, or received?


@pytest.mark.parametrize(
    ("lang", "wrote", "free", "answers"),
    [
        (
            "en",
            "In the log of vgr stands, as entry 98, something in another region's name with a false signature;",
            "that other region did not do it and is not accused;",
            "whether vgr made it or took it in unchecked is not shown, and vgr answers for it.",
        ),
        (
            "sv",
            "I loggen hos vgr står, som post 98, något i en annan regions namn med en falsk underskrift;",
            "den andra regionen har inte gjort det och anklagas inte;",
            "om vgr hittade på det eller tog emot det ogranskat är inte visat, och vgr svarar för det.",
        ),
    ],
)
def test_of_a_false_signature_the_page_says_who_wrote_it_down_and_who_is_not_accused(
    small_and_bundles: tuple[Small, list[Path]], lang: str, wrote: str, free: str, answers: str
) -> None:
    false = Finding("LS-ENV-SIG", subject="vgr", seq=98, values={"holder": "halland"})
    report = found(clean(small_and_bundles, lang), false)
    assert f"{wrote} {free} {answers}" in first_screen(report)
    assert f"{wrote} {free} {answers}" in text(page(report).partition('id="findings"')[2])
    assert words("LS-ENV-SIG", lang).next.format(subject="vgr") in first_screen(report)


# ---------------------------------------------------------------- no defects, and yet not all of it checked


@pytest.mark.parametrize(("lang", "good"), [("en", "No defects found"), ("sv", "Inga brister hittades")])
def test_the_badge_of_a_clean_report_says_what_was_found_and_not_that_all_is_well(
    small_and_bundles: tuple[Small, list[Path]], lang: str, good: str
) -> None:
    report = asked(clean(small_and_bundles, lang), "NOT CHECKED")
    assert f"<b>{good}</b>" in page(report)
    assert PAGE[lang]["a.model.NOT CHECKED"] in first_screen(report)
    assert PAGE[lang]["why.unlimited"] in first_screen(report)


@pytest.mark.parametrize(
    ("answer", "is_partly", "shown"),
    [
        ("PROVEN", False, "PROVEN"),
        ("CONTRADICTED", False, "CONTRADICTED"),
        ("NOT CHECKED", True, "PART"),
        ("NOT CHECKED", False, "NOT CHECKED"),
    ],
)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_first_screen_says_whether_the_model_follows_from_the_records(
    small_and_bundles: tuple[Small, list[Path]], lang: str, answer: str, is_partly: bool, shown: str
) -> None:
    report = asked(clean(small_and_bundles, lang), answer, is_partly=is_partly)
    say = PAGE[lang]
    row = first_screen(report).partition(say["q.use"])[2].partition(say["q.now"])[0]
    assert row.endswith(f". {say[f'a.model.{shown}']}")
    assert f">{say[shown]}</td>" in page(report)
    assert report.to_json()["questions"][3]["answer"] == answer  # type: ignore[index, call-overload]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_of_a_liar_it_is_not_known_whether_the_model_follows(
    small_and_bundles: tuple[Small, list[Path]], lang: str
) -> None:
    report = found(asked(clean(small_and_bundles, lang), "PROVEN"), Finding("LS-FORK", subject="vgr"))
    assert PAGE[lang]["a.model.claim"].format(regions="vgr") in first_screen(report)
    assert PAGE[lang]["a.model.PROVEN"] not in first_screen(report)


@pytest.mark.parametrize(
    ("payloads", "is_partly", "note"),
    [
        ("all", True, "computed again: 6 of 6 sums, 0 of 6 mixes, and they agree"),
        ("kept", False, "none of 6 sums and 6 mixes could be computed again"),
    ],
)
def test_what_was_computed_again_in_part_is_told_from_what_was_not_at_all(
    tmp_path: Path, payloads: str, is_partly: bool, note: str
) -> None:
    small = Small()
    small.keep_values = True
    small.run()
    bundles = [small.export(name, tmp_path, payloads=payloads) for name in small.names]
    model = next(one for one in verify(bundles, study=small.study).questions if one.key == "model")
    assert (model.answer, model.is_partly) == ("NOT CHECKED", is_partly)
    assert model.note.startswith(note)


# ---------------------------------------------------------------- a laboratory study has no patients


@pytest.mark.parametrize(
    ("lang", "bar", "told", "lab"),
    [
        (
            "en",
            "by the plan only test data were used. The records cannot prove it. If somebody used real patients all the"
            " same, what is said of patients below is about them.",
            "Tell the data protection officer of vgr: the patients whose data it used",
            "Ask vgr whether rows of real patients were used: by the plan, none were. If they were, tell its data"
            " protection officer",
        ),
        (
            "sv",
            "enligt planen användes bara testdata. Anteckningarna kan inte bevisa det. Om någon ändå använde riktiga"
            " patienter handlar det som nedan sägs om patienter om dem.",
            "Underrätta dataskyddsombudet hos vgr: de patienter vars data användes",
            "Fråga vgr om rader från riktiga patienter användes: enligt planen gjorde inga det. Om de gjorde det,"
            " underrätta dess dataskyddsombud",
        ),
    ],
)
@pytest.mark.parametrize("is_named", [True, False])
def test_of_a_laboratory_study_the_page_asks_first_whether_patients_are_concerned(
    small_and_bundles: tuple[Small, list[Path]], lang: str, bar: str, told: str, lab: str, is_named: bool
) -> None:
    small, _ = small_and_bundles
    spent = Finding("LS-DP-BUDGET", subject="vgr", study=small.study if is_named else None)
    trial = page(found(clean(small_and_bundles, lang, lab=True), spent))
    real = page(found(clean(small_and_bundles, lang), spent))
    assert bar in text(trial)
    assert text(trial).count(lab) == 2  # on the first screen and on the card
    assert told not in text(trial)
    assert text(real).count(told) == 2
    assert lab not in text(real)
    assert bar not in text(real)


def test_beside_a_laboratory_study_a_real_ones_patients_are_told_of(
    small_and_bundles: tuple[Small, list[Path]],
) -> None:
    report = clean(small_and_bundles, "en", lab=True)
    real: StudyRow = replace(report.studies[0], study=bytes(32), lab=False)
    spent = Finding("LS-DP-BUDGET", subject="vgr", study=real.study)
    html = page(found(replace(report, studies=(*report.studies, real)), spent))
    assert "Tell the data protection officer of vgr" in text(html)
    assert PAGE["en"]["lab.LS-DP-BUDGET"].format(subject="vgr") not in text(html)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_who_lacks_something_is_told_to_ask_for_it_and_not_to_confirm_a_study_that_was_named(
    small_and_bundles: tuple[Small, list[Path]], lang: str
) -> None:
    small, bundles = small_and_bundles
    say = PAGE[lang]
    named, unnamed = (
        first_screen(verify(bundles[:1], study=study, require=["all-logs"], lang=lang)) for study in (small.study, None)
    )
    compare = say["a.now.unconfirmed"].split("`")[0].strip()
    assert say["a.now.incomplete"] in named
    assert compare not in named
    assert f"{say['a.now.incomplete']} {compare}" in unnamed


# ---------------------------------------------------------------- lost is not held back


@pytest.mark.parametrize(("lang", "lost"), [("en", "Lost: vgr no longer has"), ("sv", "Förlorat: vgr har inte kvar")])
def test_what_a_region_says_that_it_lost_is_not_called_left_out(
    small_and_bundles: tuple[Small, list[Path]], lang: str, lost: str
) -> None:
    report = clean(small_and_bundles, lang)
    gap = found(report, Finding("LS-EPOCH-GAP", subject="vgr"))
    cut = found(report, Finding("LS-EPOCH-GAP", subject="vgr"), Finding("LS-TRUNCATED", subject="vgr"))
    assert lost in first_screen(gap)
    assert lost not in first_screen(cut)
    assert PAGE[lang]["a.altered.missing"].format(regions="vgr") in first_screen(cut)
