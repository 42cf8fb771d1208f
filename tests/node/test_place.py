"""A home knows whether it lies where its node last ran."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from node.errors import Refused
from node.home import Home
from node.region import Region
from node.store import place


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "vgr"
    Home.create(path, "test.example", "vgr", [], None)
    return path


def test_a_home_that_never_ran_is_in_its_place(home: Path) -> None:
    assert not place.is_moved(home)


def test_a_home_stays_in_its_place_while_it_is_written_to_and_its_folder_is_renamed(home: Path, tmp_path: Path) -> None:
    place.settle(home)
    with Region.open(home) as region:
        region.ask("export", {})
        assert not region.moved
    home.rename(tmp_path / "other")
    assert not place.is_moved(tmp_path / "other")


@pytest.mark.attack("L13")
def test_a_copy_is_seen_even_where_it_has_every_date_of_the_original(home: Path, tmp_path: Path) -> None:
    place.settle(home)
    shutil.copytree(home, tmp_path / "backup", copy_function=shutil.copy2)
    shutil.rmtree(home)
    shutil.copytree(tmp_path / "backup", home, copy_function=shutil.copy2)
    assert os.stat(home / "keys").st_mtime_ns == os.stat(tmp_path / "backup" / "keys").st_mtime_ns
    assert place.is_moved(home)
    place.settle(home)
    assert not place.is_moved(home)


@pytest.mark.attack("L13")
def test_a_log_that_alone_is_put_back_is_seen_as_well(home: Path, tmp_path: Path) -> None:
    """The keys lie where they lay; all in ``log`` is new, whatever numbers its inodes have."""
    place.settle(home)
    shutil.copytree(home / "log", tmp_path / "backup", copy_function=shutil.copy2)
    shutil.rmtree(home / "log")
    shutil.copytree(tmp_path / "backup", home / "log", copy_function=shutil.copy2)
    assert place.is_moved(home)
    place.settle(home)
    assert not place.is_moved(home)


def test_a_copied_home_without_a_roster_may_be_written_to(home: Path, tmp_path: Path) -> None:
    """It has been shown to nobody."""
    place.settle(home)
    copy = shutil.copytree(home, tmp_path / "copy")
    with Region.open(copy) as region:
        assert region.moved
        assert region.ask("export", {})["size"] == 2


@pytest.mark.attack("L13")
def test_a_copied_home_that_others_know_is_not_written_to_before_its_node_has_asked(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "skane"
    Home.create(other, "test.example", "skane", [], None)
    from protocol.roster import card_line

    lines = [card_line(Home.open(path).card()) for path in (home, other)]
    with Region.open(home) as region, Region.open(other) as neighbour:
        for one, its in ((region, neighbour), (neighbour, region)):
            one.ask("roster_found", {"cards": lines, "role": "technical", "ref": None})
            candidate = one.peer.membership.newest
            assert candidate is not None
            its.peer.membership.take(None, candidate.signed[one.home.name], candidate.encoded, candidate.roster)
        region.peer.membership.own(candidate.roster, candidate.encoded)
        assert region.peer.membership.in_force == candidate.roster
        region.moved = True
        with pytest.raises(Refused, match="copied or put back"):
            region.ask("export", {})
        assert region.ask("status", {})["region"] == "vgr"
        region.settle_here()
        region.ask("export", {})
