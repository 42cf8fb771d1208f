"""What was let out, or handed over before that, stands on the list of what left a region, on whose approval."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gossip.network import Network
from node.pages.disclosures import Approval, Disclosures, disclosed
from node.pages.disclosures_page import to_csv, to_html
from node.pages.disclosures_words import LANGUAGES, LEARNS, approved
from protocol.entries import decode_entry
from protocol.release import written
from tests.node.test_audit_networks import agreed
from tests.protocol.test_release import GOOD

FILE, CARD = bytes([7]) * 32, bytes([8]) * 32


@pytest.fixture(scope="module")
def log() -> tuple[Network, Disclosures]:
    """vgr judges a file, hands it to halland to judge, and releases it."""
    network, plan = agreed(2)
    assert network.run()
    other = network.names[0]
    args: dict[str, Any] = {"study": plan.study, "kind": "data", "file": FILE, "card": CARD, "bytes": 91_204}
    network.ask("vgr", "release_approve", role="technical", ref="RS 1", **args)
    network.ask("vgr", "release_offer", to=[other], role="controller", ref="RS 2", **args)
    network.ask(other, "release_approve", role="technical", ref="X 9", **args)
    network.run(lambda: False, limit_ms=5_000)
    network.ask("vgr", "release", model=bytes(32), round=1, tests=GOOD, **args)
    store = network.regions["vgr"].store
    return network, disclosed(store.leaves, store.kept.get)


def test_a_file_that_was_handed_over_and_one_that_was_released_each_make_a_line(
    log: tuple[Network, Disclosures],
) -> None:
    network, found = log
    offered, released = [line for line in found.lines if line.form == "synthetic"]
    assert (offered.to, offered.size, offered.type) == (network.names[0], 91_204, "release.offer")
    assert (released.to, released.size, released.type) == (None, 91_204, "data.release")
    assert offered.approvals[-2:] == (Approval("technical", "RS 1"), Approval("controller", "RS 2"))
    assert Approval("technical", "RS 1") in released.approvals  # of the file, beside those of the study
    assert released.at > offered.at


def test_a_signature_is_a_message_that_tells_a_fingerprint(log: tuple[Network, Disclosures]) -> None:
    network, found = log
    signed = [line for line in found.lines if line.type == "APPROVE"]
    assert [line.form for line in signed] == ["organisation"] * (len(network.names) - 1)
    assert all("fingerprint" in LEARNS["en"][line.what] for line in signed)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_both_languages_name_who_decided(log: tuple[Network, Disclosures], lang: str, tmp_path: Path) -> None:
    _, found = log
    released = next(line for line in found.lines if line.type == "data.release")
    assert "RS 1" in approved(released.approvals, lang)
    assert "RS 2" in to_csv(found, lang)
    assert "RS 2" in to_html(found, lang)


def test_the_figures_of_a_release_stand_in_its_entry(log: tuple[Network, Disclosures]) -> None:
    network, _ = log
    entry = next(e for e in map(decode_entry, network.regions["vgr"].store.leaves) if e.kind == "data.release")
    assert entry.body["tests"] == GOOD
    assert written(GOOD["shapes"]) == "0.884"
