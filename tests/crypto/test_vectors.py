"""The vectors in ``tests/vectors/crypto``, made by a second implementation, hold for this one."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crypto.agreement import derive, x25519, x25519_public
from crypto.errors import CryptoError
from crypto.hashing import tagged, tagged_hash
from crypto.keys import PrivateKeys, z85_decode, z85_encode
from crypto.masking import CHUNK_BYTES, add_masks, expand
from crypto.merkle import Tree, leaf_hash, verify_consistency, verify_inclusion
from crypto.note import Checkpoint, checkpoint_body, note_key_id, open_note, parse_checkpoint, sign_note
from crypto.sealing import channel_key, seal, unseal
from crypto.shamir import join, split
from crypto.signing import SigningKey, check_public, verify
from crypto.words import WORDS, words
from tests.vectors import make_crypto, reference, reference_sharing

FOLDER = Path(make_crypto.__file__).parent / "crypto"
Case = dict[str, Any]
h = bytes.fromhex


def cases(name: str, key: str) -> pytest.MarkDecorator:
    """Parametrise by the cases under one key of one file, each with its comment as id."""
    found: list[Case] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))[key]
    return pytest.mark.parametrize("case", [pytest.param(case, id=case["comment"]) for case in found])


def whole(name: str) -> Case:
    """One file."""
    made: Case = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return made


@pytest.mark.parametrize("name", list(make_crypto.MADE))
def test_the_generator_makes_the_file_as_it_stands(name: str) -> None:
    on_disk = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    assert make_crypto.text_of(make_crypto.MADE[name]()) == on_disk


# What others published, so that the second implementation stands on more than its own word.


def test_the_second_implementation_knows_aes_of_fips_197() -> None:
    block = reference.aes256(bytes(range(32)), h("00112233445566778899aabbccddeeff"))
    assert block == h("8ea2b7ca516745bfeafc49904b496089")


def test_the_second_implementation_knows_the_first_test_of_rfc_8032() -> None:
    seed = h("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    assert reference.ed25519_public(seed) == h("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    assert reference.ed25519_sign(seed, b"") == h(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )


def test_the_second_implementation_knows_x25519_of_rfc_7748() -> None:
    scalar = h("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    point = h("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    assert reference.x25519(scalar, point) == h("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")


def test_the_second_implementation_knows_hkdf_of_rfc_5869() -> None:
    # Appendix A.1; its output is 42 bytes, of which these are the first 32.
    key = reference.hkdf(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)))
    assert key == h("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf")


def test_the_second_implementation_knows_the_root_of_certificate_transparency() -> None:
    root = reference.tree_root([h(text) for text in make_crypto.CT_LEAVES])
    assert root == h("5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328")


def test_the_second_implementation_knows_chacha20_of_rfc_8439() -> None:
    # Section 2.3.2.
    block = reference_sharing.chacha20_block(bytes(range(32)), 1, h("000000090000004a00000000"))
    assert block[:32] == h("10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e")


def test_the_second_implementation_knows_poly1305_of_rfc_8439() -> None:
    # Section 2.5.2.
    key = h("85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b")
    tag = reference_sharing.poly1305(key, b"Cryptographic Forum Research Group")
    assert tag == h("a8061dc1305136c6c22b8baf0c0127a9")


def test_the_second_implementation_knows_the_sealing_of_rfc_8439() -> None:
    # Section 2.8.2; the first 16 bytes and the tag.
    sealed = reference_sharing.aead(
        bytes(range(0x80, 0xA0)), h("070000004041424344454647"), h("50515253c0c1c2c3c4c5c6c7"),
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
        b"sunscreen would be it.",
    )  # fmt: skip
    assert sealed[:16] == h("d31a8d34648e60db7b86afbc53ef7ec2")
    assert sealed[-16:] == h("1ae10b594f09e26a7e902ecbd0600691")


# Context strings.


@cases("hashing", "valid")
def test_hashing(case: Case) -> None:
    assert tagged(case["tag"], h(case["data"])) == h(case["tagged"])
    assert tagged_hash(case["tag"], h(case["data"])) == h(case["hash"])


@cases("hashing", "refused")
def test_hashing_refuses(case: Case) -> None:
    with pytest.raises(ValueError, match="tag"):
        tagged(case["tag"], b"")


# Signatures.


@cases("ed25519", "valid")
def test_ed25519(case: Case) -> None:
    key = SigningKey(h(case["seed"]))
    assert key.public == h(case["public"])
    assert key.sign(h(case["message"])) == h(case["signature"])
    verify(key.public, h(case["signature"]), h(case["message"]))


@cases("ed25519", "refused")
def test_ed25519_refuses(case: Case) -> None:
    with pytest.raises(CryptoError):
        verify(h(case["public"]), h(case["signature"]), h(case["message"]))


@cases("ed25519", "keys_refused")
def test_ed25519_refuses_the_key(case: Case) -> None:
    with pytest.raises(CryptoError, match="public key"):
        check_public(h(case["public"]))


# Agreement.


@cases("agreement", "valid")
def test_x25519(case: Case) -> None:
    assert x25519(h(case["private"]), h(case["public"])) == h(case["shared"])
    assert x25519_public(h(case["private"])) == h(case["private_public"])


@cases("agreement", "derive")
def test_derive(case: Case) -> None:
    assert derive(h(case["ikm"]), h(case["salt"]), case["tag"], h(case["info"])) == h(case["key"])


@cases("agreement", "refused")
def test_x25519_refuses(case: Case) -> None:
    with pytest.raises(CryptoError, match="X25519 public key"):
        x25519(h(case["private"]), h(case["public"]))


# Masks.


@pytest.mark.attack("S13")
@cases("masks", "streams")
def test_streams(case: Case) -> None:
    stream = expand(h(case["seed"]), CHUNK_BYTES + 16, "<u1").tobytes()
    assert stream[:64] == h(case["first_64"])
    assert stream[-32:] == h(case["around_128_kib"])


@pytest.mark.attack("S13")
@cases("masks", "chacha20")
def test_streams_of_chacha20(case: Case) -> None:
    stream = expand(h(case["seed"]), CHUNK_BYTES + 16, "<u1", prg="chacha20").tobytes()
    assert stream[:64] == h(case["first_64"])
    assert stream[-32:] == h(case["around_128_kib"])


@cases("masks", "divided")
def test_divided_masks(case: Case) -> None:
    vector = np.array([int(x) for x in case["vector"]], f"<u{case['width'] // 8}")
    factor = int(case["factor"])
    add_masks(vector, [h(s) for s in case["plus"]], [h(s) for s in case["minus"]], factor=factor)
    assert [str(x) for x in vector] == case["masked"]
    assert case["weight"] * factor % 2 ** case["width"] == 1


@cases("masks", "sums")
def test_sums(case: Case) -> None:
    dtype = f"<u{case['width'] // 8}"
    vector = np.array([int(x) for x in case["vector"]], dtype)
    add_masks(vector, [h(seed) for seed in case["plus"]], [h(seed) for seed in case["minus"]])
    assert [str(x) for x in vector] == case["masked"]


@cases("masks", "refused")
def test_masks_refuse(case: Case) -> None:
    with pytest.raises(ValueError, match="mask seed"):
        expand(h(case["seed"]), 1, "<u1")


# Shares, and what is sealed.


@cases("shamir", "valid")
def test_shamir(case: Case) -> None:
    given = [h(one) for one in case["entropy"]]
    shares = split(h(case["secret"]), case["threshold"], len(case["shares"]), lambda size: _next(given, size))
    assert [one.hex() for one in shares] == case["shares"]
    assert join(dict(enumerate(shares, 1))) == h(case["secret"])
    assert join({x: shares[x - 1] for x in range(1, case["threshold"] + 1)}) == h(case["secret"])


def _next(given: list[bytes], size: int) -> bytes:
    assert size == len(given[0])
    return given.pop(0)


@cases("shamir", "refused")
def test_shamir_refuses(case: Case) -> None:
    with pytest.raises(CryptoError, match="share"):
        join({int(x): h(one) for x, one in case["shares"].items()})


def test_the_key_of_a_channel() -> None:
    made = whole("sealing")
    assert channel_key(*(h(made[k]) for k in ("ephemeral", "lasting", "salt", "info"))) == h(made["key"])


@cases("sealing", "valid")
def test_sealing(case: Case) -> None:
    key = h(whole("sealing")["key"])
    assert seal(key, case["from_low"], h(case["aad"]), h(case["data"])) == h(case["sealed"])
    assert unseal(key, case["from_low"], h(case["aad"]), h(case["sealed"])) == h(case["data"])


@cases("sealing", "refused")
def test_sealing_refuses(case: Case) -> None:
    with pytest.raises(CryptoError, match="do not open"):
        unseal(h(case["key"]), case["from_low"], h(case["aad"]), h(case["sealed"]))


# Trees.


def test_the_reference_tree_has_its_roots_and_all_its_proofs() -> None:
    made = whole("merkle")
    hashes, roots = [leaf_hash(h(leaf)) for leaf in made["leaves"]], [h(root) for root in made["roots"]]
    tree = Tree(hashes)
    assert [each.hex() for each in hashes] == made["leaf_hashes"]
    assert [tree.root_at(n) for n in range(9)] == roots
    for case in made["inclusion"]:
        path = tree.inclusion_path(case["index"], case["size"])
        assert [each.hex() for each in path] == case["path"]
        verify_inclusion(case["index"], case["size"], hashes[case["index"]], path, roots[case["size"]])
    for case in made["consistency"]:
        path = tree.consistency_path(case["old"], case["new"])
        assert [each.hex() for each in path] == case["path"]
        verify_consistency(case["old"], case["new"], roots[case["old"]], roots[case["new"]], path)


@pytest.mark.parametrize("proof", ["inclusion", "consistency"])
def test_every_refused_neighbour_of_a_proof_is_refused(proof: str) -> None:
    refused = [case for case in whole("merkle")["refused"] if case["proof"] == proof]
    assert len(refused) > 100
    for case in refused:
        with pytest.raises(CryptoError):
            _check_proof(case)


def _check_proof(case: Case) -> None:
    path = [h(each) for each in case["path"]]
    if case["proof"] == "inclusion":
        verify_inclusion(case["index"], case["size"], h(case["leaf"]), path, h(case["root"]))
    else:
        verify_consistency(case["old"], case["new"], h(case["old_root"]), h(case["new_root"]), path)


# Notes.


def test_key_ids() -> None:
    for case in whole("note")["key_ids"]:
        assert note_key_id(case["name"], case["kind"], h(case["public"])) == h(case["key_id"])


@cases("note", "checkpoints")
def test_checkpoints(case: Case) -> None:
    checkpoint = Checkpoint(case["origin"], case["size"], h(case["root"]))
    assert checkpoint_body(checkpoint) == case["body"].encode("latin-1")
    assert parse_checkpoint(case["body"].encode("latin-1")) == checkpoint


@pytest.mark.attack("L35")
@cases("note", "checkpoints_refused")
def test_checkpoints_refuse(case: Case) -> None:
    with pytest.raises(CryptoError, match="checkpoint"):
        parse_checkpoint(case["body"].encode("latin-1"))


@cases("note", "valid")
def test_notes(case: Case) -> None:
    opened = open_note(case["note"].encode("latin-1"), case["name"], h(case["public"]))
    assert opened == case["body"].encode("latin-1")


def test_the_first_note_is_made_from_its_seed() -> None:
    made = whole("note")
    first = made["valid"][0]
    note = sign_note(first["body"].encode("latin-1"), made["name"], SigningKey(h(made["seed"])))
    assert note == first["note"].encode("latin-1")


@pytest.mark.attack("L35")
@cases("note", "refused")
def test_notes_refuse(case: Case) -> None:
    made = whole("note")
    note = case["note"] + case.get("repeated", "") * case.get("times", 0)
    with pytest.raises(CryptoError):
        open_note(note.encode("latin-1"), made["name"], h(made["public"]))


# Keys, Z85, words.


def test_the_keys_of_a_key_file() -> None:
    made = whole("keys")
    keys = PrivateKeys.from_bytes(h(made["private"]))
    found = {name: getattr(keys, name).public for name in ("identity", "sign", "log", "witness")}
    found |= {"x25519": keys.x25519_public, "curve": keys.curve_public}
    assert {name: public.hex() for name, public in found.items()} == made["public"]


@cases("keys", "private_refused")
def test_key_files_refuse(case: Case) -> None:
    with pytest.raises(CryptoError, match="private keys"):
        PrivateKeys.from_bytes(h(case["private"]))


@cases("keys", "z85")
def test_z85(case: Case) -> None:
    assert z85_encode(h(case["data"])) == case["text"]
    assert z85_decode(case["text"]) == h(case["data"])


@cases("keys", "z85_refused")
def test_z85_refuses(case: Case) -> None:
    with pytest.raises(CryptoError, match="Z85"):
        z85_decode(case["text"])


@cases("keys", "words")
def test_words(case: Case) -> None:
    assert words(h(case["data"]), case["count"]) == case["words"]


def test_the_list_of_words_has_not_changed() -> None:
    assert sha256("\n".join(WORDS).encode()).hexdigest() == whole("keys")["words_sha256"]
