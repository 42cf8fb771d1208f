"""A log that lost its tail is begun anew: confirmed first, followed by all, and nothing is said a second time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gossip.effects import Send
from gossip.logs import following
from gossip.network import Network
from protocol.cosignature import checkpoint_note
from protocol.entries import decode_entry
from protocol.envelope import parse
from protocol.epochs import Previous
from protocol.evidence import encode_evidence, place_of
from protocol.log import Log
from protocol.witnessing import Heads, encode_mirror
from tests.gossip.conftest import Quadratic, quadratic_plan

Make = Callable[..., Any]
MIRRORED = {"quorum": None, "max_lag_rounds": 3, "mirror": True}
PROVED = {"quorum": 1, "max_lag_rounds": 3, "mirror": False}


def pass_time(net: Network, ms: int) -> None:
    net.run(lambda: False, limit_ms=ms)


def until_round(net: Network, name: str, round: int) -> None:
    assert net.run(lambda: (study := net.peer(name).current) is not None and study.round >= round, limit_ms=240_000)


def entries(net: Network, name: str, kind: str) -> list[Any]:
    return [e for e in map(decode_entry, net.regions[name].store.leaves) if e.kind == kind]


def lose(net: Network, name: str, kept: int) -> list[bytes]:
    """Kill a region whose disk loses what came after its first ``kept`` entries; returns all it had written."""
    net.kill(name)
    store = net.regions[name].store
    whole = list(store.leaves)
    del store.leaves[kept:]
    return whole


def restore(net: Network, name: str, wait_ms: int = 5_000) -> Previous:
    """What ``landsting restore`` does: ask, take back what leads to a signed head, begin anew after the largest."""
    net.start(name)
    pass_time(net, wait_ms)
    waking = net.peer(name).waking
    assert waking.is_rolled_back
    assert waking.larger is not None
    found = waking.partial()
    recovered = [leaf for leaf, _ in found[0]] if found is not None else []
    assert None not in recovered
    net.kill(name)
    larger = waking.larger
    previous = Previous(larger.origin, larger.size, larger.root, "lost")
    net.begin_anew(name, previous, recovered)  # type: ignore[arg-type]
    return previous


def statements(net: Network) -> dict[tuple[Any, ...], set[bytes]]:
    """Every place that one statement only may have, with the ids of all that any log holds there."""
    found: dict[tuple[Any, ...], set[bytes]] = {}
    for region in net.regions.values():
        for leaf in [*region.store.past, *region.store.leaves]:
            entry = decode_entry(leaf)
            if entry.kind in ("env.sent", "env.recv"):
                envelope = parse(entry.body["header"], entry.body["sig"])  # type: ignore[arg-type]
                place = place_of(envelope.fields)
                if place is not None:
                    found.setdefault(place, set()).add(envelope.eid)
    return found


@pytest.mark.attack("L14")
@pytest.mark.parametrize("witness", [MIRRORED, PROVED], ids=["mirror", "proofs"])
@pytest.mark.parametrize("masking", ["strict", "recoverable"])
def test_a_region_that_lost_its_tail_begins_anew_and_trains_on(
    make_network: Make, witness: dict[str, Any], masking: str
) -> None:
    net, _, plan = make_network(4, rounds=14, round_min_s=2, witness=witness, masking={"mode": masking})
    until_round(net, "region-a", 4)
    kept = len(net.regions["region-a"].store.leaves)
    until_round(net, "region-a", 7)
    lost = lose(net, "region-a", kept)
    previous = restore(net, "region-a")
    assert kept < previous.size <= len(lost)
    net.start("region-a")
    assert net.peer("region-a").state == "quiet"
    alarms = {a["code"]: a["fix"] for a in net.ask("region-a", "status")["alarms"]}  # type: ignore[attr-defined]
    assert "region-b, region-c, region-d" in alarms["NEW-EPOCH"]
    with pytest.raises(ValueError, match="begun anew, and waits to be confirmed"):
        net.ask("region-a", "export")
    assert net.run(limit_ms=600_000)
    assert {str(net.ended[n].outcome) for n in net.names} == {"done"}
    assert net.peer("region-a").log.origin.endswith("/2")
    assert entries(net, "region-a", "round.mix")
    for name in net.names:
        assert not net.peer(name).blame.suspended
        assert not entries(net, name, "fault"), [s for s in net.suspects if s[0] == name]
    assert all(len(eids) == 1 for eids in statements(net).values())
    assert plan.rounds == 14


LOSSES = {
    "kept": st.floats(0.5, 0.95), "round": st.integers(2, 6), "masking": st.sampled_from(["strict", "recoverable"]),
    "silent": st.sampled_from(["region-b", "region-c", ""]), "cut": st.integers(0, 400),
    "killed": st.lists(st.integers(200, 4_000), max_size=2),
}  # fmt: skip


def check_no_second_statement(
    make_network: Make, kept: float, round: int, masking: str, silent: str, cut: int, killed: list[int], **plan: Any
) -> None:
    """Wherever the log is cut, whoever is away while it is asked for and comes back only once the new one runs."""
    net, _, _ = make_network(4, rounds=12, round_min_s=2, witness=MIRRORED, masking={"mode": masking}, **plan)
    until_round(net, "region-a", round)
    pass_time(net, cut)  # anywhere in a round
    whole = net.regions["region-a"].store.leaves
    lose(net, "region-a", int(len(whole) * kept))
    if silent:
        net.kill(silent)
    restore(net, "region-a")
    net.start("region-a")
    pass_time(net, 6_000)
    if silent:
        alarms = {a["code"]: a["fix"] for a in net.ask("region-a", "status")["alarms"]}  # type: ignore[attr-defined]
        assert f"once {silent} has said" in alarms["NEW-EPOCH"]
        said = [parse(e.body["header"], e.body["sig"]).fields for e in entries(net, "region-a", "env.sent")]
        assert not any(fields.session for fields in said)  # before all have answered, nothing is said in the study
        net.start(silent)
    for ms in killed:
        pass_time(net, ms)
        net.kill("region-a")
        net.start("region-a")
    assert net.run(limit_ms=600_000)
    assert all(len(eids) == 1 for eids in statements(net).values())
    for name in net.names:
        assert not net.peer(name).blame.suspended
        assert str(net.ended[name].outcome) == "done"


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(**LOSSES)
def test_no_place_gets_a_second_statement_wherever_the_log_ends(make_network: Make, **loss: Any) -> None:
    check_no_second_statement(make_network, **loss)


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(**LOSSES, exchange=st.sampled_from(["full", "diff"]))
def test_no_place_gets_a_second_statement_whatever_happens(make_network: Make, **loss: Any) -> None:
    check_no_second_statement(make_network, **loss)


def test_a_neighbour_with_a_larger_head_shows_it_and_confirms_once_it_is_shown_back(make_network: Make) -> None:
    """The one that held the end was away while the log was asked for: the new epoch began after too little."""
    net, _, _ = make_network(4, rounds=14, round_min_s=2, witness=MIRRORED, masking={"mode": "recoverable"})
    until_round(net, "region-a", 4)
    for name in ("region-c", "region-d"):
        net.cut("region-a", name)
    pass_time(net, 6_000)  # only region-b hears what comes now
    assert net.run(lambda: held_by(net, "region-b") >= len(net.regions["region-a"].store.leaves) - 3)
    kept = max(m.size for m in (net.peer(n).witness.mirrors[origin_of(net)] for n in ("region-c", "region-d")))
    lose(net, "region-a", kept - 20)
    largest = held_by(net, "region-b")
    net.kill("region-b")
    for name in ("region-c", "region-d"):
        net.heal("region-a", name)
    previous = restore(net, "region-a")
    assert previous.size < largest
    net.start("region-a")
    pass_time(net, 5_000)
    assert net.peer("region-a").state != "quiet"  # two of three have confirmed
    net.start("region-b")
    pass_time(net, 3_000)
    assert any(s.code == "LS-ROLLBACK" for who, s in net.suspects if who == "region-b")
    assert net.peer("region-b").membership.epochs.current("region-a") == 2
    assert "region-b" in net.peer("region-a").reentry.answered
    assert net.run(limit_ms=600_000)
    assert all(len(eids) == 1 for eids in statements(net).values())
    assert not any(net.peer(name).blame.suspended for name in net.names)


def origin_of(net: Network) -> str:
    return net.peer("region-a").log.origin


def held_by(net: Network, name: str) -> int:
    """The largest head of region-a's first log that a message which a region holds shows."""
    return net.peer(name).mailbox.newest_of("region-a")["simulated.example/region-a/1"]


def test_who_has_lost_its_own_log_as_well_does_not_know_what_it_heard(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=30, round_min_s=2, witness=MIRRORED, masking={"mode": "recoverable"})
    until_round(net, "region-a", 5)
    for name in ("region-a", "region-c"):
        lose(net, name, int(len(net.regions[name].store.leaves) * 0.7))
    restore(net, "region-a")
    net.start("region-c")
    pass_time(net, 6_000)
    assert net.peer("region-c").state == "rolled-back"
    net.start("region-a")
    pass_time(net, 8_000)
    assert net.peer("region-a").reentry.answered == {"region-b", "region-d"}


def test_what_was_given_up_stays_given_up_after_a_further_restart(make_network: Make) -> None:
    """Its log tells the next run as well which rounds it may have spoken in: their answers are late, not wrong."""
    net, _, _ = make_network(4, rounds=14, round_min_s=2, witness=MIRRORED, masking={"mode": "recoverable"})
    until_round(net, "region-a", 5)
    lose(net, "region-a", int(len(net.regions["region-a"].store.leaves) * 0.7))
    restore(net, "region-a")
    net.start("region-a")

    def given_up() -> tuple[int, int, dict[str, int]]:
        study = net.peer("region-a").current
        assert study is not None
        return study.context.forgotten, study._past.lost, dict(study._past.masked)

    assert net.run(lambda: 0 <= given_up()[0] < 14, limit_ms=60_000)
    before = given_up()
    net.kill("region-a")
    net.start("region-a")
    assert net.run(lambda: 0 <= given_up()[0] < 14, limit_ms=60_000)
    assert given_up() == before
    assert before[0] == before[1]
    assert set(before[2].values()) == {before[0]}


def test_a_restart_follows_the_new_log_and_asks_nobody_twice(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=20, round_min_s=2, witness=MIRRORED, masking={"mode": "recoverable"})
    until_round(net, "region-a", 4)
    lose(net, "region-a", int(len(net.regions["region-a"].store.leaves) * 0.8))
    restore(net, "region-a")
    net.start("region-a")
    until_round(net, "region-a", 9)
    net.kill("region-a")
    net.kill("region-b")
    net.start("region-b")
    assert net.peer("region-b").membership.epochs.current("region-a") == 2
    net.start("region-a")
    assert net.peer("region-a").reentry.answered == {"region-b", "region-c", "region-d"}
    assert net.run(limit_ms=600_000)
    assert {str(net.ended[n].outcome) for n in net.names} == {"done"}
    assert all(len(eids) == 1 for eids in statements(net).values())


@pytest.mark.parametrize(
    "plan",
    [
        {"exchange": "diff", "masking": {"mode": "strict"}},
        {"aggregation": "network", "masking": {"mode": "strict"}},
    ],
    ids=["diff", "network"],
)
def test_other_kinds_of_rounds_go_on_as_well(make_network: Make, plan: dict[str, Any]) -> None:
    net, worker, _ = make_network(4, rounds=14, round_min_s=2, witness=MIRRORED, **plan)
    until_round(net, "region-a", 5)
    lose(net, "region-a", int(len(net.regions["region-a"].store.leaves) * 0.7))
    restore(net, "region-a")
    net.start("region-a")
    assert net.run(limit_ms=600_000)
    assert {str(net.ended[n].outcome) for n in net.names} == {"done"}
    assert all(len(eids) == 1 for eids in statements(net).values())
    mixed = {e.body["round"] for e in entries(net, "region-a", "round.mix")}
    assert mixed, "the region takes part again"
    far = max(float(abs(net.models[n] - worker.optimum).max()) for n in net.names)
    start = float(abs(worker.initial - worker.optimum).max())
    assert far < start / 2


def test_a_log_that_ends_before_the_sums_were_open_leaves_the_study(make_network: Make) -> None:
    """They cannot be counted a second time: what the first attempt hid, a second one would open."""
    net, _, _ = make_network(4, rounds=14, round_min_s=2, witness=MIRRORED, sums=["count", "moment"])
    until_round(net, "region-a", 4)
    whole = [decode_entry(leaf).kind for leaf in net.regions["region-a"].store.leaves]
    lose(net, "region-a", whole.index("stats.open"))
    net.kill("region-a")
    for name in ("region-b", "region-c", "region-d"):
        net.regions[name].store.mirrors.pop("simulated.example/region-a/1", None)
        net.kill(name)
        net.start(name)
    restore(net, "region-a")
    net.start("region-a")
    assert net.run(limit_ms=600_000)
    assert (str(net.ended["region-a"].outcome), net.ended["region-a"].reason) == ("stopped", "stats")
    assert all(len(eids) == 1 for eids in statements(net).values())


@pytest.mark.parametrize("kept", [1, 0.6], ids=["its first entry", "a part"])
def test_a_new_log_that_is_lost_as_well_is_begun_anew_once_more(make_network: Make, kept: float) -> None:
    net, _, _ = make_network(4, rounds=20, round_min_s=2, witness=MIRRORED, masking={"mode": "recoverable"})
    until_round(net, "region-a", 4)
    lose(net, "region-a", int(len(net.regions["region-a"].store.leaves) * 0.8))
    restore(net, "region-a")
    net.start("region-a")
    until_round(net, "region-a", 9)
    size = len(net.regions["region-a"].store.leaves)
    lose(net, "region-a", kept if isinstance(kept, int) else int(kept * size))
    previous = restore(net, "region-a")
    assert previous.origin.endswith("/2")
    net.start("region-a")
    assert net.run(limit_ms=600_000)
    assert net.peer("region-a").log.origin.endswith("/3")
    assert {str(net.ended[n].outcome) for n in net.names} == {"done"}
    assert all(len(eids) == 1 for eids in statements(net).values())
    for name in net.names:
        assert net.peer(name).membership.epochs.current("region-a") == (3 if name != "region-a" else 1)
        assert not net.peer(name).blame.suspended


def test_a_backup_from_before_the_new_log_is_told_by_the_neighbours(make_network: Make) -> None:
    """The home of the first epoch is put back while the second runs: nothing is appended to either."""
    net, _, _ = make_network(4, rounds=20, round_min_s=2, witness=MIRRORED, masking={"mode": "recoverable"})
    until_round(net, "region-a", 4)
    old = lose(net, "region-a", int(len(net.regions["region-a"].store.leaves) * 0.8))
    restore(net, "region-a")
    net.start("region-a")
    until_round(net, "region-a", 8)
    net.kill("region-a")
    store = net.regions["region-a"].store
    store.leaves[:], store.epoch = old, 1
    store.past.clear()
    store.blobs.clear()
    net.start("region-a")
    pass_time(net, 10_000)
    assert net.peer("region-a").state == "rolled-back"
    assert store.leaves == old
    larger = net.peer("region-a").waking.larger
    assert larger is not None
    assert larger.origin.endswith("/2")
    for name in ("region-b", "region-c", "region-d"):
        assert not net.peer(name).blame.suspended


def test_what_was_confirmed_before_a_stop_counts_after_it(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=20, round_min_s=2, witness=MIRRORED, masking={"mode": "recoverable"})
    until_round(net, "region-a", 4)
    lose(net, "region-a", int(len(net.regions["region-a"].store.leaves) * 0.8))
    restore(net, "region-a")
    for name in ("region-c", "region-d"):
        net.cut("region-a", name)
    net.start("region-a")
    pass_time(net, 3_000)
    assert net.peer("region-a").state == "quiet"  # one of the two that it takes
    net.kill("region-a")
    net.cut("region-a", "region-b")
    net.heal("region-a", "region-c")
    net.start("region-a")
    pass_time(net, 3_000)
    assert net.peer("region-a").waking.heard.keys() == {"region-b", "region-c"}
    assert net.peer("region-a").state != "quiet"


# ---------------------------------------------------------------- ways to cheat


@pytest.mark.parametrize("masking", ["strict", "recoverable"])
def test_a_neighbour_that_hides_what_it_holds_catches_nobody(
    make_network: Make, monkeypatch: pytest.MonkeyPatch, masking: str
) -> None:
    """Nobody tells a region in which rounds it has spoken: where the others are tells enough."""
    monkeypatch.setattr(following.Following, "show_rounds", lambda *_: None)
    net, _, _ = make_network(4, rounds=14, round_min_s=2, witness=MIRRORED, masking={"mode": masking})
    until_round(net, "region-a", 6)
    lose(net, "region-a", int(len(net.regions["region-a"].store.leaves) * 0.6))
    restore(net, "region-a")
    net.start("region-a")
    assert net.run(limit_ms=600_000)
    assert all(len(eids) == 1 for eids in statements(net).values())
    assert not any(net.peer(name).blame.suspended for name in net.names)


def anew(net: Network, liar: Any, previous: Previous, epoch: int = 2) -> Log:
    """A further log of a region that says what it likes, with a first entry that names this head."""
    card = net.regions[liar.name].card
    log = Log(
        network="simulated.example", region=liar.name, sign_key=liar.keys.sign, log_key=liar.keys.log, epoch=epoch
    )
    body: dict[str, Any] = {
        "network": "simulated.example",
        "region": liar.name,
        "identity": card.identity,
        "keys": card.value()["keys"],
        "software": {"name": "landsting", "version": "0", "source_sha256": bytes(32)},
        "prev": previous.value(),
    }
    log.add("log.genesis", body, study=None, now_ms=net.now_ms)
    return log


def show(net: Network, liar: Any, to: str, log: Log) -> None:
    """Its checkpoint and its first entry, as an honest region shows them."""
    point, signature = log.signed(1)
    note = checkpoint_note(point, log.log_public, signature)
    leaf = log.pending_leaves[0].leaf
    study = net.peer(to).current.id
    liar.log = log
    liar.say(to, "HEADS", {}, Heads(0, note, 0, ()).encode(), study=study, round=0)
    liar.say(to, "MIRROR", {"log": log.origin}, encode_mirror(0, [leaf]))


def stopped_liar(net: Network, hostile: Any) -> Any:
    until_round(net, "region-a", 4)
    liar = hostile.liar(net, "region-d")
    net.kill("region-d")
    return liar


def newest(net: Network, at: str, name: str = "region-d") -> Previous:
    point = net.peer(at).witness.mirrors[f"simulated.example/{name}/1"].checkpoint
    assert point is not None
    return Previous(point.origin, point.size, point.root, "lost")


@pytest.mark.attack("L14")
def test_a_new_log_after_another_history_is_a_fork(make_network: Make, hostile: Any) -> None:
    net, _, _ = make_network(4, rounds=40, round_min_s=2, witness=MIRRORED)
    liar = stopped_liar(net, hostile)
    held = newest(net, "region-a")
    show(net, liar, "region-a", anew(net, liar, Previous(held.origin, held.size, bytes(32), "lost")))
    assert net.peer("region-a").blame.suspended == {"region-d"}
    assert ("region-d", "LS-FORK") in hostile.faults(net, "region-a")
    assert net.peer("region-a").membership.epochs.current("region-d") == 1


def test_a_new_log_ends_no_suspension_and_hides_no_fork(make_network: Make, hostile: Any) -> None:
    net, _, _ = make_network(4, rounds=40, round_min_s=2, witness=MIRRORED)
    liar = stopped_liar(net, hostile)
    study, held = net.peer("region-a").current.id, newest(net, "region-a")
    two = []
    for first in (30, 31):
        liar.fork(0)
        two.append(
            liar.log.seal(
                "ABSENT", {"first": first, "last": first}, to=["region-a"], study=study, round=4, now_ms=net.now_ms
            )
        )
    liar.deliver("region-a", two[0])
    largest = Previous(held.origin, two[0].fields.head_size, two[0].fields.head_root, "lost")
    show(net, liar, "region-a", anew(net, liar, largest))
    assert net.peer("region-a").membership.epochs.current("region-d") == 2
    # The second statement at the place of the first comes as evidence through another region: it still convicts.
    other = hostile.liar(net, "region-b")
    net.kill("region-b")
    evidence = encode_evidence(*two)
    other.say("region-a", "EVIDENCE", {"region": "region-d", "code": "LS-FORK"}, evidence, study=study, round=4)
    assert net.peer("region-a").blame.suspended == {"region-d"}
    cosigned = len(net.regions["region-a"].store.cosignatures)
    show(net, liar, "region-a", anew(net, liar, largest, epoch=3))
    assert net.peer("region-a").membership.epochs.current("region-d") == 2
    assert net.peer("region-a").blame.suspended == {"region-d"}
    assert len(net.regions["region-a"].store.cosignatures) == cosigned


def test_the_old_log_counts_no_more_once_the_new_one_is_followed(make_network: Make, hostile: Any) -> None:
    net, _, _ = make_network(4, rounds=40, round_min_s=2, witness=MIRRORED)
    liar = stopped_liar(net, hostile)
    old, study = liar.log, net.peer("region-a").current.id
    last = newest(net, "region-a")
    said = net.peer("region-a").mailbox.newest_of("region-d")[last.origin]
    size = max(said, last.size)
    show(net, liar, "region-a", anew(net, liar, Previous(last.origin, size, old.tree.root_at(size), "lost")))
    assert net.peer("region-a").membership.epochs.current("region-d") == 2
    before = len(net.regions["region-a"].store.leaves)
    liar.log = old
    liar.say("region-a", "ABSENT", {"first": 30, "last": 30}, study=study, round=4)
    point, signature = old.signed()
    note = checkpoint_note(point, old.log_public, signature)
    liar.say("region-a", "HEADS", {}, Heads(4, note, 0, ()).encode(), study=study, round=4)
    kinds = [e.kind for e in map(decode_entry, net.regions["region-a"].store.leaves[before:])]
    assert "env.recv" not in kinds
    assert not [c for c in net.regions["region-a"].store.cosignatures if (c.origin, c.size) == (old.origin, old.size)]


def test_who_says_again_what_it_no_longer_knows_it_said_is_not_at_fault(make_network: Make, hostile: Any) -> None:
    """Outside of sessions there is no harm in it: what was held first stands."""
    net, _, plan = make_network(4, rounds=40, round_min_s=2, witness=MIRRORED)
    liar, to = stopped_liar(net, hostile), "region-a"
    approval = {"kind": "data", "file_sha256": bytes([7]) * 32, "card_sha256": bytes([8]) * 32}
    first = liar.say(to, "APPROVE", approval, study=plan.study)
    last = Previous(liar.log.origin, first.fields.head_size, first.fields.head_root, "lost")
    show(net, liar, to, anew(net, liar, last))
    assert net.peer(to).membership.epochs.current("region-d") == 2
    again = liar.say(to, "APPROVE", approval, study=plan.study)
    liar.say(to, "ACCEPT", {"code_sha256": plan.code_sha256s[0]}, study=plan.study)
    assert first.eid != again.eid
    assert not hostile.faults(net, to)
    (one,) = net.ask(to, "releases")["releases"]
    assert one["signed"] == ["region-d"]


@pytest.mark.parametrize("what", ["identity", "keys", "region", "itself"])
def test_a_first_entry_that_is_not_the_regions_own_is_followed_by_nobody(
    make_network: Make, hostile: Any, what: str
) -> None:
    net, _, _ = make_network(4, rounds=40, round_min_s=2, witness=MIRRORED)
    liar = stopped_liar(net, hostile)
    log = anew(net, liar, newest(net, "region-a"))
    entry = decode_entry(log.pending_leaves[0].leaf)
    body: dict[str, Any] = dict(entry.body)
    match what:
        case "identity":
            body["identity"] = bytes(32)
        case "keys":
            body["keys"] = {**body["keys"], "witness": bytes([1]) * 32}
        case "region":
            body["prev"] = {**body["prev"], "origin": "simulated.example/region-c/1"}
        case _:
            body["prev"] = {**body["prev"], "origin": log.origin}
    forged = Log(
        network="simulated.example", region="region-d", sign_key=liar.keys.sign, log_key=liar.keys.log, epoch=2
    )
    forged.add("log.genesis", body, study=None, now_ms=net.now_ms)
    show(net, liar, "region-a", forged)
    assert net.peer("region-a").membership.epochs.current("region-d") == 1
    assert not net.peer("region-a").blame.suspended


def test_a_region_does_not_begin_anew_without_end(
    make_network: Make, hostile: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MAX_EPOCHS", 3)
    net, _, _ = make_network(4, rounds=40, round_min_s=2, witness=MIRRORED)
    liar = stopped_liar(net, hostile)
    said = net.peer("region-a").mailbox.newest_of("region-d")
    last = newest(net, "region-a")
    size = max(last.size, said[last.origin])
    before = Previous(last.origin, size, liar.log.tree.root_at(size), "lost")
    for epoch in range(2, 8):
        log = anew(net, liar, before, epoch)
        show(net, liar, "region-a", log)
        before = Previous(log.origin, 1, log.tree.root_at(1), "lost")
    assert net.peer("region-a").membership.epochs.current("region-d") == 4
    assert ("region-d", "LIMIT") in hostile.faults(net, "region-a")


def test_a_cosignature_on_the_old_log_confirms_nothing_of_the_new_one(make_network: Make, hostile: Any) -> None:
    net, _, _ = make_network(4, rounds=30, round_min_s=2, witness=MIRRORED)
    until_round(net, "region-a", 4)
    old: list[Any] = []

    def keep(who: str, send: Send) -> list[Send]:
        envelope = parse(send.header, send.signature)
        if send.link == "region-a" and envelope.fields.type == "COSIGN":
            old.append(envelope)
        return [send]

    net.on_send = keep
    until_round(net, "region-a", 6)
    lose(net, "region-a", int(len(net.regions["region-a"].store.leaves) * 0.9))
    restore(net, "region-a")
    for name in ("region-b", "region-c", "region-d"):
        net.cut("region-a", name)
    net.start("region-a")
    for envelope in old:
        hostile.tell(net, "region-a", envelope.fields.sender, envelope.header, envelope.signature)
    pass_time(net, 5_000)
    assert net.peer("region-a").state == "quiet"
    assert len(net.regions["region-a"].store.leaves) == 1


@pytest.mark.attack("L14")
@pytest.mark.parametrize("witness", [MIRRORED, PROVED], ids=["mirror", "proofs"])
def test_a_neighbour_that_was_put_back_to_before_a_new_epoch_learns_of_it_again(
    make_network: Make, witness: dict[str, Any]
) -> None:
    """Its own log comes back, what it knew of others' does not: it must not refuse who has told it once."""
    net, _, _ = make_network(4, rounds=2, witness=witness)
    assert net.run(limit_ms=120_000)
    pass_time(net, 15_000)
    before = copy.deepcopy(net.regions["region-b"].store)
    point, _ = net.peer("region-a").log.signed()
    net.kill("region-a")
    net.begin_anew("region-a", Previous(point.origin, point.size, point.root, "lost"))
    net.start("region-a")
    pass_time(net, 15_000)
    assert net.peer("region-b").membership.epochs.current("region-a") == 2
    whole = lose(net, "region-b", 1)
    net.regions["region-b"].store = before
    before.leaves[:] = whole
    net.start("region-b")
    pass_time(net, 10_000)
    assert net.peer("region-b").membership.epochs.current("region-a") == 2
    roster = net.peer("region-a").membership.in_force
    assert roster is not None
    net.ended.clear()
    net.agree(quadratic_plan(roster, Quadratic(net.names), rounds=2, witness=witness, seed=5), proposer="region-a")
    assert net.run(lambda: len(net.ended) == 4, limit_ms=120_000)
    assert {str(one.outcome) for one in net.ended.values()} == {"done"}
    assert not any(net.peer(name).blame.suspended for name in net.names)
    if witness is MIRRORED:
        mirror = net.peer("region-b").witness.mirrors["simulated.example/region-a/2"]
        assert mirror.size > 1
