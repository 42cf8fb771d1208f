"""What a receiver that lies puts on the table, and how far a session has come when it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from crypto.errors import CryptoError
from gossip.sessions.recoverable_member import RecoverableMember
from gossip.sessions.rules import SessionError
from gossip.sessions.session import MemberState
from protocol.envelope import encode_carried
from protocol.errors import CodecError
from tests.gossip.recoverable_table import RECEIVER, Said, Table, envelope, key_of

Change = Callable[[Table], Said]
Body = Mapping[str, Any]

ALL = ["m00", "m01", "m02", "m03", "m04"]
FOUR = ALL[:4]
SMALL_ORDER = bytes(32)


def at_cohort(members: int = 5, **options: Any) -> Table:
    """Everybody has announced itself."""
    table = Table(members, **options)
    table.announce()
    return table


def at_routed(members: int = 5, **options: Any) -> Table:
    """Everybody has sent its shares."""
    table = at_cohort(members, **options)
    table.share(table.cohort())
    return table


def at_survivors(members: int = 5, lost: str = "m04", **options: Any) -> Table:
    """Everybody has sent its value but one, who was lost."""
    table = at_routed(members, **options)
    values = table.values()
    table.mask(table.route(), {name: values[name] for name in table.names if name != lost})
    return table


def at_confirms(**options: Any) -> tuple[Table, Said]:
    """m00 to m02 have signed the survivors, m00 to m03; enough, but the receiver has not said so yet."""
    table = at_survivors(**options)
    survivors = table.survive()
    for name in ("m00", "m01", "m02"):
        table.members[name].check_survivors(*survivors)
        table.receiver.take_confirm(table.seal(name, table.members[name].confirm())[0])
    table.members["m03"].check_survivors(*survivors)
    return table, survivors


def by_receiver(table: Table, type: str, body: Body, payload: bytes) -> Said:
    """What a receiver that lies puts on the table."""
    return envelope(RECEIVER, type, body, table.sid, payload), payload


def last(table: Table, type: str, sender: str | None = None) -> Said:
    """What was said last of a type."""
    return next(
        one for one in reversed(table.said)
        if one[0].fields.type == type and (sender is None or one[0].fields.sender == sender)
    )  # fmt: skip


def forgotten(member: RecoverableMember) -> bool:
    """Whether nothing secret is left in a member."""
    held = vars(member)
    return not any(held[name] for name in ("_seed_c", "_seed_b", "_private", "_ephemeral", "_channels", "_shares"))


def refuses(call: Callable[[], object], member: RecoverableMember, words: str) -> None:
    """A member refuses, by name of the rule, and is out of the session with its secrets gone."""
    with pytest.raises((SessionError, CodecError, CryptoError), match=words):
        call()
    assert member.state is MemberState.ABORTED
    assert forgotten(member)


def cohort(table: Table, names: list[str], *, change: Body | None = None, **other: Said) -> Said:
    """A COHORT of these members; some ADVERTs may be replaced."""
    adverts = {name: other[name][0] if name in other else last(table, "ADVERT", name)[0] for name in names}
    body = {
        "members": [[name, adverts[name].eid, None] for name in names], "eph": key_of("other").public,
        "kind": "mix", "variant": "recoverable",
    }  # fmt: skip
    return by_receiver(
        table, "COHORT", {**body, **(change or {})}, encode_carried([(one, None) for one in adverts.values()])
    )


def forged(table: Table, name: str, **change: Any) -> Said:
    """An ADVERT of a member with other keys, signed by it."""
    body = {"mask_key": bytes([7]) * 32, "eph": bytes([8]) * 32, "need_state": False, "stats": None, **change}
    return envelope(name, "ADVERT", body, table.sid), b""


def routed(table: Table, names: list[str], *, change: Body | None = None, **other: Said) -> Said:
    """A ROUTED of these members; some SHARES may be replaced."""
    shares = {name: other.get(name) or last(table, "SHARES", name) for name in names}
    body = {
        "cohort": last(table, "COHORT")[0].eid, "members": [[name, shares[name][0].eid] for name in names],
        **(change or {}),
    }  # fmt: skip
    return by_receiver(table, "ROUTED", body, encode_carried([(e, data) for e, data in shares.values()]))


def other_shares(table: Table, name: str, body: Body | None = None, payload: bytes | None = None) -> Said:
    """SHARES of a member, changed and signed by it again."""
    made, data = last(table, "SHARES", name)
    data = data if payload is None else payload
    return envelope(name, "SHARES", {**made.fields.body, **(body or {})}, table.sid, data), data


def survivors(table: Table, names: list[str], left_out: Mapping[str, str], *, change: Body | None = None,
              **other: Said) -> Said:  # fmt: skip
    """A SURVIVORS of these members."""
    masked = {name: (other.get(name) or last(table, "MASKED", name))[0] for name in names}
    body = {
        "view": last(table, "ROUTED")[0].eid, "members": [[name, masked[name].eid] for name in names],
        "left_out": [[name, why] for name, why in left_out.items()], **(change or {}),
    }  # fmt: skip
    return by_receiver(table, "SURVIVORS", body, encode_carried([(one, None) for one in masked.values()]))


def other_masked(table: Table, name: str, **change: Any) -> Said:
    """A MASKED of a member, changed and signed by it again."""
    made, data = last(table, "MASKED", name)
    return envelope(name, "MASKED", {**made.fields.body, **change}, table.sid, data), data


def confirms(table: Table, sent: Said, names: list[str], **other: Body) -> Said:
    """A CONFIRMS with the signatures of these members."""
    signed = [envelope(n, "CONFIRM", other.get(n, {"survivors": sent[0].eid}), table.sid) for n in names]
    return by_receiver(table, "CONFIRMS", {"survivors": sent[0].eid}, encode_carried([(one, None) for one in signed]))
