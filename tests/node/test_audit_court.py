"""Court mode: one file on the standard library that says what the audit says, to the letter."""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import protocol.codec
from crypto.errors import CryptoError
from crypto.signing import SigningKey
from node.audit import pyz, read_bundle, replay, verify
from node.audit.court import agreement, packing, signing
from node.audit.court import replay as plain
from node.audit.inputs import inputs_of
from node.audit.sarif import sarif
from protocol.errors import CodecError
from tests.node import court
from tests.node.audit_network import Small, edited, rewrite, with_leaves

VECTORS = Path(__file__).parents[1] / "vectors"


def vectors(name: str) -> dict[str, list[dict[str, str]]]:
    loaded: dict[str, list[dict[str, str]]] = json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))
    return loaded


def raw(row: dict[str, str], *names: str) -> list[bytes]:
    return [bytes.fromhex(row[name]) for name in names]


# ---------------------------------------------------------------- the file


def test_asked_for_help_it_writes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        pyz.main(["--help"])
    assert list(tmp_path.iterdir()) == []


def test_same_sources_same_bytes() -> None:
    assert pyz.build() == pyz.build()


def test_it_holds_only_what_the_standard_library_or_the_file_itself_has() -> None:
    held = set(pyz.modules())
    for name in held:
        for imported in _imports(pyz._source(name)):
            top = imported.split(".")[0]
            ours = imported in held or any(one.startswith(imported + ".") for one in held)
            assert ours or top in sys.stdlib_module_names or imported.rpartition(".")[0] in held, (name, imported)


def _imports(source: bytes) -> list[str]:
    tree = ast.parse(source)
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    return names + [str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]


def test_its_sum_stands_in_every_page(tmp_path: Path) -> None:
    small = Small().run()
    bundles = small.export_all(tmp_path)
    inputs = inputs_of(bundles)
    assert inputs.court == pyz.sha256()
    out = tmp_path / "court.html"
    assert court.run("verify", *bundles, "--study", small.study.hex(), "--report", out).returncode == 0
    assert pyz.sha256() in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "wrong",
    [
        ["verify"], ["verify", "nowhere.bundle"], ["explain", "LS-NONE"], [], ["verify", __file__, "--study", ""],
        ["verify", __file__, "--study", "abcd"], ["verify", __file__, "--study", "00" * 33],
        ["verify", __file__, "--as-of", "-1"],
    ],
)  # fmt: skip
def test_what_it_cannot_use_it_refuses_in_words(wrong: list[str]) -> None:
    done = court.run(*wrong)
    assert done.returncode == 64
    assert "Traceback" not in done.stderr
    assert done.stderr


def test_it_explains_and_sees_a_finding_again(tmp_path: Path) -> None:
    assert "LS-FORK" in court.run("explain", "LS-FORK").stdout
    small = Small().run()
    bundles = small.export_all(tmp_path)
    home = small.homes["vgr"]
    leaves = [*home.leaves]
    leaves[9] = edited(leaves[9], t_ms=1)
    rewrite(bundles[-1], with_leaves(home, leaves, sign=True))
    report = verify(bundles, study=small.study)
    finding = next(f for f in report.findings if f.subject == "vgr")
    (tmp_path / "finding.json").write_text(json.dumps(finding.to_json()))
    (tmp_path / "roster.bin").write_bytes(next(iter(read_bundle(bundles[0]).rosters.values())))
    done = court.run("check-finding", tmp_path / "finding.json", "--roster", tmp_path / "roster.bin")
    assert done.stdout.startswith("CONFIRMED")
    assert (
        f"{finding.code}, {finding.severity.label}; by the keys of the roster {small.roster.hash.hex()}" in done.stdout
    )
    assert done.returncode == finding.severity.exit_code


def test_it_writes_the_same_sarif(tmp_path: Path) -> None:
    small = Small().run()
    bundles = small.export_all(tmp_path)
    _edit(sign=True)(small, bundles)
    out = tmp_path / "court.sarif"
    assert court.run("verify", *bundles, "--study", small.study.hex(), "--sarif", out).returncode == 3
    assert json.loads(out.read_text(encoding="utf-8")) == sarif(verify(bundles, study=small.study))


# ---------------------------------------------------------------- it agrees with the audit

Lie = Callable[[Small, list[Path]], None]


def _edit(sign: bool) -> Lie:
    def lie(small: Small, bundles: list[Path]) -> None:
        home = small.homes["vgr"]
        leaves = [*home.leaves]
        leaves[9] = edited(leaves[9], t_ms=1)
        rewrite(bundles[-1], with_leaves(home, leaves, sign=sign))

    return lie


def _swap(small: Small, bundles: list[Path]) -> None:
    home = small.homes["vgr"]
    leaves = [*home.leaves]
    leaves[8], leaves[9] = leaves[9], leaves[8]
    rewrite(bundles[-1], with_leaves(home, leaves, sign=False))


def _cut(small: Small, bundles: list[Path]) -> None:
    home = small.homes["vgr"]
    rewrite(bundles[-1], with_leaves(home, home.leaves[:20], sign=True))


def _zip_of_nothing(small: Small, bundles: list[Path]) -> None:
    bundles[-1].write_bytes(b"PK\x05\x06" + bytes(18))


def _garbage(small: Small, bundles: list[Path]) -> None:
    bundles[0].write_bytes(bytes(range(256)) * 4)


def _absent(small: Small, bundles: list[Path]) -> None:
    del bundles[0]


def _nothing(small: Small, bundles: list[Path]) -> None:
    """An honest network."""


@pytest.mark.parametrize(
    "lie", [_nothing, _edit(sign=False), _edit(sign=True), _swap, _cut, _zip_of_nothing, _garbage, _absent]
)
def test_both_say_the_same_of_honest_and_of_cheating_regions(lie: Lie, tmp_path: Path) -> None:
    small = Small().run()
    bundles = small.export_all(tmp_path)
    lie(small, bundles)
    court.agrees(verify(bundles, study=small.study), bundles, small.study)


# ---------------------------------------------------------------- the stand-ins


def test_signatures_as_the_vectors_say() -> None:
    told = vectors("crypto/ed25519")
    for row in told["valid"]:
        signing.verify(*raw(row, "public", "signature", "message"))
    for row in told["refused"]:
        with pytest.raises(CryptoError):
            signing.verify(*raw(row, "public", "signature", "message"))
    for row in told["keys_refused"]:
        with pytest.raises(CryptoError):
            signing.check_public(*raw(row, "public"))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=60), st.integers(0, 511))
@settings(max_examples=25, deadline=None)
def test_a_signature_holds_and_with_one_bit_flipped_it_does_not(seed: bytes, message: bytes, bit: int) -> None:
    key = SigningKey(seed)
    signature = bytearray(key.sign(message))
    signing.verify(key.public, bytes(signature), message)
    signature[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CryptoError):
        signing.verify(key.public, bytes(signature), message)


def test_agreement_as_the_vectors_say() -> None:
    told = vectors("crypto/agreement")
    for row in told["valid"]:
        private, public, shared = raw(row, "private", "public", "shared")
        assert agreement.x25519(private, public) == shared
    for row in told["refused"]:
        with pytest.raises(CryptoError):
            agreement.x25519(*raw(row, "private", "public"))


def test_canonical_bytes_as_the_vectors_say(monkeypatch: pytest.MonkeyPatch) -> None:
    told = vectors("protocol/codec")
    with_library = [
        protocol.codec.decode(bytes.fromhex(r["bytes"]), max_bytes=2**20, wide_text=bool(r["wide"]))
        for r in told["values"]
    ]
    monkeypatch.setattr(protocol.codec, "msgpack", packing)
    for row, value in zip(told["values"], with_library, strict=True):
        data = bytes.fromhex(row["bytes"])
        assert protocol.codec.decode(data, max_bytes=2**20, wide_text=bool(row["wide"])) == value
        assert protocol.codec.encode(value, wide_text=bool(row["wide"])) == data
    for row in told["refused"]:
        with pytest.raises(CodecError):
            protocol.codec.decode(bytes.fromhex(row["bytes"]), max_bytes=2**20, wide_text=bool(row["wide"]))


@given(st.binary(max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_taken_or_refused_alike(data: bytes) -> None:
    def read() -> object:
        try:
            return protocol.codec.decode(data, max_bytes=2**20)
        except CodecError:
            return CodecError

    with_library = read()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol.codec, "msgpack", packing)
        assert read() == with_library


@given(
    st.sampled_from([8, 16, 32, 64]),
    st.integers(1, 40),
    st.lists(st.integers(-5, 260), min_size=1, max_size=4),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_sums_are_the_same_to_the_bit(ring: int, size: int, weights: list[int], random: object) -> None:
    rng = np.random.default_rng(size + 41 * len(weights))
    payloads = [rng.bytes(size * ring // 8) for _ in weights]
    assert plain.sum_hash(payloads, weights, ring) == replay.sum_hash(payloads, weights, ring)
    assert plain.sum_hash([*payloads, b""], [*weights, 1], ring) is None
