"""The strict reader: one form of a bundle is taken, everything else is refused, and nothing is written."""

from __future__ import annotations

import hashlib
import io
import os
import random
import struct
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from node.audit import BundleError, read_bundle, verify
from node.audit.bundle import MANIFEST, NOTE, write_archive
from tests.node.audit_network import Small, contents, rewrite


@pytest.fixture(scope="module")
def small() -> Small:
    return Small().run()


@pytest.fixture(scope="module")
def sound(small: Small, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A bundle of vgr that nothing is wrong with."""
    return small.export("vgr", tmp_path_factory.mktemp("sound")).read_bytes()


@pytest.fixture
def bundle(sound: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "vgr.bundle"
    path.write_bytes(sound)
    return path


def test_what_was_written_is_read(small: Small, bundle: Path) -> None:
    read = read_bundle(bundle)
    assert read.logs["vgr", 1].leaves == small.homes["vgr"].leaves  # those with a message are written again
    assert read.plans == {small.study: small.plan.encode()}
    assert read.rosters == {small.roster.hash: small.roster.encode()}
    assert len(read.payloads) == 2 + 3 * small.rounds  # roster, plan, and every COHORT that vgr sent or heard


def test_sha256sum_reads_the_manifest(bundle: Path) -> None:
    files = contents(bundle)
    for line in files[MANIFEST].decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(files[name]).hexdigest() == digest
    assert files.keys() - {MANIFEST, NOTE} == {line.split("  ")[1] for line in files[MANIFEST].decode().splitlines()}


def test_who_else_has_an_account_there_does_not_read_it(tmp_path: Path) -> None:
    """A bundle may hold a region's own models in plain form; who hands it over decides who reads it."""
    before = os.umask(0o022)
    try:
        write_archive(tmp_path / "a.bundle", {"README.txt": b""})
    finally:
        os.umask(before)
    assert (tmp_path / "a.bundle").stat().st_mode & 0o777 == 0o600


# ---------------------------------------------------------------- L33: what is refused


def zipped(change: Callable[[zipfile.ZipFile], None]) -> Callable[[bytes], bytes]:
    """A sound bundle with members added by Python's zipfile."""

    def make(sound: bytes) -> bytes:
        data = io.BytesIO(sound)
        with zipfile.ZipFile(data, "a") as archive:
            change(archive)
        return data.getvalue()

    return make


def link(archive: zipfile.ZipFile) -> None:
    info = zipfile.ZipInfo("payloads/" + "0" * 64)
    info.external_attr = 0o120777 << 16
    info.create_system = 3
    archive.writestr(info, "/etc/passwd")


def bomb(sound: bytes) -> bytes:
    data = io.BytesIO(sound)
    with zipfile.ZipFile(data, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("payloads/" + "0" * 64, bytes(900_000))
    return data.getvalue()


def big_bomb(_sound: bytes) -> bytes:
    """One member that claims a gigabyte, from a megabyte."""
    data = io.BytesIO()
    archive = zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED)
    with archive, archive.open("logs/vgr.1/leaves.bin", "w") as member:
        for _ in range(64):
            member.write(bytes(2**20))
    return data.getvalue()


def lying_size(_sound: bytes) -> bytes:
    """A member that unpacks to more than it declares, in both headers alike."""
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(bytes(300_000)) + packer.flush()
    return by_hand(b"manifest.txt", packed, method=8, crc=zlib.crc32(bytes(60_000)), size=60_000)


def overlapping(_sound: bytes) -> bytes:
    """Two directory records for one member's bytes."""
    one = by_hand(b"README.txt", b"abc", method=0, crc=zlib.crc32(b"abc"), size=3)
    cut = one.index(b"PK\x01\x02")
    record = one[cut : one.index(b"PK\x05\x06")]
    twice = one[:cut] + record + record.replace(b"README.txt", b"README.too")
    return twice + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 2, 2, 2 * len(record), cut, 0)


def by_hand(name: bytes, packed: bytes, *, method: int, crc: int, size: int, flags: int = 0) -> bytes:
    local = struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, flags, method, 0, 33, crc, len(packed), size, len(name), 0)
    body = local + name + packed
    central = struct.pack(
        "<4s6H3I5H2I", b"PK\x01\x02", 788, 20, flags, method, 0, 33, crc, len(packed), size, len(name), 0, 0, 0, 0,
        0o100644 << 16, 0,
    ) + name  # fmt: skip
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(body), 0)
    return body + central + end


def renamed(name: str) -> Callable[[bytes], bytes]:
    return zipped(lambda archive: archive.writestr(name, "x"))


def twice(sound: bytes) -> bytes:
    data = io.BytesIO(sound)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(data, "a") as archive:
        archive.writestr("README.txt", "another")
    return data.getvalue()


HOSTILE: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a zip bomb": ("LS-BUNDLE-LIMIT", bomb),
    "a bomb of 64 MB from 64 kB": ("LS-BUNDLE-LIMIT", big_bomb),
    "a path upwards": ("LS-BUNDLE-PATH", renamed("../payloads/" + "0" * 64)),
    "an absolute path": ("LS-BUNDLE-PATH", renamed("/etc/passwd")),
    "a path with a backslash": ("LS-BUNDLE-PATH", renamed("logs\\vgr.1\\leaves.bin")),
    "a hidden newline in a name": ("LS-BUNDLE-PATH", renamed("payloads/" + "0" * 64 + "\n")),
    "a folder": ("LS-BUNDLE-PATH", renamed("payloads/")),
    "a link": ("LS-BUNDLE-PATH", zipped(link)),
    "a name twice": ("LS-BUNDLE-PATH", twice),
    "an extra member": ("LS-BUNDLE-MANIFEST", renamed("payloads/" + "0" * 64)),
    "random bytes": ("LS-BUNDLE-FORMAT", lambda _s: random.Random(1).randbytes(100_000)),
    "an empty file": ("LS-BUNDLE-FORMAT", lambda _s: b""),
    "an empty archive": ("LS-BUNDLE-MANIFEST", lambda _s: b"PK\x05\x06" + bytes(18)),
    "half a file": ("LS-BUNDLE-FORMAT", lambda sound: sound[: len(sound) // 2]),
    "a file without its last byte": ("LS-BUNDLE-FORMAT", lambda sound: sound[:-1]),
    "a byte behind the end": ("LS-BUNDLE-FORMAT", lambda sound: sound + b"\0"),
    "a byte before the beginning": ("LS-BUNDLE-FORMAT", lambda sound: b"\0" + sound),
    "a false size": ("LS-BUNDLE-FORMAT", lying_size),
    "an encrypted member": (
        "LS-BUNDLE-FORMAT",
        lambda _s: by_hand(b"README.txt", b"abc", method=0, crc=zlib.crc32(b"abc"), size=3, flags=1),
    ),
    "an unknown method": (
        "LS-BUNDLE-FORMAT",
        lambda _s: by_hand(b"README.txt", b"abc", method=12, crc=zlib.crc32(b"abc"), size=3),
    ),
    "two members in one place": ("LS-BUNDLE-FORMAT", overlapping),
    "a manifest alone": (
        "LS-BUNDLE-FORMAT",
        lambda _s: by_hand(b"manifest.txt", b"", method=0, crc=0, size=0),
    ),
    "a directory of 65535 members": (
        "LS-BUNDLE-FORMAT",
        lambda _s: b"PK\x05\x06" + struct.pack("<4H2IH", 0, 0, 0xFFFF, 0xFFFF, 0, 0, 0),
    ),
}


@pytest.mark.attack("L33")
@pytest.mark.parametrize("way", HOSTILE)
def test_a_hostile_file_is_refused_at_once_and_nothing_is_written(sound: bytes, tmp_path: Path, way: str) -> None:
    code, make = HOSTILE[way]
    path = tmp_path / "vgr.bundle"
    path.write_bytes(make(sound))
    before = sorted(tmp_path.rglob("*"))
    begun = time.process_time()
    report = verify([path])
    assert time.process_time() - begun < 1
    assert sorted(tmp_path.rglob("*")) == before
    assert [finding.subject for finding in report.findings] == [None]
    assert report.findings[0].code.startswith(code)
    assert (report.verdict, report.exit_code) == ("incomplete", 65)
    assert "vgr.bundle" in report.sentence


@pytest.mark.attack("L33")
def test_a_gigabyte_of_zeros_is_refused_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "zeros.bundle"
    with path.open("wb") as file:
        file.truncate(2**30)
    code = (
        "from pathlib import Path; from node.audit import verify\n"
        f"r = verify([Path({str(path)!r})]); print(r.exit_code)\n"
        # Not ru_maxrss: it counts what the parent held when it forked.
        "print(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    exit_code, peak_kb = map(int, answer.stdout.split())
    assert exit_code == 65
    assert peak_kb < 200_000


@pytest.mark.parametrize("kind", ["directory", "fifo", "gone"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "vgr.bundle"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    with pytest.raises(BundleError, match="LS-BUNDLE-FORMAT"):
        read_bundle(path)


def test_a_refused_bundle_does_not_keep_others_from_being_audited(small: Small, bundle: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.bundle"
    broken.write_bytes(b"nothing")
    report = verify([broken, bundle], study=small.study)
    assert report.exit_code == 65
    assert report.entries == len(small.homes["vgr"].leaves)
    assert report.sentence.startswith("Not clean: 1 of 2 bundles could not be used; broken.bundle: LS-BUNDLE-FORMAT")


def test_a_bundle_packed_with_deflate_is_taken_too(small: Small, bundle: Path) -> None:
    files = contents(bundle)
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100644 << 16
            info.create_system = 3
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, files[name])
    assert verify([bundle], study=small.study).verdict == "clean"


def test_a_bundle_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        write_archive(tmp_path / "missing" / "x.bundle", {"README.txt": b""})
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- L38: one byte flipped


def flips(data: bytes, count: int, seed: int) -> list[tuple[int, int]]:
    """Positions and masks: spread evenly, then at random; every header at the end among them."""
    rng = random.Random(seed)
    return [(rng.randrange(len(data)), 1 << rng.randrange(8)) for _ in range(count)]


def flipped(data: bytes, at: int, mask: int) -> bytes:
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def check_flips(sound: bytes, study: bytes, path: Path, places: list[tuple[int, int]]) -> None:
    for at, mask in places:
        path.write_bytes(flipped(sound, at, mask))
        report = verify([path], study=study)
        assert report.exit_code != 0, f"bit {mask:#x} of byte {at} went unseen"
        assert all(f.subject is None for f in report.findings if f.severity.exit_code), f"byte {at} blames somebody"
        assert any(f.source == path.name for f in report.findings if f.severity.exit_code)


@pytest.mark.attack("L38")
def test_one_flipped_bit_anywhere_is_seen_and_blames_nobody(small: Small, sound: bytes, bundle: Path) -> None:
    check_flips(sound, small.study, bundle, flips(sound, 400, seed=1))


@pytest.mark.attack("L38")
def test_one_flipped_bit_in_the_headers_of_the_archive_is_seen(small: Small, sound: bytes, bundle: Path) -> None:
    directory = sound.index(b"PK\x01\x02")
    places = [(at, 1 << at % 8) for at in range(directory, len(sound), 3)]
    places += [(at, 1 << at % 8) for at in range(45)]
    check_flips(sound, small.study, bundle, places)


@pytest.mark.slow
@pytest.mark.attack("L38")
@pytest.mark.parametrize("seed", range(3))
def test_two_thousand_flipped_bits_anywhere_are_seen(small: Small, sound: bytes, bundle: Path, seed: int) -> None:
    check_flips(sound, small.study, bundle, flips(sound, 2000, seed=100 + seed))


KINDS = ("leaves.bin", "leaves.jsonl", "checkpoint.note", "plans/", "rosters/", "payloads/")


def check_members(small: Small, bundle: Path, kind: str, count: int) -> None:
    """Flip bits under a manifest that is written anew and not signed."""
    sound = bundle.read_bytes()
    names = [name for name in contents(bundle) if kind in name]
    rng = random.Random(kind)
    for _ in range(count):
        bundle.write_bytes(sound)
        name = rng.choice(names)

        def change(files: dict[str, bytes], name: str = name) -> None:
            files[name] = flipped(files[name], rng.randrange(len(files[name])), 1 << rng.randrange(8))

        rewrite(bundle, change)
        report = verify([bundle], study=small.study)
        codes = {f.code for f in report.findings if f.severity.exit_code}
        assert "LS-BUNDLE-SIG" in codes
        assert codes - {"LS-BUNDLE-SIG"}, f"a bit of {name} went unseen"
        assert all(f.subject is None for f in report.findings if f.severity.exit_code)


@pytest.mark.attack("L38")
@pytest.mark.parametrize("kind", KINDS)
def test_one_flipped_bit_under_a_new_manifest_is_seen_by_its_kind(small: Small, bundle: Path, kind: str) -> None:
    check_members(small, bundle, kind, 25)


@pytest.mark.slow
@pytest.mark.attack("L38")
@pytest.mark.parametrize("kind", KINDS)
def test_two_thousand_flipped_bits_of_a_kind_are_seen(small: Small, bundle: Path, kind: str) -> None:
    check_members(small, bundle, kind, 2000)


@pytest.mark.attack("L38")
def test_a_flip_in_the_note_of_the_manifest_is_a_bundle_without_signature(small: Small, bundle: Path) -> None:
    files = contents(bundle)
    for at in range(0, len(files[NOTE]), 7):
        write_archive(bundle, files | {NOTE: flipped(files[NOTE], at, 1)})
        report = verify([bundle], study=small.study)
        assert {(f.code, f.subject) for f in report.findings if f.severity.exit_code} == {("LS-BUNDLE-SIG", None)}


def test_members_left_out_under_a_new_manifest_are_missed(small: Small, bundle: Path) -> None:
    sound = bundle.read_bytes()
    missed = {}
    for kind in ("leaves.bin", "leaves.jsonl", "checkpoint.note", "rosters/", "plans/"):
        bundle.write_bytes(sound)

        def change(files: dict[str, bytes], kind: str = kind) -> None:
            for name in [name for name in files if kind in name]:
                del files[name]

        rewrite(bundle, change)
        missed[kind] = {f.code for f in verify([bundle], study=small.study).findings}
    assert "LS-BUNDLE-FORMAT" in missed["leaves.bin"]
    assert "LS-VIEW" in missed["leaves.jsonl"]
    assert "LS-CHECKPOINT-FORMAT" in missed["checkpoint.note"]
    assert "LS-ROSTER" in missed["rosters/"]
    assert "LS-STUDY-ID" in missed["plans/"]
