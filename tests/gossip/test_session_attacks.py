"""Ways to be cheated by a receiver, and by who looks on: what a session of either variant gives away."""

from __future__ import annotations

import ast
import os
from collections import Counter
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import crypto
import gossip
from crypto.agreement import derive, x25519, x25519_public
from crypto.errors import CryptoError
from crypto.masking import expand
from crypto.sealing import channel_key, unseal
from gossip.sessions.recoverable_member import RecoverableMember
from gossip.sessions.rules import SessionError, threshold
from gossip.sessions.session import MemberSession, MemberState, ReceiverSession, ReceiverState, read_cohort, session_id
from protocol.codec import decode, encode
from protocol.envelope import encode_carried
from protocol.errors import CodecError
from tests.gossip.recoverable_table import (
    RECEIVER,
    ROSTER,
    STUDY,
    Said,
    Table,
    check,
    envelope,
    lasting,
    lasting_private,
)

# Chi-squared of 255 degrees of freedom: above 377 in one of a million.
UNIFORM = 377.0


def chi_squared(data: bytes) -> float:
    """Of the bytes against the uniform."""
    counts = np.bincount(np.frombuffer(data, dtype=np.uint8), minlength=256)
    expected = counts.sum() / 256
    return float(((counts - expected) ** 2 / expected).sum())


# ---------------------------------------------------------------- S02: called lost, its value kept


@pytest.mark.attack("S02")
def test_a_receiver_that_calls_a_member_lost_and_keeps_its_value_has_noise() -> None:
    table = Table(4, ring=16, words=1 << 16, seed="S02")
    values = {name: np.full(1 << 16, 7, "<i2") for name in table.names}
    values["m03"] = np.arange(1 << 16, dtype="<u2").view("<i2")
    table.announce()
    table.share(table.cohort())
    routed = table.route()
    table.mask(routed, {name: values[name] for name in table.names[:3]})
    table.members["m03"].on_routed(*routed)
    kept = np.frombuffer(bytes(table.members["m03"].mask(values["m03"]).payload or b""), "<u2").copy()
    confirms = table.confirm(table.survive())
    assert confirms is not None
    table.reveal(confirms)

    # It knows every pair mask of the victim now: they were opened, to make the sum of the others right.
    for one in table.receiver.opened:
        if one.kind == "pair":
            assert one.of is not None
            stream = expand(one.seed, kept.size, "<u2")
            kept = kept - stream if one.of > "m03" else kept + stream
    assert chi_squared(kept.tobytes()) < UNIFORM
    noise = (kept - values["m03"].view("<u2")).astype(float)
    assert abs(np.corrcoef(kept.astype(float), values["m03"].view("<u2").astype(float))[0, 1]) < 5 / 256
    assert chi_squared(noise.astype("<u2").tobytes()) < UNIFORM


# ---------------------------------------------------------------- S03: two sets of survivors


def survivors(table: Table, names: list[str]) -> Said:
    """A SURVIVORS of these members, the others lost."""
    masked = {made.fields.sender: made for made, _ in table.said if made.fields.type == "MASKED"}
    view = next(made.eid for made, _ in table.said if made.fields.type == "ROUTED")
    body = {
        "view": view, "members": [[name, masked[name].eid] for name in names],
        "left_out": [[name, "lost"] for name in table.names if name not in names],
    }  # fmt: skip
    payload = encode_carried([(masked[name], None) for name in names])
    return envelope(RECEIVER, "SURVIVORS", body, table.sid, payload), payload


def shown_to(table: Table, name: str, sent: Said) -> Any:
    """The CONFIRM of a member that is shown these survivors; None if it refuses."""
    try:
        table.members[name].check_survivors(*sent)
    except SessionError:
        return None
    return table.seal(name, table.members[name].confirm())[0]


@pytest.mark.attack("S03")
@pytest.mark.parametrize("n", range(2, 8))
def test_however_honest_members_are_split_one_set_at_most_is_opened_and_nobody_is_isolated(n: int) -> None:
    c, t = (n - 1) // 3, threshold(n, (n - 1) // 3, 2)
    honest = [f"m{i:02d}" for i in range(n - c)]
    for size in range(len(honest) + 1):
        for first in combinations(honest, size):
            table = Table(n, seed=("S03", n, first))
            table.announce()
            table.share(table.cohort())
            # No receipts: the receiver is about to deny what it has.
            routed = table.route()
            for name in table.names:
                table.members[name].on_routed(*routed)
                table.seal(name, table.members[name].mask(table.values()[name]))
            # All of them to some; all but the victim to the others. The colluders sign both.
            sets = [survivors(table, table.names), survivors(table, table.names[1:])]
            shares: dict[str, Counter[str]] = {name: Counter(b=c, c=c) for name in table.names}
            opened = 0
            signed: list[list[Any]] = [[], []]
            for name in honest:
                which = 0 if name in first else 1
                one = shown_to(table, name, sets[which])
                if one is not None:
                    signed[which].append(one)
            for which, sent in enumerate(sets):
                eid = sent[0].eid
                signed[which] += [
                    envelope(name, "CONFIRM", {"survivors": eid}, table.sid) for name in table.names[n - c :]
                ]
                payload = encode_carried([(one, None) for one in signed[which]]) if signed[which] else b"\x90"
                confirms = envelope(RECEIVER, "CONFIRMS", {"survivors": eid}, table.sid, payload), payload
                revealing = 0
                for name in honest:
                    if not table.members[name].awaits(confirms[0]):
                        continue
                    try:
                        table.members[name].on_confirms(*confirms)
                    except (SessionError, CodecError):
                        continue
                    revealing += 1
                    for about in table.names:
                        shares[about]["b" if about in dict(_members(sent)) else "c"] += 1
                opened += revealing > 0
            assert opened <= 1
            assert all(min(kinds["b"], kinds["c"]) < t for kinds in shares.values())


def _members(sent: Said) -> list[tuple[str, bytes]]:
    return [(name, digest) for name, digest in sent[0].fields.body["members"]]  # type: ignore[union-attr, misc]


@pytest.mark.attack("S05")
def test_a_member_that_lost_its_memory_between_survivors_and_reveal_reveals_nothing() -> None:
    table = Table(4, seed="S05")
    table.announce()
    table.share(table.cohort())
    table.mask(table.route(), table.values())
    sent = table.survive()
    confirms = table.confirm(sent)
    assert confirms is not None
    again = RecoverableMember(
        table.sid, 0, 0, "m00", RECEIVER, table.rules, lasting=lasting("m00"), check=check
    )  # what a restart makes of it
    for one in (sent, confirms):
        assert not again.awaits(one[0])
    with pytest.raises(ValueError, match="not awaited"):
        again.on_confirms(*confirms)


# ---------------------------------------------------------------- S08: members are shown different things


@pytest.mark.attack("S08")
def test_strict_members_that_are_shown_different_cohorts_make_an_unusable_sum() -> None:
    names, words = ["m00", "m01"], 1 << 15
    sid = session_id(STUDY, 0, RECEIVER, ROSTER)
    members = {name: MemberSession(sid, 0, 0, name, RECEIVER) for name in names}
    adverts = {name: envelope(name, "ADVERT", members[name].advert(os.urandom, None), sid) for name in names}
    total = np.zeros(words, "<u2")
    for name in names:  # each its own COHORT of the same two
        receiver = ReceiverSession(sid, 0, 0, names, 2, 16)
        for advert in adverts.values():
            receiver.announce(advert)
        body, payload = receiver.cohort(os.urandom, "mix", [])
        shown = read_cohort(envelope(RECEIVER, "COHORT", body, sid, payload), payload)
        total += np.frombuffer(members[name].mask(shown, np.ones(words, "<i2"), masked=True), "<u2")
    assert chi_squared(total.tobytes()) < UNIFORM


@pytest.mark.attack("S08")
def test_members_that_are_shown_different_routings_never_get_to_one_set_of_survivors() -> None:
    table = Table(5, seed="S08")
    table.announce()
    table.share(table.cohort())
    said = {made.fields.sender: (made, data) for made, data in table.said if made.fields.type == "SHARES"}
    cohort = next(made.eid for made, _ in table.said if made.fields.type == "COHORT")

    def routed(names: list[str]) -> Said:
        payload = encode_carried([said[name] for name in names])
        body = {"cohort": cohort, "members": [[name, said[name][0].eid] for name in names]}
        return envelope(RECEIVER, "ROUTED", body, table.sid, payload), payload

    views = {"m00": routed(table.names), "m01": routed(table.names[:4])}
    masked = {}
    for name, view in views.items():
        table.members[name].on_routed(*view)
        masked[name] = table.seal(name, table.members[name].mask(table.values()[name]))[0]
    payload = encode_carried([(one, None) for one in masked.values()])
    for name, view in views.items():
        body = {
            "view": view[0].eid, "members": [[one, masked[one].eid] for one in views],
            "left_out": [[one, "lost"] for one in table.names[2 : 5 if name == "m00" else 4]],
        }  # fmt: skip
        sent = envelope(RECEIVER, "SURVIVORS", body, table.sid, payload)
        with pytest.raises(CodecError, match="on another ROUTED"):
            table.members[name].check_survivors(sent, payload)
        assert table.members[name].state is MemberState.ABORTED


# ---------------------------------------------------------------- S13: a weak generator


@pytest.mark.attack("S13")
@pytest.mark.parametrize("package", [crypto, gossip], ids=["crypto", "gossip"])
def test_nothing_that_makes_masks_knows_a_generator_of_numpy_or_python(package: Any) -> None:
    for path in sorted(Path(package.__file__).parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Attribute):
                names = [node.attr]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or "", *(alias.name for alias in node.names)]
            generators = {"random", "numpy.random", "default_rng", "RandomState", "secrets", "Random"}
            assert not generators.intersection(names), f"{path.name}, line {getattr(node, 'lineno', 0)}"


# ---------------------------------------------------------------- S14: a mask used twice


def _sessions(count: int) -> None:
    """The same two members, receiver and value, over and over: keys, seeds and what is sent never repeat."""
    names, value = ["m00", "m01"], np.zeros(4, "<i8")
    seen: set[bytes] = set()
    for index in range(count):
        sid = session_id(STUDY, index // 2, RECEIVER, ROSTER)  # every round twice: as if its log had been lost
        members = {name: MemberSession(sid, 0, 0, name, RECEIVER) for name in names}
        receiver = ReceiverSession(sid, 0, 0, names, 2, 64)
        for name in names:
            body = members[name].advert(os.urandom, None)
            seen |= {bytes(body["mask_key"]), bytes(body["eph"])}  # type: ignore[arg-type]
            receiver.announce(envelope(name, "ADVERT", body, sid))
        body, payload = receiver.cohort(os.urandom, "mix", [])
        shown = read_cohort(envelope(RECEIVER, "COHORT", body, sid, payload), payload)
        seen |= {bytes(members[name].mask(shown, value, masked=True)) for name in names}
    # A mask of 32 bytes of zeros plus a stream is the stream: two equal ones would be two equal seeds.
    assert len(seen) == 6 * count


@pytest.mark.attack("S14")
def test_no_key_and_no_mask_comes_twice() -> None:
    _sessions(150)


@pytest.mark.slow
@pytest.mark.timeout(3600)  # minutes alone, longer beside other work
@pytest.mark.attack("S14")
def test_campaign_no_key_and_no_mask_comes_twice_in_100_000_sessions() -> None:
    _sessions(100_000)


@pytest.mark.attack("S14")
def test_no_seed_of_a_recoverable_session_comes_twice() -> None:
    seeds: list[bytes] = []
    payloads: list[bytes] = []
    for seed in range(12):
        table = Table(4, seed=seed)
        table.run({name: np.zeros(8, "<i4") for name in table.names}, unmasked=["m03"])
        seeds += [one.seed for one in table.receiver.opened]
        payloads += [data for made, data in table.said if made.fields.type == "MASKED"]
    assert len(set(seeds)) == len(seeds) == 12 * 6
    assert len(set(payloads)) == len(payloads) == 12 * 3


# ---------------------------------------------------------------- S22: everything recorded, keys stolen later


@pytest.mark.attack("S22")
def test_a_recording_and_all_lasting_keys_open_no_share_and_no_seed() -> None:
    """What is on record are public keys; each sealing key also wants one private key that is gone."""
    table = Table(4, seed="S22")
    assert table.run(table.values(), unmasked=["m03"]) is ReceiverState.DONE
    everybody = [*table.names, RECEIVER]
    stolen = [lasting_private(name) for name in everybody]
    ephemeral = {
        made.fields.sender: bytes(made.fields.body["eph"])  # type: ignore[arg-type]
        for made, _ in table.said if made.fields.type in ("ADVERT", "COHORT")
    }  # fmt: skip
    masks = {
        made.fields.sender: bytes(made.fields.body["mask_key"])  # type: ignore[arg-type]
        for made, _ in table.said if made.fields.type == "ADVERT"
    }  # fmt: skip
    cohort = next(made.eid for made, _ in table.said if made.fields.type == "COHORT")
    public = [*ephemeral.values(), *masks.values(), *(x25519_public(one) for one in stolen)]
    reachable = [x25519(private, key) for private in stolen for key in public]
    pairs = {one.seed for one in table.receiver.opened if one.kind == "pair"}
    for lo, hi in combinations(table.names, 2):
        info = encode([lo, hi, masks[lo], masks[hi]])
        assert not pairs & {derive(guess, cohort, "pair-mask", info) for guess in reachable}
    for made, data in table.said:
        if made.fields.type not in ("SHARES", "REVEAL"):
            continue
        sender = made.fields.sender
        others = [n for n in table.names if n != sender] if made.fields.type == "SHARES" else [RECEIVER]
        blobs: Any = decode(data, max_bytes=10_000) if made.fields.type == "SHARES" else [data]
        for other, sealed in zip(others, [one for one in blobs if one], strict=True):
            lo, hi = sorted((sender, other))
            info = encode([lo, hi, ephemeral[lo], ephemeral[hi]])
            aad = encode([cohort, sender, other, made.fields.type])
            for guess in reachable:
                key = channel_key(guess, lasting(sender)(other), cohort, info)
                with pytest.raises(CryptoError, match="do not open"):
                    unseal(key, sender < other, aad, sealed)


# ---------------------------------------------------------------- S25: other weights


@pytest.mark.attack("S25")
def test_whatever_odd_weights_what_is_sent_tells_the_one_weighted_sum_and_nothing_else() -> None:
    """Exhaustive in the ring of 2 bits: three members, all values, all odd weights, all masks.

    y_j = X_j + m_j / a_j, over all pair masks: the same distribution of (y_1, y_2, y_3) for any two inputs with one
    weighted sum, and disjoint ones otherwise. So another weight, applied to y, is a function of that sum, too.
    """
    ring = range(4)
    masks = [((a + b) % 4, (c - a) % 4, (-b - c) % 4) for a, b, c in product(ring, repeat=3)]
    for weights in product((1, 3), repeat=3):
        inverses = [pow(a, -1, 4) for a in weights]
        views: dict[int, Counter[tuple[int, ...]]] = {}
        for values in product(ring, repeat=3):
            view = Counter(
                tuple((x + inverse * m) % 4 for x, inverse, m in zip(values, inverses, mask, strict=True))
                for mask in masks
            )
            total = sum(a * x for a, x in zip(weights, values, strict=True)) % 4
            assert views.setdefault(total, view) == view
        assert all(len(view) == 16 and set(view.values()) == {4} for view in views.values())
        assert all(not one.keys() & other.keys() for one, other in combinations(views.values(), 2))


@pytest.mark.attack("S25")
def test_a_receiver_that_weighs_otherwise_than_the_plan_has_noise() -> None:
    # It multiplies by 1 what was prepared for 3, and is left with S - 2 y_1: the parity of S, and noise above it.
    table = Table(3, ring=16, words=1 << 15, weights={"m00": 3, "m01": 3, "m02": 3}, colluders=0, seed="S25")
    table.receiver._weights = {"m00": 3, "m01": 1, "m02": 3}
    table.run({name: np.ones(1 << 15, "<i2") for name in table.names})
    left = table.receiver.total().view("<u2")
    assert set(left % 2) == {1}
    assert chi_squared((left >> 1).astype("<u1").tobytes()) < UNIFORM
