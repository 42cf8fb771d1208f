"""``plan.toml``: what people write, and what it means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import PlanError
from protocol.plan import Plan
from protocol.reals import decimal, is_decimal

HASH = "ab" * 32
SHORT = f"""
roster = "{HASH}"
regions = ["halland", "skane", "vgr"]
task = {{ name = "classifier", version = "1" }}
schema = "{HASH}"
layout = "{HASH}"
dim = 31
init = "{HASH}"
code_sha256s = ["{HASH}"]
"""
DP = {"eps_max_u": 3_000_000, "delta_u12": 10**9, "clip_u": 10**6, "q_u": 200_000, "sigma_min_u": 2_490_000}
VALUES: dict[str, Any] = {
    "roster": bytes.fromhex(HASH), "regions": ["halland", "skane", "vgr"],
    "task": {"name": "classifier", "version": "1"}, "schema": bytes.fromhex(HASH), "layout": bytes.fromhex(HASH),
    "dim": 31, "init": bytes.fromhex(HASH), "code_sha256s": [bytes.fromhex(HASH)],
}  # fmt: skip


def test_a_key_left_out_takes_its_default() -> None:
    assert Plan.from_toml(SHORT) == Plan.make(**VALUES)


def test_reals_are_brought_to_the_one_decimal_form() -> None:
    plan = Plan.from_toml(SHORT + "settings = { lr = 1e-3, momentum = 0.90, steps = 5, whole = 2.0 }\n")

    assert dict(plan.settings) == {"lr": "0.001", "momentum": "0.9", "steps": 5, "whole": "2"}


def test_a_string_that_looks_like_a_number_stays_as_it_is() -> None:
    assert Plan.from_toml(SHORT + 'settings = { code = "1e-3" }\n').settings["code"] == "1e-3"


def test_a_bare_step_stands_for_all_parameters_and_rounds() -> None:
    assert Plan.from_toml(SHORT + "step_log2 = 20\n").step_log2 == ((0, "", 20),)


def test_a_bound_makes_clipping_the_default() -> None:
    plan = Plan.from_toml(SHORT + "clip = 1.50\n")

    assert (plan.clip, plan.robustness) == ("1.5", "clip_sum")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        pytest.param("round_timout_s = 5", "'round_timout_s'.*Did you mean 'round_timeout_s'?", id="misspelt"),
        pytest.param("[masking]\nmod = 'strict'", "'masking.mod'.*Did you mean 'masking.mode'?", id="in a table"),
        pytest.param("colluders = 1", "'colluders'.*Did you mean 'masking.colluders'?", id="outside of its table"),
        pytest.param("[masking]\nrounds = 5", "'masking.rounds'.*Did you mean 'rounds'?", id="in a table by mistake"),
        pytest.param("lr = 0.1", r"'lr'.*stand under \[settings\]", id="a setting of the task"),
        pytest.param("cls = 1", "unknown key 'cls'", id="a word of the language we write in"),
        pytest.param("settings = { lr = inf }", "not a finite number", id="infinity"),
        pytest.param("settings = { lr = nan }", "not a finite number", id="not a number"),
        pytest.param("settings = { lr = 1e999999999 }", "more than 64 digits", id="a number that does not end"),
        pytest.param("rounds = 2.0", "rounds = 2.0; expected a whole number", id="a real for a count"),
        pytest.param("title = 2026-01-31", "one line of Latin text", id="a date"),
        pytest.param("dp = { eps_max_u = 1 }", "no value for 'dp.delta_u12'", id="half a table"),
        pytest.param("masking = 'off'", "masking = 'off'; expected a table", id="a word for a table"),
        pytest.param("rounds = ", "not TOML", id="not TOML"),
        pytest.param("topology = 'ring'", "no value for 'graphs'.*landsting study new", id="graphs not drawn"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(lines: str, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        Plan.from_toml(SHORT + lines + "\n")


@pytest.mark.parametrize("text", [HASH[:-1], "zz" * 32, HASH + "00", ""])
def test_a_hash_is_64_hex_digits(text: str) -> None:
    with pytest.raises(PlanError, match="expected 64 hex digits"):
        Plan.from_toml(SHORT.replace(f'init = "{HASH}"', f'init = "{text}"'))


def test_hashes_may_be_written_in_capitals() -> None:
    assert Plan.from_toml(SHORT.replace(HASH, HASH.upper())) == Plan.from_toml(SHORT)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="defaults"),
        pytest.param({"title": 'Hjärta "och" lungor \\ 1', "purpose": "quality"}, id="quotes in a title"),
        pytest.param({"settings": {"lr": 0.1, "kind": "0.50", "n": 3, "a/b": True}}, id="settings"),
        pytest.param({"dp": DP, "masking": {"on_unmaskable": "disclose", "colluders": 1}}, id="dp"),
        pytest.param({"sums": ["count", "moment"], "step_log2": [[0, "", 24], [3, "g.", 20]]}, id="sums and steps"),
        pytest.param({"clip": 2.5, "freeze": ["model.0.*"], "release": {"tests": {"tstr": 800_000}}}, id="later"),
        pytest.param({"topology": "edges", "graphs": [[[0, 1]], [[1, 2]], [[0, 2]]]}, id="three graphs"),
    ],
)
def test_what_is_written_reads_back_as_the_same_plan(changes: dict[str, Any]) -> None:
    plan = Plan.make(**(VALUES | changes))

    assert Plan.from_toml(plan.to_toml()) == plan


@given(
    st.dictionaries(
        st.from_regex(r"[a-z0-9_./-]{1,12}", fullmatch=True),
        st.booleans()
        | st.integers(-(2**53) + 1, 2**53 - 1)
        | st.integers(-(10**9), 10**9).map(lambda i: i / 1000)
        | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20).filter(lambda s: s[:2] != "0x"),
        max_size=5,
    )
)
@settings(max_examples=60)
def test_any_settings_survive_the_file(given_settings: dict[str, Any]) -> None:
    plan = Plan.make(**(VALUES | {"settings": given_settings}))

    assert Plan.from_toml(plan.to_toml()) == plan


def test_a_draft_has_comments_and_the_sentence_of_a_disclosure() -> None:
    values = VALUES | {"regions": ["skane", "vgr"], "dp": DP, "masking": {"on_unmaskable": "disclose"}}
    text = Plan.make(**values).to_toml()

    assert "# Note: skane sees every update of vgr.\n" in text
    assert "# training rounds" in text
    assert Plan.from_toml(text).n == 2


@pytest.mark.parametrize("quorum", [None, 0, 2])
def test_a_quorum_of_half_the_neighbours_is_said_by_leaving_it_out(quorum: int | None) -> None:
    text = Plan.make(**(VALUES | {"witness": {"quorum": quorum}})).to_toml()
    assert ("\nquorum = " in text) is (quorum is not None)
    assert Plan.from_toml(text).witness["quorum"] == quorum


# ---------------------------------------------------------------- reals


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("0.1", "0.1"), ("1e-3", "0.001"), ("2.50", "2.5"), ("1_000.5", "1000.5"), ("+3.0", "3"), ("-0.0", "0"),
        ("1e3", "1000"), ("-2.5E-1", "-0.25"), ("0e5", "0"), ("1e-64", "0." + "0" * 63 + "1"),
    ],
)  # fmt: skip
def test_a_real_has_one_decimal_form(written: str, means: str) -> None:
    assert decimal(written) == means
    assert is_decimal(means)


@pytest.mark.parametrize("text", ["inf", "-inf", "nan", "1e65", "1e-65", "x", "", "1e999999999999999999999"])
def test_what_is_no_real_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|digits"):
        decimal(text)


@pytest.mark.parametrize("text", ["-0", "01", "1.", ".5", "1.50", "1e3", "+1", "1 ", ""])
def test_other_forms_are_not_canonical(text: str) -> None:
    assert not is_decimal(text)


@given(st.floats(-1e15, 1e15, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-40))
@settings(max_examples=60)
def test_a_float_survives_its_decimal_form(x: float) -> None:
    assert float(decimal(repr(x))) == x
