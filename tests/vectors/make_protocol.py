"""Make the vectors of the protocol folder anew: ``python tests/vectors/make_protocol.py``.

Everything is fixed: keys are the first test key of RFC 8032 and constant bytes, times are constants. A
difference after a run means that a format has changed. In JSON, bytes are ``0x`` and hex digits, which no
string of the format may begin with.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from crypto.merkle import leaf_hash
from crypto.signing import SigningKey
from protocol.codec import MAX_INT, encode, hash_of
from protocol.entries import Entry, encode_entry, view
from protocol.envelope import Envelope, Header, build, encode_carried
from protocol.fixed_point import largest, quantise

HERE = Path(__file__).parent / "protocol"

# RFC 8032, section 7.1, test 1.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
KEY = SigningKey(SEED)
ORIGIN = "landsting.example/vgr/1"
STUDY = bytes([0x51]) * 32
SESSION = bytes([0x52]) * 32


def fixed(byte: int, length: int = 32) -> bytes:
    """Return one byte repeated: a hash or key that is plainly made up."""
    return bytes([byte]) * length


def shown(value: Any) -> Any:
    """Return a value with bytes as hex, for JSON."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    return value


# ---------------------------------------------------------------- codec


def nested(depth: int) -> Any:
    """Return nil inside ``depth`` arrays."""
    value: Any = None
    for _ in range(depth):
        value = [value]
    return value


VALUES: list[tuple[str, Any, bool]] = [
    ("nil", None, False),
    ("false", False, False),
    ("true", True, False),
    ("zero", 0, False),
    ("largest positive fixint", 127, False),
    ("least uint 8", 128, False),
    ("largest uint 8", 255, False),
    ("least uint 16", 256, False),
    ("largest uint 16", 65535, False),
    ("least uint 32", 65536, False),
    ("largest uint 32", 2**32 - 1, False),
    ("least uint 64", 2**32, False),
    ("largest integer", MAX_INT, False),
    ("least negative fixint", -32, False),
    ("largest int 8", -33, False),
    ("least int 8", -128, False),
    ("least int 16", -32768, False),
    ("least int 32", -(2**31), False),
    ("least integer", -MAX_INT, False),
    ("no bytes", b"", False),
    ("a hash", fixed(0xAB), False),
    ("longest bin 8", bytes(255), False),
    ("least bin 16", bytes(256), False),
    ("no letters", "", False),
    ("printable ASCII at both ends", " ~", False),
    ("longest fixstr", "a" * 31, False),
    ("least str 8", "a" * 32, False),
    ("longest string", "a" * 128, False),
    ("a zero is no prefix of bytes", "0 x", False),
    ("Latin letters, in plans and rosters", "Västra Götaland ł", True),
    ("longest string of a plan: 100 letters of two bytes", "ö" * 100, True),
    ("empty array", [], False),
    ("longest fixarray", [0] * 15, False),
    ("least array 16", [0] * 16, False),
    ("empty map", {}, False),
    ("a map, in the order of its keys' bytes", {"b": 1, "a": 2, "a/b": 3, "a.b": 4, "a_b": 5, "1": 6}, False),
    ("longest fixmap", {f"k{n:02d}": n for n in range(15)}, False),
    ("least map 16", {f"k{n:02d}": n for n in range(16)}, False),
    ("longest key", {"k" * 64: None}, False),
    ("a map in an array in a map", {"in": [{"sum": fixed(1)}]}, False),
    ("as deep as is allowed", nested(12), False),
]

REFUSED: list[tuple[str, str, bool]] = [
    ("nothing", "", False),
    ("a byte after the message", "c0c0", False),
    ("bytes end early", "c403ffff", False),
    ("array ends early", "93c0c0", False),
    ("map ends early", "82a161c0", False),
    ("the byte that msgpack never uses", "c1", False),
    ("float 32", "ca3f800000", False),
    ("float 64", "cb3ff0000000000000", False),
    ("float in a map", "81a178cb3ff0000000000000", False),
    ("ext", "d40100", False),
    ("timestamp", "d6ff00000000", False),
    ("uint 8 for 127", "cc7f", False),
    ("uint 16 for 255", "cd00ff", False),
    ("uint 32 for 65535", "ce0000ffff", False),
    ("uint 64 for 2^32 - 1", "cf00000000ffffffff", False),
    ("int 8 for 1", "d001", False),
    ("int 8 for -1", "d0ff", False),
    ("int 16 for -128", "d1ff80", False),
    ("int 64 for -1", "d3ffffffffffffffff", False),
    ("2^53", "cf0020000000000000", False),
    ("-2^53", "d3ffe0000000000000", False),
    ("2^64 - 1", "cfffffffffffffffff", False),
    ("str 8 for one letter", "d90161", False),
    ("str 16 for one letter", "da000161", False),
    ("bin 16 for one byte", "c5000100", False),
    ("bin 32 for one byte", "c60000000100", False),
    ("array 16 for one item", "dc0001c0", False),
    ("map 16 for one key", "de0001a161c0", False),
    ("invalid UTF-8", "a1ff", True),
    ("a surrogate", "a3eda080", True),
    ("a letter that needs a plan", "a2c3b6", False),
    ("a letter beyond Latin", "a3e28098", True),
    ("soft hyphen", "a2c2ad", True),
    ("no-break space", "a2c2a0", True),
    ("right-to-left override", "a3e280ae", True),
    ("line feed", "a10a", False),
    ("DEL", "a17f", False),
    ("129 letters", "d981" + "61" * 129, False),
    ("201 letters of a plan", "d9c9" + "61" * 201, True),
    ("202 bytes of a plan in 101 letters", "d9ca" + "c3b6" * 101, True),
    ("a string that looks like bytes", "a23078", False),
    ("keys out of order", "82a162c0a161c0", False),
    ("a key twice", "82a161c0a161c0", False),
    ("an upper-case key", "81a141c0", False),
    ("an empty key", "81a0c0", False),
    ("a key of 65 letters", "81d941" + "6b" * 65 + "c0", False),
    ("an integer for a key", "8101c0", False),
    ("bytes for a key", "81c40161c0", False),
    ("nil for a key", "81c0c0", False),
    ("one array too deep", "91" * 13 + "c0", False),
    ("100 arrays deep", "91" * 100 + "c0", False),
    ("1100 arrays deep", "91" * 1100 + "c0", False),
    ("an array that claims 2^32 - 1 items", "ddffffffff", False),
    ("a map that claims 2^32 - 1 keys", "dfffffffff", False),
    ("bytes that claim 2^32 - 1", "c6ffffffff00", False),
]


SIDS: list[Any] = [[STUDY, 7, "vgr", fixed(0x53), 0]]


def codec() -> dict[str, Any]:
    """Return values with their bytes, and refused bytes."""
    return {
        "comment": "Canonical msgpack. `wide`: read or written as a plan or roster. Each of `refused` is a CodecError.",
        "values": [
            {"comment": comment, "wide": wide, "value": shown(value), "bytes": encode(value, wide_text=wide).hex()}
            for comment, value, wide in VALUES
        ],
        "refused": [{"comment": comment, "wide": wide, "bytes": data} for comment, data, wide in REFUSED],
        "hash_of": [
            {"comment": "a session id", "tag": "sid", "value": shown(value), "hash": hash_of("sid", value).hex()}
            for value in SIDS
        ],
    }


# ---------------------------------------------------------------- envelopes

_ALL: dict[str, Any] = {"study": STUDY, "round": 3, "session": SESSION}
_STUDY: dict[str, Any] = {"study": STUDY, "round": None, "session": None}
_NONE: dict[str, Any] = {"study": None, "round": None, "session": None}
_ADVERT = {"mask_key": fixed(0x61), "eph": fixed(0x62), "need_state": False, "stats": None}

MESSAGES: list[tuple[str, str, dict[str, Any], dict[str, Any], tuple[int, bytes | None]]] = [
    (
        "the roster follows as payload", "ROSTER", _NONE,
        {"roster": fixed(0x41), "serial": 1, "sig": fixed(0x42, 64)}, (900, fixed(0x41)),
    ),
    ("the plan follows; its hash is the study", "PROPOSE", _STUDY, {}, (1500, STUDY)),
    ("consent", "ACCEPT", _STUDY, {"code_sha256": fixed(0x43)}, (0, None)),
    ("refusal", "REJECT", _STUDY, {"reason": "privacy"}, (0, None)),
    (
        "synthetic data may leave", "APPROVE", _STUDY,
        {"kind": "data", "file_sha256": fixed(0x44), "card_sha256": fixed(0x45)}, (0, None),
    ),
    ("a training round, no sums before it", "ADVERT", _ALL, _ADVERT, (0, None)),
    ("sums were opened before: hash, two columns", "ADVERT", _ALL, {**_ADVERT, "stats": fixed(9, 36)}, (0, None)),
    (
        "two members", "COHORT", _ALL,
        {
            "members": [["kalmar", fixed(0x63), None], ["skane", fixed(0x64), None]],
            "eph": fixed(0x65), "kind": "mix", "variant": "strict",
        },
        (700, fixed(0x66)),
    ),
    (
        "a sum round of a laboratory plan", "COHORT", _ALL,
        {"members": [["kalmar", fixed(0x63), None]], "eph": fixed(0x65), "kind": "sum", "variant": "off"},
        (350, fixed(0x66)),
    ),
    ("1000 words of 32 bits", "MASKED", _ALL, {"view": fixed(0x67), "self_commit": b""}, (4000, fixed(0x68))),
    (
        "shares for two others, and their commitments", "SHARES", _ALL,
        {"cohort": fixed(0x6A), "commits": [[fixed(0x71), fixed(0x72)], [fixed(0x73), fixed(0x74)]]},
        (170, fixed(0x6B)),
    ),
    (
        "the shares of two members", "ROUTED", _ALL,
        {"cohort": fixed(0x6A), "members": [["kalmar", fixed(0x6C)], ["skane", fixed(0x6D)]]}, (1400, fixed(0x6E)),
    ),
    (
        "a masked value that can be opened without its sender", "MASKED", _ALL,
        {"view": fixed(0x67), "self_commit": fixed(0x6F)}, (4000, fixed(0x68)),
    ),
    ("the value of kalmar is here", "RECEIPT", _ALL, {"about": "kalmar", "masked": fixed(0x75)}, (0, None)),
    (
        "two are in, one was lost and one goes with its group", "SURVIVORS", _ALL,
        {
            "view": fixed(0x67), "members": [["kalmar", fixed(0x75)], ["skane", fixed(0x76)]],
            "left_out": [["halland", "lost"], ["orebro", "group"]],
        },
        (800, fixed(0x77)),
    ),
    (
        "nobody is left out", "SURVIVORS", _ALL,
        {"view": fixed(0x67), "members": [["kalmar", fixed(0x75)]], "left_out": []}, (400, fixed(0x77)),
    ),
    ("these are the survivors", "CONFIRM", _ALL, {"survivors": fixed(0x78)}, (0, None)),
    ("enough agree on the survivors", "CONFIRMS", _ALL, {"survivors": fixed(0x78)}, (900, fixed(0x79))),
    ("one share of each, sealed to the receiver", "REVEAL", _ALL, {"survivors": fixed(0x78)}, (120, fixed(0x7A))),
    ("a share that does not open", "COMPLAINT", _ALL, {"about": "skane", "reason": "sealing"}, (0, None)),
    (
        "what two below and a parent add up to", "PARTIAL", _ALL,
        {"view": fixed(0x67), "members": [["kalmar", fixed(0x75)], ["skane", fixed(0x76)]]}, (4000, fixed(0x81)),
    ),
    (
        "the sum of all", "RESULT", _ALL,
        {"outcome": "done", "reason": None, "members": ["kalmar", "skane"], "sum": fixed(0x82)}, (4000, fixed(0x82)),
    ),
    (
        "no sum this time", "RESULT", _ALL,
        {"outcome": "void", "reason": "too-few", "members": [], "sum": None}, (0, None),
    ),
    ("unmasked, where the plan says so", "DELTA", _ALL, {}, (4000, fixed(0x69))),
    ("one round", "ABSENT", {**_ALL, "session": None}, {"first": 3, "last": 3}, (0, None)),
    (
        "two statements of skane", "EVIDENCE", {**_ALL, "session": None}, {"region": "skane", "code": "LS-FORK"},
        (1200, fixed(0x7B)),
    ),
    ("is my log the newest?", "HELLO", _NONE, {"size": 5, "root": fixed(0x11)}, (0, None)),
    ("nothing larger is held", "BEHIND", _NONE, {}, (16, fixed(0x7C))),
    ("after a round", "HEADS", {**_ALL, "session": None}, {}, (700, fixed(0x7D))),
    (
        "verified up to 51 entries", "COSIGN", {**_ALL, "session": None},
        {"size": 51, "t_s": 1_790_000_000, "line": b"\xe2\x80\x94 x y\n"}, (0, None),
    ),
    (
        "one place, two earlier heads", "PROVE", {**_ALL, "session": None},
        {"size": 51, "places": [40], "heads": [12, 33]}, (0, None),
    ),
    ("the paths", "PROOF", {**_ALL, "session": None}, {}, (900, fixed(0x7E))),
    ("entries of the own log", "MIRROR", {**_ALL, "session": None}, {"log": ORIGIN}, (2000, fixed(0x7F))),
    ("no study runs", "PING", _NONE, {"state": "idle", "attempt": 0, "seq": 0, "echo": None}, (0, None)),
    (
        "a study runs", "PING", {**_ALL, "session": None},
        {"state": "train", "attempt": 0, "seq": 41, "echo": 40}, (0, None),
    ),
]  # fmt: skip


def envelope(type: str, place: dict[str, Any], body: dict[str, Any], payload: tuple[int, bytes | None]) -> Envelope:
    """Return a signed envelope of vgr, entry 5 of its log."""
    fields = Header(
        type=type, sender="vgr", log=ORIGIN, head_size=5, head_root=fixed(0x11), body=body,
        bytes=payload[0], sha256=payload[1], **place,
    )  # fmt: skip
    return build(fields, KEY)


def _header(**changes: Any) -> str:
    """Return an ACCEPT header with changed, added or (``...``) left out keys, unchecked."""
    header: dict[str, Any] = {
        "v": 1, "type": "ACCEPT", "from": "vgr", "log": ORIGIN, "head": [5, fixed(0x11)], "study": STUDY,
        "round": None, "session": None, "body": {"code_sha256": fixed(0x43)}, "bytes": 0, "sha256": None,
    }  # fmt: skip
    header.update({key.rstrip("_"): value for key, value in changes.items()})
    return encode({key: value for key, value in header.items() if value is not ...}).hex()


def refused_headers() -> list[tuple[str, str]]:
    """Return canonical headers that no type allows."""
    cohort: dict[str, Any] = {
        "type": "COHORT", "round": 3, "session": SESSION, "bytes": 9, "sha256": fixed(1),
    }  # fmt: skip
    body: dict[str, Any] = {"eph": fixed(2), "kind": "mix", "variant": "strict"}
    member = ["kalmar", fixed(3), None]
    return [
        ("no map", encode([1]).hex()),
        ("a key missing", _header(sha256=...)),
        ("a key too many", _header(extra=1)),
        ("another version", _header(v=2)),
        ("true for 1", _header(v=True)),
        ("a type of a later version", _header(type="MIRROR")),
        ("a type in small letters", _header(type="accept")),
        ("a region in capitals", _header(from_="VGR")),
        ("another region's log", _header(from_="skane")),
        ("an origin without its epoch", _header(log="landsting.example/vgr")),
        ("an epoch with a leading zero", _header(log="landsting.example/vgr/01")),
        ("place 0, which is genesis", _header(head=[0, fixed(0x11)])),
        ("a root of 31 bytes", _header(head=[5, fixed(0x11, 31)])),
        ("no study", _header(study=None)),
        ("a round where the type has none", _header(round=0)),
        ("a session where the type has none", _header(session=SESSION)),
        ("a payload where the type has none", _header(bytes=1, sha256=fixed(1))),
        ("a hash without a payload", _header(sha256=fixed(1))),
        ("a body of another type", _header(body={"reason": "other"})),
        ("a field too many", _header(body={"code_sha256": fixed(0x43), "note": "x"})),
        ("a payload without its hash", _header(type="PROPOSE", body={}, bytes=9)),
        ("a proposal without a plan", _header(type="PROPOSE", body={})),
        ("a roster of more than 1 MiB", _header(type="PROPOSE", body={}, bytes=2**20 + 1, sha256=fixed(1))),
        ("a reason that is not on the list", _header(type="REJECT", body={"reason": "tired"})),
        ("a negative round", _header(type="ABSENT", round=-1, body={"first": 0, "last": 0})),
        ("absence that ends before it begins", _header(type="ABSENT", round=3, body={"first": 3, "last": 2})),
        ("a cohort of nobody", _header(**cohort, body={**body, "members": []})),
        ("a member twice", _header(**cohort, body={**body, "members": [member, member]})),
        ("members out of order", _header(**cohort, body={**body, "members": [["skane", fixed(4), None], member]})),
        ("shares committed to by halves",
         _header(**{**cohort, "type": "SHARES"}, body={"cohort": fixed(2), "commits": [[fixed(3)]]})),
        ("left out for a reason that is not on the list",
         _header(**{**cohort, "type": "SURVIVORS"},
                 body={"view": fixed(2), "members": [["kalmar", fixed(3)]], "left_out": [["skane", "late"]]})),
        ("a receipt for nobody",
         _header(type="RECEIPT", round=3, session=SESSION, body={"masked": fixed(2)})),
        ("a result that is done and has no sum",
         _header(type="RESULT", round=3, session=SESSION,
                 body={"outcome": "done", "reason": None, "members": [], "sum": None})),
        ("a PING with a study and no round",
         _header(type="PING", body={"state": "idle", "attempt": 0, "seq": 0, "echo": None})),
        ("attempt 100", _header(type="PING", round=3, body={"state": "sum", "attempt": 100, "seq": 0, "echo": None})),
    ]  # fmt: skip


def envelopes() -> dict[str, Any]:
    """Return an envelope of every type, refused headers, and a carrier's payload."""
    cases = []
    for comment, type, place, body, payload in MESSAGES:
        made = envelope(type, place, body, payload)
        cases.append({
            "comment": comment, "type": type, **shown(place), "body": shown(body), "bytes": payload[0],
            "sha256": shown(payload[1]), "header": made.header.hex(), "eid": made.eid.hex(),
            "signature": made.signature.hex(),
        })  # fmt: skip
    absent = envelope("ABSENT", {**_ALL, "session": None}, {"first": 3, "last": 3}, (0, None))
    advert = envelope("ADVERT", _ALL, _ADVERT, (0, None))
    return {
        "comment": "Region vgr, key of RFC 8032 section 7.1 test 1, entry 5 of its log. `eid` is the hash of what is "
        "signed. Each of `refused` is canonical and a CodecError.",
        "seed": SEED.hex(), "public": KEY.public.hex(), "from": "vgr", "log": ORIGIN, "head": shown([5, fixed(0x11)]),
        "envelopes": cases,
        "refused": [{"comment": comment, "header": header} for comment, header in refused_headers()],
        "carried": {
            "comment": "what a COHORT holds, by sender, then type",
            "types": ["ABSENT", "ADVERT"],
            "payload": encode_carried([(advert, None), (absent, None)]).hex(),
        },
    }  # fmt: skip


# ---------------------------------------------------------------- entries

_SOFTWARE = {"name": "landsting", "version": "0.1.0", "source_sha256": fixed(0x21)}
_KEYS = {
    "serial": 1, "sign": KEY.public, "log": fixed(0x22), "witness": fixed(0x23), "x25519": fixed(0x24),
    "curve": fixed(0x25), "release": None,
}  # fmt: skip
_DP = {
    "q_u": 10_000, "sigma_u": 1_100_000, "steps": 40, "clip_u": 1_000_000, "delta_u12": 10_000_000,
    "accountant": "rdp", "eps_round_u": 812_345, "eps_study_u": 1_512_345, "eps_data_u": 1_512_345,
}  # fmt: skip
_RELEASE: dict[str, Any] = {
    "model": fixed(0x77), "round": 22, "file_sha256": fixed(0x7b), "card_sha256": fixed(0x7e),
    "tests": {"auc": 912_345, "worst/leak": -1_000}, "approvals": [{"region": "kalmar", "eid": fixed(3)}],
}  # fmt: skip
_CANDIDATE: dict[str, Any] = {
    "kind": "data", "file_sha256": fixed(0x7b), "card_sha256": fixed(0x7e), "bytes": 91_204,
}  # fmt: skip
_REVOKE: dict[str, Any] = {
    "region": "skane", "serial": 1, "last_good": {"size": 40, "root": fixed(0x11)}, "reason": "stolen",
    "sig": fixed(0x1a, 64), "by": "identity", "approvals": [],
}  # fmt: skip


def bodies() -> list[tuple[str, str, bytes | None, dict[str, Any]]]:
    """Return comment, kind, study and body of an entry of every kind."""
    sent = envelope("ADVERT", _ALL, _ADVERT, (0, None))
    heard = envelope("ACCEPT", _STUDY, {"code_sha256": fixed(0x43)}, (0, None))
    train = {
        "round": 3, "base": fixed(0x71), "delta": None, "settings_sha256": fixed(0x72), "code_sha256": fixed(0x73),
        "steps": 40, "norm_bucket": -3, "dp": None,
    }  # fmt: skip
    return [
        ("the first entry", "log.genesis", None,
         {"network": "landsting.example", "region": "vgr", "identity": fixed(0x20), "keys": _KEYS,
          "software": _SOFTWARE, "prev": None}),
        ("a new epoch after a loss", "log.genesis", None,
         {"network": "landsting.example", "region": "vgr", "identity": fixed(0x20), "keys": _KEYS,
          "software": _SOFTWARE,
          "prev": {"origin": ORIGIN, "size": 81, "root": fixed(0x11), "reason": "rollback"}}),
        ("entries that neighbours gave back", "log.recover", None,
         {"from_size": 41, "to_size": 57, "from": [{"region": "kalmar", "size": 55}, {"region": "skane", "size": 57}],
          "hash_only": 2}),
        ("first start", "node.start", None,
         {"software": _SOFTWARE, "config_sha256": fixed(0x26), "clean": True, "heard": [], "alone": False}),
        ("start after a crash, two neighbours heard", "node.start", None,
         {"software": _SOFTWARE, "config_sha256": fixed(0x26), "clean": False,
          "heard": [{"region": "kalmar", "size": 40}, {"region": "skane", "size": 41}], "alone": False}),
        ("stopped by a signal", "node.stop", None, {"reason": "signal"}),
        ("the first roster", "roster.accept", None,
         {"roster": fixed(0x41), "old": None, "role": "technical", "decision_ref": None, "sig": fixed(0x42, 64)}),
        ("consent with a diary number", "study.accept", STUDY,
         {"plan": STUDY, "role": "dpo", "decision_ref": "RS 2026-01234", "sheet": None}),
        ("refusal", "study.reject", STUDY,
         {"plan": STUDY, "role": "controller", "decision_ref": None, "reason": "law"}),
        ("all have accepted", "study.start", STUDY,
         {"roster": fixed(0x41), "regions": ["kalmar", "skane", "vgr"], "init": fixed(0x70), "masking": "auto",
          "lab": False,
          "accepts": [{"region": "kalmar", "eid": fixed(1)}, {"region": "skane", "eid": fixed(2)},
                      {"region": "vgr", "eid": heard.eid}]}),
        ("the first sum", "stats.open", STUDY,
         {"round": 0, "stage": "count", "session": SESSION, "sum": fixed(0x74), "stats": fixed(0x75)}),
        ("done", "study.end", STUDY, {"round": 22, "outcome": "done", "reason": None, "model": None}),
        ("stopped, since sums differ", "study.end", STUDY,
         {"round": 1, "outcome": "stopped", "reason": "stats", "model": None}),
        ("a data sheet with one override", "data.sheet", None,
         {"sheet_sha256": fixed(0x27), "fingerprint": fixed(0x28), "schema_sha256": fixed(0x29),
          "rows_bucket": "100-999", "rules": {"sha256": fixed(0x2a), "passed": 17, "failed": 1},
          "anonymity": {"sha256": fixed(0x2b), "method": "columns", "k": 3, "l": 2, "t_u": 310_000},
          "overrides": [{"check": "quality.range", "decision_ref": "RS 2026-01234"}]}),
        ("the base of a round", "round.start", STUDY,
         {"round": 3, "base": fixed(0x71), "edges": ["kalmar", "skane"]}),
        ("a round without DP", "round.train", STUDY, train),
        ("a round with DP", "round.train", STUDY, {**train, "dp": _DP}),
        ("an own envelope", "env.sent", STUDY,
         {"header": sent.header, "sig": sent.signature, "to": ["kalmar", "skane"]}),
        ("passed on by skane", "env.recv", STUDY,
         {"header": heard.header, "sig": heard.signature, "via": "skane"}),
        ("two members", "session.sum", STUDY,
         {"session": SESSION, "receiver": "vgr", "survivors": ["kalmar", "skane"], "sum": fixed(0x76), "opened": []}),
        ("a value did not come", "session.void", STUDY,
         {"session": SESSION, "receiver": "vgr", "reason": "missing"}),
        ("mixed from two of three", "round.mix", STUDY,
         {"round": 3, "in": [{"session": SESSION, "sum": fixed(0x76)}], "missing": ["orebro"],
          "weights": {"kalmar": 1, "skane": 1, "vgr": 2}, "den": 4, "own": None, "model": fixed(0x77)}),
        ("figures behind commitments", "round.eval", STUDY,
         {"round": 3, "model": fixed(0x77), "set": fixed(0x79), "metrics": fixed(0x7a), "n_bucket": "10-99"}),
        ("a mixed round", "round.end", STUDY, {"round": 3, "outcome": "mixed", "reason": None}),
        ("a round alone", "round.end", STUDY, {"round": 4, "outcome": "kept", "reason": "too-few"}),
        ("two logs seen, one cosignature back", "round.heads", STUDY,
         {"round": 3, "seen": [
             {"origin": "landsting.example/kalmar/1", "size": 40, "root": fixed(0x11), "sig": fixed(0x12, 64),
              "how": "verified"},
             {"origin": "landsting.example/orebro/1", "size": 33, "root": fixed(0x13), "sig": fixed(0x14, 64),
              "how": "relayed"}],
          "cosigned": [{"by": "kalmar", "size": 51, "t_s": 1_790_000_000, "sig": fixed(0x15, 64)}]}),
        ("a model on disk", "model.checkpoint", STUDY,
         {"round": 3, "model": fixed(0x77), "file_sha256": fixed(0x7b), "bytes": 40_960}),
        ("this region's own judgement of synthetic data", "release.approve", STUDY,
         {**_CANDIDATE, "figures": fixed(0x1d), "role": "dpo", "decision_ref": "RS 2026-01234"}),
        ("of a model, without figures", "release.approve", STUDY,
         {**_CANDIDATE, "kind": "model", "figures": None, "role": "technical", "decision_ref": None}),
        ("handed to two others to judge", "release.offer", STUDY,
         {**_CANDIDATE, "to": ["kalmar", "skane"], "role": "dpo", "decision_ref": "RS 2026-01234"}),
        ("a model that leaves", "model.release", STUDY, _RELEASE),
        ("data that leave", "data.release", STUDY, {**_RELEASE, "approvals": []}),
        ("the second key set", "key.rotate", None,
         {"keys": {**_KEYS, "serial": 2}, "sig": fixed(0x16, 64), "pop": [fixed(b, 64) for b in (0x17, 0x18, 0x19)]}),
        ("revoked by its own identity key", "key.revoke", None, _REVOKE),
        ("revoked by two members", "key.revoke", None,
         {**_REVOKE, "sig": None, "by": "quorum",
          "approvals": [{"region": "kalmar", "sig": fixed(0x1b, 64)}, {"region": "vgr", "sig": fixed(0x1c, 64)}]}),
        ("two statements of skane exclude each other", "fault", STUDY,
         {"round": 3, "region": "skane", "code": "LS-FORK", "evidence": [fixed(0x78)]}),
        ("out of place, outside a study", "fault", None,
         {"round": None, "region": "skane", "code": "STATE", "evidence": []}),
        ("payloads let go as the plan says", "payload.prune", STUDY,
         {"rounds": [0, 12], "count": 48, "hashes_root": fixed(0x7c), "rule": "payload_rounds"}),
        ("an erased entry", "redact", None, {"seq": 17, "leaf": fixed(0x7d), "basis": "erasure"}),
        ("handed to an auditor", "audit.export", None,
         {"requester_ref": "IMY 2026-77", "study": STUDY, "payloads": "kept", "mirrors": False}),
    ]  # fmt: skip


def _leaf(**changes: Any) -> str:
    entry: dict[str, Any] = {
        "v": 1, "log": ORIGIN, "seq": 5, "t_ms": 1_790_000_000_000, "kind": "round.end", "study": STUDY,
        "body": {"round": 3, "outcome": "mixed", "reason": None},
    }  # fmt: skip
    entry.update(changes)
    return encode({key: value for key, value in entry.items() if value is not ...}).hex()


def refused_leaves() -> list[tuple[str, str]]:
    """Return canonical leaves that no kind allows."""
    accept: dict[str, Any] = {"plan": STUDY, "role": "dpo", "decision_ref": None, "sheet": None}
    fault: dict[str, Any] = {"round": 3, "region": "skane", "code": "STATE", "evidence": []}
    sum_: dict[str, Any] = {
        "session": SESSION, "receiver": "vgr", "survivors": ["kalmar"], "sum": fixed(1), "opened": [],
    }  # fmt: skip
    return [
        ("no map", encode([1]).hex()),
        ("a key missing", _leaf(t_ms=...)),
        ("a key too many", _leaf(who="x")),
        ("another version", _leaf(v=2)),
        ("a kind of a later version", _leaf(kind="round.vote")),
        ("no study", _leaf(study=None)),
        ("a study of 31 bytes", _leaf(study=fixed(1, 31))),
        ("a negative time", _leaf(t_ms=-1)),
        ("a field missing", _leaf(body={"round": 3, "outcome": "mixed"})),
        ("a field too many", _leaf(body={"round": 3, "outcome": "mixed", "reason": None, "note": None})),
        ("a reason that is not on the list", _leaf(body={"round": 3, "outcome": "kept", "reason": "rain"})),
        ("true for a number", _leaf(body={"round": True, "outcome": "mixed", "reason": None})),
        ("accepted plan and study differ", _leaf(kind="study.accept", body={**accept, "plan": fixed(1)})),
        ("free text, no diary number", _leaf(kind="study.accept", body={**accept, "decision_ref": "OK, Eva!"})),
        ("an export inside a study", _leaf(kind="audit.export", body={
            "requester_ref": None, "study": None, "payloads": "kept", "mirrors": False})),
        ("a key revoked by nobody", _leaf(kind="key.revoke", study=None, body={**_REVOKE, "sig": None})),
        ("rounds that end before they begin", _leaf(kind="payload.prune", body={
            "rounds": [3, 2], "count": 1, "hashes_root": fixed(1), "rule": "years"})),
        ("nothing recovered", _leaf(kind="log.recover", study=None, body={
            "from_size": 4, "to_size": 4, "from": [{"region": "skane", "size": 4}], "hash_only": 0})),
        ("five pieces of evidence", _leaf(kind="fault", body={**fault, "evidence": [fixed(1)] * 5})),
        ("a code that is no finding's", _leaf(kind="fault", body={**fault, "code": "LS-RUDE"})),
        ("survivors out of order", _leaf(kind="session.sum", body={**sum_, "survivors": ["skane", "kalmar"]})),
        ("a self mask between two", _leaf(kind="session.sum", body={
            **sum_, "opened": [{"region": "skane", "kind": "self", "of": "kalmar", "c": fixed(2)}]})),
    ]  # fmt: skip


def entries() -> dict[str, Any]:
    """Return an entry of every kind with leaf, leaf hash and reading view, and refused leaves."""
    cases = []
    for seq, (comment, kind, study, body) in enumerate(bodies()):
        leaf = encode_entry(Entry(ORIGIN, seq, 1_790_000_000_000 + seq, kind, study, body))
        cases.append({
            "comment": comment, "kind": kind, "seq": seq, "leaf": leaf.hex(), "hash": leaf_hash(leaf).hex(),
            "view": view(seq, leaf),
        })  # fmt: skip
    return {
        "comment": "One entry of every kind at least; they are no possible log together. The view is the value with "
        "bytes as 0x and hex. Each of `refused` is canonical and a SchemaError.",
        "entries": cases,
        "refused": [{"comment": comment, "leaf": leaf} for comment, leaf in refused_leaves()],
    }


# ---------------------------------------------------------------- fixed point


def fixed_point() -> dict[str, Any]:
    """Return floats with their codes."""
    table: list[tuple[str, list[float], list[float], int, int, int]] = [
        ("halves go to the even neighbour", [0.5, 1.5, 2.5, -0.5, -1.5, 0.25], [0.0] * 6, 0, 4, 32),
        ("steps of 2^-24 against a reference", [0.1, -0.1, 1.0, 3.0], [0.05, 0.05, 1.0, -3.0], 24, 8, 32),
        ("clipped at X_max", [1.0, -1.0, 0.001], [0.0] * 3, 16, 255, 16),
        ("8 bits", [1.0, -0.9, 0.1], [0.0] * 3, 4, 8, 8),
        ("64 bits: X_max is no float64, and is met exactly", [2.0**62, -(2.0**62), 2.0**60], [0.0] * 3, 0, 3, 64),
        ("a coarse step", [100.0, -37.0], [0.0] * 2, -3, 4, 32),
    ]
    cases = []
    for comment, x, ref, step_log2, bound, ring in table:
        x_max = largest(ring, bound)
        codes = quantise(np.array(x, np.float32), np.array(ref, np.float32), step_log2, x_max, ring)
        cases.append({
            "comment": comment, "x": [float(np.float32(v)).hex() for v in x],
            "ref": [float(np.float32(v)).hex() for v in ref], "step_log2": step_log2, "bound": bound, "ring": ring,
            "x_max": x_max, "codes": [int(c) for c in codes],
        })  # fmt: skip
    return {"comment": "x and ref are float32, written as C99 hexadecimal floats; `bound` is A.", "cases": cases}


def made() -> dict[str, str]:
    """Return every vector file by name."""
    parts = {"codec": codec(), "envelopes": envelopes(), "entries": entries(), "fixed_point": fixed_point()}
    return {f"{name}.json": json.dumps(part, indent=1, ensure_ascii=False) + "\n" for name, part in parts.items()}


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for name, content in made().items():
        (HERE / name).write_text(content, encoding="utf-8")
