"""Three ends, alone or linked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.node.links.ends import NAMES, End, _open, connect, make_end, run, up


@pytest.fixture(autouse=True)
def _all_closed() -> Iterator[None]:
    yield
    while _open:
        _open.pop().close()


@pytest.fixture
def ends() -> list[End]:
    return [make_end(name) for name in NAMES]


@pytest.fixture
def linked(ends: list[End]) -> list[End]:
    connect(ends)
    run(ends, lambda: all(up(end) == 2 for end in ends))
    return ends
