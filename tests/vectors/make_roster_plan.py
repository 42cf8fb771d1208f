"""Makes ``protocol/card.json``, ``roster.json`` and ``plan.json`` beside this file.

Keys are SHA-256 of words, so a second implementation can make them too. A changed vector means a
changed format: raise its version.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from crypto.keys import PrivateKeys
from protocol import codec
from protocol.plan import Plan
from protocol.roster import Card, card_line, found, make_card, sign_roster

HERE = Path(__file__).parent / "protocol"
NETWORK = "landsting.example"
NAMES = ("halland", "skane", "vgr")


def private(word: str) -> bytes:
    """Six private keys: SHA-256 of word/0 … word/5, in the order identity, sign, log, witness, x25519, curve."""
    return b"".join(hashlib.sha256(f"{word}/{i}".encode()).digest() for i in range(6))


def keys_of(word: str) -> PrivateKeys:
    """The same as an object."""
    return PrivateKeys.from_bytes(private(word))


def card(name: str, seed: str | None = None, addresses: tuple[str, ...] | None = None) -> Card:
    """A valid card."""
    here = (f"tcp://fl.{name}.example:7700",) if addresses is None else addresses
    return make_card(NETWORK, name, here, keys_of(seed or name))


def line_of(value: dict[str, Any]) -> str:
    """A card's line from any map, valid or not."""
    return f"landsting-card/v1 {base64.b64encode(codec.encode(value)).decode()}"


def signed(changed: Card, word: str) -> dict[str, Any]:
    """The map of a changed card under a signature that fits."""
    return replace(changed, sig=keys_of(word).identity.sign(changed.statement())).value()


def cards() -> dict[str, Any]:
    """Vectors of cards."""
    vgr = card("vgr")
    valid = [
        ("one address", "vgr", vgr),
        ("no address: this region can only dial out", "skane", card("skane", addresses=())),
        (
            "two addresses, the best first",
            "halland",
            card("halland", addresses=("tcp://[2001:db8::7]:7700", "tcp://h:1")),
        ),
    ]
    small = replace(vgr, keys=replace(vgr.keys, x25519=bytes(32)))
    twice = replace(vgr, keys=replace(vgr.keys, log=vgr.keys.sign))
    loose = card_line(vgr)
    return {
        "comment": "A card's canonical bytes, its line and fingerprint; private: the six private keys, 32 bytes each.",
        "valid": [
            {
                "comment": comment, "private": private(word).hex(), "network": NETWORK, "name": made.name,
                "addresses": list(made.addresses), "canonical": made.encode().hex(), "line": card_line(made),
                "fingerprint": made.fingerprint.hex(),
            }
            for comment, word, made in valid
        ],
        "refused": [
            {"comment": "signed by another identity key", "line": line_of(signed(vgr, "skane"))},
            {"comment": "name changed after signing", "line": line_of({**vgr.value(), "name": "vgs"})},
            {"comment": "a field too many", "line": line_of({**vgr.value(), "extra": 1})},
            {"comment": "version 2", "line": line_of({**vgr.value(), "v": 2})},
            {"comment": "X25519 key of small order, signature right", "line": line_of(signed(small, "vgr"))},
            {"comment": "one key for two uses, signature right", "line": line_of(signed(twice, "vgr"))},
            {"comment": "cut in the middle", "line": loose[: len(loose) // 2]},
            {"comment": "another prefix", "line": loose.replace("/v1 ", "/v2 ")},
        ],
    }  # fmt: skip


def rosters() -> dict[str, Any]:
    """Vectors of rosters."""
    first = found(card(name) for name in NAMES)
    second = found([*first.cards, card("kalmar")], first)
    value: dict[str, Any] = codec.decode(first.encode(), max_bytes=codec.MAX_PLAN, wide_text=True)  # type: ignore[assignment]

    def refused(comment: str, **changes: Any) -> dict[str, str]:
        return {"comment": comment, "canonical": codec.encode({**value, **changes}, wide_text=True).hex()}

    return {
        "comment": "A roster's canonical bytes and hash, its cards' lines, and each member's signature under the hash.",
        "valid": [
            {
                "comment": comment, "canonical": made.encode().hex(), "hash": made.hash.hex(),
                "cards": [card_line(one) for one in made.cards],
                "signatures": {n: sign_roster(made.hash, keys_of(n).identity).hex() for n in made.names},
            }
            for comment, made in (("the first roster", first), ("the second: one region more", second))
        ],
        "refused": [
            refused("cards not in the order of names", cards=value["cards"][::-1]),
            refused("one card twice", cards=value["cards"][:1] * 2),
            refused("serial 2 without the hash of the first", serial=2),
            refused("the first roster with one before it", old=bytes(32)),
            refused("another network than its cards", network="other.example"),
            refused("two names that look alike", cards=[card(n).value() for n in ("hal1and", "halland")]),
            refused("two regions with the same keys", cards=[card(n, seed="same").value() for n in ("a", "b")]),
            {"comment": "a byte after the end", "canonical": first.encode().hex() + "00"},
        ],
    }  # fmt: skip


def plans() -> dict[str, Any]:
    """Vectors of plans."""
    roster = found(card(name) for name in NAMES)
    base: dict[str, Any] = {
        "roster": roster.hash,
        "regions": list(NAMES),
        "task": {"name": "classifier", "version": "1"},
        "schema": hashlib.sha256(b"schema").digest(),
        "layout": hashlib.sha256(b"layout").digest(),
        "dim": 31,
        "init": hashlib.sha256(b"init").digest(),
        "settings": {"lr": 0.1, "local_steps": 5, "balanced": True},
        "code_sha256s": [hashlib.sha256(b"code").digest()],
    }
    dp = {"eps_max_u": 3_000_000, "delta_u12": 10**9, "clip_u": 10**6, "q_u": 200_000, "sigma_min_u": 2_490_000}
    valid = {
        "all defaults, complete of 3": base,
        "two sum rounds, ring 64, another step": base | {"sums": ["count", "moment"], "ring": 64, "step_log2": 30},
        "two regions that disclose under dp": base
        | {"regions": list(NAMES[:2]), "dp": dp, "masking": {"on_unmaskable": "disclose"}},
        "lab, masks off, a title beyond ASCII": base | {"lab": True, "title": "Hjärta", "masking": {"mode": "off"}},
        "nine regions, rows and columns of cliques": base
        | {
            "regions": [f"region-{i}" for i in range(1, 10)],
            "topology": "cliques:3x3",
            "graphs": [
                [[r * 3 + a, r * 3 + b] for r in range(3) for a, b in ((0, 1), (0, 2), (1, 2))],
                sorted([a * 3 + c, b * 3 + c] for c in range(3) for a, b in ((0, 1), (0, 2), (1, 2))),
            ],
        },
    }
    refused = {
        "unmaskable: two regions": base | {"regions": list(NAMES[:2])},
        "unmaskable: a path": base | {"topology": "path", "graphs": [[[0, 1], [1, 2]]]},
        "disconnected": base | {"regions": [*"abcdef"], "topology": "edges",
                                "graphs": [[[0, 1], [0, 2], [1, 2], [3, 4], [3, 5], [4, 5]]]},
        "disclose-needs-dp: without a dp table": base | {"masking": {"on_unmaskable": "disclose"}},
        "off-needs-lab: not a lab plan": base | {"masking": {"mode": "off"}},
        "buckets-degree: masked means of parts of two": base | {"robustness": "buckets"},
    }  # fmt: skip
    return {
        "comment": "A plan's canonical bytes, its id, its TOML form, and numbers that follow; rounds count from 0.",
        "valid": [_plan(comment, Plan.make(**values)) for comment, values in valid.items()],
        "refused": [
            {"comment": comment, "rule": comment.partition(":")[0], "canonical": Plan.make(**values).encode().hex()}
            for comment, values in refused.items()
        ],
    }


def _plan(comment: str, plan: Plan) -> dict[str, Any]:
    plan.check()
    last = plan.end_round - 1
    return {
        "comment": comment, "canonical": plan.encode().hex(), "study": plan.study.hex(), "toml": plan.to_toml(),
        "settings_sha256": plan.settings_sha256.hex(), "sum_rounds": plan.sum_rounds, "end_round": plan.end_round,
        "may_be_away": plan.may_be_away, "disclosures": [list(pair) for pair in plan.disclosures()],
        "at": [
            {
                "round": round, "den": plan.den(round), "ring": plan.ring_at(round), "x_max": plan.x_max(round),
                "neighbours": {name: list(plan.neighbours(name, round)) for name in plan.regions},
                "needed": {name: plan.needed(name, round) for name in plan.regions},
            }
            for round in sorted({0, plan.first_round, last})
        ],
    }  # fmt: skip


def main() -> None:
    """Write the three files."""
    HERE.mkdir(exist_ok=True)
    for name, made in (("card", cards()), ("roster", rosters()), ("plan", plans())):
        text = json.dumps(made, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        (HERE / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
