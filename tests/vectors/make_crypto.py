"""Makes ``crypto/*.json`` beside this file from ``reference.py``, without the code that is checked with them.

Only the list of words comes from ``crypto``: it is data. Run it with ``make_vectors.py crypto``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from crypto.words import WORDS
from tests.vectors import reference as r
from tests.vectors import sharing
from tests.vectors.reference_sharing import chacha20_stream

HERE = Path(__file__).resolve().parent / "crypto"
Case = dict[str, Any]

# RFC 8032, section 7.1, tests 1 to 3: seed and message.
RFC_8032 = [
    ("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", ""),
    ("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb", "72"),
    ("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7", "af82"),
]
# Leaves of the reference tree of Certificate Transparency.
CT_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]


def h(text: str) -> bytes:
    """Bytes of hex."""
    return bytes.fromhex(text)


def key(word: str) -> bytes:
    """32 bytes that a reader can make again: SHA-256 of a word."""
    return hashlib.sha256(word.encode()).digest()


def tagged(tag: str, data: bytes) -> bytes:
    """The bytes that are signed or hashed under a tag."""
    return b"landsting/v1/" + tag.encode() + b"\0" + data


def flipped(data: bytes, at: int) -> bytes:
    """``data`` with the lowest bit of one byte changed."""
    return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]


def hashing() -> Case:
    """Context strings and tagged hashes."""
    cases = [
        ("a message type, upper case", "MASKED", b"\x80"),
        ("a use, lower case", "sid", b"\x80"),
        ("no data: the zero byte still ends the tag", "mask-key", b""),
        ("data that starts like the rest of another tag", "mask", b"-key\0"),
    ]
    return {
        "comment": "tagged = 'landsting/v1/' + tag + 0x00 + data; hash = SHA-256 of it.",
        "valid": [
            {
                "comment": comment, "tag": tag, "data": data.hex(), "tagged": tagged(tag, data).hex(),
                "hash": hashlib.sha256(tagged(tag, data)).hexdigest(),
            }
            for comment, tag, data in cases
        ],
        "refused": [
            {"comment": "an empty tag", "tag": ""},
            {"comment": "a zero byte inside: could run into the data", "tag": "a\0b"},
            {"comment": "a space", "tag": "a b"},
            {"comment": "beyond ASCII", "tag": "mått"},
        ],
    }  # fmt: skip


def ed25519() -> Case:
    """Signatures, and what must not pass for one."""
    seed, message = h(RFC_8032[2][0]), h(RFC_8032[2][1])
    public, signature = r.ed25519_public(seed), r.ed25519_sign(seed, message)
    above = (int.from_bytes(signature[32:], "little") + r.L).to_bytes(32, "little")
    # Under the identity as key, R = S*B holds for every message: the forger needs no secret at all.
    identity = r.encode_point(r.IDENTITY)
    forged = r.encode_point(r.times(5, r.BASE)) + (5).to_bytes(32, "little")
    assert r.ed25519_valid(identity, forged, message, strict=False)

    def refused(comment: str, *, p: bytes = public, sig: bytes = signature, m: bytes = message) -> Case:
        assert not r.ed25519_valid(p, sig, m)
        return {"comment": comment, "public": p.hex(), "message": m.hex(), "signature": sig.hex()}

    return {
        "comment": "RFC 8032 with S < L and without keys of small order; seeds are private keys.",
        "valid": [
            _signed(f"RFC 8032, section 7.1, test {i + 1}", h(one), h(said)) for i, (one, said) in enumerate(RFC_8032)
        ]
        + [_signed("an envelope's header under its context", seed, tagged("MASKED", b"\x81\xa1v\x01"))],
        "refused": [
            refused("another message", m=message + b"\0"),
            refused("another key", p=r.ed25519_public(h(RFC_8032[1][0]))),
            refused("one bit of R", sig=flipped(signature, 0)),
            refused("one bit of S", sig=flipped(signature, 32)),
            refused("S + L: holds for who does not look at the range", sig=signature[:32] + above),
            refused("the same statement under another context", m=tagged("DELTA", message)),
            refused("63 bytes", sig=signature[:63]),
            refused("65 bytes", sig=signature + b"\0"),
            refused("no signature", sig=b""),
            refused("key is the identity, R = 5 B, S = 5: made without a secret", p=identity, sig=forged),
        ],
        "keys_refused": _keys_refused(),
    }  # fmt: skip


def _signed(comment: str, seed: bytes, message: bytes) -> Case:
    return {
        "comment": comment, "seed": seed.hex(), "public": r.ed25519_public(seed).hex(), "message": message.hex(),
        "signature": r.ed25519_sign(seed, message).hex(),
    }  # fmt: skip


def _keys_refused() -> list[Case]:
    """Every encoding of a point of small order, and other bytes that are no key."""
    eighth = next(
        point
        for y in range(2, 200)
        if (point := _multiple(y)) is not None and r.encode_point(r.times(4, point)) != r.encode_point(r.IDENTITY)
    )
    small = [(f"small order: multiple {i} of a point of order 8", r.encode_point(r.times(i, eighth))) for i in range(8)]
    off_curve = next(y.to_bytes(32, "little") for y in range(2, 100) if _decoded(y.to_bytes(32, "little")) is None)
    assert _decoded((3).to_bytes(32, "little")) is not None
    others = [
        ("y = p: another encoding of y = 0", r.P.to_bytes(32, "little")),
        ("y = p + 1: another encoding of the identity", (r.P + 1).to_bytes(32, "little")),
        ("y = p + 3: another encoding of a good point", (r.P + 3).to_bytes(32, "little")),
        ("all bits set", b"\xff" * 32),
        ("the identity with the sign of x = 0 set", (1 | 1 << 255).to_bytes(32, "little")),
        ("y = -1 with the sign of x = 0 set", (r.P - 1 | 1 << 255).to_bytes(32, "little")),
        ("no point of the curve", off_curve),
        ("31 bytes", bytes(31)),
        ("33 bytes", r.ed25519_public(key("a")) + b"\0"),
        ("no bytes", b""),
    ]
    cases = []
    for comment, public in small + others:
        point = _decoded(public)
        assert point is None or r.has_small_order(point)
        cases.append({"comment": comment, "public": public.hex()})
    return cases


def _decoded(data: bytes) -> r.Point | None:
    try:
        return r.decode_point(data)
    except ValueError:
        return None


def _multiple(y: int) -> r.Point | None:
    """A point with this y, times L: what is left has an order that divides 8."""
    point = _decoded(y.to_bytes(32, "little"))
    return None if point is None else r.times(r.L, point)


def agreement() -> Case:
    """X25519 and the derivation of keys."""
    alice, bob, public = key("alice"), key("bob"), r.x25519_public
    shared = r.x25519(alice, public(bob))
    top_bit = public(bob)[:31] + bytes((public(bob)[31] | 0x80,))
    exchange = [
        (
            "RFC 7748, section 5.2, the first vector",
            h("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"),
            h("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"),
        ),
        (
            "RFC 7748, section 5.2, the second vector",
            h("4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d"),
            h("e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493"),
        ),
        ("a pair, one way", alice, public(bob)),
        ("the same pair, the other way", bob, public(alice)),
        ("the top bit of the public key is ignored (RFC 7748, section 5)", alice, top_bit),
    ]
    derived = [
        ("a key of a session", shared, key("salt"), "pair-mask", b"\x94"),
        ("the same secret for another use", shared, key("salt"), "share-channel", b"\x94"),
        ("the same secret in another cohort", shared, key("another salt"), "pair-mask", b"\x94"),
        ("64 bytes of key material, empty salt, nothing to bind", shared + shared, b"", "share-channel", b""),
    ]
    order_8 = (
        325606250916557431795983626356110631294008115727848805560023387167927233504,
        39382357235489614581723060781553021112529911719440698176882885853963445705823,
    )
    small = [
        (f"small order: u = {name}", value.to_bytes(32, "little"))
        for name, value in (
            ("0", 0), ("1", 1), ("p - 1", r.P - 1), ("p, another 0", r.P), ("p + 1, another 1", r.P + 1),
            ("a point of order 8", order_8[0]), ("the other point of order 8", order_8[1]),
        )
    ]  # fmt: skip
    assert all(r.x25519(alice, data) == bytes(32) for _, data in small)
    return {
        "comment": "shared = X25519(private, public); key = HKDF-SHA256(ikm, salt, tagged(tag, info)), 32 bytes.",
        "valid": [
            {"comment": comment, "private": one.hex(), "private_public": public(one).hex(), "public": two.hex(),
             "shared": r.x25519(one, two).hex()}
            for comment, one, two in exchange
        ],
        "derive": [
            {"comment": comment, "ikm": ikm.hex(), "salt": salt.hex(), "tag": tag, "info": info.hex(),
             "key": r.hkdf(ikm, salt, tagged(tag, info)).hex()}
            for comment, ikm, salt, tag, info in derived
        ],
        "refused": [
            {"comment": comment, "private": alice.hex(), "public": data.hex()}
            for comment, data in [*small, ("31 bytes", public(bob)[:31]), ("33 bytes", public(bob) + b"\0")]
        ],
    }  # fmt: skip


def masks() -> Case:
    """Streams of seeds, and small sums of them."""
    chunk = 128 * 1024
    seeds = {"a seed of zeros: FIPS 197 by itself": bytes(32), "a seed": key("seed")}
    streams = [
        {
            "comment": comment, "seed": seed.hex(), "first_64": r.keystream(seed, 0, 64).hex(),
            "around_128_kib": r.keystream(seed, chunk - 16, chunk + 16).hex(),
        }
        for comment, seed in seeds.items()
    ]  # fmt: skip
    others = [
        {
            "comment": f"{comment}, ChaCha20", "seed": seed.hex(), "first_64": chacha20_stream(seed, 0, 64).hex(),
            "around_128_kib": chacha20_stream(seed, chunk - 16, chunk + 16).hex(),
        }
        for comment, seed in seeds.items()
    ]  # fmt: skip
    a, b, c = key("pair ab"), key("pair ac"), key("self")
    sums = [
        ("two neighbours, one added, one taken away", 16, [1, 2, 3, 65535, 0], [a], [b]),
        ("words of 8 bits", 8, [0, 255, 7], [a, c], [b]),
        ("words of 32 bits", 32, [0, 2**32 - 1, 7], [a, c], [b]),
        ("words of 64 bits", 64, [0, 2**64 - 1, 7], [a, c], [b]),
        ("a stream added and taken away is no mask", 32, [5, 6], [a], [a]),
        ("no seeds", 16, [5, 6], [], []),
    ]
    return {
        "comment": "stream = AES-256-CTR(key = seed, counter from 0), read as little-endian words, added mod 2^width; "
        "`chacha20`: the same with ChaCha20, nonce zero; `divided`: times the inverse of an odd weight.",
        "streams": streams,
        "chacha20": others,
        "divided": [_divided(width, weight, a, b) for width in (8, 16, 32, 64) for weight in (1, 3, 51, 255)],
        "sums": [
            {
                "comment": comment, "width": width, "vector": [str(x) for x in vector],
                "plus": [s.hex() for s in plus], "minus": [s.hex() for s in minus],
                "masked": [str(x) for x in _masked(width, vector, plus, minus)],
            }
            for comment, width, vector, plus, minus in sums
        ],
        "refused": [{"comment": f"a seed of {n} bytes", "seed": bytes(n).hex()} for n in (0, 4, 16, 31, 33)],
    }  # fmt: skip


def _divided(width: int, weight: int, plus: bytes, minus: bytes) -> Case:
    factor = pow(weight, -1, 2**width)
    bare = _masked(width, [0, 0, 0], [plus], [minus])
    return {
        "comment": f"{width} bits, weight {weight}", "width": width, "weight": weight, "factor": str(factor),
        "vector": ["1", "2", "3"], "plus": [plus.hex()], "minus": [minus.hex()],
        "masked": [str((x + factor * m) % 2**width) for x, m in zip((1, 2, 3), bare, strict=True)],
    }  # fmt: skip


def _masked(width: int, vector: list[int], plus: list[bytes], minus: list[bytes]) -> list[int]:
    size = width // 8

    def word(seed: bytes, at: int) -> int:
        return int.from_bytes(r.keystream(seed, at * size, (at + 1) * size), "little")

    return [
        (x + sum(word(s, i) for s in plus) - sum(word(s, i) for s in minus)) % 2**width for i, x in enumerate(vector)
    ]


def merkle() -> Case:
    """All proofs of the trees of up to 8 leaves, and the refused neighbours of each."""
    leaves = [h(text) for text in CT_LEAVES]
    hashes = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
    roots = [r.tree_root(leaves[:n]) for n in range(9)]
    inclusion: list[Case] = []
    about: Case
    consistency: list[Case] = []
    refused: list[Case] = []
    for size in range(1, 9):
        for index in range(size):
            path = r.inclusion(index, leaves[:size])
            inclusion.append({"index": index, "size": size, "path": _hex(path)})
            for comment, i, n, other in _inclusion_neighbours(index, size, path):
                if not r.inclusion_valid(i, n, hashes[index], other, roots[size]):
                    about = {"index": i, "size": n, "leaf": hashes[index].hex(), "root": roots[size].hex()}
                    refused.append({"comment": comment, "proof": "inclusion", **about, "path": _hex(other)})
        for old in range(size + 1):
            path = r.consistency(old, leaves[:size])
            consistency.append({"old": old, "new": size, "path": _hex(path)})
            for comment, other in _path_neighbours(path):
                if not r.consistency_valid(old, size, roots[old], roots[size], other):
                    about = {"old": old, "new": size, "old_root": roots[old].hex(), "new_root": roots[size].hex()}
                    refused.append({"comment": comment, "proof": "consistency", **about, "path": _hex(other)})
    return {
        "comment": "RFC 6962 with SHA-256; leaves and roots are those of the Certificate Transparency reference tree. "
        "Proofs are about these leaves; refused ones carry all that a check takes.",
        "leaves": CT_LEAVES,
        "leaf_hashes": _hex(hashes),
        "roots": _hex(roots),
        "inclusion": inclusion,
        "consistency": consistency,
        "refused": refused,
    }


def _hex(hashes: list[bytes]) -> list[str]:
    return [each.hex() for each in hashes]


def _path_neighbours(path: list[bytes]) -> list[tuple[str, list[bytes]]]:
    found = [("one hash more", [*path, bytes(32)])]
    if path:
        found += [("one hash less", path[:-1]), ("one bit of the first hash", [flipped(path[0], 0), *path[1:]])]
    if len(path) > 1 and path[0] != path[1]:
        found.append(("two hashes exchanged", [path[1], path[0], *path[2:]]))
    return found


def _inclusion_neighbours(index: int, size: int, path: list[bytes]) -> list[tuple[str, int, int, list[bytes]]]:
    found = [(comment, index, size, other) for comment, other in _path_neighbours(path)]
    found += [("the index after it", index + 1, size, path), ("half the size", index, size // 2, path)]
    return found


def note() -> Case:
    """Notes and checkpoints."""
    seed, name = h(RFC_8032[0][0]), "landsting.example/vgr/1"
    public = r.ed25519_public(seed)
    root = r.tree_root([h(text) for text in CT_LEAVES])
    body = f"{name}\n8\n{_b64(root)}\n".encode()
    empty = f"{name}\n0\n{_b64(r.tree_root([]))}\n".encode()
    line = _line(name, seed, body)
    whole = body + b"\n" + line
    witness = _line("landsting.example/skane/witness", h(RFC_8032[1][0]), b"time 1\n" + body, kind=4)
    bodies = [("a checkpoint over 8 leaves", 8, root, body), ("an empty log", 0, r.tree_root([]), empty)]
    largest = f"{name}\n{2**53 - 1}\n{_b64(root)}\n".encode()
    bodies.append(("the largest size", 2**53 - 1, root, largest))

    def bad(comment: str, data: bytes, repeated: bytes = b"", times: int = 0) -> Case:
        case: Case = {"comment": comment, "note": data.decode("latin-1")}
        return {**case, "repeated": repeated.decode("latin-1"), "times": times} if times else case

    loose = line[:-2] + (b"=" if line[-2:-1] != b"=" else b"") + b"\n"
    key_id = _key_id(name, 1, public)
    signature, parts, root64 = r.ed25519_sign(seed, body), b"one\n\ntwo\n", _b64(root)
    stranger = r.ed25519_sign(key("x"), body)
    high_s = signature[:32] + (int.from_bytes(signature[32:], "little") + r.L).to_bytes(32, "little")
    return {
        "comment": "C2SP signed-note and tlog-checkpoint. Strings under 'note', 'body' and 'repeated' are bytes read "
        "as Latin-1; 'repeated' comes 'times' times after 'note'.",
        "name": name,
        "seed": seed.hex(),
        "public": public.hex(),
        "key_ids": [
            {"name": name, "kind": 1, "public": public.hex(), "key_id": key_id.hex()},
            {"name": "landsting.example/vgr/witness", "kind": 4, "public": public.hex(),
             "key_id": _key_id("landsting.example/vgr/witness", 4, public).hex()},
            {"name": "PeterNeumann", "kind": 1, "public": GO_PUBLIC.hex(), "key_id": "c74f20a3"},
        ],
        "checkpoints": [
            {"comment": comment, "origin": name, "size": size, "root": one.hex(), "body": text.decode("latin-1")}
            for comment, size, one, text in bodies
        ],
        "checkpoints_refused": [
            {"comment": comment, "body": text}
            for comment, text in [
                ("size 008", f"{name}\n008\n{root64}\n"),
                ("size +8", f"{name}\n+8\n{root64}\n"),
                ("size -1", f"{name}\n-1\n{root64}\n"),
                ("no size", f"{name}\n\n{root64}\n"),
                ("size in other digits", f"{name}\n\xb2\n{root64}\n"),
                ("size 2^53", f"{name}\n{2**53}\n{root64}\n"),
                ("size 2^63", f"{name}\n{2**63}\n{root64}\n"),
                ("size of 5000 digits", f"{name}\n{'9' * 5000}\n{root64}\n"),
                ("size 0 with a root that is not the empty one", f"{name}\n0\n{root64}\n"),
                ("no last newline", body.decode()[:-1]),
                ("a fourth line", body.decode() + "extension\n"),
                ("an empty fourth line", body.decode() + "\n"),
                ("two lines", f"{name}\n8\n"),
                ("carriage returns", body.decode().replace("\n", "\r\n")),
                ("root of 31 bytes", f"{name}\n8\n{_b64(root[:31])}\n"),
                ("root of 33 bytes", f"{name}\n8\n{_b64(root + bytes(1))}\n"),
                ("root with loose last bits", f"{name}\n8\n{root64[:-2]}{_next(root64[-2])}=\n"),
                ("root without padding", f"{name}\n8\n{root64[:-1]}\n"),
                ("no origin", f"\n8\n{root64}\n"),
                ("a space in the origin", f"a b\n8\n{root64}\n"),
                ("a plus in the origin", f"a+b\n8\n{root64}\n"),
                ("origin beyond ASCII", f"v\xe4st\n8\n{root64}\n"),
                ("empty", ""),
            ]
        ],
        "valid": [
            {"comment": "a log's checkpoint", "name": name, "public": public.hex(), "body": body.decode(),
             "note": whole.decode("latin-1")},
            {"comment": "with a line of a key that the reader does not know, before and after", "name": name,
             "public": public.hex(), "body": body.decode(),
             "note": (body + b"\n" + witness + line + witness).decode("latin-1")},
            {"comment": "text with an empty line in it: the last one separates", "name": name, "public": public.hex(),
             "body": parts.decode(), "note": (parts + b"\n" + _line(name, seed, parts)).decode("latin-1")},
            {"comment": "the example of Go's x/mod/sumdb/note, made by others", "name": "PeterNeumann",
             "public": GO_PUBLIC.hex(), "body": GO_BODY, "note": GO_NOTE.encode().decode("latin-1")},
        ],
        "refused": [
            bad("the text changed", whole.replace(b"\n8\n", b"\n9\n")),
            bad("one bit of the signature", body + b"\n" + _raw(name, key_id, flipped(signature, 40))),
            bad("S + L", body + b"\n" + _raw(name, key_id, high_s)),
            bad("signed by another key under this one's id", body + b"\n" + _raw(name, key_id, stranger)),
            bad("a wrong key id", body + b"\n" + _raw(name, flipped(key_id, 0), signature)),
            bad("the right key under another name", body + b"\n" + _line("landsting.example/vgr/2", seed, body)),
            bad("two lines of the one key", body + b"\n" + line + line),
            bad("no signature line", body + b"\n"),
            bad("only unknown keys", body + b"\n" + witness),
            bad("no empty line", body + line),
            bad("no last newline", whole[:-1]),
            bad("an empty line after the signatures", whole + b"\n"),
            bad("text after the signatures", whole + b"more\n"),
            bad("base64 with one padding sign more", body + b"\n" + loose),
            bad("base64 with a space inside", whole.replace(line[-20:], line[-20:-10] + b" " + line[-10:])),
            bad("a hyphen in place of the dash", whole.replace("—".encode(), b"-")),
            bad("two spaces", whole.replace("— ".encode(), "—  ".encode())),
            bad("a signature line of 4 bytes", body + b"\n" + _raw("x", b"1234", b"") + line),
            bad("a signature of 63 bytes", body + b"\n" + _raw(name, key_id, signature[:63])),
            bad("carriage returns", whole.replace(b"\n", b"\r\n")),
            bad("a tab in the text", b"a\tb\n\n" + _line(name, seed, b"a\tb\n")),
            bad("text that is not UTF-8", b"\xff\n\n" + _line(name, seed, b"\xff\n")),
            bad("65 signature lines", body + b"\n" + line, witness, 64),
            bad("100000 lines", body + b"\n", line, 100000),
            bad("more than 64 KiB of text lines, no signature", b"", b"a\n", 40000),
            bad("empty", b""),
            bad("two newlines", b"\n\n"),
        ],
    }  # fmt: skip


# The example in the documentation of golang.org/x/mod/sumdb/note: made by another implementation.
GO_PUBLIC = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")[1:]
GO_BODY = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_NOTE = (
    GO_BODY
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _next(character: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return alphabet[alphabet.index(character) + 1]


def _key_id(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes((kind,)) + public).digest()[:4]


def _raw(name: str, key_id: bytes, signature: bytes) -> bytes:
    return f"— {name} {_b64(key_id + signature)}\n".encode()


def _line(name: str, seed: bytes, body: bytes, kind: int = 1) -> bytes:
    return _raw(name, _key_id(name, kind, r.ed25519_public(seed)), r.ed25519_sign(seed, body))


def keys() -> Case:
    """A key file, Z85, and words."""
    parts = [key(f"vgr/{i}") for i in range(6)]
    publics = [r.ed25519_public(part) for part in parts[:4]] + [r.x25519_public(part) for part in parts[4:]]
    names = ("identity", "sign", "log", "witness", "x25519", "curve")
    z85 = [("RFC 32", h("864fd26fb559f75b")), ("zeros", bytes(32)), ("ones", b"\xff" * 32), ("a key", publics[5])]
    fingerprint = key("a card")
    return {
        "comment": "Six private keys of 32 bytes in this order; Z85 as ZeroMQ RFC 32; one word a byte.",
        "private": b"".join(parts).hex(),
        "public": dict(zip(names, (each.hex() for each in publics), strict=True)),
        "private_refused": [
            {"comment": "a byte less", "private": b"".join(parts).hex()[:-2]},
            {"comment": "a byte more", "private": b"".join(parts).hex() + "00"},
            {"comment": "one key for two uses", "private": b"".join([*parts[:5], parts[0]]).hex()},
            {"comment": "empty", "private": ""},
        ],
        "z85": [{"comment": comment, "data": data.hex(), "text": _z85(data)} for comment, data in z85],
        "z85_refused": [
            {"comment": "4 characters", "text": "Hell"},
            {"comment": "a character outside the alphabet", "text": "Hel~o"},
            {"comment": "a comma, which is not in the alphabet either", "text": "Hel,o"},
            {"comment": "a group of 2^32", "text": "%nSc1"},
            {"comment": "the largest group", "text": "#####"},
        ],
        "words": [
            {"comment": "the first and the last word", "data": "00ff", "count": 2, "words": f"{WORDS[0]}-{WORDS[255]}"},
            {"comment": "eight words of a hash", "data": fingerprint.hex(), "count": 8,
             "words": "-".join(WORDS[byte] for byte in fingerprint[:8])},
        ],
        "words_sha256": hashlib.sha256("\n".join(WORDS).encode()).hexdigest(),
    }  # fmt: skip


def _z85(data: bytes) -> str:
    alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
    text = ""
    for start in range(0, len(data), 4):
        value, group = int.from_bytes(data[start : start + 4], "big"), ""
        for _ in range(5):
            value, digit = divmod(value, 85)
            group = alphabet[digit] + group
        text += group
    return text


MADE = {
    "hashing": hashing, "ed25519": ed25519, "agreement": agreement, "masks": masks, "merkle": merkle, "note": note,
    "keys": keys, "shamir": sharing.shamir, "sealing": sharing.sealing,
}  # fmt: skip


def text_of(made: Case) -> str:
    """A vector file as it stands on disk."""
    return json.dumps(made, indent=1, ensure_ascii=True, sort_keys=True) + "\n"


def main() -> None:
    """Write the files."""
    HERE.mkdir(exist_ok=True)
    for name, make in MADE.items():
        (HERE / f"{name}.json").write_text(text_of(make()), encoding="utf-8")


if __name__ == "__main__":
    main()
