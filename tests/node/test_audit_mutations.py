"""Mutated files: the reader, the note parser and the decoders take them or refuse them, and do nothing else."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crypto.errors import CryptoError
from crypto.note import parse_checkpoint, parse_note
from node.audit import BundleError, Severity, verify
from node.audit.reading import Register, _read
from protocol.entries import decode_entry, view
from protocol.envelope import decode_carried, parse
from protocol.errors import CodecError, PlanError, RosterError
from protocol.plan import Plan
from protocol.roster import decode_roster
from tests.node.audit_network import Small, contents, rewrite

REFUSALS = (BundleError, CodecError, CryptoError, PlanError, RosterError)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Some bytes changed: a bit, a row of bytes, a part gone, twice, moved, or a length made huge."""
    at, n = rng.randrange(len(data)), rng.choice((1, 2, 4, 8, 64))
    match rng.randrange(8):
        case 0:
            return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        case 1:
            return data[:at] + rng.randbytes(n) + data[at + n :]
        case 2:
            return data[:at]
        case 3:
            return data[:at] + data[at + n :]
        case 4:
            return data[:at] + data[at : at + n] + data[at:]
        case 5:
            return data[:at] + b"\xff" * n + data[at + n :]
        case 6:
            other = rng.randrange(len(data))
            return data[:at] + data[other : other + n] + data[at + n :]
        case _:
            return data + rng.randbytes(n)


def taken(readers: list[Callable[[bytes], object]], samples: list[bytes], count: int, seed: int) -> int:
    """Give mutated samples to readers; return how many were taken. Anything but a refusal is an error."""
    rng, total = random.Random(seed), 0
    for _ in range(count):
        data = rng.choice(samples)
        for _ in range(rng.choice((1, 1, 1, 2, 5))):
            data = mutated(data, rng) or b"\0"
        for read in readers:
            try:
                read(data)
                total += 1
            except REFUSALS:
                pass
    return total


def small_bundle(folder: Path) -> tuple[Small, Path]:
    small = Small(rounds=1).run()
    return small, small.export("vgr", folder)


def bundles(folder: Path, count: int, seed: int) -> float:
    """Give mutated bundles to the reader; return the longest time that one took, in CPU seconds."""
    _, path = small_bundle(folder)
    sound, before = path.read_bytes(), sorted(os.listdir(folder))
    rng, longest = random.Random(seed), 0.0
    for _ in range(count):
        data = mutated(sound, rng)
        start = time.process_time()
        try:
            _read(io.BytesIO(data), "x", Register())
        except BundleError:
            longest = max(longest, time.process_time() - start)
    assert sorted(os.listdir(folder)) == before
    return longest


def reports(folder: Path, count: int, seed: int) -> None:
    """Mutate one file of a bundle under a manifest made anew; the audit ends in a report that blames nobody."""
    small, path = small_bundle(folder)
    sound = path.read_bytes()
    rng, names = random.Random(seed), sorted(contents(path))
    for _ in range(count):
        path.write_bytes(sound)
        name = rng.choice([name for name in names if not name.startswith("manifest")])

        def change(files: dict[str, bytes], name: str = name) -> None:
            files[name] = mutated(files[name], rng)

        rewrite(path, change)
        report = verify([path], study=small.study)
        assert report.to_text()
        assert all(f.subject is None for f in report.findings if f.severity is not Severity.INFO)


def notes(count: int, seed: int) -> int:
    home = Small(rounds=1).run().homes["vgr"]
    samples = [home.checkpoint(), home.checkpoint(home.leaves[:3])]
    return taken([parse_note, lambda data: parse_checkpoint(parse_note(data).body)], samples, count, seed)


def decoders(count: int, seed: int) -> int:
    small = Small(rounds=1).run()
    home = small.homes["vgr"]
    headers = [decode_entry(leaf).body["header"] for leaf in home.leaves if decode_entry(leaf).kind == "env.sent"]
    total = taken([decode_entry, lambda data: view(0, data)], list(home.leaves), count // 2, seed)
    total += taken(
        [lambda data: parse(data, bytes(64))], [h for h in headers if isinstance(h, bytes)], count // 4, seed
    )
    total += taken([decode_carried], list(home.kept.values()), count // 8, seed)
    return total + taken([Plan.decode, decode_roster], [small.plan.encode(), small.roster.encode()], count // 8, seed)


def test_mutated_bundles_are_refused_at_once_and_write_nothing(tmp_path: Path) -> None:
    assert bundles(tmp_path, 400, seed=1) < 1


def test_a_mutated_file_under_a_new_manifest_blames_nobody(tmp_path: Path) -> None:
    reports(tmp_path, 120, seed=1)


def test_mutated_notes_and_entries_are_taken_or_refused() -> None:
    assert notes(2500, seed=1) < 2500
    assert decoders(2500, seed=1) > 0


CAMPAIGN = """
import sys, tempfile
from pathlib import Path
from tests.node.test_audit_mutations import bundles, decoders, notes, reports
seed = int(sys.argv[1])
with tempfile.TemporaryDirectory() as folder:
    assert bundles(Path(folder), 20_000, seed) < 1
    reports(Path(folder), 2_000, seed)
notes(40_000, seed)
decoders(40_000, seed)
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [10, 11])
def test_a_hundred_thousand_mutated_inputs_stay_within_200_mb(seed: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CAMPAIGN, str(seed)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200_000
