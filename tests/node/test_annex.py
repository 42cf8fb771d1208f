"""``landsting study annex``: what is signed on paper is what the plan and the home say, in both languages."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from node.__main__ import main
from node.draft import Draft, draft_plan
from node.pages import annex_words
from node.pages.annex import Annex, annex_of, routes_of
from node.pages.annex_page import to_html
from node.pages.disclosures_words import LEARNS as SENT
from node.plan_privacy import plan_report, plan_sentences
from protocol.plan import Plan
from tests.node.readable import faults
from tests.node.test_data_command import add, run, schema, table

REGIONS = ("halland", "orebro", "skane", "vgr")
IDLE = Draft(roster=bytes(32), regions=REGIONS, task="idle", settings={"dim": 50}, rounds=6)
NAMES = r"r\d+|\d+|" + "|".join(REGIONS)
DP = {
    "eps_max_u": 3_000_000, "delta_u12": 10**9, "clip_u": 500_000, "q_u": 500_000, "sigma_min_u": 2_000_000,
    "preprocess_bp": 1000,
}  # fmt: skip


def plan(**wish: Any) -> Plan:
    return draft_plan(Draft(**{**{f: getattr(IDLE, f) for f in IDLE.__dataclass_fields__}, **wish}))


def changed(base: Plan, **values: Any) -> Plan:
    return Plan.make(**(base.value() | values))


def told(page: str) -> str:
    """What a reader sees, in one line."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page.partition("</style>")[2])))


# ---------------------------------------------------------------- what leaves


def test_on_a_ring_an_update_goes_to_two_neighbours_and_hides_among_two() -> None:
    [one] = routes_of(plan(topology="ring"), "orebro")

    assert (len(one.to), one.form, one.what, one.rounds, one.among) == (2, "masked", "MASKED", 6, 2)


def test_of_two_regions_the_other_sees_noisy_sums_and_noisy_updates_as_they_are() -> None:
    two = changed(
        plan(regions=REGIONS[:2]), dp=DP, sums=["count"],
        masking={"mode": "auto", "on_unmaskable": "disclose"},
    )  # fmt: skip

    sums, update = routes_of(two, "halland")

    assert (sums.to, sums.what) == (("orebro",), "sum.alone")
    assert (update.to, update.form, update.what) == (("orebro",), "clear", "clear.dp")


def test_a_sum_of_the_whole_network_is_passed_on_and_hides_among_all() -> None:
    [one] = routes_of(plan(aggregation="network"), "orebro")

    assert (one.what, one.among) == ("PARTIAL", 4)


def test_a_schedule_counts_each_receiver_in_its_own_rounds() -> None:
    nine = plan(regions=[f"r{i}" for i in range(9)], topology="cliques:3x3", rounds=5)

    assert sorted((len(one.to), one.rounds) for one in routes_of(nine, "r0")) == [(2, 2), (2, 3)]


def test_without_a_region_a_value_counts_once_for_each_round_and_not_for_each_sender() -> None:
    [one] = routes_of(plan(), None)

    assert (one.to, one.rounds, one.among) == ((), 6, 3)


# ---------------------------------------------------------------- the page


def test_both_languages_have_the_same_keys() -> None:
    for name in ("PAGE", "LEARNS", "PURPOSES", "COLUMN_ROLES", "STAGES", "CHECKS"):
        words = getattr(annex_words, name)
        assert words["sv"].keys() == words["en"].keys()
    assert SENT["sv"].keys() == SENT["en"].keys()


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"topology": "ring"},
        {"aggregation": "network"},
        {"masking": "off", "lab": True},
        {"regions": [f"r{i}" for i in range(16)], "topology": "groups:4"},
        {"regions": [f"r{i}" for i in range(9)], "topology": "torus:3x3"},
    ],
    ids=["complete", "ring", "network", "no masks", "groups", "torus"],
)
def test_who_could_learn_what_is_said_in_both_languages(wish: dict[str, Any]) -> None:
    one = plan(**wish)
    report = plan_report(one)
    sv, en = (plan_sentences(one, report, lang) for lang in ("sv", "en"))

    assert len(sv) == len(en) > 0
    for swedish, english in zip(sv, en, strict=True):  # whom and how many
        assert sorted(re.findall(NAMES, swedish)) == sorted(re.findall(NAMES, english))


@pytest.mark.parametrize("lang", ["sv", "en"])
def test_a_page_stands_by_itself_and_shows_the_id_as_study_show_does(lang: str) -> None:
    from crypto.words import words

    one = plan(title='<script src="x">', lab=True)
    page = to_html(Annex(one, "orebro", routes_of(one, "orebro"), plan_report(one)), lang, "2026-11-25")

    assert "<script" not in page
    assert not faults(page)
    assert not re.search(r"<[^>]*(src|href)=|url\(|@import", page)
    assert words(one.study) in told(page)
    assert one.study.hex() in told(page).replace(" ", "")
    assert annex_words.PAGE[lang]["lab"] in told(page)


def test_without_privacy_the_page_says_that_there_is_none_and_with_it_what_it_is() -> None:
    bare = told(to_html(annex_of(plan(), home=None, region=None, data=None), "en", ""))
    private = told(to_html(annex_of(changed(plan(), dp=DP), home=None, region=None, data=None), "en", ""))

    assert "carry a bound on what they tell of one patient" in bare
    assert "epsilon is at most 3, delta 0.001" in private
    assert "20.1 times as likely" in private  # e^3


def test_the_page_says_what_of_the_rounds_is_kept() -> None:
    def said(**retention: int) -> str:
        one = changed(plan(), retention={"years": 7, **retention})
        return told(to_html(annex_of(one, home=None, region=None, data=None), "en", ""))

    assert "7 years" in said()
    assert "not kept after their round" in said()
    assert "the last 3 rounds" in said(payload_rounds=3)
    assert "Of 2.5 % of the rounds, drawn by lot" in said(sample_bp=250)


@pytest.mark.parametrize(
    ("share", "words"), [("generator", "encoder) stays"), ("both", "who was in its training data")]
)
def test_of_a_generator_the_page_says_what_travels_and_what_made_up_patients_need(share: str, words: str) -> None:
    one = changed(plan(), settings={"dim": 50, "share": share})
    page = told(to_html(annex_of(one, home=None, region=None, data=None), "en", ""))

    assert words in page
    assert "Made-up patients (synthetic data)" in page
    assert page.count(f"the signatures of {one.release['min_approvals']} regions, its own among them") == 2


def test_masks_that_do_not_hide_an_update_are_not_called_on() -> None:
    two = changed(plan(regions=REGIONS[:2]), dp=DP, masking={"mode": "auto", "on_unmaskable": "disclose"})
    page = told(to_html(Annex(two, "halland", routes_of(two, "halland"), plan_report(two)), "en", ""))

    assert "elsewhere it is shown" in page
    assert "on: an update is hidden" not in page


# ---------------------------------------------------------------- the command


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose policy lets small groups block, and beside it a table with groups of fewer than 200."""
    words = ["init", "--home", str(tmp_path / "vgr"), "--network", "test.example", "--name", "vgr"]
    assert main([*words, "--advertise", "tcp://127.0.0.1:7700"]) == 0
    (tmp_path / "vgr" / "policy.toml").write_text('anonymity = "block"\nroles = ["technical", "dpo"]\n')
    table(tmp_path)
    schema(tmp_path, k=200)
    return tmp_path / "vgr"


def test_an_override_stands_on_the_annex_with_its_diary_number_and_no_count(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same decision is in the data sheet and, by check and number, in the log that an auditor reads."""
    add(capfd, home, "--override", "k", "--ref", "RS 2026-0441")
    one = changed(plan(regions=("halland", "skane", "vgr")), title="Trial")
    (home.parent / "plan.toml").write_text(one.to_toml(), encoding="utf-8")
    output = home.parent / "annex.html"

    found = run(capfd, "study", "annex", home.parent / "plan.toml", "--home", home, "--data", "clinic", "-o", output)

    assert found["exceptions"] == [["k", "", "RS 2026-0441"]]
    page = told(output.read_text(encoding="utf-8"))
    assert "grupper mindre än k (k) hela tabellen RS 2026-0441" in page
    assert "RS 2026-0117" in page  # the approval of the manifest
    assert "100-999 rader" in page
    assert "240" not in page  # how many rows there are


def test_an_id_needs_the_home_that_knows_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["study", "annex", "0" * 64, "-o", str(tmp_path / "a.html")]) == 1
    assert "a study's id without a home" in capfd.readouterr().err
