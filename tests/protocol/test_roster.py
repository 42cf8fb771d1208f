"""Cards and rosters: one encoding, keys that belong together, names that can be told apart."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.keys import PrivateKeys
from protocol import codec
from protocol.card import card_of
from protocol.errors import RosterError
from protocol.names import look_alike
from protocol.roster import (
    Card,
    Roster,
    card_line,
    decode_roster,
    found,
    make_card,
    parse_card,
    sign_roster,
    verify_roster_sig,
    who_must_sign,
)

NETWORK = "landsting.example"
VECTORS = Path(__file__).parent.parent / "vectors" / "protocol"


def keys_of(word: str) -> PrivateKeys:
    """Six keys that follow from a word."""
    return PrivateKeys.from_bytes(b"".join(hashlib.sha256(f"{word}/{i}".encode()).digest() for i in range(6)))


def card(name: str, network: str = NETWORK, seed: str | None = None) -> Card:
    return make_card(network, name, [f"tcp://fl.{name}.example:7700"], keys_of(seed or name))


def signed(card: Card, word: str) -> Card:
    """The card with a signature that fits what it says now."""
    return replace(card, sig=keys_of(word).identity.sign(card.statement()))


@pytest.fixture
def three() -> Roster:
    return found([card("vgr"), card("skane"), card("halland")])


# ---------------------------------------------------------------- cards


def test_a_card_is_one_line_and_reads_back_as_itself() -> None:
    line = card_line(card("vgr"))

    assert line.startswith("landsting-card/v1 ")
    assert "\n" not in line
    assert parse_card(line + "\n") == card("vgr")


def test_a_card_is_signed_by_its_identity_key_over_everything_but_the_signature() -> None:
    value = card("vgr").value()
    sig = value.pop("sig")

    said = b"landsting/v1/CARD\0" + codec.encode(value)
    Ed25519PublicKey.from_public_bytes(value["identity"]).verify(sig, said)


def test_the_fingerprint_is_the_hash_of_the_canonical_card() -> None:
    assert card("vgr").fingerprint == hashlib.sha256(card("vgr").encode()).digest()


@given(st.integers(0, 10**6))
@settings(max_examples=60)
def test_one_flipped_bit_in_a_card_is_refused(position: int) -> None:
    data = bytearray(card("vgr").encode())
    bit = position % (8 * len(data))
    data[bit // 8] ^= 1 << bit % 8

    with pytest.raises(RosterError):
        parse_card(f"landsting-card/v1 {base64.b64encode(data).decode()}")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"name": "V.G.R"}, "cannot be called 'V.G.R'", id="a name with capitals and dots"),
        pytest.param({"name": ""}, "cannot be called ''", id="no name"),
        pytest.param({"name": "a" * 41}, "1 to 40", id="a name too long"),
        pytest.param({"network": "a/b"}, "a network cannot be called 'a/b'", id="a network with a slash"),
        pytest.param({"addresses": ("http://vgr:1",)}, "not of the form tcp://HOST:PORT", id="another protocol"),
        pytest.param({"addresses": ("tcp://vgr:0",)}, "not of the form tcp://HOST:PORT", id="port 0"),
        pytest.param({"addresses": ("tcp://vgr:70000",)}, "port above 65535", id="a port too large"),
        pytest.param({"addresses": ("tcp://0.0.0.0:7700",)}, "others cannot dial it", id="an address to bind to"),
        pytest.param({"addresses": ("tcp://a:1", "tcp://a:1")}, "twice", id="an address twice"),
        pytest.param({"addresses": tuple(f"tcp://a:{i}" for i in range(1, 10))}, "at most 8", id="nine addresses"),
        pytest.param({"identity": bytes(31)}, "identity key is not 32 bytes", id="a short key"),
        pytest.param({"identity": b"\x01" + bytes(31)}, "identity key cannot be used", id="a small-order key"),
    ],
)
def test_a_card_with_a_wrong_field_is_refused(change: dict[str, object], words: str) -> None:
    with pytest.raises(RosterError, match=words):
        signed(replace(card("vgr"), **change), "vgr").check()  # type: ignore[arg-type]  # wrong on purpose


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({"serial": 0}, "serial 0; they count from 1", id="serial 0"),
        pytest.param({"release": bytes(1311)}, "release key is not 1312 bytes", id="a release key too short"),
        pytest.param({"log": keys_of("vgr").sign.public}, "the log key is its sign key again", id="a key used twice"),
        pytest.param({"x25519": bytes(32)}, "x25519 key cannot be used", id="an X25519 key of small order"),
        pytest.param({"curve": b"\xff" * 32}, "curve key cannot be used", id="an X25519 key above the prime"),
    ],
)
def test_a_card_with_a_wrong_key_set_is_refused(change: dict[str, object], words: str) -> None:
    good = card("vgr")
    bad = replace(good, keys=replace(good.keys, **change))  # type: ignore[arg-type]  # wrong on purpose

    with pytest.raises(RosterError, match=words):
        signed(bad, "vgr").check()


def test_a_card_signed_by_somebody_else_is_refused() -> None:
    with pytest.raises(RosterError, match="vgr: the card is not signed by its own identity key"):
        signed(card("vgr"), "skane").check()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("hello", "this is not a card: it begins with 'hello'", id="not a card"),
        pytest.param("landsting-card/v1 a?b", "is not base64", id="not base64"),
        pytest.param("landsting-card/v1 AB==", "is not base64", id="base64 with loose bits"),
        pytest.param("landsting-card/v1 gA==", "exactly the fields", id="an empty map"),
        pytest.param("landsting-card/v1 " + "A" * 20000, "at most 16384", id="too long"),
    ],
)
def test_a_line_that_is_no_card_is_refused(text: str, words: str) -> None:
    with pytest.raises(RosterError, match=words):
        parse_card(text)


def test_a_card_of_another_version_is_refused() -> None:
    with pytest.raises(RosterError, match="this version reads v = 1"):
        card_of(card("vgr").value() | {"v": 2})


# ---------------------------------------------------------------- rosters


def test_equal_cards_give_equal_bytes_in_any_order(three: Roster) -> None:
    other = found([card("halland"), card("vgr"), card("vgr"), card("skane")])

    assert other.encode() == three.encode()
    assert other.names == ("halland", "skane", "vgr")


def test_a_roster_reads_back_and_is_named_by_the_hash_of_its_bytes(three: Roster) -> None:
    again = decode_roster(three.encode())

    assert again == three
    assert again.hash == hashlib.sha256(three.encode()).digest()


def test_a_card_is_found_by_name_and_by_link_key(three: Roster) -> None:
    assert three.card("vgr") == card("vgr")
    with pytest.raises(RosterError, match=r"skaane is not in the roster of landsting\.example; did you mean skane"):
        three.card("skaane")


def test_two_networks_are_refused() -> None:
    with pytest.raises(RosterError, match=r"vgr is of network other\.example, skane of landsting\.example"):
        found([card("skane"), card("vgr", network="other.example")])


def test_two_cards_of_one_name_are_refused() -> None:
    with pytest.raises(RosterError, match="two different cards of vgr"):
        found([card("vgr"), card("vgr", seed="another")])


def test_a_copied_home_is_refused() -> None:
    with pytest.raises(RosterError, match="the identity key of vgr is the identity key of skane"):
        found([card("skane", seed="same"), card("vgr", seed="same")])


def test_no_cards_are_refused() -> None:
    with pytest.raises(RosterError, match="no cards were given"):
        found([])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("region-0", "region-o"),
        ("region-1", "region-l"),
        ("hal1and", "halland"),
        ("kalmar-i", "kalmar-l"),
        ("varnland", "vamland"),
        ("vvgr", "wgr"),
        ("vast-ra", "vastra"),
        ("vast--ra", "vast-ra"),
    ],
)
def test_names_that_look_alike_are_refused(one: str, other: str) -> None:
    with pytest.raises(RosterError, match="look too much alike"):
        found([card(one), card(other)])


def test_numbered_names_can_be_told_apart() -> None:
    assert look_alike(f"region-{i:02}" for i in range(100)) is None
    assert look_alike(f"region-{i}" for i in range(1, 33)) is None


def test_a_later_roster_names_the_one_before(three: Roster) -> None:
    later = found([*three.cards, card("kalmar")], three)

    assert (later.serial, later.old) == (2, three.hash)
    assert decode_roster(later.encode()) == later


def test_a_later_roster_without_a_change_is_refused(three: Roster) -> None:
    with pytest.raises(RosterError, match="nothing has changed since roster 1"):
        found(three.cards, three)


def test_a_name_cannot_change_its_identity(three: Roster) -> None:
    with pytest.raises(RosterError, match="vgr has another identity key than in roster 1"):
        found([card("skane"), card("vgr", seed="thief")], three)


def test_an_older_key_set_is_refused() -> None:
    old = card("vgr")
    new = signed(replace(old, keys=replace(old.keys, serial=2)), "vgr")

    with pytest.raises(RosterError, match="key set 1 is older than 2"):
        found([old, card("skane")], found([new]))


@given(st.integers(0, 10**6))
@settings(max_examples=60)
def test_one_flipped_bit_in_a_roster_is_refused_or_gives_another_hash(position: int) -> None:
    roster = found([card("skane"), card("vgr")])
    data = bytearray(roster.encode())
    bit = position % (8 * len(data))
    data[bit // 8] ^= 1 << bit % 8

    try:
        other = decode_roster(bytes(data))
    except RosterError:
        return
    assert other.hash != roster.hash  # only serial and old are not covered by the cards' signatures


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        pytest.param(lambda r: r | {"v": 2}, "another version", id="another version"),
        pytest.param(lambda r: r | {"serial": 0}, "count from 1", id="serial 0"),
        pytest.param(lambda r: r | {"serial": 2}, "must name the hash of the one before", id="second without a first"),
        pytest.param(lambda r: r | {"old": bytes(32)}, "must name none before it", id="first with one before"),
        pytest.param(lambda r: r | {"cards": r["cards"][::-1]}, "must ascend by name", id="unsorted"),
        pytest.param(lambda r: r | {"cards": r["cards"][:1] * 2}, "must ascend by name", id="one card twice"),
        pytest.param(lambda r: r | {"cards": []}, "no cards", id="empty"),
        pytest.param(lambda r: r | {"cards": None}, "not a list", id="no list"),
        pytest.param(lambda r: r | {"network": "other.example"}, "its cards are of", id="another network"),
        pytest.param(lambda r: r | {"extra": 1}, "exactly the fields", id="a field too many"),
    ],
)
def test_a_roster_of_another_form_is_refused(
    three: Roster, edit: Callable[[dict[str, codec.Value]], dict[str, codec.Value]], words: str
) -> None:
    value = codec.decode(three.encode(), max_bytes=codec.MAX_PLAN, wide_text=True)
    assert isinstance(value, dict)
    changed = edit(value)

    with pytest.raises(RosterError, match=words):
        decode_roster(codec.encode(changed, wide_text=True))


def test_bytes_that_are_no_roster_are_refused() -> None:
    with pytest.raises(RosterError, match="not in their one form"):
        decode_roster(b"\xc1")


# ---------------------------------------------------------------- signatures


def test_a_member_signs_a_roster_with_its_identity_key(three: Roster) -> None:
    sig = sign_roster(three.hash, keys_of("vgr").identity)

    verify_roster_sig(three.card("vgr"), three.hash, sig)
    with pytest.raises(RosterError, match=r"skane: roster .* is not signed by its identity key"):
        verify_roster_sig(three.card("skane"), three.hash, sig)


def test_the_first_roster_needs_everybody(three: Roster) -> None:
    assert who_must_sign(three, {"vgr"}) == ("halland", "skane")
    assert who_must_sign(three, {"vgr", "halland", "skane"}) == ()


def test_a_later_roster_needs_two_thirds_of_the_old_and_every_new(three: Roster) -> None:
    later = found([*three.cards, card("kalmar")], three)

    assert who_must_sign(later, {"vgr", "kalmar"}, three) == ("halland", "skane")
    assert who_must_sign(later, {"vgr", "skane"}, three) == ("kalmar",)
    assert who_must_sign(later, {"vgr", "skane", "kalmar"}, three) == ()


# ---------------------------------------------------------------- vectors


@pytest.mark.parametrize("case", json.loads((VECTORS / "card.json").read_text())["valid"], ids=lambda c: c["comment"])
def test_card_vectors(case: dict[str, str]) -> None:
    keys = PrivateKeys.from_bytes(bytes.fromhex(case["private"]))
    made = make_card(case["network"], case["name"], case["addresses"], keys)

    assert made.encode().hex() == case["canonical"]
    assert card_line(made) == case["line"]
    assert made.fingerprint.hex() == case["fingerprint"]
    assert parse_card(case["line"]) == made


@pytest.mark.parametrize("case", json.loads((VECTORS / "card.json").read_text())["refused"], ids=lambda c: c["comment"])
def test_refused_card_vectors(case: dict[str, str]) -> None:
    with pytest.raises(RosterError):
        parse_card(case["line"])


@pytest.mark.parametrize("case", json.loads((VECTORS / "roster.json").read_text())["valid"], ids=lambda c: c["comment"])
def test_roster_vectors(case: dict[str, object]) -> None:
    made = decode_roster(bytes.fromhex(str(case["canonical"])))

    assert made.hash.hex() == case["hash"]
    assert [card_line(one) for one in made.cards] == case["cards"]
    for name, sig in dict(case["signatures"]).items():  # type: ignore[call-overload]  # JSON
        verify_roster_sig(made.card(name), made.hash, bytes.fromhex(sig))


@pytest.mark.parametrize(
    "case", json.loads((VECTORS / "roster.json").read_text())["refused"], ids=lambda c: c["comment"]
)
def test_refused_roster_vectors(case: dict[str, str]) -> None:
    with pytest.raises(RosterError):
        decode_roster(bytes.fromhex(case["canonical"]))
