"""``landsting topology privacy``: one sentence for people, the figures for programs."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from node.cli.output import Refusal
from node.cli.topology import topology
from node.cli.topology_privacy import MOST_REGIONS, region_names
from node.draft import Draft, draft_plan
from node.errors import Refused
from protocol.plan import Plan
from tests.node.audit_network import NETWORK, SOFTWARE, Small

README = Path(__file__).parents[2] / "topologies" / "README.md"


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(topology, ["privacy", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def _json(*arguments: str) -> dict[str, Any]:
    found = json.loads(_run(*arguments, "--json"))
    assert isinstance(found, dict)
    return found


def test_the_sentence_of_the_readme_is_what_is_printed() -> None:
    text = _run("complete", "--nodes", "4")
    sentence = text.splitlines()[0]
    assert sentence.startswith("It takes at least 3 of these regions acting together to see ")
    shown = " ".join(README.read_text(encoding="utf-8").split())
    assert sentence in shown


def test_what_the_rounds_together_tell_is_said_for_people_who_sign() -> None:
    safe = _run("complete", "--nodes", "4", "--rounds", "6").splitlines()[1]
    assert safe.startswith("Updates resemble each other from round to round, and whoever kept the sums of all 6 rounds")
    assert safe.endswith("that would change nothing: it still takes 3 acting together.")
    fewer = _run("groups:4", "--nodes", "16", "--rounds", "6").splitlines()[1]
    assert "with no noise, 7 together would be enough: " in fewer


def test_availability_stands_beside_privacy() -> None:
    assert "Any 1 of the regions may be away" in _run("torus:3x3", "--nodes", "9")
    assert "None may be away" in _run("ring", "--nodes", "8")


def test_json_has_the_figures_of_the_reference() -> None:
    found = _json("groups:4", "--nodes", "8", "--max-size", "4")
    assert (found["topology"], found["n"], found["min_in_degree"], found["away"]) == ("groups:4", 8, 4, 1)
    least = found["least_coalition"]
    assert (least["fresh"], least["const"], least["searched_to"]) == (4, 3, 4)
    assert found["exposed_to_one"] == {"masked": 0, "clear": 4, "of": 7, "left_out": 0}
    assert found["r2"]["fresh"] == 0.25
    assert set(found["r2"]["masked"]) == {"0", "1", "3"}


def test_json_holds_seven_keys_and_no_more() -> None:
    found = _json("ring", "--nodes", "4")
    assert list(found) == ["topology", "n", "min_in_degree", "least_coalition", "exposed_to_one", "r2", "away"]
    assert list(found["least_coalition"]) == ["fresh", "const", "searched_to", "examples"]


def test_what_failures_change_is_added_where_it_is_asked_for() -> None:
    failing = _json("complete", "--nodes", "4", "--failures")["failures"]
    assert failing["one_away"]["least_coalition_fresh"] == 2
    assert failing["change_budget"] == 4
    assert len(failing["two_in_league"]["coalition"]) == 2
    text = _run("complete", "--nodes", "4")
    assert "While one region is away, 2 together see one region's update." in text
    assert "masking.change_budget = 1 closes it." in text


def test_metropolis_weights_are_looked_at_as_they_are_mixed() -> None:
    found = _json("star", "--nodes", "5", "--weights", "metropolis")
    assert found["least_coalition"]["fresh"] == 1
    assert "Metropolis weights over 256" in _run("ring", "--nodes", "5", "--weights", "metropolis", "--max-size", "2")


def test_one_attacker_among_thirty_two_over_sixty_four_rounds_takes_seconds() -> None:
    words = ["-m", "node", "topology", "privacy", "regular:4", "--nodes", "32", "--rounds", "64", "--max-size", "1"]
    begun = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *words, "--json"], check=True, capture_output=True)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime <= 10


# Of a plan, and of a run


def _plan_file(folder: Path, **changes: object) -> Path:
    plan = draft_plan(
        Draft(roster=bytes(32), regions=("vgr", "skane", "halland", "orebro"), task="idle", settings={"dim": 10})
    )
    file = folder / "plan.toml"
    file.write_text(Plan.make(**{**plan.value(), **changes}).to_toml(), encoding="utf-8")
    return file


def test_a_plan_is_asked_with_its_own_names_weights_and_budget(tmp_path: Path) -> None:
    file = _plan_file(tmp_path, masking={"mode": "strict", "change_budget": 1})
    found = _json(str(file), "--failures")
    assert found["least_coalition"]["examples"]["fresh"]["coalition"] == ["halland", "orebro", "skane"]
    assert found["failures"]["two_in_league"] is None
    assert "a change budget of 1 answers nobody" in _run(str(file))


def test_a_plan_whose_masks_are_off_shows_every_value(tmp_path: Path) -> None:
    file = _plan_file(tmp_path, masking={"mode": "off"}, lab=True)
    assert _json(str(file))["least_coalition"]["fresh"] == 1


@pytest.fixture(scope="module")
def whole_run() -> Small:
    return Small().run()


def test_a_run_in_which_all_sums_were_whole_is_as_planned(whole_run: Small, tmp_path: Path) -> None:
    bundles = [str(path) for path in whole_run.export_all(tmp_path)]
    text = _run("--observed", *bundles)
    assert "2 training rounds" in text
    assert "Every sum held all that the plan lets send." in text
    assert _json("--observed", *bundles)["least_coalition"]["fresh"] == 2


def test_a_sum_that_left_a_region_out_is_named_and_counts_as_it_was(tmp_path: Path) -> None:
    small = Small(("halland", "kalmar", "skane", "vgr"))
    others = small.others
    small.begin()
    small.round(0)
    small.others = lambda name: [one for one in others(name) if (name, one) != ("halland", "vgr")]  # type: ignore[method-assign]
    small.session("halland", 1)
    small.others = others  # type: ignore[method-assign]
    small.session("kalmar", 1)
    bundles = [str(path) for path in small.export_all(tmp_path)]
    text = _run("--observed", *bundles)
    assert "1 sums left somebody out: round 1, halland without vgr." in text
    # halland has kalmar + skane, kalmar has halland + skane + vgr: together they know vgr.
    asked = _json("--observed", *bundles, "--coalition", "halland,kalmar")
    assert asked["coalition"]["fresh"] == ["skane", "vgr"]


def test_a_receiver_without_a_log_counts_as_having_opened_what_it_named(whole_run: Small, tmp_path: Path) -> None:
    bundles = [str(path) for path in whole_run.export_all(tmp_path, but="vgr")]
    assert "vgr handed over none, and counts as having opened every sum" in _run("--observed", *bundles)


def test_bundles_that_are_none_or_of_no_study_are_refused(tmp_path: Path) -> None:
    bad = tmp_path / "bad.bundle"
    bad.write_bytes(b"nothing")
    with pytest.raises(Refused, match="expected an evidence bundle"):
        CliRunner().invoke(topology, ["privacy", "--observed", str(bad)], catch_exceptions=False)
    small = Small()
    small.add("vgr", "log.genesis", _genesis(small, "vgr"), study=False)
    bundle = str(small.export("vgr", tmp_path))
    with pytest.raises(Refused, match="plans of 0 studies"):
        CliRunner().invoke(topology, ["privacy", "--observed", bundle], catch_exceptions=False)


def _genesis(small: Small, name: str) -> dict[str, Any]:
    card = small.homes[name].card
    return {
        "network": NETWORK, "region": name, "identity": card.identity, "keys": card.value()["keys"],
        "software": SOFTWARE, "prev": None,
    }  # fmt: skip


def test_an_example_is_a_coalition_that_sees_whom_it_is_said_to_see() -> None:
    example = _json("torus:4x4", "--nodes", "16")["least_coalition"]["examples"]["fresh"]
    asked = _json("torus:4x4", "--nodes", "16", "--coalition", ",".join(example["coalition"]))["coalition"]
    assert asked["fresh"] == example["sees"]


def test_where_none_was_found_it_is_said_how_far_was_searched() -> None:
    found = _json("groups:4:closed", "--nodes", "16", "--max-size", "3")["least_coalition"]
    assert (found["fresh"], found["const"], found["searched_to"]) == (None, 3, 3)
    assert len(found["examples"]["fresh"]["coalition"]) == 11
    text = _run("groups:4:closed", "--nodes", "16", "--max-size", "3")
    assert "It takes more than 3 of these regions acting together to see anybody's update; 11 can see" in text


def test_a_region_that_sees_another_alone_is_named() -> None:
    names = region_names(3)
    assert f"One region alone sees {names[1]}'s update: {names[0]}." in _run("path", "--nodes", "3")


def test_a_coalition_is_given_by_name_or_number() -> None:
    names = region_names(4)
    by_name = _json("ring", "--nodes", "4", "--coalition", f"{names[0]},{names[1]}")
    assert by_name["coalition"] == _json("ring", "--nodes", "4", "--coalition", "0,1")["coalition"]
    assert by_name["coalition"]["fresh"] == [names[2], names[3]]
    assert f"{names[0]} and {names[1]} together see" in _run("ring", "--nodes", "4", "--coalition", "0,1")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["ring", "--nodes", "4", "--coalition", "0,9"], "'9' is no region", id="no such region"),
        pytest.param(["ring", "--nodes", "4", "--coalition", "0,1,2,3"], "is everybody", id="everybody"),
        pytest.param(["ring", "--nodes", "4", "--rho", "much"], "--rho 0,1,3", id="no number"),
        pytest.param(["ring", "--nodes", "4", "--rho", "nan"], "--rho 0,1,3", id="not a number"),
        pytest.param(["ring", "--nodes", str(MOST_REGIONS + 1)], f"at most {MOST_REGIONS}", id="too many"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_words(arguments: list[str], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        CliRunner().invoke(topology, ["privacy", *arguments], catch_exceptions=False)


def test_names_are_in_order_and_there_is_one_for_every_region() -> None:
    for n in (2, 32, 33, 101):
        names = region_names(n)
        assert len(set(names)) == n
        assert list(names) == sorted(names)
