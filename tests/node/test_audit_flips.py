"""One bit changed in the members that only some bundles have: openings, copies, logs of an earlier epoch."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from node.audit import verify
from tests.node.audit_network import contents, rewrite
from tests.node.test_audit_epochs import Run, run  # noqa: F401 (a fixture)
from tests.node.test_audit_networks import agreed
from tests.node.test_audit_openings import ALL, handed

Case = tuple[Path, bytes]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A bundle with openings of every round, and its study."""
    network, plan = agreed(2, retention=ALL)
    assert network.run()
    return handed(network, "vgr", tmp_path_factory.mktemp("opened")), plan.study


@pytest.fixture(scope="module")
def anew(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Case:  # noqa: F811
    """A bundle with a log that was begun anew, the log before it, and copies of neighbours' logs."""
    return run.bundles(tmp_path_factory.mktemp("anew"))[0], run.study


def check(case: Case, chosen: Callable[[str], bool], count: int, seed: int) -> None:
    """Flip bits, one at a time, under a manifest that is written anew and not signed; each is seen, nobody is named."""
    bundle, study = case
    sound = bundle.read_bytes()
    names = [name for name in contents(bundle) if chosen(name)]
    assert names
    rng = random.Random(seed)
    try:
        for _ in range(count):
            bundle.write_bytes(sound)
            name = rng.choice(names)

            def change(files: dict[str, bytes], name: str = name) -> None:
                data = bytearray(files[name])
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
                files[name] = bytes(data)

            rewrite(bundle, change)
            report = verify([bundle], study=study)
            codes = {finding.code for finding in report.findings if finding.severity.exit_code}
            assert "LS-BUNDLE-SIG" in codes
            assert codes - {"LS-BUNDLE-SIG", "LS-EPOCH-GAP"}, f"a bit of {name} went unseen"
            named = {(f.code, f.subject) for f in report.findings if f.severity.exit_code and f.subject}
            assert named <= {("LS-EPOCH-GAP", "region-a")}
    finally:
        bundle.write_bytes(sound)


KINDS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "openings": ("opened", lambda name: name.startswith("openings/")),
    "copies": ("anew", lambda name: name.startswith("mirrors/")),
    "earlier log": ("anew", lambda name: name.startswith("logs/region-a.1/")),
    "later log": ("anew", lambda name: name.startswith("logs/region-a.2/")),
}


@pytest.mark.attack("L38")
@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_bit_of_a_rarer_member_is_seen(request: pytest.FixtureRequest, kind: str) -> None:
    case, chosen = KINDS[kind]
    check(request.getfixturevalue(case), chosen, 12, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.attack("L38")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(2, 6))
def test_two_thousand_flipped_bits_of_a_rarer_member_are_seen(
    request: pytest.FixtureRequest, kind: str, seed: int
) -> None:
    case, chosen = KINDS[kind]
    check(request.getfixturevalue(case), chosen, 500, seed)
