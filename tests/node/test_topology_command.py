"""``landsting topology``: words for people, JSON for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from node.cli.output import Refusal
from node.cli.topology import topology
from topologies import TopologyError


def _run(*arguments: str) -> str:
    result = CliRunner().invoke(topology, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_list_has_every_label_and_says_what_cannot_be_masked() -> None:
    text = _run("list")
    for form in (
        "complete",
        "ring",
        "torus:AxB",
        "regular:K",
        "groups:M",
        "cliques:AxB",
        "one-peer",
        "matchings",
        "star",
        "path",
        "edges",
    ):
        assert f"\n{form} " in text
    assert text.count("cannot be masked; simulator; daemons with disclose + DP") == 4


def test_a_ring_of_three_can_be_masked_and_nobody_may_be_away() -> None:
    one = json.loads(_run("show", "ring", "--nodes", "3", "--json"))
    assert one["maskable"]
    assert (one["may_be_away"], one["loss_that_does_it"]) == (0, [0, 1, 2])


def test_show_draws_the_graph_and_names_who_sees_what() -> None:
    text = _run("show", "path", "--nodes", "3")
    assert "0  \\ o .\n1  o \\ o\n2  . o \\" in text
    assert "Region 0 has 1 neighbour" in text
    assert "Daemons refuse it" in text


def test_show_reads_an_edge_list(tmp_path: Path) -> None:
    file = tmp_path / "triangle.txt"
    file.write_text("0 1\n1 2\n0 2\n", encoding="utf-8")
    one = json.loads(_run("show", f"edges:{file}", "--nodes", "3", "--json"))
    assert one["graphs"] == [[[0, 1], [0, 2], [1, 2]]]
    assert one["gap"] == 1.0


def test_compare_is_one_json_object_with_a_row_for_each_that_fits() -> None:
    found = json.loads(_run("compare", "--nodes", "16", "--json"))
    rows = {row["topology"]: row for row in found["topologies"]}
    assert rows["cliques:4x4"]["rounds_to_1e_6"] == 2
    assert rows["ring"]["may_be_away"] == 0
    assert rows["cliques:2x8"]["daemons"] == "simulator; daemons with disclose + DP"
    assert rows["star"]["may_be_away"] is None


def test_a_graph_in_pieces_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "two.txt"
    file.write_text("0 1\n2 3\n", encoding="utf-8")
    with pytest.raises(TopologyError, match="2 pieces"):
        CliRunner().invoke(topology, ["show", f"edges:{file}", "--nodes", "4"], catch_exceptions=False)


def test_edges_without_a_file_says_how() -> None:
    with pytest.raises(Refusal, match="edges:FILE --nodes 4"):
        CliRunner().invoke(topology, ["show", "edges", "--nodes", "4"], catch_exceptions=False)


def test_plot_draws_the_same_bytes_each_time(tmp_path: Path) -> None:
    files = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for file in files:
        _run("compare", "--nodes", "6", "--plot", str(file))
    assert files[0].read_bytes() == files[1].read_bytes()
    assert b"<svg" in files[0].read_bytes()


def test_plot_refuses_a_name_that_says_no_format(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"\.svg"):
        CliRunner().invoke(topology, ["compare", "--nodes", "6", "--plot", "picture"], catch_exceptions=False)
