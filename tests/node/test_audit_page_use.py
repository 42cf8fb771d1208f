"""What the audit page says of using the model, of several defects and of what was not set, to one who has to decide."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from node.audit import Report, verify
from node.audit.catalogue import LANGUAGES, words
from node.audit.findings import Finding
from node.audit.page import Inputs, page
from node.audit.page_words import PAGE
from node.audit.telling import Budget
from tests.node.audit_network import Small


@pytest.fixture(scope="module")
def small_and_bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Small, list[Path]]:
    small = Small().run()
    return small, small.export_all(tmp_path_factory.mktemp("honest"))


def audited(small_and_bundles: tuple[Small, list[Path]], lang: str, n: int | None = None) -> Report:
    """The report on the first ``n`` bundles, or on all."""
    small, bundles = small_and_bundles
    return verify(bundles[:n], study=small.study, lang=lang)


def private(report: Report, *, lab: bool = False) -> Report:
    """The report as of a study that set a budget and kept it."""
    rows = tuple(replace(row, dp=True, lab=lab) for row in report.studies)
    return replace(report, studies=rows, lab=lab, budget=Budget(True, 3_000_000, 2_999_000))


def defects(report: Report, verdict: str, *findings: Finding) -> Report:
    return replace(report, verdict=verdict, findings=findings)


def text(html: str) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", "", html)).split())


def first(report: Report) -> str:
    """The first screen, as HTML."""
    return page(report).partition('<section id="first">')[2].partition("</section>")[0]


def answer(report: Report, question: str) -> str:
    """What stands beside a question of the first screen."""
    rows = re.findall(r'<tr><th scope="row">(.*?)</th><td>(.*?)</td></tr>', first(report), re.DOTALL)
    return next(text(told) for asked, told in rows if text(asked) == PAGE[report.lang][f"q.{question}"])


# ---------------------------------------------------------------- may the model be used?


@pytest.mark.parametrize(
    ("lang", "free"),
    [
        ("en", "Nothing found speaks against it. What was not checked stands below. To decide is the region's."),
        ("sv", "Inget som hittats talar emot det. Vad som inte granskades står nedan. Beslutet är regionens."),
    ],
)
def test_where_nothing_was_found_the_page_permits_nothing_and_says_who_decides(
    small_and_bundles: tuple[Small, list[Path]], lang: str, free: str
) -> None:
    assert answer(private(audited(small_and_bundles, lang)), "use").startswith(free)


@pytest.mark.parametrize(("lang", "wait"), [("en", "Not yet: do not use"), ("sv", "Inte ännu: använd inte")])
@pytest.mark.parametrize("verdict", ["major", "critical"])
def test_while_a_defect_is_open_the_model_is_not_to_be_used(
    small_and_bundles: tuple[Small, list[Path]], lang: str, wait: str, verdict: str
) -> None:
    clean = private(audited(small_and_bundles, lang))
    for finding in (Finding("LS-DP-BUDGET", subject="vgr"), Finding("LS-LOG-ROOT", source="vgr.bundle")):
        assert answer(defects(clean, verdict, finding), "use").startswith(wait)


@pytest.mark.parametrize(
    ("lang", "so_far", "limit"),
    [
        (
            "en",
            "Not as far as this report goes: ",
            "the study set no limit on what the model may reveal about one person: with real patients that must be"
            " justified first.",
        ),
        (
            "sv",
            "Inte så långt den här rapporten räcker: ",
            "studien satte ingen gräns för vad modellen får avslöja om en enskild person: med riktiga patienter måste"
            " det först motiveras.",
        ),
    ],
)
def test_missing_records_no_limit_and_an_unconfirmed_study_are_said_before_use(
    small_and_bundles: tuple[Small, list[Path]], lang: str, so_far: str, limit: str
) -> None:
    say, whole, part = PAGE[lang], audited(small_and_bundles, lang), audited(small_and_bundles, lang, 1)
    assert answer(whole, "use").startswith(so_far + limit)
    assert limit not in answer(private(whole), "use")
    assert limit not in answer(replace(whole, studies=tuple(replace(row, lab=True) for row in whole.studies)), "use")
    absent = ", ".join(row.region for row in part.coverage if row.bundle is None)
    assert absent
    assert answer(private(part), "use").startswith(so_far + say["why.missing"].format(regions=absent))
    lost = defects(private(whole), "minor", Finding("LS-EPOCH-GAP", subject="vgr"))
    assert answer(lost, "use").startswith(so_far + say["why.missing"].format(regions="vgr"))
    open_ = private(replace(whole, studies=tuple(replace(row, confirmed=False) for row in whole.studies)))
    assert answer(open_, "use").startswith(so_far + say["why.unconfirmed"])
    assert answer(replace(whole, studies=()), "use") == so_far + say["why.none"] + "."


@pytest.mark.parametrize("lang", LANGUAGES)
def test_nothing_needs_to_be_done_only_where_nothing_comes_before_use(
    small_and_bundles: tuple[Small, list[Path]], lang: str
) -> None:
    report, say = audited(small_and_bundles, lang), PAGE[lang]
    assert answer(report, "now") == say["a.now.clean.open"]  # no budget was set
    assert answer(private(report), "now") == say["a.now.clean"]


@pytest.mark.parametrize(("lang", "trial"), [("en", "Not for patients: "), ("sv", "Inte för patienter: ")])
def test_of_a_laboratory_study_nothing_is_said_that_sounds_like_care(
    small_and_bundles: tuple[Small, list[Path]], lang: str, trial: str
) -> None:
    assert answer(private(audited(small_and_bundles, lang), lab=True), "use").startswith(trial)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_small_defect_is_to_be_looked_at_first(small_and_bundles: tuple[Small, list[Path]], lang: str) -> None:
    small = defects(private(audited(small_and_bundles, lang)), "minor", Finding("LS-COSIG-LAG", subject="vgr"))
    assert answer(small, "use").startswith(PAGE[lang]["a.use.minor"])


@pytest.mark.parametrize(
    ("lang", "told"),
    [
        ("en", "A sample, 4 of 9 sums, was computed again, as the plan is made."),
        ("sv", "Ett stickprov, 4 av 9 summor, räknades om, så som planen är gjord."),
    ],
)
def test_who_has_nothing_to_do_is_told_that_only_a_sample_was_computed_again(
    small_and_bundles: tuple[Small, list[Path]], lang: str, told: str
) -> None:
    report = private(audited(small_and_bundles, lang))
    questions = tuple(replace(one, sample=(4, 9)) if one.key == "model" else one for one in report.questions)
    assert told in answer(replace(report, questions=questions), "now")
    assert told not in answer(replace(report, questions=tuple(replace(q, sample=None) for q in questions)), "now")


# ---------------------------------------------------------------- several defects


@pytest.mark.parametrize(
    ("lang", "one", "two", "mixed"),
    [
        ("en", "A very grave defect", "2 very grave defects", "2 defects, the worst of them very grave"),
        ("sv", "En mycket allvarlig brist", "2 mycket allvarliga brister", "2 brister, den värsta mycket allvarlig"),
    ],
)
def test_the_badge_counts_defects_as_a_reader_does(
    small_and_bundles: tuple[Small, list[Path]], lang: str, one: str, two: str, mixed: str
) -> None:
    clean = audited(small_and_bundles, lang)
    fork, again = Finding("LS-FORK", subject="vgr", seq=3), Finding("LS-FORK", subject="vgr", seq=4)
    for badge, findings in (
        (one, (fork, again)),  # the same defect twice
        (two, (fork, Finding("LS-OMITTED", subject="vgr"))),
        (mixed, (fork, Finding("LS-COSIG-LAG", subject="vgr"))),
    ):
        assert f"<b>{badge}</b>" in first(defects(clean, "critical", *findings))


@pytest.mark.parametrize("lang", LANGUAGES)
def test_up_to_five_defects_are_all_told_with_their_steps_in_a_numbered_list(
    small_and_bundles: tuple[Small, list[Path]], lang: str
) -> None:
    clean = audited(small_and_bundles, lang)
    codes = ("LS-FORK", "LS-LINEAGE", "LS-ENV-SIG", "LS-WEIGHT", "LS-COHORT", "LS-SETTINGS")
    found = [Finding(code, subject="vgr") for code in codes]
    for n, is_more in ((2, False), (5, False), (6, True)):
        report = defects(clean, "critical", *found[:n])
        assert first(report).count("<li>") == min(n, 5)
        assert first(report).count("<ol>") == 1
        assert (PAGE[lang]["a.now.more"] in first(report)) is is_more
    assert "<ol>" not in first(defects(clean, "critical", found[0]))


# ---------------------------------------------------------------- below


@pytest.mark.parametrize(("lang", "word"), [("en", "NONE WAS SET"), ("sv", "INGEN VAR SATT")])
def test_a_budget_that_no_plan_set_is_not_called_unchecked(
    small_and_bundles: tuple[Small, list[Path]], lang: str, word: str
) -> None:
    report = audited(small_and_bundles, lang)
    assert f">{word}</td>" in page(report)
    assert report.to_json()["questions"][4]["answer"] == "NOT CHECKED"  # type: ignore[index, call-overload]


@pytest.mark.parametrize(("lang", "not_even"), [("en", "not even that is shown"), ("sv", "är inte ens det visat")])
def test_of_missing_records_the_table_makes_the_exception_that_the_first_screen_makes(
    small_and_bundles: tuple[Small, list[Path]], lang: str, not_even: str
) -> None:
    whole, part = (audited(small_and_bundles, lang, n).questions[-1].note for n in (None, 1))
    assert not_even not in whole
    assert not_even in part


@pytest.mark.parametrize(("lang", "nobody"), [("en", "Nobody: a region that says"), ("sv", "Ingen: en region som")])
@pytest.mark.parametrize("code", ["LS-EPOCH-GAP", "LS-LEAF-LOST"])
def test_who_says_itself_what_it_lost_is_not_accused(lang: str, nobody: str, code: str) -> None:
    assert words(code, lang).who.startswith(nobody)


@pytest.mark.parametrize(("lang", "after"), [("en", "after round 5: epsilon"), ("sv", "efter runda 5: epsilon")])
def test_what_was_spent_after_a_round_is_not_what_the_round_spent(
    small_and_bundles: tuple[Small, list[Path]], lang: str, after: str
) -> None:
    detail = "round 5: epsilon 900, by the plan at most 3"
    report = audited(small_and_bundles, lang)
    for given in (detail, f" ({detail})"):
        spent = Finding("LS-DP-BUDGET", subject="vgr", values={"detail": given})
        assert after in text(page(defects(report, "critical", spent)))


@pytest.mark.parametrize(
    ("lang", "alone"), [("en", "rests on these files alone"), ("sv", "vilar bara på de här filerna")]
)
def test_the_page_says_that_it_rests_on_its_files_alone(
    small_and_bundles: tuple[Small, list[Path]], lang: str, alone: str
) -> None:
    report = audited(small_and_bundles, lang)
    assert alone in page(report, Inputs([("vgr.bundle", "00")]))
    assert alone not in page(report)
