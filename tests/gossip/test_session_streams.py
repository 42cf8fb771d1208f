"""A study whose plan names the second stream."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from protocol.envelope import parse


@pytest.mark.parametrize("regions", [4, 6], ids=["strict", "recoverable"])
def test_the_stream_changes_what_is_sent_and_no_model(make_network: Callable[..., Any], regions: int) -> None:
    models, sent = [], []
    for prg in ("aes256ctr", "chacha20"):
        net, _, _ = make_network(regions, rounds=2, sums=["count"], prg=prg, masking={"mode": "auto"})
        masked: list[bytes] = []
        net.on_send = _keep(masked)
        assert net.run()
        models.append(net.models)
        sent.append(masked)
    for name, model in models[0].items():
        np.testing.assert_array_equal(model, models[1][name])
    # Keys come from the same seeded entropy, so only the stream tells the payloads apart.
    assert len(sent[0]) == len(sent[1])
    assert not set(sent[0]) & set(sent[1])


def _keep(found: list[bytes]) -> Callable[[str, Any], list[Any]]:
    def keep(_: str, send: Any) -> list[Any]:
        if parse(send.header, send.signature).fields.type == "MASKED":
            found.append(bytes(send.payload))
        return [send]

    return keep
