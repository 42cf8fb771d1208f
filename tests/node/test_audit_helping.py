"""Signatures shared among processes: what is found does not depend on how many there are, nor on whether they live."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from crypto.signing import SigningKey
from node.audit import verify
from node.audit.helping import Crew
from protocol.codec import Value
from tests.node.audit_network import Small
from tests.node.kept import said

KEY = SigningKey(bytes(range(32)))


@dataclass
class Asked:
    valid: bool = False


def asked(crew: Crew, count: int, *, false: int | None = None) -> list[Asked]:
    """Give a crew signatures, one of them false; return who asked."""
    targets = [Asked() for _ in range(count)]
    for index, target in enumerate(targets):
        message = b"%d" % index
        crew.take(target, KEY.public, bytes(64) if index == false else KEY.sign(message), message)
    return targets


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("false", [None, 0, 700])
def test_every_asker_is_answered(jobs: int, false: int | None) -> None:
    crew = Crew(jobs)
    targets = asked(crew, 701, false=false)
    assert crew.settle() is (false is None)
    assert [index for index, target in enumerate(targets) if not target.valid] == ([] if false is None else [false])
    assert crew.settle() is True  # of what was taken in since
    crew.close()


def test_with_a_helper_a_signature_is_taken_to_hold_until_it_is_known() -> None:
    crew = Crew(2)
    (target,) = asked(crew, 1, false=0)
    assert target.valid
    crew.close()
    assert not target.valid


def test_what_a_helper_that_is_gone_had_before_it_is_checked_here() -> None:
    crew = Crew(2)
    process = crew._helpers[0]._process
    process.kill()
    process.join()
    targets = asked(crew, 2000, false=1999)
    assert crew.settle() is False
    assert [target.valid for target in targets] == [True] * 1999 + [False]
    crew.close()


def own_message(small: Small) -> None:
    """vgr's log holds a message of its own at its place that vgr's key did not sign."""
    home = small.homes["vgr"]
    body: dict[str, Value] = {"mask_key": bytes(31) + b"1", "eph": bytes(32), "need_state": False, "stats": None}
    session = small.sid("halland", 0)
    envelope = home.twin().seal(
        "ADVERT", body, study=small.study, round=0, session=session, payload=None, to=["halland"], now_ms=small.now_ms
    )
    sent: dict[str, Value] = {"header": envelope.header, "sig": bytes(64), "to": ["halland"]}
    home.add("env.sent", sent, study=small.study, now_ms=small.tick())


def own_key(small: Small) -> None:
    """vgr's log begins with another key than that of its messages."""
    genesis = small.homes["vgr"].leaves[0]
    small.homes["vgr"].leaves[0] = genesis.replace(small.homes["vgr"].keys.sign.public, KEY.public)


@pytest.mark.parametrize("lie", [own_message, own_key])
def test_two_processes_find_what_one_finds_where_a_signature_does_not_hold(lie, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    small = Small()
    small.begin()
    lie(small)
    bundles = small.export_all(tmp_path)
    one, two = (verify(bundles, study=small.study, jobs=jobs) for jobs in (1, 2))
    assert said(one)
    assert two.to_json() == one.to_json()
