"""A ledger that lacks a round of the region's own log is found at the start of its node."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gossip.effects import Commit, Ended, Open
from gossip.events import Tick
from gossip.peer import Peer
from node.errors import StoreError
from node.home import Home
from node.learning.accounting import Spent, statistics_sigma_u
from node.learning.ledger import Ledger
from node.region import Region
from node.store.paid import check_ledger, pay_lost, pay_sums, recover
from node.store.storage import Store
from protocol.codec import Value
from protocol.entries import Entry, encode_entry
from protocol.envelope import Envelope
from protocol.log import Leaf
from protocol.plan import Plan

STUDY = bytes(range(32))
DP: dict[str, Value] = {
    "q_u": 200_000, "sigma_u": 2_490_000, "steps": 5, "clip_u": 1_000_000, "delta_u12": 10**9,
    "accountant": "rdp", "eps_round_u": 100_000, "eps_study_u": 100_000, "eps_data_u": 100_000,
}  # fmt: skip


def trained(round: int, private: bool = True) -> bytes:
    """Return the leaf of a round that was trained."""
    body: dict[str, Value] = {
        "round": round, "base": bytes(32), "delta": None, "settings_sha256": bytes(32), "code_sha256": bytes(32),
        "steps": 5, "norm_bucket": 0, "dp": dict(DP) if private else None,
    }  # fmt: skip
    return encode_entry(Entry("n.example/a/1", round, 1, "round.train", STUDY, body))


def paid(home: Path, *rounds: int) -> None:
    """Write a ledger with these rounds."""
    lines = [json.dumps({"study": STUDY.hex(), "round": round}) for round in rounds]
    (home / "ledger.jsonl").write_text("".join(line + "\n" for line in lines))


def test_a_ledger_with_every_round_of_the_log_and_more_is_the_one_that_was_written(tmp_path: Path) -> None:
    paid(tmp_path, 0, 1, 2)

    check_ledger(tmp_path, [trained(0), trained(1), None])


@pytest.mark.parametrize("rounds", [(), (0,)], ids=["emptied", "put back"])
def test_a_ledger_that_lacks_a_round_is_refused(tmp_path: Path, rounds: tuple[int, ...]) -> None:
    paid(tmp_path, *rounds)

    with pytest.raises(StoreError, match=f"it lacks round {len(rounds)} of study 000102030405"):
        check_ledger(tmp_path, [trained(0), trained(1)])


def test_a_deleted_ledger_is_refused_and_without_private_rounds_none_is_needed(tmp_path: Path) -> None:
    check_ledger(tmp_path, [trained(0, private=False), None])
    with pytest.raises(StoreError, match="restore ledger"):
        check_ledger(tmp_path, [trained(0)])


def test_a_damaged_ledger_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ledger.jsonl").write_text("[]\n")

    with pytest.raises(StoreError, match="it cannot be read"):
        check_ledger(tmp_path, [trained(0)])


def test_rounds_that_come_back_with_the_log_are_paid_for_again(tmp_path: Path) -> None:
    paid(tmp_path, 0)

    assert recover(tmp_path, [trained(0), trained(1), None, trained(2, private=False)]) == 1

    check_ledger(tmp_path, [trained(0), trained(1)])
    one = json.loads((tmp_path / "ledger.jsonl").read_text().splitlines()[-1])
    assert {key: one[key] for key in ("round", "q_u", "sigma_u", "steps", "delta_u12")} == {
        "round": 1, **{key: DP[key] for key in ("q_u", "sigma_u", "steps", "delta_u12")},
    }  # fmt: skip


def test_rounds_that_may_have_been_trained_are_paid_for(tmp_path: Path) -> None:
    recover(tmp_path, [trained(0)])
    before = Ledger(tmp_path / "ledger.jsonl").lines
    plan = private_plan()

    assert pay_lost(tmp_path, STUDY, range(4), plan) == 3
    assert pay_lost(tmp_path, STUDY, range(4), plan) == 0

    after = Ledger(tmp_path / "ledger.jsonl").lines
    assert [line.round for line in after] == [0, 1, 2, 3]
    assert {line.spent for line in after} == {before[0].spent}


def test_sums_are_paid_for_as_sums_and_training_as_training(tmp_path: Path) -> None:
    """Where only the sums are in what is left of the ledger, their cost is not taken for that of training."""
    plan = private_plan(
        sums=["count", "moment"], settings={"local_steps": 20},
        dp={"eps_max_u": 3 * 10**6, "delta_u12": 10**9, "clip_u": 10**6, "q_u": 10**5, "sigma_min_u": 10**6,
            "preprocess_bp": 1000},
    )  # fmt: skip
    sigma = statistics_sigma_u(3 * 10**6, 10**9, 1000, 2)

    assert pay_lost(tmp_path, STUDY, range(1), plan) == 1
    assert pay_lost(tmp_path, STUDY, range(4), plan) == 3

    spent = [line.spent for line in Ledger(tmp_path / "ledger.jsonl").lines]
    assert spent == [Spent(10**6, sigma, 1)] * 2 + [Spent(10**5, 10**6, 20)] * 2


def test_a_study_that_is_over_for_what_its_log_lost_is_paid_for_too(tmp_path: Path) -> None:
    """Its sums cannot be counted again, so it ends; what was trained in the lost rounds was let out all the same."""
    Home.create(tmp_path / "vgr", "test.example", "vgr", [], None)
    with Region.open(tmp_path / "vgr") as region:
        context = SimpleNamespace(given_up=range(3), plan=private_plan(settings={"local_steps": 20}))
        region.peer.studies[STUDY] = SimpleNamespace(context=context)  # type: ignore[assignment]
        region.peer.handle = lambda _: [Ended(STUDY, "stopped", "stats")]  # type: ignore[method-assign, assignment]
        region.take(Tick(0))
    assert [line.round for line in Ledger(tmp_path / "vgr" / "ledger.jsonl").lines] == [0, 1, 2]


def summed(stage: int) -> dict[str, Value]:
    """Return the body of an entry that says that a sum was opened."""
    return {"round": stage, "stage": ("count", "moment")[stage], "session": bytes(32), "sum": bytes(32),
            "stats": bytes(32)}  # fmt: skip


def test_sums_that_were_opened_and_that_the_ledger_lacks_are_paid_for(tmp_path: Path) -> None:
    plan = private_plan(sums=["count", "moment"], settings={"local_steps": 20})
    leaves = [encode_entry(Entry("n.example/a/1", i, 1, "stats.open", plan.study, summed(i))) for i in range(2)]

    assert pay_sums(tmp_path, [None, trained(5), *leaves], {}) == 0
    assert pay_sums(tmp_path, [None, trained(5), leaves[0]], {plan.study: plan}) == 1
    assert pay_sums(tmp_path, leaves, {plan.study: plan}) == 1
    assert pay_sums(tmp_path, leaves, {plan.study: plan}) == 0

    lines = Ledger(tmp_path / "ledger.jsonl").lines
    assert [(line.round, line.q_u, line.steps) for line in lines] == [(0, 10**6, 1), (1, 10**6, 1)]


def test_without_privacy_no_sum_is_paid_for(tmp_path: Path) -> None:
    plan = private_plan(sums=["count"], dp=None)
    leaf = encode_entry(Entry("n.example/a/1", 0, 1, "stats.open", plan.study, summed(0)))

    assert pay_sums(tmp_path, [leaf], {plan.study: plan}) == 0
    assert not (tmp_path / "ledger.jsonl").exists()


def test_a_node_that_starts_pays_for_the_sums_of_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = private_plan(sums=["count", "moment"])
    Home.create(tmp_path / "vgr", "test.example", "vgr", [], None)
    with Region.open(tmp_path / "vgr") as region:
        log = region.peer.log
        log.add("stats.open", summed(0), study=plan.study, now_ms=log.last_ms + 1)
        pending = log.pending()
        assert pending is not None
        region.store.commit(Commit(tuple(pending[0]), pending[1], pending[2]))
    sealed = cast("Envelope", SimpleNamespace(fields=SimpleNamespace(sender="east")))
    monkeypatch.setattr(
        Peer, "replay", lambda peer, leaves: peer.agreement.take_proposal(sealed, plan.encode(), plan) or list(leaves)
    )

    with Region.open(tmp_path / "vgr"):
        pass

    assert [line.round for line in Ledger(tmp_path / "vgr" / "ledger.jsonl").lines] == [0]


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Region]:
    """A node that has trained a private round since it was opened, and whose ledger was deleted after that."""
    Home.create(tmp_path / "vgr", "test.example", "vgr", [], None)
    with Region.open(tmp_path / "vgr") as region:
        recover(tmp_path / "vgr", [trained(0)])
        monkeypatch.setattr(Store, "add", lambda *_: None)
        logged = Commit((Leaf(0, trained(0), bytes(32)), Leaf(1, trained(1, private=False), bytes(32))), None, b"")
        monkeypatch.setattr(region.peer, "handle", lambda _: [logged])
        region.take(Tick(0))
        (tmp_path / "vgr" / "ledger.jsonl").unlink()
        yield region


def test_no_private_study_is_accepted_on_a_ledger_that_was_put_back_while_the_node_ran(running: Region) -> None:
    plan = private_plan()
    sealed = cast("Envelope", SimpleNamespace(fields=SimpleNamespace(sender="east")))
    running.peer.agreement.take_proposal(sealed, plan.encode(), plan)

    with pytest.raises(StoreError, match="it lacks round 0 of study 000102030405"):
        running.prepare("accept", {"study": plan.study, "role": "technical"})

    recover(running.home.path, [trained(0)])
    running.prepare("accept", {"study": plan.study, "role": "technical"})


def test_no_private_study_begins_on_a_ledger_that_was_put_back_while_the_node_ran(
    running: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = private_plan()
    running.peer.studies[plan.study] = SimpleNamespace(  # type: ignore[assignment]
        context=SimpleNamespace(given_up=(), plan=plan)
    )
    monkeypatch.setattr(running.peer, "handle", lambda _: [Open(plan.study, plan)])

    with pytest.raises(StoreError, match="it lacks round 0 of study 000102030405"):
        running.take(Tick(0))


def test_without_a_known_cost_nothing_goes_on(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="its cost is not known"):
        pay_lost(tmp_path, STUDY, range(2), private_plan())
    assert pay_lost(tmp_path, STUDY, range(0), private_plan()) == 0


def private_plan(**changes: Any) -> Plan:
    names = ["a", "b", "c"]
    dp = {"eps_max_u": 10**6, "delta_u12": 10**9, "clip_u": 10**6, "q_u": 10**5, "sigma_min_u": 10**6}
    return Plan.make(**{
        "roster": bytes(32), "regions": names, "task": {"name": "idle", "version": "1"}, "schema": bytes(32),
        "layout": bytes(32), "dim": 4, "init": bytes(32), "code_sha256s": [bytes(32)], "dp": dp, **changes,
    })  # fmt: skip
