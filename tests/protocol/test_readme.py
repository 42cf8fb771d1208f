"""The specification says what the code does: its examples run, its tables name every word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import protocol.codec
from protocol import entries, kinds
from protocol.entries import KINDS
from protocol.messages import REJECT_REASONS, STATES, TYPES, MessageType

README = (Path(protocol.codec.__file__).parent / "README.md").read_text("utf-8")
ROWS = [line for line in README.splitlines() if line.startswith("| ")]


def row(first: str) -> str:
    """Return the row of a table that begins with a word."""
    found = [line for line in ROWS if line.startswith(f"| {first} |")]
    assert found, f"no table has a row {first}"
    return found[0]


def test_the_examples_run() -> None:
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(block, names)  # the point of the test: what is printed to be copied must work


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_kind_has_its_row(kind: kinds.Kind) -> None:
    mark = {True: "✓", False: "–", None: "the header's|may"}[kind.study]
    assert row(f"`{kind.name}`").split("|")[2].strip() in mark.split("|")


@pytest.mark.parametrize("type", TYPES.values(), ids=lambda type: type.name)
def test_every_type_has_its_row(type: MessageType) -> None:
    line = row(f"`{type.name}`")
    assert ("logged" in line) is type.logged
    assert ("flooded" in line) is type.flooded
    assert ("carrier" in line) is type.carrier


@pytest.mark.parametrize(
    ("first", "words"),
    [
        ("roles", kinds.ROLES),
        ("`masking`", kinds.MASKINGS),
        ("reasons of `node.stop`", entries.STOP_REASONS),
        ("reasons of `prev`", entries.EPOCH_REASONS),
        ("reasons of `session.void` and `round.end`", entries.VOID_REASONS),
        ("reasons of `study.end`", entries.END_REASONS),
        ("`reason` of `key.revoke`", kinds.REVOKE_REASONS),
        ("`by` of `key.revoke`", kinds.REVOKERS),
        ("`how` of `round.heads`", kinds.HEAD_WAYS),
        ("`rule` of `payload.prune`", kinds.PRUNE_RULES),
        ("`basis` of `redact`", kinds.REDACT_BASES),
        ("`method` of `anonymity`", kinds.ANONYMITY_METHODS),
        ("`rows_bucket`, `n_bucket`", kinds.BUCKETS),
    ],
)
def test_every_closed_list_is_that_of_the_code(first: str, words: tuple[str, ...]) -> None:
    assert row(first).split("|")[2].strip() == f"`{', '.join(words)}`"


@pytest.mark.parametrize("words", [STATES, REJECT_REASONS])
def test_words_of_messages_stand_in_the_text(words: tuple[str, ...]) -> None:
    assert ", ".join(words) in " ".join(README.split())
