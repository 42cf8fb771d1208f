"""What a release needs: every test of the plan, and as many signatures of participants as it names."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import PlanError
from protocol.plan import Plan
from protocol.release import (
    IMAGES,
    MODEL_TESTS,
    TABLE,
    THRESHOLDS,
    USE,
    Approved,
    failing,
    lacking,
    shown,
    unlike,
    written,
)
from tests.vectors.make_protocol import STUDY, fixed

REGIONS = ["halland", "kalmar", "skane", "vgr"]
GOOD: dict[str, int] = {
    "shapes": 884_000, "shapes/real": 961_000, "pairs": 843_000, "tstr_auroc": 852_000, "tstr_auroc/real": 881_000,
    "dcr_share": 531_000, "dcr_share/upper": 570_000, "mia_distance": 492_000, "exact_copies": 0, "rare": 0,
}  # fmt: skip
PICTURES: dict[str, int] = {
    "diversity": 910_000, "frechet": 1_320_000, "tstr_auroc": 861_000, "tstr_auroc/real": 900_000,
    "dcr_share": 500_000, "mia_distance": 501_000, "exact_copies": 0, "rare": 0,
}  # fmt: skip


def plan(settings: dict[str, Any] | None = None, **release: Any) -> Plan:
    """A plan of four regions whose table ``release`` says this."""
    return Plan.make(
        roster=bytes(32), regions=REGIONS, task={"name": "gan", "version": "1"}, schema=bytes(32), layout=bytes(32),
        dim=31, init=bytes(32), code_sha256s=[bytes(32)], settings=settings or {}, release=release,
    )  # fmt: skip


def body(*names: str, **changes: Any) -> dict[str, Any]:
    """The body of a release with an approval of each of these regions."""
    rows = [{"region": name, "eid": fixed(at + 1)} for at, name in enumerate(names)]
    filled = {
        "model": fixed(9), "round": 3, "file_sha256": fixed(7), "card_sha256": fixed(8), "tests": GOOD,
        "approvals": rows,
    }  # fmt: skip
    return filled | changes


# ---------------------------------------------------------------- tests


@pytest.mark.parametrize("tests", [GOOD, PICTURES], ids=["table", "images"])
def test_good_figures_hold_by_the_defaults(tests: dict[str, int]) -> None:
    assert failing(plan(), "data", tests) is None


@pytest.mark.parametrize(
    ("name", "just", "beyond"),
    [
        ("shapes", 860_000, 859_999),
        ("shapes/real", 1_004_000, 1_004_001),
        ("pairs", 780_000, 779_999),
        ("tstr_auroc", 831_000, 830_999),
        ("tstr_auroc/real", 902_000, 902_001),
        ("dcr_share", 550_000, 550_001),
        ("dcr_share/upper", 600_000, 600_001),
        ("mia_distance", 550_000, 550_001),
        ("mia_discriminator", 550_000, 550_001),
        ("exact_copies", 0, 1_000_000),
        ("rare", 0, 1_000_000),
    ],
)
def test_a_figure_beyond_its_default_fails_by_name(name: str, just: int, beyond: int) -> None:
    assert failing(plan(), "data", GOOD | {name: just}) is None
    words = failing(plan(), "data", GOOD | {name: beyond})
    assert words is not None
    assert name.partition("/")[0] in words


@pytest.mark.parametrize("name", TABLE)
def test_a_figure_that_is_asked_and_missing_fails(name: str) -> None:
    words = failing(plan(), "data", {key: value for key, value in GOOD.items() if key != name})
    assert words is not None
    assert f"the test {name} has no figure" in words


@pytest.mark.parametrize("name", IMAGES)
def test_images_are_asked_for_theirs(name: str) -> None:
    tests = {key: value for key, value in PICTURES.items() if key != name}
    assert failing(plan(), "data", tests) is not None


def test_use_is_measured_against_real_rows_or_not_at_all() -> None:
    words = failing(plan(), "data", {key: value for key, value in GOOD.items() if key != "tstr_auroc/real"})
    assert words is not None
    assert "tstr_auroc" in words


@pytest.mark.parametrize(("name", "gap"), [("tstr_c_index", 50_000), ("tstr_r2", 100_000)])
def test_use_of_a_number_and_of_survival_is_asked_by_a_figure_of_its_own(name: str, gap: int) -> None:
    others = {key: value for key, value in GOOD.items() if not key.startswith("tstr")}
    real = {f"{name}/real": 620_000}
    assert failing(plan(), "data", others | real | {name: 620_000 - gap}) is None
    words = failing(plan(), "data", others | real | {name: 619_999 - gap})
    assert words is not None
    assert f"the test {name} gave" in words
    assert f"the test {name} has no figure" in (failing(plan(), "data", others | {name: 700_000}) or "")
    assert failing(plan(), "data", GOOD | real | {name: 0}) is not None  # a second figure hides no first one
    assert failing(plan(tests={USE[name]: 620_000}), "data", others | real | {name: 0}) is None


def test_the_discriminator_is_asked_about_where_it_was_shared() -> None:
    assert failing(plan({"share": "generator"}), "data", GOOD) is None
    words = failing(plan({"share": "both"}), "data", GOOD)
    assert words == "the test mia_discriminator has no figure; the plan asks for at most 0.55"
    assert failing(plan({"share": "both"}), "data", GOOD | {"mia_discriminator": 510_000}) is None


def test_a_threshold_of_the_plan_takes_the_place_of_the_default() -> None:
    low = GOOD | {"shapes": 851_000}
    assert failing(plan(), "data", low) == "the test shapes gave 0.851; the plan asks for at least 0.86"
    assert failing(plan(tests={"shapes": 850_000}), "data", low) is None
    assert failing(plan(tests={"epsilon": 8_000_000}), "data", GOOD) is not None
    assert failing(plan(tests={"epsilon": 8_000_000}), "data", GOOD | {"dp": 7_900_000}) is None


def test_what_the_plan_names_is_always_asked() -> None:
    tests = {key: value for key, value in GOOD.items() if key != "exact_copies"}
    assert failing(plan(), "data", tests) is None  # a table without a continuous column
    assert failing(plan(tests={"exact_copies": 0}), "data", tests) is not None


def test_a_model_is_asked_only_for_what_the_plan_names() -> None:
    assert failing(plan(), "model", {}) is None
    assert failing(plan(tests={"auroc": 850_000}), "model", {"auroc": 849_999}) is not None
    assert failing(plan(tests={"auroc": 850_000}), "model", {"auroc": 850_000}) is None
    assert failing(plan(tests={"auroc": 850_000}), "data", GOOD) is None


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), st.integers(-(10**6), 2 * 10**6), max_size=3))
def test_a_better_figure_never_makes_a_release_fail(changes: dict[str, int]) -> None:
    tests = GOOD | changes
    if failing(plan(), "data", tests) is None:
        better = tests | {"shapes": tests["shapes"] + 1, "dcr_share": tests["dcr_share"] - 1, "rare": tests["rare"] - 1}
        assert failing(plan(), "data", better) is None


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_what_is_written_in_a_plan_is_the_exact_threshold(value: int) -> None:
    made = plan(tests={"shapes": value})
    assert Plan.from_toml(made.to_toml()) == made
    assert float(written(value)) == pytest.approx(value / 1e6)
    assert shown(860_000) == "0.86"


# ---------------------------------------------------------------- approvals


@pytest.mark.parametrize(
    ("names", "words"),
    [
        pytest.param(("vgr",), "1 approvals; the plan asks for 2", id="one of two"),
        pytest.param((), "0 approvals; the plan asks for 2", id="none"),
        pytest.param(("norge", "skane", "vgr"), "norge, which takes no part", id="a stranger beside two"),
        pytest.param(("skane", "vgr"), None, id="two of four, its own among them"),
        pytest.param(tuple(REGIONS), None, id="all"),
    ],
)
def test_approvals_are_counted_by_participants(names: tuple[str, ...], words: str | None) -> None:
    found = lacking(plan(), "data.release", body(*names))
    assert found is words is None or (found is not None and words is not None and words in found)


@pytest.mark.attack("L27")
def test_one_approval_under_two_names_is_no_second() -> None:
    rows = [{"region": "skane", "eid": fixed(1)}, {"region": "vgr", "eid": fixed(1)}]
    assert lacking(plan(), "data.release", body(approvals=rows)) == "it names one approval twice"


def test_tests_are_asked_after_approvals() -> None:
    found = lacking(plan(), "data.release", body("skane", "vgr", tests=GOOD | {"pairs": 0}))
    assert found == "the test pairs gave 0; the plan asks for at least 0.78"
    assert lacking(plan(), "model.release", body("skane", "vgr", tests={})) is None


APPROVED = Approved("skane", STUDY, "data", fixed(7), fixed(8))


@pytest.mark.attack("L27")
@pytest.mark.parametrize(
    ("approved", "words"),
    [
        pytest.param(APPROVED, None, id="of this release"),
        pytest.param(Approved("vgr", STUDY, "data", fixed(7), fixed(8)), "is vgr's", id="of another region"),
        pytest.param(Approved("skane", fixed(1), "data", fixed(7), fixed(8)), "another study", id="of another study"),
        pytest.param(Approved("skane", STUDY, "model", fixed(7), fixed(8)), "of a model", id="of a model"),
        pytest.param(Approved("skane", STUDY, "data", fixed(1), fixed(8)), "another file", id="of another file"),
        pytest.param(Approved("skane", STUDY, "data", fixed(7), fixed(1)), "another card", id="of another card"),
    ],
)
def test_an_approval_counts_for_what_it_says_alone(approved: Approved, words: str | None) -> None:
    found = unlike("data.release", STUDY, body("skane", "vgr"), "skane", approved)
    assert found is words is None or (found is not None and words is not None and words in found)


# ---------------------------------------------------------------- plans


def test_a_plan_asks_for_no_more_signatures_than_it_has_regions() -> None:
    plan(min_approvals=4).check()
    with pytest.raises(PlanError, match="min_approvals = 5 in a study of 4 regions"):
        plan(min_approvals=5).check()


def test_a_plan_asks_for_no_test_that_nobody_could_measure() -> None:
    plan(tests={"tstr_gap": 50_000, "auroc": 800_000}).check()
    with pytest.raises(PlanError, match="Did you mean 'shapes'"):
        plan(tests={"shape": 1}).check()


def test_thresholds_may_be_written_with_a_point() -> None:
    made = plan(tests={"shapes": 0.855, "frechet": 2.0, "rare": 0})
    assert dict(made.release["tests"]) == {"shapes": 855_000, "frechet": 2_000_000, "rare": 0}
    assert '"shapes" = 0.855' in made.to_toml()
    with pytest.raises(PlanError, match="at most 6 digits"):
        plan(tests={"shapes": 0.8600001})


def test_every_asked_figure_is_one_that_a_plan_can_set() -> None:
    settable = {*THRESHOLDS, *MODEL_TESTS}
    assert {name for name in (*TABLE, *IMAGES) if name != "tstr_auroc"} <= settable
