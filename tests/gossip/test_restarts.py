"""What a region knows again after a stop, and that it neither says a thing twice nor runs ahead nor stays behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gossip.effects import Send
from gossip.events import Arrived
from gossip.network import Network
from gossip.sessions.session import session_id
from protocol.entries import decode_entry
from protocol.envelope import parse
from protocol.plan import Plan

Make = Callable[..., Any]


def pass_time(net: Network, ms: int) -> None:
    """Let some time pass, whatever happens in it."""
    net.run(lambda: False, limit_ms=ms)


def restart(net: Network, name: str) -> None:
    """SIGKILL and start again."""
    net.kill(name)
    net.start(name)


def has_ended(net: Network, name: str, plan: Plan) -> bool:
    """Whether a study is over at a region."""
    study = net.peer(name).studies.get(plan.study)
    return study is not None and study.outcome is not None


def ended(net: Network, name: str) -> list[tuple[int, str, str | None]]:
    """(round, outcome, reason) of the rounds that a region has logged as over."""
    entries = [decode_entry(leaf) for leaf in net.regions[name].store.leaves]
    ends = [e.body for e in entries if e.kind == "round.end"]
    return [(int(str(b["round"])), str(b["outcome"]), b["reason"]) for b in ends]  # type: ignore[misc]


@pytest.mark.attack("S06")
@pytest.mark.attack("S30")
def test_a_restart_gives_a_receiver_no_fresh_change_budget(make_network: Make, hostile: Any) -> None:
    """Each round the receiver leaves another one out; a member that starts again in between answers two sets in all."""
    masking = {"mode": "strict", "change_budget": 2, "colluders": 1}
    net, _, _ = make_network(7, rounds=6, round_timeout_s=2, round_min_s=3, masking=masking)
    receiver, member, others = net.names[0], net.names[6], net.names[1:]
    answered: list[int] = []

    def lose(sender: str, send: Send) -> list[Send]:
        fields = parse(send.header, send.signature).fields
        if send.link == receiver and fields.type == "MASKED" and sender == member and fields.round not in answered:
            answered.append(fields.round or 0)
        left_out = send.link == receiver and fields.type == "ADVERT" and sender == others[(fields.round or 0) % 6]
        return [] if left_out else [send]

    net.on_send = lose
    for round in (2, 4):
        hostile.until_round(net, receiver, round)
        restart(net, member)
    assert net.run(limit_ms=60_000)
    assert len(answered) <= 2
    assert (receiver, "STATE") in hostile.faults(net, member)


@pytest.mark.attack("S05")
@pytest.mark.attack("S21")
def test_a_region_that_named_a_cohort_and_died_before_its_own_value_names_no_second_one(make_network: Make) -> None:
    """In the first training round after sums, with a late member whose announcement comes after the restart."""
    slow, late = "region-a", "region-e"
    net, _, plan = make_network(
        6,
        rounds=4,
        sums=["count"],
        round_timeout_s=10,
        masking={"mode": "strict", "colluders": 0},
        network={"train_ms": lambda region, round: 60_000 if region == slow and round == 1 else 20},
    )
    cohorts: set[bytes] = set()
    held: list[Send] = []

    def see(sender: str, send: Send) -> list[Send]:
        envelope = parse(send.header, send.signature)
        if sender == slow and envelope.fields.type == "COHORT" and envelope.fields.round == plan.first_round:
            cohorts.add(envelope.eid)
        is_late = sender in (late, "region-f") and send.link == slow and envelope.fields.round == plan.first_round
        if is_late and envelope.fields.type == "ADVERT":
            held.append(send)
            return []
        return [send]

    net.on_send = see
    assert net.run(lambda: bool(cohorts))
    restart(net, slow)
    assert net.run(lambda: net.peer(slow).current.phase.value in ("training", "rejoining"))
    for send in held:
        sender = parse(send.header, send.signature).fields.sender
        net._handle(slow, Arrived(0, sender, send.header, send.signature))
    assert net.run(limit_ms=600_000)
    assert len(cohorts) == 1
    assert (plan.first_round, "kept", "restart") in ended(net, slow)


@pytest.mark.attack("S31")
def test_integers_that_are_gone_from_disk_are_not_counted_again(make_network: Make) -> None:
    """Two attempts with different integers of one region would open its difference: the study stops there instead."""
    net, _, plan = make_network(3, rounds=2, sums=["count"])
    victim = net.names[0]
    net.on_send = lambda _n, s: [] if parse(s.header, s.signature).fields.type == "COHORT" else [s]
    own = f"sum/{plan.study.hex()}/0"
    assert net.run(lambda: own in net.regions[victim].store.blobs)
    pass_time(net, 1_000)
    del net.regions[victim].store.blobs[own]
    restart(net, victim)
    pass_time(net, 5_000)
    study = net.peer(victim).current
    assert (study.outcome, study.reason) == ("stopped", "data")
    assert "gone from its disk" in study.words


def test_a_damaged_model_file_is_not_gone_on_with(make_network: Make) -> None:
    net, _, plan = make_network(4, rounds=6, round_min_s=2)
    victim = net.names[0]
    net.run(lambda: net.peer(victim).current is not None and net.peer(victim).current.round >= 3)
    store = net.regions[victim].store
    name = f"model/{plan.study.hex()}/2"
    net.kill(victim)
    store.blobs[name] = bytes(len(store.blobs[name]))
    net.start(victim)
    assert net.run(lambda: net.peer(victim).current.model is not None)
    before = np.frombuffer(store.blobs[f"model/{plan.study.hex()}/1"], dtype="<f4")
    assert net.peer(victim).current.model.tobytes() == before.tobytes()
    assert net.run()


def test_a_region_that_keeps_dying_does_not_run_ahead_of_the_others(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=12, round_min_s=4)
    victim = net.names[0]
    net.run(lambda: net.peer(victim).current is not None and net.peer(victim).current.round >= 2)
    for _ in range(8):
        restart(net, victim)
        pass_time(net, 50)
    furthest = max(net.peer(n).current.round for n in net.names[1:])
    assert net.peer(victim).current.round <= furthest + 1
    assert net.run()
    assert [e[2] for e in ended(net, victim)].count("restart") <= 2


def test_a_region_whose_worker_never_trains_stays_with_the_others(make_network: Make) -> None:
    net, worker, plan = make_network(4, rounds=6, round_min_s=1)
    for round in range(plan.end_round):
        worker.failing[(net.names[0], round)] = "the worker died"
    done: list[str] = []
    net.run(lambda: bool(net.ended))
    done += list(net.ended)
    assert net.names[0] not in done, "it skipped through all rounds at once"
    assert net.run(limit_ms=300_000)
    for name in net.names[1:]:
        assert net.peer(name).current.rounds_mixed == 6


def test_a_region_that_skipped_rounds_does_not_enter_them_after_a_restart(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=12, round_min_s=2)
    victim, other = net.names[:2]
    net.run(lambda: net.peer(other).current is not None and net.peer(other).current.round >= 2)
    net.kill(victim)
    net.run(lambda: net.peer(other).current.round >= 7)
    net.start(victim)
    assert net.run(lambda: net.peer(victim).current.round >= 7)
    for name in net.names[1:]:
        net.kill(name)
    restart(net, victim)
    pass_time(net, 40_000)
    assert net.peer(victim).current.round >= 7
    rounds = [r for r, _, _ in ended(net, victim)]
    assert rounds == sorted(rounds)
    assert not {4, 5, 6} & set(rounds)


def test_who_comes_back_when_the_others_run_another_study_learns_that_its_own_has_ended(make_network: Make) -> None:
    net, _, plan = make_network(4, rounds=6, round_min_s=1)
    victim, others = net.names[0], net.names[1:]
    second = Plan.make(**{**plan.value(), "title": "second", "rounds": 40})
    net.run(lambda: all(net.peer(n).current for n in net.names))
    net.agree(second)
    net.run(lambda: net.peer(victim).current.round >= 2)
    net.kill(victim)
    assert net.run(lambda: all(net.peer(n).current.id == second.study for n in others))
    pass_time(net, 5_000)
    net.start(victim)
    assert net.run(lambda: net.peer(victim).current.id == second.study, limit_ms=15_000)
    assert net.run(lambda: all(has_ended(net, n, second) for n in net.names))
    assert net.peer(victim).current.rounds_mixed > 10


def test_a_region_that_the_others_left_behind_in_the_sums_stops_and_says_so(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=30, sums=["count", "moment"], round_timeout_s=2, round_min_s=1)
    victim, others = net.names[0], net.names[1:]
    # The others have the victim's part of the last sum; it dies before it opens that sum itself.
    net.on_send = lambda _n, s: (
        []
        if s.link == victim
        and parse(s.header, s.signature).fields.type == "MASKED"
        and parse(s.header, s.signature).fields.round == 1
        else [s]
    )
    assert net.run(lambda: all(net.peer(n).current is not None and net.peer(n).current.round == 2 for n in others))
    net.kill(victim)
    assert net.run(lambda: all(net.peer(n).current.round >= 4 for n in others), limit_ms=60_000)
    net.on_send = lambda _n, s: [s]
    net.start(victim)
    assert net.run(lambda: net.peer(victim).current.outcome is not None, limit_ms=60_000)
    study = net.peer(victim).current
    assert (study.outcome, study.reason) == ("stopped", "left")
    assert "train already" in study.words or "has left" in study.words


def test_one_that_leaves_before_the_sums_are_open_frees_the_others(make_network: Make) -> None:
    """A study in which nothing can be opened any more must not stand in the way of the next one."""
    net, worker, plan = make_network(3, rounds=3, sums=["count"])
    second = Plan.make(**{**plan.value(), "title": "second", "sums": []})
    measure = worker.measure

    def without_data(region: str, *args: Any) -> Any:
        if region == net.names[0]:
            raise ValueError("data")
        return measure(region, *args)

    worker.measure = without_data
    net.run(lambda: all(net.peer(n).current for n in net.names))
    net.agree(second)
    assert net.run(lambda: all(has_ended(net, n, second) for n in net.names))
    assert {net.peer(n).studies[plan.study].reason for n in net.names} == {"data", "left"}


@pytest.mark.parametrize("sums", [[], ["count"]])
def test_two_studies_that_begin_in_another_order_at_two_regions_do_not_wait_for_each_other(
    make_network: Make, sums: list[str]
) -> None:
    """The last two ACCEPTs cross on a line that is down; each region begins the study that it heard of first."""
    net, _, plan = make_network(3, rounds=2)
    assert net.run()
    plans = [Plan.make(**{**plan.value(), "title": title, "sums": sums}) for title in ("one", "two")]
    a, b, c = net.names
    for proposed in plans:
        net.ask(c, "propose", plan=proposed.encode())
        net.run(lambda study=proposed.study: all(study in net.peer(n).agreement.proposals for n in net.names))
        net.ask(c, "accept", study=proposed.study, role="technical", ref=None)
    one, two = plans
    net.ask(a, "accept", study=one.study, role="technical", ref=None)
    net.ask(b, "accept", study=two.study, role="technical", ref=None)
    pass_time(net, 100)
    net.cut(a, b)
    net.cut(a, c)
    net.cut(b, c)
    net.ask(a, "accept", study=two.study, role="technical", ref=None)
    net.ask(b, "accept", study=one.study, role="technical", ref=None)
    assert {net.peer(a).current.id, net.peer(b).current.id} == {one.study, two.study}
    for x, y in ((a, b), (a, c), (b, c)):
        net.heal(x, y)
    assert net.run(lambda: all(has_ended(net, n, p) for n in net.names for p in plans), limit_ms=600_000)
    first = min(plans, key=lambda p: p.study)
    assert {net.peer(n).studies[first.study].outcome for n in net.names} == {"done"}


@pytest.mark.attack("S23")
def test_a_region_that_never_begins_holds_a_study_without_sums_up_for_five_timeouts_only(make_network: Make) -> None:
    net, worker, _ = make_network(4, rounds=3, round_timeout_s=4)
    opened = worker.open

    def without_worker(region: str, plan: Plan) -> Any:
        if region == net.names[0]:
            raise ValueError("the worker died")
        return opened(region, plan)

    worker.open = without_worker
    assert net.run(lambda: all(n in net.ended for n in net.names[1:]), limit_ms=60_000)
    for name in net.names[1:]:
        assert net.peer(name).current.rounds_mixed == 3


def test_what_was_ready_is_forgotten_three_rounds_on(make_network: Make) -> None:
    """Rounds of a second under a timeout of ten minutes: values must not be kept for eighteen."""
    net, _, _ = make_network(4, rounds=20, round_timeout_s=600)
    assert net.run(lambda: all((study := net.peer(n).current) is not None and study.round >= 12 for n in net.names))
    for name in net.names:
        study = net.peer(name).current
        assert len(study.context.code) <= 4
        assert len(study._sender._sessions) <= 3 * 4


def test_a_study_that_ended_keeps_no_secret_and_no_value(make_network: Make) -> None:
    net, _, _ = make_network(4, rounds=3, sums=["count"], round_timeout_s=5)
    assert net.run()
    pass_time(net, 20_000)
    for name in net.names:
        study = net.peer(name).current
        assert study._sender._sessions == {}
        assert study.context.code == {}


def test_an_announcement_that_came_before_a_restart_counts_after_it(make_network: Make) -> None:
    """The others are a round ahead when a region dies: what they announced is in its log, and is not taken twice."""
    victim, other = "region-a", "region-b"
    net, _, _ = make_network(4, rounds=5, round_timeout_s=30)
    net.on_send = lambda n, s: (
        [] if (n, s.link) == (other, victim) and parse(s.header, s.signature).fields.type == "MASKED" else [s]
    )
    assert net.run(
        lambda: net.peer(victim).current is not None and any(net.peer(victim).current._inbox.early._kept.values())
    )
    net.on_send = lambda _n, s: [s]
    restart(net, victim)
    assert net.run(limit_ms=600_000)
    assert [outcome for _, outcome, _ in ended(net, victim)] == ["kept"] + 4 * ["mixed"]


def test_a_value_in_the_clear_that_came_before_its_round_outlives_a_restart(make_network: Make, hostile: Any) -> None:
    dp = {"eps_max_u": 3_000_000, "delta_u12": 10**9, "clip_u": 10**6, "q_u": 100_000, "sigma_min_u": 10**6}
    net, _, plan = make_network(2, rounds=6, round_min_s=5, dp=dp, masking={"on_unmaskable": "disclose"})
    victim, other = net.names
    hostile.until_round(net, victim, 1)
    assert net.run(lambda: net.peer(victim).current._current.outcome is not None)
    early = hostile.liar(net, other)
    net.kill(other)
    place = {"study": plan.study, "round": 2, "session": session_id(plan.study, 2, victim, plan.roster)}
    early.say(victim, "DELTA", {}, bytes(4 * plan.dim), **place)
    files = [name for name in net.regions[victim].store.blobs if name.startswith("early/")]
    assert len(files) == 1
    restart(net, victim)
    assert net.run(lambda: (2, "mixed", None) in ended(net, victim), limit_ms=60_000)
    assert [name for name in net.regions[victim].store.blobs if name.startswith("early/")] == []
