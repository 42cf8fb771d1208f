"""What a home keeps of its rounds beside the log: bounded, sealed, private to its owner, gone when it goes."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from gossip.effects import Deposit, Retain, Sift
from node.store.copies import Copies
from node.store.vault import KEY, NAME, Vault
from node.store.vault_export import Outline, openings_of
from tests.node.test_audit_networks import agreed

STUDY, OTHER = bytes(32), bytes([1]) * 32


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    return tmp_path


def retain(round: int, data: bytes, study: bytes = STUDY) -> Retain:
    return Retain(study, round, hashlib.sha256(data).digest(), data)


def held(*items: Retain) -> dict[int, frozenset[bytes]]:
    found: dict[int, set[bytes]] = {}
    for one in items:
        found.setdefault(one.round, set()).add(one.sha256)
    return {round: frozenset(shas) for round, shas in found.items()}


def test_a_vault_that_was_never_used_leaves_no_file(home: Path) -> None:
    with Vault(home) as vault:
        vault.do(Sift(STUDY, None, {}))
        assert vault.payload(bytes(32)) is None
        assert vault.opening(1, "own") is None
        assert list(vault.openings(STUDY)) == []
        assert vault.studies() == []
    assert not list((home / "log").iterdir())


def test_what_was_put_in_is_there_after_a_restart(home: Path) -> None:
    one = retain(3, b"masked")
    with Vault(home) as vault:
        vault.do(one)
        vault.do(Deposit(STUDY, 3, 17, "own", bytes(32), b"a model"))
    with Vault(home) as vault:
        assert vault.payload(one.sha256) == b"masked"
        assert vault.opening(17, "own") == bytes(32) + b"a model"
        assert list(vault.openings(STUDY)) == [(3, 17, "own")]
        assert vault.rounds(STUDY) == {3: 6}
        assert vault.studies() == [STUDY]


def test_what_opens_an_entry_is_what_was_put_in_for_it_last(home: Path) -> None:
    """A log that lost its end writes other entries in these places; what opened the lost ones opens none of them."""
    with Vault(home) as vault:
        vault.do(Deposit(STUDY, 3, 17, "own", bytes(32), b"lost with the log's end"))
        vault.do(Deposit(STUDY, 4, 17, "own", bytes([1]) * 32, b"what the log holds"))
        assert vault.opening(17, "own") == bytes([1]) * 32 + b"what the log holds"
        vault.do(Deposit(STUDY, 5, 19, "own", bytes(32), b"of an entry that did not come back"))
        vault.forget_openings(18)
        assert list(vault.openings(STUDY)) == [(4, 17, "own")]
        vault.forget_openings()
    with Vault(home) as vault:
        assert list(vault.openings(STUDY)) == []


def test_only_its_owner_can_read_it(home: Path) -> None:
    with Vault(home) as vault:
        vault.do(Deposit(STUDY, 3, 17, "own", bytes(32), b"a model"))
        for path in (home / "log").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name


def test_openings_are_sealed_under_a_key_beside_it_and_bound_to_their_place(home: Path) -> None:
    value = b"weights of a model" * 4
    with Vault(home) as vault:
        vault.do(Deposit(STUDY, 3, 17, "own", bytes(32), value))
    data = (home / "log" / NAME).read_bytes()
    assert value[:18] not in data
    with sqlite3.connect(home / "log" / NAME) as db:
        db.execute("UPDATE opening SET name = 'delta'")
    with Vault(home) as vault:
        assert vault.opening(17, "delta") is None
    for column, value_ in (("study", OTHER), ("round", 4)):
        with sqlite3.connect(home / "log" / NAME) as db:
            (before,) = db.execute(f"SELECT {column} FROM opening").fetchone()
            db.execute(f"UPDATE opening SET name = 'own', {column} = ?", (value_,))
        with Vault(home) as vault:
            assert vault.opening(17, "own") is None
        with sqlite3.connect(home / "log" / NAME) as db:
            db.execute(f"UPDATE opening SET {column} = ?", (before,))
    with Vault(home) as vault:
        assert vault.opening(17, "own") == bytes(32) + value
    (home / "log" / KEY).unlink()
    with Vault(home) as vault:
        assert vault.opening(17, "own") is None


def test_what_is_sifted_out_is_gone_from_the_file_as_well(home: Path) -> None:
    first, second, later = retain(1, b"first " * 500), retain(2, b"second" * 500), retain(3, b"later " * 500)
    with Vault(home) as vault:
        for one in (first, second, later):
            vault.do(one)
        vault.do(Deposit(STUDY, 1, 10, "own", bytes(32), b"one"))
        vault.do(Deposit(STUDY, 2, 20, "own", bytes(32), b"two"))
        vault.do(Deposit(STUDY, -1, 5, "init", bytes(32), b"init"))
        vault.do(retain(1, b"another study", OTHER))
        vault.do(Sift(STUDY, 2, held(second)))
        assert [vault.payload(one.sha256) is not None for one in (first, second, later)] == [False, True, True]
        assert list(vault.openings(STUDY)) == [(-1, 5, "init"), (2, 20, "own")]
        assert vault.payload(hashlib.sha256(b"another study").digest()) is not None
    raw = b"".join(path.read_bytes() for path in (home / "log").iterdir())
    assert b"first first" not in raw
    assert b"secondsecond" in raw


def test_when_nothing_is_held_any_more_the_initial_model_goes_too(home: Path) -> None:
    with Vault(home) as vault:
        vault.do(Deposit(STUDY, -1, 5, "init", bytes(32), b"init"))
        vault.do(Sift(STUDY, 4, {}))
        assert list(vault.openings(STUDY)) == [(-1, 5, "init")]  # the study goes on
        vault.do(Sift(STUDY, None, {}))
        assert list(vault.openings(STUDY)) == []


def test_it_never_grows_beyond_its_bound_and_a_full_one_stops_nothing(home: Path) -> None:
    most = 4 * 2**20
    with Vault(home, most_bytes=most) as vault:
        for round in range(12):
            vault.do(retain(round, os.urandom(2**20)))
        assert 1 <= len(vault.rounds(STUDY)) < 4
        assert (home / "log" / NAME).stat().st_size <= most
        vault.do(Sift(STUDY, 11, {}))
        vault.do(retain(12, b"small again"))
        assert vault.rounds(STUDY) == {12: 11}


def test_a_damaged_vault_stops_nothing(home: Path) -> None:
    with Vault(home) as vault:
        vault.do(retain(1, b"masked"))
    (home / "log" / NAME).write_bytes(b"no database at all" * 300)
    with Vault(home) as vault:
        vault.do(retain(2, b"more"))


def test_nothing_of_a_round_leaves_before_it_is_over_nor_a_model_before_it_is_known_to_be_drawn(home: Path) -> None:
    _, plan = agreed(3, retention={"sample_bp": 10_000})
    first = plan.first_round
    outline, copies = Outline(begun={plan.study: {first, first + 1}}), Copies(sqlite3.connect(":memory:"))

    def leave() -> set[str]:
        with Vault(home) as vault:
            found = openings_of(vault, copies, outline, plan, plan.regions[0], "drawn", None)
        return {f"{name} of entry {seq}" for seq, name in found}

    with Vault(home) as vault:
        for round in (first, first + 1):
            for name in ("opened.0", "own"):
                vault.do(Deposit(plan.study, round, round, name, bytes(32), b"value"))
    assert leave() == set()
    outline.ended[plan.study] = {first}
    assert leave() == {f"opened.0 of entry {first}"}
    outline.ended[plan.study].add(first + 1)
    assert leave() == {f"{name} of entry {first}" for name in ("opened.0", "own")} | {f"opened.0 of entry {first + 1}"}
    outline.done.add(plan.study)  # of the last round it is known then
    assert leave() == {f"{name} of entry {round}" for name in ("opened.0", "own") for round in (first, first + 1)}
