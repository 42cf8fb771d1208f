"""The report as a page: what its first screen says and in which words, in both languages; hostile names; same bytes."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.audit import Report, Severity, verify
from node.audit.altered import Altered, Stand
from node.audit.catalogue import CATALOGUES, LANGUAGES
from node.audit.findings import CODES, Finding
from node.audit.inputs import inputs_of
from node.audit.leading import led
from node.audit.page import Linker, page
from node.audit.page_glossary import GLOSSARY
from node.audit.page_style import STYLE
from node.audit.page_words import EN, PAGE, SV
from node.audit.report import LogRow
from node.audit.telling import Budget
from node.cli.audit import audit
from node.tamper.files import edited
from tests.node.audit_network import Small, rewrite, with_leaves
from tests.node.readable import contrast, faults

_SIX = ("LS-FORK", "LS-LINEAGE", "LS-ENV-SIG", "LS-WEIGHT", "LS-COHORT", "LS-SETTINGS")
PLAIN = Path(__file__).parents[1] / "plain_words.txt"


class FirstScreen(HTMLParser):
    """Text of ``<section id="first">``: all of it, and what stands outside links and commands."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.all: list[str] = []
        self.bare: list[str] = []
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.tags: set[str] = set()
        self._inside = self._linked = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.anchors.add(given.get("id") or "")
        if tag == "section":
            self._inside = given.get("id") == "first"
        if tag in ("a", "code"):
            self._linked = True
        else:
            self.all.append(" ")
        if tag == "a":
            self.links.add((given["href"] or "").removeprefix("#"))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("a", "code"):
            self._linked = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.all.append(data)
            if not self._linked:
                self.bare.append(data)


def plain_words() -> list[str]:
    lines = PLAIN.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> tuple[Small, list[Path]]:
    small = Small().run()
    return small, small.export_all(tmp_path_factory.mktemp("honest"))


def reports(honest: tuple[Small, list[Path]], lang: str) -> list[Report]:
    """A report of every kind: clean, unconfirmed, incomplete, and one for each code."""
    small, bundles = honest
    clean = verify(bundles, study=small.study, lang=lang)
    out = [clean, verify(bundles, lang=lang), verify(bundles[:1], study=small.study, require=["all-logs"], lang=lang)]
    for code, rule in CODES.items():
        verdict = {Severity.INFO: "clean", Severity.REFUSED: "incomplete"}.get(rule.severity, rule.severity.label)
        for finding in (Finding(code, subject="vgr", seq=3), Finding(code, source="vgr.bundle")):
            out.append(replace(clean, verdict=verdict, findings=(finding,)))
    out.append(replace(clean, budget=Budget(True, 3_000_000, 2_999_000)))
    out.append(replace(clean, budget=Budget(True, 3_000_000, None, ("vgr",)), lab=True))
    return out


def test_the_text_for_a_terminal_answers_in_the_language_asked_for(honest: tuple[Small, list[Path]]) -> None:
    text = reports(honest, "sv")[0].to_text()
    assert "BEVISAT" in text
    assert "PROVEN" not in text
    assert "NOT CHECKED" not in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_first_screen_uses_no_word_of_the_trade_without_a_link(honest: tuple[Small, list[Path]], lang: str) -> None:
    forms = "|".join(re.escape(word).replace(r"\*", r"\w*") for word in plain_words())
    words = re.compile(rf"(?<![\w.-])({forms})(?![\w-]|\.\w)", re.IGNORECASE)
    for report in reports(honest, lang):
        screen = FirstScreen(page(report, date="2026-11-24"))
        assert not words.findall(" ".join(screen.bare))
        assert screen.links <= screen.anchors


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_first_screen_answers_seven_questions(honest: tuple[Small, list[Path]], lang: str) -> None:
    small, bundles = honest
    text = "".join(FirstScreen(page(verify(bundles, study=small.study, lang=lang))).all)
    for key in ("agree", "altered", "who", "budget", "data", "use", "now"):
        assert PAGE[lang][f"q.{key}"] in text
    assert PAGE[lang]["a.altered.no"] in text
    assert PAGE[lang]["a.who.none"] in text
    assert PAGE[lang]["verdict.clean"] in text


def test_the_guilty_is_named_on_the_first_screen_and_nobody_else(honest: tuple[Small, list[Path]]) -> None:
    small, bundles = honest
    clean = verify(bundles, study=small.study)
    guilty = replace(clean, verdict="critical", findings=(Finding("LS-FORK", subject="vgr"),))
    text = "".join(FirstScreen(page(guilty)).all)
    assert EN["a.who"].format(regions="vgr") in text
    assert EN["a.altered.yes"].format(regions="vgr") in text
    damaged = replace(clean, verdict="critical", findings=(Finding("LS-LOG-ROOT", source="vgr.bundle"),))
    text = "".join(FirstScreen(page(damaged)).all)
    assert EN["a.who.none"] in text
    assert EN["a.altered.files"].format(files="vgr.bundle") in text


@pytest.mark.parametrize(
    ("code", "altered", "who"),
    [
        ("LS-DP-BUDGET", "a.altered.rule", "a.who"),
        ("LS-TRUNCATED", "a.altered.missing", "a.who.missing"),
        ("LS-OMITTED", "a.altered.yes", "a.who"),
    ],
)
@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_broken_rule_missing_records_and_a_lie_are_told_apart(
    honest: tuple[Small, list[Path]], lang: str, code: str, altered: str, who: str
) -> None:
    small, bundles = honest
    finding = Finding(code, subject="vgr", values={"detail": "in English"})
    report = replace(verify(bundles, study=small.study, lang=lang), verdict="critical", findings=(finding,))
    text = "".join(FirstScreen(page(report)).all)
    assert PAGE[lang][altered].format(regions="vgr") in text
    assert PAGE[lang][who].format(regions="vgr") in text
    assert "in English" not in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_budget_is_told_without_empty_decimals_and_for_others_only_where_that_is_known(
    honest: tuple[Small, list[Path]], lang: str
) -> None:
    small, bundles = honest
    finding = Finding("LS-DP-BUDGET", subject="vgr")
    clean = verify(bundles, study=small.study, lang=lang)
    spent = replace(clean, verdict="critical", findings=(finding,), budget=Budget(True, 3_000_000, 900_000_000))
    text = "".join(FirstScreen(page(spent)).all)
    assert PAGE[lang]["a.budget.no"].format(regions="vgr", most="900", limit="3") in text
    assert PAGE[lang]["a.budget.others"] in text
    unknown = replace(spent, budget=Budget(True, 3_000_000, 900_000_000, ("skane",)))
    assert PAGE[lang]["a.budget.others"] not in "".join(FirstScreen(page(unknown)).all)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_of_a_file_that_proves_nothing_the_page_does_not_say_that_no_raw_data_left(
    honest: tuple[Small, list[Path]], lang: str
) -> None:
    small, bundles = honest
    clean = verify(bundles, study=small.study, lang=lang)
    rows = tuple(replace(row, sound=row.region != "vgr") for row in clean.coverage)
    told = PAGE[lang]["a.data.missing"].format(regions="vgr", what="").split(":")[0]
    assert told in "".join(FirstScreen(page(replace(clean, coverage=rows))).all)
    assert told not in "".join(FirstScreen(page(clean)).all)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_raw_data_are_judged_by_what_was_handed_over_only(honest: tuple[Small, list[Path]], lang: str) -> None:
    small, bundles = honest
    finding = Finding("LS-TRUNCATED", subject="vgr", values={"n": 3})
    cut = replace(verify(bundles, study=small.study, lang=lang), verdict="major", findings=(finding,))
    text = "".join(FirstScreen(page(cut)).all)
    told, usual = (PAGE[lang][key].format(regions="vgr", what="").split(":")[0] for key in ("a.data.missing", "a.data"))
    assert told in text
    assert f"{usual}:" not in text


@pytest.mark.parametrize(("lang", "word"), [("en", "numbers without masks"), ("sv", "tal utan masker")])
def test_of_a_study_without_masks_the_page_does_not_say_that_numbers_were_masked(
    honest: tuple[Small, list[Path]], lang: str, word: str
) -> None:
    small, bundles = honest
    clean = verify(bundles, study=small.study, lang=lang)
    studies = tuple(replace(row, masking="off", lab=True) for row in clean.studies)
    assert word in "".join(FirstScreen(page(replace(clean, studies=studies))).all)
    assert word not in "".join(FirstScreen(page(clean)).all)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_first_screen_says_which_study_it_is_about(honest: tuple[Small, list[Path]], lang: str) -> None:
    small, bundles = honest
    text = "".join(FirstScreen(page(verify(bundles, study=small.study, lang=lang))).all)
    assert f"{small.study.hex()[:8]}…" in text


@pytest.mark.parametrize("lang", LANGUAGES)
def test_of_a_liars_budget_the_first_word_is_not_yes(honest: tuple[Small, list[Path]], lang: str) -> None:
    small, bundles = honest
    clean = replace(verify(bundles, study=small.study, lang=lang), budget=Budget(True, 3_000_000, 2_999_000))
    lied = replace(clean, verdict="critical", findings=(Finding("LS-FORK", subject="vgr"),))
    yes = PAGE[lang]["a.budget.yes"].format(most=2.999, limit=3).split(":")[0]
    assert f"<td>{yes}: " in page(clean).partition(PAGE[lang]["q.data"])[0].rpartition(PAGE[lang]["q.who"])[2]
    assert f"<td>{yes}: " not in page(lied).partition(PAGE[lang]["q.data"])[0].rpartition(PAGE[lang]["q.who"])[2]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_page_says_to_wait_after_a_grave_defect_and_that_other_defects_have_steps_too(
    honest: tuple[Small, list[Path]], lang: str
) -> None:
    small, bundles = honest
    clean = verify(bundles, study=small.study, lang=lang)
    found = tuple(Finding(code, subject="vgr") for code in _SIX)
    text, calm = (
        "".join(FirstScreen(page(report)).all) for report in (replace(clean, verdict="critical", findings=found), clean)
    )
    for key in ("a.use.wait", "a.now.more"):
        assert PAGE[lang][key] in text
        assert PAGE[lang][key] not in calm


def test_in_both_pictures_the_row_of_a_liar_is_a_claim(honest: tuple[Small, list[Path]]) -> None:
    small, bundles = honest
    clean = verify(bundles, study=small.study)
    html = page(replace(clean, verdict="critical", findings=(Finding("LS-FORK", subject="vgr"),)))
    marks = next(len(course.marks) for course in clean.courses if course.region == "vgr")
    lineage = html.partition('<section id="lineage">')[2].partition("</section>")[0]
    assert lineage.count('class="claimed"') == marks


def test_a_changed_entry_is_seen_on_the_page(tmp_path: Path) -> None:
    small = Small().run()
    bundles = small.export_all(tmp_path)
    home = small.homes["vgr"]
    leaves = [*home.leaves]
    leaves[5] = edited(leaves[5], t_ms=1)
    rewrite(bundles[-1], with_leaves(home, leaves, sign=False))
    report = verify(bundles, study=small.study)
    assert report.verdict == "critical"
    text = "".join(FirstScreen(page(report)).all)
    assert EN["verdict.critical.some"].format(n=2) in text
    assert EN["a.who.none"] in text


@pytest.mark.attack("L36")
@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "a&b</title>"])
def test_markup_in_any_string_is_shown_and_not_obeyed(honest: tuple[Small, list[Path]], evil: str) -> None:
    small, bundles = honest
    clean = verify(bundles, study=small.study)
    finding = Finding("LS-BUNDLE-SIG", source=evil, values={"detail": evil})
    rows = (LogRow(evil, evil, 1, 1, 0, True, 1, 1),)
    html = page(replace(clean, verdict="major", findings=(finding,), coverage=rows), date=evil)
    assert FirstScreen(html).tags.isdisjoint({"script", "img", "iframe", "object", "form", "input", "link"})
    assert evil not in html


@pytest.mark.attack("L36")
def test_what_turns_the_direction_of_reading_is_not_printed(honest: tuple[Small, list[Path]]) -> None:
    small, bundles = honest
    finding = Finding("LS-BUNDLE-SIG", source="vgr.bundle", values={"detail": "\u202egpj.exe \u2066"})
    html = page(replace(verify(bundles, study=small.study), verdict="major", findings=(finding,)), date="\u202e1")
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", html)


def test_the_page_loads_nothing_and_runs_nothing(honest: tuple[Small, list[Path]]) -> None:
    small, bundles = honest
    html = page(verify(bundles, study=small.study), inputs_of(bundles))
    assert "default-src 'none'" in html
    assert not faults(html)
    assert not re.search(r"<script|src=|@import|url\(|https?://(?!www\.w3\.org/2000/svg)", html)


def test_what_is_written_in_colour_can_be_read() -> None:
    colours = dict(re.findall(r"--(\w+):(#[0-9a-f]{6})", STYLE))
    for ink in ("ink", "soft", "good", "bad"):
        assert contrast(colours[ink], "#ffffff") >= 4.5, ink
    for paper in ("#fff3c4", "#eef6f4", "#fbf5e9", "#fbeeed", "#f3f5f8"):
        assert contrast(colours["ink"], paper) >= 4.5, paper
    for paper in ("#ffffff", "#fff3c4", "#eef6f4", "#fbf5e9", "#fbeeed"):
        assert contrast("#154f8a", paper) >= 4.5, paper


def test_same_bundles_same_bytes(honest: tuple[Small, list[Path]]) -> None:
    small, bundles = honest
    first = page(verify(bundles, study=small.study), inputs_of(bundles))
    assert first == page(verify(bundles[::-1], study=small.study), inputs_of(bundles[::-1]))


def test_rounds_and_lineage_show_what_the_logs_say(honest: tuple[Small, list[Path]]) -> None:
    small, bundles = honest
    report = verify(bundles, study=small.study)
    assert {course.region for course in report.courses} == set(small.homes)
    marks = [mark for course in report.courses for mark in course.marks]
    assert {mark.outcome for mark in marks} == {"mixed"}
    assert all(len(mark.senders) == 2 and mark.model is not None for mark in marks)
    html = page(report)
    assert html.count('class="mixed"><title>') >= len(marks)
    assert f"{marks[0].model.hex()[:16]}" in html  # type: ignore[union-attr]


def test_both_languages_say_the_same_things() -> None:
    assert EN.keys() == SV.keys()
    assert GLOSSARY["en"].keys() == GLOSSARY["sv"].keys()
    for index in (0, 1):
        assert CATALOGUES["en"][index].keys() == CATALOGUES["sv"][index].keys()
    holes = re.compile(r"{(\w+)}")
    for key, english in CATALOGUES["en"][1].items():
        assert sorted(set(holes.findall(english))) == sorted(set(holes.findall(CATALOGUES["sv"][1][key]))), key
    for code, english_words in CATALOGUES["en"][0].items():
        swedish = CATALOGUES["sv"][0][code]
        for field in ("title", "plain", "next"):
            asked = set(holes.findall(getattr(english_words, field)))
            assert set(holes.findall(getattr(swedish, field))) <= asked | {"subject", "detail"}, (code, field)
    for key, text in EN.items():
        assert set(holes.findall(text)) == set(holes.findall(SV[key])), key


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_plain_word_of_a_language_has_its_place_in_the_glossary(lang: str) -> None:
    english, swedish = PLAIN.read_text(encoding="utf-8").split("\n\n")
    listed = [word for word in (english if lang == "en" else swedish).splitlines() if word and not word.startswith("#")]
    link = Linker(lang)
    assert listed
    for word in listed:
        stem = word.removesuffix("*")
        assert stem != word or link(word).startswith('<a href="#w-'), word
        assert any(form.startswith(stem) for forms, _ in GLOSSARY[lang].values() for form in forms), word


def test_the_command_writes_the_page(honest: tuple[Small, list[Path]], tmp_path: Path) -> None:
    small, bundles = honest
    out = tmp_path / "rapport.html"
    arguments = ["verify", *map(str, bundles), "--study", small.study.hex(), "--report", str(out), "--lang", "sv"]
    result = CliRunner().invoke(audit, [*arguments, "--date", "2026-11-24"])
    assert result.exit_code == 0, result.output
    html = out.read_text(encoding="utf-8")
    assert SV["verdict.clean"] in html
    assert "2026-11-24" in html
    assert "vgr.bundle" in html


def test_two_versions_of_a_log_lead_before_a_false_signature_and_a_region_before_a_file() -> None:
    codes = ("LS-ENV-SIG", "LS-DP-BUDGET", "LS-FORK", "LS-RECOMPUTE-MIX")
    found = [Finding(code, subject="vgr") for code in codes] + [Finding("LS-LOG-ROOT", source="a.bundle")]
    told = [finding.code for finding in led([*found, Finding("LS-LAB", source="a.bundle")])]
    assert told == ["LS-FORK", "LS-DP-BUDGET", "LS-RECOMPUTE-MIX", "LS-ENV-SIG", "LS-LOG-ROOT", "LS-LAB"]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_first_screen_names_no_witness(honest: tuple[Small, list[Path]], lang: str) -> None:
    small, bundles = honest
    clean = replace(verify(bundles, study=small.study, lang=lang), studies=())
    for code in [code for code, rule in CODES.items() if rule.severity is not Severity.INFO]:
        values = {"holder": "witness-x", "detail": "a message that witness-x holds"}
        report = replace(clean, verdict="critical", findings=(Finding(code, subject="vgr", seq=3, values=values),))
        assert "witness-x" not in "".join(FirstScreen(page(report)).all), code


@pytest.mark.parametrize(
    ("lang", "words"), [("en", "entry 117, the model of round 4"), ("sv", "post 117, modellen i runda 4")]
)
def test_the_page_says_what_was_altered_and_that_the_rest_is_a_claim(
    honest: tuple[Small, list[Path]], lang: str, words: str
) -> None:
    small, bundles = honest
    fork = Finding("LS-FORK", subject="vgr", seq=117)
    told = {fork.fingerprint: Altered("place", 117, Stand("round.mix", 4))}
    clean = verify(bundles, study=small.study, lang=lang)
    html = page(replace(clean, verdict="critical", findings=(fork,), altered=told))
    text = "".join(FirstScreen(html).all)
    assert words in text
    assert PAGE[lang]["a.data.lie"].format(regions="vgr", what="").split(":")[0] in text
    assert 'class="claimed"' in html
    assert 'class="claimed"' not in page(clean)


def test_one_card_names_all_regions_of_one_code(honest: tuple[Small, list[Path]]) -> None:
    small, bundles = honest
    found = tuple(Finding("LS-PAYLOAD-PRUNED", subject=name, values={"n": 4}) for name in ("halland", "vgr"))
    html = page(replace(verify(bundles, study=small.study), findings=found))
    assert html.count("<article") == 1
    assert "halland, vgr" in html
