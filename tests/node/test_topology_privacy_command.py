"""``landsting topology privacy``: one sentence for people, the figures for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from node.cli.output import Refusal
from node.cli.topology import topology
from node.cli.topology_privacy import MOST_REGIONS, region_names

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


def test_an_example_is_a_coalition_that_sees_whom_it_is_said_to_see() -> None:
    example = _json("torus:4x4", "--nodes", "16")["least_coalition"]["examples"]["fresh"]
    asked = _json("torus:4x4", "--nodes", "16", "--coalition", ",".join(example["coalition"]))["coalition"]
    assert asked["fresh"] == example["sees"]


def test_where_none_was_found_it_is_said_how_far_was_searched() -> None:
    found = _json("groups:4:closed", "--nodes", "16", "--max-size", "3")["least_coalition"]
    assert (found["fresh"], found["const"], found["searched_to"]) == (None, 3, 3)
    assert found["at_most"] == {"fresh": 11, "const": 3}
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
        pytest.param(["plan.toml", "--nodes", "4"], "a label, or edges:FILE", id="a plan, not in this version"),
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
